"""A lab folder as a value: its cells, questions, items and known answers, or all its faults at once."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from accelsim.errors import suggest
from autograder.course import ready_nbgrader
from autograder.errors import AutograderError, faults_error
from autograder.judge import Outcome, call, compare, ModelAnswers, verdicts
from autograder.questions import Case, Question
from autograder.wire import WireError, encode

MOST_ITEMS, MOST_STUB_LINES = 8, 15
NEEDED = ("grade_id", "grade", "locked", "solution", "schema_version")
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CHECK = re.compile(r"""^check\((?P<quote>["'])(?P<name>\w+)(?P=quote)\)$""")
PREDICT = re.compile(r"""\bpredict\((?P<quote>["'])(?P<name>\w+)(?P=quote),\s*None\)""")
ANSWER_CELL = re.compile(r"^# %% (?P<id>\w+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """One cell of lab.py: `kind` is code or markdown, `nbgrader` its metadata (empty for a plain cell)."""

    id: str
    kind: str
    source: str
    nbgrader: dict[str, Any]

    @property
    def check(self) -> str:
        """The question this cell checks, if it is a graded one-liner."""
        found = CHECK.match(self.source.strip())
        return found["name"] if found and self.nbgrader.get("grade") else ""


@dataclass(frozen=True)
class Item:
    """One graded item: its points and its question."""

    name: str
    points: float
    question: Question


@dataclass(frozen=True)
class Answer:
    """A whole known answer: cells by grade_id, the share of points each item must earn, the mistake it must be told."""

    name: str
    cells: dict[str, str]
    earns: dict[str, float]
    told: dict[str, str]


@dataclass(frozen=True)
class Lab:
    """A lab folder that has been read and found without fault; `secret` is that of the course it is graded in."""

    folder: Path
    title: str
    cells: tuple[Cell, ...]
    questions: dict[str, Question]
    answers: tuple[Answer, ...]
    secret: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def items(self) -> tuple[Item, ...]:
        checked = [(cell.check, cell.nbgrader["points"]) for cell in self.cells if cell.check]
        return tuple(Item(name, points, self.questions[name]) for name, points in checked)


def filled(lab: Lab, answer: Answer | None = None, prediction: float = 1) -> tuple[Cell, ...]:
    """The lab as a student would hand it in who gives `answer` (the solutions where it says nothing) and predicts."""
    return tuple(_filled(cell, answer.cells if answer else {}, prediction) for cell in lab.cells)


def _filled(cell: Cell, answers: dict[str, str], prediction: float) -> Cell:
    solved = "\n".join(line for line in cell.source.splitlines() if line.strip() not in (BEGIN, END))
    source = answers.get(str(cell.nbgrader.get("grade_id")), solved)
    return replace(cell, source=PREDICT.sub(rf'predict("\g<name>", {prediction})', source))


def find(name: str, labs: Path = Path("labs")) -> Path:
    """The folder of a lab given by its name, a unique part of its beginning, or a path.

    Raises AutograderError with a suggestion when there is none, or more than one.
    """
    if Path(name).is_dir() and (Path(name) / "lab.py").exists():
        return Path(name).resolve()
    folders = {p.name: p for p in sorted(labs.glob("*")) if p.is_dir() and not p.name.startswith((".", "_"))}
    if name in folders:
        return folders[name].resolve()
    close = [folder for known, folder in folders.items() if name and known.startswith(name)]
    if len(close) == 1:
        return close[0].resolve()
    if not folders:
        raise AutograderError(
            f"no labs in {labs.resolve()}; run this in the directory that holds labs/, or give a path"
        )
    known = ", ".join(p.name for p in close) if close else ", ".join(folders)
    what = f"{name!r} is the beginning of more than one lab" if close else f"no lab {name!r}{suggest(name, folders)}"
    raise AutograderError(f"{what} (in {labs.resolve()}: {known})")


def load(folder: Path) -> Lab:
    """Read a lab folder.

    Raises AutograderError with every fault of the folder, each saying what to do.
    """
    reading = _Reading(folder)
    if reading.faults:
        raise faults_error(str(folder), reading.faults)
    return Lab(folder, reading.title, reading.cells, reading.questions, reading.answers)


def load_known(folder: Path, cells: Sequence[Cell]) -> Lab:
    """A lab that was read and found without fault before, from its cells: only its questions are read again.

    Raises AutograderError when these cannot be read.
    """
    faults: list[str] = []
    questions = _questions(folder / "checks.py", faults)
    if faults:
        raise faults_error(str(folder), faults)
    return Lab(folder, _title(cells, folder.name), tuple(cells), questions, ())


class _Reading:
    """Reads the parts of one folder in turn and keeps the faults of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = [f"{name} is missing: {use}" for name, use in _PARTS if not (folder / name).exists()]
        text = _read(folder / "lab.py", self.faults)
        self.faults += _header_faults(text)
        self.cells = () if self.faults and not text else _cells(text, self.faults)
        self.title = _title(self.cells, folder.name)
        self.questions = _questions(folder / "checks.py", self.faults)
        self.answers = tuple(_answers(folder / "answers", self.faults))
        self.faults += _cell_faults(self.cells)
        if self.cells and self.questions:
            self.faults += _match_faults(self.cells, self.questions)
        for question in self.questions.values():
            self.faults += _question_faults(question)
        for answer in self.answers:
            self.faults += _answer_faults(answer, self.cells, self.questions)


_PARTS = (
    ("README.md", "say the aim, the minutes, what it needs and what students get wrong"),
    ("lab.py", "the lab as text, jupytext percent format, solutions in place"),
    ("checks.py", "questions = (Question(...), ...)"),
    ("answers", "a folder of answers people really give, and what each must earn"),
)


def _read(path: Path, faults: list[str]) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{path.name} cannot be read: {error}")
        return ""


def _header_faults(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# %%") and "nbgrader" in line:
            found = re.search(r"nbgrader=(\{.*\})\s*$", line)
            try:
                json.loads(found[1] if found else "")
            except ValueError as error:
                yield f"lab.py line {number}: the nbgrader metadata is not JSON ({error}): {line[:100]}"


def _cells(text: str, faults: list[str]) -> tuple[Cell, ...]:
    ready_nbgrader()
    import jupytext

    try:
        notebook = jupytext.reads(text, fmt="py:percent")
    except Exception as error:  # jupytext and nbformat raise whatever their parsers raise
        faults.append(f"lab.py cannot be read as jupytext percent text: {error}")
        return ()
    return tuple(_with_ids(notebook.cells))


def _with_ids(cells: Sequence[Any]) -> Iterator[Cell]:
    for number, cell in enumerate(cells):
        raw = cell.metadata.get("nbgrader")
        nbgrader = dict(raw) if isinstance(raw, dict) else {}
        name = str(nbgrader.get("grade_id", "")) or f"cell-{number:03d}"
        yield Cell(re.sub(r"[^A-Za-z0-9_-]", "-", name)[:64], cell.cell_type, cell.source, nbgrader)


def _title(cells: Sequence[Cell], default: str) -> str:
    headings = (
        line[2:].strip() for c in cells if c.kind == "markdown" for line in c.source.splitlines() if line[:2] == "# "
    )
    return next(headings, default)


def _import(path: Path, faults: list[str]) -> ModuleType | None:
    spec = importlib.util.spec_from_file_location(f"_lab_{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        faults.append(f"{path.name} cannot be imported")
        return None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the instructor's file raises is a fault of that file
        faults.append(f"{path.name}{_line_of(error, path)}: {type(error).__name__}: {error}")
        return None
    finally:
        sys.dont_write_bytecode = writes
    return module


def _line_of(error: BaseException, path: Path) -> str:
    lines = [error.lineno] if isinstance(error, SyntaxError) else []
    trace = error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f" line {lines[-1]}" if lines else ""


def _questions(path: Path, faults: list[str]) -> dict[str, Question]:
    module = _import(path, faults) if path.exists() else None
    if module is None:
        return {}
    questions = getattr(module, "questions", None)
    if not isinstance(questions, tuple | list) or not all(isinstance(q, Question) for q in questions):
        faults.append("checks.py: `questions` must be a tuple of autograder.questions.Question")
        return {}
    faults += [f"checks.py: two questions are named {name}" for name in _twice([q.name for q in questions])]
    return {q.name: q for q in questions}


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _cell_faults(cells: Sequence[Cell]) -> Iterator[str]:
    ids = [str(cell.nbgrader.get("grade_id", "")) for cell in cells if cell.nbgrader]
    for name in _twice(ids):
        yield f"lab.py: grade_id {name!r} is used {ids.count(name)} times; each cell needs its own"
    for cell in cells:
        yield from _one_cell_faults(cell)
    graded = sum(bool(cell.check) for cell in cells)
    if cells and not graded:
        yield 'lab.py: no graded cell; one is `check("name")` with "grade": true and "points"'
    if graded > MOST_ITEMS:
        yield f"lab.py: {graded} graded items; at most {MOST_ITEMS} fit one lab"


def _one_cell_faults(cell: Cell) -> Iterator[str]:
    meta, name = cell.nbgrader, f"lab.py cell {cell.nbgrader.get('grade_id', cell.id)!r}"
    if not meta:
        return
    if missing := [key for key in NEEDED if key not in meta]:
        yield f"{name}: the nbgrader metadata has no {', '.join(missing)}"
    if meta.get("grade") and not meta.get("solution"):
        yield from _graded_faults(cell, name)
    if meta.get("solution") and cell.kind == "code" and not meta.get("grade"):
        yield from _stub_faults(cell, name)


def _graded_faults(cell: Cell, name: str) -> Iterator[str]:
    points = cell.nbgrader.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float) or points <= 0:
        yield f"{name}: points are {points!r}; a graded cell needs a number above 0"
    if not cell.nbgrader.get("locked"):
        yield f'{name}: a graded cell must be locked ("locked": true)'
    if not cell.check:
        yield f'{name}: a graded cell is exactly one line, check("name"); this one is {cell.source[:60]!r}'
    elif cell.check != cell.nbgrader.get("grade_id"):
        yield f"{name}: it checks {cell.check!r}; grade_id and the check's name must be the same"


def _stub_faults(cell: Cell, name: str) -> Iterator[str]:
    if BEGIN not in cell.source or END not in cell.source:
        yield f"{name}: a solution cell needs `{BEGIN}` and `{END}`"
    lines = [line for line in cell.source.splitlines() if line.strip() and line.strip() not in (BEGIN, END)]
    if len(lines) > MOST_STUB_LINES:
        yield f"{name}: {len(lines)} lines; a student writes at most {MOST_STUB_LINES}"


def _match_faults(cells: Sequence[Cell], questions: dict[str, Question]) -> Iterator[str]:
    checked = [cell.check for cell in cells if cell.check]
    sources = "\n".join(cell.source for cell in cells if cell.kind == "code")
    predicted = {found["name"] for found in PREDICT.finditer(sources)}
    for name in checked:
        if name not in questions:
            yield f"lab.py: check({name!r}) has no question of that name in checks.py{suggest(name, questions)}"
    for name, question in questions.items():
        if name not in checked:
            yield f"checks.py: question {name} has no graded cell check({name!r}) in lab.py"
        if question.prediction and name not in predicted:
            yield f"lab.py: question {name} asks a prediction but no cell has predict({name!r}, None)"
        if not re.search(rf"^\s*(def {question.function}\(|{question.function}\s*=)", sources, re.MULTILINE):
            yield f"lab.py: no cell defines {question.function}(), which question {name} calls"


def _question_faults(question: Question) -> Iterator[str]:
    name = f"checks.py question {question.name}"
    if not question.public:
        yield f"{name}: no public case; a student needs at least one to see"
    hidden, trouble = hidden_cases(question)
    if trouble:
        yield f"{name}: hidden(rng) {trouble}"
    elif not hidden:
        yield f"{name}: hidden(rng) makes no case"
    cases = [*question.public, *hidden, *_own(question)]
    broken = list(_reference_faults(question, cases))
    yield from (f"{name}: {fault}" for fault in broken)
    yield from (f"{name}: two mistakes are named {twice!r}" for twice in _twice([m.name for m in question.mistakes]))
    if not broken:
        yield from (f"{name}: {fault}" for fault in _mistake_faults(question, cases))


def _own(question: Question) -> tuple[Case, ...]:
    return tuple(question.own(np.random.default_rng(0))) if question.own else ()


def hidden_cases(question: Question, seed: int = 0) -> tuple[tuple[Case, ...], str]:
    """The hidden cases a question makes from a seed, and what went wrong when it cannot."""
    try:
        return tuple(question.hidden(np.random.default_rng(seed))), ""
    except Exception as error:  # whatever the instructor's code raises is a fault of the question
        return (), f"raises {type(error).__name__}: {error}"


def _reference_faults(question: Question, cases: Sequence[Case]) -> Iterator[str]:
    for case in cases:
        try:
            encode(case.args)
            answer = call(question.reference, case)
            encode(answer)
        except WireError as error:
            yield f"case {case.kind!r}: {error}"
            continue
        except Exception as error:
            yield f"the reference raises {type(error).__name__}: {error}, for the case {case.kind!r}"
            continue
        if question.judge and (
            fault := verdicts([case], [None], [Outcome(answer)], judge=question.judge)[0].difference
        ):
            yield f"its judge refuses the reference for the case {case.kind!r}: {fault.text}"


def _mistake_faults(question: Question, cases: Sequence[Case]) -> Iterator[str]:
    if question.judge:
        return
    right = [call(question.reference, case) for case in cases]
    for mistake in question.mistakes:
        answers = ModelAnswers(mistake, cases)
        if mistake.model is None:
            yield f"mistake {mistake.name!r}: it needs a model, for this question has no judge to name it"
        elif all(answer is NotImplemented for answer in answers):
            yield f"mistake {mistake.name!r}: its model raises on every case"
        elif all(
            a is NotImplemented or compare(r, a, question.tolerance) is None
            for r, a in zip(right, answers, strict=True)
        ):
            yield f"mistake {mistake.name!r}: its model answers like the reference on every case, so it can never be told"


def _answers(folder: Path, faults: list[str]) -> Iterator[Answer]:
    for path in sorted(folder.glob("*.py")):
        text = _read(path, faults)
        parts = ANSWER_CELL.split(text)
        try:
            header = _literals(parts[0])
        except (SyntaxError, ValueError) as error:
            faults.append(f"answers/{path.name}: the header must be a docstring and literals `earns`, `told`: {error}")
            continue
        cells = {name: source.strip() for name, source in zip(parts[1::2], parts[2::2], strict=True)}
        yield Answer(path.stem, cells, header.get("earns", {}), header.get("told", {}))


def _literals(text: str) -> dict[str, Any]:
    tree = ast.parse(text)
    if ast.get_docstring(tree) is None:
        raise ValueError("no docstring says who gives this answer and why")
    pairs = [(node.targets[0], node.value) for node in tree.body if isinstance(node, ast.Assign)]
    return {target.id: ast.literal_eval(value) for target, value in pairs if isinstance(target, ast.Name)}


def _answer_faults(answer: Answer, cells: Sequence[Cell], questions: dict[str, Question]) -> Iterator[str]:
    name = f"answers/{answer.name}.py"
    stubs = [str(c.nbgrader["grade_id"]) for c in cells if c.nbgrader.get("solution") and "grade_id" in c.nbgrader]
    yield from (
        f"{name}: cell {c!r} is no solution cell of lab.py{suggest(c, stubs)}" for c in answer.cells if c not in stubs
    )
    if not answer.cells:
        yield f"{name}: no cell; write `# %% conv_answer` (a solution cell's grade_id) above each answer"
    for item in (*answer.earns, *answer.told):
        if item not in questions:
            yield f"{name}: {item!r} is no question of checks.py{suggest(item, questions)}"
    for item, told in answer.told.items():
        known = [m.name for m in questions[item].mistakes] if item in questions else [told]
        if told not in known:
            yield f"{name}: told {told!r}, but question {item} has no such mistake{suggest(told, known)}"
    yield from (
        f"{name}: earns {e!r} for {i}; a share from 0 to 1 is needed"
        for i, e in answer.earns.items()
        if not 0 <= e <= 1
    )
