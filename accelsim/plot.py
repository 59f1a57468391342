"""Plots for people who would rather look than read: values in, matplotlib Axes out.

Every function draws on `ax`, or on a new figure where none is given, and returns the Axes. Colours are told apart by
the colour-blind too, and each has a pattern of its own, so that a plot survives a black-and-white printer. The numbers
behind a plot are those of the value it draws: print the report, the timeline or the bound for the table.
"""

from __future__ import annotations

import io
from collections.abc import Mapping as Table
from collections.abc import Sequence
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from accelsim.arch import Arch
from accelsim.errors import AccelsimError, suggest, whole
from accelsim.mapping import Mapping, check, tile
from accelsim.platforms import Bound, Platform
from accelsim.report import NetworkReport, Report
from accelsim.timeline import STATES, Timeline
from accelsim.workload import Layer

if TYPE_CHECKING:
    from accelsim.mapper import Found

# Okabe and Ito's colours (jfly.uni-koeln.de/color), lightened for areas; a pattern each.
COLOURS = ("#8ec3e6", "#f3c57a", "#7fcdb6", "#e3b1cf", "#f2ea8f", "#e9a17c", "#c9ced4")
PATTERNS = ("", "//", "..", "--", "xx", "||", "\\\\")
INK, LINE = "#1b1f24", "#59636e"
LINES = ("#0072b2", "#a34700", "#00614a", "#8b3a78", "#6b5f00", "#47515c")  # dark enough for a line on white
SHADES = ("#ffffff", "#dcecf7", "#f0b95e", "#f0b95e", "#c7743f")  # lighter to darker in grey as well
LOOKS = {".": 6, "m": 0, "b": 1, "f": 2, "d": 3, "s": 4, "g": 5}  # state of a PE: index of its colour and pattern


class PlotError(AccelsimError):
    """A plot was asked for something that its value does not have."""


def energy(
    *reports: Report | NetworkReport, by: str = "level", names: Sequence[str] = (), ax: Axes | None = None
) -> Axes:
    """Energy for each MAC of reports of layers or of networks side by side, stacked by "level" or by "tensor".

    >>> from accelsim import catalog, evaluate
    >>> layer, machine = catalog.alexnet().layer("conv3"), catalog.eyeriss()
    >>> ax = energy(evaluate(layer, machine, catalog.mappings("eyeriss", "alexnet")["conv3"]))
    >>> ax.get_ylabel(), [text.get_text() for text in ax.get_legend().get_texts()]
    ('energy for each MAC (MAC energies)', ['MAC', 'spad', 'NoC', 'GLB', 'DRAM'])
    """
    parts = [_parts(report, by) for report in reports]
    if not reports or len({report.arch.unit for report in reports}) > 1:
        raise PlotError(f"energy needs reports in one unit, got {[report.arch.unit for report in reports]}")
    if len(names) not in (0, len(reports)):
        raise PlotError(f"energy got {len(reports)} reports and {len(names)} names for them; give one each")
    labels = list(names) or [f"{_name(report)}\n{report.arch.name}" for report in reports]
    ax = _axes(ax, width=2 + 0.25 * len(reports))
    longest = max(len(line) for label in labels for line in label.split("\n"))
    turn = 90 if len(reports) * max(longest, 5) > 10 * _inches(ax) else 0
    bottom = [0.0] * len(reports)
    for index, part in enumerate(dict.fromkeys(name for each in parts for name in each)):
        heights = [each.get(part, 0) / report.macs for each, report in zip(parts, reports, strict=True)]
        ax.bar(range(len(reports)), heights, 0.6, bottom, label=part, **_look(index))
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    for at, top in enumerate(bottom):
        text = f"{top:.3g}" if top < 1000 else f"{top:,.0f}"
        where: dict[str, Any] = {"xytext": (0, 2), "textcoords": "offset points", "rotation": turn}
        ax.annotate(text, (at, top), ha="center", va="bottom", color=_ink(ax), **where)
    if turn:
        same = not names and len({report.arch.name for report in reports}) == 1
        labels = [_short(_name(report) if same else label) for report, label in zip(reports, labels, strict=True)]
        ax.set_xlabel(reports[0].arch.name if same else "")
    ax.set_xticks(range(len(reports)), labels, rotation=turn, fontsize="small" if turn else None)
    ax.set_ylabel(f"energy for each MAC ({reports[0].arch.unit})")
    ax.set_ylim(0, (1.25 if turn else 1.1) * max(bottom) or 1)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), reverse=True, frameon=False)
    return ax


