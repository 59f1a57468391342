"""Right or wrong, why, and how many points: pure functions over plain data."""

from __future__ import annotations

import cmath
import copy
import itertools
import numbers
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autograder.questions import Case, Finding, Judge, Mistake, Question
from autograder.wire import is_array, is_scalar, np, weight

PUBLIC_SHARE, HIDDEN_SHARE, PREDICTION_SHARE = 0.6, 0.2, 0.2


@dataclass(frozen=True)
class Difference:
    """The first thing that differs: `aspect` is type, shape, dtype, finiteness, value, judged or fault; `text` says it.

    A judge may add rows of `evidence`, the `mistake` its finding proves, and the `credit` that is left.
    """

    aspect: str
    text: str
    index: str = ""
    got: str = ""
    wanted: str = ""
    evidence: tuple[tuple[str, str], ...] = ()
    mistake: str = ""
    credit: float = 0.0


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

    @property
    def credit(self) -> float:
        """The part of this case that is earned: all, nothing, or what a judge left."""
        return self.difference.credit if self.difference else 1.0


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
    if is_scalar(value) or (is_array(value) and value.ndim == 0):
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
    ):
        if isinstance(value, kinds):
            return name
    return "a NumPy array" if is_array(value) else f"a {type(value).__name__}"


MOST_LISTED = 100_000


def _as_list(expected: Any, got: Any) -> Any:
    """A 1-d array of whole numbers as a list where a list of numbers is wanted; anything else, or longer, as it is."""
    whole = is_array(got) and got.ndim == 1 and got.dtype.kind in "iu" and got.size <= MOST_LISTED
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
    if is_array(expected):
        return _compare_arrays(expected, got, tolerance, where)
    if _kind(expected) == "a number":
        return _compare_numbers(expected, got, tolerance, where)
    return None if expected == got else _value_difference(expected, got, where)


def _compare_numbers(expected: Any, got: Any, tolerance: float, where: str) -> Difference | None:
    want_family, got_family = _number_family(expected), _number_family(got)
    if want_family != got_family and (got_family, want_family) not in _WIDENS:
        return _family_difference(want_family, got_family, f"{show(got)}, {got_family}", where)
    if expected == got:
        return None
    if want_family == "a whole number":
        return _value_difference(expected, got, where)
    expected, got = complex(expected), complex(got)
    if cmath.isfinite(expected) != cmath.isfinite(got):
        return _value_difference(_real(expected), _real(got), where, "finiteness")
    near = cmath.isfinite(expected) and abs(got - expected) <= tolerance * (1 + abs(expected))
    if near or (cmath.isnan(expected) and cmath.isnan(got)):
        return None
    return _value_difference(_real(expected), _real(got), where)


def _number_family(number: Any) -> str:
    whole, real = isinstance(number, numbers.Integral), isinstance(number, numbers.Real)
    return "a whole number" if whole else "a float" if real else "a complex number"


def _real(number: complex) -> complex | float:
    return number if number.imag else number.real


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
        return _family_difference(want_family, got_family, f"an array of dtype {got.dtype}", where)
    if want_family != "a whole number" or got_family != "a whole number":
        finite = _first(np.isfinite(_float(expected)) != np.isfinite(_float(got)))
        if finite is not None:
            return _element_difference(expected, got, finite, where, "finiteness")
    wrong = _first(~_close(expected, got, tolerance))
    if wrong is None:
        return None
    first = _element_difference(expected, got, wrong, where, "value")
    return replace(first, text=first.text + _how_many(~_close(expected, got, tolerance)))


def _how_many(wrong: Any) -> str:
    """How much of an array differs, beyond the element that is shown."""
    count, size = int(np.sum(wrong)), int(np.size(wrong))
    return "" if count == 1 else f" (the first of {count} that differ, of {size})"


def _family_difference(want_family: str, family: str, shown: str, where: str) -> Difference:
    hint = " (// divides without remainder)" if want_family == "a whole number" and family == "a float" else ""
    text = f"{_at(where)}got {shown}; {want_family} is needed{hint}"
    return Difference("dtype", text, where, shown, want_family)


def _float(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def _close(expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], tolerance: float) -> Any:
    if expected.dtype.kind not in "fc":
        return np.asarray(expected == got)
    with np.errstate(invalid="ignore", over="ignore"):
        same = (expected == got) | (np.isnan(expected) & np.isnan(got))
        return same | (np.isfinite(expected) & (np.abs(got - expected) <= tolerance * (1 + np.abs(expected))))


