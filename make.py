#!/usr/bin/env python3
"""Set up, build, serve and test this project: `python3 make.py start`, or `make start` where there is make.

Needs Python 3.11 to 3.13 and nothing else. The file is written so that older Pythons can read it as well,
down to 2.7: they look for a newer one on this machine, and say plainly what is missing if there is none.
"""

from __future__ import print_function

import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def suits(version):
    """Whether a Python of this version can run the project."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def another_python():
    """Path of a suitable Python on this machine's PATH, or None."""
    asks = "import sys; sys.exit(0 if (%d, %d) <= sys.version_info[:2] <= (%d, %d) else 1)" % (OLDEST + NEWEST)
    ending = ".exe" if os.name == "nt" else ""
    for name in ["python3.13", "python3.12", "python3.11", "python3", "python"]:
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            path = os.path.join(folder, name + ending)
            if os.access(path, os.X_OK) and not os.path.isdir(path):
                with open(os.devnull, "w") as nowhere:
                    try:
                        if subprocess.call([path, "-c", asks], stdout=nowhere, stderr=nowhere) == 0:
                            return path
                    except OSError:
                        continue
    return None


def hand_over():
    """Run this file with a suitable Python where there is one; returns the exit status."""
    found = another_python()
    if found:
        return subprocess.call([found, os.path.abspath(__file__)] + sys.argv[1:])
    print("This project needs Python %d.%d to %d.%d; this is Python %d.%d." % (OLDEST + NEWEST + sys.version_info[:2]))
    print("No suitable one is on the PATH. Install one, then run the same command again:")
    print("  Debian, Ubuntu:  sudo apt install python3 python3-venv")
    print("  Fedora:          sudo dnf install python3.13")
    print("  macOS:           brew install python@3.13")
    print("  Windows, others: https://www.python.org/downloads/")
    return 2


if not suits(sys.version_info):
    sys.exit(hand_over())

# From here on Python is 3.11 or newer.

import argparse  # noqa: E402
import contextlib  # noqa: E402
import errno  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import re  # noqa: E402
import secrets  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import time  # noqa: E402
import tomllib  # noqa: E402
import urllib.error  # noqa: E402
import urllib.request  # noqa: E402
import webbrowser  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parent
SPACE_NEEDED = 1000 * 10**6  # bytes: the environment takes 600 MB, what pip downloads the rest
ALL_EXTRAS = ("course", "dask", "data", "onnx", "site", "test")
START_PAGE = "Start here.md"
BOOK_PAGE = "_build/html/index.html"  # below build/book
# What a user set for other Pythons and Jupyters must not reach ours.
FOREIGN = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "PYTHONDONTWRITEBYTECODE",
    "__PYVENV_LAUNCHER__",
)
FOREIGN += (
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_CONSTRAINT",
    "MPLBACKEND",
    "CONDA_PREFIX",
)


class Trouble(Exception):
    """Something the person at the keyboard has to know; its text says what and what to do."""


# Where things are


def python(root):
    """The environment's Python."""
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def script(root, name):
    """A command that a package installed into the environment."""
    return python(root).parent / (name + (".exe" if os.name == "nt" else ""))


def environment(root):
    """The variables our programs run with: the user's, without what would lead Python or Jupyter astray."""
    ours = {k: v for k, v in os.environ.items() if k not in FOREIGN and not k.startswith(("JUPYTER", "IPYTHON"))}
    state = root / "build" / "jupyter"
    with contextlib.suppress(OSError):  # a read-only folder is said where something has to be written
        state.mkdir(parents=True, exist_ok=True)  # IPython warns where its folder has no parent
    ours.update(
        VIRTUAL_ENV=str(root / ".venv"),
        PATH=str(python(root).parent) + os.pathsep + os.environ.get("PATH", os.defpath),
        PYTHONNOUSERSITE="1",
        PYTHONUTF8="1",
        NO_COLOR="1",
        PIP_USER="0",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        JUPYTER_CONFIG_DIR=str(root / "work" / ".jupyter"),
        JUPYTER_CONFIG_PATH=str(state / "config"),
        JUPYTER_DATA_DIR=str(state / "data"),
        JUPYTER_RUNTIME_DIR=str(state / "runtime"),
        IPYTHONDIR=str(state / "ipython"),
    )
    return ours


