"""Submissions over any `concurrent.futures` executor: judges in processes of this machine, or of a Dask cluster.

A judge that dies takes no submission with it: what it had begun is begun again, alone, so that one submission that
ends its judge is found out and the others are graded.
"""

from __future__ import annotations

import atexit
import functools
import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from autograder import cache, grade, sandbox
from autograder.course import Course
from autograder.errors import AutograderError
from autograder.grade import Marks
from autograder.lab import Cell, Lab, load_known
from autograder.sandbox import Limits, Rung, Warm
from autograder.variants import read_secret

TRIES_ALONE = 2
_OURS: list[bool] = []  # true in a judge that this very command started
Result = Marks | Exception


@dataclass(frozen=True)
class Job:
    """What the submissions of one run share: plain data, and the hashes that a judge elsewhere must agree with.

    `cells` of the lab as JSON text, and the name of the `rung` that was found to hold, for judges on the same machine.
    """

    lab: Path
    lab_hash: str
    course: Path
    environment: str
    limits: Limits
    unsandboxed: bool = False
    only: tuple[str, ...] = ()
    cells: str = ""
    rung: str = ""


@dataclass(frozen=True)
class Task:
    """One submission of a job, and the hash of all that its marks depend on."""

    job: Job
    student: str
    key: str


def make_job(lab: Lab, course: Course, limits: Limits, unsandboxed: bool, only: tuple[str, ...]) -> Job:
    """The job of grading a lab of a course with what is installed here."""
    known = _lab_hash(lab.folder, course), course.root, cache.environment()
    cells = json.dumps([asdict(cell) for cell in lab.cells])
    return Job(lab.folder, *known, limits, unsandboxed, only, cells, official_rung(unsandboxed).name)


def _lab_hash(folder: Path, course: Course) -> str:
    released = cache.folder_hash(course.at("release", ".", folder.name))
    return cache.digest([cache.folder_hash(folder), released, read_secret(course.root)])


def make_task(job: Job, folder: Path, rung: Rung) -> Task:
    """The task of grading the submission in `folder`."""
    student = folder.parent.name
    parts = [job.environment, job.lab_hash, repr(job.limits), rung.name, *job.only, student, cache.folder_hash(folder)]
    return Task(job, student, cache.digest(parts))


def official_rung(unsandboxed: bool) -> Rung:
    """The rung to grade on.

    Raises AutograderError when none holds here that official grading accepts.
    """
    if os.name == "nt":
        raise AutograderError(
            "grading needs pipes and limits that Windows lacks: run it in WSL (Ubuntu, with bubblewrap)"
        )
    rung = sandbox.best()
    if not rung.official and not unsandboxed:
        raise AutograderError(
            f"no sandbox holds on this machine, and students' code would run with your rights.\n  {sandbox.missing()}\n"
            "  To grade all the same, only work you have read: --unsandboxed"
        )
    return rung


def _rung(job: Job) -> Rung:
    """The rung to work on: a judge that this command started on this machine takes the one that was tried there."""
    named = [rung for rung in sandbox.RUNGS if rung.name == job.rung]
    return named[0] if _OURS and named else official_rung(job.unsandboxed)


def work(task: Task) -> Marks:
    """Grade one submission; what a judge's process runs.

    Raises AutograderError when this process is not the one to do it: other code, other versions, no sandbox.
    """
    job = task.job
    if not _OURS and cache.environment() != job.environment:
        raise AutograderError(
            f"the judge on {socket.gethostname()} runs other code or other versions than this command; "
            "install the same there and start it again"
        )
    rung = _rung(job)
    lab, release = _lab(job.lab, job.lab_hash, job.course, job.only, job.cells)
    course = Course(job.course)
    folder = course.at("submitted", task.student, lab.name)
    warm = _warm(rung, grade.hidden_from(lab, course), job.limits)
    graded = grade.undisturbed(lambda: grade.grade_one(lab, folder, course, rung, job.limits, release, warm))
    changed = make_task(job, folder, rung).key != task.key  # somebody handed in while it was graded
    return grade.marks(graded, lab, release, "" if changed else task.key)


_HERE = threading.local()  # this thread's warm workers, and what they were started with


def _warm(*how: Any) -> Warm:
    """This thread's warm workers, started anew when they were started for something else."""
    if getattr(_HERE, "how", None) != how:
        cool()
        _HERE.how, _HERE.warm = how, Warm(*how)
    return cast(Warm, _HERE.warm)


def cool() -> None:
    """End this thread's warm workers."""
    if hasattr(_HERE, "how"):
        _HERE.warm.drop()
        del _HERE.how, _HERE.warm


atexit.register(cool)


