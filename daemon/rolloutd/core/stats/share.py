"""Whether requests are split as asked, from counts alone; it must not know who splits them, nor what for.

Of a tick's N requests a part s should fall to the challenger; "as asked" is the whole interval from lo to hi around s,
so a deviation within it, however many requests show it, is never evidence. Let the smaller arm get n of N:
  - Too many: the bet 1 + lam (n/N / hi - 1), 0 <= lam < 1, has mean at most 1 however the requests of a tick cling
    together (one user's may be all of them): exact. A tick multiplies the evidence by less than (largest n/N) / hi.
  - Too few: that bet on the other arm is exact as well, and at a share of 1 % says nothing for hours, because one
    cluster might be the whole tick. Instead, for bets d < 1,
        exp((N lo (1 - d) + n log d) / phi),
    the likelihood ratio for a part d of lo, its logarithm divided by phi. If a tick's requests come in clusters of any
    sizes c, each falling to the arm with probability at least lo, its mean is at most 1 as long as phi is at least the
    mean cluster size that a request sees, sum c^2 / sum c: the logarithm of the mean is at most
    sum c (h(phi) - h(c)) N lo with h(c) = (1 - d^(c/phi)) / c, which is convex, so Jensen's inequality does the rest.
    phi is learnt from successive ticks, begins as 4 and keeps an upper margin. No tick may say more than e^1.5.
Both together in the restart mixture of `restart`, discounted by psi of `serial` for clusters longer than a tick.
"""

from dataclasses import dataclass, replace
from math import log, log1p, sqrt
from typing import Self

from rolloutd.core.stats.restart import Restart
from rolloutd.core.stats.serial import Serial

_STAKES = (0.06, 0.12, 0.25, 0.5, 0.95)
_PARTS = (0.85, 0.7, 0.5, 0.2, 0.02)
_BETS = len(_STAKES) + len(_PARTS)
_LOG_WEIGHTS = (-log(_BETS),) * _BETS
_MOST_A_TICK = 1.5
_PRIOR_PHI = 4.0
_PRIOR_REQUESTS = 30.0
_UPPER = 2.33
_LARGEST_CLUSTER = 64.0
_FARTHEST = 4.0
_LEAST_MOVE = 0.5  # of 2, which is what successive ticks of requests that are split one by one differ by


@dataclass(frozen=True, slots=True)
class Split:
    """How requests should be split: the challenger's part of them lies between ``lo`` and ``hi``, around ``asked``."""

    asked: float
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Clinging:
    """How much more than single requests the split moves from tick to tick; ``phi`` is an upper estimate of it."""

    pairs: int = 0
    squares: float = 0.0
    expected: float = 0.0
    last_n: int = 0
    last_all: int = 0

    @property
    def phi(self) -> float:
        """The mean cluster size as a request sees it, at least 1, with an upper margin; begins as 4."""
        seen = (_PRIOR_REQUESTS * _PRIOR_PHI + self.squares) / (_PRIOR_REQUESTS + self.expected)
        return max(1.0, seen) * (1.0 + _UPPER * sqrt(2.0 / (self.pairs + 12.0)))

    def observe(self, n: int, requests: int) -> "Clinging":
        """With one more tick's part ``n`` of all its requests."""
        if self.last_all == 0:
            return replace(self, last_n=n, last_all=requests)
        scale = requests / self.last_all
        part = (n + self.last_n) / (requests + self.last_all)
        pair = part * (1.0 - part) * (requests + scale * scale * self.last_all)
        gap = n - scale * self.last_n
        square = min(gap * gap, _LARGEST_CLUSTER * pair)
        return Clinging(self.pairs + 1, self.squares + square, self.expected + pair, n, requests)


@dataclass(frozen=True, slots=True)
class ShareEvidence:
    """Evidence that the challenger gets another part of the requests than was asked, carried through a rollout."""

    clinging: Clinging
    serial: Serial
    restart: Restart

    @classmethod
    def start(cls, later_stages: int) -> Self:
        """Before the first tick of a plan with so many stages after the first."""
        return cls(Clinging(), Serial(), Restart.start(later_stages))

    def on_share_change(self) -> "ShareEvidence":
        """The next tick follows another split than the last one did: they say nothing about how requests cling."""
        return replace(self, clinging=replace(self.clinging, last_n=0, last_all=0))

    def observe(self, challenger_n: int, champion_n: int, split: Split, *, stage_started: bool) -> "ShareEvidence":
        """With one more tick; ``stage_started`` on the first one after a later stage's share was confirmed."""
        requests = challenger_n + champion_n
        restart = self.restart.stage(_LOG_WEIGHTS) if stage_started else self.restart
        if requests == 0:
            return replace(self, restart=restart)
        phi = self.clinging.phi
        small = split.asked <= 0.5
        if small:
            many = _too_many(challenger_n / requests, split.hi)
            few = _too_few(challenger_n, requests, split.lo, phi)
        else:
            many = _too_few(champion_n, requests, 1.0 - split.hi, phi)
            few = _too_many(champion_n / requests, 1.0 - split.lo)
        residual = (challenger_n - requests * split.asked) / sqrt(requests * split.asked * (1.0 - split.asked))
        return ShareEvidence(
            self.clinging.observe(challenger_n if small else champion_n, requests),
            self.serial.observe(min(max(residual, -_FARTHEST), _FARTHEST)),
            restart.step([*many, *few], _LOG_WEIGHTS),
        )

    @property
    def log_e(self) -> float:
        """log of the evidence now. A split that moves less than chance would (nothing at all) is not discounted."""
        found, serial = self.restart.log_e, self.serial
        moves = serial.squares[0] > _LEAST_MOVE * serial.ticks
        return found / serial.psi if found > 0.0 and moves else found


def _too_many(part: float, hi: float) -> list[float]:
    """log factor of each bet that an arm gets more than ``hi`` of the requests, where it got ``part``."""
    return [log1p(stake * (part / hi - 1.0)) if hi < 1.0 else 0.0 for stake in _STAKES]


def _too_few(n: int, requests: int, lo: float, phi: float) -> list[float]:
    """log factor of each bet that an arm gets less than ``lo`` of the requests, where it got ``n`` of them."""
    if lo <= 0.0:
        return [0.0] * len(_PARTS)
    return [min((requests * lo * (1.0 - part) + n * log(part)) / phi, _MOST_A_TICK) for part in _PARTS]