def labs(root):
    """Names of the lab folders, in order."""
    return sorted(path.parent.name for path in (root / "labs").glob("*/lab.py"))


# What has been done already


def digest(*parts):
    """One hash over texts and files; a folder stands for all files below it that git would keep."""
    total = hashlib.sha256()
    for part in parts:
        paths = [part] if isinstance(part, Path) else []
        if paths and part.is_dir():
            paths = sorted(path for path in part.rglob("*") if path.is_file() and is_source(path))
        for path in paths:
            total.update(str(path).encode())
            total.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"absent")
        if not paths:
            total.update(repr(part).encode())
    return total.hexdigest()


def is_source(path):
    """Whether a file is written by people, not left behind by a program."""
    return not {"__pycache__", "_build", ".ipynb_checkpoints"}.intersection(path.parts)


def read_stamp(path):
    """What a finished step wrote down, or an empty dict."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_stamp(path, **facts):
    """Write down that a step is finished, and on what; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    new.replace(path)


def lock(file):
    """Take the file for this process alone, if no other has it; it goes back when the process ends, however it ends."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def alone(root):
    """While inside, no other make.py builds in this folder; waits for one that does."""
    (root / "build").mkdir(exist_ok=True)
    with open(root / "build" / "lock", "a") as file:
        if not lock(file):
            say("Another make is at work in this folder; waiting for it.")
            while not lock(file):
                time.sleep(0.5)
        yield


# Running a program, with a sign of life


def say(text=""):
    """Print at once."""
    print(text, flush=True)


class Line:
    """One line on the screen that tells how a long step is doing; on paper, a line now and then."""

    def __init__(self, title):
        self.title, self.start, self.shown = title, time.monotonic(), time.monotonic()
        self.live = sys.stdout.isatty()
        if not self.live:
            say("  %s ..." % title)

    def seconds(self):
        """Time since the step began."""
        return time.monotonic() - self.start

    def show(self, news):
        """Renew the line; to a file, once in 20 s."""
        if self.live:
            text = "  %s  %3.0f s  %s" % (self.title, self.seconds(), news)
            width = shutil.get_terminal_size().columns - 1
            print("\r" + text[:width].ljust(width), end="", flush=True)
        elif time.monotonic() - self.shown > 20:
            self.shown = time.monotonic()
            say("  %s ... %.0f s" % (self.title, self.seconds()))

    def end(self, word):
        """The step's last word."""
        text = "  %s  %s, %.0f s" % (self.title, word, self.seconds())
        say("\r" + text.ljust(shutil.get_terminal_size().columns - 1) if self.live else text)


def last_line(log):
    """The last line of a log that says something."""
    with open(log, "rb") as file:
        file.seek(max(0, os.path.getsize(log) - 2000))
        lines = file.read().decode("utf-8", "replace").replace("\r", "\n").split("\n")
    return next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")


def step(root, title, command):
    """Run a program, its output kept in build/log; returns (exit status, its output)."""
    log = root / "build" / "log" / (title.replace(" ", "-") + ".txt")
    log.parent.mkdir(parents=True, exist_ok=True)
    line = Line(title)
    with open(log, "wb") as out:
        child = subprocess.Popen(
            [str(word) for word in command],
            cwd=str(root),
            env=environment(root),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            while child.poll() is None:
                line.show(last_line(log))
                time.sleep(0.2)
        except BaseException:
            stop(child)
            raise
    line.end("done" if child.returncode == 0 else "failed")
    return child.returncode, re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))


def must(root, title, command):
    """`step`, for a program whose failure ends everything."""
    status, output = step(root, title, command)
    if status:
        raise Trouble("%s failed (exit status %d):\n%s" % (title, status, gist(output)))


