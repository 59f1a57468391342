"""The machine: levels of storage, outermost first, each with an array of copies of the next level below it.

>>> toy = Arch("toy", (Level("DRAM", read=200, write=200), Level("buffer", capacity=64, fanout=(4, 2))))
>>> toy.level("buffer").fanout
(4, 2)
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import index

from accelsim.errors import ArchError, number, suggest, whole

AXES = ("x", "y")
COSTS = ("read", "write", "link", "leak", "area")
RATES = ("bandwidth", "read_bandwidth", "write_bandwidth")
MIN_RATE = 1e-12
RESERVED = {"MAC", "NoC", "rest", "compute"}


@dataclass(frozen=True)
class Level:
    """One level of storage and the array below it.

    capacity: words per instance (None: unlimited), or words per tensor where the memory is partitioned; a tensor
    without a partition cannot be kept there.
    read, write: energy per word, in the unit of the machine's table.
    bandwidth: words per cycle and instance, reads and writes together (None: unlimited); read_bandwidth and
    write_bandwidth limit each direction alone.
    fanout: (x, y) copies of the next level, or of the MAC, below one instance. A whole number means one row.
    multicast: one read serves all copies that want the same word in the same step.
    reduction: partial sums of several copies are added on their way up.
    accumulate: the level itself can add a partial sum to one it holds; needed where copies reduce and nobody else adds.
    link: energy to carry one word between this level and one copy below, paid per destination.
    double: double buffered, so tiles need twice their words.
    overlap: moving words at this level takes place while the MACs compute, whether double buffered or not.
    leak: energy per instance and cycle, used or not. area: of one instance, in any unit you keep to.

    Raises `ArchError` with every fault at once.
    """

    name: str
    capacity: int | Mapping[str, int | None] | None = field(default=None, hash=False)
    read: float = 0.0
    write: float = 0.0
    bandwidth: float | None = None
    read_bandwidth: float | None = None
    write_bandwidth: float | None = None
    fanout: tuple[int, int] = (1, 1)
    multicast: bool = True
    reduction: bool = True
    accumulate: bool = True
    link: float = 0.0
    double: bool = False
    overlap: bool = True
    leak: float = 0.0
    area: float = 0.0

    def __post_init__(self) -> None:
        if faults := _level_faults(self):
            raise ArchError(f"level {self.name!r}: " + "\n  ".join(faults))
        x, y = (self.fanout, 1) if whole(self.fanout) else self.fanout
        object.__setattr__(self, "fanout", (index(x), index(y)))  # type: ignore[arg-type]
        object.__setattr__(self, "capacity", _own(self.capacity))
        for what in (*COSTS, *RATES):
            if getattr(self, what) is not None:
                object.__setattr__(self, what, float(getattr(self, what)))

    @property
    def timed(self) -> bool:
        """Whether a bandwidth is limited."""
        return any(getattr(self, what) is not None for what in RATES)

    @property
    def copies(self) -> int:
        """Instances of the next level below one instance of this one."""
        return math.prod(self.fanout)


@dataclass(frozen=True)
class Arch:
    """A machine: its levels outermost first, and what a MAC costs.

    mac: energy of one multiply-accumulate; mac_area: its area. unit: the unit of all energies. clock: cycles per
    second, if known. leak: energy per cycle of everything that is neither a level nor a MAC's switching.
    word: bits of the word that capacities, energies and bandwidths refer to; bits: the width of each tensor's own
    words where it differs, so that `bits={"ofmap": 32}` makes partial sums take two words of 16 bits.
    source: where the figures come from. Raises `ArchError` with every fault at once.
    """

    name: str
    levels: tuple[Level, ...]
    mac: float = 0.0
    mac_area: float = 0.0
    leak: float = 0.0
    word: int = 16
    bits: Mapping[str, int] = field(default_factory=dict, hash=False)
    unit: str = "MAC"
    clock: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if faults := _arch_faults(self):
            raise ArchError(f"machine {self.name!r}: " + "\n  ".join(faults))
        object.__setattr__(self, "levels", tuple(self.levels))
        object.__setattr__(self, "word", index(self.word))
        object.__setattr__(self, "bits", _own(self.bits))

    @cached_property
    def pes(self) -> int:
        """Multipliers in the whole machine: one MAC each per cycle."""
        return math.prod(level.copies for level in self.levels)

    @cached_property
    def instances(self) -> dict[str, int]:
        """How many of each level the machine has."""
        found, total = {}, 1
        for level in self.levels:
            found[level.name] = total
            total *= level.copies
        return found

    @property
    def area(self) -> float:
        """Area of all levels and MACs, in the unit of their figures."""
        return self.pes * self.mac_area + sum(level.area * self.instances[level.name] for level in self.levels)

    def width(self, tensor: str) -> int:
        """Bits of one word of a tensor.

        >>> Arch("toy", (Level("DRAM"),), word=8, bits={"ofmap": 32}).width("ofmap")
        32
        """
        return self.bits.get(tensor, self.word)

    def level(self, name: str) -> Level:
        """The level of that name. Raises `ArchError` for an unknown one."""
        for level in self.levels:
            if level.name == name:
                return level
        names = [level.name for level in self.levels]
        raise ArchError(f"{self.name}: no level {name!r}; it has {', '.join(names)}{suggest(name, names)}")


def _level_faults(level: Level) -> list[str]:
    faults = []
    if not isinstance(level.name, str) or not re.fullmatch(r"[A-Za-z_]\w*", level.name, re.ASCII):
        faults.append(f"a level's name is one word of letters, digits and _, got {level.name!r}")
    elif level.name in RESERVED:
        faults.append(f"{level.name} has a meaning of its own in results; choose another name")
    sizes = dict(level.capacity) if isinstance(level.capacity, Mapping) else {"": level.capacity}
    faults += [
        f"capacity{f' of {tensor}' if tensor else ''} must be a whole number of words, 0 or more, got {size!r}"
        for tensor, size in sizes.items()
        if size is not None and not (whole(size) and size >= 0)
    ]
    faults += [
        f"{what} must be a number of 0 or more, got {getattr(level, what)!r}"
        for what in COSTS
        if not _cost(getattr(level, what))
    ]
    faults += [
        f"{what} must be None or a number of {MIN_RATE} or more, got {value!r}"
        for what in RATES
        if (value := getattr(level, what)) is not None and not _rate(value)
    ]
    faults += [
        f"{what} must be True or False, got {getattr(level, what)!r}"
        for what in ("multicast", "reduction", "accumulate", "double", "overlap")
        if not isinstance(getattr(level, what), bool)
    ]
    pair: object = (level.fanout, 1) if whole(level.fanout) else level.fanout
    if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(whole(side) and side >= 1 for side in pair)):
        faults.append(f"fanout must be (x, y), two whole numbers of 1 or more, got {pair!r}")
    return faults


def _own(values: object) -> object:
    """A copy of a table of whole numbers, or the one whole number, that nobody else can change."""
    if isinstance(values, Mapping):
        return {name: None if value is None else index(value) for name, value in values.items()}
    return None if values is None else index(values)  # type: ignore[arg-type]


def _arch_faults(arch: Arch) -> list[str]:
    listed = isinstance(arch.levels, (tuple, list)) and all(isinstance(level, Level) for level in arch.levels)
    if not listed or not arch.levels:
        return [f"needs at least one Level, outermost first, got {arch.levels!r}"]
    names = [level.name for level in arch.levels]
    faults = [f"{names.count(name)} levels are called {name}" for name in sorted({*names}) if names.count(name) > 1]
    faults += [
        f"{what} must be a number of 0 or more, got {getattr(arch, what)!r}"
        for what in ("mac", "mac_area", "leak")
        if not _cost(getattr(arch, what))
    ]
    bits: object = arch.bits
    if not isinstance(bits, Mapping):
        return [*faults, f"bits gives a width per tensor, as in {{'ofmap': 32}}, got {bits!r}"]
    widths = {"word": arch.word, **{f"bits of {tensor}": width for tensor, width in bits.items()}}
    faults += [
        f"{what} must be a whole number of bits, 1 or more, got {width!r}"
        for what, width in widths.items()
        if not (whole(width) and width >= 1)
    ]
    if arch.clock is not None and not _rate(arch.clock):
        faults.append(f"clock must be None or a number of {MIN_RATE} or more, got {arch.clock!r}")
    return faults


def _cost(value: object) -> bool:
    return number(value) and float(value) >= 0  # type: ignore[arg-type]


def _rate(value: object) -> bool:
    return number(value) and float(value) >= MIN_RATE  # type: ignore[arg-type]
