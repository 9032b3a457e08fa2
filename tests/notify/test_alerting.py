"""From the record to the people: exactly what happened, also across restarts, and a dead notifier delays nobody."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from rollout_adapters.notify.memory import MemoryNotifier
from rolloutd.alerting import Told
from rolloutd.core import events as ev
from rolloutd.journal import StoreFull
from rolloutd.outbox import Outbox
from rolloutd.pacing import GIVEN_UP_MS
from rolloutd.ports import Manner, NotifierRefused, NotifierUnreachable
from tests.core.playbook import a_spec
from tests.engines.processes import until
from tests.notify.rig import Office, folded, rolled_back, write

STORY = ["ranker-v42 opened", "ranker-v42 changed"]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A first process."""
    office = Office(tmp_path)
    await office.start()
    yield office
    await office.close()


async def test_what_is_recorded_is_told_once_and_in_order(office: Office) -> None:
    """Opened, changed, and resolved by the claim that came after the end."""
    await office.record(rolled_back())
    await until(lambda: office.said() == STORY, "two messages")
    await office.claim("ranker-v42")
    await until(lambda: len(office.said()) == 3, "the end")
    assert office.said()[-1] == "ranker-v42 resolved"
    assert (await office.alerting.checks())[0].ok


async def test_the_next_process_tells_what_the_last_one_could_not(tmp_path: Path) -> None:
    """Recorded while nobody listened, or kept and not told: the ids are the same, nothing is told that was told."""
    office = Office(tmp_path)
    await office.start()
    office.memory.fault = NotifierUnreachable("It is away.")
    await office.record(rolled_back())
    await until(lambda: office.memory.tries > 0, "a try")
    await office.close()
    second = Office(tmp_path)
    await write(second.journal, rolled_back("ranker-v43", "other"))
    second.clock.later_ms = 10_000
    await second.start()
    both = {*STORY, "ranker-v43 opened", "ranker-v43 changed"}
    await until(lambda: set(second.said()) == both, "both stories")
    ids = [message.id for message in second.memory.told]
    assert len(ids) == len(set(ids)) == 4
    await second.close()
    third = Office(tmp_path)
    await third.start()
    await third.claim("ranker-v43")
    await until(lambda: third.said() == ["ranker-v43 resolved"], "only what is new")
    await third.close()


async def test_a_first_outbox_on_an_old_journal_tells_only_what_is_needed_now(tmp_path: Path) -> None:
    """Years of past rollouts page nobody on the day that alerting is configured."""
    office = Office(tmp_path)
    past, present = rolled_back("past"), rolled_back("present", "other")
    going_back = next(n for n, row in enumerate(present) if type(row.event).__name__ == "RecedeStarted") + 1
    await write(office.journal, [*past, *present[:going_back]])
    await office.start([folded(past), folded(present[:going_back])])
    await until(lambda: office.said() == ["present opened"], "the live one")
    await office.record(present[going_back:])
    await until(lambda: len(office.said()) == 2, "its end")
    assert office.said() == ["present opened", "present changed"]
    await office.close()


async def test_a_new_notifier_hears_of_what_is_open(tmp_path: Path) -> None:
    """And the old one does not hear it again."""
    office = Office(tmp_path)
    await office.start()
    await office.record(rolled_back())
    await until(lambda: office.said() == STORY, "the story")
    await office.close()
    old, new = MemoryNotifier(), MemoryNotifier()
    second = Office(tmp_path, {"memory": Told(old), "new": Told(new)})
    await second.start()
    await until(lambda: len(new.told) == 1, "the opening")
    assert (new.told[0].turn.value, old.told) == ("opened", [])
    await second.close()


async def test_a_pager_hears_only_what_is_critical(tmp_path: Path) -> None:
    """A rollback is."""
    pager = MemoryNotifier()
    office = Office(tmp_path, {"pager": Told(pager, only_critical=True)})
    await office.start()
    await office.record(rolled_back())
    await until(lambda: len(pager.told) == 2, "the rollback")
    await office.close()


@pytest.mark.parametrize("fault", ["hangs", "breaks", "refuses"])
async def test_a_dead_notifier_keeps_only_its_own_post_waiting(tmp_path: Path, fault: str) -> None:
    """I16: the live one beside it is told all; the dead one's trouble stands in the doctor's answer."""
    dead, live = MemoryNotifier(), MemoryNotifier()
    office = Office(tmp_path, {"dead": Told(dead), "live": Told(live)})
    dead.hangs = fault == "hangs"
    if fault != "hangs":
        dead.fault = NotifierUnreachable("It is away.") if fault == "breaks" else NotifierRefused("It will not.")
    await office.start()
    for number in range(5):
        await office.record(rolled_back(f"r-{number}", f"route-{number}"))
    await until(lambda: len(live.told) == 10, "all for the live one")
    assert dead.told == []
    if fault == "breaks":
        assert dead.tries < 10  # it rests as a whole: a try for each of its messages would take the loop's processor
    if fault != "hangs":
        await until(lambda: dead.tries > 0, "a try")
        checks = {check.name: check for check in await office.alerting.checks()}
        assert (checks["notify live"].ok, checks["notify dead"].ok) == (True, False)
        assert checks["notify dead"].next
    await office.close()


