"""The application: folds what the daemon says into facts, hands frozen scenes to the open screen, sends actions.

It must not decide anything about a rollout. Everything that it draws is a function of the scene; everything that it
sends was pressed, and where it raises exposure confirmed, by a person who saw the revision that is sent along.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC

from textual.app import App
from textual.screen import Screen

from rollout_tui import acting, alerts, clocks, words
from rollout_tui.archive import Archive
from rollout_tui.background import LateAnswer
from rollout_tui.bell import Bell
from rollout_tui.client import follow
from rollout_tui.commands import common
from rollout_tui.courier import Courier
from rollout_tui.drawn import Drawn, soon_s
from rollout_tui.driver import SleepingDriver
from rollout_tui.facts import Facts, closed, open_rollout, trying
from rollout_tui.folding import Incoming, fold, tells
from rollout_tui.hosts import client_for
from rollout_tui.link import LOST_S, LinkState
from rollout_tui.options import Options, boot_clock
from rollout_tui.order import QUIET_S, Listing, arrange, settle, stands
from rollout_tui.scene import Scene, Tab
from rollout_tui.screens.base import Sheet
from rollout_tui.screens.fleet import FleetScreen
from rollout_tui.screens.rollout import RolloutScreen
from rollout_tui.strip import Strip
from rolloutd.verbs import VerbRow
from rolloutd.wire import Fleet, FleetRow, Status
from rolloutd.wire_daemon import Hello

TICK_S = 1.0
SETTLE_S = 1.0
UNSEEN_S = 5.0


class RolloutApp(App[None]):
    """The terminal of rolloutd."""

    CSS_PATH = "rollout.tcss"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "rolloutd"

    def __init__(
        self, options: Options, now: Callable[[], float] = boot_clock, wall: Callable[[], float] = time.time
    ) -> None:
        super().__init__(SleepingDriver, ansi_color=options.palette.background is None or None)
        self.options = options
        self.now, self.wall = now, wall
        self.client = client_for(options, now)
        self.keys = options.preferences.keys
        self.facts = self._clocks(options.facts)
        self.look = options.look
        self.listing = arrange(Listing(words=options.filter_text), self.facts.rows)
        self.tab = Tab.STAGES
        self.segment = ""
        self.strip: Strip | None = None
        self.note = options.preferences.trouble
        self.late = LateAnswer()
        self.drawn = Drawn()
        self.mouse_on = options.preferences.mouse
        self.watched = True
        self.reasons: tuple[str, ...] = ()
        self.key_s = self.changed_s = self.moved_s = float("-inf")
        self.courier = Courier(self.client, now, self.answered, self.keys)
        self.archive = Archive(self.client, now, self.news)
        self.ringer = Bell(options.preferences.ways, self.say_to_terminal)
        self._streams: dict[bool, asyncio.Task[None]] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._dirty = self._looking = False
        self._looked_s = self._settled_s = float("-inf")
        self._settled: tuple[Mapping[str, FleetRow], bool, tuple[object, ...]] | None = None

    def get_default_screen(self) -> Screen[None]:
        """The fleet is home."""
        return FleetScreen()

    async def on_mount(self) -> None:
        """Start to listen."""
        self.ringer.begin()
        for bridge in self.options.bridges.values():
            await bridge.start()
        self._listen(detail=False)
        self.set_interval(TICK_S, self.tick)
        if self.options.name:
            self.open(self.options.name)

    async def on_unmount(self) -> None:
        """Leave nothing behind; a look that was still due finds nothing to look at."""
        self.ringer.end()
        tasks = [*self._streams.values(), *self._errands]
        self._streams.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.archive.close()
        await asyncio.gather(*(bridge.close() for bridge in self.options.bridges.values()))
        await self.courier.close()

    # What the daemon says

    def _listen(self, *, detail: bool) -> None:
        """Open (or open anew) the stream of all rollouts, or the one of the open rollout."""
        if old := self._streams.pop(detail, None):
            old.cancel()
        name = self.facts.name if detail else ""
        if detail and not name:
            return

        def came(one: Incoming) -> None:
            before = self.facts
            self.facts = fold(before, one, detail=detail, now_s=self.now())
            if isinstance(one, Hello) and not detail:
                self.facts = self._clocks(self.facts)
            if isinstance(one, Fleet) and not self.listing.order:
                self.listing = arrange(self.listing, self.facts.rows)
                self.draw()
            elif isinstance(one, Status) and before.status is None:
                self.draw()
            elif tells(before, one):
                self.news()
            self._hear(before, one)

        def ended(why: str) -> None:
            self.facts = closed(self.facts, detail=detail, why=why)
            self.news()

        def tries() -> None:
            self.facts = trying(self.facts, detail=detail, now_s=self.now())

        work = follow(self.client, name, came, ended, tries, self.options.retry_s)
        self._streams[detail] = asyncio.create_task(work)

    def _clocks(self, facts: Facts) -> Facts:
        """How far the two clocks are apart, by the hello that came last; of several hosts nothing is said."""
        hello, heard_s = facts.hello, facts.fleet_link.heard_s
        if hello is None or heard_s is None or facts.hosts:
            return facts
        return replace(facts, ahead_s=clocks.ahead_s(hello.as_of, self.wall(), self.now() - heard_s))

    def _hear(self, before: Facts, one: Incoming) -> None:
        """Whether what came deserves a bell."""
        rows = [one] if isinstance(one, FleetRow) else []
        if isinstance(one, Fleet):
            rows = alerts.judged(before.rows, one.rollouts)
        for row in rows:
            self.ringer.alarms = alerts.seen(self.ringer.alarms, before.rows.get(row.name), row, self.now())

    def news(self) -> None:
        """Something changed that matters: draw soon. Mere numbers wait for the next second."""
        self._dirty = True
        self._soon()

    def answered(self) -> None:
        """What a person did has an answer: it is shown at once."""
        if self.screen_stack:
            self.draw()

    def _soon(self) -> None:
        """One more look soon, however many ask for it; the next second's where nobody looks.

        By the loop's own timer: the toolkit's is a task, a message and an inspection of the callback each time.
        """
        if not self._looking and self.is_running and self.watched:
            self._looking = True
            loop = asyncio.get_running_loop()
            loop.call_later(soon_s(loop.time(), self._looked_s, asked=self.strip is not None), self._look)

    def _look(self) -> None:
        self._looking, self._looked_s = False, asyncio.get_running_loop().time()
        if self.screen_stack:  # none any more while the application closes
            self.tick()

    def tick(self) -> None:
        """Ages, silence, order, and drawing what changed."""
        now_s = self.now()
        for detail, link in ((False, self.facts.fleet_link), (True, self.facts.detail_link)):
            stream = self._streams.get(detail)
            if link.open and link.age_s(now_s) >= LOST_S:
                self._again(detail=detail, why="the daemon is silent, its socket still open")
            elif stream is not None and stream.done() and not stream.cancelled():
                self._again(detail=detail, why=f"an error of this screen itself: {stream.exception()!r}")
        self.courier.observe(self.facts)
        self.archive.want(self.facts.status, self.tab)
        self.archive.tick()
        self._settle(now_s)
        lost = self.facts.fleet_link.state(now_s) is LinkState.LOST
        if not lost:  # or else all of them are, which is said once
            self.ringer.alarms = alerts.hosts(self.ringer.alarms, self.facts.lost_hosts(now_s))
        self.ringer.tick(self.facts.rows, self.facts.urgent, lost=lost, now_s=now_s)
        changed = self._dirty or self.strip is not None or self.drawn.aged(now_s, self._links(), self._ages())
        if changed and (self.watched or now_s - self.drawn.at_s >= UNSEEN_S):
            self.draw()
        if self.strip is not None or self.courier.trying:
            self._soon()

    def _again(self, *, detail: bool, why: str) -> None:
        """Give up a stream and open another."""
        self.facts = closed(self.facts, detail=detail, why=why)
        self._listen(detail=detail)
        self.news()

    def _ages(self) -> object:
        """What time alone changes on the open screen."""
        screen = self.screen
        return screen.ages(self.scene(on_rollout=screen.on_rollout)) if isinstance(screen, Sheet) else None

    def _links(self) -> tuple[LinkState, LinkState]:
        """What both links are now; a change is shown without waiting for the next second."""
        now_s = self.now()
        return self.facts.fleet_link.state(now_s), self.facts.detail_link.state(now_s)

    def _settle(self, now_s: float) -> None:
        """Let the rows find their order when nobody is in them."""
        if self.strip is not None or self.listing.typing or now_s - self._settled_s < SETTLE_S:
            return
        self._settled_s = now_s
        before = self.listing
        resting = before.cursor == 0 and now_s - self.key_s >= QUIET_S
        last, self._settled = self._settled, (self.facts.rows, resting, before.how)
        if last is not None and last[1:] == self._settled[1:]:
            rows = self.facts.rows
            if last[0] is rows or (resting and stands(before, last[0], rows)):
                return  # nothing came that decides about a place, and nobody has left the list alone since
        self.listing = settle(before, self.facts.rows, now_s - self.key_s)
        self._dirty = self._dirty or self.listing != before
        if before.order and before.name != self.listing.name:
            self.moved_s = now_s
            self.news()

    # What the screen shows

    def scene(self, *, on_rollout: bool) -> Scene:
        """This moment."""
        return Scene(
            facts=self.facts,
            now_s=self.now(),
            width=self.size.width,
            height=self.size.height,
            look=self.look,
            strip=self.strip,
            result=self.courier.result,
            note=self.note or (self.archive.trouble if on_rollout else ""),
            listing=self.listing,
            tab=self.tab,
            segment=self.segment,
            where=str(self.client.view.parent),
            on_rollout=on_rollout,
            papers=self.archive.papers,
            keys=self.keys,
            bell=self.ringer.say(self.now()),
        )

    def draw(self) -> None:
        """Show the present scene on the open screen."""
        self._dirty = False
        self.drawn.note(self.now(), self._links(), self._ages())
        if isinstance(self.screen, Sheet):
            self.screen.draw()

    # What a person does

    def open(self, name: str) -> None:
        """Look at one rollout."""
        self._look_at(name)
        self.go(RolloutScreen())

    def _look_at(self, name: str) -> None:
        self.facts = open_rollout(self.facts, name)
        self.archive.open(name)
        self.tab, self.segment = Tab.STAGES, ""
        self._listen(detail=True)

    def other(self, way: int) -> None:
        """The next rollout that needs somebody, or the one before, in place of this one."""
        waiting = arrange(Listing(), {name: self.facts.rows[name] for name in self.facts.urgent}).order
        names = [name for name in waiting if name != self.facts.name]
        if not names:
            self.note = words.NO_OTHER
            return
        here = waiting.index(self.facts.name) if self.facts.name in waiting else -1 if way > 0 else len(waiting)
        self._look_at(waiting[(here + way) % len(waiting)])
        self.changed_s = self.now()

    def leave(self) -> None:
        """Back to the fleet."""
        if old := self._streams.pop(True, None):
            old.cancel()
        self.facts = open_rollout(self.facts, "")
        self.archive.open("")
        self.back()

    def go(self, sheet: Sheet) -> None:
        """Another screen on top. Keys that were meant for the one below do nothing on it."""
        self.strip, self.note = None, ""
        self.changed_s = self.now()
        self.push_screen(sheet)

    def back(self) -> None:
        """One screen back."""
        self.strip, self.note = None, ""
        self.changed_s = self.now()
        self.pop_screen()

    def act(self, row: VerbRow, name: str, *, in_fleet: bool) -> None:
        """An action key was pressed on rollout ``name``."""
        acting.act(self, row, name, in_fleet=in_fleet)

    def answer(self, key: str, character: str | None, *, on_rollout: bool) -> None:
        """A key while a strip is open."""
        acting.answer(self, key, character, on_rollout=on_rollout)

    def toggle_zone(self) -> None:
        """Times in UTC or in the local zone; line 1 of the fleet says which."""
        self.look = replace(self.look, zone=None if self.look.zone is UTC else UTC)

    def acknowledge(self) -> None:
        """The person has seen that the daemon was not heard for a while."""
        self.facts = replace(self.facts, gap=None)

    def errand(self, work: Coroutine[None, None, None]) -> None:
        """Ask the daemon something beside the streams."""
        task = asyncio.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def common(self, name: str) -> bool:
        """A command that every screen has; False when this is none."""
        return common(self, name)

    def redraw(self) -> None:
        """Paint everything again."""
        self.screen.refresh()

    def say_to_terminal(self, text: str) -> None:
        """Write a control sequence that draws nothing."""
        if self._driver is not None and text:
            self._driver.write(text)
            self._driver.flush()

    def on_app_blur(self) -> None:
        """Nobody looks: one frame in five seconds is enough. Bells still ring."""
        self.watched = False

    def on_app_focus(self) -> None:
        """Somebody looks again."""
        self.watched = True
        self.draw()
