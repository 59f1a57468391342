"""make.py: what it says to whom, what it does again, what it never touches."""

from __future__ import annotations

import ast
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import make

ROOT = Path(make.__file__).parent
NEWER_SYNTAX = (
    ast.AnnAssign,
    ast.AsyncFunctionDef,
    ast.JoinedStr,
    ast.NamedExpr,
    ast.Nonlocal,
    ast.Starred,
    ast.YieldFrom,
)


@pytest.fixture
def project(tmp_path):
    """A folder with what make.py looks at, and nothing that works."""
    root = tmp_path / "a path with spaces"
    for name in ("pyproject.toml", "constraints.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for folder in ("accelsim", "autograder", "book", "labs/01_lab"):
        (root / folder).mkdir(parents=True)
    (root / "labs/01_lab/lab.py").write_text("# %%\n")
    (root / "labs/01_lab/README.md").write_text("# Lab 1: a lab\n")
    return root


@pytest.fixture
def commands(monkeypatch, project):
    """The titles of the steps that make.py takes; instead of running, a step leaves the files it would make."""
    taken = []

    def pretend(root, title, command):
        taken.append(title)
        book = root / "build/book" / make.BOOK_PAGE
        notebook = root / "course/release/01_lab/lab.ipynb"
        for path in [book] if title == "build the book" else [notebook] if title.startswith("release") else []:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"made in step {len(taken)}")
        return 0, ""

    monkeypatch.setattr(make, "step", pretend)
    return taken


# Which Python


def run_as(version, *arguments, path=""):
    """Run make.py with an interpreter that says it is of another version."""
    code = f"import sys; sys.version_info = {version}; sys.argv = ['make.py', *{arguments}]\n"
    code += f"__file__ = {str(ROOT / 'make.py')!r}\nexec(compile(open(__file__).read(), __file__, 'exec'))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PATH": path}, timeout=60)


def test_old_pythons_can_read_make_py():
    source = (ROOT / "make.py").read_text(encoding="ascii")
    nodes = list(ast.walk(ast.parse(source)))
    newer = [node for node in nodes if isinstance(node, NEWER_SYNTAX)]
    newer += [node for node in nodes if isinstance(node, ast.arg) and node.annotation]
    newer += [node for node in nodes if isinstance(node, ast.FunctionDef) and (node.returns or node.args.kwonlyargs)]
    newer += [node for node in nodes if isinstance(node, ast.Raise) and node.cause]
    assert [] == [f"line {node.lineno}: {ast.unparse(node)}" for node in newer]


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13), (3, 14, 0)])
def test_a_python_that_does_not_suit_is_told_what_to_install(version):
    done = run_as(version, "start")
    assert (2, "") == (done.returncode, done.stderr)
    assert f"needs Python 3.11 to 3.13; this is Python {version[0]}.{version[1]}." in done.stdout
    assert "apt install python3 python3-venv" in done.stdout


def test_a_python_that_does_not_suit_hands_over_to_one_that_does(tmp_path):
    suitable, broken = tmp_path / "python3.12", tmp_path / "python3.13"
    suitable.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    broken.write_text("#!/bin/sh\nexit 127\n")
    for path in (suitable, broken):
        path.chmod(0o755)
    done = run_as((3, 9, 0), "--help", path=str(tmp_path))
    assert (0, "") == (done.returncode, done.stderr)
    assert "usage: make.py" in done.stdout


def test_make_says_so_when_there_is_no_python():
    done = subprocess.run(
        [shutil.which("make"), "start"], cwd=ROOT, env={"PATH": "/nonexistent"}, capture_output=True, text=True
    )
    assert 2 == done.returncode
    assert "found no Python at all" in done.stdout


def test_a_python_without_venv_is_told_the_package_to_install(monkeypatch, project):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(make.Trouble, match=r"sudo apt install python3\.\d+-venv"):
        make.make_venv(project)


# The environment


def finish(root, extras=("course",)):
    """Leave the traces of a finished installation."""
    make.python(root).parent.mkdir(parents=True, exist_ok=True)
    make.python(root).touch()
    facts = {"root": str(root), "inputs": make.install_inputs(root), "extras": list(extras)}
    make.write_stamp(root / ".venv/installed.json", **facts)


def test_a_finished_installation_is_not_repeated(project, commands):
    finish(project)
    make.install(project, ("course",))
    assert [] == commands


def test_an_extra_that_is_lacking_is_installed(project):
    finish(project)
    assert make.installed(project, ("course",))
    assert not make.installed(project, ("course", "test"))


def test_another_version_in_the_lock_is_installed(project):
    finish(project)
    (project / "constraints.txt").write_text("numpy==2.4.6\n")
    assert not make.installed(project, ("course",))


