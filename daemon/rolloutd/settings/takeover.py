"""What a running daemon takes over of a configuration read again, and what waits for a restart; it applies nothing.

``ROWS`` says for every key which of the two it is; a key that no row covers waits. What is taken over is read once more
together with what stays, so that nothing ever runs on a mixture that would have been refused as a file.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rolloutd.settings.config_tables import ConfigTables
from rolloutd.settings.load import TRAFFIC, read_document
from rolloutd.settings.locator import Path
from rolloutd.settings.plan_tables import Table
from rolloutd.settings.problems import SettingsError, dotted
from rolloutd.settings.tree import Settings

RESTART = "systemctl restart rolloutd"


@dataclass(frozen=True, slots=True)
class Row:
    """One part of the configuration: whether a running daemon takes it over, and what that means or why not."""

    path: tuple[str, ...]
    at_once: bool
    means: str


ROWS = (
    Row(("roles",), True, "from the next request on; a change of it ends open streams, so that they are asked again"),
    Row(
        ("policy",), True,
        "freeze windows and staffed hours for all; limits and the rest for rollouts that start from now on",
    ),
    Row(("strategies",), True, "for rollouts that start from now on"),
    Row(("metrics",), True, "for rollouts that start from now on, on sources that the daemon already has"),
    Row(("notify",), True, "new ones hear of what is open; what waits for one that is gone stays in the outbox"),
    Row(("daemon", "tick"), True, "for rollouts that start from now on"),
    Row(("daemon", "log_level"), True, "from the next line on"),
    Row(("daemon", "state_dir"), False, "the journal is open there"),
    Row(("daemon", "seal_every"), False, "it counts the ticks of what runs"),
    Row(("daemon", "metrics_port"), False, "the port is open"),
    Row(("daemon", "metrics_file"), False, "the file is being written"),
    Row(("sockets",), False, "callers are connected there"),
    Row(("routers",), False, "live shares are kept there"),
    Row(("routes",), False, "live rollouts are on them"),
    Row(("sources",), False, "live rollouts are judged by them"),
    Row(("registries",), False, "they are being told"),
    Row(("checks",), False, "rollouts before their traffic are examined by them"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changed:
    """The keys whose values differ from what runs, in the file's own dotted words. A whole new table is one of them."""

    taken: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class NeedsRestart(SettingsError):
    """The file is in order by itself, but what could be taken over rests on what only a restart brings."""

    next_step = f"The file is in order by itself. Start the daemon anew to take all of it: {RESTART}"

    def _what(self) -> str:
        found = super()._what()
        return f"{found}\n  What is new of routes, sources, registries and checks is there after a restart only."


def row_of(path: tuple[str, ...]) -> Row | None:
    """The row that covers a key, None where nobody thought of it."""
    return next((row for row in ROWS if path[: len(row.path)] == row.path), None)


def at_once(path: tuple[str, ...]) -> bool:
    """Whether a running daemon takes this key over."""
    row = row_of(path)
    return row is not None and row.at_once


def taken_over(running: Settings, written: Settings) -> tuple[Settings, Changed]:
    """What the daemon runs with from here on, and which keys differ. Raises NeedsRestart; nothing is applied."""
    paths = list(_differences(values(running), values(written)))
    changed = Changed(
        tuple(dotted(path) for path in paths if at_once(_words(path))),
        tuple(dotted(path) for path in paths if not at_once(_words(path))),
    )
    if not changed.waiting:
        return written, changed
    document = replace(written.document, data=_mixed(running.document.data, written.document.data))
    try:
        return read_document(document, written.sha256, written.vocabulary), changed
    except SettingsError as error:
        raise NeedsRestart(error.problems, TRAFFIC) from None


def _mixed(running: Mapping[str, object], written: Mapping[str, object]) -> dict[str, object]:
    """The written file's tables where they are taken over, the running one's everywhere else."""
    mixed: dict[str, object] = {}
    for section in dict.fromkeys([*running, *written]):
        if section == "daemon":
            mixed[section] = _mixed_keys(section, running.get(section), written.get(section))
        else:
            source = written if at_once((section,)) else running
            if section in source:
                mixed[section] = source[section]
    return copy.deepcopy(mixed)


def _mixed_keys(section: str, running: object, written: object) -> dict[str, object]:
    old, new = (table if isinstance(table, Mapping) else {} for table in (running, written))
    return {
        key: source[key]
        for key in dict.fromkeys([*old, *new])
        for source in ((new if at_once((section, key)) else old),)
        if key in source
    }


def values(settings: Settings) -> Mapping[str, object]:
    """All values as they count, defaults too: a default that is written out is no difference."""
    found = _plain(ConfigTables.model_validate(settings.document.data))
    assert isinstance(found, Mapping)
    return found


def _plain(value: object) -> object:
    if isinstance(value, Table):
        own = {info.alias or name: getattr(value, name) for name, info in type(value).model_fields.items()}
        value = {**own, **(value.model_extra or {})}
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value


def _differences(one: object, other: object, path: Path = ()) -> Iterator[Path]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            if key in one and key in other:
                yield from _differences(one[key], other[key], (*path, key))
            else:
                yield (*path, key)
    elif one != other:
        yield path


def _words(path: Path) -> tuple[str, ...]:
    return tuple(str(part) for part in path)
