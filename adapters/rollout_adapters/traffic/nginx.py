"""nginx as a router: an included file and a reload are what lasts, a stop file the quick way down. It keeps no record.

What counts is what a worker says that it serves, never our file. Up: write the file, have it tested, reload, wait until
no old worker takes requests. Down to zero: first a stop file, which nginx looks for at every request, so it is in force
at once and needs no reload; then the file and the reload; then the stop file goes. nginx has no lease: a share stays
when the daemon dies, which the emergency-abort timer covers as long as the host lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from rollout_adapters.files import LOCK_WAIT_S, Overtaken, held
from rollout_adapters.files import replace as replace_file
from rollout_adapters.options import AdapterOptions, BadOption, check_options
from rollout_adapters.split import Split
from rollout_adapters.traffic.nginx_master import NginxMaster, Serves
from rollout_adapters.traffic.nginx_split import (
    UPSTREAM,
    Routed,
    Splits,
    identifier,
    lower_of,
    read_splits,
    render_splits,
)
from rolloutd.core.values import ZERO, Share, Slot
from rolloutd.ports import Abilities, RouteConfig, RouteReading, RouterError, RouterRefused, RouterUnreachable

IN_FORCE_WITHIN_S = 1.5
HURRIED_LOCK_WAIT_S = 0.25
_THREADS = 4
_MODE = 0o644
Result = TypeVar("Result")
log = logging.getLogger("rolloutd.nginx")


class NginxOptions(AdapterOptions):
    """The keys of ``[routers.NAME]`` with ``kind = "nginx"``."""

    splits_file: Path
    """The file that nginx.conf includes for its splits. The daemon owns it and its folder."""
    readback: str
    """Where nginx answers what it serves, such as http://127.0.0.1:8081/rolloutd; a route's name is added."""
    pid_file: Path = Path("/run/nginx.pid")
    """The file with the master's process id, which is signalled to reload."""
    check: tuple[str, ...] = ("nginx", "-t", "-q")
    """The command that tests nginx's files before a reload; empty where the daemon may not read all of them."""


