"""Gates on labels in a world of values: the stage holds while they ripen, and each request counts once, at one age."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutd.codec import decode, encode
from rolloutd.core import events as ev
from rolloutd.core.blockers import blockers
from rolloutd.core.commands import Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import Answer, ArmReading, BlindReason, Counted, GateKind, MetricTemplate, Point, Selector
from rolloutd.core.metrics import Unreadable as Blind
from rolloutd.core.plan import Gate, OnFail
from rolloutd.core.ripening import MOST_REMEMBERED, Ripening
from rolloutd.core.segments import Segments
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import BadValue, Share, Slot
from rolloutd.core.verdict import Verdict
from tests.core.playbook import ADMIN, ARMS, Playbook, World, a_gate, a_plan, a_spec

RIPE_S = 60
LABELLED = MetricTemplate(
    "wrong", GateKind.PROPORTION, "arm", Selector("labels"), bad=Selector("wrong"), ripe_ms=1_000 * RIPE_S
)
WRONG = Gate("wrong", "warehouse", LABELLED, 2_000, 1_000, Margin.ratio(1.0), Margin.ratio(1.5))


class Labelled(Playbook):
    """A rollout that is judged on errors and on labels; ``wrong`` is the part of each slot's answers that is wrong.

    The source answers with what was asked until ``ripe`` ago, counted once; ``silent`` are those without a series.
    """

    def __init__(self, *shares: str, gate: Gate = WRONG, warm_up_ms: int = 0) -> None:
        plan = a_plan(*(shares or ("10%", "50%", "90%")))
        plan = replace(plan, gates=(a_gate(), gate), timing=replace(plan.timing, warm_up_ms=warm_up_ms))
        super().__init__(a_spec(plan), World())
        self.wrong = {Slot.A: 0.05, Slot.B: 0.05}
        self.silent: frozenset[Slot] = frozenset()
        self.answered: list[dict[Slot, tuple[float, float]]] = []
        self._asked = dict(self.world.n)

    def _answer(self, gate: Gate) -> Answer:
        if not gate.template.ripens:
            return super()._answer(gate)
        before = self.answered[-1] if self.answered else dict.fromkeys(Slot, (0.0, 0.0))
        now: dict[Slot, tuple[float, float]] = {}
        for slot in Slot:
            new = self.world.n[slot] - self._asked[slot]
            now[slot] = before[slot][0] + new, before[slot][1] + new * self.wrong[slot]
        self._asked = dict(self.world.n)
        self.answered.append(now)
        ripe = self.answered[max(0, len(self.answered) - 1 - RIPE_S)]
        return Answer(self.now.wall_ms, {ARMS[slot]: self._reading(slot, ripe[slot]) for slot in Slot})

    def _reading(self, slot: Slot, counts: tuple[float, float]) -> ArmReading:
        n, wrong = counts
        if n == 0 or slot in self.silent:
            return Blind(BlindReason.NO_SERIES, "no row")
        return Counted(
            (Point("n", float(int(n)), self.now.wall_ms),), (Point("w", float(int(wrong)), self.now.wall_ms),)
        )

    @property
    def known(self) -> GateEvidence:
        """What the gate on labels knows."""
        return self.lane.evidence["wrong"]

    @property
    def verdict(self) -> Verdict:
        """What it says."""
        judged = self.lane.picture(self.now.clock_ms).judgement
        return next(v.verdict for v in judged.gates if v.gate.metric == "wrong")

    @property
    def live_from_ms(self) -> int | None:
        """Since when the challenger has requests, as the gate knows it."""
        return self.known.ripening.live_from_ms if self.known.ripening else None

    def staged_s(self) -> list[float]:
        """How long each stage was stayed on."""
        at = [row.at.clock_ms for row in self.journal if isinstance(row.event, ev.StageEntered | ev.FinishStarted)]
        return [(later - earlier) / 1_000 for earlier, later in pairwise(at)]


def begun(**more: object) -> Labelled:
    """The first share is on the router, and a few seconds of it are over."""
    found = Labelled(**more)  # type: ignore[arg-type]  # handed on as they come
    while "10%" not in found.shares():
        found.run(1)
    return found.run(5)  # type: ignore[return-value]  # itself


def test_every_stage_holds_while_its_labels_ripen_and_then_goes_on() -> None:
    """I3: until labels are ripe the gate is COLLECTING, neither a pass nor BLIND; no stage is shorter than that."""
    good = begun()
    assert good.verdict is Verdict.COLLECTING
    good.until("done")
    assert good.shares() == ["10%", "50%", "90%"]
    assert min(good.staged_s()) >= RIPE_S
    assert "BlindnessBegan" not in good.said()


def test_what_it_waits_for_is_said() -> None:
    """Not that the gate has not seen enough: that labels are not ripe, and for how long yet."""
    waiting = begun()
    pic = waiting.lane.picture(waiting.now.clock_ms)
    (said,) = [b.sentence for b in blockers(waiting.lane.rollout, pic, waiting.now.clock_ms) if b.what == "gate:wrong"]
    assert said.startswith("wrong waits for labels: the first of this exposure are ripe in 5")


def test_a_challenger_that_is_only_wrong_goes_back_once_that_is_ripe() -> None:
    """Errors are as few as the champion's; its labels are worse, which nobody can know before they are ripe."""
    bad = begun()
    bad.wrong[Slot.B] = 0.2
    bad.run(RIPE_S - 10)
    assert bad.phase == "running"
    assert bad.known.total_sum.challenger_n == 0
    bad.until("rolled_back", 100)
    assert bad.shares() == ["10%", "0%"]
    assert bad.lane.rollout.end is not None
    assert bad.lane.rollout.end.reason.startswith("wrong shows harm: challenger ")


