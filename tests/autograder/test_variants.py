"""Numbers of one's own: different from student to student, the same from run to run, on both sides alike."""

from __future__ import annotations

import dataclasses
import json

import pytest

from autograder import check, mine
from autograder.errors import AutograderError
from autograder.judge import Outcome, diagnose
from autograder.public import own_cases, public_data, read_public
from autograder.questions import Case, Mistake, Question
from autograder.sandbox import Limits
from autograder.session import _asked, seed
from autograder.submission import copy_files
from autograder.variants import VARIANTS, lab_key, make_secret, read_secret, variant, whoami

STUDENTS = [f"student{n}" for n in range(200)]


def area(rows, columns):
    return rows * columns


AREA = Question(
    name="area",
    function="area",
    reference=area,
    public=(Case((2, 3), "small"),),
    hidden=lambda rng: [Case((int(rng.integers(50, 99)), 7), "small")],
    mistakes=(Mistake("perimeter", lambda rows, columns: 2 * (rows + columns), "Round about.", "1"),),
    own=lambda rng: [Case((int(rng.integers(4, 9_999)), 5), "your own size")],
)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    data = public_data([AREA, dataclasses.replace(AREA, name="plain", own=None)], "lab", "a key")
    (tmp_path / "public_checks.json").write_text(json.dumps(data))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    return tmp_path


def test_a_secret_is_made_once_and_kept_from_others(tmp_path):
    assert "" == read_secret(tmp_path)
    first = make_secret(tmp_path)
    assert (32, first, first) == (len(first), make_secret(tmp_path), read_secret(tmp_path))
    assert 0o600 == (tmp_path / ".autograder" / "secret").stat().st_mode & 0o777


@pytest.mark.parametrize("body", [b"", b"\n", b"\xff"])
def test_a_secret_that_was_cut_short_is_never_taken_for_none(tmp_path, body):
    (tmp_path / ".autograder").mkdir()
    (tmp_path / ".autograder" / "secret").write_bytes(body)
    for read in (read_secret, make_secret):
        with pytest.raises(AutograderError, match=r"secret.*(is empty: put your copy|cannot be read: it is not text)"):
            read(tmp_path)


def test_a_cut_while_the_secret_is_made_leaves_none_or_all_of_it(tmp_path, monkeypatch):
    def cut(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", cut)
    with pytest.raises(AutograderError, match="cannot be written: No space left"):
        make_secret(tmp_path)
    assert [] == list((tmp_path / ".autograder").iterdir())
    monkeypatch.undo()
    assert 32 == len(make_secret(tmp_path))


def test_the_key_that_ships_is_not_the_secret():
    assert lab_key("s", "lab1") not in ("s", lab_key("s", "lab2"), lab_key("t", "lab1"))
    assert "" == lab_key("", "lab1")


def test_students_are_dealt_over_all_variants_and_each_always_gets_the_same():
    dealt = [variant("key", student) for student in STUDENTS]
    assert set(range(VARIANTS)) == set(dealt)
    assert dealt == [variant("key", student) for student in STUDENTS]
    assert dealt != [variant("other", student) for student in STUDENTS]


def test_hidden_cases_follow_from_the_secret():
    assert seed("lab", "ada", "s") == seed("lab", "ada", "s")
    assert 4 == len({seed("lab", "ada", "s"), seed("lab", "ada", "t"), seed("lab", "bob", "s"), seed("lab", "ada")})


def test_the_desk_shows_what_the_grader_asks(desk):
    number = variant("a key", "ada")
    at_the_desk = read_public(desk / "public_checks.json")["area"].cases
    graded = _asked(AREA, 1, number)
    assert at_the_desk == graded.cases[: graded.public]
    assert 2 == graded.public
    assert own_cases(AREA, number)[0].args == mine("area")


def test_two_students_see_different_numbers(desk, monkeypatch):
    first = mine("area")
    monkeypatch.setenv("JUPYTERHUB_USER", next(s for s in STUDENTS if variant("a key", s) != variant("a key", "ada")))
    assert first != mine("area")


def test_a_question_without_own_numbers_says_so(desk):
    with pytest.raises(AutograderError, match="plain has no numbers of your own"):
        mine("plain")


def test_a_mistake_is_named_on_own_numbers_too(desk, monkeypatch):
    public = read_public(desk / "public_checks.json")["area"]
    judged = public.judge([Outcome(2 * sum(case.args)) for case in public.cases])
    assert "perimeter" == diagnose(public.mistakes, public.answers_of, judged, 0).name
    monkeypatch.setitem(globals(), "area", lambda rows, columns: rows * columns)
    assert "all 2 public cases are right" in repr(check("area"))


def test_who_works_here_is_what_the_folder_says_first(desk):
    assert "ada" == whoami()
    (desk / "student.txt").write_text("cy\n")
    assert "cy" == whoami()


def test_a_submission_has_its_own_students_numbers_whatever_it_brought(desk, tmp_path):
    course, target = tmp_path / "course", tmp_path / "target"
    for folder in (course / "submitted" / "bob" / "lab", course / "release" / "lab", tmp_path / "given", target):
        folder.mkdir(parents=True)
    (course / "submitted" / "bob" / "lab" / "student.txt").write_text("ada")
    (course / "submitted" / "bob" / "lab" / "public_checks.json").write_text("{}")
    (course / "release" / "lab" / "public_checks.json").write_text((desk / "public_checks.json").read_text())
    copy_files(course / "submitted" / "bob" / "lab", tmp_path / "given", target, Limits())
    asked = read_public(target / "public_checks.json")["area"]
    assert own_cases(AREA, variant("a key", "bob")) == asked.cases[1:]


def test_what_stands_where_a_file_of_the_lab_belongs_is_left_out_and_said(desk, tmp_path):
    work, given, target = tmp_path / "course" / "submitted" / "bob" / "lab", tmp_path / "given", tmp_path / "target"
    released = tmp_path / "course" / "release" / "lab" / "public_checks.json"
    files = {given / "show.py": "ours", given / "data" / "line.csv": "ours", released: "{}"}
    theirs = ("show.py/x.txt", "public_checks.json/x.txt", "student.txt/x.txt", "data", "mine.txt")
    for path, text in files.items() | {(work / name, "theirs") for name in theirs}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    target.mkdir()
    said = copy_files(work, given, target, Limits())
    assert [
        f"the file {name!r} was left out: the lab has something of that name" for name in sorted(theirs[:4])
    ] == said
    assert ["{}", "bob", "ours", "ours", "theirs"] == [
        (target / name).read_text()
        for name in ("public_checks.json", "student.txt", "show.py", "data/line.csv", "mine.txt")
    ]
