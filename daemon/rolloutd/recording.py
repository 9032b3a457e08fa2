"""A rollout with what its gates counted, tick by tick, so that a plan can be tried on it again; it judges nothing."""

from __future__ import annotations

import json

from rolloutd import codec
from rolloutd.core.state import Rollout
from rolloutd.evidence_store import HISTORY_TICKS
from rolloutd.keeper import EvidenceKeeper
from rolloutd.wire_plan import RecordedTick, Recording


async def recording_of(rollout: Rollout, keeper: EvidenceKeeper) -> Recording:
    """Everything that is kept of this rollout's ticks."""
    gates = {}
    for gate in rollout.spec.plan.gates:
        ticks = await keeper.history(rollout.name, gate.metric, HISTORY_TICKS)
        gates[gate.metric] = [
            RecordedTick(
                tick=tick.tick,
                clock_ms=tick.at.clock_ms,
                wall_ms=tick.at.wall_ms,
                champion_n=int(tick.champion_n),
                champion_bad=int(tick.champion_bad),
                challenger_n=int(tick.challenger_n),
                challenger_bad=int(tick.challenger_bad),
                note=tick.note,
            )
            for tick in ticks
        ]
    return Recording(
        name=rollout.name,
        revision=rollout.version,
        spec=json.loads(codec.encode(rollout.spec)),
        from_clock_ms=rollout.requested_at.clock_ms,
        from_wall_ms=rollout.requested_at.wall_ms,
        gates=gates,
    )
