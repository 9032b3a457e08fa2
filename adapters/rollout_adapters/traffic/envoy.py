"""Envoy as a router: the route file is what lasts, a runtime override is the quick way down. It keeps no record.

What counts is what Envoy itself runs, never our file. Up: write the file, wait until Envoy runs it. Down to zero: first
a runtime override for both arms, in force at once; then the file; then the override goes. Envoy has no lease: a share
stays when the daemon dies, which the emergency-abort timer covers as long as the host lives.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rollout_adapters.files import Overtaken, rewrite_in_thread
from rollout_adapters.options import AdapterOptions, check_options
from rollout_adapters.split import Split
from rollout_adapters.traffic.envoy_admin import EnvoyAdmin, InForce
from rollout_adapters.traffic.envoy_mirror import mirror_in_force, mirrored
from rollout_adapters.traffic.envoy_routes import (
    Arms,
    Json,
    base_of,
    changed,
    check_segments,
    runtime_keys,
    split_in_force,
)
from rolloutd.core.values import ZERO, Share, Slot
from rolloutd.ports import Abilities, RouteConfig, RouteReading, RouterError, RouterRefused

IN_FORCE_WITHIN_S = 1.5
_POLL_S = 0.003
_THREADS = 4
Change = Callable[[Json, int], Json]
"""Makes of a whole route file and its next generation the file that is written."""
log = logging.getLogger("rolloutd.envoy")


class EnvoyOptions(AdapterOptions):
    """The keys of ``[routers.NAME]`` with ``kind = "envoy"``."""

    admin: str
    """The admin address, such as http://127.0.0.1:9901. It has no authentication: keep it on loopback."""
    routes_file: Path
    """The file that Envoy takes its routes from. The daemon owns it; Envoy watches its folder."""
    route_config: str = "rollout"
    """The name of the route configuration in that file."""


