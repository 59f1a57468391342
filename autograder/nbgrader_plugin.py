"""What `nbgrader autograde` and formgrader's button run in place of nbgrader's own way to execute and grade.

nbgrader walks the submissions and writes the files; judge, sandbox and recording are those of `autograder grade`, so
the grades are the same. A course's nbgrader_config.py names both classes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autograder.course import Course, ready_nbgrader

ready_nbgrader()

from nbconvert.exporters import NotebookExporter  # noqa: E402
from nbformat import NotebookNode, from_dict  # noqa: E402
from nbgrader.preprocessors import NbGraderPreprocessor  # noqa: E402
from traitlets import Bool, Unicode  # noqa: E402

from autograder.errors import AutograderError  # noqa: E402
from autograder.lab import find, load  # noqa: E402
from autograder.release import notebook_of  # noqa: E402
from autograder.submission import read_notebook  # noqa: E402


class Notebooks(NotebookExporter):
    """Reads a submission as the judge does: what cannot be read as a notebook is an empty one, graded as a fault."""

    def from_filename(self, filename: str, resources: Any = None, **options: Any) -> Any:
        """The notebook's text and resources, after the preprocessors."""
        return self.from_notebook_node(from_dict(_clean(Path(filename))), resources, **options)


def _clean(path: Path) -> dict[str, Any]:
    try:
        cells = read_notebook(path)
    except AutograderError:
        cells = ()
    return notebook_of([(cell.kind, cell.source) for cell in cells])


class Judge(NbGraderPreprocessor):
    """Grades one submission sandboxed, judged outside, and records it; the notebook comes back with its points."""

    labs = Unicode("labs", help="The folder that holds the labs, from the course folder or absolute.").tag(config=True)
    unsandboxed = Bool(False, help="Grade although no sandbox holds on this machine.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Grade what `resources` names."""
        from autograder.run import grade_student

        what = resources["nbgrader"]
        course = Course(Path(self._root()).resolve())
        lab = load(find(what["assignment"], course.root / self.labs))
        body = grade_student(lab, course, what["student"], self.unsandboxed, what["db_url"])
        self.log.info("Graded %s for %s", what["assignment"], what["student"])
        return from_dict(json.loads(body)), resources

    def _root(self) -> str:
        converter: Any = getattr(self.parent, "parent", None)  # the exporter's parent, where nbgrader runs this
        return str(converter.coursedir.root) if hasattr(converter, "coursedir") else "."
