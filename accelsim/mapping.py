"""A mapping: which loops run at which level, in which order, over time or across the array.

    DRAM: M6 C64 | GLB[ifmap ofmap]: N4 Q13 P13@x R3@y M4@y | spad: M16 C4 S3

reads as these loops, outermost first. `GLB[ifmap ofmap]` keeps those two tensors, the others bypass it; `P13@x`
is spatial, across the x axis of the array below the level.

    DRAM keeps all        for M in 6: for C in 64:
      GLB keeps ifmap, ofmap  for N in 4: for Q in 13: parallel P in 13 on x: ...
        spad keeps all          for M in 16: for C in 4: for S in 3: MAC
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterator
from collections.abc import Mapping as Sizes
from dataclasses import dataclass

from accelsim.arch import AXES, Arch
from accelsim.errors import MappingError, suggest, whole
from accelsim.points import MAX_AXIS
from accelsim.workload import MAX_BOUND, Layer

MAX_COPIES = 2**16


@dataclass(frozen=True)
class Loop:
    """A loop over `bound` steps of one dimension: temporal, or spatial when `axis` is "x" or "y"."""

    dim: str
    bound: int
    axis: str = ""

    def __post_init__(self) -> None:
        named = isinstance(self.dim, str) and re.fullmatch(r"[A-Za-z_]+", self.dim)
        bounded = whole(self.bound) and 1 <= self.bound <= MAX_BOUND
        if not named or not bounded or self.axis not in ("", *AXES):
            raise MappingError(
                f"a loop has a dimension in letters, a bound from 1 to 2^63-1 and axis 'x', 'y' or '' (temporal); "
                f"got dim={self.dim!r}, bound={self.bound!r}, axis={self.axis!r}"
            )
        object.__setattr__(self, "bound", operator.index(self.bound))

    def __str__(self) -> str:
        return f"{self.dim}{self.bound}" + (f"@{self.axis}" if self.axis else "")


@dataclass(frozen=True)
class Stage:
    """The loops at one level, outermost first, and the tensors kept there (None: all)."""

    level: str
    loops: tuple[Loop, ...] = ()
    keeps: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        looped = isinstance(self.loops, (tuple, list)) and all(isinstance(loop, Loop) for loop in self.loops)
        listed = isinstance(self.keeps, (tuple, list)) and all(isinstance(name, str) for name in self.keeps)
        if not isinstance(self.level, str) or not looped or not (self.keeps is None or listed):
            raise MappingError(
                f"a stage is a level's name, Loops, and a list of tensors or None; "
                f"got {self.level!r}, {self.loops!r}, {self.keeps!r}"
            )
        object.__setattr__(self, "loops", tuple(self.loops))
        object.__setattr__(self, "keeps", None if self.keeps is None else tuple(self.keeps))

    def holds(self, tensor: str) -> bool:
        """Whether the level keeps this tensor."""
        return self.keeps is None or tensor in self.keeps

    def __str__(self) -> str:
        kept = "" if self.keeps is None else f"[{' '.join(self.keeps)}]"
        return f"{self.level}{kept}:" + "".join(f" {loop}" for loop in self.loops)


@dataclass(frozen=True)
class Mapping:
    """Stages, outermost level first. Prints as text that `nest` reads in again."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        listed = isinstance(self.stages, (tuple, list)) and all(isinstance(stage, Stage) for stage in self.stages)
        if not listed or not self.stages:
            raise MappingError(f"a mapping is Stages, outermost first, as nest(...) makes them; got {self.stages!r}")
        object.__setattr__(self, "stages", tuple(self.stages))

    def __str__(self) -> str:
        return " | ".join(map(str, self.stages))

    def pretty(self) -> str:
        """The same nest as indented loops.

        >>> print(nest("DRAM: M2 | spad[filter]: P3@x").pretty())
        DRAM keeps all
        for M in 0..1
          spad keeps filter
          parallel P in 0..2 on x
            MAC
        """
        lines, depth = [], 0
        for stage in self.stages:
            kept = "all" if stage.keeps is None else ", ".join(stage.keeps) or "nothing"
            lines.append("  " * depth + f"{stage.level} keeps {kept}")
            for loop in stage.loops:
                word, where = ("parallel", f" on {loop.axis}") if loop.axis else ("for", "")
                lines.append("  " * depth + f"{word} {loop.dim} in 0..{loop.bound - 1}{where}")
                depth += 1
        return "\n".join([*lines, "  " * depth + "MAC"])


