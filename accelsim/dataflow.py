"""What moves: exact counts of reads and writes in closed form.

A level keeps exactly its current tile. At each step of the loops above it, an instance fills the points of its
new tile that its old tile lacks; with multicast the parent reads each point once for all the instances that
fill it. Partial sums travel the other way. `trace` really runs the loops and must count the same.

The trick that makes the closed form possible: every dimension indexes one axis of a tensor, so a tile, a union
of tiles and what stays put across a step are products over axes, and a sum over steps is a sum of products of
sums, one per axis. `_Walk.positions` lists, for one dimension, how often each relation of "position before" to
"position now" occurs; only positions near the edge of a clipped dimension differ from the rest.

The book's page of design notes gives the semantics in full.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise, product

from accelsim.arch import Arch
from accelsim.mapping import Mapping, Placed, check, placed
from accelsim.points import box_mask
from accelsim.workload import Layer, Rank, Tensor

Key = tuple[str, str]
Levels = frozenset[int]
Moves = Counter[tuple[int, int, int]]
NONE: Levels = frozenset()


@dataclass(frozen=True)
class Counts:
    """Exact whole numbers, totals over all instances and the whole layer.

    reads, writes: words read and written, by (level, tensor). carried: words that cross the array below a level,
    up or down, counted at each copy they reach or leave. macs: multiply-accumulates. steps: time steps with any
    work. instances: copies of each level that ever have work; active: multipliers that ever have work.
    """

    reads: dict[Key, int]
    writes: dict[Key, int]
    carried: dict[Key, int]
    macs: int
    steps: int
    instances: dict[str, int]
    active: int


def count(layer: Layer, arch: Arch, mapping: Mapping) -> Counts:
    """Count every read and write of a layer run by a mapping on a machine. Raises `MappingError` with all faults.

    A matrix-vector product with one register file: the input is kept, weights stream, sums live in the buffer.

    >>> from accelsim import Arch, Level, einsum, nest
    >>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=3, C=4)
    >>> toy = Arch("toy", (Level("DRAM"), Level("reg")))
    >>> counts = count(layer, toy, nest("DRAM: C4 M3 | reg:"))
    >>> counts.reads["DRAM", "ifmap"], counts.reads["DRAM", "filter"]
    (4, 12)
    >>> counts.writes["DRAM", "ofmap"], counts.reads["DRAM", "ofmap"]      # 3 sums start at zero
    (12, 9)
    """
    check(layer, arch, mapping)
    nests = _Nest(layer, arch, mapping, tuple(p for p in placed(mapping) if p.loop.bound > 1))
    keys = [(level.name, tensor.name) for level in arch.levels for tensor in layer.tensors]
    *instances, active = (nests.active(level) for level in range(len(arch.levels) + 1))
    counts = Counts(
        reads=dict.fromkeys(keys, 0),
        writes=dict.fromkeys(keys, 0),
        carried=dict.fromkeys(keys, 0),
        macs=layer.macs,
        steps=nests.steps(),
        instances=dict(zip((level.name for level in arch.levels), instances, strict=True)),
        active=active,
    )
    for tensor in layer.tensors:
        (_count_output if tensor.output else _count_operand)(nests, tensor, counts)
    return counts


def _count_operand(nests: _Nest, tensor: Tensor, counts: Counts) -> None:
    chain = nests.chain(tensor)
    for parent, child in pairwise(chain):
        counts.writes[nests.name(child), tensor.name] += nests.moved(tensor, parent, child, NONE)
        counts.reads[nests.name(parent), tensor.name] += nests.moved(tensor, parent, child, nests.multicast)
        for level in range(parent, child):
            arrived = nests.moved(tensor, parent, child, _below(level, nests.multicast))
            counts.carried[nests.name(level), tensor.name] += arrived
    last = chain[-1]
    counts.reads[nests.name(last), tensor.name] += nests.requested(tensor, last, nests.multicast)
    for level in range(last, len(nests.arch.levels)):
        asked = nests.requested(tensor, last, _below(level, nests.multicast))
        counts.carried[nests.name(level), tensor.name] += asked


def _count_output(nests: _Nest, tensor: Tensor, counts: Counts) -> None:
    """Partial sums: what leaves a tile is read there and written above; what returns started no new sum.

    `fresh` counts the sums that started at zero in the parent; `live` only those in reach of a MAC, since an
    instance beyond a clipped edge moves with its neighbours but computes nothing.
    """
    chain = nests.chain(tensor)
    fresh = live = nests.points(tensor)
    for parent, child in pairwise(chain):
        up, down = nests.name(parent), nests.name(child)
        drained = nests.moved(tensor, parent, child, NONE)
        added = nests.moved(tensor, parent, child, nests.reduction)
        returned = nests.moved(tensor, parent, child, nests.every) - fresh
        counts.reads[down, tensor.name] += drained
        counts.writes[up, tensor.name] += added
        counts.reads[up, tensor.name] += added - fresh
        counts.writes[down, tensor.name] += returned
        for level in range(parent, child):
            left = nests.moved(tensor, parent, child, _below(level, nests.reduction))
            counts.carried[nests.name(level), tensor.name] += left + returned
        live_returned = nests.moved(tensor, parent, child, nests.every, live=True) - live
        fresh, live = drained - returned, nests.moved(tensor, parent, child, NONE, live=True) - live_returned
    last = chain[-1]
    updates = nests.requested(tensor, last, nests.reduction)
    counts.writes[nests.name(last), tensor.name] += updates
    counts.reads[nests.name(last), tensor.name] += updates - live
    for level in range(last, len(nests.arch.levels)):
        sums = nests.requested(tensor, last, _below(level, nests.reduction))
        counts.carried[nests.name(level), tensor.name] += sums + updates - live


@dataclass(frozen=True)
class _Nest:
    """A layer, machine and mapping that are known to fit, with the loops placed."""

    layer: Layer
    arch: Arch
    mapping: Mapping
    loops: tuple[Placed, ...]
    walks: dict[tuple[str, int, int, Levels], _Walk] = field(default_factory=dict)
    moves: dict[tuple[str, int, int, Levels, bool], int] = field(default_factory=dict)

    @cached_property
    def multicast(self) -> Levels:
        return frozenset(at for at, level in enumerate(self.arch.levels) if level.multicast)

    @cached_property
    def reduction(self) -> Levels:
        return frozenset(at for at, level in enumerate(self.arch.levels) if level.reduction)

    @cached_property
    def every(self) -> Levels:
        return frozenset(range(len(self.arch.levels)))

    @cached_property
    def spread(self) -> dict[str, Levels]:
        """The levels at which each dimension is spread over copies."""
        return {
            dim: frozenset(p.level for p in self.loops if p.spatial and p.loop.dim == dim) for dim in self.layer.dims
        }

    def spread_between(self, parent: int, child: int) -> Levels:
        return frozenset(p.level for p in self.loops if p.spatial and parent <= p.level < child)

    @cached_property
    def places(self) -> range:
        return range(len(self.loops))

    def name(self, level: int) -> str:
        return self.arch.levels[level].name

    def chain(self, tensor: Tensor) -> list[int]:
        return [level for level, stage in enumerate(self.mapping.stages) if stage.holds(tensor.name)]

    def points(self, tensor: Tensor) -> int:
        return math.prod(self.layer.dims[dim] for dim in tensor.dims)

    def steps(self) -> int:
        """Time steps: positions of the temporal loops at which the first instance has work."""
        return self.reached(p for p in self.loops if not p.spatial)

    def active(self, level: int) -> int:
        """Copies of a level (or of the MAC, beyond the last) with work at the first step: all that ever have any."""
        return self.reached(p for p in self.loops if p.spatial and p.level < level)

    def reached(self, places: Iterable[Placed]) -> int:
        loops = tuple(places)
        return math.prod(
            _reached([(p.loop.bound, p.step) for p in loops if p.loop.dim == dim], size)
            for dim, size in self.layer.bounds
        )

    def walk(self, dim: str, parent: int, child: int, shared: Levels) -> _Walk:
        """One dimension between a parent and a child level; loops at `shared` levels move as one union."""
        key = (dim, parent, child, shared & self.spread[dim])
        if key not in self.walks:
            self.walks[key] = self._walk(*key)
        return self.walks[key]

    def _walk(self, dim: str, parent: int, child: int, shared: Levels) -> _Walk:
        roles: list[tuple[int, int, int]] = []
        offsets: tuple[int, ...] = (0,)
        extent = 1
        for place, p in enumerate(self.loops):
            if p.loop.dim != dim:
                continue
            if p.level >= child:
                extent *= p.loop.bound
            elif not p.spatial:
                roles.append((place, p.loop.bound, p.step))
            elif p.level >= parent and p.level in shared:
                offsets = tuple(at + i * p.step for at in offsets for i in range(p.loop.bound))
            else:
                roles.append((-1, p.loop.bound, p.step))
        return _Walk(self.layer.dims[dim], tuple(roles), offsets, extent)

    def moved(self, tensor: Tensor, parent: int, child: int, shared: Levels, live: bool = False) -> int:
        """Points of a tensor that enter the tiles of `child`, over all steps: unions across `shared` levels.

        With `live`, only where the instance is inside the layer in the dimensions that do not index the tensor.
        """
        key = (tensor.name, parent, child, shared & self.spread_between(parent, child), live)
        if key not in self.moves:
            walks = {dim: self.walk(dim, parent, child, shared) for dim in self.layer.dims}
            carries = (place for place, p in enumerate(self.loops) if p.level < child and not p.spatial)
            self.moves[key] = sum(self._carried(tensor, walks, carry, live) for carry in (None, *carries))
        return self.moves[key]

    def requested(self, tensor: Tensor, level: int, shared: Levels) -> int:
        """Words the MACs ask of the innermost level that keeps a tensor, over all steps."""
        walks = {dim: self.walk(dim, level, len(self.arch.levels), shared) for dim in self.layer.dims}
        return self._carried(tensor, walks, len(self.loops), live=True)

    def _carried(self, tensor: Tensor, walks: dict[str, _Walk], carry: int | None, live: bool) -> int:
        """Points that enter when loop `carry` steps: the tile now, less what stays of the tile before."""
        moves = {dim: walk.positions(carry) for dim, walk in walks.items()}
        times = 1
        for dim in self.layer.dims:
            if dim not in tensor.dims:
                times *= sum(n for (now, _, _), n in moves[dim].items() if now > 0 or not live)
        if not times:
            return 0
        tile = stays = 1
        for rank in tensor.ranks:
            here, kept = _rank_sums(rank, walks, moves)
            tile, stays = tile * here, stays * kept
        return times * (tile - stays if carry in self.places else tile)


@dataclass(frozen=True)
class _Walk:
    """One dimension as one child level sees it.

    loops: (place in the nest, bound, step), outermost first; place -1 marks loops over separate instances.
    offsets: where the instances that move together start. extent: iterations inside the child's tile.
    """

    size: int
    loops: tuple[tuple[int, int, int], ...]
    offsets: tuple[int, ...]
    extent: int
    seen: dict[tuple[int, bool], Moves] = field(default_factory=dict, compare=False)

    def positions(self, carry: int | None) -> Moves:
        """How often each (iterations left now, iterations left before, shift) occurs when loop `carry` steps.

        Loops outside the carry stand still, loops inside return from their last position to 0. None means the
        first step of all: no loop has moved. A place beyond the nest means every step, without a before.
        """
        reached = -1 if carry is None else carry
        cut = max((at + 1 for at, (place, _, _) in enumerate(self.loops) if 0 <= place <= reached), default=0)
        mine = cut > 0 and self.loops[cut - 1][0] == carry
        key = (-1 if carry is None else cut, mine)
        if key not in self.seen:
            self.seen[key] = self._positions(*key)
        return self.seen[key]

    def _positions(self, cut: int, mine: bool) -> Moves:
        """`cut` loops stand outside the carry, which is the last of them if it is `mine`; -1 before the first step."""
        inside = self.loops[cut:] if cut >= 0 else tuple(loop for loop in self.loops if loop[0] < 0)
        states = Counter({(self.size, self.size): 1})
        for at, (place, bound, step) in enumerate(self.loops[: max(cut, 0)]):
            states = self._advance(states, bound, step, place < 0, first=1 if mine and at == cut - 1 else 0)
        full, found = self.offsets[-1] + self.extent, Moves()
        for (time_left, left), times in states.items():
            back, now_left = 0, [left]
            for place, bound, step in inside:
                if place < 0:
                    now_left = [at - i * step for at in now_left for i in range(bound)]
                else:
                    last = bound - 1 if mine else min(bound - 1, -(-time_left // step) - 1)
                    back, time_left = back + last * step, time_left - last * step
            shift = (self.loops[cut - 1][2] if mine else 0) - back
            for now in now_left:
                found[min(now, full), min(now + shift, full), shift] += times
        return found

    def _advance(
        self, states: Counter[tuple[int, int]], bound: int, step: int, copies: bool, first: int
    ) -> Counter[tuple[int, int]]:
        """Run one outer loop; equal iterations are counted together.

        What is left in time is capped at one step, since no loop inside reaches further; what is left for
        the instances at one step beyond the last of them, and at 0 where even the first has nothing.
        """
        after: Counter[tuple[int, int]] = Counter()
        cap = step + self.offsets[-1]
        for (time_left, left), times in states.items():
            clock = (bound + 1) * step if copies else time_left  # copies exist at any time
            i, end = first, min(bound, -(-clock // step))
            while i < end:
                now, room = min(clock - i * step, step), max(0, min(left - i * step, cap))
                run = i + 1
                if now == step and room in (0, cap):
                    run = min(end, clock // step, (left - cap) // step + 1 if room else end)
                after[time_left if copies else now, room] += times * (run - i)
                i = run
        return after


def _below(level: int, shared: Levels) -> Levels:
    """Those of the levels whose array lies below the array of `level`."""
    return frozenset(at for at in shared if at > level)


def _reached(loops: Iterable[tuple[int, int]], size: int) -> int:
    """Positions of these loops that lie inside the dimension.

    >>> _reached([(4, 14)], 55), _reached([(14, 1)], 55)
    (4, 14)
    """
    left = Counter({size: 1})
    for bound, step in loops:
        after: Counter[int] = Counter()
        for at, times in left.items():
            whole = min(bound, -(-at // step))
            full = min(whole, at // step)
            if full:
                after[step] += times * full
            if whole > full:
                after[at - full * step] += times
        left = after
    return sum(left.values())


def _rank_sums(rank: Rank, walks: dict[str, _Walk], moves: dict[str, Moves]) -> tuple[int, int]:
    """Sum over positions of the points of one axis in the tiles now, and of those that stay put."""
    size = stay = 0
    coefficients = tuple(coefficient for _, coefficient in rank.terms)
    tiles = tuple((walks[dim].offsets, walks[dim].extent) for dim, _ in rank.terms)
    for combination in product(*(moves[dim].items() for dim, _ in rank.terms)):
        times = math.prod(times for _, times in combination)
        here, kept = _axis(coefficients, tiles, tuple(move for move, _ in combination))
        size, stay = size + times * here, stay + times * kept
    return size, stay


@lru_cache(maxsize=65536)
def _axis(
    coefficients: tuple[int, ...],
    tiles: tuple[tuple[tuple[int, ...], int], ...],
    moves: tuple[tuple[int, int, int], ...],
) -> tuple[int, int]:
    """Points in the union of the instances' tiles on one axis, and how many of them no instance has to fill."""
    if len(coefficients) == 1:
        return _single(*tiles[0], *moves[0])
    shifts = [c * shift for c, (_, _, shift) in zip(coefficients, moves, strict=True)]
    base = max(0, sum(shifts))
    union = missing = 0
    for offsets in product(*(offsets for offsets, _ in tiles)):
        at = base + sum(c * offset for c, offset in zip(coefficients, offsets, strict=True))
        now, before = (
            box_mask(
                tuple(
                    (c, max(0, min(move[side] - offset, extent)))
                    for c, move, offset, (_, extent) in zip(coefficients, moves, offsets, tiles, strict=True)
                )
            )
            for side in (0, 1)
        )
        union |= now << at
        missing |= (now << at) & ~(before << (at - sum(shifts)))
    return union.bit_count(), union.bit_count() - missing.bit_count()


def _single(offsets: tuple[int, ...], extent: int, now: int, before: int, shift: int) -> tuple[int, int]:
    """`_axis` for an axis of one dimension: tiles of different instances never overlap."""
    size = stay = 0
    for offset in offsets:
        here = max(0, min(now - offset, extent))
        old = max(0, min(before - offset, extent))
        size += here
        stay += max(0, min(here, old - shift) - max(0, -shift))
    return size, stay
