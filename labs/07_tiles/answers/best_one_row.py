"""Takes one word of every letter: it always fits."""

earns = {"best_tile": 0.52}
told = {"best_tile": "a poor shape of tile"}


# %% best_tile_answer
def best_tile(layer, machine, best):
    order = min(
        map(" ".join, itertools.permutations("MCP")),
        key=lambda o: sum(traffic(layer, {"M": 1, "C": 1, "P": 1}, o).values()),
    )
    return {"tile": {"M": 1, "C": 1, "P": 1}, "order": order}
