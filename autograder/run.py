"""Grade all submissions of a lab into nbgrader's gradebook: many judges, one writer, nothing done twice or lost.

The order of writing makes a cut at any moment harmless: marks to the cache, notebook and result to `autograded/` (each
file whole or not at all), the gradebook last, in one transaction. Whatever is missing after a cut, the same command
puts there.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelsim.errors import suggest
from autograder import audit, cache, pool
from autograder.astray import astray, closed, newcomers_line
from autograder.course import Course, config, gradebook, write
from autograder.errors import AutograderError, printable
from autograder.grade import ATTENTION, RESULT, Marks, show_points
from autograder.lab import Lab
from autograder.lock import FOREVER, locked
from autograder.pool import Job, Task
from autograder.record import Ledger, Mark, ledger
from autograder.sandbox import Limits
from autograder.submission import PUBLIC, TIME, handed_in_at
from autograder.variants import SECRET, lab_key, read_secret

MOST_LISTED, MOST_FAILURES = 10, 5


@dataclass(frozen=True)
class How:
    """How to run: which judges, and what to do again. `executor` is your own, of any kind; it is not shut down."""

    jobs: int = 0
    dask: str = ""
    executor: Executor | None = None
    fresh: bool = False
    wait: float = FOREVER


def grade(
    lab: Lab,
    course: Course,
    students: Sequence[str] | None = None,
    unsandboxed: bool = False,
    limits: Limits | None = None,
    only: Sequence[str] = (),
    how: How | None = None,
) -> int:
    """Grade `lab` for all who submitted (or `students`); print a line each and return the exit status.

    With `only`, these questions are graded again and every other grade stays as it is.
    Raises AutograderError when nothing can be graded: no submissions, not released, no sandbox.
    """
    how = how or How()
    rung = pool.official_rung(unsandboxed)
    _check_only(lab, only)
    folders = submissions(lab, course, students)
    if not (course.at("release", ".", lab.name) / f"{lab.name}.ipynb").is_file():  # a gradebook would be made below
        raise not_released(lab, course)
    with locked(course.root, f"autograder grade {lab.name}", how.wait), gradebook(course) as book:
        rows = open_ledger(lab, course, book)
        job = pool.make_job(lab, course, limits or Limits(), unsandboxed, tuple(only))
        todo = _Todo(lab, course, rows, only)
        tasks = [task for folder in folders if (task := todo.known(_task(job, folder, course, rung), how.fresh))]
        for task, result in _progress(pool.each(tasks, *_judges(how, len(tasks))), len(tasks), lab.name):
            todo.take(task, result)
        todo.tell_lost([] if students else _astray(lab, course))
        todo.tell_newcomers([folder.parent.name for folder in folders])
        return todo.finish(len(folders))


def grade_student(lab: Lab, course: Course, student: str, unsandboxed: bool = False, database: str = "") -> str:
    """Grade and record one submission; the autograded notebook's text. For nbgrader's own way through submissions.

    Raises AutograderError when it cannot be graded here.
    """
    rung = pool.official_rung(unsandboxed)
    folder = course.at("submitted", student, lab.name)
    with locked(course.root, f"nbgrader autograde {lab.name}"), gradebook(course, database) as book:
        rows = open_ledger(lab, course, book)
        task = pool.make_task(pool.make_job(lab, course, Limits(), unsandboxed, ()), folder, rung)
        marks = known_marks(course, task) or pool.work(task)
        _store(course, task, marks)
        keep(rows, course, marks)
    return marks.notebook


def known_marks(course: Course, task: Task) -> Marks | None:
    """The marks of an earlier run, if all that they depend on is as it was."""
    kept = cache.load(course.root, _shelf(task), task.student, task.key)
    try:
        return Marks(**{**kept, "untouched": tuple(kept["untouched"])}) if kept else None
    except (TypeError, KeyError):
        return None


def _store(course: Course, task: Task, marks: Marks) -> None:
    if marks.key:
        cache.store(course.root, _shelf(task), task.student, marks.key, dataclasses.asdict(marks))


def _task(job: Job, folder: Path, course: Course, rung: Any) -> Task:
    """With `only`, who was never graded before, or has handed in again since, is graded in full."""
    before = course.at("autograded", folder.parent.name, job.lab.name)
    if job.only and (not _earlier(before / RESULT) or _handed_in_since(folder, before)):
        job = dataclasses.replace(job, only=())
    return pool.make_task(job, folder, rung)


def _handed_in_since(folder: Path, before: Path) -> bool:
    """Whether this was handed in at another time than what was graded: one question of it would count as on time."""
    when = handed_in_at(folder)
    return when is not None and when != handed_in_at(before)


def _judges(how: How, tasks: int) -> tuple[Any, int]:
    """What makes an executor, and how many tasks may be on their way to it."""
    if how.executor is not None:
        return functools.partial(_once, how.executor, []), 64
    if how.dask:
        return functools.partial(pool.dask, how.dask), 256
    count = min(how.jobs or pool.cores(), max(tasks, 1))
    return functools.partial(pool.processes, count), 4 * count


def _once(executor: Executor, used: list[bool]) -> AbstractContextManager[Executor]:
    if used:
        raise AutograderError("the executor broke; what was graded is kept, run this again with a new one")
    used.append(True)
    return nullcontext(executor)


def _check_only(lab: Lab, only: Sequence[str]) -> None:
    names = [item.name for item in lab.items]
    if unknown := [name for name in only if name not in names]:
        wrong = ", ".join(f"{name}{suggest(name, names)}" for name in unknown)
        raise AutograderError(f"{lab.name} has no question {wrong} (it has {', '.join(names)})")


def submissions(lab: Lab, course: Course, students: Sequence[str] | None) -> list[Path]:
    """The folders to grade, by student.

    Raises AutograderError when there is none, or one of `students` handed nothing in.
    """
    root = course.root / "submitted"
    folders = {p.parent.name: p for p in sorted(root.glob(f"*/{lab.name}")) if not p.parent.name.startswith(".")}
    if not folders:
        lost = [str(path) for path in _astray(lab, course)]
        found = f"; found instead: {', '.join(lost[:3])}{' and more' if len(lost) > 3 else ''}" if lost else ""
        belong = f"{root}/<student>/{lab.name}/{lab.name}.ipynb is where they belong"
        raise AutograderError(f"no submissions: {belong}{found}")
    if unknown := [name for name in students or () if name not in folders]:
        nearest = ", ".join(f"{name}{suggest(name, list(folders))}" for name in unknown)
        raise AutograderError(f"no submission of {lab.name} by {nearest} (in {root}: {_who(folders)})")
    return [folder for name, folder in folders.items() if not students or name in students]


def _astray(lab: Lab, course: Course) -> list[Path]:
    """Work on this lab that lies where nothing is looked for."""
    labs = {path.name for path in (course.root / "release").glob("*")} | {lab.name}
    return astray(course.root / "submitted", lab.name, labs)


def _who(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed) if len(listed) <= MOST_LISTED else f"{len(listed)} students"


def open_ledger(lab: Lab, course: Course, book: Any) -> Ledger:
    """The gradebook's rows of a lab that is released as it stands.

    Raises AutograderError when it is not released, has other points since, or was released with another secret.
    """
    from nbgrader.api import MissingEntry

    try:
        pool.released_cells(course, lab.name)
        _check_secret(lab, course)
        rows = ledger(book, lab.name, config(course))
    except AutograderError:
        raise
    except (OSError, ValueError, KeyError, MissingEntry) as error:
        raise not_released(lab, course) from error
    if changed := [item.name for item in lab.items if rows.most.get(item.name) != item.points]:
        what = f"the gradebook has other points for {', '.join(changed)}, or none"
        raise AutograderError(f"{lab.name} has changed since its release: {what}; release it again")
    return rows


def _check_secret(lab: Lab, course: Course) -> None:
    """Students were shown cases that follow from a secret: graded with another, they would be asked others."""
    shown = json.loads((course.at("release", ".", lab.name) / PUBLIC).read_text("utf-8")).get("key", "")
    if shown and shown != lab_key(read_secret(course.root), lab.name):
        raise AutograderError(
            f"{course.root / SECRET} is not the secret that {lab.name} was released with; was the course copied "
            "without its hidden folders? Put your copy back, or release again, which changes students' own sizes "
            f"and hidden cases: autograder release {lab.name}"
        )


def not_released(lab: Lab, course: Course) -> AutograderError:
    """What to say of a lab that is not in `release/`."""
    return AutograderError(f"{lab.name} is not released in {course.root}: autograder release {lab.name}")


def _progress(done: Iterator[Any], total: int, lab: str) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(done, f"grading {lab}", total, unit=" submissions", file=sys.stderr, disable=None if total else True)


class _Todo:
    """One run's writer: it takes marks as they come, writes them down and counts."""

    def __init__(self, lab: Lab, course: Course, rows: Ledger, only: Sequence[str]) -> None:
        self.lab, self.course, self.rows, self.only = lab, course, rows, only
        self.attention = self.graded = self.known_before = 0
        self.failures: list[Exception] = []
        self.known_students, self.lost = rows.students, 0
        self.start = time.monotonic()

    def known(self, task: Task, fresh: bool) -> Task | None:
        """None when the marks are known already, and then they stand where they belong; else the task."""
        if fresh:
            return task
        if self._stands(task):
            self.known_before += 1
            return None
        found = known_marks(self.course, task)
        if found is None:
            return task
        self._keep(task, found)
        self.known_before += 1
        return None

    def _stands(self, task: Task) -> bool:
        """Whether files and gradebook hold these very marks."""
        folder = self.course.at("autograded", task.student, self.lab.name)
        result = _earlier(folder / RESULT)
        if not result or result.get("key") != task.key or not (folder / f"{self.lab.name}.ipynb").is_file():
            return False
        if not self.rows.agrees(task.student, {item["name"]: item["points"] for item in result["items"]}):
            return False
        self._tell(task.student, result)
        return True

    def take(self, task: Task, result: Marks | Exception) -> None:
        """Write one outcome down.

        Raises AutograderError when the first few all failed: then it is the machine and not the students.
        """
        if isinstance(result, Exception):
            self._fail(task, result)
            return
        _store(self.course, task, result)
        self._keep(task, result)
        self.graded += 1

    def _fail(self, task: Task, error: Exception) -> None:
        self.failures.append(error)
        if not self.graded and len(self.failures) >= MOST_FAILURES:
            raise _plain(error)
        self.attention += 1
        say([f"{task.student:24} NOT GRADED", f"    {_plain(error)}; an earlier grade is kept"])

    def tell_lost(self, paths: Sequence[Path]) -> None:
        """Name work that lies where nothing is looked for."""
        self.lost = len(paths)
        where = f"submitted/<student>/{self.lab.name}/"
        for path in paths[:MOST_LISTED]:
            why = (
                "it cannot be opened: see that you may read it"
                if closed(path)
                else f"it belongs in {where}; move it there"
            )
            say([f"{path.relative_to(self.course.root)} NOT LOOKED AT", f"    {why}"])
        if len(paths) > MOST_LISTED:
            say([f"and {len(paths) - MOST_LISTED} more that belong in {where}"])

    def tell_newcomers(self, students: Sequence[str]) -> None:
        """Name students whom the gradebook did not know: with a roster, that is mostly a slip in a folder's name."""
        new = [name for name in students if name not in self.known_students and name in self.rows.students]
        if line := newcomers_line(new, self.known_students, students):
            say([line])

    def _keep(self, task: Task, marks: Marks) -> None:
        graded = self.course.at("autograded", task.student, self.lab.name) / RESULT
        again = self.only and not task.job.only and _earlier(graded)
        result = keep(self.rows, self.course, marks, task.job.only)
        late = self.rows.taken_off(task.student)
        said = [f"handed in late: points taken off in the gradebook: {late:g}"] if late else []
        if again:
            said.append("handed in again since it was graded: all of it was graded, not only what you named")
        self._tell(task.student, result, said)

    def _no_time(self, student: str) -> str:
        """What to say of a note of the time that notes none; nothing where there is a time, or no note."""
        folder = self.course.at("submitted", student, self.lab.name)
        if not os.path.lexists(folder / TIME) or handed_in_at(folder):
            return ""
        return f"{folder / TIME} says no time that can be read, as 2026-03-01 10:00:00 UTC: it counts as on time"

    def _tell(self, student: str, result: dict[str, Any], more: Sequence[str] = ()) -> None:
        repairs, look = result.get("repairs", []), self._no_time(student)
        lines = [
            *filter(None, [result["fault"], look]),
            *result["notes"],
            *(repair["says"] for repair in repairs),
            *more,
        ]
        needed = bool(look or result["fault"] or result["notes"] or any(repair["look"] for repair in repairs))
        self.attention += needed
        needs = "  NEEDS ATTENTION" if needed else ""
        say([f"{student:24} {result['points']:g} of {result['of']:g}{needs}", *(f"    {line}" for line in lines)])

    def finish(self, total: int) -> int:
        """Say what was done; the exit status."""
        if self.failures and len(self.failures) == total:
            raise _plain(self.failures[0])
        seconds = time.monotonic() - self.start
        rate = f", {60 * self.graded / seconds:.0f} a minute" if self.graded > 1 else ""
        say([f"{self.graded} graded in {seconds:.1f} s{rate}; {self.known_before} unchanged since they were graded"])
        if self.attention + self.lost:
            most = f"{self.attention + self.lost} of {total + self.lost}"
            say([f"{most} need your attention, see above; what was handed in is unchanged"])
        return ATTENTION if self.attention + self.lost else 0


