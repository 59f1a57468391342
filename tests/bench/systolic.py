"""The systolic model beside SCALE-Sim in one run: time per network, and whether all figures are equal.

    python -m tests.bench.systolic                    ours, and SCALE-Sim on AlexNet's CONV layers where it is installed
    python -m tests.bench.systolic --peers            first makes its environment in build/peers (network needed)
    python -m tests.bench.systolic --python PATH      uses the Python of an environment that has it
    python -m tests.bench.systolic --networks resnet50 --dataflows os --record rows.csv

Exit status 1: a figure differs. SCALE-Sim needs up to minutes of processor time for a network and up to gigabytes.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from accelsim import Layer, catalog
from accelsim.systolic import DATAFLOWS, Systolic, as_scalesim, evaluate, scalesim_rows
from tests.bench.engine import Peer, install, output, positive
from tests.bench.meter import Clock, one_core, peak_mib

PEER = Peer("scalesim", ("scalesim==3.0.0", "numpy<2.3"), 1)
NETWORKS = {
    "alexnet": lambda: catalog.alexnet(N=1, fc=True),
    "resnet50": catalog.resnet50,
    "mobilenet_v1": catalog.mobilenet_v1,
}
FIGURES = 9  # that SCALE-Sim reports for a layer and `as_scalesim` gives: cycles, two utilizations, six counts of words
KB = (256, 256, 128)
SHAPE = {"H": "ifmap_h", "W": "ifmap_w", "R": "filter_h", "S": "filter_w", "C": "channels", "M": "filters"}
NOTES = """\
SCALE-Sim: every distinct CONV shape of the network once, one group of each, its whole run in bandwidth mode CALC;
reading its configuration is not timed. Ours, cycles and SRAM: `evaluate` of the same layers, in the mean of 20 rounds.
Ours, with DRAM: `as_scalesim`, which also follows SCALE-Sim's replacement request by request. ratio: SCALE-Sim's CPU
seconds over ours. figures: how many SCALE-Sim reported, and how many of ours are not equal to them."""


def shape(layer: Layer) -> dict[str, Any]:
    """One group of a layer as a line of a SCALE-Sim topology; the input is what the outputs reach."""
    if "P" not in layer.dims:
        one = {"H": 1, "W": 1, "R": 1, "S": 1, "stride": 1}
    else:
        H, W = layer.shape("ifmap")[-2:]
        stride = dict(layer.tensor("ifmap").ranks[-2].terms)["P"]
        one = {"H": H, "W": W, "R": layer.dims["R"], "S": layer.dims["S"], "stride": stride}
    return one | {"C": layer.dims["C"], "M": layer.dims["M"]}


def distinct(layers: Iterable[Layer]) -> list[tuple[Layer, dict[str, Any]]]:
    """The layers of different shapes, each with its shape, under the name of the first that has it."""
    found = {tuple(sorted(shape(layer).items())): layer for layer in reversed(list(layers))}
    return [(layer, shape(layer)) for layer in reversed(found.values())]


def theirs(python: Path, cases: list[tuple[Layer, dict[str, Any]]], array: Systolic) -> list[dict[str, Any]]:
    """What SCALE-Sim reports for each layer, with its time."""
    layers = [
        {"name": layer.name, "stride": size["stride"]} | {peer: size[own] for own, peer in SHAPE.items()}
        for layer, size in cases
    ]
    sizes = dict(zip(("ifmap_kb", "filter_kb", "ofmap_kb"), KB, strict=True))
    given = {"layers": layers, "rows": array.rows, "columns": array.columns, "dataflow": array.dataflow, "whole": True}
    return [
        json.loads(line)
        for line in output(python, "-m", "tests.bench.peer_scalesim", json.dumps(given | sizes)).splitlines()
    ]


def ours(cases: list[tuple[Layer, dict[str, Any]]], array: Systolic, rounds: int = 20) -> Iterator[tuple[str, Clock]]:
    """Processor time for all the layers once, without and with DRAM."""
    quick, full = Clock(), Clock()
    with quick:
        for _ in range(rounds):
            for layer, _ in cases:
                run = evaluate(layer, array)
                assert min(run.cycles, run.utilization, *run.reads.values(), *run.writes.values()) >= 0
    with full:
        for layer, _ in cases:
            as_scalesim(layer, array)
    quick.cpu, quick.wall = quick.cpu / rounds, quick.wall / rounds
    yield "accelsim, cycles and SRAM", quick
    yield "accelsim, with DRAM", full


def compared(cases: list[tuple[Layer, dict[str, Any]]], rows: list[dict[str, Any]], array: Systolic) -> Iterator[str]:
    """A sentence for each figure that differs."""
    for (layer, _), row in zip(cases, rows, strict=True):
        for name, value in as_scalesim(layer, array).items():
            if abs(value - row[name]) > 1e-12 * abs(value):
                yield f"  {layer.name}, {array.dataflow}: {name} is {value} here, {row[name]} in SCALE-Sim"


def line(tool: str, network: str, array: Systolic, layers: int, cpu: float, peak: float | None, ratio: str) -> str:
    memory = "-" if peak is None else f"{peak:,.0f} MiB"
    return f"{tool:<27} {network:<13} {array!s:<9} {layers:>6} {cpu:>11.4f} {ratio:>8} {memory:>10}"


def record(path: Path, network: str, cases: list[tuple[Layer, dict[str, Any]]], rows: list[dict[str, Any]],
           array: Systolic) -> None:  # fmt: skip
    """Add what SCALE-Sim reported to a file of rows like the one that comes with accelsim."""
    words = dict(zip(("ifmap_words", "filter_words", "ofmap_words"), (1024 * kb for kb in KB), strict=True))
    own = {"network": network, "dataflow": array.dataflow, "rows": array.rows, "columns": array.columns} | words
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(scalesim_rows()[0]), extrasaction="ignore", lineterminator="\n")
        if new:
            writer.writeheader()
        for (layer, size), row in zip(cases, rows, strict=True):
            writer.writerow(own | {"layer": layer.name} | size | row | {"cpu_s": round(row["cpu_s"], 2)})


def bench(network: str, array: Systolic, python: Path | None, arguments: argparse.Namespace) -> int:
    """Measure and print one network in one dataflow. Returns how many figures differ."""
    cases = [(layer, size) for layer, size in distinct(NETWORKS[network]().layers) if "fc" not in layer.name]
    rows = [] if python is None else theirs(python, cases, array)
    spent = sum(row["cpu_s"] for row in rows)
    if rows:
        peak = max(row["peak_mib"] or 0 for row in rows)
        print(line("SCALE-Sim 3.0.0", network, array, len(cases), spent, peak, "1"), flush=True)
        if arguments.record:
            record(arguments.record, network, cases, rows, array)
    for tool, clock in ours(cases, array):
        ratio = f"{spent / clock.cpu:,.0f}" if rows else "-"
        print(line(tool, network, array, len(cases), clock.cpu, peak_mib(), ratio), flush=True)
    different = list(compared(cases, rows, array)) if rows else []
    if rows:
        figures = len(rows) * FIGURES
        print(f"  {figures} figures of SCALE-Sim, {len(different)} of ours differ", *different[:5], sep="\n")
    return len(different)


def parse(words: Iterable[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.systolic", description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="make SCALE-Sim's environment in build/peers if absent")
    parser.add_argument("--python", type=Path, help="the Python of an environment that has SCALE-Sim")
    parser.add_argument("--alone", action="store_true", help="leave SCALE-Sim out even where it is installed")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["alexnet"])
    parser.add_argument("--dataflows", nargs="+", choices=DATAFLOWS, default=list(DATAFLOWS))
    parser.add_argument("--rows", type=positive, default=32)
    parser.add_argument("--columns", type=positive, default=32)
    parser.add_argument("--record", type=Path, help="add what SCALE-Sim reports to this file")
    return parser.parse_args(None if words is None else list(words))


def interpreter(arguments: argparse.Namespace) -> Path | None:
    """The Python that has SCALE-Sim, if it is wanted and there; says why not."""
    if arguments.alone:
        return None
    if arguments.python:
        return arguments.python
    if arguments.peers and (why := install(PEER)):
        print(f"{PEER.name}: {why}")
    if PEER.interpreter.exists():
        return PEER.interpreter
    print(f"{PEER.name}: skipped, not in {PEER.interpreter}; run with --peers to make it, or name its --python")
    return None


def main(words: Iterable[str] | None = None) -> int:
    arguments = parse(words)
    python = interpreter(arguments)
    one_core()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores{load}")
    heads = ("tool", "network", "array", "layers", "CPU s", "ratio", "peak")
    print("{:<27} {:<13} {:<9} {:>6} {:>11} {:>8} {:>10}".format(*heads))
    different = 0
    for network in arguments.networks:
        for dataflow in arguments.dataflows:
            array = Systolic(arguments.rows, arguments.columns, dataflow, *(1024 * kb for kb in KB))
            different += bench(network, array, python, arguments)
    print(NOTES)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
