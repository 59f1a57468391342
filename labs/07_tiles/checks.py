"""What lab 7 asks, what a right answer is, and what each wrong one usually means. Students never see this file.

References count by walking or ask the simulator, and share no line with the solutions in `lab.py`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from autograder.questions import Case, Mistake, Question, given

judging, buffer, layers = (given(name, __file__) for name in ("judging", "buffer", "layers"))

PAGE = "08_tiles.html"
FOOTPRINTS = f'"The smallest example, by hand" in chapter 8 ({PAGE}#sec-footprints)'
HALO = f'"The halo" in chapter 8 ({PAGE}#sec-halo)'
CAPACITY = f'"What has to fit" in chapter 8 ({PAGE}#sec-capacity)'
DOUBLE = f'"Double buffering" in chapter 8 ({PAGE}#sec-double-buffering)'
ORDER = f'"The order of the tiles" in chapter 8 ({PAGE}#sec-loop-order)'
BIGGEST = f'"The biggest tile is not the best" in chapter 8 ({PAGE}#sec-biggest)'
IMPERFECT = f'"Sizes that do not divide" in chapter 8 ({PAGE}#sec-imperfect)'
FUSION = f'"Two layers in one pass" in chapter 8 ({PAGE}#sec-fusion)'

Layer = dict[str, int]
Words = dict[str, int]
Rng = Any


def sizes(N: int, M: int, C: int, P: int, Q: int, R: int, S: int) -> Layer:
    """The seven sizes as a dictionary."""
    return dict(N=N, M=M, C=C, P=P, Q=Q, R=R, S=S)


def draw(rng: Rng, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(rng.integers(low, high + 1))


def ceil(size: int, part: int) -> int:
    """How many parts cover a size."""
    return len(range(0, size, part))


# ------------------------------------------------------------------------------------------------- 1. footprint


def touched(outputs: int, kernel: int, stride: int) -> int:
    """Different input rows under some windows."""
    return len({stride * p + r for p in range(outputs) for r in range(kernel)})


def footprint(tile: Layer, stride: int) -> Words:
    """The reference."""
    return footprint_by(touched)(tile, stride)


def footprint_by(rows: Callable[[int, int, int], int], columns: Callable[[int, int, int], int] | None = None) -> Any:
    """A model of `footprint` that counts input rows, and columns if nothing else is said, by a rule."""

    def model(tile: Layer, stride: int) -> Words:
        N, M, C, P, Q, R, S = (tile[d] for d in "NMCPQRS")
        across = (columns or rows)(Q, S, stride)
        return {"ifmap": N * C * rows(P, R, stride) * across, "filter": M * C * R * S, "ofmap": N * M * P * Q}

    return model


def footprint_hidden(rng: Rng) -> list[Case]:
    """Other tiles of each public kind, and the corners."""
    k = draw(rng, 3, 6)
    return [
        Case((sizes(1, draw(rng, 2, 9), draw(rng, 2, 5), draw(rng, 3, 9), draw(rng, 10, 14), k, 2), 1), "stride 1"),
        Case((sizes(2, 3, draw(rng, 2, 5), draw(rng, 4, 8), 3, k + 1, k), 2), "stride above 1"),
        Case((sizes(1, 3, 4, draw(rng, 4, 8), 3, 5, 4), 3), "stride above 1"),
        Case((sizes(1, 2, 3, draw(rng, 3, 6), 7, 2, 1), 3), "windows that leave gaps"),
        Case((sizes(1, 1, 1, 1, 1, 1, 1), 1), "a single word"),
        Case((sizes(1, 7, 3, draw(rng, 5, 9), 1, 3, 5), 1), "a tile of one column"),
        Case((sizes(3, 96, 3, 5, 55, 11, 11), 4), "a real tile"),
    ]


FOOTPRINT = Question(
    name="footprint",
    function="footprint",
    prediction="A tile has 4 output rows of a 3x3 filter at stride 1. How many input rows does it need?",
    answer=6,
    because="the last of the four windows reaches two rows beyond the row where it starts.",
    reference=footprint,
    public=(
        Case((sizes(1, 4, 2, 4, 6, 3, 2), 1), "stride 1"),
        Case((sizes(2, 3, 2, 3, 4, 5, 3), 2), "stride above 1"),
        Case((sizes(1, 2, 3, 2, 4, 2, 1), 3), "windows that leave gaps"),
    ),
    hidden=footprint_hidden,
    mistakes=(
        Mistake(
            "halo forgotten",
            footprint_by(lambda P, R, u: u * P),
            "You gave the tile a stride of input for each output row and column, and no more. The last window reaches "
            "further: past its first row lie R - 1 more. Look at the last row of your picture: which window starts "
            "there, and where does it end?",
            HALO,
        ),
        Mistake(
            "output size for the input",
            footprint_by(lambda P, R, u: P),
            "You counted as many input words as output words, per channel. An output word needs a whole window of "
            "inputs, and windows overlap: 4 outputs of a 3-wide filter need 6 inputs.",
            FOOTPRINTS,
        ),
        Mistake(
            "stride left out",
            footprint_by(lambda P, R, u: P - 1 + R),
            "Right at stride 1. At stride 2 each further output row starts two input rows below the one before, so "
            "the windows of P rows spread over more input than P - 1 + R rows.",
            HALO,
        ),
        Mistake(
            "halo of R - 1 words at every stride",
            footprint_by(lambda P, R, u: u * P + R - 1),
            "You gave each of the P output rows a stride of input and then added R - 1. But the last window's own "
            "stride is part of its R rows, so you counted it twice. The windows start stride rows apart and the last "
            "is R rows high: stride*(P - 1) + R. At stride 1 the two are the same.",
            HALO,
        ),
        Mistake(
            "halo one stride too wide",
            footprint_by(lambda P, R, u: u * P + R),
            "You let the window move P times. For P outputs it moves P - 1 times and covers R rows where it stops: "
            "with one output row the tile needs R input rows, not stride + R.",
            HALO,
        ),
        Mistake(
            "halo along one side only",
            footprint_by(touched, lambda Q, S, u: u * Q),
            "Your rows have their halo and your columns have none. The window reaches beyond the tile to the right as "
            "it does below.",
            HALO,
        ),
        Mistake(
            "R and S exchanged",
            lambda tile, stride: footprint(tile | {"R": tile["S"], "S": tile["R"]}, stride),
            "Your rows go with the filter's columns and your columns with its rows. P and R belong to rows, Q and S to "
            "columns. With a square filter it does not show.",
            FOOTPRINTS,
        ),
        Mistake(
            "batch left out",
            lambda tile, stride: footprint(tile | {"N": 1}, stride),
            "You counted one image. A tile has N of them: inputs and sums for each. The weights are the same for all.",
            FOOTPRINTS,
        ),
        Mistake(
            "weights for each image",
            lambda tile, stride: footprint(tile, stride) | {"filter": tile["N"] * footprint(tile, stride)["filter"]},
            "You multiplied the weights by the images. N does not index the filter: all images use the same weights.",
            FOOTPRINTS,
        ),
        Mistake(
            "gaps counted",
            footprint_by(lambda P, R, u: u * (P - 1) + R),
            "You counted from the first row to the last. With a filter smaller than the stride, the rows between two "
            "windows are used by neither, and need not be in the buffer: count rows that some window covers.",
            FOOTPRINTS,
        ),
        Mistake(
            "a window for each output",
            footprint_by(lambda P, R, u: P * R),
            "You gave every output row its own R input rows. Where windows overlap these are the same words, and one "
            "copy of each is enough. That they can be shared is why tiles are worth having.",
            FOOTPRINTS,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------------ 3. cuts


def cuts(size: int, part: int) -> list[int]:
    """The reference: hand out the rows one by one."""
    tiles: list[int] = []
    for row in range(size):
        if row % part == 0:
            tiles.append(0)
        tiles[-1] += 1
    return tiles


def evenly(size: int, part: int) -> list[int]:
    """As many tiles as needed, as equal as can be."""
    number = ceil(size, part)
    return [size // number + (i < size % number) for i in range(number)]


def cuts_hidden(rng: Rng) -> list[Case]:
    """Other sizes of each public kind, and the corners."""
    part = draw(rng, 3, 9)
    return [
        Case((part * draw(rng, 3, 7), part), "a size that divides"),
        Case((part * draw(rng, 3, 7) + draw(rng, 1, part - 2), part), "a size that does not divide"),
        Case((part * 2 + part - 1, part), "a size that does not divide"),
        Case((draw(rng, 5, 9), 1), "tiles of one"),
        Case((part, part), "one tile"),
        Case((part + 1, part), "one row left over"),
        Case((1, 1), "one row"),
    ]


CUTS = Question(
    name="cuts",
    function="cuts",
    prediction="55 rows are cut into tiles of 8. How many rows has the last tile?",
    answer=7,
    because="six full tiles hold 48 rows, and 7 are left.",
    reference=cuts,
    public=(
        Case((13, 4), "a size that does not divide"),
        Case((12, 4), "a size that divides"),
        Case((11, 4), "a size that does not divide"),
    ),
    hidden=cuts_hidden,
    mistakes=(
        Mistake(
            "the remainder dropped",
            lambda size, part: [part] * (size // part),
            "You made size // part tiles: the full ones. The rows after the last of them belong to no tile and would "
            "never be computed. The layer needs one more tile, a smaller one, unless the size divides.",
            IMPERFECT,
        ),
        Mistake(
            "the last tile padded",
            lambda size, part: [part] * ceil(size, part),
            "You have the right number of tiles, and all of them full. The last reaches beyond the layer: a chip would "
            "compute rows that nobody asked for, and fetch the words for them. Give it only what is left.",
            IMPERFECT,
        ),
        Mistake(
            "tiles made equal",
            evenly,
            "You covered every row, with tiles as equal as possible. That is a reasonable way to cut, and not this "
            "one: here a loop steps by `part`, so every tile but the last has `part` rows.",
            IMPERFECT,
        ),
        Mistake(
            "the remainder added to the last tile",
            lambda size, part: [part] * (size // part - 1) + [part + size % part],
            "You put the rows left over into the last full tile. It then has more than `part` rows, and `part` was "
            "what fitted into the buffer.",
            IMPERFECT,
        ),
        Mistake(
            "an empty tile at the end",
            lambda size, part: [part] * (size // part) + [size % part],
            "Right whenever something is left over. When the size divides nothing is, and your last tile has 0 rows: a "
            "loop over it would fetch for nothing.",
            IMPERFECT,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------------ 2. fits

Fit = tuple[int, bool]


def fits(words: Words, bits: Words, word: int, capacity: int, double: bool) -> Fit:
    """The reference: lay out the bits and count the words that they touch."""
    copies = [words, words] if double else [words]
    length = sum(copy[name] * bits[name] for copy in copies for name in copy)
    need = ceil(length, word)
    return need, need <= capacity


def fits_by(length: Callable[..., float], allowed: Callable[[int, bool], int] | None = None) -> Any:
    """A model of `fits` with its own idea of the bits needed, and of the words there are."""

    def model(words: Words, bits: Words, word: int, capacity: int, double: bool) -> Fit:
        need = math.ceil(length(words, bits, word, 2 if double else 1) / word)
        return need, need <= (allowed(capacity, double) if allowed else capacity)

    return model


def all_bits(words: Words, bits: Words, word: int, copies: int) -> int:
    """Bits of all tensors, once."""
    return sum(words[name] * bits[name] for name in words)


def fits_down(words: Words, bits: Words, word: int, capacity: int, double: bool) -> Fit:
    """Rounded down."""
    need = all_bits(words, bits, word, 1) * (2 if double else 1) // word
    return need, need <= capacity


def fits_alone(words: Words, bits: Words, word: int, capacity: int, double: bool) -> Fit:
    """The room of all, but each tensor compared by itself."""
    need, _ = fits(words, bits, word, capacity, double)
    return need, all(fits({name: words[name]}, bits, word, capacity, double)[1] for name in words)


def fits_each(words: Words, bits: Words, word: int, capacity: int, double: bool) -> Fit:
    """Every tensor rounded up by itself."""
    need = sum(ceil(words[name] * bits[name] * (2 if double else 1), word) for name in words)
    return need, need <= capacity


def fits_tightly(words: Words, bits: Words, word: int, capacity: int, double: bool) -> Fit:
    """A full buffer refused."""
    need, _ = fits(words, bits, word, capacity, double)
    return need, need < capacity


def tile(ifmap: int, weights: int, ofmap: int) -> Words:
    """Words of three tensors."""
    return {"ifmap": ifmap, "filter": weights, "ofmap": ofmap}


SAME, WIDE, NARROW = tile(16, 16, 16), tile(16, 16, 32), tile(8, 8, 32)
FITS_KINDS = ("one width", "wide sums", "double buffering", "exactly full", "words that share a word", "three widths")


def exactly(words: Words, bits: Words, word: int, double: bool, short: int = 0) -> Case:
    """A buffer with just the room needed, or `short` words too few."""
    return Case((words, bits, word, fits(words, bits, word, 0, double)[0] - short, double), "exactly full")


def fits_hidden(rng: Rng) -> list[Case]:
    """Other tiles of each public kind, and the corners."""
    a, b, c = (draw(rng, 20, 90) for _ in range(3))
    return [
        Case((tile(a, b, c), SAME, 16, a + b + c + 9, False), "one width"),
        Case((tile(a, b, c), SAME, 16, a + b + c - 5, False), "one width"),
        Case((tile(b, a, c), WIDE, 16, a + b + c + c // 2, False), "wide sums"),
        Case((tile(a, c, b), WIDE, 16, 3 * (a + b + c) // 2 + b, True), "double buffering"),
        Case((tile(a, c, b), WIDE, 16, 2 * (a + 2 * b + c) + 40, True), "double buffering"),
        exactly(tile(a, b, c), NARROW, 16, True),
        exactly(tile(c, b, a), WIDE, 16, False),
        exactly(tile(b, c, a), WIDE, 16, True, short=1),
        Case((tile(2 * a + 1, 2 * b + 1, c), NARROW, 16, a + b + 2 * c + 2, False), "words that share a word"),
        Case((tile(2 * a + 1, 2 * b, c), NARROW, 16, a + b + 2 * c, False), "words that share a word"),
        Case((tile(a, b, c), tile(4, 8, 24), 32, a + b + c, True), "three widths"),
        Case((tile(0, 0, 0), WIDE, 16, 0, True), "nothing at all"),
        Case((tile(1, 1, 1), SAME, 16, 2, False), "a single word of each"),
        Case((tile(2160, 2304, 1456), WIDE, 16, 8192, False), "a real tile"),
    ]


FITS = Question(
    name="fits",
    function="fits",
    prediction="A buffer has 51,200 words. With double buffering, how many words may the tiles of one step take?",
    answer=25600,
    because="each tile is there twice, once in use and once arriving, so that one step has half of the buffer.",
    reference=fits,
    public=(
        Case((tile(60, 18, 24), SAME, 16, 90, False), "one width"),
        Case((tile(30, 24, 36), WIDE, 16, 120, False), "wide sums"),
        Case((tile(30, 24, 36), WIDE, 16, 200, True), "double buffering"),
        Case((tile(20, 30, 25), WIDE, 16, 90, True), "double buffering"),
        Case((tile(25, 24, 12), WIDE, 16, 146, True), "exactly full"),
        Case((tile(31, 27, 12), NARROW, 16, 52, False), "words that share a word"),
        Case((tile(7, 6, 10), NARROW, 16, 26, False), "words that share a word"),
    ),
    hidden=fits_hidden,
    mistakes=(
        Mistake(
            "room for one tensor only",
            fits_by(lambda w, b, word, f: f * max(w[name] * b[name] for name in w)),
            "You took the largest tensor alone. All three tiles are in the buffer at the same time, and share it: add "
            "them up before you compare.",
            CAPACITY,
        ),
        Mistake(
            "each tensor compared by itself",
            fits_alone,
            "Your room is right. But you asked of each tensor whether it fits, and all three are in the buffer at the "
            "same time: compare the sum with the capacity.",
            CAPACITY,
        ),
        Mistake(
            "double buffering doubles the capacity",
            fits_by(all_bits, lambda capacity, double: 2 * capacity if double else capacity),
            "You let the tiles take twice the capacity. No chip grows by that: double buffering keeps two copies of "
            "every tile in the same buffer, one in use and one arriving. It doubles what is needed.",
            DOUBLE,
        ),
        Mistake(
            "double buffering ignored",
            fits_by(all_bits),
            "Your room is the same with and without double buffering. While the multipliers work on one tile, the next "
            "one arrives, and it needs a place of its own: twice the room.",
            DOUBLE,
        ),
        Mistake(
            "half of the capacity, one copy",
            fits_by(all_bits, lambda capacity, double: capacity // 2 if double else capacity),
            "You halved the capacity and counted one copy. The same tiles fit, but asked is how many words of the "
            "buffer are taken: with double buffering both copies are in it. Double what is needed and leave the "
            "capacity as it is.",
            DOUBLE,
        ),
        Mistake(
            "sums at the width of the rest",
            fits_by(lambda w, b, word, f: f * all_bits(w, {**b, "ofmap": b["ifmap"]}, word, f)),
            "You counted the sums at the width of the inputs. In the buffer they are partial sums: hundreds of "
            "products added up, which need more bits than the output will have when it is done. Here bits['ofmap'] "
            "says how many.",
            CAPACITY,
        ),
        Mistake(
            "all words alike",
            fits_by(lambda w, b, word, f: f * word * sum(w.values())),
            "You added up words of different widths as if they were one. A 32-bit sum takes two words of 16 bits, and "
            "two 8-bit weights share one: go through bits, then divide by the width of a word.",
            CAPACITY,
        ),
        Mistake(
            "counted in bits",
            fits_by(lambda w, b, word, f: f * word * all_bits(w, b, word, f)),
            "Your number is the bits. The capacity is in words of the machine: divide by the width of one.",
            CAPACITY,
        ),
        Mistake(
            "a full buffer refused",
            fits_tightly,
            "Your room is right. A tile that needs exactly as many words as there are does fit: compare with <=.",
            CAPACITY,
        ),
        Mistake(
            "rounded down",
            fits_down,
            "The last bits got lost: // leaves out a word that is only partly used. It takes its room all the same, so "
            "round up, once, at the end.",
            CAPACITY,
        ),
        Mistake(
            "rounded for each tensor",
            fits_each,
            "You rounded up three times. Here the tiles lie bit after bit in the buffer, so only the end of the last "
            "is rounded. (A chip whose tensors start at whole words would do as you did.)",
            CAPACITY,
        ),
    ),
)


# --------------------------------------------------------------------------------------------------- 4. fetches


def fetches(order: list[str], steps: dict[str, int], letters: list[str]) -> int:
    """The reference: walk the loops and count how often another tile is wanted."""
    last, count = None, 0
    for at in itertools.product(*(range(steps[d]) for d in order)):
        wanted = [i for d, i in zip(order, at, strict=True) if d in letters]
        count += wanted != last
        last = wanted
    return count


def product(numbers: Any) -> int:
    """The product, 1 of nothing."""
    return math.prod(numbers)


def upto(order: list[str], letters: list[str]) -> int:
    """How many loops there are down to the innermost with one of the letters."""
    return max((i + 1 for i, d in enumerate(order) if d in letters), default=0)


def fetches_outside(order, steps, letters):
    """The innermost loop with one of the letters left out."""
    return product(steps[d] for d in order[: max(0, upto([d for d in order if steps[d] > 1], letters) - 1)])


def fetches_one_loop(order, steps, letters):
    """Only the innermost loop can give reuse."""
    return product(steps[d] for d in order[: len(order) - (order[-1] not in letters)])


def fetches_first(order, steps, letters):
    """Down to the first loop with one of the letters, seen from outside."""
    live = [d for d in order if steps[d] > 1]
    first = next((i + 1 for i, d in enumerate(live) if d in letters), 0)
    return product(steps[d] for d in live[:first])


IFMAP, WEIGHTS, OFMAP = list("NCPQRS"), list("MCRS"), list("NMPQ")


def fetches_hidden(rng: Rng) -> list[Case]:
    """Other loops of each public kind, and the corners."""
    a, b, c = (int(x) for x in 2 + rng.permutation(5)[:3])
    every = {"M": a, "C": b, "P": c}
    return [
        Case((list("MCP"), every, IFMAP), "a letter of the tensor innermost"),
        Case((list("CPM"), every, WEIGHTS), "a letter of the tensor innermost"),
        Case((list("CMP"), every, WEIGHTS), "another letter innermost"),
        Case((list("MPC"), every, OFMAP), "another letter innermost"),
        Case((list("PCM"), every, OFMAP), "other letters between"),
        Case((list("CPMQ"), {**every, "Q": 2}, WEIGHTS), "other letters between"),
        Case((list("CMPQ"), {**every, "Q": 3}, WEIGHTS), "two other letters innermost"),
        Case((list("MPC"), {**every, "C": 1}, WEIGHTS), "a letter that is not cut"),
        Case((list("CPM"), {**every, "P": 1}, IFMAP), "a letter that is not cut"),
        Case((list("MCP"), dict(M=1, C=1, P=1), OFMAP), "nothing is cut"),
        Case((list("C"), dict(C=a), OFMAP), "no letter of the tensor is cut"),
    ]


FETCHES = Question(
    name="fetches",
    function="fetches",
    prediction="Tiles come in the order M C P, P innermost: 6 of M, 8 of C, 13 of P. How often is a tile of the filter "
    "(indexed by M, C, R, S) fetched?",
    answer=48,
    because="P does not index the filter, so all 13 tiles of rows use the same weights: 6 x 8 fetches.",
    reference=fetches,
    public=(
        Case((list("MPC"), dict(M=3, P=2, C=4), WEIGHTS), "a letter of the tensor innermost"),
        Case((list("MCP"), dict(M=3, C=4, P=2), WEIGHTS), "another letter innermost"),
        Case((list("CPM"), dict(C=4, P=2, M=3), OFMAP), "other letters between"),
        Case((list("MCPQ"), dict(M=2, C=3, P=4, Q=5), WEIGHTS), "two other letters innermost"),
        Case((list("MPC"), dict(M=3, P=5, C=1), WEIGHTS), "a letter that is not cut"),
        Case((list("PCM"), dict(P=2, C=5, M=3), WEIGHTS), "other letters between"),
    ),
    hidden=fetches_hidden,
    mistakes=(
        Mistake(
            "reuse credited across a relevant loop",
            lambda order, steps, letters: product(steps[d] for d in order if d in letters),
            "You multiplied only the loops over the tensor's own letters, as if each of its tiles came once. A tile "
            "stays only as long as no loop inside asks for another one. When a letter of the tensor runs inside "
            "another loop, the tiles come again on every step of that loop.",
            ORDER,
        ),
        Mistake(
            "no reuse at all",
            lambda order, steps, letters: product(steps[d] for d in order),
            "You fetch a tile at every step. When only letters change that do not index the tensor, the tile in the "
            "buffer is still the one needed.",
            ORDER,
        ),
        Mistake(
            "the order read inside out",
            lambda order, steps, letters: fetches(order[::-1], steps, letters),
            "You read the loops from the wrong end. The order names the outermost first; the last one named changes at "
            "every step.",
            ORDER,
        ),
        Mistake(
            "a letter that is not cut ends the reuse",
            lambda order, steps, letters: product(steps[d] for d in order[: upto(order, letters)]),
            "You stopped at a loop of one step. It never moves, so it never asks for another tile: leave out the "
            "letters that are not cut before you look for the innermost of the tensor's.",
            ORDER,
        ),
        Mistake(
            "the innermost of its loops left out",
            fetches_outside,
            "You multiplied the loops outside the innermost one that indexes the tensor, and not that one itself. Each "
            "of its steps wants another tile.",
            ORDER,
        ),
        Mistake(
            "only the innermost loop gives reuse",
            fetches_one_loop,
            "You looked at the innermost loop alone. If the next one out does not index the tensor either, the tile "
            "stays through that one too; and a loop of one step hides nothing.",
            ORDER,
        ),
        Mistake(
            "stopped at the outermost of its loops",
            fetches_first,
            "You went from outside to the first loop that indexes the tensor. Look from inside: the innermost of its "
            "loops asks for another tile at each step, and so does everything outside of it.",
            ORDER,
        ),
    ),
)


# --------------------------------------------------------------------------------------------------- 5. traffic


def traffic(layer: Layer, tile: Words, order: str) -> Words:
    """The reference: the simulator's counts."""
    return {name: sum(pair) for name, pair in buffer.counts(layer, tile, order).items()}


