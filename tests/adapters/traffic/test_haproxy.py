"""What only HAProxy does: leases that run out, reloads, other people's commands, its refusals, its fall-back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from rollout_adapters.traffic.haproxy import base_of, with_base
from rollout_adapters.traffic.haproxy_socket import ask, parse
from rolloutd.core.values import FULL, ZERO, Share, Slot
from rolloutd.ports import RouterBadAnswer, RouterDenied, RouterError, RouterRefused, RouterUnreachable
from tests.adapters.traffic.rigs import ROUTE, HAProxyRig, running, users
from tests.engines.processes import until

real = pytest.mark.real


async def by_hand(rig: HAProxyRig, command: str) -> None:
    """Somebody else's command on the runtime socket."""
    await ask(str(rig.engine.socket), command)


@real
async def test_a_lease_that_nobody_renews_ends_at_the_base(tmp_path: Path) -> None:
    """The writer is gone: within the lease and a second all requests are on the base again, and none failed."""
    rig = HAProxyRig(tmp_path, lease="1500ms")
    with running(rig):
        async with rig.load(200) as tally:
            await rig.router.set_share(ROUTE, Slot.B, FULL)
            written_s = time.monotonic()
            await until(lambda: tally.slots["b"] > 20, "requests on the new side")
            on_a = tally.slots["a"]
            await until(lambda: tally.slots["a"] > on_a + 50, "requests on the base again")
        assert tally.failed == 0
        assert tally.last_s["b"] < written_s + 2.5
        reading = await rig.router.read(ROUTE)
        assert (reading.override_slot, reading.lease_left_ms) == (None, None)
        assert not await rig.router.renew(ROUTE, Slot.B, FULL)


@real
async def test_a_renewed_lease_lives_on(tmp_path: Path) -> None:
    """A renewal starts the expiry anew; reading it does not."""
    rig = HAProxyRig(tmp_path, lease="1200ms")
    with running(rig):
        await rig.router.set_share(ROUTE, Slot.B, Share(500))
        end_s = time.monotonic() + 2.5
        left: list[int] = []
        while time.monotonic() < end_s:
            left.append((await rig.router.read(ROUTE)).lease_left_ms or 0)
            if left[-1] < 600:
                assert await rig.router.renew(ROUTE, Slot.B, Share(500))
            await asyncio.sleep(0.02)
        assert min(left) > 0
        assert max(left) > 1_000
        assert (await rig.router.read(ROUTE)).override == Share(500)


@real
async def test_a_reload_is_another_instance_that_forgot_the_share(haproxy: HAProxyRig) -> None:
    """The base is kept by its file, the share is gone, and no request fails or strays to the other side after it."""
    await haproxy.router.set_base(ROUTE, Slot.B)
    await haproxy.router.set_share(ROUTE, Slot.A, Share(2_000))
    before = await haproxy.router.read(ROUTE)
    haproxy.engine.reload()
    after = await haproxy.router.read(ROUTE)
    assert after.instance != before.instance
    assert (after.base, after.override_slot) == (Slot.B, None)
    assert (await haproxy.send(users(100))).slots == {"b": 100}


@real
async def test_a_share_set_by_hand_is_seen(haproxy: HAProxyRig) -> None:
    """What somebody else writes or removes is what is read, and a renewal does not take part in it."""
    await haproxy.router.set_share(ROUTE, Slot.B, Share(100))
    await by_hand(haproxy, f"set table lease key {ROUTE}/b data.gpt0 4000")
    assert (await haproxy.router.read(ROUTE)).override == Share(4_000)
    assert not await haproxy.router.renew(ROUTE, Slot.B, Share(100))
    await by_hand(haproxy, f"clear table lease key {ROUTE}/b")
    assert (await haproxy.router.read(ROUTE)).override_slot is None
    assert not await haproxy.router.renew(ROUTE, Slot.B, Share(100))


@real
async def test_a_renewal_shows_a_hands_entry_on_the_other_slot(haproxy: HAProxyRig) -> None:
    """It is what was read, no failure of the renewal: only a reading lets the drift be seen and said."""
    await haproxy.router.set_share(ROUTE, Slot.B, Share(100))
    await haproxy.router.set_base(ROUTE, Slot.B)
    await by_hand(haproxy, f"set table lease key {ROUTE}/a data.gpt0 4000")
    reading = await haproxy.router.renew(ROUTE, Slot.B, Share(100))
    assert reading is not None
    assert (reading.override_slot, reading.override) == (Slot.A, Share(4_000))