def _shelf(task: Task) -> str:
    return "+".join([task.job.lab.name, *task.job.only])


def _plain(error: Exception) -> AutograderError:
    if isinstance(error, AutograderError):
        return error
    if isinstance(error, OSError) and error.strerror:
        return AutograderError(f"{error.strerror}: {error.filename}")
    return AutograderError(f"the judge failed: {type(error).__name__}: {error}")


def say(lines: Sequence[str]) -> None:
    """Print lines beside a progress bar, without what would drive a terminal."""
    from tqdm import tqdm

    tqdm.write(printable("\n".join(lines)), file=sys.stdout)


def keep(rows: Ledger, course: Course, marks: Marks, only: Sequence[str] = ()) -> dict[str, Any]:
    """Write marks to `autograded/`, then to the gradebook; the result as it is kept.

    A submission that cannot be read keeps the result of an earlier one that could. With `only`, all but those items
    stay as they are.
    """
    folder = course.at("autograded", marks.student, rows.lab)
    earlier = _earlier(folder / RESULT)
    if marks.fault and earlier is None and rows.earned(marks.student):
        rows.flag(marks.student)  # its files are gone, its grades are not
        write(folder / RESULT, json.dumps(marks.result, indent=1) + "\n")
        return marks.result
    if marks.fault and earlier:
        result = _kept_result(marks.fault, earlier)
        audit.note(course.root, "kept", {**result, "fault": marks.fault}, earlier["points"])
        write(folder / RESULT, json.dumps(result, indent=1) + "\n")
        rows.flag(marks.student)
        return result | {"fault": marks.fault, "notes": [_from_before(earlier)]}
    when = handed_in_at(course.at("submitted", marks.student, rows.lab))
    result = _merged(marks.result, earlier, only) if only and earlier else marks.result
    audit.note(course.root, "regraded" if earlier else "graded", result, earlier["points"] if earlier else None)
    notebook = _noted(folder / f"{rows.lab}.ipynb", marks) if only and earlier else marks.notebook
    if notebook:
        write(folder / f"{rows.lab}.ipynb", notebook)
    write(folder / RESULT, json.dumps(result, indent=1) + "\n")
    if when and not only:
        write(folder / TIME, f"{when.isoformat()} UTC\n")
    rows.record(marks.student, _points(rows, marks, only), when, keep_time=bool(only))
    return result


