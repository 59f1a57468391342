"""What students read, in a real browser: no accessibility fault, nothing asked from outside."""

from __future__ import annotations

import pytest

from autograder.errors import AutograderError
from autograder.feedback import as_html, as_text, feedback
from autograder.student import Report
from tests.browser import page, violations

pytestmark = pytest.mark.browser

ITEM = {
    "name": "conv",
    "function": "conv",
    "points": 0,
    "of": 5,
    "parts": [
        ["right on the cases you can see", 0, 3],
        ["right on the other cases", 0, 1],
        ["a prediction made", 0, 1],
    ],
    "public": [0, 2],
    "evidence": [["asked", "conv(3)"], ["got", "1"], ["wanted", "2"]],
    "fails_for": ["stride above 1"],
    "mistake": {"name": "kernel flipped", "says": "You convolved.", "section": "2.1"},
    "written": True,
}
RESULT = {
    "title": "Lab 1",
    "student": "ada",
    "points": 0,
    "of": 5,
    "graded": "2026-03-01T10:00:00+00:00",
    "fault": "",
    "notes": ["the file 'x' was left out"],
    "items": [ITEM],
    "by_hand": [{"name": "essay", "points": None, "of": 1, "comment": "Read it again."}],
    "late": 0.0,
    "in_all": [0.0, 6.0],
}


@pytest.mark.parametrize(
    "result", [RESULT, RESULT | {"fault": "lab.ipynb is empty (0 bytes)", "items": []}], ids=["graded", "faulty"]
)
def test_the_feedback_page_has_no_accessibility_fault(result):
    with page() as tab:
        tab.set_content(as_html(result))
        assert [] == violations(tab)


@pytest.mark.parametrize("right", [True, False])
def test_the_report_of_a_check_has_no_accessibility_fault(right):
    report = Report(right, "conv: 1 of 2 cases are right.", (("asked", "conv(3)"), ("got", "1")))
    with page() as tab:
        tab.set_content(f'<html lang="en"><title>x</title><main><h1>x</h1>{report._repr_html_()}</main></html>')
        assert [] == violations(tab)


@pytest.mark.parametrize(
    ("predicted", "points", "says"),
    [
        (True, 0, "a prediction: made; counts once the first row is earned"),
        (True, 1, "a prediction: made"),
        (False, 0, "a prediction: not made"),
    ],
)
def test_a_prediction_that_was_made_is_said_to_be(predicted, points, says):
    parts = [*ITEM["parts"][:2], ["a prediction made", points, 1]]
    item = ITEM | {"predicted": predicted, "parts": parts}
    assert f"{points} of 1  {says}\n" in as_text(RESULT | {"items": [item]})
    assert f">{says}</th>" in as_html(RESULT | {"items": [item]})


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        ([["asked", "conv(3)"], ["happened", "conv() took longer than 5 s"]], "Does some loop never end?"),
        ([["asked", "conv(3)"], ["got", "None"], ["wanted", "2"]], "end with return?"),
        ([["asked", "cuts(9)"], ["happened", "a value of type generator cannot be an answer"]], "yield"),
        ([["asked", "cuts(9)"], ["happened", "a value of type range cannot be an answer"]], "list(...)"),
        ([["asked", "ws(3)"], ["got", "None"], ["happened", "a schedule is a list, got None"]], "end with return?"),
    ],
)
def test_feedback_says_what_to_try_by_the_kind_of_fault(evidence, says):
    item = ITEM | {"evidence": evidence, "mistake": None}
    for page_or_text in (as_html, as_text):
        assert says in page_or_text(RESULT | {"items": [item]})


GIVEN = [{"name": "conv", "points": 2.5, "of": 5, "comment": ""}]


