"""What the command prints, asks, sends and loads."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import jsonschema
import pytest

from rolloutd import wire
from rolloutd.ctl.cli import MODULE_OF
from rolloutd.openapi import document
from rolloutd.verbs import VERBS
from tests.ctl.running import finished, line, on_a_terminal, rollout, spawn
from tests.server.fake_service import FakeService, picture
from tests.server.running import Running, running, until

SPEC = '[rollout]\nmodel = "new"\n'
SHAPES = {
    ("status", "ranker"): "Status",
    ("list",): "Fleet",
    ("status",): "Fleet",
    ("why", "ranker"): "Why",
    ("timeline", "ranker"): "Timeline",
    ("doctor",): "Doctor",
    ("abort", "ranker"): "ActionDone",
    ("promote", "ranker", "--if-revision", "1"): "Problem",
    ("status", "nobody"): "Problem",
}


@pytest.mark.parametrize("arguments", SHAPES, ids=" ".join)
async def test_json_is_one_object_of_the_published_shape(server: Running, arguments: tuple[str, ...]) -> None:
    """Results and problems alike go to stdout as one line, and stderr stays empty."""
    ran = await rollout(server.directory, *arguments, "--json")
    assert ran.out.count("\n") == 1
    assert ran.err == ""
    schema = {"$ref": f"#/components/schemas/{SHAPES[arguments]}", "components": document()["components"]}
    jsonschema.Draft202012Validator(schema).validate(ran.json())


async def test_errors_made_here_have_the_same_shape(tmp_path: Path) -> None:
    """A script need not care whether the daemon or the command said no."""
    for arguments in (("status",), ("abrot",), ("promote", "x")):
        problem = (await rollout(tmp_path, "--json", *arguments)).json()
        assert problem["schema"] == "rollout.error/1"
        assert {"code", "exit", "message", "traffic", "next"} <= set(problem)


async def test_people_get_both_facts_about_the_share_and_what_comes_next(server: Running) -> None:
    """Asked and observed, the gate's evidence, the next step."""
    out = (await rollout(server.directory, "status", "fraud")).out
    for words in ("fraud-score", "COLLECTING", "asked 10.0%, router says 10.0% (2s ago)", "goes to 50%", "harm 31%"):
        assert words in out
    assert "2/4" in (await rollout(server.directory, "list", "--filter", "rank")).out


async def test_texts_of_others_cannot_drive_the_terminal(server: Running) -> None:
    """An escape sequence in a reason or a held-because arrives as a harmless mark."""
    server.service.change("ranker", what="\x1b[2Jgone", held_because="\x1b]0;x\x07")
    for verb in ("status", "timeline"):
        assert "\x1b" not in (await rollout(server.directory, verb, "ranker")).out


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("\n", 2), ("n\n", 2), ("yes\n", 2), ("Y\n", 2)])
async def test_only_y_confirms_what_raises(server: Running, typed: str, code: int) -> None:
    """On a terminal the state is shown first and the revision that was seen is the one that is sent."""
    found, seen = await on_a_terminal(server.directory, typed, "promote", "ranker")
    assert found == code
    assert "on new 10.0% -> 50.0%?" in seen
    assert [act.revision for _, act, _ in server.service.acts] == ([317] if code == 0 else [])


async def test_what_lowers_is_never_asked(server: Running) -> None:
    """No question, no revision, also on a terminal, and options of raising verbs are passed over."""
    code, seen = await on_a_terminal(server.directory, "", "abort", "ranker", "--yes", "--if-revision", "1")
    assert code == 0
    assert "[y" not in seen
    assert server.service.acts[0][1].revision is None


async def test_many_are_aborted_at_once_when_their_number_is_said(server: Running) -> None:
    """Without it, or with a wrong one, the list is shown and nothing is sent; what has ended is left out."""
    server.service.change("ranker", ended=True, state="done", phase="done", outcome="done")
    server.service.rollouts |= {name: picture(name) for name in ("fraud-eu", "fraud-us")}
    server.service.record |= {"fraud-eu": [], "fraud-us": []}
    for words in ((), ("--confirm", "4"), ("--confirm", "fraud-eu")):
        ran = await rollout(server.directory, "abort", "--filter", "fraud", *words)
        assert (ran.code, "fraud-eu, fraud-us" in ran.err, "--confirm 3" in ran.err) == (2, True, True)
    assert (await rollout(server.directory, "abort", "ranker", "--filter", "fraud")).code == 2
    assert (await rollout(server.directory, "abort", "--filter", "nothing", "--confirm", "0")).code == 9
    assert server.service.acts == []
    ran = await rollout(server.directory, "abort", "--filter", "fraud", "--confirm", "3", "--reason", "fire")
    assert ran.code == 0
    assert sorted(name for name, _, _ in server.service.acts) == ["fraud-eu", "fraud-score", "fraud-us"]
    assert ran.out.count("abort accepted") == 3


