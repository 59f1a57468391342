"""What lab 5 asks, what a right answer is, and what each wrong one usually means. Students never see this file.

Schedules are judged by `given/judging.py`, which runs them. References here are written another way than the
solutions in `lab.py`: one generator of stationary schedules, told which dimension streams.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from accelsim import schedule as machine
from accelsim import systolic
from autograder.questions import Case, Mistake, Question, given

judging = given("judging", __file__)
PAGE = "06_dataflows.html"
STAYS = f'"The smallest example, by hand: what stays in one PE" in chapter 6 ({PAGE}#sec-stationary)'
CASTS = f'"Many PEs: reuse in space" in chapter 6 ({PAGE}#sec-multicast)'
MEETS = f'"Sums meet in space" in chapter 6 ({PAGE}#sec-spatial-reduction)'
FILLS = f'"In step: filling and draining" in chapter 6 ({PAGE}#sec-fill-drain)'
BUSY = f'"How busy is the array?" in chapter 6 ({PAGE}#sec-utilization)'

Sizes = tuple[int, int, int, int, int]
Schedule = list[Any]
Rng = Any


# -------------------------------------------------------------------------------------------------- shapes asked

ONE, SEVERAL, EDGE = "a layer as large as the array", "several full tiles", "edge tiles"


def asked(held: tuple[int, int], shown: tuple[tuple[int, int], ...]) -> tuple[Case, ...]:
    """Public cases of a scheduler: `held` are the places in (M, C, P) of the two dimensions of its tile."""
    picked = [(shape((2, 3), (1, 1), 2, held), ONE), (shape((2, 2), (2, 1), 3, held), SEVERAL)]
    edges = [(sizes(tile, array, stream, held), EDGE) for tile, array, stream in (((5, 3), (2, 2), 2), (*shown, 4))]
    return tuple(Case(args, kind) for args, kind in (*picked, *edges))


def sizes(tile: tuple[int, int], array: tuple[int, int], stream: int, held: tuple[int, int]) -> Sizes:
    """M, C, P, rows, columns of a layer whose tile dimensions have the sizes `tile`, in the order of `held`."""
    layer = [stream, stream, stream]
    for place, size in zip(held, tile, strict=True):
        layer[place] = size
    return (*layer, *array)  # type: ignore[return-value]


def shape(array: tuple[int, int], times: tuple[int, int], stream: int, held: tuple[int, int]) -> Sizes:
    """A layer of full tiles: `held` lists the dimension along the rows first."""
    return sizes((array[0] * times[0], array[1] * times[1]), array, stream, held)


def hidden(held: tuple[int, int]) -> Any:
    """Fresh shapes of each public kind, and the corners: one PE, one word, an array larger than the layer."""

    def cases(rng: Rng) -> list[Case]:
        def drawn(low: int, high: int) -> int:
            return int(rng.integers(low, high))

        array = drawn(2, 4), drawn(2, 5)
        one = shape(array, (1, 1), drawn(2, 6), held)
        several = shape(array, (drawn(1, 3), drawn(2, 4)), drawn(2, 5), held)
        tile = array[0] * drawn(1, 3) + drawn(1, array[0]), array[1] * drawn(1, 3) + drawn(1, array[1])
        return [
            Case(one, ONE),
            Case(several, SEVERAL),
            Case(sizes(tile, array, drawn(2, 5), held), EDGE),
            Case((drawn(2, 4), drawn(2, 4), drawn(2, 4), 1, 1), "a single PE"),
            Case((1, 1, 1, *array), "a single MAC"),
            Case(sizes((2, 1), (3, 4), drawn(6, 9), held), "an array larger than the layer"),
            Case(sizes((5, 7), (1, 3), 1, held), "one row of PEs, nothing to stream"),
        ]

    return cases


# --------------------------------------------------------------------------- 1, 2, 3. stationary schedules

WORDS = {"filter": (0, 1), "ifmap": (1, 2), "ofmap": (0, 2)}  # which of m, c, p index each tensor


def stationary(stays: str, held: tuple[int, int]) -> Any:
    """A reference: PE (a, b) keeps the word of `stays` whose tile coordinates are (a, b); the third index streams."""
    (stream,) = {0, 1, 2} - set(held)

    def scheduler(M: int, C: int, P: int, rows: int, columns: int) -> Schedule:
        bounds, out = (M, C, P), []
        for point in itertools.product(*map(range, bounds)):
            tall, wide = point[held[0]], point[held[1]]
            tile = tall // rows * math.ceil(bounds[held[1]] / columns) + wide // columns
            cycle, pe = tile * bounds[stream] + point[stream], (tall % rows, wide % columns)
            for name, at in WORDS.items():
                word = (name, *(point[i] for i in at))
                if name == "ofmap":
                    if stays != name or point[stream] == bounds[stream] - 1:
                        out.append((cycle, pe, "store", word))
                elif stays != name or point[stream] == 0:
                    out.append((cycle, pe, "load", word))
            out.append((cycle, pe, "mac", point))
        return out

    return scheduler


def clear(name: str, tensor: str, stream: str) -> str:
    return {
        judging.ONCE: f"You load each PE once and never again. Stationary means that a word stays for one "
        f"residence: all the "
        f"MACs of its tile. When the next tile begins, the PE needs the next word of the {tensor}. Only a "
        f"{tensor} that fits "
        "the array as a whole is loaded once for ever.",
        judging.AGAIN: f"Your schedule reads a word of the {tensor} from the GLB more than once. It is the word "
        f"that was to "
        f"stay: let {stream} run innermost, load the word before that loop, and leave it in its register.",
        judging.SUM: "A PE has one register for a sum. Before it begins another output its sum must leave, or it "
        "would be "
        "mixed with the next one or lost: store it in the cycle of its last MAC.",
        judging.TWICE: "A PE has one multiplier. MACs divided by PEs is the least number of cycles, reached only "
        "when every "
        "PE has work in each of them; it is no leave to do several MACs in one PE at once. Give each MAC of a PE "
        "a cycle of its own.",
        judging.BOTH: "A register takes one word in a cycle, and you send a PE two. Either all steps of the inner loop "
        "have one cycle number: add the step to it. Or tiles do, and each begins while the one before is still in the "
        "PEs: let a tile begin where the one before has ended.",
        judging.BEYOND: "Your last tiles are as large as the array, but the layer ends before: where 5 words are "
        "cut into tiles "
        "of 2, the last tile has 1. Clip each tile with min(start + size, end).",
        judging.ARRAY: "You place the whole layer at once, on PEs that the array does not have. Cut the layer "
        "into tiles of rows "
        "x columns and let them follow one another, each with its own cycles.",
        judging.DROPPED: "Some MACs are never done: those of the tiles at the edge. Layer size // array size "
        "rounds down and drops "
        "what is left over. Let range(0, M, columns) do the cutting, which also begins the last, smaller tile.",
        judging.SLOW: "The result is right, but most PEs watch. Each PE of a tile can do its MACs in the same "
        "cycles as its "
        "neighbours: the cycle of a MAC must depend on the tile and on the stream, not on the PE.",
        judging.LEAVES: "In an output stationary schedule a sum stays in its PE until it is complete. Yours goes "
        "to the GLB in "
        "parts, which the GLB has to read back and add. Store after the last c, not after each.",
        judging.ABSENT: "A MAC uses what is in the registers of its own PE. Look at the cycle and PE told here: load "
        "that operand "
        "there in that cycle or before, and do not replace it in between. (The operands of a mac are m, c, p, in this "
        "order.)",
        judging.TURNED: "A PE is (row, column). You cut one letter into parts of the length of a column and lay them "
        "along a row, or the other way round, so that they lie beyond the edge. A letter that lies along the rows is "
        "cut into parts of `rows`, one that lies along the columns into parts of `columns`.",
        judging.SWAPPED: "The coordinates of a word have the order of the contract: filter m c, ifmap c p, ofmap m p, "
        "and a mac has m, c, p. Yours lie in the layer once two of them are exchanged.",
    }[name]


def mistakes(tensor: str, stream: str, *names: str) -> tuple[Mistake, ...]:
    return tuple(Mistake(name, None, clear(name, tensor, stream), STAYS) for name in names)


WS = Question(
    name="ws",
    function="weight_stationary",
    prediction="4 filters of 4 words meet 6 pixels on 2 x 2 PEs, weights stay. How many words of the filter does "
    "the GLB "
    "read in all?",
    answer=16,
    because="each of the 4 x 4 words is read once; four tiles follow one another, each with its own 4 words.",
    reference=stationary("filter", (1, 0)),
    public=asked((1, 0), ((3, 5), (2, 3))),
    hidden=hidden((1, 0)),
    judge=judging.weight_stationary,
    mistakes=mistakes(
        "filter",
        "p",
        judging.ONCE,
        judging.AGAIN,
        judging.SUM,
        judging.TWICE,
        judging.BOTH,
        judging.BEYOND,
        judging.ARRAY,
        judging.DROPPED,
        judging.SLOW,
        judging.ABSENT,
        judging.TURNED,
        judging.SWAPPED,
    ),
)

OS = Question(
    name="os",
    function="output_stationary",
    prediction="The layer of task 1 (M = 4, C = 4, P = 6), now with sums that stay. How many sums does the GLB "
    "write in all?",
    answer=24,
    because="each of the 4 x 6 outputs leaves once.",
    reference=stationary("ofmap", (0, 2)),
    public=asked((0, 2), ((3, 5), (2, 3))),
    hidden=hidden((0, 2)),
    judge=judging.output_stationary,
    mistakes=mistakes(
        "ofmap",
        "c",
        judging.LEAVES,
        judging.SUM,
        judging.TWICE,
        judging.BOTH,
        judging.DROPPED,
        judging.SLOW,
        judging.ARRAY,
        judging.ABSENT,
        judging.TURNED,
        judging.SWAPPED,
    ),
)

IS = Question(
    name="is",
    function="input_stationary",
    prediction="6 filters of 4 words meet 4 pixels on 2 x 2 PEs. If each PE does a MAC in every cycle, how many "
    "cycles do "
    "its tiles take together?",
    answer=24,
    because="4 x 4 ifmap words make 4 tiles, and 6 filters pass each.",
    reference=stationary("ifmap", (1, 2)),
    public=asked((1, 2), ((3, 5), (2, 3))),
    hidden=hidden((1, 2)),
    judge=judging.input_stationary,
    mistakes=mistakes(
        "ifmap",
        "m",
        judging.ONCE,
        judging.AGAIN,
        judging.SUM,
        judging.BOTH,
        judging.BEYOND,
        judging.ARRAY,
        judging.DROPPED,
        judging.ABSENT,
        judging.TURNED,
        judging.SWAPPED,
    ),
)


# --------------------------------------------------------------------------------------------- 4. multicast

WS_ORDER, OS_ORDER, IS_ORDER = "weights stay", "sums stay", "inputs stay"
MAKERS = {
    WS_ORDER: stationary("filter", (1, 0)),
    OS_ORDER: stationary("ofmap", (0, 2)),
    IS_ORDER: stationary("ifmap", (1, 2)),
}


def merged(schedule: Schedule) -> Schedule:
    """The reference: the loads of a word in a cycle become one."""
    loads = sorted((cycle, *word, *pe) for cycle, pe, op, word in schedule if op == "load")
    groups = itertools.groupby(loads, key=lambda load: load[:4])
    shared = [(key[0], [load[4:] for load in group], "load", key[1:]) for key, group in groups]
    return [entry for entry in schedule if entry[2] != "load"] + shared


def mixed(rng: Rng, schedule: Schedule) -> Schedule:
    """The same entries in another order: what a schedule says does not depend on it."""
    return [schedule[i] for i in rng.permutation(len(schedule))]


def hidden_multicasts(rng: Rng) -> list[Case]:
    shapes = {order: tuple(int(x) for x in (*rng.integers(2, 5, 3), *rng.integers(2, 4, 2))) for order in MAKERS}
    made = {order: maker(*shapes[order]) for order, maker in MAKERS.items()}
    return [
        *(Case((made[order],), order) for order in MAKERS),
        Case((mixed(rng, made[WS_ORDER]),), "entries in another order"),
        Case((MAKERS[OS_ORDER](1, 1, 1, 1, 1),), "a single MAC"),
    ]


MULTICAST = Question(
    name="multicast",
    function="multicast",
    prediction="A row of 6 PEs multiplies 6 different filter words with the same ifmap word. With multicast, how "
    "many words "
    "does the GLB read for that cycle (filter and ifmap together)?",
    answer=7,
    because="6 filter words are different, and the ifmap word is read once for all.",
    reference=merged,
    public=tuple(Case((maker(2, 2, 3, 2, 2),), order) for order, maker in MAKERS.items()),
    hidden=hidden_multicasts,
    judge=judging.multicast,
    mistakes=(
        Mistake(
            judging.UNMERGED,
            None,
            "The GLB still reads a word once for each PE that wants it. A multicast is one read: one load entry "
            "with a list "
            "of PEs, however many they are. Collect the loads by (cycle, word).",
            CASTS,
        ),
        Mistake(
            judging.ACROSS,
            None,
            "You merged loads of one word that happen in different cycles. One read serves all who need the word "
            "in that "
            "cycle; by the next cycle the word has left the wires, and a PE that needs it later must have kept "
            "it. Collect "
            "by (cycle, word), not by the word alone.",
            CASTS,
        ),
        Mistake(
            judging.UNASKED,
            None,
            "You send a word to PEs that had no load of it in that cycle, and there it takes the register of the word "
            "that they need. The list names the PEs whose loads became this one, no others.",
            CASTS,
        ),
        Mistake(
            judging.LOST,
            None,
            "The word is read once, and only one PE gets it; the others multiply with what they do not have. The "
            "merged "
            "load must name every PE that had a load of its own.",
            CASTS,
        ),
    ),
)


# ----------------------------------------------------------------------------------------------- 5. traffic


def in_order(schedule: Schedule) -> Schedule:
    return sorted(schedule, key=lambda entry: entry[0])


def counted(schedule: Schedule) -> dict[str, int]:
    """The reference: the machine's own books."""
    sizes, rows, columns = judging._sizes(schedule)
    moved = machine.run(judging.product(*sizes), rows, columns, schedule).moved
    names = {
        "filter": "reads of filter",
        "ifmap": "reads of ifmap",
        "writes": "writes of ofmap",
        "reads": "reads of ofmap",
    }
    return {name: moved.get(f"GLB {counter}", 0) for name, counter in names.items()}


