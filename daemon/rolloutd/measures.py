"""Success measures over many rollouts, from records and evidence. Pure; what cannot be known is null, not zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rolloutd import hindsight
from rolloutd.core.events import RecedeCause
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import GateKind
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO, Instant
from rolloutd.wire_report import GateReview, RouteUptime, Spread, Stats
from rolloutd.wording import rfc3339

MS_A_DAY, MS_AN_HOUR = 86_400_000, 3_600_000
_FAILED = frozenset({RecedeCause.HARM, RecedeCause.PERSON, RecedeCause.UNDECIDED, RecedeCause.ROLLBACK})
Known = Mapping[str, Mapping[str, GateEvidence]]
"""The gates' evidence by rollout and metric, of those that it was read of."""


def stats_of(rollouts: Iterable[Rollout], known: Known, since_ms: int, now: Instant) -> Stats:
    """The measures of the rollouts that were requested since then (wall clock)."""
    chosen = [one for one in rollouts if one.requested_at.wall_ms >= since_ms]
    days = max(1.0, (now.wall_ms - since_ms) / MS_A_DAY)
    ended = [one for one in chosen if one.phase in (Phase.DONE, Phase.ABORTED, Phase.ROLLED_BACK)]
    failed = [one for one in ended if _failed(one)]
    overridden = [one for one in chosen if any(not note.proposed_only for note in one.overrides)]
    phases = [one.phase for one in chosen]
    return Stats(
        since=rfc3339(since_ms),
        as_of=rfc3339(now.wall_ms),
        days=days,
        requested=len(chosen),
        done=phases.count(Phase.DONE),
        rolled_back=phases.count(Phase.ROLLED_BACK),
        aborted=phases.count(Phase.ABORTED),
        refused=phases.count(Phase.REFUSED),
        live=sum(one.live for one in chosen),
        a_week=len(chosen) / days * 7,
        change_fail_rate=len(failed) / len(ended) if ended else None,
        failed=len(failed),
        to_restore=spread(ms for ms in map(restore_ms, chosen) if ms is not None),
        to_full=spread(ms for ms in map(full_ms, chosen) if ms is not None),
        lead_time=spread(_ms(one.requested_at, one.end.at) for one in chosen if one.end and one.phase is Phase.DONE),
        two_versions_h=sum(_both_served_ms(one, now) for one in chosen) / MS_AN_HOUR,
        overrides=sum(not note.proposed_only for one in chosen for note in one.overrides),
        overrides_then_bad=sum(_failed(one) for one in overridden),
        uptime=_uptime(chosen, known),
        gates=_reviews(chosen, known),
        affected=hindsight.affected(failed, known),
        counted=sum(one.name in known for one in chosen),
    )


def spread(times_ms: Iterable[int]) -> Spread:
    """Median and ninth decile of times, the nearest that occurred; null without any."""
    found = sorted(times_ms)
    if not found:
        return Spread(count=0)

    def at(part: float) -> float:
        return found[min(len(found) - 1, int(part * len(found)))] / 1000

    return Spread(count=len(found), p50_s=at(0.5), p90_s=at(0.9))


def restore_ms(rollout: Rollout) -> int | None:
    """From the decision to go back to the router's own 0 %; None when it never went back, or never had traffic."""
    recede, traffic = rollout.recede, rollout.traffic
    if recede is None or traffic.confirmed != ZERO or traffic.confirmed_at is None:
        return None
    took_ms = _ms(recede.at, traffic.confirmed_at)
    return took_ms if took_ms >= 0 else None


def full_ms(rollout: Rollout) -> int | None:
    """From the request to the last stage's share on the router; None where it never came so far."""
    last = [visit for visit in rollout.visits if visit.index == rollout.spec.plan.last and visit.confirmed_at]
    return _ms(rollout.requested_at, last[0].confirmed_at) if last and last[0].confirmed_at else None


def _failed(rollout: Rollout) -> bool:
    """Whether it had traffic and ended without the new version, by harm, a person or undecided; a rollback counts."""
    by = rollout.recede.cause if rollout.recede is not None else None
    return rollout.phase in (Phase.ABORTED, Phase.ROLLED_BACK) and bool(rollout.visits) and by in _FAILED


def _both_served_ms(rollout: Rollout, now: Instant) -> int:
    """For how long two versions ran: from the first confirmed share to the end."""
    first = next((visit.confirmed_at for visit in rollout.visits if visit.confirmed_at is not None), None)
    until = rollout.end.at if rollout.end is not None else now
    return max(0, _ms(first, until)) if first is not None else 0


def _uptime(chosen: Sequence[Rollout], known: Known) -> list[RouteUptime]:
    """By route: the requests that an error gate counted on both sides, and the good part of them."""
    sums: dict[str, tuple[int, int]] = {}
    for one in chosen:
        gates = [gate for gate in one.spec.plan.gates if gate.template.kind is GateKind.PROPORTION]
        gates = [gate for gate in gates if not gate.template.ripens]
        counted = known.get(one.name, {}).get(gates[0].metric) if gates else None
        if counted is not None:
            total, (bad, n) = counted.total_sum, sums.get(one.spec.route, (0, 0))
            bad += total.champion_bad + total.challenger_bad
            sums[one.spec.route] = (bad, n + total.champion_n + total.challenger_n)
    return [
        RouteUptime(route=route, requests=n, good=1 - bad / n if n else None)
        for route, (bad, n) in sorted(sums.items())
    ]


def _reviews(chosen: Sequence[Rollout], known: Known) -> list[GateReview]:
    """Each metric's gate: how often it took a rollout back, and what came of that, as far as later records say."""
    metrics = sorted({gate.metric for one in chosen for gate in one.spec.plan.gates})
    return [
        _review(metric, [one for one in chosen if _has(one, metric)]).model_copy(
            update={"unseen": hindsight.unseen(metric, chosen, known)}
        )
        for metric in metrics
    ]


def _has(rollout: Rollout, metric: str) -> bool:
    return any(gate.metric == metric for gate in rollout.spec.plan.gates)


def _review(metric: str, with_it: Sequence[Rollout]) -> GateReview:
    back = [
        one for one in with_it if one.recede and one.recede.cause is RecedeCause.HARM and one.recede.metric == metric
    ]
    came_later = [one for one in back if any(_came_after_all(one, other) for other in with_it)]
    taken_back = [one for one in with_it if one.recede is not None and one.recede.cause is RecedeCause.ROLLBACK]
    passed_by = [
        one for one in with_it
        if any(f"gate:{metric}" in note.gates for note in one.overrides if not note.proposed_only)
    ]  # fmt: skip
    return GateReview(
        metric=metric,
        rollouts=len(with_it),
        went_back=len(back),
        taken_for_false=len(came_later),
        missed=len(taken_back),
        overridden=len(passed_by),
    )


def _came_after_all(back: Rollout, other: Rollout) -> bool:
    """Whether the version that one rollout gave back was rolled out later by the other one, to its end."""
    same = (other.spec.model, other.spec.challenger) == (back.spec.model, back.spec.challenger)
    return same and other.phase is Phase.DONE and other.requested_at.clock_ms > back.requested_at.clock_ms


def _ms(begin: Instant, end: Instant) -> int:
    return end.clock_ms - begin.clock_ms
