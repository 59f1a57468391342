"""Many mappings at once: the counts, costs and faults of `dataflow`, `energy`, `latency` and `problems` as arrays.

A `Batch` holds mappings of one layer as whole numbers: how each level splits each dimension over time and over its
array, and in which order its temporal loops run. Where all factors divide (`product of bounds == size`) every tile
is full, and the sums of `dataflow` become products, except along the sliding windows of an input; those are looked
up in tables that the scalar code fills, one entry per distinct window. Where they do not divide, every number is
looked up, by how a mapping splits each dimension, which takes several times as long. Mappings whose loops leave
something out, or step beyond the layer, are refused as "factors".

>>> from accelsim import catalog, conv
>>> layer = conv("c", M=8, C=4, P=6, R=3)
>>> batch = sample(layer, catalog.eyeriss(), 1000, seed=1)
>>> costs = evaluate_batch(layer, catalog.eyeriss(), batch)
>>> costs.energy.shape, bool(0 < costs.valid.mean() < 1)
((1000,), True)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Sizes
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.arch import Arch
from accelsim.counts import Key
from accelsim.dataflow import NONE, Levels, window
from accelsim.errors import MappingError, suggest, whole
from accelsim.mapping import Loop, Mapping, Stage
from accelsim.points import MAX_AXIS
from accelsim.splits import LIVE, NOW, STAY, TIMES, Known, Splits, legal, padded, windows
from accelsim.workload import Layer, Rank, Tensor

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
EXACT = 2**50  # float64 holds whole numbers up to 2**53; no count exceeds four times the MACs
LARGE = 2**23  # entries of a table of windows, 64 MiB


@dataclass(frozen=True)
class Batch:
    """Mappings of one layer: arrays of shape (levels, dimensions, mappings), outermost level first.

    time, x, y: bounds of each level's temporal and spatial loops. order: the place of each dimension's temporal
    loop within its level, 0 outermost. At each level temporal loops stand outside spatial ones, x outside y.
    keeps: the tensors kept at each level (None: all), the same for all mappings.
    """

    levels: tuple[str, ...]
    dims: tuple[str, ...]
    time: NDArray[np.integer]
    x: NDArray[np.integer]
    y: NDArray[np.integer]
    order: NDArray[np.integer]
    keeps: tuple[tuple[str, ...] | None, ...]

    def __len__(self) -> int:
        return int(self.time.shape[2])

    def part(self, start: int, stop: int) -> Batch:
        """The mappings from `start` to before `stop`."""
        return self.at(slice(start, stop))

    def at(self, chosen: slice | Flags) -> Batch:
        """Some of the mappings."""
        time, x, y, order = (array[:, :, chosen] for array in (self.time, self.x, self.y, self.order))
        return Batch(self.levels, self.dims, time, x, y, order, self.keeps)

    def mapping(self, index: int) -> Mapping:
        """One of the mappings as a value; loops of bound 1 are left out."""
        stages = []
        for at, (level, keeps) in enumerate(zip(self.levels, self.keeps, strict=True)):
            order = np.argsort(self.order[at, :, index], kind="stable")
            loops = [(self.dims[d], int(self.time[at, d, index]), "") for d in order]
            for axis, bounds in (("x", self.x), ("y", self.y)):
                loops += [(dim, int(bounds[at, d, index]), axis) for d, dim in enumerate(self.dims)]
            stages.append(Stage(level, tuple(Loop(*loop) for loop in loops if loop[1] > 1), keeps))
        return Mapping(tuple(stages))


@dataclass(frozen=True)
class Costs:
    """What each mapping of a batch costs: arrays over mappings, in the units of `Report`.

    Where `valid` is False the numbers mean nothing; `reasons` says why, by reason, as flags.
    """

    reads: dict[Key, Numbers]
    writes: dict[Key, Numbers]
    energy: Numbers
    cycles: Numbers
    active: Numbers
    valid: Flags
    reasons: dict[str, Flags]


def evaluate_batch(layer: Layer, arch: Arch, batch: Batch, chunk: int = 8192) -> Costs:
    """Count and price every mapping of a batch; a few thousand at a time, so that they stay in the cache.

    Raises `MappingError` if the batch does not have the layer's dimensions and the machine's levels.
    """
    _refuse(layer, arch, batch, chunk)
    slides = {rank: _Windows(rank, layer) for tensor in layer.tensors for rank in tensor.ranks if len(rank.terms) > 1}
    known = Known()
    starts = range(0, max(len(batch), 1), chunk)
    parts = [_piece(layer, arch, batch.part(start, start + chunk), slides, known) for start in starts]
    return Costs(
        {key: np.concatenate([part.reads[key] for part in parts]) for key in parts[0].reads},
        {key: np.concatenate([part.writes[key] for part in parts]) for key in parts[0].writes},
        np.concatenate([part.energy for part in parts]),
        np.concatenate([part.cycles for part in parts]),
        np.concatenate([part.active for part in parts]),
        np.concatenate([part.valid for part in parts]),
        {why: np.concatenate([part.reasons[why] for part in parts]) for why in parts[0].reasons},
    )


def _piece(layer: Layer, arch: Arch, batch: Batch, slides: dict[Rank, _Windows], known: Known) -> Costs:
    """The costs of a few thousand mappings: those with clipped edges apart from the rest."""
    sizes = np.array(list(layer.dims.values()), dtype=np.float64)
    bounds = [np.asarray(array, dtype=np.float64) for array in (batch.time, batch.x, batch.y)]
    whole = (math.prod(array.prod(axis=0) for array in bounds) == sizes[:, None]).all(axis=0)
    if whole.all() or padded(sizes) > 8 * EXACT:
        return _Chunk(layer, arch, batch, slides).costs()
    clipped = ~whole & legal(sizes, *bounds)
    if not clipped.any():
        return _Chunk(layer, arch, batch, slides).costs()
    costs = _Clipped(layer, arch, batch.at(clipped), slides, known).costs()
    if clipped.all():
        return costs
    rest = _Chunk(layer, arch, batch.at(~clipped), slides).costs()
    return _merged(rest, costs, clipped)


def _merged(rest: Costs, costs: Costs, clipped: Flags) -> Costs:
    """Two parts of a batch put back in order."""

    def both(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        found = np.empty(len(clipped), dtype=a.dtype)
        found[~clipped], found[clipped] = a, b
        return found

    def tables(a: dict[Any, NDArray[Any]], b: dict[Any, NDArray[Any]]) -> dict[Any, NDArray[Any]]:
        return {key: both(a[key], b[key]) for key in a}

    return Costs(
        tables(rest.reads, costs.reads),
        tables(rest.writes, costs.writes),
        both(rest.energy, costs.energy),
        both(rest.cycles, costs.cycles),
        both(rest.active, costs.active),
        both(rest.valid, costs.valid),
        tables(rest.reasons, costs.reasons),
    )


def sample(
    layer: Layer, arch: Arch, count: int, seed: int, keeps: Sequence[tuple[str, ...] | None] | None = None
) -> Batch:
    """Random mappings whose factors divide: each prime factor of each dimension goes to a random loop.

    Not every one fits: `Costs.valid` tells. Spatial loops appear only on axes that the machine has. Raises
    `MappingError` for a count or seed that is no whole number of 0 or more.
    """
    if wrong := {n: v for n, v in (("count", count), ("seed", seed)) if not whole(v) or v < 0}:
        raise MappingError(f"{layer.name} on {arch.name}: a sample needs whole numbers of 0 or more, got {wrong}")
    random = np.random.default_rng(seed)
    depth, dims = len(arch.levels), tuple(layer.dims)
    slots = [(0, at) for at in range(depth)]
    slots += [(axis, at) for at, level in enumerate(arch.levels) for axis in (1, 2) if level.fanout[axis - 1] > 1]
    bounds = np.ones((3, depth, len(dims), count), dtype=np.int64)
    for d, size in enumerate(layer.dims.values()):
        for prime in _primes(size):
            chosen = random.integers(len(slots), size=count)
            for index, (kind, at) in enumerate(slots):
                bounds[kind, at, d, chosen == index] *= prime
    order = np.argsort(random.random((depth, len(dims), count)), axis=1).astype(np.int8)
    kept = tuple(keeps) if keeps is not None else (None,) * depth
    time, x, y = bounds
    return Batch(tuple(level.name for level in arch.levels), dims, time, x, y, order, kept)


def _primes(size: int) -> Iterator[int]:
    factor = 2
    while factor * factor <= size:
        while size % factor == 0:
            yield factor
            size //= factor
        factor += 1
    if size > 1:
        yield size


def _refuse(layer: Layer, arch: Arch, batch: Batch, chunk: int) -> None:
    names, dims = tuple(level.name for level in arch.levels), tuple(layer.dims)
    faults = []
    if not whole(chunk) or chunk < 1:
        faults.append(f"chunk must be a whole number of 1 or more, got {chunk!r}")
    if tuple(batch.dims) != dims:
        faults.append(f"the batch has dimensions {' '.join(batch.dims)}, the layer {' '.join(dims)}")
    if tuple(batch.levels) != names:
        faults.append(f"the batch has levels {' '.join(batch.levels)}, the machine {' '.join(names)}")
    if layer.macs > EXACT:
        faults.append(f"{layer.macs} MACs: counts beyond 2^50 are not exact in a batch; use evaluate")
    for tensor in layer.tensors:
        for rank in tensor.ranks:
            if len(rank.terms) > 1 and rank.extent(layer.dims) > MAX_AXIS:
                faults.append(f"axis {rank} of {tensor.name} is longer than {MAX_AXIS}; use evaluate")
    faults += _array_faults(batch) + _keep_faults(layer, batch)
    if faults:
        raise MappingError(f"{layer.name} on {arch.name}: " + "\n  ".join(faults))


def _array_faults(batch: Batch) -> list[str]:
    arrays = {"time": batch.time, "x": batch.x, "y": batch.y, "order": batch.order}
    wanted = f"({len(batch.levels)} levels, {len(batch.dims)} dimensions, mappings)"
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    if len({*shapes.values()}) > 1 or shapes["time"][:-1] != (len(batch.levels), len(batch.dims)):
        return [f"the arrays must all have shape {wanted}, got " + ", ".join(f"{n} {s}" for n, s in shapes.items())]
    faults = [f"{n} must hold whole numbers, got {a.dtype}" for n, a in arrays.items() if a.dtype.kind not in "iu"]
    if not faults and len(batch):
        small = [name for name in ("time", "x", "y") if (arrays[name] < 1).any()]
        faults += [f"bounds must be 1 or more, {name} has {arrays[name].min()}" for name in small]
        places = np.arange(len(batch.dims))[None, :, None]
        if (np.sort(batch.order, axis=1) != places).any():
            faults.append(f"order must give each dimension of a level its own place from 0 to {len(batch.dims) - 1}")
    return faults


def _keep_faults(layer: Layer, batch: Batch) -> list[str]:
    names = [tensor.name for tensor in layer.tensors]
    if len(batch.keeps) != len(batch.levels):
        return [f"keeps needs an entry for each of {len(batch.levels)} levels, got {len(batch.keeps)}"]
    unknown = sorted({name for kept in batch.keeps if kept is not None for name in kept} - {*names})
    faults = [f"keeps names {name}, the layer has {', '.join(names)}{suggest(name, names)}" for name in unknown]
    if batch.keeps[0] is not None and set(names) - set(batch.keeps[0]):
        faults.append(f"the outermost level {batch.levels[0]} must keep every tensor")
    return faults


class _Windows:
    """Sizes of the windows of one axis, and what stays of them after a shift; filled as they are met."""

    def __init__(self, rank: Rank, layer: Layer) -> None:
        self.coefficients = tuple(c for _, c in rank.terms)
        self.span = rank.extent(layer.dims) - 1
        self.width = 2 * self.span + 1
        self.found: dict[tuple[tuple[tuple[int, ...], int], ...], int] = {}
        self.tiles: list[tuple[tuple[tuple[int, ...], int], ...]] = []
        self.size = np.empty(0)
        self.dense = np.empty(0)  # by window and shift, NaN where not met yet
        self.sparse: dict[int, float] = {}  # the same, once that would be too large

    def identify(self, columns: list[list[Numbers]]) -> Rows:
        """A number for each mapping's window. columns: by dimension, extent and then (copies, step) pairs."""
        flat = [column.astype(np.int64) for part in columns for column in part]
        if (self.span + 2) ** len(flat) < 2**63:
            key = flat[0]
            for column in flat[1:]:
                key = key * (self.span + 2) + column
            _, first, index = np.unique(key, return_index=True, return_inverse=True)
        else:
            _, first, index = np.unique(np.stack(flat), axis=1, return_index=True, return_inverse=True)
        numbers = [self._number([[int(column[at]) for column in part] for part in columns]) for at in first]
        self._grow()
        return np.array(numbers, dtype=np.intp)[index]

    def _number(self, columns: list[list[int]]) -> int:
        tiles = tuple((_offsets(part[1:]), part[0]) for part in columns)
        if tiles not in self.found:
            self.found[tiles] = len(self.tiles)
            self.tiles.append(tiles)
        return self.found[tiles]

    def _grow(self) -> None:
        fresh = self.tiles[len(self.size) :]
        sizes = [float(window(self.coefficients, tiles, self._left(tiles), 0)[0]) for tiles in fresh]
        self.size = np.append(self.size, sizes)
        if fresh and len(self.tiles) * self.width <= LARGE:
            self.dense = np.append(self.dense, np.full(len(fresh) * self.width, np.nan))

    def stays(self, windows: Rows, shift: Numbers) -> Numbers:
        """Points of each window that no copy has to fill after the axis moves by `shift`."""
        keys = windows * self.width + shift.astype(np.int64) + self.span
        if len(self.tiles) * self.width > LARGE:
            unique, index = np.unique(keys, return_inverse=True)
            return np.array([self._sparse(key) for key in unique.tolist()], dtype=np.float64)[index]
        kept = self.dense[keys]
        for key in {*keys[np.isnan(kept)].tolist()}:
            self.dense[key] = self._stay(key)
        return self.dense[keys] if np.isnan(kept).any() else kept

    def _sparse(self, key: int) -> float:
        if key not in self.sparse:
            self.sparse[key] = self._stay(key)
        return self.sparse[key]

    def _stay(self, key: int) -> float:
        number, column = divmod(key, self.width)
        tiles = self.tiles[number]
        return float(window(self.coefficients, tiles, self._left(tiles), column - self.span)[1])

    @staticmethod
    def _left(tiles: tuple[tuple[tuple[int, ...], int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((offsets[-1] + extent,) * 2 for offsets, extent in tiles)


def _offsets(pairs: list[int]) -> tuple[int, ...]:
    """Where the copies start, from (copies, step) pairs."""
    starts: tuple[int, ...] = (0,)
    for copies, step in zip(pairs[::2], pairs[1::2], strict=True):
        starts = tuple(at + i * step for at in starts for i in range(copies))
    return tuple(sorted(starts))


class _Chunk:
    """A few thousand mappings that are worked out together; arrays by level and dimension, over mappings."""

    def __init__(self, layer: Layer, arch: Arch, batch: Batch, windows: dict[Rank, _Windows]) -> None:
        self.layer, self.arch, self.keeps, self.windows = layer, arch, batch.keeps, windows
        self.depth, self.dims, self.count = len(arch.levels), tuple(layer.dims), len(batch)
        self.bounds = [np.asarray(array, dtype=np.float64) for array in (batch.time, batch.x, batch.y)]
        sizes = np.array(list(layer.dims.values()), dtype=np.float64)
        whole = np.prod(np.stack([array.prod(axis=0) for array in self.bounds]), axis=0)
        self.divides = self.countable(whole == sizes[:, None])
        self.wide = {
            f"fanout {level.name} {axis}": self.bounds[1 + index][at].prod(axis=0) > level.fanout[index]
            for at, level in enumerate(arch.levels)
            for index, axis in enumerate("xy")
        }
        for array in self.bounds:
            array[:, :, ~self.divides] = 1
        self.bounds[0][0][:, ~self.divides] = sizes[:, None]
        self.time = [dict(zip(self.dims, array, strict=True)) for array in self.bounds[0]]
        self.space = [dict(zip(self.dims, x * y, strict=True)) for x, y in zip(*self.bounds[1:], strict=True)]
        self.order = [dict(zip(self.dims, array, strict=True)) for array in np.asarray(batch.order)]
        self.busy = [{dim: bool((bound > 1).any()) for dim, bound in level.items()} for level in self.time]
        self.known: dict[tuple[object, ...], Rows] = {}
        ones = np.ones(self.count)
        self.extent = [dict.fromkeys(self.dims, ones)]
        for level in range(self.depth - 1, -1, -1):
            below = self.extent[0]
            here = {dim: below[dim] * self.time[level][dim] * self.space[level][dim] for dim in self.dims}
            self.extent.insert(0, here)

    def countable(self, whole: Flags) -> Flags:
        """The mappings that can be counted; `whole` says where the factors of a dimension divide."""
        return np.asarray(whole.all(axis=0))

    def chain(self, tensor: Tensor) -> list[int]:
        return [at for at, kept in enumerate(self.keeps) if kept is None or tensor.name in kept]

    def step(self, level: int, dim: str) -> Numbers:
        """How far one iteration of a temporal loop moves."""
        return self.space[level][dim] * self.extent[level + 1][dim]

    def product(self, factors: Iterable[Numbers | float]) -> Numbers:
        total = np.ones(self.count)
        for factor in factors:
            total = total * factor
        return total

    def copies(self, dims: Iterable[str], levels: Iterable[int]) -> Numbers:
        """Copies that the spatial loops over some dimensions make, at some levels."""
        return self.product(self.space[level][dim] for level in levels for dim in dims)

    def steps_until(self, child: int, relevant: Sequence[str], others: Sequence[str]) -> Numbers:
        """Product of the loops over `others` that stand outside the innermost loop over `relevant`, above a level."""
        total, inside = np.ones(self.count), np.zeros(self.count, dtype=bool)
        for level in range(child - 1, -1, -1):
            innermost = self.innermost(level, relevant)
            for dim in others:
                if self.busy[level][dim]:
                    counted = inside | (self.order[level][dim] < innermost)
                    total *= np.where(counted, self.time[level][dim], 1.0)
            inside |= innermost >= 0
        return total

    def innermost(self, level: int, relevant: Sequence[str]) -> NDArray[np.int8]:
        """The place of the innermost loop over one of these dimensions at a level, -1 if none moves."""
        found = np.full(self.count, -1, dtype=np.int8)
        for dim in relevant:
            if self.busy[level][dim]:
                found = np.maximum(found, np.where(self.time[level][dim] > 1, self.order[level][dim], -1))
        return found

    def moved(self, tensor: Tensor, parent: int, child: int, shared: Levels) -> Numbers:
        """`dataflow`'s sum of the points that enter the tiles of `child`, unions across `shared` levels."""
        slides = [rank for rank in tensor.ranks if len(rank.terms) > 1]
        soft = tuple(dict.fromkeys(dim for rank in slides for dim, _ in rank.terms))
        hard = tuple(dim for dim in tensor.dims if dim not in soft)
        rest = tuple(dim for dim in self.dims if dim not in tensor.dims)
        union = frozenset(level for level in shared if parent <= level < child)
        apart = [level for level in range(child) if level not in union]
        total = self.copies((*rest, *soft), apart) * math.prod(self.layer.dims[dim] for dim in hard)
        if not slides:
            return total * self.steps_until(child, tensor.dims, rest)
        return total * self.slid(slides, child, union, hard, (*rest, *soft))

    def boxes(self, rank: Rank, child: int, union: Levels) -> tuple[_Windows, Rows]:
        """The windows that the tiles of a level make on an axis, together with the copies of `union`."""
        spread = [at for at in sorted(union) if any((self.space[at][dim] > 1).any() for dim, _ in rank.terms)]
        key = (rank, child, *spread)
        if key not in self.known:
            columns = []
            for dim, _ in rank.terms:
                pairs = [(self.space[level][dim], self.extent[level + 1][dim]) for level in spread]
                columns.append([self.extent[child][dim], *(column for pair in pairs for column in pair)])
            self.known[key] = self.windows[rank].identify(columns)
        return self.windows[rank], self.known[key]

    def slid(
        self, slides: list[Rank], child: int, union: Levels, hard: Sequence[str], others: Sequence[str]
    ) -> Numbers:
        """Window tiles entering: all of it when a `hard` loop moved, else what a step of one of `others` uncovers."""
        boxes = [self.boxes(rank, child, union) for rank in slides]
        size = self.product(table.size[ids] for table, ids in boxes)
        total = size * self.steps_until(child, hard, others)
        before = [np.ones(self.count)]
        for level in range(child):
            before.append(before[-1] * self.product(self.time[level][dim] for dim in others))
        closed = np.zeros(self.count, dtype=bool)
        back = {dim: np.zeros(self.count) for rank in slides for dim, _ in rank.terms}
        for level in range(child - 1, -1, -1):
            innermost = self.innermost(level, hard)
            for dim in others:
                if self.busy[level][dim]:
                    carries = ~closed & (self.order[level][dim] > innermost) & (self.time[level][dim] > 1)
                    rows = np.flatnonzero(carries)
                    shift, times = self.carried_by(dim, level, rows, back, others)
                    stay = _stay(slides, boxes, rows, shift)
                    total[rows] += times * before[level][rows] * (size[rows] - stay)
            for dim in back:
                back[dim] = back[dim] + (self.time[level][dim] - 1) * self.step(level, dim)
            closed |= innermost >= 0
        return total

    def carried_by(
        self, carry: str, level: int, rows: Rows, back: dict[str, Numbers], others: Sequence[str]
    ) -> tuple[dict[str, Numbers], Numbers]:
        """When one loop of a level goes on by one and those inside it return to 0: the shift of each dimension.

        `back` holds how far the levels below return. Beside it, how often this happens per step of those above.
        """
        place = self.order[level][carry][rows]
        times = self.time[level][carry][rows] - 1
        shift = {dim: -moved[rows] for dim, moved in back.items()}
        for dim in others:
            if dim == carry or not self.busy[level][dim]:
                continue
            bound, inside = self.time[level][dim][rows], self.order[level][dim][rows] > place
            times = times * np.where(inside, 1.0, bound)
            if dim in shift:
                shift[dim] = shift[dim] - np.where(inside, (bound - 1) * self.step(level, dim)[rows], 0.0)
        if carry in shift:
            shift[carry] = shift[carry] + self.step(level, carry)[rows]
        return shift, times

    def entering(self, tensor: Tensor, parent: int, child: int, shared: Levels) -> Numbers:
        """Points that enter the tiles of `child` at the first step."""
        union = frozenset(level for level in shared if parent <= level < child)
        hard = [rank.terms[0][0] for rank in tensor.ranks if len(rank.terms) == 1]
        boxes = [self.boxes(rank, child, union) for rank in tensor.ranks if len(rank.terms) > 1]
        apart = [level for level in range(child) if level not in union]
        return (
            self.product(self.extent[child][dim] for dim in hard)
            * self.copies(hard, union)
            * self.copies(self.dims, apart)
            * self.product(table.size[ids] for table, ids in boxes)
        )

    def requested(self, tensor: Tensor, level: int, shared: Levels) -> Numbers:
        """Words the MACs ask of the innermost level that keeps a tensor."""
        union = frozenset(at for at in shared if at >= level)
        soft = [dim for rank in tensor.ranks if len(rank.terms) > 1 for dim, _ in rank.terms]
        together = self.copies([dim for dim in self.dims if dim in soft or dim not in tensor.dims], union)
        boxes = [self.boxes(rank, self.depth, union) for rank in tensor.ranks if len(rank.terms) > 1]
        return self.product(table.size[ids] for table, ids in boxes) * (self.layer.macs / together)

    def costs(self) -> Costs:
        names = [level.name for level in self.arch.levels]
        keys = [(name, tensor.name) for name in names for tensor in self.layer.tensors]
        self.reads = {key: np.zeros(self.count) for key in keys}
        self.writes = {key: np.zeros(self.count) for key in keys}
        self.carried = {key: np.zeros(self.count) for key in keys}
        self.first = {key: np.zeros(self.count) for key in keys}
        for tensor in self.layer.tensors:
            (self.output if tensor.output else self.operand)(tensor, names)
        active = self.instances(self.depth)
        reasons = self.reasons()
        valid = ~np.logical_or.reduce(list(reasons.values()))
        cycles = self.cycles()
        return Costs(self.reads, self.writes, self.energy(cycles), cycles, active, valid, reasons)

    def shared(self, switch: str) -> Levels:
        return frozenset(at for at, level in enumerate(self.arch.levels) if getattr(level, switch))

    def links(self, first: int, end: int) -> list[int]:
        return [level for level in range(first, end) if self.arch.levels[level].link]

    def operand(self, tensor: Tensor, names: list[str]) -> None:
        chain, shared = self.chain(tensor), self.shared("multicast")
        for parent, child in pairwise(chain):
            filled = self.moved(tensor, parent, child, NONE)
            spread = any((self.space[level][dim] > 1).any() for level in range(parent, child) for dim in self.dims)
            self.writes[names[child], tensor.name] += filled
            self.reads[names[parent], tensor.name] += self.moved(tensor, parent, child, shared) if spread else filled
            if self.arch.levels[parent].timed:
                self.first[names[parent], tensor.name] += self.entering(tensor, parent, child, shared)
            for level in self.links(parent, child):
                below = frozenset(at for at in shared if level < at < child)
                self.carried[names[level], tensor.name] += self.moved(tensor, parent, child, below) if below else filled
        last = chain[-1]
        self.reads[names[last], tensor.name] += self.requested(tensor, last, shared)
        for level in self.links(last, self.depth):
            below = frozenset(at for at in shared if at > level)
            self.carried[names[level], tensor.name] += self.requested(tensor, last, below)

    def output(self, tensor: Tensor, names: list[str]) -> None:
        chain, shared = self.chain(tensor), self.shared("reduction")
        every = frozenset(range(self.depth))
        fresh: Numbers = np.full(self.count, float(math.prod(self.layer.dims[dim] for dim in tensor.dims)))
        for parent, child in pairwise(chain):
            drained = self.moved(tensor, parent, child, NONE)
            added = self.moved(tensor, parent, child, shared)
            returned = self.moved(tensor, parent, child, every) - fresh
            self.reads[names[child], tensor.name] += drained
            self.writes[names[parent], tensor.name] += added
            self.reads[names[parent], tensor.name] += added - fresh
            self.writes[names[child], tensor.name] += returned
            for level in self.links(parent, child):
                below = frozenset(at for at in shared if at > level)
                self.carried[names[level], tensor.name] += self.moved(tensor, parent, child, below) + returned
            fresh = drained - returned
        last, fresh = chain[-1], self.started(tensor, chain, fresh)
        updates = self.requested(tensor, last, shared)
        self.writes[names[last], tensor.name] += updates
        self.reads[names[last], tensor.name] += updates - fresh
        for level in self.links(last, self.depth):
            below = frozenset(at for at in shared if at > level)
            self.carried[names[level], tensor.name] += self.requested(tensor, last, below) + updates - fresh

    def started(self, tensor: Tensor, chain: list[int], fresh: Numbers) -> Numbers:
        """Sums that start at zero where a MAC adds to them, of those that do in the innermost level."""
        return fresh

    def steps(self) -> Numbers:
        """Time steps with any work."""
        return self.product(bound for level in self.time for bound in level.values())

    def instances(self, level: int) -> Numbers:
        """Copies of a level (or of the MAC, beyond the last) that have work."""
        return self.copies(self.dims, range(level))

    def energy(self, cycles: Numbers) -> Numbers:
        leak = self.arch.leak + sum(level.leak * self.arch.instances[level.name] for level in self.arch.levels)
        total = self.layer.macs * self.arch.mac + cycles * leak
        for level in self.arch.levels:
            for tensor in self.layer.tensors:
                key, width = (level.name, tensor.name), self.arch.width(tensor.name) / self.arch.word
                total = total + width * (self.reads[key] * level.read + self.writes[key] * level.write)
                if level.link:
                    total = total + width * self.carried[key] * level.link
        return total

    def cycles(self) -> Numbers:
        compute = self.steps()
        together, apart, ramp = np.zeros(self.count), np.zeros(self.count), np.zeros(self.count)
        for at, level in enumerate(self.arch.levels):
            needed = self.transfer(at, self.words_at(level.name, self.reads), self.words_at(level.name, self.writes))
            if level.overlap:
                ramp = ramp + self.transfer(at, self.words_at(level.name, self.first), np.zeros(self.count))
                together = np.maximum(together, needed)
            else:
                apart = apart + needed
        return np.maximum(compute + ramp, together) + apart

    def words_at(self, name: str, words: dict[Key, Numbers]) -> Numbers:
        keys = [(name, tensor.name) for tensor in self.layer.tensors]
        return sum((words[key] * self.arch.width(key[1]) for key in keys), np.zeros(self.count)) / self.arch.word

    def transfer(self, at: int, read: Numbers, written: Numbers) -> Numbers:
        """Cycles that a level's slowest direction needs; 0 where no bandwidth is limited."""
        level, cycles = self.arch.levels[at], np.zeros(self.count)
        instances = self.instances(at)
        limits = ((read + written, level.bandwidth), (read, level.read_bandwidth), (written, level.write_bandwidth))
        for words, limit in limits:
            if limit is not None:
                cycles = np.maximum(cycles, np.ceil(words / (limit * instances)))
        return cycles

    def reasons(self) -> dict[str, Flags]:
        full = {
            f"capacity {level.name}": self.overflows(at, level.capacity)
            for at, level in enumerate(self.arch.levels)
            if level.capacity is not None
        }
        return {"factors": ~self.divides, **self.wide, **self.stranded(), **full}

    def stranded(self) -> dict[str, Flags]:
        """Where copies hold sums of the same output and neither their array nor the level above can add them."""
        kept = self.chain(self.layer.output)
        found = {}
        for at, level in enumerate(self.arch.levels):
            if not level.reduction and not self.arch.levels[max(k for k in kept if k <= at)].accumulate:
                found[f"reduction {level.name}"] = self.copies(self.layer.reduced, [at]) > 1
        return found

    def overflows(self, at: int, capacity: int | Sizes[str, int | None]) -> Flags:
        """Where the tiles kept at a level need more words than it, or a partition of it, has."""
        factor = 2 if self.arch.levels[at].double else 1
        need = {t.name: factor * self.words(t, at) for t in self.layer.tensors if at in self.chain(t)}
        if not isinstance(capacity, Sizes):
            bits = sum((words * self.arch.width(name) for name, words in need.items()), np.zeros(self.count))
            return np.asarray(bits > capacity * self.arch.word)
        over = np.zeros(self.count, dtype=bool)
        for name, words in need.items():
            limit = capacity.get(name, -1)  # without a partition it cannot be kept
            over |= words > (math.inf if limit is None else limit)
        return over

    def words(self, tensor: Tensor, at: int) -> Numbers:
        """Words of a tensor's tile at a level."""
        total = np.ones(self.count)
        for rank in tensor.ranks:
            if len(rank.terms) > 1:
                table, ids = self.boxes(rank, at, NONE)
                total = total * table.size[ids]
            else:
                total = total * self.extent[at][rank.terms[0][0]]
        return total


class _Clipped(_Chunk):
    """Mappings whose factors do not all divide: each number is a product of one from each dimension's table."""

    def __init__(self, layer: Layer, arch: Arch, batch: Batch, windows: dict[Rank, _Windows], known: Known) -> None:
        super().__init__(layer, arch, batch, windows)
        self.extent = [{dim: np.minimum(n, layer.dims[dim]) for dim, n in level.items()} for level in self.extent]
        self.splits = {
            dim: Splits(dim, size, [array[:, at] for array in self.bounds], known)
            for at, (dim, size) in enumerate(layer.bounds)
        }
        self.found: dict[tuple[object, ...], Numbers] = {}

    def countable(self, whole: Flags) -> Flags:
        return np.ones(self.count, dtype=bool)

    def moved(self, tensor: Tensor, parent: int, child: int, shared: Levels, live: bool = False) -> Numbers:
        union = frozenset(level for level in shared if parent <= level < child)
        key = (tensor.name, child, union, live)
        if key not in self.found:
            rows = np.arange(self.count)
            total = self.points(tensor, (child, union), None, rows, live)
            for level in range(child):
                for dim in self.dims:
                    if self.busy[level][dim]:
                        rows = np.flatnonzero(self.time[level][dim] > 1)
                        total[rows] -= self.points(tensor, (child, union), (level, dim), rows, live)
            self.found[key] = total
        return self.found[key]

    def points(
        self, tensor: Tensor, where: tuple[int, Levels], carry: tuple[int, str] | None, rows: Rows, live: bool
    ) -> Numbers:
        """Points of all tiles, or of those that stay when the loop `carry` steps, for some of the mappings."""
        single = {rank.terms[0][0] for rank in tensor.ranks if len(rank.terms) == 1}
        slides = [rank for rank in tensor.ranks if len(rank.terms) > 1]
        state = {dim: self.state(dim, carry, rows) for dim in self.dims}
        total = np.ones(len(rows))
        for dim in self.dims:
            if dim in single or dim not in tensor.dims:
                which = (NOW if carry is None else STAY) if dim in single else LIVE if live else TIMES
                way, outside, mine = state[dim]
                total *= self.splits[dim].table(*where)[outside, mine, which, way]
        left = np.flatnonzero(total)
        for rank in slides:
            dims = [dim for dim, _ in rank.terms]
            chosen = [[column[left] for column in state[dim]] for dim in dims]
            total[left] *= windows(rank, [self.splits[dim] for dim in dims], where, chosen)[int(carry is not None)]
        return total

    def state(self, dim: str, carry: tuple[int, str] | None, rows: Rows) -> list[Rows]:
        """Each mapping's split of a dimension, how many of its loops stand outside the carry, and if it is one."""
        way, level = self.splits[dim].of[rows], Splits.ALL if carry is None else carry[0]
        if carry is None:
            return [way, np.full(len(rows), level), np.zeros(len(rows), dtype=np.intp)]
        if dim == carry[1]:
            return [way, np.full(len(rows), level + 1), np.ones(len(rows), dtype=np.intp)]
        outside = (self.order[level][dim] < self.order[level][carry[1]])[rows]
        return [way, level + outside.astype(np.intp), np.zeros(len(rows), dtype=np.intp)]

    def entering(self, tensor: Tensor, parent: int, child: int, shared: Levels) -> Numbers:
        union = frozenset(level for level in shared if parent <= level < child)
        nobody = np.zeros(self.count, dtype=np.intp)
        total = np.ones(self.count)
        for dim in self.dims:
            slid = any(dim in dict(rank.terms) for rank in tensor.ranks if len(rank.terms) > 1)
            if not slid:
                table = self.splits[dim].table(child, union)
                total *= table[0, 0, NOW if dim in tensor.dims else TIMES, self.splits[dim].of]
        for rank in tensor.ranks:
            if len(rank.terms) > 1:
                splits = [self.splits[dim] for dim, _ in rank.terms]
                total *= windows(rank, splits, (child, union), [[s.of, nobody, nobody] for s in splits])[0]
        return total

    def requested(self, tensor: Tensor, level: int, shared: Levels) -> Numbers:
        union = frozenset(at for at in shared if at >= level)
        return self.points(tensor, (self.depth, union), None, np.arange(self.count), live=True)

    def started(self, tensor: Tensor, chain: list[int], fresh: Numbers) -> Numbers:
        every = frozenset(range(self.depth))
        found = np.full(self.count, float(self.layer.words(tensor.name)))
        for parent, child in pairwise(chain):
            returned = self.moved(tensor, parent, child, every, live=True) - found
            found = self.moved(tensor, parent, child, NONE, live=True) - returned
        return found

    def steps(self) -> Numbers:
        return self.product(split.reached(self.depth, spatial=False) for split in self.splits.values())

    def instances(self, level: int) -> Numbers:
        return self.product(split.reached(level, spatial=True) for split in self.splits.values())


def _stay(slides: list[Rank], boxes: list[tuple[_Windows, Rows]], rows: Rows, shift: dict[str, Numbers]) -> Numbers:
    """Points of the windows that stay in reach after a shift, for some of the mappings."""
    total = np.ones(len(rows))
    for rank, (table, ids) in zip(slides, boxes, strict=True):
        moved = np.zeros(len(rows))
        for dim, coefficient in rank.terms:
            moved = moved + coefficient * shift[dim]
        total = total * table.stays(ids[rows], moved)
    return total
