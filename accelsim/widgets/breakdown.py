"""The energy breakdown: counts times a table, as bars by level and by tensor; the reader changes the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from accelsim.energy import by_access
from accelsim.report import NetworkReport, Report, table
from accelsim.widgets import figures
from accelsim.widgets.host import View
from accelsim.widgets.loops import WidgetError

Priced = Report | NetworkReport
BY = {"level": "level", "tensor": "tensor"}
SCALES = {"mac": "per MAC", "total": "in all", "share": "as shares"}


@dataclass(frozen=True)
class Entry:
    """One part of a report's energy: `amount` times the price in `row` of the table, at a level, for a tensor."""

    level: str
    tensor: str
    row: str
    amount: float


@dataclass(frozen=True)
class Spent:
    """What a report spends, apart from prices: its entries, its MACs, and the prices it was computed with."""

    name: str
    macs: int
    unit: str
    entries: tuple[Entry, ...]
    prices: dict[str, float]

    def sums(self, by: str, prices: Mapping[str, float]) -> dict[str, float]:
        """Energy by level or by tensor at other prices."""
        found: dict[str, float] = {}
        for entry in self.entries:
            key = getattr(entry, by)
            found[key] = found.get(key, 0.0) + entry.amount * prices[entry.row]
        return found


def energy_breakdown(*reports: Priced | Mapping[str, Priced], by: str = "level", scale: str = "mac") -> View:
    """Where the energy of one report, or of several side by side, goes, by level and by tensor, at prices you change.

    Give reports, of layers or of networks, or a table of them by name. `by` is "level" or "tensor"; `scale` is "mac"
    (energy for each MAC), "total" or "share". The reader changes the energy table, such as the price of a DRAM access,
    and sees the bars change: energy is counts times that table, and the counts stay. Live, `view.widget.by`, `.scale`
    and `.table` follow the reader and may be set. Raises `WidgetError` for what is no report and for machines with
    different units.

    >>> from accelsim import catalog, evaluate
    >>> layer, machine = catalog.alexnet().layer("conv3"), catalog.eyeriss()
    >>> report = evaluate(layer, machine, catalog.mappings("eyeriss", "alexnet")["conv3"])
    >>> print(energy_breakdown({"row stationary": report}))
    Energy by level per MAC, in MAC energies
                     DRAM    GLB    NoC  spad  MAC  total
    row stationary  0.845  0.361  0.308  4.10    1   6.61
    row stationary: 6.61 MAC energies per MAC, the largest part spad (62.0 %).
    """
    named = _named(reports)
    if faults := _faults(named, by, scale):
        raise WidgetError("the energy cannot be shown\n  " + "\n  ".join(faults))
    spent, prices = aligned([split(name, report) for name, report in named])
    state = {"by": by, "scale": scale, "table": prices}
    data = {
        "unit": spent[0].unit,
        "prices": prices,
        "by": BY,
        "scales": SCALES,
        "reports": [
            {"name": s.name, "macs": s.macs, "entries": [[e.level, e.tensor, e.row, e.amount] for e in s.entries]}
            for s in spent
        ],
        "keys": {by: keys(spent, by) for by in BY},
    }
    shown = _figure(spent, by, scale, prices), _text(spent, by, scale, prices)
    return View("energy_breakdown", data, state, *shown, picture=lambda: _plot(dict(named), by))


def _plot(named: dict[str, Any], by: str) -> bytes | None:
    from accelsim import plot

    if not all(isinstance(report, (Report, NetworkReport)) for report in named.values()):
        return None
    return plot.png(plot.energy(*named.values(), by=by, names=[*named]))


