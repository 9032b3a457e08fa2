"""Notifiers for a fleet's daemon, one alive, one that refuses and one that hangs, and the post that waits for them.

The post is written into the outbox before the daemon starts, so that all three are busy while something is measured.
"""

from __future__ import annotations

import socket
from pathlib import Path

from rolloutd.core.incidents import Message, Turn
from rolloutd.outbox import Outbox, Step
from tests.engines.processes import free_port

WAITING = 1_000
NAMES = ("alive", "refuses", "hangs")


class Post:
    """``port`` is of a server that takes whatever is posted to it. ``config`` is the text for the configuration.

    ``names`` say by their first word what each notifier is: alive, refuses or hangs. Nothing waits where all are alive.
    """

    def __init__(self, port: int, names: tuple[str, ...] = NAMES) -> None:
        self._hole = socket.create_server(("127.0.0.1", 0))  # it listens and never answers
        self._names = names
        ports = {"alive": port, "refuses": free_port(), "hangs": self._hole.getsockname()[1]}
        self.config = "\n".join(_table(name, ports[name.partition("-")[0]]) for name in names)

    async def write(self, state: Path, rollouts: list[str]) -> None:
        """Put the messages where the daemon finds them."""
        outbox = Outbox.open(state / "outbox.db")
        few = all(name.startswith("alive") for name in self._names)  # what can be told has been, long ago
        waiting = range(0 if few else WAITING)
        messages = [_message(rollouts[number % len(rollouts)], number) for number in waiting]
        await outbox.keep(Step(0, (), (), messages), lambda _: self._names, 0)
        await outbox.close()


def _table(name: str, port: int) -> str:
    return f"""
[notify.{name}]
kind = "pagerduty"
url = "http://127.0.0.1:{port}/v1/enqueue"
networks = ["127.0.0.1/32"]
routing_secret = {{ env = "PATH" }}
"""


def _message(rollout: str, number: int) -> Message:
    """A change, so that nothing of a rollout's is merged away; each is about a rollout of its own name."""
    about = f"{rollout}-{number}"
    return Message(
        f"bench/{number}", f"bench/{about}", Turn.CHANGED, "blind", True, about, "m", "r", "a bench", "none", "", 0, 0
    )  # fmt: skip
