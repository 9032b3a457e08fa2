"""Finds out what a rollout could be made of now, and what the rules recommend at its traffic; it starts nothing.

Everything outside is asked at once, each with a time limit; what does not answer is said, never guessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rolloutd.core import analysis
from rolloutd.core.commands import RefusalCode, Refused
from rolloutd.core.forecast.values import MetricTraffic
from rolloutd.core.plan import Spec
from rolloutd.core.registry_wish import CHAMPION
from rolloutd.core.state import Rollout
from rolloutd.core.values import Slot
from rolloutd.foreteller import Foreteller
from rolloutd.measuring import Measured
from rolloutd.offering import NOTHING_OFFERED, Offered, carried_out_by
from rolloutd.ports import Clock, Prober, RegistryError, RolloutdError, RouteConfig, Router
from rolloutd.registering import Registered
from rolloutd.risk_questions import Asked
from rolloutd.settings.problems import SettingsError
from rolloutd.wire_plan import MetricSeen, Recommendation
from rolloutd.wire_start import Advice, Choices, RouteChoice, VersionChoice
from rolloutd.wording import rfc3339

ASKED_S = 2.0
NEWEST = 8
FRESH_MS = 60_000
_WRITTEN = {"name": "watch", "share": "100%"}


@dataclass(frozen=True, slots=True)
class Around:
    """The outside as far as it is asked here, and the rollouts there are. ``routers`` are by route."""

    routes: Mapping[str, RouteConfig]
    routers: Mapping[str, Router]
    prober: Prober
    registries: Mapping[str, Registered]
    rollouts: Callable[[], list[Rollout]]


class Choosing:
    """Answers what could be started, and how."""

    def __init__(
        self, around: Around, foreteller: Foreteller, clock: Clock, offered: Offered = NOTHING_OFFERED
    ) -> None:
        self._around = around
        self.foreteller = foreteller
        self._clock = clock
        self._offered = offered
        self._measured: dict[tuple[str, str], tuple[int, Spec, Measured]] = {}

    def adopt(self, foreteller: Foreteller, offered: Offered) -> None:
        """From here on by another configuration; what was measured is measured again."""
        self.foreteller, self._offered = foreteller, offered
        self._measured.clear()

    async def choices(self) -> Choices:
        """Routes with their versions, strategies, metrics."""
        routes = await asyncio.gather(*map(self._route, self._around.routes.values()))
        return Choices(
            as_of=rfc3339(self._clock.now().wall_ms),
            routes=list(routes),
            strategies=self._offered.choices(),
            metrics=list(self._offered.metrics),
            standard=self._offered.standard,
        )

    async def _route(self, config: RouteConfig) -> RouteChoice:
        here = [one for one in self._around.rollouts() if one.spec.route == config.name]
        newest = max(here, key=lambda one: one.requested_at.clock_ms, default=None)
        base, served, kept = await asyncio.gather(self._base(config), self._served(config), self._kept(config))
        champion = served.get(base) if isinstance(base, Slot) else None
        known, found, trouble = kept
        other = served.get(base.other) if isinstance(base, Slot) else None
        versions = [] if other is None else [VersionChoice(version=other, found="the other slot")]
        versions += [one for one in found if one.version != other]
        champion = champion or known
        return RouteChoice(
            name=config.name,
            model=config.model or config.name,
            champion=champion,
            versions=[one for one in versions if one.version != champion],
            segments=list(config.segments.everybody) if config.segments else [],
            mirror_is_safe=config.mirror_is_safe,
            live=next((one.name for one in here if one.live), ""),
            gates=[gate.metric for gate in newest.spec.plan.gates] if newest else [],
            trouble="; ".join(filter(None, ("" if isinstance(base, Slot) else base, trouble))),
        )

    async def _base(self, config: RouteConfig) -> Slot | str:
        """The slot that serves, or why nobody knows."""
        try:
            async with asyncio.timeout(ASKED_S):
                return (await self._around.routers[config.name].read(config.name)).base
        except (RolloutdError, TimeoutError, OSError) as error:
            return f"the router cannot be read: {str(error) or 'no answer in time'}"

    async def _served(self, config: RouteConfig) -> Mapping[Slot, str | None]:
        """What the model server in each slot says that it serves."""

        async def ask(slot: Slot) -> str | None:
            try:
                async with asyncio.timeout(ASKED_S):
                    return (await self._around.prober.probe(config.name, slot)).version
            except (RolloutdError, TimeoutError, OSError):
                return None

        slots = list(config.slots)
        return dict(zip(slots, await asyncio.gather(*map(ask, slots)), strict=True))

    async def _kept(self, config: RouteConfig) -> tuple[str | None, list[VersionChoice], str]:
        """The registry's champion and newest versions, and its trouble."""
        registered = self._around.registries.get(config.registry)
        if registered is None:
            return None, [], ""
        try:
            async with asyncio.timeout(ASKED_S):
                champion = await registered.registry.alias(config.model, CHAMPION)
                newest = await registered.registry.newest(config.model, NEWEST)
        except (RegistryError, TimeoutError, OSError) as error:
            return None, [], f"registry {config.registry}: {str(error) or 'no answer in time'}"
        found = f"registry {config.registry}"
        return champion, [VersionChoice(version=one.version, found=found, ready=one.ready) for one in newest], ""

    async def advise(self, asked: Asked) -> Advice | Refused:
        """Measure the route's traffic (or take what was measured a moment ago) and ask the rules."""
        if asked.route not in self._around.routes:
            return Refused(RefusalCode.NOT_FOUND, f"There is no route {asked.route!r}.", "GET /v1/choices")
        try:
            spec, found = await self._traffic(asked.route, asked.metric)
        except SettingsError as error:
            return Refused(RefusalCode.BAD_INPUT, error.what, error.next_step)
        advice = Advice(route=asked.route, metric=asked.metric, warnings=list(found.warnings))
        traffic = found.traffic.get(asked.metric)
        if traffic is None:
            return advice
        seen = MetricSeen(
            metric=asked.metric, rps=traffic.rps, champion_rate=traffic.rate, phi=traffic.phi,
            basis=found.basis[asked.metric],
        )  # fmt: skip
        try:
            answer = Recommendation.model_validate(analysis.recommend(_situation(asked, spec, traffic)))
        except analysis.BadSituation as error:
            return advice.model_copy(update={"traffic": seen, "warnings": [*advice.warnings, str(error)]})
        strategy = carried_out_by(answer.strategy, self._offered)
        told = f"The strategy {strategy} carries it out." if strategy else _nowhere(answer.strategy)
        return advice.model_copy(
            update={"traffic": seen, "recommendation": answer, "strategy": strategy, "carried_out": told}
        )

    async def _traffic(self, route: str, metric: str) -> tuple[Spec, Measured]:
        """One reading serves all answers of a minute. Raises SettingsError for what no gate can judge."""
        now_ms = self._clock.now().clock_ms
        kept = self._measured.get((route, metric))
        if kept is not None and now_ms - kept[0] < FRESH_MS:
            return kept[1], kept[2]
        model = self._around.routes[route].model or route
        versions = {"champion": "what-serves", "challenger": "what-comes"}
        rollout = {"model": model, "route": route, **versions, "reason": "only measured, never started"}
        body = {"rollout": rollout, "stage": [_WRITTEN], "gate": [{"metric": metric}]}
        spec = self.foreteller.read_spec({"spec": body, "file": "the question"})
        found = await self.foreteller.measured(spec)
        if found.traffic:
            self._measured[route, metric] = (now_ms, spec, found)
        return spec, found


def _situation(asked: Asked, spec: Spec, traffic: MetricTraffic) -> dict[str, object]:
    """What the rules ask, by their names. What is accepted is the policy's margin at the champion's present rate."""
    accepted = spec.plan.gates[0].accept.tolerated(traffic.rate) / traffic.rate
    return {
        "rps": traffic.rps, "champion_errors": traffic.rate, "phi": traffic.phi, "accept": accepted,
        "wrong": asked.wrong,
        "label_delay_h": asked.label_delay_s / 3600, "spare": asked.spare, "major": asked.major,
        "at_once": asked.at_once,
    }  # fmt: skip


def _nowhere(answer: str) -> str:
    if answer == "none":
        return "Nothing can be started safely so; mend what the rule names first."
    return f"No strategy of this shape ({answer}) is configured here: write one ([strategies.NAME]), or a rollout file."