def test_an_option_of_a_linter_installs_nothing(project):
    finish(project)
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace("line-length = 120", "line-length = 100"))
    assert make.installed(project, ("course",))


def test_an_environment_that_was_moved_is_not_taken_for_whole(project):
    finish(project)
    moved = project.with_name("moved")
    project.rename(moved)
    assert not make.installed(moved, ("course",))


@pytest.mark.parametrize("harm", ["interrupted", "no python", "moved"])
def test_a_broken_environment_is_made_anew(harm, project, commands, monkeypatch, capsys):
    finish(project)
    monkeypatch.setattr(make, "runs", lambda path: path.exists())
    if harm == "interrupted":
        make.write_stamp(project / ".venv/begun.json")
    elif harm == "no python":
        make.python(project).unlink()
    else:
        make.write_stamp(project / ".venv/installed.json", root="/elsewhere")
    make.make_venv(project)
    assert ["make the environment"] == commands
    assert "making it anew" in capsys.readouterr().out


def test_an_environment_of_your_own_is_used_as_it_is(project, commands, monkeypatch):
    monkeypatch.setattr(make, "runs", lambda path: True)
    make.make_venv(project)
    assert [] == commands


def test_no_network_before_changing_anything_leaves_the_environment_whole(project, monkeypatch):
    monkeypatch.setattr(make, "make_venv", lambda root: None)
    monkeypatch.setattr(
        make, "step", lambda root, title, command: (1, "NewConnectionError: Failed to establish a new connection")
    )
    with pytest.raises(make.Trouble, match="needs it once, for about 100 MB; later starts need no network"):
        make.install(project, ("course",))
    assert not (project / ".venv/begun.json").exists()


def test_a_failure_while_files_are_written_leaves_a_mark(project, monkeypatch):
    said = "Installing collected packages: numpy\nERROR: [Errno 28] No space left on device"
    monkeypatch.setattr(make, "make_venv", lambda root: None)
    monkeypatch.setattr(make, "step", lambda root, title, command: (1, said))
    with pytest.raises(make.Trouble, match=r"The disk is full\. Free 1\.0 GB"):
        make.install(project, ("course",))
    assert (project / ".venv/begun.json").exists()


def test_a_disk_that_is_too_full_is_told_before_the_download(project, monkeypatch):
    monkeypatch.setattr(make.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 2 * 10**8))
    with pytest.raises(make.Trouble, match=r"needs 1\.0 GB of free disk; there are 0\.2 GB"):
        make.install(project, ("course",))


def test_variables_of_other_pythons_and_jupyters_do_not_reach_ours(project, monkeypatch):
    for name in (
        "PYTHONPATH",
        "PYTHONHOME",
        "PIP_USER",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_TOKEN",
        "IPYTHONDIR",
        "MPLBACKEND",
    ):
        monkeypatch.setenv(name, "/elsewhere")
    ours = make.environment(project)
    assert [] == [name for name, value in ours.items() if value == "/elsewhere"]
    assert ours["PATH"].startswith(str(project / ".venv"))


# What is built again, and what is not


def test_book_and_labs_are_made_once(project, commands):
    for _ in range(3):
        make.build_book(project)
        make.release_labs(project)
    assert ["build the book", "release 01_lab"] == commands


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("book/page.md", ["build the book"]),
        ("labs/01_lab/lab.py", ["release 01_lab"]),
        ("autograder/release.py", ["release 01_lab"]),
        ("accelsim/energy.py", ["build the book", "release 01_lab"]),
        ("accelsim/__pycache__/energy.pyc", []),
    ],
)
def test_a_change_is_built(changed, again, project, commands):
    make.build_book(project)
    make.release_labs(project)
    del commands[:]
    (project / changed).parent.mkdir(parents=True, exist_ok=True)
    (project / changed).write_text("new")
    make.build_book(project)
    make.release_labs(project)
    assert again == commands


def test_a_book_that_was_deleted_is_built(project, commands):
    make.build_book(project)
    shutil.rmtree(project / "build")
    make.build_book(project)
    assert ["build the book", "build the book"] == commands


def test_a_step_that_fails_shows_the_end_of_what_it_said(project):
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    with pytest.raises(make.Trouble, match=r"(?s)try it failed \(exit status 3\):.*the reason"):
        make.must(project, "try it", command)


def test_a_warning_far_above_the_end_is_shown_without_its_colours(project):
    said = "\x1b[91mWARNING: page.md:3: no such target\x1b[39m\n" + "wrote a page\n" * 100
    with pytest.raises(make.Trouble, match=r"  WARNING: page\.md:3: no such target\n"):
        make.must(project, "try it", [sys.executable, "-c", f"print({said!r}); raise SystemExit(1)"])


