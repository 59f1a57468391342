"""A notebook's JSON without its outputs, cut out before anything is parsed: 300 MB of outputs cost no memory.

A key is found by its quotes: inside a JSON text string every quote is escaped, so `"outputs":` is a key wherever it
stands. What follows is skipped bracket by bracket, text strings as a whole.
"""

from __future__ import annotations

import re
from typing import Any

# Of a notebook only sources and metadata are read: outputs, pasted pictures and the state of widgets are left out.
SKIPPED = re.compile(rb'"(?:outputs|attachments|widgets)"\s*:\s*(?=[\[{])')
_PLAIN = rb'[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"'
_FLAT = rb"\[(?:%(p)b)*+\]|\{(?:%(p)b|\[(?:%(p)b)*+\]|\{(?:%(p)b)*+\})*+\}" % {b"p": _PLAIN}
BRACKET = re.compile(rb"(?:%b|%b)*+[\[\]{}]" % (_PLAIN, _FLAT), re.DOTALL)  # whole small lists and objects in one step
EMPTY = {b"[": b"[]", b"{": b"{}"}


def lean(text: Any) -> bytes:
    """The JSON in `text` (bytes or a memory-mapped file) with outputs, attachments and widget state empty.

    What is cut short stays so: the rest of the text is then kept as it is, for the parser to name the place.

    >>> lean(b'{"cells": [{"outputs": [{"text": "a ] and a \\\\" quote"}], "source": "x"}]}')
    b'{"cells": [{"outputs": [], "source": "x"}]}'
    >>> lean(b'{"outputs": [], "source": [], "outputs": {"a": [{}]}, "b": [1]}')
    b'{"outputs": [], "source": [], "outputs": {}, "b": [1]}'
    """
    pieces, kept = [], 0
    while found := SKIPPED.search(text, kept):
        start = found.end()
        end = _end(text, start)
        if end < 0:
            break
        pieces += [text[kept:start], EMPTY[text[start : start + 1]]]
        kept = end
    return b"".join([*pieces, text[kept:]])


def _end(text: Any, start: int) -> int:
    """Where the value that opens at `start` is over; -1 when it never is."""
    depth, place = 1, start + 1
    while step := BRACKET.match(text, place):
        place = step.end()
        depth += 1 if text[place - 1 : place] in (b"[", b"{") else -1
        if depth == 0:
            return place
    return -1
