"""Attacks by what is handed in: the notebook's metadata, its JSON, its outputs, and the files beside it.

Each function gets the submission's folder, the notebook as a dict and the baits, writes what it hands in, and says in
its docstring what it tries; one that goes on meanwhile returns its thread. Every function of every notebook answers
wrongly: nothing here deserves a point.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import socket
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Bait = dict[str, Any]
Body = dict[str, Any]


def _write(folder: Path, text: str | bytes) -> None:
    (folder / "tiny.ipynb").write_bytes(text.encode() if isinstance(text, str) else text)


def _save(folder: Path, body: Body) -> None:
    _write(folder, json.dumps(body))


def _graded(body: Body) -> list[Body]:
    return [cell for cell in body["cells"] if cell["metadata"].get("nbgrader", {}).get("grade")]


def skip_execution(folder: Path, body: Body, bait: Bait) -> None:
    """Tags the graded cells so that they are not run, and so raise nothing."""
    for cell in body["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "remove-cell"]
    _save(folder, body)


def more_points(folder: Path, body: Body, bait: Bait) -> None:
    """Gives its graded cells a thousand points each."""
    for cell in _graded(body):
        cell["metadata"]["nbgrader"] |= {"points": 1000, "grade": True, "locked": False, "checksum": "0" * 32}
    _save(folder, body)


def deleted_checks(folder: Path, body: Body, bait: Bait) -> None:
    """Leaves the graded cells out."""
    body["cells"] = [c for c in body["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]
    _save(folder, body)


def rewritten_checks(folder: Path, body: Body, bait: Bait) -> None:
    """Replaces graded cells by a number, which stock nbgrader takes for partial credit."""
    for cell in _graded(body):
        cell["source"] = "1000.0"
    _save(folder, body)


def swapped_ids(folder: Path, body: Body, bait: Bait) -> None:
    """Gives the ids of graded cells to cells of its own, and its own to the graded ones."""
    for cell in _graded(body):
        cell["metadata"]["nbgrader"]["grade_id"] = "mine"
    for name in ("places", "slide"):
        marks = {"grade_id": name, "grade": True, "solution": False, "locked": True, "points": 3, "schema_version": 3}
        body["cells"].append({"cell_type": "code", "id": name, "metadata": {"nbgrader": marks}, "source": "3.0"})
    _save(folder, body)


def duplicated_cells(folder: Path, body: Body, bait: Bait) -> None:
    """Hands each graded cell in a thousand times."""
    body["cells"] += [dict(cell) for cell in _graded(body) for _ in range(300)]
    _save(folder, body)


def odd_ids(folder: Path, body: Body, bait: Bait) -> None:
    """Uses paths, markup and text of a million characters as cell ids."""
    for at, cell in enumerate(body["cells"]):
        cell["id"] = ["../../../../etc/passwd", "<script>", "x" * 1_000_000, "", 5, None, [], "a\0b"][at % 8]
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["extra"] = "../../gradebook.db"
    _save(folder, body)


def metadata_of_wrong_types(folder: Path, body: Body, bait: Bait) -> None:
    """Puts lists, numbers and text where objects belong."""
    odd = [[], 5, "x", None, {"nbgrader": []}, {"nbgrader": {"grade_id": {}, "points": "many"}}]
    for at, cell in enumerate(body["cells"]):
        cell["metadata"] = odd[at % len(odd)]
    body["metadata"] = [1, 2]
    _save(folder, body)


def other_kernel(folder: Path, body: Body, bait: Bait) -> None:
    """Asks for a kernel that is a command of its own."""
    spec = {"name": "../../../tmp/evil", "language": "bash", "argv": ["touch", f"{bait['folder']}/owned"]}
    body["metadata"] = {"kernelspec": spec, "language_info": {"name": "bash"}}
    _save(folder, body)


def old_format(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in nbformat 3, in which cells lie elsewhere."""
    _save(folder, {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": body["cells"]}]})


def future_format(folder: Path, body: Body, bait: Bait) -> None:
    """Claims a format that does not exist yet."""
    _save(folder, body | {"nbformat": 99, "nbformat_minor": -1})


def deep_json(folder: Path, body: Body, bait: Bait) -> None:
    """Nests metadata a hundred thousand deep."""
    _write(folder, '{"cells": [], "metadata": ' + "[" * 100_000 + "]" * 100_000 + "}")


def long_numbers(folder: Path, body: Body, bait: Bait) -> None:
    """Puts a number of a million digits, NaN and infinity into the notebook."""
    text = json.dumps(body)[:-1]
    _write(folder, text + ', "x": ' + "9" * 1_000_000 + ', "y": NaN, "z": -Infinity, "w": 1e999999}')


def double_keys(folder: Path, body: Body, bait: Bait) -> None:
    """Gives the list of cells twice, harmless first."""
    _write(folder, '{"cells": [], ' + json.dumps(body)[1:-1] + ', "cells": []}')


def a_hundred_thousand_cells(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in a hundred thousand cells."""
    body["cells"] += [{"cell_type": "code", "id": "x", "metadata": {}, "source": "1"}] * 100_000
    _save(folder, body)


def faked_outputs(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in outputs that say all is right, with script in them."""
    fake = {"output_type": "execute_result", "execution_count": 1, "metadata": {}}
    for cell in body["cells"]:
        if cell["cell_type"] == "code":
            data = {"text/html": "<script>alert(1)</script>", "text/plain": "3.0"}
            cell["outputs"] = [{**fake, "data": data}]
    _save(folder, body)


def outputs_of_30_megabytes(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in 30 MB of outputs."""
    body["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 30_000_000}]
    _save(folder, body)


def picture_bomb_attached(folder: Path, body: Body, bait: Bait) -> None:
    """Attaches a picture that unpacks to gigabytes to a text cell, and names a local file as another."""
    bomb = base64.b64encode(b"\x89PNG\r\n\x1a\n" + zlib.compress(b"\0" * 10_000_000)).decode()
    text = f"![](attachment:a.png) ![](file://{bait['file']}) <img src='http://192.0.2.1/x'>"
    cell = {
        "cell_type": "markdown",
        "id": "m",
        "metadata": {},
        "source": text,
        "attachments": {"a.png": {"image/png": bomb}},
    }
    body["cells"].append(cell)
    _save(folder, body)


def linked_notebook(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in a link to another student's notebook."""
    (folder / "tiny.ipynb").symlink_to(bait["right"])


def linked_folder(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in a folder that is a link to another student's."""
    folder.rmdir()
    folder.symlink_to(Path(bait["right"]).parent)


def links_beside(folder: Path, body: Body, bait: Bait) -> None:
    """Puts links to the gradebook, the reference and /proc beside the notebook, for its cells to read."""
    for name in ("file", "gradebook", "checks"):
        (folder / name).symlink_to(bait[name])
    (folder / "away").symlink_to(Path(bait["file"]).parent)
    (folder / "environ").symlink_to("/proc/self/environ")
    names = ("file", "gradebook", "checks", "away/file", "environ")
    read = f"for n in {names}:\n    try: print('LEAK', open(n, 'rb').read())\n    except OSError: pass"
    body["cells"].append({"cell_type": "code", "id": "r", "metadata": {}, "source": read, "outputs": []})
    _save(folder, body)


def hard_link_beside(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in a second name of a file of the person who grades, and opens it for writing."""
    os.link(bait["file"], folder / "mine")
    write = "open('mine', 'a').write('x')"
    body["cells"].append({"cell_type": "code", "id": "w", "metadata": {}, "source": write, "outputs": []})
    _save(folder, body)


def notebook_that_never_ends(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in a named pipe instead of a notebook; who reads it waits for ever."""
    os.mkfifo(folder / "tiny.ipynb")


def pipes_and_sockets_beside(folder: Path, body: Body, bait: Bait) -> None:
    """Puts a named pipe and a socket beside the notebook, for whoever copies the folder."""
    os.mkfifo(folder / "data.csv")
    here = os.getcwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("s")
    finally:
        os.chdir(here)
    _save(folder, body)


def pipes_for_notes(folder: Path, body: Body, bait: Bait) -> None:
    """Puts named pipes where locked predictions, the time and nbgrader's secret are looked for."""
    for name in ("predictions.json", "timestamp.txt", "submission_secret.txt", "student.txt"):
        os.mkfifo(folder / name)
    _save(folder, body)


def folder_instead_of_notebook(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in a folder with the notebook's name."""
    (folder / "tiny.ipynb").mkdir()


def enormous_sparse_files(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in files that say they are 8 TB and take no space, one of them the notebook's neighbour."""
    for name in ("data.bin", "other.ipynb"):
        with (folder / name).open("wb") as file:
            file.truncate(8 << 40)
    _save(folder, body)


def ten_thousand_files(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in ten thousand files."""
    (folder / "many").mkdir()
    for n in range(10_000):
        (folder / "many" / str(n)).touch()
    _save(folder, body)


def files_over_the_labs_own(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in its own public cases, its own numpy and its own autograder beside the notebook."""
    (folder / "public_checks.json").write_text('{"questions": {}}')
    for name in ("autograder.py", "numpy.py", "sitecustomize.py", "json.py", "random.py", "IPython.py"):
        (folder / name).write_text("check = predict = lambda *a: 3.0\nimport builtins; builtins.NEXT = 1")
    _save(folder, body)


def archives(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in a zip with paths that climb out and a member of 250 MB, by the notebook's name."""
    with zipfile.ZipFile(folder / "tiny.ipynb", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("../../../../tmp/note_for_next", "x")
        made.writestr(f"{bait['folder']}/owned", "x")
        with made.open("tiny.ipynb", "w", force_zip64=True) as member:
            for _ in range(10):
                member.write(b"\0" * (25 << 20))


def gzip_bomb(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in a gzip file of many zeros by the notebook's name."""
    _write(folder, gzip.compress(b"\0" * (64 << 20)))


def other_encodings(folder: Path, body: Body, bait: Bait) -> None:
    """Hands in bytes that are no text, lone surrogates and a zero byte."""
    _write(folder, b"\xff\xfe" + json.dumps(body).encode("utf-16-le")[:-3] + b"\x00\xd8")


def swapped_while_read(folder: Path, body: Body, bait: Bait) -> threading.Thread:
    """Swaps the notebook for a link to another's, over and over, while it is graded."""
    _save(folder, body)
    own, notebook = folder / "own", folder / "tiny.ipynb"
    shutil.copyfile(notebook, own)

    def swap() -> None:
        for _ in range(300):
            try:
                os.symlink(bait["right"], folder / "t")
                os.replace(folder / "t", notebook)
                shutil.copyfile(own, folder / "t")
                os.replace(folder / "t", notebook)
            except OSError:
                continue

    made = threading.Thread(target=swap, daemon=True)
    made.start()
    return made


def script_in_text(folder: Path, body: Body, bait: Bait) -> None:
    """Writes script and frames into its essay, for the page on which a person grades it."""
    for cell in body["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] += "\n<script>alert(1)</script><iframe srcdoc='<script>alert(1)</script>'></iframe>"
    _save(folder, body)


FOLDERS: dict[str, Callable[[Path, Body, Bait], threading.Thread | None]] = {
    name: made
    for name, made in sorted(globals().items())
    if callable(made) and not name.startswith("_") and getattr(made, "__module__", "") == __name__
}
