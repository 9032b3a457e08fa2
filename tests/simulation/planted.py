"""Bugs to plant in the real daemon: each puts a plausible mistake in the place of one real function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from rolloutd import unrecorded
from rolloutd.core import advance, counting, decide, evidence, reconcile, verdict
from rolloutd.core import events as ev
from rolloutd.core.blockers import Picture
from rolloutd.core.counting import ArmCounters, ArmDelta
from rolloutd.core.effects import Effect, RenewLease, RouteSeen, SetTraffic
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.lane import Lane
from rolloutd.core.metrics import Answer, ArmReading, Counted, Point, Unreadable
from rolloutd.core.observed import RouteReading, Seen
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Gate
from rolloutd.core.reconcile import RouteVerdict
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO
from rolloutd.core.verdict import GateVerdict, Judgement, Verdict
from rolloutd.hands import Hands, Write
from rolloutd.keeper import EvidenceKeeper
from rolloutd.loop import Loop
from rolloutd.ports import Router, RouterError
from rolloutd.recorder import Recorder
from tests.simulation.planted_store import answers_before_commit, start_removes_the_wal
from tests.simulation.planted_time import BUGS_OF_TIME

Plant = Callable[[pytest.MonkeyPatch], None]


def act_before_record(patch: pytest.MonkeyPatch) -> None:
    """The router is called first, the intent is recorded afterwards."""
    record = Loop._record

    async def hasty(self: Loop, name: str, events: tuple[ev.Event, ...], *more: object) -> None:
        lane, slot = self.lanes[name], self.lanes[name].rollout.challenger_slot
        for event in events:
            if isinstance(event, ev.TrafficWanted) and slot is not None and self.hands is not None:
                self.hands.perform(name, SetTraffic(lane.rollout.spec.route, slot, event.share, urgent=False))
                await asyncio.sleep(0)
        await record(self, name, events, *more)  # type: ignore[arg-type]

    patch.setattr(Loop, "_record", hasty)


def record_without_read_back(patch: pytest.MonkeyPatch) -> None:
    """A write that the router took is believed to have worked."""

    async def believe(self: Hands, effect: Write, overtaken: object) -> RouteReading:
        router = self.router(effect.route)
        await self._call(router, effect)
        shown = await router.read(effect.route)
        if isinstance(effect, SetTraffic):
            shown = replace(shown, override_slot=effect.slot, override=effect.share)
        return shown

    patch.setattr(Hands, "_write_and_read", believe)


def renewal_recreates_lease(patch: pytest.MonkeyPatch) -> None:
    """A renewal writes the share anew instead of lengthening what is there."""

    async def rewrite(self: Hands, lane: str, effect: RenewLease) -> None:
        router, began_ms = self.router(effect.route), self._clock.now().clock_ms
        try:
            await router.set_share(effect.route, effect.slot, effect.share)
            await self._report(lane, RouteSeen(await router.read(effect.route), began_ms))
        except RouterError:
            return

    patch.setattr(Hands, "_renew", rewrite)


def drift_up_accepted(patch: pytest.MonkeyPatch) -> None:
    """A share that somebody raised by hand is left as it is."""
    share = reconcile._share

    def content(rollout: Rollout, seen: Seen) -> tuple[Effect, ...]:
        shown = reconcile.observed_share(rollout, seen)
        return () if shown is not None and shown > rollout.traffic.wanted else share(rollout, seen)

    patch.setattr(reconcile, "_share", content)


def lowered_share_raised(patch: pytest.MonkeyPatch) -> None:
    """A share that somebody lowered by hand is taken for a router that forgot, and put back."""
    judge = reconcile.judge_route

    def forgetful(**known: object) -> RouteVerdict:
        found = judge(**known)  # type: ignore[arg-type]
        return RouteVerdict.RESTARTED if found is RouteVerdict.LOWERED else found

    patch.setattr(reconcile, "judge_route", forgetful)


def blind_passes(patch: pytest.MonkeyPatch) -> None:
    """A gate without data goes on saying what it said last."""

    def always(*_: object) -> tuple[None, int]:
        return None, 0

    patch.setattr(verdict, "sight", always)


def nan_is_a_number(patch: pytest.MonkeyPatch) -> None:
    """A value that is no number is taken for zero."""
    usable = counting.usable

    def trusting(reading: ArmReading, read_at_ms: int, max_age_ms: int) -> ArmReading:
        if isinstance(reading, Counted):
            part = tuple(p if p.value >= 0 and p.value != float("inf") else replace(p, value=0.0) for p in reading.part)
            reading = Counted(reading.total, part)
        return usable(reading, read_at_ms, max_age_ms)

    patch.setattr(evidence, "usable", trusting)


def zero_for_absent(patch: pytest.MonkeyPatch) -> None:
    """What cannot be read is taken for zero requests and zero errors."""
    read = evidence._reading

    def invent(answer: Answer, arm: str, gate: Gate) -> ArmReading:
        found = read(answer, arm, gate)
        if isinstance(found, Unreadable):
            return Counted((Point("total/0", 0.0, answer.read_at_ms),), ())
        return found

    patch.setattr(evidence, "_reading", invent)


def increase_lands_after_abort(patch: pytest.MonkeyPatch) -> None:
    """A write that was overtaken is neither ended nor followed by another zero."""

    async def once(self: Hands, effect: Write, overtaken: object) -> RouteReading:
        router = self.router(effect.route)
        await self._call(router, effect)
        return await router.read(effect.route)

    patch.setattr(Hands, "_write_and_read", once)


def restart_without_window(patch: pytest.MonkeyPatch) -> None:
    """A new process goes on as if it had looked all the time."""
    record = Loop._record

    async def careless(self: Loop, name: str, events: tuple[ev.Event, ...], *more: object) -> None:
        kept = tuple(event for event in events if event != ev.WindowRestarted("the daemon started"))
        if kept:
            await record(self, name, kept, *more)  # type: ignore[arg-type]

    patch.setattr(Loop, "_record", careless)


def counted_twice_after_crash(patch: pytest.MonkeyPatch) -> None:
    """The sums survive a crash, the raw counters they were made from do not, and the first tick after it is counted."""
    load = EvidenceKeeper.load

    async def forgetful(self: EvidenceKeeper, rollout: str) -> dict[str, GateEvidence]:
        kept = await load(self, rollout)
        zero = ArmCounters({"total/0": 0.0, "total/1": 0.0}, {})
        return {metric: replace(known, champion=zero, challenger=zero) for metric, known in kept.items()}

    def hasty(self: GateEvidence) -> GateEvidence:
        return replace(self, window_ms=0)

    patch.setattr(EvidenceKeeper, "load", forgetful)
    patch.setattr(GateEvidence, "on_doubt", hasty)


def stale_revision_accepted(patch: pytest.MonkeyPatch) -> None:
    """A promotion that was decided on an old picture is carried out."""
    patch.setattr(decide, "_NEEDS_REVISION", frozenset())


def abort_needs_the_store(patch: pytest.MonkeyPatch) -> None:
    """An abort that cannot be recorded is refused."""

    def not_back(before: Lane, after: Lane) -> bool:
        return (
            after.rollout.phase is not Phase.RECEDING and after.rollout.traffic.wanted <= before.rollout.traffic.wanted
        )

    patch.setattr(unrecorded, "only_lowers", not_back)


def finishes_unrecorded(patch: pytest.MonkeyPatch) -> None:
    """Finishing wants no other share, so it is begun although the journal has no space."""

    def same_share(before: Lane, after: Lane) -> bool:
        return after.rollout.traffic.wanted <= before.rollout.traffic.wanted

    patch.setattr(unrecorded, "only_lowers", same_share)


def unrecorded_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What was done before the record is never put into it."""

    def nothing(*_: object) -> tuple[ev.Event, ...]:
        return ()

    def drop(*_: object) -> None:
        return

    patch.setattr(unrecorded, "afterwards", nothing)
    patch.setattr(Recorder, "keep", drop)


