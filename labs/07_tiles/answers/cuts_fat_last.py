"""Puts what is left into the last full tile."""

earns = {"cuts": 0}
told = {"cuts": "the remainder added to the last tile"}


# %% cuts_answer
def cuts(size, part):
    return [part] * (size // part - 1) + [part + size % part]
