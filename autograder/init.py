"""A working nbgrader course folder from our labs: configuration, exchange, roster and released labs.

Nothing that is there is written over; the second run only says what exists.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course import CONFIG_FILE, COURSE_ID, Course, Settings, config, gradebook, make_course, write
from autograder.errors import AutograderError, faults_error, printable
from autograder.lab import find, load
from autograder.lock import locked
from autograder.release import release

FOR_STUDENTS = """\
# For every student's machine, as nbgrader_config.py in a folder that `jupyter --paths` lists under config.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {course_id!r}
c.Exchange.root = {exchange!r}
"""
COLUMNS = {
    "id": ("id", "student_id", "id_number", "idnumber", "student", "username", "user", "login"),
    "first_name": ("first_name", "firstname", "first", "given_name", "forename"),
    "last_name": ("last_name", "lastname", "last", "family_name", "surname"),
    "email": ("email", "e_mail", "email_address", "mail"),
}
CLOSED = (  # what formgrader's pages may load: nothing from elsewhere, nbgrader's MathJax included
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self' ws://localhost:* ws://127.0.0.1:*; "
    "frame-ancestors 'self'; form-action 'self'; object-src 'none'"
)
NO_ID = re.compile(r"[/\\*?\[\]+\x00-\x1f]|^[.\s]|\s$")


@dataclass(frozen=True)
class Student:
    """One line of the roster."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""


def init(root: Path, settings: Settings, labs: Sequence[str] = (), roster: Path | None = None) -> int:
    """Make the course folder `root`, or what is missing of it; print what was made and what existed.

    `labs` are names in the labs folder, all of them when none is given.
    Raises AutograderError, before anything is made, when the roster, a lab or the exchange is at fault.
    """
    students = read_roster(roster) if roster else ()
    folders = [find(name, settings.labs) for name in labs] if labs else _all_labs(settings.labs)
    loaded = [load(folder) for folder in folders]
    existed = (root / CONFIG_FILE).exists()
    course = make_course(root, settings)
    _say(existed, str(course.root / CONFIG_FILE))
    if existed:
        _tell_differences(course, settings)
    with locked(course.root, "autograder init"):
        _exchange(course)
        for lab in loaded:
            done = (course.at("release", ".", lab.name) / f"{lab.name}.ipynb").is_file()
            _say(done, str(course.at("release", ".", lab.name) if done else release(lab, course)))
        if roster:
            print(enrol(course, students))
    names = ", ".join(lab.name for lab in loaded[:1])
    there = shlex.quote(str(root))
    print(f"next: autograder formgrader {there}; cd {there} && nbgrader release_assignment {names}")
    return 0


def _all_labs(labs: Path) -> list[Path]:
    found = [p.parent.resolve() for p in sorted(labs.glob("[!._]*/lab.py"))]
    if not found:
        raise AutograderError(f"no labs in {labs.resolve()}; say where they are: --labs DIR")
    return found


def _say(existed: bool, what: str) -> None:
    print(f"{'exists' if existed else 'made'}  {what}")


def _tell_differences(course: Course, settings: Settings) -> None:
    """Settings asked for that an existing configuration does not have: it is the instructor's, so it stays."""
    found = config(course)
    asked = [
        ("CourseDirectory.course_id", found.CourseDirectory.course_id, settings.course_id),
        ("CourseDirectory.db_url", found.CourseDirectory.db_url, settings.database),
        ("Exchange.root", found.Exchange.get("root", ""), str(settings.exchange or "")),
    ]
    for name, has, wanted in asked:
        if wanted and wanted not in (has, COURSE_ID):
            print(f"        c.{name} stays {has!r}; for {wanted!r} edit this file")
    if "nbgrader_plugin.Judge" not in str(found.Autograde.get("autograde_preprocessors", "")):
        print(
            "        `nbgrader autograde` would run students' code unprotected; add the lines on Autograde and Judge "
            "of a new course's file"
        )
    if "autograder.markdown" not in str(found.HTMLExporter.get("filters", "")):
        print(
            "        formgrader would show HTML in students' text as it is, with your rights; add the line on "
            "HTMLExporter of a new course's file"
        )


def _exchange(course: Course) -> None:
    """The exchange folder and the students' configuration."""
    settings = config(course)
    folder = Path(str(settings.Exchange.get("root", course.root / "exchange")))
    existed = folder.is_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not existed:
            folder.chmod(0o777)  # students put their work here; nbgrader makes each course's folders inside itself
    except OSError as error:
        raise AutograderError(
            f"the exchange {folder} cannot be made: {error.strerror}; --exchange DIR takes another"
        ) from error
    _say(existed, str(folder))
    theirs = course.root / "for_students" / CONFIG_FILE
    existed = theirs.exists()
    course_id = str(settings.CourseDirectory.course_id)
    if not existed:
        write(theirs, FOR_STUDENTS.format(course_id=course_id, exchange=str(folder)))
    _say(existed, str(theirs))
    said = theirs.read_text("utf-8", "replace")
    if missing := [repr(value) for value in (course_id, str(folder)) if value not in said]:
        print(f"        it does not say {' or '.join(missing)}, as {CONFIG_FILE} does: was the course moved? Edit it")


