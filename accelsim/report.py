"""`evaluate` a layer on a machine by a mapping: counts, energy and latency in one value, and tables of them."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accelsim.arch import Arch
from accelsim.counts import Counts, Key
from accelsim.dataflow import count
from accelsim.energy import by_access, energy, leakage
from accelsim.errors import MappingError
from accelsim.explain import Explanation, explain
from accelsim.latency import Latency, latency
from accelsim.mapping import Mapping
from accelsim.steps import timeline
from accelsim.timeline import Timeline
from accelsim.workload import Layer


@dataclass(frozen=True)
class Report:
    """What one layer costs on one machine by one mapping. Energies are in `arch.unit`, times in cycles.

    >>> from accelsim import catalog
    >>> layer, mapping = catalog.alexnet().layer("conv3"), catalog.mappings("eyeriss", "alexnet")["conv3"]
    >>> print(evaluate(layer, catalog.eyeriss(), mapping))
    conv3 on eyeriss: DRAM: M6 C64 | GLB[ifmap ofmap]: N4 Q13 M4@y P13@x R3@y | spad: M16 C4 S3
    598,081,536 MACs in 3,838,776 cycles, bound by compute; utilization 92.9% spatial, 99.9% temporal
    6.612 MAC energies and 0.0042 accesses of DRAM for each MAC
    <BLANKLINE>
    Energy by level and tensor, of 3.954e+09 MAC energies
    level  ifmap  filter  ofmap  compute   total
    DRAM    7.0%    4.5%   1.3%            12.8%
    GLB     0.4%    0.0%   5.0%             5.5%
    NoC     0.7%    0.6%   3.3%             4.7%
    spad   15.5%   15.4%  31.1%            62.0%
    MAC                            15.1%   15.1%
    total  23.6%   20.5%  40.8%    15.1%  100.0%
    """

    layer: Layer
    arch: Arch
    mapping: Mapping
    counts: Counts
    energy: dict[Key, float]
    latency: Latency

    @property
    def macs(self) -> int:
        """Multiply-accumulates; 1 MAC = 2 operations."""
        return self.counts.macs

    @property
    def cycles(self) -> int:
        """Cycles from first to last, as `latency` models them."""
        return self.latency.cycles

    @cached_property
    def total(self) -> float:
        """Energy of everything: the sum of the breakdown."""
        return sum(self.energy.values())

    @property
    def spatial(self) -> float:
        """Spatial utilization: multipliers that have work, over all multipliers."""
        return self.counts.active / self.arch.pes

    @property
    def temporal(self) -> float:
        """Temporal utilization: busy cycles of the multipliers that have work, over all cycles."""
        return self.macs / (self.counts.active * self.cycles)

    @property
    def accesses(self) -> int:
        """Words read and written at the outermost level (DRAM)."""
        return sum(self._outer(self.counts.reads) + self._outer(self.counts.writes))

    @property
    def accesses_per_mac(self) -> float:
        """Words read and written at the outermost level for each MAC."""
        return self.accesses / self.macs

    def by_level(self) -> dict[str, float]:
        """Energy by level, summed over tensors; MAC and NoC count as levels."""
        return _sums(self.energy, 0)

    def by_tensor(self) -> dict[str, float]:
        """Energy by tensor, summed over levels; "compute" is the MACs' own."""
        return _sums(self.energy, 1)

    def by_access(self) -> dict[tuple[str, str, str], float]:
        """Energy of the memories and links by (level, tensor, kind): "read", "write" or "link"."""
        return by_access(self.counts, self.arch)

    def explain(self, level: str, tensor: str) -> Explanation:
        """Why a level reads and writes so many words of a tensor: which loops cause it, in words and as a formula.

        >>> from accelsim import catalog
        >>> layer, mapping = catalog.alexnet().layer("conv3"), catalog.mappings("eyeriss", "alexnet")["conv3"]
        >>> why = evaluate(layer, catalog.eyeriss(), mapping).explain("DRAM", "filter")
        >>> why.read_formula
        '(2304 + 378 * 2304 + 5 * 2304)'
        """
        return explain(self.layer, self.arch, self.mapping, level, tensor)

    def timeline(self, first: int = 0, cycles: int = 600) -> Timeline:
        """What every PE does and every level moves in up to `cycles` steps from step `first` on; see `steps.timeline`.

        >>> from accelsim import catalog
        >>> layer, mapping = catalog.alexnet().layer("conv3"), catalog.mappings("eyeriss", "alexnet")["conv3"]
        >>> evaluate(layer, catalog.eyeriss(), mapping).timeline(first=10_000, cycles=100).active
        156
        """
        return timeline(self.layer, self.arch, self.mapping, first, cycles)

    def __str__(self) -> str:
        share = f"utilization {self.spatial:.1%} spatial, {self.temporal:.1%} temporal"
        moved = f"{self.accesses_per_mac:.4f} accesses of {self.arch.levels[0].name}"
        lines = [
            f"{self.layer.name} on {self.arch.name}: {self.mapping}",
            f"{self.macs:,} MACs in {self.cycles:,} cycles, bound by {self.latency.bottleneck}; {share}",
            f"{self.total / self.macs:.3f} {self.arch.unit} and {moved} for each MAC",
        ]
        return "\n".join(lines) + "\n\n" + NetworkReport(self.layer.name, (self,))._shares()

    def _outer(self, words: Table[Key, int]) -> list[int]:
        return [moved for (level, _), moved in words.items() if level == self.arch.levels[0].name]

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data for other programs."""
        return {
            "layer": self.layer.name,
            "mapping": str(self.mapping),
            "macs": self.macs,
            "cycles": self.cycles,
            "compute_cycles": self.latency.compute,
            "ramp_up_cycles": self.latency.ramp,
            "transfer_cycles": self.latency.transfer,
            "bottleneck": self.latency.bottleneck,
            "active_pes": self.counts.active,
            "spatial_utilization": self.spatial,
            "temporal_utilization": self.temporal,
            "reads": _nested(self.counts.reads),
            "writes": _nested(self.counts.writes),
            "energy": _nested(self.energy),
            "energy_by_level": self.by_level(),
            "energy_by_tensor": self.by_tensor(),
            "energy_total": self.total,
            "dram_accesses": self.accesses,
            "dram_accesses_per_mac": self.accesses_per_mac,
        }


@dataclass(frozen=True)
class NetworkReport:
    """Reports of several layers run one after the other on one machine."""

    name: str
    reports: tuple[Report, ...]

    @property
    def arch(self) -> Arch:
        """The machine all layers ran on."""
        return self.reports[0].arch

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return sum(report.macs for report in self.reports)

    @property
    def cycles(self) -> int:
        """Cycles of all layers, one after the other."""
        return sum(report.cycles for report in self.reports)

    @property
    def total(self) -> float:
        """Energy of all layers."""
        return sum(report.total for report in self.reports)

    @property
    def spatial(self) -> float:
        """Spatial utilization, weighted by each layer's cycles."""
        return sum(report.spatial * report.cycles for report in self.reports) / self.cycles

    @property
    def temporal(self) -> float:
        """Temporal utilization: MACs over the cycles offered by multipliers that had work."""
        return self.macs / sum(report.counts.active * report.cycles for report in self.reports)

    @property
    def accesses_per_mac(self) -> float:
        """Words read and written at the outermost level for each MAC."""
        return sum(report.accesses for report in self.reports) / self.macs

    def energy(self) -> dict[Key, float]:
        """Energy by (level, tensor), summed over layers."""
        spent: dict[Key, float] = {}
        for report in self.reports:
            for key, value in report.energy.items():
                spent[key] = spent.get(key, 0.0) + value
        return spent

    def by_level(self) -> dict[str, float]:
        """Energy by level, summed over layers and tensors; MAC and NoC count as levels."""
        return _sums(self.energy(), 0)

    def by_tensor(self) -> dict[str, float]:
        """Energy by tensor, summed over layers and levels; "compute" is the MACs' own."""
        return _sums(self.energy(), 1)

    def to_dict(self) -> dict[str, Any]:
        """The reports and their totals as plain data for other programs."""
        return {
            "machine": self.arch.name,
            "network": self.name,
            "energy_unit": self.arch.unit,
            "layers": [report.to_dict() for report in self.reports],
            "total": {
                "macs": self.macs,
                "cycles": self.cycles,
                "spatial_utilization": self.spatial,
                "temporal_utilization": self.temporal,
                "energy": _nested(self.energy()),
                "energy_by_level": self.by_level(),
                "energy_by_tensor": self.by_tensor(),
                "energy_total": self.total,
                "dram_accesses": sum(report.accesses for report in self.reports),
                "dram_accesses_per_mac": self.accesses_per_mac,
            },
        }

    def __str__(self) -> str:
        return "\n\n".join([f"{self.name} on {self.arch.name}", self._layers(), self._energies(), self._shares()])

    def _layers(self) -> str:
        head = ["layer", "MACs", "cycles", "spatial", "temporal", "bottleneck", "energy/MAC", "DRAM acc./MAC"]
        rows = [
            [r.layer.name, f"{r.macs:,}", f"{r.cycles:,}", f"{r.spatial:.1%}", f"{r.temporal:.1%}",
             r.latency.bottleneck, f"{r.total / r.macs:.3f}", f"{r.accesses_per_mac:.4f}"]
            for r in self.reports
        ]  # fmt: skip
        rows.append(
            ["total", f"{self.macs:,}", f"{self.cycles:,}", f"{self.spatial:.1%}", f"{self.temporal:.1%}", "",
             f"{self.total / self.macs:.3f}", f"{self.accesses_per_mac:.4f}"]
        )  # fmt: skip
        return table(head, rows)

    def _energies(self) -> str:
        spent = self.energy()
        levels, tensors = (list(dict.fromkeys(key[part] for key in spent)) for part in (0, 1))
        rows = [
            [name, *(f"{part.get(key, 0.0) / macs:.3f}" for part, keys in ((by_level, levels), (by_tensor, tensors))
                     for key in keys)]
            for name, macs, by_level, by_tensor in [
                *((r.layer.name, r.macs, r.by_level(), r.by_tensor()) for r in self.reports),
                ("total", self.macs, _sums(spent, 0), _sums(spent, 1)),
            ]
        ]  # fmt: skip
        return f"Energy per MAC, by level and by tensor ({self.arch.unit})\n" + table(
            ["layer", *levels, *tensors], rows
        )

    def _shares(self) -> str:
        spent = self.energy()
        levels, tensors = list(dict.fromkeys(k[0] for k in spent)), list(dict.fromkeys(k[1] for k in spent))
        rows = [
            [level, *(_share(spent.get((level, tensor)), self.total) for tensor in tensors),
             _share(sum(v for k, v in spent.items() if k[0] == level), self.total)]
            for level in levels
        ]  # fmt: skip
        sums = [_share(sum(v for k, v in spent.items() if k[1] == tensor), self.total) for tensor in tensors]
        rows.append(["total", *sums, f"{1:.1%}"])
        return f"Energy by level and tensor, of {self.total:.4g} {self.arch.unit}\n" + table(
            ["level", *tensors, "total"], rows
        )


