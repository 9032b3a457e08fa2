"""Segments in a world of values: rings in order, harm in one of them named and taken off, nobody let in unasked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.blockers import BlockerKind, blockers
from rolloutd.core.commands import RefusalCode, Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.fold import LawBroken, check_laws
from rolloutd.core.metrics import Answer, Counted, Point
from rolloutd.core.plan import OnSegment, Plan, Stage
from rolloutd.core.reconcile import RouteVerdict, judge_route
from rolloutd.core.segments import Segments
from rolloutd.core.values import FULL, ZERO, BadValue, Share, Slot
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World, a_gate, a_plan, a_spec

REGIONS = Segments("x-region", "region", ("internal", "eu", "apac"))
PARTS = {"internal": 0.05, "eu": 0.6, "apac": 0.05, "other": 0.3}
REASON = "the owner of the segment wants it"
BY = a_gate(by="region", limit=None)


@dataclass
class Regions(World):
    """A world whose counters say the region; ``worse`` multiplies the challenger's errors in one of them."""

    worse: dict[str, float] = field(default_factory=dict)
    counts: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def flow(self, seconds: float) -> None:
        """As the router says, for each region by itself."""
        reading = self.reading()
        share = reading.share_of(Slot.B)
        for name, part in PARTS.items():
            given = ZERO.fraction if name in reading.isolated else share.of(name).fraction
            for slot, mine in ((Slot.A, 1.0 - given), (Slot.B, given)):
                n = round(self.rps * seconds * part * mine)
                rate = self.rates[slot] * (self.worse.get(name, 1.0) if slot is Slot.B else 1.0)
                self._add(slot, name, "n", n)
                self._add(slot, name, "bad", n * rate)

    def _add(self, slot: Slot, name: str, what: str, count: float) -> None:
        self.counts[slot, name, what] = self.counts.get((slot, name, what), 0.0) + count

    def answer(self, at_ms: int) -> Answer:
        """Every series says its region."""

        def points(slot: Slot, what: str) -> tuple[Point, ...]:
            series = ((f'{what}{{region="{n}"}}', float(int(self.counts.get((slot, n, what), 0.0)))) for n in PARTS)
            return tuple(Point(text, value, at_ms) for text, value in series)

        return Answer(at_ms, {slot: Counted(points(slot, "n"), points(slot, "bad")) for slot in Slot})


def a_stage(name: str, share: Share, *segments: str) -> Stage:
    """A quick stage."""
    return Stage(name, share, 10_000, 600_000, min_ticks=5, segments=segments)


def rings(**changes: object) -> Plan:
    """Half of the internal users, a fifth of eu besides, then a fifth, a half and nearly all of everybody."""
    stages = (
        a_stage("internal", Share(0, (("internal", 5_000),)), "internal"),
        a_stage("eu", Share(0, (("internal", 5_000), ("eu", 2_000))), "eu"),
        a_stage("fifth", Share(2_000, (("internal", 5_000),))),
        a_stage("watch", Share(9_000)),
    )
    return replace(a_plan(), stages=stages, gates=(BY,), segments=REGIONS, **changes)  # type: ignore[arg-type]


def split(**gate: object) -> Plan:
    """Half of everybody, judged by region."""
    return replace(a_plan("50%", "90%"), gates=(replace(BY, **gate),), segments=REGIONS)  # type: ignore[arg-type]


def kinds(of: Playbook) -> set[BlockerKind]:
    """What stands against it now."""
    now_ms = of.now.clock_ms
    return {blocker.kind for blocker in blockers(of.lane.rollout, of.lane.picture(now_ms), now_ms)}


def kept_off(of: Playbook) -> list[str]:
    """Whom the router keeps on the champion."""
    return list(of.world.isolated)


def isolated(name: str = "apac") -> Playbook:
    """A rollout at half of everybody of whom one region was isolated by a person."""
    book = Playbook(a_spec(split()), Regions(rps=4_000)).run(8)
    assert isinstance(book.do(Verb.ISOLATE, segment=name), Accepted)
    return book


