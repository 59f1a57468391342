"""The slow machine: it really runs the loops, moves real numbers and counts as it goes.

It knows nothing of closed forms. Every instance of every level holds a dictionary from coordinates to values;
each step it works out which words each instance must hold, drops, fetches and sums them one by one. What ends in
the outermost level is the layer's output. Use it on tiny layers: it is the oracle of `dataflow.count`, the
picture in the widgets and the exercise in the labs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product

from accelsim.arch import Arch
from accelsim.counts import Counts, Key
from accelsim.errors import WorkloadError
from accelsim.mapping import Mapping, check, placed
from accelsim.workload import Layer, Tensor

MAX_MACS = 100_000
Point = tuple[int, ...]
Values = dict[Point, int]
Where = tuple[int, ...]


@dataclass(frozen=True)
class Mac:
    """One multiply-accumulate: the time step, the instance's spatial indices, the iteration, the operands."""

    step: int
    pe: Where
    iteration: dict[str, int]
    operands: tuple[tuple[str, Point], ...]


@dataclass(frozen=True)
class Trace:
    """What the slow machine did: its counts, the output words, and every MAC in order."""

    counts: Counts
    output: Values
    macs: tuple[Mac, ...]


def trace(layer: Layer, arch: Arch, mapping: Mapping, operands: dict[str, Values] | None = None) -> Trace:
    """Run a small layer by a mapping on a machine, word by word. Raises `MappingError` with all faults.

    operands: values by tensor and coordinates; `example(layer)` makes some if none are given.

    >>> from accelsim import Arch, Level, einsum, nest
    >>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=2, C=2)
    >>> toy = Arch("toy", (Level("DRAM"), Level("reg")))
    >>> run = trace(layer, toy, nest("DRAM: C2 M2 | reg:"))
    >>> run.output == reference(layer, example(layer))
    True
    >>> run.counts.reads["DRAM", "ofmap"]
    2
    """
    check(layer, arch, mapping)
    if layer.macs > MAX_MACS:
        raise WorkloadError(
            f"{layer.name}: the slow machine walks up to {MAX_MACS:,} MACs, got {layer.macs:,}; use count"
        )
    machine = _Machine(layer, arch, mapping, example(layer) if operands is None else _checked(layer, operands))
    machine.run()
    counts = Counts(
        _by_name(machine, machine.reads),
        _by_name(machine, machine.writes),
        _by_name(machine, machine.carried),
        _by_name(machine, machine.first),
        len(machine.macs),
        machine.steps,
        {level.name: machine.busy(at) for at, level in enumerate(arch.levels)},
        machine.busy(len(arch.levels)),
    )
    return Trace(counts, {p: v or 0 for p, v in machine.held[0, layer.output.name][()].items()}, tuple(machine.macs))


def example(layer: Layer) -> dict[str, Values]:
    """Small whole numbers for each operand, different at every coordinate and never 0."""
    values = {}
    for index, tensor in enumerate(layer.tensors[:-1]):
        points = sorted({tensor.at(point) for point in iterations(layer)})
        values[tensor.name] = {point: (7 * at + 3 * index) % 11 - 5 or 6 for at, point in enumerate(points)}
    return values


def _checked(layer: Layer, operands: dict[str, Values]) -> dict[str, Values]:
    if not isinstance(operands, dict) or not all(isinstance(values, dict) for values in operands.values()):
        raise WorkloadError(f"{layer.name}: operands are values by tensor and coordinates, got {operands!r}")
    faults = []
    for name, needed in example(layer).items():
        missing = set(needed) - set(operands.get(name, {}))
        if missing:
            faults.append(f"{name} needs a value at {len(needed)} coordinates, {len(missing)} lack one: {min(missing)}")
    if faults:
        raise WorkloadError(f"{layer.name}: " + "\n  ".join(faults))
    return operands


