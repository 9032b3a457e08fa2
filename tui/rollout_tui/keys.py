"""THE list of keys: what each does and where it works, from the table of verbs and the screen's own commands. Pure.

The screens, the last line, the help, the palette, the pages and the key file are all made from it. A key file may move
keys; it can never make a stopping key raise exposure, take ``y`` from the confirmation, or let two commands clash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from rolloutd.verbs import VERBS, Risk, Socket, VerbRow, nearest


class Place(StrEnum):
    """Where a command works. What works everywhere works in the other places too."""

    EVERYWHERE = "everywhere"
    FLEET = "fleet"
    ROLLOUT = "rollout"
    CHARTS = "charts"
    TIMELINE = "timeline"
    SEGMENTS = "segments"
    WIZARD = "wizard"
    REPORT = "report"


_ON_ROLLOUT = frozenset({Place.ROLLOUT, Place.CHARTS, Place.TIMELINE, Place.SEGMENTS})
STOPPING = frozenset({"abort", "pause"})
"""The keys that must work on every screen, at every size, whatever else happens."""
_GUARDED = frozenset({"abort", "pause", "promote"})
_FIXED = frozenset({"y", "enter", "escape", "ctrl+c", "up", "down", "left", "right", "backspace"})
_SAFE = frozenset({Risk.LOWERS, Risk.FREEZES})
_SAFE_KEYS = frozenset("aApP")
_NAMED = frozenset({"space", "tab", "shift+tab", "home", "end", "pageup", "pagedown", "insert", "delete"})


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that a key does. ``row`` is there where it is a verb of the daemon."""

    name: str
    keys: tuple[str, ...]
    place: Place
    help: str
    row: VerbRow | None = None

    @property
    def risk(self) -> Risk:
        """What it can do to exposure."""
        return self.row.risk if self.row else Risk.NONE

    @property
    def acts(self) -> bool:
        """Whether something is sent to the daemon's control socket."""
        return self.row is not None and self.row.socket is Socket.CONTROL


def _place(row: VerbRow) -> Place:
    if row.verb == "reapply":
        return Place.ROLLOUT  # it is asked about with both shares, which the fleet does not know
    return Place.FLEET if row.verb in {"start", "hold", "release"} else Place.EVERYWHERE