def test_every_ring_has_its_own_verdict_and_keeps_the_ones_before() -> None:
    """I1: exposure grows ring by ring, each on the ground of a verdict, and nobody who was in falls out."""
    done = Playbook(a_spec(rings()), Regions(rps=4_000)).until("done")
    assert done.shares() == [
        "50% of internal",
        "20% of eu and 50% of internal",
        "50% of internal and 20% of the rest",
        "90%",
    ]
    passed = [row.event.detail for row in done.journal if isinstance(row.event, ev.VerdictReached)]
    assert len(passed) == 4
    grounds = {row.event.basis.kind for row in done.journal if isinstance(row.event, ev.TrafficWanted)}
    assert grounds == {ev.BasisKind.VERDICT}


def test_a_ring_shows_its_own_share_and_what_its_gates_still_need() -> None:
    """Half of the ring is half, not nothing; the forecast of a running gate takes it so, too."""
    from rolloutd.needs import needs_of
    from rolloutd.segment_view import segments_of, share_told

    book = Playbook(a_spec(rings()), Regions(rps=400)).run(6)
    rollout = book.lane.rollout
    assert str(share_told(rollout.traffic.wanted, rollout.stage.segments)) == "50%"
    assert needs_of(book.lane, book.lane.picture(book.now.clock_ms))["errors"].requests.mean > 0
    assert {row.name: row.share for row in segments_of(book.lane)}["internal"] == 0.5


def test_a_ring_is_judged_among_its_own_users_alone() -> None:
    """An internal user errs five times as often on either side: that is no harm, and no verdict on the others."""
    world = Regions(rps=4_000, rates={"a": 0.01, "b": 0.01}, worse={"eu": 4.0})
    book = Playbook(a_spec(rings()), world).run(400)
    assert book.phase == "rolled_back"
    assert book.shares() == ["50% of internal", "20% of eu and 50% of internal", "0%"]
    why = book.lane.rollout.end.reason if book.lane.rollout.end else ""
    assert "in region=eu" in why


def test_harm_in_one_segment_is_named_and_goes_back_as_the_gate_says() -> None:
    """Good on average, bad for one: the whole rollout goes back, and the record says for whom."""
    book = Playbook(a_spec(split()), Regions(rps=4_000, worse={"apac": 3.0})).until("rolled_back", 300)
    said = [row.event.detail for row in book.journal if isinstance(row.event, ev.VerdictReached)]
    assert any("shows harm in region=apac" in text for text in said)


def test_a_gate_that_isolates_takes_off_the_segment_and_goes_on_with_the_others() -> None:
    """I4: the intent is recorded on the ground of harm, the router shows it, the rollout goes on; its end waits."""
    plan = split(on_segment=OnSegment.ISOLATE)
    book = Playbook(a_spec(plan), Regions(rps=4_000, worse={"apac": 3.0})).run(200)
    off = [row.event for row in book.journal if isinstance(row.event, ev.SegmentIsolated)]
    assert [(event.segment, event.basis.kind) for event in off] == [("apac", ev.BasisKind.HARM)]
    assert kept_off(book) == ["apac"]
    assert book.phase == "watching"
    book.run(600)
    assert BlockerKind.ISOLATED in kinds(book)
    assert book.phase in ("watching", "asking")
    before = book.world.counts[Slot.B, "apac", "n"]  # type: ignore[attr-defined]
    book.run(5)
    assert book.world.counts[Slot.B, "apac", "n"] == before  # type: ignore[attr-defined]


def test_harm_in_all_segments_isolates_none() -> None:
    """Where everybody suffers alike it is the version, not a segment: the whole rollout goes back."""
    plan = split(on_segment=OnSegment.ISOLATE)
    world = Regions(rps=4_000, worse=dict.fromkeys(PARTS, 3.0))
    book = Playbook(a_spec(plan), world).until("rolled_back", 200)
    assert "SegmentIsolated" not in book.said()


