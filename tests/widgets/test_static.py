"""The published view, in a real browser with the outside world closed."""

import os
import subprocess
import sys

import pytest

from accelsim import conv
from accelsim.widgets import loop_stepper, steps
from accelsim.widgets.loops import orders
from tests.browser import page, violations
from tests.widgets.views import SCORES, SMALL, STRIDED, TOTAL, expected, shown

pytestmark = pytest.mark.browser


def line(tab):
    return tab.text_content(".now-line")


@pytest.mark.parametrize("layer", [SMALL, STRIDED, SCORES, TOTAL], ids=lambda layer: layer.name)
def test_every_state_shows_what_plain_loops_count(site, browser, layer):
    with page(browser=browser) as tab:
        tab.goto(site(loop_stepper(layer)))
        for loops in orders(layer):
            assert shown(tab, loops) == expected(layer, loops)


def test_every_control_works_by_keyboard_alone(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(loop_stepper(SMALL)))
        press = tab.keyboard.press
        press("Tab")
        assert tab.evaluate("document.activeElement.getAttribute('role')") == "group"
        for key, number in [("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", 288), ("ArrowRight", 288),
                            ("Home", 1), ("ArrowLeft", 1)]:  # fmt: skip
            press(key)
            assert line(tab).startswith(f"MAC {number} of 288:")
        focused = "(e => (e.labels?.[0] ?? e).firstChild.textContent.trim())(document.activeElement)"
        names = [press("Tab") or tab.evaluate(focused) for _ in range(7)]
        assert names == ["Play", "Step back", "Step forward", "MAC", "Loop order", "Speed", "Table of all 288 MACs"]


def test_each_button_and_list_answers_the_keyboard(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(loop_stepper(SMALL)))
        tab.get_by_role("button", name="Step forward").press("Enter")
        tab.get_by_role("button", name="Step forward").press("Space")
        assert line(tab).startswith("MAC 3 of 288:")
        tab.get_by_role("button", name="Step back").press("Enter")
        assert line(tab).startswith("MAC 2 of 288: ofmap[0 0 0 0] += ifmap[0 0 0 1] * filter[0 0 0 1]")
        tab.get_by_label("Loop order").press("ArrowDown")
        assert line(tab).startswith("MAC 2 of 288: ofmap[0 0 0 1] += ifmap[0 0 0 1] * filter[0 0 0 0]")
        tab.get_by_label("Speed").press("ArrowDown")
        assert tab.get_by_label("Speed").input_value() == "16"


def test_space_plays_and_pauses_and_stepping_by_hand_stops_it(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(loop_stepper(SMALL)))
        tab.focus(".loop-stepper")
        tab.get_by_label("Speed").select_option("60")
        tab.focus(".loop-stepper")
        tab.keyboard.press("Space")
        tab.wait_for_function("!document.querySelector('.now-line').textContent.startsWith('MAC 1 of')")
        assert tab.text_content(".play") == "Pause"
        tab.keyboard.press("Space")
        stopped = line(tab)
        tab.wait_for_timeout(200)
        assert (line(tab), tab.text_content(".play")) == (stopped, "Play")
        tab.keyboard.press("Space")
        tab.keyboard.press("End")
        assert tab.text_content(".play") == "Play"


def test_the_slider_scrubs_and_says_where_it_is(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(loop_stepper(SMALL)))
        slider = tab.get_by_role("slider", name="MAC")
        slider.fill("144")
        assert line(tab).startswith("MAC 144 of 288:")
        assert slider.get_attribute("aria-valuetext") == "MAC 144 of 288"
        slider.press("ArrowUp")
        assert line(tab).startswith("MAC 145 of 288:")


def test_a_step_is_announced_once_it_rests_and_not_while_playing(site, browser):
    with page(browser=browser) as tab:
        tab.clock.install(time=0)
        tab.goto(site(loop_stepper(SMALL)))
        tab.evaluate("""() => { window.said = [];
            const spoken = document.querySelector('[aria-live=polite]');
            new MutationObserver(() => said.push(spoken.textContent)).observe(spoken, { childList: true }); }""")
        tab.clock.pause_at(60)  # from here on time passes only where the test lets it
        tab.focus(".loop-stepper")
        for _ in range(5):
            tab.keyboard.press("ArrowRight")
        tab.clock.run_for(900)
        assert tab.evaluate("said") == [line(tab)]
        tab.get_by_label("Speed").select_option("1")
        tab.focus(".loop-stepper")
        tab.keyboard.press("Space")
        tab.clock.run_for(2000)
        assert line(tab).startswith("MAC 8 of")
        assert len(tab.evaluate("said")) == 1
        tab.keyboard.press("Space")
        tab.clock.run_for(900)
        assert tab.evaluate("said.slice(1)") == [line(tab)]


