"""AccelForge's own search for the mapping of least energy, run by the benchmark with its Python in build/peers.

Its mapper prunes what cannot be best and returns an optimum of its own model. Prints one line of JSON: that energy, and
the time that the search took in this process, on one core.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import chdir

from accelforge.frontend.mapper.metrics import Metrics
from accelforge.mapper.FFM.mappings import Mappings
from accelforge.util import set_n_parallel_jobs

from tests.bench.meter import Clock, task
from tests.bench.peer_accelforge import specification


def main() -> None:
    given, clock = task(), Clock()
    set_n_parallel_jobs(1)
    Mappings.render = lambda *_, **__: ""  # it draws what it finds, with graphviz, which may not be there
    spec = specification(given)
    spec.mapper.metrics = Metrics.ENERGY
    with tempfile.TemporaryDirectory() as folder, chdir(folder), clock:  # it leaves a picture where it runs
        found = spec.map_workload_to_arch(print_progress=False)
    print(json.dumps({"energy": float(min(found.data["Total<SEP>energy"])), "cpu_s": clock.cpu}))


if __name__ == "__main__":
    main()
