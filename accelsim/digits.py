"""A small real network, trained and pruned, so that every density in the course was observed and none made up.

Four layers, conv1 to conv3 with ReLU and a fully connected one, read hand-written digits of 8 x 8 pixels. The stored
weights are whole numbers (int8), activations have 16 bits with 8 of them behind the point, and every sum is exact:
the accuracy is the same number on every machine. `accelsim.digits_train` trained them; loading needs only NumPy.

Images: Alpaydin and Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository, 1998, the
test part as scikit-learn ships it (`sklearn.datasets.load_digits`, 1,797 images of 13 writers, BSD-3-Clause).
The 500 held-out images stored here were never trained on, though other images of the same writers were.

>>> network = load(pruned=80)
>>> correct(network), network.correct, len(images())
(487, 487, 500)
>>> real = tensors("conv2", pruned=80, N=2)
>>> print(real.layer)
conv2: ofmap[N M P Q] += ifmap[N C 2P+R 2Q+S] * filter[M C R S]  (N=2 M=32 C=16 P=4 Q=4 R=3 S=3)
>>> real.ifmap.shape, real.filter.shape, real.ofmap.shape
((2, 16, 9, 9), (32, 16, 3, 3), (2, 32, 4, 4))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import CatalogError, WorkloadError, suggest, whole
from accelsim.workload import Layer, conv

Array = NDArray[Any]

PRUNED = (0, 50, 70, 80, 90, 95)  # percent of all weights set to zero, each variant pruned from the one before
POINT = 8  # bits behind the binary point of an activation
PIXEL_POINT = 4  # an input pixel of 16 means 1.0
STORED = Path(__file__).with_name("data") / "digits.npz"


def layers(N: int = 1) -> tuple[Layer, ...]:
    """The four layers for a batch of N images. Inputs are as far as the filters reach: zero padding included.

    >>> [layer.macs for layer in layers()]
    [9216, 73728, 36864, 1280]
    """
    return (
        conv("conv1", N=N, M=16, C=1, P=8, Q=8, R=3, S=3),
        conv("conv2", N=N, M=32, C=16, P=4, Q=4, R=3, S=3, stride=2),
        conv("conv3", N=N, M=32, C=32, P=2, Q=2, R=3, S=3, stride=2),
        conv("fc", N=N, M=10, C=32, R=2, S=2),
    )


@dataclass(frozen=True)
class Trained:
    """One variant of the network. pruned: percent of weights set to zero before they were tuned once more.

    weights: int8, by layer, of shape (M, C, R, S). biases: int64, by layer, at the scale of that layer's sums. shifts:
    how many bits a sum is shifted right to become an activation. correct: held-out images read correctly, and
    cut: the same before the tuning, both as measured when trained.
    """

    pruned: int
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    shifts: tuple[int, ...]
    correct: int = 0
    cut: int = 0


@dataclass(frozen=True)
class Tensors:
    """A layer and its three tensors as they really were: ifmap padded, ofmap after ReLU (the last layer has none)."""

    layer: Layer
    ifmap: Array
    filter: Array
    ofmap: Array


@dataclass(frozen=True)
class Density:
    """Measured shares of nonzero words in one layer: its ifmap (padding not counted), filter and ofmap, and its MACs
    whose two operands are both nonzero (padding counted, since the array computes it).
    """

    layer: str
    ifmap: float
    filter: float
    ofmap: float
    effectual: float


@cache
def _stored() -> dict[str, Array]:
    with np.load(STORED) as archive:
        return {name: archive[name] for name in archive.files}


def images() -> Array:
    """The 500 held-out images, (500, 8, 8), whole numbers from 0 to 16."""
    return _stored()["images"].copy()


def labels() -> Array:
    """What digit each held-out image shows, (500,)."""
    return _stored()["labels"].copy()


def load(pruned: int = 0) -> Trained:
    """The stored network with that percentage of its weights pruned. Raises `CatalogError` for one not stored."""
    if pruned not in PRUNED:
        raise CatalogError(f"no network pruned by {pruned!r} %; there is {', '.join(map(str, PRUNED))}")
    data, names = _stored(), [layer.name for layer in layers()]
    counts = data[f"{pruned}/counts"]
    return Trained(
        pruned,
        tuple(data[f"{pruned}/{name}/weights"].copy() for name in names),
        tuple(data[f"{pruned}/{name}/bias"].astype(np.int64) for name in names),
        tuple(int(shift) for shift in data[f"{pruned}/shifts"]),
        int(counts[0]),
        int(counts[1]),
    )


def run(network: Trained, pixels: Array) -> list[Tensors]:
    """Every layer's real tensors for a batch of images (N, 8, 8) of whole numbers from 0 to 16.

    The last layer's ofmap holds the ten scores. Raises `WorkloadError` for images of another shape or range.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim != 3 or pixels.shape[1:] != (8, 8) or not len(pixels) or pixels.dtype.kind not in "iu":
        raise WorkloadError(f"images are whole numbers of shape (N, 8, 8), got {pixels.dtype} of shape {pixels.shape}")
    if pixels.min() < 0 or pixels.max() > 16:
        raise WorkloadError(f"pixels run from 0 to 16, got {pixels.min()} to {pixels.max()}")
    found, values = [], pixels[:, None].astype(np.int64)
    for layer, weights, bias, shift in zip(
        layers(len(pixels)), network.weights, network.biases, network.shifts, strict=True
    ):
        ifmap = pad(values, layer)
        values = convolve(ifmap, weights.astype(np.int64), layer) + bias[:, None, None]
        if layer.name != "fc":
            values = np.maximum(values, 0) >> shift
        found.append(Tensors(layer, ifmap, weights.copy(), values))
    return found


