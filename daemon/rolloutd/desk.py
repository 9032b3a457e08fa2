"""The front desk: takes commands from the sockets to the loop and waits for what comes of them; it decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from rolloutd import awaited, outcomes, wire, wire_daemon
from rolloutd.about import AboutDaemon
from rolloutd.choosing import Choosing
from rolloutd.core.commands import Act, RefusalCode, Refused, Start, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.forecast.rule import Decision
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Spec
from rolloutd.core.proposals import Closing, Proposal, answered, decide_accept, no_longer, no_rollout, too_late
from rolloutd.core.revival import REVIVING
from rolloutd.core.state import Rollout
from rolloutd.core.values import Actor
from rolloutd.feed import Feed
from rolloutd.holding import FleetHolding
from rolloutd.journal import CommandKey, CommandRepeated, Journal, JournalError
from rolloutd.keeper import EvidenceKeeper
from rolloutd.loop import Loop
from rolloutd.pictures import Audit
from rolloutd.ports import Clock
from rolloutd.proposing import body_of
from rolloutd.reloading import VERB, Reloading
from rolloutd.risk_questions import Asked
from rolloutd.settings.problems import SettingsError
from rolloutd.settings.takeover import Changed
from rolloutd.showing import Showing
from rolloutd.verbs import Risk, VerbRow
from rolloutd.wire_start import Advice, Choices

LAST_LINES = 8
START_PATIENCE_S = 15.0
Starting = Callable[[Start, CommandKey], Awaitable[Accepted | Refused]]
log = logging.getLogger("rolloutd.desk")


class Desk(Showing):
    """Implements service.Service over the loop."""

    def __init__(
        self,
        *,
        loop: Loop,
        journal: Journal,
        keeper: EvidenceKeeper,
        clock: Clock,
        about: AboutDaemon,
        feed: Feed,
        choosing: Choosing,
        holding: FleetHolding,
    ) -> None:
        super().__init__(loop=loop, journal=journal, keeper=keeper, clock=clock, about=about, holding=holding)
        self._feed = feed
        self.choosing = choosing
        self._started: Callable[[Spec], None] | None = None
        self._reloading: Reloading | None = None
        self._waiters: dict[str, asyncio.Event] = {}

    @property
    def feed(self) -> Feed:
        """Which rollouts changed."""
        return self._feed

    def changed(self, name: str) -> None:
        """The loop says that a rollout looks different."""
        super().changed(name)
        self._feed.publish(name)
        waiter = self._waiters.pop(name, None)
        if waiter is not None:
            waiter.set()

    def when_started(self, tell: Callable[[Spec], None]) -> None:
        """Whom to tell of a rollout that was just requested."""
        self._started = tell

    def when_reloading(self, reloading: Reloading) -> None:
        """Who reads the configuration again."""
        self._reloading = reloading

    # ---- before a start

    async def choices(self) -> Choices:
        """What a rollout can be made of now."""
        return await self.choosing.choices()

    async def advise(self, asked: Asked) -> Advice | Refused:
        """What the rules recommend at the route's present traffic."""
        return await self.choosing.advise(asked)

    # ---- commands

    async def start(
        self, body: Mapping[str, object], actor: Actor, command_id: str, dry_run: bool
    ) -> wire.ActionDone | Refused:
        """Start a rollout and wait for the checks before traffic."""
        begun = self._clock.now().clock_ms
        key = outcomes.key_of(command_id, actor, "start", sorted(body.items()))
        repeated = await self._started_before(key, actor, begun, "start")
        if repeated is not None:
            return repeated
        try:
            spec = self.choosing.foreteller.read_spec(body)
        except SettingsError as error:
            return Refused(RefusalCode.BAD_INPUT, error.what, error.next_step)
        if dry_run:
            return await self._dry_run(spec, actor, begun, self._loop.standing.would_start(Start(spec, actor)))
        return await self._begin(spec, actor, key, begun, "start", self._loop.start)

    async def _begin(
        self, spec: Spec, actor: Actor, key: CommandKey, begun: int, action: str, start: Starting
    ) -> wire.ActionDone | Refused:
        """Start what was read, under every rule of this moment."""
        would = self._loop.standing.would_start(Start(spec, actor))
        if isinstance(would, Refused):
            return would
        rule = ""
        if self.choosing.foreteller.enforces:
            ruling, _ = await self.choosing.foreteller.foretell(spec)
            if ruling.decision is Decision.REFUSED:
                next_step = f"rollout plan check FILE shows it by stage and gate; nothing of {spec.name} was started"
                return Refused(RefusalCode.GATE, ruling.sentence, next_step)
            spec, rule = replace(spec, plan=ruling.plan), ruling.sentence
        try:
            decision = await start(Start(spec, actor, rule), key)
        except CommandRepeated as repeated:
            decision = outcomes.from_text(repeated.stored.outcome)
        except JournalError as error:
            return Refused(RefusalCode.NOT_NOW, f"It could not be recorded: {error}", error.next_step)
        if isinstance(decision, Refused):  # or the same command came twice, and the other one was first
            return await self._started_before(key, actor, begun, action) or decision
        if self._started is not None:
            self._started(spec)
        await self._wait(spec.name, self._loop.standing.begun_or_queued, START_PATIENCE_S)
        rollout = self._find(spec.name)
        if rollout is not None and rollout.phase is Phase.REFUSED:
            return Refused(
                RefusalCode.GATE,
                f"The checks before traffic failed: {'; '.join(rollout.refusals)}.",
                f"rollout doctor; then start again under another name than {spec.name}",
            )
        return self._done(spec.name, action, actor, decision, begun)

    async def _started_before(
        self, key: CommandKey, actor: Actor, begun: int, action: str
    ) -> wire.ActionDone | Refused | None:
        """What came of this command when it was sent before; None when it was not."""
        stored = await self._journal.command_outcome(key.id)
        if stored is None:
            return None
        if stored.key.digest != key.digest:
            return outcomes.other_content()
        return self._done(stored.stream, action, actor, outcomes.from_text(stored.outcome), begun)

    async def _dry_run(self, spec: Spec, actor: Actor, begun_ms: int, would: Accepted | Refused) -> wire.ActionDone:
        ruling, outlook = await self.choosing.foreteller.foretell(spec)
        took_s = (self._clock.now().clock_ms - begun_ms) / 1000
        stages = " > ".join(str(stage.share) for stage in ruling.plan.stages)
        against = f"{would.message} {would.next_step}. " if isinstance(would, Refused) else ""
        fine = not against and ruling.decision is not Decision.REFUSED
        message = f"{against}{f'It is in order and would go {stages}. ' if fine else ''}{ruling.sentence}"
        return wire.ActionDone(
            name=spec.name, action="start", accepted=fine, revision=0, by=actor.name, router_confirmed=False,
            took_s=took_s, message=message, plan=outlook,
        )  # fmt: skip

    async def act(
        self, name: str, act: Act, command_id: str, wait_s: float, plan: Mapping[str, object] | None = None
    ) -> wire.ActionDone | Refused:
        """Carry out one verb. Whoever calls sees to it that the work goes on when the asker goes away."""
        begun = self._clock.now().clock_ms
        if plan is not None:
            try:
                act = replace(act, spec=self.choosing.foreteller.read_spec(plan))
            except SettingsError as error:
                return Refused(RefusalCode.BAD_INPUT, error.what, error.next_step)
        stops = act.verb is Verb.ABORT and self._find(name) is not None  # also by its model's name
        proposal = None if stops or self._loop.knows(name) else self.holding.proposals.find(name)
        if proposal is not None:
            return await self._answer(proposal, act, command_id, begun, wait_s)
        rollout = self._find(name)
        if rollout is None:
            key = outcomes.key_of_act(command_id, name, act)
            before = await self.holding.outcome_before(key) if act.verb is Verb.DECLINE else None
            none = Refused(RefusalCode.NOT_FOUND, f"There is no rollout {name!r}.", "rollout list")
            if not isinstance(before, Accepted):
                return before or none
            return self._noted(name, act.verb.value, act.actor, before.message, begun)
        key = outcomes.key_of_act(command_id, rollout.name, act)
        decision = await self._carry_out(rollout.name, act, command_id, key)
        if isinstance(decision, Refused):
            return decision
        if act.verb in REVIVING and self._started is not None:
            self._started(rollout.spec)
        if wait_s > 0:
            await self._wait(rollout.name, lambda now: awaited.known(now, act.verb), wait_s)
        return self._done(rollout.name, act.verb.value, act.actor, decision, begun, act.verb)

    async def _answer(
        self, proposal: Proposal, act: Act, command_id: str, begun: int, wait_s: float
    ) -> wire.ActionDone | Refused:
        """A person's word on what is proposed: approved, it is a start like any other; declined, it is closed."""
        key = outcomes.key_of_act(command_id, proposal.name, act)
        if act.verb is Verb.DECLINE:
            return await self._decline(proposal, act, key, begun)
        against = no_rollout(proposal, act.verb.value) if act.verb is not Verb.APPROVE else None
        against = against or decide_accept(proposal, act)
        if against is not None:
            return against
        try:
            spec = self.choosing.foreteller.read_spec(body_of(proposal.says, proposal.says.strategy, act))
        except SettingsError as error:
            return Refused(RefusalCode.BAD_INPUT, error.what, error.next_step)
        begins = await self._begin(spec, act.actor, key, begun, act.verb.value, partial(self._accept, proposal, act))
        if wait_s <= 0 or isinstance(begins, Refused):
            return begins
        await self._wait(proposal.name, lambda now: awaited.known(now, None), wait_s)
        return self._done(proposal.name, act.verb.value, act.actor, Accepted((), begins.message), begun)

    async def _accept(self, proposal: Proposal, act: Act, start: Start, key: CommandKey) -> Accepted | Refused:
        """Start what is proposed, unless somebody closed it meanwhile; one answer to proposals at a time."""
        async with self.holding.answering:
            if self.holding.proposals.find(proposal.name) != proposal:
                return no_longer(proposal.name)
            decision = await self._loop.start(start, key)
            if isinstance(decision, Accepted):
                try:
                    await self.holding.note(answered(proposal, Closing.ACCEPTED, act.actor, act.reason), act.actor)
                except JournalError as error:  # it is started all the same; the next look at the registry closes it
                    log.warning("an accepted proposal stays open", extra={"rollout": proposal.name, "why": str(error)})
        return decision

    async def _decline(self, proposal: Proposal, act: Act, key: CommandKey, begun: int) -> wire.ActionDone | Refused:
        """Close it for good. One that is no longer open by then is answered by what has become of it."""
        async with self.holding.answering:
            if not self._loop.knows(proposal.name) and self.holding.proposals.find(proposal.name) == proposal:
                closed = answered(proposal, Closing.DECLINED, act.actor, act.reason)
                declined = Accepted((closed,), f"{proposal.name} is declined; nothing was started")
                try:
                    await self.holding.record(declined, act.actor, key)
                except JournalError as error:
                    return Refused(RefusalCode.NOT_NOW, f"It could not be recorded: {error}", error.next_step)
                return self._noted(proposal.name, act.verb.value, act.actor, declined.message, begun)
        return await self.act(proposal.name, act, key.id, 0)

    async def _carry_out(self, name: str, act: Act, command_id: str, key: CommandKey) -> Accepted | Refused:
        """Through the loop, once: a repeated id gets the first outcome."""
        stored = None if act.verb is Verb.ABORT else await self._journal.command_outcome(command_id)
        if stored is None:
            late = too_late(name, act)
            if late is not None:
                return late
            try:
                decision, _ = await self._loop.command(name, act, key)
                return decision
            except CommandRepeated as repeated:
                stored = repeated.stored
            except JournalError as error:
                return Refused(RefusalCode.NOT_NOW, f"It could not be recorded: {error}", error.next_step)
        if stored.key.digest != key.digest:
            return outcomes.other_content()
        return outcomes.from_text(stored.outcome)

    async def hold_fleet(self, row: VerbRow, actor: Actor, reason: str, command_id: str) -> wire.ActionDone | Refused:
        """Freeze the fleet, or release it."""
        begun = self._clock.now().clock_ms
        carry_out = self.holding.hold if row.risk is Risk.FREEZES else self.holding.release
        decision = await carry_out(actor, reason, outcomes.key_of(command_id, actor, row.verb, reason))
        if isinstance(decision, Refused):
            return decision
        under_way = [lane.rollout.name for lane in self._loop.lanes.values() if not lane.rollout.traffic.settled]
        steps = f"; still being carried out: the last step of {', '.join(under_way)}" if under_way else ""
        return wire.ActionDone(
            name="fleet", action=row.verb, accepted=True, revision=self.holding.version, by=actor.name,
            router_confirmed=not under_way, took_s=(self._clock.now().clock_ms - begun) / 1000,
            message=decision.message + steps,
        )  # fmt: skip

    async def reload(self, actor: Actor, reason: str, command_id: str) -> wire.ActionDone | Refused:
        """Read the configuration again and take over what can be, or nothing of it."""
        if self._reloading is None:
            message = "This daemon was started without a file that could be read again."
            return Refused(RefusalCode.NOT_NOW, message, "Start it anew with what it shall run with.")
        begun = self._clock.now().clock_ms
        key = outcomes.key_of(command_id, actor, VERB, reason)
        decision, fresh = await self._reloading.reload(actor, reason, key)
        if isinstance(decision, Refused):
            return decision
        changed = Changed() if fresh is None else fresh.changed
        done = self._noted("configuration", VERB, actor, decision.message, begun)
        return done.model_copy(update={"taken": list(changed.taken), "needs_restart": list(changed.waiting)})

    def _noted(self, name: str, action: str, actor: Actor, message: str, begun: int) -> wire.ActionDone:
        """The answer to what is on record and asks nothing of a router."""
        return wire.ActionDone(
            name=name, action=action, accepted=True, revision=self.holding.version, by=actor.name,
            router_confirmed=True, took_s=(self._clock.now().clock_ms - begun) / 1000, message=message,
        )  # fmt: skip

    async def refuse(self, name: str, verb: str, actor: Actor, code: RefusalCode, why: str) -> None:
        """Record a refusal that the server made."""
        rollout = self._find(name)
        if rollout is not None and rollout.name in self._loop.lanes:
            await self._loop.audit_refusal(rollout.name, verb, code.value, why, actor)
        else:
            about = f"{name}: {why}" if name else why
            await self.holding.refused(verb, code.value, about, actor)

    def _done(
        self,
        name: str,
        action: str,
        actor: Actor,
        decision: Accepted | Refused,
        begun_ms: int,
        verb: Verb | None = None,
    ) -> wire.ActionDone | Refused:
        if isinstance(decision, Refused):
            return decision
        rollout = self._find(name)
        return wire.ActionDone(
            name=name,
            action=action,
            accepted=True,
            revision=rollout.version if rollout else 0,
            by=actor.name,
            router_confirmed=rollout is not None and awaited.confirmed(rollout, verb),
            took_s=(self._clock.now().clock_ms - begun_ms) / 1000,
            message=decision.message,
            waits_for_person=rollout is not None
            and awaited.waits_for_person(rollout, verb, actor, self._clock.now().clock_ms),
        )

    async def _wait(self, name: str, until: Callable[[Rollout], bool], patience_s: float) -> None:
        """Wait until the rollout is as wanted, or patience ends."""
        try:
            async with asyncio.timeout(patience_s):
                while (rollout := self._find(name)) is not None and not until(rollout):
                    waiter = self._waiters.setdefault(name, asyncio.Event())
                    await waiter.wait()
        except TimeoutError:
            return

    # ---- the daemon itself

    def audit(self) -> Audit:
        """The journal's chain, as it was verified last."""
        return self._about.audit()

    async def doctor(self) -> wire_daemon.Doctor:
        """Check the daemon, its routers, sources and rights."""
        found = await self._about.doctor()
        more = [] if self._reloading is None else self._reloading.checks()
        return found.model_copy(update={"checks": [*found.checks, *more]})

    def health(self) -> wire_daemon.Health:
        """Whether the daemon turns."""
        return self._about.health()

    def heartbeat(self) -> wire_daemon.Heartbeat:
        """The daemon's time and the ages of its sources and routers."""
        fleet = self.fleet("", 0)
        more = {"held": fleet.held, "proposed": [one.name for one in fleet.proposals]}
        return self._about.heartbeat(self._feed.seq, fleet.needs_you).model_copy(update=more)

    def hello(self, actor: Actor, read_only: bool) -> wire_daemon.Hello:
        """The first message of an event stream for this caller."""
        return self._about.hello(actor, read_only)
