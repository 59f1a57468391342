"""What students do to a notebook by accident, put right before it is run; each repair is told to both sides.

The released notebook says which cells there must be. Cells are found again by their mark, their id, their text, the
question they check, the function they define, and last by likeness; then copies, changes of type, changed locked cells,
missing cells and moved ones are put right, in that order. Nothing is invented: an answer that is gone stays gone, and
one that is there counts once.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError
from autograder.judge import show
from autograder.lab import CHECK
from autograder.student import PREDICTIONS
from autograder.submission import Notebook, Submitted, is_small, notebooks_in, read_file

ALIKE, MOST_CANDIDATES, MOST_COMPARED, MOST_FREE = 0.6, 10, 4000, 300
PREDICTED = re.compile(r"""^[^#\n]*\bpredict\(\s*["'](\w+)["']\s*,\s*(?!None\b)[^\s)]""", re.MULTILINE)

GUESS = re.compile(r"""predict\(\s*["']\w+["']\s*,\s*[-+.\w]+\s*\)[ \t]*(#[^\n]*)?""")
EMPTIED = "# The function of this cell is written in another cell."


@dataclass(frozen=True)
class Repair:
    """One thing that was put right: its `kind` in one word, `says` in words for both sides.

    `look` marks what a person should see, because points may hang on it.
    """

    kind: str
    says: str
    look: bool = False

    def __str__(self) -> str:
        return self.says


@dataclass(frozen=True)
class HandedIn:
    """A submission ready to run: its cells, and what was put right."""

    cells: tuple[Submitted, ...]
    repairs: tuple[Repair, ...]


@dataclass(frozen=True)
class Known:
    """A marked cell of the released notebook."""

    name: str
    kind: str
    source: str
    id: str
    locked: bool
    graded: bool

    @property
    def answer(self) -> bool:
        """Whether this is where students write."""
        return not self.locked

    @property
    def setup(self) -> bool:
        """Whether this is locked code that other cells may need."""
        return self.locked and self.kind == "code" and not self.graded

    @cached_property
    def defines(self) -> frozenset[str]:
        """The names that this cell defines."""
        return defined(self.source)

    @cached_property
    def binds(self) -> frozenset[str]:
        """The names that other cells have from this one."""
        return bound(self.source)

    def same(self, cell: Submitted) -> bool:
        """Whether a cell reads as released, blanks at the ends of lines aside."""
        return _lines(cell.source) == _lines(self.source)


def handed_in(folder: Path, name: str, release: Mapping[str, Any]) -> HandedIn:
    """The submission in `folder`, found, read and put right; `release` holds the released cells by grade_id.

    Raises AutograderError, in words for both sides, when there is no notebook that can be read.
    """
    notebook, found = choose(folder, name, release)
    if release and not _belongs(notebook, release):
        raise AutograderError(f"{name}.ipynb holds no cell of this lab: is it the notebook of another one, or empty?")
    read = [Repair(kind, says) for kind, says in notebook.read]
    cells, repairs = repair(notebook.cells, release)
    guessed, predictions = _predictions(folder, cells, known_cells(release))
    return HandedIn(guessed, (*found, *read, *_kernel(notebook), *repairs, *predictions))


def choose(folder: Path, name: str, release: Mapping[str, Any]) -> tuple[Notebook, tuple[Repair, ...]]:
    """The notebook of a folder that counts, and a note where it is not the one with the right name.

    The right name counts, unless that notebook is as released or cannot be read and another one holds work.
    """
    wanted = folder / f"{name}.ipynb"
    if wanted.is_symlink() or folder.is_symlink():
        read_file(wanted)  # says why not
    others = [path for path in notebooks_in(folder) if path != wanted][:MOST_CANDIDATES]
    first, fault = _try(wanted)
    worked = _work(first, release) if first else -1
    if first and (worked or not others):
        return first, ()
    tried = [(path, *_try(path)) for path in others]
    readable = [(path, notebook, _work(notebook, release)) for path, notebook, _ in tried if notebook]
    best = max(readable, key=lambda row: row[2], default=None)
    if best and best[2] > worked and (best[2] > 0 or not release or _belongs(best[1], release)):
        return best[1], (_other_file(wanted, best[0], folder, [path for path, _, _ in readable], first is not None),)
    if first:
        return first, ()
    if not wanted.exists() and len(tried) == 1 and tried[0][2]:
        raise tried[0][2]
    raise fault or AutograderError(f"{wanted.name} is missing")


def _try(path: Path) -> tuple[Notebook | None, AutograderError | None]:
    try:
        return read_file(path), None
    except AutograderError as error:
        return None, error


def _work(notebook: Notebook, release: Mapping[str, Any]) -> int:
    """How many answer cells hold something else than what was released."""
    cells, _ = repair(notebook.cells, release)
    known = {cell.name: cell for cell in known_cells(release) if cell.answer}
    return sum(cell.grade_id in known and not known[cell.grade_id].same(cell) for cell in cells)


def _belongs(notebook: Notebook, release: Mapping[str, Any]) -> bool:
    """Whether a notebook has at least one cell of the released one: not any notebook will do."""
    bench = _Bench(known_cells(release), list(notebook.cells))
    _find(bench)
    return len(bench.lost()) < len(bench.known)


def _other_file(wanted: Path, used: Path, folder: Path, readable: Sequence[Path], there: bool) -> Repair:
    what = show(str(used.relative_to(folder)))
    rest = [show(str(path.relative_to(folder))) for path in readable if path != used]
    beside = f" Left aside: {', '.join(rest)}." if rest else ""
    if there:
        said = f"{wanted.name} holds no work; {what} in the same folder does, and was graded.{beside}"
        return Repair("several", said, look=True)
    many = " It has the most work of those in the folder." if rest else ""
    said = f"The notebook was handed in as {what}; it was graded as {wanted.name}.{many}{beside}"
    return Repair("renamed", said, look=bool(rest))


def _kernel(notebook: Notebook) -> Iterator[Repair]:
    if notebook.language and not notebook.language.startswith(("python", "ipython")):
        said = f"The notebook names a kernel for {show(notebook.language)}; it was run with Python, as the lab needs."
        yield Repair("kernel", said)


def known_cells(release: Mapping[str, Any]) -> list[Known]:
    """The marked cells of the released notebook, in order."""
    return [_known(name, body) for name, body in release.items()]


def _known(name: str, body: Mapping[str, Any]) -> Known:
    marks = body["metadata"]["nbgrader"]
    locked = bool(marks.get("locked")) and not marks.get("solution")
    source = body["source"] if isinstance(body["source"], str) else "".join(body["source"])
    return Known(name, body["cell_type"], source, str(body.get("id", "")), locked, bool(marks.get("grade")))


def repair(cells: Sequence[Submitted], release: Mapping[str, Any]) -> tuple[tuple[Submitted, ...], tuple[Repair, ...]]:
    """The cells to run, and what was put right.

    Afterwards each released cell stands there once, with its mark and its type; locked code is as released.
    """
    bench = _Bench(known_cells(release), list(cells))
    for step in (_find, _one_of_each, _retype, _relock, _move_up, _clear_stubs, _put_back):
        step(bench)
    return tuple(bench.cells), tuple(bench.done)


@dataclass
class _Bench:
    """The cells being put right, one step after the other, and what was done so far."""

    known: list[Known]
    cells: list[Submitted]
    done: list[Repair] = field(default_factory=list)

    def at(self, known: Known) -> list[int]:
        """Where the cells stand that carry a released cell's mark."""
        return [n for n, cell in enumerate(self.cells) if cell.grade_id == known.name]

    def lost(self) -> list[Known]:
        """The released cells that no cell carries the mark of."""
        marked = {cell.grade_id for cell in self.cells}
        return [known for known in self.known if known.name not in marked]

    def free(self) -> list[int]:
        """The cells without the mark of a released one, that say something."""
        names = {known.name for known in self.known}
        return [n for n, c in enumerate(self.cells) if c.grade_id not in names and c.source.strip()][:MOST_FREE]

    def say(self, kind: str, text: str, look: bool = False) -> None:
        self.done.append(Repair(kind, text, look))


# ------------------------------------------------------------------------------------------------- lost marks


def _find(bench: _Bench) -> None:
    """Give released cells that lost their mark theirs back: the surest signs first, for all, then the next."""
    found: list[Known] = []
    guessed = False
    for sign in (_same_id, _same_text, _same_check, _same_names, _alike, _same_place):
        for known, place in _matches(bench, sign):
            bench.cells[place] = replace(bench.cells[place], grade_id=known.name)
            found.append(known)
            guessed |= known.answer and sign in (_alike, _same_place)
    for place in bench.free():  # a blank copy without its mark would undo the answer above it
        stub = next((k for k in bench.known if k.answer and k.defines and k.same(bench.cells[place])), None)
        bench.cells[place] = replace(bench.cells[place], grade_id=stub.name if stub else bench.cells[place].grade_id)
    for known, place in _asleep(bench):
        bench.cells[place] = replace(bench.cells[place], grade_id=known.name)
        found.append(known)
        guessed = True
    if found:
        names = _listed([known.name for known in sorted(found, key=bench.known.index)])
        said = f"{len(found)} cells had lost the marks that tell which is which ({names}); their text showed it."
        if len(found) == 1:
            said = f"The cell {names} had lost the mark that tells which one it is; its text showed it."
        bench.say("unmarked", said, guessed)


def _asleep(bench: _Bench) -> list[tuple[Known, int]]:
    """Answers in cells that are no longer code, while the marked cell is as released."""
    return [
        (known, place)
        for known in bench.known
        if known.answer and known.kind == "code" and known.defines
        if bench.at(known) and all(known.same(bench.cells[n]) for n in bench.at(known))
        for place in bench.free()
        if bench.cells[place].kind != "code" and known.defines <= defined(bench.cells[place].source)
    ]


def _matches(bench: _Bench, sign: Callable[[_Bench, Known, int], float]) -> Iterator[tuple[Known, int]]:
    """Pairs of a lost cell and a free one by one sign, the best pairs first, each cell once."""
    free = bench.free()
    rated = [(sign(bench, known, n), known, n) for known in bench.lost() for n in free]
    taken: set[Any] = set()
    for likeness, known, place in sorted(rated, key=lambda row: -row[0]):
        if likeness > 0 and not taken & {known.name, place}:
            taken |= {known.name, place}
            yield known, place


def _same_id(bench: _Bench, known: Known, place: int) -> float:
    return float(bool(known.id) and bench.cells[place].id == known.id)


def _same_text(bench: _Bench, known: Known, place: int) -> float:
    """Not for answers in code: of two cells with the same name, the one with work in it is meant."""
    return float(known.same(bench.cells[place]) and (known.locked or known.kind != "code"))


def _same_check(bench: _Bench, known: Known, place: int) -> float:
    found = CHECK.match(bench.cells[place].source.strip())
    return float(known.graded and known.locked and bool(found) and found is not None and found["name"] == known.name)


def _same_names(bench: _Bench, known: Known, place: int) -> float:
    """Of cells that define an answer's functions, those with work in them first, then the last."""
    cell = bench.cells[place]
    if not known.answer or known.kind != "code" or not known.defines & defined(cell.source):
        return 0.0
    return 1 + 2 * (not known.same(cell)) + place / (1 + len(bench.cells))


def _alike(bench: _Bench, known: Known, place: int) -> float:
    """How much of a locked cell's or an essay's text is there; answers in code are told by their names instead."""
    cell = bench.cells[place]
    if cell.kind != known.kind or (known.answer and known.kind == "code"):
        return 0.0
    if known.source.strip() and cell.source.strip().startswith(known.source.strip()):
        return 1.0
    likeness = _likeness(known.source, cell.source)
    return likeness if likeness >= ALIKE else 0.0


def _likeness(one: str, other: str) -> float:
    """The part of two texts' words that they share, 0 to 1."""
    ours, theirs = _words(one), _words(other)
    return 2 * (ours & theirs).total() / max(1, ours.total() + theirs.total())


@functools.lru_cache(1024)
def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text[:MOST_COMPARED]))


