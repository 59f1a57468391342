"""What the simulator says beside what chips and other tools said: every row recomputed, with difference and reason.

Nothing here is fitted to the rows it stands beside; each table says what determined our side.

>>> time = eyeriss_times()
>>> print(*time.rows[0].cells()[:5], sep=" | ")
conv1 | 15.9 | 16.5 | -3.8% | within 6 %
>>> all(held.holds for held in everything())
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from time import process_time
from typing import Any

from accelsim import conventions
from accelsim.catalog import NETWORKS, alexnet, vgg16
from accelsim.conventions import PRESETS, recount, spilling
from accelsim.energy import energy
from accelsim.errors import CatalogError, suggest
from accelsim.peers import agreement
from accelsim.platforms import eyeriss_over_gpu, tpu_workloads
from accelsim.published import Figure, figure
from accelsim.rowstationary import (
    CONV3,
    ISCA16,
    TABLE_III,
    VGG16,
    Parameters,
    Schedule,
    by_level,
    schedule,
    search,
)
from accelsim.sheets import Table
from accelsim.systolic import DATAFLOWS, as_scalesim, gemm, scalesim_case, scalesim_rows
from accelsim.systolic import evaluate as run_systolic
from accelsim.taxonomy import NAMES as DATAFLOW_NAMES
from accelsim.taxonomy import Result, compare, gains
from accelsim.workload import Layer

CONVS = ("conv1", "conv2", "conv3", "conv4", "conv5")


@dataclass(frozen=True)
class Row:
    """One result of ours beside one of theirs, in the same unit; why they differ, or what to know of theirs."""

    name: str
    ours: float
    theirs: Figure
    why: str = ""

    @property
    def difference(self) -> float:
        """Ours over theirs, less one."""
        return self.ours / self.theirs.value - 1

    @property
    def holds(self) -> bool:
        """Whether ours is as close as asked; True where nothing is asked."""
        return self.theirs.tolerance is None or self.theirs.agrees(self.ours)

    @property
    def verdict(self) -> str:
        """What was asked, and whether it is so."""
        if self.theirs.tolerance is None:
            return f"shown ({self.theirs.known})"
        wanted = f"within {100 * self.theirs.tolerance:g}\u00a0%" if self.theirs.tolerance else "as printed"
        return wanted if self.holds else f"not {wanted}"

    def cells(self) -> tuple[str, ...]:
        """The row as text; ours with the digits that theirs is printed with."""
        digits = len(self.theirs.printed.partition(".")[2])
        apart = "" if abs(self.ours - self.theirs.value) <= self.theirs.rounding else f"{self.difference:+.1%}"
        printed = f"{self.theirs.value:,.{digits}f}"
        return self.name, f"{self.ours:,.{digits}f}", printed, apart or "none", self.verdict, self.why


@dataclass(frozen=True, repr=False)
class Held:
    """A quantity held against a source, row by row; `determined` says where our numbers come from."""

    quantity: str
    rows: tuple[Row, ...]
    determined: str

    @property
    def holds(self) -> bool:
        """Whether every row is as close as asked."""
        return all(row.holds for row in self.rows)

    @property
    def table(self) -> Table:
        """The comparison as a table."""
        unit, source = self.rows[0].theirs.unit, self.rows[0].theirs
        head = ("", f"ours, {unit}", f"theirs, {unit}", "difference", "asked", "reason")
        notes = (f"Ours: {self.determined}.", f"Theirs: {source.source}, {source.where}.")
        columns = 6 if any(row.why for row in self.rows) else 5
        return Table(self.quantity, head[:columns], tuple(row.cells()[:columns] for row in self.rows), notes)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def _repr_markdown_(self) -> str:
        return self.table._repr_markdown_()

    def __str__(self) -> str:
        return str(self.table)


# Eyeriss, AlexNet, JSSC 2017, table V


def plans(conv3: Parameters = TABLE_III["conv3"]) -> tuple[Schedule, ...]:
    """AlexNet's five layers on the chip, batch of 4, by the parameters of JSSC 2017, table III.

    >>> [plan.active for plan in plans()]
    [154, 135, 156, 156, 156]
    """
    layers = alexnet(N=4).layers
    return tuple(schedule(layer, conv3 if layer.name == "conv3" else TABLE_III[layer.name]) for layer in layers)


_CHIP = "the chip's sizes and networks as published, table III's parameters (m, n, p and q of them recalled)"


def eyeriss_pes() -> Held:
    """PEs at work."""
    return _held("PEs at work", "active_pes", [plan.active for plan in plans()], _CHIP)


def eyeriss_macs() -> Held:
    """MACs of four images."""
    return _held("MACs", "macs", [plan.layer.macs / 1e9 for plan in plans()], "the layers' shapes", total=True)


def _pace(plan: Schedule) -> float:
    """Milliseconds if every PE at work made a MAC in every cycle."""
    return 1000 * plan.layer.macs / plan.active / plan.chip.clock


_WAITS = "what the chip waits for beyond loading and ramp-up is not published"


def eyeriss_times() -> Held:
    """Processing time of four images."""
    why = {plan.layer.name: f"{_pace(plan):.1f} of our ms are MACs at full pace; {_WAITS}" for plan in plans()}
    why |= {
        "conv3": f"by the other reading of its parameters {plans(CONV3)[2].milliseconds:.1f} ms; which one ran is open",
        "conv5": "its passes are conv4's, two thirds as many, but the measured times are 1.60 to 1: no model of passes "
        "can fit both",
        "total": "the sum of the above",
    }
    times = [plan.milliseconds for plan in plans()]
    how = "per pass filters loaded, ramp-up, and windows at the pace of MACs, psums or ifmap, whichever is slowest"
    return _held("Processing time", "processing_time", times, f"{_CHIP}; {how}", why, total=True)


def eyeriss_total_times() -> Held:
    """Time with the transfers that the array waits for. Shown, not judged: theirs is recalled layer by layer."""
    times = [plan.milliseconds + plan.stalls(zeros(plan.layer.name)) for plan in plans()]
    why = dict.fromkeys([*CONVS, "total"], "how much of the transfers overlaps is not published; here none")
    how = "processing time, then the DRAM link at 480 MB/s for ifmap and ofmap, compressed"
    return _held("Total time", "total_time", times, f"{_CHIP}; {how}", why, total=True)


def eyeriss_glb() -> Held:
    """Traffic of the global buffer, conv3 by table III and once more by the parameters that its traffic asks for."""
    found = plans()
    traffic = [plan.glb_bytes / 1e6 for plan in found]
    why = {"conv3": "64 groups of 4 channels send psums through the buffer 64 times; the next row has another reading"}
    held = _held("Global buffer traffic", "glb", traffic, f"{_CHIP}; ifmap read, psums read and written", why)
    second = Row(
        "conv3, 6 channels a pass", plans(CONV3)[2].glb_bytes / 1e6, figure("eyeriss.alexnet.conv3.glb"),
        "parameters of conv4, chosen after seeing this figure: it shows what would explain it, and proves nothing",
    )  # fmt: skip
    return Held(held.quantity, (*held.rows[:3], second, *held.rows[3:]), held.determined)


def zeros(layer: str) -> dict[str, float]:
    """Fractions of zeros for the run-length code: the ifmap's as published, the ofmap's as the next ifmap's.

    Four of the six are recalled. conv5's output has no published figure, and takes that of its input. The first
    input is not compressed.

    >>> zeros("conv1")
    {'ofmap': 0.387}
    """
    after = {"conv1": "conv2", "conv2": "conv3", "conv3": "conv4", "conv4": "conv5", "conv5": "conv5"}[layer]
    share = {name: figure(f"eyeriss.alexnet.{name}.zeros").value / 100 for name in (layer, after)}
    return {"ofmap": share[after]} | ({} if layer == "conv1" else {"ifmap": share[layer]})


def eyeriss_dram() -> Held:
    """DRAM traffic of four images after compression."""
    moved = [plan.dram_bytes(zeros(plan.layer.name)) / 1e6 for plan in plans()]
    why = dict.fromkeys(
        ["conv1", "conv2"], "its output's zeros are those the next layer finds, after pooling removed some"
    )
    why |= {
        "conv3": "the fractions of zeros are recalled",
        "conv5": "its output's zeros are not published; taken as its input's",
        "total": "the sum of the above",
    }
    return _held("DRAM traffic, compressed", "dram", moved, f"{_CHIP}; published fractions of zeros (most recalled), "
                 "independent of each other, in the chip's run-length code", why, total=True)  # fmt: skip


def _held(
    quantity: str, column: str, ours: Sequence[float], determined: str, why: dict[str, str] | None = None,
    total: bool = False,
) -> Held:  # fmt: skip
    named = [*zip(CONVS, ours, strict=True)] + [("total", sum(ours))] * total
    rows = [
        Row(name, got, figure(f"eyeriss.alexnet.{name}.{column}"), (why or {}).get(name, "")) for name, got in named
    ]
    return Held(f"{quantity}, AlexNet, 4 images", tuple(rows), determined)


# Eyeriss, VGG-16: recalled, and the parameters are made to fit. Shown only.


def eyeriss_vgg16() -> Table:
    """VGG-16 by reconstructed parameters, beside the recalled table VI: nothing is judged by it."""
    rows = []
    for layer in vgg16(N=3).layers[:13]:
        plan = schedule(layer, VGG16[int(layer.name[4])])
        pes, time, glb = (
            figure(f"eyeriss.vgg16.{layer.name}.{what}") for what in ("active_pes", "processing_time", "glb")
        )
        traffic = plan.glb_bytes / 2**20
        rows.append(
            (layer.name, f"{plan.active}", f"{pes.value}", f"{plan.milliseconds:.1f}", f"{time.value:.1f}",
             f"{plan.milliseconds / time.value - 1:+.1%}", f"{traffic:,.1f}", f"{glb.value:,.1f}",
             f"{traffic / glb.value - 1:+.1%}")
        )  # fmt: skip
    head = ("", "PEs", "paper", "ms", "paper, ms", "difference", "GLB, MiB", "paper, MiB", "difference")
    return Table("VGG-16 on Eyeriss, 3 images: shown, not judged", head, tuple(rows), (
        "Ours: parameters reconstructed after seeing these columns, so that agreement proves nothing.",
        "Theirs: JSSC 2017, table VI, recalled and not re-read.",
    ))  # fmt: skip


# ISCA 2016: energy by layer and level


def isca16_energy(level: str) -> Held:
    """Energy of row stationary for AlexNet, 16 images, at "ALU", "RF" or "DRAM", in billions of MACs'.

    Raises `CatalogError` for a level that the paper's figure does not give.
    """
    columns = {"ALU": "alu", "RF": "rf", "DRAM": "dram"}
    if level not in columns:
        raise CatalogError(f"no energies at {level!r}; there is {', '.join(columns)}{suggest(level, columns)}")
    column = columns[level]
    why = "the paper's parameters for this machine are not published"
    rows = []
    for layer, plan in _isca16():
        row = Row(layer.name, by_level(plan.energy)[level] / 1e9, figure(f"isca16.{layer.name}.{column}"))
        rounded = abs(row.ours - row.theirs.value) <= row.theirs.rounding
        rows.append(row if rounded or abs(row.difference) < 0.01 else replace(row, why=why))
    return Held(
        f"Energy of row stationary at {level}, AlexNet, 16 images",
        tuple(rows),
        "counts times table IV of the paper; for CONV the parameters of the chip, made for another machine; for FC "
        "those of least energy that fit 256 PEs and 128 KiB",
    )


@cache
def _isca16() -> tuple[tuple[Layer, Schedule], ...]:
    return tuple((layer, _isca16_plan(layer)) for layer in alexnet(N=16, fc=True).layers)


def _isca16_plan(layer: Layer) -> Schedule:
    if layer.name in TABLE_III:
        return schedule(layer, TABLE_III[layer.name], ISCA16)
    return search(layer, ISCA16)


# ISCA 2016: dataflows side by side


@cache
def _compared(narrow: bool = False) -> dict[str, tuple[Result, ...]]:
    layers = alexnet(N=16, fc=True).layers
    return {"CONV": compare(layers[:5], narrow=narrow), "FC": compare(layers[5:], narrow=narrow)}


def dataflows() -> Table:
    """Energy of each dataflow over that of row stationary, AlexNet, 16 images, equal area and PEs, by two readings."""
    freely, narrowly = ([gains(_compared(narrow)[part]) for part in ("CONV", "FC")] for narrow in (False, True))
    least, most, fully = (
        figure(f"isca16.{name}").value for name in ("conv_gain.least", "conv_gain.most", "fc_gain.least")
    )
    lines = []
    for name in DATAFLOW_NAMES:
        if name != "RS":
            conv = (_judged(found[0].get(name), least, most) for found in (freely, narrowly))
            fc = (_judged(found[1].get(name), fully) for found in (freely, narrowly))
            lines.append((f"{name}, {DATAFLOW_NAMES[name]}", *conv, *fc))
    head = (
        "energy over row stationary's",
        "CONV, at its best",
        "CONV, read narrowly",
        "FC, at its best",
        "FC, read narrowly",
    )
    return Table("Dataflows on AlexNet, 16 images, 256 PEs, equal area", head, tuple(lines), (
        "Ours: each cut for least energy within its rule; prices of table IV, areas by a public model of the paper.",
        "Narrowly: for output stationary the buffer keeps filters and windows at work only, and shares no pixels.",
        f"Theirs: ISCA 2016, abstract: {least} to {most} on CONV, at least {fully} on FC, for all dataflows together.",
        "Judged to one decimal, as those are printed.",
    ))  # fmt: skip


def _judged(value: float | None, least: float, most: float | None = None) -> str:
    return "does not fit" if value is None else f"{value:.2f}, {_inside(value, least, most)}"


def dataflow_energies(part: str = "CONV") -> Table:
    """Energy per MAC by level, for each dataflow, over the CONV or the FC layers."""
    levels = ("DRAM", "GLB", "array", "RF", "ALU")
    lines = []
    for name in DATAFLOW_NAMES:
        results = [result for result in _compared()[part] if result.dataflow == name]
        macs = sum(result.layer.macs for result in results)
        spent = [sum(result.by_level.get(level, 0.0) for result in results) / macs for level in levels]
        active = sum(result.active * result.layer.macs for result in results) / macs
        lines.append((name, *(f"{each:.2f}" for each in (*spent, sum(spent))), f"{active:.0f}"))
    return Table(f"Energy per MAC, {part} layers", ("", *levels, "in all", "PEs at work"), tuple(lines))


def _inside(value: float, least: float, most: float | None = None) -> str:
    return "below" if round(value, 1) < least else "above" if most is not None and round(value, 1) > most else "inside"


# Counts of other tools


def peer_counts() -> Table:
    """Words that other tools counted, recounted now under their conventions."""
    lines = [(name, f"{found.mappings}", f"{found.words:,}", f"{found.differ}") for name, found in agreement().items()]
    head = ("", "mappings", "counts compared", "that differ")
    return Table("Counts under each tool's convention", head, tuple(lines), (
        "Ours: accelsim.conventions, one preset for each tool, from layer and mapping alone.",
        "Theirs: recorded from the tools; the six mappings that all three were given are in each line.",
    ))  # fmt: skip


def one_mapping() -> Table:
    """One mapping, sums spilled to memory, under every convention; a star marks what differs from our own."""
    layer, arch, mappings = spilling()
    lines = conventions.table(layer, arch, mappings["sums spilled"]).splitlines()
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    cells = tuple((" ".join(row[:3]), *row[3:]) for row in rows)
    return Table("One mapping, four ways to count", ("words", *head[3:]), cells)


def spilled_sums() -> Table:
    """What spilling sums seems to save, under every convention."""
    layer, arch, mappings = spilling()
    lines = []
    for tool in PRESETS:
        stay, spilled = (sum(energy(recount(layer, arch, m, tool), arch).values()) for m in mappings.values())
        change = "none" if spilled == stay else f"{spilled / stay - 1:+.1%}"
        lines.append((tool, f"{stay:,.0f}", f"{spilled:,.0f}", change))
    return Table("Energy of two mappings of one layer", ("", "sums stay", "sums spilled", "change"), tuple(lines))


# SCALE-Sim


def _network(name: str) -> tuple[Layer, ...]:
    return alexnet(N=1, fc=True).layers if name == "alexnet" else NETWORKS[name]().layers


def scalesim_totals(rows: int = 32, columns: int = 32) -> Table:
    """Networks in three dataflows: totals of SCALE-Sim's cycles and SRAM words beside ours by its rules.

    A layer counts as often as its shape occurs in the network and for each of its groups. Layers that SCALE-Sim was
    not run on are left out on both sides.
    """
    lines = []
    for name in dict.fromkeys(row["network"] for row in scalesim_rows() if row["network"] in NETWORKS):
        for dataflow in DATAFLOWS:
            pairs = list(_matched(name, dataflow, rows, columns))
            cycles, words = (
                [sum(times * pair[side][key] for times, *pair in pairs for key in keys) for side in (0, 1)]
                for keys in (("cycles",), ("sram_ifmap", "sram_filter", "sram_ofmap"))
            )
            lines.append(
                (f"{name}, {dataflow}", f"{len(pairs)}", *(f"{n:,}" for n in (*cycles, cycles[0] - cycles[1])),
                 *(f"{n:,}" for n in (*words, words[0] - words[1])))
            )  # fmt: skip
    head = ("", "layers", "cycles, ours", "SCALE-Sim", "difference", "SRAM words, ours", "SCALE-Sim", "difference")
    return Table(f"Networks on a {rows} x {columns} array, totals", head, tuple(lines), (
        "Ours: the closed form of accelsim.systolic by SCALE-Sim's rules (as_scalesim), from layer and array alone.",
        "Theirs: SCALE-Sim 3.0.0, recorded layer by layer; batch 1, layers and groups one after another.",
    ))  # fmt: skip


def _matched(
    network: str, dataflow: str, rows: int, columns: int
) -> Iterable[tuple[int, dict[str, Any], dict[str, Any]]]:
    """For each layer of a network that was recorded: groups, our figures and SCALE-Sim's."""
    recorded = {
        (p.pixels, p.window, p.filters): row
        for row in scalesim_rows()
        if (row["network"], row["dataflow"], row["rows"], row["columns"]) == (network, dataflow, rows, columns)
        for p in [gemm(scalesim_case(row)[0])]
    }
    for layer in _network(network):
        product = gemm(layer)
        if row := recorded.get((product.pixels, product.window, product.filters)):
            yield product.groups, as_scalesim(*scalesim_case(row), dram=False), row


