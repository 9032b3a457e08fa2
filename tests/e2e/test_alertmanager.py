"""A real Alertmanager hears of every rollback once, and once of its end, however often the daemon dies at the telling.

Counted at a receiver behind Alertmanager, as people would: at-least-once from the daemon, one key and stable times, and
Alertmanager's own memory make exactly one.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rolloutd.core.values import Slot
from rolloutd.ctl.exits import Failure
from tests.e2e.house import House
from tests.e2e.paper import Config, spec
from tests.e2e.sites import scrape
from tests.e2e.zygote import Zygote
from tests.engines.alertmanager import Alertmanager
from tests.engines.haproxy import HAProxy
from tests.engines.processes import free_port, until
from tests.engines.receiver import Receiver
from tests.engines.servers import ModelServer, ServerThread

ROUTES = ("east", "north", "south", "west")
ROUNDS = 2
# Where to die: derived and not kept, kept and not sent, sent and not noted, noted; some at the second of them.
AT_OPENING = ("P12", "P13", "P14", "P14:2", "P15", "P15:2")
AT_THE_END = ("P12", "P13", "P14", "P15:2")
KILLS_AT_LEAST = 20
DIES_WITHIN_S = 15.0


class Traffic:
    """Requests as the servers' counters would show them; every third of the challenger's fails."""

    def __init__(self, servers: list[ModelServer]) -> None:
        self._servers = servers
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._flow, daemon=True)

    def _flow(self) -> None:
        while not self._over.wait(0.02):
            for server in self._servers:
                bad, all_of_them = (1, 100) if server.slot.endswith("-a") else (10, 30)
                server.codes.update({200: all_of_them - bad, 500: bad})

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@dataclass(slots=True)
class Scene:
    """A daemon with four routes, an Alertmanager and whoever it tells."""

    house: House
    zygote: Zygote
    receiver: Receiver
    kills: Counter[str] = field(default_factory=Counter)

    def heard(self) -> Counter[tuple[str, str]]:
        """How often Alertmanager told each rollout's (name, status)."""
        bodies = [posted.json for posted in self.receiver.posted]
        return Counter((body["groupLabels"]["rollout"], body["status"]) for body in bodies)

    async def hears(self, names: list[str], status: str) -> None:
        """Wait until every one of these was told with this status."""

        def all_told() -> bool:
            heard = self.heard()
            return all((name, status) in heard for name in names)

        try:
            await until(all_told, f"{names} {status}", 60)
        except Exception as error:
            error.add_note(f"heard {dict(self.heard())}; {self.zygote_log()}")
            raise

    def zygote_log(self) -> str:
        """The end of the daemons' log."""
        return (self.house.folder / "rolloutd.log").read_text()[-3_000:]

    async def alive(self, point: str = "") -> bool:
        """A daemon, armed with this point; False when it died of it before it answered."""
        armed = {"ROLLOUTD_CRASH_AT": point} if point else {}
        return await asyncio.to_thread(self.zygote.start, self.house.answers, **armed)

    async def dies(self, point: str) -> None:
        """It dies of its point, or else of us."""
        if not await asyncio.to_thread(self.zygote.died, DIES_WITHIN_S):
            point = "any time"
            await asyncio.to_thread(self.zygote.kill)
        self.kills[point] += 1

    async def ask(self, *path: str, **body: object) -> None:
        """A command to a daemon that may die of it."""
        try:
            await asyncio.to_thread(self.house.impatient.post, *path, body=body)
        except (Failure, OSError):
            return

    async def claim(self, names: list[str]) -> None:
        """A person claims what nobody has claimed yet."""
        for name in names:
            try:
                if (await asyncio.to_thread(self.house.impatient.get, "rollouts", name))["claimed_by"] is None:
                    await self.ask("rollouts", name, "claim")
            except (Failure, OSError):
                return

    async def round(self, number: int) -> None:
        """Four rollouts go back by themselves and are seen; the daemon dies at every place of telling both."""
        names = [f"{route}-{number}" for route in ROUTES]
        await self.alive(AT_OPENING[0])
        for route, name in zip(ROUTES, names, strict=True):
            await self.ask("rollouts", spec_toml=_bad(route, name), file="r.toml", reason="")
        await self.dies(AT_OPENING[0])
        for point in AT_OPENING[1:]:
            await self.alive(point)
            await self.dies(point)
        await self.alive()
        await self.hears(names, "firing")
        for name in names:
            await asyncio.to_thread(self.house.wait, name, "rolled_back")
        await asyncio.to_thread(self.zygote.kill)
        self.kills["any time"] += 1
        for point in AT_THE_END:
            if await self.alive(point):
                await self.claim(names)
            await self.dies(point)
        await self.alive()
        await self.claim(names)
        await self.hears(names, "resolved")
        await asyncio.to_thread(self.zygote.kill)


def _bad(route: str, name: str) -> str:
    """The file of a rollout that does not come far."""
    return spec(name=name, route=route, stages=(("canary", "30%"),), stay="5m")


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Everything: a real HAProxy with four routes, and counters that say what we want."""
    servers = {route: {s: ModelServer(f"{route}-{s}", f"v{n}") for n, s in enumerate(Slot, 1)} for route in ROUTES}
    flat = [server for pair in servers.values() for server in pair.values()]
    source = scrape(*(f"{server.url}/metrics" for server in flat))
    with (
        ServerThread(*flat),
        HAProxy(folder, servers, lease="60s") as proxy,
        Receiver() as receiver,
        Alertmanager(folder, f"{receiver.url}/hook") as manager,
        Traffic(flat),
    ):
        router = f'kind = "haproxy"\nsocket = "{proxy.socket}"\nbase_map = "{proxy.base_map}"\nlease = "60s"'
        text = Config(router, source, "python.errors", tick="250ms").text(folder, proxy.routes)
        house = House(folder, text + notify(manager.url))
        zygote = Zygote(house.file, folder / "rolloutd.log")
        try:
            yield Scene(house, zygote, receiver)
        finally:
            zygote.kill()


def notify(url: str) -> str:
    """The live Alertmanager, and a dead webhook beside it."""
    return f"""
[notify.oncall]
kind = "alertmanager"
url = "{url}"
networks = ["127.0.0.1/32"]
[notify.dead]
kind = "webhook"
url = "http://127.0.0.1:{free_port()}/planted-path"
networks = ["127.0.0.1/32"]
secret = {{ env = "PATH" }}
"""


@pytest.mark.real
@pytest.mark.slow
async def test_every_rollback_is_heard_of_once_and_its_end_once(tmp_path: Path) -> None:
    """I11, I16 over more than twenty SIGKILLs around the sending, a dead notifier beside the live one all along."""
    with scene(tmp_path) as drill:
        for number in range(ROUNDS):
            await drill.round(number)
        heard = drill.heard()
        log = drill.zygote_log()
    names = [f"{route}-{number}" for route in ROUTES for number in range(ROUNDS)]
    print(f"{drill.kills.total()} kills {dict(drill.kills)}; {len(drill.receiver.posted)} notifications")
    assert heard == Counter((name, status) for name in names for status in ("firing", "resolved"))
    assert drill.kills.total() >= KILLS_AT_LEAST
    assert drill.kills.keys() >= {*AT_OPENING, *AT_THE_END}
    assert "planted-path" not in log
    first = json.loads(drill.receiver.posted[0].body)["alerts"][0]
    assert first["annotations"]["next"] == f"rollout why {first['labels']['rollout']}"