def _name(report: Report | NetworkReport) -> str:
    return report.layer.name if isinstance(report, Report) else report.name


def _short(label: str) -> str:
    """A label in one line of 30 letters at most: its end, which is what tells the layers of a model apart."""
    line = label.replace("\n", " on ")
    return line if len(line) <= 30 else "…" + line[-29:]


def _parts(report: Report | NetworkReport, by: str) -> dict[str, float]:
    kinds = {"level": report.by_level, "tensor": report.by_tensor}
    if by not in kinds:
        raise PlotError(f"energy stacks by {' or '.join(kinds)}, got {by!r}{suggest(str(by), kinds)}")
    return kinds[by]()


def roofline(
    platform: Platform, bounds: Sequence[Bound] = (), rates: Sequence[float] = (), ax: Axes | None = None
) -> Axes:
    """A platform's roof, operations/s against operations/byte, and a mark for each bound and each rate reached.

    rates: operations a second really reached, above 0, one for each bound; `Platform` shows that of a report.

    >>> from accelsim import conv
    >>> from accelsim import platforms
    >>> v100 = platforms.platform("v100")
    >>> ax = roofline(v100, [platforms.roofline(conv("fc7", M=4096, C=4096), v100)])
    >>> ax.get_title()
    'v100: 125 Top/s, 900 GB/s, ridge at 139 op/B'
    """
    if rates and len(rates) != len(bounds):
        raise PlotError(f"roofline got {len(bounds)} bounds and {len(rates)} rates; give one each, or no rates")
    if low := [rate for rate in rates if not rate > 0]:
        raise PlotError(f"rates are operations a second above 0, got {low[0]!r}; leave out what did not run")
    # Columns of a legend beside the plot: below the roof there is room for a short one, unless rates stand there.
    columns = -(-len(bounds) // 24) if rates or len(bounds) > 12 else 0
    ax = _axes(ax, width=5 + 2 * columns)
    at = [bound.intensity for bound in bounds] + [platform.ridge]
    left, right = min(at) / 8, max(at) * 8
    ax.plot(
        [left, platform.ridge, right], [left * platform.bandwidth, platform.peak, platform.peak], color=_ink(ax), lw=2
    )
    for index, bound in enumerate(bounds):
        line = LINE if len(bounds) <= 8 else LINES[index // 8 % 6]  # a second round of marks in another colour
        mark: dict[str, Any] = {"color": line, "marker": "osD^vP*X"[index % 8], "ls": "", "ms": 8}
        ax.plot([bound.intensity], [bound.attainable], label=bound.layer, mfc="white", **mark)
        if rates:
            ax.plot([bound.intensity] * 2, [rates[index], bound.attainable], color=LINE, lw=1, ls=":")
            ax.plot([bound.intensity], [rates[index]], mfc=COLOURS[0], **mark)
    ax.set(xscale="log", yscale="log", xlim=(left, right), xlabel="operations for each byte", ylabel="operations/s")
    peak = f"{platform.peak / 1e12:.4g} Top/s" if platform.peak >= 1e12 else f"{platform.peak / 1e9:.4g} Gop/s"
    bandwidth = f"{platform.bandwidth / 1e9:.4g} GB/s"
    _title(ax, f"{platform.name}: {peak}, {bandwidth}, ridge at {platform.ridge:.0f} op/B")
    ax.grid(which="major", color="#e3e7eb")
    if bounds:
        title = "hollow: bound; filled: reached" if rates else None
        beside: dict[str, Any] = {"loc": "lower right"}
        if columns:
            beside = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "ncols": columns, "fontsize": "small"}
        ax.legend(title=title, frameon=False, **beside)
    return ax


def loops(mapping: Mapping, ax: Axes | None = None) -> Axes:
    """A nest as boxes within boxes, outermost level outside: loops in time one to a line, the array's loops framed.

    >>> from accelsim import nest
    >>> ax = loops(nest("DRAM: M6 C64 | GLB[ifmap ofmap]: Q13 P13@x R3@y | spad: S3"))
    >>> [text.get_text() for text in ax.texts][:3]
    ['DRAM', 'for m in 6', 'for c in 64']
    """
    rows = [_rows(stage) for stage in mapping.stages]
    height = sum(len(lines) for lines in rows) + 0.55 * len(rows)
    ax = _axes(ax, frame=False, height=0.6 + 0.26 * height)
    ax.add_patch(Rectangle((0, 0), 10, height, fc="white"))
    top, width = height, 10.0
    for index, lines in enumerate(rows):
        left, low = 0.4 * index, 0.2 * index
        ax.add_patch(Rectangle((left, low), width - 2 * left, top - low, fc=COLOURS[index % 7], ec=INK, alpha=0.55))
        top -= 0.35
        for at, line in enumerate(lines):
            heavy = "bold" if not at else "normal"
            box = {"fc": "white", "ec": LINE, "pad": 2} if line.startswith("at once") else None
            ax.text(left + 0.25 + 0.3 * bool(at), top - 0.4, line, va="center", weight=heavy, color=INK, bbox=box)
            top -= 1
    ax.set(xlim=(-0.1, width + 0.1), ylim=(-0.1, height + 0.1))
    _title(ax, "outermost level outside; the innermost loop turns fastest")
    return ax


def _rows(stage: Any) -> list[str]:
    kept = "" if stage.keeps is None else f" keeps {', '.join(stage.keeps) or 'nothing'}"
    time = [f"for {loop.dim.lower()} in {loop.bound}" for loop in stage.loops if not loop.axis]
    space = [f"{loop.dim.lower()} x {loop.bound} along {loop.axis}" for loop in stage.loops if loop.axis]
    return [stage.level + kept, *time, *(["at once: " + ", ".join(space)] if space else [])]


def pes(timeline: Timeline, cycle: int = 1, ax: Axes | None = None) -> Axes:
    """What each PE of an array does in one cycle, counted from 1 among those shown: colour and letter.

    >>> from accelsim.timeline import Timeline, Works
    >>> works = Works(("M",), ((0,), (0,)), ((0,), (1,)), {"ofmap": (((0, 1),),)})
    >>> pes(Timeline("two", 1, 2, ("m.", "mm"), {}, works), cycle=2).get_title()
    'two, cycle 2: 2 of 2 PEs multiply'
    """
    states = _states(timeline, cycle)
    ax = _axes(ax)
    letters = list(dict.fromkeys(states))
    small = max(timeline.rows, timeline.columns) <= 24
    for row in range(timeline.rows):
        _row(ax, row, states[row * timeline.columns : (row + 1) * timeline.columns], small)
    ax.set(xlim=(-0.5, timeline.columns - 0.5), ylim=(timeline.rows - 0.5, -0.5), aspect="equal")
    ax.set(xlabel="column", ylabel="row")
    _whole(ax.xaxis, ax.yaxis)
    busy = sum(letter in "mb" for letter in states)
    _title(ax, f"{timeline.name}, cycle {timeline.numbers[cycle - 1]}: {busy} of {timeline.pes} PEs multiply", 8)
    handles = [Patch(label=f"{'' if x == '.' else x.upper() + ' '}{STATES[x]}", **_look(LOOKS[x])) for x in letters]
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return ax


def _row(ax: Axes, row: int, states: str, small: bool) -> None:
    """PEs of a row: a cell and a letter each, or neighbours in one state as one bar where cells are too small."""
    left = -0.5
    for letter, group in groupby(states):
        wide = len(list(group))
        for column in range(wide) if small else ():
            ax.add_patch(Rectangle((left + column, row - 0.5), 1, 1, **_look(LOOKS[letter])))
            said = "" if letter == "." else letter.upper()
            ax.text(left + column + 0.5, row, said, ha="center", va="center", color=INK)
        if not small:
            ax.add_patch(Rectangle((left, row - 0.5), wide, 1, **{**_look(LOOKS[letter]), "linewidth": 0}))
        left += wide


def occupancy(timeline: Timeline, ax: Axes | None = None) -> Axes:
    """The share of the PEs that multiply, cycle by cycle, with their average.

    >>> from accelsim.timeline import Timeline, Works
    >>> works = Works(("M",), ((0,), (0,)), ((0,), (1,)), {"ofmap": (((0, 1),),)})
    >>> occupancy(Timeline("two", 1, 2, ("m.", "mm"), {}, works)).get_title()
    'two: 75.0 % of the PEs multiply on average'
    """
    ax = _axes(ax)
    shares, edges = timeline.utilization, _edges(timeline)
    ax.stairs([100 * share for share in shares], edges, fill=True, fc=COLOURS[0], ec=INK)
    average = 100 * sum(shares) / len(shares)
    ax.axhline(average, color=_ink(ax), ls="--", lw=1.5)
    ax.set(ylim=(0, 105), xlabel="cycle", ylabel="PEs that multiply (%)", xlim=(edges[0], edges[-1]))
    _whole(ax.xaxis)
    _title(ax, f"{timeline.name}: {average:.1f} % of the PEs multiply on average")
    return ax


def traffic(timeline: Timeline, counters: Sequence[str] = (), ax: Axes | None = None) -> Axes:
    """Words moved so far over time, a line for each counter (all of them by default).

    >>> from accelsim.timeline import Timeline, Works
    >>> works = Works(("M",), ((0,), (0,)), ((0,), (1,)), {"ofmap": (((0, 1),),)})
    >>> ax = traffic(Timeline("two", 1, 2, ("m.", "mm"), {"GLB reads of filter": (1, 2)}, works))
    >>> [int(words) for words in ax.lines[0].get_ydata()]
    [0, 1, 3]
    """
    unknown = [name for name in counters if name not in timeline.traffic]
    if unknown:
        raise PlotError(f"{timeline.name} counts {', '.join(timeline.traffic)}; got {', '.join(unknown)}")
    ax = _axes(ax)
    edges = _edges(timeline)
    lines = LINES if _ink(ax) == INK else COLOURS
    for index, name in enumerate(counters or timeline.traffic):
        sums = [0]
        for words in timeline.traffic[name]:
            sums.append(sums[-1] + words)
        ax.plot(
            edges,
            sums,
            label=f"{name}: {sums[-1]:,}",
            lw=2,
            ls=("-", "--", "-.", ":")[index % 4],
            color=lines[index % 6],
        )
    ax.set(xlabel="cycle", ylabel="words so far", xlim=(edges[0], edges[-1]), ylim=(0, None))
    _whole(ax.xaxis, most=4)
    _title(ax, timeline.name)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return ax


def buffer(layer: Layer, arch: Arch, mapping: Mapping, ax: Axes | None = None) -> Axes:
    """How full each level with a capacity is: the tiles of its tensors as a bar, in percent of the room they have.

    A level with a partition for each tensor has a bar for each. Raises `MappingError` with all faults.

    >>> from accelsim import Level, conv, nest
    >>> toy = Arch("toy", (Level("DRAM"), Level("spad", capacity=10)))
    >>> ax = buffer(conv("c", M=4, C=6), toy, nest("DRAM: M4 C2 | spad: C3"))
    >>> [text.get_text() for text in ax.texts]
    ['7 of 10 words']
    """
    check(layer, arch, mapping)
    bars = list(_bars(layer, arch, mapping))
    if not bars:
        raise PlotError(f"no level of {arch.name} has a capacity, so none can be full")
    ax = _axes(ax)
    for at, (_, tiles, room) in enumerate(bars):
        left = 0.0
        for tensor, words in tiles.items():
            index = [each.name for each in layer.tensors].index(tensor)
            ax.barh(at, 100 * words / room, 0.6, left, **_look(index))
            left += 100 * words / room
        words = sum(tiles.values())
        said = f"{words:,.{1 if words % 1 else 0}f} of {room:,} words"
        ax.text(1.02, at, said, va="center", color=_ink(ax), transform=ax.get_yaxis_transform())
    ax.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    ax.set(xlim=(0, 100), xticks=range(0, 101, 20), xlabel="share of the room (%)")
    _title(ax, f"{layer.name} on {arch.name}")
    ax.axvline(100, color=_ink(ax), lw=1.5, clip_on=False)
    ax.yaxis.set_inverted(True)
    handles = [Patch(label=tensor.name, **_look(at)) for at, tensor in enumerate(layer.tensors)]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, frameon=False)
    return ax


