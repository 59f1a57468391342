"""JupyterLab with formgrader on it, started by our command, used in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request

import pytest

from autograder import cli
from autograder.course import gradebook
from tests.browser import free_port, page

pytestmark = [pytest.mark.browser, pytest.mark.sandbox, pytest.mark.slow]
LAB = "tests/autograder/tiny"
SCRIPT = "<script>window.owned = 1</script><img src=x onerror='window.owned = 2'> ![p](http://192.0.2.1/p.png)"


@pytest.fixture
def served(course, hand_in, request, monkeypatch, tmp_path):
    """A graded course with a written answer, and formgrader open on it."""
    monkeypatch.chdir(request.config.rootpath)
    hand_in("ada", essay=f"Because it slides over every one. {SCRIPT}")
    assert 0 == cli.main(["grade", LAB, "--course", str(course.root), "--jobs", "1"])
    port = free_port()
    places = {f"JUPYTER_{name}_DIR": str(tmp_path / "jupyter" / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    settings = {
        "JUPYTER_TOKEN": "",
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYTHONPATH": str(request.config.rootpath),
    }
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "autograder", "formgrader", str(course.root), "--port", str(port), "--no-browser"],
            env=os.environ | places | settings | {"JUPYTER_TOKEN": "knock"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        url = f"http://localhost:{port}"
        try:
            wait_for(f"{url}/api/status?token=knock", 120, tmp_path / "log")
            yield course, url
        finally:
            os.killpg(process.pid, 15)
            process.wait(30)


def wait_for(url, seconds, log):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log.read_text()[-3000:])


def essay(course):
    with gradebook(course) as book:
        grade = book.find_grade("essay", "tiny", "tiny", "ada")
        return grade.manual_score, grade.needs_manual_grade


def test_points_given_in_formgrader_survive_grading_again(served):
    course, url = served
    with gradebook(course) as book:
        submission = book.find_submission_notebook("tiny", "tiny", "ada").id
    assert (None, True) == essay(course)
    blocked = []
    with page(width=1400, height=1000, pageerrors=True, beyond="https://cdnjs.cloudflare.com/") as tab:  # MathJax
        tab.on("requestfailed", lambda request: blocked.append((request.url, request.failure)))
        tab.goto(f"{url}/lab?formgrader=true&token=knock")
        frame = tab.frame_locator("iframe[src*=formgrader]")
        frame.get_by_role("link", name="tiny").first.wait_for(timeout=90_000)
        tab.goto(f"{url}/formgrader/gradebook/tiny/tiny?token=knock")
        tab.get_by_role("link", name="Submission #1").wait_for(timeout=30_000)
        tab.goto(f"{url}/formgrader/submissions/{submission}/")
        assert tab.get_by_text("Because it slides over every one. <script>").is_visible()
        assert tab.evaluate("window.owned") is None
        box = tab.locator("input.score").nth(2)
        box.fill("0.5")
        with tab.expect_response(lambda reply: "/api/grade/" in reply.url and reply.request.method == "PUT"):
            box.press("Tab")
    assert ["csp"] == [why for url, why in blocked if "cdnjs" in url]  # the browser asked nobody
    assert (0.5, False) == essay(course)
    assert 0 == cli.main(["grade", LAB, "--course", str(course.root), "--jobs", "1", "--fresh"])
    assert 0.5 == essay(course)[0]