def changed(**rules: Any) -> Any:
    """A model of `traffic` that gets some entries of the dictionary from `rules(schedule)`."""

    def model(schedule: Schedule) -> dict[str, int]:
        return counted(schedule) | {name: rule(schedule) for name, rule in rules.items()}

    return model


def deliveries(name: str) -> Any:
    return lambda schedule: sum(
        len(pe) if isinstance(pe[0], list | tuple) else 1
        for _, pe, op, word in schedule
        if op == "load" and word[0] == name
    )


def distinct(name: str) -> Any:
    return lambda schedule: len({tuple(word) for _, _, op, word in schedule if op == "load" and word[0] == name})


def stores(schedule: Schedule) -> int:
    return sum(op == "store" for _, _, op, _ in schedule)


def outputs(schedule: Schedule) -> int:
    return len({tuple(word) for _, _, op, word in schedule if op == "store"})


PARTS, WHOLE, ALONE = "sums leave in parts", "sums stay", "one load for each PE"


def hidden_traffic(rng: Rng) -> list[Case]:
    shapes = [tuple(int(x) for x in (*rng.integers(2, 5, 3), *rng.integers(2, 4, 2))) for _ in range(4)]
    return [
        Case((in_order(merged(MAKERS[WS_ORDER](*shapes[0]))),), PARTS),
        Case((in_order(merged(MAKERS[OS_ORDER](*shapes[1]))),), WHOLE),
        Case((in_order(MAKERS[IS_ORDER](*shapes[2])),), ALONE),
        Case((in_order(reduced(3, 3, 2, 3, 3)),), "sums that are passed on"),
        Case((in_order(MAKERS[OS_ORDER](1, 1, 1, 1, 1)),), "a single MAC"),
    ]


