"""Every verb x every role through the command and through the raw socket: the same refusal, the daemon's, on record.

Made from the table of verbs: a new verb is in it, and one whose command line needs more than a name fails here until it
is in ``MORE``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rolloutd.core.values import Role
from rolloutd.ctl.cli import MODULE_OF
from rolloutd.verbs import VERBS, Risk, Socket, VerbRow
from tests.server.fake_service import FakeService, picture
from tests.server.other_user import ask_as, run_as, some_uid
from tests.server.running import running
from tests.server.test_roles import access_for, let_others_connect, request

CALCULATES_HERE = frozenset({"replay"})
"""Reads the record over the socket and goes on in the command, with the configuration; test_roles has its raw side."""
ROWS = [
    row
    for row in VERBS
    if row.verb in MODULE_OF and row.socket is not Socket.LOCAL and row.built and row.verb not in CALCULATES_HERE
]
MORE: dict[str, list[str]] = {
    "hold": ["--reason", "a drill of rights"],
    "release": ["--reason", "a drill of rights", "--yes"],
    "rollback": ["--if-revision", "317"],
    "wait": ["--timeout", "100ms"],
    "watch": ["--timeout", "100ms"],
}
SAID = ("code", "exit", "message", "traffic", "next")


def command(row: VerbRow, spec: Path) -> list[str]:
    """The command line of a verb on the rollout that is called as the verb is."""
    name = [row.verb] if row.on_rollout else []
    decided = ["--if-revision", "317"] if row.revision else []
    file = [str(spec)] if row.verb in ("start", "adopt-plan") else []
    segment = ["eu"] if row.verb in ("isolate", "putback") else []
    return [row.verb, *name, *segment, *file, *decided, *MORE.get(row.verb, []), "--json"]


@pytest.mark.parametrize("role", list(Role))
async def test_command_and_raw_socket_refuse_alike(role: Role, record_property: Callable[[str, object], None]) -> None:
    """I10: a role that does not suffice hears the daemon's own words on both ways, and both attempts are recorded."""
    service = FakeService(*(picture(row.verb) for row in VERBS))
    async with running(service, access_for(role)) as server:
        let_others_connect(server)
        spec = server.directory / "new.toml"
        spec.write_text('[rollout]\nmodel = "new"\n')
        raw = await ask_as(some_uid(), [], [(server.path("control"), request(row, row.verb)) for row in ROWS])
        recorded = [verb for _, verb, actor, _, _ in service.refused if actor.uid == some_uid()]
        ran = await run_as(some_uid(), [], str(server.directory), [command(row, spec) for row in ROWS])
    again = [verb for _, verb, actor, _, _ in service.refused if actor.uid == some_uid()][len(recorded) :]
    refused = [row for row in ROWS if not role.covers(Role(row.role))]
    for row, answer, (code, out) in zip(ROWS, raw, ran, strict=True):
        if row in refused:
            assert (answer.status, code) == (403, 7), row.verb
            said, told = answer.json(), json.loads(out)
            assert [told[key] for key in SAID] == [said[key] for key in SAID], row.verb
        else:
            assert answer.status not in (403, 405), row.verb
            assert code not in (1, 2, 7), (row.verb, out)
    attempts = ["status" if row.verb in ("watch", "wait") else row.verb for row in refused]
    record_property("figure", f"{role.value}: {len(refused)} of {len(ROWS)} verbs refused, twice each, all on record")
    assert recorded == attempts
    assert again == attempts


def test_nothing_that_acts_is_left_out_of_the_matrix() -> None:
    """Every built verb of the control socket has a command line, and all but lowering ones are above viewers."""
    acting = {row.verb for row in VERBS if row.socket is Socket.CONTROL and row.built}
    assert acting <= {row.verb for row in ROWS}
    open_to_viewers = {row.verb for row in ROWS if row.role == "viewer" and row.socket is Socket.CONTROL}
    assert open_to_viewers == {"claim"}
    assert all(row.revision for row in ROWS if row.risk is Risk.RAISES and row.on_rollout)
