"""Sets of points on one axis of a tensor, kept as the bits of an integer: exact, and as fast as a popcount."""

from __future__ import annotations

import math
from functools import lru_cache

from accelsim.errors import WorkloadError

MAX_AXIS = 2**24


def box_mask(terms: tuple[tuple[int, int], ...]) -> int:
    """The coordinates `sum of coefficient * i, 0 <= i < extent` as set bits.

    Points, not spans: `3x4` outputs at stride 2 under a filter of 1 touch 0, 2, 4.

    >>> bin(box_mask(((2, 3), (1, 1))))
    '0b10101'
    """
    mask = 1
    for coefficient, extent in terms:
        if extent < 1:
            return 0
        reached, done = mask, 1
        while done < extent:  # double the number of copies until there are enough
            step = min(done, extent - done)
            reached |= reached << (step * coefficient)
            done += step
        mask = reached
    return mask


@lru_cache(maxsize=65536)
def box_size(terms: tuple[tuple[int, int], ...]) -> int:
    """How many coordinates `box_mask` holds, in closed form wherever the box has no ragged gaps.

    Raises `WorkloadError` where it has, and spans more than `MAX_AXIS`.

    >>> box_size(((2, 13), (1, 3)))
    27
    >>> box_size(((1, 10**15), (1, 3)))
    1000000000000002
    """
    if any(extent < 1 for _, extent in terms):
        return 0
    terms = tuple(sorted((coefficient, extent) for coefficient, extent in terms if extent > 1))
    unit = math.gcd(*(coefficient for coefficient, _ in terms)) or 1
    size = span = 1  # `size` points within `span` coordinates; an interval as long as the two are equal
    for coefficient, extent in terms:
        step = coefficient // unit
        if step >= span:
            size *= extent
        elif size == span:
            size += step * (extent - 1)
        else:
            return _counted(terms)
        span += step * (extent - 1)
    return size


def _counted(terms: tuple[tuple[int, int], ...]) -> int:
    span = 1 + sum(coefficient * (extent - 1) for coefficient, extent in terms)
    if span > MAX_AXIS:
        raise WorkloadError(f"an axis of several dimensions with gaps spans {span}; counted are up to {MAX_AXIS}")
    return box_mask(terms).bit_count()
