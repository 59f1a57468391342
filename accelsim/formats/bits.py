"""Whole numbers of any width packed into bytes and back, most significant bit first, without a loop over numbers."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import StreamError

Integers = NDArray[np.integer[Any]]
Unsigned = NDArray[np.unsignedinteger[Any]]
CHUNK = 1 << 15  # numbers worked on at a time: few enough to stay in a core's cache


def clog2(count: int) -> int:
    """Bits that tell `count` things apart: none for one thing.

    >>> [clog2(count) for count in (1, 2, 3, 4, 5, 1024)]
    [0, 1, 2, 2, 3, 10]
    """
    return max(count - 1, 0).bit_length()


def byte_count(bits: int) -> int:
    """Bytes that hold so many bits.

    >>> byte_count(0), byte_count(8), byte_count(9)
    (0, 1, 2)
    """
    return -(-bits // 8)


def pieces(length: int, step: int = CHUNK) -> Iterator[slice]:
    """Slices that cut `length` things into runs of `step`.

    >>> list(pieces(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return (slice(start, min(start + step, length)) for start in range(0, length, step))


def _lanes(width: int) -> list[tuple[int, int]]:
    """How a group of numbers that ends on a word's edge lies in its words: of each, the word and the shift left."""
    return [(at * width // 64, 64 - at * width % 64 - width) for at in range(64 // gcd(64, width))]


def pack(numbers: Integers, width: int) -> bytes:
    """The low `width` bits (0 to 64) of each number, one after another; the last byte is filled up with zeros.

    >>> pack(np.array([1, 2, 3]), 4).hex()
    '1230'
    >>> pack(np.array([-1, 5], dtype="int8"), 8).hex()
    'ff05'
    """
    if width in (8, 16, 32, 64):
        return numbers.astype(f">u{width // 8}").tobytes()
    if width == 0 or not len(numbers):
        return b""
    lanes = _lanes(width)
    parts = [_pack_piece(numbers[piece], width, lanes) for piece in pieces(len(numbers))]
    return b"".join(parts)[: byte_count(len(numbers) * width)]


def _pack_piece(numbers: Integers, width: int, lanes: list[tuple[int, int]]) -> bytes:
    groups = -(-len(numbers) // len(lanes))
    fields = np.zeros(groups * len(lanes), np.uint64)
    fields[: len(numbers)] = numbers.astype(np.uint64) & np.uint64((1 << width) - 1)
    columns = np.ascontiguousarray(fields.reshape(groups, len(lanes)).T)
    words = np.zeros((len(lanes) * width // 64, groups), np.uint64)
    for column, (word, shift) in zip(columns, lanes, strict=True):
        if shift >= 0:
            words[word] |= column << np.uint64(shift)
        else:
            words[word] |= column >> np.uint64(-shift)
            words[word + 1] |= column << np.uint64(64 + shift)
    return words.T.astype(">u8").tobytes()


def unpack(data: bytes, width: int, count: int) -> Unsigned:
    """The `count` numbers of `width` bits at the start of `data`, in the smallest type that holds them.

    >>> unpack(bytes.fromhex("1230"), 4, 3)
    array([1, 2, 3], dtype=uint8)
    """
    if width in (8, 16, 32, 64):
        stored: Unsigned = np.frombuffer(data, f">u{width // 8}", count)
        return stored.astype(stored.dtype.newbyteorder("="))
    numbers: Unsigned = np.zeros(count, np.min_scalar_type((1 << width) - 1))
    if width:
        lanes = _lanes(width)
        step = CHUNK * width // 8
        for piece in pieces(count):
            start = piece.start // CHUNK * step
            found = _unpack_piece(data[start : start + step], width, lanes, numbers.dtype)
            numbers[piece] = found[: piece.stop - piece.start]
    return numbers


def _unpack_piece(data: bytes, width: int, lanes: list[tuple[int, int]], dtype: np.dtype[Any]) -> Unsigned:
    per_group = len(lanes) * width // 8
    groups = -(-len(data) // per_group)
    stored = np.frombuffer(data.ljust(groups * per_group, b"\0"), ">u8").reshape(groups, per_group // 8)
    words = np.ascontiguousarray(stored.T.astype(np.uint64))
    mask = np.uint64((1 << width) - 1)
    columns: Unsigned = np.empty((len(lanes), groups), dtype)
    for column, (word, shift) in zip(columns, lanes, strict=True):
        if shift >= 0:
            column[:] = words[word] >> np.uint64(shift) & mask
        else:
            column[:] = (words[word] << np.uint64(-shift) | words[word + 1] >> np.uint64(64 + shift)) & mask
    return columns.T.reshape(-1)


def signed(where: str, numbers: Unsigned, width: int, dtype: np.dtype[Any]) -> Integers:
    """Numbers of `width` bits as values of `dtype`: two's complement where it has a sign.

    Raises StreamError, which begins with `where`, for a number too large for the type.

    >>> signed("here", np.array([1, 15], dtype="uint64"), 4, np.dtype("int8"))
    array([ 1, -1], dtype=int8)
    """
    size = dtype.itemsize * 8
    if width <= size:
        values: Integers = numbers.astype(f"u{dtype.itemsize}", copy=False).view(dtype)
        return values if width == size or dtype.kind == "u" else values << (size - width) >> (size - width)
    room = numbers.dtype.itemsize * 8 - width
    wide: Integers = numbers
    if dtype.kind == "i":
        wide = numbers.view(f"i{numbers.dtype.itemsize}") << room >> room
    values = wide.astype(dtype)
    if (values != wide).any():
        at = int(np.argmax(values != wide))
        raise StreamError(f"{where}: value {at} is {wide[at]}, which no {dtype} holds")
    return values
