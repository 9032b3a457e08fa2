"""Gates on drift in a world of values: shown and large is harm, none seen is quiet and no pass, silence is BLIND."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from rolloutd import keeper, reporting
from rolloutd.codec import decode, encode
from rolloutd.core import events as ev
from rolloutd.core.drifting import Drift
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import Answer, BlindReason, Counted, GateKind, MetricTemplate, Point, Selector, Unreadable
from rolloutd.core.plan import Gate, OnFail
from rolloutd.core.standing import standing
from rolloutd.core.stats.drift import DriftEvidence, psi
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import BadValue, Share, Slot
from rolloutd.core.verdict import GateVerdict, Verdict, judge
from rolloutd.ctl import render, report_text
from rolloutd.view import Frame, status
from rolloutd.wording import why_lines
from tests.core.playbook import ARMS, Playbook, World, a_gate, a_plan, a_spec

CLASSES = tuple("abcdefghij")
ANSWERS = MetricTemplate(
    "answers", GateKind.DRIFT, "arm", Selector("n"), bad=Selector("c"), classes=CLASSES, class_label="class"
)
GATE = Gate("answers", "log", ANSWERS, 2_000, 1_000, Margin.ratio(1.0), Margin.ratio(1.0), psi=0.1)
USUAL = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.2, 0.14, 0.08, 0.04, 0.02])
LINE = 4.605


def shifted(size: float) -> np.ndarray:
    """The usual distribution tilted until its index is ``size``."""
    low, high, found = 0.0, 3.0, USUAL
    for _ in range(50):
        tilt = (low + high) / 2
        found = USUAL * np.exp(tilt * np.linspace(-1, 1, len(USUAL)))
        found /= found.sum()
        low, high = (tilt, high) if psi(tuple(USUAL), tuple(found)) < size else (low, tilt)
    return found


class Answering(Playbook):
    """A rollout judged on errors and on drift: ``says`` is how each slot's answers are distributed."""

    def __init__(self, challenger: np.ndarray = USUAL, gate: Gate = GATE, seed: int = 1, **plan: object) -> None:
        made = replace(a_plan("10%", "50%", "90%"), **plan)  # type: ignore[arg-type]
        super().__init__(a_spec(replace(made, gates=(a_gate(), gate))), World(rps=200))
        self.says = {Slot.A: USUAL, Slot.B: challenger}
        self.silent = self.mute = False
        self._chance = np.random.default_rng(seed)
        self._seen = dict(self.world.n)
        self._counts = {slot: np.zeros(len(CLASSES) + 1, dtype=int) for slot in Slot}

    def _answer(self, gate: Gate) -> Answer:
        if gate.template.kind is not GateKind.DRIFT:
            return super()._answer(gate)
        at_ms, by_arm = self.now.wall_ms, {}
        for slot in Slot:
            new = self.world.n[slot] - self._seen[slot]
            self._counts[slot][: len(self.says[slot])] += self._chance.multinomial(new, self.says[slot])
            label = "kind" if self.mute else "class"
            part = tuple(
                Point(f'c{{{label}="{name}"}}', float(count), at_ms)
                for name, count in zip((*CLASSES, "new"), self._counts[slot], strict=True)
            )
            by_arm[ARMS[slot]] = Counted((Point("n", float(self._counts[slot].sum()), at_ms),), part)
        self._seen = dict(self.world.n)
        if self.silent:
            gone = Unreadable(BlindReason.NO_SERIES, "no answer was logged yet")
            return Answer(at_ms, dict.fromkeys(ARMS.values(), gone))
        return Answer(at_ms, dict(by_arm))

    @property
    def drift(self) -> Drift:
        """What the gate knows."""
        found = self.lane.evidence["answers"].drift
        assert found is not None
        return found

    @property
    def says_now(self) -> GateVerdict:
        """What it says."""
        judged = self.lane.picture(self.now.clock_ms).judgement
        return next(v for v in judged.gates if v.gate.metric == "answers")

    @property
    def why(self) -> str:
        """Its line of `rollout why`."""
        return next(line for line in why_lines(self.lane, self.now) if line.startswith("answers"))


def test_equal_answers_go_on_and_the_gate_is_quiet_and_never_passes() -> None:
    """I3: each stage needs answers enough for a large drift to show; what is said is that none is seen."""
    book, words = Answering(), set()
    for _ in range(600):
        book.run(1)
        if not book.lane.rollout.live:
            break
        words.add(book.says_now.verdict)
        if book.says_now.verdict is Verdict.QUIET:
            assert book.why.endswith("of the way to 100.")
            assert "is not seen, which is no proof that there is none" in book.why
    assert (book.phase, book.shares()) == ("done", ["10%", "50%", "90%"])
    assert words - {Verdict.BLIND} == {Verdict.COLLECTING, Verdict.QUIET}


