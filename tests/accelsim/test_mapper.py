"""The mapper: spaces are counted exactly, the pruned search finds what going through everything finds."""

import itertools
import json
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import Arch, Level, catalog, conv, einsum, evaluate, nest, problems
from accelsim.cli import main
from accelsim.errors import MappingError
from accelsim.mapper import Progress, hunt, keeping, search, space, tables, tiles
from accelsim.mapper.hunt import compulsory
from accelsim.mapper.orders import Orders
from accelsim.mapper.tiles import Bound, Lattice
from tests.accelsim.test_counts import CASES, many
from tests.bench import mapper as bench

# A longer run, 2,000 random spaces: ACCELSIM_CASES=60000 python -m pytest tests/accelsim/test_mapper.py
MOST = 30_000  # mappings of a space that the property test goes through
ROWS = "DRAM: ? | GLB[ifmap ofmap]: ? ?@x ?@y | spad: ?"  # Eyeriss: filters go past the GLB


def layer_of(draw):
    """A small convolution or product of matrices."""
    if draw.random() < 0.3:
        text = "Z[M N] += A[M K] * B[K N]"
        return einsum("gemm", text, M=draw.choice([2, 4, 6]), N=draw.choice([2, 3, 4]), K=draw.choice([2, 3, 4]))
    few, two = [1, 2, 3], [1, 1, 2]
    return conv(
        "c", N=draw.choice(two), M=draw.choice([1, 2, 3, 4]), C=draw.choice(few), P=draw.choice([1, 2, 3, 4]),
        Q=draw.choice(two), R=draw.choice(few), S=draw.choice(two), stride=draw.choice(two), dilation=draw.choice(two),
    )  # fmt: skip


def machine_of(draw):
    """Two or three levels, with or without limits, arrays, multicast, leakage and so on."""
    names = ["DRAM", "GLB", "spad"][: draw.choice([2, 3, 3])]
    levels = [
        Level(
            name,
            capacity=draw.choice([None, 6, 12, 30]) if at else None,
            read=draw.choice([0, 1, 6, 200]),
            write=draw.choice([1, 6, 200]),
            bandwidth=draw.choice([None, None, 1, 0.5]),
            read_bandwidth=draw.choice([None, None, 2]),
            fanout=draw.choice([(1, 1), (2, 1), (2, 2), (4, 3)]),
            multicast=draw.random() < 0.8,
            reduction=draw.random() < 0.8,
            accumulate=draw.random() < 0.9,
            link=draw.choice([0, 0, 2]),
            double=draw.random() < 0.2,
            overlap=draw.random() < 0.8,
            leak=draw.choice([0, 0, 0.1]),
        )
        for at, name in enumerate(names)
    ]
    return Arch("m", tuple(levels), 1, leak=draw.choice([0, 1]), word=8, bits=draw.choice([{}, {"ofmap": 16, "Z": 16}]))


def case(seed):
    """A random small space and an objective."""
    draw = random.Random(seed)
    layer, arch = layer_of(draw), machine_of(draw)
    stages = [f"DRAM: ?{draw.choice(['', '', ' ?@x ?@y'])}"]
    stages += [f"{at.name}{draw.choice(['', '', '[*]'])}: ?{draw.choice(['', ' ?@x ?@y'])}" for at in arch.levels[1:]]
    return space(layer, arch, " | ".join(stages)), draw.choice(["energy", "cycles", "edp", "pareto"])


def searched(where, objective, method):
    try:
        return search(where, objective, method=method)
    except MappingError as error:
        if "no mapping fits" not in str(error):
            raise
        return None


