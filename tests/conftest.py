"""What holds for every test: nothing skipped on CI, no deadline for a property test on a busy machine."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

PATIENT = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("ci", print_blob=True, **PATIENT)
hypothesis.settings.register_profile("dev", **PATIENT)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")

# A runner in the background may ignore Ctrl-C, and programs under test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def skipped(config: pytest.Config) -> list[str]:
    """On CI, the tests that were skipped, as the reporter tells them; elsewhere none, for a skip is allowed there."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None or hasattr(config, "workerinput"):
        return []
    return [report.nodeid for report in reporter.stats.get("skipped", [])]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == 0 and skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name in skipped(config):
        terminalreporter.write_line(f"SKIPPED ON CI, which counts as a failure: {name}", red=True)
