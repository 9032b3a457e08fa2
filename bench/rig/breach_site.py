"""One route under load on a real HAProxy, servers that can be made to fail, and a daemon with a past to start from."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.demo.servers import Backends
from bench.rig import figures
from bench.rig.past import write_evidence, write_live
from bench.rig.runtime_socket import RuntimeSocket
from bench.rig.site import head, instance_of, settings_of
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.values import Slot
from rolloutd.settings.spec_file import read_spec
from tests.e2e.house import House
from tests.engines.haproxy import HAProxy
from tests.engines.servers import ModelServer

ROUTE, CHAMPION_ARM, CHALLENGER_ARM = "ranker", "ranker-a", "ranker-b"
ERRORS, RPS, SHARE_BP = 0.001, 1_000.0, 100
_LOOK_S = 0.001
_ZERO_WITHIN_S = 20.0
_CONFIG = """
[routes.ranker]
router = "edge"
[routes.ranker.slots.a]
arm = "ranker-a"
probe_url = "{a}/version"
[routes.ranker.slots.b]
arm = "ranker-b"
probe_url = "{b}/version"
[sources.proxy]
kind = "scrape"
every = "{every_ms}ms"
targets = [{{ url = "{metrics}?scope=backend" }}]
[metrics.errors]
template = "haproxy.errors"
source = "proxy"
"""
SPEC = """
[rollout]
name = "ranker-v2"
model = "ranker"
champion = "v1"
challenger = "v2"
route = "ranker"
reason = "a bench"
[[gate]]
metric = "errors"
"""
"""The standard strategy, and margins, alpha and beta as shipped; no absolute limit helps."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One breach: when the share was gone, when the verdict was recorded, and the challenger requests that failed."""

    zero_s: float
    verdict_s: float
    failed: int


class BreachSite:
    """HAProxy, servers and load, all running; the daemon is started for each trial."""

    def __init__(self, place: Path, every_ms: int) -> None:
        self.place = place
        self._servers = {
            Slot.A: ModelServer(CHAMPION_ARM, "v1", ERRORS),
            Slot.B: ModelServer(CHALLENGER_ARM, "v2", ERRORS),
        }
        self.proxy = HAProxy(place, {ROUTE: self._servers})
        urls = {"a": self._servers[Slot.A].url, "b": self._servers[Slot.B].url}
        config = _CONFIG.format(every_ms=every_ms, metrics=self.proxy.metrics_url, **urls)
        self.house = House(place, head(place, self.proxy, tick="1s", min_ticks=30) + config)
        self.spec = read_spec(SPEC, "bench", settings_of(self.house))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Everything but the daemon, for the length of a block."""
        self._backends = Backends(self.place, os.getpgrp(), self._servers.values())
        load = None
        try:
            with self.proxy:
                port = str(self.proxy.ports[ROUTE])
                command = [sys.executable, "-m", "bench.demo.load", port, str(RPS), "/predict"]
                load = subprocess.Popen(command, stdin=subprocess.PIPE)
                yield
        finally:
            self.house.stop()
            if load is not None:
                load.kill()
                load.wait()
            self._backends.stop()

    async def begin(self, evidence: GateEvidence) -> None:
        """Start a daemon on a rollout whose first stage has stood for a minute and whose gate has seen this."""
        self.house.stop()
        shutil.rmtree(self.place / "state", ignore_errors=True)
        self._backends.switch(CHALLENGER_ARM, failure_rate=ERRORS)
        with RuntimeSocket(self.proxy.socket) as hand:
            hand.set_share(f"{ROUTE}/b", SHARE_BP)
        instance = await instance_of(self.proxy, ROUTE)
        await write_live(self.place / "state", [self.spec], instance, ago_ms=60_000)
        await write_evidence(self.place / "state", self.spec.name, {evidence.metric: evidence})
        self.house.start()
        if not figures.wait_for(self._sees, 20.0):
            raise RuntimeError(f"the gate does not see: {self.house.program.log()[-2000:]}")

    def breach(self) -> Trial:
        """From now on every challenger request fails; wait until the router shows zero."""
        with RuntimeSocket(self.proxy.socket) as eye:
            _, before = eye.responses(CHALLENGER_ARM)
            moment = self._backends.switch(CHALLENGER_ARM, failure_rate=1.0)
            gone_s = eye.zero_s(f"{ROUTE}/b", _ZERO_WITHIN_S, _LOOK_S)
            if gone_s is None:
                raise RuntimeError(f"the share stays: {self._asked()}")
            time.sleep(0.2)  # requests under way end
            _, after = eye.responses(CHALLENGER_ARM)
        ended = figures.wait_for(lambda: self._asked()["phase"] == "rolled_back", 5.0)
        entries = self._asked("timeline")["entries"]
        if not ended:
            raise RuntimeError(f"the share is gone for another reason: {entries[-5:]}")
        verdict = next(entry["at"] for entry in entries if entry["kind"] == "VerdictReached")
        verdict_s = datetime.fromisoformat(verdict).timestamp() - moment.unix_s
        return Trial(gone_s - moment.monotonic_s, verdict_s, after - before)

    def _asked(self, *words: str) -> dict[str, Any]:
        return self.house.client.get("rollouts", self.spec.name, *words)

    def _sees(self) -> bool:
        """Whether fresh data came in since the start of the daemon."""
        gates = self._asked()["gates"]
        return bool(gates) and all(gate["data_age_s"] is not None and gate["state"] != "blind" for gate in gates)