_STAGE = re.compile(r"\s*([A-Za-z_]\w*)\s*(\[[^\[\]]*\])?\s*:(.*)", re.DOTALL)
_LOOP = re.compile(r"([A-Za-z_]+)(\d+)(?:@([A-Za-z]+))?")
_WORD = re.compile(r"[A-Za-z_]\w*")


def nest(text: str) -> Mapping:
    """Read a mapping from text such as `DRAM: M6 | GLB[ifmap ofmap]: P13@x | spad: M4`.

    Raises `MappingError` naming every place that cannot be read and what was expected there.

    >>> nest("DRAM: M6 C64 | GLB[ifmap ofmap]: P13@x | spad: S3").stages[1].loops
    (Loop(dim='P', bound=13, axis='x'),)
    >>> nest("DRAM: M | GLB P3")
    Traceback (most recent call last):
    accelsim.errors.MappingError: nest "DRAM: M | GLB P3"
      column 7: expected a loop such as M4 or P13@x, got 'M'
      column 11: expected a level such as 'GLB:' or 'GLB[ifmap ofmap]:', got 'GLB P3'
    """
    if not isinstance(text, str):
        raise MappingError(f"a nest is text such as 'DRAM: M4 | spad: C4 S3', got {text!r}")
    faults: list[str] = []
    stages, start = [], 0
    for part in text.split("|"):
        stages.append(_stage(part, start, faults))
        start += len(part) + 1
    if faults:
        raise MappingError(f'nest "{text}"\n  ' + "\n  ".join(faults))
    return Mapping(tuple(stages))


def _stage(part: str, start: int, faults: list[str]) -> Stage:
    found = _STAGE.fullmatch(part)
    if not found:
        column = start + len(part) - len(part.lstrip()) + 1
        got = repr(part.strip()) if part.strip() else "nothing"
        faults.append(f"column {column}: expected a level such as 'GLB:' or 'GLB[ifmap ofmap]:', got {got}")
        return Stage("?")
    keeps = None if found[2] is None else tuple(found[2][1:-1].replace(",", " ").split())
    for name in keeps or ():
        if not _WORD.fullmatch(name):
            faults.append(f"column {start + found.start(2) + 1}: expected tensor names, got {name!r}")
    loops = []
    for word in re.finditer(r"\S+", found[3]):
        loop, column = _LOOP.fullmatch(word[0]), start + found.start(3) + word.start() + 1
        if not loop:
            level = "; | stands before the next level" if word[0].endswith(":") else ""
            faults.append(f"column {column}: expected a loop such as M4 or P13@x, got {word[0]!r}{level}")
        elif loop[3] and loop[3] not in AXES:
            faults.append(f"column {column}: expected axis x or y, got {loop[3]!r} in {word[0]!r}")
        elif len(loop[2]) > 19 or not 1 <= int(loop[2]) <= MAX_BOUND:
            faults.append(f"column {column}: expected a bound from 1 to 2^63-1, got {word[0]!r}")
        else:
            loops.append(Loop(loop[1], int(loop[2]), loop[3] or ""))
    return Stage(found[1], tuple(loops), keeps)


@dataclass(frozen=True)
class Placed:
    """A loop with its place: the index of its level, and how far one iteration steps along its dimension."""

    loop: Loop
    level: int
    step: int

    @property
    def spatial(self) -> bool:
        """Whether the iterations run side by side."""
        return bool(self.loop.axis)


def placed(mapping: Mapping) -> tuple[Placed, ...]:
    """All loops, outermost first, with level index and step (the product of the inner bounds of the dimension).

    >>> [(str(p.loop), p.step) for p in placed(nest("DRAM: M6 | spad: M4 C2"))]
    [('M6', 4), ('M4', 1), ('C2', 1)]
    """
    inner: dict[str, int] = {}
    found = []
    for level in range(len(mapping.stages) - 1, -1, -1):
        for loop in reversed(mapping.stages[level].loops):
            step = inner.get(loop.dim, 1)
            found.append(Placed(loop, level, step))
            inner[loop.dim] = step * loop.bound
    return tuple(reversed(found))


