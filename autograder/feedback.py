"""The page a student gets back: what was asked, what happened in their run, what it is called, what to try next."""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autograder.course import Course, gradebook, write
from autograder.errors import AutograderError, printable
from autograder.grade import ATTENTION, RESULT, by_hand
from autograder.public import read_public
from autograder.student import PUBLIC, answer_to, in_words, try_next

STYLE = """
:root { color-scheme: light; }
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; }
main { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; border-top: 2px solid #555; padding-top: .75rem; }
table { border-collapse: collapse; margin: .75rem 0; }
caption { text-align: left; font-weight: bold; padding-bottom: .25rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #bbb; }
tbody th { font-weight: 600; } .points tbody th { font-weight: normal; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .9rem; }
.says { border-left: 4px solid #8a3c00; padding-left: 1rem; } .fault { border: 2px solid #8a3c00; padding: .5rem 1rem; }
"""


def feedback(lab: str, course: Course, students: Sequence[str] | None = None, text: bool = False) -> int:
    """Write feedback/<student>/<lab>/<lab>.html for all graded (or `students`); print where, or the text of each.

    Raises AutograderError when nobody is graded.
    """
    results, unreadable = _results(lab, course, students), 0
    answers = _answers(lab, course)
    with gradebook(course) as book:
        for student, path in results.items():
            try:
                result = json.loads(path.read_text("utf-8"))
                result["by_hand"] = by_hand(book, lab, student)
                result["items"] = [item | {"answer": answers.get(item["name"], "")} for item in result["items"]]
                page, plain = as_html(result), as_text(result)
            except (OSError, ValueError, KeyError, TypeError, IndexError):
                unreadable += 1
                print(f"{path} cannot be read; grade this student again", file=sys.stderr)
                continue
            made = course.at("feedback", student, lab) / f"{lab}.html"
            write(made, page)
            print(plain if text else made)
    return ATTENTION if unreadable else 0


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
        raise AutograderError(f"not graded: {', '.join(unknown)}; graded are {', '.join(found)}")
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
    if result["fault"]:
        yield f"  Your notebook could not be graded: {result['fault']}."
    yield from (f"  Note: {note}" for note in result["notes"])
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


def as_html(result: dict[str, Any]) -> str:
    """The feedback as one page that asks no other file and no host."""
    head = f"{result['title']}: feedback for {result['student']}"
    body = "".join(_sections(result))
    return printable(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_e(head)}</title><style>{STYLE}</style></head>\n"
        f"<body><main><h1>{_e(head)}</h1>\n{body}</main></body></html>\n"
    )


def _e(text: Any) -> str:
    return html.escape(str(text))


def _sections(result: dict[str, Any]) -> Iterator[str]:
    points = f"{result['points']:g} of {result['of']:g} points"
    yield f"<p><strong>{points}</strong> from the checks, graded {_e(result['graded'][:10])}.</p>\n"
    if result["fault"]:
        yield (
            f'<p class="fault"><strong>Your notebook could not be graded:</strong> {_e(result["fault"])}. '
            "What you handed in is kept as it is. Send the notebook again, or ask your instructor.</p>\n"
        )
    if result["notes"]:
        yield "<h2>Notes</h2><ul>" + "".join(f"<li>{_e(note)}</li>" for note in result["notes"]) + "</ul>\n"
    if result["items"]:
        yield _summary(result["items"])
    yield from (_item(item) for item in result["items"])
    if result["by_hand"]:
        yield _hand_table(result["by_hand"])


def _hand_table(rows: Sequence[dict[str, Any]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{_e(row["name"])}</th><td class="number">{_hand_points(row)}</td>'
        f'<td class="number">{row["of"]:g}</td><td>{_e(row["comment"])}</td></tr>'
        for row in rows
    )
    head = "<h2>Graded by a person</h2><p>For an item that stands above too, these points count instead.</p>"
    return head + _table("Graded by a person", ("Item", "Points", "Of", "Comment"), body) + "\n"


def _summary(items: Sequence[dict[str, Any]]) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="#{_e(i["name"])}">{_e(i["name"])}</a></th>'
        f'<td class="number">{i["points"]:g}</td><td class="number">{i["of"]:g}</td>'
        f"<td>{_e(i['mistake']['name'] if i['mistake'] else '')}</td></tr>"
        for i in items
    )
    return _table("All items", ("Item", "Points", "Of", "What it looks like"), rows) + "\n"


def _item(item: dict[str, Any]) -> str:
    name, (right, cases) = _e(item["name"]), item["public"]
    points = f"{item['points']:g} of {item['of']:g} points"
    parts = [
        f'<section aria-labelledby="{name}">',
        f'<h2 id="{name}">{name}: {points}</h2>',
        f"<p>Your function <code>{_e(item['function'])}</code> is right on",
        f"{right} of the {cases} cases you can see.</p>",
        *_mistake(item["mistake"]),
        *(f"<p><strong>{label}:</strong> {_e(text)}</p>" for label, text in _answer(item)),
        f"<p><strong>Next:</strong> {_e(next_step(item))}</p>",
        *_evidence(item["evidence"]),
        *_failing(item["fails_for"]),
        _parts(list(parts_of(item))),
        "</section>\n",
    ]
    return "\n".join(parts)


def _mistake(mistake: dict[str, str] | None) -> Iterator[str]:
    if mistake:
        yield f'<p class="says"><strong>This looks like: {_e(mistake["name"])}.</strong> {_e(mistake["says"])}</p>'


def _evidence(evidence: Sequence[Sequence[str]]) -> Iterator[str]:
    if evidence:
        rows = "".join(
            f'<tr><th scope="row">{_e(label)}</th><td><pre>{_e(text)}</pre></td></tr>' for label, text in evidence
        )
        yield f"<table><caption>What happened in your run</caption><tbody>{rows}</tbody></table>"


def _failing(kinds: Sequence[str]) -> Iterator[str]:
    if kinds:
        yield (
            "<p>It is wrong for other cases of these kinds:</p><ul>"
            + "".join(f"<li>{_e(k)}</li>" for k in kinds)
            + "</ul>"
        )


def _parts(parts: Sequence[Sequence[Any]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_e(what)}</th><td class="number">{points:g}</td><td class="number">{of:g}</td></tr>'
        for what, points, of in parts
    )
    return _table("Where the points come from", ("For", "Points", "Of"), rows, "points")


def _table(caption: str, columns: Sequence[str], rows: str, look: str = "plain") -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    body = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<table class="{look}"><caption>{caption}</caption>{body}</table>'
