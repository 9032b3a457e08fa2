"""The audit of a record: whole ones are found whole, and each thing that can be missing is named (I4, S7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.audit import audit
from rolloutd.core.commands import Verb
from rolloutd.core.values import Share
from tests.core.playbook import ADMIN, Playbook, World, a_spec
from tests.core.test_segments import Regions, rings

Rows = list[ev.Recorded]


def _numbered(rows: Rows) -> Rows:
    """The same events as if these were all that had been recorded."""
    return [replace(row, seq=n, version=n) for n, row in enumerate(rows, start=1)]


def _without(rows: Rows, kind: type, which: int = 0) -> Rows:
    found = [n for n, row in enumerate(rows) if isinstance(row.event, kind)]
    return _numbered([row for n, row in enumerate(rows) if n != found[which]])


def _twice(rows: Rows, kind: type, which: int = 0) -> Rows:
    found = [n for n, row in enumerate(rows) if isinstance(row.event, kind)]
    return _numbered([*rows[: found[which] + 1], *rows[found[which] :]])


def _changed(rows: Rows, kind: type, change: Callable[[ev.Recorded], ev.Recorded]) -> Rows:
    found = next(n for n, row in enumerate(rows) if isinstance(row.event, kind))
    return [change(row) if n == found else row for n, row in enumerate(rows)]


def _done() -> Rows:
    return Playbook().until("done").journal


def _lapsed() -> Rows:
    """A lease that ran out, a hand that raised, a router that restarted, and at last an abort."""
    book = Playbook(world=World(leases=True))
    book.run(15)
    book.world.override = Share(50)
    book.run(3)
    book.do(Verb.RESUME, ADMIN, reason="it was an accident", override=True, confirm="ranker-v42")
    book.run(5)
    book.world.override = Share(300)
    book.run(5)
    book.world.override, book.world.override_slot, book.world.instance = Share(0), None, "2"
    book.run(8)
    book.do(Verb.ABORT, ADMIN, reason="enough")
    book.until("aborted", 50)
    return book.journal


@pytest.mark.parametrize(
    "make", [_done, _lapsed, lambda: Playbook(world=World(rates={"a": 0.01, "b": 0.2})).until("rolled_back").journal]
)
def test_what_the_core_records_is_whole(make: Callable[[], Rows]) -> None:
    """Every change is accounted for, in exactly one way."""
    rows = make()
    found = audit(rows)
    assert found.findings == []
    assert found.intents == sum(isinstance(row.event, ev.TrafficWanted) for row in rows) > 0
    assert found.intents == found.confirmed + found.replaced + found.taken + found.under_way
    assert found.events == len(rows)


def test_a_rollout_that_goes_on_has_its_last_change_under_way() -> None:
    """What the router has not shown yet is counted as that, not as a fault."""
    book = Playbook(world=World(obeys=False)).run(6)
    assert audit(book.journal).under_way == 1
    assert audit(book.journal).whole


def _by_nobody(row: ev.Recorded) -> ev.Recorded:
    return replace(row, actor=ADMIN)


def _without_reason(row: ev.Recorded) -> ev.Recorded:
    assert isinstance(row.event, ev.TrafficWanted)
    return replace(row, event=replace(row.event, basis=replace(row.event.basis, why="")))


BROKEN: dict[str, tuple[Callable[[], Rows], str]] = {
    "no intent": (lambda: _without(_done(), ev.TrafficWanted), "no confirmation"),
    "no outcome": (lambda: _without(_lapsed(), ev.TrafficConfirmed, -1), "cannot end aborted"),
    "two outcomes": (lambda: _twice(_done(), ev.TrafficConfirmed), "nobody had asked for"),
    "two intents": (lambda: _twice(_done(), ev.TrafficWanted), "The share before was"),
    "no reason": (lambda: _changed(_done(), ev.TrafficWanted, _without_reason), "without a reason"),
    "in another's name": (lambda: _changed(_done(), ev.TrafficWanted, _by_nobody), "in the name of sr1"),
    "no base asked for": (lambda: _without(_done(), ev.FinishStarted), "base"),
    "no beginning": (lambda: _numbered(_done()[1:]), "begins with RolloutRequested"),
    "an older daemon": (
        lambda: [replace(row, epoch=9 - row.seq) for row in _done()[:5]],
        "epoch 7 acted after epoch 8",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_missing_is_named(name: str) -> None:
    """One thing is taken out of a whole record, or put in, with all numbers right."""
    make, words = BROKEN[name]
    found = audit(make())
    assert any(words in str(finding) for finding in found.findings), found.findings


def test_a_stream_of_the_fleet_is_no_rollout() -> None:
    """Holds of the whole fleet change no share."""
    row = replace(_done()[0], stream=ev.FLEET_STREAM, event=ev.FleetHeld("freeze"))
    assert audit([row]).streams == 0


def test_a_hand_that_gives_one_segment_less_and_others_more_leaves_a_whole_record() -> None:
    """I4: the less is kept and the more taken back, and the router's word on that was asked for (seed 356)."""
    book = Playbook(a_spec(rings()), Regions(rps=4_000)).run(8)
    book.world.override = Share(4_800)
    book.run(3)
    book.do(Verb.ABORT, ADMIN, reason="enough")
    book.until("aborted", 50)
    assert [str(row.event.share) for row in book.journal if isinstance(row.event, ev.TrafficConfirmed)] == [
        "50% of internal",
        "48% of internal",
        "0%",
    ]
    assert not audit(book.journal).findings
