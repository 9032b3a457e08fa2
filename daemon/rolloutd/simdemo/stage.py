"""The demo's own process: the real daemon on doubles, the made-up town, and the four rollouts; it shows nothing.

``python -m rolloutd.simdemo.stage FOLDER SEED [again] [drill]``. It lives as long as its stdin is open, and removes
FOLDER and its log. With ``again`` what has ended is begun anew, for a screen; with ``drill`` no name says what happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import grp
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rollout_adapters.memory import MemoryProber, MemoryRouter
from rollout_adapters.memory_metrics import MemorySource
from rolloutd.access import Access
from rolloutd.core.commands import Refused
from rolloutd.core.values import Actor, ActorKind, Role
from rolloutd.daemon import Daemon
from rolloutd.logs import set_up_logging
from rolloutd.main import make_outside, spec_reader, vocabulary
from rolloutd.settings.load import load_settings
from rolloutd.simdemo.stories import ROUTER, SOURCE, Story, cast, config_text, spec
from rolloutd.simdemo.town import STEP_S, Town
from rolloutd.sockets import open_listeners

AGAIN_AFTER_S = 20.0


class Broken(RuntimeError):
    """The demo cannot go on; what it says is for its log."""


class Director:
    """Starts the rollouts of all stories, and anew what has ended for a while."""

    def __init__(self, daemon: Daemon, town: Town) -> None:
        self._daemon = daemon
        self._town = town
        self._counts = dict.fromkeys(town.streets, 0)
        self._over_s: dict[str, float] = {}
        self._actor = Actor(ActorKind.PERSON, getpass.getuser(), os.getuid(), Role.ADMIN, "demo")

    async def begin(self, story: Story) -> None:
        """Start the story's next rollout. Raises Broken when the daemon refuses it."""
        self._counts[story.route] += 1
        count = self._counts[story.route]
        name = story.route if count == 1 else f"{story.route}-{count}"
        challenger = f"v{count + 1}"
        champion = await self._town.prepare(story.route, challenger)
        body = {"spec": spec(story, name, champion, challenger), "reason": ""}
        done = await self._daemon.desk.start(body, self._actor, f"demo-{name}", False)
        if isinstance(done, Refused):
            raise Broken(f"{name} was refused: {done}")

    async def begin_again(self) -> None:
        """Start anew what ended ``AGAIN_AFTER_S`` ago, so that there is always something to see."""
        for story in self._town.stories:
            count = self._counts[story.route]
            found = self._daemon.desk.status(story.route if count == 1 else f"{story.route}-{count}")
            if found is None or not found.ended:
                self._over_s.pop(story.route, None)
            elif time.monotonic() - self._over_s.setdefault(story.route, time.monotonic()) > AGAIN_AFTER_S:
                del self._over_s[story.route]
                await self.begin(story)


async def _play(daemon: Daemon, town: Town, again: bool) -> None:
    """Move the town on, start the stories, and for a screen start them again. Never ends by itself."""
    director = Director(daemon, town)
    starting = asyncio.gather(*(director.begin(story) for story in town.stories))
    while True:
        began_s = time.monotonic()
        await town.step()
        if starting.done():
            starting.result()
            if again:
                await director.begin_again()
        await asyncio.sleep(max(0.0, STEP_S - (time.monotonic() - began_s)))


def _group() -> str:
    """The name of this process's group; its number where it has no name."""
    with contextlib.suppress(KeyError):
        return grp.getgrgid(os.getegid()).gr_name
    return ""


async def serve(folder: Path, seed: int, *, again: bool, drill: bool) -> None:
    """Run everything until stdin is closed or a signal comes."""
    config = folder / "config.toml"
    stories = cast(seed, drill=drill)
    config.write_text(config_text(folder, _group(), stories), encoding="utf-8")
    config.chmod(0o600)
    settings = load_settings(str(config), vocabulary())
    set_up_logging(settings.daemon.log_level)
    prober = MemoryProber({})
    outside = make_outside(settings)
    await outside.prober.close()
    outside = replace(outside, prober=prober)
    router, source = outside.routers[ROUTER], outside.sources[SOURCE]
    if not isinstance(router, MemoryRouter) or not isinstance(source, MemorySource):
        raise Broken("The demo's router and source are not the doubles.")
    town = Town(router, source, prober, seed, stories)
    daemon = await Daemon.open(Path(settings.daemon.state_dir), outside, spec_reader(settings))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listeners = open_listeners(Path(settings.sockets.dir), settings.sockets.group or None, {})
    with _until_stdin_ends(stop):
        playing = asyncio.create_task(_play(daemon, town, again))
        playing.add_done_callback(lambda _: stop.set())
        await daemon.run(stop, Access(settings.roles), listeners, settings.daemon.seal_every)
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing


@contextlib.contextmanager
def _until_stdin_ends(stop: asyncio.Event) -> Iterator[None]:
    """Stop when whoever started this closes the pipe, be it by dying."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        if not os.read(0, 1_024):
            loop.remove_reader(0)
            stop.set()

    loop.add_reader(0, look)
    try:
        yield
    finally:
        loop.remove_reader(0)


def main() -> int:
    """Serve in the given folder, then remove it."""
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    try:
        asyncio.run(serve(folder, seed, again="again" in sys.argv[3:], drill="drill" in sys.argv[3:]))
        folder.with_suffix(".log").unlink(missing_ok=True)  # after trouble somebody will want to read it
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
