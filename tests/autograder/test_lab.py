"""A lab folder is a value, or all its faults at once."""

from __future__ import annotations

import pytest

from autograder.errors import AutograderError
from autograder.lab import BEGIN, filled, find, load


def test_the_tiny_lab_has_no_fault(tiny):
    assert [("places", 2), ("slide", 3)] == [(item.name, item.points) for item in tiny.items]
    assert "A tiny lab" == tiny.title
    assert ["flipped", "right_numpy", "short", "strideless"] == [a.name for a in tiny.answers]


def test_an_empty_folder_lacks_every_part(tmp_path):
    with pytest.raises(AutograderError) as error:
        load(tmp_path)
    for part in ("4 faults", "README.md is missing", "lab.py is missing", "checks.py is missing", "answers is missing"):
        assert part in str(error.value)


def edit(path, *pairs):
    text = path.read_text("utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, "utf-8")


BROKEN = {
    "metadata that is no JSON": (
        "lab.py",
        '"points": 2,',
        '"points": 2,,',
        "line 28: the nbgrader metadata is not JSON",
    ),
    "metadata half there": (
        "lab.py",
        '"schema_version": 3, ',
        "",
        "cell 'title': the nbgrader metadata has no schema_version",
    ),
    "no points": ("lab.py", '"points": 2, ', "", "cell 'places': points are None"),
    "points as text": ("lab.py", '"points": 2', '"points": "2"', "cell 'places': points are '2'"),
    "an unlocked check": ("lab.py", '"places", "locked": true', '"places", "locked": false', "must be locked"),
    "a check of two lines": ("lab.py", 'check("places")', 'check("places")\nx = 1', "exactly one line"),
    "a check of another name": ("lab.py", 'check("places")', 'check("slide")', "grade_id and the check's name"),
    "a check without question": (
        "checks.py",
        'name="slide"',
        'name="slides"',
        "has no question of that name in checks.py; did",
    ),
    "a question without check": ("checks.py", 'name="slide"', 'name="slides"', "has no graded cell check('slides')"),
    "a grade_id twice": ("lab.py", '"slide_answer"', '"places_answer"', "'places_answer' is used 2 times"),
    "no prediction cell": ("lab.py", 'predict("places", None)', "pass", "no cell has predict('places', None)"),
    "no function": ("lab.py", "def slide(", "def slider(", "no cell defines slide()"),
    "no solution markers": ("lab.py", "### END SOLUTION", "", "needs `### BEGIN SOLUTION`"),
    "a long stub": ("lab.py", BEGIN, BEGIN + "\n    x = 1" * 14, "16 lines; a student writes at most 15"),
    "checks that do not import": ("checks.py", "import numpy", "import nunpy", "checks.py line 3: ModuleNotFoundError"),
    "checks that do not parse": ("checks.py", "questions = (", "questions = ((", "checks.py line"),
    "no questions": ("checks.py", "questions = (", "other = (", "`questions` must be a tuple"),
    "a reference that raises": ("checks.py", "(5, 3, 1)", "(5, 3, 0)", "the reference raises ZeroDivisionError"),
    "an argument that is no data": ("checks.py", "(5, 3, 1)", "(5, 3, object())", "a value of type object"),
    "a mistake that is right": (
        "checks.py",
        "(n - w) // s,",
        "(n - w) // s + 1,",
        "answers like the reference on every case",
    ),
    "a mistake that raises": ("checks.py", "(n - w) // s,", "n.x,", "its model raises on every case"),
    "a mistake named twice": ("checks.py", "stride left out", "last place forgotten", "two mistakes are named"),
    "hidden cases that raise": ("checks.py", "rng.integers", "rng.integer", "hidden(rng) raises AttributeError"),
    "no public case": (
        "checks.py",
        '(Case((5, 3, 1), "stride one"), Case((4, 2, 1), "stride one"))',
        "()",
        "no public case",
    ),
    "an answer to nothing": (
        "answers/short.py",
        "%% places_answer",
        "%% place_answer",
        "no solution cell of lab.py; did",
    ),
    "an answer told nothing known": ("answers/short.py", "last place forgotten", "last", "has no such mistake"),
    "an answer earning too much": ("answers/short.py", '"places": 0', '"places": 2', "a share from 0 to 1"),
    "an answer without header": ("answers/short.py", '"""Counts', '# """Counts', "answers/short.py: the header"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_is_named(own_lab, name):
    file, old, new, says = BROKEN[name]
    edit(own_lab / file, (old, new))
    with pytest.raises(AutograderError) as error:
        load(own_lab)
    assert says in str(error.value)


def test_all_faults_are_told_at_once(own_lab):
    (own_lab / "README.md").unlink()
    edit(own_lab / "lab.py", ('"points": 2, ', ""))
    edit(own_lab / "checks.py", ("(n - w) // s,", "(n - w) // s + 1,"))
    with pytest.raises(AutograderError, match="3 faults"):
        load(own_lab)


def test_more_than_eight_items_are_too_many(own_lab):
    meta = '{"grade": true, "grade_id": "qN", "locked": true, "points": 1, "solution": false, "schema_version": 3}'
    cell = f'\n# %% nbgrader={meta}\ncheck("qN")\n'
    with (own_lab / "lab.py").open("a", encoding="utf-8") as file:
        file.write("".join(cell.replace("qN", f"q{n}") for n in range(7)))
    with pytest.raises(AutograderError, match="9 graded items; at most 8"):
        load(own_lab)


def test_a_lab_is_found_by_the_beginning_of_its_name(tmp_path):
    for name in ("01_convolution", "02_roofline", "02_other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lab.py").touch()
    assert "01_convolution" == find("01", tmp_path).name
    with pytest.raises(AutograderError, match="more than one lab"):
        find("02", tmp_path)
    with pytest.raises(AutograderError, match="did you mean 01_convolution"):
        find("01_convolutoin", tmp_path)
    with pytest.raises(AutograderError, match="no labs in"):
        find("01", tmp_path / "nowhere")


def test_a_filled_lab_has_no_markers_and_all_predictions(tiny):
    text = "\n".join(cell.source for cell in filled(tiny))
    assert BEGIN not in text
    assert 'predict("places", 1)' in text
