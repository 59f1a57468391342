"""Lab 7: what is particular to tiles: the best known, judges on whole plans, no NumPy."""

import itertools
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from autograder.lab import load

LAB = Path(__file__).resolve().parents[2] / "labs" / "07_tiles"
lab = load(LAB)
checks = sys.modules[f"_lab_{LAB.name}_checks"]
KNOWN = checks.KNOWN
each_known = pytest.mark.parametrize("key", KNOWN, ids=[f"M{k[1]}-C{k[2]}-P{k[3]}-{k[8]}" for k in KNOWN])


def problem(key):
    layer = dict(zip(("N", "M", "C", "P", "Q", "R", "S", "stride"), key[:8], strict=True))
    return layer, checks.machine(*key[8:])


@each_known
def test_the_best_known_is_what_trying_everything_finds(key):
    words, tile, order = checks.search(*problem(key))
    assert KNOWN[key] == words, f"found {words} with {tile} in the order {order}"


@each_known
def test_the_best_known_is_not_below_every_word_once(key):
    assert KNOWN[key] >= checks.buffer.least(problem(key)[0])


@each_known
def test_the_best_known_fits_by_the_simulators_own_rules(key):
    layer, machine = problem(key)
    _, tile, order = checks.search(layer, machine)
    from accelsim import problems

    buffer = checks.buffer
    known, nest = buffer.layer_of(layer), buffer.nest_of(layer, tile, order)
    assert [] == problems(known, buffer.arch_of(machine), nest)


def test_no_tile_of_any_size_moves_fewer_words_than_the_search_found():
    layer = {"N": 1, "M": 7, "C": 6, "P": 9, "Q": 3, "R": 3, "S": 2, "stride": 1}
    machine = checks.machine(150, False)
    every = (dict(zip("MCP", size, strict=True)) for size in itertools.product(range(1, 8), range(1, 7), range(1, 10)))
    fitting = [tile for tile in every if checks.buffer.need(layer, machine, tile) <= machine["capacity"]]
    least = min(checks.buffer.moved(layer, tile, order) for tile in fitting for order in checks.ORDERS)
    assert least == checks.search(layer, machine)[0]


def judged(item, args, answer):
    return list(lab.questions[item].judge(args, answer))


CHAIN = checks.chain(3, 1, 3, 1, 7)


def test_a_plan_with_a_row_missing_is_told_the_tile_and_the_row():
    plan = checks.fuse(*CHAIN, 3, False)
    plan[1]["make"].remove(5)
    found = judged("fuse", (*CHAIN, 3, False), plan)[0]
    assert "tile 1 needs rows 5 of the first layer's output, and they are not there" == found.says
    assert ("rows of the first layer's output missing", [5]) in found.evidence


@pytest.mark.parametrize("name", ["read", "make", "out"])
def test_a_plan_without_a_list_is_told_the_tile_and_its_form(name):
    plan = checks.fuse(*CHAIN, 3, True)
    del plan[1][name]
    (found,) = judged("fuse", (*CHAIN, 3, True), plan)
    assert found.says.startswith("tile 1 is {")
    assert "with 'read', 'make' and 'out'" in found.says


def test_smaller_tiles_than_fit_are_a_right_plan():
    assert [] == judged("fuse", (*CHAIN, 3, True), checks.fuse(*CHAIN, 2, True))


def test_a_tile_too_large_is_told_the_words_over_capacity():
    layer, machine = dict(checks.layers.conv3), dict(checks.layers.eyeriss)
    found = judged("best_tile", (layer, machine, 1), {"tile": {"M": 384, "C": 1, "P": 13}, "order": "M C P"})[0]
    assert ("words over capacity", 2 * (3456 + 225 + 2 * 64896) - 51200) in found.evidence
    assert 0 == found.credit


@pytest.mark.parametrize(("times", "credit"), [(1.1, None), (1.11, 0.8), (1.5, 0.8), (1.51, 0.4)])
def test_the_open_item_gives_credit_by_distance_from_the_best_known(times, credit):
    layer, machine = dict(checks.layers.small), dict(checks.layers.scant)
    words, tile, order = checks.search(layer, machine)
    found = judged("best_tile", (layer, machine, words / times), {"tile": tile, "order": order})
    assert ([] if credit is None else [credit]) == [finding.credit for finding in found]


@pytest.mark.parametrize("order", ["M C", "M C C P", "P P P", "x"])
def test_an_order_that_does_not_name_each_letter_once_is_refused(order):
    args = (dict(checks.layers.small), dict(checks.layers.scant), 1)
    assert "order" in judged("best_tile", args, {"tile": {"M": 1, "C": 1, "P": 1}, "order": order})[0].says


FIRST, SECOND = {"P": 9, "R": 3, "stride": 1}, {"P": 7, "R": 3, "stride": 1}


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("name", ["read", "make"])
def test_a_row_listed_twice_is_read_or_made_twice(keep, name):
    args = (FIRST, SECOND, 3, keep)
    plan = checks.fuse(*args)
    assert [] == judged("fuse", args, plan)
    plan[1][name] = [plan[1][name][0], *plan[1][name]]
    assert "more than once" in judged("fuse", args, plan)[0].says


@pytest.mark.parametrize(
    "plan",
    [
        [{"read": [], "make": [], "out": list(range(120_000))}],
        [{"read": [-(10**9), 0], "make": [0, 1], "out": [0, 1]}],
        [{"read": [0, 10_000], "make": [0, 10_000], "out": [0, 10_000]}] * 5_000,
    ],
    ids=["many rows", "far from zero", "many long spans"],
)
def test_an_absurd_plan_is_judged_within_a_second_and_little_memory(plan):
    tracemalloc.start()
    started = time.process_time()
    assert judged("fuse", (FIRST, SECOND, 3, False), plan)
    taken, (_, most) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (True, True) == (taken < 5, most < 200e6), (taken, most)


NO_NUMPY = """
import sys
sys.modules["numpy"] = None
sys.path[:0] = [{given!r}]
import buffer, judging, layers, show
from autograder import check, predict
from autograder.judge import Outcome, verdicts
from autograder.questions import Case
case = Case(({{"P": 9, "R": 3, "stride": 1}}, {{"P": 7, "R": 3, "stride": 1}}, 3, True), "rows")
judged = verdicts([case], [None], [Outcome([])], judge=judging.fused)
assert "never computed" in judged[0].difference.text
answer = {{"tile": {{"M": 1, "C": 1, "P": 1}}, "order": "M C P"}}
case = Case((layers.small, layers.scant, 10164), "tile")
judged = verdicts([case], [None], [Outcome(answer)], judge=judging.good_tile)
assert judged[0].difference.credit == 0.4
assert "words" in str(show.packed(layers.small, layers.scant, answer["tile"]))
print("done")
"""


def test_what_ships_needs_no_numpy():
    program = NO_NUMPY.format(given=str(LAB / "given"))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert ("done\n", "") == (ran.stdout, ran.stderr)


def test_the_notebook_imports_no_numpy():
    assert not [cell.id for cell in lab.cells if "numpy" in cell.source]
