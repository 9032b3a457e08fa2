"""What only nginx does: a file and a reload that it may refuse, old workers, a stop file that needs neither."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from rollout_adapters.files import locked
from rollout_adapters.split import Split
from rollout_adapters.traffic import nginx_master
from rollout_adapters.traffic.nginx_split import read_splits, render_splits
from rolloutd.core.values import FULL, ZERO, Share, Slot
from rolloutd.ports import RouterBadAnswer, RouterRefused, RouterUnreachable
from tests.adapters.traffic.rigs import ROUTE, NginxRig, running, users
from tests.engines.faulty_http import Fault, FaultyHTTP
from tests.engines.load import burst
from tests.engines.processes import until

pytestmark = pytest.mark.real
HALF = Share(5_000)


def spoil(rig: NginxRig) -> str:
    """Somebody leaves a mistake in nginx.conf; returns the text as it was."""
    text = rig.engine.config_file.read_text(encoding="utf-8")
    rig.engine.config_file.write_text(text + "no_such_directive on;\n", encoding="utf-8")
    return text


def stop_files(rig: NginxRig) -> list[Path]:
    """The stop files that lie there."""
    return list(rig.engine.splits_file.parent.glob("stop-*"))


async def test_a_refused_file_leaves_the_old_split_in_force_and_in_place(nginx: NginxRig) -> None:
    """I1: nginx's own words are told, traffic stays, and no later reload can raise what was refused."""
    await nginx.router.set_share(ROUTE, Slot.B, Share(1_000))
    before = nginx.engine.splits_file.read_text(encoding="utf-8")
    mended = spoil(nginx)
    with pytest.raises(RouterRefused, match='unknown directive "no_such_directive"'):
        await nginx.router.set_share(ROUTE, Slot.B, HALF)
    assert nginx.engine.splits_file.read_text(encoding="utf-8") == before
    assert (await nginx.router.read(ROUTE)).override == Share(1_000)
    nginx.engine.config_file.write_text(mended, encoding="utf-8")
    await nginx.router.set_share(ROUTE, Slot.B, HALF)
    assert (await nginx.router.read(ROUTE)).override == HALF


async def test_without_a_check_what_is_served_tells_the_refusal(nginx: NginxRig) -> None:
    """nginx answers no reload: a file that it did not take over is found out by what its workers say, and put back."""
    router = nginx.engine.router(check=False)
    before = nginx.engine.splits_file.read_text(encoding="utf-8")
    spoil(nginx)
    with pytest.raises(RouterRefused, match=r"did not take over generation 2 .* serves generation 1"):
        await router.set_share(ROUTE, Slot.B, HALF)
    assert nginx.engine.splits_file.read_text(encoding="utf-8") == before
    assert (await nginx.send(users(50))).slots == {"a": 50}
    await router.close()


async def test_going_back_needs_no_reload(nginx: NginxRig) -> None:
    """I2: with files that nginx refuses the share is 0 at once all the same; the call says what is not yet so."""
    await nginx.router.set_share(ROUTE, Slot.B, HALF)
    mended = spoil(nginx)
    with pytest.raises(RouterRefused, match="is 0 all the same, by the file"):
        await nginx.router.set_share(ROUTE, Slot.B, ZERO)
    assert (await nginx.router.read(ROUTE)).override_slot is None
    assert (await nginx.send(users(200))).slots == {"a": 200}
    nginx.engine.config_file.write_text(mended, encoding="utf-8")
    nginx.restart()
    assert (await nginx.send(users(200))).slots == {"a": 200}
    await nginx.router.set_share(ROUTE, Slot.B, Share(1_000))
    assert (await nginx.router.read(ROUTE)).override == Share(1_000)
    assert stop_files(nginx) == []


async def test_going_back_is_in_force_before_the_reload_is(nginx: NginxRig) -> None:
    """The first request after the stop file lies there goes to the base, whichever worker takes it."""
    await nginx.router.set_share(ROUTE, Slot.B, FULL)
    going_back = asyncio.create_task(nginx.router.set_share(ROUTE, Slot.B, ZERO))
    await until(lambda: bool(stop_files(nginx)), "the stop file")
    assert (await nginx.send(users(100))).slots == {"a": 100}
    await going_back
    assert stop_files(nginx) == []
    assert (await nginx.send(users(100))).slots == {"a": 100}


