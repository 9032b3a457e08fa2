"""The keys of the screen below, grouped by what they do to exposure, made from the table of verbs. No key acts here."""

from __future__ import annotations

from rollout_tui.lines import Line, Role, Span, fit, line, rule
from rollout_tui.pages import stack
from rollout_tui.scene import Scene
from rollout_tui.screens.base import Sheet
from rollout_tui.words import STATES
from rolloutd.verbs import VERBS, Risk

_GROUPS = (
    (Risk.LOWERS, "Lowers exposure: one key on the rollout's screen, asks nothing"),
    (Risk.FREEZES, "Freezes exposure: triggers stay armed"),
    (Risk.RAISES, "Raises exposure: asks, and only y confirms"),
    (Risk.NONE, "Changes nothing"),
)
FLEET_KEYS = "j k move   Enter open   / filter (state:blind owner:ops2 text)   s sort   g top   T time zone   q quit"
ROLLOUT_KEYS = "1 to 5 tabs   w why   T time zone   Esc q back to the fleet"


def render_help(scene: Scene, *, on_rollout: bool, first: int = 0) -> tuple[Line, ...]:
    """Keys first, then what the states mean, from line ``first`` on."""
    title = "Keys of a rollout's screen" if on_rollout else "Keys of the fleet (actions ask first, naming the rollout)"
    body: list[Line] = [line(" " + (ROLLOUT_KEYS if on_rollout else FLEET_KEYS)), line()]
    for risk, text in _GROUPS:
        rows = [row for row in VERBS if row.risk is risk and row.key]
        if rows:
            body.append(line(Span(" " + text, Role.STRONG)))
        for row in rows:
            built = "" if row.built else "  (not built yet)"
            body.append(line(f"   {row.key}  {fit(row.verb, 10)}{row.help}{built}"))
    body += [line(), line(Span(" States", Role.STRONG))]
    for one in STATES:
        symbol = one.ascii if scene.look.ascii else one.symbol
        body.append(line("   ", Span(fit(f"{fit(symbol, 2)} {one.word}", 16), one.role), one.means))
    head = [line(Span(title, Role.STRONG)), line(rule(scene.width))]
    last = max(0, len(body) - (scene.height - 3))
    more = "   j k more" if last else ""
    return stack(scene, head, body[min(first, last) :], [line(f"? Esc q close{more}")])


class HelpScreen(Sheet):
    """Keys and states."""

    acts = False

    def __init__(self, *, on_rollout: bool) -> None:
        super().__init__()
        self.on_rollout = on_rollout
        self._first = 0

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The keys."""
        return render_help(scene, on_rollout=self.on_rollout, first=self._first)

    def target(self) -> str:
        """Nothing: no key acts here."""
        return ""

    def press(self, key: str) -> None:
        """Close, or read on."""
        if key in {"q", "escape", "?", "enter"}:
            self.desk.back()
        elif key in {"j", "down", "pagedown"}:
            self._first = min(self._first + 5, len(STATES) + len(VERBS))
        elif key in {"k", "up", "pageup"}:
            self._first = max(0, self._first - 5)
