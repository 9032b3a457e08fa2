"""Everything of the outside world that the configuration names, and what its policy says at a moment; it does nothing.

A running daemon may be given another policy (``governed_by``); routers, sources and routes stay as at its start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rolloutd.alerting import Told
from rolloutd.choosing import Around
from rolloutd.core.forecast.rule import LARGEST_FIRST_SHARE
from rolloutd.core.rules import Limits, Rules
from rolloutd.core.state import Rollout
from rolloutd.core.values import Share, Slot
from rolloutd.foreteller import Foreteller, SpecReader
from rolloutd.freeze import NEVER, Calendar
from rolloutd.loop import Loop
from rolloutd.offering import NOTHING_OFFERED, Offered
from rolloutd.ports import Examiner, MetricSource, Prober, RouteConfig, Router
from rolloutd.registering import Registered


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything of the outside world that the daemon was configured with. ``lease_ms`` is by route.

    ``first_share`` is the largest that the rule for low traffic may take; ``holds_starts``: starts are held to it.
    ``limits`` is how many rollouts may be live at once, ``calendar`` when nothing goes up, ``staffed`` when somebody is
    there, ``offered`` what a start can be made of.
    """

    routes: Mapping[str, RouteConfig]
    routers: Mapping[str, Router]
    lease_ms: Mapping[str, int | None]
    prober: Prober
    sources: Mapping[str, MetricSource]
    every_ms: Mapping[str, int]
    first_share: Share = LARGEST_FIRST_SHARE
    holds_starts: bool = False
    limits: Limits = field(default_factory=Limits)
    calendar: Calendar = NEVER
    staffed: Calendar = NEVER
    notifiers: Mapping[str, Told] = field(default_factory=dict)
    examiners: Mapping[str, Examiner] = field(default_factory=dict)
    registries: Mapping[str, Registered] = field(default_factory=dict)
    offered: Offered = NOTHING_OFFERED

    def governed_by(self, other: Outside) -> Outside:
        """The same outside under the other one's policy."""
        return replace(
            self,
            first_share=other.first_share,
            holds_starts=other.holds_starts,
            limits=other.limits,
            calendar=other.calendar,
            staffed=other.staffed,
            offered=other.offered,
        )

    def arms(self, route: str) -> Mapping[Slot, str]:
        """The arm-label value of each slot of a route; empty words for a route that is no longer configured."""
        config = self.routes.get(route)
        return {slot: config.slots[slot].arm_value if config else "" for slot in Slot}

    def lease(self, route: str) -> int | None:
        """The length of the route's lease, None where its engine has none."""
        return self.lease_ms.get(route)

    def sticky(self, route: str) -> bool:
        """Whether the route's engine keeps a user on one side."""
        config = self.routes.get(route)
        return config is not None and self.routers[config.router].abilities.sticky


def foreteller_of(outside: Outside, read_spec: SpecReader, by_route: Mapping[str, Router]) -> Foreteller:
    """Who says what a plan would take at the traffic there is."""
    return Foreteller(
        read_spec,
        by_route,
        outside.sources,
        outside.every_ms,
        outside.arms,
        outside.first_share,
        outside.holds_starts,
    )


def around(outside: Outside, by_route: Mapping[str, Router], loop: Loop) -> Around:
    """What there is to choose from."""

    def rollouts() -> list[Rollout]:
        return [*(lane.rollout for lane in loop.lanes.values()), *loop.ended.values()]

    return Around(outside.routes, by_route, outside.prober, outside.registries, rollouts)


def rules_at(outside: Outside, wall_ms: int) -> Rules:
    """The configured policy at this moment of the wall clock; nobody holds the fleet in it."""
    return Rules(
        frozen=outside.calendar.frozen(wall_ms), unstaffed=outside.staffed.closed(wall_ms), limits=outside.limits
    )
