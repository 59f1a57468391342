"""What is known already: the marks of a submission, kept under a hash of everything they depend on.

One file per student and lab in `.autograder/cache/`. It begins with the hash of its own body, so that one cut short or
damaged is a miss and nothing worse; losing the folder costs time only.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import stat
import sys
import sysconfig
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError

FOLDER = Path(".autograder") / "cache"
MOST_HASHED = 1 << 30
SKIPPED = {"__pycache__", ".ipynb_checkpoints"}


def digest(parts: Iterable[str | bytes]) -> str:
    """The hash of several parts, each with its length, so that no two lists of parts read the same.

    >>> digest(["ab", "c"]) == digest(["a", "bc"])
    False
    """
    whole = hashlib.sha256()
    for part in parts:
        body = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        whole.update(len(body).to_bytes(8, "big") + body)
    return whole.hexdigest()


def folder_hash(folder: Path) -> str:
    """The hash of a folder's names, kinds and contents; of a file above 1 GiB, its size and time of change."""
    return digest(_parts(folder))


def _parts(folder: Path) -> Iterator[str | bytes]:
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted([*files, *(name for name in folders if os.path.islink(os.path.join(top, name)))]):
            path = os.path.join(top, name)
            yield os.path.relpath(path, folder)
            yield _content(path)


def _content(path: str) -> str | bytes:
    try:
        what = os.lstat(path)
        if stat.S_ISLNK(what.st_mode):
            return f"link to {os.readlink(path)}"
        if not stat.S_ISREG(what.st_mode) or what.st_size > MOST_HASHED:
            return f"{stat.S_IFMT(what.st_mode)} {what.st_size} {what.st_mtime_ns}"
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return f"unreadable: {error.strerror}"


@functools.cache
def environment() -> str:
    """The hash of what runs: both packages, this Python, and the names and versions of all that is installed beside."""
    import accelsim
    import autograder

    packages = [Path(str(module.__file__)).parent for module in (accelsim, autograder)]
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    installed = {path.name for place in places for path in Path(place).glob("*.dist-info")}
    return digest(
        [sys.version, platform.machine(), *sorted(installed), *(folder_hash(package) for package in packages)]
    )


def load(root: Path, lab: str, student: str, key: str) -> dict[str, Any] | None:
    """What was stored under this key, or None: also when the file is missing, damaged or of another key."""
    try:
        stored = _path(root, lab, student).read_bytes()
        head, body = stored[:64].decode("ascii"), stored[64:]
        if hashlib.sha256(body).hexdigest() != head:
            return None
        kept = json.loads(zlib.decompress(body))
        return dict(kept["marks"]) if kept["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError, zlib.error):
        return None


def store(root: Path, lab: str, student: str, key: str, marks: dict[str, Any]) -> None:
    """Keep marks for the next run, in place of what was kept for this student and lab.

    Raises AutograderError when the disk is full or the folder cannot be written.
    """
    body = zlib.compress(json.dumps({"key": key, "marks": marks}).encode("utf-8", "surrogateescape"), 1)
    path = _path(root, lab, student)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(hashlib.sha256(body).hexdigest().encode("ascii") + body)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise AutograderError(f"{path} cannot be written: {error.strerror}; what was graded before is kept") from error


def _path(root: Path, lab: str, student: str) -> Path:
    return root / FOLDER / lab / f"{digest([student])[:32]}.z"
