"""Train, prune and store the network of `accelsim.digits`: `python -m accelsim.digits_train [FILE]`.

Needs scikit-learn for the images (`pip install accelsim[data]`); the training is plain NumPy and takes well under two
minutes on one core. Adam, cross-entropy, 40 epochs of batches of 32, no augmentation. Then the weights of least
magnitude over the whole network are set to zero and stay so while 10 more epochs tune the rest; each variant starts
from the one before. Nothing was chosen by looking at the held-out images.

With the seed fixed the result repeats on one machine. Another one may add in another order, and so round differently.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.digits import PIXEL_POINT, POINT, PRUNED, STORED, Trained, convolve, layers, pad, run, unpad, windows

Array = NDArray[Any]
Params = list[Array]  # weights and bias of each layer in turn

SEED = 20
HELD_OUT = 500
EPOCHS, TUNING, BATCH, RATE = 40, 10, 32, 2e-3


def split() -> tuple[Array, Array, Array, Array]:
    """Images and labels to train on (1,297), and those held out (500), from one shuffle with a fixed seed."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(SEED).permutation(len(data.target))
    pixels, digits = data.images.astype(np.uint8)[order], data.target.astype(np.uint8)[order]
    return pixels[HELD_OUT:], digits[HELD_OUT:], pixels[:HELD_OUT], digits[:HELD_OUT]


def start(rng: np.random.Generator) -> Params:
    """Random weights of variance 2 over the words each sum adds (He et al., ICCV 2015), and biases of 0."""
    params: Params = []
    for layer in layers():
        shape = layer.shape("filter")
        fan = int(np.prod(shape[1:]))
        params += [
            rng.normal(0, (2 / fan) ** 0.5, shape).astype(np.float32),
            np.zeros(shape[0], np.float32),
        ]
    return params


def forward(params: Params, pixels: Array) -> tuple[list[Array], Array]:
    """The padded input of every layer, and the scores (N, 10)."""
    values, inputs = pixels[:, None].astype(np.float32) / 2**PIXEL_POINT, []
    for layer, weights, bias in zip(layers(len(pixels)), params[::2], params[1::2], strict=True):
        inputs.append(pad(values, layer))
        values = convolve(inputs[-1], weights, layer) + bias[:, None, None]
        if layer.name != "fc":
            values = np.maximum(values, 0)
    return inputs, values[:, :, 0, 0]


def gradients(params: Params, pixels: Array, digits: Array) -> Params:
    """Gradient of the mean cross-entropy with respect to each weight and bias."""
    inputs, scores = forward(params, pixels)
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    shares[np.arange(len(digits)), digits] -= 1
    slope = (shares / len(digits)).astype(np.float32)[:, :, None, None]
    found: Params = []
    chain = list(zip(layers(len(pixels)), params[::2], inputs, strict=True))
    for at, (layer, weights, ifmap) in reversed(list(enumerate(chain))):
        flat = slope.transpose(1, 0, 2, 3).reshape(len(weights), -1)
        seen = windows(ifmap, layer).reshape(flat.shape[1], -1)
        found = [(flat @ seen).reshape(weights.shape), flat.sum(1), *found]
        if at:
            slope = _back(slope, weights, ifmap, at) * (_inner(ifmap, at) > 0)
    return found


def _inner(padded: Array, at: int) -> Array:
    return unpad(padded, layers(len(padded))[at])


def _back(slope: Array, weights: Array, ifmap: Array, at: int) -> Array:
    """The slope at a layer's unpadded input: each output hands its own back to all it saw."""
    layer, spread = layers(len(ifmap))[at], np.zeros_like(ifmap)
    stride = layer.tensor("ifmap").ranks[2].terms[0][1]
    P, Q = slope.shape[2:]
    parts = np.einsum("nmpq,mcrs->rsncpq", slope, weights, optimize=True)
    for r, s in np.ndindex(weights.shape[2:]):
        spread[:, :, r : r + stride * P : stride, s : s + stride * Q : stride] += parts[r, s]
    return _inner(spread, at)


