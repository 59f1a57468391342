"""The closed form against the slow machine, the laws both obey, and what other tools count on the same mapping."""

import os

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from accelsim import Arch, Level, Mapping, conv, count, einsum, nest, trace
from accelsim.mapping import Loop, Stage, placed
from accelsim.trace import example, reference
from tests.accelsim.cases import cases

# A longer run: ACCELSIM_CASES=50000 python -m pytest tests/accelsim/test_counts.py
CASES = int(os.environ.get("ACCELSIM_CASES", 2000))


def many(examples):
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@many(CASES)
@given(cases())
def test_the_closed_form_counts_what_the_slow_machine_counts(case):
    layer, arch, mapping = case
    run = trace(*case)
    assert run.counts == count(*case), f"{layer}\n{mapping}\n{arch}"
    assert run.output == reference(layer, example(layer)), f"wrong output: {layer}\n{mapping}\n{arch}"


@many(200)
@given(cases())
def test_every_word_is_fetched_and_every_result_is_stored(case):
    layer, arch, _ = case
    counts = count(*case)
    assert all(moved >= 0 for sums in (counts.reads, counts.writes, counts.carried) for moved in sums.values())
    top = arch.levels[0].name
    for tensor in layer.tensors:
        moved = counts.writes if tensor.output else counts.reads
        assert moved[top, tensor.name] >= layer.words(tensor.name)


@many(200)
@given(cases())
def test_sums_read_are_sums_written_less_those_that_start_at_zero(case):
    layer, arch, _ = case
    counts, output = count(*case), layer.output
    top = arch.levels[0].name
    assert counts.reads[top, output.name] == counts.writes[top, output.name] - layer.words(output.name)


@many(200)
@given(cases(), st.data())
def test_a_loop_of_bound_one_changes_nothing(case, data):
    layer, arch, mapping = case
    stages = list(mapping.stages)
    at = data.draw(st.integers(0, len(stages) - 1))
    loops = list(stages[at].loops)
    loops.insert(data.draw(st.integers(0, len(loops))), Loop(data.draw(st.sampled_from(list(layer.dims))), 1))
    stages[at] = Stage(stages[at].level, tuple(loops), stages[at].keeps)
    assert count(*case) == count(layer, arch, Mapping(tuple(stages)))


@many(200)
@given(cases())
def test_macs_run_once_each_and_idle_and_busy_fill_the_time(case):
    layer, _, _ = case
    run = trace(*case)
    assert layer.macs == len({tuple(mac.iteration.items()) for mac in run.macs}) == len(run.macs)
    assert len({(mac.step, mac.pe) for mac in run.macs}) == len(run.macs)
    assert len(run.macs) <= run.counts.steps * run.counts.active


@many(100)
@given(cases(imperfect=False))
def test_without_multicast_each_copy_pays_for_its_own_words(case):
    layer, arch, mapping = case
    assume(any(p.spatial for p in placed(mapping)))
    alone = Arch("alone", tuple(Level(level.name, fanout=level.fanout, multicast=False) for level in arch.levels))
    shared = Arch("shared", tuple(Level(level.name, fanout=level.fanout, multicast=True) for level in arch.levels))
    for tensor in layer.tensors[:-1]:
        for level in arch.levels:
            key = (level.name, tensor.name)
            assert count(layer, shared, mapping).reads[key] <= count(layer, alone, mapping).reads[key]
        kept = [stage.level for stage in mapping.stages if stage.holds(tensor.name)]
        if len(kept) == 1:
            assert count(layer, alone, mapping).reads[kept[0], tensor.name] == layer.macs


# Counts that Timeloop (4cf6d4c) and AccelForge (1.0.467) give for the same mapping: two levels, matrix product
# Z[m n] += A[m k] * B[n k] with 64 x 32 x 32 and tiles of 8 x 8 x 16 in the buffer, loops in the order named.
TWO_LEVELS = Arch("two levels", (Level("MainMemory"), Level("Buffer")))
PRODUCT = einsum("product", "Z[M N] += A[M K] * B[N K]", M=64, N=32, K=32)
INNER = "Buffer: M8 N8 K16"


@pytest.mark.parametrize(
    ("outer", "reads", "writes"),
    [
        ("M8 N4 K2", {"A": 8192, "B": 8192, "Z": 0}, {"Z": 2048}),
        ("M8 K2 N4", {"A": 2048, "B": 8192, "Z": 2048}, {"Z": 4096}),
        ("K2 M8 N4", {"A": 2048, "B": 8192, "Z": 2048}, {"Z": 4096}),
    ],
)
def test_two_peers_count_the_same_traffic_of_a_tiled_matrix_product(outer, reads, writes):
    counts = count(PRODUCT, TWO_LEVELS, nest(f"MainMemory: {outer} | {INNER}"))
    assert reads == {name: counts.reads["MainMemory", name] for name in reads}
    assert writes == {name: counts.writes["MainMemory", name] for name in writes}
    assert counts.reads["Buffer", "A"] == counts.reads["Buffer", "B"] == 65536


@pytest.mark.parametrize("nested", ["P16 | Buffer: K4 R3", "P4 | Buffer: P4 K4 R3", "R3 | Buffer: P16 K4"])
def test_a_sliding_window_is_fetched_once(nested):
    """Timeloop's exact path counts 18 input words; tools that refetch the halo count 24 to 48."""
    layer = einsum("c1", "O[K P] += I[P+R] * F[K R]", K=4, P=16, R=3)
    counts = count(layer, TWO_LEVELS, nest(f"MainMemory: {nested}"))
    assert counts.reads["MainMemory", "I"] == counts.writes["Buffer", "I"] == 18
    assert counts.reads["MainMemory", "F"] == 12
    assert counts.reads["Buffer", "I"] == 192


def test_a_matrix_vector_product_has_the_intensities_of_the_textbook():
    """K=250, M=100: 0.986 MACs a word with everything kept, 0.333 with one register for x."""
    layer = einsum("mv", "z[M] += x[K] * W[M K]", K=250, M=100)
    words = sum(layer.words(tensor.name) for tensor in layer.tensors)
    assert round(layer.macs / words, 3) == 0.986
    counts = count(layer, Arch("one register", (Level("DRAM"), Level("reg"))), nest("DRAM: K250 M100 | reg[x]:"))
    moved = sum(counts.reads.values()) - counts.reads["reg", "x"] + counts.writes["DRAM", "z"]
    assert round(layer.macs / moved, 3) == 0.333


def test_counts_stay_exact_where_no_walk_could_go():
    layer = einsum("huge", "Z[M N] += A[M K] * B[K N]", M=10**12, N=10**9, K=10**6)
    mapping = nest("DRAM: M1000000000 N1000000000 K3 | buffer: K333334 M1000")
    counts = count(layer, Arch("toy", (Level("DRAM"), Level("buffer"))), mapping)
    assert counts.macs == 10**27
    assert counts.reads["DRAM", "B"] == 10**9 * 10**9 * 10**6


def test_a_pointwise_layer_with_stride_two_fetches_every_other_column():
    layer = conv("pointwise", C=2, M=3, P=4, Q=4, stride=2)
    counts = count(layer, Arch("toy", (Level("DRAM"), Level("spad"))), nest("DRAM: | spad: M3 C2 P4 Q4"))
    assert counts.reads["DRAM", "ifmap"] == 2 * 4 * 4
