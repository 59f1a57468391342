"""One submission, run and questioned: the judge's side of the conversation with a worker.

The judge decides from the lab's own list what to ask; what the notebook says only tells it when. Each item is asked
where its graded cell stands and, unless all was right, once more at the end. A cell that ends or hangs the worker is
left out and the notebook is run again without it.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from autograder.errors import AutograderError, printable
from autograder.judge import Outcome, Verdict, share, verdicts, wanted_answers
from autograder.lab import Item, Lab, hidden_cases
from autograder.questions import Case, Question
from autograder.sandbox import Limits, Worker, WorkerGone
from autograder.submission import Submitted
from autograder.wire import WireError, decode, encode
from autograder.worker import FORKLESS, not_defined

Started = AbstractContextManager[Worker]
RESTARTS, DEATHS = 3, 2
MOST_OUTPUT = 20_000_000
GIVEN_UP = "not asked"
NOT_ASKED = "no answer: the notebook could not be run up to here"


@dataclass(frozen=True)
class Answered:
    """What came of one item."""

    item: Item
    judged: tuple[Verdict, ...]
    predicted: bool

    @property
    def share(self) -> float:
        """The part of the item's points earned."""
        return share(self.judged, self.predicted)


@dataclass(frozen=True)
class Asked:
    """The cases of one item for one submission, public ones first, and what is wanted."""

    cases: tuple[Case, ...]
    wanted: tuple[Any, ...]
    public: int


@dataclass
class Session:
    """What is known so far about one run of one submission."""

    cells: Sequence[Submitted]
    asked: dict[str, Asked]
    outputs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)
    found: dict[str, tuple[Verdict, ...]] = field(default_factory=dict)
    predictions: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    output_size: int = 0


def seed(lab: str, student: str) -> int:
    """A submission's own seed for hidden cases, the same whenever it is graded again."""
    return int.from_bytes(hashlib.sha256(f"{lab}/{student}".encode()).digest()[:8], "big")


def run(
    lab: Lab, cells: Sequence[Submitted], student: str, start: Callable[[], Started], limits: Limits
) -> tuple[Session, tuple[Answered, ...]]:
    """Run the notebook's cells in the worker that `start` gives, ask every item, and judge the answers here."""
    number = seed(lab.name, student)
    session = Session(cells, {item.name: _asked(item.question, number) for item in lab.items})
    deadline = time.monotonic() + limits.submission_seconds
    for _ in range(RESTARTS + 1):
        try:
            with start() as worker:
                _converse(session, lab, worker, limits, deadline)
            break
        except WorkerGone as gone:
            session.notes.append(f"the notebook's process was lost: {gone}")
    return session, tuple(_answered(session, lab, item) for item in lab.items)


def _answered(session: Session, lab: Lab, item: Item) -> Answered:
    predicted = not item.question.prediction or item.name in session.predictions
    judged = session.found.get(item.name) or _unanswered(session, item)
    return Answered(item, _with_reason(session, lab, item, judged), predicted)


