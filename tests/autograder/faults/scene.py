"""A small class in a course folder that was graded once, has grades given by a person, and handed in anew."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder import lab, pool
from autograder.course import Course, gradebook, make_course
from autograder.grade import Marks
from autograder.lab import Answer, Lab, filled
from autograder.release import notebook, release
from autograder.run import How, grade

TINY = Path(__file__).parents[1] / "tiny"
ROOT = Path(__file__).resolve().parents[3]
WRONG = {"slide_answer": "def slide(line, window):\n    return np.convolve(line, window, 'valid')"}
FIRST: dict[str, dict[str, str]] = {"ada": {}, "bob": WRONG, "cut": {}, "essay": {}, "late": {}}
LATER: dict[str, dict[str, str]] = {
    "ada": WRONG,
    "bob": {},
    "essay": {"essay": "Because it slides."},
    "exits": {"slide_answer": "def slide(line, window):\n    import os\n    os._exit(3)"},
    "late": {"places_answer": "def places(length, width, stride):\n    return (length - width) // stride + 1"},
}
BY_HAND = {("bob", "slide"): 2.5, ("essay", "essay"): 1.0, ("late", "essay"): 0.5}
VOLATILE = ("graded", "seconds", "key")


@dataclass(frozen=True)
class Scene:
    """The course before the run that is disturbed, what is true after one that is not, and the marks it gave."""

    before: Path
    after: dict[str, Any]
    marks: dict[str, Marks]
    lab: Lab


@contextmanager
def scene() -> Iterator[Scene]:
    """Make the scene once; every trial works on a copy."""
    with tempfile.TemporaryDirectory(prefix="faults-") as top:
        tiny, base = lab.load(TINY), Path(top)
        course = make_course(base / "before")
        release(tiny, course)
        config = course.root / "nbgrader_config.py"
        config.write_text(config.read_text().replace('penalty_method = "none"', 'penalty_method = "zero"'))
        _hand_in(course, tiny, FIRST)
        _quiet(grade, tiny, course, how=How(jobs=1))
        with gradebook(course) as book:
            book.update_or_create_assignment("tiny", duedate=datetime(2026, 3, 2))
            for (student, cell), points in BY_HAND.items():
                book.find_grade(cell, "tiny", "tiny", student).manual_score = points
            book.db.commit()
        _hand_in(course, tiny, LATER)
        _path(course, "cut").write_text(_path(course, "cut").read_text()[:300])
        calm = Course(base / "calm")
        shutil.copytree(course.root, calm.root)
        marks: dict[str, Marks] = {}
        work = pool.work
        try:
            pool.work = lambda task: marks.setdefault(task.student, work(task))  # type: ignore[assignment]
            _quiet(grade, tiny, calm, how=How(jobs=1))
        finally:
            pool.work = work
        yield Scene(course.root, state(calm), marks, tiny)


def _path(course: Course, student: str) -> Path:
    return course.at("submitted", student, "tiny") / "tiny.ipynb"


def _hand_in(course: Course, tiny: Lab, work: dict[str, dict[str, str]]) -> None:
    for student, cells in work.items():
        path = _path(course, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook(filled(tiny, Answer("", cells, {}, {})))), "utf-8")
        day = 3 if student == "late" else 1
        (path.parent / "timestamp.txt").write_text(f"2026-03-0{day} 10:00:00.000000 UTC")


def _quiet(function: Any, *arguments: Any, **options: Any) -> Any:
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()):
        return function(*arguments, **options)


def state(course: Course) -> dict[str, Any]:
    """All that must not be lost: every row of grades, every result, every file handed in."""
    with gradebook(course) as book:
        rows = {
            s.student.id: {
                "time": str(s.timestamp),
                "penalty": s.notebooks[0].late_submission_penalty,
                "grades": {
                    g.name: [g.auto_score, g.manual_score, g.extra_credit, bool(g.needs_manual_grade)]
                    for g in s.notebooks[0].grades
                },
            }
            for s in book.assignment_submissions("tiny")
        }
    return {"rows": rows, "results": _results(course), "handed in": handed_in(course.root)}


def _results(course: Course) -> dict[str, Any]:
    found = {}
    for path in sorted((course.root / "autograded").glob("*/tiny/result.json")):
        result = _without_times(json.loads(path.read_text()))
        shown = json.loads((path.parent / "tiny.ipynb").read_text())
        found[path.parent.parent.name] = [
            result,
            [c.get("outputs") for c in shown["cells"] if "nbgrader" in c["metadata"]],
        ]
    return found


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(part) for key, part in value.items() if key not in VOLATILE}
    return [_without_times(part) for part in value] if isinstance(value, list) else value


def handed_in(root: Path) -> dict[str, str]:
    """Every file handed in."""
    return {str(p.relative_to(root)): p.read_text() for p in sorted((root / "submitted").rglob("*")) if p.is_file()}


def by_hand(course: Course) -> dict[tuple[str, str], float]:
    """The points given by a person."""
    with gradebook(course) as book:
        return {
            (s.student.id, g.name): g.manual_score
            for s in book.assignment_submissions("tiny")
            for g in s.notebooks[0].grades
            if g.manual_score is not None
        }


def command(course: Path, *options: str) -> list[str]:
    """The command line of a grader."""
    return [sys.executable, "-m", "autograder", "grade", str(TINY), "--course", str(course), *options]


def grader(course: Path, *options: str) -> subprocess.Popen[str]:
    """A grader at work in a process group of its own."""
    return subprocess.Popen(
        command(course, *options),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
