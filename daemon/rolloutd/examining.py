"""Carries out named checks before traffic through their examiners: one at a time each, within its deadline in total.

A rollout that ends takes its running checks with it, and so does the daemon: nobody waits for a command at a stop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType

from rolloutd.core import events as ev
from rolloutd.core.checks import CheckFinding, CheckRan, RunCheck
from rolloutd.core.effects import Observation
from rolloutd.ports import Examiner

NOBODY: Mapping[str, Examiner] = MappingProxyType({})
DETAIL_MAX = 600
log = logging.getLogger("rolloutd.examining")


class Examining:
    """The checks under way, by rollout and name. ``report`` takes what was found, ``ended`` a task that is over."""

    def __init__(
        self,
        examiners: Mapping[str, Examiner],
        report: Callable[[str, Observation], Awaitable[None]],
        ended: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self._examiners = examiners
        self._report = report
        self._ended = ended
        self._asked: dict[tuple[str, str], asyncio.Task[CheckFinding]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def begin(self, lane: str, run: RunCheck) -> None:
        """Start this check unless it is under way."""
        key = (lane, run.check.name)
        running = self._asked.get(key)
        if running is None or running.done():
            self._asked[key] = asked = asyncio.create_task(self._examine(run), name=f"check {key[1]} of {lane}")
            telling = asyncio.create_task(self._tell(lane, run, asked), name=f"tell check {key[1]} of {lane}")
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
            telling.add_done_callback(self._ended)

    def recorded(self, rows: Iterable[ev.Recorded]) -> None:
        """The loop says what was recorded: what has ended needs no check any more."""
        for row in rows:
            if isinstance(row.event, ev.RolloutEnded):
                self._cancel(row.stream)

    async def stop(self) -> None:
        """End whatever is under way; after a restart it is carried out again."""
        for task in self._asked.values():
            task.cancel()
        if self._telling:
            await asyncio.wait(set(self._telling))

    def _cancel(self, lane: str) -> None:
        for key in [key for key in self._asked if key[0] == lane]:
            self._asked.pop(key).cancel()

    async def _examine(self, run: RunCheck) -> CheckFinding:
        examiner = self._examiners.get(run.check.name)
        if examiner is None:
            return CheckFinding(answered=False, passed=False, detail="the configuration has no such check any more")
        try:
            async with asyncio.timeout(run.check.deadline_ms / 1000):
                return await examiner.examine(run.case)
        except TimeoutError:
            detail = f"it was not over within {run.check.deadline_ms / 1000:g} s"
            return CheckFinding(answered=True, passed=False, detail=detail)
        except Exception as error:  # a third party's check must not end the daemon; it is not silent, and no pass
            log.exception("a check broke", extra={"check": run.check.name})
            return CheckFinding(answered=True, passed=False, detail=f"the check itself broke ({type(error).__name__})")

    async def _tell(self, lane: str, run: RunCheck, asked: asyncio.Task[CheckFinding]) -> None:
        """Report what was found. Only the asking is ever cancelled: a report is half-way through the journal."""
        await asyncio.wait({asked})
        if asked.cancelled():
            return
        finding = asked.result()
        detail = "".join(c if c.isprintable() else " " for c in finding.detail[:DETAIL_MAX]).strip()
        await self._report(lane, CheckRan(run.check.name, CheckFinding(finding.answered, finding.passed, detail)))
