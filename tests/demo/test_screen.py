"""The demo on a real terminal: real keys reach the real Envoy, and leaving the screen leaves nothing behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator

import pytest

from bench.demo.eye import Eye
from rolloutd.core.values import Slot
from tests.demo.place import COMMAND, GONE_WITHIN_S, Place
from tests.engines.processes import NotReady
from tests.engines.terminal import Terminal
from tests.tidy import ROOT

pytestmark = [pytest.mark.real, pytest.mark.slow]

SEEN_WITHIN_S = 60.0


@pytest.fixture
def terminal(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal in which the demo has just been started, by a shell that says how it ended."""
    shell = ["sh", "-c", '"$@"; echo exit code $?; exec cat', "sh"]
    command = [*shell, "env", "-C", str(ROOT), f"TMPDIR={place.folder}", *COMMAND]
    with Terminal(tmp_path_factory.mktemp("t"), command) as found:
        yield found


def harmful_share(place: Place) -> Callable[[], int]:
    """How to ask Envoy itself for the challenger's share of the first harmful rollout, in basis points."""
    (boot,) = place.folder.glob("*/bootstrap.json")
    port = json.loads(boot.read_text())["admin"]["address"]["socket_address"]["port_value"]
    routes = ("healthy", "harmful", "blind", "drifting")
    eye = Eye(f"http://127.0.0.1:{port}", {name: {slot: f"{name}-{slot}" for slot in Slot} for name in routes})
    return lambda: eye.look().shares_bp["harmful"][Slot.B]


async def press(terminal: Terminal, key: str, words: str) -> None:
    """Press a key until its answer is seen: one that comes just as the screen changes is dropped, on purpose."""
    for left in reversed(range(4)):
        terminal.press(key)
        try:
            await terminal.sees(words)
            return
        except NotReady:
            if not left:
                raise


async def test_a_person_sees_harm_stops_it_and_leaves(terminal: Terminal, place: Place) -> None:
    """The harmful rollout is seen within a minute, ``a`` takes it to zero in Envoy, and after ``q`` nothing is left."""
    await terminal.sees("harmful v1>v2", within_s=SEEN_WITHIN_S)
    share = harmful_share(place)
    await terminal.until(lambda: share() > 0, "the first stage", SEEN_WITHIN_S)
    terminal.press("/")
    terminal.type("harm")
    terminal.press("Enter")
    terminal.press("Enter")
    await terminal.sees("harmful champion v1 > challenger v2", "HARM", within_s=SEEN_WITHIN_S)
    await press(terminal, "a", "router confirms 0.0%")
    assert share() == 0
    await press(terminal, "q", "ON NEW (router)")
    await press(terminal, "q", "exit code 0")
    assert place.left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_a_demo_that_is_ended_takes_its_screen_with_it(
    terminal: Terminal, place: Place, number: signal.Signals
) -> None:
    """Ended or killed from outside while the screen is open: the screen and everything else goes, too."""
    await terminal.sees("harmful v1>v2", within_s=SEEN_WITHIN_S)
    (main,) = place.handles("-m bench.demo ")
    signal.pidfd_send_signal(main, number)
    await terminal.sees(f"exit code {128 + number}", within_s=GONE_WITHIN_S)
    await terminal.until(lambda: not place.left_behind(), "nothing being left", GONE_WITHIN_S)
