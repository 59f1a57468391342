"""Run attacks: a course full of baits, one attack at a time, then a good submission by the same worker."""

from __future__ import annotations

import ast
import csv
import fcntl
import hashlib
import json
import os
import resource
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course import Course, make_course
from autograder.grade import Graded, grade_one, hidden_from, marks
from autograder.lab import Answer, Lab, filled, load
from autograder.pool import released_cells
from autograder.release import notebook, release
from autograder.sandbox import Limits, Warm, linux
from tests.autograder.hostile.folders import FOLDERS

HERE = Path(__file__).parent
TINY = HERE.parent / "tiny"
WRONG = {"places_answer": "def places(*args):\n    return -1", "slide_answer": "def slide(*args):\n    return -1"}
TIGHT = Limits(
    cell_seconds=1,
    case_seconds=0.5,
    submission_seconds=15,
    memory=1 << 30,
    total_memory=900 << 20,
    processes=24,
    file_bytes=16 << 20,
    scratch_bytes=48 << 20,
    scratch_files=2000,
)
PATIENT = Limits(cell_seconds=20, case_seconds=10, submission_seconds=60)
AGAIN = ("answers", "python", "wire")
# Kinds that a process without walls may run on the machine of whoever runs the corpus.
TAME = ("answers", "python", "wire", "pages", "notebook")

LOOK = """
import builtins, os, sys, numpy
found = [f"{p}/{n}" for p in (".", "/tmp", "/dev/shm") if os.access(p, os.R_OK) for n in os.listdir(p)]
own = {"line.csv", "public_checks.json", "student.txt", "LICENSE", "LICENSE-PROSE"}
project = os.path.dirname(os.path.dirname(sys.modules["autograder"].__file__)) + "/"
found = [path for path in found if os.path.basename(path) not in own and not SHARED_TMP]
found = [path for path in found if not project.startswith(path + "/")]  # a project below /tmp is seen, and closed
found += [str(where) for where in (builtins, os, sys, numpy) if hasattr(where, "NEXT")]
found += [name for name in (*os.environ, *sys.modules) if name == "NEXT"]
if found: print("NEXT-SEES", found)
"""


@dataclass(frozen=True)
class Attack:
    """One attack: its kind, what it tries, and its code; without code it is one of `folders`."""

    name: str
    kind: str
    tries: str
    code: str = ""


@dataclass(frozen=True)
class Came:
    """What came of one attack on one rung."""

    attack: Attack
    rung: str
    points: float
    harms: tuple[str, ...]
    seconds: float

    @property
    def held(self) -> bool:
        """No undeserved point, no harm."""
        return not self.points and not self.harms


def attacks() -> list[Attack]:
    """The corpus, by kind and name."""
    cells = [_read(path) for path in sorted((HERE / "attacks").glob("*.cell"))]
    files = [Attack(name, "notebook", (made.__doc__ or "").strip()) for name, made in FOLDERS.items()]
    return sorted([*cells, *files], key=lambda a: (a.kind, a.name))


def _read(path: Path) -> Attack:
    text = path.read_text("utf-8")
    tries, kind = (ast.get_docstring(ast.parse(text)) or "").split("\n\nKind: ")
    return Attack(path.stem, kind.strip(), tries.strip(), text.split('"""\n', 2)[1] if '"""\n' in text else text)


def stock() -> dict[str, tuple[str, str]]:
    """What stock nbgrader does with each attack, and how that was found out."""
    with (HERE / "stock.csv").open(newline="", encoding="utf-8") as file:
        return {row["attack"]: (row["outcome"], row["how"]) for row in csv.DictReader(file)}


