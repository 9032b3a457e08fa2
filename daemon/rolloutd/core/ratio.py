"""Does the proxy give the share it says? The split of one gate's requests, tick by tick; it must not decide a hold.

A hold needs evidence and size: the interval that counts as "as asked" is wide enough that nobody would act on what lies
within it, and the requests seen since the share was set must lie outside of it, too.

An arm's counters are sampled at their own moments. While both arms' moments differ, ticks are put together until the
difference is at most a twentieth of the time they cover, so that neither arm is counted longer than the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import Self

from rolloutd.core.metrics import Counted
from rolloutd.core.replacing import replace
from rolloutd.core.stats.share import ShareEvidence, Split
from rolloutd.core.values import FULL, ZERO, Share

ALPHA = 0.001
"""Its own, for a whole rollout; the gates' alpha is not touched."""
TOLERANCE = 0.1
STICKY_FACTOR = 3.0
PROBES_PER_S = 0.5
_SKEW = 0.05
_RECENT_TICKS = 15


@dataclass(frozen=True, slots=True)
class Window:
    """Requests of champion and challenger, and how many ticks they took."""

    champion_n: int = 0
    challenger_n: int = 0
    ticks: int = 0

    def add(self, champion_n: int, challenger_n: int) -> Window:
        """With some more."""
        return Window(self.champion_n + champion_n, self.challenger_n + challenger_n, self.ticks + 1)


EMPTY = Window()


def split_of(share: Share, *, sticky: bool, n: int = 0, seconds: float = 0.0) -> Split:
    """What counts as this share. Sticky by user, a share of the users is not one of the requests: three times as wide.

    A tenth of the smaller arm's part either way; besides, a request every two seconds that no proxy sent (a probe of
    the model server) does not make a share too large, where ``n`` requests in ``seconds`` are known.
    """
    asked = share.fraction
    smaller = min(asked, 1.0 - asked)
    if sticky:
        lo, hi = smaller / STICKY_FACTOR, min(smaller * STICKY_FACTOR, (1.0 + smaller) / 2.0)
    else:
        lo, hi = smaller * (1.0 - TOLERANCE), smaller * (1.0 + TOLERANCE)
    hi = min(hi + (PROBES_PER_S * seconds / n if n else 0.0), (1.0 + hi) / 2.0)
    return Split(asked, lo, hi) if asked <= 0.5 else Split(asked, 1.0 - hi, 1.0 - lo)


@dataclass(frozen=True, slots=True)
class RatioWatch:
    """One gate's requests against the share.

    ``sampled_at`` is when champion and challenger were last sampled, ``open_since`` the same for the ``open`` ticks.
    ``recent`` and ``before`` are the last 15 to 30 ticks of this share; ``stage_pending`` as in GateEvidence.
    """

    evidence: ShareEvidence
    later_stages: int
    sampled_at: tuple[int, int] | None = None
    open_since: tuple[int, int] | None = None
    open: Window = EMPTY
    recent: Window = EMPTY
    before: Window = EMPTY
    stage_pending: bool = False

    @classmethod
    def start(cls, later_stages: int) -> Self:
        """Before the first reading of a rollout."""
        return cls(ShareEvidence.start(later_stages), later_stages)

    def on_share_change(self) -> RatioWatch:
        """The share is changing: what was counted under the old one is said, and nothing straddles."""
        evidence = self.evidence.on_share_change()
        return replace(self, evidence=evidence, open_since=None, open=EMPTY, recent=EMPTY, before=EMPTY)

    def on_stage(self, *, later: bool) -> RatioWatch:
        """A stage begins."""
        return replace(self.on_share_change(), stage_pending=later)

    def on_resume(self) -> RatioWatch:
        """A person let it go on: what was seen before is not held against it again."""
        return RatioWatch(ShareEvidence.start(self.later_stages), self.later_stages, self.sampled_at)

    def look(self, champion: Counted, challenger: Counted) -> RatioWatch:
        """Both arms were sampled, and nothing is counted: from here the next tick counts."""
        return replace(self, sampled_at=_sampled(champion, challenger), open_since=None, open=EMPTY)

    def observe(
        self, champion_n: int, challenger_n: int, at: tuple[Counted, Counted], share: Share, *, sticky: bool
    ) -> RatioWatch:
        """With one tick's requests, once both arms' counts cover the same time."""
        sampled_at = _sampled(*at)
        since = self.open_since or self.sampled_at
        if since is None or not ZERO < share < FULL:
            return replace(self, sampled_at=sampled_at)
        counted = self.open.add(champion_n, challenger_n)
        covered = [until - begun for until, begun in zip(sampled_at, since, strict=True)]
        skew_ms = abs(since[0] - since[1]) + abs(sampled_at[0] - sampled_at[1])
        if min(covered) <= 0 or skew_ms > _SKEW * min(covered):
            return replace(self, sampled_at=sampled_at, open_since=since, open=counted)
        requests = counted.champion_n + counted.challenger_n
        split = split_of(share, sticky=sticky, n=requests, seconds=min(covered) / 1_000)
        evidence = self.evidence.observe(
            counted.challenger_n, counted.champion_n, split, stage_started=self.stage_pending
        )
        recent, before = self.recent.add(counted.champion_n, counted.challenger_n), self.before
        if recent.ticks > _RECENT_TICKS:
            recent, before = EMPTY.add(counted.champion_n, counted.challenger_n), self.recent
        return RatioWatch(evidence, self.later_stages, sampled_at, None, EMPTY, recent, before, False)

    @property
    def seen(self) -> Window:
        """The last requests under the present share."""
        return Window(
            self.recent.champion_n + self.before.champion_n,
            self.recent.challenger_n + self.before.challenger_n,
            self.recent.ticks + self.before.ticks,
        )

    @property
    def part(self) -> float | None:
        """The challenger's part of them, None without requests."""
        seen = self.seen
        requests = seen.champion_n + seen.challenger_n
        return seen.challenger_n / requests if requests else None

    def strays(self, share: Share, *, sticky: bool) -> bool:
        """Whether what was seen lately lies outside of what counts as this share."""
        part, split = self.part, split_of(share, sticky=sticky)
        return part is not None and not split.lo <= part <= split.hi


def progress(log_e: float) -> float:
    """The part of the way to a hold on the log scale, 0 to 1."""
    return max(0.0, min(1.0, log_e / log(1.0 / ALPHA))) if log_e > -inf else 0.0


def _sampled(champion: Counted, challenger: Counted) -> tuple[int, int]:
    """When each arm was sampled: the mean of its series' moments."""
    return _mean_ms(champion), _mean_ms(challenger)


def _mean_ms(reading: Counted) -> int:
    moments = [point.sampled_at_ms for point in reading.total]
    return sum(moments) // len(moments)
