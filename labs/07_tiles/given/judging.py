"""What makes a plan of two fused layers, or a tile and its order, right. Runs what you return; knows no answer."""

import itertools
from collections import Counter

import buffer

from autograder.questions import Finding

WITHIN, NEAR = 1.1, 1.5  # times the best tile known: full credit, and most of it
NEAR_CREDIT, VALID_CREDIT = 0.8, 0.4


# --------------------------------------------------------------------------------------------------- two layers


def fused(args, plan):
    """Run a plan tile by tile: which rows are there, which are needed, which are missing."""
    first, second, rows, keep = args
    if odd := _no_plan(plan):
        yield Finding(odd)
        return
    found = list(itertools.islice(_faults(first, second, rows, keep, list(plan)), 3))
    if found and any(not [*_faults(first, second, rows, keep, spelt)] for spelt in _spelt_out(plan)):
        found[0] = Finding(found[0].says, found[0].evidence, "first and last instead of all rows")
        found = found[:1]
    yield from found


LISTS, MOST_SPELT = ("read", "make", "out"), 10_000


def _no_plan(plan):
    """What keeps an answer from being a plan, in words; nothing if nothing does."""
    if not isinstance(plan, list | tuple):
        return f"a plan is a list with a dictionary for each tile, got {plan!r:.60}"
    for number, step in enumerate(plan):
        if not isinstance(step, dict) or not {*LISTS} <= {*step}:
            return f"tile {number} is {step!r:.60}; it must be a dictionary with 'read', 'make' and 'out'"
        for name in LISTS:
            if not hasattr(step[name], "__len__") or isinstance(step[name], str | dict):
                return f"tile {number} has {name!r}: {step[name]!r:.60}; it must be a list of rows"
    return ""


def _spelt_out(plan):
    """The plans that are meant if each list holds the first row and the last, or the first and the one after it."""
    pairs = [list(step[name]) for step in plan for name in LISTS]
    if not pairs or any(len(pair) != 2 or not all(hasattr(row, "__index__") for row in pair) for pair in pairs):
        return
    if min(map(min, pairs)) < 0 or sum(max(0, last - first) for first, last in pairs) > MOST_SPELT:
        return
    for more in (0, 1):
        yield [{name: list(range(step[name][0], step[name][1] + more)) for name in LISTS} for step in plan]


def _faults(first, second, rows, keep, plan):
    outputs = set(range(second["P"]))
    done, tiles = set(), []
    if len(plan) > 4 * len(outputs) + 4:
        yield Finding(f"the plan has {len(plan)} tiles for {len(outputs)} output rows")
        return
    for number, step in enumerate(plan):
        tile = Tile(number, step, first, second)
        yield from _output_faults(tile, rows, outputs, done)
        yield from _middle_faults(tile, tiles, keep)
        yield from _input_faults(tile, tiles, keep)
        done |= tile.out
        tiles.append(tile)
    if left := sorted(outputs - done):
        yield Finding(
            f"output rows {_rows(left)} are never computed",
            (("output rows missing", left), ("tiles in the plan", len(plan))),
            "the last rows are dropped" if plan else "",
        )


class Tile:
    """One step of a plan, and what its rows need."""

    def __init__(self, number, step, first, second):
        self.number = number
        self.lists = {name: [_whole(row) for row in step[name]] for name in LISTS}
        self.read, self.make, self.out = (set(self.lists[name]) for name in ("read", "make", "out"))
        self.middle = window_rows(self.out, second)
        self.input = window_rows(self.make, first)
        self.second = second

    def repeated(self, name):
        """Rows that stand in a list more than once."""
        return {row for row, times in Counter(self.lists[name]).items() if times > 1}

    def rows(self, *more):
        """Evidence: the tile and its rows."""
        shown = (("rows read", "read"), ("rows made", "make"), ("rows put out", "out"))
        return (("tile", self.number), *((label, self.lists[name]) for label, name in shown), *more)


def window_rows(outputs, layer):
    """The rows under the windows of some output rows."""
    return {layer["stride"] * p + r for p in outputs for r in range(layer["R"])}