@real
async def test_of_two_entries_the_one_that_traffic_follows_is_read(haproxy: HAProxyRig) -> None:
    """With entries for both slots only the one that is not the base counts; the base may not change under them."""
    await haproxy.router.set_share(ROUTE, Slot.B, Share(5_000))
    await by_hand(haproxy, f"set table lease key {ROUTE}/a data.gpt0 10000")
    reading = await haproxy.router.read(ROUTE)
    assert (reading.override_slot, reading.override) == (Slot.B, Share(5_000))
    assert 100 < (await haproxy.send(users(300))).slots["b"] < 200
    with pytest.raises(RouterRefused, match="both slots have an entry"):
        await haproxy.router.set_base(ROUTE, Slot.B)
    await haproxy.router.set_share(ROUTE, Slot.B, ZERO)
    await haproxy.router.set_base(ROUTE, Slot.B)
    assert (await haproxy.send(users(100))).slots == {"b": 100}


@real
async def test_too_few_rights_are_told_apart(tmp_path: Path) -> None:
    """At level user HAProxy hides the table: that is a denial with what is missing, never a share of zero."""
    rig = HAProxyRig(tmp_path, edit=lambda text: text.replace("level operator", "level user"))
    with running(rig):
        for call in (rig.router.read(ROUTE), rig.router.set_share(ROUTE, Slot.B, Share(100))):
            with pytest.raises(RouterDenied) as caught:
                await call
            assert "operator" in caught.value.next_step


@real
async def test_another_expiry_than_the_promised_lease_is_refused(tmp_path: Path) -> None:
    """A share that would live longer or shorter than the router's lease says is taken back at once."""
    for expire in ("10m", "10s"):
        rig = HAProxyRig(tmp_path, edit=lambda text, expire=expire: text.replace("expire 60s", f"expire {expire}"))  # type: ignore[misc]
        with running(rig):
            with pytest.raises(RouterRefused, match="60000 ms"):
                await rig.router.set_share(ROUTE, Slot.B, FULL)
            assert (await rig.router.read(ROUTE)).override_slot is None


@real
async def test_a_route_without_a_base_is_no_route_on_slot_a(tmp_path: Path) -> None:
    """A line missing in the base map, or one that is neither a nor b, is told; setting the base mends it."""
    rig = HAProxyRig(tmp_path)
    with running(rig):
        await by_hand(rig, f"set map {rig.engine.base_map} {ROUTE} x")
        with pytest.raises(RouterBadAnswer, match=f"has x for {ROUTE}"):
            await rig.router.read(ROUTE)
        rig.engine.base_map.write_text("# nothing yet\n", encoding="utf-8")
        rig.restart()
        with pytest.raises(RouterBadAnswer, match="no line"):
            await rig.router.read(ROUTE)
        await rig.router.set_base(ROUTE, Slot.B)
        assert (await rig.router.read(ROUTE)).base is Slot.B
        assert rig.engine.base_map.read_text(encoding="utf-8") == f"# nothing yet\n{ROUTE} b\n"


@real
async def test_a_base_file_that_cannot_be_written_changes_nothing(haproxy: HAProxyRig) -> None:
    """The file comes first: without it HAProxy's own base stays as it is."""
    haproxy.engine.base_map.unlink()
    haproxy.engine.base_map.mkdir()
    with pytest.raises(RouterRefused, match="cannot be written"):
        await haproxy.router.set_base(ROUTE, Slot.B)
    assert (await haproxy.router.read(ROUTE)).base is Slot.A


@real
async def test_going_back_mends_a_base_that_only_the_file_changed(haproxy: HAProxyRig) -> None:
    """A change of base cut off after its file would move all traffic at the next reload; zero puts the file right."""
    await haproxy.router.set_share(ROUTE, Slot.B, Share(9_900))
    haproxy.engine.base_map.write_bytes(b"# \xff is no text\n" + f"{ROUTE} b\n".encode())
    await haproxy.router.set_share(ROUTE, Slot.B, ZERO)
    assert base_of(haproxy.engine.base_map.read_text(encoding="latin-1"), ROUTE) is Slot.A


