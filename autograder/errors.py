"""The one error of this package: its text is complete and meant for a person."""

from __future__ import annotations

import re
from collections.abc import Sequence


class AutograderError(ValueError):
    """Something an instructor or a student can put right; the message says what and how."""


_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    """Text that came from a student, without what would drive a terminal or break a page.

    >>> printable("red: \\x1b[31m")
    'red: ?[31m'
    """
    return _UNPRINTABLE.sub("?", text)


def faults_error(subject: str, faults: Sequence[str]) -> AutograderError:
    """All faults of one subject in one error.

    >>> print(faults_error("labs/x", ["README.md is missing", "lab.py is missing"]))
    labs/x has 2 faults:
      README.md is missing
      lab.py is missing
    """
    plural = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return AutograderError("\n  ".join([f"{subject} has {plural}:", *faults]))
