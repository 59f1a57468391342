"""Find the figures that a page quotes, and those of them that `accelsim.published` does not have.

`python -m tests.book.quotes book/03_platforms.md` prints what is wrong with a page, line by line.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from accelsim.published import Figure, table

# A unit as pages write it: what it measures, and how many of the base unit it is.
UNITS: dict[str, tuple[str, float]] = {
    **{f"{name}{rate}": ("frames/s", 1.0)
       for name in ("frames", "images", "inferences") for rate in ("/s", " a second", " per second")},
    "fps": ("frames/s", 1.0),
    **{f"{p}{unit}": (unit, 10.0**e) for p, e in (("p", -12), ("n", -9), ("u", -6), ("µ", -6), ("m", -3), ("", 0))
       for unit in ("J", "W", "s")},
    "kW": ("W", 1e3), "MHz": ("Hz", 1e6), "GHz": ("Hz", 1e9), "V": ("V", 1.0), "nm": ("nm", 1.0),
    **{f"{p}{unit}": (base, 10.0**e) for p, e in (("k", 3), ("K", 3), ("M", 6), ("G", 9), ("T", 12))
       for unit, base in (("B", "B"), ("B/s", "B/s"), ("MAC/s", "MAC/s"), ("OPS", "op/s"), ("OP/s", "op/s"),
                          ("FLOP/s", "op/s"), ("FLOPS", "op/s"), ("OPS/W", "op/J"), ("MAC/s/W", "MAC/J"))},
    "KiB": ("B", 2.0**10), "MiB": ("B", 2.0**20), "GiB": ("B", 2.0**30),
    "mm2": ("mm2", 1.0), "mm²": ("mm2", 1.0), "um2": ("um2", 1.0), "µm²": ("um2", 1.0),
    "%": ("%", 1.0), "% top-1": ("%", 1.0), "x": ("x", 1.0), "×": ("x", 1.0), "times": ("x", 1.0),
    "MAC energies": ("x", 1.0),
}  # fmt: skip
SHARES = ("%", "x")  # these are quotes only in a paragraph that cites someone
_NUMBER = r"(?<![\w.,])(\d[\d,]*(?:\.\d+)?)"
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_QUOTE = re.compile(rf"(?:{_NUMBER}(?:\s|-)(?:to|and|or)\s)?{_NUMBER}(?:\s|(?=[%×]))({_UNIT})(?![\w/²×])")
_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*(\S*)")
PROSE = ("{admonition}", "{dropdown}", "{glossary}", "{note}", "{tip}", "{table}", "{figure}")


@dataclass(frozen=True)
class Quote:
    """A number with a unit that a page types: on which line, in which paragraph, whom the page cites there."""

    line: int
    number: str
    unit: str
    block: str

    @property
    def text(self) -> str:
        return f"{self.number} {self.unit}"

    @property
    def cites(self) -> set[str]:
        return cited(self.block)

    def is_of(self, figure: Figure) -> bool:
        """Whether the digits typed are this figure, rounded to those digits."""
        what, scale = UNITS[self.unit]
        if UNITS.get(figure.unit, ("", 1.0))[0] != what:
            return False
        half = 0.5 * 10.0 ** -len(self.number.partition(".")[2]) * scale
        typed = float(self.number.replace(",", "")) * scale
        return abs(typed - figure.value * UNITS[figure.unit][1]) <= half * (1 + 1e-9)


def cited(text: str) -> set[str]:
    """Keys of the bibliography that a text cites."""
    return {key.strip() for keys in re.findall(r"\{cite[:a-z]*\}`([^`]+)`", text) for key in keys.split(",")}


def ours(text: str) -> set[str]:
    """What a page says is its own: lines `% ours: 30 frames a second, 10 ms`."""
    lines = re.findall(r"^%\s*ours:\s*(.*)$", text, re.MULTILINE)
    return {" ".join(item.split()) for line in lines for item in line.split("; ")}


def blocks(text: str) -> list[tuple[int, str]]:
    """Paragraphs of prose with the line each begins on; code, front matter and comments are blank."""
    lines, fence, kept = text.splitlines(), "", []
    front = lines.index("---", 1) if lines[:1] == ["---"] else -1
    for at, line in enumerate(lines):
        opening = _FENCE.match(line)
        if fence:
            fence = "" if opening and opening[2].startswith(fence) and not opening[3] else fence
            line = ""
        elif opening:
            fence, line = ("" if opening[3] in (*PROSE, "") else opening[2]), ""
        elif at <= front or line.startswith(("%", "    ", ":tags:")):
            line = ""
        kept.append(line)
    found: list[tuple[int, list[str]]] = []
    for at, line in enumerate(kept, 1):
        if not line.strip():
            found.append((at + 1, []))
        elif found:
            found[-1][1].append(line)
        else:
            found.append((at, [line]))
    return [(at, "\n".join(block)) for at, block in found if block]


def quotes(text: str) -> list[Quote]:
    """Every number with a unit that the prose of a page types."""
    return [
        Quote(start + prose[: match.start()].count("\n"), number, match[3], block)
        for start, block in blocks(text)
        for prose in [_prose(block)]
        for match in _QUOTE.finditer(prose)
        for number in (match[1], match[2])
        if number and (UNITS[match[3]][0] not in SHARES or cited(block))
    ]


def faults(text: str) -> list[str]:
    """What a page quotes without a published figure of a source that it cites, one line each."""
    known, own, everyone, found = list(table().values()), ours(text), cited(text), []
    for quote in quotes(text):
        keys = quote.cites if UNITS[quote.unit][0] in SHARES else everyone
        fits = [figure for figure in known if figure.key in keys and quote.is_of(figure)]
        if not fits and quote.text not in own:
            found.append(f"line {quote.line}: {quote.text!r} is no published figure of {_names(keys)}; {WAYS}")
        elif fits and all(figure.known == "recalled" for figure in fits) and "recalled" not in quote.block:
            found.append(f"line {quote.line}: {quote.text!r} is only recalled, and the paragraph does not say so")
    return found


WAYS = "compute it, quote {eval}`figure(...)`, add it to accelsim/data/published.csv, or write '% ours: ...'"


def _prose(block: str) -> str:
    """The block without roles (citations, computed numbers), code, formulas, link targets and tags; lines stay."""
    for pattern in (r"\{[\w:-]+\}(`+).*?\1", r"(`+).*?\1", r"\$\$.*?\$\$", r"\$[^$\n]*\$", r"\]\([^)]*\)", r"<[^>]*>"):
        block = re.sub(pattern, lambda m: " " + "\n" * m[0].count("\n"), block, flags=re.DOTALL)
    return block


def _names(keys: set[str]) -> str:
    return ", ".join(sorted(keys)) or "any source: nothing is cited"


def main(paths: list[str]) -> int:
    """Print the faults of pages; 1 if there are any."""
    found = [f"{path}: {fault}" for path in paths for fault in faults(Path(path).read_text())]
    print("\n".join(found) or "no figure without a source")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
