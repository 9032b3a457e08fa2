"""What only Envoy does: a file and a runtime layer that can disagree, files it rejects, shares without a lease."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from rollout_adapters.files import locked
from rolloutd.core.values import FULL, ZERO, Share, Slot
from rolloutd.ports import RouterBadAnswer, RouterRefused, RouterUnreachable
from tests.adapters.traffic.rigs import ROUTE, EnvoyRig, users
from tests.engines.faulty_http import Fault, FaultyHTTP

pytestmark = pytest.mark.real
A, B = f"rollout.{ROUTE}.{ROUTE}-a", f"rollout.{ROUTE}.{ROUTE}-b"


async def by_hand(rig: EnvoyRig, **weights: int) -> None:
    """Somebody sets runtime weights past the adapter."""
    keys = {"a": A, "b": B}
    query = "&".join(f"{keys[slot]}={weight}" for slot, weight in weights.items())
    await asyncio.to_thread(rig.engine.admin, f"/runtime_modify?{query}", post=True)


async def runtime_of(rig: EnvoyRig) -> dict[str, Any]:
    """The runtime values that are set."""
    entries = json.loads(await asyncio.to_thread(rig.engine.admin, "/runtime"))["entries"]
    assert isinstance(entries, dict)
    return entries


def file_of(rig: EnvoyRig) -> dict[str, Any]:
    """The route file's content."""
    content = json.loads(rig.engine.routes_file.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


async def test_a_runtime_override_beats_the_file(envoy: EnvoyRig) -> None:
    """What requests meet is read, whoever set it, in whatever sum; an override of one arm alone is no percentage."""
    await envoy.router.set_share(ROUTE, Slot.B, Share(100))
    await by_hand(envoy, a=50, b=50)
    assert (await envoy.router.read(ROUTE)).share_of(Slot.B) == Share(5_000)
    await by_hand(envoy, a=9_900)
    await by_hand(envoy, b=300)
    assert (await envoy.router.read(ROUTE)).override == Share(295)  # 300 of 10200, rounded up
    await by_hand(envoy, a=1_000_000, b=1)
    assert (await envoy.router.read(ROUTE)).override == Share(1)


async def test_weights_that_are_all_zero_are_told(envoy: EnvoyRig) -> None:
    """Envoy answers 404 to everything then; that is no share of zero. Going back mends it."""
    await by_hand(envoy, a=0, b=0)
    with pytest.raises(RouterBadAnswer, match="404"):
        await envoy.router.read(ROUTE)
    await envoy.router.set_share(ROUTE, Slot.B, ZERO)
    assert (await envoy.send(users(50))).slots == {"a": 50}


async def test_a_raise_drops_an_override_that_was_there_before(envoy: EnvoyRig) -> None:
    """After it the file alone counts, so that a restart of Envoy changes nothing."""
    await by_hand(envoy, a=10_000, b=0)
    await envoy.router.set_share(ROUTE, Slot.B, Share(1_000))
    assert (await envoy.router.read(ROUTE)).override == Share(1_000)
    assert await runtime_of(envoy) == {}


async def test_going_back_leaves_the_file_at_zero_and_no_override(envoy: EnvoyRig) -> None:
    """File and runtime agree afterwards: a restart brings nothing back."""
    await envoy.router.set_share(ROUTE, Slot.B, FULL)
    await envoy.router.set_share(ROUTE, Slot.B, ZERO)
    assert await runtime_of(envoy) == {}
    envoy.restart()
    assert (await envoy.router.read(ROUTE)).override_slot is None
    assert (await envoy.send(users(50))).slots == {"a": 50}


async def test_going_back_does_not_wait_for_a_writer_that_hangs(envoy: EnvoyRig) -> None:
    """With the file's lock held by another process the share is 0 at once; the call says what is not yet so."""
    await envoy.router.set_share(ROUTE, Slot.B, FULL)
    with locked(envoy.engine.routes_file):
        going_back = asyncio.create_task(envoy.router.set_share(ROUTE, Slot.B, ZERO))
        async with asyncio.timeout(10):
            while (await envoy.router.read(ROUTE)).override_slot is not None:
                await asyncio.sleep(0.005)
        assert not going_back.done()
        assert (await envoy.send(users(50))).slots == {"a": 50}
        with pytest.raises(RouterRefused, match=r"locked.*is 0 all the same"):
            await going_back
    await envoy.router.set_share(ROUTE, Slot.B, ZERO)
    assert await runtime_of(envoy) == {}


async def test_a_raise_behind_a_return_to_zero_is_left_out(envoy: EnvoyRig) -> None:
    """A raise that waits for the file when a return begins does not write over it afterwards."""
    with locked(envoy.engine.routes_file):
        raising = asyncio.create_task(envoy.router.set_share(ROUTE, Slot.B, FULL))
        await asyncio.sleep(0)
        going_back = asyncio.create_task(envoy.router.set_share(ROUTE, Slot.B, ZERO))
        async with asyncio.timeout(10):
            while not await runtime_of(envoy):
                await asyncio.sleep(0.005)
    await going_back
    with pytest.raises(RouterRefused, match="meanwhile"):
        await raising
    assert (await envoy.router.read(ROUTE)).override_slot is None


async def test_a_file_that_envoy_rejects_is_told(envoy: EnvoyRig) -> None:
    """Another route's entry that Envoy will not have: a raise is refused and changes nothing, going back works."""
    await envoy.router.set_share(ROUTE, Slot.B, Share(1_000))
    content = file_of(envoy)
    for entry in content["resources"][0]["virtual_hosts"][0]["routes"]:
        if entry["name"] == "other":
            entry["route"]["timeout"] = "no time at all"
    envoy.engine.routes_file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RouterRefused, match="rejected generation"):
        await envoy.router.set_share(ROUTE, Slot.B, FULL)
    assert (await envoy.router.read(ROUTE)).override == Share(1_000)
    with pytest.raises(RouterRefused, match=r"rejected generation.*is 0 all the same"):
        await envoy.router.set_share(ROUTE, Slot.B, ZERO)
    assert (await envoy.router.read(ROUTE)).override_slot is None
    assert (await envoy.send(users(50))).slots == {"a": 50}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"resources": 3}', '{"resources": [], "x": "\udcff"}', None])
