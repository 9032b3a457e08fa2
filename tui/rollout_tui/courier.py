"""Carries one decided action to the daemon and keeps its chain; it must never send what nobody pressed.

Nothing is queued: an action goes out now or is said not to have gone out. The one exception is asked for by a person,
has an end that is shown, and can only lower exposure: to keep trying an abort while there is no contact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace

from rollout_tui import words
from rollout_tui.actions import command
from rollout_tui.client import DEADLINE_S, Client
from rollout_tui.facts import Facts
from rollout_tui.http import Unreachable
from rollout_tui.keys import DEFAULT, Keymap
from rollout_tui.orders import Order
from rollout_tui.result import Result, accepted, observe, refused, unanswered
from rollout_tui.strip import Send
from rolloutd.wire import ActionDone, Problem

REPEAT_S = 1.0
AGAIN_S = 1.0
START_DEADLINE_S = 60.0
"""A start may measure the traffic first, and waits for its checks."""


class Courier:
    """One action at a time on the result line; a newer one takes the line, the older one still arrives or not."""

    def __init__(
        self, client: Client, now: Callable[[], float], changed: Callable[[], None], keys: Keymap = DEFAULT
    ) -> None:
        self._client = client
        self._now = now
        self._changed = changed
        self._keys = keys
        self._tasks: set[asyncio.Task[None]] = set()
        self._trial: asyncio.Task[None] | None = None
        self.result: Result | None = None
        self.again_s = AGAIN_S

    @property
    def trying(self) -> bool:
        """Whether an abort is being tried without contact."""
        return self._trial is not None and not self._trial.done()

    def send(self, send: Send, asked: float | None = None) -> str:
        """Send it now; ``asked`` is the router's share before. Returns a note when the same is on its way already."""
        before = self.result
        order = Order.make(send.name, send.verb, send.request, send.revision, self._keys.key(send.verb), send.spec)
        if before is not None and replace(order, key=before.order.key) == before.order:
            if not before.over and self._fresh(before):
                return words.ON_ITS_WAY.format(verb=send.verb.upper(), name=send.name)
            if before.has_s is None and (before.unknown or not before.over):
                order = before.order
        self.stop()
        self.result = Result(order, self._now(), asked)
        if send.trying_s > 0:
            self.result = replace(self.result, until_s=self._now() + send.trying_s)
            self._trial = self._start(self._keep_trying(self.result, send.trying_s))
        else:
            self._start(self._carry(self.result))
        return ""

    def _fresh(self, result: Result) -> bool:
        """Whether the daemon has it, or was asked for it only just now."""
        return result.has_s is not None or self._now() - result.sent_s < REPEAT_S

    def stop(self) -> None:
        """Stop trying without contact, and say so."""
        if self._trial is not None and not self._trial.done():
            self._trial.cancel()
            if self.result is not None and self.result.has_s is None:
                text = words.STOPPED.format(name=self.result.order.name)
                self.result = replace(self.result, said=(text,), until_s=None)
        self._trial = None

    def dismiss(self) -> None:
        """Take a chain that is over off the line."""
        if self.result is not None and self.result.over:
            self.result = None

    def observe(self, facts: Facts) -> None:
        """Look in the newest facts for the router's confirmation."""
        if self.result is not None:
            self.result = observe(self.result, facts, self._now())

    async def close(self) -> None:
        """Give up what is still on its way from here; what arrived at the daemon stays there."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _set(self, order: Order, result: Result) -> None:
        """Show it, unless a newer action has taken the line."""
        if self.result is not None and self.result.order is order:
            self.result = result
        self._changed()

    def _answered(self, result: Result, answer: ActionDone | Problem) -> Result:
        if isinstance(answer, Problem):
            return refused(result, answer)
        return accepted(result, answer, self._now())

    async def _carry(self, result: Result) -> None:
        """One sending with one deadline."""
        try:
            deadline_s = DEADLINE_S if result.order.spec is None else START_DEADLINE_S
            answer = await self._client.act(result.order, deadline_s)
        except Unreachable as error:
            self._set(result.order, unanswered(result, error.why, sent=error.sent))
        else:
            self._set(result.order, self._answered(result, answer))

    async def _keep_trying(self, result: Result, for_s: float) -> None:
        """Send the same order again and again until it is taken, its time is over, or a person stops it."""
        until_s = self._now() + for_s
        while self._now() < until_s:
            result = replace(result, tries=result.tries + 1)
            self._set(result.order, result)
            try:
                answer = await self._client.act(result.order, min(DEADLINE_S, for_s))
            except Unreachable:
                await asyncio.sleep(self.again_s)
            else:
                self._set(result.order, self._answered(result, answer))
                return
        order = result.order
        told = words.GAVE_UP.format(name=order.name, seconds=int(for_s), command=command(order.verb, order.name))
        self._set(order, replace(result, said=(told,), until_s=None))
