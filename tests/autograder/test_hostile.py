"""Submissions that attack: none earns a point it should not, none harms the next student.

The whole corpus on the first rung, a fixed part of it on the next; AUTOGRADER_HOSTILE=all, or
`python -m tests.autograder.hostile`, tries all on each.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from autograder import sandbox
from autograder.grade import grade_cells
from autograder.lab import filled
from autograder.sandbox import Limits, Warm, Worker, linux, scratch
from autograder.submission import Submitted
from tests.autograder.hostile import corpus

pytestmark = pytest.mark.sandbox
QUICK = Limits(cell_seconds=3, case_seconds=1, submission_seconds=30)
WRONG = {"places_answer": "def places(*args):\n    return -1", "slide_answer": "def slide(*args):\n    return -1"}


def cells(tiny, after="", **replaced):
    made = [Submitted(c.kind, c.source, str(c.nbgrader.get("grade_id", ""))) for c in filled(tiny)]
    made = [Submitted(c.kind, replaced.get(c.grade_id, c.source), c.grade_id) for c in made]
    first_check = next(i for i, c in enumerate(made) if c.grade_id == "places")
    return [*made[:first_check], Submitted("code", after, ""), *made[first_check:]] if after else made


WARM = Warm(sandbox.BUBBLEWRAP, (), QUICK)


@pytest.fixture(scope="module", autouse=True)
def _warm():
    yield
    WARM.drop()


def grade(tiny, submitted, limits=QUICK, student="eve"):
    return grade_cells(tiny, submitted, student, Path("/nonexistent"), sandbox.BUBBLEWRAP, limits, warm=WARM)


def shares(graded):
    return {a.item.name: a.share for a in graded.answered}


def good_is_graded(tiny):
    assert {"places": 1, "slide": 1} == shares(grade(tiny, cells(tiny)))


CORPUS = corpus.attacks()
SAMPLE = [a for n, a in enumerate(CORPUS) if n % 4 == 0 or a.kind != CORPUS[n - 1].kind]
ALL = os.environ.get("AUTOGRADER_HOSTILE") == "all"
RUNGS = [rung for rung in sandbox.RUNGS if rung.official and rung.warm]
TRIED = [(rung, kind) for rung in RUNGS for kind in dict.fromkeys(attack.kind for attack in CORPUS)]


@pytest.mark.slow
@pytest.mark.parametrize(("rung", "kind"), TRIED, ids=[f"{rung.kind}-{kind}" for rung, kind in TRIED])
def test_attacks_earn_nothing_and_harm_nobody(rung, kind):
    if why := sandbox.holds(rung):
        pytest.skip(why)
    attacks = [a for a in (CORPUS if ALL or rung is RUNGS[0] else SAMPLE) if a.kind == kind]
    with corpus.ground() as place, Warm(rung, place.hidden, corpus.TIGHT) as warm:
        came = [corpus.run(place, warm, attack) for attack in attacks]
    assert [] == [(one.attack.name, one.points, one.harms) for one in came if not one.held]
    assert came


def test_the_corpus_sees_an_attack_succeed_where_nothing_stops_it():
    """The same baits without walls: what reads, does; what stays, is found."""
    chosen = {a.name: a for a in CORPUS}
    with corpus.ground() as place, Warm(sandbox.PLAIN, place.hidden, corpus.TIGHT) as warm:
        for name in ("reads_files", "looks_into_the_grader", "connects_out"):
            harms = corpus.run(place, warm, chosen[name]).harms
            assert any("reached what it should not" in harm or "a secret shows" in harm for harm in harms), name


def test_every_attack_is_told_apart_and_described():
    assert len(CORPUS) == len({attack.name for attack in CORPUS}) >= 100
    assert all(attack.tries.endswith(".") and len(attack.tries) < 120 for attack in CORPUS)
    assert {attack.name for attack in CORPUS} == set(corpus.stock())


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
    spied = cells(tiny, after=SPY + f"print('EXISTS', [p for p in {secret} if os.path.exists(p)])")
    graded = grade(tiny, spied, Limits())
    shown = "".join(part.get("text", "") for parts in graded.session.outputs.values() for part in parts)
    for said in ("SEEN []", "EXISTS []", "WRITE []", "PROCESSES 2 ROOT False", "NETWORK Operation not permitted"):
        assert said in shown
    assert {"places": 1, "slide": 1} == shares(graded)


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
    idle = len(linux.tree(WARM.ready().process.pid))
    graded = grade(tiny, cells(tiny, after=bomb))
    assert "Resource temporarily unavailable" in json.dumps(graded.session.outputs)
    assert {"places": 1, "slide": 1} == shares(graded)
    assert idle == len(linux.tree(WARM.ready().process.pid))
    good_is_graded(tiny)


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
        graded = grade(tiny, cells(tiny), student=student)
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


def test_what_is_asked_shows_in_no_output(tiny):
    note = "def places(*a):\n    open('asked', 'a').write(str(a))\n    return -1"
    show = "import os, time\ntime.sleep(0.5)\nprint('SHOWN', os.path.exists('asked') and open('asked').read())"
    graded = grade(tiny, [*cells(tiny, places_answer=note), Submitted("code", show, "")])
    assert "SHOWN (5, 3, 1)\\n" in json.dumps(graded.session.outputs)  # the notebook's own call, and no other
    assert -1 == graded.answered[0].judged[0].outcome.value


def asked(tiny, monkeypatch, submitted):
    """How often each function was asked."""
    sent, exchange = [], Worker.exchange
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "exchange", lambda *a: sent.append(a[1]) or exchange(*a))
        grade(tiny, submitted)
    return Counter(message["function"] for message in sent if message["do"] == "ask")


def test_a_function_has_two_whole_tries_at_most_and_none_ends_at_a_wrong_answer(tiny, monkeypatch):
    assert {"places": 5, "slide": 3} == asked(tiny, monkeypatch, cells(tiny))
    assert {"places": 2 * 5, "slide": 2 * 3} == asked(tiny, monkeypatch, cells(tiny, **WRONG))


def test_a_notebook_that_keeps_ending_its_process_is_asked_what_it_had_before(tiny):
    late = [Submitted("code", "import os; os._exit(0)", "")] * 9
    assert {"places": 1, "slide": 1} == shares(grade(tiny, [*cells(tiny), *late]))


def test_calls_that_kill_the_asker_cost_their_question_only(tiny):
    kill = "import os\ndef places(*a):\n    os.kill(os.getppid(), 9)\n    return -1"
    own = "def slide(a, w):\n    return np.correlate(a, w, 'valid')"
    assert {"places": 0, "slide": 1} == shares(grade(tiny, cells(tiny, places_answer=kill, slide_answer=own)))


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def test_outputs_keep_plain_text_and_pictures_only(tiny):
    shown = {"text/html": "<script>", "image/svg+xml": "<svg>", "text/plain": "fine", "image/png": PIXEL}
    graded = grade(tiny, cells(tiny, after=f"from IPython.display import display\ndisplay({shown}, raw=True)"))
    data = [part["data"] for parts in graded.session.outputs.values() for part in parts if "data" in part]
    assert [{"text/plain": "fine", "image/png": PIXEL}] == data
