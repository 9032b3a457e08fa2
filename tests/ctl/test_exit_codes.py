"""Every exit code is reached by a real call, and each failure says its three parts."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from rolloutd.ctl.exits import MEANINGS
from rolloutd.wire import Status
from tests.ctl.running import Ran, finished, line, rollout, spawn
from tests.server.fake_service import FakeService, picture
from tests.server.other_user import IS_ROOT
from tests.server.running import Running, until

SPEC = '[rollout]\nmodel = "new"\n'


def check_three_parts(ran: Ran) -> None:
    """On stderr, what happened, what it means for traffic, what to do; nothing on stdout."""
    lines = ran.err.splitlines()
    assert lines[0]
    assert [line.split(":")[0] for line in lines[1:3]] == ["  Traffic", "  Next"]
    assert all(line.split(":", 1)[1].strip() for line in lines[1:3])
    assert ran.out == ""


async def test_done_is_0(server: Running) -> None:
    """An accepted action, said on stdout."""
    ran = await rollout(server.directory, "abort", "ranker", "--reason", "smells")
    assert (ran.code, ran.err) == (0, "")
    assert "abort accepted, revision 318; the router confirms" in ran.out
    assert server.service.acts[0][1].reason == "smells"


async def test_usage_is_2_with_the_nearest_verb(server: Running) -> None:
    """An unknown verb, a missing name, an unknown option, a raising verb that nobody confirmed."""
    for arguments, hint in (
        (("abrot", "ranker"), "Did you mean: rollout abort"),
        (("abort",), "rollout abort --help"),
        (("abort", "ranker", "--now"), "rollout abort --help"),
        (("status", "--timeout", "soon"), "90s"),
        (("promote", "ranker"), "--yes"),
        (("wait", "ranker", "--for", "luck"), "stage=N"),
        (("status", "--exit-state"), "NAME"),
    ):
        ran = await rollout(server.directory, *arguments)
        assert ran.code == 2, arguments
        check_three_parts(ran)
        assert hint in ran.err
    assert server.service.acts == []


@pytest.mark.parametrize(("outcome", "code"), [("done", 0), ("aborted", 3), ("rolled_back", 3), ("refused", 3)])
async def test_an_end_without_the_new_version_is_3(server: Running, outcome: str, code: int) -> None:
    """wait, watch and status --exit-state agree, and none waits out its timer."""
    server.service.change("ranker", state=outcome, phase=outcome, ended=True, outcome=outcome)
    for arguments in (("wait", "ranker", "--timeout", "1h"), ("watch", "ranker"), ("status", "ranker", "--exit-state")):
        assert (await rollout(server.directory, *arguments)).code == code, arguments


async def test_a_time_limit_is_4_and_the_rollout_goes_on(server: Running) -> None:
    """Said on stderr; nothing is taken back."""
    ran = await rollout(server.directory, "wait", "ranker", "--timeout", "100ms")
    assert ran.code == 4
    assert "ranker goes on" in ran.err
    assert not server.service.rollouts["ranker"].ended


@pytest.mark.parametrize("arguments", [("wait", "ranker", "--fail-on-hold"), ("status", "ranker", "--exit-state")])
async def test_waiting_for_a_person_is_5(server: Running, arguments: tuple[str, ...]) -> None:
    """For pipelines that must not stand still."""
    server.service.change("ranker", state="asks_you", phase="asking", needs_you=True)
    assert (await rollout(server.directory, *arguments)).code == 5


async def test_refused_by_a_gate_is_6(server: Running) -> None:
    """A promote past harm without an override."""
    server.service.gates_fail = True
    ran = await rollout(server.directory, "promote", "ranker", "--if-revision", "317")
    assert ran.code == 6
    check_three_parts(ran)
    assert "10% stays on v42." in ran.err


async def test_not_permitted_is_7(server: Running) -> None:
    """A viewer, here by its own wish, may not pause; the refusal is the daemon's."""
    ran = await rollout(server.directory, "pause", "ranker", "--read-only")
    assert ran.code == 7
    check_three_parts(ran)
    assert len(server.service.refused) == 1


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
def test_a_socket_one_may_not_open_is_7(tmp_path: Path) -> None:
    """Outside of the group the socket cannot even be reached; the sentence says how to get in."""
    import os

    from rolloutd.ctl.client import Client
    from rolloutd.ctl.exits import Failure

    (tmp_path / "view.sock").write_text("")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    child = os.fork()
    if child == 0:
        code = 0
        try:
            os.setresuid(61_900, 61_900, 61_900)
            Client(str(closed), 5).get("health")
        except Failure as failure:
            code = failure.exit_code
        finally:  # whatever it was: a child that goes on would be a second test run
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


