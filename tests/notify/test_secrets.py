"""No secret of a notifier in anything that the daemon says, writes or shows, while every notifier fails (I15)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rollout_adapters.registry import make_notifier
from rolloutd.core.values import Slot
from rolloutd.main import vocabulary
from rolloutd.ports import Notifier, RouteConfig, RouteSlot
from rolloutd.settings import read_settings
from rolloutd.settings.secrets import SecretRef
from tests.e2e.house import House
from tests.e2e.paper import Config
from tests.engines.processes import free_port
from tests.settings.words import EXAMPLE

PLANTED = {
    "AM_TOKEN": "planted-am-token-0123456789",
    "PD_KEY": "planted-pd-key-0123456789",
    "HOOK_SECRET": "planted-hook-secret-0123456789",
    "CHAT_URL": "json://planted-user:planted-password@127.0.0.1:1/planted-chat",
}


def notifiers(port: int) -> str:
    """One of each that can be told, at an address where nobody listens, with secrets from the environment."""
    at = f'networks = ["127.0.0.1/32"]\nurl = "http://127.0.0.1:{port}'
    return f"""
[notify.am]
kind = "alertmanager"
{at}"
token = {{ env = "AM_TOKEN" }}
[notify.pager]
kind = "pagerduty"
{at}/v2/enqueue"
routing_secret = {{ env = "PD_KEY" }}
[notify.hook]
kind = "webhook"
networks = ["127.0.0.1/32"]
url_secret = {{ env = "HOOK_URL" }}
secret = {{ env = "HOOK_SECRET" }}
[notify.chat]
kind = "apprise"
url_secret = {{ env = "CHAT_URL" }}
"""


def house(folder: Path, port: int) -> House:
    """A daemon with a router in memory."""
    slots = {slot: RouteSlot(f"ranker-{slot}", f"http://127.0.0.1:{port}/{slot}") for slot in Slot}
    config = Config('kind = "memory"', 'kind = "memory"', "python.errors")
    return House(folder, config.text(folder, {"ranker": RouteConfig("ranker", "edge", slots)}) + notifiers(port))


def test_nothing_that_the_daemon_says_or_writes_holds_a_secret(tmp_path: Path) -> None:
    """Doctor, log, files and arguments; the doctor names every notifier that cannot be reached, and what to do."""
    port = free_port()
    secrets = {**PLANTED, "HOOK_URL": f"http://127.0.0.1:{port}/planted-path?key=planted-query"}
    daemon = house(tmp_path, port)
    daemon.start(**secrets)
    try:
        doctor: dict[str, Any] = daemon.client.get("doctor")
        arguments = Path(f"/proc/{daemon.program.pid}/cmdline").read_bytes()
        health = daemon.client.get("health")
    finally:
        daemon.stop()
    checks = {check["name"]: check for check in doctor["checks"] if check["name"].startswith("notify ")}
    assert checks.keys() == {"notify am", "notify pager", "notify hook", "notify chat"}
    for name in ("am", "pager", "hook"):
        assert checks[f"notify {name}"]["ok"] is False
        assert checks[f"notify {name}"]["next"]
    said = [repr(doctor), repr(health), daemon.program.log(), arguments.decode()]
    written = [file.read_bytes().decode("latin-1") for file in (tmp_path / "state").iterdir() if file.is_file()]
    assert not [text for text in (*said, *written) if "planted" in text]


def test_a_secret_that_is_no_secret_enough_is_refused_without_showing_it(tmp_path: Path) -> None:
    """The start fails with the key's name and line, and with nothing of the value."""
    daemon = house(tmp_path, free_port())
    said = daemon.run_beside("check")
    assert said.returncode != 0
    assert "AM_TOKEN" in said.stderr
    assert "planted" not in said.stdout + said.stderr


@pytest.mark.parametrize("name", ["oncall", "pager", "hook"])
async def test_the_notifiers_of_the_example_are_accepted(name: str) -> None:
    """By the adapters themselves, with some secret in place of what is referred to."""
    said = read_settings(EXAMPLE, "config.example.toml", vocabulary()).notify[name]
    options = {key: "k" * 32 if isinstance(value, SecretRef) else value for key, value in said.options.items()}
    notifier = make_notifier(said.kind, name, options)
    assert isinstance(notifier, Notifier)
    await notifier.close()
