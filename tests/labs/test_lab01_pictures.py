"""Lab 1's pictures draw the student's own answer, and say in a sentence when they cannot."""

import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from autograder import pictures

LAB = Path(__file__).resolve().parents[2] / "labs" / "01_convolution"


def given(name):
    spec = importlib.util.spec_from_file_location(f"_lab01_{name}", LAB / "given" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


show, layers = given("show"), given("layers")


def conv(ifmap, weights, bias, stride, pad):
    padded = np.pad(ifmap, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ncpqrs,mcrs->nmpq", windows, weights) + bias[:, None, None]


def flipped(ifmap, weights, *rest):
    return conv(ifmap, weights[:, :, ::-1, ::-1], *rest)


def unwritten(*args):
    raise NotImplementedError


def crashing(*args):
    return np.zeros(3)[7]


DRAWINGS = {
    "windows": lambda f: show.windows(f, H=4, W=5, R=2, S=3, stride=1, pad=0),
    "taps": lambda f: show.taps(f, H=4, W=5, R=2, S=3, stride=1, pad=0),
    "uses": lambda f: show.uses(f, H=4, W=5, R=2, S=3, stride=1, pad=0),
    "fc": lambda f: show.fc(f, conv, C=2, H=2, W=3),
    "fc, with that conv": lambda f: show.fc(lambda weights, C, H, W: weights.reshape(-1, C, H, W), f, C=2, H=2, W=3),
    "blocks": lambda f: show.blocks(f, M=4, C=6, groups=2),
    "bars": lambda f: show.bars(f, layers.alexnet, "MACs"),
    "touched": lambda f: show.touched(f, layers.tiny),
    "simulator": lambda f: show.simulator(f, lambda layer: 1, lambda layer: {}, layers.conv2),
}
each_drawing = pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
ODD = (
    None,
    3,
    "text",
    (),
    (1, 2, 3),
    {},
    [],
    np.zeros(2),
    np.zeros((1, 1, 0, 0)),
    float("nan"),
    {"rows": 3, "columns": None},
)


@each_drawing
def test_a_function_not_written_yet_is_asked_for_by_name(draw):
    assert "write unwritten" in str(draw(unwritten))


@each_drawing
def test_a_function_that_crashes_is_shown_its_own_line_and_no_traceback_of_ours(draw):
    told = str(draw(crashing))
    assert "IndexError" in told
    assert "np.zeros(3)[7]" in told


def stopped(*args):
    raise KeyboardInterrupt


def exiting(*args):
    raise SystemExit


@each_drawing
@pytest.mark.parametrize(
    ("function", "says"),
    [
        (stopped, "Nothing to draw: stopped by you at line"),
        (exiting, "Nothing to draw: exiting called exit at line"),
    ],
)
def test_a_function_that_is_stopped_or_exits_is_told_its_own_line_and_ends_nothing(draw, function, says):
    assert says in str(draw(function))


@each_drawing
@pytest.mark.parametrize("answer", ODD, ids=map(str, range(len(ODD))))
def test_an_odd_answer_is_told_in_a_sentence(draw, answer):
    assert str(draw(lambda *args: answer))


def test_a_right_conv_shows_the_letters_in_order_and_a_flipped_one_backwards():
    assert "h0 a b c . .".split() == line(
        show.taps(conv, H=4, W=5, R=2, S=3, stride=1, pad=0), "ofmap word (0, 0)", "h0"
    )
    assert "h0 f e d . .".split() == line(
        show.taps(flipped, H=4, W=5, R=2, S=3, stride=1, pad=0), "ofmap word (0, 0)", "h0"
    )


def line(drawn, caption, name):
    table = next(t for t in drawn.tables if t.caption == caption)
    return next(words for words in map(str.split, str(table).splitlines()) if words[0] == name)


def test_uses_add_up_to_the_multiplications_on_data():
    assert "36 in all, and 7 of the 35 words are never used" in str(
        show.uses(conv, H=5, W=7, R=2, S=3, stride=2, pad=0)
    )


def test_a_window_that_hangs_over_the_edge_is_marked():
    assert "!" in str(show.windows(lambda *a: (2, 3), H=4, W=5, R=3, S=2, stride=2, pad=0).tables[0])
    assert "!" not in str(show.windows(lambda *a: (1, 2), H=4, W=5, R=3, S=2, stride=2, pad=0).tables[0])


def test_padding_taken_for_data_is_marked():
    rows = dict(rows=[-1, 0, 2, 3], columns=[0])
    assert "!" in str(show.touched(lambda layer: rows, layers.tiny).tables[0])


class Cells(HTMLParser):
    """Counts the tags of a fragment and keeps its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data.split()


def test_what_is_drawn_is_a_table_with_named_rows_and_columns_and_the_same_text():
    drawn = show.taps(conv, H=4, W=5, R=2, S=3, stride=1, pad=0)
    page = Cells(drawn._repr_html_())
    assert str(drawn).split() == page.text
    assert {"col", "row"} == {attrs["scope"] for tag, attrs in page.tags if tag == "th"}


def test_shades_keep_their_numbers_readable():
    def light(colour):
        parts = (
            [int(x, 16) * 17 for x in colour[1:]] if colour[0] == "#" else [int(x) for x in re.findall(r"\d+", colour)]
        )
        linear = [x / 255 / 12.92 if x <= 10 else ((x / 255 + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for share in np.linspace(0, 1, 101):
        back, text = re.match(r"background:(.*);color:(.*)", pictures.shade(share)).groups()
        dark, bright = sorted((light(back), light(text)))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, share


@pytest.mark.parametrize("name", [name for name in vars(layers) if name[0] != "_"])
def test_shipped_layers_are_layers_that_can_be(name):
    found = vars(layers)[name]
    for layer in found.values() if isinstance(next(iter(found.values())), dict) else [found]:
        for size, kernel, out in (("H", "R", "P"), ("W", "S", "Q")):
            assert layer[out] == (layer[size] + 2 * layer["pad"] - layer[kernel]) // layer["stride"] + 1
        assert layer["M"] % layer["G"] == layer["C"] % layer["G"] == 0