def plain(layer: Layer, tile: Words, order: str, **other: Any) -> Words:
    """The closed form, in pieces that a mistake may change one of."""
    rules = {"steps": ceil, "again": again, "halo": kept_halo, "passes": lambda n: 2 * n - 1, **other}
    steps = {d: rules["steps"](layer[d], tile[d]) for d in buffer.CUT}
    times = {d: rules["again"](order.split(), steps, d) for d in buffer.CUT}
    columns = layer["stride"] * (layer["Q"] - 1) + layer["S"]
    rows = rules["halo"](layer, tile, order.split(), steps)
    return {
        "ifmap": layer["N"] * layer["C"] * rows * columns * times["M"],
        "filter": layer["M"] * layer["C"] * layer["R"] * layer["S"] * times["P"],
        "ofmap": layer["N"] * layer["M"] * layer["P"] * layer["Q"] * rules["passes"](times["C"]),
    }


def again(order: list[str], steps: dict[str, int], letter: str) -> int:
    """How often the tensor that a letter does not index is gone through."""
    inside = order[order.index(letter) + 1 :]
    return steps[letter] if any(steps[d] > 1 for d in inside) else 1


def every_row(layer: Layer) -> int:
    """Input rows of the layer."""
    return layer["stride"] * (layer["P"] - 1) + layer["R"]


