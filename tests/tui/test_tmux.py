"""Real keys in the real screen, in a real terminal, against the real daemon on a real Envoy under load."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.demo.eye import Eye
from rolloutd.core.values import Slot
from tests.e2e.paper import spec
from tests.e2e.sites import ROUTE, Site, envoy_site
from tests.engines.envoy import Envoy
from tests.engines.terminal import Terminal
from tests.tui.person import act

pytestmark = [pytest.mark.real, pytest.mark.slow]

RATE = 100.0
NEVER_BY_ITSELF = '{ difference = "0.01pp" }'
"""An accepted margin so narrow that the gate stays undecided: whatever goes up here, a person has raised."""

TOO_EARLY = {"minimum", "cover"}
"""Words of what blocks a promotion beside an undecided gate: minimum time, data must cover more of this stage."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a name short enough for sockets."""
    with TemporaryDirectory(prefix="roll-") as folder:
        yield Path(folder)


@pytest.fixture
def site(place: Path) -> Iterator[Site[Envoy]]:
    """A running Envoy with its servers, and the daemon, started."""
    with envoy_site(place) as found:
        # Read less often than in other tests: a source that is late on a busy machine is BLIND, which is not the point.
        config = found.house.file
        config.write_text(config.read_text().replace('every = "250ms"', 'every = "2s"'))
        found.house.start()
        yield found


def screen(site: Site[Envoy], *words: str, size: tuple[int, int] = (120, 36)) -> Terminal:
    """``rollout tui`` in a terminal of this size."""
    rollout = str(Path(sys.executable).parent / "rollout")
    return Terminal(site.house.folder, [rollout, "tui", "--socket-dir", str(site.house.folder / "run"), *words], size)


def share_bp(site: Site[Envoy]) -> int:
    """The challenger's share as Envoy's own admin port shows it."""
    arms = {ROUTE: {slot: at.arm_value for slot, at in site.proxy.routes[ROUTE].slots.items()}}
    return Eye(site.proxy.admin_url, arms).look().shares_bp[ROUTE][Slot.B]


async def test_keys_raise_and_abort_what_envoy_does(site: Site[Envoy]) -> None:
    """From the fleet into the rollout: m, a reason and y raise Envoy's share from 10 % to 50 %; a takes it to zero."""
    async with site.load(RATE) as tally:
        await asyncio.to_thread(site.house.begin, spec(stay="1s", accept=NEVER_BY_ITSELF))
        with screen(site) as terminal:
            await terminal.sees("rolloutd", "LIVE", "ranker-v2")
            terminal.press("Enter")
            await terminal.sees("asked 10.0%", "router says 10.0%", "confirmed", "errors (collecting)")
            assert share_bp(site) == 1_000
            await terminal.until(lambda: not TOO_EARLY & set(terminal.text().split()), "only the gate in the way", 30.0)
            await act(terminal, "m", "PROMOTE ranker-v2 v2 from 10.0% to 50.0%", "Reason:")
            terminal.type("watched it by hand for a while")
            terminal.press("Enter")
            await terminal.sees("y yes at revision")
            await terminal.until(lambda: "(in a moment)" not in terminal.text(), "y to be taken")
            assert share_bp(site) == 1_000
            terminal.press("y")
            await terminal.until(lambda: share_bp(site) == 5_000, "Envoy's share at 50 %")
            await terminal.sees("router says 50.0%", "confirmed")
            await act(terminal, "a", "ABORTED", "router confirms 0.0%")
            assert share_bp(site) == 0
            answered = site.servers[Slot.B].requests
            before = tally.total
            await terminal.until(lambda: tally.total > before + 50, "fifty more answers")
            assert site.servers[Slot.B].requests == answered
            terminal.press("q")
            await terminal.sees("q quit")
            terminal.press("q")
            await terminal.until(lambda: terminal.ended, "the screen to close")
            assert terminal.exit_code == 0
    assert set(tally.codes) == {200}
    assert site.house.answers(), "the daemon goes on when the screen closes"


async def test_a_daemon_that_hangs_is_late_then_lost_and_comes_back(site: Site[Envoy]) -> None:
    """Stopped by a signal it is LATE, then LOST with every value marked and no key sent; when it goes on it is LIVE."""
    async with site.load(RATE):
        # The gates may be in the dark for longer than the daemon sleeps here: what is asked stays as it is.
        await asyncio.to_thread(site.house.begin, spec(stay="5m") + "[timing]\nblind_recede = 200\n")
        with screen(site, "ranker-v2") as terminal:
            await terminal.sees("LIVE", "asked 10.0%", "router says 10.0%", "confirmed")
            site.house.freeze()
            await terminal.sees("LATE")
            await terminal.sees("LOST", "NO CONTACT WITH THE DAEMON", "NOTHING IS LIVE", "asked 10.0%~", within_s=20.0)
            await act(terminal, "m", "Not sent: no contact with the daemon")
            site.house.thaw()
            await terminal.until(lambda: "LIVE" in terminal.lines()[0], "line 1 to be live again")
            await terminal.until(lambda: "~" not in terminal.text(), "no mark of the past")
            assert share_bp(site) == 1_000


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=str)
async def test_a_daemon_that_was_killed_and_started_again_says_so(site: Site[Envoy], size: tuple[int, int]) -> None:
    """After kill -9 the screen is LOST at once; after the start it is LIVE with a note until Esc; nothing was moved."""
    async with site.load(RATE):
        await asyncio.to_thread(site.house.begin, spec(stay="5m"))
        with screen(site, "ranker-v2", size=size) as terminal:
            await terminal.sees("LIVE", "asked 10.0%")
            site.house.program.kill()
            await terminal.sees("LOST", "NOTHING IS LIVE")
            await asyncio.to_thread(site.house.start)
            await terminal.sees("LIVE", "Daemon restarted.", "no checks ran in that time")
            terminal.press("Escape")
            await terminal.until(lambda: "Daemon restarted." not in terminal.text(), "the note to be gone")
            await terminal.sees("LIVE", "asked 10.0%")
            assert share_bp(site) == 1_000
