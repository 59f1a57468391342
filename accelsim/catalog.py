"""Machines, networks and recorded mappings: data only, each figure with its source.

>>> eyeriss().pes, alexnet().macs
(168, 2663139456)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from accelsim.arch import Arch, Level
from accelsim.errors import CatalogError, suggest
from accelsim.mapping import Mapping, nest
from accelsim.workload import Layer, conv

T = TypeVar("T")


@dataclass(frozen=True)
class Network:
    """Layers by name, in the order they run. source: where the shapes come from."""

    name: str
    layers: tuple[Layer, ...]
    source: str = ""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return sum(layer.macs for layer in self.layers)

    def layer(self, name: str) -> Layer:
        """The layer of that name. Raises `CatalogError` for an unknown one."""
        return _pick(name, {layer.name: layer for layer in self.layers}, f"layer of {self.name}")


def eyeriss() -> Arch:
    """Eyeriss, the chip of 2016: 12 x 14 PEs, 108 KiB of global buffer, 16-bit words.

    Array, buffer and scratchpad sizes, clocks and the 64-bit DRAM link: Chen, Krishna, Emer, Sze, JSSC 52(1), 2017
    (core 200 MHz, link 60 MHz, so 1.2 words a cycle). The buffer's 8 KiB for filters only prefetch, so filters
    bypass it here; the other 100 KiB hold ifmap and psum. Energies relative to one MAC, 65 nm, 16 bit: 1 for a
    scratchpad access, 2 for a word between PEs, 6 for the buffer, 200 for DRAM: Chen, Emer, Sze, ISCA 2016, table IV.
    """
    return Arch(
        "eyeriss",
        (
            Level("DRAM", read=200, write=200, bandwidth=1.2),
            Level("GLB", capacity=100 * 1024 // 2, read=6, write=6, link=2, fanout=(14, 12)),
            Level("spad", capacity={"ifmap": 12, "filter": 224, "ofmap": 24}, read=1, write=1),
        ),
        mac=1,
        unit="energy of one MAC",
        clock=200e6,
        source="JSSC 52(1) 2017, doi 10.1109/JSSC.2016.2616357; energies ISCA 2016, table IV",
    )


def alexnet(N: int = 4) -> Network:
    """The five CONV layers of AlexNet in their original shapes, two groups in conv2, conv4 and conv5.

    Krizhevsky, Sutskever, Hinton, NIPS 2012. The batch is 4, as Eyeriss was measured.

    >>> [layer.macs // 4 for layer in alexnet().layers]
    [105415200, 223948800, 149520384, 112140288, 74760192]
    """
    return Network(
        "alexnet",
        (
            conv("conv1", N=N, M=96, C=3, P=55, Q=55, R=11, S=11, stride=4),
            conv("conv2", N=N, M=256, C=96, G=2, P=27, Q=27, R=5, S=5),
            conv("conv3", N=N, M=384, C=256, P=13, Q=13, R=3, S=3),
            conv("conv4", N=N, M=384, C=384, G=2, P=13, Q=13, R=3, S=3),
            conv("conv5", N=N, M=256, C=384, G=2, P=13, Q=13, R=3, S=3),
        ),
        "NIPS 2012",
    )


# Row stationary as the chip ran it, from the parameters (n m e p q r t) of JSSC 2017, table III. A PE keeps p filter
# rows of q channels; filter rows go up the array's columns (R@y), output rows across (P@x), r and t PE sets beside.
_ROW_STATIONARY = {
    "conv1": "DRAM: N4 P8 C3 | GLB[ifmap ofmap]: M3 Q55 P7@x M2@x R11@y | spad: M16 S11",
    "conv2": "DRAM: G2 N4 M2 C24 | GLB[ifmap ofmap]: M4 Q27 P2@y P14@x R5@y | spad: M16 C2 S5",
    "conv3": "DRAM: M6 C64 | GLB[ifmap ofmap]: N4 Q13 M4@y P13@x R3@y | spad: M16 C4 S3",
    "conv4": "DRAM: G2 M3 C32 | GLB[ifmap ofmap]: M2 N4 Q13 M2@y C2@y P13@x R3@y | spad: M16 C3 S3",
    "conv5": "DRAM: G2 M2 C32 | GLB[ifmap ofmap]: M2 N4 Q13 M2@y C2@y P13@x R3@y | spad: M16 C3 S3",
}

MACHINES = {"eyeriss": eyeriss}
NETWORKS = {"alexnet": alexnet}
MAPPINGS = {("eyeriss", "alexnet"): _ROW_STATIONARY}


def machine(name: str) -> Arch:
    """A machine of the catalog by name. Raises `CatalogError` with a suggestion for an unknown one."""
    return _pick(name, MACHINES, "machine")()


def network(name: str) -> Network:
    """A network of the catalog by name. Raises `CatalogError` with a suggestion for an unknown one."""
    return _pick(name, NETWORKS, "network")()


def mappings(machine: str, network: str) -> dict[str, Mapping]:
    """The recorded mapping of each layer of a network on a machine, by the layer's name."""
    _pick(machine, MACHINES, "machine")
    _pick(network, NETWORKS, "network")
    if (machine, network) not in MAPPINGS:
        raise CatalogError(f"no mappings are recorded for {network} on {machine}; give one nest per layer")
    return {layer: nest(text) for layer, text in MAPPINGS[machine, network].items()}


def _pick(name: str, known: dict[str, T], what: str) -> T:
    if name not in known:
        raise CatalogError(f"no {what} {name!r}; there is {', '.join(known)}{suggest(name, known)}")
    return known[name]
