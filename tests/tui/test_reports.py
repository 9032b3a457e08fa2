"""The report from the screen: the command's words to read, its page as a file whose path is told, abort all along."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout_tui.lines import width
from rollout_tui.widgets.report import broken
from rolloutd.ctl import report_html
from tests.server.reports import a_report
from tests.tui.driving import driven
from tests.tui.fake_daemon import FakeDaemon


@pytest.mark.parametrize("from_fleet", [True, False], ids=["fleet", "rollout"])
async def test_e_shows_the_report_and_keeps_it_as_a_page(
    daemon: FakeDaemon, tmp_path: Path, *, from_fleet: bool
) -> None:
    """On both screens; the page is the one that the command makes, only for its owner; Esc leads back."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        if from_fleet:
            await desk.keys("escape")
            await desk.sees("sort: attention")
        await desk.keys("e")
        await desk.sees("Report of ranker", "all traffic went back to v41", "As a page for a browser:")
        (file,) = (tmp_path / "state" / "rollout").iterdir()
        assert file.name in desk.text.replace("\n", "")
        assert file.stat().st_mode & 0o777 == 0o600
        made = report_html.page(a_report("ranker").model_dump(mode="json", by_alias=True))
        assert file.read_text() == made
        await desk.keys("escape")
        await desk.sees("sort: attention" if from_fleet else "asked 10.0%")
    assert not daemon.posts


async def test_abort_works_from_a_report(daemon: FakeDaemon) -> None:
    """I2: reading holds nobody up; from a rollout's own report the key is immediate."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("e")
        await desk.sees("Report of ranker", "a ABORT")
        await desk.keys("j", "a")
        await desk.until(lambda: [post.verb for post in daemon.posts] == ["abort"])


async def test_a_report_scrolls_to_its_end_and_back(daemon: FakeDaemon) -> None:
    """At 80x24, where it does not fit: nothing of it is out of reach."""
    async with driven(daemon, size=(80, 24)) as desk:
        await desk.open_ranker()
        await desk.keys("e")
        await desk.sees("Report of ranker", "STAGES")
        await desk.keys("G")
        await desk.sees("RECORD", "requested enough seen")
        assert "STAGES" not in desk.text
        await desk.keys("k", "ctrl+u", "g", "j")
        await desk.sees("STAGES")


async def test_a_report_that_cannot_be_written_is_shown_all_the_same(daemon: FakeDaemon, tmp_path: Path) -> None:
    """It says that there is no file, why, and how to get one."""
    (tmp_path / "state").write_text("no folder")
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("e")
        await desk.sees("No file was written", "rollout report ranker", "all traffic went back to v41")


async def test_without_contact_the_report_says_so(daemon: FakeDaemon) -> None:
    """It is the daemon's; nothing is made up from what stands on the screen."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await daemon.stop()
        await desk.keys("e")
        await desk.sees("The report could not be read", "Traffic goes on as before")


def test_long_rows_go_on_below_themselves() -> None:
    """Columns stay as they are where they fit; what does not fit is broken, never cut, and never moves the cursor."""
    rows = broken(["a  b", "", "word " * 30, "x" * 50, "bell\a"], 40)
    assert rows[:2] == ["a  b", ""]
    assert max(map(width, rows)) <= 40
    assert "".join("".join(rows).split()) == "ab" + "word" * 30 + "x" * 50 + "bell?"
