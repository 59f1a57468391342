"""Points out of the gradebook arrive where they should, and come back the same."""

from __future__ import annotations

import csv

import pytest

from autograder import cli
from autograder.course import config, gradebook
from autograder.errors import AutograderError
from autograder.export import Grades, Student, as_canvas, as_csv, as_moodle, filled, read_csv, to_text, with_ids
from autograder.record import Mark, ledger

ADA = Student("ada", "Ada", "Lovelace", "ada@example.org", "101")
BOB = Student("bob", "Bob", "=HYPERLINK(1)", "bob@example.org")
CY = Student("cy", "", "", "")
GRADES = Grades(
    (ADA, BOB, CY),
    ("lab1", "lab2"),
    {"lab1": 5, "lab2": 10},
    {"ada": {"lab1": 4.2, "lab2": 0}, "bob": {"lab1": 1 / 3}},
    frozenset({("bob", "lab1")}),
)


def again(rows, tmp_path):
    """What a platform reads from the file we write."""
    (tmp_path / "x.csv").write_text(to_text(rows), "utf-8")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_plain_table_has_points_maxima_and_what_waits(tmp_path):
    rows = again(as_csv(GRADES), tmp_path)
    assert ["4.2", "5", "0", "10"] == [rows[0][k] for k in ("lab1", "lab1 of", "lab2", "lab2 of")]
    assert ("0.3333333333", "yes", "") == (rows[1]["lab1"], rows[1]["lab1 waits for a person"], rows[1]["lab2"])
    assert ("cy", "") == (rows[2]["student"], rows[2]["lab1"])


def test_a_spreadsheet_runs_nothing_that_a_student_is_called(tmp_path):
    assert "'=HYPERLINK(1)" == again(as_csv(GRADES), tmp_path)[1]["last name"]
    assert "'=HYPERLINK(1), Bob" == again(as_canvas(GRADES), tmp_path)[2]["Student"]


def test_canvas_gets_its_columns_its_row_of_maxima_and_a_row_a_student(tmp_path):
    made = as_canvas(GRADES)
    assert ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "lab1", "lab2"] == made[0]
    maxima, ada, bob, cy = again(made, tmp_path)
    assert ("Points Possible", "5", "10") == (maxima["Student"].strip(), maxima["lab1"], maxima["lab2"])
    assert ("Lovelace, Ada", "101", "ada", "4.2", "0") == tuple(
        ada[k] for k in ("Student", "ID", "SIS Login ID", "lab1", "lab2")
    )
    assert ("cy", "", "") == (cy["Student"], cy["lab1"], bob["lab2"])


CANVAS = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Lab1 (4711),Essay (4712),Lab2 (4713),Current Score
    Points Possible,,,,,5,10,10,(read only)
