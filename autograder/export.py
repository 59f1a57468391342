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
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelsim.errors import suggest
from autograder.course import Course, gradebook, write
from autograder.errors import AutograderError

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MAXIMA, MOST_FIELD = "Points Possible", 1 << 27
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

    @property
    def full(self) -> str:
        """First name and last name, as Moodle writes them."""
        return f"{self.first} {self.last}".strip()


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

    Returns 1 when somebody with points is in no row of the template or has no id, or when the platform's maximum of a
    lab is another one, so that the same points would mean something else there.
    Raises AutograderError when there is nothing to export, or a file cannot be used.
    """
    grades = with_ids(read_grades(course, labs), ids)
    theirs = read_csv(template) if template else []
    made = filled(theirs, grades, form) if template else FORMS[form](grades, by)
    path = to or course.root / "exports" / f"{form}.csv"
    if path.is_dir():
        raise AutograderError(f"{path.resolve()} is a folder; --to names the file to write")
    write(path, to_text(made))
    print(path)
    there = _in_template(theirs, grades, form) if template else _in_table(grades, form, by)
    missing = [student for student in grades.points if student not in there]
    if missing:
        why = "" if template or form != "moodle" else f" for want of an {by}"
        print(f"{len(missing)} with points are not in it{why}: {', '.join(missing[:10])}")
    other = _other_maxima(theirs, grades, form) if template else []
    print("".join(f"{line}\n" for line in other), end="")
    if grades.waiting:
        print(f"{len(grades.waiting)} of these points wait for a person (formgrader)")
    return 1 if missing or other else 0


def read_grades(course: Course, labs: Sequence[str]) -> Grades:
    """The gradebook's points of some labs, or of all that anybody has points in.

    Raises AutograderError for a lab it does not know, and when nobody has points.
    """
    with gradebook(course) as book:
        known = {a.name: float(a.max_score) for a in book.assignments}
        labs = [_lab(name, list(known)) for name in labs]
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
        students = students_of(book)
    graded = [lab for lab in known if any(lab in row for row in points.values())]
    used = tuple(labs or graded)
    if not points:
        raise AutograderError(f"nobody has points yet in {course.root}: autograder grade LAB")
    return Grades(students, used, {lab: known[lab] for lab in used}, points, frozenset(waiting))


def _lab(name: str, known: Sequence[str]) -> str:
    """A lab's name from its beginning, where only one begins so."""
    found = [lab for lab in known if name and lab.startswith(name)]
    return found[0] if name not in known and len(found) == 1 else name


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


def students_of(book: Any) -> tuple[Student, ...]:
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

    Raises AutograderError when it is not there, no text or no CSV.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AutograderError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AutograderError(f"{path} is not UTF-8 text; export it again as CSV (UTF-8)") from error
    first = text.splitlines()[0] if text else ""
    separator = max(",;\t", key=first.count)
    csv.field_size_limit(MOST_FIELD)  # a worksheet of Moodle may hold what students wrote
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise AutograderError(f"{path} is no CSV file that can be read: {error}; export it again") from error


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
        [_safe(s.name), s.theirs or s.lms, "", s.id, "", *(grades.shown(s.id, lab) for lab in grades.labs)]
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

    A row in which two students could be meant stays as it is.
    Raises AutograderError when it is no such file.
    """
    places, rows = _places(template, grades, form), _rows_of(template, grades, form)
    width = 1 + max(places.values(), default=0)
    made = [[*row, *[""] * (width - len(row))] if number in rows else row for number, row in enumerate(template)]
    for number, student in rows.items():
        for lab, place in places.items():
            made[number][place] = grades.shown(student.id, lab) or made[number][place]
    return made


def _places(template: Rows, grades: Grades, form: str) -> dict[str, int]:
    """The column of each lab."""
    if not template:
        raise AutograderError("the template is empty")
    places = {"canvas": _canvas_columns, "moodle": _worksheet_column}.get(form)
    if places is None:
        raise AutograderError("only canvas and moodle have templates: say --format canvas or --format moodle")
    return places(_head(template), grades)


def _head(template: Rows) -> list[str]:
    return [cell.strip() for cell in template[0]]


def _canvas_columns(head: list[str], grades: Grades) -> dict[str, int]:
    if not {"Student", "ID"} <= set(head):
        raise AutograderError("this is no Canvas gradebook: it has no columns Student and ID (export it from Grades)")
    return {lab: _canvas_column(head, lab) for lab in grades.labs}


def _canvas_column(head: Sequence[str], lab: str) -> int:
    """Canvas writes an assignment as "name (number)"; the name is compared without case."""
    found = [n for n, name in enumerate(head) if name.rsplit(" (", 1)[0].lower() == lab.lower()]
    if len(found) != 1:
        names = [name.rsplit(" (", 1)[0] for name in head[len(CANVAS) :]]
        many = "more than one column" if found else "no column"
        raise AutograderError(
            f"the file from Canvas has {many} {lab}{suggest(lab, names)}; name the Canvas assignment {lab}, or say "
            "which labs to export"
        )
    return found[0]


def _worksheet_column(head: list[str], grades: Grades) -> dict[str, int]:
    if "Grade" not in head or "Identifier" not in head:
        raise AutograderError("this is no Moodle grading worksheet: it has no columns Identifier and Grade")
    if len(grades.labs) != 1:
        raise AutograderError("a Moodle grading worksheet holds one lab: name it")
    return {grades.labs[0]: head.index("Grade")}


# How a platform's columns name students, the surest first: a later line counts only for those whom none before finds.
# Canvas counts its users with an ID of its own, which may be the student number of somebody else here.
WAYS: dict[str, tuple[dict[str, tuple[str, ...]], ...]] = {
    "canvas": (
        {"ID": ("theirs", "lms"), "SIS User ID": ("theirs", "lms", "id"), "SIS Login ID": ("theirs", "id", "email")},
        {"ID": ("id",)},
    ),
    "moodle": (
        {
            "ID number": ("theirs", "lms", "id"),
            "Email address": ("theirs", "email"),
            "Username": ("theirs", "id", "email"),
        },
        {"Full name": ("full",)},
    ),
}


def _rows_of(template: Rows, grades: Grades, form: str) -> dict[int, Student]:
    """The rows that are a student's beyond doubt, by their number: one student for the row, one row for the student."""
    found: dict[int, Student] = {}
    for way in WAYS[form] if form == "moodle" else _canvas_ways(template, grades):
        taken = set(found.values())
        matched = {n: students - taken for n, students in _matched(template, grades, way).items() if n not in found}
        times = Counter(student for students in matched.values() for student in students)
        sure = {n: next(iter(students)) for n, students in matched.items() if len(students) == 1}
        found |= {n: student for n, student in sure.items() if times[student] == 1}
    return found


