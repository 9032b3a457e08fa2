"""Today's screen and command read what two earlier commits wrote; what those did not say yet has its default.

No minor version has been released, so there is no past one to read. Two earlier commits stand in, each with what its
own demo said on its sockets; how they were recorded is in recording.py, and which commit it was in each file.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from pydantic import BaseModel

from rollout_tui.client import Client
from rolloutd import wire, wire_daemon
from rolloutd.pictures import Past, Plan, Series
from rolloutd.schemas import published
from tests.ctl.running import rollout
from tests.older.recording import ENDED, NAME
from tests.older.replaying import COMMITS, recorded, replayed
from tests.tui.driving import driven
from tests.tui.fake_daemon import FakeDaemon

EVENTS: dict[str, type[BaseModel]] = {
    "hello": wire_daemon.Hello,
    "snapshot": wire.Fleet,
    "row": wire.FleetRow,
    "status": wire.Status,
    "heartbeat": wire_daemon.Heartbeat,
}


def kept(old: Any, new: Any) -> bool:  # noqa: ANN401 # any JSON
    """Whether everything that was said stands in what was read, beside fields that came since."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and kept(value, new[key]) for key, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(kept, old, new))
    return bool(old == new)


def read(model: type[BaseModel], said: dict[str, Any]) -> BaseModel:
    """As today's model, which loses nothing of it."""
    found = model.model_validate(said)
    assert kept(said, found.model_dump(mode="json", by_alias=True)), (model.__name__, said)
    return found


def test_there_are_two_commits_of_this_repository() -> None:
    """Each file names its commit and the command that made it."""
    assert len(COMMITS) == 2
    for commit in COMMITS:
        told = recorded(commit)
        assert told["commit"].startswith(commit)
        assert commit in told["by"]


@pytest.mark.parametrize("commit", COMMITS)
def test_every_answer_and_every_event_is_read_whole(commit: str) -> None:
    """By today's models: no field was renamed, taken away or narrowed within its schema number."""
    told, models, seen = recorded(commit), published(), set[str]()
    for _, answer in [*told["answers"].values(), *told["acted"]]:
        if "schema" in answer:
            seen.add(answer["schema"])
            read(models[answer["schema"]], answer)
    read(wire_daemon.Health, told["answers"]["/v1/health"][1])
    for events in told["events"].values():
        for word, data in events:
            seen.add(word)
            read(EVENTS[word], data)
    assert set(EVENTS) < seen
    assert {f"rollout.{word}/1" for word in ("list", "status", "timeline", "why", "action", "error", "doctor")} < seen


def test_fields_that_came_since_have_their_defaults() -> None:
    """The older of the two knew no segments, no mirror, no ratio, no forecast of what a gate needs."""
    (oldest,) = [one for one in map(recorded, COMMITS) if "segments" not in one["answers"][f"/v1/rollouts/{NAME}"][1]][
        :1
    ]
    status = wire.Status.model_validate(oldest["answers"][f"/v1/rollouts/{NAME}"][1])
    assert (status.segments, status.on_new.mirror_asked, status.breach_parts) == ([], 0.0, status.breach_parts)
    assert all(gate.metric for gate in status.gates)


@pytest.mark.parametrize("commit", COMMITS)
async def test_the_screen_reads_it(commit: str) -> None:
    """Fleet, rollout, all tabs and why, on the real application; a refusal of what it did not know is borne."""
    async with replayed(commit) as daemon, driven(cast("FakeDaemon", daemon)) as screen:
        await screen.sees("LIVE", "harmful v1>v2", "healthy v1>v2")
        async with asyncio.timeout(30):
            while screen.app.listing.name != NAME:
                await screen.keys("j")
        await screen.keys("enter")
        await screen.sees("[1 Stages]", NAME, "LAST", "NEXT", "canary")
        for key, shown in (("2", "[2 Charts]"), ("3", "[3 Segments]"), ("5", "[5 Plan]"), ("4", "entered stage")):
            await screen.keys(key)
            await screen.sees(shown, NAME)
        await screen.keys("w")
        await screen.sees(f"Why {NAME}", "errors")
        assert "cannot read" not in screen.text


@pytest.mark.parametrize("commit", COMMITS)
async def test_the_screens_client_reads_it(commit: str) -> None:
    """Each question of the screen has an answer or a problem in three parts, never an error of the reader."""
    async with replayed(commit) as daemon:
        client = Client(daemon.where)
        assert isinstance(await client.status(NAME), wire.Status)
        assert isinstance(await client.timeline(NAME), wire.Timeline)
        assert isinstance(await client.why(NAME), wire.Why)
        for found, model in (
            (await client.plan(NAME), Plan),
            (await client.past(NAME, 9), Past),
            (await client.series(NAME, "errors", 900, 60), Series),
        ):
            assert isinstance(found, model | wire.Problem)


@pytest.mark.parametrize("commit", COMMITS)
async def test_the_command_reads_it(commit: str) -> None:
    """list, status, why, timeline, doctor, a refusal, and an action with its exit code."""
    asked = [("list",), ("status", NAME), ("why", NAME, "--json"), ("timeline", NAME), ("doctor",)]
    async with replayed(commit) as daemon:
        answers = await asyncio.gather(*(rollout(daemon.where, *words) for words in asked))
        for words, ran in zip(asked, answers, strict=True):
            assert ran.code in ({0, 6} if words[0] == "doctor" else {0}), (words, ran.err)
            assert ran.out, words
        assert (await rollout(daemon.where, "status", "nobody")).code == 9
        abort = await rollout(daemon.where, "abort", ENDED, "--json")
        assert abort.json()["accepted"] is True
