"""What a plan would have done on counts that were recorded, event by event, by the real core. It invents no traffic.

The counts are what they were: under other shares there would have been others, and nobody knows them. So a replay says
what the gates would have made of the same counts, and when the plan would have moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rolloutd import story
from rolloutd.core import events as ev
from rolloutd.core.metrics import Answer, BlindReason, Counted, Point, Unreadable
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Gate, Spec
from rolloutd.core.values import Instant
from rolloutd.core.verdict import harm_of, safe_of
from rolloutd.rehearsal.drive import CHALLENGER_ARM, CHAMPION_ARM, Drive
from rolloutd.rehearsal.runs import PROMOTION, ROLLBACK, UNDECIDED
from rolloutd.rehearsal.ticks_file import Counts
from rolloutd.wording import state_word

SCHEMA = "rollout.replay/1"
_LONGEST_GAP_TICKS = 10_000
Told = dict[str, Any]


class _Counters:
    """The counters that would have shown these counts."""

    def __init__(self, gate: Gate) -> None:
        self._good = gate.template.good is not None
        self._arms = {CHAMPION_ARM: [0, 0], CHALLENGER_ARM: [0, 0]}

    def answer(self, counts: Counts | None, wall_ms: int) -> Answer:
        """After one more tick; None for no news."""
        if counts is not None and counts.note:
            why = Unreadable(BlindReason.NO_SERIES, counts.note)
            return Answer(wall_ms, dict.fromkeys(self._arms, why))
        if counts is not None:
            for arm, n, bad in (
                (CHAMPION_ARM, counts.champion_n, counts.champion_bad),
                (CHALLENGER_ARM, counts.challenger_n, counts.challenger_bad),
            ):
                self._arms[arm][0] += n
                self._arms[arm][1] += n - bad if self._good else bad
        return Answer(
            wall_ms,
            {
                arm: Counted((Point("total", float(n), wall_ms),), (Point("part", float(part), wall_ms),))
                for arm, (n, part) in self._arms.items()
            },
        )


def replay(spec: Spec, ticks: Sequence[Counts], began: Instant | None = None, *, own_plan: bool = False) -> Told:
    """Run the plan over the ticks. ``began`` is when the recorded rollout was requested, on the ticks' own clock.

    Without it the plan begins two readings before the first tick, so that nothing of it is lost to the start. Only with
    the plan that they were recorded under (``own_plan``) is the split of the requests held against its shares.
    """
    every_ms = max(gate.every_ms for gate in spec.plan.gates)
    offset_ms = 0 if began is None else began.wall_ms - began.clock_ms
    start_ms = began.clock_ms if began is not None else ticks[0].at_ms - 2 * every_ms
    shift_ms = min(0, start_ms)  # a rollout clock is not negative
    drive = Drive(spec, Instant(start_ms - shift_ms, start_ms + offset_ms), own_split=own_plan)
    counters = {gate.metric: _Counters(gate) for gate in spec.plan.gates}
    if began is None:
        for at_ms in (start_ms, start_ms + every_ms):
            _step(drive, counters, [None] * len(counters), Instant(at_ms - shift_ms, at_ms + offset_ms))
    last_ms = start_ms if began is not None else start_ms + every_ms
    for at_ms, group in groupby(ticks, key=lambda one: one.at_ms):
        for between_ms in _gap(last_ms, at_ms, spec.plan.timing.tick_ms):
            drive.tick(Instant(between_ms - shift_ms, between_ms + offset_ms))
        _step(drive, counters, list(group), Instant(at_ms - shift_ms, at_ms + offset_ms))
        last_ms = at_ms
        if not drive.lane.rollout.live:
            break
    return _told(drive, start_ms - shift_ms, last_ms - shift_ms, ticks)


def _step(drive: Drive, counters: dict[str, _Counters], group: Sequence[Counts | None], at: Instant) -> None:
    named = zip(counters, group, strict=True) if None in group else ((c.metric, c) for c in group if c is not None)
    for metric, counts in named:
        drive.answer(metric, counters[metric].answer(counts, at.wall_ms), at)
    drive.tick(at)
    drive.approve(at)


def _gap(last_ms: int, next_ms: int, tick_ms: int) -> Iterator[int]:
    """The check intervals in which nothing was recorded: the daemon would have looked all the same."""
    steps = min((next_ms - last_ms - 1) // tick_ms, _LONGEST_GAP_TICKS)
    return (last_ms + tick_ms * (k + 1) for k in range(steps))


def _told(drive: Drive, start_ms: int, last_ms: int, ticks: Sequence[Counts]) -> Told:
    rollout = drive.lane.rollout
    judgement = drive.lane.picture(last_ms).judgement if rollout.live else None
    return {
        "schema": SCHEMA,
        "name": rollout.name,
        "strategy": rollout.spec.plan.strategy,
        "ticks": len(ticks),
        "recorded_s": (ticks[-1].at_ms - ticks[0].at_ms) / 1000,
        "outcome": _outcome(drive),
        "state": state_word(rollout, judgement),
        "stage": rollout.stage_index,
        "share": rollout.traffic.confirmed.fraction,
        "reason": rollout.end.reason if rollout.end else rollout.hold.reason if rollout.hold else "",
        "gates": {
            metric: {
                "champion": [known.total_sum.champion_bad, known.total_sum.champion_n],
                "challenger": [known.total_sum.challenger_bad, known.total_sum.challenger_n],
                "log_e_harm": harm_of(gate, known, rollout.mirror.confirmed),
                "log_e_safe": safe_of(gate, known, rollout.mirror.confirmed),
            }
            for gate in rollout.spec.plan.gates
            for metric, known in ((gate.metric, drive.lane.evidence[gate.metric]),)
        },
        "events": [_event(row, start_ms) for row in drive.recorded],
    }


def _outcome(drive: Drive) -> str:
    rollout = drive.lane.rollout
    if rollout.phase is Phase.DONE:
        return PROMOTION
    recede = rollout.recede
    return ROLLBACK if recede is not None and recede.cause is ev.RecedeCause.HARM else UNDECIDED


def _event(row: ev.Recorded, start_ms: int) -> Told:
    what, why = story.tell(row.event)
    return {"at_s": (row.at.clock_ms - start_ms) / 1000, "kind": type(row.event).__name__, "what": what, "why": why}