def _points(rows: Ledger, marks: Marks, only: Sequence[str]) -> dict[str, Mark]:
    """What each graded cell gets; with `only`, those cells."""
    return {name: _mark(marks, name, most) for name, most in rows.most.items() if not only or name in only}


def _mark(marks: Marks, name: str, most: float) -> Mark:
    if marks.fault or name in marks.shares:
        return Mark(most * marks.shares.get(name, 0.0), waits=bool(marks.fault))
    return Mark(0.0) if name in marks.untouched else Mark(None, waits=True)  # an essay left as it was, or written


def _earlier(path: Path) -> dict[str, Any] | None:
    """The result of an earlier run that could be graded, if there is one."""
    try:
        earlier: dict[str, Any] = json.loads(path.read_text("utf-8"))
        whole = not earlier["fault"] and earlier["points"] >= 0 and earlier["of"] > 0 and earlier["notes"] is not None
        whole = whole and all(item["name"] and item["points"] >= 0 for item in earlier["items"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return earlier if whole else None


def _kept_result(fault: str, earlier: dict[str, Any]) -> dict[str, Any]:
    """The earlier result, with one note on what was handed in since."""
    notes = [note for note in earlier["notes"] if note != earlier.get("later")]
    later = f"what was handed in last cannot be graded: {fault}. {_from_before(earlier)}; hand in again"
    return {**earlier, "notes": [*notes, later], "later": later, "key": ""}


def _from_before(earlier: dict[str, Any]) -> str:
    return f"{earlier['points']:g} of {earlier['of']:g} from before is kept"


def _merged(new: dict[str, Any], earlier: dict[str, Any], only: Sequence[str]) -> dict[str, Any]:
    """The earlier result with the items graded again in their places."""
    again = {item["name"]: item for item in new["items"] if item["name"] in only}
    items = [again.pop(item["name"], item) for item in earlier["items"]] + list(again.values())
    points, notes = (
        round(sum(item["points"] for item in items), 6),
        list(dict.fromkeys([*earlier["notes"], *new["notes"]])),
    )
    return {**earlier, "items": items, "points": points, "notes": notes, "graded": new["graded"], "key": ""}


def _noted(path: Path, marks: Marks) -> str:
    """The earlier autograded notebook, showing the points of the items graded again; "" if it is not there."""
    try:
        notebook = json.loads(path.read_text("utf-8"))
        again = {item["name"]: item["points"] for item in marks.result["items"]}
        cells = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") in again]
        show_points({"cells": cells}, again)
        return json.dumps(notebook, indent=1) + "\n"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
