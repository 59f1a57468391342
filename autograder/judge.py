"""Right or wrong, why, and how many points: pure functions over plain data."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.questions import Case, Mistake, Question

Judge = Callable[[tuple[Any, ...], Any], Sequence[str]]
PUBLIC_SHARE, HIDDEN_SHARE, PREDICTION_SHARE = 0.6, 0.2, 0.2


@dataclass(frozen=True)
class Difference:
    """The first thing that differs: `aspect` is type, shape, dtype, finiteness, value, or judged; `text` says it."""

    aspect: str
    text: str
    index: str = ""
    got: str = ""
    wanted: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of one call: a `value`, or a `fault` (the student's exception, a timeout, an answer refused)."""

    value: Any = None
    fault: str = ""


@dataclass(frozen=True)
class Verdict:
    """One case, what came of it, and what is wrong with it (None: right)."""

    case: Case
    outcome: Outcome
    wanted: Any
    difference: Difference | None
    public: bool

    @property
    def right(self) -> bool:
        """Whether nothing differs."""
        return self.difference is None


def compare(expected: Any, got: Any, tolerance: float = 1e-9) -> Difference | None:
    """The first difference, looked for in the order type, shape, dtype, finiteness, values; None when equal.

    A bool is not a number; a list and a tuple are the same, and so is a 1-d array of whole numbers where numbers are
    wanted; a NumPy scalar or 0-d array is a number; an int will do where a float is wanted. `tolerance` is relative
    and absolute, for floats only.

    >>> compare((2, 3), [2, 3]) is None
    True
    >>> compare((2, 3), np.array([2, 3])) is None
    True
    >>> compare(3, 3.0).text
    'got 3.0, a float; a whole number is needed (// divides without remainder)'
    >>> compare(np.array([[1, 2]]), np.array([[1, 5]])).text
    'at [0, 1]: got 5, wanted 2'
    """
    return _compare(_plain(expected), _plain(got), tolerance, "")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    for kinds, name in (
        (bool, "True or False"),
        (numbers.Number, "a number"),
        (str, "text"),
        ((list, tuple), "a list or tuple"),
        (dict, "a dict"),
        (np.ndarray, "a NumPy array"),
    ):
        if isinstance(value, kinds):
            return name
    return f"a {type(value).__name__}"


def _as_list(expected: Any, got: Any) -> Any:
    """A 1-d array of whole numbers as a list where a list of numbers is wanted; anything else as it is."""
    whole = isinstance(got, np.ndarray) and got.ndim == 1 and got.dtype.kind in "iu"
    listed = isinstance(expected, list | tuple) and all(_kind(_plain(e)) == "a number" for e in expected)
    return got.tolist() if whole and listed else got


def _compare(expected: Any, got: Any, tolerance: float, where: str) -> Difference | None:
    got = _as_list(expected, got)
    if _kind(expected) != _kind(got):
        text = f"{_at(where)}got {_kind(got)} ({show(got)}); {_kind(expected)} is needed"
        return Difference("type", text, where, show(got), show(expected))
    if isinstance(expected, list | tuple):
        return _compare_lists(expected, got, tolerance, where)
    if isinstance(expected, dict):
        return _compare_dicts(expected, got, tolerance, where)
    if isinstance(expected, np.ndarray):
        return _compare_arrays(expected, got, tolerance, where)
    if _kind(expected) == "a number":
        return _compare_arrays(_as_array(expected), _as_array(got), tolerance, where)
    return None if expected == got else _value_difference(expected, got, where)


def _as_array(number: Any) -> np.ndarray[Any, Any]:
    return np.array(number, dtype=object if isinstance(number, int) and number.bit_length() > 62 else None)


def _at(where: str) -> str:
    return f"at {where}: " if where else ""


def _value_difference(expected: Any, got: Any, where: str, aspect: str = "value") -> Difference:
    return Difference(aspect, f"{_at(where)}got {show(got)}, wanted {show(expected)}", where, show(got), show(expected))


