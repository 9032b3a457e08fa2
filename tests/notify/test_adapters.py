"""Each notifier against something that speaks its contract: signatures, keys, actions, and no secret in an error."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest

from rollout_adapters.notify import apprise, pagerduty, signing
from rollout_adapters.options import BadOption
from rollout_adapters.registry import NOTIFIERS, make_notifier
from rolloutd.ports import Notifier, NotifierRefused, NotifierUnreachable, Turn
from tests.engines.receiver import Posted, Receiver, Reply
from tests.notify.messages import a_message

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
LOOPBACK = {"networks": ["127.0.0.1/32"]}
OPTIONS: dict[str, dict[str, object]] = {
    "alertmanager": {"url": "https://am.example.com", "hosts": ["am.example.com"], "token": "planted-secret"},
    "apprise": {"url_secret": "json://planted-secret@am.example.com/"},
    "memory": {},
    "pagerduty": {"routing_secret": "planted-secret"},
    "webhook": {"url_secret": "https://am.example.com/planted-secret", "hosts": ["am.example.com"], "secret": SECRET},
}


@pytest.mark.parametrize("kind", NOTIFIERS)
async def test_every_shipped_notifier_can_be_made(kind: str) -> None:
    """From plain options, without any connection."""
    notifier = make_notifier(kind, "oncall", OPTIONS[kind])
    assert isinstance(notifier, Notifier)
    await notifier.close()


@pytest.mark.parametrize("kind", [kind for kind in NOTIFIERS if kind != "memory"])
def test_a_wrong_option_is_told_without_any_secret(kind: str) -> None:
    """The key is named, no value is repeated."""
    with pytest.raises(BadOption) as caught:
        make_notifier(kind, "oncall", {**OPTIONS[kind], "tokne": "planted-secret"})
    assert "planted-secret" not in str(caught.value)
    assert caught.value.key == "tokne"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"url": "https://other.example.com/", "hosts": ["am.example.com"], "secret": SECRET}, "url"),
        ({"url": "http://am.example.com/", "hosts": ["am.example.com"], "secret": SECRET}, "url"),
        ({"url": "https://am.example.com/", "hosts": ["am.example.com"], "secret": "short"}, "secret"),
        ({"hosts": ["am.example.com"], "secret": SECRET}, "url"),
        ({"url": "https://am.example.com/", "networks": ["x"], "secret": SECRET}, "networks.0"),
    ],
)  # fmt: skip
def test_a_webhook_that_could_never_be_told_is_refused_at_once(options: Mapping[str, object], key: str) -> None:
    """At reading the configuration, not at the first incident."""
    with pytest.raises(BadOption) as caught:
        make_notifier("webhook", "chat", options)
    assert caught.value.key == key


def verified(posted: Posted) -> Any:  # noqa: ANN401 - the body
    """The body, once its signature holds, by the rules as a receiver would write them down."""
    stamp, message_id = posted.headers["webhook-timestamp"], posted.headers["webhook-id"]
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    want = hmac.new(key, f"{message_id}.{stamp}.".encode() + posted.body, hashlib.sha256).digest()
    assert posted.headers["webhook-signature"] == "v1," + base64.b64encode(want).decode()
    return posted.json


async def test_a_webhook_signs_what_it_sends() -> None:
    """One message alone and a digest; the id of a message is the same at every try."""
    with Receiver() as receiver:
        hook = make_notifier("webhook", "chat", {"url": f"{receiver.url}/hook", "secret": SECRET, **LOOPBACK})
        one, other = a_message(), a_message(Turn.RESOLVED, 9, what="harm \x1b[31m<b>*x*</b> \u202e")
        await hook.tell([one])
        await hook.tell([one])
        await hook.tell([one, other])
        await hook.check()
    first, second, digest = (verified(posted) for posted in receiver.posted)
    assert [posted.headers["webhook-id"] for posted in receiver.posted[:2]] == [one.id, one.id]
    assert first == second
    assert (first["type"], first["id"], first["data"]["rollout"]) == ("rollout.incident.opened", one.id, "ranker-v42")
    assert digest["type"] == "rollout.digest"
    assert [message["turn"] for message in digest["data"]["messages"]] == ["opened", "resolved"]
    assert digest["data"]["messages"][1]["what"] == "harm \\u001b[31m<b>*x*</b> \\u202e"


async def test_a_training_pipeline_hears_of_harm_alone_and_once_an_incident() -> None:
    """With the model's versions; blindness, a person's act and the incident's end ask for no training."""
    with Receiver() as receiver:
        options = {"url": f"{receiver.url}/train", "secret": SECRET, "only": "retraining", **LOOPBACK}
        hook = make_notifier("webhook", "train", options)
        quiet = [a_message(cause=cause) for cause in ("blindness", "lapse", "drift", "")]
        await hook.tell([*quiet, a_message(Turn.RESOLVED, 9)])
        await hook.tell([a_message(), a_message(Turn.CHANGED, 2)])
        await hook.tell([a_message(rollout="other-v3", cause="gate")])
    first, second = (verified(posted) for posted in receiver.posted)
    assert (first["type"], first["id"]) == ("model.retraining", "retraining/rolloutd/edge-1/ranker-v42")
    assert {key: first["data"][key] for key in ("model", "version", "serves", "rollout")} == {
        "model": "ranker", "version": "v42", "serves": "v41", "rollout": "ranker-v42",
    }  # fmt: skip
    assert second["data"]["rollout"] == "other-v3"


