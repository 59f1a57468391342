"""From a lab folder to what a student gets: `release/<lab>/`, made by nbgrader, with nothing hidden in it."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograder.course import Course, config, write
from autograder.errors import AutograderError
from autograder.lab import Cell, Lab
from autograder.public import public_data
from autograder.student import PUBLIC
from autograder.variants import lab_key, make_secret

IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".ipynb_checkpoints")
LICENCES = ("LICENSE", "LICENSE-PROSE")
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def release(lab: Lab, course: Course) -> Path:
    """Make `source/<lab>/` and, through nbgrader, `release/<lab>/`; return the latter.

    Raises AutograderError when nbgrader refuses, with what it said.
    """
    source, released = course.at("source", ".", lab.name), course.at("release", ".", lab.name)
    with _kept(source), _kept(released):
        _fill(source, lab)
        _generate(course, lab.name)
    return released


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Start without the folder; put it back as it was if what follows fails."""
    before = folder.with_name(f".{folder.name}.before")
    if before.exists():  # a run was cut off: what it had not finished gives way to what was whole
        shutil.rmtree(folder, ignore_errors=True)
        before.rename(folder)
    if folder.exists():
        folder.rename(before)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if before.exists():
            before.rename(folder)
        raise
    shutil.rmtree(before, ignore_errors=True)


def notebook(cells: Iterable[Cell]) -> dict[str, Any]:
    """A notebook, as the JSON of nbformat 4.5, with cell ids that stay the same from release to release."""
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return {"cells": [_cell(c) for c in cells], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def notebook_of(cells: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A notebook of plain cells, given as kind and source."""
    return notebook(Cell(f"cell-{n:04d}", kind, source, {}) for n, (kind, source) in enumerate(cells))


def _cell(cell: Cell) -> dict[str, Any]:
    metadata = {"nbgrader": cell.nbgrader} if cell.nbgrader else {}
    body = {
        "id": cell.id,
        "cell_type": cell.kind,
        "metadata": metadata,
        "source": cell.source.splitlines(keepends=True),
    }
    return body | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {})


def _fill(source: Path, lab: Lab) -> None:
    given = lab.folder / "given"
    shutil.copytree(given, source, ignore=IGNORED) if given.is_dir() else source.mkdir(parents=True)
    for name in LICENCES:
        shutil.copyfile(_licence(lab.folder, name), source / name)
    key = lab_key(make_secret(source.parents[1]), lab.name)
    write(source / PUBLIC, json.dumps(public_data(list(lab.questions.values()), lab.name, key), indent=1) + "\n")
    write(source / f"{lab.name}.ipynb", json.dumps(notebook(lab.cells), indent=1) + "\n")


def _licence(folder: Path, name: str) -> Path:
    for parent in (*folder.parents, Path(__file__).resolve().parents[1]):
        if (parent / name).is_file():
            return parent / name
    raise AutograderError(
        f"{name} is in no folder above {folder}; a released lab carries both licences ({', '.join(LICENCES)})"
    )


class _Said(logging.Handler):
    """Keeps nbgrader's log, to be shown only when it fails."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += record.getMessage().splitlines()


def _generate(course: Course, lab: str) -> None:
    settings = config(course)
    from nbgrader.apps import NbGraderAPI

    said, log = _Said(), logging.getLogger("autograder.nbgrader")
    log.propagate = False
    log.handlers = [said]
    result = NbGraderAPI(config=settings, log=log).generate_assignment(lab, force=True, create=True)
    if not result["success"]:
        raise AutograderError("\n  ".join([f"nbgrader did not release {lab}:", *_reasons(said.lines)]))


def _reasons(lines: list[str]) -> list[str]:
    """nbgrader's log without its tracebacks and its pointers to them."""
    noise = (" ", "Traceback", "Please see", "There was an error", "Removing", "Unwritable directory")
    return [line for line in lines if line.strip() and not line.startswith(noise)] or ["it gave no reason"]