def test_a_shift_of_users_between_segments_is_no_harm() -> None:
    """The challenger gets far more of a bad segment than the champion; in no segment is it worse."""

    class Shifted(Regions):
        def flow(self, seconds: float) -> None:
            for slot, parts in ((Slot.A, (0.9, 0.1)), (Slot.B, (0.1, 0.9))):
                given = self.reading().share_of(Slot.B).fraction
                n = self.rps * seconds * (given if slot is Slot.B else 1.0 - given)
                for name, part, rate in zip(("eu", "apac"), parts, (0.01, 0.05), strict=True):
                    self._add(slot, name, "n", round(n * part))
                    self._add(slot, name, "bad", round(n * part) * rate)

    book = Playbook(a_spec(split()), Shifted(rps=4_000)).run(100)
    assert book.phase in ("running", "watching", "asking", "done")
    assert "RecedeStarted" not in book.said()


def test_a_series_without_its_segment_blinds_the_gate() -> None:
    """I3: silence about the segment is no segment, so nothing starts on it."""
    book = Playbook(a_spec(split()), World()).run(15)
    assert book.phase == "refused"
    assert any("has no label region" in reason for reason in book.lane.rollout.refusals)


def test_isolating_asks_nothing_and_twice_is_once() -> None:
    """I2, I11: no revision, no reason; the same again is an answer and no second event."""
    book = isolated()
    again = book.do(Verb.ISOLATE, segment="apac", revision=None)
    assert isinstance(again, Accepted)
    assert again.events == ()
    assert kept_off(book) == ["apac"]
    assert book.lane.rollout.isolation == ("apac",)
    unknown = book.do(Verb.ISOLATE, segment="mars")
    assert isinstance(unknown, Refused)
    assert unknown.code is RefusalCode.BAD_INPUT


def test_putting_back_needs_a_revision_and_a_reason() -> None:
    """It raises exposure: the person looked at this very state and says why; a fresh look begins."""
    book = isolated()
    blind, short = (
        book.do(Verb.PUTBACK, segment="apac", revision=1, reason=REASON),
        book.do(Verb.PUTBACK, segment="apac"),
    )
    assert isinstance(blind, Refused)
    assert isinstance(short, Refused)
    assert (blind.code, short.code) == (RefusalCode.CONFLICT, RefusalCode.GATE)
    assert isinstance(book.do(Verb.PUTBACK, segment="apac", reason=REASON), Accepted)
    assert (kept_off(book), book.lane.rollout.isolation) == ([], ())
    assert BlockerKind.WINDOW in kinds(book)


def test_what_harm_took_off_comes_back_only_by_an_override() -> None:
    """An operator's reason is not enough; two admins past half of the traffic, and it stays on record."""
    plan = replace(split(on_segment=OnSegment.ISOLATE), second_person=True)
    book = Playbook(a_spec(plan), Regions(rps=4_000, worse={"apac": 3.0})).run(60)
    book.world.worse = {}  # type: ignore[attr-defined]
    book.run(5)
    assert isinstance(book.do(Verb.PUTBACK, OPERATOR, segment="apac", reason=REASON), Refused)
    override = {"segment": "apac", "reason": REASON, "override": True, "confirm": book.spec.name}
    asked = book.do(Verb.PUTBACK, ADMIN, **override)
    assert isinstance(asked, Accepted)
    assert kept_off(book) == ["apac"]
    approved = book.do(Verb.APPROVE, replace(ADMIN, name="sr2", uid=1003))
    assert isinstance(approved, Accepted), approved
    assert kept_off(book) == []
    assert [note.gates for note in book.lane.rollout.overrides][-1] == ("segment:apac",)


