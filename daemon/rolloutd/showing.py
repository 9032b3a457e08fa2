"""Shows rollouts: every picture the sockets give out, drawn from the loop's lanes and the record; changes nothing.

A name is a rollout's exact name or its model's name, which means that model's newest rollout.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict

from rolloutd import story, view, wire
from rolloutd.about import AboutDaemon
from rolloutd.bands import Bands
from rolloutd.core import events as ev
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.evidence_store import HISTORY_TICKS
from rolloutd.fleet import matches, most_urgent_first
from rolloutd.holding import FleetHolding
from rolloutd.journal import Journal
from rolloutd.keeper import EvidenceKeeper
from rolloutd.loop import Loop
from rolloutd.measures import stats_of
from rolloutd.nist import Case, evidence_of
from rolloutd.past import course, past, plan_of
from rolloutd.pictures import Past, Plan, Series
from rolloutd.ports import Clock
from rolloutd.recording import recording_of
from rolloutd.reporting import report_of
from rolloutd.wire_plan import Recording
from rolloutd.wire_proposals import Proposed
from rolloutd.wire_report import Evidence, Report, Stats
from rolloutd.wording import rfc3339, why_lines

LAST_LINES = 8
REPORT_POINTS, STATS_READ = 240, 300


class Showing:
    """The reading half of service.Service. ``changed`` and ``recorded`` are told by the loop."""

    def __init__(
        self,
        *,
        loop: Loop,
        journal: Journal,
        keeper: EvidenceKeeper,
        clock: Clock,
        about: AboutDaemon,
        holding: FleetHolding,
    ) -> None:
        self._loop = loop
        self._journal = journal
        self._keeper = keeper
        self._clock = clock
        self._about = about
        self.holding = holding
        self._pictures: dict[str, tuple[int, int, wire.Status]] = {}
        self._rows: dict[str, wire.FleetRow] = {}
        self._bands = Bands(1 - view.CONFIDENCE)
        self._last: dict[str, deque[wire.TimelineEntry]] = {}

    def changed(self, name: str) -> None:
        """The loop says that a rollout looks different."""
        self._rows.pop(name, None)

    def recorded(self, rows: Iterable[ev.Recorded]) -> None:
        """The loop says what was recorded, for the last lines of each picture."""
        for row in rows:
            if not isinstance(row.event, ev.EvidenceSealed):
                self._last.setdefault(row.stream, deque(maxlen=LAST_LINES)).append(story.entry(row))

    def _find(self, name: str) -> Rollout | None:
        """The rollout of that name, or the model's newest one."""
        lane = self._loop.lanes.get(name)
        if lane is not None:
            return lane.rollout
        if name in self._loop.ended:
            return self._loop.ended[name]
        of_model = [r for r in self._all() if r.spec.model == name]
        return max(of_model, key=lambda r: (r.live, r.requested_at.clock_ms), default=None)

    def _all(self) -> list[Rollout]:
        return [lane.rollout for lane in self._loop.lanes.values()] + list(self._loop.ended.values())

    def traffic(self, name: str) -> str:
        """One sentence on where this rollout's traffic is."""
        rollout = self._find(name)
        if rollout is None:
            return "Traffic is unchanged."
        if rollout.phase is Phase.DONE:
            return f"{rollout.spec.challenger} serves all traffic."
        return f"{rollout.traffic.confirmed} is on {rollout.spec.challenger}, the rest on {rollout.spec.champion}."

    def status(self, name: str) -> wire.Status | None:
        """One rollout now. A picture is drawn at most once a revision and 250 ms."""
        rollout = self._find(name)
        if rollout is None:
            return None
        now = self._clock.now()
        kept = self._pictures.get(rollout.name)
        if kept is not None and kept[0] == rollout.version and now.clock_ms - kept[1] < 250:
            return kept[2]
        drawn = self._draw(rollout)
        self._pictures[rollout.name] = (rollout.version, now.clock_ms, drawn)
        return drawn

    def _draw(self, rollout: Rollout, *, ranges: bool = True) -> wire.Status:
        now, last = self._clock.now(), list(self._last.get(rollout.name, ()))
        lane = self._loop.lanes.get(rollout.name)
        if lane is None:
            return view.ended_status(rollout, now, view.Frame(last))
        engine, by_hand = self._about.router_of(rollout.spec.route, rollout.challenger_slot)
        return view.status(lane, now, view.Frame(last, engine, by_hand, ranges, self._about.breach(lane)))

    def row(self, name: str) -> wire.FleetRow | None:
        """One line of the fleet, drawn anew only when the rollout changed."""
        rollout = self._find(name)
        if rollout is None:
            return None
        kept = self._rows.get(rollout.name)
        if kept is None:
            kept = self._rows[rollout.name] = view.row(self._draw(rollout, ranges=False))
        return kept

    def fleet(self, filter_text: str, limit: int) -> wire.Fleet:
        """The rollouts that match, most urgent first."""
        rows = [row for rollout in self._all() if (row := self.row(rollout.name)) is not None]
        chosen = most_urgent_first([row for row in rows if matches(row, filter_text)])
        return wire.Fleet(
            as_of=rfc3339(self._clock.now().wall_ms),
            rollouts=chosen[:limit],
            total=len(rows),
            needs_you=sum(row.needs_you for row in rows),
            hold=bool(self.holding.holds),
            held=self._held(),
            proposals=self._proposals(filter_text),
        )

    def _proposals(self, filter_text: str) -> list[Proposed]:
        """What waits for a person's yes, the oldest first."""
        return [
            Proposed(**asdict(one.says), at=rfc3339(one.at.wall_ms), revision=one.revision)
            for one in self.holding.proposals.open
            if filter_text.lower() in f"{one.name} {one.says.model} {one.says.route}"
        ]

    def _held(self) -> wire.FleetHold | None:
        """The freeze of the fleet, for people."""
        holds = self.holding.holds
        if not holds:
            return None
        first = holds[0]
        return wire.FleetHold(
            by=first.by.name, reason=first.reason, at=rfc3339(first.at.wall_ms), others=len(holds) - 1
        )

    def why(self, name: str) -> wire.Why | None:
        """The decision in words."""
        rollout, picture = self._find(name), self.status(name)
        if rollout is None or picture is None:
            return None
        lane = self._loop.lanes.get(rollout.name)
        ended = [f"It has ended: {rollout.end.reason if rollout.end else ''}."]
        lines = ended if lane is None else why_lines(lane, self._clock.now())
        return wire.Why(
            name=rollout.name, revision=rollout.version, state=picture.state, lines=lines, next=picture.next
        )

    async def timeline(self, name: str, since_seq: int) -> wire.Timeline | None:
        """The record of one rollout."""
        rollout = self._find(name)
        if rollout is None:
            return None
        rows = await self._journal.load(rollout.name)
        entries = [story.entry(row) for row in rows if row.seq > since_seq]
        return wire.Timeline(name=rollout.name, revision=rollout.version, entries=entries)

    async def series(self, name: str, metric: str, last_s: float, points: int) -> Series | None:
        """The course of one metric from the stored ticks."""
        rollout = self._find(name)
        gate = next((one for one in rollout.spec.plan.gates if one.metric == metric), None) if rollout else None
        if rollout is None or gate is None:
            return None
        since_ms = self._clock.now().clock_ms - int(last_s * 1000) if last_s > 0 else 0
        history = await self._keeper.history(rollout.name, metric, HISTORY_TICKS)
        ticks = [tick for tick in history if tick.at.clock_ms >= since_ms]
        paired = gate.template.kind.of_pairs  # the range is of two separate samples
        bands = {} if paired else await self._bands.of(rollout.name, metric, ticks)
        return course(rollout.name, metric, ticks, points, bands)

    def plan(self, name: str) -> Plan | None:
        """What was agreed to before the start."""
        rollout = self._find(name)
        return None if rollout is None else plan_of(rollout, self._about.lease_ms(rollout.spec.route))

    async def past(self, name: str, seq: int) -> Past | None:
        """The rollout as it was after this event of its record."""
        rollout = self._find(name)
        return None if rollout is None else past(await self._journal.load(rollout.name), seq)

    async def report(self, name: str) -> Report | None:
        """One page about a rollout, with the course of each of its metrics."""
        rollout = self._find(name)
        return None if rollout is None else await self._report(rollout, await self._journal.load(rollout.name))

    async def evidence(self, name: str) -> Evidence | None:
        """What the record evidences of the one framework that is built."""
        rollout = self._find(name)
        if rollout is None:
            return None
        history = await self._journal.load(rollout.name)
        report = await self._report(rollout, history)
        return evidence_of(Case(rollout, tuple(history), report, self._about.audit()))

    async def _report(self, rollout: Rollout, history: list[ev.Recorded]) -> Report:
        lane = self._loop.lanes.get(rollout.name)
        evidence = lane.evidence if lane is not None else await self._keeper.load(rollout.name)
        series = []
        for gate in rollout.spec.plan.gates:
            ticks = await self._keeper.history(rollout.name, gate.metric, HISTORY_TICKS)
            series.append(course(rollout.name, gate.metric, ticks, REPORT_POINTS))
        return report_of(rollout, history, evidence, series, self._clock.now())

    async def stats(self, since_s: float) -> Stats:
        """The success measures of the rollouts of so many seconds; evidence is read of the newest."""
        now = self._clock.now()
        since_ms = now.wall_ms - int(since_s * 1000)
        chosen = [one for one in self._all() if one.requested_at.wall_ms >= since_ms]
        newest = sorted(chosen, key=lambda one: one.requested_at.clock_ms)[-STATS_READ:]
        known = {one.name: await self._keeper.load(one.name) for one in newest}
        return stats_of(chosen, known, since_ms, now)

    async def recording(self, name: str) -> Recording | None:
        """What is kept of this rollout's ticks, with its plan."""
        rollout = self._find(name)
        return None if rollout is None else await recording_of(rollout, self._keeper)
