"""The simulated demo from outside, as ``rollout demo`` starts it, and its made-up town from inside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from rollout_adapters.memory import MemoryProber, MemoryRouter
from rollout_adapters.memory_metrics import MemorySource
from rolloutd.core.metrics import Counted, GateKind, MetricTemplate, Question, Selector
from rolloutd.core.values import Instant, Share, Slot
from rolloutd.simdemo.stories import FREE, METRIC, STORIES, Fault, arm, cast, spec
from rolloutd.simdemo.town import Town
from tests.engines.processes import wait_until

TEMPLATE = MetricTemplate(METRIC, GateKind.PROPORTION, "slot", Selector("requests_total"), bad=Selector("failed_total"))


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name for whatever the demo makes."""
    with TemporaryDirectory(prefix="roll-") as folder:
        yield Path(folder)


def demo(place: Path, *words: str) -> subprocess.Popen[str]:
    """``rollout demo`` with its output in a pipe; its temporary files are in ``place``."""
    command = [sys.executable, "-c", "from rolloutd.ctl import main; main()", "demo", *words]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(place)},
    )


def stages(place: Path) -> list[int]:
    """The processes that have something in ``place`` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(place) in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_all_four_stories_come_out_right_and_leave_nothing(place: Path) -> None:
    """Headless: SIMULATED on line 1, done, rolled back, held, put back and done; exit 0, and nothing stays."""
    with demo(place, "--headless") as process:
        output, errors = process.communicate(timeout=170)
    assert process.returncode == 0, output + errors
    assert "SIMULATED" in output.splitlines()[0]
    ends = [line.split(maxsplit=2)[2] for line in output.splitlines() if "stays: " in line]
    assert sorted(ends) == [
        "blind     stays: held, 0% on v2",
        "drifting  stays: done, 100% on v2",
        "harmful   stays: rolled_back, 0% on v2",
        "healthy   stays: done, 100% on v2",
    ]
    assert "outside of rolloutd: it is put back" in output
    assert list(place.iterdir()) == []
    assert stages(place) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_nothing_is_left(place: Path, number: signal.Signals) -> None:
    """Asked to stop or ended by force, its daemon goes too and the folder is gone."""
    with demo(place, "--headless") as process:
        wait_until(lambda: any(place.glob("*/run/view.sock")), "the demo's daemon", 30.0)
        process.send_signal(number)
        process.communicate(timeout=30)
        wait_until(lambda: not stages(place) and not list(place.iterdir()), "an empty folder", 30.0)
    assert process.returncode == (143 if number is signal.SIGTERM else -9)


def test_words_it_does_not_know_are_a_usage_error(place: Path) -> None:
    """Exit 2 and nothing started."""
    with demo(place, "--headles", "--sed=1") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "usage: rollout demo" in errors
    assert list(place.iterdir()) == []


def test_in_a_drill_nothing_but_the_screen_tells_which_one_is_harmful() -> None:
    """By another seed other names in another order; neither name nor reason says what goes wrong."""
    drills = [cast(seed, drill=True) for seed in range(20)]
    assert cast(1, drill=False) == STORIES
    assert all(sorted(one.outcome for one in drill) == sorted(one.outcome for one in STORIES) for drill in drills)
    assert len({[one.fault for one in drill].index(Fault.ERRORS) for drill in drills}) == len(STORIES)
    assert len({one.route for drill in drills for one in drill if one.fault is Fault.ERRORS}) > 4
    for story in drills[0]:
        body = json.dumps(spec(story, story.route, "v1", "v2"))
        assert not any(word in body for word in (story.fault.value, "harmful", "healthy", "blind", "drifting"))


def test_a_drill_needs_a_terminal(place: Path) -> None:
    """Without one it is a usage error, and nothing is started."""
    with demo(place, "--drill") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "in a terminal" in errors


class StillClock:
    """A clock that stands."""

    def now(self) -> Instant:
        """Always the same moment."""
        return Instant(1_000, 1_000)


async def counts(seed: int) -> list[tuple[float, float]]:
    """What a town of this seed has counted after twenty steps, half of them with 20 % on each challenger."""
    router = MemoryRouter(StillClock(), [story.route for story in (*STORIES, FREE)])
    source = MemorySource("counters", lambda: 1_000)
    town = Town(router, source, MemoryProber({}), seed)
    for step in range(20):
        if step == 10:
            for story in STORIES:
                await router.set_share(story.route, Slot.B, Share(2_000))
        await town.step()
    arms = [arm(story.route, slot.value) for story in STORIES for slot in Slot]
    answer = await source.read(Question(TEMPLATE, frozenset(arms)), 1.0)
    found = [answer.by_arm[one] for one in arms]
    return [(one.total[0].value, one.part[0].value) for one in found if isinstance(one, Counted)]


async def test_a_town_is_the_same_by_the_same_seed() -> None:
    """The counters follow the shares, by chance, and the chance follows the seed."""
    first = await counts(7)
    assert first == await counts(7)
    assert first != await counts(8)
    totals = [total for total, _ in first]
    assert all(total == 800 for total in (totals[at] + totals[at + 1] for at in range(0, 8, 2)))
    assert all(40 < new < 130 for new in totals[1::2])
