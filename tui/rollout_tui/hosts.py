"""Several daemons as one client: a name carries its host, all streams are one, a request goes to its own host.

A host that is lost says so and hides no other; what was last heard of it stays, and the screen marks it. It must not
decide anything, and never sends to one host what was meant for another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rollout_tui.client import Client, follow, socket_dir
from rollout_tui.facts import Contact, Gap, host_of, real_name
from rollout_tui.folding import Contacts, Gone, Incoming, gap_before
from rollout_tui.http import Unreachable
from rollout_tui.link import LOST_S
from rollout_tui.options import Options
from rollout_tui.orders import Order
from rolloutd.pictures import Past, Plan, Series
from rolloutd.wire import ActionDone, Fleet, FleetHold, FleetRow, Problem, Status, Timeline, Why
from rolloutd.wire_daemon import Heartbeat, Hello, SourceAge

if TYPE_CHECKING:
    from rolloutd.wire_report import Report

TICK_S = 1.0
ALL = "several hosts"
Named = TypeVar("Named", FleetRow, Status)
Said = tuple[str, Incoming | str]


class Hosts(Client):
    """One client a host, by the host's name as it was given. ``read_only`` is the clients' own matter."""

    def __init__(self, clients: Mapping[str, Client], now: Callable[[], float], retry_s: float) -> None:
        first = next(iter(clients.values()))
        super().__init__(first.view.parent)
        self._clients = dict(clients)
        self._now = now
        self._retry_s = retry_s
        self._rows: dict[str, dict[str, FleetRow]] = {host: {} for host in clients}
        self._hellos: dict[str, Hello] = {}
        self._beats: dict[str, tuple[Heartbeat, float]] = {}
        self._greeting = True
        self.contacts = {host: Contact() for host in clients}

    def _of(self, name: str) -> Client:
        """The client of a rollout's host. Raises Unreachable for a name without one: nothing is guessed."""
        client = self._clients.get(host_of(name))
        if client is None:
            raise Unreachable(f"{name or 'it'} names no host of these: {', '.join(self._clients)}", sent=False)
        return client

    async def status(self, name: str) -> Status | Problem:
        """One rollout now."""
        found = await self._of(name).status(real_name(name))
        return found if isinstance(found, Problem) else _named(found, host_of(name))

    async def timeline(self, name: str) -> Timeline | Problem:
        """Its record."""
        return await self._of(name).timeline(real_name(name))

    async def plan(self, name: str) -> Plan | Problem:
        """Its plan."""
        return await self._of(name).plan(real_name(name))

    async def past(self, name: str, seq: int) -> Past | Problem:
        """How it was."""
        found = await self._of(name).past(real_name(name), seq)
        if isinstance(found, Problem):
            return found
        return found.model_copy(update={"name": name, "status": _named(found.status, host_of(name))})

    async def series(self, name: str, metric: str, last_s: int, points: int) -> Series | Problem:
        """The course of a metric."""
        return await self._of(name).series(real_name(name), metric, last_s, points)

    async def why(self, name: str) -> Why | Problem:
        """Its decision in words."""
        return await self._of(name).why(real_name(name))

    async def report(self, name: str) -> Report | Problem:
        """One page about it."""
        return await self._of(name).report(real_name(name))

    async def act(self, order: Order, deadline_s: float = 5.0) -> ActionDone | Problem:
        """Send it to its host."""
        return await self._of(order.name).act(replace(order, name=real_name(order.name)), deadline_s)

    async def events(self, name: str = "") -> AsyncGenerator[Incoming, None]:
        """All hosts' news, or one rollout's own from its host. Raises Unreachable when no host is there any more."""
        if not name:
            async with aclosing(self._all()) as merged:
                async for one in merged:
                    yield one
            return
        host = host_of(name)
        async with aclosing(self._of(name).events(real_name(name))) as own:
            async for one in own:
                if isinstance(one, Hello):
                    yield self._hello(one)
                else:
                    yield _named(one, host) if isinstance(one, Status) else one

    async def _all(self) -> AsyncGenerator[Incoming, None]:
        said: asyncio.Queue[Said] = asyncio.Queue()
        self._greeting = True
        self.contacts = {host: replace(one, link=one.link.closed("")) for host, one in self.contacts.items()}
        following = {host: asyncio.create_task(self._follow(host, said)) for host in self._clients}
        tried: set[str] = set()
        try:
            while True:
                try:
                    async with asyncio.timeout(TICK_S):
                        host, one = await said.get()
                except TimeoutError:
                    host, one = "", ""
                for messages in (self._take(host, one), self._silent(following, said)):
                    for message in messages:
                        yield message
                tried |= {host} if host else set()
                if tried >= set(self._clients) and not any(contact.link.open for contact in self.contacts.values()):
                    whys = (f"{host}: {contact.link.why}" for host, contact in self.contacts.items())
                    raise Unreachable("; ".join(whys), sent=True)
        finally:
            for task in following.values():
                task.cancel()
            await asyncio.gather(*following.values(), return_exceptions=True)

    def _follow(self, host: str, said: asyncio.Queue[Said]) -> Coroutine[Any, Any, None]:
        def came(one: Incoming) -> None:
            said.put_nowait((host, one))

        return follow(self._clients[host], "", came, came_to_end(said, host), lambda: None, self._retry_s)

    def _silent(self, following: dict[str, asyncio.Task[None]], said: asyncio.Queue[Said]) -> list[Incoming]:
        """A host that says nothing for too long is given up and asked anew, as a single one would be."""
        found: list[Incoming] = []
        for host, contact in self.contacts.items():
            if contact.link.open and contact.link.age_s(self._now()) >= LOST_S:
                following[host].cancel()
                following[host] = asyncio.create_task(self._follow(host, said))
                found += self._take(host, "the daemon is silent, its socket still open")
        return found

    def _take(self, host: str, one: Incoming | str) -> list[Incoming]:
        """What one message of a host (or the end of its stream, as a reason) is for a reader of all."""
        if not host:
            return []
        before, now_s = self.contacts[host], self._now()
        if isinstance(one, str):
            self.contacts[host] = replace(before, link=before.link.closed(one))
            return [self._contacts()]
        if isinstance(one, Hello):
            return self._greeted(host, one)
        self.contacts[host] = replace(before, link=before.link.heard(now_s, picture=isinstance(one, Fleet)))
        if isinstance(one, Fleet):
            self._rows[host] = {row.name: _named(row, host) for row in one.rollouts}
            rows = [row for rows in self._rows.values() for row in rows.values()]
            held = any(beat.held for beat, _ in self._beats.values()) or one.hold
            needs = sum(row.needs_you for row in rows)
            told = {"rollouts": rows, "total": len(rows), "needs_you": needs, "hold": held}
            return [one.model_copy(update=told), self._contacts()]
        if isinstance(one, FleetRow):
            self._rows[host][one.name] = _named(one, host)
            return [self._rows[host][one.name]]
        if isinstance(one, Gone):
            self._rows[host].pop(one.name, None)
            return [Gone(name=f"{one.name}@{host}")]
        if isinstance(one, Heartbeat):
            self._beats[host] = (one, now_s)
            return [self._beat(one, now_s), self._contacts()]
        return []

    def _greeted(self, host: str, hello: Hello) -> list[Incoming]:
        before = self.contacts[host]
        gap = gap_before(self._hellos.get(host), hello, before.link, self._now(), host)
        first, self._greeting = self._greeting, False
        self._hellos[host] = hello
        link = before.link.opened(self._now())
        self.contacts[host] = Contact(link, hello.role, hello.read_only, hello.api)
        told: list[Incoming] = [self._hello(hello)] if first else []
        return [*told, self._contacts(gap)]

    def _contacts(self, gap: Gap | None = None) -> Contacts:
        return Contacts(dict(self.contacts), gap)

    def _hello(self, hello: Hello) -> Hello:
        """Who answers: all of them; a restart of one is told on its own."""
        simulated = any(one.simulated for one in (hello, *self._hellos.values()))
        return hello.model_copy(update={"host": f"{len(self._clients)} hosts", "boot_id": ALL, "simulated": simulated})

    def _beat(self, newest: Heartbeat, now_s: float) -> Heartbeat:
        """What all said last; what a host said that is silent since has grown older, also beside one that speaks."""
        beats = [(host, beat) for host, (beat, _) in self._beats.items()]
        since_s = {host: now_s - at_s for host, (_, at_s) in self._beats.items()}
        here = sorted({name for _, beat in beats for name in beat.here})
        sources = [_of_host(one, host, since_s[host]) for host, beat in beats for one in beat.sources]
        routers = [_of_host(one, host, since_s[host]) for host, beat in beats for one in beat.routers]
        message = "; ".join(f"{host}: {beat.message}" for host, beat in beats if beat.message)
        held = _held({host: beat.held for host, beat in beats if beat.held})
        proposed = [f"{name}@{host}" for host, beat in beats for name in beat.proposed]
        told = {"sources": sources, "routers": routers, "here": here, "message": message, "held": held, "boot_id": ALL}
        return newest.model_copy(update={**told, "proposed": proposed})


