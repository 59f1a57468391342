"""Grade every submission of a lab: run it sandboxed, judge it here, keep the points in nbgrader's gradebook."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accelsim.errors import suggest
from autograder import sandbox
from autograder.course import Course, gradebook, write
from autograder.errors import AutograderError, printable
from autograder.judge import (
    HIDDEN_SHARE,
    PREDICTION_SHARE,
    PUBLIC_SHARE,
    Verdict,
    diagnose,
    model_answers,
    parts_earned,
)
from autograder.lab import Lab
from autograder.sandbox import Limits, Rung, Worker
from autograder.session import Answered, Session, run
from autograder.student import evidence
from autograder.submission import Submitted, as_released, copy_files, handed_in_at, read_notebook

RESULT, MOST_LISTED = "result.json", 10
ATTENTION = 1


@dataclass(frozen=True)
class Graded:
    """One student's submission after grading; `fault` says why it could not be run, `kept` is the result it keeps."""

    student: str
    answered: tuple[Answered, ...] = ()
    session: Session | None = None
    fault: str = ""
    notes: tuple[str, ...] = ()
    kept: dict[str, Any] | None = None

    @property
    def points(self) -> float:
        """Points of all items together, or those kept from before."""
        return (
            float(self.kept["points"]) if self.kept else round(sum(a.item.points * a.share for a in self.answered), 6)
        )


def grade(
    lab: Lab,
    course: Course,
    students: Sequence[str] | None = None,
    unsandboxed: bool = False,
    limits: Limits | None = None,
) -> int:
    """Grade `lab` for all who submitted (or `students`); print a line each and return the exit status.

    Raises AutograderError when nothing can be graded: no submissions, not released, no sandbox.
    """
    rung = _rung(unsandboxed)
    folders = _submissions(lab, course, students)
    if not (course.at("release", ".", lab.name) / f"{lab.name}.ipynb").is_file():  # a gradebook would be made below
        raise _not_released(lab, course)
    with gradebook(course) as book:
        release = _release_cells(lab, course, book)
        attention = 0
        for folder in _progress(folders, lab.name):
            graded = _with_earlier(grade_one(lab, folder, course, rung, limits or Limits(), release), lab, course)
            _keep(book, lab, course, graded, folder, release)
            _tell(graded, lab)
            attention += bool(graded.fault or graded.notes)
    if attention:
        print(f"{attention} of {len(folders)} need your attention, see above; what was handed in is unchanged")
    return ATTENTION if attention else 0


def _rung(unsandboxed: bool) -> Rung:
    rung = sandbox.best()
    if os.name == "nt":
        raise AutograderError(
            "grading needs pipes and limits that Windows lacks: run it in WSL (Ubuntu, with bubblewrap)"
        )
    if not rung.official and not unsandboxed:
        raise AutograderError(
            f"no sandbox holds on this machine, and students' code would run with your rights.\n  {sandbox.missing()}\n"
            "  To grade all the same, only work you have read: --unsandboxed"
        )
    return rung


def _submissions(lab: Lab, course: Course, students: Sequence[str] | None) -> list[Path]:
    root = course.root / "submitted"
    if not any(root.glob(f"[!.]*/{lab.name}")):
        raise AutograderError(f"no submissions: {root}/<student>/{lab.name}/{lab.name}.ipynb is where they belong")
    folders = {p.parent.name: p for p in sorted(root.glob(f"*/{lab.name}")) if not p.parent.name.startswith(".")}
    if unknown := [name for name in students or () if name not in folders]:
        raise AutograderError(
            f"no submission of {lab.name} by {_nearest(unknown, folders)} (in {root}: {_who(folders)})"
        )
    return [folder for name, folder in folders.items() if not students or name in students]


def _nearest(unknown: Sequence[str], known: Iterable[str]) -> str:
    names = list(known)
    return ", ".join(f"{name}{suggest(name, names)}" for name in unknown)


def _who(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed) if len(listed) <= MOST_LISTED else f"{len(listed)} students"


