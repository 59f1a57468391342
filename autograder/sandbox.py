"""Where a submission runs: behind bubblewrap, or in a plain process that official grading refuses.

The rungs of the ladder, best first. `best()` says which one holds on this machine, and `missing()` what to install.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import accelsim
import autograder
from autograder.wire import CAPS, WireError, pack, unpack

HOME, SUBMISSION = "/home/student", "/submission"


@dataclass(frozen=True)
class Limits:
    """Seconds per cell, per case and per submission; bytes of memory per process, of one file and of scratch space."""

    cell_seconds: float = 60.0
    case_seconds: float = 10.0
    submission_seconds: float = 300.0
    memory: int = 4 << 30
    processes: int = 64
    file_bytes: int = 64 << 20
    scratch_bytes: int = 256 << 20

    def rlimits(self) -> dict[str, int]:
        """The same as POSIX resource limits, by name."""
        return {
            "RLIMIT_AS": self.memory,
            "RLIMIT_CPU": int(self.submission_seconds),
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_CORE": 0,
        }


@dataclass(frozen=True)
class Rung:
    """One way to run a worker. `command` gives the command line for a folder to be seen and folders to be hidden."""

    name: str
    official: bool
    command: Callable[[Path, Sequence[Path], Limits], list[str]]
    uid: Callable[[], int] = field(default=lambda: 0)


class WorkerGone(Exception):
    """The worker ended, hung or spoke nonsense; the text says which."""


def environment(home: str = HOME) -> dict[str, str]:
    """The few variables a worker sees."""
    return {
        "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "IPYTHONDIR": f"{home}/.ipython",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _python() -> list[str]:
    """Isolated from the user's environment and the working directory; the packages need not be installed."""
    parents = sorted({str(package.parent) for package in packages()})
    code = f"import sys; sys.path += {parents}; from autograder.worker import main; main()"
    return [sys.executable, "-I", "-X", "utf8", "-c", code]


def packages() -> list[Path]:
    """Where the two packages are that a worker imports."""
    return [Path(module.__file__).resolve().parent for module in (accelsim, autograder) if module.__file__]


def seen() -> list[Path]:
    """What a worker must see, read-only, besides the system: this Python and the two packages."""
    prefixes = [Path(prefix) for prefix in (sys.base_prefix, sys.prefix)]
    outer = [p for p in dict.fromkeys((*prefixes, *(p.resolve() for p in prefixes))) if not _inside(p, [Path("/usr")])]
    return [*outer, *(p for p in packages() if not _inside(p, [*outer, Path("/usr")]))]


def _inside(path: Path, parents: Sequence[Path]) -> bool:
    return any(path.is_relative_to(parent) for parent in parents)


def bubblewrap(folder: Path, hidden: Sequence[Path], limits: Limits) -> list[str]:
    """bwrap: own namespaces, no network, the system read-only, private scratch space, only this submission visible."""
    visible = seen()
    covered = [p for p in hidden if _inside(p, [*visible, Path("/usr")])]
    scratch = ["--size", str(limits.scratch_bytes), "--tmpfs"]
    return [
        *("bwrap", "--die-with-parent", "--new-session", "--hostname", "sandbox", "--unshare-uts"),
        *_privileges(),
        *("--clearenv", *(part for pair in environment().items() for part in ("--setenv", *pair))),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev", *scratch, "/dev/shm"),
        *("--perms", "1777", *scratch, "/tmp", "--perms", "0777", *scratch, HOME),
        *_ways(visible),
        *(part for p in visible for part in ("--ro-bind", str(p), str(p))),
        *(part for p in covered for part in ("--tmpfs", str(p))),
        *("--ro-bind", str(folder), SUBMISSION, "--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", HOME, "--", *_python()),
    ]


def _privileges() -> list[str]:
    """As root the worker drops to a user of its own (limits on processes bind nobody else); else a user namespace."""
    if os.getuid() == 0:
        spaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-cgroup-try"]
        return [*spaces, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return ["--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"]


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)
    for name in ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "fonts", "alternatives", "localtime"):
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _ways(visible: Sequence[Path]) -> Iterator[str]:
    """The directories above what is visible, which bubblewrap would otherwise close to the worker's user."""
    for parent in sorted({parent for path in visible for parent in path.parents if parent != Path("/")}):
        yield from ("--perms", "0755", "--dir", str(parent))


def plain(folder: Path, hidden: Sequence[Path], limits: Limits) -> list[str]:
    """A process like any other: it can read what you can read."""
    return _python()