def gist(output):
    """What a person wants of a failed program's output: its warnings and errors, then the end."""
    lines = output.strip().splitlines()
    faults = [line for line in lines[:-20] if "WARNING" in line or "ERROR" in line]
    return "\n".join("    " + line for line in faults[-20:] + lines[-20:])


def stop(child):
    """End a program we started, gently, then not."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


# The environment


def read_project(root):
    """pyproject.toml as a dict."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def build_needs(root):
    """What building the project's own package takes."""
    return read_project(root)["build-system"]["requires"]


def install_inputs(root):
    """What the environment depends on; a change of a linter's option is none."""
    project = read_project(root)
    told = [project.get("build-system"), project.get("project"), project.get("tool", {}).get("setuptools")]
    return digest(str(root), json.dumps(told, sort_keys=True), root / "constraints.txt")


def installed(root, extras):
    """Whether the environment is whole, belongs here, and holds these extras."""
    stamp = read_stamp(root / ".venv" / "installed.json")
    same = stamp.get("inputs") == install_inputs(root)
    return same and set(extras) <= set(stamp.get("extras", [])) and python(root).exists()


def runs(path):
    """Whether a Python is there, works and suits."""
    asks = "import sys, pip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([str(path), "-c", asks], capture_output=True, text=True, timeout=60)
        return done.returncode == 0 and suits([int(word) for word in done.stdout.split()])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False


def make_venv(root):
    """An empty environment; a broken or half-made one is thrown away first."""
    home = root / ".venv"
    stamp, begun = home / "installed.json", home / "begun.json"
    whole = not begun.exists() and read_stamp(stamp).get("root", str(root)) == str(root)
    if whole and runs(python(root)):
        return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as missing:
        version = "%d.%d" % sys.version_info[:2]
        text = (
            "Python %s at %s came without its venv module, which makes environments.\n"
            "On Debian and Ubuntu: sudo apt install python%s-venv (or python3-venv), then run the same command again."
            "\n(%s)"
        )
        raise Trouble(text % (version, sys.executable, version, missing))
    if home.exists():
        say("  .venv is unfinished, broken or was moved: making it anew.")
    must(root, "make the environment", [sys.executable, "-m", "venv", "--clear", str(home)])


def install(root, extras):
    """Bring the environment up to date with pyproject.toml and constraints.txt; quick when it is."""
    if installed(root, extras):
        return
    free = shutil.disk_usage(str(root)).free
    if free < SPACE_NEEDED and not python(root).exists():
        raise Trouble("The set-up needs %.1f GB of free disk; there are %.1f GB." % (SPACE_NEEDED / 1e9, free / 1e9))
    if not (root / ".venv").exists():
        say("Setting up in .venv: a minute or two and about 100 MB to download, this once.")
    make_venv(root)
    have = read_stamp(root / ".venv" / "installed.json").get("extras", [])
    extras = sorted(set(extras) | set(have))
    begun = root / ".venv" / "begun.json"
    write_stamp(begun, extras=extras)
    pip = [python(root), "-m", "pip", "install", "--retries", "2", "--no-input", "-c", "constraints.txt"]
    wanted = "%s[%s]" % (".", ",".join(extras))
    for title, what in [
        ("install the installer", build_needs(root)),
        ("install the packages", ["--no-build-isolation", "-e", wanted]),
    ]:
        status, output = step(root, title, pip + what)
        if status:
            if "Installing collected packages" not in output:
                begun.unlink()  # nothing was changed, so nothing is half-made
            raise Trouble(why_pip_failed(output))
    write_stamp(root / ".venv" / "installed.json", root=str(root), inputs=install_inputs(root), extras=extras)
    begun.unlink()


NO_NETWORK = (
    "Failed to establish a new connection",
    "NewConnectionError",
    "name resolution",
    "Max retries exceeded",
    "ProxyError",
    "Network is unreachable",
    "Read timed out",
    "Connection refused",
    "connection broken",
)


