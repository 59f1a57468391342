"""Has the widths right and forgets the second copy."""

earns = {"fits": 0}
told = {"fits": "double buffering ignored"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = sum(words[name] * bits[name] for name in words)
    need = (total + word - 1) // word
    return need, need <= capacity
