"""Draws your own answers, before anyone judges them.

Every picture is a table: rows and columns have names, and a sign or a number stands in each cell beside its colour.
In the notebook it is drawn; `print(picture)` gives the same as text.
"""

import functools
import html
import math
from collections import Counter
from dataclasses import dataclass
from numbers import Number

import numpy as np

import accelsim
from autograder.student import STOPPED, at_own_line, explain

LOOKS = {
    "": "background:var(--jp-layout-color0,transparent)",
    "left": "background:var(--jp-layout-color0,transparent)",
    "right": "background:var(--jp-layout-color0,transparent)",
    "on": "background:#1f5fa8;color:#fff",
    "pad": "background:#dcdcdc;color:#333",
    "bad": "background:#8a2f00;color:#fff;font-weight:bold",
}


MOST_LINES = 40


@dataclass(frozen=True)
class Table:
    """A caption, names of columns, and rows of (name, cells); a cell is (text, look)."""

    caption: str
    columns: tuple
    rows: tuple

    def __str__(self):
        lines = [("", *self.columns), *((name, *(text for text, _ in cells)) for name, cells in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        text = [" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([self.caption, *text] if self.caption else text)

    def html(self):
        """The same as an HTML table."""
        head = "".join(_heading("col", name) for name in self.columns)
        body = "".join(f"<tr>{_heading('row', name)}{''.join(map(_cell, cells))}</tr>" for name, cells in self.rows)
        style = "border-collapse:collapse;margin:4px 24px 12px 0;font-family:monospace"
        above = "caption-side:top;text-align:left;white-space:nowrap"
        caption = f'<caption style="{above}">{html.escape(self.caption)}</caption>'
        return f'<table style="{style}">{caption}<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'


@dataclass(frozen=True)
class Picture:
    """Some tables and a sentence that says how to read them."""

    says: str
    tables: tuple = ()

    def __repr__(self):
        return "\n\n".join([self.says, *map(str, self.tables)])

    def _repr_html_(self):
        tables = "".join(table.html() for table in self.tables)
        side_by_side = "display:flex;flex-wrap:wrap;align-items:flex-start"
        return f'<p>{html.escape(self.says)}</p><div style="{side_by_side}">{tables}</div>'


class CannotDraw(Exception):
    """Says in a sentence what is missing from the picture."""


def picture(draw):
    """A drawing that answers with a sentence where there is nothing to draw yet."""

    @functools.wraps(draw)
    def drawn(*args, **names):
        try:
            return draw(*args, **names)
        except CannotDraw as fault:
            return Picture(str(fault))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
            return Picture(
                f"This picture cannot read your answer ({type(fault).__name__}: {fault}). The check says more."
            )

    return drawn


@picture
def windows(output_shape, *, H, W, R, S, stride, pad):
    """Your windows on the rows and on the columns of an input, one line for each."""
    answer = _ask(output_shape, H, W, R, S, stride, pad)
    if not (isinstance(answer, tuple | list) and len(answer) == 2 and all(isinstance(x, Number) for x in answer)):
        raise CannotDraw(f"output_shape returned {answer!r}; the picture needs two numbers, (P, Q).")
    P, Q = answer
    if max(P, Q) > MOST_LINES:
        raise CannotDraw(
            f"You say P = {P} and Q = {Q}; the picture holds {MOST_LINES} windows. Choose a smaller input."
        )
    says = (
        f"You say P = {P} and Q = {Q}. x: a word under the filter, 0: a zero of the padding under the filter, "
        "!: the filter hangs over the edge. Could another window still fit after the last one?"
    )
    return Picture(says, (_windows("p", "h", P, H, R, stride, pad), _windows("q", "w", Q, W, S, stride, pad)))


@picture
def taps(conv, *, H, W, R, S, stride, pad):
    """Which word of the filter each input word meets, for every output word: your conv, asked word by word."""
    if R * S > 26:
        raise CannotDraw(f"A filter of {R}x{S} has more words than the alphabet; choose a smaller one.")
    letters = "abcdefghijklmnopqrstuvwxyz"[: R * S]
    weights = np.arange(1.0, R * S + 1).reshape(1, 1, R, S)
    answers = {
        where: _ofmap(conv, _one_hot(H, W, *where), weights, np.zeros(1), stride, pad) for where in np.ndindex(H, W)
    }
    P, Q = answers[0, 0].shape[2:]
    key = _grid("the filter", [[(letters[r * S + s], "") for s in range(S)] for r in range(R)], "r", "s")
    grids = [
        _grid(
            f"ofmap word ({p}, {q})",
            [[_tap(answers[h, w], p, q, letters) for w in range(W)] for h in range(H)],
            "h",
            "w",
        )
        for p, q in np.ndindex(P, Q)
    ]
    says = (
        f"Each table is the {H}x{W} input as one word of your ofmap sees it; a letter is the word of the filter that "
        "this input word is multiplied by. (A letter that falls on padding is not seen.) On an input of zeros with 3 "
        f"channels and a bias of 1 your ofmap holds {_holds(conv, stride, pad)}."
    )
    return Picture(says, (key, *grids))


@picture
def uses(conv, *, H, W, R, S, stride, pad):
    """How many multiplications of your conv use each input word, for one channel and one filter."""
    ones = np.ones((1, 1, R, S))
    counts = [
        [round(_ofmap(conv, _one_hot(H, W, h, w), ones, np.zeros(1), stride, pad).sum()) for w in range(W)]
        for h in range(H)
    ]
    most = max(1, *(abs(count) for row in counts for count in row))
    grid = _grid("", [[(str(count), count / most) for count in row] for row in counts], "h", "w")
    idle = sum(count == 0 for row in counts for count in row)
    says = (
        f"How many of your multiplications use each input word: {sum(map(sum, counts))} in all, and {idle} of the "
        f"{H * W} words are never used."
    )
    return Picture(says, (grid,))


@picture
def fc(fc_filter, conv, C, H, W):
    """Where each weight of a fully connected layer went, and your conv with that filter beside the matrix product."""
    size = C * H * W
    filters = _shaped(_ask(fc_filter, np.arange(float(size)).reshape(1, size), C, H, W), 4, "fc_filter", "M, C, R, S")
    channels = [[[(f"{x:g}", "") for x in row] for row in channel] for channel in filters[0]]
    grids = [_grid(f"filter 0, channel {c}", channel, "r", "s") for c, channel in enumerate(channels)]
    says = (
        f"Weights 0 to {size - 1} of one output, where you put them. They belong to the ifmap's words in ravel() order."
    )
    weights, ifmap = np.cos(np.arange(3.0 * size)).reshape(3, size), np.sin(np.arange(float(size))).reshape(1, C, H, W)
    try:
        ofmap = _ofmap(conv, ifmap, np.asarray(_ask(fc_filter, weights, C, H, W)), np.zeros(3), 1, 0)
    except CannotDraw as fault:
        return Picture(f"{says} {fault}", tuple(grids))
    if ofmap.shape != (1, 3, 1, 1):
        return Picture(
            f"{says} Your conv makes (1, 3, 1, 1) of it when it is right; it made {ofmap.shape}.", tuple(grids)
        )
    rows = [("your conv", ofmap.ravel()), ("weights @ ifmap", weights @ ifmap.ravel())]
    cells = tuple((name, tuple((f"{x:.4f}", "") for x in values)) for name, values in rows)
    return Picture(says, (*grids, Table("the layer's three outputs", ("m0", "m1", "m2"), cells)))


@picture
def blocks(dense_filter, *, M, C, groups, R=3, S=3):
    """Which input channel each output channel listens to in your dense filter."""
    weights = np.arange(1.0, M * C // groups * R * S + 1).reshape(M, C // groups, R, S)
    filters = _shaped(_ask(dense_filter, weights, groups), 4, "dense_filter", "M, C, R, S")
    used = (filters != 0).any(axis=(2, 3))
    cells = [[("#", "on") if x else (".", "") for x in row] for row in used]
    grid = _grid(f"M = {M}, C = {C}, {groups} groups", cells, "m", "c")
    says = f"#: a filter with weights, .: all zeros. {used.sum()} of {used.size} pairs of channels have a filter."
    return Picture(says, (grid,))


@picture
def bars(count, layers, unit):
    """Your count for each layer, as numbers and as bars."""
    counts = {name: _number(_ask(count, dict(layer)), count.__name__) for name, layer in layers.items()}
    most, total = max(1, *counts.values()), max(1, sum(counts.values()))
    rows = [
        (name, ((f"{x:,}", "right"), (f"{x / total:.1%}", "right"), (_bar(x / most), "left")))
        for name, x in counts.items()
    ]
    return Picture(
        f"Your {unit}, layer by layer, and each layer's share.", (Table("", (unit, "share", ""), tuple(rows)),)
    )


@picture
def touched(footprint, layer):
    """The rows and columns you say the layer touches, on its input with the padding round it."""
    answer = _ask(footprint, dict(layer))
    if not isinstance(answer, dict) or not {"rows", "columns"} <= set(answer):
        raise CannotDraw(f"footprint returned {answer!r}; the picture needs a dictionary with rows and columns.")
    rows, columns = (Counter(int(x) for x in answer[name]) for name in ("rows", "columns"))
    pad = layer["pad"]
    down, across = (_around(layer[size], pad, seen) for size, seen in (("H", rows), ("W", columns)))
    cells = [[_touch(rows[h] * columns[w], 0 <= h < layer["H"] and 0 <= w < layer["W"]) for w in across] for h in down]
    lines = tuple((f"h{h}", tuple(row)) for h, row in zip(down, cells, strict=True))
    grid = Table("", tuple(f"w{w}" for w in across), lines)
    says = (
        "x: a word you say is touched, .: not touched, o: padding, !: you touch what is not data; a number: you listed "
        f"it that often. Words: {', '.join(f'{name} {answer.get(name)}' for name in ('ifmap', 'filter', 'ofmap'))}."
    )
    return Picture(says, (grid,))


@picture
def simulator(einsum_bounds, macs, footprint, layer):
    """Your bounds as a layer of the simulator, and its counts beside yours."""
    bounds = _ask(einsum_bounds, dict(layer))
    if not isinstance(bounds, dict):
        raise CannotDraw(f"einsum_bounds returned {bounds!r}; the picture needs a dictionary of bounds.")
    try:
        same = accelsim.einsum("your layer", axes(layer["stride"]), **{name: int(x) for name, x in bounds.items()})
    except ValueError as fault:
        return Picture(f"The simulator does not accept these bounds. {fault}")
    mine = _ask(footprint, dict(layer))
    rows = [("MACs", _ask(macs, dict(layer)), same.macs)]
    rows += [(f"{name} words", mine[name], same.words(name)) for name in ("ifmap", "filter", "ofmap")]
    lines = tuple((name, (*((f"{x:,}", "right") for x in pair), _agree(*pair))) for name, *pair in rows)
    return Picture(str(same), (Table("", ("yours", "accelsim", ""), lines),))


def axes(stride):
    """The einsum of a grouped convolution with that stride."""
    step = "" if stride == 1 else str(stride)
    return f"ofmap[N G M P Q] += ifmap[N G C {step}P+R {step}Q+S] * filter[G M C R S]"


# ------------------------------------------------------------------------------------------------ small pieces


def _ask(function, *args):
    try:
        answer = function(*args)
    except NotImplementedError:
        raise CannotDraw(f"Nothing to draw yet: write {function.__name__}, run its cell, then run this one.") from None
    except KeyboardInterrupt as error:
        raise CannotDraw(f"Nothing to draw: {STOPPED}{at_own_line(error)}") from None
    except SystemExit as error:
        raise CannotDraw(f"Nothing to draw: {function.__name__} called exit{at_own_line(error)}") from None
    except Exception as error:
        raise CannotDraw(f"Nothing to draw: {function.__name__}{_shapes(args)} stopped. {explain(error)}") from None
    if answer is None:
        raise CannotDraw(f"{function.__name__} returned None. Does it end with return?")
    return answer


def _shapes(args):
    return f"({', '.join(f'array {x.shape}' if isinstance(x, np.ndarray) else repr(x) for x in args)})"


def _shaped(answer, ndim, name, names):
    array = np.asarray(answer)
    if array.ndim != ndim or array.dtype == object:
        raise CannotDraw(f"{name} returned something of shape {array.shape}; the picture needs ({names}).")
    return array


def _ofmap(conv, *args):
    return _shaped(_ask(conv, *args), 4, "conv", "N, M, P, Q")


def _number(x, name):
    if not isinstance(x, Number):
        raise CannotDraw(f"{name} returned {x!r}; the picture needs a number.")
    return x


def _one_hot(H, W, h, w):
    ifmap = np.zeros((1, 1, H, W))
    ifmap[0, 0, h, w] = 1
    return ifmap


def _holds(conv, stride, pad):
    ofmap = _ofmap(conv, np.zeros((1, 3, 5, 7)), np.ones((1, 3, 2, 3)), np.ones(1), stride, pad)
    return " and ".join(f"{x:g}" for x in np.unique(ofmap)[:4])


def _tap(ofmap, p, q, letters):
    value = ofmap[0, 0, p, q]
    if value == 0:
        return ".", ""
    known = value == int(value) and 1 <= value <= len(letters)
    return (letters[int(value) - 1], "on") if known else (f"{value:g}!", "bad")


def _windows(name, axis, count, size, kernel, stride, pad):
    starts = [i * stride - pad for i in range(math.ceil(count))]
    last = max([size + pad, *(start + kernel for start in starts)])
    columns = range(-pad, last)

    def cell(start, x):
        if not start <= x < start + kernel:
            return ".", ""
        if x >= size + pad:
            return "!", "bad"
        return ("x", "on") if 0 <= x < size else ("0", "pad")

    rows = tuple((f"{name}{i}", tuple(cell(start, x) for x in columns)) for i, start in enumerate(starts))
    return Table(f"windows {name}, over inputs {axis}", tuple(f"{axis}{x}" for x in columns), rows)


def _around(size, pad, seen):
    return range(min([-pad, *seen]), max([size + pad, *(x + 1 for x in seen)]))


def _touch(times, data):
    if not times:
        return (".", "") if data else ("o", "pad")
    if not data:
        return "!", "bad"
    return ("x", "on") if times == 1 else (str(times), "bad")


def _grid(caption, cells, row, column):
    names = tuple(f"{column}{i}" for i in range(len(cells[0]) if cells else 0))
    return Table(caption, names, tuple((f"{row}{i}", tuple(line)) for i, line in enumerate(cells)))


def _agree(mine, other):
    return ("same", "") if mine == other else (f"{other - mine:+,}", "bad")


def _bar(share):
    return ("█" * max(1, round(30 * share)) if share > 0 else "").ljust(30)


def _shade(share):
    red, green, blue = (round(255 - share * (255 - full)) for full in (31, 95, 168))
    return f"background:rgb({red},{green},{blue});color:{'#fff' if share > 0.84 else '#000'}"


def _heading(scope, name):
    return f'<th scope="{scope}" style="padding:1px 5px">{html.escape(str(name))}</th>'


def _cell(cell):
    text, look = cell
    if isinstance(look, float):
        look, style = "", _shade(look)
    else:
        style = LOOKS[look]
    side = look if look in ("left", "right") else "center"
    return f'<td style="padding:1px 5px;text-align:{side};{style}">{html.escape(text)}</td>'
