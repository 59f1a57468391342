"""`sparsify`: a dense report with its zeros made use of, in counts, energy and time."""

from __future__ import annotations

import math
from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.counts import Counts, Key
from accelsim.dataflow import Flow, flow_of
from accelsim.energy import energy, leakage
from accelsim.errors import WorkloadError, suggest
from accelsim.latency import Latency, latency
from accelsim.report import Report, table
from accelsim.sparsity.saving import Saving
from accelsim.sparsity.surviving import Grid, surviving
from accelsim.sparsity.work import Work, expected, walked
from accelsim.workload import Layer

if TYPE_CHECKING:
    from accelsim.formats.stream import Format

MAX_POINTS = 2**26


@dataclass(frozen=True)
class SparseReport:
    """A layer with its zeros made use of, beside the dense report. Energies in the machine's unit, times in cycles.

    counts: what still moves, in whole words. stored: bits in each compressed (level, tensor) per word that it stands
    for. metadata: the share of those bits that are no nonzero values. exact: counted on real tensors, not expected.
    """

    dense: Report
    saving: Saving | None
    counts: Counts
    work: Work
    energy: dict[Key, float]
    latency: Latency
    stored: dict[Key, float]
    metadata: dict[Key, float]
    exact: bool

    @property
    def macs(self) -> int:
        """MACs that still happen."""
        return self.counts.macs

    @property
    def cycles(self) -> int:
        """Cycles from first to last."""
        return self.latency.cycles

    @cached_property
    def total(self) -> float:
        """Energy of everything, walks and metadata included."""
        return sum(self.energy.values())

    @property
    def speedup(self) -> float:
        """Dense cycles for each sparse one; below 1 where zeros cost time, infinite where nothing is left to do."""
        return self.dense.cycles / self.cycles if self.cycles else math.inf

    @property
    def energy_ratio(self) -> float:
        """Sparse energy over dense energy; above 1 where zeros cost energy, 1 on a machine without prices."""
        if not self.dense.total:
            return math.inf if self.total else 1.0
        return self.total / self.dense.total

    @property
    def imbalance(self) -> float:
        """Cycles of computing over those of evenly shared work; 1.0 where no PE waits. NaN where only expected."""
        return self.work.steps / self.work.balanced if self.work.issued and self.work.balanced else math.nan

    def warnings(self) -> list[str]:
        """What costs more than it saves, in words.

        >>> from accelsim import catalog, evaluate
        >>> from accelsim.formats import EyerissRLC
        >>> layer, mapping = catalog.alexnet().layer("conv1"), catalog.mappings("eyeriss", "alexnet")["conv1"]
        >>> dense = evaluate(layer, catalog.eyeriss(), mapping)
        >>> sparse = sparsify(dense, {"ifmap": 0.99}, stored={("DRAM", "ifmap"): EyerissRLC()})
        >>> print(*sparse.warnings(), sep=", ")
        DRAM ifmap: the format takes 21.12 bits for a word of 16, energy is 1.0165 times the dense one,
        it takes 1.0008 times the dense cycles
        """
        found = [
            f"{level} {tensor}: the format takes {bits:.2f} bits for a word of {self.dense.arch.width(tensor)}"
            for (level, tensor), bits in self.stored.items()
            if bits > self.dense.arch.width(tensor)
        ]
        if self.energy_ratio > 1:
            found.append(f"energy is {self.energy_ratio:.4f} times the dense one")
        if self.speedup < 1:
            found.append(f"it takes {1 / self.speedup:.4f} times the dense cycles")
        return found

    def words(self) -> dict[Key, tuple[int, int]]:
        """Words read and written by (level, tensor), dense and sparse, of the tensor's own width."""
        return {
            key: (
                self.dense.counts.reads[key] + self.dense.counts.writes[key],
                self.counts.reads[key] + self.counts.writes[key],
            )
            for key in self.counts.reads
        }

    def __str__(self) -> str:
        name = f"{self.dense.layer.name} on {self.dense.arch.name}: {self.saving or 'no saving in the PEs'}"
        sums = [("MACs", self.dense.macs, self.macs), ("cycles", self.dense.cycles, self.cycles)]
        rows = [[what, f"{old:,}", f"{new:,}", _ratio(new, old)] for what, old, new in sums]
        rows.append(["energy", f"{self.dense.total:.4g}", f"{self.total:.4g}", _ratio(self.total, self.dense.total)])
        rows += [
            [f"energy of {level}", f"{old:.4g}", f"{new:.4g}", _ratio(new, old)]
            for level, (old, new) in self.energy_by_level().items()
        ]
        rows += [
            [f"{level} {tensor} words", f"{old:,}", f"{new:,}", _ratio(new, old)]
            for (level, tensor), (old, new) in self.words().items()
            if old
        ]
        rows += [
            [f"{level} {tensor} bits", f"{old:,}", f"{new:,}", _ratio(new, old)]
            for (level, tensor), (old, new) in self.bits().items()
            if (level, tensor) in self.stored
        ]
        how = "counted on the tensors given" if self.exact else "expected, zeros independent"
        formats = [
            f"{level} {tensor}: {bits:.2f} bits for a word of {self.dense.arch.width(tensor)}, "
            f"{self.metadata[level, tensor]:.0%} of them metadata"
            for (level, tensor), bits in self.stored.items()
        ]
        warned = [f"warning: {warning}" for warning in self.warnings()]
        return "\n".join([f"{name} ({how})", table(["", "dense", "sparse", "ratio"], rows), *formats, *warned])

    def bits(self) -> dict[Key, tuple[int, int]]:
        """Bits read and written by (level, tensor), dense and sparse."""
        width = self.dense.arch.width
        return {key: (old * width(key[1]), new * width(key[1])) for key, (old, new) in self.words().items()}

    def energy_by_level(self) -> dict[str, tuple[float, float]]:
        """Energy by level, dense and sparse; "walk" is what finding the zeros costs."""
        sparse: dict[str, float] = {}
        for (level, _), spent in self.energy.items():
            sparse[level] = sparse.get(level, 0.0) + spent
        return {level: (self.dense.by_level().get(level, 0.0), spent) for level, spent in sparse.items()}

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data for other programs; keys of two parts are joined by a space.

        A ratio that is infinite is None.
        """

        def joined(values: Table[Key, Any]) -> dict[str, Any]:
            return {" ".join(key): value for key, value in values.items()}

        return {
            "dense": self.dense.to_dict(),
            "saving": str(self.saving) if self.saving else None,
            "exact": self.exact,
            "macs": self.macs,
            "cycles": self.cycles,
            "speedup": _finite(self.speedup),
            "energy_total": self.total,
            "energy_ratio": _finite(self.energy_ratio),
            "energy": joined(self.energy),
            "words": joined(self.words()),
            "bits": joined(self.bits()),
            "stored_bits_per_word": joined(self.stored),
            "metadata_share": joined(self.metadata),
            "warnings": self.warnings(),
        }


def _finite(ratio: float) -> float | None:
    return ratio if math.isfinite(ratio) else None


def _ratio(new: float, old: float) -> str:
    return f"{new / old:.3f}" if old else ""


def sparsify(
    report: Report,
    zeros: Table[str, float | ArrayLike],
    saving: Saving | None = None,
    stored: Table[Key, Format] | None = None,
    sync: str | None = None,
) -> SparseReport:
    """A dense report with its zeros made use of.

    zeros: by tensor, its density (share of nonzero words: 0.3 where 70 % are zero) or the tensor itself, of the
    layer's shape, padding included; an operand left out is dense. With the tensors that `saving` looks at, everything
    is counted where the zeros are; with densities it is expected, as if zeros were independent.
    saving: from `gate` or `skip`.
    stored: the format of a (level, tensor), at levels that feed another level. sync: PEs wait for one another each
    time a temporal loop above this level steps (the innermost level).

    How it counts. Words that survive are counted as densely: a word read for several MACs in one step is spared only if
    all of them are. A sum that starts at zero costs no read at its first surviving update. A compressed tensor
    costs its own average of bits at every move, whole words at the end, however often its parts are fetched; it is
    unpacked as it leaves the level. Of the outputs only finished ones are compressed, partial sums are not. Left out:
    the energy and delay of (de)compressors, capacity gained, and conflicts of banks. With a density of 1, no format
    and no walk the numbers are those of the dense report.

    Expected values: a word that g MACs share in a step is read with d (1-(1-p)**g), d being its own density if the
    saving looks at it and p the share of the words it meets that are not zero; the makespan is the mean of the most of
    so many independent PEs; lists of coordinates are taken to be walked to their ends.

    Raises `WorkloadError` with every fault at once.

    >>> from accelsim import catalog, evaluate
    >>> from accelsim.sparsity import gate
    >>> layer, mapping = catalog.alexnet().layer("conv5"), catalog.mappings("eyeriss", "alexnet")["conv5"]
    >>> dense = evaluate(layer, catalog.eyeriss(), mapping)
    >>> gated = sparsify(dense, {"ifmap": 0.25}, gate("ifmap"))      # about 75 % zeros, JSSC 2017
    >>> gated.macs / dense.macs, gated.cycles == dense.cycles
    (0.25, True)
    >>> gated.counts.reads["spad", "filter"] / dense.counts.reads["spad", "filter"]
    0.25
    >>> gated.counts.reads["spad", "ifmap"] == dense.counts.reads["spad", "ifmap"]
    True
    """
    stored = stored or {}
    if faults := _faults(report, zeros, saving, stored, sync):
        where = f"{report.layer.name} on {report.arch.name}" if isinstance(report, Report) else "sparsify"
        raise WorkloadError(f"{where}: " + "\n  ".join(faults))
    flow = flow_of(report.layer, report.arch, report.mapping)
    dense, names = report.counts, saving.on if saving else ()
    at = [level.name for level in report.arch.levels].index(sync) if sync else len(report.arch.levels) - 1
    exact = any(np.ndim(values) for name, values in zeros.items() if name in names) or not names
    if saving is None:
        counts, work = dense, Work(dense.macs, dense.steps)
    elif exact:
        grid = Grid.of(flow, {name: np.asarray(zeros[name]) for name in names if name in zeros})
        counts, work = surviving(flow, dense, saving, grid), walked(flow, saving, grid, at)
    else:
        share = {name: float(np.asarray(zeros.get(name, 1.0))) for name in names}
        counts, work = surviving(flow, dense, saving, share), expected(flow, saving, share, at)
    counts = replace(counts, macs=work.macs, steps=work.steps)
    bits, metadata = _stored_bits(report, zeros, stored)
    counts = _compressed(report, counts, bits)
    time = latency(counts, report.arch)
    spent = energy(counts, report.arch) | leakage(time.cycles, report.arch) | _walk_energy(flow, saving, work)
    used = {*names, *(tensor for _, tensor in stored)}
    counted = all(np.ndim(zeros[name]) for name in used if name in zeros)
    return SparseReport(report, saving, counts, work, spent, time, bits, metadata, counted)


def _walk_energy(flow: Flow, saving: Saving | None, work: Work) -> dict[Key, float]:
    """Bits of metadata cost what words cost at the level that feeds the MACs; each check its own price."""
    spent: dict[Key, float] = {}
    for name, bits in work.looked.items():
        level = flow.arch.levels[flow.chain(flow.layer.tensor(name))[-1]]
        spent["walk", name] = float(bits * level.read / flow.arch.word)
    if saving and saving.check:
        spent["walk", "compute"] = float(work.checks * saving.check)
    return spent


# Compressed storage


def _stored_bits(
    report: Report, zeros: Table[str, float | ArrayLike], stored: Table[Key, Format]
) -> tuple[dict[Key, float], dict[Key, float]]:
    """Bits per word of each compressed tensor, and the share of them that is metadata."""
    bits, metadata = {}, {}
    for key, form in stored.items():
        bits[key], payload = _bits_per_word(report.layer, report.arch.width(key[1]), key[1], zeros[key[1]], form)
        metadata[key] = max(0.0, 1 - payload / bits[key]) if bits[key] else 0.0
    return bits, metadata


def _bits_per_word(layer: Layer, width: int, name: str, zeros: float | ArrayLike, form: Format) -> tuple[float, float]:
    if np.ndim(zeros):
        values = np.asarray(zeros).astype(f"int{width}")
        return form.size_bits(values) / values.size, width * float((values != 0).mean())
    shape, density = layer.shape(name), float(np.asarray(zeros))
    return float(form.expected_bits(density, shape, f"int{width}")) / math.prod(shape), width * density


def _compressed(report: Report, counts: Counts, bits: dict[Key, float]) -> Counts:
    """Counts with whole words of compressed tensors; of the outputs, only the finished ones."""
    counts = replace(counts, reads=dict(counts.reads), writes=dict(counts.writes), first=dict(counts.first))
    for key, size in bits.items():
        ratio = size / report.arch.width(key[1])
        if key[1] == report.layer.output.name:
            done = report.layer.words(key[1])
            counts.writes[key] += math.ceil(done * ratio - 1e-9) - done
        else:
            for words in (counts.reads, counts.writes, counts.first):
                words[key] = math.ceil(words[key] * ratio - 1e-9)
    return counts


# Faults


def _faults(
    report: object,
    zeros: Any,
    saving: object,
    stored: Table[Key, Format],
    sync: str | None,
) -> list[str]:
    if not isinstance(report, Report):
        return [f"expected a Report, made by evaluate(...), got {report!r}"]
    if not isinstance(zeros, Table):
        return [f"zeros are densities or tensors by name, as in {{'ifmap': 0.5}}, got {zeros!r}"]
    faults = [fault for name, values in zeros.items() for fault in _zero_faults(report, name, values)]
    faults += _saving_faults(report, zeros, saving)
    faults += [fault for key in stored for fault in _stored_faults(report, zeros, key)]
    if isinstance(stored, Table):
        faults += [
            f"stored: {key!r} needs a format of accelsim.formats, got {form!r}"
            for key, form in stored.items()
            if not hasattr(form, "expected_bits")
        ]
    levels = [level.name for level in report.arch.levels]
    if sync is not None and sync not in levels:
        faults.append(f"sync={sync!r} is no level, there is {', '.join(levels)}{suggest(str(sync), levels)}")
    return faults


def _zero_faults(report: Report, name: str, values: float | ArrayLike) -> list[str]:
    names = [tensor.name for tensor in report.layer.tensors]
    if name not in names:
        return [f"zeros of {name!r}: no such tensor, there is {', '.join(names)}{suggest(str(name), names)}"]
    found = np.asarray(values)
    if found.dtype.kind not in "biuf":
        return [f"zeros of {name}: needs a density or an array of numbers, got {values!r}"]
    if found.dtype.kind == "f" and found.ndim and not np.isfinite(found).all():
        return [f"zeros of {name}: needs finite numbers, got NaN or infinity"]
    if found.ndim:
        shape = report.layer.shape(name)
        return [] if found.shape == shape else [f"{name} needs shape {shape}, padding included; got {found.shape}"]
    return [] if 0 <= found <= 1 else [f"density of {name} must be from 0 to 1, got {values!r}"]


def _saving_faults(report: Report, zeros: Table[str, float | ArrayLike], saving: object) -> list[str]:
    if saving is None:
        return []
    if not isinstance(saving, Saving):
        return [f"saving is made by gate(...) or skip(...), got {saving!r}"]
    operands = [tensor.name for tensor in report.layer.tensors[:-1]]
    faults = [
        f"{saving.kind} on {name!r}: no such operand, there is {', '.join(operands)}{suggest(str(name), operands)}"
        for name in saving.on
        if name not in operands
    ]
    arrays = [name for name in saving.on if name in zeros and np.ndim(zeros[name])]
    missing = [name for name in saving.on if name not in arrays]
    if arrays and missing:
        faults.append(f"{', '.join(arrays)} given as a tensor, so {', '.join(missing)} is needed as one too")
    points = math.prod(p.loop.bound for p in flow_of(report.layer, report.arch, report.mapping).loops)
    if arrays and points > MAX_POINTS:
        faults.append(f"tensors are walked up to {MAX_POINTS:,} MACs, this nest has {points:,}; give densities")
    return faults


def _stored_faults(report: Report, zeros: Table[str, float | ArrayLike], key: Key) -> list[str]:
    names = {tensor.name: tensor for tensor in report.layer.tensors}
    levels = [level.name for level in report.arch.levels]
    if not (isinstance(key, tuple) and len(key) == 2 and key[0] in levels and key[1] in names):
        return [f"stored: {key!r} is no (level, tensor); levels {', '.join(levels)}, tensors {', '.join(names)}"]
    level, name = key
    kept = [stage.level for stage in report.mapping.stages if stage.holds(name)]
    faults = [] if name in zeros else [f"stored: the zeros of {name} are needed, a density or the tensor"]
    if names[name].output and level != levels[0]:
        faults.append(f"stored: {level} holds partial sums of {name}; only finished ones, at {levels[0]}, compress")
    elif level not in kept:
        faults.append(f"stored: {level} does not keep {name} in this mapping, {', '.join(kept)} do")
    elif level == kept[-1] and not names[name].output:
        faults.append(f"stored: {level} feeds {name} to the MACs word by word; compress it at a level further out")
    width = report.arch.width(name)
    if width not in (8, 16, 32, 64):
        faults.append(f"stored: formats take words of 8, 16, 32 or 64 bits, {name} has {width}")
    elif name in zeros and not _fits(np.asarray(zeros[name]), width):
        faults.append(f"stored: {name} must be whole numbers that fit {width} bits, or a density")
    return faults


def _fits(values: NDArray[Any], width: int) -> bool:
    """Whether an array holds whole numbers of so many bits; a density always fits."""
    if not values.ndim or not values.size or values.dtype.kind == "b":
        return True
    most = 1 << (width - 1)
    return values.dtype.kind in "iu" and -most <= int(values.min()) and int(values.max()) < most
