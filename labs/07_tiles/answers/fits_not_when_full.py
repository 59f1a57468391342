"""Refuses the tile that fills the buffer exactly."""

earns = {"fits": 0}
told = {"fits": "a full buffer refused"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    copies = 2 if double else 1
    total = copies * sum(words[name] * bits[name] for name in words)
    need = (total + word - 1) // word
    return need, need < capacity