def why_pip_failed(output):
    """What to tell a person when pip gave up."""
    tail = "\n".join("    " + line for line in output.strip().splitlines()[-12:])
    if any(word in output for word in NO_NETWORK):
        return (
            "The packages could not be downloaded: no connection to the Python package index.\n"
            "The set-up needs it once, for about 100 MB; later starts need no network. Connect (or set pip's proxy or\n"
            "index-url), then run the same command again: it goes on from here.\n" + tail
        )
    if "No space left on device" in output:
        return "The disk is full. Free %.1f GB, then run the same command again.\n%s" % (SPACE_NEEDED / 1e9, tail)
    return "pip could not install the packages (all it said is in build/log):\n" + tail


# What is built


def simulate(root):
    """Print AlexNet on Eyeriss."""
    command = [str(python(root)), "-m", "accelsim.cli", "run", "eyeriss", "alexnet"]
    if subprocess.call(command, cwd=str(root), env=environment(root)):
        raise Trouble("The simulator failed: " + " ".join(command[1:]))


def build_book(root):
    """Build the book into build/book, where the pages or the simulator changed since the last time."""
    inputs = digest(root / "book", root / "accelsim", root / "constraints.txt")
    stamp = root / "build" / "book" / "stamp.json"
    if read_stamp(stamp).get("inputs") == inputs and (root / "build" / "book" / BOOK_PAGE).exists():
        return
    shutil.rmtree(str(root / "build" / "book"), ignore_errors=True)
    options = ["--path-output", "build/book", "-W", "-n", "--keep-going"]
    must(root, "build the book", [script(root, "jupyter-book"), "build", "book"] + options)
    write_stamp(stamp, inputs=inputs)


def release_labs(root):
    """Make each lab's student version below course/release, then students' copies below work/."""
    for lab in labs(root):
        inputs = digest(root / "labs" / lab, root / "autograder", root / "accelsim")
        stamp = root / "build" / "labs" / (lab + ".json")
        released = root / "course" / "release" / lab
        if read_stamp(stamp).get("inputs") != inputs or not any(released.glob("*.ipynb")):
            must(root, "release " + lab, [python(root), "-m", "autograder.cli", "release", lab, "--course", "course"])
            write_stamp(stamp, inputs=inputs)
        for kept in copy_new(released, root / "work" / lab):
            say(
                "  work/%s/%s is yours and stays as it is; the lab's own has changed: course/release/%s/%s"
                % (lab, kept, lab, kept)
            )


def copy_new(source, target):
    """Copy the files that the target lacks; returns the names of those it has in another state than first given out.

    What was given out is remembered beside the copies, so that a student's own change is no news.
    """
    memory = target / ".given.json"
    given, changed = read_stamp(memory), []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name = path.relative_to(source).as_posix()
        own, now = target / name, digest_of(path)
        if not own.exists():
            own.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(path), str(own))
        elif given.get(name, now) != now and digest_of(own) != now:
            changed.append(name)
        given[name] = now
    write_stamp(memory, **given)
    return changed


def digest_of(path):
    """Hash of one file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Serving


def free_port(first, tries=50):
    """The first port from `first` on that nobody on this machine listens to."""
    for port in range(first, min(first + tries, 65536)):
        with socket.socket() as probe:
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Trouble(
        "Ports %d to %d are all in use. Choose another: python3 make.py start --port N" % (first, first + tries - 1)
    )


def title_of(root, lab):
    """A lab's title: the first heading of its README."""
    try:
        lines = (root / "labs" / lab / "README.md").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.lstrip("# ").strip() for line in lines if line.startswith("# ")), lab.replace("_", " "))


