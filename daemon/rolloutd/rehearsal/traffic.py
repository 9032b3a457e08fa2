"""Made-up users: counts of both arms by seed, with the things that make evidence hard. It knows no gate's verdict.

One seed, the same shares at the same moments: the same counts, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import pi, sin
from random import Random

from rolloutd.core.metrics import Answer, Counted, MetricTemplate, Point
from rolloutd.core.values import BadValue
from rolloutd.rehearsal.chance import binomial, whole
from rolloutd.rehearsal.drive import CHALLENGER_ARM, CHAMPION_ARM

DAY_MS = 86_400_000
GROUP, GROUP_FACTOR = 0.1, 5.0
RESET_EVERY_MS = 3_600_000
RESETTING_SERVERS = 4
_MOST_LIKELY = 0.98


@dataclass(frozen=True, slots=True)
class Nuisance:
    """What is no harm and looks like it.

    ``bursts``: errors come so many at a time, all in one arm and tick. ``diurnal``: requests and error rates of both
    arms swing by this part over a day. ``mix_shift``: a tenth of the champion's users err five times as often as the
    others, and the challenger gets so much more of them. ``resets``: each arm has four servers, and each of them
    restarts about once an hour, its counters with it.
    """

    bursts: int = 1
    diurnal: float = 0.0
    mix_shift: float = 0.0
    resets: bool = False

    def __post_init__(self) -> None:
        if self.bursts < 1:
            raise BadValue(f"Bursts have at least one error, not {self.bursts}.")
        if not 0.0 <= self.diurnal < 1.0:
            raise BadValue(f"A day's swing lies between 0 and 1, not at {self.diurnal:g}.")
        if not 0.0 <= self.mix_shift <= 1.0 - GROUP:
            raise BadValue(f"A mix shift lies between 0 and {1.0 - GROUP:g}, not at {self.mix_shift:g}.")


@dataclass(frozen=True, slots=True)
class ArmRates:
    """The bad parts of one metric: the champion's, and the challenger's from the onset on."""

    champion: float
    challenger: float


@dataclass(frozen=True, slots=True)
class Assumed:
    """The traffic of a rehearsal. Before ``onset_ms`` after the first share the challenger is like the champion."""

    rps: float
    rates: Mapping[str, ArmRates]
    onset_ms: int = 0
    nuisance: Nuisance = Nuisance()

    def __post_init__(self) -> None:
        if not 0.0 < self.rps <= 1e7:
            raise BadValue(f"Requests a second lie above 0 and up to ten million, not at {self.rps:g}.")
        for metric, rates in self.rates.items():
            if not (0.0 <= rates.champion < 1.0 and 0.0 <= rates.challenger < 1.0):
                raise BadValue(f"The rates of {metric} are parts of requests, at least 0% and under 100%.")


@dataclass(slots=True)
class _Arm:
    """Counters of one arm's servers."""

    totals: list[int]
    bad: dict[str, list[int]]
    served: int = 0
    failed: dict[str, int] = field(default_factory=dict)


class Users:
    """Serves requests as time goes by, and shows the counters."""

    def __init__(self, assumed: Assumed, seed: str) -> None:
        self._assumed = assumed
        self._random = Random(seed)
        self._phase = self._random.uniform(0.0, 2.0 * pi)
        servers = RESETTING_SERVERS if assumed.nuisance.resets else 1
        self._arms = {
            name: _Arm(
                [0] * servers, {metric: [0] * servers for metric in assumed.rates}, 0, dict.fromkeys(assumed.rates, 0)
            )
            for name in (CHAMPION_ARM, CHALLENGER_ARM)
        }
        self._carried = 0.0

    @property
    def exposed(self) -> int:
        """Requests that the challenger has answered."""
        return self._arms[CHALLENGER_ARM].served

    def failed(self, metric: str) -> int:
        """How many of them were bad."""
        return self._arms[CHALLENGER_ARM].failed[metric]

    def serve(self, share: float, from_ms: int, to_ms: int, since_first_share_ms: int | None) -> None:
        """The requests of this time, split by the share."""
        nuisance = self._assumed.nuisance
        swing = 1.0 + nuisance.diurnal * sin(2.0 * pi * to_ms / DAY_MS + self._phase) if nuisance.diurnal else 1.0
        requests, self._carried = whole(self._assumed.rps * swing * (to_ms - from_ms) / 1000.0, self._carried)
        challenger = binomial(self._random, requests, share)
        harmful = since_first_share_ms is not None and since_first_share_ms >= self._assumed.onset_ms
        mixed = 1.0 - GROUP + GROUP * GROUP_FACTOR
        shifted = (mixed + (GROUP_FACTOR - 1.0) * nuisance.mix_shift) / mixed
        for name, count in ((CHAMPION_ARM, requests - challenger), (CHALLENGER_ARM, challenger)):
            ours = name == CHALLENGER_ARM
            bad = {}
            for metric, rates in self._assumed.rates.items():
                rate = (rates.challenger if harmful else rates.champion) * shifted if ours else rates.champion
                bad[metric] = self._bad(count, min(rate * swing, _MOST_LIKELY))
            self._count(self._arms[name], count, bad, to_ms - from_ms)

    def _bad(self, count: int, rate: float) -> int:
        size = self._assumed.nuisance.bursts
        return min(count, size * binomial(self._random, count, rate / size))

    def _count(self, arm: _Arm, count: int, bad: Mapping[str, int], passed_ms: int) -> None:
        arm.served += count
        for metric, number in bad.items():
            arm.failed[metric] += number
        if len(arm.totals) == 1:
            arm.totals[0] += count
            for metric, number in bad.items():
                arm.bad[metric][0] += number
            return
        left, bad_left, servers = count, dict(bad), len(arm.totals)
        for k in range(servers):
            part = 1.0 / (servers - k)
            mine = binomial(self._random, left, part)
            left -= mine
            restarts = self._random.random() < passed_ms / RESET_EVERY_MS
            kept = self._random.random() if restarts else 1.0  # what came before the restart is lost with the counter
            arm.totals[k] = (0 if restarts else arm.totals[k]) + round(mine * kept)
            for metric in bad:
                failed = min(binomial(self._random, bad_left[metric], part), mine)
                bad_left[metric] -= failed
                arm.bad[metric][k] = (0 if restarts else arm.bad[metric][k]) + min(
                    round(failed * kept), round(mine * kept)
                )

    def answer(self, metric: str, template: MetricTemplate, wall_ms: int) -> Answer:
        """What a source would read now."""
        good = template.good is not None
        return Answer(wall_ms, {name: _counted(arm, metric, wall_ms, good=good) for name, arm in self._arms.items()})


def _counted(arm: _Arm, metric: str, wall_ms: int, *, good: bool) -> Counted:
    bad = arm.bad[metric]
    total = tuple([Point(f"total{k}", float(value), wall_ms) for k, value in enumerate(arm.totals)])
    part = zip(arm.totals, bad, strict=True)
    values: Iterable[int] = [t - b for t, b in part] if good else bad
    return Counted(total, tuple([Point(f"part{k}", float(value), wall_ms) for k, value in enumerate(values)]))
