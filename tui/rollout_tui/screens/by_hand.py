"""What a person can type elsewhere when the screen cannot help: commands by hand. It sends nothing."""

from __future__ import annotations

from rollout_tui.actions import command
from rollout_tui.facts import host_of
from rollout_tui.lines import Line, Role, Span, clean, line, rule, wrap
from rollout_tui.pages import stack
from rollout_tui.scene import Scene
from rollout_tui.screens.base import Sheet
from rollout_tui.widgets.link_line import render_link


def render_by_hand(scene: Scene, name: str) -> tuple[Line, ...]:
    """The commands, the surest first."""
    status = scene.facts.status if scene.on_rollout else None
    hand = clean(status.by_hand) if status and status.by_hand else ""
    there = f"ssh {host_of(name)} " if host_of(name) else ""
    told = [
        ("Give all traffic back, through the daemon:", f"{command('abort', name or 'NAME')} --wait"),
        ("When the daemon does not answer, on its host:", f"{there}rolloutd emergency-abort --config CONFIG"),
        ("What the daemon says:", command("status", name or "NAME")),
        (
            "Whether the daemon runs, and its log:",
            f"{there}systemctl status rolloutd; {there}journalctl -u rolloutd -n 50",
        ),
        ("What its routers and sources say:", f"{there}rollout doctor"),
    ]
    if hand and hand != told[1][1]:
        told.insert(1, ("At the router itself, on its host:", hand))
    head = [
        line(Span(f"By hand: {name or 'any rollout'}", Role.STRONG), "   ", render_link(scene)),
        line(rule(scene.width)),
    ]
    body: list[Line] = []
    for what, typed in told:
        body.append(line(" " + what))
        body += [line(Span("   " + row, Role.STRONG)) for row in wrap(typed, scene.width - 4, 3)]
    return stack(scene, head, body, [line("Esc close   C copy")])


class ByHandScreen(Sheet):
    """Commands to type elsewhere."""

    acts = False

    def __init__(self, name: str, *, on_rollout: bool) -> None:
        super().__init__()
        self._rollout = name
        self.on_rollout = on_rollout

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The commands."""
        return render_by_hand(scene, self._rollout)

    def target(self) -> str:
        """Nothing: no key acts here."""
        return ""

    def do(self, name: str) -> None:
        """Close."""
        if name in {"back", "escape", "open"}:
            self.desk.back()
