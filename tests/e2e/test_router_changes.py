"""The share on the real engine changes under a running daemon: a reload, a lapse and a hand are told apart (I1, I6)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.core.values import ZERO, Share
from tests.e2e.paper import spec
from tests.e2e.sites import FIRST, NAME, Site, envoy_site, haproxy_site
from tests.engines.envoy import Envoy
from tests.engines.haproxy import HAProxy

pytestmark = pytest.mark.real
RATE = 200.0
TICK_S = 0.5
LEASE_S = 2.0
MACHINE_S = 2.0  # what a busy machine may add to a tick
STAYS = spec("v2", stay="5m")
LOWER, HIGHER = Share(400), Share(4_000)
CHANGES = {"RouterRestarted", "LeaseLapsed", "DriftSeen"}


@pytest.fixture
def on_haproxy(tmp_path: Path) -> Iterator[Site[HAProxy]]:
    """HAProxy with a short lease."""
    with haproxy_site(tmp_path, lease=f"{LEASE_S:g}s") as site:
        yield site


@pytest.fixture(params=["haproxy", "envoy"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site[HAProxy] | Site[Envoy]]:
    """Either engine."""
    if request.param == "haproxy":
        with haproxy_site(tmp_path, lease=f"{LEASE_S:g}s") as either:
            yield either
    else:
        with envoy_site(tmp_path) as either_too:
            yield either_too


def changes(site: Site[HAProxy] | Site[Envoy]) -> set[str]:
    """Which of the three the record names."""
    return CHANGES & set(site.house.kinds(NAME))


async def keeps(site: Site[HAProxy] | Site[Envoy], share: Share) -> None:
    """The engine shows this share at every look, for longer than its lease and several ticks."""
    until_s = time.monotonic() + LEASE_S + 2 * TICK_S
    while time.monotonic() < until_s:
        assert await site.share() == share
        await asyncio.sleep(0.02)


async def test_a_reload_is_a_restart_and_the_share_is_written_again(on_haproxy: Site[HAProxy]) -> None:
    """A new worker has forgotten the share: RouterRestarted, then the recorded share again, and no request failed."""
    site = on_haproxy
    async with site.load(RATE) as tally:
        await site.begin(STAYS)
        await asyncio.to_thread(site.proxy.reload)
        assert await site.shows(FIRST) <= 2 * TICK_S + MACHINE_S
        await site.settles(FIRST)
        status = site.house.status(NAME)
    assert status["phase"] == "running"
    assert changes(site) == {"RouterRestarted"}
    assert tally.failed == 0


async def test_a_lapse_is_held_at_zero_until_a_person_resumes(on_haproxy: Site[HAProxy]) -> None:
    """The daemon slept for longer than the lease: LeaseLapsed, held at 0, nothing is raised by itself."""
    site, house = on_haproxy, on_haproxy.house
    await site.begin(STAYS)
    house.freeze()
    assert await site.shows(ZERO) <= LEASE_S + 1
    house.thaw()
    held = await asyncio.to_thread(house.wait, NAME, "held")
    assert "lease" in held["held_because"]
    assert changes(site) == {"LeaseLapsed"}
    await keeps(site, ZERO)
    await asyncio.to_thread(house.resume, NAME)
    await site.settles(FIRST)


async def test_a_hand_that_lowers_is_kept_until_a_person_resumes(site: Site[HAProxy] | Site[Envoy]) -> None:
    """DriftSeen, held at what the hand gave, and its lease is renewed: a person's lower share is never raised."""
    house = site.house
    await site.begin(STAYS)
    await site.write_by_hand(LOWER)
    held = await asyncio.to_thread(house.wait, NAME, "held")
    assert "somebody lowered" in held["held_because"]
    assert changes(site) == {"DriftSeen"}
    await keeps(site, LOWER)
    await asyncio.to_thread(house.resume, NAME)
    await site.settles(FIRST)


async def test_a_hand_that_raises_is_put_back_within_a_tick(site: Site[HAProxy] | Site[Envoy]) -> None:
    """DriftSeen, the recorded share again at once, and a fresh look before anything goes up; the rollout goes on."""
    house = site.house
    async with site.load(RATE) as tally:
        await site.begin(STAYS)
        await site.write_by_hand(HIGHER)
        assert await site.shows(FIRST) <= TICK_S + MACHINE_S
        await site.settles(FIRST)
    assert house.status(NAME)["phase"] == "running"
    assert changes(site) == {"DriftSeen"}
    assert "somebody raised the share by hand" in " ".join(house.why(NAME, "WindowRestarted"))
    assert tally.failed == 0


async def test_an_envoy_that_restarts_keeps_the_share_and_a_hand_after_it_is_still_a_hand(tmp_path: Path) -> None:
    """I8: its file survives, so nothing is lost; who lowers the share afterwards is not taken for the restart."""
    with envoy_site(tmp_path) as site:
        await site.begin(STAYS)
        await asyncio.to_thread(site.proxy.program.stop)
        await asyncio.to_thread(site.proxy.start)
        await site.settles(FIRST)
        await asyncio.to_thread(
            site.house.wait_for, NAME, lambda _: "RouterRestarted" in site.house.kinds(NAME), "the restart to be seen"
        )
        assert site.house.status(NAME)["phase"] == "running"
        await site.write_by_hand(LOWER)
        await asyncio.to_thread(site.house.wait, NAME, "held")
        assert changes(site) == {"RouterRestarted", "DriftSeen"}
        await keeps(site, LOWER)
