"""What moves: exact counts of reads and writes in closed form.

A level keeps exactly its current tile. At each step of the loops above it, an instance fills the points of its
new tile that its old tile lacks; with multicast the parent reads each point once for all the instances that
fill it. Partial sums travel the other way. `trace` really runs the loops and must count the same.

The trick that makes the closed form possible: every dimension indexes one axis of a tensor, so a tile, a union
of tiles and what stays put across a step are products over axes, and a sum over steps is a sum of products of
sums, one per axis. `Moves` lists, for one dimension, how often each relation of "position before" to
"position now" occurs; only positions near the edge of a clipped dimension differ from the rest.

The book's page of design notes gives the semantics in full.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise, product

from accelsim.arch import Arch
from accelsim.counts import Counts
from accelsim.mapping import Mapping, Placed, check, placed
from accelsim.points import box_mask
from accelsim.workload import Layer, Rank, Tensor

Levels = frozenset[int]
Move = tuple[int, int, int]
NONE: Levels = frozenset()
FIRST, EVERYWHERE = -1, 2**30  # places in a nest before and beyond all loops


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
    flow = flow_of(layer, arch, mapping)
    keys = [(level.name, tensor.name) for level in arch.levels for tensor in layer.tensors]
    *instances, active = (flow.active(level) for level in range(len(arch.levels) + 1))
    counts = Counts(
        reads=dict.fromkeys(keys, 0),
        writes=dict.fromkeys(keys, 0),
        carried=dict.fromkeys(keys, 0),
        first=dict.fromkeys(keys, 0),
        macs=layer.macs,
        steps=flow.steps(),
        instances=dict(zip((level.name for level in arch.levels), instances, strict=True)),
        active=active,
    )
    for tensor in layer.tensors:
        (_count_output if tensor.output else _count_operand)(flow, tensor, counts)
    return counts


def flow_of(layer: Layer, arch: Arch, mapping: Mapping) -> Flow:
    """The loops of a mapping placed, those of bound 1 left out. Raises `MappingError` with all faults."""
    check(layer, arch, mapping)
    return Flow(layer, arch, mapping, tuple(p for p in placed(mapping) if p.loop.bound > 1))


def _count_operand(flow: Flow, tensor: Tensor, counts: Counts) -> None:
    chain = flow.chain(tensor)
    for parent, child in pairwise(chain):
        counts.writes[flow.name(child), tensor.name] += flow.moved(tensor, parent, child, NONE)
        counts.reads[flow.name(parent), tensor.name] += flow.moved(tensor, parent, child, flow.multicast)
        counts.first[flow.name(parent), tensor.name] += flow.first(tensor, parent, child, flow.multicast)
        for level in range(parent, child):
            arrived = flow.moved(tensor, parent, child, _below(level, flow.multicast))
            counts.carried[flow.name(level), tensor.name] += arrived
    last = chain[-1]
    counts.reads[flow.name(last), tensor.name] += flow.requested(tensor, last, flow.multicast)
    for level in range(last, len(flow.arch.levels)):
        asked = flow.requested(tensor, last, _below(level, flow.multicast))
        counts.carried[flow.name(level), tensor.name] += asked


def _count_output(flow: Flow, tensor: Tensor, counts: Counts) -> None:
    """Partial sums: what leaves a tile is read there and written above; what returns started no new sum."""
    chain = flow.chain(tensor)
    for (parent, child), fresh in zip(pairwise(chain), flow.fresh(tensor), strict=False):
        up, down = flow.name(parent), flow.name(child)
        drained = flow.moved(tensor, parent, child, NONE)
        added = flow.moved(tensor, parent, child, flow.reduction)
        returned = flow.moved(tensor, parent, child, flow.every) - fresh
        counts.reads[down, tensor.name] += drained
        counts.writes[up, tensor.name] += added
        counts.reads[up, tensor.name] += added - fresh
        counts.writes[down, tensor.name] += returned
        for level in range(parent, child):
            left = flow.moved(tensor, parent, child, _below(level, flow.reduction))
            counts.carried[flow.name(level), tensor.name] += left + returned
    last, fresh = chain[-1], flow.fresh(tensor, live=True)[-1]
    updates = flow.requested(tensor, last, flow.reduction)
    counts.writes[flow.name(last), tensor.name] += updates
    counts.reads[flow.name(last), tensor.name] += updates - fresh
    for level in range(last, len(flow.arch.levels)):
        sums = flow.requested(tensor, last, _below(level, flow.reduction))
        counts.carried[flow.name(level), tensor.name] += sums + updates - fresh


@dataclass(frozen=True)
class Flow:
    """A layer, machine and mapping that are known to fit, with the loops placed: make it with `flow_of`."""

    layer: Layer
    arch: Arch
    mapping: Mapping
    loops: tuple[Placed, ...]
    known: dict[tuple[str, int, int, Levels], Walk] = field(default_factory=dict)
    found: dict[tuple[str, int, int, Levels, bool], int] = field(default_factory=dict)

    @cached_property
    def multicast(self) -> Levels:
        """Levels whose array serves a word to all copies with one read."""
        return frozenset(at for at, level in enumerate(self.arch.levels) if level.multicast)

    @cached_property
    def reduction(self) -> Levels:
        """Levels whose array adds the sums of its copies."""
        return frozenset(at for at, level in enumerate(self.arch.levels) if level.reduction)

    @cached_property
    def every(self) -> Levels:
        """All levels."""
        return frozenset(range(len(self.arch.levels)))

    @cached_property
    def of(self) -> dict[str, list[tuple[int, Placed]]]:
        """The loops of each dimension, outermost first, each with its place in the nest."""
        return {dim: [(at, p) for at, p in enumerate(self.loops) if p.loop.dim == dim] for dim in self.layer.dims}

    @cached_property
    def temporal(self) -> list[tuple[int, int]]:
        """Place and level of every temporal loop."""
        return [(place, p.level) for place, p in enumerate(self.loops) if not p.spatial]

    @cached_property
    def spread(self) -> dict[str, Levels]:
        """The levels at which each dimension is spread over copies."""
        return {dim: frozenset(p.level for _, p in loops if p.spatial) for dim, loops in self.of.items()}

    @cached_property
    def divides(self) -> bool:
        """Whether the factors of every dimension divide."""
        return all(math.prod(p.loop.bound for _, p in loops) == self.layer.dims[dim] for dim, loops in self.of.items())

    def spread_between(self, parent: int, child: int) -> Levels:
        """Levels from parent to above child with a spatial loop."""
        return frozenset(level for levels in self.spread.values() for level in levels if parent <= level < child)

    def name(self, level: int) -> str:
        """A level's name."""
        return self.arch.levels[level].name

    def chain(self, tensor: Tensor) -> list[int]:
        """The levels that keep a tensor, outermost first."""
        return [level for level, stage in enumerate(self.mapping.stages) if stage.holds(tensor.name)]

    def steps(self) -> int:
        """Time steps: positions of the temporal loops at which the first instance has work."""
        return self.reached(p for p in self.loops if not p.spatial)

    def active(self, level: int) -> int:
        """Copies of a level (or of the MAC, beyond the last) with work at the first step: all that ever have any."""
        return self.reached(p for p in self.loops if p.spatial and p.level < level)

    def reached(self, places: Iterable[Placed]) -> int:
        """Positions of some loops that lie inside the layer."""
        loops = tuple(places)
        if self.divides:
            return math.prod(p.loop.bound for p in loops)
        return math.prod(
            _reached([(p.loop.bound, p.step) for p in loops if p.loop.dim == dim], size)
            for dim, size in self.layer.bounds
        )

    def walk(self, dim: str, parent: int, child: int, shared: Levels) -> Walk:
        """One dimension between a parent and a child level; loops at `shared` levels move as one union."""
        key = (dim, parent, child, shared & self.spread[dim])
        if key not in self.known:
            self.known[key] = self._walk(*key)
        return self.known[key]

    def _walk(self, dim: str, parent: int, child: int, shared: Levels) -> Walk:
        roles: list[tuple[int, int, int]] = []
        offsets: tuple[int, ...] = (0,)
        extent = 1
        for place, p in self.of[dim]:
            if p.level >= child:
                extent *= p.loop.bound
            elif not p.spatial:
                roles.append((place, p.loop.bound, p.step))
            elif p.level >= parent and p.level in shared:
                offsets = tuple(at + i * p.step for at in offsets for i in range(p.loop.bound))
            else:
                roles.append((-1, p.loop.bound, p.step))
        return Walk(self.layer.dims[dim], tuple(roles), offsets, extent)

    def moved(self, tensor: Tensor, parent: int, child: int, shared: Levels, live: bool = False) -> int:
        """Points of a tensor that enter the tiles of `child`, over all steps: unions across `shared` levels.

        All points of the tile at every step, less those that stay when a loop steps. With `live`, only where
        the instance is inside the layer in the dimensions that do not index the tensor.
        """
        key = (tensor.name, parent, child, shared & self.spread_between(parent, child), live)
        if key not in self.found:
            walks = self.walks(parent, child, shared)
            stays = sum(self.points_of(tensor, walks, place, live, staying=True) for place in self.above(child))
            self.found[key] = self.points_of(tensor, walks, EVERYWHERE, live) - stays
        return self.found[key]

    def above(self, level: int) -> list[int]:
        """Places of the temporal loops above a level."""
        return [place for place, at in self.temporal if at < level]

    def fresh(self, tensor: Tensor, live: bool = False) -> list[int]:
        """Sums that start at zero in each level that keeps the output, outermost first.

        With `live`, only those in reach of a MAC: a copy beyond a clipped edge moves with its neighbours but
        computes nothing.
        """
        live = live and not self.divides  # where all factors divide, every copy is in reach
        found = [self.layer.words(tensor.name)]
        for parent, child in pairwise(self.chain(tensor)):
            returned = self.moved(tensor, parent, child, self.every, live) - found[-1]
            found.append(self.moved(tensor, parent, child, NONE, live) - returned)
        return found

    def first(self, tensor: Tensor, parent: int, child: int, shared: Levels) -> int:
        """Points that enter the tiles of `child` at the first step."""
        return self.points_of(tensor, self.walks(parent, child, shared), FIRST)

    def requested(self, tensor: Tensor, level: int, shared: Levels) -> int:
        """Words the MACs ask of the innermost level that keeps a tensor, over all steps."""
        end = len(self.arch.levels)
        key = (tensor.name, level, end, shared & self.spread_between(level, end), True)
        if key not in self.found:
            self.found[key] = self.points_of(tensor, self.walks(level, end, shared), EVERYWHERE, live=True)
        return self.found[key]

    def walks(self, parent: int, child: int, shared: Levels) -> dict[str, Walk]:
        """Every dimension between a parent and a child level."""
        return {dim: self.walk(dim, parent, child, shared) for dim in self.layer.dims}

    def points_of(
        self, tensor: Tensor, walks: dict[str, Walk], carry: int, live: bool = False, staying: bool = False
    ) -> int:
        """When loop `carry` steps, the points of the tiles now, or of those that stay: a product over axes.

        Single dimensions come first: most steps keep nothing, and that shows there.
        """
        total = 1
        for rank in tensor.ranks:
            if total and len(rank.terms) == 1:
                total *= walks[rank.terms[0][0]].at(carry).sums[staying]
        for rank in tensor.ranks:
            if total and len(rank.terms) > 1:
                total *= _windows(rank, [walks[dim].at(carry) for dim, _ in rank.terms])[staying]
        for dim, walk in walks.items():
            if total and dim not in tensor.dims:
                move = walk.at(carry)
                total *= move.live if live else move.times
        return total