def evaluate(layer: Layer, arch: Arch, mapping: Mapping) -> Report:
    """Count, then price, one layer on one machine by one mapping. Raises `MappingError` with every fault at once.

    >>> from accelsim import catalog
    >>> row_stationary = catalog.mappings("eyeriss", "alexnet")["conv3"]
    >>> report = evaluate(catalog.alexnet().layer("conv3"), catalog.eyeriss(), row_stationary)
    >>> report.counts.active, report.macs
    (156, 598081536)
    """
    counts = count(layer, arch, mapping)
    time = latency(counts, arch)
    return Report(layer, arch, mapping, counts, energy(counts, arch) | leakage(time.cycles, arch), time)


def evaluate_network(name: str, layers: Sequence[Layer], arch: Arch, mappings: Table[str, Mapping]) -> NetworkReport:
    """Evaluate layers one after the other; `mappings` holds one for each layer's name.

    Raises `MappingError` that names every layer at fault.
    """
    if not isinstance(layers, (tuple, list)) or not all(isinstance(layer, Layer) for layer in layers):
        raise MappingError(f"{name}: expected a list of Layers, such as catalog.alexnet().layers, got {layers!r}")
    reports, faults = [], [] if layers else [f"{name}: no layers given"]
    for layer in layers:
        if layer.name not in mappings:
            faults.append(f"{layer.name}: no mapping given for {arch.name}")
            continue
        try:
            reports.append(evaluate(layer, arch, mappings[layer.name]))
        except MappingError as error:
            faults.append(str(error))
    if faults:
        raise MappingError("\n".join(faults))
    return NetworkReport(name, tuple(reports))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain-text table: first column to the left, the others to the right.

    >>> print(table(["layer", "MACs"], [["conv1", "12"]]))
    layer  MACs
    conv1    12
    """
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in [head, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)


def _share(value: float | None, total: float) -> str:
    return "" if value is None else f"{value / total:.1%}" if total else "0.0%"


def _sums(values: Table[Key, float], part: int) -> dict[str, float]:
    sums: dict[str, float] = {}
    for key, value in values.items():
        sums[key[part]] = sums.get(key[part], 0.0) + value
    return sums


def _nested(values: Table[Key, float]) -> dict[str, dict[str, float]]:
    nested: dict[str, dict[str, float]] = {}
    for (level, tensor), value in values.items():
        nested.setdefault(level, {})[tensor] = value
    return nested
