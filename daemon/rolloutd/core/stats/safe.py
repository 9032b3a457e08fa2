"""The evidence that lets a challenger go on: it errs less often than the margin allows; it must not judge harm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from rolloutd.core.stats import gro, robust
from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.deflate import Clustering
from rolloutd.core.stats.grid import SAFE_LOG_WEIGHTS, safe_rates
from rolloutd.core.stats.increment import AnyTick, exchanged
from rolloutd.core.stats.logs import log_mixture
from rolloutd.core.stats.margins import Margin

_EXACT_FROM_THETA = 0.3
_NOTHING = (0.0,) * len(SAFE_LOG_WEIGHTS)


@dataclass(frozen=True, slots=True)
class SafeEvidence:
    """Evidence that the challenger errs less often than the margin allows; begins anew at each stage.

    Two tests, by the share of the tick. Where theta = f n1/(f n1 + n0) >= .3 and the margin is a ratio: the bet of
    `robust` with the arms' roles exchanged, exact for any bursts inside a tick; one tick adds at most 1/(1 - theta),
    which makes it hopeless at a small share. Otherwise: the mixture of `gro`, its logs divided by the dispersion phi of
    the larger arm's errors over the whole stage. That is exact at every look when errors are independent, since
    dividing by phi >= 1 only lowers evidence above 1, however phi was found; with bursts it rests on phi being learnt
    (bursts of 3 and 5 at the margin: 3 to 4.3 % false at a nominal 5 %; undivided, 32 to 57 %).
    """

    margin: Margin
    champion_n: float
    champion_bad: float
    clustering: Clustering
    exact: tuple[float, ...]
    deflated: tuple[float, ...]

    @classmethod
    def start(cls, margin: Margin) -> Self:
        """Before a stage's first tick."""
        return cls(margin, 0.0, 0.0, Clustering(), _NOTHING, _NOTHING)

    def observe(self, inc: AnyTick) -> "SafeEvidence":
        """With one more tick, none of a warm-up: those speak for nothing and are not to be shown here."""
        exact, deflated = self.exact, self.deflated
        if inc.comparable:
            if self.margin.shift == 0.0 and robust.theta(inc, self.margin) >= _EXACT_FROM_THETA:
                exact = _sum(exact, self._exchanged(inc))
            else:
                deflated = _sum(deflated, self._independent(inc))
        return SafeEvidence(
            self.margin,
            self.champion_n + inc.champion_n,
            self.champion_bad + inc.champion_bad,
            self.clustering.observe_larger(inc),
            exact,
            deflated,
        )

    def _independent(self, inc: AnyTick) -> list[float]:
        champion = gro.predicted_rate(self.champion_n, self.champion_bad, inc)
        return [
            0.0 if rate is None else gro.log_increment(inc, gro.Rates(rate, champion), self.margin)
            for rate in safe_rates(champion, self.margin, bounded=inc.bounded)
        ]

    def _exchanged(self, inc: AnyTick) -> list[float]:
        """The champion erring more than 1/f times as often as the challenger is what harm is to the other side."""
        factor = self.margin.factor
        ratios = [1.0 if rate is None else factor / rate for rate in safe_rates(1.0, self.margin, bounded=False)]
        return robust.log_factors((exchanged(inc),), Margin.ratio(1.0 / factor), ratios, self.clustering.phi)

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        phi = self.clustering.phi
        return log_mixture(SAFE_LOG_WEIGHTS, [a + b / phi for a, b in zip(self.exact, self.deflated, strict=True)])

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        c = self.clustering
        return {
            "kind": "safe.2",
            "margin": [self.margin.factor, self.margin.shift],
            "champion": [self.champion_n, self.champion_bad],
            "clustering": [c.last_n, c.last_bad, c.squares, c.expected],
            "exact": list(self.exact),
            "deflated": list(self.deflated),
        }

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "safe.2")
        champion_n, champion_bad = read.floats("champion", 2)
        return cls(
            Margin(*read.floats("margin", 2)),
            champion_n,
            champion_bad,
            Clustering(*read.floats("clustering", 4)),
            tuple(read.floats("exact", len(_NOTHING))),
            tuple(read.floats("deflated", len(_NOTHING))),
        )


def _sum(logs: tuple[float, ...], added: list[float]) -> tuple[float, ...]:
    return tuple([a + b for a, b in zip(logs, added, strict=True)])
