"""The terminal's driver, with an input thread that sleeps until a key comes; it must not read a key differently.

Textual's own looks ten times a second whether somebody typed, which is most of what an idle screen costs.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import time
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

from textual._xterm_parser import XTermParser
from textual.constants import ESCAPE_DELAY
from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App

BYTES = 4_096
ESCAPE_S = 0.05
"""How often a begun escape sequence is looked at again; the parser itself decides when it was the key Esc."""


class SleepingDriver(LinuxDriver):
    """LinuxDriver whose input thread wakes for input, for the end, and while an escape sequence is unfinished."""

    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._woken, self._waker = os.pipe()

    def disable_input(self) -> None:
        """Wake the thread, so that it sees the end."""
        os.write(self._waker, b"x")
        super().disable_input()
        os.read(self._woken, BYTES)

    def close(self) -> None:
        """The pipe goes, too."""
        super().close()
        for end in (self._woken, self._waker):
            with contextlib.suppress(OSError):
                os.close(end)

    def run_input_thread(self) -> None:
        """Wait for input and pass on what it means."""
        parser, decode = XTermParser(self._debug), getincrementaldecoder("utf-8")().decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            came_s = float("-inf")
            while not self.exit_event.is_set():
                # what came a moment ago may be the beginning of a key; what may still follow is waited for shortly
                begun = time.monotonic() - came_s < ESCAPE_DELAY + ESCAPE_S
                ready = [key.fd for key, _ in selector.select(ESCAPE_S if begun else None)]
                if self.fileno in ready:
                    came_s, text = time.monotonic(), decode(os.read(self.fileno, BYTES))
                    if not text:
                        break  # the terminal is gone
                    for message in parser.feed(text):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
