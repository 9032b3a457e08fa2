"""The demo's users as a process of their own: a steady rate on every route until stdin is closed; it judges nothing."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from tests.engines.load import everybody, load

# Enough that the share of the users is the share of the requests, few enough that remembering each costs little.
_USERS = 100_000


async def main(port: int, rate: float, paths: list[str]) -> None:
    """Send ``rate`` requests a second to each path of the proxy on ``port``.

    A path may go on with ``=HEADER:VALUE=PART,...``: so much of its rate says that it is of this segment.
    """
    async with contextlib.AsyncExitStack() as loads:
        for path, head, part in (stream for told in paths for stream in _streams(told)):
            await loads.enter_async_context(load(port, rate * part, user=everybody(_USERS), path=path, head=head))
        await asyncio.to_thread(sys.stdin.read)


def _streams(told: str) -> list[tuple[str, str, float]]:
    path, found, rest = told.partition("=")
    if not found:
        return [(path, "", 1.0)]
    header, _, parts = rest.partition(":")
    split = [one.split("=") for one in parts.split(",")]
    return [(path, f"{header}: {value}\r\n" if value else "", float(part)) for value, part in split]


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