def _bars(layer: Layer, arch: Arch, mapping: Mapping) -> Any:
    for index, (level, stage) in enumerate(zip(arch.levels, mapping.stages, strict=True)):
        extent, twice = tile(layer, mapping, index), 2 if level.double else 1
        name = level.name + (" (double buffered)" if level.double else "")
        tiles = {
            tensor.name: twice * tensor.words(extent) * arch.width(tensor.name) / arch.word
            for tensor in layer.tensors
            if stage.holds(tensor.name)
        }
        if isinstance(level.capacity, dict):
            yield from (
                (f"{name}, {one}", {one: tiles[one]}, level.capacity[one]) for one in tiles if one in level.capacity
            )
        elif level.capacity is not None and tiles:
            yield name, tiles, level.capacity


def tiles(
    layer: Layer, mapping: Mapping, level: int, tensor: str, ranks: tuple[int, int] = (-2, -1), ax: Axes | None = None
) -> Axes:
    """Two ranks of a tensor as a map, cut into the tiles that the loops above a level make; words of the
    halo, which lie in several tiles, darker.

    level: index of the level that holds the tiles. ranks: which ranks of the tensor are drawn, the last two by default.
    A number stands in each word: the tiles that it belongs to.

    >>> from accelsim import conv, nest
    >>> ax = tiles(conv("c", P=4, Q=4, R=3, S=3), nest("DRAM: P2 Q2 | GLB: P2 Q2 R3 S3"), 1, "ifmap")
    >>> ax.get_title()
    'ifmap of c: 36 words in 4 tiles of 4 x 4; 20 lie in more than one'
    """
    extent = tile(layer, mapping, level)
    chosen = next((each for each in layer.tensors if each.name == tensor), None)
    if chosen is None:
        raise PlotError(f"{layer.name} has {', '.join(each.name for each in layer.tensors)}; got {tensor!r}")
    rows, columns = ([_covered(layer, extent, chosen.ranks[rank])][0] for rank in ranks)
    sizes = [max(max(part) for part in parts) + 1 for parts in (rows, columns)]
    if sizes[0] * sizes[1] > 10_000:
        raise PlotError(
            f"{tensor} of {layer.name} has {sizes[0]:,} x {sizes[1]:,} words here; a map shows up to 10,000"
        )
    times = [
        [sum(i in part for part in parts) for i in range(size)]
        for parts, size in zip((rows, columns), sizes, strict=True)
    ]
    cells = [[down * across for across in times[1]] for down in times[0]]
    ax = _axes(ax)
    ax.imshow([[min(cell, 4) for cell in row] for row in cells], cmap=ListedColormap(SHADES), vmin=0, vmax=4)
    legible = max(sizes) <= 24
    if not legible:
        said = ("in no tile", "in 1 tile", "in 2 or 3", "", "in 4 or more")
        found = {min(cell, 4) for row in cells for cell in row}
        keys = [Patch(fc=SHADES[at], ec=INK, label=said[at]) for at in (0, 1, 2, 4) if {at, at + at // 2 % 2} & found]
        ax.legend(handles=keys, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    for i, row in enumerate(cells if legible else ()):
        for j, cell in enumerate(row):
            ax.text(j, i, str(cell), ha="center", va="center", fontsize=8, color=INK)
    for part in rows:
        ax.plot([-0.5, sizes[1] - 0.5], [min(part) - 0.5] * 2, color=INK, lw=1)
    for part in columns:
        ax.plot([min(part) - 0.5] * 2, [-0.5, sizes[0] - 0.5], color=INK, lw=1)
    shared = sum(cell > 1 for row in cells for cell in row)
    size = f"{max(map(len, rows))} x {max(map(len, columns))}"
    ax.set(xlabel=str(chosen.ranks[ranks[1]]), ylabel=str(chosen.ranks[ranks[0]]))
    _whole(ax.xaxis, ax.yaxis)
    head = f"{tensor} of {layer.name}: {sum(cell > 0 for row in cells for cell in row)} words"
    _title(
        ax,
        f"{head} in {len(rows) * len(columns)} tiles of {size}; {shared} lie in more than one",
        13.5 if legible else 9,
    )
    return ax


def _covered(layer: Layer, extent: dict[str, int], rank: Any) -> list[set[int]]:
    """The coordinates of a rank that each of its tiles touches."""
    starts: list[dict[str, int]] = [{}]
    for dim, _ in rank.terms:
        starts = [{**start, dim: at} for start in starts for at in range(0, layer.dims[dim], extent[dim])]
    return [_points(layer, extent, rank, start) for start in starts]


def _points(layer: Layer, extent: dict[str, int], rank: Any, start: dict[str, int]) -> set[int]:
    points = {0}
    for dim, coefficient in rank.terms:
        end = min(start[dim] + extent[dim], layer.dims[dim])
        points = {point + coefficient * at for point in points for at in range(start[dim], end)}
    return points


def _states(timeline: Timeline, cycle: int) -> str:
    if not 1 <= cycle <= timeline.cycles:
        raise PlotError(f"{timeline.name} shows cycles 1 to {timeline.cycles}, got {cycle!r}")
    return timeline.states[cycle - 1]


def _edges(timeline: Timeline) -> list[int]:
    return list(range(timeline.first, timeline.first + timeline.cycles + 1))


def _look(index: int) -> dict[str, Any]:
    """Colour and pattern number `index`; after the seventh the patterns move on, so that no pair comes twice soon."""
    hatch = PATTERNS[(index + index // 7) % 7]
    return {"facecolor": COLOURS[index % 7], "hatch": hatch, "edgecolor": INK, "linewidth": 0.8}


def _axes(ax: Axes | None, frame: bool = True, width: float = 0, height: float = 0) -> Axes:
    """The given Axes, or that of a new figure of at least so many inches."""
    if ax is None:
        least = plt.rcParams["figure.figsize"]
        _, ax = plt.subplots(figsize=(max(width, least[0]), max(height, least[1])), layout="constrained")
    if frame:
        ax.spines[["top", "right"]].set_visible(False)
    else:
        ax.set_axis_off()
    return ax


def _ink(ax: Axes) -> str:
    """A colour for lines and words that can be read on this background, light or dark."""
    red, green, blue = to_rgb(ax.get_facecolor())
    return INK if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "#ffffff"


def _inches(ax: Axes) -> float:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return float(ax.get_window_extent().width / figure.dpi)


def _title(ax: Axes, text: str, letters: float = 15) -> None:
    """A title, cut into lines of so many letters an inch: not to run into the next Axes, or out of the figure."""
    ax.set_title("\n".join(wrap(text, max(20, int(letters * _inches(ax))))))


def _whole(*axes: Axis, most: int = 7) -> None:
    """Ticks at whole numbers, few enough for large ones to stand apart."""
    for axis in axes:
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def mapspace(found: Found, samples: int = 3000, seed: int = 0, ax: Axes | None = None) -> Axes:
    """Energy against cycles of random mappings of a space, the mapping that was found, and the bound on all of them.

    The legend says how many of the mappings drawn at random fit, and why the others do not.

    >>> from accelsim import catalog, conv
    >>> from accelsim.mapper import search, space
    >>> ax = mapspace(search(space(conv("c", M=4, C=3, P=4, R=2), catalog.one_pe(), "DRAM: ? | spad: ?")), 100)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('cycles', 'energy (MAC energies)')
    """
    if not whole(samples) or samples < 1:
        raise PlotError(f"mapspace draws a whole number of mappings from 1, got samples={samples!r}")
    ax = _axes(ax)
    batches = found.space.sample(samples, seed)
    why = found.space.invalid(batches)
    dots = LINE if _ink(ax) == INK else COLOURS[6]
    for batch in batches:
        costs = found.space.costs(batch)
        cycles, energy = costs.cycles[costs.valid], costs.energy[costs.valid]
        ax.plot(cycles, energy, ".", color=dots, alpha=0.4)
    ax.plot([], [], ".", color=dots, label=f"{why['valid']} of {why['all']} drawn at random fit")
    least = "the least" if found.proven else f"at most {found.gap:.1%} above the least"
    ax.plot(
        found.report.cycles, found.report.total, "*", ms=14, color=_ink(ax), label=f"found, {found.objective} {least}"
    )
    _floor(found, ax)
    for reason, count in sorted(why.items(), key=lambda item: -item[1]):
        if reason not in ("valid", "all") and count:
            ax.plot([], [], " ", label=f"{count} do not: {reason}")
    ax.set(xscale="log", yscale="log", xlabel="cycles", ylabel=f"energy ({found.report.arch.unit})")
    _title(ax, f"{found.report.layer.name} on {found.report.arch.name}: {found.space.size:.2g} mappings")
    ax.legend(fontsize="small")
    return ax


def _floor(found: Found, ax: Axes) -> None:
    """The bound of a search as a line: nothing lies below it, or left of it."""
    look: dict[str, Any] = {"color": COLOURS[0], "ls": "--", "label": "bound"}
    if found.objective == "energy":
        ax.axhline(found.bound, **look)
    elif found.objective == "cycles":
        ax.axvline(found.bound, **look)
    elif found.bound:
        low, high = found.report.cycles / 10, found.report.cycles * 10
        steps = [low * (high / low) ** (at / 20) for at in range(21)]
        ax.plot(steps, [found.bound / cycles for cycles in steps], **look)


def pareto(found: Found, ax: Axes | None = None) -> Axes:
    """Mappings that no other beats in both energy and cycles, from a search for "pareto".

    >>> from accelsim import catalog, conv
    >>> from accelsim.mapper import search, space
    >>> layer = conv("c", M=4, C=3, P=4, R=2)
    >>> ax = pareto(search(space(layer, catalog.one_pe(), "DRAM: ? | spad: ?"), "pareto"))
    >>> ax.get_title()
    'c on one_pe: 3 mappings that no other beats'
    """
    if found.objective != "pareto":
        raise PlotError(f"a front comes from search(..., 'pareto'), got a search for {found.objective!r}")
    ax = _axes(ax)
    points = sorted(found.front, key=lambda point: point.cycles)
    ax.step([p.cycles for p in points], [p.energy for p in points], "o-", where="post", color=_ink(ax))
    many = f"{len(points)} mapping{'s' if len(points) != 1 else ''} that no other beats"
    ax.set(xlabel="cycles", ylabel=f"energy ({found.report.arch.unit})")
    _title(ax, f"{found.report.layer.name} on {found.report.arch.name}: {many}")
    return ax


def letters(
    lines: Sequence[tuple[str, str, str]], meanings: Table[str, str], title: str = "", ax: Axes | None = None
) -> Axes:
    """Lines of letters as cells, each letter with a colour, a pattern and a meaning: a timeline or a small table.

    lines: a name, its letters, one cell each, and a remark behind them. meanings: what each letter says.

    >>> ax = letters([("PE 0", "mms", ""), ("PE 1", "mmm", "busy")], {"m": "MAC", "s": "waits"}, "two PEs")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['m MAC', 's waits']
    """
    wide = max([len(line) for _, line, _ in lines] + [8])
    if ax is None:
        beside = max([len(name) + len(remark) for name, _, remark in lines] + [8]) / 12
        below = 0.2 * (-(-len(meanings) // 2) + len(wrap(title, 90)) + 1)
        _, ax = plt.subplots(figsize=(wide / 4 + beside, len(lines) / 4 + below), layout="constrained")
    ax.set_axis_off()
    looks = {letter: _look(index) for index, letter in enumerate(meanings)}
    words: dict[str, Any] = {"va": "center", "fontsize": 8}
    for row, (name, line, remark) in enumerate(lines):
        ax.text(-0.3, row + 0.5, name, ha="right", color=_ink(ax), **words)
        ax.text(len(line) + 0.3, row + 0.5, remark, ha="left", color=_ink(ax), **words)
        for column, letter in enumerate(line):
            ax.add_patch(Rectangle((column, row), 1, 1, **looks[letter]))
            box = {"fc": "white", "ec": "none", "pad": 0.6}
            ax.text(column + 0.5, row + 0.5, letter, ha="center", color=INK, bbox=box, **words)
    ax.set(xlim=(0, wide), ylim=(len(lines), 0), aspect="equal")
    ax.set_title("\n".join(wrap(title, 90)), fontsize=9)
    handles = [Patch(label=f"{letter} {text}", **looks[letter]) for letter, text in meanings.items()]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, frameon=False, fontsize=8)
    return ax


def png(ax: Axes) -> bytes:
    """The figure of an Axes as a PNG file, for a page that is printed; the figure is closed.

    >>> from accelsim import nest
    >>> png(loops(nest("DRAM: M2 | spad: C3")))[:4]
    b'\\x89PNG'
    """
    file, figure = io.BytesIO(), ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(file, format="png", dpi=150, bbox_inches="tight")
    plt.close(figure)
    return file.getvalue()
