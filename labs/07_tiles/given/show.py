"""Draws your answers for lab 7, right or wrong, without judging them. Needs nothing but Python and accelsim."""

import itertools

import buffer

from accelsim import widgets
from autograder.pictures import CannotDraw, Picture, Table, ask, picture

MOST = 60


@picture
def footprint(footprint, tile, stride):
    """The input words that the tile's windows cover, for one channel, and your numbers."""
    answer = ask(footprint, dict(tile), stride)
    rows, columns = (_covered(tile[d], tile[k], stride) for d, k in ("PR", "QS"))
    cells = [[_shade(down * across) for across in columns] for down in rows]
    grid = Table(
        "one channel of the input: how many windows use each word",
        tuple(f"w{w}" for w in range(len(columns))),
        tuple((f"h{h}", tuple(line)) for h, line in enumerate(cells)),
    )
    names = ("ifmap", "filter", "ofmap")
    numbers = tuple((name, ((f"{answer[name]:,}", "right"),)) for name in names)
    channels = tile["N"] * tile["C"]
    says = (
        f"The windows of {tile['P']}x{tile['Q']} outputs, stride {stride}, on the input. A number: so many windows use "
        f"this word; a dot: none does. The tile has {channels} such channels, and you say {answer['ifmap']:,} words of "
        f"ifmap: {answer['ifmap'] / channels:,.5g} for each. Have as many words in the picture a number?"
    )
    return Picture(says, (grid, Table("your footprint", ("words",), numbers)))


def _covered(outputs, kernel, stride):
    last = stride * (outputs - 1) + kernel
    return [sum(stride * p <= row < stride * p + kernel for p in range(outputs)) for row in range(last)]


def _shade(count):
    return (".", "") if not count else (str(count), "on" if count == 1 else "shared")


@picture
def room(fits, layer, machine, tile):
    """Your room for a tile, beside the words of each tensor."""
    words = buffer.tile_words(layer, tile)
    asked = [machine[name] for name in ("bits", "word", "capacity", "double")]
    need, fit = ask(fits, dict(words), dict(asked[0]), *asked[1:])
    rows = [(name, ((f"{count:,}", "right"), (str(machine["bits"][name]), "right"))) for name, count in words.items()]
    copies = "two copies of each" if machine["double"] else "one copy of each"
    says = (
        f"You say that these tiles, {copies}, need {need:,} words of {machine['word']} bits, and that they "
        f"{'fit' if fit else 'do not fit'} into {machine['capacity']:,}."
    )
    return Picture(says, (Table("one step's tiles", ("words", "bits each"), tuple(rows)),))


@picture
def packed(layer, machine, tile, order="M C P"):
    """The book's tile packer with this tile: what each tensor takes, what overflows, what moves."""
    full = {d: layer[d] for d in buffer.LETTERS} | dict(tile)
    loops = [*order.split(), *(d for d in buffer.LETTERS if d not in order)]
    options = {"double": machine["double"], "word": machine["word"], "bits": machine["bits"]}
    return widgets.tile_packer(buffer.layer_of(layer), machine["capacity"], full, order=" ".join(loops), **options)


@picture
def cuts(cuts, size, part):
    """Your tiles on the rows of a layer."""
    tiles = list(ask(cuts, size, part))
    owner = [name for name, count in zip(itertools.cycle("abcdefghijklmnopqrstuvwxyz"), tiles) for _ in range(count)]
    if max(size, len(owner)) > MOST:
        raise CannotDraw(f"The picture holds {MOST} rows; choose a smaller size.")
    cells = [_owned(owner, row, size) for row in range(max(size, len(owner)))]
    table = Table("", tuple(map(str, range(len(cells)))), (("tile", tuple(cells)),))
    marks = "A letter for each tile; !: a row that no tile has, or that is beyond the layer."
    says = f"You cut {size} rows into {tiles}. {marks}"
    return Picture(says, (table,))


def _owned(owner, row, size):
    if row < len(owner) and row < size:
        return owner[row], "on" if ord(owner[row]) % 2 else "shared"
    return ("!" if row >= len(owner) else f"{owner[row]}!"), "bad"