@real
async def test_a_dead_challenger_is_replaced_and_counted(haproxy: HAProxyRig) -> None:
    """While no server of the override's slot is healthy the base serves, under a backend of its own."""
    await haproxy.router.set_share(ROUTE, Slot.B, FULL)
    haproxy.threads.down(haproxy.servers[Slot.B])
    async with haproxy.load(100) as tally:
        await until(lambda: tally.slots["a"] > 20, "the base serving")
    async with haproxy.load(100) as tally:
        await until(lambda: tally.total > 50, "some answers")
    assert (tally.failed, set(tally.slots)) == (0, {"a"})
    shown = await raw(haproxy, "show stat")
    rows = [row.split(",") for row in shown.splitlines() if row.startswith(f"{ROUTE}-b-fallback,BACKEND")]
    assert int(rows[0][7]) > 50


@real
async def test_a_dead_base_does_not_expose_the_challenger(haproxy: HAProxyRig) -> None:
    """The base's failures stay failures: nobody is sent to the new side who was not drawn for it."""
    await haproxy.router.set_share(ROUTE, Slot.B, Share(100))
    haproxy.threads.down(haproxy.servers[Slot.A])
    before = haproxy.servers[Slot.B].requests
    tally = await haproxy.send(users(300))
    assert tally.failed >= 290
    assert haproxy.servers[Slot.B].requests - before < 10


async def raw(rig: HAProxyRig, command: str) -> str:
    """The text that HAProxy answers."""
    reader, writer = await asyncio.open_unix_connection(str(rig.engine.socket))
    writer.write(command.encode() + b"\n")
    text = (await reader.read()).decode()
    writer.close()
    return text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Permission denied\n\n", RouterDenied),
        ("# table: lease, type: string\n# contents not dumped due to insufficient privileges\n\n", RouterDenied),
        ("No such table\n\n", RouterRefused),
        ("entry not found.\n\n", RouterRefused),
        ("0x1: key=ranker/b use=0 exp=10\n", RouterBadAnswer),
        ("HTTP/1.1 400 Bad Request\n", RouterRefused),
    ],
)
def test_every_unknown_line_is_an_error(text: str, error: type[RouterError]) -> None:
    """There are no status codes: what no good answer contains is told, with the command, and never skipped."""
    with pytest.raises(error, match="show table"):
        parse(text, "show table lease")


def test_an_answer_becomes_values() -> None:
    """Entries with their share and time left (also as newer versions print them), the map's value, the process."""
    answered = parse(
        "# table: lease, type: string, size:10240, used:1\n"
        "0x7f: key=ranker/b use=0 exp=2977 shard=0 gpt0=120\n\n"
        'type=str, case=sensitive, found=yes, idx=tree, key="ranker", value="b", type="str"\n\n'
        "Name: HAProxy\nPid: 17\nStart_time_sec: 99\n\n",
        "",
    )
    assert answered.entries == {"ranker/b": (120, 2977)}
    assert (answered.mapped, answered.info["Pid"]) == ({"ranker": "b"}, "17")


async def test_an_answer_that_breaks_off_is_no_answer(tmp_path: Path) -> None:
    """A socket that closes before the last line ended leaves the outcome open."""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"# table: lea")
        writer.close()

    async with await asyncio.start_unix_server(half, tmp_path / "s"):
        with pytest.raises(RouterUnreachable, match="middle of its answer"):
            await ask(str(tmp_path / "s"), "show table lease")


def test_one_line_of_the_map_changes() -> None:
    """Comments and other routes, also those whose names begin alike, stay as they are; a doubled line becomes one."""
    text = "# bases\nranker a\nranker-eu a\n\n ranker  b\n"
    changed = with_base(text, "ranker", Slot.B)
    assert changed == "# bases\nranker-eu a\n\nranker b\n"
    assert (base_of(changed, "ranker"), base_of(changed, "ranker-eu"), base_of(changed, "x")) == (Slot.B, Slot.A, None)


@real
async def test_going_back_succeeds_every_time_under_load(haproxy: HAProxyRig) -> None:
    """An entry that a request reads cannot be removed at that moment; the share is zero all the same, at once."""
    async with haproxy.load(2_000):
        for _ in range(150):
            await asyncio.gather(
                haproxy.router.set_share(ROUTE, Slot.B, Share(5_000)),
                haproxy.router.read(ROUTE),
                return_exceptions=True,
            )
            await haproxy.router.set_share(ROUTE, Slot.B, ZERO)
            assert (await haproxy.router.read(ROUTE)).override_slot is None
