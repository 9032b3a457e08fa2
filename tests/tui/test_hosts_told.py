"""What a screen on several hosts says of each: nothing old passes for new, and nothing of one hides behind another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from rollout_tui.actions import Say, lead
from rollout_tui.client import Client
from rollout_tui.facts import Contact, Facts, Gap, open_rollout
from rollout_tui.folding import Contacts, Incoming, fold
from rollout_tui.hosts import Hosts
from rollout_tui.lines import texts
from rollout_tui.link import Link
from rollout_tui.orders import Order
from rollout_tui.pages import render_foot
from rollout_tui.scene import Scene
from rollout_tui.strip import Send, Step, Strip, press
from rollout_tui.widgets.link_line import render_doubts, render_lost, render_sources
from rolloutd.verbs import BY_NAME
from rolloutd.wire import ActionDone, ActionRequest, Fleet, FleetHold, Problem
from rolloutd.wire_daemon import Heartbeat, SourceAge
from tests.tui import worlds

LIVE = Link(open=True, synced=True, heard_s=100.0)


class Told(Client):
    """A daemon that says what the test gives it, and keeps what it is asked to do."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.says: asyncio.Queue[Incoming] = asyncio.Queue()
        self.orders: list[Order] = []

    async def events(self, name: str = "") -> AsyncGenerator[Incoming, None]:
        """What is given, one after the other, for ever."""
        while True:
            yield await self.says.get()

    async def act(self, order: Order, deadline_s: float = 5.0) -> ActionDone | Problem:
        """Take it."""
        self.orders.append(order)
        return ActionDone(
            name=order.name, action=order.verb, accepted=True, revision=318, by="me", router_confirmed=True,
            took_s=0.1, message="",
        )  # fmt: skip


class Pair:
    """Two hosts, their clock, and what a screen knows of them."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.east, self.west = Told(), Told()
        self.hosts = Hosts({"east": self.east, "west": self.west}, lambda: self.now_s, retry_s=0.0)
        self.facts = Facts()

    async def hear(self, *said: tuple[Told, Incoming]) -> list[Incoming]:
        """All that follows from what the hosts say, up to the last answer to it."""
        found: list[Incoming] = []
        async with aclosing(self.hosts.events()) as events:
            for host, one in said:
                host.says.put_nowait(one)
                awaited = Contacts if not isinstance(one, Fleet) else Fleet
                async with asyncio.timeout(10):
                    async for came in events:
                        self.facts = fold(self.facts, came, detail=False, now_s=self.now_s)
                        found.append(came)
                        if isinstance(came, awaited):
                            break
                self.now_s += 60.0 if isinstance(one, Heartbeat) else 0.0
        return found


def beat(**more: object) -> Heartbeat:
    """A heartbeat whose source answered two seconds ago."""
    source = SourceAge(name="prom", age_s=2.0, every_s=10.0)
    return Heartbeat(as_of="2026-07-30T14:32:10Z", boot_id="b", seq=1, sources=[source]).model_copy(update=more)


async def test_a_silent_hosts_sources_grow_older_beside_a_host_that_speaks() -> None:
    """I3: a minute after the last word of one host its metric source is not two seconds old; it was shown so."""
    pair = Pair()
    await pair.hear((pair.east, worlds.hello()), (pair.west, worlds.hello()), (pair.east, beat()), (pair.west, beat()))
    assert pair.facts.beat is not None
    ages = {one.name: one.age_s for one in pair.facts.beat.sources}
    assert ages == {"east/prom": 62.0, "west/prom": 2.0}
    live = replace(pair.facts, fleet_link=replace(pair.facts.fleet_link, synced=True))
    assert render_sources(Scene(live, live.beat_s)) == "metrics east/prom 1m02s ?, west/prom 2s"


async def test_both_holds_are_told_with_the_first_ones_host() -> None:
    """Who reads ``hold ON`` sees where, and that it is not the only one."""
    pair = Pair()
    held = FleetHold(by="alice", reason="fire drill", at="2026-07-30T14:00:00Z", others=1)
    await pair.hear(
        (pair.east, worlds.hello()),
        (pair.west, worlds.hello()),
        (pair.east, beat(held=held)),
        (pair.west, beat(held=held)),
    )
    assert pair.facts.beat is not None
    assert pair.facts.beat.held is not None
    assert (pair.facts.beat.held.by, pair.facts.beat.held.others) == ("alice on east", 3)


async def test_a_picture_of_one_host_counts_who_needs_somebody_on_all() -> None:
    """The merged picture's own number is of all its rows, not of the host that spoke last."""
    pair = Pair()
    urgent = Fleet(as_of="x", rollouts=[worlds.row("a", "harm", 0.1, needs_you=True)], total=1, needs_you=1)
    calm = Fleet(as_of="x", rollouts=[worlds.row("b", "clear", 0.1, needs_you=False)], total=1, needs_you=0)
    found = await pair.hear((pair.east, worlds.hello()), (pair.east, urgent), (pair.west, calm))
    fleets = [one for one in found if isinstance(one, Fleet)]
    assert (fleets[-1].needs_you, fleets[-1].total) == (1, 2)


