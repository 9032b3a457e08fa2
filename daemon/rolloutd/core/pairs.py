"""Evidence of gates on pairs: one request that both versions answered. Exact, from sums; it reads and decides nothing.

The sums are those that every gate keeps. Of harm all pairs of the rollout speak, of safety those of the stage. Coverage
is judged on the stage alone, since what may be missing depends on how much the stage mirrors.
"""

from __future__ import annotations

from rolloutd.core.metrics import GateKind
from rolloutd.core.plan import Gate
from rolloutd.core.stats import agreement, coverage, paired
from rolloutd.core.stats.increment import Increment
from rolloutd.core.values import ZERO, Share


def harm_log_e(gate: Gate, total: Increment, stage: Increment, mirror: Share) -> float:
    """log evidence that the challenger is worse on pairs than the gate tolerates."""
    kind = gate.template.kind
    if kind is GateKind.PAIRED:
        return paired.harm_log_e(total.challenger_bad, total.champion_bad, total.challenger_n, gate.harm.shift)
    if kind is GateKind.AGREEMENT:
        return agreement.harm_log_e(total.challenger_bad, total.challenger_n, 1.0 - _limit(gate))
    if mirror == ZERO:
        return 0.0
    return coverage.harm_log_e(stage.champion_bad, stage.champion_n, _limit(gate), mirror.fraction)


def safe_log_e(gate: Gate, stage: Increment, mirror: Share) -> float:
    """log evidence that the challenger is better on the stage's pairs than the gate demands."""
    kind = gate.template.kind
    if kind is GateKind.PAIRED:
        return paired.safe_log_e(stage.challenger_bad, stage.champion_bad, stage.challenger_n, gate.accept.shift)
    if kind is GateKind.AGREEMENT:
        return agreement.safe_log_e(stage.challenger_bad, stage.challenger_n, 1.0 - _limit(gate))
    if mirror == ZERO:
        return 0.0
    return coverage.safe_log_e(stage.champion_bad, stage.champion_n, _limit(gate), mirror.fraction)


def _limit(gate: Gate) -> float:
    if gate.limit is None:  # cannot be: the gate itself refuses that
        raise ValueError(f"{gate.metric} has no limit.")
    return gate.limit
