"""What a student handed in, read without trusting it: a clear fault, or plain cells."""

from __future__ import annotations

import codecs
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError
from autograder.judge import show
from autograder.lab import CHECK
from autograder.sandbox import Limits

MOST_BYTES, MOST_CELLS = 400 << 20, 2000


@dataclass(frozen=True)
class Submitted:
    """One cell as handed in; `grade_id` is what its metadata claims."""

    kind: str
    source: str
    grade_id: str

    @property
    def check(self) -> str:
        """The question this cell means to check, by what it says or, failing that, by its grade_id."""
        found = CHECK.match(self.source.strip())
        return found["name"] if found else self.grade_id


def read_notebook(path: Path) -> tuple[Submitted, ...]:
    """The cells of a submitted notebook.

    Raises AutograderError, in words for student and instructor, when it is missing, empty, cut short, or no notebook.
    """
    return tuple(_cells(_json(path), path.name))


def _json(path: Path) -> Any:
    text = _text(path)
    try:
        return json.loads(text)
    except RecursionError:
        raise AutograderError(f"{path.name} is nested too deeply to be a notebook") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated"):
            raise AutograderError(f"{path.name} is cut short: it ends in the middle, at line {error.lineno}") from None
        raise AutograderError(f"{path.name} is not JSON, so no notebook: {error.msg} at line {error.lineno}") from None
    except ValueError as error:
        raise AutograderError(f"{path.name} cannot be read: {error}") from None


def _text(path: Path) -> str:
    if path.is_symlink() or path.parent.is_symlink():
        raise AutograderError(f"{path.name} is a link; the notebook itself is needed")
    if not path.is_file():
        raise AutograderError(f"{path.name} is missing; {_instead(path)}")
    size = path.stat().st_size
    if size == 0:
        raise AutograderError(f"{path.name} is empty (0 bytes)")
    if size > MOST_BYTES:
        raise AutograderError(
            f"{path.name} has {size >> 20} MiB; clear its outputs, at most {MOST_BYTES >> 20} are read"
        )
    try:
        body = path.read_bytes()
        if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise AutograderError(f"{path.name} is UTF-16 text; save it again as UTF-8, as JupyterLab does")
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AutograderError(
            f"{path.name} is not text, so no notebook: {error.reason} at byte {error.start}"
        ) from None
    except OSError as error:
        raise AutograderError(f"{path.name} cannot be read: {error.strerror}") from None


def _instead(path: Path) -> str:
    """What lies where a notebook should, and what to do about it."""
    others = [p.name for p in sorted(path.parent.glob("*.ipynb")) if p.is_file()]
    if len(others) == 1:
        return f"the folder holds {others[0]}: rename it to {path.name} and grade again"
    if others:
        return f"the folder holds {', '.join(others[:5])}: rename the right one to {path.name} and grade again"
    return "the folder holds no notebook: ask for it to be handed in again"


def _cells(data: Any, name: str) -> Iterator[Submitted]:
    cells = data.get("cells") if isinstance(data, dict) else None
    if not isinstance(cells, list):
        raise AutograderError(f"{name} is JSON but no notebook: it has no list of cells (nbformat 4 is needed)")
    if len(cells) > MOST_CELLS:
        raise AutograderError(f"{name} has {len(cells)} cells; at most {MOST_CELLS} are read")
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") in ("code", "markdown", "raw"):
            yield Submitted(cell["cell_type"], _source(cell.get("source")), _grade_id(cell.get("metadata")))


def _source(source: Any) -> str:
    parts = source if isinstance(source, list) else [source]
    return "".join(part for part in parts if isinstance(part, str))


def _grade_id(metadata: Any) -> str:
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return name if isinstance(name, str) else ""


def as_released(cells: Sequence[Submitted], release: dict[str, Any]) -> tuple[tuple[Submitted, ...], list[str]]:
    """The cells to run: a locked code cell that was changed is run as it was released; and a note on each of those.

    `release` holds the released notebook's cells by grade_id. A copy of a locked cell further down is the student's.
    """
    fixed = {name: _released(name, body) for name, body in release.items() if _fixed(body)}
    made, notes = [], []
    for cell in cells:
        known = fixed.pop(cell.grade_id, cell)
        if (known.kind, _lines(known)) != (cell.kind, _lines(cell)):
            notes.append(f"locked cell {cell.grade_id} was changed; it was run as released")
            cell = known
        made.append(cell)
    return tuple(made), notes


def _fixed(body: dict[str, Any]) -> bool:
    nbgrader = body["metadata"]["nbgrader"]
    return body["cell_type"] == "code" and bool(nbgrader.get("locked")) and not nbgrader.get("solution")


def _released(name: str, body: dict[str, Any]) -> Submitted:
    return Submitted(body["cell_type"], _source(body["source"]), name)


def _lines(cell: Submitted) -> list[str]:
    return [line.rstrip() for line in cell.source.strip().splitlines()]


def handed_in_at(folder: Path) -> datetime | None:
    """The time nbgrader's collection noted in timestamp.txt, in UTC without zone as nbgrader keeps it."""
    try:
        text = (folder / "timestamp.txt").read_text("utf-8").strip().removesuffix(" UTC")
        when = datetime.fromisoformat(text)
    except (OSError, ValueError):
        return None
    return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when


def copy_files(folder: Path, given: Path, target: Path, limits: Limits) -> list[str]:
    """Copy what a submission's cells may open into `target`: the student's files, then the lab's own over them.

    Returns notes on what was left out: links, special files, and what exceeds half the scratch space.
    """
    notes, left = [], limits.scratch_bytes // 2
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".ipynb" or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file() or path.stat().st_size > left:
            notes.append(
                f"the file {show(str(path.relative_to(folder)))} was left out: a link, no plain file, or too large"
            )
            continue
        left -= path.stat().st_size
        _copy(path, target / path.relative_to(folder))
    for path in sorted(given.rglob("*")):
        if path.is_file():
            _copy(path, target / path.relative_to(given))
    return notes


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    shutil.copyfile(path, to)
    to.chmod(0o644)
