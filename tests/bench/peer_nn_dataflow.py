"""nn-dataflow's cost of one layer, run by the benchmark with the Python of build/peers/nn_dataflow.

Prints one line of JSON. What is timed is one `LoopBlockingScheme` with its access cost and time, as nn-dataflow's own
search makes it, for schemes that fit. A scheme is less than a mapping: row stationary is given, and free are only the
factors and orders of three loops (input channels, output channels, batch) at two levels.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

from nn_dataflow import util
from nn_dataflow.core import (
    BufShrScheme,
    ConvLayer,
    Cost,
    LoopBlockingScheme,
    MapStrategyEyeriss,
    NodeRegion,
    Option,
    PartitionScheme,
    PhyDim2,
    Resource,
)

from tests.bench.meter import Clock, row, task

ONE = PhyDim2(1, 1)
ORDERS = list(itertools.permutations(range(3)))


def resource(given: dict[str, Any]) -> Resource:
    width, height = given["array"]
    dram = NodeRegion(origin=PhyDim2(0, 0), dim=ONE, type=NodeRegion.DRAM)
    return Resource(
        proc_region=NodeRegion(origin=PhyDim2(0, 0), dim=ONE, type=NodeRegion.PROC),
        dram_region=dram,
        src_data_region=dram,
        dst_data_region=dram,
        dim_array=PhyDim2(height, width),
        size_gbuf=given["words"]["GLB"],
        size_regf=sum(given["words"]["spad"].values()),
        array_bus_width=float("inf"),
        dram_bandwidth=given["bandwidth"],
        no_time_mux=False,
    )


def schemes(given: dict[str, Any], seed: int) -> Iterator[tuple[Any, ...]]:
    """Random arguments of schemes, without end: mapping on the array, factors, orders; filters may bypass the GLB."""
    sizes, chosen, machine = given["sizes"], random.Random(seed), resource(given)
    layer = ConvLayer(sizes["C"], sizes["M"], (sizes["P"], sizes["Q"]), (sizes["R"], sizes["S"]))
    nests = list(MapStrategyEyeriss(layer, sizes["N"], 1, machine.dim_array).gen_nested_loop_desc())
    factors = [[list(util.factorize(count, 3)) for count in nest.loopcnt] for nest in nests]
    sharing = BufShrScheme(machine.proc_region, PartitionScheme(range(4), (ONE,) * 4), layer.data_loops())
    options = Option(sw_gbuf_bypass=(True, False, False))
    while True:
        at = chosen.randrange(len(nests))
        splits = tuple(zip(*(chosen.choice(ways) for ways in factors[at]), strict=True))
        yield nests[at], splits, (chosen.choice(ORDERS), chosen.choice(ORDERS)), machine, sharing, options


def cost(arguments: tuple[Any, ...], prices: Cost) -> tuple[float, float]:
    scheme = LoopBlockingScheme(*arguments)
    return scheme.get_access_cost(prices), scheme.time


def main() -> None:
    given, clock = task(), Clock()
    energy = given["energy"]
    prices = Cost(
        mac_op=energy["MAC"],
        mem_hier=(energy["DRAM"], energy["GLB"], energy["link"], energy["spad"]),
        noc_hop=0,
        idl_unit=0,
    )
    fitting = (drawn for drawn in schemes(given, given["seed"]) if LoopBlockingScheme(*drawn).is_valid())
    drawn = list(itertools.islice(fitting, given["mappings"]))
    with clock:
        costs = [cost(arguments, prices) for arguments in drawn]
    assert all(0 < joules < float("inf") and 0 < cycles < float("inf") for joules, cycles in costs)
    print(json.dumps(row("nn-dataflow 2.1", len(costs), clock) | {"whole": False}))


if __name__ == "__main__":
    main()
