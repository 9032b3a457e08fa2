"""A whole rollout, killed at every journal append and around every effect, and started again from what was durable.

Nothing is remembered but the record, the stored evidence and the router: ``pending`` asks again for what is missing.
"""

from __future__ import annotations

from rolloutd.core.commands import Verb
from rolloutd.core.values import ZERO, Share, Slot
from tests.core.playbook import Playbook, World


def _killed_everywhere(book: Playbook, phase: str) -> list[Playbook]:
    """Run to this phase; what every possible kill on the way leaves, once for each state of record and router."""
    left: dict[tuple[int, Share, Slot, object], Playbook] = {}

    def keep(at: Playbook) -> None:
        key = (len(at.journal), at.world.override, at.world.base, at.world.override_slot)
        if key not in left and at.lane.rollout.live:
            left[key] = at.snapshot()

    book.watch = keep
    book.until(phase)
    return list(left.values())


def test_a_kill_anywhere_on_the_way_to_done_still_ends_done() -> None:
    """From each append and each effect on, the restarted process finishes; no share ever exceeds its stage."""
    killed = _killed_everywhere(Playbook(), "done")
    assert len(killed) >= 20
    for book in killed:
        stage_share = book.lane.rollout.stage.share
        book.settle(tick=True)
        assert book.world.override <= max(stage_share, book.lane.rollout.traffic.ceiling)
        book.until("done")
        assert book.world.reading().share_of(Slot.B).basis_points == 10_000
        assert book.world.override == ZERO


def test_a_kill_anywhere_on_the_way_back_still_ends_at_zero() -> None:
    """A rollback that was interrupted goes on by itself, within one tick of the restart."""
    killed = _killed_everywhere(Playbook(world=World(rates={"a": 0.01, "b": 0.2})), "rolled_back")
    going_back = [book for book in killed if "RecedeStarted" in book.said()]
    assert going_back
    for book in going_back:
        book.run(1)
        assert book.world.override == ZERO
        assert book.phase == "rolled_back"


def test_a_kill_anywhere_after_an_abort_never_raises_again() -> None:
    """Once the abort is durable no restart brings the share back."""
    book = Playbook().run(8)
    left: list[Playbook] = []
    book.watch = lambda at: left.append(at.snapshot()) if at.lane.rollout.live else None
    book.do(Verb.ABORT, revision=None)
    durable = [each for each in left if "RecedeStarted" in each.said()]
    assert durable
    for each in durable:
        each.run(5)
        assert each.world.override == ZERO
        assert each.phase == "aborted"


def test_pending_asks_again_for_an_effect_that_never_happened() -> None:
    """The intent was durable and the router never heard of it: the restarted process asks."""
    book = Playbook(world=World(obeys=False))
    book.run(3)
    assert book.world.override == ZERO
    other = book.snapshot()
    other.world.obeys = True
    other.run(1)
    assert other.world.override == Share(100)
