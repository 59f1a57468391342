"""A timeline is plain data that says what it counts, and refuses what cannot be drawn."""

import json

import pytest

from accelsim.errors import AccelsimError
from accelsim.timeline import Timeline, Works

WORKS = Works(("M",), when=((0,), (1,)), where=((0,), (10,)), words={"a": (((0, 2),),), "z": (((0, 1),),)})


def test_utilization_counts_multiplying_pes_alone():
    line = Timeline("t", 1, 2, ("mf", "bd"), {}, WORKS)
    assert (0.5, 0.5) == line.utilization
    assert (2, 1, 0.5, 1.0) == (line.macs, line.active, line.spatial, line.temporal)


def test_a_pe_says_its_operands_and_an_idle_one_nothing():
    line = Timeline("t", 1, 2, ("m.", "mm"), {}, WORKS)
    assert ["MAC: z[0] += a[0]", "idle", "MAC: z[11] += a[22]"] == [
        line.at(0, 0, 0),
        line.at(0, 0, 1),
        line.at(1, 0, 1),
    ]


@pytest.mark.parametrize("at", [(2, 0, 0), (-1, 0, 0), (0, 1, 0), (0, 0, 2), (0, 0.5, 0)], ids=str)
def test_a_pe_or_cycle_that_is_not_there_is_refused(at):
    with pytest.raises(AccelsimError, match="t shows cycles 0 to 1 of 1 x 2 PEs"):
        Timeline("t", 1, 2, ("m.", "mm"), {}, WORKS).at(*at)


def test_a_timeline_is_plain_data():
    line = Timeline("t", 1, 2, ("m.", "mm"), {"GLB reads of a": (1, 2)}, WORKS, first=7, total=20)
    data = json.loads(json.dumps(line.to_dict()))
    assert (["m.", "mm"], 7, 20, [1, 2]) == (
        data["states"],
        data["first"],
        data["total"],
        data["traffic"]["GLB reads of a"],
    )
    assert {"GLB reads of a": 3} == line.moved


def test_every_fault_is_named_at_once():
    with pytest.raises(AccelsimError) as caught:
        Timeline("t", 1, 2, ("m", "m?"), {"x": (1,)}, Works(("M",), ((0,),), ((0,),), {}), first=5, total=6)
    for part in ("needs 2 letters", "['?']", "x needs 2", "works.when needs 2", "works.where needs 2", "not among 6"):
        assert part in str(caught.value)
