"""``rollout demo`` in a real terminal: SIMULATED on the first line all the time, and nothing left after ``q``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.engines.terminal import Terminal
from tests.tui.person import act

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name for whatever the demo makes."""
    with TemporaryDirectory(prefix="roll-") as folder:
        yield Path(folder)


async def test_every_screen_says_simulated_and_leaving_leaves_nothing(place: Path) -> None:
    """Fleet, rollout, why, record and help of the running demo; an abort on it works; q ends it with code 0."""
    made = place / "t"
    made.mkdir()
    rollout = str(Path(sys.executable).parent / "rollout")
    with Terminal(place, ["env", f"TMPDIR={made}", rollout, "demo"], (80, 24)) as terminal:
        await terminal.sees("SIMULATED rolloutd", "LIVE", "harmful v2", "healthy v2", within_s=30.0)
        terminal.press("/")
        terminal.type("harm")
        terminal.press("Enter")
        await terminal.sees("filter: harm")
        for keys, shown in (("Enter", "LAST"), ("w", "Why harmful"), ("Escape", "LAST"), ("4", "TIME"), ("?", "Keys")):
            terminal.press(keys)
            await terminal.sees("SIMULATED", shown)
            assert terminal.lines()[0].startswith("SIMULATED ")
        terminal.press("Escape")
        await terminal.sees("[4 Timeline]")
        await act(terminal, "a", "ABORTED")
        terminal.press("q")
        await terminal.sees("SIMULATED rolloutd")
        terminal.press("q")
        await terminal.until(lambda: terminal.ended, "the demo to end", 20.0)
        assert terminal.exit_code == 0
        assert "./dev demo" in terminal.text()
    assert await asyncio.to_thread(lambda: list(made.iterdir())) == []
