"""Evidence and gates to verdicts: PASS, FAIL, COLLECTING or BLIND, with reasons as values. It starts nothing.

Harm is one test for the whole rollout: the weighted average of all gates' harm evidence, so alpha is spent once.
Safety is shown by every gate for itself, at the moment of looking. Without usable data a gate is BLIND, whatever it
knew before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf, log

from rolloutd.core import pairs
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import BlindReason, GateKind, Unreadable
from rolloutd.core.plan import Gate, OnFail, Plan
from rolloutd.core.segments import Focus
from rolloutd.core.stats.logs import log_mixture, logsumexp
from rolloutd.core.suspicion import Outside, SplitVerdict, judge_champion, judge_split
from rolloutd.core.values import ZERO, Share


class Verdict(StrEnum):
    """What a gate says now.

    NOT_CHECKED: the plan gives it nothing to compare with (no holdback, nothing mirrored). QUIET is a gate that can
    show harm and never safety: it has seen enough for a large one to show, and none does.
    """

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    COLLECTING = "collecting"
    BLIND = "blind"
    NOT_CHECKED = "not-checked"
    QUIET = "quiet"


Limits = Mapping[str, float]
"""log of each gate's evidence that the challenger is over the limit, by metric, for those that have one."""


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """One gate now. ``log_e_harm`` already carries the gate's weight; progress is the part of the way to the line.

    ``segment`` is the one that shows the harm alone, where there is one.
    """

    gate: Gate
    verdict: Verdict
    log_e_harm: float
    log_e_safe: float
    harm_progress: float
    safe_progress: float
    over_limit: bool
    blind: Unreadable | None
    blind_for_ms: int
    segment: str


@dataclass(frozen=True, slots=True)
class _Sight:
    """What a gate sees now: nothing because of trouble, nothing by plan, or what it should.

    ``alike``: it compares the same users on both sides.
    """

    blind: Unreadable | None = None
    blind_for_ms: int = 0
    not_checked: bool = False
    alike: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """All gates now. ``fired`` is the gate that carries most of the harm once the total has reached the line.

    One that goes back and is over the line by itself comes before one that only holds: no hold hides it.
    ``both_over_limit`` names a gate whose limit both arms exceed: an outside trouble, not the challenger's.
    ``split`` is None where no share is to be checked, ``outside`` where the champion is as it was.
    """

    gates: tuple[GateVerdict, ...]
    log_e_harm: float
    fired: GateVerdict | None
    both_over_limit: str | None
    split: SplitVerdict | None = None
    outside: Outside | None = None

    @property
    def blind(self) -> tuple[GateVerdict, ...]:
        """The gates that see nothing and matter, also those that showed harm before they went blind."""
        return tuple(g for g in self.gates if g.blind is not None and g.gate.on_fail is not OnFail.OBSERVE)

    @property
    def undecided(self) -> tuple[GateVerdict, ...]:
        """The gates that matter and neither pass, nor are quiet, nor are out of the plan's question."""
        fine = (Verdict.PASS, Verdict.NOT_CHECKED, Verdict.QUIET)
        return tuple(g for g in self.gates if g.verdict not in fine and g.gate.on_fail is not OnFail.OBSERVE)

    @property
    def all_pass(self) -> bool:
        """Whether every gate that matters passes now."""
        return not self.undecided


def judge(
    plan: Plan,
    evidence: Mapping[str, GateEvidence],
    now_ms: int,
    *,
    share: Share,
    focus: Focus | None = None,
    watching_from_ms: int = 0,
    sticky: bool = False,
    mirror: Share = ZERO,
) -> Judgement:
    """All gates at this moment (rollout clock), at this confirmed exposure. A gate without evidence is BLIND."""
    focus = focus or Focus(share)
    limits = {m: known.limit.log_e for m, known in evidence.items() if known.limit is not None}
    excused = next((g.metric for g in plan.gates if _both_over(plan, evidence.get(g.metric), limits)), None)
    parts = {gate.metric: _harm(plan, gate, evidence.get(gate.metric), excused, mirror, limits) for gate in plan.gates}
    counted, line = [gate for gate in plan.gates if gate.on_fail is not OnFail.OBSERVE], log(1.0 / plan.alpha)
    total = logsumexp([parts[gate.metric] for gate in counted])
    rank = {g.metric: (g.on_fail is OnFail.ROLLBACK and parts[g.metric] >= line, parts[g.metric]) for g in counted}
    fired_metric = max(rank, key=rank.__getitem__) if total >= line else None
    verdicts = tuple(
        _one(
            plan,
            gate,
            evidence.get(gate.metric),
            parts[gate.metric],
            gate.metric == fired_metric,
            _sight(gate, evidence.get(gate.metric), (now_ms, watching_from_ms), (focus, mirror)),
            mirror,
            limits,
        )
        for gate in plan.gates
    )
    fired = next((v for v in verdicts if v.gate.metric == fired_metric), None)
    comparable = [known for known in evidence.values() if focus.whole or known.by is not None]
    split = judge_split(comparable, focus.share, sticky=sticky)
    return Judgement(verdicts, total, fired, excused, split, judge_champion(evidence.values()))