def start_page(root):
    """Text of the page that JupyterLab opens on."""
    text = ["# Start here", "", "## The labs", ""]
    for lab in labs(root):
        for notebook in sorted((root / "work" / lab).glob("*.ipynb")):
            text.append("- [%s](<%s/%s>)" % (title_of(root, lab), lab, notebook.name))
    text += [
        "",
        "A click opens the notebook here. Files in these folders are yours: nothing overwrites them. To begin a lab",
        "again, rename or delete its file and run `make start` again.",
        "",
        "## The book",
        "",
    ]
    if (root / "build" / "book" / BOOK_PAGE).exists():
        text.append(
            "- [Where the Energy Goes](/static/%s), in a new tab; it needs no network." % BOOK_PAGE.split("/", 1)[1]
        )
    else:
        text.append("- The book is not built: `make build` tells why.")
    text += ["", "This page is written anew at each start.", ""]
    return "\n".join(text)


def server_settings(root, port):
    """Jupyter's configuration: this machine only, and nothing asked of the outside."""
    return {
        "ServerApp": {
            "ip": "127.0.0.1",
            "port": port,
            "port_retries": 0,
            "allow_root": True,
            "open_browser": False,
            "root_dir": str(root / "work"),
            "extra_static_paths": [str(root / "build" / "book" / "_build")],
            "answer_yes": True,
            "log_level": 30,
            # nbgrader's own extensions are for a course with a server; here its files and formats are enough.
            "jpserver_extensions": {"nbgrader.server_extensions." + name: False for name in NBGRADER_EXTENSIONS},
        },
        "LabApp": {
            "default_url": "/lab/tree/" + START_PAGE.replace(" ", "%20"),
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
        },
    }


NBGRADER_EXTENSIONS = ("assignment_list", "course_list", "formgrader", "validate_assignment")
LAB_PAGE = {"disabledExtensions": {"@jupyter/nbgrader": True}}
LAB_OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
}


