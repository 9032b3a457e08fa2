"""HAProxy as a router: the share is an entry of a stick table that expires by itself, the base a line of a map file.

It keeps no record, knows only its own writes under way, and has one spare connection for removals. An entry
``<route>/<slot>`` of the table holds basis points in gpt0, ``<route>/<slot>/<segment>`` those of one segment where they
are more; the table's own expiry is the lease. The base map has a line
``<route> a`` or ``<route> b`` in a file (for the next start) and in HAProxy (for now). Level operator of the runtime
socket suffices for all of it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import field_validator

from rollout_adapters.files import rewrite_in_thread
from rollout_adapters.options import AdapterOptions, BadOption, check_options
from rollout_adapters.traffic.haproxy_isolation import HAProxyIsolation
from rollout_adapters.traffic.haproxy_socket import ANSWER_WITHIN_S, Answered, ask, conversation
from rollout_adapters.traffic.haproxy_spare import Spare
from rolloutd.core.values import ZERO, Share, Slot, parse_duration_ms
from rolloutd.ports import (
    Abilities,
    RouteConfig,
    RouterBadAnswer,
    RouteReading,
    RouterError,
    RouterRefused,
    RouterUnreachable,
)

T = TypeVar("T")
SHORTEST_LEASE_MS = 500
REMOVALS_MORE = 3
log = logging.getLogger("rolloutd.haproxy")


class HAProxyOptions(AdapterOptions):
    """The keys of ``[routers.NAME]`` with ``kind = "haproxy"``."""

    socket: Path
    """The runtime socket, ``stats socket`` in haproxy.cfg, at level operator."""
    base_map: Path
    """The map file of the bases, written exactly as haproxy.cfg names it."""
    table: str = "lease"
    """The backend that holds the stick table of the shares."""
    isolated_map: Path | None = None
    """The map file of isolated segments, as haproxy.cfg names it; needed where a route has segments."""
    lease: str = "60s"
    """The table's ``expire``. A write that finds another one is taken back and refused."""

    @field_validator("lease")
    @classmethod
    def _a_duration(cls, text: str) -> str:
        if parse_duration_ms(text) < SHORTEST_LEASE_MS:
            raise ValueError(f"a lease is at least {SHORTEST_LEASE_MS} ms, not {text}")
        return text


