"""A shadow stage in a world of values: copies are judged on pairs, the verdict lets the same rollout go on or back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.blockers import BlockerKind, blockers
from rolloutd.core.commands import Refused, Verb
from rolloutd.core.evidence import GateEvidence, absorb
from rolloutd.core.fold import LawBroken, evolve
from rolloutd.core.metrics import Answer, BlindReason, Counted, GateKind, MetricTemplate, Point, Selector
from rolloutd.core.plan import Gate, Plan, Smoke, Stage
from rolloutd.core.reconcile import check_invariants
from rolloutd.core.setting import Setting
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import FULL, ZERO, BadValue, Share, Slot
from rolloutd.core.verdict import Verdict
from tests.core.playbook import ADMIN, Playbook, World, a_gate, a_plan, a_spec

SHADOW = Stage("shadow", ZERO, 10_000, 600_000, min_ticks=5, mirror=FULL)
REASON = "looked at by hand, fine"


def pair_gate(kind: GateKind, **changes: object) -> Gate:
    """A gate on pairs of this kind."""
    template = MetricTemplate(kind.value, kind, "arm", Selector("pairs"), bad=Selector("bad"))
    limit = None if kind is GateKind.PAIRED else 0.05
    made = Gate(kind.value, "log", template, 2_000, 1_000, Margin.difference(0), Margin.difference(0.02), limit)
    return replace(made, **changes)  # type: ignore[arg-type]


AGREEMENT, PAIRED, COVERAGE = (pair_gate(kind) for kind in (GateKind.AGREEMENT, GateKind.PAIRED, GateKind.COVERAGE))


def shadowed(*gates: Gate, mirror: Share = FULL) -> Plan:
    """A shadow, then the usual canary."""
    plan = a_plan("10%", "50%", "90%")
    stages = (replace(SHADOW, mirror=mirror), *plan.stages)
    return replace(plan, stages=stages, gates=(a_gate(), *(gates or (AGREEMENT, PAIRED, COVERAGE))))


def book(*gates: Gate, mirror: Share = FULL, world: World | None = None) -> Playbook:
    """A rollout of it."""
    return Playbook(a_spec(shadowed(*gates, mirror=mirror)), world)


def verdicts(of: Playbook) -> dict[str, Verdict]:
    """What each gate says now."""
    return {v.gate.metric: v.verdict for v in of.lane.picture(of.now.clock_ms).judgement.gates}


def mirrors(of: Playbook) -> list[str]:
    """Every confirmed mirror in order."""
    return [str(row.event.share) for row in of.journal if isinstance(row.event, ev.MirrorConfirmed)]


def test_the_verdict_of_the_shadow_hands_over_to_the_canary() -> None:
    """I1, I4: nobody is served before the pairs speak; the copies end first; then the same rollout goes on."""
    done = book().until("done")
    assert done.shares() == ["0%", "10%", "50%", "90%"]
    assert mirrors(done) == ["100%", "0%"]
    names = done.said()
    on, off = (i for i, name in enumerate(names) if name == "MirrorConfirmed")
    first = next(i for i, row in enumerate(done.journal) if row.event == ev.TrafficConfirmed(Share(1_000), "1", 0))
    assert names.index("MirrorWanted") < on < off < first
    wanted = [row.event for row in done.journal if isinstance(row.event, ev.MirrorWanted)]
    assert [event.basis.kind for event in wanted] == [ev.BasisKind.VERDICT, ev.BasisKind.VERDICT]


def test_the_clock_of_the_shadow_runs_from_the_confirmed_mirror() -> None:
    """I5: a mirror that the router does not take over is asked for, said once, and counts no time."""
    waiting = book(world=World(obeys_mirror=False)).run(30)
    visit = waiting.lane.rollout.visit
    assert visit is not None
    assert visit.confirmed_at is None
    assert waiting.said().count("TrafficNotObeyed") == 1
    waiting.world.obeys_mirror = True
    assert waiting.until("done").shares()[0] == "0%"


@pytest.mark.parametrize(
    ("gate", "how", "rate"),
    [(AGREEMENT, "differ", 0.2), (PAIRED, "lost_alone", 0.2), (COVERAGE, "lost", 0.4)],
)
def test_each_gate_on_pairs_takes_it_back_before_anybody_was_served(gate: Gate, how: str, rate: float) -> None:
    """Harm on pairs ends the rollout at a share of zero, with the copies off, and the metric is named."""
    back = book(gate)
    setattr(back.world, how, rate)
    back.until("rolled_back", 200)
    assert back.shares() == ["0%"]
    assert mirrors(back) == ["100%", "0%"]
    assert back.world.mirror == ZERO
    assert back.lane.rollout.end is not None
    assert gate.metric in back.lane.rollout.end.reason


def test_plain_gates_judge_the_copies_too() -> None:
    """Counters count copies as requests: a challenger that fails them is found without a single pair."""
    broken = book()
    broken.world.rates["b"] = 0.6
    broken.until("rolled_back", 60)
    assert broken.shares() == ["0%"]


@pytest.mark.parametrize("mirror", [Share(1_000), Share(5_000)])
def test_coverage_reckons_with_what_is_not_mirrored(mirror: Share) -> None:
    """With a tenth mirrored nine of ten requests have no pair by plan, and that is no loss."""
    assert book(COVERAGE, mirror=mirror).until("done").shares() == ["0%", "10%", "50%", "90%"]


def test_requests_from_before_the_mirror_are_no_loss() -> None:
    """I3: they have no pair and are given up a window after they came; only what comes after that counts."""
    plan, setting = shadowed(COVERAGE), Setting(0, 1_000, "a", "b", ZERO, warm_up=False, mirror=FULL)
    known = GateEvidence.start(plan, COVERAGE).on_stage(COVERAGE, later=False)
    seconds = [(100, 0), (150, 50), (200, 100), (250, 150), (1_250, 150), (2_250, 150)]
    for second, (due, lost) in enumerate(seconds):
        at_ms = 1_000 * second
        counted = Counted((Point("due", float(due), at_ms),), (Point("lost", float(lost), at_ms),))
        answer = Answer(at_ms, {"a": counted, "b": counted})
        known = absorb(known, COVERAGE, answer, replace(setting, now_ms=at_ms))
    assert (known.stage_sum.champion_n, known.stage_sum.champion_bad) == (2_000, 0)


def test_without_pairs_the_gates_are_blind_and_nothing_goes_up() -> None:
    """I3: copies whose answers are not logged are no data; after blind_recede the mirror ends, a person is asked."""
    blind = book()
    blind.world.lost = 1.0
    blind.run(8)
    assert BlockerKind.GATE_BLIND in {
        b.kind for b in blockers(blind.lane.rollout, blind.lane.picture(blind.now.clock_ms), blind.now.clock_ms)
    }
    # Never a pair at all: the source shows no series, which under a mirror is blindness.
    assert verdicts(blind)["agreement"] is Verdict.BLIND
    blind.until("held", 60)
    assert blind.world.mirror == ZERO
    assert blind.shares() == ["0%"]
    blind.world.lost = 0.0
    blind.run(2)
    assert not isinstance(blind.do(Verb.RESUME, ADMIN, reason=REASON), Refused)
    assert blind.until("done").shares() == ["0%", "10%", "50%", "90%"]
    assert mirrors(blind) == ["100%", "0%", "100%", "0%"]


def test_gates_on_pairs_rest_while_nothing_is_mirrored() -> None:
    """On the canary they are not checked, block nothing and blind nothing, also when their source is gone."""
    later = book().until("running")
    while later.shares() != ["0%", "10%"]:
        later.run(1)
    later.world.blind_metrics = dict.fromkeys(("agreement", "paired", "coverage"), BlindReason.UNREACHABLE)
    later.run(5)
    assert verdicts(later) == {
        "errors": Verdict.COLLECTING,
        "agreement": Verdict.NOT_CHECKED,
        "paired": Verdict.NOT_CHECKED,
        "coverage": Verdict.NOT_CHECKED,
    }
    later.until("done")
    assert "BlindnessBegan" not in later.said()


def test_a_source_that_cannot_be_read_fails_the_checks_before() -> None:
    """No pair yet is fine before the mirror is on; a log that cannot be read is not."""
    refused = book(world=World(blind_metrics={"agreement": BlindReason.UNREACHABLE})).run(15)
    assert refused.phase == "refused"
    assert "metric agreement cannot be read" in refused.lane.rollout.refusals[0]


@pytest.mark.parametrize("mirror", [None, Share(500)])
def test_a_route_that_cannot_mirror_or_does_already_is_refused(mirror: Share | None) -> None:
    """In a sentence, before anything is asked of the router."""
    refused = book(world=World(mirror=mirror)).run(2)
    assert refused.phase == "refused"
    said = " ".join(refused.lane.rollout.refusals)
    assert ("cannot mirror" if mirror is None else "are mirrored already") in said


@pytest.mark.parametrize("seconds", [1, 2, 3, 9])
def test_abort_ends_the_copies_from_every_place(seconds: int) -> None:
    """I2: the share is zero all the time; the end waits until the router shows that nothing is copied."""
    gone = book().run(seconds)
    gone.do(Verb.ABORT, revision=None)
    gone.run(2)
    assert gone.phase == "aborted"
    assert gone.world.mirror == ZERO
    assert gone.world.override == ZERO


def test_an_abort_does_not_end_while_the_router_goes_on_copying() -> None:
    """I5: done means read back, for copies as for shares."""
    gone = book().run(9)
    gone.world.obeys_mirror = False
    gone.do(Verb.ABORT, revision=None)
    gone.run(5)
    assert gone.phase == "receding"
    gone.world.obeys_mirror = True
    gone.run(2)
    assert gone.phase == "aborted"


def test_a_hand_that_switches_the_mirror_off_is_obeyed_and_asked_about() -> None:
    """I8: lower than recorded is kept; a person's resume asks the router again."""
    off = book().run(9)
    off.world.mirror = ZERO
    off.run(2)
    assert off.phase == "held"
    assert off.world.mirror == ZERO
    assert off.lane.rollout.hold is not None
    assert "lowered the mirrored part" in off.lane.rollout.hold.reason
    off.do(Verb.RESUME, ADMIN, reason=REASON)
    assert off.world.mirror == FULL


