"""The built book as a reader meets it: in a real browser, offline, by keyboard, in the dark, on a phone."""

import functools
import importlib
import pkgutil
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from sphinx.util.inventory import InventoryFile

import accelsim
from accelsim import conv, widgets
from tests.browser import chromium, page, serve, violations

BOOK = Path(__file__).parents[2] / "book"
TOC = yaml.safe_load((BOOK / "_toc.yml").read_text())
WRITTEN = [TOC["root"], *(entry["file"] for part in TOC["parts"] for entry in part["chapters"])]
PAGES = [*WRITTEN, "search", "genindex", "py-modindex"]
CHAPTERS = [name for name in WRITTEN if name[:2].isdigit()]
CHAPTER = "02_tensor_computations"
LABS = {path.parent.name for path in BOOK.parent.glob("labs/*/lab.py")}
TOY = conv("toy", M=2, C=2, P=2, Q=3, R=2, S=2)
# A moment after the window has changed, the theme lets code that now has to be scrolled be reached by keyboard.
SCROLL = "[...document.querySelectorAll('pre, .pst-scrollable-table-container')]"
REACHABLE = f"!{SCROLL}.some(c => c.scrollWidth > c.clientWidth && c.tabIndex < 0)"
IN_JUPYTERLAB = "../../lab/tree/"  # beside `/static/html/`, where `make start` serves the book
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


@functools.cache
def identified(page: Path) -> set[str]:
    """The anchors of a page."""
    return Elements(page.read_text()).values("id", "name")


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
        tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
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
def test_a_page_fits_a_phone_and_has_no_accessibility_fault_there_in_the_dark(opened: Any) -> None:
    tab = opened[0]
    tab.set_viewport_size({"width": 390, "height": 844})
    darken(tab)
    tab.wait_for_function(REACHABLE)
    width, faults = tab.evaluate("document.documentElement.scrollWidth"), violations(tab)
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1280, "height": 800})
    assert width <= 390
    assert faults == []


@pytest.mark.browser
def test_what_stands_beside_every_page_has_no_accessibility_fault_in_the_dark(browser: Any, site: str) -> None:
    with page(width=1280, browser=browser) as tab:
        tab.goto(f"{site}/{TOC['root']}.html")
        darken(tab)
        assert violations(tab) == []


def darken(tab: Any) -> None:
    """Night falls while the page is open."""
    tab.emulate_media(color_scheme="dark", reduced_motion="reduce")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")


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
    at, here, dead = html / f"{name}.html", elements(html, name), []
    for link in here.values("href", "src"):
        parts = urlsplit(link)
        if parts.scheme or link in ("", "#") or link.startswith(IN_JUPYTERLAB):
            continue
        target = at.parent / unquote(parts.path) if parts.path else at
        if not target.exists():
            dead.append(link)
        elif parts.fragment and target.suffix == ".html":
            known = identified(target.resolve())
            dead += [link] if unquote(parts.fragment) not in known else []
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


def lab_links(html: Path, name: str) -> tuple[list[str], list[str]]:
    """The labs that a page opens in JupyterLab, and those it opens in the reader's browser."""
    links = [attrs for tag, attrs in elements(html, name).found if tag == "a"]
    return (
        [link["href"] for link in links if "in-jupyterlab" in link.get("class", "")],
        [link["data-notebook"] for link in links if "in-browser" in link.get("class", "")],
    )


@pytest.mark.parametrize("lab", sorted(LABS))
def test_one_chapter_opens_a_lab_and_the_lab_names_sections_of_that_chapter(lab: str, html: Path) -> None:
    notebook = f"{lab}/{lab}.ipynb"
    opening = [name for name in WRITTEN if lab_links(html, name) == ([IN_JUPYTERLAB + notebook], [notebook])]
    assert 1 == len(opening), f"no chapter, or more than one, has both links to {lab}"
    text = (BOOK.parent / "labs" / lab / "lab.py").read_text()
    assert f"](/static/html/{opening[0]}.html)" in text, "the notebook has no link to its chapter"
    headings = " ".join(re.findall(r"^#+ (.*)", (BOOK / f"{opening[0]}.md").read_text(), re.MULTILINE)).lower()
    paragraphs = re.findall(r"In chapter \d+: ((?:.+\n)(?:# .+\n)*)", text)
    named = re.findall(r"\*([^*]+)\*", " ".join(paragraphs).replace("\n# ", " "))
    sections = [section.split(" under ")[-1].strip().lower() for part in named for section in part.split(";")]
    assert sections
    assert [] == [section for section in sections if section not in headings]


def test_no_page_opens_a_lab_that_is_not_there(html: Path) -> None:
    opened = {link.removeprefix(IN_JUPYTERLAB) for name in WRITTEN for links in lab_links(html, name) for link in links}
    assert {f"{lab}/{lab}.ipynb" for lab in LABS} == opened


