"""How long a student waits: each lab in a real JupyterLab, and those without NumPy in the published site.

    python -m tests.labs.times                 all of them
    python -m tests.labs.times 07 --repeat 3   one lab, three times
    python -m tests.labs.times --no-site       JupyterLab alone

A released notebook with the solutions typed in is opened in a Chromium that remembers nothing; all its cells are run.
Printed are the seconds from the address typed to the notebook shown, and to the first check's verdict, how long the
slowest check took, and the load of the machine. *Run All Cells* is pressed when the status bar says that the kernel is
there: JupyterLab drops it silently before, which a script that is quicker than a hand meets, no student.
The site needs the book built and npm, as `make site` does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat

from autograder.course import make_course
from autograder.lab import Lab, filled, load
from autograder.release import release
from tests.browser import jupyterlab, page, serve

ROOT = Path(__file__).parents[2]
LABS = ("05_dataflows", "07_tiles", "10_zeros")
IN_THE_BROWSER = ("05_dataflows", "07_tiles")  # NumPy comes from another host there
PATIENCE = 120_000  # ms
EXPOSE = '{"LabApp": {"expose_app_in_browser": true}}'
PANEL = "window.jupyterapp?.shell?.currentWidget"
KERNEL = f"() => {PANEL}?.sessionContext?.kernelDisplayStatus === 'idle'"
RECORD = f"() => {{ const n = {PANEL}.content; n.notebookConfig = {{...n.notebookConfig, recordTiming: true}}; }}"
CELLS = f"() => {PANEL}.content.model.sharedModel.cells.map(cell => cell.toJSON())"
ENDED = f"""() => {{
  const cells = {PANEL}?.content?.model?.sharedModel.cells.filter(cell => cell.cell_type === 'code') ?? [];
  return cells.length && cells.every(cell => cell.getMetadata('execution')?.['shell.execute_reply']);
}}"""


@dataclass(frozen=True)
class Times:
    """Seconds of one run, and the load of the machine when it began."""

    shown: float
    first_check: float
    checks: Mapping[str, float]
    load: float

    def __str__(self) -> str:
        name = max(self.checks, key=lambda check: self.checks[check])
        return (
            f"shown {self.shown:5.1f} s, first check {self.first_check:5.1f} s, "
            f"slowest check {self.checks[name]:4.1f} s ({name}), load {self.load:.1f}"
        )


def solved(lab: Lab, folder: Path) -> None:
    """Type the solutions and a prediction each into the released notebook in `folder`."""
    path = folder / f"{lab.name}.ipynb"
    book = nbformat.read(path, 4)
    for cell, full in zip(book.cells, filled(lab), strict=True):
        cell.source = full.source.replace(", None)", ", 1)") if full.source.startswith("predict(") else full.source
    nbformat.write(book, path)


def run(tab: Any, address: str) -> Times:
    """Open a notebook, run all of it, and say how long things took."""
    load, began = os.getloadavg()[0], time.time()
    tab.goto(address)
    tab.wait_for_selector(".jp-Notebook .jp-Cell", timeout=PATIENCE)
    shown = time.time() - began
    tab.wait_for_function(KERNEL, timeout=PATIENCE)
    tab.evaluate(RECORD)
    tab.click("text=Run >> nth=0")
    tab.click("text=Run All Cells")
    tab.wait_for_function(ENDED, timeout=PATIENCE)
    spans = {cell["source"].strip(): span(cell) for cell in tab.evaluate(CELLS) if cell["cell_type"] == "code"}
    checks = {source: times for source, times in spans.items() if source.startswith("check(")}
    first = min(end for _, end in checks.values())
    return Times(shown, first - began, {name: end - start for name, (start, end) in checks.items()}, load)


def span(cell: Mapping[str, Any]) -> tuple[float, float]:
    """When a cell began and ended, in seconds."""
    told = cell["metadata"]["execution"]
    start, end = (datetime.fromisoformat(told[name]) for name in ("iopub.execute_input", "shell.execute_reply"))
    return start.timestamp(), end.timestamp()


@contextmanager
def in_jupyterlab(folder: Path) -> Iterator[str]:
    """A JupyterLab with the labs of `folder`; the address of a notebook, its path left open."""
    config = folder.parent / ".jupyter-home" / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "jupyter_lab_config.json").write_text(EXPOSE)
    with jupyterlab(folder.parent) as url:
        yield f"{url}/lab/tree/labs/{{}}?reset"  # without the notebooks that were open before


@contextmanager
def in_the_site(folder: Path) -> Iterator[str]:
    """The published site with the labs of `folder`; the address of a notebook, its path left open."""
    site, config = folder.parent / "site", folder.parent / "site" / "try" / "jupyter-lite.json"
    book = ROOT / "build" / "book" / "_build" / "html"
    command = [sys.executable, "book/publish.py", str(book), str(folder), str(site), str(ROOT / "build" / "pyodide")]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    config.write_text(config.read_text().replace('"appName"', '"exposeAppInBrowser": true, "appName"', 1))
    with serve(site) as url:
        yield f"{url}/try/lab/index.html?path={{}}"


def main(args: Sequence[str] | None = None) -> int:
    """Print how long a student waits for a lab to open and for its checks."""
    parser = argparse.ArgumentParser(prog="python -m tests.labs.times", description=main.__doc__)
    parser.add_argument("labs", nargs="*", help="the number of a lab, such as 07; all three if none is named")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="runs of each")
    parser.add_argument("--no-site", action="store_true", help="JupyterLab alone")
    asked = parser.parse_args(args)
    names = [name for name in LABS if not asked.labs or name[:2] in asked.labs]
    with tempfile.TemporaryDirectory() as made:
        course, labs = make_course(Path(made) / "course"), Path(made) / "labs"
        for lab in (load(ROOT / "labs" / name) for name in names):
            shutil.copytree(release(lab, course), labs / lab.name)
            solved(lab, labs / lab.name)
        hosts = [("JupyterLab", in_jupyterlab, names)]
        if not asked.no_site:
            hosts += [("site", in_the_site, [name for name in names if name in IN_THE_BROWSER])]
        for host, opened, named in hosts:
            with opened(labs) as address:
                for name in list(named) * asked.repeat:
                    with page(pageerrors=True, width=1200, height=1000) as tab:
                        print(f"{host:10}  {name:12}  {run(tab, address.format(f'{name}/{name}.ipynb'))}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