def test_a_book_that_fails_stops_build_and_test_but_not_the_labs(project, commands, monkeypatch, capsys):
    def fail(root):
        raise make.Trouble("build the book failed")

    served = []
    monkeypatch.setattr(make, "install", lambda root, extras: None)
    monkeypatch.setattr(make, "simulate", lambda root: None)
    monkeypatch.setattr(make, "build_book", fail)
    monkeypatch.setattr(make, "serve", lambda *_: served.append("yes") or 0)
    assert 0 == make.main(["start", "--no-browser"], project)
    assert ["yes"] == served
    assert "The labs work without it." in capsys.readouterr().out
    assert 1 == make.main(["build"], project)


# Students' files


def test_what_a_student_wrote_is_never_overwritten(project, commands, capsys):
    make.release_labs(project)
    own = project / "work/01_lab/lab.ipynb"
    own.write_text("my answer")
    (project / "labs/01_lab/lab.py").write_text("# %% a better task\n")
    make.release_labs(project)
    assert "my answer" == own.read_text()
    assert "work/01_lab/lab.ipynb is yours and stays as it is; the lab's own has changed" in capsys.readouterr().out


def test_a_students_own_change_is_no_news(project, commands, capsys):
    make.release_labs(project)
    (project / "work/01_lab/lab.ipynb").write_text("my answer")
    make.release_labs(project)
    assert "is yours" not in capsys.readouterr().out


def test_a_file_that_a_student_deleted_comes_back(project, commands):
    make.release_labs(project)
    own = project / "work/01_lab/lab.ipynb"
    own.unlink()
    make.release_labs(project)
    assert own.exists()


def test_clean_keeps_grades_work_and_environment(project, commands):
    make.build_book(project)
    make.release_labs(project)
    finish(project)
    (project / "course/gradebook.db").write_text("grades")
    assert 0 == make.main(["clean"], project)
    kept = ["course/gradebook.db", "work/01_lab/lab.ipynb", ".venv/installed.json"]
    assert kept == [name for name in kept if (project / name).exists()]
    assert not (project / "build").exists()


# Serving


def test_a_busy_port_is_passed_over():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert port < make.free_port(port) < port + 50
        with pytest.raises(make.Trouble, match=r"all in use\. Choose another: python3 make.py start --port N"):
            make.free_port(port, tries=1)


def test_the_start_page_links_each_lab_and_the_book(project, commands):
    make.build_book(project)
    make.release_labs(project)
    page = make.start_page(project)
    assert "[Lab 1: a lab](<01_lab/lab.ipynb>)" in page
    assert "(/static/html/index.html)" in page


def test_the_start_page_says_when_there_is_no_book(project):
    assert "The book is not built" in make.start_page(project)


def test_the_server_listens_to_this_machine_alone(project):
    make.write_settings(project, 9999)
    config = project / "build/jupyter/config"
    server = json.loads((config / "jupyter_server_config.json").read_text())
    assert "127.0.0.1" == server["ServerApp"]["ip"]
    assert "token" not in json.dumps(server)


# What ends it


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EACCES, "cannot be written.\nCopy the project to a folder of yours"),
        (errno.EROFS, "cannot be written.\nCopy the project to a folder of yours"),
        (errno.ENOSPC, "The disk is full"),
    ],
)
def test_a_folder_that_cannot_be_written_is_told_plainly(number, says, project, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(number, os.strerror(number), str(project))

    monkeypatch.setattr(make, "install", refuse)
    assert 1 == make.main(["build"], project)
    assert says in capsys.readouterr().out


def test_two_at_once_take_turns(project):
    code = "import make, pathlib, sys, time\n"
    code += f"with make.alone(pathlib.Path({str(project)!r})):\n"
    code += "    print('in', flush=True)\n    time.sleep(1)\n    print('out')"
    first, second = (
        subprocess.Popen([sys.executable, "-u", "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in "ab"
    )
    said = sorted([first.communicate(timeout=20)[0], second.communicate(timeout=20)[0]], key=len)
    assert ["in\nout\n", "Another make is at work in this folder; waiting for it.\nin\nout\n"] == said


def test_ctrl_c_ends_the_step_that_runs(project):
    code = "import make, pathlib, sys\n"
    code += "sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
    code += "make.install = lambda root, extras: make.step(root, 'wait', sleep)\n"
    code += f"sys.exit(make.main(['build'], pathlib.Path({str(project)!r})))"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert "wait" in child.stdout.readline()
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=20)
    assert 130 == child.returncode
    assert "Nothing is lost" in rest