TRAFFIC = Question(
    name="traffic",
    function="traffic",
    prediction="A sum is stored in 3 parts. How many words of the ofmap does the GLB read and write for it, together?",
    answer=5,
    because="each part is a write, and all but the first are added to what is there, which is a read: 3 + 2.",
    reference=counted,
    public=(
        Case((in_order(merged(MAKERS[WS_ORDER](2, 3, 2, 2, 2))),), PARTS),
        Case((in_order(merged(MAKERS[OS_ORDER](2, 2, 3, 2, 2))),), WHOLE),
        Case((in_order(MAKERS[IS_ORDER](2, 2, 2, 1, 2)),), ALONE),
    ),
    hidden=hidden_traffic,
    mistakes=(
        Mistake(
            "a multicast counted as N reads",
            changed(filter=deliveries("filter"), ifmap=deliveries("ifmap")),
            "You counted a read for each PE that gets the word. The GLB reads once and the wires carry the word "
            "to all: N "
            "deliveries, one read. That is what makes multicast worth its wires.",
            CASTS,
        ),
        Mistake(
            "each word counted once",
            changed(filter=distinct("filter"), ifmap=distinct("ifmap")),
            "You counted different words. A word that was replaced in its register and is needed again is read "
            "again: it "
            "is loaded once per residence, not once ever.",
            STAYS,
        ),
        Mistake(
            "adding in the GLB is free",
            changed(reads=lambda schedule: 0),
            "The GLB holds a part of that sum already. To add to it, it must read it: every store of a word after the "
            "first is a write and a read. Reduction is never free; it is paid here or between the PEs.",
            STAYS,
        ),
        Mistake(
            "the first part read back too",
            changed(reads=stores),
            "You counted a read for every store. The first part of a sum meets nothing: there is no sum to read yet. "
            "Reads are the stores less the outputs.",
            STAYS,
        ),
        Mistake(
            "outputs counted, not stores",
            changed(writes=outputs, reads=lambda schedule: 0),
            "You counted the outputs of the layer. A sum that leaves its PE in parts is written once for each part.",
            STAYS,
        ),
    ),
)


