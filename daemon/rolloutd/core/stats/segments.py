"""Harm evidence of a gate that is judged in each segment too; it must not take a shift of users for harm.

Half of the mass bets on all segments together, stratified (`robust`): quickest when all suffer alike, exact even when
one burst reaches over segments. The other half is the average of the segments' own evidence, which finds the one that
suffers alone. Both compare like with like: a challenger that merely serves more of a worse segment shows no harm, where
pooled counts would.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, log
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
    ``off`` are segments that were taken off the challenger: they say nothing more, and what they said counts no more.
    """

    margin: Margin
    dispersion: Dispersion
    together: Restart
    segments: tuple[tuple[str, HarmEvidence], ...]
    off: tuple[str, ...] = ()

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
        ticks = {name: tick for name, tick in ticks.items() if name not in self.off}
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
        return SegmentedHarm(self.margin, dispersion, together, own, self.off)

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        logs = [self.together.log_e, *(harm.log_e for name, harm in self.segments if name not in self.off)]
        return log_mixture([_HALF, *(self._each for _ in logs[1:])], logs)

    @property
    def _each(self) -> float:
        return log(0.5 / len(self.segments))

    @property
    def alone(self) -> str | None:
        """The segment that shows at least as much by itself as all do together; None where many or all speak."""
        own = [(harm.log_e, name) for name, harm in self.segments if name not in self.off]
        most, name = max(own, default=(-inf, None))
        return name if most >= max(self.together.log_e, 0.0) else None

    def without(self, name: str, later_stages: int) -> "SegmentedHarm":
        """The segment was taken off the challenger. The bet on all together held its harm too, and begins anew.

        What is left was worth at most 1 on average at that moment, so it fires with odds of alpha at most once more.
        """
        return replace(self, together=Restart.start(later_stages), off=(*self.off, name))

    def afresh(self, name: str, later_stages: int) -> "SegmentedHarm":
        """The segment is let in again: its own evidence begins anew, the others' goes on."""
        own = tuple(
            (each, HarmEvidence.start(self.margin, later_stages, line=harm.line) if each == name else harm)
            for each, harm in self.segments
        )
        return replace(self, segments=own, off=tuple(each for each in self.off if each != name))

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {
            "kind": "segmented.1",
            "margin": [self.margin.factor, self.margin.shift],
            "dispersion": self.dispersion.encode(),
            "together": self.together.encode(),
            "segments": {name: harm.encode() for name, harm in self.segments},
            "off": list(self.off),
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
            _names(data.get("off", [])),
        )


def _names(found: object) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"The segments that are off are a list of names, not {found!r}.")
    return tuple(found)