def fit(
    params: Params, masks: Params, pixels: Array, digits: Array, epochs: int, rate: float, rng: np.random.Generator
) -> Params:
    """Adam (Kingma and Ba, ICLR 2015) with a rate that falls linearly to 0; masked weights stay 0."""
    params = [value * mask for value, mask in zip(params, masks, strict=True)]
    mean, square = ([np.zeros_like(value) for value in params] for _ in range(2))
    steps, step = epochs * (len(pixels) // BATCH), 0
    for _ in range(epochs):
        order = rng.permutation(len(pixels))
        for begin in range(0, len(pixels) - BATCH + 1, BATCH):
            batch, step = order[begin : begin + BATCH], step + 1
            for at, slope in enumerate(gradients(params, pixels[batch], digits[batch])):
                mean[at] = 0.9 * mean[at] + 0.1 * slope
                square[at] = 0.999 * square[at] + 0.001 * slope**2
                move = mean[at] / (1 - 0.9**step) / (np.sqrt(square[at] / (1 - 0.999**step)) + 1e-8)
                params[at] = (params[at] - rate * (1 - step / steps) * move).astype(np.float32) * masks[at]
    return params


def masks_for(params: Params, percent: int) -> Params:
    """1 for what stays: biases, and the weights of larger magnitude, compared over the whole network."""
    sizes = np.sort(np.concatenate([np.abs(weights).ravel() for weights in params[::2]]))
    least = sizes[round(len(sizes) * percent / 100)]
    keep = [(np.abs(value) >= least).astype(np.float32) if at % 2 == 0 else np.ones_like(value)
            for at, value in enumerate(params)]  # fmt: skip
    return keep if percent else [np.ones_like(value) for value in params]


def quantise(params: Params, pruned: int, pixels: Array) -> Trained:
    """Weights to int8, each layer scaled by the largest power of two that fits; biases to match.

    Raises `ArithmeticError` if an activation of the training images needs more than 16 bits.
    """
    weights, biases, shifts, point = [], [], [], PIXEL_POINT
    for weight, bias in zip(params[::2], params[1::2], strict=True):
        scale = int(np.floor(np.log2(127 / np.abs(weight).max())))
        weights.append(np.rint(weight * 2.0**scale).astype(np.int8))
        biases.append(np.rint(bias * 2.0 ** (point + scale)).astype(np.int64))
        shifts.append(point + scale - POINT)
        point = POINT
    network = Trained(pruned, tuple(weights), tuple(biases), tuple(shifts))
    largest = max(int(real.ifmap.max()) for real in run(network, pixels))
    if largest >= 2**15 or min(shifts) < 0:
        raise ArithmeticError(f"activations reach {largest} and shifts are {shifts}: they do not fit 16 bits")
    return network


def train(seed: int = SEED) -> list[Trained]:
    """All variants, each with its measured accuracy on the held-out images before and after it was tuned."""
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    with threadpool_limits(1):  # so small products only wait for one another, and one core adds in one order
        return _train(np.random.default_rng(seed))


def _train(rng: np.random.Generator) -> list[Trained]:
    pixels, digits, *_ = split()
    params, found = start(rng), []
    for percent in PRUNED:
        masks = masks_for(params, percent)
        cut = quantise([value * mask for value, mask in zip(params, masks, strict=True)], percent, pixels)
        epochs, rate = (TUNING, RATE / 4) if percent else (EPOCHS, RATE)
        params = fit(params, masks, pixels, digits, epochs, rate, rng)
        network = quantise(params, percent, pixels)
        found.append(replace(network, correct=_correct(network), cut=_correct(cut if percent else network)))
    return found


def _correct(network: Trained) -> int:
    *_, pixels, digits = split()
    return int((run(network, pixels)[-1].ofmap[:, :, 0, 0].argmax(1) == digits).sum())


def store(networks: list[Trained], path: Path = STORED) -> None:
    """Write all variants and the held-out images to one compressed file."""
    *_, pixels, digits = split()
    arrays: dict[str, Array] = {"images": pixels, "labels": digits}
    for network in networks:
        for layer, weights, bias in zip(layers(), network.weights, network.biases, strict=True):
            arrays[f"{network.pruned}/{layer.name}/weights"] = weights
            arrays[f"{network.pruned}/{layer.name}/bias"] = bias.astype(np.int32)
        arrays[f"{network.pruned}/shifts"] = np.array(network.shifts, np.int8)
        arrays[f"{network.pruned}/counts"] = np.array([network.correct, network.cut], np.int16)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def main() -> int:
    """Train, store in the file named (or in the package), and say what was measured."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else STORED
    networks = train()
    store(networks, path)
    for network in networks:
        print(f"{network.pruned:3d} % pruned: {network.correct} of {HELD_OUT} correct, {network.cut} before tuning")
    print(f"stored in {path}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
