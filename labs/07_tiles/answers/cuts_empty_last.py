"""Always adds a last tile, also when nothing is left."""

earns = {"cuts": 0}
told = {"cuts": "an empty tile at the end"}


# %% cuts_answer
def cuts(size, part):
    return [part] * (size // part) + [size % part]
