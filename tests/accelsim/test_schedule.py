"""The machine that runs schedules: what it refuses, what it counts, and that real arrays are schedules it accepts."""

import itertools
import json
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import Arch, Level, einsum, evaluate, nest, systolic
from accelsim.errors import AccelsimError
from accelsim.schedule import run
from accelsim.steps import timeline

SIZES = st.integers(1, 4)
EDGES = {"ifmap": "left", "ofmap": "bottom"}


def product(M, C, P):
    return einsum("product", "ofmap[M P] += ifmap[C P] * filter[M C]", M=M, C=C, P=P)


def fetched(cycle, pe, m, c, p):
    """One MAC with both operands out of the GLB."""
    yield cycle, pe, "load", ("filter", m, c)
    yield cycle, pe, "load", ("ifmap", c, p)
    yield cycle, pe, "mac", (m, c, p)


def output_stationary(M, C, P):
    """Each PE of M x P makes one sum."""
    for m, p in itertools.product(range(M), range(P)):
        for c in range(C):
            yield from fetched(c, (m, p), m, c, p)
        yield C - 1, (m, p), "store", ("ofmap", m, p)


def systolic_ws(M, C, P, rows, columns):
    """Weights stay, pixels march right, sums march down: what `systolic.timeline` draws, told PE by PE."""
    fold = rows + P + rows + columns - 2
    tiles = itertools.product(range(0, M, columns), range(0, C, rows))
    for number, (m0, c0) in enumerate(tiles):
        begin, deep, wide = number * fold, min(rows, C - c0), min(columns, M - m0)
        for r, k in itertools.product(range(rows), range(wide)):
            if r < deep:
                yield begin + rows - 1, (r, k), "load", ("filter", m0 + k, c0 + r)
            for p in range(P):
                cycle = begin + rows + p + r + k
                if r < deep:
                    if k == 0:
                        yield cycle, (r, k), "load", ("ifmap", c0 + r, p)
                    yield cycle, (r, k), "mac", (m0 + k, c0 + r, p)
                    if k < wide - 1:
                        yield cycle, (r, k), "pass", (("ifmap", c0 + r, p), (r, k + 1))
                if r < rows - 1:
                    yield cycle, (r, k), "pass", (("ofmap", m0 + k, p), (r + 1, k))
                else:
                    yield cycle, (r, k), "store", ("ofmap", m0 + k, p)


def multiplying(line):
    return [[letter in "mb" for letter in states] for states in line.states]


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, SIZES, SIZES, SIZES)
def test_a_systolic_array_is_a_schedule_without_fault_and_its_timeline_is_the_same(M, C, P, rows, columns):
    ran = run(product(M, C, P), rows, columns, list(systolic_ws(M, C, P, rows, columns)), EDGES)
    layer = einsum("product", "ofmap[P M] += ifmap[P C] * filter[C M]", P=P, C=C, M=M)
    line = systolic.timeline(layer, systolic.Systolic(rows, columns, "ws"), cycles=100_000)
    assert () == ran.faults
    # the widest tile's last sum comes out in the last cycle; a narrower one is done before its fold is over
    drawn = multiplying(ran.timeline)
    assert multiplying(line)[: len(drawn)] == drawn
    assert not any(map(any, multiplying(line)[len(drawn) :]))
    moved = {name.replace("SRAM", "GLB"): words for name, words in line.moved.items()}
    assert moved == {name: words for name, words in ran.moved.items() if name.startswith("GLB")}


@settings(max_examples=30, deadline=None)
@given(SIZES, SIZES, SIZES)
def test_a_nest_without_multicast_moves_what_its_schedule_moves(M, C, P):
    layer, toy = product(M, C, P), Arch("toy", (Level("GLB", fanout=(P, M), multicast=False), Level("reg")))
    line = timeline(layer, toy, nest(f"GLB: C{C} M{M}@y P{P}@x | reg:"))
    ran = run(layer, M, P, list(output_stationary(M, C, P)))
    assert () == ran.faults
    assert evaluate(layer, toy, nest(f"GLB: C{C} M{M}@y P{P}@x | reg:")).counts.macs == len(ran.done)
    assert {k: v for k, v in line.moved.items() if k.startswith("GLB") and v} == ran.moved
    assert line.cycles == ran.cycles


@settings(max_examples=30, deadline=None)
@given(SIZES, SIZES, SIZES, st.randoms())
def test_the_order_of_the_list_does_not_matter_and_the_sums_are_the_product(M, C, P, rng):
    schedule = list(output_stationary(M, C, P))
    rng.shuffle(schedule)
    ran = run(product(M, C, P), M, P, schedule)
    assert () == ran.faults
    wanted = {("ofmap", m, p): {(m, c, p) for c in range(C)} for m, p in itertools.product(range(M), range(P))}
    assert wanted == {word: set(points) for word, points in ran.sums.items()}
    assert M * C * P == sum(map(len, ran.sums.values()))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 3), st.integers(2, 3), st.integers(1, 3), st.integers(0, 10_000))