def test_it_is_collecting_until_a_stage_has_answers_enough() -> None:
    """At 20 answers a second of the challenger against 180, worth 18 each: about 318 are enough beside another gate."""
    book = Answering()
    book.run(12)
    assert book.says_now.verdict is Verdict.COLLECTING
    assert book.drift.stage.worth < book.drift.enough == pytest.approx(6 * np.log(200) / 0.1)
    assert 1.0 <= book.drift.clumps.phi < 1.5
    worth = book.drift.stage.worth / book.drift.clumps.phi
    assert book.says_now.safe_progress == pytest.approx(worth / book.drift.enough)
    assert "of the answers that are enough to see one" in book.why


def test_a_large_drift_goes_back_and_names_what_moved() -> None:
    """PSI .28; errors are as ever."""
    book = Answering(shifted(0.28))
    book.until("rolled_back", 120)
    end = book.lane.rollout.end
    assert end is not None
    assert "answers shows harm: the answers drift, PSI 0." in end.reason
    assert "above PSI 0.1; most in " in end.reason
    assert "challenger" in end.reason


def test_a_class_that_only_the_challenger_says_is_drift() -> None:
    """What is none of the classes is one more of them, not left out."""
    book = Answering(np.array([*(USUAL * 0.85), 0.15]))
    book.until("rolled_back", 120)
    end = book.lane.rollout.end
    assert end is not None
    assert "most in anything else: challenger 1" in end.reason


def test_a_gate_that_holds_or_observes_does_that() -> None:
    """on_fail as with every other gate."""
    assert Answering(shifted(0.28), replace(GATE, on_fail=OnFail.HOLD)).until("held", 120).phase == "held"
    book = Answering(shifted(0.28), replace(GATE, on_fail=OnFail.OBSERVE)).until("done")
    assert book.phase == "done"


def test_a_small_drift_is_shown_and_no_harm() -> None:
    """PSI .02 at much traffic: beyond doubt, and not worth a rollback; it is said in figures."""
    book = Answering(shifted(0.02))
    book.world.rps = 20_000
    book.run(25)
    assert book.drift.evidence.log_e > 3 * LINE
    assert book.says_now.verdict is Verdict.QUIET
    assert book.says_now.harm_progress == 0.0
    assert "PSI 0.02 (chance 0.00), JS 0.00" in book.why


def test_a_source_that_vanishes_is_blind_and_holds() -> None:
    """I3, I8: however quiet it was before."""
    book = Answering()
    book.run(40)
    book.silent = True
    book.run(2)
    assert book.says_now.verdict is Verdict.BLIND
    book.until("held", 60)
    assert book.lane.rollout.hold is not None
    assert book.lane.rollout.hold.cause is ev.HoldCause.BLINDNESS


def test_classes_that_do_not_fit_the_champion_are_no_data() -> None:
    """I3: where most of its answers are none of the classes, both arms would be alike in saying nothing."""
    book = Answering(np.array([*(USUAL * 0.1), 0.9]))
    book.says[Slot.A] = book.says[Slot.B]
    book.run(30)
    assert book.says_now.verdict is Verdict.BLIND
    blind = book.says_now.blind
    assert blind is not None
    assert "answers fit none of the classes of answers" in blind.detail


def test_counters_that_do_not_say_the_class_are_no_data() -> None:
    """I3: nobody knows what they counted."""
    book = Answering()
    book.mute = True
    book.run(5)
    blind = book.says_now.blind
    assert blind is not None
    assert blind.detail.endswith("has no label class, so its class is not known")


def test_it_rests_in_a_shadow() -> None:
    """Copies are no requests of their own; pairs are told apart there request by request."""
    book = Answering()
    assert book.says_now.verdict is not Verdict.NOT_CHECKED
    shadow = judge(book.spec.plan, book.lane.evidence, book.now.clock_ms, share=Share(0), mirror=Share(10_000))
    assert shadow.gates[1].verdict is Verdict.NOT_CHECKED


def test_what_is_stored_after_any_tick_goes_on_bit_for_bit() -> None:
    """I4: a process that is killed after a tick and one that is not know the same, to the last bit."""
    one = Answering(shifted(0.11), replace(GATE, on_fail=OnFail.OBSERVE))
    rng = np.random.default_rng(3)
    known = Drift.start(GATE, LINE)
    stored = known
    for tick in range(40):
        champion = tuple(map(int, [*rng.multinomial(180, USUAL), tick % 2]))
        challenger = tuple(map(int, [*rng.multinomial(20, shifted(0.11)), 0]))
        known = known.with_tick(champion, challenger).counted(gross_only=False)
        stored = decode(Drift, encode(stored)).with_tick(champion, challenger).counted(gross_only=False)
        assert encode(stored) == encode(known)
    for _ in range(30):
        one.run(1)
        whole = one.lane.evidence["answers"]
        assert decode(GateEvidence, encode(whole)) == whole
    assert one.drift.total.n > 0


