"""A filter of system calls: what student code never needs does not exist for it.

The filter is a program for the kernel's packet filter: load the number of the call, compare, return a verdict. It
refuses by an error, so that Python raises an exception a student can read; a foreign calling convention ends the
process. Numbers are from Linux's tables for x86-64 and for 64-bit ARM.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Iterator

from autograder.sandbox import linux

ARCHES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1), "arm64": (0xC00000B7, 1)}
NEWEST = 461  # later calls were unknown when this table was made: for student code they do not exist
KILL, ALLOW, REFUSE = 0x80000000, 0x7FFF0000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCH, ARGUMENT = 0, 4, 16
NONE = -1

# name: (number on x86-64, number on ARM)
PEEKING = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "perf_event_open": (298, 241),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "lookup_dcookie": (212, 18),
    "syslog": (103, 116),
}
TALKING = {
    "socket": (41, 198),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
}
ESCAPING = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
    "splice": (275, 76),
    "tee": (276, 77),
    "personality": (135, 92),
    "modify_ldt": (154, NONE),
    "remap_file_pages": (216, 234),
    "uselib": (134, NONE),
}
MACHINE = {
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, NONE),
    "ioperm": (173, NONE),
    "vhangup": (153, 58),
    "sync": (162, 81),
    "syncfs": (306, 267),
    "mlockall": (151, 230),
}
SCHEDULING = {
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
}
# What Landlock does not restrict about files that one owns.
OWNING = {
    "chmod": (90, NONE),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, NONE),
    "fchown": (93, 55),
    "lchown": (94, NONE),
    "fchownat": (260, 54),
    "utime": (132, NONE),
    "utimes": (235, NONE),
    "futimesat": (261, NONE),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "flock": (73, 32),
}
SIGNALLING = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}
ALWAYS = {**PEEKING, **TALKING, **ESCAPING, **MACHINE, **SCHEDULING}
# (call, argument): refused when any of these bits are set, or when it has one of these values, or any but these
NAMESPACES = 0x7E020000
CLONE, CLONE3, IOCTL, PRLIMIT = (56, 220), (435, 435), (16, 29), (302, 261)
TIOCSTI, TIOCLINUX = 0x5412, 0x541C


def arch() -> tuple[int, int] | None:
    """The kernel's name for this machine's calling convention and its column in the tables; None if not supported."""
    return ARCHES.get(platform.machine())


def program(token: int, column: int, owning: bool = False, signalling: bool = False) -> bytes:
    """The filter as the kernel reads it, eight bytes an instruction.

    `owning` also refuses changes to a file's owner, mode and times; `signalling` also refuses signals.

    >>> len(program(*ARCHES["x86_64"])) // 8 < 4096
    True
    """
    refused = {**ALWAYS, **(OWNING if owning else {}), **(SIGNALLING if signalling else {})}
    numbers = sorted(row[column] for row in refused.values() if row[column] != NONE)
    lines = [_line(LOAD, ARCH), _line(EQUAL, token, 1, 0), _line(RETURN, KILL), _line(LOAD, NUMBER)]
    lines += _refuse(AT_LEAST, NEWEST + 1, errno.ENOSYS)
    lines += _refuse(EQUAL, CLONE3[column], errno.ENOSYS)  # its flags lie in memory, unseen; C falls back to clone
    for number in numbers:
        lines += _refuse(EQUAL, number, errno.EPERM)
    lines += _argument(CLONE[column], 0, [(ANY_BIT, NAMESPACES)], refuse=True)
    lines += _argument(IOCTL[column], 1, [(EQUAL, TIOCSTI), (EQUAL, TIOCLINUX)], refuse=True)
    lines += _argument(PRLIMIT[column], 0, [(EQUAL, 0)], refuse=False)
    return b"".join([*lines, _line(RETURN, ALLOW)])


def _line(code: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when, otherwise, value)


def _refuse(test: int, value: int, error: int) -> list[bytes]:
    return [_line(test, value, 0, 1), _line(RETURN, REFUSE | error)]


def _argument(number: int, index: int, tests: list[tuple[int, int]], refuse: bool) -> Iterator[bytes]:
    """Look at the low half of one argument of one call; refuse when a test holds, or when none does."""
    inner = [_line(LOAD, ARGUMENT + 8 * index)]
    for at, (test, value) in enumerate(tests):
        inner.append(_line(test, value, len(tests) - at, 0))
    verdicts = (ALLOW, REFUSE | errno.EPERM) if refuse else (REFUSE | errno.EPERM, ALLOW)
    yield _line(EQUAL, number, 0, len(inner) + 2)
    yield from inner
    yield from (_line(RETURN, verdict) for verdict in verdicts)


def install(owning: bool = False, signalling: bool = False) -> None:
    """Filter this process and all it starts, for good.

    Raises OSError where the kernel or the machine does not support it.
    """
    found = arch()
    if found is None:
        raise OSError(errno.ENOSYS, f"no table of system calls for {platform.machine()}")
    text = program(*found, owning=owning, signalling=signalling)
    lines = ctypes.create_string_buffer(text, len(text))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_void_p))

    made = Program(len(text) // 8, ctypes.addressof(lines))
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux._checked(
        linux._libc().prctl(linux.PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(made), 0, 0), "prctl seccomp"
    )
