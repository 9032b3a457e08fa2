"""Somebody who has never seen the screen: README, docs/on-call.md and what the screen says, in a real terminal.

The reader knows no key and no name by heart. Every key must be read from a line of the screen or of the two pages, and
which rollout is the harmful one from the screen alone: names and their order are another each run.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from rolloutd.ctl.client import Client
from rolloutd.simdemo.stories import METRIC, Fault, cast
from tests.engines.processes import NotReady
from tests.engines.terminal import Terminal
from tests.tidy import ROOT

pytestmark = [pytest.mark.real, pytest.mark.slow]

PAGES = "\n".join((ROOT / page).read_text() for page in ("README.md", "docs/on-call.md"))
KEYS_MOST = 6
ROUNDS = 3
"""What goes back by itself before it is stopped needs no stopping: the next one of the drill does."""
HARM_WITHIN_S = 150.0
DROPPED = ("Press it again", "Look again")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name for whatever the demo makes."""
    with TemporaryDirectory(prefix="roll-") as folder:
        yield Path(folder)


class Reader:
    """Presses only what is written somewhere, and counts."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.pressed: list[str] = []

    def text(self) -> str:
        """What the screen shows, wherever its lines are broken."""
        return " ".join(self.terminal.text().split())

    def word(self, pattern: str) -> str:
        """What the two pages say there. Fails where they do not."""
        found = re.search(pattern, PAGES)
        assert found is not None, f"neither page says {pattern}"
        return found[1]

    def key(self, what: str) -> str:
        """The key that the screen gives for this: ``w`` in ``w why`` on its last line, a tab's among the tabs."""
        lines = self.terminal.lines()
        for shown, gap in ((lines[-1], "  "), (lines[1], r"[ \[]")):
            found = re.search(rf"(?:^|{gap})(\S+) {re.escape(what)}(?:  |$| )", shown)
            if found is not None:
                return found[1]
        raise AssertionError(f"neither the last line nor the tabs say a key for {what}: {lines[-1]}")

    async def press(self, what: str, seen: Callable[[], bool], within_s: float = 15.0) -> None:
        """Press the key for this until it is seen to work; one that was dropped is pressed again, and counts again."""
        while not seen():
            await asyncio.sleep(random.uniform(0.3, 0.5))  # nobody presses a key in the moment in which a screen comes
            key = self.key(what)
            self.pressed.append(key)
            assert len(self.pressed) <= KEYS_MOST, f"too many keys: {self.pressed}"
            self.terminal.press(key)
            await self.terminal.until(lambda: seen() or self.dropped, f"an answer to {what}", within_s)
            if not seen():
                await asyncio.sleep(random.uniform(1.0, 1.5))  # a person reads first

    @property
    def dropped(self) -> bool:
        """Whether the screen says that a key was not taken."""
        return any(word in self.text() for word in DROPPED)

    def top(self) -> list[str]:
        """The words of the first row of the list."""
        lines = self.terminal.lines()
        heading = next((at for at, line in enumerate(lines) if line.split()[:2] == ["STATE", "ROLLOUT"]), None)
        return lines[heading + 1].split() if heading is not None else []


@dataclass(frozen=True)
class Done:
    """What the reader can say afterwards: the rollout that was stopped, why, and which segment was hurt."""

    name: str
    why: str
    segment: str


async def find_explain_stop(reader: Reader) -> Done:
    """The five tasks one after the other: the worst, why, which segment, stop it, prove it stopped."""
    harm = reader.word(r"\| `[^`]*` \| (\w+) \| evidence of harm")
    assert "most urgent first" in PAGES
    await reader.terminal.until(lambda: harm in reader.top(), "a harmful rollout on top of the list", HARM_WITHIN_S)
    row = reader.top()
    if harm not in row:
        raise TooLate
    name = row[row.index(harm) + 1]
    await reader.press("open", lambda: name in reader.terminal.lines()[0].split() and "[1 Stages]" in reader.text())
    await reader.press("why", lambda: f"Why {name}" in reader.text() and " NEXT " in reader.text())
    why = next((line for line in reader.terminal.lines() if harm.lower() in line), "")
    await reader.press("back", lambda: "[1 Stages]" in reader.text())
    if harm not in reader.terminal.lines()[0]:
        raise TooLate
    await reader.press("Segments", lambda: "[3 Segments]" in reader.text() and "READING" in reader.text())
    if harm not in reader.terminal.lines()[0]:
        raise TooLate
    hurt = re.search(rf"READING .* shows {harm.lower()} in (\S+)", reader.text())
    proof = reader.word(r"Look until it says \*([^*]+)\*")
    await reader.press("ABORT now", lambda: proof in reader.text(), 30.0)
    return Done(name, why, hurt[1] if hurt else "")


class TooLate(Exception):
    """The daemon has taken it back by itself meanwhile."""


async def stopped_in_time(terminal: Terminal) -> tuple[Reader, Done]:
    """The same tasks anew while the daemon was quicker."""
    for left in reversed(range(ROUNDS)):
        reader = Reader(terminal)
        try:
            return reader, await find_explain_stop(reader)
        except TooLate:
            assert left, "the daemon was quicker each time"
            if "4 Timeline" in reader.text():
                await Reader(terminal).press("back", lambda: bool(reader.top()))  # noqa: B023
    raise AssertionError


async def test_a_fresh_reader_finds_explains_and_stops_the_harmful_rollout(
    place: Path, record_property: Callable[[str, object], None]
) -> None:
    """At most six keys for all five tasks: the right rollout, its metric and segment named, the stop proved."""
    made = place / "t"
    made.mkdir()
    seed = random.SystemRandom().randrange(1_000_000)
    harmful = next(story for story in cast(seed, drill=True) if story.fault is Fault.ERRORS)
    rollout = str(Path(sys.executable).parent / "rollout")
    command = ["env", f"TMPDIR={made}", rollout, "demo", "--drill", "--seed", str(seed)]
    with Terminal(place, command) as terminal:
        await terminal.sees("LIVE", within_s=40.0)
        try:
            reader, done = await stopped_in_time(terminal)
        except (NotReady, AssertionError) as error:
            error.add_note(f"seed {seed}, harmful is {harmful}")
            raise
        assert done.name.startswith(harmful.route), f"seed {seed}"
        assert METRIC in done.why, terminal.text()
        assert done.segment == f"region={harmful.hurt}", f"seed {seed}"
        (sockets,) = made.glob("*/run")
        rows = Client(str(sockets), 5.0).get("rollouts")["rollouts"]
        stopped = {row["name"]: row["observed"] or 0.0 for row in rows if row["state"] == "aborted"}
        assert stopped == {done.name: 0.0}
        told = f"find, explain, name the segment, stop and prove: {len(reader.pressed)} keys, goal <= {KEYS_MOST}"
        record_property("figure", told)