def _same_place(bench: _Bench, known: Known, place: int) -> float:
    """An essay rewritten from scratch: the only text of the student's between the released cells beside it."""
    if not known.answer or known.kind == "code" or bench.cells[place].kind == "code":
        return 0.0
    low, high = _between(bench, known)
    here = [n for n in bench.free() if low < n < high and bench.cells[n].kind != "code"]
    return float(here == [place])


def _between(bench: _Bench, known: Known, kinds: Sequence[str] = ("code", "markdown", "raw")) -> tuple[int, int]:
    """The places of the released cells of some kinds before and after this one, those that are there."""
    order, here = bench.known, bench.known.index(known)
    before = [n for other in order[:here] for n in bench.at(other) if other.kind in kinds]
    after = [n for other in order[here + 1 :] for n in bench.at(other) if other.kind in kinds]
    return max(before, default=-1), min(after, default=len(bench.cells))


# ----------------------------------------------------------------------------------------------------- copies


def _one_of_each(bench: _Bench) -> None:
    for known in bench.known:
        places = bench.at(known)
        if len(places) > 1:
            (_one_answer if known.answer and known.kind == "code" else _one_text)(bench, known, places)


def _one_text(bench: _Bench, known: Known, places: list[int]) -> None:
    """Of a locked cell the one that reads as released, of an essay the last with work; copies are the student's own."""
    same = [n for n in places if known.same(bench.cells[n])]
    worked = [n for n in places if n not in same]
    kept = (worked or same)[-1] if known.answer else (same or places)[0]
    for place in set(places) - {kept}:
        bench.cells[place] = replace(bench.cells[place], grade_id="")
    if not known.answer:
        bench.say("duplicated", f"The cell {known.name} is in the notebook {_times(places)}; this costs nothing.")
        return
    which = "the last one with work in it is read" if worked else "all are as released"
    bench.say(
        "duplicated", f"The answer {known.name} is in the notebook {_times(places)}; {which}.", look=len(worked) > 1
    )


