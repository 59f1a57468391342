"""Read an ONNX model's layers. The only module that imports onnx, and only when it reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from accelsim.errors import AccelsimError, WorkloadError, suggest, whole
from accelsim.workload import Layer, Network, conv, einsum

# Where an operator that becomes a layer has its two operands.
OPERANDS = {
    "Conv": (0, 1), "ConvInteger": (0, 1), "QLinearConv": (0, 3),
    "Gemm": (0, 1), "MatMul": (0, 1), "MatMulInteger": (0, 1), "QLinearMatMul": (0, 3),
}  # fmt: skip
# Operators that multiply and accumulate, and have no reading here: leaving them out would be a wrong number.
REFUSED = {
    "Attention", "CausalConvWithState", "ConvTranspose", "DFT", "DeformConv", "Einsum", "GRU", "LSTM",
    "LinearAttention", "RNN", "STFT",
}  # fmt: skip
# Operators some of whose constant inputs are no parameters: the inputs that are. Of others, every float array is.
LEARNT: dict[str, tuple[int, ...]] = {
    "BatchNormalization": (1, 2), "ConvInteger": (0, 1), "DequantizeLinear": (), "MatMulInteger": (0, 1),
    "QLinearConv": (0, 3, 8), "QLinearMatMul": (0, 3), "QuantizeLinear": (), "Resize": (), "Upsample": (),
}  # fmt: skip
# Operators that hand on the same numbers in another shape, order or format.
SAME = {"Cast", "DequantizeLinear", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Squeeze", "Transpose",
        "Unsqueeze"}  # fmt: skip


@dataclass(frozen=True)
class LeftOut:
    """Nodes of one operator that are no layers. outputs: words they write; unsized: how many have unknown sizes."""

    op: str
    nodes: int
    outputs: int
    unsized: int = 0


@dataclass(frozen=True)
class Imported:
    """A network read from a file, and what of the file is not in it.

    nodes: operators that run on the input; what depends on constants or on shapes alone is not counted.
    """

    network: Network
    nodes: int
    left_out: tuple[LeftOut, ...]

    @property
    def share_of_nodes(self) -> float:
        """Nodes that are no layers, over all nodes."""
        return sum(part.nodes for part in self.left_out) / self.nodes if self.nodes else 0.0

    @property
    def share_of_work(self) -> float:
        """Estimated work left out, over all: a word of a left-out output counts as much as a MAC of a layer."""
        words = sum(part.outputs for part in self.left_out)
        return words / (words + self.network.macs) if words else 0.0

    def __str__(self) -> str:
        lines = [str(self.network)]
        lines.append(
            f"left out: {sum(part.nodes for part in self.left_out)} of {self.nodes} nodes, "
            f"{self.share_of_work:.2%} of the work (a word of their outputs taken as one MAC)"
        )
        for part in self.left_out:
            unsized = f", {part.unsized} of them of unknown size" if part.unsized else ""
            nodes = f"{part.nodes} node{'s' if part.nodes != 1 else ''}"
            lines.append(f"  {part.op}: {nodes}, {part.outputs:,} words{unsized}")
        return "\n".join(lines)


def read(path: str | PathLike[str], batch: int = 1, sizes: dict[str, int] | None = None) -> Imported:
    """Read a file; see `accelsim.workload.from_onnx`. Raises `WorkloadError` with every fault at once."""
    onnx = _package()
    file = _path(path)
    graph = _graph(onnx, file, batch, dict(sizes or {}))
    faults = [fault for node in graph.nodes for fault in _refusal(onnx, node)]
    layers: dict[str, tuple[Layer, str]] = {}
    for node in graph.nodes:
        if node.op_type in OPERANDS and not faults:
            name = _unused(node.name or node.output[0], layers)
            try:
                layers[name] = _layer(name, node, graph), node.input[_filter_at(node, graph)]
            except WorkloadError as error:
                faults.append(str(error))
    if faults:
        raise WorkloadError(f"{file.name}: " + "\n  ".join(faults))
    return Imported(_network(file, layers, graph), len(graph.nodes), _left_out(graph))


@dataclass
class _Graph:
    """nodes: those that run on the input. shapes: by tensor, where known. constants: tensors known beforehand.

    floats: tensors of floating-point numbers. roots: of a constant in another shape, the constant it was made of.
    """

    nodes: list[Any] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    floats: set[str] = field(default_factory=set)
    roots: dict[str, str] = field(default_factory=dict)

    def shape(self, name: str) -> tuple[int, ...]:
        if name not in self.shapes:
            raise WorkloadError(
                f"the shape of {name!r} is unknown; give open axes a size by sizes={{...}}, or simplify the model"
            )
        return self.shapes[name]

    def words(self, name: str) -> int:
        return math.prod(self.shape(name))


def _package() -> Any:
    try:
        import onnx
        import onnx.inliner
        import onnx.shape_inference
    except ImportError as error:
        raise AccelsimError(
            f"reading ONNX models needs the package onnx: pip install 'accelsim[onnx]' ({error})"
        ) from None
    return onnx


def _path(path: object) -> Path:
    if not isinstance(path, (str, PathLike)):
        raise WorkloadError(f"expected the path of an ONNX file, got {path!r}")
    return Path(path)


def _graph(onnx: Any, file: Path, batch: int, sizes: dict[str, int]) -> _Graph:
    """Load, fix open axes, infer shapes, and part what is constant from what runs on the input."""
    model = _load(onnx, file)
    _close_axes(model.graph, file, batch, sizes)
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    for tensor in model.graph.initializer:  # shapes are inferred from dims and from small constants only
        if math.prod(tensor.dims) > 1024:
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    try:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # the library throws what it likes; its first line says what is wrong
        raise WorkloadError(f"{file.name}: onnx cannot infer its shapes: {_first_line(error)}") from None
    graph = _Graph()
    _note_tensors(onnx, model.graph, graph)
    _note_constants(model.graph, graph)
    return graph


def _load(onnx: Any, file: Path) -> Any:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise WorkloadError(f"cannot read {file}: {error.strerror or error}") from None
    try:
        model = onnx.load_model_from_string(content)
        model = onnx.inliner.inline_local_functions(model) if model.functions else model
    except Exception as error:  # as above
        raise WorkloadError(f"{file} is no ONNX model: {_first_line(error)}") from None
    if not model.graph.node:
        raise WorkloadError(f"{file} is no ONNX model, or an empty one: it holds no operators")
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _close_axes(graph: Any, file: Path, batch: int, sizes: dict[str, int]) -> None:
    """Give every open axis of the inputs its size: `batch` for a first axis, else by name (or "input.axis")."""
    faults = [
        f"{name} must be a whole number of 1 or more, got {value!r}"
        for name, value in {"batch": batch, **sizes}.items()
        if not whole(value) or value < 1
    ]
    known, used, first = {tensor.name for tensor in graph.initializer}, set(), False
    inputs = [value for value in graph.input if value.name not in known]
    axes = [(value.name, at, axis) for value in inputs for at, axis in enumerate(value.type.tensor_type.shape.dim)]
    axes = [(name, at, axis) for name, at, axis in axes if not axis.HasField("dim_value") or axis.dim_value < 1]
    given = dict(sizes)
    for name, at, axis in axes:
        if at == 0 and (axis.dim_param or f"{name}.0") not in given:
            given[axis.dim_param or f"{name}.0"], first = batch, True
    for name, at, axis in axes:
        key = axis.dim_param or f"{name}.{at}"
        used.add(key)
        if key in given:
            axis.dim_value = int(given[key]) if not faults else 1
        else:
            faults.append(f"axis {at} of input {name} is open: give its size by sizes={{{key!r}: ...}}")
    faults += [
        f"sizes names {key!r}, no open axis; there is {', '.join(sorted(used)) or 'none'}{suggest(key, used)}"
        for key in sizes
        if key not in used
    ]
    if batch != 1 and not first:
        faults.append(f"its inputs fix their first axis, so batch={batch!r} cannot be set")
    if faults:
        raise WorkloadError(f"{file.name}: " + "\n  ".join(faults))


def _note_tensors(onnx: Any, model: Any, graph: _Graph) -> None:
    kinds = onnx.TensorProto
    floats = {kinds.FLOAT, kinds.DOUBLE, kinds.FLOAT16, kinds.BFLOAT16}
    for value in (*model.input, *model.value_info, *model.output):
        tensor = value.type.tensor_type
        if tensor.elem_type in floats:
            graph.floats.add(value.name)
        if tensor.HasField("shape") and all(axis.HasField("dim_value") for axis in tensor.shape.dim):
            graph.shapes[value.name] = tuple(axis.dim_value for axis in tensor.shape.dim)
    for constant in model.initializer:
        graph.shapes[constant.name] = tuple(constant.dims)
        graph.constants.add(constant.name)
        if constant.data_type in floats:
            graph.floats.add(constant.name)


def _note_constants(model: Any, graph: _Graph) -> None:
    """Sort the nodes, which come in the order they run, into constants and those that run on the input."""
    for node in model.node:
        named = [name for name in node.input if name]
        if node.op_type in ("Shape", "Size") or graph.constants.issuperset(named):
            graph.constants.update(node.output)
            if node.op_type in SAME and named and node.output:
                graph.roots[node.output[0]] = graph.roots.get(named[0], named[0])
        else:
            graph.nodes.append(node)


def _refusal(onnx: Any, node: Any) -> Iterator[str]:
    """Why a node can be neither read nor left out, if so."""
    what = f"node {node.name or (node.output[0] if node.output else '?')!r}: {node.op_type}"
    standard = node.domain in ("", "ai.onnx") and isinstance(node.op_type, str) and onnx.defs.has(node.op_type)
    if not standard:
        domain = f" of {node.domain}" if node.domain else ""
        yield f"{what}{domain} is no standard operator; export the model without it, or without fusing"
    elif node.op_type in REFUSED:
        yield f"{what} multiplies and accumulates, and cannot be read as a layer here; write it with conv or einsum"
    elif inside := sorted({op for op in _inside(node) if op in REFUSED or op in OPERANDS}):
        yield f"{what} runs {', '.join(inside)} some number of times or not at all; unroll or simplify the model"


def _inside(node: Any) -> Iterator[str]:
    """Operators in the graphs that a node carries, as the branches of an If."""
    for attribute in node.attribute:
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            for inner in graph.node:
                yield inner.op_type
                yield from _inside(inner)


def _unused(name: str, taken: dict[str, Any]) -> str:
    count = 2
    unique = name
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique


def _layer(name: str, node: Any, graph: _Graph) -> Layer:
    first, second = OPERANDS[node.op_type]
    if len(node.input) <= second:
        raise WorkloadError(f"node {name!r}: {node.op_type} needs {second + 1} inputs, has {len(node.input)}")
    try:
        a, b = graph.shape(node.input[first]), graph.shape(node.input[second])
        if "Conv" in node.op_type:
            return _conv(name, node, a, b, graph.shape(node.output[0]))
        if node.op_type == "Gemm":
            a = a[::-1] if _attribute(node, "transA", 0) else a
            b = b[::-1] if _attribute(node, "transB", 0) else b
        return _matmul(name, a, b, swapped=_filter_at(node, graph) == first)
    except WorkloadError as error:
        raise WorkloadError(f"node {name!r}: {error}") from None


def _filter_at(node: Any, graph: _Graph) -> int:
    """Which input is the filter: the second operand, or the first of a product where it alone is constant."""
    first, second = OPERANDS[node.op_type]
    constant = [node.input[at] in graph.constants for at in (first, second)]
    return first if "Conv" not in node.op_type and constant == [True, False] else second


def _conv(name: str, node: Any, a: tuple[int, ...], b: tuple[int, ...], out: tuple[int, ...]) -> Layer:
    axes = len(b) - 2
    if axes not in (1, 2) or not len(a) == len(b) == len(out):
        raise WorkloadError(f"a convolution over one or two axes is read, got input {a}, filter {b}, output {out}")

    def pair(values: Sequence[int]) -> tuple[int, int]:
        return (1, *values) if axes == 1 else tuple(values)  # type: ignore[return-value]

    ones, groups = [1] * axes, _attribute(node, "group", 1)
    (P, Q), (R, S) = pair(out[2:]), pair(b[2:])
    return conv(
        name, N=out[0], M=b[0], C=b[1] * groups, G=groups, P=P, Q=Q, R=R, S=S,
        stride=pair(_attribute(node, "strides", ones)), dilation=pair(_attribute(node, "dilations", ones)),
    )  # fmt: skip


def _matmul(name: str, a: tuple[int, ...], b: tuple[int, ...], swapped: bool) -> Layer:
    """A product of matrices, batched where the shapes are: leading axes align from the right, size 1 repeats.

    swapped: the first operand is the filter, so its rows are the output channels. Axes are written in the order
    ofmap[.. L M] += ifmap[.. L C] * filter[.. M C], whatever their order in memory, which no count depends on.
    """
    if not a or not b or a[-1] != b[0 if len(b) == 1 else -2]:
        raise WorkloadError(f"shapes {a} and {b} do not multiply")
    depth = max(len(a), len(b), 2) - 2
    wide_a = (1,) * (depth + 2 - len(a)) + a
    wide_b = (1,) * depth + (*b, 1) if len(b) == 1 else (1,) * (depth + 2 - len(b)) + b
    sides = list(zip(_lead(depth), wide_a, wide_b, strict=False))
    if any(one != other and 1 not in (one, other) for _, one, other in sides):
        raise WorkloadError(f"shapes {a} and {b} do not multiply")
    sizes = {dim: max(one, other) for dim, one, other in sides}
    own = [[dim for dim, *both in sides if both[at] == sizes[dim]] for at in (0, 1)]
    line, lines = ("L" if depth else "N"), (wide_b[-1], wide_a[-2])
    ifmap, weights = [*own[swapped], line, "C"], [*own[not swapped], "M", "C"]
    return einsum(
        name,
        f"ofmap[{' '.join([*sizes, line, 'M'])}] += ifmap[{' '.join(ifmap)}] * filter[{' '.join(weights)}]",
        **sizes,
        **{line: lines[not swapped], "M": lines[swapped], "C": a[-1]},
    )


def _lead(depth: int) -> list[str]:
    """Names for the axes before a matrix: the batch N, the heads H next to the matrix, and letters between."""
    return ["N", *(chr(ord("A") + at) * 2 for at in range(depth - 2)), "H"] if depth > 1 else ["N"][:depth]


def _attribute(node: Any, name: str, default: Any) -> Any:
    for attribute in node.attribute:
        if attribute.name == name:
            return list(attribute.ints) or attribute.i
    return default


def _network(file: Path, layers: dict[str, tuple[Layer, str]], graph: _Graph) -> Network:
    """Layers with the parameters they hold; what the model holds besides goes to `extra`."""
    held: set[str] = set()
    computed = []
    for name, (_, weights) in layers.items():
        root = graph.roots.get(weights, weights)
        if weights not in graph.constants or root in held:
            computed.append(name)
        else:
            held.add(root)
    extra = sum(words for root, words in _parameters(graph).items() if root not in held)
    what = (("constants that no layer's filter holds, such as biases, norms and embeddings", extra),) if extra else ()
    read_layers = tuple(layer for layer, _ in layers.values())
    return Network(file.stem, read_layers, f"read from {file.name}", what, tuple(computed))


def _parameters(graph: _Graph) -> dict[str, int]:
    """Words of every constant that nodes take as a parameter: arrays of floats, and of integers where those weigh."""
    found = {}
    for node in graph.nodes:
        learnt = LEARNT.get(node.op_type)
        for at, name in enumerate(node.input):
            weighs = name in graph.floats if learnt is None else at in learnt
            if weighs and name in graph.constants and graph.words(name) > 1:
                found[graph.roots.get(name, name)] = graph.words(name)
    return found


def _left_out(graph: _Graph) -> tuple[LeftOut, ...]:
    """Nodes that are no layers, by operator, those that write most first."""
    used = {name for node in graph.nodes for name in node.input}
    found: dict[str, LeftOut] = {}
    for node in graph.nodes:
        if node.op_type not in OPERANDS:
            names = [name for at, name in enumerate(node.output) if name and (at == 0 or name in used)]
            known = [graph.words(name) for name in names if name in graph.shapes]
            before = found.get(node.op_type, LeftOut(node.op_type, 0, 0))
            found[node.op_type] = LeftOut(
                node.op_type,
                before.nodes + 1,
                before.outputs + sum(known),
                before.unsized + (len(known) < len(names)),
            )
    return tuple(sorted(found.values(), key=lambda part: (-part.outputs, part.op)))
