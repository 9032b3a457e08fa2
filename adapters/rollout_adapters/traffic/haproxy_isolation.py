"""Segments that HAProxy keeps on the base: lines of a map file, in the file and in HAProxy. It never touches a share.

A line ``<route>/<segment> off`` stands until it is taken out: a map has no expiry, and the file is read at every start.
Whoever is kept off is so in HAProxy first, in the file next; whoever is let in leaves the file first. So a crash
between the two leaves more people on the base than were asked for, never fewer, until the next look.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from rollout_adapters.files import rewrite_in_thread
from rollout_adapters.traffic.haproxy_socket import Answered, ask
from rolloutd.ports import RouterRefused, Segments

OFF = "off"


class HAProxyIsolation:
    """The isolated segments of one route."""

    def __init__(self, socket: str, file: Path, route: str, segments: Segments) -> None:
        self._socket = socket
        self._file = file
        self._route = route
        self._keys = {name: f"{route}/{name}" for name in segments.everybody}

    @property
    def looks(self) -> tuple[str, ...]:
        """The commands whose answer ``found`` reads."""
        return tuple(f"get map {self._file} {key}" for key in self._keys.values())

    def found(self, answered: Answered) -> tuple[str, ...]:
        """The segments that HAProxy keeps on the base, by name."""
        return tuple(sorted(name for name, key in self._keys.items() if answered.mapped.get(key) == OFF))

    async def keep(self, segments: Collection[str]) -> None:
        """Keep exactly these on the base, and see it in HAProxy. Raises RouterError."""
        unknown = [name for name in segments if name not in self._keys]
        if unknown:
            raise RouterRefused(f"HAProxy knows no segment {unknown[0]} of route {self._route}; nothing was written.")
        answered = await ask(self._socket, *self.looks)
        off, wanted = set(self.found(answered)), set(segments)
        more = [self._more(self._keys[name], answered) for name in sorted(wanted - off)]
        if more:
            await ask(self._socket, *more)
        await self._write(sorted(wanted))
        less = [f"del map {self._file} {self._keys[name]}" for name in sorted(off - wanted)]
        answered = await ask(self._socket, *less, *self.looks)
        if set(self.found(answered)) != wanted:
            raise RouterRefused(
                f"HAProxy took it without a word that {', '.join(sorted(wanted)) or 'nobody'} of {self._route} shall "
                f"be kept off, but its map {self._file} has {', '.join(self.found(answered)) or 'nobody'}.",
                "See who else writes to this map.",
            )

    def _more(self, key: str, answered: Answered) -> str:
        return f"{'set' if key in answered.mapped else 'add'} map {self._file} {key} {OFF}"

    async def _write(self, segments: Collection[str]) -> None:
        try:
            await rewrite_in_thread(self._file, lambda text: with_isolated(text, self._route, segments))
        except OSError as error:
            raise RouterRefused(
                f"The isolated segments of {self._route} cannot be written to {self._file} "
                f"({error.strerror or error}); whoever HAProxy keeps off now is let in again by its next start.",
                "Let the daemon write this file and its folder, and see that the disk has room.",
            ) from error


def with_isolated(text: str, route: str, segments: Collection[str]) -> str:
    """The map file's text with exactly these segments of ``route``; comments and other routes stay as they are."""
    line = re.compile(rf"[ \t]*{re.escape(route)}/.*")
    kept = [row for row in text.splitlines() if not line.fullmatch(row)]
    return "".join(f"{row}\n" for row in [*kept, *(f"{route}/{name} {OFF}" for name in segments)])
