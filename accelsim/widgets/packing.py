"""The tile packer: tiles of a real layer in one buffer, what fits, and what the choice costs in DRAM traffic.

DRAM: for each tile, in the chosen order
  buffer keeps one tile of every tensor (twice, if double buffered)
    all MACs of the tile
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import Any

from accelsim.arch import Arch, Level
from accelsim.counts import Counts
from accelsim.dataflow import count
from accelsim.errors import suggest, whole
from accelsim.mapping import Loop, Stage, problems
from accelsim.mapping import Mapping as Nest
from accelsim.points import box_mask
from accelsim.widgets import figures
from accelsim.widgets.host import View
from accelsim.widgets.loops import WidgetError, order_faults, orders, read_order
from accelsim.workload import Layer, Tensor


@dataclass(frozen=True)
class Packing:
    """Tiles of a layer in one buffer under DRAM. `tile` and `order` name every dimension, outermost first."""

    layer: Layer
    arch: Arch
    tile: dict[str, int]
    order: tuple[str, ...]

    @cached_property
    def mapping(self) -> Nest:
        """The two-level nest: tiles at DRAM in the order chosen, one tile in the buffer."""
        steps = {dim: -(-size // self.tile[dim]) for dim, size in self.layer.dims.items()}
        outer = tuple(Loop(dim, steps[dim]) for dim in self.order if steps[dim] > 1)
        inner = tuple(Loop(dim, size) for dim, size in self.tile.items() if size > 1)
        return Nest((Stage("DRAM", outer), Stage("buffer", inner)))

    @cached_property
    def counts(self) -> Counts:
        """What moves, as if the buffer were large enough."""
        endless = replace(self.arch.levels[1], capacity=None)
        return count(self.layer, replace(self.arch, levels=(self.arch.levels[0], endless)), self.mapping)

    @property
    def faults(self) -> list[str]:
        """What does not fit, in the words that a student gets; nothing if all fits."""
        return problems(self.layer, self.arch, self.mapping)

    def words(self, tensor: Tensor) -> int:
        """Words of a tensor's tile."""
        return tensor.words(self.tile)

    def halo(self, tensor: Tensor) -> int:
        """Words of a tile that a neighbouring tile along a sliding axis holds too."""
        return self.words(tensor) - math.prod(_alone(rank.terms, self.tile, self.layer.dims) for rank in tensor.ranks)

    def room(self, tensor: Tensor) -> float:
        """Room that a tensor's tile takes, in words of the machine, the second copy included."""
        copies = 2 if self.arch.levels[1].double else 1
        return copies * self.words(tensor) * self.arch.width(tensor.name) / self.arch.word

    @property
    def need(self) -> int:
        """Room that all tiles take, in whole words of the machine."""
        return math.ceil(sum(self.room(tensor) for tensor in self.layer.tensors))

    def moved(self, tensor: Tensor) -> tuple[int, int]:
        """Words of a tensor read from DRAM, and written to it."""
        return self.counts.reads["DRAM", tensor.name], self.counts.writes["DRAM", tensor.name]

    @property
    def traffic(self) -> int:
        """Words read from DRAM and written to it."""
        return sum(sum(self.moved(tensor)) for tensor in self.layer.tensors)

    @property
    def least(self) -> int:
        """The least that any buffer could reach: every word once."""
        return sum(self.layer.words(tensor.name) for tensor in self.layer.tensors)


def _alone(terms: tuple[tuple[str, int], ...], tile: dict[str, int], dims: dict[str, int]) -> int:
    """Coordinates of an axis that the next tile along its first dimension does not reach."""
    mask = box_mask(tuple((coefficient, tile[dim]) for dim, coefficient in terms))
    first, coefficient = terms[0]
    if len(terms) == 1 or tile[first] >= dims[first]:
        return mask.bit_count()
    return (mask & ~(mask << coefficient * tile[first])).bit_count()


