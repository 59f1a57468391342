"""What other tools count on the same mappings: draws mappings, runs the tools, records every word they count.

    python -m tests.bench.counts            the table accelsim/data/peers_random.csv anew, a minute
    python -m tests.bench.counts --mappings 500 --seed 7 --show   others, printed and compared, nothing recorded

The tools' own environments are those of the engine's benchmark (`python -m tests.bench.engine --peers` makes them in
build/peers). `--zigzag PYTHON` and `--accelforge PYTHON` name others. Exit status 1: a count differs from `recount`.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any

from accelsim import Layer, Mapping
from accelsim.mapping import Loop, Stage, nest
from accelsim.peers import LAYERS, MATCHED, RANDOM, layer_of, ours
from tests.bench.engine import FOLDER, PEERS, ROOT

TABLE = ROOT / "accelsim" / "data" / RANDOM
TOOLS = {"zigzag": "ZigZag 3.9.1", "accelforge": "AccelForge 1.0.467"}
LEVELS = ("DRAM", "GLB", "spad")
NOTE = """\
# Words counted by the named tool on six known mappings and random ones: reads/writes of each level and tensor, zeros
# left out.
# Made by `python -m tests.bench.counts`, which draws the mappings, runs the tools and writes this file.
# Levels DRAM, GLB, spad without limits; a level names the tensors it keeps; spatial loops stand outermost in a level.
"""


def primes(size: int) -> list[int]:
    """The prime factors of a size.

    >>> primes(12)
    [2, 2, 3]
    """
    for factor in range(2, size + 1):
        if size % factor == 0:
            return [factor, *primes(size // factor)]
    return []


def draw(layer: Layer, chosen: random.Random) -> Mapping:
    """A random mapping of two or three levels; spatial loops are the first of their level."""
    names = chosen.choice([LEVELS, LEVELS, LEVELS[:2]])
    loops: list[list[Loop]] = [[] for _ in names]
    for dim, size in layer.bounds:
        for factor in primes(size):
            loops[chosen.randrange(len(names))].append(Loop(dim, factor, chosen.choice(["", "", "", "", "x"])))
    stages = []
    for at, name in enumerate(names):
        chosen.shuffle(loops[at])
        merged = _merged(sorted(loops[at], key=lambda loop: not loop.axis))
        kept = chosen.sample([t.name for t in layer.tensors], chosen.choice([1, 2, 3, 3, 3]))
        stages.append(Stage(name, merged, None if at == 0 or len(kept) == 3 else tuple(sorted(kept))))
    return Mapping(tuple(stages))


def _merged(loops: list[Loop]) -> tuple[Loop, ...]:
    """One loop for neighbours over the same dimension, and one spatial loop a dimension."""
    merged: list[Loop] = []
    for loop in loops:
        same = [at for at, old in enumerate(merged) if (old.dim, old.axis) == (loop.dim, loop.axis)]
        if same and (loop.axis or same[-1] == len(merged) - 1):
            merged[same[-1]] = Loop(loop.dim, merged[same[-1]].bound * loop.bound, loop.axis)
        else:
            merged.append(loop)
    return tuple(merged)


def plain(layer: Layer, mapping: Mapping) -> dict[str, Any]:
    """A layer and a mapping as plain data for another tool."""
    return {
        "layer": layer.name,
        "mapping": str(mapping),
        "sizes": layer.dims,
        "tensors": {tensor.name: [rank.terms for rank in tensor.ranks] for tensor in layer.tensors},
        "stages": [
            {
                "level": stage.level,
                "keeps": [tensor.name for tensor in layer.tensors if stage.holds(tensor.name)],
                "loops": [[loop.dim, loop.bound, loop.axis] for loop in stage.loops],
            }
            for stage in mapping.stages
        ],
    }


def counted(tool: str, python: Path | str, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a tool counts for each task: {"counts": {"GLB.A": [reads, writes]}} or {"refused": why}."""
    command = [str(python), "-m", f"tests.bench.peer_counts_{tool}"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(tasks), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def text(counts: Table[str, Sequence[int]]) -> str:
    """Counts as one cell of the table.

    >>> text({"DRAM.A": [18, 0], "GLB.A": [192, 18]})
    'DRAM.A 18/0 GLB.A 192/18'
    """
    return " ".join(f"{key} {reads}/{writes}" for key, (reads, writes) in sorted(counts.items()))


def measured(tool: str, python: Path | str, mappings: int, seed: int) -> Iterator[tuple[str, str, str, str]]:
    """(layer, mapping, the tool's counts, ours) for the matched mappings and random ones that the tool takes."""
    chosen = random.Random(seed)
    drawn = [(name, nest(text)) for name, text in MATCHED.values()]
    drawn += [(name, draw(layer_of(name), chosen)) for _ in range(mappings) for name in LAYERS]
    tasks = [plain(layer_of(name), mapping) for name, mapping in drawn]
    refused = 0
    for (name, mapping), found in zip(drawn, counted(tool, python, tasks), strict=True):
        if "refused" in found:
            refused += 1
            print(f"{tool}: refused {name} {mapping}: {found['refused']}", file=sys.stderr)
        else:
            yield name, str(mapping), text(found["counts"]), text(ours(tool, name, mapping))
    print(f"{tool}: {len(drawn)} mappings drawn, {refused} refused", file=sys.stderr)


def main(words: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.counts", description=__doc__.splitlines()[0])
    parser.add_argument("--mappings", type=int, default=12, help="mappings of each layer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print and compare, record nothing")
    interpreters = {peer.name: peer.interpreter for peer in PEERS}
    for tool in TOOLS:
        parser.add_argument(f"--{tool}", default=interpreters[tool], metavar="PYTHON")
    arguments = parser.parse_args(None if words is None else list(words))
    rows, wrong = [], 0
    for tool, label in TOOLS.items():
        for name, mapping, theirs, mine in measured(tool, getattr(arguments, tool), arguments.mappings, arguments.seed):
            rows.append([label, name, mapping, theirs])
            if theirs != mine:
                wrong += 1
                print(f"{tool} {name} {mapping}\n  theirs {theirs}\n  ours   {mine}")
    print(f"{len(rows)} mappings compared, {wrong} differ from recount; peers in {FOLDER}")
    if not arguments.show:
        with TABLE.open("w", newline="") as file:
            file.write(NOTE)
            csv.writer(file, lineterminator="\n").writerows([["tool", "layer", "mapping", "counts"], *rows])
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
