"""Asks an address of the configuration whether a rollout may begin: 2xx is a yes, another 4xx a no, the rest no answer.

It goes out by the notifiers' one narrow way: listed hosts, judged addresses, no redirect, a capped answer. The question
is signed by the rules of Standard Webhooks; its id is the same at every try.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping

from pydantic import SecretStr

from rollout_adapters.notify.outbound import Outbound, OutboundOptions
from rollout_adapters.notify.signing import key_of, sign
from rollout_adapters.options import BadOption, check_options
from rolloutd.ports import Case, CheckFinding, NotifierRefused, NotifierUnreachable, Prober

SHOWN_BYTES = 200


class WebhookCheckOptions(OutboundOptions):
    """``url`` is asked by POST; ``secret`` signs the question (at least 24 bytes)."""

    url: str
    secret: SecretStr


def make(name: str, options: Mapping[str, object], prober: Prober) -> WebhookCheck:  # noqa: ARG001  # as every check is made
    """A check that asks ``url``. Raises BadOption."""
    owner = f"Check {name} (webhook)"
    read = check_options(WebhookCheckOptions, options, owner)
    outbound = read.outbound()
    for key, judge in (
        ("url", lambda: outbound.check(read.url)),
        ("secret", lambda: key_of(read.secret.get_secret_value())),
    ):
        try:
            judge()
        except ValueError as error:
            raise BadOption(f"{owner} cannot use its option {key}: {error}.", key) from None
    return WebhookCheck(name, read.url, key_of(read.secret.get_secret_value()), outbound)


class WebhookCheck:
    """One address."""

    def __init__(self, name: str, url: str, key: bytes, outbound: Outbound) -> None:
        self._name = name
        self._url = url
        self._key = key
        self._outbound = outbound

    async def examine(self, case: Case) -> CheckFinding:
        """One signed question."""
        data = {
            "rollout": case.rollout,
            "model": case.model,
            "champion": case.champion,
            "challenger": case.challenger,
            "route": case.route,
        }
        raw = json.dumps({"type": "rollout.check", "check": self._name, "data": data}, sort_keys=True).encode()
        message_id, stamp = f"check-{hashlib.sha256(raw).hexdigest()[:32]}", str(int(time.time()))
        signature = sign(self._key, message_id, stamp, raw)
        headers = {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}
        try:
            answer = await self._outbound.post(self._url, headers, raw)
        except NotifierRefused as error:
            return CheckFinding(answered=True, passed=False, detail=str(error).replace("this message", "this rollout"))
        except NotifierUnreachable as error:
            return CheckFinding(answered=False, passed=False, detail=str(error))
        shown = answer.body[:SHOWN_BYTES].decode("utf-8", "replace").strip()
        said = f"answered with status {answer.status}{f': {shown}' if shown else ''}"
        return CheckFinding(answered=True, passed=True, detail=said)

    async def close(self) -> None:
        """Nothing is kept open."""
