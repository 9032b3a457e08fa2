"""What a gate on drift knows: into which classes the answers of both arms fall, and whether they do so alike. Pure.

A part of the gate's evidence (evidence.py). It must not decide. That there is a drift only the exact test says; how
large it is the population stability index does (PSI), which is no evidence. Harm is both: a drift that is shown, and
large. That there is none cannot be shown, so such a gate never passes: once there are answers enough it is quiet.
Answers of one class that come several at a time count as one, as the champion's own ticks show them to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

from rolloutd.core.counting import ArmCounters, added_in
from rolloutd.core.metrics import ArmReading, BlindReason, Counted, MetricTemplate, Unreadable
from rolloutd.core.plan import Gate
from rolloutd.core.segments import label_of
from rolloutd.core.stats.drift import Clumps, DriftEvidence, jensen_shannon, kolmogorov_smirnov, proportions, psi

_OVER_ORACLE = 3.0  # so many times what whoever knew both distributions would need (statistics: plug-in estimates)
_STAGE_SPEAKS = 0.25  # of the answers that are enough, for a stage's own size to count beside the rollout's
_FEW = 20
_STRANGE = 0.5
Tick = tuple[tuple[int, ...], tuple[int, ...]]
"""What the champion and the challenger added, by class."""
NONE: Tick = ((), ())


@dataclass(frozen=True, slots=True)
class Spread:
    """Both distributions over the same ticks.

    The champion's is weighted in every tick as the challenger's answers are, so that a share or a traffic that changes
    with the time of day makes no difference between them. ``noise`` is what this weighting costs: the sum of n1^2 / n0.
    """

    champion: tuple[float, ...]
    challenger: tuple[int, ...]
    champion_n: int = 0
    noise: float = 0.0

    @classmethod
    def start(cls, bins: int) -> Spread:
        """Before the first tick."""
        return cls((0.0,) * bins, (0,) * bins)

    def plus(self, champion: Sequence[int], challenger: Sequence[int]) -> Spread:
        """With one more tick; one without answers of both says nothing."""
        n0, n1 = sum(champion), sum(challenger)
        if not n0 or not n1:
            return self
        return Spread(
            tuple([known + n1 * new / n0 for known, new in zip(self.champion, champion, strict=True)]),
            tuple([known + new for known, new in zip(self.challenger, challenger, strict=True)]),
            self.champion_n + n0,
            self.noise + n1 * n1 / n0,
        )

    @property
    def n(self) -> int:
        """The challenger's answers."""
        return sum(self.challenger)

    @property
    def worth(self) -> float:
        """How many answers this tells as much as: the challenger's against a champion whose distribution is known."""
        return self.n * self.n / (self.n + self.noise) if self.n else 0.0

    @property
    def pair(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Both as distributions without empty classes."""
        return proportions(self.champion), proportions(self.challenger)

    @property
    def psi(self) -> float:
        """The population stability index."""
        return psi(*self.pair)

    def chance(self, phi: float) -> float:
        """What the index comes to on average where there is no drift at all and ``phi`` answers count as one."""
        if not self.n:
            return 0.0
        used = sum(1 for old, new in zip(self.champion, self.challenger, strict=True) if old or new)
        return phi * (used - 1) / self.worth

    def size(self, phi: float) -> float:
        """The index less what chance adds to it; nothing while that is not known."""
        return 0.0 if phi == inf else max(0.0, self.psi - self.chance(phi))


@dataclass(frozen=True, slots=True)
class Drift:
    """``stage`` and ``total`` are what was counted on the stage and in the rollout, ``tick`` is still to be counted.

    ``limit`` is the size from which on a drift is harm, ``enough`` how many answers a stage must be worth before it is
    quiet.
    """

    evidence: DriftEvidence
    limit: float
    enough: float
    stage: Spread
    total: Spread
    tick: Tick = NONE
    clumps: Clumps = field(default_factory=Clumps)

    @classmethod
    def start(cls, gate: Gate, line: float) -> Drift:
        """Before the first tick; ``line`` is the log evidence with which this gate fires alone.

        Whoever knew two distributions with this index would show their drift after line / (limit / 2) answers.
        """
        bins = len(gate.template.bins) + 1
        nothing = Spread.start(bins)
        return cls(DriftEvidence.start(bins), gate.psi, _OVER_ORACLE * 2.0 * line / gate.psi, nothing, nothing)

    def on_stage(self) -> Drift:
        """A stage begins: it must be looked at anew, what speaks of drift stays."""
        return replace(self, stage=Spread.start(len(self.stage.challenger)))

    def with_tick(self, champion: tuple[int, ...], challenger: tuple[int, ...]) -> Drift:
        """With what one reading added, which does not count yet."""
        return replace(self, tick=(champion, challenger))

    def counted(self, *, gross_only: bool) -> Drift:
        """With the waiting tick; of one of a warm-up only is learnt how answers come."""
        champion, challenger = self.tick
        if not champion:
            return replace(self, tick=NONE)
        done = replace(self, tick=NONE, clumps=self.clumps.observe(champion))
        if gross_only:
            return done
        return replace(
            done,
            evidence=self.evidence.observe(challenger, champion, self.clumps.phi),
            stage=self.stage.plus(champion, challenger),
            total=self.total.plus(champion, challenger),
        )

    @property
    def size(self) -> float:
        """How large the drift is: over the rollout, or on the stage once that speaks for itself."""
        phi = self.clumps.phi
        if self.progress < _STAGE_SPEAKS:
            return self.total.size(phi)
        return max(self.total.size(phi), self.stage.size(phi))

    @property
    def harm_log_e(self) -> float:
        """log of the evidence of drift; while that is small in size, it is nothing to go back for."""
        return self.evidence.log_e if self.size > self.limit else min(self.evidence.log_e, 0.0)

    @property
    def progress(self) -> float:
        """The part of the answers that the stage needs before this gate may be quiet."""
        return min(1.0, self.stage.worth / self.clumps.phi / self.enough)

    @property
    def quiet(self) -> bool:
        """Whether a large drift would have shown by now on this stage, and none is seen."""
        return self.progress >= 1.0 and self.size <= self.limit

    def words(self, template: MetricTemplate) -> str:
        """The figures that describe it, none of which is evidence; empty before there are any."""
        return _words(self.stage if self.stage.n else self.total, self.clumps.phi, template)

    def total_words(self, template: MetricTemplate) -> str:
        """The same over the whole rollout."""
        return _words(self.total, self.clumps.phi, template)

    def why_words(self, template: MetricTemplate) -> str:
        """What is shown of drift by now and what not, for a sentence."""
        seen = f"{self.stage.n} and {self.stage.champion_n} answers on this stage"
        if not self.stage.n and not self.total.n:
            return f"{seen}; nothing is said of drift yet"
        said = f"{seen}, {self.words(template)}; harm is a drift that is shown and of more than PSI {self.limit:g}"
        if self.quiet:
            return f"{said}: one so large is not seen, which is no proof that there is none"
        return f"{said}; {self.progress:.0%} of the answers that are enough to see one"

    def harm_words(self, template: MetricTemplate) -> str:
        """What drifted, for a sentence: the figures, and the class that moved most."""
        old, new = self.total.pair
        most = max(range(len(new)), key=lambda each: abs(new[each] - old[each]))
        name = template.bins[most] if most < len(template.bins) else "anything else"
        return (
            f"the answers drift, {self.words(template)}, above PSI {self.limit:g}; most in {name}: challenger "
            f"{new[most]:.1%}, champion {old[most]:.1%} of {self.total.n} and {self.total.champion_n} answers"
        )


def _words(shown: Spread, phi: float, template: MetricTemplate) -> str:
    if not shown.n:
        return ""
    by_chance = f"chance {shown.chance(phi):.2f}" if phi < inf else "chance not known yet"
    told = [f"PSI {shown.psi:.2f} ({by_chance})", f"JS {jensen_shannon(*shown.pair):.3f}"]
    if template.edges:  # classes have no order to add up in
        told.append(f"KS {kolmogorov_smirnov(*shown.pair):.2f}")
    return ", ".join(told)


def told(reading: ArmReading, gate: Gate) -> ArmReading:
    """The reading itself where every series of classes says its class, else why it cannot be used."""
    label = gate.template.class_label
    if not label or isinstance(reading, Unreadable):
        return reading
    mute = next((point.series for point in reading.part if label_of(point.series, label) is None), None)
    if mute is None:
        return reading
    return Unreadable(BlindReason.BAD_ANSWER, f"{mute} has no label {label}, so its class is not known")


def fitting(reading: ArmReading, gate: Gate) -> ArmReading:
    """The champion's reading, unless most of its answers fit no class: then the classes are wrong and show nothing."""
    reading, template = told(reading, gate), gate.template
    if not template.class_label or isinstance(reading, Unreadable):
        return reading
    n = sum(point.value for point in reading.part)
    strange = sum(point.value for point in reading.part if _bin_of(point.series, template) == len(template.bins))
    if n < _FEW or strange <= _STRANGE * n:
        return reading
    said = (
        f"{strange:.0f} of {n:.0f} answers fit none of the {'edges' if template.edges else 'classes'} of {gate.metric}"
    )
    return Unreadable(BlindReason.BAD_ANSWER, said)


def tick_of(
    champion: tuple[ArmCounters | None, ArmReading], challenger: tuple[ArmCounters | None, ArmReading], gate: Gate
) -> Tick:
    """What both arms added by class since their last counters, in this reading."""
    return _added(*champion, gate.template), _added(*challenger, gate.template)


def _added(last: ArmCounters | None, reading: ArmReading, template: MetricTemplate) -> tuple[int, ...]:
    found = [0] * (len(template.bins) + 1)
    if last is not None and isinstance(reading, Counted):
        for name, delta in added_in(last, reading, lambda series: _group(series, template)).items():
            found[int(name)] = delta.part
    return tuple(found)


def _group(series: str, template: MetricTemplate) -> str | None:
    return None if label_of(series, template.class_label) is None else str(_bin_of(series, template))


def _bin_of(series: str, template: MetricTemplate) -> int:
    """The number of a series' class, that of everything else where it is none of them."""
    value, bins = label_of(series, template.class_label), template.bins
    return bins.index(value) if value in bins else len(bins)
