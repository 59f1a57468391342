"""Questions with a judge of their own: it ships from given/, runs on both sides, says where and what."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from autograder.errors import AutograderError
from autograder.judge import Difference, Outcome, diagnose, share, verdicts
from autograder.lab import _questions
from autograder.public import public_data, read_public
from autograder.questions import Case, Finding, Mistake
from autograder.student import check, evidence, try_next

JUDGING = '''
from rules import least
from autograder.questions import Finding

def one_op_per_pe(args, schedule):
    """Every operation once, at most one per PE and cycle."""
    seen = set()
    for cycle, pe, op in schedule:
        if (cycle, pe) in seen:
            yield Finding(
                f"PE {pe} does two operations in cycle {cycle}", (("cycle", cycle), ("PE", pe)), "two at once"
            )
        seen.add((cycle, pe))
    if len(schedule) < args[0] * args[1]:
        yield Finding(f"{len(schedule)} operations are scheduled of {args[0] * args[1]}")
    elif 1 + max(cycle for cycle, _, _ in schedule) > least(*args):
        yield Finding("legal, but slower than need be", credit=0.5)
'''
RULES = "def least(rows, columns):\n    return columns\n"
CHECKS = """
from autograder.questions import Case, Mistake, Question, given

judging = given("judging", __file__)

def schedule(rows, columns):
    return [(c, (r, 0), r * columns + c) for r in range(rows) for c in range(columns)]

