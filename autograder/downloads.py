"""What Moodle and Canvas give for download, for `nbgrader zip_collect`: whose file is whose, told from the gradebook.

Moodle names a file or its folder `Ada Lovelace_12345_assignsubmission_file_...`, Canvas a file
`lovelaceada_LATE_4021_998_...`. A student is found by name, or by the platform's number where the roster has it as
lms_user_id. Who cannot be told for sure is named and left out. Neither file says when work was handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from accelsim.errors import suggest
from autograder.astray import plain
from autograder.course import Course, gradebook, ready_nbgrader
from autograder.export import Student, students_of
from autograder.student import PREDICTIONS

ready_nbgrader()

from nbgrader.plugins import FileNameCollectorPlugin  # noqa: E402

MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)")
CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<number>\d+)_\d+_(?P<file>.+)")


def parts(path: Path) -> tuple[str, str, str] | None:
    """The student's name, the platform's number and the file's own name; None where the path is of neither platform.

    >>> parts(Path("x/Ada Lovelace_12345_assignsubmission_file_/01_convolution.ipynb"))
    ('Ada Lovelace', '12345', '01_convolution.ipynb')
    >>> parts(Path("x/lovelaceada_LATE_4021_998877_01_convolution-1.ipynb"))
    ('lovelaceada', '4021', '01_convolution-1.ipynb')
    """
    for pattern, part in ((MOODLE, path.name), (MOODLE, path.parent.name), (CANVAS, path.name)):
        if found := pattern.fullmatch(part):
            own = found["file"] if part == path.name and found["file"] else path.name
            return found["name"], found["number"], own
    return None


def whose(name: str, number: str, students: Iterable[Student]) -> list[str]:
    """The ids of all students who may be meant: by number, else by name, in either order of first and last."""
    known = list(students)
    ways: tuple[Callable[[Student], bool], ...] = (
        lambda s: bool(s.lms) and s.lms == number,
        lambda s: plain(name) in {plain(s.first + s.last), plain(s.last + s.first), plain(s.id)} - {""},
    )
    return next((found for way in ways if (found := [s.id for s in known if way(s)])), [])


class Downloads(FileNameCollectorPlugin):
    """Tells `zip_collect` the student of each file; with a `named_regexp` of your own, that is used instead."""

    @cached_property
    def students(self) -> tuple[Student, ...]:
        """The roster."""
        where: Any = self.parent.coursedir
        with gradebook(Course(Path(where.root)), where.db_url) as book:
            return students_of(book)

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """The student's id and the file's own name; None, and a line in the log, for what is left out."""
        if self.named_regexp:
            given: dict[str, str] | None = super().collect(submitted_file)
            return given
        found = parts(Path(submitted_file))
        if not found or not (found[2].endswith(".ipynb") or found[2] == PREDICTIONS):
            return None
        name, number, own = found
        ids = whose(name, number, self.students)
        if len(ids) == 1:
            return {"student_id": ids[0], "file_id": own}
        self.log.warning("%s", _unsure(name, ids, self.students))
        return None


def _unsure(name: str, ids: list[str], students: Iterable[Student]) -> str:
    if ids:
        return f"{name!r} may be any of {', '.join(ids)}: put this file into submitted/ yourself"
    return f"no student of the gradebook is called {name!r}{suggest(name, [s.full for s in students if s.full])}"
