"""The headless demo's voice: prints what is new on record, and says whether each rollout ended as its story must."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rolloutd.ctl.client import Client
from rolloutd.simdemo.stories import BY_HAND_BP, STORIES, Fault, Story

_TEDIOUS = frozenset({"EvidenceSealed"})


@dataclass(slots=True)
class Seen:
    """What was seen of one rollout. Shares are the challenger's, 0 to 1, as the router in memory shows them."""

    story: Story
    seq: int = 0
    outcome: str | None = None
    share: float | None = None
    had_traffic: bool = False
    put_back: bool = False


class Teller:
    """Reads the records of all rollouts, again and again."""

    def __init__(self, client: Client, began_s: float) -> None:
        self._client = client
        self._began_s = began_s
        self._seen = [Seen(story) for story in STORIES]

    @property
    def over(self) -> bool:
        """Whether every rollout came to where it stays."""
        return all(one.outcome is not None for one in self._seen)

    def read(self) -> None:
        """Tell what is new. Raises Failure when the daemon does not answer."""
        for one in self._seen:
            if one.outcome is None:
                self._read(one)

    def faults(self) -> list[str]:
        """A sentence for everything that did not come out as it must."""
        found = []
        for one in self._seen:
            story = one.story
            if one.outcome != story.outcome:
                found.append(f"{story.route} ended {one.outcome or 'nowhere'}, not {story.outcome}.")
            elif one.share != story.share:
                found.append(f"{story.route}'s challenger has {one.share}, not {story.share:.0%}.")
            if story.fault is Fault.BY_HAND and not one.put_back:
                found.append(f"{story.route}: what somebody raised by hand was not seen put back.")
        return found

    def _read(self, one: Seen) -> None:
        name = one.story.route
        # First the status: then the record that follows holds all that led to it.
        status = self._client.get("rollouts", name)
        record = self._client.get("rollouts", name, "timeline", since_seq=one.seq)
        for row in record["entries"]:
            one.seq = max(one.seq, row["seq"])
            one.put_back |= _tells_of_drift(row)
            if row["kind"] not in _TEDIOUS:
                self._say(name, f"{row['what']}{': ' if row['why'] else ''}{row['why']}")
        on_new = status["on_new"]
        one.had_traffic |= on_new["confirmed"] > 0
        if status["ended"]:
            one.outcome = status["outcome"]
            one.share = 1.0 if one.outcome == "done" else 0.0
        elif status["phase"] == "held" and one.had_traffic and on_new["asked"] == on_new["observed"] == 0:
            one.outcome, one.share = "held", 0.0
        if one.outcome:
            self._say(name, f"stays: {one.outcome}, {one.share:.0%} on {status['challenger']}")

    def _say(self, name: str, sentence: str) -> None:
        print(f"{time.monotonic() - self._began_s:6.1f} s  {name:9} {sentence}", flush=True)


def _tells_of_drift(row: dict[str, Any]) -> bool:
    return f"{BY_HAND_BP / 100:g}%" in f"{row['what']} {row['why']}"
