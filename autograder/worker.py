"""The untrusted process: runs a submission's cells, then answers what the judge asks of its functions.

Nothing that leaves here is believed. The judge sends one message at a time and gets one reply, which carries the
message's number `n`:

    {"do": "run", "source": ..., "seconds": ...}  ->  {"outputs": [...], "error": "" or the exception's name}
    {"do": "keep", "name": ...}                   ->  {"kept": true}        a forked copy waits, to be asked later
    {"do": "open", "of": ...}                     ->  {"opened": true}      what follows is asked of a forked copy
    {"do": "ask", "function": ..., "args": ..., "seconds": ...}  ->  {"answer": ...} or {"fault": ...}
    {"do": "close"}                               ->  {"closed": ""} or {"closed": why the copy ended}
    {"do": "predictions"}                         ->  {"predictions": {...}}
    {"do": "begin"}  ...  {"do": "end"}           a forked copy of the whole process serves what lies between

Asking a forked copy means that a call which hangs, exits or eats its memory costs that call only; `open` asks a copy
that was kept (`of` its name) or a copy of what is there now. The answer "closed" carries the number of its "open".
"""

from __future__ import annotations

import base64
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from autograder import student
from autograder.sandbox import confine
from autograder.wire import decode, encode, pack, unpack

FORKLESS, GONE = "no copy could be made", "the copy that was kept is gone"
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

    def take_streams(self) -> None:
        """From here on what is printed belongs to the current cell."""
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


def _frame(message: dict[str, Any], reply: Callable[[], dict[str, Any]]) -> bytes:
    """What answers a message, as it goes on the wire."""
    try:
        return pack({**reply(), "n": message["n"]})
    except BaseException as error:  # SystemExit, KeyboardInterrupt, or an answer that fights being read
        return pack({"fault": f"{type(error).__name__}: {_text(error)}"[:2000], "n": message["n"]})


class Server:
    """Serves one judge over two pipes until it hangs up."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO, shell: Shell) -> None:
        self.requests, self.replies, self.shell = requests, replies, shell
        self.kept: dict[str, socket.socket] = {}

    def serve(self) -> None:
        """Answer until the judge hangs up, or ends this copy."""
        while (message := read_frame(self.requests)) is not None and message["do"] != "end":
            self.reply(self._handle(message))

    def reply(self, frame: bytes) -> None:
        """Send one reply."""
        self.replies.write(frame)
        self.replies.flush()

    def _handle(self, message: dict[str, Any]) -> bytes:
        does = message["do"]
        if does == "open" and message.get("of"):
            return self._wake(message)
        if does in ("open", "begin"):
            return self._fork(self._serve_asks if does == "open" else self.serve, message)
        return _frame(message, lambda: self._answer(message))

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["do"] == "run":
            return self.shell.run(message["source"], message["seconds"])
        if message["do"] == "predictions":
            return {"predictions": student.MADE}
        if message["do"] == "keep":
            return {"kept": self._keep(message["name"])}
        if message["do"] == "file":
            return _put(message["name"], message["data"])
        return answer(self.shell.shell.user_ns, message)

    def _fork(self, serve: Callable[[], None], message: dict[str, Any]) -> bytes:
        """Let a copy answer until it closes or dies; the reply says which."""
        try:
            child = os.fork()
        except (AttributeError, OSError):  # Windows has none; a submission may have used up its processes
            return _frame(message, lambda: {"closed": FORKLESS})
        if child == 0:
            self._serve_copy(serve, message)
        status = _wait_for(child)
        return _frame(message, lambda: {"closed": _how_it_ended(status)})

    def _serve_copy(self, serve: Callable[[], None], message: dict[str, Any]) -> None:
        try:
            os.setpgid(0, 0)
            self.reply(_frame(message, lambda: {"opened": True}))
            serve()
        finally:
            os._exit(0)

    def _serve_asks(self) -> None:
        while (message := read_frame(self.requests)) is not None and message["do"] == "ask":
            _alarm(signal.SIG_DFL, message["seconds"])  # the default action ends this copy, caught by nothing
            frame = _frame(message, lambda: self._answer(message))
            _alarm(signal.SIG_DFL, 0)
            self.reply(frame)

    def _keep(self, name: str) -> bool:
        """A copy of all as it is now, to be asked later."""
        ours, theirs = socket.socketpair()
        try:
            child = os.fork()
        except (AttributeError, OSError):
            ours.close()
            theirs.close()
            return False
        if child == 0:
            self._sleep(theirs)
        theirs.close()
        self.kept[name] = ours
        return True

    def _sleep(self, bed: socket.socket) -> None:
        try:
            while head := bed.recv(4, socket.MSG_WAITALL):
                message = unpack(bed.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL))
                bed.sendall(self._fork(self._serve_asks, message))
        finally:
            os._exit(0)

    def _wake(self, message: dict[str, Any]) -> bytes:
        """Let a kept copy answer; the reply is what it says when it closes, or that it is gone."""
        try:
            bed = self.kept[message["of"]]
            bed.sendall(pack(message))
            head = bed.recv(4, socket.MSG_WAITALL)
            body = bed.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
            if body:
                return head + body
        except (KeyError, OSError):
            pass
        return _frame(message, lambda: {"closed": GONE})


def _wait_for(child: int) -> int:
    while True:
        try:
            status = os.waitpid(child, 0)[1]
        except InterruptedError:
            continue
        except ChildProcessError:  # the submission itself waited for it, or ignores its children
            status = 0
        with contextlib.suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        return status


def _how_it_ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "timeout" if number == signal.SIGALRM else f"ended by signal {signal.Signals(number).name}"
    code = os.waitstatus_to_exitcode(status)
    return "" if code == 0 else f"exit status {code}"


def _put(name: str, data: str) -> dict[str, Any]:
    """Add to a file of the submission; the judge sends large ones in pieces."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(base64.b64decode(data))
    return {"done": True}


