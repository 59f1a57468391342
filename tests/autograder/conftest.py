"""A tiny lab, a course made from it, and ways to hand work in."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder import sandbox
from autograder.course import Course, make_course
from autograder.lab import Answer, Lab, filled, load
from autograder.release import notebook, release

TINY = Path(__file__).parent / "tiny"


@pytest.fixture(scope="session")
def tiny() -> Lab:
    return load(TINY)


@pytest.fixture
def own_lab(tmp_path: Path) -> Path:
    """A copy of the tiny lab to break."""
    shutil.copytree(TINY, tmp_path / "labs" / "tiny")
    return tmp_path / "labs" / "tiny"


@pytest.fixture(scope="session")
def made(tiny: Lab, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course with the tiny lab released; copy it, do not change it."""
    course = make_course(tmp_path_factory.mktemp("made") / "course")
    release(tiny, course)
    return course


@pytest.fixture
def course(made: Course, tmp_path: Path) -> Course:
    shutil.copytree(made.root, tmp_path / "a course")
    return make_course(tmp_path / "a course")


HandIn = Callable[..., Path]


@pytest.fixture
def hand_in(course: Course, tiny: Lab) -> HandIn:
    """Hand in, as a student: the reference, some cells replaced, other cells before or after, or any text at all."""

    def handed(student: str, text: str | None = None, before: str = "", after: str = "", **cells: str) -> Path:
        folder = course.at("submitted", student, "tiny")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "tiny.ipynb"
        path.write_text(json.dumps(work(tiny, before, after, **cells)) if text is None else text, "utf-8")
        return path

    return handed


def work(lab: Lab, before: str = "", after: str = "", **cells: str) -> dict:
    made = notebook(filled(lab, Answer("", cells, {}, {})))
    extra = [
        {
            "cell_type": "code",
            "id": f"extra{i}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for i, source in enumerate((before, after))
    ]
    made["cells"] = [*([extra[0]] if before else []), *made["cells"], *([extra[1]] if after else [])]
    return made


@pytest.fixture(scope="session", autouse=True)
def _sandbox_on_ci() -> None:
    if os.environ.get("CI") == "true":
        assert not sandbox.missing(), sandbox.missing()


needs_sandbox = pytest.mark.skipif(bool(sandbox.missing()), reason=sandbox.missing() or "bubblewrap holds")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("sandbox") and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(needs_sandbox)
