"""How far this machine's clock is from the daemon's, by the moment that its hello names. Pure; ages never use it."""

from __future__ import annotations

from rollout_tui import figures

MOST_S = 2.0
"""Below this a difference may be the way that the message took."""


def ahead_s(as_of: str, wall_s: float, since_s: float) -> float:
    """Seconds by which this clock is ahead: ``wall_s`` is now, ``since_s`` how long ago the message came."""
    theirs = figures.moment(as_of)
    return 0.0 if theirs is None else wall_s - max(0.0, since_s) - theirs.timestamp()


def told(seconds: float) -> str:
    """The difference from the daemon's in words; nothing where there is none that matters."""
    if abs(seconds) <= MOST_S:
        return ""
    return f"clock here {figures.age(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"
