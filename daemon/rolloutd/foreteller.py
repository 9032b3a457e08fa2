"""Says what a plan would take at the traffic there is now, and applies the rule for low traffic; it starts nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from rolloutd.core.forecast.rule import Ruling
from rolloutd.core.plan import Spec
from rolloutd.core.values import Share, Slot
from rolloutd.foretold import foretell
from rolloutd.measuring import Measured, measure
from rolloutd.ports import MetricSource, Router, RouterError
from rolloutd.wire_plan import PlanOutlook

_ROUTER_S = 5.0
_ONE_AT_A_TIME = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forecast")
"""A second of arithmetic each: many at once would hold the interpreter, and all threads that the daemon shares."""
SpecReader = Callable[[Mapping[str, object]], Spec]
"""Turns a request's body into a checked spec."""


class Policy(Protocol):
    """What the policy says of a start in little traffic."""

    @property
    def first_share(self) -> Share:
        """The largest that a first share may be made."""
        ...

    @property
    def holds_starts(self) -> bool:
        """Whether starts are held to the rule, too."""
        ...


@dataclass(frozen=True, slots=True)
class Foreteller:
    """What measuring needs of the outside, and the policy. ``enforces``: starts are held to the rule, too.

    ``arms`` gives the names that the metrics have for a route's slots.
    """

    read_spec: SpecReader
    routers: Mapping[str, Router]
    sources: Mapping[str, MetricSource]
    every_ms: Mapping[str, int]
    arms: Callable[[str], Mapping[Slot, str]]
    cap: Share
    enforces: bool

    def under(self, read_spec: SpecReader, policy: Policy) -> Foreteller:
        """The same outside, with another configuration's policy and way of reading files."""
        return replace(self, read_spec=read_spec, cap=policy.first_share, enforces=policy.holds_starts)

    async def foretell(self, spec: Spec) -> tuple[Ruling, PlanOutlook]:
        """Measure, then calculate beside the loop: it takes about a second of arithmetic."""
        found = await self.measured(spec)
        asked = partial(foretell, spec, found.traffic, self.cap, found.basis, found.warnings)
        return await asyncio.get_running_loop().run_in_executor(_ONE_AT_A_TIME, asked)

    async def measured(self, spec: Spec) -> Measured:
        """The traffic that the plan's gates would be judged on, as it is now."""
        try:
            async with asyncio.timeout(_ROUTER_S):
                reading = await self.routers[spec.route].read(spec.route)
        except (RouterError, TimeoutError, OSError) as error:
            why = f"The router cannot be read ({str(error) or 'no answer in time'}): nobody knows the champion's slot."
            return Measured({}, {}, (why,))
        return await measure(spec, self.arms(spec.route), reading.base, self.sources, self.every_ms)
