"""What changes something: command ids, revisions, dry runs, refusals, waiting, and stopping in between."""

from __future__ import annotations

import asyncio
import os

import pytest

from rolloutd.core.commands import EXIT_OF, RefusalCode
from rolloutd.problems import HTTP_OF
from rolloutd.verbs import VERBS, Risk
from tests.server.fake_service import FakeService
from tests.server.running import Running, read_answer, until

ACTING = [row for row in VERBS if row.risk is not Risk.NONE and row.on_rollout and row.built]
RAISING = [row.verb for row in ACTING if row.revision]
STOPPING = [row.verb for row in ACTING if row.risk is Risk.LOWERS]


async def test_a_repeated_command_is_answered_and_not_done_again(server: Running, service: FakeService) -> None:
    """The same key means the same command: the first outcome comes back, word for word."""
    headers = {"idempotency-key": "retry-of-one-pause"}
    first = await server.ask("POST", "/v1/rollouts/ranker/pause", {"reason": "x"}, headers)
    again = await server.ask("POST", "/v1/rollouts/ranker/pause", {"reason": "x"}, headers)
    assert first.json() == again.json()
    assert len(service.acts) == 1


async def test_a_key_belongs_to_one_verb_and_one_user(server: Running, service: FakeService) -> None:
    """A key that was used for a pause does not swallow an abort."""
    headers = {"idempotency-key": "the-same-key-twice"}
    await server.ask("POST", "/v1/rollouts/ranker/pause", headers=headers)
    abort = await server.ask("POST", "/v1/rollouts/ranker/abort", headers=headers)
    assert abort.json()["action"] == "abort"
    me = os.geteuid()
    ids = [command_id for _, _, command_id in service.acts]
    assert ids == [f"{me}/pause/ranker/the-same-key-twice", f"{me}/abort/ranker/the-same-key-twice"]


@pytest.mark.parametrize("verb", [row.verb for row in ACTING])
async def test_a_command_needs_an_id_unless_it_only_lowers(server: Running, service: FakeService, verb: str) -> None:
    """Without Idempotency-Key a raising or freezing verb is refused in a sentence; a stop is never refused for form."""
    request = f'POST /v1/rollouts/ranker/{verb} HTTP/1.1\r\nhost: x\r\nif-match: "317"\r\ncontent-length: 0\r\n\r\n'
    answer = await server.raw(request.encode())
    if verb in STOPPING:
        assert answer.status == 200
        assert len(service.acts) == 1
    else:
        assert answer.status == 400
        assert "Idempotency-Key is missing" in answer.json()["message"]
        assert service.acts == []


@pytest.mark.parametrize("verb", RAISING)
@pytest.mark.parametrize("given", [None, "*", '"x"', 'W/"317"', '"-1"', "317 "])
async def test_raising_needs_the_revision_it_was_decided_on(
    server: Running, service: FakeService, verb: str, given: str | None
) -> None:
    """A raising verb without a readable If-Match is not even passed on."""
    headers = {} if given is None else {"if-match": given}
    answer = await server.ask("POST", f"/v1/rollouts/ranker/{verb}", headers=headers)
    assert answer.status == (200 if given == "317 " else 428)
    assert len(service.acts) == (given == "317 ")


@pytest.mark.parametrize("verb", STOPPING)
async def test_stopping_never_fails_for_a_revision(server: Running, service: FakeService, verb: str) -> None:
    """Whatever If-Match says, old or nonsense, what lowers exposure is passed on without one."""
    answer = await server.ask("POST", f"/v1/rollouts/ranker/{verb}", headers={"if-match": '"1"; drop'})
    assert answer.status == 200
    assert service.acts[0][1].revision is None


async def test_a_conflict_says_what_happened_and_the_revision_now(server: Running, service: FakeService) -> None:
    """Somebody was faster: 412, exit code 8, and the revision to look at."""
    service.change("ranker")
    answer = await server.ask("POST", "/v1/rollouts/ranker/promote", headers={"if-match": '"317"'})
    assert answer.status == 412
    assert (answer.json()["code"], answer.json()["exit"], answer.json()["revision"]) == ("conflict", 8, 318)
    assert answer.json()["traffic"] == "10% stays on v42."


def test_every_refusal_has_a_status_and_an_exit_code() -> None:
    """A new reason to refuse cannot be forgotten."""
    assert set(HTTP_OF) == set(EXIT_OF) == set(RefusalCode)


async def test_a_dry_run_needs_no_id_and_starts_nothing(server: Running, service: FakeService) -> None:
    """It only says whether it would start."""
    body = {"spec_toml": 'model = "new"', "file": "new.toml"}
    answer = await server.ask("POST", "/v1/rollouts?dry_run=1", body, {"idempotency-key": ""})
    assert answer.status == 200
    assert "new" not in service.rollouts
    started = await server.ask("POST", "/v1/rollouts", body)
    assert started.status == 200
    assert "new" in service.rollouts
    refused = await server.ask("POST", "/v1/rollouts", {"spec_toml": "x"})
    assert (refused.status, refused.json()["exit"]) == (400, 2)


async def test_accepted_is_not_confirmed(server: Running, service: FakeService) -> None:
    """Until the router was read back the answer is 202 and says so."""
    service.router_confirms = False
    answer = await server.ask("POST", "/v1/rollouts/ranker/abort", {"wait_s": 0})
    assert answer.status == 202
    assert answer.json()["router_confirmed"] is False


async def test_an_unknown_verb_is_told_the_nearest(server: Running) -> None:
    """A typing error at three in the morning is answered with the right word."""
    answer = await server.ask("POST", "/v1/rollouts/ranker/abrot")
    assert (answer.status, answer.json()["next"]) == (404, "Did you mean abort?")
    missing = await server.ask("GET", "/v1/rollouts/rankr", socket_name="view")
    assert (missing.status, missing.json()["next"]) == (404, "rollout status ranker")


async def test_a_waiting_command_outlives_the_stop_of_the_server(server: Running, service: FakeService) -> None:
    """The daemon stops while a command waits for the router: the caller is told to ask again with the same key."""
    service.hang = True
    reader, writer = await asyncio.open_unix_connection(server.path("control"))
    body = b'{"wait_s": 60}'
    head = f"POST /v1/rollouts/ranker/abort HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await until(lambda: len(service.acts) == 1)
    server.stop.set()
    answer = await read_answer(reader)
    assert answer.status == 503
    assert "same Idempotency-Key" in answer.json()["next"]
    service.never.set()
    await until(lambda: service.rollouts["ranker"].ended)
    writer.close()


async def test_a_fault_of_ours_shows_no_insides(server: Running, service: FakeService) -> None:
    """An unexpected error is a problem in three parts without a trace of the code."""

    def broken(name: str) -> None:
        raise RuntimeError("secret detail")

    service.why = broken  # type: ignore[method-assign] # a fault that no input can make
    answer = await server.ask("GET", "/v1/rollouts/ranker/why", socket_name="view")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert answer.json()["traffic"]
