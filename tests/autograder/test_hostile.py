"""Submissions that attack: none earns a point it should not, none harms the next student."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from autograder import sandbox
from autograder.grade import grade_cells, grade_one
from autograder.lab import filled
from autograder.sandbox import Limits, Worker, scratch
from autograder.submission import Submitted

pytestmark = pytest.mark.sandbox
QUICK = Limits(cell_seconds=3, case_seconds=1, submission_seconds=30)
WRONG = {"places_answer": "def places(*args):\n    return -1", "slide_answer": "def slide(*args):\n    return -1"}

# Each earns nothing in both items: wrong functions, and something that tries to make them count.
ATTACKS = {
    "a check that says yes": "def check(name):\n    return 3.0\nimport autograder\nautograder.check = check",
    "a patched judge": (
        "import autograder.judge as j, autograder.student as s\n"
        "j.compare = lambda *a: None\nj.share = lambda *a: 1.0\ns.check = lambda n: 1"
    ),
    "an object equal to everything": (
        "class Yes(int):\n    __eq__ = __le__ = __ge__ = lambda s, o: True\n    __hash__ = int.__hash__\n"
        "    def __sub__(s, o): return 0\n"
        "def places(*a): return Yes(-1)\ndef slide(*a): return Yes(-1)"
    ),
    "arrays of NaN": "def slide(a, w):\n    return np.full(len(a) - len(w) + 1, np.nan)",
    "an empty array": "def slide(a, w):\n    return np.zeros(0)",
    "an array that claims equality": (
        "class A(np.ndarray):\n    def __eq__(s, o): return True\n    def __array_ufunc__(s, *a, **k): return True\n"
        "def slide(a, w): return np.zeros(len(a) - len(w) + 1).view(A)"
    ),
    "a table of the public answers": (
        "import json\n"
        "def look(q, args):\n"
        "    for c in json.load(open('public_checks.json'))['questions'][q]['cases']:\n"
        "        if c['args']['of'] == list(args): return c['wanted']\n"
        "def places(*args): return look('places', args)"
    ),
    "the grader's frames": (
        "import inspect, gc\n"
        "found = [o for o in gc.get_objects() if type(o).__name__ in ('Question', 'Case', 'Session')]\n"
        "assert not found"
    ),
    "a recursion without end": "def slide(a, w):\n    return slide(a, w)",
    "an exception that cannot be shown": (
        "class E(Exception):\n    def __str__(s): raise s\n"
        "def slide(*a): raise E()\ndef places(*a): raise SystemExit(0)"
    ),
    "a huge answer": "def slide(a, w):\n    return np.zeros(10**8)",
    "an answer inside itself": "loop = []\nloop.append(loop)\ndef slide(a, w):\n    return loop",
    "input transformers": "get_ipython().input_transformers_post.append(lambda lines: ['x = 1\\n'])",
    "a patched shell": "type(get_ipython()).run_cell = lambda *a, **k: None",
}


def cells(tiny, after="", **replaced):
    made = [Submitted(c.kind, c.source, str(c.nbgrader.get("grade_id", ""))) for c in filled(tiny)]
    made = [Submitted(c.kind, replaced.get(c.grade_id, c.source), c.grade_id) for c in made]
    first_check = next(i for i, c in enumerate(made) if c.grade_id == "places")
    return [*made[:first_check], Submitted("code", after, ""), *made[first_check:]] if after else made


def grade(tiny, submitted, limits=QUICK):
    return grade_cells(tiny, submitted, "eve", Path("/nonexistent"), sandbox.BUBBLEWRAP, limits)


def shares(graded):
    return {a.item.name: a.share for a in graded.answered}


def good_is_graded(tiny):
    assert {"places": 1, "slide": 1} == shares(grade(tiny, cells(tiny)))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_nothing(tiny, name):
    attack = ATTACKS[name]
    early = {**WRONG, "slide_answer": WRONG["slide_answer"] + "\n" + attack}
    assert {"places": 0, "slide": 0} == shares(grade(tiny, cells(tiny, after=attack, **early)))


def test_a_good_submission_after_the_attacks_is_graded_as_ever(tiny):
    good_is_graded(tiny)


SPY = """
import os, socket
names = ("checks.py", "result.json", "shadow")
print("SEEN", [os.path.join(d, f) for d, _, fs in os.walk("/") if not d.startswith("/proc") for f in fs if f in names])
folders = ("/", "/usr", "/etc", "/dev", "/submission", os.path.dirname(os.__file__), os.path.dirname(np.__file__))
print("WRITE", [d for d in folders if os.access(d, os.W_OK)])
print("PROCESSES", len([p for p in os.listdir("/proc") if p.isdigit()]), "ROOT", os.getuid() == 0)
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except OSError as error:
    print("NETWORK", error.strerror)