class Ground:
    """A course with one lab released, a right and many hostile submissions, and baits around it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.secret = folder, secrets.token_hex(12)
        folder.chmod(0o755)
        self.lab: Lab = load(TINY)
        self.course: Course = make_course(folder / "course")
        release(self.lab, self.course)
        self.release = released_cells(self.course, self.lab.name)
        self.bait = self._baits(stack)
        self.hidden = hidden_from(self.lab, self.course)

    def _baits(self, stack: ExitStack) -> dict[str, Any]:
        open_to_all = self.folder / "open"
        open_to_all.mkdir()
        open_to_all.chmod(0o777)
        names = {name: open_to_all / name for name in ("file", "gradebook", "other")}
        names["file"].write_text(self.secret)
        names["other"].write_text(json.dumps({"cells": [], "secret": self.secret}))
        with sqlite3.connect(names["gradebook"]) as book:
            book.execute("create table grade (student text, score real)")
            book.execute("insert into grade values (?, 1)", (self.secret,))
        book.close()
        for path in names.values():
            path.chmod(0o666)
        right = self.hand_in("bob", notebook(filled(self.lab)))
        listening = [socket.create_server(("127.0.0.1", 0)), *(socket.socket(socket.AF_UNIX) for _ in range(2))]
        named, abstract = str(open_to_all / "socket"), f"\0autograder-{self.secret[:8]}"
        for listener, address in zip(listening[1:], (named, abstract), strict=True):
            listener.bind(address)
            listener.listen()
        for listener in listening:
            stack.callback(listener.close)
        os.chmod(named, 0o777)
        mark = f"MARK_{secrets.token_hex(6)}"
        os.environ[mark] = self.secret
        stack.callback(os.environ.pop, mark)
        self.victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        stack.callback(self._end_victim)
        made = {name: str(path) for name, path in names.items()} | {
            "right": str(right),
            "checks": str(TINY / "checks.py"),
        }
        made |= {"folder": str(open_to_all), "labs": str(TINY.parent), "unix": named, "abstract": abstract}
        pids = {"pid": self.victim.pid, "grader": os.getpid(), "port": listening[0].getsockname()[1]}
        return {**made, **pids, "mark": mark, "root": os.getuid() == 0}

    def _end_victim(self) -> None:
        self.victim.send_signal(signal.SIGKILL)
        self.victim.wait()

    def hand_in(self, student: str, body: dict[str, Any] | None) -> Path:
        """The notebook of a student, written if there is one to write; the folder is empty before."""
        folder = self.course.at("submitted", student, self.lab.name)
        if folder.is_symlink():
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if body:
            (folder / "tiny.ipynb").write_text(json.dumps(body), "utf-8")
        return folder / "tiny.ipynb"

    def state(self, warm: Warm) -> dict[str, Any]:
        """All that an attack must leave as it is."""
        server = warm.ready().process.pid
        files = [
            self.folder / "open",
            *(self.folder / "open").iterdir(),
            self.course.root / "gradebook.db",
            TINY / "checks.py",
        ]
        return {
            "files": {str(path): _file(path) for path in files},
            "processes": [_process(pid) for pid in (self.victim.pid, os.getpid())],
            "temporary folders": len(os.listdir(tempfile.gettempdir())),
            "shared places": _strays(),
            "processes left": len(linux.tree(server)),
        }

    def grade(self, warm: Warm, student: str, limits: Limits) -> Graded:
        """One submission, graded as official grading does it."""
        folder = self.course.at("submitted", student, self.lab.name)
        return grade_one(self.lab, folder, self.course, warm.rung, limits, self.release, warm)


def _file(path: Path) -> Any:
    try:
        known, locked = path.stat(), "no"
        digest = ""
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    locked = "yes"
        return known.st_mode, known.st_uid, known.st_size, known.st_mtime_ns, digest, locked
    except OSError as error:
        return type(error).__name__


def _process(pid: int) -> Any:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        limits = [resource.prlimit(pid, getattr(resource, name)) for name in ("RLIMIT_NOFILE", "RLIMIT_AS")]
        return state in "SRD", os.getpriority(os.PRIO_PROCESS, pid), len(os.sched_getaffinity(pid)), limits
    except OSError as error:
        return type(error).__name__


STRAYS = ("note_for_next", "sitecustomize.py", "checks.py", "pickled", "magic", "after", "next.sock", "next", "owned")


def _strays() -> list[str]:
    places = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/", os.path.expanduser("~"))
    return sorted(f"{place}/{name}" for place in places for name in STRAYS if os.path.lexists(f"{place}/{name}"))


@contextmanager
def ground() -> Iterator[Ground]:
    """A place to attack in, gone afterwards; temporary files are made in it meanwhile."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hostile-", dir="/var/tmp")))
        (folder / "tmp").mkdir(mode=0o755)
        before, tempfile.tempdir = tempfile.tempdir, str(folder / "tmp")
        stack.callback(setattr, tempfile, "tempdir", before)
        yield Ground(folder, stack)


