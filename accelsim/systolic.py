"""Systolic arrays cycle by cycle: operands march through a grid of PEs, one step per cycle.

A layer becomes a matrix product, ofmap[pixel filter] = sum over the window of ifmap[pixel window] * filter[window
filter]: a pixel is one position of the output (with its batch index), the window is what is summed over. What does
not fit on the array at once is cut into folds, which run one after another. Three dataflows:

    "ws"  filter words stay: PE (r, c) keeps window r of filter c; pixels stream in from the left, sums flow down
    "is"  ifmap words stay: PE (r, c) keeps window r of pixel c; filters stream in from the left, sums flow down
    "os"  sums stay: PE (r, c) makes pixel r of filter c; ifmap streams in from the left, filter from the top

Operands enter skewed, lane r one cycle after lane r - 1, so that they meet. `evaluate` knows in closed form how many
cycles a layer takes and what moves. `multiply` is the array itself: registers that are shifted in every cycle, fed
at two edges; its product must be the product. `timeline` shows any window of cycles.

Left out. Folds do not overlap: the next weights wait until the last sum has left (the TPU loads them meanwhile). A
fold takes as long as the whole array needs, also where it fills only a part of it. In "os" every column has a bus on
which a PE hands out its sum in the cycle of its last MAC; passing sums down through the column would cost another
`rows` cycles in each fold. DRAM is as fast as needed: no cycle is lost to it. Partial sums of further folds over the
window are added where they are stored, one read and one write. Groups (and heads) run one after another.

Rules. "accelsim" is what is said here. "scalesim" counts as SCALE-Sim 3.0.0 does (Samajdar et al., ISPASS 2020);
`as_scalesim` lists how it differs, and `scalesim_rows` holds what SCALE-Sim itself reported.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import ArchError, WorkloadError, suggest, whole
from accelsim.timeline import Timeline, Works
from accelsim.workload import Layer, conv

DATAFLOWS = {"ws": "weight stationary", "os": "output stationary", "is": "input stationary"}
CONVENTIONS = ("accelsim", "scalesim")
TENSORS = ("ifmap", "filter", "ofmap")

Array = NDArray[Any]


@dataclass(frozen=True)
class Systolic:
    """A systolic array: PEs in `rows` x `columns`, a dataflow, and one SRAM per tensor.

    ifmap, filter, ofmap: words of each SRAM, None for unlimited. They are double buffered: half of the words serve
    the array while the other half fills or drains. Raises `ArchError` with every fault at once.
    """

    rows: int
    columns: int
    dataflow: str = "ws"
    ifmap: int | None = None
    filter: int | None = None
    ofmap: int | None = None

    def __post_init__(self) -> None:
        faults = [
            f"{what} must be a whole number from 1, got {getattr(self, what)!r}"
            for what in ("rows", "columns", *TENSORS)
            if not (what in TENSORS and getattr(self, what) is None)
            and not (whole(getattr(self, what)) and getattr(self, what) >= 1)
        ]
        if self.dataflow not in DATAFLOWS:
            faults.append(
                f"dataflow must be one of {', '.join(DATAFLOWS)}, got {self.dataflow!r}"
                f"{suggest(self.dataflow, DATAFLOWS)}"
            )
        if faults:
            raise ArchError("systolic array: " + "\n  ".join(faults))

    @property
    def pes(self) -> int:
        """Multipliers of the array."""
        return self.rows * self.columns

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns} {self.dataflow.upper()}"


@dataclass(frozen=True)
class Gemm:
    """The matrix product of a layer: `groups` times, `pixels` x `window` times `window` x `filters`.

    Raises `WorkloadError` with every size that is no whole number from 1.
    """

    name: str
    pixels: int
    window: int
    filters: int
    groups: int = 1

    def __post_init__(self) -> None:
        sizes = {what: getattr(self, what) for what in ("pixels", "window", "filters", "groups")}
        if wrong := {what: size for what, size in sizes.items() if not whole(size) or size < 1}:
            raise WorkloadError(f"{self.name}: sizes of a matrix product are whole numbers from 1, got {wrong}")

    @property
    def macs(self) -> int:
        """Multiply-accumulates; 1 MAC = 2 operations."""
        return self.groups * self.pixels * self.window * self.filters


def gemm(layer: Layer) -> Gemm:
    """The matrix product that a layer is. Raises `WorkloadError` for a layer that is none.

    >>> gemm(conv("conv2", N=4, M=256, C=96, G=2, P=27, Q=27, R=5, S=5))
    Gemm(name='conv2', pixels=2916, window=1200, filters=128, groups=2)
    """
    if not isinstance(layer, Layer):
        raise WorkloadError(f"expected a Layer, made by conv(...) or einsum(...), got {layer!r}")
    kinds = _kinds(layer)
    sizes = {kind: math.prod(layer.dims[dim] for dim in dims) for kind, dims in kinds.items()}
    return Gemm(layer.name, **sizes)


def _kinds(layer: Layer) -> dict[str, list[str]]:
    """The dimensions that make up pixels, window, filters and groups; in the window channels come last."""
    if len(layer.tensors) != 3:
        raise WorkloadError(f"{layer.name}: a matrix product has two operands, this layer has {len(layer.tensors) - 1}")
    first, second, out = (set(tensor.dims) for tensor in layer.tensors)
    kinds = {
        "pixels": [dim for dim in layer.dims if dim in first & out - second],
        "window": [dim for dim in layer.dims if dim in first & second - out],
        "filters": [dim for dim in layer.dims if dim in second & out - first],
        "groups": [dim for dim in layer.dims if dim in first & second & out],
    }
    if odd := [dim for dim in layer.dims if not any(dim in dims for dims in kinds.values())]:
        raise WorkloadError(
            f"{layer.name}: {', '.join(odd)} index one tensor alone; in a matrix product every dimension indexes two, "
            "or all three"
        )
    alone = {dim for rank in layer.tensors[0].ranks if len(rank.terms) == 1 for dim, _ in rank.terms}
    kinds["window"].sort(key=lambda dim: dim in alone)
    return kinds


def windows(size: int, filter: int, stride: int = 1, padding: int = 0, convention: str = "accelsim") -> int:
    """Positions of a filter along an input of that size.

    "accelsim": as frameworks count, with zero padding on both sides and no window cut short. "scalesim": no padding,
    and a last window that sticks out counts as a whole one. Raises `WorkloadError`, also for a filter that is larger
    than the input.

    >>> windows(224, 11, 4), windows(224, 11, 4, convention="scalesim"), windows(227, 11, 4)
    (54, 55, 55)
    """
    _known(convention)
    sizes = {"size": (size, 1), "filter": (filter, 1), "stride": (stride, 1), "padding": (padding, 0)}
    if wrong := [f"{name} {got!r}" for name, (got, least) in sizes.items() if not whole(got) or got < least]:
        raise WorkloadError(f"windows need whole numbers from 1, padding from 0, got {', '.join(wrong)}")
    if convention == "scalesim" and padding:
        raise WorkloadError(f"SCALE-Sim knows no padding, got {padding}; add it to the size of the input")
    room = size + 2 * padding - filter
    found = (-(-room // stride) if convention == "scalesim" else room // stride) + 1
    if found < 1:
        raise WorkloadError(f"a filter of {filter} has no place along an input of {size} with padding {padding}")
    return found


def from_scalesim(text: str) -> tuple[Layer, ...]:
    """The layers of a SCALE-Sim topology, by its rule for the size of the output.

    text: after a line of headings, one line per layer: name, ifmap rows, ifmap columns, filter rows, filter columns,
    channels, filters, stride. Raises `WorkloadError` with every line that cannot be read.

    >>> layer, = from_scalesim("name, shape\\nConv1, 224, 224, 11, 11, 3, 96, 4,")
    >>> gemm(layer)
    Gemm(name='Conv1', pixels=3025, window=363, filters=96, groups=1)
    """
    layers, faults = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        name, *cells = (cell.strip() for cell in line.rstrip().rstrip(",").split(","))
        numbers = len(cells) >= 7 and all(cell.isdecimal() and int(cell) for cell in cells[:7])
        if number == 1 and numbers:
            faults.append(f"line 1: needs headings, which are left out, got a layer, {line.strip()!r}")
        if number == 1 or not line.strip():
            continue
        if not numbers:
            faults.append(f"line {number}: needs a name and 7 whole numbers from 1, got {line.strip()!r}")
            continue
        H, W, R, S, C, M, stride = map(int, cells[:7])
        try:
            P, Q = windows(H, R, stride, convention="scalesim"), windows(W, S, stride, convention="scalesim")
        except WorkloadError as error:
            faults.append(f"line {number}: {error}")
            continue
        layers.append(conv(name, M=M, C=C, P=P, Q=Q, R=R, S=S, stride=stride))
    if not layers and not faults:
        faults.append("no layer stands after the line of headings")
    if faults:
        raise WorkloadError("SCALE-Sim topology: " + "\n  ".join(faults))
    return tuple(layers)


# Closed form -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A matrix product on a systolic array, by formulas. Words are totals over all folds and groups.

    layer: what the product comes from; it decides which places of a matrix hold the same word, as those of
    overlapping windows do. Without one, every place of a matrix is a word of its own.

    A depthwise layer has work for R S = 9 PEs of one column at a time, whatever the size of the array:

    >>> print(evaluate(conv("dw6", M=256, C=256, G=256, P=14, Q=14, R=3, S=3, stride=2), Systolic(32, 32, "ws")))
    dw6 on 32x32 WS: 451,584 MACs in 74,240 cycles, 256 folds of 290
    utilization 0.6%: 0.9% spatial, 67.6% temporal
    words read from the SRAMs: ifmap 451,584, filter 2,304, ofmap 0; written: ofmap 50,176
    """

    gemm: Gemm
    array: Systolic
    layer: Layer | None = None

    @property
    def macs(self) -> int:
        """Multiply-accumulates; 1 MAC = 2 operations."""
        return self.gemm.macs

    @cached_property
    def held(self) -> tuple[int, int]:
        """Rows and columns that stay on the array, over all folds of one group."""
        return _spread(self.gemm, self.array)[:2]

    @property
    def streamed(self) -> int:
        """What passes each PE in a fold, one per cycle."""
        return _spread(self.gemm, self.array)[2]

    @property
    def down(self) -> int:
        """Folds over the rows."""
        return -(-self.held[0] // self.array.rows)

    @property
    def across(self) -> int:
        """Folds over the columns."""
        return -(-self.held[1] // self.array.columns)

    @property
    def folds(self) -> int:
        """Folds of all groups."""
        return self.gemm.groups * self.down * self.across

    @property
    def fold_cycles(self) -> int:
        """Cycles of one fold: loading, filling, streaming and draining."""
        load = 0 if self.array.dataflow == "os" else self.array.rows
        return load + self.streamed + self.array.rows + self.array.columns - 2

    @property
    def cycles(self) -> int:
        """Cycles of the layer."""
        return self.folds * self.fold_cycles

    @property
    def spatial(self) -> float:
        """Spatial utilization: PEs with work, of all, in the mean over folds."""
        return math.prod(self.held) / (self.down * self.across * self.array.pes)

    @property
    def temporal(self) -> float:
        """Temporal utilization: busy cycles of the PEs with work, of all their cycles."""
        return self.streamed / self.fold_cycles

    @property
    def utilization(self) -> float:
        """MACs over what all PEs could do in that time: spatial times temporal."""
        return self.macs / (self.cycles * self.array.pes)

    @cached_property
    def reads(self) -> dict[str, int]:
        """Words read from each SRAM. Those of ofmap are partial sums, read to be added to."""
        g, groups = self.gemm, self.gemm.groups
        ifmap, filters, ofmap = g.pixels * g.window, g.window * g.filters, g.pixels * g.filters
        match self.array.dataflow:
            case "ws":
                words = (ifmap * self.across, filters, ofmap * (self.down - 1))
            case "is":
                words = (ifmap, filters * self.across, ofmap * (self.down - 1))
            case _:
                words = (ifmap * self.across, filters * self.down, 0)
        return {name: groups * count for name, count in zip(TENSORS, words, strict=True)}

    @cached_property
    def writes(self) -> dict[str, int]:
        """Words written to the SRAM of the ofmap by the array."""
        outputs = self.gemm.groups * self.gemm.pixels * self.gemm.filters
        return {"ofmap": outputs * (1 if self.array.dataflow == "os" else self.down)}

    @cached_property
    def dram_reads(self) -> dict[str, int]:
        """Words read from DRAM, by tensor.

        An SRAM keeps the whole tensor (of one group) if that fits in its half, otherwise what one fold needs of it, if
        that fits, and then fetches what the next fold needs and it does not hold; otherwise nothing, and each request
        goes to DRAM. Partial sums go to DRAM and back if those of one column of folds do not fit.
        """
        found = {name: self.gemm.groups * self._fetched(name) for name in TENSORS[:2]}
        return found | {"ofmap": self.reads["ofmap"] if self._spills else 0}

    @property
    def dram_writes(self) -> dict[str, int]:
        """Words written to DRAM: the ofmap once, or every partial sum if they do not fit."""
        outputs = self.gemm.groups * self.gemm.pixels * self.gemm.filters
        return {"ofmap": self.writes["ofmap"] if self._spills else outputs}

    @property
    def _spills(self) -> bool:
        half = _half(self.array.ofmap)
        return self.array.dataflow != "os" and self.streamed * min(self.array.columns, self.held[1]) > half

    def _fetched(self, name: str) -> int:
        """Words of an operand that one group fetches from DRAM."""
        numbers, half = self.numbers(name), _half(getattr(self.array, name))
        distinct = int(np.count_nonzero(_mask(numbers, numbers)))
        if distinct <= half:
            return distinct
        fetched, most, before = 0, 0, np.zeros(0, bool)
        for needed in self._slices(name, numbers):
            fetched += int(np.count_nonzero(needed & ~before if len(before) else needed))
            most, before = max(most, int(np.count_nonzero(needed))), needed
        return fetched if most <= half else self.reads[name] // self.gemm.groups

    def __str__(self) -> str:
        read, written = (", ".join(f"{name} {n:,}" for name, n in words.items()) for words in (self.reads, self.writes))
        folds = f"{self.folds:,} fold{'s' if self.folds != 1 else ''} of {self.fold_cycles:,}"
        lines = [
            f"{self.gemm.name} on {self.array}: {self.macs:,} MACs in {self.cycles:,} cycles, {folds}",
            f"utilization {self.utilization:.1%}: {self.spatial:.1%} spatial, {self.temporal:.1%} temporal",
            f"words read from the SRAMs: {read}; written: {written}",
        ]
        return "\n".join(lines)

    def numbers(self, name: str) -> Array:
        """For each place of the matrix of "ifmap" or "filter", in the first group, the number of the word there."""
        if self.layer is not None:
            return np.asarray(_word_numbers(self.layer)[TENSORS.index(name)][0])
        g = self.gemm
        shape = {"ifmap": (g.pixels, g.window), "filter": (g.window, g.filters)}[name]
        return np.arange(math.prod(shape)).reshape(shape)

    def _slices(self, name: str, numbers: Array) -> Iterator[Array]:
        """For each fold in order, which words of an operand it needs."""
        for across in range(self.across):
            for down in range(self.down):
                yield _mask(numbers[_part(self.array, name, down, across)], numbers)


def evaluate(work: Layer | Gemm, array: Systolic) -> Run:
    """A layer or product on a systolic array in closed form. Raises `WorkloadError` for a layer that is no product.

    A fold of the weight stationary array takes rows + columns + rows + pixels - 2 cycles, and conv3 needs 72 x 12:

    >>> layer = conv("conv3", M=384, C=256, P=13, Q=13, R=3, S=3)
    >>> run = evaluate(layer, Systolic(32, 32, "ws"))
    >>> (run.down, run.across), run.fold_cycles, run.cycles
    ((72, 12), 263, 227232)
    >>> run.reads
    {'ifmap': 4672512, 'filter': 884736, 'ofmap': 4607616}
    """
    if not isinstance(array, Systolic):
        raise ArchError(f"expected a Systolic(rows, columns, ...), got {array!r}")
    return Run(work, array) if isinstance(work, Gemm) else Run(gemm(work), array, work)


def _spread(product: Gemm, array: Systolic) -> tuple[int, int, int]:
    """What lies along the rows, along the columns, and along time in each fold."""
    return {
        "ws": (product.window, product.filters, product.pixels),
        "is": (product.window, product.pixels, product.filters),
        "os": (product.pixels, product.filters, product.window),
    }[array.dataflow]


def _part(array: Systolic, name: str, down: int, across: int) -> tuple[slice, slice]:
    """The part of an operand's matrix that a fold needs."""
    rows = slice(down * array.rows, (down + 1) * array.rows)
    columns = slice(across * array.columns, (across + 1) * array.columns)
    every = slice(None)
    return {
        ("ws", "ifmap"): (every, rows),
        ("ws", "filter"): (rows, columns),
        ("is", "ifmap"): (columns, rows),
        ("is", "filter"): (rows, every),
        ("os", "ifmap"): (rows, every),
        ("os", "filter"): (every, columns),
    }[array.dataflow, name]


def _half(words: int | None) -> float:
    return math.inf if words is None else words // 2


def _mask(part: Array, numbers: Array) -> Array:
    """Which words occur in a part of an operand's matrix."""
    mask = np.zeros(int(numbers.max()) + 1, bool)
    mask[part.ravel()] = True
    return mask


def _word_numbers(layer: Layer) -> tuple[Array, ...]:
    """For ifmap, filter and ofmap: by group, row and column of the matrix, the number of the tensor's word."""
    kinds = _kinds(layer)
    found = []
    for tensor, (down, across) in zip(
        layer.tensors, (("pixels", "window"), ("window", "filters"), ("pixels", "filters")), strict=True
    ):
        places = {dim: _along(layer, kinds, dim, ("groups", down, across)) for dim in tensor.dims}
        total: Array = np.zeros((1, 1, 1), np.int64)
        for rank, extent in zip(tensor.ranks, layer.shape(tensor.name), strict=True):
            total = total * extent + sum(coefficient * places[dim] for dim, coefficient in rank.terms)
        sizes = [math.prod(layer.dims[dim] for dim in kinds[kind]) for kind in ("groups", down, across)]
        found.append(np.broadcast_to(total, sizes))
    return tuple(found)


def _along(layer: Layer, kinds: dict[str, list[str]], dim: str, axes: tuple[str, ...]) -> Array:
    """The index of a dimension along the axis of a matrix that it is part of."""
    for axis, kind in enumerate(axes):
        if dim in kinds[kind]:
            sizes = [layer.dims[other] for other in kinds[kind]]
            index = np.indices(sizes, sparse=True)[kinds[kind].index(dim)]
            shape = [1, 1, 1]
            shape[axis] = math.prod(sizes)
            return np.broadcast_to(index, sizes).reshape(shape)
    raise AssertionError(dim)


# Demands: what crosses the edges of the array in each cycle --------------------------------------------------------


@dataclass(frozen=True)
class Demands:
    """What one fold asks for and hands out, by cycle and lane: the row and column of a matrix, -1 for nothing.

    Each of ifmap, filter and ofmap is a pair of arrays (cycles, lanes): rows of the matrix, and columns of it.
    """

    ifmap: tuple[Array, Array]
    filter: tuple[Array, Array]
    ofmap: tuple[Array, Array]


def demands(product: Gemm, array: Systolic, down: int, across: int) -> Demands:
    """The demands of the fold in that place, skewed as the array needs them.

    >>> product = Gemm("p", pixels=2, window=2, filters=2)
    >>> demands(product, Systolic(2, 2, "os"), 0, 0).ifmap[0]       # pixel 0 enters one cycle before pixel 1
    array([[ 0, -1],
           [ 0,  1],
           [-1,  1],
           [-1, -1]])
    """
    run = Run(product, array)
    rows, columns, time = run.held[0], run.held[1], run.streamed
    R, C = array.rows, array.columns
    r0, c0 = down * R, across * C
    t = np.arange(run.fold_cycles)[:, None]
    r, c = np.arange(R)[None, :], np.arange(C)[None, :]
    if array.dataflow == "os":
        ifmap = _valid((r0 + r, t - r), (rows, time))
        filters = _valid((t - c, c0 + c), (time, columns))
        bottom = t - (time - 1) - c
        return Demands(ifmap, filters, _valid((np.where(bottom < R, r0 + bottom, -1), c0 + c), (rows, columns), r0))
    kept = _valid((np.where(t < R, r0 + R - 1 - t, -1), c0 + c), (rows, columns), r0)
    passing = _valid((t - R - r, r0 + r), (time, rows))
    sums = _valid((t - (2 * R - 1) - c, c0 + c), (time, columns))
    if array.dataflow == "ws":
        return Demands(passing, kept, sums)
    return Demands(_swap(kept), _swap(passing), _swap(sums))


def _valid(at: tuple[Array, Array], sizes: tuple[int, int], first: int = 0) -> tuple[Array, Array]:
    """Places inside the matrix; -1 where either index lies outside."""
    down, across = np.broadcast_arrays(*at)
    inside = (down >= first) & (down < sizes[0]) & (across >= 0) & (across < sizes[1])
    return np.where(inside, down, -1), np.where(inside, across, -1)


def _swap(at: tuple[Array, Array]) -> tuple[Array, Array]:
    return at[1], at[0]


# The array itself --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Marched:
    """What the array did. product: the matrix, pixels x filters; macs: MACs in each cycle; reads, writes: words that
    crossed its edges; busy: by cycle, row and column whether the PE multiplied, if it was watched."""

    product: Array
    macs: Array
    reads: dict[str, int]
    writes: dict[str, int]
    busy: Array | None

    @property
    def cycles(self) -> int:
        """Cycles from the first word in to the last word out of the last fold."""
        return len(self.macs)


def multiply(ifmap: Array, filters: Array, array: Systolic, watch: bool = False) -> Marched:
    """March two matrices of whole numbers through the array, register by register, all folds side by side.

    ifmap: pixels x window; filters: window x filters. A PE knows nothing of time: it multiplies when both its operands
    are there. Raises `WorkloadError` if the matrices do not fit together, or hold other than whole numbers.

    >>> done = multiply(np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]]), Systolic(2, 2, "ws"))
    >>> done.product, done.cycles, done.macs
    (array([[19, 22],
           [43, 50]]), 6, array([0, 0, 1, 3, 3, 1]))
    """
    ifmap, filters = np.asarray(ifmap), np.asarray(filters)
    if ifmap.ndim != 2 or filters.ndim != 2 or ifmap.shape[1] != filters.shape[0]:
        raise WorkloadError(
            f"a product needs matrices pixels x window and window x filters, got {ifmap.shape} and {filters.shape}"
        )
    if kinds := [str(matrix.dtype) for matrix in (ifmap, filters) if matrix.dtype.kind not in "iub"]:
        raise WorkloadError(
            f"the array multiplies whole numbers, got {' and '.join(kinds)}; quantise to integers first"
        )
    product = Gemm("product", ifmap.shape[0], ifmap.shape[1], filters.shape[1])
    run = Run(product, array)
    places = [(down, across) for across in range(run.across) for down in range(run.down)]
    asked = [demands(product, array, *place) for place in places]
    edges = {
        name: (
            np.stack([getattr(fold, name)[0] for fold in asked]),
            np.stack([getattr(fold, name)[1] for fold in asked]),
        )
        for name in TENSORS
    }
    march = _os if array.dataflow == "os" else _held
    sums, handed, busy = march(_feed(ifmap, edges["ifmap"]), _feed(filters, edges["filter"]), array)
    expected = edges["ofmap"][0] >= 0
    assert np.array_equal(handed, expected), "sums must leave when the demands say so"
    out = np.zeros((product.pixels, product.filters), sums.dtype)
    first = np.ones_like(out, bool)
    again = 0
    for fold in range(len(places)):  # one fold after another: a sum that is there is read and added to
        at = tuple(edges["ofmap"][axis][fold][expected[fold]] for axis in (0, 1))
        again += int(np.count_nonzero(~first[at]))
        out[at] += sums[fold][expected[fold]]
        first[at] = False
    reads = {name: int(np.count_nonzero(edges[name][0] >= 0)) for name in TENSORS[:2]} | {"ofmap": again}
    return Marched(
        product=out,
        macs=np.count_nonzero(busy, axis=(2, 3)).ravel(),
        reads=reads,
        writes={"ofmap": int(np.count_nonzero(expected))},
        busy=busy.reshape(-1, array.rows, array.columns) if watch else None,
    )


def _feed(matrix: Array, at: tuple[Array, Array]) -> tuple[Array, Array]:
    """The words that enter at an edge, by fold, cycle and lane, and where there is one."""
    there = at[0] >= 0
    return np.where(there, matrix[at[0], at[1]], 0), there


Words = tuple[Array, Array]


def _held(ifmap: Words, filters: Words, array: Systolic) -> tuple[Array, Array, Array]:
    """One operand stays: it is pushed in from the top, then the other passes to the right and sums flow down.

    Returns the words at the bottom, by fold, cycle and column, where there was one, and which PEs multiplied.
    """
    loaded, passing = (filters, ifmap) if array.dataflow == "ws" else (ifmap, filters)
    folds, cycles, _ = loaded[0].shape
    kept, kept_there, word, there, total, total_there = _registers(folds, array, 3)
    sums, handed = np.zeros((folds, cycles, array.columns), kept.dtype), np.zeros((folds, cycles, array.columns), bool)
    busy = np.zeros((folds, cycles, array.rows, array.columns), bool)
    for t in range(cycles):
        if t < array.rows:  # a lane without a word pushes too: what it pushes is nothing
            _push_down(kept, loaded[0][:, t])
            _push_down(kept_there, loaded[1][:, t])
        _push_right(word, passing[0][:, t])
        _push_right(there, passing[1][:, t])
        _push_down(total, np.zeros((folds, array.columns), total.dtype))
        _push_down(total_there, np.zeros((folds, array.columns), bool))
        busy[:, t] = kept_there & there
        total += np.where(busy[:, t], kept * word, 0)
        total_there |= busy[:, t]
        sums[:, t], handed[:, t] = total[:, -1], total_there[:, -1]
    return sums, handed, busy


def _os(ifmap: Words, filters: Words, array: Systolic) -> tuple[Array, Array, Array]:
    """Sums stay: operands enter from the left and from the top; who has seen the last of them hands its sum out."""
    folds, cycles, _ = ifmap[0].shape
    left, left_there, top, top_there, total, _ = _registers(folds, array, 3)
    seen = np.zeros(total.shape, np.int64)
    last = int(np.count_nonzero(ifmap[1][0, :, 0]))  # words that each lane gets in a fold
    sums, handed = np.zeros((folds, cycles, array.columns), total.dtype), np.zeros((folds, cycles, array.columns), bool)
    busy = np.zeros((folds, cycles, array.rows, array.columns), bool)
    for t in range(cycles):
        _push_right(left, ifmap[0][:, t])
        _push_right(left_there, ifmap[1][:, t])
        _push_down(top, filters[0][:, t])
        _push_down(top_there, filters[1][:, t])
        busy[:, t] = left_there & top_there
        total += np.where(busy[:, t], left * top, 0)
        seen += busy[:, t]
        done = busy[:, t] & (seen == last)
        assert np.all(np.count_nonzero(done, axis=1) <= 1), "one word per column and cycle"
        sums[:, t], handed[:, t] = np.where(done, total, 0).sum(axis=1), done.any(axis=1)
    return sums, handed, busy


def _registers(folds: int, array: Systolic, count: int) -> list[Array]:
    """Registers of every PE for so many words, and for each whether a word is there."""
    shape = (folds, array.rows, array.columns)
    return [np.zeros(shape, kind) for _ in range(count) for kind in (np.int64, bool)]


def _push_right(registers: Array, entering: Array) -> None:
    registers[:, :, 1:] = registers[:, :, :-1].copy()
    registers[:, :, 0] = entering


def _push_down(registers: Array, entering: Array) -> None:
    registers[:, 1:] = registers[:, :-1].copy()
    registers[:, 0] = entering


def march(layer: Layer, array: Systolic, operands: dict[str, Array]) -> tuple[Array, tuple[Marched, ...]]:
    """Run a layer on its operands, group after group: the output tensor, and what the array did in each group.

    operands: by name, arrays of whole numbers of the shapes `layer.shape(name)`. Raises `WorkloadError`.

    >>> layer = conv("c", M=2, C=3, P=4, Q=4, R=3, S=3)
    >>> ones = {name: np.ones(layer.shape(name), int) for name in ("ifmap", "filter")}
    >>> output, _ = march(layer, Systolic(4, 4, "os"), ones)
    >>> output.shape, int(output[0, 0, 0, 0])
    ((1, 2, 4, 4), 27)
    """
    if not isinstance(operands, dict):
        raise WorkloadError(f"{layer.name}: operands are arrays by name, as in {{'ifmap': ...}}, got {operands!r}")
    faults = [
        f"{tensor.name} needs the shape {layer.shape(tensor.name)}, got {np.shape(operands.get(tensor.name, ()))}"
        for tensor in layer.tensors[:-1]
        if np.shape(operands.get(tensor.name, ())) != layer.shape(tensor.name)
    ]
    if faults:
        raise WorkloadError(f"{layer.name}: " + "\n  ".join(faults))
    *numbers, out = _word_numbers(layer)
    words = [np.asarray(operands[tensor.name]).ravel() for tensor in layer.tensors[:-1]]
    done = tuple(multiply(words[0][first], words[1][second], array) for first, second in zip(*numbers, strict=True))
    output = np.zeros(layer.shape(layer.output.name), np.int64)
    for number, group in zip(out, done, strict=True):
        output.ravel()[number] = group.product
    return output, done


# Pictures ----------------------------------------------------------------------------------------------------------


def timeline(layer: Layer, array: Systolic, first: int = 0, cycles: int = 600) -> Timeline:
    """What every PE does in up to `cycles` cycles from cycle `first` on, and the words that cross the array's edges.

    `f`: a word to stay is pushed in; `m`: MAC; `b`: the last MAC of a sum that stays, which leaves ("os"); `d`: a
    sum passes through a PE that has no word of its own to multiply. Idle are PEs that wait for operands, or have no
    work in the fold. Groups look alike; the timeline runs through all. Raises `WorkloadError`.

    >>> line = timeline(conv("mv", M=2, C=2, P=3), Systolic(2, 2, "ws"))
    >>> line.states
    ('ff..', 'ffff', 'm...', 'mmm.', 'mmmm', '.mmm', '...m')
    >>> line.at(3, 1, 0), line.traffic["SRAM writes of ofmap"]
    ('MAC: ofmap[0 0] += ifmap[0 1] * filter[1 0]', (0, 0, 0, 1, 2, 2, 1))
    """
    run = evaluate(layer, array)
    if not whole(first) or not 0 <= first < run.cycles or not whole(cycles) or cycles < 1:
        raise WorkloadError(
            f"{layer.name} on {array}: the run has cycles 0 to {run.cycles - 1}; needed are a first of them and 1 "
            f"cycle or more, got first={first!r}, cycles={cycles!r}"
        )
    states, when, moved = [], [], []
    for cycle in range(first, min(first + cycles, run.cycles)):
        fold, t = divmod(cycle, run.fold_cycles)
        across, down = divmod(fold % (run.down * run.across), run.down)
        states.append(_states(run, down, across, t))
        when.append(_when(run, down, across, t))
        moved.append(_moved(run, down, across, t))
    traffic = {
        name: tuple(words)
        for name, *words in zip(
            ("SRAM reads of ifmap", "SRAM reads of filter", "SRAM reads of ofmap", "SRAM writes of ofmap"),
            *moved,
            strict=True,
        )
    }
    words = ("pixel", "window", "filter")
    return Timeline(
        name=f"{layer.name} on {array}",
        rows=array.rows,
        columns=array.columns,
        states=tuple(states),
        traffic={name: counts for name, counts in traffic.items() if any(counts)},
        works=Works(
            dims=words,
            when=tuple(when),
            where=tuple(_where(array, r, c) for r in range(array.rows) for c in range(array.columns)),
            words={"ifmap": _axes(0, 1), "filter": _axes(1, 2), "ofmap": _axes(0, 2)},
        ),
        first=first,
        total=run.cycles,
    )


def _axes(*dims: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    return tuple(((dim, 1),) for dim in dims)


def _when(run: Run, down: int, across: int, t: int) -> tuple[int, int, int]:
    """Pixel, window and filter of the PE in the corner in a cycle of a fold."""
    r0, c0 = down * run.array.rows, across * run.array.columns
    match run.array.dataflow:
        case "ws":
            return t - run.array.rows, r0, c0
        case "is":
            return c0, r0, t - run.array.rows
        case _:
            return r0, t, c0


def _where(array: Systolic, r: int, c: int) -> tuple[int, int, int]:
    """What to add for the PE in row r, column c: operands reach it r + c cycles later."""
    return {"ws": (-r - c, r, c), "is": (c, r, -r - c), "os": (r, -r - c, c)}[array.dataflow]


def _states(run: Run, down: int, across: int, t: int) -> str:
    array = run.array
    r, c = np.ogrid[: array.rows, : array.columns]
    own = (down * array.rows + r < run.held[0]) & (across * array.columns + c < run.held[1])
    column = np.broadcast_to(across * array.columns + c < run.held[1], own.shape)
    letters = np.full(own.shape, ".", "<U1")
    load = 0 if array.dataflow == "os" else array.rows
    turn = t - load - r - c
    passing = (turn >= 0) & (turn < run.streamed)
    if load:
        letters[column & (t < load) & (down * array.rows + r + load - 1 - t < run.held[0]) & (r <= t)] = "f"
        letters[column & ~own & passing] = "d"
    letters[own & passing] = "m"
    if not load:
        letters[own & (turn == run.streamed - 1)] = "b"
    return "".join(letters.ravel())


def _moved(run: Run, down: int, across: int, t: int) -> tuple[int, int, int, int]:
    """Words of ifmap and filter read, of ofmap read and written, in a cycle of a fold: lanes that have one."""
    array, time = run.array, run.streamed
    rows = min(array.rows, run.held[0] - down * array.rows)
    columns = min(array.columns, run.held[1] - across * array.columns)

    def lanes(cycle: int, count: int, length: int) -> int:
        """Lanes 0 to count - 1, each `length` words long and one cycle after the lane before it."""
        return max(0, min(cycle, count - 1) - max(0, cycle - length + 1) + 1)

    if array.dataflow == "os":
        return lanes(t, rows, time), lanes(t, columns, time), 0, lanes(t - time + 1, columns, rows)
    kept = columns if array.rows - rows <= t < array.rows else 0
    passing, out = lanes(t - array.rows, rows, time), lanes(t - 2 * array.rows + 1, columns, time)
    ifmap, filters = (passing, kept) if array.dataflow == "ws" else (kept, passing)
    return ifmap, filters, out if down else 0, out


# SCALE-Sim ---------------------------------------------------------------------------------------------------------


def as_scalesim(
    work: Layer | Gemm, array: Systolic, dram: bool = True, size: tuple[int, int] | None = None
) -> dict[str, float]:
    """What SCALE-Sim 3.0.0 reports for one group of a layer, from our run by its rules. Words and cycles are whole.

    dram: what it fetches from DRAM too; that takes a walk over all requests, up to seconds for a large layer. size:
    rows and columns of the ifmap where windows stick out of it: what lies beyond is asked for but never fetched.

    cycles: the number of the last cycle, counted from 0: one less than there are. mapping: spatial utilization, in
    percent. compute: MACs over PEs and cycles, in percent, where a fold of "ws" and "is" is taken to last `columns` - 1
    cycles longer than it does. sram_ofmap: partial sums are written and never read back; "os" adds `rows` +
    `columns` words to each fold. dram_ifmap, dram_filter: an SRAM takes in every word that it does not have, and when
    half of its hundred sets of words are full it drops them all. dram_ofmap: every word written; if lines of
    `columns` words fill half of the SRAM exactly, one incomplete line counts as complete when that half is full for the
    first time. Stalls are not modelled.

    >>> layer = conv("conv3", M=384, C=256, P=13, Q=13, R=3, S=3)
    >>> found = as_scalesim(layer, Systolic(32, 32, "os"))
    >>> found["cycles"], found["sram_ofmap"]
    (170351, 69504)
    """
    run = evaluate(work, array)
    folds, groups = run.down * run.across, run.gemm.groups
    extra, longer = (array.rows + array.columns, 0) if array.dataflow == "os" else (0, array.columns - 1)
    written = run.writes["ofmap"] // groups
    found = {
        "cycles": folds * run.fold_cycles - 1,
        "mapping": 100 * run.spatial,
        "compute": 100 * run.spatial * run.streamed / (run.fold_cycles + longer),
        "sram_ifmap": run.reads["ifmap"] // groups,
        "sram_filter": run.reads["filter"] // groups,
        "sram_ofmap": written + folds * extra,
    }
    if dram:
        half = _half(array.ofmap)
        padding = array.columns - 1 if written > half + 1 and half % array.columns == 0 else 0
        found |= {f"dram_{name}": _refilled(run, name, size) for name in TENSORS[:2]}
        found["dram_ofmap"] = written + padding
    return found


def _refilled(run: Run, name: str, size: tuple[int, int] | None = None) -> int:
    """Words fetched of an operand when an SRAM forgets all it has each time that it is full."""
    numbers, words = run.numbers(name), getattr(run.array, name)
    if name == "ifmap" and size and run.layer:
        numbers = _inside(numbers, run.layer, size)
    room = math.inf if words is None else 50 * (words // 100)
    distinct = int(np.count_nonzero(_mask(numbers[numbers >= 0], numbers)))
    if distinct < room:
        return distinct
    seen, filling = np.full(int(numbers.max()) + 1, -1), 0
    position = np.zeros(len(seen), np.int64)
    fetched = held = 0
    for across in range(run.across):
        for down in range(run.down):
            at = getattr(demands(run.gemm, run.array, down, across), name)
            asked = numbers[at[0][at[0] >= 0], at[1][at[0] >= 0]]
            asked = asked[asked >= 0]
            while len(asked):
                absent = np.flatnonzero(seen[asked] != filling)
                position[asked[absent[::-1]]] = absent[::-1]  # where each word is asked for first
                new = absent[position[asked[absent]] == absent]
                taken = new[: int(min(room - held, len(new)))]
                seen[asked[taken]] = filling
                fetched, held = fetched + len(taken), held + len(taken)
                if held < room:
                    break
                asked, held, filling = asked[taken[-1] + 1 :], 0, filling + 1
    return fetched


def _inside(numbers: Array, layer: Layer, size: tuple[int, int]) -> Array:
    """The numbers of words of the ifmap, -1 for those beyond its last row or column."""
    rows, columns = np.unravel_index(numbers, layer.shape("ifmap"))[-2:]
    return np.where((rows < size[0]) & (columns < size[1]), numbers, -1)


def scalesim_rows() -> list[dict[str, Any]]:
    """What SCALE-Sim 3.0.0 reported, layer by layer: shape, array, SRAM words, cycles, utilization, words.

    Columns of DRAM are None where only its compute part was run. The header of the file says how the rows were made.
    """
    text = files("accelsim").joinpath("data/scalesim.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [{key: _number(cell) for key, cell in row.items()} for row in csv.DictReader(lines)]


def scalesim_case(row: dict[str, Any]) -> tuple[Layer, Systolic]:
    """The layer and the array of a row of `scalesim_rows`."""
    cells = [row[key] for key in ("layer", "H", "W", "R", "S", "C", "M", "stride")]
    (layer,) = from_scalesim("\n" + ",".join(map(str, cells)))
    sizes = (row["rows"], row["columns"], row["dataflow"], row["ifmap_words"], row["filter_words"], row["ofmap_words"])
    return layer, Systolic(*sizes)


def _number(cell: str) -> int | float | str | None:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            pass
    return cell or None


def _known(convention: str) -> None:
    if convention not in CONVENTIONS:
        raise WorkloadError(
            f"a convention is one of {', '.join(CONVENTIONS)}, got {convention!r}{suggest(convention, CONVENTIONS)}"
        )
