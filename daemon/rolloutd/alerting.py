"""Telling people, put together: one task that derives what is due, one a notifier that tells it. It decides nothing.

Nobody waits for it (invariant I16): the loop only rings a bell here. What breaks in here is logged, shown by the doctor
and tried again; it never ends the daemon and never holds up a tick, a gate or an abort.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rolloutd import wire_daemon
from rolloutd.core.events import Recorded
from rolloutd.core.incidents import Incident, Message
from rolloutd.core.state import Rollout
from rolloutd.core.values import format_duration
from rolloutd.incident_book import IncidentBook, matters
from rolloutd.journal import Journal, JournalError
from rolloutd.outbox import Outbox
from rolloutd.ports import Clock, Notifier, NotifierError
from rolloutd.telling import DEADLINE_S, Teller

OUTBOX_FILE = "outbox.db"
LOOK_AGAIN_S = 30.0
AFTER_TROUBLE_S = 2.0
log = logging.getLogger("rolloutd.alerting")


@dataclass(frozen=True, slots=True)
class Told:
    """A configured notifier. ``only_critical`` spares it what can wait; ``digest_ms`` is the pause of its digests."""

    notifier: Notifier
    only_critical: bool = False
    digest_ms: int = 60_000

    def wants(self, about: Message | Incident) -> bool:
        """Whether it is told of this."""
        return about.critical or not self.only_critical


class Alerting:
    """All of it. Make it with ``open``; with no notifiers it opens nothing and does nothing."""

    def __init__(self, notifiers: Mapping[str, Told], state_dir: Path, journal: Journal, clock: Clock) -> None:
        self._notifiers = notifiers
        self._file = state_dir / OUTBOX_FILE
        self._journal = journal
        self._clock = clock
        self._outbox: Outbox | None = None
        self._bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.broken = ""
        self._book: IncidentBook | None = None
        self.tellers: list[Teller] = []

    @classmethod
    def open(cls, notifiers: Mapping[str, Told], state_dir: Path, journal: Journal, clock: Clock) -> Alerting:
        """With the outbox in the state directory. One that cannot be used is no reason not to run."""
        made = cls(notifiers, state_dir, journal, clock)
        made._open_outbox()
        return made

    def _open_outbox(self) -> None:
        """Where somebody is to be told. It blocks."""
        if self._outbox is None and self._notifiers:
            try:
                self._outbox = Outbox.open(self._file)
            except JournalError as error:
                self._cannot(error)
        if self._outbox is None:
            return
        outbox, sender = self._outbox, f"rolloutd/{socket.gethostname()}"
        self._book = self._book or IncidentBook(self._journal, outbox, self._clock, sender, self._due)
        self.tellers = [self._teller(name, told, outbox) for name, told in self._notifiers.items()]

    def _cannot(self, error: JournalError) -> None:
        self.broken = str(error)
        log.critical("nobody is told of anything: the outbox cannot be used", extra={"why": self.broken})

    def _teller(self, name: str, told: Told, outbox: Outbox) -> Teller:
        def still_open() -> Iterable[Incident]:
            return [one for one in self._open() if told.wants(one)]

        return Teller(name, told.notifier, outbox, self._clock, told.digest_ms, still_open)

    def _open(self) -> list[Incident]:
        return [] if self._book is None else list(self._book.open.values())

    def _due(self, message: Message) -> list[str]:
        return [name for name, told in self._notifiers.items() if told.wants(message)]

    def recorded(self, rows: Iterable[Recorded]) -> None:
        """The loop says what was recorded: ring the bell, no more."""
        if self._book is not None and any(matters(row.event) for row in rows):
            self._bell.set()

    async def start(self, rollouts: Iterable[Rollout]) -> None:
        """Begin. Before anything new is recorded, so that a first outbox knows what it starts from."""
        if self._book is None:
            return
        book = self._book
        try:
            await book.begin(rollouts)
        except JournalError as error:
            self._cannot(error)
            return
        self._bell.set()
        deriving = asyncio.create_task(self._for_ever(lambda: self._derive(book)), name="incidents")
        telling = [asyncio.create_task(self._for_ever(one.run), name=f"tell {one.name}") for one in self.tellers]
        self._tasks = [deriving, *telling]

    async def _derive(self, book: IncidentBook) -> None:
        """Read on whenever the bell rings, and now and then anyway; first from where the outbox really is."""
        await book.reload()
        self._bell.set()
        while True:
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._bell.wait()
            except TimeoutError:
                pass
            self._bell.clear()
            if await book.catch_up():
                for teller in self.tellers:
                    teller.wake()
            self.broken = ""

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever breaks is told to the log and the doctor, and tried again."""
        while True:
            try:
                await work()
            except Exception as error:  # side work ends nothing else (I16); it is not silent either
                self.broken = f"telling people broke: {error}"
                log.exception("telling people broke; it is tried again")
                await asyncio.sleep(AFTER_TROUBLE_S)

    async def adopt(self, notifiers: Mapping[str, Told], rollouts: Iterable[Rollout]) -> None:
        """Tell these from here on, as after a restart: nothing that waits is lost, what was not noted is told again."""
        await self._end()
        self._notifiers, self.broken = notifiers, ""
        try:
            await asyncio.to_thread(self._open_outbox)
            await self.start(rollouts)
        except Exception as error:  # the rest is taken over and on record: side work makes no error of it (I16)
            self.broken = f"nobody is told since the configuration was read again: {error}"
            log.exception("nobody is told of anything since a reload")

    async def stop(self) -> None:
        """End the tasks; what was not told is told by the next process."""
        await self._end()
        if self._outbox is not None:
            await self._outbox.close()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        closing = (told.notifier.close() for told in self._notifiers.values())
        await asyncio.gather(*closing, return_exceptions=True)  # a stranger's adapter must not end anything else

    # ---- doctor

    async def checks(self) -> list[wire_daemon.Check]:
        """One line a notifier; all at once, each within the deadline."""
        if self.broken:
            return [
                wire_daemon.Check(
                    name="notify", ok=False, detail=self.broken, next="see the daemon's log; traffic is not touched"
                )
            ]
        return list(await asyncio.gather(*map(self._check, self.tellers)))

    async def _check(self, teller: Teller) -> wire_daemon.Check:
        name = f"notify {teller.name}"
        assert self._outbox is not None
        figures, now_ms = await self._outbox.figures(teller.name), self._clock.now().clock_ms
        lost = f"; {figures.dead} given up for good" if figures.dead else ""
        try:
            async with asyncio.timeout(DEADLINE_S):
                await teller.notifier.check()
        except TimeoutError:
            return wire_daemon.Check(name=name, ok=False, detail=f"no answer within {DEADLINE_S:g} s{lost}", next=_NEXT)
        except NotifierError as error:
            return wire_daemon.Check(name=name, ok=False, detail=f"{error}{lost}", next=error.next_step)
        if figures.waiting and figures.oldest_ms is not None and figures.error:
            age = format_duration(max(0, now_ms - figures.oldest_ms))
            detail = f"{figures.waiting} messages wait, the oldest for {age}: {figures.error}{lost}"
            return wire_daemon.Check(name=name, ok=False, detail=detail, next=_NEXT)
        told_ms = teller.standing.told_at_ms
        last = "nothing told since the start" if told_ms is None else f"told {format_duration(now_ms - told_ms)} ago"
        return wire_daemon.Check(
            name=name, ok=not figures.dead, detail=f"can be reached, {last}{lost}", next=_NEXT if lost else ""
        )


_NEXT = "Mend the receiver or its table in [notify]; what waits is told within five minutes after."