def correct(network: Trained) -> int:
    """How many of the 500 held-out images the network reads correctly; the larger score wins, ties the first."""
    scores = run(network, images())[-1].ofmap[:, :, 0, 0]
    return int((scores.argmax(1) == labels()).sum())


def tensors(name: str, pruned: int = 0, N: int = 4, first: int = 0) -> Tensors:
    """One layer's real tensors for N held-out images in a row. Raises `CatalogError` and `WorkloadError`.

    Whole numbers: activations int64 that fit 16 bits, weights int8.
    """
    names = [layer.name for layer in layers()]
    if name not in names:
        raise CatalogError(f"no layer {name!r} in digits; there is {', '.join(names)}{suggest(name, names)}")
    last = len(images())
    if not (whole(N) and whole(first) and N >= 1 and 0 <= first <= last - N):
        raise WorkloadError(f"the held-out images are 0 to {last - 1}; N={N!r} from first={first!r} leaves them")
    return run(load(pruned), images()[first : first + N])[names.index(name)]


def densities(network: Trained, pixels: Array | None = None) -> list[Density]:
    """Measured densities of every layer, over all held-out images or the ones given.

    >>> [round(1 - row.ofmap, 2) for row in densities(load())[:3]]      # zeros after ReLU
    [0.38, 0.27, 0.25]
    """
    rows = []
    for real in run(network, images() if pixels is None else pixels):
        effectual = convolve((real.ifmap != 0).astype(np.int64), (real.filter != 0).astype(np.int64), real.layer)
        rows.append(
            Density(
                real.layer.name,
                float(np.count_nonzero(unpad(real.ifmap, real.layer)) / unpad(real.ifmap, real.layer).size),
                float((real.filter != 0).mean()),
                float((real.ofmap != 0).mean()),
                float(effectual.sum() / real.layer.macs),
            )
        )
    return rows


def _borders(layer: Layer) -> tuple[tuple[int, int], ...]:
    """Rows and columns of zero padding before and after the real input, which is a multiple of the stride."""
    sizes = {"conv1": 8, "conv2": 8, "conv3": 4, "fc": 2}
    borders = [reach - sizes[layer.name] for reach in layer.shape("ifmap")[2:]]
    return ((0, 0), (0, 0), *((-(-both // 2), both // 2) for both in borders))


def pad(values: Array, layer: Layer) -> Array:
    """Zeros around a layer's input (N, C, rows, columns): as far as its filters reach."""
    return np.pad(values, _borders(layer))


def unpad(ifmap: Array, layer: Layer) -> Array:
    """A layer's input without its zero padding."""
    sides = zip(_borders(layer), ifmap.shape, strict=True)
    return ifmap[tuple(slice(before, size - after) for (before, after), size in sides)]


def windows(ifmap: Array, layer: Layer) -> Array:
    """What each output sees: (N, P, Q, C, R, S), a view of a padded ifmap (N, C, rows, columns)."""
    size, stride = (layer.dims["R"], layer.dims["S"]), layer.tensor("ifmap").ranks[2].terms[0][1]
    view = np.lib.stride_tricks.sliding_window_view(ifmap, size, (2, 3))
    return view[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)


def convolve(ifmap: Array, weights: Array, layer: Layer) -> Array:
    """The layer's sums (N, M, P, Q) of a padded ifmap and weights (M, C, R, S); exact for whole numbers."""
    seen = windows(ifmap, layer)
    sums = seen.reshape(-1, weights[0].size) @ weights.reshape(len(weights), -1).T
    return sums.reshape(*seen.shape[:3], -1).transpose(0, 3, 1, 2)
