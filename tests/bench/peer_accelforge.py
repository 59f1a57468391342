"""AccelForge's model on one layer, run by the benchmark with the Python of build/peers/accelforge.

Prints one line of JSON. What is timed is `evaluate_mapping` of one mapping after the other, with the machine and the
layer parsed and priced before: the way it offers to be given many mappings of one layer.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import accelforge
from accelforge.frontend.mapping import Compute, Mapping, Spatial, Storage, Temporal
from accelforge.model import evaluate_mapping

from tests.bench.meter import Clock, row, task

WORD = 16


def memory(name: str, words: int | str, energy: float, tensors: str) -> str:
    size = words if words == "inf" else words * WORD
    action = f"bits_per_action: {WORD}, energy: {energy}, latency: 0"
    return f"""
  - !Memory
    name: {name}
    size: {size}
    leak_power: 0
    area: 0
    tensors: {{keep: {tensors}}}
    actions: [{{name: read, {action}}}, {{name: write, {action}}}]"""


def machine(given: dict[str, Any]) -> str:
    words, energy, (width, height) = given["words"], given["energy"], given["array"]
    spads = "".join(memory(f"spad_{name}", words["spad"][name], energy["spad"], name) for name in words["spad"])
    return f"""
arch:
  nodes:{memory("DRAM", "inf", energy["DRAM"], "All")}{memory("GLB", words["GLB"], energy["GLB"], "ifmap | ofmap")}
  - !Container
    name: array
    spatial: [{{name: x, fanout: {width}}}, {{name: y, fanout: {height}}}]{spads}
  - !Compute
    name: MAC
    leak_power: 0
    area: 0
    actions: [{{name: compute, energy: {energy["MAC"]}, latency: 1}}]
"""


def workload(sizes: dict[str, int]) -> str:
    ranks = sizes | {"H": sizes["P"] + sizes["R"] - 1, "W": sizes["Q"] + sizes["S"] - 1}
    return f"""
workload:
  rank_sizes: {json.dumps(ranks).replace('"', "")}
  bits_per_value: {{All: {WORD}}}
  einsums:
  - name: conv
    tensor_accesses:
    - {{name: ifmap, projection: {{N: n, C: c, H: p + r, W: q + s}}}}
    - {{name: filter, projection: {{M: m, C: c, R: r, S: s}}}}
    - {{name: ofmap, projection: {{N: n, M: m, P: p, Q: q}}, output: True}}
"""


def mappings(given: dict[str, Any], seed: int) -> Iterator[Mapping]:
    """Row-stationary mappings that fit, without end: random filters and channels in a spad, random orders of loops."""
    sizes, chosen = given["sizes"], random.Random(seed)
    (((_, rows),), (_, (_, sets))) = given["spatial"]
    while True:
        filters = chosen.choice([part for part in (1, 2, 4, 8, 16) if sizes["M"] % (part * sets) == 0])
        channels = chosen.choice([part for part in (1, 2, 4) if sizes["C"] % part == 0])
        outer = [temporal("n", 1), temporal("m", filters * sets), temporal("c", channels)]
        if sizes["P"] > rows:
            outer.append(temporal("p", rows))
        inner = [temporal("m", 1), temporal("c", 1), temporal("s", 1)]
        chosen.shuffle(outer)
        chosen.shuffle(inner)
        array = [spatial("m", filters, "y"), spatial("p", 1, "x"), spatial("r", 1, "y")]
        spads = [Storage(tensors=[name], component=f"spad_{name}") for name in given["words"]["spad"]]
        yield Mapping(
            nodes=[
                Storage(tensors=["ifmap", "filter", "ofmap"], component="DRAM"),
                *outer,
                Storage(tensors=["ifmap", "ofmap"], component="GLB"),
                temporal("q", 1),
                *array,
                *spads,
                *inner,
                Compute(einsum="conv", component="MAC"),
            ]
        )


def temporal(rank: str, tile: int) -> Temporal:
    return Temporal(rank_variable=rank, tile_shape=tile)


def spatial(rank: str, tile: int, axis: str) -> Spatial:
    return Spatial(rank_variable=rank, tile_shape=tile, name=axis, component="array")


def specification(given: dict[str, Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("arch.yaml", "workload.yaml")]
        for path, text in zip(paths, (machine(given), workload(given["sizes"])), strict=True):
            path.write_text(text)
        return accelforge.Spec.from_yaml(*map(str, paths))


def main() -> None:
    given, clock = task(), Clock()
    spec = specification(given)
    priced = spec.calculate_component_costs(einsum_name="conv", area=False)
    flat = priced._get_flattened_architecture(compute_node="MAC")
    drawn = mappings(given, given["seed"])
    for _ in range(given["mappings"]):
        spec.mapping = next(drawn)
        with clock:
            found = evaluate_mapping(spec, {("conv", "MAC"): flat}, {"conv": priced})
        assert min(float(found.energy()), float(found.latency())) > 0
    print(json.dumps(row("AccelForge 1.0.467", given["mappings"], clock) | {"whole": True}))


if __name__ == "__main__":
    main()
