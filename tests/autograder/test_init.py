"""A course folder from nothing: init, nbgrader's own exchange and autograde, formgrader's gradebook."""

from __future__ import annotations

import json
import os
import shutil
import socket
import zipfile
from pathlib import Path

import pytest

from autograder import cli
from autograder.course import Course, gradebook
from autograder.errors import AutograderError
from autograder.feedback import _for_release
from autograder.init import read_roster
from tests.autograder.nbgrader_commands import nbgrader

LABS, LAB = "tests/autograder", "tests/autograder/tiny"
ROSTER = "Id;First name;Last name;E-mail\nada;Ada;Lovelace;ada@example.org\nbob;Bob;Cratchit;bob@example.org\n"
WRONG = "def slide(line, window):\n    return np.convolve(line, window, 'valid')"


@pytest.fixture(autouse=True)
def _at_the_root(request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)


def init(root, *arguments):
    return cli.main(["init", str(root), LAB, "--labs", LABS, *map(str, arguments)])


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "students.csv"
    path.write_text(ROSTER)
    return path


def test_init_makes_a_course_and_a_second_run_changes_nothing(tmp_path, roster, capsys):
    root = tmp_path / "my course"
    assert 0 == init(root, "--roster", roster, "--exchange", tmp_path / "exchange")
    said = capsys.readouterr().out
    assert ("made" in said, "exists" in said) == (True, False)
    assert "2 students, 2 of them new" in said
    assert 0o777 == (tmp_path / "exchange").stat().st_mode & 0o777
    (root / "nbgrader_config.py").write_text((root / "nbgrader_config.py").read_text() + "# mine\n")
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and ".autograder" not in p.parts}
    assert 0 == init(root, "--roster", roster, "--exchange", tmp_path / "elsewhere")
    said = capsys.readouterr().out
    assert "made" not in said
    assert "would" not in said
    assert f"c.Exchange.root stays '{tmp_path / 'exchange'}'" in said
    assert "2 students, 0 of them new" in said
    changed = [p.name for p, body in before.items() if p.read_bytes() != body]
    assert changed in ([], ["gradebook.db"])
    assert not (tmp_path / "elsewhere").exists()


def test_init_says_what_an_old_configuration_leaves_unprotected(tmp_path, capsys):
    root = tmp_path / "old"
    root.mkdir()
    (root / "nbgrader_config.py").write_text("c = get_config()\n")
    assert 0 == init(root, "--exchange", tmp_path / "exchange")
    said = capsys.readouterr().out
    assert "`nbgrader autograde` would run students' code unprotected" in said
    assert "formgrader would show HTML in students' text as it is" in said
    assert "c = get_config()\n" == (root / "nbgrader_config.py").read_text()


def test_the_gradebook_may_be_any_database_by_url(tmp_path, roster, capsys):
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    root = tmp_path / "course"
    assert 0 == init(root, "--roster", roster, "--db", url)
    with gradebook(Course(root)) as book:
        assert ["ada", "bob"] == sorted(student.id for student in book.students)
    assert (tmp_path / "elsewhere.db").exists()
    assert not (root / "gradebook.db").exists()


def test_a_database_whose_driver_is_missing_is_named_and_its_password_is_not(tmp_path, roster, capsys):
    assert 2 == init(tmp_path / "c", "--roster", roster, "--db", "mssql+pymssql://ada:secret@127.0.0.1:9/grades")
    said = capsys.readouterr().err
    assert "pymssql" in said
    assert "secret" not in said


BAD = """\
id,first name,last name,email
ada,Ada,Lovelace,ada@example.org
,No,Name,
../eve,Eve,Il,eve@example.org
bob,Bob
ada,Ada,Again,
zoe,Zoe,Zed,not an address
"""


