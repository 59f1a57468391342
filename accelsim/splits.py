"""Imperfect factors for many mappings at once: what each dimension does, in tables by how its loops split it.

Dimensions move independently, so a count is a product of one number per dimension. A batch holds few distinct splits
of a dimension; the scalar code of `dataflow` works each out once, and the batch looks the numbers up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accelsim.dataflow import EVERYWHERE, Levels, Moves, Walk, _reached, _windows
from accelsim.workload import Rank

Numbers = NDArray[np.float64]
Rows = NDArray[np.intp]
Way = tuple[int, ...]  # bounds over time of every level, then along x, then along y
TIMES, LIVE, NOW, STAY = range(4)


class Known:
    """What has been worked out for a layer, for all pieces of a batch."""

    def __init__(self) -> None:
        self.loops: dict[tuple[str, Way], list[tuple[int, bool, int, int]]] = {}
        self.walks: dict[tuple[object, ...], Walk] = {}
        self.windows: dict[tuple[object, ...], tuple[int, int]] = {}


class Splits:
    """One dimension of a batch: its distinct splits, and which of them each mapping has.

    time, x, y: bounds of shape (levels, mappings). A carry is (how many levels' loops over this dimension stand
    outside the loop that steps or are it, whether it is one of them); `Splits.ALL` stands for every step.
    """

    ALL = -1

    def __init__(self, dim: str, size: int, bounds: Sequence[Numbers], known: Known) -> None:
        self.dim, self.size, self.known, self.depth = dim, size, known, len(bounds[0])
        ways, self.of = np.unique(np.concatenate(bounds).astype(np.int64), axis=1, return_inverse=True)
        self.of = self.of.reshape(-1)
        self.ways: list[Way] = [tuple(column) for column in ways.T.tolist()]
        self.bounds = ways.astype(np.float64).reshape(3, self.depth, -1)
        self.whole = self.bounds.prod(axis=(0, 1)) == size
        self.spread = frozenset(np.flatnonzero((self.bounds[1:] > 1).any(axis=(0, 2))).tolist())
        self.tables: dict[tuple[int, Levels], Numbers] = {}

    def loops(self, way: Way) -> list[tuple[int, bool, int, int]]:
        """The loops of a split, outermost first: level, whether spatial, bound, step."""
        key = (self.dim, way)
        if key not in self.known.loops:
            self.known.loops[key] = self._loops(way)
        return self.known.loops[key]

    def _loops(self, way: Way) -> list[tuple[int, bool, int, int]]:
        found, step = [], 1
        for level in range(self.depth - 1, -1, -1):
            for kind in (2, 1, 0):
                bound = way[kind * self.depth + level]
                if bound > 1:
                    found.append((level, kind > 0, bound, step))
                    step *= bound
        return found[::-1]

    def walk(self, way: Way, child: int, shared: Levels) -> Walk:
        """The dimension as one child level sees it; the loop over time at level `l` has the place `2 l`."""
        key = (self.dim, way, child, shared)
        if key not in self.known.walks:
            roles: list[tuple[int, int, int]] = []
            offsets: tuple[int, ...] = (0,)
            extent = 1
            for level, spatial, bound, step in self.loops(way):
                if level >= child:
                    extent *= bound
                elif spatial and level in shared:
                    offsets = tuple(at + i * step for at in offsets for i in range(bound))
                else:
                    roles.append((-1 if spatial else 2 * level, bound, step))
            self.known.walks[key] = Walk(self.size, tuple(roles), offsets, extent)
        return self.known.walks[key]

    def moves(self, way: int, child: int, shared: Levels, outside: int, mine: int) -> Moves:
        """What happens to one split when a loop steps."""
        walk = self.walk(self.ways[way], child, shared & self.spread)
        return walk.at(EVERYWHERE if outside == self.ALL else 2 * outside - 1 - mine)

    def table(self, child: int, shared: Levels) -> Numbers:
        """Numbers by (outside, mine, which, split); the last entry of the first axis is for every step."""
        key = (child, shared & self.spread)
        if key not in self.tables:
            found = self.tables[key] = self._whole(*key)
            for way in np.flatnonzero(~self.whole).tolist():
                for outside in (*range(child + 1), self.ALL):
                    for mine in (0, 1) if outside > 0 and self.ways[way][outside - 1] > 1 else (0,):
                        move = self.moves(way, *key, outside, mine)
                        found[outside, mine, :, way] = move.times, move.live, *move.sums
        return self.tables[key]

    def _whole(self, child: int, shared: Levels) -> Numbers:
        """The table as it is where factors divide: all tiles are full, and there is one move."""
        time, space = self.bounds[0], self.bounds[1] * self.bounds[2]
        inner = np.cumprod((time * space)[::-1], axis=0)[::-1]  # iterations of a level and all below it
        extent = np.ones(len(self.ways)) if child == self.depth else inner[child]
        step = inner[:child] / time[:child]
        copies = space[[level for level in range(child) if level in shared]].prod(axis=0)
        apart = space[[level for level in range(child) if level not in shared]].prod(axis=0)
        found = np.zeros((child + 2, 2, 4, len(self.ways)))
        for outside in range(child + 1):
            shift = -((time[outside:child] - 1) * step[outside:]).sum(axis=0)
            times = apart * time[:outside].prod(axis=0)
            self._fill(found[outside, 0], times, shift, copies, extent)
            if outside:
                mine = times / time[outside - 1] * (time[outside - 1] - 1)
                self._fill(found[outside, 1], mine, shift + step[outside - 1], copies, extent)
        found[self.ALL] = found[child]
        return found

    @staticmethod
    def _fill(entry: Numbers, times: Numbers, shift: Numbers, copies: Numbers, extent: Numbers) -> None:
        stay = np.maximum(0, extent - np.abs(shift))
        entry[TIMES], entry[LIVE], entry[NOW], entry[STAY] = (
            times,
            times,
            times * copies * extent,
            times * copies * stay,
        )

    def reached(self, until: int, spatial: bool) -> Numbers:
        """Positions inside the layer of the loops over time, or of those across copies, above a level."""
        found = (self.bounds[1:] if spatial else self.bounds[:1])[:, :until].prod(axis=(0, 1))
        for way in np.flatnonzero(~self.whole).tolist():
            loops = self.loops(self.ways[way])
            found[way] = _reached(
                [(b, s) for level, flag, b, s in loops if flag == spatial and level < until], self.size
            )
        return np.asarray(found[self.of])


def windows(rank: Rank, splits: Sequence[Splits], where: tuple[int, Levels], states: list[list[Rows]]) -> Numbers:
    """For an axis of several dimensions: the points of all tiles now and those that stay, of shape (2, mappings).

    where: child and shared levels. states: by dimension, each mapping's split, `outside` and `mine`.
    """
    flat = np.stack([column for state in states for column in state])
    unique, index = np.unique(flat, axis=1, return_inverse=True)
    found = []
    for column in unique.T.tolist():
        parts = [column[at : at + 3] for at in range(0, len(column), 3)]
        key = (rank, where, *((part.ways[way], *rest) for part, (way, *rest) in zip(splits, parts, strict=True)))
        if key not in splits[0].known.windows:
            moves = [part.moves(way, *where, *rest) for part, (way, *rest) in zip(splits, parts, strict=True)]
            splits[0].known.windows[key] = _windows(rank, moves)
        found.append(splits[0].known.windows[key])
    return np.array(found, dtype=np.float64).reshape(-1, 2).T[:, index.reshape(-1)]


def legal(sizes: Numbers, time: Numbers, x: Numbers, y: Numbers) -> NDArray[np.bool_]:
    """Which mappings cover every dimension by loops whose last iteration begins inside it."""
    step = np.ones_like(time[0])
    fine = np.ones(time.shape[2], dtype=bool)
    for level in range(len(time) - 1, -1, -1):
        for bounds in (y, x, time):
            fine &= ((bounds[level] - 1) * step < sizes[:, None]).all(axis=0)
            step = step * bounds[level]
    return fine & (step >= sizes[:, None]).all(axis=0)


def padded(sizes: Numbers) -> float:
    """The most MACs that any mapping of legal loops has, those beyond the edges included: twice each size."""
    return math.prod(2 * size for size in sizes.tolist() if size > 1)
