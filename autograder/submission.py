"""What a student handed in, read without trusting it: a clear fault, or plain cells."""

from __future__ import annotations

import codecs
import io
import json
import mmap
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.course import ready_nbgrader
from autograder.errors import AutograderError
from autograder.jsontext import lean
from autograder.judge import show
from autograder.lab import CHECK
from autograder.sandbox import Limits
from autograder.variants import STUDENT

MOST_BYTES, MOST_TEXT, MOST_CELLS = 2 << 30, 32 << 20, 2000
MUCH_OUTPUT = 25 << 20
MOST_FILES, DEEPEST, MOST_NOTED = 2000, 3, 1000
PUBLIC, TIME = "public_checks.json", "timestamp.txt"


@dataclass(frozen=True)
class Submitted:
    """One cell as handed in; `grade_id` is what its metadata claims, `id` its own name in the file.

    `ran` orders cells by when they were last run, as far as the editor noted it: (time, count); zeros where it did not.
    """

    kind: str
    source: str
    grade_id: str
    id: str = field(default="", compare=False)
    ran: tuple[float, float] = field(default=(0.0, 0.0), compare=False)

    @property
    def check(self) -> str:
        """The question this cell means to check, by what it says or, failing that, by its grade_id."""
        found = CHECK.match(self.source.strip())
        return found["name"] if found else self.grade_id


@dataclass(frozen=True)
class Notebook:
    """A notebook's cells, the language its kernel names ("" for none), and (kind, text) on how it had to be read."""

    cells: tuple[Submitted, ...]
    language: str = ""
    read: tuple[tuple[str, str], ...] = ()


def read_notebook(path: Path) -> tuple[Submitted, ...]:
    """The cells of a submitted notebook.

    Raises AutograderError, in words for student and instructor, when it is missing, empty, cut short, or no notebook.
    """
    return read_file(path).cells


def read_file(path: Path) -> Notebook:
    """A notebook file, whatever wrote it: any nbformat from 3, any Unicode text, a notebook in a zip archive.

    Outputs are skipped where they stand in the file, so that they cost no memory.
    Raises AutograderError as `read_notebook` does.
    """
    if path.is_symlink() or path.parent.is_symlink():
        raise AutograderError(f"{path.name} is a link; the notebook itself is needed")
    if not path.is_file():
        raise AutograderError(f"{path.name} is missing; {_instead(path)}")
    size = path.stat().st_size
    if size == 0:
        raise AutograderError(f"{path.name} is empty (0 bytes)")
    if size > MOST_BYTES:
        raise AutograderError(f"{path.name} has {size >> 30} GiB; clear its outputs and hand it in again")
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return _read(text, path.name)
    except OSError as error:
        raise AutograderError(f"{path.name} cannot be read: {error.strerror}") from None


def _read(text: Any, name: str) -> Notebook:
    if bytes(text[:4]) == b"PK\x03\x04":
        return _unzipped(text, name)
    skipped = lean(_utf8(text, name))
    if len(skipped) > MOST_TEXT:
        raise AutograderError(
            f"{name} has {len(skipped) >> 20} MiB beside its outputs; at most {MOST_TEXT >> 20} are read"
        )
    decoded, notes = _decoded(skipped, text, name)
    if len(text) - len(skipped) > MUCH_OUTPUT:
        size = (len(text) - len(skipped)) >> 20
        notes.append(("outputs", f"The notebook carried {size} MiB of outputs; they were left out and made anew."))
    made = _notebook(_json(decoded, name), name)
    return Notebook(made.cells, made.language, (*notes, *made.read))


def _utf8(text: Any, name: str) -> Any:
    """UTF-16 as UTF-8, so that outputs can be skipped; all else as it is."""
    head = bytes(text[:4])
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head[1::2] == b"\0\0" or head[::2] == b"\0\0"
    if not wide:
        return text
    if len(text) > 2 * MOST_TEXT:
        raise AutograderError(f"{name} is UTF-16 text of {len(text) >> 20} MiB; clear its outputs and save it as UTF-8")
    codec = "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-16-le"
    return bytes(text[:]).decode(codec if head[0] else "utf-16-be", "replace").encode()


