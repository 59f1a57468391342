"""What is computed: a layer is an einsum with bounds, and each tensor is the set of dimensions that index it.

>>> layer = conv("conv3", N=4, M=384, C=256, P=13, Q=13, R=3, S=3)
>>> layer.macs
598081536
>>> print(layer)
conv3: ofmap[N M P Q] += ifmap[N C P+R Q+S] * filter[M C R S]  (N=4 M=384 C=256 P=13 Q=13 R=3 S=3)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import index
from os import PathLike
from typing import TYPE_CHECKING

from accelsim.errors import CatalogError, WorkloadError, suggest, whole
from accelsim.points import box_size

if TYPE_CHECKING:
    from accelsim.onnx_reader import Imported

MAX_BOUND = 2**63 - 1
RESERVED = {"compute", "leakage"}


@dataclass(frozen=True)
class Rank:
    """One axis of a tensor: the coordinate is a sum of dimensions times coefficients.

    `terms` is a tuple of (dimension, coefficient). In a convolution with stride 2 the input row is `2P+R`.
    """

    terms: tuple[tuple[str, int], ...]

    def at(self, point: dict[str, int]) -> int:
        """The coordinate on this axis for one point of the iteration space."""
        return sum(coefficient * point[dim] for dim, coefficient in self.terms)

    def extent(self, bounds: dict[str, int]) -> int:
        """The span of the axis: one more than its largest coordinate."""
        return 1 + sum(coefficient * (bounds[dim] - 1) for dim, coefficient in self.terms)

    def __str__(self) -> str:
        return "+".join(dim if coefficient == 1 else f"{coefficient}{dim}" for dim, coefficient in self.terms)


@dataclass(frozen=True)
class Tensor:
    """A named operand or result with its axes (`Rank`s), outermost axis first."""

    name: str
    ranks: tuple[Rank, ...]
    output: bool = False

    @cached_property
    def dims(self) -> tuple[str, ...]:
        """The dimensions that index this tensor, in order of first appearance."""
        return tuple(dim for rank in self.ranks for dim, _ in rank.terms)

    def at(self, point: dict[str, int]) -> tuple[int, ...]:
        """The coordinates of the word that a point of the iteration space touches."""
        return tuple(rank.at(point) for rank in self.ranks)

    def words(self, extent: dict[str, int]) -> int:
        """Words touched by a box of the iteration space, from its extent in each dimension: points, not spans."""
        return math.prod(
            box_size(tuple((coefficient, extent[dim]) for dim, coefficient in rank.terms)) for rank in self.ranks
        )

    def __str__(self) -> str:
        return f"{self.name}[{' '.join(map(str, self.ranks))}]"


@dataclass(frozen=True)
class Layer:
    """One tensor computation: a sum of products over a box of integer points.

    `bounds` is a tuple of (dimension, size); `tensors` holds the operands first and the output last.
    Make one with `conv` or `einsum`.
    """

    name: str
    bounds: tuple[tuple[str, int], ...]
    tensors: tuple[Tensor, ...]

    @cached_property
    def dims(self) -> dict[str, int]:
        """Size of each dimension, by name."""
        return dict(self.bounds)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates: one per point of the iteration space. 1 MAC = 2 operations."""
        return math.prod(self.dims.values())

    @property
    def output(self) -> Tensor:
        """The tensor that is summed into."""
        return self.tensors[-1]

    @cached_property
    def reduced(self) -> tuple[str, ...]:
        """The dimensions summed over: those that do not index the output."""
        return tuple(dim for dim in self.dims if dim not in self.output.dims)

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name. Raises `WorkloadError` for an unknown one."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        names = [tensor.name for tensor in self.tensors]
        raise WorkloadError(f"{self.name}: no tensor {name!r}; it has {', '.join(names)}{suggest(name, names)}")

    def shape(self, name: str) -> tuple[int, ...]:
        """Span of each axis of a tensor, in words.

        >>> conv("c", M=2, C=3, P=4, Q=5, R=3, S=1, stride=2).shape("ifmap")
        (1, 3, 9, 9)
        """
        return tuple(rank.extent(self.dims) for rank in self.tensor(name).ranks)

    def words(self, name: str) -> int:
        """Words of a tensor that the layer touches: points, not the span.

        A 1x1 filter with stride 2 touches every other column, so fewer words than `shape` spans.

        >>> conv("c", P=4, Q=4, stride=2).shape("ifmap"), conv("c", P=4, Q=4, stride=2).words("ifmap")
        ((1, 1, 7, 7), 16)
        """
        return self.tensor(name).words(self.dims)

    def __str__(self) -> str:
        operands = " * ".join(str(tensor) for tensor in self.tensors[:-1])
        bounds = " ".join(f"{dim}={size}" for dim, size in self.bounds)
        return f"{self.name}: {self.output} += {operands}  ({bounds})"