async def test_going_back_waits_for_no_lock(nginx: NginxRig) -> None:
    """I2: a process that was stopped with the file's lock in hand does not stand in the way, and overwrites nothing."""
    await nginx.router.set_share(ROUTE, Slot.B, FULL)
    with locked(nginx.engine.splits_file):
        await nginx.router.set_share(ROUTE, Slot.B, ZERO)
        assert (await nginx.router.read(ROUTE)).override_slot is None
        with pytest.raises(RouterRefused, match="locked"):
            await nginx.router.set_share(ROUTE, Slot.B, HALF)
    assert stop_files(nginx) == []


async def test_workers_without_a_master_can_be_sent_back(nginx: NginxRig) -> None:
    """I2: a killed master leaves its workers; they cannot be reloaded, but they see the stop file."""
    await nginx.router.set_share(ROUTE, Slot.B, FULL)
    nginx.engine.program.signal(signal.SIGSTOP)  # so that its workers live on while it is as good as dead
    with pytest.raises(RouterRefused, match="0 all the same"):
        await nginx.router.set_share(ROUTE, Slot.B, ZERO)
    assert (await nginx.router.read(ROUTE)).override_slot is None
    assert (await nginx.send(users(100))).slots == {"a": 100}
    nginx.engine.pid_file.unlink()
    with pytest.raises(RouterUnreachable, match="0 all the same"):
        await nginx.router.set_share(ROUTE, Slot.B, ZERO)


async def test_a_stop_file_of_somebody_else_wins(nginx: NginxRig) -> None:
    """It is read as what requests meet. One that was there before a raise goes with it, one that came later stays."""
    await nginx.router.set_share(ROUTE, Slot.B, HALF)
    stop = nginx.engine.splits_file.with_name(f"stop-{ROUTE}")
    stop.write_text("", encoding="utf-8")
    assert (await nginx.router.read(ROUTE)).share_of(Slot.B) == ZERO
    raising = asyncio.create_task(nginx.router.set_share(ROUTE, Slot.B, Share(6_000)))
    await until(lambda: "60.00%" in nginx.engine.splits_file.read_text(encoding="utf-8"), "the file")
    stop.unlink()
    stop.write_text("by hand", encoding="utf-8")
    await raising
    assert (await nginx.router.read(ROUTE)).share_of(Slot.B) == ZERO


async def test_a_change_that_was_cut_off_is_no_trap(nginx: NginxRig) -> None:
    """I1, I2: a crash between file and reload leaves a file that any reload would raise by; a look takes it back."""
    splits = read_splits(nginx.engine.splits_file.read_text(encoding="utf-8"))
    assert splits is not None
    ahead = splits.put(ROUTE, splits.routes[ROUTE])
    for name in (ROUTE, "other"):
        routed = splits.routes[name]
        ahead = ahead.put(name, type(routed)(Split(Slot.A, Slot.B, HALF), routed.arms))
    text = render_splits(type(splits)(splits.generation + 1, ahead.routes))
    nginx.engine.splits_file.write_text(text, encoding="utf-8")
    await nginx.router.set_share("other", Slot.B, Share(100))  # its reload raises only what it was asked to
    assert (await nginx.router.read("other")).override == Share(100)
    assert (await nginx.router.read(ROUTE)).override_slot is None
    nginx.engine.splits_file.write_text(text.replace("default 2;", "default 9;"), encoding="utf-8")
    assert (await nginx.router.read(ROUTE)).override_slot is None
    found = read_splits(nginx.engine.splits_file.read_text(encoding="utf-8"))
    assert found is not None
    assert found.routes[ROUTE].split == Split(Slot.A)


@pytest.mark.parametrize("text", ["", "no splits at all", None])
async def test_a_broken_file_is_written_anew_from_what_is_served(nginx: NginxRig, text: str | None) -> None:
    """Missing or no splits file at all: what nginx serves is kept, with this route changed."""
    await nginx.router.set_base("other", Slot.B)
    if text is None:
        nginx.engine.splits_file.unlink()
    else:
        nginx.engine.splits_file.write_text(text, encoding="utf-8")
    await nginx.router.set_share(ROUTE, Slot.B, Share(700))
    assert (await nginx.router.read(ROUTE)).override == Share(700)
    assert (await nginx.router.read("other")).base is Slot.B


