"""Compares bits with words."""

earns = {"fits": 0}
told = {"fits": "counted in bits"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = copies * sum(words[name] * bits[name] for name in words)
    need = total
    return need, need <= capacity
