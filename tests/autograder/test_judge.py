"""Right, wrong and why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.judge import ModelAnswers, Outcome, call, compare, diagnose, share, show, verdicts
from autograder.questions import Case, Mistake

floats = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e6, 1e6))


@given(floats)
def test_an_array_equals_itself_and_not_its_shifted_self(array):
    assert compare(array, array.copy()) is None
    assert compare(array, array + 1).aspect == "value"


@given(floats, st.floats(-1e-12, 1e-12))
def test_noise_within_the_tolerance_is_no_difference(array, noise):
    assert compare(array, array + noise) is None


@given(floats, st.data())
def test_the_first_wrong_element_is_the_evidence(array, data):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in array.shape)
    got = array.copy()
    got[index] += 1
    assert f"[{', '.join(map(str, index))}]" == compare(array, got).index


@pytest.mark.parametrize(
    ("expected", "got", "aspect"),
    [
        (1, True, "type"),
        (True, 1, "type"),
        (1, "1", "type"),
        (1, None, "type"),
        (np.zeros(2), [0.0, 0.0], "type"),
        ((1, 2), np.array([1.0, 2.0]), "type"),
        ((1, 2), np.array([True, False]), "type"),
        ((1, 2), np.array([[1, 2]]), "type"),
        (("a", 1), np.array([1, 1]), "type"),
        ((1, 2), np.array([1, 3]), "value"),
        ((1, 2), np.array([1, 2, 3]), "shape"),
        ((1, 2), (1, 2, 3), "shape"),
        ({"a": 1}, {"b": 1}, "shape"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "shape"),
        (np.zeros(3), np.zeros(0), "shape"),
        (3, 3.0, "dtype"),
        (np.zeros(2, int), np.zeros(2), "dtype"),
        (np.zeros(2), np.zeros(2, bool), "dtype"),
        (np.zeros(2), np.zeros(2, complex), "dtype"),
        (1.0, float("nan"), "finiteness"),
        (np.ones(2), np.array([1, np.inf]), "finiteness"),
        (np.zeros((2, 2)), np.full((2, 2), np.nan), "finiteness"),
        (2**200, 2**200 + 1, "value"),
        (1.0, 1 << 900, "value"),
        ((1, (2, 3)), (1, (2, 4)), "value"),
        ("same", "different", "value"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "value"),
        (np.uint8(1), 2, "value"),
    ],
)
def test_differences_are_found_in_a_fixed_order(expected, got, aspect):
    assert aspect == compare(expected, got).aspect


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ((1, 2), [1, 2]),
        ((1, 2), np.array([1, 2])),
        ([1.0, 2.0], np.array([1, 2], np.uint8)),
        (((1, 2), (3, 4)), [np.array([1, 2]), (3, 4)]),
        (3, np.int64(3)),
        (3, np.array(3)),
        (np.array(3.0), 3),
        (2.0, 2),
        (np.zeros(2), np.zeros(2, np.int8)),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (float("nan"), float("nan")),
        (True, np.bool_(True)),
        (1e9, 1e9 + 0.5),
        ({"a": (1,)}, {"a": [1]}),
    ],
)
def test_what_means_the_same_is_the_same(expected, got):
    assert compare(expected, got) is None


def test_whole_numbers_are_compared_exactly():
    assert compare(10**18, 10**18 + 1, tolerance=1.0).aspect == "value"


def test_an_answer_cannot_change_its_case():
    case = Case(([1, 2], np.zeros(2)), "anything")
    call(lambda line, array: (line.clear(), array.fill(7)), case)
    assert ([1, 2], 0.0) == (case.args[0], case.args[1].sum())


CASES = (Case((1,), "small"), Case((2,), "small"), Case((9,), "large"))
DOUBLE = Mistake("doubled", lambda x: 2 * x, "", "")
ONE = Mistake("always one", lambda x: 1, "", "")
FRAIL = Mistake("breaks on small ones", lambda x: x / (x - 1), "", "")


def judged(answers, wanted=(1, 2, 9)):
    outcomes = [a if isinstance(a, Outcome) else Outcome(a) for a in answers]
    return verdicts(CASES, wanted, outcomes, public=True)


def named(answers, *mistakes):
    found = diagnose(mistakes, lambda m: ModelAnswers(m, CASES), judged(answers), 1e-9)
    return found.name if found else ""


def test_a_mistake_is_named_when_its_model_gives_the_same_answers():
    assert named([2, 4, 18], ONE, DOUBLE) == "doubled"
    assert named([1, 1, 1], ONE, DOUBLE) == "always one"
    assert named([1, 2, 9], ONE, DOUBLE) == ""
    assert named([7, 7, 7], ONE, DOUBLE) == ""


def test_a_mistake_is_not_named_when_its_model_is_wrong_where_the_student_is_right():
    double_if_large = Mistake("large ones doubled", lambda x: 2 * x if x > 5 else x, "", "")
    assert named([1, 2, 18], DOUBLE) == ""
    assert named([1, 2, 18], DOUBLE, double_if_large) == "large ones doubled"
    assert named([1, Outcome(fault="E"), 18], DOUBLE) == ""
    assert named([1, 4, 19], DOUBLE) == ""


def test_a_crash_beside_a_recognised_answer_does_not_hide_it():
    assert named([2, 4, Outcome(fault="IndexError")], DOUBLE) == "doubled"


def test_crashes_alone_are_never_named():
    assert named([Outcome(fault="E")] * 3, DOUBLE, FRAIL) == ""
    assert named([Outcome(fault="E"), 2, 9], FRAIL) == ""


def mixed(small_public, small_hidden, large_hidden):
    outcomes = [Outcome(1 if good else 0) for good in (small_public, small_hidden, large_hidden)]
    cases = (CASES[0], CASES[0], CASES[2])
    public = verdicts(cases[:1], [1], outcomes[:1])
    return public + verdicts(cases[1:], [1, 1], outcomes[1:], public=False)


@pytest.mark.parametrize(
    ("right", "predicted", "earned"),
    [
        ((True, True, True), True, 1.0),
        ((True, True, True), False, 0.8),
        ((True, True, False), True, 0.8),
        ((True, True, False), False, 0.6),
        ((True, False, True), True, 0.0),
        ((False, True, True), True, 0.0),
        ((False, False, False), True, 0.0),
    ],
)
def test_the_shares_of_an_item(right, predicted, earned):
    assert earned == share(mixed(*right), predicted)


def test_a_table_of_the_public_answers_earns_nothing_even_without_fresh_cases_of_their_kinds():
    public = verdicts(CASES[:1], [1], [Outcome(1)])
    assert share(public + verdicts(CASES[2:], [9], [Outcome(fault="KeyError")], public=False), True) == 0
    assert share(public + verdicts(CASES[2:], [9], [Outcome(9)], public=False), True) == 1


def test_no_cases_earn_nothing():
    assert share((), True) == 0


def test_a_question_of_its_own_judgement_takes_any_legal_answer():
    def even(args, answer):
        return [] if answer % 2 == 0 else [f"{answer} is odd"]

    found = verdicts(CASES, [None] * 3, [Outcome(4), Outcome(3), Outcome("text")], judge=even)
    assert [None, "3 is odd"] == [v.difference and v.difference.text for v in found[:2]]
    assert found[2].difference.text.startswith("the answer cannot be read")


def test_what_is_shown_is_short():
    assert len(show(list(range(10_000)))) <= 200
    assert len(show(np.zeros((100, 100)))) <= 200


def test_an_array_of_millions_where_a_list_is_wanted_is_not_written_out():
    class Long(np.ndarray):
        def tolist(self):
            assert self.size < 10
            return super().tolist()

    assert "type" == compare([1, 2], np.zeros(2_000_000, "int16").view(Long)).aspect
