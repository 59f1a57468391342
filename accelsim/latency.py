"""What the counts cost in time: compute against each level's bandwidth, and who the bottleneck is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from accelsim.arch import Arch, Level
from accelsim.counts import Counts, Key


@dataclass(frozen=True)
class Latency:
    """Cycles of a layer.

    compute: one MAC per multiplier and cycle. ramp: the wait before the first MAC, while the levels fill their first
    tiles one after the other, as fast as the level above each can read.
    transfer: cycles that each level of limited bandwidth needs for its words. bottleneck: "compute" or the level
    that takes longest.
    """

    cycles: int
    compute: int
    ramp: int
    transfer: dict[str, int]
    bottleneck: str


def latency(counts: Counts, arch: Arch) -> Latency:
    """Cycles: the slowest of compute (after its ramp-up) and the transfers that overlap it, plus those that do not.

    A level's words are spread evenly over its instances that have work; where reads and writes have bandwidths of
    their own, the slower decides. Left out: the drain after the last MAC, conflicts of banks, and bursts.

    >>> from accelsim import Arch, Level, count, einsum, nest
    >>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=4, C=4)
    >>> toy = Arch("toy", (Level("DRAM", bandwidth=1), Level("buffer", fanout=4)))
    >>> latency(count(layer, toy, nest("DRAM: | buffer: C4 M4@x")), toy)
    Latency(cycles=24, compute=4, ramp=20, transfer={'DRAM': 24}, bottleneck='DRAM')
    """
    transfer, ramp = {}, 0
    for level in arch.levels:
        if level.timed:
            instances = counts.instances[level.name]
            read, written = (_words(words, level.name, arch) for words in (counts.reads, counts.writes))
            transfer[level.name] = _cycles(level, read, written, instances)
            if level.overlap:  # what does not overlap is waited for in any case
                ramp += _cycles(level, _words(counts.first, level.name, arch), 0, instances)
    apart = sum(cycles for name, cycles in transfer.items() if not arch.level(name).overlap)
    together = [cycles for name, cycles in transfer.items() if arch.level(name).overlap]
    times = {"compute": counts.steps, **transfer}
    return Latency(
        cycles=apart + max([counts.steps + ramp, *together]),
        compute=counts.steps,
        ramp=ramp,
        transfer=transfer,
        bottleneck=max(times, key=lambda name: times[name]),
    )


def _words(words: dict[Key, int], name: str, arch: Arch) -> Fraction:
    """Words of the machine's width that a level moves."""
    return Fraction(sum(n * arch.width(tensor) for (level, tensor), n in words.items() if level == name), arch.word)


def _cycles(level: Level, read: Fraction | int, written: Fraction | int, instances: int) -> int:
    limits = ((read + written, level.bandwidth), (read, level.read_bandwidth), (written, level.write_bandwidth))
    return max(_ceiling(words, limit, instances) for words, limit in limits if limit is not None)


def _ceiling(words: Fraction | int, limit: float, instances: int) -> int:
    try:
        return math.ceil(float(words) / (limit * instances))
    except OverflowError:  # beyond floating point: exact, if slow
        return math.ceil(words / (Fraction(limit) * instances))