@dataclass(frozen=True)
class Walk:
    """One dimension as one child level sees it.

    loops: (place in the nest, bound, step), outermost first; place -1 marks loops over separate instances.
    offsets: where the instances that move together start. extent: iterations inside the child's tile.
    """

    size: int
    loops: tuple[tuple[int, int, int], ...]
    offsets: tuple[int, ...]
    extent: int
    seen: dict[tuple[int, bool], Moves] = field(default_factory=dict, compare=False)
    carried: dict[int, Moves] = field(default_factory=dict, compare=False)

    def at(self, carry: int) -> Moves:
        """What happens to this dimension when the loop at place `carry` steps.

        Loops outside the carry stand still, loops inside return from their last position to 0. `FIRST` is the
        first step, all loops at 0; `EVERYWHERE` stands for every step, without a before.
        """
        if (found := self.carried.get(carry)) is None:
            places, cuts = self.turns
            outside = bisect_right(places, carry)
            cut, mine = cuts[outside], outside > 0 and places[outside - 1] == carry
            if not places or carry == EVERYWHERE:
                cut, mine = len(self.loops), False
            if (cut, mine) not in self.seen:
                self.seen[cut, mine] = (self._whole if self.divides else self._clipped)(cut, mine)
            found = self.carried[carry] = self.seen[cut, mine]
        return found

    @cached_property
    def divides(self) -> bool:
        """Whether the factors divide, so that every tile is full."""
        return self.size == math.prod(bound for _, bound, _ in self.loops) * len(self.offsets) * self.extent

    @cached_property
    def turns(self) -> tuple[list[int], list[int]]:
        """Places of the temporal loops, and how many loops stand outside or at each, after a 0 for none."""
        places, cuts = [], [0]
        for at, (place, _, _) in enumerate(self.loops, 1):
            if place >= 0:
                places.append(place)
                cuts.append(at)
        return places, cuts

    def _whole(self, cut: int, mine: bool) -> Moves:
        """The one move there is where factors divide: all tiles are full, and shift alike."""
        times, shift = 1, 0
        for at, (place, bound, step) in enumerate(self.loops):
            if at < cut or place < 0:
                times *= bound
            else:
                shift -= (bound - 1) * step
        if mine:
            _, bound, step = self.loops[cut - 1]
            times, shift = times // bound * (bound - 1), shift + step
        full, points = self.offsets[-1] + self.extent, times * len(self.offsets)
        sums = points * self.extent, points * max(0, self.extent - abs(shift))
        return Moves(self, {(full, full, shift): times}, times, times, sums)

    def _clipped(self, cut: int, mine: bool) -> Moves:
        """What moves, and how often; `cut` loops stand outside the carry, which is the last of them if `mine`."""
        full = self.offsets[-1] + self.extent
        states = Counter({(self.size, self.size): 1})
        for at, (place, bound, step) in enumerate(self.loops[:cut]):
            states = self._advance(states, bound, step, place < 0, first=1 if mine and at == cut - 1 else 0)
        found = Counter[Move]()
        for (time_left, left), times in states.items():
            back, now_left = 0, [left]
            for place, bound, step in self.loops[cut:]:
                if place < 0:
                    now_left = [at - i * step for at in now_left for i in range(bound)]
                else:
                    last = bound - 1 if mine else min(bound - 1, -(-time_left // step) - 1)
                    back, time_left = back + last * step, time_left - last * step
            shift = (self.loops[cut - 1][2] if mine else 0) - back
            for now in now_left:
                found[min(now, full), min(now + shift, full), shift] += times
        return Moves.of(self, found)

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


@dataclass(slots=True)
class Moves:
    """How often each (iterations left now, iterations left before, shift) of a dimension occurs."""

    walk: Walk
    moves: dict[Move, int]

    times: int  # how many moves there are, over all separate instances
    live: int  # and how often the first instance is inside the layer
    sums: tuple[int, int]  # for an axis of this dimension alone: points of all tiles now, and those that stay put

    @staticmethod
    def of(walk: Walk, moves: Counter[Move]) -> Moves:
        """The moves of a walk, with their sums."""
        pairs = [(times, _single(walk.offsets, walk.extent, *move)) for move, times in moves.items()]
        return Moves(
            walk,
            moves,
            times=sum(moves.values()),
            live=sum(times for (now, _, _), times in moves.items() if now > 0),
            sums=(sum(n * tile for n, (tile, _) in pairs), sum(n * stay for n, (_, stay) in pairs)),
        )


def _windows(rank: Rank, moves: list[Moves]) -> tuple[int, int]:
    """For an axis of several dimensions: the points of all tiles now, and those that stay put."""
    tile = stay = 0
    coefficients = tuple(coefficient for _, coefficient in rank.terms)
    tiles = tuple((move.walk.offsets, move.walk.extent) for move in moves)
    for combination in product(*(move.moves.items() for move in moves)):
        times = math.prod(times for _, times in combination)
        left = tuple((now, before) for (now, before, _), _ in combination)
        shift = sum(c * shift for c, ((_, _, shift), _) in zip(coefficients, combination, strict=True))
        here, kept = window(coefficients, tiles, left, shift)
        tile, stay = tile + times * here, stay + times * kept
    return tile, stay


@lru_cache(maxsize=65536)
def window(
    coefficients: tuple[int, ...],
    tiles: tuple[tuple[tuple[int, ...], int], ...],
    left: tuple[tuple[int, int], ...],
    shift: int,
) -> tuple[int, int]:
    """Points in the union of the copies' tiles on an axis of several dimensions, and how many none has to fill.

    tiles: by dimension, where the copies start and the iterations of a tile. left: by dimension, the iterations
    left in the layer now and before. shift: how far the axis has moved. Three rows kept of a window of four:

    >>> window((1, 1), (((0,), 2), ((0,), 3)), ((9, 9), (9, 9)), 1)
    (4, 3)
    """
    base, union, missing = max(0, shift), 0, 0
    for offsets in product(*(offsets for offsets, _ in tiles)):
        at = base + sum(c * offset for c, offset in zip(coefficients, offsets, strict=True))
        now, before = (
            box_mask(
                tuple(
                    (c, max(0, min(rest[side] - offset, extent)))
                    for c, rest, offset, (_, extent) in zip(coefficients, left, offsets, tiles, strict=True)
                )
            )
            for side in (0, 1)
        )
        union |= now << at
        missing |= (now << at) & ~(before << (at - shift))
    return union.bit_count(), union.bit_count() - missing.bit_count()


def _single(offsets: tuple[int, ...], extent: int, now: int, before: int, shift: int) -> tuple[int, int]:
    """`window` for an axis of one dimension: tiles of different copies never overlap."""
    size = stay = 0
    for offset in offsets:
        here = max(0, min(now - offset, extent))
        old = max(0, min(before - offset, extent))
        size += here
        stay += max(0, min(here, old - shift) - max(0, -shift))
    return size, stay
