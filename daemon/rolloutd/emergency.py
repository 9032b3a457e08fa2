"""`rolloutd emergency-abort`: takes every share and mirror of every route to zero, with nothing but the configuration.

No daemon, no lock, no journal, no metrics, no scheduler: it only lowers. A daemon that hangs and wakes up later finds a
lower share and keeps it. It prints what it did and what it could not do.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from rolloutd import pulse
from rolloutd.core.observed import RouteReading
from rolloutd.core.values import ZERO, BadValue, parse_duration_ms
from rolloutd.outside import Outside
from rolloutd.ports import Mirrors, Router
from rolloutd.settings.tree import Settings

DEADLINE_S = 5.0
EXIT_NOT_CONFIRMED, EXIT_USAGE = 11, 2


async def emergency_abort(settings: Settings, outside: Outside, if_stale: str | None) -> int:
    """Lower everything, or with ``if_stale`` only when the daemon gave no sign of life for that long."""
    if if_stale is not None:
        try:
            patience_ms = parse_duration_ms(if_stale)
        except BadValue as error:
            print(f"--if-stale: {error} Nothing was changed.", file=sys.stderr)
            return EXIT_USAGE
        age_ms = pulse.age_ms(Path(settings.daemon.state_dir))
        if age_ms is not None and age_ms < patience_ms:
            print(f"The daemon gave a sign of life {age_ms / 1000:.1f} s ago; nothing was changed.")
            return 0
    results = await asyncio.gather(
        *(lower(outside.routers[known.router], route) for route, known in outside.routes.items())
    )
    for router in outside.routers.values():
        await router.close()
    await outside.prober.close()
    return 0 if all(results) else EXIT_NOT_CONFIRMED


async def lower(router: Router, route: str) -> bool:
    """Take one route's share to zero and read it back; True when the router shows zero."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            before, after = await take_back(router, route)
    except Exception as error:  # noqa: BLE001 # an adapter's own fault, too, must not cut off the other routes
        return await _look_again(router, route, _sentence(error))
    return _tell(route, before, after)


async def _look_again(router: Router, route: str, trouble: str) -> bool:
    """A write that failed may have come through: what the router shows now decides, not what it answered."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            now = await router.read(route)
    except Exception as error:  # noqa: BLE001 # it is said, and the exit code says it too
        said = f"{trouble} Nor can the router be read now: {_sentence(error)}"
        print(f"{route}: NOT KNOWN to be lowered: {said} Look at the router, and stop it by hand.", file=sys.stderr)
        return False
    if _serves(now) or _copies(now):
        print(f"{route}: NOT lowered: {trouble}", file=sys.stderr)
        return _tell(route, now, now)
    print(f"{route}: nothing is left on it, but this went wrong on the way: {trouble}")
    return True


def _sentence(error: Exception) -> str:
    return f"{str(error).rstrip('.') or 'no answer in time'}."


async def take_back(router: Router, route: str) -> tuple[RouteReading, RouteReading]:
    """Take the route's share to zero, then end its copies; the readings before and after. It fails as routers do."""
    before = await router.read(route)
    if not _serves(before) and not _copies(before):
        return before, before
    if _serves(before) and before.override_slot is not None:
        await router.set_share(route, before.override_slot, ZERO)
    if _copies(before) and before.mirror_slot is not None and isinstance(router, Mirrors):
        await router.set_mirror(route, before.mirror_slot, ZERO)
    return before, await router.read(route)


def _serves(reading: RouteReading) -> bool:
    return reading.override_slot is not None and reading.override_slot is not reading.base


def _copies(reading: RouteReading) -> bool:
    return reading.mirror is not None and reading.mirror > ZERO


def _tell(route: str, before: RouteReading, after: RouteReading) -> bool:
    """Say what was done; True when nothing is left."""
    if _serves(after):
        print(f"{route}: the router still shows {after.override}. Stop it by hand.", file=sys.stderr)
        return False
    if _copies(after):
        print(f"{route}: the router still copies {after.mirror} of the requests. Stop it by hand.", file=sys.stderr)
        return False
    done = [f"{before.override} taken back"] if _serves(before) else []
    done += [f"copies of {before.mirror} ended"] if _copies(before) else []
    print(f"{route}: {', '.join(done) or 'nothing to take back'}; slot {after.base.value} serves everything.")
    return True