questions = (
    Question(
        name="schedule",
        function="schedule",
        reference=schedule,
        public=(Case((2, 3), "a 2x3 array"),),
        hidden=lambda rng: [Case((3, 4), "a 2x3 array"), Case((1, 4), "one row")],
        judge=judging.one_op_per_pe,
        mistakes=(Mistake("two at once", None, "A PE has one multiplier.", "6.1 SECRET-OF-NOBODY"),),
    ),
)
"""


@pytest.fixture
def lab(tmp_path):
    folder = tmp_path / "labs" / "05"
    (folder / "given").mkdir(parents=True)
    (folder / "given" / "judging.py").write_text(JUDGING)
    (folder / "given" / "rules.py").write_text(RULES)
    (folder / "checks.py").write_text(CHECKS)
    return folder


@pytest.fixture
def asked(lab):
    return read(lab)


def read(lab):
    faults: list[str] = []
    found = _questions(lab / "checks.py", faults)
    assert [] == faults
    return found["schedule"]


@pytest.fixture
def desk(lab, asked):
    """The folder a student works in: the given files and the public cases, nothing else."""
    (lab / "given" / "public_checks.json").write_text(json.dumps(public_data([asked], "05")))
    return lab / "given"


def right(rows, columns):
    return [(c, (r, 0), r * columns + c) for r in range(rows) for c in range(columns)]


def clash(rows, columns):
    return [(0, (r, 0), r * columns + c) for r in range(rows) for c in range(columns)]


def slow(rows, columns):
    return [(r * columns + c, (0, 0), r * columns + c) for r in range(rows) for c in range(columns)]


def judged(question, function):
    cases = (*question.public, *question.hidden(None))
    outcomes = [Outcome(function(*case.args)) for case in cases]
    seen = verdicts(cases[:1], [None], outcomes[:1], judge=question.judge)
    return seen + verdicts(cases[1:], [None] * 2, outcomes[1:], judge=question.judge, public=False)


def test_any_legal_schedule_earns_everything(asked):
    backwards = judged(asked, lambda rows, columns: right(rows, columns)[::-1])
    assert 1 == share(backwards, True)


def test_a_finding_says_where_and_names_the_mistake(asked):
    found = judged(asked, clash)
    told = dict(evidence(asked, found[0]))
    assert told["happened"].startswith("PE (0, 0) does two operations in cycle 0")
    assert ("0", "(0, 0)") == (told["cycle"], told["PE"])
    assert "Find that place" in try_next(list(told.items()))
    assert "two at once" == diagnose(asked.mistakes, lambda m: [NotImplemented] * 3, found, 0).name
    assert 0 == share(found, True)


@pytest.mark.parametrize(("function", "earned"), [(right, 1.0), (slow, 0.5 * 0.8 + 0.2), (clash, 0.0)])
def test_credit_that_a_judge_leaves_is_earned(asked, function, earned):
    assert earned == pytest.approx(share(judged(asked, function), True))


def test_credit_is_a_part():
    with pytest.raises(ValueError, match="0 to 1; 'too good' has 2"):
        Finding("too good", credit=2)


def test_the_least_credit_of_several_findings_counts():
    found = verdicts([Case((), "")], [None], [Outcome(0)], judge=lambda *_: [Finding("a", credit=0.5), Finding("b")])
    assert (0, "a; b") == (found[0].credit, found[0].difference.text)


def test_an_answer_that_the_judge_cannot_read_is_wrong_and_costs_nothing_else(asked):
    found = judged(asked, lambda rows, columns: 7 if rows == 2 else right(rows, columns))
    assert [False, True, True] == [v.right for v in found]
    assert "the answer cannot be read: TypeError" in found[0].difference.text


def test_a_judge_that_finds_without_end_is_cut_off():
    def endless(args, answer):
        while True:
            yield f"fault {answer}"

    found = verdicts([Case((), "")], [None], [Outcome(0)], judge=endless)
    assert found[0].difference == Difference("judged", "fault 0")


@pytest.mark.parametrize(
    "answer",
    [np.zeros(300_000, "int8"), [np.zeros((2**31 - 1, 0))] * 2, "01" * 150_000, {"a": [0] * 200_001}],
    ids=["an array", "rows without end, and empty", "text", "a list"],
)
def test_an_answer_too_long_to_be_looked_at_reaches_no_judge(answer):
    def never(args, answer):
        raise AssertionError

    found = verdicts([Case((), "")], [None], [Outcome(answer)], judge=never)
    assert "at most 200,000 are looked at" in found[0].difference.text


def test_a_model_still_names_a_mistake_that_no_finding_names(asked):
    wrong = Mistake("always empty", lambda rows, columns: [], "", "")
    found = judged(asked, lambda rows, columns: [])
    assert "always empty" == diagnose((wrong,), lambda m: [[], [], []], found, 0).name


def test_two_labs_may_each_have_a_module_of_the_same_name(lab, tmp_path, asked):
    other = tmp_path / "labs" / "07"
    (other / "given").mkdir(parents=True)
    (other / "given" / "judging.py").write_text(JUDGING)
    (other / "given" / "rules.py").write_text(RULES.replace("return columns", "return 0"))
    (other / "checks.py").write_text(CHECKS)
    assert (1.0, 0.6) == (share(judged(asked, right), True), share(judged(read(other), right), True))
    assert not {"judging", "rules"} & sys.modules.keys()


def test_the_judge_works_at_the_students_desk(desk, monkeypatch):
    monkeypatch.chdir(desk)
    text = (desk / "public_checks.json").read_text()
    assert '"given/judging:one_op_per_pe"' in text
    assert "3, 4" not in text
    public = read_public(desk / "public_checks.json")["schedule"]
    assert [True] == [v.right for v in public.judge([Outcome(right(2, 3))])]
    monkeypatch.setitem(globals(), "schedule", clash)
    told = repr(check("schedule"))
    assert "NOT YET" in told
    for said in ("cycle       0\n", "PE          (0, 0)\n", "looks like  two at once", "A PE has one multiplier."):
        assert said in told
    monkeypatch.setitem(globals(), "schedule", right)
    assert "RIGHT" in repr(check("schedule"))


@pytest.mark.parametrize("text", ["def other(): pass", "not Python", None], ids=["renamed", "damaged", "missing"])
def test_a_given_judge_that_was_changed_is_named(desk, text):
    path = desk / "judging.py"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(AutograderError, match=r"judging\.py, which came with the notebook, cannot be used .*copy it"):
        read_public(desk / "public_checks.json")["schedule"].judge([Outcome(1)])


def test_a_judge_that_stays_with_the_grader_calls_nothing_right_at_the_desk(lab, monkeypatch):
    text = CHECKS.replace(
        "judge=judging.one_op_per_pe", "judge=lambda args, answer: list(judging.one_op_per_pe(args, answer))"
    )
    (lab / "checks.py").write_text(text)
    (lab / "given" / "public_checks.json").write_text(json.dumps(public_data([read(lab)], "05")))
    monkeypatch.chdir(lab / "given")
    monkeypatch.setitem(globals(), "schedule", clash)
    assert "your function answers the one public case; the grader judges the answers" in repr(check("schedule"))


def test_checks_and_judges_work_in_a_kernel_without_numpy(desk):
    code = """
        import sys
        sys.modules["numpy"] = None
        from autograder import check
        def schedule(rows, columns):
            return [(0, (r, 0), r * columns + c) for r in range(rows) for c in range(columns)]
        print(check("schedule"))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        cwd=desk,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "looks like  two at once" in done.stdout, done.stderr
