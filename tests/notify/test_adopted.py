"""Other people are told from one moment on, without a restart: nothing is lost, nothing is told twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rollout_adapters.notify.memory import MemoryNotifier
from rolloutd.alerting import Told
from rolloutd.core.state import Rollout
from rolloutd.ports import NotifierUnreachable
from tests.engines.processes import until
from tests.notify.rig import Office, folded, rolled_back

STORY = ["ranker-v42 opened", "ranker-v42 changed"]


async def test_a_new_one_hears_of_what_is_open_and_the_old_one_nothing_twice(tmp_path: Path) -> None:
    """I16: and what comes after is told to both, in the process that was running all the while."""
    office, new = Office(tmp_path), MemoryNotifier()
    await office.start()
    rows = rolled_back()
    await office.record(rows)
    await until(lambda: office.said() == STORY, "the story")
    await office.alerting.adopt({"memory": Told(office.memory), "new": Told(new)}, [folded(rows)])
    await until(lambda: len(new.told) == 1, "the opening")
    assert (new.told[0].turn.value, office.said()) == ("opened", STORY)
    await office.claim("ranker-v42")
    await until(lambda: len(new.told) == 2 and len(office.said()) == 3, "the end, for both")
    assert (new.told[1].turn.value, office.said()[-1]) == ("resolved", "ranker-v42 resolved")
    await office.close()


async def test_the_first_one_of_a_daemon_that_had_none(tmp_path: Path) -> None:
    """It opens the outbox there and then, and begins with what is needed now."""
    office = Office(tmp_path, {})
    await office.start()
    rows = rolled_back()
    await office.record(rows)
    new = MemoryNotifier()
    await office.alerting.adopt({"new": Told(new)}, [])
    await office.record(rolled_back("ranker-v43", "other"))
    await until(lambda: len(new.told) == 2, "what came since")
    assert {message.rollout for message in new.told} == {"ranker-v43"}
    await office.close()


async def test_what_waits_for_one_that_is_away_waits_through_the_change(tmp_path: Path) -> None:
    """Its post is told once it is there, in order; nobody is told by who is gone."""
    office = Office(tmp_path)
    await office.start()
    office.memory.fault = NotifierUnreachable("It is away.")
    await office.record(rolled_back())
    await until(lambda: office.memory.tries > 0, "a try")
    other = MemoryNotifier()
    office.clock.later_ms = 10_000
    await office.alerting.adopt({"memory": Told(other)}, [])
    await until(lambda: len(other.told) == 2, "the story")
    assert [f"{message.rollout} {message.turn.value}" for message in other.told] == STORY
    assert office.said() == []
    await office.alerting.adopt({}, [])
    assert await office.alerting.checks() == []
    await office.close()


async def test_a_change_that_breaks_is_told_by_the_doctor_and_ends_nothing_else(tmp_path: Path) -> None:
    """I16: a reload that had taken over roles and rules was answered as an error, and nobody said who is told now."""

    def broken() -> Iterator[Rollout]:
        yield from [folded(rolled_back())]
        raise OSError("the disk is away")

    office, new = Office(tmp_path, {}), MemoryNotifier()
    await office.start()
    await office.alerting.adopt({"new": Told(new)}, broken())
    (check,) = await office.alerting.checks()
    assert check.ok is False
    assert "nobody is told since the configuration was read again: the disk is away" in check.detail
    await office.alerting.adopt({"new": Told(new)}, [])
    assert all(check.ok is not False for check in await office.alerting.checks())
    await office.record(rolled_back())
    await until(lambda: len(new.told) == 2, "the story, once it is read again")
    await office.close()