def write_settings(root, port):
    """Put the start page and the configuration where JupyterLab looks for them."""
    config = root / "build" / "jupyter" / "config"
    files = {
        "jupyter_server_config.json": server_settings(root, port),
        "labconfig/default_setting_overrides.json": LAB_OVERRIDES,
        "labconfig/page_config.json": LAB_PAGE,
    }
    for folder in (config / "labconfig", root / "build" / "jupyter" / "runtime", root / "work"):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (config / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    (root / "work" / START_PAGE).write_text(start_page(root), encoding="utf-8")


def answers(address):
    """Whether a server answers at an address on this machine, by whatever proxy settings there are."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def has_screen():
    """Whether opening a browser window makes sense."""
    return os.name == "nt" or sys.platform == "darwin" or any(os.environ.get(k) for k in ("DISPLAY", "WAYLAND_DISPLAY"))


def serve(root, first_port, browser):
    """Run JupyterLab until Ctrl-C."""
    port = free_port(first_port)
    if port != first_port:
        say("  Port %d is in use; taking %d." % (first_port, port))
    write_settings(root, port)
    token = secrets.token_hex(24)
    log = root / "build" / "log" / "jupyterlab.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    address = "http://127.0.0.1:%d" % port
    with open(log, "wb") as out:
        child = subprocess.Popen(
            [str(python(root)), "-m", "jupyterlab"],
            cwd=str(root / "work"),
            env=dict(environment(root), JUPYTER_TOKEN=token),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            line = Line("start JupyterLab")
            while not answers(address + "/api"):
                if child.poll() is not None:
                    raise Trouble(
                        "JupyterLab did not start:\n" + log.read_text(encoding="utf-8", errors="replace")[-2000:]
                    )
                line.show("")
                time.sleep(0.1)
            line.end("ready")
            page = "%s/lab/tree/%s?token=%s" % (address, START_PAGE.replace(" ", "%20"), token)
            say("\nLabs and book are at\n\n  %s\n\nCtrl-C here stops JupyterLab; your work is in work/." % page)
            say("In another terminal, %s runs the simulator." % script(root, "accelsim").relative_to(root))
            if browser and has_screen():
                webbrowser.open(page)
            child.wait()
        except KeyboardInterrupt:
            stop(child)
            say("\nJupyterLab has stopped. Nothing is lost: your work is in work/.")
            return 0
        finally:
            stop(child)
    raise Trouble("JupyterLab ended by itself; build/log/jupyterlab.txt may tell why.")


# Tests


QUICK = "not slow and not browser and not sandbox"


def gates(root):
    """The checks that need no test run: (name, command)."""
    py = python(root)
    return [
        ("ruff check", [py, "-m", "ruff", "check", "."]),
        ("ruff format", [py, "-m", "ruff", "format", "--check", "."]),
        ("mypy", [py, "-m", "mypy"]),
        ("import-linter", [script(root, "lint-imports"), "--no-cache"]),
        ("codespell", [py, "-m", "codespell_lib"]),
    ]


def run_gates(root):
    """Run them all; returns the names of those that failed, their output printed."""
    failed = []
    for name, command in gates(root):
        status, output = step(root, name, command)
        if status:
            failed.append(name)
            say(output)
    return failed


def run_pytest(root, options):
    """Run the tests on two to four processes, their output shown as it comes; returns the exit status."""
    processes = max(2, min(4, os.cpu_count() or 2))
    command = [str(python(root)), "-m", "pytest", "-n", str(processes), "--dist", "loadfile"] + options
    return subprocess.call(command, cwd=str(root), env=environment(root))


def run_tests(root, options):
    """Gates, then tests; returns the exit status."""
    failed = run_gates(root)
    status = run_pytest(root, options)
    if failed:
        say("failed before the tests: " + ", ".join(failed))
    return status or bool(failed)


# The verbs


def build(root, extras=("course",), book=None):
    """All but serving."""
    with alone(root):
        install(root, extras)
        simulate(root)
        (book or build_book)(root)
        release_labs(root)


def book_or_not(root):
    """Build the book; where that fails, say so and go on."""
    try:
        build_book(root)
    except Trouble as trouble:
        say("\n%s\n\nThe labs work without it.\n" % trouble)


def do_start(root, args):
    """Set up, simulate, build, then serve JupyterLab; without a book, if that is all that fails."""
    build(root, book=book_or_not)
    return serve(root, args.port, not args.no_browser)


def do_build(root, _):
    """All that start does but serving."""
    build(root)
    say("\nThe book: %s\nThe labs: %s" % (root / "build" / "book" / BOOK_PAGE, root / "work"))
    return 0


PDF_NEEDS = ("xelatex", "latexmk", "make")
PDF_FROM = """Debian, Ubuntu (0.5 GB):
  sudo apt install texlive-xetex texlive-latex-extra texlive-fonts-recommended tex-gyre fonts-freefont-otf latexmk"""


def do_site(root, _):
    """The book with the simulator and the labs in it, for a web server; needs npm and a network."""
    build(root, ("course", "site"))
    where = ["build/book/_build/html", "course/release", "build/site", "build/pyodide"]
    must(root, "make the site", [python(root), "book/publish.py"] + where)
    say("\nThe site: build/site. To look at it: .venv/bin/python -m http.server -d build/site")
    return 0


def do_pdf(root, _):
    """The book on paper: build/book.pdf; needs LaTeX."""
    if not all(map(shutil.which, PDF_NEEDS)):
        raise Trouble("The PDF needs %s. %s" % (", ".join(PDF_NEEDS), PDF_FROM))
    with alone(root):
        install(root, ("course",))
    options = ["--builder", "pdflatex", "--path-output", "build/pdf", "-W", "-n", "--keep-going"]
    must(root, "make the PDF", [script(root, "jupyter-book"), "build", "book"] + options)
    shutil.copy(str(root / "build/pdf/_build/latex/book.pdf"), str(root / "build" / "book.pdf"))
    say("\nThe book: build/book.pdf")
    return 0


def do_test(root, args):
    """Build, then every check and every test."""
    build(root, ALL_EXTRAS)
    return run_tests(root, args.options)


def do_check(root, args):
    """The quick checks and tests, for use all day."""
    with alone(root):
        install(root, ALL_EXTRAS)
    return run_tests(root, ["-q", "-m", QUICK] + args.options)


def do_format(root, _):
    """Lay out all Python files as `check` wants them."""
    install(root, ALL_EXTRAS)
    return subprocess.call([str(python(root)), "-m", "ruff", "format", "."], cwd=str(root))


LOCK_HEAD = """\
# The versions that the set-up installs, for Python 3.11 to 3.13 on Linux, macOS and Windows.
# Made from the ranges in pyproject.toml by `python3 make.py lock`, which runs
#   %s
# `python3 make.py lock --upgrade` takes the newest versions that the ranges allow.
"""


def do_lock(root, args):
    """Make constraints.txt anew from the ranges in pyproject.toml."""
    install(root, ALL_EXTRAS)
    if step(root, "look for uv", [python(root), "-m", "uv", "--version"])[0]:
        must(root, "install uv", [python(root), "-m", "pip", "install", "uv"])
    command = "uv pip compile pyproject.toml - --all-extras --universal --python-version 3.11"
    command += " --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet -o constraints.txt"
    command += " --upgrade" if args.upgrade else ""
    words = [str(python(root)), "-m"] + command.split()
    subprocess.run(
        words, cwd=str(root), env=environment(root), input="\n".join(build_needs(root)), text=True, check=True
    )
    pins = (root / "constraints.txt").read_text(encoding="utf-8")
    pins = "".join(line + "\n" for line in pins.splitlines() if not line.startswith("#"))
    (root / "constraints.txt").write_text(LOCK_HEAD % command.replace(" --upgrade", "") + pins, encoding="utf-8")
    return 0


def do_clean(root, args):
    """Delete what is built anew; course/ (grades) and work/ (your files) stay."""
    names = ["build", "accelsim.egg-info", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache"]
    for name in names + ([".venv"] if args.all else []):
        shutil.rmtree(str(root / name), ignore_errors=True)
    for folder in ("accelsim", "autograder", "book", "labs", "tests"):
        for cache in list((root / folder).rglob("__pycache__")):
            shutil.rmtree(str(cache), ignore_errors=True)
    return 0


def parser():
    """The command line."""
    top = argparse.ArgumentParser(prog="make.py", description="Set up, build, serve and test this project.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for do in (do_start, do_build, do_site, do_pdf, do_test, do_check, do_format, do_lock, do_clean):
        verb = verbs.add_parser(do.__name__[3:], help=do.__doc__, description=do.__doc__)
        verb.set_defaults(do=do)
        if do is do_start:
            verb.add_argument("--port", type=int, default=8888, help="first port to try (8888)")
            verb.add_argument("--no-browser", action="store_true", help="open no browser window")
        if do in (do_test, do_check):
            verb.add_argument("options", nargs="*", help="what to pass on to pytest, after --")
        if do is do_lock:
            verb.add_argument("--upgrade", action="store_true", help="take newer versions where the ranges allow")
        if do is do_clean:
            verb.add_argument("--all", action="store_true", help="the environment as well")
    return top


def why_not_writable(error, root):
    """What to tell a person when the operating system refused a file."""
    if error.errno == errno.ENOSPC:
        return "The disk is full. Free some space, then run the same command again."
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return "%s cannot be written.\nCopy the project to a folder of yours and run the same command there." % (
            error.filename or root
        )
    return None


def main(arguments=None, root=ROOT):
    """Do one verb; returns the exit status."""
    args = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return args.do(root, args)
    except KeyboardInterrupt:
        say("\nStopped. Nothing is lost; the same command goes on from here.")
        return 130
    except Trouble as trouble:
        say("\n" + str(trouble))
        return 1
    except OSError as error:
        told = why_not_writable(error, root)
        if told is None:
            raise
        say("\n" + told)
        return 1


if __name__ == "__main__":
    sys.exit(main())
