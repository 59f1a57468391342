"""public_checks.json: what a question says of itself without giving its code away."""

from __future__ import annotations

import json

import pytest

from autograder import judge as judging
from autograder.errors import AutograderError
from autograder.judge import Outcome
from autograder.public import public_data, read_public
from autograder.questions import Case, Mistake, Question

CASE = Case((4,), "four")


def question(**changes):
    given = {"name": "halve", "function": "halve", "reference": lambda n: n // 2, "public": (CASE,)}
    return Question(**{**given, "hidden": lambda rng: (CASE,), **changes})


def shipped(tmp_path, asked):
    path = tmp_path / "public_checks.json"
    path.write_text(json.dumps(public_data([asked], "lab")))
    return read_public(path)["halve"]


def right(asked, answer):
    return [v.right for v in asked.judge([Outcome(answer)])]


def test_cases_and_answers_arrive(tmp_path):
    asked = shipped(tmp_path, question())
    assert (CASE,) == asked.cases
    assert ("n",) == asked.parameters
    assert ([True], [False]) == (right(asked, 2), right(asked, 3))


def test_parameters_that_only_the_reference_has_are_not_asked(tmp_path):
    assert ("n",) == shipped(tmp_path, question(reference=lambda n, steps=None: n // 2)).parameters


def test_a_mistake_arrives_as_its_answers(tmp_path):
    frail = Mistake("frail", lambda n: n.missing, "", "")
    double = Mistake("doubled", lambda n: 2 * n, "Not twice.", "2.1")
    asked = shipped(tmp_path, question(mistakes=(frail, double)))
    assert [(NotImplemented,), (8,)] == [asked.answers_of(m) for m in asked.mistakes]
    assert "lambda" not in (tmp_path / "public_checks.json").read_text()


def legal(args, answer):
    """Any even number will do."""
    return [] if answer % 2 == 0 else [f"{answer} is odd"]


def test_a_judge_of_our_packages_judges_at_the_students_desk_too(tmp_path, monkeypatch):
    monkeypatch.setattr(legal, "__module__", "autograder.judge")
    monkeypatch.setattr(judging, "legal", legal, raising=False)
    asked = shipped(tmp_path, question(judge=legal))
    assert ([True], [False]) == (right(asked, 6), right(asked, 7))


def test_a_judge_of_the_lab_stays_hidden_and_refuses_nothing_at_the_desk(tmp_path):
    asked = shipped(tmp_path, question(judge=legal))
    assert [True] == right(asked, 7)
    assert "legal" not in (tmp_path / "public_checks.json").read_text()


def test_a_judge_that_is_named_from_elsewhere_is_not_imported(tmp_path):
    path = tmp_path / "public_checks.json"
    data = public_data([question()], "lab")
    data["questions"]["halve"]["judged_by"] = "os:system"
    path.write_text(json.dumps(data))
    with pytest.raises(AutograderError, match="os:system"):
        read_public(path)["halve"].judge([Outcome(2)])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "questions": {"a": 3}}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "public_checks.json").write_text(text)
    with pytest.raises(AutograderError, match="damaged"):
        read_public(tmp_path / "public_checks.json")


def test_a_newer_format_is_named(tmp_path):
    (tmp_path / "public_checks.json").write_text('{"format": 2, "questions": {}}')
    with pytest.raises(AutograderError, match="format 2; this autograder reads format 1"):
        read_public(tmp_path / "public_checks.json")
