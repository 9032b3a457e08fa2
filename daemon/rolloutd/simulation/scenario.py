"""What one seed means: a plan, a challenger, traffic, people's requests and faults, all drawn before anything runs.

Nothing here runs. Every number comes from one ``random.Random(seed)``, so a seed is the whole story.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from rolloutd.core.commands import Verb
from rolloutd.core.metrics import BlindReason
from rolloutd.core.plan import Plan, Spec
from rolloutd.freeze import NEVER, Calendar
from rolloutd.simulation.engine import EVERYBODY
from rolloutd.simulation.plans import REGIONS, draw_spec, with_regions
from rolloutd.simulation.timewarp import WALL_AT_START_MS

FAULT_TICKS = 30
FAULTS_MOST = 6


class Challenger(StrEnum):
    """What the new version is like."""

    HEALTHY = "healthy"
    HARMFUL = "harmful"
    LATE_HARMFUL = "late-harmful"
    BOTH_SICK = "both-sick"


class Kind(StrEnum):
    """Everything that can go wrong, in words for the summary."""

    ROUTER_REFUSES = "router refuses"
    ROUTER_AWAY = "router unreachable"
    REPLY_LOST = "reply lost after applying"
    NOT_APPLIED = "accepted, not applied"
    ROUTER_SLOW = "router slow"
    ROUTER_FORGETS = "router restarts and forgets"
    HAND_RAISES = "hand raises the share"
    HAND_LOWERS = "hand lowers the share"
    CHAMPION_DOWN = "champion down"
    CHALLENGER_DOWN = "challenger down"
    UNREADABLE = "metrics unreadable"
    FROZEN = "metrics frozen, timestamps fresh"
    OLD_SAMPLES = "samples old"
    NOT_A_NUMBER = "not a number"
    ZEROES = "zero for absent"
    COUNTER_RESET = "counters reset"
    SERIES_MISSING = "a series missing"
    LATE_ANSWERS = "answers late"
    CRASH = "process killed"
    REBOOT = "host rebooted"
    SUSPEND = "host suspended"
    STORE_FULL = "store full"
    STORE_SLOW = "store slow"
    WALL_JUMP = "wall clock set"
    HAND_ISOLATES = "hand isolates a segment"
    HAND_LETS_IN = "hand lets all segments in"
    SECOND_DAEMON = "a second daemon started"


WEIGHTS: dict[Kind, int] = {
    Kind.CRASH: 30,
    Kind.UNREADABLE: 14,
    Kind.HAND_RAISES: 8,
    Kind.HAND_LOWERS: 8,
    Kind.SUSPEND: 12,
    Kind.REBOOT: 3,
    **dict.fromkeys((Kind.ROUTER_REFUSES, Kind.ROUTER_AWAY, Kind.REPLY_LOST, Kind.NOT_APPLIED, Kind.ROUTER_SLOW), 6),
    Kind.ROUTER_FORGETS: 6,
    **dict.fromkeys((Kind.FROZEN, Kind.OLD_SAMPLES, Kind.NOT_A_NUMBER, Kind.ZEROES, Kind.COUNTER_RESET), 4),
    **dict.fromkeys((Kind.SERIES_MISSING, Kind.LATE_ANSWERS, Kind.CHAMPION_DOWN, Kind.CHALLENGER_DOWN), 4),
    **dict.fromkeys((Kind.STORE_FULL, Kind.STORE_SLOW, Kind.WALL_JUMP), 4),
}
"""How often each fault is drawn, beside the others; those of segments have chances of their own."""

AT_ONCE = frozenset(
    {
        Kind.ROUTER_FORGETS, Kind.HAND_RAISES, Kind.HAND_LOWERS, Kind.COUNTER_RESET, Kind.WALL_JUMP,
        Kind.HAND_ISOLATES, Kind.HAND_LETS_IN, Kind.SECOND_DAEMON,
    }
)  # fmt: skip
"""Faults that happen at one moment and have no end of their own."""

_PLANNED = 0.15
_SEGMENTED = 0.12
_STAYING = 0.12
_CROWDED = 0.08
_WORST = frozenset({Kind.STORE_FULL, Kind.STORE_SLOW, Kind.CRASH, Kind.ROUTER_SLOW})

CROSSINGS = (
    "now",
    "journal-before",
    "journal-after",
    "router-before",
    "router-after",
    "read-before",
    "read-after",
    "evidence-before",
    "evidence-after",
)
"""Where a process can die: at any moment, or on either side of the border to the disk or the router."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong from ``at_ms`` for ``for_ms``.

    ``amount`` and ``chance`` say how much (a share in basis points, a delay, a downtime; a number from 0 to 1).
    ``metric`` is the only one that it is about, where that is not drawn.
    """

    kind: Kind
    at_ms: int
    for_ms: int
    amount: int = 0
    chance: float = 0.0
    word: str = ""
    metric: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A person wants something. The revision was read ``looked_ms`` earlier; ``twice`` sends the same command again.

    With ``at_raise`` it comes at ``at_ms`` after the daemon's so-many-th write that raises: in the middle of it.
    """

    at_ms: int
    verb: Verb
    admin: bool
    looked_ms: int
    twice: bool
    override: bool
    at_raise: int = 0
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One seed, drawn out. Times are milliseconds since the run began; nothing new goes wrong after ``quiet_ms``.

    ``by_night`` is the part of the traffic that is gone in the middle of the night, ``wall_from_ms`` the wall clock at
    the beginning, ``staffed`` when somebody is there. ``harm_in`` is the only segment that a bad version is bad in.
    """

    seed: int
    spec: Spec
    challenger: Challenger
    harm_from_ms: int
    champion_rate: float
    harm_rate: float
    requests_per_s: int
    lease_ms: int | None
    finest_step_bp: int
    faults: tuple[Fault, ...]
    people: tuple[Request, ...]
    quiet_ms: int
    by_night: float = 0.0
    wall_from_ms: int = WALL_AT_START_MS
    staffed: Calendar = NEVER
    harm_in: str = ""

    @property
    def segments(self) -> tuple[str, ...]:
        """Everybody, told apart where the route does."""
        return EVERYBODY if self.plan.segments is None else self.plan.segments.everybody

    @property
    def plan(self) -> Plan:
        """The plan of the one rollout."""
        return self.spec.plan

    @property
    def tick_ms(self) -> int:
        """The check interval."""
        return self.plan.timing.tick_ms


def draw(seed: int) -> Scenario:
    """Everything that this seed means."""
    rng = Random(seed)
    spec = draw_spec(rng)
    tick_ms = spec.plan.timing.tick_ms
    lease_ms = max(60_000, 3 * tick_ms) if rng.random() < 0.6 else None
    challenger = rng.choices(tuple(Challenger), (5, 3, 3, 1))[0]
    faults = _faults(rng, tick_ms, lease_ms)
    people = (*_people(rng, tick_ms, faults), *_planner(Random(f"plan {seed}"), tick_ms))
    last_ms = max([f.at_ms + f.for_ms for f in faults] + [r.at_ms for r in people if not r.at_raise], default=0)
    champion_rate = rng.choice((0.02, 0.05))
    drawn = Scenario(
        seed=seed,
        spec=spec,
        challenger=challenger,
        harm_from_ms=rng.randrange(FAULT_TICKS * tick_ms) if challenger is Challenger.LATE_HARMFUL else 0,
        champion_rate=champion_rate,
        harm_rate=min(0.9, champion_rate * rng.choice((6, 12, 18))),
        requests_per_s=rng.choice((500, 2_000, 10_000)),
        lease_ms=lease_ms,
        finest_step_bp=1 if rng.random() < 0.94 else 40,
        faults=faults,
        people=people,
        quiet_ms=last_ms + tick_ms,
    )
    drawn = _staying(Random(f"stay {seed}"), _crowded(Random(f"second {seed}"), drawn))
    apart = Random(f"rings {seed}")  # so that seeds without segments are what they were before there were any
    return _segmented(apart, drawn) if apart.random() < _SEGMENTED else drawn


def _crowded(rng: Random, drawn: Scenario) -> Scenario:
    """Seldom somebody starts a second daemon."""
    if rng.random() >= _CROWDED:
        return drawn
    second = _fault(rng, Kind.SECOND_DAEMON, drawn.tick_ms, drawn.lease_ms)
    return replace(drawn, faults=(*drawn.faults, second), quiet_ms=max(drawn.quiet_ms, second.at_ms + drawn.tick_ms))


def _staying(rng: Random, drawn: Scenario) -> Scenario:
    """Seldom stages last longer than their evidence needs, and the wall clock is set meanwhile."""
    if rng.random() >= _STAYING:
        return drawn
    plan, tick_ms = drawn.plan, drawn.tick_ms
    stages = tuple(replace(one, min_time_ms=one.min_time_ms + rng.randint(2, 10) * tick_ms) for one in plan.stages)
    jumps = (_fault(rng, Kind.WALL_JUMP, tick_ms, drawn.lease_ms),) if rng.random() < 0.5 else ()
    last_ms = max((jump.at_ms + tick_ms for jump in jumps), default=0)
    return replace(
        drawn,
        spec=replace(drawn.spec, plan=replace(plan, stages=stages)),
        faults=(*drawn.faults, *jumps),
        quiet_ms=max(drawn.quiet_ms, last_ms),
    )


def _segmented(rng: Random, drawn: Scenario) -> Scenario:
    """The same seed on a route with segments, which people and hands isolate and let in, and often a bad one."""
    tick_ms = drawn.tick_ms
    names = REGIONS.everybody
    kinds = (Kind.HAND_ISOLATES, Kind.HAND_LETS_IN, Kind.ROUTER_FORGETS, Kind.CRASH)
    more = [_fault(rng, rng.choice(kinds), tick_ms, drawn.lease_ms) for _ in range(rng.choice((0, 1, 2)))]
    faults = [replace(f, word=rng.choice(names)) if f.kind is Kind.HAND_ISOLATES else f for f in more]
    people = [_about(rng, rng.choice(names), tick_ms) for _ in range(rng.choice((0, 1, 1, 2, 3)))]
    if rng.random() < 0.5:  # somebody is taken off, and then the router loses the share, or a hand lets them in
        off_ms = rng.randrange(2 * tick_ms, FAULT_TICKS // 3 * tick_ms)
        people.append(replace(_about(rng, rng.choice(names), tick_ms), at_ms=off_ms, verb=Verb.ISOLATE))
        lost = rng.choice((Kind.ROUTER_FORGETS, Kind.ROUTER_FORGETS, Kind.HAND_LETS_IN))
        faults.append(Fault(lost, off_ms + rng.randrange(tick_ms, FAULT_TICKS // 3 * tick_ms), 0))
    last_ms = max([f.at_ms + f.for_ms for f in faults] + [r.at_ms for r in people], default=0)
    return replace(
        drawn,
        spec=with_regions(rng, drawn.spec),
        requests_per_s=max(2_000, drawn.requests_per_s),
        faults=(*drawn.faults, *faults),
        people=(*drawn.people, *people),
        quiet_ms=max(drawn.quiet_ms, last_ms + tick_ms),
        harm_in=rng.choice(names) if rng.random() < 0.6 else "",
    )


def _about(rng: Random, segment: str, tick_ms: int) -> Request:
    """A person who wants a segment taken off the challenger, or let in again."""
    verb = Verb.ISOLATE if rng.random() < 0.6 else Verb.PUTBACK
    looked_ms = rng.choice((0, 0, tick_ms // 2))
    return Request(
        _moment_ms(rng, tick_ms), verb, rng.random() < 0.7, looked_ms, rng.random() < 0.2, True, segment=segment
    )


def _faults(rng: Random, tick_ms: int, lease_ms: int | None) -> tuple[Fault, ...]:
    how_many = 0 if rng.random() < 0.12 else rng.randint(1, FAULTS_MOST)
    kinds = rng.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()), k=how_many)
    return tuple(sorted((_fault(rng, kind, tick_ms, lease_ms) for kind in kinds), key=lambda fault: fault.at_ms))


def _moment_ms(rng: Random, tick_ms: int) -> int:
    """Any moment while things may go wrong, the early ones more often: many rollouts are soon over."""
    return rng.randrange(rng.choice((FAULT_TICKS // 4, FAULT_TICKS // 2, FAULT_TICKS)) * tick_ms)


def _fault(rng: Random, kind: Kind, tick_ms: int, lease_ms: int | None) -> Fault:
    at_ms = _moment_ms(rng, tick_ms)
    for_ms = 0 if kind in AT_ONCE else rng.randint(tick_ms // 2, 10 * tick_ms)
    amount, word = 0, ""
    if kind in (Kind.CRASH, Kind.REBOOT, Kind.SUSPEND):
        word = rng.choice(CROSSINGS) if kind is Kind.CRASH else "now"
        amount = _absence_ms(rng, lease_ms)
        for_ms = for_ms if kind is Kind.CRASH else 0
    elif kind in (Kind.ROUTER_SLOW, Kind.STORE_SLOW):
        amount = rng.randint(200, 3_000)
    elif kind in (Kind.HAND_RAISES, Kind.HAND_LOWERS):
        amount = rng.randint(1, 10_000)
    elif kind is Kind.WALL_JUMP:
        amount = rng.choice((3_600_000, -3_600_000, 315_360_000_000, -1_600_000_000_000))
    elif kind is Kind.UNREADABLE:
        word = rng.choice([reason.value for reason in BlindReason if reason is not BlindReason.NEVER_READ])
    elif kind is Kind.NOT_A_NUMBER:
        word = rng.choice(("nan", "inf", "-inf", "-1"))
    return Fault(kind, at_ms, for_ms, amount, rng.random(), word)


def _absence_ms(rng: Random, lease_ms: int | None) -> int:
    """How long nobody is there: shorter or longer than the lease."""
    lease_ms = lease_ms or 60_000
    return rng.randint(600, lease_ms // 2) if rng.random() < 0.75 else rng.randint(lease_ms, 2 * lease_ms)


def _people(rng: Random, tick_ms: int, faults: tuple[Fault, ...]) -> tuple[Request, ...]:
    """Nobody, one person, or two who decide on the same picture at the same moment; some come when it is worst."""
    requests: list[Request] = []
    for _ in range(rng.choices((0, 1, 2, 4), (5, 3, 2, 2))[0]):
        at_ms = _moment_ms(rng, tick_ms)
        requests.append(_request(rng, at_ms, tick_ms))
        if rng.random() < 0.2:
            requests.append(_request(rng, at_ms, tick_ms))
    if faults and rng.random() < 0.4:
        fault = rng.choice([fault for fault in faults if fault.kind in _WORST] or faults)
        request = _request(rng, fault.at_ms + rng.randint(0, fault.for_ms), tick_ms)
        requests.append(replace(request, verb=Verb.ABORT) if rng.random() < 0.5 else request)
    if rng.random() < 0.35:
        in_the_middle = _request(rng, rng.choice((rng.randint(0, 25), rng.randint(0, 1_000))), tick_ms)
        verb = Verb.ABORT if rng.random() < 0.8 else in_the_middle.verb
        requests.append(replace(in_the_middle, verb=verb, at_raise=rng.randint(1, 5)))
    return tuple(sorted(requests, key=lambda request: request.at_ms))


def _planner(rng: Random, tick_ms: int) -> tuple[Request, ...]:
    """Seldom an admin who changes the running plan. By a chance of its own, so that older seeds are what they were."""
    if rng.random() >= _PLANNED:
        return ()
    return (Request(_moment_ms(rng, tick_ms), Verb.ADOPT_PLAN, True, 0, rng.random() < 0.2, True),)


def changed(spec: Spec) -> Spec:
    """The plan that an admin of the simulator adopts: every stage after the first stays a tick longer."""
    tick_ms, stages = spec.plan.timing.tick_ms, spec.plan.stages
    longer = (
        replace(stage, min_time_ms=stage.min_time_ms + tick_ms, max_time_ms=stage.max_time_ms + tick_ms)
        for stage in stages[1:]
    )
    return replace(spec, plan=replace(spec.plan, stages=(stages[0], *longer)))


def _request(rng: Random, at_ms: int, tick_ms: int) -> Request:
    verbs = (Verb.PAUSE, Verb.RESUME, Verb.PROMOTE, Verb.ABORT, Verb.EXTEND, Verb.APPROVE, Verb.CLAIM)
    verb = rng.choices(verbs, (4, 4, 6, 3, 2, 2, 1))[0]
    looked_ms = rng.choice((0, 0, tick_ms // 2, 4 * tick_ms))
    return Request(at_ms, verb, rng.random() < 0.5, looked_ms, rng.random() < 0.2, rng.random() < 0.6)
