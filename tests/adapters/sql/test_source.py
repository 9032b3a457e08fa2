"""SQL as a metric source, on real databases: each ripe request counts once, at one age, and no silence is a zero."""

from __future__ import annotations

import asyncio

import pytest

from rollout_adapters.options import BadOption
from rollout_adapters.registry import make_source
from rolloutd.core.metrics import BlindReason, Counted, GateKind, Unreadable
from tests.adapters.sql.rigs import COUNTED, RIPE_MS, START_MS, Asked, Rig, counted

OLD = START_MS - RIPE_MS  # what was asked then is ripe at the start


async def blind(asked: Asked, query: str = COUNTED, arm: str = "b") -> Unreadable:
    """Why the source says nothing of this arm."""
    reading = (await asked.ask(query)).by_arm[arm]
    assert isinstance(reading, Unreadable), reading
    return reading


async def test_each_ripe_request_counts_once_in_both_arms_alike(rig: Rig) -> None:
    """I3: of both arms what was asked in the same window; what is not ripe waits, whatever its label says already."""
    asked = Asked(rig)
    asked.answers("a", OLD - 1_000, ["cat"])
    asked.answers("b", OLD - 1_000, ["dog"])
    assert await asked.figures() == {"a": (1, 0), "b": (1, 1)}
    asked.answers("a", OLD + 500, ["cat"] * 3 + ["dog"])
    asked.answers("b", OLD + 500, ["dog", "dog", "cat"])
    asked.answers("b", OLD + 5_000, ["dog"] * 10)
    for _ in range(3):  # again and again at one moment changes nothing
        assert await asked.figures() == {"a": (1, 0), "b": (1, 1)}
    asked.clock.at_ms += 1_000
    assert await asked.figures() == {"a": (5, 1), "b": (4, 3)}
    asked.clock.at_ms += 1_000
    assert await asked.figures() == {"a": (5, 1), "b": (4, 3)}
    asked.clock.at_ms += 3_500
    assert await asked.figures() == {"a": (5, 1), "b": (14, 13)}


async def test_a_label_that_comes_late_or_is_corrected_later_changes_nothing_that_was_counted(rig: Rig) -> None:
    """The counters only grow: a correction after the age changes no evidence, one before it is what counts."""
    asked = Asked(rig)
    asked.answers("a", OLD - 500, ["cat"])
    first = asked.answers("b", OLD - 500, ["dog", "cat", None])
    early = asked.answers("b", OLD + 500, ["dog"])
    assert (await asked.figures())["b"] == (2, 1)
    rig.execute(f"update labels set label = 'cat' where request_id in ('{first[0]}', '{early[0]}')")
    asked.label([first[2]], ["dog"])
    asked.clock.at_ms += 1_000
    assert (await asked.figures())["b"] == (3, 1)


async def test_labels_that_do_not_come_are_no_data(rig: Rig) -> None:
    """I3: of an arm whose ripe requests mostly lack labels nothing is known, until they come again."""
    asked = Asked(rig)
    asked.answers("a", OLD - 500, ["cat"] * 40)
    asked.answers("b", OLD - 500, ["cat"] * 30 + [None] * 10)
    why = await blind(asked)
    assert why.reason is BlindReason.PARTIAL
    assert why.detail == "of b's last 40 ripe requests only 30 have a label, at least 80% must"
    assert (await asked.figures()).keys() == {"a"}
    asked.answers("b", OLD + 500, ["cat"] * 400)
    asked.clock.at_ms += 1_000
    assert (await asked.figures())["b"] == (430, 0)


async def test_an_arm_without_a_row_is_no_zero_and_grows_old(rig: Rig) -> None:
    """I3: never a row is no series; a row that was is as old as its window."""
    asked = Asked(rig)
    asked.answers("a", OLD - 500, ["cat"])
    assert (await blind(asked)).reason is BlindReason.NO_SERIES
    asked.clock.at_ms += 4_000
    answer = await asked.ask()
    reading = answer.by_arm["a"]
    assert isinstance(reading, Counted)
    assert answer.read_at_ms - reading.total[0].sampled_at_ms == 4_000


async def test_a_new_source_begins_new_counters(rig: Rig) -> None:
    """After a restart nothing is counted twice: the series have other names, so they are only a new beginning."""
    asked = Asked(rig)
    asked.answers("a", OLD - 500, ["cat"] * 7)
    before = (await asked.ask()).by_arm["a"]
    asked.begin()
    asked.clock.at_ms += 10
    after = (await asked.ask()).by_arm["a"]
    assert isinstance(before, Counted)
    assert isinstance(after, Counted)
    assert before.total[0].value == after.total[0].value == 7
    assert before.total[0].series != after.total[0].series


