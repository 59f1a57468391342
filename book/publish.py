"""Publish the book as a site whose labs and simulator run in the reader's own browser.

    python book/publish.py HTML LABS SITE CACHE

HTML is the built book, LABS a folder of released labs, SITE what is made: the book, and below `try/` a JupyterLite
that opens the labs with nothing installed. CACHE keeps what is downloaded. npm delivers Pyodide (Python for the
browser), pip the pure-Python packages of browser.txt; both are asked only while the site is made. The site itself
serves every file it needs, with one exception: wheels of compiled code, NumPy first, exist for the browser only on
Pyodide's own host, and a lab that imports them fetches them from there when its reader is online.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

BOOK = Path(__file__).resolve().parent
ROOT = BOOK.parent
PYODIDE = "314.0.6"  # the release that the pinned jupyterlite-pyodide-kernel is made for
INTEGRITY = "BKDTJyIqFxC4BExLqeRS3f5xvXZIjOt8C3zGLN/Cc7tFxSwvKVhVkchQQ2AGLOtR4YrVOIFxbV8poyDOOmWwxQ=="
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
HOST = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/"
COMPILED = ("numpy", "matplotlib")  # what labs import from HOST, with what these need
EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "anywidget", "@jupyterlite/pyodide-kernel-extension")
KERNEL = "@jupyterlite/pyodide-kernel-extension"
SIMULATOR = "accelsim"  # the name of this project's wheel
ABSENT = "globalThis.accelsimTry = null;"  # in book/_static/try.js
PRESENT = 'globalThis.accelsimTry = new URL("../try/", document.currentScript.src).href;'
BACK = """
document.addEventListener("click", (click) => {
  const link = click.target.closest?.('a[href^="/static/html/"]');
  if (link) link.href = new URL(link.getAttribute("href").replace("/static/html/", "../../"), location.href);
}, true);
"""  # JupyterLite's notebooks are shown by try/lab/index.html
ROOM = """
if (innerWidth < 600) {
  const close = setInterval(() => {
    const shell = globalThis.jupyterapp?.shell;
    if (shell && !shell.leftCollapsed && document.querySelector(".jp-Notebook .jp-Cell")) shell.collapseLeft();
  }, 200);
  for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => clearInterval(close), true);
}
"""  # on a phone the list of files, which opens twice as it starts, leaves the notebook 62 pixels

# Read by Python when it starts in the browser: an import that needs another host fails with a reason.
EXPLAIN = f"""
import sys


class Explain:
    def find_spec(self, name, path=None, target=None):
        if name in {COMPILED!r}:
            raise ModuleNotFoundError(
                f"{{name}} has compiled code, which this site cannot serve: it comes from {HOST}, and this "
                "browser could not reach that. Go online and run the cell again. "
                "Labs that need no NumPy work without it.", name=name)


sys.meta_path.append(Explain())
"""


class PublishError(Exception):
    """What stands in the way of a site, in words for the one who makes it."""


def publish(html: Path, labs: Path, site: Path, cache: Path) -> None:
    """Make the site anew: book, Pyodide, wheels, JupyterLite with the labs."""
    core = pyodide(cache)
    wheels = cache / "wheels"
    download(wheels)
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(html, site)
    jupyterlite(labs, site / "try", cache)
    served = site / "try" / "static" / "pyodide"
    served.mkdir(parents=True, exist_ok=True)
    for name in CORE:
        shutil.copy(core / name, served)
    for wheel in (*wheels.glob("*.whl"), *(extension(KERNEL) / "static" / "pypi").glob("*.whl")):
        if not wheel.name.startswith("widgetsnbextension"):
            shutil.copy(wheel, served)
    lock, preloaded = lockfile(json.loads((core / "pyodide-lock.json").read_text()), served)
    (served / "pyodide-lock.json").write_text(json.dumps(lock))
    configure(site / "try" / "jupyter-lite.json", preloaded)
    with zipfile.ZipFile(served / "python_stdlib.zip", "a") as library:
        library.writestr("sitecustomize.py", EXPLAIN)
    tell_pages(site / "_static" / "try.js")
    add_scripts(site / "try" / "lab" / "index.html")


def tell_pages(script: Path) -> None:
    """Let the book's pages know that what runs in the browser is here, beside them."""
    text = script.read_text()
    if ABSENT not in text:
        raise PublishError(f"{script} lacks the line {ABSENT!r}, which this script replaces")
    script.write_text(text.replace(ABSENT, PRESENT))


def add_scripts(page: Path) -> None:
    """Let the labs' links to their chapters, those of `make start`, lead to this site's book; make room on a phone."""
    text = page.read_text()
    page.write_text(text.replace("</head>", f"<script>{BACK}{ROOM}</script></head>", 1))


def pyodide(cache: Path) -> Path:
    """The folder with Pyodide's core, downloaded once and checked against the digest of its release."""
    folder = cache / f"pyodide-{PYODIDE}"
    if folder.exists():
        return folder
    if not shutil.which("npm"):
        raise PublishError("the site needs npm to fetch Pyodide: install Node.js (Debian: apt install npm)")
    cache.mkdir(parents=True, exist_ok=True)
    run(["npm", "pack", f"pyodide@{PYODIDE}", "--silent"], cache)
    archive = cache / f"pyodide-{PYODIDE}.tgz"
    if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != INTEGRITY:
        archive.unlink()
        raise PublishError(f"pyodide {PYODIDE} as downloaded is not the release pinned in publish.py; run this again")
    fresh = folder.with_suffix(".part")
    with tarfile.open(archive) as packed:
        for name in (*CORE, "pyodide-lock.json"):
            member = packed.getmember(f"package/{name}")
            member.name = name
            packed.extract(member, fresh, filter="data")
    fresh.rename(folder)
    return folder


