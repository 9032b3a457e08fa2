"""The made-up users and servers behind the demo's routes: they move the counters as the shares say, and break on cue.

By one seed, the same shares at the same steps make the same counts. It knows the doubles and no daemon.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from rollout_adapters.memory import MemoryProber, MemoryRouter
from rollout_adapters.memory_metrics import MemorySource
from rolloutd.core.metrics import BlindReason
from rolloutd.core.observed import RouteReading
from rolloutd.core.values import ZERO, Share, Slot
from rolloutd.simdemo.stories import (
    BY_HAND_BP,
    CHALLENGER_ERRORS,
    CHAMPION_ERRORS,
    FREE,
    METRIC,
    OTHER,
    REGIONS,
    STORIES,
    Fault,
    Story,
    arm,
)

STEP_S = 0.1


@dataclass(slots=True)
class Street:
    """One route: who serves, what goes wrong with the challenger, and how long it has had traffic."""

    story: Story
    chance: random.Random
    base: Slot = Slot.A
    versions: dict[Slot, str] = field(default_factory=lambda: {Slot.A: "v1", Slot.B: "v1"})
    errors: dict[Slot, float] = field(default_factory=lambda: dict.fromkeys(Slot, CHAMPION_ERRORS))
    staged_s: float = 0.0
    broken: bool = False

    @property
    def route(self) -> str:
        """Its name."""
        return self.story.route

    def rate(self, slot: Slot, region: str) -> float:
        """The part of its requests that a slot fails; what is broken for one region is whole for the others."""
        spared = self.broken and slot is not self.base and region != self.story.hurt
        return CHALLENGER_ERRORS if spared else self.errors[slot]


class Town:
    """All routes. Call ``step`` every ``STEP_S``."""

    def __init__(
        self,
        router: MemoryRouter,
        source: MemorySource,
        prober: MemoryProber,
        seed: int,
        stories: Sequence[Story] = STORIES,
    ) -> None:
        self._router = router
        self._source = source
        self._prober = prober
        self.stories = tuple(stories)
        self.streets = {one.route: Street(one, random.Random(f"{seed}/{one.route}")) for one in (*stories, FREE)}
        for street in self.streets.values():
            street.versions[Slot.B] = "v2" if street.story is FREE else "v1"
            street.errors[Slot.B] = CHALLENGER_ERRORS if street.story is FREE else CHAMPION_ERRORS
            for slot in Slot:
                if not street.story.hurt:
                    self._source.count(METRIC, arm(street.route, slot.value), 0, 0)
                self._prober.set_health(street.route, slot, version=street.versions[slot])

    async def prepare(self, route: str, challenger: str) -> str:
        """Put a new version into the slot that does not serve, whole and readable; returns the champion's version."""
        street = self.streets[route]
        street.base = (await self._router.read(route)).base
        slot = street.base.other
        street.versions[slot] = challenger
        street.errors = {street.base: CHAMPION_ERRORS, slot: CHALLENGER_ERRORS}
        street.staged_s, street.broken = 0.0, False
        self._prober.set_health(route, slot, version=challenger)
        self._source.heal(arm(route, slot.value))
        return street.versions[street.base]

    async def step(self) -> None:
        """Let the users of one step ask, then let happen what is due."""
        for street in self.streets.values():
            reading = await self._router.read(street.route)
            slot = street.base.other
            share = reading.share_of(slot)
            self._ask(street, slot, reading)
            if share.basis_points > 0:
                street.staged_s += STEP_S
            if not street.broken and street.staged_s >= street.story.after_s:
                street.broken = True
                self._break(street, slot)

    def _ask(self, street: Street, slot: Slot, reading: RouteReading) -> None:
        users, regions = round(street.story.rps * STEP_S), (*REGIONS, OTHER) if street.story.hurt else ("",)
        for region in regions:
            share = ZERO if region in reading.isolated else Share(reading.share_of(slot).of(region).basis_points)
            here = users // len(regions)
            on_new = sum(street.chance.random() < share.fraction for _ in range(here))
            for which, count in ((slot, on_new), (slot.other, here - on_new)):
                rate = street.rate(which, region)
                bad = sum(street.chance.random() < rate for _ in range(count))
                label = f'region="{region}"' if region else ""
                self._source.count(METRIC, arm(street.route, which.value), count, bad, label=label)

    def _break(self, street: Street, slot: Slot) -> None:
        match street.story.fault:
            case Fault.ERRORS:
                street.errors[slot] = street.story.errors
            case Fault.BLIND:
                lost = arm(street.route, slot.value)
                self._source.fail(BlindReason.TARGET_DOWN, lost, f"the made-up server {lost} shows no counters")
            case Fault.BY_HAND:
                self._router.hand_sets(street.route, slot, Share(BY_HAND_BP))
            case Fault.NONE:
                pass
