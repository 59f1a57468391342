"""What zeros save, and what looking for them costs: gating, skipping and compressed storage on top of `evaluate`.

*Gating* leaves a multiplier idle for a cycle when an operand is zero: the MAC, the read of the other operand and the
psum's read and write do not happen, the cycle passes. *Skipping* goes on to the next pair that matters, so it saves
the cycle too, but PEs wait for the one with most to do: the time is the makespan, from where the zeros really are.
To find the pairs a skipping PE walks bit masks or lists of coordinates, which takes cycles and reads of its own.
*Storing* a tensor in a compressed format changes the words that an outer level moves, metadata included.

`sparsify` takes a dense `Report` and gives a `SparseReport` beside it: sparse counts first, then the same prices.

    for each step of the loops above `sync`:               all PEs wait for one another here
      parallel over the PEs:                               cycles = the most that any PE needs
        for each pair of operands below, in time order:    only those that matter take a cycle

>>> import numpy as np
>>> from accelsim import Arch, Level, einsum, evaluate, nest
>>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=2, C=4)
>>> toy = Arch("toy", (Level("DRAM", read=200, write=200), Level("PE", read=1, write=1, fanout=2)), mac=1)
>>> dense = evaluate(layer, toy, nest("DRAM: | PE: M2@x C4"))
>>> weights = np.array([[1, 2, 3, 4], [5, 0, 0, 0]])
>>> [sparsify(dense, {"filter": weights}, saving).cycles for saving in (None, gate("filter"), skip("filter"))]
[4, 4, 4]

Half a row of zeros more would not have helped either: the first PE has four weights. Even rows do:

>>> even = np.array([[1, 2, 0, 0], [5, 0, 0, 6]])
>>> [sparsify(dense, {"filter": even}, saving).cycles for saving in (None, gate("filter"), skip("filter"))]
[4, 4, 2]

Looking for zeros costs, so sparse can cost more than dense. Intersecting lists of 4-bit coordinates in Eyeriss's PEs
pays on AlexNet's conv3 where fewer than 95 % of the words of each operand are nonzero, and loses above:

>>> from accelsim import catalog
>>> layer, mapping = catalog.alexnet().layer("conv3"), catalog.mappings("eyeriss", "alexnet")["conv3"]
>>> dense, lists = evaluate(layer, catalog.eyeriss(), mapping), skip("ifmap", "filter", find="coordinates", bits=4)
>>> for d in (0.3, 0.9, 0.95, 1.0):
...     sparse = sparsify(dense, {"ifmap": d, "filter": d}, lists)
...     print(f"density {d:.2f}: {sparse.energy_ratio:.3f} of the energy, {sparse.speedup:.2f} times as fast")
density 0.30: 0.337 of the energy, 1.65 times as fast
density 0.90: 0.924 of the energy, 1.00 times as fast
density 0.95: 0.998 of the energy, 1.00 times as fast
density 1.00: 1.076 of the energy, 1.00 times as fast
"""

from accelsim.sparsity.report import SparseReport, sparsify
from accelsim.sparsity.saving import Saving, gate, skip
from accelsim.sparsity.walks import Walk, bitmask_walk, coordinate_walk, expected_longest, makespan
from accelsim.sparsity.work import Work

__all__ = [
    "Saving",
    "SparseReport",
    "Walk",
    "Work",
    "bitmask_walk",
    "coordinate_walk",
    "expected_longest",
    "gate",
    "makespan",
    "skip",
    "sparsify",
]
