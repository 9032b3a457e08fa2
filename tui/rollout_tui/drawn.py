"""When a screen was drawn and what of it time alone changes, so that a second without news costs nothing. Pure."""

from __future__ import annotations

from rollout_tui.link import LinkState

SOON_S, APART_S = 0.25, 0.5
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


def soon_s(now_s: float, looked_s: float, *, asked: bool) -> float:
    """Seconds until news are looked at: a quarter of one, and no more than two looks a second while news keep coming.

    Nobody reads faster. Where something is ``asked`` of a person it counts down, and each look is soon.
    """
    return SOON_S if asked else max(SOON_S, looked_s + APART_S - now_s)
