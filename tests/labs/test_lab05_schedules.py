"""Lab 5: needs no NumPy, draws any answer, answers its own predictions, and its judges see what they say they see."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accelsim.timeline import Timeline
from accelsim.widgets.host import View
from autograder.lab import filled, hidden_cases, load
from autograder.public import public_data
from autograder.questions import module_in
from autograder.student import PUBLIC

LAB = Path(__file__).resolve().parents[2] / "labs" / "05_dataflows"
lab = load(LAB)
judging, show, examples = (module_in(LAB / "given", name) for name in ("judging", "show", "examples"))
SOLUTION = {
    item.name: next(c.source for c in filled(lab) if c.nbgrader.get("grade_id") == f"{item.name}_answer")
    for item in lab.items
}


def solution(item):
    space = {}
    exec(SOLUTION[item], space)
    return space[lab.questions[item].function]


def says(judge, args, schedule):
    return [finding.says for finding in judge(args, schedule)]


def test_the_notebook_draws_and_checks_without_numpy(tmp_path):
    folder = shutil.copytree(LAB / "given", tmp_path / "lab")
    (folder / PUBLIC).write_text(json.dumps(public_data(list(lab.questions.values()), lab.name)))
    lines = [
        "import sys; sys.modules['numpy'] = None",
        "from autograder import check, predict",
        "import show, examples",
    ]
    for item in lab.items:
        lines += [f"predict({item.name!r}, 1)", SOLUTION[item.name], f"report = check({item.name!r})", "print(report)"]
        lines += ["assert report.right, report"]
    drawn = [c.source for c in lab.cells if c.kind == "code" and c.source.startswith("show.")]
    assert len(drawn) >= len(lab.items)
    lines += [f"print(repr({source.strip()})[:9])" for source in drawn]
    told = subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=folder, capture_output=True, text=True)
    assert (0, "") == (told.returncode, told.stderr)


@pytest.mark.parametrize("odd", [None, 3, "text", [], [1], [(0, (0, 0), "mac", (0, 0, 0))], {"a": 1}, [[[]]]])
def test_any_answer_is_drawn_or_told_and_none_is_right(odd):
    sizes = (2, 2, 2, 2, 2)
    drawn = show.play(lambda *args: odd, M=2, C=2, P=2, rows=2, columns=2)
    assert isinstance(drawn, View | show.Said)
    for item in ("ws", "os", "is", "reduction"):
        assert says(lab.questions[item].judge, sizes, odd)
    assert says(judging.best, (*sizes, 12), odd)


def test_an_unwritten_and_a_crashing_function_are_told():
    def unwritten(*args):
        raise NotImplementedError

    def crashing(*args):
        return [][7]

    assert "Not written yet." == repr(show.play(unwritten, M=1, C=1, P=1, rows=1, columns=1))
    assert "IndexError" in repr(show.play(crashing, M=1, C=1, P=1, rows=1, columns=1))
    assert "Not written yet." == repr(show.counts(unwritten, examples.shared))
    assert "Not written yet." == repr(show.curve(unwritten, M=1, C=1, rows=1, columns=1))


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (None, "Your function answers None. Does it end with return?"),
        ((1, 2), "Your function answers (1, 2); the task asks for a dictionary."),
        (3, "Your function answers 3; the task asks for a dictionary."),
    ],
)
def test_an_answer_that_is_no_dictionary_is_told_and_not_raised(odd, told):
    assert told == repr(show.counts(lambda schedule: odd, examples.shared))
    assert told == repr(show.curve(lambda *args: odd, M=1, C=1, rows=1, columns=1))


def test_a_dictionary_without_a_number_is_told_which():
    drawn = show.curve(lambda *args: {"cycles": 3, "utilization": None}, M=1, C=1, rows=1, columns=1)
    assert "Your dictionary has no number under 'utilization'." == repr(drawn)


def test_the_examples_are_schedules_without_fault():
    for schedule in (examples.separate, examples.shared):
        sizes, rows, columns = judging._sizes(schedule)
        assert () == judging.run(judging.product(*sizes), rows, columns, schedule).faults


def test_the_picture_of_the_systolic_array_lasts_as_long_as_the_simulator_says():
    for M, C, P, rows, columns in ((3, 2, 4, 2, 2), (5, 4, 3, 3, 2), (1, 1, 1, 2, 3)):
        line = show.march(M=M, C=C, P=P, rows=rows, columns=columns).data
        wanted = lab.questions["use"].reference(M, C, P, rows, columns)
        assert wanted["cycles"] == len(line["states"])
        assert M * C * P == sum(text.count("m") for text in line["states"])


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ("ws", lambda run: run("ws", 4, 4, 6, 2, 2).moved["GLB reads of filter"]),
        ("os", lambda run: run("os", 4, 4, 6, 2, 2).moved["GLB writes of ofmap"]),
        ("is", lambda run: run("is", 6, 4, 4, 2, 2).cycles),
        ("reduction", lambda run: run("reduction", 1, 4, 10, 4, 1).cycles),
        ("use", lambda run: round(100 * solution("use")(128, 128, 128, 128, 128)["utilization"], 1)),
        ("best", lambda run: min(a + 16 // a for a in (1, 2, 4, 8, 16))),
        ("multicast", lambda run: 6 + 1),
        ("traffic", lambda run: 3 + 2),
    ],
)
def test_the_answers_to_predictions_follow_from_solutions(item, found):
    def run(name, M, C, P, rows, columns):
        return judging.run(judging.product(M, C, P), rows, columns, solution(name)(M, C, P, rows, columns))

    assert lab.questions[item].answer == found(run)


@pytest.mark.parametrize("seed", range(6))
def test_the_solutions_are_right_whatever_is_drawn(seed):
    for item in lab.items:
        if item.question.judge:
            for case in hidden_cases(item.question, seed)[0]:
                assert [] == list(item.question.judge(case.args, solution(item.name)(*case.args))), (item.name, case)


@pytest.mark.parametrize("seed", range(6))
def test_the_open_item_parts_the_three_ways_whatever_is_drawn(seed):
    """Without multicast 40 %, in tiles of the array's shape 80 %, in the best tiles all."""
    drawn = [
        case.args for case in hidden_cases(lab.questions["best"], seed)[0] if case.args[0] > 1 and case.args[4] > 1
    ]
    plain, shared = solution("os"), lambda *sizes: solution("multicast")(solution("os")(*sizes))
    for args in (*(case.args for case in lab.questions["best"].public), *drawn):
        parts = [[f.credit for f in judging.best(args, way(*args[:5]))] for way in (plain, shared)]
        assert [[0.4], [0.8]] == parts, args


def test_the_best_known_is_never_below_the_bound():
    known = lab.questions["best"].reference.__globals__["known"]
    for sizes in np.random.default_rng(1).integers(1, 9, (300, 5)).tolist():
        M, C, P, *_ = sizes
        assert known(*sizes) >= M * C + C * P + M * P


def test_weights_that_are_passed_on_do_not_stay():
    schedule = solution("ws")(1, 1, 1, 1, 2)
    passed = [*schedule, (0, (0, 0), "pass", (("filter", 0, 0), (0, 1)))]
    assert ["words of filter are passed on 1 times; what is stationary stays in its PE"] == says(
        judging.weight_stationary, (1, 1, 1, 1, 2), passed
    )


def test_a_timeline_of_the_lab_is_one_of_the_simulator():
    assert isinstance(judging.run(judging.product(1, 1, 1), 1, 1, []).timeline, Timeline)
