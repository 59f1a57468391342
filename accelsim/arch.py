"""The machine: levels of storage, outermost first, each with an array of copies of the next level below it.

>>> toy = Arch("toy", (Level("DRAM", read=200, write=200), Level("buffer", capacity=64, fanout=(4, 2))))
>>> toy.level("buffer").fanout
(4, 2)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from accelsim.errors import ArchError, suggest, whole

AXES = ("x", "y")


@dataclass(frozen=True)
class Level:
    """One level of storage and the array below it.

    capacity: words per instance (None: unlimited), or words per tensor where the memory is partitioned.
    read, write: energy per word, in the unit of the machine's table.
    bandwidth: words per cycle and instance, reads and writes together (None: unlimited).
    fanout: (x, y) copies of the next level, or of the MAC, below one instance. A whole number means one row.
    multicast: one read serves all copies that want the same word in the same step.
    reduction: partial sums of several copies are added on their way up.
    link: energy to carry one word between this level and one copy below, paid per destination.
    double: double buffered, so tiles need twice their words.
    overlap: moving words at this level takes place while the MACs compute.

    Raises `ArchError` with every fault at once.
    """

    name: str
    capacity: int | Mapping[str, int] | None = None
    read: float = 0.0
    write: float = 0.0
    bandwidth: float | None = None
    fanout: tuple[int, int] = (1, 1)
    multicast: bool = True
    reduction: bool = True
    link: float = 0.0
    double: bool = False
    overlap: bool = True

    def __post_init__(self) -> None:
        if whole(self.fanout):
            object.__setattr__(self, "fanout", (int(self.fanout), 1))  # type: ignore[call-overload]
        if faults := _level_faults(self):
            raise ArchError(f"level {self.name!r}: " + "\n  ".join(faults))

    @property
    def copies(self) -> int:
        """Instances of the next level below one instance of this one."""
        return math.prod(self.fanout)


@dataclass(frozen=True)
class Arch:
    """A machine: its levels outermost first, and what a MAC costs.

    mac: energy of one multiply-accumulate. unit: the unit of all energies. clock: cycles per second, if known.
    source: where the figures come from. Raises `ArchError` with every fault at once.
    """

    name: str
    levels: tuple[Level, ...]
    mac: float = 0.0
    unit: str = "MAC"
    clock: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(self.levels))
        if faults := _arch_faults(self):
            raise ArchError(f"machine {self.name!r}: " + "\n  ".join(faults))

    @cached_property
    def pes(self) -> int:
        """Multipliers in the whole machine: one MAC each per cycle."""
        return math.prod(level.copies for level in self.levels)

    def level(self, name: str) -> Level:
        """The level of that name. Raises `ArchError` for an unknown one."""
        for level in self.levels:
            if level.name == name:
                return level
        names = [level.name for level in self.levels]
        raise ArchError(f"{self.name}: no level {name!r}; it has {', '.join(names)}{suggest(name, names)}")


def _level_faults(level: Level) -> list[str]:
    faults = []
    if not isinstance(level.name, str) or not level.name.isidentifier():
        faults.append(f"a level's name is one word of letters, digits and _, got {level.name!r}")
    sizes = dict(level.capacity) if isinstance(level.capacity, Mapping) else {"": level.capacity}
    faults += [
        f"capacity{f' of {tensor}' if tensor else ''} must be a whole number of words, 0 or more, got {size!r}"
        for tensor, size in sizes.items()
        if size is not None and not (whole(size) and size >= 0)
    ]
    faults += [
        f"{what} must be a number of 0 or more, got {value!r}"
        for what, value in (("read", level.read), ("write", level.write), ("link", level.link))
        if not _cost(value)
    ]
    if level.bandwidth is not None and not (_cost(level.bandwidth) and level.bandwidth > 0):
        faults.append(f"bandwidth must be a number above 0 or None, got {level.bandwidth!r}")
    pair = level.fanout
    if not (isinstance(pair, tuple) and len(pair) == 2 and all(whole(side) and side >= 1 for side in pair)):
        faults.append(f"fanout must be (x, y), two whole numbers of 1 or more, got {pair!r}")
    return faults


def _arch_faults(arch: Arch) -> list[str]:
    if not arch.levels or not all(isinstance(level, Level) for level in arch.levels):
        return [f"needs at least one Level, outermost first, got {arch.levels!r}"]
    names = [level.name for level in arch.levels]
    faults = [f"{names.count(name)} levels are called {name}" for name in sorted({*names}) if names.count(name) > 1]
    if not _cost(arch.mac):
        faults.append(f"mac must be a number of 0 or more, got {arch.mac!r}")
    if arch.clock is not None and not (_cost(arch.clock) and arch.clock > 0):
        faults.append(f"clock must be a number above 0 or None, got {arch.clock!r}")
    return faults


def _cost(value: object) -> bool:
    number = isinstance(value, (int, float)) or hasattr(value, "__float__")
    return number and not isinstance(value, (bool, str)) and math.isfinite(value) and value >= 0  # type: ignore[arg-type, operator]
