"""Rooflines: what a CPU, a GPU or a TPU can at most do with a layer, from its peak and its memory's bandwidth.

    attainable operations a second = min(peak, intensity x bandwidth),   intensity = operations / bytes moved

The model is that of Williams, Waterman, Patterson, CACM 52(4), 2009. 1 MAC = 2 operations. Bytes are the compulsory
ones, each word of each tensor once; what a real program moves is more, so this is a bound and no prediction.

>>> from accelsim import conv
>>> fc = conv("fc7", M=4096, C=4096)
>>> bound = roofline(fc, platform("v100"))
>>> print(f"{bound.intensity:.2f} op/B, {bound.limit}, {bound.share:.1%} of peak")
1.00 op/B, bandwidth, 0.7% of peak
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accelsim.catalog import HOROWITZ_45, alexnet, scale
from accelsim.errors import ArchError, CatalogError, WorkloadError, number, suggest, whole
from accelsim.published import Figure, figure
from accelsim.report import table
from accelsim.workload import Layer

_PREFIX = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_OPERATIONS = {"MAC/s": 2, "FLOP/s": 1, "OPS": 1}


@dataclass(frozen=True)
class Platform:
    """A machine seen as a roof: peak (operations/s), bandwidth of its memory (bytes/s), bytes of a word.

    watts: power at which the peak is sold or measured, None where it is not known. counted: the tensors whose bytes
    load the memory; () counts all. known: the least certain of its figures, see `accelsim.published.KNOWN`.
    Raises `ArchError` with every fault at once.

    A machine of levels, whose bandwidths are in words a cycle, has a roof too, and a report lies under it:

    >>> from accelsim.catalog import eyeriss, mappings
    >>> from accelsim.report import evaluate
    >>> chip, conv3 = eyeriss(), alexnet().layer("conv3")
    >>> dram = chip.levels[0].bandwidth * chip.word / 8 * chip.clock
    >>> mine = Platform(chip.name, 2 * chip.pes * chip.clock, dram, chip.word // 8)
    >>> mine.peak == platform("eyeriss").peak, mine.bandwidth == platform("eyeriss").bandwidth
    (True, True)
    >>> report = evaluate(conv3, chip, mappings("eyeriss", "alexnet")["conv3"])
    >>> rate = 2 * report.macs / report.cycles * chip.clock       # what `plot.roofline` takes, operations/s
    >>> f"{rate / 1e9:.1f} of at most {roofline(conv3, mine).attainable / 1e9:.1f} Gop/s"
    '62.3 of at most 67.2 Gop/s'
    """

    name: str
    peak: float
    bandwidth: float
    word: int
    watts: float | None = None
    counted: tuple[str, ...] = ()
    known: str = "read"
    source: str = ""

    def __post_init__(self) -> None:
        given = {"peak": self.peak, "bandwidth": self.bandwidth, "word": self.word, "watts": self.watts}
        faults = [
            f"{name} must be a number above 0, got {value!r}"
            for name, value in given.items()
            if (name, value) != ("watts", None) and not (number(value) and float(value) > 0)  # type: ignore[arg-type]
        ]
        if faults:
            raise ArchError(f"platform {self.name!r}: " + "\n  ".join(faults))

    @property
    def ridge(self) -> float:
        """Intensity (operations/byte) from which the peak can be reached."""
        return self.peak / self.bandwidth

    def attainable(self, intensity: float) -> float:
        """The most operations a second at an intensity in operations/byte.

        >>> platform("tpu_v1").attainable(200) / 1e12
        6.8
        """
        if not number(intensity) or intensity < 0:
            raise WorkloadError(f"{self.name}: intensity must be 0 or more operations a byte, got {intensity!r}")
        return min(self.peak, intensity * self.bandwidth)


@dataclass(frozen=True)
class Bound:
    """What a platform can at most do with a layer: operations and compulsory bytes, and what follows."""

    platform: Platform
    layer: str
    operations: int
    bytes: int

    @property
    def intensity(self) -> float:
        """Operations for each byte moved."""
        return self.operations / self.bytes

    @property
    def attainable(self) -> float:
        """The most operations a second."""
        return self.platform.attainable(self.intensity)

    @property
    def seconds(self) -> float:
        """The least time for the layer."""
        return self.operations / self.attainable

    @property
    def share(self) -> float:
        """Attainable over peak."""
        return self.attainable / self.platform.peak

    @property
    def limit(self) -> str:
        """What limits: "compute" or "bandwidth"."""
        return "compute" if self.intensity >= self.platform.ridge else "bandwidth"


def roofline(layer: Layer, platform: Platform) -> Bound:
    """The bound of a layer on a platform: compulsory bytes, each word of each tensor counted once.

    >>> from accelsim import conv
    >>> [roofline(conv("fc", N=n, M=4096, C=4096), platform("tpu_v1")).limit for n in (64, 2048)]
    ['bandwidth', 'compute']

    Raises `WorkloadError` where the layer has none of the tensors that load the memory, or either is something else.
    """
    if not isinstance(layer, Layer) or not isinstance(platform, Platform):
        raise WorkloadError(f"a roofline needs a Layer and a Platform from platform(...), got {layer!r}, {platform!r}")
    counted = platform.counted or tuple(tensor.name for tensor in layer.tensors)
    moved = sum(layer.words(tensor.name) for tensor in layer.tensors if tensor.name in counted) * platform.word
    if not moved:
        raise WorkloadError(
            f"{layer.name} on {platform.name}: the roofline counts the bytes of {', '.join(platform.counted)}, and the "
            f"layer has {', '.join(tensor.name for tensor in layer.tensors)}; give those that load the memory"
        )
    return Bound(platform, layer.name, 2 * layer.macs, moved)


# name: peak, bandwidth, bytes a word, power, tensors counted
_SPECS: dict[str, tuple[str, str, int, str | None, tuple[str, ...]]] = {
    "haswell": ("haswell.fp32", "haswell.bandwidth", 4, "haswell.tdp", ()),
    "tk1": ("gpu.tk1.fp32", "gpu.tk1.bandwidth", 4, "gpu.tk1.tdp", ()),
    "k80": ("gpu.k80.fp32", "gpu.k80.bandwidth", 4, "gpu.k80.tdp", ()),
    "t4": ("gpu.t4.fp16", "gpu.t4.bandwidth", 2, "gpu.t4.tdp", ()),
    "v100": ("gpu.v100.fp16", "gpu.v100.bandwidth", 2, "gpu.v100.tdp", ()),
    "a100": ("gpu.a100.fp16", "gpu.a100.bandwidth", 2, "gpu.a100.tdp", ()),
    "h100": ("gpu.h100.fp16", "gpu.h100.bandwidth", 2, "gpu.h100.tdp", ()),
    "tpu_v1": ("tpu_v1.peak", "tpu_v1.bandwidth", 1, "tpu_v1.tdp", ("filter",)),
    "eyeriss": ("eyeriss.peak", "eyeriss.link.peak", 2, "eyeriss.alexnet.power", ()),
}
PLATFORMS = tuple(_SPECS)
_WORST = ("read", "derived", "checked", "recalled")


def platform(name: str) -> Platform:
    """A platform by name, of published peak and bandwidth. Raises `CatalogError` with a suggestion.

    >>> v100 = platform("v100")
    >>> v100.peak / 1e12, v100.bandwidth / 1e9, round(v100.ridge), v100.known
    (125.0, 900.0, 139, 'read')
    """
    if name not in _SPECS:
        raise CatalogError(f"no platform {name!r}; there is {', '.join(_SPECS)}{suggest(name, _SPECS)}")
    peak, bandwidth, word, watts, counted = _SPECS[name]
    figures = [figure(each) for each in (peak, bandwidth)]
    return Platform(
        name,
        _operations(figures[0]),
        _scaled(figures[1], "B/s"),
        word,
        None if watts is None else figure(watts).value * (1e-3 if figure(watts).unit == "mW" else 1),
        counted,
        max((each.known for each in figures), key=_WORST.index),
        figures[0].source,
    )


def _operations(peak: Figure) -> float:
    unit = next(unit for unit in _OPERATIONS if peak.unit.endswith(unit))
    return _scaled(peak, unit) * _OPERATIONS[unit]


def _scaled(value: Figure, unit: str) -> float:
    return value.value * _PREFIX[value.unit.removesuffix(unit)]


def bounds(layers: Iterable[Layer], platforms: Sequence[Platform]) -> str:
    """A table of layers against platforms: least time in microseconds, and what limits it (c or b).

    >>> from accelsim import conv
    >>> print(bounds([conv("fc7", M=4096, C=4096)], [platform("haswell"), platform("v100")]))
    layer  haswell µs  v100 µs
    fc7     1,316.5 b   37.3 b
    """
    rows = [
        [
            layer.name,
            *(f"{each.seconds * 1e6:,.1f} {each.limit[0]}" for each in (roofline(layer, p) for p in platforms)),
        ]
        for layer in layers
    ]
    return table(["layer", *(f"{each.name} µs" for each in platforms)], rows)


@dataclass(frozen=True)
class Delivered:
    """A workload as published for the first TPU, against its roof. Rates in TOPS, intensity in operations/byte."""

    name: str
    intensity: float
    attainable: float
    delivered: Figure
    useful: Figure

    @property
    def of_roof(self) -> float:
        """Delivered over attainable."""
        return self.delivered.value / self.attainable

    @property
    def limit(self) -> str:
        """What the roof says limits it: "compute" or "bandwidth"."""
        return "compute" if self.attainable >= platform("tpu_v1").peak / 1e12 else "bandwidth"

    @property
    def implied(self) -> float:
        """TOPS by the published share of peak that does useful work: a check of `delivered`."""
        return self.useful.value / 100 * platform("tpu_v1").peak / 1e12


TPU_WORKLOADS = ("MLP0", "MLP1", "LSTM0", "LSTM1", "CNN0", "CNN1")


def tpu_workloads() -> tuple[Delivered, ...]:
    """The six workloads of Jouppi et al., ISCA 2017, against the TPU's roofline.

    >>> [f"{each.of_roof:.0%}" for each in tpu_workloads()]
    ['90%', '85%', '85%', '43%', '93%', '15%']
    """
    roof, found = platform("tpu_v1"), []
    for name in TPU_WORKLOADS:
        row = {key: figure(f"tpu_v1.{name.lower()}.{key}") for key in ("intensity", "tops", "useful")}
        intensity = 2 * row["intensity"].value
        found.append(Delivered(name, intensity, roof.attainable(intensity) / 1e12, row["tops"], row["useful"]))
    return tuple(found)


@dataclass(frozen=True)
class Step:
    """One step of a comparison: energy of a frame (mJ) on the GPU and on Eyeriss so far, and what was done."""

    name: str
    gpu: float
    eyeriss: float
    done: str

    @property
    def ratio(self) -> float:
        """How many times less energy Eyeriss takes."""
        return self.gpu / self.eyeriss


def eyeriss_over_gpu() -> tuple[Step, ...]:
    """What "ten times more efficient than a mobile GPU" includes: AlexNet's CONV layers on a TK1 and on Eyeriss.

    Each step keeps the ones before it. The GPU's figures are those of a slide of the chip's talk, recalled; so is
    nothing here more than an account of which factors there are, and how large.

    1. The whole board's power over frames a second, against the chip's.
    2. Idle power of the board subtracted: the comparison that was announced.
    3. DRAM counted for Eyeriss too: its published MB a frame at Horowitz's energy per bit. The board has its own.
    4. Eyeriss at the GPU's 28 nm, by `catalog.scale`'s rule at equal voltage; DRAM stays.
    5. Eyeriss with words of 32 bits, as the GPU's: twice the energy for what is moved; for the ALUs, at most a tenth
       of its power, an fp32 multiply and add over a 16-bit integer one (Horowitz, by the rule of widths).

    >>> [round(step.ratio, 1) for step in eyeriss_over_gpu()]
    [18.7, 11.9, 11.1, 23.5, 10.2]
    """
    fps = figure("tk1.alexnet.fps").value
    board, idle = figure("tk1.alexnet.power.active").value, figure("tk1.alexnet.power.idle").value
    chip = figure("eyeriss.alexnet.power").value / figure("eyeriss.alexnet.fps").value
    gpu, dram = 1e3 * (board - idle) / fps, _dram_energy()
    node = figure("tk1.process").value / figure("eyeriss.process").value
    wide = _wider()
    return (
        Step("as measured", 1e3 * board / fps, chip, "power over frames a second; board against chip"),
        Step("idle power", gpu, chip, "the board's idle power subtracted"),
        Step("DRAM", gpu, chip + dram, "Eyeriss's DRAM added; the board's was in"),
        Step("node", gpu, chip * node + dram, "Eyeriss from 65 nm to 28 nm"),
        Step("precision", gpu, chip * node * wide + 2 * dram, "Eyeriss from 16-bit integers to 32-bit floats"),
    )


def _dram_energy() -> float:
    """Energy (mJ) of Eyeriss's DRAM traffic for a frame of AlexNet's CONV layers, at Horowitz's cost of a bit."""
    frames, bit = figure("eyeriss.alexnet.batch").value, figure("horowitz.DRAM").value / 32
    return figure("eyeriss.alexnet.total.dram").value * 1e6 * 8 / frames * bit * 1e-9


def _wider() -> float:
    """Chip energy with 32-bit floats over that with 16-bit integers: ALUs by the tables, all else twice."""
    table, short = HOROWITZ_45, scale(HOROWITZ_45, bits=16)
    floats = table["multiply_fp32"].energy + table["add_fp32"].energy
    integers = short["multiply_int32"].energy + short["add_int32"].energy
    alus = figure("eyeriss.power.alu.most").value / 100
    return alus * floats / integers + 2 * (1 - alus)


def fc_dram_energy(batch: int = 1) -> float:
    """Energy (mJ) a frame for fetching AlexNet's FC weights once a batch, 16 bits each, at Horowitz's cost of a bit.

    Neither side of the comparison ran the FC layers. This is what fetching their weights alone would add.

    >>> round(fc_dram_energy(batch=4), 1)
    4.7

    Raises `WorkloadError` for a batch of no images.
    """
    if not whole(batch) or batch < 1:
        raise WorkloadError(f"batch must be a whole number from 1, got {batch!r}")
    words = sum(layer.words("filter") for layer in alexnet(fc=True).layers if layer.name.startswith("fc"))
    return words * 16 / batch * figure("horowitz.DRAM").value / 32 * 1e-9
