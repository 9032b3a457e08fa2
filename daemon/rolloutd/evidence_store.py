"""The border to the evidence: where each gate's state and its short raw history survive a crash, and what may be lost.

It stands beside the journal and not in it: evidence changes with every tick, and would bury the events. An
implementation never judges evidence; it keeps the newest and refuses to take a tick twice.

What may be lost: the last ticks before a power cut, never part of a tick. A gate's state holds the raw counters it was
made from and both are saved in one transaction, so after a loss the next reading is subtracted from older counters:
requests are counted once, in one longer tick. That is why no fsync for each tick is needed. A seal in the journal
(``EvidenceSealed``) that names a later tick than the stored one means such a loss; another digest at the *same* tick
means that somebody changed the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from json import dumps
from math import inf
from typing import Protocol

from rolloutd.core.standing import Standing
from rolloutd.core.values import BadValue, Instant

HISTORY_TICKS = 5_000
"""How many ticks of raw history are kept for each gate."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One gate after one tick: the state's canonical text (``codec.encode``) and what the tick itself counted.

    ``tick`` counts within the rollout and only grows. A blind tick has zeros and says why in ``note``. ``standing`` is
    what the stage had come to by then, for charts; none where there was nothing to compare.
    Raises BadValue for a count that is not a finite number from zero up.
    """

    rollout: str
    gate: str
    tick: int
    body: str
    at: Instant
    champion_n: float = 0.0
    champion_bad: float = 0.0
    challenger_n: float = 0.0
    challenger_bad: float = 0.0
    note: str = ""
    standing: Standing | None = None

    def __post_init__(self) -> None:
        for name in ("champion_n", "champion_bad", "challenger_n", "challenger_bad"):
            count = getattr(self, name)
            if not 0 <= count < inf:
                raise BadValue(f"{name} of gate {self.gate} is a count, not {count}.")


@dataclass(frozen=True, slots=True)
class RawTick:
    """What one tick counted, for charts and for proving a verdict again; ``standing`` as in EvidenceRow."""

    tick: int
    at: Instant
    champion_n: float
    champion_bad: float
    challenger_n: float
    challenger_bad: float
    note: str
    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class Pulse:
    """The daemon's last sign of life, and when (rollout clock) each rollout's lease was last renewed."""

    at: Instant | None
    renewed_clock_ms: Mapping[str, int]


def seal(rows: Iterable[EvidenceRow]) -> str:
    """The digest (hex) of a rollout's evidence: of each gate's tick and state, whatever their order."""
    content = dumps(sorted([row.gate, row.tick, row.body] for row in rows), separators=(",", ":"))
    return blake2b(content.encode("ascii"), digest_size=32).hexdigest()


class EvidenceStore(Protocol):
    """The evidence of all rollouts. Raises the Store errors of the journal's tree."""

    async def save(self, rows: Sequence[EvidenceRow]) -> int:
        """Keep all rows in one transaction; how many were newer than what was there. The others change nothing."""
        ...

    async def load(self, rollout: str) -> dict[str, EvidenceRow]:
        """The newest row of each gate."""
        ...

    async def history(self, rollout: str, gate: str, limit: int = 300) -> list[RawTick]:
        """The last ``limit`` ticks of a gate, the oldest first."""
        ...

    async def pulse(self, at: Instant, renewed_clock_ms: Mapping[str, int]) -> None:
        """Note that the daemon lives, and the leases it renewed since the last time."""
        ...

    async def read_pulse(self) -> Pulse:
        """The last such note."""
        ...

    async def close(self) -> None:
        """Finish what was asked before, then let go of the file."""
        ...