class NginxRouter:
    """Splits routes through nginx's included file. There is one override a route."""

    def __init__(self, options: NginxOptions, routes: Mapping[str, RouteConfig]) -> None:
        self._file = options.splits_file
        self._arms = {name: {slot: route.slots[slot].arm_value for slot in Slot} for name, route in routes.items()}
        self._segments = {name: route.segments for name, route in routes.items()}
        # An abort's file must not wait behind whatever else runs in the loop's own threads.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="nginx-file")
        self._master = NginxMaster(options.readback, options.pid_file, options.check, self._threads)
        self._zeroed = dict.fromkeys(routes, 0)

    @property
    def abilities(self) -> Abilities:
        """No lease; steps of 0.01 %; the file survives a restart; requests can be copied where nginx.conf says how."""
        return Abilities(
            engine="nginx",
            leases=False,
            finest_step_bp=1,
            mirrors=True,
            survives_restart=True,
            sticky=True,
            segments=True,
        )

    async def read(self, route: str) -> RouteReading:
        """The split that requests meet, as a worker says it."""
        self._check(route)
        serves = await self._master.serves(route)
        with contextlib.suppress(OSError):
            serves = await self._take_back_leftover(route, serves)
        split = serves.split
        slot = split.override_slot if split.override > ZERO else None
        return RouteReading(
            split.base,
            slot,
            split.override,
            None,
            self._master.instance(),
            str(serves.generation),
            serves.isolated,
            serves.routed.mirror if serves.mirrors else None,
            serves.routed.mirror_slot,
        )

    async def set_share(self, route: str, slot: Slot, share: Share) -> None:
        """Write the share and see it served; a share of zero is in force before any of that."""
        self._check(route)
        if share == ZERO:
            self._zeroed[route] += 1
            await self._zero(route)
        else:
            zeroed, stop = self._zeroed[route], _identity(self._stop(route))
            await self._change(route, zeroed, _to(lambda now: replace(now, override_slot=slot, override=share)))
            # Only a stop file that was there before is ours to drop. One that appears meanwhile is somebody's way down.
            self._go(route, stop)

    async def renew(self, route: str, slot: Slot, share: Share) -> RouteReading | None:
        """There is nothing to renew; reads whether the override is as said."""
        reading = await self.read(route)
        as_said = share > ZERO and reading.override_slot is slot and reading.override == share
        return reading if as_said else None

    async def set_base(self, route: str, slot: Slot) -> None:
        """Write the base, keep the override noted there, and see it served."""
        self._check(route)
        await self._change(route, self._zeroed[route], _to(lambda now: replace(now, base=slot)))

    async def set_mirror(self, route: str, slot: Slot, share: Share) -> None:
        """Write the mirror and see it served; the split stays as it is."""
        self._check(route)
        if not (await self._master.serves(route)).mirrors:
            raise RouterRefused(
                f"nginx.conf has no mirror for {route}; nothing was changed.",
                "Write the route's mirror and its location, as docs/routers.md shows them.",
            )
        copied = slot if share > ZERO else None
        await self._change(route, self._zeroed[route], lambda now: replace(now, mirror=share, mirror_slot=copied))

    async def isolate(self, route: str, segments: tuple[str, ...]) -> None:
        """Write the segments, which lasts, and see them served; the share stays as it is served."""
        self._check(route)
        await self._change(route, self._zeroed[route], _to(lambda now: replace(now, isolated=tuple(sorted(segments)))))

    async def close(self) -> None:
        """Close the connections and let the threads go."""
        await self._master.close()
        self._threads.shutdown(wait=False)

    async def _zero(self, route: str) -> None:
        stop = self._stop(route)
        try:
            await self._in_thread(partial(replace_file, stop, f"{route} stays on its base.\n", _MODE))
        except OSError as error:
            raise self._unwritable(stop, error) from error
        mine = _identity(stop)
        try:
            await self._change(route, self._zeroed[route], _to(_to_base), lowers=True)
        except RouterError as error:
            serves = await self._serves_or_none(route)
            if serves is not None and not serves.stopped:
                raise
            now = "is" if serves else "will be"
            raise type(error)(
                f"{error} The share of {route} {now} 0 all the same, by the file {stop}, also over a restart; the next "
                "share removes it.",
                error.next_step,
            ) from error
        self._go(route, mine)

    async def _change(self, route: str, zeroed: int, edit: Callable[[Routed], Routed], *, lowers: bool = False) -> None:
        """Change the file, have nginx load it, and wait until it serves that or a later one.

        ``zeroed`` is how many returns had begun when this change did: one more, and the file is left as it is. What
        lowers waits for no lock that is kept, is not tested first, and is never put back.
        """
        serves = await self._serves_or_none(route) if lowers else await self._master.serves(route)
        async with held(self._file, HURRIED_LOCK_WAIT_S if lowers else LOCK_WAIT_S) as mine:
            if not (mine or lowers):
                raise RouterRefused(f"Another process keeps {self._file} locked; nginx goes on as it is.")
            old, splits = await self._splits(route, serves)
            routed = splits.routes[route]
            now = serves.routed if serves else routed
            wanted = replace(edit(now), arms=routed.arms, segments=self._segments[route])
            splits = replace(splits.put(route, wanted), generation=splits.generation + 1)
            new = render_splits(splits)
            await self._write(new, lambda: zeroed == self._zeroed[route] and self._text() == old)
            try:
                if not lowers:
                    await self._master.check()
                workers = self._master.reload()
                after = await self._master.settled(route, splits.generation, workers, IN_FORCE_WITHIN_S)
            except RouterRefused:
                if not lowers:
                    await self._write(old, lambda: zeroed == self._zeroed[route] and self._text() == new)
                raise
        if zeroed != self._zeroed[route] or after.routed != wanted:
            raise self._overtaken(route)

    async def _splits(self, route: str, serves: Serves | None) -> tuple[str, Splits]:
        """The file's text and what the next one starts from: the file, or what nginx serves where that is broken."""
        text = await self._in_thread(self._text)
        splits = read_splits(text)
        if splits is not None and route in splits.routes and (serves is None or splits.generation <= serves.generation):
            return text, splits
        if serves is None and (splits is None or route not in splits.routes):
            raise RouterUnreachable(f"nginx does not answer, and {self._file} does not say how {route} is split.")
        # The file is broken, or ahead of nginx: a change that was cut off. Nobody's rise may come about by our reload.
        found = await asyncio.gather(*(self._serves_or_none(name) for name in self._arms))
        served = {name: one for name, one in zip(self._arms, found, strict=True) if one is not None}
        if splits is None or route not in splits.routes:
            log.warning("%s is missing or broken; it is written anew from what nginx serves.", self._file)
            splits = Splits(0, {name: one.routed for name, one in served.items()})
        routes = {
            name: lower_of(routed, served[name].routed) if name in served else routed
            for name, routed in splits.routes.items()
        }
        newest = max((one.generation for one in served.values()), default=0)
        return text, Splits(max(splits.generation, newest), routes)

    async def _take_back_leftover(self, route: str, serves: Serves) -> Serves:
        """A file that gives more than nginx serves, with nobody at work on it, was cut off: any reload would raise."""
        ahead = self._ahead(await self._in_thread(self._text), route, serves)
        if ahead is None:
            return serves
        async with held(self._file, 0.0) as mine:
            serves = await self._master.serves(route)
            text = await self._in_thread(self._text)
            ahead = self._ahead(text, route, serves) if mine else None
            if ahead is not None:
                log.warning("A change of %s was cut off before nginx had it; %s is put back.", route, self._file)
                back = render_splits(ahead.put(route, serves.routed))
                with contextlib.suppress(RouterError):
                    await self._write(back, lambda: self._text() == text)
        return serves

    def _ahead(self, text: str, route: str, serves: Serves) -> Splits | None:
        splits = read_splits(text)
        if splits is None or splits.generation <= serves.generation or route not in splits.routes:
            return None
        return None if splits.routes[route].at_most(serves.routed) else splits

    async def _serves_or_none(self, route: str) -> Serves | None:
        try:
            return await self._master.serves(route)
        except RouterError:
            return None

    async def _write(self, text: str, still_wanted: Callable[[], bool]) -> None:
        cancelled = False

        def wanted() -> bool:
            return not cancelled and still_wanted()

        try:
            await self._in_thread(partial(replace_file, self._file, text, _MODE, wanted))
        except asyncio.CancelledError:
            cancelled = True
            raise
        except Overtaken:
            raise RouterRefused(
                f"{self._file} was changed by somebody else meanwhile; this change was left out."
            ) from None
        except OSError as error:
            raise self._unwritable(self._file, error) from error

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _text(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""

    def _stop(self, route: str) -> Path:
        return self._file.with_name(f"stop-{identifier(route)}")

    def _go(self, route: str, stop: tuple[int, int] | None) -> None:
        """Remove the route's stop file if it is still that one."""
        path = self._stop(route)
        if stop is not None and _identity(path) == stop:
            path.unlink(missing_ok=True)

    def _check(self, route: str) -> None:
        if route not in self._arms:
            raise RouterRefused(f"There is no route {route} on this nginx; known are {', '.join(sorted(self._arms))}.")

    def _unwritable(self, path: Path, error: OSError) -> RouterRefused:
        return RouterRefused(
            f"{path} cannot be written ({error.strerror or error}); nginx goes on as it is.",
            "Let the daemon write this file and its folder, and see that the disk has room.",
        )

    def _overtaken(self, route: str) -> RouterRefused:
        return RouterRefused(f"A return of {route} to its base began meanwhile; this change was left out.")


def _to_base(now: Split) -> Split:
    return replace(now, override_slot=None, override=ZERO)


def _to(edit: Callable[[Split], Split]) -> Callable[[Routed], Routed]:
    """A change of the split alone."""
    return lambda now: replace(now, split=edit(now.split))


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there; another one after it was written anew."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def make(options: Mapping[str, object], routes: Mapping[str, RouteConfig]) -> NginxRouter:
    """Build the router from its options. Raises BadOption."""
    for name, route in routes.items():
        for slot in Slot:
            if not UPSTREAM.fullmatch(route.slots[slot].arm_value):
                raise BadOption(
                    f"The arm {route.slots[slot].arm_value!a} of route {name} cannot be the name of an nginx upstream."
                )
    return NginxRouter(check_options(NginxOptions, options, "The router kind nginx"), routes)