async def test_an_override_reaches_its_daemon_under_the_name_that_it_knows() -> None:
    """Typed with its host, confirmed without: the daemon refused every override that was sent from several hosts."""
    pair = Pair()
    status = worlds.ready([worlds.FAIL]).model_copy(update={"name": "ranker@west"})
    contacts = {"east": Contact(LIVE, "viewer"), "west": Contact(LIVE, "admin")}
    facts = replace(open_rollout(Facts(), "ranker@west"), hosts=contacts, status=status, detail_link=LIVE)
    strip = lead(BY_NAME["promote"], facts, "ranker@west", in_fleet=False, status=status, now_s=101.0)
    assert isinstance(strip, Strip)
    assert strip.steps[0] is Step.NAME
    assert "--confirm ranker" in strip.facts[-1]
    assert "--confirm ranker@" not in strip.facts[-1]
    asked = press(replace(strip, typed="ranker@west"), "enter", None, 102.0)
    assert isinstance(asked, Strip)
    asked = press(replace(asked, reason="known and harmless"), "enter", None, 103.0)
    assert isinstance(asked, Strip)
    send = press(asked, "y", "y", 104.0)
    assert isinstance(send, Send)
    await pair.hosts.act(Order.make(send.name, send.verb, send.request, send.revision))
    assert [(one.name, one.request.confirm) for one in pair.west.orders] == [("ranker", "ranker")]
    assert pair.east.orders == []


def test_a_name_with_a_long_host_is_no_end_of_the_screen() -> None:
    """The wire takes a name of 80 letters; with its host it may be longer than that, and it is not sent so."""
    name = f"{'r' * 63}@{'h' * 63}"
    strip = Strip(name, "promote", "PROMOTE", (), (Step.YES,), 0.0, 1, override=True, typed=name)
    assert press(strip, "y", "y", 9.0) == Send(
        name, "promote", ActionRequest(override=True, confirm="r" * 63, wait_s=0), 1
    )


def test_what_befalls_one_host_hides_nothing_of_another() -> None:
    """A restart of each and a silence of a third are all told until they are seen, the restarts first."""
    facts = Facts()
    for gap in (Gap(40.0, True, "east"), Gap(12.0, False, "north"), Gap(20.0, True, "west"), Gap(5.0, False, "east")):
        facts = fold(facts, Contacts({}, gap), detail=False, now_s=1.0)
    text = texts(tuple(render_foot(Scene(facts, 1.0, width=200))))
    assert "east, west: Daemon restarted. It was away for 40s" in text
    assert "north: Contact is back after 12s" in text


def test_the_picture_of_a_lost_host_is_dated_by_itself() -> None:
    """The banner named the time of another host's last heartbeat as that of everything below it."""
    status = worlds.status().model_copy(update={"name": "ranker@west", "as_of": "2026-07-30T14:00:00Z"})
    contacts = {"east": Contact(replace(LIVE, heard_s=4_000.0)), "west": Contact(LIVE.closed("cut"))}
    facts = replace(
        open_rollout(Facts(), "ranker@west"), hosts=contacts, status=status, as_of="2026-07-30T15:05:00Z",
        fleet_link=replace(LIVE, heard_s=4_000.0), detail_link=LIVE.closed("cut"),
    )  # fmt: skip
    banner = texts(tuple(render_lost(Scene(facts, 4_000.0, width=120, on_rollout=True))))
    assert "14:00:00" in banner
    assert "15:05:00" not in banner


def test_a_rollout_opened_on_a_lost_host_is_as_old_as_that_host() -> None:
    """Before its own stream ever spoke the age was that of the stream of all hosts, which was fresh."""
    contacts = {"east": Contact(replace(LIVE, heard_s=4_000.0)), "west": Contact(LIVE.closed("cut"))}
    facts = replace(open_rollout(Facts(), "ranker@west"), hosts=contacts, fleet_link=replace(LIVE, heard_s=4_000.0))
    assert Scene(facts, 4_000.0, on_rollout=True).link_age_s == 3_900.0


def test_a_host_of_another_major_version_takes_no_raise_and_the_screen_says_which() -> None:
    """Only the host that had greeted first was asked for its version."""
    contacts = {"east": Contact(LIVE, "admin"), "west": Contact(LIVE, "admin", api="9.0")}
    facts = replace(Facts(), hosts=contacts, hello=worlds.hello(), fleet_link=LIVE)
    for name, refused in (("ranker@west", True), ("ranker@east", False)):
        status = worlds.ready().model_copy(update={"name": name})
        led = lead(BY_NAME["promote"], facts, name, in_fleet=True, status=status, now_s=101.0)
        assert isinstance(led, Say) is refused
    assert "9.0 on west there" in texts((render_doubts(Scene(facts, 101.0)),))
