"""The screen's client against the daemon's own server: the two must mean the same by the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from rollout_tui.client import Client
from rollout_tui.desk import RolloutApp
from rollout_tui.folding import Incoming
from rollout_tui.lines import texts
from rollout_tui.options import Options
from rollout_tui.orders import Order
from rollout_tui.widgets.canvas import Canvas
from rolloutd.wire import ActionDone, ActionRequest, Fleet, FleetRow, Problem, Status
from rolloutd.wire_daemon import Heartbeat, Hello
from tests.server.fake_service import FakeService, picture
from tests.server.running import Running, running, until


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    """The real server with two rollouts behind it."""
    async with running(FakeService(picture("ranker"), picture("spam-filter"))) as started:
        yield started


async def test_both_streams_are_understood(server: Running) -> None:
    """The fleet's stream has rows and no status; a rollout's own has its status and no rows; both beat."""
    client = Client(server.directory)

    async def kinds(name: str) -> list[type[Incoming]]:
        seen: list[type[Incoming]] = []
        async with aclosing(client.events(name)) as stream:
            async for one in stream:
                seen.append(type(one))
                if isinstance(one, Heartbeat):
                    server.service.change("ranker", state="paused")
                elif isinstance(one, FleetRow | Status) and seen.count(type(one)) == (2 if name else 1):
                    break
        return [kind for kind in seen if kind is not Heartbeat]

    assert await kinds("") == [Hello, Fleet, FleetRow]
    assert await kinds("ranker") == [Hello, Status, Status]


async def test_actions_and_refusals_are_understood(server: Running) -> None:
    """An abort without a revision is taken; a promotion decided on an old revision is a conflict."""
    client = Client(server.directory)
    late = await client.act(Order.make("ranker", "promote", ActionRequest(reason="good enough"), 316))
    assert isinstance(late, Problem)
    assert late.code == "conflict"
    done = await client.act(Order.make("ranker", "abort", ActionRequest(), None))
    assert isinstance(done, ActionDone)
    assert done.accepted


async def test_looking_is_understood(server: Running) -> None:
    """Status, record and reasons come as their models; an unknown name as a problem."""
    client = Client(server.directory)
    assert isinstance(await client.status("ranker"), Status)
    assert not isinstance(await client.timeline("ranker"), Problem)
    assert not isinstance(await client.why("ranker"), Problem)
    unknown = await client.status("nothing")
    assert isinstance(unknown, Problem)
    assert unknown.next


async def test_one_key_on_the_screen_aborts_on_the_real_server(server: Running) -> None:
    """From the fleet into the rollout, ``a``: the daemon is asked, and the screen shows what the router says after."""
    app = RolloutApp(Options(str(server.directory), name="ranker"))
    async with app.run_test(size=(120, 36)) as pilot:

        def text() -> str:
            return texts(app.screen.query_one(Canvas).lines)

        await until(lambda: "asked 10.0%" in text() and app.now() - app.changed_s > 0.2)
        await pilot.press("a")
        await until(lambda: "daemon has it" in text())
        await until(lambda: "router confirms 0.0%" in text())
        assert "ABORTED" in text()
    assert [act.verb.value for _, act, _ in server.service.acts] == ["abort"]
