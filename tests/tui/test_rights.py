"""The screen in the matrix of rights: each acting key for each role, and the daemon's own refusal behind it."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from rollout_tui.desk import RolloutApp
from rollout_tui.keys import DEFAULT
from rollout_tui.lines import texts
from rollout_tui.options import Options
from rollout_tui.orders import Order
from rollout_tui.scene import Look
from rollout_tui.screens.base import SCREEN_DEAD_S
from rollout_tui.widgets.canvas import Canvas
from rolloutd.core.values import Role
from rolloutd.peer import Account
from rolloutd.verbs import VERBS, Socket, VerbRow
from rolloutd.wire import ActionRequest, Problem
from tests.server.fake_service import FakeService, picture
from tests.server.running import GroupAccess, Running, running, until
from tests.server.test_roles import GROUP_OF, GROUPS, request

ACTING = [row for row in VERBS if row.socket is Socket.CONTROL and row.built and row.on_rollout]
NOTHING_THERE = ("has not ended", "not told apart")
"""What the screen says where there is nothing that the verb could be of: no end to take back, no segments."""
ROLES = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


class AsOther(GroupAccess):
    """Rules under which this very user has only the rights of a group, be it root."""

    def is_trusted(self, uid: int) -> bool:
        """Nobody."""
        return False


def rules(role: Role) -> AsOther:
    """Rules under which this user is in the group of ``role``."""
    return AsOther(GROUPS, {os.getuid(): Account("other", frozenset({GROUP_OF[role]}))}, daemon_uid=1)


def answer(app: RolloutApp) -> str:
    """What the screen says to a key: a question, a note, or what came of sending it; nothing yet."""
    if app.strip is not None:
        return "asks"
    result = app.courier.result
    return app.note or (" ".join(result.said) or "done" if result is not None and result.over else "")


async def pressed(app: RolloutApp, pilot: Pilot[None], row: VerbRow) -> str:
    """The answer to the key of a verb."""
    await until(lambda: app.now() - app.changed_s > SCREEN_DEAD_S)
    app.strip, app.note, app.courier.result = None, "", None
    await pilot.press(DEFAULT.key(row.verb))
    await until(lambda: bool(answer(app)))
    return answer(app)


@pytest.mark.parametrize("role", ROLES)
async def test_a_key_without_the_right_is_refused_by_screen_or_daemon(
    role: Role, record_property: Callable[[str, object], None]
) -> None:
    """I10: who may not gets no question that could be confirmed; what was sent comes back as the daemon's refusal."""
    service = FakeService(picture("ranker"))
    keyed = [row for row in ACTING if DEFAULT.key(row.verb)]
    async with running(service, rules(role)) as server:
        app = RolloutApp(Options(str(server.directory), look=Look(ascii=True), name="ranker"))
        async with app.run_test(size=(120, 36)) as pilot:
            await until(lambda: "asked 10.0%" in texts(app.screen.query_one(Canvas).lines))
            refused = [row for row in keyed if not role.covers(Role(row.role))]
            for row in refused:
                said = await pressed(app, pilot, row)
                assert said != "asks", row.verb
                assert any(word in said for word in (row.role, *NOTHING_THERE)), (row.verb, said)
            assert service.acts == []
            asked = [row.verb for row in keyed if row not in refused and row.verb == "promote"]
            for row in (row for row in keyed if row.verb in asked):
                assert await pressed(app, pilot, row) == "asks"
    record_property("figure", f"{role.value}: {len(refused)} of {len(keyed)} keys refused on the screen")


@pytest.mark.parametrize("role", [Role.NOBODY, *ROLES])
async def test_the_screens_client_hears_what_the_raw_socket_says(role: Role) -> None:
    """I10: were a key let through, the daemon refuses in the same words as to everybody else, and records it."""
    service = FakeService(*(picture(row.verb) for row in ACTING))
    async with running(service, rules(role)) as server:
        client = RolloutApp(Options(str(server.directory))).client
        for row in (row for row in ACTING if not role.covers(Role(row.role))):
            raw = await _raw(server, row)
            told = await client.act(Order.make(row.verb, row.verb, ActionRequest(reason="a drill"), 317))
            assert isinstance(told, Problem), row.verb
            assert (told.code, told.message, told.traffic, told.next) == raw, row.verb
        assert service.acts == []


async def _raw(server: Running, row: VerbRow) -> tuple[str, str, str, str]:
    said = (await server.raw(request(row, row.verb))).json()
    return said["code"], said["message"], said["traffic"], said["next"]
