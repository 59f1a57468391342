"""The two commands from nothing: a copy of the sources in a folder with spaces, then all that a person does first."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import make
from tests.browser import page

ROOT = Path(make.__file__).parent
CLOSED = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
CLOSED |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "no_proxy": "", "NO_PROXY": ""}
MISLEADING = {
    "PYTHONPATH": "/nonexistent",
    "JUPYTER_CONFIG_DIR": "/nonexistent",
    "JUPYTER_TOKEN": "other",
    "PYTHONHOME": "",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The files that git keeps, in a path with spaces, after `make build`; and what that printed."""
    root = tmp_path_factory.mktemp("start") / "a path with spaces" / "course"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    done = subprocess.run(["make", "build"], cwd=root, capture_output=True, text=True, timeout=600)
    assert 0 == done.returncode, done.stdout + done.stderr
    return root, done.stdout


@contextmanager
def started(root, **env):
    """`make start`, until its JupyterLab answers: (the process, what it printed, the address, seconds it took)."""
    begin = time.monotonic()
    child = subprocess.Popen(
        ["make", "start", "ARGS=--no-browser"],
        cwd=root,
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed = ""
        for line in child.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"http://127\.0\.0\.1:\S+", printed)
        assert found, printed
        yield child, printed, found[0], time.monotonic() - begin
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait(20)
        child.stdout.close()


def test_from_nothing_it_simulates_builds_the_book_and_releases_the_labs(fresh):
    root, printed = fresh
    assert "alexnet on eyeriss" in printed
    assert (root / "build/book" / make.BOOK_PAGE).exists()
    assert all(any((root / "work" / lab).glob("*.ipynb")) for lab in make.labs(root))
    assert make.labs(root)


def test_a_second_start_takes_under_ten_seconds_without_network_whatever_the_environment_says(fresh):
    with started(fresh[0], **CLOSED, **MISLEADING) as (_, printed, _, seconds):
        assert seconds < 10
        assert "install" not in printed
        assert "build the book" not in printed


def test_ctrl_c_stops_the_server_and_says_that_nothing_is_lost(fresh):
    with started(fresh[0]) as (child, _, address, _):
        os.killpg(child.pid, signal.SIGINT)
        assert "Nothing is lost" in child.stdout.read()
        child.wait(20)
    assert not make.answers("http://" + urlsplit(address).netloc + "/api")


def test_a_busy_port_is_said_and_the_next_one_taken(fresh):
    with started(fresh[0]) as (_, _, first, _), started(fresh[0]) as (_, printed, second, _):
        assert f"Port {urlsplit(first).port} is in use; taking {urlsplit(second).port}." in printed


def test_without_network_a_first_start_says_what_it_needed(fresh, tmp_path):
    root = tmp_path / "elsewhere"
    shutil.copytree(fresh[0], root, ignore=shutil.ignore_patterns(".venv", "build", "work", "course"))
    env = os.environ | CLOSED | {"PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(["make", "build"], cwd=root, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "no connection to the Python package index" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def run_first_cell(tab):
    """Run the first code cell of the notebook in front, and see its number: the lab's kernel is there and works."""
    notebook = tab.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    cell = notebook.locator(".jp-CodeCell").first
    tab.get_by_text("| Idle").wait_for()
    cell.locator(".cm-content").click()
    tab.keyboard.press("Control+Enter")
    cell.locator(".jp-InputPrompt", has_text="[1]").wait_for()
    assert 0 == cell.locator("[data-mime-type='application/vnd.jupyter.stderr']").count()


@pytest.mark.browser
def test_labs_and_book_are_one_click_away_and_nothing_leaves_this_machine(fresh):
    root, _ = fresh
    with started(root) as (_, _, address, _), page(width=1300, height=900, pageerrors=True) as tab:
        tab.goto(address)
        tab.get_by_role("heading", name="Start here").wait_for()
        assert 0 == tab.get_by_role("button", name=re.compile("notification|news", re.IGNORECASE)).count()
        with tab.expect_popup() as popup:
            tab.get_by_role("link", name="Where the Energy Goes").click()
        popup.value.wait_for_url("**/static/html/intro.html")
        popup.value.get_by_role("heading", level=1).first.wait_for()
        for lab in make.labs(root):
            tab.get_by_role("link", name=make.title_of(root, lab)).click()
            notebook = next((root / "work" / lab).glob("*.ipynb")).name
            tab.get_by_role("tab", name=notebook).wait_for()
            run_first_cell(tab)
            tab.get_by_role("tab", name=make.START_PAGE).click()


@pytest.mark.browser
def test_the_served_book_works_with_its_scripts(fresh):
    with started(fresh[0]) as (_, _, address, _), page(width=1300, height=900) as tab:
        refused = []
        tab.on("response", lambda response: refused.append(response.url) if response.status >= 400 else None)
        tab.goto("http://" + urlsplit(address).netloc + "/static/html/index.html")
        tab.get_by_role("link", name=re.compile("tensor computations")).first.click()
        tab.wait_for_load_state("networkidle")
        assert tab.evaluate("document.documentElement.dataset.theme") in ("light", "dark")
        assert [] == refused
