"""A layer walked one MAC at a time: which word of each tensor every step uses.

for N in range(1):
  for M in range(2):
    ...
      ofmap[N M P Q] += ifmap[N C P+R Q+S] * filter[M C R S]      <- one step
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accelsim.errors import AccelsimError, suggest
from accelsim.workload import Layer, Tensor


class WidgetError(AccelsimError):
    """A view that cannot be drawn: the text says what was asked, what is possible and what to do."""


@dataclass(frozen=True)
class Step:
    """One MAC: the index of every loop, and the word of each tensor (in the order of `layer.tensors`)."""

    point: dict[str, int]
    words: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Access:
    """One use of a word: its row-major address, and how it stands among the other uses of the tensor's words.

    `changed`: another word than at the MAC before. `first`, `last`: no MAC used it before, none will after.
    """

    address: int
    changed: bool
    first: bool
    last: bool


def steps(layer: Layer, order: str | Sequence[str] | None = None) -> Iterator[Step]:
    """The MACs of a layer in loop order, outermost loop named first.

    Raises `WidgetError` when the order is not one of the layer's loops.

    >>> from accelsim import einsum
    >>> layer = einsum("row", "ofmap[Q] += ifmap[Q+S] * filter[S]", Q=2, S=2)
    >>> for step in steps(layer, "S Q"):
    ...     print(step.point, step.words)
    {'S': 0, 'Q': 0} ((0,), (0,), (0,))
    {'S': 0, 'Q': 1} ((1,), (0,), (1,))
    {'S': 1, 'Q': 0} ((1,), (1,), (0,))
    {'S': 1, 'Q': 1} ((2,), (1,), (1,))
    """
    loops = read_order(layer, order)
    for index in itertools.product(*(range(layer.dims[loop]) for loop in loops)):
        point = dict(zip(loops, index, strict=True))
        yield Step(point, tuple(tensor.at(point) for tensor in layer.tensors))


def accesses(layer: Layer, order: str | Sequence[str] | None = None) -> dict[str, list[Access]]:
    """Every use of every tensor's words, in the order of the MACs, by tensor name.

    >>> from accelsim import einsum
    >>> layer = einsum("row", "ofmap[Q] += ifmap[Q+S] * filter[S]", Q=2, S=2)
    >>> [use.address for use in accesses(layer, "S Q")["ifmap"]]
    [0, 1, 1, 2]
    >>> sum(use.first for use in accesses(layer, "S Q")["ifmap"])          # distinct words
    3
    >>> sum(use.changed for use in accesses(layer, "S Q")["filter"])       # stays put while Q runs
    2
    """
    walk = list(steps(layer, order))
    return {
        tensor.name: _uses([address(layer, tensor, step.words[number]) for step in walk])
        for number, tensor in enumerate(layer.tensors)
    }


def _uses(addresses: list[int]) -> list[Access]:
    last = {address: position for position, address in enumerate(addresses)}
    first = {address: position for position, address in reversed(list(enumerate(addresses)))}
    return [
        Access(now, now != before, first[now] == position, last[now] == position)
        for position, (now, before) in enumerate(zip(addresses, [-1, *addresses], strict=False))
    ]


def address(layer: Layer, tensor: Tensor, word: tuple[int, ...]) -> int:
    """The place of a word when the tensor's box lies in memory row by row, the last axis fastest.

    >>> from accelsim import conv
    >>> layer = conv("c", C=2, P=3, Q=4, R=2, S=3)
    >>> layer.shape("ifmap"), address(layer, layer.tensor("ifmap"), (0, 1, 0, 2))
    ((1, 2, 4, 6), 26)
    """
    place = 0
    for extent, coordinate in zip(layer.shape(tensor.name), word, strict=True):
        place = place * extent + coordinate
    return place


def read_order(layer: Layer, order: str | Sequence[str] | None = None) -> tuple[str, ...]:
    """The loops of a layer, outermost first, from `"N M P Q C R S"` or a sequence; by default the output's loops
    outermost. Raises `WidgetError` that names every loop missing, unknown or repeated.

    >>> from accelsim import conv
    >>> layer = conv("tiny", P=3, Q=4, R=2, S=3)
    >>> read_order(layer)
    ('N', 'M', 'P', 'Q', 'C', 'R', 'S')
    >>> read_order(layer, "N M P Q Q c R")
    Traceback (most recent call last):
        ...
    accelsim.widgets.loops.WidgetError: tiny: loop order "N M P Q Q c R" must name each of N M C P Q R S once
      Q appears 2 times
      c is no loop of this layer; did you mean C?
      C is missing
      S is missing
    """
    faults = order_faults(layer, order)
    if faults:
        raise WidgetError(f"{layer.name}: " + "\n  ".join(faults))
    return staying(layer, layer.output) if order is None else _named(order)


def _named(order: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(order, str):
        return tuple(order.replace(",", " ").split())
    return tuple(map(str, order)) if isinstance(order, Sequence) else (repr(order),)


def order_faults(layer: Layer, order: str | Sequence[str] | None) -> list[str]:
    """Nothing for an order that names each loop once; else what is needed, and then every fault."""
    if order is None:
        return []
    loops = _named(order)
    named = dict.fromkeys(loops)
    faults = [f"{loop} appears {loops.count(loop)} times" for loop in named if loops.count(loop) > 1]
    faults += [
        f"{loop} is no loop of this layer{suggest(loop, layer.dims)}" for loop in named if loop not in layer.dims
    ]
    faults += [f"{loop} is missing" for loop in layer.dims if loop not in named]
    return [f'loop order "{" ".join(loops)}" must name each of {" ".join(layer.dims)} once', *faults] if faults else []


def staying(layer: Layer, tensor: Tensor) -> tuple[str, ...]:
    """The order in which a tensor's word stays longest: its own loops outermost, all others inside.

    >>> from accelsim import conv
    >>> layer = conv("tiny", P=3, Q=4, R=2, S=3)
    >>> staying(layer, layer.tensor("filter"))
    ('M', 'C', 'R', 'S', 'N', 'P', 'Q')
    """
    return tensor.dims + tuple(loop for loop in layer.dims if loop not in tensor.dims)


def orders(layer: Layer, given: str | Sequence[str] | None = None) -> dict[tuple[str, ...], str]:
    """The orders worth comparing, each with what it is called: the one asked for, then one that keeps each tensor.

    >>> from accelsim import einsum
    >>> layer = einsum("fc", "ofmap[N M] += ifmap[N C] * filter[M C]", N=2, M=3, C=4)
    >>> for loops, name in orders(layer, "C N M").items():
    ...     print(*loops, name)
    C N M as asked
    N M C ofmap stays
    M C N filter stays
    N C M ifmap stays
    """
    found = {staying(layer, tensor): f"{tensor.name} stays" for tensor in reversed(layer.tensors)}
    asked = read_order(layer, given)
    return {asked: found.get(asked, "as asked")} | {loops: name for loops, name in found.items() if loops != asked}


def limits(layer: Layer, most: int) -> list[str]:
    """What makes a layer too large to step through: its MACs, or the span of a tensor, beyond `most`.

    >>> from accelsim import conv
    >>> limits(conv("fc6", M=4096, C=256, R=6, S=6), 4096)[0]
    '37,748,736 MACs; at most 4,096 can be stepped through: take smaller bounds'
    """
    spans = {tensor.name: math.prod(layer.shape(tensor.name)) for tensor in layer.tensors}
    faults = (
        [f"{layer.macs:,} MACs; at most {most:,} can be stepped through: take smaller bounds"]
        if layer.macs > most
        else []
    )
    return faults + [
        f"{name} spans {span:,} words; at most {most:,} can be drawn" for name, span in spans.items() if span > most
    ]