def _decoded(lean_text: bytes, original: Any, name: str) -> tuple[str, list[tuple[str, str]]]:
    """The text, and a note where it was not the UTF-8 that notebooks are written in."""
    notes = []
    if bytes(original[:2]) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or b"\0" in bytes(original[:2]):
        notes.append(("encoding", "The notebook was saved as UTF-16 text; it was read all the same."))
    try:
        return lean_text.decode("utf-8-sig"), notes
    except UnicodeDecodeError as error:
        if lean_text.lstrip()[:1] == b"{":  # an editor of the Windows world
            said = "The notebook was saved as Windows-1252 text, not as UTF-8; accented letters may look odd."
            return lean_text.decode("cp1252", "replace"), [*notes, ("encoding", said)]
        raise AutograderError(
            f"{name} is not text, so no notebook: {_what(bytes(original[:200])) or error.reason}"
        ) from None


_HEADS = (
    (rb"\s*<(!doctype|html|\?xml)", "it is a web page, saved under the notebook's name; download the notebook itself"),
    (rb"%PDF", "it is a PDF; hand in the .ipynb file itself"),
    (rb"version https://git-lfs", "it is a Git LFS pointer, not the file; run `git lfs pull` and hand in again"),
    (rb"\x1f\x8b|Rar!|7z\xbc", "it is an archive; hand in the .ipynb file itself"),
)
_CONFLICT = re.compile(r"^<{7}(?!<)", re.MULTILINE), re.compile(r"^>{7}(?!>)", re.MULTILINE)


def _what(head: bytes) -> str:
    """What a file is that is no notebook, and what to do."""
    return next((says for pattern, says in _HEADS if re.match(pattern, head, re.IGNORECASE)), "")


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise AutograderError(f"{name} is nested too deeply to be a notebook") from None
    except json.JSONDecodeError as error:
        raise AutograderError(f"{name} {_why(text, error)}") from None
    except ValueError as error:
        raise AutograderError(f"{name} cannot be read: {error}") from None


def _why(text: str, error: json.JSONDecodeError) -> str:
    """Why this is no JSON, in words for the person who can put it right."""
    start = _CONFLICT[0].search(text)
    if start and _CONFLICT[1].search(text):
        line = text.count("\n", 0, start.start()) + 1
        return (
            f"has merge-conflict markers (<<<<<<< in line {line}), so nothing can open it: take one version whole "
            "(git checkout --ours FILE, or --theirs), open it, and hand in again"
        )
    if said := _what(text[:200].encode()):
        return f"is no notebook: {said}"
    if error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated"):
        return f"is cut short: it ends in the middle, at line {error.lineno}"
    return f"is not JSON, so no notebook: {error.msg} at line {error.lineno}"


