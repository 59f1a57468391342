"""What every codec shares: the encoded stream as a value, and the checks on arrays, streams and densities."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import FormatError, StreamError, whole
from accelsim.formats.bits import Integers, Unsigned, byte_count, pack, signed, unpack

Array = NDArray[np.integer[Any]]
Density = NDArray[np.float64]
TYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class Format(Protocol):
    """What a codec can do. Shapes and integer types are known to both sides and are not counted; all else is."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""

    def expected_bits(self, density: ArrayLike, shape: tuple[int, ...], dtype: str = "int16") -> float:
        """Mean size in bits of arrays whose values are nonzero with probability `density`, independently."""


@dataclass(frozen=True)
class Section:
    """One field of a stream: its name, its exact size, and its bits, most significant first, filled up to a byte."""

    name: str
    bits: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Stream:
    """An encoded array.

    shape, dtype: of the array; a decoder is told them with the layer, so they cost nothing.
    sections: what is stored, field by field. payload_bits: how many of the bits are the values of nonzeros.
    """

    format: Format
    shape: tuple[int, ...]
    dtype: str
    sections: tuple[Section, ...]
    payload_bits: int

    @property
    def bits(self) -> int:
        """Everything stored, metadata and padding included."""
        return sum(section.bits for section in self.sections)

    @property
    def metadata_bits(self) -> int:
        """Everything stored but the values of nonzeros: where they are, stored zeros, tables, flags and padding."""
        return self.bits - self.payload_bits

    @property
    def raw_bits(self) -> int:
        """The array as it was: every value at the width of its type."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize * 8

    def __getitem__(self, name: str) -> Section:
        """The section of that name. Raises `StreamError` for an unknown one."""
        for section in self.sections:
            if section.name == name:
                return section
        names = [section.name for section in self.sections]
        raise StreamError(f"{self.format.name} stream: no section {name!r}; it has {', '.join(names)}")


def decode(stream: Stream) -> Array:
    """The array that a stream of any format holds.

    >>> from accelsim.formats import Bitmask
    >>> decode(Bitmask().encode(np.array([0, -7, 0], dtype="int8")))
    array([ 0, -7,  0], dtype=int8)
    """
    return stream.format.decode(stream)


def integers(array: ArrayLike, value_bits: int | None = None) -> tuple[Array, int]:
    """An array of whole numbers in this machine's byte order, and the bits each value takes.

    Raises FormatError for other types, and for values that do not fit `value_bits` (two's complement where the
    type has a sign).
    """
    values = np.asarray(array)
    if values.dtype.kind not in "iu":
        raise FormatError(f"formats store whole numbers, got {values.dtype}; quantise to an integer type first")
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    width = values.dtype.itemsize * 8 if value_bits is None else value_bits
    if width < values.dtype.itemsize * 8 and values.size:
        low, high = limits(width, values.dtype)
        least, most = int(values.min()), int(values.max())
        if least < low or most > high:
            raise FormatError(
                f"{values.dtype} values from {least} to {most} do not fit {width} bits, which hold {low} to {high}; "
                "quantise or give more bits"
            )
    return values, width


def limits(width: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Least and largest value of `width` bits, signed as the type is.

    >>> limits(4, np.dtype("int8")), limits(4, np.dtype("uint8"))
    ((-8, 7), (0, 15))
    """
    return (0, 2**width - 1) if dtype.kind == "u" else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)


def check_width(what: str, bits: object, least: int = 1, most: int = 64) -> None:
    """Raise FormatError unless `bits` is a whole number in range."""
    if not whole(bits) or not least <= int(bits) <= most:  # type: ignore[call-overload]
        raise FormatError(f"{what} needs {least} to {most} bits, got {bits!r}")


def width_of(dtype: str, value_bits: int | None) -> int:
    """Bits a value takes: what was asked for, or the type's own."""
    if dtype not in TYPES:
        raise FormatError(f"formats store whole numbers, got {dtype!r}; use one of {', '.join(TYPES)}")
    return np.dtype(dtype).itemsize * 8 if value_bits is None else value_bits


