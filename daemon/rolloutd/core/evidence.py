"""The evidence of one gate: raw counters of the last reading, the running tests, the sums for display, and its sight.

``absorb`` takes one answer in. It must not decide what follows from the evidence (verdict.py and advance.py do).
The whole value is stored after every tick, so a restart goes on with the same bits and counts no request twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log

from rolloutd.core import drifting
from rolloutd.core.averages import Averages, tick_of
from rolloutd.core.by_segment import BySegment, Ticks, labelled
from rolloutd.core.counting import ArmCounters, ArmDelta, bad_of, both_deltas, increment, shorter, usable
from rolloutd.core.drifting import Drift
from rolloutd.core.metrics import Answer, ArmReading, BlindReason, Counted, GateKind, Unreadable
from rolloutd.core.plan import Gate, OnFail, Plan
from rolloutd.core.ratio import RatioWatch
from rolloutd.core.replacing import replace
from rolloutd.core.ripening import Ripening, oldest_asked_ms
from rolloutd.core.segments import Focus
from rolloutd.core.setting import Setting
from rolloutd.core.stats.earlier import NOTHING_KNOWN, Clinging
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.jump import JumpEvidence
from rolloutd.core.stats.proportion import HarmEvidence, LimitEvidence, SafeEvidence
from rolloutd.core.values import SPARSE
from rolloutd.core.whole_day import Hours, covered

NOTHING = Increment(0, 0, 0, 0)
NEVER_READ = Unreadable(BlindReason.NEVER_READ, "no answer yet")


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """Everything one gate knows.

    ``tick`` counts absorbed answers. ``fresh_at_ms`` (rollout clock) is when data was last usable, ``blind`` why it is
    not now. ``dwell_ms`` and ``window_ms`` add up the time covered by challenger requests since the stage began and
    since the last doubt. ``skip_next`` drops the tick in which the share changed. ``stage_pending`` says that the next
    counted tick is the first of a later stage. ``ratio`` watches how requests are split, ``jump`` the champion against
    its own past; evidence that was stored before there were these begins them anew. ``by`` is what each segment shows,
    for a gate that is judged by segment. ``pairs_from_ms`` is from when on pairs count: what was answered before the
    exposure changed may have waited for its pair until then. ``hours`` is how much of each hour of a day the data
    covered since the stage began, on a stage that looks at a whole day. ``ripening`` says which requests' labels count,
    for a gate on labels; ``averages`` is what a gate on a mean knows in the place of harm and safe, ``drift`` what one
    on the classes of answers does.
    """

    metric: str
    harm: HarmEvidence
    safe: SafeEvidence
    limit: LimitEvidence | None = None
    champion_limit: LimitEvidence | None = None
    champion: ArmCounters | None = None
    challenger: ArmCounters | None = None
    tick: int = 0
    blind: Unreadable | None = NEVER_READ
    fresh_at_ms: int | None = None
    counted_at_ms: int | None = None
    dwell_ms: int = 0
    window_ms: int = 0
    stage_sum: Increment = NOTHING
    total_sum: Increment = NOTHING
    last: Increment = NOTHING
    skip_next: bool = True
    stage_pending: bool = False
    ratio: RatioWatch | None = None
    jump: JumpEvidence | None = None
    by: BySegment | None = None
    pairs_from_ms: int | None = None
    hours: Hours = field(default=(), metadata={SPARSE: True})
    ripening: Ripening | None = field(default=None, metadata={SPARSE: True})
    averages: Averages | None = field(default=None, metadata={SPARSE: True})
    drift: Drift | None = field(default=None, metadata={SPARSE: True})

    @classmethod
    def start(cls, plan: Plan, gate: Gate, history: Clinging = NOTHING_KNOWN) -> GateEvidence:
        """Before the first reading of a rollout; ``history`` as earlier ones on its route showed it."""
        later = plan.last
        kind = gate.template.kind
        alone = gate.limit is None or kind.of_pairs
        limit = None if alone or gate.limit is None else LimitEvidence.start(gate.limit, later)
        line, segments = _line(plan, gate), plan.segments if gate.by else None
        return cls(
            metric=gate.metric,
            harm=HarmEvidence.start(gate.harm, later, history=history, line=line),
            safe=SafeEvidence.start(gate.accept),
            limit=limit,
            champion_limit=limit,
            # Labels come late: what arrives now was split by the share of then.
            ratio=RatioWatch.start(later) if kind.tells_split and not gate.template.ripens else None,
            jump=JumpEvidence.start() if kind.of_rates else None,
            by=None if segments is None else BySegment.start(segments, gate.harm, later, line),
            ripening=Ripening() if gate.template.ripens else None,
            averages=Averages.start(gate) if kind is GateKind.MEAN else None,
            drift=Drift.start(gate, line) if kind is GateKind.DRIFT else None,
        )

    @property
    def harm_log_e(self) -> float:
        """log of the relative harm evidence now: over all segments where the gate is judged by them."""
        if self.averages is not None:
            return self.averages.harm.log_e
        if self.drift is not None:
            return self.drift.harm_log_e
        return self.harm.log_e if self.by is None else self.by.harm.log_e

    @property
    def safe_log_e(self) -> float:
        """log of the evidence of safety now, on this stage."""
        return self.safe.log_e if self.averages is None else self.averages.safe.log_e

    def on_isolated(self, segment: str, later_stages: int) -> GateEvidence:
        """A segment was taken off the challenger; from here it is compared no more."""
        after = self.on_share_change()
        return replace(after, by=after.by and after.by.isolated(segment, later_stages))

    def on_put_back(self, segment: str, later_stages: int) -> GateEvidence:
        """A segment is let in again; its own evidence begins anew."""
        after = self.on_share_change()
        return replace(after, by=after.by and after.by.put_back(segment, later_stages))

    def on_share_change(self) -> GateEvidence:
        """The share is changing: the tick that straddles the change compares nothing and is dropped."""
        ratio, ripening = self.ratio and self.ratio.on_share_change(), self.ripening and self.ripening.on_change()
        if self.skip_next and (ratio, ripening) == (self.ratio, self.ripening):
            return self
        return replace(self, skip_next=True, ratio=ratio, ripening=ripening)

    def on_resume(self) -> GateEvidence:
        """A person let it go on although the split or the champion strayed: both are watched anew from here."""
        return replace(self, ratio=self.ratio and self.ratio.on_resume(), jump=self.jump and JumpEvidence.start())

    def on_stage(self, gate: Gate, *, later: bool) -> GateEvidence:
        """A stage begins: safety is shown anew, harm is carried on with fresh restart mass from a later stage."""
        return replace(
            self,
            safe=SafeEvidence.start(gate.accept),
            stage_sum=NOTHING,
            dwell_ms=0,
            hours=(),
            skip_next=True,
            stage_pending=later,
            ratio=self.ratio and self.ratio.on_stage(later=later),
            ripening=self.ripening and self.ripening.on_change(),
            averages=self.averages and self.averages.on_stage(),
            drift=self.drift and self.drift.on_stage(),
        )

    def on_reopen(self, gate: Gate) -> GateEvidence:
        """The rollout is taken up again: what speaks of harm stays, what spoke of safety is void."""
        return replace(self.on_stage(gate, later=False), window_ms=0, blind=NEVER_READ, fresh_at_ms=None)

    def on_doubt(self) -> GateEvidence:
        """Something gave reason to doubt: the observation window begins again."""
        return replace(self, window_ms=0, skip_next=True)


def _line(plan: Plan, gate: Gate) -> float:
    """The log evidence with which this gate's comparison fires alone, whatever all others say."""
    counts = gate.on_fail is not OnFail.OBSERVE
    weight = (plan.weight_of(gate) if counts else 1.0) * (0.5 if gate.limit is not None else 1.0)
    return -log(plan.alpha * weight)


