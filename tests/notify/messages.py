"""Messages and waiting messages for the tests of telling; it tells nobody."""

from __future__ import annotations

from rolloutd.core.incidents import Message, Turn
from rolloutd.outbox import Waiting

NOW_MS = 1_000_000


def a_message(
    turn: Turn = Turn.OPENED,
    number: int = 1,
    rollout: str = "ranker-v42",
    *,
    critical: bool = True,
    what: str = "",
    cause: str = "harm",
) -> Message:
    """What is told of a rollout; ``number`` is the event's."""
    return Message(
        id=f"rolloutd/edge-1/{rollout}/{number}/{turn.value}",
        incident=f"rolloutd/edge-1/{rollout}",
        turn=turn,
        need="going_back",
        critical=critical,
        rollout=rollout,
        model="ranker",
        route="ranker",
        what=what or "ranker v41 > v42: it goes back by itself (errors: harm). v41 serves all traffic.",
        next_step=f"rollout why {rollout}",
        by="ops1" if turn in (Turn.ACKNOWLEDGED, Turn.RESOLVED) else "",
        opened_wall_ms=1_700_000_000_000,
        at_wall_ms=1_700_000_000_000 + number,
        versions="v41 > v42",
        cause=cause,
    )


def post(*turns: Turn, rollout: str = "ranker-v42", tries: int = 0, first: int = 1) -> list[Waiting]:
    """Messages of one rollout that wait, in this order; only the first was tried."""
    return [
        Waiting(number, rollout, turn, NOW_MS, NOW_MS, tries if number == first else 0)
        for number, turn in enumerate(turns, start=first)
    ]