def _compare_lists(expected: Sequence[Any], got: Sequence[Any], tolerance: float, where: str) -> Difference | None:
    if len(expected) != len(got):
        text = f"{_at(where)}got {len(got)} items, {show(got)}; {len(expected)} are needed"
        return Difference("shape", text, where, show(got), show(expected))
    found = (
        _compare(_plain(e), _plain(g), tolerance, f"{where}[{i}]")
        for i, (e, g) in enumerate(zip(expected, got, strict=True))
    )
    return next((difference for difference in found if difference), None)


def _compare_dicts(expected: dict[str, Any], got: dict[str, Any], tolerance: float, where: str) -> Difference | None:
    if expected.keys() != got.keys():
        text = f"{_at(where)}got the keys {show(sorted(got))}; needed are {show(sorted(expected))}"
        return Difference("shape", text, where, show(got), show(expected))
    found = (_compare(_plain(expected[k]), _plain(got[k]), tolerance, f"{where}[{k!r}]") for k in expected)
    return next((difference for difference in found if difference), None)


_FAMILIES = {
    "b": "True or False",
    "i": "a whole number",
    "u": "a whole number",
    "f": "a float",
    "c": "a complex number",
}
_WIDENS = {("a whole number", "a float"), ("a whole number", "a complex number"), ("a float", "a complex number")}


def _family(array: np.ndarray[Any, Any]) -> str:
    return _FAMILIES.get(array.dtype.kind, "a whole number")


def _compare_arrays(
    expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], tolerance: float, where: str
) -> Difference | None:
    if expected.shape != got.shape:
        text = f"{_at(where)}got an array of shape {got.shape}; shape {expected.shape} is needed"
        return Difference("shape", text, where, str(got.shape), str(expected.shape))
    want_family, got_family = _family(expected), _family(got)
    if want_family != got_family and (got_family, want_family) not in _WIDENS:
        return _family_difference(want_family, got, where)
    if want_family != "a whole number" or got_family != "a whole number":
        finite = _first(np.isfinite(_float(expected)) != np.isfinite(_float(got)))
        if finite is not None:
            return _element_difference(expected, got, finite, where, "finiteness")
    wrong = _first(~_close(expected, got, tolerance))
    return None if wrong is None else _element_difference(expected, got, wrong, where, "value")


def _family_difference(want_family: str, got: np.ndarray[Any, Any], where: str) -> Difference:
    family = _family(got)
    hint = " (// divides without remainder)" if want_family == "a whole number" and family == "a float" else ""
    shown = f"an array of dtype {got.dtype}" if got.ndim else f"{show(got.item())}, {family}"
    text = f"{_at(where)}got {shown}; {want_family} is needed{hint}"
    return Difference("dtype", text, where, shown, want_family)


def _float(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if array.dtype.kind in "fc":
        return array
    return np.zeros(array.shape) if array.dtype.kind == "O" else array.astype(np.float64)


def _close(expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], tolerance: float) -> Any:
    if expected.dtype.kind not in "fc":
        return np.asarray(expected == got)
    if got.dtype.kind == "O":
        got = got.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        same = (expected == got) | (np.isnan(expected) & np.isnan(got))
        return same | (np.abs(got - expected) <= tolerance * (1 + np.abs(expected)))


def _first(wrong: Any) -> tuple[int, ...] | None:
    places = np.argwhere(np.asarray(wrong))
    return tuple(int(i) for i in places[0]) if len(places) else None


def _element_difference(
    expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], index: tuple[int, ...], where: str, aspect: str
) -> Difference:
    place = f"{where}[{', '.join(map(str, index))}]" if index else where
    return _value_difference(_plain(expected[index]), _plain(got[index]), place, aspect)


def show(value: Any, limit: int = 200) -> str:
    """A value as a student reads it, cut at `limit` characters.

    >>> show([1, 2.0, "x"])
    "[1, 2.0, 'x']"
    """
    if isinstance(value, np.ndarray):
        text = np.array2string(value, separator=", ", threshold=64, max_line_width=100)
    else:
        text = repr(_plain(value))
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def call(function: Callable[..., Any], case: Case) -> Any:
    """The function's answer to a case, on copies, so that it cannot change the case."""
    return function(*copy.deepcopy(case.args))


def wanted_answers(question: Question, cases: Sequence[Case]) -> list[Any]:
    """What the reference answers; for a question with its own judge there is no one answer."""
    return [None if question.judge else call(question.reference, case) for case in cases]


