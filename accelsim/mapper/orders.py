"""Loop orders that can matter, of all orders of a level's loops."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from accelsim.arch import Arch
from accelsim.mapper.space import Keeps
from accelsim.mapper.tiles import hard_dims, slid_ranks
from accelsim.workload import Layer, Tensor


class Orders:
    """For a layer and what is kept: the orders among which one is best, whatever the bounds.

    An order is read from the innermost loop out. A loop that has an axis of a tensor to itself closes the tensor:
    what stands further out costs it the same in any order. When all are closed, the rest is one order. A loop that
    indexes no open tensor goes inside at once, unless windows slide on an open one, where a loop inside can separate
    neighbouring windows, or partial sums of several copies meet in a level that fills others: its fills start at
    zero once more for each loop outside.
    """

    def __init__(self, layer: Layer, arch: Arch, keeps: Keeps) -> None:
        self.layer, self.arch, self.keeps = layer, arch, keeps
        self.dims = tuple(layer.dims)
        self.found: dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]] = {}

    @cached_property
    def hard(self) -> dict[str, frozenset[int]]:
        """Dimensions that close each tensor."""
        return {t.name: frozenset(map(self.dims.index, hard_dims(self.layer, t))) for t in self.layer.tensors}

    @cached_property
    def touched(self) -> dict[str, frozenset[int]]:
        """Dimensions before which an open tensor cannot be indifferent."""
        every = frozenset(range(len(self.dims)))
        return {
            t.name: every if self.delicate(t) else frozenset(map(self.dims.index, t.dims)) for t in self.layer.tensors
        }

    def delicate(self, tensor: Tensor) -> bool:
        """Whether a loop that does not index the tensor may be better outside."""
        chain = [at for at, kept in enumerate(self.keeps) if tensor.name in kept]
        spread = [at for at, level in enumerate(self.arch.levels) if level.copies > 1]
        meets = tensor.output and any(at < kept for at in spread for kept in chain[1:-1])
        return bool(slid_ranks(self.layer, tensor)) or meets

    def of(self, level: int, busy: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Orders of the loops over these dimensions at a level, each listed from the outermost in."""
        if (level, busy) not in self.found:
            last = [max(at for at, kept in enumerate(self.keeps) if t.name in kept) for t in self.layer.tensors]
            alive = [t.name for t, at in zip(self.layer.tensors, last, strict=True) if at > level]
            self.found[level, busy] = [order[::-1] for order in self._inside_out(busy, frozenset(alive))]
        return self.found[level, busy]

    def _inside_out(self, left: tuple[int, ...], alive: frozenset[str]) -> Iterator[tuple[int, ...]]:
        free = tuple(dim for dim in left if not any(dim in self.touched[name] for name in alive))
        if len(free) == len(left):
            yield free
            return
        if free:
            rest = tuple(dim for dim in left if dim not in free)
            yield from ((*free, *order) for order in self._inside_out(rest, alive))
            return
        ended = False
        for dim in left:
            after = frozenset(name for name in alive if dim not in self.hard[name])
            if not after and ended:
                continue
            ended = ended or not after
            rest = tuple(other for other in left if other != dim)
            yield from ((dim, *order) for order in self._inside_out(rest, after))
