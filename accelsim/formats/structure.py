"""Where zeros stand, not only how many: densities by block, channel or diagonal, and the work that is really left."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from accelsim.errors import FormatError, whole
from accelsim.formats.stream import Density, Format, densities


def effectual_macs(a: ArrayLike, b: ArrayLike) -> int:
    """MACs of the matrix product `a @ b` in which neither operand is zero.

    Three pairs of 8x8 matrices, all with 8 nonzeros of 64, where independent zeros would leave 8 MACs of 512:

    >>> eye, first = np.eye(8), np.arange(8) == 0
    >>> column, row = np.outer(np.ones(8), first), np.outer(first, np.ones(8))
    >>> effectual_macs(eye, eye), effectual_macs(column, row), effectual_macs(column, np.roll(row, 1, axis=0))
    (8, 64, 0)
    """
    left, right = np.asarray(a) != 0, np.asarray(b) != 0
    _check_product(left.shape, right.shape)
    return int(left.sum(axis=0) @ right.sum(axis=1))


def predicted_macs(density_a: ArrayLike, density_b: ArrayLike, shape: tuple[int, int, int]) -> float:
    """Mean effectual MACs of an (M, K) by (K, N) product, `shape` = (M, N, K), whose zeros are independent.

    Densities are one number each, or one for each value; with those of blocks, channels or diagonals the prediction
    knows the structure, and with the patterns themselves it is `effectual_macs`.

    >>> predicted_macs(1 / 8, 1 / 8, (8, 8, 8))
    8.0
    >>> eye = np.eye(8)
    >>> predicted_macs(eye, eye, (8, 8, 8))
    8.0
    """
    if not isinstance(shape, (tuple, list)) or len(shape) != 3:
        raise FormatError(f"a matrix product has the shape (M, N, K), got {shape!r}")
    rows, columns, inner = shape
    left = densities(density_a, (rows, inner)).reshape(rows, inner)
    right = densities(density_b, (inner, columns)).reshape(inner, columns)
    return float(left.sum(axis=0) @ right.sum(axis=1))


def _check_product(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    if len(left) != 2 or len(right) != 2 or left[1] != right[0]:
        raise FormatError(f"a matrix product needs (M, K) and (K, N), got {left} and {right}")


def block_density(array: ArrayLike, block: tuple[int, ...]) -> Density:
    """The density of the block that each value lies in, in the array's shape; blocks at the edges may be smaller.

    A channel of a (C, H, W) array is the block (1, H, W).

    >>> block_density([[1, 2, 0, 0], [0, 4, 0, 0]], (2, 2)).tolist()
    [[0.75, 0.75, 0.0, 0.0], [0.75, 0.75, 0.0, 0.0]]
    """
    pattern = np.asarray(array) != 0
    if len(block) != pattern.ndim or not all(whole(size) and size >= 1 for size in block):
        raise FormatError(f"a block of an array of {pattern.ndim} ranks needs as many sizes of at least 1, got {block}")
    total, area = pattern.astype(np.float64), np.ones(pattern.shape)
    for rank, size in enumerate(block):
        which = np.arange(pattern.shape[rank]) // size
        starts = np.arange(0, pattern.shape[rank], size)
        if len(starts):
            total = np.add.reduceat(total, starts, axis=rank).take(which, axis=rank)
            area = np.add.reduceat(area, starts, axis=rank).take(which, axis=rank)
    return total / area


def diagonal_density(matrix: ArrayLike) -> Density:
    """The density of the diagonal that each value of a matrix lies on.

    >>> diagonal_density([[1, 0], [3, 4]]).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    pattern = np.asarray(matrix) != 0
    if pattern.ndim != 2:
        raise FormatError(f"diagonals need a matrix, got an array of {pattern.ndim} ranks")
    rows, columns = pattern.shape
    which = np.arange(columns) - np.arange(rows)[:, None] + rows - 1
    total = np.bincount(which.reshape(-1), pattern.reshape(-1).astype(np.float64))
    each: Density = (total / np.maximum(np.bincount(which.reshape(-1)), 1))[which]
    return each


def crossovers(
    one: Format, other: Format, shape: tuple[int, ...], dtype: str = "int16", steps: int = 200
) -> tuple[float, ...]:
    """The densities at which two formats' expected sizes change places, to 1e-6; crossings closer than 1/steps hide.

    >>> from accelsim.formats import Bitmask, Dense
    >>> crossovers(Bitmask(), Dense(), (64, 64), "int8")               # 1 + 8 d = 8
    (0.875,)

    Raises FormatError for fewer than one step.
    """
    if not whole(steps) or steps < 1:
        raise FormatError(f"steps must be a whole number from 1, got {steps!r}")

    def gap(density: float) -> float:
        return one.expected_bits(density, shape, dtype) - other.expected_bits(density, shape, dtype)

    def meet(low: float, high: float) -> float:
        sign = gap(low) > 0
        while high - low > 1e-7:
            middle = (low + high) / 2
            low, high = (middle, high) if (gap(middle) > 0) == sign else (low, middle)
        return round((low + high) / 2, 6)

    grid = [step / steps for step in range(steps + 1)]
    above = [gap(density) > 0 for density in grid]
    return tuple(meet(grid[at], grid[at + 1]) for at in range(steps) if above[at] != above[at + 1])
