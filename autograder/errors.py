"""The one error of this package: its text is complete and meant for a person."""

from __future__ import annotations

from collections.abc import Sequence


class AutograderError(ValueError):
    """Something an instructor or a student can put right; the message says what and how."""


def faults_error(subject: str, faults: Sequence[str]) -> AutograderError:
    """All faults of one subject in one error.

    >>> print(faults_error("labs/x", ["README.md is missing", "lab.py is missing"]))
    labs/x has 2 faults:
      README.md is missing
      lab.py is missing
    """
    plural = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return AutograderError("\n  ".join([f"{subject} has {plural}:", *faults]))
