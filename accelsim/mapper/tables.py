"""Tables about the mapper: sizes of spaces, what a chip's authors chose beside the best, and another tool's search.

>>> print(sizes().rows[0])
('conv3 on eyeriss, the array row stationary', '4.2e+07')
"""

from __future__ import annotations

import csv
import math
from importlib.resources import files

from accelsim import catalog
from accelsim.mapper.hunt import Found, search
from accelsim.mapper.space import keeping, space
from accelsim.report import Report, evaluate
from accelsim.sheets import Table

RECORD = "mapper.csv"  # made anew by `python -m tests.bench.mapper --record`
LEVELS = ("DRAM", "GLB", "NoC", "spad")


def sizes() -> Table:
    """Exact sizes of a few map spaces."""
    layers = {name: catalog.alexnet().layer(name) for name in ("conv1", "conv2", "conv3")}
    eyeriss, tpu = catalog.eyeriss(), catalog.tpu_v1()
    kept = keeping(eyeriss, catalog.mappings("eyeriss", "alexnet")["conv3"])
    spaces = {
        "conv3 on eyeriss, the array row stationary": space(
            layers["conv3"], eyeriss, kept.replace("?@x ?@y", "P13@x R3@y M4@y")
        ),
        "conv1 on eyeriss": space(layers["conv1"], eyeriss, kept),
        "conv2 on eyeriss": space(layers["conv2"], eyeriss, kept),
        "conv3 on eyeriss": space(layers["conv3"], eyeriss, kept),
        "conv3 on eyeriss, any tensors kept, arrays at any level": space(layers["conv3"], eyeriss),
        "conv3 on eyeriss, bounds that need not divide": space(layers["conv3"], eyeriss, kept, imperfect=True),
        "conv3 on tpu_v1": space(
            layers["conv3"], tpu, keeping(tpu, catalog.mappings("tpu_v1", "alexnet")["conv3"])
        ),
    }  # fmt: skip
    rows = tuple((name, f"{where.size:.1e}") for name, where in spaces.items())
    note = (
        "Otherwise: all factors that divide, all orders, any array; levels keep what the published mappings keep there."
    )
    return Table("Mappings in a space, counted exactly", ("space", "mappings"), rows, (note,))


def beside_the_chip() -> Table:
    """AlexNet on Eyeriss: the mapping of the chip's authors, the best for energy times cycles, and why they differ."""
    rows, reasons = [], []
    for name, theirs, found in chip():
        ours = found.report
        rows += [
            (f"{name}, the chip's", *_costs(theirs), f"{theirs.mapping}"),
            (f"{name}, the best", *_costs(ours), f"{found.mapping}"),
            (f"{name}, chip over best", *_ratios(theirs, ours), ""),
        ]
        reasons.append(f"{name}: {why(theirs, ours)}.")
    head = ("layer", "energy", "cycles", "10^15 EDP", *LEVELS, "PEs", "mapping")
    return Table(f"Eyeriss on AlexNet, 4 images; energy in million {catalog.eyeriss().unit}", head, tuple(rows), (
        "The best: no mapping whose factors divide has less energy times cycles, and that is proven.",
        *reasons,
    ))  # fmt: skip


def chip() -> list[tuple[str, Report, Found]]:
    """For each layer of AlexNet what the published mapping costs on Eyeriss, and the best."""
    arch, found = catalog.eyeriss(), []
    for name, mapping in catalog.mappings("eyeriss", "alexnet").items():
        layer = catalog.alexnet().layer(name)
        found.append((name, evaluate(layer, arch, mapping), search(space(layer, arch, keeping(arch, mapping)))))
    return found


def _costs(report: Report) -> tuple[str, ...]:
    levels = (f"{report.by_level()[level] / 1e6:,.0f}" for level in LEVELS)
    edp = f"{report.total * report.cycles / 1e15:.2f}"
    return f"{report.total / 1e6:,.0f}", f"{report.cycles:,}", edp, *levels, str(report.counts.active)


def _ratios(theirs: Report, ours: Report) -> tuple[str, ...]:
    both = (theirs, ours)
    numbers = [(r.total, r.cycles, r.total * r.cycles, *(r.by_level()[at] for at in LEVELS)) for r in both]
    pes = theirs.counts.active / ours.counts.active
    return (*(f"{a / b:.2f}" for a, b in zip(*numbers, strict=True)), f"{pes:.2f}")


def why(theirs: Report, ours: Report) -> str:
    """Why two mappings of a layer cost what they cost, from their counts."""
    said = [part for part in (_array(theirs, ours), _partial(theirs, ours), _traffic(theirs, ours)) if part]
    return "; ".join(said) or "no difference"


