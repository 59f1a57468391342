"""Everybody's submissions: cache, lock, executors, one question again. None of it may change a grade."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from autograder import cache, cli, lab, pool
from autograder.course import gradebook
from autograder.errors import AutograderError
from autograder.lock import locked
from autograder.run import How, grade
from autograder.variants import SECRET

pytestmark = pytest.mark.sandbox
LAB = "tests/autograder/tiny"
WRONG = "def slide(line, window):\n    return np.convolve(line, window, 'valid')"
CLASS = {"ada": {}, "bob": {"slide_answer": WRONG}, "cyd": {"places_answer": "def places(a, b, c):\n    return 3"}}


@pytest.fixture(autouse=True)
def _at_the_root(request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)


def run(course, *arguments):
    return cli.main(["grade", LAB, "--course", str(course.root), "--jobs", "1", *arguments])


def scores(course):
    with gradebook(course) as book:
        return {
            s.student.id: {g.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for g in s.notebooks[0].grades}
            for s in book.assignment_submissions("tiny")
        }


@pytest.fixture
def handed(course, hand_in):
    for student, cells in CLASS.items():
        hand_in(student, **cells)
    return course


def test_a_second_run_grades_nothing_and_changes_nothing(handed, capsys):
    assert 0 == run(handed)
    before, files = scores(handed), contents(handed)
    assert "3 graded" in capsys.readouterr().out
    assert 0 == run(handed)
    said = capsys.readouterr().out
    assert "0 graded" in said
    assert "bob                      2 of 5" in said
    assert (before, files) == (scores(handed), contents(handed))


def test_work_that_lies_elsewhere_is_named_and_left_where_it_is(handed, capsys):
    root, work = handed.root / "submitted", (handed.root / "submitted" / "ada" / "tiny" / "tiny.ipynb").read_bytes()
    lost = ["tiny.ipynb", "dee/tiny.ipynb", "fay/Tiny/work.ipynb", "tiny/gus/tiny.ipynb", "all of tiny.zip"]
    fine = ["ada/other/other.ipynb", "bob/notes.txt", "ada/.ipynb_checkpoints/tiny.ipynb"]
    for name in (*lost, *fine):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(work)
    assert 1 == run(handed)
    said = capsys.readouterr().out
    assert sorted(f"submitted/{name} NOT LOOKED AT" for name in lost) == sorted(
        line for line in said.splitlines() if line.endswith("NOT LOOKED AT")
    )
    assert "it belongs in submitted/<student>/tiny/; move it there" in said
    assert "5 of 8 need your attention" in said
    assert all((root / name).read_bytes() == work for name in lost)
    assert 0 == run(handed, "--student", "ada")


def test_a_students_folder_that_cannot_be_opened_is_named(handed, capsys, monkeypatch):
    shut = handed.root / "submitted" / "dee"
    shut.mkdir()
    really = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != shut and really(path, mode))
    assert 1 == run(handed)
    assert "submitted/dee NOT LOOKED AT\n    it cannot be opened: see that you may read it" in capsys.readouterr().out


def test_where_all_work_lies_elsewhere_it_is_named(course, capsys):
    path = course.root / "submitted" / "tiny" / "ada" / "tiny.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert 2 == run(course)
    assert f"is where they belong; found instead: {path}" in capsys.readouterr().err


def test_a_student_whom_the_gradebook_did_not_know_is_named_once(course, hand_in, capsys):
    hand_in("first")
    assert 0 == run(course)
    assert "new to the gradebook" not in capsys.readouterr().out  # it knew nobody
    with gradebook(course) as book:
        book.add_student("ada")
    hand_in("adda")
    assert 0 == run(course)
    assert "new to the gradebook: adda; did you mean ada?" in capsys.readouterr().out
    assert 0 == run(course)
    assert "new to the gradebook" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "late", "says"),
    [
        ("2026-03-02 10:00:01.000000 UTC", True, ""),
        ("2026-03-02 11:00:01.000000 CET", True, ""),  # as c.Exchange.timezone = "Europe/Berlin" makes nbgrader note it
        ("2026-03-02 10:59:59.000000 CET", False, ""),
        ("2026-03-02T11:00:01+01:00", True, ""),
        (
            "Monday, before ten",
            False,
            "says no time that can be read, as 2026-03-01 10:00:00 UTC: it counts as on time",
        ),
        ("", False, "says no time that can be read"),
    ],
)
def test_the_time_is_read_in_any_zone_and_what_is_none_is_said(course, hand_in, capsys, text, late, says):
    with gradebook(course) as book:
        book.update_or_create_assignment("tiny", duedate="2026-03-02 10:00:00 UTC")
    (hand_in("ada").parent / "timestamp.txt").write_text(text)
    for _ in range(2):
        assert bool(says) == run(course)
        said = capsys.readouterr().out
        assert says in said
        assert bool(says) == ("NEEDS ATTENTION" in said)
    with gradebook(course) as book:
        assert late == (book.find_submission("tiny", "ada").total_seconds_late > 0)


def test_points_taken_off_for_lateness_are_said(course, hand_in, capsys):
    with (course.root / "nbgrader_config.py").open("a") as file:
        file.write('c.LateSubmissionPlugin.penalty_method = "zero"\n')
    with gradebook(course) as book:
        book.update_or_create_assignment("tiny", duedate="2026-03-02 10:00:00 UTC")
    (hand_in("ada").parent / "timestamp.txt").write_text("2026-03-02 10:00:01 UTC")
    for _ in range(2):
        assert 0 == run(course)
        assert "    handed in late: points taken off in the gradebook: 5\n" in capsys.readouterr().out


def test_work_handed_in_late_is_late_also_where_one_question_is_graded_again(course, hand_in, capsys):
    with (course.root / "nbgrader_config.py").open("a") as file:
        file.write('c.LateSubmissionPlugin.penalty_method = "zero"\n')
    with gradebook(course) as book:
        book.update_or_create_assignment("tiny", duedate="2026-03-02 10:00:00 UTC")

    def points(answer, when, *only):
        (hand_in("ada", slide_answer=answer).parent / "timestamp.txt").write_text(f"2026-03-02 {when} UTC")
        assert 0 == run(course, *only)
        with gradebook(course) as book:
            found = book.find_submission("tiny", "ada")
            return found.score - sum(n.late_submission_penalty or 0 for n in found.notebooks)

    wrong = "def slide(*args):\n    return -1"
    right = "def slide(line, window):\n    return np.correlate(line, window, 'valid')"
    assert 2 == points(wrong, "09:00:00")
    assert 2 == points(wrong, "09:00:00", "--only", "slide")
    assert "handed in again" not in capsys.readouterr().out
    assert 0 == points(right, "10:00:01", "--only", "slide")
    assert "handed in again since it was graded: all of it was graded" in capsys.readouterr().out
    assert 5 == points(right, "09:59:00", "--only", "slide")


def contents(course):
    return {p: p.read_bytes() for p in (course.root / "autograded").rglob("*") if p.is_file()}


def test_lost_files_and_grades_come_back_from_the_cache(handed, capsys):
    run(handed)
    before, files = scores(handed), contents(handed)
    for path in files:
        path.unlink()
    with gradebook(handed) as book:
        book.remove_student("bob")
    capsys.readouterr()
    assert 0 == run(handed)
    assert "0 graded" in capsys.readouterr().out
    assert (before, files) == (scores(handed), contents(handed))


CHANGES = {
    "what was handed in": lambda course, tiny: touch(course.at("submitted", "ada", "tiny") / "tiny.ipynb"),
    "a file beside it": lambda course, tiny: touch(course.at("submitted", "ada", "tiny") / "data.txt"),
    "the lab's checks": lambda course, tiny: touch(tiny / "checks.py", "\n# changed\n"),
    "a given file": lambda course, tiny: touch(tiny / "given" / "more.txt"),
    "the course's secret": lambda course, tiny: touch(course.root / SECRET, "0"),
    "the release": lambda course, tiny: touch(course.at("release", ".", "tiny") / "tiny.ipynb"),
}


def touch(path, more=" \n"):
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + more)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_anything_that_marks_depend_on_is_a_miss(change, course, hand_in, own_lab):
    hand_in("ada")
    key = key_of(course, own_lab)
    assert key == key_of(course, own_lab)
    CHANGES[change](course, own_lab)
    assert key != key_of(course, own_lab)


def key_of(course, folder, **limits):
    job = pool.make_job(lab.load(folder), course, pool.Limits(**limits), False, ())
    return pool.make_task(job, course.at("submitted", "ada", "tiny"), pool.sandbox.BUBBLEWRAP).key


def test_other_limits_or_another_environment_are_a_miss(course, hand_in, own_lab, monkeypatch):
    hand_in("ada")
    keys = {key_of(course, own_lab), key_of(course, own_lab, case_seconds=1.0)}
    monkeypatch.setattr(cache, "environment", lambda: "another")
    assert 3 == len(keys | {key_of(course, own_lab)})


@pytest.mark.parametrize("package", ["accelsim", "autograder"])
def test_the_environment_is_another_when_a_line_of_our_code_is(package, tmp_path, monkeypatch):
    import importlib
    import shutil

    before = cache.environment.__wrapped__()
    assert before == cache.environment.__wrapped__()
    copy = tmp_path / package
    shutil.copytree(os.path.dirname(str(importlib.import_module(package).__file__)), copy)
    monkeypatch.setattr(importlib.import_module(package), "__file__", str(copy / "__init__.py"))
    assert before == cache.environment.__wrapped__()
    touch(copy / "errors.py", "# changed\n")
    assert before != cache.environment.__wrapped__()


def test_a_damaged_cache_entry_is_ignored(handed, capsys):
    run(handed)
    before = scores(handed)
    for path in (handed.root / cache.FOLDER).rglob("*.z"):
        body = bytearray(path.read_bytes())
        body[len(body) // 2] ^= 1
        path.write_bytes(bytes(body))
    for path in contents(handed):
        path.unlink()
    capsys.readouterr()
    assert 0 == run(handed)
    assert "3 graded" in capsys.readouterr().out
    assert before == scores(handed)


@pytest.mark.parametrize("body", [b"", b"x" * 10, b"\xff" * 200])
def test_no_bytes_at_all_break_the_cache(tmp_path, body):
    cache.store(tmp_path, "tiny", "ada", "key", {"points": 1})
    assert {"points": 1} == cache.load(tmp_path, "tiny", "ada", "key")
    assert cache.load(tmp_path, "tiny", "ada", "other key") is None
    next((tmp_path / cache.FOLDER).rglob("*.z")).write_bytes(body)
    assert cache.load(tmp_path, "tiny", "ada", "key") is None


def test_only_one_question_is_graded_again_and_no_other_grade_moves(handed, own_lab, capsys):
    run(handed)
    with gradebook(handed) as book:
        for name, points in (("essay", 1.0), ("slide", 2.5)):
            book.find_grade(name, "tiny", "tiny", "bob").manual_score = points
        book.db.commit()
    before = scores(handed)
    text = (own_lab / "checks.py").read_text()
    changed = text.replace("(length - width) // stride + 1", "(length - width) // stride + 2")
    (own_lab / "checks.py").write_text(changed.replace("np.dot(line[i", "7 + np.dot(line[i"))
    assert 0 == cli.main(["grade", str(own_lab), "--course", str(handed.root), "--jobs", "1", "--only", "slide"])
    after = scores(handed)
    for student in CLASS:
        assert before[student]["places"] == after[student]["places"]
        assert before[student]["essay"] == after[student]["essay"]
    assert (3.0, 0.0) == (before["ada"]["slide"][0], after["ada"]["slide"][0])
    assert (0.0, 2.5, True) == after["bob"]["slide"]
    result = json.loads((handed.at("autograded", "ada", "tiny") / "result.json").read_text())
    assert [("places", 2), ("slide", 0)] == [(item["name"], item["points"]) for item in result["items"]]
    assert 2 == result["points"]


def test_an_unknown_question_gets_a_suggestion(handed, capsys):
    assert 2 == run(handed, "--only", "slyde")
    assert "tiny has no question slyde; did you mean slide? (it has places, slide)" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("make", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_gives_the_same_grades(make, handed, capsys):
    run(handed)
    before = scores(handed)
    context = {"mp_context": pool.multiprocessing.get_context("spawn")} if make is ProcessPoolExecutor else {}
    with make(2, **context) as executor:
        assert 0 == grade(lab.load(lab.find(LAB)), handed, how=How(executor=executor, fresh=True))
    assert before == scores(handed)


def test_the_course_is_held_by_one_at_a_time_and_the_other_is_told_who(tmp_path):
    with (
        locked(tmp_path, "autograder grade tiny"),
        pytest.raises(AutograderError, match=rf"`autograder grade tiny` \(process {os.getpid()} on .*; run this again"),
        locked(tmp_path, "another", 0),
    ):
        pass
    with locked(tmp_path, "another", 0):
        pass


def test_a_killed_holder_leaves_no_lock(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from autograder.lock import locked\n"
        "with locked(Path(sys.argv[1]), 'x'): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AutograderError, match=f"process {holder.pid}"), locked(tmp_path, "another", 0):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with locked(tmp_path, "another", 0):
            pass


def test_a_waiting_command_says_for_whom_and_goes_on(tmp_path):
    told = []

    def tell(text):
        told.append(text)
        first.__exit__(None, None, None)

    first = locked(tmp_path, "autograder grade tiny")
    first.__enter__()
    with locked(tmp_path, "another", 10, tell):
        assert "waiting: `autograder grade tiny`" in told[0]
