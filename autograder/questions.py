"""What a lab's `checks.py` is written in: questions, cases and named mistakes, as plain frozen values.

A question names the student's function, a reference, cases a student may see and cases a student may not.
A mistake is a *wrong* model with the reference's signature: when a student's answers equal the model's on every
case tried, that is what went wrong, and its text is what the student is told.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One call of the student's function: positional `args` of plain data (numbers, text, lists, arrays).

    `kind` is a phrase a student may read even when the case itself is hidden: "stride above 1".
    """

    args: tuple[Any, ...]
    kind: str


@dataclass(frozen=True)
class Mistake:
    """A misconception: its `name`, a wrong `model`, what the student is told, and the section of the book."""

    name: str
    model: Callable[..., Any]
    says: str
    section: str


@dataclass(frozen=True)
class Question:
    """One graded item, asked by `check(name)` of the student's function `function`.

    `public` cases ship with the notebook (tiny and drawable); `hidden(rng)` makes other shapes of the same ideas.
    `tolerance` is relative and absolute for floating answers; whole numbers are compared exactly.
    `prediction`, where given, is the question a student must answer with a number before the first check.
    `answer` to it, a number or a short text, and `because`, the rest of a sentence, are told after a right check.
    `judge(args, answer)`, where given, replaces comparison with the reference: it returns the faults found, so that
    any legal schedule or mapping passes.
    """

    name: str
    function: str
    reference: Callable[..., Any]
    public: tuple[Case, ...]
    hidden: Callable[[Any], Sequence[Case]]
    mistakes: tuple[Mistake, ...] = ()
    tolerance: float = 1e-9
    prediction: str = ""
    judge: Callable[[tuple[Any, ...], Any], Sequence[str]] | None = None
    answer: float | str | None = None
    because: str = ""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the reference's parameters, as a student reads them in what was asked.

        Those with a default are the reference's own, and left out.
        """
        try:
            named = inspect.signature(self.reference).parameters.values()
            return tuple(p.name for p in named if p.default is p.empty)
        except ValueError:  # some built-in functions have no signature
            return ()
