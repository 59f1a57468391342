"""Every lab folder, graded through the real worker: what each known answer earns and is told."""

from __future__ import annotations

import ast
import functools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import sandbox
from autograder.course import make_course
from autograder.grade import mistake_of
from autograder.judge import Outcome, verdicts, wanted_answers
from autograder.lab import BEGIN, END, Answer, Item, Lab, filled, hidden_cases, load
from autograder.release import notebook, release
from autograder.sandbox import Limits, Worker
from autograder.session import Answered, run, seed
from autograder.student import PUBLIC
from autograder.submission import Submitted, read_notebook
from autograder.wire import encode

BOOK = Path(__file__).parents[2] / "book"
HEADING = re.compile(r"(?:^\(([\w-]+)\)=\n)?^#+ (.+)$", re.MULTILINE)
SECTION = re.compile(r'"(?P<words>.+)" in chapter \d+ \(\w+\.html#(?P<anchor>[\w-]+)\)')
ASIDE, EMPHASIS = re.compile(r"In chapter \d+: ((?:\*[^*]+\*(?:, and )?)+)"), re.compile(r"\*([^*]+)\*")
LABS = sorted(path.parent for path in (Path(__file__).parents[2] / "labs").glob("*/lab.py"))
ANSWERS = [(folder, path.stem) for folder in LABS for path in sorted((folder / "answers").glob("*.py"))]


def names(folders: list[Path]) -> list[str]:
    return [folder.name for folder in folders]


each_lab = pytest.mark.parametrize("folder", LABS, ids=names(LABS))
each_answer = pytest.mark.parametrize(("folder", "answer"), ANSWERS, ids=[f"{f.name}-{a}" for f, a in ANSWERS])


@functools.cache
def read(folder: Path) -> Lab:
    return load(folder)


def handed_in(lab: Lab, answer: Answer | None) -> list[Submitted]:
    return [Submitted(c.kind, c.source, str(c.nbgrader.get("grade_id", ""))) for c in filled(lab, answer)]


@pytest.fixture(scope="module")
def workers() -> Iterator[dict[Path, Worker]]:
    """One warm worker per lab; each answer runs in its own forked copy."""
    running: dict[Path, Worker] = {}
    yield running
    for worker in running.values():
        worker.__exit__(None, None, None)


@pytest.fixture
def ask(workers: dict[Path, Worker], tmp_path_factory: pytest.TempPathFactory):
    def answers(lab: Lab, cells: list[Submitted]) -> dict[str, Answered]:
        if lab.folder not in workers:
            folder = tmp_path_factory.mktemp(lab.name)
            shutil.copytree(lab.folder / "given", folder, dirs_exist_ok=True)
            folder.chmod(0o755)
            workers[lab.folder] = Worker(sandbox.best(), folder, (), Limits()).__enter__()
        session, answered = run(lab, cells, "somebody", workers[lab.folder].copy, Limits())
        assert [] == session.notes
        return {a.item.name: a for a in answered}

    return answers


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory):
    course = make_course(tmp_path_factory.mktemp("course"))
    return functools.cache(lambda folder: release(read(folder), course))


def test_there_is_a_lab():
    assert LABS


@each_lab
def test_a_blank_notebook_earns_nothing(folder, ask, released):
    cells = list(read_notebook(released(folder) / f"{folder.name}.ipynb"))
    assert {item.name: 0 for item in read(folder).items} == {n: a.share for n, a in ask(read(folder), cells).items()}


@each_lab
def test_the_reference_earns_everything(folder, ask):
    answered = ask(read(folder), handed_in(read(folder), None))
    assert {item.name: 1 for item in read(folder).items} == {name: a.share for name, a in answered.items()}


@each_answer
def test_an_answer_earns_and_is_told_what_it_says(folder, answer, ask):
    lab = read(folder)
    known = next(a for a in lab.answers if a.name == answer)
    answered = ask(lab, handed_in(lab, known))
    assert {i.name: known.earns.get(i.name, 1) for i in lab.items} == {n: a.share for n, a in answered.items()}
    told = {name: mistake.name for name, a in answered.items() if (mistake := mistake_of(a))}
    assert known.told == told


@each_lab
def test_two_different_right_answers_are_known_for_every_item(folder):
    lab = read(folder)
    right = [
        filled(lab, answer) for answer in (None, *lab.answers) if answer is None or answer.name.startswith("right_")
    ]
    for item in lab.items:
        stub = f"{item.name}_answer"
        ways = {next(c.source for c in cells if c.nbgrader.get("grade_id") == stub) for cells in right}
        assert len(ways) >= 2, f"{item.name} has one known right answer"


