"""What the screen knows: one frozen value folded from what came. Pure; it must not draw, send or read a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pydantic import BaseModel

from rollout_tui.link import Link, LinkState
from rolloutd.wire import API_VERSION, Fleet, FleetRow, Status
from rolloutd.wire_daemon import Heartbeat, Hello

NOTHING: Mapping[str, FleetRow] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Restart:
    """The daemon came back as a new process, after so many seconds of silence."""

    gap_s: float


class Gone(BaseModel):
    """A rollout that is no longer shown."""

    name: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that came, with the time it came at (seconds on the screen's clock).

    ``fleet_link`` belongs to the stream of all rollouts, ``detail_link`` to the one of the open rollout ``name``.
    """

    hello: Hello | None = None
    beat: Heartbeat | None = None
    beat_s: float = 0.0
    rows: Mapping[str, FleetRow] = field(default_factory=lambda: NOTHING)
    total: int = 0
    needs_you: int = 0
    hold: bool = False
    as_of: str = ""
    fleet_link: Link = field(default_factory=Link)
    name: str = ""
    status: Status | None = None
    status_s: float = 0.0
    detail_link: Link = field(default_factory=Link)
    restart: Restart | None = None

    @property
    def role(self) -> str:
        """The caller's role as the daemon said it; viewer until it has."""
        return self.hello.role if self.hello else "viewer"

    @property
    def read_only(self) -> bool:
        """Whether the daemon takes no action from this session."""
        return self.hello is not None and self.hello.read_only

    @property
    def same_major(self) -> bool:
        """Whether actions mean the same to this screen and to the daemon."""
        return self.hello is None or self.hello.api.partition(".")[0] == API_VERSION.partition(".")[0]

    def detail_state(self, now_s: float) -> LinkState:
        """What to believe of the open rollout; until its own stream spoke, what the fleet's stream says."""
        if self.detail_link.heard_s is None:
            return self.fleet_link.state(now_s)
        return self.detail_link.state(now_s)

    def passed_s(self, now_s: float) -> float:
        """Seconds to add to the ages in ``status``; they stop growing where the daemon fell silent."""
        heard_s = self.detail_link.heard_s
        until_s = now_s if heard_s is None or self.detail_state(now_s) is LinkState.LIVE else heard_s
        return max(0.0, until_s - self.status_s)


Incoming = Hello | Fleet | FleetRow | Gone | Status | Heartbeat


def open_rollout(facts: Facts, name: str) -> Facts:
    """Look at another rollout: nothing of the one before is kept."""
    return replace(facts, name=name, status=None, status_s=0.0, detail_link=Link())


def trying(facts: Facts, *, detail: bool, now_s: float) -> Facts:
    """A stream is being opened."""
    link = facts.detail_link if detail else facts.fleet_link
    return _with_link(facts, link.trying(now_s), detail=detail)


def closed(facts: Facts, *, detail: bool, why: str) -> Facts:
    """A stream has ended."""
    link = facts.detail_link if detail else facts.fleet_link
    return _with_link(facts, link.closed(why), detail=detail)


def fold(facts: Facts, came: Incoming, *, detail: bool, now_s: float) -> Facts:
    """The facts after one message of a stream. ``detail`` says that it was the open rollout's own stream."""
    link = facts.detail_link if detail else facts.fleet_link
    if isinstance(came, Hello):
        new = link.opened(now_s)
        return _with_link(_hello(facts, came, link, now_s), new, detail=detail)
    picture = isinstance(came, Status if detail else Fleet)
    facts = _with_link(facts, link.heard(now_s, picture=picture), detail=detail)
    if detail:
        if isinstance(came, Status) and came.name == facts.name:
            return replace(facts, status=came, status_s=now_s)
        return facts
    return _fleet(facts, came, now_s)


def _with_link(facts: Facts, link: Link, *, detail: bool) -> Facts:
    return replace(facts, detail_link=link) if detail else replace(facts, fleet_link=link)


def _hello(facts: Facts, came: Hello, link: Link, now_s: float) -> Facts:
    """Keep who we are; notice that the daemon is another process than before."""
    before = facts.hello
    if before is None or before.boot_id == came.boot_id:
        return replace(facts, hello=came)
    return replace(facts, hello=came, restart=Restart(link.age_s(now_s)))


def _fleet(facts: Facts, came: Incoming, now_s: float) -> Facts:
    """Fold one message of the stream of all rollouts."""
    if isinstance(came, Heartbeat):
        return replace(facts, beat=came, beat_s=now_s, as_of=came.as_of, hold=came.held is not None)
    if isinstance(came, Fleet):
        rows = MappingProxyType({row.name: row for row in came.rollouts})
        needs = sum(1 for row in came.rollouts if row.needs_you)
        return replace(facts, rows=rows, total=came.total, needs_you=needs, hold=came.hold, as_of=came.as_of)
    if isinstance(came, FleetRow):
        before = facts.rows.get(came.name)
        if before is not None and before.revision > came.revision:
            return facts
        total = facts.total + (before is None)
        needs = facts.needs_you + came.needs_you - (before is not None and before.needs_you)
        return replace(facts, rows=MappingProxyType({**facts.rows, came.name: came}), total=total, needs_you=needs)
    if isinstance(came, Gone) and came.name in facts.rows:
        rows = MappingProxyType({name: row for name, row in facts.rows.items() if name != came.name})
        needs = facts.needs_you - facts.rows[came.name].needs_you
        return replace(facts, rows=rows, total=facts.total - 1, needs_you=needs)
    return facts


def tells(before: Facts, came: Incoming) -> bool:
    """Whether a message changes more than numbers: a state, a revision, a share, or what is there at all."""
    if isinstance(came, Heartbeat):
        return False
    known = before.rows.get(came.name) if isinstance(came, FleetRow) else None
    if known is not None and isinstance(came, FleetRow):
        fresh = (came.state, came.revision, came.asked, came.observed)
        return fresh != (known.state, known.revision, known.asked, known.observed)
    status = before.status
    if status is not None and isinstance(came, Status):
        return (came.state, came.revision, came.on_new) != (status.state, status.revision, status.on_new)
    return True
