"""The people of one run: one who starts, operators with right and stale pictures, and two patient ones at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from rolloutd.core.commands import Act, RefusalCode, Refused, Start, Verb
from rolloutd.core.decide import Decision
from rolloutd.core.events import Question
from rolloutd.core.plan import OnFail, OnUndecided
from rolloutd.core.values import Actor, ActorKind, Role
from rolloutd.simulation.checkers import Checkers
from rolloutd.simulation.life import Life
from rolloutd.simulation.plans import NAME
from rolloutd.simulation.scenario import Challenger, Request, Scenario, changed
from rolloutd.simulation.world import World

OPERATOR = Actor(ActorKind.PERSON, "ops1", 1001, Role.OPERATOR, "cli")
ADMIN = Actor(ActorKind.PERSON, "sr1", 1002, Role.ADMIN, "cli")
SECOND_ADMIN = Actor(ActorKind.PERSON, "sr2", 1003, Role.ADMIN, "cli")
RETRY_S = 1.0
TRIES_MOST = 400


class People:
    """Everybody who asks for something. ``gave_up`` says that the patient one aborted a rollout that did not end."""

    def __init__(self, scenario: Scenario, world: World, checkers: Checkers, life: Callable[[], Life]) -> None:
        self._scenario = scenario
        self._world = world
        self._checkers = checkers
        self._life = life
        self._sent = self._raises = self._helped = 0
        self._helping = False
        self._tasks: list[asyncio.Task[None]] = []
        self.aborted = self.asked_to_abort = self.gave_up = self.promoted = False
        self.may_time_out = any(stage.on_undecided is OnUndecided.ROLLBACK for stage in scenario.plan.stages)
        self.on_hold_gate = any(gate.on_fail is OnFail.HOLD for gate in scenario.plan.gates)

    def arrive(self) -> None:
        """Everybody comes at their time."""
        self._go(self._start())
        loop = asyncio.get_running_loop()
        for request in self._scenario.people:
            if request.at_raise:
                continue
            looked_s = max(0, request.at_ms - request.looked_ms) / 1000
            loop.call_later(looked_s, self._look, request)

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def leave(self) -> None:
        """The run is over for everybody."""
        for task in self._tasks:
            task.cancel()

    def _look(self, request: Request) -> None:
        """Somebody looks at the screen; the request comes later."""
        revision = self._checkers.ledger.version
        delay_s = max(0.0, request.at_ms - self._world.now_ms()) / 1000
        asyncio.get_running_loop().call_later(delay_s, partial(self._come, request, revision))

    def _come(self, request: Request, revision: int) -> None:
        self._go(self._ask(request, revision))

    def raising(self) -> None:
        """The daemon has just begun a write that raises: somebody may come in the middle of it."""
        self._raises += 1
        for request in self._scenario.people:
            if request.at_raise == self._raises:
                asking = partial(self._come, request, self._checkers.ledger.version)
                asyncio.get_running_loop().call_later(request.at_ms / 1000, asking)

    async def _start(self) -> None:
        """Start the rollout, until it is recorded."""
        await asyncio.sleep(0.5)
        for _ in range(TRIES_MOST):
            answer = await self._through(lambda life: life.start_rollout(Start(self._scenario.spec, OPERATOR), "start"))
            if answer is not None and (not isinstance(answer, Refused) or answer.code is not RefusalCode.NOT_NOW):
                return
            if self._checkers.ledger.version:
                return
            await asyncio.sleep(RETRY_S)

    async def _ask(self, request: Request, revision: int) -> None:
        """Send one request, again until it is answered when nobody is there, and once more when drawn so."""
        actor = ADMIN if request.admin else OPERATOR
        override = request.override and request.admin
        act = Act(
            request.verb,
            actor,
            revision,
            reason="drawn by the simulator" if request.override else "",
            override=override,
            confirm=NAME if override else "",
            segment=request.segment,
            spec=changed(self._scenario.spec) if request.verb is Verb.ADOPT_PLAN else None,
        )
        command_id = self._new_id(act)
        first = await self._send(act, command_id)
        if request.twice and first is not None:
            again = await self._send(act, command_id)
            # While nothing can be written, a repeat is decided anew: the first answer is not on the disk yet.
            same = type(again) is type(first) or self._world.store_was_in_trouble
            if again is not None and not same and request.verb is not Verb.ABORT:
                self._checkers.fault("I11", f"{request.verb.value} sent twice was answered {first} and then {again}")

    def _new_id(self, act: Act) -> str:
        self._sent += 1
        command_id = f"command-{self._sent}"
        self._checkers.revision_of[command_id] = (act.verb, act.revision)
        return command_id

    async def _send(self, act: Act, command_id: str) -> Decision | None:
        """Send a command until it is answered. What the answer promises is noted."""
        self.asked_to_abort = self.asked_to_abort or act.verb is Verb.ABORT
        for _ in range(TRIES_MOST):
            answer = await self._through(lambda life: life.act(act, command_id))
            if answer is not None:
                self._note(act, answer)
                return answer
            await asyncio.sleep(RETRY_S)
        return None

    def _note(self, act: Act, answer: Decision) -> None:
        refused = isinstance(answer, Refused)
        self._world.trace.say(
            f"{act.actor.name} {act.verb.value} on {act.revision}: {'refused: ' if refused else ''}{answer.message}"
        )
        if act.verb is Verb.ABORT:
            if refused:
                self._checkers.abort_refused(answer.message)
            else:
                self.aborted = True
                self._checkers.abort_acknowledged()
        if act.verb in (Verb.PROMOTE, Verb.RESUME, Verb.PUTBACK) and not refused:
            self.promoted = True

    async def _through(self, ask: Callable[[Life], Coroutine[Any, Any, Decision]]) -> Decision | None:
        """Ask the process that lives now; None when there is none or it dies before it answers."""
        life = self._life()
        if not life.ready:
            return None
        task = life.group.spawn(ask(life), "command")
        await asyncio.wait({task})
        if task.cancelled() or not life.alive:
            return None
        if (error := task.exception()) is not None:
            life.broke(error)
            return None
        return task.result()

    def help(self, *, final: bool) -> None:
        """The patient ones: resume what is held, give more time to what is asked about, and at the very end abort.

        They are two who take turns: what needs a second person, whoever began it, gets one.
        """
        ledger = self._checkers.ledger
        if self._helping or not ledger.live:
            return
        patient = (ADMIN, SECOND_ADMIN)[self._helped % 2]
        if final:
            self.gave_up = self.gave_up or not self.aborted
            act = Act(Verb.ABORT, patient, reason="it does not end by itself")
        elif ledger.held:
            act = Act(Verb.RESUME, patient, ledger.version, "all is quiet again now", override=True, confirm=NAME)
        elif ledger.asking is not None:
            verb = Verb.APPROVE if ledger.asking is Question.APPROVAL else Verb.EXTEND
            act = Act(verb, patient, ledger.version, "all is quiet again now")
        elif ledger.off and self._scenario.challenger is Challenger.HEALTHY:
            name, why = min(ledger.off), "all is quiet again now"
            act = Act(Verb.PUTBACK, patient, ledger.version, why, override=True, confirm=NAME, segment=name)
        else:
            return
        self._helping = True
        self._helped += 1
        self._go(self._help(act))

    async def _help(self, act: Act) -> None:
        answer = await self._through(lambda life: life.act(act, self._new_id(act)))
        if answer is not None:
            self._note(act, answer)
        await asyncio.sleep(2 * self._scenario.tick_ms / 1000)
        self._helping = False
