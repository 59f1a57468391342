"""What paper needs and a screen does not: wide and long tables share out the width of the page, in smaller print."""

from __future__ import annotations

from math import sqrt
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

LONG = 30  # rows from which Sphinx sets a table as LaTeX's longtable, whose columns do not wrap by themselves
PAGE = 84  # characters across a page
GAP = 3  # characters between two columns


class Tables(SphinxPostTransform):
    """Gives the columns of wide and long tables widths; print is small where the longest words need it."""

    default_priority = 900
    formats = ("latex",)

    def run(self, **_: Any) -> None:
        for table in list(self.document.findall(nodes.table)):
            columns = list(zip(*([entry.astext() for entry in row] for row in table.findall(nodes.row)), strict=True))
            longest = [max(map(len, cells)) + GAP for cells in columns]
            if len(columns[0]) > LONG or sum(longest) > PAGE:
                share(table, columns)


def share(table: nodes.table, columns: list[tuple[str, ...]]) -> None:
    """Sets the widths of the columns, in hundredths: room for the longest word, and more where there is much text."""
    words = [max((len(word) for cell in cells for word in cell.split()), default=1) + GAP for cells in columns]
    needs = [word + 2 * sqrt(max(map(len, cells))) for word, cells in zip(words, columns, strict=True)]
    for column, need in zip(table.findall(nodes.colspec), needs, strict=True):
        column["colwidth"] = max(1, round(100 * need / sum(needs)))
    table["classes"].append("colwidths-given")
    if sum(needs) > PAGE:
        before, after = (nodes.raw("", code, format="latex") for code in (r"\begingroup\scriptsize", r"\endgroup"))
        table.parent.insert(table.parent.index(table), before)
        table.parent.insert(table.parent.index(table) + 1, after)


def setup(app: Any) -> dict[str, bool]:
    app.add_post_transform(Tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
