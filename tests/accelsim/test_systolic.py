"""The systolic array against the matrix product, its closed form against the array, and SCALE-Sim's own figures."""

import os
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelsim import catalog, conv, einsum
from accelsim.errors import ArchError, WorkloadError
from accelsim.systolic import (
    TENSORS,
    Gemm,
    Systolic,
    as_scalesim,
    demands,
    evaluate,
    from_scalesim,
    gemm,
    march,
    multiply,
    scalesim_case,
    scalesim_rows,
    timeline,
    windows,
)
from accelsim.systolic import _refilled as refilled
from accelsim.timeline import BUSY
from accelsim.trace import example, reference
from tests.accelsim.cases import layers

# A longer run: ACCELSIM_CASES=20000 python -m pytest tests/accelsim/test_systolic.py
CASES = int(os.environ.get("ACCELSIM_CASES", 60))
SMALL = st.integers(1, 5)


def many(examples):
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def arrays(draw):
    sizes = [draw(st.none() | st.integers(1, 120)) for _ in TENSORS]
    return Systolic(draw(SMALL), draw(SMALL), draw(st.sampled_from(["ws", "os", "is"])), *sizes)


@st.composite
def products(draw):
    size = st.integers(1, 9)
    return Gemm("product", draw(size), draw(size), draw(size))


def matrices(product):
    numbers = np.random.default_rng(1)
    return numbers.integers(-9, 10, (product.pixels, product.window)), numbers.integers(
        -9, 10, (product.window, product.filters)
    )


@many(CASES)
@given(products(), arrays())
def test_what_marches_through_the_array_is_the_product_and_the_formulas_count_it(product, array):
    ifmap, filters = matrices(product)
    done, run = multiply(ifmap, filters, array), evaluate(product, array)
    assert np.array_equal(ifmap @ filters, done.product)
    assert (done.cycles, int(done.macs.sum()), done.reads, done.writes) == (
        run.cycles,
        run.macs,
        run.reads,
        run.writes,
    )
    assert run.utilization == pytest.approx(done.macs.sum() / (done.cycles * array.pes))
    assert run.utilization == pytest.approx(run.spatial * run.temporal)


@many(CASES)
@given(layers(), arrays())
def test_a_layer_marched_through_the_array_is_the_layer(layer, array):
    values = example(layer)
    operands = {}
    for tensor in layer.tensors[:-1]:
        operands[tensor.name] = np.zeros(layer.shape(tensor.name), int)
        for point, value in values[tensor.name].items():
            operands[tensor.name][point] = value
    output, done = march(layer, array, operands)
    expected = np.zeros(layer.shape(layer.output.name), int)
    for point, value in reference(layer, values).items():
        expected[point] = value
    assert np.array_equal(expected, output)
    run = evaluate(layer, array)
    assert run.cycles == sum(group.cycles for group in done)
    assert run.reads == {name: sum(group.reads[name] for group in done) for name in TENSORS}
    assert run.writes["ofmap"] == sum(group.writes["ofmap"] for group in done)


@many(CASES)
@given(products(), arrays(), st.data())
def test_any_window_of_the_timeline_shows_what_the_array_did(product, array, data):
    done = multiply(*matrices(product), array, watch=True)
    layer = einsum("product", "ofmap[P F] += ifmap[P W] * filter[W F]",
                   P=product.pixels, W=product.window, F=product.filters)  # fmt: skip
    first = data.draw(st.integers(0, done.cycles - 1))
    line = timeline(layer, array, first, data.draw(st.integers(1, 60)))
    shown = slice(first, first + line.cycles)
    told = np.array([[letter in BUSY for letter in states] for states in line.states])
    assert np.array_equal(done.busy[shown].reshape(told.shape), told)
    asked = requests(evaluate(layer, array))
    for name in TENSORS[:2]:
        expected = tuple(len(cycle[name]) for cycle in asked[shown])
        assert expected == line.traffic.get(f"SRAM reads of {name}", (0,) * line.cycles)
    assert tuple(len(cycle["ofmap"]) for cycle in asked[shown]) == line.traffic.get(
        "SRAM writes of ofmap", (0,) * line.cycles
    )


@many(CASES)
@given(products(), arrays())
def test_the_timeline_names_every_mac_of_the_product_once(product, array):
    run = evaluate(product, array)
    layer = einsum("product", "ofmap[P F] += ifmap[P W] * filter[W F]",
                   P=product.pixels, W=product.window, F=product.filters)  # fmt: skip
    line = timeline(layer, array, cycles=run.cycles)
    seen = Counter(
        line.works.iteration(cycle, pe)
        for cycle, states in enumerate(line.states)
        for pe, letter in enumerate(states)
        if letter in BUSY
    )
    assert Counter(np.ndindex(product.pixels, product.window, product.filters)) == seen
    assert run.reads["ofmap"] == line.moved.get("SRAM reads of ofmap", 0)


