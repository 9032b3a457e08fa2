"""The start wizard as a value: its pages, what each asks, what was answered, and what a key does to it. Pure.

It must not ask the daemon or decide anything: what is offered, recommended and refused comes from the daemon, and what
comes out is a rollout's tables, the same as a rollout file's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from rollout_tui.lines import clean
from rollout_tui.strip import REASON_LETTERS, REASON_MOST, Spec

if TYPE_CHECKING:
    from rolloutd.wire import ActionDone, Problem
    from rolloutd.wire_daemon import Check
    from rolloutd.wire_start import Advice, Choices, RouteChoice, StrategyChoice

TEXT_MOST = 63
GATE = "gate:"


class Page(StrEnum):
    """The pages, in their order."""

    WHAT = "what"
    RISK = "risk"
    PLAN = "plan"
    DRY = "dry run"


@dataclass(frozen=True, slots=True)
class Field:
    """One question: its choices as (value, words), and whether a text of one's own can be typed too."""

    name: str
    label: str
    choices: tuple[tuple[str, str], ...] = ()
    typed: bool = False


RISKS: tuple[Field, ...] = (
    Field(
        "wrong",
        "A WRONG ANSWER",
        (("cheap", "is cheap"), ("costly", "is costly"), ("for-good", "cannot be undone")),
    ),
    Field(
        "label_delay_s",
        "A LABEL COMES",
        (("0", "at once, or there is none"), ("3600", "after an hour"), ("21600", "after 6 hours"),
         ("86400", "after a day"), ("604800", "after a week")),
    ),
    Field("spare", "ROOM FOR A COPY", (("1", "yes, a second one can run"), ("0", "no"))),
    Field("major", "THIS CHANGE IS", (("0", "a standard update"), ("1", "major: architecture, features or labels"))),
    Field("at_once", "SIDE BY SIDE", (("0", "both versions can serve"), ("1", "no: all must switch at once"))),
)  # fmt: skip
"""The risk questions, by the names that the daemon asks them under; the first choice is the usual one."""


