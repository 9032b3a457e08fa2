"""The report, the measures and the evidence agree with the journal, over rollouts that ended in every way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd import nist
from rolloutd.core import events as ev
from rolloutd.core.checks import Check, CheckFinding, CheckRan
from rolloutd.core.commands import Verb
from rolloutd.core.metrics import BlindReason
from rolloutd.core.state import Rollout
from rolloutd.core.values import Slot
from rolloutd.measures import full_ms, restore_ms, spread, stats_of
from rolloutd.pictures import Audit
from rolloutd.reporting import report_of
from rolloutd.wire_report import Report
from rolloutd.wording import rfc3339
from tests.core.playbook import ADMIN, Playbook, World, a_spec
from tests.core.test_revival import revive


def report(book: Playbook) -> Report:
    """Its page."""
    return report_of(book.lane.rollout, book.journal, book.lane.evidence, [], book.now)


def at(book: Playbook, kind: type) -> list[str]:
    """When events of a kind were recorded."""
    return [rfc3339(row.at.wall_ms) for row in book.journal if isinstance(row.event, kind)]


def harmful() -> Playbook:
    """Ten times the champion's errors, found on the first stage."""
    return Playbook(world=World(rates={"a": 0.01, "b": 0.1})).until("rolled_back", 600)


def test_the_page_of_a_rollout_that_is_done_has_its_ladder_and_its_counts() -> None:
    """Stages with the journal's own times, the gate with the evidence's own sums, every event in its order."""
    book = Playbook().until("done")
    page = report(book)
    assert page.sentence.startswith("v42 serves all traffic of ranker, after ")
    assert [stage.share for stage in page.stages] == [0.01, 0.1, 0.5, 0.9]
    assert [stage.entered_at for stage in page.stages] == at(book, ev.StageEntered)
    sums, (gate,) = book.lane.evidence["errors"].total_sum, page.gates
    assert (gate.challenger_bad, gate.challenger_n) == (sums.challenger_bad, sums.challenger_n)
    assert gate.range is not None
    assert gate.delta is not None
    assert gate.range[0] <= gate.delta <= gate.range[1]
    assert [entry.seq for entry in page.timeline] == [
        row.seq for row in book.journal if not isinstance(row.event, ev.EvidenceSealed)
    ]
    assert (page.way_back, page.overrides, page.incidents) == (None, [], [])
    assert abs(sum(stage.stayed_s for stage in page.stages) - page.lasted_s) < 10


def test_the_way_back_is_told_from_the_decision_to_the_routers_own_zero() -> None:
    """The journal's own moments; how much the challenger served; the highest share that it had."""
    book = harmful()
    page = report(book)
    assert page.way_back is not None
    assert [page.way_back.decided_at] == at(book, ev.RecedeStarted)
    assert page.way_back.zero_at == at(book, ev.TrafficConfirmed)[-1]
    assert page.way_back.requests == book.lane.evidence["errors"].total_sum.challenger_n
    assert "v42 had 1% at most." in page.sentence
    assert page.gates[0].said == "fail"


def test_blindness_pauses_and_overrides_have_their_lengths_and_names() -> None:
    """Blind for some ticks, paused for a minute, promoted past a gate: each with who, why and how long."""
    book = Playbook().run(20)
    book.world.blind = {Slot.A: BlindReason.STALE, Slot.B: BlindReason.STALE}
    book.run(10)
    book.world.blind = {}
    book.run(10)
    book.do(Verb.PAUSE, reason="lunch")
    book.run(60)
    book.do(Verb.RESUME, reason="after lunch, all is well")
    book.run(2)
    asked = {"override": True, "confirm": book.spec.name, "reason": "looked at it by hand"}
    book.do(Verb.PROMOTE, ADMIN, **asked)
    page = report(book.run(2))
    (blind,) = page.incidents
    assert blind.what == "errors: BLIND, nothing goes up"
    assert blind.lasted_s is not None
    assert 5 <= blind.lasted_s <= 12
    (pause,) = page.pauses
    assert (pause.by, pause.why, pause.lasted_s) == ("ops1", "lunch", 60.0)
    (override,) = page.overrides
    assert (override.by, override.why) == ("sr1", "looked at it by hand")


def test_what_never_had_traffic_has_no_figures_that_look_like_some() -> None:
    """Refused by a check: the check is there with what it found, no stage, no rate."""
    book = Playbook(replace(a_spec(), checks=(Check("offline"),))).run(2)
    book.see(CheckRan("offline", CheckFinding(answered=True, passed=False, detail="auc 0.7")))
    page = report(book.run(2))
    assert page.sentence.startswith("v42 never had traffic: check offline did not pass: auc 0.7")
    assert (page.stages, page.gates[0].challenger, page.gates[0].delta) == ([], None, None)
    assert [(check.check, check.passed) for check in page.checks] == [("offline", False)]


def named(book: Playbook, name: str, shift_ms: int = 0) -> Rollout:
    """The same rollout under another name, requested later."""
    rollout = book.lane.rollout
    requested = rollout.requested_at.plus_ms(shift_ms)
    return replace(rollout, spec=replace(rollout.spec, name=name), requested_at=requested)


