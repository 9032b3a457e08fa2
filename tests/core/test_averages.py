"""Gates on means in a world of values: cost and revenue per request, judged by ratios, in the metric's own unit."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from rollout_tui import figures
from rolloutd.codec import decode, encode
from rolloutd.core import events as ev
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import Answer, BlindReason, Counted, GateKind, MetricTemplate, Point, Selector
from rolloutd.core.plan import Gate, OnFail
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import BadValue, Slot
from rolloutd.core.verdict import Verdict
from rolloutd.ctl import render
from rolloutd.view import Frame, status
from rolloutd.wording import why_lines
from tests.core.playbook import ARMS, Playbook, World, a_gate, a_plan, a_spec

COST = MetricTemplate("cost", GateKind.MEAN, "slot", Selector("requests"), bad=Selector("cents"))
GATE = Gate("cost", "proxy", COST, 2_000, 1_000, Margin.ratio(1.0), Margin.ratio(1.05))
REVENUE = replace(GATE, template=replace(COST, higher_is_better=True))


class Valued(Playbook):
    """A rollout judged on errors and on a mean: ``means`` is each slot's, and every request varies by as much again."""

    def __init__(self, gate: Gate = GATE, challenger: float = 3.0, seed: int = 1) -> None:
        plan = a_plan("10%", "50%", "90%")
        super().__init__(a_spec(replace(plan, gates=(a_gate(), gate))), World())
        self.means = {Slot.A: 3.0, Slot.B: challenger}
        self.nan = False
        self._chance = random.Random(seed)
        self._seen = dict(self.world.n)
        self._sums = dict.fromkeys(Slot, 0.0)

    def _answer(self, gate: Gate) -> Answer:
        if gate.template.kind is not GateKind.MEAN:
            return super()._answer(gate)
        at_ms, by_arm = self.now.wall_ms, {}
        for slot in Slot:
            new = self.world.n[slot] - self._seen[slot]
            mean = self.means[slot]
            self._sums[slot] += max(0.0, mean * new + self._chance.gauss(0.0, mean * new**0.5))
            total = (Point("n", float(self.world.n[slot]), at_ms),)
            summed = float("nan") if self.nan else self._sums[slot]
            by_arm[ARMS[slot]] = Counted(total, (Point("sum", summed, at_ms),))
        self._seen = dict(self.world.n)
        return Answer(at_ms, dict(by_arm))

    @property
    def known(self) -> GateEvidence:
        """What the gate knows."""
        return self.lane.evidence["cost"]

    def verdict(self) -> Verdict:
        """What it says."""
        judged = self.lane.picture(self.now.clock_ms).judgement
        return next(v.verdict for v in judged.gates if v.gate.metric == "cost")


def test_equal_means_go_on_to_the_end() -> None:
    """Each stage shows anew that the mean is within a twentieth; nothing is said before thirty ticks."""
    equal = Valued().run(25)
    assert equal.verdict() is Verdict.COLLECTING  # type: ignore[attr-defined]  # itself
    assert equal.until("done").shares() == ["10%", "50%", "90%"]


@pytest.mark.parametrize(("gate", "challenger"), [(GATE, 3.6), (REVENUE, 2.4)], ids=["costs more", "earns less"])
def test_a_worse_mean_goes_back_and_both_are_told(gate: Gate, challenger: float) -> None:
    """Whichever way is better: the sentence has both means in the metric's own unit."""
    worse = Valued(gate, challenger)
    worse.until("rolled_back", 300)
    end = worse.lane.rollout.end
    assert end is not None
    told = re.match(
        r"cost shows harm: challenger (\S+) on average, champion (\S+) on average of 3000 and 27000 ", end.reason
    )
    assert told is not None, end.reason
    assert (float(told[1]), float(told[2])) == pytest.approx((challenger, 3.0), rel=0.05)


@pytest.mark.parametrize(("gate", "challenger"), [(GATE, 2.4), (REVENUE, 3.6)], ids=["costs less", "earns more"])
def test_a_better_mean_is_no_harm(gate: Gate, challenger: float) -> None:
    """Better on the side that counts goes on."""
    assert Valued(gate, challenger).until("done").phase == "done"


