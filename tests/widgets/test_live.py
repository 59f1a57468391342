"""The live view: a notebook in a real JupyterLab on localhost, driven in a real browser."""

import json
import statistics
from contextlib import contextmanager

import pytest

from accelsim.widgets.loops import orders
from tests.browser import jupyterlab, page, violations
from tests.widgets.views import SMALL, expected, shown

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = [
    """from accelsim import conv
from accelsim.widgets import loop_stepper
view = loop_stepper(conv('small', M=2, C=2, P=3, Q=4, R=2, S=3))
view""",
    "print('kernel sees MAC', view.widget.step)",
    "view.widget.order = 'M C R S N P Q'\nview.widget.step = 200",
]

# Time from a key to the first frame painted after the change that it made, in ms.
LATENCY = """async (presses) => {
  const group = document.querySelector('.loop-stepper'), times = [];
  for (let i = 0; i < presses; i++) {
    const from = performance.now();
    group.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true, cancelable: true }));
    await new Promise((painted) => requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = painted;
      channel.port2.postMessage(0);
    }));
    times.push(performance.now() - from);
  }
  return times;
}"""


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


@contextmanager
def opened(folder, cells):
    """A notebook open in JupyterLab, its first cell run; nothing of ours may set static views."""
    (folder / "live.ipynb").write_text(notebook(cells))
    with jupyterlab(folder) as url, page(height=1100) as tab:
        tab.goto(f"{url}/lab/tree/live.ipynb")
        tab.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        tab.wait_for_selector("#jp-main-statusbar >> text=/Python 3.*Idle/", timeout=60_000)
        run(tab, 0)
        tab.wait_for_selector(".loop-stepper", timeout=60_000)
        yield tab


def run(tab, number):
    tab.locator(".jp-CodeCell .jp-InputArea-editor").nth(number).click()
    tab.keyboard.press("Control+Enter")


@pytest.fixture(autouse=True)
def _live(monkeypatch):
    monkeypatch.delenv("ACCELSIM_STATIC", raising=False)


def test_live_shows_for_every_state_what_the_static_page_shows_and_talks_with_the_kernel(tmp_path):
    with opened(tmp_path, CELLS) as tab:
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

        assert violations(tab, ".loop-stepper") == []
        tab.evaluate("document.body.dataset.jpThemeLight = 'false'")
        assert violations(tab, ".loop-stepper") == []

        tab.focus(".loop-stepper")
        tab.keyboard.press("Home")
        times = tab.evaluate(LATENCY, 60)
        print(f"key to pixels in JupyterLab: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms")
        assert tab.text_content(".now-line").startswith("MAC 61 of 288")