def test_a_schedule_that_lost_an_entry_is_at_fault(M, C, P, which):
    schedule = list(output_stationary(M, C, P))
    del schedule[which % len(schedule)]
    assert run(product(M, C, P), M, P, schedule).faults


def kinds(schedule, M=2, C=2, P=2, rows=2, columns=2, sides=None):
    return [fault.kind for fault in run(product(M, C, P), rows, columns, schedule, sides).faults if fault.pe]


def test_a_pe_does_one_mac_in_a_cycle():
    one = list(fetched(0, (0, 0), 0, 0, 0))
    assert "two operations" in kinds([*one, (0, (0, 0), "mac", (0, 0, 0))])


def test_a_mac_needs_the_very_words_it_names():
    fault = run(product(2, 2, 2), 2, 2, [*fetched(0, (1, 0), 0, 0, 0), (1, (1, 0), "mac", (1, 0, 0))]).faults[0]
    assert ("operand missing", 1, (1, 0), ("filter", 1, 0), ("filter", 0, 0)) == (
        fault.kind,
        fault.cycle,
        fault.pe,
        fault.word,
        fault.holds,
    )


def test_a_mac_on_another_sum_stalls():
    schedule = [*fetched(0, (0, 0), 0, 0, 0), *fetched(1, (0, 0), 1, 0, 0)]
    ran = run(product(2, 2, 2), 1, 1, schedule)
    assert ("sum in the way", "s") == (ran.faults[0].kind, ran.timeline.states[1])


def test_a_word_goes_one_hop_in_a_cycle():
    first = list(fetched(0, (0, 0), 0, 0, 0))
    assert "too many hops" in kinds([*first, (0, (0, 0), "pass", (("ofmap", 0, 0), (1, 1)))])
    assert "too many hops" not in kinds([*first, (0, (0, 0), "pass", (("ofmap", 0, 0), (1, 0)))])


def chain(cycle_below):
    above, below = fetched(0, (0, 0), 0, 0, 0), fetched(cycle_below, (1, 0), 0, 1, 0)
    return [*above, (0, (0, 0), "pass", (("ofmap", 0, 0), (1, 0))), *below]


def test_a_sum_that_arrives_alone_is_added_for_free_and_one_that_joins_takes_the_adder():
    store = (1, (1, 0), "store", ("ofmap", 0, 0))
    layer = product(1, 2, 1)
    assert () == run(layer, 2, 1, [*chain(1), store]).faults
    assert () == run(layer, 2, 1, [*chain(0), store]).faults
    late = [*chain(0), (1, (1, 0), "mac", (0, 1, 0)), store]
    assert "two operations" in [fault.kind for fault in run(layer, 2, 1, late).faults]


def test_a_register_takes_one_word_of_its_tensor_in_a_cycle():
    assert ["two arrivals"] == kinds([(0, (0, 0), "load", ("ifmap", 0, 0)), (0, (0, 0), "load", ("ifmap", 0, 1))])


def test_one_read_of_the_glb_reaches_many_pes():
    ran = run(product(2, 2, 2), 2, 2, [(0, [(0, 0), (1, 1)], "load", ("ifmap", 0, 0))])
    assert {"GLB reads of ifmap": 1} == ran.moved


def test_what_is_stored_twice_is_read_and_added():
    schedule = [
        entry for c in (0, 1) for entry in (*fetched(c, (0, 0), 0, c, 0), (c, (0, 0), "store", ("ofmap", 0, 0)))
    ]
    ran = run(product(1, 2, 1), 1, 1, schedule)
    assert ((), 2, 1, 7) == (ran.faults, ran.moved["GLB writes of ofmap"], ran.moved["GLB reads of ofmap"], ran.words)


def test_words_come_and_go_at_their_side():
    entries = [(0, (0, 1), "load", ("ifmap", 0, 0)), (0, (1, 0), "load", ("ifmap", 0, 0))]
    assert ["wrong side"] == kinds(entries, sides={"ifmap": "left"})


def test_a_sum_that_is_not_there_cannot_leave_and_one_that_stays_is_missed():
    store = (0, (0, 0), "store", ("ofmap", 0, 0))
    assert ["sum missing"] == kinds([store])
    assert "left behind" in kinds(list(fetched(0, (0, 0), 0, 0, 0)))


