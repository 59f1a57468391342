"""One picture of all formats: a tensor as a tree of fibers, and each format as a way to store each rank.

A fiber is a row of coordinates, each with a payload: a fiber of the next rank, or in the last rank a value. Formats
differ in how ranks are flattened together, in what order they come, and in how a rank's coordinates are written: all
of them (uncompressed), as a mask, as coordinates, or as runs; pointers say where a fiber of the next rank begins.
(Sze, Chen, Yang, Emer, "Efficient Processing of Deep Neural Networks", 2020, chapter 8.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from accelsim.formats.huffman import Huffman
from accelsim.formats.positions import COO, CSC, CSR, Bitmask, Structured, kept
from accelsim.formats.runs import EyerissRLC, RunLength, run_pairs
from accelsim.formats.stream import Array, Stream, decode, matrix

Coordinate = int | tuple[int, ...]


@dataclass(frozen=True)
class Rank:
    """A rank as a format stores it: name, how many coordinates there could be, how they are written, and their bits."""

    name: str
    size: int
    stored: str
    bits: int


@dataclass(frozen=True)
class Fiber:
    """Coordinates and, for each, its payload: a fiber of the next rank or a value."""

    coordinates: tuple[Coordinate, ...]
    payloads: tuple[Fiber | int, ...]

    def lines(self, ranks: tuple[Rank, ...]) -> list[str]:
        """The fiber as text, one coordinate a line, the next rank indented."""
        text = []
        for coordinate, payload in zip(self.coordinates, self.payloads, strict=True):
            if isinstance(payload, Fiber):
                text += [f"{ranks[0].name} {coordinate}", *(f"  {line}" for line in payload.lines(ranks[1:]))]
            else:
                text.append(f"{ranks[0].name} {coordinate}: {payload}")
        return text


@dataclass(frozen=True)
class Fibertree:
    """A stream as a tree: its ranks, outermost first, the bits of its values, and the root fiber.

    The bits of ranks and values are those of the stream. Printed, it is a line for each rank and then the fibers.
    """

    format: str
    ranks: tuple[Rank, ...]
    value_bits: int
    root: Fiber

    @property
    def bits(self) -> int:
        """All bits: those of every rank and of the values."""
        return sum(rank.bits for rank in self.ranks) + self.value_bits

    def __str__(self) -> str:
        ranks = [f"rank {rank.name} of {rank.size}: {rank.stored}, {rank.bits} bits" for rank in self.ranks]
        return "\n".join([self.format, *ranks, f"values: {self.value_bits} bits", *self.root.lines(self.ranks)])


def fibertree(stream: Stream) -> Fibertree:
    """The tree of a stream of any format; raises StreamError where the stream holds no array.

    Zeros appear where a format stores them: all of them where a rank is uncompressed down to the values, the filler
    levels of run lengths, the unused places of 2:4.

    >>> print(fibertree(CSR().encode(np.array([[0, 5, 0], [0, 0, 0], [7, 0, 8]], dtype="int8"))))
    CSR
    rank row of 3: uncompressed, pointers, 16 bits
    rank column of 3: coordinates, 6 bits
    values: 24 bits
    row 0
      column 1: 5
    row 1
    row 2
      column 0: 7
      column 2: 8
    >>> print(fibertree(RunLength(run_bits=2).encode(np.array([0, 0, 0, 0, 0, 7], dtype="int8"))))
    run-length 2
    rank position of 6: runs, 4 bits
    values: 16 bits
    position 3: 0
    position 5: 7
    """
    array = decode(stream)
    match stream.format:
        case CSR():
            return _rows(stream, array.reshape(matrix(array.shape)), ("row", "column"))
        case CSC():
            return _rows(stream, array.reshape(matrix(array.shape)).T, ("column", "row"))
        case Structured() as pattern:
            return _groups(stream, array, pattern)
        case COO():
            return _tuples(stream, array)
        case Bitmask():
            return _flat(stream, array, "mask", np.flatnonzero(array), stream["mask"].bits)
        case RunLength() | EyerissRLC():
            runs, levels = run_pairs(array.reshape(-1), stream.format.run_bits)
            width = stream.format.value_bits or array.dtype.itemsize * 8
            ends = np.cumsum(runs.astype(np.int64) + 1) - 1
            return _flat(stream, array, "runs", ends, stream.bits - len(levels) * width)
        case Huffman():
            table = stream.bits - stream["codes"].bits
            return _flat(stream, array, "uncompressed, code table", np.arange(array.size), table)
        case _:
            return _nested(stream, array)


def _flat(stream: Stream, array: Array, stored: str, at: Array, bits: int) -> Fibertree:
    """All ranks flattened into one."""
    flat = array.reshape(-1)
    rank = Rank("position", flat.size, stored, bits)
    root = Fiber(tuple(at.tolist()), tuple(flat[at].tolist()))
    return Fibertree(stream.format.name, (rank,), stream.bits - bits, root)


def _tuples(stream: Stream, array: Array) -> Fibertree:
    """All ranks flattened into one whose coordinates are tuples."""
    values = stream["values"].bits
    rank = Rank("point", array.size, "count, coordinates", stream.bits - values)
    at = tuple(tuple(where) for where in np.argwhere(array).tolist())
    return Fibertree("COO", (rank,), values, Fiber(at, tuple(array[array != 0].tolist())))


def _rows(stream: Stream, table: Array, names: tuple[str, str]) -> Fibertree:
    ranks = (
        Rank(names[0], table.shape[0], "uncompressed, pointers", stream["pointers"].bits),
        Rank(names[1], table.shape[1], "coordinates", stream["coordinates"].bits),
    )
    inner = tuple(Fiber(tuple(np.flatnonzero(row).tolist()), tuple(row[row != 0].tolist())) for row in table)
    return Fibertree(stream.format.name, ranks, stream["values"].bits, Fiber(tuple(range(len(table))), inner))


def _groups(stream: Stream, array: Array, pattern: Structured) -> Fibertree:
    groups = array.reshape(-1, pattern.of)
    ranks = (
        Rank("group", len(groups), "uncompressed", 0),
        Rank("position", pattern.of, "coordinates", stream["positions"].bits),
    )
    pairs = zip(groups, kept(groups, pattern.keep), strict=True)
    inner = tuple(Fiber(tuple(at.tolist()), tuple(group[at].tolist())) for group, at in pairs)
    return Fibertree(stream.format.name, ranks, stream["values"].bits, Fiber(tuple(range(len(groups))), inner))


def _nested(stream: Stream, array: Array) -> Fibertree:
    """Every rank uncompressed."""
    table: Array = array.reshape(array.shape or (1,))
    ranks = tuple(Rank(f"rank {at}", size, "uncompressed", 0) for at, size in enumerate(table.shape))
    return Fibertree(stream.format.name, ranks, stream.bits, _whole(table))


def _whole(table: Array) -> Fiber:
    within = table.tolist() if table.ndim == 1 else [_whole(part) for part in table]
    return Fiber(tuple(range(math.prod(table.shape[:1]))), tuple(within))
