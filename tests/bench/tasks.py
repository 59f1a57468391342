"""The layers and the machine that every tool of the benchmark is given, as values and as plain data for the peers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from accelsim import Layer, catalog, conv

ARCH = catalog.eyeriss()
ROOMY = replace(  # the same machine without limits, where every mapping fits: no limit changes a count
    ARCH, levels=tuple(replace(level, capacity=None, fanout=(10**6, 10**6)) for level in ARCH.levels)
)
KEEPS = (None, ("ifmap", "ofmap"), None)  # as on the chip, filters go past the global buffer
LAYERS = {
    "conv3": catalog.alexnet().layer("conv3"),
    "res3x3": conv("res3x3", N=4, M=128, C=128, P=28, Q=28, R=3, S=3),  # the 3x3 of ResNet-50's conv3_x, stride 1
}


def plain(layer: Layer) -> dict[str, Any]:
    """A layer and the machine for another tool, with one spatial mapping: row stationary, rows beside rows.

    >>> plain(LAYERS["conv3"])["spatial"]
    [[['P', 13]], [['R', 3], ['M', 4]]]
    """
    dram, glb, spad = ARCH.levels
    width, height = glb.fanout
    rows = max(part for part in range(1, width + 1) if layer.dims["P"] % part == 0)
    filters = max(part for part in range(1, height // layer.dims["R"] + 1) if layer.dims["M"] % part == 0)
    return {
        "name": layer.name,
        "machine": "eyeriss",
        "stride": dict(layer.tensor("ifmap").ranks[-2].terms)["P"],
        "sizes": {dim: size for dim, size in layer.dims.items() if dim != "G"},
        "array": [width, height],
        "words": {"GLB": glb.capacity, "spad": spad.capacity},
        "energy": {"DRAM": dram.read, "GLB": glb.read, "link": glb.link, "spad": spad.read, "MAC": ARCH.mac},
        "bandwidth": dram.bandwidth,
        "spatial": [[["P", rows]], [["R", layer.dims["R"]], ["M", filters]]],
    }


def plain_tpu(layer: Layer) -> dict[str, Any]:
    """The same for the TPU-like machine, weight stationary: channels down the array, filters across.

    >>> plain_tpu(LAYERS["conv3"])["spatial"]
    [[['M', 192]], [['C', 256]]]
    """
    arch = catalog.tpu_v1()
    dram, buffer, acc, _ = arch.levels
    across, down = (
        max(part for part in range(1, room + 1) if layer.dims[dim] % part == 0)
        for dim, room in zip("MC", acc.fanout, strict=True)
    )
    return plain(layer) | {
        "machine": "tpu_v1",
        "array": list(acc.fanout),
        "words": {"UB": buffer.capacity, "acc": acc.capacity, "reg": 1},  # of two, one is being filled
        "energy": {level.name: level.read for level in arch.levels} | {"MAC": arch.mac},
        "bandwidth": dram.bandwidth,
        "spatial": [[["M", across]], [["C", down]]],
    }
