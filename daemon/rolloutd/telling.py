"""Hands one notifier its waiting messages, in a task of its own: a dead one keeps only its own post waiting.

At least once: a message is noted as told only after the notifier took it. Nothing here touches rollouts or the journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rolloutd.core.incidents import Incident, Message, Turn, message
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.outbox import Outbox, Waiting
from rolloutd.pacing import BURST, GIVEN_UP_MS, SAME_AGAIN_MS, Said, Tokens, choose, merge, pause_ms
from rolloutd.ports import Clock, Notifier, NotifierError, NotifierRefused, NotifierUnreachable

DEADLINE_S = 5.0
IDLE_S = 30.0
BREATH_S = 0.1
"""Between two calls of one notifier: however much waits for however many, the loop has the processor."""
log = logging.getLogger("rolloutd.alerting")


@dataclass(slots=True)
class Standing:
    """How a notifier is: when it last took something (rollout clock), and what it said last when it did not."""

    told_at_ms: int | None = None
    trouble: str = ""


class Teller:
    """One notifier and its post."""

    def __init__(
        self,
        name: str,
        notifier: Notifier,
        outbox: Outbox,
        clock: Clock,
        digest_ms: int,
        still_open: Callable[[], Iterable[Incident]],
    ) -> None:
        self.name = name
        self.notifier = notifier
        self.standing = Standing()
        self._outbox = outbox
        self._clock = clock
        self._still_open = still_open
        self._tokens = Tokens(float(BURST), clock.now().clock_ms, digest_ms)
        self._said_ms: dict[Said, int] = {}
        self._repeated_ms = 0
        self._failures = 0
        self._rest_until_ms = 0
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something new."""
        self._wake.set()

    async def run(self) -> None:
        """Tell, for ever."""
        while True:
            self._wake.clear()
            wait_s = await self.turn()
            if wait_s > 0:
                resting = self._clock.now().clock_ms < self._rest_until_ms
                if resting:
                    await asyncio.sleep(wait_s)
                    continue
                try:
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def turn(self) -> float:
        """One look at what waits, at most one call; returns how long nothing will be due, in seconds."""
        now_ms = self._clock.now().clock_ms
        if now_ms < self._rest_until_ms:
            return (self._rest_until_ms - now_ms) / 1000
        waiting = await self._outbox.waiting(self.name)
        choice = choose(waiting, now_ms, self.notifier.manner, self._tokens, self._said_ms)
        if choice.merged:
            await self._outbox.told(choice.merged, "merged")
        if choice.send:
            self._tokens = self._tokens.at(now_ms).spent()
            await self._hand_over(choice.send)
            await asyncio.sleep(BREATH_S)
            return 0.0
        if not waiting:
            await self._repeat(now_ms)
        rest_s = IDLE_S if choice.wake_ms is None else min(IDLE_S, (choice.wake_ms - now_ms) / 1000)
        repeat_s = self.notifier.manner.repeat_s
        return max(0.05, rest_s if repeat_s is None else min(rest_s, repeat_s))

    async def _hand_over(self, send: Sequence[Waiting]) -> None:
        """One call, and a note of what came of it. What is refused as a whole is tried one by one."""
        messages = merge(await self._outbox.words(send))
        try:
            await self._tell(messages)
        except NotifierRefused as refused:
            if len(send) > 1:
                for one in send:
                    await self._hand_over([one])
                return
            await self._failed(send, refused, dead=True)
        except NotifierError as error:
            await self._failed(send, error, dead=False)
            self._failures += 1  # it is not tried again for each message: it rests as a whole
            self._rest_until_ms = self._clock.now().clock_ms + pause_ms(self._failures)
        else:
            self._failures = 0
            reach(CrashPoint.TOLD)
            await self._outbox.told([one.number for one in send])
            reach(CrashPoint.TOLD_NOTED)
            self._noted(messages)

    async def _tell(self, messages: Sequence[Message]) -> None:
        """Within the deadline; whatever goes wrong in an adapter is an error of the notifier and of nothing else."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self.notifier.tell(messages)
        except TimeoutError:
            raise NotifierUnreachable(f"It took longer than {DEADLINE_S:g} s.") from None
        except NotifierError:
            raise
        except Exception as error:  # noqa: BLE001  a third party's adapter must not end the telling of others
            # Only its kind: what a stranger's error says may hold a secret.
            raise NotifierUnreachable(f"Its adapter broke ({type(error).__name__}).") from None

    def _noted(self, messages: Sequence[Message]) -> None:
        now_ms = self._clock.now().clock_ms
        self._said_ms = {key: at for key, at in self._said_ms.items() if now_ms - at < SAME_AGAIN_MS}
        self._said_ms |= {(one.rollout, one.turn): now_ms for one in messages}
        self.standing = Standing(now_ms)
        for one in messages:
            log.info("told", extra={"notifier": self.name, "rollout": one.rollout, "id": one.id, "turn": one.turn})

    async def _failed(self, send: Sequence[Waiting], error: NotifierError, *, dead: bool) -> None:
        now_ms = self._clock.now().clock_ms
        self.standing = replace(self.standing, trouble=str(error))
        for one in send:
            over = dead or now_ms - one.made_ms >= GIVEN_UP_MS
            due_ms = now_ms + pause_ms(one.tries + 1)
            await self._outbox.failed([one.number], due_ms, str(error), dead=over)
            said_so = {"notifier": self.name, "rollout": one.rollout, "turn": one.turn, "why": str(error)}
            if over:
                log.error("nobody was told, and it is not tried again", extra=said_so)
            elif one.tries == 0:
                log.warning("not told yet, it is tried again", extra=said_so)

    async def _repeat(self, now_ms: int) -> None:
        """Tell a system that forgets what is still open; not noted, not retried: the next time comes soon."""
        every_s, most = self.notifier.manner.repeat_s, self.notifier.manner.most
        if every_s is None or now_ms - self._repeated_ms < every_s * 1000:
            return
        self._repeated_ms = now_ms
        wall_ms = self._clock.now().wall_ms
        still = [message(one, Turn.CHANGED, "still", wall_ms) for one in self._still_open()]
        for start in range(0, len(still), most):
            try:
                await self._tell(still[start : start + most])
            except NotifierError as error:
                self.standing = replace(self.standing, trouble=str(error))
                return
            self.standing = Standing(self._clock.now().clock_ms)