def _named(reports: Sequence[Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for report in reports:
        found += list(report.items()) if isinstance(report, Mapping) else [(_name(report), report)]
    names = [name for name, _ in found]
    if len({*names}) < len(names):  # the same layer twice: say which
        found = [(f"{name} ({number})", report) for number, (name, report) in enumerate(found, 1)]
    return found


def _name(report: Any) -> str:
    if not _is(report):
        return "?"
    return f"{report.name if isinstance(report, NetworkReport) else report.layer.name} on {report.arch.name}"


def _faults(named: list[tuple[str, Any]], by: str, scale: str) -> list[str]:
    faults = [] if named else ["no report given"]
    faults += [f"{name}: expected a Report, as evaluate(...) gives, got {r!r}" for name, r in named if not _is(r)]
    units = sorted({report.arch.unit for _, report in named if _is(report)})
    if len(units) > 1:
        faults.append(f"energies in {' and in '.join(units)} do not compare; use machines with one unit")
    for what, value, known in (("by", by, BY), ("scale", scale, SCALES)):
        faults += [] if value in known else [f"{what} must be one of {', '.join(known)}, got {value!r}"]
    return faults


def _is(value: object) -> bool:
    return isinstance(value, Report) or (isinstance(value, NetworkReport) and bool(value.reports))


def split(name: str, report: Priced) -> Spent:
    """A report's energy as amounts and prices. A level whose reads cost what its writes do has one row.

    >>> from accelsim import Arch, Level, einsum, evaluate, nest
    >>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=3, C=4)
    >>> toy = Arch("toy", (Level("DRAM", read=200, write=200), Level("reg", read=1, write=2)), mac=1)
    >>> spent = split("toy", evaluate(layer, toy, nest("DRAM: C4 M3 | reg:")))
    >>> spent.prices
    {'DRAM word': 200.0, 'reg read': 1.0, 'reg write': 2.0, 'MAC': 1.0}
    """
    if isinstance(report, NetworkReport):
        return _joined(name, [split(name, each) for each in report.reports])
    arch, counts = report.arch, report.counts
    words = {"read": counts.reads, "write": counts.writes, "link": counts.carried}
    entries, prices = [], {}
    for level_name, tensor, kind in by_access(counts, arch):
        level = arch.level(level_name)
        row = f"{level_name} word" if kind != "link" and level.read == level.write else f"{level_name} {kind}"
        prices[row] = getattr(level, kind)
        amount = words[kind][level_name, tensor] * arch.width(tensor) / arch.word
        entries.append(Entry("NoC" if kind == "link" else level_name, tensor, row, amount))
    entries.append(Entry("MAC", "compute", "MAC", float(report.macs)))
    prices["MAC"] = float(arch.mac)
    for level in arch.levels:
        if level.leak:
            prices[f"{level.name} leakage"] = level.leak
            amount = float(report.cycles * arch.instances[level.name])
            entries.append(Entry(level.name, "leakage", f"{level.name} leakage", amount))
    if arch.leak:
        prices["rest leakage"] = float(arch.leak)
        entries.append(Entry("rest", "leakage", "rest leakage", float(report.cycles)))
    return Spent(name, report.macs, arch.unit, tuple(entries), prices)


def _joined(name: str, parts: Sequence[Spent]) -> Spent:
    """Layers run one after the other on one machine."""
    amounts: dict[tuple[str, str, str], float] = {}
    for entry in (entry for part in parts for entry in part.entries):
        key = (entry.level, entry.tensor, entry.row)
        amounts[key] = amounts.get(key, 0.0) + entry.amount
    entries = tuple(Entry(*key, amount) for key, amount in amounts.items())
    return Spent(name, sum(part.macs for part in parts), parts[0].unit, entries, parts[0].prices)


def aligned(spent: Sequence[Spent]) -> tuple[list[Spent], dict[str, float]]:
    """One table for all. A report whose price of a row is another than the first one's gets a row of its own."""
    shared: dict[str, float] = {}
    found = []
    for each in spent:
        own = {row: f"{row}, {each.name}" for row, price in each.prices.items() if shared.get(row, price) != price}
        prices = {own.get(row, row): price for row, price in each.prices.items()}
        entries = tuple(replace(entry, row=own.get(entry.row, entry.row)) for entry in each.entries)
        found.append(replace(each, entries=entries, prices=prices))
        shared |= prices
    return found, shared


def keys(spent: Sequence[Spent], by: str) -> list[str]:
    """The levels, or the tensors, of all reports, in the order of the machine; MACs and leakage last."""
    found = list(dict.fromkeys(getattr(entry, by) for each in spent for entry in each.entries))
    return sorted(found, key=lambda key: (key in ("MAC", "compute", "rest", "leakage"), found.index(key)))


def shares(spent: Spent, by: str, scale: str, prices: Mapping[str, float]) -> dict[str, float]:
    """The energy of one report by level or tensor, on a scale."""
    sums = spent.sums(by, prices)
    unit = {"mac": spent.macs, "total": 1, "share": sum(sums.values()) or 1}[scale]
    return {key: value / unit for key, value in sums.items()}


def rows(spent: Sequence[Spent], by: str, scale: str, prices: Mapping[str, float]) -> list[list[str]]:
    """The table: a row for each report, a column for each level or tensor, and the sum."""
    say = figures.percent if scale == "share" else figures.short
    found = []
    for each in spent:
        values = shares(each, by, scale, prices)
        cells = [say(values[key]) if key in values else "" for key in keys(spent, by)]
        found.append([each.name, *cells, say(sum(values.values()))])
    return found


def title(unit: str, by: str, scale: str) -> str:
    """What the numbers are."""
    return f"Energy by {by} {SCALES[scale]}" + ("" if scale == "share" else f", in {unit}")


def sentence(spent: Spent, by: str, prices: Mapping[str, float]) -> str:
    """What the view says of a report."""
    sums = spent.sums(by, prices)
    total = sum(sums.values())
    most = max(sums, key=lambda key: sums[key])
    part = f", the largest part {most} ({figures.percent(sums[most] / total)})" if total else ""
    return f"{spent.name}: {figures.short(total / spent.macs)} {spent.unit} per MAC{part}."


def _text(spent: Sequence[Spent], by: str, scale: str, prices: Mapping[str, float]) -> str:
    heads = ["", *keys(spent, by), "total"]
    said = "\n".join(sentence(each, by, prices) for each in spent)
    return f"{title(spent[0].unit, by, scale)}\n{table(heads, rows(spent, by, scale, prices))}\n{said}"


def _figure(spent: Sequence[Spent], by: str, scale: str, prices: Mapping[str, float]) -> str:
    known, values = keys(spent, by), [shares(each, by, scale, prices) for each in spent]
    most = max(sum(each.values()) for each in values) or 1
    bars = "".join(
        f'<p class="name">{escape(each.name)}</p>'
        + figures.bar([(known.index(key), value, key) for key, value in part.items()], most)
        for each, part in zip(spent, values, strict=True)
    )
    heads = ["", *known, "total"]
    counted = figures.table(title(spent[0].unit, by, scale), heads, rows(spent, by, scale, prices))
    priced = figures.table("Energy table", ["row", spent[0].unit], [[row, f"{p:g}"] for row, p in prices.items()])
    said = escape(" ".join(sentence(each, by, prices) for each in spent))
    bars = f'<p class="say">{said}</p>{bars}'
    return f"{bars}{figures.legend(enumerate(known))}{figures.framed(counted)}{figures.framed(priced)}"
