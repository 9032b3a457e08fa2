"""The answer's shape, the same for every kind: levels, evidence, verdict, parts; it must not calculate evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

from rolloutd.core.analysis.fields import Fields
from rolloutd.core.stats.combine import harm_average

SCHEMA = "rollout.analysis/1"


class Course:
    """How the evidence went, tick by tick, with the levels it is held against."""

    def __init__(self, fields: Fields, kind: str, method: str) -> None:
        self.alpha = fields.number("alpha", "a probability between 0 and 1", 0.0, 1.0, 0.01)
        self.beta = fields.number("beta", "a probability between 0 and 1", 0.0, 1.0, 0.05)
        self.kind, self.method = kind, method
        self.harm: float | None = None
        self.safe: float | None = None
        self.limit: float | None = None
        self.harm_at: int | None = None
        self.parts: list[Mapping[str, object]] = []
        self._with_parts = fields.flag("parts", default=True)
        self._ticks = 0

    def add(
        self, harm: float | None, safe: float | None, limit: float | None, part: Mapping[str, object] | None = None
    ) -> None:
        """One more tick: the evidence after it, and what it was made of."""
        self._ticks += 1
        self.harm, self.safe, self.limit = harm, safe, limit
        if self.harm_at is None and self.against is not None and self.against >= log(1.0 / self.alpha):
            self.harm_at = self._ticks
        if self._with_parts:
            self.parts.append({**(part or {}), "log_e_harm": harm, "log_e_safe": safe})

    @property
    def against(self) -> float | None:
        """The evidence against the challenger: harm and limit in equal parts, where both are asked about."""
        known = [value for value in (self.harm, self.limit) if value is not None]
        return harm_average(known, [1.0 / len(known)] * len(known)) if known else None

    @property
    def verdict(self) -> str:
        """FAIL if harm was shown at any tick, else PASS if safety is shown now, else COLLECTING."""
        if self.harm_at is not None:
            return "FAIL"
        return "PASS" if self.safe is not None and self.safe >= log(1.0 / self.beta) else "COLLECTING"


def answer(course: Course, more: Mapping[str, object], warnings: Sequence[str] = ()) -> dict[str, object]:
    """The whole answer."""
    found: dict[str, object] = {
        "schema": SCHEMA,
        "kind": course.kind,
        "method": course.method,
        "alpha": course.alpha,
        "beta": course.beta,
        "log_e_harm": course.harm,
        "log_e_safe": course.safe,
        "harm_needs": log(1.0 / course.alpha),
        "safe_needs": log(1.0 / course.beta),
        "range": None,
        "verdict": course.verdict,
        "harm_shown_at_tick": course.harm_at,
        **more,
    }
    if course.limit is not None:
        found["log_e_limit"] = course.limit
        found["log_e_against"] = course.against
    return {**found, "warnings": list(warnings), "parts": course.parts}
