"""What a page may rely on when nobody is there to answer: no kernel, no outside host, no earlier build."""

from __future__ import annotations

import os
from typing import Any


def setup(app: Any) -> dict[str, bool]:
    """Ask accelsim's widgets for their static form, and run every page at every build."""
    os.environ["ACCELSIM_STATIC"] = "1"
    app.connect("env-get-outdated", every_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def every_page(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> set[str]:
    """All pages: Sphinx looks only at a page's own text and would miss a change of the simulator it calls."""
    return env.found_docs - removed
