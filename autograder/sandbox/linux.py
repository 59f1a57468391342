"""The few calls to Linux that Python has no names for. Importable everywhere; usable on Linux."""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP = 1, 4, 8, 22
PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 24, 36, 38, 47
NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID = 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000
NOSUID, NODEV, NOEXEC, READ_ONLY, BIND, RECURSIVE, PRIVATE = 2, 4, 8, 1, 0x1000, 0x4000, 0x40000
DAC_READ_SEARCH = 2
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int = 0) -> None:
    """Change something about this process.

    Raises OSError when the kernel refuses.
    """
    zero = ctypes.c_ulong(0)
    _checked(_libc().prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl {option}")


def unshare(flags: int) -> None:
    """Leave namespaces for new ones."""
    _checked(_libc().unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount a filesystem."""
    text = [part.encode() or None for part in (source, target, kind)]
    _checked(_libc().mount(*text, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


def syscall(number: int, *arguments: Any) -> int:
    """Any system call; pointers as ctypes objects or None."""
    words = [a if a is None or isinstance(a, ctypes._Pointer | ctypes.Array) else ctypes.c_long(a) for a in arguments]
    return _checked(int(_libc().syscall(ctypes.c_long(number), *words)), f"system call {number}")


def new_user_namespace(flags: int) -> None:
    """New namespaces for one without privileges: in the new user namespace this user is itself, and alone."""
    user, group = os.getuid(), os.getgid()
    unshare(NEWUSER | flags)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def drop_capabilities(keep: int = -1) -> None:
    """Give up every capability, for good; `keep` names one that stays in force for this process alone."""
    for number in range(64):
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError:  # past the last one, or not allowed to and so without any
            break
    low = 1 << keep if keep >= 0 else 0
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)(low, low, 0, 0, 0, 0)
    _checked(_libc().capset(header, sets), "capset")


def become(uid: int, keep: int = -1) -> None:
    """Become a user without any privilege; `keep` names one capability that stays."""
    if uid:
        if keep >= 0:
            prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    drop_capabilities(keep)


def children(pid: int) -> list[int]:
    """The processes that a process started and that have not been waited for, of all its threads."""
    found: list[int] = []
    for thread in _names(f"/proc/{pid}/task"):
        try:
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
        except (OSError, ValueError):
            continue
    return found


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # the process has ended meanwhile
        return []


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found: list[int] = []
    todo = [pid]
    while todo and len(found) < 10_000:
        found.append(todo.pop())
        todo += children(found[-1])
    return found


def memory(pids: list[int], enough: int) -> int:
    """Bytes of memory that processes hold together, without files.

    Pages that they share are counted once where it matters: when the plain sum, which is quicker, exceeds `enough`.
    """
    rough = sum(_from(f"/proc/{pid}/status", ("RssAnon:", "RssShmem:")) for pid in pids)
    if rough <= enough:
        return rough
    exact = sum(_from(f"/proc/{pid}/smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")) for pid in pids)
    return exact or rough


def _from(path: str, names: tuple[str, ...]) -> int:
    try:
        lines = Path(path).read_text().splitlines()
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(names))
    except (OSError, ValueError):
        return 0
