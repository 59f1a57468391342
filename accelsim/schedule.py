"""A machine that runs a schedule: what each PE of an array is told to do in each cycle, written down as data.

A schedule is a list of (cycle, PE, operation, operands), in any order. A PE is (row, column). A word is a tensor's name
and its coordinates, as in ("filter", 4, 0). Each PE has one register for each tensor, and one multiplier with an adder.

    (0, (1, 2), "load", ("filter", 4, 0))              a word comes out of the GLB; a list of PEs gets it in one read
    (3, (1, 2), "mac", (4, 1, 0))                      one point of the layer, its dimensions in the layer's order
    (3, (1, 2), "pass", (("ofmap", 4, 1), (2, 2)))     a word goes one hop, to a neighbour, and is there a cycle later
    (3, (1, 2), "store", ("ofmap", 4, 1))              a sum goes to the GLB, which adds it to what it has of that word

Within a cycle words arrive, then PEs compute, then sums and passed words leave. An operand stays in its register until
another word of its tensor comes; a sum leaves the PE when it is passed or stored. A sum starts at zero in an empty
register. A sum that arrives where there is one of the same word is added to it, which takes the adder for that cycle;
the first MAC on a sum that arrived alone does not. A MAC whose operands are not there stalls, and is not done.

Left out: the GLB's size and bandwidth, DRAM, and how long a wire is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from accelsim.errors import AccelsimError, suggest, whole
from accelsim.timeline import Timeline, Works
from accelsim.workload import Layer

OPERATIONS = {
    "load": "a word, such as ('filter', 4, 0)",
    "mac": "a point, one number per dimension of the layer",
    "pass": "a word and the PE that gets it, such as (('ofmap', 4, 1), (2, 2))",
    "store": "a word of the output",
}
SIDES = ("left", "right", "top", "bottom")
MOST_ENTRIES, MOST_CYCLES, MOST_STATES, MOST_FAULTS = 200_000, 50_000, 100_000, 100

Pe = tuple[int, int]
Word = tuple[Any, ...]  # a tensor's name, then coordinates
Point = tuple[int, ...]


@dataclass(frozen=True)
class Fault:
    """What a schedule asks that the machine cannot do: where, when, with which word.

    `kind` is one of: unreadable, no such PE, no such word, two operations, two arrivals, operand missing, sum in the
    way, sum missing, too many hops, wrong side, done twice, left behind, not computed. `holds` is the word in the
    register at fault, where there is one; cycle and pe are None where the whole schedule is at fault.
    """

    kind: str
    says: str
    cycle: int | None = None
    pe: Pe | None = None
    word: Word | None = None
    holds: Word | None = None


@dataclass(frozen=True)
class Ran:
    """What became of a schedule.

    faults: in order of cycles, those of the whole run last. sums: by word of the output, the points whose products
    the GLB holds in the end. moved: words by counter. cycles: of the run, from cycle 0 to the last in which anything
    happens. done: MACs as (cycle, PE, point), in order.
    """

    faults: tuple[Fault, ...]
    sums: dict[Word, tuple[Point, ...]]
    moved: dict[str, int]
    cycles: int
    done: tuple[tuple[int, Pe, Point], ...]
    timeline: Timeline

    @property
    def words(self) -> int:
        """All words that the GLB reads and writes."""
        return sum(words for name, words in self.moved.items() if name.startswith("GLB"))


def run(
    layer: Layer,
    rows: int,
    columns: int,
    schedule: Any,
    sides: dict[str, str] | None = None,
) -> Ran:
    """Run a schedule of a layer on `rows` x `columns` PEs; its faults are in the answer, not raised.

    sides: by tensor, the one side of the array at which its words enter from the GLB or leave for it ("left", "right",
    "top", "bottom"); all PEs reach the GLB where nothing is said. Raises `AccelsimError` for an array without PEs, an
    unknown side or tensor.

    >>> from accelsim import einsum
    >>> layer = einsum("two", "ofmap[M P] += ifmap[C P] * filter[M C]", M=1, C=2, P=1)
    >>> def step(c):
    ...     words = ("load", ("filter", 0, c)), ("load", ("ifmap", c, 0)), ("mac", (0, c, 0))
    ...     return [(c, (0, 0), op, operands) for op, operands in words]
    >>> ran = run(layer, 1, 1, [*step(0), *step(1), (1, (0, 0), "store", ("ofmap", 0, 0))])
    >>> ran.faults, ran.cycles, ran.moved["GLB writes of ofmap"], ran.timeline.states
    ((), 2, 1, ('m', 'b'))
    >>> run(layer, 1, 1, [(0, (0, 0), "mac", (0, 1, 0))]).faults[0].says
    'PE (0, 0) multiplies with ifmap[1 0] in cycle 0, but has no word of ifmap'
    """
    if not isinstance(layer, Layer) or not isinstance(sides, dict | None):
        raise AccelsimError(f"a schedule runs a Layer, with sides by tensor or None; got {layer!r}, {sides!r}")
    sides, names = sides or {}, [tensor.name for tensor in layer.tensors]
    if unknown := [f"{name!r}{suggest(name, names)}" for name in sides if name not in names]:
        raise AccelsimError(f"{layer.name}: sides are of {', '.join(names)}, got {', '.join(unknown)}")
    wrong = {name: side for name, side in sides.items() if side not in SIDES}
    if not whole(rows) or not whole(columns) or rows < 1 or columns < 1 or wrong:
        raise AccelsimError(
            f"an array needs 1 or more rows and columns, and sides among {', '.join(SIDES)}; "
            f"got {rows!r} x {columns!r}, {wrong or 'no wrong side'}"
        )
    machine = _Machine(layer, rows, columns, sides)
    entries = list(_read(machine, schedule))
    machine.play(entries)
    machine.finish()
    return Ran(
        faults=tuple(machine.faults),
        sums={word: tuple(points) for word, points in machine.held.items()},
        moved=dict(machine.totals),
        cycles=machine.cycles,
        done=tuple(machine.done),
        timeline=_timeline(machine),
    )


def text(word: Word) -> str:
    """A word as people write it.

    >>> text(("filter", 4, 0))
    'filter[4 0]'
    """
    return f"{word[0]}[{' '.join(map(str, word[1:]))}]"


# Reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    """One line of a schedule that could be read."""

    cycle: int
    pes: tuple[Pe, ...]
    op: str
    word: Word
    to: Pe | None = None


def _read(machine: _Machine, schedule: Any) -> Iterator[_Entry]:
    if not isinstance(schedule, list | tuple):
        machine.fault("unreadable", f"a schedule is a list of (cycle, PE, operation, operands), got {_short(schedule)}")
        return
    if len(schedule) > MOST_ENTRIES:
        machine.fault("unreadable", f"{len(schedule):,} entries; the machine takes up to {MOST_ENTRIES:,}")
        return
    for number, entry in enumerate(schedule):
        if len(machine.faults) >= MOST_FAULTS:
            return
        try:
            yield _entry(machine, entry)
        except _Unread as trouble:
            machine.fault(
                "unreadable" if not trouble.kind else trouble.kind, f"entry {number}, {_short(entry)}: {trouble}"
            )


class _Unread(Exception):
    """An entry that says nothing the machine knows."""

    def __init__(self, says: str, kind: str = "") -> None:
        super().__init__(says)
        self.kind = kind


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) < 80 else shown[:76] + "..."


def _entry(machine: _Machine, entry: Any) -> _Entry:
    if not isinstance(entry, list | tuple) or len(entry) != 4:
        raise _Unread("it must be (cycle, PE, operation, operands)")
    cycle, pes, op, operands = entry
    if not whole(cycle) or not 0 <= cycle < MOST_CYCLES:
        raise _Unread(f"a cycle is a whole number from 0 to {MOST_CYCLES - 1:,}, got {cycle!r}")
    if op not in OPERATIONS:
        raise _Unread(f"the operations are {', '.join(OPERATIONS)}, got {op!r}")
    several = op == "load" and isinstance(pes, list | tuple) and len(pes) > 0 and isinstance(pes[0], list | tuple)
    places = tuple(_pe(machine, pe) for pe in (dict.fromkeys(map(_hashable, pes)) if several else [pes]))
    if op == "mac":
        return _Entry(int(cycle), places, op, _point(machine, operands))
    if op == "pass":
        if not isinstance(operands, list | tuple) or len(operands) != 2:
            raise _Unread(f"'pass' needs {OPERATIONS[op]}")
        return _Entry(int(cycle), places, op, _word(machine, operands[0], op), _pe(machine, operands[1]))
    return _Entry(int(cycle), places, op, _word(machine, operands, op))


def _hashable(pe: Any) -> Any:
    return tuple(pe) if isinstance(pe, list) else pe


def _pe(machine: _Machine, pe: Any) -> Pe:
    if not isinstance(pe, list | tuple) or len(pe) != 2 or not all(map(whole, pe)):
        raise _Unread(f"a PE is (row, column), two whole numbers, got {_short(pe)}")
    if not (0 <= pe[0] < machine.rows and 0 <= pe[1] < machine.columns):
        raise _Unread(
            f"the array has rows 0 to {machine.rows - 1} and columns 0 to {machine.columns - 1}", "no such PE"
        )
    return int(pe[0]), int(pe[1])


def _point(machine: _Machine, operands: Any) -> Point:
    bounds = machine.layer.bounds
    names = " ".join(dim for dim, _ in bounds)
    if not isinstance(operands, list | tuple) or len(operands) != len(bounds) or not all(map(whole, operands)):
        raise _Unread(f"'mac' needs a point ({names}), whole numbers")
    if beyond := [
        f"{dim} is below {size}" for (dim, size), at in zip(bounds, operands, strict=True) if not 0 <= at < size
    ]:
        raise _Unread(f"the layer has no such point: {', '.join(beyond)}", "no such word")
    return tuple(map(int, operands))


def _word(machine: _Machine, operands: Any, op: str) -> Word:
    if not isinstance(operands, list | tuple) or not operands or not isinstance(operands[0], str):
        raise _Unread(f"{op!r} needs {OPERATIONS[op]}")
    name, at = operands[0], operands[1:]
    allowed = {"load": machine.inputs, "store": (machine.output,)}.get(op, (*machine.inputs, machine.output))
    if name not in allowed:
        raise _Unread(f"{op!r} moves words of {', '.join(allowed)}, got {name!r}")
    shape = machine.shapes[name]
    if len(at) != len(shape) or not all(map(whole, at)):
        raise _Unread(f"a word of {name} has {len(shape)} coordinates, whole numbers")
    if not all(0 <= x < size for x, size in zip(at, shape, strict=True)):
        raise _Unread(f"{name} has {' x '.join(map(str, shape))} words, counted from 0", "no such word")
    return (name, *map(int, at))


# Running -----------------------------------------------------------------------------------------------------------


@dataclass
class _Machine:
    """Registers of all PEs, what the GLB holds of the output, and books of what happened."""

    layer: Layer
    rows: int
    columns: int
    sides: dict[str, str]
    faults: list[Fault] = field(default_factory=list)
    registers: dict[tuple[Pe, str], Word] = field(default_factory=dict)
    points: dict[Pe, list[Point]] = field(default_factory=dict)  # of the sum in a PE
    held: dict[Word, list[Point]] = field(default_factory=dict)
    totals: Counter[str] = field(default_factory=Counter)
    moved: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    done: list[tuple[int, Pe, Point]] = field(default_factory=list)
    letters: dict[tuple[int, Pe], set[str]] = field(default_factory=lambda: defaultdict(set))
    notes: dict[tuple[int, Pe], list[str]] = field(default_factory=lambda: defaultdict(list))
    cycles: int = 0

    def __post_init__(self) -> None:
        *inputs, output = self.layer.tensors
        self.inputs, self.output = tuple(tensor.name for tensor in inputs), output.name
        self.shapes = {tensor.name: self.layer.shape(tensor.name) for tensor in self.layer.tensors}
        self.ever: dict[Point, int] = {}

    def fault(self, kind: str, says: str, *where: Any) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(kind, says, *where))

    def count(self, cycle: int, counter: str) -> None:
        self.totals[counter] += 1
        self.moved[counter][cycle] += 1

    def play(self, entries: list[_Entry]) -> None:
        agenda: dict[int, list[_Entry]] = defaultdict(list)
        for entry in entries:
            agenda[entry.cycle].append(entry)
        coming: list[tuple[Pe, Word, list[Point]]] = []
        todo, cycle = sorted(agenda, reverse=True), -1
        while todo or coming:
            cycle = cycle + 1 if coming else todo[-1]
            now = agenda[todo.pop()] if todo and todo[-1] == cycle else []
            coming = self.step(cycle, now, coming)
        self.cycles = cycle + 1

    def step(self, cycle: int, entries: list[_Entry], coming: list[Any]) -> list[Any]:
        """One cycle: words arrive, PEs compute, words leave. Returns what arrives a cycle later."""
        adders = self.arrive(cycle, entries, coming)
        for entry in entries:
            if entry.op == "mac":
                self.mac(cycle, entry.pes[0], entry.word, adders)
        return [sent for entry in entries if entry.op in ("pass", "store") for sent in self.leave(cycle, entry)]

    def arrive(self, cycle: int, entries: list[_Entry], coming: list[Any]) -> Counter[Pe]:
        adders: Counter[Pe] = Counter()
        fresh: dict[tuple[Pe, str], Word] = {}
        for entry in entries:
            if entry.op == "load":
                self.count(cycle, f"GLB reads of {entry.word[0]}")
                coming = [*coming, *((pe, entry.word, None) for pe in entry.pes)]
                for pe in entry.pes:
                    self.side(cycle, pe, entry.word)
        for pe, word, points in coming:
            name = word[0]
            self.note(cycle, pe, "f", f"{text(word)} arrives")
            if points is not None and name == self.output:
                self.join(cycle, pe, word, points, adders)
                continue
            if (other := fresh.get((pe, name), word)) != word:
                says = f"two words of {name} arrive at PE {pe} in cycle {cycle}, {text(other)} and {text(word)}"
                self.fault("two arrivals", f"{says}; it has one register for {name}", cycle, pe, word, other)
            fresh[pe, name] = self.registers[pe, name] = word
        return adders

    def join(self, cycle: int, pe: Pe, word: Word, points: list[Point], adders: Counter[Pe]) -> None:
        present = self.registers.get((pe, self.output))
        if present is None:
            self.registers[pe, self.output], self.points[pe] = word, list(points)
        elif present == word:
            adders[pe] += 1
            self.points[pe] += points
            self.one_operation(cycle, pe, word, adders)
        else:
            says = f"{text(word)} arrives at PE {pe} in cycle {cycle}, which still holds {text(present)}"
            self.fault("sum in the way", says, cycle, pe, word, present)

    def one_operation(self, cycle: int, pe: Pe, word: Word, adders: Counter[Pe]) -> None:
        if adders[pe] == 2:
            says = f"PE {pe} does two operations in cycle {cycle}, the second on {text(word)}"
            self.fault("two operations", f"{says}; it has one multiplier and one adder", cycle, pe, word)
            self.note(cycle, pe, "s", "two operations at once")

    def mac(self, cycle: int, pe: Pe, point: Point, adders: Counter[Pe]) -> None:
        at = dict(zip(self.layer.dims, point, strict=True))
        words: list[Word] = [(tensor.name, *tensor.at(at)) for tensor in self.layer.tensors]
        *operands, out = words
        told = f"{text(out)} += {' * '.join(map(text, operands))}"
        adders[pe] += 1
        self.one_operation(cycle, pe, out, adders)
        bad = False
        for word in operands:
            holds = self.registers.get((pe, word[0]))
            if holds != word:
                bad = True
                has = f"holds {text(holds)}" if holds else f"has no word of {word[0]}"
                told += f"; needs {text(word)}, {has}"
                says = f"PE {pe} multiplies with {text(word)} in cycle {cycle}, but {has}"
                self.fault("operand missing", says, cycle, pe, word, holds)
        present = self.registers.get((pe, self.output))
        if present is not None and present != out:
            bad = True
            told += f"; still holds the sum {text(present)}"
            says = f"PE {pe} adds to {text(out)} in cycle {cycle}, but still holds the sum {text(present)}"
            self.fault("sum in the way", says, cycle, pe, out, present)
        self.note(cycle, pe, "s" if bad else "m", told)
        if bad:
            return
        if point in self.ever:
            before = self.ever[point]
            says = f"PE {pe} does {told} in cycle {cycle}; it was done in cycle {before} already"
            self.fault("done twice", says, cycle, pe, out)
        self.ever[point] = cycle
        self.done.append((cycle, pe, point))
        self.registers[pe, self.output] = out
        self.points.setdefault(pe, []).append(point)

    def leave(self, cycle: int, entry: _Entry) -> Iterator[tuple[Pe, Word, list[Point] | None]]:
        (pe,), word = entry.pes, entry.word
        holds = self.registers.get((pe, word[0]))
        goes = f"{text(word)} to {entry.to}" if entry.to else text(word)
        verb = "passes" if entry.to else "stores"
        if holds != word:
            has = f"holds {text(holds)}" if holds else "holds none" if word[0] == self.output else "has none"
            kind = "sum missing" if word[0] == self.output else "operand missing"
            self.fault(kind, f"PE {pe} {verb} {goes} in cycle {cycle}, but {has}", cycle, pe, word, holds)
            return
        points = self.take(pe) if word[0] == self.output else None
        self.note(cycle, pe, "d" if points is not None else "", f"{verb} {goes}")
        if entry.to is None:
            self.store(cycle, pe, word, points or [])
            return
        self.count(cycle, f"passes of {word[0]}")
        hops = abs(pe[0] - entry.to[0]) + abs(pe[1] - entry.to[1])
        if hops != 1:
            says = f"PE {pe} passes {goes} in cycle {cycle}: {hops} hops, and a cycle is enough for 1"
            self.fault("too many hops", says, cycle, pe, word)
        yield entry.to, word, points

    def take(self, pe: Pe) -> list[Point]:
        del self.registers[pe, self.output]
        return self.points.pop(pe, [])

    def store(self, cycle: int, pe: Pe, word: Word, points: list[Point]) -> None:
        self.side(cycle, pe, word)
        self.count(cycle, f"GLB writes of {word[0]}")
        if word in self.held:
            self.count(cycle, f"GLB reads of {word[0]}")
        self.held.setdefault(word, []).extend(points)
        self.letters[cycle, pe].add("b")

    def side(self, cycle: int, pe: Pe, word: Word) -> None:
        side = self.sides.get(word[0])
        ends = {
            "left": pe[1] == 0,
            "right": pe[1] == self.columns - 1,
            "top": pe[0] == 0,
            "bottom": pe[0] == self.rows - 1,
        }
        if side and not ends[side]:
            way = "leaves" if word[0] == self.output else "enters"
            says = f"{text(word)} {way} at PE {pe} in cycle {cycle}; words of {word[0]} do that at the {side} side only"
            self.fault("wrong side", says, cycle, pe, word)

    def note(self, cycle: int, pe: Pe, letter: str, says: str) -> None:
        self.letters[cycle, pe].add(letter)
        self.notes[cycle, pe].append(says)

    def finish(self) -> None:
        for (pe, name), word in self.registers.items():
            if name == self.output:
                says = f"the sum {text(word)} is still in PE {pe} at the end; it was never stored"
                self.fault("left behind", says, None, pe, word)
        lacking = [point for point in _points(self.layer) if point not in self.ever]
        if lacking:
            at = dict(zip(self.layer.dims, lacking[0], strict=True))
            word = (self.output, *self.layer.output.at(at))
            where = " ".join(f"{dim}={value}" for dim, value in at.items())
            says = f"{len(lacking)} of {self.layer.macs} MACs are never done, the first is {where}, for {text(word)}"
            self.fault("not computed", says, None, None, word)


def _points(layer: Layer) -> Iterable[Point]:
    return product(*(range(size) for _, size in layer.bounds))


# Drawing -----------------------------------------------------------------------------------------------------------


def _timeline(machine: _Machine) -> Timeline:
    pes = [(r, c) for r in range(machine.rows) for c in range(machine.columns)]
    shown = max(1, min(machine.cycles, MOST_STATES // len(pes)))
    counters = [f"GLB {way} of {name}" for name in machine.inputs for way in ("reads",)]
    counters += [f"GLB {way} of {machine.output}" for way in ("reads", "writes")]
    counters += sorted(name for name in machine.moved if name not in counters)
    return Timeline(
        name=machine.layer.name,
        rows=machine.rows,
        columns=machine.columns,
        states=tuple("".join(_letter(machine.letters.get((t, pe), set())) for pe in pes) for t in range(shown)),
        traffic={name: tuple(machine.moved[name][t] for t in range(shown)) for name in counters if machine.moved[name]},
        works=Works((), ((),) * shown, ((),) * len(pes), {}),
        notes=tuple(tuple("; ".join(machine.notes.get((t, pe), ())) for pe in pes) for t in range(shown)),
        total=max(1, machine.cycles),
        origin=0,
    )


def _letter(letters: set[str]) -> str:
    if "m" in letters and "s" not in letters:
        return "b" if "b" in letters else "m"
    return next((letter for letter in "sdf" if letter in letters), ".")
