"""The live views: notebooks in a real JupyterLab on localhost, driven in a real browser."""

import json
import statistics
from contextlib import contextmanager
from pathlib import Path

import pytest

from accelsim.widgets.loops import orders
from tests.browser import jupyterlab, page, violations
from tests.widgets import arrays, packing, test_breakdown, test_desk, test_lens
from tests.widgets.views import MEASURE, SMALL, expected, shown

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEPPER = [
    """from accelsim import conv
from accelsim.widgets import loop_stepper
view = loop_stepper(conv('small', M=2, C=2, P=3, Q=4, R=2, S=3))
view""",
    "print('kernel sees MAC', view.widget.step)",
    "view.widget.order = 'M C R S N P Q'\nview.widget.step = 200",
]
LINE = arrays.skewed()
PES = [[row, column] for row in range(LINE.rows) for column in range(LINE.columns)]


# For each other view: the cell that shows it, what it shows of its states, what it must show, a control to press keys
# on, and a state that the kernel may set with a text that then appears.
VIEWS = {
    "pe-array": (
        "view = pe_array(arrays.skewed())",
        lambda tab: arrays.shown(tab, PES),
        lambda: arrays.expected(LINE, PES),
        ".pe-array",
        ("cycle = 5", f"Cycle {LINE.first + 5} of 40"),
    ),
    "tile-packer": (
        "view = tile_packer(packing.LAYERS[2], packing.CAPACITY)",
        lambda tab: packing.shown(tab, packing.states(packing.LAYERS[2], 40)),
        lambda: [packing.expected(packing.LAYERS[2], state) for state in packing.states(packing.LAYERS[2], 40)],
        ".ranged input",
        ("tile = {'M': 3}", "M4 | buffer: N2 M3"),
    ),
    "energy-breakdown": (
        "view = energy_breakdown(test_breakdown.REPORTS)",
        lambda tab: tab.evaluate(test_breakdown.WALK, test_breakdown.states(60)),
        lambda: [test_breakdown.expected(state) for state in test_breakdown.states(60)],
        ".prices input",
        ("scale = 'share'", "Energy by "),
    ),
    "metric-desk": (
        "view = metric_desk()",
        lambda tab: test_desk.shown(tab, test_desk.states(300)),
        lambda: [test_desk.expected(state) for state in test_desk.states(300)],
        ".ranged input",
        ("limits = {'fps': 2}", "2 fps, "),
    ),
    "sparse-lens": (
        "view = sparse_lens()",
        lambda tab: tab.evaluate(test_lens.WALK, test_lens.states(150)),
        lambda: [test_lens.expected(state) for state in test_lens.states(150)],
        ".ranged input",
        ("mode = 'gate'", "Gating: idles at a zero"),
    ),
}