def _first(wrong: Any) -> tuple[int, ...] | None:
    places = np.argwhere(np.asarray(wrong))
    return tuple(int(i) for i in places[0]) if len(places) else None


def _element_difference(
    expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], index: tuple[int, ...], where: str, aspect: str
) -> Difference:
    place = f"{where}[{', '.join(map(str, index))}]" if index else where
    return _value_difference(_plain(expected[index]), _plain(got[index]), place, aspect)


def show(value: Any, limit: int = 200) -> str:
    """A value as a student reads it: a small array whole, a large one by its shape and first numbers.

    Anything else is cut at `limit` characters.

    >>> show([1, 2.0, "x"])
    "[1, 2.0, 'x']"
    >>> show([(np.int64(3), 4)])
    '[(3, 4)]'
    >>> show(np.arange(300).reshape(3, 100))
    'an array of shape (3, 100): 0, 1, 2, 3, 4, 5, 6, 7, ...'
    """
    if is_array(value):
        return _show_array(value)
    text = repr(_bare(value))
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def _bare(value: Any, deep: int = 4) -> Any:
    """The value with NumPy's numbers in its lists, tuples and dictionaries as Python writes them, some levels deep."""
    if deep and type(value) in (list, tuple):
        return type(value)(_bare(each, deep - 1) for each in value)
    if deep and type(value) is dict:
        return {key: _bare(each, deep - 1) for key, each in value.items()}
    return _plain(value) if is_scalar(value) else value


SMALL = 64


def _show_array(array: Any) -> str:
    if array.size > SMALL:
        return f"an array of shape {array.shape}: {_listed(array.reshape(-1)[:8])}, ..."
    text = np.array2string(array, separator=", ", threshold=SMALL, max_line_width=76)
    return re.sub(r"\n\s*\n+", "\n", text)[:2000]  # planes of an array of many dimensions without blank lines


def _listed(numbers: Any) -> str:
    return ", ".join(f"{n:.6g}" if isinstance(n, float) else str(n) for n in numbers.tolist())


def show_near(value: Any, index: str) -> str:
    """A value as a student reads it; of a large array or list, the part around `index`, such as "[0, 7]" or "[7]".

    >>> show_near(np.arange(300).reshape(3, 100), "[1, 7]")
    'an array of shape (3, 100); from [1, 4] to [1, 10]: 104, 105, 106, 107, 108, 109, 110'
    >>> show_near(list(range(500)), "[250]")
    'a list of 500 items; from [247] to [253]: 247, 248, 249, 250, 251, 252, 253'
    """
    place = re.fullmatch(r"\[(\d+(?:, \d+)*)\]", index)
    at = tuple(int(n) for n in place[1].split(", ")) if place else ()
    if at and is_array(value) and value.size > SMALL and len(at) == value.ndim:
        first, last = max(0, at[-1] - 3), min(value.shape[-1] - 1, at[-1] + 3)
        ends = [str([*at[:-1], n]) for n in (first, last)]
        row = value[at[:-1]][first : last + 1]
        return f"an array of shape {value.shape}; from {ends[0]} to {ends[1]}: {_listed(row)}"
    if len(at) == 1 and isinstance(value, list | tuple) and len(repr(value)) > 200:
        first, last = max(0, at[0] - 3), min(len(value) - 1, at[0] + 3)
        said = ", ".join(show(item, 60) for item in value[first : last + 1])
        return f"a {type(value).__name__} of {len(value)} items; from [{first}] to [{last}]: {said}"
    return show(value)


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


MOST_FINDINGS, MOST_JUDGED = 20, 200_000


def _judged(judge: Judge, case: Case, answer: Any) -> Difference | None:
    try:
        if (holds := weight(answer)) > MOST_JUDGED:  # a judge has no limit of time
            return Difference("judged", f"the answer holds {holds:,} items; at most {MOST_JUDGED:,} are looked at")
        judged = judge(copy.deepcopy(case.args), copy.deepcopy(answer))
        found = [_finding(fault) for fault in itertools.islice(judged, MOST_FINDINGS)]
    except Exception as error:  # an answer so odd that the judge cannot read it is a wrong answer, not a crash
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "  # that is the judge's own
        found = [Finding(f"the answer cannot be read: {kind}{error}")]
    return _difference_of(found) if found else None


def _finding(fault: str | Finding) -> Finding:
    return fault if isinstance(fault, Finding) else Finding(str(fault))


