"""Machines, networks, recorded mappings and energy tables: data only, each figure with its source.

>>> eyeriss().pes, alexnet().macs
(168, 2663139456)
>>> network("resnet50").params
25557032
>>> mappings("tpu_v1", "alexnet")["conv5"].stages[2].keeps
('ofmap',)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from accelsim.arch import Arch
from accelsim.catalog.machines import eyeriss, nvdla, one_pe, shidiannao, tpu_v1
from accelsim.catalog.networks import (
    alexnet,
    bert_base,
    efficientnet_b0,
    gpt2,
    llama2_7b,
    mobilenet_v1,
    mobilenet_v2,
    resnet50,
    vgg16,
    vit_b16,
)
from accelsim.catalog.recorded import MAPPINGS
from accelsim.catalog.tables import HOROWITZ_45, NORMALISED_65, Cost, EnergyTable, scale
from accelsim.errors import CatalogError, suggest
from accelsim.mapping import Mapping, nest
from accelsim.workload import Network

T = TypeVar("T")

MACHINES: dict[str, Callable[[], Arch]] = {
    maker.__name__: maker for maker in (eyeriss, tpu_v1, nvdla, shidiannao, one_pe)
}
NETWORKS: dict[str, Callable[[], Network]] = {
    maker.__name__: maker
    for maker in (
        alexnet, vgg16, resnet50, mobilenet_v1, mobilenet_v2, efficientnet_b0, bert_base, vit_b16, gpt2, llama2_7b
    )
}  # fmt: skip

__all__ = [
    "HOROWITZ_45",
    "MACHINES",
    "MAPPINGS",
    "NETWORKS",
    "NORMALISED_65",
    "Cost",
    "EnergyTable",
    "Network",
    "alexnet",
    "bert_base",
    "efficientnet_b0",
    "eyeriss",
    "gpt2",
    "llama2_7b",
    "machine",
    "mappings",
    "mobilenet_v1",
    "mobilenet_v2",
    "network",
    "nvdla",
    "one_pe",
    "resnet50",
    "scale",
    "shidiannao",
    "tpu_v1",
    "vgg16",
    "vit_b16",
]


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
