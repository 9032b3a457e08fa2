"""Tells whatever Apprise can reach (chat, mail, and a hundred more), as plain text; an optional extra of the package.

Apprise opens its own connections: the rules of outbound.py (hosts, networks, redirects) do not hold for it. It blocks,
so each call runs in a thread of its own, and a call that hangs is not followed by a second one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from pydantic import SecretStr

from rollout_adapters.notify.text import plain
from rollout_adapters.options import AdapterOptions, BadOption, check_options
from rolloutd.ports import Manner, Message, NotifierUnreachable, Turn

MOST = 20
KINDS = {Turn.RESOLVED: "success", Turn.ACKNOWLEDGED: "info"}


class AppriseOptions(AdapterOptions):
    """``url_secret`` holds Apprise addresses, one a line: they carry tokens, so they are a secret as a whole."""

    url_secret: SecretStr


def make(name: str, options: Mapping[str, object]) -> Apprise:
    """A notifier through Apprise. Raises BadOption, also where the package is not installed."""
    owner = f"Notifier {name} (apprise)"
    read = check_options(AppriseOptions, options, owner)
    try:
        library: Any = import_module("apprise")
    except ImportError:
        raise BadOption(f"{owner} needs the package apprise: pip install 'rolloutd[apprise]'.", "kind") from None
    client = library.Apprise()
    lines = [line.strip() for line in read.url_secret.get_secret_value().splitlines() if line.strip()]
    if not lines or not all(client.add(line) for line in lines):
        raise BadOption(f"{owner} holds an address that Apprise does not know.", "url_secret")
    return Apprise(client)


class Apprise:
    """One set of Apprise addresses."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - an optional library without a place in our types
        self.manner = Manner(most=MOST, paced=True)
        self._client = client
        self._busy = False

    async def tell(self, messages: Sequence[Message]) -> None:
        """One notification, with a line or two for each message."""
        title = plain(messages[0].title) if len(messages) == 1 else f"rolloutd: {len(messages)} messages"
        kind = KINDS.get(messages[0].turn, "failure" if messages[0].critical else "warning")
        body = "\n\n".join(f"{plain(one.title)}\n{plain(one.what)}\nNext: {plain(one.next_step)}" for one in messages)
        if not await self._in_thread(title, body, kind):
            raise NotifierUnreachable("Apprise could not hand it over to all of its addresses.")

    async def check(self) -> None:
        """Apprise has no way to ask without telling."""
        if self._busy:
            raise NotifierUnreachable("Apprise has not come back from its last call.")

    async def close(self) -> None:
        """A thread that hangs ends with the process."""

    async def _in_thread(self, title: str, body: str, kind: str) -> bool:
        await self.check()
        loop, self._busy = asyncio.get_running_loop(), True
        done: asyncio.Future[bool] = loop.create_future()

        def settle(taken: bool) -> None:
            self._busy = False
            if not done.done():
                done.set_result(taken)

        def work() -> None:
            taken = False
            try:
                taken = bool(self._client.notify(body=body, title=title, notify_type=kind, body_format="text"))
            finally:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(settle, taken)

        threading.Thread(target=work, name="apprise", daemon=True).start()
        return await done
