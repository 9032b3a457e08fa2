"""Named checks before any traffic: what they are, which still have to run, and what they came to. Pure; it runs none.

They come after the route, the slots and the sources are in order, all at once; a person's approval comes last of all.
No answer is no pass: a check that has none within its time has failed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from rolloutd.core.values import BadValue, Slot, check_name

if TYPE_CHECKING:
    from rolloutd.core.state import Rollout

DEADLINE_MAX_MS = 3_600_000


class CheckKind(StrEnum):
    """Who answers: something that the daemon runs, or a person."""

    RUN = "run"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the configuration that a rollout must pass. ``said`` is what it asks, in words, for the record.

    ``deadline_ms`` is for all of it, tries included; an approval has none. ``other_person``: who started the rollout
    does not approve it.
    """

    name: str
    kind: CheckKind = CheckKind.RUN
    said: str = ""
    deadline_ms: int = 60_000
    other_person: bool = True

    def __post_init__(self) -> None:
        check_name(self.name, "A check's name")
        if not 1 <= self.deadline_ms <= DEADLINE_MAX_MS:
            raise BadValue(f"The deadline of check {self.name} is above zero and at most an hour.")


@dataclass(frozen=True, slots=True)
class Case:
    """What a check is told of the rollout that it is about."""

    rollout: str
    model: str
    champion: str
    challenger: str
    route: str
    challenger_slot: Slot


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """What a check found: passed or not, or no answer at all. ``detail`` is a sentence."""

    answered: bool
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class RunCheck:
    """Carry out one check; what it finds is reported."""

    route: str
    check: Check
    case: Case


@dataclass(frozen=True, slots=True)
class CheckRan:
    """A check was carried out, or gave no answer."""

    check: str
    finding: CheckFinding


@dataclass(frozen=True, slots=True)
class CheckSeen:
    """The last finding of a check in this process, and since when it has given no answer."""

    check: str
    finding: CheckFinding
    silent_from_ms: int | None


Checked = tuple[CheckSeen, ...]


def noted(checked: Checked, ran: CheckRan, now_ms: int) -> Checked:
    """The findings with one more."""
    before = next((seen for seen in checked if seen.check == ran.check), None)
    silent = before.silent_from_ms if before is not None and before.silent_from_ms is not None else now_ms
    others = tuple(seen for seen in checked if seen.check != ran.check)
    return (*others, CheckSeen(ran.check, ran.finding, None if ran.finding.answered else silent))


def conclusion(rollout: Rollout, checked: Checked, now_ms: int) -> tuple[Check, CheckFinding] | None:
    """A check that has come to its end and is not on record yet: it answered, or it was silent for too long."""
    for check in open_checks(rollout):
        seen = next((seen for seen in checked if seen.check == check.name), None)
        if check.kind is CheckKind.APPROVAL or seen is None:
            continue
        if seen.finding.answered:
            return check, seen.finding
        if seen.silent_from_ms is not None and now_ms - seen.silent_from_ms >= check.deadline_ms:
            return check, replace(seen.finding, passed=False, detail=f"no answer in time: {seen.finding.detail}")
    return None


def open_checks(rollout: Rollout) -> tuple[Check, ...]:
    """The checks of the plan that are not on record yet."""
    done = {done.check for done in rollout.checks}
    return tuple(check for check in rollout.spec.checks if check.name not in done)


def to_run(rollout: Rollout, base: Slot) -> tuple[RunCheck, ...]:
    """What must be carried out now, all at once; ``base`` is the slot that serves the champion."""
    spec = rollout.spec
    case = Case(spec.name, spec.model, spec.champion, spec.challenger, spec.route, base.other)
    return tuple(RunCheck(spec.route, c, case) for c in open_checks(rollout) if c.kind is CheckKind.RUN)


def failures(rollout: Rollout) -> tuple[str, ...]:
    """Sentences about the checks that did not pass, once every check that runs has come to its end."""
    if any(check.kind is CheckKind.RUN for check in open_checks(rollout)):
        return ()
    return tuple(f"check {done.check} did not pass: {done.detail}" for done in rollout.checks if not done.passed)


def awaiting_approval(rollout: Rollout) -> Check | None:
    """The approval that a person owes, once everything else has passed."""
    still = open_checks(rollout)
    if any(check.kind is CheckKind.RUN for check in still) or failures(rollout):
        return None
    return next(iter(still), None)
