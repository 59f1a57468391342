"""What a student wrote as Markdown does nothing on a page that opens with an instructor's rights."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from autograder.course import config, make_course
from autograder.markdown import as_html

HOSTILE = [
    "<script>alert(1)</script>",
    "text <img src=x onerror=alert(1)> text",
    "<svg/onload=alert(1)>",
    "<iframe src=//192.0.2.1></iframe>",
    "<form action=//192.0.2.1><input name=y></form>",
    "<meta http-equiv=refresh content='0;url=//192.0.2.1'>",
    "<style>body{display:none}</style>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    '[a](http://192.0.2.1/" onclick="alert(1))',
    "![a](http://192.0.2.1/track.png)",
    '![" onerror="alert(1)](x)',
    "![a](attachment:missing.png)",
    "# <script>alert(1)</script>",
    '```"><script>\nx\n```',
    "$<script>alert(1)</script>$",
    "$$<img src=x onerror=alert(1)>$$",
]
TEXT = {"p", "strong", "em", "a", "h1", "code", "pre", "div", "span"}


class Seen(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.does = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.does += [(k, v) for k, v in attrs if k.startswith("on") or (k in ("href", "src") and _acts(v))]


def _acts(address):
    return not address.startswith(("http://", "https://", "#"))


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_but_text_comes_of_it(source):
    seen = Seen(as_html(source))
    assert set() == seen.tags - TEXT
    assert [] == seen.does


def test_text_stays_text():
    assert "<strong>slow</strong>" in as_html("**slow**, `a<b`")
    assert "<code>a&lt;b</code>" in as_html("**slow**, `a<b`")


def test_a_new_course_tells_formgrader_to_use_it(tmp_path):
    settings = config(make_course(tmp_path / "course"))
    assert {"markdown2html": "autograder.markdown.as_html"} == settings.HTMLExporter.filters
