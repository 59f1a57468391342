"""The command: bad input is named with status 2, and never shows our traceback."""

from __future__ import annotations

import sqlite3
import sys

import pytest
from sqlalchemy.exc import OperationalError

from autograder import cli, sandbox
from autograder import grade as grading
from autograder.record import Ledger


@pytest.fixture(autouse=True)
def _at_the_root(request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)


def refused(capsys, *arguments):
    assert 2 == cli.main([str(a) for a in arguments])
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_help_says_what_the_commands_do(capsys):
    with pytest.raises(SystemExit) as done:
        cli.main(["--help"])
    assert 0 == done.value.code
    said = capsys.readouterr().out
    for word in ("release", "grade", "feedback", "exit status", "labs/"):
        assert word in said


def test_an_unknown_lab_gets_a_suggestion(capsys, tmp_path):
    said = refused(capsys, "release", "01_convolutions", "--course", tmp_path)
    assert "did you mean 01_convolution?" in said


def test_a_broken_lab_is_not_released(capsys, own_lab, tmp_path):
    (own_lab / "checks.py").unlink()
    assert "checks.py is missing" in refused(capsys, "release", own_lab, "--course", tmp_path / "c")
    assert not (tmp_path / "c" / "release").exists()


def test_labs_may_stand_behind_an_option(tmp_path, capsys):
    labs = ("--labs", "tests/autograder", "tiny")
    assert 0 == cli.main(["init", str(tmp_path / "c"), *labs, "--exchange", str(tmp_path / "exchange")])
    assert (tmp_path / "c" / "release" / "tiny" / "tiny.ipynb").is_file()
    assert "nobody has points yet" in refused(capsys, "export", "--course", tmp_path / "c", "--format", "csv", "tiny")


