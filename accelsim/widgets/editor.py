"""The nest editor: write a nest as text and see what it costs, or what is wrong with it.

Live, the kernel answers. On a published page the reader's own browser does, with this same module, once it is asked
to (see `book/publish.py`); a page without that shows the nest it came with.
"""

from __future__ import annotations

from html import escape
from typing import Any

from accelsim.arch import Arch, Level
from accelsim.errors import AccelsimError
from accelsim.mapping import Mapping, nest
from accelsim.report import Report, evaluate, table
from accelsim.widgets import figures
from accelsim.widgets.host import View
from accelsim.workload import Layer, Rank, Tensor

VALUES = {value.__name__: value for value in (Arch, Layer, Level, Rank, Tensor)}
HEADS = ("", "reads", "writes", "energy", "share")


def nest_editor(layer: Layer, arch: Arch, mapping: Mapping | str) -> View:
    """Edit a nest as text: what moves, what it costs, and every fault in the words of the labs.

    Live, `view.widget.asked` is the nest last run and `view.widget.answer` what came of it.
    Raises `MappingError` where the first nest does not fit.

    >>> from accelsim import Arch, Level, einsum
    >>> layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=2, C=3)
    >>> print(nest_editor(layer, Arch("toy", (Level("DRAM", read=200, write=200), Level("reg"))), "DRAM: M2 | reg: C3"))
    mv on toy: "DRAM: M2 | reg: C3"
    6 MACs in 6 cycles; 1 of 1 PEs have work; energy 2,200 (MAC)
    what         reads  writes  energy   share
    DRAM ifmap       3       0     600  27.3 %
    DRAM filter      6       0   1,200  54.5 %
    DRAM ofmap       0       2     400  18.2 %
    reg ifmap        6       3       0   0.0 %
    reg filter       6       6       0   0.0 %
    reg ofmap        6       6       0   0.0 %
    MAC compute                      0   0.0 %
    """
    first = str(nest(str(mapping)))
    shown = _result(evaluate(layer, arch, nest(first)))
    where = f"{layer.name} on {arch.name}"
    data = {
        "layer": repr(layer),
        "arch": repr(arch),
        "where": where,
        "line": str(layer),
        "first": first,
        "shown": shown,
    }
    state = {"nest": first, "asked": first, "answer": {"nest": first, **shown}}
    return View("nest_editor", data, state, _figure(data), _text(data), replies=lambda text: answer(layer, arch, text))


def answer(layer: Layer | str, arch: Arch | str, text: str) -> dict[str, Any]:
    """What a nest costs, or what is wrong with it, as plain data; a layer or machine may be given as its own `repr`.

    >>> from accelsim import Arch, Level, conv
    >>> answer(repr(conv("c1")), repr(Arch("toy", (Level("DRAM"), Level("reg")))), "DRAM: 4M | reg:")["fault"]
    '...'
    """
    try:
        return {"nest": text, **_result(evaluate(_value(layer), _value(arch), nest(text)))}
    except AccelsimError as fault:
        return {"nest": text, "fault": str(fault)}


def _value(value: Any) -> Any:
    return eval(value, {"__builtins__": {}}, VALUES) if isinstance(value, str) else value  # the page's own data


def _result(report: Report) -> dict[str, Any]:
    counts, total = report.counts, report.total
    work = f"{report.macs:,} MACs in {report.cycles:,} cycles; {counts.active:,} of {report.arch.pes:,} PEs have work"
    moved: list[list[Any]] = [
        [f"{level} {tensor}", counts.reads[level, tensor], counts.writes[level, tensor], report.energy[level, tensor]]
        for level, tensor in counts.reads
    ]
    beside: list[list[Any]] = [
        [f"{a} {b}", "", "", cost] for (a, b), cost in report.energy.items() if (a, b) not in counts.reads
    ]
    rows = [[*map(_cell, row), figures.percent(row[-1] / total if total else 0)] for row in [*moved, *beside]]
    return {"said": f"{work}; energy {total:,.0f} ({report.arch.unit})", "rows": rows}


def _cell(cell: Any) -> str:
    return cell if isinstance(cell, str) else f"{cell:,.0f}"


def _figure(data: dict[str, Any]) -> str:
    grid = figures.table("Words moved, and what they cost", HEADS, data["shown"]["rows"])
    nest_text = f'<pre class="nest">{escape(data["first"])}</pre>'
    return f'<p class="title">{escape(data["line"])}</p>{nest_text}<p>{data["shown"]["said"]}</p>{figures.framed(grid)}'


def _text(data: dict[str, Any]) -> str:
    lines = table(["what", *HEADS[1:]], data["shown"]["rows"])
    return f'{data["where"]}: "{data["first"]}"\n{data["shown"]["said"]}\n{lines}'
