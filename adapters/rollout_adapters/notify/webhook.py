"""Posts signed messages to an address of yours, by the rules of Standard Webhooks; it reads nothing out of the answer.

Headers ``webhook-id`` (the same at every try), ``webhook-timestamp`` (seconds, of this try) and ``webhook-signature``:
``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``. A receiver drops an id that it has seen.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import SecretStr

from rollout_adapters.notify.outbound import Outbound, OutboundOptions
from rollout_adapters.notify.signing import key_of, sign
from rollout_adapters.notify.text import plain
from rollout_adapters.options import BadOption, check_options
from rolloutd.ports import Manner, Message, Turn

MOST = 100
A_GATES = frozenset({"harm", "gate"})
"""Why a version goes back or is held that a new training may mend: a gate showed it."""
_NEW = frozenset({Turn.OPENED, Turn.CHANGED})


class WebhookOptions(OutboundOptions):
    """``url`` is posted to, or ``url_secret`` where the address itself is one; ``secret`` signs (at least 24 bytes).

    ``only`` = "retraining": nothing is sent but that a gate took a version back or holds it, for whoever trains anew.
    """

    secret: SecretStr
    url: str | None = None
    url_secret: SecretStr | None = None
    only: Literal["", "retraining"] = ""


def make(name: str, options: Mapping[str, object]) -> Webhook:
    """A notifier that posts to ``url``. Raises BadOption."""
    owner = f"Notifier {name} (webhook)"
    read = check_options(WebhookOptions, options, owner)
    if (read.url is None) == (read.url_secret is None):
        raise BadOption(f"{owner} needs url, or else url_secret.", "url")
    hidden = read.url_secret
    url = read.url or ("" if hidden is None else hidden.get_secret_value())
    outbound = read.outbound()
    try:
        outbound.check(url)
    except ValueError as error:
        raise BadOption(f"{owner} cannot use its address: {error}.", "url" if read.url else "url_secret") from None
    try:
        key = key_of(read.secret.get_secret_value())
    except ValueError as error:
        raise BadOption(f"{owner} cannot use its option secret: {error}.", "secret") from None
    return Webhook(url, key, outbound, read.only)


class Webhook:
    """One address. What comes too thick for a person arrives as one digest."""

    def __init__(self, url: str, key: bytes, outbound: Outbound, only: str = "") -> None:
        self._only = only
        self.manner = Manner(most=MOST, paced=True)
        self._url = url
        self._key = key
        self._outbound = outbound

    async def tell(self, messages: Sequence[Message]) -> None:
        """One signed POST: a message alone, or a digest. Asking for training, one each, and nothing for the rest."""
        if self._only:
            for asking in {m.incident: m for m in messages if m.cause in A_GATES and m.turn in _NEW}.values():
                await self._post(f"retraining/{asking.incident}", "model.retraining", retraining(asking), asking)
            return
        if len(messages) == 1:
            message_id, kind = messages[0].id, f"rollout.incident.{messages[0].turn.value}"
            data = picture(messages[0])
        else:
            ids = "\n".join(message.id for message in messages)
            message_id = f"digest-{hashlib.sha256(ids.encode()).hexdigest()[:32]}"
            kind, data = "rollout.digest", {"messages": [picture(message) for message in messages]}
        await self._post(message_id, kind, data, messages[-1])

    async def _post(self, message_id: str, kind: str, data: Mapping[str, object], last: Message) -> None:
        body = {"type": kind, "data": data, "id": message_id, "timestamp": _time(last.at_wall_ms)}
        raw = json.dumps(body).encode()
        stamp = str(int(time.time()))
        signature = sign(self._key, message_id, stamp, raw)
        headers = {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}
        await self._outbound.post(self._url, headers, raw)

    async def check(self) -> None:
        """Connect, and say nothing."""
        await self._outbound.reach(self._url)

    async def close(self) -> None:
        """Nothing is kept open."""


def retraining(message: Message) -> dict[str, object]:
    """What a training pipeline needs to know: which version of which model did harm where, and beside which one."""
    champion, _, challenger = message.versions.partition(" > ")
    return {
        "rollout": message.rollout,
        "model": message.model,
        "route": message.route,
        "version": challenger,
        "serves": champion,
        "because": plain(message.what),
        "at": _time(message.at_wall_ms),
    }


def picture(message: Message) -> dict[str, object]:
    """A message as JSON."""
    return {
        "id": message.id,
        "incident": message.incident,
        "turn": message.turn.value,
        "need": message.need,
        "severity": "critical" if message.critical else "warning",
        "rollout": message.rollout,
        "model": message.model,
        "route": message.route,
        "title": plain(message.title),
        "what": plain(message.what),
        "next": plain(message.next_step),
        "by": plain(message.by),
        "opened_at": _time(message.opened_wall_ms),
        "at": _time(message.at_wall_ms),
    }


def _time(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(timespec="milliseconds")
