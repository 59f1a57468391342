"""The audit log of a course: what was graded when, by which version, in which sandbox, and which points it changed.

`.autograder/audit.jsonl`, one line of JSON for each submission graded or grade kept, appended before the gradebook is
written: no grade changes without its line. A line is written in one piece and forced to the disk; what a cut left
unfinished at the end is closed off by the next line and skipped by `read`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError

FILE = Path(".autograder") / "audit.jsonl"


def note(root: Path, event: str, result: dict[str, Any], before: float | None) -> None:
    """Append what is about to be recorded of one submission; `before` is the points it had, None for none.

    Raises AutograderError when the log cannot be written: then nothing is to be recorded either.
    """
    items = {item["name"]: item["points"] for item in result["items"]}
    append(
        root,
        {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "lab": result["lab"],
            "student": result["student"],
            "before": before,
            "after": result["points"],
            "of": result["of"],
            "items": items,
            "fault": result["fault"],
            "repairs": [repair["kind"] for repair in result.get("repairs", [])],
            "version": _version(),
            "sandbox": result.get("rung", ""),
            "key": result.get("key", ""),
        },
    )


def _version() -> str:
    try:
        return version("accelsim")
    except PackageNotFoundError:
        return ""


def append(root: Path, line: dict[str, Any]) -> None:
    """Add one line, whole or not at all.

    Raises AutograderError when the disk is full or the file cannot be written.
    """
    path = root / FILE
    body = (json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n").encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _write(file, body)
        finally:
            os.close(file)
    except OSError as error:
        raise AutograderError(f"{path} cannot be written: {error.strerror}; no grade was changed without it") from error


def _write(file: int, body: bytes) -> None:
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        body = b"\n" + body
    written = 0
    try:
        written = os.write(file, body)
    finally:
        if written < len(body):  # the disk is full: no half line stays
            os.ftruncate(file, size)
    if written < len(body):
        raise OSError(28, "No space left on device")
    os.fsync(file)


def read(root: Path) -> Iterator[dict[str, Any]]:
    """All whole lines of a course's log, oldest first; none where nothing was graded yet."""
    try:
        with (root / FILE).open("rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict):
                    yield entry
    except FileNotFoundError:
        return