def tile(layer: Layer, mapping: Mapping, level: int) -> dict[str, int]:
    """Extent of every dimension in the largest tile at a level: the loops of that level and below, clipped."""
    extent = dict.fromkeys(layer.dims, 1)
    for stage in mapping.stages[level:]:
        for loop in stage.loops:
            extent[loop.dim] *= loop.bound
    return {dim: min(size, layer.dims[dim]) for dim, size in extent.items()}


def problems(layer: Layer, arch: Arch, mapping: Mapping) -> list[str]:
    """Every reason why this mapping cannot run this layer on this machine; an empty list if it can.

    >>> from accelsim import Arch, Level, conv
    >>> toy = Arch("toy", (Level("DRAM"), Level("spad", capacity=4)))
    >>> problems(conv("c", M=4, C=6), toy, nest("DRAM: M4 | spad: C3"))
    ['C: the loops cover 3 of 6; add a loop C2', 'spad: ifmap 3 + filter 3 + ofmap 1 words need 7, it has 4']
    """
    faults = _kind_faults(layer, arch, mapping) or list(_name_faults(layer, arch, mapping))
    if faults:
        return faults
    if faults := list(_size_faults(layer, mapping)):
        return faults
    return [
        *_loop_faults(layer, mapping),
        *_fanout_faults(arch, mapping),
        *_reduction_faults(layer, arch, mapping),
        *_capacity_faults(layer, arch, mapping),
    ]


def check(layer: Layer, arch: Arch, mapping: Mapping) -> None:
    """Raise `MappingError` with all `problems`, if there are any."""
    if faults := problems(layer, arch, mapping):
        names = [getattr(value, "name", repr(value)) for value in (layer, arch)]
        raise MappingError(f'{names[0]} on {names[1]}: "{mapping}"\n  ' + "\n  ".join(faults))


def _kind_faults(layer: object, arch: object, mapping: object) -> list[str]:
    wanted = ((layer, Layer, "conv(...) or einsum(...)"), (arch, Arch, "Arch(...)"), (mapping, Mapping, "nest(...)"))
    return [
        f"expected a{'n' * (kind is Arch)} {kind.__name__}, made by {maker}, got {value!r}"
        for value, kind, maker in wanted
        if not isinstance(value, kind)
    ]


def _name_faults(layer: Layer, arch: Arch, mapping: Mapping) -> Iterator[str]:
    levels = [level.name for level in arch.levels]
    stages = [stage.level for stage in mapping.stages]
    unknown = [name for name in stages if name not in levels]
    for name in unknown:
        yield f"{name}: {arch.name} has no such level, it has {', '.join(levels)}{suggest(name, levels)}"
    missing = [name for name in levels if name not in stages]
    meant = [name for name in missing for wrong in unknown if suggest(wrong, levels) == suggest(name, [name])]
    if left := [name for name in missing if name not in meant]:
        yield f"no stage for {', '.join(left)}; write '{left[0]}:' even if no loop runs there"
    if not missing and not unknown and stages != levels:
        yield f"levels must be written once each in the order {' | '.join(levels)}, got {' | '.join(stages)}"
    tensors = [tensor.name for tensor in layer.tensors]
    for stage in mapping.stages:
        for name in stage.keeps or ():
            if name not in tensors:
                yield f"{stage.level}: no tensor {name}, the layer has {', '.join(tensors)}{suggest(name, tensors)}"
        for loop in stage.loops:
            if loop.dim not in layer.dims:
                known = f"the layer has {' '.join(layer.dims)}{suggest(loop.dim, layer.dims)}"
                yield f"{stage.level}: loop {loop} is over {loop.dim}, {known}"
    dropped = [name for name in tensors if not mapping.stages[0].holds(name)]
    if dropped and stages[0] in levels:
        yield f"{stages[0]}: the outermost level must keep every tensor, it leaves out {', '.join(dropped)}"


