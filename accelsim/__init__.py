"""accelsim: a compact simulator of deep-learning accelerators."""

from accelsim.arch import Arch, Level
from accelsim.dataflow import count
from accelsim.mapping import Mapping, nest, problems
from accelsim.trace import trace
from accelsim.workload import Layer, Tensor, conv, einsum

__all__ = ["Arch", "Layer", "Level", "Mapping", "Tensor", "conv", "count", "einsum", "nest", "problems", "trace"]
