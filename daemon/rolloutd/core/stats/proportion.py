"""The evidence of a gate on a proportion, as the core uses it; it must not decide anything.

Three values, each replaced by a new one at every tick: `HarmEvidence` (worse than the champion and the margin),
`LimitEvidence` (above an absolute limit) and `SafeEvidence` (better than the margin). Each has `log_e`: harm is shown
once log_e >= log(1/alpha), safety while log_e >= log(1/beta), at any tick, however often one looks.
`encode` gives what JSON can hold and `decode` the same value again, bit for bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from rolloutd.core.stats import gro, limit, robust
from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.deflate import Clustering
from rolloutd.core.stats.grid import EIGHT, NINE, SAFE_LOG_WEIGHTS, safe_rates
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.logs import log_mixture
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.restart import Restart

GROSS_FACTOR = 3.0  # during a warm-up only harm beyond this ratio counts
_PSEUDO_ERRORS, _PSEUDO_REQUESTS = 0.5, 50.0  # what is believed of the champion's rate before any is seen


@dataclass(frozen=True, slots=True)
class HarmEvidence:
    """Evidence that the challenger errs more often than the margin allows, carried through the whole rollout.

    The robust bet (`robust`, with its validity) on nine effects in the restart mixture: at most alpha of all harmless
    rollouts ever reach log(1/alpha), also when errors come in bursts inside a tick.
    """

    margin: Margin
    dispersion: robust.Dispersion
    restart: Restart

    @classmethod
    def start(cls, margin: Margin, later_stages: int) -> Self:
        """Before the first tick of a plan with so many stages after the first."""
        return cls(margin, robust.Dispersion(), Restart.start(later_stages))

    def observe(self, inc: Increment, *, stage_started: bool = False, gross_only: bool = False) -> "HarmEvidence":
        """With one more tick; `stage_started` on the first one after a later stage's share was confirmed.

        `gross_only`: a warm-up, in which only errors beyond three times the champion's count as harm.
        """
        if not inc.comparable:
            return replace(self, restart=self.restart.stage_without_data(NINE.log_weights)) if stage_started else self
        margin = self.margin.widened(GROSS_FACTOR) if gross_only else self.margin
        factors = robust.log_factors(inc, margin, NINE.ratios, self.dispersion.phi)
        return HarmEvidence(
            self.margin,
            self.dispersion if gross_only else self.dispersion.observe(inc, margin),
            self.restart.step(factors, NINE.log_weights, stage_started=stage_started),
        )

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return self.restart.log_e

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {
            "kind": "harm.1",
            "margin": [self.margin.factor, self.margin.shift],
            "dispersion": [self.dispersion.squares, self.dispersion.expected],
            "restart": self.restart.encode(),
        }

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "harm.1")
        return cls(
            Margin(*read.floats("margin", 2)),
            robust.Dispersion(*read.floats("dispersion", 2)),
            read.restart("restart", len(NINE.ratios)),
        )


@dataclass(frozen=True, slots=True)
class LimitEvidence:
    """Evidence that the challenger errs above an absolute limit, whatever the champion does.

    Exact for any dependence between the errors of one tick; the restart mixture as in HarmEvidence.
    """

    limit: float
    restart: Restart

    @classmethod
    def start(cls, limit: float, later_stages: int) -> Self:
        """Before the first tick. Raises ValueError unless 0 < limit < 1."""
        if not 0.0 < limit < 1.0:
            raise ValueError(
                f"A limit of {limit} is no error rate that could be exceeded. The gate was not built and traffic is as "
                "before. Give a rate between 0 and 1, such as 0.05."
            )
        return cls(limit, Restart.start(later_stages))

    def observe(self, inc: Increment, *, stage_started: bool = False, gross_only: bool = False) -> "LimitEvidence":
        """With one more tick; `gross_only` puts the limit at three times its value, or halfway to 1 if that is less."""
        if inc.challenger_n == 0:
            return replace(self, restart=self.restart.stage_without_data(EIGHT.log_weights)) if stage_started else self
        bound = min(GROSS_FACTOR * self.limit, (1.0 + self.limit) / 2.0) if gross_only else self.limit
        factors = limit.log_factors(inc.challenger_bad, inc.challenger_n, bound, limit.stakes(self.limit))
        return LimitEvidence(self.limit, self.restart.step(factors, EIGHT.log_weights, stage_started=stage_started))

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return self.restart.log_e

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {"kind": "limit.1", "limit": self.limit, "restart": self.restart.encode()}

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "limit.1")
        return cls(read.number("limit"), read.restart("restart", len(EIGHT.ratios)))


@dataclass(frozen=True, slots=True)
class SafeEvidence:
    """Evidence that the challenger errs less often than the margin allows; begins anew at each stage.

    The likelihood-ratio mixture of `gro`, its logs divided by the dispersion of the champion's errors seen so far.
    Exact at every look when errors are independent: dividing by phi >= 1 only lowers evidence above 1, however phi was
    found. With errors in bursts it rests on phi having been learnt, so it is then good but not exact. The
    exact bet of `robust` turned around would be capped at 1/(1 - theta) a tick, hopeless at a small share: not in use.
    """

    margin: Margin
    champion_n: int
    champion_bad: int
    clustering: Clustering
    logs: tuple[float, ...]

    @classmethod
    def start(cls, margin: Margin) -> Self:
        """Before a stage's first tick."""
        return cls(margin, 0, 0, Clustering(), (0.0,) * len(SAFE_LOG_WEIGHTS))

    def observe(self, inc: Increment) -> "SafeEvidence":
        """With one more tick, none of a warm-up: those speak for nothing and are not to be shown here."""
        return SafeEvidence(
            self.margin,
            self.champion_n + inc.champion_n,
            self.champion_bad + inc.champion_bad,
            self.clustering.observe(inc),
            self._added(inc) if inc.comparable else self.logs,
        )

    def _added(self, inc: Increment) -> tuple[float, ...]:
        champion = (self.champion_bad + _PSEUDO_ERRORS) / (self.champion_n + _PSEUDO_REQUESTS)
        return tuple(
            [
                value if rate is None else value + gro.log_increment(inc, gro.Rates(rate, champion), self.margin)
                for value, rate in zip(self.logs, safe_rates(champion, self.margin), strict=True)
            ]
        )

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        phi = self.clustering.phi
        return log_mixture(SAFE_LOG_WEIGHTS, [value / phi for value in self.logs])

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        c = self.clustering
        return {
            "kind": "safe.1",
            "margin": [self.margin.factor, self.margin.shift],
            "champion": [self.champion_n, self.champion_bad],
            "last": [c.last_n, c.last_bad],
            "spread": [c.squares, c.expected],
            "logs": list(self.logs),
        }

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "safe.1")
        champion_n, champion_bad = read.integers("champion", 2)
        return cls(
            Margin(*read.floats("margin", 2)),
            champion_n,
            champion_bad,
            Clustering(*read.integers("last", 2), *read.floats("spread", 2)),
            tuple(read.floats("logs", len(SAFE_LOG_WEIGHTS))),
        )
