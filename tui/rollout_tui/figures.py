"""Numbers and times as people read them; it must not round a number to something that it is not.

A share above nothing never reads ``0.0%``, evidence short of the line never reads ``100%``.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo


def share(fraction: float) -> str:
    """A share of traffic, 0 to 1, with one decimal, or with two where one would not be the truth."""
    points = round(fraction * 10_000)
    if fraction > 0 and points == 0:
        return "<0.01%"
    return f"{points / 100:.2f}%" if points % 10 else f"{points / 100:.1f}%"


def rate(fraction: float | None, kind: str = "") -> str:
    """A metric's fraction of requests, as a percentage with two decimals (three below 0.1 %); a ``mean`` as it is."""
    if fraction is None:
        return "-"
    if kind == "mean":
        return f"{fraction:.4g}"
    percent = fraction * 100
    return f"{percent:.3f}%" if 0 < percent < 0.1 else f"{percent:.2f}%"


def delta(value: float | None, kind: str) -> str:
    """A signed difference: ``pp`` for shares, ``%`` for a relative one, a ``mean`` in its own unit, a drift's size."""
    if value is None:
        return "-"
    if kind == "mean":
        return f"{value:+.3g}"
    if kind == "psi":
        return f"PSI {value:.2f}"
    return f"{value * 100:+.1f}%" if kind == "relative" else f"{value * 100:+.2f}pp"


def span(bounds: tuple[float, float] | None, kind: str) -> str:
    """The any-time range of a difference."""
    if bounds is None:
        return "-"
    low, high = bounds
    if kind == "relative":
        return f"{low * 100:+.1f}..{high * 100:+.1f}%"
    return f"{low * 100:+.2f}..{high * 100:+.2f}pp"


def evidence(part: float) -> str:
    """How far evidence has come, 0 to 1, rounded down: 100% means that the line is reached."""
    if math.isnan(part):
        return "?"
    return f"{math.floor(min(1.0, max(0.0, part)) * 100 + 1e-9)}%"


def age(seconds: float | None) -> str:
    """A duration in at most two units: ``8s``, ``6m12s``, ``2h11m``, ``3d04h``; ``never`` when there is none."""
    if seconds is None:
        return "never"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 172_800:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def length(seconds: float) -> str:
    """A planned duration without empty units: ``90s``, ``30m``, ``1h30m``, ``2h``."""
    text = age(seconds)
    for empty in ("00s", "00m", "00h"):
        if text.endswith(empty) and len(text) > len(empty):
            return text[: -len(empty)]
    return text


def count(number: int) -> str:
    """A count with thousands marked."""
    return f"{number:,}"


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time, or None when there is none or it cannot be read."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def clock(text: str | None, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """The time of day of an RFC 3339 time in ``zone`` (None is the local one); ``-`` when there is none."""
    found = moment(text)
    return "-" if found is None else found.astimezone(zone).strftime("%H:%M:%S" if seconds else "%H:%M")
