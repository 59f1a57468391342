"""What the counts cost in time: compute against each level's bandwidth, and who the bottleneck is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.arch import Arch
from accelsim.dataflow import Counts


@dataclass(frozen=True)
class Latency:
    """Cycles of a layer. compute: one MAC per multiplier and cycle. transfer: by level, where bandwidth is limited.

    bottleneck: the name of the level, or "compute", that decides.
    """

    cycles: int
    compute: int
    transfer: dict[str, int]
    bottleneck: str


def latency(counts: Counts, arch: Arch) -> Latency:
    """Cycles: the slowest of compute and the transfers that overlap with it, plus those that do not.

    A level's words are spread evenly over its instances that have work. Left out: the time to fill the array
    before its first MAC (ramp-up), conflicts of banks, and bursts.

    >>> from accelsim import Arch, Level, count, einsum, nest
    >>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=4, C=4)
    >>> toy = Arch("toy", (Level("DRAM", bandwidth=1), Level("buffer", fanout=4)))
    >>> latency(count(layer, toy, nest("DRAM: | buffer: C4 M4@x")), toy)
    Latency(cycles=24, compute=4, transfer={'DRAM': 24}, bottleneck='DRAM')
    """
    transfer = {}
    for level in arch.levels:
        if level.bandwidth is not None:
            words = sum(counts.reads[key] + counts.writes[key] for key in counts.reads if key[0] == level.name)
            transfer[level.name] = math.ceil(words / (level.bandwidth * counts.instances[level.name]))
    apart = sum(cycles for name, cycles in transfer.items() if not arch.level(name).overlap)
    together = {"compute": counts.steps} | {n: cycles for n, cycles in transfer.items() if arch.level(n).overlap}
    times = {"compute": counts.steps, **transfer}
    return Latency(
        cycles=apart + max(together.values()),
        compute=counts.steps,
        transfer=transfer,
        bottleneck=max(times, key=lambda name: times[name]),
    )
