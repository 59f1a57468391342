"""What the PE-array player must show, from the timeline's own words, and how to read what it does show."""

from accelsim.timeline import Timeline, Works
from accelsim.widgets.array import LOOKS, sentence, state_rows, traffic_rows, working


def skewed(rows=3, columns=4, steps=5):
    """A made-up weight-stationary run with every letter in it: load, skewed MACs, gaps, drain."""
    cycles = 2 * rows + columns + steps

    def letter(cycle, row, column):
        late = cycle - rows - row - column
        if cycle < rows:
            return "f" if row <= cycle else "."
        if late < 0:
            return "s" if (row + column) % 3 == 2 else "."
        return "mbmgm"[late % 5] if late < steps else "d" if late < steps + 2 else "."

    states = tuple(
        "".join(letter(cycle, row, column) for row in range(rows) for column in range(columns))
        for cycle in range(cycles)
    )
    works = Works(
        ("P", "C", "M"),
        tuple((cycle - rows, 0, 0) for cycle in range(cycles)),
        tuple((-row - column, row, column) for row in range(rows) for column in range(columns)),
        {"ifmap": (((1, 1),), ((0, 2), (1, 1))), "filter": (((2, 1),), ((1, 1),)), "ofmap": (((2, 1),), ((0, 1),))},
    )
    traffic = {
        "GLB reads of filter": tuple(columns if cycle < rows else 0 for cycle in range(cycles)),
        "GLB writes of ofmap": tuple(1000 * text.count("d") for text in states),
    }
    return Timeline("skewed <b>", rows, columns, states, traffic, works, first=7, total=40)


def expected(line, pes):
    """One dict for each shown cycle, with the PEs of the array chosen one after the other."""
    return [
        {
            "say": sentence(line, number),
            "chosen": [working(line, number, pe) for pe in pes],
            "cells": [f"cell {LOOKS[letter]}" for letter in line.states[number - 1]],
            "kinds": state_rows(line, number),
            "counters": traffic_rows(line, number),
        }
        for number in range(1, line.cycles + 1)
    ]


# Runs in the page: steps through all cycles by keyboard, chooses PEs, and reads what is drawn.
WALK = """(pes) => {
  const group = document.querySelector('.pe-array'), [row, column] = group.querySelectorAll('.columns select');
  const press = (key) => group.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  const set = (select, value) => { select.value = value; select.dispatchEvent(new Event('change')); };
  const text = (row) => [...row.cells].map((cell) => cell.textContent);
  const cells = (name) => [...group.querySelectorAll(`.${name} tbody tr`)].map(text);
  const read = () => ({
    say: group.querySelector('.say').textContent,
    chosen: pes.map(([r, c]) => { set(row, r); set(column, c); return group.querySelector('.chosen').textContent; }),
    cells: [...group.querySelectorAll('.cell')].map((cell) => cell.className.replace(' picked', '')),
    kinds: cells('kinds'), counters: cells('counters'),
  });
  press('Home');
  const states = [read()];
  for (let left = Number(group.querySelector('input[type=range]').max) - 1; left > 0; left--) {
    press('ArrowRight');
    states.push(read());
  }
  return states;
}"""


def shown(tab, pes):
    return tab.evaluate(WALK, pes)
