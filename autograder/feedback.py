"""The page a student gets back: what was asked, what happened in their run, what it is called, what to try next."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from accelsim.errors import suggest
from autograder.course import Course, config, gradebook, write
from autograder.errors import AutograderError, printable
from autograder.grade import ATTENTION, RESULT, standing
from autograder.page import Markup, document, table
from autograder.page import text as _e
from autograder.public import read_public
from autograder.student import PUBLIC, SECTION, answer_to, in_words, try_next
from autograder.submission import TIME, handed_in_at, is_small, notebooks_in

MOST_LISTED, MOST_SECRET, MOST_NAMES, LONGEST_NAME = 10, 1000, 5, 200
SUBMISSION_SECRET = "submission_secret.txt"


def feedback(
    lab: str, course: Course, students: Sequence[str] | None = None, text: bool = False, book: str = ""
) -> int:
    """Write feedback/<student>/<lab>/<lab>.html for all graded (or `students`); print where, or the text of each.

    `book` is the address of the published book, to which sections are linked; where it is empty,
    `c.Autograder.book` of nbgrader_config.py is used, and without that sections are named only.
    Raises AutograderError when nobody is graded.
    """
    results, unreadable = _results(lab, course, students), 0
    answers, address = _answers(lab, course), book or str(config(course).Autograder.get("book", ""))
    from nbgrader.api import MissingEntry

    with gradebook(course) as grades:
        for student, path in results.items():
            try:
                result = json.loads(path.read_text("utf-8")) | standing(grades, lab, student)
                result["items"] = [item | {"answer": answers.get(item["name"], "")} for item in result["items"]]
                page, plain = as_html(result, address), as_text(result)
            except MissingEntry:
                unreadable += 1
                print(f"{student} was graded but is not in the gradebook any more: no page was made", file=sys.stderr)
                continue
            except (OSError, ValueError, KeyError, TypeError, IndexError):
                unreadable += 1
                print(f"{path} cannot be read; grade this student again", file=sys.stderr)
                continue
            made = course.at("feedback", student, lab) / f"{lab}.html"
            handed = course.at("submitted", student, lab)
            for name in (lab, *_other_names(handed, lab)):
                write(made.with_name(f"{name}.html"), page)
            _for_release(handed, made.parent)
            print(plain if text else made)
    return ATTENTION if unreadable else 0


def _other_names(handed: Path, lab: str) -> list[str]:
    """What a student calls the notebook who renamed it: nbgrader's `fetch_feedback` asks for the page by that name."""
    names = [path.stem for path in notebooks_in(handed) if path.parent == handed and path.suffix == ".ipynb"]
    return [] if lab in names else [name for name in names if len(os.fsencode(name)) <= LONGEST_NAME][:MOST_NAMES]


def _for_release(handed: Path, folder: Path) -> None:
    """What nbgrader's `release_feedback` needs beside a page: a time, and the secret by which its student finds it.

    The secret came with the submission. To what came another way than through the exchange nobody has one, and without
    any nbgrader would stop there and release nothing to those who follow.
    """
    write(folder / TIME, f"{handed_in_at(handed) or 'not noted'}\n")
    if theirs := _submission_secret(handed / SUBMISSION_SECRET):
        write(folder / SUBMISSION_SECRET, theirs)
    elif not (folder / SUBMISSION_SECRET).is_file():
        write(folder / SUBMISSION_SECRET, secrets.token_hex(64))


def _submission_secret(path: Path) -> str:
    """As nbgrader's `submit` wrote it; nothing where it is missing or something else."""
    try:
        if not is_small(path, MOST_SECRET):
            return ""
        text = path.read_text("ascii")
    except (OSError, ValueError):
        return ""
    return text if text.isalnum() else ""


def _answers(lab: str, course: Course) -> dict[str, str]:
    """The answers to the predictions, from the released lab; none where it is not there."""
    try:
        questions = read_public(course.at("release", ".", lab) / PUBLIC)
    except AutograderError:
        return {}
    return {name: answer_to(question.answer, question.because) for name, question in questions.items()}


