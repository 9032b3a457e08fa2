"""Raw counters to increments: what each arm added between two readings. It must not judge, and never invents a zero.

Differences are taken per series and summed afterwards, so that one restarted server does not hide the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import NamedTuple

from rolloutd.core.metrics import ArmReading, BlindReason, Counted, Point, Unreadable
from rolloutd.core.stats.increment import Increment

# A series that was there before may be missing this many readings in a row before it counts as gone for good.
SHORT_READINGS_MAX = 3
# So many series that went away are remembered for each arm, the last ones: one that comes back goes on where it was.
REMEMBERED_MAX = 50
# A series born or reset adds its whole value, which may be its whole past. More than so many times what a reading added
# lately, and so many requests, is no news of one reading.
NEWS_TIMES_MAX, NEWS_SLACK = 4.0, 20.0


@dataclass(frozen=True, slots=True)
class ArmCounters:
    """The last raw value of every series of one arm. ``short_readings`` counts readings in which some were missing.

    ``gone`` has the last values of series that went away, of both kinds. ``pace`` is how many requests the last reading
    added that added any.
    """

    total: Mapping[str, float] = field(default_factory=dict)
    part: Mapping[str, float] = field(default_factory=dict)
    short_readings: int = 0
    gone: Mapping[str, float] = field(default_factory=dict)
    pace: float = 0.0


class Gain(NamedTuple):
    """What series added in one reading: of it what was born (or stood at zero before), and what came after a reset."""

    added: float = 0.0
    born: float = 0.0
    reset: float = 0.0
    resets: int = 0

    @property
    def proven(self) -> float:
        """What stands on an earlier value."""
        return self.added - self.born - self.reset


@dataclass(frozen=True, slots=True)
class ArmDelta:
    """What one arm added since the last reading, or why that cannot be said (``baseline_only``).

    ``summed`` is the part before it was rounded: what a mean is of.
    """

    counters: ArmCounters
    n: int = 0
    part: int = 0
    resets: int = 0
    baseline_only: bool = False
    summed: float = 0.0


def usable(reading: ArmReading, read_at_ms: int, max_age_ms: int) -> ArmReading:
    """The reading itself when every sample is fresh, else why it cannot be used."""
    if isinstance(reading, Unreadable):
        return reading
    if not reading.total:
        return Unreadable(BlindReason.NO_SERIES, "the answer has no series for this arm")
    wrong = next((point for point in (*reading.total, *reading.part) if not 0 <= point.value < inf), None)
    if wrong is not None:  # every comparison with NaN is false, so it would pass for anything further down
        return Unreadable(BlindReason.NOT_A_NUMBER, f"{wrong.series} is {wrong.value}, which no counter can be")
    oldest_ms = min(point.sampled_at_ms for point in (*reading.total, *reading.part))
    age_ms = read_at_ms - oldest_ms
    if age_ms > max_age_ms:
        return Unreadable(
            BlindReason.STALE, f"the sample is {age_ms / 1000:.1f} s old, at most {max_age_ms / 1000:g} s"
        )
    if age_ms < -max_age_ms:
        return Unreadable(BlindReason.CLOCK_SKEW, f"the sample is {-age_ms / 1000:.1f} s in the future")
    return reading


def arm_delta(
    last: ArmCounters | None, reading: Counted, around: float = 0.0, *, part_counts: bool = True
) -> ArmDelta | Unreadable:
    """What the arm added since ``last``. Missing series blind it for a few readings, then count as gone.

    A counter below its last value was reset: its new value is what it added (statistics: counter resets). A series
    that is new was born since the last reading and added its whole value, unless another one vanished with it: that
    is relabelling, and its history must not pass for news. Nor may it where it is out of all proportion: to ``around``,
    the requests that either arm added in a reading lately, or, of a part (of requests, where it ``part_counts``), to
    the whole. Then a series that was there all the time is seen at last. A reset that is out of proportion to what the
    arm itself added lately is none: the reading shows an older moment, and blinds for as long as missing series do.
    """
    total, part = _values(reading.total), _values(reading.part)
    if last is None or not last.total:
        return ArmDelta(ArmCounters(total, part), baseline_only=True)
    missing = [name for name in (*last.total, *last.part) if name not in total and name not in part]
    if missing:
        short = last.short_readings + 1
        born = any(name not in last.total for name in total)
        if not born and short < SHORT_READINGS_MAX:
            return Unreadable(BlindReason.PARTIAL, f"{len(missing)} series are missing, such as {missing[0]}")
        went = {name: {**last.total, **last.part}[name] for name in missing}
        gone = dict(list({**last.gone, **went}.items())[-REMEMBERED_MAX:])
        return ArmDelta(ArmCounters(total, part, gone=gone, pace=last.pace), baseline_only=True)
    whole, bad = _gained({**last.gone, **last.total}, total), _gained({**last.gone, **last.part}, part)
    n, resets = round(whole.added), whole.resets + bad.resets
    gone = {name: value for name, value in last.gone.items() if name not in total and name not in part}
    counters = ArmCounters(total, part, gone=gone, pace=n or last.pace)
    older = _no_news(whole.reset, max(last.pace, whole.proven))
    if older and last.short_readings + 1 < SHORT_READINGS_MAX:
        return Unreadable(BlindReason.BAD_ANSWER, "the counters show an older moment than the last reading did")
    late = _no_news(whole.born, max(around, last.pace, whole.proven))
    if older or late or (part_counts and bad.born + bad.reset > whole.added + NEWS_SLACK):
        return ArmDelta(replace(counters, pace=last.pace), baseline_only=True)
    return ArmDelta(counters, n, round(bad.added), resets, summed=bad.added)


def both_deltas(
    champion: tuple[ArmCounters | None, ArmReading],
    challenger: tuple[ArmCounters | None, ArmReading],
    *,
    part_counts: bool,
) -> tuple[ArmDelta | Unreadable | None, ArmDelta | Unreadable | None]:
    """What each arm added, None for one without counters; what is news of one is measured by both."""
    around = max((last.pace for last, _ in (champion, challenger) if last is not None), default=0.0)
    found: list[ArmDelta | Unreadable | None] = []
    for last, reading in (champion, challenger):
        delta = arm_delta(last, reading, around, part_counts=part_counts) if isinstance(reading, Counted) else None
        around = max(around, delta.n) if isinstance(delta, ArmDelta) else around
        found.append(delta)
    return found[0], found[1]


def added_in(last: ArmCounters, reading: Counted, name_of: Callable[[str], str | None]) -> dict[str, ArmDelta]:
    """What each group of series added since ``last``, by the group's name; for readings that ``arm_delta`` counts."""
    total, part = _values(reading.total), _values(reading.part)
    found: dict[str, ArmDelta] = {}
    for name in {name for name in map(name_of, (*total, *part)) if name is not None}:
        n = _gained({**last.gone, **last.total}, _only(total, name, name_of)).added
        bad = _gained({**last.gone, **last.part}, _only(part, name, name_of)).added
        found[name] = ArmDelta(last, round(n), round(bad))
    return found


