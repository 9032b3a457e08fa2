"""A registry's webhook over a real socket: what is signed and new wakes once; all else does nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from rollout_adapters.registries.mlflow import make
from rolloutd.clock import BoottimeClock
from rolloutd.hearing import BODY_BYTES_MAX, Hearing

SECRET = "a secret of two"
BODY = b'{"entity": "model_version", "action": "created", "data": {"name": "ranker", "version": "9"}}'


class Door:
    """The listener, and how often it woke somebody."""

    def __init__(self) -> None:
        self.woken = 0
        self.url = ""

    def wake(self) -> None:
        """Look at once."""
        self.woken += 1

    async def ask(self, headers: dict[str, str], body: bytes = BODY, method: str = "POST") -> int:
        """The status of the answer."""
        async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
            return (await client.request(method, self.url, content=body, headers=headers)).status_code


def signed(note: str = "n1", *, secret: str = SECRET, body: bytes = BODY, ago_s: int = 0) -> dict[str, str]:
    """The headers as MLflow makes them."""
    at = str(int(time.time()) - ago_s)
    digest = hmac.new(secret.encode(), f"{note}.{at}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"X-MLflow-Delivery-Id": note, "X-MLflow-Timestamp": at, "X-MLflow-Signature": signature}


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """Listening."""
    door, registry = Door(), make("models", {"url": "http://127.0.0.1:1", "webhook_secret": SECRET})
    hearing = Hearing(registry.genuine, door.wake, BoottimeClock())
    door.url = f"http://127.0.0.1:{await hearing.open(0)}/"
    yield door
    await hearing.close()
    await registry.close()


async def test_a_signed_note_wakes_once_and_a_replay_does_nothing(door: Door) -> None:
    """The same note again is answered alike, so that its sender stops, and wakes nobody; another one does."""
    first = signed()
    assert [await door.ask(first) for _ in range(3)] == [204, 204, 204]
    assert door.woken == 1
    assert await door.ask(signed("n2")) == 204
    assert door.woken == 2


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(secret="another"),
        signed(body=b"other"),
        signed(ago_s=3_600),
        signed(ago_s=-3_600),
        {**signed(), "X-MLflow-Delivery-Id": "n9"},
        {**signed(), "X-MLflow-Timestamp": "soon"},
        {**signed(), "X-MLflow-Signature": "v1,"},
    ],
)
async def test_what_is_not_signed_for_now_does_nothing(door: Door, headers: dict[str, str]) -> None:
    """Another secret, another body, a time that is over, an id or a time that was changed."""
    assert await door.ask(headers) == 401
    assert door.woken == 0


async def test_what_is_no_note_is_refused_unread(door: Door) -> None:
    """I12: a GET, and a body that is too long."""
    assert await door.ask(signed(), method="GET") == 405
    assert await door.ask(signed(), b"x" * (BODY_BYTES_MAX + 1)) == 413
    assert door.woken == 0
