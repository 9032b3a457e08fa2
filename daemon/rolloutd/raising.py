"""What stands against increases in the loop: set, cleared, told to every lane. It lowers and decides nothing.

The loop is made of this and adds the turns; here is only the part that every rollout shares.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from rolloutd.core.lane import Lane
from rolloutd.core.rules import Rules
from rolloutd.core.state import Rollout
from rolloutd.journal import JournalError, StoreBusy, StoreFull
from rolloutd.loop_edges import Standing

log = logging.getLogger("rolloutd.loop")


class Raising:
    """All rollouts, and whether anything may be raised. ``changed`` is told of each that looks different."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self.lanes: dict[str, Lane] = {}
        self.ended: dict[str, Rollout] = {}
        self.standing = Standing()
        self.standing.know(self.lanes, self.ended)
        self.broken = ""

    def knows(self, name: str) -> bool:
        """Whether there is a rollout of this name, live or ended."""
        return name in self.lanes or name in self.ended

    @property
    def why_not_raise(self) -> str:
        """Why nothing is raised now, empty when nothing stands against it."""
        return self.standing.why_not_raise

    def set_raising(self, why_not: str, matter: str = "chain") -> None:
        """Clear one matter that stands against increases with an empty reason, or raise it with a sentence."""
        if self.standing.set(matter, why_not):
            self._tell_lanes()

    def rule(self, rules: Rules) -> None:
        """From now on this is the policy."""
        if rules != self.standing.rules:
            self.standing.rules = rules
            self._tell_lanes()

    def _tell_lanes(self) -> None:
        for name, lane in self.lanes.items():
            self.lanes[name] = self._allowed(lane)
            self._changed(name)

    def _allowed(self, lane: Lane) -> Lane:
        """The lane with what stands against increases now; a turn may have waited while that changed."""
        return self.standing.allow(lane)

    def _in_trouble(self, error: JournalError) -> None:
        """A shortage stops increases while it lasts; anything else stops them for good."""
        if isinstance(error, StoreFull | StoreBusy):
            self.set_raising(f"the journal cannot be written: {error}", "space")
        else:
            self.stop_raising(f"the journal cannot be written: {error}")

    def stop_raising(self, why: str) -> None:
        """Something that must not be is: from here nothing is raised, lowering still works."""
        if self.broken:
            return
        self.broken = why
        log.critical("nothing is raised any more", extra={"why": why})
        self.set_raising(why, "broken")
