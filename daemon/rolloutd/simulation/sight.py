"""Judges what the daemon concludes from metrics against what the world really gave it (I3, I7, I8, I9)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from rolloutd.core import events as ev
from rolloutd.core.values import ZERO, Share
from rolloutd.simulation.ledger import Ledger
from rolloutd.simulation.scenario import Scenario

JUST_NOW_MS = 3_500


class Sight(StrEnum):
    """What one answer was worth, in truth.

    VAGUE may count (some series were missing), EMPTY says nothing (frozen counters, zeroes), BLIND must blind.
    """

    GOOD = "good"
    VAGUE = "vague"
    EMPTY = "empty"
    BLIND = "blind"


@dataclass
class _Metric:
    """The answers that were given for one gate."""

    answers: deque[tuple[int, Sight]] = field(default_factory=lambda: deque(maxlen=300))
    blind_since_ms: int | None = None

    def usable_since(self, from_ms: int) -> int:
        """How many answers since then may have counted."""
        return sum(at_ms >= from_ms and sight in (Sight.GOOD, Sight.VAGUE) for at_ms, sight in self.answers)

    def readable_since(self, from_ms: int) -> bool:
        """Whether any answer since then was not blind."""
        return any(at_ms >= from_ms and sight is not Sight.BLIND for at_ms, sight in self.answers)


class SightCheckers:
    """The judges of evidence. ``fault`` keeps a broken invariant."""

    def __init__(self, scenario: Scenario, ledger: Ledger, fault: Callable[[str, str], None]) -> None:
        self._scenario = scenario
        self._ledger = ledger
        self._fault = fault
        self._metrics = {gate.metric: _Metric() for gate in scenario.plan.gates}
        self._life_from_ms = 0
        self._restarted_ms = -1
        self._suspended_ms = -1

    def process_started(self, now_ms: int) -> None:
        """A new process looks at the world from here."""
        self._life_from_ms = now_ms
        if self._ledger.version:  # it knows nothing of what this rollout did meanwhile
            self._restarted_ms = now_ms

    def woke(self, now_ms: int) -> None:
        """The host was suspended for more than two ticks until now."""
        self._suspended_ms = now_ms

    def answered(self, metric: str, sight: Sight, now_ms: int) -> None:
        """The source gave an answer for a gate, or failed to before its deadline."""
        known = self._metrics[metric]
        known.answers.append((now_ms, sight))
        if sight is not Sight.BLIND:
            known.blind_since_ms = None
        elif known.blind_since_ms is None:
            known.blind_since_ms = now_ms

    def recorded(self, row: ev.Recorded, now_ms: int) -> None:
        """An event is about to enter the ledger: going up by verdict needs sight, time and a fresh look."""
        event, ledger = row.event, self._ledger
        if not isinstance(event, ev.TrafficWanted | ev.FinishStarted) or event.basis.kind is not ev.BasisKind.VERDICT:
            return
        stage, confirmed_ms = ledger.stage, ledger.stage_confirmed_ms
        if isinstance(event, ev.TrafficWanted):  # its StageEntered is in the ledger already
            stage, confirmed_ms = ledger.left_stage, ledger.left_confirmed_ms
        if stage < 0:
            if not all(known.readable_since(self._life_from_ms) for known in self._metrics.values()):
                self._fault("I8", "the first stage was entered before this process had read every metric")
            return
        self._stayed(stage, confirmed_ms, now_ms)
        for metric, known in self._metrics.items():
            self._last_answer(metric, known, now_ms)
            least = self._answers_in(self._scenario.plan.stages[stage].min_ticks, metric)
            if confirmed_ms is None or known.usable_since(confirmed_ms) < least:
                self._fault("I3", f"went up from stage {stage} with less than {least} answers of {metric}")
            self._fresh_look(metric, known, now_ms)

    def _stayed(self, stage: int, confirmed_ms: int | None, now_ms: int) -> None:
        """A stage lasts its least time by the world's own clock, give or take what a slow disk adds to a record."""
        least_ms = self._scenario.plan.stages[stage].min_time_ms
        if confirmed_ms is not None and (stayed_ms := now_ms - confirmed_ms) < least_ms - JUST_NOW_MS:
            self._fault("I9", f"went up from stage {stage} after {stayed_ms} of at least {least_ms} ms")

    def _last_answer(self, metric: str, known: _Metric, now_ms: int) -> None:
        """The last answer that can have been taken in was no blind one and is not old."""
        tick_ms = self._scenario.tick_ms
        taken = [answer for answer in known.answers if answer[0] <= now_ms - tick_ms // 2]
        newer = [answer for answer in known.answers if answer[0] > now_ms - tick_ms // 2]
        last = (newer or taken)[-1:]
        if self._just_woke(now_ms):
            return
        if not last or now_ms - last[0][0] > 7 * tick_ms:
            self._fault("I3", f"went up on a verdict although {metric} was not answered for seven ticks")
        elif all(answers[-1][1] is Sight.BLIND for answers in (taken, newer) if answers):
            self._fault("I3", f"went up on a verdict while {metric} was blind")

    def _fresh_look(self, metric: str, known: _Metric, now_ms: int) -> None:
        """A whole observation window was answered since the last doubt."""
        doubts = [self._restarted_ms, *self._ledger.doubts_ms[-1:]]
        if not self._just_woke(now_ms):
            doubts.append(self._suspended_ms)
        last_ms, due = max(doubts), self._answers_in(self._scenario.plan.timing.window_ticks, metric)
        if last_ms >= 0 and (seen := known.usable_since(last_ms)) < due:
            self._fault("I8", f"went up {now_ms - last_ms} ms after a doubt, on {seen} of {due} answers of {metric}")

    def _just_woke(self, now_ms: int) -> bool:
        """Whether the host woke a moment ago: what was decided before it slept is recorded now, and not carried out."""
        return self._suspended_ms >= 0 and now_ms - self._suspended_ms <= JUST_NOW_MS

    def _answers_in(self, ticks: int, metric: str) -> int:
        """How many answers are due in so many ticks: one a tick, or fewer where the source's own cadence is slower."""
        tick_ms, every_ms = self._scenario.tick_ms, self._scenario.plan.gate(metric).every_ms
        return ticks if every_ms <= tick_ms else ticks * tick_ms // every_ms

    def saw_all(self, metric: str, now_ms: int) -> bool:
        """Whether this process was shown every series in the last two answers, and had time to take them in."""
        last = list(self._metrics[metric].answers)[-2:]
        long_ago_ms = now_ms - self._scenario.tick_ms // 2
        return len(last) == 2 and all(
            sight is Sight.GOOD and self._life_from_ms < at_ms <= long_ago_ms for at_ms, sight in last
        )

    def is_blind(self, metric: str, now_ms: int) -> bool:
        """Whether this process was given nothing but blind answers for so long that the gate must know it."""
        since_ms = self._metrics[metric].blind_since_ms
        long_ms = 3 * self._scenario.tick_ms // 2 + 3_500
        live = self._ledger.confirmed > ZERO and not self._ledger.ended  # without traffic silence is no blindness
        return live and since_ms is not None and now_ms - max(since_ms, self._life_from_ms) > long_ms

    def look(self, now_ms: int, shown: Share, able_since_ms: int) -> None:
        """Blind for long enough means zero. Since ``able_since_ms`` nothing kept the daemon from acting."""
        ledger, timing = self._ledger, self._scenario.plan.timing
        if ZERO in (shown, ledger.confirmed) or ledger.finishing or ledger.receding or ledger.ended:
            return
        patience_ms = (timing.blind_recede_ticks + 3) * timing.tick_ms + 4_500
        for metric, known in self._metrics.items():
            since_ms = known.blind_since_ms
            if since_ms is not None and now_ms - max(since_ms, able_since_ms) > patience_ms:
                self._fault("I7", f"{metric} has been blind for {now_ms - since_ms} ms and {shown} is served")
