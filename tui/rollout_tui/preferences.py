"""A person's own settings of the screen: keys, theme, notification. What is wrong in the file is said, never guessed.

The file is ``tui.toml`` in the configuration folder of rollout, or what ROLLOUT_TUI_CONFIG names. A file with a mistake
is not taken at all: the screen opens with its defaults and says so, for somebody may need it now.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rollout_tui.bell import NOTIFY, Ways
from rollout_tui.keys import DEFAULT, BadKeys, Keymap, remap
from rollout_tui.told import THEMES

VARIABLE = "ROLLOUT_TUI_CONFIG"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the file says. ``trouble`` is why it was not taken."""

    keys: Keymap = DEFAULT
    theme: str = ""
    ways: Ways = field(default_factory=Ways)
    mouse: bool = True
    hosts: tuple[str, ...] = ()
    trouble: str = ""


def place() -> Path:
    """Where the file is looked for."""
    told = os.environ.get(VARIABLE)
    if told:
        return Path(told)
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "rollout" / "tui.toml"


def load(file: Path) -> Preferences:
    """The file's settings, or the defaults with the trouble."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Preferences()
    except (OSError, UnicodeDecodeError) as error:
        return _not_taken(file, f"it cannot be read ({error})")
    import tomllib

    try:
        return read(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        return _not_taken(file, f"it is no TOML ({error})")
    except BadKeys as error:
        return _not_taken(file, str(error))


def read(found: Mapping[str, object]) -> Preferences:
    """The settings of a parsed file. Raises BadKeys for anything it does not know."""
    known = {"keys", "theme", "notify", "notify_tmux_passthrough", "mouse", "hosts"}
    for name in found:
        if name not in known:
            raise BadKeys(f"there is no setting {name[:40]!r}; there are {', '.join(sorted(known))}")
    keys, theme = found.get("keys", {}), found.get("theme", "")
    notify, through = found.get("notify", "bell"), found.get("notify_tmux_passthrough", False)
    mouse = found.get("mouse", True)
    if not isinstance(keys, dict):
        raise BadKeys("keys is a table: [keys], then lines like  sort = 'o'")
    if theme != "" and theme not in THEMES:
        raise BadKeys(f"there is no theme {str(theme)[:40]!r}; there are {', '.join(THEMES)}")
    if notify not in NOTIFY:
        raise BadKeys(f"notify is one of {', '.join(NOTIFY)}, not {str(notify)[:40]!r}")
    if not isinstance(through, bool) or not isinstance(mouse, bool):
        raise BadKeys("notify_tmux_passthrough and mouse are true or false")
    hosts = found.get("hosts", [])
    if not isinstance(hosts, list) or not all(isinstance(host, str) and host for host in hosts):
        raise BadKeys('hosts is a list of names that ssh knows: hosts = ["deploy-1", "deploy-2"]')
    return Preferences(remap(keys), str(theme), Ways(str(notify), through), mouse, tuple(dict.fromkeys(hosts)))


def _not_taken(file: Path, why: str) -> Preferences:
    told = (
        f"{file} was not taken: {why}. The screen goes on with its own keys and settings; mend the file, then reopen."
    )
    return Preferences(trouble=told)
