"""Lets each tensor have the whole buffer."""

earns = {"best_tile": 0}
told = {"best_tile": "room for one tensor only"}


# %% best_tile_answer
def best_tile(layer, machine, best):
    def worth(size):
        return sorted({-(-size // n) for n in (1, 2, 3, 4, 6, 8, 12, 16, 32, size)})

    tiles = [dict(zip("MCP", size)) for size in itertools.product(*(worth(layer[d]) for d in "MCP"))]
    width = (layer["Q"] - 1) * layer["stride"] + layer["S"]
    fit = [
        t
        for t in tiles
        if t["C"] * ((t["P"] - 1) * layer["stride"] + layer["R"]) * width <= machine["capacity"]
        and t["M"] * t["C"] * layer["R"] * layer["S"] <= machine["capacity"]
        and t["M"] * t["P"] * layer["Q"] <= machine["capacity"]
    ]
    return {"tile": max(fit, key=lambda t: (t["M"] * t["C"], t["P"])), "order": "M C P"}
