"""Tiles and what they must at least cost: the parts of a search that are the same for all loop orders.

A tile is the extent of every dimension. Where factors divide, tiles are the points of a lattice whose axes are the
prime factors of the dimensions; a loop moves from one point to a multiple of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Sizes
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from accelsim.arch import Arch, Level
from accelsim.mapper.space import Keeps
from accelsim.points import box_size
from accelsim.workload import Layer, Rank, Tensor

Numbers = NDArray[np.float64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
RAMP = 1  # the costs of a tiling are rows of numbers: energy, the wait for first operands, then cycles of each resource


@dataclass(frozen=True)
class Lattice:
    """The points between 1 and a layer's sizes. Multiplying two points adds their numbers, and their keys.

    axes: the dimension of each. points: extents, of shape (dimensions, points). keys: exponents of the primes, in
    fields with a spare bit each.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    points: Numbers
    keys: Rows
    spare: int
    wide: bool  # too many primes for one key

    @staticmethod
    def of(layer: Layer) -> Lattice:
        """The lattice of a layer."""
        primes = [(at, *pair) for at, (_, size) in enumerate(layer.bounds) for pair in _powers(size)]
        shape = tuple(power + 1 for _, _, power in primes)
        exponents = np.indices(shape).reshape(len(shape), -1) if shape else np.zeros((0, 1), dtype=np.int64)
        points = np.ones((len(layer.bounds), exponents.shape[1]))
        keys, spare, shift = np.zeros(exponents.shape[1], dtype=np.int64), 0, 0
        for (at, prime, power), row in zip(primes, exponents, strict=True):
            points[at] *= float(prime) ** row
            width = power.bit_length()
            keys += row << shift if shift < 62 - width else 0
            spare |= 1 << (shift + width)
            shift += width + 1
        return Lattice(shape, tuple(at for at, _, _ in primes), points, keys, spare, shift > 62)

    def fits(self, a: Rows, b: Rows) -> Flags:
        """Whether the product of the points `a` and `b` is a point, for keys of any shapes that broadcast."""
        return np.asarray(((int(self.keys[-1]) | self.spare) - a - b) & self.spare == self.spare)

    def least(self, values: Numbers, dims: Sequence[int] | None = None) -> Numbers:
        """For each point the least value of any of its multiples, in some dimensions. values: (..., points)."""
        found = np.moveaxis(values, -1, 0).reshape(*self.shape, -1).copy()
        for axis, (at, size) in enumerate(zip(self.axes, self.shape, strict=True)):
            for number in reversed(range(size - 1)) if dims is None or at in dims else ():
                here, next_ = (found[(slice(None),) * axis + (n,)] for n in (number, number + 1))
                np.minimum(here, next_, out=here)
        return np.moveaxis(found.reshape(values.shape[-1], *values.shape[:-1]), 0, -1)


def _powers(size: int) -> list[tuple[int, int]]:
    found, prime = [], 2
    while size > 1:
        prime = prime if prime * prime <= size else size
        power = 0
        while size % prime == 0:
            size, power = size // prime, power + 1
        found += [(prime, power)] if power else []
        prime += 1
    return found


@dataclass(frozen=True)
class Place:
    """How the tiles of one level move, as numbers of lattice points: to multiply points, add their numbers.

    tile: the tiles, one for each tiling. space: the copies that each level's array makes, of shape (levels, tilings).
    time: the steps over time of all levels above. Where these are known one by one: loops, the steps of each level
    above, and below, the tiles inside each level's loops.
    """

    tile: Rows
    space: Rows
    time: Rows
    loops: Rows | None = None
    below: Rows | None = None


