"""ZigZag's word accesses of given mappings, run by `tests.bench.counts` with the Python of build/peers/zigzag.

Reads tasks as JSON, prints one line of JSON. Ports and words are one bit wide, so that an access is a word.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from zigzag.cost_model.cost_model import CostModelEvaluation
from zigzag.datatypes import LayerDim, LayerOperand
from zigzag.mapping.data_movement import DataDirection
from zigzag.mapping.spatial_mapping_internal import SpatialMappingInternal
from zigzag.mapping.temporal_mapping import TemporalMapping, TemporalMappingType
from zigzag.stages.main import MainStage
from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
from zigzag.stages.parser.workload_parser import WorkloadParserStage
from zigzag.stages.workload_iterator import WorkloadStage

from tests.bench.peer_zigzag import DIRECTIONS, Setting

NAMES = {"A": ("I", "I1"), "B": ("W", "I2"), "Z": ("O", "O")}


def memory(tensors: list[str], served: list[str]) -> dict[str, Any]:
    operands = [NAMES[name][1] for name in tensors]
    allocation = [f"{operand}, {direction}" for operand in operands for direction in DIRECTIONS[operand]]
    port = {"name": "rw_port_1", "type": "read_write", "bandwidth_min": 1, "bandwidth_max": 1}
    sizes = {"size": 10**9, "r_cost": 1.0, "w_cost": 1.0, "area": 0.0, "latency": 1}
    return {**sizes, "operands": operands, "ports": [{**port, "allocation": allocation}], "served_dimensions": served}


def spread_dims(task: dict[str, Any]) -> list[list[tuple[str, int]]]:
    """The spatial loops below each level, innermost level first."""
    return [[(dim, bound) for dim, bound, axis in stage["loops"] if axis] for stage in reversed(task["stages"])]


def machine(task: dict[str, Any]) -> dict[str, Any]:
    inner, spread = task["stages"][::-1], spread_dims(task)
    dimensions = [f"D{at + 1}" for at in range(len(inner))]
    memories = {stage["level"]: memory(stage["keeps"], dimensions[: at + 1]) for at, stage in enumerate(inner)}
    sizes = [math.prod(bound for _, bound in loops) for loops in spread]
    array = {"unit_energy": 1.0, "unit_area": 0.0, "dimensions": dimensions, "sizes": sizes}
    return {"name": "roomy", "memories": memories, "operational_array": array}


def layer(task: dict[str, Any]) -> dict[str, Any]:
    relations, text = [], {}
    for name, ranks in task["tensors"].items():
        text[name] = NAMES[name][0]
        for terms in ranks:
            axis = terms[0][0].lower()
            if len(terms) > 1 or terms[0][1] != 1:
                axis = "xyuv"[len(relations)]
                relations.append(f"{axis}=" + "+".join(f"{scale}*{dim.lower()}" for dim, scale in terms))
            text[name] += f"[{axis}]"
    return {
        "id": 0,
        "name": "layer",
        "operator_type": "Conv",
        "equation": f"{text['Z']}+={text['B']}*{text['A']}",
        "dimension_relations": relations,
        "loop_dims": list(task["sizes"]),
        "loop_sizes": list(task["sizes"].values()),
        "operand_precision": {"W": 1, "I": 1, "O": 1, "O_final": 1},
        "operand_source": {"I": 0, "W": 0},
    }


def built(task: dict[str, Any]) -> SimpleNamespace:
    spatial = {
        f"D{at + 1}": [f"{dim}, {bound}" for dim, bound in loops] for at, loops in enumerate(spread_dims(task)) if loops
    }
    mapping = [
        {"name": "default", "spatial_mapping": spatial, "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"}}
    ]
    with tempfile.TemporaryDirectory() as folder:
        files = {"accelerator": machine(task), "workload": [layer(task)], "mapping": mapping}
        paths = {name: str(Path(folder, f"{name}.yaml")) for name in files}
        for name, data in files.items():
            Path(paths[name]).write_text(json.dumps(data))
        stages = [WorkloadParserStage, AcceleratorParserStage, WorkloadStage, SpatialMappingGeneratorStage, Setting]
        options = {"nb_mappings_generated": 1, "enable_mix_spatial_mapping_generation": False}
        kind = TemporalMappingType.UNEVEN
        return MainStage(stages, temporal_mapping_type=kind, **options, **paths).run()[0][0]


def loops(task: dict[str, Any], name: str, spatial: bool) -> list[list[tuple[LayerDim, int]]]:
    """The loops over time, or across copies, of a tensor by the memories that keep it, innermost first."""
    found: list[list[tuple[LayerDim, int]]] = []
    waiting: list[tuple[LayerDim, int]] = []
    for stage in reversed(task["stages"]):
        mine = [(LayerDim(dim), bound) for dim, bound, axis in reversed(stage["loops"]) if bool(axis) == spatial]
        waiting += mine
        if name in stage["keeps"]:
            found.append(waiting)
            waiting = []
    return found


def counts(task: dict[str, Any]) -> dict[str, list[int]]:
    setting = built(task)
    operands = {name: LayerOperand(NAMES[name][0]) for name in task["tensors"]}
    over_time = {operand: loops(task, name, spatial=False) for name, operand in operands.items()}
    # One list more than memories: nothing is spread above the outermost.
    spread = {operand: [*loops(task, name, spatial=True), []] for name, operand in operands.items()}
    found = CostModelEvaluation(
        accelerator=setting.accelerator,
        layer=setting.layer,
        spatial_mapping=SpatialMappingInternal(spread, setting.layer),
        spatial_mapping_int=SpatialMappingInternal(spread, setting.layer),
        temporal_mapping=TemporalMapping(over_time, setting.layer, TemporalMappingType.UNEVEN),
    )
    words = {}
    for name, operand in operands.items():
        levels = [stage["level"] for stage in reversed(task["stages"]) if name in stage["keeps"]]
        for level, moved in zip(levels, found.memory_word_access[operand], strict=True):
            reads = moved.get(DataDirection.RD_OUT_TO_LOW) + moved.get(DataDirection.RD_OUT_TO_HIGH)
            writes = moved.get(DataDirection.WR_IN_BY_LOW) + moved.get(DataDirection.WR_IN_BY_HIGH)
            if reads or writes:
                words[f"{level}.{name}"] = [reads, writes]
    return words


def answer(task: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"counts": counts(task)}
    except Exception as error:  # whatever the tool raises is its refusal
        return {"refused": f"{type(error).__name__}: {error}"[:200]}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps([answer(task) for task in json.load(sys.stdin)]))
