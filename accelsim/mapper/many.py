"""Many searches at once: whole networks, and machines and dataflows to choose among, over any executor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from tqdm import tqdm

from accelsim.arch import Arch
from accelsim.errors import MappingError
from accelsim.mapper.hunt import Found, check_search, search
from accelsim.mapper.space import MapSpace, space
from accelsim.workload import Layer


@dataclass(frozen=True)
class Design:
    """A machine and a template with the best mapping of every layer, in their order, in `found`.

    `faults` says which layers do not fit; `found` leaves them out.
    """

    arch: Arch
    template: str | None
    found: tuple[Found, ...]
    faults: tuple[str, ...]

    @property
    def energy(self) -> float:
        """Of all layers, in the machine's unit; infinite where one does not fit."""
        return math.inf if self.faults else sum(found.report.total for found in self.found)

    @property
    def cycles(self) -> float:
        """Of all layers, one after the other; infinite where one does not fit."""
        return math.inf if self.faults else sum(found.report.cycles for found in self.found)

    @property
    def gap(self) -> float:
        """The largest gap of a search: how far a layer's value may be above its least, as a share of its bound.

        Searches that were stopped early have one, and two designs that differ by less than that cannot be told apart.
        """
        return max((found.gap for found in self.found), default=0.0)

    def __str__(self) -> str:
        layers = f"{len(self.found)} layer{'s' if len(self.found) != 1 else ''}"
        proof = (
            "proven" if all(found.proven for found in self.found) else f"each at most {self.gap:.2%} above its least"
        )
        fits = f"{self.energy:,.6g} {self.arch.unit}, {self.cycles:,} cycles for {layers}, {proof}"
        return "\n  ".join([f"{self.arch.name}: {fits if not self.faults else 'not every layer fits'}", *self.faults])


def search_all(
    spaces: Sequence[MapSpace],
    objective: str = "edp",
    executor: Executor | None = None,
    seconds: float | None = None,
    seed: int = 0,
    show: bool = False,
) -> list[Found | MappingError]:
    """Search many spaces, in the order given; a space in which nothing fits yields the error that says so.

    executor: any of `concurrent.futures`, such as `Client.get_executor()` of Dask; processes on this machine if None.
    Equal spaces are searched once. seconds: for each space. Without it the results are those of `search`, wherever it
    runs. Where processes are spawned, as on macOS and Windows, a script must call this under
    `if __name__ == "__main__":`, as any that uses processes; a notebook need not.
    Raises `MappingError` for what `search` cannot be asked for in any space.
    """
    check_search(objective, seconds, seed)
    if not all(isinstance(where, MapSpace) for where in spaces):
        raise MappingError(f"needs spaces, made by space(...), got {list(spaces)!r}")
    if executor is None:
        with ProcessPoolExecutor() as pool:
            return search_all(spaces, objective, pool, seconds, seed, show)
    jobs = {executor.submit(_one, where, objective, seconds, seed): where for where in dict.fromkeys(spaces)}
    found = {}
    for done in tqdm(as_completed(jobs), total=len(jobs), unit=" spaces", disable=not show):
        found[jobs[done]] = done.result()
    return [found[where] for where in spaces]


def _one(where: MapSpace, objective: str, seconds: float | None, seed: int) -> Found | MappingError:
    try:
        return search(where, objective, seconds, seed)
    except MappingError as error:
        return error


def sweep(
    layers: Sequence[Layer],
    designs: Iterable[tuple[Arch, str | None]],
    objective: str = "edp",
    executor: Executor | None = None,
    seconds: float | None = None,
    seed: int = 0,
    show: bool = False,
) -> list[Design]:
    """The best mappings of some layers on each of some machines, each with a template (its dataflow) or None.

    executor, seconds: as in `search_all`, which this calls. The sum of a design is its `energy`; for its parts make a
    report of what was found:

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from dataclasses import replace
    >>> from accelsim import NetworkReport, catalog, conv
    >>> dram, spad = catalog.one_pe().levels
    >>> machines = [replace(catalog.one_pe(), levels=(dram, replace(spad, capacity=words))) for words in (16, 64)]
    >>> layers, pairs = [conv("c", M=8, C=4, P=6, R=3)], [(machine, None) for machine in machines]
    >>> with ThreadPoolExecutor(1) as executor:
    ...     designs = sweep(layers, pairs, "energy", executor)
    >>> [design.energy for design in designs]
    [83232.0, 38208.0]
    >>> print(designs[1])
    one_pe: 38,208 MAC energies, 620 cycles for 1 layer, proven
    >>> reports = [NetworkReport("toy", tuple(one.report for one in design.found)) for design in designs]
    >>> [report.by_level()["DRAM"] for report in reports]     # plot.energy(*reports) draws them
    [80000.0, 35200.0]

    Raises `MappingError` where there are no layers, a design is no (machine, template), or a template cannot be read.
    """
    pairs, layers = list(designs), tuple(layers)
    if wrong := [pair for pair in pairs if not isinstance(pair, (tuple, list)) or len(pair) != 2]:
        raise MappingError(f"a design is a pair (machine, template), a template being text or None, got {wrong[0]!r}")
    if not layers:
        raise MappingError("a sweep needs layers, got none")
    spaces = [space(layer, arch, template) for arch, template in pairs for layer in layers]
    results = search_all(spaces, objective, executor, seconds, seed, show)
    rows = [results[at : at + len(layers)] for at in range(0, len(results), len(layers))]
    return [
        Design(
            arch,
            template,
            tuple(one for one in row if isinstance(one, Found)),
            tuple(str(one) for one in row if not isinstance(one, Found)),
        )
        for (arch, template), row in zip(pairs, rows, strict=True)
    ]
