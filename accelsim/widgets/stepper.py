"""The loop stepper: a small layer, one MAC at a time, with the word of each tensor that it uses."""

from __future__ import annotations

import base64
import itertools
import struct
from collections.abc import Sequence
from html import escape
from typing import Any

from accelsim.widgets import grids
from accelsim.widgets.host import View
from accelsim.widgets.loops import Access, Step, WidgetError, accesses, limits, order_faults, orders, read_order, steps
from accelsim.workload import Layer

LIMIT = 4096  # MACs, and words of a tensor: an address is 12 bits
TABLE = 300  # rows of the table on a page whose scripts do not run
CHANGED, FIRST, LAST = 1 << 12, 1 << 13, 1 << 14

# The counters, in the order shown: key, row heading.
MEASURES = {
    "now": "word used now",
    "distinct": "distinct words so far",
    "reuses": "reuses so far",
    "changes": "changes of word so far",
    "keep": "words seen and needed again",
    "peak": "most of these at once so far",
}
NOTE = (
    "Each MAC uses one word of every tensor, so distinct words and reuses add up to the MACs done. A register that "
    "holds one word is refilled at each change of word; a buffer that is never to fetch a word twice must hold the "
    "words seen and needed again, so it needs room for the most of these at once."
)
LEGEND = (
    "Blank: not used yet. One stroke: used, and needed again. Crossed: used for the last time (a word of the output "
    "is then complete; before, it is a partial sum). Framed, with its letter: used now."
)


def loop_stepper(layer: Layer, order: str | Sequence[str] | None = None, step: int = 1) -> View:
    """Walk through a layer one MAC at a time: play, step, scrub, and choose the order of the loops.

    `order` names the loops, outermost first (by default the output's loops outermost); the view also offers one
    order per tensor that keeps this tensor's word longest. `step` is the MAC shown first, from 1. Live in Jupyter,
    `view.widget.step` and `view.widget.order` follow the reader and may be set.
    Raises `WidgetError` for an order that is not the layer's, and for more than 4,096 MACs or words of a tensor.

    >>> from accelsim import conv
    >>> print(loop_stepper(conv("tiny", C=2, P=2, Q=3, R=2), "N M P Q C R S", step=7))
    tiny: ofmap[N M P Q] += ifmap[N C P+R Q+S] * filter[M C R S]  (N=1 M=1 C=2 P=2 Q=3 R=2 S=1)
    MAC 7 of 24: ofmap[0 0 0 1] += ifmap[0 1 0 1] * filter[0 1 0 0]
    for N in range(1):  N=0
      for M in range(1):  M=0
        for P in range(2):  P=0
          for Q in range(3):  Q=1
            for C in range(2):  C=1
              for R in range(2):  R=0
                for S in range(1):  S=0
                  ofmap[N M P Q] += ifmap[N C P+R Q+S] * filter[M C R S]
    ifmap: rows P+R, columns Q+S, one grid per C
    C=0
    xx.
    //.
    ...
    C=1
    xI.
    /..
    ...
    filter: rows C, columns R
    //
    F/
    ofmap: rows P, columns Q
    xO.
    ...
    """
    if not isinstance(layer, Layer):
        raise WidgetError(f"the loop stepper draws a layer such as accelsim.conv(...); got {layer!r}")
    faults = [*limits(layer, LIMIT), *order_faults(layer, order), *_step_faults(layer, step)]
    if faults:
        raise WidgetError(f"{layer.name} cannot be stepped through as asked\n  " + "\n  ".join(faults))
    loops = read_order(layer, order)
    data = _data(layer, loops)
    shown = step if step > 1 else (layer.macs + 1) // 2  # a page or a PDF without script shows the middle of the walk
    return View(
        "loop_stepper",
        data,
        {"order": " ".join(loops), "step": step},
        _figure(layer, loops, shown),
        _text(layer, loops, step),
        picture=lambda: _plot(layer, loops, shown),
    )


