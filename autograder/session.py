"""One submission, run and questioned: the judge's side of the conversation with a worker.

The judge decides from the lab's own list what to ask; what the notebook says only tells it when. All cells run first.
Then every item is asked of one copy of what the notebook left at its end. An item that is not all right there is asked
again of a copy that was kept where its graded cell stands, and the better counts: two complete tries at most. No answer
is told right or wrong; that an item is asked again tells that it was not, to a process from which nothing is taken but
answers, for the outputs were taken before. A cell that ends or hangs the worker is left out and the notebook is run
without it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from autograder.errors import AutograderError, printable
from autograder.judge import Outcome, Verdict, share, verdicts, wanted_answers
from autograder.lab import Item, Lab, hidden_cases
from autograder.public import own_cases
from autograder.questions import Case, Question
from autograder.sandbox import Limits, Worker, WorkerGone
from autograder.submission import Submitted
from autograder.variants import lab_key, variant
from autograder.wire import WireError, decode, encode, weight
from autograder.worker import FORKLESS, not_defined

Started = AbstractContextManager[Worker]
RESTARTS, DEATHS, ATTEMPTS, CELLS_SHARE = 3, 2, 4, 0.75
MOST_OUTPUT, MOST_PIXELS, MOST_ANSWERED = 20_000_000, 20_000_000, 400_000
BASE64 = re.compile(r"[A-Za-z0-9+/\n]{40,}={0,2}\n?")
DRIVES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]|\x1b(?!\\[[0-9;]*m)")
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
    seconds: dict[str, float] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    given_up: set[str] = field(default_factory=set)
    died_at: int = -1
    apart: bool = False


@dataclass(frozen=True)
class _Clock:
    """Until when cells may run and items may be asked; asking has time of its own, whatever the cells took."""

    cells: float
    asks: float


def _clock(limits: Limits) -> _Clock:
    now = time.monotonic()
    return _Clock(now + CELLS_SHARE * limits.submission_seconds, now + limits.submission_seconds)


def seed(lab: str, student: str, secret: str = "") -> int:
    """A submission's own seed for hidden cases, the same whenever it is graded again; `secret` is the course's."""
    return int.from_bytes(hashlib.sha256(f"{secret}{lab}/{student}".encode()).digest()[:8], "big")


def run(
    lab: Lab, cells: Sequence[Submitted], student: str, start: Callable[[], Started], limits: Limits
) -> tuple[Session, tuple[Answered, ...]]:
    """Run the notebook's cells in the worker that `start` gives, ask every item, and judge the answers here."""
    number, own = seed(lab.name, student, lab.secret), variant(lab_key(lab.secret, lab.name), student)
    session = Session(cells, {item.name: _asked(item.question, number, own) for item in lab.items})
    clock = _clock(limits)
    for turn in range(RESTARTS + len(lab.items) + 3):
        if turn == RESTARTS + 1 and session.died_at >= 0:  # nothing after the last cell that ended its process is tried
            session.left_out.update(range(session.died_at + 1, len(cells)))
        try:
            with start() as worker:
                _converse(session, lab, worker, limits, clock)
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


def _asked(question: Question, number: int, own: int) -> Asked:
    hidden, trouble = hidden_cases(question, number)
    public = (*question.public, *own_cases(question, own)) if question.own else question.public
    cases = (*public, *hidden)
    try:
        wanted = () if trouble else tuple(wanted_answers(question, cases))
    except Exception as error:  # the instructor's reference may fail on a case nobody tried before
        trouble = f"makes a case on which the reference raises {type(error).__name__}: {error}"
    if trouble:
        raise AutograderError(f"checks.py question {question.name}: hidden(rng) {trouble} (seed {number})")
    return Asked(cases, wanted, len(public))


def _unanswered(session: Session, item: Item) -> tuple[Verdict, ...]:
    return _judge(item, session.asked[item.name], [Outcome(fault=NOT_ASKED)] * len(session.asked[item.name].cases))


def _judge(item: Item, asked: Asked, outcomes: Sequence[Outcome]) -> tuple[Verdict, ...]:
    n, how = asked.public, (item.question.tolerance, item.question.judge)
    seen = verdicts(asked.cases[:n], asked.wanted[:n], outcomes[:n], *how)
    return seen + verdicts(asked.cases[n:], asked.wanted[n:], outcomes[n:], *how, public=False)