def absorb(ev: GateEvidence, gate: Gate, answer: Answer, setting: Setting) -> GateEvidence:
    """The evidence after one answer. A reading that cannot be used blinds the gate and counts nothing."""
    ev = replace(ev, tick=ev.tick + 1, last=NOTHING, ripening=_looked(ev, gate, setting))
    champion = drifting.fitting(_labelled(ev, _reading(answer, setting.champion_arm, gate)), gate)
    challenger = drifting.told(_labelled(ev, _reading(answer, setting.challenger_arm, gate)), gate)
    if isinstance(champion, Unreadable) and not (setting.champion_has_none(gate) and _silent(champion)):
        return replace(ev, blind=_named("champion", champion))
    excused = not setting.live(gate) or (ev.ripening is not None and ev.ripening.unripe(gate, setting.now_ms))
    if isinstance(challenger, Unreadable) and not (excused and _silent(challenger)):
        return replace(ev, blind=_named("challenger", challenger))
    arms, part_counts = ((ev.champion, champion), (ev.challenger, challenger)), ev.averages is None
    champion_delta, challenger_delta = both_deltas(*arms, part_counts=part_counts)
    if isinstance(champion_delta, Unreadable) or isinstance(challenger_delta, Unreadable):
        return _short_reading(ev, champion_delta, challenger_delta)
    seen = replace(
        ev,
        blind=None,
        fresh_at_ms=setting.now_ms,
        champion=champion_delta.counters if champion_delta else ev.champion,
        challenger=challenger_delta.counters if challenger_delta else ev.challenger,
        skip_next=False,
    )
    if ev.skip_next and gate.template.kind.of_pairs:  # what came by now may wait for its pair as long as this
        seen = replace(seen, pairs_from_ms=setting.now_ms + gate.max_age_ms + gate.every_ms)
    seen = _watch(seen, champion_delta, gate)
    readings = (champion, challenger) if isinstance(champion, Counted) and isinstance(challenger, Counted) else None
    if challenger_delta is None or not setting.live(gate) or ev.skip_next or challenger_delta.baseline_only:
        return _look(seen, readings)
    if champion_delta is not None and champion_delta.baseline_only:
        return _look(seen, readings)
    good = gate.template.good is not None
    inc = increment(champion_delta, challenger_delta, good)
    if seen.averages is not None:
        tick = tick_of(inc, champion_delta, challenger_delta)
        seen = replace(seen, averages=seen.averages.with_tick(tick))
        inc = Increment(inc.champion_n, 0, inc.challenger_n, 0)
    if seen.drift is not None:
        added = drifting.tick_of(*arms, gate)
        seen = replace(seen, drift=seen.drift.with_tick(*(added if setting.compared.whole else drifting.NONE)))
        inc = Increment(inc.champion_n, 0, inc.challenger_n, 0)
    if gate.template.kind.of_pairs:
        return _count_pairs(ev, seen, inc, setting, gate)
    if gate.template.ripens:
        return _count_ripe(ev, seen, inc, setting, gate)
    ticks: Ticks = {}
    if ev.by is not None:
        ticks = ev.by.ticks((ev.champion, champion), (ev.challenger, challenger), part_is_good=good)
    compared = _compared(ev, inc, ticks, setting.compared)
    lossy = challenger_delta.resets > 0 or (champion_delta is not None and champion_delta.resets > 0)
    askew = ev.by is None and not setting.compared.whole
    seen = _look(seen, readings) if lossy or askew else _split(seen, compared, readings, setting)
    return _covered(_count(seen, inc, compared, ticks, setting), compared, setting, gate) if inc != NOTHING else seen