def test_what_was_asked_on_an_earlier_stage_still_speaks_of_harm_and_never_of_safety() -> None:
    """Harm that begins in the last minute of a stage is found by that minute's labels, before the next one's are."""
    late = begun().run(25)
    assert isinstance(late, Labelled)
    late.wrong[Slot.B] = 0.2
    while "50%" not in late.shares():
        late.run(1)
    late.wrong[Slot.B] = 0.05
    went_up_ms = late.now.clock_ms
    while late.run(1).phase == "running":
        assert late.known.stage_sum.challenger_n == 0
        assert late.known.safe.log_e == 0.0
        assert late.known.dwell_ms == 0
    late.until("rolled_back", 20)
    assert late.now.clock_ms - went_up_ms < 1_000 * RIPE_S


def test_requests_of_the_change_and_of_the_warm_up_count_for_nothing() -> None:
    """Only what was asked after the share stood and the warm-up was over is in the stage's sums."""
    warm_up_s = 20
    held = begun(warm_up_ms=1_000 * warm_up_s)
    confirmed_s = next(
        row.at.clock_ms for row in held.journal if row.event == ev.TrafficConfirmed(Share(1_000), "1", 0)
    )
    first = None
    while first is None:
        held.run(1)
        if held.known.stage_sum.challenger_n:
            first = (held.now.clock_ms - confirmed_s) / 1_000
    slack_s = (WRONG.max_age_ms + 2 * WRONG.every_ms) / 1_000
    assert RIPE_S + warm_up_s <= first <= RIPE_S + warm_up_s + slack_s + 2


@pytest.mark.parametrize("after_s", [0, 30, RIPE_S + 10])
def test_labels_that_stop_are_blindness_and_no_pass(after_s: int) -> None:
    """I3, I7: what never comes when it is due is no data: nothing goes up, and after blind_recede the share is zero."""
    dark = begun()
    dark.run(after_s)
    dark.silent = frozenset(Slot)
    dark.until("held", 5 * RIPE_S)
    assert dark.lane.rollout.hold is not None
    assert dark.lane.rollout.hold.cause is ev.HoldCause.BLINDNESS
    assert dark.shares()[-1] == "0%"


