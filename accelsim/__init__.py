"""accelsim: a compact simulator of deep-learning accelerators.

A layer, a machine and a mapping are values you can read aloud; `evaluate` says what they cost together.

>>> layer = conv("conv3", N=4, M=384, C=256, P=13, Q=13, R=3, S=3)
>>> mapping = nest("DRAM: M6 C64 | GLB[ifmap ofmap]: N4 Q13 M4@y P13@x R3@y | spad: M16 C4 S3")
>>> report = evaluate(layer, catalog.eyeriss(), mapping)
>>> report.counts.reads["DRAM", "filter"]          # each weight once
884736
"""

from accelsim import catalog
from accelsim.arch import Arch, Level
from accelsim.counts import Counts
from accelsim.dataflow import count
from accelsim.errors import AccelsimError
from accelsim.mapping import Mapping, nest, problems
from accelsim.report import NetworkReport, Report, evaluate, evaluate_network
from accelsim.trace import trace
from accelsim.workload import Layer, Tensor, conv, einsum

__all__ = [
    "AccelsimError",
    "Arch",
    "Counts",
    "Layer",
    "Level",
    "Mapping",
    "NetworkReport",
    "Report",
    "Tensor",
    "catalog",
    "conv",
    "count",
    "einsum",
    "evaluate",
    "evaluate_network",
    "nest",
    "problems",
    "trace",
]