async def test_a_broken_file_is_written_anew_from_what_runs(envoy: EnvoyRig, text: str | None) -> None:
    """Missing or no route file at all: what Envoy runs is kept, with this route changed."""
    await envoy.router.set_base("other", Slot.B)
    if text is None:
        envoy.engine.routes_file.unlink()
    else:
        envoy.engine.routes_file.write_text(text, encoding="utf-8", errors="surrogateescape")
    await envoy.router.set_share(ROUTE, Slot.B, Share(700))
    assert (await envoy.router.read(ROUTE)).override == Share(700)
    assert (await envoy.router.read("other")).base is Slot.B


async def test_other_routes_stay_as_they_are(envoy: EnvoyRig) -> None:
    """Two routes live in one file; writes of both at once lose nothing."""
    await asyncio.gather(
        *(envoy.router.set_share(route, Slot.B, Share(points)) for route, points in ((ROUTE, 1_100), ("other", 2_200)))
    )
    assert (await envoy.router.read(ROUTE)).override == Share(1_100)
    assert (await envoy.router.read("other")).override == Share(2_200)
    before = (await envoy.router.read("other")).generation
    await envoy.router.set_share(ROUTE, Slot.B, ZERO)
    reading = await envoy.router.read("other")
    assert reading.override == Share(2_200)
    assert int(reading.generation) > int(before)


async def test_generations_grow_across_daemons_and_odd_versions(envoy: EnvoyRig) -> None:
    """The next one follows from the file and from what Envoy says it runs, not from anything we remember."""
    await envoy.router.set_share(ROUTE, Slot.B, Share(100))
    other = envoy.second()
    await other.set_share(ROUTE, Slot.B, Share(200))
    assert (await other.read(ROUTE)).generation == "3"
    content = file_of(envoy) | {"version_info": "by hand"}
    envoy.engine.routes_file.write_text(json.dumps(content), encoding="utf-8")
    await other.set_share(ROUTE, Slot.B, Share(200))
    assert (await other.read(ROUTE)).generation == "4"
    await other.close()


async def test_an_entry_without_a_note_is_not_guessed(envoy: EnvoyRig) -> None:
    """Which slot is the base is said by the running configuration, or the route is not touched."""
    content = file_of(envoy)
    for entry in content["resources"][0]["virtual_hosts"][0]["routes"]:
        del entry["metadata"]
    content["version_info"] = "9"
    temporary = envoy.engine.routes_file.with_name(".new")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.rename(envoy.engine.routes_file)
    async with asyncio.timeout(10):
        with pytest.raises(RouterBadAnswer, match="does not say which slot is its base"):  # noqa: PT012
            while True:
                await envoy.router.read(ROUTE)
                await asyncio.sleep(0.005)
    with pytest.raises(RouterBadAnswer, match="metadata"):
        await envoy.router.set_share(ROUTE, Slot.B, FULL)
    assert (await envoy.send(users(50))).slots == {"a": 50}


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.RESET, Fault.GARBAGE, Fault.TRUNCATED])
async def test_an_admin_port_that_misbehaves_is_unreachable(envoy: EnvoyRig, fault: Fault) -> None:
    """Silence, resets, nonsense and half answers end within the call's own time, as an unknown outcome."""
    async with FaultyHTTP(body=b"{}", fault=fault) as broken:
        envoy.engine.admin_url = broken.url
        router = envoy.second()
        with pytest.raises((RouterUnreachable, RouterBadAnswer)):
            async with asyncio.timeout(5):
                await router.read(ROUTE)
        await router.close()
