"""Two weeks of a major rollout as one scenario: days and nights, labels 6 h late, three restarts. It runs nothing.

``./dev sim --fortnight`` runs it; a test holds its journal. Nothing is drawn but what every world draws (the traffic of
a tick, delays), so the same program writes the same journal.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from rolloutd.core.commands import Verb
from rolloutd.core.metrics import GateKind, MetricTemplate, Selector
from rolloutd.core.plan import Gate, OnUndecided, Plan, Spec, Stage, Timing
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import Share
from rolloutd.freeze import DAYS, Calendar, Weekly
from rolloutd.simulation.plans import CHALLENGER, CHAMPION, NAME, ROUTE, SOURCE, template
from rolloutd.simulation.scenario import Challenger, Fault, Kind, Request, Scenario
from rolloutd.simulation.warehouse import WAREHOUSE

ZONE = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 10, 19, 10, 0, tzinfo=ZONE)
"""A Monday; on the Sunday of that week the clocks go back."""
TICK_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
RIPE_MS, ASKED_EVERY_MS = 6 * HOUR_MS, 5 * TICK_MS
"""So old is a request when its label counts, and so often the warehouse is asked what became of the ripe ones."""
OFFICE = tuple(Weekly(day * 1440 + 9 * 60, day * 1440 + 17 * 60 + 30) for day in range(DAYS.index("sat")))


def after_ms(day: int, hour: int, minute: int = 0) -> int:
    """From the beginning to this local time of October."""
    return round((datetime(2026, 10, day, hour, minute, tzinfo=ZONE).timestamp() - BEGIN.timestamp()) * 1000)


def local(wall_ms: int) -> datetime:
    """A moment of the wall clock on the people's own clocks."""
    return datetime.fromtimestamp(wall_ms / 1000, ZONE)


def plan() -> Plan:
    """1 % > 10 % > 50 % > 95 %, a full day of errors and of ripe labels in each; a person approves before half."""
    stages = (
        _stage("canary", 100, 1),
        _stage("tenth", 1_000, 2, approval=True),
        _stage("half", 5_000, 2),
        _stage("watch", 9_500, 6),
    )
    timing = Timing(TICK_MS, blind_hold_ticks=1, blind_recede_ticks=20, warm_up_ms=5 * TICK_MS, window_ticks=30)
    return Plan("major", stages, (_gate("errors", template("errors")), _labels("wrong")), timing)


def _stage(name: str, share_bp: int, days: int, *, approval: bool = False) -> Stage:
    return Stage(
        name,
        Share(share_bp),
        min_time_ms=days * DAY_MS,
        max_time_ms=(days + 4) * DAY_MS,
        on_undecided=OnUndecided.ASK,
        approval=approval,
        full_day=True,
    )


def _gate(metric: str, of: MetricTemplate) -> Gate:
    accept, harm = Margin.ratio(1.5), Margin.ratio(1.0)
    return Gate(metric, SOURCE, of, 2 * TICK_MS, TICK_MS, harm, accept, limit=0.1)


def _labels(metric: str) -> Gate:
    asked = Selector("labels")
    of = MetricTemplate(metric, GateKind.PROPORTION, "arm", asked, bad=asked, ripe_ms=RIPE_MS)
    return Gate(metric, WAREHOUSE, of, 2 * ASKED_EVERY_MS, ASKED_EVERY_MS, Margin.ratio(1.0), Margin.ratio(1.5))


def fortnight() -> Scenario:
    """The whole scenario: a version that is as good as the one before."""
    restarts = (
        Fault(Kind.CRASH, after_ms(21, 3), 0, amount=20_000, word="now"),
        Fault(Kind.REBOOT, after_ms(22, 9, 50), 0, amount=90_000, word="now"),
        Fault(Kind.CRASH, after_ms(25, 2, 30), 0, amount=5_000, word="now"),
    )
    blind = (
        Fault(Kind.UNREADABLE, after_ms(21, 14), 4 * TICK_MS, word="timeout", metric="errors"),
        Fault(Kind.UNREADABLE, after_ms(22, 20), 4 * TICK_MS, word="timeout", metric="errors"),
        Fault(Kind.UNREADABLE, after_ms(24, 14, 2), 7 * TICK_MS, word="unreachable", metric="wrong"),
    )
    yes = Request(after_ms(22, 17), Verb.APPROVE, admin=False, looked_ms=0, twice=False, override=False)
    spec = Spec(NAME, "ranker", CHAMPION, CHALLENGER, ROUTE, plan(), change="major", reason="a new architecture")
    return Scenario(
        seed=14,
        spec=spec,
        challenger=Challenger.HEALTHY,
        harm_from_ms=0,
        champion_rate=0.02,
        harm_rate=0.02,
        requests_per_s=80,
        lease_ms=3 * TICK_MS,
        finest_step_bp=1,
        faults=(*restarts, *blind),
        people=(yes,),
        quiet_ms=21 * DAY_MS,
        by_night=0.8,
        wall_from_ms=round(BEGIN.timestamp() * 1000),
        staffed=Calendar(ZONE, "Europe/Berlin", OFFICE),
    )
