"""`check`, `predict` and `mine`, as a student meets them in a notebook.

While studying, `check` asks the student's own function the public cases that came with the notebook and says what
happened, at once. While a grader runs the notebook, `check` says nothing: the grader asks later, from outside.
"""

from __future__ import annotations

import copy
import html
import json
import linecache
import math
import numbers
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError
from autograder.judge import Outcome, Verdict, diagnose, show, show_near
from autograder.public import PublicQuestion, read_public
from autograder.questions import Case, Mistake, Question
from autograder.wire import WireError, encode

PRINTED = ("asked", "happened", "got", "wanted", "differs")
STOPPED = "stopped by you"
PUBLIC, PREDICTIONS = "public_checks.json", "predictions.json"


@dataclass
class _Mode:
    """Set by the worker: while `grading`, predictions are only noted and checks only announced."""

    grading: bool = False


MODE = _Mode()
MADE: dict[str, float] = {}


@dataclass(frozen=True)
class Report:
    """What `check` says: a headline, lines of (label, text), whether all is right, and the `section` to read.

    `usage` marks a check that could not be made: a wrong name, no prediction yet, no function.
    """

    right: bool
    headline: str
    lines: tuple[tuple[str, str], ...] = ()
    section: str = ""
    usage: bool = False

    def __repr__(self) -> str:
        mark = "RIGHT" if self.right else "NOT CHECKED" if self.usage else "NOT YET"
        width = max((len(label) for label, _ in self.lines), default=0)
        told = [f"  {label:{width}}  {_indent(text, width + 4)}" for label, text in self.lines]
        return "\n".join([f"{mark}: {self.headline}", *told])

    def _repr_html_(self) -> str:
        mark = "Right" if self.right else "Not checked" if self.usage else "Not yet"
        edge = "#2e7d32" if self.right else "#c05600"
        rows = "".join(_row(label, text, self.section) for label, text in self.lines)
        return (
            f'<section aria-label="Result of the check" style="border-left:4px solid {edge};padding-left:12px">'
            f'<p style="margin:0 0 4px"><strong>{mark}.</strong> {html.escape(self.headline)}</p>'
            f"<table>{rows}</table></section>"
        )


SECTION = re.compile(r"(?P<words>.*\S)\s+\((?P<page>\w+\.html)(?P<anchor>#[\w-]+)?\)")
BOOK = "build/book/_build/html"


def in_words(section: str) -> str:
    """A mistake's section as one reads it: the title and the chapter, without the address.

    >>> in_words('"Output size" in chapter 2 (02_tensors.html#output-size)')
    '"Output size" in chapter 2 of the book'
    >>> in_words("2.1 Layers")
    'section 2.1 Layers of the book'
    """
    found = SECTION.fullmatch(section)
    return f"{found['words']} of the book" if found else f"section {section} of the book"


def _section_link(section: str) -> str:
    """The same in HTML: a link where this project's JupyterLab serves the book, words elsewhere."""
    words, found = html.escape(in_words(section)), SECTION.fullmatch(section)
    if not found or not _served(found["page"]):
        return words
    return f'<a href="/static/html/{found["page"]}{found["anchor"] or ""}" target="_blank">{words}</a>'


def _served(page: str) -> bool:
    """Whether the notebook lies under a project whose JupyterLab serves a built book with this page."""
    jupyter = "JPY_SESSION_NAME" in os.environ and "VSCODE_PID" not in os.environ
    return jupyter and any((folder / BOOK / page).is_file() for folder in Path.cwd().parents)


def _row(label: str, text: str, section: str = "") -> str:
    """A table row; what Python printed keeps its columns, prose flows. Colours are the reader's, light or dark."""
    body = _section_link(section) if label == "read" and section else html.escape(text)
    if label in PRINTED:
        body = f'<pre style="margin:0;padding:0;background:none;color:inherit;white-space:pre-wrap">{body}</pre>'
    head = f'<th scope="row" style="text-align:left;vertical-align:top;white-space:nowrap">{html.escape(label)}</th>'
    return f'<tr style="background:none">{head}<td style="text-align:left;vertical-align:top">{body}</td></tr>'


def _indent(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)


def check(name: str) -> Report | None:
    """Ask your function the public cases of question `name` and say what happened.

    Put it last in its cell, so that its report shows. It works on copies: your variables stay as they are.
    """
    if MODE.grading:
        print(f"{name}: noted; the grader asks your function itself.")
        return None
    try:
        return _check(name, sys._getframe(1).f_globals)
    except AutograderError as error:
        return Report(False, str(error), usage=True)


