"""What students do to a notebook by accident costs them nothing but what is really gone."""

from __future__ import annotations

import copy
import json
import os
import re
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autograder.errors import AutograderError
from autograder.feedback import _submission_secret
from autograder.jsontext import lean
from autograder.judge import Outcome, share, verdicts, wanted_answers
from autograder.lab import Answer, filled, hidden_cases
from autograder.release import notebook
from autograder.repair import _locked, handed_in, repair
from autograder.student import ask
from autograder.submission import MOST_TEXT, handed_in_at, read_file, read_notebook

PLACES = "def places(length, width, stride):\n    return (length - width) // stride + 1"
SLIDE = "def slide(line, window):\n    return np.correlate(line, window, 'valid')"
RIGHT = {"places_answer": PLACES, "slide_answer": SLIDE, "essay": "Because it is one column wide."}
STUBS = {
    name: RIGHT[name].splitlines()[0] + "\n    raise NotImplementedError" for name in ("places_answer", "slide_answer")
}


def plain(source, kind="code", **fields):
    return {"cell_type": kind, "metadata": {}, "source": source, "outputs": [], "execution_count": None, **fields}


@pytest.fixture(scope="module")
def release(tiny):
    """The released cells by grade_id."""
    cells = notebook(filled(tiny, Answer("", STUBS, {}, {})))["cells"]
    return {c["metadata"]["nbgrader"]["grade_id"]: c for c in cells if "nbgrader" in c["metadata"]}


@pytest.fixture(scope="module")
def right_work(tiny):
    return notebook(filled(tiny, Answer("", RIGHT, {}, {})))


@pytest.fixture
def work(right_work):
    """A whole right submission, to do things to."""
    return copy.deepcopy(right_work)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ada" / "tiny").mkdir(parents=True)
    return tmp_path / "ada" / "tiny"


@pytest.fixture
def fixed(folder, release):
    """Hand a notebook in, put it right, read it."""

    def fix(body, name="tiny.ipynb"):
        (folder / name).write_text(json.dumps(body))
        return handed_in(folder, "tiny", release)

    return fix


@pytest.fixture
def earned(tiny):
    """The share of each item that cells earn when they run here, asked where the checks stand and at the end."""

    def shares(cells):
        return _shares(tiny, cells)

    return shares


def _shares(lab, cells):
    made: dict = {}
    names: dict = {"__name__": "__main__"}
    found = {item.name: 0.0 for item in lab.items}

    def run(source):
        source = source.replace("from autograder import check, predict", "")
        source = source.replace("from autograder import predict", "")
        try:
            exec(compile(source, "<cell>", "exec"), names)
        except Exception:
            return

    names.update(check=lambda name: None, predict=lambda name, value: value and made.setdefault(name, value))
    guarded = {"check": names.pop("check"), "predict": names.pop("predict")}
    for cell in cells:
        if cell.kind == "code":
            names.update(guarded if "import check, predict" in cell.source or "import predict" in cell.source else {})
            run(cell.source)
        for item in lab.items:
            if cell.kind == "code" and cell.check == item.name:
                found[item.name] = max(found[item.name], _share(item.question, names))
    best = {item.name: max(found[item.name], _share(item.question, names)) for item in lab.items}
    return {i.name: round(max(0, best[i.name] - 0.2 * _unpredicted(i, made)), 6) for i in lab.items}


def _unpredicted(item, made):
    return bool(item.question.prediction) and made.get(item.name) is None


def _share(question, names):
    cases = (*question.public, *hidden_cases(question, 1)[0])
    function, wanted, n = names.get(question.function), wanted_answers(question, cases), len(question.public)
    missing = Outcome(fault="missing")
    outcomes = [ask(function, c.args, "f") if callable(function) else missing for c in cases]
    seen = verdicts(cases[:n], wanted[:n], outcomes[:n])
    return share(seen + verdicts(cases[n:], wanted[n:], outcomes[n:], public=False), True)


FULL = {"places": 1, "slide": 1}