def test_every_bad_line_of_a_roster_is_named_at_once_and_nothing_is_made(tmp_path, capsys):
    path = tmp_path / "students.csv"
    path.write_text(BAD)
    assert 2 == init(tmp_path / "c", "--roster", path)
    said = capsys.readouterr().err
    for words in (
        "5 faults",
        "line 3: no id",
        "line 4: the id '../eve'",
        "line 5 has 2 fields",
        "line 6: the id 'ada'",
    ):
        assert words in said
    assert "line 7: 'not an address' is no email address" in said
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,student\nada,Ada Lovelace\n", "line 1: more than one column is the id: 'id', 'student'; leave one"),
        ('id,first name\nada,"Ada\nbob,Bob\n', 'line 2: quotation marks (") that do not close on this line: ada,"Ada'),
    ],
)
def test_a_roster_that_would_give_wrong_students_is_refused(tmp_path, text, says):
    path = tmp_path / "students.csv"
    path.write_text(text)
    with pytest.raises(AutograderError) as caught:
        read_roster(path)
    assert says in str(caught.value)


def test_who_is_no_longer_in_the_roster_stays_and_is_counted(tmp_path, roster, capsys):
    root = tmp_path / "course"
    assert 0 == init(root, "--roster", roster)
    roster.write_text(ROSTER.replace("bob;Bob;Cratchit;bob@example.org\n", ""))
    assert 0 == init(root, "--roster", roster)
    said = capsys.readouterr().out
    assert "roster  1 student, 0 of them new; 2 in the gradebook, 1 of them not in this roster: they stay" in said


def test_a_course_that_was_moved_is_told_what_its_students_file_still_says(tmp_path, capsys):
    assert 0 == init(tmp_path / "old")
    assert "was the course moved" not in capsys.readouterr().out
    (tmp_path / "old").rename(tmp_path / "new")
    assert 0 == init(tmp_path / "new")
    said = capsys.readouterr().out
    assert (
        f"it does not say '{tmp_path / 'new' / 'exchange'}', as nbgrader_config.py does: was the course moved?" in said
    )


def test_the_next_command_may_be_pasted(tmp_path, capsys):
    init(tmp_path / "my course")
    said = capsys.readouterr().out
    assert f"next: autograder formgrader '{tmp_path / 'my course'}'; cd '{tmp_path / 'my course'}' && " in said


def test_a_roster_saved_by_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "students.csv"
    path.write_text("\ufeff" + ROSTER.replace(";", "\t") + "\t\t\t\n", "utf-8")
    assert ["ada", "bob"] == [student.id for student in read_roster(path)]
    path.write_text("name,mail\nada,a@b\n")
    with pytest.raises(AutograderError, match="needs a first line that names its columns, one of them id"):
        read_roster(path)


def answer(path: Path, **cells: str) -> None:
    """Work as a student does: predict, and write these cells."""
    body = json.loads(path.read_text())
    for cell in body["cells"]:
        source = "".join(cell["source"])
        cell["source"] = cells.get(cell["id"], source.replace('predict("places", None)', 'predict("places", 3)'))
    path.write_text(json.dumps(body))


RIGHT = {
    "places_answer": "def places(length, width, stride):\n    return (length - width) // stride + 1",
    "slide_answer": "def slide(line, window):\n    return np.correlate(line, window, 'valid')",
}


@pytest.fixture(scope="module")
def collected(request, tmp_path_factory) -> Course:
    """Release, fetch, submit and collect, all by nbgrader's own commands: one right, one wrong, one damaged."""
    os.chdir(request.config.rootpath)
    base = tmp_path_factory.mktemp("stock")
    assert 0 == init(base / "course", "--exchange", base / "exchange")
    course = Course((base / "course").resolve())
    nbgrader(course.root, "release_assignment", "tiny")
    for student, cells in (("ada", RIGHT), ("bob", RIGHT | {"slide_answer": WRONG}), ("eve", RIGHT)):
        desk = base / student
        desk.mkdir()
        shutil.copyfile(course.root / "for_students" / "nbgrader_config.py", desk / "nbgrader_config.py")
        home = {"JUPYTER_DATA_DIR": str(base / f"{student}_data"), "NBGRADER_STUDENT": student}
        nbgrader(desk, "fetch_assignment", "tiny", **home)
        answer(desk / "tiny" / "tiny.ipynb", **cells)
        if student == "bob":
            (desk / "tiny" / "tiny.ipynb").rename(desk / "tiny" / "tiny of bob.ipynb")
        nbgrader(desk, "submit", "tiny", f"--student={student}", **home)
    nbgrader(course.root, "collect", "tiny")
    damaged = course.at("submitted", "eve", "tiny") / "tiny.ipynb"
    damaged.chmod(0o644)
    damaged.write_text(damaged.read_text()[:500])
    return course


