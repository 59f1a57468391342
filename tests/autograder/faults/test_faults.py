"""The part of the faults that CI has time for; AUTOGRADER_FAULTS=20 tries 20 moments of each kill."""

from __future__ import annotations

import os
import random
import sys

import pytest

from autograder.course import gradebook
from tests.autograder.faults import trials
from tests.autograder.faults.scene import Scene, scene

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
TRIALS = int(os.environ.get("AUTOGRADER_FAULTS", "1"))


@pytest.fixture(scope="module")
def made():
    with scene() as found:
        yield found


def test_the_trials_would_notice_a_loss(made: Scene):
    with trials.copy(made) as course:
        assert [] == trials.lost(course, made)
        assert ["rows differ from an undisturbed run", "results differ from an undisturbed run"] == trials.different(
            course, made
        )
        with gradebook(course) as book:
            book.find_grade("slide", "tiny", "tiny", "bob").manual_score = None
            book.db.commit()
        (course.root / "submitted" / "ada" / "tiny" / "tiny.ipynb").unlink()
        assert ["a submission is gone or changed", "a manual grade is gone"] == trials.lost(course, made)


@pytest.mark.parametrize("fault", ["power_cut", "disk_full"])
def test_nothing_is_lost_at_any_write(fault, made: Scene):
    row = trials.at_every_write(made, fault, getattr(trials, fault), every=1 if TRIALS > 1 else 6)
    assert row.trials == row.struck > 10
    assert [] == row.wrong


def test_a_gradebook_that_cannot_be_written_is_said_and_costs_nothing(made: Scene):
    assert [] == trials.read_only(made).wrong


@pytest.mark.parametrize("kill_first", [False, True], ids=["both finish", "the first is killed"])
def test_two_graders_take_turns(kill_first, made: Scene):
    row = trials.two_graders(made, kill_first)
    assert (1, []) == (row.struck, row.wrong)


@pytest.mark.parametrize("kind", ["grader", "judge", "sandbox", "worker"])
def test_a_kill_at_a_random_moment_costs_nothing(kind, made: Scene):
    chance, struck = random.Random(kind), False
    for latest in (*[2.5] * TRIALS, 2.0, 1.5, 1.0, 0.5):  # sooner where the run was over before there was one to kill
        hit, wrong = trials.kill_at(made, kind, chance.uniform(latest / 5, latest), chance)
        struck |= hit
        assert [] == wrong
        if struck and TRIALS == 1:
            break
    assert struck