@dataclass(frozen=True, slots=True)
class Wizard:
    """How far a person has come. ``given`` are the answers by field; what is not in it has its first choice.

    ``advice`` and ``dry`` belong to ``advised`` and ``tried``, the questions that they answer; others are out of date.
    """

    choices: Choices | None = None
    page: Page = Page.WHAT
    at: int = 0
    given: Mapping[str, str] = field(default_factory=dict)
    advised: Mapping[str, str] | None = None
    advice: Advice | Problem | None = None
    tried: Spec | None = None
    dry: ActionDone | Problem | None = None
    checks: tuple[Check, ...] = ()
    note: str = ""

    # ---- what was answered

    @property
    def route(self) -> RouteChoice | None:
        """The route that was picked."""
        routes = sorted(self.choices.routes, key=lambda one: bool(one.live)) if self.choices else []
        return next((one for one in routes if one.name == self.given.get("route")), routes[0] if routes else None)

    def value(self, name: str) -> str:
        """The answer to a question of this page or another."""
        if name in self.given:
            return self.given[name]
        asked = next((one for one in self._every_field() if one.name == name), None)
        if name == "name":
            return rollout_name(self.route.model if self.route else "", self.value("challenger"))
        if name == "reason":
            return self._recommended_reason()
        return asked.choices[0][0] if asked is not None and asked.choices else ""

    @property
    def strategy(self) -> StrategyChoice | None:
        """The strategy that was picked."""
        known = self.choices.strategies if self.choices else []
        return next((one for one in known if one.name == self.value("strategy")), None)

    @property
    def own_gates(self) -> list[str]:
        """The metrics that were chosen beside those that the strategy brings along."""
        return [one.name[len(GATE) :] for one in self._gate_fields() if self.value(one.name) == "1"]

    @property
    def needs_reason(self) -> bool:
        """Any other strategy than the standard one needs a reason."""
        return self.choices is not None and self.value("strategy") != self.choices.standard

    def answers(self) -> dict[str, str]:
        """The risk questions as the daemon takes them."""
        risks = {one.name: self.value(one.name) for one in RISKS}
        return {"route": self.route.name if self.route else "", "metric": self.value("metric"), **risks}

    def spec(self) -> Spec:
        """The rollout's tables."""
        route = self.route
        rollout = {
            "name": self.value("name"),
            "model": route.model if route else "",
            "champion": self.value("champion"),
            "challenger": self.value("challenger"),
            "route": route.name if route else "",
        }
        if self.value("major") == "1":
            rollout["change"] = "major"
        if self.needs_reason:
            rollout["strategy"] = self.value("strategy")
        if self.value("reason").strip():
            rollout["reason"] = self.value("reason").strip()
        return {"rollout": rollout, "gate": [{"metric": name} for name in self.own_gates]}

    # ---- what is asked

    def fields(self) -> tuple[Field, ...]:
        """The questions of the open page."""
        if self.choices is None or not self.choices.routes:
            return ()
        if self.page is Page.WHAT:
            return self._what()
        if self.page is Page.RISK:
            return (*RISKS, self._metric())
        if self.page is Page.PLAN:
            reason = Field("reason", "REASON", typed=True)
            return (self._strategies(), *self._gate_fields(), reason)
        return ()

    @property
    def field(self) -> Field | None:
        """The question under the cursor."""
        asked = self.fields()
        return asked[min(self.at, len(asked) - 1)] if asked else None

    def missing(self) -> str:
        """What the open page still needs; empty where it is answered."""
        if self.choices is None or self.route is None:
            return "The daemon has no route to start on." if self.choices else "The daemon has not answered yet."
        if self.page is Page.WHAT:
            empty = [one.label.lower() for one in self._what() if not self.value(one.name).strip()]
            if empty:
                return f"Still to be said: {', '.join(empty)}."
            if self.value("champion") == self.value("challenger"):
                return "Champion and challenger are the same version."
        if self.page is Page.RISK and (self.advice is None or self.advised != self.answers()):
            return "The traffic is being measured; the recommendation comes with it."
        if self.page is Page.PLAN:
            if not self.own_gates and not (self.strategy and self.strategy.gates):
                return "Without a gate nothing is judged: choose at least one metric."
            if self.needs_reason and len(self.value("reason").strip()) < REASON_LETTERS:
                return f"{self.value('strategy')} is not the standard: say why, in {REASON_LETTERS} letters or more."
        return ""

    def _every_field(self) -> tuple[Field, ...]:
        if self.choices is None:
            return ()
        return (*self._what(), *RISKS, self._metric(), self._strategies(), *self._gate_fields())

    def _what(self) -> tuple[Field, ...]:
        route, known = self.route, self.choices
        free = sorted(known.routes, key=lambda one: bool(one.live)) if known else []
        routes = tuple((one.name, one.name) for one in free)
        serves = ((route.champion, "serves now"),) if route and route.champion else ()
        found = tuple((one.version, _found(one.found, ready=one.ready)) for one in route.versions) if route else ()
        return (
            Field("route", "ROUTE", routes),
            Field("champion", "CHAMPION", serves, typed=True),
            Field("challenger", "CHALLENGER", found, typed=True),
            Field("name", "ROLLOUT", typed=True),
        )

    def _metric(self) -> Field:
        """What traffic is measured by: the route's last gates first."""
        last = self.route.gates if self.route else []
        known = [one.name for one in self.choices.metrics if not one.of_pairs] if self.choices else []
        first = [name for name in last if name in known]
        names = [*first, *(name for name in known if name not in first)]
        return Field("metric", "MEASURED BY", tuple((name, name) for name in names))

    def _strategies(self) -> Field:
        """The recommended strategy first, where it is one of those that are configured."""
        names = [one.name for one in self.choices.strategies] if self.choices else []
        best = getattr(self.advice, "strategy", "")
        first = [best] if best in names else []
        return Field("strategy", "STRATEGY", tuple((name, name) for name in [*first, *(n for n in names if n != best)]))

    def _gate_fields(self) -> tuple[Field, ...]:
        """Each metric as a gate or not. Those of the route's last rollout are, or all where there was none."""
        if self.choices is None:
            return ()
        picked = self.given.get("strategy") or self._strategies().choices[0][0] if self._strategies().choices else ""
        brought = next((one.gates for one in self.choices.strategies if one.name == picked), [])
        last = self.route.gates if self.route else []
        found = []
        for one in self.choices.metrics:
            if one.of_pairs or one.name in brought:
                continue
            usual = one.name in last if last else not brought
            yes, no = ("1", f"judged, {one.margins}"), ("0", "not judged")
            found.append(Field(GATE + one.name, f"GATE {clean(one.name)}", (yes, no) if usual else (no, yes)))
        return tuple(found)

    def _recommended_reason(self) -> str:
        """The rules' sentence, where their own strategy was taken."""
        found = getattr(self.advice, "recommendation", None)
        taken = self.needs_reason and self.value("strategy") == getattr(self.advice, "strategy", "")
        return found.reason if found is not None and taken else ""


