"""How long one gate takes on one stage: to pass a good challenger, and to see a bad one. Pure, and never evidence.

It follows the evidence's own course: the tick in which the share changed is dropped, in the warm-up only gross harm
counts and nothing speaks for safety, the harm evidence has its weight among the gates, half of it where there is a
limit, and the restart mass that the stage puts to work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, exp, log, pi, sqrt

from rolloutd.core.forecast.values import GateForecast, MetricTraffic, Span
from rolloutd.core.plan import Gate, OnFail, Plan
from rolloutd.core.stats import robust
from rolloutd.core.stats.deflate import PRIOR_ERRORS
from rolloutd.core.stats.grid import HARM, HARM_LATE, SAFE_LOG_WEIGHTS
from rolloutd.core.stats.logs import logaddexp, logsumexp
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.pace import Flow, Pace, harm_pace, safe_pace
from rolloutd.core.stats.passage import Passage, below, first_passage
from rolloutd.core.stats.restart import FIRST_TICK_MASS, LATER_STAGES_MASS, tick_mass

WELL_SEEN = 0.9
_GROSSEST, _SLIGHTEST = 64.0, 1.01
_HALVINGS = 7
_MOST_LIKELY = 0.98
_LEARNT = ((0.1, 0.2), (0.3, 0.4), (0.5, 0.6), (0.7, 0.8), (0.85, 0.9), (0.95, 0.98))
"""The part of the dispersion that is known on the way to the part after it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A gate on a stage at a traffic. Where an arm has few requests, several readings are taken as one tick."""

    plan: Plan
    index: int
    gate: Gate
    traffic: MetricTraffic

    @property
    def share(self) -> float:
        """The challenger's part."""
        return self.plan.stages[self.index].own_share.fraction

    @property
    def _smaller(self) -> float:
        """The part of the traffic that the arm with less of it has."""
        return min(self.share, 1.0 - self.share)

    @property
    def _fewest(self) -> int:
        """Requests of that arm in what is taken as one tick: one reading's, or as many readings' as bring one."""
        reading = self.traffic.rps * self.gate.every_ms / 1000.0 * self._smaller
        return round(reading * max(1, ceil(1.0 / reading)))

    @property
    def step_ms(self) -> float:
        """The time of one such tick: exactly that of its whole requests, or rounding them would be a slower traffic."""
        return 1000.0 * self._fewest / (self.traffic.rps * self._smaller)

    def flow(self, challenger_rate: float) -> Flow:
        """What a tick brings when the challenger errs at this rate."""
        requests = self._fewest / self._smaller
        challenger = max(1, round(requests * self.share))
        champion = max(1, round(requests * (1.0 - self.share)))
        return Flow(champion, self.traffic.rate, challenger, min(challenger_rate, _MOST_LIKELY))


def forecast_gate(setting: Setting) -> GateForecast:
    """What this gate takes on this stage."""
    gate, traffic = setting.gate, setting.traffic
    stage = setting.plan.stages[setting.index]
    if setting.share >= 1.0:
        return GateForecast(gate, traffic, None, None, 1.0, None, None, not_compared=True)
    passage = passage_to_safe(setting)
    from_ms = safe_from_ms(setting)
    if passage is None:
        return GateForecast(gate, traffic, None, None, 0.0, smallest_harm(setting), _twice(setting))
    p90 = passage.quantile(WELL_SEEN)
    time_ms = Span(from_ms + passage.mean * setting.step_ms, from_ms + p90 * setting.step_ms)
    per_ms = traffic.rps * setting.share / 1000.0
    samples = Span(time_ms.mean * per_ms, time_ms.p90 * per_ms)
    odds = passage.odds_by((stage.max_time_ms - from_ms) / setting.step_ms)
    return GateForecast(gate, traffic, samples, time_ms, odds, smallest_harm(setting), _twice(setting))


def safe_from_ms(setting: Setting) -> int:
    """From when a tick can speak for safety: the first one is dropped, and so are all of the warm-up but its last.

    Labels come later by as long as they take to be ripe.
    """
    every_ms, ripe_ms = setting.gate.every_ms, setting.gate.template.ripe_ms
    return max(every_ms, setting.plan.timing.warm_up_ms - every_ms) + ripe_ms


def passage_to_safe(setting: Setting) -> Passage | None:
    """Ticks until a challenger as good as the champion is shown safe, counted from `safe_from_ms`."""
    flow = setting.flow(setting.traffic.rate)
    phi, found = setting.traffic.phi, None
    for _ in range(2):  # how long it takes says how well phi will be known, and that how long it takes
        pace = _safe_pace(flow, setting.gate.accept, round(phi, 3))
        found = first_passage(pace, SAFE_LOG_WEIGHTS, log(1.0 / setting.plan.beta))
        if found is None:
            return None
        errors = max(flow.champion_n, flow.challenger_n) * flow.champion_rate
        phi = expected_phi(setting.traffic.phi, errors, found.mean)
    return found