def test_a_request_for_one_segment_lets_in_no_other() -> None:
    """Whoever puts back another segment asks anew: two people agree on one thing, not on one verb."""
    book = Playbook(a_spec(replace(split(), second_person=True)), Regions(rps=4_000)).run(8)
    for name in ("apac", "eu"):
        why = ev.Basis(ev.BasisKind.HARM, f"{name} suffers")
        book.record((ev.SegmentIsolated(name, why),))
        book.settle()
    words = {"reason": REASON, "override": True, "confirm": book.spec.name}
    assert isinstance(book.do(Verb.PUTBACK, ADMIN, segment="apac", **words), Accepted)
    assert isinstance(book.do(Verb.PUTBACK, replace(ADMIN, name="sr2", uid=1003), segment="eu", **words), Accepted)
    assert kept_off(book) == ["apac", "eu"]
    last = book.lane.rollout.overrides[-1]
    assert (last.proposed_only, last.by.name, last.gates) == (True, "sr2", ("segment:eu",))


def test_an_isolation_under_way_is_not_confirmed_by_a_loss() -> None:
    """The router forgot one while another is asked for: whoever waits for the other goes on waiting."""
    book = isolated()
    book.world.obeys = False
    assert isinstance(book.do(Verb.ISOLATE, segment="eu"), Accepted)
    book.world.isolated = ()
    book.run(1)
    assert (book.lane.rollout.isolation, book.lane.rollout.isolation_asked_ms is None) == ((), False)
    book.world.obeys = True
    book.run(2)
    assert (book.lane.rollout.isolation, book.lane.rollout.isolation_asked_ms) == (("apac", "eu"), None)


def test_an_abort_before_the_slots_are_known_ends_at_once_whatever_was_isolated() -> None:
    """I2: nothing was written for it, so there is nothing to wait for."""
    book = Playbook(a_spec(split()), Regions(rps=4_000))
    assert book.phase == "preflight"
    assert isinstance(book.do(Verb.ISOLATE, segment="apac"), Accepted)
    assert isinstance(book.do(Verb.ABORT), Accepted)
    assert book.phase == "aborted"


def test_a_hand_that_isolates_is_recorded_and_kept() -> None:
    """What somebody lowered outside is never raised by automation; only a person puts it back."""
    book = Playbook(a_spec(split()), Regions(rps=4_000)).run(8)
    book.world.isolated = ("eu",)
    book.run(3)
    assert [known.segment for known in book.lane.rollout.isolated] == ["eu"]
    assert kept_off(book) == ["eu"]


def test_a_hand_that_lets_somebody_in_is_undone_within_a_tick() -> None:
    """I6: the router equals the record again, and the record says that it did not for a while."""
    book = isolated()
    book.world.isolated = ()
    book.run(1)
    assert kept_off(book) == ["apac"]
    assert book.lane.rollout.isolation == ("apac",)


def test_an_abort_ends_only_when_nobody_is_kept_off_any_more() -> None:
    """I2, I6: share first; then, with nothing to be kept off, the next rollout finds a clean route."""
    book = isolated()
    assert isinstance(book.do(Verb.ABORT), Accepted)
    book.run(3)
    assert book.phase == "aborted"
    assert (book.world.override, book.world.isolated) == (ZERO, ())


def test_a_start_over_somebody_elses_isolation_is_refused() -> None:
    """It would never reach them, and nobody could say why."""
    book = Playbook(a_spec(split()), Regions(rps=4_000, isolated=("eu",))).run(2)
    assert book.phase == "refused"


@pytest.mark.parametrize("after", ["lapse", "restart", "kill"])
def test_nothing_but_a_person_lets_an_isolated_segment_in(after: str) -> None:
    """I7: not a lapse, not a router that forgot its share, not a daemon that died."""
    book = isolated()
    if after == "kill":
        book = book.snapshot()
    else:
        book.world.override, book.world.override_slot = ZERO, None
        book.world.instance = "2" if after == "restart" else book.world.instance
    for _ in range(30):
        book.run(1)
        assert kept_off(book) == ["apac"]
    assert "SegmentPutBack" not in book.said()


