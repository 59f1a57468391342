"""Numbers as text, and pieces of HTML, as `kit.js` writes them: for pages whose scripts do not run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from html import escape

UNITS = ("", " k", " M", " G", " T", " P")
LIMITS = ((99.95, 0), (9.995, 1), (0.9995, 2), (0.09995, 3), (0.009995, 4))


def short(value: float) -> str:
    """Three digits and a power of a thousand.

    >>> short(598081536), short(0.0029), short(12), short(12.5)
    ('598 M', '0.00290', '12', '12.5')
    """
    unit = 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    if not unit and float(value).is_integer():
        return str(int(value))
    digits = next((digits for limit, digits in LIMITS if value >= limit), 5)
    return fixed(value, digits) + UNITS[unit]


def percent(share: float) -> str:
    """A share in percent, one decimal.

    >>> percent(0.125)
    '12.5 %'
    """
    return fixed(100 * share, 1) + " %"


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals; halves go up, as in a browser.

    >>> fixed(2.5, 0)
    '3'
    """
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], name: str = "") -> str:
    """A table of text cells; the first cell of a row is its heading.

    >>> table("Sizes", ["", "words"], [["filter", 9]])[40:]
    '<tr><td></td><th scope=col>words</th></tr><tr><th scope=row>filter</th><td>9</td></tr></table>'
    """
    head = "".join(f"<th scope=col>{escape(text)}</th>" if text else "<td></td>" for text in heads)
    body = "".join(
        f"<tr><th scope=row>{escape(str(first))}</th>{''.join(f'<td>{escape(str(cell))}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return f'<table class="{name}"><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>'


def framed(table: str) -> str:
    """A table that scrolls sideways where it is too wide, by keyboard too."""
    return f'<div class="wide-table" tabindex="0" role="group" aria-label="Table">{table}</div>'


def bar(parts: Sequence[tuple[int, float, str]], most: float) -> str:
    """A row of patterned pieces (fill, value, text), as long as their share of `most`.

    >>> bar([(0, 3, "a"), (1, 1, "")], 4)[:81]
    '<div class="bar" aria-hidden="true"><span class="piece f0" style="width:75.0%"><b'
    """
    pieces = "".join(
        f'<span class="piece f{fill % 9}" style="width:{100 * value / most}%">'
        f"{f'<b>{escape(text)}</b>' if text and value / most > 0.07 else ''}</span>"
        for fill, value, text in parts
        if value > 0
    )
    return f'<div class="bar" aria-hidden="true">{pieces}</div>'


def legend(names: Iterable[tuple[int | str, str]], kind: str = "f") -> str:
    """What the patterns stand for.

    >>> legend([(0, "ifmap")])
    '<ul class="legend"><li><span class="swatch f0" aria-hidden="true"></span>ifmap</li></ul>'
    """
    entries = "".join(
        f'<li><span class="swatch {kind}{fill}" aria-hidden="true"></span>{escape(text)}</li>' for fill, text in names
    )
    return f'<ul class="legend">{entries}</ul>'