def rollout_name(model: str, challenger: str) -> str:
    """What the rollout is called where nobody says otherwise, as the daemon would call it."""
    small = re.sub(r"[^a-z0-9._-]+", "-", f"{model}-{challenger}".lower()).lstrip("._-")
    return small[:TEXT_MOST].rstrip("._-")


def as_file(spec: Spec) -> list[str]:
    """The same as the lines of a rollout file."""
    rollout, gates = spec.get("rollout"), spec.get("gate")
    if not isinstance(rollout, Mapping) or not isinstance(gates, list):
        return []
    lines = ["[rollout]", *(f"{key} = {json.dumps(value)}" for key, value in rollout.items())]
    for gate in gates:
        lines += ["[[gate]]", *(f"{key} = {json.dumps(value)}" for key, value in gate.items())]
    return lines


def _found(where: str, *, ready: bool) -> str:
    return f"in {clean(where)}" + ("" if ready else ", not ready")


# ---- what keys do


def move(wizard: Wizard, steps: int) -> Wizard:
    """To another question of the page."""
    last = len(wizard.fields()) - 1
    return replace(wizard, at=max(0, min(last, wizard.at + steps)), note="")


def turn(wizard: Wizard, steps: int) -> Wizard:
    """Another choice for the question under the cursor."""
    asked = wizard.field
    if asked is None or not asked.choices:
        return wizard
    values = [value for value, _ in asked.choices]
    here = wizard.value(asked.name)
    at = (values.index(here) + steps) % len(values) if here in values else 0
    return answer(wizard, asked.name, values[at])


def answer(wizard: Wizard, name: str, value: str) -> Wizard:
    """An answer. Another route makes the answers about the one before void."""
    kept = {} if name == "route" and value != wizard.value("route") else dict(wizard.given)
    if name == "strategy":
        kept = {key: said for key, said in kept.items() if not key.startswith(GATE)}
    if name == "challenger":
        kept.pop("name", None)
    return replace(wizard, given={**kept, name: value}, note="")


def type_text(wizard: Wizard, key: str, character: str | None) -> Wizard | None:
    """A key in a text; None where the question takes none, or the key is no letter."""
    asked = wizard.field
    if asked is None or not asked.typed:
        return None
    text, most = wizard.value(asked.name), REASON_MOST if asked.name == "reason" else TEXT_MOST
    if key == "backspace":
        return answer(wizard, asked.name, text[:-1])
    if key == "ctrl+u":
        return answer(wizard, asked.name, "")
    if character and character.isprintable():
        before = "" if text in dict(asked.choices) else text  # what was offered is replaced, not lengthened
        return answer(wizard, asked.name, (before + clean(character))[:most])
    return None


def onward(wizard: Wizard) -> Wizard:
    """The next page, where this one is answered; else what is missing."""
    missing = wizard.missing()
    pages = list(Page)
    at = pages.index(wizard.page)
    if missing or at + 1 == len(pages):
        return replace(wizard, note=missing)
    return replace(wizard, page=pages[at + 1], at=0, note="")


def backward(wizard: Wizard) -> Wizard | None:
    """The page before; None from the first one."""
    at = list(Page).index(wizard.page)
    return None if at == 0 else replace(wizard, page=list(Page)[at - 1], at=0, note="")