def _canvas_ways(template: Rows, grades: Grades) -> Sequence[dict[str, tuple[str, ...]]]:
    """Canvas's own numbers are our ids in a course whose roster came from there: then nothing else names anybody."""
    first, second = WAYS["canvas"]
    return (first,) if any(_matched(template, grades, first).values()) else (second,)


def _matched(template: Rows, grades: Grades, way: Mapping[str, Sequence[str]]) -> dict[int, set[Student]]:
    """All students that each row may mean."""
    head = _head(template)
    named = {name: _by_key(grades.students, kinds) for name, kinds in way.items() if name in head}
    return {
        number: {
            student
            for name, students in named.items()
            for student in students.get(_key(row[head.index(name)]) if head.index(name) < len(row) else "", ())
        }
        for number, row in enumerate(template[1:], 1)
    }


def _key(text: str) -> str:
    return text.strip().lower()


def _by_key(students: Sequence[Student], kinds: Sequence[str]) -> dict[str, set[Student]]:
    """Students by what they are called in any of these ways."""
    found: dict[str, set[Student]] = {}
    for student in students:
        for name in (_key(getattr(student, kind)) for kind in kinds):
            if name:
                found.setdefault(name, set()).add(student)
    return found


def _in_template(template: Rows, grades: Grades, form: str) -> set[str]:
    return {student.id for student in _rows_of(template, grades, form).values()}


def _in_table(grades: Grades, form: str, by: str) -> set[str]:
    return {s.id for s in grades.students if form != "moodle" or _moodle_id(s, by)}


def _other_maxima(template: Rows, grades: Grades, form: str) -> list[str]:
    """The labs that the platform gives another maximum than the gradebook."""
    return [
        f"{form.capitalize()} has {lab} out of {most:g} points, the gradebook out of {grades.most[lab]:g}: set it to "
        f"{grades.most[lab]:g} there before you import this"
        for lab, most in _their_maxima(template, _places(template, grades, form), form).items()
        if abs(most - grades.most[lab]) > 1e-6
    ]


def _their_maxima(template: Rows, places: Mapping[str, int], form: str) -> dict[str, float]:
    """The platform's maximum of each lab, where its file says one."""
    lines = [row for row in template[1:] if form == "moodle" or (row[:1] and row[0].strip() == MAXIMA)]
    columns = {lab: _maximum_column(template) for lab in places} if form == "moodle" else places
    said = {lab: [_number(row[n]) for row in lines if 0 <= n < len(row)] for lab, n in columns.items()}
    return {lab: most for lab, numbers in said.items() if (most := next(filter(None, numbers), None))}


def _maximum_column(template: Rows) -> int:
    return next((n for n, name in enumerate(_head(template)) if name.lower() == "maximum grade"), -1)


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None
