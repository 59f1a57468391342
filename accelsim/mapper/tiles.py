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

    points: extents, of shape (dimensions, points). keys: exponents of the primes, in fields with a spare bit each.
    """

    shape: tuple[int, ...]
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
        return Lattice(shape, points, keys, spare, shift > 62)

    def fits(self, a: Rows, b: Rows) -> Flags:
        """Whether the product of the points `a` and `b` is a point, for keys of any shapes that broadcast."""
        return np.asarray(((int(self.keys[-1]) | self.spare) - a - b) & self.spare == self.spare)

    def least(self, values: Numbers) -> Numbers:
        """For each point the least value of any of its multiples. values: of shape (..., points)."""
        found = values.reshape(*values.shape[:-1], *self.shape)
        for axis in range(values.ndim - 1, found.ndim):
            found = np.flip(np.minimum.accumulate(np.flip(found, axis), axis=axis), axis)
        return found.reshape(values.shape)


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
    """How tiles of one level move: their extents, the copies that each level's array makes, and the steps over time.

    Arrays of shape (dimensions, tilings). inner: dimensions whose loop may be the innermost of those over time.
    returns: how far the innermost loop over each dimension goes back when it starts anew, 0 if there is none; None
    where the loops are not known yet. loops: the steps over time of each level above, where they are known.
    """

    extent: Numbers
    space: Sequence[Numbers | None]
    time: Numbers
    inner: Flags
    returns: Numbers | None = None
    loops: tuple[Numbers, ...] = ()


class Bound:
    """Lower bounds on what tilings cost, whatever the order of their loops; where factors divide.

    For each level that fills tiles, some loop over time is the innermost of those above. Tensors that it indexes (by
    an axis of its own) move completely at every step; of the others, each word moves once in each copy that holds it.
    The least of this over all loops that might be the innermost is the bound.
    """

    def __init__(self, layer: Layer, arch: Arch, keeps: Keeps) -> None:
        self.layer, self.arch, self.keeps = layer, arch, keeps
        self.dims = list(layer.dims)
        self.depth = len(arch.levels)
        self.chains = {t.name: [at for at, kept in enumerate(keeps) if t.name in kept] for t in layer.tensors}
        self.prices = list(_prices(arch))
        self.multicast = frozenset(at for at, level in enumerate(arch.levels) if level.multicast)
        self.reduction = frozenset(at for at, level in enumerate(arch.levels) if level.reduction)

    @cached_property
    def hard(self) -> dict[str, list[int]]:
        """For each tensor the dimensions with an axis to themselves: a step of such a loop replaces the whole tile."""
        return {t.name: [self.dims.index(d) for d in hard_dims(self.layer, t)] for t in self.layer.tensors}

    @cached_property
    def slides(self) -> dict[str, list[Rank]]:
        """For each tensor the axes on which windows slide."""
        return {t.name: slid_ranks(self.layer, t) for t in self.layer.tensors}

    def irrelevant(self, tensor: Tensor) -> list[int]:
        """Dimensions that do not index a tensor."""
        return [at for at, dim in enumerate(self.dims) if dim not in tensor.dims]

    def moved(self, tensor: Tensor, child: int, place: Place, union: frozenset[int], closed: bool) -> Numbers:
        """Points that enter the tiles of a level: exact where `closed` and no windows overlap between copies apart."""
        apart = [at for at in range(child) if at not in union]
        others = self.irrelevant(tensor)
        total = np.full(place.extent.shape[1], float(self.full(tensor)))
        total *= self.copies(place, others, apart)
        outside = place.time if closed else self.outside(tensor, place)
        total *= outside[others].prod(axis=0)
        shared = [at for at in range(child) if at in union]
        slides = self.slides[tensor.name]
        parts = {
            (rank, c): self.slid(rank, place, shared, apart, place.time if c else outside, child)
            for rank in slides
            for c in {True, closed}
        }
        best = total * math.prod((parts[rank, closed] for rank in slides), start=np.ones(len(total)))
        if closed or len(slides) < 2 or place.returns is None:
            return best
        return np.maximum(best, total * self._one_slides(slides, place, shared, parts))

    def outside(self, tensor: Tensor, place: Place) -> Numbers:
        """Steps over each dimension in levels outside one that certainly replaces the whole tile."""
        found = np.ones_like(place.time)
        closed = np.zeros(found.shape[1], dtype=bool)
        for steps in reversed(place.loops):
            found = np.where(closed, found * steps, found)
            closed |= (steps[self.hard[tensor.name]] > 1).any(axis=0)
        return found

    def _one_slides(
        self, slides: list[Rank], place: Place, shared: list[int], parts: dict[tuple[Rank, bool], Numbers]
    ) -> Numbers:
        """The least that enters if windows slide on several axes.

        All but the one of the innermost such loop find that it has gone back when they step. Where it goes back by a
        window or more nothing stays, so the others move completely at every step.
        """
        found = np.full(place.extent.shape[1], np.inf)
        everywhere = math.prod((parts[rank, False] for rank in slides), start=np.ones(len(found)))
        for rank in slides:
            dims = [(self.dims.index(dim), c) for dim, c in rank.terms]
            span = 1 + sum(c * (place.extent[d] * self.copies(place, [d], shared) - 1) for d, c in dims)
            assert place.returns is not None
            backs = np.min([np.where(place.returns[d] > 0, c * place.returns[d], np.inf) for d, c in dims], axis=0)
            moving = np.isfinite(backs)
            others = math.prod((parts[r, True] for r in slides if r != rank), start=parts[rank, False])
            found = np.where(moving, np.minimum(found, np.where(backs >= span, others, everywhere)), found)
        return np.where(np.isfinite(found), found, everywhere)

    def full(self, tensor: Tensor) -> int:
        """Words on the axes of a tensor on which nothing slides."""
        return math.prod(self.words(rank) for rank in tensor.ranks if rank not in self.slides[tensor.name])

    def words(self, rank: Rank) -> int:
        """Points that the layer touches on an axis."""
        return box_size(tuple((c, self.layer.dims[dim]) for dim, c in rank.terms))

    def copies(self, place: Place, dims: Sequence[int], levels: Iterable[int]) -> Numbers:
        """Copies that the arrays of some levels make, over some dimensions."""
        total = np.ones(place.extent.shape[1])
        for at in levels:
            if (space := place.space[at]) is not None:
                total = total * space[dims].prod(axis=0)
        return total

    def slid(
        self, rank: Rank, place: Place, union: list[int], apart: list[int], outside: Numbers, child: int
    ) -> Numbers:
        """Points of windows on one axis that enter, over all steps and all copies that do not share.

        At the steps `outside` a whole window enters; over the others each point once.
        """
        dims = [self.dims.index(dim) for dim, _ in rank.terms]
        tiles = [place.extent[dim] * self.copies(place, [dim], union) for dim in dims]
        side_by_side = all(place.space[at] is None for at in range(child - 1))
        alone = self.copies(place, dims, apart)
        box = _boxes(rank, tiles) if side_by_side else _sumset(tiles)
        whole_windows = alone * outside[dims].prod(axis=0)
        visited = [tile * place.time[dim] / outside[dim] for tile, dim in zip(tiles, dims, strict=True)]
        whole = [(self.copies(place, [dim], apart) == 1) & (outside[dim] == 1) for dim in dims]
        return np.maximum(np.maximum(box, self._visited(rank, visited, whole)) * whole_windows, float(self.words(rank)))

    @staticmethod
    def _visited(rank: Rank, counts: list[Numbers], whole: list[Flags]) -> Numbers:
        """At least so many points are the sums of so many positions; `whole`: those of a dimension are all there."""
        found = _sumset(counts)
        if len(counts) == 2:
            for here, there in ((0, 1), (1, 0)):
                (_, coefficient), (_, one) = rank.terms[here], rank.terms[there]
                run = (counts[here] - 1) * np.minimum(coefficient, counts[there]) + counts[there]
                sure = (whole[there] | (counts[there] == 1)) & (one == 1)
                found = np.where(sure, np.maximum(found, run), found)
        return found

    def boundary(self, child: int, place: Place) -> Numbers:
        """The least that filling and draining the tiles of a level costs; of shape (costs, tilings)."""
        mine = [t for t in self.layer.tensors if child in self.chains[t.name]]
        parts = {(t.name, closed): self._cost(t, child, place, closed) for t in mine for closed in (False, True)}
        least = np.full((len(self.prices), place.extent.shape[1]), np.inf)
        roles: dict[tuple[bool, ...], Flags] = {}
        for at in range(len(self.dims)):
            role = tuple(at in self.hard[t.name] for t in mine)
            roles[role] = np.asarray(roles.get(role, False) | place.inner[at])
        still = np.asarray(~place.inner.any(axis=0))
        roles[(False,) * len(mine)] = np.asarray(roles.get((False,) * len(mine), still) | still)
        for role, possible in roles.items():
            if possible.any():
                total = sum((parts[t.name, c] for t, c in zip(mine, role, strict=True)), np.zeros_like(least))
                least = np.where(possible, np.minimum(least, total), least)
        for tensor in mine:
            if not tensor.output:
                least[RAMP] += self._first(tensor, child, place)
        return least

    def _parent(self, tensor: Tensor, child: int) -> int:
        chain = self.chains[tensor.name]
        return chain[chain.index(child) - 1]

    def _cost(self, tensor: Tensor, child: int, place: Place, closed: bool) -> Numbers:
        parent = self._parent(tensor, child)
        width = self.arch.width(tensor.name) / self.arch.word
        shared = self.reduction if tensor.output else self.multicast
        between = frozenset(range(parent, child))
        spread = [at for at in between if place.space[at] is not None]
        each = self.moved(tensor, child, place, frozenset(), closed)
        joint = self.moved(tensor, child, place, shared & between, closed) if spread else each
        returned = np.zeros_like(each)
        if tensor.output and all(place.space[at] is None for at in range(parent)):
            returned = np.maximum(0, self.moved(tensor, child, place, between, closed) - self.full(tensor))
        found = np.zeros((len(self.prices), len(each)))
        for row, price in zip(found, self.prices, strict=True):
            read, write, link = price
            if tensor.output:
                row += joint * (read[parent] + write[parent]) + returned * (read[child] + write[child])
            else:
                row += each * write[child] + joint * read[parent]
            for level in between:
                if link[level]:
                    below = frozenset(at for at in shared if level < at < child)
                    row += link[level] * (self.moved(tensor, child, place, below, closed) + returned)
        return found * width

    def _first(self, tensor: Tensor, child: int, place: Place) -> Numbers:
        """Cycles that the first tiles of a level keep the MACs waiting."""
        parent = self._parent(tensor, child)
        level = self.arch.levels[parent]
        rate = min([r for r in (level.bandwidth, level.read_bandwidth) if r is not None], default=math.inf)
        if not level.overlap or rate == math.inf:
            return np.zeros(place.extent.shape[1])
        union = [at for at in range(parent, child) if at in self.multicast]
        apart = [at for at in range(child) if at not in union]
        total = self.copies(place, range(len(self.dims)), apart)
        for rank in tensor.ranks:
            dims = [self.dims.index(dim) for dim, _ in rank.terms]
            tiles = [place.extent[dim] * self.copies(place, [dim], union) for dim in dims]
            near = all(place.space[at] is None for at in range(child - 1))
            total = total * (_boxes(rank, tiles) if near else _sumset(tiles))
        width = self.arch.width(tensor.name) / self.arch.word
        return np.asarray(total * width / (rate * self.arch.instances[level.name]))

    def compute(self, space: Sequence[Numbers | None], count: int) -> Numbers:
        """What the MACs ask of the levels that they read and write; no order changes it."""
        ones = np.ones((len(self.dims), count))
        place = Place(ones, space, ones, ones > 1)
        found = np.zeros((len(self.prices), count))
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
        together = self.copies(place, sorted({*self.irrelevant(tensor), *slid}), union)
        total = self.layer.macs / together
        for rank in self.slides[tensor.name]:
            total = total * _sumset([self.copies(place, [self.dims.index(dim)], union) for dim, _ in rank.terms])
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
