"""The tile packer: tiles in a buffer, and what DRAM moves for them."""

import itertools

import pytest

from accelsim import conv
from accelsim.errors import AccelsimError
from accelsim.widgets import tile_packer
from tests.browser import page
from tests.widgets.packing import CAPACITY, CONV3, LAYERS, expected, packing, shown, states

named = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)


@pytest.mark.browser
@named
def test_every_state_shows_what_the_simulator_counts(site, browser, layer):
    wanted = states(layer, 40)
    with page(browser=browser) as tab:
        tab.goto(site(tile_packer(layer, CAPACITY)))
        assert shown(tab, wanted) == [expected(layer, state) for state in wanted]


@named
def test_tiles_fit_exactly_when_the_simulator_has_no_fault(layer):
    for state in states(layer, 60):
        packed = packing(layer, state)
        assert (packed.need <= CAPACITY) == (packed.faults == [])


def test_the_halo_is_the_words_that_the_next_tile_down_or_across_holds_too():
    layer = conv("c", C=2, P=6, Q=8, R=3, S=2, stride=(1, 1))
    state = {"tile": layer.dims | {"P": 2, "Q": 4}, "order": " ".join(layer.dims), "double": False, "wide": False}
    tile = set(itertools.product(range(2), range(2 + 3 - 1), range(4 + 2 - 1)))
    down, across = ({(c, h + dh, w + dw) for c, h, w in tile} for dh, dw in ((2, 0), (0, 4)))
    assert packing(layer, state).halo(layer.tensor("ifmap")) == len(tile & (down | across))
    assert packing(layer, state).halo(layer.tensor("filter")) == 0


def test_double_buffering_and_wide_sums_take_twice_the_room():
    small = {"tile": CONV3.dims | {"M": 8, "C": 8}, "order": " ".join(CONV3.dims), "double": False, "wide": False}
    plain, twice, wide = (packing(CONV3, small | more) for more in ({}, {"double": True}, {"wide": True}))
    assert twice.need == 2 * plain.need
    assert wide.need == plain.need + plain.words(CONV3.output)


def test_what_cannot_be_packed_is_refused_with_every_fault():
    with pytest.raises(AccelsimError) as refused:
        tile_packer(CONV3, 0, {"M": 400, "K": 3, "C": 1.5}, order="M", bits={"psum": 32})
    for fault in ("capacity must be", "tile of M must be a whole number from 1 to 384, got 400", "tile names K", "1.5",
                  "Q is missing", "bits names psum, no tensor"):  # fmt: skip
        assert fault in str(refused.value)
    with pytest.raises(AccelsimError, match="takes a layer"):
        tile_packer("conv3", 8192)
    with pytest.raises(AccelsimError, match=r"tile must be a dictionary such as \{'M': 16\}, got \[3\]"):
        tile_packer(CONV3, 8192, [3])
    with pytest.raises(AccelsimError, match="bits must be a dictionary"):
        tile_packer(CONV3, 8192, bits=32)


@pytest.mark.browser
def test_the_sliders_answer_the_keyboard_and_the_overflow_is_said(site, browser):
    with page(browser=browser) as tab:
        tab.goto(site(tile_packer(CONV3, CAPACITY, {"M": 16, "C": 16, "P": 7})))
        slider = tab.get_by_role("slider", name="tile of M")
        slider.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") == "17 of 384: 23 tiles, last 10"
        slider.press("End")
        assert "It does not fit: " in tab.text_content(".say")
        tab.wait_for_function("document.querySelector('.spoken').textContent.includes('too many')")


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1000])
def test_the_capacity_stands_clear_of_its_mark_however_far_a_tile_is_over(site, browser, width):
    with page(browser=browser, width=width) as tab:
        tab.goto(site(tile_packer(CONV3, CAPACITY, {"M": 384, "C": 256})))
        edge, label = (tab.locator(part).bounding_box() for part in (".edge", ".edge b"))
        mark = edge["x"] + edge["width"] - 3
        assert label["x"] > mark or label["x"] + label["width"] <= mark
        assert label["x"] + label["width"] <= width
