"""Solutions changed a little, one place at a time, and graded: what still earns everything is read by a person.

    python -m tests.labs.mutants 05            every mutant of labs/05_*
    python -m tests.labs.mutants 05 --item ws  one item

A mutant changes an operator, a comparison, a whole number, a bound of a range, the order of two neighbours, or leaves
a statement out. It is asked the public cases and one drawing of hidden ones, as a student's notebook is. Three ends:
it loses points; it answers every case as the solution does; or it answers otherwise and is right all the same. The
last are the survivors: each stands in the table "Mutations that survive" of its lab's README, with the reason.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import gc
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.judge import Outcome, compare, verdicts, wanted_answers
from autograder.lab import Item, Lab, filled, find, hidden_cases, load
from autograder.questions import Case

LABS = Path(__file__).parents[2] / "labs"
SECONDS = 4  # of a processor, for all answers of one mutant; those that take longer lose points, as with the grader
SEED = 5
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
OTHER = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """A solution with one change: `was` became `now` in line `line` of the item's cell."""

    item: str
    line: int
    was: str
    now: str
    source: str

    @property
    def change(self) -> str:
        """The change in one line, as the README's table has it."""
        return f"{self.was} -> {self.now}"


@dataclass(frozen=True)
class Fate:
    """What became of a mutant: `lost` points, the `same` answers everywhere, or `survived`."""

    mutant: Mutant
    end: str


# Making them -------------------------------------------------------------------------------------------------------


def mutants(item: str, source: str) -> Iterator[Mutant]:
    """Every mutant of one solution, each once.

    >>> print(*(m.change for m in mutants("f", "def f(n):\\n    return n + 1")), sep="\\n")
    return n + 1 -> pass
    return n + 1 -> return n - 1
    return n + 1 -> return n + 2
    return n + 1 -> return n + 0
    """
    seen = {ast.unparse(ast.parse(source))}
    for number in range(10_000):
        tree = ast.parse(source)
        made = _nth(tree, number)
        if made is None:
            return
        line, was, now = made
        text = ast.unparse(ast.fix_missing_locations(tree))
        if text not in seen:
            seen.add(text)
            yield Mutant(item, line, was, now, text)


def _nth(tree: ast.Module, number: int) -> tuple[int, str, str] | None:
    """Make change `number` in the tree, in place; None when there are fewer."""
    at = 0
    for node, parent in _inside(tree):
        for change in _changes(node, parent):
            if at == number:
                home = _statement(tree, node)
                was = _short(home)
                change()
                return getattr(node, "lineno", 0), was, _short(home) if _alive(tree, home) else "pass"
            at += 1
    return None


def _inside(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST]]:
    """All nodes of function bodies with their parents, in the order of the text."""
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        stack: list[tuple[ast.AST, ast.AST]] = [(child, function) for child in reversed(function.body)]
        while stack:
            node, parent = stack.pop()
            yield node, parent
            stack += [(child, node) for child in reversed(list(ast.iter_child_nodes(node)))]


def _statement(tree: ast.Module, node: ast.AST) -> ast.AST:
    """The innermost statement that holds a node."""
    holds = [each for each in ast.walk(tree) if isinstance(each, ast.stmt) and any(n is node for n in ast.walk(each))]
    return min(holds, key=lambda each: sum(1 for _ in ast.walk(each)))


def _alive(tree: ast.Module, home: ast.AST) -> bool:
    return any(node is home for node in ast.walk(tree))


def _short(node: ast.AST) -> str:
    """A statement as one line, without the body of a compound one."""
    text = ast.unparse(node).splitlines()[0]
    return text.removesuffix(":")