async def test_a_day_later_it_is_given_up_and_said(tmp_path: Path) -> None:
    """Backoff until then; a dead letter is counted by the doctor and never told again."""
    office = Office(tmp_path)
    await office.start()
    office.memory.fault = NotifierUnreachable("It is away.")
    await office.record(rolled_back())
    await until(lambda: office.memory.tries == 1, "the first try")
    office.clock.later_ms = GIVEN_UP_MS + 1_000
    for teller in office.alerting.tellers:
        teller.wake()
    await until(lambda: office.memory.tries >= 3, "the last tries")
    office.memory.fault = None
    outbox = Outbox.open(tmp_path / "outbox.db")
    assert await outbox.waiting("memory") == []
    assert (await outbox.figures("memory")).dead == 2
    await outbox.close()
    check = (await office.alerting.checks())[0]
    assert "2 given up for good" in check.detail
    assert check.ok is False
    assert office.said() == []
    await office.close()


async def test_people_get_a_flood_in_few_calls_and_miss_nothing(tmp_path: Path) -> None:
    """Sixty rollouts go back at once: a handful of calls, every rollout in one of them."""
    people = MemoryNotifier(Manner(most=100, paced=True))
    office = Office(tmp_path, {"chat": Told(people, digest_ms=200)})
    await office.start()
    story = rolled_back()
    for number in range(60):
        spec = replace(a_spec(), name=f"r-{number}", route=f"route-{number}")
        first = replace(story[0], stream=spec.name, event=ev.RolloutRequested(spec))
        await write(office.journal, [first, *(replace(row, stream=spec.name) for row in story[1:])])
    await office.record(rolled_back("last", "last"))
    await until(lambda: len({message.rollout for message in people.told}) == 61, "all of them", 30)
    assert len(people.calls) <= 20
    await office.close()


async def test_an_outbox_that_cannot_be_kept_is_said_and_made_up_for(office: Office) -> None:
    """A full disk loses nothing: what was read and not kept is read again."""
    book = office.alerting._book
    assert book is not None
    keep, failures = Outbox.keep, []

    async def full(self: Outbox, *args: object) -> None:
        failures.append(args)
        raise StoreFull("There is no space.")

    Outbox.keep = full  # type: ignore[assignment,method-assign]
    try:
        await office.record(rolled_back())
        await until(lambda: bool(failures), "a failure")
        await until(lambda: bool(office.alerting.broken), "its being said")
    finally:
        Outbox.keep = keep  # type: ignore[method-assign]
    await until(lambda: office.said() == STORY, "the story", 30)


async def test_an_outbox_that_is_no_database_does_not_stop_the_start(tmp_path: Path) -> None:
    """I16: nobody is told, the doctor says why, and the daemon runs."""
    (tmp_path / "outbox.db").write_bytes(b"this is no database, and longer than a page header" * 50)
    office = Office(tmp_path)
    await office.start()
    await office.record(rolled_back())
    check = (await office.alerting.checks())[0]
    assert check.ok is False
    assert "outbox.db" in check.detail
    await office.close()


async def test_a_journal_that_was_put_back_is_followed_from_its_end(tmp_path: Path) -> None:
    """An outbox that is ahead of its journal begins anew, ends what is gone, and tells no past."""
    office = Office(tmp_path)
    await office.start()
    await office.record(rolled_back())
    await until(lambda: office.said() == STORY, "the story")
    await office.close()
    for file in tmp_path.glob("journal.db*"):
        file.unlink()
    second = Office(tmp_path)
    await write(second.journal, rolled_back("old")[:3])
    await second.start()
    await second.record(rolled_back("new"))
    await until(lambda: second.said()[:2] == ["ranker-v42 resolved", "new opened"], "the new story")
    await second.close()


def planted(folder: Path, secret: str) -> Mapping[str, bool]:
    """In which files of a folder a secret stands."""
    return {file.name: secret.encode() in file.read_bytes() for file in folder.iterdir() if file.is_file()}


async def test_an_adapter_that_breaks_with_a_secret_in_its_words_shows_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """I15: neither log, nor doctor, nor outbox repeat what a stranger's exception says."""

    class Careless(MemoryNotifier):
        """Says in its error what it should not."""

        async def tell(self, messages: object) -> None:
            """Break."""
            self.tries += 1
            raise RuntimeError("POST https://hooks.example.com/planted-secret failed")

    careless = Careless()
    office = Office(tmp_path, {"careless": Told(careless)})
    await office.start()
    await office.record(rolled_back())
    await until(lambda: careless.tries > 0, "a try")
    await asyncio.sleep(0)
    checks = await office.alerting.checks()
    await office.close()
    assert "planted-secret" not in caplog.text + repr(checks)
    assert not any(planted(tmp_path, "planted-secret").values())
    with sqlite3.connect(tmp_path / "outbox.db") as db:
        assert db.execute("SELECT count(*) FROM message").fetchone()[0] == 2