@pytest.mark.parametrize(("mirror", "slot"), [(Share(2_000), Slot.B), (FULL, Slot.A)])
def test_a_mirror_that_nobody_here_asked_for_is_ended(mirror: Share, slot: Slot) -> None:
    """I1: on the canary a hand's mirror would double the challenger's requests; it is off within a tick."""
    later = book()
    while later.shares() != ["0%", "10%"]:
        later.run(1)
    later.world.mirror, later.world.mirror_slot = mirror, slot
    later.run(2)
    assert later.world.mirror == ZERO
    assert later.phase == "running"


def test_a_kill_at_any_place_leaves_no_copies_behind_an_end() -> None:
    """I5, I6: whatever step is cut off, the next process goes on to the same end."""
    killed: list[Playbook] = []
    whole = book()
    whole.watch = lambda found: killed.append(found.snapshot())
    while whole.shares() != ["0%", "10%"]:
        whole.run(1)
    whole.watch = None
    for other in killed[::7]:
        assert check_invariants(other.lane.rollout) == ()
        other.do(Verb.ABORT, revision=None)
        other.until("aborted", 20)
        assert other.world.mirror == ZERO


def test_the_laws_hold_for_copies() -> None:
    """I4: no growth without a verdict or a person, none beyond the stage, no confirmation of what is not wanted."""
    at = book().run(2)
    rollout = at.lane.rollout
    basis = ev.Basis(ev.BasisKind.VERDICT, "passed")

    def told(event: ev.Event) -> None:
        evolve(rollout, ev.Recorded(0, rollout.name, rollout.version + 1, at.now, ADMIN, 1, event))

    wanted = rollout.mirror.wanted
    assert wanted == FULL
    told(ev.MirrorWanted(ZERO, FULL, basis))
    for event in (
        ev.MirrorWanted(FULL, ZERO, basis),
        ev.MirrorConfirmed(Share(1), "1"),
        ev.RolloutEnded(ev.Outcome.ABORTED, "no"),
    ):
        with pytest.raises((LawBroken, ValueError)):
            told(event)
    rollout = replace(rollout, mirror=replace(rollout.mirror, wanted=ZERO))
    with pytest.raises(LawBroken, match="on the ground of harm"):
        told(ev.MirrorWanted(FULL, ZERO, ev.Basis(ev.BasisKind.HARM, "no")))
    rollout = replace(rollout, spec=a_spec(shadowed(mirror=Share(100))))
    with pytest.raises(LawBroken, match="mirrors 1%, not 100%"):
        told(ev.MirrorWanted(FULL, ZERO, basis))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: replace(SHADOW, share=Share(100)), "neither a share nor smoke"),
        (lambda: replace(SHADOW, smoke=(Smoke("ready"),)), "neither a share nor smoke"),
        (lambda: replace(a_plan(), gates=(a_gate(), AGREEMENT)), "would never speak"),
        (lambda: replace(shadowed(), gates=(AGREEMENT,)), "live traffic needs a gate too"),
        (lambda: replace(AGREEMENT, limit=None), "needs a limit"),
        (lambda: replace(PAIRED, limit=0.1), "has no limit"),
        (lambda: replace(PAIRED, harm=Margin.ratio(1.5)), "are differences"),
        (lambda: replace(shadowed(), stages=(SHADOW, SHADOW, *a_plan().stages)), "must grow"),
    ],
)
def test_a_shadow_that_is_none_is_refused(make: object, said: str) -> None:
    """What would never speak, or speak of something else, is no plan."""
    assert callable(make)
    with pytest.raises(BadValue, match=said):
        make()
