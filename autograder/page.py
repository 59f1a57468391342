"""One page that asks no other file and no host: what the students' and the instructor's pages have in common."""

from __future__ import annotations

import html
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


class Fixed(float):
    """A number that is shown with two decimals."""


def _row(row: Sequence[Any]) -> str:
    first, *rest = (cell if isinstance(cell, Markup) else Markup(text(_shown(cell))) for cell in row)
    cells = zip(rest, row[1:], strict=True)
    return f'<th scope="row">{first}</th>' + "".join(f"<td{_number_class(_number(v))}>{c}</td>" for c, v in cells)


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


def _number_class(number: bool) -> str:
    return ' class="number"' if number else ""


def _shown(value: Any) -> Any:
    if isinstance(value, Fixed):
        return f"{value:.2f}"
    return f"{value:.6g}" if isinstance(value, float) else value


def bars(title: str, says: str, rows: Sequence[tuple[str, float, str]], most: float = 0.0) -> str:
    """A chart of one bar a row: (name, value, what it says). `says` is its meaning in words, for all who read.

    The bars are borders, which are printed too; names keep their size on a narrow screen.
    """
    top = most or max((value for _, value, _ in rows), default=0) or 1
    lines = "".join(
        f'<span class="name">{text(name)}</span><span class="track"><i style="width:{_percent(value, top)}%"></i>'
        f"<b>{text(shown)}</b></span>"
        for name, value, shown in rows
    )
    chart = f'<div class="bars" role="img" aria-label="{text(title)}. {text(says)}">{lines}</div>'
    return f"<figure>{chart}<figcaption>{text(title)}. {text(says)}</figcaption></figure>\n"


def _percent(value: float, top: float) -> str:
    return f"{70 * max(0.0, min(1.0, value / top)):.1f}"
