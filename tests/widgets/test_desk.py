"""The metric desk: made-up systems and what is asked of them."""

import random

import pytest

from accelsim.errors import AccelsimError
from accelsim.widgets import metric_desk
from accelsim.widgets.desk import PRESETS, SLIDERS, SYSTEMS, Limits, reasons, rows, sentence
from tests.browser import page


def states(count):
    """The presets, and some of the 2,246,400 positions of the sliders."""
    chance = random.Random("desk")
    some = [{name: chance.choice(steps) for name, (_, _, steps) in SLIDERS.items()} for _ in range(count)]
    return [*(vars(preset) for preset in PRESETS.values()), *some]


WALK = """(states) => {
  const group = document.querySelector('.metric-desk'), sliders = [...group.querySelectorAll('input[type=range]')];
  const text = (row) => [...row.cells].map((cell) => cell.textContent);
  return states.map((places) => {
    places.forEach((place, i) => {
      sliders[i].value = place;
      sliders[i].dispatchEvent(new Event('input'));
    });
    return { say: group.querySelector('.say').textContent,
      rows: [...group.querySelectorAll('.systems tbody tr')].map(text),
      out: [...group.querySelectorAll('.entrant')].map((card) => card.classList.contains('out')) };
  });
}"""


def shown(tab, wanted):
    return tab.evaluate(WALK, [[SLIDERS[name][2].index(value) for name, value in state.items()] for state in wanted])


def expected(state):
    asked = Limits(**state)
    return {"say": sentence(asked), "rows": rows(asked), "out": [bool(reasons(s, asked)) for s in SYSTEMS]}


@pytest.mark.browser
def test_every_state_judges_as_python_does(site, browser):
    wanted = states(300)
    with page(browser=browser) as tab:
        tab.goto(site(metric_desk()))
        assert shown(tab, wanted) == [expected(state) for state in wanted]


def test_every_preset_leaves_some_systems_and_rules_out_others():
    for preset in PRESETS.values():
        assert 0 < sum(not reasons(system, preset) for system in SYSTEMS) < len(SYSTEMS)


def test_accuracy_alone_never_decides_for_the_most_accurate():
    most = max(SYSTEMS, key=lambda system: system.accuracy)
    assert all(reasons(most, preset) for preset in PRESETS.values())


@pytest.mark.browser
def test_presets_and_sliders_work_by_keyboard(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(metric_desk()))
        tab.get_by_role("button", name="phone").press("Enter")
        assert tab.text_content(".say") == sentence(PRESETS["phone"])
        assert tab.get_by_role("button", name="phone").get_attribute("aria-pressed") == "true"
        tab.get_by_role("slider", name="link, as it is there").press("Home")
        assert "sends 0.15 Mbit a frame, and there is no link" in tab.locator(".entrant").nth(10).text_content()
        assert tab.get_by_role("button", name="phone").get_attribute("aria-pressed") == "false"


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(AccelsimError) as refused:
        metric_desk("boat", {"fsp": 3, "area": -1})
    for fault in ("no preset 'boat'; there is drone", "no limit 'fsp'", "did you mean fps", "area must be a number"):
        assert fault in str(refused.value)