@pytest.mark.browser
def test_links_to_labs_show_where_jupyterlab_serves_the_book(browser: Any, html: Path, tmp_path: Path) -> None:
    shutil.copytree(html, tmp_path / "static/html", ignore=shutil.ignore_patterns("mathjax"))
    with page(browser=browser) as tab:
        for folder, shown in ((tmp_path / "static/html", False), (tmp_path, True)):
            with serve(folder) as url:
                for name in (name for name in CHAPTERS if lab_links(html, name)[0]):
                    tab.goto(f"{url}/{'static/html/' if shown else ''}{name}.html")
                    assert tab.locator("a.in-jupyterlab").is_visible() == shown
                    assert not tab.locator("a.in-browser").is_visible(), "this copy carries no simulator"


WANTED = {
    "Pareto front": "1. Accuracy is not enough",
    "depthwise": "2. Networks as tensor computations",
    "multicast": "6. Dataflows",
    "double buffering": "8. Tiles that fit",
    "bitmask": "11. Zeros",
    "evaluate_batch": "Many mappings at once",
    "headset": "If you invest or manage",
}


@pytest.mark.browser
def test_search_finds_each_chapter_and_the_reference_without_a_network(browser: Any, site: str) -> None:
    lost = {}
    with page(browser=browser) as tab:
        for words, title in WANTED.items():
            tab.goto(f"{site}/search.html?q={words}")
            tab.locator("#search-results li a").first.wait_for()
            tab.wait_for_function("/finished|found/i.test(document.querySelector('.search-summary').textContent)")
            found = tab.locator("#search-results li").all_inner_texts()
            if not any(title in text for text in found):
                lost[words] = found
    assert {} == lost


# The reference


INTERNAL = {  # modules without a page: nobody who uses the simulator calls them
    "accelsim.cli": "the command line, which has its own help",
    "accelsim.counts": "its one class is described as accelsim.Counts",
    "accelsim.dataflow": "its one function is described as accelsim.count",
    "accelsim.digits_train": "a script",
    "accelsim.onnx_reader": "called by workload.from_onnx",
    "accelsim.points": "sets of points as bits",
    "accelsim.splits": "tables under accelsim.batch",
    "accelsim.trace": "described name by name: module and function have one name",
}


@pytest.fixture(scope="module")
def described(html: Path) -> dict[str, set[str]]:
    """What the reference describes: full names by kind."""
    with (html / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, name: name)
    return {kind: set(names) for kind, names in inventory.items() if kind.startswith("py:")}


def test_every_module_is_in_the_reference_or_named_as_internal(described: dict[str, set[str]]) -> None:
    modules = {f"accelsim.{module.name}" for module in pkgutil.iter_modules(accelsim.__path__)}
    assert set() == INTERNAL.keys() - modules
    assert set() == modules - INTERNAL.keys() - described["py:module"], "add it to a page in book/api or to INTERNAL"


def test_every_function_and_class_handed_out_is_described(described: dict[str, set[str]]) -> None:
    known = set().union(*described.values())
    for module in map(importlib.import_module, sorted(described["py:module"])):
        public = getattr(module, "__all__", ())
        offered = {f"{module.__name__}.{name}" for name in public if callable(getattr(module, name))}
        assert set() == offered - known


def test_signatures_name_arrays_and_not_what_numpy_makes_them_of(html: Path) -> None:
    pages = sorted((html / "api").glob("*.html"))
    assert [] == [page.name for page in pages if "_SupportsArray" in page.read_text()]
    assert any("ArrayLike" in page.read_text() for page in pages)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_and_the_reference_lead_to_each_other(name: str, html: Path) -> None:
    chapter = (html / f"{name}.html").read_text()
    box = chapter[chapter.index("Called on this page:") :].split("</p>")[0]
    there = re.findall(r'href="(api/\w+\.html)#accelsim\.[\w.]+"', box)
    assert box.count("py-obj") == len(there) > 2
    for page_of_reference in set(there):
        assert f'href="../{name}.html"' in (html / page_of_reference).read_text()


@pytest.mark.parametrize("name", [name for name in WRITTEN if name.startswith("paths/")])
def test_a_way_through_the_book_leads_to_views_and_from_the_preface(name: str, html: Path) -> None:
    assert f"{name}.html" in elements(html, TOC["root"]).values("href")
    linked = {urlsplit(link) for link in elements(html, name).values("href") if link.startswith("../")}
    views = 0
    for link in linked:
        text = (html / name).parent.joinpath(link.path).resolve().read_text() if link.fragment else ""
        section = text[text.find(f'id="{link.fragment}"') :] if link.fragment else ""
        views += "accelsim-view" in section.split("</section>")[0]
    assert views >= 3


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
