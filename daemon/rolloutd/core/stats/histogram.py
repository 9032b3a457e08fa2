"""Evidence that the challenger is slower, from latency buckets; it must not assume what happens inside one.

Each alternative bends the champion's own distribution F: a shift of its normal scores, Phi(Phi^-1(F) - eta), for a
slower body, or (1 - phi) F + phi (1 - (1 - F)^.15) for a heavier tail; where the bounds of the buckets are known, those
of `slower`, which fit more and are fewer. The density ratio g is made rising over the
buckets, so that the multinomial test against equality (Turner, Ly and Grunwald 2024) is fair for every challenger
that is stochastically not slower: sum y1 log g - (y1 + y0) log((n1 g + n0)/(n1 + n0)). Exact for independent requests
and any common F, however it moves. A slowdown inside one bucket is invisible: gate the mean as well, and see
`too_coarse`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from math import log, log1p
from typing import Self

from rolloutd.core.stats import normal, slower
from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.increment import refuse_buckets
from rolloutd.core.stats.logs import log_mixture

SHIFTS = (0.08, 0.16, 0.32, 0.64, 1.3)
TAILS = (0.003, 0.01, 0.03, 0.1)
LOG_WEIGHTS = (*(log(0.12) for _ in SHIFTS), *(log(0.1) for _ in TAILS))
_TAIL_POWER = 0.15
_FLOOR = 0.01
_PSEUDO = 0.05
_GROWN = 1.25  # the champion's distribution is drawn anew when it rests on so many times the requests


def shifted(distribution: Sequence[float], eta: float) -> list[float]:
    """Density ratios of the body shift `eta` to a champion's bucket probabilities, made fair for slower champions."""
    return _shifted(distribution, _scores(_cumulative(distribution)), eta)


def tailed(distribution: Sequence[float], part: float) -> list[float]:
    """Density ratios when `part` of the requests comes from a much slower distribution."""
    return _tailed(distribution, _cumulative(distribution), part)


def _tailed(distribution: Sequence[float], cumulative: Sequence[float], part: float) -> list[float]:
    return _rising(
        distribution, [(1.0 - part) * c + part * (1.0 - max(1.0 - c, 0.0) ** _TAIL_POWER) for c in cumulative]
    )


def too_coarse(counts: Sequence[int]) -> bool:
    """Whether fewer than three buckets hold more than 5 % of the champion's requests: then little can be seen."""
    total = sum(counts)
    return sum(count > 0.05 * total for count in counts) < 3


