"""The small values everything is made of: shares, slots, instants, actors, durations. Checked when made, never later.

Nothing here reads a clock, talks to anyone or knows what a rollout is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

FULL_BP = 10_000
SPARSE = "sparse"
"""Marks a field that is not written while it has its default: for what came late to a value that is everywhere."""
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?\s?%", re.ASCII)
_DURATION_PART = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class BadValue(ValueError):
    """A value from outside has the wrong form; the message is a sentence that names what was expected."""


class Arm(StrEnum):
    """The two sides that are compared."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class Slot(StrEnum):
    """One of the two places behind a route. Champion and challenger are roles that a rollout gives to slots."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Slot:
        """The slot that is not this one."""
        return Slot.B if self is Slot.A else Slot.A


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a route's live traffic in basis points, 0 to 10000: everybody's, and what named segments have above it.

    One share is at most another when nobody has more by it; of two that differ in segments neither may be at most the
    other. What a segment would have anyway is left out, so that equal shares are written alike.
    """

    basis_points: int
    segments: tuple[tuple[str, int], ...] = field(default=(), metadata={SPARSE: True})

    def __post_init__(self) -> None:
        for points in (self.basis_points, *(points for _, points in self.segments)):
            if isinstance(points, bool) or not isinstance(points, int):
                raise BadValue(f"A share is a whole number of basis points, not {points!r}.")
            if not 0 <= points <= FULL_BP:
                raise BadValue(f"A share lies between 0 and {FULL_BP} basis points, not {points}.")
        if self.segments:
            above = dict(sorted(pair for pair in self.segments if pair[1] > self.basis_points))
            object.__setattr__(self, "segments", tuple(above.items()))

    @classmethod
    def parse(cls, text: str) -> Share:
        """Read a percentage such as ``1%`` or ``0.25%``. Raises BadValue for anything finer than 0.01 %."""
        form = _PERCENT.fullmatch(text)
        if form is None:
            raise BadValue(f"A share is written as a percentage in steps of 0.01%, such as 10% or 0.25%, not {text!r}.")
        return cls(int(form[1]) * 100 + int((form[2] or "").ljust(2, "0")))

    @property
    def fraction(self) -> float:
        """Everybody's part as a number from 0 to 1."""
        return self.basis_points / FULL_BP

    def of(self, segment: str) -> Share:
        """What the users of this segment have."""
        return Share(dict(self.segments).get(segment, self.basis_points))

    def less(self, part: Share) -> Share:
        """This share with ``part`` taken off, never below zero."""
        return Share(max(0, self.basis_points - part.basis_points))

    def join(self, other: Share) -> Share:
        """The least share that gives nobody less than either."""
        return self._by_segment(other, max)

    def meet(self, other: Share) -> Share:
        """The greatest share that gives nobody more than either."""
        return self._by_segment(other, min)

    def _by_segment(self, other: Share, pick: Callable[[int, int], int]) -> Share:
        if not (self.segments or other.segments):
            return self if pick(self.basis_points, other.basis_points) == self.basis_points else other
        names = dict((*self.segments, *other.segments))
        own = {name: pick(self.of(name).basis_points, other.of(name).basis_points) for name in names}
        return Share(pick(self.basis_points, other.basis_points), tuple(own.items()))

    def __le__(self, other: Share) -> bool:
        if not (self.segments or other.segments):
            return self.basis_points <= other.basis_points
        return self.meet(other) == self

    def __lt__(self, other: Share) -> bool:
        return self != other and self <= other

    def __ge__(self, other: Share) -> bool:
        return other <= self

    def __gt__(self, other: Share) -> bool:
        return other < self

    def __str__(self) -> str:
        own = [f"{points / 100:g}% of {name}" for name, points in self.segments]
        everybody = f"{self.basis_points / 100:g}%"
        if not own:
            return everybody
        return " and ".join([*own, *([f"{everybody} of the rest"] if self.basis_points else [])])


ZERO = Share(0)
FULL = Share(FULL_BP)


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A moment on two clocks.

    ``clock_ms`` is the rollout clock: it never steps, includes suspend and goes on where it was after a reboot.
    All durations and all order rest on it. ``wall_ms`` (UTC, Unix epoch) is for display and calendars only.
    """

    clock_ms: int
    wall_ms: int

    def plus_ms(self, duration_ms: int) -> Instant:
        """The moment ``duration_ms`` later on both clocks."""
        return Instant(self.clock_ms + duration_ms, self.wall_ms + duration_ms)


class Role(StrEnum):
    """What a caller may do; each role may also do what the ones before it may."""

    NOBODY = "nobody"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether someone with this role may do what ``needed`` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class ActorKind(StrEnum):
    """Who can be the cause of an event."""

    PERSON = "person"
    DAEMON = "daemon"
    ROUTER = "router"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something: taken from the kernel for persons and scripts, never from a request's text."""

    kind: ActorKind
    name: str
    uid: int | None = None
    role: Role = Role.NOBODY
    via: str = ""


THE_DAEMON = Actor(ActorKind.DAEMON, "rolloutd", role=Role.ADMIN)


def check_name(text: str, what: str) -> str:
    """Return ``text`` when it can name a rollout, route, stage, metric or segment; otherwise raise BadValue."""
    if not NAME_PATTERN.fullmatch(text):
        raise BadValue(f"{what} is 1 to 63 small letters, digits, '.', '_' or '-', not {text!r}.")
    return text


def parse_duration_ms(text: str) -> int:
    """Read ``250ms``, ``10s``, ``15m``, ``1h30m`` or ``2d`` as milliseconds. Raises BadValue for any other form."""
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise BadValue(f"A duration is written like 250ms, 10s, 15m, 1h30m or 2d, not {text!r}.")
    return sum(int(number) * _UNIT_MS[unit] for number, unit in parts)


def format_duration(duration_ms: int) -> str:
    """Write a duration in its two largest units: ``2h11m``, ``31m``, ``4s``, ``250ms``."""
    if duration_ms < 1_000:
        return f"{duration_ms}ms"
    days, rest = divmod(duration_ms // 1_000, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    sizes = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    first = next(i for i, (number, _) in enumerate(sizes) if number or i == len(sizes) - 1)
    return "".join(f"{number}{unit}" for number, unit in sizes[first : first + 2] if number)
