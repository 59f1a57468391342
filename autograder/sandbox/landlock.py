"""Landlock: a process gives up all files but those under a few paths. Needs no helper and no privileges."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

from autograder.sandbox import linux

OLDEST = 3  # Linux 6.2: from here on truncate() is restricted too
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL = 1, 2, 4, 8, 1 << 14, 1 << 15
READ, OF_A_FILE = EXECUTE | READ_FILE | READ_DIR, EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
ABSTRACT_SOCKETS, SIGNALS = 1, 2


def abi() -> int:
    """The version of the kernel's Landlock; 0 where there is none.

    Version 3 comes with Linux 6.2; version 6 (Linux 6.12) also keeps signals inside.
    """
    try:
        return linux.syscall(linux.LANDLOCK_CREATE, None, 0, 1)
    except (OSError, AttributeError, TypeError):
        return 0


def rights(version: int) -> int:
    """Every right about files that a version of Landlock knows, as bits.

    >>> f"{rights(3):b}".count("1")
    15
    """
    return (1 << 13) - 1 | (1 << 13) * (version >= 2) | TRUNCATE * (version >= 3) | IOCTL * (version >= 5)


def restrict(read: Sequence[Path], write: Sequence[Path], devices: Sequence[Path]) -> None:
    """Keep this process and all it starts to reading under `read` and to anything under `write`, for good.

    Raises OSError where the kernel refuses.
    """
    version = abi()
    fields = [rights(version), 3, (ABSTRACT_SOCKETS | SIGNALS) if version >= 6 else 0]
    count = 3 if version >= 6 else 2 if version >= 4 else 1
    ruleset = linux.syscall(linux.LANDLOCK_CREATE, (ctypes.c_uint64 * count)(*fields[:count]), 8 * count, 0)
    try:
        for path in read:
            _allow(ruleset, path, READ)
        for path in write:
            _allow(ruleset, path, rights(version))
        for path in devices:
            _allow(ruleset, path, READ_FILE | WRITE_FILE)
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        linux.syscall(linux.LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, allowed: int) -> None:
    """One rule; a path that does not exist needs none."""
    try:
        where = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        bits = allowed if path.is_dir() else allowed & OF_A_FILE
        rule = ctypes.create_string_buffer(bits.to_bytes(8, "little") + where.to_bytes(4, "little"), 12)
        linux.syscall(linux.LANDLOCK_ADD, ruleset, 1, rule, 0)
    finally:
        os.close(where)
