"""An observation that only says again what was known lets nothing follow: the loop may leave its turn out.

The claim is checked where observations fall: on every one of whole journeys, also disturbed ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from rolloutd.core.commands import Verb
from rolloutd.core.effects import Observation, RenewLease, RouteSeen, SlotProbed
from rolloutd.core.lane import next_effects, next_events, observe, repeats
from rolloutd.core.values import ZERO, Share, Slot
from tests.core.playbook import Playbook, World


class Careful(Playbook):
    """Looks at each observation twice: what would follow without it, and what does with it."""

    def __init__(self, world: World | None = None) -> None:
        self.seen: Counter[tuple[str, bool]] = Counter()
        super().__init__(world=world)

    def see(self, observation: Observation) -> None:
        """Show the core something, and hold it to its word."""
        before, now_ms = self.lane, self.now.clock_ms
        rested = next_events(before, now_ms) == ()
        super().see(observation)
        same = repeats(before, self.lane, observation)
        self.seen[(type(observation).__name__, same)] += 1
        if same and rested:
            assert next_events(self.lane, now_ms) == ()
            assert all(isinstance(effect, RenewLease) for effect in next_effects(self.lane, tick=False))


def _quiet(book: Careful) -> None:
    book.until("done")


def _lowered(book: Careful) -> None:
    book.world.override = Share(50)


def _raised(book: Careful) -> None:
    book.world.override = Share(7_000)


def _router_away(book: Careful) -> None:
    book.world.reachable = False
    book.run(10)
    book.world.reachable = True


def _server_gone(book: Careful) -> None:
    book.world.up[Slot.A] = False
    book.run(10)
    book.world.up[Slot.A] = True


def _stopped(book: Careful) -> None:
    book.do(Verb.PAUSE)
    book.run(5)
    book.do(Verb.ABORT, revision=None)
    assert book.world.override == ZERO


def _lapsed(book: Careful) -> None:
    book.now = book.now.plus_ms(70_000)
    book.world.override, book.world.override_slot = ZERO, None


@pytest.mark.parametrize("disturb", [_quiet, _lowered, _raised, _router_away, _server_gone, _stopped, _lapsed])
def test_nothing_follows_from_a_repetition(disturb: Callable[[Careful], None]) -> None:
    """I3, I6 and I8 do not rest on an observation that the loop passes over; most in rest are of that kind."""
    book = Careful()
    book.run(40)
    disturb(book)
    book.run(30)
    assert book.seen[("SlotProbed", True)] > 20
    assert book.seen[("RouteSeen", True)] > 20


def test_what_is_new_is_no_repetition() -> None:
    """Another share, another process, a server that fell, a first look after a write: each gets its turn."""
    book = Playbook().run(40)
    lane, now_ms = book.lane, book.now.clock_ms
    reading = book.world.reading()
    health = lane.seen.slots[0][1].health
    for observation in (
        RouteSeen(replace(reading, override=Share(1))),
        RouteSeen(replace(reading, instance="another")),
        SlotProbed(lane.seen.slots[0][0], replace(health, up=False)),
        SlotProbed(lane.seen.slots[0][0], replace(health, version="another")),
    ):
        assert not repeats(lane, observe(lane, observation, now_ms), observation)
    again = RouteSeen(reading)
    assert repeats(lane, observe(lane, again, now_ms), again)
    forgotten = replace(lane, seen=replace(lane.seen, route=None))
    assert not repeats(forgotten, observe(forgotten, again, now_ms), again)
    long_ago_ms = now_ms + 3 * lane.rollout.spec.plan.timing.tick_ms
    assert not repeats(lane, observe(lane, again, long_ago_ms), again)
