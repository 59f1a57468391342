"""Points out of the gradebook, as a plain table or as learning platforms read them.

`csv`     one row a student: names, points of each lab, its maximum, whether a person must still look.
`canvas`  Canvas gradebook import: Student, ID, SIS User ID, SIS Login ID, Section, a column a lab, the row of maxima.
`moodle`  Moodle grade import: one column that identifies the student (`idnumber`, `email` or `username`) and one a lab.

With a `template`, a file that the platform exported, that file comes back with its rows, order and other columns as
they were, and points filled in where a student is found: a Canvas gradebook or a Moodle grading worksheet.
Points are those of the gradebook: checks, points by hand and late penalties together.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelsim.errors import suggest
from autograder.course import Course, gradebook, write
from autograder.errors import AutograderError

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MAXIMA = "Points Possible"
MOODLE_IDS = ("idnumber", "email", "username")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Rows = list[list[str]]


@dataclass(frozen=True)
class Student:
    """One student as the gradebook knows them, and as the platform does (`theirs`)."""

    id: str
    first: str = ""
    last: str = ""
    email: str = ""
    lms: str = ""
    theirs: str = ""

    @property
    def name(self) -> str:
        """Last name, first name: as gradebooks sort; the id where no name is known."""
        return ", ".join(part for part in (self.last, self.first) if part) or self.id


@dataclass(frozen=True)
class Grades:
    """Points of several labs: `points[student][lab]`, `most[lab]`, and (student, lab) that a person must still see."""

    students: tuple[Student, ...]
    labs: tuple[str, ...]
    most: Mapping[str, float]
    points: Mapping[str, Mapping[str, float]]
    waiting: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def shown(self, student: str, lab: str) -> str:
        """A student's points as a table has them; nothing for one who handed nothing in."""
        value = self.points.get(student, {}).get(lab)
        return "" if value is None else f"{value:.10g}"


def export(
    course: Course,
    labs: Sequence[str],
    form: str,
    to: Path | None,
    template: Path | None = None,
    ids: Path | None = None,
    by: str = "idnumber",
) -> int:
    """Write points of labs (all graded ones if none is named) in one form; print where and what is left out.

    Returns 1 when somebody with points is in no row of the template or has no id.
    Raises AutograderError when there is nothing to export, or a file cannot be used.
    """
    grades = with_ids(read_grades(course, labs), ids)
    made = filled(read_csv(template), grades, form) if template else FORMS[form](grades, by)
    path = to or course.root / "exports" / f"{form}.csv"
    write(path, to_text(made))
    print(path)
    missing = _missing(made, grades, form, by)
    if missing:
        why = "" if template or form != "moodle" else f" for want of an {by}"
        print(f"{len(missing)} with points are not in it{why}: {', '.join(missing[:10])}")
    if grades.waiting:
        print(f"{len(grades.waiting)} of these points wait for a person (formgrader)")
    return 1 if missing else 0


def read_grades(course: Course, labs: Sequence[str]) -> Grades:
    """The gradebook's points of some labs, or of all that anybody has points in.

    Raises AutograderError for a lab it does not know, and when nobody has points.
    """
    with gradebook(course) as book:
        known = {a.name: float(a.max_score) for a in book.assignments}
        if unknown := [lab for lab in labs if lab not in known]:
            wrong = ", ".join(f"{lab}{suggest(lab, list(known))}" for lab in unknown)
            raise AutograderError(f"the gradebook has no lab {wrong} (it has {', '.join(known) or 'none'})")
        points: dict[str, dict[str, float]] = {}
        waiting = set()
        for lab in labs or known:
            late = _late(book, lab)
            for row in book.submission_dicts(lab):
                name, score = row["student"], float(row["score"])
                points.setdefault(name, {})[lab] = max(0.0, score - late.get(name, 0.0))
                if row["needs_manual_grade"]:
                    waiting.add((name, lab))
        students = _students(book)
    graded = [lab for lab in known if any(lab in row for row in points.values())]
    used = tuple(labs or graded)
    if not points:
        raise AutograderError(f"nobody has points yet in {course.root}: autograder grade LAB")
    return Grades(students, used, {lab: known[lab] for lab in used}, points, frozenset(waiting))


