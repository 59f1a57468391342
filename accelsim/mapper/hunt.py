"""Search a map space for its best mapping, with a proof where there is one.

`search` chooses the way: small spaces are gone through one mapping after the other; larger ones, where factors divide,
by branch and bound over tiles; what neither can do, by improving random mappings, with a bound from compulsory traffic.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations, product
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from accelsim.batch import Batch, Costs
from accelsim.errors import MappingError, number, suggest, whole
from accelsim.mapper.orders import Orders
from accelsim.mapper.space import Keeps, MapSpace
from accelsim.mapper.tiles import Bound, Flags, Lattice, Numbers, Place, Rows
from accelsim.mapping import Mapping, nest
from accelsim.report import Report, evaluate
from accelsim.workload import Layer

OBJECTIVES = ("energy", "cycles", "edp", "pareto")
SMALL = 20_000  # a space up to this size is gone through one mapping after the other
POINTS = 200_000  # tiles of a layer that the proof can handle
SLACK = 1e-9  # relative: sums in another order differ by less


@dataclass(frozen=True)
class Point:
    """A mapping with what it costs."""

    mapping: str
    energy: float
    cycles: float

    def value(self, objective: str) -> float:
        """What is to be least. For "pareto" the points are compared by energy times cycles."""
        return {"energy": self.energy, "cycles": self.cycles}.get(objective, self.energy * self.cycles)


@dataclass(frozen=True)
class Progress:
    """How far a search has come: plain data, as JSON by `dumps` and `loads`.

    done: parts that are finished. points: the best so far, or the front. counts: considered and discarded. bound: no
    mapping of the space is better.
    """

    key: str
    done: int = 0
    total: int = 0
    points: tuple[Point, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    bound: float = 0.0
    seconds: float = 0.0

    def dumps(self) -> str:
        """As text."""
        return json.dumps(self.__dict__ | {"points": [point.__dict__ for point in self.points]})

    @staticmethod
    def loads(text: str) -> Progress:
        """From text. Raises `MappingError` for text that `dumps` did not write."""
        try:
            data = json.loads(text)
            points = tuple(Point(**point) for point in data.pop("points"))
            return Progress(**data | {"points": points, "counts": tuple((why, n) for why, n in data["counts"])})
        except (ValueError, TypeError, KeyError, AttributeError):
            raise MappingError(f"progress is text that Progress.dumps wrote, got {str(text)[:60]!r}") from None


@dataclass(frozen=True)
class Found:
    """What a search found.

    mapping, report: the best. value: of the objective. bound: what no mapping of the space can go below. gap: how far
    the value may be above the best there is, as a share of the bound; `proven` where it is none.
    counts: how many tiles and mappings were costed, and what was discarded, by reason. front: mappings that no other
    beats in both energy and cycles, for the objective "pareto". progress: to go on from.
    """

    objective: str
    space: MapSpace
    mapping: Mapping
    report: Report
    value: float
    bound: float
    front: tuple[Point, ...]
    counts: dict[str, int]
    seconds: float
    progress: Progress

    @property
    def gap(self) -> float:
        """How far the value may be above the least, as a share of the bound."""
        if self.bound <= 0:
            return 0.0 if self.value <= self.bound else math.inf
        return max(0.0, self.value / self.bound - 1)

    @property
    def proven(self) -> bool:
        """Whether no mapping of the space is better."""
        return self.gap <= 2 * SLACK

    @property
    def considered(self) -> int:
        """Mappings whose every count was worked out."""
        return self.counts.get("mappings costed", 0)

    @property
    def discarded(self) -> dict[str, int]:
        """What was not costed, by reason."""
        return {why: many for why, many in self.counts.items() if why != "mappings costed" and many}

    def to_dict(self) -> dict[str, object]:
        """As plain data, ready for JSON."""
        return {
            "layer": self.report.layer.name,
            "machine": self.report.arch.name,
            "objective": self.objective,
            "mapping": str(self.mapping),
            "energy": self.report.total,
            "unit": self.report.arch.unit,
            "cycles": self.report.cycles,
            "value": self.value,
            "bound": self.bound,
            "gap": self.gap if math.isfinite(self.gap) else None,
            "proven": self.proven,
            "space": self.space.size,
            "considered": self.considered,
            "discarded": self.discarded,
            "front": [point.__dict__ for point in self.front] if self.objective == "pareto" else [],
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        proof = "no mapping is better" if self.proven else f"at most {self.gap:.2%} above the least"
        lines = [
            f"{self.report.layer.name} on {self.report.arch.name}, least {self.objective}: {self.mapping}",
            f"  {self.report.total:,.6g} {self.report.arch.unit}, {self.report.cycles:,} cycles; {proof}",
            f"  {self.value:,.6g} found, {self.bound:,.6g} the best lower bound, {self.gap:.2%} between them",
            f"  {self.considered:,} of {self.space.size:.3g} mappings costed in {self.seconds:.2f} s",
            *(f"  {many:,} {why}" for why, many in self.discarded.items()),
        ]
        return "\n".join(lines)


def search(
    where: MapSpace,
    objective: str = "edp",
    seconds: float | None = None,
    seed: int = 0,
    resume: Progress | None = None,
    show: bool = False,
    method: str | None = None,
    within: float = 0.0,
) -> Found:
    """The best mapping of a space, the best bound on all of them, and how far they are apart.

    objective: "energy", "cycles", "edp" (their product) or "pareto". seconds: stop then, with the best so far; the
    bounds of a large space are worked out first, which takes some seconds.
    seed: of the random mappings, if any are drawn. resume: `Found.progress` of a search of the same space that was
    stopped, by time or by KeyboardInterrupt. show: a progress bar. method: "exhaustive", "pruned" or "random".
    within: look no further once the gap is at most this share, 0.01 for one percent; sooner done.

    >>> from accelsim import Arch, Level, conv
    >>> from accelsim.mapper import space
    >>> toy = Arch("toy", (Level("DRAM", read=200, write=200), Level("spad", 12, read=1, write=1)))
    >>> found = search(space(conv("c", M=4, C=4, P=4), toy, "DRAM: ? | spad: ?"), "energy")
    >>> found.report.mapping == nest("DRAM: M2 P2 C4 | spad: M2 P2"), found.value, found.proven
    (True, 16320.0, True)

    Raises `MappingError` if no mapping was found that fits.
    """
    check_search(objective, seconds, seed, within)
    if not isinstance(where, MapSpace) or not isinstance(resume, Progress | None):
        raise MappingError(f"a search is of a space(...) and goes on from Found.progress; got {where!r}, {resume!r}")
    if not where.size:
        faults = "\n  ".join(where.impossible())
        raise MappingError(f"{where.layer.name} on {where.arch.name}: no mapping fits what is fixed\n  {faults}")
    method = method or way(where)
    ways: dict[str, Callable[[_Hunt], None]] = {"exhaustive": _exhaust, "pruned": _prune, "random": _improve}
    if method not in ways:
        raise MappingError(f"method {method!r}: it is one of {', '.join(ways)}{suggest(method, ways)}")
    if method == "pruned" and (where.imperfect or _points(where) > POINTS or Lattice.of(where.layer).wide):
        raise MappingError(f"{where.layer.name}: the proof needs factors that divide and at most {POINTS:,} tiles")
    hunt = _Hunt(where, objective, method, seconds, seed, show, resume, within)
    try:
        ways[method](hunt)
    except KeyboardInterrupt:
        if not hunt.points:
            raise
    return hunt.found()


def check_search(objective: str, seconds: float | None, seed: int, within: float = 0.0) -> None:
    """Raise `MappingError` with everything that a search cannot be asked for."""
    faults = []
    if objective not in OBJECTIVES:
        faults.append(f"objective {objective!r}: it is one of {', '.join(OBJECTIVES)}{suggest(objective, OBJECTIVES)}")
    if seconds is not None and not (number(seconds) and seconds >= 0):
        faults.append(f"seconds {seconds!r}: a number of 0 or more, or None for no limit")
    if not whole(seed) or seed < 0:
        faults.append(f"seed {seed!r}: a whole number of 0 or more")
    if not number(within) or within < 0 or (within and objective == "pareto"):
        faults.append(f"within {within!r}: a share of 0 or more, and 0 for a front")
    if faults:
        raise MappingError("\n  ".join(faults))


def way(where: MapSpace) -> str:
    """How `search` would search a space."""
    if where.size <= SMALL:
        return "exhaustive"
    small = _points(where) <= POINTS and not Lattice.of(where.layer).wide
    return "pruned" if small and not where.imperfect else "random"


def _points(where: MapSpace) -> int:
    return math.prod(sum(size % part == 0 for part in range(1, size + 1)) for _, size in where.layer.bounds)


class _Hunt:
    """A search under way: the best so far, what was counted, and when to stop."""

    def __init__(
        self,
        where: MapSpace,
        objective: str,
        method: str,
        seconds: float | None,
        seed: int,
        show: bool,
        resume: Progress | None,
        within: float,
    ) -> None:
        self.space, self.objective, self.seconds, self.seed, self.show = where, objective, seconds, seed, show
        parts = (where.layer, where.arch, where.bounds, where.orders, where.keeps, where.imperfect)
        self.key = hashlib.sha256(repr((parts, objective, method, seed, within)).encode()).hexdigest()
        before = resume or Progress(self.key)
        if before.key != self.key:
            raise MappingError("resume: that progress is of another space, objective, method or seed")
        self.started = perf_counter() - before.seconds
        self.begun = perf_counter()
        self.done, self.total = before.done, before.total
        self.points, self.counts, self.bound = list(before.points), Counter(dict(before.counts)), before.bound
        self.share = max(within, SLACK)
        self.passed = self.enough if resume and within else math.inf  # the least bound of what was passed over

    @property
    def late(self) -> bool:
        """Whether the time is up; never before there is something to show."""
        return self.seconds is not None and bool(self.points) and perf_counter() - self.begun > self.seconds

    @property
    def best(self) -> float:
        """The least value so far."""
        return min((point.value(self.objective) for point in self.points), default=math.inf)

    @property
    def enough(self) -> float:
        """Bounds from here on are not worth a look."""
        return self.best / (1 + self.share)

    def take(self, batch: Batch, costs: Costs) -> None:
        """Keep what is best of a batch."""
        self.counts["mappings costed"] += len(batch)
        fine = np.flatnonzero(costs.valid)
        self.counts["mappings that do not fit"] += len(batch) - len(fine)
        for at in _front(costs, fine) if self.objective == "pareto" else self._least(costs, fine):
            self.add(Point(_text(self.space, batch.mapping(at)), float(costs.energy[at]), float(costs.cycles[at])))

    def _least(self, costs: Costs, fine: Rows) -> list[int]:
        if not len(fine):
            return []
        values = _value(self.objective, costs.energy[fine], costs.cycles[fine])
        at = int(fine[np.argmin(values)])
        return [at] if values.min() < self.best else []

    def add(self, point: Point) -> None:
        """Keep a point, and only those that it does not beat."""
        if self.objective != "pareto":
            self.points = [point]
        elif not any(p.energy <= point.energy and p.cycles <= point.cycles for p in self.points):
            kept = [p for p in self.points if p.energy < point.energy or p.cycles < point.cycles]
            self.points = sorted([*kept, point], key=lambda p: (p.energy, p.cycles))

    def hopeless(self, energy: Numbers, cycles: Numbers) -> Flags:
        """Which lower bounds show that nothing behind them is better than what is known."""
        if self.objective != "pareto":
            values = _value(self.objective, energy, cycles)
            found = np.asarray(values >= self.enough)
            self.passed = min(self.passed, float(values[found].min(initial=math.inf)))
            return found
        found = np.zeros(len(energy), dtype=bool)
        for p in self.points:
            found |= (energy >= p.energy * (1 - SLACK)) & (cycles >= p.cycles * (1 - SLACK))
        return found

    def found(self) -> Found:
        """The result so far."""
        if not self.points:
            why = ", ".join(f"{many:,} {what}" for what, many in self.counts.items())
            raise MappingError(
                f"{self.space.layer.name} on {self.space.arch.name}: no mapping fits ({why or 'none tried'})"
            )
        best = min(self.points, key=lambda point: point.value(self.objective))
        mapping = nest(best.mapping)
        report = evaluate(self.space.layer, self.space.arch, mapping)
        value, elapsed = best.value(self.objective), perf_counter() - self.started
        bound = min(self.bound, value, self.passed if self.share > SLACK else math.inf)
        progress = Progress(
            self.key, self.done, self.total, tuple(self.points), tuple(self.counts.items()), self.bound, elapsed
        )
        return Found(
            self.objective,
            self.space,
            mapping,
            report,
            value,
            bound,
            tuple(self.points),
            dict(self.counts),
            elapsed,
            progress,
        )


def _text(where: MapSpace, mapping: Mapping) -> str:
    """A mapping, without brackets where a level keeps every tensor."""
    every = tuple(tensor.name for tensor in where.layer.tensors)
    stages = [replace(stage, keeps=None) if stage.keeps == every else stage for stage in mapping.stages]
    return str(Mapping(tuple(stages)))


def _value(objective: str, energy: Numbers, cycles: Numbers) -> Numbers:
    return energy if objective == "energy" else cycles if objective == "cycles" else energy * cycles


def _front(costs: Costs, fine: Rows) -> list[int]:
    """Those mappings that no other beats."""
    found, least = [], math.inf
    for at in fine[np.lexsort((costs.cycles[fine], costs.energy[fine]))].tolist():
        if costs.cycles[at] < least:
            found.append(at)
            least = costs.cycles[at]
    return found


def _exhaust(hunt: _Hunt) -> None:
    """Every mapping, one chunk after the other."""
    hunt.bound = 0.0
    hunt.total = hunt.space.size
    seen = 0
    with tqdm(total=hunt.total, initial=hunt.done, unit=" mappings", disable=not hunt.show) as bar:
        for batch in hunt.space.batches():
            seen += len(batch)
            if seen <= hunt.done:
                continue
            hunt.take(batch, hunt.space.costs(batch))
            hunt.done = seen
            bar.update(len(batch))
            if hunt.late and seen < hunt.total:
                return
    hunt.bound = math.inf


@dataclass
class _Inner:
    """The tiles and arrays from the innermost level up to the outermost array, for one choice of what is kept.

    Numbers of lattice points, of shape (levels, tilings): the loops over time, the arrays, and the tiles
    below a level's loops over time. costs: rows as in `tiles`.
    """

    keeps: Keeps
    time: Rows
    space: Rows
    tile: Rows
    costs: Numbers = field(default_factory=lambda: np.zeros((2, 0)))
    energy: Numbers = field(default_factory=lambda: np.zeros(0))
    cycles: Numbers = field(default_factory=lambda: np.zeros(0))

    def at(self, chosen: Rows | Flags | slice) -> _Inner:
        """Some of the tilings."""
        time, space, tile = (a[:, chosen] for a in (self.time, self.space, self.tile))
        costs = np.asarray(self.costs[:, chosen])
        return _Inner(self.keeps, time, space, tile, costs, self.energy[chosen], self.cycles[chosen])

    def loops(self, chosen: Rows) -> _Inner:
        """Some of the tilings, some of them several times, not priced yet."""
        return _Inner(self.keeps, self.time[:, chosen], self.space[:, chosen], self.tile[:, chosen])


COARSE = 64  # prices told apart when tiles are bounded with all that may stand around them


class _Tilings:
    """Branch and bound over the tiles of a space for one choice of what is kept."""

    def __init__(self, where: MapSpace, keeps: Keeps, lattice: Lattice, counts: Counter[str]) -> None:
        self.space, self.lattice, self.counts, self.keeps = where, lattice, counts, keeps
        self.bound = Bound(where.layer, where.arch, keeps, lattice)
        self.orders = Orders(where.layer, where.arch, keeps)
        self.depth, self.count = where.depth, lattice.points.shape[1]
        levels = where.arch.levels
        self.array = min((at for at, level in enumerate(levels) if level.copies > 1), default=self.depth - 1)
        self.room = [self.bound.capacity(at, lattice.points) for at in range(self.depth)]
        self.steps = [np.flatnonzero(self._allowed(at, 0)) for at in range(self.depth)]
        self.known: dict[bytes, NDArray[np.int8]] = {}
        self.outer = self._outer()

    def _allowed(self, level: int, kind: int) -> Flags:
        """Points that a level's loops over time may be, by what is fixed."""
        fixed = np.array(self.space.bounds[level][kind], dtype=np.float64)[:, None]
        return np.asarray(((fixed == 0) | (fixed == self.lattice.points)).all(axis=0))

    def _outer(self) -> list[Numbers]:
        """For each level above the outermost array: by tile, the least that filling it and the levels above costs."""
        rows = len(self.bound.prices)
        alone, self.alone = [np.zeros((rows, self.count))], [np.zeros((rows, self.count))]
        for level in range(1, self.array + 1):
            here = self.bound.boundary(level, self._above(level))
            here[:, ~self.room[level]] = np.inf
            self.alone.append(here)
            self.above = here + alone[-1]
            alone.append(self.lattice.least(self.above))
        return alone

    def _above(self, level: int) -> Place:
        """Each point as the tile of a level that no array stands above; the loops of the outermost level are known."""
        tile = np.arange(self.count)
        time, space = tile[::-1].copy(), np.zeros((self.depth, self.count), dtype=np.int64)
        return Place(tile, space, time, time[None], tile[None]) if level == 1 else Place(tile, space, time)

    def inner(self) -> _Inner:
        """All tilings below the outermost array, with what they and the rest at least cost."""
        start = np.zeros((self.depth, 1), dtype=np.int64)
        found = _Inner(self.keeps, start, start.copy(), start.copy())
        for level in range(self.depth - 1, self.array - 1, -1):
            if self.space.arch.levels[level].copies > 1:
                found = self._spread(found, level)
            found.tile[level] = self._extent(found, level)
            if level > self.array:
                found = self._grow(found, level)
        return self._priced(found)

    def _extent(self, found: _Inner, level: int) -> Rows:
        """The tile below a level's loops over time."""
        return np.asarray(found.space[level:].sum(axis=0) + found.time[level + 1 :].sum(axis=0))

    def _pairs(self, found: Rows, points: Rows) -> tuple[Rows, Rows]:
        """Which tiles can be multiplied by which points."""
        keys = self.lattice.keys
        rows, columns = [], []
        for start in range(0, len(found), max(1, 2**21 // max(1, len(points)))):
            part = found[start : start + max(1, 2**21 // max(1, len(points)))]
            row, column = np.nonzero(self.lattice.fits(keys[part][:, None], keys[points][None, :]))
            rows.append(row + start)
            columns.append(points[column])
        empty = [np.zeros(0, dtype=np.int64)]
        return np.concatenate(rows or empty), np.concatenate(columns or empty)

    def _spread(self, found: _Inner, level: int) -> _Inner:
        room = self.space.arch.levels[level].copies
        fitting = np.flatnonzero(self.lattice.points.prod(axis=0) <= room)
        points = np.array([at for at in fitting if self.packed(level, int(at)) is not None], dtype=np.int64)
        self.counts["arrays that are too small, of those with room in all"] += len(fitting) - len(points)
        rows, chosen = self._pairs(self._extent(found, level), points)
        fresh = found.loops(rows)
        fresh.space[level] = chosen
        return fresh

    def _grow(self, found: _Inner, level: int) -> _Inner:
        below = found.tile[level]
        rows, chosen = self._pairs(below, self.steps[level])
        fine = self.room[level][below[rows] + chosen]
        self.counts[f"tiles that do not fit {self.space.arch.levels[level].name}"] += int((~fine).sum())
        fresh = found.loops(rows[fine])
        fresh.time[level] = chosen[fine]
        return fresh

    def packed(self, level: int, point: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """How a level's array holds copies: along x and along y, or None if it cannot."""
        x, y = self.space.bounds[level][1:]
        wanted = tuple(int(n) for n in self.lattice.points[:, point])
        return _pack(wanted, self.space.arch.levels[level].fanout, x, y)

    def _place(self, found: _Inner, child: int, exact: bool) -> Place:
        """How the tiles of a level move; exact: where the loops of all levels above are chosen."""
        tile = found.tile[child] + found.time[child]
        time = (self.count - 1) - tile - found.space[:child].sum(axis=0)
        known = (found.time[:child], found.tile[:child]) if exact else (None, None)
        return Place(tile, found.space, time, *known)

    def _priced(self, found: _Inner) -> _Inner:
        """The least that inner tilings cost, with the least of all that may stand around them."""
        found.costs = self.bound.compute(found.space)
        for child in range(self.array + 2, self.depth):
            found.costs += self.bound.boundary(child, self._place(found, child, exact=False))
        return self._valued(found, self._joined(found))

    def _joined(self, found: _Inner) -> Numbers:
        """The least that inner tilings cost with all around them, by what the innermost loop above them leaves alone.

        A tensor left alone comes anew with each step further out that does not index it, unless no loop of the
        outermost array's level indexes it: large tiles there make up for that, but have to be filled.
        """
        tile, child = found.tile[self.array], self.array + 1
        around = self.outer[self.array][:, tile]
        if child == self.depth:
            return np.asarray(found.costs + around)
        place = self._place(found, child, exact=False)
        found.costs = found.costs + self.bound.ramp(child, place)
        alone, joint = np.full_like(found.costs, np.inf), np.full_like(found.costs, np.inf)
        known = {"": around}
        for possible, still, total in self.bound.roles(child, place):
            name = next((name for name in still if self.array and not self.bound.slides[name]), "")
            if name not in known:
                known[name] = self._around(place, tile, name)
            np.minimum(alone, total, out=alone, where=possible)
            np.minimum(joint, total + known[name], out=joint, where=possible)
        joint += found.costs
        found.costs += alone
        return joint

    def _around(self, place: Place, tile: Rows, name: str) -> Numbers:
        """What must be added where a tensor is left alone: for the levels above, and for its coming anew."""
        tensor, others = self.space.layer.tensor(name), self.bound.others[name]
        more = self.bound.again(tensor, self.array + 1, place)
        price, group = np.unique(more[0], return_inverse=True)
        coarse = max(1, min(COARSE, 2**21 // self.count))
        group = group * coarse // max(len(price), coarse)
        prices = np.full((len(more), int(group.max(initial=0)) + 1), np.inf)
        for row, each in zip(prices, more, strict=True):
            np.minimum.at(row, group, each)
        again = self.bound.product(others)[::-1] - 1
        tables = self.lattice.least(self.above[:, None] + prices[:, :, None] * again)
        kept = self.lattice.least(self.above, others)[:, tile]
        return np.array([np.minimum(table[group, tile], row) for table, row in zip(tables, kept, strict=True)])

    def _valued(self, found: _Inner, costs: Numbers) -> _Inner:
        steps = self.space.layer.macs / self.lattice.points[:, found.space.sum(axis=0)].prod(axis=0)
        found.cycles = self.bound.cycles(costs, steps)
        found.energy = self.bound.energy(costs, found.cycles)
        return found

    def whole(self, found: _Inner, hopeless: Callable[[Numbers, Numbers], Flags]) -> _Inner:
        """Complete tilings made of inner ones, those left out that cannot be best."""
        above = np.zeros((len(self.bound.prices), found.time.shape[1]))
        for level in range(self.array, 0, -1):
            rows, chosen = self._pairs(found.tile[level], self.steps[level])
            tile = found.tile[level][rows] + chosen
            fine = self.room[level][tile]
            self.counts[f"tiles that do not fit {self.space.arch.levels[level].name}"] += int((~fine).sum())
            rows, chosen, tile = rows[fine], chosen[fine], tile[fine]
            found, above = found.at(rows), above[:, rows]
            found.time[level] = chosen
            found.tile[level - 1] = tile
            above = above + self.alone[level][:, tile]
            self._valued(found, found.costs + above + self.outer[level - 1][:, tile])
            kept = ~hopeless(found.energy, found.cycles)
            self.counts["tilings that cannot be best by traffic between levels"] += int((~kept).sum())
            found, above = found.at(kept), above[:, kept]
        found.time[0] = (self.count - 1) - found.tile[0]
        found = found.at(np.isin(found.time[0], self.steps[0]) & self.room[0][-1])
        if not len(found.energy):
            return found
        costs = self.bound.compute(found.space) + (self.alone[1][:, found.tile[0]] if self.array else 0.0)
        for child in range(2 if self.array else 1, self.depth):
            costs += self.bound.boundary(child, self._place(found, child, exact=True))
        self._valued(found, costs)
        kept = ~hopeless(found.energy, found.cycles)
        self.counts["tilings that cannot be best with any innermost loop"] += int((~kept).sum())
        return found.at(kept)

    def mappings(self, found: _Inner) -> Batch:
        """All orders that can matter of some tilings."""
        time = self.lattice.points.astype(np.int64)[:, found.time].transpose(1, 0, 2)
        places = [self._orders((time[:, :, at] > 1).tobytes()) for at in range(time.shape[2])]
        rows = np.repeat(np.arange(len(places)), [len(order) for order in places])
        self.counts["orders that are worse than another or no different"] += self._all_orders(time) - len(rows)
        x, y = np.ones_like(time), np.ones_like(time)
        for level, at_level in enumerate(self.space.arch.levels):
            if at_level.copies > 1:
                packs = [self.packed(level, int(point)) for point in found.space[level]]
                x[level], y[level] = np.array(packs, dtype=np.int64).transpose(1, 2, 0)
        names = tuple(level.name for level in self.space.arch.levels)
        order = np.ascontiguousarray(np.concatenate(places).transpose(1, 2, 0))
        time, x, y = (array[:, :, rows] for array in (time, x, y))
        return Batch(names, tuple(self.space.layer.dims), time, x, y, order, self.keeps)

    def _all_orders(self, time: Rows) -> int:
        free = [level for level, given in enumerate(self.space.orders) if given is None]
        factorials = np.array([math.factorial(n) for n in range(time.shape[1] + 1)], dtype=object)
        return int(factorials[(time[free] > 1).sum(axis=1)].prod(axis=0).sum())

    def _orders(self, loops: bytes) -> NDArray[np.int8]:
        """The place of each dimension at each level, for all orders that can matter of the loops that there are."""
        if loops not in self.known:
            busy = np.frombuffer(loops, dtype=bool).reshape(self.depth, -1)
            some = product(*(self._level_orders(level, flags) for level, flags in enumerate(busy)))
            self.known[loops] = np.argsort(np.array(list(some), dtype=np.int8), axis=2).astype(np.int8)
        return self.known[loops]

    def _level_orders(self, level: int, flags: Flags) -> list[tuple[int, ...]]:
        busy, still = (tuple(np.flatnonzero(some).tolist()) for some in (flags, ~flags))
        if (given := self.space.orders[level]) is not None:
            names = list(self.space.layer.dims)
            return [(*sorted(busy, key=lambda at: given.index(names[at])), *still)]
        return [(*order, *still) for order in self.orders.of(level, busy)]


@lru_cache(maxsize=2**18)
def _pack(
    wanted: tuple[int, ...], room: tuple[int, int], x: tuple[int, ...], y: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Copies of each dimension split over the two axes of an array, what is fixed kept."""
    states: dict[int, tuple[int, ...]] = {1: ()}
    for n, along, across in zip(wanted, x, y, strict=True):
        if n == 1:
            choices = [1] if along in (0, 1) and across in (0, 1) else []
        else:
            choices = [
                d for d in range(1, min(n, room[0]) + 1) if n % d == 0 and along in (0, d) and across in (0, n // d)
            ]
        after: dict[int, tuple[int, ...]] = {}
        for used, chosen in states.items():
            for d in choices:
                if used * d <= room[0]:
                    after.setdefault(used * d, (*chosen, d))
        states = after
    total = math.prod(wanted)
    for used, chosen in sorted(states.items()):
        if total // used <= room[1]:
            return chosen, tuple(n // d for n, d in zip(wanted, chosen, strict=True))
    return None


FIRST, GROWTH, MOST = 48, 2, 4096  # inner tilings in a part, which grow as the best known improves


def _prune(hunt: _Hunt) -> None:
    """Branch and bound: inner tilings from the most promising on, each with all that may stand around it."""
    lattice = Lattice.of(hunt.space.layer)
    counts: Counter[str] = Counter()
    trees = [_Tilings(hunt.space, keeps, lattice, counts) for keeps in hunt.space.keeps]
    inners = [tree.inner() for tree in trees]
    which = np.concatenate([np.full(len(inner.energy), at) for at, inner in enumerate(inners)])
    index = np.concatenate([np.arange(len(inner.energy)) for inner in inners])
    energy, cycles = (np.concatenate([getattr(inner, what) for inner in inners]) for what in ("energy", "cycles"))
    least = _value(hunt.objective, energy, cycles)
    ranked = np.argsort(least, kind="stable")
    ranked = ranked[np.isfinite(least[ranked])]
    hunt.total = len(ranked)
    if not hunt.done:
        hunt.counts += counts
    for counted in trees:
        counted.counts = hunt.counts
    size = FIRST
    with tqdm(total=hunt.total, initial=hunt.done, unit=" tilings", disable=not hunt.show) as bar:
        while hunt.done < hunt.total and not hunt.late:
            hunt.bound = float(least[ranked[hunt.done]])
            if hunt.objective != "pareto" and hunt.bound >= hunt.enough:
                hunt.passed = min(hunt.passed, hunt.bound)
                break
            part = ranked[hunt.done : hunt.done + size]
            alive = part[~hunt.hopeless(energy[part], cycles[part])]
            for at, tree in enumerate(trees):
                mine = index[alive[which[alive] == at]]
                if len(mine):
                    _cost(hunt, tree, tree.whole(inners[at].at(mine), hunt.hopeless))
            hunt.done += len(part)
            bar.update(len(part))
            size = min(MOST, size * GROWTH)
        else:
            if hunt.done >= hunt.total:
                hunt.bound = math.inf
            return
    hunt.counts["inner tilings that cannot be best"] += hunt.total - hunt.done
    hunt.done, hunt.bound = hunt.total, math.inf


TILINGS = 512  # tilings whose orders are costed at once; fewer costs Python's time, more mappings in vain


def _cost(hunt: _Hunt, tree: _Tilings, found: _Inner) -> None:
    """Cost complete tilings, the most promising first, until no other can be best."""
    ranked = np.argsort(_value(hunt.objective, found.energy, found.cycles), kind="stable")
    found = found.at(ranked)
    start, size = 0, 4
    while start < len(found.energy):
        part = found.at(slice(start, start + size))
        part = part.at(~hunt.hopeless(part.energy, part.cycles))
        if len(part.energy):
            batch = tree.mappings(part)
            hunt.take(batch, hunt.space.costs(batch))
        start, size = start + size, min(TILINGS, size * 2)


ROUNDS, BROOD, PARENTS = 150, 500, 24  # of the random search: generations, mappings in each, and those that go on


def _improve(hunt: _Hunt) -> None:
    """Random mappings, then changes of the best of them: another split of a dimension, or other orders.

    Where factors that divide allow a proof among themselves, what that finds in a third of the time is the start,
    for the layer itself and for larger ones whose mappings end in a clipped tile on this one.
    """
    hunt.total = ROUNDS
    hunt.bound = min(compulsory(hunt.space, hunt.objective, keeps) for keeps in hunt.space.keeps)
    parents = _start(hunt) if not hunt.done else [nest(point.mapping) for point in hunt.points]
    rows = [_row(hunt.space, mapping) for mapping in parents]
    with tqdm(total=hunt.total, initial=hunt.done, unit=" rounds", disable=not hunt.show) as bar:
        while hunt.done < hunt.total and not hunt.late:
            rows = _round(hunt, rows)
            hunt.done += 1
            bar.update(1)


_Row = tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...], Keeps]


def _start(hunt: _Hunt) -> list[Mapping]:
    """Good mappings of the layer and of slightly larger ones, with factors that divide these."""
    layers = [hunt.space.layer, *_larger(hunt.space.layer)] if hunt.space.imperfect else [hunt.space.layer]
    spaces = [replace(hunt.space, layer=layer, imperfect=False) for layer in layers]
    spaces = [where for where in spaces if where.size and way(where) != "random"]
    share = (30.0 if hunt.seconds is None else hunt.seconds / 3) / max(1, len(spaces))
    found: list[Mapping] = []
    stopped = False
    for where in spaces:
        late = hunt.seconds is not None and perf_counter() - hunt.begun > hunt.seconds / 3
        if stopped or (found and late):  # each search takes a while, however small its share
            break
        try:
            one = search(where, hunt.objective, seconds=share)
        except MappingError:
            continue
        hunt.counts += Counter(one.counts)
        found += [nest(point.mapping) for point in one.front]
        stopped = one.progress.done < one.progress.total and one.seconds <= share  # neither done nor late: Ctrl-C
    for keeps, rows in _by_keeps([_row(hunt.space, mapping) for mapping in found]).items():
        batch = hunt.space.batch([row[:2] for row in rows], keeps)
        hunt.take(batch, hunt.space.costs(batch))
    if stopped:
        raise KeyboardInterrupt
    return found


def _larger(layer: Layer) -> list[Layer]:
    """The layer with one or two sizes rounded up, by a tenth at most, to the next that more numbers divide.

    >>> from accelsim import conv
    >>> [dict(layer.bounds)["P"] for layer in _larger(conv("c", P=55))]
    [56]
    """
    rounded = {}
    for dim, size in layer.bounds:
        more = [n for n in range(size + 1, size + size // 10 + 1) if _parts(n) > _parts(size)]
        if more:
            rounded[dim] = more[0]
    some = [dims for many in (1, 2) for dims in combinations(rounded, many)]
    return [
        replace(layer, bounds=tuple((d, rounded[d] if d in dims else size) for d, size in layer.bounds))
        for dims in some
    ]


def _parts(size: int) -> int:
    return sum(size % part == 0 for part in range(1, size + 1))


def _by_keeps(rows: list[_Row]) -> dict[Keeps, list[_Row]]:
    found: dict[Keeps, list[_Row]] = {}
    for row in rows:
        found.setdefault(row[2], []).append(row)
    return found


def _row(where: MapSpace, mapping: Mapping) -> _Row:
    """The splits, orders and kept tensors of a mapping."""
    names = list(where.layer.dims)
    ways = np.ones((len(names), 3, where.depth), dtype=np.int64)
    orders = []
    for level, stage in enumerate(mapping.stages):
        for loop in stage.loops:
            ways[names.index(loop.dim), ("", "x", "y").index(loop.axis), level] = loop.bound
        busy = [names.index(loop.dim) for loop in stage.loops if not loop.axis]
        orders.append((*busy, *(at for at in range(len(names)) if at not in busy)))
    every = tuple(tensor.name for tensor in where.layer.tensors)
    keeps = tuple(every if stage.keeps is None else stage.keeps for stage in mapping.stages)
    return tuple(tuple(way.reshape(-1).tolist()) for way in ways), tuple(orders), keeps


def _round(hunt: _Hunt, parents: list[_Row]) -> list[_Row]:
    """A generation: children of the parents and some newcomers; the best of all go on."""
    random = np.random.default_rng((hunt.seed, hunt.done))
    children = list(parents)
    while len(children) < BROOD:
        fresh = not parents or random.random() < 0.1
        children.append(_newcomer(hunt.space, random) if fresh else _child(hunt.space, parents, random))
    by_keeps: dict[Keeps, list[int]] = {}
    for at, (_, _, keeps) in enumerate(children):
        by_keeps.setdefault(keeps, []).append(at)
    values = np.full(len(children), np.inf)
    for keeps, mine in by_keeps.items():
        batch = hunt.space.batch([children[at][:2] for at in mine], keeps)
        costs = hunt.space.costs(batch)
        hunt.take(batch, costs)
        values[mine] = np.where(costs.valid, _value(hunt.objective, costs.energy, costs.cycles), np.inf)
    best = [at for at in np.argsort(values, kind="stable").tolist() if np.isfinite(values[at])]
    distinct = {float(values[at]): children[at] for at in reversed(best[: 4 * PARENTS])}
    return [distinct[value] for value in sorted(distinct)][:PARENTS]


def _newcomer(where: MapSpace, random: np.random.Generator) -> _Row:
    ways = tuple(where.draw_few(at, random) for at in range(len(where.layer.bounds)))
    orders = where.shuffled(ways, random)
    return ways, orders, where.keeps[int(random.integers(len(where.keeps)))]


def _child(where: MapSpace, parents: list[_Row], random: np.random.Generator) -> _Row:
    """One or two dimensions split anew, half of the time with a new order at one level."""
    ways, orders, keeps = parents[int(random.integers(len(parents)))]
    fresh = list(ways)
    for _ in range(int(random.integers(0, 3))):
        at = int(random.integers(len(fresh)))
        fresh[at] = where.draw_few(at, random) if random.random() < 0.7 else where.draw(at, random)
    if random.random() < 0.5:
        level, shuffled = int(random.integers(where.depth)), where.shuffled(fresh, random)
        orders = (*orders[:level], shuffled[level], *orders[level + 1 :])
    if len(where.keeps) > 1 and random.random() < 0.1:
        keeps = where.keeps[int(random.integers(len(where.keeps)))]
    return tuple(fresh), orders, keeps


def compulsory(where: MapSpace, objective: str, keeps: Keeps) -> float:
    """What no mapping can avoid: each word moves once through every level that keeps it, each MAC asks for its own.

    >>> from accelsim import Arch, Level, conv
    >>> from accelsim.mapper import space
    >>> toy = Arch("toy", (Level("DRAM", read=200, write=200), Level("spad", read=1, write=1)), mac=1)
    >>> whole = space(conv("c", M=2, C=3), toy)
    >>> compulsory(whole, "energy", whole.keeps[0])           # 11 words of DRAM; 9 fill the spad; 6 MACs
    2239.0
    """
    layer, arch = where.layer, where.arch
    spent, traffic = layer.macs * arch.mac, [0.0] * len(arch.levels)
    for tensor in layer.tensors:
        chain = [at for at, kept in enumerate(keeps) if tensor.name in kept]
        words, last = layer.words(tensor.name), chain[-1]
        width = arch.width(tensor.name) / arch.word
        asked = layer.macs / math.prod(level.copies for level in arch.levels[last:])
        levels = arch.levels
        if tensor.output:
            spent += width * (asked * (levels[last].read + levels[last].write) - words * levels[0].read)
            spent += width * sum(words * (levels[at].read + levels[at].write) for at in chain[:-1])
        else:
            spent += width * (asked * levels[last].read + sum(words * levels[at].read for at in chain[:-1]))
            spent += width * sum(words * levels[at].write for at in chain[1:])
        traffic[0] += width * words
    cycles = float(-(-layer.macs // arch.pes))
    if arch.levels[0].bandwidth is not None:
        cycles = max(cycles, traffic[0] / arch.levels[0].bandwidth)
    leak = arch.leak + sum(level.leak * arch.instances[level.name] for level in arch.levels)
    return float(_value(objective, np.array(spent + leak * cycles), np.array(cycles)))
