"""The loop: what was seen goes in, events are made durable, then effects go out. The only owner of rollouts' state.

The order is the promise: decide, append, evolve, and only then the world. One lock a rollout makes its turns follow one
another; nothing else in the process changes a lane. Decisions are not made here: they are the core's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial

from rolloutd import earlier, outcomes, unrecorded
from rolloutd.after_end import decide_after_end, refusal, rollout_of
from rolloutd.core import events as ev
from rolloutd.core.commands import Act, Refused, Start, Verb
from rolloutd.core.decide import Accepted, decide
from rolloutd.core.effects import MetricsAnswered, Observation, RouteSeen, SetTraffic, TickPassed
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.fold import fold
from rolloutd.core.lane import Lane, before_write, follow, next_effects, next_events, observe, open_lane, repeats
from rolloutd.core.metrics import Answer
from rolloutd.core.revival import REVIVING
from rolloutd.core.state import Rollout
from rolloutd.core.values import THE_DAEMON, Actor
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.hands import Hands, Still
from rolloutd.journal import CommandKey, CommandRepeated, Journal, JournalError, StoreBusy, StoreFull
from rolloutd.keeper import EvidenceKeeper
from rolloutd.loop_edges import Birth, Calm, Notice, World
from rolloutd.ports import Clock
from rolloutd.raising import Raising
from rolloutd.recorder import Recorder, Unwritten
from rolloutd.snapshots import MemorySnapshots, Recall
from rolloutd.spill import Spilled, SpillFile

MOST_STEPS_A_TURN = 20
log = logging.getLogger("rolloutd.loop")


class Loop(Raising):
    """Every live rollout's lane, and the ended ones' records."""

    def __init__(
        self,
        *,
        journal: Journal,
        keeper: EvidenceKeeper,
        clock: Clock,
        world: World,
        birth: Birth,
        spill: SpillFile,
        watcher: Notice,
        recall: Recall | None = None,
    ) -> None:
        super().__init__(watcher.changed)
        self._recall = recall or Recall(journal, MemorySnapshots())
        self._keeper = keeper
        self._clock = clock
        self._world = world
        self._spill = spill
        self.calm = Calm()
        self._recorded, self._tell_soon = watcher.recorded, watcher.recorded_soon
        self._birth = birth
        self._locks: dict[str, asyncio.Lock] = {}
        self._start_lock = asyncio.Lock()
        self.epoch = birth.epoch
        self._recorder = Recorder(journal, birth.epoch, spill)
        self.hands: Hands | None = None

    # ---- start

    async def restore(self) -> None:
        """Fold every stream of the journal, take stored evidence up again, and look afresh at every live rollout."""
        async for recalled in self._recall.all():
            rollout, stream = recalled.rollout, recalled.rollout.name
            self._recorded(recalled.last)
            if not rollout.live:
                self.ended[stream] = rollout
                continue
            evidence = await earlier.taken_up(self._keeper, rollout.spec, self.ended)
            lane, leased_ms = self._lane_of(rollout, evidence), await self._keeper.leased_at_ms(rollout)
            rebooted = self._birth.rebooted or (leased_ms is not None and leased_ms < self._birth.steady_from_ms)
            seen = replace(lane.seen, renewed_at_ms=leased_ms, rebooted=rebooted)
            self.lanes[stream] = replace(lane, seen=seen)
        for name in list(self.lanes):
            await self.look_afresh(name, "the daemon started")
        await self._fold_spilled()
        reach(CrashPoint.IN_RECONCILE)

    async def _fold_spilled(self) -> None:
        """Decreases that were carried out before they could be recorded are recorded now, and hold."""
        lines = [spilled for spilled in self._spill.read() if self._due(spilled)]
        for spilled in lines:  # all of them before the first record, which must not empty the file under the others
            self._recorder.spilled(spilled.rollout)
        for spilled in lines:
            async with self._lock(spilled.rollout):
                if events := self._due(spilled):
                    await self._record(spilled.rollout, events, THE_DAEMON)
        self._recorder.clear_spilled()

    def _due(self, spilled: Spilled) -> tuple[ev.Event, ...]:
        """What the journal lacks of a spilled line."""
        lane = self.lanes.get(spilled.rollout)
        return () if lane is None else unrecorded.afterwards(lane, spilled)

    def _lane_of(self, rollout: Rollout, evidence: Mapping[str, GateEvidence] | None = None) -> Lane:
        """The lane of a rollout of whose route nothing was seen yet."""
        route = rollout.spec.route
        sight = self.standing.fresh(self._clock.now().clock_ms, self._world.lease(route))
        seen = replace(sight, sticky=self._world.sticky(route))
        return open_lane(rollout, evidence or {}, seen, self._world.arms(route))

    # ---- what comes in

    async def observe(self, name: str, observation: Observation, still: Still = lambda: True, /) -> None:
        """Take something seen into a rollout and do what follows from it.

        What was seen waits for its turn; ``still`` says then whether it counts. A route that was read before a turn in
        which a write on it began is no reading any more: the old share would stand for the new one (I1, I2).
        """
        async with self._lock(name):
            if name not in self.lanes or not still():
                return
            before = self.lanes[name]
            await self._see(name, observation)
            if not repeats(before, self.lanes[name], observation):
                await self._settle(name)

    async def tick(self, name: str) -> None:
        """A check interval passed: look at everything of this rollout again."""
        if name not in self.lanes:
            return
        async with self._lock(name):
            if name in self.lanes:
                self.lanes[name] = self._allowed(self.lanes[name])
                await self._see(name, TickPassed())
                await self._settle(name, tick=True)

    async def answers(self, name: str, answers: Mapping[str, Answer]) -> None:
        """Take a source's answers, by metric, into one rollout."""
        async with self._lock(name):
            if name not in self.lanes:
                return
            for metric, answer in answers.items():
                await self._see(name, MetricsAnswered(metric, answer))
            await self._keeper.save(name, self.lanes[name].evidence, tuple(answers), self._clock.now())
            await self._settle(name)

    async def command(self, name: str, act: Act, key: CommandKey | None) -> tuple[Accepted | Refused, Rollout]:
        """Carry out a verb: decide, make durable, begin the effects. Raises KeyError for an unknown rollout."""
        if name in self.lanes:
            async with self._turn_for(name, act):
                if name in self.lanes:
                    return await self._command_live(name, act, key)
        if act.verb in (Verb.ABORT, Verb.DECLINE):  # the champion has it all, or there is a sentence; no record is due
            return (await decide_after_end(self._lane_of(self.ended[name]), act, None, 0, ()))[1], self.ended[name]
        return await self._command_after_end(name, act, key)

    async def _command_live(self, name: str, act: Act, key: CommandKey | None) -> tuple[Accepted | Refused, Rollout]:
        """With the rollout's turn in hand."""
        lane = self.lanes[name]
        now_ms = self._clock.now().clock_ms
        decision = decide(lane.rollout, act, lane.picture(now_ms), now_ms)
        outcome = outcomes.to_text(decision)
        if isinstance(decision, Refused):
            await self._record(name, refusal(act, decision), act.actor, key, outcome)
        elif decision.events or key is not None:  # nothing to do is an answer too, and a repeat gets the same
            await self._record(name, decision.events, act.actor, key, outcome)
            if name in self.lanes:
                self._act(name, tick=False)
                await asyncio.sleep(0)  # it goes out before anything else is worked out
            await self._settle(name)
        return decision, self._rollout(name)

    def _rollout(self, name: str) -> Rollout:
        return self.lanes[name].rollout if name in self.lanes else self.ended[name]

    @asynccontextmanager
    async def _turn_for(self, name: str, act: Act) -> AsyncIterator[None]:
        """This command's turn on the rollout. An abort that cannot have it in time lowers first and records later."""
        lock, goes_back = self._lock(name), act.verb in (Verb.ABORT, Verb.DECLINE)
        if goes_back:
            self.calm.disturb(name)
        try:
            recede = ev.RecedeStarted(ev.RecedeCause.PERSON, act.reason or f"{act.actor.name} aborted")
            async with self._patience(name, act.actor, recede if goes_back else None):
                await lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            self.calm.restore(name)
        if goes_back:
            self._spill_settled(name)

    def _patience(self, name: str, actor: Actor, recede: ev.RecedeStarted | None) -> AbstractAsyncContextManager[None]:
        """Going back waits for nothing longer than its patience; everything else waits."""
        if recede is None:
            return nullcontext()
        return unrecorded.patience(partial(self._lower_unrecorded, name, actor, recede))

    def _spill_settled(self, name: str, *, goes_back: bool = False) -> None:
        """The journal has all that was done of this rollout; an abort that waits for its turn keeps its line."""
        if (goes_back or name not in self.calm.disturbed_by) and name not in self._recorder.behind:
            self._recorder.settled(name)

    async def _lower_unrecorded(self, name: str, actor: Actor, recede: ev.RecedeStarted) -> None:
        self.calm.end_waiting()
        self._recorder.spilled(name)
        await unrecorded.lower(self.lanes.get(name), self.hands, self._spill, self._clock, actor, recede)

    async def _command_after_end(
        self, name: str, act: Act, key: CommandKey | None
    ) -> tuple[Accepted | Refused, Rollout]:
        """A verb on a rollout that ended: claims and refusals are recorded; a person may take some up again."""
        async with self._start_lock, self._lock(name):
            if name in self.lanes:
                return await self._command_live(name, act, key)
            revives, everybody = act.verb in REVIVING, (*map(rollout_of, self.lanes.values()), *self.ended.values())
            lane = self._lane_of(self.ended[name], await self._keeper.load(name) if revives else None)
            lane, decision = await decide_after_end(lane, act, self.hands, self._clock.now().clock_ms, everybody)
            events = decision.events if isinstance(decision, Accepted) else refusal(act, decision)
            await self._record_ended(lane, events, act.actor, key, outcomes.to_text(decision))
        await self.tick(name)
        return decision, self._rollout(name)

    async def _record_ended(
        self, lane: Lane, events: tuple[ev.Event, ...], actor: Actor, key: CommandKey | None = None, text: str = ""
    ) -> None:
        """Record about a rollout that has ended; what begins anew by that stays live."""
        name = lane.rollout.name
        before, self.lanes[name] = self.ended.pop(name), self._allowed(lane)
        try:
            await self._record(name, events, actor, key, text or None)
        finally:
            if not self._rollout(name).live:
                self.lanes.pop(name, None)
                self.ended.setdefault(name, before)

    async def start(self, command: Start, key: CommandKey | None) -> Accepted | Refused:
        """Start a rollout: one at a time, so that two starts cannot both find the route free."""
        async with self._start_lock:
            evidence = await earlier.taken_up(self._keeper, command.spec, self.ended)
            decision = self.standing.would_start(command)
            if isinstance(decision, Refused):
                return decision
            name, now = command.spec.name, self._clock.now()
            new = Unwritten(0, decision.events, now, command.actor, key, outcomes.to_text(decision))
            recorded = await self._recorder.append(name, new)
            rollout = fold(recorded)
            assert rollout is not None
            self._recorded(recorded)
            self.lanes[name] = self._lane_of(rollout, evidence)
            self._changed(name)
        await self.tick(name)
        return decision

    async def audit_refusal(self, name: str, verb: str, code: str, why: str, actor: Actor) -> None:
        """Put a refusal that was made outside of the core into a live rollout's record."""
        if name not in self.lanes:
            log.warning("refused", extra={"rollout": name, "verb": verb, "code": code, "who": actor.name})
            return
        async with self._lock(name):
            if name in self.lanes:
                await self._record(name, (ev.CommandRefused(verb, code, why),), actor)

    async def note_ended(self, name: str, event: ev.Event) -> None:
        """Put a fact that changes nothing into the record of a rollout that has ended."""
        async with self._start_lock, self._lock(name):
            if name in self.ended:
                await self._record_ended(self._lane_of(self.ended[name]), (event,), THE_DAEMON)

    async def look_afresh(self, name: str, why: str) -> None:
        """A doubt about what was seen: nothing of a live rollout goes up before a whole window from now is over."""
        async with self._lock(name):
            if name in self.lanes:
                await self._record(name, (ev.WindowRestarted(why),), THE_DAEMON)

    # ---- what follows

    async def _see(self, name: str, observation: Observation) -> None:
        self.lanes[name] = observe(self.lanes[name], observation, self._clock.now().clock_ms)
        seen = self.lanes[name].seen
        if seen.leases and isinstance(observation, RouteSeen) and observation.renewed_at_ms is not None:
            self._keeper.note_renewed(name, observation.renewed_at_ms)

    async def _settle(self, name: str, *, tick: bool = False) -> None:
        """Record everything that follows, to the end, then ask the world for what is missing."""
        events: tuple[ev.Event, ...] = ()
        for _ in range(MOST_STEPS_A_TURN):
            if name not in self.lanes:
                return
            events = next_events(self.lanes[name], self._clock.now().clock_ms)
            if not events:
                break
            try:
                await self._record(name, self._sealed(name, events), THE_DAEMON)
            except (StoreFull, StoreBusy) as error:
                log.error("not recorded, so not done", extra={"rollout": name, "error": str(error)})  # noqa: TRY400
                break
        else:
            self.stop_raising(f"rollout {name} does not come to rest: {events!r}")
        if name in self.lanes:
            self._act(name, tick=tick)
            self._changed(name)

    def _sealed(self, name: str, events: tuple[ev.Event, ...]) -> tuple[ev.Event, ...]:
        """Every verdict and every step up is preceded by the digest of the evidence it rests on."""
        rests = any(isinstance(event, ev.ON_EVIDENCE) for event in events)
        return (self._keeper.seal(name, self.lanes[name].evidence), *events) if rests else events

    async def seal(self, name: str) -> None:
        """Chain the digest of a rollout's evidence."""
        async with self._lock(name):
            if name in self.lanes:
                sealed = self._keeper.seal(name, self.lanes[name].evidence)
                if sealed.tick > self.lanes[name].rollout.sealed_tick:
                    await self._record(name, (sealed,), THE_DAEMON)

    def _act(self, name: str, *, tick: bool) -> None:
        """Begin effects. A write makes every earlier reading worthless, so it is forgotten before the write begins."""
        assert self.hands is not None
        for effect in next_effects(self.lanes[name], tick=tick):
            raises = isinstance(effect, SetTraffic) and not effect.urgent
            if not self.hands.knows(effect.route) or (raises and name in self.calm.disturbed_by):
                continue
            if self.hands.perform(name, effect):
                self.lanes[name] = before_write(self.lanes[name])

    async def _record(
        self,
        name: str,
        events: tuple[ev.Event, ...],
        actor: Actor,
        key: CommandKey | None = None,
        outcome: str | None = None,
    ) -> None:
        """Try the events on the lane, make them durable, then let them be true. A broken law stops all increases."""
        lane = self.lanes[name]
        now, version = self._clock.now(), lane.rollout.version
        after = lane
        rows: tuple[ev.Recorded, ...] = tuple(
            ev.Recorded(0, name, version + number, now, actor, self.epoch, event)
            for number, event in enumerate(events, start=1)
        )
        for row in rows:
            after = follow(after, row)
        reach(CrashPoint.BEFORE_INTENT)
        unwritten = Unwritten(version, events, now, actor, key, outcome)
        recede = unrecorded.way_back(events)
        try:
            async with self._patience(name, actor, recede):
                rows = await self._recorder.append(name, unwritten)
            self._spill_settled(name, goes_back=recede is not None)
            self.set_raising("", "space")
        except CommandRepeated:
            raise
        except JournalError as error:
            self._in_trouble(error)
            if not unrecorded.only_lowers(lane, after):
                raise
            self._recorder.keep(name, unwritten)
            if recede is not None:
                await self._lower_unrecorded(name, actor, recede)
        if key is not None or any(isinstance(event, ev.TrafficConfirmed | ev.BaseConfirmed) for event in events):
            reach(CrashPoint.OUTCOME_DURABLE)
        self._tell_soon(rows)
        if after.rollout.live:
            self.lanes[name] = self._allowed(after)
        else:
            del self.lanes[name]
            self.ended[name] = after.rollout
        self._changed(name)

    async def catch_up(self) -> None:
        """Record what was carried out before the journal could take it, also of rollouts that have ended since."""
        behind = self._recorder.behind
        for name in behind:
            async with self._lock(name):
                try:
                    await self._recorder.catch_up(name)
                except (StoreFull, StoreBusy):
                    return
                self._spill_settled(name)
        if behind:
            self.set_raising("", "space")

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


__all__ = ["Birth", "Loop", "Notice", "World"]
