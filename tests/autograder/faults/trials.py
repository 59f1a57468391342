"""One trial each: disturb a run at some moment, run it again, and see what is different from an undisturbed run."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder import cli, pool
from autograder.course import Course, make_course
from tests.autograder.faults.scene import BY_HAND, Scene, by_hand, grader, handed_in, state

SECONDS = 240


@dataclass
class Row:
    """What one kind of fault did, over its trials."""

    fault: str
    trials: int = 0
    struck: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, struck: bool, found: list[str]) -> None:
        """Count one trial: whether the fault met a run at work, and what was lost or different."""
        self.trials += 1
        self.struck += struck
        self.wrong += found


@contextlib.contextmanager
def copy(scene: Scene) -> Iterator[Course]:
    """A course of one's own to disturb."""
    with tempfile.TemporaryDirectory(prefix="faults-trial-") as top:
        shutil.copytree(scene.before, Path(top) / "course")
        yield make_course(Path(top) / "course")


def lost(course: Course, scene: Scene) -> list[str]:
    """Right after a fault: what a rerun could not bring back."""
    found = [] if handed_in(course.root) == scene.after["handed in"] else ["a submission is gone or changed"]
    return found if by_hand(course) == BY_HAND else [*found, "a manual grade is gone"]


def different(course: Course, scene: Scene) -> list[str]:
    """After the rerun: what an undisturbed run would have given otherwise."""
    now = state(course)
    return [f"{part} differ from an undisturbed run" for part in now if now[part] != scene.after[part]]


# ---- faults at every step of writing: in a forked process, with the marks at hand, so that hundreds take seconds


def in_fork(action: Callable[[], int]) -> tuple[int, str]:
    """What a forked copy of this process returns or is ended with, and what it said on standard error."""
    with tempfile.TemporaryFile("w+") as said:
        pid = os.fork()
        if pid == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(said.fileno(), 2)
                sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
                code = action()
                sys.stderr.flush()
                os._exit(code)
            except BaseException:
                import traceback

                traceback.print_exc()
                sys.stderr.flush()
                os._exit(99)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said.seek(0)
        return status, said.read()


def run_with_known_marks(scene: Scene, course: Course, step: Callable[[str, Any], None] | None = None) -> int:
    """Grade here and now; the judge's answers are those of the undisturbed run. `step` is called before each write."""
    pool.work = lambda task: replace(scene.marks[task.student], key=task.key)  # type: ignore[assignment]
    if step:
        _call_at_each_write(step)
    return cli.main(["grade", str(scene.lab.folder), "--course", str(course.root), "--jobs", "1"])


def _call_at_each_write(step: Callable[[str, Any], None]) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    fsync, replacing = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        step("fsync", descriptor)
        fsync(descriptor)

    def replaced(source: Any, target: Any, **options: Any) -> None:
        step("replace", source)
        replacing(source, target, **options)
        step("replaced", target)

    os.fsync, os.replace = synced, replaced  # type: ignore[assignment]
    event.listen(Engine, "commit", lambda connection: step("commit", None))


