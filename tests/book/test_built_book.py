"""The built book as a reader meets it: in a real browser, offline, by keyboard, in the dark, on a phone."""

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from accelsim import conv, widgets
from tests.browser import chromium, page, serve, violations

BOOK = Path(__file__).parents[2] / "book"
TOC = yaml.safe_load((BOOK / "_toc.yml").read_text())
WRITTEN = [TOC["root"], *(entry["file"] for part in TOC["parts"] for entry in part["chapters"])]
PAGES = [*WRITTEN, "search", "genindex"]
CHAPTER = "02_tensor_computations"
TOY = conv("toy", M=2, C=2, P=2, Q=3, R=2, S=2)
IN_JUPYTERLAB = "../../lab/tree/01_convolution/01_convolution.ipynb"
LAB_SECTIONS = "shapes stride-padding groups fc counting params-footprints attention".split()

# Independent of the simulator: AlexNet's layers (Krizhevsky 2012, two groups), MACs, weights, outputs.
ALEXNET = {
    "conv1": (105_415_200, 34_848, 290_400),
    "conv2": (223_948_800, 307_200, 186_624),
    "conv3": (149_520_384, 884_736, 64_896),
    "conv4": (112_140_288, 663_552, 64_896),
    "conv5": (74_760_192, 442_368, 43_264),
    "fc6": (37_748_736, 37_748_736, 4096),
    "fc7": (16_777_216, 16_777_216, 4096),
    "fc8": (4_096_000, 4_096_000, 1000),
}


class Elements(HTMLParser):
    """Every element of a page with its attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def values(self, *names: str) -> set[str]:
        return {attrs[name] for _, attrs in self.found for name in names if name in attrs}


def elements(html: Path, name: str) -> Elements:
    return Elements((html / f"{name}.html").read_text())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(html: Path) -> Iterator[str]:
    with serve(html) as url:
        yield url


@pytest.fixture
def chapter(browser: Any, site: str) -> Iterator[Any]:
    """A tab that shows chapter 2."""
    with page(browser=browser) as tab:
        tab.goto(f"{site}/{CHAPTER}.html")
        yield tab


@pytest.fixture(scope="module", params=PAGES)
def opened(request: pytest.FixtureRequest, browser: Any, site: str) -> Iterator[tuple[Any, list[str], list[str]]]:
    """A page's tab, what it asked for and what it complained of; `page` forbids the outside."""
    asked: list[str] = []
    complaints: list[str] = []
    with page(width=1280, browser=browser) as tab:
        tab.on("request", lambda sent: asked.append(sent.url))
        tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("requestfailed", lambda sent: complaints.append(f"failed: {sent.url}"))
        tab.goto(f"{site}/{request.param}.html")
        tab.wait_for_load_state("networkidle")
        yield tab, asked, complaints


@pytest.mark.browser
def test_a_page_asks_only_the_site_it_came_from(opened: Any) -> None:
    _, asked, _ = opened
    assert asked
    assert {urlsplit(url).hostname for url in asked if not url.startswith("data:")} == {"127.0.0.1"}


@pytest.mark.browser
def test_a_page_has_nothing_to_complain_of(opened: Any) -> None:
    assert opened[2] == []


@pytest.mark.browser
def test_a_page_has_no_accessibility_fault_in_the_light(opened: Any) -> None:
    assert violations(opened[0]) == []


@pytest.mark.browser
def test_a_page_has_no_accessibility_fault_in_the_dark(opened: Any) -> None:
    tab = opened[0]
    tab.emulate_media(color_scheme="dark")
    tab.reload()
    tab.wait_for_load_state("networkidle")
    theme, faults = tab.evaluate("document.documentElement.dataset.theme"), violations(tab)
    tab.emulate_media(color_scheme="light")
    tab.reload()
    assert theme == "dark"
    assert faults == []


@pytest.mark.browser
def test_a_page_does_not_scroll_sideways_on_a_phone(opened: Any) -> None:
    tab = opened[0]
    tab.set_viewport_size({"width": 390, "height": 844})
    width = tab.evaluate("document.documentElement.scrollWidth")
    tab.set_viewport_size({"width": 1280, "height": 800})
    assert width <= 390


@pytest.mark.browser
def test_every_formula_is_typeset(opened: Any) -> None:
    tab, _, _ = opened
    formulas = tab.locator(".bd-article .math").count()
    if formulas:
        tab.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
        tab.evaluate("MathJax.startup.promise")
    assert tab.locator(".bd-article .math mjx-container").count() == formulas
    assert tab.locator("mjx-merror").count() == 0


@pytest.mark.browser
def test_the_chapter_has_formulas_at_all(html: Path) -> None:
    assert (html / f"{CHAPTER}.html").read_text().count('class="math') > 10


@pytest.mark.parametrize("name", PAGES)
def test_internal_links_and_anchors_lead_somewhere(name: str, html: Path) -> None:
    here, dead = elements(html, name), []
    for link in here.values("href", "src") - {IN_JUPYTERLAB}:
        parts = urlsplit(link)
        if parts.scheme or link in ("", "#"):
            continue
        target = html / unquote(parts.path) if parts.path else html / f"{name}.html"
        if not target.exists():
            dead.append(link)
        elif parts.fragment and target.suffix == ".html":
            known = here if target.stem == name else elements(html, target.stem)
            dead += [link] if unquote(parts.fragment) not in known.values("id", "name") else []
    assert dead == []


@pytest.mark.parametrize("name", PAGES)
def test_outside_addresses_are_links_to_click_and_nothing_else(name: str, html: Path) -> None:
    loads = [
        (tag, attrs[at])
        for tag, attrs in elements(html, name).found
        for at in ("src", "href", "data", "action", "srcset", "poster")
        if tag != "a" and attrs.get(at, "").startswith(("http:", "https:", "//"))
    ]
    assert loads == []


