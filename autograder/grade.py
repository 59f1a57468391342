"""Grade one submission: run it sandboxed, judge it here, and say in plain data what came of it."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder import sandbox
from autograder.course import Course
from autograder.errors import AutograderError
from autograder.judge import (
    HIDDEN_SHARE,
    PREDICTION_SHARE,
    PUBLIC_SHARE,
    ModelAnswers,
    Verdict,
    diagnose,
    parts_earned,
)
from autograder.lab import Lab
from autograder.repair import Repair, handed_in
from autograder.sandbox import Limits, Rung, Warm, Worker
from autograder.session import Answered, Session, run
from autograder.student import evidence
from autograder.submission import Submitted, copy_files
from autograder.variants import read_secret

RESULT = "result.json"
ATTENTION = 1
DISTURBED = ("process was lost", "signal SIGKILL")


@dataclass(frozen=True)
class Graded:
    """One student's submission after grading; `fault` says why it could not be run, `repairs` what was put right."""

    student: str
    answered: tuple[Answered, ...] = ()
    session: Session | None = None
    fault: str = ""
    notes: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    rung: str = ""
    seconds: float = 0.0

    @property
    def points(self) -> float:
        """Points of all items together."""
        return round(sum(a.item.points * a.share for a in self.answered), 6)

    @property
    def disturbed(self) -> bool:
        """Whether a process of its sandbox was killed, by what it did or by an accident of this machine."""
        faults = [v.outcome.fault for a in self.answered for v in a.judged]
        return any(sign in text for text in (*self.notes, *faults) for sign in DISTURBED)


@dataclass(frozen=True)
class Marks:
    """What grading one submission gives, as plain data: it travels between processes and is kept for the next run.

    `shares` of an item's points by its name, `untouched` hand-graded cells as released, `notebook` and `result` as
    they are written; `key` is the hash of all they depend on.
    """

    student: str
    key: str
    shares: dict[str, float]
    untouched: tuple[str, ...]
    result: dict[str, Any]
    notebook: str

    @property
    def fault(self) -> str:
        """Why the submission could not be run, or nothing."""
        return str(self.result["fault"])


def marks(graded: Graded, lab: Lab, release: Mapping[str, Any], key: str = "") -> Marks:
    """The plain data of a graded submission."""
    cells = graded.session.cells if graded.session else ()
    sources = {cell.grade_id: cell.source for cell in cells}
    points = {a.item.name: a.item.points * a.share for a in graded.answered}
    body = autograded_notebook(cells, graded.session, release, points)
    return Marks(
        graded.student,
        key,
        {a.item.name: a.share for a in graded.answered},
        tuple(name for name, known in release.items() if sources.get(name) == "".join(known["source"])),
        result(graded, lab) | {"key": key},
        json.dumps(body, indent=1) + "\n",
    )


def grade_one(
    lab: Lab,
    folder: Path,
    course: Course,
    rung: Rung,
    limits: Limits,
    release: dict[str, Any] | None = None,
    warm: Warm | None = None,
) -> Graded:
    """Grade the submission in `folder`; what is wrong with it becomes its `fault`, never an exception.

    What students do by accident is put right first, by `release` (the released cells by grade_id).
    """
    student, start = folder.parent.name, time.monotonic()
    try:
        handed = handed_in(folder, lab.name, release or {})
    except AutograderError as error:
        return Graded(student, fault=str(error), rung=rung.name)
    lab = replace(lab, secret=read_secret(course.root))
    graded = grade_cells(lab, handed.cells, student, folder, rung, limits, hidden_from(lab, course), warm)
    return replace(graded, repairs=handed.repairs, rung=rung.name, seconds=time.monotonic() - start)


def hidden_from(lab: Lab, course: Course) -> tuple[Path, ...]:
    """What no submission may see: others' work and grades, and the labs with their hidden cases."""
    return course.root, lab.folder.parent


