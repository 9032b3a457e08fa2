"""A notifier that keeps what it is told, with faults on demand: for demonstrations and tests. It reaches nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from rollout_adapters.options import AdapterOptions, check_options
from rolloutd.ports import Manner, Message, NotifierError


class MemoryOptions(AdapterOptions):
    """Nothing to choose."""


def make(name: str, options: Mapping[str, object]) -> MemoryNotifier:
    """A notifier without a world. Raises BadOption for any option."""
    check_options(MemoryOptions, options, f"Notifier {name} (memory)")
    return MemoryNotifier()


class MemoryNotifier:
    """``calls`` is what came, call by call. ``fault`` is raised at every call; ``hangs`` never comes back."""

    def __init__(self, manner: Manner | None = None) -> None:
        self.manner = manner or Manner(most=100, paced=False)
        self.calls: list[tuple[Message, ...]] = []
        self.tries = 0
        self.fault: NotifierError | None = None
        self.hangs = False

    @property
    def told(self) -> list[Message]:
        """Everything that came, in order."""
        return [message for call in self.calls for message in call]

    async def tell(self, messages: Sequence[Message]) -> None:
        """Keep them."""
        self.tries += 1
        await self.check()
        self.calls.append(tuple(messages))

    async def check(self) -> None:
        """As the faults say."""
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault

    async def close(self) -> None:
        """Nothing is open."""
