"""Draws your own schedules, before anyone judges them."""

import numbers

import judging

from accelsim import widgets
from accelsim.schedule import run
from accelsim.timeline import Timeline, Works
from autograder.student import explain


class Said:
    """A few lines of text where nothing can be drawn."""

    def __init__(self, *lines):
        self.lines = lines

    def __repr__(self):
        return "\n".join(self.lines)


def play(function, *, M, C, P, rows, columns, cycle=1):
    """Your schedule of a layer on an array, cycle by cycle. A PE that lacks an operand is drawn as stalled."""
    return _drawn(lambda: function(M, C, P, rows, columns), judging.product(M, C, P), rows, columns, cycle)


def play_again(function, schedule, *, cycle=1):
    """What your function makes of a schedule, cycle by cycle."""
    sizes, rows, columns = judging._sizes(schedule)
    return _drawn(lambda: function(schedule), judging.product(*sizes), rows, columns, cycle)


def _drawn(made, layer, rows, columns, cycle):
    try:
        schedule = made()
    except NotImplementedError:
        return Said("Not written yet.")
    except Exception as error:
        return Said(explain(error))
    ran = run(layer, rows, columns, schedule)
    unread = [fault.says for fault in ran.faults if fault.cycle is None and fault.kind == "unreadable"]
    if unread:
        return Said("The machine cannot read this:", *unread[:3])
    return widgets.pe_array(ran.timeline, cycle=min(cycle, ran.timeline.cycles))


def counts(function, schedule):
    """Your counts beside the lines of the schedule that move words to or from the GLB."""
    try:
        told = function(schedule)
    except NotImplementedError:
        return Said("Not written yet.")
    except Exception as error:
        return Said(explain(error))
    if odd := _no_numbers(told):
        return Said(odd)
    lines = [f"cycle {cycle}: {op} {_word(word)}  {pe}" for cycle, pe, op, word in schedule if op in ("load", "store")]
    return Said(*lines, "You count:", *(f"  {name}: {words}" for name, words in told.items()))


def _no_numbers(told, *needed):
    """What keeps an answer from being a dictionary of numbers, in words; nothing if nothing does."""
    if told is None:
        return "Your function answers None. Does it end with return?"
    if not isinstance(told, dict):
        return f"Your function answers {told!r:.60}; the task asks for a dictionary."
    lacking = [name for name in needed if not isinstance(told.get(name), numbers.Real)]
    return f"Your dictionary has no number under {', '.join(map(repr, lacking))}." if lacking else ""


def _word(word):
    return f"{word[0]}[{' '.join(map(str, word[1:]))}]"


def march(*, M, C, P, rows, columns):
    """The array of task 7 at work: weights come down, pixels march to the right, sums march down."""
    tiles = [(m0, c0) for m0 in range(0, M, columns) for c0 in range(0, C, rows)]
    states = [text for m0, c0 in tiles for text in _tile(min(C - c0, rows), min(M - m0, columns), P, rows, columns)]
    works = Works((), ((),) * len(states), ((),) * (rows * columns), {})
    notes = (("",) * (rows * columns),) * len(states)
    name = f"{M} filters of {C} words, {P} pixels"
    return widgets.pe_array(Timeline(name, rows, columns, tuple(states), {}, works, notes=notes))


def _tile(deep, wide, P, rows, columns):
    """Pictures of one tile: until the last PE of the array has passed its last pixel on."""
    places = [(r, c) for r in range(rows) for c in range(columns)]
    pictures, turn = ["".join("f" if r <= t and c < wide else "." for r, c in places) for t in range(rows)], 0
    while any(turn - r - c < P for r, c in places):
        now = [(r < deep and c < wide, 0 <= turn - r - c < P, c < wide) for r, c in places]
        pictures.append("".join("m" if own and here else "d" if here and column else "." for own, here, column in now))
        turn += 1
    return pictures


def curve(function, *, M, C, rows, columns, pixels=(1, 4, 16, 64, 256, 1024)):
    """Your cycles and utilization as more pixels stream through the same weights."""
    lines = [f"{'pixels':>8}  {'cycles':>8}  utilization"]
    for P in pixels:
        try:
            told = function(M, C, P, rows, columns)
            if odd := _no_numbers(told, "cycles", "utilization"):
                return Said(odd)
            share = float(told["utilization"])
            bar = "#" * max(0, min(60, round(40 * share)))
            lines.append(f"{P:8,}  {told['cycles']:8,}  {100 * share:5.1f} % {bar}")
        except NotImplementedError:
            return Said("Not written yet.")
        except Exception as error:
            return Said(explain(error))
    return Said(*lines)
