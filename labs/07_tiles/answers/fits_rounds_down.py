"""Uses // and loses the last word."""

earns = {"fits": 0}
told = {"fits": "rounded down"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = copies * sum(words[name] * bits[name] for name in words)
    need = total // word
    return need, need <= capacity