"Lovelace, Ada",101,x,ada.l,A,,7,3,55
"Smith, Bob",202,y,bob,A,2,8,9,66
"Nobody, Known",303,z,zed,B,1,2,3,77
"""


def test_a_canvas_gradebook_comes_back_with_points_filled_in_and_all_else_as_it_was(tmp_path):
    (tmp_path / "canvas.csv").write_text(CANVAS, "utf-8")
    before = read_csv(tmp_path / "canvas.csv")
    after = filled(before, GRADES, "canvas")
    changed = [(r, c, after[r][c]) for r in range(5) for c in range(9) if after[r][c] != before[r][c]]
    assert [(2, 5, "4.2"), (2, 7, "0"), (3, 5, "0.3333333333")] == changed
    assert after == filled(after, GRADES, "canvas")


def test_a_column_that_canvas_lacks_is_named(tmp_path):
    (tmp_path / "canvas.csv").write_text(CANVAS.replace("Lab2", "Lab 2"), "utf-8")
    with pytest.raises(AutograderError, match=r"from Canvas has no column lab2.*name the Canvas assignment lab2, or"):
        filled(read_csv(tmp_path / "canvas.csv"), GRADES, "canvas")


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("idnumber", ["101", "bob", "cy"]),
        ("email", ["ada@example.org", "bob@example.org"]),
        ("username", ["ada", "bob", "cy"]),
    ],
)
def test_moodle_gets_one_column_it_knows_students_by(tmp_path, by, names):
    rows = again(as_moodle(GRADES, by), tmp_path)
    assert names == [row[by] for row in rows]
    assert "4.2" == rows[0]["lab1"]


WORKSHEET = """Identifier;Full name;ID number;Email address;Status;Grade;Maximum Grade;Feedback comments
Participant 7;Ada Lovelace;;ada@example.org;Submitted;;5,00;
Participant 8;Bob Smith;bob;;Submitted;1,00;5,00;"Well; done"
Participant 9;Zed Zed;;;No submission;;5,00;
"""


def test_a_moodle_worksheet_comes_back_with_grades_filled_in(tmp_path):
    (tmp_path / "w.csv").write_text(WORKSHEET, "utf-8")
    one = Grades(GRADES.students, ("lab1",), GRADES.most, GRADES.points)
    made = filled(read_csv(tmp_path / "w.csv"), one, "moodle")
    assert ["4.2", "0.3333333333", ""] == [row[5] for row in made[1:]]
    assert "Well; done" == made[2][7]


def test_a_list_of_ids_leads_to_the_platforms_own(tmp_path):
    (tmp_path / "ids.csv").write_text("student,moodle id\nada,S-77\ncy, S-78\n")
    rows = as_moodle(with_ids(GRADES, tmp_path / "ids.csv"))
    assert ["S-77", "bob", "S-78"] == [row[0] for row in rows[1:]]


@pytest.mark.parametrize(
    ("text", "says"),
    [("student,id\na,1\na,2\n", "names a more than once"), ("student\na\n", "two columns"), ("", "two columns")],
)
def test_a_list_of_ids_that_cannot_be_used_is_named(tmp_path, text, says):
    (tmp_path / "ids.csv").write_text(text)
    with pytest.raises(AutograderError, match=says):
        with_ids(GRADES, tmp_path / "ids.csv")


def test_two_students_of_one_name_are_never_mixed_up():
    twins = (Student("a", "Ann", "Lee"), Student("b", "Ann", "Lee"))
    grades = Grades(twins, ("lab1",), {"lab1": 5}, {"a": {"lab1": 1}, "b": {"lab1": 2}})
    made = filled([["Identifier", "Full name", "Grade"], ["7", "Ann Lee", ""]], grades, "moodle")
    assert "" == made[1][2]


SAME_NUMBERS = Grades(
    (Student("1001", "Nan", "Ber"), Student("ada", "Ada", "Lovelace")),
    ("lab1",),
    {"lab1": 5},
    {"1001": {"lab1": 1}, "ada": {"lab1": 4}},
)


@pytest.mark.parametrize(
    ("rows", "points"),
    [
        ([["Lovelace, Ada", "1001", "", "ada", ""], ["Ber, Nan", "77", "", "1001", ""]], ["4", "1"]),
        ([["Lovelace, Ada", "7", "", "ada", ""], ["Guest, A", "1001", "", "guest", ""]], ["4", ""]),
        ([["Ber, Nan", "1001", "", "", ""]], ["1"]),
        ([["Ber, Nan", "7", "1001", "ada", ""]], [""]),
        ([["Lovelace, Ada", "7", "", "ada", ""], ["Lovelace, Ada", "8", "", "ada", ""]], ["", ""]),
    ],
    ids=["both by login", "a guest", "roster from Canvas", "two in one row", "one in two rows"],
)
def test_a_number_of_the_platforms_own_gives_nobody_the_points_of_another(rows, points):
    template = [["Student", "ID", "SIS User ID", "SIS Login ID", "lab1 (9)"], *rows]
    assert points == [row[4] for row in filled(template, SAME_NUMBERS, "canvas")[1:]]


@pytest.mark.parametrize(
    ("rows", "points"),
    [
        ([["1", "Ada Lovelace", "", ""], ["2", "Ada Lovelace", "", ""]], ["", ""]),
        ([["1", "Ada Lovelace", "ada", ""], ["2", "Ada Lovelace", "", ""]], ["4", ""]),
    ],
    ids=["two of one name", "one of them known by id"],
)
def test_a_name_that_two_have_gives_nobody_points(rows, points):
    template = [["Identifier", "Full name", "ID number", "Grade"], *rows]
    assert points == [row[3] for row in filled(template, SAME_NUMBERS, "moodle")[1:]]


@pytest.fixture
def graded(course):
    """Two students with points in the gradebook: one by hand too, one late."""
    with gradebook(course) as book:
        book.update_or_create_student("ada", first_name="Ada", last_name="Lovelace", email="ada@example.org")
        rows = ledger(book, "tiny", config(course))
        for student, points, penalty in (("ada", 2, 0), ("bob", 1, 0.5)):
            rows.record(student, {"places": Mark(points), "slide": Mark(0), "essay": Mark(0)}, None)
            book.find_submission("tiny", student).notebooks[0].late_submission_penalty = penalty
            book.find_grade("essay", "tiny", "tiny", student).manual_score = 0.5
        book.find_grade("slide", "tiny", "tiny", "bob").needs_manual_grade = True
        book.db.commit()
    return course


def run(course, *arguments):
    return cli.main(["export", "--course", str(course.root), *map(str, arguments)])


def test_the_command_writes_what_the_gradebook_holds(graded, tmp_path, capsys):
    assert 0 == run(graded, "--to", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        ada, bob = csv.DictReader(file)
    assert ("2.5", "6", "1", "yes") == (ada["tiny"], ada["tiny of"], bob["tiny"], bob["tiny waits for a person"])
    assert "1 of these points wait for a person" in capsys.readouterr().out


def test_who_is_in_no_row_of_the_template_is_named(graded, tmp_path, capsys):
    (tmp_path / "t.csv").write_text("Student,ID,SIS User ID,SIS Login ID,Section,tiny (1)\n,7,,ada,,\n")
    to = tmp_path / "out.csv"
    assert 1 == run(graded, "tiny", "--format", "canvas", "--template", tmp_path / "t.csv", "--to", to)
    assert "1 with points are not in it: bob" in capsys.readouterr().out
    assert "2.5" == read_csv(to)[1][5]


TEMPLATES = {
    "canvas": "Student,ID,SIS User ID,SIS Login ID,Section,tiny (1)\n  Points Possible,,,,,{}\n,7,,ada,,\n,8,,bob,,\n",
    "moodle": "Identifier,ID number,Grade,Maximum Grade\n1,ada,,{0}\n2,bob,,{0}\n",
}


@pytest.mark.parametrize("form", ["canvas", "moodle"])
@pytest.mark.parametrize(("maximum", "status"), [("6.00", 0), ("100", 1), ("", 0)])
def test_another_maximum_on_the_platform_is_told(graded, tmp_path, capsys, form, maximum, status):
    (tmp_path / "t.csv").write_text(TEMPLATES[form].format(maximum))
    arguments = ("--format", form, "--template", tmp_path / "t.csv", "--to", tmp_path / "out.csv")
    assert status == run(graded, "tiny", *arguments)
    words = f"{form.capitalize()} has tiny out of 100 points, the gradebook out of 6: set it to 6 there"
    assert (status == 1) == (words in capsys.readouterr().out)


def test_the_beginning_of_a_labs_name_is_enough(graded, capsys):
    assert 0 == run(graded, "ti")
    assert "csv.csv" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tinny",), "no lab tinny; did you mean tiny?"),
        (("--template", "nowhere.csv", "--format", "moodle"), "nowhere.csv cannot be read: No such file"),
    ],
)
def test_what_cannot_be_exported_is_named(graded, capsys, arguments, says):
    assert 2 == run(graded, *arguments)
    assert says in capsys.readouterr().err


def test_a_worksheet_may_hold_long_texts(tmp_path):
    (tmp_path / "w.csv").write_text('Identifier,Grade,Online text\n1,,"' + 200_000 * "a" + '"\n')
    assert 200_000 == len(read_csv(tmp_path / "w.csv")[1][2])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--format", "moodle", "--template", "torn.csv"), "torn.csv is no CSV file that can be read: unexpected end"),
        (("--to", "."), "is a folder; --to names the file to write"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(graded, tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torn.csv").write_text('Identifier,Grade\n1,"2\n')
    assert 2 == run(graded, "tiny", *arguments)
    assert says in capsys.readouterr().err


def test_a_course_without_points_has_nothing_to_export(course, capsys):
    assert 2 == run(course)
    assert "nobody has points yet" in capsys.readouterr().err