def _alarms(days: int, seeds: int, rng: np.random.Generator, share: float) -> tuple[int, int]:
    """Of equal arms over whole days: how many show drift at all, and how many are called harm."""
    shown = harm = 0
    for _ in range(seeds):
        drift, worst, called = Drift.start(GATE, LINE), 0.0, False
        for tick in range(60):
            day = (1 + np.sin(2 * np.pi * tick * days / 60)) / 2  # traffic, answers and share move with the hour
            common = USUAL * np.exp(day * np.linspace(-1, 1, 10)) if days else USUAL
            n1 = rng.binomial(20 + int(60 * day) if days else 40, share * (1 - day) + 0.5 * day if days else share)
            n0 = 20 + int(60 * day) if days else 40
            one = tuple(map(int, [*rng.multinomial(n1, common / common.sum()), 0]))
            other = tuple(map(int, [*rng.multinomial(n0, common / common.sum()), 0]))
            drift = drift.with_tick(other, one).counted(gross_only=False)
            worst, called = max(worst, drift.evidence.log_e), called or drift.harm_log_e >= LINE
        shown, harm = shown + (worst >= LINE), harm + called
    return shown, harm


@pytest.mark.parametrize("days", [0, 2], ids=["one common distribution", "days and nights"])
def test_false_alarms_stay_under_alpha(days: int) -> None:
    """At nominal 1 % over 250 rollouts of equal arms: more than 8 is p < .002."""
    shown, harm = _alarms(days, 250, np.random.default_rng(11), share=0.3)
    assert harm <= shown <= 8