# --------------------------------------------------------------------------------------------- 6. reduction


def reduced(M: int, C: int, P: int, rows: int, columns: int) -> Schedule:
    """The reference: C lies at the bottom of the column, so that no sum travels through PEs without work."""
    top, out = rows - C, []
    for m, c, p in itertools.product(range(M), range(C), range(P)):
        cycle, pe, word = p + c, (top + c, m), ("ofmap", m, p)
        out += [(cycle, pe, "load", ("filter", m, c))] * (p == 0)
        out += [(cycle, pe, "load", ("ifmap", c, p)), (cycle, pe, "mac", (m, c, p))]
        out.append((cycle, pe, "store", word) if c == C - 1 else (cycle, pe, "pass", (word, (top + c + 1, m))))
    return out


FULL, PART = "a full column", "a column longer than C"


def hidden_reductions(rng: Rng) -> list[Case]:
    rows, columns, P = (int(x) for x in rng.integers(3, 6, 3))
    return [
        Case((columns, rows, P, rows, columns), FULL),
        Case((columns, rows - 1, P, rows, columns), PART),
        Case((2, 1, P, rows, columns), "one word per pixel"),
        Case((1, rows, 1, rows, columns), "a single pixel"),
        Case((1, 1, 1, 1, 1), "a single MAC"),
        Case((1, 2, 12, 2, 1), "many pixels"),
    ]


