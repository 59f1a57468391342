"""Six dataflows on machines of equal area and parallelism, each at its best: the comparison of ISCA 2016.

What may stay where is a dataflow's own rule; within it the loops are cut so that energy is least.

    RS   row stationary     a filter row stays in a PE, see `accelsim.rowstationary`
    WS   weight stationary  a weight stays in its PE for all its uses, in all images; psums wait in the buffer
    OSA  output stationary  a psum stays in its PE until done: the pixels of one ofmap channel at a time (SOC-MOP)
    OSB                     pixels of several channels (MOC-MOP)
    OSC                     one pixel of several channels (MOC-SOP)
    NLR  no local reuse     nothing stays in a PE; channels are added up across the array, the buffer does the rest

Energies are those of the paper: 1 for a MAC or a register-file access, 2 for a word between PEs, 6 for the buffer, 200
for DRAM. A tensor that no PE keeps pays no register file; a word that one PE alone gets pays no array; a tensor of
which the buffer keeps nothing streams past it.

>>> from accelsim import catalog
>>> layer = catalog.alexnet(N=16).layer("conv5")
>>> rs, ws = best(layer, "RS"), best(layer, "WS")
>>> round(rs.per_mac, 2), round(ws.per_mac, 2), round(ws.energy_total / rs.energy_total, 2)
(6.2, 10.16, 1.64)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.catalog.tables import NORMALISED_65
from accelsim.errors import MappingError, suggest, whole
from accelsim.rowstationary import ISCA16, Chip, Shape, _counts, _reach, by_level, search, shape
from accelsim.workload import Layer

Grid = dict[str, NDArray[np.int64]]
Key = tuple[str, str]
Costs = tuple[Grid, dict[Key, Any], Any]  # parameters, energy and PEs at work, point by point

NAMES = {
    "RS": "row stationary",
    "WS": "weight stationary",
    "OSA": "output stationary, one channel, many pixels",
    "OSB": "output stationary, many channels and pixels",
    "OSC": "output stationary, many channels, one pixel",
    "NLR": "no local reuse",
}

# Words a PE keeps: RS 512 bytes, as the paper fixes it; WS a weight; OS a psum, and what is handed on to neighbours
# while windows overlap (a column of stride 4 for OSB, rows and columns of conv1's 11 x 11 window for OSA); NLR none.
KEPT = {"RS": 256, "WS": 1, "OSA": 1 + 4 + 4 * 11, "OSB": 1 + 4, "OSC": 1, "NLR": 0}

# Area of a byte, in square micrometres, in memories of so many bytes: a public MATLAB model of the paper's analysis
# (github.com/ominux/eyeriss-dataflow). By it the largest buffer is 2.6 times the smallest and storage differs by up to
# 80 kB, which are the figures of the paper.
AREA = (
    (2, 103.47), (4, 172.07), (8, 177.07), (16, 169.89), (32, 96.06), (64, 59.15), (128, 39.94), (256, 27.48),
    (512, 20.87), (1024, 16.14), (2048, 13.89), (4096, 12.70),
)  # fmt: skip

PRICE = {name: cost.energy for name, cost in NORMALISED_65.costs.items()}


@dataclass(frozen=True)
class Machine:
    """PEs, what each keeps, and a shared buffer, in words of 16 bits. All of a comparison have the same area."""

    pes: int
    kept: int
    buffer: int

    @property
    def kilobytes(self) -> float:
        """All storage on the chip, in units of 1,024 bytes."""
        return 2 * (self.pes * self.kept + self.buffer) / 1024


def machine(dataflow: str, pes: int = 256) -> Machine:
    """The machine for a dataflow: as many PEs, and as large a buffer as the area of the others allows.

    The area is that of 512 bytes in each PE and as much again in the buffer (ISCA 2016, eq. 2). Raises `MappingError`
    for an unknown dataflow, or fewer than one PE.

    >>> machine("RS"), machine("NLR").buffer / machine("RS").buffer
    (Machine(pes=256, kept=256, buffer=65536), 2.643...)
    >>> round(machine("WS").kilobytes - machine("RS").kilobytes)
    79
    """
    _known(dataflow)
    if not whole(pes) or pes < 1:
        raise MappingError(f"{dataflow}: pes must be a whole number from 1, got {pes!r}")
    area = pes * memory_area(512) + memory_area(512 * pes)
    left = area - pes * memory_area(2 * KEPT[dataflow])
    return Machine(pes, KEPT[dataflow], int(left / AREA[-1][1]) // 2)


def memory_area(size: float) -> float:
    """Square micrometres of a memory of so many bytes, between the sizes of `AREA` by straight lines.

    >>> memory_area(512), memory_area(128 * 1024)
    (10685.44, 1664614.4)
    """
    sizes, areas = zip(*AREA, strict=True)
    return float(size * np.interp(size, sizes, areas))


@dataclass(frozen=True)
class Result:
    """A layer under a dataflow at its best.

    parameters: how the loops are cut. energy: by (level, tensor) in MACs, the levels DRAM, GLB, array, RF and ALU.
    active: PEs at work.
    """

    layer: Layer
    dataflow: str
    machine: Machine
    parameters: dict[str, int]
    energy: dict[Key, float]
    active: int

    @property
    def energy_total(self) -> float:
        """Of the layer, in MAC energies."""
        return sum(self.energy.values())

    @property
    def per_mac(self) -> float:
        """Energy of a MAC with all that is moved for it."""
        return self.energy_total / self.layer.macs

    @property
    def by_level(self) -> dict[str, float]:
        """Energy by level."""
        return by_level(self.energy)

    @property
    def by_tensor(self) -> dict[str, float]:
        """Energy by tensor; the ALU's is "compute"."""
        return by_level({(tensor, level): spent for (level, tensor), spent in self.energy.items()})

    @property
    def dram_per_mac(self) -> float:
        """DRAM words per MAC."""
        return self.by_level["DRAM"] / PRICE["DRAM"] / self.layer.macs

    @property
    def delay(self) -> float:
        """Steps of the array if no PE ever waits: MACs over active PEs."""
        return self.layer.macs / self.active


