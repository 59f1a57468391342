"""The map space: every mapping of a layer on a machine that a template of fixed parts and holes allows.

At each level a dimension has at most one loop over time, one along x and one along y, spatial loops innermost. A loop
of bound 1 is no loop, so orders count only among loops that do something.

>>> from accelsim import Arch, Level, conv
>>> toy = Arch("toy", (Level("DRAM"), Level("spad", capacity=16)))
>>> space(conv("c", M=4, C=2), toy, "DRAM: ? | spad: ?").size     # 3 splits of M, 2 of C; 2 orders of loops that meet
10
>>> space(conv("c", M=4, C=2), toy, "DRAM: M? C? | spad: ?").size           # M outside C at DRAM
8
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice, permutations, product

import numpy as np

from accelsim.arch import AXES, Arch
from accelsim.batch import Batch, Costs, evaluate_batch
from accelsim.errors import MappingError, suggest
from accelsim.mapping import Mapping
from accelsim.workload import Layer

Split = tuple[int, ...]
Keeps = tuple[tuple[str, ...], ...]
KINDS = ("", *AXES)
CHUNK = 20_000
_STAGE = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\[([^\[\]]*)\])?\s*:(.*)", re.DOTALL)
_LOOP = re.compile(r"([A-Za-z_]+)?(\d+|\?)(?:@([xy]))?")


@dataclass(frozen=True)
class MapSpace:
    """Mappings of a layer on a machine. Make it with `space`.

    bounds: for each (level, axis, dimension) in that order the bound that is fixed, or 0 for a hole; axis "" is time.
    orders: for each level the dimensions whose order is given, outermost first, or None where it is free.
    keeps: every choice of the tensors kept at each level. imperfect: bounds need not divide.
    """

    layer: Layer
    arch: Arch
    bounds: tuple[tuple[tuple[int, ...], ...], ...]
    orders: tuple[tuple[str, ...] | None, ...]
    keeps: tuple[Keeps, ...]
    imperfect: bool = False

    @property
    def depth(self) -> int:
        """Levels of the machine."""
        return len(self.arch.levels)

    @cached_property
    def splits(self) -> tuple[tuple[Split, ...], ...]:
        """For each dimension its splits: bounds over time of every level, then along x, then along y."""
        return tuple(tuple(self._ways(at)) for at in range(len(self.layer.bounds)))

    def fixed(self, dim: int) -> list[int]:
        """What is fixed of a dimension, slot by slot from the innermost: y, x, time of the last level, and so on."""
        return [self.bounds[level][kind][dim] for level in reversed(range(self.depth)) for kind in (2, 1, 0)]

    def _most(self, slot: int) -> int:
        """The largest bound that a slot's axis has room for."""
        level, kind = self.depth - 1 - slot // 3, 2 - slot % 3
        return 2**63 if kind == 0 else self.arch.levels[level].fanout[kind - 1]

    def _ways(self, at: int) -> Iterator[Split]:
        size, fixed = self.layer.bounds[at][1], self.fixed(at)
        for way in self._chains(size, 1, fixed, 0):
            yield self._by_kind(way)

    def _choices(self, size: int, step: int, slot: int, fixed: int) -> Sequence[int]:
        """Bounds that one slot may have, when the slots inside it step by `step`."""
        most, room = -(-size // step), self._most(slot)
        if self.imperfect:
            return range(max(1, fixed), min(most, room, fixed or most) + 1)
        return [bound for bound in _divisors(most) if bound <= room and fixed in (0, bound)]

    def _chains(self, size: int, step: int, fixed: list[int], slot: int) -> Iterator[Split]:
        if slot == len(fixed):
            if step >= size:
                yield ()
            return
        for bound in self._choices(size, step, slot, fixed[slot]):
            for rest in self._chains(size, step * bound, fixed, slot + 1):
                yield (bound, *rest)

    def impossible(self) -> list[str]:
        """Why there is no mapping at all: what is fixed and leaves a dimension without bounds that cover it.

        >>> from accelsim import Level, conv
        >>> toy = Arch("toy", (Level("DRAM"), Level("spad")))
        >>> space(conv("c", M=4, C=2), toy, "DRAM: M3 | spad: M?").impossible()
        ['M: no bounds for M3 at DRAM, M? at spad cover 4', 'C: no loop covers 2; add C2 or C?']
        """
        return [self._uncovered(at) for at in range(len(self.layer.bounds)) if not self._masks(at)]

    def _uncovered(self, at: int) -> str:
        (dim, size), names = self.layer.bounds[at], [level.name for level in self.arch.levels]
        loops = [
            f"{dim}{bounds[at] or '?'}{f'@{axis}' if axis else ''} at {name}"
            for name, kinds in zip(names, self.bounds, strict=True)
            for axis, bounds in zip(KINDS, kinds, strict=True)
            if bounds[at] != 1
        ]
        rooms = [
            f"; {level.name} has room for {level.fanout[axis]} along {AXES[axis]}"
            for level, kinds in zip(self.arch.levels, self.bounds, strict=True)
            for axis in (0, 1)
            if kinds[1 + axis][at] > level.fanout[axis]
        ]
        if not loops:
            return f"{dim}: no loop covers {size}; add {dim}{size} or {dim}?"
        return f"{dim}: no bounds for {', '.join(loops)} cover {size}{''.join(rooms)}"

    @cached_property
    def size(self) -> int:
        """How many mappings there are, whether they fit or not: an exact count, nothing is enumerated.

        A dimension's splits are counted by which levels they loop at; then dimensions are added one by one, keeping
        how many loops each level has, whose factorial is the number of their orders.
        """
        found = Counter({(0,) * self.depth: 1})
        for dim in range(len(self.layer.bounds)):
            masks, after = self._masks(dim), Counter[tuple[int, ...]]()
            for loops, many in found.items():
                for mask, ways in masks.items():
                    after[tuple(a + b for a, b in zip(loops, mask, strict=True))] += many * ways
            found = after
        orders = {loops: math.prod(map(self._orders, range(self.depth), loops)) for loops in found}
        return len(self.keeps) * sum(many * orders[loops] for loops, many in found.items())

    def _orders(self, level: int, loops: int) -> int:
        return math.factorial(loops) if self.orders[level] is None else 1

    def _masks(self, dim: int) -> Counter[tuple[int, ...]]:
        """How many splits of a dimension loop over time at each set of levels, which is written as ones and zeros."""
        size, fixed = self.layer.bounds[dim][1], self.fixed(dim)
        states: Counter[tuple[int, tuple[int, ...]]] = Counter({(1, ()): 1})
        for slot, bound_at in enumerate(fixed):
            after: Counter[tuple[int, tuple[int, ...]]] = Counter()
            for (step, mask), many in states.items():
                for bound in self._choices(size, step, slot, bound_at):
                    mine = (int(bound > 1), *mask) if slot % 3 == 2 else mask
                    after[step * bound, mine] += many
            states = after
        found: Counter[tuple[int, ...]] = Counter()
        for (step, mask), many in states.items():
            if step >= size:
                found[mask] += many
        return found

    def batches(self, chunk: int = CHUNK) -> Iterator[Batch]:
        """Every mapping of the space, some thousands at a time, one choice of what is kept after the other."""
        for keeps in self.keeps:
            rows = self._rows()
            while part := list(islice(rows, chunk)):
                yield self.batch(part, keeps)

    def _rows(self) -> Iterator[tuple[tuple[Split, ...], tuple[tuple[int, ...], ...]]]:
        for ways in product(*self.splits):
            yield from (
                (ways, order) for order in product(*map(self._permuted, range(self.depth), [ways] * self.depth))
            )

    def _permuted(self, level: int, ways: Sequence[Split]) -> Iterator[tuple[int, ...]]:
        """Orders of the loops over time at a level that differ, as dimensions from the outermost in."""
        busy = [dim for dim, way in enumerate(ways) if way[level] > 1]
        still = tuple(dim for dim, way in enumerate(ways) if way[level] == 1)
        if (given := self.orders[level]) is not None:
            names = [name for name, _ in self.layer.bounds]
            busy.sort(key=lambda dim: given.index(names[dim]))
            yield (*busy, *still)
        else:
            yield from ((*order, *still) for order in permutations(busy))

    def batch(self, rows: Sequence[tuple[tuple[Split, ...], tuple[tuple[int, ...], ...]]], keeps: Keeps) -> Batch:
        """Splits and orders as arrays. An order lists a level's dimensions from the outermost in."""
        ways = np.array([ways for ways, _ in rows], dtype=np.int64).transpose(2, 1, 0)
        orders = np.argsort(np.array([order for _, order in rows], dtype=np.int8), axis=2).astype(np.int8)
        time, x, y = np.split(ways, 3)
        names = tuple(level.name for level in self.arch.levels)
        return Batch(names, tuple(self.layer.dims), time, x, y, np.ascontiguousarray(orders.transpose(1, 2, 0)), keeps)

    def sample(self, count: int, seed: int) -> list[Batch]:
        """Random mappings: of each dimension any split, of each level any order, as likely as any other."""
        random = np.random.default_rng(seed)
        chosen = random.integers(len(self.keeps), size=count)
        found = []
        for index, keeps in enumerate(self.keeps):
            rows = [self._drawn(random) for _ in range(int((chosen == index).sum()))]
            found += [self.batch(rows, keeps)] if rows else []
        return found

    def _drawn(self, random: np.random.Generator) -> tuple[tuple[Split, ...], tuple[tuple[int, ...], ...]]:
        ways = tuple(self.draw(at, random) for at in range(len(self.layer.bounds)))
        return ways, self.shuffled(ways, random)

    def shuffled(self, ways: Sequence[Split], random: np.random.Generator) -> tuple[tuple[int, ...], ...]:
        """Random orders of the loops of each level, those that are given as they are."""
        free = [tuple(random.permutation(len(ways)).tolist()) for _ in range(self.depth)]
        return tuple(
            order if self.orders[level] is None else next(self._permuted(level, ways))
            for level, order in enumerate(free)
        )

    @cached_property
    def _completions(self) -> dict[tuple[int, int, int], int]:
        return {}

    def _complete(self, dim: int, slot: int, step: int) -> int:
        """In how many ways the slots from one on can finish a split that has come to `step`."""
        key, size, fixed = (dim, slot, step), self.layer.bounds[dim][1], self.fixed(dim)
        if slot == len(fixed):
            return int(step >= size)
        if key not in self._completions:
            choices = self._choices(size, step, slot, fixed[slot])
            self._completions[key] = sum(self._complete(dim, slot + 1, step * bound) for bound in choices)
        return self._completions[key]

    def draw(self, dim: int, random: np.random.Generator) -> Split:
        """A random split of a dimension, any as likely as any other."""
        size, fixed, step, way = self.layer.bounds[dim][1], self.fixed(dim), 1, []
        for slot in range(len(fixed)):
            choices = self._choices(size, step, slot, fixed[slot])
            weights = np.array([float(self._complete(dim, slot + 1, step * bound)) for bound in choices])
            way.append(choices[int(np.searchsorted(np.cumsum(weights), random.random() * weights.sum(), side="right"))])
            step *= way[-1]
        return self._by_kind(way)

    def draw_few(self, dim: int, random: np.random.Generator) -> Split:
        """A random split of a dimension into few loops, those inside often as large as they can be.

        Where bounds need not divide, most splits have a loop everywhere and fit nowhere.
        """
        size, fixed, step, way = self.layer.bounds[dim][1], self.fixed(dim), 1, []
        busy = set(random.choice(len(fixed), size=int(random.integers(0, 4)), replace=False).tolist())
        for slot in range(len(fixed)):
            choices = self._choices(size, step, slot, fixed[slot])
            if not fixed[slot] and slot == len(fixed) - 1:
                choices = choices[-1:]
            elif not fixed[slot] and slot not in busy:
                choices = choices[:1]
            if not choices:
                return self.draw(dim, random)
            at = len(choices) ** random.random() if random.random() < 0.6 else len(choices)
            way.append(choices[int(at) - 1])
            step *= way[-1]
        return self._by_kind(way) if step >= size else self.draw(dim, random)

    def _by_kind(self, way: Sequence[int]) -> Split:
        """Bounds slot by slot from the innermost, as a split."""
        return tuple(way[3 * (self.depth - 1 - level) + 2 - kind] for kind in range(3) for level in range(self.depth))

    def invalid(self, batches: Sequence[Batch]) -> dict[str, int]:
        """Why mappings do not fit, counted by reason ("capacity spad", "fanout GLB x"); one may have several.

        "valid" and "all" stand beside the reasons. For the whole of a small space: `space.invalid(space.batches())`.
        """
        found: Counter[str] = Counter()
        for batch in batches:
            costs = self.costs(batch)
            found.update({why: int(flags.sum()) for why, flags in costs.reasons.items()})
            found.update({"valid": int(costs.valid.sum()), "all": len(batch)})
        return dict(found)

    def costs(self, batch: Batch) -> Costs:
        """What a batch of this space costs."""
        return evaluate_batch(self.layer, self.arch, batch)


def space(layer: Layer, arch: Arch, template: str | None = None, imperfect: bool = False) -> MapSpace:
    """The mappings that a template allows; without one all of them, with every choice of what is kept.

    A template is a nest with holes. `M4` and `P13@x` are fixed; `M?` and `P?@x` may have any bound; `?` stands for
    loops over every dimension not named, and `?@x`, `?@y` for such spatial loops. What is not written does not loop
    there. Temporal loops keep the order in which they are written, unless a `?` stands among them. `GLB[*]` keeps any
    set of tensors, `GLB[ifmap ofmap]` these, `GLB:` all.

    >>> from accelsim import catalog
    >>> conv3 = catalog.alexnet().layer("conv3")
    >>> text = "DRAM: ? | GLB[ifmap ofmap]: ? ?@x ?@y | spad: ?"
    >>> f"{space(conv3, catalog.eyeriss(), text).size:.1e}"
    '1.7e+12'

    Raises `MappingError` with every place that cannot be read.
    """
    if not isinstance(layer, Layer) or not isinstance(arch, Arch) or not isinstance(template, str | None):
        raise MappingError(
            "a space is of a Layer, made by conv(...) or einsum(...), on an Arch, with a template as text or None; "
            f"got {layer!r}, {arch!r}, {template!r}"
        )
    names, dims = [level.name for level in arch.levels], list(layer.dims)
    if template is None:
        template = " | ".join(f"{name}{'[*]' if at else ''}: ? ?@x ?@y" for at, name in enumerate(names))
    faults: list[str] = []
    stages = [
        _stage(part, layer, names[at] if at < len(names) else "", faults) for at, part in enumerate(template.split("|"))
    ]
    if len(stages) != len(names):
        faults.append(f"one stage for each of {', '.join(names)}, in that order, got {len(stages)}")
    if faults:
        raise MappingError(f'{layer.name} on {arch.name}: "{template}"\n  ' + "\n  ".join(faults))
    bounds = tuple(tuple(tuple(loops[kind].get(dim, 1) for dim in dims) for kind in KINDS) for loops, _, _ in stages)
    everything = tuple(tensor.name for tensor in layer.tensors)
    if stages[0][2] != [everything]:
        raise MappingError(f"{names[0]}: the outermost level keeps every tensor; leave its brackets out")
    keeps = tuple(product(*(options for _, _, options in stages)))
    return MapSpace(layer, arch, bounds, tuple(order for _, order, _ in stages), keeps, imperfect)


def keeping(arch: Arch, mapping: Mapping) -> str:
    """The template of all mappings that keep at each level what a mapping keeps there.

    >>> from accelsim import catalog
    >>> eyeriss = catalog.eyeriss()
    >>> keeping(eyeriss, catalog.mappings("eyeriss", "alexnet")["conv1"])
    'DRAM: ? | GLB[ifmap ofmap]: ? ?@x ?@y | spad: ?'

    Raises `MappingError` for a mapping of another machine's levels.
    """
    names = [level.name for level in arch.levels]
    if not isinstance(mapping, Mapping) or names != [stage.level for stage in mapping.stages]:
        raise MappingError(f"{arch.name}: needs a Mapping with the levels {' | '.join(names)}, got '{mapping}'")
    stages = zip(arch.levels, mapping.stages, strict=True)
    return " | ".join(
        f"{level.name}{'' if stage.keeps is None else '[' + ' '.join(stage.keeps) + ']'}: ?"
        + "".join(f" ?@{axis}" for axis, room in zip(AXES, level.fanout, strict=True) if room > 1)
        for level, stage in stages
    )


Stage = tuple[dict[str, dict[str, int]], tuple[str, ...] | None, list[tuple[str, ...]]]


def _stage(text: str, layer: Layer, name: str, faults: list[str]) -> Stage:
    """Loops of each axis by dimension (0 for a hole), the order if one is given, and the choices of what is kept."""
    loops: dict[str, dict[str, int]] = {kind: {} for kind in KINDS}
    tensors = [tensor.name for tensor in layer.tensors]
    found = _STAGE.fullmatch(text)
    if not found or found[1] != name:
        faults.append(f"expected a stage such as '{name or 'GLB'}: ? ?@x', got {text.strip()!r}")
        return loops, None, [tuple(tensors)]
    order: list[str] = []
    wild: set[str] = set()
    for word in found[3].split():
        loop = _LOOP.fullmatch(word)
        if not loop or (not loop[1] and loop[2] != "?") or loop[2] == "0":
            faults.append(f"{name}: expected a loop such as M4, M?, P?@x or ?, got {word!r}")
        elif loop[1] and loop[1] not in layer.dims:
            faults.append(f"{name}: {word} is over {loop[1]}, the layer has {' '.join(layer.dims)}")
        elif loop[1] in loops[loop[3] or ""]:
            where = f"along {loop[3]}" if loop[3] else "over time"
            faults.append(f"{name}: {word} is a second loop over {loop[1]} {where}; a level has at most one")
        elif loop[1]:
            loops[loop[3] or ""][loop[1]] = 0 if loop[2] == "?" else int(loop[2])
            order += [] if loop[3] else [loop[1]]
        else:
            wild.add(loop[3] or "")
    for kind in wild:
        loops[kind] = dict.fromkeys(layer.dims, 0) | loops[kind]
    return loops, None if "" in wild else tuple(order), _kept(found[2], tensors, name, faults)


def _kept(text: str | None, tensors: list[str], name: str, faults: list[str]) -> list[tuple[str, ...]]:
    if text is None:
        return [tuple(tensors)]
    words = text.replace(",", " ").split()
    if words == ["*"]:
        return [some for many in range(len(tensors), -1, -1) for some in combinations(tensors, many)]
    faults += [
        f"{name}: no tensor {w}, the layer has {', '.join(tensors)}{suggest(w, tensors)}"
        for w in words
        if w not in tensors
    ]
    return [tuple(tensor for tensor in tensors if tensor in words)]


def _divisors(size: int) -> list[int]:
    return [part for part in range(1, size + 1) if size % part == 0]
