"""Walks the loops and keeps what is in the buffer, instead of formulas."""


# %% footprint_answer
def footprint(tile, stride):
    rows = {p * stride + r for p in range(tile["P"]) for r in range(tile["R"])}
    columns = {q * stride + s for q in range(tile["Q"]) for s in range(tile["S"])}
    return dict(
        ofmap=tile["N"] * tile["M"] * tile["P"] * tile["Q"],
        filter=tile["M"] * tile["C"] * tile["R"] * tile["S"],
        ifmap=tile["N"] * tile["C"] * len(rows) * len(columns),
    )


# %% fits_answer
def fits(words, bits, word, capacity, double):
    total = 0
    for _ in range(1 + double):
        for name, count in words.items():
            total += count * bits[name]
    return [-(-total // word), total <= capacity * word]


# %% cuts_answer
def cuts(size, part):
    tiles = []
    while size > 0:
        tiles.append(min(size, part))
        size -= part
    return tuple(tiles)


# %% fetches_answer
def fetches(order, steps, letters):
    there, count = None, 0
    for at in itertools.product(*(range(steps[letter]) for letter in order)):
        wanted = tuple(i for letter, i in zip(order, at) if letter in letters)
        if wanted != there:
            there, count = wanted, count + 1
    return count


# %% traffic_answer
def traffic(layer, tile, order):
    words, there, begun = dict.fromkeys(("ifmap", "filter", "ofmap"), 0), {}, set()
    width = (layer["Q"] - 1) * layer["stride"] + layer["S"]
    for at in itertools.product(*(range(0, layer[d], tile[d]) for d in order.split())):
        corner = dict(zip(order.split(), at))
        m, c, p = (set(range(corner[d], min(corner[d] + tile[d], layer[d]))) for d in "MCP")
        rows = {layer["stride"] * i + r for i in p for r in range(layer["R"])}
        wanted = {
            "ifmap": {(i, h) for i in c for h in rows},
            "filter": {(i, j) for i in m for j in c},
            "ofmap": {(i, j) for i in m for j in p},
        }
        new = {name: wanted[name] - there.get(name, set()) for name in wanted}
        words["ifmap"] += len(new["ifmap"]) * width * layer["N"]
        words["filter"] += len(new["filter"]) * layer["R"] * layer["S"]
        words["ofmap"] += len(new["ofmap"]) * layer["N"] * layer["Q"]  # each will be written when it leaves
        words["ofmap"] += len(new["ofmap"] & begun) * layer["N"] * layer["Q"]  # and was written before
        begun |= new["ofmap"]
        there = wanted
    return words


# %% fuse_answer
def fuse(first, second, rows, keep):
    plan, made, came = [], set(), set()
    (R1, u1), (R2, u2) = ((layer["R"], layer["stride"]) for layer in (first, second))
    for start in range(0, second["P"], rows):
        end = min(start + rows, second["P"])
        middle = range(u2 * start, u2 * (end - 1) + R2)
        make = [m for m in middle if m not in made]
        inputs = range(u1 * make[0], u1 * make[-1] + R1) if make else []
        read = [h for h in inputs if h not in came]
        if keep:
            made |= set(make)
            came |= set(read)
        plan.append({"read": read, "make": make, "out": list(range(start, end))})
    return plan


# %% best_tile_answer
def best_tile(layer, machine, best):
    def worth(size):
        return sorted({-(-size // n) for n in range(1, size + 1)})

    found = (10**18, {}, "")
    for M, C, P in itertools.product(*(worth(layer[d]) for d in "MCP")):
        tile = {"M": M, "C": C, "P": P}
        rows, columns = (P - 1) * layer["stride"] + layer["R"], (layer["Q"] - 1) * layer["stride"] + layer["S"]
        words = {"ifmap": C * rows * columns, "filter": M * C * layer["R"] * layer["S"], "ofmap": M * P * layer["Q"]}
        bits = sum(words[name] * machine["bits"][name] for name in words) * (1 + machine["double"])
        if bits <= machine["capacity"] * machine["word"]:
            steps = {d: -(-layer[d] // tile[d]) for d in "MCP"}
            for order in itertools.permutations("MCP"):
                cut = [d for d in order if steps[d] > 1]
                times = {d: steps[d] if cut[-1:] != [d] else 1 for d in "MCP"}
                high = (layer["P"] - 1) * layer["stride"] + layer["R"]
                if cut.index("C") > cut.index("P") if {"C", "P"} <= set(cut) else False:
                    high += (steps["P"] - 1) * max(0, layer["R"] - layer["stride"])
                moved = (
                    layer["C"] * high * columns * times["M"]
                    + layer["M"] * layer["C"] * layer["R"] * layer["S"] * times["P"]
                )
                moved += layer["M"] * layer["P"] * layer["Q"] * (2 * times["C"] - 1)
                if moved < found[0]:
                    found = (moved, tile, " ".join(order))
    return {"tile": found[1], "order": found[2]}
