"""The policy's calendars, of freezes and of staffed hours: windows in a named time zone; it reads no clock.

A window is written in local time. Where the clocks change, it is never shorter than it is written: an hour that comes
twice belongs to it both times, and one that is left out moves its ends apart, not together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

WEEK_MINUTES = 7 * 24 * 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_JOINED = 60


@dataclass(frozen=True, slots=True)
class Weekly:
    """Every week from one minute to another, counted from Monday 00:00; an end before the begin is in the next week."""

    begin: int
    end: int

    def __str__(self) -> str:
        return f"{_minute(self.begin)} - {_minute(self.end)}"


@dataclass(frozen=True, slots=True)
class Once:
    """From one local time to another, as it is ``written``."""

    begin: datetime
    end: datetime
    written: str

    def __str__(self) -> str:
        return self.written


Window = Weekly | Once
Spans = tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """All windows of a policy, in one time zone."""

    zone: tzinfo
    zone_name: str
    windows: tuple[Window, ...] = ()

    def frozen(self, wall_ms: int) -> str:
        """Until when nothing goes up and because of which window, empty when this moment is in none."""
        now = datetime.fromtimestamp(wall_ms / 1000, UTC)
        first = self._at(now)
        if first is None:
            return ""
        end, window = first
        for _ in range(_MOST_JOINED):  # a weekend before a holiday is one freeze to whoever waits for its end
            more = self._at(end)
            if more is None:
                break
            end = more[0]
        else:
            return f"with no end in sight ({window})"
        return f"until {end.astimezone(self.zone):%a %Y-%m-%d %H:%M} {self.zone_name} ({window})"

    def closed(self, wall_ms: int) -> str:
        """Until when nobody is there, of windows in which somebody is; empty in one of them, and where none is written.

        The next window of the coming week is told; where there is none, nobody comes.
        """
        now = datetime.fromtimestamp(wall_ms / 1000, UTC)
        if not self.windows or self._at(now) is not None:
            return ""
        coming = [begin for window in self.windows for begin, _ in self._spans(window, now) if begin > now]
        if not coming:
            return "any more: the staffed hours are over"
        return f"until {min(coming).astimezone(self.zone):%a %Y-%m-%d %H:%M} {self.zone_name}"

    def _at(self, now: datetime) -> tuple[datetime, Window] | None:
        """The latest end of the windows that this moment lies in, with its window."""
        found = [
            (end, window) for window in self.windows for begin, end in self._spans(window, now) if begin <= now < end
        ]
        return max(found, key=lambda pair: pair[0], default=None)

    def _spans(self, window: Window, now: datetime) -> Spans:
        """When a window begins and ends in the weeks around this moment, in UTC."""
        local = now.astimezone(self.zone)
        return _spans(self.zone, window, date(local.year, local.month, local.day) - timedelta(days=local.weekday()))


@lru_cache(maxsize=1_024)
def _spans(zone: tzinfo, window: Window, monday: date) -> Spans:
    """The same for the weeks around the one that begins on this day; asked again and again in one week."""
    if isinstance(window, Once):
        return ((min(_both(zone, window.begin)), max(_both(zone, window.end))),)
    begins = [datetime.combine(monday, time()) + timedelta(weeks=week, minutes=window.begin) for week in (-2, -1, 0, 1)]
    length = timedelta(minutes=(window.end - window.begin) % WEEK_MINUTES or WEEK_MINUTES)
    return tuple((min(_both(zone, begin)), max(_both(zone, begin + length))) for begin in begins)


def _both(zone: tzinfo, local: datetime) -> list[datetime]:
    """A local time as UTC: twice the same, but for one that comes twice or not at all."""
    return [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]


def _minute(of_week: int) -> str:
    day, minute = divmod(of_week % WEEK_MINUTES, 24 * 60)
    return f"{DAYS[day]} {minute // 60:02d}:{minute % 60:02d}"


NEVER = Calendar(UTC, "UTC")
