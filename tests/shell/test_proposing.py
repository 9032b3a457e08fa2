"""A new version in the registry is put before a person: with strategy, rule and forecast, started by a yes alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rolloutd import desk
from rolloutd.access import Access, Roles
from rolloutd.core import events as ev
from rolloutd.core.commands import Act, RefusalCode, Refused, Verb
from rolloutd.core.outside_events import ProposalClosed, VersionProposed
from rolloutd.core.registry_wish import CHAMPION
from rolloutd.core.values import ZERO, Actor, ActorKind, Role
from rolloutd.daemon import Daemon
from rolloutd.new_versions import NewVersions, watched
from rolloutd.proposing import Proposing, close_forsaken
from rolloutd.registering import Registered
from rolloutd.sockets import open_listeners
from rolloutd.wire import ActionDone
from tests.server.running import until
from tests.shell.test_choosing import Opened, opened
from tests.shell.test_foretelling import Street

GATES = '[policy]\ngates = ["errors"]\n'
HOLIDAYS = '[policy.freeze]\nweekly = ["mon 00:00 - mon 00:00"]\n'
ANN = Actor(ActorKind.PERSON, "ann", 2000, Role.OPERATOR, "test")
NAME = "ranker-v42"
Said = ActionDone | Refused


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody ticks here, so no start waits for its checks."""
    monkeypatch.setattr(desk, "START_PATIENCE_S", 0.05)


async def look(site: Opened) -> None:
    """The registry's turn."""
    inside = site.daemon
    proposing = Proposing(inside.desk.holding, inside.desk.choosing, inside.loop.knows)
    looking = NewVersions(inside.outside.routes, inside.desk.start, inside.loop.knows, proposing.look)
    await looking.look("models", Registered(site.registry, 60_000, "rollout"))


async def proposed(site: Opened, word: str = "propose", version: str = "v42") -> None:
    """v41 is the champion, and this version asks."""
    await site.registry.set_alias("ranker", CHAMPION, "v41")
    await site.registry.set_tags("ranker", version, {"rollout": word})
    await look(site)


async def answer(site: Opened, verb: Verb, revision: int | None = None, key: str = "one-of-them", **more: str) -> Said:
    """A person's word."""
    act = Act(verb, ANN, revision, more.get("reason", ""))
    return await site.daemon.desk.act(NAME, act, f"2000/{verb.value}/{NAME}/{key}", 0)


async def kinds(site: Opened) -> list[str]:
    """What stands in the fleet's stream."""
    return [type(row.event).__name__ for row in await site.daemon.journal.load(ev.FLEET_STREAM)]


async def test_it_is_listed_with_rule_and_forecast_and_starts_nothing(tmp_path: Path) -> None:
    """However often it is looked at: one proposal, no rollout, and a beat that names it."""
    async with opened(tmp_path, Street(400), GATES) as site:
        await proposed(site)
        await look(site)
        (found,) = site.daemon.desk.fleet("", 10).proposals
        assert (found.name, found.champion, found.challenger, found.strategy) == (NAME, "v41", "v42", "standard")
        assert "standard" in found.rule
        assert "400 requests a second" in found.forecast
        assert site.daemon.desk.heartbeat().proposed == [NAME]
        assert site.daemon.desk.fleet("other", 10).proposals == []
        assert site.daemon.loop.lanes == {}
        assert await kinds(site) == ["VersionProposed"]


async def test_an_approval_is_a_start_by_who_approved(tmp_path: Path) -> None:
    """I4, I11: by the revision that was looked at, on record as that person's, and once; then an abort works (I2)."""
    async with opened(tmp_path, Street(4_000), GATES) as site:
        await proposed(site)
        (found,) = site.daemon.desk.fleet("", 10).proposals
        stale = await answer(site, Verb.APPROVE, 99, "stale-one")
        assert isinstance(stale, Refused)
        assert stale.code is RefusalCode.CONFLICT
        done = await answer(site, Verb.APPROVE, found.revision, reason="the numbers are good")
        assert isinstance(done, ActionDone)
        rollout = site.daemon.loop.lanes[NAME].rollout
        assert rollout.requested_by == ANN
        assert "accepted by ann; the numbers are good" in rollout.spec.reason
        assert "v42 asks for it in registry models" in rollout.spec.reason
        assert site.daemon.desk.fleet("", 10).proposals == []
        assert await kinds(site) == ["VersionProposed", "ProposalClosed"]
        again = await answer(site, Verb.APPROVE, found.revision, reason="the numbers are good")
        assert isinstance(again, ActionDone)
        await look(site)
        assert site.daemon.desk.fleet("", 10).proposals == []
        assert isinstance(await answer(site, Verb.ABORT), ActionDone)
        record = site.daemon.loop.ended.get(NAME) or site.daemon.loop.lanes[NAME].rollout
        assert record.traffic.wanted == ZERO


async def test_a_rule_that_forbids_a_start_forbids_this_one(tmp_path: Path) -> None:
    """Refused, and why, and what to do; the proposal waits for a better day."""
    async with opened(tmp_path, Street(4_000), GATES + HOLIDAYS) as site:
        await proposed(site)
        (found,) = site.daemon.desk.fleet("", 10).proposals
        refused = await answer(site, Verb.APPROVE, found.revision)
        assert isinstance(refused, Refused)
        assert "freeze lasts" in refused.message
        assert "Wait for its end" in refused.next_step
        assert [one.name for one in site.daemon.desk.fleet("", 10).proposals] == [NAME]
        assert site.daemon.loop.lanes == {}


