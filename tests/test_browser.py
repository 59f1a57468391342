"""The browser of the tests itself: what it must not miss, and what it must not imagine."""

import pytest

from tests.browser import page, violations

PAGE = """<!doctype html><html lang="en"><title>Trial</title><style>
@keyframes fade { from { opacity: 0 } }
@keyframes spin { to { rotate: 1turn } }
.fading { animation: fade 60s }
.spinning { animation: spin 1s infinite }
</style><main><h1>Trial</h1><p style="color: %s" class="fading">Text</p><p class="spinning">More</p></main>"""


@pytest.mark.browser
@pytest.mark.parametrize(("colour", "held_against_it"), [("#222", []), ("#ccc", ["color-contrast"])])
def test_text_that_still_fades_in_is_judged_as_it_will_be(colour: str, held_against_it: list[str]) -> None:
    with page() as tab:
        tab.set_content(PAGE % colour)
        assert held_against_it == [fault.split(":")[0] for fault in violations(tab)]
