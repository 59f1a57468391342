"""Every count explained: which loops cause it, in words and as a formula that evaluates to the number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from accelsim.arch import Arch
from accelsim.dataflow import NONE, Flow, Levels, Walk, flow_of
from accelsim.errors import AccelsimError, suggest
from accelsim.mapping import Mapping
from accelsim.workload import Layer, Tensor


@dataclass(frozen=True)
class Term:
    """Words moved for one reason: a formula of whole numbers, and the reason in words."""

    formula: str
    says: str

    @property
    def words(self) -> int:
        """The formula's value."""
        return sum(math.prod(int(factor) for factor in part.split(" * ")) for part in self.formula.split(" + "))


@dataclass(frozen=True)
class Stream:
    """One stream of words in or out of a level: a heading, the words that are added, those that are spared."""

    says: str
    terms: tuple[Term, ...]
    spared: Term | None = None

    @property
    def words(self) -> int:
        """Words of the stream."""
        return sum(term.words for term in self.terms) - (self.spared.words if self.spared else 0)

    @property
    def formula(self) -> str:
        """The stream's words as a formula."""
        added = " + ".join(term.formula for term in self.terms if term.words) or "0"
        return f"{added} - {self.spared.formula}" if self.spared else added

    def lines(self) -> Iterator[str]:
        """The stream in words, a line per reason."""
        yield f"  {self.says}: {self.words:,}"
        yield from (f"    {term.formula}: {term.says}" for term in self.terms)
        if self.spared:
            yield f"    - {self.spared.formula}: {self.spared.says}"


@dataclass(frozen=True)
class Explanation:
    """Why a level reads and writes so many words of a tensor; `print` it, or take the formulas.

    `reads` and `writes` are streams; the sum of a direction's streams is its count.
    """

    level: str
    tensor: str
    reads: tuple[Stream, ...]
    writes: tuple[Stream, ...]

    @property
    def read_formula(self) -> str:
        """All reads as one formula; evaluated, it is the count."""
        return " + ".join(f"({stream.formula})" for stream in self.reads) or "0"

    @property
    def write_formula(self) -> str:
        """All writes as one formula; evaluated, it is the count."""
        return " + ".join(f"({stream.formula})" for stream in self.writes) or "0"

    def __str__(self) -> str:
        lines = []
        for verb, streams in (("reads", self.reads), ("writes", self.writes)):
            total = sum(stream.words for stream in streams)
            lines.append(f"{self.level} {verb} {total:,} words of {self.tensor}" + (":" if streams else "."))
            lines += [line for stream in streams for line in stream.lines()]
        return "\n".join(lines)


def explain(layer: Layer, arch: Arch, mapping: Mapping, level: str, tensor: str) -> Explanation:
    """Why `count` gives what it gives for one level and tensor.

    Raises `AccelsimError` for an unknown level or tensor, or one that bypasses the level.

    >>> from accelsim import Arch, Level, conv, nest
    >>> toy = Arch("toy", (Level("DRAM"), Level("spad")))
    >>> print(explain(conv("c", P=6, R=3), toy, nest("DRAM: P6 | spad: R3"), "DRAM", "ifmap"))
    DRAM reads 8 words of ifmap:
      to fill spad: 8
        3: the first tile of spad, 3 words
        5 * 1: each step of P6 at DRAM moves the window, which keeps 2 of 3 words
    DRAM writes 0 words of ifmap.
    """
    at = [each.name for each in arch.levels]
    if level not in at:
        raise AccelsimError(f"{arch.name} has no level {level!r}; it has {', '.join(at)}{suggest(level, at)}")
    flow, this = flow_of(layer, arch, mapping), layer.tensor(tensor)
    if at.index(level) not in flow.chain(this):
        raise AccelsimError(f"{tensor} bypasses {level} in this mapping, so {level} neither reads nor writes it")
    teller = _Teller(flow, this, at.index(level))
    return Explanation(level, tensor, *(teller.output() if this.output else teller.operand()))


