"""Named checks in the loop: carried out once at a time, reported whole, and ended with their rollout or the daemon."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from rollout_adapters.registries.memory import MemoryRegistry
from rolloutd.core.checks import Check
from rolloutd.core.offline import OfflineRule
from rolloutd.hands import Hands
from rolloutd.main import make_outside, spec_reader, vocabulary
from rolloutd.offline_check import OfflineExaminer
from rolloutd.ports import Case, CheckFinding, Examiner, OfflineMetric
from rolloutd.settings import read_settings
from rolloutd.settings.problems import SettingsError
from tests.core.playbook import a_spec
from tests.shell.rig import Rig, WorldProber


class Held:
    """A check that is told when to answer."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = asyncio.Event()
        self.open = asyncio.Event()
        self.finding = CheckFinding(answered=True, passed=True, detail="fine\x1b[31m")

    async def examine(self, case: Case) -> CheckFinding:
        """Wait."""
        self.begun += 1
        try:
            await self.open.wait()
        finally:
            self.ended.set()
        return self.finding

    async def close(self) -> None:
        """Nothing is open."""


def rig(folder: Path, **examiners: Examiner) -> Rig:
    """A process that can carry out these."""
    made = Rig(folder)
    made.hands = Hands({"ranker": made.router}, WorldProber(made.world), made.clock, made.loop.observe, examiners)
    made.loop.hands = made.hands
    return made


async def start(of: Rig, *checks: Check) -> str:
    """A rollout with these checks, whose route, slots and sources are in order."""
    name = await of.start(replace(a_spec(), checks=checks))
    await of.feed(name)
    return name


async def test_one_at_a_time_and_what_it_found_is_on_record_without_control_characters(tmp_path: Path) -> None:
    """I12: however many ticks pass, it is begun once; its words are text."""
    held = Held()
    here = rig(tmp_path, slow=held)
    name = await start(here, Check("slow"))
    await here.until(lambda: held.begun == 1)
    for _ in range(5):
        await here.feed(name)
    assert held.begun == 1
    held.open.set()
    await here.until(lambda: bool(here.loop.lanes[name].rollout.checks))
    assert here.loop.lanes[name].rollout.checks[0].detail == "fine [31m"
    await here.feed(name)
    assert here.loop.lanes[name].rollout.phase.value != "preflight"


async def test_an_abort_and_a_stop_end_what_is_under_way(tmp_path: Path) -> None:
    """I2: nobody waits for a check; a restarted daemon carries it out again (I6)."""
    held = Held()
    here = rig(tmp_path, slow=held)
    here.loop._recorded = here.hands.recorded
    name = await start(here, Check("slow"))
    await here.until(lambda: held.begun == 1)
    await here.hands.end_checks()
    assert held.ended.is_set()
    assert here.loop.lanes[name].rollout.checks == ()
    await here.feed(name)
    await here.until(lambda: held.begun == 2)
    await here.abort(name)
    await here.until(lambda: name in here.loop.ended)


async def test_what_is_not_over_in_its_time_has_not_passed(tmp_path: Path) -> None:
    """I3: the deadline is the check's own, in total; the rollout is refused with it."""
    here = rig(tmp_path, slow=Held())
    name = await start(here, Check("slow", deadline_ms=50))
    await here.until(lambda: name in here.loop.ended)
    assert "check slow did not pass: it was not over within 0.05 s" in here.loop.ended[name].refusals


class Broken(Held):
    """A check with a fault of its own."""

    async def examine(self, case: Case) -> CheckFinding:
        """Break."""
        raise OverflowError("secret figures")


async def test_a_check_that_breaks_is_a_no_and_ends_nobody(tmp_path: Path) -> None:
    """I3, I15: the daemon lives, the rollout is refused, and what the fault said stays out of the record."""
    here = rig(tmp_path, broken=Broken())
    name = await start(here, Check("broken"))
    await here.until(lambda: name in here.loop.ended)
    (why,) = here.loop.ended[name].refusals
    assert "the check itself broke (OverflowError)" in why
    assert "secret" not in why