async def test_a_hold_of_the_fleet_is_one_word_and_its_release_is_not(server: Running) -> None:
    """hold asks nothing; a release needs a reason and a yes, and is not everybody's; list says who holds it."""
    assert (await rollout(server.directory, "hold", "--reason", "a sale")).code == 0
    listed = await rollout(server.directory, "list")
    assert listed.out.startswith("HOLD by ")
    assert "a sale" in listed.out.splitlines()[0]
    for arguments in (("hold", "--release"), ("release", "--reason", "over")):
        ran = await rollout(server.directory, *arguments)
        assert ran.code == 2
        check_three_parts(ran)
    assert server.service.held != ""
    assert (await rollout(server.directory, "release", "--reason", "over", "--yes")).code == 0
    assert server.service.held == ""


async def test_a_conflict_is_8(server: Running) -> None:
    """It changed since the caller looked."""
    server.service.change("ranker")
    ran = await rollout(server.directory, "promote", "ranker", "--if-revision", "317", "--json")
    assert ran.code == 8
    assert (ran.json()["code"], ran.json()["revision"]) == ("conflict", 318)
    assert ran.err == ""


async def test_no_such_rollout_is_9(server: Running) -> None:
    """With the nearest name that there is."""
    for verb in ("status", "why", "timeline", "abort", "wait", "watch"):
        ran = await rollout(server.directory, verb, "rankr")
        assert ran.code == 9, verb
        check_three_parts(ran)
    assert "rollout status ranker" in (await rollout(server.directory, "status", "rankr")).err


async def test_no_daemon_is_10(tmp_path: Path) -> None:
    """For reading and for acting; traffic is not claimed to be known."""
    for arguments in (("status",), ("abort", "ranker", "--timeout", "200ms"), ("wait", "ranker")):
        ran = await rollout(tmp_path, *arguments)
        assert ran.code == 10, arguments
        check_three_parts(ran)
        assert "Unknown from here" in ran.err
        assert "emergency-abort" in ran.err


async def test_accepted_but_not_confirmed_is_11(server: Running) -> None:
    """Only where confirmation was asked for; the JSON on stdout stays what the daemon answered."""
    server.service.router_confirms = False
    assert (await rollout(server.directory, "pause", "ranker")).code == 0
    ran = await rollout(server.directory, "abort", "ranker", "--wait", "--timeout", "1s", "--json")
    assert ran.code == 11
    assert ran.json()["router_confirmed"] is False
    assert "has not confirmed" in ran.err


async def test_interrupted_is_130_and_the_rollout_goes_on(server: Running) -> None:
    """Ctrl-C ends the watching, never the rollout; and nobody who has just sent an abort is told that all goes on."""
    child = await spawn(server.directory, "watch", "ranker")
    assert "ranker" in await line(child)
    child.send_signal(signal.SIGINT)
    ran = await finished(child)
    assert ran.code == 130
    assert "The daemon goes on with what it has, also with what was just sent" in ran.err
    assert not server.service.rollouts["ranker"].ended


async def test_start_waits_for_the_end_and_never_calls_it_a_success(server: Running, tmp_path: Path) -> None:
    """A rollout that is aborted while a pipeline waits ends the wait at once, with 3."""
    (tmp_path / "new.toml").write_text(SPEC)
    child = await spawn(server.directory, "start", str(tmp_path / "new.toml"), "--wait", "--json")
    await until(lambda: "new" in server.service.rollouts)
    await until(lambda: bool(server.service.feed._subscriptions))
    server.service.change("new", state="rolled_back", phase="rolled_back", ended=True, outcome="rolled_back")
    ran = await finished(child)
    assert ran.code == 3
    assert ran.json()["outcome"] == "rolled_back"


async def test_a_checks_refusal_of_a_start_is_6(server: Running, tmp_path: Path) -> None:
    """And a dry run starts nothing."""
    (tmp_path / "new.toml").write_text(SPEC)
    dry = await rollout(server.directory, "start", str(tmp_path / "new.toml"), "--dry-run")
    assert (dry.code, "new" in server.service.rollouts) == (0, False)
    assert "would start" in dry.out
    server.service.gates_fail = True
    assert (await rollout(server.directory, "start", str(tmp_path / "new.toml"))).code == 6


async def test_doctor_fails_with_6_when_a_check_does(server: Running) -> None:
    """So that a deployment can depend on it."""
    assert (await rollout(server.directory, "doctor")).code == 0
    server.service.router_confirms = False
    ran = await rollout(server.directory, "doctor")
    assert ran.code == 6
    assert "Start it." in ran.out


def test_every_code_has_a_meaning_and_a_test() -> None:
    """The table of codes is the one that is documented; this file reaches all of them but the catch-all."""
    assert sorted(MEANINGS) == [*range(12), 130]


def test_the_double_is_a_rollout(service: FakeService) -> None:
    """What these tests talk to is a valid status."""
    assert Status.model_validate(picture("x").model_dump(by_alias=True)).name == "x"
