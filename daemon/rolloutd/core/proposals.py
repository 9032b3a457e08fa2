"""Versions that a registry proposes and a person accepts or declines, folded from the fleet's own stream. Pure.

A proposal is no rollout: it has no route, holds up nobody, and nothing of it moves traffic. Accepted, it is a start
like any other, under every rule of that moment; one that no longer stands is closed as outdated, with why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from rolloutd.core import events as ev
from rolloutd.core.commands import Act, RefusalCode, Refused, Verb
from rolloutd.core.outside_events import ProposalClosed, VersionProposed
from rolloutd.core.values import Actor, Instant

FIRST_REVISION = 1_000_000_000
"""Revisions of proposals lie above those of any rollout, so that a yes to the one is never a yes to the other."""


class Closing(StrEnum):
    """How a proposal ends."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One that waits for a person. ``revision`` is what was looked at when it was accepted."""

    says: VersionProposed
    at: Instant
    revision: int

    @property
    def name(self) -> str:
        """The name that its rollout will have."""
        return self.says.name


@dataclass(frozen=True, slots=True)
class Proposals:
    """The open ones, the oldest first, and what a person has answered: name and version, never proposed again.

    Names are made of versions and may be equal where these are not (``1+a`` and ``1-a``): the version tells them apart.
    """

    open: tuple[Proposal, ...] = ()
    answered: frozenset[tuple[str, str]] = frozenset()

    def find(self, name: str) -> Proposal | None:
        """The open proposal of this name."""
        return next((one for one in self.open if one.name == name), None)


def fold_proposals(found: Proposals, rows: Iterable[ev.Recorded]) -> Proposals:
    """The proposals after these events."""
    for row in rows:
        match row.event:
            case VersionProposed() as says:
                proposal = Proposal(says, row.at, FIRST_REVISION + row.version)
                found = replace(found, open=(*_without(found, says.name), proposal))
            case ProposalClosed(name=name, outcome=outcome):
                version = {(name, one.says.challenger) for one in found.open if one.name == name}
                answered = found.answered if outcome == Closing.OUTDATED else found.answered | version
                found = Proposals(_without(found, name), answered)
            case _:
                pass
    return found


def _without(found: Proposals, name: str) -> tuple[Proposal, ...]:
    return tuple(one for one in found.open if one.name != name)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the registry says of a route now: the version that asks to be proposed, if any, and its present champion."""

    route: str
    name: str = ""
    champion: str = ""
    version: str = ""


def overtaken(found: Proposals, asked: Asked, known: Callable[[str], bool]) -> tuple[ProposalClosed, ...]:
    """The open proposals of this route that no longer stand. ``known`` says whether there is a rollout of that name."""
    return tuple(
        closed for one in found.open if one.says.route == asked.route if (closed := _overtaken(one, asked, known))
    )


def _overtaken(one: Proposal, asked: Asked, known: Callable[[str], bool]) -> ProposalClosed | None:
    if known(one.name):  # it was accepted, and the daemon died before it could say so; or somebody started it by hand
        return ProposalClosed(one.name, Closing.ACCEPTED, "there is a rollout of that name")
    if asked.champion != one.says.champion:
        why = f"the registry's champion is {asked.champion or 'nobody'} now, not {one.says.champion}"
    elif not asked.name:
        why = "it is no longer the newest version that asks to be proposed"
    elif asked.name != one.name:
        why = f"{asked.name} is newer and asks too"
    elif asked.version != one.says.challenger:
        why = f"version {asked.version} asks instead, under the same name"
    else:
        return None
    return ProposalClosed(one.name, Closing.OUTDATED, why)


def is_new(found: Proposals, name: str, version: str, known: Callable[[str], bool]) -> bool:
    """Whether a version is to be proposed under this name: it is not open, not answered, and no rollout."""
    return found.find(name) is None and (name, version) not in found.answered and not known(name)


def decide_accept(proposal: Proposal, act: Act) -> Refused | None:
    """Why a proposal cannot be accepted by this act; whether it may start is the policy's word, asked afterwards."""
    if act.revision == proposal.revision:
        return None
    message = f"{proposal.name} is proposed at revision {proposal.revision} now, not {act.revision}."
    return Refused(RefusalCode.CONFLICT, message, "Look again: rollout list")


def no_longer(name: str) -> Refused:
    """The answer to a yes whose proposal was closed, or made anew, while the start was being measured."""
    message = f"{name} is no longer proposed as it was when it was approved; that yes started nothing."
    return Refused(RefusalCode.CONFLICT, message, "Look again: rollout list")


def too_late(name: str, act: Act) -> Refused | None:
    """A yes to a proposal of which a rollout was made already is none to anything that the rollout asks."""
    if act.verb is not Verb.APPROVE or act.revision is None or act.revision <= FIRST_REVISION:
        return None
    message = f"{name} was proposed and has been started since; this approval was of the proposal."
    return Refused(RefusalCode.CONFLICT, message, f"Look again: rollout status {name}")


def answered(proposal: Proposal, closing: Closing, actor: Actor, reason: str) -> ProposalClosed:
    """A person's word on a proposal."""
    return ProposalClosed(proposal.name, closing, reason or f"{actor.name} gave no reason")


def no_rollout(proposal: Proposal, verb: str) -> Refused:
    """The answer to every other verb: there is nothing yet that it could act on."""
    message = f"{proposal.name} is proposed and not started; there is nothing to {verb}."
    next_step = f"rollout approve {proposal.name}, or rollout decline {proposal.name}"
    return Refused(RefusalCode.NOT_NOW, message, next_step)
