"""Where the zeros are: the nest as an array with one axis for each loop, and the words that surviving MACs ask for."""

from __future__ import annotations

import math
from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.counts import Counts
from accelsim.dataflow import NONE, Flow, Levels
from accelsim.sparsity.saving import Saving
from accelsim.workload import Tensor

Bools = NDArray[np.bool_]
Values = NDArray[Any]
Shares = Table[str, float]  # of nonzero words, by operand looked at


@dataclass(frozen=True)
class Grid:
    """Every position of a nest's loops, outermost first, as arrays that broadcast to their bounds.

    inside: positions that exist. nonzero: by operand, where its word is not zero. alive: where the MAC survives.
    """

    flow: Flow
    inside: Bools
    nonzero: dict[str, Bools]

    @classmethod
    def of(cls, flow: Flow, tensors: Table[str, Values]) -> Grid:
        """Look up each operand's word at every position."""
        index = _indices(flow)
        shape = tuple(p.loop.bound for p in flow.loops)
        inside = np.ones(shape, bool)
        for dim, at in index.items():
            inside &= at < flow.layer.dims[dim]
        found = {}
        for name, values in tensors.items():
            ranks = flow.layer.tensor(name).ranks
            where = tuple(
                np.minimum(sum(c * index[dim] for dim, c in rank.terms), size - 1)
                for rank, size in zip(ranks, values.shape, strict=True)
            )
            found[name] = np.broadcast_to((values != 0)[where], shape)
        return cls(flow, inside, found)

    @cached_property
    def alive(self) -> Bools:
        """Where no operand looked at is zero."""
        return np.logical_and.reduce([self.inside, *self.nonzero.values()])


def _indices(flow: Flow) -> dict[str, NDArray[np.int64]]:
    """By dimension, its index at every position: one axis for each loop."""
    index: dict[str, NDArray[np.int64]] = {dim: np.zeros((1,) * len(flow.loops), np.int64) for dim in flow.layer.dims}
    for axis, p in enumerate(flow.loops):
        shape = [1] * len(flow.loops)
        shape[axis] = p.loop.bound
        index[p.loop.dim] = index[p.loop.dim] + p.step * np.arange(p.loop.bound).reshape(shape)
    return index


def axes_last(values: Bools, *groups: list[int]) -> Bools:
    """The axes in these groups, each group flattened to one axis, in this order. All axes must be named."""
    sizes = [math.prod(values.shape[axis] for axis in group) for group in groups]
    return values.transpose([axis for group in groups for axis in group]).reshape(sizes)


def surviving(flow: Flow, dense: Counts, saving: Saving, alive: Grid | Shares) -> Counts:
    """The dense counts with the words that the MACs ask for, and the sums they update, cut to surviving MACs."""
    counts = replace(dense, reads=dict(dense.reads), writes=dict(dense.writes), carried=dict(dense.carried))
    for tensor in flow.layer.tensors:
        if tensor.name in saving.on and saving.find == "value":
            continue
        last = flow.chain(tensor)[-1]
        key, shared = (flow.name(last), tensor.name), flow.reduction if tensor.output else flow.multicast
        old, new = flow.requested(tensor, last, shared), _requested(flow, tensor, last, shared, alive)
        returned = 0
        if tensor.output:
            old_fresh, new_fresh = flow.fresh(tensor, live=True)[-1], _fresh(flow, tensor, alive)
            counts.writes[key] += new - old
            returned = (new - new_fresh) - (old - old_fresh)
            counts.reads[key] += returned
        else:
            counts.reads[key] += new - old
        for level in range(last, len(flow.arch.levels)):
            below = frozenset(at for at in shared if at > level)
            change = _requested(flow, tensor, last, below, alive) - flow.requested(tensor, last, below)
            counts.carried[flow.name(level), tensor.name] += change + returned
    return counts


def _requested(flow: Flow, tensor: Tensor, last: int, shared: Levels, alive: Grid | Shares) -> int:
    """Words asked of a tensor's innermost level by surviving MACs: one for all MACs that share it in a step."""
    if not isinstance(alive, Grid):
        dense, met = flow.requested(tensor, last, shared), [d for name, d in alive.items() if name != tensor.name]
        some = _any(math.prod(met), flow.layer.macs / dense) if dense else 0.0
        return round(dense * alive.get(tensor.name, 1.0) * some)
    joint = [a for a, p in enumerate(flow.loops) if p.spatial and p.level >= last and p.level in shared]
    rest = [axis for axis in range(len(flow.loops)) if axis not in joint]
    moved = axes_last(alive.alive, rest, joint)
    groups: dict[tuple[int, ...], list[int]] = {}
    for at, place in enumerate(product(*(range(flow.loops[axis].loop.bound) for axis in joint))):
        point = dict.fromkeys(flow.layer.dims, 0)
        for axis, i in zip(joint, place, strict=True):
            point[flow.loops[axis].loop.dim] += i * flow.loops[axis].step
        groups.setdefault(tensor.at(point), []).append(at)
    return sum(int(np.count_nonzero(moved[:, members].any(-1))) for members in groups.values())


