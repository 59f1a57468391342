"""One grader at a time: a lock on the course folder that a dead holder cannot keep."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from autograder.errors import AutograderError

LOCK = Path(".autograder") / "lock"
FOREVER = float("inf")


@contextmanager
def locked(
    root: Path, doing: str, seconds: float = FOREVER, tell: Callable[[str], object] | None = None
) -> Iterator[None]:
    """Hold the course in `root` alone; `doing` is what others are told. Waits up to `seconds`, after saying for whom.

    The operating system drops the lock with its holder, however that ends.
    Raises AutograderError when the course is still held after that time.
    """
    path = root / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _acquire(file, path, seconds, tell or _say)
        _write_holder(file, doing)
        try:
            yield
        finally:
            file.truncate(0)  # the lock itself goes when the file is closed


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _acquire(file: IO[str], path: Path, seconds: float, tell: Callable[[str], object]) -> None:
    until, told = time.monotonic() + seconds, False
    while not _try(file):
        if time.monotonic() >= until:
            raise AutograderError(f"{_holder(file)} works on this course; run this again when that is done")
        if not told:
            tell(f"waiting: {_holder(file)} works on this course ({path.parent.parent})")
            told = True
        time.sleep(0.2)


def _try(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows, where nothing is graded
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(file: IO[str], doing: str) -> None:
    file.seek(0)
    file.truncate(0)
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    json.dump({"pid": os.getpid(), "host": socket.gethostname(), "doing": doing, "since": since}, file)
    file.flush()


def _holder(file: IO[str]) -> str:
    """Who holds the lock, by what it wrote; between locking and writing there is nothing to read yet.

    >>> import io
    >>> _holder(io.StringIO('{"pid": 7, "host": "here", "doing": "grade 01", "since": "12:00"}'))
    '`grade 01` (process 7 on here, since 12:00)'
    """
    file.seek(0)
    try:
        who: dict[str, Any] = json.loads(file.read())
        return f"`{who['doing']}` (process {who['pid']} on {who['host']}, since {who['since']})"
    except (ValueError, KeyError, TypeError):
        return "another autograder command"
