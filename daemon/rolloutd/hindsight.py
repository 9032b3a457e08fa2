"""What past rollouts cost users, and what their gates could not have seen. Pure; where nothing was counted it says so.

The power that a gate reached is told as what its counts leave possible: the upper end of the range of the difference
between the arms, over a whole rollout that it let through. A regression up to there could have gone unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import GateKind
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.stats.range import difference_range
from rolloutd.wire_report import Affected, Unseen

CONFIDENCE = 0.95
_OF_REQUESTS = frozenset({GateKind.PROPORTION, GateKind.LATENCY})
Known = Mapping[str, Mapping[str, GateEvidence]]


def affected(failed: Sequence[Rollout], known: Known) -> Affected:
    """What the versions that did not last answered, and how many more of that was bad than the champion's part."""
    requests, bad, counted = 0, 0.0, 0
    for one in failed:
        metrics = _metrics(one, of_order=False)
        sums = [known[one.name][metric].total_sum for metric in metrics if metric in known.get(one.name, {})]
        sums = [each for each in sums if each.challenger_n]
        if not sums:
            continue
        counted += 1
        requests += max(each.challenger_n for each in sums)
        bad += max(
            each.challenger_bad - each.challenger_n * each.champion_bad / each.champion_n if each.champion_n else 0.0
            for each in sums
        )
    return Affected(rollouts=len(failed), counted=counted, requests=requests, more_bad=max(0, round(bad)))


def unseen(metric: str, rollouts: Iterable[Rollout], known: Known) -> Unseen | None:
    """By how much a version that this gate let through may have been worse; None where nothing was counted of any."""
    found = []
    for one in rollouts:
        evidence = known.get(one.name, {}).get(metric)
        if one.phase is not Phase.DONE or evidence is None or metric not in _metrics(one):
            continue
        phi = evidence.harm.learnt.totals.phi
        bounds = difference_range([evidence.total_sum], 1 - CONFIDENCE, phi)
        if bounds is not None:
            found.append((max(0.0, bounds[1]), evidence.total_sum.challenger_n))
    if not found:
        return None
    ordered = sorted(bound for bound, _ in found)
    return Unseen(
        rollouts=len(found),
        confidence=CONFIDENCE,
        half=ordered[(len(ordered) - 1) // 2],
        worst=ordered[-1],
        requests=sorted(n for _, n in found)[(len(found) - 1) // 2],
    )


def _metrics(rollout: Rollout, *, of_order: bool = True) -> list[str]:
    """The gates that judge each request of live traffic as good or bad; pairs in order are no requests."""
    gates = [gate for gate in rollout.spec.plan.gates if gate.template.kind in _OF_REQUESTS]
    return [gate.metric for gate in gates if of_order or not gate.template.of_order]
