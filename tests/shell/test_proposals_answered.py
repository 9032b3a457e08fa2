"""A proposal that two people answer at once, or that is closed while its start is being measured: one word counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rolloutd import desk
from rolloutd.core import events as ev
from rolloutd.core.commands import Act, RefusalCode, Refused, Start, Verb
from rolloutd.core.forecast.rule import Ruling
from rolloutd.core.outside_events import ProposalClosed
from rolloutd.core.plan import Spec
from rolloutd.core.registry_wish import CHAMPION
from rolloutd.core.values import Actor, ActorKind, Role
from rolloutd.foreteller import Foreteller
from rolloutd.journal import StoreFull
from rolloutd.wire import ActionDone
from rolloutd.wire_plan import PlanOutlook
from tests.shell.test_choosing import Opened, opened
from tests.shell.test_foretelling import Street
from tests.shell.test_proposing import ANN, NAME, Said, answer, look, proposed

BOB = Actor(ActorKind.PERSON, "bob", 2001, Role.OPERATOR, "test")
SHORT = """
[strategies.short]
[[strategies.short.stage]]
name = "watch"
share = "100%"
"""
POLICY = '[policy]\ngates = ["errors"]\ndefault_strategy = "short"\n'
GATES = POLICY + SHORT
SIGNED = f'{POLICY}checks = ["signed"]\n[checks.signed]\nkind = "approval"\n{SHORT}'
UNMEASURED = f'{POLICY}low_traffic = "start"\n{SHORT}'
BODY = {"rollout": {"model": "ranker", "champion": "v41", "challenger": "v42", "route": "ranker"}}


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody ticks here, so no start waits for its checks."""
    monkeypatch.setattr(desk, "START_PATIENCE_S", 0.05)


class Measuring:
    """Forecasts that are done and wait: ``begun`` says so, ``go`` lets them end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        foretell = Foreteller.foretell

        async def waiting(foreteller: Foreteller, spec: Spec) -> tuple[Ruling, PlanOutlook]:
            found = await foretell(foreteller, spec)
            self.begun.set()
            await self.go.wait()
            return found

        monkeypatch.setattr(Foreteller, "foretell", waiting)


def revision(site: Opened) -> int:
    """Of the only proposal."""
    (found,) = site.daemon.desk.fleet("", 10).proposals
    return found.revision


async def said(site: Opened, who: Actor, verb: Verb, seen: int, name: str = NAME) -> Said:
    """This person's word, with a key of its own."""
    return await site.daemon.desk.act(name, Act(verb, who, seen, ""), f"{who.uid}/{verb.value}/{name}/a-key", 0)


async def being_approved(site: Opened, monkeypatch: pytest.MonkeyPatch) -> tuple[Measuring, asyncio.Task[Said]]:
    """A proposal with somebody's yes, whose start is being measured until ``go``."""
    await proposed(site)
    measuring = Measuring(monkeypatch)
    approving = asyncio.create_task(answer(site, Verb.APPROVE, revision(site)))
    await measuring.begun.wait()
    return measuring, approving


async def closings(site: Opened) -> list[tuple[str, Actor]]:
    """How proposals ended, and by whom."""
    rows = await site.daemon.journal.load(ev.FLEET_STREAM)
    return [(row.event.outcome, row.actor) for row in rows if isinstance(row.event, ProposalClosed)]


async def test_one_that_is_declined_while_its_start_is_measured_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I4, I11: "declined; nothing was started" had been answered, and then it was."""
    async with opened(tmp_path, Street(4_000), GATES) as site:
        measuring, approving = await being_approved(site, monkeypatch)
        assert isinstance(await said(site, BOB, Verb.DECLINE, 0), ActionDone)
        measuring.go.set()
        approved = await approving
        assert isinstance(approved, Refused)
        assert "no longer proposed" in approved.message
        assert site.daemon.loop.lanes == {}
        assert await closings(site) == [("declined", BOB)]


async def test_one_whose_champion_changed_while_its_start_is_measured_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I11: what was looked at is closed, another of the same name is open, against the champion of today."""
    async with opened(tmp_path, Street(4_000), GATES) as site:
        measuring, approving = await being_approved(site, monkeypatch)
        monkeypatch.undo()
        await site.registry.set_alias("ranker", CHAMPION, "v40")
        await look(site)
        measuring.go.set()
        assert isinstance(await approving, Refused)
        assert [one.champion for one in site.daemon.desk.fleet("", 10).proposals] == ["v40"]