def passage_from(setting: Setting, logs: Sequence[float]) -> Passage | None:
    """The same from evidence as it stands: ``logs`` are its effects' own, weights among them. None when it is safe."""
    line = log(1.0 / setting.plan.beta)
    if logsumexp(logs) >= line:
        return None
    pace = _safe_pace(setting.flow(setting.traffic.rate), setting.gate.accept, setting.traffic.phi)
    return first_passage(pace, logs, line)


def expected_phi(truth: float, errors: float, ticks: float) -> float:
    """What the dispersion is taken for after so many ticks of so many errors.

    It is never taken for less than 1, so while it is known badly it is taken for more than it is: successive ticks are
    compared, which tells a variance to sqrt(3 / ticks), and the prior of some errors holds it near 1 for as long.
    """
    weight = 2.0 * errors * ticks / (PRIOR_ERRORS + 2.0 * errors * ticks)
    above = weight * (truth - 1.0)
    spread = weight * truth * sqrt(3.0 / max(ticks, 2.0))
    if spread <= 0.0:
        return 1.0 + above
    z = above / spread
    return 1.0 + above * below(z) + spread * exp(-0.5 * z * z) / sqrt(2.0 * pi)


def time_to_harm(setting: Setting, ratio: float) -> Span | None:
    """Time until harm of this multiple of the champion's rate, there from the stage's start on, takes it back.

    Gross harm may be seen in the warm-up already; what is not goes on from its end. Of labels nothing is seen in it.
    """
    ripe_ms = setting.gate.template.ripe_ms
    if ripe_ms == 0:
        return _time_to_harm(setting, ratio)
    plan = setting.plan
    at_once = replace(setting, plan=replace(plan, timing=replace(plan.timing, warm_up_ms=0)))
    found, later_ms = _time_to_harm(at_once, ratio), ripe_ms + plan.timing.warm_up_ms
    return None if found is None else Span(found.mean + later_ms, found.p90 + later_ms)


def _time_to_harm(setting: Setting, ratio: float) -> Span | None:
    gate, timing, step_ms = setting.gate, setting.plan.timing, setting.step_ms
    flow, line = setting.flow(setting.traffic.rate * ratio), _line(setting)
    weights = _weights_at_start(setting)
    warm, odds, spent, in_time = max(0, int(timing.warm_up_ms / step_ms + 1e-6) - 2), 0.0, 0.0, None
    if warm:
        # Nothing is learnt in a warm-up: errors are taken for independent.
        gross = _harm_pace(flow, gate.harm, round(setting.traffic.phi, 3), gross=True, taken_for=1.0)
        early = log(_early_mass(setting, 1, warm))
        begun = [logaddexp(a, early + b) for a, b in zip(weights, HARM_LATE.log_weights, strict=True)]
        in_time = first_passage(gross, begun, line)
        odds = 0.0 if in_time is None else in_time.odds_by(warm)
        spent = float(warm) if in_time is None else sum([1.0 - in_time.odds_by(tick) for tick in range(warm)])
        weights = _after_warm_up(setting, weights, gross, warm)
    if in_time is not None and odds >= WELL_SEEN:
        rest = (1.0 - odds) * warm  # as long again for the few that are not seen in it
        return Span(gate.every_ms + (spent + rest) * step_ms, gate.every_ms + in_time.quantile(WELL_SEEN) * step_ms)
    later = _passage_after(setting, flow, weights, warm)
    if later is None:
        return None
    from_ms = gate.every_ms if not warm else timing.warm_up_ms - gate.every_ms
    mean_ms = (gate.every_ms + spent * step_ms) if warm else float(gate.every_ms)
    p90 = later.quantile((WELL_SEEN - odds) / (1.0 - odds))
    return Span(mean_ms + (1.0 - odds) * later.mean * step_ms, from_ms + p90 * step_ms)


def smallest_harm(setting: Setting) -> float | None:
    """The least multiple of the champion's rate that is seen, with odds of 9 in 10, within the stage's maximum time."""
    max_ms = setting.plan.stages[setting.index].max_time_ms

    def is_seen(ratio: float) -> bool:
        found = time_to_harm(setting, ratio)
        return found is not None and found.p90 <= max_ms

    tolerated = setting.gate.harm.tolerated(setting.traffic.rate) / setting.traffic.rate
    low, high = tolerated * _SLIGHTEST, min(_GROSSEST, _MOST_LIKELY / setting.traffic.rate)
    if low >= high or not is_seen(high):
        return None
    for _ in range(_HALVINGS):
        middle = sqrt(low * high)
        low, high = (low, middle) if is_seen(middle) else (middle, high)
    return high


