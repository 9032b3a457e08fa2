"""The values of a forecast: the traffic it assumes, what it says of each gate, stage and the whole plan. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rolloutd.core.plan import Gate, Stage
from rolloutd.core.values import BadValue


@dataclass(frozen=True, slots=True)
class MetricTraffic:
    """What a metric counts now: requests a second on the whole route, the champion's bad part, and the dispersion phi.

    ``phi`` is the variance of the errors of a tick over that of independent ones: 1, or about the size of their bursts.
    """

    rps: float
    rate: float
    phi: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.rps < 1e9:
            raise BadValue(f"A forecast needs requests: above 0 and below a billion a second, not {self.rps:g}.")
        if not 0.0 < self.rate < 1.0:
            raise BadValue(f"A champion's bad part lies between 0% and 100%, not at {self.rate:.4g}.")
        if not self.phi >= 1.0:
            raise BadValue(f"A dispersion is at least 1, not {self.phi:g}.")


Traffic = Mapping[str, MetricTraffic]
"""By metric."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that varies: its mean, and what nine of ten stay under."""

    mean: float
    p90: float


@dataclass(frozen=True, slots=True)
class GateForecast:
    """One gate on one stage, for a challenger exactly as good as the champion. Times run from the stage's share on.

    ``samples`` (challenger requests) and ``time_ms`` until it passes; None where it never would, ``not_compared`` where
    the plan leaves the champion no traffic. ``odds_in_time`` is of passing within the stage's maximum time.
    ``smallest_harm`` is the least multiple of the champion's rate that is seen with odds of 9 in 10 within that time;
    None where even the grossest harm would not be. ``twice_ms`` is the time until twice the rate is seen.
    """

    gate: Gate
    traffic: MetricTraffic
    samples: Span | None
    time_ms: Span | None
    odds_in_time: float
    smallest_harm: float | None
    twice_ms: Span | None
    not_compared: bool = False


@dataclass(frozen=True, slots=True)
class StageForecast:
    """One stage: how long it is stayed on, and the gate that passes last (``slowest``), where one decides.

    ``stay_ms`` holds if it decides in time, which it does with ``odds_in_time``.
    """

    stage: Stage
    gates: tuple[GateForecast, ...]
    stay_ms: Span | None
    slowest: str | None
    odds_in_time: float

    @property
    def decides(self) -> bool:
        """Whether nine of ten stays end within the stage's maximum time."""
        return self.stay_ms is not None and self.stay_ms.p90 <= self.stage.max_time_ms


@dataclass(frozen=True, slots=True)
class PlanForecast:
    """All stages; ``total_ms`` is None where some stage never decides."""

    stages: tuple[StageForecast, ...]
    total_ms: Span | None
    odds_in_time: float
