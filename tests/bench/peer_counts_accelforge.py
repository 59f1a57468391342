"""AccelForge's actions of given mappings, run by `tests.bench.counts` with the Python of build/peers/accelforge.

Reads tasks as JSON, prints one line of JSON. AccelForge has no rule of its own for what stays in a memory: a mapping
says where in the nest each tensor enters each memory. Here it enters above all loops that leave its tile as it is.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import accelforge
from accelforge.frontend.mapping import Compute, Mapping, Spatial, Storage, Temporal
from accelforge.model import evaluate_mapping

WORD = 16


class Unplaceable(Exception):
    """A mapping that cannot be written as AccelForge's nest."""


def machine(task: dict[str, Any]) -> str:
    nodes = ""
    action = f"bits_per_action: {WORD}, energy: 1, latency: 0"
    for stage in task["stages"]:
        nodes += f"""
  - !Memory
    name: {stage["level"]}
    size: inf
    leak_power: 0
    area: 0
    tensors: {{keep: {" | ".join(stage["keeps"])}}}
    actions: [{{name: read, {action}}}, {{name: write, {action}}}]
  - !Container
    name: below_{stage["level"]}
    spatial: [{{name: x, fanout: {math.prod(bound for _, bound, axis in stage["loops"] if axis)}}}]"""
    return f"""
arch:
  nodes:{nodes}
  - !Compute
    name: MAC
    leak_power: 0
    area: 0
    actions: [{{name: compute, energy: 1, latency: 1}}]
"""


def workload(task: dict[str, Any]) -> str:
    accesses, sizes = [], {}
    for name, ranks in task["tensors"].items():
        projection = {}
        for terms in ranks:
            plain = len(terms) == 1 and terms[0][1] == 1
            rank = terms[0][0] if plain else "X" + "".join(f"{dim}{scale}" for dim, scale in terms)
            projection[rank] = " + ".join(f"{scale}*{d.lower()}" if scale > 1 else d.lower() for d, scale in terms)
            sizes[rank] = 1 + sum(scale * (task["sizes"][dim] - 1) for dim, scale in terms)
        fields = ", ".join(f"{rank}: {text}" for rank, text in projection.items())
        accesses.append(f"{{name: {name}, projection: {{{fields}}}{', output: True' if name == 'Z' else ''}}}")
    lines = "".join(f"\n    - {access}" for access in accesses)
    return f"""
workload:
  rank_sizes: {{{", ".join(f"{rank}: {size}" for rank, size in sizes.items())}}}
  bits_per_value: {{All: {WORD}}}
  einsums:
  - name: layer
    tensor_accesses:{lines}
"""


def indexed(task: dict[str, Any], name: str) -> set[str]:
    return {dim for terms in task["tensors"][name] for dim, _ in terms}


def nodes(task: dict[str, Any]) -> list[Any]:
    """The nest, outermost first; a tensor enters a level above the innermost loops that do not index it."""
    found: list[Any] = []
    left = dict(task["sizes"])
    for stage in task["stages"]:
        for name in stage["keeps"]:
            enter(task, found, name, stage["level"])
        for dim, bound, axis in stage["loops"]:
            left[dim] //= bound
            kind = {"name": "x", "component": f"below_{stage['level']}"} if axis else {}
            maker = Spatial if axis else Temporal
            found.append(maker(rank_variable=dim.lower(), tile_shape=left[dim], **kind))
    used = {node.rank_variable for node in found if not isinstance(node, Storage)}
    found += [Temporal(rank_variable=dim.lower(), tile_shape=1) for dim in left if dim.lower() not in used]
    return [*found, Compute(einsum="layer", component="MAC")]


def enter(task: dict[str, Any], found: list[Any], name: str, level: str) -> None:
    """Place a tensor's storage; spatial loops that it must stay below move up with it."""
    at, above = len(found), []
    own = indexed(task, name)
    while at > 0:
        node = found[at - 1]
        if isinstance(node, Storage) and name in node.tensors:
            break
        if isinstance(node, Temporal) and node.rank_variable.upper() in own:
            break
        if isinstance(node, Spatial):
            above.append(node)
        at -= 1
    lifted = above[::-1]
    crossed = [node for node in found[at:] if isinstance(node, Temporal)]
    if not crossed:
        found.append(Storage(tensors=[name], component=level))
        return
    first = found.index(crossed[0])
    late = [node for node in lifted if found.index(node) > first]
    if {node.rank_variable for node in late} & {node.rank_variable for node in crossed}:
        raise Unplaceable("a spatial loop and a loop over time of one dimension would change places")
    for node in late:
        found.remove(node)
    found[first:first] = [*late, Storage(tensors=[name], component=level)]


def counts(task: dict[str, Any]) -> dict[str, list[int]]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("arch.yaml", "workload.yaml")]
        for path, text in zip(paths, (machine(task), workload(task)), strict=True):
            path.write_text(text)
        spec = accelforge.Spec.from_yaml(*map(str, paths))
    spec.mapping = Mapping(nodes=nodes(task))
    words: dict[str, list[int]] = {}
    actions = evaluate_mapping(spec).actions(per_component=True, per_tensor=True)
    for (level, tensor, action), count in actions.items():
        if action in ("read", "write") and tensor in task["tensors"] and count:
            assert float(count).is_integer(), (level, tensor, action, count)
            words.setdefault(f"{level}.{tensor}", [0, 0])[action == "write"] = int(count)
    return words


def answer(task: dict[str, Any]) -> dict[str, Any]:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return {"counts": counts(task)}
    except Exception as error:  # whatever the tool raises is its refusal
        return {"refused": f"{type(error).__name__}: {error}"[:300]}


if __name__ == "__main__":
    print(json.dumps([answer(task) for task in json.load(sys.stdin)]))
