"""Plots against pictures that were looked at. `python -m tests.accelsim.test_plot` draws those anew: look again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.testing.compare import compare_images

from accelsim import Arch, Level, catalog, conv, evaluate, nest, plot
from accelsim.mapper import Found, search, space
from accelsim.platforms import platform, roofline
from accelsim.plot import PlotError
from accelsim.report import Report

IMAGES = Path(__file__).parent / "images"
TOLERANCE = 12  # root mean square over a channel, of 255: text moves by a pixel between releases of matplotlib
LAYERS = ("conv1", "conv3")


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    yield
    plt.close("all")


def reports() -> list[Report]:
    machine, mappings = catalog.eyeriss(), catalog.mappings("eyeriss", "alexnet")
    return [evaluate(catalog.alexnet().layer(name), machine, mappings[name]) for name in LAYERS]


def roof() -> Axes:
    tpu = platform("tpu_v1")
    bounds = [roofline(conv(f"fc, batch {n}", N=n, M=4096, C=4096), tpu) for n in (1, 2048)]
    return plot.roofline(tpu, bounds, [bound.attainable / 3 for bound in bounds])


def hunted() -> Found:
    levels = (
        Level("DRAM", read=200, write=200, bandwidth=1),
        Level("GLB", 64, 6, 6, fanout=(2, 2)),
        Level("spad", 12, 1, 1),
    )
    where = space(conv("c", M=4, C=4, P=4, R=3), Arch("toy", levels, 1), "DRAM: ? | GLB: ? ?@x ?@y | spad: ?")
    return search(where)


PLOTS: dict[str, Callable[[], Axes]] = {
    "mapspace": lambda: plot.mapspace(hunted(), 500),
    "pareto": lambda: plot.pareto(
        search(space(conv("c", M=4, C=3, P=4, R=2), catalog.one_pe(), "DRAM: ? | spad: ?"), "pareto")
    ),
    "energy_by_level": lambda: plot.energy(*reports()),
    "energy_by_tensor": lambda: plot.energy(*reports(), by="tensor", names=("first", "third")),
    "roofline": roof,
    "loops": lambda: plot.loops(reports()[1].mapping),
    "pes": lambda: plot.pes(reports()[1].timeline(first=0, cycles=40), 20),
    "occupancy": lambda: plot.occupancy(reports()[1].timeline(first=0, cycles=40)),
    "traffic": lambda: plot.traffic(reports()[1].timeline(first=0, cycles=40)),
    "buffer": lambda: plot.buffer(reports()[1].layer, catalog.eyeriss(), reports()[1].mapping),
    "letters": lambda: plot.letters(
        [("PE 0", "mms", ""), ("PE 1", "mmm", "the slowest")], {"m": "MAC", "s": "waits"}, "two PEs"
    ),
    "tiles": lambda: plot.tiles(
        conv("c", P=4, Q=6, R=3, S=3, stride=1), nest("DRAM: P2 Q2 | GLB: P2 Q3 R3 S3"), 1, "ifmap"
    ),
}


def draw(name: str, path: Path) -> None:
    figure = PLOTS[name]().figure
    figure.set_size_inches(6, 4)
    figure.savefig(path, dpi=60, metadata={"Software": None})


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_looks_as_it_did(name: str, tmp_path: Path) -> None:
    draw(name, tmp_path / f"{name}.png")
    assert compare_images(IMAGES / f"{name}.png", tmp_path / f"{name}.png", TOLERANCE) is None


def test_a_plot_of_something_else_does_not_pass_for_it(tmp_path: Path) -> None:
    draw("energy_by_level", tmp_path / "energy.png")
    assert compare_images(IMAGES / "energy_by_tensor.png", tmp_path / "energy.png", TOLERANCE) is not None


def test_the_bars_of_a_breakdown_add_up_to_the_report() -> None:
    report = reports()[1]
    for by in ("level", "tensor"):
        assert pytest.approx(report.total / report.macs) == sum(
            bar.get_height() for bar in plot.energy(report, by=by).patches
        )


def test_what_moved_so_far_ends_at_what_the_timeline_counts() -> None:
    timeline = reports()[1].timeline(first=0, cycles=40)
    lines = plot.traffic(timeline).lines
    assert [sum(words) for words in timeline.traffic.values()] == [line.get_ydata()[-1] for line in lines]


def test_words_in_several_tiles_are_the_halo() -> None:
    ax = plot.tiles(conv("c", P=4, Q=4, R=3, S=3), nest("DRAM: P2 Q2 | GLB: P2 Q2 R3 S3"), 1, "ifmap")
    assert 4 * 4 * 4 == sum(int(text.get_text()) for text in ax.texts)  # 4 tiles of 4 x 4 words


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda: plot.energy(*reports(), by="levels"), "did you mean level"),
        (lambda: plot.energy(*reports(), names=["one"]), "2 reports and 1 names"),
        (lambda: plot.energy(), "needs reports"),
        (lambda: plot.pes(reports()[0].timeline(first=0, cycles=3), 4), "cycles 1 to 3, got 4"),
        (lambda: plot.traffic(reports()[0].timeline(first=0, cycles=3), ["GLB"]), "got GLB"),
        (
            lambda: plot.buffer(conv("c"), Arch("toy", (Level("DRAM"), Level("r"))), nest("DRAM: | r:")),
            "no level of toy has a capacity",
        ),
        (lambda: plot.tiles(conv("c"), nest("DRAM: | r:"), 1, "weights"), "got 'weights'"),
        (lambda: plot.pareto(hunted()), "'pareto'.*, got a search for 'edp'"),
        (lambda: plot.mapspace(hunted(), samples=0), "from 1, got samples=0"),
    ],
    ids=["by", "names", "none", "cycle", "counter", "capacity", "tensor", "front", "samples"],
)
def test_what_cannot_be_drawn_says_why(asked: Callable[[], Axes], said: str) -> None:
    with pytest.raises(PlotError, match=said):
        asked()


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for each in PLOTS:
        draw(each, IMAGES / f"{each}.png")
        plt.close("all")
