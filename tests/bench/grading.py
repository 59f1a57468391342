"""Grading against stock nbgrader: `python -m tests.bench.grading` prints rate, processor time and memory of both.

Both grade the same submissions of the same lab in one run, side by side. Stock nbgrader runs in its default
configuration, on notebooks whose graded cells hold the same public cases and hidden ones of the same kinds as plain
asserts in the student's kernel, which is how its hidden tests work. `--many 1000` adds a long run of ours alone, with
its memory near the beginning and at the end. Times are wall and processor time of a command and all it starts. What
ends inside a sandbox is waited for by nobody who adds up its time, so processor time is measured by `perf` (Linux),
and where there is none the table has too little of it for us.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import ctypes
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autograder.course import Course, make_course
from autograder.lab import Lab, filled, load
from autograder.release import notebook, release
from autograder.session import seed

ROOT = Path(__file__).parents[2]
PERF = ("perf", "stat", "-x,", "-e", "task-clock", "-o")
STOCK_CONFIG = "c = get_config()\nc.CourseDirectory.course_id = 'stock'\nc.Exchange.root = '/tmp/exchange'\n"


@dataclass(frozen=True)
class Cost:
    """What a command took: wall and processor seconds of all its processes, and their greatest memory together."""

    wall: float
    processor: float
    memory: float


class Meter:
    """Runs a command and watches its whole family: processor time when all have ended, memory all the while, in MiB."""

    def __init__(self) -> None:
        self.samples: list[float] = []

    def run(self, command: list[str], folder: Path) -> Cost:
        """Run to the end.

        Raises SystemExit with what the command said when it fails.
        """
        scripts = sysconfig.get_path("scripts")
        environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        _adopt_orphans()
        start, used = time.monotonic(), _children_seconds()
        with tempfile.TemporaryFile("w+") as said, tempfile.NamedTemporaryFile("r") as clock:
            counted = [*PERF, clock.name, "--", *command] if _can_count() else command
            process = subprocess.Popen(counted, cwd=folder, env=environment, stdout=said, stderr=said)
            while process.poll() is None:
                self.samples.append(sum(map(_memory, _family(process.pid))))
                time.sleep(0.2)
            wall = time.monotonic() - start
            said.seek(0)
            if process.returncode not in (0, 1):
                raise SystemExit(f"{command} ended with {process.returncode}:\n{said.read()[-3000:]}")
            _wait_for_orphans()
            counts = re.search(r"^([0-9.]+),msec", clock.read(), re.MULTILINE)
        processor = float(counts[1]) / 1000 if counts else _children_seconds() - used
        return Cost(wall, processor, max(self.samples, default=0.0))


@functools.cache
def _can_count() -> bool:
    """Whether `perf` is here and may be used."""
    return (
        bool(shutil.which("perf")) and not subprocess.run([*PERF, os.devnull, "true"], capture_output=True).returncode
    )


def _adopt_orphans() -> None:
    """Processes whose parent ends become ours, so that their processor time is counted when they end (Linux)."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _wait_for_orphans() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _family(pid: int) -> list[int]:
    found, at = [pid], 0
    while at < len(found):
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{found[at]}/task"):
                found += map(int, Path(f"/proc/{found[at]}/task/{task}/children").read_text().split())
        at += 1
    return found


def _memory(pid: int) -> float:
    """Memory of one process in MiB, pages that several hold shared out among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def hand_in(course: Course, lab: Lab, count: int) -> list[str]:
    """Submissions of a class: the reference and each known answer in turn, each by a student of its own."""
    answers = [None, *lab.answers]
    students = [f"student{number:04}" for number in range(count)]
    for number, student in enumerate(students):
        body = notebook(filled(lab, answers[number % len(answers)]))
        folder = course.at("submitted", student, lab.name)
        shutil.copytree(course.at("release", ".", lab.name), folder)
        (folder / f"{lab.name}.ipynb").write_text(json.dumps(body))
    return students


def plain_test(lab: Lab, name: str) -> str:
    """A graded cell as stock nbgrader knows it: the same cases, asserted in the student's kernel."""
    from autograder.judge import wanted_answers
    from autograder.lab import hidden_cases

    question = lab.questions[name]
    cases = [*question.public, *hidden_cases(question, seed(lab.name, "stock"))[0]]
    rows = [(case.args, wanted) for case, wanted in zip(cases, wanted_answers(question, cases), strict=True)]
    lines = [
        "from numpy import array, float32, float64, int64, testing",
        *(f"testing.assert_allclose({question.function}(*{_literal(a)}), {_literal(w)}, 1e-9, 1e-9)" for a, w in rows),
    ]
    return "\n".join(["### BEGIN HIDDEN TESTS", *lines, "### END HIDDEN TESTS"])


def _literal(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array({value.tolist()!r}, dtype={value.dtype.name!r})"
    if isinstance(value, tuple | list):
        inner = ", ".join(_literal(part) for part in value)
        return f"({inner},)" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_literal(part)}" for key, part in value.items()) + "}"
    return repr(value.item() if isinstance(value, np.generic) else value)