def _whole(row):
    if isinstance(row, bool) or int(row) != row:
        raise ValueError(f"a row is a whole number, got {row!r}")
    return int(row)


def _rows(rows):
    rows = sorted(rows)
    return ", ".join(map(str, rows[:6])) + (", ..." if len(rows) > 6 else "")


def _output_faults(tile, rows, outputs, done):
    if beyond := tile.out - outputs:
        yield Finding(
            f"tile {tile.number} computes output rows {_rows(beyond)}, the last there is is {max(outputs)}",
            tile.rows(("rows beyond the layer", sorted(beyond))),
            "a last tile as large as the others",
        )
    if len(tile.out) > rows:
        yield Finding(f"tile {tile.number} has {len(tile.out)} output rows, at most {rows} fit", tile.rows())
    again = tile.out & done or tile.repeated("out")
    if again:
        yield Finding(f"tile {tile.number} computes output rows {_rows(again)} a second time", tile.rows())


def _middle_faults(tile, before, keep):
    there = before[-1].middle if keep and before else set()
    if missing := tile.middle - tile.make - there:
        gone = bool(before) and not keep and missing <= before[-1].make | before[-1].middle
        yield Finding(
            f"tile {tile.number} needs rows {_rows(missing)} of the first layer's output, and they are not there",
            tile.rows(("rows of the first layer's output missing", sorted(missing))),
            "a border that is no longer there" if gone else "halo of the second layer forgotten",
        )
    made = set().union(*(t.make for t in before)) if keep else set()
    if twice := tile.make & made:
        yield Finding(
            f"tile {tile.number} computes rows {_rows(twice)} of the first layer a second time",
            tile.rows(("rows made before", sorted(twice))),
            "kept rows computed again",
        )
    elif useless := tile.make - tile.middle:
        whole = tile.make >= set(range(tile.second["stride"] * (tile.second["P"] - 1) + tile.second["R"]))
        yield Finding(
            f"tile {tile.number} computes rows {_rows(useless)} of the first layer, which none of its outputs use",
            tile.rows(("rows not used", sorted(useless))),
            "layer after layer" if whole else "",
        )
    if again := tile.repeated("make"):
        yield Finding(
            f"tile {tile.number} lists rows {_rows(again)} of the first layer more than once; each is made once",
            tile.rows(("rows listed again", sorted(again))),
        )


def _input_faults(tile, before, keep):
    there = before[-1].input if keep and before else set()
    if missing := tile.input - tile.read - there:
        gone = bool(before) and not keep and missing <= before[-1].input
        yield Finding(
            f"tile {tile.number} needs input rows {_rows(missing)}, and they are not there",
            tile.rows(("input rows missing", sorted(missing))),
            "a border that is no longer there" if gone else "halo of the first layer forgotten",
        )
    came = set().union(*(t.read for t in before)) if keep else set()
    if twice := tile.read & came:
        yield Finding(
            f"tile {tile.number} reads input rows {_rows(twice)} a second time",
            tile.rows(("rows read before", sorted(twice))),
            "kept rows read again",
        )
    elif useless := tile.read - tile.input:
        yield Finding(
            f"tile {tile.number} reads input rows {_rows(useless)}, which it does not use",
            tile.rows(("rows not used", sorted(useless))),
        )
    if again := tile.repeated("read"):
        yield Finding(
            f"tile {tile.number} lists input rows {_rows(again)} more than once; each is read once",
            tile.rows(("rows listed again", sorted(again))),
        )


# ------------------------------------------------------------------------------------------------- the best tile


def good_tile(args, answer):
    """Whether a tile fits, and how many words it moves beside the best tile known."""
    layer, machine, best = args
    if not isinstance(answer, dict) or not {"tile", "order"} <= {*answer}:
        yield Finding(f"the answer is {answer!r:.60}; it must be a dictionary with 'tile' and 'order'")
        return
    if not isinstance(answer["tile"], dict) or not {*buffer.CUT} <= {*answer["tile"]}:
        yield Finding(f"the tile is {answer['tile']!r:.60}; it must be a dictionary with 'M', 'C' and 'P'")
        return
    tile = {d: _whole(answer["tile"][d]) for d in buffer.CUT}
    order = answer["order"] if isinstance(answer["order"], str) else " ".join(answer["order"])
    if odd := list(_odd(layer, tile, order)):
        yield from odd
    elif buffer.need(layer, machine, tile) > machine["capacity"]:
        yield _too_large(layer, machine, tile)
    elif (words := buffer.moved(layer, tile, order)) > WITHIN * best:
        yield _too_much(layer, machine, best, tile, order, words)


