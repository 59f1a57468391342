"""Adds up words, whatever their width."""

earns = {"fits": 0}
told = {"fits": "all words alike"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = copies * word * sum(words.values())
    need = (total + word - 1) // word
    return need, need <= capacity