def _unzipped(text: Any, name: str) -> Notebook:
    """The one notebook in an archive, read no further than a notebook may go."""
    try:
        with zipfile.ZipFile(io.BytesIO(text[: MOST_TEXT + 1])) as archive:
            inside = [m for m in archive.infolist() if _is_notebook(m.filename) and not m.is_dir()][:10]
            if len(inside) != 1:
                raise AutograderError(
                    f"{name} is a zip archive with {len(inside) or 'no'} notebooks; hand in the one .ipynb file"
                )
            with archive.open(inside[0]) as member:
                body = member.read(2 * MOST_TEXT + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as error:
        if isinstance(error, AutograderError):
            raise
        raise AutograderError(
            f"{name} is a zip archive that cannot be opened ({error}); hand in the .ipynb file"
        ) from None
    if len(body) > 2 * MOST_TEXT:
        raise AutograderError(f"the notebook in {name} has more than {2 * MOST_TEXT >> 20} MiB; clear its outputs")
    if body[:4] == b"PK\x03\x04":
        raise AutograderError(f"{name} is a zip archive in a zip archive; hand in the .ipynb file")
    made = _read(body, Path(inside[0].filename).name)
    said = f"The notebook was taken out of the archive {show(name)}; next time hand in the .ipynb file itself."
    return Notebook(made.cells, made.language, (("archive", said), *made.read))


def _is_notebook(name: str) -> bool:
    """Whether a file's name is that of a notebook, of a copy, or of one that a browser has renamed."""
    parts = Path(name).parts
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    return not hidden and bool(re.search(r"\.ipynb(\.(txt|json|download))?$", name, re.IGNORECASE))


def is_work(name: str) -> bool:
    """Whether a file's name is that of something handed in: a notebook, or an archive."""
    return _is_notebook(name) or name.lower().endswith(".zip")


def notebooks_in(folder: Path) -> list[Path]:
    """All notebooks of a submission's folder, those at its top first; archives only where there is no notebook."""
    files = [path for path in _walk(folder) if path.is_file() and not path.is_symlink()]
    found = [path for path in files if _is_notebook(str(path.relative_to(folder)))]
    zipped = [path for path in files if path.suffix.lower() == ".zip"]
    return sorted(found or zipped, key=lambda path: (len(path.parts), path.name))


def _walk(folder: Path, depth: int = 0) -> Iterator[Path]:
    """The files of a folder and of those in it, not deeper than a student's slip goes, without hidden ones or links."""
    try:
        entries = sorted(folder.iterdir())[:MOST_FILES]
    except OSError:
        return
    for path in entries:
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir() and depth < DEEPEST:
            yield from _walk(path, depth + 1)
        elif not path.is_dir():
            yield path


def _instead(path: Path) -> str:
    """What lies where a notebook should, and what to do about it."""
    beside = list(_walk(path.parent))
    if others := [show(p.name) for p in beside if _is_notebook(p.name)][:5]:
        return f"the folder holds {', '.join(others)}, which is no notebook of this lab or cannot be read"
    if exports := [show(p.name) for p in beside if p.suffix in (".html", ".py", ".pdf", ".docx", ".md")][:3]:
        return f"the folder holds {', '.join(exports)} and no notebook: the .ipynb file itself is needed"
    return "the folder holds no notebook: ask for it to be handed in again"


def _notebook(data: Any, name: str) -> Notebook:
    if isinstance(data, dict) and isinstance(data.get("content"), dict):  # as Jupyter's server sends a file
        data = data["content"]
    if not isinstance(data, dict):
        raise AutograderError(f"{name} is JSON but no notebook: it has no list of cells (nbformat 4 is needed)")
    cells, notes = data.get("cells"), []
    if cells is None and isinstance(data.get("worksheets"), list):
        cells = [
            cell for sheet in data["worksheets"] if isinstance(sheet, dict) for cell in _listed(sheet.get("cells"))
        ]
        notes.append(("format", "The notebook was saved in an old format (nbformat 3); it was read all the same."))
    if not isinstance(cells, list):
        raise AutograderError(f"{name} is JSON but no notebook: it has no list of cells (nbformat 4 is needed)")
    if len(cells) > MOST_CELLS:
        raise AutograderError(f"{name} has {len(cells)} cells; at most {MOST_CELLS} are read")
    return Notebook(tuple(_cells(cells)), _language(data.get("metadata")), tuple(notes))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _language(metadata: Any) -> str:
    kernel, info = _dict(_dict(metadata).get("kernelspec")), _dict(_dict(metadata).get("language_info"))
    named = kernel.get("language") or info.get("name") or ""
    return str(named)[:40].lower()


_KINDS = {"code": "code", "markdown": "markdown", "raw": "raw", "heading": "markdown", "html": "markdown"}


def _cells(cells: Iterable[Any]) -> Iterator[Submitted]:
    for cell in cells:
        kind = _KINDS.get(str(cell.get("cell_type"))) if isinstance(cell, dict) else None
        if kind:
            metadata = _dict(cell.get("metadata"))
            source = _source(cell.get("source", cell.get("input")))
            yield Submitted(kind, source, _grade_id(metadata), _own_id(cell, metadata), _ran(cell, metadata))


def _source(source: Any) -> str:
    parts = source if isinstance(source, list) else [source]
    text = "".join(part for part in parts if isinstance(part, str))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _grade_id(metadata: dict[str, Any]) -> str:
    name = _dict(metadata.get("nbgrader")).get("grade_id")
    return name if isinstance(name, str) else ""


def _own_id(cell: dict[str, Any], metadata: dict[str, Any]) -> str:
    """A cell's id: nbformat 4.5 has one, and editors of older notebooks keep it in the metadata."""
    named = (cell.get("id"), metadata.get("id"), metadata.get("cell_id"))
    return next((name for name in named if isinstance(name, str)), "")


def _ran(cell: dict[str, Any], metadata: dict[str, Any]) -> tuple[float, float]:
    """When a cell was last run: the time that JupyterLab, Colab or Deepnote noted, in seconds, and its count."""
    stamp = _dict(metadata.get("execution")).get("iopub.execute_input")
    other = _dict(metadata.get("executionInfo")).get("timestamp") or metadata.get("execution_start")
    count = cell.get("execution_count", cell.get("prompt_number"))
    return _seconds(stamp, other), float(count) if type(count) is int and 0 < count < 2**31 else 0.0


def _seconds(stamp: Any, milliseconds: Any) -> float:
    if isinstance(stamp, str):
        try:
            return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
        except (ValueError, OverflowError):
            return 0.0
    return milliseconds / 1000 if type(milliseconds) in (int, float) and 0 < milliseconds < 2**53 else 0.0


def handed_in_at(folder: Path) -> datetime | None:
    """The time that timestamp.txt notes, in UTC without zone as nbgrader keeps it; None where it notes none.

    nbgrader writes it in the zone that `c.Exchange.timezone` names, "CET" say, and its own reader knows those names.
    """
    if not is_small(path := folder / TIME, MOST_NOTED):
        return None
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    for read in (_iso_time, _zoned_time):
        with suppress(ValueError, OverflowError):
            return read(text)
    return None


def is_small(path: Path, most: int) -> bool:
    """Whether this is a plain file, no link and no pipe, of at most so many bytes."""
    try:
        known = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(known.st_mode) and known.st_size <= most


def _iso_time(text: str) -> datetime:
    when = datetime.fromisoformat(text.removesuffix(" UTC"))
    return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when


def _zoned_time(text: str) -> datetime:
    ready_nbgrader()
    from nbgrader.utils import parse_utc

    when: datetime = parse_utc(text)
    return when


def copy_files(folder: Path, given: Path, target: Path, limits: Limits) -> list[str]:
    """Copy what a submission's cells may open into `target`: the lab's own files, and the student's beside them.

    Returns notes on what was left out: links, special files, what exceeds half the scratch space, and what stands where
    a file or folder of the lab belongs.
    """
    for path in sorted(given.rglob("*")):
        if path.is_file():
            _copy(path, target / path.relative_to(given))
    _who_and_what(folder, target)
    ours = {path.relative_to(target) for path in target.rglob("*")}
    notes, left = [], limits.scratch_bytes // 2
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.suffix == ".ipynb" or (path.is_dir() and not path.is_symlink()):
            continue
        if name in ours and (target / name).is_file() and not path.is_symlink():
            continue  # the lab's own counts
        if why := _left_out(path, left) or ("the lab has something of that name" if _clash(name, ours, target) else ""):
            notes.append(f"the file {show(str(name))} was left out: {why}")
            continue
        left -= path.stat().st_size
        _copy(path, target / name)
    return notes


def _left_out(path: Path, left: int) -> str:
    """Why a student's file cannot come along; nothing if it can."""
    if not is_small(path, left):
        return "a link, no plain file, or too large"
    return "" if os.access(path, os.R_OK) else "it cannot be read"


def _clash(name: Path, ours: Collection[Path], target: Path) -> bool:
    """Whether a student's file would need a folder where the lab has a file, or the other way round."""
    return name in ours or any(parent in ours and not (target / parent).is_dir() for parent in name.parents)


def _who_and_what(folder: Path, target: Path) -> None:
    """What `mine` reads: whose submission this is, and the public cases as released, in place of what was handed in."""
    released = folder.parents[2] / "release" / folder.name / PUBLIC if len(folder.parents) > 2 else folder / PUBLIC
    if released.is_file() and not released.is_symlink():
        _copy(released, target / PUBLIC)
        (target / STUDENT).write_text(folder.parent.name, "utf-8")
        (target / STUDENT).chmod(0o644)


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    shutil.copyfile(path, to)
    to.chmod(0o644)