def test_a_slightly_worse_mean_is_neither_shown_safe_nor_forgiven() -> None:
    """At 1.2 times the accepted ratio no stage passes on it."""
    slight = Valued(replace(GATE, harm=Margin.ratio(1.5)), 3.6).run(200)
    assert slight.phase == "running"
    assert slight.verdict() is Verdict.COLLECTING  # type: ignore[attr-defined]  # itself


def test_a_sum_that_is_no_number_is_blindness() -> None:
    """I3: NaN is never compared."""
    dark = Valued().run(40)
    assert isinstance(dark, Valued)
    dark.nan = True
    dark.run(2)
    assert dark.known.blind is not None
    assert dark.known.blind.reason is BlindReason.NOT_A_NUMBER
    dark.until("held", 60)
    assert dark.lane.rollout.hold is not None
    assert dark.lane.rollout.hold.cause is ev.HoldCause.BLINDNESS


def test_what_is_stored_is_taken_up_bit_for_bit() -> None:
    """Sums and moments in full; a rate's evidence beside it stays as it began."""
    known = Valued().run(60).lane.evidence["cost"]
    assert decode(GateEvidence, encode(known)) == known
    assert known.averages is not None
    assert known.averages.total.challenger == pytest.approx(3.0, rel=0.05)
    assert (known.jump, known.total_sum.champion_bad) == (None, 0)
    assert known.harm.log_e == pytest.approx(0.0, abs=1e-9)


def test_false_alarms_are_rare_over_many_chances() -> None:
    """Asymptotic: 200 equal rollouts of 120 ticks; alpha is .01, half of it the gate's. More than 6 is p < .005."""
    plan = replace(a_plan("10%", "50%", "90%"), gates=(a_gate(on_fail=OnFail.OBSERVE), GATE))
    back = 0
    for seed in range(200):
        one = Valued(seed=seed)
        averages = one.known.averages
        assert averages is not None
        chance, worst = random.Random(seed), 0.0
        for _ in range(120):
            tick = averages.tick._replace(
                champion_n=900, champion_total=chance.gauss(2_700, 90), challenger_n=100,
                challenger_total=chance.gauss(300, 30),
            )  # fmt: skip
            averages = averages.with_tick(tick).counted(gross_only=False)
            worst = max(worst, averages.harm.log_e)
        back += worst >= 4.605
    assert plan.weight_of(GATE) == 1.0
    assert back <= 6


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (lambda: replace(GATE, limit=0.1), "it has no limit"),
        (lambda: replace(GATE, by="region"), "is judged over everybody"),
        (lambda: replace(GATE, harm=Margin.difference(0.1)), "are ratios"),
        (lambda: replace(GATE, accept=Margin.ratio(1.0)), "accept above 1"),
        (lambda: replace(GATE, harm=Margin.ratio(0.9)), "harm is at least 1"),
    ],
)
def test_what_a_mean_cannot_have_is_refused(gate: object, said: str) -> None:
    """With a sentence."""
    assert callable(gate)
    with pytest.raises(BadValue, match=said):
        gate()


def test_the_screen_shows_the_means_themselves() -> None:
    """In the metric's own unit: 3 of a cost is no 300 percent, and a difference has no percentage points."""
    book = Valued(challenger=2.4).run(60)
    shown = next(g for g in status(book.lane, book.now, Frame([])).gates if g.metric == "cost")
    assert (shown.kind, shown.delta_kind, shown.range) == ("mean", "mean", None)
    assert shown.champion == pytest.approx(3.0, rel=0.05)
    assert shown.challenger == pytest.approx(2.4, rel=0.05)
    assert render.gate(shown.model_dump()).startswith("cost  ")
    why = next(line for line in why_lines(book.lane, book.now) if line.startswith("cost"))
    assert re.match(r"cost: [A-Z]+, challenger 2\.\d+ on average, champion [23]\.\d+ on average of ", why), why
    old, new = figures.rate(shown.champion, shown.kind), figures.rate(shown.challenger, shown.kind)
    assert f"{old} > {new}" in render.gate(shown.model_dump())
    assert "%" not in old + new + figures.delta(shown.delta, shown.delta_kind)
