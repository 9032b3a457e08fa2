"""The start wizard over the fleet: asks the daemon what there is, what it recommends and what a dry run says.

It starts nothing itself: its last page opens the strip, and only ``y`` sends what the dry run was of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from rollout_tui import words
from rollout_tui.figures import share
from rollout_tui.http import Unreachable
from rollout_tui.keys import Command, Place
from rollout_tui.lines import Line
from rollout_tui.scene import Scene
from rollout_tui.screens.base import Sheet
from rollout_tui.strip import Step, Strip
from rollout_tui.widgets.dry_run import may_start
from rollout_tui.widgets.wizard import render_wizard
from rollout_tui.wizard import Page, Wizard, backward, move, onward, turn, type_text
from rolloutd.wire import Problem

Found = TypeVar("Found")
_MOVES = {"question-down": 1, "question-up": -1}
_TURNS = {"choice-on": 1, "choice-back": -1}


class WizardScreen(Sheet):
    """A new rollout, page by page."""

    acts = False

    def __init__(self) -> None:
        super().__init__()
        self.wizard = Wizard()
        self._asking: object = None

    def on_mount(self) -> None:
        """Ask what there is."""
        super().on_mount()
        self.desk.errand(self._ask_choices())

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The open page."""
        return render_wizard(scene, self.wizard)

    def target(self) -> str:
        """Nothing: there is no rollout yet."""
        return ""

    def places(self) -> tuple[Place, ...]:
        """The wizard."""
        return (Place.WIZARD,)

    def draw(self) -> None:
        """What was started is looked at in its own place; until then the page."""
        result = self.desk.courier.result
        ours = result is not None and result.order.spec is not None and result.order.spec is self.wizard.tried
        if ours and result is not None and result.has_s is not None and self.desk.screen is self:
            self.desk.back()
            self.desk.open(result.order.name)
            return
        super().draw()

    def run(self, command: Command) -> None:
        """No key acts on a rollout here, and one that should stop something says so."""
        if command.acts:
            self.desk.note = words.NOTHING_TO_STOP.format(verb=command.name)
            return
        super().run(command)

    def typing(self, key: str, character: str | None) -> bool:
        """Letters write where the question takes a text; else they are keys."""
        written = type_text(self.wizard, key, character)
        if written is None:
            return False
        self.wizard = written
        return True

    def do(self, name: str) -> None:
        """Move, choose, on, back."""
        if name in _MOVES:
            self.wizard = move(self.wizard, _MOVES[name])
        elif name in _TURNS:
            self.wizard = turn(self.wizard, _TURNS[name])
        elif name == "open":
            self._on()
        elif name in {"escape", "back"}:
            before = backward(self.wizard)
            if before is None:
                self.desk.back()
                return
            self.wizard = before
        self._ask()

    def _on(self) -> None:
        """The next page; on the last one the question whether to start."""
        if self.wizard.page is Page.DRY:
            self._open_strip()
        else:
            self.wizard = onward(self.wizard)

    def _ask(self) -> None:
        """Ask the daemon what the open page is about, where that was not asked yet."""
        asked = self.wizard
        if asked.page is Page.RISK and asked.advised != asked.answers() and self._asking != asked.answers():
            self._asking = asked.answers()
            self.desk.errand(self._ask_advice(asked.answers()))
        elif asked.page is Page.DRY and asked.tried != asked.spec() and self._asking != asked.spec():
            self._asking = asked.spec()
            self.desk.errand(self._ask_dry_run())

    async def _answer(self, work: Callable[[], Awaitable[Found | Problem]]) -> Found | Problem:
        """An answer of the daemon; one that does not come is a problem in three parts, too."""
        try:
            return await work()
        except Unreachable as error:
            return Problem(
                code="unreachable", exit=10, message=f"The daemon gave no answer: {error.why}.",
                traffic="Nothing was started; traffic is as before.", next="Esc, then Enter asks again.",
            )  # fmt: skip
        finally:
            self._asking = None

    async def _ask_choices(self) -> None:
        found = await self._answer(self.desk.client.choices)
        if isinstance(found, Problem):
            self.desk.back()
            self.desk.note = f"{found.message} {found.next}"
        else:
            self.wizard = replace(self.wizard, choices=found)
        self.desk.draw()

    async def _ask_advice(self, answers: dict[str, str]) -> None:
        found = await self._answer(lambda: self.desk.client.advice(answers))
        if self.wizard.answers() == answers:
            self.wizard = replace(self.wizard, advised=answers, advice=found, note="")
        self._ask()  # answers that changed meanwhile
        self.desk.draw()

    async def _ask_dry_run(self) -> None:
        """The dry run, and the doctor's word on this route alone."""
        spec, route = self.wizard.spec(), self.wizard.answers()["route"]
        found = await self._answer(lambda: self.desk.client.dry_run(spec))
        doctor = await self._answer(self.desk.client.doctor)
        known = [] if isinstance(doctor, Problem) else doctor.checks
        checks = tuple(one for one in known if one.name == f"route {route}" or one.name.startswith(f"slot {route}/"))
        if self.wizard.spec() == spec:
            self.wizard = replace(self.wizard, tried=spec, dry=found, checks=checks)
            if self.wizard.page is Page.DRY and self.desk.screen is self:
                self._open_strip()
        self._ask()
        self.desk.draw()

    def _open_strip(self) -> None:
        """Ask whether to start what the dry run was of."""
        wizard, desk = self.wizard, self.desk
        if not may_start(wizard) or wizard.tried is None:
            return
        name, dry = wizard.value("name"), wizard.dry
        stages = dry.plan.stages if dry is not None and not isinstance(dry, Problem) and dry.plan is not None else []
        first = f"{share(stages[0].share)} on {wizard.value('challenger')}" if stages else "as its plan says"
        told = (words.START_ASKS.format(first=first), "CLI: rollout start FILE")
        title = f"START {name} {wizard.value('champion')} > {wizard.value('challenger')}"
        desk.strip = Strip(name, "start", title, told, (Step.YES,), desk.now(), spec=wizard.tried)
