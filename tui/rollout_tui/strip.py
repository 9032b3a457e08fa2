"""The confirm strip as a value: what it says, what it still asks for, and what a key does to it. Pure.

``y`` confirms and nothing else does: not Enter, not the action's own key, not a pasted text. ``y`` is dead for the
first moments of the question, and every other key makes it dead again, so that typing ahead cannot confirm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from rollout_tui.facts import real_name
from rollout_tui.lines import clean

if TYPE_CHECKING:
    from rolloutd.wire import ActionRequest

Spec = Mapping[str, object]
"""What a rollout is of, as the daemon takes it: the tables of a rollout file."""
DEAD_S = 0.4
REASON_LETTERS = 10
REASON_MOST = 500


class Step(StrEnum):
    """What a strip asks for, one after the other; a strip without steps only says something."""

    NAME = "name"
    REASON = "reason"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Send:
    """An action that is decided on and goes out now. ``trying_s`` above 0: keep trying so long without contact.

    ``spec`` is what a start is of.
    """

    name: str
    verb: str
    request: ActionRequest
    revision: int | None = None
    trying_s: float = 0.0
    spec: Spec | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """A question (or a refusal with its reasons) about one action on one rollout, at the revision on the screen."""

    name: str
    verb: str
    title: str
    facts: tuple[str, ...]
    steps: tuple[Step, ...]
    opened_s: float
    revision: int | None = None
    override: bool = False
    trying_s: float = 0.0
    raises: bool = True
    typed: str = ""
    reason: str = ""
    segment: str = ""
    note: str = ""
    earlier: tuple[str, ...] = ()
    back: int = 0
    spec: Spec | None = None

    @property
    def stoppable(self) -> bool:
        """Whether stopping the rollout is another answer: what raises, on a rollout that is there."""
        return self.raises and self.spec is None

    @property
    def step(self) -> Step | None:
        """What is asked for now."""
        return self.steps[0] if self.steps else None

    @property
    def text(self) -> str:
        """What was typed in the present step."""
        return self.typed if self.step is Step.NAME else self.reason

    def alive(self, now_s: float) -> bool:
        """Whether ``y`` would be heard."""
        return self.step is Step.YES and now_s - self.opened_s >= DEAD_S


def press(strip: Strip, key: str, character: str | None, now_s: float) -> Strip | Send | None:
    """The strip after a key: itself changed, the action to send, or None when it closes."""
    if key == "escape":
        return None
    if strip.step in {Step.NAME, Step.REASON}:
        return _type(strip, key, character, now_s)
    if key in {"n", "q"}:
        return None
    if key != "y":
        return replace(strip, opened_s=now_s)
    return _send(strip) if strip.alive(now_s) else strip


def paste(strip: Strip, text: str) -> Strip:
    """A paste may fill a text; it can never answer the question."""
    if strip.step is not Step.REASON:
        return strip
    return replace(strip, reason=(strip.reason + clean(text))[:REASON_MOST])


def _send(strip: Strip) -> Send:
    from rolloutd.wire import ActionRequest

    request = ActionRequest(
        reason=strip.reason.strip(),
        override=strip.override,
        confirm=real_name(strip.typed),  # its own daemon knows it by no other
        wait_s=0,
        segment=strip.segment,
    )
    return Send(strip.name, strip.verb, request, strip.revision, strip.trying_s, strip.spec)


def _type(strip: Strip, key: str, character: str | None, now_s: float) -> Strip:
    """A key in a text: Enter goes on when the text is good, and says what is missing when it is not."""
    if key == "enter":
        return _next(strip, now_s)
    if key == "backspace":
        return _with(strip, strip.text[:-1])
    if key == "ctrl+u":
        return _with(strip, "")
    if key == "up" and strip.step is Step.REASON and strip.earlier:
        return replace(_with(strip, strip.earlier[strip.back % len(strip.earlier)]), back=strip.back + 1)
    if character and character.isprintable() and len(strip.text) < REASON_MOST:
        return _with(strip, strip.text + character)
    return strip


def _with(strip: Strip, text: str) -> Strip:
    if strip.step is Step.NAME:
        return replace(strip, typed=text, note="")
    return replace(strip, reason=text, note="")


def _next(strip: Strip, now_s: float) -> Strip:
    """To the next step, with a fresh dead time."""
    if strip.step is Step.NAME and strip.typed != strip.name:
        return replace(strip, note=f"That is not {strip.name}. Type the rollout's name.")
    if strip.step is Step.REASON and len(strip.reason.strip()) < REASON_LETTERS:
        missing = REASON_LETTERS - len(strip.reason.strip())
        return replace(strip, note=f"{missing} more letters: say why, for whoever reads the record.")
    return replace(strip, steps=strip.steps[1:], opened_s=now_s, note="")
