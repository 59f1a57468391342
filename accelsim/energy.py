"""What the counts cost in energy: each count times its row of the machine's table."""

from __future__ import annotations

from accelsim.arch import Arch
from accelsim.counts import Counts, Key

MAC: Key = ("MAC", "compute")


def energy(counts: Counts, arch: Arch) -> dict[Key, float]:
    """Energy by (level, tensor) of everything that moves or multiplies, in the machine's unit.

    Besides the levels there are `("MAC", "compute")` and, where links cost, `("NoC", tensor)`: each word pays
    `link` once per copy that it reaches or leaves, however far. A word of another width costs in proportion to its
    bits. Left out: control, the clock tree, and what depends on the data (zeros cost as much as other values).

    >>> from accelsim import Arch, Level, count, einsum, nest
    >>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=3, C=4)
    >>> toy = Arch("toy", (Level("DRAM", read=200, write=200), Level("reg", read=1, write=1)), mac=1)
    >>> spent = energy(count(layer, toy, nest("DRAM: C4 M3 | reg:")), toy)
    >>> spent["DRAM", "filter"], spent["MAC", "compute"]
    (2400.0, 12.0)
    """
    spent: dict[Key, float] = {}
    for (level, tensor, kind), value in by_access(counts, arch).items():
        key = ("NoC" if kind == "link" else level, tensor)
        spent[key] = spent.get(key, 0.0) + value
    return {**spent, MAC: float(counts.macs * arch.mac)}


def by_access(counts: Counts, arch: Arch) -> dict[tuple[str, str, str], float]:
    """Energy by (level, tensor, kind), kind being "read", "write" or, where the level's links cost, "link"."""
    spent = {}
    for level in arch.levels:
        kinds = [("read", counts.reads, level.read), ("write", counts.writes, level.write)]
        if level.link:
            kinds.append(("link", counts.carried, level.link))
        for kind, words, price in kinds:
            for (name, tensor), moved in words.items():
                if name == level.name:
                    spent[name, tensor, kind] = float(moved * price * arch.width(tensor) / arch.word)
    return spent


def leakage(cycles: int, arch: Arch) -> dict[Key, float]:
    """Energy that leaks away while a layer runs, by (level, "leakage"); all instances leak, used or not.

    >>> from accelsim import Level
    >>> leakage(100, Arch("toy", (Level("DRAM"), Level("spad", leak=0.5)), leak=2))
    {('spad', 'leakage'): 50.0, ('rest', 'leakage'): 200.0}
    """
    leaks = {level.name: level.leak * arch.instances[level.name] for level in arch.levels} | {"rest": arch.leak}
    return {(name, "leakage"): float(cycles * leak) for name, leak in leaks.items() if leak}
