"""Follows one rollout until something holds, and says as which exit code; it survives lost links and prints nothing.

The end state decides the moment it is known: a rollout that ended without the new version never waits out a timer, and
is never a success.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rolloutd.ctl import exits, interrupts
from rolloutd.ctl.client import RETRY_EVERY_S, SILENCE_S, Client, LostLink, passes

Found = dict[str, Any]
LOST_S = 30.0
"""How long a lost link is tried again where no time limit was given."""
_WAITING_PHASES = ("held", "asking")
_NOT_ON_A_STAGE = ("preflight", "receding")


def verdict(found: Found) -> int:
    """The exit code of a state: 3 ended without the new version, 5 waits for a person, else 0."""
    if found.get("ended"):
        return exits.DONE if found.get("outcome") == "done" else exits.ENDED_WITHOUT
    waits = found.get("needs_you") or str(found.get("phase", "")).lower() in _WAITING_PHASES
    return exits.WAITS_FOR_A_PERSON if waits else exits.DONE


@dataclass(frozen=True)
class Goal:
    """What is waited for: ``done``, ``confirmed`` or ``stage=N`` (counted from 1)."""

    word: str
    stage: int = 0

    @classmethod
    def parse(cls, text: str) -> Goal:
        """Read one goal. Raises Failure for any other word."""
        if text in ("done", "confirmed"):
            return cls(text)
        key, _, number = text.partition("=")
        if key == "stage" and number.isdecimal() and 0 < len(number) < 10 and int(number) > 0:
            return cls("stage", int(number))
        raise exits.usage(f"{text!r} is nothing that can be waited for.", "Use done, confirmed or stage=N.")

    def holds(self, found: Found) -> bool:
        """Whether this status is what was waited for."""
        if self.word == "confirmed":
            return bool(found["on_new"]["confirmed_is_asked"])
        if found.get("ended"):
            return found.get("outcome") == "done"
        return self.word == "stage" and found["stage"]["index"] + 1 >= self.stage and _stands(found)


def _stands(found: Found) -> bool:
    """Whether the rollout stands on its stage: one that goes back, or waits at zero, keeps the number of its stage."""
    if str(found.get("phase", "")).lower() in _NOT_ON_A_STAGE:
        return False
    shares = [stage["share"] for stage in found["stages"] if stage["index"] == found["stage"]["index"]]
    return found["on_new"]["asked"] > 0 or 0 in shares


def pictures(client: Client, name: str, deadline_s: float | None) -> Iterator[Found | None]:
    """Each new status of one rollout, and None at least once a second. Ends when the deadline (monotonic) passes.

    A first connection that fails is told at once; a link lost later is made again while time is left. A model's name
    means one rollout from the first picture on, also after the link was lost.
    """
    found = client.get("rollouts", name)
    name = found["name"]
    yield found
    last_id, lost_at_s = "", None
    while deadline_s is None or time.monotonic() < deadline_s:
        left_s = SILENCE_S if deadline_s is None else max(0.1, deadline_s - time.monotonic())
        try:
            for event in client.events(name, last_id, min(left_s, SILENCE_S)):
                last_id, lost_at_s = event.id, None
                if event.kind in ("bye", "behind"):
                    break
                yield event.data if event.kind == "status" else None
                if deadline_s is not None and time.monotonic() >= deadline_s:
                    return
        except (LostLink, exits.Failure) as lost:
            if isinstance(lost, exits.Failure) and not passes(lost):
                raise
            lost_at_s = lost_at_s or time.monotonic()
            if deadline_s is None and time.monotonic() - lost_at_s > LOST_S:
                message = f"The link to the daemon is lost since {LOST_S:.0f} s: {lost}."
                next_step = f"The rollout goes on. See it: rollout status {name}"
                raise exits.Failure(
                    exits.UNREACHABLE, "unreachable", message, next_step, "Unknown from here."
                ) from lost
        yield None
        time.sleep(RETRY_EVERY_S)


def follow(
    client: Client,
    name: str,
    goals: list[Goal],
    timeout_s: float | None,
    fail_on_hold: bool,
    seen: Callable[[Found], None],
) -> int:
    """The exit code of waiting for any of ``goals``; ``seen`` gets every picture. Never 0 unless one of them holds."""
    deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
    for found in pictures(client, name, deadline_s):
        interrupts.check()
        if found is None:
            continue
        seen(found)
        if any(goal.holds(found) for goal in goals):
            return exits.DONE
        now = verdict(found)
        if found.get("ended") and now != exits.DONE:
            return now
        if fail_on_hold and now == exits.WAITS_FOR_A_PERSON:
            return now
    return exits.TIME_IS_UP
