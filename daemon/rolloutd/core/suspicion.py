"""What is wrong and not the challenger's doing: the split of the requests, the champion itself. It starts nothing.

Each is a value with its sentence; advance.py makes a hold of it. Harm relative to the champion is judged in verdict.py
and goes before: a challenger that is worse goes back, whatever else is wrong.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import inf, log

from rolloutd.core import ratio
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.ratio import Window
from rolloutd.core.stats.jump import FACTOR
from rolloutd.core.stats.logs import log_mixture
from rolloutd.core.values import FULL, ZERO, Share

_JUMP_ALPHA = 0.001


@dataclass(frozen=True, slots=True)
class SplitVerdict:
    """The requests against the share, all gates together, in the figures of the gate that shows most.

    ``strays``: there is evidence enough, and what was seen lately lies outside of what counts as this share.
    """

    metric: str
    asked: Share
    seen: Window
    part: float | None
    lo: float
    hi: float
    progress: float
    strays: bool

    @property
    def sentence(self) -> str:
        """What was asked and what came, for people."""
        total = self.seen.champion_n + self.seen.challenger_n
        part = "none" if self.part is None else f"{self.part:.2%}"
        return (
            f"asked {self.asked}, but {part} of the requests reach the challenger "
            f"({self.seen.challenger_n} of the last {total} that {self.metric} counted)"
        )


@dataclass(frozen=True, slots=True)
class Outside:
    """The champion's error rate jumped against its own past. ``both``: the challenger's is as high, or not known."""

    metric: str
    past: float
    now: float
    both: bool

    @property
    def sentence(self) -> str:
        """What happened and what it means, for people."""
        rates = f"{self.metric} of the champion went from {self.past:.2%} to {self.now:.2%}"
        if self.both:
            return f"{rates} and the challenger is no worse: an incident outside of both, nothing to blame it for"
        return f"{rates} while the challenger did not: the champion is sick, and nothing can be compared with it"


def judge_split(evidence: Collection[GateEvidence], share: Share, *, sticky: bool) -> SplitVerdict | None:
    """Whether the proxy gives this share; None without one, and at full share, where there is nothing to compare."""
    watched = [(known.metric, known.ratio) for known in evidence if known.ratio is not None]
    if not ZERO < share < FULL or not watched:
        return None
    logs = [watch.evidence.log_e for _, watch in watched]
    total = log_mixture([-log(len(logs))] * len(logs), logs)
    metric, worst = watched[logs.index(max(logs))]
    split = ratio.split_of(share, sticky=sticky)
    strays = total >= log(1.0 / ratio.ALPHA) and worst.strays(share, sticky=sticky)
    return SplitVerdict(metric, share, worst.seen, worst.part, split.lo, split.hi, ratio.progress(total), strays)


def judge_champion(evidence: Collection[GateEvidence]) -> Outside | None:
    """The gate on which the champion jumped most against its own past, if on any, and for as long as that lasts."""
    found: GateEvidence | None = None
    most = -inf
    line = log(max(1, len(evidence)) / _JUMP_ALPHA)
    for known in evidence:
        jump = known.jump
        if jump is not None and jump.lasting and line <= jump.log_e > most:
            found, most = known, jump.log_e
    if found is None or found.jump is None or found.jump.past is None or found.jump.now is None:
        return None
    past, now, last = found.jump.past, found.jump.now, found.last
    challenger = last.challenger_bad / last.challenger_n if last.challenger_n else None
    return Outside(found.metric, past, now, challenger is None or challenger >= past * FACTOR or challenger >= now / 2)
