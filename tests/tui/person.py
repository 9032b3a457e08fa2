"""A person at a real terminal: presses an action key, reads that it was dropped where it was, and presses it again."""

from __future__ import annotations

from tests.engines.terminal import Terminal

DROPPED = "Press it again"
TRIES = 10
_HARMLESS = "j"


async def act(terminal: Terminal, key: str, *words: str) -> None:
    """Press ``key`` until the screen has taken it, then wait until it shows all ``words``."""
    for _ in range(TRIES):
        terminal.press(key)
        await terminal.until(lambda: DROPPED in terminal.text() or words[0] in terminal.text(), f"an answer to {key}")
        if words[0] in terminal.text():
            break
        terminal.press(_HARMLESS)
        await terminal.until(lambda: DROPPED not in terminal.text(), "the note to go")
    await terminal.sees(*words)
