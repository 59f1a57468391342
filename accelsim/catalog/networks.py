"""Networks as rules that make their layers: shapes from the paper that introduced each, its source beside it.

Multiply-accumulates and parameters equal the published totals to the unit (tests/accelsim/test_networks.py). What is
a MAC here: every convolution, every fully connected layer, and both products of attention, over all pairs of
positions even where a causal mask throws half of them away. What is not: residual adds, pooling, activations,
softmax, norms and embedding look-ups. Padding counts as input, since an input is what the outputs reach.

Every function takes the batch `N`. In transformers `L` counts the positions that go in, `K` the positions attended
to, `H` heads and `D` the width of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from accelsim.errors import WorkloadError, whole
from accelsim.workload import Layer, Network, conv, einsum

LINEAR = "ofmap[N L M] += ifmap[N L C] * filter[M C]"
SCORES = "ofmap[N H L K] += ifmap[N H L D] * filter[N H K D]"
MIX = "ofmap[N H L D] += ifmap[N H L K] * filter[N H K D]"


def alexnet(N: int = 4, fc: bool = False) -> Network:
    """AlexNet in its original shapes, two groups in conv2, conv4 and conv5: the five CONV layers; `fc` adds three.

    Krizhevsky, Sutskever, Hinton, NIPS 2012. The batch is 4, as Eyeriss was measured on the CONV layers.

    >>> [layer.macs // 4 for layer in alexnet().layers]
    [105415200, 223948800, 149520384, 112140288, 74760192]
    >>> print(alexnet(N=1, fc=True))
    alexnet: 8 layers, 724,406,816 MACs, 60,965,224 parameters
    """
    layers = [
        conv("conv1", N=N, M=96, C=3, P=55, Q=55, R=11, S=11, stride=4),
        conv("conv2", N=N, M=256, C=96, G=2, P=27, Q=27, R=5, S=5),
        conv("conv3", N=N, M=384, C=256, P=13, Q=13, R=3, S=3),
        conv("conv4", N=N, M=384, C=384, G=2, P=13, Q=13, R=3, S=3),
        conv("conv5", N=N, M=256, C=384, G=2, P=13, Q=13, R=3, S=3),
    ]
    if fc:
        layers += [conv("fc6", N=N, M=4096, C=256, R=6, S=6), _fc("fc7", N, 4096, 4096), _fc("fc8", N, 1000, 4096)]
    return Network("alexnet", tuple(layers), "NIPS 2012", (("biases", _channels(layers)),))


def vgg16(N: int = 1) -> Network:
    """VGG-16, configuration D: 13 convolutions of 3x3 and three fully connected layers.

    Simonyan, Zisserman, ICLR 2015, table 1.

    >>> print(vgg16())
    vgg16: 16 layers, 15,470,264,320 MACs, 138,357,544 parameters
    """
    layers, C = [], 3
    for stage, (repeats, M) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], start=1):
        side = 224 >> (stage - 1)
        for index in range(1, repeats + 1):
            layers.append(conv(f"conv{stage}_{index}", N=N, M=M, C=C, P=side, Q=side, R=3, S=3))
            C = M
    layers += [conv("fc6", N=N, M=4096, C=512, R=7, S=7), _fc("fc7", N, 4096, 4096), _fc("fc8", N, 1000, 4096)]
    return Network("vgg16", tuple(layers), "ICLR 2015, arXiv 1409.1556", (("biases", _channels(layers)),))


def resnet50(N: int = 1, v1: bool = False) -> Network:
    """ResNet-50 v1.5, as torchvision has it: the 3x3 of a block takes the stride. `v1`: its first 1x1 does.

    He, Zhang, Ren, Sun, CVPR 2016, table 1 (v1); v1.5 is what later became usual, with the same parameters.

    >>> print(resnet50())
    resnet50: 54 layers, 4,089,184,256 MACs, 25,557,032 parameters
    >>> resnet50(v1=True).macs
    3857973248
    """
    layers, C, side = [conv("conv1", N=N, M=64, C=3, P=112, Q=112, R=7, S=7, stride=2)], 64, 56
    for stage, (blocks, width) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)], start=2):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 2 and block == 1 else 1
            layers += _bottleneck(f"conv{stage}_{block}", N, side, C, width, stride, block == 1, v1)
            side, C = side // stride, 4 * width
    extra = (("batch norms, scale and shift", 2 * _channels(layers)), ("bias of fc", 1000))
    layers.append(_fc("fc", N, 1000, C))
    return Network("resnet50", tuple(layers), "CVPR 2016, arXiv 1512.03385; v1.5 as in torchvision", extra)


def _bottleneck(name: str, N: int, side: int, C: int, width: int, stride: int, project: bool, v1: bool) -> list[Layer]:
    out = side // stride
    first, middle = (out, 1) if v1 else (side, stride)
    layers = [
        conv(f"{name}_reduce", N=N, M=width, C=C, P=first, Q=first, stride=side // first),
        conv(f"{name}_3x3", N=N, M=width, C=width, P=out, Q=out, R=3, S=3, stride=middle),
        conv(f"{name}_expand", N=N, M=4 * width, C=width, P=out, Q=out),
    ]
    if project:
        layers.append(conv(f"{name}_shortcut", N=N, M=4 * width, C=C, P=out, Q=out, stride=stride))
    return layers


def mobilenet_v1(N: int = 1, width: float = 1.0, side: int = 224) -> Network:
    """MobileNetV1: 13 pairs of a depthwise 3x3 and a 1x1. width: factor on all channels; side: of the square input.

    Howard et al., arXiv 1704.04861, table 1.

    >>> print(mobilenet_v1())
    mobilenet_v1: 28 layers, 568,740,352 MACs, 4,231,976 parameters
    >>> mobilenet_v1(width=0.5, side=128).macs
    49160192
    """
    C, side = int(32 * width), -(-side // 2)
    layers = [conv("conv0", N=N, M=C, C=3, P=side, Q=side, R=3, S=3, stride=2)]
    widths = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    for index, (channels, stride) in enumerate(zip(widths, [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1], strict=True), 1):
        M, side = int(channels * width), -(-side // stride)
        layers.append(_depthwise(f"dw{index}", N, C, side, 3, stride))
        layers.append(conv(f"pw{index}", N=N, M=M, C=C, P=side, Q=side))
        C = M
    extra = (("batch norms, scale and shift", 2 * _channels(layers)), ("bias of fc", 1000))
    return Network("mobilenet_v1", (*layers, _fc("fc", N, 1000, C)), "arXiv 1704.04861", extra)


def mobilenet_v2(N: int = 1) -> Network:
    """MobileNetV2: blocks that widen, convolve each channel by itself, and narrow.

    Sandler et al., CVPR 2018, table 2.

    >>> print(mobilenet_v2())
    mobilenet_v2: 53 layers, 300,774,272 MACs, 3,504,872 parameters
    """
    stages = [(1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 3, 32, 3, 2), (6, 3, 64, 4, 2), (6, 3, 96, 3, 1),
              (6, 3, 160, 3, 2), (6, 3, 320, 1, 1)]  # fmt: skip
    layers = list(_inverted_residuals(N, stages, squeeze=False))
    extra = (("batch norms, scale and shift", 2 * _channels(layers)), ("bias of fc", 1000))
    layers.append(_fc("fc", N, 1000, 1280))
    return Network("mobilenet_v2", tuple(layers), "CVPR 2018, arXiv 1801.04381", extra)


def efficientnet_b0(N: int = 1) -> Network:
    """EfficientNet-B0: MobileNetV2's blocks with 5x5 filters in some, and two small layers that weigh the channels.

    Tan, Le, ICML 2019, table 1.

    >>> print(efficientnet_b0())
    efficientnet_b0: 82 layers, 385,814,752 MACs, 5,288,548 parameters
    """
    stages = [(1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2), (6, 5, 112, 3, 1),
              (6, 5, 192, 4, 2), (6, 3, 320, 1, 1)]  # fmt: skip
    layers = list(_inverted_residuals(N, stages, squeeze=True))
    weighing = [layer for layer in layers if layer.name.endswith(("_squeeze", "_excite"))]
    extra = (
        ("batch norms, scale and shift", 2 * (_channels(layers) - _channels(weighing))),
        ("biases of squeeze and excite", _channels(weighing)),
        ("bias of fc", 1000),
    )
    layers.append(_fc("fc", N, 1000, 1280))
    return Network("efficientnet_b0", tuple(layers), "ICML 2019, arXiv 1905.11946", extra)


def _inverted_residuals(N: int, stages: Iterable[tuple[int, ...]], squeeze: bool) -> Iterator[Layer]:
    """Stem, blocks and head of MobileNetV2 and its heirs; stages: (widening, filter, channels, repeats, stride)."""
    C, side, index = 32, 112, 0
    yield conv("stem", N=N, M=C, C=3, P=side, Q=side, R=3, S=3, stride=2)
    for widening, k, M, repeats, first in stages:
        for repeat in range(repeats):
            stride, name, wide = (first if repeat == 0 else 1), f"block{index}", C * widening
            if widening > 1:
                yield conv(f"{name}_expand", N=N, M=wide, C=C, P=side, Q=side)
            side //= stride
            yield _depthwise(f"{name}_dw", N, wide, side, k, stride)
            if squeeze:  # to a quarter of the block's input channels
                yield _fc(f"{name}_squeeze", N, C // 4, wide)
                yield _fc(f"{name}_excite", N, wide, C // 4)
            yield conv(f"{name}_project", N=N, M=M, C=wide, P=side, Q=side)
            C, index = M, index + 1
    yield conv("head", N=N, M=1280, C=C, P=side, Q=side)


def bert_base(N: int = 1, L: int = 128) -> Network:
    """BERT-base, uncased, without a task's head: 12 encoder blocks of width 768 over `L` tokens, and the pooler.

    Devlin et al., NAACL 2019; vocabulary 30,522, up to 512 positions.

    >>> print(bert_base())
    bert_base: 97 layers, 11,174,215,680 MACs, 109,482,240 parameters
    >>> bert_base(L=512).macs
    48318971904
    """
    _positions("bert_base", L, L, 512)
    layers: list[Layer] = []
    for block in range(12):
        name = f"block{block}"
        layers += [_linear(f"{name}_{part}", N, L, 768, 768) for part in "qkv"]
        layers += [*_attention(name, N, L, L, 12, 64), _linear(f"{name}_o", N, L, 768, 768)]
        layers += [_linear(f"{name}_ff1", N, L, 3072, 768), _linear(f"{name}_ff2", N, L, 768, 3072)]
    layers.append(_fc("pooler", N, 768, 768))
    extra = (
        ("embeddings of tokens, positions and segments", (30522 + 512 + 2) * 768),
        ("layer norms, scale and shift", 2 * 768 * (1 + 2 * 12)),
        ("biases", 12 * (5 * 768 + 3072) + 768),
    )
    return Network("bert_base", tuple(layers), "NAACL 2019, arXiv 1810.04805", extra, _products(layers))


def vit_b16(N: int = 1) -> Network:
    """ViT-B/16 on 224 x 224: patches of 16 x 16, 197 positions (196 patches and the class), 12 blocks of width 768.

    Dosovitskiy et al., ICLR 2021, table 1.

    >>> print(vit_b16())
    vit_b16: 74 layers, 17,563,828,224 MACs, 86,567,656 parameters
    """
    layers = [conv("patches", N=N, M=768, C=3, P=14, Q=14, R=16, S=16, stride=16)]
    for block in range(12):
        layers += _block(f"block{block}", N, 197, 197)
    layers.append(_fc("head", N, 1000, 768))
    extra = (
        ("class token and embedding of positions", (1 + 197) * 768),
        ("layer norms, scale and shift", 2 * 768 * (1 + 2 * 12)),
        ("biases", 768 + 12 * _BLOCK_BIASES + 1000),
    )
    return Network("vit_b16", tuple(layers), "ICLR 2021, arXiv 2010.11929", extra, _products(layers))


def gpt2(N: int = 1, L: int = 1024, context: int | None = None) -> Network:
    """GPT-2 small: 12 blocks of width 768; `L` tokens go in and attend to `context` positions, themselves included.

    Prefill is `gpt2()`: 1,024 tokens at once. Decode is `gpt2(L=1, context=1024)`: one token, with the keys and
    values of the 1,023 before it read from the cache; then the `filter` of a `_qk` or `_av` layer is the cache.
    The head gives scores for every position, and its filter is the token embedding. Radford et al., 2019.

    >>> print(gpt2())
    gpt2: 73 layers, 145,824,153,600 MACs, 124,439,808 parameters
    >>> gpt2(L=1, context=1024).macs
    142406400
    """
    K = _positions("gpt2", L, context, 1024)
    layers: list[Layer] = []
    for block in range(12):
        layers += _block(f"block{block}", N, L, K)
    layers.append(_linear("head", N, L, 50257, 768))
    extra = (
        ("embedding of positions", 1024 * 768),
        ("layer norms, scale and shift", 2 * 768 * (1 + 2 * 12)),
        ("biases", 12 * _BLOCK_BIASES),
    )
    return Network("gpt2", tuple(layers), "Radford et al. 2019, the smallest model", extra, _products(layers))


def llama2_7b(N: int = 1, L: int = 2048, context: int | None = None) -> Network:
    """Llama-2-7B: 32 blocks of width 4096; `L` tokens go in and attend to `context` positions, themselves included.

    Prefill is `llama2_7b()`: 2,048 tokens at once; decode is `llama2_7b(L=1, context=2048)`, as in `gpt2`.
    Touvron et al., arXiv 2307.09288.

    >>> print(llama2_7b())
    llama2_7b: 289 layers, 14,630,806,093,824 MACs, 6,738,415,616 parameters
    >>> llama2_7b(L=1, context=2048).macs
    7143948288
    """
    K, width, inner = _positions("llama2_7b", L, context, 4096), 4096, 11008
    layers: list[Layer] = []
    for block in range(32):
        name = f"block{block}"
        layers += [_linear(f"{name}_{part}", N, L, width, width) for part in "qkv"]
        layers += [*_attention(name, N, L, K, 32, 128), _linear(f"{name}_o", N, L, width, width)]
        layers += [_linear(f"{name}_{part}", N, L, inner, width) for part in ("gate", "up")]
        layers.append(_linear(f"{name}_down", N, L, width, inner))
    layers.append(_linear("head", N, L, 32000, width))
    extra = (("embedding of tokens", 32000 * width), ("norms, scale", (2 * 32 + 1) * width))
    return Network("llama2_7b", tuple(layers), "arXiv 2307.09288", extra, _products(layers))


_BLOCK_BIASES = 3 * 768 + 768 + 3072 + 768


def _block(name: str, N: int, L: int, K: int) -> list[Layer]:
    """A transformer block of width 768 with 12 heads and one layer for queries, keys and values, as GPT-2 has it."""
    return [
        _linear(f"{name}_qkv", N, L, 3 * 768, 768),
        *_attention(name, N, L, K, 12, 64),
        _linear(f"{name}_o", N, L, 768, 768),
        _linear(f"{name}_ff1", N, L, 3072, 768),
        _linear(f"{name}_ff2", N, L, 768, 3072),
    ]


def _attention(name: str, N: int, L: int, K: int, H: int, D: int) -> list[Layer]:
    sizes = dict(N=N, H=H, L=L, K=K, D=D)
    return [einsum(f"{name}_qk", SCORES, **sizes), einsum(f"{name}_av", MIX, **sizes)]


def _linear(name: str, N: int, L: int, M: int, C: int) -> Layer:
    return einsum(name, LINEAR, N=N, L=L, M=M, C=C)


def _fc(name: str, N: int, M: int, C: int) -> Layer:
    return einsum(name, "ofmap[N M] += ifmap[N C] * filter[M C]", N=N, M=M, C=C)


def _depthwise(name: str, N: int, C: int, side: int, k: int, stride: int) -> Layer:
    return conv(name, N=N, M=C, C=C, G=C, P=side, Q=side, R=k, S=k, stride=stride)


def _channels(layers: Iterable[Layer]) -> int:
    """Output channels of all layers: one bias, or one scale and one shift, belongs to each."""
    return sum(layer.dims["M"] * layer.dims.get("G", 1) for layer in layers)


def _products(layers: Iterable[Layer]) -> tuple[str, ...]:
    return tuple(layer.name for layer in layers if layer.name.endswith(("_qk", "_av")))


def _positions(name: str, L: int, context: int | None, most: int) -> int:
    """Positions attended to: `context`, or those that go in. Raises `WorkloadError` where the network has fewer."""
    K = L if context is None else context
    if not (whole(L) and whole(K) and 1 <= L <= K <= most):
        raise WorkloadError(
            f"{name}: L tokens attend to `context` positions, themselves included, of the network's {most}: "
            f"it needs 1 <= L <= context <= {most}, got L={L!r}, context={K!r}"
        )
    return K
