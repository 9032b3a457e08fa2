"""Keeps gates' evidence: turns the core's values into stored rows and back, batches signs of life, judges nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from rolloutd import codec
from rolloutd.core.events import EvidenceSealed
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.standing import standing
from rolloutd.core.state import Rollout
from rolloutd.core.values import Instant
from rolloutd.evidence_store import EvidenceRow, EvidenceStore, Pulse, RawTick, seal
from rolloutd.journal import JournalError, StoreBusy, StoreFull

log = logging.getLogger("rolloutd.keeper")
AT_START = Instant(0, 0)
TEXTS_MAX = 1_024
"""So many gates' last texts are remembered; past it all are made anew."""


class EvidenceKeeper:
    """The loop's way to the evidence store."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store
        self._renewed: dict[str, int] = {}
        self._pulse: Pulse | None = None
        self._short = False
        self._texts: dict[tuple[str, str], tuple[GateEvidence, str]] = {}
        """The last evidence of each gate with its text: what was saved with a tick is sealed and saved as the same."""

    async def load(self, rollout: str) -> dict[str, GateEvidence]:
        """The stored evidence of a rollout, by metric."""
        rows = await self._store.load(rollout)
        return {metric: codec.decode(GateEvidence, row.body) for metric, row in rows.items()}

    async def save(
        self, rollout: str, evidence: Mapping[str, GateEvidence], metrics: Iterable[str], at: Instant
    ) -> None:
        """Keep these gates' evidence as it is after this tick, with what the tick counted.

        A store short of space keeps nothing and ends nothing: the next tick's evidence holds this one's too.
        """
        rows = [self._row(rollout, evidence[metric], at) for metric in metrics if metric in evidence]
        try:
            await self._store.save(rows)
            self._short = False
        except (StoreFull, StoreBusy) as error:
            self._say_short(error)

    def digest(self, rollout: str, evidence: Mapping[str, GateEvidence]) -> str:
        """The digest that the journal chains: of every gate's tick and state."""
        texts = ((known, self._text(rollout, known)) for known in evidence.values())
        return seal(EvidenceRow(rollout, known.metric, known.tick, text, AT_START) for known, text in texts)

    def seal(self, rollout: str, evidence: Mapping[str, GateEvidence]) -> EvidenceSealed:
        """The event that chains it, with the last tick it holds."""
        tick = max((known.tick for known in evidence.values()), default=0)
        return EvidenceSealed(tick, self.digest(rollout, evidence))

    async def history(self, rollout: str, metric: str, limit: int = 300) -> list[RawTick]:
        """The last raw ticks of a gate, at most ``limit`` of them, the oldest first."""
        return await self._store.history(rollout, metric, limit)

    def note_renewed(self, rollout: str, clock_ms: int) -> None:
        """A lease was renewed; written with the next pulse."""
        self._renewed[rollout] = clock_ms

    async def renewed_at_ms(self, rollout: str) -> int | None:
        """When the process before this one last renewed the rollout's lease, on the rollout clock."""
        if self._pulse is None:
            self._pulse = await self._store.read_pulse()
        return self._pulse.renewed_clock_ms.get(rollout)

    async def leased_at_ms(self, rollout: Rollout) -> int | None:
        """When this rollout's lease was last renewed, or what it leases was asked for, on the rollout clock.

        Renewals are kept with each pulse; a process that died before one still leased what it had asked for. What was
        never confirmed may have begun no lease, so it counts for none: in doubt a share that is gone has lapsed, and
        nobody is said to have lowered it.
        """
        asked_at = rollout.traffic.wanted_at if rollout.traffic.settled else None
        kept = (await self.renewed_at_ms(rollout.name), None if asked_at is None else asked_at.clock_ms)
        return max((at_ms for at_ms in kept if at_ms is not None), default=None)

    async def pulse(self, at: Instant) -> None:
        """Note that the daemon lives, with the leases renewed since the last time."""
        renewed, self._renewed = self._renewed, {}
        try:
            await self._store.pulse(at, renewed)
        except (StoreFull, StoreBusy) as error:
            self._renewed = {**renewed, **self._renewed}
            self._say_short(error)

    def _say_short(self, error: JournalError) -> None:
        """Once for each shortage, not for each tick of it."""
        if not self._short:
            log.warning("evidence is not kept on disk for now", extra={"error": str(error)})
        self._short = True

    async def last_pulse(self) -> Pulse:
        """The last sign of life before this process."""
        if self._pulse is None:
            self._pulse = await self._store.read_pulse()
        return self._pulse

    def _row(self, rollout: str, known: GateEvidence, at: Instant) -> EvidenceRow:
        champion_n, champion_bad, challenger_n, challenger_bad = counted(known)
        return EvidenceRow(
            rollout=rollout,
            gate=known.metric,
            tick=known.tick,
            body=self._text(rollout, known),
            at=at,
            champion_n=champion_n,
            champion_bad=champion_bad,
            challenger_n=challenger_n,
            challenger_bad=challenger_bad,
            note=known.blind.detail if known.blind is not None else "",
            standing=standing(known),
        )

    def _text(self, rollout: str, known: GateEvidence) -> str:
        """The canonical text of this evidence, made once for each value."""
        last = self._texts.get((rollout, known.metric))
        if last is not None and last[0] is known:
            return last[1]
        if len(self._texts) >= TEXTS_MAX:
            self._texts.clear()
        text = codec.encode(known)
        self._texts[rollout, known.metric] = (known, text)
        return text


def counted(known: GateEvidence) -> tuple[float, float, float, float]:
    """What the last tick counted of champion and challenger, all and bad; of a mean what it came to.

    Of a drift no answer is a bad one, so it counts nothing: 0 of n would be drawn as a rate.
    """
    if known.drift is not None:
        return 0, 0, 0, 0
    last, means = known.last, None if known.averages is None else known.averages.last
    bad = (last.champion_bad, last.challenger_bad) if means is None else (means.champion_total, means.challenger_total)
    return last.champion_n, bad[0], last.challenger_n, bad[1]
