"""The `autograder` command.

autograder init COURSE      make a course folder: configuration, exchange, roster, released labs
autograder formgrader COURSE  open JupyterLab with formgrader on it
autograder release LAB     make release/LAB/ for the students
autograder grade LAB       grade what is in submitted/*/LAB/
autograder feedback LAB    make a page for each student graded
autograder doctor          try the sandbox on this machine, and say what to install
autograder report LAB      make a page for the instructor: points, questions, mistakes, repairs
autograder export          write points for a spreadsheet, Canvas or Moodle
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from autograder.errors import AutograderError

ATTENTION, BAD_INPUT, INTERRUPTED = 1, 2, 130
INSTALL = "start it with the environment that `make start` made, or: pip install 'accelsim[course]'"
EXAMPLES = """\
LAB is the name of a folder in labs/, the beginning of one (01), or a path.
The course folder is nbgrader's own (source/ release/ submitted/ autograded/ feedback/ gradebook.db), so `nbgrader`
commands and formgrader work in it. Collected work is read from COURSE/submitted/<student>/<lab>/<lab>.ipynb.

exit status: 0 done; 1 done, but something needs your attention; 2 nothing done, the input is at fault
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parsed(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except AutograderError as error:
        print(f"autograder {options.command}: {error}", file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        print(f"autograder {options.command}: {error.name} is not installed here; {INSTALL}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # the reader of our output has gone, as in `autograder feedback LAB --text | head`
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return ATTENTION
    except OSError as error:
        do = "; see that you may read and write there" if isinstance(error, PermissionError) else ""
        print(f"autograder {options.command}: {error.strerror}: {error.filename}{do}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("\nautograder: interrupted; what was finished is kept, run the same command again", file=sys.stderr)
        return INTERRUPTED


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; labs may also stand behind an option, where argparse alone does not look for them."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and (not isinstance(getattr(options, "lab", None), list) or any(word.startswith("-") for word in rest)):
        parser.error(
            f"{options.command}: unrecognized arguments: {' '.join(rest)}; see autograder {options.command} -h"
        )
    if rest:
        options.lab += rest
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autograder",
        description="Release a lab, grade what students submitted, and tell them what happened.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    _init_command(commands)
    says = "attack every sandbox that this machine offers, and say which one holds and what to install"
    commands.add_parser("doctor", help=says, description=says[0].upper() + says[1:] + ".").set_defaults(run=_doctor)
    _command(
        commands, "release", "make release/LAB/: notebook without solutions, data, licences, public cases", _release
    )
    grade = _command(commands, "grade", "grade every submission of LAB into the gradebook", _grade)
    grade.add_argument("--student", action="append", metavar="NAME", help="only this student; may be given again")
    grade.add_argument("--unsandboxed", action="store_true", help="grade although no sandbox holds on this machine")
    grade.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="QUESTION",
        help="grade this question again, change no other grade",
    )
    grade.add_argument("--jobs", type=int, default=0, metavar="N", help="judges at work at a time (one per processor)")
    grade.add_argument("--dask", default="", metavar="ADDRESS", help="grade on a Dask cluster: its scheduler's address")
    grade.add_argument("--fresh", action="store_true", help="grade again also what has not changed since it was graded")
    grade.add_argument(
        "--no-wait", action="store_true", help="stop, rather than wait, while another command works on this course"
    )
    feedback = _command(commands, "feedback", "make feedback/STUDENT/LAB/LAB.html for every student graded", _feedback)
    feedback.add_argument("--student", action="append", metavar="NAME", help="only this student; may be given again")
    feedback.add_argument("--text", action="store_true", help="also print the feedback as plain text")
    feedback.add_argument("--book", default="", metavar="URL", help="link sections to the book published there")
    _command(commands, "report", "make reports/LAB.html: points, questions, misconceptions, time, repairs", _report)
    _export_command(commands)
    return parser


def _export_command(commands: argparse._SubParsersAction) -> None:
    says = "write points from the gradebook for a spreadsheet, Canvas or Moodle"
    export = commands.add_parser("export", help=says, description=says[0].upper() + says[1:] + ".")
    export.add_argument("lab", nargs="*", metavar="LAB", help="names of labs in the gradebook (all that are graded)")
    export.add_argument("--course", type=Path, default=Path("course"), metavar="DIR", help="course folder (./course)")
    export.add_argument("--format", choices=("csv", "canvas", "moodle"), default="csv", help="(csv)")
    export.add_argument("--template", type=Path, metavar="CSV", help="fill in a file that Canvas or Moodle exported")
    export.add_argument("--ids", type=Path, metavar="CSV", help="two columns: student, the platform's id")
    ids = ("idnumber", "email", "username")
    export.add_argument("--by", choices=ids, default="idnumber", help="what Moodle knows students by (idnumber)")
    export.add_argument("--to", type=Path, metavar="CSV", help="write here (COURSE/exports/FORMAT.csv)")
    export.set_defaults(run=_export)


def _init_command(commands: argparse._SubParsersAction) -> None:
    says = "make a course folder from the labs, or what is missing of it; nothing that exists is changed"
    init = commands.add_parser("init", help=says, description=says[0].upper() + says[1:] + ".")
    init.add_argument("course", type=Path, metavar="COURSE", help="the course folder")
    init.add_argument("lab", nargs="*", metavar="LAB", help="the labs to release (all)")
    init.add_argument("--labs", type=Path, default=Path("labs"), metavar="DIR", help="the folder of the labs (./labs)")
    init.add_argument("--roster", type=Path, metavar="CSV", help="students: id, first name, last name, email")
    init.add_argument(
        "--db", default="", metavar="URL", help="gradebook (SQLite in the course), as in postgresql://..."
    )
    init.add_argument("--exchange", type=Path, metavar="DIR", help="where students fetch and submit (COURSE/exchange)")
    init.add_argument("--id", default="", metavar="NAME", help="nbgrader's course_id (deep_learning_hardware)")
    init.set_defaults(run=_init)
    says = "open JupyterLab with formgrader on a course, for grading by hand"
    open_ = commands.add_parser("formgrader", help=says, description=says[0].upper() + says[1:] + ".")
    open_.add_argument("course", type=Path, nargs="?", default=Path("course"), metavar="COURSE", help="(./course)")
    open_.add_argument("--port", type=int, default=8888, metavar="N", help="port on this machine (8888)")
    open_.add_argument("--no-browser", action="store_true", help="open no browser")
    open_.set_defaults(run=_formgrader)


def _doctor(options: argparse.Namespace) -> int:
    from autograder.doctor import doctor

    return doctor()


def _command(commands: argparse._SubParsersAction, name: str, says: str, run: object) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".")
    parser.add_argument("lab", metavar="LAB", help="a folder in labs/, the beginning of its name, or a path")
    parser.add_argument("--course", type=Path, default=Path("course"), metavar="DIR", help="course folder (./course)")
    parser.set_defaults(run=run)
    return parser


def _init(options: argparse.Namespace) -> int:
    from autograder.course import COURSE_ID, Settings
    from autograder.init import init

    exchange = options.exchange.resolve() if options.exchange else None
    settings = Settings(options.id or COURSE_ID, options.db, exchange, options.labs)
    return init(options.course, settings, options.lab, options.roster)


def _formgrader(options: argparse.Namespace) -> int:
    from autograder.course import open_course
    from autograder.init import formgrader

    return formgrader(open_course(options.course), options.port, not options.no_browser)


def _release(options: argparse.Namespace) -> int:
    from autograder import lab
    from autograder.course import make_course
    from autograder.lock import locked
    from autograder.release import release

    found, course = lab.load(lab.find(options.lab)), make_course(options.course)
    with locked(course.root, f"autograder release {found.name}"):
        made = release(found, course)
    print(f"released to {made}")
    return 0


def _grade(options: argparse.Namespace) -> int:
    from autograder import lab
    from autograder.course import open_course
    from autograder.lock import FOREVER
    from autograder.run import How, grade

    how = How(options.jobs, options.dask, fresh=options.fresh, wait=0 if options.no_wait else FOREVER)
    course, found = open_course(options.course), lab.load(lab.find(options.lab))
    return grade(found, course, options.student, options.unsandboxed, only=options.only, how=how)


def _feedback(options: argparse.Namespace) -> int:
    from autograder import lab
    from autograder.course import open_course
    from autograder.feedback import feedback

    name = lab.find(options.lab).name
    return feedback(name, open_course(options.course), options.student, options.text, options.book)


def _report(options: argparse.Namespace) -> int:
    from autograder import lab
    from autograder.course import open_course
    from autograder.report import report

    return report(lab.find(options.lab).name, open_course(options.course))


def _export(options: argparse.Namespace) -> int:
    from autograder.course import open_course
    from autograder.export import export

    course, files = open_course(options.course), (options.to, options.template, options.ids)
    return export(course, options.lab, options.format, *files, options.by)


if __name__ == "__main__":
    sys.exit(main())
