"""The slow machine keeping its books by a convention: what each field of `Convention` means, word by word.

It moves the same real numbers as `trace`; what differs is what a copy drops, what a parent must read for what its
copies want, and what is written down as an access.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise, product

from accelsim import Arch, Layer, Mapping, Tensor
from accelsim.conventions import PRESETS, Convention, padded
from accelsim.trace import Point, Where, _Machine, example, reference


def retrace(layer: Layer, arch: Arch, mapping: Mapping, rules: Convention) -> tuple[dict, dict]:
    """Reads and writes by (level, tensor). The output is checked on the way."""
    layer = padded(layer, mapping) if rules.edges == "padded" else layer
    clerk = Clerk(layer, arch, mapping, example(layer), rules=rules)
    clerk.run()
    assert clerk.held[0, layer.output.name][()] == reference(layer, example(layer)), "wrong output"
    keys = [(at, tensor.name) for at in range(len(arch.levels)) for tensor in layer.tensors]
    return tuple({(arch.levels[at].name, name): words[at, name] for at, name in keys} for words in clerk.books())


@dataclass
class Clerk(_Machine):
    rules: Convention = PRESETS["accelsim"]
    now: tuple[int, ...] = ()
    places: dict[tuple[int, str], tuple[int, ...]] = field(default_factory=dict)
    asked: dict[tuple[str, Where], Point] = field(default_factory=dict)
    drained: Counter[tuple[int, str]] = field(default_factory=Counter)
    free: Counter[tuple[int, str]] = field(default_factory=Counter)  # reads of sums as the plain machine counts them
    entered: Counter[tuple[int, int]] = field(default_factory=Counter)  # sums that enter a child's tile
    written: dict[int, Counter[Point]] = field(default_factory=dict)  # how often each sum is written into a level

    def __post_init__(self) -> None:
        super().__post_init__()
        for tensor in self.layer.tensors[:-1]:
            top = self.held[0, tensor.name][()]
            for point in self.widened(set(top)):
                top.setdefault(point, 0)

    def widened(self, points: set[Point]) -> set[Point]:
        """All words between the first and the last on each axis, if those count."""
        if self.rules.gaps != "span" or not points:
            return points
        return set(product(*(range(min(axis), max(axis) + 1) for axis in zip(*points, strict=True))))

    def tile(self, tensor: Tensor, level: int, where: Where, now: tuple[int, ...]) -> set[Point]:
        points = super().tile(tensor, level, where, now)
        return points if tensor.output else self.widened(points)

    def changed(self, before: tuple[int, ...] | None, now: tuple[int, ...]) -> set[int]:
        self.now = now
        return super().changed(before, now)

    def moved_on(self, tensor: Tensor, child: int) -> bool:
        """Whether a loop that indexes the tensor has stepped since `child` last asked."""
        place = tuple(
            i for p, i in zip(self.time, self.now, strict=True) if p.level < child and p.loop.dim in tensor.dims
        )
        before, self.places[child, tensor.name] = self.places.get((child, tensor.name)), place
        return before != place

    def fetch(self, tensor: Tensor, parent: int, child: int) -> None:
        if self.moved_on(tensor, child) and self.rules.halo == "refetched":
            for values in self.held[child, tensor.name].values():
                values.clear()
        if self.plain:
            super().fetch(tensor, parent, child)
            return
        wanted: dict[Where, set[Point]] = {}
        for where, values in self.held[child, tensor.name].items():
            want = self.target[child, tensor.name][where]
            for point in [p for p in values if p not in want]:
                del values[point]
            wanted[where] = want - set(values)
            up, _ = self.under(parent, child, where)
            for point in wanted[where]:
                values[point] = self.held[parent, tensor.name][up][point]
            self.writes[child, tensor.name] += len(wanted[where])
        self.reads[parent, tensor.name] += self.served(tensor, parent, child, wanted)

    @property
    def plain(self) -> bool:
        """Whether operands are counted as the plain machine does."""
        return self.rules.halo == "kept" and self.rules.edges == "clipped"

    def served(self, tensor: Tensor, parent: int, child: int, wanted: dict[Where, set[Point]]) -> int:
        """Words that all parents read so that each child gets what it wants."""
        below: dict[Where, dict[Where, set[Point]]] = {}
        for where, points in wanted.items():
            below.setdefault(self.under(parent, child, where)[0], {})[where] = points
        if self.rules.overlap == "shared":
            return sum(len(set().union(*windows.values())) for windows in below.values())
        if self.rules.overlap == "apart":
            return sum(
                len({(self.own(tensor, where), point) for where, points in windows.items() for point in points})
                for windows in below.values()
            )
        many = round(Fraction(self.starts(tensor, parent), self.starts(tensor, child)))
        return sum(many * max(map(len, windows.values())) for windows in below.values())

    def own(self, tensor: Tensor, where: Where) -> Where:
        """Which of the different windows a copy has."""
        return tuple(i for p, i in zip(self.space, where, strict=False) if p.loop.dim in tensor.dims)

    def starts(self, tensor: Tensor, level: int) -> int:
        """Words that the MACs below one instance of a level begin with, the index of a copy taken for its place."""
        found = set()
        for where in self.instances(len(self.arch.levels)):
            at = dict.fromkeys(self.layer.dims, 0)
            for p, i in zip(self.space, where, strict=True):
                if p.level >= level:
                    at[p.loop.dim] = at[p.loop.dim] * p.loop.bound + i
            found.add(tensor.at(at))
        return len(self.widened(found))

    def compute(self, now: tuple[int, ...]) -> None:
        before = Counter(self.reads)
        super().compute(now)
        if self.plain:
            return
        end = len(self.arch.levels)
        for tensor in self.layer.tensors[:-1]:
            level = self.chains[tensor.name][-1]
            self.reads[level, tensor.name] = before[level, tensor.name]
            if not self.moved_on(tensor, end) and self.rules.operands == "changed":
                continue
            keep = self.rules.operands == "changed" and self.rules.halo == "kept"
            wanted = {}
            for where in self.instances(end):
                at = tensor.at(self.position(now, where))
                wanted[where] = set() if keep and self.asked.get((tensor.name, where)) == at else {at}
                self.asked[tensor.name, where] = at
            self.reads[level, tensor.name] += self.served(tensor, level, end, wanted)

    def drain(self, changed: set[int]) -> None:
        name = self.layer.output.name
        for child in self.chains[name][1:]:
            if child in changed:
                for where, sums in self.held[child, name].items():
                    kept = self.target.get((child, name), {}).get(where, set())
                    self.drained[child, name] += sum(point not in kept for point in sums)
        super().drain(changed)

    def add(self, parent: int, name: str, up: Where, point: Point, sums: list[int]) -> None:
        super().add(parent, name, up, point, sums)
        self.free[parent, name] += len(sums) - 1
        self.written.setdefault(parent, Counter())[point] += len(sums)

    def return_sums(self, tensor: Tensor, parent: int, child: int) -> None:
        before = {at: {w: set(sums) for w, sums in self.held[at, tensor.name].items()} for at in (child,)}[child]
        reads, writes = Counter(self.reads), self.writes[child, tensor.name]
        super().return_sums(tensor, parent, child)
        self.free[parent, tensor.name] += self.reads[parent, tensor.name] - reads[parent, tensor.name]
        entering = [(w, p) for w, sums in self.held[child, tensor.name].items() for p in set(sums) - before[w]]
        under = {(self.under(parent, child, where)[0], point) for where, point in entering}
        every = self.rules.returns == "every"
        self.entered[parent, child] += len(entering) if every else len(under)
        if every:
            for where, point in entering:
                up, _ = self.under(parent, child, where)
                sums = self.held[child, tensor.name][where]
                if self.held[parent, tensor.name][up][point] is not None:
                    self.writes[child, tensor.name] += sums[point] is None
                    sums[point] = sums[point] or 0
        if self.rules.first_sum == "read":
            self.writes[child, tensor.name] = writes

    def accumulate(self, level: int, name: str, updates: dict[tuple[Where, Point], dict[Where, int]]) -> None:
        before = self.reads[level, name]
        super().accumulate(level, name, updates)
        self.free[level, name] += self.reads[level, name] - before
        for (_, at), groups in updates.items():
            self.written.setdefault(level, Counter())[at] += len(groups)

    def books(self) -> tuple[Counter[tuple[int, str]], Counter[tuple[int, str]]]:
        """What was read and written, once all has run."""
        name = self.layer.output.name
        chain = self.chains[name]
        if self.rules.first_sum == "read":
            again = {level: max(times.values()) > 1 for level, times in self.written.items()}
            for level in chain:
                self.reads[level, name] += sum(self.written[level].values()) * again[level] - self.free[level, name]
            for parent, child in pairwise(chain):
                self.writes[child, name] += self.entered[parent, child] * again[parent]
        if not self.rules.drains:
            self.reads.subtract(self.drained)
        return self.reads, self.writes
