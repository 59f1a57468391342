"""The roofline of the machine you sit at: peak, bandwidth and a few programs, measured with NumPy in some seconds.

    roof = measure()
    print(roof)

Two micro-benchmarks make the roof, and are bounds only for programs of the same kind on as many threads:

* peak: the product of two 1024 x 1024 matrices in single precision, by NumPy's BLAS;
* bandwidth: the better of reading 64 MiB once (`numpy.dot(x, x)`) and copying half of them to the other half (bytes
  read plus bytes written; what a cache reads before it writes is not counted).

Each is the best of some rounds before and after the programs, so a clock that speeds up for a moment (turbo) raises
the roof, and another program beside this one lowers the points. Every call of a program takes operands that the last
calls did not touch, walking through 64 MiB, so they come from memory where the caches are smaller than that; where they
are larger, a point may lie above the slope. One thread is used if threadpoolctl is there to ask for it; the result
says whether it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import WorkloadError, whole
from accelsim.platforms import Bound, Platform, roofline
from accelsim.sheets import Table
from accelsim.workload import Layer, conv, einsum

Array = NDArray[np.float32]
T = TypeVar("T")
SIDE, WORD, POOL = 1024, 4, 2**26


class Program(Protocol):
    """Computes a layer from its operands."""

    def __call__(self, ifmap: Array, filter: Array) -> Array:
        """The layer's ofmap."""


@dataclass(frozen=True)
class Case:
    """A program to time: the layer that it computes, and the words that its own copies add to the layer's."""

    name: str
    layer: Layer
    run: Program
    copied: int = 0


@dataclass(frozen=True)
class Point:
    """A program measured: its bound, the rate reached (operations/s), and operations for each byte its arrays hold."""

    name: str
    bound: Bound
    rate: float
    own_intensity: float

    @property
    def share(self) -> float:
        """Rate over what the roof allows at the compulsory intensity."""
        return self.rate / self.bound.attainable


@dataclass(frozen=True, repr=False)
class Measured:
    """A measured roof and points under it."""

    platform: Platform
    points: tuple[Point, ...]
    threads: str

    @property
    def table(self) -> Table:
        """The roof and the points as a table."""
        roof = self.platform
        caption = (
            f"peak {roof.peak / 1e9:.1f} Gop/s, bandwidth {roof.bandwidth / 1e9:.1f} GB/s, "
            f"ridge {roof.ridge:.1f} op/B; {self.threads}"
        )
        rows = [
            (p.name, f"{p.bound.intensity:.1f}", f"{p.own_intensity:.1f}", f"{p.bound.attainable / 1e9:.1f}",
             f"{p.rate / 1e9:.1f}", f"{p.share:.0%}", p.bound.limit)
            for p in self.points
        ]  # fmt: skip
        head = ("program", "op/B", "own op/B", "roof Gop/s", "reached", "share", "limit")
        return Table(caption, head, tuple(rows))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def _repr_markdown_(self) -> str:
        return self.table._repr_markdown_()

    def __str__(self) -> str:
        return str(self.table)


def by_im2col(stride: int = 1) -> Program:
    """A convolution as one matrix product, after copying every window of the input into a column.

    >>> x, w = np.arange(5, dtype=np.float32), np.array([1, 2, 0], dtype=np.float32)
    >>> by_im2col()(x.reshape(1, 1, 1, 5), w.reshape(1, 1, 1, 3)).tolist()
    [[[[2.0, 5.0, 8.0]]]]
    """

    def run(ifmap: Array, filter: Array) -> Array:
        m, c, r, s = filter.shape
        windows = np.lib.stride_tricks.sliding_window_view(ifmap, (r, s), axis=(2, 3))[:, :, ::stride, ::stride]
        n, _, p, q = windows.shape[:4]
        columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * p * q, c * r * s)
        return (columns @ filter.reshape(m, -1).T).reshape(n, p, q, m).transpose(0, 3, 1, 2)

    return run


def by_taps(stride: int = 1) -> Program:
    """A convolution as R x S small matrix products, one for each place in the filter, added up: no copies of windows.

    >>> x, w = np.arange(5, dtype=np.float32), np.array([1, 2, 0], dtype=np.float32)
    >>> by_taps()(x.reshape(1, 1, 1, 5), w.reshape(1, 1, 1, 3)).tolist()
    [[[[2.0, 5.0, 8.0]]]]
    """

    def run(ifmap: Array, filter: Array) -> Array:
        m, c, rows, cols = filter.shape
        n, _, h, w = ifmap.shape
        p, q = (h - rows) // stride + 1, (w - cols) // stride + 1
        ofmap = np.zeros((n, m, p * q), np.float32)
        for r in range(rows):
            for s in range(cols):
                seen = ifmap[:, :, r : r + stride * p : stride, s : s + stride * q : stride]
                ofmap += filter[:, :, r, s] @ seen.reshape(n, c, p * q)
        return ofmap.reshape(n, m, p, q)

    return run


def product(ifmap: Array, filter: Array) -> Array:
    """A fully connected layer as one matrix product: `ofmap[N M] += ifmap[N C] * filter[M C]`."""
    return ifmap @ filter.T


def blocked(side: int) -> Program:
    """The same product cut into blocks of side x side: a matrix product for each three blocks.

    >>> ones = np.ones((4, 4), np.float32)
    >>> blocked(2)(ones, ones).sum()
    np.float32(64.0)
    """

    def run(ifmap: Array, filter: Array) -> Array:
        ofmap = np.zeros((len(ifmap), len(filter)), np.float32)
        for n in range(0, len(ifmap), side):
            for m in range(0, len(filter), side):
                for c in range(0, ifmap.shape[1], side):
                    tile = ifmap[n : n + side, c : c + side] @ filter[m : m + side, c : c + side].T
                    ofmap[n : n + side, m : m + side] += tile
        return ofmap

    return run