def _release_cells(lab: Lab, course: Course, book: Any) -> dict[str, Any]:
    """The released notebook's cells by grade_id: what metadata and locked text really are."""
    from nbgrader.api import MissingEntry

    path = course.at("release", ".", lab.name) / f"{lab.name}.ipynb"
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        known = {cell.name: cell.max_score for cell in book.find_notebook(lab.name, lab.name).grade_cells}
    except (OSError, ValueError, KeyError, MissingEntry) as error:
        raise _not_released(lab, course) from error
    if changed := [item.name for item in lab.items if known.get(item.name) != item.points]:
        what = f"the gradebook has other points for {', '.join(changed)}, or none"
        raise AutograderError(f"{lab.name} has changed since its release: {what}; release it again")
    return {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in cells if "nbgrader" in cell["metadata"]}


def _not_released(lab: Lab, course: Course) -> AutograderError:
    return AutograderError(f"{lab.name} is not released in {course.root}: autograder release {lab.name}")


def _progress(folders: Sequence[Path], lab: str) -> Iterable[Path]:
    from tqdm import tqdm

    return tqdm(folders, desc=f"grading {lab}", unit="submission", file=sys.stderr, disable=None)


def grade_one(
    lab: Lab, folder: Path, course: Course, rung: Rung, limits: Limits, release: dict[str, Any] | None = None
) -> Graded:
    """Grade the submission in `folder`; what is wrong with it becomes its `fault`, never an exception.

    Locked cells count as they stand in `release` (the released cells by grade_id).
    """
    student = folder.parent.name
    try:
        cells, changed = as_released(read_notebook(folder / f"{lab.name}.ipynb"), release or {})
    except AutograderError as error:
        return Graded(student, fault=str(error))
    graded = grade_cells(lab, cells, student, folder, rung, limits, (course.root, lab.folder.parent))
    return replace(graded, notes=(*changed, *graded.notes))


def grade_cells(
    lab: Lab,
    cells: Sequence[Submitted],
    student: str,
    folder: Path,
    rung: Rung,
    limits: Limits,
    hidden: Sequence[Path] = (),
) -> Graded:
    """Grade a notebook given as cells, with the files of `folder` beside it; `hidden` folders stay out of its sight."""
    with sandbox.scratch() as visible:
        left_out = copy_files(folder, lab.folder / "given", visible, limits)
        session, answered = run(lab, cells, student, lambda: Worker(rung, visible, hidden, limits), limits)
    return Graded(student, answered, session, notes=(*left_out, *session.notes))


def _with_earlier(graded: Graded, lab: Lab, course: Course) -> Graded:
    """A submission that cannot be read keeps the result of an earlier one that could."""
    if not graded.fault:
        return graded
    earlier = _earlier(course.at("autograded", graded.student, lab.name) / RESULT)
    return replace(graded, kept=earlier) if earlier else graded


