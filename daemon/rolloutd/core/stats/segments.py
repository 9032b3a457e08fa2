"""Harm evidence of a gate that is judged in each segment too; it must not take a shift of users for harm.

Half of the mass bets on all segments together, stratified (`robust`): quickest when all suffer alike, exact even when
one burst reaches over segments. The other half is the average of the segments' own evidence, which finds the one that
suffers alone. Both compare like with like: a challenger that merely serves more of a worse segment shows no harm, where
pooled counts would.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Self

from rolloutd.core.stats import robust
from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.grid import HARM, HARM_LATE
from rolloutd.core.stats.harm import GROSS_FACTOR, HarmEvidence
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.logs import log_mixture
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.restart import Restart
from rolloutd.core.stats.robust import Dispersion

_HALF = log(0.5)


@dataclass(frozen=True, slots=True)
class SegmentedHarm:
    """Evidence that the challenger errs more often than the margin allows in some segment or in all.

    As valid as HarmEvidence, with weights fixed at the start: half stratified, half spread evenly over the segments.
    """

    margin: Margin
    dispersion: Dispersion
    together: Restart
    segments: tuple[tuple[str, HarmEvidence], ...]

    @classmethod
    def start(cls, margin: Margin, later_stages: int, names: tuple[str, ...], *, line: float | None = None) -> Self:
        """Before the first tick; `line` as for HarmEvidence.

        Raises ValueError without a segment, or when one is named twice.
        """
        if not names or len(set(names)) != len(names):
            raise ValueError(
                f"The segments {list(names)} cannot be judged one by one. The gate was not built and traffic is as "
                "before. Name each segment once, and at least one."
            )
        alone = None if line is None else line + log(2.0 * len(names))
        own = tuple((name, HarmEvidence.start(margin, later_stages, line=alone)) for name in names)
        return cls(margin, Dispersion(), Restart.start(later_stages), own)

    def observe(
        self, ticks: Mapping[str, Increment], *, stage_started: bool = False, gross_only: bool = False
    ) -> "SegmentedHarm":
        """With one more tick of each segment; a segment that is missing said nothing, an unknown one is left out."""
        together = self.together.stage(HARM.log_weights) if stage_started else self.together
        strata = [ticks[name] for name, _ in self.segments if name in ticks and ticks[name].comparable]
        dispersion = self.dispersion
        if strata:
            margin = self.margin.widened(GROSS_FACTOR) if gross_only else self.margin
            factors = robust.log_factors(strata, margin, HARM.ratios, dispersion.phi)
            together = together.step(factors, HARM.log_weights, HARM_LATE.log_weights)
            if not gross_only:
                dispersion = dispersion.observe_strata(strata, margin)
        nothing = Increment(0, 0, 0, 0)
        own = tuple(
            (name, harm.observe(ticks.get(name, nothing), stage_started=stage_started, gross_only=gross_only))
            for name, harm in self.segments
        )
        return SegmentedHarm(self.margin, dispersion, together, own)

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        each = log(0.5 / len(self.segments))
        logs = [self.together.log_e, *(harm.log_e for _, harm in self.segments)]
        return log_mixture([_HALF, *(each for _ in self.segments)], logs)

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {
            "kind": "segmented.1",
            "margin": [self.margin.factor, self.margin.shift],
            "dispersion": self.dispersion.encode(),
            "together": self.together.encode(),
            "segments": {name: harm.encode() for name, harm in self.segments},
        }

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "segmented.1")
        own = tuple((name, HarmEvidence.decode(part)) for name, part in read.parts("segments").items())
        return cls(
            Margin(*read.floats("margin", 2)),
            Dispersion(*read.floats("dispersion", 5)),
            read.restart("together", len(HARM.ratios)),
            own,
        )