def differs(seed):
    """How the pruned search of a space differs from going through all of it; None if it does not, or is too large."""
    where, objective = case(seed)
    if where.size > MOST:
        return None
    every, pruned = (searched(where, objective, method) for method in ("exhaustive", "pruned"))
    if every is None or pruned is None:
        return None if every is pruned else f"only one found a mapping that fits: {every} {pruned}"
    assert every.proven
    assert [] == problems(where.layer, where.arch, pruned.mapping)
    expected, got = ([(p.energy, p.cycles) for p in found.front] for found in (every, pruned))
    if objective != "pareto":
        expected, got = [every.value], [pruned.value]
    same = np.shape(expected) == np.shape(got) and np.allclose(expected, got, rtol=1e-9, atol=0)
    return None if same and pruned.proven else f"{objective} {expected} {got} {every.mapping} {pruned.mapping}"


@many(CASES // 30)
@given(st.integers(0, 2**32 - 1))
def test_the_pruned_search_finds_what_going_through_everything_finds(seed):
    assert differs(seed) is None


def keyed(lattice, levels):
    """One number for the loops of several levels: bounds of shape (levels, dimensions, mappings)."""
    radix = np.cumprod([1, *(lattice.points[:, -1].astype(int) + 1)[:-1]])
    sorter = np.argsort(radix @ lattice.points.astype(int))
    numbers = [sorter[np.searchsorted((radix @ lattice.points.astype(int))[sorter], radix @ loops)] for loops in levels]
    return sum(number * len(sorter) ** at for at, number in enumerate(numbers))


def above(seed):
    """A bound that is above what some mapping behind it costs; None if there is none, or the space is too large."""
    where, _ = case(seed)
    if where.size > MOST:
        return None
    lattice = Lattice.of(where.layer)
    for batch in where.batches():
        tree = hunt._Tilings(where, batch.keeps, lattice, Counter())
        inner, costs = tree.inner(), where.costs(batch)
        whole = tree.whole(inner.at(np.arange(len(inner.energy))), lambda energy, cycles: np.zeros(len(energy), bool))
        for found, first in ((inner, tree.array + 1), (whole, 0)):
            known = keyed(lattice, lattice.points[:, np.concatenate([found.time[first:], found.space])].swapaxes(0, 1))
            order = np.argsort(known)
            mine = keyed(lattice, np.concatenate([batch.time[first:], batch.x * batch.y]))[costs.valid]
            at = order[np.minimum(np.searchsorted(known[order], mine), len(known) - 1)] if len(known) else []
            if len(known) == 0 < len(mine) or (known[at] != mine).any():
                return "a mapping that fits is in no tiling"
            for bound, cost in ((found.energy, costs.energy), (found.cycles, costs.cycles)):
                if (bound[at] > cost[costs.valid] * (1 + 1e-9)).any():
                    return f"{where.layer} {where.arch} {batch.keeps}: levels from {first} on bounded too high"
    return None


@many(CASES // 60)
@given(st.integers(0, 2**32 - 1))
def test_no_bound_is_above_what_a_mapping_behind_it_costs(seed):
    assert above(seed) is None


def every_step(self, place, closing):
    return place.time, np.full_like(place.time, -1)


def nothing_stays(box, span, shift):
    return box


UNSOUND = {
    "a bound a fifth too high": (Bound, "boundary", lambda whole: lambda *given: whole(*given) * 1.2),
    "words forgotten that stay open": (Bound, "outside", lambda whole: every_step),
    "windows that share nothing": (tiles, "_uncovered", lambda whole: nothing_stays),
    "a tensor left alone comes anew twice": (Bound, "again", lambda whole: lambda *given: 2 * whole(*given)),
    "larger tiles are forgotten": (Lattice, "least", lambda whole: lambda self, values, dims=None: values),
    "one order of each level": (Orders, "of", lambda whole: lambda *given: whole(*given)[:1]),
    "tiles twice as large": (Bound, "capacity", lambda whole: lambda self, at, tiles: whole(self, at, 2 * tiles)),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_a_prune_that_is_not_sound_is_caught(name, monkeypatch):
    where, method, make = UNSOUND[name]
    monkeypatch.setattr(where, method, make(getattr(where, method)))
    assert any(differs(seed) or above(seed) for seed in range(100, 200))


@pytest.mark.parametrize("objective", ["energy", "cycles", "edp"])
def test_the_score_is_that_of_evaluate_and_no_fault_is_found(objective):
    layer, arch = catalog.alexnet().layer("conv5"), catalog.eyeriss()
    found = search(space(layer, arch, ROWS), objective, seconds=1)
    report = evaluate(layer, arch, found.mapping)
    assert [] == problems(layer, arch, found.mapping)
    value = {"energy": report.total, "cycles": report.cycles, "edp": report.total * report.cycles}[objective]
    assert value == pytest.approx(found.value, rel=1e-12)
    assert 0 < found.bound <= found.value


TOY = Arch("toy", (Level("DRAM"), Level("GLB", 12, fanout=(2, 2)), Level("spad", 6)))


@pytest.mark.parametrize("imperfect", [False, True], ids=["whole", "imperfect"])
@pytest.mark.parametrize(
    "text",
    [
        "DRAM: ? | GLB: ? | spad: ?",
        "DRAM: ? | GLB[*]: ? ?@x ?@y | spad: M? P?",
        "DRAM: M? C? P? | GLB[ifmap]: P2@x C?@y | spad[*]: ?",
        "DRAM: C3 ? | GLB: ?@x M?@y | spad:",
    ],
)
def test_the_size_of_a_space_is_the_number_of_its_mappings(text, imperfect):
    where = space(conv("c", M=2, C=3, P=2), TOY, text, imperfect)
    mappings = {str(batch.mapping(at)) for batch in where.batches() for at in range(len(batch))}
    assert len(mappings) == where.size == sum(len(batch) for batch in where.batches())


def test_every_mapping_of_the_nests_own_kind_is_in_the_space():
    layer, arch = conv("c", M=2, C=3), Arch("toy", (Level("DRAM"), Level("spad", fanout=(2, 1))))
    where = space(layer, arch, "DRAM: ? | spad: ? ?@x")
    # M: one of three slots. C: over time at either level. Two loops at one level stand in either order.
    assert 3 * 2 + 2 == where.size


def test_what_does_not_fit_is_counted_by_reason():
    where = space(conv("c", M=4, C=3, P=2, R=2), TOY, "DRAM: ? | GLB: ? ?@x ?@y | spad: ?")
    why = where.invalid(list(where.batches()))
    costs = [where.costs(batch) for batch in where.batches()]
    assert why["all"] == where.size
    assert why["valid"] == sum(int(cost.valid.sum()) for cost in costs)
    assert 0 < why["capacity spad"] < where.size - why["valid"] + 1


def test_a_search_that_was_stopped_goes_on_to_the_same_end():
    where = space(catalog.alexnet().layer("conv1"), catalog.eyeriss(), ROWS)
    whole = search(where, "edp")
    found = search(where, "edp", seconds=0)
    assert not found.proven
    assert 0 < found.progress.done < found.progress.total
    found = search(where, "edp", resume=Progress.loads(found.progress.dumps()))
    assert found.proven
    assert found.value == whole.value


def test_an_interrupted_search_keeps_the_best_so_far(monkeypatch):
    where = space(catalog.alexnet().layer("conv1"), catalog.eyeriss(), ROWS)
    calls, cost = itertools.count(), hunt._cost

    def pressed(*given):
        if next(calls) == 1:
            raise KeyboardInterrupt
        cost(*given)

    monkeypatch.setattr(hunt, "_cost", pressed)
    found = search(where, "edp")
    assert not found.proven
    assert 0 < found.bound < found.value
    assert [] == problems(where.layer, where.arch, found.mapping)


def test_an_interrupt_while_a_search_by_chance_looks_for_its_start_ends_it(monkeypatch):
    where = space(catalog.alexnet().layer("conv1"), catalog.eyeriss(), ROWS, imperfect=True)
    calls, cost = itertools.count(), hunt._cost

    def pressed(*given):
        if next(calls) == 1:
            raise KeyboardInterrupt
        cost(*given)

    monkeypatch.setattr(hunt, "_cost", pressed)
    monkeypatch.setattr(hunt, "ROUNDS", 1)
    found = search(where)
    assert (2, 0) == (next(calls), found.progress.done)
    assert [] == problems(where.layer, where.arch, found.mapping)


def test_a_search_by_chance_repeats_itself_and_stays_above_its_bound(monkeypatch):
    monkeypatch.setattr(hunt, "ROUNDS", 3)
    monkeypatch.setattr(hunt, "BROOD", 150)
    where = space(conv("c", M=4, C=3, P=5, R=3), TOY, "DRAM: ? | GLB[*]: ? ?@x ?@y | spad: ?", imperfect=True)
    one, two = (search(where, "energy", method="random", seed=7) for _ in range(2))
    assert (one.mapping, one.value) == (two.mapping, two.value)
    assert 0 <= one.bound <= one.value
    assert [] == problems(where.layer, where.arch, one.mapping)


def test_a_search_by_chance_starts_from_no_more_layers_than_it_has_time_for(monkeypatch):
    where = space(conv("c", M=11, C=11, P=23, R=3), TOY, "DRAM: ? | GLB: ? ?@x ?@y | spad: ?", imperfect=True)
    clock, asked = itertools.count(), []

    def counted(one, *given, **named):
        asked.append(one.layer)
        return search(one, *given, **named)

    monkeypatch.setattr(hunt, "search", counted)
    monkeypatch.setattr(hunt, "perf_counter", lambda: next(clock))
    found = search(where, method="random", seconds=1)
    assert len(hunt._larger(where.layer)) > 2
    assert 1 == len(asked)
    assert [] == problems(where.layer, where.arch, found.mapping)


@many(CASES // 60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.1, 0.5]))
def test_a_search_that_stops_sooner_keeps_its_word(seed, within):
    where, objective = case(seed)
    if where.size <= MOST and objective != "pareto" and (every := searched(where, objective, "exhaustive")):
        found = search(where, objective, method="pruned", within=within)
        assert every.value * (1 - 1e-9) <= found.value <= every.value * (1 + within) * (1 + 1e-9)
        assert found.bound <= every.value * (1 + 1e-9)
        assert found.gap <= within + 1e-9


@pytest.mark.slow
def test_bounds_that_need_not_divide_beat_the_chips_mapping_and_the_best_that_divide(monkeypatch):
    monkeypatch.setattr(hunt, "ROUNDS", 1)
    layer, arch = catalog.alexnet().layer("conv1"), catalog.eyeriss()
    chip = evaluate(layer, arch, catalog.mappings("eyeriss", "alexnet")["conv1"])
    divided = search(space(layer, arch, ROWS))
    found = search(space(layer, arch, ROWS, imperfect=True))
    assert found.value < chip.total * chip.cycles < divided.value
    assert [] == problems(layer, arch, found.mapping)
    assert found.bound <= divided.value


@many(CASES // 50)
@given(st.integers(0, 2**32 - 1))
def test_compulsory_traffic_is_below_every_mapping(seed):
    where, objective = case(seed)
    for batch in where.sample(50, seed):
        costs = where.costs(batch)
        values = {"energy": costs.energy, "cycles": costs.cycles}.get(objective, costs.energy * costs.cycles)
        assert (values[costs.valid] >= compulsory(where, objective, batch.keeps) * (1 - 1e-12)).all()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("DRAM: ? | spad: ?", "one stage for each of DRAM, GLB, spad, in that order, got 2"),
        ("DRAM: M | GLB: ? | spad: ?", "expected a loop such as M4, M?, P?@x or ?, got 'M'"),
        ("DRAM: X? | GLB: ? | spad: ?", "X? is over X, the layer has N M C P Q R S"),
        ("DRAM: ? | GLB[ifmp]: ? | spad: ?", "no tensor ifmp, the layer has ifmap, filter, ofmap; did you mean"),
        ("DRAM[ifmap]: ? | GLB: ? | spad: ?", "the outermost level keeps every tensor"),
        ("DRAM: M2 C? M2 | GLB: ? | spad: ?", "DRAM: M2 is a second loop over M over time; a level has at most one"),
        ("DRAM: ? | GLB: M2@x M?@x | spad: ?", "GLB: M?@x is a second loop over M along x; a level has at most one"),
        (3, "with a template as text or None"),
    ],
)
def test_a_template_that_cannot_be_read_is_refused_in_words(text, fault):
    with pytest.raises(MappingError) as caught:
        space(conv("c", M=4), TOY, text)
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("DRAM: M3 ? | GLB: | spad: M?", "M: no bounds for M3 at DRAM, M? at spad cover 4"),
        ("DRAM: | GLB: | spad:", "M: no loop covers 4; add M4 or M?\n  R: no loop covers 3; add R3 or R?"),
        (
            "DRAM: ? | GLB: M4@x | spad: ?",
            "M: no bounds for M? at DRAM, M4@x at GLB, M? at spad cover 4; GLB has room for 2",
        ),
    ],
)
def test_a_template_that_leaves_no_mapping_says_which_dimension_it_does_not_cover(text, fault):
    where = space(conv("c", M=4, R=3), TOY, text)
    assert where.size == 0
    for method in (None, "random"):
        with pytest.raises(MappingError) as caught:
            search(where, method=method)
        assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"seconds": -1}, "seconds -1: a number of 0 or more"),
        ({"seconds": float("nan")}, "seconds nan"),
        ({"seconds": "10"}, "seconds '10'"),
        ({"seed": -1}, "seed -1: a whole number of 0 or more"),
        ({"within": "1%"}, "within '1%': a share"),
        ({"objective": "enrgy", "seed": 0.5}, "did you mean energy?\n  seed 0.5"),
    ],
)
def test_what_a_search_cannot_be_asked_for_is_refused_in_words(asked, fault):
    with pytest.raises(MappingError) as caught:
        search(space(conv("c", M=4), TOY), **asked)
    assert fault in str(caught.value)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"points": [], "counts": [], "kee": 1}'])
