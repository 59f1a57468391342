"""Try to get out: small attacks run inside a rung, to see what it keeps in."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.sandbox.limits import Limits
from autograder.sandbox.process import Warm, WorkerGone, scratch
from autograder.sandbox.rungs import Rung

SMALL = Limits(cell_seconds=5, memory=1 << 30, total_memory=1 << 30, processes=24, scratch_bytes=32 << 20)


@dataclass(frozen=True)
class Probe:
    """One attempt: what it `tries`, its code (it prints OUT when it succeeds), what is said then."""

    tries: str
    code: str
    out: str
    needed: bool = True


READ = """
try:
    print("OUT" if open({canary!r}).read() == {secret!r} else "")
except OSError:
    pass
"""
WRITE = """
for path in ({canary!r}, {beside!r}):
    try:
        open(path, "a").write("x"); print("OUT")
    except OSError:
        pass
"""
CHANGE = """
import os
try:
    os.chmod({canary!r}, 0); print("OUT")
except OSError:
    pass
"""
SOCKET = """
import socket
for family, address in ((socket.AF_INET, ("127.0.0.1", {port})), (socket.AF_UNIX, {named!r})):
    try:
        socket.socket(family).connect(address); print("OUT")
    except OSError:
        pass
"""
SIGNAL = """
import os, signal
for pid in ({pid}, os.getppid()):
    try:
        os.kill(pid, 0); print("OUT" if pid == {pid} else "")
    except OSError:
        pass
"""
ENVIRONMENT = """
for pid in ({pid}, {grader}):
    for name in ("environ", "cmdline", "mem", "maps"):
        try:
            open(f"/proc/{{pid}}/{{name}}", "rb").read(1); print("OUT")
        except OSError:
            pass
"""
HOARD = """
try:
    hoard = bytearray(3 << 30); print("OUT")
except MemoryError:
    pass
"""
CROWD = """
import os
try:
    for n in range(200):
        if os.fork() == 0:
            import time; time.sleep(60); os._exit(0)
    print("OUT")
except OSError:
    pass
"""
FILL = """
try:
    for n in range(8):
        with open(f"fill{{n}}", "wb") as file:
            file.write(b"x" * (16 << 20))
    import time; time.sleep(0.5); print("OUT")
except OSError:
    pass
"""
NAMESPACE = """
import ctypes
if ctypes.CDLL(None).unshare(0x10000000) == 0:
    print("OUT")
"""
LINGER = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(0.05)
    os._exit(0)
open("left", "w").write("x")
"""

PROBES = (
    Probe("read a file of yours", READ, "it read a file of yours"),
    Probe("write to a file of yours", WRITE, "it wrote to a file of yours"),
    Probe("change a file's mode", CHANGE, "it changed the mode of a file of yours"),
    Probe("open a connection", SOCKET, "it opened a connection"),
    Probe("signal another process", SIGNAL, "it could signal another process of yours"),
    Probe("look into another process", ENVIRONMENT, "it looked into another process of yours"),
    Probe("make a namespace", NAMESPACE, "it could make a namespace of its own"),
    Probe("use more memory than allowed", HOARD, "it used more memory than allowed"),
    Probe("use more disk than allowed", FILL, "it wrote more than allowed"),
    Probe("start more processes than allowed", CROWD, "it started more processes than allowed"),
)
QUICK = PROBES[:7]


@dataclass(frozen=True)
class Finding:
    """What came of one probe: whether the rung kept it in."""

    tries: str
    kept_in: bool
    out: str


def escapes(rung: Rung) -> list[str]:
    """What a rung fails to keep in of the attempts that take no time; empty when it holds.

    Raises WorkerGone when no worker starts on it.
    """
    return [finding.out for finding in try_all(rung, QUICK) if not finding.kept_in]


def try_all(rung: Rung, probes: Sequence[Probe] = PROBES) -> list[Finding]:
    """Run each probe in a worker of its own, from one server, beside a bait: a file, a listener, a process."""
    with (
        tempfile.TemporaryDirectory(prefix="autograder-canary-", dir=_outside()) as folder,
        _Bait(Path(folder)) as bait,
        Warm(rung, (), SMALL, preload=False) as warm,
        scratch() as empty,
    ):
        found = [_try(warm, empty, probe, bait) for probe in probes]
        return [*found, _nothing_left(warm, empty)]


def _outside() -> str | None:
    """Somewhere that no rung means to show."""
    return next((place for place in ("/var/tmp", "/tmp") if os.access(place, os.W_OK)), None)


class _Bait:
    """A file, two listening sockets and a process that a worker should not reach, each as open as can be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> dict[str, object]:
        import socket

        self.folder.chmod(0o777)
        secret, canary = secrets.token_hex(8), self.folder / "canary"
        canary.write_text(secret)
        canary.chmod(0o666)
        self.listening = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)]
        named = str(self.folder / "socket")
        self.listening[1].bind(named)
        self.listening[1].listen()
        os.chmod(named, 0o777)
        waits = [sys.executable, "-c", "input()"]  # for a word that never comes, and no longer than we live
        self.other = subprocess.Popen(waits, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return {
            "canary": str(canary),
            "beside": str(self.folder / "new"),
            "secret": secret,
            "port": self.listening[0].getsockname()[1],
            "named": named,
            "pid": self.other.pid,
            "grader": os.getpid(),
        }

    def __exit__(self, *exc: object) -> None:
        self.other.send_signal(signal.SIGKILL)
        self.other.communicate()
        for listener in self.listening:
            listener.close()


def _run(warm: Warm, folder: Path, code: str) -> str:
    with warm.worker(folder) as worker:
        reply = worker.exchange({"do": "run", "source": code, "seconds": 5}, 10)
    parts = reply.get("outputs", []) if isinstance(reply, dict) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _try(warm: Warm, folder: Path, probe: Probe, bait: dict[str, object]) -> Finding:
    warm.ready()
    try:
        out = "OUT" in _run(warm, folder, probe.code.format(**bait))
    except WorkerGone:  # ended for what it did
        out = False
    return Finding(probe.tries, not out, probe.out)


def _nothing_left(warm: Warm, folder: Path) -> Finding:
    """A process that outlives its parent, and a file: gone for the next worker, and from the machine."""
    tries = "stay behind for the next submission"
    _run(warm, folder, LINGER)
    look = "import os; print([f for f in ('left', '/tmp/left') if os.path.exists(f)] or '')"
    left = bool(_run(warm, folder, look).strip())
    return Finding(tries, not left, "something stayed behind for the next submission")