def rows(course: Course) -> dict:
    with gradebook(course) as book:
        return {
            s.student.id: (
                s.timestamp is not None,
                sorted((g.name, g.auto_score, g.needs_manual_grade) for n in s.notebooks for g in n.grades),
            )
            for s in book.assignment_submissions("tiny")
        }


@pytest.mark.slow
@pytest.mark.sandbox
def test_stock_autograde_gives_the_grades_of_autograder_grade(collected, tmp_path):
    ours, stock = tmp_path / "ours", tmp_path / "stock"
    for root in (ours, stock):
        shutil.copytree(collected.root, root)
    for root in (ours, stock):  # nbgrader finds no renamed notebook
        (root / "submitted" / "bob" / "tiny" / "tiny of bob.ipynb").rename(root / "submitted/bob/tiny/tiny.ipynb")
    assert 1 == cli.main(["grade", LAB, "--course", str(ours)])
    said = nbgrader(stock, "autograde", "tiny")
    assert rows(Course(ours)) == rows(Course(stock)), said
    assert (True, [("essay", 0.0, False), ("places", 2.0, False), ("slide", 3.0, False)]) == rows(Course(stock))["ada"]
    from nbformat import read
    from nbgrader.utils import determine_grade, is_grade

    for student, points in (("ada", [2, 3, 0]), ("bob", [2, 0, 0])):
        notebook = read(stock / "autograded" / student / "tiny" / "tiny.ipynb", as_version=4)
        assert points == [determine_grade(cell)[0] for cell in notebook.cells if is_grade(cell)]
    again = nbgrader(stock, "autograde", "tiny", "--force")
    assert rows(Course(ours)) == rows(Course(stock)), again


@pytest.mark.slow
@pytest.mark.sandbox
def test_nbgrader_brings_each_student_the_page(collected, tmp_path, capsys):
    base, root = collected.root.parent, tmp_path / "course"
    shutil.copytree(collected.root, root)
    by_mail = root / "submitted" / "aaron" / "tiny"  # first in the row, and without what the exchange adds
    by_mail.mkdir(parents=True)
    shutil.copyfile(root / "submitted" / "ada" / "tiny" / "tiny.ipynb", by_mail / "tiny.ipynb")
    for command in ("grade", "feedback"):
        cli.main([command, LAB, "--course", str(root)])
    nbgrader(root, "release_feedback", "tiny")
    for student, says in (("ada", "This is complete"), ("bob", "kernel flipped"), ("eve", "could not be graded")):
        home = {"JUPYTER_DATA_DIR": str(base / f"{student}_data"), "NBGRADER_STUDENT": student}
        nbgrader(base / student, "fetch_feedback", "tiny", **home)
        (page,) = (base / student).rglob("tiny*.html")
        assert says.lower() in page.read_text().lower()


@pytest.mark.parametrize("secret", ["", "not hexadecimal: <b>", "x" * 2000])
def test_a_secret_that_is_none_stops_nobodys_feedback(tmp_path, secret):
    (tmp_path / "submission_secret.txt").write_text(secret)
    _for_release(tmp_path, tmp_path / "feedback")
    made = (tmp_path / "feedback" / "submission_secret.txt").read_text()
    assert (128, True) == (len(made), made.isalnum())
    _for_release(tmp_path, tmp_path / "feedback")
    assert made == (tmp_path / "feedback" / "submission_secret.txt").read_text()


def test_released_cells_of_the_instructor_are_locked(collected):
    body = json.loads((collected.at("release", ".", "tiny") / "tiny.ipynb").read_text())
    locked = [cell for cell in body["cells"] if cell["metadata"].get("nbgrader", {}).get("locked")]
    assert locked
    assert all(cell["metadata"]["editable"] is False and cell["metadata"]["deletable"] is False for cell in locked)


