"""The energy breakdown: counts times a table."""

import random
from dataclasses import replace

import pytest

from accelsim import Arch, Level, catalog, evaluate, evaluate_network
from accelsim.errors import AccelsimError
from accelsim.widgets import energy_breakdown
from accelsim.widgets.breakdown import BY, SCALES, aligned, keys, rows, sentence, split
from tests.browser import page

CONV3 = catalog.alexnet().layer("conv3")
MAPPING = catalog.mappings("eyeriss", "alexnet")["conv3"]
REPORTS = {
    "row stationary": evaluate(CONV3, catalog.eyeriss(), MAPPING),
    "one PE": evaluate(CONV3, catalog.one_pe(), catalog.mappings("one_pe", "alexnet")["conv3"]),
    "outputs stay": evaluate(CONV3, catalog.shidiannao(), catalog.mappings("shidiannao", "alexnet")["conv3"]),
}
SPENT, PRICES = aligned([split(name, report) for name, report in REPORTS.items()])


def states(count):
    """Some states: what is shown, and prices that the reader has changed."""
    chance = random.Random("prices")
    return [
        {
            "by": chance.choice(list(BY)),
            "scale": chance.choice(list(SCALES)),
            "table": {row: round(price * chance.choice([0, 0.5, 1, 1, 3.25]), 4) for row, price in PRICES.items()},
        }
        for _ in range(count)
    ]


def expected(state):
    by, prices = state["by"], state["table"]
    return {
        "say": " ".join(sentence(spent, by, prices) for spent in SPENT),
        "rows": rows(SPENT, by, state["scale"], prices),
    }


WALK = """(states) => {
  const group = document.querySelector('.energy-breakdown'), [by, scale] = group.querySelectorAll('select');
  const text = (row) => [...row.cells].map((cell) => cell.textContent);
  return states.map((state) => {
    for (const [select, value] of [[by, state.by], [scale, state.scale]]) {
      select.value = value;
      select.dispatchEvent(new Event('change'));
    }
    for (const row of group.querySelectorAll('.prices tbody tr')) {
      const input = row.querySelector('input');
      input.value = state.table[row.cells[0].textContent];
      input.dispatchEvent(new Event('input'));
    }
    return { say: group.querySelector('.say').textContent,
      rows: [...group.querySelectorAll('.spent tbody tr')].map(text) };
  });
}"""


@pytest.mark.browser
def test_every_state_shows_counts_times_the_table(site, browser):
    wanted = [*states(60), {"by": "level", "scale": "mac", "table": dict.fromkeys(PRICES, 0)}]
    with page(browser=browser) as tab:
        tab.goto(site(energy_breakdown(REPORTS)))
        assert tab.evaluate(WALK, wanted) == [expected(state) for state in wanted]


def test_as_given_the_bars_are_the_report():
    for spent, report in zip(SPENT, REPORTS.values(), strict=True):
        assert spent.sums("level", PRICES) == pytest.approx(report.by_level())
        assert spent.sums("tensor", PRICES) == pytest.approx(report.by_tensor())


def test_a_changed_price_gives_what_evaluating_a_machine_with_that_price_gives():
    machine = catalog.eyeriss()
    cheap = replace(machine, levels=(replace(machine.levels[0], read=50, write=50), *machine.levels[1:]))
    changed = PRICES | {"DRAM word": 50.0}
    assert SPENT[0].sums("tensor", changed) == pytest.approx(evaluate(CONV3, cheap, MAPPING).by_tensor())


def test_a_network_is_the_sum_of_its_layers():
    alexnet = catalog.alexnet()
    report = evaluate_network("alexnet", alexnet.layers, catalog.eyeriss(), catalog.mappings("eyeriss", "alexnet"))
    spent = split("alexnet", report)
    assert sum(spent.sums("level", spent.prices).values()) == pytest.approx(report.total)
    assert "alexnet on eyeriss: 6." in str(energy_breakdown(report))


def test_leakage_and_words_of_another_width_are_priced_as_the_machine_prices_them():
    levels = (Level("DRAM", read=200, write=100, leak=0.25), Level("spad", read=1, write=1, link=0.5, fanout=2))
    arch = Arch("wide", levels, mac=1, leak=3, bits={"ofmap": 32})
    report = evaluate(CONV3, arch, catalog.mappings("one_pe", "alexnet")["conv3"])
    spent = split("wide", report)
    assert list(spent.prices) == ["DRAM read", "DRAM write", "spad word", "spad link", "MAC", "DRAM leakage",
                                  "rest leakage"]  # fmt: skip
    assert spent.sums("level", spent.prices) == pytest.approx(report.by_level())
    assert keys([spent], "tensor") == ["ifmap", "filter", "ofmap", "compute", "leakage"]


def test_machines_whose_prices_differ_get_rows_of_their_own():
    other = replace(catalog.one_pe(), mac=3.0)
    again = evaluate(CONV3, other, catalog.mappings("one_pe", "alexnet")["conv3"])
    (first, second), prices = aligned([split("a", REPORTS["one PE"]), split("b", again)])
    assert (prices["MAC"], prices["MAC, b"]) == (1.0, 3.0)
    assert sum(second.sums("level", prices).values()) == pytest.approx(again.total)
    assert sum(first.sums("level", prices).values()) == pytest.approx(REPORTS["one PE"].total)


@pytest.mark.browser
def test_a_price_below_zero_is_refused_and_gives_way_to_the_one_that_counts(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(energy_breakdown(REPORTS)))
        field, before = tab.get_by_label("DRAM word, price in MAC energies"), tab.text_content(".say")
        field.fill("-5")
        assert field.evaluate("field => field.matches(':invalid')")
        assert before == tab.text_content(".say")
        field.blur()
        assert "200" == field.input_value()


@pytest.mark.browser
def test_a_price_answers_the_keyboard_and_goes_back_to_what_it_was(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(energy_breakdown(REPORTS)))
        field = tab.get_by_label("DRAM word, price in MAC energies")
        before = tab.text_content(".say")
        field.press("ArrowDown")
        assert field.input_value() == "180"
        assert tab.text_content(".say") != before
        field.fill("-3")
        assert tab.text_content(".changed th") == "DRAM word"
        tab.get_by_role("button", name="Prices as they were").press("Enter")
        assert (field.input_value(), tab.text_content(".say")) == ("200", before)


def test_what_cannot_be_shown_is_refused():
    for given in ((), ("conv3",)):
        with pytest.raises(AccelsimError, match=r"no report given|expected a Report"):
            energy_breakdown(*given)
    tpu = evaluate(CONV3, catalog.tpu_v1(), catalog.mappings("tpu_v1", "alexnet")["conv3"])
    with pytest.raises(AccelsimError, match="energies in MAC energies and in pJ do not compare"):
        energy_breakdown(REPORTS["one PE"], tpu)
    with pytest.raises(AccelsimError, match="by must be one of level, tensor, got 'layer'"):
        energy_breakdown(REPORTS["one PE"], by="layer")
