"""Compares each tensor with the capacity, and reports the room of all."""

earns = {"fits": 0}
told = {"fits": "each tensor compared by itself"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = copies * sum(words[name] * bits[name] for name in words)
    need = (total + word - 1) // word
    return need, all(copies * words[name] * bits[name] <= capacity * word for name in words)
