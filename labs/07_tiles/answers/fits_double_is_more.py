"""Reads double buffering as a buffer twice as large."""

earns = {"fits": 0}
told = {"fits": "double buffering doubles the capacity"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = sum(words[name] * bits[name] for name in words)
    need = (total + word - 1) // word
    return need, need <= copies * capacity