class Bound:
    """Lower bounds on what tilings cost, whatever the order of their loops; where factors divide.

    For each level that fills tiles, some loop over time is the innermost of those above. A tensor that it indexes
    moves at every step: completely where the loop has an axis to itself, or slides so far that nothing stays when it
    goes back; else each word once at least. A tensor that it does not index may stay while the loops of its level run
    that do not index it, but not while those further out do, once one that does has stood between.
    The least of this over all loops that might be the innermost is the bound.
    """

    def __init__(self, layer: Layer, arch: Arch, keeps: Keeps, lattice: Lattice) -> None:
        self.layer, self.arch, self.keeps, self.lattice = layer, arch, keeps, lattice
        self.dims = list(layer.dims)
        self.depth = len(arch.levels)
        self.chains = {t.name: [at for at, kept in enumerate(keeps) if t.name in kept] for t in layer.tensors}
        self.prices = list(_prices(arch))
        self.multicast = frozenset(at for at, level in enumerate(arch.levels) if level.multicast)
        self.reduction = frozenset(at for at, level in enumerate(arch.levels) if level.reduction)
        self.spread = [at for at, level in enumerate(arch.levels) if level.copies > 1]
        self.tables: dict[tuple[int, ...], Numbers] = {}
        self.sizes: dict[Rank, Numbers] = {}

    @cached_property
    def hard(self) -> dict[str, list[int]]:
        """For each tensor the dimensions with an axis to themselves: a step of such a loop replaces the whole tile."""
        return {t.name: [self.dims.index(d) for d in hard_dims(self.layer, t)] for t in self.layer.tensors}

    @cached_property
    def slides(self) -> dict[str, list[Rank]]:
        """For each tensor the axes on which windows slide."""
        return {t.name: slid_ranks(self.layer, t) for t in self.layer.tensors}

    @cached_property
    def others(self) -> dict[str, list[int]]:
        """For each tensor the dimensions that do not index it."""
        return {t.name: [at for at, dim in enumerate(self.dims) if dim not in t.dims] for t in self.layer.tensors}

    @cached_property
    def busy(self) -> Rows:
        """For each point the dimensions that it loops over, as bits."""
        return np.asarray(((self.lattice.points > 1) << np.arange(len(self.dims))[:, None]).sum(axis=0))

    def product(self, dims: Sequence[int]) -> Numbers:
        """For each point the product of its extents in some dimensions."""
        key = tuple(dims)
        if key not in self.tables:
            self.tables[key] = self.lattice.points[list(key)].prod(axis=0)
        return self.tables[key]

    def boxes(self, rank: Rank) -> Numbers:
        """For each point how many words of an axis a window of its extents touches."""
        if rank not in self.sizes:
            self.sizes[rank] = _boxes(rank, [self.lattice.points[self.dims.index(dim)] for dim, _ in rank.terms])
        return self.sizes[rank]

    def copies(self, place: Place, levels: Iterable[int]) -> Rows:
        """The copies that the arrays of some levels make together."""
        return np.asarray(sum((place.space[at] for at in levels if at in self.spread), np.zeros_like(place.tile)))

    def outside(self, place: Place, closing: int) -> tuple[Rows, Rows]:
        """Steps of the levels outside the innermost one that loops over a dimension of `closing`, which are bits.

        Beside them that level, or -1 where there is none; where the loops of each level are not known, no steps.
        """
        found, level = np.zeros_like(place.tile), np.full_like(place.tile, -1)
        for at in reversed(range(0 if place.loops is None else len(place.loops))):
            assert place.loops is not None
            found += np.where(level >= 0, place.loops[at], 0)
            level = np.where((level < 0) & (self.busy[place.loops[at]] & closing != 0), at, level)
        return found, level

    def full(self, tensor: Tensor) -> int:
        """Words on the axes of a tensor on which nothing slides."""
        return math.prod(self.words(rank) for rank in tensor.ranks if rank not in self.slides[tensor.name])

    def words(self, rank: Rank) -> int:
        """Points that the layer touches on an axis."""
        return box_size(tuple((c, self.layer.dims[dim]) for dim, c in rank.terms))

    def moved(self, tensor: Tensor, child: int, place: Place, union: frozenset[int]) -> Moved:
        """The least points that enter the tiles of a level, by the dimension of the innermost loop over time."""
        hard, irrelevant = self.hard[tensor.name], self.product(self.others[tensor.name])
        apart = self.copies(place, [at for at in range(child) if at not in union])
        base = self.full(tensor) * irrelevant[apart]
        sure, _ = self.outside(place, _bits(hard))
        every = irrelevant[place.time]
        if not self.slides[tensor.name]:
            return Moved(base * irrelevant[sure], dict.fromkeys(hard, base * every))
        return self._sliding(tensor, child, place, union, base, sure)

    def _sliding(
        self, tensor: Tensor, child: int, place: Place, union: frozenset[int], base: Numbers, sure: Rows
    ) -> Moved:
        slides, hard = self.slides[tensor.name], self.hard[tensor.name]
        soft = sorted({self.dims.index(dim) for rank in slides for dim, _ in rank.terms})
        irrelevant = self.product(self.others[tensor.name])
        every = irrelevant[place.time]
        some = {rank: self.slid(rank, child, place, union, sure) for rank in slides}
        each = {rank: self.slid(rank, child, place, union, place.time) for rank in slides}
        closed = base * math.prod(each.values())
        loose = base * irrelevant[sure] * math.prod(some.values())
        by = dict.fromkeys(hard, closed * every)
        if place.loops is None:
            return Moved(loose, by | dict.fromkeys(soft, loose))
        out, level = self.outside(place, _bits([*hard, *soft]))
        here = np.where(level >= 0, self.busy[np.take_along_axis(place.loops, np.maximum(level, 0)[None], 0)[0]], 0)
        beyond = irrelevant[out]
        least = np.where(here & _bits(hard) != 0, closed * beyond, np.inf)
        for rank in slides:
            apart = base * math.prod(each[other] for other in slides if other != rank)
            for at, words in self._passes(rank, child, place, union, level, some[rank]):
                by[at] = np.maximum(by.get(at, loose), apart * words * every)
                mine = np.maximum(loose, apart * words * beyond)
                least = np.where(here & (1 << at) != 0, np.minimum(least, mine), least)
        return Moved(np.where(np.isfinite(least), np.maximum(least, loose), loose), by)

    def _passes(
        self, rank: Rank, child: int, place: Place, union: frozenset[int], level: Rows, once: Numbers
    ) -> Iterable[tuple[int, Numbers]]:
        """For each dimension of a sliding axis: points of it that enter each time its loop at a level runs, at least.

        All loops not over this axis stand outside. When one of them steps, the window goes back as far as the loop
        went, and brings in what that uncovers; where nothing is left, each point of the axis comes in once more.
        """
        assert place.loops is not None
        assert place.below is not None
        dims = [(self.dims.index(dim), c) for dim, c in rank.terms]
        points, at = self.lattice.points, np.maximum(level, 0)[None]
        loop, below = (np.take_along_axis(some, at, 0)[0] for some in (place.loops, place.below))
        tile = place.tile + self.copies(place, union & frozenset(range(child)))
        side_by_side = not any(at < child - 1 for at in self.spread)
        box = self.boxes(rank)[tile] if side_by_side else _sumset([points[dim][tile] for dim, _ in dims])
        copies = self.product([dim for dim, _ in dims])[
            self.copies(place, [at for at in range(child) if at not in union])
        ]
        span = np.ones(len(place.tile))
        for dim, c in dims:
            span += c * (points[dim][place.tile] - 1)
            for level_at in self.spread:
                if level_at in union and level_at < child:
                    across = place.space[level_at]
                    span += c * (points[dim][across] - 1) * points[dim][place.below[level_at] - across]
        for dim, c in dims:
            step, steps = c * points[dim][below], points[dim][loop] - 1
            fresh = steps * _uncovered(box, span, step) + _uncovered(box, span, steps * step)
            yield dim, np.where(steps * step >= span, np.maximum(once, fresh * copies), fresh * copies)

    def slid(self, rank: Rank, child: int, place: Place, union: frozenset[int], outside: Rows) -> Numbers:
        """Points of windows on one axis that enter, over all steps and all copies that do not share.

        At the steps `outside` a whole window enters; over the others each point once.
        """
        dims = [self.dims.index(dim) for dim, _ in rank.terms]
        points = self.lattice.points
        apart = self.copies(place, [at for at in range(child) if at not in union])
        tile = place.tile + self.copies(place, union & frozenset(range(child)))
        side_by_side = not any(at < child - 1 for at in self.spread)
        box = self.boxes(rank)[tile] if side_by_side else _sumset([points[dim][tile] for dim in dims])
        if outside is not place.time:
            visited = [points[dim][tile + place.time - outside] for dim in dims]
            whole = [points[dim][apart + outside] == 1 for dim in dims]
            box = np.maximum(box, self._visited(rank, visited, whole))
        return np.maximum(box * self.product(dims)[apart + outside], float(self.words(rank)))

    @staticmethod
    def _visited(rank: Rank, counts: list[Numbers], whole: list[Flags]) -> Numbers:
        """At least so many points are the sums of so many positions; `whole`: those of a dimension are all there."""
        found = _sumset(counts)
        if len(counts) == 2:
            for here, there in ((0, 1), (1, 0)):
                (_, coefficient), (_, one) = rank.terms[here], rank.terms[there]
                if one == 1:
                    run = (counts[here] - 1) * np.minimum(coefficient, counts[there]) + counts[there]
                    found = np.where(whole[there] | (counts[there] == 1), np.maximum(found, run), found)
        return found

    def boundary(self, child: int, place: Place) -> Numbers:
        """The least that filling and draining the tiles of a level costs; of shape (costs, tilings)."""
        least = np.full((len(self.prices), len(place.tile)), np.inf)
        for possible, _, total in self.roles(child, place):
            np.minimum(least, total, out=least, where=possible)
        return least + self.ramp(child, place)

    def roles(self, child: int, place: Place) -> Iterable[tuple[Flags, tuple[str, ...], Numbers]]:
        """What a boundary costs by the innermost loop: where there is one, the tensors that it leaves alone, costs."""
        mine = [t for t in self.layer.tensors if child in self.chains[t.name]]
        costs = {t.name: self.costs(t, child, place) for t in mine}
        inner = self.busy[place.time]
        if place.loops is not None:
            inner = np.zeros_like(inner)
            for loops in place.loops[::-1]:
                inner = np.where(inner == 0, self.busy[loops], inner)
        groups: dict[tuple[int | None, ...], int] = {}
        for at in range(len(self.dims)):
            key = tuple(_role(costs[t.name], at) for t in mine)
            groups[key] = groups.get(key, 0) | 1 << at
        alone = (None,) * len(mine)
        for key in {**groups, alone: 0}:
            possible = np.asarray(inner & groups.get(key, 0) != 0)
            if key == alone:
                possible |= inner == 0
            if possible.any():
                chosen = [costs[t.name][at] for t, at in zip(mine, key, strict=True)]
                still = tuple(t.name for t, at in zip(mine, key, strict=True) if at is None)
                yield possible, still, sum(chosen, np.zeros((len(self.prices), len(place.tile))))

    def ramp(self, child: int, place: Place) -> Numbers:
        """Cycles that the first tiles of a level keep the MACs waiting, in their row."""
        found = np.zeros((len(self.prices), len(place.tile)))
        for tensor in self.layer.tensors:
            if child in self.chains[tensor.name] and not tensor.output:
                found[RAMP] += self._first(tensor, child, place)
        return found

    def _parent(self, tensor: Tensor, child: int) -> int:
        chain = self.chains[tensor.name]
        return chain[chain.index(child) - 1]

    def costs(self, tensor: Tensor, child: int, place: Place) -> dict[int | None, Numbers]:
        """What moving a tensor into a level or out of it costs, by the dimension of the innermost loop.

        None stands for loops that do not index it.
        """
        unions = self._unions(tensor, child)
        known = {union: self.moved(tensor, child, place, union) for union in {*unions.values()}}
        found: dict[int | None, Numbers] = {}
        same: dict[tuple[int, ...], Numbers] = {}
        for at in (None, *next(iter(known.values())).by):
            words = {name: known[union].of(at) for name, union in unions.items()}
            key = tuple(map(id, words.values()))
            if key not in same:
                same[key] = self._paid(tensor, child, words)
            found[at] = same[key]
        return found

    def again(self, tensor: Tensor, child: int, place: Place) -> Numbers:
        """What each time costs that a tensor comes into a level once more; for one without windows that slide."""
        unions = self._unions(tensor, child)
        known = {union: self.moved(tensor, child, place, union).still for union in {*unions.values()}}
        once, twice = ({name: n * known[union] for name, union in unions.items()} for n in (1, 2))
        return self._paid(tensor, child, twice) - self._paid(tensor, child, once)

    def _unions(self, tensor: Tensor, child: int) -> dict[str, frozenset[int]]:
        """For each price the levels whose copies share words."""
        parent = self._parent(tensor, child)
        shared = self.reduction if tensor.output else self.multicast
        between = frozenset(range(parent, child))
        links = [at for at in between if any(link[at] for _, _, link in self.prices)]
        unions = {"each": frozenset[int](), "joint": shared & between if between & {*self.spread} else frozenset()}
        unions |= {"every": between} if tensor.output and not any(at < parent for at in self.spread) else {}
        return unions | {f"link{at}": frozenset(below for below in shared if at < below < child) for at in links}

    def _paid(self, tensor: Tensor, child: int, words: dict[str, Numbers]) -> Numbers:
        parent, width = self._parent(tensor, child), self.arch.width(tensor.name) / self.arch.word
        returned = np.maximum(0, words["every"] - self.full(tensor)) if "every" in words else 0.0 * words["each"]
        found = np.zeros((len(self.prices), len(returned)))
        for row, (read, write, link) in zip(found, self.prices, strict=True):
            if tensor.output:
                pairs = [(words["joint"], read[parent] + write[parent]), (returned, read[child] + write[child])]
            else:
                pairs = [(words["each"], write[child]), (words["joint"], read[parent])]
            pairs += [(words[f"link{at}"] + returned, link[at]) for at in range(parent, child) if link[at]]
            for number, price in pairs:
                if price:
                    row += number * (price * width)
        return found

    def _first(self, tensor: Tensor, child: int, place: Place) -> Numbers:
        parent = self._parent(tensor, child)
        level = self.arch.levels[parent]
        rate = min([r for r in (level.bandwidth, level.read_bandwidth) if r is not None], default=math.inf)
        if not level.overlap or rate == math.inf:
            return np.zeros(len(place.tile))
        union = [at for at in range(parent, child) if at in self.multicast]
        tile = place.tile + self.copies(place, union)
        apart = self.copies(place, [at for at in range(child) if at not in union])
        total = self.product(range(len(self.dims)))[apart]
        near = not any(at < child - 1 for at in self.spread)
        for rank in tensor.ranks:
            dims = [self.dims.index(dim) for dim, _ in rank.terms]
            total = total * (self.boxes(rank)[tile] if near else _sumset([self.lattice.points[d][tile] for d in dims]))
        width = self.arch.width(tensor.name) / self.arch.word
        return np.asarray(total * width / (rate * self.arch.instances[level.name]))

    def compute(self, space: Rows) -> Numbers:
        """What the MACs ask of the levels that they read and write; no order changes it."""
        nothing = np.zeros(space.shape[1], dtype=np.int64)
        place = Place(nothing, space, nothing)
        found = np.zeros((len(self.prices), len(nothing)))
        for tensor in self.layer.tensors:
            last = self.chains[tensor.name][-1]
            shared = self.reduction if tensor.output else self.multicast
            asked = {
                at: self._asked(tensor, place, frozenset(b for b in shared if b >= at))
                for at in range(last, self.depth + 1)
            }
            width = self.arch.width(tensor.name) / self.arch.word
            for row, (read, write, link) in zip(found, self.prices, strict=True):
                row += width * asked[last] * (read[last] + (write[last] if tensor.output else 0.0))
                for level in range(last, self.depth):
                    row += width * link[level] * asked[level + 1]
            if tensor.output:
                found -= np.array([[price[0][0]] for price in self.prices]) * width * self.layer.words(tensor.name)
        found[0] += self.layer.macs * self.arch.mac
        return found

    def _asked(self, tensor: Tensor, place: Place, union: frozenset[int]) -> Numbers:
        slid = [self.dims.index(dim) for rank in self.slides[tensor.name] for dim, _ in rank.terms]
        copies = self.copies(place, union)
        total = self.layer.macs / self.product(sorted({*self.others[tensor.name], *slid}))[copies]
        for rank in self.slides[tensor.name]:
            total = total * _sumset([self.lattice.points[self.dims.index(dim)][copies] for dim, _ in rank.terms])
        return total

    def capacity(self, level: int, extents: Numbers) -> Flags:
        """Which tiles fit a level."""
        at = self.arch.levels[level]
        factor = 2 if at.double else 1
        need = {t.name: factor * self._tile(t, extents) for t in self.layer.tensors if level in self.chains[t.name]}
        fine = np.ones(extents.shape[1], dtype=bool)
        if isinstance(at.capacity, Sizes):
            for name, words in need.items():
                limit = at.capacity.get(name, -1)
                np.logical_and(fine, words <= (math.inf if limit is None else limit), out=fine)
        elif at.capacity is not None:
            bits = sum((words * self.arch.width(name) for name, words in need.items()), np.zeros(extents.shape[1]))
            fine = np.asarray(bits <= at.capacity * self.arch.word)
        return fine

    def _tile(self, tensor: Tensor, extents: Numbers) -> Numbers:
        total = np.ones(extents.shape[1])
        for rank in tensor.ranks:
            total = total * _boxes(rank, [extents[self.dims.index(dim)] for dim, _ in rank.terms])
        return total

    def cycles(self, costs: Numbers, steps: Numbers) -> Numbers:
        """The least cycles from the rows of costs."""
        overlap = [level.overlap for level, _ in _limits(self.arch)]
        together = [row for row, flag in zip(costs[2:], overlap, strict=True) if flag]
        found = np.maximum.reduce([steps + costs[RAMP], *together])
        waits: dict[str, Numbers] = {}
        for row, (level, _) in zip(costs[2:], _limits(self.arch), strict=True):
            if not level.overlap:
                waits[level.name] = np.maximum(waits.get(level.name, row), row)
        return np.asarray(sum(waits.values(), found))

    def energy(self, costs: Numbers, cycles: Numbers) -> Numbers:
        """The least energy."""
        leak = self.arch.leak + sum(level.leak * self.arch.instances[level.name] for level in self.arch.levels)
        return np.asarray(costs[0] + leak * cycles if leak else costs[0])


