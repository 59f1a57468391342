"""Accounting conventions: what other tools call an access, as named values, and counts restated under them.

The same loops on the same machine get different counts in different tools, and no tool is wrong: each has its own
answer to small questions such as whether the first sum is read before it is written. Here every such question is a
field of `Convention`; `recount` restates the counts of a mapping under any of them. Under a preset the counts are
those of that tool, word for word:

* "zigzag" and "accelforge": on every mapping of whole tiles that was run in both, random loop orders, spatial loops,
  bypasses, strides and dilations included. ZigZag knows no axis of three dimensions; AccelForge cannot write a mapping
  in which a tensor stays while a loop over time steps that has the dimension of a spatial loop further in. With
  imperfect factors ZigZag refuses and AccelForge counts average tiles; both presets pad instead.
* "timeloop": on the 36 known rows, which have two levels and no spatial loop. What its exact path does with more of
  either was not measured.

>>> layer, arch, mappings = spilling()
>>> for tool in PRESETS:
...     counts = recount(layer, arch, mappings["sums spilled"], tool)
...     print(tool, counts.reads["memory", "Z"], counts.reads["buffer", "Z"], counts.writes["buffer", "Z"])
accelsim 2048 67584 67584
timeloop 2048 63488 67584
accelforge 2048 67584 67584
zigzag 4096 69632 69632
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal, get_args, get_type_hints

from accelsim.arch import Arch, Level
from accelsim.counts import Counts, Key
from accelsim.dataflow import NONE, Flow, count, flow_of
from accelsim.errors import AccelsimError, MappingError, suggest
from accelsim.mapping import Mapping, Placed, check, nest
from accelsim.points import box_size
from accelsim.workload import Layer, Rank, Tensor, einsum


@dataclass(frozen=True)
class Convention:
    """How accesses are counted. The defaults are this simulator's own answers.

    halo: when a window moves, the words it still covers are "kept", or the whole window is "refetched".
    gaps: a window with holes (a 1x1 filter at stride 2) holds its "points" alone, or the whole "span", or what the
    formula "overlaps" says: a b - (b - s)(a - d) for a outputs at stride s and b taps at dilation d, right but where a
    is less than d and b more than s (s and d less their common factor).
    overlap: words that several copies want in the same step, where their windows overlap in part: "shared" (the parent
    reads each word once), "apart" (only copies that want one and the same window share it) or "aligned": copies
    whose windows start together share, so a parent reads whole windows, as many as the different words with which the
    MACs below it begin over those with which the MACs below one copy begin, rounded.
    first_sum: a sum that starts at zero is "free", or "read" first in a level whose sums are written more than once.
    returns: a sum that comes back for more goes to "one" of the copies that will add to it, or to "every" one.
    drains: whether a sum that leaves a level is counted as a read there.
    operands: a MAC asks for an operand at "every" step, or only when it has "changed".
    edges: where the bounds of the loops do not divide, the last tile is "clipped", or the layer is "padded".

    Words that start together or are refetched are defined for whole tiles only: with "clipped" edges every other
    field but `drains` must keep its default, and "refetched" is needed for "span", "aligned" and "apart".
    Raises `AccelsimError` with every fault at once.
    """

    name: str = "accelsim"
    halo: Literal["kept", "refetched"] = "kept"
    gaps: Literal["points", "span", "overlaps"] = "points"
    overlap: Literal["shared", "apart", "aligned"] = "shared"
    first_sum: Literal["free", "read"] = "free"
    returns: Literal["one", "every"] = "one"
    drains: bool = True
    operands: Literal["every", "changed"] = "every"
    edges: Literal["clipped", "padded"] = "clipped"

    def __post_init__(self) -> None:
        if faults := list(_faults(self)):
            raise AccelsimError(f"convention {self.name!r}: " + "\n  ".join(faults))


def _faults(rules: Convention) -> Iterator[str]:
    choices = {name: get_args(kind) or (True, False) for name, kind in get_type_hints(Convention).items()}
    for name in [field.name for field in fields(Convention)][1:]:
        if (value := getattr(rules, name)) not in choices[name]:
            yield f"{name} is one of {', '.join(map(repr, choices[name]))}, got {value!r}"
    own = {field.name: field.default for field in fields(Convention)}
    whole = [name for name in ("halo", "first_sum", "returns", "operands") if getattr(rules, name) != own[name]]
    if rules.edges == "clipped" and whole:
        yield f"{', '.join(whole)} other than the default needs edges='padded', where every tile is whole"
    windows = [name for name in ("gaps", "overlap") if getattr(rules, name) != own[name]]
    if rules.halo == "kept" and windows:
        yield f"{', '.join(windows)} other than the default needs halo='refetched', where a window moves as a whole"


PRESETS = {
    rules.name: rules
    for rules in (
        Convention(),
        Convention("timeloop", drains=False),  # its exact path, Timeloop 4cf6d4c
        Convention("accelforge", "refetched", "span", "apart", returns="every", edges="padded"),  # AccelForge 1.0.467
        Convention(  # ZigZag 3.9.1
            "zigzag", "refetched", "overlaps", "aligned", "read", returns="every", operands="changed", edges="padded"
        ),
    )
}


def preset(name: str) -> Convention:
    """The convention of a tool. Raises `AccelsimError` for an unknown one.

    >>> preset("timeloop")
    Convention(name='timeloop', halo='kept', gaps='points', overlap='shared', first_sum='free', returns='one',
        drains=False, operands='every', edges='clipped')
    """
    if name not in PRESETS:
        raise AccelsimError(f"no convention {name!r}; there is {', '.join(PRESETS)}{suggest(name, PRESETS)}")
    return PRESETS[name]


def recount(layer: Layer, arch: Arch, mapping: Mapping, convention: str | Convention = "accelsim") -> Counts:
    """The counts of a mapping under a convention: `reads` and `writes` restated, the rest as `count` gives it.

    With edges "padded" the layer counted is the one that fills all loops. Copies are taken to share reads and to add
    their sums, so conventions other than "accelsim" and "timeloop" need multicast and reduction wherever loops are
    spatial. Raises `MappingError` with all faults.

    A row of 16 outputs in four tiles under a filter of 3: tools that refetch the halo read 4 tiles of 6 words.

    >>> layer = einsum("c1", "O[K P] += I[P+R] * F[K R]", K=4, P=16, R=3)
    >>> toy = Arch("toy", (Level("DRAM"), Level("buffer")))
    >>> for tool in PRESETS:
    ...     print(tool, recount(layer, toy, nest("DRAM: P4 | buffer: P4 K4 R3"), tool).reads["DRAM", "I"])
    accelsim 18
    timeloop 18
    accelforge 24
    zigzag 24
    """
    rules = convention if isinstance(convention, Convention) else preset(convention)
    check(layer, arch, mapping)
    if rules.edges == "padded":
        layer = padded(layer, mapping)
        _check_sharing(arch, mapping, rules)
    counts, books = count(layer, arch, mapping), _Books(flow_of(layer, arch, mapping), rules)
    if rules.edges == "clipped":
        return counts if rules.drains else replace(counts, reads=books.less_drains(counts.reads))
    reads, writes = dict.fromkeys(counts.reads, 0), dict.fromkeys(counts.writes, 0)
    for tensor in layer.tensors:
        (books.output if tensor.output else books.operand)(tensor, reads, writes)
    return replace(counts, reads=reads, writes=writes)


def padded(layer: Layer, mapping: Mapping) -> Layer:
    """The layer that fills every iteration of a mapping's loops: each dimension as large as its bounds together.

    >>> padded(einsum("v", "z[M] += x[K] * W[M K]", M=55, K=8), nest("DRAM: M4 K8 | PE: M14")).dims["M"]
    56
    """
    loops = [loop for stage in mapping.stages for loop in stage.loops]
    full = {dim: math.prod(loop.bound for loop in loops if loop.dim == dim) for dim in layer.dims}
    return replace(layer, bounds=tuple(full.items()))


def _check_sharing(arch: Arch, mapping: Mapping, rules: Convention) -> None:
    faults = [
        f"{level.name}: {rules.name} takes {what} for granted where loops are spatial; the machine has {what}=False"
        for level, stage in zip(arch.levels, mapping.stages, strict=True)
        for what in ("multicast", "reduction")
        if any(loop.axis and loop.bound > 1 for loop in stage.loops) and not getattr(level, what)
    ]
    if faults:
        raise MappingError(f'{arch.name}: "{mapping}"\n  ' + "\n  ".join(faults))


@dataclass(frozen=True)
class _Books:
    """The counts of one mapping, kept by the rules of a convention; a child one beyond the last level is the MAC."""

    flow: Flow
    rules: Convention

    def operand(self, tensor: Tensor, reads: dict[Key, int], writes: dict[Key, int]) -> None:
        chain = self.flow.chain(tensor)
        for parent, child in pairwise(chain):
            writes[self.flow.name(child), tensor.name] += self.filled(tensor, parent, child)
            reads[self.flow.name(parent), tensor.name] += self.served(tensor, parent, child)
        reads[self.flow.name(chain[-1]), tensor.name] += self.requested(tensor, chain[-1])

    def output(self, tensor: Tensor, reads: dict[Key, int], writes: dict[Key, int]) -> None:
        flow, chain = self.flow, self.flow.chain(tensor)
        for parent, child in pairwise(chain):
            up, down = (flow.name(parent), tensor.name), (flow.name(child), tensor.name)
            drained, added = flow.moved(tensor, parent, child, NONE), flow.moved(tensor, parent, child, flow.reduction)
            reads[down] += drained * self.rules.drains
            writes[up] += added
            reads[up] += self.read_again(added, self.fresh(tensor, parent))
            back = drained if self.rules.returns == "every" else flow.moved(tensor, parent, child, flow.every)
            copies = self.adders(tensor, parent, child) if self.rules.returns == "every" else 1
            writes[down] += self.read_again(back, self.fresh(tensor, parent) * copies, added)
        last = flow.name(chain[-1]), tensor.name
        updates = flow.requested(tensor, chain[-1], flow.reduction)
        writes[last] += updates
        reads[last] += self.read_again(updates, self.fresh(tensor, chain[-1]))

    def less_drains(self, reads: dict[Key, int]) -> dict[Key, int]:
        flow, output = self.flow, self.flow.layer.output
        drained = {
            (flow.name(child), output.name): flow.moved(output, parent, child, NONE)
            for parent, child in pairwise(flow.chain(output))
        }
        return {key: words - drained.get(key, 0) for key, words in reads.items()}

    def read_again(self, sums: int, fresh: int, written: int | None = None) -> int:
        """Of these sums, those read before something is added; `written` sums reach the level that holds them."""
        if self.rules.first_sum == "free":
            return sums - fresh
        once = self.flow.layer.words(self.flow.layer.output.name)
        return sums if (sums if written is None else written) > once else 0

    def fresh(self, tensor: Tensor, level: int) -> int:
        """Sums that start at zero in a level."""
        if self.rules.returns == "one":
            return self.flow.fresh(tensor)[self.flow.chain(tensor).index(level)]
        return self.flow.layer.words(tensor.name) * self.adders(tensor, 0, level)

    def adders(self, tensor: Tensor, parent: int, child: int) -> int:
        """Copies of `child` below one `parent` that add to the same sums."""
        return math.prod(p.loop.bound for p in self.spatial(parent, child) if p.loop.dim not in tensor.dims)

    def filled(self, tensor: Tensor, parent: int, child: int) -> int:
        """Words that enter the tiles of `child`, each copy counted."""
        if self.rules.halo == "kept":
            return self.flow.moved(tensor, parent, child, NONE)
        copies = math.prod(p.loop.bound for p in self.spatial(0, child))
        tile = math.prod(self.words(rank, self.extents(child)) for rank in tensor.ranks)
        return self.turns(tensor, child, still=True) * copies * tile

    def served(self, tensor: Tensor, parent: int, child: int, still: bool = True) -> int:
        """Words that `parent` reads for that; every turn of the loops asks anew unless the tile stands `still`."""
        if self.rules.halo == "kept":
            return self.flow.moved(tensor, parent, child, self.flow.multicast)
        copies = math.prod(p.loop.bound for p in self.spatial(0, parent))
        return self.turns(tensor, child, still) * copies * self.wanted(tensor, parent, child)

    def requested(self, tensor: Tensor, level: int) -> int:
        """Words that the MACs ask of a level."""
        still, end = self.rules.operands == "changed", len(self.flow.arch.levels)
        if self.rules.halo == "kept" and not still:
            return self.flow.requested(tensor, level, self.flow.multicast)
        return self.served(tensor, level, end, still)

    def turns(self, tensor: Tensor, child: int, still: bool) -> int:
        """Times a tile of `child` is filled: the loops above it, but not the innermost ones that leave it as it is."""
        loops = [p.loop for p in self.flow.loops if p.level < child and not p.spatial]
        while still and loops and loops[-1].dim not in tensor.dims:
            loops.pop()
        return math.prod(loop.bound for loop in loops)

    def spatial_of(self, dim: str) -> list[Placed]:
        return [p for _, p in self.flow.of[dim] if p.spatial]

    def spatial(self, parent: int, child: int) -> list[Placed]:
        return [p for p in self.flow.loops if p.spatial and parent <= p.level < child]

    def extents(self, level: int) -> dict[str, int]:
        """Iterations of each dimension inside a tile."""
        return {
            dim: math.prod(p.loop.bound for _, p in loops if p.level >= level) for dim, loops in self.flow.of.items()
        }

    def words(self, rank: Rank, extents: dict[str, int]) -> int:
        """Words of a window on one axis."""
        if self.rules.gaps == "span":
            return rank.extent(extents)
        if self.rules.gaps == "overlaps" and len(rank.terms) == 2:
            return _less_overlaps(rank, extents)
        return box_size(tuple((coefficient, extents[dim]) for dim, coefficient in rank.terms))

    def wanted(self, tensor: Tensor, parent: int, child: int) -> int:
        """Words read for the windows of all copies of `child` below one `parent`."""
        spatial, extents = self.spatial(parent, child), self.extents(child)
        window = math.prod(self.words(rank, extents) for rank in tensor.ranks)
        if self.rules.overlap == "apart":
            return window * math.prod(p.loop.bound for p in spatial if p.loop.dim in tensor.dims)
        if self.rules.overlap == "aligned":
            return window * round(Fraction(self.starts(tensor, parent), self.starts(tensor, child)))
        return math.prod(self.union(rank, extents, spatial) for rank in tensor.ranks)

    def starts(self, tensor: Tensor, level: int) -> int:
        """Words that the MACs below one instance of a level begin with, the index of a copy taken for its place."""
        copies = {dim: math.prod(p.loop.bound for p in self.spatial_of(dim) if p.level >= level) for dim in tensor.dims}
        return math.prod(self.words(rank, copies) for rank in tensor.ranks)

    def union(self, rank: Rank, extents: dict[str, int], spatial: list[Placed]) -> int:
        """Words of the windows of all copies on one axis, each counted once."""
        scale = dict(rank.terms)
        steps = tuple((scale[p.loop.dim] * p.step, p.loop.bound) for p in spatial if p.loop.dim in scale)
        if self.rules.gaps == "span":
            return box_size(((1, rank.extent(extents)), *steps))
        return box_size((*((coefficient, extents[dim]) for dim, coefficient in rank.terms), *steps))


def _less_overlaps(rank: Rank, extents: dict[str, int]) -> int:
    (first, a), (second, b) = ((coefficient, extents[dim]) for dim, coefficient in rank.terms)
    unit = math.gcd(first, second)
    return a * b - max(0, b - first // unit) * (a - second // unit)


def spilling() -> tuple[Layer, Arch, dict[str, Mapping]]:
    """A layer, a machine and two mappings whose ranking depends on the convention alone.

    A product of 64 x 32 x 32 in tiles of 8 x 8 x 16; a word costs 100 in memory and 1 in the buffer, a MAC 1. By
    Timeloop's books spilling sums saves 9.6 % of the energy, by AccelForge's and ours 9.5 %, by ZigZag's nothing.

    >>> from accelsim.energy import energy
    >>> layer, arch, mappings = spilling()
    >>> for tool in PRESETS:
    ...     kept, spilled = (sum(energy(recount(layer, arch, m, tool), arch).values()) for m in mappings.values())
    ...     print(f"{tool:<10} {kept:9,.0f} {spilled:9,.0f} {spilled / kept - 1:6.1%}")
    accelsim   2,187,264 1,980,416  -9.5%
    timeloop   2,185,216 1,976,320  -9.6%
    accelforge 2,187,264 1,980,416  -9.5%
    zigzag     2,189,312 2,189,312   0.0%
    """
    layer = einsum("product", "Z[M N] += A[M K] * B[N K]", M=64, N=32, K=32)
    arch = Arch("two levels", (Level("memory", read=100, write=100), Level("buffer", read=1, write=1)), mac=1)
    orders = {"sums stay": "M8 N4 K2", "sums spilled": "M8 K2 N4"}
    return layer, arch, {name: nest(f"memory: {order} | buffer: M8 N8 K16") for name, order in orders.items()}


def table(layer: Layer, arch: Arch, mapping: Mapping) -> str:
    """One mapping under every preset, as a Markdown table: words by level, tensor and direction.

    A star marks what differs from this simulator's own count.

    >>> layer, arch, mappings = spilling()
    >>> print(table(layer, arch, mappings["sums spilled"]))
    | level | tensor | words | accelsim | timeloop | accelforge | zigzag |
    |---|---|---|--:|--:|--:|--:|
    | memory | A | read | 2,048 | 2,048 | 2,048 | 2,048 |
    | memory | B | read | 8,192 | 8,192 | 8,192 | 8,192 |
    | memory | Z | read | 2,048 | 2,048 | 2,048 | 4,096 * |
    | memory | Z | written | 4,096 | 4,096 | 4,096 | 4,096 |
    | buffer | A | read | 65,536 | 65,536 | 65,536 | 65,536 |
    | buffer | A | written | 2,048 | 2,048 | 2,048 | 2,048 |
    | buffer | B | read | 65,536 | 65,536 | 65,536 | 65,536 |
    | buffer | B | written | 8,192 | 8,192 | 8,192 | 8,192 |
    | buffer | Z | read | 67,584 | 63,488 * | 67,584 | 69,632 * |
    | buffer | Z | written | 67,584 | 67,584 | 67,584 | 69,632 * |
    """
    found = [recount(layer, arch, mapping, name) for name in PRESETS]
    lines = [f"| level | tensor | words | {' | '.join(PRESETS)} |", "|---|---|---|" + "--:|" * len(PRESETS)]
    for level, tensor in found[0].reads:
        for what, side in (("read", "reads"), ("written", "writes")):
            words = [getattr(counts, side)[level, tensor] for counts in found]
            cells = [f"{n:,}" + " *" * (n != words[0]) for n in words]
            if any(words):
                lines.append(f"| {level} | {tensor} | {what} | {' | '.join(cells)} |")
    return "\n".join(lines)
