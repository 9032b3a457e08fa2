"""Reads beside the streams what the open screen needs: record, plan, courses, past. One request of a kind at a time.

It decides nothing and keeps nothing of another rollout. A request that gets no answer is asked again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import MappingProxyType

from pydantic import BaseModel

from rollout_tui.client import Client
from rollout_tui.http import Unreachable
from rollout_tui.papers import NO_SERIES, Chart, Papers, Range, Replay, metrics, step, told
from rollout_tui.scene import Tab
from rolloutd.pictures import Past, Plan, Series
from rolloutd.wire import Problem, Status, Timeline

POINTS = 400
LAST_S = 900
FRESH_S = 2.0
AGAIN_S = 2.0
PLAY_S = 1.0


class Archive:
    """The papers of the open rollout. ``changed`` is called when there is something new to draw."""

    def __init__(self, client: Client, now: Callable[[], float], changed: Callable[[], None]) -> None:
        self._client = client
        self._now = now
        self._changed = changed
        self._name = ""
        self._asked: dict[str, float] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._pasts: dict[int, Past] = {}
        self._revision = -1
        self._played_s = 0.0
        self.papers = Papers()
        self.trouble = ""

    def open(self, name: str) -> None:
        """Another rollout: nothing of the one before is kept; how charts are looked at is."""
        for task in self._busy.values():
            task.cancel()
        self._name, self._revision, self.trouble = name, -1, ""
        self._asked, self._busy, self._pasts = {}, {}, {}
        self.papers = Papers(chart=replace(self.papers.chart, first=0))

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._busy.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What a person does

    def look(self, chart: Chart) -> None:
        """Look at the charts otherwise; another range is read anew."""
        if chart.range is not self.papers.chart.range:
            self._read_series_anew()
            self.papers = replace(self.papers, series=NO_SERIES)
        self.papers = replace(self.papers, chart=chart)

    def step(self, way: int, *, only_moves: bool = False) -> bool:
        """Go back or on in the record; returns whether the screen is in the past now."""
        entries = told(self.papers.timeline)
        if not entries or (way > 0 and self.papers.replay is None):
            return self.papers.replay is not None
        self._show(step(entries, self.papers.replay, way, only_moves=only_moves))
        return True

    def play(self) -> None:
        """Play the record from here on (from its start when the screen is live), or stop playing."""
        entries = told(self.papers.timeline)
        if not entries:
            return
        replay = self.papers.replay or Replay(entries[0].seq)
        self._played_s = self._now()
        self._show(Replay(replay.seq, playing=not replay.playing))

    def live(self) -> None:
        """Back to the present."""
        self._read_series_anew()
        self.papers = replace(self.papers, replay=None, past=None)

    def _read_series_anew(self) -> None:
        """What was read for another range is no longer fresh."""
        self._asked = {what: at_s for what, at_s in self._asked.items() if not what.startswith("series ")}

    def _show(self, replay: Replay) -> None:
        if self.papers.replay is None:
            self._read_series_anew()
        past = self._pasts.get(replay.seq, self.papers.past if self.papers.replay == replay else None)
        self.papers = replace(self.papers, replay=replay, past=past)

    # What is read

    def want(self, status: Status | None, tab: Tab) -> None:
        """Read what this screen needs and does not have, or has had for too long."""
        if status is None or not self._name:
            return
        replay = self.papers.replay
        old = status.revision != self._revision or self.papers.timeline is None
        if old and (tab is Tab.TIMELINE or replay is not None):
            self._ask("timeline", self._read_timeline(status.revision), AGAIN_S)
        if replay is not None and replay.seq not in self._pasts:
            self._ask(f"past {replay.seq}", self._read_past(replay.seq), AGAIN_S)
        charted = tab is Tab.CHARTS or replay is not None
        if self.papers.plan is None and (tab is Tab.PLAN or replay is not None or (charted and not status.gates)):
            self._ask("plan", self._read_plan(), AGAIN_S)
        if charted:
            for metric in metrics(status, self.papers):
                work = self._read_series(metric, self._last_s(status))
                self._ask(f"series {metric}", work, max(FRESH_S, status.tick_s))

    def tick(self) -> None:
        """Move a playing record on."""
        replay = self.papers.replay
        if replay is None or not replay.playing or self._now() - self._played_s < PLAY_S:
            return
        self._played_s = self._now()
        entries = told(self.papers.timeline)
        if not entries or replay.seq >= entries[-1].seq:
            self.live()
        else:
            self._show(replace(step(entries, replay, 1), playing=True))
        self._changed()

    def _last_s(self, status: Status) -> int:
        """Seconds back for the chosen range; a past is drawn from everything there is."""
        if self.papers.replay is not None or self.papers.chart.range is Range.WHOLE or status.ended:
            return 0
        return LAST_S if self.papers.chart.range is Range.LAST else int(status.stage.elapsed_s) + 1

    def _ask(self, what: str, work: Coroutine[None, None, None], every_s: float) -> None:
        """Begin one reading unless the same is under way or was begun less than ``every_s`` ago."""
        now_s = self._now()
        busy = self._busy.get(what)
        if (busy is not None and not busy.done()) or now_s - self._asked.get(what, float("-inf")) < every_s:
            work.close()
            return
        self._asked[what] = now_s
        self._busy[what] = asyncio.create_task(work)

    async def _get(self, read: Coroutine[None, None, BaseModel], what: str) -> BaseModel | None:
        """The answer, or None with the trouble noted."""
        try:
            found = await read
        except Unreachable as error:
            self.trouble = f"The {what} could not be read: {error.why}."
            self._changed()
            return None
        if isinstance(found, Problem):
            self.trouble = f"The {what} could not be read: {found.message}"
            self._changed()
            return None
        self.trouble = ""
        return found

    async def _read_timeline(self, revision: int) -> None:
        found = await self._get(self._client.timeline(self._name), "record")
        if isinstance(found, Timeline):
            self._revision = max(revision, found.revision)
            self.papers = replace(self.papers, timeline=found)
            self._changed()

    async def _read_past(self, seq: int) -> None:
        found = await self._get(self._client.past(self._name, seq), "past")
        if isinstance(found, Past):
            self._pasts[seq] = found
            replay = self.papers.replay
            if replay is not None and replay.seq == seq:
                self.papers = replace(self.papers, past=found)
            self._changed()

    async def _read_plan(self) -> None:
        found = await self._get(self._client.plan(self._name), "plan")
        if isinstance(found, Plan):
            self.papers = replace(self.papers, plan=found)
            self._changed()

    async def _read_series(self, metric: str, last_s: int) -> None:
        found = await self._get(self._client.series(self._name, metric, last_s, POINTS), "course of a metric")
        if isinstance(found, Series):
            series = MappingProxyType({**self.papers.series, metric: found})
            self.papers = replace(self.papers, series=series)
            self._changed()
