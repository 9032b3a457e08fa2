"""One tick's bets for one side of a margin, by the method asked for, with the projection used; it adds nothing up.

gro: likelihood ratio against the nearest pair of rates on the margin. conditional: the challenger's part of a tick's
errors. robust: the daemon's own bet, fair for bursts, without its discount for errors that spill into later ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rolloutd.core.analysis.mixtures import even_weights
from rolloutd.core.stats import conditional, gro, robust
from rolloutd.core.stats.grid import EIGHT, HARM, SAFE_LOG_WEIGHTS, harmful_rate, safe_rates
from rolloutd.core.stats.gro import Rates
from rolloutd.core.stats.increment import AnyTick, exchanged
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.robust import Dispersion

METHODS = ("shipped", "robust", "gro", "conditional")


@dataclass(frozen=True, slots=True)
class Bets:
    """log factors of each effect; ``details`` are what they were made with, as JSON can hold it."""

    increments: list[float]
    details: dict[str, object]


class Bettor:
    """The bets of one side. ``ratios`` are effects beyond the margin (harm only), ``pinned`` is one alternative."""

    def __init__(
        self, method: str, margin: Margin, harm: bool, ratios: tuple[float, ...], pinned: Rates | None
    ) -> None:
        self._method, self._margin, self._harm, self._pinned = method, margin, harm, pinned
        self.ratios = ratios or (HARM.ratios if method == "robust" else EIGHT.ratios)
        self._past = (0.0, 0.0)
        self._dispersion = Dispersion()

    @property
    def log_weights(self) -> tuple[float, ...]:
        """Logarithms of the effects' weights."""
        if self._pinned is not None:
            return (0.0,)
        if not self._harm:
            return SAFE_LOG_WEIGHTS
        return HARM.log_weights if self.ratios == HARM.ratios else even_weights(len(self.ratios))

    def look(self, tick: AnyTick) -> Bets:
        """The bets on this tick, from what ticks before it have taught; then it teaches, too."""
        if not tick.comparable:
            bets = Bets([0.0] * len(self.log_weights), {})
        elif self._method == "gro":
            bets = self._gro(tick)
        elif self._method == "conditional":
            bets = self._conditional(tick)
        else:
            bets = self._robust(tick)
        self._past = (self._past[0] + tick.champion_n, self._past[1] + tick.champion_bad)
        if tick.comparable:
            seen, margin = (tick, self._margin) if self._harm else (exchanged(tick), self._other_side)
            self._dispersion = self._dispersion.observe(seen, margin)
        return bets

    @property
    def _other_side(self) -> Margin:
        return Margin.ratio(1.0 / self._margin.factor)

    def _alternatives(self, tick: AnyTick) -> list[Rates | None]:
        if self._pinned is not None:
            return [self._pinned]
        champion = gro.predicted_rate(*self._past, tick)
        rates: Sequence[float | None]
        if not self._harm:
            rates = safe_rates(champion, self._margin, bounded=tick.bounded)
        elif tick.bounded:
            rates = [harmful_rate(champion, self._margin, ratio) for ratio in self.ratios]
        else:
            rates = [self._margin.tolerated(champion) * ratio for ratio in self.ratios]
        return [None if rate is None else Rates(rate, champion) for rate in rates]

    def _gro(self, tick: AnyTick) -> Bets:
        alternatives = self._alternatives(tick)
        project = gro.projection if tick.bounded else gro.event_projection
        weigh = gro.log_ratio if tick.bounded else gro.event_log_ratio
        increments: list[float] = []
        projections: list[list[float] | None] = []
        for alternative in alternatives:
            if alternative is None:
                increments.append(0.0)
                projections.append(None)
                continue
            null = project(tick.challenger_n, tick.champion_n, alternative, self._margin)
            increments.append(weigh(tick, alternative, null))
            projections.append(list(null))
        told = [None if rates is None else list(rates) for rates in alternatives]
        return Bets(increments, {"alternatives": told, "projections": projections})

    def _effects(self) -> list[float]:
        """Effects as multiples of the rate on the margin; 1 where an alternative lies on it."""
        if self._pinned is not None:
            return [self._pinned.challenger / self._margin.tolerated(self._pinned.champion)]
        if self._harm:
            return list(self.ratios)
        rates = safe_rates(1.0, self._margin, bounded=False)
        return [1.0 if rate is None else rate / self._margin.factor for rate in rates]

    def _conditional(self, tick: AnyTick) -> Bets:
        effects = self._effects()
        n1, n0 = tick.challenger_n * self._margin.factor, tick.champion_n
        found = conditional.log_increments(tick, self._margin.factor, effects)
        told: dict[str, object] = {"theta": n1 / (n1 + n0), "alternatives": [r * n1 / (r * n1 + n0) for r in effects]}
        return Bets(list(found), told)

    def _robust(self, tick: AnyTick) -> Bets:
        phi = self._dispersion.phi
        if self._harm:
            found = robust.log_factors((tick,), self._margin, self._effects(), phi)
            part = robust.theta(tick, self._margin)
        else:
            inverse = [1.0 / effect for effect in self._effects()]
            found = robust.log_factors((exchanged(tick),), self._other_side, inverse, phi)
            part = 1.0 - robust.theta(tick, self._margin)
        return Bets(list(found), {"theta": part, "phi": phi, "stakes": [(r - 1.0) / phi for r in self._effects()]})


def beyond(margin: Margin, alternative: Rates) -> bool:
    """Whether a pair of rates is harm to this margin."""
    return alternative.challenger > margin.tolerated(alternative.champion) * (1.0 + 1e-12)


def inside(margin: Margin, alternative: Rates) -> bool:
    """Whether a pair of rates is safe by this margin."""
    return alternative.challenger < margin.tolerated(alternative.champion) * (1.0 - 1e-12)