async def test_a_request_for_an_override_is_no_success(server: Running) -> None:
    """5: it waits for a second person; a pipeline must not take it for done."""
    server.service.waits_for_person = True
    ran = await rollout(server.directory, "promote", "ranker", "--if-revision", "317", "--override", "--json")
    assert (ran.code, ran.json()["accepted"], ran.json()["waits_for_person"]) == (5, True, True)


async def test_an_action_whose_rollout_goes_back_is_no_success(server: Running) -> None:
    """--wait ends with 3 and says why, not with the router's confirmation of zero, and not after its whole time."""
    server.service.router_confirms = False
    server.service.change(
        "ranker",
        phase="receding",
        state="going_back",
        next=wire.Next(action="rollback", by="daemon", sentence="the share goes to 0% (errors show harm)"),
    )
    revision = str(server.service.rollouts["ranker"].revision)
    ran = await rollout(server.directory, "promote", "ranker", "--if-revision", revision, "--wait", "--timeout", "1h")
    assert ran.code == 3
    assert "went back instead: the share goes to 0% (errors show harm)" in ran.err


async def test_an_override_is_passed_on_as_it_was_said(server: Running) -> None:
    """Name and reason reach the daemon, which decides."""
    server.service.gates_fail = True
    words = ("--override", "--confirm", "ranker", "--reason", "known outage", "--yes")
    assert (await rollout(server.directory, "promote", "ranker", *words)).code == 0
    act = server.service.acts[0][1]
    assert (act.override, act.confirm, act.reason) == (True, "ranker", "known outage")


async def test_a_spec_is_sent_as_it_was_written(server: Running, tmp_path: Path) -> None:
    """The daemon gets the text and the file's name, and its words about a line come back."""
    (tmp_path / "new.toml").write_text(SPEC)
    assert (await rollout(server.directory, "start", str(tmp_path / "new.toml"), "--reason", "weekly")).code == 0
    body = server.service.starts[0][0]
    assert body == {"spec_toml": SPEC, "file": str(tmp_path / "new.toml"), "reason": "weekly"}
    (tmp_path / "bad.toml").write_text("[rollout]\n")
    refused = await rollout(server.directory, "start", str(tmp_path / "bad.toml"))
    assert (refused.code, "line 1: [rollout] lacks the key model" in refused.err) == (2, True)


