"""What a rollout could be made of is asked of router, servers and registry; the advice rests on measured traffic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rollout_adapters.memory import MemoryProber
from rollout_adapters.memory_metrics import MemorySource
from rollout_adapters.registries.memory import MemoryRegistry
from rolloutd.core.commands import RefusalCode, Refused, Start
from rolloutd.core.values import Slot
from rolloutd.daemon import Daemon
from rolloutd.foreteller import SpecReader
from rolloutd.main import make_outside, spec_reader, vocabulary
from rolloutd.registering import Registered
from rolloutd.risk_questions import Asked
from rolloutd.settings import read_settings
from rolloutd.wire_start import Advice
from tests.shell.test_foretelling import CONFIG, WHO, Street, body

SHADOW = """
[strategies.careful]
[[strategies.careful.stage]]
name = "copies"
mirror = "100%"
min_time = "1h"
[[strategies.careful.stage]]
name = "watch"
share = "100%"
"""
KEPT = '[registries.models]\nkind = "memory"\n'


@dataclass
class Opened:
    """A daemon with doubles around it."""

    daemon: Daemon
    registry: MemoryRegistry
    street: Street
    reader: SpecReader

    async def advise(self, **answers: object) -> Advice:
        """The advice for the route's only metric."""
        found = await self.daemon.desk.advise(replace(Asked("ranker", "errors"), **answers))  # type: ignore[arg-type]
        assert isinstance(found, Advice)
        return found


@asynccontextmanager
async def opened(folder: Path, street: Street, more: str = "") -> AsyncIterator[Opened]:
    """v41 serves in slot a, v42 is loaded in slot b, and the registry knows v40 to v43."""
    text = CONFIG.replace('router = "edge"', 'router = "edge"\nregistry = "models"') + KEPT + more
    settings = read_settings(text, "config.toml", vocabulary())
    made, prober, registry = make_outside(settings), MemoryProber({}), MemoryRegistry()
    await made.prober.close()
    for slot, version in ((Slot.A, "v41"), (Slot.B, "v42")):
        prober.set_health("ranker", slot, version=version)
    for version in ("v40", "v41", "v42", "v43"):
        registry.add("ranker", version)
    street.source = MemorySource("proxy", street.look)
    registered = {"models": Registered(registry, 60_000, "")}
    outside = replace(made, prober=prober, sources={"proxy": street.source}, registries=registered)
    daemon = await Daemon.open(folder / "state", outside, spec_reader(settings))
    try:
        yield Opened(daemon, registry, street, spec_reader(settings))
    finally:
        await daemon.close()


async def test_the_choices_are_what_is_there(tmp_path: Path) -> None:
    """The champion is what serves; the loaded version stands first, then the registry's, none of them twice."""
    async with opened(tmp_path, Street(400), SHADOW) as site:
        found = await site.daemon.desk.choices()
        (route,) = found.routes
        assert (route.name, route.model, route.champion, route.live, route.trouble) == (
            "ranker", "ranker", "v41", "", "",
        )  # fmt: skip
        assert [(one.version, one.found) for one in route.versions] == [
            ("v42", "the other slot"), ("v43", "registry models"), ("v40", "registry models"),
        ]  # fmt: skip
        assert found.standard == "standard"
        ladders = {one.name: one.stages for one in found.strategies}
        assert next(iter(ladders)) == "standard"
        assert ladders["standard"] == "1% > 10% > 50% > 99%"
        assert ladders["careful"] == "shadow of 100% > 99%"
        assert ladders["blue-green"] == "preview 0% > 99%"
        assert [(one.name, one.margins) for one in found.metrics] == [("errors", "harm x1, accept x1.5")]


async def test_a_route_in_use_says_by_whom_and_what_it_was_judged_by(tmp_path: Path) -> None:
    """The live rollout is named, so that nobody asks in vain, and its gates are offered the next time."""
    async with opened(tmp_path, Street(4_000)) as site:
        await site.daemon.loop.start(Start(site.reader(body()), WHO), None)
        (route,) = (await site.daemon.desk.choices()).routes
        assert (route.live, route.gates) == ("ranker-v42", ["errors"])


async def test_a_registry_that_is_away_hides_nothing_else(tmp_path: Path) -> None:
    """What is not known is said; the slots still say what they serve."""
    async with opened(tmp_path, Street(400)) as site:
        site.registry.away = True
        (route,) = (await site.daemon.desk.choices()).routes
        assert (route.champion, [one.version for one in route.versions]) == ("v41", ["v42"])
        assert "registry models: The registry is away." in route.trouble


async def test_the_advice_names_traffic_rule_runner_up_and_who_carries_it_out(tmp_path: Path) -> None:
    """400 requests a second with 1 % bad are enough for the standard; two readings a measurement, for all answers."""
    async with opened(tmp_path, Street(400), SHADOW) as site:
        found = await site.advise()
        assert found.traffic is not None
        assert found.recommendation is not None
        assert (found.traffic.rps, found.traffic.champion_rate) == (400.0, 0.01)
        assert (found.recommendation.rule, found.strategy) == ("standard", "standard")
        assert found.recommendation.runner_up.strategy == "shadow-canary"
        looks = site.street.now_ms
        costly = await site.advise(major=True)
        assert (costly.recommendation and costly.recommendation.rule, costly.strategy) == ("major", "careful")
        assert site.street.now_ms == looks, "a minute's measurement serves every answer"


async def test_what_no_strategy_here_carries_out_is_said(tmp_path: Path) -> None:
    """Segment by segment, and no strategy with rings: no other one is put in its place."""
    async with opened(tmp_path, Street(400)) as site:
        found = await site.advise(wrong="for-good")
        assert found.recommendation is not None
        assert (found.recommendation.strategy, found.strategy) == ("shadow-segments", "")
        assert "No strategy of this shape (shadow-segments) is configured here" in found.carried_out


async def test_unmeasured_traffic_gives_no_recommendation(tmp_path: Path) -> None:
    """No data is neither much traffic nor little (I3)."""
    async with opened(tmp_path, Street(400)) as site:
        site.street.source = None
        found = await site.advise()
        assert (found.traffic, found.recommendation, found.strategy) == (None, None, "")
        assert "errors cannot be read now" in found.warnings[0]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Asked("nowhere", "errors"), RefusalCode.NOT_FOUND),
        (Asked("ranker", "nothing"), RefusalCode.BAD_INPUT),
    ],
)
async def test_what_is_not_there_is_refused(tmp_path: Path, asked: Asked, code: RefusalCode) -> None:
    """With a sentence that names it."""
    async with opened(tmp_path, Street(400)) as site:
        found = await site.daemon.desk.advise(asked)
        assert isinstance(found, Refused)
        assert found.code is code
