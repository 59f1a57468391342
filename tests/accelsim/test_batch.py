"""Many mappings at once give what each gives alone."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelsim.batch
from accelsim import Arch, Level, catalog, conv, evaluate, nest, problems
from accelsim.batch import Batch, evaluate_batch, sample
from accelsim.errors import MappingError
from tests.accelsim.cases import layers
from tests.accelsim.test_counts import many

capacities = st.one_of(st.none(), st.integers(1, 60), st.just({"ifmap": 6, "filter": 9, "Z": 3}))


@st.composite
def machines(draw):
    names = ["DRAM", "GLB", "buffer", "spad"][: draw(st.integers(1, 4))]
    fans = st.sampled_from([(1, 1), (2, 1), (3, 2), (6, 6)])
    return Arch(
        "random",
        tuple(
            Level(
                name,
                capacity=draw(capacities) if at else None,
                read=draw(st.integers(0, 3)),
                write=draw(st.integers(0, 3)),
                bandwidth=draw(st.sampled_from([None, 1, 0.7])),
                fanout=draw(fans),
                multicast=draw(st.booleans()),
                reduction=draw(st.booleans()),
                accumulate=draw(st.booleans()),
                read_bandwidth=draw(st.sampled_from([None, 2])),
                write_bandwidth=draw(st.sampled_from([None, 0.5])),
                leak=draw(st.sampled_from([0, 0.25])),
                link=draw(st.integers(0, 2)),
                double=draw(st.booleans()),
                overlap=draw(st.booleans()),
            )
            for at, name in enumerate(names)
        ),
        mac=1,
        leak=draw(st.sampled_from([0, 2])),
        word=8,
        bits=draw(st.sampled_from([{}, {"ofmap": 32, "filter": 4}])),
    )


def ragged(layer, arch, count, seed, keeps):
    """Random mappings whose loops cover the layer and more: from the inside out, each bound up to what is left."""
    random = np.random.default_rng(seed)
    slots = [
        (axis, at)
        for at in range(len(arch.levels))
        for axis in (0, 1, 2)
        if not axis or max(arch.levels[at].fanout) > 1
    ]
    bounds = np.ones((3, len(arch.levels), len(layer.dims), count), dtype=np.int64)
    for index in range(count):
        for d, size in enumerate(layer.dims.values()):
            step = 1
            for slot in sorted(random.permutation(len(slots))[:3], reverse=True):
                bound = random.integers(1, -(-size // step) + 1)
                bounds[slots[slot][0], slots[slot][1], d, index] = bound
                step *= bound
            bounds[0, 0, d, index] *= -(-size // step)
    order = np.argsort(random.random(bounds.shape[1:]), axis=1)
    return Batch(tuple(level.name for level in arch.levels), tuple(layer.dims), *bounds, order, tuple(keeps))


def agrees(layer, arch, batch, costs, index):
    """Whether a mapping of a batch fits, after comparing all that is known of it with what it gives alone."""
    mapping = batch.mapping(index)
    faults = problems(layer, arch, mapping)
    assert bool(faults) != bool(costs.valid[index]), f"{faults} {mapping}"
    if not faults:
        report = evaluate(layer, arch, mapping)
        context = f"{layer}\n{mapping}\n{arch}"
        assert {key: int(moved[index]) for key, moved in costs.reads.items()} == report.counts.reads, context
        assert {key: int(moved[index]) for key, moved in costs.writes.items()} == report.counts.writes, context
        assert costs.energy[index] == pytest.approx(report.total, rel=1e-12), context
        assert costs.cycles[index] == report.cycles, context
        assert costs.active[index] == report.counts.active, context
    return not faults


@many(300)
@given(layers(), machines(), st.integers(0, 2**32 - 1), st.sampled_from([sample, ragged]), st.data())
def test_a_batch_gives_what_each_mapping_gives_alone(layer, arch, seed, draw, data):
    names = [tensor.name for tensor in layer.tensors]
    some = st.lists(st.sampled_from(names), unique=True).map(tuple)
    keeps = (None, *(data.draw(some) for _ in arch.levels[1:]))
    batch = draw(layer, arch, 8, seed, keeps)
    costs = evaluate_batch(layer, arch, batch, chunk=5)
    for index in range(len(batch)):
        agrees(layer, arch, batch, costs, index)


@pytest.mark.parametrize("name", ["conv1", "conv2"])
def test_clipped_edges_of_real_layers_agree_too(name):
    layer, keeps = catalog.alexnet().layer(name), (None, ("ifmap", "ofmap"), None)
    machine = catalog.eyeriss()
    roomy = replace(machine, levels=tuple(replace(at, capacity=None, fanout=(99, 99)) for at in machine.levels))
    batch = ragged(layer, roomy, 120, 3, keeps)
    costs = evaluate_batch(layer, roomy, batch)
    sizes = np.array(list(layer.dims.values()))[:, None]
    clipped = (np.prod([batch.time, batch.x, batch.y], axis=(0, 1)) != sizes).any(axis=0)
    assert 10 == sum(agrees(layer, roomy, batch, costs, index) for index in np.flatnonzero(costs.valid & clipped)[:10])


def test_real_layers_agree_too():
    arch, keeps = catalog.eyeriss(), (None, ("ifmap", "ofmap"), None)
    checked = 0
    for layer in (catalog.alexnet().layer("conv3"), conv("res2", M=64, C=64, P=56, Q=56, R=3, S=3)):
        batch = sample(layer, arch, 3000, 7, keeps)
        costs = evaluate_batch(layer, arch, batch)
        for index in np.flatnonzero(costs.valid)[:20]:
            report = evaluate(layer, arch, batch.mapping(index))
            assert {key: int(moved[index]) for key, moved in costs.reads.items()} == report.counts.reads
            assert costs.energy[index] == pytest.approx(report.total, rel=1e-12)
            checked += 1
    assert checked == 40


def test_mappings_that_do_not_fit_say_why():
    layer = conv("c", M=12, C=5)
    arch = Arch("toy", (Level("DRAM", fanout=(2, 1)), Level("spad", capacity=8)))
    time = np.array([[[12, 6, 1, 5]], [[1, 1, 1, 1]]])
    shape = (2, len(layer.dims), 4)
    ones = np.ones(shape, dtype=int)
    at_m, at_c = list(layer.dims).index("M"), list(layer.dims).index("C")
    bounds, x = ones.copy(), ones.copy()
    bounds[:, at_m] = time[:, 0]
    bounds[0, at_c] = 5
    bounds[1, at_m, 2] = 3
    x[0, at_m] = [1, 2, 4, 2]
    order = np.tile(np.arange(len(layer.dims))[None, :, None], (2, 1, 4))
    costs = evaluate_batch(
        layer, arch, Batch(("DRAM", "spad"), tuple(layer.dims), bounds, x, ones, order, (None, None))
    )
    assert costs.valid.tolist() == [True, True, False, False]
    assert costs.reasons["fanout DRAM x"].tolist() == [False, False, True, False]
    assert costs.reasons["factors"].tolist() == [False, False, False, True]
    bounds[1, at_c, 0], bounds[0, at_c, 0] = 5, 1
    costs = evaluate_batch(
        layer, arch, Batch(("DRAM", "spad"), tuple(layer.dims), bounds, x, ones, order, (None, None))
    )
    assert costs.reasons["capacity spad"].tolist()[:2] == [True, False]


def test_a_batch_for_another_machine_or_layer_is_refused_in_words():
    layer, toy = conv("c", M=2), Arch("toy", (Level("DRAM"), Level("spad")))
    batch = sample(layer, toy, 3, seed=0)
    with pytest.raises(MappingError, match="the batch has levels DRAM spad, the machine DRAM GLB spad"):
        evaluate_batch(layer, catalog.eyeriss(), batch)
    with pytest.raises(MappingError, match="not exact in a batch"):
        evaluate_batch(conv("c", M=2**60), toy, batch)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"time": lambda a: -a}, "bounds must be 1 or more, time has -4"),
        ({"order": lambda a: a * 0}, "order must give each dimension of a level its own place from 0 to 6"),
        ({"x": lambda a: a[:1]}, "the arrays must all have shape (2 levels, 7 dimensions, mappings)"),
        ({"y": lambda a: a * 1.0}, "y must hold whole numbers, got float64"),
        ({"keeps": lambda a: (None,)}, "keeps needs an entry for each of 2 levels, got 1"),
        ({"keeps": lambda a: (None, ("fliter",))}, "keeps names fliter, the layer has ifmap, filter, ofmap; did you"),
        ({"keeps": lambda a: (("filter",), None)}, "the outermost level DRAM must keep every tensor"),
    ],
)
def test_arrays_that_describe_no_mappings_are_refused_in_words(change, fault):
    layer, toy = conv("c", M=4, C=3), Arch("toy", (Level("DRAM"), Level("spad")))
    batch = sample(layer, toy, 20, seed=0)
    broken = replace(batch, **{name: make(getattr(batch, name)) for name, make in change.items()})
    with pytest.raises(MappingError, match=re.escape(fault)):
        evaluate_batch(layer, toy, broken)


@pytest.mark.parametrize(("count", "seed"), [(-1, 0), (2.5, 0), (3, -1), (3, None)])
def test_a_sample_needs_a_count_and_a_seed(count, seed):
    with pytest.raises(MappingError, match="a sample needs whole numbers of 0 or more"):
        sample(conv("c", M=2), catalog.eyeriss(), count, seed)


def test_a_batch_in_pieces_is_the_batch(monkeypatch):
    layer, arch = catalog.alexnet().layer("conv3"), catalog.eyeriss()
    batch = sample(layer, arch, 3000, 3)
    whole = evaluate_batch(layer, arch, batch)
    monkeypatch.setattr(accelsim.batch, "LARGE", 0)
    pieces = evaluate_batch(layer, arch, batch, chunk=77)
    assert (whole.energy == pieces.energy).all()
    with pytest.raises(MappingError, match="chunk must be a whole number of 1 or more, got 0"):
        evaluate_batch(layer, arch, batch, chunk=0)


def test_a_batch_reads_back_as_nests():
    batch = sample(conv("c", M=4, C=3), catalog.eyeriss(), 5, seed=2)
    assert all(nest(str(batch.mapping(index))) == batch.mapping(index) for index in range(5))
