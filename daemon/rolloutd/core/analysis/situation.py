"""What a recommendation is asked for: traffic, cost of a wrong answer, labels, room, kind of change. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rolloutd.core.values import BadValue


class Wrong(StrEnum):
    """What a wrong answer costs."""

    CHEAP = "cheap"
    COSTLY = "costly"
    FOR_GOOD = "for-good"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is asked. ``spare``: a second full copy can run beside the first. ``at_once``: they cannot both serve.

    ``phi`` is how bursty errors are, 1 for not at all; ``weight`` is what the gate on errors has of the harm evidence.
    """

    rps: float
    champion_errors: float = 0.01
    accept: float = 1.5
    wrong: Wrong = Wrong.CHEAP
    label_delay_h: float = 0.0
    spare: bool = True
    major: bool = False
    at_once: bool = False
    phi: float = 1.0
    weight: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.rps < 1e9:
            raise BadValue(f"Requests a second lie above zero and below a billion, not at {self.rps:g}.")
        if not 0 < self.champion_errors < 0.5 or not 1 < self.accept * self.champion_errors + 1 < 1.9:
            raise BadValue(f"The champion's errors lie between 0 and 50%, not at {self.champion_errors:g}.")
        if not 1 < self.accept <= 20:
            raise BadValue(f"What is accepted lies above the champion's rate times 1, not at {self.accept:g}.")
        if not 0 <= self.label_delay_h <= 10_000:
            raise BadValue("A label's delay is not negative, and less than a year.")
        if not 1 <= self.phi <= 1_000:
            raise BadValue(f"Bursts have at least one error, not {self.phi:g}.")
        if not 0 < self.weight <= 1:
            raise BadValue(f"A gate's weight lies above 0 and up to 1, not at {self.weight:g}.")
