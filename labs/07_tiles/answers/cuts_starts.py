"""Returns where the tiles begin."""

earns = {"cuts": 0}


# %% cuts_answer
def cuts(size, part):
    return list(range(0, size, part))