@pytest.mark.parametrize("arguments", [("grade", "tiny", "more"), ("export", "--formt", "csv"), ("report", "a", "-x")])
def test_what_no_command_knows_is_named_with_the_command(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    assert 2 == caught.value.code
    assert f"{arguments[0]}: unrecognized arguments: " in capsys.readouterr().err


def test_a_course_copied_without_its_secret_is_not_graded_with_other_cases(capsys, course, hand_in):
    hand_in("ada")
    secret = course.root / ".autograder" / "secret"
    kept = secret.read_text()
    for change in (secret.unlink, lambda: secret.write_text("0" * 32)):
        change()
        said = refused(capsys, "grade", "tests/autograder/tiny", "--course", course.root)
        assert "is not the secret that tiny was released with" in said
        assert "autograder release tiny" in said
    secret.write_text(kept)
    assert 0 == cli.main(["grade", "tests/autograder/tiny", "--course", str(course.root)])


def test_what_a_release_that_was_cut_off_had_set_aside_is_not_lost(capsys, course, own_lab, monkeypatch):
    released = course.at("release", ".", "tiny")
    whole = (released / "tiny.ipynb").read_bytes()
    released.rename(released.with_name(".tiny.before"))
    released.mkdir()
    (released / "tiny.ipynb").write_text("half")

    def fails(*args):
        raise OSError(28, "No space left on device", "disk")

    monkeypatch.setattr("autograder.release._generate", fails)
    assert "No space left" in refused(capsys, "release", own_lab, "--course", course.root)
    assert whole == (released / "tiny.ipynb").read_bytes()
    assert not released.with_name(".tiny.before").exists()


def test_a_release_waits_for_who_works_on_the_course(course, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "autograder.release.release", lambda lab, c: seen.append((c.root / ".autograder/lock").read_text())
    )
    assert 0 == cli.main(["release", "tests/autograder/tiny", "--course", str(course.root)])
    assert "autograder release tiny" in seen[0]


def test_what_may_not_be_written_is_named_with_what_to_do(capsys, course, monkeypatch):
    def refuse(*args):
        raise PermissionError(13, "Permission denied", "course/exports/csv.csv")

    monkeypatch.setattr("autograder.export.export", refuse)
    said = refused(capsys, "export", "--course", course.root)
    assert "Permission denied: course/exports/csv.csv; see that you may read and write there" in said


@pytest.mark.parametrize("command", ["grade", "feedback", "report", "export", "formgrader"])
def test_a_folder_that_is_no_course_is_named_and_left_alone(capsys, tmp_path, command):
    folder = tmp_path / "not a course"
    folder.mkdir()
    lab = ["tests/autograder/tiny"] if command in ("grade", "feedback", "report") else []
    where = [str(folder)] if command == "formgrader" else ["--course", str(folder)]
    said = refused(capsys, command, *lab, *where)
    assert f"{folder} is no course folder: it has neither" in said
    assert "autograder init" in said
    assert [] == list(folder.iterdir())


def test_a_broken_configuration_is_named(capsys, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "nbgrader_config.py").write_text("c = get_config(\n")
    assert "nbgrader_config.py: SyntaxError" in refused(
        capsys, "release", "tests/autograder/tiny", "--course", tmp_path / "c"
    )


def test_nothing_handed_in_is_said(capsys, course):
    assert "no submissions" in refused(capsys, "grade", "tests/autograder/tiny", "--course", course.root)


def test_a_course_folder_that_is_not_there_is_named_and_not_made(capsys, tmp_path):
    for command in ("grade", "feedback"):
        assert "no course folder" in refused(capsys, command, "tests/autograder/tiny", "--course", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_unknown_student_is_said(capsys, course, hand_in):
    hand_in("ada")
    said = refused(capsys, "grade", "tests/autograder/tiny", "--course", course.root, "--student", "adda")
    assert "no submission of tiny by adda; did you mean ada? (in " in said
    assert said.rstrip().endswith(": ada)")


def test_many_students_are_counted_not_listed(capsys, course, hand_in):
    for number in range(11):
        hand_in(f"student{number:02}", text="")
    said = refused(capsys, "grade", "tests/autograder/tiny", "--course", course.root, "--student", "studend07")
    assert "did you mean student07?" in said
    assert "11 students" in said
    assert "student03" not in said


def test_a_lab_that_was_never_released_is_not_graded(capsys, tmp_path):
    folder = tmp_path / "c" / "submitted" / "ada" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text("{}")
    said = refused(capsys, "grade", "tests/autograder/tiny", "--course", tmp_path / "c")
    assert "tiny is not released" in said
    assert ["submitted"] == [path.name for path in (tmp_path / "c").iterdir()]


def test_feedback_before_grading_is_refused(capsys, course):
    assert "nobody is graded yet" in refused(capsys, "feedback", "tests/autograder/tiny", "--course", course.root)


def test_official_grading_needs_a_sandbox(capsys, course, hand_in, monkeypatch):
    hand_in("ada")
    monkeypatch.setattr(sandbox, "missing", lambda: "bubblewrap is not installed: sudo apt install bubblewrap")
    said = refused(capsys, "grade", "tests/autograder/tiny", "--course", course.root)
    assert "sudo apt install bubblewrap" in said
    assert "--unsandboxed" in said
    assert 0 == cli.main(["grade", "tests/autograder/tiny", "--course", str(course.root), "--unsandboxed"])
    assert "5 of 5" in capsys.readouterr().out


def test_an_interruption_is_clean(capsys, course, hand_in, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    hand_in("ada")
    monkeypatch.setattr(grading, "grade_one", interrupted)
    assert 130 == cli.main(["grade", "tests/autograder/tiny", "--course", str(course.root), "--unsandboxed"])
    assert "what was finished is kept" in capsys.readouterr().err


def test_a_damaged_result_is_named_and_the_others_get_their_page(capsys, course, hand_in):
    for name in ("ada", "bob"):
        hand_in(name)
    cli.main(["grade", "tests/autograder/tiny", "--course", str(course.root), "--unsandboxed"])
    (course.at("autograded", "ada", "tiny") / "result.json").write_text("{")
    assert 1 == cli.main(["feedback", "tests/autograder/tiny", "--course", str(course.root)])
    assert "grade this student again" in capsys.readouterr().err
    assert (course.at("feedback", "bob", "tiny") / "tiny.html").exists()


def test_a_missing_package_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    assert "pip install 'accelsim[course]'" in refused(capsys, "release", "tests/autograder/tiny")


def test_a_gradebook_that_is_none_is_named(capsys, course, hand_in):
    hand_in("ada")
    (course.root / "gradebook.db").write_bytes(b"not a database" * 100)
    for command in ("release", "grade"):
        assert "gradebook.db is not a database" in refused(
            capsys, command, "tests/autograder/tiny", "--course", course.root
        )


@pytest.mark.parametrize("body", [b"not a database" * 100, b"SQLite format 3\0" + b"junk" * 2000])
def test_of_a_damaged_gradebook_nothing_is_claimed_to_be_kept(capsys, course, hand_in, body):
    hand_in("ada")
    (course.root / "gradebook.db").write_bytes(body)
    said = refused(capsys, "grade", "tests/autograder/tiny", "--course", course.root, "--unsandboxed")
    assert "put your copy of it back" in said
    assert "kept" not in said
    assert body == (course.root / "gradebook.db").read_bytes()


@pytest.mark.parametrize("why", ["database is locked", "database or disk is full"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["SQLAlchemy", "nbgrader"])
def test_of_a_gradebook_that_cannot_be_written_it_is_said_that_grades_are_kept(
    capsys, course, hand_in, monkeypatch, why, wrapped
):
    def failing():
        raise OperationalError("", {}, sqlite3.OperationalError(why))

    def record(ledger, *args, **options):
        monkeypatch.setattr(ledger.book.db, "commit", failing)
        return ledger.book.add_student("bob") if wrapped else failing()

    hand_in("ada")
    monkeypatch.setattr(Ledger, "record", record)
    said = refused(capsys, "grade", "tests/autograder/tiny", "--course", course.root, "--unsandboxed")
    assert f"{why}; what was graded before is kept" in said
    assert "Traceback" not in said


def test_a_lab_that_changed_since_its_release_is_not_graded(capsys, course, hand_in, own_lab):
    hand_in("ada")
    text = (own_lab / "lab.py").read_text("utf-8")
    (own_lab / "lab.py").write_text(text.replace('"points": 2', '"points": 4'), "utf-8")
    said = refused(capsys, "grade", own_lab, "--course", course.root)
    assert "has changed since its release" in said
    assert "places" in said


def test_an_item_cannot_vanish_once_work_is_graded(capsys, course, hand_in, own_lab):
    hand_in("ada")
    cli.main(["grade", "tests/autograder/tiny", "--course", str(course.root), "--unsandboxed"])
    before = sorted(path.name for path in course.at("release", ".", "tiny").iterdir())
    text = (own_lab / "lab.py").read_text("utf-8").replace('"grade_id": "essay"', '"grade_id": "other_essay"')
    (own_lab / "lab.py").write_text(text, "utf-8")
    assert "nbgrader did not release tiny" in refused(capsys, "release", own_lab, "--course", course.root)
    assert before == sorted(path.name for path in course.at("release", ".", "tiny").iterdir())


def test_a_folder_that_cannot_be_written_is_named(capsys, tmp_path):
    (tmp_path / "c").write_text("a file")
    assert str(tmp_path / "c") in refused(capsys, "release", "tests/autograder/tiny", "--course", tmp_path / "c")
