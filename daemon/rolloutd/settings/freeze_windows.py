"""How freeze windows are written (``"fri 16:00 - mon 08:00"``), and what they become; it knows no keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, Strict

from rolloutd.freeze import DAYS, Calendar, Once, Weekly, Window

ONCE_MAX = timedelta(days=366)
_WEEKLY = re.compile(r"([a-z]{3}) (\d\d):(\d\d) - ([a-z]{3}) (\d\d):(\d\d)")
_WEEKLY_FORM = 'A weekly window is written "fri 16:00 - mon 08:00"'
_DAY_FORM = 'A day is written "2026-12-24", several "2026-12-24 - 2027-01-01"'
_ONCE_FORM = 'A window of one time is written "2026-11-27 18:00 - 2026-11-30 06:00"'


def weekly(text: str) -> Weekly:
    """A window of every week. Raises ValueError with the form."""
    match = _WEEKLY.fullmatch(text)
    if match is None or match[1] not in DAYS or match[4] not in DAYS:
        raise ValueError(f"{_WEEKLY_FORM}, not {text!r}.")
    minutes = []
    for day, hour, minute in (match.groups()[:3], match.groups()[3:]):
        if int(hour) > 23 or int(minute) > 59:
            raise ValueError(f"{hour}:{minute} is no time of day. {_WEEKLY_FORM}.")
        minutes.append(DAYS.index(day) * 24 * 60 + int(hour) * 60 + int(minute))
    return Weekly(*minutes)


def days(text: str) -> Once:
    """One whole local day, or several. Raises ValueError with the form."""
    first, _, last = text.partition(" - ")
    begin, end = _read(first, "%Y-%m-%d", _DAY_FORM), _read(last or first, "%Y-%m-%d", _DAY_FORM)
    return _span(begin, end + timedelta(days=1), text)


def once(text: str) -> Once:
    """From one local minute to another. Raises ValueError with the form."""
    first, _, last = text.partition(" - ")
    form = "%Y-%m-%d %H:%M"
    return _span(_read(first, form, _ONCE_FORM), _read(last, form, _ONCE_FORM), text)


def _read(text: str, form: str, said: str) -> datetime:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007  # local on purpose; the zone is the policy's
    except ValueError:
        raise ValueError(f"{said}, not {text!r}.") from None


def _span(begin: datetime, end: datetime, written: str) -> Once:
    if not begin < end <= begin + ONCE_MAX:
        raise ValueError(f"{written!r} ends before it begins, or lasts longer than a year.")
    if not 2000 <= begin.year <= 2200:
        raise ValueError(f"{written!r} is in a year that no rollout will see.")
    return Once(begin, end, written)


def zone(text: str) -> str:
    """A time zone that this machine knows. Raises ValueError."""
    _zone(text)
    return text


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"There is no time zone {name!a}; it is one such as UTC or Europe/Berlin.") from None


def calendar(
    zone_name: str, weekly_texts: tuple[str, ...], days_texts: tuple[str, ...], once_texts: tuple[str, ...]
) -> Calendar:
    """The policy's calendar of texts that were checked."""
    windows: tuple[Window, ...] = (*map(weekly, weekly_texts), *map(days, days_texts), *map(once, once_texts))
    return Calendar(_zone(zone_name), zone_name, windows)


def _texts(check: Callable[[str], object]) -> AfterValidator:
    """Every text is one that ``check`` can read; it stays as it is written."""

    def keep(texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            check(text)
        return texts

    return AfterValidator(keep)


_Written = Annotated[tuple[Annotated[str, Field(max_length=60)], ...], Strict(False), Field(max_length=400)]
Zone = Annotated[str, Field(max_length=60), AfterValidator(zone)]
WeeklyTexts = Annotated[_Written, _texts(weekly)]
DaysTexts = Annotated[_Written, _texts(days)]
OnceTexts = Annotated[_Written, _texts(once)]
