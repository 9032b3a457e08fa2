"""Lowering before the record: the one exception to audit before effect, for a journal that is full, slow or broken.

A decrease waits a quarter of a second for the journal; then a line goes to the spill journal and the router is written.
The next start folds the line into the journal, marked as such. Nothing here can raise a share.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

from rolloutd.core import events as ev
from rolloutd.core.lane import Lane
from rolloutd.core.phases import Phase
from rolloutd.core.values import THE_DAEMON, ZERO, Actor
from rolloutd.hands import Hands
from rolloutd.ports import Clock, RouterError
from rolloutd.spill import Spilled, SpillFile

RECORD_PATIENCE_S = 0.25
"""How long a decrease waits for the journal, or for its turn, before it is carried out and spilled instead."""
_OWN_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spill")
"""The event loop's own threads may all be busy, with forecasts for one; a line of an abort waits for none of them."""
log = logging.getLogger("rolloutd.unrecorded")


async def lower(
    lane: Lane | None, hands: Hands | None, spill: SpillFile, clock: Clock, actor: Actor, recede: ev.RecedeStarted
) -> None:
    """Take the rollout's share to zero now. What goes wrong is logged: the caller records and asks again anyway."""
    if lane is None or lane.rollout.challenger_slot is None or hands is None:
        return
    name, route = lane.rollout.name, lane.rollout.spec.route
    log.error("lowering before the record", extra={"rollout": name, "who": actor.name, "why": recede.reason})
    try:
        async with asyncio.timeout(RECORD_PATIENCE_S):
            writing = partial(spill.write, name, actor, recede.reason, clock.now(), recede.cause.value)
            await asyncio.get_running_loop().run_in_executor(_OWN_THREAD, writing)
    except (OSError, TimeoutError) as error:
        log.error("the spill journal cannot be written", extra={"rollout": name, "error": str(error)})  # noqa: TRY400
    try:
        await hands.zero_now(route, lane.rollout.challenger_slot)
    except (RouterError, TimeoutError, OSError) as error:
        log.error("the router was not lowered", extra={"rollout": name, "error": str(error)})  # noqa: TRY400
    except Exception:  # an adapter's own fault must not break the abort that waits for this
        log.exception("the router was not lowered", extra={"rollout": name})


@asynccontextmanager
async def patience(lowering: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """What is waited for inside gets RECORD_PATIENCE_S; then lowering begins beside it, and is waited for at the end.

    As long as it is quick there is only a timer: no task, and no turn of the event loop, before the router is asked.
    """
    begun: list[asyncio.Future[None]] = []
    timer = asyncio.get_running_loop().call_later(
        RECORD_PATIENCE_S, lambda: begun.append(asyncio.ensure_future(lowering()))
    )
    try:
        yield
    finally:
        timer.cancel()
        for lowered in begun:
            await lowered


def afterwards(lane: Lane, spilled: Spilled) -> tuple[ev.Event, ...]:
    """The events that put a spilled decrease into the record; none when it is there already."""
    if lane.rollout.phase is Phase.RECEDING:
        return ()
    why = f"{spilled.who}: {spilled.reason} (carried out before it could be recorded)"
    cause = _cause(spilled)
    start, wanted = ev.RecedeStarted(cause, why), lane.rollout.traffic.wanted
    if wanted == ZERO:
        return (start,)
    return (start, ev.TrafficWanted(ZERO, wanted, ev.Basis(_GROUNDS[cause], why)))


_GROUNDS = {
    ev.RecedeCause.PERSON: ev.BasisKind.PERSON,
    ev.RecedeCause.ROLLBACK: ev.BasisKind.PERSON,
    ev.RecedeCause.HARM: ev.BasisKind.HARM,
    ev.RecedeCause.BLINDNESS: ev.BasisKind.BLINDNESS,
    ev.RecedeCause.UNDECIDED: ev.BasisKind.LIMIT,
}


def _cause(spilled: Spilled) -> ev.RecedeCause:
    """Why it was carried out: blindness is no harm, and waits at zero. Where the line does not say, by who did it."""
    if spilled.cause in {cause.value for cause in ev.RecedeCause}:
        return ev.RecedeCause(spilled.cause)
    return ev.RecedeCause.HARM if spilled.who == THE_DAEMON.name else ev.RecedeCause.PERSON


def only_lowers(before: Lane, after: Lane) -> bool:
    """Whether the change takes traffic off the challenger or leaves it, so that it may be done unrecorded.

    Finishing wants no other share, but it makes the challenger the base: that is the greatest increase of all.
    """
    finishes = after.rollout.phase is Phase.FINISHING and before.rollout.phase is not Phase.FINISHING
    back = {known.segment for known in before.rollout.isolated} - {known.segment for known in after.rollout.isolated}
    return not finishes and not back and after.rollout.traffic.wanted <= before.rollout.traffic.wanted


def way_back(events: tuple[ev.Event, ...]) -> ev.RecedeStarted | None:
    """What of these takes the rollout back. A share that others lowered is only noted: it is kept, not zeroed."""
    return next((event for event in events if isinstance(event, ev.RecedeStarted)), None)
