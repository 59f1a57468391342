"""One view, two hosts: live in a Jupyter front end, or static on a page without a kernel.

A view is a plain ES module that exports `{ render }` and knows nothing but `model.get/set/on/save_changes` and an
element to draw into. Live, anywidget supplies the model and the kernel sees the state change. Static, `host.js`
supplies the same four functions over the data embedded in the page. Set the environment variable `ACCELSIM_STATIC=1`
to get the static page (the book does when it is built); it is also what you get where anywidget is not installed.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class View:
    """A drawing of a value, for a notebook, a published page and plain text.

    `module` names `<module>.js` and `<module>.css` in this package. `data` never changes; `state` holds
    what the reader changes, by name. `figure` is the HTML shown where no script runs, `text` the same for a
    terminal. Live, `replies` makes the state `answer` of each new state `asked`. `picture` draws a PNG for print; a
    PDF shows the text of a view without one.
    """

    module: str
    data: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)
    figure: str = ""
    text: str = ""
    replies: Callable[[str], dict[str, Any]] | None = None
    picture: Callable[[], bytes | None] | None = None

    @cached_property
    def widget(self) -> Any:
        """The live anywidget; the entries of `state` are its traits: read them, or set them to move the view."""
        return _live(self)

    @property
    def html(self) -> str:
        """The static view: a piece of HTML that works without a kernel and asks no host for anything."""
        payload = json.dumps({"data": self.data, **self.state}, separators=(",", ":")).replace("<", "\\u003c")
        key = hashlib.sha256((self.module + payload).encode()).hexdigest()[:12]
        code = script(self.module) + source("host.js").replace("KEY", key)
        return (
            f'<div class="accelsim-view {self.module}" data-accelsim="{key}">\n<style>{style(self.module)}</style>\n'
            f'<div class="stage">{self.figure}</div>\n'
            f'<script type="application/json">{payload}</script>\n<script type="module">{code}</script>\n</div>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        if static():
            return {"text/html": self.html, "text/plain": self.text} | self._printed()
        bundle, metadata = self.widget._repr_mimebundle_(include=include, exclude=exclude)
        return {**bundle, "text/plain": self.text}, metadata

    def _printed(self) -> dict[str, str]:
        """The picture, while a book is built on a machine that can draw it."""
        drawn = self.picture() if self.picture and built() and importlib.util.find_spec("matplotlib") else None
        return {"image/png": base64.b64encode(drawn).decode()} if drawn else {}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def static() -> bool:
    """Whether views are shown static: `ACCELSIM_STATIC` is set to something other than 0, or there is no anywidget."""
    return built() or importlib.util.find_spec("anywidget") is None


def built() -> bool:
    """Whether a page for readers without a kernel is being made: `ACCELSIM_STATIC` is set, and not to 0."""
    return os.environ.get("ACCELSIM_STATIC", "0") not in ("", "0")


def source(name: str) -> str:
    """The text of a file of this package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def script(module: str) -> str:
    """What all views share, and then what this one does with it: one ES module."""
    return source("kit.js") + source(f"{module}.js")


def style(module: str) -> str:
    """What all views share, and then what this one adds; its rules begin with `.accelsim-view.<module>`."""
    return source("host.css") + source(f"{module}.css")


def _live(view: View) -> Any:
    import anywidget
    import traitlets

    traits = {name: traitlets.Any(value).tag(sync=True) for name, value in view.state.items()}
    body = {"_esm": script(view.module), "_css": style(view.module), "data": traitlets.Dict().tag(sync=True)}
    live = type("LiveView", (anywidget.AnyWidget,), body | traits)(data=view.data)
    if replies := view.replies:
        live.observe(lambda change: live.set_trait("answer", replies(change["new"])), "asked")
    return live
