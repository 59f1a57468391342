"""Shares the rows out evenly."""

earns = {"cuts": 0}
told = {"cuts": "tiles made equal"}


# %% cuts_answer
def cuts(size, part):
    tiles = -(-size // part)
    return [size // tiles + (i < size % tiles) for i in range(tiles)]
