"""What the loop is given and whom it tells: routes' names, the process's number, the watcher, calm; no rollout."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from rolloutd.core import events as ev
from rolloutd.core.commands import Refused, Start
from rolloutd.core.decide import Accepted, decide_start
from rolloutd.core.lane import Lane
from rolloutd.core.observed import Seen
from rolloutd.core.phases import Phase
from rolloutd.core.rules import Earlier, Rules, awaited
from rolloutd.core.state import Rollout
from rolloutd.core.values import Slot
from rolloutd.crashpoints import CrashPoint, reach

TELL_AFTER_S = 0.001
"""By then the effects of what was recorded have begun. (A timer of zero seconds would come before them.)"""
log = logging.getLogger("rolloutd.loop")


class World(Protocol):
    """What the loop must know of the configuration: what a route's slots are called, its leases, its split."""

    def arms(self, route: str) -> Mapping[Slot, str]:
        """The arm-label value of each slot."""
        ...

    def lease(self, route: str) -> int | None:
        """The length of the route's lease, None where its engine has none."""
        ...

    def sticky(self, route: str) -> bool:
        """Whether the route's engine keeps a user on one side."""
        ...


@dataclass(frozen=True, slots=True)
class Birth:
    """How this process came to be: its number among all that acted here, and whether the host started anew.

    ``steady_from_ms`` is when the host last came back (rollout clock): what a lease of before had left is not known.
    """

    epoch: int
    rebooted: bool = False
    steady_from_ms: int = 0


class Standing:
    """What stands against increases in the whole daemon: matters of its own, by name, and the policy's rules."""

    def __init__(self) -> None:
        self._against = {"chain": "the journal's chain has not been verified yet"}
        self.rules = Rules()
        self._lanes: Mapping[str, Lane] = {}
        self._ended: Mapping[str, Rollout] = {}

    @property
    def why_not_raise(self) -> str:
        """Why nothing is raised now, empty when nothing stands against it."""
        return next(iter(self._against.values()), "")

    def set(self, matter: str, why_not: str) -> bool:
        """Clear a matter with an empty reason, or raise it with a sentence; returns whether that changed anything."""
        if self._against.get(matter, "") == why_not:
            return False
        self._against.pop(matter, None)
        if why_not:
            self._against[matter] = why_not
        return True

    def on(self, seen: Seen) -> Seen:
        """What was seen of a route, with what stands against increases now."""
        why = self.why_not_raise
        if (seen.may_raise, seen.why_not_raise) == (not why, why) and seen.rules is self.rules:
            return seen
        return replace(seen, may_raise=not why, why_not_raise=why, rules=self.rules)

    def know(self, lanes: Mapping[str, Lane], ended: Mapping[str, Rollout]) -> None:
        """All rollouts that there are, live and ended; both mappings are the loop's own."""
        self._lanes, self._ended = lanes, ended

    def would_start(self, command: Start) -> Accepted | Refused:
        """What a start is answered now; this alone starts nothing."""
        live = (lane.rollout for lane in self._lanes.values())
        return decide_start(command, live, self._ended.values(), self.rules)

    def allow(self, lane: Lane) -> Lane:
        """The lane with what stands against increases now, and with the rollouts that it comes after as they are."""
        seen = self.on(lane.seen)
        if lane.rollout.spec.after and lane.rollout.phase is Phase.PREFLIGHT:
            seen = replace(seen, earlier=self._earlier(lane.rollout))
        return replace(lane, seen=seen)

    def begun_or_queued(self, rollout: Rollout) -> bool:
        """Whether its checks are over, or do not begin before a rollout that it comes after is done."""
        return rollout.phase is not Phase.PREFLIGHT or bool(awaited(rollout.spec, self._earlier(rollout))[0])

    def _earlier(self, rollout: Rollout) -> Earlier:
        found = ((name, self._phase_of(name)) for name in rollout.spec.after)
        return {name: phase for name, phase in found if phase is not None}

    def _phase_of(self, name: str) -> Phase | None:
        lane = self._lanes.get(name)
        rollout = self._ended.get(name) if lane is None else lane.rollout
        return None if rollout is None else rollout.phase

    def fresh(self, now_ms: int, lease_ms: int | None) -> Seen:
        """Nothing seen of a route yet; looking begins now."""
        return self.on(Seen(watching_from_ms=now_ms, leases=lease_ms is not None, lease_ms=lease_ms))


class Calm:
    """Whether aborts are on their way. All that comes round again (ticks, answers) waits for calm and lets them pass.

    A wait ends with the abort, or when the abort itself loses its patience: renewals must not stop with a disk.
    """

    def __init__(self) -> None:
        self.disturbed_by: set[str] = set()
        self._calm = asyncio.Event()
        self._calm.set()

    def disturb(self, name: str) -> None:
        """An abort of this rollout is on its way."""
        self.disturbed_by.add(name)
        self._calm.clear()

    def restore(self, name: str) -> None:
        """It has gone through."""
        self.disturbed_by.discard(name)
        if not self.disturbed_by:
            self._calm.set()

    def end_waiting(self) -> None:
        """Everybody goes on, although an abort is on its way."""
        self._calm.set()

    async def wait(self) -> None:
        """Return when there is calm."""
        await self._calm.wait()


class Notice:
    """Whom the loop tells: that a rollout looks different, and what was recorded. Nobody, until somebody asks."""

    def __init__(self) -> None:
        self._changed: Callable[[str], None] | None = None
        self._told: tuple[Callable[[Iterable[ev.Recorded]], None], ...] = ()
        self._untold: list[ev.Recorded] = []

    def tell(self, changed: Callable[[str], None], *recorded: Callable[[Iterable[ev.Recorded]], None]) -> None:
        """From now on tell these."""
        self._changed, self._told = changed, recorded

    def changed(self, name: str) -> None:
        """A rollout looks different."""
        if self._changed is not None:
            self._changed(name)

    def recorded(self, rows: Iterable[ev.Recorded]) -> None:
        """These events are in the record."""
        told = tuple(rows)
        for listener in self._told:
            listener(told)

    def recorded_soon(self, rows: Iterable[ev.Recorded]) -> None:
        """The same, with a line in the log for each, once the effects of these events have begun.

        Words cost as much as asking the router does; an abort does not wait for its own.
        """
        if not self._untold:
            asyncio.get_running_loop().call_later(TELL_AFTER_S, self._tell)
        self._untold += rows

    def _tell(self) -> None:
        rows, self._untold = self._untold, []
        reach(CrashPoint.CALLER_ANSWERED)
        for row in rows:
            told = {"rollout": row.stream, "revision": row.version, "who": row.actor.name}
            log.info(type(row.event).__name__, extra=told)
        self.recorded(rows)
