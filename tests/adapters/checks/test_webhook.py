"""The webhook check against a real server: what is a yes, what is a no, what is no answer, and where it never goes."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterator

import pytest

from rollout_adapters.checks.webhook import make
from rollout_adapters.memory import MemoryProber
from rollout_adapters.options import BadOption
from rolloutd.core.values import Slot
from rolloutd.ports import Case, CheckFinding
from tests.engines.receiver import Receiver

CASE = Case("ranker-v42", "ranker", "v41", "v42", "ranker", Slot.B)
SECRET = "s" * 24


@pytest.fixture
def board() -> Iterator[Receiver]:
    """Who is asked."""
    with Receiver() as receiver:
        yield receiver


async def ask(board: Receiver) -> CheckFinding:
    """What comes of one question."""
    options = {"url": f"{board.url}/may-begin", "secret": SECRET, "networks": ["127.0.0.1/32"]}
    return await make("board", options, MemoryProber({})).examine(CASE)


@pytest.mark.parametrize(
    ("status", "answered", "passed"),
    [(200, True, True), (204, True, True), (400, True, False), (422, True, False),
     (301, False, False), (401, False, False), (404, False, False), (429, False, False), (500, False, False)],
)  # fmt: skip
async def test_a_yes_a_no_and_no_answer(board: Receiver, status: int, answered: bool, passed: bool) -> None:
    """I3: only 2xx passes; what time or a person can mend is no answer, and asked again."""
    board.answer = lambda _: (status, {"location": "http://127.0.0.1:1/x"} if status == 301 else {}, b"")
    found = await ask(board)
    assert (found.answered, found.passed) == (answered, passed)


async def test_the_question_is_signed_and_its_id_stays(board: Receiver) -> None:
    """A receiver can tell it from a forgery, and a second try from a second question."""
    await ask(board)
    await ask(board)
    first, second = board.posted
    assert first.json["data"] == {
        "rollout": "ranker-v42", "model": "ranker", "champion": "v41", "challenger": "v42", "route": "ranker"
    }  # fmt: skip
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    signed = f"{first.headers['webhook-id']}.{first.headers['webhook-timestamp']}.".encode() + first.body
    assert (
        first.headers["webhook-signature"] == f"v1,{b64encode(hmac.digest(SECRET.encode(), signed, 'sha256')).decode()}"
    )


async def test_an_endless_answer_is_none(board: Receiver) -> None:
    """I12: what is longer than it may be is cut and passes nothing."""
    board.answer = lambda _: (200, {}, b"x" * (1 << 20))
    found = await ask(board)
    assert (found.answered, found.passed) == (False, False)


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://169.254.169.254/latest", "secret": SECRET, "hosts": ["169.254.169.254"]},
        {"url": "http://hooks.example.com/x", "secret": SECRET, "hosts": ["hooks.example.com"]},
        {"url": "https://hooks.example.com/x", "secret": SECRET},
        {"url": "https://hooks.example.com/x", "secret": "short", "hosts": ["hooks.example.com"]},
        {"url": "ftp://hooks.example.com/x", "secret": SECRET, "hosts": ["hooks.example.com"]},
    ],
)
def test_where_it_never_goes(options: dict[str, object]) -> None:
    """I12: by the notifiers' rules: https or a listed loopback, listed hosts, a long enough secret."""
    with pytest.raises(BadOption):
        make("board", options, MemoryProber({}))
