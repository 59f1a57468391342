"""What the counts cost in energy: each count times its row of the machine's table."""

from __future__ import annotations

from accelsim.arch import Arch
from accelsim.dataflow import Counts, Key

MAC: Key = ("MAC", "compute")


def energy(counts: Counts, arch: Arch) -> dict[Key, float]:
    """Energy by (level, tensor), in the machine's unit, with `("MAC", "compute")` and, where links cost, "NoC".

    Left out: leakage, control, the clock tree, and what depends on the data (zeros cost as much as other values).

    >>> from accelsim import Arch, Level, count, einsum, nest
    >>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=3, C=4)
    >>> toy = Arch("toy", (Level("DRAM", read=200, write=200), Level("reg", read=1, write=1)), mac=1)
    >>> spent = energy(count(layer, toy, nest("DRAM: C4 M3 | reg:")), toy)
    >>> spent["DRAM", "filter"], spent["MAC", "compute"]
    (2400.0, 12.0)
    """
    spent = {
        key: float(counts.reads[key] * level.read + counts.writes[key] * level.write)
        for level in arch.levels
        for key in counts.reads
        if key[0] == level.name
    }
    links = {level.name: level.link for level in arch.levels if level.link}
    for (name, tensor), words in counts.carried.items():
        if name in links:
            spent["NoC", tensor] = spent.get(("NoC", tensor), 0.0) + words * links[name]
    return {**spent, MAC: float(counts.macs * arch.mac)}
