"""The end of a screen on several hosts: a word that comes in the very moment of leaving does not keep it there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from rollout_tui.client import Client
from rollout_tui.folding import Incoming
from rollout_tui.hosts import Hosts
from rollout_tui.http import Unreachable


class Cut(Client):
    """A daemon whose stream ends, without a word, at the moment that the test chooses."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.ends = asyncio.Event()

    async def events(self, name: str = "") -> AsyncGenerator[Incoming, None]:
        """Nothing, until it is cut; cut again and again from then on."""
        for nothing in await self._cut():
            yield nothing

    async def _cut(self) -> list[Incoming]:
        await self.ends.wait()
        raise Unreachable("cut", sent=True)


@pytest.mark.parametrize("turns", range(8))
async def test_whoever_leaves_is_not_held_back(turns: int) -> None:
    """The cancellation is not lost, however many turns of the event loop lie between a host's last word and it."""
    first, other = Cut(), Cut()
    hosts = Hosts({"east": first, "west": other}, lambda: 0.0, retry_s=0.0)

    async def look() -> None:
        async with aclosing(hosts.events()) as events:
            async for _ in events:
                pass

    looking = asyncio.create_task(look())
    for _ in range(10):
        await asyncio.sleep(0)
    first.ends.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    looking.cancel()
    done, _ = await asyncio.wait({looking}, timeout=5)
    assert looking in done
    assert looking.cancelled()
