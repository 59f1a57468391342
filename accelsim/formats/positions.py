"""Codecs that store nonzero values and, each in its own way, where they stand: a mask, coordinates, or pointers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import FormatError, StreamError, whole
from accelsim.formats.bits import Integers, clog2
from accelsim.formats.stream import (
    Array,
    Format,
    Section,
    Stream,
    check_width,
    densities,
    integers,
    matrix,
    nonzeros_of,
    numbers_of,
    section,
    sections_of,
    values_of,
    width_of,
)


def _check_values(value_bits: int | None) -> None:
    if value_bits is not None:
        check_width("a value", value_bits)


@dataclass(frozen=True)
class Dense:
    """Every value, zeros too: what the others are compared with.

    >>> Dense().encode(np.zeros((3, 4), dtype="int8")).bits
    96
    """

    value_bits: int | None = None

    def __post_init__(self) -> None:
        _check_values(self.value_bits)

    @property
    def name(self) -> str:
        """What tables call it."""
        return "dense"

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""
        values, width = integers(array, self.value_bits)
        parts = (section("values", values.reshape(-1), width),)
        return Stream(self, values.shape, str(values.dtype), parts, int(np.count_nonzero(values)) * width)

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""
        dtype, (part,) = sections_of(stream, self, ("values",))
        width = width_of(stream.dtype, self.value_bits)
        return values_of(self.name, part, width, math.prod(stream.shape), dtype).reshape(stream.shape)

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""
        values, width = integers(array, self.value_bits)
        return values.size * width

    def expected_bits(self, density: ArrayLike, shape: tuple[int, ...], dtype: str = "int16") -> float:
        """The same at any density."""
        return float(len(densities(density, shape)) * width_of(dtype, self.value_bits))


@dataclass(frozen=True)
class Bitmask:
    """One bit for each value, set where it is not zero, then the nonzeros in order.

    >>> stream = Bitmask().encode(np.array([0, 0, 5, 0, -1], dtype="int8"))
    >>> stream.bits, stream["mask"].data.hex()                         # 5 + 2 x 8; 00101 and three bits to the byte
    (21, '28')
    """

    value_bits: int | None = None

    def __post_init__(self) -> None:
        _check_values(self.value_bits)

    @property
    def name(self) -> str:
        """What tables call it."""
        return "bitmask"

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""
        values, width = integers(array, self.value_bits)
        flat = values.reshape(-1)
        mask = flat != 0
        parts = (Section("mask", len(flat), np.packbits(mask).tobytes()), section("values", flat[mask], width))
        return Stream(self, values.shape, str(values.dtype), parts, parts[-1].bits)

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""
        dtype, (bits, part) = sections_of(stream, self, ("mask", "values"))
        count = math.prod(stream.shape)
        if bits.bits != count:
            raise StreamError(
                f"{self.name} stream, mask: an array of {count} values needs {count} bits, got {bits.bits}"
            )
        mask = np.unpackbits(np.frombuffer(bits.data, np.uint8), count=count).view(np.bool_)
        width = width_of(stream.dtype, self.value_bits)
        out = np.zeros(count, dtype)
        out[mask] = nonzeros_of(self.name, part, width, int(np.count_nonzero(mask)), dtype)
        return out.reshape(stream.shape)

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""
        values, width = integers(array, self.value_bits)
        return values.size + int(np.count_nonzero(values)) * width

    def expected_bits(self, density: ArrayLike, shape: tuple[int, ...], dtype: str = "int16") -> float:
        """Mean size in bits of arrays whose values are nonzero with probability `density`, independently."""
        each = densities(density, shape)
        return len(each) + float(each.sum()) * width_of(dtype, self.value_bits)


@dataclass(frozen=True)
class COO:
    """How many nonzeros, then one coordinate list for each rank, then the values, all in row-major order.

    A rank of n coordinates takes ceil(log2 n) bits, the count of nonzeros as many as tell 0 to N apart.

    >>> array = np.zeros((4, 8), dtype="int16")
    >>> array[2, 5] = 9
    >>> [(part.name, part.bits) for part in COO().encode(array).sections]
    [('count', 6), ('rank 0', 2), ('rank 1', 3), ('values', 16)]
    """

    value_bits: int | None = None

    def __post_init__(self) -> None:
        _check_values(self.value_bits)

    @property
    def name(self) -> str:
        """What tables call it."""
        return "COO"

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""
        values, width = integers(array, self.value_bits)
        flat = values.reshape(-1)
        at = np.flatnonzero(flat)
        ranks = np.unravel_index(at, values.shape) if values.ndim and values.size else [at] * values.ndim
        parts = (
            section("count", np.array([len(at)]), clog2(values.size + 1)),
            *(section(f"rank {r}", where, clog2(values.shape[r])) for r, where in enumerate(ranks)),
            section("values", flat[at], width),
        )
        return Stream(self, values.shape, str(values.dtype), parts, parts[-1].bits)

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""
        shape = stream.shape
        names = ["count", *(f"rank {rank}" for rank in range(len(shape))), "values"]
        dtype, (first, *ranks, part) = sections_of(stream, self, names)
        size = math.prod(shape)
        count = int(numbers_of(self.name, first, clog2(size + 1), 1)[0])
        values = nonzeros_of(self.name, part, width_of(stream.dtype, self.value_bits), count, dtype)
        at = np.zeros(count, np.int64)
        for rank, where in enumerate(ranks):
            at = at * shape[rank] + _coordinates(self.name, where, shape[rank], count)
        _check_rising(self.name, at)
        out = np.zeros(size, dtype)
        out[at] = values
        return out.reshape(shape)

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""
        values, width = integers(array, self.value_bits)
        each = width + sum(map(clog2, values.shape))
        return clog2(values.size + 1) + int(np.count_nonzero(values)) * each

    def expected_bits(self, density: ArrayLike, shape: tuple[int, ...], dtype: str = "int16") -> float:
        """Mean size in bits of arrays whose values are nonzero with probability `density`, independently."""
        each = densities(density, shape)
        entry = width_of(dtype, self.value_bits) + sum(map(clog2, shape))
        return clog2(len(each) + 1) + float(each.sum()) * entry


def _coordinates(name: str, part: Section, size: int, count: int) -> NDArray[np.int64]:
    where = numbers_of(name, part, clog2(size), count).astype(np.int64)
    if (where >= size).any():
        at = int(np.argmax(where >= size))
        raise StreamError(f"{name} stream, {part.name}: coordinate {at} is {where[at]}, the rank ends at {size - 1}")
    return where


def _check_rising(name: str, at: Integers) -> None:
    if (at[1:] <= at[:-1]).any():
        where = int(np.argmax(at[1:] <= at[:-1])) + 1
        raise StreamError(f"{name} stream: coordinate {where} does not come after the one before it")


def _encode_rows(codec: Format, values: Array, table: Array, width: int) -> Stream:
    """Pointers to where each row begins, the column of each nonzero, and the nonzeros, row by row."""
    rows, columns = table.shape
    row, column = np.nonzero(table)
    pointers = np.zeros(rows + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=rows), out=pointers[1:])
    parts = (
        section("pointers", pointers, clog2(table.size + 1)),
        section("coordinates", column, clog2(columns)),
        section("values", table[row, column], width),
    )
    return Stream(codec, values.shape, str(values.dtype), parts, parts[-1].bits)


def _decode_rows(codec: Format, stream: Stream, rows: int, columns: int, value_bits: int | None) -> Array:
    dtype, (first, where, part) = sections_of(stream, codec, ("pointers", "coordinates", "values"))
    pointers = numbers_of(codec.name, first, clog2(rows * columns + 1), rows + 1).astype(np.int64)
    if pointers[0] or (pointers[1:] < pointers[:-1]).any():
        at = 0 if pointers[0] else int(np.argmax(pointers[1:] < pointers[:-1])) + 1
        raise StreamError(f"{codec.name} stream, pointer {at} is {pointers[at]}: pointers start at 0 and never fall")
    count = int(pointers[-1])
    values = nonzeros_of(codec.name, part, width_of(stream.dtype, value_bits), count, dtype)
    row = np.repeat(np.arange(rows), np.diff(pointers))
    places = row * columns + _coordinates(codec.name, where, columns, count)
    _check_rising(codec.name, places)
    out = np.zeros(rows * columns, dtype)
    out[places] = values
    return out.reshape(rows, columns)


def _rows_bits(rows: int, columns: int, nonzeros: float, width: int) -> float:
    return (rows + 1) * clog2(rows * columns + 1) + nonzeros * (width + clog2(columns))


@dataclass(frozen=True)
class CSR:
    """Compressed sparse rows: rows + 1 pointers, then the column of each nonzero, then the nonzeros.

    The last rank of the array is the columns, all ranks before it together are the rows. A pointer tells 0 to N
    apart, a column takes ceil(log2 columns) bits.

    >>> stream = CSR().encode(np.array([[0, 5, 0], [0, 0, 0], [7, 0, 8]], dtype="int8"))
    >>> [(part.name, part.bits) for part in stream.sections]           # 4 pointers of 4 bits, 3 columns of 2
    [('pointers', 16), ('coordinates', 6), ('values', 24)]
    """

    value_bits: int | None = None

    def __post_init__(self) -> None:
        _check_values(self.value_bits)

    @property
    def name(self) -> str:
        """What tables call it."""
        return "CSR"

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""
        values, width = integers(array, self.value_bits)
        return _encode_rows(self, values, values.reshape(matrix(values.shape)), width)

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""
        rows, columns = matrix(stream.shape)
        return _decode_rows(self, stream, rows, columns, self.value_bits).reshape(stream.shape)

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""
        values, width = integers(array, self.value_bits)
        return int(_rows_bits(*matrix(values.shape), int(np.count_nonzero(values)), width))

    def expected_bits(self, density: ArrayLike, shape: tuple[int, ...], dtype: str = "int16") -> float:
        """Mean size in bits of arrays whose values are nonzero with probability `density`, independently."""
        nonzeros = float(densities(density, shape).sum())
        return _rows_bits(*matrix(shape), nonzeros, width_of(dtype, self.value_bits))


@dataclass(frozen=True)
class CSC:
    """Compressed sparse columns: CSR of the transposed matrix, with columns + 1 pointers and the row of each nonzero.

    >>> stream = CSC().encode(np.array([[0, 5, 0], [7, 0, 8]], dtype="int8"))
    >>> [(part.name, part.bits) for part in stream.sections]           # 4 pointers of 3 bits, 3 rows of 1
    [('pointers', 12), ('coordinates', 3), ('values', 24)]
    """

    value_bits: int | None = None

    def __post_init__(self) -> None:
        _check_values(self.value_bits)

    @property
    def name(self) -> str:
        """What tables call it."""
        return "CSC"

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""
        values, width = integers(array, self.value_bits)
        return _encode_rows(self, values, values.reshape(matrix(values.shape)).T, width)

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""
        rows, columns = matrix(stream.shape)
        return _decode_rows(self, stream, columns, rows, self.value_bits).T.reshape(stream.shape)

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""
        values, width = integers(array, self.value_bits)
        return int(_rows_bits(*matrix(values.shape)[::-1], int(np.count_nonzero(values)), width))

    def expected_bits(self, density: ArrayLike, shape: tuple[int, ...], dtype: str = "int16") -> float:
        """Mean size in bits of arrays whose values are nonzero with probability `density`, independently."""
        nonzeros = float(densities(density, shape).sum())
        return _rows_bits(*matrix(shape)[::-1], nonzeros, width_of(dtype, self.value_bits))


@dataclass(frozen=True)
class Structured:
    """At most `keep` nonzeros in every `of` values along the last rank: 2:4 by default.

    Each group stores `keep` values and `keep` positions of ceil(log2 of) bits, rising within the group, whether it
    has that many nonzeros or not; the places of missing ones are taken by the first zeros of the group. The size
    follows from the shape alone. An array that breaks the pattern raises FormatError with the first group that does.

    >>> Structured().encode(np.array([0, 3, 0, -4, 0, 0, 0, 9], dtype="int8")).bits        # 2 groups x 2 x (8 + 2)
    40
    >>> Structured().encode(np.array([1, 2, 3, 0]))
    Traceback (most recent call last):
    accelsim.errors.FormatError: 2:4 allows 2 nonzeros in 4 values, group 0 (1, 2, 3, 0) has 3; prune the array first
    """

    keep: int = 2
    of: int = 4
    value_bits: int | None = None

    def __post_init__(self) -> None:
        _check_values(self.value_bits)
        if not whole(self.keep) or not whole(self.of) or not 1 <= self.keep <= self.of:
            raise FormatError(f"{self.keep!r} of {self.of!r} values is no pattern; keep at least 1 and at most all")

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.keep}:{self.of}"

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""
        values, width = integers(array, self.value_bits)
        groups = self._groups(values)
        at = kept(groups, self.keep)
        parts = (
            section("positions", at.reshape(-1), clog2(self.of)),
            section("values", np.take_along_axis(groups, at, axis=1).reshape(-1), width),
        )
        return Stream(self, values.shape, str(values.dtype), parts, int(np.count_nonzero(values)) * width)

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""
        dtype, (where, part) = sections_of(stream, self, ("positions", "values"))
        width, size = width_of(stream.dtype, self.value_bits), math.prod(stream.shape)
        if size % self.of or matrix(stream.shape)[1] % self.of:
            raise StreamError(f"{self.name} stream: no array of {stream.shape} is cut into groups of {self.of}")
        stored = size // self.of * self.keep
        at = _coordinates(self.name, where, self.of, stored).reshape(-1, self.keep)
        values = values_of(self.name, part, width, stored, dtype).reshape(-1, self.keep)
        out = np.zeros((size // self.of, self.of), dtype)
        np.put_along_axis(out, at, values, axis=1)
        self._check_fillers(out, at)
        return out.reshape(stream.shape)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if matrix(shape)[1] % self.of:
            raise FormatError(
                f"{self.name} cuts the last rank into groups of {self.of}, which do not divide its "
                f"{matrix(shape)[1]} values; pad it with zeros"
            )

    def _groups(self, values: Array) -> Array:
        self._check_shape(values.shape)
        groups = values.reshape(-1, self.of)
        crowded = np.count_nonzero(groups, axis=1) > self.keep
        if crowded.any():
            at = int(np.argmax(crowded))
            raise FormatError(
                f"{self.name} allows {self.keep} nonzeros in {self.of} values, group {at} "
                f"({', '.join(map(str, groups[at]))}) has {np.count_nonzero(groups[at])}; prune the array first"
            )
        return groups

    def _check_fillers(self, groups: Array, at: NDArray[np.int64]) -> None:
        wrong = (kept(groups, self.keep) != at).any(axis=1)
        if wrong.any():
            raise StreamError(f"{self.name} stream, group {int(np.argmax(wrong))}: not its nonzeros and first zeros")

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""
        values, width = integers(array, self.value_bits)
        return len(self._groups(values)) * self.keep * (width + clog2(self.of))

    def expected_bits(self, density: ArrayLike, shape: tuple[int, ...], dtype: str = "int16") -> float:
        """The size of every array that keeps the pattern, whatever its density."""
        size = len(densities(density, shape))
        self._check_shape(shape)
        return float(size // self.of * self.keep * (width_of(dtype, self.value_bits) + clog2(self.of)))


def kept(groups: Array, keep: int) -> NDArray[np.int64]:
    """The positions stored of each group: its nonzeros, then its first zeros, in rising order."""
    first = np.argsort(groups == 0, axis=1, kind="stable")[:, :keep]
    kept: NDArray[Any] = np.sort(first, axis=1)
    return kept.astype(np.int64)
