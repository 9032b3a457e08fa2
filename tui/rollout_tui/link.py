"""How old the last word of the daemon is: LIVE, LATE or LOST. Pure; it must not open anything or read a clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

LATE_S = 3.0
LOST_S = 10.0


class LinkState(StrEnum):
    """What a reader may believe. Only LIVE and LATE let a raising key out."""

    NEVER = "NEVER"
    LIVE = "LIVE"
    LATE = "LATE"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Link:
    """One event stream. ``synced`` says that a whole picture came since it was opened; before that nothing is live.

    Times are seconds on the screen's own clock, one that goes on while the machine sleeps.
    """

    open: bool = False
    synced: bool = False
    heard_s: float | None = None
    began_s: float | None = None
    tries: int = 0
    why: str = ""

    def age_s(self, now_s: float) -> float:
        """Seconds since the daemon was last heard, or since the first try when it never was."""
        since = self.heard_s if self.heard_s is not None else self.began_s
        return 0.0 if since is None else max(0.0, now_s - since)

    def state(self, now_s: float) -> LinkState:
        """What the link is now. A silent peer is as lost as a closed socket: a stopped daemon keeps its sockets."""
        if self.heard_s is None:
            return LinkState.NEVER
        if not self.open or not self.synced or self.age_s(now_s) >= LOST_S:
            return LinkState.LOST
        return LinkState.LATE if self.age_s(now_s) >= LATE_S else LinkState.LIVE

    def trying(self, now_s: float) -> Link:
        """A connection is being made."""
        return replace(self, tries=self.tries + 1, began_s=now_s if self.began_s is None else self.began_s)

    def opened(self, now_s: float) -> Link:
        """The daemon said hello; a picture has yet to come."""
        return replace(self, open=True, synced=False, heard_s=now_s, tries=0, why="")

    def heard(self, now_s: float, *, picture: bool = False) -> Link:
        """Anything came; ``picture`` when it was a whole one."""
        return replace(self, heard_s=now_s, synced=self.synced or picture)

    def closed(self, why: str) -> Link:
        """The connection ended, for this reason."""
        return replace(self, open=False, synced=False, why=why or self.why)
