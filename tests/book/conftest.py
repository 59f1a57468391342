"""The built book, for every test here: built once, and again only if the book or the simulator changed."""

from pathlib import Path

import pytest

import make


@pytest.fixture(scope="session")
def html() -> Path:
    """The folder of built pages."""
    make.build_book(make.ROOT)
    return make.ROOT / "build/book/_build/html"