async def test_a_spec_that_is_not_toml_never_leaves(server: Running, tmp_path: Path) -> None:
    """Its line is named here; a file that is absent, no text or too large likewise."""
    (tmp_path / "bad.toml").write_text("[rollout]\nmodel = \n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "large.toml").write_text("#" * 60_000)
    for name, words in (("bad", "line 2"), ("binary", "UTF-8"), ("large", "larger"), ("none", "No such file")):
        ran = await rollout(server.directory, "start", str(tmp_path / f"{name}.toml"))
        assert (ran.code, words in ran.err) == (2, True), name
    assert server.service.starts == []


async def test_watch_prints_each_change_and_ends_at_the_end(server: Running) -> None:
    """As JSON one event a line with its number; it can be resumed from one."""
    server.service.change("ranker", "went to 10%")
    child = await spawn(server.directory, "watch", "ranker", "--json", "--from-seq", "0")
    assert json.loads(await line(child))["what"] == "went to 10%"
    server.service.change("ranker", "paused", state="paused")
    second = json.loads(await line(child))
    assert (second["schema"], second["what"], second["seq"]) == ("rollout.event/1", "paused", 2)
    server.service.change("ranker", "done", state="done", ended=True, outcome="done")
    ran = await finished(child)
    assert ran.code == 0
    assert json.loads(ran.out)["what"] == "done"


@pytest.mark.parametrize(("until_", "changes"), [("stage=3", {"stage": 2}), ("confirmed", {})])
async def test_watch_ends_where_it_was_told_to(server: Running, until_: str, changes: dict[str, int]) -> None:
    """At a stage, counted from 1, or as soon as the router shows what was asked."""
    if changes:
        stage = server.service.rollouts["ranker"].stage.model_copy(update={"index": changes["stage"]})
        server.service.change("ranker", stage=stage)
    assert (await rollout(server.directory, "watch", "ranker", "--until", until_)).code == 0


async def test_waiting_survives_a_restart_of_the_daemon() -> None:
    """A lost link is made again inside the time limit, and the end is not missed."""
    service = FakeService(picture("ranker"))
    async with running(service) as first:
        place = first.directory
        child = await spawn(place, "wait", "ranker", "--timeout", "60s")
        await until(lambda: bool(service.feed._subscriptions))
        first.stop.set()
        await until(lambda: not service.feed._subscriptions)
        await until(lambda: not list(place.glob("*.sock")))
        service.change("ranker", state="done", ended=True, outcome="done")
        async with running(service, directory=place):
            assert (await finished(child)).code == 0


async def test_a_command_is_sent_again_with_the_same_key_when_the_link_breaks(tmp_path: Path) -> None:
    """The first try is cut after it arrived; the second carries the same id, so it is done once."""
    keys: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        keys.append(next(line for line in head.split("\r\n") if line.startswith("idempotency-key")))
        if len(keys) == 1:
            writer.transport.abort()
            return
        body = json.dumps({"schema": "rollout.error/1", "exit": 6, "message": "m", "traffic": "t", "next": "n"})
        writer.write(f"HTTP/1.1 409 Conflict\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    listening = await asyncio.start_unix_server(serve, tmp_path / "control.sock")
    async with listening:
        assert (await rollout(tmp_path, "abort", "ranker")).code == 6
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_every_verb_of_the_table_is_answered(server: Running) -> None:
    """Built ones have a command, the others say that they are not built yet; help lists the built ones."""
    listed = (await rollout(server.directory, "--help")).out
    for row in VERBS:
        assert (row.verb in MODULE_OF) == row.built, row.verb
        assert (f"\n  {row.verb} " in listed) == row.built, row.verb
    assert listed.index("Examples:") < listed.index("Options:")


async def test_status_loads_no_heavy_library(server: Running) -> None:
    """A script's first answer is not paid for with the screen's, the server's or the statistics' libraries."""
    code = (
        "import sys; from rolloutd.ctl.cli import run; "
        "code = run(['status', 'ranker']); print(*sys.modules); sys.exit(code)"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"ROLLOUT_SOCKET_DIR": str(server.directory)},
    )
    ran = await finished(child)
    assert ran.code == 0
    loaded = set(ran.out.splitlines()[-1].split())
    heavy = {"asyncio", "httpx", "numpy", "pydantic", "rollout_tui", "scipy", "starlette", "textual", "uvicorn"}
    assert loaded & heavy == set()


async def test_the_shell_completes_verbs_and_live_names(server: Running, tmp_path: Path) -> None:
    """Names come from the daemon that answers; without one there are none, and no error on the command line."""
    for directory, begun, expected in (
        (server.directory, "rollout abort fr", ["fraud-score"]),
        (server.directory, "rollout status ", ["fraud-score", "ranker"]),
        (tmp_path, "rollout status ", []),
        (tmp_path, "rollout prom", ["promote"]),
    ):
        words = begun.split(" ")
        asked = {"_ROLLOUT_COMPLETE": "bash_complete", "COMP_WORDS": begun, "COMP_CWORD": str(len(words) - 1)}
        ran = await finished(await spawn(directory, environ=asked))
        assert [line.partition(",")[2] for line in ran.out.split()] == expected
        assert ran.err == ""


async def test_small_verbs(server: Running, tmp_path: Path) -> None:
    """The version of both, also without a daemon; a completion script for each shell; the other host."""
    assert "rolloutd 0." in (await rollout(server.directory, "version")).out
    assert json.loads((await rollout(tmp_path, "version", "--json")).out)["daemon"] is None
    for shell in ("bash", "zsh", "fish"):
        assert "_ROLLOUT_COMPLETE" in (await rollout(tmp_path, "completion", shell)).out
    assert (await rollout(tmp_path, "--host", "h", "status")).code == 2
