"""Markdown that a student wrote, as HTML that only shows text: for pages that open with an instructor's rights.

nbgrader's formgrader puts the HTML inside a Markdown cell into its page as it is, scripts included, whatever nbconvert
is told about cleaning. A course's nbgrader_config.py names `as_html` as the filter in its place.
"""

from __future__ import annotations

from html import escape
from typing import Any

from autograder.course import ready_nbgrader

ready_nbgrader()

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath  # noqa: E402


class _Text(IPythonRenderer):
    """HTML is shown as it was typed; pictures, which would be fetched, are named; links go to web pages only."""

    def image(self, text: str, url: str, title: Any = None) -> str:
        return f"[picture: {text} {escape(url)}]"

    def link(self, text: str, url: str, title: Any = None) -> str:
        web = url.lower().startswith(("http://", "https://"))
        shown = f'<a href="{escape(url)}" rel="noopener noreferrer" target="_blank">{text}</a>'
        return shown if web else f"{text} ({escape(url)})"


def as_html(source: str) -> str:
    """The cell as HTML.

    >>> as_html("**slow** <script>alert(1)</script>")
    '<p><strong>slow</strong> &lt;script&gt;alert(1)&lt;/script&gt;</p>\\n'
    """
    return str(MarkdownWithMath(renderer=_Text(escape=True, allow_harmful_protocols=False)).render(source))
