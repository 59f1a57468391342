"""The benchmark of the mapper: the best mapping of each layer, what bounds it, and ZigZag's search beside it.

    python -m tests.bench.mapper                     CONV layers of AlexNet and ResNet-50 on two machines
    python -m tests.bench.mapper --peers             first makes ZigZag's environment in build/peers (network needed)
    python -m tests.bench.mapper --published         AlexNet on Eyeriss beside the mapping of the chip's authors

All searches run on one core. Exit status 1: a mapping has a fault, or `evaluate` gives it another value.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterable, Iterator

from accelsim import Arch, Layer, catalog, conv, evaluate, problems
from accelsim.mapper import Found, keeping, search, space
from tests.bench.counts import plain as given_to_peers
from tests.bench.engine import PEERS, install, measured
from tests.bench.meter import Clock, one_core
from tests.bench.tasks import plain

TEMPLATES = {  # what the machines' published mappings keep at each level
    name: keeping(catalog.machine(name), catalog.mappings(name, "alexnet")["conv1"]) for name in ("eyeriss", "tpu_v1")
}
ZIGZAG = next(peer for peer in PEERS if peer.name == "zigzag")
NOTES = """\
gap: how far above the least EDP of the space the mapping may be, at most; 0.00% is a proof. Spaces: all factors that
divide, all loop orders, all arrays, levels keep what the published mappings keep there.
same array: the same search with the array row stationary as ZigZag's is, one group of a layer. ZigZag: all orders of
six merged loops by its own LOMA engine, its own energy and latency, which differ from ours (see the page on
validation): no energy for links, halos fetched again, psums read at the first update; each operand may keep loops of
its own at a memory, which a nest cannot say. times: CPU seconds of ZigZag over those of "same array". EDP: of the
mapping that ZigZag finds over that of ours, both by ZigZag's own model, which ours was not chosen by."""

REASONS = """\
energies: the chip's mapping, then the mapper's. Why they differ: the mapper seeks the least energy times cycles of this
model, and is free to put channels, filter rows and filters on either axis; with more channels side by side, psums are
added in the array and fewer of them go to the GLB. The chip's rows run on 14 columns with a clipped last strip (conv1,
conv2), which the mapper's factors, which must divide, cannot say: on conv1 that puts more of its PEs to work."""


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


def timed(layer: Layer, arch: Arch, template: str, seconds: float) -> tuple[Found, float]:
    """A search and its CPU seconds."""
    with (clock := Clock()):
        found = search(space(layer, arch, template), "edp", seconds=seconds)
    return found, clock.cpu


def faults(found: Found) -> list[str]:
    """What is wrong with a result."""
    report = evaluate(found.space.layer, found.space.arch, found.mapping)
    wrong = problems(found.space.layer, found.space.arch, found.mapping)
    value = report.total * report.cycles
    return wrong + ([f"{found.value} is not {value}"] if abs(value - found.value) > 1e-12 * value else [])


def line(found: Found, cpu: float, what: str = "") -> str:
    """A row of the table."""
    layer = found.space.layer.name + what
    return (
        f"{layer:<28} {found.space.size:>8.1e} {found.considered:>9,} {cpu:>6.2f} {found.report.total:>11.4e} "
        f"{found.report.cycles:>11,} {found.value:>11.4e} {found.gap:>7.2%}"
    )


def beside(layer: Layer, arguments: argparse.Namespace) -> Iterator[str]:
    """ZigZag's search and ours with its array."""
    given = plain(one_group(layer))
    (x,), y = given["spatial"]
    array = " ".join([f"{x[0]}{x[1]}@x", *(f"{dim}{bound}@y" for dim, bound in y)])
    template = f"DRAM: ? | GLB[ifmap ofmap]: ? {array} | spad: ?"
    found, cpu = timed(one_group(layer), catalog.eyeriss(), template, arguments.seconds)
    yield line(found, cpu, ", same array")
    try:
        stages = given_to_peers(found.space.layer, found.mapping)["stages"]
        row = measured(ZIGZAG.interpreter, "peer_zigzag_mapper", given | {"stages": stages})
    except RuntimeError as error:
        yield f"  ZigZag: failed, {error}"
        return
    edp = row["energy"] * row["cycles"]
    yield (
        f"{layer.name + ', ZigZag 3.9.1':<28} {'':>8} {row['costed']:>9,} {row['cpu_s']:>6.2f} {row['energy']:>11.4e} "
        f"{row['cycles']:>11,.0f} {edp:>11.4e}   times {row['cpu_s'] / cpu:.1f}, EDP {edp / row['ours']:.2f}"
    )


def published(seconds: float) -> Iterator[str]:
    """The mapping of Eyeriss's authors for each layer of AlexNet, beside what the mapper finds."""
    arch = catalog.eyeriss()
    for name, mapping in catalog.mappings("eyeriss", "alexnet").items():
        theirs = evaluate(catalog.alexnet().layer(name), arch, mapping)
        found, _ = timed(theirs.layer, arch, TEMPLATES["eyeriss"], seconds)
        ours = found.report
        energy, cycles = theirs.total / ours.total, theirs.cycles / ours.cycles
        yield f"{name}: the chip's costs {energy:.2f} times the energy, {cycles:.2f} times the cycles"
        yield f"  chip:   {mapping}\n  mapper: {found.mapping}"
        for level in ("DRAM", "GLB", "NoC", "spad"):
            yield f"  {level:<5} {theirs.by_level()[level]:>11.4e} {ours.by_level()[level]:>11.4e} {arch.unit}"
        yield f"  PEs at work {theirs.counts.active:>4} {ours.counts.active:>4} of {arch.pes}"


def parse(words: Iterable[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mapper", description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="make ZigZag's environment in build/peers if absent")
    parser.add_argument("--alone", action="store_true", help="leave ZigZag out even where it is installed")
    parser.add_argument("--machines", nargs="+", choices=TEMPLATES, default=list(TEMPLATES))
    parser.add_argument("--networks", nargs="+", choices=["alexnet", "resnet50"], default=["alexnet", "resnet50"])
    parser.add_argument("--seconds", type=float, default=10.0, help="the most that one search may take")
    parser.add_argument("--published", action="store_true", help="only AlexNet on Eyeriss beside the chip's mapping")
    return parser.parse_args(None if words is None else list(words))


def main(words: Iterable[str] | None = None) -> int:
    arguments = parse(words)
    one_core()
    if arguments.published:
        print(*published(arguments.seconds), REASONS, sep="\n")
        return 0
    if arguments.peers and (why := install(ZIGZAG)):
        print(f"zigzag: {why}")
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores{load}")
    wrong = []
    for machine in arguments.machines:
        for network in arguments.networks:
            heads = ("space", "costed", "CPU s", "energy", "cycles", "EDP", "gap")
            print("{:<28} {:>8} {:>9} {:>6} {:>11} {:>11} {:>11} {:>7}".format(f"{network} on {machine}", *heads))
            for layer in layers(network):
                found, cpu = timed(layer, catalog.machine(machine), TEMPLATES[machine], arguments.seconds)
                wrong += faults(found)
                print(line(found, cpu), flush=True)
                if machine == "eyeriss" and not arguments.alone and ZIGZAG.interpreter.exists():
                    print(*beside(layer, arguments), sep="\n", flush=True)
    print(NOTES, *wrong, sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