REDUCTION = Question(
    name="reduction",
    function="reduction",
    prediction="A column of 4 PEs, C = 4, and 10 pixels. After how many cycles has the last sum left the array?",
    answer=13,
    because="the last pixel enters in the tenth cycle, and its sum needs 3 more hops: P + C - 1.",
    reference=reduced,
    public=(Case((2, 3, 4, 3, 2), FULL), Case((2, 2, 3, 4, 3), PART)),
    hidden=hidden_reductions,
    judge=judging.reduction,
    mistakes=(
        Mistake(
            judging.FREE,
            None,
            "All PEs of the column work on a pixel in the same cycle, as if their sums met at no cost. A sum "
            "needs a cycle "
            "for each hop, so it reaches row r in cycle p + r: that is when the PE there must do its MAC. Give "
            "each row its "
            "pixel one cycle after the row above, and addition costs no time of its own.",
            MEETS,
        ),
        Mistake(
            judging.HOPS,
            None,
            "A sum jumps over several PEs in one cycle. The wires of this array join neighbours: one hop per "
            "cycle, from "
            "row r to row r + 1. A longer way is paid in cycles.",
            FILLS,
        ),
        Mistake(
            judging.OWN,
            None,
            "The PEs send parts of a sum to the GLB, which adds them. In this task sums meet on the way down: "
            "pass each on "
            "to the PE below, which adds its own product, and only the last row stores.",
            MEETS,
        ),
        Mistake(
            judging.SHORT,
            None,
            "Your sums are complete in row C - 1 and are stored there, but only the last row of the array reaches the "
            "GLB. Where C is smaller than rows, pass them on through the rows below, which add nothing; each hop takes "
            "a cycle.",
            MEETS,
        ),
    ),
)


