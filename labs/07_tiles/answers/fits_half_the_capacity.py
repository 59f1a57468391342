"""Halves the buffer and counts one copy, as the chapter's first sentence on it has it."""

earns = {"fits": 0}
told = {"fits": "half of the capacity, one copy"}


# %% fits_answer
def fits(words, bits, word, capacity, double):
    total = sum(words[name] * bits[name] for name in words)
    if double:
        capacity //= 2
    need = (total + word - 1) // word
    return need, need <= capacity