_OWN: tuple[tuple[str, tuple[str, ...], Place, str], ...] = (
    ("help", ("?",), Place.EVERYWHERE, "the keys of this screen; type to search"),
    ("palette", (":", "ctrl+p"), Place.EVERYWHERE, "every command by name"),
    ("back", ("q",), Place.EVERYWHERE, "back; at home: quit (the daemon goes on)"),
    ("quit", ("ctrl+q",), Place.EVERYWHERE, "quit from anywhere (the daemon goes on)"),
    ("redraw", ("ctrl+l",), Place.EVERYWHERE, "paint the whole screen again"),
    ("copy", ("C",), Place.EVERYWHERE, "copy this screen as text, with the time and the host"),
    ("mouse", ("M",), Place.EVERYWHERE, "give the mouse to the terminal, or take it back"),
    ("zone", ("T",), Place.EVERYWHERE, "times in UTC or in local time"),
    ("by-hand", ("!",), Place.EVERYWHERE, "the commands to run by hand"),
    ("mute", ("z",), Place.FLEET, "bell off for 30 minutes, or on again"),
    ("filter", ("/",), Place.FLEET, "show only what matches: state:blind owner:ops2 text"),
    ("sort", ("s",), Place.FLEET, "sort by attention, name, or most on new"),
    ("ended", ("x",), Place.FLEET, "only what has ended, the newest first; again: all"),
    ("move-down", ("j", "down"), Place.FLEET, "down"),
    ("move-up", ("k", "up"), Place.FLEET, "up"),
    ("top", ("g", "home"), Place.FLEET, "sort anew and go to the top"),
    ("bottom", ("G", "end"), Place.FLEET, "go to the end"),
    ("half-down", ("ctrl+d", "pagedown"), Place.FLEET, "half a page down"),
    ("half-up", ("ctrl+u", "pageup"), Place.FLEET, "half a page up"),
    ("stages", ("1",), Place.ROLLOUT, "tab 1: stages and gates"),
    ("charts", ("2",), Place.ROLLOUT, "tab 2: each metric over time"),
    ("segments", ("3",), Place.ROLLOUT, "tab 3: parts of the users"),
    ("record", ("4",), Place.ROLLOUT, "tab 4: what happened, and how it was then"),
    ("agreed", ("5",), Place.ROLLOUT, "tab 5: the plan"),
    ("next-tab", ("tab",), Place.ROLLOUT, "the next tab"),
    ("last-tab", ("shift+tab",), Place.ROLLOUT, "the tab before"),
    ("next-needs", (")",), Place.ROLLOUT, "the next rollout that needs you"),
    ("last-needs", ("(",), Place.ROLLOUT, "the one before that needs you"),
    ("range", ("t",), Place.CHARTS, "this stage, the whole rollout, or the last 15 minutes"),
    ("view", ("v",), Place.CHARTS, "both versions, or their difference"),
    ("lower", ("j", "down"), Place.CHARTS, "the next metrics"),
    ("upper", ("k", "up"), Place.CHARTS, "the metrics before"),
    ("segment-down", ("j", "down"), Place.SEGMENTS, "the next segment"),
    ("segment-up", ("k", "up"), Place.SEGMENTS, "the segment before"),
    ("line-down", ("j", "down"), Place.REPORT, "down"),
    ("line-up", ("k", "up"), Place.REPORT, "up"),
    ("page-down", ("ctrl+d", "pagedown"), Place.REPORT, "half a page down"),
    ("page-up", ("ctrl+u", "pageup"), Place.REPORT, "half a page up"),
    ("first-line", ("g", "home"), Place.REPORT, "to the first line"),
    ("last-line", ("G", "end"), Place.REPORT, "to the last line"),
    ("question-down", ("down", "tab"), Place.WIZARD, "the next question of the page"),
    ("question-up", ("up", "shift+tab"), Place.WIZARD, "the question before"),
    ("choice-on", ("right",), Place.WIZARD, "the next choice"),
    ("choice-back", ("left",), Place.WIZARD, "the choice before"),
    ("step-back", ("[",), Place.TIMELINE, "one entry back in time"),
    ("step-on", ("]",), Place.TIMELINE, "one entry on"),
    ("event-back", ("{",), Place.TIMELINE, "back to the last entry that moved something"),
    ("event-on", ("}",), Place.TIMELINE, "on to the next entry that moved something"),
    ("play", ("space",), Place.TIMELINE, "play the record, one entry a second; again: stop"),
    ("live", ("end",), Place.TIMELINE, "back to the present"),
)
COMMANDS: tuple[Command, ...] = (
    *(Command(row.verb, (row.key,), _place(row), row.help, row) for row in VERBS if row.key),
    *(Command(*own) for own in _OWN),
)
NAMES: Mapping[str, Command] = {one.name: one for one in COMMANDS}


class BadKeys(Exception):
    """A key file that was not taken: what is wrong in it."""