def _check(name: str, names: dict[str, Any]) -> Report:
    question = _find(name)
    if question.prediction and name not in _locked():
        return Report(False, f"{name}: lock a prediction first.", _prompt(question), usage=True)
    function = names.get(question.function)
    if not callable(function):
        return Report(False, _no_function(question.function, names), usage=True)
    outcomes = []
    for case in question.cases:
        outcomes.append(ask(function, case.args, question.function))
        if outcomes[-1].fault.startswith(STOPPED):
            return _stopped(question, case, outcomes[-1].fault)
    try:
        return _report(question, question.judge(outcomes))
    except KeyboardInterrupt:  # the judge of a schedule or a mapping runs it, and may take a while
        return Report(False, f"{question.name}: the check was stopped while your answer was being judged.")


def _stopped(question: PublicQuestion, case: Case, fault: str) -> Report:
    asked = written_call(question.function, question.parameters, case.args)
    lines = (("asked", asked), ("case", case.kind), ("happened", fault))
    return Report(False, f"{question.name}: the check was stopped.", (*lines, ("next", try_next(lines))))


def _prompt(question: PublicQuestion) -> tuple[tuple[str, str], ...]:
    how = f'In the cell above, replace None in predict("{question.name}", None) by your number and run it.'
    return (("predict", question.prediction), ("how", how), ("why", "A guess counts once your function is right."))


def _no_function(name: str, names: dict[str, Any]) -> str:
    again = "Run the cell that defines it, then this one again."
    if name not in names:
        return f"{name}() is not defined. {again}"
    value = names[name]
    kind = "a number" if isinstance(value, numbers.Number) else f"of type {type(value).__name__}"
    return f"{name} is {kind} ({show(value, 60)}), not a function any more. {again}"


def _find(name: Any) -> PublicQuestion:
    questions = read_public(Path(PUBLIC))
    if callable(name):
        raise AutograderError(_as_text(name, questions))
    if name not in questions:
        from accelsim.errors import suggest

        known = ", ".join(questions)
        raise AutograderError(f"there is no question {name!r} in this lab; it has {known}{suggest(name, questions)}")
    return questions[name]


def _as_text(function: Any, questions: dict[str, PublicQuestion]) -> str:
    """What to write where the function itself was passed instead of the question's name."""
    called = getattr(function, "__name__", "")
    name = next((q.name for q in questions.values() if called in (q.function, q.name)), next(iter(questions), ""))
    return f'pass the name of the question as text, in quotes: check("{name}")'


def ask(function: Any, args: tuple[Any, ...], name: str) -> Outcome:
    """One call of a student's function: a plain answer, or the student's exception with the line it came from."""
    try:
        answer = function(*copy.deepcopy(args))
    except NotImplementedError:
        return Outcome(fault=f"{name}() is not written yet: it raises NotImplementedError")
    except KeyboardInterrupt as error:
        return Outcome(fault=f"{STOPPED}{at_own_line(error)}")
    except SystemExit as error:
        return Outcome(fault=f"{name}() called exit{at_own_line(error)}")
    except Exception as error:  # any exception is the student's, and is shown as theirs
        return Outcome(fault=explain(error))
    try:
        encode(answer)
    except WireError as error:
        return Outcome(fault=f"{name}() returned something else than plain data: {error}")
    return Outcome(answer)


def explain(error: BaseException) -> str:
    """A student's exception in two lines: the last line of their own code it passed, and what it says."""
    said, own = f"{type(error).__name__}: {error}", _own_line(error)
    if not own:
        return said
    line, name, source = own
    return f"{said}\nline {line} of {name}: {source}"


def at_own_line(error: BaseException) -> str:
    """Where a student's code was stopped, such as " at line 2: while True: pass"; nothing when it was elsewhere."""
    own = _own_line(error)
    return f" at line {own[0]}: {own[2]}" if own else ""


def _own_line(error: BaseException) -> tuple[int, str, str] | None:
    """Number, function and text of the last line of the student's own code that an exception passed."""
    frames, trace = [], error.__traceback__
    while trace:
        frames.append((trace.tb_frame.f_code, trace.tb_lineno))
        trace = trace.tb_next
    own = [(code, line) for code, line in frames if not _ours(code.co_filename)]
    if not own:
        return None
    code, line = own[-1]
    return line, code.co_name, linecache.getline(code.co_filename, line).strip()