def requests(run):
    """By cycle, the places of the matrices that cross the edges, one group, in the order of lanes."""
    cycles = []
    for across in range(run.across):
        for down in range(run.down):
            fold = demands(run.gemm, run.array, down, across)
            for cycle in range(run.fold_cycles):
                pairs = {name: zip(*(at[cycle] for at in getattr(fold, name)), strict=True) for name in TENSORS}
                cycles.append({name: [at for at in places if at[0] >= 0] for name, places in pairs.items()})
    return cycles


@many(CASES)
@given(layers(), arrays())
def test_dram_traffic_is_that_of_memories_that_serve_request_after_request(layer, array):
    run = evaluate(layer, array)
    asked = requests(run)
    folds = [asked[at : at + run.fold_cycles] for at in range(0, len(asked), run.fold_cycles)]
    for name in TENSORS[:2]:
        numbers, words = run.numbers(name), getattr(array, name)
        half = 10**9 if words is None else words // 2
        wanted = [[int(numbers[at]) for cycle in fold for at in cycle[name]] for fold in folds]
        whole, parts = {word for fold in wanted for word in fold}, [set(fold) for fold in wanted]
        keeps = [whole if len(whole) <= half else part if max(map(len, parts)) <= half else set() for part in parts]
        held, fetched = set(), 0
        for keep, fold in zip(keeps, wanted, strict=True):
            held &= keep
            for word in fold:
                fetched += word not in held
                held |= {word} & keep
        assert run.gemm.groups * fetched == run.dram_reads[name]


@many(CASES)
@given(layers(), arrays(), st.sampled_from(["ifmap", "filter"]), st.integers(1, 4))
def test_a_larger_memory_never_fetches_more(layer, array, name, times):
    words = getattr(array, name)
    larger = Systolic(array.rows, array.columns, array.dataflow, **{name: words and words * times})
    smaller = Systolic(array.rows, array.columns, array.dataflow, **{name: words})
    assert evaluate(layer, larger).dram_reads[name] <= evaluate(layer, smaller).dram_reads[name]


def test_partial_sums_that_do_not_fit_go_to_dram_and_back():
    product = Gemm("p", pixels=10, window=6, filters=4)
    fits, spills = (evaluate(product, Systolic(2, 2, "ws", ofmap=words)) for words in (40, 38))
    assert (0, 40) == (fits.dram_reads["ofmap"], fits.dram_writes["ofmap"])
    assert (80, 120) == (spills.dram_reads["ofmap"], spills.dram_writes["ofmap"])


@many(CASES)
@given(layers(), arrays(), st.sampled_from(["ifmap", "filter"]), st.integers(1, 3))
def test_a_memory_that_forgets_all_when_full_fetches_word_by_word_what_is_said(layer, array, name, hundreds):
    array = Systolic(array.rows, array.columns, array.dataflow, **{name: 100 * hundreds})
    run = evaluate(layer, array)
    held, fetched = set(), 0
    for cycle in requests(run):
        for at in cycle[name]:
            word = int(run.numbers(name)[at])
            if word not in held:
                held, fetched = held | {word}, fetched + 1
                held = held if len(held) < 50 * hundreds else set()
    assert fetched == refilled(run, name)


ROWS = scalesim_rows()


def named(row):
    return "-".join(str(row[key]) for key in ("network", "layer", "dataflow", "rows", "columns", "ofmap_words"))


def test_the_recorded_rows_cover_three_networks_and_partial_windows_in_three_dataflows():
    kinds = ("alexnet", "resnet50", "mobilenet_v1", "partial windows")
    found = {(row["network"], row["dataflow"]) for row in ROWS}
    assert {(kind, dataflow) for kind in kinds for dataflow in ("ws", "os", "is")} == found
    assert len({named(row) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_cycles_utilization_and_sram_words_are_what_scalesim_reports(row):
    ours = as_scalesim(*scalesim_case(row), dram=False)
    assert {"cycles", "mapping", "compute", "sram_ifmap", "sram_filter", "sram_ofmap"} == set(ours)
    assert row["stalls"] == 0
    assert {name: row[name] for name in ours} == pytest.approx(ours, rel=1e-12)


# The last layers are the small ones; the slow test takes all.
QUICK = [row for row in ROWS if row["dram_ofmap"] is not None and row["sram_ifmap"] + row["sram_filter"] < 3_000_000]


DRAM = ("dram_ifmap", "dram_filter", "dram_ofmap")


def fetched(row):
    ours = as_scalesim(*scalesim_case(row), size=(row["H"], row["W"]))
    return [ours[name] for name in DRAM]


@pytest.mark.parametrize("row", QUICK[:20], ids=named)
def test_dram_words_are_what_scalesim_reports(row):
    assert [row[name] for name in DRAM] == fetched(row)


@pytest.mark.slow
def test_dram_words_are_what_scalesim_reports_for_every_layer_it_ran_whole():
    rows = [row for row in ROWS if row["dram_ofmap"] is not None]
    wrong = [named(row) for row in rows if [row[name] for name in DRAM] != fetched(row)]
    assert [] == wrong
    assert len(rows) >= 15


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "mobilenet_v1"])
def test_the_recorded_rows_are_the_shapes_of_the_catalogs_networks(name):
    network = catalog.alexnet(N=1, fc=True) if name == "alexnet" else getattr(catalog, name)()
    ours = {layer.name: sizes(gemm(layer)) for layer in network.layers}
    theirs = {row["layer"]: sizes(gemm(scalesim_case(row)[0])) for row in ROWS if row["network"] == name}
    assert theirs == {layer: ours[layer] for layer in theirs}
    assert set(theirs.values()) == set(ours.values())


