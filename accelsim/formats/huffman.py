"""Huffman codes on the values of an array: short codes for the common ones, and a table that says which."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import FormatError, StreamError
from accelsim.formats.bits import Integers, Unsigned, byte_count, clog2
from accelsim.formats.stream import (
    Array,
    Density,
    Section,
    Stream,
    check_width,
    densities,
    integers,
    limits,
    numbers_of,
    section,
    sections_of,
    values_of,
    width_of,
)

LENGTH_BITS = 6  # code lengths 0 to 63: a code of 64 bits would need an array of 10**13 values
PIECE = 1 << 16


def code_lengths(counts: ArrayLike) -> NDArray[np.int64]:
    """Code length of each symbol, given how often it occurs; the only symbol of an array needs none.

    >>> code_lengths([45, 13, 12, 16, 9, 5]).tolist()
    [1, 3, 3, 3, 4, 4]
    >>> code_lengths([7]).tolist()
    [0]
    """
    weights = np.asarray(counts)
    order = np.argsort(weights, kind="stable")
    parent = _merge(weights[order].tolist())
    depth = [0] * len(parent)
    for node in range(len(parent) - 2, -1, -1):
        depth[node] = depth[parent[node]] + 1
    lengths = np.zeros(len(weights), np.int64)
    lengths[order] = depth[: len(weights)]
    return lengths


def _merge(weights: list[float]) -> list[int]:
    """The parent of each node of the code tree: leaves first, lightest first, then inner nodes as they are made."""
    leaves = len(weights)
    nodes, parent = list(weights), [0] * max(2 * leaves - 1, 0)
    leaf, inner = 0, leaves
    for node in range(leaves, 2 * leaves - 1):
        total = nodes[0] * 0
        for _ in range(2):
            if leaf < leaves and (inner >= node or nodes[leaf] <= nodes[inner]):
                lightest, leaf = leaf, leaf + 1
            else:
                lightest, inner = inner, inner + 1
            parent[lightest] = node
            total += nodes[lightest]
        nodes.append(total)
    return parent


def _starts(lengths: Integers) -> NDArray[np.uint64]:
    """Canonical codes at the top of 64 bits: each is where the codes before it, shorter or equal, end."""
    if len(lengths) < 2:
        return np.zeros(len(lengths), np.uint64)
    room = np.uint64(1) << (64 - lengths).astype(np.uint64)
    starts = np.zeros(len(lengths), np.uint64)
    np.cumsum(room[:-1], out=starts[1:])
    return starts


@dataclass(frozen=True)
class Huffman:
    """Canonical Huffman codes of all values, zeros among them, behind a table of the symbols and their code lengths.

    Deep Compression (Han, Mao, Dally, ICLR 2016) codes the quantised weights so. Stored: how many symbols (as many
    bits as tell 0 to N apart), the symbols in the order of their codes, 6 bits of code length for each, the codes.
    Lengths give canonical codes back, so the codes themselves are not in the table. An array of one value has a
    table and no codes.

    >>> stream = Huffman().encode(np.array([0, 0, 0, 0, 5, -5, 0, 5], dtype="int8"))
    >>> [(part.name, part.bits) for part in stream.sections]           # 0 takes 1 bit, 5 and -5 two each
    [('count', 4), ('symbols', 24), ('lengths', 18), ('codes', 11)]
    """

    value_bits: int | None = None

    def __post_init__(self) -> None:
        if self.value_bits is not None:
            check_width("a value", self.value_bits)

    @property
    def name(self) -> str:
        """What tables call it."""
        return "Huffman"

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""
        values, width = integers(array, self.value_bits)
        symbols, which, counts = np.unique(values.reshape(-1), return_inverse=True, return_counts=True)
        lengths = code_lengths(counts)
        order = np.lexsort((symbols, lengths))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        parts = (
            section("count", np.array([len(symbols)]), clog2(values.size + 1)),
            section("symbols", symbols[order], width),
            section("lengths", lengths[order], LENGTH_BITS),
            _codes(place[which.reshape(-1)], lengths[order]),
        )
        zeros = int((lengths * counts)[symbols == 0].sum())
        return Stream(self, values.shape, str(values.dtype), parts, parts[-1].bits - zeros)

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""
        dtype, (first, second, third, codes) = sections_of(stream, self, ("count", "symbols", "lengths", "codes"))
        size, width = math.prod(stream.shape), width_of(stream.dtype, self.value_bits)
        count = int(numbers_of(self.name, first, clog2(size + 1), 1)[0])
        symbols = values_of(self.name, second, width, count, dtype)
        lengths = numbers_of(self.name, third, LENGTH_BITS, count).astype(np.int64)
        _check_table(symbols, lengths, size)
        which = _read_codes(codes, lengths, size)
        _check_counts(symbols, lengths, np.bincount(which, minlength=count))
        return symbols[which].reshape(stream.shape)

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""
        values, width = integers(array, self.value_bits)
        _, counts = np.unique(values, return_counts=True)
        table = len(counts) * (width + LENGTH_BITS) + clog2(values.size + 1)
        return table + int((code_lengths(counts) * counts).sum())

    def expected_bits(
        self,
        density: ArrayLike,
        shape: tuple[int, ...],
        dtype: str = "int16",
        values: Mapping[int, float] | None = None,
    ) -> float:
        """Mean size in bits under the code that fits the probabilities: `values` gives them for each nonzero value.

        An array's own code fits its counts and is never longer, so the mean of real sizes lies at or a little below;
        it is equal where samples do not change the code. Without `values` all nonzeros are alike likely, which
        needs values of at most 16 bits.
        """
        width = width_of(dtype, self.value_bits)
        chances = _chances(width, dtype, values)
        each = densities(density, shape)
        counts = np.append(chances * each.sum(), (1 - each).sum())
        table = _expected_symbols(chances, each) * (width + LENGTH_BITS) + clog2(len(each) + 1)
        counts = counts[counts > 0]
        return float(table + (code_lengths(counts) * counts).sum())


def _chances(width: int, dtype: str, values: Mapping[int, float] | None) -> Density:
    if values is None:
        if width > 16:
            raise FormatError(
                f"Huffman over all {width}-bit values has no finite table; give the values' probabilities"
            )
        return np.full(2**width - 1, 1 / (2**width - 1))
    low, high = limits(width, np.dtype(dtype))
    chances = np.array(list(values.values()), np.float64)
    if 0 in values or (chances < 0).any() or abs(chances.sum() - 1) > 1e-9 or min(values) < low or max(values) > high:
        raise FormatError(
            f"values need probabilities of nonzeros from {low} to {high} that add up to 1, got {dict(values)!r}"
        )
    return chances


def _expected_symbols(chances: Density, each: Density) -> float:
    """Mean number of different values in an array: each is there unless missed everywhere."""
    kinds, times = np.unique(each, return_counts=True)
    missed = np.ones(len(chances))
    for density, count in zip(kinds, times, strict=True):
        missed *= (1 - chances * density) ** count
    zero_missed = float(np.prod(each)) if len(each) else 1.0
    return float((1 - missed).sum()) + 1 - zero_missed


def _codes(which: Integers, lengths: Integers) -> Section:
    """The codes of the symbols named, one after another."""
    widths = lengths[which]
    ends = np.cumsum(widths)
    bits = int(ends[-1]) if len(ends) else 0
    if not bits:
        return Section("codes", 0, b"")
    words = np.zeros(bits // 64 + 2, np.uint64)
    codes, starts = _starts(lengths)[which], ends - widths
    word, shift = starts >> 6, (starts & 63).astype(np.uint64)
    first = np.flatnonzero(np.diff(word, prepend=-1))
    words[word[first]] = np.bitwise_or.reduceat(codes >> shift, first)
    over = np.flatnonzero((starts & 63) + widths > 64)  # at most one code reaches into any word
    words[word[over] + 1] |= codes[over] << (np.uint64(64) - shift[over])
    return Section("codes", bits, words.astype(">u8").tobytes()[: byte_count(bits)])


def _check_table(symbols: Array, lengths: Integers, size: int) -> None:
    if not len(symbols):
        if size:
            raise StreamError(f"Huffman stream: a table without symbols for an array of {size} values")
        return
    if len(np.unique(symbols)) < len(symbols):
        raise StreamError("Huffman stream, symbols: one stands there twice")
    if (np.lexsort((symbols, lengths)) != np.arange(len(symbols))).any():
        raise StreamError("Huffman stream, symbols: not in the order of their codes")
    if sum(1 << (64 - length) for length in lengths.tolist()) != 1 << 64:
        raise StreamError("Huffman stream, lengths: codes of these lengths do not fill a code tree")


def _check_counts(symbols: Array, lengths: Integers, counts: Integers) -> None:
    order = np.argsort(symbols)
    if not counts.all() or (code_lengths(counts[order]) != lengths[order]).any():
        raise StreamError("Huffman stream, lengths: not the code of the values that follow")


def _read_codes(part: Section, lengths: Integers, size: int) -> NDArray[np.int64]:
    """Which symbol each code is; StreamError unless exactly `size` codes fill the section."""
    if len(lengths) < 2:
        if part.bits:
            raise StreamError(f"Huffman stream, codes: one symbol needs no bits, got {part.bits}")
        return np.zeros(size, np.int64)
    starts = _starts(lengths)
    found, at = [np.zeros(0, np.int64)], 0
    for piece in range(0, part.bits, PIECE):
        windows = _windows(part.data, piece, min(PIECE, part.bits - piece))
        # the symbol whose code begins at each bit, whether a code begins there or not
        each = np.searchsorted(starts, windows, side="right") - 1
        begins, at = _walk(lengths[each].tolist(), at)
        found.append(each[begins])
    which = np.concatenate(found)
    if at or len(which) != size:
        raise StreamError(
            f"Huffman stream, codes: {part.bits} bits hold {len(which)} codes"
            f"{', the last one cut short' if at else ''}; the array needs {size}"
        )
    return which


def _windows(data: bytes, start: int, count: int) -> Unsigned:
    """The 64 bits that begin at each of `count` bits from `start`, which lies on a word's edge."""
    words = -(-count // 64) + 1
    stored = np.frombuffer(data[start // 8 :][: words * 8].ljust(words * 8, b"\0"), ">u8").astype(np.uint64)
    shift = np.arange(64, dtype=np.uint64)
    windows = stored[:-1, None] << shift
    windows[:, 1:] |= stored[1:, None] >> (np.uint64(64) - shift[1:])
    return windows.reshape(-1)[:count]


def _walk(steps: list[int], at: int) -> tuple[list[int], int]:
    """The bits at which codes begin, following each to the next, and how far the last reaches beyond the piece."""
    begins = []
    while at < len(steps):
        begins.append(at)
        at += steps[at]
    return begins, at - len(steps)
