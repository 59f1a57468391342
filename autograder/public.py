"""`public_checks.json`: what a released lab carries so that a student without an instructor gets feedback.

It holds prompts, public cases with their answers, and what each named mistake would answer; no code of checks.py. A
judge of the lab's given/ folder is named in it, and runs at the student's desk as it does with the grader.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError
from autograder.judge import ModelAnswers, Outcome, Verdict, verdicts, wanted_answers
from autograder.questions import Case, Judge, Mistake, Question, given_name, module_in
from autograder.variants import VARIANTS, variant, variant_seed, whoami
from autograder.wire import WireError, decode, encode

FORMAT = 1
SHIPPED, GIVEN, UNSHIPPED = ("accelsim", "autograder"), "given/", "the grader"


@dataclass(frozen=True)
class PublicQuestion:
    """One question as it ships: `wanted` answers and `modelled[mistake]` answers, in the order of `cases`.

    The first `shared` cases are every student's, the others this one's own.
    """

    name: str
    function: str
    prediction: str
    tolerance: float
    cases: tuple[Case, ...]
    wanted: tuple[Any, ...]
    mistakes: tuple[Mistake, ...]
    modelled: dict[str, tuple[Any, ...]]
    judged_by: str = ""
    parameters: tuple[str, ...] = ()
    answer: float | str | None = None
    because: str = ""
    folder: Path = Path()
    shared: int = 0

    @property
    def judged_later(self) -> bool:
        """Whether only the grader can tell right from wrong here, because the judge does not ship."""
        return self.judged_by == UNSHIPPED

    def answers_of(self, mistake: Mistake) -> tuple[Any, ...]:
        """What a mistake's model answers to the public cases."""
        return self.modelled[mistake.name]

    def judge(self, outcomes: Sequence[Outcome]) -> tuple[Verdict, ...]:
        """One verdict per public case, from the shipped answers."""
        return verdicts(self.cases, self.wanted, outcomes, self.tolerance, _load_judge(self.judged_by, self.folder))


def public_data(questions: Sequence[Question], lab: str, key: str = "") -> dict[str, Any]:
    """The JSON of `public_checks.json`; hidden cases, references and models are not in it.

    `key` is the lab's, by which a student finds the set of own cases that is theirs.
    """
    return {"format": FORMAT, "lab": lab, "key": key, "questions": {q.name: _question_data(q) for q in questions}}


def own_cases(question: Question, number: int) -> tuple[Case, ...]:
    """The own cases of one variant."""
    import numpy as np

    rng = np.random.default_rng(variant_seed(question.name, number))
    return question.shown(rng)[len(question.public) :]


def _question_data(question: Question) -> dict[str, Any]:
    sets = [own_cases(question, n) for n in range(VARIANTS)] if question.own else []
    return {
        "function": question.function,
        "parameters": list(question.parameters),
        "prediction": question.prediction,
        "answer": question.answer,
        "because": question.because,
        "tolerance": question.tolerance,
        "judged_by": _judge_name(question),
        "own": [_cases_data(question, cases) for cases in sets],
        **_cases_data(question, question.public),
    }


def _cases_data(question: Question, cases: Sequence[Case]) -> dict[str, Any]:
    wanted = wanted_answers(question, cases)
    rows = [
        {"args": encode(case.args), "kind": case.kind, "wanted": encode(answer)}
        for case, answer in zip(cases, wanted, strict=True)
    ]
    return {"cases": rows, "mistakes": [_mistake_data(mistake, cases) for mistake in question.mistakes]}


def _judge_name(question: Question) -> str:
    judge = question.judge
    if judge is None:
        return ""
    if name := given_name(judge):
        return GIVEN + name
    module = getattr(judge, "__module__", "")
    return f"{module}:{judge.__qualname__}" if module.split(".")[0] in SHIPPED else UNSHIPPED


def _load_judge(name: str, folder: Path) -> Judge | None:
    if not name:
        return None
    if name == UNSHIPPED:
        return lambda args, answer: ()
    module, _, function = name.partition(":")
    if module.startswith(GIVEN):
        return _given_judge(folder, module.removeprefix(GIVEN), function)
    if module.split(".")[0] not in SHIPPED:
        raise AutograderError(f"the judge {name} is none of {' or '.join(SHIPPED)}; copy the released lab again")
    judge: Judge = getattr(importlib.import_module(module), function)
    return judge


def _given_judge(folder: Path, module: str, function: str) -> Judge:
    """The judge that came with the notebook; what is missing or changed in it is named."""
    try:
        judge: Judge = getattr(module_in(folder, module), function)
    except Exception as error:  # a file that a student may have changed may raise anything
        what = f"{type(error).__name__}: {error}"
        said = f"{module}.py, which came with the notebook, cannot be used ({what}); copy it again"
        raise AutograderError(said) from error
    return judge


def _mistake_data(mistake: Mistake, cases: Sequence[Case]) -> dict[str, Any]:
    answers = [None if a is NotImplemented else {"is": encode(a)} for a in ModelAnswers(mistake, cases)]
    return {"name": mistake.name, "says": mistake.says, "section": mistake.section, "answers": answers}


def read_public(path: Path) -> dict[str, PublicQuestion]:
    """The questions of a released lab.

    Raises AutograderError when the file is missing or damaged.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["format"] != FORMAT:
            raise AutograderError(f"{path.name} has format {data['format']}; this autograder reads format {FORMAT}")
        number = variant(data.get("key", ""), whoami(path.parent))
        return {n: _read_question(n, _mine(body, number), path.parent) for n, body in data["questions"].items()}
    except FileNotFoundError as error:
        where = path.resolve().parent
        raise AutograderError(f"{path.name} is not in {where}; open the notebook in its released folder") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, WireError) as error:
        if isinstance(error, AutograderError):
            raise
        raise AutograderError(f"{path.name} is damaged; copy it again from the released lab") from error


def _mine(body: dict[str, Any], number: int) -> dict[str, Any]:
    """A question's data with the cases of one variant after those for all."""
    if not body.get("own"):
        return body
    own = body["own"][number]
    pairs = zip(body["mistakes"], own["mistakes"], strict=True)
    mistakes = [{**ours, "answers": [*ours["answers"], *theirs["answers"]]} for ours, theirs in pairs]
    return {**body, "cases": [*body["cases"], *own["cases"]], "mistakes": mistakes, "shared": len(body["cases"])}


def _read_question(name: str, body: dict[str, Any], folder: Path) -> PublicQuestion:
    cases = tuple(Case(decode(case["args"]), case["kind"]) for case in body["cases"])
    mistakes = tuple(Mistake(m["name"], None, m["says"], m["section"]) for m in body["mistakes"])
    modelled = {m["name"]: tuple(_read_answer(a) for a in m["answers"]) for m in body["mistakes"]}
    wanted = tuple(decode(case["wanted"]) for case in body["cases"])
    named = (body["function"], body["prediction"], body["tolerance"])
    parameters, told = tuple(body["parameters"]), (body.get("answer"), body.get("because", ""))
    return PublicQuestion(
        name,
        *named,
        cases,
        wanted,
        mistakes,
        modelled,
        body["judged_by"],
        parameters,
        *told,
        folder,
        body.get("shared", len(cases)),
    )


def _read_answer(answer: dict[str, Any] | None) -> Any:
    return NotImplemented if answer is None else decode(answer["is"])