@dataclass(frozen=True)
class Network:
    """Layers in the order they run. source: where the shapes come from.

    extra: parameters that no layer's filter holds, as (what they are, how many): biases, norms, embeddings.
    products: names of layers whose `filter` is computed, as the keys and values of attention are, or held already by
    another layer, so that its words are no parameters of their own.

    Layers are what multiplies and accumulates. What does not is left out: activations, residual adds, pooling,
    softmax and the arithmetic of norms; their parameters are in `extra`. Raises `WorkloadError` with every fault.

    >>> toy = Network("toy", (conv("c", M=8, C=3, R=3, S=3),), extra=(("biases", 8),))
    >>> print(toy)
    toy: 1 layer, 216 MACs, 224 parameters
    """

    name: str
    layers: tuple[Layer, ...]
    source: str = ""
    extra: tuple[tuple[str, int], ...] = ()
    products: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.layers, (tuple, list)) or not all(isinstance(layer, Layer) for layer in self.layers):
            raise WorkloadError(f"{self.name}: a network is a list of Layers, got {self.layers!r}")
        object.__setattr__(self, "layers", tuple(self.layers))
        names = [layer.name for layer in self.layers]
        faults = [f"{names.count(name)} layers are called {name}" for name in sorted({*names}) if names.count(name) > 1]
        faults += [
            f"products names {name}, no layer{suggest(name, names)}" for name in self.products if name not in names
        ]
        if faults:
            raise WorkloadError(f"{self.name}: " + "\n  ".join(faults))

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of all layers. 1 MAC = 2 operations."""
        return sum(layer.macs for layer in self.layers)

    @cached_property
    def params(self) -> int:
        """Learnt parameters: the words of every learnt filter, and `extra`."""
        learnt = [layer.words("filter") for layer in self.layers if layer.name not in self.products]
        return sum(learnt) + sum(count for _, count in self.extra)

    def layer(self, name: str) -> Layer:
        """The layer of that name. Raises `CatalogError` for an unknown one."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        raise CatalogError(f"no layer of {self.name} {name!r}; there is {', '.join(names)}{suggest(name, names)}")

    def __str__(self) -> str:
        layers = f"{len(self.layers)} layer{'s' if len(self.layers) != 1 else ''}"
        return f"{self.name}: {layers}, {self.macs:,} MACs, {self.params:,} parameters"


def conv(
    name: str,
    *,
    N: int = 1,
    M: int = 1,
    C: int = 1,
    P: int = 1,
    Q: int = 1,
    R: int = 1,
    S: int = 1,
    G: int = 1,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
) -> Layer:
    """A convolution layer from its shape.

    `M` and `C` are the channels of the whole layer, as frameworks count them; with `G` groups the layer's
    own dimensions `M` and `C` are those of one group. `P`, `Q` are output rows and columns; the input is
    whatever these reach, so zero padding counts as input (see the book's page of assumptions).

    >>> conv("dw", M=32, C=32, G=32, P=112, Q=112, R=3, S=3).dims["C"]
    1
    >>> conv("fc6", M=4096, C=256, R=6, S=6).macs          # a fully connected layer is a convolution with P=Q=1
    37748736
    """
    sizes = dict(N=N, M=M, C=C, P=P, Q=Q, R=R, S=S, G=G)
    faults = _bad_sizes(sizes)
    strides, dilations = _pair("stride", stride, faults), _pair("dilation", dilation, faults)
    if not faults:
        faults = [
            f"{dim}={size} is not a multiple of G={G}: every group needs the same number of channels"
            for dim, size in (("M", M), ("C", C))
            if size % G
        ]
    if faults:
        raise WorkloadError(f"{name}: " + "\n  ".join(faults))
    return _conv(name, {dim: index(size) for dim, size in sizes.items()}, strides, dilations)


