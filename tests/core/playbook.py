"""A tiny language for tests of the core: a world of values that obeys, refuses, lies or falls silent as it is told.

It drives exactly the functions the daemon drives (observe, next_events, follow, next_effects) and moves its own clock.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rolloutd.core import events as ev
from rolloutd.core.checks import RunCheck
from rolloutd.core.commands import Act, Refused, Verb
from rolloutd.core.decide import Accepted, decide
from rolloutd.core.effects import (
    DropOverride,
    MetricsAnswered,
    Observation,
    RenewLease,
    RouteNotSeen,
    RouteSeen,
    SetBase,
    SetIsolated,
    SetMirror,
    SetTraffic,
    SlotProbed,
    SlotSmoked,
    SmokeSlot,
    TickPassed,
)
from rolloutd.core.fold import fold
from rolloutd.core.lane import Lane, before_write, follow, next_effects, next_events, observe, open_lane
from rolloutd.core.metrics import (
    Answer,
    BlindReason,
    Counted,
    GateKind,
    LabelMatch,
    MatchKind,
    MetricTemplate,
    Point,
    Selector,
    Unreadable,
)
from rolloutd.core.observed import RouteReading, Seen, SlotHealth, SmokeFinding
from rolloutd.core.plan import Gate, OnFail, OnUndecided, Plan, Spec, Stage, Timing
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import THE_DAEMON, ZERO, Actor, ActorKind, Instant, Role, Share, Slot

TEMPLATE = MetricTemplate(
    name="errors",
    kind=GateKind.PROPORTION,
    arm_label="slot",
    total=Selector("requests_total"),
    bad=Selector("requests_total", (LabelMatch("code", MatchKind.REGEX, "5.."),)),
)
OPERATOR = Actor(ActorKind.PERSON, "ops1", 1001, Role.OPERATOR, "cli")
ADMIN = Actor(ActorKind.PERSON, "sr1", 1002, Role.ADMIN, "cli")
ARMS = {Slot.A: "a", Slot.B: "b"}
_OF_PAIRS = ("asked", "n", "differ", "worse", "better")


def a_gate(**changes: object) -> Gate:
    """A gate on errors with the shipped margins."""
    gate = Gate(
        metric="errors",
        source="proxy",
        template=TEMPLATE,
        max_age_ms=2_000,
        every_ms=1_000,
        harm=Margin.ratio(1.0),
        accept=Margin.ratio(1.5),
        limit=0.2,
    )
    return replace(gate, **changes)  # type: ignore[arg-type]


def a_plan(*shares: str, **changes: object) -> Plan:
    """A plan of quick stages: one tick is one second, a stage lasts at least ten."""
    stages = tuple(
        Stage(f"s{number}", Share.parse(share), 10_000, 600_000, min_ticks=5, on_undecided=OnUndecided.ASK)
        for number, share in enumerate(shares or ("1%", "10%", "50%", "90%"))
    )
    timing = Timing(tick_ms=1_000, blind_hold_ticks=1, blind_recede_ticks=20, warm_up_ms=0, window_ticks=10)
    plan = Plan("quick", stages, (a_gate(),), timing)
    return replace(plan, **changes)  # type: ignore[arg-type]


def a_spec(plan: Plan | None = None) -> Spec:
    """A spec on route ranker."""
    return Spec("ranker-v42", "ranker", "v41", "v42", "ranker", plan or a_plan())


@dataclass
class World:
    """The router, the servers and the counters. A test changes what it likes.

    ``gives`` is what the router really gives the challenger of the share it shows.
    """

    base: Slot = Slot.A
    override: Share = ZERO
    override_slot: Slot | None = None
    isolated: tuple[str, ...] = ()
    instance: str = "1"
    obeys: bool = True
    moves_base: bool = True
    reachable: bool = True
    leases: bool = False
    sticky: bool = False
    gives: float = 1.0
    n: dict[str, int] = field(default_factory=lambda: {"a": 100_000, "b": 0})
    bad: dict[str, int] = field(default_factory=lambda: {"a": 1_000, "b": 0})
    rps: int = 1_000
    rates: dict[str, float] = field(default_factory=lambda: {"a": 0.01, "b": 0.01})
    debt: dict[str, float] = field(default_factory=lambda: {"a": 0.0, "b": 0.0})
    blind: dict[str, BlindReason] = field(default_factory=dict)
    blind_metrics: dict[str, BlindReason] = field(default_factory=dict)
    up: dict[Slot, bool] = field(default_factory=lambda: {Slot.A: True, Slot.B: True})
    smoke: str = "right"
    artefact: str | None = None
    versions: dict[Slot, str] = field(default_factory=lambda: {Slot.A: "v41", Slot.B: "v42"})
    mirror: Share | None = ZERO
    mirror_slot: Slot = Slot.B
    obeys_mirror: bool = True
    differ: float = 0.01
    lost_alone: float = 0.01
    won_alone: float = 0.01
    lost: float = 0.0
    paired: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_OF_PAIRS, 0.0))
    paired_at_ms: int = 0

    def reading(self) -> RouteReading:
        """What the router shows."""
        slot = self.override_slot if self.override > ZERO else None
        copied = self.mirror_slot if self.mirror not in (None, ZERO) else None
        return RouteReading(
            self.base,
            slot,
            self.override if slot else ZERO,
            None,
            self.instance,
            isolated=self.isolated,
            mirror=self.mirror,
            mirror_slot=copied,
        )

    def flow(self, seconds: float) -> None:
        """Let traffic flow, split as the router says, with errors at each arm's rate and no chance in it."""
        reading = self.reading()
        for slot in Slot:
            given = reading.share_of(Slot.B).fraction * self.gives
            copies = reading.mirror.fraction if reading.mirror is not None and slot is Slot.B else 0.0
            n = round(self.rps * seconds * (given + copies if slot is Slot.B else 1.0 - given))
            self.debt[slot] += n * self.rates[slot]
            bad = int(self.debt[slot])
            self.debt[slot] -= bad
            self.n[slot] += n
            self.bad[slot] += bad

        if self.mirror is not None and self.mirror > ZERO:
            made = self.rps * seconds * self.mirror.fraction * (1.0 - self.lost)
            grew = {"asked": self.rps * seconds, "n": made}
            grew |= {"differ": made * self.differ, "worse": made * self.lost_alone, "better": made * self.won_alone}
            self.paired = {what: count + grew[what] for what, count in self.paired.items()}

    def answer_pairs(self, kind: GateKind, at_ms: int) -> Answer:
        """What the source of pairs says: counted as whole pairs, and silent while there are none."""
        if self.mirror not in (None, ZERO) and self.lost < 1.0:
            self.paired_at_ms = at_ms
        if not self.paired["n"]:
            silent = Unreadable(BlindReason.NO_SERIES, "no pair yet")
            return Answer(at_ms, dict.fromkeys(ARMS.values(), silent))
        by_arm = {}
        for slot in Slot:
            n, bad = int(self.paired["n"]), int(self.paired["differ"])
            if kind is GateKind.PAIRED:
                bad = int(self.paired["worse" if slot is Slot.B else "better"])
            elif kind is GateKind.COVERAGE:
                n = int(self.paired["asked"] if slot is Slot.A else n)
                bad = n - int(self.paired["n"])
            point = (Point("n", float(n), self.paired_at_ms),)
            by_arm[ARMS[slot]] = Counted(point, (Point("bad", float(bad), self.paired_at_ms),))
        return Answer(at_ms, by_arm)

    def answer(self, at_ms: int) -> Answer:
        """What the metric source says."""
        by_arm: dict[str, Counted | Unreadable] = {}
        for slot in Slot:
            if slot in self.blind:
                by_arm[slot] = Unreadable(self.blind[slot], "told to be blind")
            else:
                total = (Point("x", float(self.n[slot]), at_ms),)
                by_arm[slot] = Counted(total, (Point("y", float(self.bad[slot]), at_ms),))
        return Answer(at_ms, by_arm)


