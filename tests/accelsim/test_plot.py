"""Plots against pictures that were looked at. `python -m tests.accelsim.test_plot` draws those anew: look again."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from accelsim import Arch, Level, catalog, conv, evaluate, evaluate_network, nest, plot
from accelsim.mapper import Found, search, space
from accelsim.platforms import Bound, Platform, platform, roofline
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


def on_one_pe(name: str) -> Report:
    return evaluate(conv(name, M=4, C=3), catalog.one_pe(), nest("DRAM: M4 C3 | spad:"))


def many() -> list[Report]:
    return [on_one_pe(layer.name) for layer in catalog.resnet50().layers]


def many_bounds() -> tuple[Platform, list[Bound], list[float]]:
    v100 = platform("v100")
    bounds = [roofline(layer, v100) for layer in catalog.resnet50().layers]
    return v100, bounds, [bound.attainable / 1000 for bound in bounds]


def wide(columns: int) -> Report:
    levels = (Level("DRAM"), Level("buffer", fanout=(columns, 3)))
    return evaluate(conv("c", M=columns, C=2), Arch("wide", levels), nest(f"DRAM: | buffer: M{columns}@x C2@y"))


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
    "energy_of_many": lambda: plot.energy(*many()),
    "roofline_of_many": lambda: plot.roofline(*many_bounds()),
    "pes_of_many": lambda: plot.pes(wide(40).timeline(cycles=3), 1),
    "tiles_of_many": lambda: plot.tiles(
        conv("c", P=60, Q=60, R=3, S=3), nest("DRAM: P4 Q4 | GLB: P15 Q15 R3 S3"), 1, "ifmap"
    ),
    "tiles": lambda: plot.tiles(
        conv("c", P=4, Q=6, R=3, S=3, stride=1), nest("DRAM: P2 Q2 | GLB: P2 Q3 R3 S3"), 1, "ifmap"
    ),
}


def draw(name: str, path: Path) -> None:
    figure = PLOTS[name]().figure
    if not name.endswith("_of_many"):  # these choose their size
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


def boxes(texts: Iterable[Text]) -> list[Bbox]:
    return [text.get_window_extent() for text in texts if text.get_text()]


def overlaps(found: list[Bbox]) -> list[tuple[int, int]]:
    pairs = combinations(enumerate(found), 2)
    return [(i, j) for (i, one), (j, other) in pairs if one.padded(-0.5).overlaps(other.padded(-0.5))]


@pytest.mark.parametrize(
    "names", [(), [f"a_long_name_of_a_layer/block{n}/Conv" for n in range(54)]], ids=["own", "long"]
)
def test_names_and_sums_of_fifty_bars_stand_apart(names: list[str]) -> None:
    ax = plot.energy(*many(), names=names)
    ax.figure.draw_without_rendering()
    assert [] == overlaps(boxes(ax.get_xticklabels()))
    assert [] == overlaps(boxes(ax.texts))


def test_a_network_is_a_bar_like_a_layer() -> None:
    machine, mappings = catalog.eyeriss(), catalog.mappings("eyeriss", "alexnet")
    network = evaluate_network("alexnet", catalog.alexnet().layers, machine, mappings)
    ax = plot.energy(network)
    assert pytest.approx(network.total / network.macs) == sum(bar.get_height() for bar in ax.patches)
    assert "alexnet\neyeriss" == ax.get_xticklabels()[0].get_text()


def test_parts_of_a_stack_differ_in_colour_or_pattern() -> None:
    levels = tuple(Level(f"L{at}", read=1, write=1) for at in range(12))
    mapping = nest("L0: M2 | " + " | ".join(f"L{at}:" for at in range(1, 12)))
    ax = plot.energy(evaluate(conv("c", M=2), Arch("deep", levels, 1), mapping))
    looks = [(to_hex(bar.get_facecolor()), bar.get_hatch()) for bar in ax.patches]
    assert 13 == len(set(looks)) == len(looks)


def test_marks_of_fifty_layers_differ_and_their_legend_stands_beside_the_data() -> None:
    ax = plot.roofline(*many_bounds())
    ax.figure.draw_without_rendering()
    legend = ax.get_legend()
    assert legend is not None
    lines = [line for line in ax.lines if line.get_label() in {layer.name for layer in catalog.resnet50().layers}]
    assert {1} == {*Counter((line.get_marker(), line.get_color()) for line in lines[:48]).values()}
    assert not legend.get_window_extent().overlaps(ax.get_window_extent())
    assert ax.figure.bbox.padded(1).containsx(legend.get_window_extent().x1)


def test_the_legend_of_a_roofline_covers_no_rate_that_was_reached() -> None:
    v100 = platform("v100")
    bounds = [roofline(layer, v100) for layer in catalog.alexnet(N=1, fc=True).layers]
    rates = [bound.attainable / 10 ** (1 + at % 4) for at, bound in enumerate(bounds)]
    ax = plot.roofline(v100, bounds, rates)
    ax.figure.draw_without_rendering()
    legend = ax.get_legend()
    assert legend is not None
    box = legend.get_window_extent()
    marks = [ax.transData.transform((bound.intensity, rate)) for bound, rate in zip(bounds, rates, strict=True)]
    assert [] == [mark for mark in marks if box.contains(*mark)]


def test_a_small_peak_is_written_in_billions() -> None:
    assert "eyeriss: 67.2 Gop/s, 0.48 GB/s" in plot.roofline(platform("eyeriss")).get_title()


def test_the_innermost_loop_stands_inside_its_box() -> None:
    ax = plot.loops(nest("DRAM: M4 | L3: M2 | L2: M2 | L1: M2 | spad: M2 C4 S3"))
    assert ax.texts[-1].get_position()[1] > ax.patches[-1].get_y() + 0.3


def test_levels_stay_in_order_when_drawn_again() -> None:
    ax = plot.buffer(reports()[1].layer, catalog.eyeriss(), reports()[1].mapping)
    assert plot.buffer(reports()[1].layer, catalog.eyeriss(), reports()[1].mapping, ax=ax).yaxis_inverted()


def test_a_million_words_are_written_out() -> None:
    large = Arch("large", (Level("DRAM"), Level("buffer", capacity=1_000_000)))
    ax = plot.buffer(conv("c", M=3), large, nest("DRAM: | buffer: M3"))
    assert "7 of 1,000,000 words" == ax.texts[0].get_text()


def test_rows_columns_and_cycles_are_whole_numbers() -> None:
    one = on_one_pe("c").timeline(cycles=1)
    axes = [plot.pes(one), plot.occupancy(one), plot.traffic(one)]
    axes.append(plot.tiles(conv("c", M=2, C=2), nest("DRAM: M2 | GLB: C2"), 1, "filter", (0, 1)))
    assert all(float(tick).is_integer() for ax in axes for tick in ax.get_xticks())
    assert all(float(tick).is_integer() for ax in (axes[0], axes[3]) for tick in ax.get_yticks())


@pytest.mark.parametrize("name", ["occupancy", "loops", "roofline", "pes"])
def test_titles_of_plots_side_by_side_stand_apart(name: str) -> None:
    line, v100 = reports()[1].timeline(first=0, cycles=40), platform("v100")
    drawn: dict[str, Callable[[Axes], Axes]] = {
        "occupancy": lambda ax: plot.occupancy(line, ax=ax),
        "loops": lambda ax: plot.loops(reports()[1].mapping, ax=ax),
        "roofline": lambda ax: plot.roofline(v100, ax=ax),
        "pes": lambda ax: plot.pes(line, ax=ax),
    }
    figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
    for ax in axes:
        drawn[name](ax)
    figure.draw_without_rendering()
    titles = [ax.title for ax in axes]
    assert [] == overlaps(boxes(titles))


def test_letters_lie_in_their_figure_with_names_remarks_and_legend() -> None:
    ax = PLOTS["letters"]()
    ax.figure.draw_without_rendering()
    whole = ax.figure.bbox.padded(1)
    legend = ax.get_legend()
    assert legend is not None
    found = [*boxes([*ax.texts, ax.title]), legend.get_window_extent()]
    assert [] == [box for box in found if not (whole.contains(*box.min) and whole.contains(*box.max))]


@pytest.mark.parametrize("name", ["energy_by_level", "roofline", "buffer", "pareto", "traffic", "letters"])
def test_lines_and_words_can_be_read_on_black(name: str) -> None:
    with plt.style.context("dark_background"):
        ax = PLOTS[name]()
    beside = [text for text in ax.texts if text.get_bbox_patch() is None]
    colours = [artist.get_color() for artist in (*beside, *ax.lines)]
    dim = [colour for colour in colours if max(to_rgb(colour)) < 0.5 and colour != plot.LINE]
    assert (True, []) == (bool(colours), dim)


def test_words_in_more_tiles_are_darker_in_grey_too_and_explained_where_numbers_do_not_fit() -> None:
    greys = [0.3 * red + 0.59 * green + 0.11 * blue for red, green, blue in map(to_rgb, plot.SHADES)]
    assert greys == sorted(greys, reverse=True)
    assert greys[0] - greys[1] > 0.05
    assert min(greys[1] - greys[2], greys[3] - greys[4]) > 0.12
    legend = PLOTS["tiles_of_many"]().get_legend()
    assert legend is not None
    assert ["in 1 tile", "in 2 or 3", "in 4 or more"] == [text.get_text() for text in legend.get_texts()]


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
        (lambda: plot.roofline(platform("v100"), many_bounds()[1][:2], [1, 0]), "above 0, got 0"),
        (lambda: plot.mapspace(hunted(), samples=0), "from 1, got samples=0"),
    ],
    ids=["by", "names", "none", "cycle", "counter", "capacity", "tensor", "front", "rate", "samples"],
)
def test_what_cannot_be_drawn_says_why(asked: Callable[[], Axes], said: str) -> None:
    with pytest.raises(PlotError, match=said):
        asked()


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for each in PLOTS:
        draw(each, IMAGES / f"{each}.png")
        plt.close("all")