def stock_course(root: Path, lab: Lab, ours: Course) -> None:
    """A course of nbgrader alone, with the same work handed in: only the graded cells are other ones."""
    root.mkdir(parents=True)
    (root / "nbgrader_config.py").write_text(STOCK_CONFIG)
    tests = {item.name: plain_test(lab, item.name) for item in lab.items}
    source = root / "source" / lab.name
    shutil.copytree(ours.at("source", ".", lab.name), source)
    _replace(source / f"{lab.name}.ipynb", tests)
    nbgrader = [sys.executable, "-m", "nbgrader"]
    Meter().run([*nbgrader, "generate_assignment", lab.name], root)
    shutil.copytree(ours.root / "submitted", root / "submitted")
    empty = dict.fromkeys(tests, "")
    for path in (root / "submitted").glob(f"*/{lab.name}/{lab.name}.ipynb"):
        _replace(path, empty)


def _replace(path: Path, sources: dict[str, str]) -> None:
    body = json.loads(path.read_text())
    for cell in body["cells"]:
        cell["source"] = sources.get(cell["metadata"].get("nbgrader", {}).get("grade_id", ""), cell["source"])
    path.write_text(json.dumps(body))


def points(root: Path, lab: str) -> dict[str, float]:
    """Who has how many points, by nbgrader's own export."""
    Meter().run([sys.executable, "-m", "nbgrader", "export"], root)
    with (root / "grades.csv").open() as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file) if row["assignment"] == lab}


def line(name: str, count: int, cost: Cost) -> str:
    """A row of the table."""
    rate = 60 * count / cost.wall
    each, per_minute = cost.processor / count, 60 * count / cost.processor
    return f"{name:38}{count:6}{cost.wall:9.1f}{rate:10.1f}{each:12.3f}{per_minute:12.1f}{cost.memory:9.0f}"


HEAD = f"{'':38}{'n':>6}{'wall s':>9}{'a minute':>10}{'CPU-s each':>12}{'per CPU-min':>12}{'MiB':>9}"


def ours(lab: Path, course: Course, *options: str) -> list[str]:
    """Our command."""
    return [sys.executable, "-m", "autograder", "grade", str(lab), "--course", str(course.root), *options]


def compare(lab: Lab, base: Path, count: int) -> None:
    """Both on the same submissions; the table, the ratio, and whether the points agree."""
    course = make_course(base / "ours")
    release(lab, course)
    students = hand_in(course, lab, count)
    stock_course(base / "stock", lab, course)
    print(HEAD)
    stock = Meter().run([sys.executable, "-m", "nbgrader", "autograde", lab.name], base / "stock")
    print(line("nbgrader autograde, as it comes", count, stock), flush=True)
    mine = Meter().run(ours(lab.folder, course), ROOT)
    print(line("autograder grade", count, mine), flush=True)
    again = Meter().run(ours(lab.folder, course), ROOT)
    print(line("autograder grade, nothing changed", count, again), flush=True)
    print(f"ratio: {stock.wall / mine.wall:.1f} in wall time, {stock.processor / mine.processor:.1f} in processor time")
    theirs, our = points(base / "stock", lab.name), points(course.root, lab.name)
    agree = sum((theirs[s] > 0) == (our[s] > 0) for s in students)
    print(f"points, of all: stock {sum(theirs.values()):g}, ours {sum(our.values()):g}; earned at all by both: {agree}")


def many(lab: Lab, base: Path, count: int) -> None:
    """A long run of ours; memory of all processes in its second tenth and its last."""
    course = make_course(base / "many")
    release(lab, course)
    hand_in(course, lab, count)
    meter = Meter()
    cost = meter.run(ours(lab.folder, course), ROOT)
    print(line(f"autograder grade, {count}", count, cost))
    tenth = max(1, len(meter.samples) // 10)
    early, late = max(meter.samples[tenth : 2 * tenth]), max(meter.samples[-tenth:])
    print(f"memory: {early:.0f} MiB in the second tenth of the run, {late:.0f} MiB in the last")
    cost = Meter().run(ours(lab.folder, course), ROOT)
    print(line("the same again, nothing changed", count, cost))


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.grading", description=__doc__.splitlines()[0])
    parser.add_argument("--lab", type=Path, default=ROOT / "labs" / "01_convolution", help="lab folder (01)")
    parser.add_argument("--count", type=int, default=20, help="submissions to compare (20; 0: none)")
    parser.add_argument("--many", type=int, default=0, help="submissions of a long run of ours (0: none)")
    options = parser.parse_args()
    lab = load(options.lab.resolve())
    with tempfile.TemporaryDirectory(prefix="bench-grading-") as top:
        if options.count:
            compare(lab, Path(top), options.count)
        if options.many:
            many(lab, Path(top), options.many)
    return 0


if __name__ == "__main__":
    sys.exit(main())