# --------------------------------------------------------------------------------------------------- 7. use


def busy(M: int, C: int, P: int, rows: int, columns: int) -> dict[str, float]:
    """The reference: the simulator's systolic array."""
    run = systolic.evaluate(systolic.Gemm("lab", pixels=P, window=C, filters=M), systolic.Systolic(rows, columns, "ws"))
    return {"cycles": run.cycles, "utilization": M * C * P / (rows * columns * run.cycles)}


def timed(cycles: Any) -> Any:
    """A model that has other cycles, and the utilization that follows from them."""

    def model(M: int, C: int, P: int, rows: int, columns: int) -> dict[str, float]:
        taken = cycles(M, C, P, rows, columns)
        return {"cycles": taken, "utilization": M * C * P / (rows * columns * taken)}

    return model


def tiles(M: int, C: int, rows: int, columns: int) -> int:
    return math.ceil(C / rows) * math.ceil(M / columns)


def mapped(M: int, C: int, P: int, rows: int, columns: int) -> dict[str, float]:
    """Utilization as the share of PEs that hold a weight, on average over tiles."""
    return busy(M, C, P, rows, columns) | {"utilization": M * C / (tiles(M, C, rows, columns) * rows * columns)}


def active(M: int, C: int, P: int, rows: int, columns: int) -> dict[str, float]:
    """Utilization of the first tile's PEs."""
    return busy(M, C, P, rows, columns) | {"utilization": min(M, columns) * min(C, rows) / (rows * columns)}


def hidden_uses(rng: Rng) -> list[Case]:
    rows, columns, P = (int(x) for x in rng.integers(2, 9, 3))
    down, across = (int(x) for x in rng.integers(2, 4, 2))
    return [
        Case((columns, rows, P, rows, columns), ONE),
        Case((columns * across, rows * down, P, rows, columns), SEVERAL),
        Case((columns * across + 1, rows * down - 1, P + 1, rows, columns), EDGE),
        Case((1, 1, 1, rows, columns + 1), "a single MAC"),
        Case((5, 3, 7, 1, 1), "a single PE"),
        Case((384, 2304, 169, 128, 128), "a real layer"),
    ]