def test_the_data_table_lists_every_mac_and_marks_the_one_shown(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(loop_stepper(SMALL, "C M N P Q R S")))
        tab.focus("summary")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".steps tbody tr")
        rows = tab.evaluate(
            "[...document.querySelectorAll('.steps tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
        )
        assert rows == [
            [str(number), *map(str, step.point.values()), *(" ".join(map(str, word)) for word in step.words)]
            for number, step in enumerate(steps(SMALL, "C M N P Q R S"), 1)
        ]
        tab.get_by_role("slider", name="MAC").fill("200")
        assert tab.locator("[aria-current=step]").evaluate_all("rows => rows.map(r => r.cells[0].textContent)") == [
            "200"
        ]


@pytest.mark.parametrize("width", [320, 1000])
@pytest.mark.parametrize("layer", [SCORES, conv("fc", C=60)], ids=lambda layer: layer.name)
def test_axe_finds_nothing_light_or_dark_and_nothing_overflows(site, browser, width, layer):
    with page(width=width, browser=browser) as tab:
        tab.goto(site(loop_stepper(layer, step=20)))
        tab.evaluate("document.querySelector('details').open = true")
        tab.wait_for_selector(".steps tbody tr")
        assert violations(tab) == []
        tab.evaluate("document.documentElement.dataset.theme = 'dark'")
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_the_page_still_has_picture_counters_and_table(site, browser):
    with page(java_script_enabled=False, browser=browser) as tab:
        tab.goto(site(loop_stepper(SMALL)))
        want = expected(SMALL, "N M P Q C R S".split())[143]
        assert line(tab) == want["line"]
        assert tab.locator("svg").count() == 3
        cells = tab.locator(".counters td").all_text_contents()[1:]
        tensors = [
            [str(tensor[key]) for key in ("now", "distinct", "reuses", "changes", "keep", "peak")]
            for tensor in want["tensors"]
        ]
        assert cells == [tensor[row] for row in range(6) for tensor in tensors]
        assert tab.locator(".steps tr").count() == 289


def test_the_picture_without_scripts_is_the_picture_with_them(site, browser):
    marks = "mark => mark.getAttribute('d') ?? mark.getAttribute('transform')"
    drawn = (
        f"[...document.querySelectorAll('svg')].map(s => [...s.querySelectorAll('.seen, .spent, .now')].map({marks}))"
    )
    with page(browser=browser) as tab:
        tab.goto(site(loop_stepper(SMALL, step=100)))
        assert line(tab).startswith("MAC 100 of 288:")
        scripted = tab.evaluate(drawn)
        tab.evaluate(
            "html => { document.querySelector('.stage').innerHTML = html }", loop_stepper(SMALL, step=100).figure
        )
        assert tab.evaluate(drawn) == scripted
        assert violations(tab) == []


def test_several_views_on_a_page_move_apart_even_when_they_are_the_same(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(loop_stepper(SMALL), loop_stepper(SCORES), loop_stepper(SMALL)))
        assert tab.locator(".loop-stepper").count() == 3
        tab.locator(".loop-stepper").nth(2).press("End")
        assert [text.split(":")[0] for text in tab.locator(".now-line").all_text_contents()] == [
            "MAC 1 of 288", "MAC 1 of 24", "MAC 288 of 288",
        ]  # fmt: skip


def test_reduced_motion_starts_at_one_step_a_second(site, browser):
    with page(reduced_motion="reduce", browser=browser) as tab:
        tab.goto(site(loop_stepper(SMALL)))
        assert tab.get_by_label("Speed").input_value() == "1"


def test_a_view_stays_under_200_kilobytes(monkeypatch):
    assert len(loop_stepper(SMALL).html) < 80_000
    assert len(loop_stepper(conv("most", M=16, C=16, P=4, Q=4)).html) < 200_000


def test_a_layer_name_is_text_and_never_markup(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(loop_stepper(conv("</script><b id=bad>", P=2, R=2))))
        assert tab.locator("#bad").count() == 0
        assert "</script><b id=bad>" in tab.text_content(".title")


def python(code):
    """What a fresh Python prints for some code, with no word about static views in its environment."""
    environment = {name: value for name, value in os.environ.items() if name != "ACCELSIM_STATIC"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("missing", "kinds"), [("", "application/vnd.jupyter.widget-view+json"), ("anywidget", "text/html")]
)
def test_the_view_is_live_where_anywidget_is_and_static_where_it_is_not(missing, kinds):
    code = f"import sys; sys.modules['{missing}'] = None; import accelsim.widgets as w; from accelsim import conv;"
    code += (
        "b = w.loop_stepper(conv('c', P=2))._repr_mimebundle_(); b = b[0] if type(b) is tuple else b; print(sorted(b))"
    )
    assert python(code) == str(sorted([kinds, "text/plain"]))


def test_the_widget_package_imports_neither_numpy_nor_anywidget():
    heavy = "('numpy', 'anywidget', 'matplotlib', 'traitlets')"
    assert python(f"import sys, accelsim.widgets; print([m for m in {heavy} if m in sys.modules])") == "[]"