def tile_packer(
    layer: Layer,
    capacity: int,
    tile: Mapping[str, int] | None = None,
    *,
    order: str | Sequence[str] | None = None,
    double: bool = False,
    word: int = 16,
    bits: Mapping[str, int] | None = None,
) -> View:
    """Fill a buffer with the tiles of a layer: what fits, what overflows, and how many words DRAM moves for it.

    `capacity` is in words of `word` bits. `tile` gives the size of a tile by dimension, any size from 1 to the
    dimension's (what is left out is not cut). `order` names the loops over tiles, outermost first. `double`: tiles
    are there twice, one used while the next is filled. `bits`: tensors of another width, as `{"ofmap": 32}` for wide
    partial sums. Live, `view.widget.tile`, `.order`, `.double` and `.wide` follow the reader and may be set.
    Raises `WidgetError` with every fault at once; tiles that do not fit are no fault, they are what the view shows.

    >>> from accelsim import catalog
    >>> conv3 = catalog.alexnet(N=1).layer("conv3")
    >>> print(tile_packer(conv3, 8192, {"M": 16, "C": 16, "P": 7}, order="M P C N Q R S", bits={"ofmap": 32}))
    conv3: tiles in a buffer of 8,192 words of 16 bits
    DRAM: M24 P2 C16 | buffer: M16 C16 P7 Q13 R3 S3
    tensor  tile words  of them halo  room in words  read from DRAM  written to DRAM
    ifmap        2,160           480          2,160       1,566,720                0
    filter       2,304             0          2,304       1,769,472                0
    ofmap        1,456             0          2,912               0           64,896
    total        5,920           480          7,376       3,336,192           64,896
    It fits: 7,376 of 8,192 words, 816 to spare. DRAM moves 3,401,088 words, 3.38 times the least possible.
    """
    faults = _faults(layer, capacity, tile, order, word, bits)
    if faults:
        raise WidgetError(f"{getattr(layer, 'name', 'tile_packer')} cannot be packed\n  " + "\n  ".join(faults))
    loops = read_order(layer, order)
    sizes = {dim: (tile or {}).get(dim, size) for dim, size in layer.dims.items()}
    wide = dict(bits) if bits else {layer.output.name: 2 * word}
    levels = (Level("DRAM"), Level("buffer", capacity=capacity, double=double))
    packing = Packing(layer, Arch("tile packer", levels, word=word, bits=wide if bits else {}), sizes, loops)
    swept = next((dim for dim in layer.dims if 1 < sizes[dim] < layer.dims[dim]), max(layer.dims, key=layer.dims.get))  # type: ignore[arg-type]
    state = {"tile": sizes, "order": " ".join(loops), "double": double, "wide": bool(bits), "swept": swept}
    return View(
        "tile_packer", _data(packing, wide), state, _figure(packing), _text(packing), picture=lambda: _plot(packing)
    )


def _plot(packing: Packing) -> bytes | None:
    from accelsim import plot

    return None if packing.faults else plot.png(plot.buffer(packing.layer, packing.arch, packing.mapping))


def _faults(layer: Any, capacity: Any, tile: Any, order: Any, word: Any, bits: Any) -> list[str]:
    if not isinstance(layer, Layer):
        return [f"the tile packer takes a layer such as accelsim.conv(...), got {layer!r}"]
    for what, value, example in (("tile", tile, "{'M': 16}"), ("bits", bits, "{'ofmap': 32}")):
        if value is not None and not isinstance(value, Mapping):
            return [f"{what} must be a dictionary such as {example}, got {value!r}"]
    sizes = {"capacity": capacity, "word": word, **{f"bits of {name}": width for name, width in (bits or {}).items()}}
    faults = [f"{what} must be a whole number, 1 or more, got {v!r}" for what, v in sizes.items() if not _count(v)]
    names = [tensor.name for tensor in layer.tensors]
    faults += [f"bits names {name}, no tensor{suggest(name, names)}" for name in bits or {} if name not in names]
    for dim, size in (tile or {}).items():
        if dim not in layer.dims:
            faults.append(f"tile names {dim}, no loop of this layer{suggest(dim, layer.dims)}")
        elif not _count(size) or size > layer.dims[dim]:
            faults.append(f"tile of {dim} must be a whole number from 1 to {layer.dims[dim]}, got {size!r}")
    return faults + order_faults(layer, order)