def _difference_of(found: Sequence[Finding]) -> Difference:
    """The first finding with its evidence; the others in words, the first mistake named, the least credit."""
    rows = tuple(
        (str(label), value[:200] if isinstance(value, str) else show(value)) for label, value in found[0].evidence
    )
    mistake = next((finding.mistake for finding in found if finding.mistake), "")
    said = "; ".join(dict.fromkeys(finding.says for finding in found))
    return Difference("judged", said, evidence=rows, mistake=mistake, credit=min(f.credit for f in found))


def diagnose(
    mistakes: Sequence[Mistake],
    answers_of: Callable[[Mistake], Sequence[Any]],
    judged: Sequence[Verdict],
    tolerance: float,
) -> Mistake | None:
    """The named mistake behind wrong verdicts, the first that explains them.

    One that a judge found comes first. Then one is looked for that answers as the student did everywhere, then one that
    does wherever the student answered at all. Where the student is right the model must be right too: one that agrees
    on the wrong answers only would tell students of a mistake they did not make. `answers_of` gives a mistake's answers
    in order, `NotImplemented` for none.
    """
    if found := _found(mistakes, judged):
        return found
    wrong = [i for i, verdict in enumerate(judged) if not verdict.right]
    table = {mistake.name: answers_of(mistake) for mistake in mistakes} if wrong else {}
    every = sorted(range(len(judged)), key=lambda i: judged[i].right)  # where the student is wrong most models differ
    answered = [i for i in every if not judged[i].outcome.fault]
    for places in (every, answered):
        for mistake in mistakes if wrong else ():
            if _explains(table[mistake.name], judged, places, tolerance):
                return mistake
    return None


def _found(mistakes: Sequence[Mistake], judged: Sequence[Verdict]) -> Mistake | None:
    """The mistake that a judge named for the first wrong case that has one."""
    named = [verdict.difference.mistake for verdict in judged if verdict.difference and verdict.difference.mistake]
    return next((mistake for mistake in mistakes if named and mistake.name == named[0]), None)


def _explains(modelled: Sequence[Any], judged: Sequence[Verdict], places: Sequence[int], tolerance: float) -> bool:
    """Same answers at all `places`; a call on which both raise is the same too, but some wrong answer must be equal."""
    if not all(_same(modelled[i], judged[i].outcome, tolerance) for i in places):
        return False
    return any(not judged[i].right and not judged[i].outcome.fault for i in places)


def _same(modelled: Any, outcome: Outcome, tolerance: float) -> bool:
    if modelled is NotImplemented or outcome.fault:
        return modelled is NotImplemented and bool(outcome.fault)
    return compare(modelled, outcome.value, tolerance) is None


class ModelAnswers(Sequence[Any]):
    """What the mistake's model answers, `NotImplemented` where it raises; each worked out when it is asked for."""

    def __init__(self, mistake: Mistake, cases: Sequence[Case]) -> None:
        self.mistake, self.cases, self._known = mistake, cases, dict[int, Any]()

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: Any) -> Any:
        if index not in self._known:
            self._known[index] = _model_answer(self.mistake, self.cases[index])
        return self._known[index]


def _model_answer(mistake: Mistake, case: Case) -> Any:
    if mistake.model is None:
        return NotImplemented
    try:
        return call(mistake.model, case)
    except Exception:  # a wrong model may break on a case; then it explains nothing there
        return NotImplemented


def share(judged: Sequence[Verdict], predicted: bool) -> float:
    """The part of an item's points that is earned, 0 to 1.

    0.6 for all public cases and all hidden cases of a kind that is public too (so that a table of the public answers
    earns nothing; without such cases one hidden case must be right), then 0.2 for the other hidden cases and 0.2 for
    a prediction made. Where a judge leaves credit, the case with the least of it decides each of the first two parts.
    """
    earned, general = parts_earned(judged)
    return round(PUBLIC_SHARE * earned + HIDDEN_SHARE * general + PREDICTION_SHARE * (predicted and earned > 0), 6)


def parts_earned(judged: Sequence[Verdict]) -> tuple[float, float]:
    """What is earned, each 0 to 1: of the part for cases one can see and fresh ones like them, and of the other part.

    The other part counts only once the first earns something.
    """
    public = [v for v in judged if v.public]
    hidden = [v.credit for v in judged if not v.public]
    kinds = {v.case.kind for v in public}
    fresh = [v.credit for v in judged if not v.public and v.case.kind in kinds]
    earned = min([v.credit for v in public] + fresh, default=float(bool(hidden)))
    if not fresh and hidden:
        earned = min(earned, max(hidden))
    return (earned, min([earned, *hidden])) if earned else (0.0, 0.0)
