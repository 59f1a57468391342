"""What a machine did: the counts that the closed form and the slow machine must agree on."""

from __future__ import annotations

from dataclasses import dataclass

Key = tuple[str, str]


@dataclass(frozen=True)
class Counts:
    """Exact whole numbers, totals over all instances and the whole layer.

    reads, writes: words read and written, by (level, tensor). carried: words that cross the array below a level,
    up or down, counted at each copy they reach or leave. first: words read at each level to fill the first tiles
    below it, before the first MAC. macs: multiply-accumulates. steps: time steps with any work. instances: copies
    of each level that ever have work; active: multipliers that ever have work.
    """

    reads: dict[Key, int]
    writes: dict[Key, int]
    carried: dict[Key, int]
    first: dict[Key, int]
    macs: int
    steps: int
    instances: dict[str, int]
    active: int
