"""The PE-array player: a timeline, cycle by cycle."""

import pytest

from accelsim import Arch, Level, catalog, conv, einsum, evaluate, nest
from accelsim.errors import AccelsimError
from accelsim.schedule import run
from accelsim.steps import timeline
from accelsim.timeline import Timeline, Works
from accelsim.widgets import pe_array
from tests.browser import page
from tests.widgets.arrays import expected, shown, skewed

LINE = skewed()
PES = [[row, column] for row in range(LINE.rows) for column in range(LINE.columns)]


@pytest.mark.browser
def test_every_cycle_and_pe_shows_what_the_timeline_holds(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(pe_array(LINE)))
        assert shown(tab, PES) == expected(LINE, PES)


@pytest.mark.browser
def test_a_schedule_is_played_by_its_own_numbers_from_cycle_0(site, browser):
    line = run(
        einsum("two", "ofmap[M] += ifmap[C] * filter[M C]", M=1, C=2), 1, 1, [(3, (0, 0), "mac", (0, 0))]
    ).timeline
    with page(browser=browser) as tab:
        tab.goto(site(pe_array(line, cycle=4)))
        assert shown(tab, [[0, 0]]) == expected(line, [[0, 0]])
        tab.focus(".pe-array")
        tab.keyboard.press("End")
        assert tab.text_content(".say").startswith("Cycle 3 of 0 to 3: ")
        tab.click("summary")
        assert "3" == tab.text_content(".cycles [aria-current] th")


@pytest.mark.browser
def test_the_table_lists_every_cycle_and_marks_the_one_shown(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(pe_array(LINE, cycle=5)))
        tab.focus("summary")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".cycles tbody tr")
        rows = tab.evaluate(
            "[...document.querySelectorAll('.cycles tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
        )
        assert [row[0] for row in rows] == [str(LINE.first + number) for number in range(1, LINE.cycles + 1)]
        assert [row[-1] for row in rows] == [f"{words:,}" for words in LINE.traffic["GLB writes of ofmap"]]
        assert [row[2] for row in rows] == [str(found["m"]) for found in LINE.counted]
        assert tab.text_content(".cycles [aria-current] th") == str(LINE.first + 5)


@pytest.mark.browser
def test_play_step_and_scrub_work_by_keyboard_and_a_click_on_the_strip_jumps(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(pe_array(LINE)))
        tab.focus(".pe-array")
        for key, number in [("ArrowRight", 2), ("End", LINE.cycles), ("ArrowLeft", LINE.cycles - 1), ("Home", 1)]:
            tab.keyboard.press(key)
            assert tab.text_content(".say").startswith(f"Cycle {LINE.first + number} of 40:")
        tab.get_by_role("slider", name="Cycle").fill("9")
        assert tab.text_content(".say").startswith("Cycle 16 of 40:")
        box = tab.locator(".strip").bounding_box()
        tab.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 20)
        assert tab.text_content(".say").startswith(f"Cycle {LINE.first + (LINE.cycles + 1) // 2} of 40:")
        tab.get_by_label("PE row").press("ArrowDown")
        assert tab.text_content(".chosen").startswith("PE row 1, column 0: ")
        tab.get_by_label("Speed").select_option("60")
        tab.focus(".pe-array")
        tab.keyboard.press("Space")
        tab.wait_for_function("document.querySelector('.say').textContent.startsWith('Cycle 22 of 40')")


@pytest.mark.browser
def test_the_strip_is_the_utilization_of_every_cycle(site, browser):

    numbers = "[...document.querySelector('.use').getAttribute('d').matchAll(/[VH]([\\d.]+)/g)].map(m => Number(m[1]))"
    with page(browser=browser) as tab:
        tab.goto(site(pe_array(LINE)))
        scripted = tab.evaluate(numbers)
        tab.evaluate("html => { document.querySelector('.stage').innerHTML = html }", pe_array(LINE).figure)
        assert tab.evaluate(numbers) == pytest.approx(scripted, abs=1e-3)


def test_what_cannot_be_played_is_refused():
    with pytest.raises(AccelsimError, match="draws a Timeline"):
        pe_array([1, 2])
    with pytest.raises(AccelsimError) as refused:
        pe_array(LINE, cycle=99, pe=(3, 0))
    assert f"cycle must be from 1 to {LINE.cycles}, got 99" in str(refused.value)
    assert "pe must be (row, column), below 3 and 4, got (3, 0)" in str(refused.value)
    many = Timeline("many", 100, 100, ("." * 10_000,) * 11, {}, Works((), ((),) * 11, ((),) * 10_000, {}))
    with pytest.raises(AccelsimError, match="from 1 to 10 can be shown: take a smaller window"):
        pe_array(many)


def test_a_report_is_played_from_its_start_or_from_a_window_of_it():
    layer, machine = catalog.alexnet().layer("conv3"), catalog.eyeriss()
    report = evaluate(layer, machine, catalog.mappings("eyeriss", "alexnet")["conv3"])
    assert pe_array(report).data == pe_array(timeline(layer, machine, report.mapping, 0, 400)).data
    assert pe_array(report, window=(1000, 50)).data["first"] == 1000
    assert len(pe_array(report).html) < 200_000


def test_a_window_that_is_too_long_or_no_window_is_refused_at_once():
    layer, machine = catalog.alexnet().layer("conv3"), catalog.eyeriss()
    report = evaluate(layer, machine, catalog.mappings("eyeriss", "alexnet")["conv3"])
    for cycles in (596, 10**6, 10**12):  # all but the first would take minutes
        shown = min(cycles, 3_833_856 - 1000)
        with pytest.raises(AccelsimError, match=f"{shown:,} cycles of 168 PEs; from 1 to 595 can be shown"):
            pe_array(report, window=(1000, cycles))
    for window in (5, (5,), "all"):
        with pytest.raises(AccelsimError, match="window must be"):
            pe_array(report, window=window)
    vast = Arch("vast", (Level("DRAM", fanout=(400, 300)), Level("spad")))
    wide = evaluate(conv("wide", M=400, C=300), vast, nest("DRAM: M400@x C300@y | spad:"))
    with pytest.raises(AccelsimError, match="an array of 120,000 PEs; at most 100,000 can be shown"):
        pe_array(wide)
    small = evaluate(conv("small", M=2), machine, nest("DRAM: M2 | GLB: | spad:"))
    assert len(pe_array(small, window=(0, 10**12)).data["states"]) == 2


def test_the_largest_player_stays_under_200_kilobytes():
    works = Works((), ((),) * 590, ((),) * 168, {"ofmap": ()})
    most = Timeline("most", 12, 14, ("m" * 168,) * 590, {"reads": (9,) * 590}, works)
    assert len(pe_array(most).html) < 200_000


def told():
    """The timeline of a schedule, in which each PE has notes of its own: a chain of two PEs, then a MAC that stalls."""
    layer = einsum("chain", "ofmap[M] += filter[M C] * ifmap[C]", M=1, C=3)
    words = [(c, (c, 0), "load", word) for c in (0, 1) for word in (("filter", 0, c), ("ifmap", c))]
    macs = [(c, (c, 0), "mac", (0, c)) for c in (0, 1)] + [(2, (1, 0), "mac", (0, 2))]
    return run(layer, 2, 1, [*words, *macs, (0, (0, 0), "pass", (("ofmap", 0), (1, 0)))]).timeline


@pytest.mark.browser
def test_a_schedule_tells_what_each_pe_does(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(pe_array(told())))
        assert shown(tab, [[0, 0], [1, 0]]) == expected(told(), [[0, 0], [1, 0]])