def grade_cells(
    lab: Lab,
    cells: Sequence[Submitted],
    student: str,
    folder: Path,
    rung: Rung,
    limits: Limits,
    hidden: Sequence[Path] = (),
    warm: Warm | None = None,
) -> Graded:
    """Grade a notebook given as cells, with the files of `folder` beside it; `hidden` folders stay out of its sight.

    `warm` workers, where given, were started with the same rung, hidden folders and limits.
    """
    with sandbox.scratch() as visible:
        left_out = copy_files(folder, lab.folder / "given", visible, limits)
        start = functools.partial(warm.worker, visible) if warm else lambda: Worker(rung, visible, hidden, limits)
        session, answered = run(lab, cells, student, start, limits)
    return Graded(student, answered, session, notes=(*left_out, *session.notes))


def undisturbed(grade_once: Callable[[], Graded]) -> Graded:
    """Grade, and once more if a process was killed: what a student's own code does, it does again."""
    first = grade_once()
    return grade_once() if first.disturbed else first


def autograded_notebook(
    cells: Sequence[Submitted], session: Session | None, release: Mapping[str, Any], points: Mapping[str, float]
) -> dict[str, Any]:
    """The submission with what its cells showed; nbgrader's metadata and locked cells as released, none missing.

    A graded cell shows its points and nothing else, which is how nbgrader reads partial credit.
    """
    made, used = [], set()
    for number, cell in enumerate(cells):
        known = release.get(cell.grade_id) if cell.grade_id not in used else None
        used.add(cell.grade_id)
        made.append(_autograded_cell(cell, number, known, session.outputs.get(number, []) if session else []))
    made += [body for name, body in release.items() if name not in used and body["metadata"]["nbgrader"].get("grade")]
    metadata = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
    notebook = {"cells": [dict(cell) for cell in made], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    show_points(notebook, points)
    return notebook


def show_points(notebook: dict[str, Any], points: Mapping[str, float]) -> None:
    """Make the graded cells of an autograded notebook show their points (0 where none are known)."""
    for cell in notebook["cells"]:
        nbgrader = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and nbgrader.get("grade") and not nbgrader.get("solution"):
            shown = {"text/plain": repr(float(points.get(nbgrader["grade_id"], 0.0)))}
            cell["outputs"] = [
                {"output_type": "execute_result", "execution_count": None, "data": shown, "metadata": {}}
            ]


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


def standing(book: Any, lab: str, student: str) -> dict[str, Any]:
    """What the gradebook says of a student beyond the checks.

    `by_hand`: rows of name, points (None: not yet), of, comment, of what a person graded or has still to grade;
    `late`: the points taken off for handing in late; `in_all`: [points, of], with both.
    Raises nbgrader's MissingEntry when the gradebook has no such student or submission.
    """
    submission = book.find_submission(lab, student)
    comments = {c.name: c.comment for n in submission.notebooks for c in n.comments if c.comment}
    grades = [g for n in submission.notebooks for g in n.grades]
    late = sum(float(n.late_submission_penalty or 0.0) for n in submission.notebooks)
    points, of = sum(float(g.score) for g in grades), sum(float(g.max_score) for g in grades)
    return {
        "by_hand": [_hand_row(g, comments) for g in grades if _by_hand(g) or g.name in comments],
        "late": late,
        "in_all": [round(max(0.0, points - late), 6), of],
    }


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
        "repairs": [asdict(repair) for repair in graded.repairs],
        "rung": graded.rung,
        "seconds": round(graded.seconds, 3),
        "points": graded.points,
        "of": sum(item.points for item in lab.items),
        "items": [_item(answered, graded.session) for answered in graded.answered],
    }


def _item(answered: Answered, session: Session | None) -> dict[str, Any]:
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
        "seconds": round(session.seconds.get(item.name, 0.0), 3) if session else 0.0,
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
    return diagnose(question.mistakes, lambda m: ModelAnswers(m, cases), judged, question.tolerance)