def test_progress_is_read_from_nothing_but_progress(text):
    with pytest.raises(MappingError, match=r"progress is text that Progress\.dumps wrote"):
        Progress.loads(text)
    with pytest.raises(MappingError, match=r"goes on from Found\.progress"):
        search(space(conv("c", M=4), TOY), resume=text)


def test_where_nothing_costs_anything_every_mapping_is_proven_best():
    found = search(space(conv("c", M=2), TOY), "energy")
    assert (found.value, found.bound, found.gap) == (0, 0, 0)
    assert "no mapping is better" in str(found)


def test_a_mapping_of_another_machine_makes_no_template():
    with pytest.raises(MappingError, match=r"toy: needs a Mapping with the levels DRAM \| GLB \| spad"):
        keeping(TOY, nest("DRAM: | spad:"))


def test_an_unknown_objective_is_refused_with_what_there_is():
    with pytest.raises(MappingError, match="objective 'enrgy': it is one of energy, cycles, edp, pareto; did you mean"):
        search(space(conv("c", M=4), TOY), "enrgy")


def test_the_command_prints_the_mapping_its_bound_and_what_was_discarded(capsys):
    assert main(["map", "tpu_v1", "alexnet", "conv3"]) == 0
    printed = capsys.readouterr().out
    found = search(space(catalog.alexnet().layer("conv3"), catalog.tpu_v1(), keeping_of("tpu_v1")))
    for words in (str(found.mapping), found.mapping.pretty(), "no mapping is better", "0.00% between them"):
        assert words in printed
    assert all(f"{many:,} {why}" in printed for why, many in found.discarded.items())


