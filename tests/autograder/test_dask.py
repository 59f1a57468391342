"""A Dask cluster of processes on this machine, one of which is killed while it grades."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder import cli
from autograder.course import Course
from tests.autograder.faults.scene import ROOT, scene, state
from tests.autograder.faults.trials import copy, different, lost

pytest.importorskip("distributed", reason="Dask is an extra: pip install 'accelsim[dask]'")
pytestmark = [pytest.mark.sandbox, pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="uses /proc")]
LAB = str(ROOT / "tests" / "autograder" / "tiny")


class Cluster:
    """A scheduler and two workers as an administrator starts them, each a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = self._said("scheduler", r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)")
        where = ("--host", "127.0.0.1", "--no-dashboard", "--local-directory", str(folder))
        self.workers = [
            self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--name", f"w{n}", *where, log=f"w{n}")
            for n in (0, 1)
        ]
        for n in (0, 1):
            self._said(f"w{n}", r"(Registered to)")

    def _start(self, *arguments: str, log: str = "scheduler") -> subprocess.Popen:
        code = f"from distributed.cli import dask_{arguments[0]} as program; program.main()"
        with (self.folder / log).open("w") as out:
            return subprocess.Popen(
                [sys.executable, "-c", code, *arguments[1:]],
                stdout=out,
                stderr=out,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "30s"},
                start_new_session=True,
            )

    def _said(self, log: str, pattern: str) -> str:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            if found := re.search(pattern, (self.folder / log).read_text()):
                return found[1]
            time.sleep(0.1)
        raise AssertionError(f"{log}: {(self.folder / log).read_text()[-2000:]}")

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.stop()


def dask_grader(course: Course, address: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "autograder", "grade", LAB, "--course", str(course.root), "--dask", address]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_a_worker_killed_in_the_middle_loses_nothing(cluster):
    with scene() as made, copy(made) as course:
        process = dask_grader(course, cluster.address)
        until, busy = time.monotonic() + 120, []
        while process.poll() is None and not busy and time.monotonic() < until:
            busy = [worker for worker in cluster.workers if sandboxes(worker.pid)]
            time.sleep(0.02)
        if not busy:
            pytest.fail(f"it ended before a worker could be killed: {process.communicate()[0].decode()}")
        busy[0].send_signal(signal.SIGKILL)
        said = process.communicate(timeout=240)[0].decode()
        assert process.returncode in (0, 1), said
        assert [] == lost(course, made) + different(course, made), said
        assert made.after == state(course)


def sandboxes(pid: int) -> list[str]:
    """The commands of the processes right under a worker."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for path in children for child in path.read_text().split()]


def test_no_scheduler_is_said(capsys, course, hand_in, monkeypatch):
    monkeypatch.chdir(ROOT)
    hand_in("ada")
    arguments = ["grade", LAB, "--course", str(course.root), "--dask", "tcp://127.0.0.1:9"]
    assert 2 == cli.main(arguments)
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err
