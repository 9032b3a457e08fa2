"""Which hours of a day and night the data of a stage has covered, on the rollout's own clock. It must not judge.

The wall clock has no part in it (I9): a day is 24 hours that passed, whatever the zone's clocks did meanwhile. An hour
is seen once data covered half of it; so short gaps lose nothing, and a night without data is a night that is owed.
"""

from __future__ import annotations

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SEEN_MS = HOUR_MS // 2
Hours = tuple[int, ...]
"""How much of each of the 24 hours was covered, in milliseconds; empty before anything was."""


def covered(hours: Hours, now_ms: int, covered_ms: int) -> Hours:
    """With so much more of the hour that ``now_ms`` is in."""
    known = list(hours or (0,) * 24)
    known[_hour(now_ms)] += covered_ms
    return tuple(known)


def missing(hours: Hours) -> tuple[int, ...]:
    """The hours that are not seen yet, as hours of the rollout's clock."""
    return tuple(hour for hour, ms in enumerate(hours or (0,) * 24) if ms < SEEN_MS)


def left_ms(hours: Hours, now_ms: int) -> int:
    """How long until all of them are seen, if data comes without a gap from now on."""
    known = hours or (0,) * 24
    return max((_until(hour, SEEN_MS - known[hour], now_ms) for hour in missing(known)), default=0)


def _hour(at_ms: int) -> int:
    return at_ms // HOUR_MS % 24


def _until(hour: int, owed_ms: int, now_ms: int) -> int:
    """From now to the moment at which so much of this hour will have passed."""
    into_ms = now_ms % HOUR_MS
    hours_on = (hour - _hour(now_ms)) % 24
    if hours_on == 0 and HOUR_MS - into_ms < owed_ms:  # the rest of this hour is too short; what it gives counts
        return DAY_MS - into_ms + owed_ms - (HOUR_MS - into_ms)
    return owed_ms if hours_on == 0 else hours_on * HOUR_MS - into_ms + owed_ms
