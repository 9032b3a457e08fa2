"""When a screen was drawn and what of it time alone changes, so that a second without news costs nothing. Pure."""

from __future__ import annotations

from rollout_tui.link import LinkState

Links = tuple[LinkState, LinkState]


class Drawn:
    """The last drawing. It must not draw."""

    def __init__(self) -> None:
        self.at_s = float("-inf")
        self._links: Links = (LinkState.NEVER, LinkState.NEVER)
        self._ages: object = None

    def note(self, now_s: float, links: Links, ages: object) -> None:
        """A screen is drawn now, with these links and these ages on it."""
        self.at_s, self._links, self._ages = now_s, links, ages

    def aged(self, now_s: float, links: Links, ages: object) -> bool:
        """Whether time has changed what is on the screen. A screen that tells no ages changes each second."""
        if links != self._links:
            return True
        return now_s - self.at_s >= 1.0 and (ages is None or ages != self._ages)
