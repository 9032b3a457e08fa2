"""A reload in the loop: whole or not at all, on record before it counts, and in nobody's way (I2, I4, I8, I10, I14)."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rolloutd.core import events as ev
from rolloutd.core.commands import RefusalCode, Refused
from rolloutd.core.decide import Accepted
from rolloutd.core.outside_events import ConfigurationRead
from rolloutd.core.values import ZERO
from rolloutd.holding import FleetHolding
from rolloutd.journal import CommandKey, StoreFull
from rolloutd.main import governed, make_outside, spec_reader, vocabulary
from rolloutd.outside import Outside
from rolloutd.reloading import BY_SIGNAL, Reloading
from rolloutd.rereading import Fresh, Rereading
from rolloutd.settings import Settings, load_settings
from tests.core.playbook import ADMIN
from tests.shell.rig import Rig

CONFIG = """[policy]
max_concurrent = 3
[routers.edge]
kind = "memory"
[sources.counters]
kind = "memory"
[metrics.errors]
template = "python.errors"
"""


@dataclass
class Gate:
    """Holds whoever makes adapters until it is opened; open at first."""

    open: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    breaks: list[Exception] = field(default_factory=list)

    def make(self, settings: Settings) -> Outside:
        """As main makes it, when the gate is open; first whatever is to break."""
        self.reached.set()
        if self.breaks:
            raise self.breaks.pop(0)
        assert self.open.wait(30)
        return make_outside(settings)


class Office:
    """A rig with a file, and what was adopted of it."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder)
        self.file = folder / "config.toml"
        self.write(CONFIG)
        self.gate, self.adopted = Gate(), list[Fresh]()
        self.gate.open.set()

    async def open(self) -> Reloading:
        """As the daemon does it."""
        self.holding = FleetHolding(self.rig.loop, self.rig.journal, self.rig.clock)
        await self.holding.restore()
        running = load_settings(self.file, vocabulary())
        rereading = Rereading(running, self.gate.make, governed, spec_reader)
        return Reloading(self.rig.loop, self.holding, rereading, self.adopt)

    async def adopt(self, fresh: Fresh) -> None:
        """Keep it, with how far the record was by then."""
        assert isinstance((await self.record())[-1].event, ConfigurationRead)
        self.adopted.append(fresh)

    def write(self, text: str) -> None:
        """A new content, as an editor saves it."""
        self.file.write_text(text)
        self.file.chmod(0o600)

    async def record(self) -> list[ev.Recorded]:
        """The fleet's stream."""
        return await self.rig.journal.load(ev.FLEET_STREAM)

    async def looks(self, name: str) -> int:
        """How many fresh looks a rollout began for a reload."""
        look = ev.WindowRestarted("the configuration was read again")
        return [row.event for row in await self.rig.journal.load(name)].count(look)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """One of them."""
    return Office(tmp_path)


def key(text: str) -> CommandKey:
    """A command's key."""
    return CommandKey(text, 1, text)


async def test_who_and_which_keys_are_on_record_before_they_count(office: Office) -> None:
    """I4, I10: the kernel's name of whoever asked, the keys, the digest; the same command again is done once."""
    reloading = await office.open()
    office.write(CONFIG.replace("3", "4") + '[notify.pager]\nkind = "memory"\n[routers.other]\nkind = "memory"\n')
    decision, fresh = await reloading.reload(ADMIN, "the sale is over", key("r1"))
    assert isinstance(decision, Accepted)
    assert fresh is not None
    row = (await office.record())[-1]
    assert isinstance(row.event, ConfigurationRead)
    assert (row.actor, row.event.reason) == (ADMIN, "the sale is over")
    assert row.event.taken == ("policy.max_concurrent", "notify.pager")
    assert row.event.waiting == ("routers.other",)
    (check,) = reloading.checks()
    assert (check.ok, "routers.other" in check.detail) == (True, True)
    assert check.next == "systemctl restart rolloutd"
    assert office.adopted[0].outside.limits.live == 4
    assert list(office.adopted[0].notifiers or ()) == ["pager"]
    again, nothing = await reloading.reload(ADMIN, "the sale is over", key("r1"))
    assert isinstance(again, Accepted)
    assert (again.message, nothing, len(office.adopted)) == (decision.message, None, 1)


async def test_a_fault_is_refused_whole_with_its_line_and_the_nearest_key(office: Office) -> None:
    """Nothing of it counts, the refusal is on record, and the file that is mended is taken as if nothing had been."""
    reloading = await office.open()
    name = await office.rig.start()
    office.write(CONFIG.replace("max_concurrent = 3", "max_concurrent = 4\nmax_concurent_team = 1"))
    decision, _ = await reloading.reload(ADMIN, "", key("r1"))
    assert isinstance(decision, Refused)
    assert decision.code is RefusalCode.BAD_INPUT
    assert (
        "line 3 policy.max_concurent_team: There is no such key. Did you mean max_concurrent_team?" in decision.message
    )
    assert "goes on with what it runs with" in decision.message
    assert office.adopted == []
    assert await office.looks(name) == 0
    row = (await office.record())[-1]
    assert isinstance(row.event, ev.CommandRefused)
    assert (row.event.verb, row.actor) == ("reload", ADMIN)
    office.write(CONFIG.replace("3", "4"))
    mended, _ = await reloading.reload(ADMIN, "", key("r1"))
    assert isinstance(mended, Accepted)


