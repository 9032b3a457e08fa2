"""The way from ``rollout tui`` to the screen: every option of the command arrives, in both of its parsers."""

from __future__ import annotations

import sys

import pytest

from rollout_tui import app
from rollout_tui.told import THEMES, Told
from rolloutd.ctl import cli, other


def test_every_option_of_the_command_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, filter, theme and flags, also a filter that looks like an option."""
    told: list[Told] = []

    def show(one: Told) -> int:
        told.append(one)
        return 0

    monkeypatch.setattr(app, "show", show)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    line = "tui --filter state:blind --theme contrast --ascii --utc --no-mouse --read-only --socket-dir d --host h"
    assert cli.run([*line.split(), "ranker"]) == 0
    assert cli.run(["tui", "--filter=-x", "--no-color"]) == 0
    assert told[0] == Told("d", "state:blind", False, "ranker", "contrast", True, True, True, False, ("h",))
    assert (told[1].filter_text, told[1].theme, told[1].name) == ("-x", "mono", "")


def test_the_themes_are_the_same_in_both_parsers() -> None:
    """The command cannot import the screen, so the list stands twice; here it is compared."""
    assert other.THEMES == THEMES