def at(body, name):
    return next(n for n, c in enumerate(body["cells"]) if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


def kinds(handed):
    return [repair.kind for repair in handed.repairs]


def said(handed):
    return " ".join(str(repair) for repair in handed.repairs)


def stripped(body):
    for cell in body["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    return body | {"nbformat_minor": 4}


def test_a_notebook_without_accident_is_left_alone(work, fixed, earned):
    handed = fixed(work)
    assert (FULL, ()) == (earned(handed.cells), handed.repairs)
    assert [c["source"] if isinstance(c["source"], str) else "".join(c["source"]) for c in work["cells"]] == [
        cell.source for cell in handed.cells
    ]


# --------------------------------------------------------------------------------------------- one at a time


def test_stripped_marks_are_found_again(work, fixed, earned, release):
    handed = fixed(stripped(work))
    assert set(release) == {cell.grade_id for cell in handed.cells if cell.grade_id}
    assert (FULL, ["unmarked"]) == (earned(handed.cells), kinds(handed))
    assert "7 cells had lost the marks that tell which is which (title, setup," in said(handed)


def test_an_essay_rewritten_from_scratch_is_found_by_its_place(work, fixed):
    handed = fixed(stripped(work))
    assert "Because it is one column wide." == next(c.source for c in handed.cells if c.grade_id == "essay")
    assert handed.repairs[0].look


@pytest.mark.parametrize("name", ["setup", "places", "title"])
def test_a_copy_of_a_locked_cell_costs_nothing_and_is_the_students_own(work, fixed, earned, name):
    work["cells"].append(copy.deepcopy(work["cells"][at(work, name)]))
    work["cells"][-1]["source"] = "import math"
    handed = fixed(work)
    assert (FULL, ["duplicated"]) == (earned(handed.cells), kinds(handed))
    assert ("", "import math") == (handed.cells[-1].grade_id, handed.cells[-1].source)
    assert not handed.repairs[0].look


def two(work, second, first=None, **fields):
    """The places answer twice: as `first`, and directly after it as `second`."""
    place = at(work, "places_answer")
    work["cells"].insert(place + 1, copy.deepcopy(work["cells"][place]))
    work["cells"][place + 1] |= {"source": second, **fields}
    if first is not None:
        work["cells"][place]["source"] = first
    return work


def test_of_an_answer_and_its_blank_copy_the_work_counts(work, fixed, earned):
    handed = fixed(two(work, STUBS["places_answer"]))
    assert FULL == earned(handed.cells)
    assert "The cell places_answer is in the notebook twice: number 1, the one with work in it, counts." == said(handed)


def test_a_blank_original_and_a_copy_with_work(work, fixed, earned):
    handed = fixed(two(work, PLACES, STUBS["places_answer"]))
    assert FULL == earned(handed.cells)
    assert "number 2, the one with work in it, counts" in said(handed)


WRONG = "def places(length, width, stride):\n    return 7"


@pytest.mark.parametrize(
    ("first", "second", "counts", "places"),
    [
        ({"execution_count": 9}, {"execution_count": 4}, "number 1, the one that was run last", 1),
        ({"execution_count": 4}, {"execution_count": 9}, "number 2, the one that was run last", 0),
        ({}, {}, "number 2, the last one", 0),
        (
            {"metadata": {"execution": {"iopub.execute_input": "2026-03-02T10:00:00Z"}}, "execution_count": 1},
            {"metadata": {"execution": {"iopub.execute_input": "2026-03-01T10:00:00Z"}}, "execution_count": 8},
            "number 1, the one that was run last",
            1,
        ),
        (
            {"metadata": {"executionInfo": {"timestamp": 1000}}},
            {"metadata": {"executionInfo": {"timestamp": 2000}}},
            "number 2, the one that was run last",
            0,
        ),
    ],
    ids=["count first", "count second", "neither", "JupyterLab's time", "Colab's time"],
)
def test_of_two_with_work_the_one_run_last_counts_and_only_that_one(work, fixed, earned, first, second, counts, places):
    body = two(work, WRONG)
    for place, fields in enumerate((first, second), at(body, "places_answer")):
        marks = body["cells"][place]["metadata"]
        body["cells"][place] |= fields | {"metadata": {**marks, **fields.get("metadata", {})}}
    handed = fixed(body)
    assert {"places": places, "slide": 1} == earned(handed.cells)
    assert counts in said(handed)
    assert handed.repairs[0].look


def test_a_pasted_cell_that_only_shares_the_mark_is_the_students_own(work, fixed, earned):
    handed = fixed(two(work, "def helper():\n    return 1"))
    assert FULL == earned(handed.cells)
    assert "def helper():\n    return 1" in [c.source for c in handed.cells if c.kind == "code" and not c.grade_id]
    assert "the one that defines the function counts" in said(handed)


def test_a_copy_that_also_holds_a_helper_runs_before_the_one_that_counts(work, fixed, earned):
    first = f"def one():\n    return 1\n\n{WRONG}"
    handed = fixed(two(work, PLACES.replace("+ 1", "+ one()"), first))
    assert FULL == earned(handed.cells)


def test_many_copies_are_no_more_tries_than_one(work, fixed, earned):
    place = at(work, "places_answer")
    for n in range(20):
        copied = copy.deepcopy(work["cells"][place])
        copied["source"] = WRONG.replace("7", str(n))
        work["cells"] += [copied, copy.deepcopy(work["cells"][at(work, "places")])]
    handed = fixed(work)
    assert {"places": 0, "slide": 1} == earned(handed.cells)
    assert 1 == sum("places(" in c.source and c.kind == "code" and "def" in c.source for c in handed.cells)


@pytest.mark.parametrize("name", ["setup", "places", "slide", "title"])
def test_a_deleted_locked_cell_is_put_back(work, fixed, earned, name):
    del work["cells"][at(work, name)]
    handed = fixed(work)
    assert (FULL, ["deleted"]) == (earned(handed.cells), kinds(handed))
    assert not handed.repairs[0].look


def test_a_deleted_answer_costs_its_own_question_only(work, fixed, earned):
    del work["cells"][at(work, "places_answer")]
    handed = fixed(work)
    assert {"places": 0, "slide": 1} == earned(handed.cells)
    assert "The answer cell places_answer is gone; it was put back as released, without an answer." == said(handed)
    assert "raise NotImplementedError" in next(c.source for c in handed.cells if c.grade_id == "places_answer")


@pytest.mark.parametrize("stub", [True, False], ids=["stub left", "cell deleted"])
@pytest.mark.parametrize("above", [True, False], ids=["above", "below"])
def test_a_function_written_in_another_cell_counts(work, fixed, earned, stub, above):
    place = at(work, "places_answer")
    work["cells"][place]["source"] = STUBS["places_answer"]
    if not stub:
        del work["cells"][place]
    work["cells"].insert(place if above else len(work["cells"]), plain(PLACES))
    assert FULL == earned(fixed(work).cells)


def test_a_setup_cell_that_moved_down_runs_where_it_is_needed(work, fixed, earned):
    work["cells"].append(work["cells"].pop(at(work, "setup")))
    handed = fixed(work)
    assert (FULL, ["moved"]) == (earned(handed.cells), kinds(handed))


def test_a_check_that_moved_up_costs_nothing(work, fixed, earned):
    work["cells"].insert(1, work["cells"].pop(at(work, "slide")))
    assert FULL == earned(fixed(work).cells)


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize("name", ["places_answer", "setup", "places"])
def test_a_code_cell_that_became_text_runs(work, fixed, earned, name, kind):
    work["cells"][at(work, name)]["cell_type"] = kind
    handed = fixed(work)
    assert (FULL, ["retyped"]) == (earned(handed.cells), kinds(handed))


def test_an_essay_that_became_code_is_text_again(work, fixed):
    work["cells"][at(work, "essay")]["cell_type"] = "code"
    assert "markdown" == next(c.kind for c in fixed(work).cells if c.grade_id == "essay")


def test_an_answer_merged_into_a_locked_cell_is_not_lost(work, fixed, earned):
    answer = work["cells"].pop(at(work, "places_answer"))
    work["cells"][at(work, "setup")]["source"] += ["\n", *answer["source"]]
    handed = fixed(work)
    assert FULL == earned(handed.cells)
    assert "The locked cell setup was changed; it was run as released, and what was added to it after that." in said(
        handed
    )


def test_an_answer_merged_with_its_check_counts(work, fixed, earned):
    work["cells"][at(work, "places_answer")]["source"] += "\n\ncheck('places')"
    del work["cells"][at(work, "places")]
    assert FULL == earned(fixed(work).cells)


def test_an_answer_split_in_two_counts(work, fixed, earned):
    handed = fixed(two(work, "# the end of it"))
    assert FULL == earned(handed.cells)


def test_a_syntax_error_costs_its_own_question_only(work, fixed, earned):
    work["cells"][at(work, "places_answer")]["source"] = "def places(length:\n    return"
    assert {"places": 0, "slide": 1} == earned(fixed(work).cells)


# ------------------------------------------------------------------------------------------------ predictions


@pytest.mark.parametrize("left", ["gone", "None again", "commented out", "as text"])
def test_a_prediction_that_was_locked_counts(work, fixed, earned, folder, left):
    place = next(
        n for n, c in enumerate(work["cells"]) if "predict(" in str(c["source"]) and "import" not in str(c["source"])
    )
    changes = {
        "gone": {"source": "1"},
        "None again": {"source": 'predict("places", None)'},
        "commented out": {"source": '# predict("places", 3)'},
        "as text": {"source": 'predict("places", 3)  # my guess', "cell_type": "markdown"},
    }
    work["cells"][place] |= changes[left]
    if left == "as text":
        assert FULL == earned(fixed(work).cells)
        return
    assert {"places": 0.8, "slide": 1} == earned(fixed(work).cells)
    (folder / "predictions.json").write_text('{"places": 3.5, "nothing": 1, "slide(); import os": 2}')
    handed = fixed(work)
    assert FULL == earned(handed.cells)
    assert "taken from predictions.json: places (3.5)." in said(handed)


@pytest.mark.parametrize("text", ["", "[1]", '{"places": "3"}', '{"places": 1e999}', "{" * 100_000])
def test_odd_predictions_are_none(work, fixed, folder, text):
    (folder / "predictions.json").write_text(text)
    assert () == fixed(work).repairs


@pytest.mark.parametrize("name", ["predictions.json", "timestamp.txt", "submission_secret.txt"])
@pytest.mark.parametrize("kind", ["a pipe", "a link", "8 TB of nothing", "a folder"])
def test_what_lies_where_a_note_should_is_not_read_when_it_is_no_note(folder, name, kind):
    """Reading a pipe waits for ever, and there is no memory for a file that says it has terabytes."""
    place = folder / name
    if kind == "a pipe":
        os.mkfifo(place)
    elif kind == "a link":
        (folder / "theirs").write_text('{"places": 1}' if "json" in name else "2026")
        place.symlink_to(folder / "theirs")
    elif kind == "a folder":
        place.mkdir()
    else:
        place.touch()
        os.truncate(place, 1 << 40)
    read = {"predictions.json": _locked, "timestamp.txt": lambda _: handed_in_at(folder)}
    assert not read.get(name, lambda _: _submission_secret(place))(folder)


# ---------------------------------------------------------------------------------------- files and formats


def test_output_is_skipped_wherever_it_stands(work, fixed, earned):
    for cell in work["cells"]:
        cell["outputs"] = [
            {"output_type": "stream", "text": ['"outputs": [ \\ }', "{"]},
            {"data": {"image/png": "A" * 999}},
        ]
        cell["attachments"] = {"a.png": {"image/png": "BBBB"}}
    handed = fixed(work)
    assert (FULL, ()) == (earned(handed.cells), handed.repairs)


values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab"\\[]{}:, \n', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "outputs", '"outputs"']), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(values, st.sampled_from([None, 1]))
def test_what_is_skipped_is_exactly_the_outputs(value, indent):
    def without(part):
        if isinstance(part, dict):
            return {
                k: type(v)() if k == "outputs" and isinstance(v, list | dict) else without(v) for k, v in part.items()
            }
        return [without(p) for p in part] if isinstance(part, list) else part

    assert without(value) == json.loads(lean(json.dumps(value, indent=indent).encode()))


@pytest.mark.slow
def test_300_mb_of_output_cost_no_memory(work, fixed, earned, folder):
    import subprocess
    import sys

    path = folder / "tiny.ipynb"
    head, tail = json.dumps(work).split('"outputs": []', 1)
    with path.open("w") as file:
        file.write(f'{head}"outputs": [{{"output_type": "stream", "name": "stdout", "text": "')
        for _ in range(300):
            file.write('line of \\"text\\"\\n' * (1_000_000 // 18))
        file.write(f'"}}]{tail}')
    code = (
        "import sys, pathlib; from autograder.submission import read_file\n"
        "made = read_file(pathlib.Path(sys.argv[1]))\n"
        "print(next(l for l in open('/proc/self/status') if 'RssAnon' in l).split()[1], made.read[0][1])"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    anonymous, said = done.stdout.split(" ", 1)
    assert int(anonymous) < 100_000, "kB"
    assert re.match(r"The notebook carried 2\d\d MiB of outputs; they were left out", said)


def test_more_than_a_notebook_ever_holds_is_named(folder):
    (folder / "tiny.ipynb").write_text(json.dumps({"cells": [plain("x" * (MOST_TEXT + 1))]}))
    with pytest.raises(AutograderError, match=r"has 32 MiB beside its outputs"):
        read_notebook(folder / "tiny.ipynb")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_any_editors_text_is_read(work, folder, release, earned, encoding):
    work["cells"].append(plain("# für später"))
    text = json.dumps(work, ensure_ascii=False).replace("\n", "\r\n")
    (folder / "tiny.ipynb").write_bytes(text.encode(encoding))
    handed = handed_in(folder, "tiny", release)
    assert FULL == earned(handed.cells)
    assert "# für später" == handed.cells[-1].source
    assert ([] if encoding == "utf-8-sig" else ["encoding"]) == kinds(handed)


def test_line_ends_of_windows_change_nothing(work, fixed, earned):
    for cell in work["cells"]:
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        cell["source"] = source.replace("\n", "\r\n")
    handed = fixed(work)
    assert (FULL, ()) == (earned(handed.cells), handed.repairs)


def test_an_old_format_is_read(work, fixed, earned):
    cells = [
        {**c, "input": c["source"], "language": "python"} if c["cell_type"] == "code" else c for c in work["cells"]
    ]
    for cell in cells:
        cell.pop("source") if cell["cell_type"] == "code" else None
    cells.insert(0, {"cell_type": "heading", "level": 1, "source": "A title", "metadata": {}})
    handed = fixed(
        {"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells, "metadata": {}}]}
    )
    assert (FULL, ["format"]) == (earned(handed.cells), kinds(handed))


@pytest.mark.parametrize("minor", range(6))
def test_every_minor_format_is_read(work, fixed, earned, minor):
    if minor < 5:
        for cell in work["cells"]:
            cell.pop("id")
    assert FULL == earned(fixed(work | {"nbformat_minor": minor}).cells)


@pytest.mark.parametrize(
    ("metadata", "noted"),
    [
        ({"kernelspec": {"name": "ir", "language": "R"}}, True),
        ({"language_info": {"name": "julia"}}, True),
        ({"kernelspec": {"name": "my-env", "display_name": "conda", "language": "python"}}, False),
        ({"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}, False),
        ({"deepnote": {}, "deepnote_execution_queue": []}, False),
        ({"kernelspec": None, "language_info": 3}, False),
        (None, False),
    ],
)
def test_the_kernel_it_names_does_not_matter(work, fixed, earned, metadata, noted):
    handed = fixed(work | {"metadata": metadata})
    assert (FULL, ["kernel"] * noted) == (earned(handed.cells), kinds(handed))


@pytest.mark.parametrize(
    "extra",
    [
        {"vscode": {"languageId": "python"}},
        {"id": "Abc123", "colab": {"base_uri": "x"}, "executionInfo": {"timestamp": 1, "user": {}}},
        {"cell_id": "0001", "deepnote_cell_type": "code", "execution_start": 1700000000000, "source_hash": None},
        {"tags": ["skip-execution"], "scrolled": True, "trusted": True},
    ],
    ids=["VS Code", "Colab", "Deepnote", "tags"],
)
@pytest.mark.parametrize("marks", [True, False], ids=["marks kept", "marks lost"])
def test_what_other_editors_add_does_not_matter(work, fixed, earned, extra, marks):
    for cell in work["cells"]:
        cell["metadata"] = {**(cell["metadata"] if marks else {}), **extra}
        cell.pop("id")
    assert FULL == earned(fixed(work).cells)


@pytest.mark.parametrize(
    "name",
    ["tiny (1).ipynb", "tiny-Copy1.ipynb", "Ada's lab.IPYNB", "tiny.ipynb.txt", "tiny/tiny.ipynb", "a/b/tiny.ipynb"],
)
def test_a_renamed_notebook_is_found(work, fixed, earned, folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    handed = fixed(work, name)
    assert (FULL, ["renamed"]) == (earned(handed.cells), kinds(handed))
    assert repr(name) in said(handed).replace('"', "'").replace("Ada's", "Ada's") or "Ada's lab" in said(handed)


def test_work_beside_an_untouched_notebook_is_found(work, fixed, earned, folder, release):
    (folder / "tiny-Copy1.ipynb").write_text(json.dumps(work))
    handed = fixed({"cells": list(release.values()), "nbformat": 4})
    assert (FULL, True) == (earned(handed.cells), handed.repairs[0].look)
    assert "tiny.ipynb holds no work; 'tiny-Copy1.ipynb' in the same folder does, and was graded." in said(handed)


def test_the_right_name_counts_when_it_holds_work(work, fixed, earned, folder):
    (folder / "tiny-Copy1.ipynb").write_text(json.dumps(two(copy.deepcopy(work), WRONG, WRONG)))
    handed = fixed(work)
    assert (FULL, ()) == (earned(handed.cells), handed.repairs)


def test_of_several_the_one_with_most_work_counts_and_the_others_are_named(work, fixed, earned, folder):
    half = copy.deepcopy(work)
    half["cells"][at(half, "places_answer")]["source"] = STUBS["places_answer"]
    (folder / "a.ipynb").write_text(json.dumps(half))
    (folder / "notes.ipynb").write_text(json.dumps({"cells": [plain("1 + 1")], "nbformat": 4}))
    handed = fixed(work, "b.ipynb")
    assert (FULL, True) == (earned(handed.cells), handed.repairs[0].look)
    assert "Left aside: 'a.ipynb', 'notes.ipynb'." in said(handed)


@pytest.mark.parametrize("inside", ["tiny.ipynb", "tiny/tiny.ipynb"])
@pytest.mark.parametrize("name", ["tiny.zip", "tiny.ipynb"])
def test_a_zipped_notebook_is_taken_out(work, folder, release, earned, name, inside):
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inside, json.dumps(work))
        archive.writestr("__MACOSX/._tiny.ipynb", "x")
    handed = handed_in(folder, "tiny", release)
    assert FULL == earned(handed.cells)
    assert "archive" in kinds(handed)


def faults(folder, release, **files):
    for name, body in files.items():
        (folder / name.replace("_", ".")).write_bytes(body)
    with pytest.raises(AutograderError) as caught:
        handed_in(folder, "tiny", release)
    return str(caught.value)


def test_a_zip_bomb_is_not_unpacked(folder, release):
    with (
        zipfile.ZipFile(folder / "tiny.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("t.ipynb", "w") as file,
    ):
        for _ in range(80):
            file.write(b" " * (1 << 20))
    assert "more than 64 MiB" in faults(folder, release)


CONFLICT = b'{\n "cells": [\n<<<<<<< HEAD\n  1\n=======\n  2\n>>>>>>> theirs\n ]\n}'


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (CONFLICT, r"merge-conflict markers \(<<<<<<< in line 3\).*git checkout --ours"),
        (b"<!DOCTYPE html><html>", r"web page.*download the notebook itself"),
        (b"%PDF-1.7 \xff", "it is a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"PK\x03\x04 and nothing else", "zip archive that cannot be opened"),
        (b'{"cells": [{"cell_type": "code", "outputs": [{"text": "a', "is cut short"),
        (b"import numpy as np", "is not JSON"),
        (b'{"cells": [], "nbformat": 4}', "holds no cell of this lab"),
        (json.dumps({"cells": [plain("def other(): pass")], "nbformat": 4}).encode(), "holds no cell of this lab"),
    ],
    ids=["conflict", "web page", "PDF", "LFS", "zip", "cut short", "Python", "empty", "another lab"],
)
def test_what_cannot_be_read_says_what_it_is_and_what_to_do(folder, release, body, says):
    assert re.search(says, faults(folder, release, tiny_ipynb=body), re.DOTALL)


def test_an_export_is_named(folder, release):
    assert "the folder holds 'tiny.html' and no notebook" in faults(folder, release, tiny_html=b"<html>")


def test_an_unreadable_notebook_gives_way_to_one_that_holds_work(work, folder, release, earned):
    (folder / "tiny.ipynb").write_text("")
    (folder / "tiny-Copy1.ipynb").write_text(json.dumps(work))
    assert FULL == earned(handed_in(folder, "tiny", release).cells)


def test_a_link_is_never_followed(work, folder, release, tmp_path):
    (tmp_path / "secret.ipynb").write_text(json.dumps(work))
    (folder / "tiny.ipynb").symlink_to(tmp_path / "secret.ipynb")
    assert "is a link" in faults(folder, release)
    (folder / "tiny.ipynb").unlink()
    (folder / "inner").symlink_to(tmp_path)
    assert "holds no notebook" in faults(folder, release)


# ---------------------------------------------------------------------------------------- many at a time

SOURCES = {name: RIGHT[name] for name in ("places_answer", "slide_answer")}


@st.composite
def accidents(draw):
    """One to five things that happen to notebooks, each as (name, number, number)."""
    kinds = st.sampled_from(["strip", "strip all", "no id", "copy", "blank copy", "delete", "move", "retype", "edit"])
    return draw(st.lists(st.tuples(kinds, st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=5))


def happen(body, accident, first, second):
    cells = body["cells"]
    n = first % len(cells)
    cell = cells[n]
    marked = cell["metadata"].get("nbgrader", {})
    if accident == "strip":
        cell["metadata"] = {}
    elif accident == "strip all":
        stripped(body)
    elif accident == "no id":
        cell.pop("id", None)
    elif accident == "copy":
        cells.insert(second % (len(cells) + 1), copy.deepcopy(cell))
    elif accident == "blank copy":
        name = ("places_answer", "slide_answer")[second % 2]
        cells.insert(n, plain(STUBS[name], metadata={"nbgrader": {"grade_id": name}}))
    elif accident == "delete" and len(cells) > 2:
        del cells[n]
    elif accident == "move":
        cells.insert(second % len(cells), cells.pop(n))
    elif accident == "retype" and marked:
        cell["cell_type"] = ("code", "markdown", "raw")[second % 3]
    elif accident == "edit" and marked.get("locked"):
        cell["source"] = "".join(cell["source"]) + "\n# mine"


@example([("retype", 54, 1), ("strip all", 0, 0), ("blank copy", 0, 0)])
@given(accidents())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_accidents_only_what_is_gone_is_lost(tiny, release, right_work, accidents):
    body = copy.deepcopy(right_work)
    for accident in accidents:
        happen(body, *accident)
    sources = ["".join(c["source"]) for c in body["cells"]]
    guess = any(
        'predict("places", 1)' in s and c["cell_type"] == "code" for s, c in zip(sources, body["cells"], strict=True)
    )
    from autograder.submission import _notebook

    cells, repairs = repair(_notebook(body, "tiny.ipynb").cells, release)
    found = _shares(tiny, cells)
    for item in tiny.items:
        gone = SOURCES[f"{item.name}_answer"] not in sources
        assert (0 if gone else 1 if guess or item.name == "slide" else 0.8) <= found[item.name] + 1e-9, (
            item.name,
            repairs,
        )
        blank = STUBS[f"{item.name}_answer"] in sources
        assert not gone or blank or any(item.name in r.says for r in repairs)
    marked = [c.grade_id for c in cells if c.grade_id in release]
    assert sorted(release) == sorted(marked), "each released cell once"
    assert all(release[c.grade_id]["cell_type"] == c.kind for c in cells if c.grade_id in release)


def test_the_numbers_of_numpy_are_numbers(work, fixed, earned):
    work["cells"][at(work, "places_answer")]["source"] = PLACES.replace("return (", "return np.int64(length * 0) + (")
    assert FULL == earned(fixed(work).cells)
    assert isinstance(np.int64(1), np.generic)


def test_a_file_that_is_read_keeps_nothing_but_cells(work, folder):
    (folder / "tiny.ipynb").write_text(json.dumps({"type": "notebook", "content": work}))
    assert len(work["cells"]) == len(read_file(folder / "tiny.ipynb").cells)