def _count(value: object) -> bool:
    return whole(value) and value >= 1  # type: ignore[operator]


def _data(packing: Packing, wide: dict[str, int]) -> dict[str, Any]:
    layer = packing.layer
    return {
        "title": str(layer),
        "name": layer.name,
        "dims": [[dim, size] for dim, size in layer.bounds],
        "tensors": [
            {"name": t.name, "output": t.output, "ranks": [rank.terms for rank in t.ranks], "wide": wide.get(t.name)}
            for t in layer.tensors
        ],
        "capacity": packing.arch.levels[1].capacity,
        "word": packing.arch.word,
        "orders": [[" ".join(loops), name] for loops, name in orders(layer, packing.order).items()],
        "least": packing.least,
    }


HEADS = ("tensor", "tile words", "of them halo", "room in words", "read from DRAM", "written to DRAM")


def table_rows(packing: Packing) -> list[list[str]]:
    """The table: a row for each tensor, and the sums."""
    numbers = [
        [packing.words(t), packing.halo(t), math.ceil(packing.room(t)), *packing.moved(t)]
        for t in packing.layer.tensors
    ]
    sums = [sum(column) for column in zip(*numbers, strict=True)]
    sums[2] = packing.need
    names = [*(t.name for t in packing.layer.tensors), "total"]
    return [[name, *(f"{n:,}" for n in line)] for name, line in zip(names, [*numbers, sums], strict=True)]


def sentence(packing: Packing) -> str:
    """What the view says of the packing."""
    capacity = packing.arch.levels[1].capacity
    assert isinstance(capacity, int)
    spare = capacity - packing.need
    fits = f"It fits: {packing.need:,} of {capacity:,} words, {spare:,} to spare."
    if spare < 0:
        largest = max(packing.layer.tensors, key=packing.room)
        fits = (
            f"It does not fit: {packing.need:,} words for {capacity:,}, {-spare:,} too many. {largest.name} takes "
            f"most, {math.ceil(packing.room(largest)):,}."
        )
    times = figures.fixed(packing.traffic / packing.least, 2)
    return f"{fits} DRAM moves {packing.traffic:,} words, {times} times the least possible."


def _text(packing: Packing) -> str:
    from accelsim.report import table

    capacity, arch = packing.arch.levels[1].capacity, packing.arch
    lines = [
        f"{packing.layer.name}: tiles in a buffer of {capacity:,} words of {arch.word} bits",
        str(packing.mapping),
        table(HEADS, table_rows(packing)),
        sentence(packing),
    ]
    return "\n".join(lines)


def _figure(packing: Packing) -> str:
    capacity = packing.arch.levels[1].capacity
    assert isinstance(capacity, int)
    tensors = list(enumerate(packing.layer.tensors))
    most = max(capacity, packing.need)
    pieces = [(number, packing.room(tensor), tensor.name) for number, tensor in tensors]
    free = [(6, float(capacity - packing.need), "free")]
    return (
        f'<p class="title">{escape(str(packing.layer))}</p><p class="say">{sentence(packing)}</p>'
        f"{figures.bar(pieces + free, most)}{figures.legend([*((n, t.name) for n, t in tensors), (6, 'free')])}"
        f'<pre class="nest">{packing.mapping}\n\n{packing.mapping.pretty()}</pre>'
        f"{figures.framed(figures.table('Words of a tile, and words moved', HEADS, table_rows(packing)))}"
    )
