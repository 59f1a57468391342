"""Takes the whole layer, which moves the least."""

earns = {"best_tile": 0}
told = {"best_tile": "larger than the buffer"}


# %% best_tile_answer
def best_tile(layer, machine, best):
    return {"tile": {"M": layer["M"], "C": layer["C"], "P": layer["P"]}, "order": "M C P"}
