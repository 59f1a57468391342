"""Stores the sums as narrow as the output will be."""

earns = {"fits": 0}
told = {"fits": "sums at the width of the rest"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = copies * (words["ofmap"] + words["ifmap"]) * bits["ifmap"] + copies * words["filter"] * bits["filter"]
    need = (total + word - 1) // word
    return need, need <= capacity
