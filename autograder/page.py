"""One page that asks no other file and no host: what the students' and the instructor's pages have in common."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autograder.errors import printable

STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")


def document(title: str, body: str) -> str:
    """A whole page with this title as its heading."""
    return printable(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main><h1>{text(title)}</h1>\n{body}</main></body></html>\n"
    )


def text(value: Any) -> str:
    """Any value as text in HTML."""
    return html.escape(str(value))


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], look: str = "") -> str:
    """A table with a caption and a heading for each row and column; numbers stand at the right. Cells are text.

    >>> "<td class=\\"number\\">3</td>" in table("Points", ("Item", "Points"), [("conv", 3)])
    True
    """
    kept = [list(row) for row in rows]
    numeric = [bool(kept) and all(_number(row[n]) for row in kept) for n in range(len(columns))]
    heads = [f'<th scope="col"{_number_class(numeric[n])}>{text(name)}</th>' for n, name in enumerate(columns)]
    body = "".join(f"<tr>{_row(row)}</tr>" for row in kept)
    head = f"<caption>{text(caption)}</caption><thead><tr>{''.join(heads)}</tr></thead>"
    name = f' class="{look}"' if look else ""
    region = f'<div class="wide" role="group" aria-label="{text(caption)}" tabindex="0">'
    return f"{region}<table{name}>{head}<tbody>{body}</tbody></table></div>\n"


class Markup(str):
    """Text that is HTML already."""


def _row(row: Sequence[Any]) -> str:
    first, *rest = (cell if isinstance(cell, Markup) else Markup(text(_shown(cell))) for cell in row)
    cells = zip(rest, row[1:], strict=True)
    return f'<th scope="row">{first}</th>' + "".join(f"<td{_number_class(_number(v))}>{c}</td>" for c, v in cells)


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


def _number_class(number: bool) -> str:
    return ' class="number"' if number else ""


def _shown(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def bars(title: str, says: str, rows: Sequence[tuple[str, float, str]], most: float = 0.0) -> str:
    """A chart of one bar a row: (name, value, what it says). `says` is its meaning in words, for all who read."""
    top = most or max((value for _, value, _ in rows), default=0) or 1
    name = re.sub(r"\W+", "-", title.lower())
    height, left, width = 22, 190, 330
    lines = []
    for n, (label, value, shown) in enumerate(rows):
        y = n * height
        long = max(0.0, min(1.0, value / top)) * width
        cut = label if len(label) <= 26 else label[:25] + "…"
        lines.append(
            f'<text x="{left - 8}" y="{y + 16}" text-anchor="end">{text(cut)}</text>'
            f'<rect class="bar" x="{left}" y="{y + 4}" width="{long:.1f}" height="{height - 8}"/>'
            f'<text x="{left + long + 6:.1f}" y="{y + 16}">{text(shown)}</text>'
        )
    high = height * len(rows) + 4
    axis = f'<line class="axis" x1="{left}" y1="0" x2="{left}" y2="{high}"/>'
    return (
        f'<figure><svg viewBox="0 0 620 {high}" width="620" height="{high}" role="img" '
        f'aria-labelledby="{name}-title {name}-says"><title id="{name}-title">{text(title)}</title>'
        f'<desc id="{name}-says">{text(says)}</desc>{axis}{"".join(lines)}</svg>'
        f"<figcaption>{text(title)}. {text(says)}</figcaption></figure>\n"
    )