@pytest.mark.parametrize("name", WRITTEN)
def test_every_picture_says_in_words_what_it_shows(name: str, html: Path) -> None:
    pictures = [attrs for tag, attrs in elements(html, name).found if tag == "img" or attrs.get("role") == "img"]
    assert [attrs for attrs in pictures if len(attrs.get("alt") or attrs.get("aria-label") or "") < 20] == []
    assert pictures or name != CHAPTER


@pytest.mark.parametrize("section", LAB_SECTIONS)
def test_the_sections_that_lab_1_refers_to_exist(section: str, html: Path) -> None:
    assert f"sec-{section}" in elements(html, CHAPTER).values("id")


def test_every_citation_and_term_is_resolved(html: Path) -> None:
    for name in WRITTEN:
        text = (html / f"{name}.html").read_text()
        assert "system-message" not in text
        assert not re.search(r"\{(term|cite|eval|ref)", text.replace("{eval}`conv3.macs`", "")), name


@pytest.mark.browser
def test_numbers_in_the_chapter_are_the_published_ones(chapter: Any) -> None:
    rows = {
        cells[0]: [int(cell.replace(",", "")) for cell in cells[1:4]]
        for row in chapter.locator("#sec-counting table tbody tr, #sec-counting ~ * table tbody tr").all()
        if (cells := [text.strip() for text in row.locator("td").all_inner_texts()])[0] in ALEXNET
    }
    text = chapter.locator("article").inner_text()
    assert rows == {name: list(numbers) for name, numbers in ALEXNET.items()}
    macs, weights = (sum(row[at] for row in ALEXNET.values()) for at in (0, 1))
    shares = [sum(ALEXNET[f"conv{n}"][at] for n in range(1, 6)) / whole for at, whole in ((0, macs), (1, weights))]
    assert f"hold {shares[0]:.0%} of the MACs and {shares[1]:.0%} of the weights" in " ".join(text.split())
    for line in ("stride 1: 81 multiplications", "stride 2: 36 multiplications", "stride 3: 9 multiplications"):
        assert line in text
    for once in ("array([ 5, 10, 18])", "array([ 8, 15, 25])", "12,582,912", "231,211,008", "23.1 GMAC/s"):
        assert once in text


def test_the_page_of_assumptions_shows_what_the_command_prints(html: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from accelsim.cli import main

    assert main(["run", "eyeriss", "alexnet"]) == 0
    printed = capsys.readouterr().out.strip()
    shown = re.sub(r"<[^>]+>", "", (html / "assumptions.html").read_text())
    assert printed in shown


@pytest.mark.browser
def test_the_link_to_the_lab_shows_where_jupyterlab_serves_the_book(browser: Any, html: Path, tmp_path: Path) -> None:
    assert (BOOK.parent / "labs/01_convolution/lab.py").exists()
    shutil.copytree(html, tmp_path / "static/html", ignore=shutil.ignore_patterns("mathjax"))
    for folder, shown in ((tmp_path / "static/html", False), (tmp_path, True)):
        with page(browser=browser) as tab, serve(folder) as url:
            tab.goto(f"{url}/{'static/html/' if shown else ''}{CHAPTER}.html")
            link = tab.locator("a.in-jupyterlab")
            assert link.get_attribute("href") == IN_JUPYTERLAB
            assert link.is_visible() == shown


@pytest.mark.browser
def test_search_finds_a_chapter_without_a_network(browser: Any, site: str) -> None:
    with page(browser=browser) as tab:
        tab.goto(f"{site}/search.html?q=depthwise")
        tab.locator("#search-results li a").first.wait_for()
        found = tab.locator("#search-results li a").all_inner_texts()
    assert any("Networks as tensor computations" in title for title in found)


@pytest.mark.browser
def test_the_widget_steps_by_keyboard_on_the_static_page(chapter: Any) -> None:
    lines = [str(widgets.loop_stepper(TOY, step=step)).splitlines()[1] for step in (1, 2, 3, 96)]
    chapter.locator(".accelsim-view").get_by_role("slider").focus()
    for key, line in zip(("Home", "ArrowRight", "ArrowRight", "End"), lines, strict=True):
        chapter.keyboard.press(key)
        chapter.wait_for_function(
            "line => document.querySelector('.accelsim-view').innerText.includes(line)", arg=line, timeout=5000
        )


@pytest.mark.browser
def test_a_solution_unfolds_by_keyboard(chapter: Any) -> None:
    fold = chapter.locator("#sec-self-check, #self-check").locator("xpath=ancestor-or-self::section[1]//details").first
    assert not fold.evaluate("fold => fold.open")
    fold.locator("summary").focus()
    chapter.keyboard.press("Enter")
    assert fold.evaluate("fold => fold.open")


@pytest.mark.browser
def test_the_chapter_can_be_read_where_no_script_runs(browser: Any, site: str) -> None:
    with page(browser=browser, java_script_enabled=False) as tab:
        tab.goto(f"{site}/{CHAPTER}.html")
        assert tab.get_by_role("heading", name="2. Networks as tensor computations").is_visible()
        assert "ofmap" in tab.locator(".accelsim-view .stage").inner_text()


@pytest.mark.browser
def test_the_book_opens_from_the_file_system(browser: Any, html: Path) -> None:
    with page(browser=browser) as tab:
        tab.goto((html / "index.html").as_uri())
        tab.wait_for_url("**/intro.html")
        tab.get_by_role("link", name="Networks as tensor computations").first.click()
        tab.locator("mjx-container").first.wait_for()
        assert tab.locator(".accelsim-view").get_by_role("slider").is_visible()