def _late(book: Any, lab: str) -> dict[str, float]:
    """Late penalties by student."""
    from nbgrader import api
    from sqlalchemy import select

    made, notebooks = api.SubmittedAssignment.__table__, api.SubmittedNotebook.__table__
    labs = api.Assignment.__table__
    query = select(made.c.student_id, notebooks.c.late_submission_penalty).where(
        made.c.id == notebooks.c.assignment_id, made.c.assignment_id == labs.c.id, labs.c.name == lab
    )
    return {student: float(penalty or 0.0) for student, penalty in book.db.execute(query)}


def _students(book: Any) -> tuple[Student, ...]:
    """The roster by id, read without nbgrader's sums over all their points."""
    from nbgrader.api import Student as Row
    from sqlalchemy import select

    c = Row.__table__.c
    rows = book.db.execute(select(c.id, c.first_name, c.last_name, c.email, c.lms_user_id).order_by(c.id))
    return tuple(Student(*(cell or "" for cell in row)) for row in rows)


def with_ids(grades: Grades, ids: Path | None) -> Grades:
    """The same with the platform's ids from a CSV of two columns, `student` and the platform's; the header may differ.

    Raises AutograderError when the file has no two columns, or names a student twice.
    """
    if ids is None:
        return grades
    rows = [row for row in read_csv(ids) if any(row)]
    if len(rows) < 2 or any(len(row) < 2 for row in rows):
        raise AutograderError(f"{ids} needs a header and two columns: student, and the platform's id")
    names = [row[0].strip() for row in rows[1:]]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise AutograderError(f"{ids} names {', '.join(twice)} more than once")
    theirs = {row[0].strip(): row[1].strip() for row in rows[1:]}
    changed = tuple(Student(s.id, s.first, s.last, s.email, s.lms, theirs.get(s.id, "")) for s in grades.students)
    return Grades(changed, grades.labs, grades.most, grades.points, grades.waiting)


