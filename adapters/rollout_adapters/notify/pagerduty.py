"""Tells PagerDuty by its Events API v2: trigger, acknowledge and resolve of one incident a rollout (its dedup key).

An event that comes twice changes nothing there, since the key is the same. What changes while an incident is open is a
trigger with the same key: PagerDuty logs it and calls nobody again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import SecretStr

from rollout_adapters.notify.outbound import Outbound, OutboundOptions
from rollout_adapters.notify.text import plain
from rollout_adapters.options import BadOption, check_options
from rolloutd.ports import Manner, Message, Turn

HOSTS = ("events.pagerduty.com", "events.eu.pagerduty.com")
ACTIONS = {
    Turn.OPENED: "trigger",
    Turn.CHANGED: "trigger",
    Turn.ACKNOWLEDGED: "acknowledge",
    Turn.RESOLVED: "resolve",
}
KEY_MAX, SUMMARY_MAX = 255, 1_024


class PagerDutyOptions(OutboundOptions):
    """``routing_secret`` is the integration's key; ``url`` names another region's address."""

    routing_secret: SecretStr
    url: str = f"https://{HOSTS[0]}/v2/enqueue"
    hosts: tuple[str, ...] = HOSTS


def make(name: str, options: Mapping[str, object]) -> PagerDuty:
    """A notifier of one PagerDuty integration. Raises BadOption."""
    owner = f"Notifier {name} (pagerduty)"
    read = check_options(PagerDutyOptions, options, owner)
    outbound = read.outbound()
    try:
        outbound.check(read.url)
    except ValueError as error:
        raise BadOption(f"{owner} cannot use its option url: {error}.", "url") from None
    return PagerDuty(read, outbound)


class PagerDuty:
    """One integration; its API takes one event a call."""

    def __init__(self, options: PagerDutyOptions, outbound: Outbound) -> None:
        self.manner = Manner(most=1, paced=False)
        self._url = options.url
        self._secret = options.routing_secret
        self._outbound = outbound

    async def tell(self, messages: Sequence[Message]) -> None:
        """Each as an event of its own, in their order."""
        for message in messages:
            await self._outbound.post(self._url, {}, json.dumps(self._event(message)).encode())

    async def check(self) -> None:
        """Connect, and say nothing: it has no way to ask whether a key is right."""
        await self._outbound.reach(self._url)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _event(self, message: Message) -> dict[str, object]:
        event: dict[str, object] = {
            "routing_key": self._secret.get_secret_value(),
            "event_action": ACTIONS[message.turn],
            "dedup_key": message.incident[-KEY_MAX:],
        }
        if ACTIONS[message.turn] != "trigger":
            return event
        at = datetime.fromtimestamp(message.at_wall_ms / 1000, UTC)
        return event | {
            "payload": {
                "summary": plain(f"{message.title}: {message.what}", SUMMARY_MAX),
                "source": plain(message.incident.rpartition("/")[0]),
                "severity": "critical" if message.critical else "warning",
                "timestamp": at.isoformat(timespec="milliseconds"),
                "component": message.route,
                "group": message.model,
                "class": message.need,
                "custom_details": {"next": plain(message.next_step), "id": message.id},
            }
        }
