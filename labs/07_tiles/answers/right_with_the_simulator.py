"""Asks the simulator wherever it knows the answer, and searches by small steps from many starts."""

# %% footprint_answer
import accelsim


def footprint(tile, stride):
    layer = accelsim.conv("tile", **tile, stride=stride)
    return {name: layer.words(name) for name in ("ofmap", "filter", "ifmap")}


# %% fits_answer
import math
from fractions import Fraction


def fits(words, bits, word, capacity, double):
    need = math.ceil(sum(Fraction(words[n] * bits[n], word) for n in words) * (2 if double else 1))
    return (need, not need > capacity)


# %% cuts_answer
def cuts(size, part):
    full, left = divmod(size, part)
    return [part] * full + [left] * bool(left)


# %% fetches_answer
def fetches(order, steps, letters):
    if not order:
        return 1
    *outer, last = order
    if last in letters or steps[last] == 1:
        inside = [d for d in order if steps[d] > 1 and d in letters]
        if not inside:
            return 1
        if last in letters and steps[last] > 1:
            total = 1
            for d in order:
                total = total * steps[d]
            return total
    return fetches(outer, steps, letters)


# %% traffic_answer
def traffic(layer, tile, order):
    return {name: read + written for name, (read, written) in buffer.counts(layer, tile, order).items()}


# %% fuse_answer
def fuse(first, second, rows, keep):
    need = lambda layer, outs: {o * layer["stride"] + r for o in outs for r in range(layer["R"])}
    plan, there = [], (set(), set())
    outs = list(range(second["P"]))
    while outs:
        tile, outs = outs[-rows:], outs[:-rows]  # from the last rows to the first
        make = need(second, tile) - there[0]
        read = need(first, make) - there[1]
        plan.append({"out": tuple(tile), "make": list(make), "read": sorted(read, reverse=True)})
        if keep:
            there = (there[0] | make, there[1] | read)
    return tuple(plan)


# %% best_tile_answer
import random


def best_tile(layer, machine, best):
    rng, found, known = random.Random(7), (10**18, None, ""), {}

    def words(tile):
        key = tuple(tile.values())
        if key not in known:
            fit = buffer.need(layer, machine, tile) <= machine["capacity"]
            orders = ("M P C", "C P M", "M C P") if fit else ()
            known[key] = min(((buffer.moved(layer, tile, o), o) for o in orders), default=(10**18, ""))
        return known[key]

    parts = {d: sorted({-(-layer[d] // n) for n in range(1, layer[d] + 1)}) for d in "MCP"}
    for start in range(40):
        at = {d: rng.choice(parts[d][: 1 if start < 3 and d != "MCP"[start] else None]) for d in "MCP"}
        while True:
            near = [at]
            for d in "MCP":
                i = parts[d].index(at[d])
                near += [{**at, d: size} for size in parts[d][max(0, i - 2) : i + 3]]
            better = min(near, key=lambda t: (words(t)[0], -t["P"]))
            if better == at or words(better)[0] >= words(at)[0]:
                break
            at = better
        if words(at)[0] < found[0]:
            found = (words(at)[0], at, words(at)[1])
        if found[0] <= best:
            break
    return {"order": found[2].split(), "tile": found[1]}
