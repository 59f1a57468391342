"""The benchmark of the engine: mappings costed per second on one core, and the peers beside it in the same run.

    python -m tests.bench.engine            the simulator alone, half a minute
    python -m tests.bench.engine --peers    first makes the peers' environments in build/peers (network needed)

All rates are per second of processor time, of one core. Exit status 1: a mapping of the batch differs from `evaluate`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.tasks import ARCH, LAYERS, plain

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "peers"
IMPORT = "import time; start = time.process_time(); import accelsim; print(time.process_time() - start)"
NOTES = f"""\
Machine: {ARCH.name}, 3 levels (DRAM, GLB, spad), filters bypass the GLB. Rates: per second of processor time, the mean
over all mappings; each process keeps to one core. Loading, drawing and checking are left out. ratio: the rate of
"batch, that fit" over this row's. peak: the most memory the process held, drawing included.
batch: counts, energy, cycles and faults of every mapping, whether it fits or not.
  drawn blind: each prime factor at a random level and axis, few fit. that fit: the one or two thousand of those splits
  that fit, in random loop orders. Compared with evaluate are random mappings, all counts, energy, cycles and verdict.
ZigZag: CostModelEvaluation of temporal mappings that fit, array row stationary, loop orders random.
nn-dataflow: LoopBlockingScheme with its access cost, of schemes that fit. It is a smaller thing than a mapping: row
  stationary is built in, and free are three loops at two levels; no sliding windows between tiles.
AccelForge: evaluate_mapping, array row stationary, loop orders random. Its mapper prunes instead of costing each."""


@dataclass(frozen=True)
class Peer:
    """A tool to compare with. count: mappings it costs in a full run. python: the oldest Python it runs on."""

    name: str
    packages: tuple[str, ...]
    count: int
    python: tuple[int, int] = (3, 11)

    @property
    def interpreter(self) -> Path:
        return FOLDER / self.name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


PEERS = (
    Peer("zigzag", ("zigzag-dse==3.9.1", "six"), 2_000),
    Peer("nn_dataflow", ("nn-dataflow==2.1", "sympy<1.7"), 100_000),
    Peer("accelforge", ("accelforge==1.0.467",), 100, (3, 12)),
)


def output(python: Path | str, *arguments: str) -> str:
    """What a Python of some environment prints; this repository is its current folder."""
    done = subprocess.run([str(python), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        *_, said = ["no message", *done.stderr.strip().splitlines()]
        raise RuntimeError(f"{Path(python).name} {' '.join(arguments[:2])}: {said}")
    return done.stdout


def measured(python: Path | str, script: str, given: dict[str, Any]) -> Any:
    """What a script of the benchmark measured: its last line, as JSON."""
    return json.loads(output(python, "-m", f"tests.bench.{script}", json.dumps(given)).splitlines()[-1])


def install(peer: Peer) -> str | None:
    """Make a peer's environment if it is not there. Returns why not, in words."""
    if peer.interpreter.exists():
        return None
    oldest = ".".join(map(str, peer.python))
    names = [sys.executable, *filter(None, map(shutil.which, ("python3.13", "python3.12", "python3.11")))]
    probe = f"import sys; sys.exit(sys.version_info[:2] < {peer.python})"
    fit = [name for name in names if subprocess.run([name, "-c", probe], capture_output=True).returncode == 0]
    if not fit:
        return f"needs Python {oldest} or later on the PATH"
    print(f"making {peer.interpreter.parents[1].relative_to(ROOT)} ...", flush=True)
    try:
        output(fit[0], "-m", "venv", str(FOLDER / peer.name))
        output(peer.interpreter, "-m", "pip", "install", "--quiet", *peer.packages)
    except RuntimeError as error:
        shutil.rmtree(FOLDER / peer.name, ignore_errors=True)
        return str(error)
    return None


def rate(row: dict[str, Any]) -> float:
    return row["count"] / row["cpu_s"]


def line(row: dict[str, Any], layer: str, best: float) -> str:
    ratio, peak = best / rate(row), "-" if row["peak_mib"] is None else f"{row['peak_mib']:.0f} MiB"
    return (
        f"{row['tool']:<27} {layer:<7} {row['count']:>9,} {row['cpu_s']:>7.2f} {row['wall_s']:>7.2f} "
        f"{rate(row):>11,.0f} {ratio:>8,.{1 if ratio < 100 else 0}f} {peak:>9}"
    )


