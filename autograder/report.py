"""What an instructor wants to know of a graded lab, on one page: who is missing, points, questions, mistakes, time.

`autograder report LAB` writes `reports/LAB.html`. It is made from the results kept in `autograded/`, so it shows points
from the checks; what a person gave and late penalties are in the gradebook and in `autograder export`.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from autograder import audit
from autograder.course import Course, gradebook, write
from autograder.errors import AutograderError
from autograder.export import students_of
from autograder.grade import RESULT
from autograder.items import FEW, Item, in_words, item_statistics
from autograder.page import Fixed, bars, document, table, text

BINS, EXAMPLES = 10, 3
LEFT = "graded here, and no longer in the gradebook: move away what is in autograded/"


def report(lab: str, course: Course) -> int:
    """Write the report of a graded lab and print where it is; 1 when results could not be read.

    Raises AutograderError when nobody is graded.
    """
    results, unreadable = read_results(lab, course)
    for path in unreadable:
        print(f"{path} cannot be read; grade this student again", file=sys.stderr)
    lines = [line for line in audit.read(course.root) if line.get("lab") == lab]
    made = course.root / "reports" / f"{lab}.html"
    write(made, as_html(results, lines, missing(lab, course, [r["student"] for r in results])))
    print(made)
    return 1 if unreadable else 0


def missing(lab: str, course: Course, graded: Iterable[str]) -> list[tuple[str, str]]:
    """The gradebook's students who are not graded, each with why, and those graded whom the gradebook lacks."""
    there = set(graded)
    with gradebook(course) as book:
        roster = [student.id for student in students_of(book)]
    why = [(who, _why_not(course.at("submitted", who, lab))) for who in roster if who not in there]
    gone = sorted(there.difference(roster)) if roster else []
    return why + [
        (who, "graded here, and no longer in the gradebook: move away what is in autograded/") for who in gone
    ]


def _why_not(folder: Path) -> str:
    return "handed in, not graded yet" if folder.is_dir() else "handed nothing in"


def read_results(lab: str, course: Course) -> tuple[list[dict[str, Any]], list[Path]]:
    """The results of all who are graded, by student, and the files that cannot be read.

    Raises AutograderError when there are none.
    """
    found, unreadable = [], []
    paths = sorted((course.root / "autograded").glob(f"*/{lab}/{RESULT}"))
    for path in paths:
        try:
            result = json.loads(path.read_text("utf-8"))
            as_html([result], [])
            found.append(result)
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            unreadable.append(path)
    if not paths:
        raise AutograderError(f"nobody is graded yet in {course.root / 'autograded'}: autograder grade {lab}")
    return found, unreadable


def as_html(
    results: Sequence[dict[str, Any]], log: Sequence[dict[str, Any]], absent: Sequence[tuple[str, str]] = ()
) -> str:
    """The report as one page, from results, the lab's lines of the audit log and who is missing."""
    title = results[0]["title"] if results else "A lab"
    return document(f"{title}: report", "".join(_sections(results, log, absent)))


def _sections(
    results: Sequence[dict[str, Any]], log: Sequence[dict[str, Any]], absent: Sequence[tuple[str, str]]
) -> Iterator[str]:
    graded = [r for r in results if r["items"]]
    yield from _head(results)
    yield from _absent(absent)
    yield from _faults(results)
    if graded:
        yield from _scores(graded)
        yield from _items(_statistics(graded))
        yield from _mistakes(graded)
        yield from _time(graded)
    yield from _repairs(results)
    yield from _runs(results, log)


