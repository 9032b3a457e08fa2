"""What one gate knows of each segment: its counts, and the harm evidence over all of them. It must not decide.

A part of the gate's evidence (evidence.py), for gates that are judged in each segment too. A segment alone never shows
safety: it only can show harm, and then it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from rolloutd.core.counting import ArmCounters, ArmDelta, added_in, increment
from rolloutd.core.metrics import ArmReading, BlindReason, Counted, Unreadable
from rolloutd.core.segments import Segments
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.segments import SegmentedHarm

Ticks = Mapping[str, Increment]
_NOTHING = Increment(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class BySegment:
    """``total`` is what was counted in each segment since the rollout began, or since it was let in again."""

    segments: Segments
    harm: SegmentedHarm
    total: tuple[tuple[str, Increment], ...]

    @classmethod
    def start(cls, segments: Segments, margin: Margin, later_stages: int, line: float) -> Self:
        """Before the first reading of a rollout; ``line`` is where this gate's comparison fires alone."""
        names = segments.everybody
        harm = SegmentedHarm.start(margin, later_stages, names, line=line)
        return cls(segments, harm, tuple((name, _NOTHING) for name in names))

    def observe(self, ticks: Ticks, *, stage_started: bool, gross_only: bool) -> BySegment:
        """With one more tick of every segment."""
        harm = self.harm.observe(ticks, stage_started=stage_started, gross_only=gross_only)
        total = tuple((name, known + ticks.get(name, _NOTHING)) for name, known in self.total)
        return replace(self, harm=harm, total=total)

    def isolated(self, name: str, later_stages: int) -> BySegment:
        """The segment was taken off the challenger."""
        return self if name in self.harm.off else replace(self, harm=self.harm.without(name, later_stages))

    def put_back(self, name: str, later_stages: int) -> BySegment:
        """The segment is let in again: what it showed before was a person's to judge."""
        total = tuple((each, _NOTHING if each == name else known) for each, known in self.total)
        return replace(self, harm=self.harm.afresh(name, later_stages), total=total)

    def counted(self, name: str) -> Increment:
        """What was counted in this segment."""
        return dict(self.total)[name]

    def ticks(
        self,
        champion: tuple[ArmCounters | None, ArmReading],
        challenger: tuple[ArmCounters | None, ArmReading],
        *,
        part_is_good: bool,
    ) -> Ticks:
        """What each segment added since the last counters of the arms, in this reading."""
        arms = [_by_segment(last, reading, self.segments) for last, reading in (champion, challenger)]
        return {
            name: increment(arms[0].get(name, _none()), arms[1].get(name, _none()), part_is_good)
            for name in self.segments.everybody
        }


def labelled(reading: ArmReading, segments: Segments) -> ArmReading:
    """The reading itself when every series says its segment, else why it cannot be used: silence is no segment."""
    if isinstance(reading, Unreadable):
        return reading
    mute = next((p.series for p in (*reading.total, *reading.part) if segments.segment_of(p.series) is None), None)
    if mute is None:
        return reading
    return Unreadable(BlindReason.BAD_ANSWER, f"{mute} has no label {segments.label}, so its segment is not known")


def _by_segment(last: ArmCounters | None, reading: ArmReading, segments: Segments) -> dict[str, ArmDelta]:
    if last is None or not isinstance(reading, Counted):
        return {}
    return added_in(last, reading, segments.segment_of)


def _none() -> ArmDelta:
    return ArmDelta(ArmCounters())