def verdicts(
    cases: Sequence[Case],
    wanted: Sequence[Any],
    outcomes: Sequence[Outcome],
    tolerance: float = 1e-9,
    judge: Judge | None = None,
    public: bool = True,
) -> tuple[Verdict, ...]:
    """One verdict per case; `judge`, where given, decides instead of comparison with what is wanted."""
    rows = zip(cases, wanted, outcomes, strict=True)
    return tuple(Verdict(c, o, w, _difference(c, w, o, tolerance, judge), public) for c, w, o in rows)


def _difference(case: Case, wanted: Any, outcome: Outcome, tolerance: float, judge: Judge | None) -> Difference | None:
    if outcome.fault:
        return Difference("fault", outcome.fault)
    return _judged(judge, case, outcome.value) if judge else compare(wanted, outcome.value, tolerance)


def _judged(judge: Judge, case: Case, answer: Any) -> Difference | None:
    try:
        faults = list(judge(copy.deepcopy(case.args), copy.deepcopy(answer)))
    except Exception as error:  # an answer so odd that the judge cannot read it is a wrong answer, not a crash
        faults = [f"the answer cannot be read: {type(error).__name__}: {error}"]
    return Difference("judged", "; ".join(faults)) if faults else None


def diagnose(
    mistakes: Sequence[Mistake],
    answers_of: Callable[[Mistake], Sequence[Any]],
    judged: Sequence[Verdict],
    tolerance: float,
) -> Mistake | None:
    """The named mistake behind wrong verdicts, the first that explains them.

    Looked for is one that answers as the student did everywhere, then one that does wherever the student answered at
    all. Where the student is right the model must be right too: one that agrees on the wrong answers only would tell
    students of a mistake they did not make. `answers_of` gives a mistake's answers in order, `NotImplemented` for none.
    """
    wrong = [i for i, verdict in enumerate(judged) if not verdict.right]
    table = {mistake.name: answers_of(mistake) for mistake in mistakes} if wrong else {}
    answered = [i for i, verdict in enumerate(judged) if not verdict.outcome.fault]
    for places in (range(len(judged)), answered):
        for mistake in mistakes if wrong else ():
            if _explains(table[mistake.name], judged, places, tolerance):
                return mistake
    return None


def _explains(modelled: Sequence[Any], judged: Sequence[Verdict], places: Sequence[int], tolerance: float) -> bool:
    """Same answers at all `places`; a call on which both raise is the same too, but some wrong answer must be equal."""
    if not all(_same(modelled[i], judged[i].outcome, tolerance) for i in places):
        return False
    return any(not judged[i].right and not judged[i].outcome.fault for i in places)


def _same(modelled: Any, outcome: Outcome, tolerance: float) -> bool:
    if modelled is NotImplemented or outcome.fault:
        return modelled is NotImplemented and bool(outcome.fault)
    return compare(modelled, outcome.value, tolerance) is None


def model_answers(mistake: Mistake, cases: Sequence[Case]) -> list[Any]:
    """What the mistake's model answers, `NotImplemented` where it raises."""
    return [_model_answer(mistake, case) for case in cases]


def _model_answer(mistake: Mistake, case: Case) -> Any:
    try:
        return call(mistake.model, case)
    except Exception:  # a wrong model may break on a case; then it explains nothing there
        return NotImplemented


def share(judged: Sequence[Verdict], predicted: bool) -> float:
    """The part of an item's points that is earned, 0 to 1.

    0.6 for all public cases and all hidden cases of a kind that is public too (so that a table of the public answers
    earns nothing; without such cases one hidden case must be right), then 0.2 for the other hidden cases and 0.2 for
    a prediction made.
    """
    public = [v for v in judged if v.public]
    hidden = [v for v in judged if not v.public]
    kinds = {v.case.kind for v in public}
    fresh = [v for v in hidden if v.case.kind in kinds]
    earned = bool(judged) and all(v.right for v in public + fresh)
    if not fresh and hidden:
        earned = earned and any(v.right for v in hidden)
    if not earned:
        return 0.0
    general = all(v.right for v in hidden)
    return round(PUBLIC_SHARE + HIDDEN_SHARE * general + PREDICTION_SHARE * predicted, 6)
