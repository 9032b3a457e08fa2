"""What only a server can do: be away, be slow to let anybody in, refuse somebody, and come back."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from rolloutd.core.metrics import BlindReason, Unreadable
from tests.adapters.sql.rigs import RIPE_MS, START_MS, Asked, PostgresRig
from tests.docs.pages import ROOT, blocks
from tests.engines.postgres import Postgres

pytestmark = pytest.mark.real


@pytest.fixture
def own(server: Postgres) -> Iterator[PostgresRig]:
    """Tables of the shared server."""
    found = PostgresRig(server)
    yield found
    found.close()


async def why(asked: Asked) -> Unreadable:
    """Why nothing is known of b."""
    reading = (await asked.ask()).by_arm["b"]
    assert isinstance(reading, Unreadable)
    return reading


async def test_a_wrong_password_is_denied_and_not_shown(own: PostgresRig) -> None:
    """I3, I15: blind at once, with a reason that people can act on, and no secret in it."""
    found = await why(Asked(own, password="s3cret-word"))
    assert found.reason is BlindReason.DENIED
    assert "s3cret-word" not in found.detail


async def test_a_table_that_one_may_not_see_is_denied(own: PostgresRig) -> None:
    """The missing right is named by the server."""
    own.execute("revoke select on labels from reader")
    found = await why(Asked(own))
    assert (found.reason, "permission denied for table labels" in found.detail) == (BlindReason.DENIED, True)


async def test_even_the_owner_of_the_tables_only_reads(own: PostgresRig) -> None:
    """The transaction is read-only whatever the role may do, also through a function."""
    own.execute("create sequence if not exists counter")
    owner = Asked(own, postgres=own.server.conninfo("owner"), password="owner-Secret-1")
    query = "select 'b' as arm, nextval('counter') as n, 0 as bad where :since < :until"
    reading = (await owner.ask(query)).by_arm["b"]
    assert isinstance(reading, Unreadable)
    assert "read-only transaction" in reading.detail


async def test_a_server_that_goes_and_comes_back_loses_nothing() -> None:
    """I7: away is blindness; back again, what became ripe meanwhile is counted, once."""
    with Postgres() as server:
        asked = Asked(PostgresRig(server))
        asked.answers("b", START_MS - RIPE_MS - 500, ["cat"])
        assert (await asked.figures())["b"] == (1, 0)
        asked.answers("b", START_MS - RIPE_MS + 500, ["dog"])
        server.program.stop()
        asked.clock.at_ms += 1_000
        assert (await why(asked)).reason is BlindReason.UNREACHABLE
        server.start()
        asked.clock.at_ms += 1_000
        assert (await asked.figures())["b"] == (2, 1)


async def test_the_query_for_auc_of_the_page_pairs_each_answer_once(own: PostgresRig) -> None:
    """I3: as many pairs as there are of the rarer label, and as many in the wrong order as a perfect ranking allows."""
    [query] = blocks((ROOT / "docs" / "gates.md").read_text(encoding="utf-8"), "sql")
    own.execute("alter table answers add column score float8")
    own.execute("alter table labels alter column label type integer using label::integer")
    asked, chance, at = Asked(own), random.Random(1), own.time(START_MS - RIPE_MS - 500)
    label = {f"{arm}{n}": int(n < 300) for arm in "ab" for n in range(1_000)}
    # In order, and all alike.
    score = {name: one + 0.5 * chance.random() if name[0] == "a" else 0.3 for name, one in label.items()}
    own.execute(
        "insert into answers values (%s, %s, %s, %s, %s)", *((name, name[0], at, "", score[name]) for name in label)
    )
    own.execute("insert into labels values (%s, %s)", *label.items())
    figures = await asked.figures(query)
    assert (figures["a"], figures["b"][0]) == ((300, 0), 300)
    assert abs(figures["b"][1] - 150) < 4 * 8.7  # a fair coin, by four standard errors
    own.execute("update answers set score = -score")
    assert (await Asked(own).figures(query))["a"] == (300, 300)
    own.execute("delete from labels where label = 1")
    assert (await Asked(own).figures(query)) == {}  # no positive is no row, and no row is no zero