def meet(one: Place, other: Place) -> bool:
    """Whether there is a screen on which both work."""
    if Place.EVERYWHERE in {one, other} or one is other:
        return True
    return Place.ROLLOUT in {one, other} and {one, other} <= _ON_ROLLOUT


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys in force: those of the list, with the moved ones in place of their first key."""

    moved: tuple[tuple[str, str], ...] = field(default=())

    def keys(self, name: str) -> tuple[str, ...]:
        """All keys of a command; the first is the one that is shown. An action without a key has none."""
        command = NAMES.get(name)
        if command is None:
            return ()
        moved = dict(self.moved).get(name)
        return command.keys if moved is None else (moved, *command.keys[1:])

    def key(self, name: str) -> str:
        """The key to show for a command."""
        return next(iter(self.keys(name)), "")

    def find(self, key: str, *places: Place) -> Command | None:
        """What a key does where all of ``places`` hold. Capital letters stop too, for Caps Lock; they never raise."""
        return _table(self, places).get(key)


@cache
def _table(keymap: Keymap, places: tuple[Place, ...]) -> Mapping[str, Command]:
    """Key to command in these places, with the capital letters of what lowers or freezes."""
    here = [one for one in COMMANDS if one.place is Place.EVERYWHERE or one.place in places]
    table = {key: one for one in here for key in keymap.keys(one.name)}
    for one in here:
        if one.acts and one.risk in _SAFE and one.place is Place.EVERYWHERE:
            table.setdefault(keymap.key(one.name).upper(), one)
    return table


def remap(changes: Mapping[str, object]) -> Keymap:
    """A keymap with these commands moved to other keys. Raises BadKeys with a sentence for anything doubtful."""
    moved = tuple((name, _checked(name, key)) for name, key in changes.items())
    keymap = Keymap(moved)
    _refuse_clashes(keymap, dict(moved))
    return keymap


def _checked(name: str, key: object) -> str:
    """One line of a key file. Raises BadKeys."""
    command = NAMES.get(name)
    if command is None:
        close = nearest(name, list(NAMES))
        hint = f"; did you mean {close}" if close else ""
        raise BadKeys(f"there is no command {name[:40]!r}{hint}")
    if isinstance(key, str) and key in _FIXED:
        raise BadKeys(f"{key} cannot be given to {name}: y confirms, and the keys that move and close stay")
    if not isinstance(key, str) or not _is_key(key):
        raise BadKeys(f"{name} = {str(key)[:20]!r} names no key: one letter or sign, or a name like ctrl+x, f2, space")
    if command.risk is Risk.RAISES and key in _SAFE_KEYS:
        raise BadKeys(f"{name} raises exposure, so it cannot be on {key}: a and p stop and freeze, with Caps Lock too")
    return key


def _is_key(key: str) -> bool:
    if len(key) == 1:
        return key.isprintable() and not key.isspace()
    head, plus, letter = key.partition("+")
    if plus and head == "ctrl":
        return len(letter) == 1 and letter.isalpha() and letter.islower()
    return key in _NAMED or (key[:1] == "f" and key[1:].isdigit() and 1 <= int(key[1:]) <= 12)


def _every_key(keymap: Keymap, command: Command) -> tuple[str, ...]:
    """A command's keys, and for what stops the capital letter, which is kept free for Caps Lock."""
    keys = keymap.keys(command.name)
    return (*keys, keys[0].upper()) if command.name in STOPPING else keys


def _refuse_clashes(keymap: Keymap, moved: Mapping[str, str]) -> None:
    """Raise BadKeys where two commands that can meet on a screen have one key."""
    for one, other in _pairs(COMMANDS):
        if not meet(one.place, other.place):
            continue
        both = set(_every_key(keymap, one)) & set(_every_key(keymap, other))
        if both:
            first, second = (one, other) if one.name in moved else (other, one)
            guarded = {one.name, other.name} & _GUARDED
            why = f"; {', '.join(sorted(guarded))} must stay reachable" if guarded else ""
            raise BadKeys(f"{first.name} and {second.name} would both be on {min(both)}{why}")


def _pairs(commands: Iterable[Command]) -> Iterable[tuple[Command, Command]]:
    known = list(commands)
    return ((one, other) for at, one in enumerate(known) for other in known[at + 1 :])


DEFAULT = Keymap()
_SHOWN = {key: key.title() for key in ("space", "end", "home", "tab", "shift+tab", "up", "down", "left", "right")}


def shown(key: str) -> str:
    """A key as people read it."""
    return _SHOWN.get(key, key)
