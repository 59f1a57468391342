"""The rows of nbgrader's gradebook that grading writes: read once, then written one submission at a time.

Plain SQL over nbgrader's own tables instead of its objects, which add up every score of the course whenever one of them
is looked at. Points given by a person are never written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import uuid4


@dataclass(frozen=True)
class Entry:
    """One grade as the gradebook has it."""

    id: str
    auto: float | None
    manual: float | None
    waits: bool


@dataclass(frozen=True)
class Rows:
    """One submission as the gradebook has it; `grades` by the cell's name."""

    id: str
    notebook: str
    timestamp: datetime | None
    extension: Any
    penalty: float | None
    grades: Mapping[str, Entry]


@dataclass(frozen=True)
class Mark:
    """What grading gives for one cell: points (None: a person must), and whether a person must look all the same."""

    points: float | None
    waits: bool = False


@dataclass
class Ledger:
    """The gradebook's rows of one lab. `late` is nbgrader's preprocessor of late penalties, as configured."""

    book: Any
    lab: str
    late: Any
    most: dict[str, float] = field(init=False)
    _cells: dict[str, str] = field(init=False)
    _commented: list[str] = field(init=False)
    _students: set[str] = field(init=False)
    _rows: dict[str, Rows] = field(init=False)

    def __post_init__(self) -> None:
        from nbgrader import api
        from sqlalchemy import select

        self.api, self.select = api, select
        self.assignment, self.due, self.notebook = self._notebook()
        graded = [*self._names(api.GradeCell), *self._names(api.TaskCell)]
        self._cells = {name: cell for cell, name, _ in graded}
        self.most = {name: most for _, name, most in graded}
        self._commented = [row[0] for row in (*self._names(api.SolutionCell), *self._names(api.TaskCell))]
        self._students = set(book_column(self.book, select(api.Student.__table__.c.id)))
        self._rows = self._read()

    def _notebook(self) -> tuple[str, datetime | None, str]:
        assignment, notebook = self.api.Assignment.__table__.c, self.api.Notebook.__table__.c
        found = self.book.db.execute(
            self.select(assignment.id, assignment.duedate, notebook.id)
            .join(self.api.Notebook.__table__, notebook.assignment_id == assignment.id)
            .where(assignment.name == self.lab, notebook.name == self.lab)
        ).first()
        if found is None:
            raise self.api.MissingEntry(f"no assignment {self.lab}")
        return tuple(found)

    def _names(self, kind: Any) -> list[tuple[str, str, float]]:
        base, own = self.api.BaseCell.__table__, kind.__table__
        most = own.c.get("max_score", base.c.id)
        rows = self.select(base.c.id, base.c.name, most).join(own, own.c.id == base.c.id)
        return [tuple(row) for row in self.book.db.execute(rows.where(base.c.notebook_id == self.notebook))]

    def _read(self) -> dict[str, Rows]:
        whole, part, grade = (
            self.api.__dict__[n].__table__ for n in ("SubmittedAssignment", "SubmittedNotebook", "Grade")
        )
        names = {cell: name for name, cell in self._cells.items()}
        ours = part.c.notebook_id == self.notebook
        found = self.book.db.execute(
            self.select(whole.c.student_id, whole.c.id, part.c.id, whole.c.timestamp, whole.c.extension)
            .add_columns(part.c.late_submission_penalty)
            .join(part, part.c.assignment_id == whole.c.id)
            .where(ours)
        ).all()
        grades: dict[str, dict[str, Entry]] = {row[2]: {} for row in found}
        entries = self.select(
            grade.c.notebook_id, grade.c.cell_id, grade.c.id, grade.c.auto_score, grade.c.manual_score
        )
        joined = entries.add_columns(grade.c.needs_manual_grade).join(part, part.c.id == grade.c.notebook_id)
        for notebook, cell, *entry in self.book.db.execute(joined.where(ours)):
            grades[notebook][names.get(cell, cell)] = Entry(*entry)
        self.book.db.rollback()  # the end of reading; nothing was written
        return {row[0]: Rows(row[1], row[2], row[3], row[4], row[5], grades[row[2]]) for row in found}

    @property
    def students(self) -> frozenset[str]:
        """All students of the gradebook."""
        return frozenset(self._students)

    def taken_off(self, student: str) -> float:
        """The points that lateness costs a student."""
        rows = self._rows.get(student)
        return float(rows.penalty or 0.0) if rows else 0.0

    def earned(self, student: str) -> bool:
        """Whether a student has points already, from grading."""
        rows = self._rows.get(student)
        return rows is not None and any(entry.auto for entry in rows.grades.values())

    def agrees(self, student: str, points: Mapping[str, float]) -> bool:
        """Whether these points stand in the gradebook already, on time and with nothing left to do."""
        rows = self._rows.get(student)
        if rows is None or rows.penalty or self._seconds_late(rows) > 0:
            return False
        wanted = {name: rows.grades.get(name) for name in points}
        return all(e and e.auto is not None and abs(e.auto - points[n]) < 1e-6 for n, e in wanted.items())

    def record(self, student: str, marks: Mapping[str, Mark], when: datetime | None, keep_time: bool = False) -> None:
        """Write one submission's marks in one transaction: all of them, or none."""
        from nbgrader.api import Grade
        from sqlalchemy import bindparam, case

        table = Grade.__table__
        try:
            rows = self._rows.get(student) or self._make(student)
            if not keep_time and rows.timestamp != when:
                rows = self._set_time(rows, when)
            waits = case((table.c.manual_score.is_not(None), True), else_=bindparam("waits"))
            change = table.update().where(table.c.id == bindparam("entry"))
            change = change.values(auto_score=bindparam("points"), needs_manual_grade=waits)
            named = {name: mark for name, mark in marks.items() if name in rows.grades}
            values = [{"entry": rows.grades[n].id, "points": m.points, "waits": m.waits} for n, m in named.items()]
            if values:
                self.book.db.execute(change, values)
            rows = self._penalize(student, rows)
            self.book.db.commit()
        except BaseException:
            self.book.db.rollback()
            raise
        entries = {n: replace(rows.grades[n], auto=m.points, waits=m.waits) for n, m in named.items()}
        self._students.add(student)
        self._rows[student] = replace(rows, grades={**rows.grades, **entries})

    def flag(self, student: str) -> None:
        """Every score stays; formgrader shows that a person must look."""
        table, rows = self.api.Grade.__table__, self._rows.get(student)
        if rows:
            self.book.db.execute(
                table.update().where(table.c.notebook_id == rows.notebook).values(needs_manual_grade=True)
            )
            self.book.db.commit()

    def _make(self, student: str) -> Rows:
        api = self.api
        if student not in self._students:
            self._insert(api.Student, [{"id": student}])
        rows = Rows(_new(), _new(), None, None, None, {name: Entry(_new(), None, None, True) for name in self._cells})
        self._insert(
            api.SubmittedAssignment, [{"id": rows.id, "assignment_id": self.assignment, "student_id": student}]
        )
        notebook = {"id": rows.notebook, "assignment_id": rows.id, "notebook_id": self.notebook, "flagged": False}
        self._insert(api.SubmittedNotebook, [notebook])
        grades = [
            {"id": e.id, "notebook_id": rows.notebook, "cell_id": self._cells[n], "needs_manual_grade": True}
            for n, e in rows.grades.items()
        ]
        self._insert(api.Grade, grades)
        self._insert(
            api.Comment,
            [{"id": _new(), "notebook_id": rows.notebook, "cell_id": cell} for cell in self._commented],
        )
        return rows

    def _insert(self, kind: Any, values: list[dict[str, Any]]) -> None:
        if values:
            self.book.db.execute(kind.__table__.insert(), values)

    def _set_time(self, rows: Rows, when: datetime | None) -> Rows:
        table = self.api.SubmittedAssignment.__table__
        self.book.db.execute(table.update().where(table.c.id == rows.id).values(timestamp=when))
        return replace(rows, timestamp=when)

    def _seconds_late(self, rows: Rows) -> float:
        if rows.timestamp is None or self.due is None:
            return 0.0
        due = self.due + rows.extension if rows.extension else self.due
        return max(0.0, (rows.timestamp - due).total_seconds())

    def _penalize(self, student: str, rows: Rows) -> Rows:
        """The penalty that nbgrader's plugin gives for being late, within 0 and the score; none when on time."""
        late, penalty = self._seconds_late(rows), None
        if late > 0:
            score = self._score(rows)
            penalty = self.late.plugin_inst.late_submission_penalty(student, score, late)
            penalty = None if penalty is None else min(max(0.0, penalty), score)
        if penalty != rows.penalty:
            table = self.api.SubmittedNotebook.__table__
            change = table.update().where(table.c.id == rows.notebook)
            self.book.db.execute(change.values(late_submission_penalty=penalty))
        return replace(rows, penalty=penalty)

    def _score(self, rows: Rows) -> float:
        """What formgrader shows: a person's points where there are any, else those of grading, and extra credit."""
        grade = self.api.Grade.__table__.c
        found = self.book.db.execute(
            self.select(grade.auto_score, grade.manual_score, grade.extra_credit).where(
                grade.notebook_id == rows.notebook
            )
        )
        given = [(auto if manual is None else manual, extra) for auto, manual, extra in found]
        return sum(float(points) + float(extra or 0.0) for points, extra in given if points is not None)


def book_column(book: Any, query: Any) -> Iterable[Any]:
    """The first column of a query."""
    return [row[0] for row in book.db.execute(query)]


def _new() -> str:
    return uuid4().hex


def ledger(book: Any, lab: str, settings: Any) -> Ledger:
    """The rows of a lab, with late penalties as nbgrader's configuration wants them.

    Raises nbgrader's MissingEntry when the lab is not in the gradebook.
    """
    from nbgrader.preprocessors import AssignLatePenalties

    late = AssignLatePenalties(config=settings)
    late.init_plugin()
    return Ledger(book, lab, late)
