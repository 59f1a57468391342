"""The course folder: nbgrader's own layout, configuration and gradebook."""

from __future__ import annotations

import logging
import os
import re
import shlex
import sqlite3
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError

_QUIET = logging.NullHandler()  # where nothing listens; a command that has set up logging still hears
CONFIG_FILE, COURSE_ID = "nbgrader_config.py", "deep_learning_hardware"
MARKS = (CONFIG_FILE, "gradebook.db", "submitted", "release")  # one of them is in every course folder

CONFIG = """\
# nbgrader's configuration of this course; `autograder` and the stock `nbgrader` commands both read it.
from pathlib import Path

c = get_config()  # noqa: F821
here = Path(__file__).resolve().parent

c.CourseDirectory.root = str(here)
c.CourseDirectory.course_id = {course_id!r}
{database}
# Where students fetch labs and hand them in: a folder that they and you can write.
c.Exchange.root = {exchange}

# Points for a late submission: 'none' takes nothing off, 'zero' takes all. For a policy of your own see nbgrader's
# documentation on late submission plugins. Due dates are set in formgrader.
c.LateSubmissionPlugin.penalty_method = "none"

c.ClearSolutions.code_stub = {{"python": "raise NotImplementedError  # your code here"}}
c.ClearSolutions.enforce_metadata = True

# `nbgrader autograde` goes through the sandbox and the judge, as `autograder grade` does.
c.Autograde.exporter_class = "autograder.nbgrader_plugin.Notebooks"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = ["autograder.nbgrader_plugin.Judge"]
c.Judge.labs = {labs!r}

# `nbgrader zip_collect` knows whose file is whose in what Moodle and Canvas give for download.
c.ZipCollectApp.collector_plugin = "autograder.downloads.Downloads"

# What students wrote as Markdown is shown by formgrader as text, and no HTML of theirs is run.
c.HTMLExporter.filters = {{"markdown2html": "autograder.markdown.as_html"}}
"""


@dataclass(frozen=True)
class Course:
    """Where things are: source/ release/ submitted/ autograded/ feedback/ and gradebook.db under `root`."""

    root: Path

    def at(self, step: str, student: str, lab: str) -> Path:
        """The folder of one step, one student ("." for source and release) and one lab."""
        return self.root / step / student / lab

    @property
    def database(self) -> str:
        """The gradebook as SQLAlchemy names it."""
        return f"sqlite:///{self.root / 'gradebook.db'}"


@dataclass(frozen=True)
class Settings:
    """What a new course's configuration says: a database URL ("": SQLite in the course), the exchange folder
    (None: in the course), the folder that holds the labs.
    """

    course_id: str = COURSE_ID
    database: str = ""
    exchange: Path | None = None
    labs: Path = Path("labs")

    def as_text(self) -> str:
        """The configuration file."""
        return CONFIG.format(
            course_id=self.course_id,
            database=f"c.CourseDirectory.db_url = {self.database!r}\n" if self.database else "",
            exchange=repr(str(self.exchange)) if self.exchange else 'str(here / "exchange")',
            labs=str(self.labs.resolve()),
        )


def make_course(root: Path, settings: Settings | None = None) -> Course:
    """The course in `root`, made if need be, with nbgrader's configuration if it has none."""
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    config = root / CONFIG_FILE
    if not config.exists():
        write(config, (settings or Settings()).as_text())
    return Course(root)


def open_course(root: Path) -> Course:
    """The course that is in `root`.

    Raises AutograderError when there is none.
    """
    makes = f"autograder init {shlex.quote(str(root))} --roster students.csv"
    if not root.is_dir():
        raise AutograderError(f"no course folder {root.resolve()}; this makes one: {makes}")
    if not any((root / name).exists() for name in MARKS):
        needed = f"neither {', '.join(MARKS[:-1])} nor {MARKS[-1]}"
        raise AutograderError(f"{root.resolve()} is no course folder: it has {needed}; this makes it one: {makes}")
    return Course(root.resolve())


def write(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a whole file or nothing: a half-written file is never seen under its name. `mode` is cut by the umask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _settle(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    """See that the names in a folder outlive a power cut; not every system can open a folder for that."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def ready_nbgrader() -> None:
    """Call before importing nbgrader or nbformat.

    Keeps `import nbformat` from building a grammar that nothing here uses (2 s), lets nbgrader find the `alembic`
    command of this environment, which it starts by name when it makes a gradebook, and keeps it from printing the
    traceback of what it then raises and `gradebook` explains.
    """
    logging.getLogger("tornado.application").addHandler(_QUIET)
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    scripts, path = sysconfig.get_path("scripts"), os.environ.get("PATH", "")
    if scripts not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([scripts, path])


def config(course: Course) -> Any:
    """nbgrader's configuration of this course: what nbgrader_config.py says, rooted here.

    Raises AutograderError when the file cannot be read as configuration.
    """
    ready_nbgrader()
    from traitlets.config import Config, PyFileConfigLoader

    defaults = Config(
        {"CourseDirectory": {"root": str(course.root), "db_url": course.database, "course_id": COURSE_ID}}
    )
    if (course.root / CONFIG_FILE).exists():
        try:
            defaults.merge(PyFileConfigLoader(CONFIG_FILE, path=str(course.root)).load_config())
        except Exception as error:  # the file is Python; whatever it raises is its fault
            raise AutograderError(f"{course.root / CONFIG_FILE}: {type(error).__name__}: {error}") from error
    _check_database(str(defaults.CourseDirectory.db_url))
    return defaults


def _check_database(url: str) -> None:
    """Look before nbgrader does, which would leave a connection open to a file that is no database."""
    path = Path(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///") or not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(16)
    if head and head != b"SQLite format 3\0":
        raise AutograderError(f"the gradebook {path} is not a database; put your copy of it back in its place")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("select count(*) from sqlite_master").fetchall()
    except sqlite3.DatabaseError as error:
        raise AutograderError(f"the gradebook {path}: {error}; {_advice(str(error))}") from None


@contextmanager
def gradebook(course: Course, url: str = "") -> Iterator[Any]:
    """nbgrader's gradebook of this course (or the one at `url`), for a `with` statement.

    Raises AutograderError when the database cannot be read or written.
    """
    settings = config(course).CourseDirectory
    from nbgrader.api import Gradebook, InvalidEntry
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with Gradebook(url or settings.db_url, settings.course_id) as book:
            yield book
    except (SQLAlchemyError, InvalidEntry) as error:  # nbgrader raises the second in place of some of the first
        said = error.__context__ if isinstance(error, InvalidEntry) else error
        why = getattr(said, "orig", None) or getattr(said, "args", [""])[0] or type(error).__name__
        raise AutograderError(f"the gradebook {_public(url or settings.db_url)}: {why}; {_advice(str(why))}") from error
    except ModuleNotFoundError as error:  # the driver that the URL names
        raise AutograderError(
            f"the gradebook {_public(url or settings.db_url)} needs the Python package {error.name}; install it here"
        ) from error


def _public(url: str) -> str:
    """A database URL without its password.

    >>> _public("postgresql+psycopg://ada:secret@host/grades")
    'postgresql+psycopg://ada:***@host/grades'
    """
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", url)


def _advice(why: str) -> str:
    """What to do about a gradebook that fails; only of one that is whole is it said that it keeps what it has."""
    if any(word in why for word in ("locked", "readonly", "is full", "connection", "connect")):
        return "what was graded before is kept; run the same command again once that is put right"
    if "unable to open" in why:
        return "see that you may read and write it and the folder it is in"
    return "it may be damaged: put your copy of it back in its place"
