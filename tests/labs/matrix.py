"""What each known answer of each lab earns and is told, as the book's page for instructors has it.

    python -m tests.labs.matrix           print the page
    python -m tests.labs.matrix --write   write it to book/lab_matrix.md

The shares and the names are those that the answers themselves declare; `tests/labs/test_labs.py` grades every answer
through the real worker and holds it to them.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from autograder.lab import Answer, Lab, load

LABS = Path(__file__).parents[2] / "labs"
PAGE = Path(__file__).parents[2] / "book" / "lab_matrix.md"
TOP = """(lab-matrix)=
# What known answers earn

For instructors. Each lab comes with whole answers that people really give, in its folder `answers/`. This page says
what each of them earns and which mistake it is told; a test grades them all, so the table is what the grader does.
Read down the last column to see what your students may hear, and open the answer's file to see the code that makes a
grader say it.

An answer is listed with the items in which it differs from the solutions; in all others it earns everything. The
untouched notebook earns nothing in every item, the solutions earn everything. Points are of the item's points; where
an answer is wrong and no mistake is named, the student is shown the case and the evidence alone.

*Made by `python -m tests.labs.matrix --write`.*
"""


def page(labs: Sequence[Lab]) -> str:
    """The page as MyST text."""
    return "\n".join([TOP, *(line for lab in labs for line in section(lab))]).rstrip() + "\n"


def section(lab: Lab) -> Iterator[str]:
    """A lab's heading, its counts, its right answers and the table of its wrong ones."""
    right = [answer for answer in lab.answers if not answer.earns]
    wrong = [answer for answer in lab.answers if answer.earns]
    named = sum(len(question.mistakes) for question in lab.questions.values())
    yield f"## {lab.title}"
    yield ""
    yield f"{len(lab.items)} items, {sum(item.points for item in lab.items):g} points, {named} mistakes with a name."
    yield f"Known answers: {len(right)} right beside the solutions, {len(wrong)} wrong in one item or more."
    yield ""
    yield from _table(("right answer", "what it is", "items"), [_right_row(lab, answer) for answer in right])
    rows = [row for answer in wrong for row in _wrong_rows(lab, answer)]
    yield from _table(("wrong answer", "what it is", "item", "points", "is told"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join([':---'] * len(head))}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _right_row(lab: Lab, answer: Answer) -> list[str]:
    items = [item.name for item in lab.items if f"{item.name}_answer" in answer.cells]
    return [f"`{answer.name}`", _about(lab, answer), ", ".join(f"`{name}`" for name in items)]


def _wrong_rows(lab: Lab, answer: Answer) -> Iterator[list[str]]:
    """A row for each item that the answer speaks of; its name and its sentence stand in the first."""
    about = [f"`{answer.name}`", _about(lab, answer)]
    for item in lab.items:
        if item.name in answer.earns:
            points = f"{answer.earns[item.name] * item.points:.3g} of {item.points:g}"
            yield [*about, f"`{item.name}`", points, answer.told.get(item.name, "(evidence only)")]
            about = ["", ""]


def _about(lab: Lab, answer: Answer) -> str:
    """What the answer's docstring says of it, on one line that is safe in a table."""
    text = ast.get_docstring(ast.parse((lab.folder / "answers" / f"{answer.name}.py").read_text("utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


def labs() -> list[Lab]:
    """All labs, in order."""
    return [load(path.parent) for path in sorted(LABS.glob("*/lab.py"))]


def main(args: Sequence[str] | None = None) -> int:
    """Print the page of what known answers earn, or write it into the book."""
    parser = argparse.ArgumentParser(prog="python -m tests.labs.matrix", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} instead of printing")
    text = page(labs())
    if parser.parse_args(args).write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