def fetched_halo(layer: Layer, tile: Words, order: list[str], steps: dict[str, int]) -> int:
    """Input rows of all tiles, each with its whole halo."""
    return every_row(layer) + (steps["P"] - 1) * max(0, layer["R"] - layer["stride"])


def kept_halo(layer: Layer, tile: Words, order: list[str], steps: dict[str, int]) -> int:
    """Input rows, the halo fetched again only if other channels come between two tiles of rows."""
    between = steps["C"] > 1 and order.index("C") > order.index("P")
    return (fetched_halo if between else lambda layer, *_: every_row(layer))(layer, tile, order, steps)


def unless_cut(order: list[str], steps: dict[str, int], letter: str) -> int:
    """Every loop over another letter fetches again, wherever it stands."""
    others = [d for d in order if d != letter]
    return steps[letter] if any(steps[d] > 1 for d in others) else 1


def padded_tiles(layer: Layer, tile: Words, order: str) -> Words:
    """Every tile full."""
    return plain({**layer, **{d: ceil(layer[d], tile[d]) * tile[d] for d in buffer.CUT}}, tile, order)


def same_as_walk(layer: Layer, tile: Words, order: str) -> bool:
    """Whether the closed form holds: the first tile of rows shares nothing with the last when it comes round again."""
    return plain(layer, tile, order) == traffic(layer, tile, order)


