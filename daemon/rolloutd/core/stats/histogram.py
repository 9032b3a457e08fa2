"""Evidence that the challenger is slower, from latency buckets; it must not assume what happens inside one.

Each alternative bends the champion's own distribution F: a shift of its normal scores, Phi(Phi^-1(F) - eta), for a
slower body, or (1 - phi) F + phi (1 - (1 - F)^.15) for a heavier tail. The density ratio g is made rising over the
buckets, so that the multinomial test against equality (Turner, Ly and Grunwald 2024) is fair for every challenger
that is stochastically not slower: sum y1 log g - (y1 + y0) log((n1 g + n0)/(n1 + n0)). Exact for independent requests
and any common F, however it moves. A slowdown inside one bucket is invisible: gate the mean as well, and see
`too_coarse`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, log1p
from typing import Self

from rolloutd.core.stats import normal
from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.increment import refuse_buckets
from rolloutd.core.stats.logs import log_mixture

SHIFTS = (0.08, 0.16, 0.32, 0.64, 1.3)
TAILS = (0.003, 0.01, 0.03, 0.1)
LOG_WEIGHTS = (*(log(0.12) for _ in SHIFTS), *(log(0.1) for _ in TAILS))
_TAIL_POWER = 0.15
_FLOOR = 0.01
_PSEUDO = 0.05


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
    """Evidence of slowness over a mixture of five body shifts and four tails."""

    champion: tuple[float, ...]
    logs: tuple[float, ...]

    @classmethod
    def start(cls, history: Sequence[int]) -> Self:
        """With the champion's bucket counts from before the rollout (zeros will do), +Inf included, not cumulative."""
        return cls(tuple(float(count) + _PSEUDO for count in history), (0.0,) * len(LOG_WEIGHTS))

    def observe(self, challenger: Sequence[int], champion: Sequence[int]) -> "LatencyEvidence":
        """With one more tick's counts a bucket. Raises ValueError when the buckets do not match."""
        if len(challenger) != len(self.champion) or len(champion) != len(self.champion):
            raise refuse_buckets(len(challenger), len(champion), len(self.champion))
        past = tuple([a + b for a, b in zip(self.champion, champion, strict=True)])
        n1, n0 = sum(challenger), sum(champion)
        if n1 == 0 or n0 == 0:
            return LatencyEvidence(past, self.logs)
        total = sum(self.champion)
        distribution = [count / total for count in self.champion]
        theta = n1 / (n1 + n0)
        seen = [(j, y1, y1 + y0) for j, (y1, y0) in enumerate(zip(challenger, champion, strict=True)) if y1 or y0]
        mine = [(j, y1) for j, y1, _ in seen if y1]
        logs = []
        for value, g in zip(self.logs, _bends(distribution), strict=True):
            added = sum([y1 * log(g[j]) for j, y1 in mine])
            spread = sum([both * log1p(theta * (g[j] - 1.0)) for j, _, both in seen])
            logs.append(value + added - spread)
        return LatencyEvidence(past, tuple(logs))

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return log_mixture(LOG_WEIGHTS, self.logs)

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {"kind": "latency.1", "champion": list(self.champion), "logs": list(self.logs)}

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "latency.1")
        return cls(tuple(read.floats("champion")), tuple(read.floats("logs", len(LOG_WEIGHTS))))


def _bends(distribution: Sequence[float]) -> list[list[float]]:
    """Density ratios of all alternatives, in the order of LOG_WEIGHTS."""
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
