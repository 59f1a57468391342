"""A tensor drawn as grids of words: two axes make a grid, the axes before them a row of grids."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from accelsim.workload import Layer, Tensor

WIDTH, TALL = 310, 380  # px: a row of grids, so that it fits a phone; all rows, where smaller words can do it
LARGEST, SMALLEST, GAP, LABEL = 22, 7, 12, 14  # px: side of a word, space between grids, height of a line of text


@dataclass(frozen=True)
class Grid:
    """Where the words of a tensor are drawn, in px.

    `tiles` holds (x, y, label) of each grid; a grid has `rows` x `cols` words of side `cell`. The word at
    row-major address `a` is word `a mod (rows x cols)` of grid `a div (rows x cols)`.
    """

    caption: str
    rows: int
    cols: int
    cell: int
    tiles: tuple[tuple[int, int, str], ...]
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it is too wide for a phone even with the smallest words, and must scroll."""
        return self.width > WIDTH + GAP

    def place(self, address: int) -> tuple[int, int]:
        """The upper left corner of the word at an address."""
        tile, word = divmod(address, self.rows * self.cols)
        row, col = divmod(word, self.cols)
        x, y, _ = self.tiles[tile]
        return x + col * self.cell, y + row * self.cell


def grid(layer: Layer, tensor: Tensor) -> Grid:
    """The drawing of a tensor: its last two axes longer than 1 make a grid, those before them a row of grids.

    >>> from accelsim import conv
    >>> layer = conv("c", C=2, P=3, Q=4, R=2, S=3)
    >>> picture = grid(layer, layer.tensor("ifmap"))
    >>> picture.caption
    'rows P+R, columns Q+S, one grid per C'
    >>> picture.rows, picture.cols, [label for _, _, label in picture.tiles]
    (4, 6, ['C=0', 'C=1'])
    """
    axes = [
        (str(rank), extent) for rank, extent in zip(tensor.ranks, layer.shape(tensor.name), strict=True) if extent > 1
    ]
    outer, inner = axes[:-2], axes[-2:]
    rows, cols = (inner[0][1] if len(inner) == 2 else 1), (inner[-1][1] if inner else 1)
    labels = [
        " ".join(f"{axis}={index}" for (axis, _), index in zip(outer, place, strict=True))
        for place in itertools.product(*(range(extent) for _, extent in outer))
    ]
    largest = max(SMALLEST, min(LARGEST, (WIDTH - LABEL) // cols))
    group = outer[-1][1] if len(outer) > 1 else 1
    pictures = [
        _lay(_caption(outer, inner), rows, cols, labels, group, cell) for cell in range(largest, SMALLEST - 1, -1)
    ]
    return next((picture for picture in pictures if picture.height <= TALL), pictures[-1])


def _lay(caption: str, rows: int, cols: int, labels: list[str], group: int, cell: int) -> Grid:
    """Grids side by side as far as the width goes, in rows that hold whole groups (the last outer axis) if they can."""
    head = LABEL + (LABEL if labels[0] else 0)
    wide = max(LABEL + cols * cell, max(map(len, labels)) * 7) + GAP
    high = head + rows * cell + GAP // 2
    fit = max(1, (WIDTH + GAP) // wide)
    across = min(len(labels), max(fit - fit % group, 1) if fit >= group else fit)
    places = [divmod(number, across) for number in range(len(labels))]
    tiles = tuple(
        (LABEL + col * wide, head + row * high, label) for (row, col), label in zip(places, labels, strict=True)
    )
    return Grid(caption, rows, cols, cell, tiles, across * wide, math.ceil(len(labels) / across) * high)


def _caption(outer: list[tuple[str, int]], inner: list[tuple[str, int]]) -> str:
    parts = [f"rows {inner[0][0]}"] if len(inner) == 2 else []
    parts += [f"columns {inner[-1][0]}"] if inner else ["a single word"]
    parts += ["one grid per " + " ".join(axis for axis, _ in outer)] if outer else []
    return ", ".join(parts)


def svg(picture: Grid, alt: str, letter: str, seen: Iterable[int] = (), spent: Iterable[int] = (), now: int = 0) -> str:
    """The grids as SVG: words not used blank, `seen` with one stroke, `spent` crossed out, `now` framed and lettered.

    The front end moves the marks (`.seen`, `.spent`, `.now`) and leaves all else as drawn here.
    """
    x, y = picture.place(now)
    cell, middle = picture.cell, picture.cell // 2
    text = f'<text x="{middle}" y="{middle}">{escape(letter)}</text>' if cell >= 12 else ""
    return (
        f'<svg viewBox="0 0 {picture.width} {picture.height}" width="{picture.width}" height="{picture.height}"'
        f' role="img" aria-label="{escape(alt)}">{_words(picture)}{_names(picture)}'
        f'<path class="seen" d="{_marks(picture, seen, False)}"/>'
        f'<path class="spent" d="{_marks(picture, spent, True)}"/>'
        f'<g class="now" transform="translate({x} {y})"><rect width="{cell}" height="{cell}"/>{text}</g></svg>'
    )


def _words(picture: Grid) -> str:
    wide, high, cell = picture.cols * picture.cell, picture.rows * picture.cell, picture.cell
    lines = "".join(f"M0 {row * cell}h{wide}" for row in range(picture.rows + 1))
    lines += "".join(f"M{col * cell} 0v{high}" for col in range(picture.cols + 1))
    return "".join(f'<path class="words" transform="translate({x} {y})" d="{lines}"/>' for x, y, _ in picture.tiles)


def _names(picture: Grid) -> str:
    texts = []
    for x, y, label in picture.tiles:
        texts += [f'<text x="{x}" y="{y - LABEL - 3}">{escape(label)}</text>'] if label else []
        if picture.cell >= 14:
            middle = picture.cell // 2
            texts += [_at(x + col * picture.cell + middle, y - 4, col) for col in range(picture.cols)]
            texts += [_at(x - 7, y + row * picture.cell + middle + 4, row) for row in range(picture.rows)]
    return "".join(texts)


def _at(x: int, y: int, index: int) -> str:
    return f'<text class="at" x="{x}" y="{y}">{index}</text>'


def _marks(picture: Grid, addresses: Iterable[int], crossed: bool) -> str:
    side = picture.cell
    cross = f"m-{side} 0l{side} {side}" if crossed else ""
    places = (picture.place(address) for address in sorted(set(addresses)))
    return "".join(f"M{x} {y}h{side}v{side}h-{side}zm0 {side}l{side} -{side}{cross}" for x, y in places)


def text(picture: Grid, seen: Iterable[int], spent: Iterable[int], now: int, letter: str) -> str:
    """The grids in characters: `.` not touched, `/` used, `x` used for the last time, the letter: the word now.

    >>> from accelsim import conv
    >>> layer = conv("c", P=2, Q=4, R=2)
    >>> print(text(grid(layer, layer.tensor("ifmap")), {0, 1, 2, 3}, {0}, 3, "I"))
    x//I
    ....
    ....
    """
    signs = dict.fromkeys(seen, "/") | dict.fromkeys(spent, "x") | {now: letter}
    size = picture.rows * picture.cols
    blocks = []
    for number, (_, _, label) in enumerate(picture.tiles):
        words = [signs.get(number * size + word, ".") for word in range(size)]
        lines = ["".join(words[row * picture.cols : (row + 1) * picture.cols]) for row in range(picture.rows)]
        blocks.append("\n".join([label, *lines] if label else lines))
    return "\n".join(blocks)
