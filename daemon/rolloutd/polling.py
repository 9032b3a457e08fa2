"""Asks the metric sources, once for all rollouts, and hands each rollout its part of the answer. It judges nothing.

One question a template and poll, whatever the number of rollouts. A source that hangs delays only itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from rolloutd.core.lane import Lane
from rolloutd.core.metrics import Answer, BlindReason, MetricTemplate, Question, Unreadable
from rolloutd.loop import Loop
from rolloutd.ports import Clock, MetricSource
from rolloutd.promptness import Stopwatch

# Between rollouts the loop really sleeps, so that an abort's journal write gets the interpreter (measured: a bare yield
# keeps the writer thread waiting for as long as the work lasts).
BREATH_S = 0.001
BREATH_EVERY = 8
log = logging.getLogger("rolloutd.polling")
LEAST_DEADLINE_S = 1.0
"""An answer that is late by a busy moment is still an answer; how old it may be is judged by its samples' age."""


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """When a source last gave a usable answer, on the rollout clock, and what is wrong when it does not."""

    every_ms: int
    answered_at_ms: int | None = None
    trouble: str = ""


class Poller:
    """Polls sources for the loop's live rollouts."""

    def __init__(
        self, loop: Loop, sources: Mapping[str, MetricSource], every_ms: Mapping[str, int], clock: Clock
    ) -> None:
        self._loop = loop
        self._sources = sources
        self._clock = clock
        self.health = {name: SourceHealth(every_ms[name]) for name in sources}
        self.took = {name: Stopwatch() for name in sources}

    async def poll(self, source_name: str) -> None:
        """Ask one source everything that live rollouts want of it, and hand the answers round."""
        wanted = self._wanted(source_name)
        if not wanted:
            return
        source, every_ms = self._sources[source_name], self.health[source_name].every_ms
        deadline_s = max(LEAST_DEADLINE_S, every_ms / 2000)
        questions = [Question(template, frozenset(arms)) for template, arms in wanted.items()]
        began_ms = self._clock.now().clock_ms
        answers = await asyncio.gather(*(self._ask(source, question, deadline_s) for question in questions))
        self.took[source_name].note(self._clock.now().clock_ms - began_ms)
        by_template = dict(zip(wanted, answers, strict=True))
        self._note(source_name, answers)
        for count, name in enumerate(list(self._loop.lanes)):
            await self._loop.calm.wait()
            lane = self._loop.lanes.get(name)
            if lane is None:
                continue
            mine = {
                gate.metric: by_template[gate.template]
                for gate in lane.rollout.spec.plan.gates
                if gate.source == source_name and gate.template in by_template
            }
            if mine:
                await self._loop.answers(name, mine)
            if count % BREATH_EVERY == BREATH_EVERY - 1:
                await asyncio.sleep(BREATH_S)

    def is_asked(self, source_name: str) -> bool:
        """Whether a live rollout wants anything of this source; nobody asks one that is not wanted."""
        return any(_templates(lane, source_name) for lane in self._loop.lanes.values())

    async def _ask(self, source: MetricSource, question: Question, deadline_s: float) -> Answer:
        """One question under its total deadline; a source that breaks its own contract is unreadable, not fatal."""
        try:
            async with asyncio.timeout(deadline_s):
                return await source.read(question, deadline_s)
        except TimeoutError:
            why = f"no answer within {deadline_s:g} s"
            return Answer.unreadable(question, self._clock.now().wall_ms, BlindReason.TIMEOUT, why)
        except Exception as error:  # a fault of an adapter blinds its own gates; it must not end everybody's daemon
            log.exception("a source broke", extra={"metric": question.template.name})
            why = f"its adapter broke ({type(error).__name__}); the log has the details"
            return Answer.unreadable(question, self._clock.now().wall_ms, BlindReason.BAD_ANSWER, why)

    def _wanted(self, source_name: str) -> dict[MetricTemplate, set[str]]:
        """Every template that somebody asks of this source, with all arms that are wanted of it."""
        wanted: dict[MetricTemplate, set[str]] = {}
        for lane in self._loop.lanes.values():
            for template in _templates(lane, source_name):
                wanted.setdefault(template, set()).update(lane.arms.values())
        return wanted

    def _note(self, source_name: str, answers: list[Answer]) -> None:
        """Keep the source's own age: it answered if anything in any answer was readable."""
        before = self.health[source_name]
        readings = [reading for answer in answers for reading in answer.by_arm.values()]
        bad = next((reading for reading in readings if isinstance(reading, Unreadable)), None)
        good = any(not isinstance(reading, Unreadable) for reading in readings)
        at_ms = self._clock.now().clock_ms if good else before.answered_at_ms
        trouble = "" if good or bad is None else bad.detail
        self.health[source_name] = SourceHealth(before.every_ms, at_ms, trouble)


def _templates(lane: Lane, source_name: str) -> list[MetricTemplate]:
    return [gate.template for gate in lane.rollout.spec.plan.gates if gate.source == source_name]