def _harm(plan: Plan, gate: Gate, ev: GateEvidence | None, excused: str | None, mirror: Share, limits: Limits) -> float:
    """log of the gate's weighted harm evidence: half relative and half absolute where it has a limit."""
    if ev is None:
        return -inf
    weight = log(plan.weight_of(gate)) if gate.on_fail is not OnFail.OBSERVE else 0.0
    if gate.metric not in limits:
        return weight + harm_of(gate, ev, mirror)
    limit = -inf if excused == gate.metric else limits[gate.metric]
    return weight + log_mixture([log(0.5), log(0.5)], [ev.harm_log_e, limit])


def _both_over(plan: Plan, ev: GateEvidence | None, limits: Limits) -> bool:
    """Whether challenger and champion have both been shown over the gate's absolute limit."""
    if ev is None or ev.metric not in limits or ev.champion_limit is None:
        return False
    line = log(1.0 / plan.alpha)
    return limits[ev.metric] >= line and ev.champion_limit.log_e >= line


def _one(
    plan: Plan,
    gate: Gate,
    ev: GateEvidence | None,
    harm: float,
    fired: bool,
    sight_now: _Sight,
    mirror: Share,
    limits: Limits,
) -> GateVerdict:
    line, safe_line = log(1.0 / plan.alpha), log(1.0 / plan.beta)
    safe = safe_of(gate, ev, mirror) if ev is not None else 0.0
    blind, drift = sight_now.blind, None if ev is None else ev.drift
    over_limit = limits.get(gate.metric, -inf) >= line
    if fired or harm >= line:
        verdict = Verdict.FAIL
    elif blind is not None:
        verdict = Verdict.BLIND
    elif sight_now.not_checked:
        verdict = Verdict.NOT_CHECKED
    elif drift is not None:
        verdict = Verdict.QUIET if drift.quiet and sight_now.alike else Verdict.COLLECTING
    elif safe >= safe_line and sight_now.alike:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.COLLECTING
    return GateVerdict(
        gate=gate,
        verdict=verdict,
        log_e_harm=harm,
        log_e_safe=safe,
        harm_progress=_progress(harm, line),
        safe_progress=_progress(safe, safe_line) if drift is None else drift.progress,
        over_limit=over_limit,
        blind=blind,
        blind_for_ms=sight_now.blind_for_ms,
        segment=(ev.by.harm.alone if ev is not None and ev.by is not None else None) or "",
    )


def harm_of(gate: Gate, ev: GateEvidence, mirror: Share) -> float:
    """log evidence that the challenger is worse than the gate's harm margin, unweighted and without its limit."""
    if gate.template.kind.of_pairs:
        return pairs.harm_log_e(gate, ev.total_sum, ev.stage_sum, mirror)
    return ev.harm_log_e


def safe_of(gate: Gate, ev: GateEvidence, mirror: Share) -> float:
    """log evidence that the challenger is better than the gate's accept margin, on this stage."""
    return pairs.safe_log_e(gate, ev.stage_sum, mirror) if gate.template.kind.of_pairs else ev.safe_log_e


def _sight(gate: Gate, ev: GateEvidence | None, looked_ms: tuple[int, int], exposure: tuple[Focus, Share]) -> _Sight:
    """``looked_ms`` is now, and since when this process looks; ``exposure`` where the arms are compared, and copies."""
    focus, mirror = exposure
    blind, blind_for_ms = sight(gate, ev, *looked_ms)
    if gate.template.kind is GateKind.DRIFT and mirror > ZERO:
        return _Sight(not_checked=True)
    if not gate.template.kind.of_pairs:
        # Without its segments a gate compares unlike users.
        return _Sight(blind, blind_for_ms, focus.champion_has_none, focus.whole or bool(gate.by))
    if mirror == ZERO:  # without mirrored requests there is nothing to be seen
        return _Sight(not_checked=True)
    return _Sight(blind, blind_for_ms)


def sight(gate: Gate, ev: GateEvidence | None, now_ms: int, watching_from_ms: int) -> tuple[Unreadable | None, int]:
    """Why the gate sees nothing now and for how long, or (None, 0).

    Silence of the source itself blinds too: an answer older than three cadences and the greatest sample age is none.
    ``watching_from_ms`` is when this process began to look: what nobody looked at was not blind for that long.
    """
    if ev is None:
        return Unreadable(BlindReason.NEVER_READ, "no answer yet"), max(0, now_ms - watching_from_ms)
    seen_ms = max(watching_from_ms, ev.fresh_at_ms if ev.fresh_at_ms is not None else watching_from_ms)
    silent_ms = now_ms - seen_ms
    if ev.blind is not None:
        return ev.blind, silent_ms
    if silent_ms > 3 * gate.every_ms + gate.max_age_ms:
        return Unreadable(BlindReason.TIMEOUT, f"the source has not answered for {silent_ms / 1000:.0f} s"), silent_ms
    return None, 0


def _progress(log_e: float, line: float) -> float:
    """The part of the way to the line on the log scale, 0 to 1."""
    return max(0.0, min(1.0, log_e / line))


def rates(n: float, bad: float) -> float | None:
    """A rate for display, or None without requests."""
    return bad / n if n else None