def _ours(filename: str) -> bool:
    here = os.path.dirname(__file__)
    return filename.startswith((here, sys.prefix, sys.base_prefix, "<frozen"))


def _report(question: PublicQuestion, judged: Sequence[Verdict]) -> Report:
    right = sum(v.right for v in judged)
    if right == len(judged) and question.judged_later:
        shown = "the one public case" if right == 1 else f"all {right} public cases"
        says = f"{question.name}: your function answers {shown}; the grader judges the answers."
        return Report(True, says, (*_answered(question), *_next_when_right()))
    if right == len(judged):
        lines = (*_answered(question), *_next_when_right())
        return Report(True, f"{question.name}: all {right} public cases are right.", lines)
    wrong = next(v for v in judged if not v.right)
    headline = f"{question.name}: {right} of {len(judged)} public cases are right."
    told = evidence(question, wrong)
    mistake = diagnose(question.mistakes, question.answers_of, judged, question.tolerance)
    section = mistake.section if mistake else ""
    return Report(False, headline, (*told, *_advice(mistake, told)), section)


def _answered(question: PublicQuestion) -> tuple[tuple[str, str], ...]:
    guess = _locked().get(question.name)
    told = answer_to(question.answer, question.because, guess)
    return (("prediction", told),) if told else ()


def answer_to(answer: float | str | None, because: str, guess: float | None = None) -> str:
    """The answer to a prediction, beside what was predicted; nothing where the lab gives none.

    >>> answer_to(55, "the first window needs no step.", 54.0)
    'you predicted 54; it is 55, because the first window needs no step.'
    >>> answer_to(55, "the first window needs no step.", 55.0)
    'you predicted 55, and it is 55, because the first window needs no step.'
    """
    if answer is None:
        return ""
    said = "" if guess is None else f"you predicted {guess:.12g}"
    joined = {"": "it is"}.get(said, f"{said}, and it is" if guess == answer else f"{said}; it is")
    shown = answer if isinstance(answer, str) else f"{answer:,.12g}" if answer >= 10_000 else f"{answer:.12g}"
    return f"{joined} {shown}, because {because}" if because else f"{joined} {shown}."


def _next_when_right() -> tuple[tuple[str, str], ...]:
    return (("next", "Go on to the next task. (Graded copies are also asked other shapes.)"),)


