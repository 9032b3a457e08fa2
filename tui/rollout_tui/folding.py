"""How what came changes what the screen knows: facts and a message make facts. Pure; it must not draw or send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pydantic import BaseModel, ValidationError

from rollout_tui.facts import Contact, Facts, Gap, with_link
from rollout_tui.link import LATE_S, Link
from rollout_tui.rows import Rows
from rolloutd.wire import Fleet, FleetRow, Status
from rolloutd.wire_daemon import Heartbeat, Hello


@dataclass(frozen=True, slots=True)
class Contacts:
    """How each of several hosts is, and which of them is heard again just now. Made on this side, never read."""

    hosts: Mapping[str, Contact]
    gap: Gap | None = None


class Gone(BaseModel):
    """A rollout that is no longer shown."""

    name: str


Incoming = Contacts | Hello | Fleet | FleetRow | Gone | Status | Heartbeat


def opened(hello: bytes, fleet: bytes, at_s: float) -> Facts:
    """The facts after the first two messages of a stream, which came at ``at_s``; none where they cannot be read."""
    try:
        facts = fold(Facts(), Hello.model_validate_json(hello), detail=False, now_s=at_s)
        return fold(facts, Fleet.model_validate_json(fleet), detail=False, now_s=at_s)
    except ValidationError:
        return Facts()


def fold(facts: Facts, came: Incoming, *, detail: bool, now_s: float) -> Facts:
    """The facts after one message of a stream. ``detail`` says that it was the open rollout's own stream."""
    if isinstance(came, Contacts):
        return replace(facts, hosts=MappingProxyType(came.hosts), gap=_worse(facts.gap, came.gap))
    link = facts.detail_link if detail else facts.fleet_link
    if isinstance(came, Hello):
        new = link.opened(now_s)
        if detail and facts.hello is not None:  # who answers is said by the stream of all rollouts, once
            return with_link(facts, new, detail=True)
        gap = _worse(facts.gap, gap_before(facts.hello, came, link, now_s))
        return with_link(replace(facts, hello=came, gap=gap), new, detail=detail)
    picture = isinstance(came, Status if detail else Fleet)
    facts = with_link(facts, link.heard(now_s, picture=picture), detail=detail)
    if detail:
        if isinstance(came, Status) and came.name == facts.name:
            return replace(facts, status=came, status_s=now_s)
        return facts
    return _fleet(facts, came, now_s)


def _worse(known: Gap | None, new: Gap | None) -> Gap | None:
    """The newer one of a host; but a restart that nobody has acknowledged yet is not hidden by a mere silence.

    Nor is anything by what befalls another host.
    """
    if known is None or new is None:
        return new or known
    if known.host != new.host:
        return replace(known, also=_worse(known.also, new))
    return known if known.restarted and not new.restarted else replace(new, also=known.also)


def gap_before(old: Hello | None, hello: Hello, link: Link, now_s: float, host: str = "") -> Gap | None:
    """What lies between two greetings: another process than before, or a silence that had made the numbers old."""
    if old is None:
        return None
    length_s, restarted = link.age_s(now_s), old.boot_id != hello.boot_id
    return Gap(length_s, restarted, host) if restarted or length_s >= LATE_S else None


def _fleet(facts: Facts, came: Incoming, now_s: float) -> Facts:
    """Fold one message of the stream of all rollouts."""
    if isinstance(came, Heartbeat):
        return replace(facts, beat=came, beat_s=now_s, as_of=came.as_of, hold=came.held is not None)
    if isinstance(came, Fleet):
        rows = Rows.of(came.rollouts)
        urgent = frozenset(row.name for row in came.rollouts if row.needs_you)
        return replace(facts, rows=rows, total=came.total, urgent=urgent, hold=came.hold, as_of=came.as_of)
    if isinstance(came, FleetRow):
        before = facts.rows.get(came.name)
        if before is not None and before.revision > came.revision:
            return facts
        total = facts.total + (before is None)
        urgent = facts.urgent
        if came.needs_you != (came.name in urgent):
            urgent = urgent ^ {came.name}
        return replace(facts, rows=_rows(facts).put(came), total=total, urgent=urgent)
    if isinstance(came, Gone) and came.name in facts.rows:
        rows = _rows(facts).without(came.name)
        return replace(facts, rows=rows, total=facts.total - 1, urgent=facts.urgent - {came.name})
    return facts


def _rows(facts: Facts) -> Rows:
    """The rows as what can be added to."""
    return facts.rows if isinstance(facts.rows, Rows) else Rows.of(facts.rows.values())


def _words(beat: Heartbeat | None) -> object:
    """What a heartbeat says beside ages."""
    return None if beat is None else (beat.held, beat.proposed, beat.message)


def tells(before: Facts, came: Incoming) -> bool:
    """Whether a message changes more than numbers: a state, a revision, a share, a word, or what is there at all."""
    if isinstance(came, Contacts):
        return {host: one.link.open for host, one in came.hosts.items()} != {
            host: one.link.open for host, one in before.hosts.items()
        }
    if isinstance(came, Heartbeat):
        return _words(came) != _words(before.beat)
    known = before.rows.get(came.name) if isinstance(came, FleetRow) else None
    if known is not None and isinstance(came, FleetRow):
        fresh = (came.state, came.revision, came.asked, came.observed)
        return fresh != (known.state, known.revision, known.asked, known.observed)
    status = before.status
    if status is not None and isinstance(came, Status):
        return (came.state, came.revision, came.on_new) != (status.state, status.revision, status.on_new)
    return True
