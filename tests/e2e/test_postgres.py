"""Rollouts on a real HAProxy that a real PostgreSQL alone judges, by rows that count when they are a second old."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from rolloutd.core.values import ZERO, Share, Slot
from tests.e2e.house import Status
from tests.e2e.paper import spec
from tests.e2e.sites import FIRST, NAME, Site, haproxy_site, scrape
from tests.engines.haproxy import HAProxy
from tests.engines.postgres import READER_PASSWORD, Postgres

pytestmark = pytest.mark.real
RATE = 200.0
HALF, WATCH = Share(5_000), Share(8_000)
QUERY = """
select arm, count(*) as n, sum(wrong) as bad, count(*) as due from answers
where asked_at >= :since and asked_at < :until group by arm
"""
MORE = """
[sources.warehouse]
kind = "sql"
every = "500ms"
scrape_interval = "1s"
postgres = "{conninfo}"
password = {{ file = "{password}" }}
[metrics.wrong]
source = "warehouse"
ripe = "1s"
query = '''{query}'''
"""
PLAN = spec("v2", stay="1s").replace('metric = "errors"', 'metric = "wrong"')
Judged = tuple[Site[HAProxy], Postgres]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL of its own, which may be taken away."""
    with Postgres() as found:
        found.execute("create table answers (arm text, wrong integer, asked_at timestamptz default clock_timestamp())")
        found.execute("grant select on answers to reader")
        yield found


@pytest.fixture
def judged(tmp_path: Path, server: Postgres) -> Iterator[Judged]:
    """A site of which the database says which answers were wrong. No blindness is too long: it only holds."""
    password = tmp_path / "password"
    password.write_text(READER_PASSWORD)
    password.chmod(0o600)
    server.execute("truncate answers")
    more = MORE.format(conninfo=server.conninfo(), password=password, query=QUERY)

    def source(proxy: HAProxy) -> str:
        return scrape(f"{proxy.metrics_url}?scope=backend") + more

    with haproxy_site(tmp_path, policy="blind_hold = 1\nblind_recede = 1200", source=source) as site:
        yield site, server


@asynccontextmanager
async def rows(site: Site[HAProxy], server: Postgres, wrong: dict[Slot, float]) -> AsyncIterator[None]:
    """Ten times a second a row for each answer of a server, of which this part is wrong; the database may be away."""
    over, chance, known = asyncio.Event(), random.Random(3), dict.fromkeys(Slot, 0)

    def write() -> None:
        for slot, one in site.servers.items():
            new, known[slot] = one.requests - known[slot], one.requests
            bad = sum(chance.random() < wrong[slot] for _ in range(new))
            made = "insert into answers (arm, wrong) select %s, (k <= %s)::int from generate_series(1, %s) k"
            with suppress(psycopg.OperationalError):
                server.execute(made, (one.slot, bad, new))

    async def go_on() -> None:
        while not over.is_set():
            await asyncio.to_thread(write)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await over.wait()

    writer = asyncio.create_task(go_on())
    try:
        yield
    finally:
        over.set()
        await writer


def since(kinds: list[str], kind: str) -> list[str]:
    """The kinds of events from the last one of this kind on; none where there is none."""
    return kinds[len(kinds) - 1 - kinds[::-1].index(kind) :] if kind in kinds else []


async def test_it_goes_up_on_rows_and_nothing_goes_up_while_the_database_is_away(judged: Judged) -> None:
    """I3, I7: a stage up on rows alone; then BLIND past the stage's time, and up again once there are rows again."""
    (site, server), house = judged, judged[0].house
    async with site.load(RATE) as tally, rows(site, server, dict.fromkeys(Slot, 0.05)):
        await site.begin(PLAN)
        await site.shows(HALF, within_s=60.0)
        said, *_ = house.why(NAME, "VerdictReached")
        assert "wrong is shown to stay within its margin" in said
        await asyncio.to_thread(server.program.stop)

        def blind_alone(status: Status) -> bool:
            why, against = status["gates"][0]["blind_reason"] or "", status["blocked_by"]
            away = why.startswith("unreachable: ") and "gate:wrong" in against and "min_time" not in against
            recorded = since(house.kinds(NAME), "BlindnessBegan")
            return away and bool(recorded) and "BlindnessEnded" not in recorded

        found = await asyncio.to_thread(house.wait_for, NAME, blind_alone, "the stage's time to be over, blind")
        assert found["gates"][0]["state"] == "blind"
        share, kinds = await site.share(), since(house.kinds(NAME), "BlindnessBegan")
        assert share.basis_points == 10_000 * found["on_new"]["asked"]
        assert share > FIRST
        assert "TrafficWanted" not in kinds
        await asyncio.to_thread(server.start)

        def goes_on(_: Status) -> bool:
            return "TrafficWanted" in since(house.kinds(NAME), "BlindnessEnded")

        await asyncio.to_thread(house.wait_for, NAME, goes_on, "it to go up on rows again")
        await site.shows(WATCH)
    assert tally.failed == 0


async def test_a_challenger_whose_rows_are_wrong_goes_back_to_nothing(judged: Judged) -> None:
    """I1: no request fails and no counter of HAProxy shows it; rows do, and HAProxy says that the share is zero."""
    (site, server), house = judged, judged[0].house
    async with site.load(RATE) as tally, rows(site, server, {Slot.A: 0.05, Slot.B: 0.6}):
        await site.begin(PLAN)
        await asyncio.to_thread(house.wait, NAME, "rolled_back")
        reading = await site.read()
    assert (reading.share_of(Slot.B), reading.override_slot, reading.base) == (ZERO, None, Slot.A)
    [said] = house.why(NAME, "RecedeStarted")
    assert "wrong shows harm" in said
    assert tally.failed == 0
