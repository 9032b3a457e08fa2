"""What all screens share: one canvas, and the gate that every key passes before it can act. It decides nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from rollout_tui import words
from rollout_tui.actions import BY_KEY
from rollout_tui.lines import Line
from rollout_tui.scene import Scene
from rollout_tui.strip import Step, paste
from rollout_tui.widgets.canvas import Canvas
from rollout_tui.widgets.link_line import marked

if TYPE_CHECKING:
    from rollout_tui.desk import RolloutApp

SCREEN_DEAD_S = 0.15
MOVED_DEAD_S = 0.4
STOPPING = frozenset({"abort", "pause"})


class Sheet(Screen[None]):
    """A screen that is a function of a scene."""

    ALLOW_SELECT = False
    on_rollout = False
    acts = True

    @property
    def desk(self) -> RolloutApp:
        """The application, by its own type."""
        return cast("RolloutApp", self.app)

    def compose(self) -> ComposeResult:
        """One canvas, nothing else."""
        yield Canvas(self.desk.options.palette)

    def on_mount(self) -> None:
        """Show something at once."""
        self.draw()

    def on_screen_resume(self) -> None:
        """Back on top: show the present, not what was there before."""
        self.draw()

    def on_resize(self) -> None:
        """Another size, another layout."""
        self.draw()

    def draw(self) -> None:
        """Show this moment."""
        for canvas in self.query(Canvas):  # one; none yet or no more while the screen is put up or taken down
            scene = self.desk.scene(on_rollout=self.on_rollout)
            canvas.show(marked(scene, self.picture(scene)))

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The lines of this screen."""
        raise NotImplementedError

    def target(self) -> str:
        """The rollout that action keys act on."""
        raise NotImplementedError

    def press(self, key: str) -> None:
        """A key that is no action."""

    def typing(self, key: str, character: str | None) -> bool:
        """Whether the key went into a text of this screen."""
        return False

    def on_key(self, event: events.Key) -> None:
        """Every key comes through here: a text, a strip's answer, an action, or a way around the screens."""
        event.stop()
        event.prevent_default()
        desk = self.desk
        if desk.screen is not self:
            return  # the key before has left this screen: what was meant for it acts on no other
        now_s = desk.now()
        desk.key_s = now_s
        desk.note = ""
        name = event.character if event.character and event.is_printable else event.key
        if event.key == "ctrl+c":
            desk.note = words.CTRL_C
        elif desk.strip is not None:
            self._in_strip(event, name)
        elif not self.typing(event.key, event.character):
            self._outside(event.key, name, now_s)
        desk.draw()

    def _outside(self, key: str, name: str, now_s: float) -> None:
        """A key without a strip."""
        desk = self.desk
        row = BY_KEY.get(name) if self.acts else None
        changes = row is not None or key == "enter"
        if changes and now_s - desk.changed_s < SCREEN_DEAD_S:
            desk.note = "That key came as the screen changed and was dropped. Press it again."
        elif changes and not self.on_rollout and now_s - desk.moved_s < MOVED_DEAD_S:
            desk.note = words.CHANGED_UNDER_YOU
        elif row is not None:
            desk.act(row, self.target(), in_fleet=not self.on_rollout)
        elif key == "escape" and self._seen():
            return
        elif name == "T":
            desk.toggle_zone()
        else:
            self.press(name)

    def _seen(self) -> bool:
        """Esc first stops a trial, then acknowledges what stands there; only then does it leave the screen."""
        desk = self.desk
        if desk.courier.trying:
            desk.courier.stop()
        elif desk.courier.result is not None and desk.courier.result.over:
            desk.courier.dismiss()
        elif desk.facts.restart is not None:
            desk.acknowledge()
        else:
            return False
        return True

    def _in_strip(self, event: events.Key, name: str) -> None:
        """A key while a strip is open: what stops still stops, beside a question about going up."""
        desk = self.desk
        strip = desk.strip
        row = BY_KEY.get(name)
        writes = strip is not None and strip.step in {Step.NAME, Step.REASON}
        if strip is not None and strip.raises and not writes and row is not None and row.verb in STOPPING:
            desk.strip = None
            desk.act(row, strip.name, in_fleet=not self.on_rollout)
        else:
            desk.answer(event.key if writes else name, event.character, on_rollout=self.on_rollout)

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text can fill in a reason; it presses no key."""
        event.stop()
        if self.desk.strip is not None:
            self.desk.strip = paste(self.desk.strip, event.text)
        else:
            self.desk.note = words.PASTED
        self.desk.draw()
