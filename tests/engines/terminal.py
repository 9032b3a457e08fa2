"""A real terminal of a fixed size (tmux) that a test presses keys in and reads; it knows nothing of what runs there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.engines.processes import NotReady, until
from tests.programs import needs

ANSWERS_WITHIN_S = 10.0
_CONFIG = """set -g status off
set -g default-terminal tmux-256color
set -s escape-time 0
"""
# A shell says what the program ended with and keeps the terminal open: tmux itself does not always notice an end.
_SHELL = ["sh", "-c", '"$@"; echo $? >"$0"; exec cat']
_NOT_PASSED_ON = ("TMUX", "LC_", "COLUMNS", "LINES")  # programs would believe these rather than the terminal


class Terminal:
    """One program in a tmux of its own, whose socket is in ``folder``. Use it as a context manager."""

    def __init__(self, folder: Path, command: Sequence[str], size: tuple[int, int] = (120, 36)) -> None:
        self._folder = folder
        self._exit_file = folder / "exit"
        self._command = [*_SHELL, str(self._exit_file), *command]
        self._size = size
        self._base = [needs("tmux"), "-u", "-L", "rollout-test", "-f", str(folder / "tmux.conf")]

    def __enter__(self) -> Self:
        (self._folder / "tmux.conf").write_text(_CONFIG, encoding="utf-8")
        self._exit_file.unlink(missing_ok=True)
        columns, rows = self._size
        self._tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "--", *self._command)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            error.add_note(f"The screen shows:\n{self.text()}")
        self._tmux("kill-server")

    @property
    def ended(self) -> bool:
        """Whether the program is over."""
        return self._exit_file.exists() and self._exit_file.read_text() != ""

    @property
    def exit_code(self) -> int:
        """What it ended with. Raises OSError or ValueError before it has ended."""
        return int(self._exit_file.read_text())

    def press(self, *keys: str) -> None:
        """Press keys by their tmux names, such as ``a``, ``Enter`` or ``Escape``."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text, letter by letter."""
        self._tmux("send-keys", "-l", text)

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def text(self) -> str:
        """What it shows, without colour."""
        return self._tmux("capture-pane", "-p")

    def lines(self) -> list[str]:
        """What it shows, line by line."""
        return self.text().splitlines()

    async def sees(self, *words: str, within_s: float = ANSWERS_WITHIN_S) -> None:
        """Wait until it shows all of these, wherever its lines are broken."""
        await self.until(lambda: all(word in " ".join(self.text().split()) for word in words), str(words), within_s)

    async def until(self, condition: Callable[[], bool], what: str, within_s: float = ANSWERS_WITHIN_S) -> None:
        """Wait for a condition; others run meanwhile. Raises NotReady with the screen when it does not come about."""
        try:
            await until(condition, what, within_s)
        except NotReady as error:
            raise NotReady(f"{error}; the screen shows:\n{self.text()}") from None

    def _tmux(self, *words: str) -> str:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_PASSED_ON)}
        environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "TMUX_TMPDIR": str(self._folder)}
        done = subprocess.run(
            [*self._base, *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=ANSWERS_WITHIN_S,
            check=False,
        )
        if done.returncode != 0:
            raise NotReady(f"tmux {words[0]}: {done.stderr.strip()}")
        return done.stdout
