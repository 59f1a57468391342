"""Pictures of a student's own answer for a lab's `given/`: tables in a notebook, the same as text elsewhere.

Rows and columns have names, and a sign or a number stands in each cell beside its colour. A drawing that meets an
answer it cannot draw says so in a sentence; it never shows a traceback and never judges.

>>> print(Picture("Two rows.", (grid("x", [[("1", "on"), ("2", "")], [("30", ""), ("4", "")]], "r", "c"),)))
Two rows.
<BLANKLINE>
x
   c0 c1
r0  1  2
r1 30  4
"""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from accelsim.errors import AccelsimError
from autograder.student import STOPPED, at_own_line, explain

Cell = tuple[str, "str | float"]

LOOKS = {
    "": "background:var(--jp-layout-color0,transparent)",
    "left": "background:var(--jp-layout-color0,transparent)",
    "right": "background:var(--jp-layout-color0,transparent)",
    "on": "background:#1f5fa8;color:#fff",
    "shared": "background:#8fb8de;color:#000",
    "pad": "background:#dcdcdc;color:#333",
    "bad": "background:#8a2f00;color:#fff;font-weight:bold",
}


@dataclass(frozen=True)
class Table:
    """A caption, names of columns, and rows of (name, cells); a cell is (text, look)."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]

    def __str__(self) -> str:
        lines = [("", *self.columns), *((name, *(text for text, _ in cells)) for name, cells in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        text = [" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([self.caption, *text] if self.caption else text)

    def html(self) -> str:
        """The same as an HTML table."""
        looks = [look for _, look in self.rows[0][1]] if self.rows else [""] * len(self.columns)
        head = "".join(_heading("col", name, _side(look)) for name, look in zip(self.columns, looks, strict=True))
        body = "".join(f"<tr>{_heading('row', name)}{''.join(map(_cell, cells))}</tr>" for name, cells in self.rows)
        style = "border-collapse:collapse;margin:4px 24px 12px 0;font-family:monospace"
        above = "caption-side:top;text-align:left;white-space:nowrap"
        caption = f'<caption style="{above}">{html.escape(self.caption)}</caption>'
        return f'<table style="{style}">{caption}<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'


@dataclass(frozen=True)
class Picture:
    """Some tables and a sentence that says how to read them."""

    says: str
    tables: tuple[Table, ...] = ()

    def __repr__(self) -> str:
        return "\n\n".join([self.says, *map(str, self.tables)])

    def _repr_html_(self) -> str:
        tables = "".join(table.html() for table in self.tables)
        side_by_side = "display:flex;flex-wrap:wrap;align-items:flex-start"
        return f'<p>{html.escape(self.says)}</p><div style="{side_by_side}">{tables}</div>'


class CannotDraw(Exception):
    """Says in a sentence what is missing from the picture."""


def picture(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A drawing that answers with a sentence where there is nothing to draw yet."""

    @functools.wraps(draw)
    def drawn(*args: Any, **names: Any) -> Any:
        try:
            return draw(*args, **names)
        except CannotDraw as fault:
            return Picture(str(fault))
        except (AccelsimError, AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
            return Picture(
                f"This picture cannot read your answer ({type(fault).__name__}: {fault}). The check says more."
            )

    return drawn


def ask(function: Callable[..., Any], *args: Any) -> Any:
    """What the student's function answers. Raises CannotDraw, which says why there is no answer."""
    try:
        answer = function(*args)
    except NotImplementedError:
        raise CannotDraw(f"Nothing to draw yet: write {function.__name__}, run its cell, then run this one.") from None
    except KeyboardInterrupt as error:
        raise CannotDraw(f"Nothing to draw: {STOPPED}{at_own_line(error)}") from None
    except SystemExit as error:
        raise CannotDraw(f"Nothing to draw: {function.__name__} called exit{at_own_line(error)}") from None
    except Exception as error:
        raise CannotDraw(f"Nothing to draw: {function.__name__}{_shapes(args)} stopped. {explain(error)}") from None
    if answer is None:
        raise CannotDraw(f"{function.__name__} returned None. Does it end with return?")
    return answer


def _shapes(args: Sequence[Any]) -> str:
    return f"({', '.join(f'array {x.shape}' if hasattr(x, 'shape') else repr(x) for x in args)})"


def grid(caption: str, cells: Sequence[Sequence[Cell]], row: str, column: str) -> Table:
    """A table whose rows and columns are numbered behind a letter: r0, r1 ... and c0, c1 ..."""
    names = tuple(f"{column}{i}" for i in range(len(cells[0]) if cells else 0))
    return Table(caption, names, tuple((f"{row}{i}", tuple(line)) for i, line in enumerate(cells)))


def bar(share: float) -> str:
    """A bar of at most 30 signs for a share from 0 to 1."""
    return ("█" * max(1, round(30 * share)) if share > 0 else "").ljust(30)


def shade(share: float) -> str:
    """The style of a cell, from white at 0 to blue at 1, with letters that stay readable."""
    red, green, blue = (round(255 - share * (255 - full)) for full in (31, 95, 168))
    return f"background:rgb({red},{green},{blue});color:{'#fff' if share > 0.84 else '#000'}"


def _heading(scope: str, name: object, side: str = "right") -> str:
    pads = "padding:1px 5px;white-space:nowrap"
    return f'<th scope="{scope}" style="{pads};text-align:{side}">{html.escape(str(name))}</th>'


def _side(look: str | float) -> str:
    return look if look in ("left", "right") and isinstance(look, str) else "center"


def _cell(cell: Cell) -> str:
    text, look = cell
    style = shade(look) if isinstance(look, float) else LOOKS[look]
    return f'<td style="padding:1px 5px;text-align:{_side(look)};{style}">{html.escape(text)}</td>'
