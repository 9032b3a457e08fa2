"""What a gate on a mean knows: revenue, cost, tokens, seconds per request, of both arms. It must not decide.

A part of the gate's evidence (evidence.py). Harm and safety are each a half-normal mixture on the ticks' differences,
which is valid in the limit of many ticks, not exactly: both say nothing before 30 ticks and 50 requests. Harm is
carried over the stages, safety begins anew at each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from rolloutd.core.counting import ArmDelta
from rolloutd.core.plan import Gate
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.means import MeanEvidence, Totals


class Sums(NamedTuple):
    """Requests of both arms, and what the metric came to over them."""

    champion_n: int = 0
    champion_total: float = 0.0
    challenger_n: int = 0
    challenger_total: float = 0.0

    def plus(self, other: Sums) -> Sums:
        """Both as one."""
        return Sums(
            self.champion_n + other.champion_n,
            self.champion_total + other.champion_total,
            self.challenger_n + other.challenger_n,
            self.challenger_total + other.challenger_total,
        )

    @property
    def champion(self) -> float | None:
        """The champion's mean, None without requests."""
        return self.champion_total / self.champion_n if self.champion_n else None

    @property
    def challenger(self) -> float | None:
        """The challenger's mean."""
        return self.challenger_total / self.challenger_n if self.challenger_n else None


_NOTHING = Sums()


@dataclass(frozen=True, slots=True)
class Averages:
    """``stage`` and ``total`` are the sums of the stage and of the rollout, ``last`` those of the last counted tick.

    The challenger is too much once its mean is more than ``too_much`` times the champion's (less, where higher is
    better), and good enough once it is shown to be on the better side of ``enough`` times that. ``tick`` is still to be
    counted.
    """

    harm: MeanEvidence
    safe: MeanEvidence
    too_much: float
    enough: float
    stage: Sums = _NOTHING
    total: Sums = _NOTHING
    last: Sums = _NOTHING
    tick: Sums = _NOTHING

    @classmethod
    def start(cls, gate: Gate) -> Averages:
        """Before the first tick."""
        sign = -1 if gate.template.higher_is_better else 1
        harm, accept = _factor(gate, gate.harm), _factor(gate, gate.accept)
        return cls(MeanEvidence.start(0.0, sign), MeanEvidence.start(0.0, -sign), harm, accept)

    def on_stage(self) -> Averages:
        """A stage begins: safety is shown anew."""
        return replace(self, safe=MeanEvidence.start(0.0, self.safe.sign), stage=_NOTHING)

    def with_tick(self, tick: Sums) -> Averages:
        """With what one reading added, which does not count yet; nothing of the one before counts any more."""
        return replace(self, tick=tick, last=_NOTHING)

    def counted(self, *, gross_only: bool) -> Averages:
        """With the waiting tick in sums and evidence; one of a warm-up is in the sums alone."""
        tick = self.tick
        more = replace(self, stage=self.stage.plus(tick), total=self.total.plus(tick), last=tick, tick=_NOTHING)
        if gross_only:
            return more
        challenger, n0, total0 = Totals(tick.challenger_n, tick.challenger_total), tick.champion_n, tick.champion_total
        return replace(
            more,
            harm=self.harm.observe(challenger, Totals(n0, self.too_much * total0)),
            safe=self.safe.observe(challenger, Totals(n0, self.enough * total0)),
        )

    def keeping_safe_of(self, before: Averages) -> Averages:
        """The same, but what speaks of the stage as it was before."""
        return replace(self, safe=before.safe, stage=before.stage)

    @property
    def words(self) -> str:
        """Both means, for a sentence."""
        old, new = self.total.champion, self.total.challenger
        told = [f"{who} {mean:.6g}" for who, mean in (("challenger", new), ("champion", old)) if mean is not None]
        return (
            f"{' on average, '.join(told)} on average of {self.total.challenger_n} and {self.total.champion_n} requests"
        )


def _factor(gate: Gate, margin: Margin) -> float:
    return 1.0 / margin.factor if gate.template.higher_is_better else margin.factor


def tick_of(inc: Increment, champion: ArmDelta | None, challenger: ArmDelta) -> Sums:
    """What both arms added in a reading; a missing champion (none by plan) nothing."""
    champion_total = 0.0 if champion is None else champion.summed
    return Sums(inc.champion_n, champion_total, inc.challenger_n, challenger.summed)
