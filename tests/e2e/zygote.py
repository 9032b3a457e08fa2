"""Daemons that start fast, to be killed often: a fork server that has the heavy modules loaded. It knows no test.

What is preloaded knows no crash points. Those modules are imported in the child, so that its crash points arm
themselves from the child's own environment, exactly as in a process that was started by hand.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.engines.processes import wait_until

PRELOADED = [
    "apscheduler.schedulers.asyncio",
    "rollout_adapters.metrics.scrape",
    "rollout_adapters.metrics.templates",
    "rollout_adapters.registry",
    "rollout_adapters.traffic.envoy",
    "rollout_adapters.traffic.haproxy",
    "rollout_adapters.traffic.prober",
    "rolloutd.server",
    "rolloutd.settings.load",
    "rolloutd.settings.spec_file",
    "rolloutd.sockets",
    "rolloutd.view",
    "sqlite_utils",
]
STOP_WITHIN_S = 10.0


def _serve(config: str, log: str, environment: dict[str, str]) -> None:
    """The child: its own environment and output, then the real entry point."""
    if "rolloutd.crashpoints" in sys.modules:
        raise RuntimeError("a preloaded module imports the crash points, so they cannot be armed any more")
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from rolloutd.main import main

    sys.exit(main(["--config", config]))


class Zygote:
    """Starts daemons on one configuration. ``alive`` says whether the present one lives."""

    def __init__(self, config: Path, log: Path) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._config, self._log = config, log
        self._process: BaseProcess | None = None

    @property
    def alive(self) -> bool:
        """Whether the present daemon lives."""
        return self._process is not None and self._process.is_alive()

    def start(self, answers: Callable[[], bool], **environment: str) -> bool:
        """Start a daemon; False when it died before it answered (a crash point in its start)."""
        process = self._context.Process(target=_serve, args=(str(self._config), str(self._log), environment))
        process.start()
        self._process = process
        wait_until(lambda: not process.is_alive() or answers(), "the daemon to answer or to die")
        return process.is_alive()

    def died(self, within_s: float) -> bool:
        """Wait for the present daemon to die by itself; True when it did."""
        if self._process is not None:
            self._process.join(within_s)
        return not self.alive

    def kill(self) -> None:
        """SIGKILL the present daemon."""
        if self._process is not None:
            self._process.kill()
            self._process.join(STOP_WITHIN_S)

    def terminate(self) -> None:
        """Ask the present daemon to end."""
        if self._process is not None:
            self._process.terminate()
