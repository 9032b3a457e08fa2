"""Daemons that start fast, to be killed often: a fork server that has the heavy libraries loaded. It knows no test.

Only libraries are preloaded; everything of rolloutd is imported in the child, so that its crash points arm themselves
from the child's own environment, exactly as in a process that was started by hand.
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

HEAVY = [
    "apscheduler.schedulers.asyncio",
    "click",
    "httptools",
    "httpx",
    "numpy",
    "prometheus_api_client",
    "prometheus_client.parser",
    "pydantic",
    "scipy.special",
    "sqlite_utils",
    "starlette.applications",
    "uvicorn",
]
STOP_WITHIN_S = 10.0


def _serve(config: str, log: str, environment: dict[str, str]) -> None:
    """The child: its own environment and output, then the real entry point."""
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from rolloutd.main import main

    sys.exit(main(["--config", config]))


class Zygote:
    """Starts daemons on one configuration. ``alive`` is the present one."""

    def __init__(self, config: Path, log: Path) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(HEAVY)
        self._config, self._log = config, log
        self.alive: BaseProcess | None = None

    def start(self, answers: Callable[[], bool], **environment: str) -> bool:
        """Start a daemon; False when it died before it answered (a crash point in its start)."""
        process = self._context.Process(target=_serve, args=(str(self._config), str(self._log), environment))
        process.start()
        self.alive = process
        wait_until(lambda: not process.is_alive() or answers(), "the daemon to answer or to die")
        return process.is_alive()

    def died(self, within_s: float) -> bool:
        """Wait for the present daemon to die by itself; True when it did."""
        assert self.alive is not None
        self.alive.join(within_s)
        return not self.alive.is_alive()

    def kill(self) -> None:
        """SIGKILL the present daemon."""
        if self.alive is not None:
            self.alive.kill()
            self.alive.join(STOP_WITHIN_S)

    def stop(self) -> None:
        """End the present daemon, politely if it lets itself."""
        if self.alive is not None and self.alive.is_alive():
            self.alive.terminate()
            self.alive.join(STOP_WITHIN_S)
            self.kill()