def _odd(layer, tile, order):
    for d, size in tile.items():
        if not 1 <= size <= layer[d]:
            yield Finding(f"the tile has {d} = {size}; from 1 to {layer[d]} is possible")
    if sorted(order.split()) != sorted(buffer.CUT):
        yield Finding(f"the order is {order[:40]!r}; it names M, C and P once each, outermost first, as in 'M C P'")


def _too_large(layer, machine, tile):
    words, room, have = buffer.tile_words(layer, tile), buffer.need(layer, machine, tile), machine["capacity"]
    rows = tuple((f"{name} words", count) for name, count in words.items())
    simpler = [name for name, needs in _simpler(layer, machine, tile, words) if needs <= have]
    return Finding(
        f"the tile {tile} needs {room:,} words and the buffer has {have:,}: {room - have:,} too many",
        (
            ("tile", tile),
            *rows,
            ("words needed", room),
            ("words over capacity", room - have),
            ("it would fit", f"with {simpler[0]}" if simpler else "by none of the usual slips"),
        ),
        simpler[0] if simpler else "larger than the buffer",
    )


def _simpler(layer, machine, tile, words):
    """What simpler rules would say the tile needs, the smallest omission first."""
    copies, bits, word = 2 if machine["double"] else 1, machine["bits"], machine["word"]

    def room(counted, widths):
        return copies * sum(counted[name] * widths[name] for name in counted) / word

    no_halo = layer["N"] * tile["C"] * layer["stride"] ** 2 * tile["P"] * layer["Q"]
    yield "halo forgotten in the room", room({**words, "ifmap": min(no_halo, words["ifmap"])}, bits)
    yield "sums at the width of a word", room(words, dict.fromkeys(words, word))
    yield "the second copy forgotten", room(words, bits) / copies
    yield (
        "several slips at once",
        room({**words, "ifmap": min(no_halo, words["ifmap"])}, dict.fromkeys(words, word)) / copies,
    )
    yield "room for one tensor only", max(words.values())


def _too_much(layer, machine, best, tile, order, words):
    times, least = words / best, buffer.least(layer)
    full = buffer.need(layer, machine, tile) / machine["capacity"]
    others = {o: buffer.moved(layer, tile, o) for o in map(" ".join, itertools.permutations(buffer.CUT))}
    better = min(others, key=others.__getitem__)
    name = "tile after tile in a poor order" if others[better] <= 0.9 * words else ""
    halo = _halo(layer, tile, order)
    if not name and words - halo > WITHIN * best:  # else it is the halo alone that makes it worse, which has no name
        name = "the fullest tile taken for the best" if full >= 0.9 else "a poor shape of tile"
    moved = buffer.counts(layer, tile, order)
    rows = tuple((f"{tensor} words read, written", pair) for tensor, pair in moved.items())
    return Finding(
        f"it fits, and moves {words:,} words, {times:.2f} times as many as the best tile known",
        (
            ("tile", tile),
            ("order", order),
            *rows,
            ("least possible, every word once", least),
            ("best tile known", best),
            ("words of the halo read again", halo),
            ("buffer filled", f"{full:.0%}"),
        ),
        name,
        NEAR_CREDIT if times <= NEAR else VALID_CREDIT,
    )


def _halo(layer, tile, order):
    """Input words read only because windows of neighbouring tiles overlap: none, were they as tall as the stride."""
    narrow = {**layer, "R": layer["stride"]}
    tall, low = (buffer.counts(each, tile, order)["ifmap"][0] for each in (layer, narrow))
    whole, short = (buffer.tile_words(each, {})["ifmap"] for each in (layer, narrow))
    return max(0, tall - low // short * whole)