@dataclass(frozen=True)
class _Teller:
    """Tells about one tensor at one level."""

    flow: Flow
    tensor: Tensor
    level: int

    def neighbours(self) -> tuple[int | None, int | None]:
        """The levels above and below that keep the tensor."""
        chain = self.flow.chain(self.tensor)
        place = chain.index(self.level)
        return (chain[place - 1] if place else None), (chain[place + 1] if place + 1 < len(chain) else None)

    def operand(self) -> tuple[tuple[Stream, ...], tuple[Stream, ...]]:
        parent, child = self.neighbours()
        shared = self.flow.multicast
        if child is None:
            reads = self.requests(shared, "operands of the MACs", "share")
        else:
            reads = Stream(f"to fill {self.flow.name(child)}", self.moves(self.level, child, shared))
        if parent is None:
            return (reads,), ()
        return (reads,), (Stream(f"filled from {self.flow.name(parent)}", self.moves(parent, self.level, NONE)),)

    def output(self) -> tuple[tuple[Stream, ...], tuple[Stream, ...]]:
        flow, (parent, child) = self.flow, self.neighbours()
        place = flow.chain(self.tensor).index(self.level)
        if child is None:
            added = self.requests(flow.reduction, "updates by the MACs", "add into").terms
            fresh, writer = flow.fresh(self.tensor, live=True)[place], "the MACs"
        else:
            added = self.moves(self.level, child, flow.reduction)
            fresh, writer = flow.fresh(self.tensor)[place], flow.name(child)
        zero = Term(str(fresh), "sums that start at zero, so nothing is read back")
        reads = [Stream(f"sums read again for {writer}", added, zero)]
        writes = [Stream(f"sums from {writer}", added)]
        if parent is not None:
            reads.append(Stream(f"sums that leave for {flow.name(parent)}", self.moves(parent, self.level, NONE)))
            above = Term(str(flow.fresh(self.tensor)[place - 1]), f"sums that {flow.name(parent)} does not hold yet")
            visits = self.moves(parent, self.level, flow.every)
            writes.append(Stream(f"sums that come back from {flow.name(parent)}", visits, above))
        return tuple(reads), tuple(writes)

    def requests(self, shared: Levels, says: str, verb: str) -> Stream:
        flow = self.flow
        words = flow.requested(self.tensor, self.level, shared)
        reason = "one word for each MAC"
        if words < flow.layer.macs:
            many = "" if flow.layer.macs % words else f"{flow.layer.macs // words} "
            reason = f"one word for the {many}MACs of a step that {verb} it"
        return Stream(says, (Term(str(words), reason),))

    def moves(self, parent: int, child: int, shared: Levels) -> tuple[Term, ...]:
        """The first tiles, then what each loop above the child makes it move, innermost loop first."""
        flow = self.flow
        walks = flow.walks(parent, child, shared)
        first = flow.first(self.tensor, parent, child, shared)
        terms = [Term(*self.opening(first, child, walks))]
        places = flow.above(child)
        return (*terms, *(self.carried(place, places, walks) for place in reversed(places)))

    def opening(self, first: int, child: int, walks: dict[str, Walk]) -> tuple[str, str]:
        """Words of the first step, and which copies they are for."""
        flow = self.flow
        copies = math.prod(len(walk.offsets) for walk in walks.values())
        apart = math.prod(p.loop.bound for p in flow.loops if p.spatial and p.level < child) // copies
        name = flow.name(child)
        if copies == apart == 1:
            return str(first), f"the first tile of {name}, {_words(first)}"
        groups = "each on its own" if apart > 1 else "taken together"
        if copies > 1 and apart > 1:
            groups = f"in {apart} groups of {copies} taken together"
        once = "; a word that several want counts once" if copies > 1 else ""
        return str(first), f"the first tiles of {copies * apart} copies of {name}, {groups}{once}"

    def carried(self, place: int, places: list[int], walks: dict[str, Walk]) -> Term:
        flow, p = self.flow, self.flow.loops[place]
        tiles, stays = (flow.points_of(self.tensor, walks, place, staying=staying) for staying in (False, True))
        times = math.prod(walk.at(place).times for walk in walks.values())
        loop = f"{p.loop} at {flow.name(p.level)}"
        inside = [
            str(flow.loops[at].loop) for at in places if at > place and flow.loops[at].loop.dim in self.tensor.dims
        ]
        mine, back = p.loop.dim in self.tensor.dims, " ".join(inside)
        new = tiles - stays
        formula = f"{times} * {new // times}" if new % times == 0 else str(new)
        edges = "" if new % times == 0 else " (tiles at the edge are smaller)"
        if not new and mine:
            return Term("0", f"{loop} and {back} going back to its start lead to the same tile")
        if not new:
            return Term("0", f"{loop} does not index {self.tensor.name} and finds the tile still there")
        if stays and mine:
            return Term(
                formula, f"each step of {loop} moves the window, which keeps {_share(stays, tiles, times)}{edges}"
            )
        if stays:
            kept = f"but {back} inside it goes back to its start, where {_share(stays, tiles, times)} are still there"
            return Term(formula, f"{loop} does not index {self.tensor.name}, {kept}{edges}")
        if mine:
            return Term(formula, f"each step of {loop} needs a new tile{edges}")
        thrown = f"{back} inside it threw the tile away"
        return Term(formula, f"{loop} does not index {self.tensor.name}, but {thrown}, so it moves again{edges}")


def _share(part: int, whole: int, times: int) -> str:
    if part % times or whole % times:
        return f"{part} of {whole} words in all"
    return f"{part // times} of {_words(whole // times)}"


def _words(count: int) -> str:
    return f"{count} word{'s' if count != 1 else ''}"
