"""The printed formulas of the chapters, evaluated at random values and held to the simulator."""

import itertools
import math
import random
import re
from pathlib import Path

import numpy
import pytest

import accelsim
from accelsim import Arch, Level, evaluate, nest, systolic
from accelsim.formats import Bitmask
from accelsim.published import figure, table
from accelsim.sparsity import skip, sparsify

BOOK = Path(__file__).resolve().parents[2] / "book"
MATRIX = "ofmap[N M] += ifmap[N C] * filter[M C]"
SIZES = range(1, 7)
BUFFERED = Arch("buffered", (Level("DRAM"), Level("buffer")))


def pick(seed: int, names: str) -> dict[str, int]:
    random_sizes = random.Random(seed)
    return {name: random_sizes.choice(SIZES) for name in names.split()}


@pytest.mark.parametrize("seed", range(20))
def test_eq_output_size(seed: int) -> None:
    size = pick(seed, "H pad R stride")
    if size["H"] + 2 * size["pad"] < size["R"]:
        return
    rows = math.floor((size["H"] + 2 * size["pad"] - size["R"]) / size["stride"]) + 1
    span = accelsim.conv("c", P=rows, R=size["R"], stride=size["stride"]).shape("ifmap")[2]
    assert span <= size["H"] + 2 * size["pad"] < span + size["stride"]


@pytest.mark.parametrize("seed", range(20))
def test_eq_macs_and_eq_law(seed: int) -> None:
    size = pick(seed, "N M C P Q R S stride")
    layer = accelsim.conv("c", **size)
    bounds = [size[name] for name in "NMCPQRS"]
    touched = {(size["stride"] * p + r) for p in range(size["P"]) for r in range(size["R"])}
    across = {(size["stride"] * q + s) for q in range(size["Q"]) for s in range(size["S"])}
    assert math.prod(bounds) == layer.macs
    assert size["N"] * size["C"] * len(touched) * len(across) == layer.words("ifmap")


@pytest.mark.parametrize("seed", range(20))
def test_eq_tile_words_and_eq_fits(seed: int) -> None:
    size, tiles = pick(seed, "M C P"), pick(seed + 100, "M C P")
    tile = {name: min(size[name], tiles[name]) for name in size}
    layer = accelsim.conv("c", **size, Q=3, R=3, S=3)
    need = tile["M"] * tile["C"] * 9 + tile["C"] * (tile["P"] + 2) * 5 + tile["M"] * tile["P"] * 3
    text = "DRAM: " + " ".join(f"{name}{-(-size[name] // tile[name])}" for name in size if tile[name] < size[name])
    text += " | buffer: " + " ".join(f"{name}{bound}" for name, bound in (tile | dict(Q=3, R=3, S=3)).items())
    for factor, room, fits in (1, need, True), (1, need - 1, False), (2, 2 * need, True), (2, 2 * need - 1, False):
        machine = Arch("m", (Level("DRAM"), Level("buffer", capacity=room, double=factor == 2)))
        assert fits == (accelsim.problems(layer, machine, nest(text)) == []), text


@pytest.mark.parametrize("order", list(itertools.permutations("MCQ")), ids="".join)
def test_eq_entering(order: tuple[str, ...]) -> None:
    tiles, inside = {"M": 2, "C": 3, "Q": 4}, "M5 C2 Q3"
    layer = accelsim.conv("c", M=10, C=6, Q=12)  # 1 x 1 filter: tiles do not overlap
    report = evaluate(
        layer, BUFFERED, nest("DRAM: " + " ".join(f"{x}{tiles[x]}" for x in order) + f" | buffer: {inside}")
    )
    words = {"ifmap": 2 * 3, "filter": 5 * 2, "ofmap": 5 * 3}
    entering = {}
    for name, indexed in {"ifmap": "CQ", "filter": "MC", "ofmap": "MQ"}.items():
        k = max(at for at, letter in enumerate(order) if letter in indexed)
        entering[name] = words[name] * math.prod(tiles[letter] for letter in order[: k + 1])
    reads = {name: report.counts.reads["DRAM", name] for name in words}
    assert entering["ifmap"] == reads["ifmap"]
    assert entering["filter"] == reads["filter"]
    assert entering["ofmap"] == reads["ofmap"] + layer.words("ofmap")  # what enters first is zero, and free
    assert entering["ofmap"] == report.counts.writes["DRAM", "ofmap"]