USE = Question(
    name="use",
    function="use",
    prediction="128 filters of 128 words, 128 pixels, an array of 128 x 128 PEs: one tile that fills the array. What "
    "percentage of the PEs' cycles goes into MACs?",
    answer=25.1,
    because="the tile takes 128 + 128 + 127 + 127 = 510 cycles, and each PE multiplies in 128 of them.",
    reference=busy,
    public=(Case((4, 3, 5, 3, 4), ONE), Case((8, 6, 5, 2, 4), SEVERAL), Case((5, 3, 6, 2, 3), EDGE)),
    hidden=hidden_uses,
    mistakes=(
        Mistake(
            "cycles = MACs / PEs",
            timed(lambda M, C, P, rows, columns: math.ceil(M * C * P / (rows * columns))),
            "You divided the MACs by the PEs, which assumes that every PE multiplies in every cycle. Weights have "
            "to come "
            "in, the first pixel has to reach the far corner, and edge tiles leave PEs without work. That "
            "quotient is the "
            "bound that no schedule beats, not the time of this one.",
            FILLS,
        ),
        Mistake(
            "pixels alone",
            timed(lambda M, C, P, rows, columns: tiles(M, C, rows, columns) * P),
            "You gave a tile a cycle for each pixel. That is how long one PE multiplies. Before it the weights come "
            "down, rows cycles, and the last pixel reaches the far corner rows - 1 + columns - 1 cycles after the "
            "first PE.",
            FILLS,
        ),
        Mistake(
            "no fill and drain",
            timed(lambda M, C, P, rows, columns: tiles(M, C, rows, columns) * (rows + P)),
            "You counted loading and the stream, and left out the way across: the corner PE sees pixel p only "
            "rows - 1 + "
            "columns - 1 cycles after the first PE does. Look at the triangles without MACs in the picture.",
            FILLS,
        ),
        Mistake(
            "loading for free",
            timed(lambda M, C, P, rows, columns: tiles(M, C, rows, columns) * (P + rows + columns - 2)),
            "Each tile begins with rows cycles in which the weights come down, and no PE multiplies. They are missing.",
            FILLS,
        ),
        Mistake(
            "one cycle too many per tile",
            timed(lambda M, C, P, rows, columns: tiles(M, C, rows, columns) * (2 * rows + columns + P - 1)),
            "One cycle per tile too many. From row 0 to row rows - 1 there are rows - 1 hops, and columns - 1 across.",
            FILLS,
        ),
        Mistake(
            "edge tiles as fractions",
            timed(lambda M, C, P, rows, columns: max(1, (C // rows) * (M // columns)) * (2 * rows + columns + P - 2)),
            "You rounded the number of tiles down. What is left over at the edge is a tile too, and takes as long as a "
            "full one: round up, along the rows and along the columns.",
            BUSY,
        ),
        Mistake(
            "fill and drain once for all tiles",
            timed(lambda M, C, P, rows, columns: tiles(M, C, rows, columns) * P + 2 * rows + columns - 2),
            "You paid for loading, fill and drain once. Here tiles do not overlap: each loads its weights, fills "
            "and drains.",
            FILLS,
        ),
        Mistake(
            "C and M exchanged",
            timed(lambda M, C, P, rows, columns: tiles(M, C, columns, rows) * (2 * rows + P + columns - 2)),
            "You cut M by the rows and C by the columns. Here C lies along the rows and M along the columns: there are "
            "C / rows times M / columns tiles, each quotient rounded up.",
            FILLS,
        ),
        Mistake(
            "utilization in percent",
            lambda *sizes: busy(*sizes) | {"utilization": 100 * busy(*sizes)["utilization"]},
            "The number is right and a hundred times too large: the contract asks for a share from 0 to 1.",
            BUSY,
        ),
        Mistake(
            "utilization = mapped PEs / PEs",
            mapped,
            "You counted the PEs that hold a weight. A PE with a weight is not at work while weights are loaded "
            "and the "
            "array fills and drains. That is spatial utilization; asked is the share of all PEs' cycles that go "
            "into MACs.",
            BUSY,
        ),
        Mistake(
            "utilization of the first tile",
            active,
            "You took the share of PEs that the first tile covers. Edge tiles cover fewer, and no PE is busy in "
            "all cycles.",
            BUSY,
        ),
    ),
)


# -------------------------------------------------------------------------------------------------- 8. best


def known(M: int, C: int, P: int, rows: int, columns: int) -> int:
    """Words of the best schedule we know: the least of three dataflows over all logical tiles of that many PEs.

    With chains of PEs laid along the array in a line, sums of a tile that holds still weights or inputs meet on the
    way; the GLB adds what tiles leave over. Sums that stay cost no more than their stores.
    """
    pes = rows * columns
    cut = [(a, pes // a) for a in range(1, pes + 1)]
    partial = [M * P * (2 * math.ceil(C / b) - 1) for _, b in cut]
    outputs = [C * (M * math.ceil(P / b) + P * math.ceil(M / a)) + M * P for a, b in cut]
    weights = [M * C + C * P * math.ceil(M / a) + sums for (a, _), sums in zip(cut, partial, strict=True)]
    inputs = [C * P + M * C * math.ceil(P / a) + sums for (a, _), sums in zip(cut, partial, strict=True)]
    return min(*outputs, *weights, *inputs)


def best(M: int, C: int, P: int, rows: int, columns: int, known: int) -> Schedule:
    """The reference: sums stay, in tiles of the shape that reads least, laid along the PEs row by row."""
    cut = [(a, rows * columns // a) for a in range(1, rows * columns + 1)]
    a, b = min(cut, key=lambda tile: (M * math.ceil(P / tile[1]) + P * math.ceil(M / tile[0]), tile))
    out = []
    for m, c, p in itertools.product(range(M), range(C), range(P)):
        cycle = (m // a * math.ceil(P / b) + p // b) * C + c
        pe = divmod(m % a * b + p % b, columns)
        out += [
            (cycle, pe, "load", ("filter", m, c)),
            (cycle, pe, "load", ("ifmap", c, p)),
            (cycle, pe, "mac", (m, c, p)),
        ]
        out += [(cycle, pe, "store", ("ofmap", m, p))] * (c == C - 1)
    return merged(out)


def with_known(*shape: int) -> tuple[int, ...]:
    return (*shape, known(*shape))  # type: ignore[arg-type]


WIDE, UNEVEN = "an array much wider than tall", "sizes that do not divide"


def hidden_best(rng: Rng) -> list[Case]:
    """Shapes for which sums that stay, cut well, are the best known."""
    found: list[Case] = []
    for kind, arrays in (
        (WIDE, ((1, 6), (2, 8), (2, 10))),
        (UNEVEN, ((2, 6), (3, 7))),
        ("a tall array", ((8, 2), (6, 1))),
    ):
        while True:
            array = arrays[int(rng.integers(len(arrays)))]
            M, C, P = (int(x) for x in rng.integers((4, 5, 4), (9, 9, 9)))
            made = (M, C, P, *array, known(M, C, P, *array))
            own = C * (M * math.ceil(P / array[1]) + P * math.ceil(M / array[0])) + M * P  # a tile as the array is
            if words(best(*made)) == made[-1] and 1.1 < own / made[-1] <= 1.5:
                found.append(Case(made, kind))
                break
    return [*found, Case(with_known(1, 1, 1, 2, 3), "a single MAC"), Case(with_known(6, 7, 6, 1, 1), "a single PE")]


def words(schedule: Schedule) -> int:
    return sum(counted(schedule).values())


BEST = Question(
    name="best",
    function="best",
    prediction="16 PEs each work on another sum, with multicast: a tile of a filters by b pixels, a x b = 16. "
    "What is the "
    "smallest number of filter and ifmap words the GLB reads per cycle?",
    answer=8,
    because="it reads a + b words, 4 + 4 for a square tile; 2 by 8 takes 10, and 1 by 16 takes 17.",
    reference=best,
    public=(Case(with_known(4, 6, 4, 2, 8), WIDE), Case(with_known(8, 5, 6, 2, 6), UNEVEN)),
    hidden=hidden_best,
    judge=judging.best,
    mistakes=(
        Mistake(
            judging.UNSHARED,
            None,
            "Your schedule does the work, and moves more than 1.5 times the words of the best we know. In the "
            "counters look "
            "for the "
            "tensor that is read most: in how many PEs is each of its words needed in the same cycle, and in how many "
            "cycles running? One read can serve them all.",
            CASTS,
        ),
        Mistake(
            judging.SHAPE,
            None,
            "Your schedule does the work within 1.5 times the best known words. A multicast reaches any list of PEs, "
            "so the tile "
            "that the "
            "PEs work on need not be rows x columns. A tile of a by b sums reads a + b words per cycle for a x b MACs: "
            "which a and b, with as many PEs, read least, edge tiles included?",
            CASTS,
        ),
    ),
)

questions = (WS, OS, IS, MULTICAST, TRAFFIC, REDUCTION, USE, BEST)