def evidence(question: Question | PublicQuestion, verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """What was asked and what happened, as lines of (label, text)."""
    assert verdict.difference
    asked = written_call(question.function, question.parameters, verdict.case.args)
    lines = [("asked", asked), ("case", verdict.case.kind)]
    if verdict.outcome.fault:
        return (*lines, ("happened", verdict.difference.text))
    index = verdict.difference.index
    lines.append(("got", show_near(verdict.outcome.value, index)))
    if verdict.difference.aspect != "judged":
        lines.append(("wanted", show_near(verdict.wanted, index)))
    if verdict.difference.aspect == "judged":
        return (*lines, ("happened", verdict.difference.text), *verdict.difference.evidence)
    plain = verdict.difference.aspect == "value" and not verdict.difference.index
    return tuple(lines) if plain else (*lines, ("differs", verdict.difference.text))


def written_call(function: str, parameters: Sequence[str], args: Sequence[Any]) -> str:
    """A call as one would write it, on one line if it is short.

    >>> written_call("output_shape", ("H", "W"), (5, 7))
    'output_shape(H=5, W=7)'
    """
    names = [f"{name}=" for name in parameters] if len(parameters) == len(args) else [""] * len(args)
    named = [name + _indent(show(arg), len(name) + 2) for name, arg in zip(names, args, strict=True)]
    short = f"{function}({', '.join(named)})"
    if len(short) <= 100 and "\n" not in short:
        return short
    return f"{function}(\n  " + ",\n  ".join(named) + ")"


FORM = "Compare the form of your answer with the contract table of the task."
LOOP = "Does some loop never end?"
AFTER_A_FAULT = (
    (r"is not written yet", "Write it in the cell above, run that cell, then check again."),
    (r"is not defined: its cell stopped", "Put right what stopped that cell, then run it again."),
    (r"is not defined in the notebook", "Keep the name in the def line as it was given."),
    (rf"\A{STOPPED}|took longer than|hung its process|had no time left", LOOP),
    (r"called exit|ended its process", "Take out what ends Python there; a function ends with return."),
    (r"a value of type generator cannot be", "A function with yield gives no list: collect the values in one."),
    (r"a value of type (range|map|zip|filter|set|frozenset|dict_\w+) cannot be", "Make a list of it: list(...)."),
    (r"something else than plain data|cannot be read:", FORM),
    (
        r"\ATypeError: \S+\(\) (takes|missing|got)\b[^\n]*\Z",
        "Keep the def line as it was given: same names, same order.",
    ),
    (r"\Ano answer: the notebook", "Restart the kernel and run all cells: look where the run stops."),
    (r"\nline \d+ of ", "Look at the line shown: print what it uses just before it."),
)


def try_next(evidence: Sequence[Sequence[str]]) -> str:
    """What to try after a wrong case that no named mistake explains, by the kind of fault its evidence shows.

    >>> try_next([("asked", "f(3)"), ("got", "None"), ("wanted", "7")])
    'Does your function end with return? Without it a function answers None.'
    """
    told = {line[0]: line[1] for line in evidence}
    happened = told.get("happened", "")
    if told.get("got") == "None":
        return "Does your function end with return? Without it a function answers None."
    for pattern, advice in AFTER_A_FAULT:
        if re.search(pattern, happened):
            return advice
    if "got" in told and happened:
        return "Find that place in your answer, and follow by hand how your function comes to it."
    if happened:
        return "Read what Python says; it stopped your function before there was an answer."
    if "wanted" in told and re.search(r"(is|are) needed|needed are", told.get("differs", "")):
        return FORM
    return "Work the case shown by hand on paper, then print what your function holds at the same step."


def _advice(mistake: Mistake | None, told: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    if mistake is None:
        return (("next", try_next(told)),)
    return (
        ("looks like", mistake.name),
        ("that is", mistake.says),
        ("read", in_words(mistake.section)),
        ("next", "Change that one thing, run the cell that defines the function, then check again."),
    )


def predict(name: str, value: Any = None) -> None:
    """Lock your prediction for question `name`: a number, once. Being right is not needed; having guessed is.

    The first number is kept in predictions.json beside the notebook; later ones do not replace it.
    """
    if MODE.grading:
        if (number := _number(value)) is not None:
            MADE.setdefault(str(name), number)
        return
    try:
        print(_predict(name, value))
    except AutograderError as error:
        print(error)


def _predict(name: str, value: Any) -> str:
    question, locked = _find(name), _locked()
    if name in locked:
        same = value is None or value == locked[name]
        tried = "" if same else f" {show(value)} does not replace it: a prediction is made before the first check."
        return f"{name}: {locked[name]:g} is locked.{tried}"
    if value is None:
        return f"Predict: {question.prediction or name}\nReplace None by your number and run this cell."
    if (number := _number(value)) is None:
        return f"{name}: a prediction is one finite number, this is {show(value)}. Nothing is locked yet."
    _lock({**locked, name: number})
    return f"{name}: {number:g} is locked. Now write your function and check it."


def mine(name: str) -> tuple[Any, ...]:
    """The arguments of your own case of question `name`, to compute with: other students have other numbers.

    Raises AutograderError when the question has none.
    """
    question = _find(name)
    if len(question.cases) == question.shared:
        raise AutograderError(f"{name} has no numbers of your own; its cases are the same for everybody")
    return copy.deepcopy(question.cases[question.shared].args)


def _number(value: Any) -> float | None:
    if isinstance(value, bool | str | bytes) or value is None:
        return None
    try:
        number = float(value)
    except Exception:  # an odd object is no number
        return None
    return number if math.isfinite(number) else None


def _locked() -> dict[str, float]:
    path = Path(PREDICTIONS)
    try:
        data = json.loads(path.read_text("utf-8"))
        return {str(name): float(value) for name, value in data.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError):
        aside = next(
            p for n in range(1, 10_000) if not (p := path.with_name(f"predictions.unreadable-{n}.json")).exists()
        )
        path.rename(aside)
        print(f"{path} could not be read; it is kept as {aside.name} and you can lock your predictions again.")
        return {}


def _lock(predictions: dict[str, float]) -> None:
    beside = Path(f"{PREDICTIONS}.tmp-{os.getpid()}")
    beside.write_text(json.dumps(predictions, indent=1) + "\n", "utf-8")
    beside.replace(PREDICTIONS)