def cases() -> tuple[Case, ...]:
    """The programs that `measure` times, from the least to the most intensity where one program computes a layer."""
    small = conv("conv 3x3", C=64, M=64, P=28, Q=28, R=3, S=3)
    columns = 28 * 28 * 64 * 9  # words of the copied windows, written and read
    taps = 9 * (64 * 28 * 28 * 2 + 64 * 28 * 28 * 2)  # a copy of the inputs seen, and the sums, for each tap
    return (
        Case("matrix x vector", _fc(1), product),
        Case("matrix x 16 vectors", _fc(16), product),
        Case("matrix x 256 vectors", _fc(256), product),
        Case("the same in blocks of 32", _fc(256), blocked(32), copied=2 * 256 * SIDE * SIDE // 32),
        Case("the same in blocks of 256", _fc(256), blocked(256), copied=2 * 256 * SIDE * SIDE // 256),
        Case("convolution by im2col", small, by_im2col(), copied=2 * columns),
        Case("convolution by taps", small, by_taps(), copied=taps),
    )


def _fc(batch: int) -> Layer:
    return einsum("fc", "ofmap[N M] += ifmap[N C] * filter[M C]", N=batch, M=SIDE, C=SIDE)


def measure(
    rounds: int = 3,
    pool: int = POOL,
    clock: Callable[[], float] = time.perf_counter,
    progress: bool | None = None,
    seed: int = 0,
) -> Measured:
    """Measure this machine's roof and the programs of `cases` under it; a few seconds.

    rounds: times are the best of so many. pool: bytes of operands walked through; more than the caches hold, or
    points lie above the slope. clock: seconds since some moment. progress: a bar on the terminal; None shows one
    where there is a terminal. Which programs, in which order, with which intensities is the same everywhere.

    Raises `WorkloadError` for fewer than one round or a pool of less than 8 MiB.
    """
    if not whole(rounds) or rounds < 1 or not whole(pool) or pool < 2**23:
        raise WorkloadError(f"rounds must be 1 or more, pool 2**23 bytes or more; got rounds={rounds!r}, pool={pool!r}")
    words = np.random.default_rng(seed).random(pool // WORD, dtype=np.float32)
    limit, threads = _one_thread()
    with limit:
        before = _roof(words, rounds, clock)
        times = [(case, _seconds(case, words, rounds, clock)) for case in _bar(cases(), progress)]
        after = _roof(words, rounds, clock)
    peak, bandwidth = max(before.peak, after.peak), max(before.bandwidth, after.bandwidth)
    roof = replace(before, peak=peak, bandwidth=bandwidth)
    return Measured(roof, tuple(_point(case, roof, seconds) for case, seconds in times), threads)


def _roof(words: Array, rounds: int, clock: Callable[[], float]) -> Platform:
    a, b = (words[at * SIDE * SIDE : (at + 1) * SIDE * SIDE].reshape(SIDE, SIDE) for at in (0, 1))
    half = len(words) // 2
    multiply = _best(lambda: a @ b, rounds, clock)
    read = _best(lambda: np.dot(words, words), rounds, clock)
    copy = _best(lambda: np.copyto(words[half : 2 * half], words[:half]), rounds, clock)
    bandwidth = max(words.nbytes / read, 2 * half * WORD / copy)
    return Platform("this machine", 2 * SIDE**3 / multiply, bandwidth, WORD, known="derived", source="measured here")


def _seconds(case: Case, words: Array, rounds: int, clock: Callable[[], float]) -> float:
    sets = _operands(case.layer, words)
    return _best(lambda: [case.run(*each) for each in sets], rounds, clock) / len(sets)


def _point(case: Case, roof: Platform, seconds: float) -> Point:
    bound = roofline(replace(case.layer, name=case.name), roof)
    own = bound.operations / (bound.bytes + case.copied * WORD)
    return Point(case.name, bound, bound.operations / seconds, own)


def _operands(layer: Layer, words: Array, most: int = 16) -> list[tuple[Array, Array]]:
    """Sets of operands that do not overlap, from all over the pool; at most so many."""
    shapes = layer.shape("ifmap"), layer.shape("filter")
    sizes = [int(np.prod(shape)) for shape in shapes]
    count = min(most, len(words) // sum(sizes))
    found = []
    for at in range(0, count * (step := len(words) // count), step):
        flat = words[at : at + sizes[0]], words[at + sizes[0] : at + sum(sizes)]
        found.append((flat[0].reshape(shapes[0]), flat[1].reshape(shapes[1])))
    return found


def _best(run: Callable[[], Any], rounds: int, clock: Callable[[], float]) -> float:
    """Seconds of the fastest of some rounds, after one that is not timed."""
    run()
    times = []
    for _ in range(rounds):
        start = clock()
        run()
        times.append(clock() - start)
    return min(times)


def _one_thread() -> tuple[AbstractContextManager[Any], str]:
    try:
        from threadpoolctl import threadpool_limits  # comes with scikit-learn
    except ImportError:
        return nullcontext(), "as many threads as NumPy's BLAS takes"
    return threadpool_limits(1), "one thread"


def _bar(items: Sequence[T], progress: bool | None) -> Iterable[T]:
    if progress is False:
        return items
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    return tqdm(items, "measuring", disable=None if progress is None else not progress, leave=False)
