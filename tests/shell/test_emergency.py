"""What emergency-abort says of a route whose router fails on the way: what the router shows then, never a guess."""

from __future__ import annotations

import asyncio

import pytest

from rollout_adapters.memory import MemoryRouter
from rolloutd.clock import BoottimeClock
from rolloutd.core.observed import RouteReading
from rolloutd.core.values import Share, Slot
from rolloutd.emergency import lower
from rolloutd.ports import RouterUnreachable

ROUTE = "ranker"


class Failing(MemoryRouter):
    """A router whose writes fail, before or after they were carried out; ``goes`` says whether it is gone by then."""

    def __init__(self, *, obeys: bool, goes: bool = False) -> None:
        super().__init__(BoottimeClock(), (ROUTE,))
        self._obeys, self._goes, self._gone = obeys, goes, False

    async def set_share(self, route: str, slot: Slot, share: Share) -> None:
        """Fail, carried out or not."""
        if share > Share(0):
            await super().set_share(route, slot, share)
            return
        if self._obeys:
            await super().set_share(route, slot, share)
        self._gone = self._goes
        raise RouterUnreachable("The connection broke.")

    async def read(self, route: str) -> RouteReading:
        """What is there, while it can be read."""
        if self._gone:
            raise RouterUnreachable("It refuses connections.")
        return await super().read(route)


THROUGH = "ranker: nothing is left on it, but this went wrong on the way: The connection broke.\n"
NOT = "ranker: NOT lowered: The connection broke.\nranker: the router still shows 10%. Stop it by hand.\n"
UNKNOWN = (
    "ranker: NOT KNOWN to be lowered: The connection broke. Nor can the router be read now: It refuses connections. "
    "Look at the router, and stop it by hand.\n"
)


@pytest.mark.parametrize(
    ("obeys", "goes", "lowered", "said"),
    [(True, False, True, THROUGH), (False, False, False, NOT), (False, True, False, UNKNOWN)],
    ids=["came through", "did not", "nobody knows"],
)
async def test_what_the_router_shows_decides(
    obeys: bool, goes: bool, lowered: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """I2: done means read back, also when the answer to the write was lost; in doubt it is said that nobody knows."""
    router = Failing(obeys=obeys, goes=goes)
    await router.set_share(ROUTE, Slot.B, Share(1_000))
    assert await lower(router, ROUTE) is lowered
    told = capsys.readouterr()
    assert (told.out if lowered else told.err) == said


class Broken(MemoryRouter):
    """A router whose adapter has a fault of its own."""

    def __init__(self) -> None:
        super().__init__(BoottimeClock(), (ROUTE,))

    async def read(self, route: str) -> RouteReading:
        """Raise what no port allows."""
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


async def test_an_adapters_fault_costs_no_other_route_its_return(capsys: pytest.CaptureFixture[str]) -> None:
    """I2: the error came through, and cut off the returns of all other routes."""
    sound = MemoryRouter(BoottimeClock(), (ROUTE,))
    await sound.set_share(ROUTE, Slot.B, Share(1_000))
    lowered = await asyncio.gather(lower(Broken(), ROUTE), lower(sound, ROUTE))
    assert list(lowered) == [False, True]
    assert "NOT KNOWN to be lowered" in capsys.readouterr().err
