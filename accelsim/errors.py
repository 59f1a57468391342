"""Every error a user can cause, with what was needed, what was got and what to do."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable


class AccelsimError(ValueError):
    """Base of all errors raised for a user's input; its text is complete, no traceback needed."""


class WorkloadError(AccelsimError):
    """A layer that cannot be."""


class ArchError(AccelsimError):
    """A machine that cannot be."""


class MappingError(AccelsimError):
    """A mapping that cannot be read, or does not fit its layer and machine."""


class CatalogError(AccelsimError):
    """A name that the catalog does not have."""


class FormatError(AccelsimError):
    """An array that a format cannot hold, or a format that cannot be."""


class StreamError(FormatError):
    """An encoded stream that no array has: cut short, changed on its way, or of another shape."""


def suggest(name: object, known: Iterable[str]) -> str:
    """`"; did you mean X?"` when a known name is close, else an empty string.

    >>> suggest("eyeris", ["eyeriss", "tpu_v1"])
    '; did you mean eyeriss?'
    >>> suggest("zebra", ["eyeriss"])
    ''
    """
    folded = {other.lower(): other for other in known}
    close = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[close[0]]}?" if close else ""


def whole(value: object) -> bool:
    """Whether a value is a whole number, of Python or NumPy; True and False are not.

    >>> whole(3), whole(3.0), whole(True)
    (True, False, False)
    """
    if isinstance(value, bool):
        return False
    try:
        operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def number(value: object) -> bool:
    """Whether a value is a finite number; text, True and False are not.

    >>> number(0.5), number("0.5"), number(float("inf"))
    (True, False, False)
    """
    if isinstance(value, (bool, str, bytes)):
        return False
    try:
        return math.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False
