"""The reference: docstrings as Sphinx reads them, and links between a page and the simulator's names that it calls."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import accelsim

BOOK = Path(__file__).resolve().parents[1]
MARK = "% called in"  # a page of the reference has this line where the pages that call it are to be named
BOX = ":::{admonition} In the reference\n:class: seealso"
_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)
_EVAL = re.compile(r"\{eval\}`([^`]+)`")
_CODE = re.compile(r"`+([^`]+)`+(?=(\w?))|\|")
_NAME = re.compile(r"[A-Za-z_][\w.]*(?:\(\))?")
_LISTED = re.compile(r"^([a-z_]\w*(?:, [a-z_]\w*)*): ")


def setup(app: Any) -> dict[str, bool]:
    """Docstrings are plain text with backticks; each public name is described once, where it is imported from."""
    app.connect("autodoc-process-docstring", docstring)
    app.connect("autodoc-skip-member", described_elsewhere)
    app.connect("source-read", links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# Docstrings


def docstring(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Change the lines in place, as Sphinx wants it."""
    lines[:] = as_rst(lines)


def as_rst(lines: list[str]) -> list[str]:
    """Indented blocks become literal, runs of `name: meaning` lists, bars plain; the rest stays.

    >>> as_rst(["A nest:", "", "    DRAM: M6 | spad: S3", "", "clock: cycles", "  a second"])[2:]
    ['.. code-block:: text', '', '    DRAM: M6 | spad: S3', '', '- **clock**: cycles', '  a second']
    """
    done: list[str] = []
    for at, block in enumerate(re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))):
        done += [*_block(block.split("\n"), first=at == 0), ""]
    return done[:-1]


def _block(lines: list[str], first: bool) -> list[str]:
    if lines[0].startswith(">>>"):
        return lines
    if all(line.startswith("    ") for line in lines):
        return [".. code-block:: text", "", *lines]
    if not first and _LISTED.match(lines[0]):
        return [_LISTED.sub(r"- **\1**: ", line) if _LISTED.match(line) else f"  {line.strip()}" for line in lines]
    return _CODE.sub(_code, "\n".join(lines)).split("\n")


def _code(found: re.Match[str]) -> str:
    """A bar as such; a name in backticks, which may become a link; more than a name as literal text."""
    if not found[1]:
        return r"\|"
    return (f"`{found[1]}`" if _NAME.fullmatch(found[1]) else f"``{found[1]}``") + ("\\ " if found[2] else "")


def described_elsewhere(app: Any, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Skip in its own module what `accelsim` itself hands out."""
    here = app.env.temp_data.get("autodoc:module")
    return True if what == "module" and here != "accelsim" and name in accelsim.__all__ and _is(name, value) else None


def _is(name: str, value: Any) -> bool:
    return getattr(accelsim, name) is value


# Links both ways


def links(app: Any, docname: str, source: list[str]) -> None:
    """Below a page, the names that it calls; on a page of the reference, the pages that call its names."""
    text = source[0]
    called = [] if docname.startswith("api") else uses(text)
    if called:
        source[0] = f"{text}\n\n{BOX}\nCalled on this page: {roles(called)}.\n:::\n"
    elif MARK in text:
        source[0] = text.replace(MARK, callers(re.findall(r"automodule:: ([\w.]+)", text)))


def callers(modules: list[str]) -> str:
    """A list of the pages that call names of these modules, with the names."""
    lines = []
    for page in sorted(BOOK.glob("*.md")):
        mine = [name for name in uses(page.read_text(encoding="utf-8")) if name.rpartition(".")[0] in modules]
        if mine:
            lines.append(f"- [](/{page.name}): {roles(mine)}")
    return "\n".join(["Called in", "", *lines]) if lines else "No page of the book calls these yet."


def roles(names: list[str]) -> str:
    """The names as links to where the reference describes them."""
    return ", ".join(f"{{py:obj}}`{name.removeprefix('accelsim.')} <{name}>`" for name in names)


def uses(text: str) -> list[str]:
    """The simulator's functions and classes that the code of a page names, as the reference names them.

    >>> uses("```{code-cell} python\\nfrom accelsim import conv, catalog\\ncatalog.alexnet()\\n```\\n{eval}`conv('c')`")
    ['accelsim.catalog.alexnet', 'accelsim.conv']
    """
    nodes = [node for code in (*_CELL.findall(text), *_EVAL.findall(text)) for node in _nodes(code)]
    known = {local: dotted for node in nodes for local, dotted in _imported(node)}
    chains = {_dotted(node, known) for node in nodes if isinstance(node, ast.Name | ast.Attribute)}
    return sorted({name for chain in chains if chain for name in [_public(chain)] if name})


def _nodes(code: str) -> list[ast.AST]:
    try:
        return list(ast.walk(ast.parse(code)))
    except SyntaxError:  # a page that only talks about code; in code that runs, running says so
        return []


def _imported(node: ast.AST) -> list[tuple[str, str]]:
    if isinstance(node, ast.Import):
        return [(item.asname, item.name) if item.asname else (item.name.split(".")[0],) * 2 for item in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(item.asname or item.name, f"{node.module}.{item.name}") for item in node.names]
    return []


def _dotted(node: ast.AST, known: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.Attribute):
        return (base := _dotted(node.value, known)) and f"{base}.{node.attr}"
    return ""


def _public(dotted: str) -> str:
    """The name under which the reference describes a function or class, or nothing."""
    module, _, name = dotted.rpartition(".")
    if not dotted.startswith("accelsim."):
        return ""
    try:
        value = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return ""
    if isinstance(value, ModuleType) or not callable(value):
        return ""
    if name in accelsim.__all__ and _is(name, value):
        return f"accelsim.{name}"
    handed_out = name in getattr(importlib.import_module(module), "__all__", ())
    return dotted if handed_out else f"{value.__module__}.{name}"