def scalesim_layers() -> Table:
    """Every recorded layer: cycles, utilization and SRAM words by SCALE-Sim's rules, and by our own."""
    lines = []
    for row in scalesim_rows():
        layer, array = scalesim_case(row)
        found, own = as_scalesim(layer, array, dram=False), run_systolic(layer, array)
        keys = ("cycles", "sram_ifmap", "sram_filter", "sram_ofmap")
        off = sum(abs(found[key] - row[key]) for key in keys)
        lines.append(
            (f"{row['network']} {row['layer']}, {row['dataflow']}, {row['rows']} x {row['columns']}",
             f"{found['cycles']:,}", f"{row['cycles']:,}", f"{found['compute']:.2f}", f"{row['compute']:.2f}",
             f"{sum(found[key] for key in keys[1:]):,}", f"{sum(row[key] for key in keys[1:]):,}", f"{off:,}",
             f"{own.cycles:,}")
        )  # fmt: skip
    head = ("layer, dataflow, array", "cycles, ours", "SCALE-Sim", "util. %, ours", "SCALE-Sim", "SRAM words, ours",
            "SCALE-Sim", "difference", "cycles by our rules")  # fmt: skip
    return Table(f"{len(lines)} recorded layers", head, tuple(lines))


def scalesim_dram(most: int = 3_000_000, layers: int = 20) -> Table:
    """DRAM words of recorded layers with at most so many SRAM reads: a walk over every request, so not of all here."""
    small = [
        row
        for row in scalesim_rows()
        if row["dram_ofmap"] is not None and row["sram_ifmap"] + row["sram_filter"] < most
    ][:layers]
    keys = ("dram_ifmap", "dram_filter", "dram_ofmap")
    lines = []
    for row in small:
        found = as_scalesim(*scalesim_case(row))
        cells = [f"{words[key]:,}" for key in keys for words in (found, row)]
        lines.append((f"{row['network']} {row['layer']}, {row['dataflow']}", *cells))
    head = ("", *(f"{key.removeprefix('dram_')}, {who}" for key in keys for who in ("ours", "SCALE-Sim")))
    return Table("DRAM words", head, tuple(lines))


