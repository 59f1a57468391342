"""Finding the pairs that matter, and waiting for the slowest: masks, lists of coordinates, the makespan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import WorkloadError, number, whole
from accelsim.sparsity.saving import Saving

Bools = NDArray[np.bool_]
Values = NDArray[Any]


@dataclass(frozen=True)
class Walk:
    """What finding the pairs of a stream takes, along the last axis of the masks.

    matches: pairs in which both words are nonzero. cycles: to find and issue them. looked: bits, or coordinates,
    looked at in each mask. checks: positions, or pairs of heads, examined.
    """

    matches: NDArray[np.int64]
    cycles: NDArray[np.int64]
    looked: tuple[NDArray[np.int64], ...]
    checks: NDArray[np.int64]


def bitmask_walk(masks: tuple[ArrayLike, ...], width: int = 16, inside: ArrayLike | None = None) -> Walk:
    """Go through bit masks `width` positions at a time: a cycle for each match, and one for a chunk without any.

    masks: of the same shape, nonzero where a word is. inside: positions that exist (all); a chunk with none is free.
    Raises `WorkloadError` for masks of several shapes, or a width of no positions.

    >>> walk = bitmask_walk(([1, 0, 0, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0, 1, 0]), width=4)
    >>> int(walk.matches), int(walk.cycles), int(walk.checks)      # 2 in the first four, a look at the other four
    (2, 3, 8)
    """
    if not whole(width) or width < 1:
        raise WorkloadError(f"width must be a whole number from 1, got {width!r}")
    both, exists, _ = _masks(masks, inside)
    chunks, places = (_chunks(bits, width) for bits in (both, exists))
    cycles = np.maximum(chunks, places > 0).sum(-1)
    count = exists.sum(-1)
    return Walk(both.sum(-1), cycles, (count,) * len(masks), count)


def coordinate_walk(masks: tuple[ArrayLike, ...], inside: ArrayLike | None = None) -> Walk:
    """Merge sorted lists of nonzero positions, given as masks: a cycle for each comparison, until a list ends.

    Raises `WorkloadError` for masks of several shapes.

    >>> walk = coordinate_walk(([1, 0, 0, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0, 1, 0]))
    >>> int(walk.matches), int(walk.cycles)                        # 0-0, 3-1, 3-3, 4-6
    (2, 4)
    """
    both, _, lists = _masks(masks, inside)
    if len(lists) == 1:
        count = both.sum(-1)
        return Walk(count, count, (count,), np.zeros_like(count))
    left = [np.flip(np.logical_or.accumulate(np.flip(bits, -1), -1), -1) for bits in lists]  # something still ahead
    going = np.logical_and.reduce(left)
    steps = (np.logical_or.reduce(lists) & going).sum(-1)
    return Walk(both.sum(-1), steps, tuple((bits & going).sum(-1) for bits in lists), steps)


def _masks(masks: tuple[ArrayLike, ...], inside: ArrayLike | None) -> tuple[Bools, Bools, list[Bools]]:
    lists = [np.asarray(mask).astype(bool) for mask in masks]
    shapes = [bits.shape for bits in lists] + ([] if inside is None else [np.shape(inside)])
    if not lists or len({*shapes}) > 1 or not shapes[0]:
        raise WorkloadError(f"a walk needs one mask or more, all of one shape, got shapes {shapes}")
    exists = np.ones_like(lists[0]) if inside is None else np.asarray(inside).astype(bool)
    lists = [bits & exists for bits in lists]
    return np.logical_and.reduce(lists), exists, lists


def _chunks(bits: Bools, width: int) -> NDArray[np.int64]:
    """Ones in each run of `width` positions of the last axis."""
    return np.add.reduceat(bits.astype(np.int64), np.arange(0, bits.shape[-1], width), -1)


def makespan(cycles: ArrayLike) -> int:
    """Cycles of PEs that wait for one another after each step: (steps, PEs), the most of each row, summed.

    >>> makespan([[3, 1], [0, 2]])          # the mean PE works 3 cycles, the array takes 5
    5

    Raises `WorkloadError` for what is no table of numbers.
    """
    table = np.asarray(cycles)
    if table.dtype.kind not in "biuf" or not table.size or not table.ndim:
        raise WorkloadError(f"a makespan needs cycles by step and PE, got {cycles!r}")
    return int(table.max(-1).sum())


# Expected values, from densities alone


def union(share: dict[str, float]) -> float:
    """The share of positions at which some list has an entry."""
    return 1 - math.prod(1 - density for density in share.values())


def expected_longest(length: float, pes: int, saving: Saving, share: dict[str, float]) -> float:
    """Mean cycles of the slowest of `pes` PEs, each with a stream of `length` pairs and independent zeros.

    >>> from accelsim.sparsity import skip
    >>> walk, share = skip("ifmap", find="coordinates"), {"ifmap": 0.25}
    >>> [round(expected_longest(192, pes, walk, share), 1) for pes in (1, 156)]      # 48 on average, but one is slowest
    [48.0, 64.4]

    Raises `WorkloadError` for a stream, PEs or shares that cannot be.
    """
    if not number(length) or length < 0 or not whole(pes) or pes < 1:
        raise WorkloadError(f"needs a length of 0 or more and 1 PE or more, got length={length!r}, pes={pes!r}")
    if wrong := {name: part for name, part in share.items() if not number(part) or not 0 <= part <= 1}:
        raise WorkloadError(f"the share of nonzero words lies between 0 and 1, got {wrong}")
    low, part = int(length), length - int(length)
    ends = [_longest(size, pes, saving, share) for size in ((low, low + 1) if part else (low,))]
    return ends[0] + part * (ends[-1] - ends[0])


def _longest(length: int, pes: int, saving: Saving, share: dict[str, float]) -> float:
    if saving.find == "bitmask":
        alive, wide = math.prod(share.values()), saving.width
        parts = [(_chunk(wide, alive), length // wide), (_chunk(length % wide, alive), 1 if length % wide else 0)]
    else:
        taken = union(share)
        parts = [(np.array([1 - taken, taken]), length)]
    size = length + 1
    waves = np.prod([np.fft.rfft(chances, 2 * size) ** times for chances, times in parts], axis=0)
    below = np.cumsum(np.fft.irfft(waves, 2 * size)[:size]).clip(0, 1)
    below[-1] = 1.0
    return float((1 - below**pes).sum())


def _chunk(width: int, alive: float) -> Values:
    """Chances of 0, 1, 2 ... cycles for a chunk of a bit mask: a cycle for each match, one for none."""
    chances = np.array([math.comb(width, k) * alive**k * (1 - alive) ** (width - k) for k in range(width + 1)])
    if width:
        chances[1] += chances[0]
        chances[0] = 0.0
    return chances