def _count_pairs(ev: GateEvidence, seen: GateEvidence, inc: Increment, setting: Setting, gate: Gate) -> GateEvidence:
    """Add one tick's pairs, once nothing from before the exposure changed can be among them."""
    settled = ev.fresh_at_ms is not None and ev.pairs_from_ms is not None and ev.fresh_at_ms >= ev.pairs_from_ms
    if inc == NOTHING or setting.warm_up or not settled:
        return seen
    return _covered(_sum(seen, inc), inc, setting, gate)


def _looked(ev: GateEvidence, gate: Gate, setting: Setting) -> Ripening | None:
    """What a gate on labels knows of the exposures, with this one."""
    if not gate.template.ripens:
        return None
    known, oldest_ms = ev.ripening or Ripening(), oldest_asked_ms(gate, ev.fresh_at_ms, setting.now_ms)
    return known.look(setting.now_ms, oldest_ms, live=setting.live(gate), warm_up=setting.warm_up)


def _count_ripe(ev: GateEvidence, seen: GateEvidence, inc: Increment, setting: Setting, gate: Gate) -> GateEvidence:
    """Add the labels of the requests that became ripe, where all of these met one exposure.

    Those from before the stage's own exposure speak of harm alone: safety, dwell and sums are of the stage.
    """
    ripening, asked_from_ms = seen.ripening, oldest_asked_ms(gate, ev.fresh_at_ms, setting.now_ms)
    if inc == NOTHING or ripening is None or ev.fresh_at_ms is None:
        return seen
    if not ripening.undisturbed(asked_from_ms, setting.now_ms - gate.template.ripe_ms):
        return seen
    own = ripening.of_present(asked_from_ms)
    after = _count(
        replace(seen, stage_pending=seen.stage_pending and own), inc, inc, {}, replace(setting, warm_up=False)
    )
    after = _covered(after, inc, replace(setting, warm_up=False), gate)
    if own:
        return after
    return replace(
        after,
        safe=seen.safe,
        stage_sum=seen.stage_sum,
        dwell_ms=seen.dwell_ms,
        hours=seen.hours,
        stage_pending=seen.stage_pending,
        averages=after.averages and seen.averages and after.averages.keeping_safe_of(seen.averages),
    )


def _compared(ev: GateEvidence, inc: Increment, ticks: Ticks, focus: Focus) -> Increment:
    """The requests in the segments where the arms have the same users; all of them where no segment is told apart."""
    if ev.by is None or focus.segments is None:
        return inc
    total = NOTHING
    for name in focus.segments:
        total += ticks.get(name, NOTHING)
    return total