def slid_ranks(layer: Layer, tensor: Tensor) -> list[Rank]:
    """The axes of a tensor that several dimensions larger than 1 index."""
    return [rank for rank in tensor.ranks if sum(layer.dims[dim] > 1 for dim, _ in rank.terms) > 1]


def hard_dims(layer: Layer, tensor: Tensor) -> list[str]:
    """The dimensions of a tensor that have an axis to themselves."""
    slid = slid_ranks(layer, tensor)
    return [dim for rank in tensor.ranks if rank not in slid for dim, _ in rank.terms]


@dataclass(frozen=True)
class Moved:
    """Words that enter tiles at least, by the dimension of the innermost loop; `still`: it does not index them."""

    still: Numbers
    by: dict[int, Numbers]

    def of(self, at: int | None) -> Numbers:
        """Words, where the innermost loop is over a dimension or, for None, over one that does not index them."""
        return self.still if at is None else self.by[at]


def _uncovered(box: Numbers, span: Numbers, shift: Numbers) -> Numbers:
    """Of `box` points within `span`, at least so many are new after a shift."""
    return np.clip(box - span + shift, 0, box)


def _bits(dims: Iterable[int]) -> int:
    return sum(1 << at for at in {*dims})


def _role(costs: dict[int | None, Numbers], at: int) -> int | None:
    """The first dimension that, as the innermost loop, costs the same as one; None where it does not index."""
    return None if at not in costs else next(dim for dim in costs if dim is not None and costs[dim] is costs[at])