@functools.lru_cache(maxsize=4)
def _lab(folder: Path, lab_hash: str, course: Path, only: tuple[str, ...], cells: str) -> tuple[Lab, dict[str, Any]]:
    """A lab and its released cells, read once per process for each of their hashes."""
    if lab_hash != _lab_hash(folder, Course(course)):
        raise AutograderError(
            f"{socket.gethostname()} sees another {folder} or another release of it than this command"
        )
    lab = load_known(folder, [Cell(**cell) for cell in json.loads(cells)])
    return restricted(lab, only), released_cells(Course(course), folder.name)


def released_cells(course: Course, lab: str) -> dict[str, Any]:
    """The released notebook's cells by grade_id: what metadata and locked text really are.

    Raises OSError, ValueError or KeyError when there is no such notebook.
    """
    cells = json.loads((course.at("release", ".", lab) / f"{lab}.ipynb").read_text("utf-8"))["cells"]
    return {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in cells if "nbgrader" in cell["metadata"]}


def restricted(lab: Lab, only: tuple[str, ...]) -> Lab:
    """The lab with none but these items graded; all of them when none is named."""
    if not only:
        return lab
    plain = [
        c if c.check in only or not c.check else replace(c, nbgrader=c.nbgrader | {"grade": False}) for c in lab.cells
    ]
    return replace(lab, cells=tuple(plain))


class Serial(Executor):
    """An executor that works at once, in this thread."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The function's outcome, already there."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Judges in processes of their own; none outlives this one, however either ends. One judge works right here."""
    if count <= 1:
        try:
            yield Serial()
        finally:
            cool()
        return
    context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(count, context, initializer=_begin)
    try:
        yield pool
    except BaseException:
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """In a judge: Ctrl-C is for the grader, which ends its judges; and a judge ends with its grader."""
    _OURS.append(True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_grader, daemon=True).start()


def _end_with_the_grader() -> None:
    grader = multiprocessing.parent_process()
    if grader:
        grader.join()
        os._exit(1)


@contextmanager
def dask(address: str) -> Iterator[Executor]:
    """The judges of a Dask cluster, by its scheduler's address.

    Raises AutograderError when Dask is not installed, or nothing answers there.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise AutograderError("Dask is not installed here: pip install 'accelsim[dask]'") from None
    try:
        client: Any = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise AutograderError(f"no Dask scheduler answers at {address}: {error}") from error
    try:
        if not client.scheduler_info()["workers"]:
            raise AutograderError(f"the Dask scheduler at {address} has no worker: dask worker {address} --nthreads 1")
        yield client.get_executor(pure=False)
    finally:
        client.close()


def each(tasks: Iterable[Task], make: Callable[[], Any], window: int) -> Iterator[tuple[Task, Result]]:
    """The tasks with their marks, as they are done, at most `window` of them on their way at a time.

    `make()` gives a context manager with an executor, and a new one whenever a judge's death broke the last.
    What went wrong with one task comes in place of its marks.
    """
    left, alone, tries = deque(tasks), deque[Task](), dict[str, int]()
    while left or alone:
        broken: list[Task] = []
        with make() as executor:
            yield from _through(executor, left, alone, window, broken)
        for task in broken:
            tries[task.student] = tries.get(task.student, 0) + (len(broken) == 1)
            if tries[task.student] > TRIES_ALONE:
                yield task, _ends_its_judge(task)
            else:
                alone.append(task)


def _through(
    executor: Executor, left: deque[Task], alone: deque[Task], window: int, broken: list[Task]
) -> Iterator[tuple[Task, Result]]:
    """Until all is done or the executor broke; then `broken` holds what it had taken."""
    running: dict[Future[Marks], Task] = {}
    while not broken:
        source, most = (alone, 1) if alone else (left, window)
        while source and len(running) < most:
            _submit(executor, source.popleft(), running, broken)
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(future)
            result = _outcome(future)
            if _lost(result):
                broken.append(task)
            else:
                yield task, result
    broken += running.values()


def _submit(executor: Executor, task: Task, running: dict[Future[Marks], Task], broken: list[Task]) -> None:
    try:
        running[executor.submit(work, task)] = task
    except BrokenExecutor:
        broken.append(task)


def _outcome(future: Future[Marks]) -> Result:
    try:
        return future.result()
    except CancelledError:
        return BrokenExecutor("the executor gave up")
    except Exception as error:
        return error


def _lost(result: Result) -> bool:
    return isinstance(result, BrokenExecutor) or type(result).__name__ == "KilledWorker"


def _ends_its_judge(task: Task) -> Exception:
    return AutograderError(
        f"its judge ended each of {TRIES_ALONE + 1} times; look at what {task.student} handed in before you open it"
    )
