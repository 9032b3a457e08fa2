"""The demo's users as a process of their own: a steady rate on every route until stdin is closed; it judges nothing."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from tests.engines.load import everybody, load

# Enough that the share of the users is the share of the requests, few enough that remembering each costs little.
_USERS = 100_000


async def main(port: int, rate: float, paths: list[str]) -> None:
    """Send ``rate`` requests a second to each path of the proxy on ``port``."""
    async with contextlib.AsyncExitStack() as loads:
        for path in paths:
            await loads.enter_async_context(load(port, rate, user=everybody(_USERS), path=path))
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
