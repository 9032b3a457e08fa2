"""The verb reload: the configuration is read again, recorded, then taken over at one stroke, or refused whole.

It raises nothing and asks no router. Reading happens beside the loop, so an abort never waits for it (I2); whoever
asked is on record before anything is other than it was (I4, I10); every live rollout begins a fresh look (I8) and keeps
the plan that it began with (I14). It decides nothing about any rollout.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from rolloutd import outcomes, wire_daemon
from rolloutd.core.commands import RefusalCode, Refused
from rolloutd.core.decide import Accepted
from rolloutd.core.outside_events import ConfigurationRead
from rolloutd.core.values import THE_DAEMON, Actor
from rolloutd.holding import FleetHolding
from rolloutd.journal import CommandKey, CommandRepeated, JournalError
from rolloutd.loop import Loop
from rolloutd.ports import RolloutdError
from rolloutd.rereading import Fresh, Rereading
from rolloutd.settings.problems import SettingsError
from rolloutd.settings.takeover import RESTART

VERB = "reload"
KEYS_TOLD = 100
BY_SIGNAL = replace(THE_DAEMON, via="SIGHUP")
"""A signal says nothing of its sender; the kernel lets only root and the daemon's own user send one, both admins."""
log = logging.getLogger("rolloutd.reloading")


class Reloading:
    """One reload at a time. ``adopt`` lets what was read be true everywhere, without a pause in between."""

    def __init__(
        self,
        loop: Loop,
        holding: FleetHolding,
        rereading: Rereading,
        adopt: Callable[[Fresh], Awaitable[None]],
    ) -> None:
        self._loop = loop
        self._holding = holding
        self._rereading = rereading
        self._adopt = adopt
        self._turn = asyncio.Lock()
        self.waiting: tuple[str, ...] = ()

    async def reload(
        self, actor: Actor, reason: str, key: CommandKey | None
    ) -> tuple[Accepted | Refused, Fresh | None]:
        """Read the file and take over what can be. The same key again is answered as it was the first time."""
        async with self._turn:
            repeated = await self._holding.outcome_before(key)
            if repeated is not None:
                return repeated, None
            try:
                fresh = await asyncio.to_thread(self._rereading.read)
            except (RolloutdError, OSError) as error:
                return await self._refuse(error, actor), None
            return await self._take(fresh, actor, reason, key)

    async def _refuse(self, error: RolloutdError | OSError, actor: Actor) -> Refused:
        told = error.what if isinstance(error, SettingsError) else str(error)
        next_step = error.next_step if isinstance(error, RolloutdError) else "rolloutd check, then reload again"
        refused = Refused(RefusalCode.BAD_INPUT, f"{told}\nThe daemon goes on with what it runs with.", next_step)
        await self._holding.refused(VERB, refused.code.value, "; ".join(map(str.strip, told.splitlines())), actor)
        return refused

    async def _take(
        self, fresh: Fresh, actor: Actor, reason: str, key: CommandKey | None
    ) -> tuple[Accepted | Refused, Fresh | None]:
        """Fresh looks first, then the record, then the deed: what fails on the way has lowered and raised nothing."""
        looked: set[str] = set()
        accepted = Accepted((_event(fresh, reason),), _sentence(fresh, len(self._loop.lanes)))
        try:
            if fresh.something_taken:
                await self._look_afresh(looked)
            await self._holding.record(accepted, actor, key)
        except CommandRepeated as repeated:
            return outcomes.from_text(repeated.stored.outcome), None
        except JournalError as error:
            return Refused(RefusalCode.NOT_NOW, f"It could not be recorded: {error}", error.next_step), None
        await self._adopt(fresh)
        self._rereading.adopted(fresh)
        self.waiting = fresh.changed.waiting
        try:
            if fresh.something_taken:
                await self._look_afresh(looked)  # what began meanwhile
        except JournalError as error:
            self._loop.stop_raising(f"a fresh look could not be recorded after a reload: {error}")
        log.warning("the configuration was read again", extra={"who": actor.name, "what": accepted.message})
        return accepted, fresh

    async def _look_afresh(self, looked: set[str]) -> None:
        """Nothing goes up by itself on what was seen under another configuration (I8)."""
        for name in [name for name in self._loop.lanes if name not in looked]:
            await self._loop.calm.wait()
            await self._loop.look_afresh(name, "the configuration was read again")
            looked.add(name)

    def checks(self) -> list[wire_daemon.Check]:
        """For the doctor: what the file says and the daemon does not do yet."""
        if not self.waiting:
            return []
        told = f"these keys of the file count after a restart only: {', '.join(self.waiting[:KEYS_TOLD])}"
        return [wire_daemon.Check(name="configuration", ok=True, detail=told, next=RESTART)]

    async def follow(self, bell: asyncio.Event) -> None:
        """Reload whenever the bell rings: SIGHUP. What comes of it is in the log and the record."""
        while True:
            await bell.wait()
            bell.clear()
            try:
                decision, _ = await self.reload(BY_SIGNAL, "asked for by SIGHUP", None)
            except Exception:  # a file must not end the daemon, whatever stands in it; it is not silent either
                log.exception("reading the configuration again broke; the daemon goes on with what it runs with")
                continue
            if isinstance(decision, Refused):
                log.error("the configuration was refused", extra={"why": decision.message, "next": decision.next_step})


def _event(fresh: Fresh, reason: str) -> ConfigurationRead:
    taken, waiting = fresh.changed.taken, fresh.changed.waiting
    return ConfigurationRead(
        fresh.settings.file, fresh.settings.sha256, taken[:KEYS_TOLD], waiting[:KEYS_TOLD], reason,
        max(0, len(taken) - KEYS_TOLD) + max(0, len(waiting) - KEYS_TOLD),
    )  # fmt: skip


def _sentence(fresh: Fresh, live: int) -> str:
    """What it came to, for whoever asked."""
    taken, waiting = fresh.changed.taken, fresh.changed.waiting
    parts = [f"taken over: {', '.join(taken[:KEYS_TOLD])}"] if taken else []
    if fresh.notifiers is not None and not any(key.startswith("notify") for key in taken):
        parts.append("taken over: new secrets of [notify]")
    if waiting:
        parts.append(f"needs a restart ({RESTART}): {', '.join(waiting[:KEYS_TOLD])}")
    if not parts:
        return "nothing has changed since the file was last read"
    if fresh.something_taken and live:
        parts.append(f"live rollouts keep their plans and begin a fresh look ({live})")
    return "; ".join(parts)
