"""A picture of an array over time: what each PE does in each cycle, and what moves, as plain data.

The same value comes from a loop nest (`accelsim.evaluate(...).timeline()`) and from a systolic array
(`accelsim.systolic.timeline(...)`). A widget draws it, a test counts it, and nobody computes in it.

>>> works = Works(("M", "K"), when=((0, 0), (0, 1)), where=((0, 0), (1, 0)),
...               words={"filter": (((0, 1),), ((1, 1),)), "ifmap": (((1, 1),),), "ofmap": (((0, 1),),)})
>>> line = Timeline("two rows", 1, 2, ("m.", "mm"), {"GLB reads of filter": (1, 2)}, works)
>>> line.utilization, line.macs
((0.5, 1.0), 3)
>>> line.at(1, 0, 1)
'MAC: ofmap[1] += filter[1 1] * ifmap[1]'
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accelsim.errors import AccelsimError, whole

STATES = {
    ".": "idle",
    "m": "MAC",
    "b": "MAC, and words enter or leave the PE",
    "f": "loading",
    "d": "draining",
    "s": "stalled",
    "g": "gated",
}
BUSY = "mb"  # the letters of a PE that multiplies

Axis = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Works:
    """Which iteration each PE works on in each cycle, in a form that stays small: the sum of two vectors.

    dims: names of the dimensions. when: by shown cycle, the iteration of a PE without an offset; where: by PE, row
    after row, what to add to it. words: the coordinates of each tensor's word, one axis after the other, each the
    terms (index of a dimension, coefficient) that add up to it; the last tensor is the output. What the sum says of
    a PE that does no MAC in that cycle means nothing.
    """

    dims: tuple[str, ...]
    when: tuple[tuple[int, ...], ...]
    where: tuple[tuple[int, ...], ...]
    words: dict[str, tuple[Axis, ...]]

    def iteration(self, cycle: int, pe: int) -> tuple[int, ...]:
        """The position in each dimension of the MAC of a PE, counted along the rows, in a shown cycle."""
        return tuple(a + b for a, b in zip(self.when[cycle], self.where[pe], strict=True))

    def operands(self, cycle: int, pe: int) -> dict[str, tuple[int, ...]]:
        """The coordinates of the word that the MAC takes of each tensor."""
        at = self.iteration(cycle, pe)
        return {
            name: tuple(sum(coefficient * at[dim] for dim, coefficient in axis) for axis in axes)
            for name, axes in self.words.items()
        }


@dataclass(frozen=True)
class Timeline:
    """Some cycles of an array of `rows` x `columns` PEs.

    states: one text per shown cycle, one letter of `STATES` per PE, row after row. traffic: by counter, such as
    "GLB reads of filter", the words it moves in each shown cycle. works: what each PE multiplies. first: the
    number of the first shown cycle, from 0. total: cycles of the whole run (all that are shown, if not given). notes:
    by shown cycle and PE, what a PE works on in words, for a run of which no sum of two vectors tells it. origin: the
    number by which readers know the run's first cycle: 1, or 0 where they wrote it down counting from 0.

    Raises `AccelsimError` with every fault at once.
    """

    name: str
    rows: int
    columns: int
    states: tuple[str, ...]
    traffic: dict[str, tuple[int, ...]]
    works: Works
    first: int = 0
    total: int | None = None
    notes: tuple[tuple[str, ...], ...] = ()
    origin: int = 1

    def __post_init__(self) -> None:
        if self.total is None:
            object.__setattr__(self, "total", self.first + self.cycles)
        if faults := [*_faults(self), *_note_faults(self)]:
            raise AccelsimError(f"timeline {self.name!r}: " + "\n  ".join(faults))

    @property
    def cycles(self) -> int:
        """Cycles shown."""
        return len(self.states)

    @property
    def pes(self) -> int:
        """PEs of the array."""
        return self.rows * self.columns

    @cached_property
    def counted(self) -> tuple[Counter[str], ...]:
        """How many PEs are in each state, by shown cycle."""
        return tuple(Counter(states) for states in self.states)

    @cached_property
    def macs(self) -> int:
        """MACs in the shown cycles; 1 MAC = 2 operations."""
        return sum(found[letter] for found in self.counted for letter in BUSY)

    @property
    def utilization(self) -> tuple[float, ...]:
        """The share of all PEs that multiply, by shown cycle."""
        return tuple(sum(found[letter] for letter in BUSY) / self.pes for found in self.counted)

    @cached_property
    def active(self) -> int:
        """PEs that multiply in any shown cycle."""
        return sum(any(letter in BUSY for letter in over_time) for over_time in zip(*self.states, strict=True))

    @property
    def spatial(self) -> float:
        """Spatial utilization in the shown cycles: PEs that ever multiply, of all."""
        return self.active / self.pes

    @property
    def temporal(self) -> float:
        """Temporal utilization in the shown cycles: busy cycles of the PEs that ever multiply, of all their cycles."""
        return self.macs / (self.active * self.cycles) if self.active else 0.0

    @property
    def moved(self) -> dict[str, int]:
        """Words moved in the shown cycles, by counter."""
        return {name: sum(words) for name, words in self.traffic.items()}

    @property
    def numbers(self) -> range:
        """The shown cycles as readers count them."""
        return range(self.first + self.origin, self.first + self.origin + self.cycles)

    def at(self, cycle: int, row: int, column: int) -> str:
        """What a PE does in a cycle, in words; `cycle` is counted from the first shown.

        Raises `AccelsimError` for a cycle that is not shown, or a PE that is not there.
        """
        if not all(map(whole, (cycle, row, column))) or not (
            0 <= cycle < self.cycles and 0 <= row < self.rows and 0 <= column < self.columns
        ):
            raise AccelsimError(
                f"{self.name} shows cycles 0 to {self.cycles - 1} of {self.rows} x {self.columns} PEs, both from 0; "
                f"got cycle {cycle!r}, row {row!r}, column {column!r}"
            )
        pe = row * self.columns + column
        letter = self.states[cycle][pe]
        word = STATES[letter]
        if self.notes:
            return f"{word}: {note}" if (note := self.notes[cycle][pe]) else word
        if letter not in BUSY:
            return word
        *operands, output = (
            f"{name}[{' '.join(map(str, point))}]" for name, point in self.works.operands(cycle, pe).items()
        )
        return f"{word}: {output} += {' * '.join(operands)}"

    def to_dict(self) -> dict[str, Any]:
        """The timeline as plain data for a front end, with the words of its letters."""
        return {
            "name": self.name,
            "rows": self.rows,
            "columns": self.columns,
            "first": self.first,
            "total": self.total,
            "origin": self.origin,
            "letters": STATES,
            "busy": BUSY,
            "states": list(self.states),
            "traffic": {name: list(words) for name, words in self.traffic.items()},
            "works": {
                "dims": list(self.works.dims),
                "when": [list(at) for at in self.works.when],
                "where": [list(at) for at in self.works.where],
                "words": {
                    name: [[list(term) for term in axis] for axis in axes] for name, axes in self.works.words.items()
                },
            },
            **({"notes": [list(texts) for texts in self.notes]} if self.notes else {}),
        }


def _faults(line: Timeline) -> list[str]:
    faults = []
    if line.rows < 1 or line.columns < 1:
        faults.append(f"rows and columns are 1 or more, got {line.rows} and {line.columns}")
    for cycle, states in enumerate(line.states):
        if len(states) != line.pes:
            faults.append(f"shown cycle {cycle} needs {line.pes} letters, one per PE, got {len(states)}")
        if unknown := sorted(set(states) - set(STATES)):
            faults.append(f"shown cycle {cycle} has the letters {unknown}; known are {' '.join(STATES)}")
    for name, words in line.traffic.items():
        if len(words) != line.cycles:
            faults.append(f"{name} needs {line.cycles} numbers, one per cycle, got {len(words)}")
    for what, vectors, needed in (("when", line.works.when, line.cycles), ("where", line.works.where, line.pes)):
        if len(vectors) != needed or any(len(vector) != len(line.works.dims) for vector in vectors):
            faults.append(f"works.{what} needs {needed} vectors of {len(line.works.dims)} numbers, got {len(vectors)}")
    if line.first < 0 or line.first + line.cycles > (line.total or 0):
        faults.append(f"cycles {line.first} to {line.first + line.cycles} are not among {line.total}")
    return faults


def _note_faults(line: Timeline) -> list[str]:
    if not line.notes or [len(texts) for texts in line.notes] == [line.pes] * line.cycles:
        return []
    return [f"notes need {line.cycles} times {line.pes} texts, one per shown cycle and PE"]
