"""Views of values, live in JupyterLab and static in the book; they draw and hold no model.

`loop_stepper(layer)` walks a small layer one MAC at a time; `tile_packer(layer, capacity)` fills a buffer with tiles;
`pe_array(timeline or report)` plays an array of PEs; `energy_breakdown(report, ...)` says where the energy goes;
`metric_desk()` judges made-up systems by what is asked of them; `sparse_lens()` shows what zeros do.
"""

from accelsim.widgets.array import pe_array
from accelsim.widgets.breakdown import energy_breakdown
from accelsim.widgets.desk import metric_desk
from accelsim.widgets.editor import nest_editor
from accelsim.widgets.host import View
from accelsim.widgets.lens import sparse_lens
from accelsim.widgets.loops import Access, Step, WidgetError, accesses, steps
from accelsim.widgets.packing import tile_packer
from accelsim.widgets.stepper import loop_stepper

__all__ = [
    "Access",
    "Step",
    "View",
    "WidgetError",
    "accesses",
    "energy_breakdown",
    "loop_stepper",
    "metric_desk",
    "nest_editor",
    "pe_array",
    "sparse_lens",
    "steps",
    "tile_packer",
]
