"""A small inside of the daemon in memory, with just enough rules to make every answer of the server happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from rolloutd import __version__, codec, wire, wire_daemon
from rolloutd.core.commands import Act, RefusalCode, Refused, Verb
from rolloutd.core.values import Actor, Role
from rolloutd.feed import Feed
from rolloutd.pictures import Audit, Past, Plan, Series, SeriesPoint
from rolloutd.risk_questions import Asked
from rolloutd.verbs import Risk, VerbRow
from rolloutd.wire_plan import PlanOutlook, RecordedTick, Recording
from rolloutd.wire_proposals import Proposed
from rolloutd.wire_report import Evidence, EvidenceRow, Report, Spread, Stats
from rolloutd.wire_start import Advice, Choices, MetricChoice, RouteChoice, StrategyChoice
from tests.core.playbook import a_spec
from tests.server.reports import a_report

NOW = "2026-01-02T03:13:04Z"
BOOT_ID = "boot1"
SHARES = (0.01, 0.10, 0.50, 1.00)


def picture(name: str, model: str = "", **changes: object) -> wire.Status:
    """A rollout at 10 %, running, with one gate that collects."""
    rows = [
        wire.StageRow(index=i, name=f"{share:.0%}", share=share, min_s=900, max_s=14_400, result="")
        for i, share in enumerate(SHARES)
    ]
    gate = wire.GateNow(
        metric="errors",
        kind="proportion",
        state="collecting",
        champion=0.010,
        challenger=0.012,
        delta=0.002,
        harm_evidence=0.31,
        safe_evidence=0.2,
        samples=wire.Samples(champion=9_000, challenger=1_000),
        data_age_s=4.0,
    )
    fields: dict[str, Any] = {
        "name": name,
        "model": model or name,
        "route": model or name,
        "revision": 317,
        "state": "collecting",
        "phase": "running",
        "as_of": NOW,
        "started_at": NOW,
        "started_by": "ops1",
        "age_s": wire.Age(router=2.1, metrics=8.0),
        "champion": "v41",
        "challenger": "v42",
        "strategy": "standard",
        "stage": wire.StageNow(index=1, count=4, name="10%", elapsed_s=600, min_s=900, max_s=14_400),
        "stages": rows,
        "on_new": wire.OnNew(asked=0.10, observed=0.10, confirmed=0.10, confirmed_is_asked=True),
        "gates": [gate],
        "next": wire.Next(action="wait", by="gate:errors", sentence="goes to 50% when errors pass", eta_s=240),
        "blocked_by": ["gate:errors", "min_time"],
        "held_because": None,
        "alpha": 0.01,
        "beta": 0.05,
        "tick_s": 10,
    }
    return wire.Status(**{**fields, **changes})


class FakeService:
    """Rollouts that people move by hand; the router is a flag, and the record is a list."""

    def __init__(self, *statuses: wire.Status) -> None:
        self.feed = Feed()
        self.rollouts = {status.name: status for status in statuses}
        self.router_confirms = True
        self.gates_fail = False
        self.held = ""
        self.proposals: list[Proposed] = []
        self.waits_for_person = False
        self.outlook: PlanOutlook | None = None
        self.acts: list[tuple[str, Act, str]] = []
        self.asked: list[Asked] = []
        self.starts: list[tuple[Mapping[str, object], str, bool]] = []
        self.refused: list[tuple[str, str, Actor, RefusalCode, str]] = []
        self.record: dict[str, list[wire.TimelineEntry]] = {name: [] for name in self.rollouts}
        self.never = asyncio.Event()
        self.hang = False
        self._done: dict[str, wire.ActionDone | Refused] = {}
        self._seq = 0
        for name in self.rollouts:
            self.feed.publish(name)

    def change(self, name: str, what: str = "changed", **changes: object) -> None:
        """Make a rollout look different, with one more line in its record."""
        old = self.rollouts[name]
        self.rollouts[name] = old.model_copy(update={"revision": old.revision + 1, **changes})
        self._seq += 1
        entry = wire.TimelineEntry(
            seq=self._seq, version=old.revision + 1, at=NOW, who="ops1", via="cli", kind="Changed", what=what, why=""
        )
        self.record[name].append(entry)
        self.feed.publish(name)

    def find(self, name: str) -> wire.Status | None:
        """By exact name, else the newest one of that model."""
        if name in self.rollouts:
            return self.rollouts[name]
        of_model = [status for status in self.rollouts.values() if status.model == name]
        return of_model[-1] if of_model else None

    async def start(
        self, body: Mapping[str, object], actor: Actor, command_id: str, dry_run: bool
    ) -> wire.ActionDone | Refused:
        """Accept any text that names a model."""
        self.starts.append((body, command_id, dry_run))
        if command_id in self._done and not dry_run:
            return self._done[command_id]
        text = str(body.get("spec_toml", ""))
        if 'model = "' not in text:
            message = f"{body.get('file', 'the spec')} line 1: [rollout] lacks the key model."
            return Refused(RefusalCode.BAD_INPUT, message, "Add model = NAME.")
        if self.gates_fail:
            return Refused(RefusalCode.NOT_NOW, "The champion is not healthy.", "rollout doctor")
        name = text.partition('model = "')[2].partition('"')[0]
        if not dry_run:
            self.rollouts[name] = picture(name, revision=1)
            self.record[name] = []
            self.feed.publish(name)
        done = self._answer(command_id, name, "start", actor, 1)
        return done.model_copy(update={"plan": self.outlook}) if dry_run else done

    async def choices(self) -> Choices:
        """One route, one strategy, one metric."""
        route = RouteChoice(name="ranker", model="ranker", champion="v41")
        ladder = StrategyChoice(name="standard", stages="1% > 10% > 50% > 100%", least_s=7_200, most_s=28_800)
        metric = MetricChoice(name="errors", kind="proportion", margins="harm x1, accept x1.5")
        return Choices(as_of=NOW, routes=[route], strategies=[ladder], metrics=[metric], standard="standard")

    async def advise(self, asked: Asked) -> Advice | Refused:
        """Nothing could be measured, and no other route is known."""
        self.asked.append(asked)
        if asked.route != "ranker":
            return Refused(RefusalCode.NOT_FOUND, f"There is no route {asked.route!r}.", "GET /v1/choices")
        return Advice(route=asked.route, metric=asked.metric, warnings=["errors cannot be read now: no answer."])

    async def act(
        self, name: str, act: Act, command_id: str, wait_s: float, plan: Mapping[str, object] | None = None
    ) -> wire.ActionDone | Refused:
        """Abort always; the rest by revision, gates and role."""
        if command_id in self._done:
            return self._done[command_id]
        self.acts.append((name, act, command_id))
        status = self.find(name)
        if status is None:
            return Refused(RefusalCode.NOT_FOUND, f"There is no rollout {name!r}.", "rollout list")
        refused = self._refusal(status, act)
        if refused is not None:
            return refused
        if self.hang and wait_s:
            await self.never.wait()
        changes: dict[str, Any] = {}
        if act.verb is Verb.ABORT:
            off = wire.OnNew(asked=0, observed=0, confirmed=0, confirmed_is_asked=True)
            changes = {"state": "aborted", "phase": "aborted", "ended": True, "outcome": "aborted", "on_new": off}
        elif act.verb is Verb.PAUSE:
            changes = {"state": "paused", "phase": "held", "paused_by": act.actor.name}
        self.change(status.name, f"{act.verb} by {act.actor.name}", **changes)
        return self._answer(command_id, status.name, act.verb, act.actor, status.revision + 1)

    def _refusal(self, status: wire.Status, act: Act) -> Refused | None:
        if status.ended and act.verb is not Verb.ABORT:
            return Refused(RefusalCode.NOT_NOW, f"{status.name} has ended.", "Start a new one.")
        if act.revision is not None and act.revision != status.revision:
            return Refused(RefusalCode.CONFLICT, "ops2 paused this 2 s ago.", f"rollout status {status.name}")
        if act.verb is Verb.PROMOTE and self.gates_fail:
            if not act.override:
                return Refused(RefusalCode.GATE, "errors shows harm.", "Look: rollout why, then --override.")
            if not act.actor.role.covers(Role.ADMIN):
                return Refused(RefusalCode.NOT_PERMITTED, "An override needs admin.", "Ask an admin.", Role.ADMIN)
        return None

    def _answer(self, command_id: str, name: str, action: str, actor: Actor, revision: int) -> wire.ActionDone:
        done = wire.ActionDone(
            name=name,
            action=action,
            accepted=True,
            revision=revision,
            by=actor.name,
            router_confirmed=self.router_confirms,
            took_s=0.01,
            waits_for_person=self.waits_for_person and action == "promote",
        )
        self._done[command_id] = done
        return done

    async def hold_fleet(self, row: VerbRow, actor: Actor, reason: str, command_id: str) -> wire.ActionDone | Refused:
        """Held or not, by whom."""
        if command_id in self._done:
            return self._done[command_id]
        if row.risk is Risk.RAISES and self.held not in ("", actor.name) and not actor.role.covers(Role.ADMIN):
            return Refused(RefusalCode.NOT_PERMITTED, f"{self.held} holds the fleet.", "Ask them.", Role.ADMIN)
        self.held = actor.name if row.risk is Risk.FREEZES else ""
        return self._answer(command_id, "fleet", row.verb, actor, 1)

    async def reload(self, actor: Actor, reason: str, command_id: str) -> wire.ActionDone | Refused:
        """One key counts, one waits."""
        done = self._answer(command_id, "configuration", "reload", actor, 1)
        return done.model_copy(update={"taken": ["policy.alpha"], "needs_restart": ["routers.edge"]})

    async def refuse(self, name: str, verb: str, actor: Actor, code: RefusalCode, why: str) -> None:
        """Keep it for the test to look at."""
        self.refused.append((name, verb, actor, code, why))

    def traffic(self, name: str) -> str:
        """What is asked for."""
        status = self.find(name)
        return f"{status.on_new.asked:.0%} stays on {status.challenger}." if status else "Unchanged."

    def fleet(self, filter_text: str, limit: int) -> wire.Fleet:
        """All whose name holds the text."""
        rows = [row for name in self.rollouts if filter_text in name and (row := self.row(name)) is not None]
        held = wire.FleetHold(by=self.held, reason="a sale", at=NOW) if self.held else None
        found = wire.Fleet(
            as_of=NOW, rollouts=rows[:limit], total=len(rows), needs_you=0, hold=held is not None, held=held
        )
        return found.model_copy(update={"proposals": self.proposals})

    def row(self, name: str) -> wire.FleetRow | None:
        """A line of the fleet."""
        status = self.rollouts.get(name)
        if status is None:
            return None
        return wire.FleetRow(
            **status.model_dump(include={"name", "model", "champion", "challenger", "state", "phase", "revision"}),
            needs_you=status.needs_you,
            ended=status.ended,
            stage=status.stage.index,
            stages=status.stage.count,
            asked=status.on_new.asked,
            observed=status.on_new.observed,
            worst="errors 31%",
            next=status.next.sentence,
            who=status.claimed_by or "",
            as_of=NOW,
        )

    def status(self, name: str) -> wire.Status | None:
        """The whole picture."""
        return self.find(name)

    def why(self, name: str) -> wire.Why | None:
        """One line."""
        status = self.find(name)
        if status is None:
            return None
        lines = ["errors has not enough samples."]
        return wire.Why(name=status.name, revision=status.revision, state=status.state, lines=lines, next=status.next)

    async def timeline(self, name: str, since_seq: int) -> wire.Timeline | None:
        """What came after that number."""
        status = self.find(name)
        if status is None:
            return None
        entries = [entry for entry in self.record[status.name] if entry.seq > since_seq]
        return wire.Timeline(name=status.name, revision=status.revision, entries=entries)

    async def series(self, name: str, metric: str, last_s: float, points: int) -> Series | None:
        """One point of the one metric."""
        return Series(name=name, metric=metric, points=[SeriesPoint(at=NOW)]) if metric == "errors" else None

    def plan(self, name: str) -> Plan | None:
        """Times and nothing else."""
        status = self.find(name)
        times = {"tick_s": 10, "warm_up_s": 300, "window_s": 300, "blind_hold_s": 10, "blind_recede_s": 200}
        words = {"strategy": "standard", "change": "standard", "reason": "", "alpha": 0.01, "beta": 0.05}
        return Plan.model_validate({"name": name, "stages": [], "gates": [], **times, **words}) if status else None

    async def report(self, name: str) -> Report | None:
        """A page with one gate and its course."""
        status = self.find(name)
        return None if status is None else a_report(status.name)

    async def evidence(self, name: str) -> Evidence | None:
        """One row."""
        status = self.find(name)
        row = EvidenceRow(subcategory="MANAGE 1.1", outcome="go or no-go", evidenced=True, evidence="done")
        made = Evidence(
            framework="nist-ai-rmf", rollout=name, as_of=NOW, rows=[row], out_of_reach=["GOVERN 2.2"], note="a note"
        )
        return made if status else None

    async def stats(self, since_s: float) -> Stats:
        """Nothing happened."""
        none = Spread(count=0)
        return Stats(
            since=NOW, as_of=NOW, days=since_s / 86_400, requested=0, done=0, rolled_back=0, aborted=0, refused=0,
            live=0, a_week=0, change_fail_rate=None, failed=0, to_restore=none, to_full=none, lead_time=none,
            two_versions_h=0, overrides=0, overrides_then_bad=0, uptime=[], gates=[], counted=0,
        )  # fmt: skip

    async def past(self, name: str, seq: int) -> Past | None:
        """The present, as if it had always been so."""
        status = self.find(name)
        return Past(name=name, seq=seq, at=NOW, status=status, said={}) if status is not None and seq < 1000 else None

    def audit(self) -> Audit:
        """A chain that holds, or is not verified yet."""
        ok = True if self.router_confirms else None
        return Audit(ok=ok, checked=1 if ok else 0, verified_at=NOW if ok else None, head_seq=1, head_hash="ab")

    async def recording(self, name: str) -> Recording | None:
        """The playbook's plan and three quiet ticks."""
        if self.find(name) is None:
            return None
        spec, counts = a_spec(), {"champion_n": 90, "champion_bad": 0, "challenger_n": 10, "challenger_bad": 0}
        ticks = [RecordedTick(tick=k, clock_ms=10_000 * k, wall_ms=10_000 * k, **counts) for k in (1, 2, 3)]
        gates = {gate.metric: ticks for gate in spec.plan.gates}
        told = {"spec": json.loads(codec.encode(spec)), "from_clock_ms": 0, "from_wall_ms": 0}
        return Recording(name=name, revision=1, gates=gates, **told)

    async def doctor(self) -> wire_daemon.Doctor:
        """One check."""
        ok = self.router_confirms
        check = wire_daemon.Check(
            name="router", ok=ok, detail="answers" if ok else "silent", next="" if ok else "Start it."
        )
        return wire_daemon.Doctor(ok=ok, checks=[check])

    def health(self) -> wire_daemon.Health:
        """Always well."""
        return wire_daemon.Health(
            ok=True, version=__version__, boot_id=BOOT_ID, epoch=1, head_seq=0, head_hash="", live=1, total=1
        )

    def heartbeat(self) -> wire_daemon.Heartbeat:
        """The time stands still here."""
        return wire_daemon.Heartbeat(
            as_of=NOW, boot_id=BOOT_ID, seq=self.feed.seq, proposed=[one.name for one in self.proposals]
        )

    def hello(self, actor: Actor, read_only: bool) -> wire_daemon.Hello:
        """Who you are."""
        return wire_daemon.Hello(
            boot_id=BOOT_ID,
            version=__version__,
            host="here",
            who=actor.name,
            role=actor.role.value,
            read_only=read_only,
            as_of=NOW,
        )
