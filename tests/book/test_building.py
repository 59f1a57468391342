"""Building the book: closed to the network, and refused when anything on a page is wrong."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import need

BOOK = Path(__file__).parents[2] / "book"
pytestmark = pytest.mark.slow
MAIN = "from jupyter_book.cli.main import main; main()"
CLOSED = ["unshare", "--map-root-user", "--net"]
PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---
# A page

```{code-cell} python
import accelsim
```

"""


def build(book: Path, *before: str, builder: str = "html") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, "build", book, "--path-output", book.parent / "out", "--builder", builder]
    return subprocess.run(
        [*before, *map(str, command), "-W", "-n", "--keep-going"],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(BOOK.parent)},
    )


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The book's own configuration around a single page that the test writes."""
    book = tmp_path / "a book"
    shutil.copytree(BOOK, book, ignore=shutil.ignore_patterns("*.md", "_toc.yml", "__pycache__"))
    (book / "_toc.yml").write_text("format: jb-book\nroot: intro\n")
    return book


def test_a_sound_page_builds(small: Path) -> None:
    (small / "intro.md").write_text(PAGE + '{eval}`accelsim.conv("c", P=3, Q=3, R=3, S=3).macs` multiplications\n')
    done = build(small)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "81</span> multiplications" in (small.parent / "out/_build/html/intro.html").read_text()


FAULTS = {
    "no_such_name": "{eval}`no_such_name`",
    "nowhere": "[a dead anchor](#nowhere)",
    "flux capacitor": "{term}`flux capacitor`",
    "nobody1900": "{cite:p}`nobody1900`",
    "missing.png": "![a picture that is not there](missing.png)",
    "stderr": "```{code-cell} python\nimport warnings; warnings.warn('hm')\n```",
    "P must be a whole number": "```{code-cell} python\naccelsim.conv('c', P=0)\n```",
}


def test_every_fault_of_a_page_is_named_and_there_is_no_book(small: Path) -> None:
    (small / "intro.md").write_text(PAGE + "\n\n".join(FAULTS.values()))
    done = build(small)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert [fault for fault in FAULTS if fault not in said] == []


ON_PAPER = """{eval}`2 ** 10` words, {term}`a word`.

$$ a = b $$ (eq-paper)

```{code-cell} python
from accelsim import conv, systolic, widgets
layer = conv("small", M=2, C=2, P=2, Q=3)
widgets.pe_array(systolic.timeline(layer, systolic.Systolic(2, 2, "ws")))
```

```{code-cell} python
widgets.loop_stepper(layer)
```

```{code-cell} python
from accelsim.sheets import Table
Table("A long table", ("layer", "said"), tuple((f"layer_{i}", "some words " * 9) for i in range(40)), ("a [note]",))
```

:::{dropdown} A solution
is printed
:::

```{glossary}
a word
  What it means
```
"""


def test_on_paper_views_are_pictures_and_numbers_and_solutions_are_there(small: Path) -> None:
    (small / "intro.md").write_text(PAGE + ON_PAPER)
    done = build(small, builder="latex")
    assert done.returncode == 0, done.stdout + done.stderr
    paper = (small.parent / "out/_build/latex/book.tex").read_text()
    pictures = re.findall(r"includegraphics\{+(\w+)\}", paper)
    assert 2 == len([name for name in pictures if (small.parent / f"out/_build/latex/{name}.png").exists()])
    for words in ("{1024} words", "is printed", "What it means", "a = b", "secnumdepth}{-2}"):
        assert words in paper
    assert "<div" not in paper
    assert "accelsim-view" not in paper
    assert r"\sphinxstylestrong{A long table}" in paper
    assert "a {[}note{]}" in paper
    shared = re.search(r"begin\{longtable\}\{((?:\\X\{\d+\}\{\d+\})+)\}", paper)
    assert shared
    assert 2 == shared[1].count("X"), "two columns share out the width of the page"


def test_the_whole_book_builds_with_the_network_closed(tmp_path: Path) -> None:
    works = (
        shutil.which("unshare")
        and shutil.which("ip")
        and subprocess.run([*CLOSED, "true"], capture_output=True).returncode == 0
    )
    need(bool(works), "unshare --net or ip does not work here: the closed build needs them")
    book = tmp_path / "book"
    shutil.copytree(BOOK, book)
    done = build(book, *CLOSED, "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out/_build/html/02_tensor_computations.html").stat().st_size > 50_000


def test_the_chapter_runs_live_as_a_notebook_from_the_same_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import jupytext
    from nbclient import NotebookClient

    monkeypatch.delenv("ACCELSIM_STATIC", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = jupytext.read(BOOK / "02_tensor_computations.md")
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(BOOK.parent)}}).execute()
    shown = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" in shown