def _converse(session: Session, lab: Lab, worker: Worker, limits: Limits, clock: _Clock) -> None:
    """Run all cells first, then ask: what is asked can show in no output, and no answer is told right or wrong."""
    items = {item.name: item for item in lab.items}
    kept: list[str] = []
    last = max((number for number, cell in enumerate(session.cells) if cell.kind == "code"), default=0)
    for number, cell in enumerate(session.cells):
        if cell.kind == "code" and number not in session.left_out:
            _run_cell(session, number, worker, limits, clock)
        if (number < last or session.apart) and cell.kind == "code" and cell.check in items and cell.check not in kept:
            kept.append(cell.check)
            worker.exchange({"do": "keep", "name": cell.check}, 10)  # where none can be kept, that is found out below
    session.predictions = _predictions(worker)
    together = set() if session.apart else _ask_together(session, lab.items, worker, limits, clock)
    for name in kept:
        _ask_item(session, items[name], worker, limits, clock, name)
    for item in lab.items:
        if item.name not in together.intersection(kept):
            _ask_item(session, item, worker, limits, clock)


def _run_cell(session: Session, number: int, worker: Worker, limits: Limits, clock: _Clock) -> None:
    seconds = min(limits.cell_seconds, clock.cells - time.monotonic())
    if seconds <= 0:
        _out_of_time(session, number, limits)
        return
    try:
        reply = worker.exchange({"do": "run", "source": session.cells[number].source, "seconds": seconds}, seconds + 5)
    except WorkerGone as gone:
        session.died_at = number
        session.left_out.add(number)
        session.outputs[number] = [_said(f"This cell was left out: {gone}.\n")]
        raise WorkerGone(f"{gone}, in code cell {number + 1}; it was left out and the others were run again") from gone
    session.output_size += len(json.dumps(outputs := _outputs(reply)))
    left_out = [_said("The outputs from here on are left out: they are too large together.\n")]
    session.outputs[number] = outputs if session.output_size < MOST_OUTPUT else left_out


def _out_of_time(session: Session, number: int, limits: Limits) -> None:
    """No time for this cell; functions that earlier ones defined are asked all the same."""
    session.left_out.add(number)
    session.outputs[number] = [_said("This cell was left out: the cells before it took all the time.\n")]
    note = f"the cells ran for more than {CELLS_SHARE * limits.submission_seconds:g} s in all; the rest was left out"
    if note not in session.notes:
        session.notes.append(note)


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
        return {"output_type": "stream", "name": part["name"], "text": _clean(part.get("text", ""))}
    if kind == "error" and isinstance(lines, list):
        names = {key: _clean(part.get(key, "")) for key in ("ename", "evalue")}
        return {"output_type": "error", **names, "traceback": [_clean(line) for line in lines]}
    if kind == "display_data" and isinstance(data, dict):
        shown = {mime: text for mime, text in data.items() if isinstance(text, str) and _harmless(mime, text)}
        return {"output_type": "display_data", "data": {m: _clean(t) for m, t in shown.items()}, "metadata": {}}
    return {}


def _clean(text: Any) -> str:
    """Text that can be written to a file and drives no terminal; colours of tracebacks are kept."""
    escaped = str(text).encode("utf-8", "replace").decode()
    return DRIVES.sub("?", escaped)


def _harmless(mime: str, text: str) -> bool:
    """Whether a page of formgrader may show it: plain text, or a picture that is one and is not huge.

    HTML, JavaScript, SVG and the like would run there with the rights of the person who grades.
    """
    return mime == "text/plain" or (mime == "image/png" and _is_picture(text))


def _is_picture(text: str) -> bool:
    """Whether this is a PNG in base64, of at most MOST_PIXELS.

    >>> _is_picture('" onerror="alert(1)')
    False
    """
    if not BASE64.fullmatch(text):
        return False
    head = base64.b64decode(text[:44].replace("\n", "")[:40])
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    return head[:8] == b"\x89PNG\r\n\x1a\n" and 0 < width * height <= MOST_PIXELS


def _predictions(worker: Worker) -> dict[str, Any]:
    reply = worker.exchange({"do": "predictions"}, 10)
    made = reply.get("predictions") if isinstance(reply, dict) else None
    return {k: v for k, v in made.items() if isinstance(v, int | float)} if isinstance(made, dict) else {}


def _ask_together(session: Session, items: Sequence[Item], worker: Worker, limits: Limits, clock: _Clock) -> set[str]:
    """Ask one copy all items, one after the other; those it answered to the end.

    A fork an item would cost more than all the asking. What a call leaves behind may harm the answers to a later item;
    those are asked again of copies of their own. Where the process is lost meanwhile any item may have caused it, and
    from then on each is asked apart.
    """
    complete: set[str] = set()
    copy = _Copy(worker, "")
    try:
        for item in items:
            if _settled(session, item):
                continue
            cases, outcomes = session.asked[item.name].cases, list[Outcome]()
            with _timed(session, item), suppress(_NoCopy):
                outcomes += _unbroken(copy, item.question.function, cases, limits, clock)
            if len(outcomes) == len(cases):
                complete.add(item.name)
                _keep_better(session, item, outcomes)
        copy.close()
    except WorkerGone:
        session.apart = True
        raise
    return complete