def _answer(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What was to be predicted, for an item that is right."""
    if item.get("answer") and item["public"][0] == item["public"][1] and not item["fails_for"]:
        yield "The prediction", item["answer"]


def _results(lab: str, course: Course, students: Sequence[str] | None) -> dict[str, Path]:
    found = {p.parent.parent.name: p for p in sorted((course.root / "autograded").glob(f"*/{lab}/{RESULT}"))}
    if not found:
        raise AutograderError(f"nobody is graded yet in {course.root / 'autograded'}: autograder grade {lab}")
    if unknown := [name for name in students or () if name not in found]:
        nearest = ", ".join(f"{name}{suggest(name, list(found))}" for name in unknown)
        known = ", ".join(found) if len(found) <= MOST_LISTED else f"{len(found)} students"
        raise AutograderError(f"not graded: {nearest} (graded in {lab}: {known})")
    return {name: path for name, path in found.items() if not students or name in students}


def next_step(item: dict[str, Any]) -> str:
    """What to try next on one item, in a sentence or two."""
    if not item["written"]:
        return f"Write {item['function']}() in its cell, then run the check."
    public_right = item["public"][0] == item["public"][1]
    if item["mistake"]:
        return f"Read {in_words(item['mistake']['section'])}, change that one thing, and run the check again."
    if not public_right:
        return try_next(item["evidence"])
    if item["fails_for"]:
        return "Write a small case of the kind named below, work it by hand, and compare with your function."
    if item["points"] < item["of"]:
        return "Next time lock a prediction before you run the check: a guess counts."
    return "Nothing: this is complete."


PREDICTED = "a prediction"


def parts_of(item: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Rows of (what it is for, points, of); a prediction that was made is said to be, also where it earns nothing yet.

    Results kept before `predicted` was noted keep the words they came with.
    """
    for what, points, of in item["parts"]:
        if what.startswith(PREDICTED) and "predicted" in item:
            made = "made" if item["predicted"] else "not made"
            later = "" if points or not item["predicted"] else "; counts once the first row is earned"
            what = f"{PREDICTED}: {made}{later}"
        yield what, points, of


def as_text(result: dict[str, Any]) -> str:
    """The feedback as plain text, the same words as the page."""
    return printable("\n".join(_text_lines(result)) + "\n")


def _text_lines(result: dict[str, Any]) -> Iterator[str]:
    points = f"{result['points']:g} of {result['of']:g} points from the checks"
    yield f"{result['title']}: {result['student']}, {points}"
    yield from (f"  {' '.join(said)}" for said in _in_all(result))
    if result["fault"]:
        yield f"  Your notebook could not be graded: {result['fault']}."
    yield from (f"  Note: {note}" for note in notes_of(result))
    for item in result["items"]:
        yield ""
        yield f"{item['name']}: {item['points']:g} of {item['of']:g} points"
        yield from (f"  {points:g} of {of:g}  {what}" for what, points, of in parts_of(item))
        yield from (f"  {label:10}{text.replace(chr(10), chr(10) + ' ' * 12)}" for label, text in item["evidence"])
        yield from (f"  fails for: {kind}" for kind in item["fails_for"])
        if item["mistake"]:
            yield f"  this looks like: {item['mistake']['name']}. {item['mistake']['says']}"
        yield from (f"  {label}: {text}" for label, text in _answer(item))
        yield f"  next: {next_step(item)}"
    for row in result["by_hand"]:
        yield ""
        points = f"{_hand_points(row)} of {row['of']:g} points"
        yield f"{row['name']}, graded by a person: {points}. {row['comment']}".rstrip()


def _hand_points(row: dict[str, Any]) -> str:
    return "not yet any" if row["points"] is None else f"{row['points']:g}"


def as_html(result: dict[str, Any], book: str = "") -> str:
    """The feedback as one page that asks no other file and no host; `book` is where its sections are linked to."""
    head = f"{result['title']}: feedback for {result['student']}"
    return document(head, "".join(_sections(result, book)))


def _sections(result: dict[str, Any], book: str) -> Iterator[str]:
    points = f"{result['points']:g} of {result['of']:g} points"
    yield f"<p><strong>{points}</strong> from the checks, graded {_e(result['graded'][:10])}.</p>\n"
    yield from (f"<p><strong>{_e(total)}</strong> {_e(rest)}</p>\n" for total, rest in _in_all(result))
    if result["fault"]:
        yield (
            f'<p class="fault"><strong>Your notebook could not be graded:</strong> {_e(result["fault"])}. '
            "What you handed in is kept as it is. Send the notebook again, or ask your instructor.</p>\n"
        )
    if notes := notes_of(result):
        yield "<h2>Notes on your notebook</h2><ul>" + "".join(f"<li>{_e(note)}</li>" for note in notes) + "</ul>\n"
    if result["items"]:
        yield _summary(result["items"])
    yield from (_item(item, book) for item in result["items"])
    if result["by_hand"]:
        yield _hand_table(result["by_hand"])


def _in_all(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The points with what a person gave and what was taken off, where there is either: what counts in the end."""
    given = [row for row in result["by_hand"] if row["points"] is not None]
    waits = len(given) < len(result["by_hand"])
    if result["by_hand"] or result.get("late"):
        points, of = result["in_all"]
        taken = f" Points taken off for handing in late: {result['late']:g}." if result.get("late") else ""
        more = " A person has still to grade some of it." if waits else ""
        by_hand = ", with what a person gave" if given else ""
        yield f"{points:g} of {of:g} points", f"{'so far' if waits else 'in all'}{by_hand}.{taken}{more}"


def notes_of(result: dict[str, Any]) -> list[str]:
    """What was noted and what was put right before grading, in the order in which it came up."""
    return [*(repair["says"] for repair in result.get("repairs", [])), *result["notes"]]


def _hand_table(rows: Sequence[dict[str, Any]]) -> str:
    body = [(row["name"], _given(row), row["of"], row["comment"]) for row in rows]
    head = "<h2>Graded by a person</h2><p>For an item that stands above too, these points count instead.</p>"
    return head + table("Graded by a person", ("Item", "Points", "Of", "Comment"), body) + "\n"


def _given(row: dict[str, Any]) -> Any:
    return "not yet any" if row["points"] is None else row["points"]


def _summary(items: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            Markup(f'<a href="#{_e(i["name"])}">{_e(i["name"])}</a>'),
            i["points"],
            i["of"],
            _in_short(i),
        )
        for i in items
    ]
    return table("All items", ("Item", "Points", "Of", "In short"), rows)


def _in_short(item: dict[str, Any]) -> str:
    """How an item stands in a few words, so that the table shows where there is something to do."""
    if item["mistake"]:
        return f"looks like: {item['mistake']['name']}"
    if not item["written"]:
        return "not written yet"
    if item["public"][0] < item["public"][1]:
        return "not all right on the cases you can see"
    if item["fails_for"]:
        return "not all right on other cases"
    return "no prediction made" if item["points"] < item["of"] else "complete"


def _item(item: dict[str, Any], book: str) -> str:
    name, (right, cases) = _e(item["name"]), item["public"]
    points = f"{item['points']:g} of {item['of']:g} points"
    parts = [
        f'<section aria-labelledby="{name}">',
        f'<h2 id="{name}">{name}: {points}</h2>',
        f"<p>Your function <code>{_e(item['function'])}</code> is right on {_seen(right, cases)}.</p>",
        *_mistake(item["mistake"]),
        *(f"<p><strong>{label}:</strong> {_e(text)}</p>" for label, text in _answer(item)),
        f"<p><strong>Next:</strong> {_linked(_e(next_step(item)), item['mistake'], book)}</p>",
        *_evidence(item["evidence"]),
        *_failing(item["fails_for"]),
        table("Where the points come from", ("For", "Points", "Of"), parts_of(item), "points"),
        "</section>\n",
    ]
    return "\n".join(parts)


def _seen(right: int, cases: int) -> str:
    if cases == 1:
        return "the one case you can see" if right else "none of the cases you can see: there is one"
    return f"all {cases} cases you can see" if right == cases else f"{right} of the {cases} cases you can see"


def _linked(words: str, mistake: dict[str, str] | None, book: str) -> str:
    """The section named in the words as a link, where the address of the book is known."""
    found = SECTION.fullmatch(mistake["section"]) if mistake and re.match("https?://", book) else None
    if not mistake or not found:
        return words
    section = _e(in_words(mistake["section"]))
    address = _e(f"{book.rstrip('/')}/{found['page']}{found['anchor'] or ''}")
    return words.replace(section, f'<a href="{address}">{section}</a>')


def _mistake(mistake: dict[str, str] | None) -> Iterator[str]:
    if mistake:
        yield f'<p class="says"><strong>This looks like: {_e(mistake["name"])}.</strong> {_e(mistake["says"])}</p>'


def _evidence(evidence: Sequence[Sequence[str]]) -> Iterator[str]:
    if evidence:
        rows = [(label, Markup(f"<pre>{_e(text)}</pre>")) for label, text in evidence]
        yield table("What happened in your run", ("What", "In your run"), rows, "run")


def _failing(kinds: Sequence[str]) -> Iterator[str]:
    if kinds:
        shown = "".join(f"<li>{_e(kind)}</li>" for kind in kinds)
        yield f"<p>It is wrong for other cases of these kinds:</p><ul>{shown}</ul>"
