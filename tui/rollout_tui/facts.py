"""What the screen knows: one frozen value. Pure; it must not draw, send, read a clock or know how a message came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from rollout_tui.link import Link, LinkState
from rolloutd.verbs import API_VERSION

if TYPE_CHECKING:
    from rolloutd.wire import FleetRow, Status
    from rolloutd.wire_daemon import Heartbeat, Hello

NOTHING: Mapping[str, FleetRow] = MappingProxyType({})


NO_HOSTS: Mapping[str, Contact] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Gap:
    """The daemon is heard again after so many seconds of silence, as a new process or as the same one.

    ``host`` names it where there are several; ``also`` is what befell another one and is not acknowledged either.
    """

    length_s: float
    restarted: bool
    host: str = ""
    also: Gap | None = None

    @property
    def all(self) -> tuple[Gap, ...]:
        """This one and those of the other hosts."""
        return (self, *(self.also.all if self.also is not None else ()))


@dataclass(frozen=True, slots=True)
class Contact:
    """One of several hosts: how its own stream is, and who its daemon says that we are."""

    link: Link = field(default_factory=Link)
    role: str = "viewer"
    read_only: bool = False
    api: str = API_VERSION


def host_of(name: str) -> str:
    """The host that a rollout's name carries where there are several daemons; a name itself has no ``@``."""
    return name.partition("@")[2]


def real_name(name: str) -> str:
    """The name as its own daemon knows it."""
    return name.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that came, with the time it came at (seconds on the screen's clock).

    ``fleet_link`` belongs to the stream of all rollouts, ``detail_link`` to the one of the open rollout ``name``.
    ``urgent`` names the rows that need somebody, so that nobody goes through 5,000 of them each second.
    ``ahead_s`` is how far this machine's clock is ahead of the daemon's; ages do not use it.
    """

    hello: Hello | None = None
    beat: Heartbeat | None = None
    beat_s: float = 0.0
    rows: Mapping[str, FleetRow] = field(default_factory=lambda: NOTHING)
    total: int = 0
    urgent: frozenset[str] = frozenset()
    hold: bool = False
    as_of: str = ""
    fleet_link: Link = field(default_factory=Link)
    name: str = ""
    status: Status | None = None
    status_s: float = 0.0
    detail_link: Link = field(default_factory=Link)
    gap: Gap | None = None
    hosts: Mapping[str, Contact] = field(default_factory=lambda: NO_HOSTS)
    ahead_s: float = 0.0

    @property
    def needs_you(self) -> int:
        """How many rollouts need somebody."""
        return len(self.urgent)

    def link_of(self, name: str) -> Link:
        """The link that a rollout's row depends on: its own host's where there are several."""
        contact = self.hosts.get(host_of(name))
        return self.fleet_link if contact is None else contact.link

    def lost_hosts(self, now_s: float) -> frozenset[str]:
        """Those of several hosts that were heard once and are lost now."""
        return frozenset(host for host, one in self.hosts.items() if one.link.state(now_s) is LinkState.LOST)

    def role_for(self, name: str) -> str:
        """The caller's role as the daemon of this rollout said it."""
        contact = self.hosts.get(host_of(name))
        return self.role if contact is None else contact.role

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
        """Whether actions mean the same to this screen and to the daemon; of several hosts: to every one."""
        return not self.other_apis

    @property
    def other_apis(self) -> tuple[str, ...]:
        """The interfaces to which actions mean something else, each with its host where there are several."""
        if self.hosts:
            return tuple(f"{one.api} on {host}" for host, one in self.hosts.items() if not _ours(one.api))
        return () if self.hello is None or _ours(self.hello.api) else (self.hello.api,)

    def api_for(self, name: str) -> str:
        """The interface of this rollout's daemon where actions mean something else to it, or nothing."""
        contact = self.hosts.get(host_of(name))
        api = contact.api if contact is not None else self.hello.api if self.hello is not None else API_VERSION
        return "" if _ours(api) else api

    def detail_state(self, now_s: float) -> LinkState:
        """What to believe of the open rollout; until its own stream spoke, what the fleet's stream says."""
        if self.detail_link.heard_s is None:
            return self.link_of(self.name).state(now_s)
        return self.detail_link.state(now_s)

    def passed_s(self, now_s: float) -> float:
        """Seconds to add to the ages in ``status``; they stop growing where the daemon fell silent."""
        heard_s = self.detail_link.heard_s
        until_s = now_s if heard_s is None or self.detail_state(now_s) is LinkState.LIVE else heard_s
        return max(0.0, until_s - self.status_s)


def _ours(api: str) -> bool:
    return api.partition(".")[0] == API_VERSION.partition(".")[0]


def open_rollout(facts: Facts, name: str) -> Facts:
    """Look at another rollout: nothing of the one before is kept."""
    return replace(facts, name=name, status=None, status_s=0.0, detail_link=Link())


def trying(facts: Facts, *, detail: bool, now_s: float) -> Facts:
    """A stream is being opened."""
    link = facts.detail_link if detail else facts.fleet_link
    return with_link(facts, link.trying(now_s), detail=detail)


def closed(facts: Facts, *, detail: bool, why: str) -> Facts:
    """A stream has ended."""
    link = facts.detail_link if detail else facts.fleet_link
    return with_link(facts, link.closed(why), detail=detail)


def with_link(facts: Facts, link: Link, *, detail: bool) -> Facts:
    """The facts with one of the two links changed."""
    return replace(facts, detail_link=link) if detail else replace(facts, fleet_link=link)
