"""Latency distributions in buckets, exactly: what part of requests falls into each, before and after a slowdown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

GO_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PYTHON_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Shape:
    """A latency distribution (seconds) and the upper bounds of its buckets."""

    name: str
    cdf: Callable[[float], float]
    bounds_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Slower:
    """All requests take ``factor`` times as long, and a part of them ``added_s`` more."""

    factor: float = 1.0
    part: float = 0.0
    added_s: float = 0.0

    def of(self, cdf: Callable[[float], float], seconds: float) -> float:
        """The slower distribution's cdf."""
        late = cdf((seconds - self.added_s) / self.factor) if seconds > self.added_s else 0.0
        return (1.0 - self.part) * cdf(seconds / self.factor) + self.part * late


def _lognormal(median_s: float, sigma: float) -> Callable[[float], float]:
    def cdf(seconds: float) -> float:
        return 0.0 if seconds <= 0.0 else (1.0 + erf(log(seconds / median_s) / sigma / sqrt(2.0))) / 2.0

    return cdf


def _gamma(shape: int, mean_s: float) -> Callable[[float], float]:
    """Of whole-numbered shape (Erlang)."""

    def cdf(seconds: float) -> float:
        if seconds <= 0.0:
            return 0.0
        x, term, total = seconds * shape / mean_s, 1.0, 1.0
        for k in range(1, shape):
            term *= x / k
            total += term
        return 1.0 - exp(-x) * total

    return cdf


def _mixed(first: Callable[[float], float], second: Callable[[float], float], part: float) -> Callable[[float], float]:
    return lambda seconds: (1.0 - part) * first(seconds) + part * second(seconds)


LOGNORMAL = Shape("lognormal", _lognormal(0.08, 0.6), GO_BOUNDS_S)
BIMODAL = Shape("bimodal", _mixed(_gamma(4, 0.03), _gamma(6, 0.3), 0.3), PYTHON_BOUNDS_S)


def bucketed(shape: Shape, slower: Slower | None = None) -> NDArray[np.float64]:
    """Part of the requests in each bucket, the last one open."""
    how = slower or Slower()
    edges = [how.of(shape.cdf, bound) for bound in shape.bounds_s]
    parts = np.maximum(np.diff([0.0, *edges, 1.0]), _LEAST)
    found: NDArray[np.float64] = parts / parts.sum()
    return found