def download(wheels: Path) -> None:
    """The pinned pure-Python wheels, and this project's own, built from the working tree."""
    for old in wheels.glob(f"{SIMULATOR}-*.whl"):
        old.unlink()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    pure = ["--platform=any", "--implementation=py", "--abi=none", "--python-version=3.14", "--only-binary=:all:"]
    if not all(any(wheels.glob(f"{name}-{version}-*.whl")) for name, version in pinned()):
        shutil.rmtree(wheels, ignore_errors=True)
        run([*pip, "download", "--no-deps", "-d", str(wheels), *pure, "-r", str(BOOK / "browser.txt")], ROOT)
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(ROOT)], ROOT)


def pinned() -> list[tuple[str, str]]:
    """Names, as wheels spell them, and versions of the packages in browser.txt."""
    lines = [line for line in (BOOK / "browser.txt").read_text().splitlines() if line and not line.startswith("#")]
    return [(name.replace("-", "_"), version) for name, version in (line.split("==") for line in lines)]


def jupyterlite(labs: Path, target: Path, cache: Path) -> None:
    """An empty JupyterLite with the labs as its files, and only the extensions that the labs use."""
    lite = cache / "lite"
    shutil.rmtree(lite, ignore_errors=True)
    lite.mkdir(parents=True)
    settings: dict[str, Any] = {
        "LiteBuildConfig": {
            "apps": ["lab"],
            "contents": [str(labs)],
            "federated_extensions": [str(extension(name)) for name in EXTENSIONS],
            "ignore_sys_prefix": ["federated_extensions"],
            "no_sourcemaps": True,
            "output_dir": str(target),
        }
    }
    (lite / "jupyter_lite_config.json").write_text(json.dumps(settings))
    run([sys.executable, "-m", "jupyterlite_core.app", "build"], lite)


def extension(name: str) -> Path:
    """Where a JupyterLab extension of this environment lies."""
    return Path(sys.prefix) / "share" / "jupyter" / "labextensions" / name


def lockfile(released: dict[str, Any], served: Path) -> tuple[dict[str, Any], list[str]]:
    """Pyodide's list of packages: the wheels served here by file name, the compiled ones by their full address."""
    mine = {entry["name"]: entry for entry in map(entry_of, sorted(served.glob("*.whl")))}
    for entry in mine.values():
        entry["depends"] = [name for name in entry["depends"] if name in mine]
    theirs = closure(COMPILED, released["packages"])
    for name in theirs - set(mine):
        entry = released["packages"][name]
        mine[name] = {**entry, "file_name": HOST + entry["file_name"]}
    return {**released, "packages": mine}, sorted(set(mine) - theirs)


def entry_of(wheel: Path) -> dict[str, Any]:
    """A wheel as Pyodide's list of packages describes it."""
    with zipfile.ZipFile(wheel) as packed:
        metadata = next(name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        headers = Parser().parsestr(packed.read(metadata).decode())
        modules = {name.split("/")[0].removesuffix(".py") for name in packed.namelist() if name.endswith(".py")}
    needs = [line for line in headers.get_all("Requires-Dist", []) if "extra ==" not in line]
    return {
        "name": normal(headers["Name"]),
        "version": headers["Version"],
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": sorted(modules),
        "depends": sorted({normal(re.split(r"[^\w.-]", line)[0]) for line in needs}),
        "unvendored_tests": False,
    }


def normal(name: str) -> str:
    """A distribution's name as indexes compare it.

    >>> normal("Prompt_toolkit")
    'prompt-toolkit'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(names: tuple[str, ...], packages: dict[str, Any]) -> set[str]:
    """Packages with all that they need."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = normal(waiting.pop())
        if name not in found:
            found.add(name)
            waiting += packages[name]["depends"]
    return found


def configure(path: Path, preloaded: list[str]) -> None:
    """Point JupyterLite's kernel at the Pyodide of this site, and let it ask no package index."""
    config = json.loads(path.read_text())
    config["jupyter-config-data"]["exposeAppInBrowser"] = True  # for ROOM
    plugin = config["jupyter-config-data"].setdefault("litePluginSettings", {})
    plugin[f"{KERNEL}:kernel"] = {
        **plugin.get(f"{KERNEL}:kernel", {}),
        "pyodideUrl": "./static/pyodide/pyodide.mjs",
        "disablePyPIFallback": True,
        "loadPyodideOptions": {"lockFileURL": "./static/pyodide/pyodide-lock.json", "packages": preloaded},
    }
    path.write_text(json.dumps(config, indent=1))


def run(command: list[str], folder: Path) -> None:
    """Run a command; where it fails, say what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        shown = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
        raise PublishError(f"{' '.join(command[:4])} ... ended with status {done.returncode}:\n{shown}")


if __name__ == "__main__":
    try:
        publish(*(Path(word).resolve() for word in sys.argv[1:5]))
    except PublishError as trouble:
        sys.exit(str(trouble))
