"""What a PE does about zeros, as a value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from accelsim.errors import WorkloadError, suggest, whole

FINDS = {"gate": ("value", "flags"), "skip": ("bitmask", "coordinates")}


@dataclass(frozen=True)
class Saving:
    """What a PE does about zeros: make one with `gate` or `skip`.

    kind: "gate" or "skip". on: the operands looked at; a MAC survives when none of them is zero. find: how zeros are
    found. width: positions of a bit mask that are looked through in a cycle. bits: of one coordinate. start: cycles
    before each walk. check: energy of each position or pair of coordinates looked at, besides reading its bits.
    """

    kind: str
    on: tuple[str, ...]
    find: str
    width: int = 16
    bits: int = 4
    start: int = 0
    check: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind} on {' and '.join(self.on)} by {self.find}"


def gate(*on: str, find: str = "value", check: float = 0.0) -> Saving:
    """Stay idle for the cycle when one of these operands is zero.

    find="value": the operands are read and compared, so their own reads remain; "flags": one bit a word, kept beside
    the word, says whether it is zero, and only words of surviving MACs are read. Eyeriss gates on ifmap: a zero spares
    the filter's read, the MAC and the psum update (JSSC 52(1), 2017: 45 % of the PE's power).

    >>> print(gate("ifmap"))
    gate on ifmap by value
    """
    return _saving("gate", on, find, check=check)


def skip(*on: str, find: str = "bitmask", width: int = 16, bits: int = 4, start: int = 0, check: float = 0.0) -> Saving:
    """Go straight to the next pair in which none of these operands is zero; two operands are intersected.

    find="bitmask": `width` positions of the masks are looked through in a cycle, one pair a cycle comes out.
    "coordinates": lists of nonzero positions; a cycle compares the heads of two lists and drops the smaller, or both
    where they agree, until one list ends. The list of a single operand needs no search.

    >>> print(skip("ifmap", "filter", find="coordinates"))
    skip on ifmap and filter by coordinates
    """
    return _saving("skip", on, find, width=width, bits=bits, start=start, check=check)


def _saving(kind: str, on: tuple[str, ...], find: str, **numbers: Any) -> Saving:
    faults = [] if on else [f"{kind} needs the name of an operand, such as {kind}('ifmap')"]
    if len({*on}) < len(on):
        faults.append(f"{kind} names an operand twice: {', '.join(on)}")
    if find not in FINDS[kind]:
        faults.append(
            f"{kind} finds zeros by {' or '.join(FINDS[kind])}, got {find!r}{suggest(str(find), FINDS[kind])}"
        )
    for name, least in (("width", 1), ("bits", 0), ("start", 0)):
        if name in numbers and not (whole(numbers[name]) and numbers[name] >= least):
            faults.append(f"{name} must be a whole number, {least} or more, got {numbers[name]!r}")
    if not isinstance(numbers["check"], (int, float)) or not 0 <= numbers["check"] < math.inf:
        faults.append(f"check must be an energy of 0 or more, got {numbers['check']!r}")
    if faults:
        raise WorkloadError("saving: " + "\n  ".join(faults))
    return Saving(kind, on, find, **numbers)
