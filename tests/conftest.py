"""House rules for every test: a real component that is absent is listed at the end, and fails the run where CI=true."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Generator

import hypothesis
import pytest

from tests.programs import SKIP_PREFIX

_SKIPPED = "Skipped: "

# A run that a shell began in the background ignores Ctrl-C, and so would all that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test depends on a quiet machine: an example may take as long as it takes.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


def _missing_component(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """The program whose absence skipped this test, or None when it was not skipped for that."""
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return None
    reason = report.longrepr[2].removeprefix(_SKIPPED)
    return reason.removeprefix(SKIP_PREFIX) if reason.startswith(SKIP_PREFIX) else None


def _fail_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    program = _missing_component(report)
    if program is not None and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{program} is not installed, and CI=true: a real component may not be skipped here."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skip for an absent component into a failure where CI=true."""
    report = yield
    _fail_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself while it is collected."""
    report = yield
    _fail_in_ci(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Lists the real components whose tests did not run, so that a green run never hides them."""
    missing = Counter(filter(None, map(_missing_component, terminalreporter.stats.get("skipped", []))))
    if not missing:
        return
    terminalreporter.section("real components that were NOT tested")
    for program, tests in sorted(missing.items()):
        terminalreporter.write_line(
            f"{program}: {tests} skipped. Install it and run again to test against the real thing."
        )