def _only(values: Mapping[str, float], name: str, name_of: Callable[[str], str | None]) -> dict[str, float]:
    return {series: value for series, value in values.items() if name_of(series) == name}


def shorter(last: ArmCounters) -> ArmCounters:
    """The same counters after one more reading in which some series were missing."""
    return replace(last, short_readings=last.short_readings + 1)


def increment(champion: ArmDelta | None, challenger: ArmDelta, part_is_good: bool) -> Increment:
    """Both arms' counts as one tick; a missing champion (none by plan) counts nothing."""
    champion_n, champion_bad = bad_of(champion, part_is_good) if champion is not None else (0, 0)
    challenger_n, challenger_bad = bad_of(challenger, part_is_good)
    return Increment(champion_n, champion_bad, challenger_n, challenger_bad)


def bad_of(delta: ArmDelta, part_is_good: bool) -> tuple[int, int]:
    """Requests and bad ones, held to 0 <= bad <= n (two series of one scrape may disagree by a request in flight)."""
    bad = delta.n - delta.part if part_is_good else delta.part
    return delta.n, min(max(bad, 0), delta.n)


def _values(points: Iterable[Point]) -> dict[str, float]:
    return {point.series: point.value for point in points}


def _no_news(gain: float, lately: float) -> bool:
    """Whether this is more than can have come since the last reading; never where nothing is known to measure it by."""
    return lately > 0 and gain > NEWS_TIMES_MAX * lately + NEWS_SLACK


def _gained(last: Mapping[str, float], now: Mapping[str, float]) -> Gain:
    """What each series added, together."""
    added, born, reset, resets = 0.0, 0.0, 0.0, 0
    for name, value in now.items():
        before = last.get(name, 0.0)
        if value < before:
            added, reset, resets = added + value, reset + value, resets + 1
            continue
        added += value - before
        if before == 0.0:
            born += value
    return Gain(added, born, reset, resets)
