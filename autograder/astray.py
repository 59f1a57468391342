"""Work handed in where grading does not look, and students whom the gradebook did not know: told, and nothing moved."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from accelsim.errors import suggest
from autograder.submission import is_work, notebooks_in

MOST_LISTED = 10


def astray(submitted: Path, lab: str, labs: Collection[str]) -> list[Path]:
    """The notebooks and archives of a lab that lie elsewhere than in `submitted/<student>/<one of labs>/`.

    Folders of students that cannot be opened are among them: nobody knows what is there.
    """
    found = _elsewhere(submitted, labs)
    return [path for path in found if closed(path) or plain(lab) in plain(str(path.relative_to(submitted)))]


def closed(path: Path) -> bool:
    """Whether this is a folder that cannot be opened."""
    return path.is_dir() and not os.access(path, os.R_OK | os.X_OK)


def _elsewhere(submitted: Path, labs: Collection[str]) -> Iterator[Path]:
    for path in _visible(submitted):
        if not path.is_dir() or closed(path):
            yield from [path] if closed(path) or is_work(path.name) else []
            continue
        for inner in _visible(path):
            if not inner.is_dir():
                yield from [inner] if is_work(inner.name) else []
            elif inner.name not in labs:
                yield from notebooks_in(inner)


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not path.is_symlink())
    except OSError:
        return []


def plain(name: str) -> str:
    """A name without what slips change in it.

    >>> plain("01-Convolution (1)")
    '01convolution1'
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", name).casefold())


def newcomers_line(new: Sequence[str], known: Collection[str], handed_in: Collection[str]) -> str:
    """What to say of students whom the gradebook did not know; nothing where it knew nobody, before a first run.

    >>> print(newcomers_line(["adda"], ["ada", "bob"], ["adda", "bob"]))
    new to the gradebook: adda; did you mean ada?
    for a slip, rename the folder in submitted/, run this again, and: nbgrader db student remove NAME --force
    """
    if not new or not known:
        return ""
    without = [name for name in known if name not in handed_in]
    named = ", ".join(f"{name}{suggest(name, without)}" for name in new[:MOST_LISTED])
    more = f" and {len(new) - MOST_LISTED} more" if len(new) > MOST_LISTED else ""
    return (
        f"new to the gradebook: {named}{more}\n"
        "for a slip, rename the folder in submitted/, run this again, and: nbgrader db student remove NAME --force"
    )