async def test_a_registry_that_is_away_is_asked_again_and_then_compared(tmp_path: Path) -> None:
    """I16: running rollouts do not notice; a new one waits, and goes on when the registry is back."""
    registry = MemoryRegistry()
    for version, value in (("v41", 0.8), ("v42", 0.81)):
        registry.add("ranker", version, OfflineMetric("auc", value, "test", "d1"))
    registry.away = True
    here = rig(tmp_path, offline=OfflineExaminer(registry, OfflineRule("auc")))
    name = await start(here, Check("offline"))
    await here.until(lambda: bool(here.loop.lanes[name].seen.checked))
    assert here.loop.lanes[name].rollout.checks == ()
    registry.away = False
    await here.feed(name)
    await here.until(lambda: bool(here.loop.lanes[name].rollout.checks))
    assert here.loop.lanes[name].rollout.checks[0].passed


async def test_a_version_that_the_registry_does_not_have_is_a_no(tmp_path: Path) -> None:
    """The sentence names it."""
    registry = MemoryRegistry()
    registry.add("ranker", "v41", OfflineMetric("auc", 0.8, "test", "d1"))
    here = rig(tmp_path, offline=OfflineExaminer(registry, OfflineRule("auc")))
    name = await start(here, Check("offline"))
    await here.until(lambda: name in here.loop.ended)
    assert "no version v42 of ranker" in here.loop.ended[name].refusals[0]


CONFIG = """
[policy]
checks = ["offline"]
[routers.edge]
kind = "memory"
[routes.ranker]
router = "edge"
slots.a = { arm = "a", probe_url = "http://127.0.0.1:1/a" }
slots.b = { arm = "b", probe_url = "http://127.0.0.1:1/b" }
[sources.proxy]
kind = "memory"
[registries.models]
kind = "memory"
[checks.offline]
kind = "offline"
registry = "models"
metric = "auc"
margin = 0.01
[checks.schema]
kind = "command"
deadline = "10s"
argv = ["/bin/true", "--all"]
[checks.sign-off]
kind = "approval"
[metrics.errors]
arm_label = "arm"
total = { series = "all" }
bad = { series = "bad" }
"""
SPEC = """
[rollout]
model = "ranker"
champion = "v41"
challenger = "v42"
route = "ranker"
checks = ["schema", "sign-off", "offline"]
[[gate]]
metric = "errors"
limit = "5%"
"""


def test_the_files_checks_are_the_rollouts_and_have_their_examiners() -> None:
    """The policy's first, each once, with what it asks in words; an approval is nobody's to carry out."""
    settings = read_settings(CONFIG, "config.toml", vocabulary())
    spec = spec_reader(settings)({"spec_toml": SPEC, "file": "x"})
    assert [check.name for check in spec.checks] == ["offline", "schema", "sign-off"]
    assert spec.checks[1].said == "command, within 10s: argv /bin/true --all"
    assert set(make_outside(settings).examiners) == {"offline", "schema"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('checks = ["offline"]', 'checks = ["ofline"]', "Did you mean offline"),
        ('registry = "models"', 'registry = "model"', "Did you mean models"),
        ('metric = "auc"', "", "metric"),
        ("margin = 0.01", "margin = -0.01", "greater than or equal to 0"),
        ('kind = "approval"', 'kind = "approval"\nargv = ["/bin/true"]', "argv"),
        ('argv = ["/bin/true", "--all"]', 'argv = ["true"]', "whole path"),
    ],
)
def test_a_check_that_is_none_is_refused_with_its_line(old: str, new: str, says: str) -> None:
    """Before anything starts."""
    with pytest.raises(SettingsError, match=says):
        make_outside(read_settings(CONFIG.replace(old, new), "config.toml", vocabulary()))


def test_a_rollout_cannot_name_a_check_that_is_not_there() -> None:
    """It is told which is near."""
    settings = read_settings(CONFIG, "config.toml", vocabulary())
    with pytest.raises(SettingsError, match="Did you mean schema"):
        spec_reader(settings)({"spec_toml": SPEC.replace('"schema"', '"shema"'), "file": "x"})
