"""All that one drawing of the screen depends on, as one frozen value; it must not hold anything that changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum

from rollout_tui.facts import Facts
from rollout_tui.keys import DEFAULT, Keymap
from rollout_tui.link import LinkState
from rollout_tui.order import Listing
from rollout_tui.papers import Papers
from rollout_tui.result import Result
from rollout_tui.strip import Strip


class Room(StrEnum):
    """How much room there is. No room is too small to abort and pause in."""

    WIDE = "wide"
    NORMAL = "normal"
    SMALL = "small"
    TINY = "tiny"
    LINE = "line"


class Tab(StrEnum):
    """The tabs of one rollout, in the order of their keys."""

    STAGES = "stages"
    CHARTS = "charts"
    SEGMENTS = "segments"
    TIMELINE = "timeline"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Look:
    """What the terminal can show: symbols or ASCII only, and in which zone times are (None is the local one)."""

    ascii: bool = False
    zone: tzinfo | None = UTC

    @property
    def zone_name(self) -> str:
        """How the zone is called on line 1."""
        return "UTC" if self.zone is UTC else "local time"


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment of the screen."""

    facts: Facts
    now_s: float
    width: int = 80
    height: int = 24
    look: Look = field(default_factory=Look)
    strip: Strip | None = None
    result: Result | None = None
    note: str = ""
    listing: Listing = field(default_factory=Listing)
    tab: Tab = Tab.STAGES
    segment: str = ""
    where: str = ""
    on_rollout: bool = False
    papers: Papers = field(default_factory=Papers)
    keys: Keymap = DEFAULT
    bell: str = "bell on"

    @property
    def room(self) -> Room:
        """Which layout fits."""
        if self.width < 40 or self.height < 10:
            return Room.LINE
        if self.width < 80 or self.height < 24:
            return Room.TINY
        if self.width < 100 or self.height < 28:
            return Room.SMALL
        return Room.WIDE if self.width >= 120 and self.height >= 32 else Room.NORMAL

    @property
    def link(self) -> LinkState:
        """How far the picture on this screen can be believed."""
        if self.on_rollout:
            return self.facts.detail_state(self.now_s)
        return self.facts.fleet_link.state(self.now_s)

    @property
    def link_age_s(self) -> float:
        """Seconds since the daemon was last heard by this screen's stream."""
        if not self.on_rollout:
            return self.facts.fleet_link.age_s(self.now_s)
        detail = self.facts.detail_link
        link = detail if detail.heard_s is not None else self.facts.link_of(self.facts.name)
        return link.age_s(self.now_s)

    @property
    def role(self) -> str:
        """The caller's role on the host of the rollout that a key would act on."""
        return self.facts.role_for(self.facts.name if self.on_rollout else self.listing.name)

    @property
    def mark(self) -> str:
        """What stands first on line 1 of every screen: no real traffic, and a session that may only look."""
        hello = self.facts.hello
        simulated = "SIMULATED " if hello is not None and hello.simulated else ""
        return simulated + ("READ ONLY " if self.facts.read_only else "")

    @property
    def first_width(self) -> int:
        """The cells of line 1 beside the mark."""
        return self.width - len(self.mark)

    def stale_of(self, name: str) -> str:
        """The mark of one row: of several hosts one may be lost alone."""
        alone = name and self.facts.hosts and self.facts.link_of(name).state(self.now_s) is not LinkState.LIVE
        lost = alone and self.facts.link_of(name).state(self.now_s) is not LinkState.LATE
        return "~" if lost else self.stale

    @property
    def stale(self) -> str:
        """The mark that every value of a lost picture carries."""
        return "~" if self.link is LinkState.LOST else ""
