"""What a nest does step by step: the timeline of any window of a run, worked out without the steps before it.

A shown cycle is one step of the loops, in which every multiplier with work does one MAC. What moves is counted in the
step that causes it: words that a new tile lacks in the step that begins with it, sums that leave a tile in the last
step before it changes. Over all steps the traffic adds up to `count`. Left out: cycles in which the array waits for a
memory (`latency` counts those over the whole run), and the ramp before the first MAC.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, pairwise, product

from accelsim.arch import Arch
from accelsim.dataflow import EVERYWHERE, NONE, Flow, Levels, Moves, Walk, flow_of, window
from accelsim.errors import MappingError, whole
from accelsim.mapping import Mapping
from accelsim.timeline import Timeline, Works
from accelsim.workload import Layer, Tensor

At = tuple[int, ...]  # positions of the temporal loops, outermost first


def timeline(layer: Layer, arch: Arch, mapping: Mapping, first: int = 0, cycles: int = 600) -> Timeline:
    """Up to `cycles` steps of a layer on a machine by a mapping, from step `first` on: what PEs do and what moves.

    Rows and columns are the y and x axes of the arrays of all levels together. A PE is `m` where it does a MAC on
    words it holds, `b` where operands arrive in its own storage before the MAC or sums leave it afterwards, and `f`
    or `d` where such words come or go although it is beyond a clipped edge and has no MAC.
    Raises `MappingError` with all faults of the mapping, or for a first step that the run does not have.

    >>> from accelsim import Level, einsum, nest
    >>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=3, C=4)
    >>> toy = Arch("toy", (Level("DRAM", fanout=3), Level("reg")))
    >>> line = timeline(layer, toy, nest("DRAM: C4 M3@x | reg:"))
    >>> line.states, line.traffic["DRAM reads of filter"], line.traffic["DRAM writes of ofmap"]
    (('bbb', 'bbb', 'bbb', 'bbb'), (3, 3, 3, 3), (0, 0, 0, 3))
    """
    flow = flow_of(layer, arch, mapping)
    total = flow.steps()
    if not whole(first) or not 0 <= first < total or not whole(cycles) or cycles < 1:
        raise MappingError(
            f"{layer.name}: the run has steps 0 to {total - 1}; needed are a first of them and 1 cycle or more, "
            f"got first={first!r}, cycles={cycles!r}"
        )
    steps = _Steps(flow)
    shown = min(cycles, total - first)
    start: list[At | None] = [None] if first == 0 else []
    ats = [*start, *islice(steps.positions(max(first - 1, 0)), shown + 1 + (first > 0))]
    ats += [None] if first + shown == total else []
    windows = [(ats[i - 1], at, ats[i + 1]) for i, at in enumerate(ats[1:-1], 1) if at is not None]
    moved = [steps.traffic(*around) for around in windows]
    return Timeline(
        name=f"{layer.name} on {arch.name}",
        rows=steps.rows,
        columns=steps.columns,
        states=tuple(steps.states(*around) for around in windows),
        traffic={
            f"{level} {what} of {tensor}": words
            for level, tensor, what in product(steps.names, (t.name for t in layer.tensors), ("reads", "writes"))
            if any(words := tuple(step[level, tensor, what] for step in moved))
        },
        works=Works(
            dims=tuple(layer.dims),
            when=tuple(steps.iteration(at) for _, at, _ in windows),
            where=tuple(steps.offsets.get(pe, (0,) * len(layer.dims)) for pe in range(steps.rows * steps.columns)),
            words={
                tensor.name: tuple(
                    tuple((list(layer.dims).index(dim), coefficient) for dim, coefficient in rank.terms)
                    for rank in tensor.ranks
                )
                for tensor in layer.tensors
            },
        ),
        first=first,
        total=total,
    )


@dataclass(frozen=True)
class _Still:
    """One dimension at one step, where `Flow.points_of` expects a whole walk."""

    moves: Moves

    def at(self, _: int) -> Moves:
        return self.moves


@dataclass(frozen=True)
class _Steps:
    """A nest seen step by step. `at` is where the temporal loops stand, `before` and `after` where one step away."""

    flow: Flow
    known: dict[object, Moves] = field(default_factory=dict)
    drawn: dict[object, str] = field(default_factory=dict)

    @cached_property
    def names(self) -> list[str]:
        return [level.name for level in self.flow.arch.levels]

    @cached_property
    def time(self) -> list[tuple[int, str, int, int, int]]:
        """Place in the nest, dimension, bound, step and level of each temporal loop."""
        loops = enumerate(self.flow.loops)
        return [(place, p.loop.dim, p.loop.bound, p.step, p.level) for place, p in loops if not p.spatial]

    @cached_property
    def reduced(self) -> tuple[str, ...]:
        return self.flow.layer.reduced

    # Positions -----------------------------------------------------------------------------------------------------

    def positions(self, first: int) -> Iterator[At]:
        """Every position from the step of that number on; those at which nobody has work do not occur."""
        at: At | None = self.position(first)
        while at is not None:
            yield at
            at = self.next(at)

    def position(self, number: int) -> At:
        """The position of a step, by its number: each loop's share of the steps inside it is known."""
        left = dict(self.flow.layer.dims)
        found: list[int] = []
        for index, (_, dim, bound, step, _) in enumerate(self.time):
            whole_steps = min(bound, left[dim] // step)
            inside = self._inside(index, left | {dim: step})
            i = min(number // inside, whole_steps) if whole_steps else 0
            if i == bound:
                i -= 1
            number -= i * inside
            found.append(i)
            left[dim] = min(left[dim] - i * step, step)
        return tuple(found)

    def _inside(self, index: int, left: dict[str, int]) -> int:
        """Steps of the loops inside one loop, for what is left of each dimension."""
        inner: dict[str, list[tuple[int, int]]] = {}
        for _, dim, bound, step, _ in self.time[index + 1 :]:
            inner.setdefault(dim, []).append((bound, step))
        return math.prod(_positions(tuple(loops), left[dim]) for dim, loops in inner.items())

    def next(self, at: At) -> At | None:
        for index in range(len(at) - 1, -1, -1):
            moved = (*at[:index], at[index] + 1, *(0,) * (len(at) - index - 1))
            _, dim, bound, _, _ = self.time[index]
            if moved[index] < bound and self.start(moved, dim) < self.flow.layer.dims[dim]:
                return moved
        return None

    def start(self, at: At, dim: str, above: int = 2**30) -> int:
        """Where a dimension stands, by the temporal loops above a level."""
        return sum(
            i * step for i, (_, d, _, step, level) in zip(at, self.time, strict=True) if d == dim and level < above
        )

    def iteration(self, at: At) -> tuple[int, ...]:
        return tuple(self.start(at, dim) for dim in self.flow.layer.dims)

    # Traffic -------------------------------------------------------------------------------------------------------

    def traffic(self, before: At | None, at: At, after: At | None) -> Counter[tuple[str, str, str]]:
        """Words moved in one step, by level, tensor and "reads" or "writes"."""
        words: Counter[tuple[str, str, str]] = Counter()
        for tensor in self.flow.layer.tensors:
            (self._sums if tensor.output else self._operand)(tensor, before, at, after, words)
        return words

    def _operand(
        self, tensor: Tensor, before: At | None, at: At, after: At | None, words: Counter[tuple[str, str, str]]
    ) -> None:
        flow, chain = self.flow, self.flow.chain(tensor)
        for parent, child in pairwise(chain):
            if self.moves_on(tensor, child, before, at):
                words[flow.name(child), tensor.name, "writes"] += self.entering(tensor, parent, child, NONE, before, at)
                words[flow.name(parent), tensor.name, "reads"] += self.entering(
                    tensor, parent, child, flow.multicast, before, at
                )
        asked = self.points(tensor, chain[-1], len(self.names), flow.multicast, at, live=True)
        words[flow.name(chain[-1]), tensor.name, "reads"] += asked

    def _sums(
        self, tensor: Tensor, before: At | None, at: At, after: At | None, words: Counter[tuple[str, str, str]]
    ) -> None:
        flow, chain = self.flow, self.flow.chain(tensor)
        for j, (parent, child) in enumerate(pairwise(chain), 1):
            up, down = flow.name(parent), flow.name(child)
            if self.moves_on(tensor, child, before, at):
                returned = self.distinct(tensor, child, at) * self.with_a_sum(tensor, j, at)
                words[up, tensor.name, "reads"] += returned
                words[down, tensor.name, "writes"] += returned
            if self.moves_on(tensor, child, at, after):
                added = self.points(tensor, parent, child, flow.reduction, at)
                words[down, tensor.name, "reads"] += self.points(tensor, parent, child, NONE, at)
                words[up, tensor.name, "writes"] += added
                words[up, tensor.name, "reads"] += added - self.points(tensor, parent, child, flow.every, at)
        last, end = chain[-1], len(self.names)
        updates = self.points(tensor, last, end, flow.reduction, at, live=True)
        words[flow.name(last), tensor.name, "writes"] += updates
        words[flow.name(last), tensor.name, "reads"] += updates - self.starting(tensor, at)

    def moves_on(self, tensor: Tensor, child: int, before: At | None, at: At | None) -> bool:
        """Whether the tile at a level is another than one step before, or the first, or the last."""
        if before is None or at is None:
            return True
        return any(self.start(before, dim, child) != self.start(at, dim, child) for dim in tensor.dims)

    def entering(self, tensor: Tensor, parent: int, child: int, shared: Levels, before: At | None, at: At) -> int:
        """Points that a new tile has and the old one had not."""
        now = self.points(tensor, parent, child, shared, at)
        return now if before is None else now - self.points(tensor, parent, child, shared, at, before)

    def points(
        self,
        tensor: Tensor,
        parent: int,
        child: int,
        shared: Levels,
        at: At,
        before: At | None = None,
        live: bool = False,
    ) -> int:
        """Points of the tiles at one step; with `before`, those of them that were there already."""
        walks = {dim: self.still(dim, parent, child, shared, at, before) for dim in self.flow.layer.dims}
        return self.flow.points_of(tensor, walks, EVERYWHERE, live, staying=before is not None)  # type: ignore[arg-type]

    def still(self, dim: str, parent: int, child: int, shared: Levels, at: At, before: At | None) -> _Still:
        now, then = self.start(at, dim, child), self.start(before or at, dim, child)
        key = (dim, parent, child, shared & self.flow.spread[dim], now, then)
        if key not in self.known:
            walk = self.flow.walk(dim, parent, child, shared)
            self.known[key] = Moves.of(walk, _counted(walk, now, then))
        return _Still(self.known[key])

    # Partial sums --------------------------------------------------------------------------------------------------
    # An output tile is either the same as a step before or another altogether, so its points share one fate, and it
    # is enough to follow one of them: in how many copies is it held, and how many of those hold no sum yet?

    def distinct(self, tensor: Tensor, child: int, at: At) -> int:
        """Points of the output in all tiles of a level together, each counted once."""
        walks = (self.still(rank.terms[0][0], 0, child, self.flow.every, at, None) for rank in tensor.ranks)
        return math.prod(walk.moves.sums[0] for walk in walks)

    def copies(self, level: int, at: At, above: int, live: bool) -> int:
        """Copies of a level that hold the same output point; with `live`, those inside the layer at this step."""
        return math.prod(
            sum(not live or self.start(at, dim, above) + offset < self.flow.layer.dims[dim] for offset in offsets)
            for dim, offsets in ((dim, self._offsets(dim, level)) for dim in self.reduced)
        )

    def _offsets(self, dim: str, level: int) -> list[int]:
        found = [0]
        for _, p in self.flow.of[dim]:
            if p.spatial and p.level < level:
                found = [at + i * p.step for at in found for i in range(p.loop.bound)]
        return found

    def swept(self, tensor: Tensor, level: int, at: At) -> int:
        """The innermost place above a level whose loop replaces the output tile there; -1 if none does."""
        innermost = -1
        for index, (place, dim, _, step, loop_level) in enumerate(self.time):
            if dim in tensor.dims and loop_level < level:
                outer = (*at[:index], *(0,) * (len(at) - index))
                if self.flow.layer.dims[dim] - self.start(outer, dim) > step:
                    innermost = place
        return innermost

    def untouched(self, at: At, outer: int, level: int) -> bool:
        """Whether no loop over a summed dimension, inside a place and above a level, has moved yet."""
        loops = zip(at, self.time, strict=True)
        return not any(
            i for i, (place, dim, _, _, at_level) in loops if dim in self.reduced and place > outer and at_level < level
        )

    def empty(self, tensor: Tensor, j: int, at: At, live: bool) -> int:
        """Copies of the j-th level that keeps the output in which a point came without a sum."""
        chain = self.flow.chain(tensor)
        if j == 0:
            return 1
        return self.copies(chain[j], at, chain[j], live) - self.with_a_sum(tensor, j, at, live)

    def with_a_sum(self, tensor: Tensor, j: int, at: At, live: bool = False) -> int:
        """Copies of the level above the j-th that have a sum to hand down when the tile there enters."""
        chain = self.flow.chain(tensor)
        copies = self.copies(chain[j - 1], at, chain[j], live)
        new = self.untouched(self._entered(tensor, chain[j], at), self.swept(tensor, chain[j - 1], at), chain[j])
        return copies - (self.empty(tensor, j - 1, at, live) if new else 0)

    def _entered(self, tensor: Tensor, level: int, at: At) -> At:
        """Where the loops stood when the tile that a level holds now came there, as far as summed dimensions go."""
        inside = self.swept(tensor, level, at)
        return tuple(0 if place > inside else i for i, (place, *_) in zip(at, self.time, strict=True))

    def starting(self, tensor: Tensor, at: At) -> int:
        """Sums that the MACs of a step begin from zero."""
        chain, end = self.flow.chain(tensor), len(self.names)
        if not self.untouched(at, self.swept(tensor, chain[-1], at), end):
            return 0
        return self.distinct(tensor, end, at) * self.empty(tensor, len(chain) - 1, at, live=True)

    # Pictures ------------------------------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> int:
        return math.prod(level.fanout[0] for level in self.flow.arch.levels)

    @cached_property
    def rows(self) -> int:
        return math.prod(level.fanout[1] for level in self.flow.arch.levels)

    @cached_property
    def offsets(self) -> dict[int, tuple[int, ...]]:
        """By PE that the mapping uses, what to add to the iteration of the first one."""
        found = {0: dict.fromkeys(self.flow.layer.dims, 0)}
        room = {"x": self.columns, "y": self.rows}
        pitch = {"x": 1, "y": self.columns}
        for at, level in enumerate(self.flow.arch.levels):
            for axis, copies in zip("xy", level.fanout, strict=True):
                room[axis] //= copies
                mine = [p for p in self.flow.loops if p.level == at and p.loop.axis == axis]
                for index, p in enumerate(mine):
                    apart = pitch[axis] * room[axis] * math.prod(q.loop.bound for q in mine[index + 1 :])
                    found = {
                        pe + i * apart: where | {p.loop.dim: where[p.loop.dim] + i * p.step}
                        for pe, where in found.items()
                        for i in range(p.loop.bound)
                    }
        return {pe: tuple(where.values()) for pe, where in found.items()}

    @cached_property
    def private(self) -> list[tuple[Tensor, int]]:
        """Tensors with the levels of which each PE has its own."""
        wide = [at for at, level in enumerate(self.flow.arch.levels) if level.copies > 1]
        own = max(wide, default=-1) + 1
        tensors = self.flow.layer.tensors
        return [(t, child) for t in tensors for child in self.flow.chain(t)[1:] if child >= own]

    def states(self, before: At | None, at: At, after: At | None) -> str:
        """One letter per PE, row after row."""
        new = [
            (t, child, None if t.output else before)
            for t, child in self.private
            if self.moves_on(t, child, *((at, after) if t.output else (before, at)))
        ]
        dims = self.flow.layer.dims
        key = (
            tuple(min(size - self.start(at, dim), self.reach[dim]) for dim, size in dims.items()),
            tuple((t.name, child, self._relation(t, child, old, at)) for t, child, old in new),
        )
        if key not in self.drawn:
            self.drawn[key] = self._draw(at, new)
        return self.drawn[key]

    @cached_property
    def reach(self) -> dict[str, int]:
        """How far beyond the first PE the last one works, in each dimension, plus one."""
        return {dim: 1 + max(column) for dim, *column in zip(self.flow.layer.dims, *self.offsets.values(), strict=True)}

    def _relation(self, tensor: Tensor, child: int, before: At | None, at: At) -> tuple[object, ...]:
        """All that the picture of a fill can depend on: how far from the edge it is, now and before, and the shift."""
        found: list[object] = [before is None]
        for dim in tensor.dims:
            now, then = self.start(at, dim, child), self.start(before or at, dim, child)
            cap = self.reach[dim] + self.flow.walk(dim, 0, child, NONE).extent
            size = self.flow.layer.dims[dim]
            found.append((min(size - now, cap), min(size - then, cap), now - then))
        return tuple(found)

    def _draw(self, at: At, new: list[tuple[Tensor, int, At | None]]) -> str:
        letters = ["."] * (self.rows * self.columns)
        edge = [size - now for size, now in zip(self.flow.layer.dims.values(), self.iteration(at), strict=True)]
        moving: dict[object, bool] = {}  # PEs with the same offsets in a tensor's dimensions hold the same tile
        for pe, where in self.offsets.items():
            own = dict(zip(self.flow.layer.dims, where, strict=True))
            moves = "."
            for tensor, child, before in new:
                key = (tensor.name, child, *(own[dim] for dim in tensor.dims))
                if key not in moving:
                    moving[key] = self._moving(tensor, child, own, before, at)
                if moving[key] and moves != "f":
                    moves = "d" if tensor.output else "f"
            mac = all(offset < left for offset, left in zip(where, edge, strict=True))
            letters[pe] = ("m" if moves == "." else "b") if mac else moves
        return "".join(letters)

    def _moving(self, tensor: Tensor, child: int, own: dict[str, int], before: At | None, at: At) -> bool:
        """Whether words of an operand arrive at a PE, or its sums leave."""
        return self._holds(tensor, child, own, at) if tensor.output else self._arrives(tensor, child, own, before, at)

    def _holds(self, tensor: Tensor, child: int, own: dict[str, int], at: At) -> bool:
        return all(self.start(at, dim, child) + own[dim] < self.flow.layer.dims[dim] for dim in tensor.dims)

    def _arrives(self, tensor: Tensor, child: int, own: dict[str, int], before: At | None, at: At) -> bool:
        """Whether a PE's new tile has a word that its old one had not."""
        sizes = [self._rank(rank.terms, child, own, before or at, at) for rank in tensor.ranks]
        held = all(size for size, _ in sizes)
        return held and (before is None or any(stay < size for size, stay in sizes))

    def _rank(
        self, terms: tuple[tuple[str, int], ...], child: int, own: dict[str, int], before: At, at: At
    ) -> tuple[int, int]:
        """Points on one axis of a PE's tile, and those that were there before."""
        left, tiles, shift = [], [], 0
        for dim, coefficient in terms:
            now, then = self.start(at, dim, child), self.start(before, dim, child)
            rest = self.flow.layer.dims[dim] - own[dim]
            tiles.append(((0,), self.flow.walk(dim, 0, child, NONE).extent))
            left.append((max(0, rest - now), max(0, rest - then)))
            shift += coefficient * (now - then)
        return window(tuple(c for _, c in terms), tuple(tiles), tuple(left), shift)


def _positions(loops: tuple[tuple[int, int], ...], size: int) -> int:
    """Positions of nested loops (bound, step) over one dimension that lie inside what is left of it."""
    if not loops:
        return 1
    (bound, step), *inner = loops
    whole_steps = min(bound, size // step)
    total = whole_steps * _positions(tuple(inner), step) if whole_steps else 0
    rest = size - whole_steps * step
    return total + (_positions(tuple(inner), rest) if whole_steps < bound and rest > 0 else 0)


def _counted(walk: Walk, now: int, before: int) -> Counter[tuple[int, int, int]]:
    """The moves of one step in one dimension, over the instances that move apart."""
    lefts = [walk.size - now]
    for place, bound, step in walk.loops:
        if place < 0:
            lefts = [left - i * step for left in lefts for i in range(bound)]
    full, shift = walk.offsets[-1] + walk.extent, now - before
    return Counter((min(left, full), min(left + shift, full), shift) for left in lefts)
