"""What a filter costs on this lab's machine, on the real numbers of a small trained network.

A PE that takes a filter *dense* spends a cycle on each of its words, whatever they are. A PE that *skips* walks two
lists of coordinates, those of the filter's nonzeros and those of the activations', as in task 6: a cycle for each
comparison, and `start` cycles before the walk to set it up.
"""

import numpy as np

from accelsim import digits, sparsity


def costs(weights, activations, start):
    """Cycles of each filter taken dense, and of each filter skipped: two lists of whole numbers."""
    nonzero = np.broadcast_to(np.asarray(activations) != 0, np.shape(weights))
    walks = sparsity.coordinate_walk((np.asarray(weights) != 0, nonzero))
    return [int(nonzero.shape[1])] * len(nonzero), [start + int(cycles) for cycles in walks.cycles]


def real(layer, pruned, image=0):
    """A layer of the digits network: its filters, one row each, and the activations under one of its windows."""
    tensors = digits.tensors(layer, pruned=pruned, N=1, first=image)
    windows = digits.windows(tensors.ifmap, tensors.layer)[0]
    window = windows[len(windows) // 3, windows.shape[1] // 2]
    return tensors.filter.reshape(len(tensors.filter), -1), window.reshape(-1)


def activations(layer="conv2", image=0):
    """The ifmap of one image in that layer, one row per channel, padding included: what would go to DRAM."""
    tensors = digits.tensors(layer, N=1, first=image)
    return tensors.ifmap.reshape(tensors.ifmap.shape[1], -1)
