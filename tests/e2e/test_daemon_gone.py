"""The daemon is dead or hangs: what the router does by itself, and what `rolloutd emergency-abort` does beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.core.values import ZERO, Share, Slot
from tests.e2e.paper import spec
from tests.e2e.sites import FIRST, NAME, Site, envoy_site, haproxy_site, nginx_site
from tests.engines.envoy import Envoy
from tests.engines.haproxy import HAProxy
from tests.engines.nginx import Nginx
from tests.engines.processes import until

pytestmark = pytest.mark.real
RATE = 200.0
LEASE_S = 3.0
STAYS = spec("v2", stay="5m")
"""A rollout that stays on its first stage for as long as a test takes."""

AnySite = Site[HAProxy] | Site[Envoy] | Site[Nginx]


@pytest.fixture(params=["haproxy", "envoy", "nginx"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnySite]:
    """Each engine in turn. HAProxy's lease is long, so that nothing happens by itself."""
    if request.param == "haproxy":
        with haproxy_site(tmp_path, lease="60s") as on_haproxy:
            yield on_haproxy
    elif request.param == "nginx":
        with nginx_site(tmp_path) as on_nginx:
            yield on_nginx
    else:
        with envoy_site(tmp_path) as on_envoy:
            yield on_envoy


async def test_haproxy_takes_the_share_back_by_itself_when_the_daemon_is_dead(tmp_path: Path) -> None:
    """I7: the lease ends at TTL + <= 1 s after the last sign of life, without one failed request; a person resumes."""
    with haproxy_site(tmp_path, lease=f"{LEASE_S:g}s") as site:
        async with site.load(RATE) as tally:
            await site.begin(STAYS)
            site.house.program.kill()
            assert await site.shows(ZERO) <= LEASE_S + 1
            before = site.servers[Slot.A].requests
            await until(lambda: site.servers[Slot.A].requests > before + 50, "the champion to serve")
            await asyncio.to_thread(site.house.start)
            held = await asyncio.to_thread(site.house.wait, NAME, "held")
            assert "LeaseLapsed" in site.house.kinds(NAME)
            assert held["on_new"]["asked"] == 0
            await asyncio.to_thread(site.house.resume, NAME)
            await site.settles(FIRST)
    assert tally.failed == 0
    assert tally.total > 0


async def test_a_share_on_envoy_stays_when_the_daemon_is_dead_and_the_next_one_goes_on(tmp_path: Path) -> None:
    """Envoy has no lease: fail-static. A restarted daemon finds its share, confirms it and goes up with it."""
    with envoy_site(tmp_path) as site:
        async with site.load(RATE) as tally:
            await site.begin(spec("v2", stay="3s"))
            site.house.program.kill()
            served = site.servers[Slot.B].requests
            await until(lambda: site.servers[Slot.B].requests > served + 50, "the challenger to go on serving")
            assert await site.share() == FIRST
            await asyncio.to_thread(site.house.start)
            await asyncio.to_thread(site.house.wait, NAME, "done")
            assert {"DriftSeen", "RouterRestarted", "LeaseLapsed"}.isdisjoint(site.house.kinds(NAME))
    assert tally.failed == 0


async def test_emergency_abort_beside_a_hung_daemon(site: AnySite) -> None:
    """I2: a frozen daemon does not stand in the way of zero, and keeps the zero when it wakes up."""
    house = site.house
    async with site.load(RATE) as tally:
        await site.begin(STAYS)
        house.freeze()
        done = await asyncio.to_thread(house.run_beside, "emergency-abort")
        assert (done.returncode, done.stderr) == (0, "")
        assert "10% taken back" in done.stdout
        assert await site.share() == ZERO
        house.thaw()
        held = await asyncio.to_thread(house.wait, NAME, "held")
        shares = {"asked": 0, "observed": 0, "confirmed": 0, "confirmed_is_asked": True}
        assert held["on_new"].items() >= shares.items()
        assert "lowered the share from 10% to 0%" in house.why(NAME, "DriftSeen")[0]
        assert await site.share() == ZERO
    assert tally.failed == 0


async def test_emergency_abort_if_stale_leaves_a_living_daemon_alone(site: AnySite) -> None:
    """With --if-stale nothing happens while the pulse is fresh; once the daemon has hung for that long, zero."""
    house = site.house
    await site.begin(STAYS)
    await until((house.folder / "state" / "pulse").exists, "the first pulse")
    done = await asyncio.to_thread(house.run_beside, "emergency-abort", "--if-stale", "1m")
    assert done.returncode == 0
    assert "nothing was changed" in done.stdout
    assert await site.share() == FIRST
    house.freeze()
    while "nothing was changed" in done.stdout:
        done = await asyncio.to_thread(house.run_beside, "emergency-abort", "--if-stale", "3s")
    assert done.returncode == 0, done.stderr
    assert await site.share() == ZERO


async def test_a_daemon_that_dies_again_and_again_is_no_sign_of_life(tmp_path: Path) -> None:
    """I7: Envoy has no lease; a daemon that dies of its first check each time leaves the share to emergency-abort."""
    with envoy_site(tmp_path, tick="3s") as site:
        house, pulse = site.house, tmp_path / "state" / "pulse"
        await site.begin(STAYS)
        house.program.kill()
        pulse.unlink(missing_ok=True)
        await site.write_by_hand(Share(4_000))
        for _ in range(2):
            await asyncio.to_thread(house.start, ROLLOUTD_CRASH_AT="P1")
            await until(lambda: not house.program.running, "the daemon to die of its first write")
        done = await asyncio.to_thread(house.run_beside, "emergency-abort", "--if-stale", "1m")
        assert "40% taken back" in done.stdout
        assert await site.share() == ZERO