@pytest.mark.parametrize("bandwidth", [0.1, 0.5, 4])
def test_eq_overlap(bandwidth: float) -> None:
    layer, mapping = accelsim.conv("c", M=10, C=6, Q=12), nest("DRAM: M2 C3 Q4 | buffer: M5 C2 Q3")
    overlapped, apart = (
        evaluate(
            layer, Arch("m", (Level("DRAM", bandwidth=bandwidth, overlap=overlap), Level("buffer"))), mapping
        ).latency
        for overlap in (True, False)
    )
    transfer = overlapped.transfer["DRAM"]
    assert max(overlapped.ramp + layer.macs, transfer) == overlapped.cycles
    assert layer.macs + transfer == apart.cycles


def test_eq_little() -> None:
    """Eyeriss's own figures: a batch of four, done together."""
    rate, batch = figure("eyeriss.alexnet.fps").value, figure("eyeriss.alexnet.batch").value
    layers = table("eyeriss.alexnet.conv?.total_time")
    latency = sum(layer.value for layer in layers.values()) / 1e3
    assert 5 == len(layers)
    assert batch == pytest.approx(rate * latency, rel=0.01)


def test_eq_energy_per_answer() -> None:
    """Eyeriss's own figures: power over throughput is the sum over layers of power times time, for each picture."""
    power, rate = figure("eyeriss.alexnet.power").value, figure("eyeriss.alexnet.fps").value
    powers, times = (table(f"eyeriss.alexnet.conv?.{name}").values() for name in ("power", "total_time"))
    layers = [watts.value * time.value for watts, time in zip(powers, times, strict=True)]
    assert sum(layers) / figure("eyeriss.alexnet.batch").value / 1e3 == pytest.approx(power / rate, rel=0.01)


@pytest.mark.parametrize("flow", ["ws", "is", "os"])
@pytest.mark.parametrize(("rows", "columns", "streamed"), [(2, 2, 4), (4, 6, 10), (5, 3, 1)])
def test_eq_fold(flow: str, rows: int, columns: int, streamed: int) -> None:
    sizes = {"ws": (streamed, columns, rows), "is": (columns, streamed, rows), "os": (rows, columns, streamed)}[flow]
    product = accelsim.einsum("p", MATRIX, **dict(zip("NMC", sizes, strict=True)))
    line = systolic.timeline(product, systolic.Systolic(rows, columns, flow))
    load = 0 if flow == "os" else rows
    assert load + streamed + rows + columns - 2 == line.cycles


@pytest.mark.parametrize("flow", ["ws", "is", "os"])
def test_eq_utilization(flow: str) -> None:
    product = accelsim.einsum("p", MATRIX, N=5, M=3, C=4)
    run = systolic.evaluate(product, systolic.Systolic(4, 4, flow))
    line = systolic.timeline(product, systolic.Systolic(4, 4, flow))
    assert run.macs / (run.cycles * 16) == pytest.approx(run.spatial * run.temporal)
    assert line.macs / (line.cycles * 16) == pytest.approx(run.utilization)


@pytest.mark.parametrize("density", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("kind", ["int8", "int16"])
def test_eq_bitmask(density: float, kind: str) -> None:
    values = numpy.zeros(400, dtype=kind)
    values[: int(400 * density)] = 3
    assert 400 * (1 + density * values.itemsize * 8) == Bitmask().encode(values).bits


@pytest.mark.parametrize("seed", range(5))
def test_eq_makespan(seed: int) -> None:
    weights = numpy.random.default_rng(seed).integers(0, 2, (3, 4, 5))  # PEs, steps, MACs between points of waiting
    layer = accelsim.einsum("s", "ofmap[M K] += ifmap[K C] * filter[M K C]", M=3, K=4, C=5)
    machine = Arch("m", (Level("DRAM"), Level("PE", fanout=3), Level("reg")))
    dense = evaluate(layer, machine, nest("DRAM: K4 | PE: M3@x | reg: C5"))
    left = weights.sum(axis=2)
    sparse = sparsify(dense, {"filter": weights}, skip("filter"), sync="PE")
    assert left.max(axis=0).sum() == sparse.cycles


def test_every_labelled_equation_of_the_book_is_evaluated_here() -> None:
    printed = {label for page in BOOK.glob("*.md") for label in re.findall(r"\$\$ \((eq-[\w-]+)\)", page.read_text())}
    tested = set(re.findall(r"eq_\w+", " ".join(name for name in globals() if name.startswith("test_eq"))))
    words = {part for name in tested for part in name.replace("_and_", " ").split()}
    assert {label.replace("-", "_") for label in printed} - words == set()
