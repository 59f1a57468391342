"""The metric desk: made-up systems against a set of requirements, and why each that fails does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from accelsim.errors import number, suggest
from accelsim.widgets import figures
from accelsim.widgets.host import View
from accelsim.widgets.loops import WidgetError


@dataclass(frozen=True)
class System:
    """A made-up system that looks at camera frames.

    fps: frames a second it can finish. latency: ms from a frame to its answer, apart from the link. energy: mJ a
    frame, at the device that carries the camera, radio included. area: mm² of silicon in that device. accuracy: %
    of answers that are right. upload: Mbit that it sends for each frame, 0 if all is done on the device.
    """

    name: str
    what: str
    fps: float
    latency: float
    energy: float
    area: float
    accuracy: float
    upload: float = 0.0


@dataclass(frozen=True)
class Limits:
    """What is asked: at least `fps` and `accuracy`, at most `latency` (ms), `power` (mW) and `area` (mm²).

    link: Mbit/s that the place of use has.
    """

    fps: float
    latency: float
    power: float
    area: float
    accuracy: float
    link: float


# Made up, each to lose for a reason of its own: no figure here is a product's.
SYSTEMS = (
    System("Acorn", "small network on a microcontroller", 4, 240, 8, 12, 78.0),
    System("Birch", "small network on a DSP", 45, 22, 11, 9, 84.5),
    System("Cedar", "fixed-function block, one network only", 120, 9, 3, 6, 86.0),
    System("Dogwood", "flexible accelerator, 8 bits", 60, 17, 6, 14, 90.5),
    System("Elm", "the same, 16 bits", 38, 27, 15, 22, 91.0),
    System("Fir", "large network on the same accelerator", 11, 92, 48, 22, 94.5),
    System("Ginkgo", "sparse accelerator, pruned network", 85, 15, 4, 19, 89.0),
    System("Hazel", "mobile GPU", 70, 16, 70, 40, 91.0),
    System("Ivy", "mobile GPU, batches of 16", 190, 100, 38, 40, 91.0),
    System("Juniper", "server GPU, batches of 64", 2400, 120, 110, 800, 94.5),
    System("Kapok", "small first stage here, the rest in the cloud", 90, 35, 5, 8, 93.5, 0.15),
    System("Larch", "whole frames to the cloud", 300, 60, 30, 3, 95.0, 1.2),
)

PRESETS = {
    "drone": Limits(fps=30, latency=40, power=500, area=25, accuracy=85, link=0.5),
    "phone": Limits(fps=24, latency=100, power=1500, area=30, accuracy=90, link=20),
    "headset": Limits(fps=72, latency=20, power=900, area=20, accuracy=85, link=50),
    "data centre": Limits(fps=1000, latency=200, power=300000, area=1000, accuracy=94, link=1000),
}

# What the reader moves: heading, unit, the steps of the slider.
SLIDERS: dict[str, tuple[str, str, tuple[float, ...]]] = {
    "fps": ("frames a second, at least", "fps", (1, 5, 10, 24, 30, 60, 72, 90, 120, 240, 500, 1000, 2000)),
    "latency": ("latency, at most", "ms", (5, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 500, 1000)),
    "power": ("power at that rate, at most", "mW",
              (10, 50, 100, 200, 300, 500, 900, 1500, 3000, 10000, 50000, 300000)),
    "area": ("silicon, at most", "mm²", (2, 5, 8, 10, 15, 20, 25, 30, 50, 100, 500, 1000)),
    "accuracy": ("accuracy, at least", "%", (70, 75, 80, 85, 88, 90, 91, 92, 93, 94, 95, 96)),
    "link": ("link, as it is there", "Mbit/s", (0, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000)),
}  # fmt: skip


def metric_desk(preset: str = "drone", limits: Mapping[str, float] | None = None) -> View:
    """A dozen made-up systems against requirements that the reader moves; those that fail say why.

    `preset` is "drone", "phone", "headset" or "data centre"; `limits` changes some of its requirements: fps, latency
    (ms), power (mW), area (mm²), accuracy (%) and link (Mbit/s that are there). Live, `view.widget.limits` follows the
    reader and may be set. Raises `WidgetError` for names and values that are not possible.

    A system that sends frames waits for its link, so latency there is its own and 1000 x Mbit a frame / (Mbit/s).
    Power is frames a second as asked, times mJ a frame.

    >>> print(metric_desk("headset", {"area": 10}))
    72 fps, 20 ms, 900 mW, 10 mm², 85 %, link 50 Mbit/s: 1 of 12 systems does
    Acorn    no   4 fps, asked 72; 240 ms, allowed 20; 12 mm², allowed 10; accuracy 78 %, asked 85 %
    Birch    no   45 fps, asked 72; 22 ms, allowed 20; accuracy 84.5 %, asked 85 %
    Cedar    yes
    ...
    Kapok    no   38 ms over 50 Mbit/s, allowed 20
    Larch    no   41.7 fps over 50 Mbit/s, asked 72; 84 ms over 50 Mbit/s, allowed 20; 2160 mW at 72 fps, allowed 900
    """
    asked = _limits(preset, limits)
    data = {
        "systems": [vars(system) for system in SYSTEMS],
        "presets": {name: vars(known) for name, known in PRESETS.items()},
        "sliders": SLIDERS,
        "heads": HEADS,
        "note": NOTE,
    }
    limited = {"limits": vars(asked)}
    return View("metric_desk", data, limited, _figure(asked), _text(asked), picture=lambda: _plot(asked))


def _plot(asked: Limits) -> bytes:
    """Systems against requirements; what stands beside each tells why."""
    from accelsim import plot

    lines = [(row[0], "n" if row[-1] else "y", row[-1]) for row in rows(asked)]
    return plot.png(plot.letters(lines, {"y": "does", "n": "does not"}, sentence(asked)))


def _limits(preset: str, limits: Mapping[str, float] | None) -> Limits:
    faults = [] if preset in PRESETS else [f"no preset {preset!r}; there is {', '.join(PRESETS)}"]
    for name, value in (limits or {}).items():
        if name not in SLIDERS:
            faults.append(f"no limit {name!r}; there is {', '.join(SLIDERS)}{suggest(name, SLIDERS)}")
        elif not number(value) or value < 0:
            faults.append(f"{name} must be a number of 0 or more, got {value!r}")
    if faults:
        raise WidgetError("the desk cannot be set\n  " + "\n  ".join(faults))
    return Limits(**{**vars(PRESETS[preset]), **(limits or {})})


def waiting(system: System, link: float) -> float:
    """Latency in ms with the link: infinite where something is sent and there is none.

    >>> waiting(SYSTEMS[-1], 20)
    120.0
    """
    if not system.upload:
        return system.latency
    return system.latency + 1000 * system.upload / link if link else float("inf")


def rate(system: System, link: float) -> float:
    """Frames a second with the link."""
    return min(system.fps, link / system.upload) if system.upload else system.fps


def reasons(system: System, asked: Limits) -> list[str]:
    """Every reason why a system does not do, in words; nothing for one that does.

    >>> reasons(SYSTEMS[0], PRESETS["phone"])
    ['4 fps, asked 24', '240 ms, allowed 100', 'accuracy 78 %, asked 90 %']
    """
    fps, latency, power = rate(system, asked.link), waiting(system, asked.link), asked.fps * system.energy
    link = f" over {say(asked.link)} Mbit/s" if system.upload else ""
    checks = [
        (power > asked.power, f"{say(power)} mW at {say(asked.fps)} fps, allowed {say(asked.power)}"),
        (system.area > asked.area, f"{say(system.area)} mm², allowed {say(asked.area)}"),
        (system.accuracy < asked.accuracy, f"accuracy {say(system.accuracy)} %, asked {say(asked.accuracy)} %"),
    ]
    if system.upload and not asked.link:
        first = [(True, f"sends {say(system.upload)} Mbit a frame, and there is no link")]
    else:
        first = [
            (fps < asked.fps, f"{say(fps)} fps{link}, asked {say(asked.fps)}"),
            (latency > asked.latency, f"{say(latency)} ms{link}, allowed {say(asked.latency)}"),
        ]
    return [reason for failed, reason in [*first, *checks] if failed]


def say(value: float) -> str:
    """A figure with at most one decimal, or two below 1.

    >>> say(240.0), say(84.5), say(3.333), say(0.15)
    ('240', '84.5', '3.3', '0.15')
    """
    digits = 2 if value < 1 else 1
    text = figures.fixed(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


NOTE = (
    "All systems are made up. Latency of a system that sends frames: its own, and 1000 x Mbit a frame / (Mbit/s of the "
    "link). Power: the frames a second that are asked, times mJ a frame."
)
HEADS = ("system", "does", "fps", "ms", "mJ a frame", "mW as asked", "mm²", "accuracy %", "why not")


def rows(asked: Limits) -> list[list[str]]:
    """The table: a row for each system with its figures under these limits, and the reasons against it."""
    found = []
    for system in SYSTEMS:
        latency = waiting(system, asked.link)
        why = reasons(system, asked)
        found.append([
            system.name, "no" if why else "yes", say(rate(system, asked.link)),
            "never" if latency == float("inf") else say(latency), say(system.energy), say(asked.fps * system.energy),
            say(system.area), say(system.accuracy), "; ".join(why),
        ])  # fmt: skip
    return found


def sentence(asked: Limits) -> str:
    """How many do, under which limits."""
    good = [system.name for system in SYSTEMS if not reasons(system, asked)]
    return (
        f"{say(asked.fps)} fps, {say(asked.latency)} ms, {say(asked.power)} mW, {say(asked.area)} mm², "
        f"{say(asked.accuracy)} %, link {say(asked.link)} Mbit/s: {len(good)} of {len(SYSTEMS)} systems "
        f"{'does' if len(good) == 1 else 'do'}"
    )


def _text(asked: Limits) -> str:
    return "\n".join([sentence(asked), *(f"{row[0]:8} {row[1]:4} {row[-1]}".rstrip() for row in rows(asked))])


def _figure(asked: Limits) -> str:
    named = [[f"{s.name}: {s.what}", *row[1:]] for s, row in zip(SYSTEMS, rows(asked), strict=True)]
    said = f'<p class="say">{escape(sentence(asked))}</p>'
    return f'{said}{figures.framed(figures.table("Systems", HEADS, named))}<p class="note">{NOTE}</p>'
