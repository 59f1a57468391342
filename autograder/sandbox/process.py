"""The judge's side of workers: start them, hand them submissions, watch what they use, end them.

A `Warm` server has imported everything and runs no student code itself. Each submission gets a forked copy that shuts
itself in, with a pair of sockets of its own: nothing that one submission leaves can be read by, or taken for, another.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import itertools
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autograder.sandbox import confine, linux
from autograder.sandbox.limits import Limits
from autograder.sandbox.rungs import Rung, covered, environment, visible, worker_uid
from autograder.wire import CAPS, WireError, pack, unpack

START_SECONDS, LOOK_SECONDS = 60.0, 0.05
PIECE, MOST_DEEP, MOST_ENTRIES, MOST_FONTS = 8 << 20, 64, 100_000, 8 << 20


class WorkerGone(Exception):
    """The worker ended, hung, used too much or spoke nonsense; the text says which."""


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder to fill with what one worker may see; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="autograder-") as outer:
        folder = Path(outer) / "submission"
        folder.mkdir()
        yield folder


class _Channel:
    """Framed messages over two descriptors, each within a time."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self.writing = reading, writing
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)

    def send(self, data: bytes, wait: Any) -> None:
        view = memoryview(data)
        while view:
            wait([], [self.writing])
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(self.writing, view[: 1 << 20]) :]

    def receive(self, size: int, wait: Any) -> bytes:
        got = bytearray()
        while len(got) < size:
            wait([self.reading], [])
            with contextlib.suppress(BlockingIOError):
                part = os.read(self.reading, min(size - len(got), 1 << 20))
                if not part:
                    raise ConnectionResetError("it hung up")
                got += part
        return bytes(got)

    def message(self, wait: Any) -> Any:
        size = int.from_bytes(self.receive(4, wait), "big")
        if size > CAPS.bytes:
            raise WireError(f"a message of {size} bytes; at most {CAPS.bytes} are allowed")
        return unpack(self.receive(size, wait))