def section(name: str, numbers: Integers, width: int) -> Section:
    """A section of numbers of one width."""
    return Section(name, len(numbers) * width, pack(numbers, width))


def sections_of(stream: Stream, owner: Format, names: Iterable[str]) -> tuple[np.dtype[Any], list[Section]]:
    """The sections a codec is about to read, each as long as it says; StreamError otherwise."""
    if stream.format != owner:
        raise StreamError(f"{owner.name} cannot read a stream of {stream.format.name}; use {stream.format!r}")
    _check_form(owner.name, stream)
    expected, found = list(names), [part.name for part in stream.sections]
    if expected != found:
        raise StreamError(f"{owner.name} stream needs sections {expected}, got {found}")
    for part in stream.sections:
        check_section(owner.name, part)
    return np.dtype(stream.dtype), list(stream.sections)


def _check_form(name: str, stream: Stream) -> None:
    if not all(whole(size) and size >= 0 for size in stream.shape) or math.prod(stream.shape) >= 2**63:
        raise StreamError(f"{name} stream: no array has the shape {stream.shape}")
    if stream.dtype not in TYPES:
        raise StreamError(
            f"{name} stream: no whole numbers are of type {stream.dtype!r}; use one of {', '.join(TYPES)}"
        )


def check_section(name: str, part: Section) -> None:
    """Raise StreamError unless a section's bytes are as many as its bits, and filled up with zeros."""
    if len(part.data) != byte_count(part.bits):
        raise StreamError(
            f"{name} stream, {part.name}: {part.bits} bits need {byte_count(part.bits)} bytes, "
            f"got {len(part.data)}; it was cut or grew"
        )
    spare = -part.bits % 8
    if spare and part.data[-1] & (1 << spare) - 1:
        raise StreamError(f"{name} stream, {part.name}: bits after bit {part.bits} are not zero")


def numbers_of(name: str, part: Section, width: int, count: int) -> Unsigned:
    """The numbers of a section; StreamError unless they are exactly `count` of `width` bits."""
    if part.bits != count * width:
        raise StreamError(
            f"{name} stream, {part.name}: {count} numbers of {width} bits need {count * width} bits, got {part.bits}"
        )
    return unpack(part.data, width, count)


def values_of(name: str, part: Section, width: int, count: int, dtype: np.dtype[Any]) -> Array:
    """The values of a section as the array's type; StreamError where they are not `count` values of that type."""
    return signed(f"{name} stream, {part.name}", numbers_of(name, part, width, count), width, dtype)


def nonzeros_of(name: str, part: Section, width: int, count: int, dtype: np.dtype[Any]) -> Array:
    """The same where only nonzeros are stored; StreamError where one is zero."""
    values = values_of(name, part, width, count, dtype)
    if not values.all():
        at = int(np.argmax(values == 0))
        raise StreamError(f"{name} stream, {part.name}: value {at} (bit {at * width}) is 0; only nonzeros are stored")
    return values


def densities(density: ArrayLike, shape: tuple[int, ...]) -> Density:
    """One density for each value of an array of this shape, flat, from one number or anything that broadcasts.

    >>> densities([0.5, 1], (2, 2))
    array([0.5, 1. , 0.5, 1. ])
    """
    try:
        given = np.asarray(density, np.float64)
    except (TypeError, ValueError):
        raise FormatError(f"a density is a number from 0 to 1, or an array of them, got {density!r}") from None
    if not ((given >= 0) & (given <= 1)).all():
        raise FormatError(f"a density lies between 0 and 1, got {density!r}")
    if not isinstance(shape, (tuple, list)) or not all(whole(size) and size >= 0 for size in shape):
        raise FormatError(f"a shape is a tuple of whole numbers of 0 or more, got {shape!r}")
    try:
        return np.broadcast_to(given, shape).reshape(-1)
    except ValueError:
        raise FormatError(f"densities of shape {given.shape} do not spread over an array of {shape}") from None


def matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """The array as rows and columns: the last rank is the columns, all ranks before it together the rows.

    >>> matrix((2, 3, 4)), matrix((5,)), matrix(())
    ((6, 4), (1, 5), (1, 1))
    """
    return math.prod(shape[:-1]), shape[-1] if shape else 1
