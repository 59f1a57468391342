"""A real headless Chromium for tests, with the outside world closed.

    from tests.browser import page, serve, violations

    with page() as tab, serve(folder) as url:      # tab is a Playwright `Page`
        tab.goto(url + "/index.html")
        assert violations(tab) == []

`page` fails the test when anything it showed asked for an address other than this machine, or when a script threw.
Chromium reaches the outside only through a proxy that is not there, so nothing gets out, its own housekeeping
included; what the page asks for is noted from its requests, its web sockets and its preconnect links.
"""

from __future__ import annotations

import functools
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = "/usr/bin/chromium"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
HERE = {"localhost", "127.0.0.1"}
NOWHERE: Any = {"server": "http://127.0.0.1:9", "bypass": "localhost,127.0.0.1"}  # port 9, discard: nobody listens
SETTLED = """document.getAnimations().forEach(animation => {
    if (Number.isFinite(animation.effect.getComputedTiming().endTime)) animation.finish();
})"""
PRECONNECTS = "[...document.querySelectorAll('link[rel~=preconnect], link[rel~=dns-prefetch]')].map(link => link.href)"


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium for several pages: `page(browser=...)`. Skips where it is missing, fails if CI=true."""
    need(Path(CHROMIUM).exists(), f"{CHROMIUM} is not installed: the browser tests need it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS, proxy=NOWHERE)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page(
    *,
    width: int = 1000,
    height: int = 800,
    pageerrors: bool = False,
    browser: Any = None,
    beyond: str = "",
    **context: Any,
) -> Iterator[Any]:
    """A Playwright `Page` with nothing remembered, in a Chromium with the network closed to all but this machine.

    The Chromium is started for this page unless `browser` hands one over (one a module saves a second a test).
    `context` goes to Playwright's `new_context` (`reduced_motion="reduce"`, `java_script_enabled=False`, ...).
    On leaving, the test fails if anything outside was asked for, and, unless `pageerrors` says that this is
    somebody else's page, if a script of the page threw. What starts with `beyond` may be asked for, in vain.
    Skips where Chromium is missing; fails instead if CI=true.
    """
    asked: list[str] = []
    thrown: list[str] = []
    with nullcontext(browser) if browser else chromium() as opened:
        tab = opened.new_context(viewport={"width": width, "height": height}, **context).new_page()
        tab.context.on("request", lambda request: asked.extend(_outside(request.url)))
        tab.context.on("weberror", lambda error: thrown.append(str(error.error)))
        tab.on("websocket", lambda socket: asked.extend(_outside(socket.url)))
        try:
            yield tab
            asked += [url for href in tab.evaluate(PRECONNECTS) for url in _outside(href)]
        finally:
            tab.context.close()
    asked = [url for url in asked if not beyond or not url.startswith(beyond)]
    assert asked == [], f"asked for addresses outside this machine: {asked}"
    assert pageerrors or thrown == [], f"scripts of the page threw: {thrown}"


def need(present: bool, reason: str) -> None:
    """Skip the test with a reason when something is missing; on CI that is a failure."""
    if not present and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if not present:
        pytest.skip(reason)


def violations(tab: Any, include: str | None = None) -> list[str]:
    """What axe-core holds against the page (or the part that the selector `include` names): one line per fault.

    Animations that come to an end are brought there first: half faded in, the best text has too little contrast.
    """
    from axe_playwright_python.sync_playwright import Axe

    tab.evaluate(SETTLED)
    found = Axe().run(tab, context=include).response["violations"]
    return [f"{rule['id']}: {rule['help']}: {node['html']}" for rule in found for node in rule["nodes"]]


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of localhost; gives the address without a closing slash."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def jupyterlab(folder: Path, *, seconds: float = 60) -> Iterator[str]:
    """A real JupyterLab over a folder, on a free port of localhost, without token; gives its address.

    Settings, workspaces and runtime files go to a hidden folder inside `folder`, none to your home.
    """
    home, port = folder / ".jupyter-home", free_port()
    places = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    options = [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--no-browser"]
    root = ["--allow-root", f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"]
    no_news = home / "config/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    no_news.parent.mkdir(parents=True, exist_ok=True)
    no_news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, *root],
            env=os.environ | places | {"IPYTHONDIR": str(home / "ipython")},
            stdout=log,
            stderr=log,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            assert _answers(url + "/api", seconds), f"JupyterLab did not answer:\n{(home / 'log').read_text()[-2000:]}"
            yield url
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    """A port that nobody listens to just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _outside(url: str) -> list[str]:
    parts = urlsplit(url)
    return [url] if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in HERE else []


def _answers(url: str, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass
