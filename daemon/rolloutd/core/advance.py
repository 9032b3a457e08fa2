"""What follows from a picture of the world, without anybody asking: events for one rollout, computed from values.

Harm outranks everything but a person's abort; what the router shows outranks what we believe; going up comes last and
only when nothing at all stands against it. The loop calls this until it answers nothing.
"""

from __future__ import annotations

from rolloutd.core import events as ev
from rolloutd.core import isolating, mirroring
from rolloutd.core.blockers import FREEZE, STAFFED, BlockerKind, Picture, blockers, too_soon
from rolloutd.core.phases import Phase
from rolloutd.core.plan import OnFail, OnUndecided
from rolloutd.core.reconcile import RouteVerdict, observed_share, route_verdict
from rolloutd.core.smoke import failure
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO, format_duration
from rolloutd.core.verdict import GateVerdict

Events = tuple[ev.Event, ...]
NOTHING: Events = ()
_BEFORE_TRAFFIC = frozenset(
    {
        BlockerKind.ROUTER,
        BlockerKind.CHAMPION,
        BlockerKind.CHALLENGER,
        BlockerKind.POLICY,
        BlockerKind.STAFFED,
        BlockerKind.GATE_BLIND,
    }
)


def advance(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """The next events, or none. Each call handles the most urgent matter only; call again after evolving."""
    if not rollout.live or rollout.champion_slot is None:
        return NOTHING
    for matter in (
        _doubt,
        _mirror,
        _route,
        isolating.shown,
        _obedience,
        _harm,
        _artefact,
        _smoke,
        _suspicion,
        _speech,
        _blindness,
        _end_of_recede,
        _end_of_finish,
        _undecided,
        _climb,
    ):
        events = matter(rollout, pic, now_ms)
        if events:
            return events
    return NOTHING


def _doubt(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """A host that slept, or a process that was stopped, knows nothing of the time between: a fresh look is due."""
    slept_ms = pic.seen.overslept_ms
    return (ev.WindowRestarted(f"nobody looked for {format_duration(slept_ms)}"),) if slept_ms else NOTHING


def _route(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """What the router shows, told apart by reconcile.judge_route."""
    traffic, seen = rollout.traffic, pic.seen
    observed, route = observed_share(rollout, seen), seen.route
    if observed is None or route is None or rollout.phase is Phase.FINISHING:
        return NOTHING
    if rollout.phase is Phase.RECEDING and route.base is not rollout.champion_slot:
        return NOTHING  # the base is still the challenger's; pending asks for the champion's first
    verdict = route_verdict(rollout, seen, now_ms)
    if verdict is RouteVerdict.CONFIRMS:
        took_ms = 0 if traffic.wanted_at is None else max(0, now_ms - traffic.wanted_at.clock_ms)
        return (ev.TrafficConfirmed(observed, route.instance, took_ms),)
    # An engine that kept its share over a restart: who lowers it from now on lowers it on this instance, by hand.
    kept = verdict is RouteVerdict.AGREES and observed > ZERO and traffic.engine_instance not in ("", route.instance)
    if verdict is RouteVerdict.RESTARTED or kept:
        return (ev.RouterRestarted(observed, route.instance), ev.WindowRestarted("the router restarted"))
    if verdict is RouteVerdict.LAPSED:
        why = "the lease ran out while nobody renewed it; the router gave the traffic back to the champion"
        return _stand_still(ev.LeaseLapsed(traffic.confirmed, observed), ev.HoldCause.LAPSE, why, rollout)
    if verdict is RouteVerdict.LOWERED:
        why = f"somebody lowered the share to {observed} outside of rolloutd; it is kept"
        return _stand_still(ev.DriftSeen(traffic.confirmed, observed), ev.HoldCause.DRIFT, why, rollout)
    if verdict is RouteVerdict.RAISED and not observed >= traffic.wanted:
        why = f"somebody set the share to {observed} outside of rolloutd; what that lowers is kept"
        return _stand_still(ev.DriftSeen(traffic.wanted, observed), ev.HoldCause.DRIFT, why, rollout)
    if verdict is RouteVerdict.RAISED and traffic.drift != observed:
        return (ev.DriftSeen(traffic.wanted, observed), ev.WindowRestarted("somebody raised the share by hand"))
    begins = _begins_without_traffic(rollout)
    if verdict is RouteVerdict.AGREES and (traffic.drift is not None or traffic.asked > ZERO or begins):
        return (ev.TrafficConfirmed(observed, route.instance),)
    return NOTHING


def _begins_without_traffic(rollout: Rollout) -> bool:
    """Whether this is a stage of 0% whose clock does not run yet; a shadow's waits for its mirror."""
    visit, stage = rollout.visit, rollout.stage
    if visit is None or visit.confirmed_at is not None or stage.share != ZERO:
        return False
    return rollout.mirror.settled and rollout.mirror.wanted == stage.mirror


def _mirror(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """What the router's mirror says."""
    return mirroring.follows(rollout, pic.seen, now_ms)


def _stand_still(fact: ev.Event, cause: ev.HoldCause, why: str, rollout: Rollout) -> Events:
    """Record a lower share, keep it, and wait for a person; a rollout that goes back just goes on going back."""
    if rollout.phase is Phase.RECEDING:
        return (fact,)
    return (fact, ev.RolloutHeld(cause, why), ev.WindowRestarted(why))


def _obedience(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """More than two ticks of asking in vain is said once."""
    traffic, since = rollout.traffic, pic.seen.differs_since_ms
    if since is None or traffic.not_obeyed or now_ms - since <= 2 * rollout.spec.plan.timing.tick_ms:
        return NOTHING
    shown = observed_share(rollout, pic.seen)
    detail = pic.seen.route_error or f"asked {traffic.wanted}, the router shows {shown}"
    if not pic.seen.route_error and mirroring.disagrees(rollout, pic.seen):
        mirrored = mirroring.observed_mirror(rollout, pic.seen)
        detail = f"asked to mirror {rollout.mirror.wanted}, the router mirrors {mirrored or 'nothing'}"
    return (ev.TrafficNotObeyed(traffic.wanted, shown, detail),)


def _harm(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """A gate that reached the line: go back, or hold and ask where the plan or an outside trouble says so."""
    fired = pic.judgement.fired
    if rollout.phase in (Phase.RECEDING, Phase.PREFLIGHT) or not rollout.visits:
        return NOTHING
    outside = pic.judgement.both_over_limit
    if outside is not None and not _already_held(rollout, outside):
        why = f"{outside}: champion and challenger are both over the limit; this is not the challenger's doing alone"
        return (_said(fired, outside, why), ev.RolloutHeld(ev.HoldCause.CHAMPION, why)) if _can_hold(rollout) else ()
    if fired is None:
        return NOTHING
    why = _harm_sentence(rollout, pic)
    if fired.gate.on_fail is OnFail.HOLD:
        if _already_held(rollout, fired.gate.metric) or not _can_hold(rollout):
            return NOTHING
        return (_said(fired, fired.gate.metric, why), ev.RolloutHeld(ev.HoldCause.GATE, why))
    one = isolating.by_harm(rollout, fired, why)
    if one is not None and _can_hold(rollout):
        return (_said(fired, fired.gate.metric, why), one)
    basis = ev.Basis(ev.BasisKind.HARM, why)
    start = ev.RecedeStarted(ev.RecedeCause.HARM, why, fired.gate.metric)
    return (_said(fired, fired.gate.metric, why), start, *to_zero(rollout, basis))


def _artefact(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """The challenger's server says that it serves something else than what was checked: it goes back."""
    served = None if rollout.challenger_slot is None else pic.seen.slot(rollout.challenger_slot)
    said = served.health.artefact if served is not None and served.health.up else None
    live = (Phase.RUNNING, Phase.ASKING, Phase.HELD, Phase.WATCHING, Phase.FINISHING)
    if not rollout.artefact or said in (None, rollout.artefact) or rollout.phase not in live or not rollout.visits:
        return NOTHING
    why = f"the challenger serves artefact {said}, and {rollout.artefact} was checked before the start"
    return (ev.RecedeStarted(ev.RecedeCause.HARM, why), *to_zero(rollout, ev.Basis(ev.BasisKind.HARM, why)))


def _smoke(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """A preview whose smoke probes are wrong ends there: nobody was served by it."""
    why = failure(rollout, pic.seen)
    if why is None or rollout.phase not in (Phase.RUNNING, Phase.ASKING, Phase.HELD):
        return NOTHING
    return (ev.RecedeStarted(ev.RecedeCause.HARM, why),)  # a preview has neither share nor copies to be taken back


def _suspicion(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """The split or the champion itself is not as it should be: stand still and say so; no version is blamed."""
    if rollout.phase not in (Phase.RUNNING, Phase.ASKING, Phase.WATCHING) or not rollout.visits:
        return NOTHING
    outside, split = pic.judgement.outside, pic.judgement.split
    if outside is not None:
        return (ev.RolloutHeld(ev.HoldCause.CHAMPION, outside.sentence),)
    if split is not None and split.strays and rollout.traffic.settled:
        return (ev.RolloutHeld(ev.HoldCause.RATIO, split.sentence),)
    return NOTHING


def _said(fired: GateVerdict | None, metric: str, why: str) -> ev.VerdictReached:
    if fired is None:
        return ev.VerdictReached(metric, "fail", 0.0, 0.0, why)
    return ev.VerdictReached(metric, "fail", fired.log_e_harm, fired.log_e_safe, why)


def _already_held(rollout: Rollout, metric: str) -> bool:
    """Whether this gate's word was already taken up on this stage: a hold, or a person who passed it by."""
    return (metric, "fail") in rollout.said


def _can_hold(rollout: Rollout) -> bool:
    return rollout.phase in (Phase.RUNNING, Phase.ASKING, Phase.WATCHING, Phase.HELD)


def _harm_sentence(rollout: Rollout, pic: Picture) -> str:
    fired = pic.judgement.fired
    assert fired is not None
    known = pic.evidence[fired.gate.metric]
    sums, where = known.total_sum, ""
    if fired.segment and known.by is not None:
        sums, where = known.by.counted(fired.segment), f" in {known.by.segments.label}={fired.segment}"
    odds = f"evidence e^{pic.judgement.log_e_harm:.2f}, line {1 / rollout.spec.plan.alpha:g}"
    if known.drift is not None:
        return f"{fired.gate.metric} shows harm: {known.drift.harm_words(fired.gate.template)}; {odds}"
    if known.averages is not None:
        return f"{fired.gate.metric} shows harm: {known.averages.words}; {odds}"
    return (
        f"{fired.gate.metric} shows harm{where}: challenger {sums.challenger_bad} of {sums.challenger_n}, "
        f"champion {sums.champion_bad} of {sums.champion_n}; {odds}"
    )


def to_zero(rollout: Rollout, basis: ev.Basis) -> Events:
    """No share and no copies for the challenger from now on."""
    wanted = rollout.traffic.wanted
    share = () if wanted == ZERO else (ev.TrafficWanted(ZERO, wanted, basis),)
    return (*share, *mirroring.wanting(rollout, ZERO, basis))


def _speech(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """Say once when a gate's verdict changes between pass and collecting (fail and blind have their own events)."""
    visit = rollout.visit
    if rollout.phase not in (Phase.RUNNING, Phase.WATCHING) or visit is None or visit.confirmed_at is None:
        return NOTHING  # before its share stands, a stage has no evidence of its own to speak of
    said = dict(rollout.said)
    for gate in pic.judgement.gates:
        word = gate.verdict.value
        if word == "pass" and said.get(gate.gate.metric) != word:
            detail = f"{gate.gate.metric} is shown to stay within its margin"
            return (ev.VerdictReached(gate.gate.metric, word, gate.log_e_harm, gate.log_e_safe, detail),)
    return NOTHING


def _blindness(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """Blind for blind_hold ticks is recorded, for blind_recede ticks goes back; sight that returns is recorded too.

    What a gate had shown before it saw nothing is no pass for what it sees now: a fresh look is due first (I3, I8).
    """
    if rollout.phase in (Phase.RECEDING, Phase.FINISHING) or not rollout.exposed:
        return NOTHING
    timing = rollout.spec.plan.timing
    known = dict(rollout.blind)
    blind = {g.gate.metric: g for g in pic.judgement.blind}
    back = next((metric for metric in known if metric not in blind), None)
    if back is not None:
        return (ev.BlindnessEnded(back), ev.WindowRestarted(f"{back} had no usable data"))
    for metric, gate in blind.items():
        assert gate.blind is not None
        if metric not in known and gate.blind_for_ms >= timing.blind_hold_ticks * timing.tick_ms:
            return (ev.BlindnessBegan(metric, gate.blind.reason.value, gate.blind.detail),)
        if gate.blind_for_ms >= timing.blind_recede_ticks * timing.tick_ms:
            why = f"{metric} had no usable data for {format_duration(gate.blind_for_ms)}: {gate.blind.detail}"
            basis = ev.Basis(ev.BasisKind.BLINDNESS, why)
            return (ev.RecedeStarted(ev.RecedeCause.BLINDNESS, why, metric), *to_zero(rollout, basis))
    return NOTHING


def _end_of_recede(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """The router showed zero: a person's abort ends aborted, harm ends rolled back, blindness waits at zero."""
    recede, traffic = rollout.recede, rollout.traffic
    if rollout.phase is not Phase.RECEDING or recede is None:
        return NOTHING
    if traffic.wanted != ZERO or rollout.mirror.wanted != ZERO:
        return to_zero(rollout, ev.Basis(ev.BasisKind.HARM, recede.reason))
    route = pic.seen.route
    at_zero = observed_share(rollout, pic.seen) == ZERO and not rollout.exposed
    if route is None or not at_zero or route.base is not rollout.champion_slot:
        return NOTHING
    if rollout.base_moved and rollout.champion_slot is not None:
        return (ev.BaseConfirmed(rollout.champion_slot, None),)
    if isolating.still_off(rollout, pic) and recede.cause is not ev.RecedeCause.BLINDNESS:
        return NOTHING
    if recede.cause is ev.RecedeCause.BLINDNESS:
        return (ev.RolloutHeld(ev.HoldCause.BLINDNESS, recede.reason), ev.WindowRestarted("blindness"))
    person = recede.cause is ev.RecedeCause.PERSON
    return (ev.RolloutEnded(ev.Outcome.ABORTED if person else ev.Outcome.ROLLED_BACK, recede.reason),)


def _end_of_finish(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """Base read back and its server's version as promised, override gone: done."""
    if rollout.phase is not Phase.FINISHING:
        return NOTHING
    route, challenger = pic.seen.route, rollout.challenger_slot
    if route is None or challenger is None or route.base is not challenger:
        return NOTHING
    served = pic.seen.slot(challenger)
    if served is None or not served.health.up:
        return NOTHING
    if served.health.version not in (None, rollout.spec.challenger):
        why = f"slot {challenger.value} serves {served.health.version}, not {rollout.spec.challenger}"
        basis = ev.Basis(ev.BasisKind.HARM, why)
        return (ev.RecedeStarted(ev.RecedeCause.HARM, why), *to_zero(rollout, basis))
    if not rollout.base_moved:
        return (ev.BaseConfirmed(challenger, served.health.version),)
    if route.override_slot is not None:
        return NOTHING
    reason = f"{rollout.spec.challenger} serves all traffic of {rollout.spec.route}"
    return (ev.RolloutEnded(ev.Outcome.DONE, reason),)


def _undecided(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """The stage's maximum time is over and something still blocks: do what the plan says."""
    deadline = rollout.stage_deadline_ms
    if rollout.phase not in (Phase.RUNNING, Phase.WATCHING) or deadline is None or now_ms < deadline:
        return NOTHING
    if pic.seen.rules.fleet_hold:
        return NOTHING  # a stage is not given up because the fleet stands still
    found = (b for b in blockers(rollout, pic, now_ms) if b.kind is not BlockerKind.APPROVAL)
    against = [
        b.sentence for b in found if b.what not in (FREEZE, STAFFED)
    ]  # nor because of a freeze or the night; what is undecided is, in them too
    if not against:
        return NOTHING
    why = f"stage {rollout.stage.name} is undecided after {format_duration(rollout.stage.max_time_ms)}: {against[0]}"
    if rollout.stage.on_undecided is OnUndecided.ROLLBACK:
        basis = ev.Basis(ev.BasisKind.LIMIT, why)
        return (ev.RecedeStarted(ev.RecedeCause.UNDECIDED, why), *to_zero(rollout, basis))
    visit = rollout.visit
    first_time = (
        visit is not None
        and visit.confirmed_at is not None
        and (deadline == visit.confirmed_at.clock_ms + rollout.stage.max_time_ms)
    )
    if rollout.stage.on_undecided is OnUndecided.EXTEND and first_time:
        return (ev.StageExtended(now_ms + rollout.stage.max_time_ms),)
    return (ev.PersonAsked(ev.Question.UNDECIDED, why),)


def _climb(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """Nothing stands against it: the next stage, or after the watch the end."""
    if rollout.phase is Phase.RUNNING and not rollout.visits:
        if not _checks_hold(rollout, pic, now_ms):
            return NOTHING
        return enter(rollout, 0, ev.Basis(ev.BasisKind.VERDICT, "all checks before traffic passed"))
    if rollout.phase not in (Phase.RUNNING, Phase.WATCHING) or not rollout.traffic.settled:
        return NOTHING
    if rollout.traffic.wanted != rollout.stage.share or rollout.mirror.confirmed != rollout.stage.mirror:
        return NOTHING
    if too_soon(rollout, now_ms):  # known without a word on anything else, which every tick would make in vain
        return NOTHING
    against = blockers(rollout, pic, now_ms)
    if [b.kind for b in against] == [BlockerKind.APPROVAL]:
        detail = f"stage {rollout.stage.name} passed all its gates and waits for approval"
        return (ev.PersonAsked(ev.Question.APPROVAL, detail),)
    if against:
        return NOTHING
    return up(rollout, ev.Basis(ev.BasisKind.VERDICT, f"all gates of {rollout.stage.name} passed and its time is over"))


def _checks_hold(rollout: Rollout, pic: Picture, now_ms: int) -> bool:
    """Whether the checks before traffic hold now, as this process saw it: those recorded may be an earlier one's."""
    own = all((known.fresh_at_ms or 0) >= pic.seen.watching_from_ms for known in pic.evidence.values())
    return own and all(blocker.kind not in _BEFORE_TRAFFIC for blocker in blockers(rollout, pic, now_ms))


def up(rollout: Rollout, basis: ev.Basis) -> Events:
    """One step up on this basis: the next stage, or from the watch the end."""
    if rollout.on_last_stage:
        return (ev.FinishStarted(basis),)
    return enter(rollout, rollout.stage_index + 1, basis)


def enter(rollout: Rollout, index: int, basis: ev.Basis) -> Events:
    """Enter a stage and want its share."""
    stage = rollout.spec.plan.stages[index]
    entered = (ev.StageEntered(index), *mirroring.wanting(rollout, stage.mirror, basis))
    if stage.share == rollout.traffic.wanted:  # a preview moves nothing, so there is nothing to ask the router for
        return entered
    return (*entered, ev.TrafficWanted(stage.share, rollout.traffic.wanted, basis))
