"""The real daemon on its doubles, in the test's own loop: routes in memory that stay undecided."""

from __future__ import annotations

import asyncio
import grp
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rollout_adapters.memory import MemoryProber, MemoryRouter
from rollout_adapters.memory_metrics import MemorySource
from rolloutd.access import Access
from rolloutd.core import events as ev
from rolloutd.core.commands import Refused
from rolloutd.core.values import Actor, ActorKind, Role, Share, Slot
from rolloutd.daemon import Daemon
from rolloutd.main import make_outside, spec_reader, vocabulary
from rolloutd.settings.load import load_settings
from rolloutd.simdemo.stories import CHAMPION_ERRORS, ROUTER, SOURCE, STORIES, config_text, spec
from rolloutd.simdemo.town import STEP_S, Town
from rolloutd.sockets import open_listeners

SOMEBODY = Actor(ActorKind.PERSON, "ci", os.getuid(), Role.ADMIN, "test")
NEVER_BY_ITSELF = {"difference": "0.01pp"}
"""So narrow a margin that the gate stays undecided: what goes up, a person has raised."""
_OTHERWISE = {'min_time = "12s"': 'min_time = "1s"', "blind_recede = 12": "blind_recede = 5000", '"10s"': '"1h"'}
"""Not as in the demo: a person may raise soon, and a busy machine takes no share away (blindness, lease)."""


@dataclass
class TrueDaemon:
    """The running daemon, its folder of sockets, its router."""

    daemon: Daemon
    where: Path
    router: MemoryRouter

    async def shares(self) -> dict[str, Share]:
        """The challengers' shares as the router has them."""
        found = {}
        for story in STORIES:
            reading = await self.router.read(story.route)
            found[story.route] = reading.share_of(reading.base.other)
        return found

    async def rises(self, name: str) -> list[ev.TrafficWanted]:
        """Every increase that is on record, the first stage's own left out."""
        rows = await self.daemon.journal.load(name)
        wanted = [row.event for row in rows if isinstance(row.event, ev.TrafficWanted)]
        return [one for one in wanted if one.share > one.previous][1:]


@asynccontextmanager
async def true_daemon(folder: Path) -> AsyncIterator[TrueDaemon]:
    """The daemon with a rollout on each route, all at their first share."""
    config = folder / "config.toml"
    text = config_text(folder, grp.getgrgid(os.getegid()).gr_name)
    for demo, here in _OTHERWISE.items():
        assert demo in text
        text = text.replace(demo, here)
    config.write_text(text, encoding="utf-8")
    config.chmod(0o600)
    settings = load_settings(str(config), vocabulary())
    prober = MemoryProber({})
    outside = make_outside(settings)
    await outside.prober.close()
    outside = replace(outside, prober=prober)
    router, source = cast(MemoryRouter, outside.routers[ROUTER]), cast(MemorySource, outside.sources[SOURCE])
    town = Town(router, source, prober, 1)
    daemon = await Daemon.open(Path(settings.daemon.state_dir), outside, spec_reader(settings))
    stop = asyncio.Event()
    listeners = open_listeners(Path(settings.sockets.dir), None, {})
    running = asyncio.create_task(daemon.run(stop, Access(settings.roles), listeners, settings.daemon.seal_every))
    living = asyncio.create_task(_live(town))
    try:
        for story in STORIES:
            await _begin(daemon, town, story.route)
        yield TrueDaemon(daemon, Path(settings.sockets.dir), router)
    finally:
        living.cancel()
        stop.set()
        await asyncio.gather(running, living, return_exceptions=True)


async def _begin(daemon: Daemon, town: Town, route: str) -> None:
    """One rollout, whose both versions fail alike."""
    champion = await town.prepare(route, "v2")
    street = town.streets[route]
    street.errors, street.broken = dict.fromkeys(Slot, CHAMPION_ERRORS), True
    body: dict[str, Any] = dict(spec(street.story, route, champion, "v2"))
    body["gate"] = [{**body["gate"][0], "accept": NEVER_BY_ITSELF}]
    done = await daemon.desk.start({"spec": body, "reason": ""}, SOMEBODY, f"begin-{route}", False)
    assert not isinstance(done, Refused), done
    async with asyncio.timeout(20):
        while (await daemon.outside.routers[ROUTER].read(route)).override.basis_points == 0:
            await asyncio.sleep(0.02)


async def _live(town: Town) -> None:
    while True:
        await town.step()
        await asyncio.sleep(STEP_S)