def power_cut(at: int) -> Callable[[str, Any], None]:
    """At the given write the machine is gone: no clean-up runs, and what was not yet synced is half there."""
    count, synced = [0], set[str]()

    def step(kind: str, what: Any) -> None:
        count[0] += 1
        if count[0] == at:
            if kind == "fsync":
                with contextlib.suppress(OSError):  # a folder
                    os.ftruncate(what, os.fstat(what).st_size // 2)
            if kind == "replaced" and str(what).endswith(
                ".z"
            ):  # the cache is not synced: its name may outlive its body
                os.truncate(what, os.stat(what).st_size // 2)
            os._exit(9)
        synced.add(kind)

    return step


def disk_full(at: int) -> Callable[[str, Any], None]:
    """From the given write on there is no space."""
    from sqlalchemy.exc import OperationalError

    count = [0]

    def step(kind: str, what: Any) -> None:
        count[0] += 1
        if count[0] >= at and kind == "commit":
            raise OperationalError("commit", {}, sqlite3.OperationalError("database or disk is full"))
        if count[0] >= at and kind != "replaced":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")

    return step


def writes(scene: Scene) -> int:
    """How many steps of writing a run has."""
    count = [0]

    def step(kind: str, what: Any) -> None:
        count[0] += 1

    def counted() -> int:
        run_with_known_marks(scene, course, step)
        (course.root / "count").write_text(str(count[0]))
        return 0

    with copy(scene) as course:
        in_fork(counted)
        return int((course.root / "count").read_text())


def at_every_write(scene: Scene, fault: str, make: Callable[[int], Callable[[str, Any], None]], every: int) -> Row:
    """Disturb the run at each of its writes (or each `every`-th), then run it undisturbed."""
    row = Row(fault)
    for at in range(1, writes(scene) + 1, every):
        with copy(scene) as course:
            code, said = in_fork(lambda at=at, course=course: run_with_known_marks(scene, course, make(at)))
            found = lost(course, scene)
            if "Traceback" in said or code == 99:
                found.append(f"write {at}: a traceback instead of a message: {said.strip().splitlines()[-1:]}")
            code_again, said = in_fork(lambda course=course: run_with_known_marks(scene, course))
            found += [f"write {at}: {what}" for what in different(course, scene)]
            if code_again not in (0, 1):
                found.append(f"write {at}: the rerun ended with {code_again}: {said}")
            row.add(code not in (0, 1), found)
    return row


# ---- faults of real processes, at random moments


def family(pid: int) -> dict[int, tuple[int, str]]:
    """A process and all below it: parent and command by process id."""
    parents: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if fields[0] != "Z":
                parents[int(entry.name)] = (int(fields[1]), text)
    found, size = {pid}, 0
    while len(found) > size:
        size = len(found)
        found |= {child for child, (parent, _) in parents.items() if parent in found}
    return {p: parents[p] for p in found if p in parents}


def of_kind(kind: str, pid: int) -> list[int]:
    """The processes of one kind under a grader."""
    known = family(pid)
    sandboxes = {p for p, (_, text) in known.items() if text.startswith("bwrap") or "autograder.worker" in text}
    inside = {p for p in known if any(q in sandboxes for q in _above(p, known))} - sandboxes
    servers = {p for p, (_, text) in known.items() if "forkserver" in text and p != pid}
    judges = {p for p in servers if known[p][0] in servers}
    kinds = {"grader": {pid}, "judge": judges, "sandbox": sandboxes, "worker": inside or sandboxes}
    return sorted(kinds[kind])


def _above(pid: int, known: dict[int, tuple[int, str]]) -> Iterator[int]:
    while pid in known:
        pid = known[pid][0]
        yield pid


def kill_at(scene: Scene, kind: str, moment: float, chance: random.Random) -> tuple[bool, list[str]]:
    """Kill one process of a kind some time after the grading began; then run it again."""
    with copy(scene) as course:
        process = grader(course.root, "--jobs", "2")
        struck, children = _strike(process, kind, moment, chance)
        with contextlib.suppress(Exception):
            process.communicate(timeout=SECONDS)
        found = _left_alive(children) if kind == "grader" else []
        found += lost(course, scene)
        again = grader(course.root, "--jobs", "2")
        _, said = again.communicate(timeout=SECONDS)
        if again.returncode not in (0, 1):
            found.append(f"the rerun ended with {again.returncode}: {said.strip()[-300:]}")
        return struck, [f"{kind} killed after {moment:.1f} s: {what}" for what in [*found, *different(course, scene)]]


def _strike(process: Any, kind: str, moment: float, chance: random.Random) -> tuple[bool, set[int]]:
    """Wait for the moment, then for a process of the kind, and kill it; and what ran under the grader then."""
    time.sleep(moment)
    while process.poll() is None:
        if found := of_kind(kind, process.pid):
            children = set(family(process.pid))
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(found), signal.SIGKILL)
                return True, children
        time.sleep(0.02)
    return False, set()


def _left_alive(children: set[int]) -> list[str]:
    until = time.monotonic() + 20
    while alive := [pid for pid in children if _alive(pid)]:
        if time.monotonic() > until:
            return [f"{len(alive)} processes outlived their grader by 20 s"]
        time.sleep(0.1)
    return []


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def read_only(scene: Scene) -> Row:
    """The gradebook cannot be written."""
    row = Row("gradebook read-only")
    with copy(scene) as course:
        path = course.root / "nbgrader_config.py"
        before = path.read_text()
        url = f"sqlite:///file:{course.root / 'gradebook.db'}?mode=ro&uri=true"
        path.write_text(f"{before}\nc.CourseDirectory.db_url = {url!r}\n")
        code, said = in_fork(lambda: run_with_known_marks(scene, course))
        found = lost(course, scene)
        if code != 2 or "readonly database" not in said:
            found.append(f"status {code}, said {said!r}")
        path.write_text(before)
        in_fork(lambda: run_with_known_marks(scene, course))
        row.add(code == 2, found + different(course, scene))
    return row


def two_graders(scene: Scene, kill_first: bool) -> Row:
    """Two graders at once; the second waits for the first, or for its death."""
    row = Row("two graders, the first killed" if kill_first else "two graders at once")
    with copy(scene) as course:
        first = grader(course.root, "--jobs", "1")
        lock = course.root / ".autograder" / "lock"
        while first.poll() is None and not (lock.exists() and lock.read_text()):
            time.sleep(0.02)
        first.send_signal(signal.SIGSTOP)  # until the second has come so far, however fast this machine is
        second = grader(course.root, "--jobs", "1")
        waits = any("waiting" in line for line in second.stderr)
        if kill_first:
            first.kill()
        first.send_signal(signal.SIGCONT)
        said = [process.communicate(timeout=SECONDS)[1] for process in (first, second)]
        found = lost(course, scene) + different(course, scene)
        if second.returncode not in (0, 1):
            found.append(f"the second ended with {second.returncode}: {said[1].strip()[-300:]}")
        row.add(waits, found)
    return row


def rows(scene: Scene, trials: int, every: int = 1) -> Iterator[Row]:
    """Every kind of fault: `trials` random moments of each kill, and each `every`-th write."""
    yield at_every_write(scene, "power cut between writes", power_cut, every)
    yield at_every_write(scene, "disk full from some write on", disk_full, every)
    yield read_only(scene)
    yield two_graders(scene, kill_first=False)
    yield two_graders(scene, kill_first=True)
    chance = random.Random(4)
    whole = _seconds_of_a_run(scene) if trials else 0.0
    for kind in ("grader", "judge", "sandbox", "worker"):
        row = Row(f"kill -9 of the {kind}")
        for _ in range(trials):
            row.add(*kill_at(scene, kind, chance.uniform(0.1, 1.0) * whole, chance))
        yield row


def _seconds_of_a_run(scene: Scene) -> float:
    with copy(scene) as course:
        start = time.monotonic()
        grader(course.root, "--jobs", "2").communicate(timeout=SECONDS)
        return time.monotonic() - start
