"""Tells a Prometheus Alertmanager (API v2): one alert a rollout, firing while its incident is open.

Alertmanager keeps alerts in memory and ends them by itself, so what is still open is told again every minute. Grouping,
repeating and silencing are its own business; labels never change while an incident lasts, or it would be another alert.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import Field, SecretStr

from rollout_adapters.notify.outbound import Outbound, OutboundOptions
from rollout_adapters.notify.text import plain
from rollout_adapters.options import BadOption, check_options
from rolloutd.ports import Manner, Message, Turn

REPEAT_S = 60.0
LASTS_MS = 3_600_000
"""So long an alert outlives the last telling: a daemon that died leaves it open, not resolved."""
MOST = 64


class AlertmanagerOptions(OutboundOptions):
    """``url`` is its address without ``/api``; ``token`` is sent as a bearer token; ``labels`` stand on every alert."""

    url: str
    token: SecretStr | None = None
    labels: dict[str, str] = Field(default_factory=dict)


def make(name: str, options: Mapping[str, object]) -> Alertmanager:
    """A notifier of the Alertmanager at ``url``. Raises BadOption."""
    owner = f"Notifier {name} (alertmanager)"
    read = check_options(AlertmanagerOptions, options, owner)
    outbound = read.outbound()
    url = f"{read.url.rstrip('/')}/api/v2/alerts"
    try:
        outbound.check(url)
    except ValueError as error:
        raise BadOption(f"{owner} cannot use its option url: {error}.", "url") from None
    return Alertmanager(url, read, outbound)


class Alertmanager:
    """One Alertmanager; a cluster is one address in front of it, or one notifier for each member."""

    def __init__(self, url: str, options: AlertmanagerOptions, outbound: Outbound) -> None:
        self.manner = Manner(most=MOST, paced=False, repeat_s=REPEAT_S)
        self._url = url
        self._labels = options.labels
        self._outbound = outbound
        token = options.token
        self._headers = {} if token is None else {"authorization": f"Bearer {token.get_secret_value()}"}

    async def tell(self, messages: Sequence[Message]) -> None:
        """Post them in one call."""
        body = json.dumps([self._alert(message) for message in messages]).encode()
        await self._outbound.post(self._url, self._headers, body)

    async def check(self) -> None:
        """Post no alert at all: it answers as it would to one."""
        await self._outbound.post(self._url, self._headers, b"[]")

    async def close(self) -> None:
        """Nothing is kept open."""

    def _alert(self, message: Message) -> dict[str, object]:
        over = message.turn is Turn.RESOLVED
        looks = {"acknowledged_by": plain(message.by)} if message.by else {}
        return {
            "labels": {
                **self._labels,
                "alertname": "RolloutNeedsYou",
                "rollout": message.rollout,
                "model": message.model,
                "route": message.route,
                "sender": message.incident.rpartition("/")[0],
            },
            "annotations": {
                "summary": plain(message.title),
                "description": plain(message.what),
                "need": message.need,
                "severity": "critical" if message.critical else "warning",
                "next": plain(message.next_step),
                "id": plain(message.id),
                **looks,
            },
            "startsAt": rfc3339(message.opened_wall_ms),
            "endsAt": rfc3339(message.at_wall_ms if over else time.time_ns() // 1_000_000 + LASTS_MS),
        }


def rfc3339(wall_ms: int) -> str:
    """A wall time as Alertmanager reads it."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(timespec="milliseconds")