def test_work_done_twice_is_named_with_the_first_cycle():
    fault = next(
        f for f in run(product(2, 2, 2), 1, 1, [*fetched(0, (0, 0), 0, 0, 0), *fetched(3, (0, 0), 0, 0, 0)]).faults
    )
    assert ("done twice", True) == (fault.kind, "cycle 0 already" in fault.says)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (None, "a schedule is a list"),
        (["abcd"], "(cycle, PE, operation, operands)"),
        ([(0.5, (0, 0), "mac", (0, 0, 0))], "whole number from 0"),
        ([(10**9, (0, 0), "mac", (0, 0, 0))], "whole number from 0"),
        ([(0, (0, 0), "multiply", (0, 0, 0))], "the operations are load, mac, pass, store"),
        ([(0, 7, "mac", (0, 0, 0))], "(row, column)"),
        ([(0, (0, 2), "mac", (0, 0, 0))], "columns 0 to 1"),
        ([(0, (0, 0), "mac", (0, 0))], "a point (M C P)"),
        ([(0, (0, 0), "mac", (0, 2, 0))], "C is below 2"),
        ([(0, (0, 0), "load", ("ofmap", 0, 0))], "moves words of ifmap, filter"),
        ([(0, (0, 0), "load", ("ifmap", 0, 2))], "2 x 2 words"),
        ([(0, (0, 0), "load", ("ifmap", 0))], "2 coordinates"),
        ([(0, (0, 0), "pass", ("ofmap", 0, 0))], "the PE that gets it"),
    ],
)
def test_what_cannot_be_read_is_said(schedule, said):
    assert said in run(product(2, 2, 2), 2, 2, schedule).faults[0].says


def test_an_array_without_pes_and_an_unknown_side_are_refused():
    for rows, sides in ((0, None), (1, {"ifmap": "inside"})):
        with pytest.raises(AccelsimError, match="1 or more rows"):
            run(product(1, 1, 1), rows, 1, [], sides)


def test_a_side_of_a_tensor_that_is_not_there_is_refused():
    with pytest.raises(AccelsimError, match=r"sides are of .*, got 'ifmp'; did you mean ifmap"):
        run(product(1, 1, 1), 1, 1, [], {"ifmp": "left"})
    with pytest.raises(AccelsimError, match="a schedule runs a Layer"):
        run("mm", 1, 1, [])


def test_a_hostile_schedule_is_bounded():
    rng = random.Random(3)
    much = [(rng.randrange(50_000), (0, 0), "mac", (0, 0, 0)) for _ in range(20_000)]
    ran = run(product(1, 1, 1), 4, 4, much)
    assert len(ran.faults) <= 100
    assert ran.timeline.cycles * 16 <= 100_000


def test_two_macs_at_once_are_drawn_as_stalled_and_cycles_count_from_0_as_the_schedule_does():
    words = (("load", ("filter", 0, 0)), ("load", ("ifmap", 0, 0)), ("mac", (0, 0, 0)), ("mac", (0, 0, 0)))
    line = run(
        product(1, 1, 1), 1, 1, [(cycle, (0, 0), *each) for cycle in (0, 1) for each in words[: 4 * cycle]]
    ).timeline
    assert (".", "s") == line.states
    assert [0, 1] == list(line.numbers)
    assert "two operations at once" in line.at(1, 0, 0)


def test_an_empty_schedule_has_a_picture_too():
    assert ("....",) == run(product(1, 1, 1), 2, 2, []).timeline.states


def test_a_schedule_runs_and_is_drawn_without_numpy():
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from accelsim import einsum, widgets\nfrom accelsim.schedule import run\n"
        "layer = einsum('one', 'ofmap[M] += filter[M C] * ifmap[C]', M=1, C=1)\n"
        "ran = run(layer, 1, 1, [(0, (0, 0), 'load', ('filter', 0, 0)), (0, (0, 0), 'load', ('ifmap', 0)),\n"
        "    (0, (0, 0), 'mac', (0, 0)), (0, (0, 0), 'store', ('ofmap', 0))])\n"
        "assert not ran.faults, ran.faults\nprint(widgets.pe_array(ran.timeline))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "ofmap[0] += filter[0 0] * ifmap[0]" in told


LINE = run(product(2, 2, 2), 2, 2, list(systolic_ws(2, 2, 2, 2, 2))[:-3]).timeline


def test_notes_are_one_per_cycle_and_pe():
    assert LINE.to_dict()["notes"] == json.loads(json.dumps(LINE.to_dict()))["notes"]
    with pytest.raises(AccelsimError, match="notes need 1 times 1"):
        type(LINE)("t", 1, 1, (".",), {}, type(LINE.works)((), ((),), ((),), {}), notes=(("a", "b"),))
