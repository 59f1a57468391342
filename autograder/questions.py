"""What a lab's `checks.py` is written in: questions, cases and named mistakes, as plain frozen values.

A question names the student's function, a reference, cases a student may see and cases a student may not.
A mistake is a *wrong* model with the reference's signature: when a student's answers equal the model's on every
case tried, that is what went wrong, and its text is what the student is told.

Where many answers are right (a schedule, a mapping, a stream of bits), a question has a judge instead: a function that
runs the student's data and returns what it found wrong, an empty list when nothing is. The judge is code of the lab's
`given/` folder, so that it also works at the student's desk; cases, answers and models of mistakes never go there.

    # given/judging.py, ships with the notebook; runs in a browser too when it imports no NumPy
    from autograder.questions import Finding

    def one_op_per_pe(args, schedule):
        busy = set()
        for cycle, pe, op in schedule:
            if (cycle, pe) in busy:
                yield Finding(
                    f"PE {pe} does two operations in cycle {cycle}",
                    evidence=(("cycle", cycle), ("PE", pe)),
                    mistake="two operations at once",
                )
            busy.add((cycle, pe))

    # checks.py, stays with the instructor
    judging = given("judging", __file__)
    questions = (
        Question(
            name="schedule",
            function="schedule",
            reference=output_stationary,  # one right answer: the judge must pass it
            public=(Case((2, 3), "a 2x3 array"),),
            hidden=larger_arrays,
            judge=judging.one_op_per_pe,
            mistakes=(Mistake("two operations at once", None, "A PE has one multiplier. ...", SECTION),),
        ),
    )

The student is told the first finding of the first case that fails: what it `says`, its evidence a row each, and the
mistake it names. A finding with `credit` still earns that part of the case: credit 0.8 for a mapping that is legal and
within 1.5 times the best. While grading, the judge runs with the grader, never beside the student's code. What it is
handed is plain data and nothing more: anything it raises means that the answer could not be read.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
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
    """A misconception: its `name`, a wrong `model`, what the student is told, and the section of the book.

    `model` is None for a mistake that only a judge's `Finding` can name.
    """

    name: str
    model: Callable[..., Any] | None
    says: str
    section: str


@dataclass(frozen=True)
class Finding:
    """One thing a judge found wrong with an answer; `says` is a sentence without its full stop.

    `evidence` holds rows (label, value) with which a student finds the place: ("cycle", 7), ("PE", (2, 0)).
    `mistake` names the mistake of the question that this finding proves. `credit` is the part of the case, 0 to 1, that
    the answer earns all the same; of several findings the least counts.

    >>> str(Finding("tile 3 needs 70 words, the buffer has 64", (("tile", 3),)))
    'tile 3 needs 70 words, the buffer has 64'
    """

    says: str
    evidence: tuple[tuple[str, Any], ...] = ()
    mistake: str = ""
    credit: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.credit <= 1:
            raise ValueError(f"a finding's credit is a part of the case, 0 to 1; {self.says!r} has {self.credit!r}")

    def __str__(self) -> str:
        return self.says


Judge = Callable[[tuple[Any, ...], Any], Iterable["str | Finding"]]


def given(name: str, checks: str) -> ModuleType:
    """The module `given/<name>.py` of the lab whose checks.py calls this: `judging = given("judging", __file__)`.

    Its functions may be judges that ship. Modules it imports from given/ are found too, and are this lab's own.
    """
    return module_in(Path(checks).resolve().parent / "given", name)


def module_in(folder: Path, name: str) -> ModuleType:
    """The module `name` of a folder, imported anew, so that two labs may each have a `judging`.

    Raises ModuleNotFoundError when it is not there.
    """
    others = {path.stem for path in folder.glob("*.py")}
    aside = {known: sys.modules.pop(known) for known in others & sys.modules.keys()}
    sys.path.insert(0, str(folder))
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    finally:
        sys.dont_write_bytecode = writes
        sys.path.remove(str(folder))
        for known in others & sys.modules.keys():
            sys.modules.pop(known).__dict__["__given__"] = known
        sys.modules.update(aside)
    return module


def given_name(judge: Judge | None) -> str:
    """Where a judge stands in its lab's given/ folder: "judging:one_op_per_pe"; nothing for one that does not ship."""
    module = getattr(judge, "__globals__", {}).get("__given__", "")
    name = getattr(judge, "__qualname__", "")
    return f"{module}:{name}" if module and name.isidentifier() else ""


@dataclass(frozen=True)
class Question:
    """One graded item, asked by `check(name)` of the student's function `function`.

    `public` cases ship with the notebook (tiny and drawable); `hidden(rng)` makes other shapes of the same ideas.
    `tolerance` is relative and absolute for floating answers; whole numbers are compared exactly.
    `prediction`, where given, is the question a student must answer with a number before the first check.
    `answer` to it, a number or a short text, and `because`, the rest of a sentence, are told after a right check.
    `judge(args, answer)`, where given, replaces comparison with the reference: it returns the faults found, as texts or
    as `Finding`s, so that any legal schedule or mapping passes.
    `own(rng)`, where given, makes further public cases that differ from student to student (autograder.variants).
    """

    name: str
    function: str
    reference: Callable[..., Any]
    public: tuple[Case, ...]
    hidden: Callable[[Any], Sequence[Case]]
    mistakes: tuple[Mistake, ...] = ()
    tolerance: float = 1e-9
    prediction: str = ""
    judge: Judge | None = None
    answer: float | str | None = None
    because: str = ""
    own: Callable[[Any], Sequence[Case]] | None = None

    def shown(self, rng: Any) -> tuple[Case, ...]:
        """The public cases of one student: those for all, and own ones made from `rng`."""
        return (*self.public, *(self.own(rng) if self.own else ()))

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