def test_a_crash_keeps_every_bit_and_counts_nothing_twice() -> None:
    """Taken up from what was stored, the evidence goes on as if nothing had been, but for the doubt's own tick."""
    book = begun()
    book.run(RIPE_S + 20)
    stored = encode(book.known)
    assert decode(GateEvidence, stored) == book.known
    assert encode(decode(GateEvidence, stored)) == stored
    before = book.known.total_sum.challenger_n
    again = copy.deepcopy(book)
    again.restart()
    again.run(10)
    book.run(10)
    assert again.known.ripening == book.known.ripening
    grew, whole = again.known.total_sum.challenger_n - before, book.known.total_sum.challenger_n - before
    assert 0 < grew < whole
    assert whole - grew <= 2 * 100  # the dropped tick, of a hundred requests a second


def test_a_resumed_share_ripens_anew() -> None:
    """Brought to zero and up again, the challenger's first labels are as late as ever, and that is no blindness."""
    book = begun().run(RIPE_S + 5)
    assert isinstance(book, Labelled)
    book.world.override = Share(0)  # by hand: kept, and asked about
    book.until("held", 20)
    book.run(3)
    before_ms, began_ms = book.live_from_ms, book.now.clock_ms
    asked = book.do(Verb.RESUME, ADMIN, override=True, confirm="ranker-v42", reason="it was an accident")
    assert isinstance(asked, Accepted)
    counted = book.known.stage_sum.challenger_n
    book.silent = frozenset({Slot.B})
    book.run(RIPE_S)
    assert (before_ms, book.live_from_ms) == (None, began_ms + 1_000)
    assert book.verdict is Verdict.COLLECTING
    assert book.known.stage_sum.challenger_n == counted


def test_a_plan_whose_stages_end_before_labels_are_ripe_is_refused() -> None:
    """With the stage, the times and what to do; a gate that only observes stops nothing and is let be."""
    late = replace(WRONG, template=replace(LABELLED, ripe_ms=600_000))
    with pytest.raises(BadValue, match=r"Stage s0 is over after 10m, and wrong has the first labels .* after 10m"):
        replace(a_plan(), gates=(a_gate(), late))
    day = tuple(replace(stage, full_day=True, max_time_ms=86_400_001) for stage in a_plan().stages)
    with pytest.raises(BadValue, match=r"the first labels of its requests and a full day of them after 1d"):
        replace(a_plan(), stages=day, gates=(a_gate(), late))
    observed = replace(a_plan(), gates=(a_gate(), replace(late, on_fail=OnFail.OBSERVE)))
    assert observed.gate("wrong").template.ripe_ms == 600_000


def test_labels_are_judged_over_everybody() -> None:
    """By segment is refused: nobody says the segment of a label."""
    with pytest.raises(BadValue, match="not by segment"):
        replace(a_plan(), segments=Segments("x-region", "region", ("eu",)), gates=(replace(WRONG, by="region"),))


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_what_is_remembered_is_bounded_and_drops_rather_too_much(looks: list[tuple[int, bool, bool, bool]]) -> None:
    """I12: a time in which the exposure was at rest for nobody is never told as undisturbed."""
    ripening, now_ms, restless = Ripening(), 0, []
    for step_ms, live, warm_up, changes in looks:
        before_ms, now_ms = now_ms, now_ms + step_ms
        ripening = ripening.on_change() if changes else ripening
        restless += [(before_ms, now_ms)] if changes or warm_up or not live else []
        ripening = ripening.look(now_ms, now_ms - 100, live=live, warm_up=warm_up)
        assert len(ripening.restless) <= MOST_REMEMBERED
        for begin_ms, end_ms in restless[1:]:
            if end_ms >= now_ms - 100:
                assert not ripening.undisturbed(begin_ms, end_ms)
