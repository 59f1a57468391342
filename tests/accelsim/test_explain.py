"""Explanations: the formula is the number, and the words name the loop that causes it."""

import re

import pytest
from hypothesis import given

from accelsim import AccelsimError, catalog, evaluate
from tests.accelsim.cases import cases
from tests.accelsim.test_counts import many

NET, CHIP, NESTS = catalog.alexnet(), catalog.eyeriss(), catalog.mappings("eyeriss", "alexnet")


def why(layer, level, tensor):
    return evaluate(NET.layer(layer), CHIP, NESTS[layer]).explain(level, tensor)


@many(400)
@given(cases())
def test_every_formula_evaluates_to_its_count(case):
    layer, _, mapping = case
    report = evaluate(*case)
    for stage in mapping.stages:
        for tensor in layer.tensors:
            if stage.holds(tensor.name):
                told = report.explain(stage.level, tensor.name)
                assert eval(told.read_formula) == report.counts.reads[stage.level, tensor.name], str(told)
                assert not [line for line in str(told).splitlines() if _contradicts(line, tensor)]
                assert eval(told.write_formula) == report.counts.writes[stage.level, tensor.name], str(told)


def _contradicts(line, tensor):
    """Whether a line says that a loop indexes a tensor or not, and it is the other way round."""
    loop = re.search(r"(?:step of )?([A-Za-z_]+)\d+ at \w+ (does not index|moves the window|needs a new tile)", line)
    return loop and (loop[1] in tensor.dims) == (loop[2] == "does not index")


def test_a_halo_is_named():
    assert "18432 * 60: each step of Q13 at GLB moves the window, which keeps 120 of 180 words" in str(
        why("conv3", "GLB", "ifmap")
    )


def test_a_loop_that_keeps_and_one_that_refetches_are_told_apart():
    told = str(why("conv3", "DRAM", "filter"))
    assert "Q13 at GLB does not index filter and finds the tile still there" in told
    assert "M6 at DRAM does not index ifmap, but C64 inside it threw the tile away" in str(
        why("conv3", "DRAM", "ifmap")
    )


def test_sums_that_start_at_zero_are_not_read():
    told = why("conv3", "GLB", "ofmap")
    assert "- 259584: sums that start at zero, so nothing is read back" in str(told)
    assert sum(stream.words for stream in told.reads) == 16_613_376


def test_what_cannot_be_explained_is_refused_in_words():
    with pytest.raises(AccelsimError, match="filter bypasses GLB in this mapping"):
        why("conv3", "GLB", "filter")
    with pytest.raises(AccelsimError, match="did you mean GLB"):
        why("conv3", "GBL", "filter")
    with pytest.raises(AccelsimError, match="no tensor 'fliter'"):
        why("conv3", "GLB", "fliter")