async def test_of_two_who_approve_at_once_one_is_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I4: the other one was refused, and stood in the record as who accepted it."""
    async with opened(tmp_path, Street(4_000), GATES) as site:
        await proposed(site)
        measuring, seen = Measuring(monkeypatch), revision(site)
        both = [asyncio.create_task(said(site, who, Verb.APPROVE, seen)) for who in (ANN, BOB)]
        await measuring.begun.wait()
        measuring.go.set()
        words = await asyncio.gather(*both)
        assert sorted(type(one).__name__ for one in words) == ["ActionDone", "Refused"]
        assert await closings(site) == [("accepted", site.daemon.loop.lanes[NAME].rollout.requested_by)]


async def test_a_late_yes_to_a_proposal_is_no_yes_to_what_its_rollout_asks(tmp_path: Path) -> None:
    """I11: both were at revision 1, and the second approval passed the check that wants another person's look."""
    async with opened(tmp_path, Street(4_000), SIGNED) as site:
        await proposed(site)
        seen = revision(site)
        assert isinstance(await said(site, ANN, Verb.APPROVE, seen), ActionDone)
        late = await said(site, BOB, Verb.APPROVE, seen)
        assert isinstance(late, Refused)
        assert late.code is RefusalCode.CONFLICT
        assert "approval was of the proposal" in late.message
        rollout = site.daemon.loop.lanes[NAME].rollout
        assert not any(check.passed for check in rollout.checks)
        assert isinstance(await said(site, ANN, Verb.APPROVE, seen), ActionDone)  # a repeat is answered as before


async def test_an_approval_that_is_to_wait_waits_for_the_router(tmp_path: Path) -> None:
    """I6: it came back at once, and the command line said that the router had not confirmed within its minute."""
    async with opened(tmp_path, Street(4_000), UNMEASURED) as site:
        await proposed(site)
        act = Act(Verb.APPROVE, ANN, revision(site), "")
        approving = asyncio.create_task(site.daemon.desk.act(NAME, act, f"2000/approve/{NAME}/a-key", 60.0))
        async with asyncio.timeout(30):
            while not await closings(site):
                await asyncio.sleep(0.01)
        done_early, _ = await asyncio.wait({approving}, timeout=4 * desk.START_PATIENCE_S)
        assert not done_early
        assert isinstance(await answer(site, Verb.ABORT), ActionDone)
        done = await approving
        assert isinstance(done, ActionDone)
        assert not done.router_confirmed


async def test_an_abort_by_the_models_name_is_not_taken_for_a_word_on_a_proposal(tmp_path: Path) -> None:
    """I2: a model may be called as a rollout of another one would be."""
    async with opened(tmp_path, Street(4_000), GATES) as site:
        await proposed(site)
        spec = replace(site.reader({"spec": BODY, "file": "x"}), name="other", model=NAME)
        await site.daemon.loop.start(Start(spec, ANN), None)
        assert isinstance(await answer(site, Verb.ABORT), ActionDone)
        assert "other" in site.daemon.loop.ended


async def test_a_start_that_cannot_be_recorded_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """I4: a full disk was answered as a mistake of the daemon's."""
    async with opened(tmp_path, Street(4_000), UNMEASURED) as site:

        async def full(*args: object, **more: object) -> object:
            raise StoreFull("No space.")

        site.daemon.journal.append = full  # type: ignore[method-assign,assignment]
        refused = await site.daemon.desk.start({"spec": BODY, "file": "x"}, ANN, "2000/start//a-key", False)
        assert isinstance(refused, Refused)
        assert "could not be recorded: No space." in refused.message


async def test_a_start_that_comes_twice_at_once_is_answered_the_same(tmp_path: Path) -> None:
    """I11: a client that asks again while the disk is slow heard that the name is taken."""
    async with opened(tmp_path, Street(4_000), UNMEASURED) as site:
        start = partial(site.daemon.desk.start, {"spec": BODY, "file": "x"}, ANN, "2000/start//a-key", dry_run=False)
        words = await asyncio.gather(start(), start())
        assert [type(one).__name__ for one in words] == ["ActionDone", "ActionDone"]