def notebook(cells):
    code = [
        {
            "cell_type": "code",
            "id": f"cell{number}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": code, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab in which nothing of ours sets static views: its folder and address."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ACCELSIM_STATIC", raising=False)
        with jupyterlab(folder) as url:
            yield folder, url


@contextmanager
def opened(lab, name, cells):
    """A notebook open in JupyterLab, its first cell run."""
    folder, url = lab
    (folder / f"{name}.ipynb").write_text(notebook(cells))
    with page(height=1100) as tab:
        tab.goto(f"{url}/lab/workspaces/{name}/tree/{name}.ipynb")
        tab.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        tab.wait_for_selector("#jp-main-statusbar >> text=/Python 3.*Idle/", timeout=60_000)
        run(tab, 0)
        tab.wait_for_selector(f".{name}", timeout=60_000)
        yield tab


def run(tab, number):
    tab.locator(".jp-CodeCell .jp-InputArea-editor").nth(number).click()
    tab.keyboard.press("Control+Enter")


def check_axe(tab, selector):
    assert violations(tab, selector) == []
    tab.evaluate("document.body.dataset.jpThemeLight = 'false'")
    assert violations(tab, selector) == []
    tab.evaluate("document.body.dataset.jpThemeLight = 'true'")


def say_latency(tab, name, selector):
    tab.evaluate(MEASURE)
    tab.locator(selector).first.focus()
    for key in ["ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"] * 10:
        tab.keyboard.press(key)
    tab.wait_for_function("window.times.length >= 40")
    times = tab.evaluate("window.times")
    print(f"{name}: key to pixels in JupyterLab: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms")


def test_the_stepper_shows_for_every_state_what_the_static_page_shows_and_talks_with_the_kernel(lab):
    with opened(lab, "loop-stepper", STEPPER) as tab:
        for loops in orders(SMALL):  # test_static holds the published page to the same expectation
            assert shown(tab, loops) == expected(SMALL, loops)

        tab.focus(".loop-stepper")
        tab.keyboard.press("Home")
        for _ in range(6):
            tab.keyboard.press("ArrowRight")
        assert tab.text_content(".now-line").startswith("MAC 7 of 288")
        run(tab, 1)
        tab.wait_for_selector(".jp-OutputArea-output >> text=kernel sees MAC 7")

        run(tab, 2)
        tab.wait_for_function("document.querySelector('.now-line').textContent.startsWith('MAC 200 of 288')")
        assert tab.locator(".nest b").first.text_content() == "M=1"
        assert tab.locator(".jp-Cell.jp-mod-active").count() == 1
        check_axe(tab, ".loop-stepper")
        say_latency(tab, "loop-stepper", ".loop-stepper")


@pytest.mark.parametrize("name", VIEWS)
def test_live_shows_for_every_state_what_the_static_page_shows_and_follows_the_kernel(lab, name):
    cell, show, expect, control, (set_to, appears) = VIEWS[name]
    root = str(Path(__file__).parents[2])
    imports = (
        f"import sys; sys.path.insert(0, {root!r})\nfrom accelsim.widgets import *\n"
        "from tests.widgets import arrays, packing, test_breakdown\n"
    )
    with opened(lab, name, [f"{imports}{cell}\nview", f"view.widget.{set_to}"]) as tab:
        assert show(tab) == expect()
        check_axe(tab, f".{name}")
        say_latency(tab, name, control)
        run(tab, 1)
        tab.wait_for_function(
            "([name, text]) => document.querySelector(`.${name}`).textContent.includes(text)", arg=[name, appears]
        )


EDITOR = [
    """from accelsim import catalog
from accelsim.widgets import nest_editor
layer, mapping = catalog.alexnet().layer('conv3'), catalog.mappings('eyeriss', 'alexnet')['conv3']
view = nest_editor(layer, catalog.eyeriss(), mapping)
view""",
    "view",
    "view.widget.nest = 'DRAM: M6'",
    "import time; time.sleep(8)  # no answer for a while, as from a kernel that was restarted",
]


def test_the_editor_is_drawn_like_the_other_views_and_all_its_views_show_one_nest_and_its_answer(lab):
    with opened(lab, "nest_editor", EDITOR) as tab:
        run(tab, 1)
        tab.wait_for_function("document.querySelectorAll('.nest_editor textarea').length === 2")
        check_axe(tab, ".nest_editor")
        shown = tab.locator(".nest_editor .fault >> nth=1")
        one, other = tab.locator(".nest_editor textarea").all()
        assert one.evaluate("text => text.clientWidth / text.closest('.nest_editor').clientWidth") > 0.9

        for text, told in (("", 'nest ""'), ("DRAM: M8", "no stage for GLB")):
            one.fill(text)
            one.press("Control+Enter")
            shown.filter(has_text=told).wait_for()
            assert other.input_value() == text

        run(tab, 2)
        tab.wait_for_function(
            "[...document.querySelectorAll('.nest_editor textarea')].every(t => t.value === 'DRAM: M6')"
        )

        run(tab, 3)
        one.fill("DRAM: M7")
        one.press("Control+Enter")
        tab.wait_for_selector(".nest_editor .say >> text=No answer yet")
        shown.filter(has_text="DRAM: M7").wait_for()