def _earlier(path: Path) -> dict[str, Any] | None:
    try:
        earlier = json.loads(path.read_text("utf-8"))
        complete = (
            not earlier["fault"] and earlier["points"] >= 0 and earlier["of"] > 0 and earlier["notes"] is not None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return earlier if complete else None


def _keeps(kept: dict[str, Any]) -> str:
    return f"{kept['points']:g} of {kept['of']:g} from before is kept"


def _kept_result(graded: Graded) -> dict[str, Any]:
    """The earlier result, with one note on what was handed in since."""
    kept = graded.kept or {}
    notes = [note for note in kept["notes"] if note != kept.get("later")]
    later = f"what was handed in last cannot be graded: {graded.fault}. {_keeps(kept)}; hand in again"
    return {**kept, "notes": [*notes, later], "later": later}


def _keep(book: Any, lab: Lab, course: Course, graded: Graded, folder: Path, release: dict[str, Any]) -> None:
    """Notebook and result first, the gradebook last, in one transaction."""
    target = course.at("autograded", graded.student, lab.name)
    if graded.kept:
        write(target / RESULT, json.dumps(_kept_result(graded), indent=1) + "\n")
        _flag(book, lab, graded)
        return
    cells = graded.session.cells if graded.session else ()
    write(
        target / f"{lab.name}.ipynb", json.dumps(autograded_notebook(cells, graded.session, release), indent=1) + "\n"
    )
    write(target / RESULT, json.dumps(result(graded, lab), indent=1) + "\n")
    when = handed_in_at(folder)
    if when:
        write(target / "timestamp.txt", f"{when.isoformat()} UTC\n")
    _record(book, lab, graded, when, {c.grade_id: c.source for c in cells}, release)


def _flag(book: Any, lab: Lab, graded: Graded) -> None:
    """Every score stays; formgrader shows that a person must look."""
    for entry in _submission(book, lab.name, graded.student).notebooks[0].grades:
        entry.needs_manual_grade = True
    book.db.commit()


def _record(
    book: Any, lab: Lab, graded: Graded, when: datetime | None, sources: dict[str, str], release: dict[str, Any]
) -> None:
    shares = {a.item.name: a.share for a in graded.answered}
    submission = _submission(book, lab.name, graded.student)
    submission.timestamp = when
    for entry in submission.notebooks[0].grades:
        if graded.fault or entry.name in shares:
            entry.auto_score = entry.cell.max_score * shares.get(entry.name, 0.0)
            entry.needs_manual_grade = bool(graded.fault) or entry.manual_score is not None
        elif sources.get(entry.name) == _source_of(release.get(entry.name)):
            entry.auto_score, entry.needs_manual_grade = 0.0, False  # an essay left as it was
        else:
            entry.auto_score, entry.needs_manual_grade = None, entry.manual_score is None
    book.db.commit()


def _source_of(cell: Any) -> str | None:
    return "".join(cell["source"]) if cell else None


def _submission(book: Any, lab: str, student: str) -> Any:
    """The submission's rows, made if they are not there yet; nothing is committed."""
    from nbgrader import api

    try:
        return book.find_submission(lab, student)
    except api.MissingEntry:
        pass
    with book.db.no_autoflush:
        made = api.SubmittedAssignment(assignment=book.find_assignment(lab), student=_student(book, student))
        for notebook in made.assignment.notebooks:
            rows = api.SubmittedNotebook(notebook=notebook, assignment=made)
            for cell in (*notebook.grade_cells, *notebook.task_cells):
                api.Grade(cell_id=cell.id, cell=cell, notebook=rows)
            for cell in (*notebook.solution_cells, *notebook.task_cells):
                api.Comment(cell_id=cell.id, cell=cell, notebook=rows)
        book.db.add(made)
    return made


def _student(book: Any, name: str) -> Any:
    from nbgrader.api import MissingEntry, Student

    try:
        return book.find_student(name)
    except MissingEntry:
        return Student(id=name)


def autograded_notebook(cells: Sequence[Submitted], session: Session | None, release: dict[str, Any]) -> dict[str, Any]:
    """The submission with what its cells showed; nbgrader's metadata and locked cells as released, none missing."""
    made, used = [], set()
    for number, cell in enumerate(cells):
        known = release.get(cell.grade_id) if cell.grade_id not in used else None
        used.add(cell.grade_id)
        made.append(_autograded_cell(cell, number, known, session.outputs.get(number, []) if session else []))
    made += [body for name, body in release.items() if name not in used and body["metadata"]["nbgrader"].get("grade")]
    metadata = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _autograded_cell(cell: Submitted, number: int, known: Any, outputs: list[Any]) -> dict[str, Any]:
    nbgrader = known["metadata"]["nbgrader"] if known and known["cell_type"] == cell.kind else {}
    locked = nbgrader.get("locked") and not nbgrader.get("solution")
    body: dict[str, Any] = {
        "id": known["id"] if nbgrader else f"submitted-{number:04d}",
        "cell_type": cell.kind,
        "metadata": {"nbgrader": nbgrader} if nbgrader else {},
        "source": "".join(known["source"]) if locked else cell.source,
    }
    return body | ({"execution_count": None, "outputs": outputs} if cell.kind == "code" else {})


def by_hand(book: Any, lab: str, student: str) -> list[dict[str, Any]]:
    """What a person graded or has still to grade: rows of name, points (None: not yet), of, comment."""
    submission = book.find_submission(lab, student)
    comments = {c.name: c.comment for n in submission.notebooks for c in n.comments if c.comment}
    grades = [g for n in submission.notebooks for g in n.grades]
    return [_hand_row(g, comments) for g in grades if _by_hand(g) or g.name in comments]


def _by_hand(entry: Any) -> bool:
    return entry.manual_score is not None or bool(entry.extra_credit) or entry.auto_score is None


def _hand_row(entry: Any, comments: dict[str, str]) -> dict[str, Any]:
    points = None if entry.auto_score is None and entry.manual_score is None else entry.score
    return {"name": entry.name, "points": points, "of": entry.max_score, "comment": comments.get(entry.name, "")}


def result(graded: Graded, lab: Lab) -> dict[str, Any]:
    """What feedback is made of: plain data in which hidden cases appear by kind only."""
    return {
        "format": 1,
        "lab": lab.name,
        "title": lab.title,
        "student": graded.student,
        "graded": datetime.now(UTC).isoformat(timespec="seconds"),
        "fault": graded.fault,
        "notes": list(graded.notes),
        "points": graded.points,
        "of": sum(item.points for item in lab.items),
        "items": [_item(answered) for answered in graded.answered],
    }


def _item(answered: Answered) -> dict[str, Any]:
    item, judged = answered.item, answered.judged
    public = [v for v in judged if v.public]
    wrong = next((v for v in public if v.difference), None)
    mistake = mistake_of(answered)
    return {
        "name": item.name,
        "function": item.question.function,
        "points": round(item.points * answered.share, 6),
        "of": item.points,
        "parts": _parts(answered),
        "predicted": answered.predicted,
        "public": [sum(v.right for v in public), len(public)],
        "evidence": [list(line) for line in evidence(item.question, wrong)] if wrong else [],
        "fails_for": [] if wrong else _failing_kinds([v for v in judged if not v.right]),
        "mistake": {"name": mistake.name, "says": mistake.says, "section": mistake.section} if mistake else None,
        "written": not (wrong and "is not written yet" in str(wrong.difference)),
    }


def _parts(answered: Answered) -> list[list[Any]]:
    """Rows of (what it is for, points earned, points possible)."""
    points, (earned, general) = answered.item.points, parts_earned(answered.judged)
    rows = [
        ("right on the cases you can see, and on fresh ones of the same kinds", PUBLIC_SHARE, earned),
        ("right on the other cases (counts once the first row is earned)", HIDDEN_SHARE, general),
        (
            "a prediction made (counts once the first row is earned)",
            PREDICTION_SHARE,
            earned > 0 and answered.predicted,
        ),
    ]
    return [[text, round(points * part * got, 6), round(points * part, 6)] for text, part, got in rows]


def _failing_kinds(wrong: Sequence[Verdict]) -> list[str]:
    return list(dict.fromkeys(v.case.kind for v in wrong))


def mistake_of(answered: Answered) -> Any:
    """The named mistake behind a wrong answer, if there is one: told from all cases, hidden ones included."""
    question, judged = answered.item.question, answered.judged
    cases = [v.case for v in judged]
    return diagnose(question.mistakes, lambda m: model_answers(m, cases), judged, question.tolerance)


def _tell(graded: Graded, lab: Lab) -> None:
    from tqdm import tqdm

    of = sum(item.points for item in lab.items)
    attention = "  NEEDS ATTENTION" if graded.fault or graded.notes else ""
    lines = [f"{graded.student:24} {graded.points:g} of {of:g}{attention}"]
    kept = _keeps(graded.kept) if graded.kept else ""
    lines += [f"    {note}" for note in (graded.fault, kept, *graded.notes) if note]
    tqdm.write(printable("\n".join(lines)), file=sys.stdout)
