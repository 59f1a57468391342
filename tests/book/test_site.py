"""The published site: the labs and the simulator in a real browser, with nothing installed and the network closed."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from tests.browser import need, page, serve, violations

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "build" / "book" / "_build" / "html"
LAB, CHAPTER = "07_tiles", "08_tiles.html"
SECONDS = 60_000  # ms: the limit of a wait; how long it took is asserted apart
ANSWERED = "!/Loading|Running/.test(document.querySelector('.say').textContent)"
NOTEBOOK = "document.querySelector('.jp-Notebook:has(h1)')"
FREE_OF_NUMPY = """\
from accelsim import catalog, evaluate
layer, mapping = catalog.alexnet().layer("conv3"), catalog.mappings("eyeriss", "alexnet")["conv3"]
print(evaluate(layer, catalog.eyeriss(), mapping).macs, "MACs")
"""
WIDGET = "from accelsim import conv, widgets\nwidgets.loop_stepper(conv('tiny', C=2, P=2, Q=3, R=2))"
PAGE = """<!doctype html><html lang="en"><head><title>A nest</title><script src="_static/try.js"></script></head>
<body><main><h1>A nest</h1>{view}</main></body></html>"""


def notebook(*cells: str) -> nbformat.NotebookNode:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=metadata)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make site` makes it, with a page and a notebook of this test's own."""
    need(shutil.which("npm") is not None, "npm is not installed: it fetches Python for the browser")
    need((BOOK / "index.html").exists(), "the book is not built: `make build` does that")
    folder = tmp_path_factory.mktemp("site")
    html, labs = folder / "html", folder / "labs"
    shutil.copytree(BOOK, html)
    (html / "nest.html").write_text(PAGE.format(view=view()), encoding="utf-8")
    labs.mkdir()
    (labs / "mine").mkdir()
    nbformat.write(notebook(FREE_OF_NUMPY, WIDGET), labs / "mine" / "mine.ipynb")
    nbformat.write(notebook("import numpy"), labs / "mine" / "compiled.ipynb")
    (labs / LAB).mkdir()
    lab = jupytext.read(ROOT / "labs" / LAB / "lab.py")
    lab.metadata["language_info"] = {"name": "python"}  # as releasing it adds
    nbformat.write(lab, labs / LAB / f"{LAB}.ipynb")
    command = [sys.executable, "book/publish.py", html, labs, folder / "site", ROOT / "build" / "pyodide"]
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    return folder / "site"


def view() -> str:
    from accelsim import catalog
    from accelsim.widgets import nest_editor

    layer, mapping = catalog.alexnet().layer("conv3"), catalog.mappings("eyeriss", "alexnet")["conv3"]
    return nest_editor(layer, catalog.eyeriss(), mapping).html


@pytest.mark.browser
@pytest.mark.slow
def test_a_page_runs_the_simulator_on_a_nest_it_never_saw(site: Path) -> None:
    from accelsim import catalog, nest
    from accelsim.report import evaluate

    written = "DRAM: C64 M6 | GLB[ifmap ofmap]: N4 Q13 M4@y P13@x R3@y | spad: M16 C4 S3"
    truth = evaluate(catalog.alexnet().layer("conv3"), catalog.eyeriss(), nest(written))
    with page() as tab, serve(site) as url:
        tab.goto(f"{url}/nest.html")
        tab.fill("textarea", written)
        began = time.perf_counter()
        tab.click("button:has-text('Run')")
        tab.wait_for_function(
            f"document.querySelector('.say').textContent.includes('{truth.cycles:,} cycles')", timeout=SECONDS
        )
        assert 40 > time.perf_counter() - began
        assert f"energy {truth.total:,.0f}" in tab.inner_text(".say")
        assert f"{truth.counts.reads['DRAM', 'ofmap']:,}" in tab.inner_text("table")
        tab.fill("textarea", "DRAM: M8 | GLB: Q13")
        tab.keyboard.press("Control+Enter")
        tab.wait_for_selector(".fault:visible", timeout=SECONDS)
        assert "no stage for spad; write 'spad:' even if no loop runs there" in tab.inner_text(".fault")
        assert [] == violations(tab, ".accelsim-view")