def _with_reason(session: Session, lab: Lab, item: Item, judged: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """Where a function is not defined because its cell stopped, what stopped the cell is said instead."""
    missing = not_defined(item.question.function)
    asked = any(v.outcome.fault == missing for v in judged)
    stopped = _stopped(session, lab, item.question.function) if asked else ""
    if not stopped:
        return judged
    told = Outcome(fault=f"{item.question.function}() is not defined: its cell stopped: {stopped}")
    outcomes = [told if v.outcome.fault == missing else v.outcome for v in judged]
    return _judge(item, session.asked[item.name], outcomes)


def _stopped(session: Session, lab: Lab, function: str) -> str:
    """The error of the last cell that should have defined a function, by its text or its place; "" if none stopped."""
    defines = re.compile(rf"^\s*((async\s+)?def\s+{re.escape(function)}\b|{re.escape(function)}\s*=)", re.MULTILINE)
    places = {c.nbgrader["grade_id"] for c in lab.cells if "grade_id" in c.nbgrader and defines.search(c.source)}
    found = [n for n, cell in enumerate(session.cells) if cell.grade_id in places or defines.search(cell.source)]
    errors = [part for n in found for part in session.outputs.get(n, []) if part["output_type"] == "error"]
    return _in_one_line(errors[-1]) if errors else ""


def _in_one_line(error: dict[str, Any]) -> str:
    """An error as a student reads it: a name made up for the cell's file says nothing.

    >>> _in_one_line({"ename": "SyntaxError", "evalue": "expected ':' (1234.py, line 1)"})
    "SyntaxError: expected ':' (line 1)"
    """
    said = re.sub(r"\([^()]*, line (\d+)\)$", r"(line \1)", error["evalue"])
    return printable(f"{error['ename']}: {said}")[:500]


def _asked(question: Question, number: int) -> Asked:
    hidden, trouble = hidden_cases(question, number)
    cases = (*question.public, *hidden)
    try:
        wanted = () if trouble else tuple(wanted_answers(question, cases))
    except Exception as error:  # the instructor's reference may fail on a case nobody tried before
        trouble = f"makes a case on which the reference raises {type(error).__name__}: {error}"
    if trouble:
        raise AutograderError(f"checks.py question {question.name}: hidden(rng) {trouble} (seed {number})")
    return Asked(cases, wanted, len(question.public))


def _unanswered(session: Session, item: Item) -> tuple[Verdict, ...]:
    return _judge(item, session.asked[item.name], [Outcome(fault=NOT_ASKED)] * len(session.asked[item.name].cases))


def _judge(item: Item, asked: Asked, outcomes: Sequence[Outcome]) -> tuple[Verdict, ...]:
    n, how = asked.public, (item.question.tolerance, item.question.judge)
    seen = verdicts(asked.cases[:n], asked.wanted[:n], outcomes[:n], *how)
    return seen + verdicts(asked.cases[n:], asked.wanted[n:], outcomes[n:], *how, public=False)


def _converse(session: Session, lab: Lab, worker: Worker, limits: Limits, deadline: float) -> None:
    items = {item.name: item for item in lab.items}
    met: set[str] = set()
    for number, cell in enumerate(session.cells):
        if cell.kind == "code" and number not in session.left_out:
            _run_cell(session, number, worker, limits, deadline)
        if cell.kind == "code" and cell.check in items and cell.check not in met:
            met.add(cell.check)
            _ask_item(session, items[cell.check], worker, limits, deadline)
    session.predictions = _predictions(worker)
    for item in lab.items:
        if _worth_asking_again(session.found.get(item.name, ())):
            _ask_item(session, item, worker, limits, deadline)


def _worth_asking_again(found: Sequence[Verdict]) -> bool:
    """Not when all is right, nor when calls that hang or exit used up their chances."""
    given_up = any(v.outcome.fault.startswith(GIVEN_UP) for v in found)
    return not found or not (given_up or all(v.right for v in found))


def _run_cell(session: Session, number: int, worker: Worker, limits: Limits, deadline: float) -> None:
    seconds = min(limits.cell_seconds, deadline - time.monotonic())
    if seconds <= 0:
        raise _too_long(session, limits)
    try:
        reply = worker.exchange({"do": "run", "source": session.cells[number].source, "seconds": seconds}, seconds + 5)
    except WorkerGone as gone:
        session.left_out.add(number)
        session.outputs[number] = [_said(f"This cell was left out: {gone}.\n")]
        raise WorkerGone(f"{gone}, in code cell {number + 1}; it was left out and the others were run again") from gone
    session.output_size += len(json.dumps(outputs := _outputs(reply)))
    left_out = [_said("The outputs from here on are left out: they are too large together.\n")]
    session.outputs[number] = outputs if session.output_size < MOST_OUTPUT else left_out


def _too_long(session: Session, limits: Limits) -> WorkerGone:
    session.left_out.update(range(len(session.cells)))
    return WorkerGone(f"the cells ran for more than {limits.submission_seconds:g} s in all; the rest was left out")


def _said(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stderr", "text": text}


def _outputs(reply: Any) -> list[dict[str, Any]]:
    """The parts of a reply that are outputs in nbformat's form; the rest is dropped."""
    parts = reply.get("outputs") if isinstance(reply, dict) else None
    cleaned = [_output(part) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return [part for part in cleaned if part]


def _output(part: dict[str, Any]) -> dict[str, Any]:
    """One output with the keys that nbformat wants and no others; empty when they do not fit."""
    kind, data, lines = part.get("output_type"), part.get("data"), part.get("traceback")
    if kind == "stream" and part.get("name") in ("stdout", "stderr"):
        return {"output_type": "stream", "name": part["name"], "text": str(part.get("text", ""))}
    if kind == "error" and isinstance(lines, list):
        names = {key: str(part.get(key, "")) for key in ("ename", "evalue")}
        return {"output_type": "error", **names, "traceback": [str(line) for line in lines]}
    if kind == "display_data" and isinstance(data, dict):
        shown = {mime: text for mime, text in data.items() if isinstance(text, str)}
        return {"output_type": "display_data", "data": shown, "metadata": {}}
    return {}


def _predictions(worker: Worker) -> dict[str, Any]:
    reply = worker.exchange({"do": "predictions"}, 10)
    made = reply.get("predictions") if isinstance(reply, dict) else None
    return {k: v for k, v in made.items() if isinstance(v, int | float)} if isinstance(made, dict) else {}


def _ask_item(session: Session, item: Item, worker: Worker, limits: Limits, deadline: float) -> None:
    """Ask one item and keep the better of this and an earlier answer."""
    asked, outcomes = session.asked[item.name], []
    try:
        for outcome in _outcomes(item.question.function, asked.cases, worker, limits, deadline):
            outcomes.append(outcome)
    finally:
        missing = [Outcome(fault="no answer: the process was lost")] * (len(asked.cases) - len(outcomes))
        judged = _judge(item, asked, [*outcomes, *missing])
        before = session.found.get(item.name)
        if before is None or share(judged, True) > share(before, True):
            session.found[item.name] = judged


def _outcomes(
    function: str, cases: Sequence[Case], worker: Worker, limits: Limits, deadline: float
) -> Iterator[Outcome]:
    copy, deaths = _Copy(worker), 0
    for case in cases:
        left = min(limits.case_seconds, deadline - time.monotonic())
        if deaths >= DEATHS or left <= 0:
            why = "ended or hung its process twice" if deaths >= DEATHS else "had no time left"
            yield Outcome(fault=f"{GIVEN_UP}: {function}() {why}")
            continue
        outcome = copy.ask(function, case, left)
        deaths += not copy.open
        yield outcome
    copy.close()


class _Copy:
    """A forked copy of the worker that answers one item's cases; made anew when a case ends it."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.open, self.forkless = worker, False, False

    def ask(self, function: str, case: Case, seconds: float) -> Outcome:
        if not self.open:
            reply = self._send({"do": "open"}, 10)
            self.open, self.forkless = True, reply.get("closed") == FORKLESS
            if not self.forkless and "opened" not in reply:
                raise WorkerGone("its copy ended before it was asked")
        message = {"do": "ask", "function": function, "args": encode(case.args), "seconds": seconds}
        return self._outcome(self._send(message, seconds + 5), function, seconds)

    def _send(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        reply = self.worker.exchange(message, seconds)
        if not isinstance(reply, dict):
            raise WorkerGone("it sent something else than a reply")
        return reply

    def _outcome(self, reply: dict[str, Any], function: str, seconds: float) -> Outcome:
        if "closed" in reply:
            self.open = False
            slow = reply["closed"] == "timeout"
            why = (
                f"took longer than {seconds:.3g} s"
                if slow
                else f"ended its process ({printable(str(reply['closed']))[:100]})"
            )
            return Outcome(fault=f"{function}() {why}")
        if isinstance(reply.get("fault"), str):
            return Outcome(fault=printable(reply["fault"])[:2000] or "no answer")
        try:
            return Outcome(decode(reply["answer"]))
        except KeyError:
            return Outcome(fault="no answer")
        except WireError as error:
            return Outcome(fault=f"{function}() gave an answer that cannot be read: {error}")

    def close(self) -> None:
        if self.open and not self.forkless:
            self._send({"do": "close"}, 10)
