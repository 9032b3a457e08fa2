"""Home: all rollouts, most urgent first. Keys act on the row under the cursor, never without a strip that names it."""

from __future__ import annotations

from dataclasses import replace

from textual import events

from rollout_tui.keys import Place
from rollout_tui.lines import Line, clean
from rollout_tui.order import Sort, arrange, home, keep_visible, move
from rollout_tui.pages import fleet_height, render_fleet
from rollout_tui.scene import Room, Scene
from rollout_tui.screens.base import Sheet
from rollout_tui.screens.report import ReportScreen
from rollout_tui.screens.why import WhyScreen
from rollout_tui.widgets.fleet_rows import row_at
from rollout_tui.widgets.link_line import render_doubts, render_hosts, render_link, render_sources


class FleetScreen(Sheet):
    """The list of all rollouts."""

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The list, with the cursor in sight."""
        listing = keep_visible(scene.listing, fleet_height(scene))
        self.desk.listing = listing
        return render_fleet(replace(scene, listing=listing))

    def ages(self, scene: Scene) -> object:
        """The ages of the link, the sources and the bell's silence."""
        return render_link(scene), render_hosts(scene), render_doubts(scene), render_sources(scene), scene.bell

    def target(self) -> str:
        """The rollout under the cursor."""
        return self.desk.listing.name

    def places(self) -> tuple[Place, ...]:
        """The fleet."""
        return (Place.FLEET,)

    def do(self, name: str) -> None:
        """Move, open, filter, sort, leave."""
        desk = self.desk
        height = fleet_height(desk.scene(on_rollout=False))
        steps = {"move-down": 1, "move-up": -1, "half-down": height // 2, "half-up": -(height // 2)}
        if name in steps:
            desk.listing = move(desk.listing, steps[name] or 1, height)
        elif name == "bottom":
            desk.listing = move(desk.listing, len(desk.listing.order), height)
        elif name == "filter":
            desk.listing = replace(desk.listing, typing=True)
        elif name == "escape" and desk.listing.words:
            self._filter("", typing=False)
        elif name == "back":
            desk.exit()
        elif name in {"open", "why", "report"}:
            self._show(name)
        else:
            self._anew(name)

    def _show(self, name: str) -> None:
        """Another screen, of the rollout under the cursor."""
        desk, rollout = self.desk, self.desk.listing.name
        if rollout and name == "open":
            desk.open(rollout)
        elif rollout:
            desk.go(WhyScreen(rollout, on_rollout=False) if name == "why" else ReportScreen(rollout, on_rollout=False))

    def _anew(self, name: str) -> None:
        """The list from its top, sorted anew: as it is, otherwise sorted, or with only what has ended."""
        listing, kinds = self.desk.listing, list(Sort)
        if name == "sort":
            listing = replace(listing, sort=kinds[(kinds.index(listing.sort) + 1) % len(kinds)])
        elif name == "ended" or (name == "escape" and listing.ended):
            listing = replace(listing, ended=not listing.ended)
        elif name != "top":
            return
        self.desk.listing = home(listing, self.desk.facts.rows)

    def typing(self, key: str, character: str | None) -> bool:
        """Keys of a filter; while one is typed no key acts."""
        listing = self.desk.listing
        if not listing.typing:
            return False
        if key == "escape":
            self._filter("", typing=False)
        elif key == "enter":
            self._filter(listing.words, typing=False)
        elif key == "backspace":
            self._filter(listing.words[:-1], typing=True)
        elif character and character.isprintable():
            self._filter(listing.words + clean(character), typing=True)
        return True

    def _filter(self, text: str, *, typing: bool) -> None:
        listing = replace(self.desk.listing, words=text[:80], typing=typing)
        self.desk.listing = replace(arrange(listing, self.desk.facts.rows), cursor=0, top=0)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; it never acts."""
        scene = self.desk.scene(on_rollout=False)
        if scene.room is Room.LINE or self.desk.strip is not None:
            return
        first = (1 if scene.room is Room.TINY else 3) + 1 + (6 if scene.stale else 0)
        at = row_at(scene, event.y - first)
        if at is not None and event.y >= first:
            self.desk.key_s = self.desk.now()
            self.desk.listing = replace(self.desk.listing, cursor=at)
            self.desk.draw()
