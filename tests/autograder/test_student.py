"""`check` and `predict` while studying: at once, in the student's own words, nothing lost."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import autograder
from autograder import check, predict
from autograder.release import release
from autograder.student import LOOP, Report, in_words, try_next


@pytest.fixture
def desk(made, tiny, tmp_path, monkeypatch):
    """A student's working directory with the released lab."""
    released = made.at("release", ".", "tiny")
    for path in released.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(name, **names):
    """check(name), called where these names are defined."""
    return eval(f"check({name!r})", {"check": check, **names})


def right_places(length, width, stride):
    return (length - width) // stride + 1


def test_a_prediction_comes_first(desk, capsys):
    assert "lock a prediction first" in str(ask("places", places=right_places))
    predict("places", 4)
    assert "4 is locked" in capsys.readouterr().out
    assert ask("places", places=right_places).right


def test_the_first_number_stays(desk, capsys):
    predict("places", 4)
    predict("places", 5)
    assert "4 is locked. 5 does not replace it" in capsys.readouterr().out
    assert {"places": 4} == json.loads((desk / "predictions.json").read_text())


def test_a_prediction_is_answered_after_a_right_check_and_not_before(desk, capsys):
    because = "because it has 2 steps to go and starts somewhere."
    predict("places")
    predict("places", 4)
    assert because not in str(ask("places", places=lambda *a: 1))
    assert because not in capsys.readouterr().out
    assert f"you predicted 4; it is 3, {because}" in str(ask("places", places=right_places))


@pytest.mark.parametrize("value", ["3", float("nan"), float("inf"), True, [1], object()])
def test_what_is_no_number_locks_nothing(desk, capsys, value):
    predict("places", value)
    assert "one finite number" in capsys.readouterr().out
    assert not (desk / "predictions.json").exists()


def test_none_shows_what_to_predict(desk, capsys):
    predict("places", None)
    assert "How many places has a window of 3 on a line of 5?" in capsys.readouterr().out


@pytest.mark.parametrize("broken", ["", "{", "[1]", '{"places": "x"}', '{"places": null}', "\xff"])
def test_a_broken_file_of_predictions_is_kept_aside(desk, capsys, broken):
    (desk / "predictions.json").write_text(broken, "latin-1")
    predict("places", 4)
    said = capsys.readouterr().out
    assert "kept as predictions.unreadable-1.json" in said
    assert "4 is locked" in said
    assert broken == (desk / "predictions.unreadable-1.json").read_text("latin-1")


def test_a_wrong_answer_is_told_with_evidence_and_its_name(desk):
    report = ask("slide", slide=lambda line, window: np.convolve(line, window, "valid"))
    assert not report.right
    for part in (
        "slide(line=[0., 1., 2., 3., 4.], window=[1., 0., 2.])",
        "at [0]: got 2.0, wanted 4.0",
        "kernel flipped",
        "2.1 Layers",
    ):
        assert part in str(report)


def test_an_exception_is_shown_as_the_students_own_line(desk):
    source = "def slide(line, window):\n    short = line[:2]\n    return short[7]\n"
    (desk / "mine.py").write_text(source)
    names: dict = {}
    exec(compile(source, str(desk / "mine.py"), "exec"), names)
    report = str(ask("slide", slide=names["slide"]))
    assert "IndexError: index 7 is out of bounds" in report
    assert "line 3 of slide: return short[7]" in report
    assert "autograder" not in report


def written(desk, source):
    """The function `slide` as a student's file would define it."""
    (desk / "mine.py").write_text(source)
    names: dict = {}
    exec(compile(source, str(desk / "mine.py"), "exec"), names)
    return names["slide"]


def test_an_endless_loop_that_you_stop_is_told_by_its_line(desk):
    endless = written(desk, "def slide(line, window):\n    while True: pass\n")
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    report = ask("slide", slide=endless)
    timer.join()
    assert ("happened", "stopped by you at line 2: while True: pass") in report.lines
    assert ("next", LOOP) in report.lines
    assert not report.right


def test_a_stopped_check_asks_no_further_case(desk):
    predict("places", 3)
    asked = []

    def places(*args):
        asked.append(args)
        raise KeyboardInterrupt

    assert "stopped by you" in str(ask("places", places=places))
    assert 1 == len(asked)


@pytest.mark.parametrize("call", ["exit()", "sys.exit(1)", "raise SystemExit"])
def test_a_function_that_exits_does_not_end_the_check(desk, call):
    slide = written(desk, f"import sys\ndef slide(line, window):\n    {call}\n")
    report = ask("slide", slide=slide)
    assert ("happened", f"slide() called exit at line 3: {call}") in report.lines


def test_an_unwritten_function_is_told_kindly(desk):
    def slide(line, window):
        raise NotImplementedError

    assert "slide() is not written yet" in str(ask("slide", slide=slide))
    assert "slide() is not defined" in str(ask("slide"))


def unwritten(line, window):
    raise NotImplementedError


def crashing(line, window):
    return line[70]