def _unbroken(copy: _Copy, function: str, cases: Sequence[Case], limits: Limits, clock: _Clock) -> Iterator[Outcome]:
    """What came of the cases up to the first that ended the copy, or for which there was no time."""
    room = _Room(function)
    for case in cases:
        left = min(limits.case_seconds, clock.asks - time.monotonic())
        if left <= 0:
            return
        outcome = copy.ask(function, case, left)
        if not copy.open:
            return
        yield room.take(outcome)


class _Room:
    """What the answers to one item may hold together: they are kept until the submission is judged."""

    def __init__(self, function: str) -> None:
        self.function, self.left = function, MOST_ANSWERED

    def take(self, outcome: Outcome) -> Outcome:
        """The outcome, or a fault where there is no room for its value."""
        self.left -= weight(outcome.value)
        if self.left >= 0:
            return outcome
        self.left = 0
        return Outcome(fault=f"{self.function}() gave an answer that cannot be read: all together are too large")


def _settled(session: Session, item: Item) -> bool:
    """Whether nothing more can come of asking an item: all of it is right, or its process was lost too often."""
    found = session.found.get(item.name)
    right = found is not None and share(found, True) >= 1
    return right or session.attempts[item.name] >= ATTEMPTS or item.name in session.given_up


@contextmanager
def _timed(session: Session, item: Item) -> Iterator[None]:
    """Adds to the item's time."""
    session.attempts[item.name] += 1
    start = time.monotonic()
    try:
        yield
    finally:
        session.seconds[item.name] = session.seconds.get(item.name, 0.0) + time.monotonic() - start


def _ask_item(session: Session, item: Item, worker: Worker, limits: Limits, clock: _Clock, kept: str = "") -> None:
    """Ask one item, of the copy kept where its graded cell stands or of what is there now; keep the better answers.

    Two things end the asking, and the notebook caused both: calls that end or hang their process, and a process lost.
    """
    if _settled(session, item):
        return
    asked, outcomes = session.asked[item.name], list[Outcome]()
    try:
        with _timed(session, item), suppress(_NoCopy):
            for outcome in _outcomes(_Copy(worker, kept), item.question.function, asked.cases, limits, clock):
                outcomes.append(outcome)
    except WorkerGone:
        session.given_up.add(item.name)
        raise
    finally:
        missing = [Outcome(fault="no answer: the process was lost")] * (len(asked.cases) - len(outcomes))
        if outcomes or not kept:
            _keep_better(session, item, [*outcomes, *missing])


def _keep_better(session: Session, item: Item, outcomes: Sequence[Outcome]) -> None:
    if any(o.fault.startswith(GIVEN_UP) for o in outcomes):
        session.given_up.add(item.name)
    judged, before = _judge(item, session.asked[item.name], outcomes), session.found.get(item.name)
    if before is None or share(judged, True) > share(before, True):
        session.found[item.name] = judged


def _outcomes(copy: _Copy, function: str, cases: Sequence[Case], limits: Limits, clock: _Clock) -> Iterator[Outcome]:
    deaths, room = 0, _Room(function)
    for case in cases:
        left = min(limits.case_seconds, clock.asks - time.monotonic())
        if deaths >= DEATHS or left <= 0:
            why = "ended or hung its process twice" if deaths >= DEATHS else "had no time left"
            yield Outcome(fault=f"{GIVEN_UP}: {function}() {why}")
            continue
        outcome = copy.ask(function, case, left)
        deaths += not copy.open
        yield room.take(outcome)
    copy.close()


class _NoCopy(Exception):
    """The notebook has ended what should have been asked."""


class _Copy:
    """A forked copy of the worker that answers one item's cases; made anew when a case ends it."""

    def __init__(self, worker: Worker, kept: str) -> None:
        self.worker, self.kept, self.open, self.forkless = worker, kept, False, False

    def ask(self, function: str, case: Case, seconds: float) -> Outcome:
        if not self.open:
            reply = self._send({"do": "open", "of": self.kept}, 10)
            self.open, self.forkless = True, reply.get("closed") == FORKLESS and not self.kept
            if not self.forkless and "opened" not in reply:
                self.open = False
                raise _NoCopy
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