def _plot(layer: Layer, loops: tuple[str, ...], number: int) -> bytes:
    from accelsim import plot

    used = accesses(layer, loops)
    lines: list[tuple[str, str, str]] = []
    for tensor in layer.tensors:
        grid, uses = grids.grid(layer, tensor), used[tensor.name][:number]
        drawn = grids.text(grid, *_marks(uses), uses[-1].address, "@").splitlines()
        lines += [("", "", f"{tensor.name}: {grid.caption}")]
        lines += [("", "", line) if "=" in line else ("", line, "") for line in drawn]
    said = {".": "not used yet", "/": "used, needed again", "x": "used for the last time", "@": "used now"}
    return plot.png(plot.letters(lines, said, _sentence(layer, number, list(steps(layer, loops))[number - 1])))


def _step_faults(layer: Layer, step: int) -> list[str]:
    legal = isinstance(step, int) and 1 <= step <= layer.macs
    return [] if legal else [f"step must be a MAC from 1 to {layer.macs:,}, got {step!r}"]


def _data(layer: Layer, loops: tuple[str, ...]) -> dict[str, Any]:
    """All that the front end shows; each word of each step packed into 16 bits (address, changed, first, last)."""
    return {
        "title": str(layer),
        "equation": _equation(layer),
        "macs": layer.macs,
        "bounds": layer.dims,
        "measures": MEASURES,
        "note": NOTE,
        "legend": LEGEND,
        "tensors": [_drawing(layer, number) for number in range(len(layer.tensors))],
        "orders": [
            {"loops": order, "name": name, "uses": [_pack(uses) for uses in accesses(layer, order).values()]}
            for order, name in orders(layer, loops).items()
        ],
    }


def _drawing(layer: Layer, number: int) -> dict[str, Any]:
    tensor = layer.tensors[number]
    picture = grids.grid(layer, tensor)
    return {
        "name": tensor.name,
        "text": str(tensor),
        "shape": layer.shape(tensor.name),
        "words": layer.words(tensor.name),
        "caption": picture.caption,
        "svg": grids.svg(picture, _alt(layer, number), _letters(layer)[number]),
        "rows": picture.rows,
        "cols": picture.cols,
        "cell": picture.cell,
        "wide": picture.wide,
        "tiles": [(x, y) for x, y, _ in picture.tiles],
    }


def _pack(uses: Sequence[Access]) -> str:
    """16 bits a use, low byte first, in base64.

    >>> _pack([Access(5, True, False, True)])
    'BVA='
    """
    words = [use.address | CHANGED * use.changed | FIRST * use.first | LAST * use.last for use in uses]
    return base64.b64encode(struct.pack(f"<{len(words)}H", *words)).decode()


def counters(uses: Sequence[Access]) -> dict[str, int]:
    """What the counters say after these uses of one tensor.

    >>> from accelsim import einsum
    >>> layer = einsum("row", "ofmap[Q] += ifmap[Q+S] * filter[S]", Q=2, S=2)
    >>> counters(accesses(layer, "S Q")["ifmap"][:2])
    {'distinct': 2, 'reuses': 0, 'changes': 2, 'keep': 1, 'peak': 1}
    """
    distinct = sum(use.first for use in uses)
    keep = list(itertools.accumulate(use.first - use.last for use in uses))
    return {
        "distinct": distinct,
        "reuses": len(uses) - distinct,
        "changes": sum(use.changed for use in uses),
        "keep": keep[-1],
        "peak": max(keep),
    }


def _letters(layer: Layer) -> list[str]:
    letters = [tensor.name[0].upper() for tensor in layer.tensors]
    return letters if len({*letters}) == len(letters) else [str(number + 1) for number in range(len(letters))]


def _alt(layer: Layer, number: int) -> str:
    tensor = layer.tensors[number]
    extents = " x ".join(map(str, layer.shape(tensor.name))) or "1"
    return f"{tensor} drawn word by word, {extents} words; the counters and the table say the same in numbers"


def _equation(layer: Layer) -> str:
    return f"{layer.output} += {' * '.join(str(tensor) for tensor in layer.tensors[:-1])}"


def _words(layer: Layer, step: Step) -> list[str]:
    return [f"{tensor.name}[{_spaced(word)}]" for tensor, word in zip(layer.tensors, step.words, strict=True)]


def _spaced(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))


def _sentence(layer: Layer, number: int, step: Step) -> str:
    *operands, output = _words(layer, step)
    return f"MAC {number} of {layer.macs}: {output} += {' * '.join(operands)}"


