"""Row stationary, in Eyeriss's own terms: from a layer and seven parameters to passes, traffic and time.

A PE convolves one filter row with one ifmap row. R rows of e PEs are a PE set: filter rows stay in it across, ifmap
rows run through it diagonally, and partial sums are added up its columns. A *processing pass* is what the array does
with one load of filters: n images, r q channels, p t filters, e rows of ofmap.

    for N / n, P / e, M / m, C / (r q):           DRAM   psums of n images x m filters x e rows stay in the buffer
      for m / (p t):                              GLB    one pass: filters loaded, ifmap rows multicast
        for n, Q:                                        a window slides along the row
          r x t PE sets of R x e PEs              array
            for p filters, q channels, S          spad

>>> from accelsim import catalog
>>> conv1 = catalog.alexnet().layer("conv1")
>>> plan = schedule(conv1, TABLE_III["conv1"])
>>> plan.passes, plan.active, plan.glb_bytes, plan.banks
(288, 154, 18450144, (4, 19))
>>> round(1000 * plan.cycles / EYERISS.clock, 1)          # measured: 16.5 ms
15.9
>>> print(plan.mapping)
DRAM: N4 P8 C3 | GLB[ifmap ofmap]: M3 Q55 P7@x M2@x R11@y | spad: M16 S11
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

from accelsim.catalog.tables import NORMALISED_65
from accelsim.errors import ArchError, MappingError, WorkloadError, number, suggest, whole
from accelsim.mapping import Loop, Stage
from accelsim.mapping import Mapping as Nest
from accelsim.workload import Layer

MANY = 16  # PE sets, up to which every split between channels and filters is tried


@dataclass(frozen=True)
class Chip:
    """A machine for row stationary: a grid of PEs with scratchpads, a buffer in banks, three networks, a DRAM link.

    rows, columns: PEs. spad: words for ifmap, filters and psums in a PE, or one number that they share. filters,
    channels: how many a PE can be set to (p, q). banks: of the buffer for ifmap and psum, each wholly one or the
    other; bank: words of one. prefetch: words for the filters of the next pass (None: no limit).
    filter_noc, psum_noc, ifmap_noc, link: words a cycle; psums have a network each way. clock: cycles per second.
    Raises `ArchError` with every fault at once.
    """

    name: str = "eyeriss"
    rows: int = 12
    columns: int = 14
    spad: tuple[int, int, int] | int = (12, 224, 24)
    filters: int | None = 24
    channels: int | None = 4
    banks: int = 25
    bank: int = 2048
    prefetch: int | None = 4096
    filter_noc: int = 4
    psum_noc: int = 4
    ifmap_noc: int = 1
    link: float = 1.2
    clock: float = 200e6

    def __post_init__(self) -> None:
        if faults := list(_chip_faults(self)):
            raise ArchError(f"machine {self.name!r}: " + "\n  ".join(faults))

    @property
    def pes(self) -> int:
        """PEs in the array."""
        return self.rows * self.columns

    def sets(self, e: int, R: int) -> tuple[int, int]:
        """PE sets of R x e that fit across and down; one wider than the array is folded, strip below strip.

        >>> EYERISS.sets(7, 11), EYERISS.sets(27, 5), EYERISS.sets(13, 3)
        ((2, 1), (1, 1), (1, 4))
        """
        folds = -(-e // self.columns)
        return max(1, self.columns // e), self.rows // (R * folds)


def _chip_faults(chip: Chip) -> Iterator[str]:
    spads = chip.spad if isinstance(chip.spad, tuple) else (chip.spad,)
    if len(spads) not in (1, 3) or not all(whole(words) and words >= 1 for words in spads):
        yield f"spad must be words for ifmap, filters and psums, or one number from 1, got {chip.spad!r}"
    for name in ("rows", "columns", "banks", "bank", "filter_noc", "psum_noc", "ifmap_noc"):
        if not whole(value := getattr(chip, name)) or value < 1:
            yield f"{name} must be a whole number from 1, got {value!r}"
    for name in ("filters", "channels", "prefetch"):
        if (value := getattr(chip, name)) is not None and (not whole(value) or value < 1):
            yield f"{name} must be None or a whole number from 1, got {value!r}"
    for name in ("link", "clock"):
        if not number(value := getattr(chip, name)) or value <= 0:
            yield f"{name} must be a number above 0, got {value!r}"


# JSSC 52(1), 2017: 12 x 14 PEs, scratchpads of 12, 224 and 24 words, 100 KiB for ifmap and psum in banks of 4 KiB
# (512 x 64 bits) that hold one or the other, 8 KiB of filters ahead. Networks: filters and psums 64 bits, ifmap 16.
# Core 200 MHz; DRAM link 64 bits at 60 MHz, so 1.2 words a cycle.
EYERISS = Chip()

# The machine of ISCA 2016's comparison: 256 PEs with 512 bytes each, shared as the mapping likes, and 128 KiB.
ISCA16 = Chip("ISCA 2016, 256 PEs", 16, 16, 256, None, None, 128 * 1024 // 2, 1, None)


@dataclass(frozen=True)
class Parameters:
    """How a layer is cut into passes, in the paper's letters; f (ours) cuts the ofmap's columns too.

    n: images in a pass. m: filters whose psums stay in the buffer. e: ofmap rows of a PE set. p, q: filters and
    channels in one PE. r, t: PE sets for different channels, and for different filters. f: ofmap columns of a pass,
    None for all; only rows wider than the buffer need it.
    """

    n: int
    m: int
    e: int
    p: int
    q: int
    r: int
    t: int
    f: int | None = None

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if wrong := {k: v for k, v in values.items() if not (whole(v) and v >= 1) and (k, v) != ("f", None)}:
            raise MappingError(f"row stationary: parameters are whole numbers from 1, got {wrong}")


# JSSC 2017, table III. e, r and t are as read there; n, m, p and q are recalled, and give the buffer's sizes in the
# table to the digit. conv3 has a second reading: see `CONV3`.
TABLE_III = {
    "conv1": Parameters(n=1, m=96, e=7, p=16, q=1, r=1, t=2),
    "conv2": Parameters(n=1, m=64, e=27, p=16, q=2, r=1, t=1),
    "conv3": Parameters(n=4, m=64, e=13, p=16, q=4, r=1, t=4),
    "conv4": Parameters(n=4, m=64, e=13, p=16, q=3, r=2, t=2),
    "conv5": Parameters(n=4, m=64, e=13, p=16, q=3, r=2, t=2),
}

# conv3 as the buffer traffic in table V wants it: 50.2 MB are what conv4's parameters give, six channels a pass, and
# not table III's four, with which psums cross the buffer 64 times instead of 43 (69.2 MB). Both keep 156 PEs at work.
CONV3 = TABLE_III["conv4"]

# VGG-16 has no published parameters: these are reconstructions from the published (and recalled) results, so that
# agreeing with those results proves nothing. Shown in the book, judged nowhere.
VGG16 = {
    1: Parameters(n=1, m=32, e=13, p=8, q=1, r=1, t=4, f=112),
    2: Parameters(n=1, m=32, e=13, p=8, q=1, r=1, t=4, f=112),
    3: Parameters(n=1, m=64, e=13, p=16, q=2, r=1, t=4, f=56),
    4: Parameters(n=1, m=32, e=28, p=16, q=4, r=1, t=2, f=28),
    5: Parameters(n=3, m=64, e=14, p=16, q=4, r=2, t=2, f=14),
}


class Shape(NamedTuple):
    """A convolution's sizes of one group, and its strides down (U) and across (V)."""

    N: int
    G: int
    M: int
    C: int
    P: int
    Q: int
    R: int
    S: int
    U: int
    V: int

    @property
    def outputs(self) -> int:
        """Words of the ofmap."""
        return self.G * self.N * self.M * self.P * self.Q

    @property
    def weights(self) -> int:
        """Words of the filters."""
        return self.G * self.M * self.C * self.R * self.S

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.outputs * self.C * self.R * self.S


