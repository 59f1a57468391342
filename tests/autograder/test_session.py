"""What one item does to a notebook's process costs no other item, and what comes later takes nothing back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autograder import cli
from autograder.judge import Outcome
from autograder.session import _Room

pytestmark = pytest.mark.sandbox
RIGHT = "return (length - width) // stride + 1"
SLIDE = """def slide(line, window):
    return np.array([np.dot(line[i : i + len(window)], window) for i in range(len(line) - len(window) + 1)])"""


def places(*lines):
    return "\n    ".join(["def places(length, width, stride):", *lines])


EXIT = "import os; length > 5 and os._exit(1)"
GRADED = {
    "one breaks a library that the next uses": (
        {"places_answer": places("np.dot = None if length > 5 else np.dot", RIGHT)},
        "",
        5,
    ),
    "a later cell defines the function again": ({}, places("return 0"), 5),
    "a later cell breaks a library": ({}, "np.dot = None", 5),
    "one ends its process": ({"places_answer": places(EXIT, RIGHT)}, "", 3),
    "one is wrong": ({"places_answer": places("return width")}, "", 3),
    "the last ends its process": ({"slide_answer": "def slide(line, window):\n    import os; os._exit(1)"}, "", 2),
    "one is defined after its check": ({"slide_answer": "pass"}, SLIDE, 5),
}


@pytest.fixture
def points(request, course, hand_in, monkeypatch):
    """The points of one submission, graded in the sandbox."""
    monkeypatch.chdir(request.config.rootpath)

    def graded(cells, after):
        hand_in("ada", after=after, **{"slide_answer": SLIDE} | cells)
        assert 0 == cli.main(["grade", "tests/autograder/tiny", "--course", str(course.root)])
        return json.loads((course.at("autograded", "ada", "tiny") / "result.json").read_text())["points"]

    return graded


@pytest.mark.parametrize(("cells", "after", "earned"), GRADED.values(), ids=GRADED)
def test_each_item_earns_what_is_its_own(points, cells, after, earned):
    assert earned == points(cells, after)


def test_answers_to_one_item_are_kept_up_to_a_cap_and_small_ones_after_it_too():
    room = _Room("places")
    took = [room.take(Outcome(value)) for value in (np.zeros(300_000), [2**999] * 20_000, 3, "no")]
    assert [False, True, True, True] == [bool(outcome.fault) for outcome in took]
    assert "places() gave an answer that cannot be read: all together are too large" == took[1].fault
    assert took[1].value is None
