"""The fullest tile, each word counted once at one width, two rows of halo and none across."""

earns = {"best_tile": 0}
told = {"best_tile": "several slips at once"}


# %% best_tile_answer
def best_tile(layer, machine, best):
    big = None
    for m in range(1, layer["M"] + 1, 4):
        for c in range(1, layer["C"] + 1, 4):
            for p in range(1, layer["P"] + 1):
                words = m * c * layer["R"] * layer["S"] + c * (p + layer["R"]) * layer["Q"] + m * p * layer["Q"]
                if words <= machine["capacity"] and (big is None or words > big[0]):
                    big = words, {"tile": {"M": m, "C": c, "P": p}, "order": "M C P"}
    return big[1]