def read_csv(path: Path) -> Rows:
    """The rows of a CSV file as any platform writes it: with or without a mark of its encoding, comma or semicolon.

    Raises AutograderError when it is not there or no text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AutograderError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AutograderError(f"{path} is not UTF-8 text; export it again as CSV (UTF-8)") from error
    first = text.splitlines()[0] if text else ""
    separator = max(",;\t", key=first.count)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def to_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV text."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def as_csv(grades: Grades, by: str = "") -> Rows:
    """A plain table; what a spreadsheet would take for a formula is marked as text."""
    head = ["student", "last name", "first name", "email"]
    heads = [name for lab in grades.labs for name in (lab, f"{lab} of", f"{lab} waits for a person")]
    rows = [
        [
            *map(_safe, (s.id, s.last, s.first, s.email)),
            *(cell for lab in grades.labs for cell in _cells(grades, s, lab)),
        ]
        for s in grades.students
    ]
    return [[*head, *heads], *rows]


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _cells(grades: Grades, student: Student, lab: str) -> tuple[str, str, str]:
    waits = "yes" if (student.id, lab) in grades.waiting else ""
    return grades.shown(student.id, lab), f"{grades.most[lab]:.10g}", waits


def as_canvas(grades: Grades, by: str = "") -> Rows:
    """Canvas gradebook import. Its ID is the roster's lms_user_id or your list's, SIS Login ID our student id."""
    maxima = [f"    {MAXIMA}", "", "", "", "", *(f"{grades.most[lab]:.10g}" for lab in grades.labs)]
    rows = [
        [s.name, s.theirs or s.lms, "", s.id, "", *(grades.shown(s.id, lab) for lab in grades.labs)]
        for s in grades.students
    ]
    return [[*CANVAS, *grades.labs], maxima, *rows]


def as_moodle(grades: Grades, by: str = "idnumber") -> Rows:
    """Moodle grade import: map the first column to the user field of its name, each other to its activity."""
    rows = [[_moodle_id(s, by), *(grades.shown(s.id, lab) for lab in grades.labs)] for s in grades.students]
    return [[by, *grades.labs], *(row for row in rows if row[0])]


def _moodle_id(student: Student, by: str) -> str:
    return student.theirs or {"idnumber": student.lms or student.id, "email": student.email, "username": student.id}[by]


FORMS: dict[str, Callable[[Grades, str], Rows]] = {"csv": as_csv, "canvas": as_canvas, "moodle": as_moodle}


def filled(template: Rows, grades: Grades, form: str) -> Rows:
    """A platform's own file with points filled in; rows, order and other columns stay.

    Raises AutograderError when it is no such file.
    """
    if not template:
        raise AutograderError("the template is empty")
    head = [cell.strip() for cell in template[0]]
    fill = {"canvas": _fill_canvas, "moodle": _fill_worksheet}.get(form)
    if fill is None:
        raise AutograderError("only canvas and moodle have templates")
    return fill(template, head, grades)


def _fill_canvas(template: Rows, head: list[str], grades: Grades) -> Rows:
    if not {"Student", "ID"} <= set(head):
        raise AutograderError("this is no Canvas gradebook: it has no columns Student and ID (export it from Grades)")
    places = {lab: _canvas_column(head, lab) for lab in grades.labs}
    keys = [head.index(name) for name in ("ID", "SIS User ID", "SIS Login ID") if name in head]
    return _fill(template, places, grades, lambda row: [row[n] for n in keys if n < len(row)])


def _canvas_column(head: Sequence[str], lab: str) -> int:
    """Canvas writes an assignment as "name (number)"; the name is compared without case."""
    found = [n for n, name in enumerate(head) if name.rsplit(" (", 1)[0].lower() == lab.lower()]
    if len(found) != 1:
        names = [name.rsplit(" (", 1)[0] for name in head[len(CANVAS) :]]
        many = "more than one column" if found else "no column"
        raise AutograderError(f"the gradebook has {many} {lab}{suggest(lab, names)}; name the Canvas assignment {lab}")
    return found[0]


def _fill_worksheet(template: Rows, head: list[str], grades: Grades) -> Rows:
    if "Grade" not in head or "Identifier" not in head:
        raise AutograderError("this is no Moodle grading worksheet: it has no columns Identifier and Grade")
    if len(grades.labs) != 1:
        raise AutograderError("a Moodle grading worksheet holds one lab: name it")
    names = ("ID number", "Email address", "Username", "Full name")
    keys = [head.index(name) for name in names if name in head]
    return _fill(template, {grades.labs[0]: head.index("Grade")}, grades, lambda row: [row[n] for n in keys])


def _fill(
    template: Rows, places: Mapping[str, int], grades: Grades, keys: Callable[[list[str]], Iterable[str]]
) -> Rows:
    by_key = _by_key(grades.students)
    made = [template[0]]
    for old in template[1:]:
        row = [*old, *[""] * (1 + max(places.values(), default=0) - len(old))]
        student = next((by_key[key] for key in map(_key, keys(row)) if by_key.get(key)), None)
        for lab, place in places.items() if student else ():
            row[place] = grades.shown(student.id, lab) or row[place] if student else row[place]
        made.append(row)
    return made


def _key(text: str) -> str:
    return text.strip().lower()


def _by_key(students: Sequence[Student]) -> dict[str, Student | None]:
    """Students by everything a platform may call them; None for what two of them are called."""
    found: dict[str, Student | None] = {}
    for s in students:
        full = f"{s.first} {s.last}".strip()
        for key in {_key(name) for name in (s.theirs, s.lms, s.id, s.email, full) if name}:
            found[key] = None if key in found else s
    return found


def _missing(rows: Rows, grades: Grades, form: str, by: str) -> list[str]:
    """Students with points who are in no row."""
    said = {_key(cell) for row in rows for cell in row}
    names = {
        s.id: {_moodle_id(s, by)} if form == "moodle" else {s.theirs, s.lms, s.id, _safe(s.id), s.email}
        for s in grades.students
    }
    full = {s.id: f"{s.first} {s.last}".strip() for s in grades.students}
    found = {s for s, keys in names.items() if {_key(k) for k in (*keys, full[s]) if k} & said}
    return [s for s in grades.points if s not in found]
