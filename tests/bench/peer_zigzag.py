"""ZigZag's cost model on one layer, run by the benchmark with the Python of build/peers/zigzag.

Prints one line of JSON. What is timed is `CostModelEvaluation` alone, ZigZag's costing of one mapping: the machine and
the layer are parsed, the spatial mapping converted, the loop orders drawn and their loops given to memories before.
"""

from __future__ import annotations

import json
import logging
import random
import tempfile
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from zigzag.cost_model.cost_model import CostModelEvaluation
from zigzag.mapping.temporal_mapping import TemporalMapping, TemporalMappingType
from zigzag.opt.loma.engine import LomaEngine
from zigzag.opt.loma.memory_allocator import (
    MemoryAllocator,
    MemoryHierarchyTooSmallException,
    MemoryTooSmallException,
)
from zigzag.stages.main import MainStage
from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
from zigzag.stages.parser.workload_parser import WorkloadParserStage
from zigzag.stages.stage import Stage
from zigzag.stages.workload_iterator import WorkloadStage

from tests.bench.meter import Clock, row, task

NAMES = {"N": "B", "M": "K", "C": "C", "P": "OY", "Q": "OX", "R": "FY", "S": "FX"}
KIND = TemporalMappingType.UNEVEN  # each operand's loops are split over the memories on their own
OPERANDS = {"I1": "ifmap", "I2": "filter", "O": "ofmap"}
LOOPS = 6  # temporal loops that the prime factors are merged to, as ZigZag does by default; more would be slower
WORD = 16
GLB_PORT = 10**6  # bits a cycle: as good as no limit, as on the machine it is compared with
DIRECTIONS = {"I1": ("fh", "tl"), "I2": ("fh", "tl"), "O": ("fh", "tl", "fl", "th")}


class Setting(Stage):
    """The last stage: keeps what the stages before it have built instead of costing it."""

    def __init__(self, callables: list[Any], **kwargs: Any) -> None:
        super().__init__(callables, **kwargs)
        self.found = SimpleNamespace(**kwargs)

    def run(self) -> Any:
        yield self.found, None

    def is_leaf(self) -> bool:
        return True


def memory(words: int, energy: float, operands: list[str], bits: int, array: bool) -> dict[str, Any]:
    """A memory of the machine; `array`: one for the whole array, otherwise one in each PE."""
    allocation = [f"{operand}, {direction}" for operand in operands for direction in DIRECTIONS[operand]]
    port = {"name": "rw_port_1", "type": "read_write", "bandwidth_min": WORD, "bandwidth_max": bits}
    return {
        "size": words * WORD,
        "r_cost": energy,
        "w_cost": energy,
        "area": 0.0,
        "latency": 1,
        "operands": operands,
        "ports": [{**port, "allocation": allocation}],
        "served_dimensions": ["D1", "D2"] if array else [],
    }


def machine(given: dict[str, Any]) -> dict[str, Any]:
    array = {"unit_energy": given["energy"]["MAC"], "unit_area": 0.0, "dimensions": ["D1", "D2"]}
    array["sizes"] = given["array"]
    return {"name": "machine", "memories": MEMORIES[given["machine"]](given), "operational_array": array}


def tpu(given: dict[str, Any]) -> dict[str, Any]:
    words, energy = given["words"], given["energy"]
    link = round(given["bandwidth"] * WORD)
    return {
        "reg": memory(words["reg"], energy["reg"], ["I2"], WORD, False),
        "acc": memory(words["acc"], energy["acc"], ["O"], GLB_PORT, True),
        "UB": memory(words["UB"], energy["UB"], ["I1", "O"], GLB_PORT, True),
        "DRAM": memory(10**9, energy["DRAM"], list(OPERANDS), link, True),
    }