def reference(layer: Layer, operands: dict[str, Values]) -> Values:
    """The layer's output by its definition: the sum of products over all iterations."""
    output: Values = {}
    for point in iterations(layer):
        term = 1
        for tensor in layer.tensors[:-1]:
            term *= operands[tensor.name][tensor.at(point)]
        where = layer.output.at(point)
        output[where] = output.get(where, 0) + term
    return output


def iterations(layer: Layer) -> Iterator[dict[str, int]]:
    """Every point of the iteration space, the last dimension fastest.

    >>> from accelsim import conv
    >>> sum(1 for _ in iterations(conv("c", P=3, R=2, M=2)))
    12
    """
    for indices in product(*(range(size) for size in layer.dims.values())):
        yield dict(zip(layer.dims, indices, strict=True))


@dataclass
class _Machine:
    """The state of the slow machine: what every instance of every level holds, and the counters."""

    layer: Layer
    arch: Arch
    mapping: Mapping
    operands: dict[str, Values]
    held: dict[tuple[int, str], dict[Where, dict[Point, int | None]]] = field(default_factory=dict)
    reads: Counter[tuple[int, str]] = field(default_factory=Counter)
    writes: Counter[tuple[int, str]] = field(default_factory=Counter)
    carried: Counter[tuple[int, str]] = field(default_factory=Counter)
    first: Counter[tuple[int, str]] = field(default_factory=Counter)
    macs: list[Mac] = field(default_factory=list)
    steps: int = 0
    target: dict[tuple[int, str], dict[Where, set[Point]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        loops = placed(self.mapping)
        self.time = [p for p in loops if not p.spatial]
        self.space = [p for p in loops if p.spatial]
        self.chains = {
            t.name: [i for i, stage in enumerate(self.mapping.stages) if stage.holds(t.name)]
            for t in self.layer.tensors
        }
        for tensor in self.layer.tensors:
            top: dict[Point, int | None] = dict.fromkeys({tensor.at(p) for p in iterations(self.layer)})
            if not tensor.output:
                top.update(self.operands[tensor.name])
            self.held[0, tensor.name] = {(): top}
            for level in self.chains[tensor.name][1:]:
                self.held[level, tensor.name] = {where: {} for where in self.instances(level)}

    def instances(self, level: int) -> list[Where]:
        """Spatial indices of every instance of a level: those of the spatial loops above it."""
        return list(product(*(range(p.loop.bound) for p in self.space if p.level < level)))

    def busy(self, level: int) -> int:
        """Instances of a level below which some MAC ever ran."""
        return len({self.under(level, len(self.arch.levels), mac.pe)[0] for mac in self.macs})

    def run(self) -> None:
        before: tuple[int, ...] | None = None
        for now in product(*(range(p.loop.bound) for p in self.time)):
            if not self.happens(now):
                continue
            changed = self.changed(before, now)
            self.drain(changed)
            self.fill(changed)
            if self.steps == 0:
                self.first = Counter(self.reads)
            self.compute(now)
            before, self.steps = now, self.steps + 1
        self.target = {}
        self.drain(set(range(1, len(self.arch.levels))))

    def changed(self, before: tuple[int, ...] | None, now: tuple[int, ...]) -> set[int]:
        """Levels above which some loop has moved; each of them works out its tile anew."""
        self.target = {}
        levels = set()
        for level in range(1, len(self.arch.levels)):
            above = [at for at, p in enumerate(self.time) if p.level < level]
            if before is None or any(before[at] != now[at] for at in above):
                levels.add(level)
                for tensor in self.layer.tensors:
                    if level in self.chains[tensor.name]:
                        self.target[level, tensor.name] = {
                            where: self.tile(tensor, level, where, now) for where in self.instances(level)
                        }
        return levels

    def happens(self, now: tuple[int, ...]) -> bool:
        """A step in which no instance has work does not happen."""
        everywhere = product(*(range(p.loop.bound) for p in self.space))
        return any(self.inside(self.position(now, where)) for where in everywhere)

    def position(self, now: tuple[int, ...], where: Where) -> dict[str, int]:
        at = dict.fromkeys(self.layer.dims, 0)
        for p, i in [*zip(self.time, now, strict=True), *zip(self.space, where, strict=False)]:
            at[p.loop.dim] += i * p.step
        return at

    def inside(self, point: dict[str, int], dims: tuple[str, ...] | None = None) -> bool:
        return all(point[dim] < self.layer.dims[dim] for dim in dims or self.layer.dims)

    def tile(self, tensor: Tensor, level: int, where: Where, now: tuple[int, ...]) -> set[Point]:
        """Points of a tensor touched by all loops below a level's place, clipped by the tensor's own dimensions."""
        start = self.position(tuple(i if p.level < level else 0 for p, i in zip(self.time, now, strict=True)), where)
        below = [p for p in (*self.time, *self.space) if p.level >= level and p.loop.dim in tensor.dims]
        points = set()
        for inner in product(*(range(p.loop.bound) for p in below)):
            point = dict(start)
            for p, i in zip(below, inner, strict=True):
                point[p.loop.dim] += i * p.step
            if self.inside(point, tensor.dims):
                points.add(tensor.at(point))
        return points

    def under(
        self, parent: int, child: int, where: Where, apart: Callable[[int], bool] = lambda level: False
    ) -> tuple[Where, Where]:
        """The parent instance of a child instance, and which of the parent's separate groups it belongs to."""
        mine = [p for p in self.space if p.level < parent]
        group = [i for p, i in zip(self.space, where, strict=False) if parent <= p.level < child and apart(p.level)]
        return where[: len(mine)], tuple(group)

    def apart(self, switch: str) -> Callable[[int], bool]:
        """Whether the copies below a level move apart: it has no `multicast`, or no `reduction`."""
        return lambda level: not getattr(self.arch.levels[level], switch)

    def crossings(self, parent: int, child: int, where: Where, switch: str) -> Iterator[tuple[int, Where, Where]]:
        """For each array between parent and child: the copy below it on the way to `where`, and its group."""
        for level in range(parent, child):
            yield level, *self.under(level + 1, child, where, self.apart(switch))

    def drain(self, changed: set[int]) -> None:
        """Partial sums whose tile moves on leave for the parent, innermost level first."""
        name = self.layer.output.name
        chain = self.chains[name]
        for parent, child in reversed(list(pairwise(chain))):
            if child not in changed:
                continue
            leaving: dict[tuple[Where, Point], dict[Where, int]] = {}
            crossed = set()
            for where, sums in self.held[child, name].items():
                kept = self.target.get((child, name), {}).get(where, set())
                up, group = self.under(parent, child, where, self.apart("reduction"))
                for point in [p for p in sums if p not in kept]:
                    self.reads[child, name] += 1
                    crossed |= {(name, point, *way) for way in self.crossings(parent, child, where, "reduction")}
                    groups = leaving.setdefault((up, point), {})
                    groups[group] = groups.get(group, 0) + (sums.pop(point) or 0)
            self.carry(crossed)
            for (up, point), groups in leaving.items():
                self.add(parent, name, up, point, list(groups.values()))

    def carry(self, crossed: set[tuple[str, Point, int, Where, Where]]) -> None:
        for name, _, level, _, _ in crossed:
            self.carried[level, name] += 1

    def add(self, parent: int, name: str, up: Where, point: Point, sums: list[int]) -> None:
        """The first sum includes what was read back, so it replaces; each further one is added to it."""
        self.held[parent, name][up][point] = sum(sums)
        self.writes[parent, name] += len(sums)
        self.reads[parent, name] += len(sums) - 1

    def fill(self, changed: set[int]) -> None:
        """New tiles are fetched from the parent, outermost level first; sums return to one instance only."""
        for tensor in self.layer.tensors:
            chain = self.chains[tensor.name]
            for parent, child in pairwise(chain):
                if child in changed:
                    (self.return_sums if tensor.output else self.fetch)(tensor, parent, child)

    def fetch(self, tensor: Tensor, parent: int, child: int) -> None:
        asked, crossed = set(), set()
        for where, values in self.held[child, tensor.name].items():
            want = self.target[child, tensor.name][where]
            for point in [p for p in values if p not in want]:
                del values[point]
            up, group = self.under(parent, child, where, self.apart("multicast"))
            for point in want - set(values):
                values[point] = self.held[parent, tensor.name][up][point]
                self.writes[child, tensor.name] += 1
                asked.add((up, group, point))
                ways = self.crossings(parent, child, where, "multicast")
                crossed |= {(tensor.name, point, *way) for way in ways}
        self.carry(crossed)
        self.reads[parent, tensor.name] += len(asked)

    def return_sums(self, tensor: Tensor, parent: int, child: int) -> None:
        returned = set()
        for where in sorted(self.held[child, tensor.name]):
            sums = self.held[child, tensor.name][where]
            up, _ = self.under(parent, child, where)
            for point in self.target[child, tensor.name][where] - set(sums):
                sums[point] = None
                value = self.held[parent, tensor.name][up][point]
                if value is not None and (up, point) not in returned:
                    sums[point] = value
                    self.reads[parent, tensor.name] += 1
                    self.writes[child, tensor.name] += 1
                    for level in range(parent, child):
                        self.carried[level, tensor.name] += 1
                returned.add((up, point))

    def compute(self, now: tuple[int, ...]) -> None:
        """Every MAC in reach asks its innermost level for each operand and writes its sum back."""
        asked: dict[str, set[tuple[Where, Where, Point]]] = {t.name: set() for t in self.layer.tensors[:-1]}
        updates: dict[tuple[Where, Point], dict[Where, int]] = {}
        crossed: set[tuple[str, Point, int, Where, Where]] = set()
        output, end = self.layer.output, len(self.arch.levels)
        innermost = {name: chain[-1] for name, chain in self.chains.items()}
        for where in self.instances(end):
            point = self.position(now, where)
            if not self.inside(point):
                continue
            term = 1
            touched: list[tuple[str, Point]] = []
            for tensor in self.layer.tensors[:-1]:
                level, at = innermost[tensor.name], tensor.at(point)
                up, group = self.under(level, end, where, self.apart("multicast"))
                value = self.held[level, tensor.name][up][at]
                assert value is not None
                term, touched = term * value, [*touched, (tensor.name, at)]
                asked[tensor.name].add((up, group, at))
                crossed |= {(tensor.name, at, *way) for way in self.crossings(level, end, where, "multicast")}
            at = output.at(point)
            up, group = self.under(innermost[output.name], end, where, self.apart("reduction"))
            groups = updates.setdefault((up, at), {})
            groups[group] = groups.get(group, 0) + term
            ways = self.crossings(innermost[output.name], end, where, "reduction")
            crossed |= {(output.name, at, *way) for way in ways}
            self.macs.append(Mac(self.steps, where, point, (*touched, (output.name, at))))
        self.carry(crossed)
        for name, words in asked.items():
            self.reads[innermost[name], name] += len(words)
        self.accumulate(innermost[output.name], output.name, updates)

    def accumulate(self, level: int, name: str, updates: dict[tuple[Where, Point], dict[Where, int]]) -> None:
        for (up, at), groups in updates.items():
            old = self.held[level, name][up][at]
            again = len(groups) - (old is None)
            self.writes[level, name] += len(groups)
            self.reads[level, name] += again
            for crossed in range(level, len(self.arch.levels)):
                self.carried[crossed, name] += again
            self.held[level, name][up][at] = (old or 0) + sum(groups.values())


def _by_name(machine: _Machine, counts: Counter[tuple[int, str]]) -> dict[Key, int]:
    return {
        (level.name, tensor.name): counts[index, tensor.name]
        for index, level in enumerate(machine.arch.levels)
        for tensor in machine.layer.tensors
    }