def keeping_of(machine):
    return keeping(catalog.machine(machine), catalog.mappings(machine, "alexnet")["conv1"])


def test_the_command_gives_the_same_as_data_for_a_part_of_the_space(capsys):
    text = "DRAM: ? | GLB[ifmap ofmap]: ? P13@x R3@y M4@y | spad: ?"
    assert main(["map", "eyeriss", "alexnet", "conv3", "--objective", "pareto", "--template", text, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["proven"]
    assert data["gap"] == 0
    assert [] == problems(catalog.alexnet().layer("conv3"), catalog.eyeriss(), nest(data["mapping"]))
    assert data["front"] == sorted(data["front"], key=lambda point: point["energy"])


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("eyerss", "alexnet", "conv3"), "no machine 'eyerss'"),
        (("eyeriss", "alexnet", "conv9"), "no layer of alexnet 'conv9'; there is conv1"),
        (("eyeriss", "alexnet", "conv3", "--objective", "enrgy"), "did you mean energy?"),
        (("eyeriss", "alexnet", "conv3", "--template", "DRAM: ?"), "one stage for each of DRAM, GLB, spad"),
        (("eyeriss", "alexnet", "conv3", "--objective", "pareto", "--within", "1"), "0 for a front"),
        (("one_pe", "alexnet", "conv3", "--template", "DRAM: | spad: M384 ?"), "no mapping fits"),
        (("one_pe", "alexnet", "conv3", "--template", ""), "one stage for each of DRAM, spad"),
    ],
)
def test_the_command_refuses_what_it_cannot_search_with_status_2(words, fault, capsys):
    assert main(["map", *words]) == 2
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("--seconds", "x"), ("--seconds", "-1"), ("--seed", "-1"), ("--seed", "a"), ("--within", "x")]
)
def test_the_command_refuses_numbers_it_cannot_use(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["map", "eyeriss", "alexnet", "conv3", *words])
    assert caught.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_the_chips_mappings_are_a_few_percent_from_the_best_for_the_reasons_that_the_page_gives():
    rows = {name: (theirs, found) for name, theirs, found in tables.chip()}
    for theirs, found in rows.values():
        assert found.proven
        assert 1 < theirs.total / found.report.total < 1.1
        assert theirs.counts.writes["GLB", "ofmap"] > found.report.counts.writes["GLB", "ofmap"]
    for name in ("conv3", "conv4", "conv5"):
        theirs, ours = rows[name][0], rows[name][1].report
        assert theirs.counts.active == ours.counts.active
        assert theirs.by_level()["DRAM"] == ours.by_level()["DRAM"]
    theirs, found = rows["conv1"]
    assert theirs.total * theirs.cycles < found.value
    assert "cut off" in tables.why(theirs, found.report)
    side_by_side = {
        name: any(loop.dim == "C" and loop.axis for stage in theirs.mapping.stages for loop in stage.loops)
        for name, (theirs, _) in rows.items()
    }
    assert side_by_side == {"conv1": False, "conv2": False, "conv3": False, "conv4": True, "conv5": True}


def test_the_recorded_benchmark_has_every_layer_and_its_mappings_are_no_better_than_their_bounds():
    rows = tables.recorded()
    for machine, network in itertools.product(("eyeriss", "tpu_v1"), ("alexnet", "resnet50")):
        mine = [row["layer"] for row in rows if (row["machine"], row["network"]) == (machine, network)]
        assert mine == [layer.name for layer in bench.layers(network)]
        assert len(tables.benchmark(machine, network).rows) == len(mine)
    assert all(float(row["gap"]) >= 0 for row in rows)
    assert all(float(row["edp"]) == pytest.approx(float(row["energy"]) * float(row["cycles"])) for row in rows)
