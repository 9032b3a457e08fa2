"""How much traffic a decision will take, said before it is tried; it must not be used as evidence.

No test that is valid for every common rate of the two arms can grow faster than
g = min over the margin's line of KL(p1 || f b + d) + k KL(p0 || b) a challenger request, k champion requests to each
(reverse information projection). The mixtures need about log(1/beta) + .4, or log(1/alpha) + 1, over g.
"""

from dataclasses import dataclass
from math import log, log1p

from rolloutd.core.stats.gro import Rates, projection
from rolloutd.core.stats.margins import Margin

_SAFE_OVERHEAD, _HARM_OVERHEAD = 0.4, 1.0
_P90_OVER_MEAN = 2.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """Challenger requests to a decision: the least any valid test needs, the mean and the ninth decile of ours."""

    bound: float
    mean: float
    p90: float

    def hours(self, requests: float, rps: float, share: float) -> float:
        """Hours until the challenger has had `requests`, at `rps` requests a second on the route; share in 0..1."""
        return requests / (3600.0 * rps * share)


def divergence(p: float, q: float) -> float:
    """Kullback-Leibler divergence of two error rates, in nats; q strictly between 0 and 1."""
    bad = p * log(p / q) if p > 0.0 else 0.0
    good = (1.0 - p) * (log1p(-p) - log1p(-q)) if p < 1.0 else 0.0
    return max(bad + good, 0.0)


def growth(truth: Rates, margin: Margin, share: float) -> float:
    """g: the most log evidence a challenger request can bring; 0 < share < 1, rates strictly between 0 and 1."""
    champions = (1.0 - share) / share
    null = projection(1.0, champions, truth, margin)
    return divergence(truth.challenger, null.challenger) + champions * divergence(truth.champion, null.champion)


def safe_forecast(truth: Rates, accept: Margin, share: float, beta: float) -> Forecast | None:
    """Requests to show a challenger of rate `truth` safe; None where it lies on or beyond the margin."""
    if truth.challenger >= accept.tolerated(truth.champion):
        return None
    return _forecast(log(1.0 / beta), _SAFE_OVERHEAD, growth(truth, accept, share))


def harm_forecast(truth: Rates, harm: Margin, share: float, alpha: float) -> Forecast | None:
    """Requests to show a challenger of rate `truth` harmful; None where it lies on or inside the margin."""
    if truth.challenger <= harm.tolerated(truth.champion):
        return None
    return _forecast(log(1.0 / alpha), _HARM_OVERHEAD, growth(truth, harm, share))


def _forecast(needed: float, overhead: float, per_request: float) -> Forecast:
    mean = (needed + overhead) / per_request
    return Forecast(needed / per_request, mean, _P90_OVER_MEAN * mean)
