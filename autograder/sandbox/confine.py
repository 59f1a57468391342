"""Inside a worker's process: how it shuts itself in, before any student code runs.

`settings` comes from the judge: the `kind` of rung, resource `limits`, the user id to become (0: stay), scratch space
in bytes and files, and the paths that Landlock leaves `visible`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.sandbox import landlock, linux, seccomp

BUBBLEWRAP, LANDLOCK, CONTAINER, PLAIN = "bubblewrap", "landlock", "container", "plain"
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SPACES = linux.NEWNS | linux.NEWIPC | linux.NEWUTS | linux.NEWPID


def can_nest() -> bool:
    """Whether this process can make namespaces inside its own, and so keep submissions apart."""
    child = os.fork()
    if child == 0:
        try:
            _new_spaces()
            inner = os.fork()
            if inner == 0:
                linux.mount("none", "/tmp", "tmpfs", 0)
                os._exit(0)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]))
        except BaseException:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _new_spaces() -> None:
    linux.unshare(SPACES) if os.getuid() == 0 else linux.new_user_namespace(SPACES)


def nest(home: str, settings: dict[str, Any]) -> None:
    """Go on as a grandchild with namespaces, scratch space and process table of its own.

    The first process in there does nothing but wait: when it is killed the kernel ends all the others. The process
    between leaves at once, so that the one which called owns the first.
    """
    _new_spaces()
    if os.fork():
        os._exit(0)
    _mounts(home, settings)
    worker = os.fork()
    if worker:
        os.closerange(0, 4096)
        _wait_for(worker)


def _wait_for(worker: int) -> None:
    """Be the first process of a namespace: wait for all orphans, end with the worker."""
    while True:
        with contextlib.suppress(InterruptedError):
            if os.wait()[0] == worker:
                os._exit(0)


def _mounts(home: str, settings: dict[str, Any]) -> None:
    linux.mount("none", "/", "", linux.PRIVATE | linux.RECURSIVE)
    closed = linux.NOSUID | linux.NODEV | linux.NOEXEC
    try:
        linux.mount("proc", "/proc", "proc", closed)
    except OSError:  # a kernel that shows a part of /proc only shows none of it here
        linux.mount("none", "/proc", "tmpfs", closed | linux.READ_ONLY)
    owner = f"uid={settings['uid']},gid={settings['uid']}," if settings["uid"] else ""
    size, files = settings["scratch_bytes"], settings["scratch_files"]
    kept = [(path, os.open(path, os.O_PATH)) for path in settings["visible"] if path.startswith("/tmp/")]
    for path, mode, share in ((home, "0700", 1), ("/tmp", "1777", 1), ("/dev/shm", "1777", 4)):
        data = f"{owner}mode={mode},size={size // share},nr_inodes={files}"
        linux.mount("none", path, "tmpfs", linux.NOSUID | linux.NODEV, data)
    for path, handle in kept:
        _show_again(path, handle)


def _show_again(path: str, handle: int) -> None:
    """A project or its Python may live below /tmp, which has just been covered: what is visible comes back there."""
    os.makedirs(path, mode=0o755, exist_ok=True)
    os.fchdir(handle)
    linux.mount(".", path, "", linux.BIND | linux.RECURSIVE)  # read-only, as the mount that it copies
    os.chdir("/")
    os.close(handle)


def shut_in(home: str, settings: dict[str, Any]) -> None:
    """Limits, then the rung's walls, then no more privileges, then the filter of system calls.

    Raises OSError where a wall cannot be built: then no student code may run.
    """
    kind, uid = settings["kind"], settings["uid"]
    os.umask(0o022)
    for name, value in settings["limits"].items():
        limit(name, value)
    if kind == LANDLOCK:
        _landlock(home, uid, settings["visible"])
    if kind in (BUBBLEWRAP, CONTAINER):
        linux.become(uid)
    if kind != PLAIN:
        old = kind == LANDLOCK and landlock.abi() < 6  # does not keep signals inside by itself
        seccomp.install(owning=kind == LANDLOCK, signalling=old)


def _landlock(home: str, uid: int, visible: Sequence[str]) -> None:
    if uid:
        os.chown(home, uid, uid)
    landlock.restrict([Path(p) for p in visible], [Path(home)], [Path(p) for p in DEVICES])
    linux.become(uid, linux.DAC_READ_SEARCH if uid and not _open_to_all(visible) else -1)


def _open_to_all(visible: Sequence[str]) -> bool:
    """Whether any user may pass through the folders above; a Python in root's home is behind a closed door.

    Where it is, the worker keeps the right to pass closed doors; Landlock holds it to what is visible all the same.
    """
    above = {parent for path in visible for parent in Path(path).parents}
    return all(parent.stat().st_mode & 1 for parent in above if parent.exists())


def limit(name: str, value: int) -> None:
    """Set one resource limit of this process, by name; never above what it already is."""
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


def guard_server(kind: str) -> None:
    """What the process that only starts workers does for itself: orphans come to it, nobody looks into it."""
    if sys.platform != "linux":
        return
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    if kind != BUBBLEWRAP:
        linux.prctl(linux.PR_SET_DUMPABLE, 0)


def end_all() -> None:
    """Kill and wait for every process that descends from this one; daemons came back here when their parent ended."""
    while found := [pid for pid in _descendants() if pid != os.getpid()]:
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        _reap()
    _reap()


def _descendants() -> list[int]:
    return linux.tree(os.getpid()) if sys.platform == "linux" else []


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