def test_the_laws_hold_for_segments() -> None:
    """No ground but a person's lets anybody in, no unknown segment is isolated, none twice."""
    book = isolated()
    harm = ev.Basis(ev.BasisKind.VERDICT, "all is well")
    for event in (
        ev.SegmentPutBack("apac", harm),
        ev.SegmentIsolated("apac", harm),
        ev.SegmentIsolated("mars", harm),
        ev.TrafficWanted(Share(5_000, (("eu", 6_000),)), Share(5_000), harm),
    ):
        with pytest.raises(LawBroken):
            check_laws(book.lane.rollout, event)


@pytest.mark.parametrize(
    ("observed", "verdict"),
    [
        (Share(0, (("eu", 2_000), ("internal", 5_000))), RouteVerdict.AGREES),
        (Share(0, (("internal", 5_000),)), RouteVerdict.LOWERED),
        (ZERO, RouteVerdict.LOWERED),
        (Share(0, (("apac", 1), ("eu", 2_000), ("internal", 5_000))), RouteVerdict.RAISED),
        (Share(1, (("internal", 5_000),)), RouteVerdict.RAISED),
        (FULL, RouteVerdict.RAISED),
    ],
    ids=str,
)
def test_a_router_is_judged_segment_by_segment(observed: Share, verdict: RouteVerdict) -> None:
    """Whoever gives anybody more has raised it, whatever else was lowered at the same time."""
    wanted = Share(0, (("eu", 2_000), ("internal", 5_000)))
    found = judge_route(wanted=wanted, confirmed=wanted, observed=observed, same_instance=True, lease_was_due=False)
    assert found is verdict


def test_a_hand_that_raises_one_and_lowers_another_wins_nobody_anything() -> None:
    """I1: what was raised is put back, what was lowered is kept and held."""
    book = Playbook(a_spec(rings()), Regions(rps=4_000)).run(8)
    assert book.shares() == ["50% of internal"]
    book.world.override = Share(0, (("eu", 100), ("internal", 100)))
    book.run(3)
    assert book.world.override == Share(0, (("internal", 100),))
    assert book.phase == "held"


WRONG: dict[str, Callable[[], object]] = {
    "take nothing back": lambda: replace(
        rings(), stages=(a_stage("a", Share(0, (("eu", 5_000),)), "eu"), a_stage("b", Share(4_000)))
    ),
    "no segment mars": lambda: replace(
        rings(), stages=(a_stage("a", Share(0, (("mars", 5_000),)), "mars"), a_stage("b", Share(9_000)))
    ),
    "every gate compares inside": lambda: replace(rings(), gates=(replace(BY, by=""),)),
    "judged by tier": lambda: replace(rings(), gates=(replace(BY, by="tier"),)),
    "at least one gate needs a limit": lambda: replace(
        rings(), stages=(a_stage("a", Share(0, (("eu", 10_000),)), "eu"), a_stage("b", Share(9_000, (("eu", 10_000),))))
    ),
    "has no segments": lambda: replace(
        rings(), stages=(a_stage("a", Share(100)), a_stage("b", Share(6_000, (("eu", 9_000),)), "eu"))
    ),
    "different shares": lambda: a_stage("x", Share(0, (("eu", 2_000), ("internal", 5_000))), "eu", "internal"),
    "can isolate a segment only": lambda: replace(BY, by="", on_segment=OnSegment.ISOLATE),
}


@pytest.mark.parametrize("message", list(WRONG))
def test_plans_that_cannot_be_judged_are_refused(message: str) -> None:
    """In a sentence, before anything moves."""
    with pytest.raises(BadValue, match=message):
        WRONG[message]()


def test_shares_with_segments_compare_by_what_everybody_has() -> None:
    """At most: nobody has more by it. Two may be neither more nor less; join and meet are their bounds."""
    one, two = Share(100, (("eu", 500),)), Share(200)
    assert not one <= two
    assert not two <= one
    assert one.join(two) == Share(200, (("eu", 500),))
    assert one.meet(two) == Share(100, (("eu", 200),))
    assert Share(600, (("eu", 500),)) == Share(600)
    assert str(one) == "5% of eu and 1% of the rest"