def _one_answer(bench: _Bench, known: Known, places: list[int]) -> None:
    """The copy that counts runs, and runs last; a copy that only shares the mark is the student's own cell."""
    rivals = [n for n in places if known.defines & defined(bench.cells[n].source)] or places
    worked = [n for n in rivals if not known.same(bench.cells[n])]
    kept, why = _last_run(bench, worked or rivals)
    if len(rivals) > 1:
        _say_which(bench, known, places, worked, kept, why)
    else:
        said = f"The mark of {known.name} stands on {len(places)} cells; the one that defines the function counts."
        bench.say("duplicated", said)
    _keep_one(bench, set(places) - {kept}, set(rivals) - {kept}, kept)


def _keep_one(bench: _Bench, unmarked: set[int], rivals: set[int], kept: int) -> None:
    """Copies lose the mark. A rival is not run, or, where it defines something else too, runs before what counts."""
    needed = {n for n in rivals if defined(bench.cells[n].source) - defined(bench.cells[kept].source)}
    plain = [replace(c, grade_id="") if n in unmarked else c for n, c in enumerate(bench.cells)]
    aside = [replace(c, kind="raw") if n in rivals - needed else c for n, c in enumerate(plain)]
    later = [n for n in sorted(needed) if n > kept]
    order = [n for n in range(len(aside)) if n not in later]
    place = order.index(kept)
    bench.cells = [aside[n] for n in (*order[:place], *later, *order[place:])]