def scalesim_seconds() -> tuple[float, float]:
    """CPU-seconds that SCALE-Sim took for the recorded layers, and ours now, by the closed form and without DRAM."""
    theirs = sum(row["cpu_s"] or 0 for row in scalesim_rows())
    start = process_time()
    for row in scalesim_rows():
        as_scalesim(*scalesim_case(row), dram=False)
    return theirs, process_time() - start


# Platforms


def tpu() -> Table:
    """The first TPU's six workloads against its roofline."""
    lines = [
        (each.name, f"{each.intensity / 2:,.0f}", each.limit, f"{each.attainable:.1f}", f"{each.delivered.value}",
         f"{each.of_roof:.0%}", f"{each.implied:.1f}")
        for each in tpu_workloads()
    ]  # fmt: skip
    head = (
        "",
        "MACs per weight byte",
        "limit",
        "roof, TOPS",
        "delivered, TOPS",
        "of the roof",
        "useful share of peak, TOPS",
    )
    return Table("The first TPU against its roofline", head, tuple(lines), (
        "Roof: 92 TOPS and 34 GB/s as published; bytes are those of weights alone, which is what crosses its memory.",
        "Intensities and four of the delivered rates are recalled, and checked to lie under the roof.",
    ))  # fmt: skip


def mobile_gpu() -> Table:
    """What "ten times a mobile GPU" includes, a factor at a time."""
    lines = [
        (step.name, f"{step.gpu:.1f}", f"{step.eyeriss:.2f}", f"{step.ratio:.1f}", step.done)
        for step in eyeriss_over_gpu()
    ]
    head = ("", "TK1, mJ a frame", "Eyeriss, mJ a frame", "ratio", "what is done")
    return Table("AlexNet's convolutional layers on a mobile GPU and on Eyeriss", head, tuple(lines), (
        "The GPU's figures are recalled from a slide; nothing is judged by them.",
    ))  # fmt: skip


def everything() -> tuple[Held, ...]:
    """Every quantity that is judged."""
    made: tuple[Callable[[], Held], ...] = (
        eyeriss_macs, eyeriss_pes, eyeriss_times, eyeriss_total_times, eyeriss_glb, eyeriss_dram
    )  # fmt: skip
    return (*(make() for make in made), *(isca16_energy(level) for level in ("ALU", "RF", "DRAM")))