@pytest.mark.parametrize("text", ['[notify.pager]\nkind = "pigeon"\n', '[routers.two]\nkind = "memory"\nlese = "9s"\n'])
async def test_what_only_an_adapter_can_see_is_refused_with_its_line_too(office: Office, text: str) -> None:
    """Also where it would only count after a restart: that restart must not fail."""
    reloading = await office.open()
    office.write(CONFIG + text)
    decision, _ = await reloading.reload(ADMIN, "", None)
    assert isinstance(decision, Refused)
    assert "line " in decision.message
    assert office.adopted == []


async def test_an_abort_goes_through_while_the_file_is_read(office: Office) -> None:
    """I2: the file, its secrets and its adapters take as long as they take; the way back does not wait for them."""
    reloading = await office.open()
    name = await office.rig.start()
    office.write(CONFIG.replace("3", "4"))
    office.gate.open.clear()
    reading = asyncio.create_task(reloading.reload(ADMIN, "", None))
    await office.rig.until(office.gate.reached.is_set)
    await office.rig.abort(name)
    await office.rig.until(lambda: name in office.rig.loop.ended)
    assert office.rig.world.override == ZERO
    assert not reading.done()
    office.gate.open.set()
    assert isinstance((await reading)[0], Accepted)


async def test_every_live_rollout_looks_afresh_and_keeps_its_plan(office: Office) -> None:
    """I8, I14: no share moves and no plan changes; a file that says nothing new disturbs nobody."""
    reloading = await office.open()
    name = await office.rig.start()
    before = office.rig.loop.lanes[name].rollout
    await reloading.reload(ADMIN, "", None)
    assert await office.looks(name) == 0
    office.write(CONFIG.replace("3", "1") + '[policy.freeze]\ndays = ["2026-12-24"]\n')
    await reloading.reload(ADMIN, "", None)
    after = office.rig.loop.lanes[name].rollout
    assert (after.spec, after.traffic.wanted) == (before.spec, before.traffic.wanted)
    assert await office.looks(name) == 1


async def test_what_cannot_be_recorded_is_not_done(office: Office) -> None:
    """I4: a full journal refuses the reload; the next one takes the same keys."""
    reloading = await office.open()
    office.write(CONFIG.replace("3", "4"))
    office.rig.journal.faults.fail_next(StoreFull("No space."))
    decision, _ = await reloading.reload(ADMIN, "", None)
    assert isinstance(decision, Refused)
    assert office.adopted == []
    decision, fresh = await reloading.reload(ADMIN, "", None)
    assert isinstance(decision, Accepted)
    assert fresh is not None
    assert fresh.changed.taken == ("policy.max_concurrent",)


async def test_a_signal_is_recorded_as_one(office: Office) -> None:
    """I10: it names nobody, so nobody is named; a file with a fault is refused and the next signal is heard."""
    reloading, bell = await office.open(), asyncio.Event()
    following = asyncio.create_task(reloading.follow(bell))
    office.write("[polcy]\n")
    bell.set()
    async with asyncio.timeout(30):
        while not await office.record():
            await asyncio.sleep(0.01)
    office.write(CONFIG.replace("3", "4"))
    bell.set()
    await office.rig.until(lambda: bool(office.adopted))
    following.cancel()
    first, second = (await office.record())[0], (await office.record())[-1]
    assert isinstance(first.event, ev.CommandRefused)
    assert isinstance(second.event, ConfigurationRead)
    assert second.actor == BY_SIGNAL == replace(first.actor)


async def test_what_nobody_foresaw_ends_no_daemon(office: Office) -> None:
    """A disk that fails under the file is a refusal; a fault of our own is in the log, and the next signal is heard."""
    reloading, bell = await office.open(), asyncio.Event()
    office.write(CONFIG.replace("3", "4"))
    office.gate.breaks = [OSError("Input/output error"), ValueError("nobody thought of it")]
    refused, _ = await reloading.reload(ADMIN, "", None)
    assert isinstance(refused, Refused)
    assert "Input/output error" in refused.message
    following = asyncio.create_task(reloading.follow(bell))
    bell.set()
    await office.rig.until(lambda: not office.gate.breaks)
    bell.set()
    await office.rig.until(lambda: bool(office.adopted))
    assert not following.done()
    following.cancel()


async def test_a_secret_that_changed_is_a_reason_to_tell_anew(office: Office, tmp_path: Path) -> None:
    """I15: the keys are as before, the token is not; it stands in no message and no record."""
    secret = tmp_path / "token"
    secret.write_text("first-token-of-24-letters-and-more")
    secret.chmod(0o600)
    hook = '[notify.hook]\nkind = "webhook"\nurl = "https://hooks.example.com/x"\nhosts = ["hooks.example.com"]\n'
    hook += f'secret = {{ file = "{secret}" }}\n'
    office.write(CONFIG + hook)
    reloading = await office.open()
    secret.write_text("other-token-of-24-letters-and-more")
    decision, fresh = await reloading.reload(ADMIN, "", None)
    assert isinstance(decision, Accepted)
    assert "new secrets of [notify]" in decision.message
    assert fresh is not None
    assert list(fresh.notifiers or ()) == ["hook"]
    assert "24-letters" not in str((await office.record())[-1].event) + decision.message