def writes_without_pause(patch: pytest.MonkeyPatch) -> None:
    """A write that came to nothing goes out again at once, and again."""

    async def at_once(self: Hands, effect: Write) -> None:
        return

    patch.setattr(Hands, "_pause", at_once)


def gone_series_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A series that was away for a while is counted with all its history when it comes back."""
    patch.setattr(counting, "REMEMBERED_MAX", 0)
    delta = counting.arm_delta

    def forgetful(*known: Any, **more: Any) -> ArmDelta | Unreadable:  # noqa: ANN401 - whatever it is asked
        found = delta(*known, **more)
        return found if isinstance(found, Unreadable) else replace(found, counters=replace(found.counters, gone={}))

    patch.setattr(counting, "arm_delta", forgetful)


def blindness_leaves_no_doubt(patch: pytest.MonkeyPatch) -> None:
    """A gate that sees again hands on the pass that it had before it saw nothing."""
    blindness = advance._blindness

    def trusting(rollout: Rollout, pic: Picture, now_ms: int) -> tuple[ev.Event, ...]:
        found = blindness(rollout, pic, now_ms)
        return tuple(event for event in found if not isinstance(event, ev.WindowRestarted))

    patch.setattr(advance, "_blindness", trusting)


def never_receding(patch: pytest.MonkeyPatch) -> None:
    """Blindness holds for ever and never goes back."""
    patch.setattr(advance, "_blindness", lambda *_: ())


def base_never_back(patch: pytest.MonkeyPatch) -> None:
    """An abort in the middle of finishing leaves the challenger as the base."""
    patch.setattr(reconcile, "_back_to_champion", lambda *_: ())


def sleeps_without_doubt(patch: pytest.MonkeyPatch) -> None:
    """A host that slept goes on as if nothing could have happened meanwhile."""
    patch.setattr(advance, "_doubt", lambda *_: ())


def harm_hides_blindness(patch: pytest.MonkeyPatch) -> None:
    """A gate that once showed harm does not count as blind, however long it sees nothing."""

    def only_blind(self: Judgement) -> tuple[GateVerdict, ...]:
        return tuple(gate for gate in self.gates if gate.verdict is Verdict.BLIND)

    patch.setattr(Judgement, "blind", property(only_blind))


def overtaken_raise_blamed(patch: pytest.MonkeyPatch) -> None:
    """A raise of our own that an abort overtook is recorded as somebody's hand."""
    judge = reconcile.judge_route

    def suspicious(**known: object) -> RouteVerdict:
        return judge(**{**known, "asked": ZERO})  # type: ignore[arg-type]

    patch.setattr(reconcile, "judge_route", suspicious)