async def test_other_routes_stay_as_they_are(nginx: NginxRig) -> None:
    """Two routes live in one file; writes of both at once lose nothing, and a second adapter goes on counting."""
    await asyncio.gather(
        *(nginx.router.set_share(route, Slot.B, Share(points)) for route, points in ((ROUTE, 1_100), ("other", 2_200)))
    )
    other = nginx.second()
    assert (await other.read(ROUTE)).override == Share(1_100)
    before = (await other.read("other")).generation
    await other.set_share(ROUTE, Slot.B, ZERO)
    reading = await nginx.router.read("other")
    assert reading.override == Share(2_200)
    assert int(reading.generation) == int(before) + 1
    await other.close()


async def test_a_change_is_done_when_no_old_worker_takes_requests(nginx: NginxRig) -> None:
    """A request under way is answered to its end by the old worker; what begins after the call is the new split's."""
    nginx.servers[Slot.A].latency_s = 0.7
    slow = asyncio.create_task(burst(nginx.port, ["slow"], path=nginx.path))
    await until(lambda: nginx.servers[Slot.A].requests == 1, "the slow request to arrive")
    await nginx.router.set_share(ROUTE, Slot.B, FULL)
    assert (await nginx.send(users(100))).slots == {"b": 100}
    assert not slow.done()
    assert (await slow).codes == {200: 1}


async def test_where_workers_cannot_be_seen_a_quiet_time_is_waited_for(
    nginx: NginxRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit that hides other users' processes: the change is done once only new workers answered for a while."""
    monkeypatch.setattr(nginx_master, "_PROC", tmp_path / "hidden")
    await nginx.router.set_share(ROUTE, Slot.B, FULL)
    assert (await nginx.send(users(200))).slots == {"b": 200}


async def test_forty_share_changes_under_load_fail_no_request(nginx: NginxRig) -> None:
    """The goal of the adapter: 0 non-2xx and 0 broken connections over 40 changes, each with a reload of its own."""
    async with nginx.load(300) as tally:
        for at in range(40):
            await nginx.router.set_share(ROUTE, Slot.B, Share(100 + 247 * at) if at % 8 else ZERO)
    assert int((await nginx.router.read(ROUTE)).generation) == 41
    assert tally.codes.keys() == {200}
    assert {"a", "b"} <= tally.slots.keys()


async def test_kept_connections_are_closed_by_a_reload_and_never_answered_wrong(tmp_path: Path) -> None:
    """What a reload costs clients that keep connections: some are closed between two requests; no answer is bad."""
    rig = NginxRig(tmp_path, keepalive="30s")
    with running(rig):
        async with rig.load(300) as tally:
            for at in range(8):
                await rig.router.set_share(ROUTE, Slot.B, Share(1_000 * (1 + at % 2)))
        await rig.router.close()
    assert set(tally.codes) <= {200, 0}
    assert tally.codes[0] < 8 * 8  # fewer than one a connection and reload


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.RESET, Fault.GARBAGE, Fault.TRUNCATED])
async def test_a_readback_that_misbehaves_is_no_reading(nginx: NginxRig, fault: Fault) -> None:
    """Silence, resets, nonsense and half answers end within the call's own time, as an unknown outcome."""
    async with FaultyHTTP(body=b"{}", fault=fault) as broken:
        nginx.engine.readback = broken.url
        router = nginx.second()
        with pytest.raises((RouterUnreachable, RouterBadAnswer)):
            async with asyncio.timeout(5):
                await router.read(ROUTE)
        await router.close()


async def test_a_location_without_a_note_is_not_guessed(nginx: NginxRig) -> None:
    """A readback that leads elsewhere says nothing of the route."""
    nginx.engine.readback = f"http://127.0.0.1:{nginx.engine.readback_port}/elsewhere"
    router = nginx.second()
    with pytest.raises(RouterBadAnswer, match="status 404"):
        await router.read(ROUTE)
    await router.close()