def _last_run(bench: _Bench, places: Sequence[int]) -> tuple[int, str]:
    """The copy that was run last, where the editor noted that; the last in the notebook otherwise."""
    ran = [bench.cells[n].ran for n in places]
    if any(time or count for time, count in ran) and ran.count(max(ran)) == 1:
        return places[ran.index(max(ran))], "the one that was run last"
    return places[-1], "the last one"


def _say_which(bench: _Bench, known: Known, places: list[int], worked: list[int], kept: int, why: str) -> None:
    if not worked:
        bench.say("duplicated", f"The cell {known.name} is in the notebook {_times(places)}, each as released.")
        return
    texts = {tuple(_lines(bench.cells[n].source)) for n in worked}
    number = places.index(kept) + 1 if kept in places else len(places)
    if len(worked) == 1:
        said, look = f"number {number}, the one with work in it, counts", False
    elif len(texts) == 1:
        said, look = "they say the same", False
    else:
        rest = "the other was not run" if len(worked) == 2 else "the others were not run"
        said, look = f"number {number}, {why}, counts; {rest}", True
    bench.say("duplicated", f"The cell {known.name} is in the notebook {_times(places)}: {said}.", look)


def _times(places: Sequence[int]) -> str:
    return "twice" if len(places) == 2 else f"{len(places)} times"


