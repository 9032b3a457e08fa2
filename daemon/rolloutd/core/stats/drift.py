"""Evidence that two distributions over the same bins differ, and descriptive numbers, which decide nothing.

The evidence is a plug-in likelihood ratio against equality, both arms' next-tick probabilities taken from the past
only: sum y1 log(q1/q) + y0 log(q0/q), q = (n1 q1 + n0 q0)/(n1 + n0). Exact for independent requests and any common
distribution, however it moves: the two-sample e-variable of Turner, Ly and Grunwald (2024) for more than two
outcomes. Answers of one class that come several at a time are no independent requests: so many count as one (Clumps).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, log, sqrt
from typing import Self

from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.increment import refuse_buckets

_SHRINKAGE = 300.0  # pseudo-requests of the pooled distribution in each arm's own
_PSEUDO = 0.5  # per bin, so that no bin is impossible
_LEARNT = 20.0  # degrees of freedom, or pairs of ticks, from which on clumps are known well enough


@dataclass(frozen=True, slots=True)
class Clumps:
    """How many answers of one class come at a time, learnt from what the champion's successive ticks differ by.

    Pearson's homogeneity statistic of two ticks is about its degrees of freedom for independent answers, and ``phi``
    times that for clumps of phi; a distribution that moves slowly adds little. Its standard deviation, phi
    sqrt(2 / freedom), is added. Before that is known at all, no number of answers counts as one. A champion that
    always answers the same has no degrees of freedom: after as many pairs its answers count one by one.
    """

    last: tuple[int, ...] = ()
    squares: float = 0.0
    freedom: float = 0.0
    pairs: int = 0

    @property
    def phi(self) -> float:
        """Answers that count as one, at least 1; infinity while too little is known to say."""
        if self.freedom < _LEARNT and self.pairs < _LEARNT:
            return inf
        if self.freedom == 0.0:
            return 1.0
        return max(1.0, self.squares / self.freedom * (1.0 + sqrt(2.0 / self.freedom)))

    def observe(self, counts: tuple[int, ...]) -> "Clumps":
        """With the champion's counts a bin in one more tick; one without answers changes nothing."""
        n, m = sum(counts), sum(self.last)
        if n == 0:
            return self
        if m == 0:
            return replace(self, last=counts)
        used = [(a, b) for a, b in zip(counts, self.last, strict=True) if a or b]
        squares = sum([(m * a - n * b) ** 2 / (n * m * (a + b)) for a, b in used])
        return Clumps(counts, self.squares + squares, self.freedom + len(used) - 1, self.pairs + 1)


@dataclass(frozen=True, slots=True)
class DriftEvidence:
    """Evidence that challenger and champion are distributed differently; two-sided."""

    champion: tuple[int, ...]
    challenger: tuple[int, ...]
    log_e: float

    @classmethod
    def start(cls, bins: int) -> Self:
        """Before the first tick."""
        return cls((0,) * bins, (0,) * bins, 0.0)

    def observe(self, challenger: Sequence[int], champion: Sequence[int], phi: float = 1.0) -> "DriftEvidence":
        """With one more tick's counts a bin, ``phi`` of which count as one. Raises ValueError for other bins."""
        if len(challenger) != len(self.challenger) or len(champion) != len(self.champion):
            raise refuse_buckets(len(challenger), len(champion), len(self.champion))
        n1, n0 = sum(challenger), sum(champion)
        added = self._log_increment(challenger, champion, n1, n0) if n1 and n0 else 0.0
        return DriftEvidence(
            tuple([a + b for a, b in zip(self.champion, champion, strict=True)]),
            tuple([a + b for a, b in zip(self.challenger, challenger, strict=True)]),
            self.log_e + added / phi,
        )

    def _log_increment(self, challenger: Sequence[int], champion: Sequence[int], n1: int, n0: int) -> float:
        pooled_n = sum(self.champion) + sum(self.challenger) + _PSEUDO * len(self.champion)
        n1_past, n0_past = sum(self.challenger) + _SHRINKAGE, sum(self.champion) + _SHRINKAGE
        added = 0.0
        for past1, past0, y1, y0 in zip(self.challenger, self.champion, challenger, champion, strict=True):
            if y1 == 0 and y0 == 0:
                continue
            common = (past1 + past0 + _PSEUDO) / pooled_n
            q1 = (past1 + _SHRINKAGE * common) / n1_past
            q0 = (past0 + _SHRINKAGE * common) / n0_past
            log_mean = log((n1 * q1 + n0 * q0) / (n1 + n0))
            added += y1 * (log(q1) - log_mean) + y0 * (log(q0) - log_mean)
        return added

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {
            "kind": "drift.1",
            "champion": list(self.champion),
            "challenger": list(self.challenger),
            "log_e": self.log_e,
        }

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "drift.1")
        champion = read.integers("champion")
        return cls(tuple(champion), tuple(read.integers("challenger", len(champion))), read.number("log_e"))


def psi(p: Sequence[float], q: Sequence[float]) -> float:
    """Population stability index of two distributions without empty bins: sum (p - q) log(p / q)."""
    return sum((a - b) * log(a / b) for a, b in zip(p, q, strict=True))


def jensen_shannon(p: Sequence[float], q: Sequence[float]) -> float:
    """Jensen-Shannon divergence in nats, at most log 2."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        middle = (a + b) / 2.0
        total += (a * log(a / middle) if a > 0.0 else 0.0) + (b * log(b / middle) if b > 0.0 else 0.0)
    return total / 2.0


def kolmogorov_smirnov(p: Sequence[float], q: Sequence[float]) -> float:
    """Greatest distance of the cumulative distributions at the bins' edges."""
    gap = widest = 0.0
    for a, b in zip(p, q, strict=True):
        gap += a - b
        widest = max(widest, abs(gap))
    return widest


def proportions(counts: Sequence[float]) -> tuple[float, ...]:
    """Counts as a distribution without empty bins: half a pseudo-count each."""
    total = sum(counts) + _PSEUDO * len(counts)
    return tuple((c + _PSEUDO) / total for c in counts)