def _nest(layer: Layer, loops: tuple[str, ...], step: Step) -> str:
    lines = [f"for {loop} in range({layer.dims[loop]}):  {loop}={step.point[loop]}" for loop in loops]
    return "\n".join("  " * depth + line for depth, line in enumerate([*lines, _equation(layer)]))


def _marks(uses: Sequence[Access]) -> tuple[list[int], list[int]]:
    spent = {use.address for use in uses if use.last}
    return sorted({use.address for use in uses} - spent), sorted(spent)


def _text(layer: Layer, loops: tuple[str, ...], number: int) -> str:
    step, used = list(steps(layer, loops))[number - 1], accesses(layer, loops)
    lines = [str(layer), _sentence(layer, number, step), _nest(layer, loops, step)]
    for tensor, letter in zip(layer.tensors, _letters(layer), strict=True):
        picture, uses = grids.grid(layer, tensor), used[tensor.name][:number]
        lines += [f"{tensor.name}: {picture.caption}", grids.text(picture, *_marks(uses), uses[-1].address, letter)]
    return "\n".join(lines)


def _figure(layer: Layer, loops: tuple[str, ...], number: int) -> str:
    """The view at one MAC as plain HTML, for a page whose scripts do not run: pictures, counters, table of steps."""
    walk, used = list(steps(layer, loops)), accesses(layer, loops)
    step = walk[number - 1]
    pictures = "".join(_picture(layer, place, used[tensor.name][:number]) for place, tensor in enumerate(layer.tensors))
    return (
        f'<p class="title">{escape(str(layer))}</p><p class="now-line">{_sentence(layer, number, step)}</p>'
        f'<div class="parts"><pre class="nest">{_nest(layer, loops, step)}</pre>'
        f'<div class="grids">{pictures}<p class="note">{LEGEND}</p></div>'
        f"{_counter_table(layer, step, used, number)}</div>"
        f'<p class="note">{NOTE}</p>{_step_table(layer, loops, walk)}'
    )


def _picture(layer: Layer, place: int, uses: Sequence[Access]) -> str:
    tensor, letter = layer.tensors[place], _letters(layer)[place]
    picture = grids.grid(layer, tensor)
    drawn = grids.svg(picture, _alt(layer, place), letter, *_marks(uses), uses[-1].address)
    frame = '<div class="frame wide" tabindex="0">' if picture.wide else '<div class="frame">'
    return f'<div class="tensor"><p class="name"><b>{tensor}</b> {picture.caption}</p>{frame}{drawn}</div></div>'


def _counter_table(layer: Layer, step: Step, used: dict[str, list[Access]], number: int) -> str:
    columns = [
        {"now": f"[{_spaced(word)}]", **counters(used[tensor.name][:number])}
        for tensor, word in zip(layer.tensors, step.words, strict=True)
    ]
    rows = [
        f"<tr><th scope=row>{heading}</th>{''.join(f'<td>{column[key]}</td>' for column in columns)}</tr>"
        for key, heading in MEASURES.items()
    ]
    names = "".join(f"<th scope=col>{tensor.name}</th>" for tensor in layer.tensors)
    head = f"<caption>After MAC {number}</caption><tr><td></td>{names}</tr>"
    return f"<table class=counters>{head}{''.join(rows)}</table>"


def _step_table(layer: Layer, loops: tuple[str, ...], walk: list[Step]) -> str:
    heads = "".join(f"<th scope=col>{head}" for head in ["MAC", *loops, *(tensor.name for tensor in layer.tensors)])
    rows = "".join(
        f"<tr><th>{number}<td>{'<td>'.join([*map(str, step.point.values()), *map(_spaced, step.words)])}"
        for number, step in enumerate(walk[:TABLE], 1)
    )
    which = f"the first {TABLE} of" if layer.macs > TABLE else "all"
    return (
        f"<details><summary>Table of {which} {layer.macs} MACs</summary>"
        f"<table class=steps><caption>Loop order {' '.join(loops)}: loop indices, and the word of each tensor</caption>"
        f"<tr>{heads}{rows}</table></details>"
    )
