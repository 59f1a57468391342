"""No page quotes a figure that `accelsim.published` does not have, and the check that says so can fail."""

import re
from pathlib import Path

import pytest

from accelsim.published import table
from tests.book.quotes import UNITS, faults, quotes

BOOK = Path(__file__).parents[2] / "book"
PAGES = sorted(BOOK.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_quotes_published_figures_only(page: Path) -> None:
    assert [] == faults(page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_figures_that_a_page_asks_for_exist(page: Path) -> None:
    asked = re.findall(r"""\b(?:figure|table)\(f?["']([\w.]+\.[\w.]+)["']\)""", page.read_text())
    assert [] == [name for name in asked if not any(known == name or known.startswith(name) for known in table())]


def test_the_pages_quote_something() -> None:
    assert len(quotes((BOOK / "02_tensor_computations.md").read_text())) >= 8


CITED = "Eyeriss draws {} {{cite:p}}`chen2017`."


@pytest.mark.parametrize(
    "typed",
    [
        "278 mW",
        "0.278 W",
        "34.7 frames a second",
        "35 fps",
        "23.1 GMAC/s",
        "100 to 108 KiB",
        "65 nm",
        "1794 mm",
        "45 %",
    ],
)
def test_a_figure_of_a_source_that_is_cited_passes_in_any_unit_and_rounding(typed: str) -> None:
    assert [] == faults(CITED.format(typed))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("279 mW", "'279 mW' is no published figure of chen2017"),
        ("278.4 mW", "'278.4 mW' is no"),
        ("278 W", "'278 W' is no"),
        ("about 92 TOPS", "'92 TOPS' is no published figure of chen2017"),  # the TPU's, from another paper
        ("20 to 108 KiB", "'20 KiB' is no"),
        ("11.9 times less", "'11.9 times' is no"),
        ("46% less", "'46 %' is no"),
        ("1,000\nfps", "line 1: '1,000 fps' is no"),
    ],
)
def test_a_figure_that_is_not_published_or_not_there_is_named(typed: str, said: str) -> None:
    assert any(said in fault for fault in faults(CITED.format(typed))), typed


def test_a_figure_without_any_citation_is_named() -> None:
    assert "nothing is cited" in faults("Eyeriss draws 278 mW.")[0]


def test_a_page_may_declare_its_own_numbers() -> None:
    assert [] == faults("% ours: 30 fps; 5 ms\n\nA camera of 30 fps leaves 5 ms.")
    assert 1 == len(faults("% ours: 30 fps\n\nA camera of 30 fps leaves 5 ms."))


def test_shares_and_ratios_are_quotes_only_beside_a_citation() -> None:
    assert [] == faults("Three times as many, 12% of all.\n\nWinograd {cite:p}`lavin2016` needs 2.25 times fewer.")


def test_a_figure_that_is_only_recalled_must_say_so() -> None:
    assert "only recalled" in faults("It drew 10.2 W {cite:p}`chen2016isscc`.")[0]
    assert [] == faults("It drew 10.2 W (recalled) {cite:p}`chen2016isscc`.")


def test_code_formulas_links_and_computed_numbers_are_not_quotes() -> None:
    page = "---\nx: 5 ms\n---\n```python\nx = 5 ms\n```\n\n`5 ms` $5 ms$ [a](5 ms) {eval}`f'{5} ms'` ms\n\n    5 ms\n"
    assert [] == quotes(page)
    assert ["5 ms", "6 ms"] == [quote.text for quote in quotes(":::{note}\n5 ms\n:::\n```{admonition} x\n6 ms\n```")]


def test_every_unit_of_a_published_figure_with_a_physical_unit_is_one_that_pages_are_read_for() -> None:
    plain = {figure.unit for figure in table().values()} - UNITS.keys()
    assert not {unit for unit in plain if "/" in unit} - {
        "accesses/MAC", "accesses/pixel", "inferences/J", "MACs/byte", "MACs/word", "MACs/cycle", "uJ/bit", "pJ/op",
        "TOPS/mm2",
    }  # fmt: skip
