"""One rehearsed rollout from start to end: what became of it, when, and after how many requests. It sums nothing up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rolloutd.core import events as ev
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Plan, Spec
from rolloutd.core.values import Instant
from rolloutd.rehearsal.drive import Drive
from rolloutd.rehearsal.traffic import Assumed, Users

PROMOTION, ROLLBACK, UNDECIDED = "promotion", "rollback", "undecided"
WALL_AT_START_MS = 1_767_225_600_000  # 2026-01-01: a rehearsal has no today
_LONGEST_TICKS = 1_000_000


@dataclass(slots=True)
class StageRun:
    """One stay on a stage; times count from its share on. ``passed``: time and requests of each gate's first PASS."""

    index: int
    began_ms: int
    requests_before: int
    passed: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one rollout. ``time_ms`` counts from the first share on; ``requests`` are the challenger's."""

    outcome: str
    reason: str
    metric: str | None
    time_ms: int
    requests: int
    bad: dict[str, int]
    stages: tuple[StageRun, ...]


def rehearse(
    spec: Spec, assumed: Assumed, seed: str, enough: Callable[[Sequence[StageRun]], bool] = lambda _: False
) -> Run:
    """Run the whole rollout once, until it ends, a person would have to act, or what was seen is ``enough``."""
    drive = Drive(spec, Instant(0, WALL_AT_START_MS))
    users = Users(assumed, seed)
    watched = _Watched(spec.plan)
    before_ms = 0
    for now_ms, metrics, is_tick in moments(spec.plan):
        users.serve(drive.share.fraction, before_ms, now_ms, watched.since_first_share(before_ms))
        before_ms, at = now_ms, Instant(now_ms, WALL_AT_START_MS + now_ms)
        for metric in metrics:
            template = spec.plan.gate(metric).template
            drive.answer(metric, users.answer(metric, template, at.wall_ms), at)
        if is_tick:
            drive.tick(at)
        else:
            drive.settle(at)
        drive.approve(at)
        watched.see(drive, now_ms, users.exposed)
        if drive.waits or not drive.lane.rollout.live or enough(watched.stages):
            break
    return watched.run(drive, now_ms, users)


def moments(plan: Plan) -> Iterator[tuple[int, list[str], bool]]:
    """Every moment at which something happens: the time, the metrics that are read then, and whether a tick passes."""
    every = {gate.metric: gate.every_ms for gate in plan.gates}
    tick_ms = plan.timing.tick_ms
    due = dict.fromkeys(every, 0)
    tick_due = now_ms = 0
    while now_ms <= _LONGEST_TICKS * tick_ms:
        read = [metric for metric, when in due.items() if when == now_ms]
        for metric in read:
            due[metric] += every[metric]
        is_tick = tick_due == now_ms
        if is_tick:
            tick_due += tick_ms
        yield now_ms, read, is_tick
        now_ms = min(tick_due, *due.values())


class _Watched:
    """Notes times and requests of what the core records."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen = 0
        self._first_share_ms: int | None = None
        self._fired: str | None = None
        self.stages: list[StageRun] = []

    def since_first_share(self, now_ms: int) -> int | None:
        """Time since the challenger first had traffic."""
        return None if self._first_share_ms is None else now_ms - self._first_share_ms

    def see(self, drive: Drive, now_ms: int, requests: int) -> None:
        """Take in what was recorded since the last time."""
        new = drive.recorded[self._seen :]
        self._seen = len(drive.recorded)
        for row in new:
            match row.event:
                case ev.TrafficConfirmed(share=share):
                    self._confirmed(drive, share.basis_points, now_ms, requests)
                case ev.VerdictReached(metric=metric, verdict="pass") if self.stages:
                    here = self.stages[-1]
                    here.passed.setdefault(metric, (now_ms - here.began_ms, requests - here.requests_before))
                case ev.StageEntered() | ev.FinishStarted() | ev.RecedeStarted() if self.stages:
                    self.stages[-1].left_ms = now_ms - self.stages[-1].began_ms
                    if isinstance(row.event, ev.RecedeStarted):
                        self._fired = row.event.metric
                case _:
                    pass

    def _confirmed(self, drive: Drive, basis_points: int, now_ms: int, requests: int) -> None:
        if self._first_share_ms is None:
            self._first_share_ms = now_ms
        index = drive.lane.rollout.stage_index
        new = not self.stages or self.stages[-1].index != index
        if new and basis_points == self._plan.stages[index].share.basis_points:
            self.stages.append(StageRun(index, now_ms, requests))

    def run(self, drive: Drive, now_ms: int, users: Users) -> Run:
        """What became of it."""
        rollout = drive.lane.rollout
        outcome, reason = UNDECIDED, ""
        if rollout.phase is Phase.DONE:
            outcome = PROMOTION
        elif rollout.recede is not None and rollout.recede.cause is ev.RecedeCause.HARM:
            outcome, reason = ROLLBACK, rollout.recede.reason
        elif rollout.hold is not None:
            reason = rollout.hold.reason
        elif rollout.end is not None:
            reason = rollout.end.reason
        elif rollout.question is not None:
            reason = f"stage {rollout.stage.name} is {rollout.question.value} at its maximum time"
        bad = {gate.metric: users.failed(gate.metric) for gate in self._plan.gates}
        since = now_ms - (self._first_share_ms or 0)
        return Run(outcome, reason, self._fired, since, users.exposed, bad, tuple(self.stages))