ORDERS = [" ".join(order) for order in itertools.permutations(buffer.CUT)]
TRAFFIC_KINDS = ("P innermost", "C innermost", "M innermost")


def small_layer(rng: Rng, stride: int = 1) -> Layer:
    """A layer of a few hundred words."""
    R = draw(rng, stride, 4)
    return sizes(
        draw(rng, 1, 3), draw(rng, 6, 13), draw(rng, 6, 11), draw(rng, 9, 14), draw(rng, 2, 5), R, draw(rng, stride, 5)
    ) | {"stride": stride}


def random_traffic(rng: Rng, order: str, stride: int = 1) -> tuple[Layer, Words, str]:
    """A layer in at least three tiles along each of M, C and P."""
    layer = small_layer(rng, stride)
    tile = {"M": draw(rng, 1, layer["M"] // 3), "C": draw(rng, 1, layer["C"] // 3), "P": draw(rng, 2, layer["P"] // 3)}
    return layer, tile, order


def traffic_hidden(rng: Rng) -> list[Case]:
    """Other layers of each public kind in all orders, and the corners."""
    inner = dict(zip("PCM", TRAFFIC_KINDS, strict=True))
    cases = [Case(random_traffic(rng, order), inner[order[-1]]) for order in ORDERS]
    cases += [
        Case(random_traffic(rng, order, stride), "stride above 1") for order, stride in (("M C P", 2), ("M P C", 3))
    ]
    uncut = random_traffic(rng, "M P C")
    cases += [
        Case((uncut[0], {**uncut[1], "C": uncut[0]["C"]}, "P M C"), "a letter that is not cut"),
        Case((uncut[0], {**uncut[1], "P": uncut[0]["P"]}, "C M P"), "a letter that is not cut"),
        Case((uncut[0], {d: uncut[0][d] for d in "MCP"}, "C M P"), "one tile"),
        Case((uncut[0], {d: 1 if d == "C" else uncut[0][d] for d in "MCP"}, "C M P"), "only C is cut"),
        Case((layers.conv3, {"M": 100, "C": 32, "P": 4}, "M C P"), "a real layer"),
        Case((layers.conv3, {"M": 64, "C": 48, "P": 2}, "P C M"), "a real layer"),
    ]
    return [case for case in cases if same_as_walk(*case.args)]


LINE = sizes(1, 6, 4, 9, 2, 3, 1) | {"stride": 1}
STRIDED = sizes(2, 5, 4, 7, 3, 5, 2) | {"stride": 2}
TRAFFIC = Question(
    name="traffic",
    function="traffic",
    prediction="A layer's sums leave the buffer unfinished: C is cut into 8 tiles and another loop runs inside. How "
    "many times does each sum cross between buffer and DRAM, both directions together?",
    answer=15,
    because="it is written 8 times and read back 7 times; the first time there is nothing to read.",
    reference=traffic,
    public=(
        Case((LINE, {"M": 2, "C": 2, "P": 3}, "M C P"), "P innermost"),
        Case((LINE, {"M": 2, "C": 2, "P": 3}, "M P C"), "C innermost"),
        Case((LINE, {"M": 2, "C": 2, "P": 3}, "P C M"), "M innermost"),
        Case((LINE, {"M": 4, "C": 3, "P": 2}, "C M P"), "P innermost"),
        Case((STRIDED, {"M": 2, "C": 1, "P": 2}, "P M C"), "stride above 1"),
        Case((LINE, {"M": 2, "C": 4, "P": 2}, "P M C"), "a letter that is not cut"),
    ),
    hidden=traffic_hidden,
    mistakes=(
        Mistake(
            "reuse credited across a relevant loop",
            lambda layer, tile, order: plain(
                layer, tile, order, again=lambda *_: 1, halo=lambda layer, *_: every_row(layer)
            ),
            "Every word crosses once in your count, whatever the order: the least there can be. That needs a buffer "
            "that holds everything. Ask of each tensor: which loops outside its innermost own loop make its tiles come "
            "again?",
            ORDER,
        ),
        Mistake(
            "order ignored",
            lambda layer, tile, order: plain(layer, tile, order, again=unless_cut),
            "You fetch the filter anew for every tile of P, the ifmap for every tile of M and the sums for every tile "
            "of C, in any order. When that loop is innermost nothing else changes meanwhile, and the tile stays.",
            ORDER,
        ),
        Mistake(
            "the halo fetched again",
            lambda layer, tile, order: plain(layer, tile, order, halo=fetched_halo),
            "You fetch each tile's rows with the whole halo, also when the next tile of rows comes straight after. The "
            "words that both tiles use are still in the buffer then; only what is new is fetched. (Some simulators do "
            "count as you did, and say so.)",
            HALO,
        ),
        Mistake(
            "the halo always kept",
            lambda layer, tile, order: plain(layer, tile, order, halo=lambda layer, *_: every_row(layer)),
            "You read each input row once per pass, also when C runs inside P. Then the tiles of other channels come "
            "between two tiles of rows, and the rows they share have left the buffer: the halo is fetched again.",
            HALO,
        ),
        Mistake(
            "sums never read back",
            lambda layer, tile, order: plain(layer, tile, order, passes=lambda n: n),
            "You count the sums on their way out only. A sum that left unfinished must come back before more can be "
            "added: n rounds are n writes and n - 1 reads.",
            ORDER,
        ),
        Mistake(
            "sums read before the first round",
            lambda layer, tile, order: plain(layer, tile, order, passes=lambda n: 2 * n),
            "You read the sums once too often. In the first round there is nothing to read: they start from zero in "
            "the buffer, and zero costs nothing.",
            ORDER,
        ),
        Mistake(
            "sums written once",
            lambda layer, tile, order: plain(layer, tile, order, passes=lambda n: 1),
            "You write every sum once, when it is done. It can stay until then only if no other loop that is cut runs "
            "inside C; else its place is needed for other sums in between.",
            ORDER,
        ),
        Mistake(
            "the remainder dropped",
            lambda layer, tile, order: plain(layer, tile, order, steps=lambda size, part: size // part),
            "Your number of tiles is rounded down, so what is left over has no tile. The passes you count are too few "
            "wherever a size does not divide.",
            IMPERFECT,
        ),
        Mistake(
            "the last tile padded",
            padded_tiles,
            "You count the last tile as large as the others. Where the size does not divide it is smaller, and fewer "
            "words move.",
            IMPERFECT,
        ),
        Mistake(
            "the order read inside out",
            lambda layer, tile, order: plain(layer, tile, " ".join(reversed(order.split()))),
            "You read the order from the wrong end: it names the outermost loop first.",
            ORDER,
        ),
        Mistake(
            "batch left out",
            lambda layer, tile, order: plain(layer | {"N": 1}, tile, order),
            "You counted one image. N is not cut here, so every tile of inputs and of sums has all N images in it; the "
            "weights serve them all.",
            ORDER,
        ),
        Mistake(
            "a letter that is not cut ends the reuse",
            lambda layer, tile, order: plain(
                layer, tile, order, again=lambda o, steps, d: steps[d] if o.index(d) < len(o) - 1 else 1
            ),
            "A loop of one step changes nothing, and you let it end the reuse. Look only at the letters that are cut "
            "when you ask what runs inside.",
            ORDER,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------------ 6. fuse

Plan = list[dict[str, list[int]]]


def fuse(first: Layer, second: Layer, rows: int, keep: bool) -> Plan:
    """One right plan: walk the tiles and take what is not there yet."""
    plan, made, came = [], set(), set()
    for start in range(0, second["P"], rows):
        out = set(range(start, min(start + rows, second["P"])))
        make = judging.window_rows(out, second) - made
        read = judging.window_rows(make, first) - came
        plan.append({"read": sorted(read), "make": sorted(make), "out": sorted(out)})
        if keep:
            made, came = made | make, came | read
    return plan


def rows_of(R: int, stride: int, P: int) -> Layer:
    """What matters of a layer when whole rows are cut."""
    return {"P": P, "R": R, "stride": stride}


def chain(R1: int, u1: int, R2: int, u2: int, P: int) -> tuple[Layer, Layer]:
    """Two layers, the second with P rows, the first with the rows it needs."""
    return rows_of(R1, u1, u2 * (P - 1) + R2), rows_of(R2, u2, P)


FUSE_KINDS = ("border computed again", "border kept")


def fuse_hidden(rng: Rng) -> list[Case]:
    """Other chains with and without keeping, strides, a 1x1 layer, and the corners."""
    cases = []
    for kind, keep in zip(FUSE_KINDS, (False, True), strict=True):
        part = draw(rng, 2, 4)
        P = 3 * part + draw(rng, 1, part - 1)
        cases += [
            Case((*chain(3, 1, draw(rng, 3, 5), 1, P), part, keep), kind),
            Case((*chain(draw(rng, 4, 5), 1, 2, 1, 3 * part), part, keep), kind),
            Case((*chain(5, 2, 3, 2, P), part, keep), "stride above 1"),
            Case((*chain(1, 1, 3, 1, P), part, keep), "a 1x1 layer first"),
            Case((*chain(3, 1, 1, 1, P), part, keep), "a 1x1 layer second"),
            Case((*chain(3, 1, 3, 1, 4), 4, keep), "one tile"),
            Case((*chain(3, 1, 3, 1, 3), 1, keep), "tiles of one row"),
        ]
    return cases


FUSE = Question(
    name="fuse",
    function="fuse",
    prediction="Two 3x3 layers of stride 1 run fused, and each tile of 14x14 final outputs computes its own border. "
    "How many rows of the first layer's input does a tile need?",
    answer=18,
    because="14 outputs need 16 rows of the first layer's output, and those need 18 of its input: the halo grows.",
    reference=fuse,
    public=(
        Case((*chain(3, 1, 3, 1, 7), 3, False), "border computed again"),
        Case((*chain(3, 1, 3, 1, 7), 3, True), "border kept"),
        Case((*chain(3, 2, 5, 2, 4), 2, False), "stride above 1"),
        Case((*chain(3, 2, 5, 2, 4), 2, True), "stride above 1"),
    ),
    hidden=fuse_hidden,
    judge=judging.fused,
    mistakes=(
        Mistake(
            "halo of the second layer forgotten",
            None,
            "A tile of the second layer's outputs looks through windows at the first layer's output, and its last "
            "window reaches further than the tile. The rows it needs there are stride*p to stride*p + R - 1 for each "
            "output row p.",
            FUSION,
        ),
        Mistake(
            "halo of the first layer forgotten",
            None,
            "The rows of the first layer's output that you compute have windows of their own, on the input. Work out "
            "which input rows they need in the same way: the halo grows with each layer that is fused.",
            FUSION,
        ),
        Mistake(
            "a border that is no longer there",
            None,
            "With keep False the buffer is empty when a tile begins. The rows that the tile before had are gone: each "
            "tile computes its own border again, and reads what that needs.",
            FUSION,
        ),
        Mistake(
            "kept rows computed again",
            None,
            "With keep True the rows of the first layer's output that this tile shares with the one before are still "
            "in the buffer. Computing them again gives the right result, and is the work that keeping them was to "
            "save.",
            FUSION,
        ),
        Mistake(
            "kept rows read again",
            None,
            "With keep True the input rows that this tile shares with the one before are still in the buffer. Read "
            "only those that are new.",
            FUSION,
        ),
        Mistake(
            "the last rows are dropped",
            None,
            "The number of tiles was rounded down. The rows left over need a tile of their own, a smaller one.",
            IMPERFECT,
        ),
        Mistake(
            "a last tile as large as the others",
            None,
            "The last tile reaches beyond the layer. It has only the rows that are left.",
            IMPERFECT,
        ),
        Mistake(
            "first and last instead of all rows",
            None,
            "You give two numbers where a list of rows is asked, the first and where it ends. Write all rows out: "
            "list(range(first, end)).",
            FUSION,
        ),
        Mistake(
            "layer after layer",
            None,
            "You compute the whole first layer before the second begins. That is what fusing is to avoid: its output "
            "would have to fit on the chip, or go to DRAM and come back.",
            FUSION,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------- 7. best_tile

Machine = dict[str, Any]
Choice = dict[str, Any]


def part_sizes(size: int) -> list[int]:
    """The smallest size for each number of tiles: a larger one with as many tiles needs room for nothing."""
    return sorted({ceil(size, number) for number in range(1, size + 1)})


def tiles_that_fit(layer: Layer, machine: Machine) -> Iterator[Words]:
    """Every tile of the lab's space that fits."""
    columns = layer["stride"] * (layer["Q"] - 1) + layer["S"]
    room = machine["capacity"] * machine["word"] // (2 if machine["double"] else 1)
    bits = machine["bits"]
    for M, C, P in itertools.product(*(part_sizes(layer[d]) for d in buffer.CUT)):
        rows = layer["stride"] * (P - 1) + layer["R"]
        ifmap, ofmap = layer["N"] * C * rows * columns, layer["N"] * M * P * layer["Q"]
        weights = M * C * layer["R"] * layer["S"]
        if ifmap * bits["ifmap"] + weights * bits["filter"] + ofmap * bits["ofmap"] <= room:
            yield {"M": M, "C": C, "P": P}


def search(layer: Layer, machine: Machine) -> tuple[int, Words, str]:
    """The fewest words, with their tile and order: all tiles, all orders, by the closed form, then counted exactly."""
    best = min(
        (sum(plain(layer, tile, order).values()), *tile.values(), order)
        for tile in tiles_that_fit(layer, machine)
        for order in ORDERS
    )
    tile = dict(zip(buffer.CUT, best[1:4], strict=True))
    return buffer.moved(layer, tile, best[4]), tile, best[4]


def best_tile(layer: Layer, machine: Machine, best: int) -> Choice:
    """The reference."""
    _, tile, order = search(layer, machine)
    return {"tile": tile, "order": order}


def machine(capacity: int, double: bool) -> Machine:
    """A buffer of 16-bit words with 32-bit sums."""
    return {"capacity": capacity, "word": 16, "bits": dict(layers.wide), "double": double}


def posed(layer: Layer, there: Machine, kind: str) -> Case:
    """A case with its best tile looked up, or searched if the layer is small."""
    key = (*layer.values(), there["capacity"], there["double"])
    return Case((layer, there, KNOWN[key] if key in KNOWN else search(layer, there)[0]), kind)


def best_hidden(rng: Rng) -> list[Case]:
    """Real layers in other buffers, and small ones with odd sizes."""
    odd = sizes(1, draw(rng, 9, 23), draw(rng, 7, 19), draw(rng, 7, 13), draw(rng, 5, 9), 3, 2) | {"stride": 1}
    strided = sizes(1, draw(rng, 9, 17), draw(rng, 7, 13), draw(rng, 7, 11), draw(rng, 5, 9), 3, 3) | {"stride": 2}
    pick = REAL[draw(rng, 0, len(REAL) - 1)]
    return [
        posed(odd, machine(draw(rng, 500, 900), False), "a small layer"),
        posed(
            layers.conv3,
            machine(*((16_384, False), (102_400, True), (25_600, True))[draw(rng, 0, 2)]),
            "a layer of AlexNet",
        ),
        posed(strided, machine(draw(rng, 1200, 1900), True), "stride above 1"),
        posed(*pick),
        posed(odd, machine(100_000, True), "a layer that fits whole"),
    ]


def convolution(M: int, C: int, side: int, R: int, stride: int = 1) -> Layer:
    """A square layer of a published network."""
    return sizes(1, M, C, side, side, R, R) | {"stride": stride}


RESNET = (convolution(512, 256, 28, 1), machine(51_200, True), "a 1x1 layer of ResNet-50")
DOWN = (convolution(128, 128, 28, 3, 2), machine(25_600, False), "a layer of ResNet-50 with stride 2")
EARLY = (dict(layers.vgg), machine(65_536, True), "an early layer of VGG-16")
REAL = (RESNET, DOWN, EARLY)

# Found by `search`, which tries every tile and order; tests/labs/test_lab07_tiles.py searches again and must agree.
KNOWN: dict[tuple[Any, ...], int] = {
    # N, M, C, P, Q, R, S, stride, capacity, double: words moved by the best tile, which is
    (1, 384, 256, 13, 13, 3, 3, 1, 51200, True): 1266816,  # M1 C86 P13, C M P
    (1, 24, 10, 13, 12, 3, 3, 1, 1600, False): 10164,  # M1 C10 P7, C P M
    (1, 384, 256, 13, 13, 3, 3, 1, 16384, False): 1396608,  # M1 C64 P13, C M P
    (1, 384, 256, 13, 13, 3, 3, 1, 102400, True): 1122432,  # M128 C1 P13, M C P
    (1, 384, 256, 13, 13, 3, 3, 1, 25600, True): 1526400,  # M1 C52 P13, C M P
    (1, 512, 256, 28, 28, 1, 1, 1, 51200, True): 1912832,  # M1 C256 P3, C P M
    (1, 128, 128, 28, 28, 3, 3, 2, 25600, False): 1727744,  # M64 C1 P6, M P C
    (1, 64, 64, 224, 224, 3, 3, 1, 65536, True): 17031424,  # M1 C32 P2, C P M
}

BEST_TILE = Question(
    name="best_tile",
    function="best_tile",
    prediction="AlexNet's conv3 must move at least 1,007,232 words between DRAM and any buffer. How many times as many "
    "does the best tile move in a double-buffered buffer of 51,200 words of 16 bits, with sums of 32 bits?",
    answer=1.26,
    because="the best tile known moves 1,266,816 words: the room goes to the inputs, and the sums come back twice. "
    "(Chapter 8 has sums of 16 bits, and a lower number.)",
    reference=best_tile,
    public=(
        posed(dict(layers.small), dict(layers.scant), "a small layer"),
        posed(dict(layers.conv3), dict(layers.eyeriss), "a layer of AlexNet"),
    ),
    hidden=best_hidden,
    judge=judging.good_tile,
    mistakes=(
        Mistake(
            "halo forgotten in the room",
            None,
            "Your tile would fit if the input had no halo. It has: P output rows need stride*(P - 1) + R input rows, "
            "and columns likewise.",
            HALO,
        ),
        Mistake(
            "sums at the width of a word",
            None,
            "Your tile would fit if a sum took one word. Here it has 32 bits and takes two.",
            CAPACITY,
        ),
        Mistake(
            "the second copy forgotten",
            None,
            "Your tile would fit once. With double buffering the next tile arrives while this one is used, so it must "
            "fit twice.",
            DOUBLE,
        ),
        Mistake(
            "room for one tensor only",
            None,
            "Each tensor's tile would fit by itself. They share one buffer and are there at the same time.",
            CAPACITY,
        ),
        Mistake(
            "several slips at once",
            None,
            "The tile would fit if halo, second copy and wide sums took no room, and not with one of these slips "
            "alone. Lay your own count of the room beside the words told here, tensor by tensor; buffer.need gives "
            "their sum.",
            CAPACITY,
        ),
        Mistake(
            "larger than the buffer",
            None,
            "No tensor's tile is small enough. Compare what a tile needs with the capacity before you look at what it "
            "moves.",
            CAPACITY,
        ),
        Mistake(
            "tile after tile in a poor order",
            None,
            "The same tile moves clearly fewer words in another order. Try all six for each tile: the loop that runs "
            "innermost decides which tensor stays.",
            ORDER,
        ),
        Mistake(
            "the fullest tile taken for the best",
            None,
            "Your tile fills the buffer, and still moves more than need be. A full buffer is no measure: what counts "
            "is how often each tensor is fetched, and that follows from the number of tiles along each letter. Compare "
            "the words moved, not the words held.",
            BIGGEST,
        ),
        Mistake(
            "a poor shape of tile",
            None,
            "There is a tile of another shape that moves fewer words. Of the words read and written, see which tensor "
            "has most, and which letter's tiles make it come again; then give the room to that letter.",
            BIGGEST,
        ),
    ),
)


questions = (FOOTPRINT, FITS, CUTS, FETCHES, TRAFFIC, FUSE, BEST_TILE)
