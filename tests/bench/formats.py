"""Codec speed against density: `python -m tests.bench.formats` prints a table of MB/s on one core, peers beside.

MB are those of the array as it was (1 MB = 10**6 bytes), whatever the stream's size, best of several runs, on this
process's own clock. Peers do less, and say so: `np.packbits` alone packs a mask that is already there and keeps no
values; `scipy.sparse`, where it is installed, converts to CSR with 32-bit indices and packs nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

from accelsim.formats import COO, CSR, Bitmask, EyerissRLC, Format, Huffman, RunLength, decode

DENSITIES = (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
FLOOR = 100  # MB/s that run-length and bitmask owe at any density
HELD = (Bitmask(), EyerissRLC(), RunLength(5))
OTHERS = (COO(), CSR(), Huffman())


def sample(density: float, dtype: str, size: int, seed: int = 5) -> np.ndarray[Any, Any]:
    """A flat array whose values are nonzero with this probability.

    >>> int((sample(0.5, "int8", 1000) != 0).sum())
    508
    """
    rng = np.random.default_rng(seed)
    values = rng.integers(1, 100, size).astype(dtype)
    return np.where(rng.random(size) < density, values, 0).astype(dtype)


def best(action: Callable[[], object], runs: int) -> float:
    """The fewest processor seconds that an action took."""

    def once() -> float:
        start = process_time()
        action()
        return process_time() - start

    return min(once() for _ in range(runs))


def speeds(codec: Format, array: np.ndarray[Any, Any], runs: int) -> tuple[float, float]:
    """MB/s of encode and decode."""
    stream = codec.encode(array)
    if not np.array_equal(decode(stream), array):
        raise SystemExit(f"{codec.name} does not give its array back")
    size = array.nbytes / 1e6
    return size / best(lambda: codec.encode(array), runs), size / best(lambda: decode(stream), runs)


def peers(array: np.ndarray[Any, Any], runs: int) -> dict[str, tuple[float, float]]:
    """The same of what others ship."""
    mask, size = array != 0, array.nbytes / 1e6
    packed = np.packbits(mask)
    pack, unpack = best(lambda: np.packbits(mask), runs), best(lambda: np.unpackbits(packed), runs)
    found = {"np.packbits, mask only": (size / pack, size / unpack)}
    try:
        from scipy import sparse
    except ImportError:
        return found
    table = array.reshape(-1, 1024)
    rows = sparse.csr_array(table)
    times = best(lambda: sparse.csr_array(table), runs), best(rows.toarray, runs)
    return found | {"scipy.sparse CSR": (size / times[0], size / times[1])}


def main() -> None:
    """Print the table, and fail where a codec is below its floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1 << 21, help="values in the array, a multiple of 1024")
    parser.add_argument("--runs", type=int, default=3, help="runs, of which the best counts")
    asked = parser.parse_args()
    slow = []
    for dtype in ("int16", "int8"):
        print(f"\n{dtype}, {asked.size} values: MB/s encode / decode at density")
        print(f"{'':24}" + "".join(f"{density:>12}" for density in DENSITIES))
        arrays = [sample(density, dtype, asked.size) for density in DENSITIES]
        rows = {codec.name: [speeds(codec, array, asked.runs) for array in arrays] for codec in HELD}
        rows |= {codec.name: [speeds(codec, array[::8], 1) for array in arrays] for codec in OTHERS}
        beside = [peers(array, asked.runs) for array in arrays]
        rows |= {name: [each[name] for each in beside] for name in beside[0]}
        for name, row in rows.items():
            print(f"{name:24}" + "".join(f"{round(into):>6}/{round(back):<5}" for into, back in row))
        slow += [f"{codec.name} of {dtype}" for codec in HELD if min(min(pair) for pair in rows[codec.name]) < FLOOR]
    if slow:
        raise SystemExit(f"below {FLOOR} MB/s: {', '.join(slow)}")


if __name__ == "__main__":
    main()