# ------------------------------------------------------------------------------------ types and locked cells

_TYPES = {"code": "code", "markdown": "text", "raw": "raw text"}


def _retype(bench: _Bench) -> None:
    for known in bench.known:
        for place in bench.at(known):
            cell = bench.cells[place]
            if cell.kind != known.kind:
                bench.cells[place] = replace(cell, kind=known.kind)
                was, used = _TYPES[cell.kind], "run as code" if known.kind == "code" else "read as text"
                bench.say("retyped", f"The cell {known.name} had become a cell of {was}; it was {used}.")
    for place, cell in enumerate(bench.cells):
        if cell.kind != "code" and GUESS.fullmatch(cell.source.strip()):
            bench.cells[place] = replace(cell, kind="code")
            bench.say("retyped", "A cell with a prediction had become a cell of text; it was run as code.")


def _relock(bench: _Bench) -> None:
    """Locked code runs as released; what a student added there to define something more runs after it."""
    for known in bench.known:
        if not known.locked or known.kind != "code":
            continue
        for place in bench.at(known):
            cell = bench.cells[place]
            if known.same(cell):
                continue
            bench.cells[place] = replace(cell, source=known.source)
            added = bool(defined(cell.source) - known.defines)
            if added:
                bench.cells.insert(place + 1, replace(cell, grade_id="", id=""))
            after = ", and what was added to it after that" if added else ""
            said = f"The locked cell {known.name} was changed; it was run as released{after}."
            bench.say("changed", said, look=known.setup)


# ------------------------------------------------------------------------------------------ places and losses


def _move_up(bench: _Bench) -> None:
    """Locked code that others may need, such as imports, runs no later than the task has it."""
    for known in bench.known:
        for place in bench.at(known) if known.setup else ():
            first = _needed_at(bench, known)
            if first < place:
                bench.cells.insert(first, bench.cells.pop(place))
                said = f"The cell {known.name} had moved below cells that need it; it was run where the task has it."
                bench.say("moved", said)


def _needed_at(bench: _Bench, known: Known) -> int:
    """The first place where locked code is needed: a released cell that comes after it, or one that uses its names."""
    _, first = _between(bench, known, ("code",))
    users = (n for n, c in enumerate(bench.cells[:first]) if c.kind == "code" and known.name != c.grade_id)
    return next(
        (n for n in users if (known.binds - bound(bench.cells[n].source)) & _word_set(bench.cells[n].source)), first
    )


def _clear_stubs(bench: _Bench) -> None:
    """An answer cell left as released does not undo the function that a student wrote in a cell above it."""
    names = {known.name for known in bench.known}
    for known in bench.known:
        for place in bench.at(known) if known.answer and known.kind == "code" and known.defines else ():
            own = [c for c in bench.cells[:place] if c.kind == "code" and c.grade_id not in names]
            if known.same(bench.cells[place]) and any(known.defines <= defined(c.source) for c in own):
                bench.cells[place] = replace(bench.cells[place], source=EMPTIED)
                what = f"{_listed(sorted(known.defines))} is written in a cell above {known.name}"
                said = f"{what}, which is as released; the one above was graded."
                bench.say("elsewhere", said)


def _put_back(bench: _Bench) -> None:
    texts = []
    for known in bench.lost():
        place = _place_of(bench, known)
        cell = Submitted(known.kind, known.source, known.name, known.id)
        if known.answer and known.kind == "code":
            cell = _put_back_answer(bench, known, cell)
        elif known.answer:
            bench.say("deleted", f"The answer {known.name} is gone; its cell was put back as released.", look=True)
        elif known.kind == "code":
            bench.say("deleted", f"The cell {known.name} was gone; it was put back and run as released.")
        else:
            texts.append(known.name)
        bench.cells.insert(place, cell)
    if texts:
        cells = "One cell" if len(texts) == 1 else f"{len(texts)} cells"
        bench.say("deleted", f"{cells} of the task's own text had gone ({_listed(texts)}); put back, nothing is lost.")