def _silence(*standard: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in standard:
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _preload(fonts: dict[str, str]) -> None:
    """What labs import, imported once; `fonts` spares Matplotlib the second in which it looks at every font."""
    for name, text in fonts.items():
        with contextlib.suppress(OSError):
            path = Path(os.environ["MPLCONFIGDIR"]) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    for name in ("accelsim", "autograder", "matplotlib.pyplot", "matplotlib_inline.backend_inline", "accelsim.plot"):
        with contextlib.suppress(Exception):
            __import__(name)


def _work(requests: BinaryIO, replies: BinaryIO, settings: dict[str, Any], shell: Shell) -> None:
    """Serve one submission: shut this process in, then answer."""
    message = read_frame(requests)
    if message is None:
        return
    home = message["home"]
    try:
        if settings.get("nested"):
            confine.nest(home, settings)
        os.chdir("/")
        confine.shut_in(home, settings)
        os.chdir(home)
    except OSError as error:
        _tell(replies, {"fault": f"it could not shut itself in: {error}", "n": message["n"]})
        return
    _at_home(home)
    shell.take_streams()
    student.MODE.grading = True
    server = Server(requests, replies, shell)
    server.reply(pack({"entered": True, "n": message["n"]}))
    server.serve()


def _at_home(home: str) -> None:
    temporary = "/tmp" if home == "/home/student" else home
    os.environ.update(HOME=home, IPYTHONDIR=f"{home}/.ipython", TMPDIR=temporary, MPLCONFIGDIR=f"{home}/.matplotlib")
    sys.path.insert(0, home)


def _tell(replies: BinaryIO, message: dict[str, Any]) -> None:
    replies.write(pack(message))
    replies.flush()


def _fork_server(settings: dict[str, Any], shell: Shell, control: socket.socket) -> None:
    """Start a copy for each submission and end it when told; never run any of their code here."""
    confine.guard_server(settings["kind"])
    settings["nested"] = settings["kind"] == confine.BUBBLEWRAP and confine.can_nest()
    apart = settings["nested"] or settings["kind"] in (confine.LANDLOCK, confine.PLAIN)
    control.sendall(pack({"ready": True, "nested": apart}))
    gc.freeze()  # so that no copy of this process writes to what all of them share
    while True:
        first, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if first == b"f":
            _start(settings, shell, descriptors[0])
        elif first:  # the beginning of a message: finish
            _rest(control, first)
            confine.end_all()
            control.sendall(pack({"finished": True}))
        else:
            confine.end_all()
            return


def _rest(control: socket.socket, first: bytes) -> None:
    head = first + control.recv(3, socket.MSG_WAITALL)
    control.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)


def _start(settings: dict[str, Any], shell: Shell, channel: int) -> None:
    if os.fork():
        os.close(channel)
        return
    try:
        os.setsid()
        os.dup2(channel, 3)
        _silence(0, 1, 2)
        os.closerange(4, 1 << 20)
        _work(os.fdopen(3, "rb", closefd=False), os.fdopen(os.dup(3), "wb"), settings, shell)
    finally:
        os._exit(0)


def main() -> None:
    """Serve the judge that started this process: many submissions, or one over standard input and output."""
    started = time.monotonic()
    with os.fdopen(os.dup(0), "rb", buffering=0) as first:
        settings = read_frame(first)
    if settings is None:
        return
    if settings["preload"]:
        _preload(settings["fonts"])
    shell = Shell()
    if settings["warm"]:
        control = socket.socket(fileno=os.dup(0))
        _silence(0, 1)
        _fork_server(settings, shell, control)
        return
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _silence(0, 1)
    _tell(replies, {"ready": round(time.monotonic() - started, 3)})
    _silence(2)
    _work(requests, replies, settings, shell)


if __name__ == "__main__":
    main()