def _changes(node: ast.AST, parent: ast.AST) -> Iterator[Callable[[], None]]:
    """What can be changed at one node."""
    op = getattr(node, "op", None)
    if isinstance(op, ast.AST) and type(op) in SWAPS and isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        yield functools.partial(setattr, node, "op", SWAPS[type(op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield functools.partial(setattr, node, "ops", [SWAPS[type(node.ops[0])](), *node.ops[1:]])
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield functools.partial(setattr, node, "value", node.value + 1)
        yield functools.partial(setattr, node, "value", node.value - 1)
    if isinstance(node, ast.Name) and node.id in OTHER:
        yield functools.partial(setattr, node, "id", OTHER[node.id])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        yield from _bounds(node)
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load):
        yield from (functools.partial(_swap, node.elts, i) for i in range(len(node.elts) - 1))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield functools.partial(setattr, node, "op", ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not())
    if isinstance(node, ast.IfExp):
        yield functools.partial(_swap_branches, node)
    if isinstance(node, ast.Expr | ast.AugAssign | ast.Return | ast.Assign):
        yield functools.partial(_leave_out, node, parent)


def _bounds(call: ast.Call) -> Iterator[Callable[[], None]]:
    end = 0 if len(call.args) == 1 else 1
    for op in (ast.Add(), ast.Sub()):
        yield functools.partial(_put, call.args, end, ast.BinOp(call.args[end], op, ast.Constant(1)))
    if len(call.args) == 1:
        yield functools.partial(call.args.insert, 0, ast.Constant(1))


def _put(items: list[Any], place: int, value: Any) -> None:
    items[place] = value


def _swap(items: list[Any], i: int) -> None:
    items[i], items[i + 1] = items[i + 1], items[i]


def _swap_branches(node: ast.IfExp) -> None:
    node.body, node.orelse = node.orelse, node.body


def _leave_out(node: ast.AST, parent: ast.AST) -> None:
    for body in (getattr(parent, name, None) for name in ("body", "orelse")):
        if isinstance(body, list) and any(each is node for each in body):
            body[:] = [ast.Pass() if each is node else each for each in body]


# Grading them ------------------------------------------------------------------------------------------------------


class _TooLong(BaseException):
    """A mutant that does not end."""


def _alarm(*_: object) -> None:
    raise _TooLong


def fates(
    lab: Lab, wanted: Sequence[str] = (), every: int = 1, keep: Callable[[Mutant], bool] = lambda mutant: True
) -> Iterator[Fate]:
    """What becomes of the mutants of a lab, or of some items; of each `every` that `keep` lets pass, the first."""
    names = _names(lab)
    for item in lab.items:
        if wanted and item.name not in wanted:
            continue
        cases = (*item.question.public, *hidden_cases(item.question, SEED)[0])
        source = next(c.source for c in filled(lab) if c.nbgrader.get("grade_id") == f"{item.name}_answer")
        ask = functools.partial(_answers, item, cases, names)
        right, wants = ask(source), wanted_answers(item.question, cases)
        assert all(v.right for v in _judged(item, cases, wants, right)), f"the solution of {item.name} is not right"
        for mutant in list(filter(keep, mutants(item.name, source)))[::every]:
            yield Fate(mutant, _end(item, cases, wants, right, ask(mutant.source)))


def _names(lab: Lab) -> dict[str, Any]:
    """What the lab's own cells define: imports and all solutions, without running what draws or checks."""
    names: dict[str, Any] = {"__name__": "__mutant__"}
    folder = str(lab.folder / "given")
    sys.path.insert(0, folder)
    try:
        for cell in filled(lab):
            name = str(cell.nbgrader.get("grade_id", ""))
            if cell.kind == "code" and (name in ("setup", "given") or name.endswith("_answer")):
                exec(compile(cell.source, name, "exec"), names)
    finally:
        sys.path.remove(folder)
    return names


def _answers(item: Item, cases: Sequence[Case], names: dict[str, Any], source: str) -> list[Outcome]:
    before = signal.signal(signal.SIGVTALRM, _alarm)
    space, found = dict(names), []
    gc.disable()  # what others hooked into its collections would swallow the alarm
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS, 1)
    try:
        exec(compile(source, item.name, "exec"), space)
        for case in cases:
            found.append(_one(space[item.question.function], case))
    except _TooLong:
        found += [Outcome(fault="took too long")] * (len(cases) - len(found))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        gc.enable()
        signal.signal(signal.SIGVTALRM, before)
    return found


def _one(function: Callable[..., Any], case: Case) -> Outcome:
    try:
        return Outcome(function(*copy.deepcopy(case.args)))
    except Exception as error:  # a mutant may raise whatever it likes
        return Outcome(fault=repr(error))


def _judged(item: Item, cases: Sequence[Case], wants: Sequence[Any], answers: Sequence[Outcome]) -> Any:
    question = item.question
    return verdicts(cases, wants, answers, question.tolerance, question.judge)


def _end(
    item: Item, cases: Sequence[Case], wants: Sequence[Any], right: Sequence[Outcome], found: Sequence[Outcome]
) -> str:
    pairs = zip(right, found, strict=True)
    if all(not f.fault and compare(r.value, f.value, item.question.tolerance) is None for r, f in pairs):
        return "same"
    judged = _judged(item, cases, wants, found)
    return "survived" if all(v.right for v in judged) else "lost"


# What the README says ----------------------------------------------------------------------------------------------


def explained(lab: Lab) -> set[tuple[str, str]]:
    """The rows (item, change) of the table of survivors in a lab's README."""
    text = (lab.folder / "README.md").read_text("utf-8")
    part = text.split("## Mutations that survive", 1)[-1].split("\n## ", 1)[0]
    return {(item, change) for item, change in re.findall(r"^\| `(\w+)` \| `(.+?)` \| .+ \|$", part, re.MULTILINE)}


def main(args: Sequence[str] | None = None) -> int:
    """Grade all mutants of a lab and print what became of them; 1 when a survivor is not explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.labs.mutants", description=main.__doc__)
    parser.add_argument("lab", help="such as 05")
    parser.add_argument("--item", action="append", default=[])
    parser.add_argument("--every", type=int, default=1, help="of each so many mutants the first")
    asked = parser.parse_args(args)
    lab = load(find(asked.lab, LABS))
    known, unexplained, told = explained(lab), 0, []
    for fate in fates(lab, asked.item, asked.every):
        told.append(fate)
        row = fate.mutant.item, fate.mutant.change
        if fate.end == "survived":
            unexplained += row not in known
            print("explained " if row in known else "SURVIVES  ", f"| `{row[0]}` | `{row[1]}` |")
    for item in dict.fromkeys(fate.mutant.item for fate in told):
        ends = [fate.end for fate in told if fate.mutant.item == item]
        print(f"{item:12} {len(ends):4} mutants", *(f"{end} {ends.count(end)}" for end in ("lost", "same", "survived")))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
