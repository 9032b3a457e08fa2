"""One alpha for a whole rollout, and yet no immunity bought by a healthy past; it must not know how evidence is made.

Evidence is a portfolio: some of its mass is put to work at the first tick, some at the start of each later stage, some
at every tick; what is not yet at work counts as it is. A regression that begins late meets mass that did not lose
before. Same idea as e-detectors (Shin, Ramdas and Rinaldo 2024); the total mass is 1, so Ville's bound holds.

E = sum_k R_k + idle, R_k <- (R_k + pi_t w_k) factor_k(t).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Self

from rolloutd.core.stats.logs import logaddexp, logsumexp

FIRST_TICK_MASS = 0.5
LATER_STAGES_MASS = 0.25
_EVERY_TICK_MASS = 0.25 * 0.75


def tick_mass(tick: int) -> float:
    """What each tick puts to work, tick = 1, 2, ...; all of them together less than .25."""
    return _EVERY_TICK_MASS / ((tick + 3) * log(tick + 3) ** 2)


@dataclass(frozen=True, slots=True)
class Restart:
    """`logs` are log R_k, empty while nothing is at work; `stages_left` may still spend `stage_mass` each."""

    ticks: int
    stages_left: int
    stage_mass: float
    spent: float
    logs: tuple[float, ...]

    @classmethod
    def start(cls, later_stages: int) -> Self:
        """Before the first tick of a plan with this many stages after the first. Raises ValueError below 0."""
        if later_stages < 0:
            raise ValueError(
                f"A plan cannot have {later_stages} later stages. No evidence was started and traffic is as before. "
                "Count the stages after the first."
            )
        return cls(0, later_stages, LATER_STAGES_MASS / max(later_stages, 1), 0.0, ())

    def step(self, log_factors: Sequence[float], log_weights: Sequence[float], *, stage_started: bool) -> "Restart":
        """Put this tick's mass to work, then multiply by the tick's factors."""
        tick = self.ticks + 1
        mass = tick_mass(tick) + (FIRST_TICK_MASS if tick == 1 else 0.0)
        stages_left = self.stages_left
        if stage_started and stages_left > 0:
            mass += self.stage_mass
            stages_left -= 1
        return self._moved(tick, stages_left, mass, log_factors, log_weights)

    def stage_without_data(self, log_weights: Sequence[float]) -> "Restart":
        """Put a later stage's mass to work on a tick that says nothing: it waits in place for the next one."""
        if self.stages_left == 0:
            return self
        return self._moved(self.ticks, self.stages_left - 1, self.stage_mass, (0.0,) * len(log_weights), log_weights)

    def step_with_mass(self, mass: float, log_factors: Sequence[float], log_weights: Sequence[float]) -> "Restart":
        """Like `step` with the mass given from outside: for checking by hand. Raises ValueError past a total of 1."""
        if not 0.0 <= mass <= 1.0 - self.spent + 1e-12:
            raise ValueError(
                f"A mass of {mass} cannot be spent: {self.spent} of 1 is at work already. Nothing was calculated and "
                "traffic is as before. Give masses that are not negative and sum to 1 at most."
            )
        return self._moved(self.ticks + 1, self.stages_left, mass, log_factors, log_weights)

    def _moved(
        self, ticks: int, stages_left: int, mass: float, log_factors: Sequence[float], log_weights: Sequence[float]
    ) -> "Restart":
        if not self.logs and mass > 0.0:
            log_mass = log(mass)
            logs = tuple([log_mass + w + f for w, f in zip(log_weights, log_factors, strict=True)])
        elif mass > 0.0:
            log_mass = log(mass)
            logs = tuple(
                [
                    logaddexp(value, log_mass + w) + f
                    for value, w, f in zip(self.logs, log_weights, log_factors, strict=True)
                ]
            )
        else:
            logs = tuple([value + f for value, f in zip(self.logs, log_factors, strict=False)])
        return Restart(ticks, stages_left, self.stage_mass, self.spent + mass, logs)

    @property
    def log_e(self) -> float:
        """log E: what is at work and what is idle."""
        idle = 1.0 - self.spent
        return logsumexp((*self.logs, log(idle)) if idle > 0.0 else self.logs)

    def encode(self) -> list[object]:
        """Numbers and lists only; floats survive JSON bit for bit."""
        return [self.ticks, self.stages_left, self.stage_mass, self.spent, list(self.logs)]
