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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product

from accelsim.arch import Arch
from accelsim.mapping import Mapping, Placed, check, placed
from accelsim.points import box_mask
from accelsim.workload import Layer, Rank, Tensor

Key = tuple[str, str]
Shared = Callable[[int], bool]


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
    nests = _Nest(layer, arch, mapping, placed(mapping))
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
        counts.writes[nests.name(child), tensor.name] += nests.moved(tensor, parent, child, _none)
        counts.reads[nests.name(parent), tensor.name] += nests.moved(tensor, parent, child, nests.multicast)
        for level in range(parent, child):
            arrived = nests.moved(tensor, parent, child, nests.below(level, nests.multicast))
            counts.carried[nests.name(level), tensor.name] += arrived
    last = chain[-1]
    counts.reads[nests.name(last), tensor.name] += nests.requested(tensor, last, nests.multicast)
    for level in range(last, len(nests.arch.levels)):
        asked = nests.requested(tensor, last, nests.below(level, nests.multicast))
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
        drained = nests.moved(tensor, parent, child, _none)
        added = nests.moved(tensor, parent, child, nests.reduction)
        returned = nests.moved(tensor, parent, child, _all) - fresh
        counts.reads[down, tensor.name] += drained
        counts.writes[up, tensor.name] += added
        counts.reads[up, tensor.name] += added - fresh
        counts.writes[down, tensor.name] += returned
        for level in range(parent, child):
            left = nests.moved(tensor, parent, child, nests.below(level, nests.reduction))
            counts.carried[nests.name(level), tensor.name] += left + returned
        live_returned = nests.moved(tensor, parent, child, _all, live=True) - live
        fresh, live = drained - returned, nests.moved(tensor, parent, child, _none, live=True) - live_returned
    last = chain[-1]
    updates = nests.requested(tensor, last, nests.reduction)
    counts.writes[nests.name(last), tensor.name] += updates
    counts.reads[nests.name(last), tensor.name] += updates - live
    for level in range(last, len(nests.arch.levels)):
        sums = nests.requested(tensor, last, nests.below(level, nests.reduction))
        counts.carried[nests.name(level), tensor.name] += sums + updates - live


