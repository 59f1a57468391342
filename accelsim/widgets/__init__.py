"""Views of values, live in JupyterLab and static in the book; they draw and hold no model.

`loop_stepper(layer)` walks a small layer one MAC at a time.
"""

from accelsim.widgets.host import View
from accelsim.widgets.loops import Access, Step, WidgetError, accesses, steps
from accelsim.widgets.stepper import loop_stepper

__all__ = ["Access", "Step", "View", "WidgetError", "accesses", "loop_stepper", "steps"]