class HAProxyRouter:
    """Splits routes through HAProxy's runtime socket.

    There is one override a route. Where both slots have an entry (somebody's hand), the one of the slot that is not
    the base is what traffic follows and what is reported; every write of ours leaves at most one.
    """

    def __init__(self, options: HAProxyOptions, routes: Mapping[str, RouteConfig]) -> None:
        self._socket = str(options.socket)
        self._base_map = options.base_map
        self._table = options.table
        self.lease_ms = parse_duration_ms(options.lease)
        self._routes = frozenset(routes)
        self._isolation = {
            name: HAProxyIsolation(self._socket, options.isolated_map, name, route.segments)
            for name, route in routes.items()
            if route.segments is not None and options.isolated_map is not None
        }
        self._segments = {
            name: () if route.segments is None else route.segments.everybody for name, route in routes.items()
        }
        self._writes: dict[str, int] = dict.fromkeys(routes, 0)
        self._under_way: dict[str, set[asyncio.Task[Any]]] = {route: set() for route in routes}
        self.spare = Spare(self._socket)

    @property
    def abilities(self) -> Abilities:
        """Leases, steps of 0.01 %; a restart forgets the share (which is safe) and keeps the base."""
        return Abilities(engine="haproxy", leases=True, finest_step_bp=1, segments=bool(self._isolation))

    async def read(self, route: str) -> RouteReading:
        """Read the entries, the base and the process in one command line. Raises RouterError."""
        self._check(route)
        return self._reading(route, await ask(self._socket, *self._look(route)))

    def _look(self, route: str) -> tuple[str, ...]:
        keys = [key for slot in Slot for key in self._keys(route, slot)]
        shows = [f"show table {self._table} key {key}" for key in keys]
        isolation = self._isolation.get(route)
        looks = () if isolation is None else isolation.looks
        return (*shows, f"get map {self._base_map} {route}", *looks, "show info")

    def _reading(self, route: str, answered: Answered) -> RouteReading:
        """What the answer to ``_look`` says."""
        isolation = self._isolation.get(route)
        instance = _instance(answered)
        self.spare.keep(instance)
        base = self._base_in(answered, route)
        # What the config looks at comes first: the entry of the slot that is not the base.
        held = _shares(answered)
        slot = next((slot for slot in (base.other, base) if held.keys() & set(self._keys(route, slot))), None)
        off = () if isolation is None else isolation.found(answered)
        if slot is None:
            return RouteReading(base, None, ZERO, None, instance, isolated=off)
        left_ms = min(answered.entries[key][1] for key in self._keys(route, slot) if key in held)
        return RouteReading(base, slot, self._share_in(held, route, slot), left_ms, instance, isolated=off)

    async def set_share(self, route: str, slot: Slot, share: Share) -> None:
        """Write the entry, drop the other slot's, and see both in the answer: one command line, one round trip."""
        self._check(route)
        self._writes[route] += 1
        table, wanted = self._table, self._wanted(route, slot, share)
        keys = (*self._keys(route, slot), *self._keys(route, slot.other))
        line = (
            *(command for key in keys if key not in wanted for command in _removal(table, key)),
            *(f"set table {table} key {key} data.gpt0 {points}" for key, points in wanted.items()),
            *(f"show table {table} key {key}" for key in keys),
            f"get map {self._base_map} {route}",
        )
        if share > ZERO:
            await self._check_held(await self._to_the_end(route, ask(self._socket, *line)), wanted)
            return
        answered = await self._remove(route, line)
        await self._check_held(answered, {})
        await self._mend_base_file(route, answered)

    async def renew(self, route: str, slot: Slot, share: Share) -> RouteReading | None:
        """Write the entry again when it still holds exactly ``share``; HAProxy starts its expiry anew.

        HAProxy cannot compare and set, so between our look and our write somebody else's removal can be undone for
        as long as the next tick takes. A removal of ours that began meanwhile is seen here and wins.
        """
        self._check(route)
        wanted = self._wanted(route, slot, share)
        if share == ZERO:
            return None
        answered = await self._to_the_end(route, self._renewed(route, slot, wanted))
        if answered is None:
            return None
        mine = {key: answered.entries[key] for key in self._keys(route, slot) if key in answered.entries}
        await self._check_held(replace(answered, entries=mine), wanted)  # a hand's entry on the other slot is drift
        return self._reading(route, answered)

    async def _renewed(self, route: str, slot: Slot, wanted: Mapping[str, int]) -> Answered | None:
        """Look, write and look again on one connection, so by one process of HAProxy's; None without a write."""
        writes = self._writes[route]
        async with conversation(self._socket) as say:
            held = _shares(await say(*(f"show table {self._table} key {key}" for key in self._keys(route, slot))))
            if held != wanted or writes != self._writes[route]:
                return None
            again = (f"set table {self._table} key {key} data.gpt0 {points}" for key, points in wanted.items())
            return await say(*again, *self._look(route))

    async def set_base(self, route: str, slot: Slot) -> None:
        """Write the map file, then HAProxy's own copy, and read that back. The file first: a reload reads it.

        Refuses while both slots have an entry: the one of today's base, without effect until now, would take traffic
        at the very moment of the change.
        """
        self._check(route)
        get = f"get map {self._base_map} {route}"
        show = [f"show table {self._table} key {key}" for each in Slot for key in self._keys(route, each)]
        answered = await ask(self._socket, get, *show)
        held = _shares(answered)
        if all(held.keys() & set(self._keys(route, each)) for each in Slot):
            raise RouterRefused(
                f"The base of {route} stays as it is: both slots have an entry in the table {self._table}, and the one "
                "without effect now would take traffic as soon as the base changes.",
                f"Remove the one that is not wanted: clear table {self._table} key {_key(route, slot.other)}",
            )
        await self._write_base_file(route, slot)
        verb = "set map" if route in answered.mapped else "add map"
        answered = await ask(self._socket, f"{verb} {self._base_map} {route} {slot}", get)
        if answered.mapped.get(route) != slot.value:
            raise RouterRefused(f"HAProxy took base {slot} for {route}, but its map still says {answered.mapped}.")

    async def isolate(self, route: str, segments: tuple[str, ...]) -> None:
        """Put these segments into the permanent map, which is looked at before any share; no entry there expires."""
        self._check(route)
        isolation = self._isolation.get(route)
        if isolation is None:
            raise RouterRefused(f"Route {route} has no segments on this HAProxy; nobody can be isolated.")
        await isolation.keep(segments)

    async def close(self) -> None:
        """The spare connection is let go; writes under way are cut off."""
        self.spare.close()
        for task in set().union(*self._under_way.values()):
            task.cancel()

    async def _to_the_end(self, route: str, asking: Coroutine[Any, Any, T]) -> T:
        """Ask in a task that a cancelled caller does not end.

        Closing the connection takes nothing back: HAProxy may carry out the line later, on another thread, after a
        removal that was sent later. Only its answer tells that it is over, and a removal waits for that.
        """
        task = asyncio.create_task(asking)
        self._under_way[route].add(task)
        task.add_done_callback(self._under_way[route].discard)
        return await asyncio.shield(task)

    async def _remove(self, route: str, line: tuple[str, ...]) -> Answered:
        """Remove at once; then, where writes of ours were under way, again when those are over.

        HAProxy's threads carry out two lines at once, so what another process writes can still land between removal
        and look: the removal must win, and is repeated. So it is where a reload cut the connection.
        """
        hurried = self.spare.say("; ".join(line))
        try:
            answered = await ask(self._socket, *line)
        except RouterUnreachable:
            answered = await ask(self._socket, *line)
        if hurried is not None:
            await asyncio.wait({hurried}, timeout=ANSWER_WITHIN_S)
        if self._under_way[route]:
            await asyncio.wait(set(self._under_way[route]))
            answered = await ask(self._socket, *line)
        for _ in range(REMOVALS_MORE):
            if _shares(answered):
                answered = await ask(self._socket, *line)
        return answered

    def _keys(self, route: str, slot: Slot) -> tuple[str, ...]:
        """A slot's entries: everybody's, then each segment's own."""
        return (_key(route, slot), *(_key(route, slot, name) for name in self._segments[route]))

    def _wanted(self, route: str, slot: Slot, share: Share) -> dict[str, int]:
        """The entries that say this share, with their basis points."""
        unknown = [name for name, _ in share.segments if name not in self._segments[route]]
        if unknown:
            raise RouterRefused(f"HAProxy knows no segment {unknown[0]} of route {route}; nothing was written.")
        own = {_key(route, slot, name): points for name, points in share.segments}
        return {**({_key(route, slot): share.basis_points} if share.basis_points else {}), **own}

    def _share_in(self, held: Mapping[str, int], route: str, slot: Slot) -> Share:
        everybody = _points(held.get(_key(route, slot), 0), route)
        own = [(name, _points(held.get(_key(route, slot, name), 0), route)) for name in self._segments[route]]
        return Share(everybody, tuple(own))

    async def _check_held(self, answered: Answered, wanted: Mapping[str, int]) -> None:
        """What was written must be there, and live exactly as long as was promised."""
        held = _shares(answered)
        if held != wanted:
            raise RouterRefused(
                f"HAProxy took {_told(wanted)} without a word, but then its table {self._table} held "
                f"{held or 'nothing'}.",
                "See who else writes to this table, and that it has room for every route (its `size`).",
            )
        for key, left_ms in ((key, answered.entries[key][1]) for key in wanted):
            if not self.lease_ms - min(1_000, self.lease_ms // 4) <= left_ms <= self.lease_ms:
                await ask(self._socket, *_removal(self._table, key))
                raise RouterRefused(
                    f"An entry of HAProxy's table {self._table} lives {left_ms} ms and not {self.lease_ms} ms as the "
                    f"router's lease says; {key} was taken back, and the base serves.",
                    "Make `expire` in haproxy.cfg and `lease` of the router the same.",
                )

    async def _write_base_file(self, route: str, slot: Slot) -> None:
        try:
            await rewrite_in_thread(self._base_map, lambda text: with_base(text, route, slot))
        except OSError as error:
            raise RouterRefused(
                f"The base of {route} cannot be written to {self._base_map} ({error.strerror or error}); HAProxy's own "
                "base and all traffic stay as they are.",
                "Let the daemon write this file and its folder, and see that the disk has room.",
            ) from error

    async def _mend_base_file(self, route: str, answered: Answered) -> None:
        """After going back to the base: make the file say the base that runs.

        A base change cut off between file and HAProxy leaves a file that would move all traffic at the next reload.
        The share is zero already, so a file that cannot be mended is logged, not raised.
        """
        try:
            base = self._base_in(answered, route)
            if base_of(self._base_map.read_text(encoding="utf-8", errors="surrogateescape"), route) is not base:
                await self._write_base_file(route, base)
        except (OSError, RouterError) as error:
            log.warning("The share of %s is 0, but its base in %s may be wrong: %s", route, self._base_map, error)

    def _base_in(self, answered: Answered, route: str) -> Slot:
        found = answered.mapped.get(route)
        if found not in tuple(Slot):
            raise RouterBadAnswer(
                f"The base map {self._base_map} has {'no line' if found is None else found} for {route} where a or b "
                "belongs; HAProxy serves slot a.",
                f"Write a line `{route} a` into that file and reload HAProxy.",
            )
        return Slot(found)

    def _check(self, route: str) -> None:
        if route not in self._routes:
            raise RouterRefused(
                f"There is no route {route} on this HAProxy; known are {', '.join(sorted(self._routes))}."
            )


def base_of(text: str, route: str) -> Slot | None:
    """The base that the map file's text gives the route; None when it has no such line."""
    rows = (row.split() for row in text.splitlines())
    found = next((row[1] for row in rows if len(row) > 1 and row[0] == route), None)
    return Slot(found) if found in tuple(Slot) else None


def with_base(text: str, route: str, slot: Slot) -> str:
    """The map file's text with exactly one line for ``route``; comments and other routes stay as they are."""
    line = re.compile(rf"[ \t]*{re.escape(route)}(?:[ \t].*)?")
    kept = [row for row in text.splitlines() if not line.fullmatch(row)]
    return "\n".join([*kept, f"{route} {slot}"]) + "\n"


def _key(route: str, slot: Slot, segment: str = "") -> str:
    return f"{route}/{slot}/{segment}" if segment else f"{route}/{slot}"


def _removal(table: str, key: str) -> tuple[str, str]:
    """The commands that end an entry. An entry that a request reads just then cannot be removed, but always zeroed."""
    return f"set table {table} key {key} data.gpt0 0", f"clear table {table} key {key}"


def _shares(answered: Answered) -> dict[str, int]:
    """The entries that give a share; one of zero is as good as none."""
    return {key: share for key, (share, _) in answered.entries.items() if share > 0}


def _told(wanted: Mapping[str, int]) -> str:
    return ", ".join(f"{Share(points)} for {key}" for key, points in wanted.items()) or "a removal"


def _points(basis_points: int, route: str) -> int:
    if basis_points > 10_000:
        raise RouterBadAnswer(
            f"HAProxy holds {basis_points} basis points for {route}, more than all its traffic; somebody wrote that."
        )
    return basis_points


def _instance(answered: Answered) -> str:
    """The worker process: another one after a restart or a reload, and it has forgotten every share."""
    try:
        return f"{answered.info['Pid']}:{answered.info['Start_time_sec']}"
    except KeyError as missing:
        raise RouterBadAnswer(
            f"HAProxy's `show info` says nothing of {missing}; it needs to be 2.4 or newer."
        ) from None


def make(options: Mapping[str, object], routes: Mapping[str, RouteConfig]) -> HAProxyRouter:
    """Build the router from its options. Raises BadOption."""
    told = check_options(HAProxyOptions, options, "The router kind haproxy")
    apart = sorted(name for name, route in routes.items() if route.segments is not None)
    if apart and told.isolated_map is None:
        raise BadOption(f"Route {apart[0]} has segments, so its HAProxy needs the key isolated_map.")
    return HAProxyRouter(told, routes)