def _clumped(rng: np.random.Generator, n: int, clump: int) -> tuple[int, ...]:
    """Answers that come ``clump`` of one class at a time, as those to one client's requests do."""
    return tuple(map(int, [*clump * rng.multinomial(n // clump, USUAL), 0]))


@pytest.mark.parametrize("clump", [3, 10, 30])
def test_answers_that_come_several_at_a_time_are_no_drift(clump: int) -> None:
    """At nominal 1 % over 100 rollouts: more than 4 is p < .004. Taken one by one, clumps of ten would show drift."""
    rng, harm, exact, phis = np.random.default_rng(clump), 0, 0, list[float]()
    for _ in range(100):
        drift, plain = Drift.start(GATE, LINE), DriftEvidence.start(11)
        one_by_one = called = False
        for _ in range(60):
            other, one = _clumped(rng, 900, clump), _clumped(rng, 90, clump)
            drift, plain = drift.with_tick(other, one).counted(gross_only=False), plain.observe(one, other)
            one_by_one, called = one_by_one or plain.log_e >= LINE, called or drift.harm_log_e >= LINE
        exact, harm = exact + one_by_one, harm + called
        phis.append(drift.clumps.phi)
    assert np.mean(phis) == pytest.approx(clump, rel=0.2)
    assert harm <= 4
    assert clump == 3 or exact > 20


def test_before_it_is_known_how_answers_come_nothing_is_said_of_drift() -> None:
    """I3: neither harm nor quiet, also for answers that could not differ more; a warm-up is enough to learn it."""
    one, other = (0,) * 5 + (100,) * 5 + (0,), (100,) * 5 + (0,) * 5 + (0,)
    drift = Drift.start(GATE, LINE)
    for _ in range(2):
        drift = drift.with_tick(other, one).counted(gross_only=False)
    assert (drift.harm_log_e, drift.progress, drift.size) == (0.0, 0.0, 0.0)
    assert "chance not known yet" in drift.words(ANSWERS)
    warm = Drift.start(GATE, LINE)
    for _ in range(7):
        warm = warm.with_tick(other, one).counted(gross_only=True)
    assert warm.with_tick(other, one).counted(gross_only=False).clumps.phi == 1.0
    assert warm.total.n == 0


def test_a_champion_that_always_says_the_same_does_not_hide_a_drift() -> None:
    """Its ticks tell nothing of clumps; a challenger that says something else is harm all the same, and soon."""
    drift, ticks = Drift.start(GATE, LINE), 0
    while drift.harm_log_e < LINE:
        drift, ticks = drift.with_tick((900,) + (0,) * 10, (0, 100) + (0,) * 9).counted(gross_only=False), ticks + 1
        assert ticks < 30
    assert drift.clumps.phi == 1.0


def test_one_tick_of_another_class_brings_the_gate_to_a_stand_and_to_no_verdict() -> None:
    """I3: what docs/gates.md says of it: 3,200 answers count as one, for days of ticks; neither harm nor quiet."""
    usual, odd, few = (800,) + (0,) * 10, (0, 800) + (0,) * 9, (80,) + (0,) * 10
    drift = Drift.start(GATE, LINE)
    for at in range(2_000):
        drift = drift.with_tick(odd if at == 21 else usual, few).counted(gross_only=False)
        assert not drift.harm_log_e >= LINE
        assert at < 21 or not drift.quiet
    assert drift.clumps.phi == pytest.approx(3_200)


def test_days_and_nights_make_no_drift_of_a_change_of_share() -> None:
    """By night few requests at a share of 10 %, by day many at half: the champion is weighted as the challenger is."""
    rng, drift, plain = np.random.default_rng(5), Drift.start(GATE, LINE), np.zeros((2, 11))
    night, day = USUAL, shifted(1.0)
    for tick in range(200):
        common, n0, n1 = (night, 900, 100) if tick < 100 else (day, 1_000, 1_000)
        one = tuple(map(int, [*rng.multinomial(n1, common), 0]))
        other = tuple(map(int, [*rng.multinomial(n0, common), 0]))
        plain += np.array([other, one])
        drift = drift.with_tick(other, one).counted(gross_only=False)
    pooled = psi(*(tuple((row + 0.5) / (row + 0.5).sum()) for row in plain))
    assert pooled > 0.1
    assert drift.total.size(drift.clumps.phi) < 0.01
    assert not drift.harm_log_e >= LINE


def test_a_large_drift_is_found_before_the_gate_is_quiet() -> None:
    """PSI .28 at half the traffic: in about 240 answers of the challenger, all of 60 times."""
    rng, needed = np.random.default_rng(9), []
    for _ in range(60):
        drift = Drift.start(GATE, LINE)
        while drift.harm_log_e < LINE:
            one = tuple(map(int, [*rng.multinomial(20, shifted(0.28)), 0]))
            other = tuple(map(int, [*rng.multinomial(20, USUAL), 0]))
            drift = drift.with_tick(other, one).counted(gross_only=False)
            assert not drift.quiet
            assert drift.total.n < 2_000
        needed.append(drift.total.n)
    assert np.mean(needed) < 300


def test_people_see_figures_in_words_and_no_rates() -> None:
    """No answer is a bad one, so 0 % of them would be made up: neither in a status, nor in a report or a chart."""
    book = Answering()
    book.run(60)
    shown = next(g for g in status(book.lane, book.now, Frame([])).gates if g.metric == "answers")
    assert (shown.champion, shown.challenger, shown.range, shown.delta_kind) == (None, None, None, "psi")
    assert shown.words == book.drift.words(ANSWERS)
    line = render.gate(shown.model_dump())
    assert line.startswith("answers  QUIET  PSI 0.0")
    assert line.endswith("100% of what is enough")
    told = reporting._gate(GATE, book.lane.evidence["answers"], "")
    [_, row] = report_text.gates({"confidence": 0.95, "gates": [told.model_dump()]})
    assert row[1:4] == [f"{told.champion_n} answers", f"{told.challenger_n} answers", book.drift.total_words(ANSWERS)]
    assert (keeper.counted(book.lane.evidence["answers"]), standing(book.lane.evidence["answers"])) == (
        (0, 0, 0, 0),
        None,
    )


def test_only_numbers_have_a_distance_along_their_order() -> None:
    """KS is of edges; classes have no order."""
    by_edge = replace(ANSWERS, classes=(), edges=tuple(float(number) for number in range(9)))
    drift = Drift.start(replace(GATE, template=by_edge), LINE)
    for _ in range(4):
        drift = drift.with_tick((40,) * 10 + (0,), (60,) * 5 + (20,) * 5 + (0,)).counted(gross_only=False)
    assert re.fullmatch(r"PSI 0\.\d\d \(chance 0\.\d\d\), JS 0\.\d{3}, KS 0\.25", drift.words(by_edge))
    assert "KS" not in drift.words(ANSWERS)


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (lambda: replace(GATE, limit=0.1), "has psi and no limit"),
        (lambda: replace(GATE, by="region"), "over everybody"),
        (lambda: replace(GATE, psi=0.0), "needs psi"),
        (lambda: replace(GATE, template=replace(ANSWERS, classes=())), "between classes or edges"),
        (lambda: a_gate(psi=0.1), "is no gate on drift and has no psi"),
        (lambda: a_plan(gates=(GATE,)), "shows harm and never safety"),
    ],
)
def test_what_a_gate_on_drift_cannot_have_is_refused(gate: object, said: str) -> None:
    """With a sentence."""
    assert callable(gate)
    with pytest.raises(BadValue, match=said):
        gate()