@dataclass(frozen=True)
class _Nest:
    """A layer, machine and mapping that are known to fit, with the loops placed."""

    layer: Layer
    arch: Arch
    mapping: Mapping
    loops: tuple[Placed, ...]

    def name(self, level: int) -> str:
        return self.arch.levels[level].name

    def chain(self, tensor: Tensor) -> list[int]:
        return [level for level, stage in enumerate(self.mapping.stages) if stage.holds(tensor.name)]

    def multicast(self, level: int) -> bool:
        return self.arch.levels[level].multicast

    def reduction(self, level: int) -> bool:
        return self.arch.levels[level].reduction

    def below(self, level: int, shared: Shared) -> Shared:
        """Only the loops below the array of `level` move as one."""
        return lambda at: at > level and shared(at)

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

    def walk(self, dim: str, parent: int, child: int, shared: Shared) -> _Walk:
        """One dimension between a parent and a child level; `shared(level)` loops move as one union."""
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
            elif p.level >= parent and shared(p.level):
                offsets = tuple(at + i * p.step for at in offsets for i in range(p.loop.bound))
            else:
                roles.append((-1, p.loop.bound, p.step))
        return _Walk(self.layer.dims[dim], tuple(roles), offsets, extent)

    def moved(self, tensor: Tensor, parent: int, child: int, shared: Shared, live: bool = False) -> int:
        """Points of a tensor that enter the tiles of `child`, over all steps: unions across `shared` loops.

        With `live`, only where the instance is inside the layer in the dimensions that do not index the tensor.
        """
        walks = {dim: self.walk(dim, parent, child, shared) for dim in self.layer.dims}
        carries = [None, *(place for place, p in enumerate(self.loops) if p.level < child and not p.spatial)]
        total = 0
        for carry in carries:
            moves = {dim: walk.positions(carry) for dim, walk in walks.items()}
            if not all(moves.values()):
                continue
            rest = math.prod(
                sum(times for (now, _, _), times in moves[dim].items() if now > 0 or not live)
                for dim in self.layer.dims
                if dim not in tensor.dims
            )
            sums = [_rank_sums(rank, walks, moves) for rank in tensor.ranks]
            stays = math.prod(stay for _, stay in sums) if carry is not None else 0
            total += rest * (math.prod(size for size, _ in sums) - stays)
        return total

    def requested(self, tensor: Tensor, level: int, shared: Shared) -> int:
        """Words the MACs ask of the innermost level that keeps a tensor, over all steps."""
        end = len(self.arch.levels)
        walks = {dim: self.walk(dim, level, end, shared) for dim in self.layer.dims}
        moves = {dim: walk.positions(len(self.loops)) for dim, walk in walks.items()}
        rest = math.prod(
            sum(times for (now, _, _), times in moves[dim].items() if now > 0)
            for dim in self.layer.dims
            if dim not in tensor.dims
        )
        return rest * math.prod(_rank_sums(rank, walks, moves)[0] for rank in tensor.ranks)


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

    def positions(self, carry: int | None) -> Counter[tuple[int, int, int]]:
        """How often each (iterations left now, iterations left before, shift) occurs when loop `carry` steps.

        Loops outside the carry stand still, loops inside return from their last position to 0. None means the
        first step of all: no loop has moved. A place beyond the nest means every step, without a before.
        """
        outside, inside = self._split(carry)
        states = Counter({(self.size, self.size): 1})
        for place, bound, step in outside:
            states = self._advance(states, bound, step, place, carry)
        full, found = max(self.offsets) + self.extent, Counter[tuple[int, int, int]]()
        mine = any(place == carry for place, _, _ in outside)
        for (time_left, left), times in states.items():
            back, now_left = 0, [left]
            for place, bound, step in inside:
                if place < 0:
                    now_left = [at - i * step for at in now_left for i in range(bound)]
                else:
                    last = bound - 1 if mine else min(bound - 1, -(-time_left // step) - 1)
                    back, time_left = back + last * step, time_left - last * step
            shift = (self._step_of(carry) if mine else 0) - back
            for now in now_left:
                found[min(now, full), min(now + shift, full), shift] += times
        return found

    def _split(self, carry: int | None) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Loops that stand outside the carry (or are it), and those inside; instances go with their place."""
        if carry is None:
            return [], [loop for loop in self.loops if loop[0] < 0]
        cut = max((at for at, (place, _, _) in enumerate(self.loops) if 0 <= place <= carry), default=-1) + 1
        return list(self.loops[:cut]), list(self.loops[cut:])

    def _step_of(self, carry: int | None) -> int:
        return next(step for place, _, step in self.loops if place == carry)

    def _advance(
        self, states: Counter[tuple[int, int]], bound: int, step: int, place: int, carry: int | None
    ) -> Counter[tuple[int, int]]:
        """Run one outer loop; equal iterations are counted together.

        What is left in time is capped at one step, since no loop inside reaches further; what is left for
        the instances at one step beyond the last of them, and at 0 where even the first has nothing.
        """
        after: Counter[tuple[int, int]] = Counter()
        cap = step + max(self.offsets)
        for (time_left, left), times in states.items():
            clock = (bound + 1) * step if place < 0 else time_left  # instances exist at any time
            i, end = 1 if place == carry else 0, min(bound, -(-clock // step))
            while i < end:
                now, room = min(clock - i * step, step), max(0, min(left - i * step, cap))
                run = i + 1
                if now == step and room in (0, cap):
                    run = min(end, clock // step, (left - cap) // step + 1 if room else end)
                after[time_left if place < 0 else now, room] += times * (run - i)
                i = run
        return after


def _none(level: int) -> bool:
    return False


def _all(level: int) -> bool:
    return True


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


def _rank_sums(rank: Rank, walks: dict[str, _Walk], moves: dict[str, Counter[tuple[int, int, int]]]) -> tuple[int, int]:
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