def eyeriss(given: dict[str, Any]) -> dict[str, Any]:
    words, energy = given["words"], given["energy"]
    link = round(given["bandwidth"] * WORD)
    spads = {
        f"spad_{name}": memory(words["spad"][name], energy["spad"], [operand], WORD, False)
        for operand, name in OPERANDS.items()
    }
    glb = memory(words["GLB"], energy["GLB"], ["I1", "O"], GLB_PORT, True)
    dram = memory(10**9, energy["DRAM"], list(OPERANDS), link, True)
    return {**spads, "GLB": glb, "DRAM": dram}


MEMORIES = {"eyeriss": eyeriss, "tpu_v1": tpu}


def layer(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": 0,
        "name": given["name"],
        "operator_type": "Conv",
        "equation": "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]",
        "dimension_relations": [f"ix={given['stride']}*ox+1*fx", f"iy={given['stride']}*oy+1*fy"],
        "loop_dims": [NAMES[dim] for dim in given["sizes"]],
        "loop_sizes": list(given["sizes"].values()),
        "operand_precision": {"W": WORD, "I": WORD, "O": WORD, "O_final": WORD},
        "operand_source": {"I": 0, "W": 0},
    }


def mapping(given: dict[str, Any]) -> list[dict[str, Any]]:
    rows = zip(("D1", "D2"), given["spatial"], strict=True)
    spatial = {axis: [f"{NAMES[dim]}, {bound}" for dim, bound in loops] for axis, loops in rows}
    return [
        {"name": "default", "spatial_mapping": spatial, "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"}},
    ]


def setting(given: dict[str, Any]) -> SimpleNamespace:
    """The layer, the machine and the spatial mapping as ZigZag's own stages build them."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"accelerator": machine(given), "workload": [layer(given)], "mapping": mapping(given)}
        paths = {name: str(Path(folder, f"{name}.yaml")) for name in files}
        for name, data in files.items():
            Path(paths[name]).write_text(json.dumps(data))
        stages = [WorkloadParserStage, AcceleratorParserStage, WorkloadStage, SpatialMappingGeneratorStage, Setting]
        options = {"nb_mappings_generated": 1, "enable_mix_spatial_mapping_generation": False}
        found = MainStage(stages, temporal_mapping_type=KIND, **options, **paths).run()
    return found[0][0]


def orders(built: SimpleNamespace) -> LomaEngine:
    """What goes through the orders of a layer's temporal loops, merged to a few."""
    return LomaEngine(
        accelerator=built.accelerator,
        layer=built.layer,
        spatial_mapping=built.spatial_mapping,
        mapping_type=KIND,
        loma_lpf_limit=LOOPS,
    )


def draw(built: SimpleNamespace, count: int, seed: int) -> list[TemporalMapping]:
    """Random orders of the temporal loops, each loop given to the lowest memory that still holds its tile."""
    engine = orders(built)
    engine.temporal_loop_dim_size = engine.get_temporal_loops()
    engine.update_min_lpf_factor(engine.temporal_loop_dim_size)
    engine.get_prime_factors()
    shuffled, drawn = random.Random(seed), []
    while len(drawn) < count:
        order = shuffled.sample(engine.lpfs, len(engine.lpfs))
        allocator = MemoryAllocator(built.accelerator, built.layer, built.spatial_mapping, order, KIND)
        with suppress(MemoryHierarchyTooSmallException, MemoryTooSmallException):
            drawn.append(allocator.run())
    return drawn


def cost(built: SimpleNamespace, order: TemporalMapping) -> CostModelEvaluation:
    return CostModelEvaluation(
        accelerator=built.accelerator,
        layer=built.layer,
        spatial_mapping=built.spatial_mapping,
        spatial_mapping_int=built.spatial_mapping_int,
        temporal_mapping=order,
    )


def main() -> None:
    logging.disable(logging.CRITICAL)
    given, clock = task(), Clock()
    built = setting(given)
    orders = draw(built, given["mappings"], given["seed"])
    for order in orders:
        with clock:
            found = cost(built, order)
        assert min(found.energy_total, found.latency_total2) > 0
    print(json.dumps(row("ZigZag 3.9.1", len(orders), clock) | {"whole": True}))


if __name__ == "__main__":
    main()