def client_for(options: Options, now: Callable[[], float]) -> Client:
    """The client that the screen was started for: of this host, of another one, or of several."""
    if not options.bridges:
        return Client(socket_dir(options.where), read_only=options.read_only, early=options.early)
    clients = {host: Client(one.where, read_only=options.read_only) for host, one in options.bridges.items()}
    return next(iter(clients.values())) if len(clients) == 1 else Hosts(clients, now, options.retry_s)


def came_to_end(said: asyncio.Queue[Said], host: str) -> Callable[[str], None]:
    """What puts the end of a host's stream into the queue."""

    def ended(why: str) -> None:
        said.put_nowait((host, why or "the connection ended"))

    return ended


def _of_host(one: SourceAge, host: str, since_s: float) -> SourceAge:
    age_s = None if one.age_s is None else one.age_s + since_s
    return one.model_copy(update={"name": f"{host}/{one.name}", "age_s": age_s})


def _held(holds: Mapping[str, FleetHold]) -> FleetHold | None:
    """The holds of all hosts as one: the first with its host, the others counted."""
    if not holds:
        return None
    host, first = next(iter(holds.items()))
    others = len(holds) - 1 + sum(one.others for one in holds.values())
    return first.model_copy(update={"by": f"{first.by} on {host}", "others": others})


def _named(one: Named, host: str) -> Named:
    """The same picture under a name with its host."""
    return one.model_copy(update={"name": f"{one.name}@{host}"})
