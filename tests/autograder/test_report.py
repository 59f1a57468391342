"""What an instructor reads of a class: figures that are right, a page anyone can read, a log that stays whole."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from autograder import audit
from autograder.course import gradebook, write
from autograder.errors import AutograderError
from autograder.items import in_words, item_statistics
from autograder.page import bars, table
from autograder.report import as_html, read_results, report
from tests.browser import chromium, page, violations

MISTAKE = {"name": "kernel <flipped>", "says": "You convolved.", "section": "2.1"}


def result(student, conv, pool, **changes):
    items = [
        {"name": n, "points": p, "of": 5, "mistake": None if p else MISTAKE, "seconds": 0.25}
        for n, p in (("conv", conv), ("pool", pool))
    ]
    return {
        "title": "Lab 1", "lab": "lab1", "student": student, "points": conv + pool, "of": 10, "fault": "", "notes": [],
        "graded": "2026-03-01T10:00:00+00:00", "items": items, "repairs": [], "rung": "bubblewrap", "seconds": 2.0,
    } | changes  # fmt: skip


REPAIR = {"kind": "duplicated", "says": "conv_answer is there twice.", "look": True}
CLASS = [result(f"s{n:02}", 5 * (n > 3), 5 * (n > 7), repairs=[REPAIR] * (n == 2)) for n in range(12)]
CLASS += [result("zed", 0, 0, fault="lab1.ipynb is empty", items=[])]
LOG = [{"at": "2026-03-01T10:00:00.000", "lab": "lab1", "student": "s01", "before": 5.0, "after": 10.0}]


def test_difficulty_is_the_mean_share_and_discrimination_the_correlation_with_the_rest():
    rows = [[(r["items"][0]["points"], 5), (r["items"][1]["points"], 5)] for r in CLASS if r["items"]]
    conv, pool = item_statistics(["conv", "pool"], rows)
    assert (8 / 12, 4 / 12) == (pytest.approx(conv.difficulty), pytest.approx(pool.difficulty))
    assert 0.5 == pytest.approx(conv.discrimination)  # (4/12 * 12/12 - 8/12 * 4/12) / (8/12 * 4/12)
    assert "tells well" == in_words(conv)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([[(1, 1), (0, 1)]] * 9, "fewer than 10 students"),
        ([[(1, 1), (n % 2, 1)] for n in range(10)], "all earned the same here"),
        ([[(n % 2, 1), (1, 1)] for n in range(10)], "all earned the same elsewhere"),
    ],
)
def test_no_discrimination_is_given_where_it_would_mean_nothing(rows, why):
    assert (None, why) == (item_statistics(["a", "b"], rows)[0].discrimination, why)
    assert why == item_statistics(["a", "b"], rows)[0].why


def test_an_item_that_strong_students_miss_is_pointed_out():
    rows = [[(n < 5, 1), (n >= 5, 1)] for n in range(12)]
    assert "look at the question" in in_words(item_statistics(["a", "b"], rows)[0])


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 360])
@pytest.mark.parametrize("results", [CLASS, CLASS[:1], CLASS[-1:]], ids=["class", "one", "faulty"])
def test_the_report_has_no_accessibility_fault_and_fits(browser, results, width, scheme):
    with page(browser=browser, width=width, color_scheme=scheme, java_script_enabled=True) as tab:
        tab.set_content(as_html(results, LOG, [("ada", "handed nothing in")]))
        assert [] == violations(tab)
        assert width >= tab.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize(
    "words",
    [
        "13 submissions, graded last on 2026-03-01. 1 submission could not be read.",
        "12 students; mean 5.00 and median 5.00 of 10 points, from 0 to 10.",
        '<th scope="row">0 to under 10 %</th><td class="number">4</td>',
        '<th scope="row">conv</th><td class="number">0.67</td><td class="number">0.50</td><td>tells well</td>',
        "Of 24 answers, 12 earned less than 60 % of their points, and 12 showed a mistake that has a name.",
        'flipped&gt;</th><td>pool</td><td class="number">8</td><td>s00, s01, s02 and 5 more</td>',
        '<th scope="row">s02</th><td>conv_answer is there twice.</td>',
        '<th scope="row">bubblewrap</th><td class="number">13</td>',
        '<th scope="row">2026-03-01 10:00</th><td>s01</td><td class="number">5</td><td class="number">10</td>',
        '<th scope="row">zed</th><td>lab1.ipynb is empty</td>',
    ],
)
def test_the_report_says(words):
    assert words in as_html(CLASS, LOG)


def test_every_chart_has_its_words_and_its_table():
    made = as_html(CLASS, LOG)
    figures = made.split('role="img"')[1:]
    assert 4 == len(figures)
    for figure in figures:
        before_the_next = figure.split("<h2")[0]
        assert "<figcaption>" in before_the_next
        assert "<caption>" in before_the_next
    assert "<script" not in made
    assert "http" not in made


def test_what_students_are_called_is_text():
    assert "<b>" not in table("x", ("a",), [("<b>",)]) + bars("t", "s", [("<b>", 1, "1")]).replace("<b>1</b>", "")


def test_a_result_that_cannot_be_read_is_named_and_the_others_are_shown(course):
    for student, text in (("ada", json.dumps(CLASS[0])), ("bob", "{}"), ("cy", '{"items": [')):
        folder = course.at("autograded", student, "lab1")
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(text)
    results, unreadable = read_results("lab1", course)
    assert (["s00"], ["bob", "cy"]) == ([r["student"] for r in results], [p.parts[-3] for p in unreadable])


def test_the_page_says_who_is_missing_and_who_has_left(course, capsys):
    with gradebook(course) as book:
        for student in ("s00", "ada", "bob"):
            book.add_student(student)
    course.at("submitted", "bob", "lab1").mkdir(parents=True)
    for number in (0, 1):
        write(course.at("autograded", f"s{number:02}", "lab1") / "result.json", json.dumps(CLASS[number]))
    assert 0 == report("lab1", course)
    made = Path(capsys.readouterr().out.strip()).read_text()
    assert "1 handed nothing in; 1 handed in, not graded yet; 1 graded here, and no longer in the gradebook." in made
    for who, why in (("ada", "handed nothing in"), ("bob", "handed in, not"), ("s01", "graded here, and no longer")):
        assert f'<th scope="row">{who}</th><td>{why}' in made
    assert "Who is missing" not in as_html(CLASS, LOG)


def test_a_lab_that_nobody_is_graded_in_says_what_to_do(course):
    with pytest.raises(AutograderError, match=r"nobody is graded yet in .*: autograder grade lab9"):
        read_results("lab9", course)


# ---------------------------------------------------------------------------------------------- the audit log


def test_a_line_says_what_was_graded_by_what_and_what_changed(tmp_path):
    audit.note(tmp_path, "graded", CLASS[2] | {"key": "abc"}, 3.0)
    (line,) = audit.read(tmp_path)
    assert ("graded", "lab1", "s02", 3.0, 0, "bubblewrap", "abc", ["duplicated"]) == tuple(
        line[k] for k in ("event", "lab", "student", "before", "after", "sandbox", "key", "repairs")
    )
    assert {"conv": 0, "pool": 0} == line["items"]


def _write_for_ever(root):
    for n in range(10**9):
        audit.append(root, {"n": n, "student": "x" * 3000})


def test_killed_at_any_moment_it_holds_whole_lines_only(tmp_path):
    for _ in range(4):
        writer = multiprocessing.get_context("fork").Process(target=_write_for_ever, args=(tmp_path,))
        writer.start()
        time.sleep(0.15)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    text = (tmp_path / audit.FILE).read_bytes()
    assert len(list(audit.read(tmp_path))) == text.count(b"\n") > 4


def test_a_torn_end_is_closed_off_and_skipped(tmp_path):
    audit.append(tmp_path, {"n": 1})
    with (tmp_path / audit.FILE).open("ab") as file:
        file.write(b'{"n": 2, "stud')
    audit.append(tmp_path, {"n": 3})
    assert [1, 3] == [line["n"] for line in audit.read(tmp_path)]


def test_on_a_full_disk_no_half_line_stays(tmp_path, monkeypatch):
    audit.append(tmp_path, {"n": 1})
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, body: real(file, body[:5]))
    with pytest.raises(AutograderError, match="No space left on device; no grade was changed"):
        audit.append(tmp_path, {"n": 2})
    monkeypatch.undo()
    assert b'{"n":1}\n' == (tmp_path / audit.FILE).read_bytes()


def test_a_course_without_a_log_has_no_lines(tmp_path):
    assert [] == list(audit.read(tmp_path))
