"""Checks the largest tensor, and thinks the others come after it."""

earns = {"fits": 0}
told = {"fits": "room for one tensor only"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = copies * max(words[name] * bits[name] for name in words)
    need = (total + word - 1) // word
    return need, need <= capacity