@dataclass(frozen=True, slots=True)
class LatencyEvidence:
    """Evidence of slowness over a mixture of alternatives, made from `basis`: the champion's past, from time to time.

    Without bounds five body shifts and four tails; with them those of `slower`, with `slo_bucket` (the last bucket
    inside the limit) the part over it among them, so that no weight is paid for a second test.
    """

    champion: tuple[float, ...]
    logs: tuple[float, ...]
    basis: tuple[float, ...]
    bounds: tuple[float, ...] = ()
    slo_bucket: int | None = None

    @classmethod
    def start(cls, history: Sequence[int], bounds: Sequence[float] = (), slo_bucket: int | None = None) -> Self:
        """With the champion's bucket counts from before the rollout (zeros will do), +Inf included, not cumulative.

        `bounds`: the buckets' upper bounds, rising and above 0, in any unit; the last bucket has none. Raises
        ValueError where they do not fit.
        """
        fitting = not bounds or (
            len(bounds) == len(history) - 1
            and bounds[0] > 0.0
            and all(a < b for a, b in pairwise(bounds))
            and (slo_bucket is None or 0 <= slo_bucket < len(bounds))
        )
        if not fitting or (slo_bucket is not None and not bounds):
            raise ValueError(
                f"The bounds {list(bounds)} with limit bucket {slo_bucket} do not fit {len(history)} buckets. The gate "
                "was not built and traffic is as before. Give one rising bound above 0 for each bucket but the last."
            )
        counts = tuple(float(count) + _PSEUDO for count in history)
        weights = slower.log_weights(slo_bucket) if bounds else LOG_WEIGHTS
        return cls(counts, (0.0,) * len(weights), counts, tuple(bounds), slo_bucket)

    @property
    def log_weights(self) -> tuple[float, ...]:
        """Of the alternatives, in the order of `logs`."""
        return slower.log_weights(self.slo_bucket) if self.bounds else LOG_WEIGHTS

    def observe(self, challenger: Sequence[int], champion: Sequence[int]) -> "LatencyEvidence":
        """With one more tick's counts a bucket. Raises ValueError when the buckets do not match."""
        if len(challenger) != len(self.champion) or len(champion) != len(self.champion):
            raise refuse_buckets(len(challenger), len(champion), len(self.champion))
        past = tuple([a + b for a, b in zip(self.champion, champion, strict=True)])
        n1, n0 = sum(challenger), sum(champion)
        if n1 == 0 or n0 == 0:
            return replace(self, champion=past)
        basis = self.champion if sum(self.champion) >= _GROWN * sum(self.basis) else self.basis
        theta = n1 / (n1 + n0)
        seen = [(j, y1, y1 + y0) for j, (y1, y0) in enumerate(zip(challenger, champion, strict=True)) if y1 or y0]
        mine, places = [(j, y1) for j, y1, _ in seen if y1], [j for j, _, _ in seen]
        both = [count for _, _, count in seen]
        logs = []
        for value, (log_g, excess) in zip(self.logs, _bets(basis, self.bounds, self.slo_bucket), strict=True):
            added = sum([y1 * log_g[j] for j, y1 in mine])
            spread = sum([count * log1p(theta * excess[j]) for j, count in zip(places, both, strict=True)])
            logs.append(value + added - spread)
        return replace(self, champion=past, logs=tuple(logs), basis=basis)

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return log_mixture(self.log_weights, self.logs)

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {
            "kind": "latency.2",
            "champion": list(self.champion),
            "logs": list(self.logs),
            "basis": list(self.basis),
            "bounds": list(self.bounds),
            "slo_bucket": self.slo_bucket,
        }

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "latency.2")
        counts, bounds = read.floats("champion"), read.floats("bounds")
        slo_bucket = None if data.get("slo_bucket") is None else read.integer("slo_bucket")
        if bounds and len(bounds) != len(counts) - 1:
            raise read.refusal("bounds")
        weights = slower.log_weights(slo_bucket) if bounds else LOG_WEIGHTS
        logs, basis = read.floats("logs", len(weights)), read.floats("basis", len(counts))
        return cls(tuple(counts), tuple(logs), tuple(basis), tuple(bounds), slo_bucket)


@lru_cache(maxsize=256)
def _bets(
    counts: tuple[float, ...], bounds: tuple[float, ...], slo_bucket: int | None
) -> list[tuple[list[float], list[float]]]:
    """log g and g - 1 a bucket of every alternative; the last answers are kept, since `basis` seldom changes."""
    ratios = slower.ratios(counts, bounds, slo_bucket) if bounds else _bends(counts)
    return [([log(value) for value in g], [value - 1.0 for value in g]) for g in ratios]


def _bends(counts: Sequence[float]) -> list[list[float]]:
    """Density ratios of all alternatives, in the order of LOG_WEIGHTS."""
    total = sum(counts)
    distribution = [count / total for count in counts]
    cumulative = _cumulative(distribution)
    scores = _scores(cumulative)
    return [_shifted(distribution, scores, eta) for eta in SHIFTS] + [
        _tailed(distribution, cumulative, part) for part in TAILS
    ]


def _scores(cumulative: Sequence[float]) -> list[float | None]:
    return [normal.quantile(c) if 0.0 < c < 1.0 else None for c in cumulative]


def _shifted(distribution: Sequence[float], scores: Sequence[float | None], eta: float) -> list[float]:
    return _rising(distribution, [1.0 if s is None else normal.cdf(s - eta) for s in scores])


def _cumulative(distribution: Sequence[float]) -> list[float]:
    """Cumulative probabilities, the last one exactly 1."""
    total, found = 0.0, []
    for part in distribution:
        total += part
        found.append(min(total, 1.0))
    found[-1] = 1.0
    return found


def _rising(distribution: Sequence[float], bent: Sequence[float]) -> list[float]:
    """Ratios of the bent distribution's buckets to the original's, as running maxima, with mean 1 and a floor."""
    ratios, before, highest = [], 0.0, 0.0
    for part, cumulative in zip(distribution, bent, strict=True):
        highest = max(highest, (cumulative - before) / part)
        before = cumulative
        ratios.append(highest)
    mean = sum(part * ratio for part, ratio in zip(distribution, ratios, strict=True))
    return [_FLOOR + (1.0 - _FLOOR) * ratio / mean for ratio in ratios]