def _twice(setting: Setting) -> Span | None:
    return time_to_harm(setting, 2.0) if 2.0 * setting.traffic.rate < _MOST_LIKELY else None


def _passage_after(setting: Setting, flow: Flow, weights: Sequence[float], warm: int) -> Passage | None:
    """Ticks until harm is shown once the warm-up is over; what every tick puts to work early on comes in time."""
    pace = _harm_pace(flow, setting.gate.harm, round(setting.traffic.phi, 3), gross=False)
    found = first_passage(pace, weights, _line(setting))
    if found is None:
        return None
    weights = _while_learning(setting, flow, pace, weights, found.mean)
    early = log(_early_mass(setting, warm + 1, max(1, int(found.mean / 4.0))))
    more = [logaddexp(a, early + b) for a, b in zip(weights, HARM_LATE.log_weights, strict=True)]
    return first_passage(pace, more, _line(setting))


def _while_learning(
    setting: Setting, flow: Flow, pace: Pace, weights: Sequence[float], ticks: float
) -> Sequence[float]:
    """The same less what bets lose that are too large, as long as bursts are taken for less than they are."""
    phi = setting.traffic.phi
    if phi <= 1.0:
        return weights
    scale = setting.gate.harm.factor * flow.challenger_n / flow.champion_n
    errors = flow.challenger_n * flow.challenger_rate + scale * scale * flow.champion_n * flow.champion_rate
    found, before = list(weights), 0.0
    for known, until in _LEARNT:  # the prior is worth so many errors, and ticks are compared in pairs
        now = min(ticks, robust.PRIOR_ERRORS * until / (2.0 * errors * (1.0 - until)))
        taken_for = round(1.0 + known * (phi - 1.0), 3)
        early = _harm_pace(flow, setting.gate.harm, round(phi, 3), gross=False, taken_for=taken_for)
        found = [
            value + (now - before) * (mean - later)
            for value, mean, later in zip(found, early.means, pace.means, strict=True)
        ]
        before = now
    return found


def _line(setting: Setting) -> float:
    """What the gate's own harm evidence must reach for the weighted average to reach 1/alpha."""
    gate = setting.gate
    weight = setting.plan.weight_of(gate) if gate.on_fail is not OnFail.OBSERVE else 1.0
    return log(1.0 / setting.plan.alpha) - log(weight) + (log(2.0) if gate.limit is not None else 0.0)


def _weights_at_start(setting: Setting) -> list[float]:
    """log of the mass that the stage itself puts to work, on each effect. What is carried has lost by then."""
    mass = FIRST_TICK_MASS if setting.index == 0 else LATER_STAGES_MASS / max(setting.plan.last, 1)
    return [log(mass) + w for w in HARM.log_weights]


def _ticks_before(setting: Setting) -> int:
    """About how many ticks the stages before have had: their minimum times."""
    return sum(stage.min_time_ms for stage in setting.plan.stages[: setting.index]) // setting.gate.every_ms


def _early_mass(setting: Setting, first: int, count: int) -> float:
    """What ``count`` ticks put to work, from the stage's tick ``first`` on."""
    begin = _ticks_before(setting) + first
    return sum([tick_mass(tick) for tick in range(begin, begin + min(count, 2_000))])


def _after_warm_up(setting: Setting, weights: Sequence[float], gross: Pace, warm: int) -> list[float]:
    """The same after a warm-up, in which bets on gross harm were lost where it is less than that."""
    found = [weight + mean * warm for weight, mean in zip(weights, gross.means, strict=True)]
    before = _ticks_before(setting)
    for tick in range(1, warm + 1):
        mass = log(tick_mass(before + tick))
        found = [
            logaddexp(value, mass + late + mean * (warm - tick))
            for value, late, mean in zip(found, HARM_LATE.log_weights, gross.means, strict=True)
        ]
    return found


@lru_cache(maxsize=2_048)
def _safe_pace(flow: Flow, accept: Margin, phi: float) -> Pace:
    return safe_pace(flow, accept, phi)


@lru_cache(maxsize=2_048)
def _harm_pace(flow: Flow, harm: Margin, phi: float, *, gross: bool, taken_for: float | None = None) -> Pace:
    return harm_pace(flow, harm, phi, gross=gross, taken_for=taken_for)
