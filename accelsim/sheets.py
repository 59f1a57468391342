"""Tables that a page shows as such and a terminal as text.

>>> print(Table("Sizes", ("", "words"), (("ifmap", "57,600"),)))
Sizes
        words
ifmap  57,600
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from accelsim import report

_SAID = ("", ' class="said"')  # a cell of words, not of a number


@dataclass(frozen=True, repr=False)
class Table:
    """A table with a caption: HTML for pages, text for terminals. The first column names the row."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.caption, report.table(self.head, self.rows), *self.notes])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(cell)}</th>' if cell else "<td></td>" for cell in self.head)
        body = "".join(f"<tr>{_cells(row)}</tr>" for row in self.rows)
        notes = "".join(f'<p class="accelsim-note">{html.escape(note)}</p>' for note in self.notes)
        return (
            f'<div class="accelsim-table" role="region" tabindex="0" aria-label="{html.escape(self.caption)}">'
            f'<table class="table"><caption>{html.escape(self.caption)}</caption><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>{notes}"
        )

    def _repr_markdown_(self) -> str:
        """The same for paper, where a table is LaTeX's own."""
        columns = list(zip(*self.rows, strict=True))
        align = [":---", *(":---" if max(map(len, cells)) > 20 else "---:" for cells in columns[1:])]
        rows = [[_plain(cell) for cell in row] for row in (self.head, *self.rows)]
        table = "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], align, *rows[1:]))
        return "\n\n".join([f"**{_plain(self.caption)}**", table, *map(_plain, self.notes)])


def _cells(row: Sequence[str]) -> str:
    first, *others = (html.escape(cell) for cell in row)
    return f'<th scope="row">{first}</th>' + "".join(f"<td{_SAID[len(cell) > 20]}>{cell}</td>" for cell in others)


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)