def sizes(product):
    return product.pixels, product.window, product.filters


def test_a_window_that_sticks_out_counts_as_a_whole_one_in_scalesims_convention():
    assert (112, 110) == (windows(224, 7, 2, padding=3), windows(224, 7, 2, convention="scalesim"))
    assert 109 == windows(224, 7, 2)
    with pytest.raises(WorkloadError, match="knows no padding, got 3"):
        windows(224, 7, 2, padding=3, convention="scalesim")
    with pytest.raises(WorkloadError, match="did you mean scalesim"):
        windows(224, 7, 2, convention="scale-sim")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ((3, 5), "a filter of 5 has no place along an input of 3 with padding 0"),
        ((3, 6, 2, 1), "with padding 1"),
        ((3, 5, 0), "padding from 0, got stride 0"),
        ((3.5, 5, 1, -1), "got size 3.5, padding -1"),
    ],
    ids=str,
)
def test_windows_that_cannot_be_are_refused(given, fault):
    with pytest.raises(WorkloadError, match=re.escape(fault)):
        windows(*given)


def test_a_product_has_sizes_from_1_and_an_array_is_a_systolic_one():
    with pytest.raises(WorkloadError, match=r"g: .* got {'pixels': 0, 'filters': 2.5}"):
        Gemm("g", 0, 3, 2.5)
    with pytest.raises(WorkloadError, match="expected a Layer"):
        evaluate("conv3", Systolic(2, 2))
    with pytest.raises(ArchError, match=r"expected a Systolic\(rows, columns, ...\), got \(4, 4\)"):
        evaluate(conv("c", M=2), (4, 4))


def test_a_topology_needs_its_headings_and_a_layer():
    line = "conv, 4, 4, 2, 2, 1, 1, 1,"
    with pytest.raises(WorkloadError, match="line 1: needs headings, which are left out, got a layer, 'conv, 4"):
        from_scalesim(f"{line}\n{line}")
    with pytest.raises(WorkloadError, match="no layer stands after the line of headings"):
        from_scalesim("name, rows, columns")
    with pytest.raises(WorkloadError, match="line 2: a filter of 9 has no place along an input of 4"):
        from_scalesim("head\nwide, 4, 4, 9, 9, 1, 1, 1,")


def test_a_topology_names_every_line_that_cannot_be_read():
    with pytest.raises(WorkloadError, match=r"line 2: .*'a, 1'\n  line 4: .*'b"):
        from_scalesim("head\na, 1\nok, 4, 4, 2, 2, 1, 1, 1,\nb, 4, 4, 2, 2, 1, 1, x,")


def test_a_layer_that_is_no_matrix_product_is_refused():
    with pytest.raises(WorkloadError, match="K index one tensor alone"):
        gemm(einsum("odd", "Z[M] += A[M C K] * B[C]", M=2, C=2, K=2))
    with pytest.raises(WorkloadError, match="two operands, this layer has 3"):
        gemm(einsum("three", "Z[M] += A[M C] * B[C] * D[C]", M=2, C=2))


def test_an_array_that_cannot_be_names_every_fault():
    with pytest.raises(ArchError, match=r"(?s)rows .* got 0.*ofmap .* got -1.*did you mean ws"):
        Systolic(0, 4, "wss", ofmap=-1)


def test_operands_and_cycles_that_do_not_fit_are_refused():
    with pytest.raises(WorkloadError, match=r"got \(2, 3\) and \(2, 2\)"):
        multiply(np.ones((2, 3), int), np.ones((2, 2), int), Systolic(2, 2))
    with pytest.raises(WorkloadError, match="whole numbers, got float64; quantise"):
        multiply(np.full((2, 2), 0.5), np.ones((2, 2), int), Systolic(2, 2))
    layer = conv("c", M=2, C=2, P=3)
    with pytest.raises(WorkloadError, match=r"filter needs the shape \(2, 2, 1, 1\), got \(2,\)"):
        march(layer, Systolic(2, 2), {"ifmap": np.ones(layer.shape("ifmap"), int), "filter": np.ones(2)})
    with pytest.raises(WorkloadError, match=r"cycles 0 to 6; .* got first=7"):
        timeline(layer, Systolic(2, 2), first=7)