def _limits(arch: Arch) -> list[tuple[Level, str]]:
    """Every limited direction of every level."""
    kinds = ("bandwidth", "read_bandwidth", "write_bandwidth")
    return [(level, kind) for level in arch.levels for kind in kinds if getattr(level, kind) is not None]


Price = tuple[list[float], list[float], list[float]]


def _prices(arch: Arch) -> Iterable[Price]:
    """What a read, a write and a link of each level add to each cost: energy, nothing for the ramp, then cycles."""
    nothing = [0.0] * len(arch.levels)
    yield [lv.read for lv in arch.levels], [lv.write for lv in arch.levels], [lv.link for lv in arch.levels]
    yield nothing, nothing, nothing
    for level, kind in _limits(arch):
        share = [1 / (getattr(level, kind) * arch.instances[level.name]) if lv is level else 0.0 for lv in arch.levels]
        yield nothing if kind == "write_bandwidth" else share, nothing if kind == "read_bandwidth" else share, nothing


def _sumset(counts: Sequence[Numbers]) -> Numbers:
    """Sums of sets of whole numbers: never fewer than the sizes added up, less one for each set but the first."""
    return np.asarray(sum(counts) - (len(counts) - 1.0))


@lru_cache(maxsize=65536)
def _box(terms: tuple[tuple[int, int], ...]) -> int:
    return box_size(terms)


def _boxes(rank: Rank, tiles: Sequence[Numbers]) -> Numbers:
    """Points on an axis that boxes of these extents touch."""
    if len(rank.terms) == 1:
        return tiles[0]
    coefficients = [c for _, c in rank.terms]
    whole = [tile.astype(np.int64) for tile in tiles]
    key = np.zeros(len(whole[0]), dtype=np.int64)
    for tile in whole:  # numbers anew after each, so that they stay small
        _, key = np.unique(key * (int(tile.max(initial=0)) + 1) + tile, return_inverse=True)
    _, first = np.unique(key, return_index=True)
    sizes = [_box(tuple((c, int(tile[at])) for c, tile in zip(coefficients, whole, strict=True))) for at in first]
    return np.array(sizes, dtype=np.float64)[key]
