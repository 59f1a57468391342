"""The sparse lens: operands with zeros, formats, and PEs."""

import random

import numpy as np
import pytest

from accelsim.errors import AccelsimError
from accelsim.sparsity import gate, skip, sparsify
from accelsim.widgets import sparse_lens
from accelsim.widgets.lens import (
    MODES,
    STEP,
    STRUCTURES,
    dense,
    macs,
    operands,
    pattern,
    rows,
    sentence,
    spent,
    timeline,
)
from tests.browser import page

SAVINGS = {"dense": None, "gate": gate("filter", "ifmap"), "skip": skip("filter", "ifmap")}


def states(count):
    """Some of the 30,000 states."""
    chance = random.Random("lens")
    return [
        {
            "weights": chance.randint(1, STEP),
            "activations": chance.randint(1, STEP),
            "weight_structure": chance.choice(list(STRUCTURES)),
            "activation_structure": chance.choice(list(STRUCTURES)),
            "mode": chance.choice(list(MODES)),
        }
        for _ in range(count)
    ]


WALK = """(states) => {
  const group = document.querySelector('.sparse-lens'), sliders = group.querySelectorAll('.ranged input');
  const [first, second, mode] = group.querySelectorAll('select');
  const text = (row) => [...row.cells].map((cell) => cell.textContent);
  const cells = (name) => [...group.querySelectorAll(`.${name} tbody tr`)].map(text);
  const set = (control, value, kind) => { control.value = value; control.dispatchEvent(new Event(kind)); };
  return states.map((state) => {
    set(sliders[0], state.weights, 'input');
    set(sliders[1], state.activations, 'input');
    set(first, state.weight_structure, 'change');
    set(second, state.activation_structure, 'change');
    set(mode, state.mode, 'change');
    return { say: group.querySelector('.say').textContent, counted: cells('counted'), sized: cells('sized'),
      matrices: [...group.querySelectorAll('.matrix')].map((matrix) => [...matrix.children].filter(
        (cell) => cell.classList.contains('f0')).length) };
  });
}"""


def expected(state):
    return {
        "say": sentence(state),
        "counted": spent(state),
        "sized": rows(state),
        "matrices": [int(array.sum()) for array in operands(state)],
    }


@pytest.mark.browser
def test_every_state_shows_what_python_counts(site, browser):
    full = {"weights": STEP, "activations": STEP, "weight_structure": next(iter(STRUCTURES))}
    full |= {"activation_structure": next(iter(STRUCTURES)), "mode": "skip"}
    assert "1,024 of 1,024 MACs are left; independent zeros would leave 1,024." in sentence(full)
    wanted = [*states(150), full]
    with page(browser=browser) as tab:
        tab.goto(site(sparse_lens()))
        assert tab.evaluate(WALK, wanted) == [expected(state) for state in wanted]


def test_the_timeline_takes_the_cycles_and_does_the_macs_that_sparsify_counts():
    report = dense()
    for state in states(150):
        weights, activations = operands(state)
        found = sparsify(report, {"filter": weights, "ifmap": activations}, SAVINGS[state["mode"]])
        lines = timeline(state)
        assert len(lines[0]) == found.work.steps
        assert sum(line.count("m") for line in lines) == found.macs


def test_what_is_left_is_the_product_of_the_patterns_and_independence_is_their_densities():
    for state in states(50):
        weights, activations = operands(state)
        left, independent = macs(state)
        assert left == int((weights.astype(int) @ activations).sum())
        assert independent == pytest.approx(weights.mean() * activations.mean() * 8 * 16 * 8)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_pattern_has_its_density_and_lies_within_the_denser_ones(structure):
    denser = np.ones((8, 16))
    for at in range(STEP, 0, -1):
        now = pattern(8, 16, at, structure)
        assert now.sum() == round(8 * 16 * at / STEP)
        assert (now <= denser).all()
        denser = now


def test_columns_by_rows_leave_more_than_independent_zeros_would_and_shifted_ones_fewer():
    kept = {"weights": 5, "activations": 5, "weight_structure": "columns", "activation_structure": "rows"}
    left, independent = macs(kept)
    assert left == 4 * independent
    left, independent = macs(kept | {"weight_structure": "rows", "activation_structure": "columns"})
    assert left == independent


@pytest.mark.browser
def test_it_plays_and_steps_and_the_cursor_follows(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(sparse_lens()))
        tab.focus(".sparse-lens")
        tab.keyboard.press("ArrowRight")
        assert tab.text_content(".chosen").startswith("Cycle 2 of 36.")
        assert tab.evaluate("document.querySelector('div.cursor').style.left") == "2.77778%"
        tab.get_by_role("slider", name="weights, density").press("End")
        assert tab.text_content(".chosen").startswith("Cycle 2 of 64.")


def test_what_cannot_be_set_is_refused():
    with pytest.raises(AccelsimError) as refused:
        sparse_lens(0, 2, weight_structure="blocks", mode="skips")
    first = "weights must be a density from 0.05 to 1, got 0"
    for fault in (first, "activations must be", "weight_structure must be one", "did you mean skip"):
        assert fault in str(refused.value)