def _size_faults(layer: Layer, mapping: Mapping) -> Iterator[str]:
    """What is too large to be worked out at all."""
    for dim in layer.dims:
        loops = [loop for stage in mapping.stages for loop in stage.loops if loop.dim == dim]
        if math.prod(loop.bound for loop in loops) > 2 * MAX_BOUND:
            yield f"{dim}: the loops together run more than 2^64 times, the layer has {layer.dims[dim]}"
        elif (copies := math.prod(loop.bound for loop in loops if loop.axis)) > MAX_COPIES:
            yield f"{dim}: the spatial loops make {copies} copies; counted are up to {MAX_COPIES}"
    for tensor in layer.tensors:
        for rank in tensor.ranks:
            reach = rank.extent(layer.dims)
            if reach > MAX_AXIS and sum(layer.dims[dim] > 1 for dim, _ in rank.terms) > 1:
                yield f"axis {rank} of {tensor.name} spans {reach}; windows are counted up to {MAX_AXIS}"


def _loop_faults(layer: Layer, mapping: Mapping) -> Iterator[str]:
    covered = dict.fromkeys(layer.dims, 1)
    for place in placed(mapping):
        loop, size = place.loop, layer.dims[place.loop.dim]
        covered[loop.dim] *= loop.bound
        if (loop.bound - 1) * place.step >= size:
            first, where = -(-size // place.step) + 1, mapping.stages[place.level].level
            span = f"iteration {first} lies" if first == loop.bound else f"iterations {first} to {loop.bound} lie"
            yield f"{loop.dim}: {loop} at {where} steps by {place.step}, so its {span} beyond {size}"
    for dim, size in layer.dims.items():
        if covered[dim] < size:
            need = -(-size // covered[dim])
            yield f"{dim}: the loops cover {covered[dim]} of {size}; add a loop {dim}{need}"


def _fanout_faults(arch: Arch, mapping: Mapping) -> Iterator[str]:
    for level, stage in zip(arch.levels, mapping.stages, strict=True):
        for axis, have in zip(AXES, level.fanout, strict=True):
            need = math.prod(loop.bound for loop in stage.loops if loop.axis == axis)
            if need > have:
                line = "columns" if axis == "x" else "rows"
                yield f"{level.name}: spatial loops on {axis} need {need} {line}, the array has {have}"


def _reduction_faults(layer: Layer, arch: Arch, mapping: Mapping) -> Iterator[str]:
    kept = [index for index, stage in enumerate(mapping.stages) if stage.holds(layer.output.name)]
    for index, (level, stage) in enumerate(zip(arch.levels, mapping.stages, strict=True)):
        parent = arch.levels[max(at for at in kept if at <= index)]
        spread = [str(loop) for loop in stage.loops if loop.axis and loop.bound > 1 and loop.dim in layer.reduced]
        if spread and not level.reduction and not parent.accumulate:
            yield (
                f"{level.name}: {' '.join(spread)} makes copies with sums of the same {layer.output.name}; "
                f"its array does not reduce and {parent.name} does not accumulate"
            )


def _wide(arch: Arch, tensor: str) -> str:
    """A remark on tensors whose words are not the machine's."""
    return "" if arch.width(tensor) == arch.word else f" (of {arch.width(tensor)} bits)"


def _capacity_faults(layer: Layer, arch: Arch, mapping: Mapping) -> Iterator[str]:
    for index, (level, stage) in enumerate(zip(arch.levels, mapping.stages, strict=True)):
        if level.capacity is None:
            continue
        extent, factor = tile(layer, mapping, index), 2 if level.double else 1
        twice = " (double buffered, so twice)" if level.double else ""
        need = {t.name: factor * t.words(extent) for t in layer.tensors if stage.holds(t.name)}
        bits = sum(count * arch.width(name) for name, count in need.items())
        if isinstance(level.capacity, Sizes):
            for name, count in need.items():
                if name not in level.capacity:
                    parts = ", ".join(f"{known} {size}" for known, size in level.capacity.items())
                    yield f"{level.name}: no partition for {name}, it has {parts}{suggest(name, level.capacity)}"
                elif (have := level.capacity[name]) is not None and count > have:
                    yield f"{level.name}: {name} tile needs {count} words{twice}, its partition has {have}"
        elif bits > level.capacity * arch.word:
            parts = " + ".join(f"{name} {count}{_wide(arch, name)}" for name, count in need.items())
            yield f"{level.name}: {parts} words need {-(-bits // arch.word)}{twice}, it has {level.capacity}"