class _Server:
    """One running process on a rung: a fork server, or on a rung that is not warm a worker itself."""

    def __init__(self, rung: Rung, hidden: Sequence[Path], limits: Limits, preload: bool = True) -> None:
        if rung.kind == confine.LANDLOCK and (inside := covered(hidden)):
            raise WorkerGone(f"Landlock cannot hide {inside[0]}, which lies inside this Python's folders: move it")
        self.rung, self.limits, self.preload = rung, limits, preload
        self._stack = contextlib.ExitStack()
        try:
            self._start(rung.command(hidden, limits))
        except BaseException:
            self._stack.close()
            raise

    def _start(self, command: list[str]) -> None:
        own = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="autograder-"))
        self._noise = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        ours, theirs = socket.socketpair() if self.rung.warm else (None, None)
        self.process = subprocess.Popen(
            command,
            stdin=theirs.fileno() if theirs else subprocess.PIPE,
            stdout=subprocess.DEVNULL if self.rung.warm else subprocess.PIPE,
            stderr=self._noise,
            cwd=own,
            env=None if self.rung.home else environment(own),
            start_new_session=True,
        )
        self._stack.callback(self._end)
        if ours and theirs:
            theirs.close()
            self._stack.callback(ours.close)
            self.control, self.channel = ours, _Channel(ours.fileno(), ours.fileno())
        else:
            assert self.process.stdin
            assert self.process.stdout
            self.channel = _Channel(self.process.stdout.fileno(), self.process.stdin.fileno())
        ready = self._ask(self._settings(), START_SECONDS)
        self.reusable = self.rung.warm and bool(ready.get("nested"))

    def _settings(self) -> dict[str, Any]:
        limits = self.limits.rlimits()
        uid = worker_uid() if self.rung.kind in (confine.BUBBLEWRAP, confine.LANDLOCK) else 0
        if self.rung.kind == confine.PLAIN or (self.rung.kind == confine.LANDLOCK and not uid):
            limits["RLIMIT_NPROC"] += _running()  # there the limit counts all that the person who grades runs
        return {
            "kind": self.rung.kind,
            "warm": self.rung.warm,
            "uid": uid,
            "limits": limits,
            "scratch_bytes": self.limits.scratch_bytes,
            "scratch_files": self.limits.scratch_files,
            "visible": [str(path) for path in visible()],
            "preload": self.preload,
            "fonts": known_fonts() if self.preload else {},
        }

    def _ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """A question to our own code, before or between submissions."""
        deadline = time.monotonic() + seconds

        def wait(read: list[int], write: list[int]) -> None:
            left = deadline - time.monotonic()
            if left <= 0 or not any(select.select(read, write, [], left)):
                raise WorkerGone("it did not start in time")

        try:
            self.channel.send(pack(message), wait)
            reply = self.channel.message(wait)
        except (OSError, WireError) as error:
            raise WorkerGone(self.why_it_ended()) from error
        if not isinstance(reply, dict) or reply.get("fault"):
            raise WorkerGone(str(reply.get("fault")) if isinstance(reply, dict) else "it sent something else")
        return reply

    def begin(self) -> _Channel:
        """A fresh copy, shut in, at the other end of new sockets."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self.control, [b"f"], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise WorkerGone(self.why_it_ended()) from error
        return _Channel(number := ours.detach(), number)

    def finish(self) -> bool:
        """End the copy and all it started; whether the server is fit for the next."""
        try:
            self._ask({"do": "finish"}, 20)
        except WorkerGone:
            return False
        return True

    def _end(self) -> None:
        """Kill the whole tree: bubblewrap's process namespace dies with its first process, others one by one."""
        family = linux.tree(self.process.pid)[1:] if sys.platform == "linux" else []
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in family:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()

    def why_it_ended(self) -> str:
        """What is known of the end of this process."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        self._noise.seek(0)
        said = self._noise.read(4000).decode("utf-8", "replace").strip().splitlines()
        return f"its process ended (status {self.process.poll()})" + (f": {said[-1][:200]}" if said else "")

    def close(self) -> None:
        """End it; what it kept on disk is gone."""
        if self.rung.warm and self.process.poll() is None:
            self.finish()
        self._stack.close()


@functools.cache
def known_fonts() -> dict[str, str]:
    """Matplotlib's own list of this machine's fonts, by file name; made where there is none yet."""
    if not (found := _font_lists()):
        with contextlib.suppress(Exception):  # without it each server looks for itself
            import matplotlib.font_manager  # noqa: F401
        found = _font_lists()
    return {path.name: path.read_text("utf-8") for path in found if path.stat().st_size < MOST_FONTS}


def _font_lists() -> list[Path]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matplotlib"
    return sorted(Path(os.environ.get("MPLCONFIGDIR") or cache).glob("fontlist-*.json"))


def _running() -> int:
    """How many processes and threads this user runs."""
    mine = (p for p in Path("/proc").glob("[0-9]*/task") if _is_mine(p))
    return sum(_count(path) for path in mine) if hasattr(os, "getuid") else 0


def _is_mine(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.getuid()
    except OSError:
        return False


def _count(path: Path) -> int:
    try:
        return len(os.listdir(path))
    except OSError:
        return 0


class Warm:
    """Workers for many submissions, one after the other, from one server that has imported everything.

    A context manager: `with Warm(rung, hidden, limits) as warm: ... with warm.worker(folder) as worker: ...`. The
    server starts with the first worker and again whenever it is lost. Where submissions cannot be kept apart inside
    one server each gets its own. Without `preload` it imports only what it needs itself. Not for several threads.
    """

    def __init__(self, rung: Rung, hidden: Sequence[Path], limits: Limits, preload: bool = True) -> None:
        self.rung, self.hidden, self.limits, self.preload = rung, tuple(hidden), limits, preload
        self.server: _Server | None = None

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *exc: object) -> None:
        self.drop()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # a thread that ends leaves no server behind
            self.drop()

    def drop(self) -> None:
        """End the server; the next worker starts another."""
        server, self.server = self.server, None
        if server:
            server.close()

    def ready(self) -> _Server:
        """The running server, started if there is none."""
        if self.server is None or self.server.process.poll() is not None:
            self.drop()
            self.server = _Server(self.rung, self.hidden, self.limits, self.preload)
        return self.server

    def worker(self, folder: Path) -> Worker:
        """A worker for one submission that sees copies of the files in `folder`; a context manager."""
        return Worker(self.rung, folder, self.hidden, self.limits, self)


class Worker:
    """A worker for one submission; a context manager that leaves no process and no file behind."""

    def __init__(
        self, rung: Rung, folder: Path, hidden: Sequence[Path], limits: Limits, warm: Warm | None = None
    ) -> None:
        self.rung, self.folder, self.limits = rung, folder, limits
        self._warm, self._owned = warm or Warm(rung, hidden, limits), warm is None
        self._server: _Server | None = None
        self._looked, self._opened = 0.0, list[str]()

    def __enter__(self) -> Worker:
        try:
            return self._enter()
        except WorkerGone:  # no student code has run yet: a server that was lost meanwhile is nobody's fault
            if not self._server or self._server.process.poll() is None:
                raise
        return self._enter()

    def _enter(self) -> Worker:
        with contextlib.ExitStack() as stack:
            if self._owned:
                stack.callback(self._warm.drop)
            self.home = self.rung.home or stack.enter_context(_own_home())
            self._server = self._warm.ready()
            stack.callback(self._finish)
            self._channel = self._server.channel
            if self.rung.warm:
                self._channel = self._server.begin()
                stack.callback(os.close, self._channel.reading)
            self.exchange({"do": "enter", "home": self.home}, 30)
            self._hand_over_files()
            self._stack = stack.pop_all()
        return self

    def _finish(self) -> None:
        if self._owned or not self._server or not self._server.reusable or not self._server.finish():
            self._warm.drop()

    def _hand_over_files(self) -> None:
        for path in sorted(self.folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            name = path.relative_to(self.folder).as_posix()
            with path.open("rb") as file:
                while (piece := file.read(PIECE)) or file.tell() == 0:
                    text = base64.b64encode(piece).decode("ascii")
                    self.exchange({"do": "file", "name": name, "data": text}, 30)
                    if not piece:
                        break

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def copy(self) -> Iterator[Worker]:
        """A forked copy of this worker, warm at once; what it does to itself is gone with it (files stay)."""
        self.exchange({"do": "begin"}, 10)
        yield self
        self.exchange({"do": "end"}, 10)

    def exchange(self, message: dict[str, Any], seconds: float) -> Any:
        """Send one message and wait for its reply.

        Raises WorkerGone when the worker ends, uses too much, does not answer in time, or answers what cannot be read
        or was not asked: a reply must carry the number of its question, which nobody can know before.
        """
        self._deadline, number = time.monotonic() + seconds, secrets.token_hex(8)
        try:
            self._channel.send(pack({**message, "n": number}), self._wait)
            reply = self._channel.message(self._wait)
        except WireError as error:
            raise WorkerGone(f"it sent {error}") from error
        except OSError as error:
            raise WorkerGone(self._why(error)) from error
        if not isinstance(reply, dict) or not self._answers(reply, message["do"], number):
            raise WorkerGone("it sent a reply to something that was not asked")
        return reply

    def _answers(self, reply: dict[str, Any], does: str, number: str) -> bool:
        """Whether a reply has the number of the message, or closes a copy that was opened with its number."""
        if does in ("open", "begin"):
            self._opened.append(number)
        said = reply.pop("n", None)
        if "closed" in reply and said in self._opened:
            self._opened.remove(said)
            return True
        return bool(said == number)

    def _why(self, error: OSError) -> str:
        server = self._server
        ended = server and (server.process.poll() is not None or not self.rung.warm)
        return server.why_it_ended() if server and ended else "its process ended"

    def _wait(self, read: list[int], write: list[int]) -> None:
        """Until there is something to read or write; meanwhile, a look now and then at what the worker uses."""
        while True:
            now = time.monotonic()
            if now - self._looked >= LOOK_SECONDS:
                self._look()
                self._looked = now
            left = self._deadline - now
            if left <= 0:
                raise WorkerGone("it did not answer in time")
            if any(select.select(read, write, [], min(left, LOOK_SECONDS))):
                return

    def _look(self) -> None:
        if sys.platform != "linux" or not self._server:
            return
        pids, limits = linux.tree(self._server.process.pid)[1:], self.limits
        if len(pids) > limits.processes + 8:
            raise WorkerGone(f"it ran more than {limits.processes} processes")
        if linux.memory(pids, limits.total_memory) > limits.total_memory:
            raise WorkerGone(f"it used more than {limits.total_memory >> 20} MiB of memory in all")
        if not self.rung.home and (why := _too_full(Path(self.home), limits)):
            raise WorkerGone(why)


def _too_full(home: Path, limits: Limits) -> str:
    """Whether a folder without a size of its own holds more than it may."""
    size, files, todo = 0, 0, [(str(home), 0)]
    while todo:
        folder, depth = todo.pop()
        if depth > MOST_DEEP:
            return f"it made folders nested deeper than {MOST_DEEP}"
        for entry in _entries(folder):
            files += 1
            with contextlib.suppress(OSError):
                size += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    todo.append((entry.path, depth + 1))
        if size > limits.scratch_bytes or files > limits.scratch_files:
            return f"it wrote more than {limits.scratch_bytes >> 20} MiB or {limits.scratch_files} files"
    return ""


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(itertools.islice(found, MOST_ENTRIES))
    except OSError:
        return []


@contextlib.contextmanager
def _own_home() -> Iterator[str]:
    """A folder for one submission, removed whatever lies in it."""
    home = tempfile.mkdtemp(prefix="autograder-home-")
    try:
        yield home
    finally:
        _remove(home)


def _remove(home: str) -> None:
    """Remove a folder that student code has filled: very deep, unreadable or oddly named things too."""
    with contextlib.suppress(OSError, RecursionError, UnicodeError):
        shutil.rmtree(home)
    if os.path.lexists(home):
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run([*command, "--", home], capture_output=True, check=False)