async def test_what_could_not_be_read_is_read_with_the_next_window(rig: Rig) -> None:
    """No request is lost to a query that failed, and none counts twice."""
    asked = Asked(rig)
    asked.answers("a", OLD - 500, ["cat"])
    asked.answers("b", OLD - 500, ["cat"])
    await asked.figures()
    asked.answers("b", OLD + 500, ["dog"] * 2)
    asked.clock.at_ms += 1_000
    rig.execute("alter table labels rename to elsewhere")
    assert (await blind(asked)).reason is BlindReason.BAD_ANSWER
    rig.execute("alter table elsewhere rename to labels")
    asked.answers("b", OLD + 1_500, ["dog"] * 3)
    asked.clock.at_ms += 1_000
    assert (await asked.figures())["b"] == (6, 5)


_ONE = "select 'b' as arm, {} where :since < :until"
_TWO = "select 'b' as arm, 1 as n, 0 as bad where :since < :until"


@pytest.mark.parametrize(
    ("query", "reason", "said"),
    [
        (_ONE.format("null as n, 0 as bad"), BlindReason.NOT_A_NUMBER, "n is NULL, which is no number"),
        (_ONE.format("-1 as n, 0 as bad"), BlindReason.NOT_A_NUMBER, "n is -1, which is no count"),
        (_ONE.format("2.5 as n, 0 as bad"), BlindReason.NOT_A_NUMBER, "n is 2.5, which is no count"),
        (_ONE.format("'many' as n, 0 as bad"), BlindReason.NOT_A_NUMBER, "n is 'many', which is no number"),
        (_ONE.format("1e300 as n, 0 as bad"), BlindReason.NOT_A_NUMBER, "n is more than any count, 1e+12"),
        (_ONE.format("3 as n, null as bad"), BlindReason.NOT_A_NUMBER, "bad is NULL"),
        (_ONE.format("3 as n, 4 as bad"), BlindReason.NOT_A_NUMBER, "bad is 4, more than n, which is 3"),
        (_ONE.format("3 as n, 1 as bad, 2 as due"), BlindReason.NOT_A_NUMBER, "n is 3 and due 2"),
        (_ONE.format("4 as n, 0.3 as value"), BlindReason.NOT_A_NUMBER, "which of 4 is no whole number"),
        (_ONE.format("4 as n, 7.0 as value"), BlindReason.NOT_A_NUMBER, "between 0 and 1"),
        (_ONE.format("4 as n, 0 as bad, 'soon' as newest"), BlindReason.NOT_A_NUMBER, "which is no time"),
        (_ONE.format("4 as n"), BlindReason.BAD_ANSWER, "it needs arm, n and one of bad, successes, value"),
        (_ONE.format("4 as n, 1 as bad, 3 as successes"), BlindReason.BAD_ANSWER, "one of bad, successes, value"),
        (f"{_TWO} union all {_TWO}", BlindReason.BAD_ANSWER, "two rows for b; it needs: group by arm"),
        ("select null as arm, 1 as n, 0 as bad where :since < :until", BlindReason.BAD_ANSWER, "a row has no arm"),
        ("select 'b' as arm, 1 as n, 0 as bad where :since > :until", BlindReason.NO_SERIES, "no row for b"),
        ("select nonsense from nowhere where :since < :until", BlindReason.BAD_ANSWER, "now"),
    ],
)
async def test_what_is_no_count_is_blindness_with_its_reason(
    rig: Rig, query: str, reason: BlindReason, said: str
) -> None:
    """I3: missing, not a number, negative, twice, too much: each has its words, and none is a zero."""
    why = await blind(Asked(rig), query)
    assert why.reason is reason
    assert said in why.detail


@pytest.mark.parametrize("cells", ["4 as n, 1 as bad", "4 as n, 3 as successes", "4 as n, 0.25 as value"])
async def test_bad_ones_are_said_in_three_ways(rig: Rig, cells: str) -> None:
    """As a count, by those that are not, and as a part."""
    assert (await Asked(rig).figures(_ONE.format(cells)))["b"] == (4, 1)