async def test_a_declined_one_is_closed_for_good_and_newer_ones_are_not(tmp_path: Path) -> None:
    """With its reason; the same version is not proposed again, the same command is answered as before."""
    async with opened(tmp_path, Street(400), GATES) as site:
        await proposed(site)
        for _ in range(2):
            done = await answer(site, Verb.DECLINE, reason="not before the sale")
            assert isinstance(done, ActionDone)
            assert "nothing was started" in done.message
        row = (await site.daemon.journal.load(ev.FLEET_STREAM))[-1]
        assert (row.event, row.actor) == (ProposalClosed(NAME, "declined", "not before the sale"), ANN)
        await look(site)
        assert site.daemon.desk.fleet("", 10).proposals == []
        await proposed(site, version="v43")
        assert [one.name for one in site.daemon.desk.fleet("", 10).proposals] == ["ranker-v43"]
        gone = await answer(site, Verb.DECLINE, key="another-one")
        assert isinstance(gone, Refused)
        assert gone.code is RefusalCode.NOT_FOUND


async def test_a_newer_version_or_another_champion_makes_it_outdated(tmp_path: Path) -> None:
    """Each closed with why; what stands is proposed anew against the champion of today."""
    async with opened(tmp_path, Street(400), GATES) as site:
        await proposed(site)
        await proposed(site, version="v43")
        rows = [row.event for row in await site.daemon.journal.load(ev.FLEET_STREAM)]
        assert rows[1] == ProposalClosed(NAME, "outdated", "ranker-v43 is newer and asks too")
        await site.registry.set_alias("ranker", CHAMPION, "v40")
        await look(site)
        (found,) = site.daemon.desk.fleet("", 10).proposals
        assert (found.name, found.champion) == ("ranker-v43", "v40")
        await site.registry.set_tags("ranker", "v43", {"rollout": "no"})
        await look(site)
        assert "ranker-v42" in [one.name for one in site.daemon.desk.fleet("", 10).proposals]


async def test_it_outlives_the_daemon_and_nothing_else_acts_on_it(tmp_path: Path) -> None:
    """I13: open after a restart, from the record; every verb but the two says that there is nothing yet."""
    async with opened(tmp_path, Street(400), GATES) as site:
        await proposed(site)
    async with opened(tmp_path, Street(400), GATES) as site:
        assert [one.name for one in site.daemon.desk.fleet("", 10).proposals] == [NAME]
        for verb in (Verb.ABORT, Verb.PROMOTE, Verb.PAUSE):
            refused = await answer(site, verb, 1)
            assert isinstance(refused, Refused)
            assert "is proposed and not started" in refused.message


async def test_one_of_a_route_that_is_asked_about_no_more_is_closed_at_the_next_start(tmp_path: Path) -> None:
    """It stood on everybody's screen until somebody declined what nobody could approve."""
    async with opened(tmp_path, Street(400), GATES) as site:
        await proposed(site)
        outside = site.daemon.outside
        tagged = {"models": Registered(site.registry, 60_000, "rollout")}
        for routes, registries in (({}, tagged), (outside.routes, {}), (outside.routes, outside.registries)):
            assert watched(routes, registries) == frozenset()
        await close_forsaken(site.daemon.desk.holding, watched(outside.routes, tagged))
        assert [one.name for one in site.daemon.desk.fleet("", 10).proposals] == [NAME]
    daemon = await Daemon.open(tmp_path / "state", outside, site.reader)
    assert [one.name for one in daemon.desk.fleet("", 10).proposals] == [NAME]
    stop, listeners = asyncio.Event(), open_listeners(tmp_path / "s", None, {})
    running = asyncio.create_task(daemon.run(stop, Access(Roles()), listeners, 6))
    await until(lambda: daemon.desk.fleet("", 10).proposals == [])
    row = (await daemon.journal.load(ev.FLEET_STREAM))[-1]
    assert isinstance(row.event, ProposalClosed)
    assert row.event.reason == "registry models is not asked for versions of route ranker any more"
    stop.set()
    await running


async def test_without_traffic_it_says_so_and_names_the_standard(tmp_path: Path) -> None:
    """I3, I16: no data is no recommendation, and no reason not to tell a person."""
    async with opened(tmp_path, Street(400), GATES) as site:
        site.street.source = None
        await proposed(site)
        (row,) = await site.daemon.journal.load(ev.FLEET_STREAM)
        assert isinstance(row.event, VersionProposed)
        assert row.event.strategy == "standard"
        assert "nothing could be recommended: errors cannot be read now" in row.event.rule
        assert "no forecast was made" in row.event.forecast


async def test_a_start_by_its_tag_is_as_it_was(tmp_path: Path) -> None:
    """The word start starts, by the daemon; nothing is proposed."""
    async with opened(tmp_path, Street(4_000), GATES) as site:
        await proposed(site, "start")
        assert site.daemon.loop.lanes[NAME].rollout.requested_by.kind is ActorKind.DAEMON
        assert site.daemon.desk.fleet("", 10).proposals == []
