"""Writes what a daemon would have left behind: live rollouts in the journal, and the evidence of a long healthy time.

It uses the daemon's own journal, evidence store and core, so what a daemon reads at its start is exactly what it, or
another one before it, would have written; only the counts are made up. It runs before a daemon does, never beside one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from rolloutd.clock import boottime_ms
from rolloutd.core import events as ev
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.plan import Spec
from rolloutd.core.values import ZERO, Actor, ActorKind, Instant, Role, Slot
from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.keeper import EvidenceKeeper

_WHO = Actor(ActorKind.PERSON, "bench", role=Role.ADMIN, via="bench")


def now() -> Instant:
    """This moment on the clock of a daemon that starts on a new state directory."""
    return Instant(boottime_ms(), time.time_ns() // 1_000_000)


async def write_live(
    state_dir: Path, specs: Iterable[Spec], engine_instance: str, ago_ms: int = 0, stage: int = 0
) -> None:
    """Rollouts whose ``stage`` has had its share on the router for ``ago_ms``; slot a serves the champion.

    The stages before it are previews, which have no share.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = SqliteJournal.open(state_dir / "journal.db")
    at = now().plus_ms(-ago_ms)
    try:
        for spec in specs:
            share = spec.plan.stages[stage].share
            basis = ev.Basis(ev.BasisKind.VERDICT, "all checks before traffic passed")
            events: tuple[ev.Event, ...] = (
                ev.RolloutRequested(spec),
                ev.PreflightPassed(Slot.A, engine_instance),
                *(ev.StageEntered(index) for index in range(stage + 1)),
                ev.TrafficWanted(share, ZERO, basis),
                ev.TrafficConfirmed(share, engine_instance),
            )
            await journal.append(spec.name, 0, events, at=at, actor=_WHO, epoch=1)
        await journal.write_meta("epoch", "1")
    finally:
        await journal.close()


async def write_evidence(state_dir: Path, rollout: str, evidence: Mapping[str, GateEvidence]) -> None:
    """The evidence of a rollout as it was at its last tick."""
    store = SqliteEvidence.open(state_dir / "evidence.db")
    try:
        await EvidenceKeeper(store).save(rollout, evidence, evidence, now())
    finally:
        await store.close()