KINDS = {
    "not written": (unwritten, "Write it in the cell above"),
    "an exception": (crashing, "Look at the line shown"),
    "a call inside with too few arguments": (lambda line, window: right_places(1), "Look at the line shown"),
    "nothing": (lambda line, window: None, "Does your function end with return?"),
    "another def line": (lambda line: line, "Keep the def line as it was given"),
    "another type": (lambda line, window: "text", "Compare the form of your answer with the contract table"),
    "another shape": (lambda line, window: np.zeros(2), "Compare the form of your answer with the contract table"),
    "no data": (lambda line, window: object(), "Compare the form of your answer with the contract table"),
    "another number": (lambda line, window: np.full(3, 7.0), "Work the case shown by hand on paper"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_to_try_next_goes_by_the_kind_of_fault(desk, kind):
    function, advice = KINDS[kind]
    assert f"next      {advice}" in re.sub(r"next +", "next      ", str(ask("slide", slide=function)))


@pytest.mark.parametrize(
    ("happened", "advice"),
    [
        ("slide() took longer than 5 s", LOOP),
        ("not asked: slide() ended or hung its process twice", LOOP),
        ("slide() ended its process (exit status 1)", "Take out what ends Python there"),
        ("slide() is not defined: its cell stopped: NameError: name 'nq'", "Put right what stopped that cell"),
        ("slide() is not defined in the notebook", "Keep the name in the def line"),
        ("no answer: the notebook could not be run up to here", "Restart the kernel and run all cells"),
    ],
)
def test_what_a_grader_saw_has_its_own_advice(happened, advice):
    assert try_next([("asked", "slide(1)"), ("happened", happened)]).startswith(advice)


def test_a_name_that_is_nearly_right_is_suggested(desk):
    assert "did you mean slide" in str(ask("Slide"))
    assert "there is no question 3 in this lab; it has places, slide" in str(ask(3))


def test_the_function_itself_is_asked_for_by_name(desk):
    def slide(line, window):
        return 1

    report = check(slide)
    assert 'as text, in quotes: check("slide")' in str(report)


def test_a_name_that_holds_no_function_any_more_is_told_what_it_holds(desk):
    assert "slide is a number (5), not a function any more" in str(ask("slide", slide=5))


def test_a_check_that_could_not_be_made_is_not_called_not_yet(desk):
    for report in (ask("slid"), ask("slide"), ask("slide", slide=5), ask("places", places=right_places)):
        assert str(report).startswith("NOT CHECKED: ")
        assert "<strong>Not checked.</strong>" in report._repr_html_()
    assert str(ask("slide", slide=lambda *a: 1)).startswith("NOT YET: ")


def test_odd_answers_are_told_not_raised(desk):
    for odd in (object(), lambda: 1, {1, 2}, np.array(["a"]), (n for n in [1])):
        assert "plain data" in str(ask("slide", slide=lambda line, window, odd=odd: odd))


def test_the_check_works_on_copies(desk):
    def greedy(line, window):
        line[:] = 0
        return np.correlate(line, window, "valid")

    assert str(ask("slide", slide=greedy)) == str(ask("slide", slide=greedy))
    assert ask("slide", slide=lambda line, window: np.correlate(line, window, "valid")).right


def test_an_unknown_name_and_a_missing_file_are_told(desk):
    assert "there is no question 'slid' in this lab; it has places, slide" in str(ask("slid"))
    (desk / "public_checks.json").write_text("{")
    assert "public_checks.json is damaged" in str(ask("slide"))
    (desk / "public_checks.json").unlink()
    assert "open the notebook in its released folder" in str(ask("slide"))


def test_the_report_is_a_labelled_table_and_escapes_what_students_write(desk):
    page = ask("slide", slide=lambda line, window: "<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in page
    assert 'aria-label="Result of the check"' in page
    assert '<th scope="row"' in page
    assert "Not yet." in page


ADDRESSED = '"Output size" in chapter 2 (02_tensors.html#output-size)'
READ = Report(False, "conv", (("read", in_words(ADDRESSED)),), ADDRESSED)
LINK = '<a href="/static/html/02_tensors.html#output-size" target="_blank">'


def test_what_to_read_is_a_link_where_jupyterlab_serves_the_book(tmp_path, monkeypatch):
    book, work = tmp_path / "build/book/_build/html", tmp_path / "work/lab"
    book.mkdir(parents=True)
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.delenv("VSCODE_PID", raising=False)
    monkeypatch.setenv("JPY_SESSION_NAME", "lab.ipynb")
    assert "<a" not in READ._repr_html_()
    (book / "02_tensors.html").touch()
    assert f"{LINK}&quot;Output size&quot; in chapter 2 of the book</a>" in READ._repr_html_()
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert "<a" not in READ._repr_html_()


def test_what_to_read_is_words_without_an_address(monkeypatch):
    for told in (str(READ), READ._repr_html_()):
        assert "in chapter 2 of the book" in told
        assert ".html" not in told


def test_the_import_is_light():
    code = "import sys, autograder; print({m.split('.')[0] for m in sys.modules} & {'nbgrader', 'nbformat', 'IPython'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()
    assert ["check", "mine", "predict"] == autograder.__all__


def test_releasing_again_changes_nothing_a_student_sees(made, tiny, course):
    before = {p.name: p.read_bytes() for p in course.at("release", ".", "tiny").iterdir()}
    release(tiny, course)
    assert before == {p.name: p.read_bytes() for p in course.at("release", ".", "tiny").iterdir()}
