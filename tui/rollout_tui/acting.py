"""What becomes of an action key on the running screen: sent, asked in a strip, refused in a sentence, or the wizard.

It carries out what actions.py led to; it must not decide, and it sends nothing that nobody pressed or confirmed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rollout_tui import alerts, words
from rollout_tui.actions import Begins, NeedsStatus, Say, in_past, lead
from rollout_tui.http import Unreachable
from rollout_tui.link import LinkState
from rollout_tui.screens.base import Sheet
from rollout_tui.strip import Send, Strip, press
from rolloutd.wire import Problem

if TYPE_CHECKING:
    from rollout_tui.desk import RolloutApp
    from rolloutd.verbs import VerbRow

REASONS_KEPT = 5


def act(desk: RolloutApp, row: VerbRow, name: str, *, in_fleet: bool) -> None:
    """An action key was pressed on rollout ``name``."""
    status = None if in_fleet else desk.facts.status
    if not in_fleet and desk.archive.papers.replay is not None:
        _act_from_past(desk, row, name)
        return
    now_s = desk.now()
    led = lead(row, desk.facts, name, in_fleet=in_fleet, status=status, now_s=now_s, segment=desk.segment)
    if isinstance(led, Say):
        desk.note = led.text
    elif isinstance(led, Strip):
        desk.strip = replace(led, earlier=desk.reasons)
    elif isinstance(led, Send):
        _send(desk, led)
    elif isinstance(led, Begins):
        from rollout_tui.screens.wizard import WizardScreen

        desk.go(WizardScreen())
    elif in_fleet and isinstance(desk.screen, Sheet):
        desk.errand(_ask_with_status(desk, led, desk.screen))
    else:
        desk.note = words.NEVER_KEY


async def _ask_with_status(desk: RolloutApp, led: NeedsStatus, sheet: Sheet) -> None:
    """Fetch what the strip must say. It opens only if that screen is still on top and still means that rollout."""
    try:
        status = await desk.client.status(led.name)
    except Unreachable as error:
        desk.note = f"Not asked: the daemon gave no answer ({error.why})."
    else:
        if isinstance(status, Problem):
            desk.note = status.message
        elif desk.strip is None and desk.screen is sheet and sheet.target() == led.name:
            again = lead(led.row, desk.facts, led.name, in_fleet=True, status=status, now_s=desk.now())
            desk.strip = replace(again, earlier=desk.reasons) if isinstance(again, Strip) else None
            desk.note = again.text if isinstance(again, Say) else ""
    desk.draw()


def answer(desk: RolloutApp, key: str, character: str | None, *, on_rollout: bool) -> None:
    """A key while a strip is open."""
    if desk.strip is None:
        return
    out = press(desk.strip, key, character, desk.now())
    desk.strip = out if isinstance(out, Strip) else None
    if not isinstance(out, Send):
        return
    lost = desk.scene(on_rollout=on_rollout).link in {LinkState.LOST, LinkState.NEVER}
    if lost and not out.trying_s:
        desk.note = words.BACK_BUT_LOST
        return
    if out.request.reason:
        desk.reasons = (out.request.reason, *desk.reasons)[:REASONS_KEPT]
    _send(desk, out)


def _send(desk: RolloutApp, out: Send) -> None:
    """Send it now; what follows from it is no news to the person who pressed it."""
    desk.ringer.alarms = alerts.acted(desk.ringer.alarms, out.name, desk.now())
    desk.note = desk.courier.send(out, _asked(desk, out.name))


def _act_from_past(desk: RolloutApp, row: VerbRow, name: str) -> None:
    """From the past only what stops acts, on the present, and it asks first."""
    lost = desk.facts.detail_state(desk.now()) in {LinkState.LOST, LinkState.NEVER}
    strip = None if lost else in_past(row, desk.facts, name, desk.now())
    if strip is not None or (lost and row.verb == "abort"):
        desk.archive.live()
        led = strip or lead(row, desk.facts, name, in_fleet=False, status=desk.facts.status, now_s=desk.now())
        desk.strip = led if isinstance(led, Strip) else None
        return
    keys = {key: desk.keys.key(key) for key in ("abort", "pause")}
    desk.note = words.REPLAY_ONLY_STOPS.format(**keys, live="End")


def _asked(desk: RolloutApp, name: str) -> float | None:
    """The share that is asked of the router now, as far as the screen knows."""
    status, row = desk.facts.status, desk.facts.rows.get(name)
    if status is not None and status.name == name:
        return status.on_new.asked
    return row.asked if row is not None else None
