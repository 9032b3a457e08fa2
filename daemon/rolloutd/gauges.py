"""What Prometheus is told about the daemon and its live rollouts, a snapshot a second; it decides nothing.

Whoever scrapes reads the last snapshot, so a slow reader delays nobody. Only live rollouts have series: ended ones are
in the journal, and a monitoring system must not grow with the past.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from rolloutd.core.lane import Lane
from rolloutd.core.phases import LIVE, Phase

TEXTFILE_EVERY_BEATS = 10
log = logging.getLogger("rolloutd.gauges")
_WAITS_FOR_PEOPLE = frozenset({Phase.HELD, Phase.ASKING})


@dataclass(frozen=True, slots=True)
class Pulse:
    """The daemon at one beat: the wall clock, whether it may raise or broke, the journal's last event and proof."""

    wall_ms: int
    version: str
    may_raise: bool
    broken: bool
    head_seq: int
    verified_wall_ms: int | None


@dataclass(frozen=True, slots=True)
class ToldMetrics:
    """Where metrics go beside the view socket: a port of the loopback (0: none), a textfile (empty: none)."""

    port: int = 0
    file: str = ""


NO_METRICS = ToldMetrics()


class Gauges(Collector):
    """The series of the last snapshot, documented one by one in docs/monitoring.md. ``file`` is the textfile."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.file = ""
        self._families: tuple[GaugeMetricFamily, ...] = ()
        self._registry = registry
        self._beats = 0
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See ``Collector.collect``."""
        yield from self._families

    async def beat(self, pulse: Pulse, lanes: Mapping[str, Lane]) -> None:
        """Take a new snapshot; every few beats write the whole registry for node_exporter's textfile collector."""
        self._families = (*_of_daemon(pulse, len(lanes)), *_of_rollouts(lanes.values()))
        self._beats += 1
        if not self.file or self._beats % TEXTFILE_EVERY_BEATS != 1:
            return
        try:
            await asyncio.to_thread(write_to_textfile, self.file, self._registry)
        except OSError as error:  # I16: who cannot be told is no reason to stop; the dead-man alert says it
            log.warning("the metrics file was not written", extra={"error": str(error)})


def _of_daemon(pulse: Pulse, live: int) -> Iterator[GaugeMetricFamily]:
    info = GaugeMetricFamily("rolloutd_info", "1, with the daemon's version.", labels=["version"])
    info.add_metric([pulse.version], 1)
    yield info
    for name, text, value in (
        ("beat_timestamp_seconds", "When the loop that decides last turned.", pulse.wall_ms / 1000),
        (
            "may_raise",
            "1 while shares may go up; 0 while the journal is unverified or damaged.",
            float(pulse.may_raise),
        ),
        ("broken", "1 after an invariant broke: nothing goes up until a restart.", float(pulse.broken)),
        ("journal_events", "The number of the journal's last event.", pulse.head_seq),
        ("live_rollouts", "Rollouts that have not ended.", live),
    ):
        yield GaugeMetricFamily(f"rolloutd_{name}", text, value)
    if pulse.verified_wall_ms is not None:
        text = "When the journal's whole chain was last proved."
        yield GaugeMetricFamily("rolloutd_journal_verified_timestamp_seconds", text, pulse.verified_wall_ms / 1000)


def _of_rollouts(lanes: Iterable[Lane]) -> tuple[GaugeMetricFamily, ...]:
    share = GaugeMetricFamily(
        "rolloutd_share_ratio", "The challenger's share of traffic.", labels=["rollout", "route", "which"]
    )
    phase = GaugeMetricFamily(
        "rolloutd_phase", "1 for the rollout's phase, 0 for the others.", labels=["rollout", "phase"]
    )
    waits = GaugeMetricFamily("rolloutd_needs_person", "1 while the rollout is held or asks.", labels=["rollout"])
    deaf = GaugeMetricFamily(
        "rolloutd_router_disobeys", "1 while the router does not do what was asked.", labels=["rollout"]
    )
    drift = GaugeMetricFamily("rolloutd_drift", "1 while somebody's hand has raised the share.", labels=["rollout"])
    blind = GaugeMetricFamily("rolloutd_blind_gates", "Gates without usable data.", labels=["rollout"])
    for lane in lanes:
        one, traffic = lane.rollout, lane.rollout.traffic
        share.add_metric([one.name, one.spec.route, "wanted"], traffic.wanted.fraction)
        share.add_metric([one.name, one.spec.route, "confirmed"], traffic.confirmed.fraction)
        for each in sorted(LIVE):
            phase.add_metric([one.name, each.value], float(each is one.phase))
        waits.add_metric([one.name], float(one.phase in _WAITS_FOR_PEOPLE))
        deaf.add_metric([one.name], float(traffic.not_obeyed))
        drift.add_metric([one.name], float(traffic.drift is not None))
        blind.add_metric([one.name], len(one.blind))
    return share, phase, waits, deaf, drift, blind
