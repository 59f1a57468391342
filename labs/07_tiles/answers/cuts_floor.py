"""Makes the full tiles only."""

earns = {"cuts": 0}
told = {"cuts": "the remainder dropped"}


# %% cuts_answer
def cuts(size, part):
    return [part] * (size // part)
