"""A buffer under DRAM, asked of the simulator: what a tile needs, and what an order of tiles moves.

Tiles cut M, C and P; the other letters are never cut. `order` names the loops over tiles, outermost first: "M C P".
"""

import accelsim
from accelsim.mapping import Loop, Mapping, Stage

LETTERS = "NMCPQRS"
CUT = "MCP"
ENDLESS = accelsim.Arch("endless buffer", (accelsim.Level("DRAM"), accelsim.Level("buffer")))


def layer_of(layer):
    """The layer as the simulator's."""
    return accelsim.conv("layer", **{d: layer[d] for d in LETTERS}, stride=layer["stride"])


def arch_of(machine):
    """The machine as the simulator's."""
    level = accelsim.Level("buffer", capacity=machine["capacity"], double=machine["double"])
    return accelsim.Arch("machine", (accelsim.Level("DRAM"), level), word=machine["word"], bits=machine["bits"])


def nest_of(layer, tile, order):
    """DRAM holds the loops over tiles, the buffer one tile."""
    sizes = {**{d: layer[d] for d in LETTERS}, **tile}
    outer = [Loop(d, -(-layer[d] // tile[d])) for d in order.split()]
    inner = [Loop(d, size) for d, size in sizes.items() if size > 1]
    return Mapping((Stage("DRAM", tuple(loop for loop in outer if loop.bound > 1)), Stage("buffer", tuple(inner))))


def counts(layer, tile, order):
    """Words read from DRAM and written to it, as {tensor: (read, written)}, whether the tile fits or not."""
    known = layer_of(layer)
    found = accelsim.count(known, ENDLESS, nest_of(layer, tile, order))
    names = [tensor.name for tensor in known.tensors]
    return {name: (found.reads["DRAM", name], found.writes["DRAM", name]) for name in names}


def moved(layer, tile, order):
    """All words that cross between DRAM and the buffer. The simulator counts them; about a millisecond each.

    >>> moved(dict(N=1, M=4, C=2, P=6, Q=5, R=3, S=3, stride=1), dict(M=2, C=2, P=6), "M C P")
    304
    """
    return sum(map(sum, counts(layer, tile, order).values()))


def tile_words(layer, tile):
    """Words of each tensor's tile."""
    sizes = {**{d: layer[d] for d in LETTERS}, **tile}
    return {tensor.name: tensor.words(sizes) for tensor in layer_of(layer).tensors}


def need(layer, machine, tile):
    """Room that a tile needs, in whole words of the machine."""
    bits = sum(words * machine["bits"][name] for name, words in tile_words(layer, tile).items())
    return -(-bits * (2 if machine["double"] else 1) // machine["word"])


def least(layer):
    """Every word once: no tile and no order moves less."""
    known = layer_of(layer)
    return sum(known.words(tensor.name) for tensor in known.tensors)