def _any(alive: float, of: float) -> float:
    """The chance that at least one of so many independent MACs survives."""
    return 1 - (1 - alive) ** of


# Sums that start at zero: when a tile comes back, and whether anyone has added to it before


def _fresh(flow: Flow, tensor: Tensor, alive: Grid | Shares) -> int:
    """Sums that start at zero at their innermost level and see a surviving MAC before they leave it."""
    *_, parent, last = (0, *flow.chain(tensor))
    if not isinstance(alive, Grid):
        visits = flow.moved(tensor, parent, last, NONE) if last else flow.layer.words(tensor.name)
        share = _any(math.prod(alive.values()), flow.layer.macs / visits)
        return round(flow.fresh(tensor, live=True)[-1] * share)
    above = [axis for axis, p in enumerate(flow.loops) if not p.spatial and p.level < last]
    copies = [axis for axis, p in enumerate(flow.loops) if p.spatial and p.level < last]
    below = [axis for axis, p in enumerate(flow.loops) if p.level >= last]
    mine = [axis for axis in below if flow.loops[axis].loop.dim in tensor.dims]
    others = [axis for axis in below if axis not in mine]
    happens, stays, begins = _stays(flow, tensor)
    touched: Bools = np.any(axes_last(alive.alive, above, copies, mine, others), -1)
    starts = np.flatnonzero(np.diff(stays, prepend=-1))
    ever = np.logical_or.reduceat(touched[happens], starts, 0)
    return int((ever & begins[:, :, None]).sum())


def _stays(flow: Flow, tensor: Tensor) -> tuple[Bools, NDArray[np.int64], Bools]:
    """When output tiles stay at their innermost level.

    Returns which positions of the temporal loops above it happen; the number of the stay, at each that happens; and
    by (stay, copy of the level) whether its sums begin at zero. A tile that returns is read back by the first of the
    copies that reduce together, if its parent has sums of it: from an earlier stay, or read back in its turn.
    """
    begins = np.ones((1, 1), bool)
    happens, stays = np.ones(1, bool), np.zeros(1, np.int64)
    for parent, child in pairwise(flow.chain(tensor)):
        outer, outer_stays = happens, stays
        happens, tuples = _positions(flow, tensor, child)
        stays = _runs(tuples)
        first = np.flatnonzero(np.diff(stays, prepend=-1))
        up = _outer(flow, parent, child, outer, outer_stays, happens)[first]
        _, seen = np.unique(np.column_stack([up, tuples[first]]), axis=0, return_index=True)
        new = np.isin(np.arange(len(first)), seen)
        above, copy_first = _copies(flow, tensor, parent, child)
        begins = ~copy_first[None] | (new[:, None] & begins[up][:, above])
    return happens, stays, begins


def _positions(flow: Flow, tensor: Tensor, level: int) -> tuple[Bools, NDArray[np.int64]]:
    """Positions of the temporal loops above a level: which happen, and of those the indices that choose the tile."""
    loops = [p for p in flow.loops if not p.spatial and p.level < level]
    places = np.indices(tuple(p.loop.bound for p in loops)).reshape(len(loops), -1) if loops else np.zeros((0, 1), int)
    happens = np.ones(places.shape[1], bool)
    for dim, size in flow.layer.bounds:
        index = sum((p.step * row for p, row in zip(loops, places, strict=True) if p.loop.dim == dim), np.zeros(1, int))
        happens &= index < size
    chooses = [at for at, p in enumerate(loops) if p.loop.dim in tensor.dims]
    return happens, places[chooses][:, happens].T


def _runs(tuples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers that count up where a row differs from the row before."""
    changes = (tuples[1:] != tuples[:-1]).any(1)
    return np.concatenate([[0], np.cumsum(changes)])


def _outer(
    flow: Flow, parent: int, child: int, outer: Bools, stays: NDArray[np.int64], happens: Bools
) -> NDArray[np.int64]:
    """For each position above the child that happens, the stay at the parent that it lies in."""
    number = np.zeros(len(outer), np.int64)
    number[outer] = stays
    inner = math.prod(p.loop.bound for p in flow.loops if not p.spatial and parent <= p.level < child)
    return np.repeat(number, inner)[happens]


def _copies(flow: Flow, tensor: Tensor, parent: int, child: int) -> tuple[NDArray[np.int64], Bools]:
    """For each copy of the child: its copy of the parent, and whether it is first of those with the same sums."""
    loops = [p for p in flow.loops if p.spatial and p.level < child]
    places = list(product(*(range(p.loop.bound) for p in loops)))
    inner = math.prod(p.loop.bound for p in loops if p.level >= parent)
    reduces = [at for at, p in enumerate(loops) if p.level >= parent and p.loop.dim not in tensor.dims]
    first = np.array([not any(place[at] for at in reduces) for place in places])
    return np.arange(len(places)) // inner, first
