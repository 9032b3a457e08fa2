"""The rules of the policy, one a row: what it says no to, why and what to do, and a rollout that it stands against.

A key of ``[policy]``, a field of ``Rules`` or ``Limits``, a kind of obstacle and a line of docs/policy.md belong to a
row, or test_every_rule.py fails: a new rule is not done before it is shown here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rolloutd.core.checks import Check, CheckKind
from rolloutd.core.commands import Verb
from rolloutd.core.phases import Phase
from rolloutd.core.rules import Limits, Rules
from tests.core.playbook import ADMIN, Playbook, a_plan, a_spec
from tests.policy import refusals as no

TEAMS = dict.fromkeys(("ranker", "route-0"), "ranking")
EDGE = dict.fromkeys(("ranker", "route-0"), "edge")


@dataclass(frozen=True, slots=True)
class Row:
    """One rule. ``refused`` gives why and the way on; ``under`` is a live rollout that the rule stands against.

    ``covers`` are the keys, fields and obstacles that are this rule's; ``page`` is its line of the page's table.
    """

    name: str
    covers: tuple[str, ...]
    refused: tuple[Callable[[], no.No], ...]
    why: str
    way_on: str
    under: Callable[[], Playbook]
    page: str = ""


def ruled(rules: Rules) -> Callable[[], Playbook]:
    """A rollout at 1% under these rules."""

    def made() -> Playbook:
        book = Playbook().run(5)
        book.lane = replace(book.lane, seen=replace(book.lane.seen, rules=rules))
        return book

    return made


def running(**changes: object) -> Callable[[], Playbook]:
    """A rollout at 1% of a plan with these changes."""
    return lambda: Playbook(a_spec(a_plan(**changes))).run(5)


def of_world(**changes: object) -> Callable[[], Playbook]:
    """A rollout at 1% in a world that turned so."""

    def made() -> Playbook:
        book = Playbook().run(5)
        for name, value in changes.items():
            setattr(book.world, name, value)
        return book.run(2)

    return made


def waiting() -> Playbook:
    """One that comes after another."""
    book = Playbook(replace(a_spec(), after=("ranker-eu-v42",)))
    book.lane = replace(book.lane, seen=replace(book.lane.seen, earlier={"ranker-eu-v42": Phase.RUNNING}))
    return book.run(3)


def unapproved() -> Playbook:
    """One that waits for a person's yes before any traffic."""
    return Playbook(replace(a_spec(), checks=(Check("sign-off", CheckKind.APPROVAL),))).run(3)


def asked_for() -> Playbook:
    """One whose override waits for a second person."""
    book = no.young("10%", "50%", "90%")
    book.do(Verb.PROMOTE, ADMIN, override=True, confirm=book.spec.name, reason=no.WHY)
    return book


def asked_for_a_major_one() -> Playbook:
    """The same of a major change, on its way to a small share."""
    return no.of_a_major_change()


def unverified() -> Playbook:
    """One whose journal is not verified."""
    book = Playbook().run(5)
    book.lane = replace(book.lane, seen=replace(book.lane.seen, may_raise=False, why_not_raise="it is being verified"))
    return book


def held() -> Playbook:
    """One that somebody paused."""
    book = Playbook().run(5)
    book.do(Verb.PAUSE)
    return book


UNTIL = "until Mon 2026-11-30 08:00 UTC"
NIGHT = Rules(unstaffed=UNTIL)
HELD, FROZEN = Rules(fleet_hold="by ops2: sale"), Rules(frozen=UNTIL)
MOST, TEAM = Rules(limits=Limits(1)), Rules(limits=Limits(team=1, team_of=TEAMS))
ROUTER = Rules(limits=Limits(router=1, router_of=EDGE))
FILE = "Correct every line"
