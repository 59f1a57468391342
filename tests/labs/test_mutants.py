"""Solutions changed in one place lose points, and what does not is explained in the lab's README."""

from dataclasses import replace

import pytest

from autograder.lab import load
from tests.labs.mutants import LABS, explained, fates, main, mutants

MUTATED = [
    path.parent
    for path in sorted(LABS.glob("*/lab.py"))
    if "## Mutations that survive" in (path.parent / "README.md").read_text("utf-8")
]
each_lab = pytest.mark.parametrize("folder", MUTATED, ids=[folder.name for folder in MUTATED])
SAMPLE = 12  # of so many mutants one is graded in every run


def unexplained(folder, every):
    lab = load(folder)
    ends = [(fate.mutant.item, fate.mutant.change) for fate in fates(lab, every=every) if fate.end == "survived"]
    return sorted(set(ends) - explained(lab))


def test_lab_5_is_mutated():
    assert "05_dataflows" in [folder.name for folder in MUTATED]


@pytest.mark.slow
@each_lab
def test_a_sample_of_changed_solutions_loses_points(folder):
    assert [] == unexplained(folder, SAMPLE)


@pytest.mark.slow
@each_lab
def test_every_survivor_that_a_readme_explains_does_survive(folder):
    lab = load(folder)
    known = explained(lab)
    wanted = sorted({item for item, _ in known})
    ends = fates(lab, wanted, keep=lambda m: (m.item, m.change) in known) if known else ()
    assert known == {(fate.mutant.item, fate.mutant.change) for fate in ends if fate.end == "survived"}


def test_each_kind_of_change_is_made():
    source = "def f(a, n):\n    for i in range(n):\n        a += min(i, 2) if a < 3 else -i\n    return a, n"
    changes = {mutant.now for mutant in mutants("f", source)}
    assert {
        "for i in range(n + 1)",
        "for i in range(n - 1)",
        "for i in range(1, n)",
        "a -= min(i, 2) if a < 3 else -i",
        "a += max(i, 2) if a < 3 else -i",
        "a += min(i, 2) if a <= 3 else -i",
        "a += min(i, 2) if a < 3 else +i",
        "a += -i if a < 3 else min(i, 2)",
        "a += min(i, 3) if a < 3 else -i",
        "return (n, a)",
        "pass",
    } <= changes


def test_a_mutant_that_does_not_end_loses_points():
    lab = load(LABS / "05_dataflows")
    item = next(item for item in lab.items if item.name == "use")
    cells = tuple(
        replace(
            cell, source="def use(M, C, P, rows, columns):\n    n = M\n    while n != M:\n        n = n + 0\n" + body
        )
        if cell.nbgrader.get("grade_id") == "use_answer"
        else cell
        for cell in lab.cells
        for body in ["\n".join(cell.source.splitlines()[1:])]
    )
    ends = {f.mutant.now: f.end for f in fates(replace(lab, cells=cells), [item.name], keep=lambda m: "while" in m.now)}
    assert {"while n == M": "lost"} == ends


def test_a_judge_that_passes_everything_is_found_out():
    lab = load(LABS / "05_dataflows")
    blind = replace(lab.questions["ws"], judge=lambda args, answer: ())
    fooled = replace(lab, questions={**lab.questions, "ws": blind})
    assert "survived" in {fate.end for fate in fates(fooled, ["ws"], every=10)}


def test_the_command_says_how_many_lose_points(capsys):
    assert 0 == main(["05", "--item", "use", "--every", "5"])
    assert "mutants lost" in capsys.readouterr().out
