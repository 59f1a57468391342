"""A browser, and a page of static views on localhost, for the tests of views."""

import pytest

from tests.browser import chromium, serve

PAGE = """<!doctype html><html lang="en"{theme}><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"></head><body><main><h1>Chapter</h1>{views}</main></body></html>"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder served on localhost; `site(view, ...)` writes a page of static views and gives its address."""
    monkeypatch.setenv("ACCELSIM_STATIC", "1")
    with serve(tmp_path) as url:

        def write(*views, theme=""):
            html = "\n".join(view._repr_mimebundle_()["text/html"] for view in views)
            (tmp_path / "index.html").write_text(PAGE.format(views=html, theme=theme), encoding="utf-8")
            return f"{url}/index.html"

        yield write
