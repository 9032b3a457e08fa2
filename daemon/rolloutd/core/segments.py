"""Named slices of a route's users: what they are called, where a stage compares, which series count for which. Pure.

A request is in exactly one segment of its route: the one that its header names, or ``other``. So no request is counted
twice, and what is compared inside of segments is like with like. What a segment's evidence says is by_segment.py's.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from rolloutd.core.values import FULL, BadValue, Share, check_name

OTHER = "other"
"""The segment of every request whose header names none."""
MOST = 50
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}")
_HEADER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of one route: the request header whose value names one, and the label of metrics that says so."""

    header: str
    label: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _HEADER.fullmatch(self.header):
            raise BadValue(f"A segment's header is small letters, digits and -, such as x-region, not {self.header!a}.")
        if not _LABEL.fullmatch(self.label):
            raise BadValue(f"A label is letters, digits and _, such as region, not {self.label!a}.")
        if not 1 <= len(self.names) <= MOST:
            raise BadValue(f"A route has 1 to {MOST} segments, or none of these keys.")
        for name in self.names:
            check_name(name, "A segment's name")
            if name == OTHER or self.names.count(name) > 1:
                raise BadValue(f"The segment {name} is named twice, or is every other user's, which needs no name.")

    @property
    def everybody(self) -> tuple[str, ...]:
        """All segments, the unnamed rest last."""
        return (*self.names, OTHER)

    def segment_of(self, series: str) -> str | None:
        """The segment that a series counts for; None where it does not say."""
        value = label_of(series, self.label)
        if value is None:
            return None
        return value.lower() if value.lower() in self.names else OTHER


@dataclass(frozen=True, slots=True)
class Focus:
    """Where a stage compares champion and challenger: its own share, and in which segments.

    None is everywhere, with a route that has no segments; ``whole`` says that nobody is left out.
    """

    share: Share
    segments: tuple[str, ...] | None = None
    whole: bool = True

    @property
    def champion_has_none(self) -> bool:
        """Whether the plan leaves the champion no traffic to compare with there."""
        return self.share == FULL


def focus(
    segments: Segments | None, audience: Collection[str], confirmed: Share, isolated: Collection[str] = ()
) -> Focus:
    """Where to compare at this confirmed share: inside the audience, or wherever everybody's share is in force.

    Segments with another share, and those that are isolated, would only shift the mix of users between the arms.
    """
    if segments is None:
        return Focus(confirmed)
    share = confirmed.of(next(iter(audience))) if audience else Share(confirmed.basis_points)
    among = audience or segments.everybody
    compared = tuple(n for n in segments.everybody if n in among and n not in isolated and confirmed.of(n) == share)
    return Focus(share, compared, compared == segments.everybody)


@lru_cache(maxsize=4_096)
def label_of(series: str, label: str) -> str | None:
    """The value of a label in a series' canonical text."""
    found = re.search(rf'[{{,]\s*{label}="((?:[^"\\]|\\.)*)"', series)
    return None if found is None else found[1]