def _put_back_answer(bench: _Bench, known: Known, cell: Submitted) -> Submitted:
    """The released stub, or an empty cell where the function is written somewhere else: a stub would undo it."""
    elsewhere = any(known.defines & defined(c.source) for c in bench.cells if c.kind == "code")
    if known.defines and elsewhere:
        said = f"The cell {known.name} was deleted, but {_listed(sorted(known.defines))} is written in another cell."
        bench.say("deleted", f"{said} That one was graded.")
        return replace(cell, source=EMPTIED)
    said = f"The answer cell {known.name} is gone; it was put back as released, without an answer."
    bench.say("deleted", said, look=True)
    return cell


def _place_of(bench: _Bench, known: Known) -> int:
    """Where a missing cell belongs: before the next released cell if others need it, after the one before if not."""
    order, here = bench.known, bench.known.index(known)
    if known.setup:
        return _needed_at(bench, known)
    before = [places[0] for other in reversed(order[:here]) if (places := bench.at(other))]
    return before[0] + 1 if before else 0


# ------------------------------------------------------------------------------------------------ predictions


def _predictions(
    folder: Path, cells: tuple[Submitted, ...], known: Sequence[Known]
) -> tuple[tuple[Submitted, ...], list[Repair]]:
    """Predictions that were locked while studying count although their cell is gone or says None again."""
    said = {name for cell in cells if cell.kind == "code" for name in PREDICTED.findall(cell.source)}
    asked = {cell.name for cell in known if cell.graded and cell.locked}
    missing = {name: value for name, value in _locked(folder).items() if name in asked - said}
    if not missing:
        return cells, []
    lines = [f'predict("{name}", {value!r})' for name, value in missing.items()]
    source = "\n".join(["# from predictions.json", "from autograder import predict", *lines])
    told = _listed([f"{name} ({value:g})" for name, value in missing.items()])
    text = f"Predictions that the notebook no longer makes were taken from predictions.json: {told}."
    return (*cells, Submitted("code", source, "")), [Repair("prediction", text)]


def _locked(folder: Path) -> dict[str, float]:
    path = folder / PREDICTIONS
    try:
        if not is_small(path, 1 << 16):
            return {}
        data = json.loads(path.read_text("utf-8"))
        return {k: float(v) for k, v in data.items() if k.isidentifier() and type(v) in (int, float) and abs(v) < 1e300}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


# ------------------------------------------------------------------------------------------------------ words

_DEFINES = re.compile(
    r"^(?:async[ \t]+)?def[ \t]+(\w+)|^class[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE
)


def defined(source: str) -> frozenset[str]:
    """The names that a cell defines at its top level, read line by line: it need not be right Python.

    >>> sorted(defined("import numpy as np\\ndef places(n):\\n    m = n\\nsize = 3"))
    ['places', 'size']
    """
    return frozenset(name for found in _DEFINES.findall(source) for name in found if name)


_IMPORTS = re.compile(r"^(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(.+?)[ \t]*(?:#.*)?$", re.MULTILINE)


def bound(source: str) -> frozenset[str]:
    """The names that a cell defines or imports at its top level.

    >>> sorted(bound("import numpy as np, os.path  # numbers\\nfrom autograder import check, predict\\nn = 3"))
    ['check', 'n', 'np', 'os', 'predict']
    """
    parts = [part.split() for line in _IMPORTS.findall(source) for part in line.strip("()").split(",")]
    return defined(source) | {words[-1].split(".")[0] for words in parts if words}


def _word_set(source: str) -> frozenset[str]:
    return frozenset(_words(source))


def _lines(source: str) -> list[str]:
    return [line.rstrip() for line in source.strip().splitlines()]


def _listed(names: Sequence[str], most: int = 6) -> str:
    shown = [*names[:most], f"and {len(names) - most} more"] if len(names) > most else names
    return ", ".join(shown)
