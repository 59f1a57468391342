"""How questions fared in a class: how many earned them, and whether they tell strong work from weak."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

FEW = 10


@dataclass(frozen=True)
class Item:
    """One question in one class of `n`: mean share of its points earned (0 to 1), and its discrimination.

    `discrimination` is the correlation, over students, of the share earned here with the points earned on all other
    questions; None where `why` says so. Where an item is all or nothing this is the point-biserial correlation,
    corrected for the item itself.
    """

    name: str
    n: int
    difficulty: float
    discrimination: float | None
    why: str = ""


def item_statistics(names: Sequence[str], rows: Sequence[Sequence[tuple[float, float]]]) -> list[Item]:
    """Statistics of each item from a row of (points, of) per student, in the order of `names`.

    >>> rows = [[(2, 2), (3, 3)], [(0, 2), (0, 3)]] * 6
    >>> item_statistics(["a", "b"], rows)[0]
    Item(name='a', n=12, difficulty=0.5, discrimination=1.0, why='')
    """
    return [_item(name, [row[n] for row in rows], [_rest(row, n) for row in rows]) for n, name in enumerate(names)]


def _rest(row: Sequence[tuple[float, float]], without: int) -> float:
    return sum(points for n, (points, _) in enumerate(row) if n != without)


def _item(name: str, earned: Sequence[tuple[float, float]], rest: Sequence[float]) -> Item:
    shares = [points / of if of else 0.0 for points, of in earned]
    mean = statistics.fmean(shares) if shares else 0.0
    why = _why_not(shares, rest)
    return Item(name, len(shares), mean, None if why else round(statistics.correlation(shares, rest), 6), why)


def _why_not(shares: Sequence[float], rest: Sequence[float]) -> str:
    if len(shares) < FEW:
        return f"fewer than {FEW} students"
    if len(set(shares)) == 1:
        return "all earned the same here"
    return "all earned the same elsewhere" if len(set(rest)) == 1 else ""


def in_words(item: Item) -> str:
    """What a figure of discrimination means, for one who decides whether to keep the question."""
    if item.discrimination is None:
        return item.why
    if item.discrimination < 0.1:
        return "does not tell strong work from weak: look at the question"
    return "tells a little" if item.discrimination < 0.3 else "tells well"
