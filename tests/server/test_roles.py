"""Every verb for every role on both sockets, asked by a real other user; the matrix is made from the table of verbs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rolloutd.access import STOPS, Access, Roles
from rolloutd.core.values import Role
from rolloutd.peer import Account
from rolloutd.server_routes import READ_ROUTES
from rolloutd.verbs import BY_NAME, VERBS, Risk, Socket, VerbRow
from tests.server.fake_service import FakeService, picture
from tests.server.other_user import IS_ROOT, ask_as, some_uid
from tests.server.running import ADMIN_GID, OPERATOR_GID, VIEWER_GID, GroupAccess, Running, running

GROUP_OF = {Role.NOBODY: 0, Role.VIEWER: VIEWER_GID, Role.OPERATOR: OPERATOR_GID, Role.ADMIN: ADMIN_GID}
GROUPS = Roles(viewers=("lookers",), operators=("ops",), admins=("bosses",))
READING = {route.verb: route.path for route in READ_ROUTES}


def access_for(role: Role, roles: Roles = GROUPS) -> GroupAccess:
    """Rules under which the other user is in the group of ``role``."""
    uid = some_uid()
    return GroupAccess(roles, {uid: Account("other", frozenset({GROUP_OF[role]}))}, daemon_uid=uid + 1)


def let_others_connect(server: Running) -> None:
    """Open the folder and the sockets, so that what refuses is the server and not the file system."""
    server.directory.parent.chmod(0o755)
    server.directory.chmod(0o755)
    for path in server.directory.glob("*.sock"):
        path.chmod(0o666)


def request(row: VerbRow, name: str) -> bytes:
    """A well-formed request for one verb."""
    if row.socket is Socket.CONTROL:
        target = f"/v1/rollouts/{name}/{row.verb}" if row.on_rollout else f"/v1/{row.verb}"
        head = f'POST {"/v1/rollouts" if row.verb == "start" else target} HTTP/1.1\r\nif-match: "317"\r\n'
    else:
        fallback = f"/v1/rollouts/{name}/{row.verb}" if row.on_rollout else f"/v1/{row.verb}"
        path = READING.get(row.verb, fallback) if row.built else fallback
        path = "/v1/rollouts/{name}" if row.verb in ("watch", "wait") else path
        head = f"GET {path.format(name=name)} HTTP/1.1\r\n"
    key = f"idempotency-key: {os.urandom(8).hex()}\r\n"
    return f"{head}host: x\r\n{key}connection: close\r\ncontent-length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("role", list(Role))
async def test_every_verb_is_open_to_exactly_its_roles(role: Role) -> None:
    """A role that does not suffice gets 403 with the way out, nothing happens, and the refusal is on record."""
    service = FakeService(*(picture(row.verb) for row in VERBS))
    async with running(service, access_for(role)) as server:
        let_others_connect(server)
        requests = [(server.path("control"), request(row, row.verb)) for row in VERBS]
        answers = await ask_as(some_uid(), [], requests)
    refused = {verb: actor for _, verb, actor, _, _ in service.refused}
    acted = {act.verb.value for _, act, _ in service.acts}
    for row, answer in zip(VERBS, answers, strict=True):
        may = role.covers(Role(row.role))
        if may:
            assert answer.status not in (401, 403, 405), row.verb
            assert answer.status == (501 if not row.built else answer.status), row.verb
        else:
            assert answer.status == 403, row.verb
            assert answer.json()["exit"] == 7, row.verb
            assert row.verb not in acted, row.verb
            asked = row.verb if row.verb not in ("wait", "watch") else "status"
            assert refused[asked].uid == some_uid(), row.verb
    if not role.covers(Role.OPERATOR):
        assert service.starts == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
async def test_the_view_socket_changes_nothing_for_anybody(role: Role) -> None:
    """Not even an admin can act there: 405, and the attempt is on record."""
    service = FakeService(picture("ranker"))
    mutating = [row for row in VERBS if row.socket is Socket.CONTROL]
    async with running(service, access_for(role)) as server:
        let_others_connect(server)
        requests = [(server.path("view"), request(row, "ranker")) for row in mutating]
        answers = await ask_as(some_uid(), [], requests)
    assert {answer.status for answer in answers} == {405}
    assert len(service.refused) == len(mutating)
    assert service.acts == []
    assert service.starts == []


async def test_stopping_can_be_opened_to_viewers_and_nothing_else_with_it() -> None:
    """With stop_allowed_for = viewer a viewer may abort and pause, and still not resume."""
    roles = Roles(viewers=("lookers",), stop_allowed_for=Role.VIEWER)
    service = FakeService(picture("ranker"))
    async with running(service, access_for(Role.VIEWER, roles)) as server:
        let_others_connect(server)
        verbs = ("pause", "abort", "resume")
        requests = [(server.path("control"), request(BY_NAME[verb], "ranker")) for verb in verbs]
        answers = await ask_as(some_uid(), [], requests)
    assert [answer.status for answer in answers] == [200, 200, 403]
    assert all(BY_NAME[verb].risk in (Risk.LOWERS, Risk.FREEZES) for verb in STOPS)


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
async def test_groups_come_from_the_kernel_where_the_directory_knows_nothing() -> None:
    """A process that holds the operators' group may act although no account is known for its uid."""
    service = FakeService(picture("ranker"))
    async with running(service, GroupAccess(GROUPS, {}, daemon_uid=1)) as server:
        let_others_connect(server)
        abort = (server.path("control"), request(BY_NAME["abort"], "ranker"))
        with_group = await ask_as(some_uid(), [OPERATOR_GID], [abort])
        without = await ask_as(some_uid(), [], [abort])
    assert (with_group[0].status, without[0].status) == (200, 403)
    assert service.acts[0][1].actor.uid == some_uid()


async def test_a_forged_identity_is_worth_nothing() -> None:
    """Names in headers, body or query do not change who is asking: the kernel's word is the only one."""
    service = FakeService(picture("ranker"))
    body = b'{"reason": "I am root", "confirm": "uid 0"}'
    head = (
        f"POST /v1/rollouts/ranker/abort HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
        "x-remote-user: root\r\nauthorization: Basic cm9vdDo=\r\nforwarded: for=root\r\nx-forwarded-for: root\r\n\r\n"
    )
    async with running(service, access_for(Role.VIEWER)) as server:
        let_others_connect(server)
        answers = await ask_as(some_uid(), [], [(server.path("control"), head.encode() + body)])
    assert answers[0].status == 403
    assert service.refused[0][2].uid == some_uid()


async def test_a_caller_can_only_make_itself_smaller(server: Running, service: FakeService) -> None:
    """Read-only is a caller's own wish: an admin who asks for it is a viewer for that request."""
    refused = await server.ask("POST", "/v1/rollouts/ranker/pause", headers={"rollout-read-only": "1"})
    allowed = await server.ask("POST", "/v1/rollouts/ranker/pause", headers={"rollout-read-only": "0"})
    assert (refused.status, allowed.status) == (403, 200)
    assert len(service.acts) == 1


def test_groups_that_do_not_exist_give_nobody_a_right(tmp_path: Path) -> None:
    """A misspelt group in the configuration opens nothing, and who could help is named from the configuration."""
    access = Access(Roles(admins=("no-such-group-here",)))
    assert access._role_of_gid == {}
    assert access.roles.groups_for(Role.OPERATOR) == ("no-such-group-here",)
    assert not access.permit(BY_NAME["status"], Role.NOBODY)
    access.close()