def theirs(name: str, arguments: argparse.Namespace) -> Iterator[dict[str, Any] | str]:
    """The rows of the peers for one layer; a sentence for a peer that did not run."""
    for peer in PEERS:
        if not peer.interpreter.exists():
            yield f"{peer.name}: skipped, no {peer.interpreter.relative_to(ROOT)}; run with --peers to make it"
            continue
        given = plain(LAYERS[name]) | {"mappings": max(1, round(peer.count * arguments.share)), "seed": arguments.seed}
        try:
            yield measured(peer.interpreter, f"peer_{peer.name}", given)
        except RuntimeError as error:
            yield f"{peer.name}: failed, {error}; delete {FOLDER / peer.name} and run with --peers to make it anew"


def remarks(found: dict[str, Any]) -> Iterator[str]:
    """What else was measured with a batch: the share that fits, drawing, equality with `evaluate` and its own time."""
    for how, row in found.items():
        drawn, alone = row["count"] / row["draw_cpu_s"], [1000 * seconds for seconds in row["alone_cpu_s"]]
        yield (
            f"  {how}: {row['valid'] / row['count']:.1%} valid, {drawn:,.0f} drawn per CPU s; "
            f"{len(row['different'])} of {row['checked']} random ones differ from evaluate, "
            f"which took {median(alone):.2f} ms in the median, {max(alone):.2f} at most"
        )
        yield from (f"    {sentence}" for sentence in row["different"][:5])


def times(best: float, peers: list[dict[str, Any]]) -> Iterator[str]:
    """How far ahead of the fastest peer, and of the fastest one whose mappings are whole."""
    for what, rows in (("peer", peers), ("peer that costs whole mappings", [row for row in peers if row["whole"]])):
        if rows:
            fastest = max(rows, key=rate)
            yield f"  {best / rate(fastest):,.1f} times the fastest {what}, {fastest['tool']}"


def bench(name: str, arguments: argparse.Namespace) -> int:
    """Measure and print one layer. Returns how many mappings of the batch differ from the scalar."""
    given = {"name": name, "mappings": arguments.mappings, "checks": arguments.checks, "seed": arguments.seed}
    found = measured(sys.executable, "ours", given)
    best = rate(found["that fit"])
    for how, row in found.items():
        print(line(row | {"tool": f"{row['tool']}, {how}"}, name, best), flush=True)
    peers = []
    for row in [] if arguments.alone else theirs(name, arguments):
        print(row if isinstance(row, str) else line(row, name, best), flush=True)
        peers += [] if isinstance(row, str) else [row]
    print(*times(best, peers), *remarks(found), "", sep="\n")
    return sum(len(row["different"]) for row in found.values())


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"needs a whole number of 1 or more, got {text!r}")
    return int(text)


def parse(words: Iterable[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="make the peers' environments in build/peers if absent")
    parser.add_argument("--alone", action="store_true", help="leave the peers out even where they are installed")
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--mappings", type=positive, default=400_000, help="mappings in each batch row")
    parser.add_argument(
        "--checks", type=positive, default=400, help="mappings compared with evaluate in each batch row"
    )
    parser.add_argument("--share", type=float, default=1.0, help="share of the peers' usual counts, for a quick look")
    parser.add_argument("--imports", type=positive, default=7, help="times the import is measured")
    parser.add_argument("--seed", type=positive, default=1)
    return parser.parse_args(None if words is None else list(words))


def main(words: Iterable[str] | None = None) -> int:
    arguments = parse(words)
    for peer in PEERS if arguments.peers else ():
        if why := install(peer):
            print(f"{peer.name}: {why}")
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores{load}")
    heads = ("costed", "CPU s", "wall s", "per CPU s", "ratio", "peak")
    print("{:<27} {:<7} {:>9} {:>7} {:>7} {:>11} {:>8} {:>9}".format("tool", "layer", *heads))
    different = sum(bench(name, arguments) for name in arguments.layers)
    imports = [1000 * float(output(sys.executable, "-c", IMPORT)) for _ in range(arguments.imports)]
    print(f"import accelsim: {median(imports):.0f} ms, the median of {len(imports)} new processes")
    print(NOTES)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
