"""The help and the palette as lists: the commands that work on the screen below, found by typing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout_tui.actions import covers
from rollout_tui.keys import COMMANDS, Command, Place, shown
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line, rule
from rollout_tui.pages import stack
from rollout_tui.scene import Scene
from rollout_tui.words import STATES
from rolloutd.verbs import Risk

_GROUPS = (
    (Risk.LOWERS, "Lowers exposure: one key on the rollout's screen, asks nothing"),
    (Risk.FREEZES, "Freezes exposure: triggers stay armed"),
    (Risk.RAISES, "Raises exposure: asks, and only y confirms"),
    (Risk.NONE, "Changes no traffic"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """The commands of a screen that have every word of ``text``, and which one is highlighted (-1: none yet)."""

    places: tuple[Place, ...]
    on_rollout: bool
    palette: bool
    text: str = ""
    at: int = -1

    @property
    def commands(self) -> list[Command]:
        """The commands, in the order they are shown in."""
        here = [one for one in COMMANDS if one.place is Place.EVERYWHERE or one.place in self.places]
        words = self.text.lower().split()
        hits = [one for one in here if all(word in f"{one.name} {one.help}".lower() for word in words)]
        if self.palette:
            return sorted(hits, key=lambda one: (not one.name.startswith(self.text.lower()), one.name))
        ranks = {risk: rank for rank, (risk, _) in enumerate(_GROUPS)}
        return sorted(hits, key=lambda one: ranks[one.risk])

    @property
    def chosen(self) -> Command | None:
        """The highlighted command."""
        known = self.commands
        return known[self.at] if 0 <= self.at < len(known) else None


def render_finder(scene: Scene, found: Found) -> tuple[Line, ...]:
    """Title, what was typed, the list around the highlighted line, and the keys of this list itself."""
    what = "a rollout's screen" if found.on_rollout else "the fleet (actions ask first, naming the rollout)"
    title = f"Commands of {what}" if found.palette else f"Keys of {what}"
    typed = f" {':' if found.palette else '/'} {clean(found.text)}_"
    head = [line(Span(title, Role.STRONG)), line(typed, "   type to search"), line(rule(scene.width))]
    body, at = _rows(scene, found)
    room = max(1, scene.height - len(head) - 1)
    top = max(0, min(at - room // 2, len(body) - room))
    more = "   up down move" if len(body) > room else ""
    close = "Esc" if found.palette else "? Esc"
    return stack(scene, head, body[top : top + room], [line(f"Enter runs it   {close} close{more}")])


def _rows(scene: Scene, found: Found) -> tuple[list[Line], int]:
    """All rows, and the place of the highlighted one among them."""
    commands = found.commands
    rows: list[Line] = []
    place = 0
    group: Risk | None = None
    for k, command in enumerate(commands):
        if not found.palette and command.risk is not group:
            group = command.risk
            rows.append(line(Span(" " + dict(_GROUPS)[group], Role.STRONG)))
        if k == found.at:
            place = len(rows)
        rows.append(_row(scene, command, cursor=k == found.at))
    if not commands:
        rows.append(line(" No command has these words."))
    if not found.palette and not found.text:
        if found.at >= len(commands):
            place = len(rows) + 2 + found.at - len(commands)
        rows += _states(scene)
    return rows, min(place, max(0, len(rows) - 1))


def _row(scene: Scene, command: Command, *, cursor: bool) -> Line:
    """One command with its keys, and what stands against it."""
    keys = " ".join(shown(key) for key in scene.keys.keys(command.name)) or "-"
    row = command.row
    against = ""
    if row is not None and not row.built:
        against = "  (not built yet)"
    elif row is not None and not covers(scene.role, row.role):
        against = f"  ({row.role})"
    where = "" if scene.width < 60 else f"{fit(command.name, 12)}"
    text = f"   {fit(keys, 11)} {where}{command.help}{against}"
    return crop(line(Span(fit(text, scene.width), Role.NOTICE if against else Role.PLAIN, cursor)), scene.width)


def _states(scene: Scene) -> Sequence[Line]:
    rows: list[Line] = [line(), line(Span(" States", Role.STRONG))]
    for one in STATES:
        symbol = one.ascii if scene.look.ascii else one.symbol
        rows.append(crop(line("   ", Span(fit(f"{fit(symbol, 2)} {one.word}", 16), one.role), one.means), scene.width))
    return rows
