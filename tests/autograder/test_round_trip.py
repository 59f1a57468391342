"""Release, hand in, grade, feedback: with nbgrader's folders, its gradebook and the real sandbox."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sysconfig

import pytest

from autograder import cli
from autograder.course import gradebook

pytestmark = pytest.mark.sandbox
WRONG = "def slide(line, window):\n    return np.convolve(line, window, 'valid')"
LAB = "tests/autograder/tiny"


@pytest.fixture(autouse=True)
def _at_the_root(request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)


def run(*arguments):
    return cli.main([str(a) for a in arguments])


def nbgrader(course, *arguments):
    scripts = sysconfig.get_path("scripts")
    environment = {**os.environ, "PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
    done = subprocess.run(
        [f"{scripts}/nbgrader", *arguments],
        cwd=course.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def scores(course, student):
    with gradebook(course) as book:
        return {g.name: g.score for n in book.find_submission("tiny", student).notebooks for g in n.grades}


@pytest.fixture
def graded(course, hand_in):
    hand_in("good")
    hand_in("flipper", slide_answer=WRONG)
    assert 0 == run("grade", LAB, "--course", course.root)
    return course


def test_two_submissions_from_release_to_feedback(tmp_path, capsys, tiny, monkeypatch):
    root = tmp_path / "new course"
    assert 0 == run("release", LAB, "--course", root)
    released = json.loads((root / "release" / "tiny" / "tiny.ipynb").read_text())
    for student, slide in (("ada", "def slide(a, w):\n    return np.correlate(a, w, 'valid')"), ("bob", WRONG)):
        cells = json.loads(json.dumps(released))
        for cell in cells["cells"]:
            if cell["id"] == "slide_answer":
                cell["source"] = slide
        folder = root / "submitted" / student / "tiny"
        folder.mkdir(parents=True)
        (folder / "tiny.ipynb").write_text(json.dumps(cells))
        (folder / "timestamp.txt").write_text("2026-03-01 10:00:00.000000 UTC")
    assert 0 == run("grade", LAB, "--course", root)
    assert 0 == run("feedback", LAB, "--course", root)
    said = capsys.readouterr().out
    assert "ada                      3 of 5" in said
    assert "bob                      0 of 5" in said
    page = (root / "feedback" / "bob" / "tiny" / "tiny.html").read_text()
    assert "kernel flipped" in page
    assert "at [0]: got 2.0, wanted 4.0" in page


def test_the_gradebook_holds_the_points(graded):
    assert {"places": 2, "slide": 3, "essay": 0} == scores(graded, "good")
    assert {"places": 2, "slide": 0, "essay": 0} == scores(graded, "flipper")


@pytest.mark.slow
def test_stock_nbgrader_lists_exports_and_renders_it(graded):
    assert "flipper" in nbgrader(graded, "db", "student", "list")
    assert "tiny" in nbgrader(graded, "db", "assignment", "list")
    nbgrader(graded, "export")
    with (graded.root / "grades.csv").open() as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert ("5.0", "6.0") == (rows["good"]["score"], rows["good"]["max_score"])
    nbgrader(graded, "generate_feedback", "tiny", "--quiet")
    assert "slide" in (graded.root / "feedback" / "good" / "tiny" / "tiny.html").read_text()


def test_the_autograded_notebook_shows_the_run_and_carries_nbgraders_metadata(graded):
    body = json.loads((graded.root / "autograded" / "good" / "tiny" / "tiny.ipynb").read_text())
    cells = {cell["id"]: cell for cell in body["cells"]}
    assert cells["places"]["metadata"]["nbgrader"]["points"] == 2
    assert any("5 wide, window 3: 3" in str(cell.get("outputs")) for cell in body["cells"])


def test_manual_grades_survive_grading_again(graded, capsys):
    with gradebook(graded) as book:
        for name, points in (("essay", 1.0), ("slide", 2.5)):
            grade = book.find_grade(name, "tiny", "tiny", "flipper")
            grade.manual_score = points
        book.find_comment("essay", "tiny", "tiny", "flipper").manual_comment = "Well said."
        book.db.commit()
    assert 0 == run("grade", LAB, "--course", graded.root)
    assert {"places": 2, "slide": 2.5, "essay": 1} == scores(graded, "flipper")
    run("feedback", LAB, "--course", graded.root, "--student", "flipper", "--text")
    said = capsys.readouterr().out
    assert "essay, graded by a person: 1 of 1 points. Well said." in said
    assert "slide, graded by a person: 2.5 of 3 points" in said


def test_no_name_of_a_notebook_stops_the_feedback_of_others(course, hand_in):
    for student, name in (("ada", "a" * 249), ("bob", "my tiny"), ("cyd", "tiny")):
        path = hand_in(student)
        path.rename(path.with_name(f"{name}.ipynb"))
    assert 0 == run("grade", LAB, "--course", course.root)
    assert 0 == run("feedback", LAB, "--course", course.root)
    pages = sorted(path.relative_to(course.root / "feedback") for path in course.root.glob("feedback/*/*/*.html"))
    assert ["ada/tiny/tiny", "bob/tiny/my tiny", "bob/tiny/tiny", "cyd/tiny/tiny"] == [str(p)[:-5] for p in pages]


def test_who_is_out_of_the_gradebook_gets_no_page_and_the_reason_is_said(graded, capsys):
    with gradebook(graded) as book:
        book.remove_student("flipper")
    assert 1 == run("feedback", LAB, "--course", graded.root)
    said = capsys.readouterr()
    assert "flipper was graded but is not in the gradebook any more: no page was made" in said.err
    assert "cannot be read" not in said.err
    assert (graded.root / "feedback" / "good" / "tiny" / "tiny.html").is_file()


def test_a_written_essay_waits_for_a_person_and_an_untouched_one_earns_nothing(course, hand_in):
    hand_in("writer")
    path = course.at("submitted", "writer", "tiny") / "tiny.ipynb"
    path.write_text(path.read_text().replace("Why does a window of one column", "Because a window of one column"))
    hand_in("other", text=(course.at("release", ".", "tiny") / "tiny.ipynb").read_text())
    run("grade", LAB, "--course", course.root)
    with gradebook(course) as book:
        waits = [book.find_grade("essay", "tiny", "tiny", name).needs_manual_grade for name in ("writer", "other")]
    assert [True, False] == waits


def test_grading_again_gives_the_same(graded):
    before = scores(graded, "flipper")
    assert 0 == run("grade", LAB, "--course", graded.root, "--student", "flipper")
    assert before == scores(graded, "flipper")


def test_feedback_holds_no_hidden_case_and_asks_no_host(course, hand_in, tiny):
    hand_in("strideless", places_answer="def places(length, width, stride):\n    return length - width + 1")
    run("grade", LAB, "--course", course.root)
    run("feedback", LAB, "--course", course.root)
    page = (course.root / "feedback" / "strideless" / "tiny" / "tiny.html").read_text()
    assert "<li>stride above 1</li>" in page
    assert "stride left out" in page
    assert "places(" not in page.split("slide")[0].replace("places()", "")
    for outside in ("http:", "https:", "src=", "<script", "@import", "url("):
        assert outside not in page


def test_feedback_answers_the_prediction_of_an_item_that_is_right(graded, capsys):
    capsys.readouterr()
    run("feedback", LAB, "--course", graded.root, "--student", "good", "--text")
    assert "The prediction: it is 3, because it has 2 steps to go" in capsys.readouterr().out


def test_feedback_escapes_what_students_write(course, hand_in):
    hand_in("<b>eve", slide_answer="def slide(line, window):\n    return '<script>alert(1)</script>'")
    run("grade", LAB, "--course", course.root)
    run("feedback", LAB, "--course", course.root)
    page = (course.root / "feedback" / "<b>eve" / "tiny" / "tiny.html").read_text()
    assert "<script>" not in page
    assert "<b>eve" not in page


def test_what_students_write_drives_no_terminal_and_breaks_no_page(course, hand_in, capsys):
    hand_in("eve", slide_answer="def slide(line, window):\n    raise ValueError('\\x1b[2J\\ud800 boom')")
    assert 0 == run("grade", LAB, "--course", course.root)
    assert 0 == run("feedback", LAB, "--course", course.root, "--text")
    said = capsys.readouterr().out
    assert "ValueError: ?[2J? boom" in said
    assert "?[2J? boom" in (course.root / "feedback" / "eve" / "tiny" / "tiny.html").read_text()


BAD = {
    "truncated": ('{"cells": [{"cell_type": "code", "source": "x = 1', "is cut short"),
    "empty": ("", "is empty (0 bytes)"),
    "spaces": ("   \n", "is cut short"),
    "not JSON": ("hello", "is not JSON"),
    "JSON but no notebook": ("[1, 2]", "is JSON but no notebook"),
    "cells that are none": ('{"cells": 3}', "is JSON but no notebook"),
    "nested deeply": ("[" * 200_000, "is nested too deeply"),
    "not text": ("\udcff", "is not text"),
}


def test_bad_submissions_are_told_and_the_others_are_graded(course, hand_in, capsys):
    hand_in("good")
    for name, (text, _) in BAD.items():
        path = hand_in(name, text="")
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    course.at("submitted", "missing", "tiny").mkdir(parents=True)
    linked = course.at("submitted", "linked", "tiny")
    linked.mkdir(parents=True)
    (linked / "tiny.ipynb").symlink_to(course.at("submitted", "good", "tiny") / "tiny.ipynb")
    before = {p: p.read_bytes() for p in (course.root / "submitted").rglob("*") if p.is_file()}
    assert 1 == run("grade", LAB, "--course", course.root)
    said = capsys.readouterr().out
    for name, (_, says) in BAD.items():
        assert f"{name:24} 0 of 5  NEEDS ATTENTION\n    tiny.ipynb {says}" in said
    assert "tiny.ipynb is missing; the folder holds no notebook: ask for it to be handed in again" in said
    assert "tiny.ipynb is a link" in said
    assert before == {p: p.read_bytes() for p in (course.root / "submitted").rglob("*") if p.is_file()}
    assert 5 == sum(scores(course, "good").values())
    with gradebook(course) as book:
        grades = book.find_submission("tiny", "empty").notebooks[0].grades
        assert all(g.needs_manual_grade and g.score == 0 for g in grades)
    assert 0 == run("feedback", LAB, "--course", course.root)
    assert "tiny.ipynb is cut short" in (course.root / "feedback" / "truncated" / "tiny" / "tiny.html").read_text()


def test_a_damaged_resubmission_keeps_the_earlier_grade(course, hand_in, capsys):
    hand_in("ada")
    assert 0 == run("grade", LAB, "--course", course.root)
    notebook = course.at("autograded", "ada", "tiny") / "tiny.ipynb"
    before, earned = notebook.read_bytes(), scores(course, "ada")
    for damaged in ('{"cells": [', ""):
        hand_in("ada", text=damaged)
        assert 1 == run("grade", LAB, "--course", course.root)
        said = capsys.readouterr().out
        assert "ada                      5 of 5  NEEDS ATTENTION\n    tiny.ipynb is" in said
        assert "5 of 5 from before is kept" in said
    assert (before, earned) == (notebook.read_bytes(), scores(course, "ada"))
    with gradebook(course) as book:
        assert book.find_grade("slide", "tiny", "tiny", "ada").needs_manual_grade
    run("feedback", LAB, "--course", course.root, "--text")
    said = capsys.readouterr().out
    assert "5 of 5 points from the checks" in said
    assert said.count("Note: what was handed in last cannot be graded: tiny.ipynb is empty") == 1
    assert "cut short" not in said
    hand_in("ada", slide_answer=WRONG)
    assert 0 == run("grade", LAB, "--course", course.root)
    assert "2 of 5\n" in capsys.readouterr().out
    with gradebook(course) as book:
        assert not book.find_grade("slide", "tiny", "tiny", "ada").needs_manual_grade


def test_a_locked_cell_counts_as_released(course, hand_in, capsys):
    hand_in("ada", setup="from autograder import check, predict")
    hand_in("bob", setup="from autograder import check, predict  \nimport numpy as np\n")
    assert 1 == run("grade", LAB, "--course", course.root)
    said = capsys.readouterr().out
    note = "The locked cell setup was changed; it was run as released."
    assert f"ada                      5 of 5  NEEDS ATTENTION\n    {note}" in said
    assert "bob                      5 of 5\n" in said
    run("feedback", LAB, "--course", course.root, "--text")
    assert f"Note: {note}" in capsys.readouterr().out
    assert "numpy" not in course.at("submitted", "ada", "tiny").joinpath("tiny.ipynb").read_text().split("places")[0]
