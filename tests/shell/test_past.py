"""Pictures of the past and the measured way to zero: as recorded; what was not measured is not said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rolloutd import story
from rolloutd.core import events as ev
from rolloutd.core.fold import fold
from rolloutd.core.plan import OnFail
from rolloutd.core.values import Instant
from rolloutd.evidence_store import RawTick
from rolloutd.past import course, past, plan_of
from rolloutd.promptness import Stopwatch, breach_to_zero
from tests.core.playbook import OPERATOR, a_spec
from tests.shell.rig import Rig


async def _history(folder: Path) -> list[ev.Recorded]:
    """A rollout that started, went to its first share, and was aborted."""
    rig = Rig(folder)
    name = await rig.start()
    for _ in range(3):
        await rig.feed(name)
    await rig.abort(name)
    await rig.until(lambda: name in rig.loop.ended)
    return list(await rig.journal.load(name))


async def test_each_event_has_its_past(tmp_path: Path) -> None:
    """After each event the picture has that event's version and time, the share by then, and what came next."""
    history = await _history(tmp_path)
    assert len(history) > 5
    for row in history:
        found = past(history, row.seq)
        assert found is not None
        assert found.status.revision == row.version
        assert found.status.gates == []
        assert found.status.on_new.observed is None
        later = [one for one in history if one.seq > row.seq and not isinstance(one.event, ev.EvidenceSealed)]
        assert found.then == "" if not later else found.then.endswith(story.tell(later[0].event)[0])
    newest, first = past(history, history[-1].seq), past(history, history[0].seq)
    assert newest is not None
    assert newest.status.state == "aborted"
    assert first is not None
    assert first.status.on_new.asked == 0
    shares = [found.status.on_new.asked for row in history if (found := past(history, row.seq)) is not None]
    assert max(shares) > 0
    assert past(history, history[0].seq - 1) is None


def _tick(at: int, n: float, bad: float) -> RawTick:
    return RawTick(at, Instant(at * 1000, at * 1000), n * 9, bad * 9, n, bad, "")


def test_a_course_sums_counts_and_leaves_gaps() -> None:
    """Two ticks in one point are a rate of their sums; blind ticks alone have no rate."""
    ticks = [_tick(1, 100, 1), _tick(2, 300, 7), _tick(3, 0, 0), _tick(4, 0, 0)]
    fine, coarse = course("r", "errors", ticks, 10), course("r", "errors", ticks, 2)
    assert [point.challenger for point in fine.points] == [0.01, 7 / 300, None, None]
    assert [point.challenger for point in coarse.points] == [8 / 400, None]
    assert (fine.every_s, coarse.every_s) == (1.0, 2.0)
    assert course("r", "errors", [], 5).points == []


def test_the_plan_is_told_as_it_was_agreed() -> None:
    """Stages with their limits, gates with what they do, and how long blindness lasts before something happens."""
    spec = a_spec()
    row = ev.Recorded(1, spec.name, 1, Instant(0, 0), OPERATOR, 1, ev.RolloutRequested(spec))
    rollout = fold([row])
    assert rollout is not None
    told = plan_of(rollout, 60_000)
    assert [stage.share for stage in told.stages] == [stage.share.fraction for stage in spec.plan.stages]
    assert [gate.metric for gate in told.gates] == [gate.metric for gate in spec.plan.gates]
    assert told.blind_recede_s == spec.plan.timing.blind_recede_ticks * spec.plan.timing.tick_ms / 1000
    assert told.lease_s == 60


@pytest.mark.parametrize(("router_ms", "query"), [(None, 5.0), (3.0, None)])
def test_what_was_not_measured_is_not_said(router_ms: float | None, query: float | None) -> None:
    """Without a measured write, or without a measured query, there is no figure."""
    plan = a_spec().plan
    assert breach_to_zero(plan, (), {gate.source: query for gate in plan.gates}, router_ms) is None


def test_breach_to_zero_is_reading_query_and_router() -> None:
    """The slowest gate that sees and goes back; a blind gate or one that only observes sees nothing for us."""
    plan = a_spec().plan
    gate = plan.gates[0]
    slow = replace(gate, metric="slow", source="other", every_ms=60_000)
    both = replace(plan, gates=(gate, slow))
    queries: dict[str, float | None] = {gate.source: 20.0, "other": 100.0}
    found = breach_to_zero(both, (), queries, 4.0)
    assert found is not None
    assert found.total_s == pytest.approx(60.104)
    assert found.parts == "read every 60s + query 0.10s + router 0.00s"
    blind = breach_to_zero(both, ("slow",), queries, 4.0)
    assert blind is not None
    assert blind.total_s == pytest.approx((gate.every_ms + 24) / 1000)
    watching = replace(both, gates=(gate, replace(slow, on_fail=OnFail.OBSERVE)))
    assert breach_to_zero(watching, (gate.metric,), queries, 4.0) is None


def test_a_stopwatch_keeps_the_worst_of_the_last() -> None:
    """Old durations are forgotten after twenty newer ones."""
    watch = Stopwatch()
    assert watch.worst_ms is None
    watch.note(900)
    for _ in range(20):
        watch.note(5)
    assert watch.worst_ms == 5
