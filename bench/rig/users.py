"""Users in a process of their own: a steady rate on every address until stdin is closed, then what they saw, as JSON.

``python -m bench.rig.users RATE PORT/PATH ...``. For each address one object: answers by status, answers by side, and
the moment (``monotonic``) at which the last request that a side answered was *sent*. It judges nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tests.engines.load import Tally, everybody, load

_USERS = 100_000
_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """What the users of one address saw."""

    failed: int
    total: int
    last_s: dict[str, float]


class Users:
    """The other end: the process, and what it says at its end."""

    def __init__(self, rate: float, addresses: Sequence[str]) -> None:
        command = [sys.executable, "-m", "bench.rig.users", str(rate), *addresses]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self) -> list[Seen]:
        """End the load; what was seen, by address, in the order in which they were given."""
        said, _ = self._process.communicate(input="", timeout=30)
        return [Seen(**told) for told in json.loads(said)]

    def kill(self) -> None:
        """End it at once, unasked."""
        self._process.kill()
        self._process.wait()


async def main(rate: float, addresses: list[str]) -> None:
    """Send until stdin is closed."""
    tallies: list[Tally] = []
    async with contextlib.AsyncExitStack() as loads:
        for told in addresses:
            port, _, path = told.partition("/")
            sending = load(int(port), rate, user=everybody(_USERS), path=f"/{path}", connections=_CONNECTIONS)
            tallies.append(await loads.enter_async_context(sending))
        await asyncio.to_thread(sys.stdin.read)
    print(json.dumps([{"failed": each.failed, "total": each.total, "last_s": each.last_s} for each in tallies]))


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
