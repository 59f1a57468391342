"""Zeros as run lengths: pairs of how many zeros come first, and the value after them.

Both codecs here walk the array in row-major order and write pairs (run, level): `run` zeros, then one value. A run
field of `w` bits counts to 2**w - 1. When that many zeros are followed by one more, the pair is (2**w - 1, 0): its
level is that zero, so a full pair covers 2**w zeros and the count starts again. Zeros left at the end are one more
pair whose level is the last of them. A level of zero therefore stands only after a full run or in the last pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import StreamError
from accelsim.formats.bits import Integers, pieces, signed
from accelsim.formats.stream import (
    Array,
    Density,
    Stream,
    check_width,
    densities,
    integers,
    numbers_of,
    section,
    sections_of,
    values_of,
    width_of,
)

Runs = NDArray[np.uint32]
PIECE = 1 << 16


def run_pairs(flat: Array, run_bits: int) -> tuple[Runs, Array]:
    """The runs and levels of a flat array.

    >>> runs, levels = run_pairs(np.array([0, 0, 12, 0, 0, 0, 0, 53, 0, 0, 22], dtype="int16"), 5)
    >>> runs, levels
    (array([2, 4, 2], dtype=uint32), array([12, 53, 22], dtype=int16))
    >>> run_pairs(np.array([0, 0, 0, 0, 0, 7, 0]), 2)                  # four zeros fill a pair of a 2-bit run
    (array([3, 1, 0], dtype=uint32), array([0, 7, 0]))
    """
    parts, pending = [], 0
    for piece in pieces(len(flat), PIECE):
        part, pending = _piece_pairs(flat[piece], pending, 1 << run_bits)
        parts.append(part)
    full, rest = divmod(pending, 1 << run_bits)
    tail = np.full(full + (rest > 0), (1 << run_bits) - 1, np.uint32)
    if rest:
        tail[-1] = rest - 1
    parts.append((tail, np.zeros(len(tail), flat.dtype)))
    return np.concatenate([runs for runs, _ in parts]), np.concatenate([levels for _, levels in parts])


def _piece_pairs(flat: Array, pending: int, cover: int) -> tuple[tuple[Runs, Array], int]:
    """The pairs that end in a piece of the array, and the zeros still pending after it."""
    at = np.flatnonzero(flat)
    if not len(at):
        return (np.zeros(0, np.uint32), flat[:0]), pending + len(flat)
    left = len(flat) - 1 - int(at[-1])
    if len(at) == len(flat) and not pending:
        return (np.zeros(len(at), np.uint32), flat), 0
    levels = flat[at]
    zeros = np.empty(len(at), np.int64)
    zeros[0] = at[0] + pending
    np.subtract(at[1:], at[:-1], out=zeros[1:])
    zeros[1:] -= 1
    if zeros.max() < cover:
        return (zeros.astype(np.uint32), levels), left
    ends = np.cumsum(zeros // cover + 1) - 1
    runs = np.full(int(ends[-1]) + 1, cover - 1, np.uint32)
    spread = np.zeros(len(runs), flat.dtype)
    runs[ends], spread[ends] = zeros % cover, levels
    return (runs, spread), left


def pair_count(flat: Array, run_bits: int) -> int:
    """How many pairs a flat array takes.

    >>> pair_count(np.array([0, 0, 0, 0, 0, 7, 0]), 2)
    3
    """
    cover = 1 << run_bits
    at = np.flatnonzero(flat)
    zeros = np.diff(at, prepend=-1) - 1
    left = len(flat) - 1 - int(at[-1]) if len(at) else len(flat)
    return len(at) + int((zeros // cover).sum()) - -left // cover


def spread_pairs(name: str, runs: Integers, levels: Array, size: int, run_bits: int) -> Array:
    """A flat array of `size` values from its pairs; StreamError unless they fill it, written as a coder writes."""
    _check_total(name, runs, size)
    out, start = np.zeros(size, levels.dtype), 0
    for piece in pieces(len(runs), PIECE):
        some = runs[piece]
        if levels[piece].all() and not some.any():
            out[start : start + len(some)] = levels[piece]
            start += len(some)
            continue
        _refuse_early_zeros(name, some, levels[piece], piece, len(runs), (1 << run_bits) - 1)
        ends = np.cumsum(some, dtype=np.int64)
        ends += np.arange(start, start + len(ends))
        start = int(ends[-1]) + 1
        out[ends] = levels[piece]
    return out


def _check_total(name: str, runs: Integers, size: int) -> None:
    held = int(runs.sum(dtype=np.int64)) + len(runs)
    if held < size:
        raise StreamError(f"{name} stream: its {len(runs)} pairs hold {held} values, the array needs {size}")
    if held > size:
        at = int(np.argmax(np.cumsum(runs, dtype=np.int64) + np.arange(1, len(runs) + 1) > size))
        raise StreamError(f"{name} stream, pair {at}: runs past the end of an array of {size} values")


def _refuse_early_zeros(name: str, runs: Integers, levels: Array, piece: slice, count: int, full: int) -> None:
    if levels.all():
        return
    early = (levels == 0) & (runs != full)
    if piece.stop == count:
        early[-1] = False
    if early.any():
        at = int(np.argmax(early))
        raise StreamError(
            f"{name} stream, pair {piece.start + at}: level 0 after a run of {runs[at]}; "
            f"a zero level stands only after a full run of {full} or in the last pair"
        )


@dataclass(frozen=True)
class RunLength:
    """Pairs of a run of zeros and the value after it, back to back, with a run field of any width.

    Stored: as many runs as pairs, as many levels as pairs. A decoder stops when the array is full, so no count is
    stored. With the widths of a network's weights this is also the relative index of Deep Compression
    (Han, Mao, Dally, ICLR 2016), whose filler zero is the zero level of a full pair.

    >>> stream = RunLength(run_bits=2).encode(np.array([0, 0, 0, 0, 0, 7, 0], dtype="int8"))
    >>> stream.bits                                                    # three pairs of 2 + 8 bits
    30
    >>> RunLength(run_bits=2).decode(stream)
    array([0, 0, 0, 0, 0, 7, 0], dtype=int8)
    """

    run_bits: int = 5
    value_bits: int | None = None

    def __post_init__(self) -> None:
        check_width("a run field", self.run_bits, 1, 32)
        if self.value_bits is not None:
            check_width("a value", self.value_bits)

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"run-length {self.run_bits}"

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""
        values, width = integers(array, self.value_bits)
        runs, levels = run_pairs(values.reshape(-1), self.run_bits)
        parts = (section("runs", runs, self.run_bits), section("levels", levels, width))
        return Stream(self, values.shape, str(values.dtype), parts, int(np.count_nonzero(levels)) * width)

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""
        dtype, (runs, levels) = sections_of(stream, self, ("runs", "levels"))
        width = width_of(stream.dtype, self.value_bits)
        count = runs.bits // self.run_bits
        lengths = numbers_of(self.name, runs, self.run_bits, count)
        values = values_of(self.name, levels, width, count, dtype)
        size = math.prod(stream.shape)
        return spread_pairs(self.name, lengths, values, size, self.run_bits).reshape(stream.shape)

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""
        values, width = integers(array, self.value_bits)
        return pair_count(values.reshape(-1), self.run_bits) * (self.run_bits + width)

    def expected_bits(self, density: ArrayLike, shape: tuple[int, ...], dtype: str = "int16") -> float:
        """Mean size in bits of arrays whose values are nonzero with probability `density`, independently."""
        pairs = expected_pairs(densities(density, shape), self.run_bits)
        return pairs * (self.run_bits + width_of(dtype, self.value_bits))


@dataclass(frozen=True)
class EyerissRLC:
    """The run-length code on Eyeriss's DRAM link: 5-bit runs and 16-bit levels, three pairs and a flag in a word.

    Source: Chen, Krishna, Emer, Sze, IEEE JSSC 52(1), 2017, section V-A and fig. 8. Word, from its most significant
    bit: run 5, level 16, run 5, level 16, run 5, level 16, last 1; `last` is set in the last word of the code and in
    no other. The paper leaves open how a last word with one or two pairs is filled: here with pairs (0, 0), which
    the decoder drops because the array, whose shape it knows, is already full. An empty array takes no word.

    Values are 16 bits whatever the array's type; a value that needs more raises FormatError.

    >>> stream = EyerissRLC().encode(np.array([0, 0, 12, 0, 0, 0, 0, 53, 0, 0, 22], dtype="int16"))
    >>> stream.bits, stream["words"].data.hex()                        # 2 12, 4 53, 2 22, last
    (64, '100061000d44002d')
    >>> EyerissRLC().decode(stream).tolist()
    [0, 0, 12, 0, 0, 0, 0, 53, 0, 0, 22]
    """

    run_bits: ClassVar[int] = 5
    value_bits: ClassVar[int] = 16
    pairs_per_word: ClassVar[int] = 3

    @property
    def name(self) -> str:
        """What tables call it."""
        return "Eyeriss RLC"

    def encode(self, array: ArrayLike) -> Stream:
        """The array as a stream of bits."""
        values, _ = integers(array, self.value_bits)
        runs, levels = run_pairs(values.reshape(-1), self.run_bits)
        parts = (section("words", _words(runs, levels), 64),)
        return Stream(self, values.shape, str(values.dtype), parts, int(np.count_nonzero(levels)) * self.value_bits)

    def decode(self, stream: Stream) -> Array:
        """The array that a stream holds; `StreamError` where it holds none."""
        dtype, (part,) = sections_of(stream, self, ("words",))
        words = numbers_of(self.name, part, 64, part.bits // 64)
        _check_flags(words)
        runs, levels = _fields(words)
        size = math.prod(stream.shape)
        used = self._used(runs, levels, size)
        values = signed(f"{self.name} stream, levels", levels[:used], self.value_bits, dtype)
        return spread_pairs(self.name, runs[:used], values, size, self.run_bits).reshape(stream.shape)

    def _used(self, runs: Integers, levels: Integers, size: int) -> int:
        """How many pairs belong to the array; those after them must be the padding of the last word."""
        spare = int(runs.sum(dtype=np.int64)) + len(runs) - size
        if not 0 <= spare < self.pairs_per_word:
            return len(runs)  # spread_pairs says what is wrong
        used = len(runs) - spare
        if runs[used:].any() or levels[used:].any():
            raise StreamError(f"{self.name} stream, word {used // 3}: pairs after the array's end are not (0, 0)")
        return used

    def size_bits(self, array: ArrayLike) -> int:
        """`encode(array).bits`, without encoding."""
        values, _ = integers(array, self.value_bits)
        return 64 * -(-pair_count(values.reshape(-1), self.run_bits) // self.pairs_per_word)

    def expected_bits(self, density: ArrayLike, shape: tuple[int, ...], dtype: str = "int16") -> float:
        """Mean size in bits of arrays whose values are nonzero with probability `density`, independently."""
        width_of(dtype, None)
        each = densities(density, shape)
        spare = expected_padding(each, self.run_bits, self.pairs_per_word)
        return 64 * (expected_pairs(each, self.run_bits) + spare) / self.pairs_per_word


def _words(runs: Runs, levels: Array) -> NDArray[np.uint64]:
    words = np.zeros(-(-len(runs) // 3), np.uint64)
    low = levels.astype(np.uint16)
    for shift, lane in ((43, 0), (22, 1), (1, 2)):
        pairs = runs[lane::3] << np.uint32(16) | low[lane::3]
        words[: len(pairs)] |= pairs.astype(np.uint64) << np.uint64(shift)
    words[-1:] |= np.uint64(1)
    return words


def _check_flags(words: Integers) -> None:
    last = (words & np.uint64(1)).astype(bool)
    if last[:-1].any():
        raise StreamError(f"Eyeriss RLC stream, word {int(np.argmax(last))}: marked last, {len(words)} words came")
    if len(words) and not last[-1]:
        raise StreamError(f"Eyeriss RLC stream, word {len(words) - 1}: not marked last, and no word follows")


def _fields(words: Integers) -> tuple[Runs, NDArray[np.uint16]]:
    runs = np.empty((len(words), 3), np.uint32)
    levels = np.empty((len(words), 3), np.uint16)
    for lane, shift in enumerate((43, 22, 1)):
        pairs = words >> np.uint64(shift)
        levels[:, lane] = pairs.astype(np.uint16)
        runs[:, lane] = (pairs >> np.uint64(16)).astype(np.uint32) & np.uint32(31)
    return runs.reshape(-1), levels.reshape(-1)


def expected_pairs(density: Density, run_bits: int) -> float:
    """Mean number of pairs when value i is nonzero with probability density[i], independently.

    With L = 2**run_bits and b[i] the probability that a pair ends at value i (b[-1] = 1),

        b[i] = density[i] + b[i - L] * product of (1 - density) over the L values up to i

    and pairs = sum of b + 1 - b[last]: the last pair ends early unless a pair ends there anyway. For one density d
    this is the sum in `expected_pairs_uniform`.
    """
    if one_density(density):
        return expected_pairs_uniform(float(density[0]), len(density), run_bits)
    return _summed_pairs(density, run_bits)


def one_density(density: Density) -> bool:
    """Whether all values share a density."""
    return len(density) > 0 and bool(density.min() == density.max())


def _summed_pairs(density: Density, run_bits: int) -> float:
    if not len(density):
        return 0.0
    ends = _pair_ends(density, 1 << run_bits)
    return float(ends.sum() + 1 - ends[-1])


def expected_pairs_uniform(density: float, count: int, run_bits: int) -> float:
    """Mean number of pairs of `count` values at one density, in closed form.

    With q = 1 - d and L = 2**run_bits: d N nonzeros end a pair each; the k-th full pair of a run ends at value i when
    the zeros up to there number exactly kL, at any of N - kL places after a nonzero and at one after the start:

        pairs = d N + sum over k = 1 .. N // L of q**(kL) (1 + d (N - kL))
              + 1 - [sum over k = 0 .. (N-1) // L of d q**(kL)] - [L divides N] q**N

    >>> round(expected_pairs_uniform(0.5, 1000, 5), 3), expected_pairs_uniform(0, 64, 5)
    (500.5, 2.0)
    """
    if not count:
        return 0.0
    zero, cover = 1.0 - density, 1 << run_bits
    starts = np.arange(cover, count + 1, cover, dtype=np.float64)
    full = float((zero**starts * (1 + density * (count - starts))).sum())
    ended = density * float((zero ** np.arange(0, count, cover, dtype=np.float64)).sum())
    ended += zero**count if count % cover == 0 else 0.0
    return density * count + full + 1 - ended


def _pair_ends(density: Density, cover: int) -> Density:
    """The probability that a pair ends at each value."""
    window = _zero_windows(density, cover)
    ends = np.zeros(window.shape)
    ends.reshape(-1)[: len(density)] = density
    before = np.zeros(cover)
    before[-1] = 1  # the start counts as an end
    for block, zeros in zip(ends, window, strict=True):
        block += before * zeros
        before = block
    return ends.reshape(-1)[: len(density)]


def expected_padding(density: Density, run_bits: int, per_word: int) -> float:
    """Mean number of padding pairs in the last word.

    With w a per_word-th root of one, the mean of w**pairs gives the probability of each remainder of pairs.
    """
    if not len(density):
        return 0.0
    moments = [_moment(density, 1 << run_bits, np.exp(2j * np.pi * root / per_word)) for root in range(per_word)]
    chances = np.fft.fft(moments).real / per_word
    return float(sum(chances[rest] * (-rest % per_word) for rest in range(per_word)))


def _moment(density: Density, cover: int, weight: complex) -> complex:
    """The mean of weight**pairs.

    With a[i] that mean over the pairs ended up to value i, e[i] its part where a pair ends at i, and W[i] the
    probability of `cover` zeros up to i: e[i] = weight (density[i] a[i-1] + e[i-cover] W[i]), and
    a[i] = (1 - density[i]) a[i-1] - e[i-cover] W[i] + e[i].
    """
    if one_density(density):
        return _uniform_moment(float(density[0]), len(density), cover, weight)
    window = _zero_windows(density, cover).reshape(-1)[: len(density)]
    ended = np.zeros(len(density) + cover, np.complex128)
    ended[cover - 1] = 1
    so_far: complex = 1
    here: complex = 1
    for at, (nonzero, zeros) in enumerate(zip(density.tolist(), window.tolist(), strict=True)):
        filled = complex(ended[at]) * zeros
        here = weight * (nonzero * so_far + filled)
        so_far = (1 - nonzero) * so_far - filled + here
        ended[at + cover] = here
    return here + weight * (so_far - here)


def _zero_windows(density: Density, cover: int) -> Density:
    """The probability that the `cover` values up to each one are all zero, in rows of `cover`; 0 where fewer are."""
    padded = np.ones(-(-len(density) // cover) * cover)
    padded[: len(density)] = density
    zero = 1 - padded.reshape(-1, cover)
    head = np.cumprod(zero, axis=1)  # from the row's start up to here
    tail = np.ones_like(zero)  # from the next place to the row's end
    tail[:, :-1] = np.cumprod(zero[:, :0:-1], axis=1)[:, ::-1]
    window = np.zeros_like(zero)
    window[0, -1] = head[0, -1]
    window[1:] = tail[:-1] * head[1:]
    return window


def _uniform_moment(density: float, count: int, cover: int, weight: complex) -> complex:
    """The mean of weight**pairs at one density: a walk over the number of zeros pending, its matrix to a power."""
    step = np.zeros((cover, cover), np.complex128)
    step[:, 0] = weight * density
    step[np.arange(cover - 1), np.arange(1, cover)] = 1 - density
    step[-1, 0] += weight * (1 - density)
    after = np.linalg.matrix_power(step, count)[0]
    return complex(after[0] + weight * after[1:].sum())
