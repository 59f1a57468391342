"""Compression formats: arrays in, streams of bits out, and the sizes they have.

A format is a small value with four verbs: `encode(array)`, `decode(stream)`, `size_bits(array)` and
`expected_bits(density, shape, dtype)`. Sizes are exact and count all that is stored: masks, coordinates, pointers,
code tables, flags and padding. The array's shape and type are known to both sides, as a layer's are, and cost nothing.

>>> import numpy as np
>>> array = np.array([[0, 0, 12, 0], [0, 0, 0, -53]], dtype="int16")
>>> for format in (Dense(), Bitmask(), COO(), CSR(), EyerissRLC()):
...     stream = format.encode(array)
...     assert (decode(stream) == array).all()
...     print(f"{format.name:12} {stream.bits:4} bits")
dense         128 bits
bitmask        40 bits
COO            42 bits
CSR            48 bits
Eyeriss RLC    64 bits
>>> Bitmask().expected_bits(density=0.25, shape=(2, 4))
40.0
"""

from accelsim.formats.huffman import Huffman
from accelsim.formats.positions import COO, CSC, CSR, Bitmask, Dense, Structured
from accelsim.formats.runs import EyerissRLC, RunLength
from accelsim.formats.stream import Format, Section, Stream, decode
from accelsim.formats.structure import block_density, crossovers, diagonal_density, effectual_macs, predicted_macs
from accelsim.formats.tree import Fiber, Fibertree, Rank, fibertree

__all__ = [
    "COO",
    "CSC",
    "CSR",
    "Bitmask",
    "Dense",
    "EyerissRLC",
    "Fiber",
    "Fibertree",
    "Format",
    "Huffman",
    "Rank",
    "RunLength",
    "Section",
    "Stream",
    "Structured",
    "block_density",
    "crossovers",
    "decode",
    "diagonal_density",
    "effectual_macs",
    "fibertree",
    "predicted_macs",
]