def _array(theirs: Report, ours: Report) -> str:
    pes = [report.counts.active for report in (theirs, ours)]
    clipped = [f"{dim} {size}" for dim, size in theirs.layer.bounds if _product(theirs, dim) > size]
    if pes[0] == pes[1]:
        return ""
    strips = f": its strips of {' and '.join(clipped)} end in one that is cut off, which factors that divide cannot say"
    return f"the chip has {pes[0]} PEs at work, the best {pes[1]}{strips if clipped and pes[0] > pes[1] else ''}"


def _product(report: Report, dim: str) -> int:
    return math.prod(loop.bound for stage in report.mapping.stages for loop in stage.loops if loop.dim == dim)


def _partial(theirs: Report, ours: Report) -> str:
    """Sums that the array adds before they reach the GLB."""
    words = [report.counts.writes["GLB", "ofmap"] for report in (theirs, ours)]
    added = [_added(report) for report in (theirs, ours)]
    if words[0] <= words[1]:
        return ""
    return (
        f"the best adds {added[1]} products inside the array before a psum goes to the GLB, the chip {added[0]}, "
        f"so {words[1] / 1e6:,.1f} million psums arrive there, not {words[0] / 1e6:,.1f}"
    )


def _added(report: Report) -> int:
    _, glb, spad = report.mapping.stages
    inside = [loop for loop in (*glb.loops, *spad.loops) if loop.dim in report.layer.reduced]
    return math.prod(loop.bound for loop in inside if loop.axis or loop in spad.loops)


def _traffic(theirs: Report, ours: Report) -> str:
    dram = [report.by_level()["DRAM"] for report in (theirs, ours)]
    if abs(dram[0] / dram[1] - 1) < 0.005:
        return "their DRAM traffic is the same"
    words = {
        tensor.name: [sum(_moved(report, tensor.name)) / 1e6 for report in (theirs, ours)]
        for tensor in theirs.layer.tensors
    }
    moved = [f"{name} {b:,.1f}, not {a:,.1f}" for name, (a, b) in words.items() if abs(a - b) > 0.05]
    return f"with the best, these million words cross the DRAM: {', '.join(moved)}"


def _moved(report: Report, tensor: str) -> tuple[int, int]:
    return report.counts.reads["DRAM", tensor], report.counts.writes["DRAM", tensor]


def recorded() -> list[dict[str, str]]:
    """What the benchmark of the mapper measured last, a row for each layer."""
    return list(csv.DictReader(line for line in _record() if not line.startswith("#")))


def measured_on() -> str:
    """On which machine."""
    return next(line for line in _record() if line.startswith("# on ")).removeprefix("# on ")


def _record() -> list[str]:
    return files("accelsim").joinpath("data", RECORD).read_text(encoding="utf-8").splitlines()


def benchmark(machine: str, network: str) -> Table:
    """Each CONV layer of a network on a machine: the search, its bound, and ZigZag's search of the same array."""
    rows = []
    for row in recorded():
        if (row["machine"], row["network"]) == (machine, network):
            space_, gap = f"{float(row['space']):.1e}", f"{float(row['gap']):.2%}"
            ours = (space_, f"{int(row['costed']):,}", row["cpu_s"], f"{float(row['edp']):.4g}", gap)
            rows.append((row["layer"], *ours, row["same_cpu_s"], row["zigzag_cpu_s"], _by_zigzag(row)))
    head = ("layer", "mappings", "costed", "CPU s", "EDP", "gap", "same array, CPU s", "ZigZag, CPU s", "ZigZag's EDP")
    return Table(f"{network} on {machine}", head, tuple(rows), (
        "gap: how far above the least the mapping may be; 0.00% is a proof. EDP: energy times cycles.",
        "ZigZag's EDP: of the mapping that it finds over that of ours for the same array, both by ZigZag's own model.",
        f"Recorded by `python -m tests.bench.mapper --record` on {measured_on()}.",
    ))  # fmt: skip


def _by_zigzag(row: dict[str, str]) -> str:
    return f"{float(row['zigzag_edp']) / float(row['our_edp_by_zigzag']):.2f}" if row["zigzag_edp"] else "failed"


def ratios(over: str, under: str, machine: str = "", network: str = "") -> list[float]:
    """One recorded number over another, for each layer that ZigZag finished, smallest first.

    >>> ratios("zigzag_cpu_s", "same_cpu_s")[0] > 1
    True
    """
    rows = [row for row in recorded() if machine in ("", row["machine"]) and network in ("", row["network"])]
    return sorted(float(row[over]) / float(row[under]) for row in rows if row[over] and row[under])