@picture
def visits(fetches, order, steps, letters):
    """Which tile of the tensor each step wants, and your number."""
    answer = ask(fetches, list(order), dict(steps), list(letters))
    wanted = [
        ",".join(f"{d.lower()}{i}" for d, i in zip(order, at, strict=True) if d in letters) or "all"
        for at in itertools.product(*(range(steps[d]) for d in order))
    ]
    if len(wanted) > MOST:
        raise CannotDraw(f"These loops take {len(wanted)} steps, the picture holds {MOST}; choose smaller ones.")
    rows = [(str(n), ((at, "on" if n % 2 else "shared"), (str(len(list(run))), ""))) for n, (at, run) in _runs(wanted)]
    table = Table(f"order {' '.join(order)}", ("tile wanted", "steps in a row"), tuple(rows))
    return Picture(
        f"You say {answer} fetches. Each line is a run of steps that want the same tile of the tensor.", (table,)
    )


def _runs(wanted):
    return enumerate(itertools.groupby(wanted), 1)


@picture
def orders(traffic, layer, tile):
    """Your traffic for the six orders of a tile."""
    rows = []
    for order in map(" ".join, itertools.permutations(buffer.CUT)):
        words = ask(traffic, dict(layer), dict(tile), order)
        numbers = [words[name] for name in ("ifmap", "filter", "ofmap")]
        rows.append((order, tuple((f"{n:,}", "right") for n in (*numbers, sum(numbers)))))
    says = (
        f"Your words between DRAM and buffer, for tiles of M {tile['M']}, C {tile['C']}, P {tile['P']}. Every word "
        f"once would be {buffer.least(layer):,}. Which tensor does each order treat well?"
    )
    return Picture(says, (Table("outermost first", ("ifmap", "filter", "ofmap", "in all"), tuple(rows)),))


@picture
def plan(fuse, first, second, rows, keep):
    """Your plan: which rows are made, used and missing in each tile."""
    steps = list(ask(fuse, dict(first), dict(second), rows, keep))
    if len(steps) > MOST // 4:
        raise CannotDraw(f"Your plan has {len(steps)} tiles; the picture holds {MOST // 4}.")
    between, into = [], []
    for number, step in enumerate(steps):
        before = steps[number - 1] if keep and number else None
        between.append(
            (
                f"tile {number}",
                _line(step["make"], _under(step["out"], second), _held(before, "out", second), first["P"]),
            )
        )
        height = first["stride"] * (first["P"] - 1) + first["R"]
        into.append(
            (f"tile {number}", _line(step["read"], _under(step["make"], first), _held(before, "make", first), height))
        )
    made = sum(len(step["make"]) for step in steps)
    says = (
        "+: new in this tile, k: still there from the tile before, !: needed and not there, x: new but not used by "
        f"this tile. Your plan computes {made} rows of the first layer, which has {first['P']}: "
        f"{made / first['P']:.2f} times its work."
    )
    out = tuple((f"tile {n}", ((", ".join(map(str, step["out"])), ""),)) for n, step in enumerate(steps))
    return Picture(
        says,
        (
            Table("final output rows", ("rows",), out),
            Table("rows of the first layer's output", _numbers(between), tuple(between)),
            Table("rows of the input", _numbers(into), tuple(into)),
        ),
    )


def _under(outputs, layer):
    return {layer["stride"] * p + r for p in outputs for r in range(layer["R"])}


def _held(before, name, layer):
    return _under(before[name], layer) if before else set()


def _line(new, needed, held, size):
    new = set(new)
    size = min(MOST, max([size - 1, *new, *needed]) + 1)
    return tuple(_mark(row, new, needed, held) for row in range(size))


def _mark(row, new, needed, held):
    if row in new:
        return ("+", "on") if row in needed else ("x", "bad")
    if row not in needed:
        return ".", ""
    return ("k", "shared") if row in held else ("!", "bad")


def _numbers(lines):
    widest = max((len(cells) for _, cells in lines), default=0)
    lines[:] = [(name, (*cells, *((".", ""),) * (widest - len(cells)))) for name, cells in lines]
    return tuple(map(str, range(widest)))


@picture
def chosen(best_tile, layer, machine, best):
    """The tile you chose, in the tile packer."""
    answer = ask(best_tile, dict(layer), dict(machine), best)
    order = answer["order"] if isinstance(answer["order"], str) else " ".join(answer["order"])
    return packed(layer, machine, {d: answer["tile"][d] for d in buffer.CUT}, order)