class Nothing(set[object]):
    """A set that keeps nothing."""

    def add(self, element: object) -> None:
        """Forget it at once."""


def raise_goes_out_after_abort(patch: pytest.MonkeyPatch) -> None:
    """A raise that only looks at the router as yet is not ended by an abort: it goes out before zero is asserted."""
    begin = Hands.__init__

    def forgetful(self: Hands, *parts: object) -> None:
        begin(self, *parts)  # type: ignore[arg-type]
        self._not_out = Nothing()

    patch.setattr(Hands, "__init__", forgetful)


def stale_is_fresh(patch: pytest.MonkeyPatch) -> None:
    """The age of a sample is not looked at: counters of long ago are counted as of now."""
    usable = counting.usable
    patch.setattr(evidence, "usable", lambda reading, at_ms, _: usable(reading, at_ms, 10**12))


def lost_reply_doubles(patch: pytest.MonkeyPatch) -> None:
    """A write whose reply was lost is recorded as wanted once more."""
    follow_up = advance.advance

    def doubling(rollout: Rollout, pic: Picture, now_ms: int) -> tuple[ev.Event, ...]:
        traffic = rollout.traffic
        lost = bool(pic.seen.route_error) and not traffic.settled and rollout.live
        if lost and traffic.basis is not None and traffic.wanted_at is not None and traffic.wanted_at.clock_ms < now_ms:
            return (ev.TrafficWanted(traffic.wanted, traffic.wanted, traffic.basis),)
        return follow_up(rollout, pic, now_ms)

    patch.setattr("rolloutd.core.lane.advance", doubling)


def isolated_segment_lapses_upward(patch: pytest.MonkeyPatch) -> None:
    """Whoever is isolated is kept off only while there is a share: one that was lost comes back for everybody."""
    kept_off = Rollout.kept_off.fget  # type: ignore[attr-defined]  # a property

    def while_it_lasts(self: Rollout) -> tuple[str, ...]:
        found: tuple[str, ...] = () if self.traffic.confirmed == ZERO else kept_off(self)
        return found

    patch.setattr(Rollout, "kept_off", property(while_it_lasts))


def share_write_forgets_isolation(patch: pytest.MonkeyPatch) -> None:
    """A share is written as a new route, on which nobody is isolated."""
    call = Hands._call

    async def whole(self: Hands, router: Router, effect: Write) -> None:
        await call(self, router, effect)
        if isinstance(effect, SetTraffic) and not effect.urgent:
            await router.isolate(effect.route, ())

    patch.setattr(Hands, "_call", whole)


def let_in_by_hand_for_good(patch: pytest.MonkeyPatch) -> None:
    """Isolation is asked for once: whom a hand lets in again stays in."""
    isolation = reconcile._isolation

    def once(rollout: Rollout, seen: Seen) -> tuple[Effect, ...]:
        return () if rollout.isolation_asked_ms is None else isolation(rollout, seen)

    patch.setattr(reconcile, "_isolation", once)


BUGS: Mapping[str, Plant] = {
    plant.__name__: plant
    for plant in (
        act_before_record,
        record_without_read_back,
        renewal_recreates_lease,
        drift_up_accepted,
        lowered_share_raised,
        blind_passes,
        nan_is_a_number,
        zero_for_absent,
        increase_lands_after_abort,
        restart_without_window,
        counted_twice_after_crash,
        stale_revision_accepted,
        abort_needs_the_store,
        finishes_unrecorded,
        unrecorded_is_forgotten,
        writes_without_pause,
        gone_series_forgotten,
        blindness_leaves_no_doubt,
        never_receding,
        base_never_back,
        sleeps_without_doubt,
        harm_hides_blindness,
        overtaken_raise_blamed,
        raise_goes_out_after_abort,
        stale_is_fresh,
        lost_reply_doubles,
        isolated_segment_lapses_upward,
        share_write_forgets_isolation,
        let_in_by_hand_for_good,
        answers_before_commit,
        start_removes_the_wal,
        *BUGS_OF_TIME,
    )
}
"""Every bug by its name."""
