"""`autograder doctor`: attack every rung of the sandbox on this machine and say which one holds."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autograder.sandbox import RUNGS, Rung, WorkerGone
from autograder.sandbox.probe import Finding, try_all

HOLDS, HOLDS_NOT = 0, 1
WINDOWS = "grading needs Linux or macOS: run it in WSL (Ubuntu, with bubblewrap). The notebooks' own checks work here"


@dataclass(frozen=True)
class Diagnosis:
    """One rung: what it lacks before it can start, or what came of each attempt to get out."""

    rung: Rung
    lacks: str
    findings: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every attempt was kept in."""
        return not self.lacks and all(finding.kept_in for finding in self.findings)


def diagnose(rung: Rung, attempts: Callable[[Rung], Sequence[Finding]] = try_all) -> Diagnosis:
    """Try a rung by attacking it from inside."""
    if lacks := WINDOWS if os.name == "nt" else rung.needs():
        return Diagnosis(rung, lacks)
    try:
        return Diagnosis(rung, "", tuple(attempts(rung)))
    except WorkerGone as error:
        return Diagnosis(rung, f"it does not start here: {error}")


def doctor(rungs: Sequence[Rung] = RUNGS) -> int:
    """Print what holds here and what to install; 0 when a rung holds that may decide a grade, else 1."""
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    print(f"{system}, Python {platform.python_version()}{_as_root()}")
    print("Each rung is tried by attacking a file, a socket and a process of yours from inside it.\n", flush=True)
    found = []
    for rung in rungs:
        found.append(diagnose(rung))
        print("\n".join(_lines(found[-1])), flush=True)
    best = next((d.rung for d in found if d.holds and d.rung.official), None)
    print("\n" + (_good(best) if best else _bad(found)))
    return HOLDS if best else HOLDS_NOT


def _as_root() -> str:
    return ", as root" if hasattr(os, "getuid") and os.getuid() == 0 else ""


def _lines(diagnosis: Diagnosis) -> list[str]:
    name = f"{diagnosis.rung.name:14}"
    if diagnosis.lacks:
        return [f"{name} not here: {diagnosis.lacks}"]
    kept = [finding.tries for finding in diagnosis.findings if finding.kept_in]
    out = [f"  - {finding.out}" for finding in diagnosis.findings if not finding.kept_in]
    if not out:
        return [f"{name} holds: {len(kept)} attempts, none got out", f"  could not {'; '.join(kept)}"]
    what = "does not hold" if diagnosis.rung.official else "no sandbox, for self-study only"
    return [f"{name} {what}:", *out]


def _good(rung: Rung) -> str:
    higher = RUNGS[: RUNGS.index(rung)]
    better = "" if not higher else f" A safer rung would be {higher[0].name}: see above what it needs."
    return f"Grading uses {rung.name}.{better}"


def _bad(found: Sequence[Diagnosis]) -> str:
    first = "Official grading finds no sandbox on this machine. "
    if platform.system() == "Linux":
        return first + "The least work is bubblewrap: sudo apt install bubblewrap (Debian, Ubuntu), or see above."
    return first + (
        "Grade on a Linux machine, or in a Linux virtual machine here. `autograder grade --unsandboxed` runs students' "
        "code with your rights: only for work you have read."
    )
