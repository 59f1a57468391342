"""What one submission may use up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Seconds per cell, per case and per submission; bytes of memory, of one file and of scratch space.

    `memory` binds each process, `total_memory` all of a submission's processes together. `case_seconds` and
    `submission_seconds` are time on the clock; a process also may not compute for longer than `submission_seconds`.
    """

    cell_seconds: float = 60.0
    case_seconds: float = 10.0
    submission_seconds: float = 300.0
    memory: int = 4 << 30
    total_memory: int = 4 << 30
    processes: int = 64
    file_bytes: int = 64 << 20
    scratch_bytes: int = 256 << 20
    scratch_files: int = 20_000

    def rlimits(self) -> dict[str, int]:
        """The same as POSIX resource limits, by name.

        >>> Limits(memory=1 << 30).rlimits()["RLIMIT_AS"]
        1073741824
        """
        return {
            "RLIMIT_AS": self.memory,
            "RLIMIT_CPU": max(1, int(self.submission_seconds)),
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_MEMLOCK": 1 << 20,
            "RLIMIT_MSGQUEUE": 0,
            "RLIMIT_CORE": 0,
        }
