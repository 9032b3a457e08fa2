"""Evidence as a rollout begins with it: what earlier rollouts of its route teach of clinging errors; it stores nothing.

Read from the raw ticks that the evidence store keeps of them, at the moment of the start, and from then on part of the
rollout's own evidence: a restart reads that and does not ask again. It only ever makes harm harder to show.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import islice

from rolloutd.core.evidence import GateEvidence
from rolloutd.core.plan import Gate, Spec
from rolloutd.core.state import Rollout
from rolloutd.core.stats.earlier import clinging
from rolloutd.core.stats.increment import AnyTick, EventIncrement
from rolloutd.journal import JournalError
from rolloutd.keeper import EvidenceKeeper

MOST_ROLLOUTS, MOST_TICKS = 4, 5_000
log = logging.getLogger("rolloutd.earlier")


async def taken_up(keeper: EvidenceKeeper, spec: Spec, ended: Mapping[str, Rollout]) -> dict[str, GateEvidence]:
    """A rollout's stored evidence, by metric; a gate without any begins with what earlier rollouts taught.

    Raises the store's errors for its own evidence; that of others is left out when it cannot be read.
    """
    found = await keeper.load(spec.name)
    before = [rollout for rollout in ended.values() if rollout.spec.route == spec.route and rollout.name != spec.name]
    before.sort(key=lambda rollout: rollout.requested_at.clock_ms, reverse=True)
    for gate in spec.plan.gates:
        if gate.metric not in found and before:
            known = clinging([await _ticks(keeper, name, gate) for name in _alike(before, gate)])
            found[gate.metric] = GateEvidence.start(spec.plan, gate, known)
            if known.ticks > 1:
                facts = {"rollout": spec.name, "metric": gate.metric, **known._asdict()}
                facts = {"rollout": spec.name, "metric": gate.metric, **known._asdict()}
                log.info("errors cling together", extra=facts)
    return found


def _alike(before: list[Rollout], gate: Gate) -> list[str]:
    """The newest rollouts that measured the same thing with the same ticks."""
    same = (gate.metric, gate.source, gate.template, gate.every_ms)
    alike = (
        rollout.name
        for rollout in before
        if any((g.metric, g.source, g.template, g.every_ms) == same for g in rollout.spec.plan.gates)
    )
    return list(islice(alike, MOST_ROLLOUTS))


async def _ticks(keeper: EvidenceKeeper, name: str, gate: Gate) -> list[AnyTick]:
    """The raw ticks of a gate, the oldest first; none where they cannot be read."""
    try:
        raw = await keeper.history(name, gate.metric, MOST_TICKS)
    except JournalError as error:
        log.warning("what an earlier rollout taught was left out", extra={"rollout": name, "error": str(error)})
        return []
    return [EventIncrement(t.champion_n, int(t.champion_bad), t.challenger_n, int(t.challenger_bad)) for t in raw]
