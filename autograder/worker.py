"""The untrusted process: runs a submission's cells, then answers what the judge asks of its functions.

Nothing that leaves here is believed. The judge sends one message at a time and gets one reply:

    {"do": "run", "source": ..., "seconds": ...}  ->  {"outputs": [...], "error": "" or the exception's name}
    {"do": "open"}                                ->  {"opened": true}      what follows is asked of a forked copy
    {"do": "ask", "function": ..., "args": ..., "seconds": ...}  ->  {"answer": ...} or {"fault": ...}
    {"do": "close"}                               ->  {"closed": ""} or {"closed": why the copy ended}
    {"do": "predictions"}                         ->  {"predictions": {...}}
    {"do": "begin"}  ...  {"do": "end"}           a forked copy of the whole process serves what lies between

Asking a forked copy means that a call which hangs, exits or eats its memory costs that call only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from autograder import student
from autograder.wire import CAPS, decode, encode, pack, unpack

FORKLESS = "no copy could be made"
OUTPUT_CHARS, OUTPUT_PARTS = 200_000, 200
LEFT_OUT = "\n[the rest of this cell's output is left out]\n"


def read_frame(pipe: BinaryIO) -> Any:
    """The next message, or None at the end."""
    head = pipe.read(4)
    if len(head) < 4:
        return None
    return unpack(pipe.read(int.from_bytes(head, "big")))


class Outputs:
    """What a cell showed, in nbformat's form, up to a cap."""

    def __init__(self) -> None:
        self.parts: list[dict[str, Any]] = []
        self.left = OUTPUT_CHARS

    def stream(self, name: str, text: str) -> None:
        """Printed text."""
        kept = self._take(text)
        if kept and self.parts and self.parts[-1].get("name") == name:
            self.parts[-1]["text"] += kept
        elif kept:
            self.parts.append({"output_type": "stream", "name": name, "text": kept})

    def _take(self, text: str) -> str:
        if self.left <= 0:
            return ""
        kept, self.left = text[: self.left], self.left - len(text)
        return kept if self.left > 0 else kept + LEFT_OUT

    def display(self, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Rich output; an image counts a tenth of its characters."""
        shown = {kind: body for kind, body in data.items() if isinstance(body, str)}
        size = sum(len(body) // (10 if kind.startswith("image/") else 1) for kind, body in shown.items())
        if len(self.parts) >= OUTPUT_PARTS or size > self.left:
            self.stream("stdout", LEFT_OUT)
            return
        self.left -= size
        self.parts.append({"output_type": "display_data", "data": shown, "metadata": {}})

    def error(self, name: str, value: str, lines: list[str]) -> None:
        """An exception, its traceback as lines."""
        kept = [self._take(line) for line in lines[-40:]]
        self.parts.append({"output_type": "error", "ename": name[:200], "evalue": value[:2000], "traceback": kept})


class _Stream:
    """A file that writes into the current cell's outputs."""

    encoding, closed, errors = "utf-8", False, "replace"

    def __init__(self, name: str, outputs: Callable[[], Outputs]) -> None:
        self.name, self._outputs = name, outputs

    def write(self, text: str) -> int:
        self._outputs().stream(self.name, str(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("this stream has no file descriptor")


class CellTimeout(BaseException):
    """A cell ran for longer than it may."""


class Shell:
    """An IPython shell whose output is collected; magics and display work, nothing is kept on disk."""

    def __init__(self) -> None:
        from IPython.core.displayhook import DisplayHook
        from IPython.core.displaypub import DisplayPublisher
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        self.outputs = Outputs()
        owner = self

        class Publisher(DisplayPublisher):
            def publish(self, data: Any, metadata: Any = None, source: Any = None, **kwargs: Any) -> None:
                owner.outputs.display(data, metadata or {})

        class Hook(DisplayHook):
            def __call__(self, result: Any = None) -> None:
                if result is not None:
                    self.update_user_ns(result)
                    owner.outputs.display(*self.compute_format_data(result))

        class Quiet(InteractiveShell):
            def enable_gui(self, gui: Any = None) -> None:
                """There is none; `%matplotlib inline` asks all the same."""

            def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
                owner.outputs.error(getattr(etype, "__name__", "Error"), _text(evalue), list(stb))

        config = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
        self.shell: Any = Quiet(config=config, display_pub_class=Publisher, displayhook_class=Hook)
        one: Any = InteractiveShell
        one._instance = self.shell  # so that get_ipython() and display() find it
        sys.stdout = _Stream("stdout", lambda: self.outputs)
        sys.stderr = _Stream("stderr", lambda: self.outputs)

    def run(self, source: str, seconds: float) -> dict[str, Any]:
        """Run one cell; its error costs this cell only."""
        self.outputs = Outputs()
        _alarm(_raise_timeout, seconds)
        try:
            result = self.shell.run_cell(source, store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as raised:  # whatever a cell gets past IPython ends here
            error = raised
            self.outputs.error(type(raised).__name__, _text(raised), [])
        finally:
            _alarm(signal.SIG_DFL, 0)
        return {"outputs": self.outputs.parts, "error": type(error).__name__ if error else ""}


def _text(value: Any) -> str:
    try:
        return str(value)
    except BaseException:  # a student's exception may have a __str__ that raises
        return "(its text cannot be shown)"


def _raise_timeout(*args: Any) -> None:
    raise CellTimeout("this cell ran for longer than it may")


def _alarm(handler: Any, seconds: float) -> None:
    """Call `handler` after `seconds`, and again every second; 0 switches it off."""
    if hasattr(signal, "SIGALRM"):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0 if seconds else 0)


def not_defined(name: str) -> str:
    """What is said of a function that the notebook lacks."""
    return f"{name}() is not defined in the notebook"


def answer(names: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """The student's answer to one case, as it goes on the wire, or the fault."""
    name = message["function"]
    function = names.get(name)
    if not callable(function):
        return {"fault": not_defined(name)}
    outcome = student.ask(function, decode(message["args"]), name)
    return {"fault": outcome.fault[:2000]} if outcome.fault else {"answer": encode(outcome.value)}


def _safe_answer(names: dict[str, Any], message: dict[str, Any]) -> bytes:
    try:
        return pack(answer(names, message))
    except BaseException as error:  # SystemExit, KeyboardInterrupt, or an answer that fights being read
        return pack({"fault": f"{type(error).__name__}: {_text(error)}"[:2000]})


class Server:
    """Serves one judge over two pipes until it hangs up."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self.requests, self.replies = requests, replies
        self.shell = Shell()

    def serve(self) -> None:
        """Answer until the judge hangs up."""
        while (message := read_frame(self.requests)) is not None:
            self.reply(self._handle(message))

    def reply(self, frame: bytes) -> None:
        """Send one reply."""
        self.replies.write(frame)
        self.replies.flush()

    def _handle(self, message: dict[str, Any]) -> bytes:
        if message["do"] == "run":
            return pack(self.shell.run(message["source"], message["seconds"]))
        if message["do"] == "open":
            return self._fork(self._serve_asks)
        if message["do"] == "begin":
            return self._fork(self._serve_all)
        if message["do"] == "predictions":
            return pack({"predictions": student.MADE})
        return _safe_answer(self.shell.shell.user_ns, message)

    def _fork(self, serve: Callable[[], None]) -> bytes:
        """Let a copy answer until it closes or dies; the reply says which."""
        try:
            child = os.fork()
        except (AttributeError, OSError):  # Windows has none; a submission may have used up its processes
            return pack({"closed": FORKLESS})
        if child == 0:
            self._serve_copy(serve)
        status = os.waitpid(child, 0)[1]
        _end_group(child)
        return pack({"closed": _how_it_ended(status)})

    def _serve_copy(self, serve: Callable[[], None]) -> None:
        try:
            os.setpgid(0, 0)
            self.reply(pack({"opened": True}))
            serve()
        finally:
            os._exit(0)

    def _serve_all(self) -> None:
        while (message := read_frame(self.requests)) is not None and message["do"] != "end":
            self.reply(self._handle(message))

    def _serve_asks(self) -> None:
        while (message := read_frame(self.requests)) is not None and message["do"] == "ask":
            _alarm(signal.SIG_DFL, message["seconds"])  # the default action ends this copy, caught by nothing
            frame = _safe_answer(self.shell.shell.user_ns, message)
            _alarm(signal.SIG_DFL, 0)
            self.reply(frame)


def _end_group(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        return


def _how_it_ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "timeout" if number == signal.SIGALRM else f"ended by signal {signal.Signals(number).name}"
    code = os.waitstatus_to_exitcode(status)
    return "" if code == 0 else f"exit status {code}"


def confine(settings: dict[str, Any]) -> None:
    """Give up privileges and set the limits of this process and all it starts, before student code runs."""
    if settings["uid"]:
        os.setgroups([])
        os.setgid(settings["uid"])
        os.setuid(settings["uid"])
    os.umask(0o022)
    for name, value in settings["limits"].items():
        _limit(name, value)


def _limit(name: str, value: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    number = getattr(resource, name, None)
    if number is None:
        return
    hard = resource.getrlimit(number)[1]
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(OSError, ValueError):  # macOS knows some limits by name only
        resource.setrlimit(number, (bound, bound))


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output become private pipes; what a student writes to file descriptors 1 and 2 is lost."""
    requests = os.fdopen(os.dup(0), "rb", closefd=True)
    replies = os.fdopen(os.dup(1), "wb", closefd=True)
    _silence(0, 1)
    return requests, replies


def _silence(*standard: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in standard:
        os.dup2(nothing, descriptor)


def _bring(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        here = target / path.relative_to(source)
        here.mkdir(parents=True, exist_ok=True) if path.is_dir() else shutil.copyfile(path, here)


def main() -> None:
    """Serve the judge that started this process."""
    started = time.monotonic()
    requests, replies = _pipes()
    settings = read_frame(requests)
    if settings is None:
        return
    confine(settings)
    if settings["copy_from"]:
        _bring(Path(settings["copy_from"]), Path.cwd())
    student.MODE.grading = True
    server = Server(requests, replies)
    sys.path.insert(0, str(Path.cwd()))
    _silence(2)
    server.reply(pack({"ready": round(time.monotonic() - started, 3), "caps": CAPS.bytes}))
    server.serve()


if __name__ == "__main__":
    main()