def read_roster(path: Path) -> tuple[Student, ...]:
    """The students of a CSV file with a header: id, and where known first name, last name and email.

    Comma, semicolon or tab; any order of columns. Raises AutograderError naming every bad line at once.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise AutograderError(f"{path} is not UTF-8 text; save it as CSV UTF-8") from error
    except OSError as error:
        raise AutograderError(f"the roster {path} cannot be read: {error.strerror}") from error
    header = lines[0] if lines else ""
    delimiter = max(",;\t", key=header.count)
    named = next(csv.reader([header], delimiter=delimiter), [])
    columns = _columns(named)
    if "id" not in columns:
        raise AutograderError(
            f"the roster {path} needs a first line that names its columns, one of them id; it is {header!r}"
        )
    if twice := [name for name in COLUMNS if columns.count(name) > 1]:
        raise faults_error(f"the roster {path}", [_named_twice(name, named, columns) for name in twice])
    rows, faults = _rows(lines[1:], delimiter)
    students = [_student(columns, row) for row in rows]
    faults += _roster_faults(columns, rows, students)
    if faults:
        raise faults_error(f"the roster {path}", faults)
    return tuple(student for student, row in zip(students, rows, strict=True) if any(row))


def _rows(lines: Sequence[str], delimiter: str) -> tuple[list[list[str]], list[str]]:
    """A row a line, and the faults of those that cannot be one: a quotation mark too many would eat whole students."""
    rows, faults = list[list[str]](), list[str]()
    for number, line in enumerate(lines, 2):
        try:
            rows.append(next(csv.reader([line], delimiter=delimiter, strict=True), []))
        except csv.Error:
            rows.append([])
            faults.append(f'line {number}: quotation marks (") that do not close on this line: {printable(line)[:100]}')
    return rows, faults


def _named_twice(ours: str, named: Sequence[str], columns: Sequence[str]) -> str:
    both = ", ".join(repr(name.strip()) for name, column in zip(named, columns, strict=True) if column == ours)
    return (
        f"line 1: more than one column is the {ours.replace('_', ' ')}: {both}; leave one, or name the others otherwise"
    )


def _columns(header: Sequence[str]) -> list[str]:
    """Our names of a header's columns, "" for those of no use here.

    >>> _columns(["Username", "First name", "Section", "E-mail"])
    ['id', 'first_name', '', 'email']
    """
    spelled = [re.sub(r"[^a-z]+", "_", name.strip().lower()).strip("_") for name in header]
    return [next((ours for ours, names in COLUMNS.items() if name in names), "") for name in spelled]


def _student(columns: Sequence[str], row: Sequence[str]) -> Student:
    named = {name: text.strip() for name, text in zip(columns, row, strict=False) if name}
    return Student(**{"id": "", **named})


def _roster_faults(columns: Sequence[str], rows: Sequence[Sequence[str]], students: Sequence[Student]) -> Iterator[str]:
    lines: dict[str, int] = {}
    for number, (row, student) in enumerate(zip(rows, students, strict=True), 2):
        if not any(row):
            continue
        if len(row) != len(columns):
            text = printable(str(row))[:100]
            yield f"line {number} has {len(row)} fields, the first line names {len(columns)}: {text}"
            continue
        yield from (f"line {number}: {fault}" for fault in _student_faults(student))
        if student.id in lines:
            yield f"line {number}: the id {student.id!r} stands on line {lines[student.id]} already"
        lines.setdefault(student.id, number)


def _student_faults(student: Student) -> Iterator[str]:
    if not student.id:
        yield "no id"
    elif NO_ID.search(student.id) or len(student.id) > 128:
        yield f"the id {student.id!r} cannot name a folder: no / \\ * ? [ ] +, no dot in front, at most 128 characters"
    if student.email and not re.fullmatch(r"[^@\s]+@[^@\s]+", student.email):
        yield f"{student.email!r} is no email address"


def enrol(course: Course, students: Sequence[Student]) -> str:
    """Enter students in the gradebook; nobody is taken out. Says how many are new."""
    with gradebook(course) as book:
        known = {student.id for student in book.students}
        for student in students:
            named = {k: v for k, v in vars(student).items() if v and k != "id"}
            _enrol(book, student.id, named)
        book.db.commit()
    new = sum(student.id not in known for student in students)
    others = len(known - {student.id for student in students})
    stay = f", {others} of them not in this roster: they stay" if others else ""
    return f"roster  {_count(len(students))}, {new} of them new; {len(known) + new} in the gradebook{stay}"


def _count(students: int) -> str:
    return "1 student" if students == 1 else f"{students} students"


def _enrol(book: Any, name: str, named: dict[str, str]) -> None:
    from nbgrader.api import Student as Row

    row = book.db.get(Row, name)
    if row is None:
        book.db.add(Row(id=name, **named))
        return
    for attribute, value in named.items():
        setattr(row, attribute, value)


def formgrader(course: Course, port: int, browser: bool) -> int:
    """JupyterLab on this machine with formgrader open on the course; returns when it is stopped.

    Raises AutograderError when another program has the port: at the printed address that one would answer.
    """
    _check_port(port)
    options = [
        f"--ServerApp.root_dir={course.root}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--LabApp.default_url=/lab?formgrader=true",
        "--ServerApp.jpserver_extensions=nbgrader.server_extensions.formgrader=True",
        f"--ServerApp.tornado_settings={{'headers': {{'Content-Security-Policy': {CLOSED!r}}}}}",
        *([] if browser else ["--no-browser"]),
        *(["--allow-root"] if hasattr(os, "getuid") and os.getuid() == 0 else []),
    ]
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    config(course)  # say now what is wrong with it, not in a log
    print(f"formgrader: http://localhost:{port}/lab?formgrader=true (Ctrl-C ends it)", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "jupyterlab", *options], cwd=course.root, env=os.environ | {"PATH": path}, check=False
    )
    return 1 if done.returncode else 0


def _check_port(port: int) -> None:
    if not 0 < port < 65536:
        raise AutograderError(f"there is no port {port}; --port takes a number from 1 to 65535")
    try:
        with socket.socket() as probe:
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        raise AutograderError(f"port {port} cannot be had ({error.strerror}); --port N takes another") from error
