"""What a page may rely on when nobody is there to answer: no kernel, no outside host, no earlier build."""

from __future__ import annotations

import os
from typing import Any

# The roles that docutils writes for a bibliography are deprecated or not allowed on their elements (axe-core).
ROLES = (' role="doc-biblioentry"', 'role="list" ')


def setup(app: Any) -> dict[str, bool]:
    """Ask accelsim's widgets for their static form, run every page at every build, drop wrong roles."""
    os.environ["ACCELSIM_STATIC"] = "1"
    app.connect("env-get-outdated", every_page)
    app.connect("html-page-context", plain_bibliography)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def every_page(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> set[str]:
    """All pages: Sphinx looks only at a page's own text and would miss a change of the simulator it calls."""
    return env.found_docs - removed


def plain_bibliography(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """A list of references without the roles that assistive technology should not be given."""
    if 'class="citation-list"' in context.get("body", ""):
        for role in ROLES:
            context["body"] = context["body"].replace(role, "")
