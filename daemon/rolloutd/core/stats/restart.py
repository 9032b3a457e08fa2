"""One alpha for a whole rollout, and yet no immunity bought by a healthy past; it must not know how evidence is made.

Evidence is a portfolio: some of its mass is put to work at the first tick, some at the start of each later stage, some
at every tick; what is not yet at work counts as it is. A regression that begins late meets mass that did not lose
before. Same idea as e-detectors (Shin, Ramdas and Rinaldo 2024); the total mass is 1, so Ville's bound holds.

E = sum_k R_k + idle, R_k <- (R_k + pi_t w_k) factor_k(t).

The masses are .7 at the first tick, .15 shared by the later stages, .15 over all ticks. Any that sum to 1 at most are
fair; these were chosen by the bench late_onset: .7 instead of .5 shows harm that is there from the start 3 % sooner,
and the ticks' mass, kept back for later, more than makes up for it in the middle of a stage.
"""

from collections.abc import Sequence
from math import exp, log, log1p
from typing import NamedTuple, Self

from rolloutd.core.stats.logs import logaddexp, logsumexp

FIRST_TICK_MASS = 0.7
LATER_STAGES_MASS = 0.15
EVERY_TICK_MASS = 0.15
_UNHURRIED_TICKS = 100
_SCALE = EVERY_TICK_MASS * log(_UNHURRIED_TICKS)


def tick_mass(tick: int) -> float:
    """What each tick puts to work, tick = 1, 2, ...; all of them together less than .15.

    Little in the first hundred ticks, when the first tick's mass has hardly lost anything: the later ones need it more.
    """
    late = tick + _UNHURRIED_TICKS
    return _SCALE / (late * log(late) ** 2)


class Restart(NamedTuple):
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

    def stage(self, log_weights: Sequence[float]) -> "Restart":
        """Put a later stage's mass to work, ahead of that stage's first tick; nothing once every stage had its own."""
        if self.stages_left == 0:
            return self
        logs = self._with(self.stage_mass, log_weights)
        return Restart(self.ticks, self.stages_left - 1, self.stage_mass, self.spent + self.stage_mass, logs)

    def step(
        self,
        log_factors: Sequence[float],
        log_weights: Sequence[float],
        late_log_weights: Sequence[float] | None = None,
    ) -> "Restart":
        """Put this tick's mass to work, then multiply by the tick's factors.

        The first tick's own mass is spread by `log_weights`, that of every tick by `late_log_weights` where given.
        """
        ready = self
        if self.ticks == 0:
            logs = self._with(FIRST_TICK_MASS, log_weights)
            ready = Restart(0, self.stages_left, self.stage_mass, self.spent + FIRST_TICK_MASS, logs)
        ticks, stages_left, stage_mass, spent, _ = ready
        left = 1.0 - spent - stages_left * stage_mass  # less after an upgrade of the daemon alone
        mass = tick_mass(ticks + 1)
        if mass > left:
            mass = max(left, 0.0)
        return ready._stepped(mass, log_factors, late_log_weights or log_weights)

    def step_with_mass(self, mass: float, log_factors: Sequence[float], log_weights: Sequence[float]) -> "Restart":
        """Like `step` with the mass given from outside: for checking by hand. Raises ValueError past a total of 1."""
        if not 0.0 <= mass <= 1.0 - self.spent + 1e-12:
            raise ValueError(
                f"A mass of {mass} cannot be spent: {self.spent} of 1 is at work already. Nothing was calculated and "
                "traffic is as before. Give masses that are not negative and sum to 1 at most."
            )
        return self._stepped(mass, log_factors, log_weights)

    def _stepped(self, mass: float, log_factors: Sequence[float], log_weights: Sequence[float]) -> "Restart":
        if mass > 0.0 and self.logs:  # logaddexp, written out: this is what every tick costs
            log_mass = log(mass)
            moved = tuple(
                [
                    (a + log1p(exp(b - a)) if a > (b := log_mass + w) else b + log1p(exp(a - b))) + f
                    for a, w, f in zip(self.logs, log_weights, log_factors, strict=True)
                ]
            )
        else:
            logs = self._with(mass, log_weights) if mass > 0.0 else self.logs
            moved = tuple([value + f for value, f in zip(logs, log_factors, strict=True)]) if logs else ()
        return Restart(self.ticks + 1, self.stages_left, self.stage_mass, self.spent + mass, moved)

    def _with(self, mass: float, log_weights: Sequence[float]) -> tuple[float, ...]:
        log_mass = log(mass)
        if not self.logs:
            return tuple([log_mass + w for w in log_weights])
        return tuple([logaddexp(value, log_mass + w) for value, w in zip(self.logs, log_weights, strict=True)])

    @property
    def log_e(self) -> float:
        """log E: what is at work and what is idle."""
        idle = 1.0 - self.spent
        return logsumexp((*self.logs, log(idle)) if idle > 0.0 else self.logs)

    def is_at_most(self, level: float) -> bool:
        """Whether log E is at most the level > 0; quicker than log E while the answer is plain."""
        top = max(self.logs) if self.logs else 0.0
        if top > level:
            return False
        return top + log(len(self.logs) + 1.0) <= level or self.log_e <= level

    def encode(self) -> list[object]:
        """Numbers and lists only; floats survive JSON bit for bit."""
        return [self.ticks, self.stages_left, self.stage_mass, self.spent, list(self.logs)]
