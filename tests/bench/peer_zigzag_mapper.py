"""ZigZag's search for the best temporal mapping of a layer, run by the benchmark with the Python of build/peers/zigzag.

All orders of the temporal loops, merged to six as ZigZag does by default, for the row stationary array it is given;
its own energy and latency decide. Prints one line of JSON: the best, and the time that the search itself took.
"""

from __future__ import annotations

import json
import logging

from zigzag.opt.loma.engine import LomaEngine

from tests.bench.meter import Clock, task
from tests.bench.peer_zigzag import KIND, LOOPS, cost, setting


def main() -> None:
    logging.disable(logging.CRITICAL)
    given, clock = task(), Clock()
    built = setting(given)
    best, costed = (float("inf"), 0.0, 0.0), 0
    with clock:
        engine = LomaEngine(
            accelerator=built.accelerator,
            layer=built.layer,
            spatial_mapping=built.spatial_mapping,
            mapping_type=KIND,
            loma_lpf_limit=LOOPS,
        )
        for order in engine.run():
            found, costed = cost(built, order), costed + 1
            energy, cycles = float(found.energy_total), float(found.latency_total2)
            best = min(best, (energy * cycles, energy, cycles))
    print(json.dumps({"energy": best[1], "cycles": best[2], "costed": costed, "cpu_s": clock.cpu}))


if __name__ == "__main__":
    main()