@pytest.mark.slow
@pytest.mark.sandbox
def test_a_late_submission_is_penalised_as_nbgrader_is_configured(collected, tmp_path):
    root = tmp_path / "late"
    shutil.copytree(collected.root, root)
    text = (root / "nbgrader_config.py").read_text()
    (root / "nbgrader_config.py").write_text(text.replace('penalty_method = "none"', 'penalty_method = "zero"'))
    (root / "submitted" / "ada" / "tiny" / "timestamp.txt").chmod(0o644)
    (root / "submitted" / "ada" / "tiny" / "timestamp.txt").write_text("2026-03-01 10:00:00.000000 UTC")
    (root / "submitted" / "bob" / "tiny" / "timestamp.txt").chmod(0o644)
    (root / "submitted" / "bob" / "tiny" / "timestamp.txt").write_text("2026-03-02 10:00:01.000000 UTC")

    def penalties(*arguments: str) -> dict:
        cli.main(["grade", LAB, "--course", str(root), *arguments])
        with gradebook(Course(root)) as book:
            return {
                s.student.id: (s.score, s.late_submission_penalty)
                for s in book.assignment_submissions("tiny")
                if s.student.id != "eve"
            }

    with gradebook(Course(root)) as book:
        book.update_or_create_assignment("tiny", duedate="2026-03-02 10:00:00 UTC")
    assert {"ada": (5.0, 0.0), "bob": (2.0, 2.0)} == penalties()
    with gradebook(Course(root)) as book:  # more time for bob, in whole minutes as nbgrader counts them
        book.grant_extension("tiny", "bob", minutes=1)
    assert {"ada": (5.0, 0.0), "bob": (2.0, 0.0)} == penalties()


DOWNLOADED = {
    "Ada Lovelace_12345_assignsubmission_file_/tiny.ipynb": "ada",
    "Ada Lovelace_12345_assignsubmission_file_/predictions.json": "ada",
    "Bob Cratchit_12346_assignsubmission_file_tiny (1).ipynb": "bob",
    "unalzoe\u0308_LATE_77_9001_tiny-1.ipynb": "zoe",
    "smithpat_4021_9002_tiny.ipynb": "",
    "somebody_123_9003_tiny.ipynb": "",
    "tiny.ipynb": "",
}


@pytest.mark.slow
def test_nbgrader_collects_what_platforms_give_for_download(tmp_path):
    roster = tmp_path / "students.csv"
    roster.write_text(
        ROSTER + "zoe;Zo\u00eb;Unal;z@example.org\n4021;Nan;Ber;n@example.org\np1;Pat;Smith;\np2;Smith;Pat;\n", "utf-8"
    )
    root = tmp_path / "course"
    assert 0 == init(root, "--roster", roster)
    archive = root / "downloaded" / "tiny" / "archive" / "all.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as made:
        for name in DOWNLOADED:
            made.writestr(name, name)
    said = nbgrader(root, "zip_collect", "tiny")
    files = sorted(path for path in (root / "submitted").rglob("*") if path.is_file())
    assert sorted((student, name) for name, student in DOWNLOADED.items() if student) == sorted(
        (path.parts[-3], path.read_text()) for path in files
    )
    assert "'smithpat' may be any of p1, p2" in said
    assert "no student of the gradebook is called 'somebody'" in said


def test_formgrader_needs_a_course(capsys, tmp_path):
    assert 2 == cli.main(["formgrader", str(tmp_path / "none")])
    assert "no course folder" in capsys.readouterr().err


def test_formgrader_names_a_port_that_it_cannot_have(course, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        for port, says in (
            (taken, f"port {taken} cannot be had (Address already in use); --port N"),
            (99999, "no port 99999"),
        ):
            assert 2 == cli.main(["formgrader", str(course.root), "--port", str(port), "--no-browser"])
            assert says in capsys.readouterr().err