def _conv(name: str, sizes: dict[str, int], strides: tuple[int, ...], dilations: tuple[int, ...]) -> Layer:
    groups = sizes.pop("G")
    group = "G" if groups > 1 else ""
    one = {dim: Rank(((dim, 1),)) for dim in "GNMCPQRS"}
    rows, columns = (
        Rank(((outer, stride), (inner, dilation)))
        for outer, inner, stride, dilation in zip("PQ", "RS", strides, dilations, strict=True)
    )
    ifmap = Tensor("ifmap", (*(one[dim] for dim in f"N{group}C"), rows, columns))
    weights = Tensor("filter", tuple(one[dim] for dim in f"{group}MCRS"))
    ofmap = Tensor("ofmap", tuple(one[dim] for dim in f"N{group}MPQ"), output=True)
    bounds = {"N": sizes.pop("N")} | ({"G": groups} if group else {}) | sizes
    bounds |= {"M": sizes["M"] // groups, "C": sizes["C"] // groups}
    return Layer(name, tuple(bounds.items()), (ifmap, weights, ofmap))


def _pair(what: str, value: object, faults: list[str]) -> tuple[int, ...]:
    """A whole number for both rows and columns, or one for each."""
    pair = (value, value) if whole(value) else tuple(value) if isinstance(value, Iterable) else ()
    if len(pair) == 2 and all(whole(size) and size >= 1 for size in pair):
        return tuple(index(size) for size in pair)
    faults.append(f"{what} must be a whole number from 1 or a pair of them (rows, columns), got {value!r}")
    return ()


def from_onnx(path: str | PathLike[str], batch: int = 1, sizes: dict[str, int] | None = None) -> Imported:
    """Read the layers of an ONNX model, and say what was left out and how much of the work that is.

    Read are Conv over one or two axes (strides, dilations, groups), Gemm and MatMul, their integer and quantised
    forms too. batch: the size of a first input axis that the model leaves open. sizes: those of its other open axes,
    by the model's own names for them. Needs the package onnx (`pip install accelsim[onnx]`). Raises `WorkloadError`
    for a file that is missing, is no ONNX model, has axes of unknown size, or computes with operators that
    multiply and accumulate and have no reading here.

        imported = from_onnx("model.onnx", batch=4, sizes={"sequence": 128})
        imported.network.layers, imported.network.macs, imported.network.params
        imported.left_out, imported.share_of_nodes, imported.share_of_work
    """
    from accelsim.onnx_reader import read

    return read(path, batch, sizes or {})


_TENSOR = re.compile(r"\s*([A-Za-z_]\w*)\s*\[([^\[\]]*)\]\s*")
_TERM = re.compile(r"(\d{0,18})\*?([A-Za-z_]+)")


def einsum(name: str, text: str, **bounds: int) -> Layer:
    """A layer from einsum text: one output, `+=`, a product of operands.

    >>> fc = einsum("fc", "ofmap[N M] += ifmap[N C] * filter[M C]", N=1, M=1000, C=4096)
    >>> fc.macs, fc.reduced
    (4096000, ('C',))
    >>> scores = einsum("qk", "ofmap[H I J] += ifmap[H I D] * filter[H J D]", H=12, I=128, J=128, D=64)
    >>> scores.words("ofmap")
    196608
    """
    sides = str(text).split("+=")
    if len(sides) != 2:
        raise WorkloadError(f"{name}: an einsum reads 'ofmap[N M] += ifmap[N C] * filter[M C]', one '+='; got {text!r}")
    faults: list[str] = []
    tensors = [_tensor(part, False, faults) for part in re.split(r"\*(?![^\[]*\])", sides[1])]
    tensors.append(_tensor(sides[0], True, faults))
    faults += _einsum_faults(tensors, bounds) if not faults else []
    faults += _bad_sizes(bounds)
    if faults:
        raise WorkloadError(f"{name}: {text!r}\n  " + "\n  ".join(faults))
    return Layer(name, tuple((dim, index(size)) for dim, size in bounds.items()), tuple(tensors))


def _tensor(part: str, output: bool, faults: list[str]) -> Tensor:
    found = _TENSOR.fullmatch(part)
    if not found:
        faults.append(f"cannot read {part.strip()!r}: a tensor is a name and its axes, as in ifmap[N C P+R Q+S]")
        return Tensor("?", (), output)
    ranks = []
    for axis in found[2].split():
        terms = [_TERM.fullmatch(term) for term in axis.split("+")]
        if not all(terms):
            faults.append(
                f"cannot read axis {axis!r} of {found[1]}: an axis is a dimension, in letters, or a sum such as 2P+R"
            )
            continue
        ranks.append(Rank(tuple((term[2], int(term[1] or 1)) for term in terms if term)))
    return Tensor(found[1], tuple(ranks), output)


def _einsum_faults(tensors: list[Tensor], bounds: dict[str, int]) -> list[str]:
    used = {dim for tensor in tensors for dim in tensor.dims}
    faults = [f"no size given for {dim}: add {dim}=..." for dim in sorted(used - set(bounds))]
    faults += [f"{dim} indexes no tensor{suggest(dim, used)}" for dim in bounds if dim not in used]
    names = [tensor.name for tensor in tensors]
    faults += [f"{name} has a meaning of its own in results; choose another name" for name in names if name in RESERVED]
    faults += [f"two tensors are called {name}" for name in sorted({*names}) if names.count(name) > 1]
    for tensor in tensors:
        faults += [
            f"{dim} indexes {tensor.name} on two axes; each dimension may index one axis of a tensor"
            for dim in sorted({*tensor.dims})
            if tensor.dims.count(dim) > 1
        ]
        faults += [
            f"a coefficient of 0 in axis {rank} of {tensor.name}: leave the dimension out"
            for rank in tensor.ranks
            if any(not coefficient for _, coefficient in rank.terms)
        ]
    faults += [
        f"axis {rank} of the output {tensors[-1].name} sums dimensions; an output axis is one dimension"
        for rank in tensors[-1].ranks
        if len(rank.terms) > 1 or rank.terms[0][1] != 1
    ]
    return faults


def _bad_sizes(sizes: dict[str, int]) -> list[str]:
    return [
        f"{dim} must be a whole number from 1 to 2^63-1, got {size!r}"
        for dim, size in sizes.items()
        if not whole(size) or not 1 <= size <= MAX_BOUND
    ]
