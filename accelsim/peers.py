"""What other tools counted on the same mappings, as recorded, and what we count there under their conventions.

>>> for name, rows in agreement().items():
...     print(name, rows.mappings, rows.words, rows.differ)
Timeloop 4cf6d4c 6 72 0
AccelForge 1.0.467 107 1464 0
ZigZag 3.9.1 108 1482 0

`data/peers_matched.csv` holds six mappings in all three tools, `data/peers_random.csv` those six and random ones in the
two tools that `python -m tests.bench.counts` can run. The heads of the files say how they came about.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from accelsim.arch import Arch, Level
from accelsim.conventions import Convention, recount
from accelsim.errors import CatalogError, suggest
from accelsim.mapping import Mapping, nest
from accelsim.workload import Layer, einsum

RANDOM = "peers_random.csv"
LAYERS = {
    "product": ("Z[M N] += A[M K] * B[K N]", dict(M=8, N=6, K=12)),
    "attention": ("Z[H I J] += A[H I D] * B[H J D]", dict(H=2, I=8, J=4, D=6)),
    "row": ("Z[K P] += A[P+R] * B[K R]", dict(K=4, P=16, R=3)),
    "conv": ("Z[N M P Q] += A[N C P+R Q+S] * B[M C R S]", dict(N=2, M=4, C=4, P=6, Q=8, R=3, S=2)),
    "strided": ("Z[M P Q] += A[C 2P+R 2Q+S] * B[M C R S]", dict(M=4, C=6, P=4, Q=4, R=3, S=4)),
    "sparse rows": ("Z[M P Q] += A[C 3P+R 2Q+S] * B[M C R S]", dict(M=4, C=4, P=4, Q=6, R=2, S=1)),
    "alexnet conv3": ("Z[N M P Q] += A[N C P+R Q+S] * B[M C R S]", dict(N=4, M=384, C=256, P=13, Q=13, R=3, S=3)),
    "dilated": ("Z[M P] += A[C P+2R] * B[M C R]", dict(M=4, C=4, P=8, R=3)),
}
# The layers of the six matched mappings, with the tensors' names of the random ones.
MATCHED_LAYERS = {
    "matched product": ("Z[M N] += A[M K] * B[N K]", dict(M=64, N=32, K=32)),
    "matched row": ("Z[K P] += A[P+R] * B[K R]", dict(K=4, P=16, R=3)),
}
# The six mappings by the names of their rows in the file.
MATCHED = {
    "matmul64x32x32 order m>n>k (Z stationary in Buffer)": ("matched product", "DRAM: M8 N4 K2 | GLB: M8 N8 K16"),
    "matmul64x32x32 order m>k>n (A stationary, psum spilled)": ("matched product", "DRAM: M8 K2 N4 | GLB: M8 N8 K16"),
    "matmul64x32x32 order k>m>n (psum spilled)": ("matched product", "DRAM: K2 M8 N4 | GLB: M8 N8 K16"),
    "c1_P_outer_tile1": ("matched row", "DRAM: P16 | GLB: K4 R3"),
    "c1_P_outer_tile4": ("matched row", "DRAM: P4 | GLB: P4 K4 R3"),
    "c1_R_outer": ("matched row", "DRAM: R3 | GLB: K4 P16"),
}
_NAMES = {"MainMemory": "DRAM", "Buffer": "GLB", "O": "Z", "I": "A", "F": "B"}


@dataclass(frozen=True)
class Recorded:
    """A tool's words for one mapping: {"DRAM.A": (reads, writes)}; levels and tensors without words are left out."""

    tool: str
    layer: str
    mapping: Mapping
    words: dict[str, tuple[int, int]]

    @property
    def preset(self) -> str:
        """The name of the tool's convention."""
        return self.tool.split()[0].lower()


@dataclass(frozen=True)
class Agreement:
    """How many mappings and words of a tool were compared, and how many words of ours differ."""

    mappings: int
    words: int
    differ: int


def layer_of(name: str) -> Layer:
    """A layer of the recorded mappings.

    >>> layer_of("row").macs
    192

    Raises `CatalogError` for an unknown one.
    """
    if name not in (known := LAYERS | MATCHED_LAYERS):
        raise CatalogError(f"no recorded layer {name!r}; there is {', '.join(known)}{suggest(name, known)}")
    text, bounds = (LAYERS | MATCHED_LAYERS)[name]
    return einsum(name, text, **bounds)


def machine(mapping: Mapping) -> Arch:
    """Levels without limits, with arrays as large as the mapping asks for."""
    wide = [math.prod(loop.bound for loop in stage.loops if loop.axis) for stage in mapping.stages]
    levels = zip(mapping.stages, wide, strict=True)
    return Arch("roomy", tuple(Level(stage.level, fanout=(copies, 1)) for stage, copies in levels))


def ours(tool: str | Convention, name: str, mapping: Mapping) -> dict[str, tuple[int, int]]:
    """Our counts of a recorded layer under a tool's convention, zeros left out.

    >>> ours("zigzag", "row", nest("DRAM: P4 | GLB: P4 K4 R3"))["DRAM.A"]
    (24, 0)
    """
    counts = recount(layer_of(name), machine(mapping), mapping, tool)
    both = {f"{level}.{tensor}": (n, counts.writes[level, tensor]) for (level, tensor), n in counts.reads.items()}
    return {key: words for key, words in both.items() if any(words)}


def recorded() -> list[Recorded]:
    """Every recorded mapping of every tool."""
    return [*matched(), *at_random()]


def matched() -> list[Recorded]:
    """The six mappings that all three tools were given."""
    found: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for row in _rows("peers_matched.csv"):
        key = f"{_NAMES[row['level']]}.{_NAMES.get(row['tensor'], row['tensor'])}"
        found.setdefault((row["tool"], row["case"]), {})[key] = int(row["reads"]), int(row["writes(fills+updates)"])
    return [
        Recorded(
            tool, MATCHED[case][0], nest(MATCHED[case][1]), {key: both for key, both in words.items() if any(both)}
        )
        for (tool, case), words in found.items()
    ]


def at_random() -> list[Recorded]:
    """The mappings that `tests.bench.counts` gave to the tools that it can run: the six, and random ones."""
    return [
        Recorded(row["tool"], row["layer"], nest(row["mapping"]), dict(_words(row["counts"]))) for row in _rows(RANDOM)
    ]


def agreement() -> dict[str, Agreement]:
    """Recorded words beside ours under each tool's convention, recounted now."""
    found: dict[str, Agreement] = {}
    for row in recorded():
        mine = ours(row.preset, row.layer, row.mapping)
        keys = row.words.keys() | mine.keys()
        differ = sum(
            a != b for key in keys for a, b in zip(row.words.get(key, (0, 0)), mine.get(key, (0, 0)), strict=True)
        )
        so_far = found.get(row.tool, Agreement(0, 0, 0))
        found[row.tool] = Agreement(so_far.mappings + 1, so_far.words + 2 * len(keys), so_far.differ + differ)
    return found


def _rows(name: str) -> list[dict[str, str]]:
    text = files("accelsim").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def _words(cell: str) -> Iterator[tuple[str, tuple[int, int]]]:
    parts = cell.split()
    for key, words in zip(parts[::2], parts[1::2], strict=True):
        reads, _, writes = words.partition("/")
        yield key, (int(reads), int(writes))
