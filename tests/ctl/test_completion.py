"""Completion in the shells themselves: bash, zsh and fish in a real terminal, by the script that we print for each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.engines.terminal import Terminal
from tests.programs import needs
from tests.server.fake_service import FakeService, picture
from tests.server.running import running

pytestmark = [pytest.mark.real]

PATIENCE_S = 30.0
SHELLS = {
    "bash": (["--norc", "-i"], 'eval "$(rollout completion bash)"'),
    "zsh": (["-f", "-i"], 'autoload -Uz compinit; compinit -u -D; eval "$(rollout completion zsh)"'),
    "fish": (["--no-config", "-i"], "rollout completion fish | source"),
}

LISTS = {"bash": ("Tab", "Tab"), "zsh": ("Tab",), "fish": ("Tab",)}
"""What makes a shell list several that fit."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a name short enough for sockets, which is also the shell's home."""
    with TemporaryDirectory(prefix="roll-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("shell", SHELLS)
async def test_tab_completes_verbs_and_live_names(shell: str, place: Path) -> None:
    """One name that fits is written out, several are listed, a verb is found; the names are the daemon's own."""
    options, prepare = SHELLS[shell]
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    async with running(FakeService(picture("fraud-score"), picture("ranker-a"), picture("ranker-b"))) as server:
        told = [f"PATH={path}", f"HOME={place}", f"ROLLOUT_SOCKET_DIR={server.directory}", "PS1=$ "]
        with Terminal(place, ["env", *told, needs(shell), *options], (100, 30)) as terminal:
            terminal.type(f"{prepare}; {'math 40+2' if shell == 'fish' else 'echo $((40+2))'}")
            terminal.press("Enter")
            await terminal.until(lambda: "42" in terminal.text().split(), f"{shell} with our script", PATIENCE_S)
            terminal.type("rollout abort fr")
            terminal.press("Tab")
            await terminal.sees("rollout abort fraud-score", within_s=PATIENCE_S)
            terminal.press("C-u")
            terminal.type("rollout status ranker-")
            terminal.press(*LISTS[shell])
            await terminal.sees("ranker-a", "ranker-b", within_s=PATIENCE_S)
            terminal.press("C-u")
            terminal.type("rollout prom")
            terminal.press("Tab")
            await terminal.sees("rollout promote", within_s=PATIENCE_S)
