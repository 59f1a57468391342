"""The benchmark of the mapper: the best mapping of each layer, what bounds it, and ZigZag's search beside it.

    python -m tests.bench.mapper                     CONV layers of AlexNet and ResNet-50 on two machines
    python -m tests.bench.mapper --peers             first makes ZigZag's environment in build/peers (network needed)
    python -m tests.bench.mapper --record            and writes what was measured to the table that the book shows
    python -m tests.bench.mapper --accelforge        AccelForge's mapper and ours for energy, on small 1x1 layers
    python -m tests.bench.mapper --published         AlexNet on Eyeriss beside the mapping of the chip's authors

All searches run on one core. Exit status 1: a mapping has a fault, or `evaluate` gives it another value.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from accelsim import Arch, Layer, catalog, conv, evaluate, problems
from accelsim.mapper import Found, keeping, search, space
from accelsim.mapper.tables import RECORD, beside_the_chip
from tests.bench.counts import plain as given_to_peers
from tests.bench.engine import PEERS, ROOT, install, measured
from tests.bench.meter import Clock, one_core
from tests.bench.tasks import plain, plain_tpu

TEMPLATES = {  # what the machines' published mappings keep at each level
    name: keeping(catalog.machine(name), catalog.mappings(name, "alexnet")["conv1"]) for name in ("eyeriss", "tpu_v1")
}
PLAIN = {"eyeriss": plain, "tpu_v1": plain_tpu}
HEADS = ("space", "costed", "CPU s", "energy", "cycles", "EDP", "gap", "same a.", "CPU s", "ZigZag", "times", "EDP")
HEAD = "{:<18.18} {:>8} {:>9} {:>6} {:>11} {:>11} {:>11} {:>7}"
COLUMNS = (
    *("machine", "network", "layer", "space", "costed", "cpu_s", "energy", "cycles", "edp", "gap"),
    *("same_costed", "same_cpu_s", "zigzag_cpu_s", "zigzag_edp", "our_edp_by_zigzag"),
)
ZIGZAG = next(peer for peer in PEERS if peer.name == "zigzag")
ACCELFORGE = next(peer for peer in PEERS if peer.name == "accelforge")
NOTES = """\
gap: how far above the least EDP of the space the mapping may be, at most; 0.00% is a proof. Spaces: all factors that
divide, all loop orders, all arrays, levels keep what the published mappings keep there.
same a.: mappings costed, and CPU seconds, of the same search with the array that ZigZag is given (row stationary, or
weight stationary), one group of a layer. ZigZag: CPU seconds; all orders of six merged loops by its LOMA engine, its
own energy and latency, which differ from ours (see the page on validation): no energy for links, halos fetched again,
psums read at the first update; each operand may keep loops of its own at a memory, which a nest cannot say.
times: those CPU seconds over ours. EDP: of the mapping that ZigZag finds over that of ours, both by ZigZag's own model,
which ours was not chosen by."""


def layers(network: str) -> Iterator[Layer]:
    """The CONV layers of a network, each shape once."""
    seen = set()
    for layer in catalog.network(network).layers:
        if layer.dims.get("P", 1) > 1 and (layer.bounds, layer.tensors) not in seen:
            seen.add((layer.bounds, layer.tensors))
            yield layer


def one_group(layer: Layer) -> Layer:
    """One group of a layer, which is what ZigZag is given."""
    stride = dict(layer.tensor("ifmap").ranks[-2].terms)["P"]
    sizes = {dim: size for dim, size in layer.dims.items() if dim != "G"}
    return conv(layer.name, stride=stride, **sizes)


def timed(layer: Layer, arch: Arch, template: str, seconds: float, objective: str = "edp") -> tuple[Found, float]:
    """A search and its CPU seconds."""
    with (clock := Clock()):
        found = search(space(layer, arch, template), objective, seconds=seconds)
    return found, clock.cpu


def faults(found: Found) -> list[str]:
    """What is wrong with a result."""
    report = evaluate(found.space.layer, found.space.arch, found.mapping)
    wrong = problems(found.space.layer, found.space.arch, found.mapping)
    value = report.total * report.cycles
    return wrong + ([f"{found.value} is not {value}"] if abs(value - found.value) > 1e-12 * value else [])


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    return (
        f"{row['layer']:<18} {row['space']:>8.1e} {row['costed']:>9,} {row['cpu_s']:>6.2f} {row['energy']:>11.4e} "
        f"{row['cycles']:>11,} {row['edp']:>11.4e} {row['gap']:>7.2%}"
    )


def against(row: dict[str, Any]) -> str:
    """The rest of a row: ZigZag beside the same search with its array."""
    if "failed" in row:
        return f"  ZigZag failed: {row['failed']}"
    times, edp = row["zigzag_cpu_s"] / row["same_cpu_s"], row["zigzag_edp"] / row["our_edp_by_zigzag"]
    return f" {row['same_costed']:>7,} {row['same_cpu_s']:>6.2f} {row['zigzag_cpu_s']:>6.2f} {times:>6.1f} {edp:>6.2f}"


def alone(layer: Layer, machine: str, network: str, arguments: argparse.Namespace) -> tuple[dict[str, Any], Found]:
    """Our search of a layer, every array allowed."""
    found, cpu = timed(layer, catalog.machine(machine), TEMPLATES[machine], arguments.seconds)
    told = {"space": found.space.size, "costed": found.considered, "cpu_s": round(cpu, 2), "gap": found.gap}
    report = {"energy": found.report.total, "cycles": found.report.cycles, "edp": found.value}
    return {"machine": machine, "network": network, "layer": layer.name} | told | report, found


def beside(layer: Layer, machine: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """ZigZag's search of one group of a layer, and ours with its array."""
    given = PLAIN[machine](one_group(layer))
    loops = [f"{dim}{bound}@{axis}" for axis, row in zip("xy", given["spatial"], strict=True) for dim, bound in row]
    template = TEMPLATES[machine].replace("?@x ?@y", " ".join(loop for loop in loops if loop[1:3] != "1@"))
    found, cpu = timed(one_group(layer), catalog.machine(machine), template, arguments.seconds)
    ours = {"same_costed": found.considered, "same_cpu_s": round(cpu, 3)}
    stages = given_to_peers(found.space.layer, found.mapping)["stages"]
    try:
        row = measured(ZIGZAG.interpreter, "peer_zigzag_mapper", given | {"stages": stages})
    except RuntimeError as error:
        return ours | {"failed": str(error)}
    theirs = {"zigzag_cpu_s": round(row["cpu_s"], 2), "zigzag_edp": row["energy"] * row["cycles"]}
    return ours | theirs | {"our_edp_by_zigzag": row["ours"]}


