"""The book's page of known answers is the one that the labs' folders make."""

import pytest

from autograder.lab import load
from tests.labs.matrix import LABS, PAGE, labs, page, section


def test_the_page_of_known_answers_is_fresh():
    assert PAGE.read_text("utf-8") == page(labs()), "run: python -m tests.labs.matrix --write"


@pytest.mark.parametrize("folder", sorted(path.parent for path in LABS.glob("*/lab.py")), ids=lambda path: path.name)
def test_every_known_answer_and_every_name_of_a_mistake_is_on_the_page(folder):
    lab = load(folder)
    text = "\n".join(section(lab))
    assert [] == [answer.name for answer in lab.answers if f"`{answer.name}`" not in text]
    told = {mistake for answer in lab.answers for mistake in answer.told.values()}
    assert [] == [mistake for mistake in told if f"| {mistake} |" not in text]