def best(layer: Layer, dataflow: str, pes: int = 256, reload: bool = False, narrow: bool = False) -> Result:
    """The cheapest way to run a layer under a dataflow's rule.

    reload: WS may give up its rule, and let weights come back for each group of images while their ifmap waits in the
    buffer. narrow: in OS the buffer keeps, beside filters, only the windows of the pixels at work, and in OSB and OSC
    neighbours share no pixels, as in the public model that `AREA` is from. Raises `MappingError` for an unknown
    dataflow, or where the layer does not fit its machine.
    """
    s, m = shape(layer), machine(dataflow, pes)
    if dataflow == "RS":
        side = max(rows for rows in range(1, math.isqrt(pes) + 1) if pes % rows == 0)
        chip = replace(ISCA16, name=f"{pes} PEs", rows=side, columns=pes // side, banks=m.buffer)
        return _row_stationary(layer, m, chip)
    found = _cheapest(_tried(s, m, dataflow, reload, narrow))
    if found is None:
        raise MappingError(f"{layer.name}: {dataflow} does not fit {m}; {NAMES[dataflow]} needs a larger buffer here")
    return Result(layer, dataflow, m, *found)


def _tried(s: Shape, m: Machine, dataflow: str, reload: bool, narrow: bool) -> Iterator[Costs]:
    if dataflow == "NLR":
        return _nothing(s, m)
    if dataflow == "WS":
        return chain(_weights(s, m), _reloaded_weights(s, m) if reload else ())
    return _narrow_outputs(s, m, dataflow) if narrow else _outputs(s, m, dataflow)


def compare(layers: Iterable[Layer], pes: int = 256, narrow: bool = False) -> tuple[Result, ...]:
    """Every layer under every dataflow that can run it, each at its best. narrow: see `best`."""
    return tuple(_possible(layers, pes, narrow))


def _possible(layers: Iterable[Layer], pes: int, narrow: bool) -> Iterator[Result]:
    for layer in layers:
        for dataflow in NAMES:
            with suppress(MappingError):  # its absence says so: psums of 64 images do not fit for WS
                yield best(layer, dataflow, pes, narrow=narrow)


def gains(results: Iterable[Result]) -> dict[str, float]:
    """Energy of each dataflow over that of row stationary, summed over the layers; only those that run them all.

    Raises `MappingError` where row stationary does not run them all.

    >>> from accelsim import catalog
    >>> {name: round(gain, 2) for name, gain in gains(compare(catalog.alexnet(N=16).layers[4:])).items()}
    {'RS': 1.0, 'WS': 1.64, 'OSA': 1.42, 'OSB': 1.3, 'OSC': 1.9, 'NLR': 2.03}
    """
    results = list(results)
    layers = {result.layer.name for result in results}
    without = layers - {result.layer.name for result in results if result.dataflow == "RS"}
    if without or not results:
        missing = f"there is none of it for {', '.join(sorted(without))}" if results else "there are no results"
        raise MappingError(f"gains are over row stationary's energy, and {missing}; give layers that it runs")
    sums = {
        name: sum(result.energy_total for result in results if result.dataflow == name)
        for name in NAMES
        if layers == {result.layer.name for result in results if result.dataflow == name}
    }
    return {name: spent / sums["RS"] for name, spent in sums.items()}


def _known(dataflow: str) -> None:
    if dataflow not in NAMES:
        raise MappingError(f"no dataflow {dataflow!r}; there is {', '.join(NAMES)}{suggest(dataflow, NAMES)}")


def _row_stationary(layer: Layer, m: Machine, chip: Chip) -> Result:
    try:
        plan = search(layer, chip, active=_half(shape(layer), chip))
    except MappingError:  # a layer of few rows and channels cannot keep so many at work
        plan = search(layer, chip)
    a = plan.parameters
    parameters = {name: getattr(a, name) for name in "nmepqrt"}
    return Result(layer, "RS", m, parameters, plan.energy, plan.active)


def _half(s: Shape, chip: Chip) -> int:
    """Half the PEs that sets of filter rows could fill at all: fewer is not looked at where a layer can do better."""
    return chip.pes // 2 // s.R * s.R


def _grid(**axes: Iterable[int]) -> Grid:
    """Every combination of the axes' values, as one array for each axis."""
    arrays = np.meshgrid(*(np.array(sorted({*values}), dtype=np.int64) for values in axes.values()), indexing="ij")
    return {name: array.ravel() for name, array in zip(axes, arrays, strict=True)}


def _only(grid: Grid, fits: NDArray[np.bool_]) -> Grid:
    return {name: array[fits] for name, array in grid.items()}


def _cheapest(tried: Iterable[Costs]) -> tuple[dict[str, int], dict[Key, float], int] | None:
    """Of several grids of parameters, each with energy by (level, tensor) and PEs at work, the cheapest point."""
    found, least = None, (math.inf, 0)
    for grid, spent, active in tried:
        size = len(next(iter(grid.values())))
        if not size:
            continue
        spent = {key: np.broadcast_to(np.asarray(value, dtype=np.float64), size) for key, value in spent.items()}
        total, active = np.sum([*spent.values()], axis=0), np.broadcast_to(active, size)
        at = np.lexsort((-active, total))[0]
        if (rank := (float(total[at]), -int(active[at]))) < least:
            least = rank
            parameters = {name: int(array[at]) for name, array in grid.items()}
            found = parameters, {key: float(value[at]) for key, value in spent.items()}, int(active[at])
    return found


def _up(amount: Any, size: Any) -> Any:
    return -(-amount // size)


def _spent(s: Shape, words: Mapping[Key, Any]) -> dict[Key, Any]:
    """Energy from words: each at its level's price, and the MACs."""
    price = {"DRAM": PRICE["DRAM"], "GLB": PRICE["buffer"], "array": PRICE["array"], "RF": PRICE["register_file"]}
    spent = {(level, tensor): price[level] * moved for (level, tensor), moved in words.items()}
    return {**spent, ("ALU", "compute"): PRICE["MAC"] * s.macs}


def _weights(s: Shape, machine: Machine) -> Iterator[Costs]:
    """WS: r channels of t filters, R x S weights each, stay; the ifmap streams by, psums of t filters wait.

    A pixel goes to all R x S PEs of a plane at once, so psums of a filter's rows meet in the buffer, R for a window.
    """
    g = _grid(r=_counts(s.C), t=range(1, min(s.M, machine.pes) + 1))
    r, t = g["r"], g["t"]
    held = s.N * t * s.P * s.Q + _lines(s, r, t)
    g = _only(g, (r * t * s.R * s.S <= machine.pes) & (held <= machine.buffer))
    r, t = g["r"], g["t"]
    words: dict[Key, Any] = {("DRAM", "ifmap"): _ifmap(s, s.P, s.Q) * _up(s.M, t), ("DRAM", "filter"): s.weights}
    yield g, _spent(s, {**words, **_weights_inside(s, r)}), r * t * s.R * s.S


def _reloaded_weights(s: Shape, machine: Machine) -> Iterator[Costs]:
    """WS against its rule: n images at a time, whose ifmap and psums of m filters stay in the buffer meanwhile."""
    g = _grid(n=_counts(s.N), m=_counts(s.M), r=_counts(s.C), t=_counts(min(s.M, machine.pes)))
    n, m, r, t = (g[name] for name in ("n", "m", "r", "t"))
    rows, columns = _reach(s.P, 1, s.U, s.R), _reach(s.Q, 1, s.V, s.S)
    held = n * m * s.P * s.Q + n * r * rows * columns + _lines(s, r, t)
    g = _only(g, (r * t * s.R * s.S <= machine.pes) & (held <= machine.buffer) & (t <= m))
    n, m, r, t = (g[name] for name in ("n", "m", "r", "t"))
    ifmap = _ifmap(s, s.P, s.Q)
    words = {
        ("DRAM", "ifmap"): ifmap * _up(s.M, m), ("DRAM", "filter"): s.weights * _up(s.N, n),
        ("GLB", "ifmap"): ifmap * _up(s.M, m) * _up(m, t),
    }  # fmt: skip
    yield g, _spent(s, {**words, **_weights_inside(s, r)}), r * t * s.R * s.S


def _lines(s: Shape, r: Any, t: Any) -> Any:
    """Psums in the buffer that wait for the filter's other rows."""
    return r * t * max(0, _reach(s.Q, 1, s.V, s.S) - s.S) * (s.R - 1)


def _weights_inside(s: Shape, r: Any) -> dict[Key, Any]:
    rounds = s.R * _up(s.C, r)
    return {
        ("DRAM", "ofmap"): s.outputs, ("GLB", "ofmap"): 2 * s.outputs * (rounds - 1), ("RF", "filter"): s.macs,
        ("array", "ifmap"): s.macs, ("array", "ofmap"): s.outputs * (s.C * s.R * s.S - rounds),
    }  # fmt: skip


def _nothing(s: Shape, machine: Machine) -> Iterator[Costs]:
    """NLR: q channels of p filters work on one pixel of the window; the buffer holds a tile of all three tensors."""
    array = _grid(p=range(1, min(s.M, machine.pes) + 1), q=_counts(s.C))
    array = _only(array, array["p"] * array["q"] <= machine.pes)
    for p, q in _frontier(_up(s.M, array["p"]), _up(s.C, array["q"]), array["p"], array["q"]):
        g = _grid(n=_counts(s.N), m={max(p, m) for m in _counts(s.M)}, e=_counts(s.P), f=_counts(s.Q))
        n, m, e, f = g["n"], g["m"], g["e"], g["f"]
        held = n * q * _reach(e, 1, s.U, s.R) * _reach(f, 1, s.V, s.S) + m * q * s.R * s.S + n * m * e * f
        g = _only(g, held <= machine.buffer)
        n, m, e, f = g["n"], g["m"], g["e"], g["f"]
        rounds, groups, tiles = _up(s.C, q) * s.R * s.S, _up(s.M, m), _up(s.N, n) * _up(s.P, e) * _up(s.Q, f)
        words = {
            ("DRAM", "ifmap"): _ifmap(s, e, f) * (groups if q < s.C else 1),
            ("DRAM", "filter"): s.weights * (tiles if q < s.C else np.where(groups > 1, tiles, 1)),
            ("DRAM", "ofmap"): s.outputs,
            ("GLB", "ifmap"): s.macs // s.M * _up(s.M, p), ("GLB", "filter"): s.macs,
            ("GLB", "ofmap"): 2 * s.outputs * (rounds - 1),
            ("array", "ifmap"): s.macs * (p > 1), ("array", "ofmap"): s.outputs * (s.C * s.R * s.S - rounds),
        }  # fmt: skip
        yield {**g, "p": np.full_like(n, p), "q": np.full_like(n, q)}, _spent(s, words), p * q


def _frontier(*columns: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The last two columns of the rows that no other row beats in both of the first two."""
    order = np.lexsort(columns[1::-1])
    found, least = [], math.inf
    for _, second, *kept in np.stack(columns, axis=1)[order].tolist():
        if second < least:
            least = second
            found.append((kept[0], kept[1]))
    return found


def _ifmap(s: Shape, e: Any, f: Any) -> Any:
    """Words of the ifmap when e x f outputs at a time fetch their window, halos and all."""
    rows, columns = _reach(s.P, _up(s.P, e), s.U, s.R), _reach(s.Q, _up(s.Q, f), s.V, s.S)
    return s.G * s.N * s.C * rows * columns


def _outputs(s: Shape, machine: Machine, dataflow: str) -> Iterator[Costs]:
    """OS: n x e x f pixels of p filters stay until all C R S products are in; both operands are handed in.

    The buffer keeps the filters of m, and windows of a images x b rows; or only one of them, and the other streams.
    """
    g = _pixels(s, machine, dataflow)
    fetched = _ifmap(s, g["e"], g["f"])
    row = s.C * _reach(s.Q, 1, s.V, s.S)
    for m, a, b in _buffers(s, machine.buffer, s.C * s.R * s.S, row):
        fits = (g["p"] <= (m or s.M)) & (g["n"] <= (a or s.N)) & (g["e"] <= (b or s.P))
        here, size = _only(g, fits), int(fits.sum())
        extra = {name: np.full(size, value) for name, value in (("m", m), ("a", a), ("b", b))}
        windows, filters = fetched[fits] * _up(s.M, here["p"]), s.weights * _tiles(s, here)
        moved = _pixels_inside(s, here)
        moved |= {("GLB", "ifmap"): windows} if a else {("DRAM", "ifmap"): windows}
        moved |= {("GLB", "filter"): filters} if m else {("DRAM", "filter"): filters}
        groups, parts = _up(s.M, m or s.M), _up(s.N, a or s.N) * _up(s.P, b or s.P)
        orders = {1: (1, groups)} if groups == 1 else {0: (parts, 1)} if parts == 1 else {1: (1, groups), 0: (parts, 1)}
        for outer, (loads, visits) in orders.items():
            once = {("DRAM", "filter"): s.weights * loads} if m else {}
            once |= {("DRAM", "ifmap"): _ifmap(s, b, s.Q) * visits} if a else {}
            tried = {**here, **extra, "filters_outside": np.full(size, outer)}
            yield tried, _spent(s, {**moved, **once}), here["n"] * here["e"] * here["f"] * here["p"]


def _narrow_outputs(s: Shape, machine: Machine, dataflow: str) -> Iterator[Costs]:
    """OS with filters of m in the buffer and no more of the ifmap than the windows of the pixels at work."""
    pixels, depth = _pixels(s, machine, dataflow), s.C * s.R * s.S
    for m in _counts(s.M):
        n, e, f = pixels["n"], pixels["e"], pixels["f"]
        shared = n * s.C * _reach(e, 1, s.U, s.R) * _reach(f, 1, s.V, s.S)
        held = m * depth + (shared if dataflow == "OSA" else n * e * f * depth)
        g = _only(pixels, (pixels["p"] <= m) & (held <= machine.buffer))
        fetched = _ifmap(s, g["e"], g["f"]) if dataflow == "OSA" else s.macs // s.M
        words = {
            ("DRAM", "filter"): s.weights, ("DRAM", "ifmap"): fetched * _up(s.M, m),
            ("GLB", "filter"): s.weights * _tiles(s, g), ("GLB", "ifmap"): fetched * _up(s.M, g["p"]),
        }  # fmt: skip
        active = g["n"] * g["e"] * g["f"] * g["p"]
        yield {**g, "m": np.full_like(active, m)}, _spent(s, {**words, **_pixels_inside(s, g)}), active


def _pixels(s: Shape, machine: Machine, dataflow: str) -> Grid:
    """What an OS array can work on at once: n images x e rows x f columns of p filters."""
    one, many = [1], dataflow != "OSC"
    g = _grid(
        n=_counts(s.N) if many else one, e=_counts(s.P) if many else one, f=_counts(s.Q) if many else one,
        p=range(1, min(s.M, machine.pes) + 1) if dataflow != "OSA" else one,
    )  # fmt: skip
    return _only(g, g["n"] * g["e"] * g["f"] * g["p"] <= machine.pes)


def _tiles(s: Shape, g: Grid) -> Any:
    """Arrays full of pixels in the layer."""
    return _up(s.N, g["n"]) * _up(s.P, g["e"]) * _up(s.Q, g["f"])


def _pixels_inside(s: Shape, g: Grid) -> dict[Key, Any]:
    pixels = g["n"] * g["e"] * g["f"]
    return {
        ("DRAM", "ofmap"): s.outputs, ("RF", "ofmap"): 2 * s.macs,
        ("array", "ifmap"): s.macs * (pixels * g["p"] > 1), ("array", "filter"): s.macs * (pixels > 1),
    }  # fmt: skip


def _buffers(s: Shape, buffer: int, filter_words: int, row_words: int) -> Iterator[tuple[int, int, int]]:
    """What the buffer can keep: filters m, and windows of a images x b rows; 0 where a tensor streams instead.

    Only those with the most filters for their windows: fewer would never help.
    """
    yield from [(m, 0, 0)] if (m := min(s.M, buffer // filter_words)) else []
    for a in _counts(s.N):
        for b in _counts(s.P):
            left = buffer - a * row_words * _reach(b, 1, s.U, s.R)
            if left >= 0:
                yield 0, a, b
            if left >= filter_words:
                yield min(s.M, left // filter_words), a, b