@pytest.mark.browser
def test_a_copy_that_carries_no_simulator_says_so_and_keeps_its_table(tmp_path: Path) -> None:
    (tmp_path / "nest.html").write_text(PAGE.format(view=view()), encoding="utf-8")
    (tmp_path / "_static").mkdir()
    shutil.copy(ROOT / "book" / "_static" / "try.js", tmp_path / "_static")
    with page() as tab, serve(tmp_path) as url:
        tab.goto(f"{url}/nest.html")
        assert "cannot run other nests" in tab.inner_text(".note")
        assert "true" == tab.get_attribute("button:has-text('Run')", "aria-disabled")
        assert "598,081,536" in tab.inner_text("table")


@pytest.mark.browser
@pytest.mark.slow
def test_a_lab_opens_runs_and_keeps_its_work_in_the_browser(site: Path) -> None:
    with serve(site) as url, page(pageerrors=True, width=1200, height=1100) as tab:
        began = time.perf_counter()
        run_all(tab, f"{url}/try/lab/index.html?path=mine/mine.ipynb")
        tab.wait_for_selector(".jp-OutputArea-output:has-text('598081536 MACs')", timeout=SECONDS)
        print(f"first result after {time.perf_counter() - began:.1f} s")
        tab.wait_for_selector(".accelsim-view button:has-text('Step forward')", timeout=SECONDS)
        tab.click(".jp-Cell .cm-content >> nth=0")
        tab.keyboard.press("Control+End")
        tab.keyboard.type("# my work")
        tab.keyboard.press("Control+s")
        tab.wait_for_function("!document.querySelector('.lm-TabBar-tab.jp-mod-dirty')", timeout=SECONDS)
        tab.reload()
        tab.wait_for_selector(".jp-Cell:has-text('# my work')", timeout=SECONDS)
        with tab.expect_download() as given:
            tab.click("text=File >> nth=0")
            tab.click("text=Download >> nth=0")
        saved = nbformat.read(given.value.path(), 4)
        assert FREE_OF_NUMPY.strip() + "# my work" == saved.cells[0].source.replace("\n# my", "# my").strip()


@pytest.mark.browser
@pytest.mark.slow
def test_a_chapter_opens_its_lab_and_the_lab_leads_back_to_it(site: Path) -> None:
    with serve(site) as url, page(pageerrors=True, width=1200) as tab:
        tab.goto(f"{url}/{CHAPTER}")
        assert not tab.locator("a.in-jupyterlab").is_visible()
        tab.click("a.in-browser")
        tab.wait_for_selector(".jp-Notebook h1:has-text('Lab 7')", timeout=SECONDS)
        with tab.expect_popup() as book:
            tab.click(".jp-Notebook a:has-text('chapter 8 of the book')")
        book.value.wait_for_url(f"{url}/{CHAPTER}")


@pytest.mark.browser
@pytest.mark.slow
def test_on_a_phone_a_lab_has_the_width_and_not_the_list_of_files(site: Path) -> None:
    with serve(site) as url, page(pageerrors=True, width=390) as tab:
        tab.goto(f"{url}/try/lab/index.html?path={LAB}/{LAB}.ipynb")
        tab.wait_for_function(f"{NOTEBOOK}?.getBoundingClientRect().width > 300", timeout=SECONDS)
        tab.wait_for_selector("#jp-main-statusbar >> text=/Idle/", timeout=SECONDS)
        assert tab.evaluate(f"{NOTEBOOK}.getBoundingClientRect().width") > 300


@pytest.mark.browser
@pytest.mark.slow
def test_numpy_is_asked_for_at_its_own_host_and_its_absence_is_explained(site: Path) -> None:
    host = "https://cdn.jsdelivr.net/pyodide/"
    with serve(site) as url, page(pageerrors=True, beyond=host) as tab:
        run_all(tab, f"{url}/try/lab/index.html?path=mine/compiled.ipynb")
        tab.wait_for_selector("text=Go online and run the cell again", timeout=SECONDS)


def run_all(tab: Any, address: str) -> None:
    tab.goto(address)
    tab.wait_for_selector(".jp-Notebook .jp-Cell", timeout=SECONDS)
    tab.click("text=Run >> nth=0")
    tab.click("text=Run All Cells")


def test_the_lock_lists_every_wheel_served_and_points_compiled_ones_at_their_host(site: Path) -> None:
    served = site / "try" / "static" / "pyodide"
    packages = json.loads((served / "pyodide-lock.json").read_text())["packages"]
    files = {entry["file_name"] for entry in packages.values()}
    here = {wheel.name for wheel in served.glob("*.whl")}
    assert here == {name for name in files if not name.startswith("https://")}
    assert packages["numpy"]["file_name"].startswith("https://")
    assert [] == packages["accelsim"]["depends"]
