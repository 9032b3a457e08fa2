"""The questions of risk that a start is recommended by, and their answers. Data only; nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass

WRONG = ("cheap", "costly", "for-good")


@dataclass(frozen=True, slots=True)
class Asked:
    """The risk questions, answered. ``label_delay_s`` is how long an answer's label takes."""

    route: str
    metric: str
    wrong: str = "cheap"
    label_delay_s: int = 0
    spare: bool = True
    major: bool = False
    at_once: bool = False
