"""What the simulator costs in a second: many mappings in a batch, and one at a time.

`tests.bench.engine` runs it in a process of its own, so that the peak memory is this measurement's. Nothing is warmed
up or discarded: each call of `evaluate_batch` starts with empty caches, and a rate is the mean over all calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from accelsim import Layer, evaluate, problems
from accelsim.batch import Batch, Costs, evaluate_batch, sample
from accelsim.dataflow import window
from tests.bench.meter import Clock, row, task
from tests.bench.tasks import ARCH, KEEPS, LAYERS, ROOMY

PIECE = 50_000  # mappings in one call
PARTS = 4  # blind draws for each mapping that is to fit, one after the other to save memory


def blind(layer: Layer, count: int, seed: int) -> Batch:
    """Mappings as `sample` draws them; on this machine about one in a hundred fits."""
    return sample(layer, ARCH, count, seed, KEEPS)


def fitting(layer: Layer, count: int, seed: int) -> Batch:
    """Mappings that fit: those splits of blindly drawn ones that fit, over and over, each time in a random loop order.

    The order of loops changes no tile, so every one of them fits.
    """
    drawn = [blind(layer, count + 5000, seed * 1000 + part) for part in range(PARTS)]
    fits = [np.flatnonzero(evaluate_batch(layer, ARCH, batch).valid) for batch in drawn]
    time, x, y = (
        np.concatenate([getattr(batch, name)[:, :, rows] for batch, rows in zip(drawn, fits, strict=True)], axis=2)
        for name in ("time", "x", "y")
    )
    again = np.resize(np.arange(time.shape[2]), count)
    order = np.argsort(np.random.default_rng(seed).random((*time.shape[:2], count)), axis=1).astype(np.int8)
    return Batch(drawn[0].levels, drawn[0].dims, time[:, :, again], x[:, :, again], y[:, :, again], order, KEEPS)


def differences(layer: Layer, batch: Batch, costs: Costs, at: int, alone: list[float]) -> Iterator[str]:
    """Where one mapping of a batch differs from what `problems` and `evaluate` say of it alone.

    Mappings that do not fit the machine are evaluated on one without limits. alone: takes the time of `evaluate`.
    """
    mapping = batch.mapping(at)
    faults = problems(layer, ARCH, mapping)
    if bool(faults) == bool(costs.valid[at]):
        yield f"{mapping}: valid in the batch is {costs.valid[at]}, problems: {faults}"
    with (clock := Clock()):
        report = evaluate(layer, ROOMY if faults else ARCH, mapping)
    alone.append(clock.cpu)
    pairs = [(f"reads {key}", costs.reads[key][at], words) for key, words in report.counts.reads.items()]
    pairs += [(f"writes {key}", costs.writes[key][at], words) for key, words in report.counts.writes.items()]
    pairs += [("cycles", costs.cycles[at], report.cycles), ("active", costs.active[at], report.counts.active)]
    yield from (
        f"{mapping}: {what} {int(got)} in the batch, {single} alone" for what, got, single in pairs if got != single
    )
    if abs(costs.energy[at] - report.total) > 1e-12 * report.total:
        yield f"{mapping}: energy {costs.energy[at]} in the batch, {report.total} alone"


def measure(layer: Layer, draw: Callable[[int, int], Batch], mappings: int, checks: int, seed: int) -> dict[str, Any]:
    """Draw and cost this many mappings in pieces, then compare `checks` random ones with `evaluate`."""
    drawing, costing, random = Clock(), Clock(), np.random.default_rng(seed)
    wrong: list[str] = []
    alone: list[float] = []
    valid = checked = 0
    sizes = [min(PIECE, mappings - start) for start in range(0, mappings, PIECE)]
    for number, size in enumerate(sizes):
        with drawing:
            batch = draw(size, seed + number)
        window.cache_clear()
        with costing:
            costs = evaluate_batch(layer, ARCH, batch)
        valid += int(costs.valid.sum())
        for at in random.choice(size, min(size, checks // len(sizes) + 1), replace=False):
            wrong += ["; ".join(found)] if (found := list(differences(layer, batch, costs, at, alone))) else []
            checked += 1
    return row("accelsim batch", mappings, costing) | {
        "valid": valid,
        "draw_cpu_s": drawing.cpu,
        "checked": checked,
        "different": wrong,
        "alone_cpu_s": alone,
    }


def main() -> None:
    given = task()
    layer = LAYERS[given["name"]]
    draws = {"drawn blind": blind, "that fit": fitting}
    numbers = given["mappings"], given["checks"], given["seed"]
    print(json.dumps({name: measure(layer, partial(draw, layer), *numbers) for name, draw in draws.items()}))


if __name__ == "__main__":
    main()