async def test_a_mean_is_summed_over_its_windows(rig: Rig) -> None:
    """``value`` is then the mean of ``n``; below zero it could not be counted on, and is refused."""
    asked = Asked(rig)
    query = _ONE.format("4 as n, 2.5 as value")
    assert counted((await asked.ask(query, kind=GateKind.MEAN)).by_arm["b"]) == (4, 10.0)
    asked.clock.at_ms += 1_000
    assert counted((await asked.ask(query, kind=GateKind.MEAN)).by_arm["b"]) == (8, 20.0)
    negative = (await asked.ask(_ONE.format("4 as n, -2.5 as value"), kind=GateKind.MEAN)).by_arm["b"]
    assert isinstance(negative, Unreadable)
    assert negative.detail == "value is -2.5; a mean that is compared is never below zero"
    wrong = (await asked.ask(_ONE.format("4 as n, 1 as bad"), kind=GateKind.MEAN)).by_arm["b"]
    assert isinstance(wrong, Unreadable)
    assert wrong.detail.endswith("it needs arm, n and value")


@pytest.mark.real
async def test_nan_of_a_database_that_has_it_is_no_number(server: object, rig: Rig) -> None:
    """NaN and infinity as PostgreSQL has them."""
    asked = Asked(rig)
    for cell in ("'NaN'::float8", "'Infinity'::float8", "'NaN'::numeric") if "postgres" in rig.options else ("9e999",):
        assert (await blind(asked, _ONE.format(f"{cell} as n, 0 as bad"))).reason is BlindReason.NOT_A_NUMBER


async def test_labels_that_stopped_are_known_by_the_newest(rig: Rig) -> None:
    """``newest`` older than a sample may be: labels come no more, so what was counted is not the present."""
    asked = Asked(rig)
    query = _ONE.format(f"4 as n, 1 as bad, {START_MS / 1000} as newest")
    assert (await asked.figures(query))["b"] == (4, 1)
    asked.clock.at_ms += 5_001
    why = await blind(asked, query)
    assert (why.reason, why.detail) == (BlindReason.TARGET_DOWN, "the newest label is 5 s old: labels have stopped")


async def test_too_many_rows_are_cut_off(rig: Rig) -> None:
    """I12: a query that forgot its group by is ended after a bounded number of rows."""
    numbers = "with recursive t(i) as (select 1 union all select i + 1 from t where i < 100000)"
    query = f"{numbers} select 'arm' || i as arm, 1 as n, 0 as bad from t where :since < :until"
    why = await blind(Asked(rig), query)
    assert (why.reason, why.detail.split(";")[0]) == (BlindReason.TOO_BIG, "the query gives more than 2000 rows")


async def test_a_slow_query_is_ended_on_both_sides(rig: Rig) -> None:
    """I7, I16: the database stops working on it, too; the question is answered in time."""
    asked = Asked(rig, timeout="300ms")
    query = (
        f"{rig.slow} where :since < :until" if "postgres" in rig.options else f"{rig.slow} where :since_s < :until_s"
    )
    async with asyncio.timeout(30):
        why = await blind(asked, query)
    assert why.reason is BlindReason.TIMEOUT
    assert "within 0.3 s" in why.detail


@pytest.mark.parametrize(
    "statement",
    [
        "insert into labels values (:since, :until)",
        "delete from labels where request_id between :since and :until",
        "select 'b' as arm, 1 as n, 0 as bad where :since < :until; delete from labels",
        "drop table labels -- :since :until",
    ],
)
async def test_nothing_is_ever_written(rig: Rig, statement: str) -> None:
    """A query that would change something is refused by the database, and nothing has changed."""
    asked = Asked(rig)
    asked.answers("a", OLD - 500, ["cat"] * 3)
    asked.answers("b", OLD - 500, ["cat"] * 3)
    assert (await blind(asked, statement)).reason is BlindReason.BAD_ANSWER
    assert await asked.figures() == {"a": (3, 0), "b": (3, 0)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "exactly one of sqlite and postgres"),
        ({"sqlite": "/x.db", "postgres": "host=x"}, "exactly one of sqlite and postgres"),
        ({"sqlite": "x.db"}, "a whole path"),
        ({"sqlite": "/x.db", "password": "s3cret-word"}, "a file has none"),
        ({"postgres": "host=x password=s3cret-word"}, "a password does not belong in it"),
        ({"postgres": "postgresql://me:s3cret-word@x/y"}, "a password does not belong in it"),
        ({"postgres": "s3cret-word"}, "no connection string"),
        ({"sqlite": "/x.db", "least_labelled": 0.0}, "greater than 0"),
    ],
)
def test_options_that_cannot_be_are_refused_without_a_secret(options: dict[str, object], said: str) -> None:
    """I15: with what is wrong, and without what must not be shown."""
    with pytest.raises(BadOption) as refused:
        make_source("sql", "warehouse", options)
    assert said in str(refused.value)
    assert "s3cret-word" not in str(refused.value)