def _worker_uid() -> int:
    """A user id that no account has, one per grading process."""
    return 2_000_000 + os.getpid() % 1_000_000 if hasattr(os, "getuid") and os.getuid() == 0 else 0


BUBBLEWRAP = Rung("bubblewrap", True, bubblewrap, _worker_uid)
PLAIN = Rung("plain process", False, plain)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder to fill with what one worker may see; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="autograder-") as outer:
        folder = Path(outer) / "submission"
        folder.mkdir()
        folder.chmod(0o755)  # the worker's user reads it through the sandbox; `outer` stays closed to others
        yield folder


@functools.cache
def missing() -> str:
    """Why bubblewrap does not hold here, and what to do; empty when it does."""
    if sys.platform != "linux":
        return f"bubblewrap needs Linux, this is {sys.platform}: grade on Linux, in a container, or in WSL on Windows"
    if not shutil.which("bwrap"):
        return (
            "bubblewrap is not installed: sudo apt install bubblewrap (Debian, Ubuntu) or sudo dnf install bubblewrap"
        )
    try:
        with scratch() as folder, Worker(BUBBLEWRAP, folder, (), Limits()):
            return ""
    except WorkerGone as error:
        return f"bubblewrap is installed but makes no sandbox here: {error}. It needs unprivileged user namespaces"


def best() -> Rung:
    """The safest rung that holds on this machine."""
    return PLAIN if missing() else BUBBLEWRAP


class Worker:
    """A running worker process; a context manager that leaves no process behind."""

    def __init__(self, rung: Rung, folder: Path, hidden: Sequence[Path], limits: Limits) -> None:
        self.rung, self.folder, self.hidden, self.limits = rung, folder, hidden, limits

    def __enter__(self) -> Worker:
        with contextlib.ExitStack() as stack:
            self._noise = stack.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                self.rung.command(self.folder, self.hidden, self.limits),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._noise,
                cwd=None if self.rung.official else self.folder,
                env=None if self.rung.official else environment(str(self.folder)),
                start_new_session=True,
            )
            stack.callback(self._end)
            self.exchange(self._settings(), 60)
            self._stack = stack.pop_all()
        return self

    def _settings(self) -> dict[str, Any]:
        limits = self.limits.rlimits()
        if not self.rung.official:  # there the limit would count all processes of the person who grades
            del limits["RLIMIT_NPROC"]
        return {"uid": self.rung.uid(), "limits": limits, "copy_from": SUBMISSION if self.rung.official else ""}

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _end(self) -> None:
        """Kill the whole tree: bubblewrap's process namespace dies with its first process, a plain one by its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()

    @contextlib.contextmanager
    def copy(self) -> Iterator[Worker]:
        """A forked copy of this worker, warm at once; what it does to itself is gone with it (files stay)."""
        self.exchange({"do": "begin"}, 10)
        yield self
        self.exchange({"do": "end"}, 10)

    def exchange(self, message: Any, seconds: float) -> Any:
        """Send one message and wait for its reply.

        Raises WorkerGone when the worker ends, does not answer in time, or answers what cannot be read.
        """
        deadline = time.monotonic() + seconds
        try:
            self._send(pack(message), deadline)
            size = int.from_bytes(self._receive(4, deadline), "big")
            if size > CAPS.bytes:
                raise WorkerGone(f"it sent a message of {size} bytes; at most {CAPS.bytes} are allowed")
            return unpack(self._receive(size, deadline))
        except WireError as error:
            raise WorkerGone(f"it sent {error}") from error
        except OSError as error:
            raise WorkerGone(self._why_it_ended()) from error

    def _send(self, data: bytes, deadline: float) -> None:
        assert self._process.stdin
        pipe = self._process.stdin.fileno()
        os.set_blocking(pipe, False)
        while data:
            self._wait([], [pipe], deadline)
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(pipe, data) :]

    def _receive(self, size: int, deadline: float) -> bytes:
        assert self._process.stdout
        pipe, got = self._process.stdout.fileno(), bytearray()
        while len(got) < size:
            self._wait([pipe], [], deadline)
            part = os.read(pipe, min(size - len(got), 1 << 20))
            if not part:
                raise WorkerGone(self._why_it_ended())
            got += part
        return bytes(got)

    def _wait(self, read: list[int], write: list[int], deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not any(select.select(read, write, [], left)):
            raise WorkerGone("it did not answer in time")

    def _why_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._noise.seek(0)
        said = self._noise.read(4000).decode("utf-8", "replace").strip().splitlines()
        return f"its process ended (status {self._process.poll()})" + (f": {said[-1][:200]}" if said else "")