class EnvoyRouter:
    """Splits routes through Envoy's route file and admin port. There is one override a route."""

    def __init__(self, options: EnvoyOptions, routes: Mapping[str, RouteConfig]) -> None:
        self._admin = EnvoyAdmin(options.admin, options.route_config)
        self._file = options.routes_file
        self._arms = {
            name: Arms(name, {slot: route.slots[slot].arm_value for slot in Slot}, route.segments)
            for name, route in routes.items()
        }
        # An abort's file must not wait behind whatever else runs in the loop's own threads.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="envoy-file")
        self._zeroed = dict.fromkeys(routes, 0)

    @property
    def abilities(self) -> Abilities:
        """No lease; steps of 0.01 %; the file survives a restart; requests can be copied."""
        return Abilities(
            engine="envoy",
            leases=False,
            finest_step_bp=1,
            mirrors=True,
            survives_restart=True,
            sticky=True,
            segments=True,
        )

    async def read(self, route: str) -> RouteReading:
        """The split that requests meet: the running configuration with runtime overrides on top."""
        arms = self._arms_of(route)
        in_force, runtime, started = await asyncio.gather(
            self._admin.in_force(), self._admin.runtime(), self._admin.started()
        )
        split = split_in_force(in_force.config, runtime, arms)
        slot = split.override_slot if split.override > ZERO else None
        mirror, copied = mirror_in_force(in_force.config, arms)
        version, off = in_force.version, split.isolated
        return RouteReading(split.base, slot, split.override, None, started, version, off, mirror, copied)

    async def set_share(self, route: str, slot: Slot, share: Share) -> None:
        """Write the share into the file and see it in force; a share of zero is in force before the file is written."""
        arms = self._arms_of(route)
        if share == ZERO:
            self._zeroed[route] += 1
            await self._zero(arms, self._zeroed[route])
        else:
            await self._give(arms, slot, share)

    async def renew(self, route: str, slot: Slot, share: Share) -> RouteReading | None:
        """There is nothing to renew; reads whether the override is as said."""
        reading = await self.read(route)
        as_said = share > ZERO and reading.override_slot is slot and reading.override == share
        return reading if as_said else None

    async def set_base(self, route: str, slot: Slot) -> None:
        """Write the base into the file, keep the override noted there, and see it in force."""
        arms = self._arms_of(route)
        zeroed = self._zeroed[arms.route]
        await self._split(arms, lambda noted: replace(noted, base=slot), await self._admin.in_force(), zeroed)

    async def isolate(self, route: str, segments: tuple[str, ...]) -> None:
        """Write the segments into the file, which lasts, and see them in force; the shares stay as they are noted."""
        arms = self._arms_of(route)
        zeroed = self._zeroed[arms.route]
        running = await self._admin.in_force()
        check_segments(running.config, arms)
        await self._split(arms, lambda noted: replace(noted, isolated=tuple(sorted(segments))), running, zeroed)

    async def set_mirror(self, route: str, slot: Slot, share: Share) -> None:
        """Write the mirror into the file and see it in force; the split stays as it is."""
        arms = self._arms_of(route)
        zeroed = self._zeroed[route]

        def copied(document: Json, generation: int) -> Json:
            return mirrored(document, arms, slot, share, generation)

        await self._put(arms, copied, await self._admin.in_force(), zeroed)

    async def close(self) -> None:
        """Close the connections and let the threads go."""
        await self._admin.close()
        self._threads.shutdown(wait=False)

    async def _zero(self, arms: Arms, zeroed: int) -> None:
        in_force = await self._admin.in_force()
        base = base_of(in_force.config, arms)
        to_base = Split(base)
        keys = runtime_keys(in_force.config, arms)
        await self._admin.set_runtime({key: str(to_base.weights()[slot]) for key, slot in keys.items()})
        try:
            await self._split(arms, lambda noted: replace(to_base, isolated=noted.isolated), in_force, zeroed)
        except RouterError as error:
            raise type(error)(
                f"{error} The share of {arms.route} is 0 all the same, by a runtime override; a restart of Envoy would "
                "bring back what its route file says.",
                error.next_step,
            ) from error
        await self._admin.set_runtime(dict.fromkeys(keys, ""))

    async def _give(self, arms: Arms, slot: Slot, share: Share) -> None:
        zeroed = self._zeroed[arms.route]  # before the first wait: a return that begins in any of them wins
        in_force, runtime = await asyncio.gather(self._admin.in_force(), self._admin.runtime())
        # Only an override that was there before is ours to drop. One that appears meanwhile is somebody's way down.
        stale = [key for key in runtime_keys(in_force.config, arms) if key in runtime]
        if share.segments:
            check_segments(in_force.config, arms)
        given = Split(base_of(in_force.config, arms), slot, share)
        await self._split(arms, lambda noted: replace(given, isolated=noted.isolated), in_force, zeroed)
        if zeroed != self._zeroed[arms.route]:
            raise _overtaken(arms)
        if stale:
            await self._admin.set_runtime(dict.fromkeys(stale, ""))

    async def _split(self, arms: Arms, edit: Callable[[Split], Split], running: InForce, zeroed: int) -> None:
        """Change how the route is split, as ``_put`` does."""
        await self._put(arms, lambda document, generation: changed(document, arms, edit, generation), running, zeroed)

    async def _put(self, arms: Arms, change: Change, running: InForce, zeroed: int) -> None:
        """Change the file and wait until Envoy runs that or a later one.

        ``zeroed`` is how many returns had begun when this change did: one more, and the file is left as it is.
        """
        rejected = await self._admin.rejections()
        written = 0

        def edit(text: str) -> str:
            nonlocal written
            document = _document(text, running)
            written = max(_generation(document), running.generation) + 1
            return json.dumps(change(document, written), indent=1) + "\n"

        try:
            await rewrite_in_thread(self._file, edit, lambda: zeroed == self._zeroed[arms.route], self._threads)
        except Overtaken:
            raise _overtaken(arms) from None
        except OSError as error:
            raise RouterRefused(
                f"The route file {self._file} cannot be written ({error.strerror or error}); Envoy's routes stay.",
                "Let the daemon write this file and its folder, and see that the disk has room.",
            ) from error
        await self._wait_for(written, rejected)

    async def _wait_for(self, generation: int, rejected: int) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + IN_FORCE_WITHIN_S
        while (running := await self._admin.in_force()).generation < generation:
            if await self._admin.rejections() > rejected:
                raise RouterRefused(
                    f"Envoy rejected generation {generation} of {self._file} and goes on with {running.version!r}.",
                    "Envoy's log says why; mend the file, or remove what was added to it by hand.",
                )
            if loop.time() > deadline:
                raise RouterRefused(
                    f"Envoy did not take over generation {generation} of {self._file} within {IN_FORCE_WITHIN_S:g} s "
                    f"and goes on with {running.version!r}.",
                    "See that its rds.config_source watches this file's folder.",
                )
            await asyncio.sleep(_POLL_S)

    def _arms_of(self, route: str) -> Arms:
        if route not in self._arms:
            raise RouterRefused(f"There is no route {route} on this Envoy; known are {', '.join(sorted(self._arms))}.")
        return self._arms[route]


def _overtaken(arms: Arms) -> RouterRefused:
    return RouterRefused(f"A return of {arms.route} to its base began meanwhile; this change was left out.")


def _document(text: str, running: InForce) -> Json:
    """The file's content; where it is missing or broken, what Envoy runs instead (which it goes on with anyway)."""
    try:
        document = json.loads(text.encode("utf-8"))
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and isinstance(document.get("resources"), list):
        return document
    log.warning("The route file is missing or broken; it is written anew from what Envoy runs.")
    return {"version_info": running.version, "resources": [running.config]}


def _generation(document: Json) -> int:
    return InForce(str(document.get("version_info", "")), {}).generation


def make(options: Mapping[str, object], routes: Mapping[str, RouteConfig]) -> EnvoyRouter:
    """Build the router from its options. Raises BadOption."""
    return EnvoyRouter(check_options(EnvoyOptions, options, "The router kind envoy"), routes)
