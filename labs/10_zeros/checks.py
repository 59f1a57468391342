"""What lab 10 asks, what a right answer is, and what each wrong one usually means. Students never see this file.

Streams, PEs, walks and plans have a judge in `given/judging.py`, since many right answers exist or their parting place
is worth telling; sizes are compared. References share no line with the solutions in `lab.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from accelsim.formats import Bitmask
from accelsim.formats.bits import clog2
from autograder.questions import Case, Mistake, Question, given

judging, machine = given("judging", __file__), given("machine", __file__)

PAGE = "11_zeros.html"
MASKS = f'"The smallest example, by hand: one row, several codes" in chapter 11 ({PAGE}#sec-bitmask)'
RUNS = f'"Runs" in chapter 11 ({PAGE}#sec-rlc)'
ROWS = f'"Coordinates" in chapter 11 ({PAGE}#sec-csr)'
GATES = f'"Gate or skip" in chapter 11 ({PAGE}#sec-gating-skipping)'
SLOWEST = f'"The slowest decides" in chapter 11 ({PAGE}#sec-imbalance)'
PAIRS = f'"Two operands" in chapter 11 ({PAGE}#sec-intersection)'
LOSES = f'"When sparse loses" in chapter 11 ({PAGE}#sec-when-sparse-loses)'

Array = Any
Rng = np.random.Generator
Plan = list[tuple[str, int]]


def sprinkled(rng: Rng, density: float, *shape: int, most: int = 16) -> Array:
    """Random whole numbers, each nonzero with that chance; at least one is, and at least one is not."""
    values = rng.integers(1, most, shape) * (rng.random(shape) < density)
    flat = values.reshape(-1)
    flat[rng.integers(0, flat.size // 2)] = rng.integers(1, most)
    flat[flat.size // 2 + rng.integers(0, flat.size - flat.size // 2)] = 0
    return values


def tailed(values: Array, zeros: int) -> Array:
    """The values with zeros after the last."""
    return np.concatenate([values, np.zeros(zeros, int)])


# ------------------------------------------------------------------------------------------------ 1. bit masks


def mask_bits(values: Array, width: int) -> str:
    """The stream as accelsim writes it."""
    return "".join(map(judging.bits_of, Bitmask(width).encode(values.astype("uint16")).sections))


def bitmask(values: Array, width: int, bits: str, count: int) -> tuple[str, list[int]]:
    """The reference: one stream written, another read."""
    words = iter(range(count, len(bits), width))
    at = [next(words) if bit == "1" else None for bit in bits[:count]]
    return mask_bits(values, width), [0 if i is None else int(bits[i : i + width], 2) for i in at]


def mask_case(values: Sequence[int] | Array, width: int, other: Sequence[int] | Array, kind: str) -> Case:
    """A case that writes the first values and reads the others."""
    values, other = np.asarray(values, int), np.asarray(other, int)
    return Case((values, width, mask_bits(other, width), len(other)), kind)


MASK_KINDS = ("zeros here and there", "no zero at all", "zeros at the end")


def hidden_masks(rng: Rng) -> list[Case]:
    """Fresh numbers of each kind, the corners, and real activations."""
    n, zeros, width = (int(x) for x in rng.integers((7, 2, 3), (16, 6, 9)))
    most = 2**width
    real = machine.activations("conv2", int(rng.integers(0, 400)))
    return [
        mask_case(
            sprinkled(rng, 0.5, n, most=most), width, sprinkled(rng, 0.4, n + 3, most=most), "zeros here and there"
        ),
        mask_case(rng.integers(1, most, n), width, rng.integers(1, most, n - 2), "no zero at all"),
        mask_case(
            tailed(rng.integers(1, most, n), zeros),
            width,
            tailed(sprinkled(rng, 0.5, n, most=most), zeros + 1),
            "zeros at the end",
        ),
        mask_case([], width, [], "no value"),
        mask_case(np.zeros(n), width, np.zeros(n + 2), "all zero"),
        mask_case([most - 1], width, [0], "one value"),
        mask_case(real[0], 12, real[1], "real activations"),
    ]


BITMASK = Question(
    name="bitmask",
    function="bitmask",
    prediction="1,000 words of 16 bits, 100 of them not zero. How many bits does the stream have?",
    answer=2600,
    because="a bit for each of the 1,000 words, and 16 bits for each of the 100 nonzeros.",
    reference=bitmask,
    public=(
        mask_case([0, 0, 5, 0, 9, 1], 4, [3, 0, 0, 8, 1], MASK_KINDS[0]),
        mask_case([6, 1, 3], 3, [1, 7], MASK_KINDS[1]),
        mask_case([0, 2, 0, 13, 0, 0, 0], 4, [11, 0, 4, 0, 0], MASK_KINDS[2]),
    ),
    hidden=hidden_masks,
    judge=judging.bitmask,
    mistakes=(
        Mistake(
            "metadata is free",
            None,
            "Your stream holds the nonzeros and nothing that says where they belong, so [5, 0, 9] and [5, 9, 0] look "
            "the same. The place of each zero has to be stored too: here, one bit for every value, before the values.",
            MASKS,
        ),
        Mistake(
            "trailing zeros lost",
            None,
            "The zeros after the last nonzero are missing. They need no value, but they need their bit in the mask "
            "(and their place in what you read back): the reader finds the first value right after the mask, so a "
            "mask that ends early shifts every bit behind it.",
            MASKS,
        ),
        Mistake(
            "mask upside down",
            None,
            "Your mask has a 1 for each zero. In this format a 1 says that a value is stored, so the number of ones is "
            "the number of values that follow.",
            MASKS,
        ),
        Mistake(
            "zeros stored too",
            None,
            "You wrote the mask and then every value, the zeros among them. The mask already says where they are; with "
            "the zeros stored as well the stream is always longer than the dense tensor.",
            MASKS,
        ),
        Mistake(
            "as many bits as a value needs",
            None,
            "You wrote each value in as few bits as it takes, 1 as 1 and 5 as 101. Nothing then says where one ends "
            "and the next begins: every value has `width` bits, zeros in front if need be.",
            MASKS,
        ),
        Mistake(
            "last bit first",
            None,
            "The mask is right, and the bits of each value stand backwards: 5 in four bits is 0101, highest bit first.",
            MASKS,
        ),
        Mistake(
            "mask mixed with the values",
            None,
            "You put each bit of the mask beside its value. That can be decoded, but it is another format: here the "
            "whole mask comes first, so that a PE can look through 16 positions at once without meeting a value.",
            MASKS,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------ 2. run lengths


def pairs_of(values: Array, run_bits: int) -> list[tuple[int, int]]:
    """The pairs as accelsim writes them: never a filler where none is needed."""
    full, pairs, run = 2**run_bits, [], 0
    for value in values.tolist():
        if value:
            pairs += [(full - 1, 0)] * (run // full) + [(run % full, value)]
        run = 0 if value else run + 1
    tail = [(full - 1, 0)] * (run // full) + ([(run % full - 1, 0)] if run % full else [])
    return pairs + tail


def rlc(values: Array, run_bits: int, pairs: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], list[int]]:
    """The reference: pairs written, and other pairs read."""
    back: list[int] = []
    for run, value in pairs:
        back.extend(itertools.repeat(0, run))
        back.append(value)
    return pairs_of(values, run_bits), back


def run_case(values: Sequence[int] | Array, run_bits: int, other: Sequence[int] | Array, kind: str) -> Case:
    """A case that writes the first values and reads the others."""
    return Case((np.asarray(values, int), run_bits, pairs_of(np.asarray(other, int), run_bits)), kind)


RUN_KINDS = ("runs that fit", "a run longer than the field", "runs that just fill the field", "zeros at the end")


def hidden_runs(rng: Rng) -> list[Case]:
    """Fresh numbers of each kind, the corners, and real activations."""
    a, b, c = (int(x) for x in rng.integers(1, 99, 3))
    bits, zeros = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    full = 2**bits
    real = machine.activations("conv2", int(rng.integers(0, 400)))
    return [
        run_case([0, a, 0, 0, b, c], bits, [a, 0, b], RUN_KINDS[0]),
        run_case([0] * (2 * full + zeros) + [a, b], bits, [0] * (full + 1) + [c], RUN_KINDS[1]),
        run_case([a] + [0] * (full - 1) + [b] + [0] * full + [c], bits, [0] * full + [a], RUN_KINDS[2]),
        run_case([a, 0, b] + [0] * zeros, bits, [c] + [0] * (zeros + 1), RUN_KINDS[3]),
        run_case([a] + [0] * (3 * full), bits, [0] * full, "zeros at the end, more than the field"),
        run_case([], bits, [], "no value"),
        run_case([0] * (full + zeros), bits, [0], "all zero"),
        run_case([a, b, c], 1, [c, b, a], "no zero at all"),
        run_case([0], bits, [a], "one value"),
        run_case(real[0], bits, real[1], "real activations"),
    ]


RLC = Question(
    name="rlc",
    function="rlc",
    prediction="40 zeros and then a 7, with a run field of 4 bits. How many pairs?",
    answer=3,
    because="a full pair covers 15 zeros and one more: two of them cover 32, and (8, 7) the rest.",
    reference=rlc,
    public=(
        run_case([0, 0, 7, 9, 0, 4], 2, [0, 3, 0, 0, 5], RUN_KINDS[0]),
        run_case([0, 0, 0, 0, 0, 0, 0, 0, 0, 7], 2, [0, 0, 0, 0, 0, 8, 1], RUN_KINDS[1]),
        run_case([0, 0, 0, 6, 0, 0, 0, 0, 2], 2, [0, 0, 0, 0, 9], RUN_KINDS[2]),
        run_case([4, 0, 8, 0, 0], 2, [5, 0, 0, 0], RUN_KINDS[3]),
    ),
    hidden=hidden_runs,
    judge=judging.rlc,
    mistakes=(
        Mistake(
            "run longer than the field",
            None,
            "A run is larger than its field can say. A field of 2 bits counts 0 to 3; what does not fit is cut off in "
            "the hardware without a word, and every later value moves. Break the run: a full one with the value 0, "
            "then go on counting from nothing.",
            RUNS,
        ),
        Mistake(
            "a zero level stands for nothing",
            None,
            "You treat the 0 in a pair such as (3, 0) as if nothing stood there. It is a value like any other: the "
            "pair covers three zeros and a fourth. Reader and writer must agree on that, or everything after it is "
            "shifted.",
            RUNS,
        ),
        Mistake(
            "trailing zeros lost",
            None,
            "Your pairs stop at the last nonzero. The zeros after it have no value to lead to, yet they are part of "
            "the tensor: cover them too, the last of them as the value of the last pair.",
            RUNS,
        ),
        Mistake(
            "runs of every value",
            None,
            "You count how often each value stands in a row, as picture formats do. Here only zeros are counted: a "
            "pair is the zeros before a value, and the value once.",
            RUNS,
        ),
        Mistake(
            "the value before its run",
            None,
            "Your pairs are right and turned round: the run comes first, then the value that ends it. The reader takes "
            "the first field, which is narrow, for the run.",
            RUNS,
        ),
        Mistake(
            "more pairs than needed",
            None,
            "Everything comes back, and you use pairs that could be saved: a pair whose value is 0 is needed only "
            "when the run field is full, or at the very end. Each pair costs a run and a whole value.",
            RUNS,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------ 3. CSR


def rows_of(matrix: Array) -> tuple[list[int], list[int], list[int]]:
    """Values, columns and starts, row by row."""
    values, columns, starts = [], [], [0]
    for row in matrix.tolist():
        values += [value for value in row if value]
        columns += [k for k, value in enumerate(row) if value]
        starts.append(len(values))
    return values, columns, starts


def csr(matrix: Array, values: list[int], columns: list[int], row_ptr: list[int], width: int) -> Any:
    """The reference: three lists written, and a matrix read."""
    back = [[0] * width for _ in row_ptr[1:]]
    for row, (a, b) in enumerate(itertools.pairwise(row_ptr)):
        for k, value in zip(columns[a:b], values[a:b], strict=True):
            back[row][k] = value
    return rows_of(matrix), back


def row_case(matrix: Any, other: Any, kind: str) -> Case:
    """A case that writes the first matrix and reads the other."""
    matrix, other = np.asarray(matrix, int), np.asarray(other, int)
    return Case((matrix, *rows_of(other), other.shape[1]), kind)


ROW_KINDS = ("zeros here and there", "a row without a nonzero", "a last row and column of zeros")


def hidden_rows(rng: Rng) -> list[Case]:
    """Fresh numbers of each kind, the corners, and real activations."""
    r, k = (int(x) for x in rng.integers((3, 5), (7, 9)))
    some, other = sprinkled(rng, 0.5, r, k), sprinkled(rng, 0.5, r + 1, k - 1)
    some[:, 0], other[:, 1] = rng.integers(1, 9, r), 3
    gap, other_gap = some.copy(), other.copy()
    gap[1], other_gap[[0, 2]] = 0, 0
    edge, other_edge = some.copy(), other.copy()
    edge[-1], edge[:, -1], other_edge[-1], other_edge[:, -1] = 0, 0, 0, 0
    real = machine.activations("conv2", int(rng.integers(0, 400)))
    return [
        row_case(some, other, ROW_KINDS[0]),
        row_case(gap, other_gap, ROW_KINDS[1]),
        row_case(edge, other_edge, ROW_KINDS[2]),
        row_case(np.zeros((r, k)), np.zeros((k, r)), "all zero"),
        row_case(rng.integers(1, 9, (r, k)), rng.integers(1, 9, (1, k)), "no zero at all"),
        row_case([[6]], [[0]], "one value"),
        row_case(np.zeros((0, k)), np.zeros((0, 3)), "no row"),
        row_case(real[:3, :27], real[4:6, :40], "real activations"),
    ]


CSR_ITEM = Question(
    name="csr",
    function="csr",
    prediction="A matrix has 100 rows of 50 words; 7 of the rows are all zero. How long is row_ptr?",
    answer=101,
    because="every row has a start, empty ones too, and one more entry says where the last row ends.",
    reference=csr,
    public=(
        row_case([[0, 5, 3, 0], [7, 0, 0, 2]], [[1, 0, 4], [0, 2, 0]], ROW_KINDS[0]),
        row_case([[0, 5, 0], [0, 0, 0], [7, 0, 8]], [[0, 0], [3, 0], [0, 9]], ROW_KINDS[1]),
        row_case([[4, 0, 6, 0], [0, 1, 0, 0], [0, 0, 0, 0]], [[2, 0, 0], [1, 0, 0], [0, 0, 0]], ROW_KINDS[2]),
    ),
    hidden=hidden_rows,
    judge=judging.csr,
    mistakes=(
        Mistake(
            "row_ptr one too short",
            None,
            "There is one pointer for each row, and one more is needed. The first row starts at 0 and the last row "
            "must end somewhere: R rows lie between R + 1 posts, and the last post is the number of nonzeros.",
            ROWS,
        ),
        Mistake(
            "counts for starts",
            None,
            "You stored how many nonzeros each row has. row_ptr says where each row starts: the sum of all counts "
            "before it. With starts a PE finds row 57 by reading two numbers; with counts it would first add up 57.",
            ROWS,
        ),
        Mistake(
            "empty rows left out",
            None,
            "Rows without a nonzero have no pointer in your list, so the rows after them are read as if they were "
            "earlier ones. An empty row keeps its pointer: it starts where the next row starts.",
            ROWS,
        ),
        Mistake(
            "zeros stored too",
            None,
            "Your values hold zeros. Only nonzeros are stored; the reader fills in the rest.",
            ROWS,
        ),
        Mistake(
            "lists in another order",
            None,
            "Your three lists are right and stand in another order. The contract has values, columns, row_ptr.",
            ROWS,
        ),
        Mistake(
            "the row of each nonzero",
            None,
            "You store a row for each nonzero: that is COO. CSR stores for each row where it starts, "
            "and at the end where the last one ends: R + 1 pointers, however many nonzeros there are.",
            ROWS,
        ),
        Mistake(
            "counted from 1",
            None,
            "Your columns are one too large: the first column is 0, as in Python and in the address of a memory.",
            ROWS,
        ),
        Mistake(
            "places in the whole matrix",
            None,
            "Your columns are places in the whole matrix, counted row after row. row_ptr already tells the row, so "
            "the column alone is enough, and it needs far fewer bits: that is what CSR saves against a list of "
            "coordinates.",
            ROWS,
        ),
        Mistake(
            "columns compressed, not rows",
            None,
            "You went through the matrix column by column. That is CSC, the same idea turned round; in CSR the "
            "values stand row after row.",
            ROWS,
        ),
        Mistake(
            "trailing zeros lost",
            None,
            "The matrix that you read back is too small: zeros at its end are missing. The three lists do not tell "
            "how wide the matrix is (width does), and a row at the end with nothing in it is a row all the same.",
            ROWS,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------ 4. sizes


def sizes(rows: int, columns: int, nonzeros: int, pairs: int, width: int, run_bits: int) -> dict[str, Any]:
    """The reference."""
    words = rows * columns
    pointers = (rows + 1) * clog2(words + 1)
    return with_best(
        {
            "dense": words * width,
            "bitmask": words + nonzeros * width,
            "RLC": pairs * (run_bits + width),
            "CSR": pointers + nonzeros * (clog2(columns) + width),
        }
    )


def with_best(bits: dict[str, int], names: Sequence[str] = ("dense", "bitmask", "RLC", "CSR")) -> dict[str, Any]:
    """Sizes and the name of the smallest."""
    return {**bits, "best": min(names, key=lambda name: bits[name])}


def resized(change: Callable[..., dict[str, int]]) -> Callable[..., dict[str, Any]]:
    """A model in which some sizes are others: `change(rows, columns, nonzeros, pairs, width, run_bits)`."""

    def model(*args: int) -> dict[str, Any]:
        right = {name: bits for name, bits in sizes(*args).items() if name != "best"}
        return with_best(right | change(*args))

    return model


def shapes(matrix: Array, width: int, run_bits: int, kind: str) -> Case:
    """A case with the shape and the zeros of a matrix."""
    pairs = len(pairs_of(matrix.reshape(-1), run_bits))
    return Case((*map(int, matrix.shape), int(np.count_nonzero(matrix)), pairs, width, run_bits), kind)


SIZE_KINDS = ("a sparse matrix", "a matrix with few zeros", "a matrix in between")


EQUALS = "two formats of one size"


def last_of_equals(*args: int) -> Any:
    """The right sizes, and of equals the last format."""
    told = sizes(*args)
    bits = {name: told[name] for name in told if name != "best"}
    return told | {"best": min(reversed(bits), key=lambda name: bits[name])}


def hidden_sizes(rng: Rng) -> list[Case]:
    """Fresh shapes of each kind, the corners, and real tensors."""
    r, k, width, bits = (int(x) for x in rng.integers((3, 9, 6, 3), (20, 40, 17, 6)))
    real = machine.real("conv2", 80)[0]
    return [
        shapes(sprinkled(rng, 0.05, r + 20, k), width, bits, SIZE_KINDS[0]),
        shapes(sprinkled(rng, 0.99, r, k), width, bits, SIZE_KINDS[1]),
        shapes(sprinkled(rng, 0.5, r, k), width, bits, SIZE_KINDS[2]),
        shapes(np.zeros((r, k), int), width, bits, "all zero"),
        shapes(np.ones((1, 1), int), width, bits, "one word"),
        shapes(sprinkled(rng, 0.5, r + k, 1), width, bits, "a single column"),
        Case((8, k, 7 * k, 8 * k, 8, bits), EQUALS),  # the mask costs what the zeros save
        shapes(real, 8, bits, "real weights"),
        shapes(machine.activations("conv2", int(rng.integers(0, 400))), 16, bits, "real activations"),
    ]


SIZES = Question(
    name="sizes",
    function="sizes",
    prediction="Values of 8 bits. Below which density, in percent, is the bit mask smaller than the dense tensor?",
    answer=87.5,
    because="1 + 8 d bits a word against 8, and they meet at d = 7/8.",
    reference=sizes,
    public=(
        Case((16, 32, 12, 29, 8, 4), SIZE_KINDS[0]),
        Case((4, 6, 23, 23, 8, 4), SIZE_KINDS[1]),
        Case((6, 10, 28, 31, 16, 3), SIZE_KINDS[2]),
        Case((8, 6, 42, 44, 8, 4), EQUALS),
    ),
    hidden=hidden_sizes,
    mistakes=(
        Mistake(
            "metadata is free",
            resized(
                lambda rows, columns, nonzeros, pairs, width, run_bits: {
                    "bitmask": nonzeros * width,
                    "RLC": nonzeros * width,
                    "CSR": nonzeros * width,
                }
            ),
            "You counted the nonzeros and nothing that says where they are, so all formats come out equal and sparse "
            "always wins. A mask, runs, columns and pointers are stored in the same memory: count them.",
            ROWS,
        ),
        Mistake(
            "the last of equals",
            last_of_equals,
            "Your sizes are right. Two formats take the same, and the task asks for the first of the four: dense comes "
            "before bitmask, and is the simpler machine.",
            ROWS,
        ),
        Mistake(
            "pointers left out",
            resized(lambda r, k, nonzeros, pairs, width, run_bits: {"CSR": nonzeros * (clog2(k) + width)}),
            "Your CSR has values and columns and no row_ptr. In a small or very sparse matrix the pointers are the "
            "larger part.",
            ROWS,
        ),
        Mistake(
            "row_ptr one too short",
            resized(
                lambda r, k, nonzeros, pairs, width, run_bits: {
                    "CSR": r * clog2(r * k + 1) + nonzeros * (clog2(k) + width)
                }
            ),
            "You stored a pointer for each row; the end of the last row needs one more. R rows, R + 1 pointers.",
            ROWS,
        ),
        Mistake(
            "a column as wide as a place",
            resized(
                lambda r, k, nonzeros, pairs, width, run_bits: {
                    "CSR": (r + 1) * clog2(r * k + 1) + nonzeros * (clog2(r * k) + width)
                }
            ),
            "You gave each column enough bits for a place in the whole matrix. Within a row a column is one of "
            "`columns`, which takes fewer bits.",
            ROWS,
        ),
        Mistake(
            "a pair for each nonzero",
            resized(lambda r, k, nonzeros, pairs, width, run_bits: {"RLC": nonzeros * (run_bits + width)}),
            "You priced the run lengths as if each nonzero had one pair. Full runs and the zeros at the end have "
            "pairs of their own, whose value is a zero that is stored all the same: count `pairs`.",
            RUNS,
        ),
        Mistake(
            "bytes for bits",
            resized(lambda *args: {name: size // 8 for name, size in sizes(*args).items() if name != "best"}),
            "Your sizes are in bytes. Masks and runs do not fill whole bytes, so this course counts bits.",
            ROWS,
        ),
        Mistake(
            "sparse is never worse than dense",
            lambda *args: sizes(*args) | {"best": with_best(sizes(*args), ("bitmask", "RLC", "CSR"))["best"]},
            "Your sizes are right, and you never choose the dense tensor. With few zeros it is the smallest of the "
            "four: where nothing can be left out, saying that nothing is left out still costs bits.",
            LOSES,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------ 5. gate or skip


def array(weights: Array, activations: Array, mode: str) -> list[str]:
    """The reference: pair by pair, PE by PE."""
    lines = []
    for row in weights.tolist():
        line = ""
        for w, a in zip(row, activations.tolist(), strict=True):
            matters = mode == "dense" or (w != 0 and a != 0)
            line += "m" if matters else "g" if mode == "gate" else ""
        lines.append(line)
    cycles = max(map(len, lines), default=0)
    return [line.ljust(cycles, ".") for line in lines]


MODES = ("dense", "gate", "skip")


def mode_cases(weights: Any, activations: Any, kind: str) -> list[Case]:
    """The same words in each mode."""
    return [Case((np.asarray(weights, int), np.asarray(activations, int), mode), f"{kind}, {mode}") for mode in MODES]


def hidden_arrays(rng: Rng) -> list[Case]:
    """Fresh numbers in each mode, the corners, and real filters."""
    pes, pairs = (int(x) for x in rng.integers((3, 8), (6, 12)))
    weights, activations = sprinkled(rng, 0.5, pes, pairs), sprinkled(rng, 0.7, pairs)
    weights[0], weights[1:, 0], activations[:4] = 1, 0, 5
    filters, window = machine.real("conv2", 80, int(rng.integers(0, 400)))
    corners = [
        (np.zeros((pes, pairs)), activations, "all weights zero"),
        (weights, np.zeros(pairs), "all activations zero"),
        (np.ones((pes, pairs)), np.ones(pairs), "no zero at all"),
        (weights[:1], activations, "one PE"),
        ([[4], [0]], [3], "one pair"),
        (filters[:6, 54:99], window[54:99], "real filters"),
    ]
    fresh = mode_cases(weights, activations, "zeros in both")
    return fresh + [case for corner in corners for case in mode_cases(*corner)]


ARRAY = Question(
    name="array",
    function="array",
    prediction="8 PEs with 16 pairs each. All activations and all weights of PE 0 are nonzero; the other PEs have "
    "one nonzero weight each, so 18 % of the pairs matter. How many times as fast as dense is skipping?",
    answer=1,
    because="PE 0 has 16 pairs that matter, and everybody waits for it.",
    reference=array,
    public=tuple(
        mode_cases(
            [[3, 2, 2, 1, 7, 4, 5, 1], [0, 0, 5, 0, 0, 0, 0, 2], [1, 0, 0, 0, 0, 0, 0, 0]],
            [2, 0, 1, 0, 0, 3, 0, 6],
            "zeros in both",
        )
    ),
    hidden=hidden_arrays,
    judge=judging.array,
    mistakes=(
        Mistake(
            "gating saves cycles",
            None,
            "Your gating PEs are done early. A gated multiplier stands still for the cycle in which its pair would "
            "have been multiplied; the cycle passes all the same. Gating saves energy, never time: that needs "
            "skipping.",
            GATES,
        ),
        Mistake(
            "dense hardware skips zeros",
            None,
            "You let a dense PE leave zeros out. It has no idea what its operands hold: zeros anywhere in the "
            "weights change neither its cycles nor its MACs. To make a dense machine faster the layer has to become "
            "smaller, whole rows or channels at a time.",
            LOSES,
        ),
        Mistake(
            "a pair of one zero kept",
            None,
            "You save a multiplication only where both words are zero. One zero is enough to make the product zero.",
            GATES,
        ),
        Mistake(
            "one operand looked at",
            None,
            "You look at one of the two operands. A zero in the other makes the product zero as well, so pairs are "
            "left that do not matter.",
            PAIRS,
        ),
        Mistake(
            "a skipped zero still takes its cycle",
            None,
            "Your skipping PE stands still at a zero: that is gating. A skipping PE goes on to the next pair that "
            "matters in the very next cycle.",
            GATES,
        ),
        Mistake(
            "speedup is 1 over the density",
            None,
            "You shared the MACs out evenly over the PEs, so the array is as fast as its density promises. Each PE "
            "has its own row of weights, and the one with the most pairs that matter decides when the array is "
            "done; the others wait.",
            SLOWEST,
        ),
        Mistake(
            "densities multiply",
            None,
            "You worked the MACs out from the two densities. Their product is what is left only if zeros fall "
            "independently; what counts is where they meet, and that can be anything from nothing to the smaller of "
            "the two. Count the pairs.",
            PAIRS,
        ),
        Mistake(
            "a PE that is done is not counted",
            None,
            "Your lines end at different cycles. The array is busy until its slowest PE is done, and a PE that "
            "waits is there too: its cycles are idle (a dot), and they are what imbalance costs.",
            SLOWEST,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------ 6. two lists


def intersect(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    """The reference: heads dropped from copies of the lists."""
    left, right, steps = list(a), list(b), []
    while left and right:
        heads = left[0], right[0]
        steps.append(heads)
        left, right = left[heads[0] <= heads[1] :], right[heads[1] <= heads[0] :]
    return steps


def drawn(rng: Rng, most: int, count: int) -> list[int]:
    """So many coordinates below `most`, rising."""
    return sorted(int(x) for x in rng.choice(most, count, replace=False))


WALK_KINDS = ("lists that meet now and then", "lists that never meet")


def hidden_walks(rng: Rng) -> list[Case]:
    """Fresh lists of each kind, the corners, and real lists."""
    a, b = drawn(rng, 16, 7), drawn(rng, 16, 9)
    filters, window = machine.real("conv2", 80, int(rng.integers(0, 400)))
    real = [np.flatnonzero(x).tolist() for x in (filters[int(rng.integers(0, 32))], window)]
    return [
        Case((a, sorted({*b, a[2], a[5]})), WALK_KINDS[0]),
        Case((drawn(rng, 30, 5), sorted({*drawn(rng, 30, 12)})), WALK_KINDS[0]),
        Case(([2 * x for x in a], [2 * x + 1 for x in b]), WALK_KINDS[1]),
        Case((a, list(a)), "the same list twice"),
        Case((a, list(range(16))), "a list inside the other"),
        Case(([], b), "an empty list"),
        Case((a, []), "an empty list"),
        Case(([3], [3]), "one coordinate"),
        Case((a, [a[-1] + 20]), "a list that begins after the other ends"),
        Case(tuple(real), "real weights and activations"),
    ]


INTERSECT = Question(
    name="intersect",
    function="intersect",
    prediction="Of 8 positions the weights are nonzero at 0, 2, 4, 6 and the activations at 1, 3, 5, 7: density one "
    "half each. How many MACs are left?",
    answer=0,
    because="the densities promise a quarter of the 8, but no position is in both lists.",
    reference=intersect,
    public=(
        Case(([0, 3, 4, 9], [1, 3, 6, 7, 9, 12]), WALK_KINDS[0]),
        Case(([2, 5, 6, 8], [0, 2, 3, 8, 9]), WALK_KINDS[0]),
        Case(([0, 2, 4], [1, 3, 5, 7]), WALK_KINDS[1]),
    ),
    hidden=hidden_walks,
    judge=judging.intersect,
    mistakes=(
        Mistake(
            "both heads dropped",
            None,
            "You drop both heads in every cycle, so the lists are compared place by place and coordinates that "
            "stand at different places never meet. Only the smaller head is of no more use: nothing later in the "
            "other list can equal it.",
            PAIRS,
        ),
        Mistake(
            "every pair compared",
            None,
            "You compare every coordinate with every other. The lists rise, so once a head is smaller than the "
            "other it will meet nothing any more: one walk along both is enough, at most as many cycles as the two "
            "lists are long together.",
            PAIRS,
        ),
        Mistake(
            "finding the matches is free",
            None,
            "Your steps are the matches alone. A PE does not know them beforehand: it has to compare heads to find "
            "them, and each comparison takes a cycle, also those that find nothing.",
            PAIRS,
        ),
        Mistake(
            "the larger head dropped",
            None,
            "You drop the larger head. It may still meet something in the other list; the smaller one cannot, since "
            "everything that follows there is larger.",
            PAIRS,
        ),
        Mistake(
            "one head kept at a match",
            None,
            "At a match you drop one head only, and find the other alone a cycle later. Both have met what they "
            "could: drop both, and the walk is a cycle shorter for each pair.",
            PAIRS,
        ),
        Mistake(
            "the walk goes on",
            None,
            "You go on comparing after one list has ended. What is left in the other list has nothing to meet: the "
            "walk is over.",
            PAIRS,
        ),
    ),
)


# ------------------------------------------------------------------------------------------------ 7. the plan


def longest_first(weights: Array, activations: Array, pes: int, start: int) -> tuple[Plan, list[int]]:
    """Each filter the quicker way, the longest first, to the PE that is free first."""
    by_dense, by_skip = machine.costs(weights, activations, start)
    cost = [min(pair) for pair in zip(by_dense, by_skip, strict=True)]
    busy, where = [0] * pes, [0] * len(cost)
    for i in sorted(range(len(cost)), key=lambda i: (-cost[i], i)):
        where[i] = min(range(pes), key=lambda pe: (busy[pe], pe))
        busy[where[i]] += cost[i]
    return [("skip" if by_skip[i] < by_dense[i] else "dense", where[i]) for i in range(len(cost))], cost


def plan(weights: Array, activations: Array, pes: int, start: int, best: int) -> Plan:
    """The reference: the longest first, then swaps with the busiest PE while they help."""
    choices, cost = longest_first(weights, activations, pes, start)
    where = [pe for _, pe in choices]
    while (better := swapped(where, cost, pes)) is not None:
        where = better
    return [(mode, pe) for (mode, _), pe in zip(choices, where, strict=True)]


def loads(where: list[int], cost: list[int], pes: int) -> list[int]:
    """Cycles of each PE."""
    busy = [0] * pes
    for pe, cycles in zip(where, cost, strict=True):
        busy[pe] += cycles
    return busy


def swapped(where: list[int], cost: list[int], pes: int) -> list[int] | None:
    """The plan with a filter of the busiest PE exchanged for a shorter one elsewhere, if both PEs end earlier."""
    busy = loads(where, cost, pes)
    slow = busy.index(max(busy))
    for i, j in itertools.product(range(len(cost)), repeat=2):
        gain = cost[i] - cost[j]
        if where[i] == slow != where[j] and gain > 0 and busy[where[j]] + gain < busy[slow]:
            return [where[j] if n == i else where[i] if n == j else pe for n, pe in enumerate(where)]
    return None


def plan_case(weights: Any, activations: Any, pes: int, start: int, kind: str) -> Case:
    """A case with the fewest cycles that the reference finds."""
    weights, activations = np.asarray(weights), np.asarray(activations)
    by_dense, by_skip = machine.costs(weights, activations, start)
    where = [pe for _, pe in plan(weights, activations, pes, start, 0)]
    best = max(loads(where, [min(pair) for pair in zip(by_dense, by_skip, strict=True)], pes))
    return Case((weights, activations, pes, start, best), kind)


def lopsided(rng: Rng, pes: int, rounds: int, pairs: int) -> tuple[Array, Array]:
    """Filters of which every so manieth is heavy: dealt out in turn, they all fall to the first PE."""
    density = [0.7 if i % pes == 0 else 0.03 for i in range(pes * rounds)]
    return np.stack([sprinkled(rng, d, pairs) for d in density]), sprinkled(rng, 0.15, pairs)


PLAN_KINDS = ("a real layer", "filters of very different weight", "filters with few zeros")


def plans(rng: Rng, image: int, pes: int) -> list[Case]:
    """A case of each kind."""
    rows = rng.permutation(32)
    real, dense = machine.real("conv2", 80, image), machine.real("conv2", 0, image)
    return [
        plan_case(real[0][rows], real[1], pes, 24, PLAN_KINDS[0]),
        plan_case(*lopsided(rng, pes, 5, 96), pes, 2, PLAN_KINDS[1]),
        plan_case(dense[0][rows][:24], dense[1], pes, 100, PLAN_KINDS[2]),
    ]


def hidden_plans(rng: Rng) -> list[Case]:
    """Fresh layers of each kind, and the corners."""
    image, pes = int(rng.integers(100, 400)), int(rng.integers(4, 7))
    weights, activations = machine.real("conv3", 80, image)
    few, window = sprinkled(rng, 0.4, 5, 20), sprinkled(rng, 0.6, 20)
    return [
        *plans(rng, image, pes),
        plan_case(weights, activations, 1, 8, "one PE"),
        plan_case(few, window, 5, 2, "a PE for each filter"),
        plan_case(few[:1], window, 3, 2, "one filter"),
        plan_case(few, np.zeros(20, int), 2, 3, "all activations zero"),
        plan_case(few, window, 2, 0, "walks that start at once"),
        plan_case(np.ones((6, 12), int), np.ones(12, int), 3, 2, "no zero at all"),
    ]


PLAN = Question(
    name="plan",
    function="plan",
    prediction="A filter of 144 words, none of them zero. Half of the activations are nonzero, the last one among "
    "them; start is 8. How many cycles does it take to skip this filter?",
    answer=152,
    because="each of its 144 coordinates becomes the head once, and the walk starts 8 cycles late; dense takes 144.",
    reference=plan,
    public=tuple(plans(np.random.default_rng(10), 3, 6)),
    hidden=hidden_plans,
    judge=judging.plan,
    mistakes=(
        Mistake(
            "sparse is never worse",
            None,
            "You skip filters that are quicker dense. Walking the lists takes a cycle for each coordinate that only "
            "one of them has, and the walk has to be set up: where few words are zero, looking for the others costs "
            "more than multiplying them. Compare the two costs, filter by filter.",
            LOSES,
        ),
        Mistake(
            "dense to be safe",
            None,
            "You take filters dense that would be quicker skipped. Compare the two costs, filter by filter.",
            LOSES,
        ),
        Mistake(
            "shares that look even",
            None,
            "You chose the quicker way for each filter, and one PE is still busy while others wait. An equal number "
            "of filters is not an equal amount of work: look at the cycles of each PE, and give the longest filters "
            "away first.",
            SLOWEST,
        ),
    ),
)

questions = (BITMASK, RLC, CSR_ITEM, SIZES, ARRAY, INTERSECT, PLAN)