@pytest.mark.parametrize(
    ("changes", "total", "rest"),
    [
        ({}, "0 of 6 points", "so far. A person has still to grade some of it."),
        ({"by_hand": GIVEN, "in_all": [2.5, 5.0]}, "2.5 of 5 points", "in all, with what a person gave."),
        (
            {"by_hand": [], "late": 3.0, "points": 4, "in_all": [1.0, 5.0]},
            "1 of 5 points",
            "in all. Points taken off for handing in late: 3.",
        ),
        ({"by_hand": []}, "", ""),
    ],
    ids=["waits", "by hand", "late", "neither"],
)
def test_what_counts_in_the_end_is_said(changes, total, rest):
    made, said = as_html(RESULT | changes), as_text(RESULT | changes)
    assert bool(total) == (f"<p><strong>{total}</strong> {rest}</p>" in made)
    assert bool(total) == (f"\n  {total} {rest}\n" in said)
    assert bool(total) == (("in all" in made) or ("so far" in made))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "looks like: kernel flipped"),
        ({"mistake": None}, "not all right on the cases you can see"),
        ({"mistake": None, "public": [2, 2]}, "not all right on other cases"),
        ({"mistake": None, "written": False}, "not written yet"),
        ({"mistake": None, "public": [2, 2], "fails_for": [], "points": 4}, "no prediction made"),
        ({"mistake": None, "public": [2, 2], "fails_for": [], "points": 5}, "complete"),
    ],
)
def test_the_table_of_items_says_how_each_stands(changes, says):
    assert f"<td>{says}</td>" in as_html(RESULT | {"items": [ITEM | changes]})


@pytest.mark.parametrize("width", [1000, 360])
def test_feedback_is_legible_in_the_dark_and_fits(width):
    evidence = [["asked", "conv(" + "3, " * 200 + ")"], ["cycle", "7"]]
    with page(width=width, color_scheme="dark") as tab:
        tab.set_content(as_html(RESULT | {"items": [ITEM | {"evidence": evidence}]}))
        assert [] == violations(tab)
        assert width >= tab.evaluate("document.documentElement.scrollWidth")
        assert "rgb(22, 22, 22)" == tab.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize(
    ("book", "address"),
    [
        ("https://example.org/book/", "https://example.org/book/02_tensors.html#output-size"),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_the_section_is_a_link_where_the_book_is_published(book, address):
    section = '"Output size" in chapter 2 (02_tensors.html#output-size)'
    made = as_html(RESULT | {"items": [ITEM | {"mistake": ITEM["mistake"] | {"section": section}}]}, book)
    assert bool(address) == (f'<a href="{address}">&quot;Output size&quot; in chapter 2 of the book</a>' in made)
    assert "javascript" not in made


def test_repairs_are_told_with_the_notes():
    result = RESULT | {"repairs": [{"kind": "moved", "says": "The cell setup had moved.", "look": False}]}
    assert "<li>The cell setup had moved.</li><li>the file" in as_html(result)
    assert "Note: The cell setup had moved.\n  Note: the file" in as_text(result)


def test_an_unknown_student_is_told_the_near_ones(course):
    for student in ("zoe", "zed1", "ada", *(f"s{n}" for n in range(20))):
        (course.at("autograded", student, "tiny")).mkdir(parents=True)
        (course.at("autograded", student, "tiny") / "result.json").write_text("{}")
    with pytest.raises(AutograderError) as caught:
        feedback("tiny", course, ["zed"])
    assert "not graded: zed; did you mean zed1? (graded in tiny: 23 students)" == str(caught.value)


def test_feedback_names_what_to_read_without_an_address():
    section = '"Output size" in chapter 2 (02_tensors.html#output-size)'
    item = ITEM | {"mistake": ITEM["mistake"] | {"section": section}}
    said = as_text(RESULT | {"items": [item]})
    assert 'Read "Output size" in chapter 2 of the book, change' in said
    assert ".html" not in said


@pytest.mark.parametrize("right", [0, 2])
def test_the_prediction_is_answered_where_the_item_is_right(right):
    item = ITEM | {"answer": "it is 55, because so.", "public": [right, 2], "fails_for": []}
    for page_or_text in (as_html, as_text):
        assert (right == 2) == ("it is 55, because so." in page_or_text(RESULT | {"items": [item]}))


@pytest.mark.parametrize(
    "words", ["kernel flipped", "You convolved.", "stride above 1", "Read it again.", "not yet any"]
)
def test_page_and_text_say_the_same(words):
    assert words in as_html(RESULT)
    assert words in as_text(RESULT)
