"""Random layers, machines and mappings that fit each other, small enough for the slow machine."""

from hypothesis import strategies as st

from accelsim import Arch, Layer, Level, Mapping, conv, einsum
from accelsim.mapping import Loop, Stage

COST = 2500  # iterations of the loops, including those beyond a clipped edge


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Convolutions with strides, dilations and groups, products of matrices, attention scores."""
    kind = draw(st.sampled_from(["conv", "conv", "conv", "gemm", "attention", "window"]))
    size = st.integers(1, 5)
    if kind == "gemm":
        return einsum("gemm", "Z[M N] += A[M K] * B[K N]", M=draw(size), N=draw(size), K=draw(size))
    if kind == "attention":
        text = "scores[H I J] += query[H I D] * key[H J D]"
        return einsum("attention", text, H=draw(st.integers(1, 2)), I=draw(size), J=draw(size), D=draw(size))
    if kind == "window":
        text = "O[K P] += I[2P+3R+T C] * F[K C R T]"
        bounds = {dim: draw(st.integers(1, 3)) for dim in "KPRTC"}
        return einsum("window", text, **bounds)
    groups = draw(st.sampled_from([1, 1, 2]))
    small = st.integers(1, 3)
    return conv(
        "conv",
        N=draw(st.integers(1, 2)), M=groups * draw(small), C=groups * draw(small), G=groups,
        P=draw(size), Q=draw(st.integers(1, 2)), R=draw(small), S=draw(st.integers(1, 2)),
        stride=(draw(small), draw(small)), dilation=(draw(st.integers(1, 2)), 1),
    )  # fmt: skip


@st.composite
def mappings(draw: st.DrawFn, layer: Layer, depth: int, imperfect: bool = True) -> Mapping:
    """Loops of every dimension over random levels, in random order, over time or space, with random bypasses."""
    names = ["DRAM", "GLB", "buffer", "spad"][:depth]
    loops: list[tuple[int, Loop]] = []
    cost = 1
    for dim, size in layer.bounds:
        step = 1
        bounds = []
        while step < size:
            most = -(-size // step)
            choices = [b for b in range(2, most + 1) if imperfect or most % b == 0]
            if cost * most > COST:
                choices = [most]
            bounds.append(draw(st.sampled_from(choices)))
            step *= bounds[-1]
        cost *= step
        levels = sorted(draw(st.lists(st.integers(0, depth - 1), min_size=len(bounds), max_size=len(bounds))))
        loops += [
            (level, Loop(dim, bound, draw(st.sampled_from(["", "", "x", "y"]))))
            for level, bound in zip(levels, reversed(bounds), strict=True)
        ]
    return Mapping(tuple(Stage(name, *_stage(draw, layer, loops, at)) for at, name in enumerate(names)))


def _stage(draw, layer, loops, at):
    mine = [loop for level, loop in loops if level == at]
    order = draw(st.permutations(range(len(mine))))
    by_dim = {dim: [loop for loop in mine if loop.dim == dim] for dim in layer.dims}
    shuffled = tuple(by_dim[mine[index].dim].pop(0) for index in order)
    if at == 0:
        return shuffled, None
    kept = draw(st.lists(st.sampled_from([t.name for t in layer.tensors]), unique=True))
    return shuffled, None if len(kept) == len(layer.tensors) else tuple(kept)


@st.composite
def machines(draw: st.DrawFn, mapping: Mapping) -> Arch:
    """A machine whose arrays are as large as the mapping needs, with or without multicast and reduction."""
    levels = []
    for stage in mapping.stages:
        fanout = tuple(_product(loop.bound for loop in stage.loops if loop.axis == axis) for axis in "xy")
        levels.append(Level(stage.level, fanout=fanout, multicast=draw(st.booleans()), reduction=draw(st.booleans())))
    return Arch("random", tuple(levels))


@st.composite
def cases(draw: st.DrawFn, imperfect: bool = True) -> tuple[Layer, Arch, Mapping]:
    """A layer, a machine and a mapping without problems."""
    layer = draw(layers())
    mapping = draw(mappings(layer, draw(st.integers(1, 4)), imperfect))
    return layer, draw(machines(mapping)), mapping


def _product(values) -> int:
    result = 1
    for value in values:
        result *= value
    return result
