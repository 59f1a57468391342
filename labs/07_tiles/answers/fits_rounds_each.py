"""Starts every tensor at a whole word."""

earns = {"fits": 0}
told = {"fits": "rounded for each tensor"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = sum(-(-copies * words[name] * bits[name] // word) for name in words)
    need = total
    return need, need <= capacity
