"""Tells model registries what became of rollouts, and starts rollouts of new versions. Nobody waits for it (I16).

What is told follows from the record alone (core/registry_wish.py) and is written until it is read back; only then the
record says so. After a crash in between it is computed and compared again: what already stands is not written twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from rolloutd.core import events as ev
from rolloutd.core.outside_events import RegistryTold
from rolloutd.core.registry_wish import CHALLENGER, AliasWish, Wish, unwritten, wish
from rolloutd.core.state import Rollout
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.hearing import Hearing
from rolloutd.journal import JournalError
from rolloutd.loop import Loop
from rolloutd.ports import Clock, Registry, RegistryError, RegistryRefused, RegistryUnreachable, SignsNotes

log = logging.getLogger("rolloutd.registering")


@dataclass(frozen=True, slots=True)
class Registered:
    """A configured registry. ``start_tag`` is the tag by which a new version starts a rollout, empty for none.

    On ``webhook_port`` of the loopback its signed notes wake the look at it; 0 for none.
    """

    registry: Registry
    every_ms: int = 60_000
    start_tag: str = ""
    webhook_port: int = 0


class Registering:
    """One task a registry, each at its own pace: one that hangs holds up no other, and no rollout."""

    def __init__(
        self,
        loop: Loop,
        registries: Mapping[str, Registered],
        look: Callable[[str, Registered], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._registries = registries
        self._look = look
        self._bells = {name: asyncio.Event() for name in registries}
        self._tasks: list[asyncio.Task[None]] = []
        self.trouble: dict[str, str] = {}
        self._wrote: dict[str, Wish] = {}

    def recorded(self, rows: Iterable[ev.Recorded]) -> None:
        """The loop says what was recorded: ring the bells, no more."""
        if any(isinstance(row.event, ev.StageEntered | ev.RolloutEnded | ev.RolloutRequested) for row in rows):
            for bell in self._bells.values():
                bell.set()

    def start(self) -> None:
        """Begin, with whatever the last process left."""
        self._tasks = [
            asyncio.create_task(self._run(name, registered), name=f"registry {name}")
            for name, registered in self._registries.items()
        ] + [
            asyncio.create_task(self._hear(name, registered), name=f"webhooks of registry {name}")
            for name, registered in self._registries.items()
            if registered.webhook_port
        ]

    async def stop(self) -> None:
        """End; what was not told is told by the next process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hear(self, name: str, registered: Registered) -> None:
        """Listen for its notes; a port that is taken is said, and tried again as the registry is."""
        assert isinstance(registered.registry, SignsNotes)  # seen to by whoever made it
        hearing = Hearing(registered.registry.genuine, self._bells[name].set, self._clock)
        try:
            while True:
                try:
                    await hearing.open(registered.webhook_port)
                    await asyncio.Event().wait()
                except OSError as error:
                    log.warning("webhooks are not heard; looking goes on", extra={"registry": name, "why": str(error)})
                    await asyncio.sleep(registered.every_ms / 1000)
        finally:
            await hearing.close()

    async def _run(self, name: str, registered: Registered) -> None:
        while True:
            self._bells[name].clear()
            try:
                refused = await self.tell(name, registered.registry)
                await self._look(name, registered)
                if refused:
                    self._say(name, refused)
                else:
                    self.trouble.pop(name, None)
            except (RegistryError, JournalError, OSError) as error:
                self._say(name, str(error))
            except Exception as error:  # side work ends nothing else (I16); it is not silent either
                self._say(name, f"telling it broke: {error}")
                log.exception("telling a registry broke; it is tried again")
            try:
                async with asyncio.timeout(registered.every_ms / 1000):
                    await self._bells[name].wait()
            except TimeoutError:
                continue

    def _say(self, name: str, trouble: str) -> None:
        if self.trouble.get(name) != trouble:
            log.warning("the registry does not know all", extra={"registry": name, "why": trouble})
        self.trouble[name] = trouble

    async def tell(self, name: str, registry: Registry) -> str:
        """Everything that this registry still has to be told, the rollouts that ended first before those that live.

        What it refuses of one rollout is returned in words, and holds up no other.
        """
        refused = ""
        live = [lane.rollout for lane in self._loop.lanes.values()]
        ended = sorted(self._loop.ended.values(), key=lambda one: one.end.at.clock_ms if one.end else 0)
        for rollout in (*ended, *live):
            if rollout.spec.registry == name and unwritten(rollout):
                try:
                    await self._tell_of(rollout, registry)
                except RegistryRefused as error:
                    refused = f"{rollout.name}: {error}"
        return refused

    async def _tell_of(self, rollout: Rollout, registry: Registry) -> None:
        due = wish(rollout)
        if self._wrote.get(rollout.name) == due:
            return
        if not await self._has(registry, due):
            left: tuple[str, ...] = (f"there is no version {due.challenger} of {due.model} in the registry",)
            wrote: tuple[str, ...] = ()
        else:
            wrote, left = await self._write(registry, due)
        if due.final:
            await self._loop.note_ended(rollout.name, RegistryTold(wrote, left))
        self._wrote[rollout.name] = due

    @staticmethod
    async def _has(registry: Registry, due: Wish) -> bool:
        try:
            await registry.version(due.model, due.challenger)
        except RegistryUnreachable:
            raise
        except RegistryError:
            return False
        return True

    async def _write(self, registry: Registry, due: Wish) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Tags, then aliases; returns what was written and what was left, in words."""
        await registry.set_tags(due.model, due.challenger, due.tags)
        wrote, left = [f"{len(due.tags)} tags"], list[str]()
        for alias in due.aliases:
            said, was_left = await self._move(registry, due.model, alias)
            (left if was_left else wrote).append(said)
        return tuple(wrote), tuple(left)

    @staticmethod
    async def _move(registry: Registry, model: str, due: AliasWish) -> tuple[str, bool]:
        """Move one alias and read it back. Raises RegistryUnreachable when it does not stand where it was set."""
        where, gone = await registry.alias(model, due.alias), "nowhere"
        if where == due.to:
            return f"alias {due.alias} points to {due.to or gone}", False
        if where not in due.moved_from:
            mine = due.alias == CHALLENGER and due.to is None
            why = "is another's by now" if mine else "was moved by somebody; it is left there"
            return f"alias {due.alias} points to {where or gone} and {why}", True
        reach(CrashPoint.BEFORE_ALIAS)
        await registry.set_alias(model, due.alias, due.to)
        stands = await registry.alias(model, due.alias)
        if stands != due.to:
            raise RegistryUnreachable(
                f"Alias {due.alias} of {model} was set to {due.to or gone} and is {stands or gone}."
            )
        reach(CrashPoint.ALIAS_MOVED)
        return f"alias {due.alias} moved from {where or gone} to {due.to or gone}", False