def events_api(routing_key: str) -> tuple[dict[str, list[str]], Any]:
    """PagerDuty's Events API v2 as far as we use it: what it checks, what it keeps by dedup key, what it answers."""
    incidents: dict[str, list[str]] = {}

    def answer(posted: Posted) -> Reply:
        event = posted.json
        action = event.get("event_action")
        complete = action in ("acknowledge", "resolve") or {"summary", "source", "severity"} <= event["payload"].keys()
        known = action in ("trigger", "acknowledge", "resolve") and event.get("routing_key") == routing_key
        if posted.path != "/v2/enqueue" or not complete or not known or len(event["dedup_key"]) > 255:
            return 400, {}, b'{"status": "invalid event"}'
        if action == "trigger" and event["payload"]["severity"] not in ("critical", "error", "warning", "info"):
            return 400, {}, b'{"status": "invalid event"}'
        incidents.setdefault(event["dedup_key"], []).append(action)
        return 202, {}, json.dumps({"status": "success", "dedup_key": event["dedup_key"]}).encode()

    return incidents, answer


async def test_pagerduty_gets_one_incident_by_its_key() -> None:
    """Trigger, acknowledge, resolve under one dedup key; a wrong key is said, and never shown."""
    incidents, answer = events_api("R0UTING")
    with Receiver(answer) as receiver:
        options = {"url": f"{receiver.url}/v2/enqueue", **LOOPBACK}
        pager = make_notifier("pagerduty", "oncall", {"routing_secret": "R0UTING", **options})
        for number, turn in enumerate((Turn.OPENED, Turn.CHANGED, Turn.ACKNOWLEDGED, Turn.RESOLVED)):
            await pager.tell([a_message(turn, number, what="w" * 5_000)])
        wrong = make_notifier("pagerduty", "oncall", {"routing_secret": "planted-secret", **options})
        with pytest.raises(NotifierRefused) as caught:
            await wrong.tell([a_message()])
    assert incidents == {"rolloutd/edge-1/ranker-v42": ["trigger", "trigger", "acknowledge", "resolve"]}
    assert "planted-secret" not in str(caught.value)
    assert all(
        len(posted.json.get("payload", {}).get("summary", "")) <= pagerduty.SUMMARY_MAX for posted in receiver.posted
    )


async def test_apprise_tells_by_its_own_ways() -> None:
    """The real library against a server of its json:// kind; a digest is one notification, a failure is an error."""
    pytest.importorskip("apprise")
    with Receiver() as receiver:
        chat = apprise.make("chat", {"url_secret": f"json://127.0.0.1:{receiver.port}/\n"})
        await chat.tell([a_message(what="*bold* <b>x</b>")])
        await chat.tell([a_message(), a_message(Turn.RESOLVED, 2)])
        receiver.answer = lambda _: (500, {}, b"")
        with pytest.raises(NotifierUnreachable):
            await chat.tell([a_message()])
    first, digest = receiver.posted[0].json, receiver.posted[1].json
    assert first["title"] == "ranker-v42: GOING BACK"
    assert "*bold* <b>x</b>" in first["message"]
    assert digest["title"] == "rolloutd: 2 messages"


def test_a_signing_key_is_long_enough() -> None:
    """A plain text or base64; never less than 24 bytes."""
    assert signing.key_of("k" * 24) == b"k" * 24
    for bad in ("short", "whsec_!!", "whsec_" + base64.b64encode(b"short").decode()):
        with pytest.raises(ValueError, match=r"shorter|base64"):
            signing.key_of(bad)
