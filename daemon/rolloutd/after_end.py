"""A verb on a rollout that has ended: looks at its route where that matters, then asks the core; it changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutd.core import events as ev
from rolloutd.core.commands import Act, Refused
from rolloutd.core.decide import Decision, decide
from rolloutd.core.lane import Lane, observe
from rolloutd.core.revival import REVIVING, decide_revival
from rolloutd.core.state import Rollout
from rolloutd.hands import Hands


def rollout_of(lane: Lane) -> Rollout:
    """What is recorded of a lane."""
    return lane.rollout


def refusal(act: Act, refused: Refused) -> tuple[ev.Event, ...]:
    """What is kept of a command that was refused."""
    return (ev.CommandRefused(act.verb.value, refused.code.value, refused.message),)


async def decide_after_end(
    lane: Lane, act: Act, hands: Hands | None, now_ms: int, everybody: Iterable[Rollout]
) -> tuple[Lane, Decision]:
    """The lane as it was seen just now, and what the core says. What revives nothing looks at nothing."""
    if act.verb not in REVIVING:
        return lane, decide(lane.rollout, act, lane.picture(now_ms), now_ms)
    if hands is not None and hands.knows(lane.rollout.spec.route):
        for observation in await hands.look(lane.rollout.spec.route):
            lane = observe(lane, observation, now_ms)
    return lane, decide_revival(lane.rollout, act, lane.picture(now_ms), everybody)