def _head(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    last = max((r["graded"] for r in results), default="")[:10]
    faults = sum(bool(r["fault"]) for r in results)
    kept = f" {_count(faults, 'submission')} could not be read." if faults else ""
    yield f"<p>{_count(len(results), 'submission')}, graded last on {text(last)}.{kept}"
    yield " Points here are those from the checks; points given by hand and late penalties are in the gradebook.</p>\n"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _absent(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    if rows:
        counts = "; ".join(f"{n} {why.split(':')[0]}" for why, n in Counter(why for _, why in rows).most_common())
        yield f"<h2>Who is missing</h2><p>{text(counts)}.</p>"
        yield table("Who is missing, and why", ("Student", "Why"), rows)


def _faults(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    rows = [(r["student"], r["fault"] or r.get("later", "")) for r in results if r["fault"] or r.get("later")]
    if rows:
        yield "<h2>Could not be read</h2>"
        yield table("Submissions that could not be read", ("Student", "Why"), rows)


def _scores(graded: Sequence[dict[str, Any]]) -> Iterator[str]:
    of = max(r["of"] for r in graded)
    points = [r["points"] for r in graded]
    middle = statistics.median(points)
    counts = Counter(min(BINS - 1, int(BINS * r["points"] / r["of"])) if r["of"] else 0 for r in graded)
    rows = [(f"{10 * b} to {'' if b == 9 else 'under '}{10 * b + 10} %", counts[b]) for b in range(BINS)]
    yield "<h2>Points</h2>"
    says = (
        f"{_count(len(points), 'student')}; mean {statistics.fmean(points):.2f} and median {middle:.2f} of {of:g} "
        f"points, from {min(points):g} to {max(points):g}."
    )
    labels = [(f"{10 * b}–{10 * b + 10} %", float(counts[b]), str(counts[b])) for b in range(BINS)]
    yield bars("Students by share of the points earned", says, labels)
    yield table("Students by share of the points earned, in numbers", ("Share of the points", "Students"), rows)


def _statistics(graded: Sequence[dict[str, Any]]) -> list[Item]:
    names = [item["name"] for item in graded[0]["items"]]
    whole = [r for r in graded if [i["name"] for i in r["items"]] == names]
    return item_statistics(names, [[(i["points"], i["of"]) for i in r["items"]] for r in whole])


def _items(items: Sequence[Item]) -> Iterator[str]:
    yield "<h2>Questions</h2>"
    hard = min(items, key=lambda item: item.difficulty)
    says = f"The hardest is {hard.name}, of which {100 * hard.difficulty:.0f} % was earned."
    shown = [(i.name, i.difficulty, f"{100 * i.difficulty:.0f} %") for i in items]
    yield bars("Mean share of each question's points", says, shown, most=1.0)
    rows = [(i.name, Fixed(i.difficulty), _discrimination(i), in_words(i)) for i in items]
    yield table("Difficulty and discrimination", ("Question", "Mean share", "Discrimination", "In words"), rows)
    yield (
        "<p>Discrimination is the correlation of what a student earned on a question with what the same student "
        "earned on all others, from -1 to 1. For a question that is all or nothing it is the point-biserial "
        f"correlation. It is not given for fewer than {FEW} students; below 30, one student can move it much.</p>\n"
    )


def _discrimination(item: Item) -> Any:
    return "–" if item.discrimination is None else Fixed(item.discrimination)


def _mistakes(graded: Sequence[dict[str, Any]]) -> Iterator[str]:
    who: dict[tuple[str, str], list[str]] = {}
    for r in graded:
        for item in r["items"]:
            if item["mistake"]:
                who.setdefault((item["name"], item["mistake"]["name"]), []).append(r["student"])
    yield "<h2>Misconceptions</h2>"
    wrong = sum(item["points"] < 0.6 * item["of"] for r in graded for item in r["items"])
    named = sum(map(len, who.values()))
    asked = _count(sum(len(r["items"]) for r in graded), "answer")
    earned = f"{wrong} earned less than 60 % of their points"
    yield f"<p>Of {asked}, {earned}, and {named} showed a mistake that has a name.</p>"
    ranked = sorted(who.items(), key=lambda row: (-len(row[1]), row[0]))
    if not ranked:
        return
    (question, most), students = ranked[0]
    says = f"The most frequent is “{most}” in {question}: {_count(len(students), 'student')} of {len(graded)}."
    shown = [(mistake, float(len(names)), f"{len(names)} in {q}") for (q, mistake), names in ranked[:12]]
    yield bars("How often each mistake was made", says, shown)
    rows = [(mistake, q, len(names), _examples(names)) for (q, mistake), names in ranked]
    yield table("Every mistake that was named", ("Mistake", "Question", "Students", "For example"), rows)


def _examples(names: Sequence[str]) -> str:
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more


def _time(graded: Sequence[dict[str, Any]]) -> Iterator[str]:
    times: dict[str, list[float]] = {}
    for r in graded:
        for item in r["items"]:
            times.setdefault(item["name"], []).append(float(item.get("seconds", 0.0)))
    whole = [float(r.get("seconds", 0.0)) for r in graded]
    if not any(whole):
        return
    rows = [(name, *_three(values)) for name, values in times.items()]
    slow = max(rows, key=lambda row: row[1])
    yield "<h2>Time</h2>"
    says = f"Asking {slow[0]} takes longest, {slow[1]:.2f} s for the student in the middle."
    yield bars("Median seconds to ask a question", says, [(name, mid, f"{mid:.2f} s") for name, mid, _, _ in rows])
    columns = ("What", "Median, s", "Slowest twentieth, s", "Longest, s")
    yield table("Seconds of grading", columns, [*rows, ("the whole submission", *_three(whole))])


def _three(values: Sequence[float]) -> tuple[Fixed, Fixed, Fixed]:
    ordered = sorted(values)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return Fixed(statistics.median(ordered)), Fixed(late), Fixed(ordered[-1])


def _repairs(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    rows = [(r["student"], repair) for r in results for repair in r.get("repairs", [])]
    notes = [(r["student"], note) for r in results for note in r["notes"]]
    yield "<h2>What was put right</h2>"
    if not rows and not notes:
        yield "<p>Nothing had to be put right before grading.</p>"
        return
    look = [(student, repair["says"]) for student, repair in rows if repair["look"]] + notes
    if look:
        yield table("Look at these: points may hang on it", ("Student", "What was done"), look)
    kinds = Counter(repair["kind"] for _, repair in rows)
    counted = [(KINDS.get(k, k), n, _examples(_who(rows, k))) for k, n in kinds.most_common()]
    if counted:
        yield table("All repairs, by kind", ("What had happened", "Times", "For example"), counted)


KINDS = {
    "unmarked": "cells had lost their marks",
    "duplicated": "a cell stood there more than once",
    "deleted": "cells were deleted",
    "moved": "a cell had moved",
    "retyped": "code had become text, or text code",
    "changed": "a locked cell was changed",
    "elsewhere": "the answer stands in another cell",
    "renamed": "the file had another name or place",
    "several": "several notebooks in the folder",
    "archive": "the notebook was zipped",
    "outputs": "very large outputs",
    "encoding": "not saved as UTF-8",
    "format": "an old notebook format",
    "kernel": "another kernel was named",
    "prediction": "a prediction was kept beside the notebook only",
}


def _who(rows: Sequence[tuple[str, dict[str, Any]]], kind: str) -> list[str]:
    return list(dict.fromkeys(student for student, repair in rows if repair["kind"] == kind))


def _runs(results: Sequence[dict[str, Any]], log: Sequence[dict[str, Any]]) -> Iterator[str]:
    rungs = Counter(r.get("rung") or "not noted" for r in results)
    yield "<h2>How it was graded</h2>"
    yield table("Sandbox", ("Sandbox", "Submissions"), rungs.most_common())
    changed = [line for line in log if line.get("before") is not None and line.get("before") != line.get("after")]
    if changed:
        rows = [
            (e["at"][:16].replace("T", " "), e["student"], float(e["before"]), float(e["after"])) for e in changed[-20:]
        ]
        yield table("Points that a later run changed (the last 20)", ("When (UTC)", "Student", "Before", "After"), rows)
    if log:
        yield f"<p>The audit log, .autograder/audit.jsonl, holds {_count(len(log), 'line')} on this lab.</p>\n"
