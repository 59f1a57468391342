"""Where a submission runs: a ladder of rungs, of which grading takes the highest that holds.

bubblewrap
    namespaces around a warm fork server, and others inside around each submission
Landlock
    no helper needed: the worker gives up all files but its own
container
    a container per submission, by docker or podman
plain process
    for self-study; official grading refuses it unless told

All but the last also filter system calls. `best()` says which one holds here, `missing()` what to do if none does, and
`autograder doctor` tries each one by attacking it.
"""

from __future__ import annotations

import functools

from autograder.sandbox.limits import Limits
from autograder.sandbox.process import Warm, Worker, WorkerGone, scratch
from autograder.sandbox.rungs import BUBBLEWRAP, CONTAINER, HOME, LANDLOCK, PLAIN, RUNGS, Rung, environment

__all__ = [
    "BUBBLEWRAP",
    "CONTAINER",
    "HOME",
    "LANDLOCK",
    "PLAIN",
    "RUNGS",
    "Limits",
    "Rung",
    "Warm",
    "Worker",
    "WorkerGone",
    "best",
    "environment",
    "holds",
    "missing",
    "scratch",
]


@functools.cache
def holds(rung: Rung) -> str:
    """Why a rung does not hold here, and what to do; empty when it does: a worker was started and tried to get out."""
    from autograder.sandbox.probe import escapes

    if needs := rung.needs():
        return needs
    try:
        found = escapes(rung)
    except WorkerGone as error:
        hint = ". It needs unprivileged user namespaces" if rung is BUBBLEWRAP else ""
        return f"{rung.name} is there but makes no sandbox here: {error}{hint}"
    return f"{rung.name} does not hold here: {'; '.join(found)}" if found else ""


@functools.cache
def missing() -> str:
    """Why no rung holds that official grading takes, and what to install; empty when one does."""
    reasons = []
    for rung in RUNGS:
        if rung.official:
            reasons.append(holds(rung))
            if not reasons[-1]:
                return ""
    return "\n  ".join(reasons)


def best() -> Rung:
    """The safest rung that holds on this machine."""
    return PLAIN if missing() else next(rung for rung in RUNGS if rung.official and not holds(rung))
