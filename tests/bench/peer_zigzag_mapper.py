"""ZigZag's search for the best temporal mapping of a layer, run by the benchmark with the Python of build/peers/zigzag.

All orders of the temporal loops, merged to six as ZigZag does by default, for the row stationary array it is given;
its own energy and latency decide. Prints one line of JSON: the best, the time that the search itself took, and what
a mapping found elsewhere costs by the same reckoning.
"""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

from zigzag.datatypes import LayerOperand
from zigzag.mapping.temporal_mapping import TemporalMapping

from tests.bench.meter import Clock, task
from tests.bench.peer_counts_zigzag import loops
from tests.bench.peer_zigzag import KIND, NAMES, cost, orders, setting

OPERANDS = {"ifmap": "I", "filter": "W", "ofmap": "O"}


def priced(built: SimpleNamespace, stages: list[dict[str, Any]]) -> tuple[float, float]:
    """Energy and cycles that ZigZag gives a nest, whose spatial loops are those it was set up with."""
    renamed = [
        {**stage, "loops": [(NAMES[dim], bound, axis) for dim, bound, axis in stage["loops"]]} for stage in stages
    ]
    over_time = {
        LayerOperand(operand): loops({"stages": renamed}, name, spatial=False) for name, operand in OPERANDS.items()
    }
    found = cost(built, TemporalMapping(over_time, built.layer, KIND))
    return float(found.energy_total), float(found.latency_total2)


def main() -> None:
    logging.disable(logging.CRITICAL)
    given, clock = task(), Clock()
    built = setting(given)
    best = (float("inf"), 0.0, 0.0)
    with clock:
        for order in orders(built).run():
            found = cost(built, order)
            energy, cycles = float(found.energy_total), float(found.latency_total2)
            best = min(best, (energy * cycles, energy, cycles))
    energy, cycles = priced(built, given["stages"])
    said = {"energy": best[1], "cycles": best[2], "cpu_s": clock.cpu, "ours": energy * cycles}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