def by_level(energy: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Energy by level, over all tensors.

    >>> by_level({("DRAM", "ifmap"): 2.0, ("DRAM", "filter"): 1.0, ("ALU", "compute"): 5.0})
    {'DRAM': 3.0, 'ALU': 5.0}
    """
    sums: dict[str, float] = {}
    for (level, _), spent in energy.items():
        sums[level] = sums.get(level, 0.0) + spent
    return sums


def shape(layer: Layer) -> Shape:
    """The sizes of a convolution, or of a fully connected layer as one of 1x1. Raises `WorkloadError` for others.

    >>> from accelsim import conv
    >>> shape(conv("c", M=4, C=6, P=5, Q=5, R=3, S=3, G=2, stride=2))
    Shape(N=1, G=2, M=2, C=3, P=5, Q=5, R=3, S=3, U=2, V=2)
    """
    if not isinstance(layer, Layer):
        raise WorkloadError(f"expected a Layer, made by conv(...), got {layer!r}")
    ifmap, dims = layer.tensors[0], {*layer.dims}
    if [str(tensor) for tensor in layer.tensors] == ["ifmap[N C]", "filter[M C]", "ofmap[N M]"]:
        return Shape(layer.dims["N"], 1, layer.dims["M"], layer.dims["C"], 1, 1, 1, 1, 1, 1)
    ranks = [dict(rank.terms) for rank in ifmap.ranks[-2:]]
    if ifmap.name != "ifmap" or [[*rank] for rank in ranks] != [["P", "R"], ["Q", "S"]] or not dims <= {*Shape._fields}:
        raise WorkloadError(f"{layer.name}: row stationary needs a convolution or fully connected layer, got {layer}")
    if ranks[0]["R"] > 1 or ranks[1]["S"] > 1:
        raise WorkloadError(f"{layer.name}: row stationary needs dilation 1, got {ranks[0]['R']} and {ranks[1]['S']}")
    sizes = {dim: layer.dims.get(dim, 1) for dim in Shape._fields[:8]}
    return Shape(**sizes, U=ranks[0]["P"], V=ranks[1]["Q"])


def _up(amount: Any, size: Any) -> Any:
    """How many pieces of a size an amount needs; for whole numbers and arrays of them."""
    return -(-amount // size)


def _reach(outputs: Any, pieces: Any, stride: int, window: int) -> Any:
    """Input rows that some output rows need when worked on in pieces, each with the rows it shares with the next."""
    return (outputs - pieces) * stride + pieces * window if stride <= window else outputs * window


class Cut(NamedTuple):
    """How often each loop of the nest runs; whole numbers, or arrays of them for many parameters at once."""

    images: Any
    strips: Any
    tiles: Any
    groups: Any
    channels: Any
    filters: Any
    rows: Any
    columns: Any


def cut(s: Shape, n: Any, m: Any, e: Any, f: Any, qr: Any, pt: Any) -> Cut:
    """Loop counts: image groups, strips of rows, tiles of columns, groups of m filters, groups of channels, passes over
    the filters; and the input rows and columns that all strips and tiles reach together."""
    groups = _up(s.M, m)
    filters = (groups - 1) * _up(m, pt) + _up(s.M - (groups - 1) * m, pt)
    strips, tiles = _up(s.P, e), _up(s.Q, f)
    rows, columns = _reach(s.P, strips, s.U, s.R), _reach(s.Q, tiles, s.V, s.S)
    return Cut(_up(s.N, n), strips, tiles, groups, _up(s.C, qr), filters, rows, columns)


def dram_words(s: Shape, c: Cut) -> dict[str, Any]:
    """Words between DRAM and chip, by tensor, before compression.

    ifmap: every group of m filters loads it again, unless all channels fit into one pass and it is still there.
    filter: every pass loads its own, unless one pass holds them all. ofmap: once.
    """
    alone = (c.channels == 1) * (c.filters == 1)
    ifmap = s.G * s.N * s.C * c.rows * c.columns * (c.groups + (c.channels == 1) * (1 - c.groups))
    repeats = c.images * c.strips * c.tiles
    return {"ifmap": ifmap, "filter": s.weights * (repeats + alone * (1 - repeats)), "ofmap": s.outputs}


def glb_words(s: Shape, c: Cut) -> dict[tuple[str, str], Any]:
    """Words that the array and the way out move at the buffer, by (tensor, "read" or "write").

    Each pass over the filters reads the ifmap again. A psum is written once for every group of channels, and read
    back for the next, the last time on its way to DRAM. What fills the buffer from DRAM is in `dram_words`.
    """
    return {
        ("ifmap", "read"): s.G * s.N * s.C * c.rows * c.columns * c.filters,
        ("ofmap", "read"): s.outputs * c.channels,
        ("ofmap", "write"): s.outputs * c.channels,
    }


@dataclass(frozen=True)
class Pass:
    """Cycles of one pass. filters: loading them. ramp: until every PE has its first window. window: cycles of one
    output column, the slowest of compute, psum and ifmap. columns: windows of the pass. times: passes like this."""

    times: int
    filters: int
    ramp: int
    compute: int
    psum: int
    ifmap: int
    columns: int

    @property
    def window(self) -> int:
        """Cycles per window."""
        return max(self.compute, self.psum, self.ifmap)

    @property
    def cycles(self) -> int:
        """Of one such pass."""
        return self.filters + self.ramp + self.columns * self.window

    @property
    def limit(self) -> str:
        """What a window waits for."""
        return max(("compute", "psum", "ifmap"), key=lambda name: getattr(self, name))


@dataclass(frozen=True)
class Schedule:
    """What a layer does under some parameters: make it with `schedule`, which checks that they fit.

    All counts are of the whole layer and batch, in words unless a name says bytes (2 to a word).
    """

    layer: Layer
    parameters: Parameters
    chip: Chip

    @cached_property
    def shape(self) -> Shape:
        """Sizes of the layer."""
        return shape(self.layer)

    @cached_property
    def cut(self) -> Cut:
        """Loop counts."""
        a = self.parameters
        return cut(self.shape, a.n, a.m, a.e, a.f or self.shape.Q, a.q * a.r, a.p * a.t)

    @property
    def passes(self) -> int:
        """Processing passes: loads of filters into the array."""
        c = self.cut
        return int(self.shape.G * c.images * c.strips * c.tiles * c.channels * c.filters)

    @property
    def active(self) -> int:
        """PEs at work in a full pass."""
        a = self.parameters
        return min(a.e, self.shape.P) * self.shape.R * min(a.r, self.shape.C) * min(a.t, self.shape.M)

    @property
    def buffered(self) -> dict[str, int]:
        """Words in the buffer during a pass: the ifmap it reads, and the psums of m filters."""
        return _buffered(self.shape, self.parameters)

    @property
    def banks(self) -> tuple[int, int]:
        """Banks that ifmap and psums take; no bank holds both."""
        held = self.buffered
        return _up(held["ifmap"], self.chip.bank), _up(held["ofmap"], self.chip.bank)

    @property
    def dram(self) -> dict[str, int]:
        """Words between DRAM and chip, by tensor, before compression."""
        return dram_words(self.shape, self.cut)

    @property
    def glb(self) -> dict[tuple[str, str], int]:
        """Words read and written at the buffer, by (tensor, "read" or "write")."""
        return glb_words(self.shape, self.cut)

    @property
    def glb_bytes(self) -> int:
        """Bytes that cross the buffer, as table V counts them for AlexNet: ifmap read, psums read and written.

        Neither the ifmap's way in from DRAM nor the filters are in it.
        """
        return 2 * sum(self.glb.values())

    def dram_bytes(self, zeros: Mapping[str, float] | None = None) -> float:
        """Bytes between DRAM and chip. zeros: by tensor ("ifmap", "ofmap"), the fraction of zeros if it is compressed.

        Compression is the chip's run-length code for 16-bit words, zeros taken as independent of each other. Filters
        are not compressed, nor is the input of the first layer. Raises `WorkloadError` for zeros of another tensor.
        """
        zeros = zeros or {}
        known = ("ifmap", "ofmap")
        if wrong := [f"{name!r}{suggest(name, known)}" for name in zeros if name not in known]:
            raise WorkloadError(f"{self.layer.name}: ifmap and ofmap are compressed, got zeros of {', '.join(wrong)}")
        return sum(2 * n * (rlc_ratio(zeros[name]) if name in zeros else 1.0) for name, n in self.dram.items())

    @cached_property
    def timing(self) -> tuple[Pass, ...]:
        """Cycles of each kind of pass: full ones, and those at the edges of the layer."""
        return tuple(_timing(self.shape, self.parameters, self.chip))

    @property
    def cycles(self) -> int:
        """Processing time in core cycles; loading the ifmap and storing the ofmap come on top."""
        return sum(each.times * each.cycles for each in self.timing)

    @property
    def milliseconds(self) -> float:
        """Processing time."""
        return 1000 * self.cycles / self.chip.clock

    def stalls(self, zeros: Mapping[str, float] | None = None) -> float:
        """Milliseconds in which the array waits for the DRAM link to bring the ifmap and take the ofmap.

        The chip does not process meanwhile; filters come while it does.
        """
        moved = self.dram_bytes(zeros) / 2 - self.dram["filter"]
        return 1000 * moved / self.chip.link / self.chip.clock

    @property
    def array(self) -> dict[str, int]:
        """Words carried between PEs or to them: ifmap and filters to each PE, psums up to the next PE."""
        a = self.parameters
        return array_words(self.shape, self.cut, a.n, a.f or self.shape.Q, a.p, a.q, a.m)

    @property
    def energy(self) -> dict[tuple[str, str], float]:
        """Energy by (level, tensor) in MACs, by the prices of ISCA 2016, table IV."""
        return energy(self.shape, self.cut, self.array)

    @cached_property
    def mapping(self) -> Nest:
        """The same loops as a nest for `count` and `trace` on the machine `catalog.eyeriss()`."""
        return _nest(self.shape, self.parameters, self.chip)


def schedule(layer: Layer, parameters: Parameters, chip: Chip = EYERISS) -> Schedule:
    """Run a layer with these parameters. Raises `MappingError` with all `problems`, if there are any."""
    if faults := problems(layer, parameters, chip):
        where = f"{layer.name} on {getattr(chip, 'name', chip)}: {parameters}"
        raise MappingError(f"{where}\n  " + "\n  ".join(faults))
    return Schedule(layer, parameters, chip)


def problems(layer: Layer, parameters: Parameters, chip: Chip = EYERISS) -> list[str]:
    """Every reason why these parameters cannot run this layer; an empty list if they can.

    >>> from dataclasses import replace
    >>> from accelsim import catalog
    >>> problems(catalog.alexnet().layer("conv4"), replace(TABLE_III["conv4"], q=5, m=96))
    ['q is at most 4 here, got 5', 'ifmap spad needs q S = 15 words, it has 12', 'filter spad needs p q S = 240 words, \
it has 224', 'GLB needs 5 banks for ifmap and 32 for psum, it has 25']
    """
    kinds = [
        f"expected {kind.__name__}(...), got {value!r}"
        for value, kind in ((parameters, Parameters), (chip, Chip))
        if not isinstance(value, kind)
    ]
    return kinds or list(_faults(shape(layer), parameters, chip))


def _faults(s: Shape, a: Parameters, chip: Chip) -> Iterator[str]:
    yield from _size_faults(s, a, chip)
    yield from _spad_faults(s, a, chip)
    yield from _array_faults(s, a, chip)
    held = _buffered(s, a)
    ifmap, psum = _up(held["ifmap"], chip.bank), _up(held["ofmap"], chip.bank)
    if ifmap + psum > chip.banks:
        yield f"GLB needs {ifmap} banks for ifmap and {psum} for psum, it has {chip.banks}"
    ahead = min(a.p * a.t, s.M) * min(a.q * a.r, s.C) * s.R * s.S
    if chip.prefetch is not None and ahead > chip.prefetch:
        yield f"the filters of a pass are {ahead} words, room to prefetch is {chip.prefetch}"


def _size_faults(s: Shape, a: Parameters, chip: Chip) -> Iterator[str]:
    limits = [("n", s.N), ("m", s.M), ("e", s.P), ("f", s.Q), ("p", s.M), ("q", s.C)]
    limits += [("r", _up(s.C, a.q)), ("t", _up(s.M, a.p)), ("p", chip.filters or a.p), ("q", chip.channels or a.q)]
    for name, most in limits:
        if (got := getattr(a, name) or 1) > most:
            yield f"{name} is at most {most} here, got {got}"
    if a.m % (a.p * a.t) and a.m != s.M:
        yield f"m must be a multiple of p t = {a.p * a.t}, so that passes are full, got {a.m}"


def _array_faults(s: Shape, a: Parameters, chip: Chip) -> Iterator[str]:
    if a.e < s.P and (folds := _up(a.e, chip.columns)) > 1 and a.e % folds:
        yield f"e must be a multiple of {folds}, into which so many rows are folded, got {a.e}"
    across, down = chip.sets(a.e, s.R)
    if not down or not _split(a.r, a.t, across, down):
        have = f"{chip.rows} x {chip.columns} PEs hold {across} x {down}"
        yield f"{a.r} x {a.t} PE sets of {s.R} x {a.e} do not fit: {have}"


def _spad_faults(s: Shape, a: Parameters, chip: Chip) -> Iterator[str]:
    need = (a.q * s.S, a.p * a.q * s.S, a.p)
    if isinstance(chip.spad, int):
        if sum(need) > chip.spad:
            yield f"the spad needs q S + p q S + p = {sum(need)} words, it has {chip.spad}"
        return
    terms = (("ifmap", "q S"), ("filter", "p q S"), ("psum", "p"))
    for (name, term), words, have in zip(terms, need, chip.spad, strict=True):
        if words > have:
            yield f"{name} spad needs {term} = {words} words, it has {have}"


def _buffered(s: Shape, a: Parameters) -> dict[str, int]:
    f, channels = a.f or s.Q, min(a.q * a.r, s.C)
    rows, columns = (_reach(size, 1, *window) for size, window in ((a.e, (s.U, s.R)), (f, (s.V, s.S))))
    return {"ifmap": a.n * channels * rows * columns, "ofmap": a.n * a.m * a.e * f}


def _pieces(total: int, *sizes: int) -> list[tuple[int, int]]:
    """Full pieces and the last one, as (length, how many); nested sizes cut each piece again."""
    pieces = [(total, 1)]
    for size in sizes:
        inner = []
        for length, times in pieces:
            full, rest = divmod(length, size)
            inner += [(size, times * full)] * (full > 0) + [(rest, times)] * (rest > 0)
        pieces = inner
    return pieces


def _timing(s: Shape, a: Parameters, chip: Chip) -> Iterator[Pass]:
    cuts = (
        _pieces(s.N, a.n), _pieces(s.P, a.e), _pieces(s.Q, a.f or s.Q), _pieces(s.M, a.m, a.p * a.t),
        _pieces(s.C, a.q * a.r),
    )  # fmt: skip
    for kinds in product(*cuts):
        (n, e, f, filters, channels), times = zip(*kinds, strict=True)
        rows = _reach(e, 1, s.U, s.R)
        yield Pass(
            times=s.G * math.prod(times),
            filters=_up(filters * channels * s.R * s.S, chip.filter_noc),
            ramp=_up(rows * channels * s.S, chip.ifmap_noc),
            compute=min(a.p, filters) * min(a.q, channels) * s.S,
            psum=_up(e * filters, chip.psum_noc),
            ifmap=_up(rows * channels * min(s.V, s.S), chip.ifmap_noc),
            columns=n * f,
        )


def array_words(s: Shape, c: Cut, n: Any, f: Any, p: Any, q: Any, m: Any) -> dict[str, Any]:
    """Words that reach a PE or move from one to the next: an ifmap row goes to every PE that convolves it (diagonally),
    a filter row to every PE of its row, a psum up through the R r PEs that add to it."""
    sets = (c.groups - 1) * _up(m, p) + _up(s.M - (c.groups - 1) * m, p)
    return {
        "ifmap": s.G * s.N * s.C * s.R * s.P * c.columns * sets,
        "filter": s.weights * c.images * c.tiles * s.P,
        "ofmap": s.outputs * (_up(s.C, q) * s.R - c.channels),
    }


def energy(s: Shape, c: Cut, array: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Energy by (level, tensor) in MACs: prices of ISCA 2016, table IV, times its equations for words and psums.

    DRAM: words in and out. GLB: ifmap to the array, psums out and back; a psum's last way out leads past the buffer,
    and filters stream past it. RF: a filter and an ifmap word read and a psum read and written at every MAC.
    """
    price = {name: cost.energy for name, cost in NORMALISED_65.costs.items()}
    spent = {("DRAM", name): price["DRAM"] * words for name, words in dram_words(s, c).items()}
    spent["GLB", "ifmap"] = price["buffer"] * glb_words(s, c)["ifmap", "read"]
    spent["GLB", "ofmap"] = price["buffer"] * 2 * s.outputs * (c.channels - 1)
    spent |= {("array", name): price["array"] * words for name, words in array.items()}
    for name, accesses in (("ifmap", 1), ("filter", 1), ("ofmap", 2)):
        spent["RF", name] = price["register_file"] * accesses * s.macs
    return {**spent, ("ALU", "compute"): price["MAC"] * s.macs}


def _split(r: int, t: int, across: int, down: int) -> tuple[int, int, int, int] | None:
    """r and t as products of what lies across and what lies down: (r down, t across, t down, r across)."""
    for r_down, t_across in product(range(r, 0, -1), range(t, 0, -1)):
        if r % r_down or t % t_across:
            continue
        r_across, t_down = r // r_down, t // t_across
        if r_across * t_across <= across and r_down * t_down <= down:
            return r_down, t_across, t_down, r_across
    return None


def _nest(s: Shape, a: Parameters, chip: Chip) -> Nest:
    c, f = cut(s, a.n, a.m, a.e, a.f or s.Q, a.q * a.r, a.p * a.t), a.f or s.Q
    split = _split(a.r, a.t, *chip.sets(a.e, s.R))
    assert split
    r_down, t_across, t_down, r_across = split
    folds = _up(a.e, chip.columns)
    outer = [("G", s.G), ("N", c.images), ("P", c.strips), ("Q", c.tiles), ("M", c.groups), ("C", c.channels)]
    passes = [("M", _up(a.m, a.p * a.t)), ("N", a.n), ("Q", f)]
    across = [("M", t_across), ("C", r_across)]
    down = [("M", t_down), ("C", r_down), ("R", s.R)]
    inner = [("M", min(a.p, s.M)), ("C", min(a.q, s.C)), ("S", s.S)]
    spatial = [*_loops([("P", folds)], "y"), *_loops([("P", _up(a.e, folds)), *across], "x"), *_loops(down, "y")]
    return Nest(
        (
            Stage("DRAM", _loops(outer)),
            Stage("GLB", (*_loops(passes), *spatial), ("ifmap", "ofmap")),
            Stage("spad", _loops(inner)),
        )
    )


def _loops(bounds: list[tuple[str, int]], axis: str = "") -> tuple[Loop, ...]:
    return tuple(Loop(dim, bound, axis) for dim, bound in bounds if bound > 1)


def rlc_ratio(zeros: float) -> float:
    """Compressed size over raw size of many 16-bit words under Eyeriss's run-length code, a fraction of them zeros.

    >>> round(rlc_ratio(0.0), 3), round(rlc_ratio(0.75), 3)
    (1.333, 0.333)

    Raises `WorkloadError` for what is no fraction.
    """
    if not number(zeros) or not 0 <= zeros <= 1:
        raise WorkloadError(f"a fraction of zeros lies between 0 and 1, got {zeros!r}")
    from accelsim.formats.runs import EyerissRLC

    words = 1 << 16
    return EyerissRLC().expected_bits(1 - zeros, (words,)) / (16 * words)


def search(layer: Layer, chip: Chip = EYERISS, active: int = 1) -> Schedule:
    """The parameters of least energy that fit a chip and keep at least `active` PEs at work, by `energy`'s prices.

    Of all e that cut 55 rows into eight strips, only the least that folds evenly, 7, is tried, and so for the others;
    where a PE's scratchpads are one, p and q are tried in such steps too. Among equals, more PEs at work win. Raises
    `MappingError` if nothing fits.

    >>> from accelsim import catalog
    >>> search(catalog.alexnet().layer("conv1")).parameters == TABLE_III["conv1"]
    True
    """
    s, found = shape(layer), []
    places = _places(s, chip, active)
    room: int = chip.spad // s.S if isinstance(chip.spad, int) else max(chip.spad)
    for p, q in product(_counts(min(s.M, room), chip.filters), _counts(min(s.C, room), chip.channels)):
        if not next(_spad_faults(s, Parameters(1, p, 1, p, q, 1, 1), chip), None):
            found += _best(s, chip, p, q, places)
    if not found:
        raise MappingError(
            f"{layer.name}: no parameters of row stationary with whole ofmap rows fit {chip.name} and keep "
            f"{active} PEs at work; ask for fewer, or cut the rows with schedule(...) and f"
        )
    return schedule(layer, min(found, key=lambda each: each[:2])[2], chip)


def _counts(total: int, most: int | None = None) -> list[int]:
    """Sizes up to `most`: all of them, or where there is no limit the smallest for each number of pieces.

    >>> _counts(13), _counts(13, 4)
    ([1, 2, 3, 4, 5, 7, 13], [1, 2, 3, 4])
    """
    if most is not None:
        return [*range(1, min(most, total) + 1)]
    return sorted({_up(total, pieces) for pieces in range(1, total + 1)})


def _folding(s: Shape, chip: Chip) -> list[int]:
    """For each number of strips of ofmap rows the least e that folds evenly, and all rows at once.

    >>> from accelsim import conv
    >>> _folding(shape(conv("c", P=55)), EYERISS)[-4:]        # three strips: 19 rows do not fold into two, 20 do
    [14, 20, 28, 55]
    """
    even = [e for e in range(1, s.P + 1) if e == s.P or e % _up(e, chip.columns) == 0]
    return sorted({_up(s.P, e): e for e in reversed(even)}.values())


def _places(s: Shape, chip: Chip, active: int) -> list[tuple[int, int, int]]:
    """Every e, r and t whose PE sets fit on the array; where hundreds of sets fit, r and t in steps."""
    found = []
    for e in _folding(s, chip):
        across, down = chip.sets(e, s.R)
        sets = across * down
        for r in _counts(min(sets, s.C), sets if sets <= MANY else None):
            for t in _counts(min(sets // r, s.M), sets if sets <= MANY else None):
                if e * s.R * r * t >= active and _split(r, t, across, down):
                    found.append((e, r, t))
    return found


def _best(
    s: Shape, chip: Chip, p: int, q: int, places: list[tuple[int, int, int]]
) -> list[tuple[float, int, Parameters]]:
    """The best parameters with these p and q, if any: their energy, the PEs that they leave idle, and themselves."""
    import numpy as np

    fit = [(e, r, t) for e, r, t in places if r <= _up(s.C, q) and t <= _up(s.M, p)]
    if chip.prefetch is not None:
        fit = [(e, r, t) for e, r, t in fit if min(p * t, s.M) * min(q * r, s.C) * s.R * s.S <= chip.prefetch]
    if not fit:
        return []
    e, r, t = (column[:, None, None] for column in np.array(fit).T)
    n, least = np.array(_counts(s.N))[:, None], np.array(_counts(s.M))
    m = np.minimum(p * t * _up(least, p * t), s.M)
    channels, rows = np.minimum(q * r, s.C), _reach(e, 1, s.U, s.R)
    ifmap = _up(n * channels * rows * _reach(s.Q, 1, s.V, s.S), chip.bank)
    e, r, t, n, m = (
        array[ifmap + _up(n * m * e * s.Q, chip.bank) <= chip.banks]
        for array in np.broadcast_arrays(e, r, t, n, m)
    )  # fmt: skip
    if not m.size:
        return []
    c = cut(s, n, m, e, s.Q, q * r, p * t)
    spent = sum(energy(s, c, array_words(s, c, n, s.Q, p, q, m)).values())
    idle = chip.pes - e * s.R * r * t
    at = np.lexsort((idle, spent))[0]
    best = [int(array[at]) for array in (n, m, e)] + [p, q] + [int(array[at]) for array in (r, t)]
    return [(float(spent[at]), int(idle[at]), Parameters(*best))]
