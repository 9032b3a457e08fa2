"""Several hosts on one screen, over real ssh: a row has its host, a key goes there, and a lost one hides no other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from textual.pilot import Pilot

from rollout_tui.bridge import Bridge, command
from rollout_tui.desk import RolloutApp
from rollout_tui.lines import texts
from rollout_tui.options import Options
from rollout_tui.scene import Look
from rollout_tui.widgets.canvas import Canvas
from tests.ctl.test_proposals import V43
from tests.engines.ssh import Sshd, client
from tests.server.fake_service import FakeService, picture
from tests.server.running import Running, running, until

pytestmark = [pytest.mark.real]

EAST, WEST = "deploy-east", "deploy-west"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name that an ssh server trusts."""
    with TemporaryDirectory(prefix="roll-") as folder:
        yield Path(folder)


@dataclass
class Town:
    """Two hosts with a rollout of the same name each, and the screen on both."""

    app: RolloutApp
    pilot: Pilot[None]
    daemons: dict[str, Running]
    doors: dict[str, Sshd]

    @property
    def text(self) -> str:
        """What the screen shows."""
        return texts(self.app.screen.query_one(Canvas).lines)

    def line(self, *words: str) -> str:
        """The first line with all of these, or nothing."""
        return next((line for line in self.text.splitlines() if all(word in line for word in words)), "")

    async def sees(self, *words: str) -> None:
        """Until one line has all of these."""
        try:
            await until(lambda: self.line(*words) != "")
        except TimeoutError as error:
            raise AssertionError(f"{words} are nowhere:\n{self.text}") from error

    async def cursor_on(self, name: str) -> None:
        """Move the cursor to a rollout, as a person would."""
        at = self.app.listing.order.index(name)
        async with asyncio.timeout(30):
            while self.app.listing.cursor != at:
                await self.pilot.press("j" if self.app.listing.cursor < at else "k")
        await self.still()

    async def still(self) -> None:
        """Until nothing has just changed under the next key."""
        await until(lambda: self.app.now() - max(self.app.moved_s, self.app.changed_s) > 0.5)

    def cut(self, host: str) -> None:
        """A host goes away."""
        self.doors[host].cut()


@asynccontextmanager
async def town(place: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """Both daemons' real servers, an ssh server before each, and the screen on both hosts."""
    async with (
        running(FakeService(picture("ranker"), picture("only-east"))) as east,
        running(FakeService(picture("ranker", state="harm"))) as west,
    ):
        daemons = {EAST: east, WEST: west}
        doors = {host: Sshd(place, host, one.directory) for host, one in daemons.items()}
        for door in doors.values():
            door.start()
        monkeypatch.setenv("PATH", f"{client(place, list(doors.values()))}:{os.environ['PATH']}")
        bridges = {host: Bridge(command(host)) for host in doors}
        app = RolloutApp(Options(look=Look(ascii=True), bridges=bridges, retry_s=0.2))
        try:
            async with app.run_test(size=(140, 36)) as pilot:
                found = Town(app, pilot, daemons, doors)
                await found.sees("ranker", EAST)
                await found.sees("ranker", WEST)
                yield found
        finally:
            for door in doors.values():
                door.program.kill()


async def test_keys_act_on_the_right_host_and_a_lost_one_hides_no_other(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I10: an abort reaches the host of its row alone; a cut host is marked and refused; the other one goes on."""
    async with town(place, monkeypatch) as both:
        assert "HOST" in both.line("STATE", "ROLLOUT")
        assert "HARM" in both.line("ranker", WEST)
        await both.cursor_on(f"ranker@{EAST}")
        await both.pilot.press("enter")
        await both.sees(f"ranker@{EAST}", "asked 10.0%")
        await both.still()
        await both.pilot.press("a")
        await both.sees("router confirms 0.0%")
        assert [act.verb.value for _, act, _ in both.daemons[EAST].service.acts] == ["abort"]
        assert both.daemons[WEST].service.acts == []
        await both.pilot.press("q")
        await both.sees("ranker", WEST, "HARM")
        both.cut(WEST)
        await both.sees(WEST, "LOST")
        assert "~" in both.line("ranker", "HARM")
        assert "~" not in both.line("only-east")
        assert "LIVE" in both.line("rolloutd")
        await both.cursor_on(f"ranker@{WEST}")
        await both.pilot.press("m")
        await both.sees("Not sent: no contact")
        await both.cursor_on(f"only-east@{EAST}")
        await both.pilot.press("p")
        await both.sees("PAUSE only-east")
        assert both.app.strip is not None
        await both.pilot.press("escape")
        both.daemons[EAST].service.change("only-east", state="blind")
        await both.sees("BLIND", "only-east")
        both.doors[WEST].start()
        await until(lambda: "~" not in both.text)
        assert both.daemons[WEST].service.acts == []


async def test_when_all_are_gone_nothing_is_live_and_hold_is_of_one_host(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both cut: LOST as with one daemon. What is of the whole fleet is asked of no host by chance.

    What is proposed is shown with its host, whichever of them has told its news last.
    """
    async with town(place, monkeypatch) as both:
        both.daemons[WEST].service.proposals.append(V43)
        await both.sees("rolloutd", f"PROPOSED {V43.name}@{WEST}")
        await both.still()
        await both.pilot.press("H")
        await both.sees("is of one host, and this screen shows several")
        for host in (EAST, WEST):
            both.cut(host)
        await both.sees("NO CONTACT WITH THE DAEMON")
        assert "~" in both.line("only-east")
    assert all(daemon.service.acts == [] for daemon in both.daemons.values())
