"""Time and memory, measured alike for the simulator and its peers; each peer's own Python runs this."""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter, process_time
from typing import Any


class Clock:
    """Adds up the processor and wall seconds spent inside its `with` blocks.

    >>> clock = Clock()
    >>> with clock:
    ...     total = sum(range(1000))
    >>> 0 <= clock.cpu, 0 < clock.wall < 1
    (True, True)
    """

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def __enter__(self) -> Clock:
        self.started = process_time(), perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu += process_time() - self.started[0]
        self.wall += perf_counter() - self.started[1]


def peak_mib() -> float | None:
    """The most memory this process has held, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def row(tool: str, count: int, clock: Clock) -> dict[str, Any]:
    """One line of the table: what was costed, how often, and what that took."""
    return {"tool": tool, "count": count, "cpu_s": clock.cpu, "wall_s": clock.wall, "peak_mib": peak_mib()}


def one_core() -> None:
    """Keep this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def task() -> dict[str, Any]:
    """What the benchmark asks of a script that it runs: one JSON argument. From here on the script has one core."""
    one_core()
    return json.loads(sys.argv[1])
