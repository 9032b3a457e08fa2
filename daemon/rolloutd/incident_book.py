"""Reads the journal on from where it stopped and keeps in the outbox what follows for people; it tells nobody itself.

Everything is derived from recorded events, so a process that dies anywhere loses no message and makes none up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from rolloutd.core import events as ev
from rolloutd.core.fold import LawBroken, evolve, fold
from rolloutd.core.incidents import Incident, Message, Turn, first_message, follow, message, need_of, opened, succeeded
from rolloutd.core.phases import IllegalEvent
from rolloutd.core.state import Rollout
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.journal import Journal
from rolloutd.outbox import Outbox, Step
from rolloutd.ports import Clock

ROWS_A_STEP = 500
ROWS_A_BREATH = 20
# Facts that never change whether somebody is needed: a stream that has nothing else to say is not read again for them.
_SAYS_NOTHING = (
    ev.EvidenceSealed,
    ev.WindowRestarted,
    ev.VerdictReached,
    ev.CommandRefused,
    ev.BlindnessBegan,
    ev.BlindnessEnded,
)
log = logging.getLogger("rolloutd.alerting")


def matters(event: ev.Event) -> bool:
    """Whether this event can change who is needed."""
    return not isinstance(event, _SAYS_NOTHING)


@dataclass(slots=True)
class _Draft:
    """A step in the making."""

    changed: dict[str, Incident] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.changed or self.closed or self.messages)


class IncidentBook:
    """The open incidents as of journal number ``seq``."""

    def __init__(
        self, journal: Journal, outbox: Outbox, clock: Clock, sender: str, notifiers: Callable[[Message], Sequence[str]]
    ) -> None:
        self._journal = journal
        self._outbox = outbox
        self._clock = clock
        self._sender = sender
        self._notifiers = notifiers
        self._rollouts: dict[str, Rollout] = {}
        self.open: dict[str, Incident] = {}
        self.seq = 0
        self._kept_seq = 0

    async def begin(self, rollouts: Iterable[Rollout]) -> None:
        """Take up the outbox where it stopped. A first one begins now, with what the live rollouts need."""
        seq, before = await self._outbox.read()
        head = (await self._journal.head()).seq
        self.open, draft = before, _Draft()
        if seq is None or seq > head:  # new, or the journal was put back to an older copy: the past is not told again
            now_ms = self._clock.now().wall_ms
            needs = ((rollout, need_of(rollout)) for rollout in rollouts if rollout.live)
            self.open = {r.name: opened(r, need, now_ms, self._sender) for r, need in needs if need is not None}
            for incident in [one for name, one in before.items() if name not in self.open]:
                draft.closed.add(incident.rollout)
                gone = replace(incident, what=f"{incident.model}: the journal that this was from is gone.")
                draft.messages.append(message(gone, Turn.RESOLVED, f"gone-{now_ms}", now_ms))
            seq = head
        self.seq = self._kept_seq = seq
        draft.changed = dict(self.open)
        # Whoever is new among the notifiers hears of what is open; the others have these ids already.
        draft.messages += [first_message(incident) for incident in self.open.values()]
        await self._keep(draft)

    async def reload(self) -> None:
        """Go back to what the outbox holds: what was read and could not be kept is read again."""
        seq, self.open = await self._outbox.read()
        self.seq = self._kept_seq = seq or 0
        self._rollouts.clear()

    async def catch_up(self) -> bool:
        """Read on to the end of the journal; whether there is anything new to tell."""
        draft, rows, told = _Draft(), 0, False
        async for row in self._journal.load_all(self.seq):
            await self._take(row, draft)
            self.seq, rows = row.seq, rows + 1
            if rows % ROWS_A_BREATH == 0:
                await asyncio.sleep(0)
            if rows % ROWS_A_STEP == 0:
                told |= bool(draft.messages)
                await self._keep(draft)
                draft = _Draft()
        if not draft.is_empty or self.seq - self._kept_seq >= ROWS_A_STEP:
            await self._keep(draft)
        return told or bool(draft.messages)

    async def _take(self, row: ev.Recorded, draft: _Draft) -> None:
        """One event onto its rollout, and what follows for its incident."""
        if row.stream == ev.FLEET_STREAM:
            return
        if isinstance(row.event, ev.RolloutRequested):
            self._succeed(row, row.event, draft)
        rollout = await self._after(row)
        if rollout is None:
            return
        incident, messages = follow(self.open.get(row.stream), rollout, row, self._sender)
        before = self.open.pop(row.stream, None)
        if incident is not None:
            self.open[row.stream] = incident
            if incident != before:
                draft.changed[row.stream] = incident
                draft.closed.discard(row.stream)
        elif before is not None:
            self._close(row.stream, draft)
        draft.messages += messages
        if not rollout.live and incident is None:
            self._rollouts.pop(row.stream, None)

    async def _after(self, row: ev.Recorded) -> Rollout | None:
        """The rollout that this event made; None where it changes nothing that is of interest."""
        name, known = row.stream, self._rollouts.get(row.stream)
        try:
            if known is None and row.version > 1:
                if not matters(row.event):
                    return None
                history = await self._journal.load(name)
                known = fold(past for past in history if past.version < row.version)
            self._rollouts[name] = evolve(known, row)
        except (IllegalEvent, LawBroken) as error:  # the loop stops increases for it; here it only must not be fatal
            log.exception(
                "a rollout's record breaks the rules, so nobody is told of it",
                extra={"rollout": name, "why": str(error)},
            )
            return None
        return self._rollouts[name]

    def _succeed(self, row: ev.Recorded, event: ev.RolloutRequested, draft: _Draft) -> None:
        """A new rollout on a route: whoever started it has seen how the one before ended."""
        for name, incident in list(self.open.items()):
            seen = succeeded(incident, event.spec, row)
            if seen is not None:
                del self.open[name]
                self._rollouts.pop(name, None)
                self._close(name, draft)
                draft.messages.append(seen)

    @staticmethod
    def _close(name: str, draft: _Draft) -> None:
        draft.changed.pop(name, None)
        draft.closed.add(name)

    async def _keep(self, draft: _Draft) -> None:
        if draft.messages:
            reach(CrashPoint.NEED_SEEN)
        step = Step(self.seq, tuple(draft.changed.values()), tuple(draft.closed), tuple(draft.messages))
        await self._outbox.keep(step, self._notifiers, self._clock.now().clock_ms)
        self._kept_seq = self.seq
        if draft.messages:
            reach(CrashPoint.IN_OUTBOX)
