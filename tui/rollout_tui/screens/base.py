"""What all screens share: one canvas, and the gate that every key passes before it can act. It decides nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from rollout_tui import words
from rollout_tui.exact import ExactCompositor
from rollout_tui.keys import STOPPING, Command, Place
from rollout_tui.lines import Line
from rollout_tui.scene import Scene
from rollout_tui.strip import Step, paste
from rollout_tui.widgets.canvas import Canvas
from rollout_tui.widgets.link_line import marked

if TYPE_CHECKING:
    from rollout_tui.desk import RolloutApp

SCREEN_DEAD_S = 0.15
MOVED_DEAD_S = 0.4
_CHANGES = frozenset({"open", "play"})
ENTER = Command("open", ("enter",), Place.FLEET, "open the rollout under the cursor")


class Sheet(Screen[None]):
    """A screen that is a function of a scene."""

    ALLOW_SELECT = False
    on_rollout = False
    acts = True

    def __init__(self) -> None:
        super().__init__()
        self._compositor = ExactCompositor()

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

    def ages(self, scene: Scene) -> object:
        """What time alone changes here; while it stays the same there is nothing to draw. None: draw each second."""
        return None

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

    def places(self) -> tuple[Place, ...]:
        """Where this screen is, for the keys."""
        return ()

    def do(self, name: str) -> None:
        """A command that is no action."""

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
        desk.key_s = desk.now()
        desk.note = ""
        if event.character and desk.late.takes(event.character, desk.now()):
            return
        name = event.character if event.character and event.is_printable and event.key != "space" else event.key
        if event.key == "ctrl+c":
            desk.note = words.CTRL_C
        elif desk.strip is not None:
            self._in_strip(event, name)
        elif not self.typing(event.key, event.character):
            self._outside(name)
        desk.draw()

    def _outside(self, key: str) -> None:
        """A key without a strip."""
        if key == "escape":
            if not self._seen():
                self.do("escape")
            return
        command = ENTER if key == "enter" else self.desk.keys.find(key, *self.places())
        if command is not None:
            self.run(command)

    def run(self, command: Command) -> None:
        """Do what a key is for, unless it was meant for what stood here a moment ago."""
        desk, now_s = self.desk, self.desk.now()
        acts = command.acts and self.acts
        changes = acts or command.name in _CHANGES
        if changes and now_s - desk.changed_s < SCREEN_DEAD_S:
            desk.note = "That key came as the screen changed and was dropped. Press it again."
        elif changes and not self.on_rollout and now_s - desk.moved_s < MOVED_DEAD_S:
            desk.note = words.CHANGED_UNDER_YOU
        elif acts and command.row is not None:
            desk.act(command.row, self.target(), in_fleet=not self.on_rollout)
        elif not command.acts and not desk.common(command.name):
            self.do(command.name)

    def _seen(self) -> bool:
        """Esc first stops a trial, then acknowledges what stands there; only then does it leave the screen."""
        desk = self.desk
        if desk.courier.trying:
            desk.courier.stop()
        elif desk.courier.result is not None and desk.courier.result.over:
            desk.courier.dismiss()
        elif desk.facts.gap is not None:
            desk.acknowledge()
        else:
            return False
        return True

    def _in_strip(self, event: events.Key, name: str) -> None:
        """A key while a strip is open: what stops still stops, beside a question about going up."""
        desk = self.desk
        strip = desk.strip
        command = desk.keys.find(name)
        writes = strip is not None and strip.step in {Step.NAME, Step.REASON}
        stops = command is not None and command.name in STOPPING
        if strip is not None and strip.stoppable and not writes and stops and command is not None and command.row:
            desk.strip = None
            desk.act(command.row, strip.name, in_fleet=not self.on_rollout)
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
