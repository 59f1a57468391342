"""SCALE-Sim on layers given as matrix products of convolutions, run with the Python of an environment that has it.

Prints one line of JSON per layer. "whole": compute and memories, as its own runner does; otherwise the compute part
alone, which already decides cycles without stalls, utilization and SRAM counts but nothing about DRAM. Timed is all
that SCALE-Sim does for the layer; reading its configuration is not.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from scalesim.layout_utils import layouts
from scalesim.scale_config import scale_config
from scalesim.single_layer_sim import single_layer_sim
from scalesim.topology_utils import topologies

from tests.bench.meter import Clock, peak_mib, task

CONFIG = """\
[general]
run_name = run
[architecture_presets]
ArrayHeight: {rows}
ArrayWidth: {columns}
IfmapSramSzkB: {ifmap_kb}
FilterSramSzkB: {filter_kb}
OfmapSramSzkB: {ofmap_kb}
IfmapOffset: 0
FilterOffset: 100000000
OfmapOffset: 200000000
Dataflow: {dataflow}
Bandwidth: 10
ReadRequestBuffer: 60
WriteRequestBuffer: 60
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""
SHAPE = ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "filters", "stride")


def setting(given: dict[str, Any], folder: Path) -> tuple[scale_config, topologies]:
    """The machine and the layers as SCALE-Sim reads them from its two files."""
    rows = [",".join([layer["name"], *(str(layer[what]) for what in SHAPE), ""]) for layer in given["layers"]]
    (folder / "topology.csv").write_text("\n".join(["name, shape", *rows, ""]))
    (folder / "machine.cfg").write_text(CONFIG.format(**given))
    config, topology = scale_config(), topologies()
    config.read_conf_file(str(folder / "machine.cfg"))
    topology.load_arrays(str(folder / "topology.csv"))
    topology.topo_calc_hyperparams()
    return config, topology


def compute(sim: single_layer_sim) -> dict[str, Any]:
    """The compute part alone: the demands of every cycle, and what is counted while they are made."""
    _, ifmap = sim.op_mat_obj.get_ifmap_matrix()
    _, filters = sim.op_mat_obj.get_filter_matrix()
    _, ofmap = sim.op_mat_obj.get_ofmap_matrix()
    sim.compute_system.set_params(config_obj=sim.config, ifmap_op_mat=ifmap, filter_op_mat=filters, ofmap_op_mat=ofmap)
    *_, demands = sim.compute_system.get_demand_matrices()
    system = sim.compute_system
    return {
        "cycles": len(demands) - 1,  # as the whole run does: the number of the last cycle, counted from 0
        "stalls": 0,
        "mapping": 100 * system.get_avg_mapping_efficiency(),
        "compute": 100 * system.get_avg_compute_utilization(),
        "sram_ifmap": int(system.get_ifmap_requests()),
        "sram_filter": int(system.get_filter_requests()),
        "sram_ofmap": int(system.get_ofmap_requests()),
    }


def whole(sim: single_layer_sim) -> dict[str, Any]:
    """Everything, as SCALE-Sim's own runner does it."""
    sim.run()
    _, cycles, stalls, _, mapping, busy = sim.get_compute_report_items()
    details = sim.get_detail_report_items()
    names = [f"{memory}_{tensor}" for memory in ("sram", "dram") for tensor in ("ifmap", "filter", "ofmap")]
    return {
        "cycles": int(cycles),
        "stalls": int(stalls),
        "mapping": float(mapping),
        "compute": float(busy),
    } | {name: int(words) for name, words in zip(names, details[2::3], strict=True)}


def main() -> None:
    given = task()
    with tempfile.TemporaryDirectory() as folder:
        config, topology = setting(given, Path(folder))
    for index, layer in enumerate(given["layers"]):
        clock = Clock()
        with clock, contextlib.redirect_stdout(io.StringIO()):
            sim = single_layer_sim()
            sim.set_params(
                layer_id=index, config_obj=config, topology_obj=topology, layout_obj=layouts(), verbose=False
            )
            found = (whole if given["whole"] else compute)(sim)
        cost = {"cpu_s": clock.cpu, "wall_s": clock.wall, "peak_mib": peak_mib()}
        print(json.dumps({"name": layer["name"]} | found | cost), flush=True)


if __name__ == "__main__":
    main()