def accelforge(seconds: float) -> Iterator[str]:
    """AccelForge's mapper and ours for the least energy of the 1x1 layers of ResNet-50 with stride 1 and one image.

    Links cost nothing here, as in the machine that AccelForge is given. Each energy is by its own model: AccelForge's
    nests hold a tensor in the PEs only inside the place where it is stored, ours wherever it is not replaced.
    """
    arch = catalog.eyeriss()
    arch = replace(arch, levels=tuple(replace(level, link=0.0) for level in arch.levels))
    for layer in layers("resnet50"):
        given = plain(layer)
        if max(layer.dims["R"], given["stride"]) > 1 or layer.dims["P"] > 14:
            continue
        found, cpu = timed(layer, arch, TEMPLATES["eyeriss"], seconds, "energy")
        row = measured(ACCELFORGE.interpreter, "peer_accelforge_mapper", given)
        yield (
            f"{layer.name:<18} ours {found.value:.4e} in {cpu:.2f} CPU s, gap {found.gap:.2%}; AccelForge 1.0.467 "
            f"{row['energy']:.4e} in {row['cpu_s']:.2f}"
        )


def parse(words: Iterable[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mapper", description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="make ZigZag's environment in build/peers if absent")
    parser.add_argument("--alone", action="store_true", help="leave ZigZag out even where it is installed")
    parser.add_argument("--machines", nargs="+", choices=TEMPLATES, default=list(TEMPLATES))
    parser.add_argument("--networks", nargs="+", choices=["alexnet", "resnet50"], default=["alexnet", "resnet50"])
    parser.add_argument("--seconds", type=float, default=10.0, help="the most that one search may take")
    parser.add_argument("--record", action="store_true", help=f"write accelsim/data/{RECORD}, which the book shows")
    parser.add_argument("--accelforge", action="store_true", help="only AccelForge's mapper on 1x1 layers, minutes")
    parser.add_argument("--published", action="store_true", help="only AlexNet on Eyeriss beside the chip's mapping")
    return parser.parse_args(None if words is None else list(words))


def main(words: Iterable[str] | None = None) -> int:
    arguments = parse(words)
    one_core()
    if arguments.published:
        print(beside_the_chip())
        return 0
    if arguments.accelforge:
        if why := install(ACCELFORGE):
            print(f"accelforge: {why}")
            return 0
        for said in accelforge(arguments.seconds):
            print(said, flush=True)
        return 0
    if arguments.peers and (why := install(ZIGZAG)):
        print(f"zigzag: {why}")
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    where = f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores{load}"
    print(where)
    rows, wrong = [], []
    peers = not arguments.alone and ZIGZAG.interpreter.exists()
    for machine in arguments.machines:
        for network in arguments.networks:
            heads = HEAD + " {:>7} {:>6} {:>6} {:>6} {:>6}" * peers
            print(heads.format(f"{network} on {machine}", *HEADS))
            for layer in layers(network):
                row, found = alone(layer, machine, network, arguments)
                wrong += faults(found)
                row |= beside(layer, machine, arguments) if peers else {}
                print(line(row) + (against(row) if peers else ""), flush=True)
                rows.append(row)
    print(NOTES, *wrong, sep="\n")
    if arguments.record and not wrong:
        record(rows, where)
    return int(bool(wrong))


def record(rows: list[dict[str, Any]], where: str) -> None:
    """Write what was measured to the table that the book shows."""
    with (ROOT / "accelsim" / "data" / RECORD).open("w", newline="") as file:
        file.write("# Searches of the mapper and of ZigZag 3.9.1, by `python -m tests.bench.mapper --record`\n")
        file.write(f"# on {where}\n")
        table = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