class Playbook:
    """A rollout in a world, told by what is done to it."""

    def __init__(self, spec: Spec | None = None, world: World | None = None) -> None:
        self.world = world or World()
        self.now = Instant(1_000_000, 1_700_000_000_000)
        self.journal: list[ev.Recorded] = []
        self.watch: Callable[[Playbook], None] | None = None
        self.spec = spec or a_spec()
        requested = self._append((ev.RolloutRequested(self.spec),), OPERATOR)
        rollout = fold(requested)
        assert rollout is not None
        self.lane = open_lane(rollout, {}, self.fresh_seen(), ARMS)

    def fresh_seen(self) -> Seen:
        """Nothing seen yet: looking begins now."""
        lease_ms = 60_000 if self.world.leases else None
        return Seen(self.now.clock_ms, leases=self.world.leases, lease_ms=lease_ms, sticky=self.world.sticky)

    def snapshot(self) -> Playbook:
        """The same world and record with another process: what a kill right here leaves, restarted."""
        other = object.__new__(Playbook)
        other.world, other.now, other.spec = copy.deepcopy(self.world), self.now, self.spec
        other.journal, other.lane = list(self.journal), self.lane
        other.watch = None
        other.restart()
        return other

    def _append(self, events: tuple[ev.Event, ...], actor: Actor) -> list[ev.Recorded]:
        version = len(self.journal)
        rows = [
            ev.Recorded(version + i, self.spec.name, version + i, self.now, actor, 1, event)
            for i, event in enumerate(events, start=1)
        ]
        self.journal.extend(rows)
        return rows

    def record(self, events: tuple[ev.Event, ...], actor: Actor = THE_DAEMON) -> None:
        """Make events true."""
        for row in self._append(events, actor):
            self.lane = follow(self.lane, row)
        self._killable()

    def _killable(self) -> None:
        """A place where the process may die: tell whoever collects them."""
        if self.watch is not None:
            self.watch(self)

    def settle(self, *, tick: bool = False) -> None:
        """Do what follows, with the world answering at once, until nothing follows any more."""
        for _ in range(50):
            events = next_events(self.lane, self.now.clock_ms)
            if events:
                self.record(events)
                continue
            looked, tick = tick, False
            if not self._act(tick=looked) and not looked:
                return
        raise AssertionError("the core does not come to rest")

    def _act(self, *, tick: bool) -> bool:
        """Carry out effects; True when a write was made."""
        if not self.lane.rollout.live:
            return False
        wrote = False
        for effect in next_effects(self.lane, tick=tick):
            self._killable()
            match effect:
                case SetTraffic(slot=slot, share=share):
                    wrote = self._write(slot, share)
                case SetIsolated(segments=segments):
                    self.world.isolated = segments if self.world.obeys else self.world.isolated
                    wrote = self._report()
                case DropOverride(slot=slot):
                    wrote = self._write(slot, ZERO)
                case SetMirror(slot=slot, share=share):
                    wrote = self._copy(slot, share)
                case SetBase(slot=slot):
                    self.world.base = slot if self.world.moves_base else self.world.base
                    wrote = self._report() and self.world.moves_base
                case RenewLease(share=share):
                    self.see(
                        RouteSeen(self.world.reading(), self.now.clock_ms if self.world.override == share else None)
                    )
                case SmokeSlot(probe=probe):
                    finding = SmokeFinding(self.world.smoke != "silent", self.world.smoke == "right", self.world.smoke)
                    self.see(SlotSmoked(probe.name, finding))
                case RunCheck():
                    pass  # a test says what it finds
                case _:
                    self._look()
        return wrote

    def _write(self, slot: Slot, share: Share) -> bool:
        if self.world.obeys and self.world.reachable:
            self.world.override, self.world.override_slot = share, slot
            self._killable()
        return self._report()

    def _copy(self, slot: Slot, share: Share) -> bool:
        obeys = self.world.obeys_mirror and self.world.reachable
        if obeys:
            self.world.mirror, self.world.mirror_slot = share, slot
            self._killable()
        return self._report() and obeys

    def _report(self) -> bool:
        self.lane = before_write(self.lane)
        self._look()
        return self.world.reachable and self.world.obeys

    def _look(self) -> None:
        if self.world.reachable:
            self.see(RouteSeen(self.world.reading()))
        else:
            self.see(RouteNotSeen("told to be away"))
        for slot in Slot:
            artefact = self.world.artefact if slot is Slot.B else None
            health = SlotHealth(self.world.up[slot], self.world.versions[slot], "", artefact)
            self.see(SlotProbed(slot, health))

    def see(self, observation: Observation) -> None:
        """Show the core something."""
        self.lane = observe(self.lane, observation, self.now.clock_ms)

    def run(self, seconds: int, *, traffic: bool = True, metrics: bool = True) -> Playbook:
        """Let seconds pass: traffic flows, the source answers, a tick falls due."""
        for _ in range(seconds):
            if not self.lane.rollout.live:
                return self
            if traffic:
                self.world.flow(1.0)
            self.now = self.now.plus_ms(1_000)
            self.see(TickPassed())
            if metrics:
                for gate in self.spec.plan.gates:
                    self.see(MetricsAnswered(gate.metric, self._answer(gate)))
            self.settle(tick=True)
        return self

    def _answer(self, gate: Gate) -> Answer:
        kind = gate.template.kind
        if kind.of_pairs and gate.metric not in self.world.blind_metrics:
            return self.world.answer_pairs(kind, self.now.wall_ms)
        if gate.metric in self.world.blind_metrics:
            why = Unreadable(self.world.blind_metrics[gate.metric], "told to be blind")
            return Answer(self.now.wall_ms, dict.fromkeys(ARMS.values(), why))
        return self.world.answer(self.now.wall_ms)

    def until(self, phase: str, most_s: int = 5_000) -> Playbook:
        """Run until the rollout is in this phase. Fails when it never comes there."""
        for _ in range(most_s):
            if self.lane.rollout.phase.value == phase:
                return self
            self.run(1)
        raise AssertionError(f"still {self.lane.rollout.phase.value}, never {phase}: {self.said()[-5:]}")

    def do(self, verb: Verb, actor: Actor = OPERATOR, **more: object) -> Accepted | Refused:
        """A person's command, by default on the present revision."""
        more.setdefault("revision", self.rollout_version)
        act = Act(verb, actor, **more)  # type: ignore[arg-type]
        now_ms = self.now.clock_ms
        decision = decide(self.lane.rollout, act, self.lane.picture(now_ms), now_ms)
        if isinstance(decision, Accepted):
            self.record(decision.events, actor)
            self.settle()
        return decision

    def restart(self) -> None:
        """The process dies and another one folds the journal; stored evidence is taken up, what was seen is gone."""
        rollout = fold(self.journal)
        assert rollout is not None
        self.lane = open_lane(rollout, self.lane.evidence, self.fresh_seen(), ARMS)
        self.record((ev.WindowRestarted("the daemon started"),))

    @property
    def rollout_version(self) -> int:
        """The present revision."""
        return self.lane.rollout.version

    @property
    def phase(self) -> str:
        """The present phase's word."""
        return self.lane.rollout.phase.value

    def said(self) -> list[str]:
        """The names of all recorded events."""
        return [type(row.event).__name__ for row in self.journal]

    def shares(self) -> list[str]:
        """Every confirmed share in order."""
        return [str(row.event.share) for row in self.journal if isinstance(row.event, ev.TrafficConfirmed)]


__all__ = ["ADMIN", "OPERATOR", "Lane", "OnFail", "Playbook", "World", "a_gate", "a_plan", "a_spec"]
