"""Wants many weights at once, and forgets the second copy."""

earns = {"best_tile": 0}
told = {"best_tile": "the second copy forgotten"}


# %% best_tile_answer
def best_tile(layer, machine, best):
    def worth(size):
        return sorted({-(-size // n) for n in (1, 2, 3, 4, 6, 8, 12, 16, 32, size)})

    bits, words = machine["bits"], machine["word"]
    copies = 2 if machine["double"] else 1

    def room(tile, halo=True, wide=True, copies=copies):
        down, across = ((n - 1) * layer["stride"] + k for n, k in ((tile["P"], layer["R"]), (layer["Q"], layer["S"])))
        if not halo:
            down, across = tile["P"] * layer["stride"], layer["Q"] * layer["stride"]
        sums = bits["ofmap"] if wide else words
        inputs, weights = tile["C"] * down * across, tile["M"] * tile["C"] * layer["R"] * layer["S"]
        return (
            copies
            * (inputs * bits["ifmap"] + weights * bits["filter"] + tile["M"] * tile["P"] * layer["Q"] * sums)
            / words
        )

    def pair(tile):
        return min(
            (sum(traffic(layer, tile, order).values()), order) for order in map(" ".join, itertools.permutations("MCP"))
        )

    def heavy(tile):
        return not machine["double"] or 2 * tile["M"] * tile["C"] * layer["R"] * layer["S"] > machine["capacity"]

    sizes = itertools.product(*(worth(layer[d]) for d in "MCP"))
    tiles = [
        tile
        for tile in (dict(zip("MCP", size)) for size in sizes)
        if room(tile, copies=1) <= machine["capacity"] and heavy(tile)
    ]
    return (lambda t: {"tile": t, "order": pair(t)[1]})(min(tiles, key=lambda t: pair(t)[0]))
