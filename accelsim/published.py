"""Figures that others published, each with source, place, how well it is known, and how closely a result must agree.

The one place for them: pages, labs and tests quote from here, and a test reads the pages for figures that are not.

>>> fps = figure("eyeriss.alexnet.fps")
>>> print(fps, "|", fps.value, "|", fps.source)
34.7 frames/s | 34.7 | Chen, Krishna, Emer, Sze, JSSC 52(1), 2017
>>> [str(time) for time in table("eyeriss.alexnet.conv?.processing_time").values()]
['16.5 ms', '39.2 ms', '21.8 ms', '16.0 ms', '10.0 ms']

The rows are in `data/published.csv`, one figure a line. Energies of one operation or access are those of
`accelsim.catalog.tables`, under the names `horowitz.*` (pJ) and `isca16.cost.*` (1 = one MAC).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from math import isnan

from accelsim.catalog.tables import HOROWITZ_45, NORMALISED_65, EnergyTable
from accelsim.errors import CatalogError, suggest

KNOWN = {
    "read": "read in the source, or in a public project that quotes it",
    "checked": "recalled, and in agreement with another figure",
    "recalled": "from memory, not checked: shown, and nothing is judged by it",
    "derived": "computed from what the source gives",
}

# By the keys of the book's bibliography, where the source stands in it.
SOURCES = {
    "": "no single source",
    "aau2008": "measurements of a phone's radios, Aalborg University, 2008",
    "albericio2016": "Albericio et al., Cnvlutin, ISCA 2016",
    "chen2014": "Chen et al., DianNao, ASPLOS 2014",
    "chen2016": "Chen, Emer, Sze, ISCA 2016",
    "chen2016isscc": "Chen, Krishna, Emer, Sze, slides of ISSCC 2016, paper 14.5",
    "chen2017": "Chen, Krishna, Emer, Sze, JSSC 52(1), 2017",
    "chen2019": "Chen, Yang, Emer, Sze, Eyeriss v2, JETCAS 9(2), 2019",
    "du2015": "Du et al., ShiDianNao, ISCA 2015",
    "han2016": "Han, Mao, Dally, Deep Compression, ICLR 2016",
    "han2016eie": "Han et al., EIE, ISCA 2016",
    "horowitz2014": "Horowitz, ISSCC 2014, paper 1.1",
    "howard2017": "Howard et al., MobileNets, 2017",
    "howard2019": "Howard et al., Searching for MobileNetV3, ICCV 2019",
    "interview2018": "Sze, interview of 24 January 2018",
    "jouppi2017": "Jouppi et al., ISCA 2017",
    "krishnamoorthi2018": "Krishnamoorthi, Quantizing deep convolutional networks, 2018",
    "kwon2019": "Kwon et al., MAESTRO, MICRO 2019",
    "lavin2016": "Lavin, Gray, CVPR 2016",
    "lee2018": "Lee et al., UNPU, ISSCC 2018",
    "lin2018": "Lin et al., ASPLOS 2018",
    "nn_dataflow": "the tests of nn-dataflow 2.1",
    "nvdla": "NVDLA's primer, nvdla.org",
    "nvidia": "NVIDIA's data sheets, as catalogues of third parties give them",
    "parashar2017": "Parashar et al., SCNN, ISCA 2017",
    "parashar2019": "Parashar et al., Timeloop, ISPASS 2019",
    "sandler2018": "Sandler et al., MobileNetV2, CVPR 2018",
    "shao2019": "Shao et al., Simba, MICRO 2019",
    "suleiman2019": "Suleiman et al., Navion, JSSC 54(4), 2019",
    "sullivan2012": "Sullivan et al., HEVC, TCSVT 22(12), 2012",
    "sze2012": "Sze, Budagavi, CABAC in HEVC, TCSVT 22(12), 2012",
    "tan2019": "Tan, Le, EfficientNet, ICML 2019",
    "torchvision": "torchvision 0.19.0, metadata of its weights",
    "wu2019": "Wu, Emer, Sze, Accelergy, ICCAD 2019",
    "yang2017": "Yang, Chen, Sze, energy-aware pruning, CVPR 2017",
    "yang2018": "Yang et al., NetAdapt, ECCV 2018",
    "zimmer2019": "Zimmer et al., Simba, VLSI Circuits 2019",
}


_SIGNS = {"x": " times", "": "", "um2": " µm²", "mm2": " mm²", "TOPS/mm2": " TOPS/mm²", "uJ/bit": " µJ/bit"}


@dataclass(frozen=True)
class Figure:
    """One published figure.

    printed: the digits as published. key: the source in `SOURCES` and in the book's bibliography. where: table,
    figure or place in it. known: a word of `KNOWN`. tolerance: how far a result of ours may be off, as a fraction;
    None where none is judged by it. note: what it includes, or leaves out.
    """

    name: str
    printed: str
    unit: str
    key: str
    where: str
    known: str
    tolerance: float | None = None
    note: str = ""

    @property
    def value(self) -> float:
        """The number; an int where it was published without a point."""
        return int(self.printed) if self.printed.isdecimal() else float(self.printed)

    @property
    def source(self) -> str:
        """Authors, place and year."""
        return SOURCES[self.key]

    @property
    def rounding(self) -> float:
        """Half a unit of the last digit published: how far the true value may lie from `value`.

        >>> figure("eyeriss.alexnet.dram_per_mac").rounding
        5e-05
        """
        return 0.5 * 10.0 ** -len(self.printed.partition(".")[2])

    def agrees(self, value: float) -> bool:
        """Whether a result in this figure's unit is within its tolerance, or equal to the digits published.

        Raises `CatalogError` where no result may be judged by the figure.

        >>> figure("eyeriss.alexnet.conv1.processing_time").agrees(16.0)
        True
        """
        if self.tolerance is None:
            raise CatalogError(f"{self.name} ({self.known}) is shown only; no result is judged by it")
        return abs(value - self.value) <= max(self.tolerance * abs(self.value), self.rounding * (1 + 1e-9))

    def __str__(self) -> str:
        unit = _SIGNS.get(self.unit, f" {self.unit}")
        return f"{_grouped(self.printed)}{unit}{' (recalled)' if self.known == 'recalled' else ''}"

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


def figure(name: str) -> Figure:
    """The published figure of that name. Raises `CatalogError` with a suggestion for an unknown one.

    >>> figure("tpu_v1.cnn0.tops").value
    86.0
    """
    if name not in _figures():
        inside = [known for known in _figures() if known.startswith(f"{name}.")]
        hint = f"; under it there is {', '.join(inside[:6])}" if inside else suggest(name, _figures())
        raise CatalogError(f"no published figure {name!r}{hint}")
    return _figures()[name]


def table(pattern: str = "*") -> dict[str, Figure]:
    """The figures whose name matches a pattern (`*` any letters, `?` one), or begins with it and a dot, by name.

    Raises `CatalogError` when there is none.

    >>> {name: str(cost) for name, cost in table("isca16.cost").items() if "D" in name}
    {'isca16.cost.DRAM': '200 MAC energies'}
    """
    found = {
        name: row for name, row in _figures().items() if fnmatchcase(name, pattern) or name.startswith(f"{pattern}.")
    }
    if not found:
        raise CatalogError(f"no published figure matches {pattern!r}{suggest(pattern, _families())}")
    return found


@cache
def _figures() -> dict[str, Figure]:
    rows = [*_rows(), *_costs("horowitz", HOROWITZ_45), *_costs("isca16.cost", NORMALISED_65)]
    return {row.name: row for row in rows}


def _rows() -> Iterator[Figure]:
    text = (files("accelsim") / "data" / "published.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        tolerance = float(row.pop("tolerance") or "nan")
        yield Figure(**row, tolerance=None if isnan(tolerance) else tolerance)


def _costs(prefix: str, costs: EnergyTable) -> Iterator[Figure]:
    key, where = {"horowitz": ("horowitz2014", "fig. 1.1.9")}.get(prefix, ("chen2016", "table IV"))
    for name, cost in costs.costs.items():
        yield Figure(
            f"{prefix}.{name}", f"{cost.energy:g}", costs.unit, key, where, cost.known, note=f"{cost.bits} bits"
        )


def _families() -> list[str]:
    parts = [name.split(".") for name in _figures()]
    return sorted({".".join(part[:depth]) for part in parts for depth in range(1, len(part))})


def _grouped(printed: str) -> str:
    whole, point, rest = printed.partition(".")
    return f"{int(whole):,}{point}{rest}" if len(whole) > 4 else printed
