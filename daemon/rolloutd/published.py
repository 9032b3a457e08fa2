"""Tells the chain's head to the system's log at each stage change, where whoever edits the journal cannot edit it too.

A line has the number and the hash of the journal's last event; ``rolloutd audit verify --published SEQ:HASH`` compares.
It judges nothing, and never delays what it tells of: the line comes with the daemon's next beat.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from rolloutd.core import events as ev
from rolloutd.journal import Head

_WORTH_IT = (
    ev.RolloutRequested,
    ev.StageEntered,
    ev.RecedeStarted,
    ev.FinishStarted,
    ev.BaseConfirmed,
    ev.RolloutEnded,
)
log = logging.getLogger("rolloutd.published")


class PublishedHeads:
    """Remembers that a stage changed, until a head that covers it was told."""

    def __init__(self) -> None:
        self._due = "the daemon started"

    def note(self, rows: Iterable[ev.Recorded]) -> None:
        """These events are in the record."""
        for row in rows:
            if isinstance(row.event, _WORTH_IT):
                self._due = f"{row.stream}: {type(row.event).__name__}"

    def tell(self, head: Head) -> None:
        """The chain's head as it is now, read after whatever was noted."""
        if self._due:
            log.info(
                "chain head %s:%s",
                head.seq,
                head.hash,
                extra={"seq": head.seq, "hash": head.hash, "because": self._due},
            )
            self._due = ""