def _notebook(lab: Lab, attack: Attack, bait: dict[str, Any]) -> dict[str, Any]:
    answers = dict(WRONG)
    if attack.kind in AGAIN:  # its functions also take the place of those defined after the attack
        answers["slide_answer"] += "\n" + attack.code
    body: dict[str, Any] = json.loads(json.dumps(notebook(filled(lab, Answer("", answers, {}, {})))))
    first = next(
        n for n, c in enumerate(body["cells"]) if c["metadata"].get("nbgrader", {}).get("grade_id") == "places"
    )
    extra = [_cell("bait", f"BAIT = {bait!r}"), *([_cell("attack", attack.code)] if attack.code else [])]
    body["cells"][first:first] = extra
    return body


def _cell(name: str, source: str) -> dict[str, Any]:
    return {"cell_type": "code", "id": name, "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def run(place: Ground, warm: Warm, attack: Attack) -> Came:
    """One attack, then a good submission; what came of both."""
    started = time.monotonic()
    before = place.state(warm)
    body = _notebook(place.lab, attack, place.bait)
    path = place.hand_in("eve", body if attack.code else None)
    meanwhile = None if attack.code else FOLDERS[attack.name](path.parent, body, place.bait)
    graded = place.grade(warm, "eve", TIGHT)
    if meanwhile:
        meanwhile.join()
    harms = [*_leaks(place, graded), *_changes(before, place.state(warm)), *_next(place, warm)]
    place.hand_in("eve", None)
    return Came(attack, warm.rung.name, graded.points, tuple(harms), time.monotonic() - started)


def _shown(graded: Graded) -> str:
    parts = [part for parts in graded.session.outputs.values() for part in parts] if graded.session else []
    return "\n".join(str(part.get("text", "")) for part in parts if part["output_type"] == "stream")


def _leaks(place: Ground, graded: Graded) -> Iterator[str]:
    shown = _shown(graded)
    for sign, says in (("LEAK", "reached what it should not"), ("HIDDEN", "printed hidden cases")):
        if line := next((line for line in shown.splitlines() if line.startswith(sign)), ""):
            yield f"{says}: {line[:80]}"
    made = marks(graded, place.lab, place.release)
    told = json.dumps(made.result) + made.notebook
    if place.secret in told:
        yield "a secret shows in what is told"
    if bad := [
        sign
        for sign in ("\\u001b]", "\\u0007", "\\u009b", 'onerror=\\"', "text/html", "javascript")
        if sign in _outputs(made.notebook)
    ]:
        yield f"outputs that would act where they are shown: {bad}"


def _outputs(text: str) -> str:
    return json.dumps([cell.get("outputs") for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"])


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for what, was in before.items():
        if was != after[what]:
            yield f"{what} changed: {_difference(was, after[what])}"


def _difference(was: Any, now: Any) -> str:
    if isinstance(was, dict):
        return ", ".join(Path(k).name for k in {**was, **now} if was.get(k) != now.get(k))
    return f"{was} to {now}"[:120]


def _next(place: Ground, warm: Warm) -> Iterator[str]:
    """What a good submission, graded next, loses or sees."""
    body = notebook(filled(place.lab))
    shared = warm.rung.home == "" and "/tmp" not in warm.rung.home  # there /tmp is the machine's; it is closed
    body["cells"].append(
        _cell("look", LOOK.replace("SHARED_TMP", "path.startswith(('/tmp/', '/dev/shm/'))" if shared else "False"))
    )
    place.hand_in("ada", body)
    graded = place.grade(warm, "ada", PATIENT)
    lost = {a.item.name: a.share for a in graded.answered if a.share < 1}
    if lost or graded.fault or graded.notes:
        yield f"the next student lost something: {lost} {graded.fault} {graded.notes}"
    if "NEXT-SEES" in _shown(graded):
        yield f"the next student sees: {_shown(graded).split('NEXT-SEES')[1][:100]}"
