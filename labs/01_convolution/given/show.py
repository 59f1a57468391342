"""Draws your own answers, before anyone judges them.

Every picture is a table: rows and columns have names, and a sign or a number stands in each cell beside its colour.
In the notebook it is drawn; `print(picture)` gives the same as text.
"""

import math
from collections import Counter
from numbers import Number

import numpy as np

import accelsim
from autograder.pictures import CannotDraw, Picture, Table, ask, bar, grid, picture

MOST_LINES = 40


@picture
def windows(output_shape, *, H, W, R, S, stride, pad):
    """Your windows on the rows and on the columns of an input, one line for each."""
    answer = ask(output_shape, H, W, R, S, stride, pad)
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
    key = grid("the filter", [[(letters[r * S + s], "") for s in range(S)] for r in range(R)], "r", "s")
    grids = [
        grid(
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
    drawn = grid("", [[(str(count), count / most) for count in row] for row in counts], "h", "w")
    idle = sum(count == 0 for row in counts for count in row)
    says = (
        f"How many of your multiplications use each input word: {sum(map(sum, counts))} in all, and {idle} of the "
        f"{H * W} words are never used."
    )
    return Picture(says, (drawn,))


@picture
def fc(fc_filter, conv, C, H, W):
    """Where each weight of a fully connected layer went, and your conv with that filter beside the matrix product."""
    size = C * H * W
    filters = _shaped(ask(fc_filter, np.arange(float(size)).reshape(1, size), C, H, W), 4, "fc_filter", "M, C, R, S")
    channels = [[[(f"{x:g}", "") for x in row] for row in channel] for channel in filters[0]]
    grids = [grid(f"filter 0, channel {c}", channel, "r", "s") for c, channel in enumerate(channels)]
    says = (
        f"Weights 0 to {size - 1} of one output, where you put them. They belong to the ifmap's words in ravel() order."
    )
    weights, ifmap = np.cos(np.arange(3.0 * size)).reshape(3, size), np.sin(np.arange(float(size))).reshape(1, C, H, W)
    try:
        ofmap = _ofmap(conv, ifmap, np.asarray(ask(fc_filter, weights, C, H, W)), np.zeros(3), 1, 0)
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
    filters = _shaped(ask(dense_filter, weights, groups), 4, "dense_filter", "M, C, R, S")
    used = (filters != 0).any(axis=(2, 3))
    cells = [[("#", "on") if x else (".", "") for x in row] for row in used]
    drawn = grid(f"M = {M}, C = {C}, {groups} groups", cells, "m", "c")
    says = f"#: a filter with weights, .: all zeros. {used.sum()} of {used.size} pairs of channels have a filter."
    return Picture(says, (drawn,))


@picture
def bars(count, layers, unit):
    """Your count for each layer, as numbers and as bars."""
    counts = {name: _number(ask(count, dict(layer)), count.__name__) for name, layer in layers.items()}
    most, total = max(1, *counts.values()), max(1, sum(counts.values()))
    rows = [
        (name, ((f"{x:,}", "right"), (f"{x / total:.1%}", "right"), (bar(x / most), "left")))
        for name, x in counts.items()
    ]
    return Picture(
        f"Your {unit}, layer by layer, and each layer's share.", (Table("", (unit, "share", ""), tuple(rows)),)
    )


@picture
def touched(footprint, layer):
    """The rows and columns you say the layer touches, on its input with the padding round it."""
    answer = ask(footprint, dict(layer))
    if not isinstance(answer, dict) or not {"rows", "columns"} <= set(answer):
        raise CannotDraw(f"footprint returned {answer!r}; the picture needs a dictionary with rows and columns.")
    rows, columns = (Counter(int(x) for x in answer[name]) for name in ("rows", "columns"))
    pad = layer["pad"]
    down, across = (_around(layer[size], pad, seen) for size, seen in (("H", rows), ("W", columns)))
    cells = [[_touch(rows[h] * columns[w], 0 <= h < layer["H"] and 0 <= w < layer["W"]) for w in across] for h in down]
    lines = tuple((f"h{h}", tuple(row)) for h, row in zip(down, cells, strict=True))
    drawn = Table("", tuple(f"w{w}" for w in across), lines)
    says = (
        "x: a word you say is touched, .: not touched, o: padding, !: you touch what is not data; a number: you listed "
        f"it that often. Words: {', '.join(f'{name} {answer.get(name)}' for name in ('ifmap', 'filter', 'ofmap'))}."
    )
    return Picture(says, (drawn,))


@picture
def simulator(einsum_bounds, macs, footprint, layer):
    """Your bounds as a layer of the simulator, and its counts beside yours."""
    bounds = ask(einsum_bounds, dict(layer))
    if not isinstance(bounds, dict):
        raise CannotDraw(f"einsum_bounds returned {bounds!r}; the picture needs a dictionary of bounds.")
    try:
        same = accelsim.einsum("your layer", axes(layer["stride"]), **{name: int(x) for name, x in bounds.items()})
    except ValueError as fault:
        return Picture(f"The simulator does not accept these bounds. {fault}")
    mine = ask(footprint, dict(layer))
    rows = [("MACs", ask(macs, dict(layer)), same.macs)]
    rows += [(f"{name} words", mine[name], same.words(name)) for name in ("ifmap", "filter", "ofmap")]
    lines = tuple((name, (*((f"{x:,}", "right") for x in pair), _agree(*pair))) for name, *pair in rows)
    return Picture(str(same), (Table("", ("yours", "accelsim", ""), lines),))


def axes(stride):
    """The einsum of a grouped convolution with that stride."""
    step = "" if stride == 1 else str(stride)
    return f"ofmap[N G M P Q] += ifmap[N G C {step}P+R {step}Q+S] * filter[G M C R S]"


# ------------------------------------------------------------------------------------------------ small pieces


def _shaped(answer, ndim, name, names):
    array = np.asarray(answer)
    if array.ndim != ndim or array.dtype == object:
        raise CannotDraw(f"{name} returned something of shape {array.shape}; the picture needs ({names}).")
    return array


def _ofmap(conv, *args):
    return _shaped(ask(conv, *args), 4, "conv", "N, M, P, Q")


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


def _agree(mine, other):
    return ("same", "") if mine == other else (f"{other - mine:+,}", "bad")