def _watch(ev: GateEvidence, champion: ArmDelta | None, gate: Gate) -> GateEvidence:
    """The champion against its own past, in every tick that says something of it, also before there is a share."""
    if champion is None or champion.baseline_only or not gate.template.kind.of_rates:
        return ev
    n, bad = bad_of(champion, gate.template.good is not None)
    return replace(ev, jump=(ev.jump or JumpEvidence.start()).observe(n, bad))


def _look(ev: GateEvidence, readings: tuple[Counted, Counted] | None) -> GateEvidence:
    """This tick says nothing of the split; the next one counts from here."""
    return ev if readings is None or ev.ratio is None else replace(ev, ratio=ev.ratio.look(*readings))


def _split(
    ev: GateEvidence, inc: Increment, readings: tuple[Counted, Counted] | None, setting: Setting
) -> GateEvidence:
    if readings is None or ev.ratio is None:
        return ev
    watch = ev.ratio.observe(inc.champion_n, inc.challenger_n, readings, setting.compared.share, sticky=setting.sticky)
    return replace(ev, ratio=watch)


def _count(ev: GateEvidence, inc: Increment, compared: Increment, ticks: Ticks, setting: Setting) -> GateEvidence:
    """Add one tick's counts to every test.

    The absolute limit is for all of the challenger's requests, every comparison for those that are ``compared``.
    """
    if inc == NOTHING:
        return ev
    gross, started = setting.warm_up, ev.stage_pending
    mirrored = Increment(inc.challenger_n, inc.challenger_bad, inc.champion_n, inc.champion_bad)
    return replace(
        _sum(ev, compared),
        harm=ev.harm.observe(compared, stage_started=started, gross_only=gross),
        safe=ev.safe if gross else ev.safe.observe(compared),
        limit=ev.limit and ev.limit.observe(inc, stage_started=started, gross_only=gross),
        champion_limit=ev.champion_limit
        and ev.champion_limit.observe(mirrored, stage_started=started, gross_only=gross),
        by=ev.by and ev.by.observe(ticks, stage_started=started, gross_only=gross),
        averages=ev.averages and ev.averages.counted(gross_only=gross),
        drift=ev.drift and ev.drift.counted(gross_only=gross),
    )


def _sum(ev: GateEvidence, inc: Increment) -> GateEvidence:
    """With one tick's counts in the sums, which are all that evidence on pairs needs."""
    stage_sum, total_sum = ev.stage_sum + inc, ev.total_sum + inc
    return replace(ev, last=inc, stage_sum=stage_sum, total_sum=total_sum, stage_pending=False)


def _covered(ev: GateEvidence, inc: Increment, setting: Setting, gate: Gate) -> GateEvidence:
    """With the time that this tick covers, where it has requests of both arms."""
    if inc.challenger_n == 0 or (inc.champion_n == 0 and not setting.champion_has_none(gate)):
        return ev
    most_ms = max(setting.tick_ms, gate.every_ms)  # a slow source's answer covers the time since the one before it
    since_ms = most_ms if ev.counted_at_ms is None else setting.now_ms - ev.counted_at_ms
    covered_ms = max(0, min(since_ms, most_ms))
    return replace(
        ev,
        counted_at_ms=setting.now_ms,
        dwell_ms=ev.dwell_ms + covered_ms,
        hours=covered(ev.hours, setting.now_ms, covered_ms) if setting.whole_day else ev.hours,
        window_ms=ev.window_ms + (0 if setting.warm_up else covered_ms),
    )


def _short_reading(
    ev: GateEvidence, champion: ArmDelta | Unreadable | None, challenger: ArmDelta | Unreadable | None
) -> GateEvidence:
    """Blind because some series are missing; remember for how many readings, and move no baseline."""
    if isinstance(champion, Unreadable):
        return replace(ev, blind=_named("champion", champion), champion=ev.champion and shorter(ev.champion))
    assert isinstance(challenger, Unreadable)
    return replace(ev, blind=_named("challenger", challenger), challenger=ev.challenger and shorter(ev.challenger))


def _reading(answer: Answer, arm: str, gate: Gate) -> ArmReading:
    reading = answer.by_arm.get(arm, Unreadable(BlindReason.BAD_ANSWER, f"the answer leaves out {arm}"))
    return usable(reading, answer.read_at_ms, gate.max_age_ms)


def _labelled(ev: GateEvidence, reading: ArmReading) -> ArmReading:
    return reading if ev.by is None else labelled(reading, ev.by.segments)


def _silent(why: Unreadable) -> bool:
    """Whether this is the plain silence of an arm that has no traffic, not trouble with the source."""
    return why.reason in (BlindReason.NO_SERIES, BlindReason.STALE)


def _named(arm: str, why: Unreadable) -> Unreadable:
    return Unreadable(why.reason, f"{arm}: {why.detail}")
