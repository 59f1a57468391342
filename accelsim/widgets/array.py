"""The PE-array player: an array over time, cycle by cycle, as a `Timeline` has it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape
from typing import Any

from accelsim.errors import whole
from accelsim.report import Report, table
from accelsim.steps import timeline
from accelsim.timeline import STATES, Timeline
from accelsim.widgets import figures
from accelsim.widgets.host import View
from accelsim.widgets.loops import WidgetError

LIMIT = 100_000  # states shown: cycles x PEs
CYCLES = 400  # of a report, unless another window is asked for
WIDTH, HEIGHT = 600, 60  # of the strip, in units of its drawing
# How a PE in each state is drawn: the classes of its cell.
LOOKS = {".": "none", "m": "f0", "b": "f0 plus", "f": "f1", "d": "f2", "s": "f4", "g": "f3"}


def pe_array(
    value: Timeline | Report,
    window: tuple[int, int] | None = None,
    cycle: int = 1,
    pe: Sequence[int] = (0, 0),
) -> View:
    """Play an array of PEs: what each does in each cycle, how many multiply, and what has moved so far.

    `value` is a `Timeline`, your own or one of `accelsim.systolic`, or a `Report`, of which the cycles `window` =
    (first, how many) are worked out (the first 400). `cycle` is the one to begin with, 1 the first that is shown
    whatever its number; `pe` is the (row, column), from 0, whose work is told in words. Live, `view.widget.cycle` and
    `view.widget.pe` follow the reader and may be set.
    Raises `WidgetError` for what is neither, for a cycle or PE that is not there, and for more than 100,000 states.

    >>> from accelsim.timeline import Timeline, Works
    >>> works = Works(("M", "K"), when=((0, 0), (0, 1)), where=((0, 0), (1, 0)),
    ...               words={"filter": (((0, 1),), ((1, 1),)), "ifmap": (((1, 1),),), "ofmap": (((0, 1),),)})
    >>> line = Timeline("two rows", 1, 2, ("m.", "mm"), {"GLB reads of filter": (1, 2)}, works)
    >>> print(pe_array(line, cycle=2))
    two rows: an array of 1 x 2 PEs
    Cycle 2 of 2: 2 of 2 PEs multiply, 100.0 %. So far 75.0 % on average.
    MM
    M MAC
    PE row 0, column 0: MAC: ofmap[0] += filter[0 1] * ifmap[1]
    counter              this cycle  so far  all shown
    GLB reads of filter           2       3          3
    """
    line = _timeline(value, window)
    if faults := _faults(line, cycle, pe):
        raise WidgetError(f"{line.name} cannot be played as asked\n  " + "\n  ".join(faults))
    state = {"cycle": cycle, "pe": [int(place) for place in pe]}
    shown = cycle if cycle > 1 else (line.cycles + 1) // 2  # without script, the middle of the run
    texts = _figure(line, shown, pe), _text(line, cycle, pe)
    return View("pe_array", _data(line), state, *texts, picture=lambda: _plot(line, shown))


def _plot(line: Timeline, cycle: int) -> bytes:
    from accelsim import plot

    return plot.png(plot.pes(line, cycle))


def _timeline(value: Any, window: tuple[int, int] | None) -> Timeline:
    if isinstance(value, Timeline):
        return value
    if isinstance(value, Report):
        return _part(value, (0, max(1, min(CYCLES, LIMIT // value.arch.pes))) if window is None else window)
    raise WidgetError(
        f"the PE-array player draws a Timeline (accelsim.timeline, accelsim.systolic) or a Report (evaluate(...)); "
        f"got {value!r}"
    )


def _part(report: Report, window: Any) -> Timeline:
    """A window of a run; of one that is too long no more is worked out than shows that it is."""
    if not isinstance(window, (tuple, list)) or len(window) != 2:
        raise WidgetError(f"window must be (first cycle, how many), such as (0, {CYCLES}), got {window!r}")
    (first, cycles), most = window, LIMIT // report.arch.pes
    longest = min(cycles, most + 1) if whole(cycles) else cycles
    line = timeline(report.layer, report.arch, report.mapping, first, longest)
    if line.cycles > most:
        raise WidgetError(f"{line.name}: {_too_many(min(cycles, line.total - first), line.pes)}")
    return line


def _too_many(cycles: int, pes: int) -> str:
    if pes > LIMIT:
        return f"an array of {pes:,} PEs; at most {LIMIT:,} can be shown"
    return f"{cycles:,} cycles of {pes} PEs; from 1 to {LIMIT // pes:,} can be shown: take a smaller window"


def _faults(line: Timeline, cycle: int, pe: Sequence[int]) -> list[str]:
    if line.cycles * line.pes > LIMIT or not line.cycles:
        return [_too_many(line.cycles, line.pes)]
    faults = []
    if not whole(cycle) or not 1 <= cycle <= line.cycles:
        faults.append(f"cycle must be from 1 to {line.cycles}, got {cycle!r}")
    listed = isinstance(pe, (tuple, list)) and len(pe) == 2 and all(map(whole, pe))
    if not listed or not (0 <= pe[0] < line.rows and 0 <= pe[1] < line.columns):
        faults.append(f"pe must be (row, column), below {line.rows} and {line.columns}, got {pe!r}")
    return faults


def _data(line: Timeline) -> dict[str, Any]:
    data = line.to_dict()
    return {**data, "title": f"{line.name}: an array of {line.rows} x {line.columns} PEs", "looks": LOOKS}


def sentence(line: Timeline, number: int) -> str:
    """What the view says of a shown cycle, counted from 1."""
    use = line.utilization
    busy = round(use[number - 1] * line.pes)
    total = line.total or line.cycles
    where = f"Cycle {line.numbers[number - 1]:,} of {f'{total:,}' if line.origin else f'0 to {total - 1:,}'}"
    mean = figures.percent(sum(use[:number]) / number)
    return f"{where}: {busy} of {line.pes} PEs multiply, {figures.percent(use[number - 1])}. So far {mean} on average."


def traffic_rows(line: Timeline, number: int) -> list[list[str]]:
    """By counter: words in this cycle, in all cycles up to it, in all cycles shown."""
    return [
        [name, f"{words[number - 1]:,}", f"{sum(words[:number]):,}", f"{sum(words):,}"]
        for name, words in line.traffic.items()
    ]


def state_rows(line: Timeline, number: int) -> list[list[str]]:
    """By state that occurs: PEs in this cycle, and in all cycles shown together."""
    over_all = _seen(line)
    return [[STATES[letter], str(line.counted[number - 1][letter]), f"{n:,}"] for letter, n in over_all.items()]


def _seen(line: Timeline) -> dict[str, int]:
    return {letter: n for letter in STATES if (n := sum(found[letter] for found in line.counted))}


def working(line: Timeline, number: int, pe: Sequence[int]) -> str:
    """What a PE does, in words."""
    return f"PE row {pe[0]}, column {pe[1]}: {line.at(number - 1, *pe)}"


def _rows(line: Timeline, number: int) -> list[str]:
    letters = line.states[number - 1]
    return [letters[at : at + line.columns] for at in range(0, line.pes, line.columns)]


COUNTERS = ("counter", "this cycle", "so far", "all shown")


def _text(line: Timeline, number: int, pe: Sequence[int]) -> str:
    letters = [letter for letter in STATES if letter in line.states[number - 1]]
    lines = [
        _data(line)["title"],
        sentence(line, number),
        *("".join(row).upper() for row in _rows(line, number)),
        "  ".join(f"{letter.upper()} {STATES[letter]}" for letter in letters),
        working(line, number, pe),
    ]
    return "\n".join([*lines, table(COUNTERS, traffic_rows(line, number))] if line.traffic else lines)


def _figure(line: Timeline, number: int, pe: Sequence[int]) -> str:
    cells = "".join(f'<span class="cell {LOOKS[letter]}"></span>' for letter in line.states[number - 1])
    looks = figures.legend(((LOOKS[letter], STATES[letter]) for letter in _seen(line)), "")
    counted = figures.table("Words moved", COUNTERS, traffic_rows(line, number))
    counters = figures.framed(counted) if line.traffic else ""
    return (
        f'<p class="title">{escape(_data(line)["title"])}</p><p class="say">{sentence(line, number)}</p>'
        f'<div class="pes" style="--columns:{line.columns}" role="img" aria-label="PEs of the array in cycle {number}">'
        f"{cells}</div>{looks}<p>{escape(working(line, number, pe))}</p>{_strip(line)}"
        f"{counters}"
    )


def strip(line: Timeline) -> str:
    """The path of utilization over the shown cycles: a step for each cycle.

    >>> from accelsim.timeline import Works
    >>> strip(Timeline("x", 1, 2, ("m.", "mm"), {}, Works((), ((), ()), ((), ()), {})))
    'M0 60V30H300V0H600V60Z'
    """
    wide = WIDTH / line.cycles
    tops = [(f"{HEIGHT * (1 - share):g}", f"{wide * (at + 1):g}") for at, share in enumerate(line.utilization)]
    groups = [(top, [right for _, right in group][-1]) for top, group in itertools.groupby(tops, key=lambda t: t[0])]
    return f"M0 {HEIGHT}" + "".join(f"V{top}H{right}" for top, right in groups) + f"V{HEIGHT}Z"


def _strip(line: Timeline) -> str:
    return (
        f'<svg class="chart strip" viewBox="0 -2 {WIDTH} {HEIGHT + 4}" preserveAspectRatio="none" role="img" '
        f'aria-label="Share of PEs that multiply, over the cycles shown"><path class="use" d="{strip(line)}"/></svg>'
    )
