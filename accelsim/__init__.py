"""accelsim: a compact simulator of deep-learning accelerators."""

from accelsim.workload import Layer, Tensor, conv, einsum

__all__ = ["Layer", "Tensor", "conv", "einsum"]
