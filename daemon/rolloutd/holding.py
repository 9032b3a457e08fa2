"""Keeps what concerns the whole fleet durable, its hold and what is proposed: a stream of its own; it moves nothing.

A hold works before it is recorded, because it only freezes; a release only once it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from rolloutd import outcomes
from rolloutd.core import events as ev
from rolloutd.core.commands import RefusalCode, Refused
from rolloutd.core.decide import Accepted, Decision
from rolloutd.core.fleet_hold import FleetHold, Holds, decide_hold, decide_release, fold_holds, sentence
from rolloutd.core.proposals import Proposals, fold_proposals
from rolloutd.core.values import Actor
from rolloutd.journal import CommandKey, CommandRepeated, Journal, JournalError
from rolloutd.loop import Loop
from rolloutd.ports import Clock

log = logging.getLogger("rolloutd.holding")


class FleetHolding:
    """The only writer of the fleet's stream."""

    def __init__(self, loop: Loop, journal: Journal, clock: Clock) -> None:
        self._loop = loop
        self._journal = journal
        self._clock = clock
        self._lock = asyncio.Lock()
        self.answering = asyncio.Lock()
        """Held while a proposal is answered or closed: what is started is not declined at the same moment."""
        self.version = 0
        self.holds: Holds = ()
        self.proposals = Proposals()

    async def restore(self) -> None:
        """Take up what the journal says. Before the loop restores its rollouts."""
        self._take(await self._journal.load(ev.FLEET_STREAM))
        self._rule(sentence(self.holds))

    def _rule(self, held: str) -> None:
        self._loop.rule(replace(self._loop.standing.rules, fleet_hold=held))

    def _take(self, rows: list[ev.Recorded]) -> None:
        self.version = rows[-1].version if rows else self.version
        self.holds = fold_holds(self.holds, rows)
        self.proposals = fold_proposals(self.proposals, rows)

    async def hold(self, actor: Actor, reason: str, key: CommandKey) -> Accepted | Refused:
        """Freeze the fleet, now and for good, until somebody releases it."""
        before = self.holds
        if not before:
            self._rule(f"by {actor.name}: {reason}")
        decision, trouble = await self._carry_out(decide_hold, actor, reason, key)
        if trouble is not None and self.holds == before:
            self.holds = (*before, FleetHold(actor, reason, self._clock.now()))
            decision = Accepted((), f"held, but only until the daemon ends: it could not be recorded ({trouble})")
        self._rule(sentence(self.holds))
        return decision

    async def release(self, actor: Actor, reason: str, key: CommandKey) -> Accepted | Refused:
        """End a hold, once that is on record."""
        decision, trouble = await self._carry_out(decide_release, actor, reason, key)
        self._rule(sentence(self.holds))
        if trouble is not None and not isinstance(decision, Refused):
            return Refused(RefusalCode.NOT_NOW, f"It could not be recorded: {trouble}", trouble.next_step)
        return decision

    async def _carry_out(
        self, decide: Callable[[Holds, Actor, str], Decision], actor: Actor, reason: str, key: CommandKey
    ) -> tuple[Decision, JournalError | None]:
        """Decide and record, a refusal too; a repeated id gets the first outcome. What stood in the record's way."""
        async with self._lock:
            decision = decide(self.holds, actor, reason)
            events: tuple[ev.Event, ...]
            if isinstance(decision, Refused):
                events = (ev.CommandRefused("release", decision.code.value, decision.message),)
            else:
                events = decision.events
            try:
                await self._append(events, actor, key, outcomes.to_text(decision))
            except CommandRepeated as repeated:
                same = repeated.stored.key.digest == key.digest
                return (outcomes.from_text(repeated.stored.outcome) if same else outcomes.other_content()), None
            except JournalError as error:
                return decision, error
            return decision, None

    async def outcome_before(self, key: CommandKey | None) -> Accepted | Refused | None:
        """What came of this command when it was sent before; None when it was not."""
        stored = None if key is None else await self._journal.command_outcome(key.id)
        if key is None or stored is None:
            return None
        return outcomes.from_text(stored.outcome) if stored.key.digest == key.digest else outcomes.other_content()

    async def note(self, event: ev.Event, actor: Actor) -> None:
        """Put a fact of the whole fleet into its record. Raises JournalError."""
        await self.record(Accepted((event,)), actor, None)

    async def record(self, decision: Accepted, actor: Actor, key: CommandKey | None) -> None:
        """Put what concerns the whole fleet into its record, durable on return. Raises JournalError."""
        async with self._lock:
            await self._append(decision.events, actor, key, outcomes.to_text(decision) if key is not None else None)

    async def refused(self, verb: str, code: str, why: str, actor: Actor) -> None:
        """Put a refusal that concerns no live rollout into the fleet's record."""
        async with self._lock:
            try:
                await self._append((ev.CommandRefused(verb, code, why),), actor, None, None)
            except JournalError as error:
                log.warning("a refusal was not recorded", extra={"verb": verb, "who": actor.name, "error": str(error)})

    async def _append(
        self, events: tuple[ev.Event, ...], actor: Actor, key: CommandKey | None, outcome: str | None
    ) -> None:
        rows = await self._journal.append(
            ev.FLEET_STREAM, self.version, events, at=self._clock.now(), actor=actor, epoch=self._loop.epoch,
            command=key, outcome=outcome,
        )  # fmt: skip
        self._take(list(rows))