def test_the_measures_of_a_quarter() -> None:
    """Two done, one back by harm whose version came later after all, one aborted, one taken back after it was done."""
    done, back = Playbook().until("done"), harmful()
    aborted = Playbook().run(30)
    aborted.do(Verb.ABORT)
    taken = Playbook().until("done")
    revive(taken, Verb.ROLLBACK)
    taken.run(5)
    assert taken.phase == "rolled_back"
    everybody = [
        named(back, "back"),
        named(done, "done", 1),
        named(done, "done2", 2),
        named(aborted, "aborted"),
        named(taken, "taken"),
    ]
    known = {"done": done.lane.evidence, "back": back.lane.evidence}
    now = taken.now
    found = stats_of(everybody, known, now.wall_ms - 7 * 86_400_000, now)
    assert (found.requested, found.done, found.rolled_back, found.aborted, found.live) == (5, 2, 2, 1, 0)
    assert (found.failed, found.change_fail_rate, found.a_week) == (3, 0.6, 5.0)
    assert found.to_full.count == 3
    assert found.to_full.p90_s == (full_ms(taken.lane.rollout) or 0) / 1000
    assert found.lead_time.count == 2
    assert found.to_restore.count == 3
    (gate,) = found.gates
    assert (gate.went_back, gate.taken_for_false, gate.missed) == (1, 1, 1)
    (route,) = found.uptime
    total, bad = done.lane.evidence["errors"].total_sum, back.lane.evidence["errors"].total_sum
    assert route.requests == sum(one.champion_n + one.challenger_n for one in (total, bad))
    assert route.good is not None
    assert 0.98 < route.good < 1
    assert found.counted == 2
    assert (found.affected.rollouts, found.affected.counted) == (3, 1)
    assert found.affected.requests == bad.challenger_n
    more = bad.challenger_bad - bad.challenger_n * bad.champion_bad / bad.champion_n
    assert found.affected.more_bad == round(more) > 0
    assert gate.unseen is not None
    assert (gate.unseen.rollouts, gate.unseen.requests) == (1, total.challenger_n)
    assert 0 < gate.unseen.half == gate.unseen.worst < 0.02
    assert found.two_versions_h > 0


@pytest.mark.parametrize(("of_order", "affected"), [(False, 1), (True, 0)])
def test_labels_are_no_errors_and_pairs_in_order_no_requests(of_order: bool, affected: int) -> None:
    """A gate on labels says nothing of how much of a route's traffic was served; a pair of two scores is no request."""
    back = harmful()
    rollout, (gate,) = back.lane.rollout, back.spec.plan.gates
    gate = replace(gate, template=replace(gate.template, ripe_ms=1_000, of_order=of_order))
    rollout = replace(rollout, spec=replace(rollout.spec, plan=replace(rollout.spec.plan, gates=(gate,))))
    found = stats_of([rollout], {rollout.name: back.lane.evidence}, 0, back.now)
    assert found.uptime == []
    assert found.affected.counted == affected


def test_the_time_to_restore_is_the_journals() -> None:
    """From the event of the decision to the read-back of zero; nothing where it never went back."""
    back = harmful()
    begun = next(row.at.clock_ms for row in back.journal if isinstance(row.event, ev.RecedeStarted))
    zero = [row.at.clock_ms for row in back.journal if isinstance(row.event, ev.TrafficConfirmed)][-1]
    assert restore_ms(back.lane.rollout) == zero - begun
    assert restore_ms(Playbook().until("done").lane.rollout) is None
    assert spread([]).p50_s is None
    assert (spread([1000, 2000, 9000]).p50_s, spread([1000, 2000, 9000]).p90_s) == (2.0, 9.0)


def evidence(book: Playbook, ok: bool | None = True) -> dict[str, tuple[bool, str]]:
    """The framework's rows by subcategory."""
    audit = Audit(ok=ok, checked=9, verified_at="2026-01-02T03:13:00Z", head_seq=9, head_hash="00")
    found = nist.evidence_of(nist.Case(book.lane.rollout, tuple(book.journal), report(book), audit))
    return {row.subcategory: (row.evidenced, row.evidence) for row in found.rows}


def test_the_framework_is_evidenced_by_what_happened_and_by_nothing_else() -> None:
    """A rollback evidences that it fails safely, a rollout to its end does not; what nobody recorded is said so."""
    back, done = evidence(harmful()), evidence(Playbook().until("done"))
    assert back["MEASURE 2.6"][0]
    assert done["MEASURE 2.6"] == (False, "not evidenced: it never had to go back")
    assert done["MEASURE 3.1"][0]
    assert back["MEASURE 3.1"][1] == "not evidenced: it did not come to its watch"
    for never in ("GOVERN 1.7", "MEASURE 2.11", "MEASURE 2.12", "MANAGE 3.2"):
        assert not done[never][0], never
    assert not evidence(harmful(), ok=False)["MEASURE 2.8"][0]
    assert not evidence(harmful(), ok=None)["MEASURE 2.8"][0]
    assert back["MANAGE 1.1"][1].startswith("all traffic went back to v41")
