"""The running evidence of one side or of a limit, as the question wants it made; it must not read anything itself."""

from __future__ import annotations

from math import log
from typing import Protocol

from rolloutd.core.analysis.bets import Bettor, beyond, inside
from rolloutd.core.analysis.mixtures import Mixture
from rolloutd.core.analysis.question import Question
from rolloutd.core.analysis.ticks import Tick
from rolloutd.core.stats import limit as limits
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence, LimitEvidence, SafeEvidence


class Side(Protocol):
    """One side's evidence, tick by tick."""

    @property
    def log_e(self) -> float: ...  # noqa: D102
    def observe(self, tick: Tick, stage_started: bool) -> dict[str, object]: ...  # noqa: D102


class Shipped:
    """The daemon's own harm evidence."""

    def __init__(self, question: Question) -> None:
        sliced = any(tick.slices for tick in question.ticks)
        line = -log(question.alpha * (0.5 if question.limit is not None else 1.0))  # as for a plan's only gate
        self._evidence = HarmEvidence.start(question.harm, question.later_stages, sliced=sliced, line=line)

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return self._evidence.log_e

    @property
    def phi(self) -> float:
        """How much the errors were found to cling together."""
        return self._evidence.learnt.totals.phi

    def observe(self, tick: Tick, stage_started: bool) -> dict[str, object]:
        """One more tick."""
        before = self._evidence
        self._evidence = before.observe(
            tick.counts, stage_started=stage_started, gross_only=tick.warm_up, slice_bad=tick.slices
        )
        after = self._evidence
        return {"increments": [after.log_e - before.log_e], "phi": before.learnt.totals.phi, "psi": after.psi}


class ShippedSafe:
    """The daemon's own safe evidence, begun anew at each stage."""

    def __init__(self, accept: Margin) -> None:
        self._accept = accept
        self._evidence = SafeEvidence.start(accept)

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return self._evidence.log_e

    def observe(self, tick: Tick, stage_started: bool) -> dict[str, object]:
        """One more tick; one of a warm-up speaks for nothing."""
        if stage_started:
            self._evidence = SafeEvidence.start(self._accept)
        before = self._evidence.log_e
        if not tick.warm_up:
            self._evidence = self._evidence.observe(tick.counts)
        return {"increments": [self._evidence.log_e - before], "phi": self._evidence.clustering.phi}


class Betting:
    """One side's bets by a method of one's choice. Safe evidence begins anew at each stage, harm evidence does not."""

    def __init__(self, question: Question, harm: bool, margin: Margin) -> None:
        pinned = question.pinned
        self._harm = harm
        self.bettor = Bettor(question.method, margin, harm, question.ratios if harm else (), pinned)
        self._masses, self._later = (question.masses, question.later_stages) if harm else (None, 0)
        self._mixture = self._new()

    def _new(self) -> Mixture:
        return Mixture(self.bettor.log_weights, self._masses, self._later)

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return self._mixture.log_e

    def observe(self, tick: Tick, stage_started: bool) -> dict[str, object]:
        """One more tick."""
        if stage_started and self._harm:
            self._mixture.stage()
        elif stage_started:
            self._mixture = self._new()
        bets = self.bettor.look(tick.counts)
        if self._harm or not tick.warm_up:
            self._mixture.add(bets.increments)
        return {"increments": bets.increments, **bets.details}


class Limit:
    """The challenger alone against an absolute limit: the daemon's bet, or the mixture for independent errors."""

    def __init__(self, question: Question, limit: float) -> None:
        self._bet = LimitEvidence.start(limit, question.later_stages)
        self._independent = question.method != "shipped"
        self._sums = (0, 0)

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        if self._independent:
            return limits.independent_log_e(*self._sums, self._bet.limit)
        return self._bet.log_e

    def observe(self, tick: Tick, stage_started: bool) -> dict[str, object]:
        """One more tick."""
        before, counts = self.log_e, tick.counts
        self._sums = (self._sums[0] + counts.challenger_bad, self._sums[1] + int(counts.challenger_n))
        if isinstance(counts, Increment):
            self._bet = self._bet.observe(counts, stage_started=stage_started, gross_only=tick.warm_up)
        return {"increments": [self.log_e - before]}


def harm_of(question: Question) -> Shipped | Betting | None:
    """Harm evidence, or None where the one pinned alternative is no harm."""
    if question.method == "shipped":
        return Shipped(question)
    if question.pinned is not None and not beyond(question.harm, question.pinned):
        return None
    return Betting(question, True, question.harm)


def safe_of(question: Question) -> Side | None:
    """Safe evidence, or None without an accept margin or where the one pinned alternative is not inside it."""
    accept = question.accept
    if accept is None or (question.pinned is not None and not inside(accept, question.pinned)):
        return None
    if question.method == "shipped" or (question.method == "robust" and accept.shift):
        return ShippedSafe(accept)
    return Betting(question, False, accept)


def limit_of(question: Question) -> Limit | None:
    """Evidence against an absolute limit, where there is one."""
    return None if question.limit is None else Limit(question, question.limit)