"""


def test_nothing_of_the_grader_can_be_reached(tiny, course):
    root = tiny.folder.parents[2]
    secret = [str(path) for path in (course.root, tiny.folder, root / "labs", root / "tests", root / "pyproject.toml")]
    graded = grade(
        tiny, cells(tiny, after=SPY + f"print('EXISTS', [p for p in {secret} if os.path.exists(p)])"), Limits()
    )
    shown = "".join(part.get("text", "") for parts in graded.session.outputs.values() for part in parts)
    for said in ("SEEN []", "EXISTS []", "WRITE []", "PROCESSES 2 ROOT False", "NETWORK Operation not permitted"):
        assert said in shown
    assert {"places": 1, "slide": 1} == shares(graded)


def test_a_tag_cannot_skip_a_check(course, hand_in, tiny):
    path = hand_in("eve", **WRONG)
    body = json.loads(path.read_text())
    for cell in body["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception"]
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] |= {"points": 1000, "grade": False}
    path.write_text(json.dumps(body))
    graded = grade_one(tiny, path.parent, course, sandbox.BUBBLEWRAP, QUICK)
    assert (0, {"places": 0, "slide": 0}) == (graded.points, shares(graded))


def test_deleted_and_rewritten_checks_change_nothing(tiny):
    right = [c for c in cells(tiny) if c.grade_id not in ("places", "slide")]
    assert {"places": 1, "slide": 1} == shares(grade(tiny, right))
    wrong = [Submitted(c.kind, "1000" if c.grade_id in ("places", "slide") else c.source, c.grade_id) for c in right]
    assert {"places": 0, "slide": 0} == shares(grade(tiny, [Submitted("code", "pass", "places"), *wrong[:2]]))


def test_a_cell_that_ends_the_process_costs_that_cell_only(tiny):
    graded = grade(tiny, cells(tiny, after="import os; os._exit(0)"))
    assert {"places": 1, "slide": 1} == shares(graded)
    assert "its process ended" in graded.notes[0]


def test_a_call_that_ends_the_process_costs_that_question_only(tiny):
    graded = grade(tiny, cells(tiny, places_answer="import os\ndef places(*a):\n    os._exit(0)"))
    assert 0 == shares(graded)["places"]
    assert "ended its process" in graded.answered[0].judged[0].outcome.fault


def test_a_call_without_end_costs_that_question_only(tiny):
    started = time.monotonic()
    endless = "while True:\n        try:\n            while True: pass\n        except BaseException: pass"
    own = "def slide(a, w):\n    return np.correlate(a, w, 'valid')"
    graded = grade(tiny, cells(tiny, places_answer=f"def places(*a):\n    {endless}", slide_answer=own))
    assert {"places": 0, "slide": 1} == shares(graded)
    assert "took longer than 1 s" in graded.answered[0].judged[0].outcome.fault
    assert time.monotonic() - started < 30


def test_a_cell_without_end_costs_that_cell_only(tiny):
    endless = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"
    graded = grade(tiny, cells(tiny, after=endless))
    assert {"places": 1, "slide": 1} == shares(graded)
    assert "did not answer in time" in graded.notes[0]


def test_a_flood_of_output_is_cut(tiny):
    graded = grade(
        tiny, cells(tiny, after="for _ in range(300):\n    print('x' * 1_000_000)\nimport os\nos.write(1, b'y' * 1000)")
    )
    assert {"places": 1, "slide": 1} == shares(graded)
    assert len(json.dumps(graded.session.outputs)) < 1_000_000
    assert "is left out" in json.dumps(graded.session.outputs)


def test_a_fork_bomb_is_bounded_and_gone_afterwards(tiny):
    bomb = "import os, time\nfor _ in range(500):\n    if os.fork() == 0:\n        time.sleep(1000)"
    graded = grade(tiny, cells(tiny, after=bomb))
    assert "Resource temporarily unavailable" in json.dumps(graded.session.outputs)
    assert {"places": 1, "slide": 1} == shares(graded)
    assert not workers_alive()
    good_is_graded(tiny)


def workers_alive():
    time.sleep(0.3)
    commands = [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"autograder.worker" in _read(p)]
    return [p for p in commands if _parent_is_us(p.parent)]


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _parent_is_us(process):
    try:
        return f"PPid:\t{os.getpid()}" in (process / "status").read_text()
    except OSError:
        return False


def test_memory_is_bounded(tiny):
    graded = grade(tiny, cells(tiny, after="hoard = bytearray(8 << 30)"))
    assert "MemoryError" in json.dumps(graded.session.outputs)
    assert {"places": 1, "slide": 1} == shares(graded)


def test_scratch_space_is_bounded_and_private(tiny):
    hoard = "for n in range(9):\n    open(f'/tmp/{n}', 'wb').write(b'x' * (60 << 20))"
    graded = grade(tiny, cells(tiny, after=hoard))
    assert "No space left on device" in json.dumps(graded.session.outputs)
    assert {"places": 1, "slide": 1} == shares(graded)
    again = grade(tiny, cells(tiny, after="import os; print('LEFT', sorted(os.listdir('/tmp')))"))
    assert not [part for part in json.dumps(again.session.outputs).split("LEFT")[1:] if "'0'" in part]


def test_warnings_and_errors_beside_right_answers_cost_nothing(tiny):
    noisy = "import sys, warnings\nwarnings.warn('careful')\nprint('noise', file=sys.stderr)\n1 / 0"
    assert {"places": 1, "slide": 1} == shares(grade(tiny, cells(tiny, after=noisy)))


def test_forged_replies_end_the_worker_not_the_judge(tiny):
    forge = (
        "import gc, os\n"
        "for o in gc.get_objects():\n"
        "    if type(o).__name__ == 'Server':\n"
        "        o.replies.write(b'\\xff\\xff\\xff\\xff'); o.replies.flush()"
    )
    graded = grade(tiny, cells(tiny, after=forge))
    assert {"places": 1, "slide": 1} == shares(graded)
    assert "a message of 4294967295 bytes" in graded.notes[0]


def test_forged_outputs_are_put_into_nbformats_form(tiny):
    forge = (
        "from autograder import worker\n"
        "odd = [{'output_type': 'stream', 'name': 'stdout', 'text': [1], 'x': 2}, 5, {'output_type': 'z'},"
        " {'output_type': 'display_data', 'data': {'text/plain': 3}, 'metadata': {'y': 4}}]\n"
        "worker.Outputs.stream = lambda s, n, t: s.parts.extend(odd)"
    )
    graded = grade(tiny, cells(tiny, after=forge))
    assert {"places": 1, "slide": 1} == shares(graded)
    kinds = {tuple(part) for parts in graded.session.outputs.values() for part in parts}
    assert kinds <= {("output_type", "name", "text"), ("output_type", "data", "metadata")}


def test_a_redefinition_further_down_does_not_undo_an_answer(tiny):
    later = [*cells(tiny), Submitted("code", "def places(*a):\n    return None", "")]
    assert {"places": 1, "slide": 1} == shares(grade(tiny, later))


def test_one_student_leaves_nothing_for_the_next():
    with scratch() as folder, Worker(sandbox.BUBBLEWRAP, folder, (), QUICK) as worker:
        worker.exchange({"do": "run", "source": "open('/tmp/note', 'w').write('hint')", "seconds": 5}, 10)
    with scratch() as folder, Worker(sandbox.BUBBLEWRAP, folder, (), QUICK) as worker:
        reply = worker.exchange(
            {"do": "run", "source": "import os; print(os.path.exists('/tmp/note'))", "seconds": 5}, 10
        )
    assert "False\n" == reply["outputs"][0]["text"]


def test_a_student_gets_fresh_hidden_cases_of_their_own(tiny):
    def hidden(student):
        graded = grade_cells(tiny, cells(tiny), student, Path("/nonexistent"), sandbox.BUBBLEWRAP, QUICK)
        return [v.case.args for v in graded.answered[1].judged if not v.public]

    assert not np.array_equal(hidden("ada")[0][0], hidden("bob")[0][0])
    assert np.array_equal(hidden("ada")[0][0], hidden("ada")[0][0])


def happened(graded):
    return {a.item.name: a.judged[0].outcome.fault for a in graded.answered}


@pytest.mark.parametrize(
    ("cell", "stopped"),
    [
        ("def places(length, width, stride)\n    return 1", "SyntaxError: expected ':' (line 1)"),
        ("def places(length, width, stride):\nreturn 1", "IndentationError: "),
        ("deff places(length):\n    return 1", "SyntaxError: invalid syntax"),
        ("1 / 0\n\ndef places(length, width, stride):\n    return 1", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_cell_that_stops_before_it_defines_its_function_is_told_why(tiny, cell, stopped):
    said = happened(grade(tiny, cells(tiny, places_answer=cell)))["places"]
    assert said.startswith(f"places() is not defined: its cell stopped: {stopped}")


def test_a_function_that_no_cell_defines_is_called_that(tiny):
    said = happened(grade(tiny, cells(tiny, places_answer="x = 1", after="1 / 0")))["places"]
    assert said == "places() is not defined in the notebook"
