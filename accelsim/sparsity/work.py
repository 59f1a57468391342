"""What the multipliers do with zeros in their operands: MACs, cycles and metadata looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.dataflow import Flow
from accelsim.sparsity.saving import Saving
from accelsim.sparsity.surviving import Grid, axes_last
from accelsim.sparsity.walks import bitmask_walk, coordinate_walk, expected_longest, makespan, union


@dataclass(frozen=True)
class Work:
    """What the multipliers do.

    macs: surviving ones. steps: cycles of computing. issued: cycles by PE, summed over steps; empty where expected,
    not walked. looked: bits of metadata read, by operand. checks: positions, or heads of lists, compared.
    """

    macs: int
    steps: int
    issued: tuple[int, ...] = ()
    looked: dict[str, int] = field(default_factory=dict)
    checks: int = 0

    @property
    def balanced(self) -> int:
        """Cycles if the PEs that have work shared it evenly and never waited."""
        return math.ceil(sum(self.issued) / max(1, len(self.issued)))


def walked(flow: Flow, saving: Saving, grid: Grid, sync: int) -> Work:
    """Cycles PE by PE where the zeros are."""
    steps = [axis for axis, p in enumerate(flow.loops) if not p.spatial and p.level < sync]
    pes = [axis for axis, p in enumerate(flow.loops) if p.spatial]
    stream = [axis for axis, p in enumerate(flow.loops) if not p.spatial and p.level >= sync]
    inside, *masks = (axes_last(bits, steps, pes, stream) for bits in (grid.inside, *grid.nonzero.values()))
    masks = masks or [inside]
    macs = int(grid.alive.sum())
    if saving.kind == "gate":
        looked = dict.fromkeys(saving.on, flow.layer.macs) if saving.find == "flags" else {}
        return Work(macs, flow.steps(), _by_pe(inside.sum(-1)), looked, flow.layer.macs)
    walk = (
        bitmask_walk(tuple(masks), saving.width, inside)
        if saving.find == "bitmask"
        else coordinate_walk(tuple(masks), inside)
    )
    works = np.any(inside, -1)
    cycles = walk.cycles + saving.start * works
    wide = saving.bits if saving.find == "coordinates" else 1
    looked = {name: wide * int(bits.sum()) for name, bits in zip(saving.on, walk.looked, strict=True)}
    return Work(macs, makespan(cycles), _by_pe(cycles, works), looked, int(walk.checks.sum()))


def _by_pe(cycles: NDArray[Any], works: NDArray[Any] | None = None) -> tuple[int, ...]:
    kept = cycles.sum(0) if works is None else cycles.sum(0)[works.any(0)]
    return tuple(int(value) for value in kept)


def expected(flow: Flow, saving: Saving, share: dict[str, float], sync: int) -> Work:
    """Cycles that PEs with independent zeros take on average."""
    alive = math.prod(share.values())
    macs, total = round(flow.layer.macs * alive), flow.layer.macs
    if saving.kind == "gate":
        looked = dict.fromkeys(saving.on, total) if saving.find == "flags" else {}
        return Work(macs, flow.steps(), (), looked, total)
    outer = flow.reached(p for p in flow.loops if not p.spatial and p.level < sync)
    longest = expected_longest(flow.steps() / outer, flow.active(len(flow.arch.levels)), saving, share)
    steps = round(outer * (longest + saving.start))
    if saving.find == "bitmask":
        return Work(macs, steps, (), dict.fromkeys(saving.on, total), total)
    looked = {name: round(saving.bits * total * share[name]) for name in saving.on}
    return Work(macs, steps, (), looked, round(total * union(share)) if len(share) > 1 else 0)