@each_lab
def test_right_answers_claim_full_marks(folder):
    assert not [a.name for a in read(folder).answers if a.name.startswith("right_") and (a.earns or a.told)]


@each_lab
def test_every_named_mistake_has_an_answer_that_makes_it(folder):
    lab = read(folder)
    named = {(q.name, mistake.name) for q in lab.questions.values() for mistake in q.mistakes}
    assert named == {told for answer in lab.answers for told in answer.told.items()}


def slug(title: str) -> str:
    """The anchor that Sphinx gives to a heading without a label."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


@each_lab
def test_sections_that_a_lab_names_are_sections_of_the_book(folder):
    pages = [page.read_text("utf-8") for page in BOOK.glob("*.md")]
    titles = {(anchor or slug(title), title) for text in pages for anchor, title in HEADING.findall(text)}
    told = [m.section for question in read(folder).questions.values() for m in question.mistakes]
    named = [SECTION.fullmatch(section) for section in told]
    assert {(at["words"], at["anchor"]) for at in named} <= {(title, anchor) for anchor, title in titles}
    texts = [" ".join(cell.source.split()) for cell in read(folder).cells if cell.kind == "markdown"]
    asides = [part for text in texts for aside in ASIDE.findall(text) for part in EMPHASIS.findall(aside)]
    said = {title for part in asides for title in part.split(", under ")[-1].split("; ")}
    assert said <= {title for _, title in titles}


@each_lab
def test_a_released_lab_carries_both_licences_and_what_its_check_needs(folder, released):
    shipped = {path.name for path in released(folder).iterdir()}
    assert {"LICENSE", "LICENSE-PROSE", "public_checks.json", f"{folder.name}.ipynb"} <= shipped


@each_lab
def test_no_solution_ships(folder, released):
    solved = [line for cell in read(folder).cells if BEGIN in cell.source for line in solution_lines(cell.source)]
    assert solved
    for path in released(folder).rglob("*"):
        assert not path.is_file() or not [line for line in solved if line.encode() in path.read_bytes()], path


def solution_lines(source: str) -> list[str]:
    inside = source.split(BEGIN)[1].split(END)[0]
    return [line.strip() for line in inside.splitlines() if len(line.strip()) > 25]


@each_lab
def test_no_reference_and_no_wrong_model_ships(folder, released):
    shipped = "".join((released(folder) / name).read_text("utf-8") for name in (PUBLIC, f"{folder.name}.ipynb"))
    secret = [line for line in code_lines(folder / "checks.py") if line not in visible(read(folder))]
    assert secret
    assert not [line for line in secret if line in shipped]


def code_lines(path: Path) -> list[str]:
    """The longer lines of all functions in a file, docstrings left out."""
    tree = ast.parse(path.read_text("utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    bodies = [ast.unparse(s) for f in functions for s in f.body if not isinstance(getattr(s, "value", 0), ast.Constant)]
    return [line.strip() for body in bodies for line in body.splitlines() if len(line.strip()) > 30]


def visible(lab: Lab) -> str:
    return "\n".join(cell.source for cell in lab.cells if BEGIN not in cell.source)


@each_lab
def test_no_hidden_case_ships(folder, released):
    shipped = json.loads((released(folder) / PUBLIC).read_text("utf-8"))["questions"]
    for item in read(folder).items:
        public = [json.dumps(encode(case.args)) for case in item.question.public]
        hidden = {json.dumps(encode(case.args)) for case in hidden_cases(item.question, seed(folder.name, "x"))[0]}
        assert public == [json.dumps(case["args"]) for case in shipped[item.name]["cases"]]
        assert hidden - set(public), f"{item.name} has no hidden case that differs from the public ones"


@each_lab
def test_cell_ids_stay_the_same_from_release_to_release(folder):
    first, second = (notebook(load(folder).cells) for _ in range(2))
    ids = [cell["id"] for cell in first["cells"]]
    assert ids == [cell["id"] for cell in second["cells"]]
    assert len(ids) == len(set(ids))


def test_rounding_to_the_nearest_is_not_called_same_padding():
    question = read(next(folder for folder in LABS if folder.name == "01_convolution")).questions["output_shape"]
    for cases in (question.public, *((*question.public, *hidden_cases(question, n)[0]) for n in range(10))):
        rounded = [Outcome(nearest(*case.args)) for case in cases]
        judged = verdicts(cases, wanted_answers(question, cases), rounded)
        assert not all(v.right for v in judged)
        assert mistake_of(Answered(Item("output_shape", 1, question), judged, True)) is None


def nearest(H: int, W: int, R: int, S: int, stride: int, pad: int) -> tuple[int, int]:
    return round((H + 2 * pad - R) / stride) + 1, round((W + 2 * pad - S) / stride) + 1
