"""The same rollouts as lines: one fact a line, words instead of symbols, no cursor movement. It draws nothing.

With a rollout's name it is a prompt as well: pause, abort, why and the like are typed. What raises exposure is asked
for in words here too, and ``y`` is typed out as ``yes``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from rollout_tui import figures
from rollout_tui.actions import REVIVING
from rollout_tui.client import Client, follow, socket_dir
from rollout_tui.facts import Facts, closed, open_rollout
from rollout_tui.folding import Incoming, fold
from rollout_tui.http import Unreachable
from rollout_tui.lines import clean
from rollout_tui.link import LOST_S
from rollout_tui.order import matches
from rollout_tui.orders import Order
from rollout_tui.scene import Look
from rollout_tui.words import state_word
from rolloutd.verbs import BY_NAME, Risk, Socket
from rolloutd.wire import ActionRequest, FleetRow, Problem
from rolloutd.wire_daemon import Heartbeat, Hello

STILL_S = 60.0
NO_DAEMON = 10


def say_row(row: FleetRow) -> str:
    """One rollout as a sentence."""
    observed = "the router's share is unknown"
    if row.observed is not None:
        same = abs(row.observed - row.asked) < 5e-5
        observed = "router confirms" if same else f"router says {figures.share(row.observed)}"
    state = state_word(row.state).word
    return (
        f"{row.name}: state {state}. {figures.share(row.asked)} asked for version {clean(row.challenger)}, {observed}. "
        f"Worst signal: {clean(row.worst) or 'none'}. Next: {clean(row.next) or 'nothing'}."
    )


class Plain:
    """Says what changed, and only that."""

    def __init__(self, look: Look, filter_text: str, name: str, out: Callable[[str], None]) -> None:
        self._look = look
        self._filter = filter_text
        self._name = name
        self._out = out
        self._said: dict[str, str] = {}
        self._beat: dict[str, str] = {}
        self._quiet_s = self._heard_s = time.monotonic()
        self._lost = False
        self.facts = open_rollout(Facts(), name)

    def _line(self, text: str) -> None:
        at = figures.clock(self.facts.as_of, self._look.zone, seconds=True)
        self._out(f"{at} {text}")
        self._quiet_s = time.monotonic()

    def came(self, one: Incoming) -> None:
        """Something came from the daemon."""
        self._heard_s = time.monotonic()
        if self._lost:
            self._lost = False
            self._line("contact with the daemon again.")
        told_before = self.facts.hello is not None
        self.facts = fold(self.facts, one, detail=False, now_s=self._heard_s)
        if isinstance(one, Hello) and one.simulated and not told_before:
            self._out("SIMULATED: no real traffic passes through the routers of this daemon.")
        for row in self.facts.rows.values():
            wanted = row.name == self._name if self._name else matches(row, self._filter)
            told = say_row(row)
            if wanted and self._said.get(row.name) != told:
                self._said[row.name] = told
                self._line(told)

        if isinstance(one, Heartbeat):
            self._beats(one)

    def _beats(self, beat: Heartbeat) -> None:
        """What stands in the first and last lines of the screen: what the daemon says of itself, hold, proposals."""
        held = beat.held
        others = f" and {held.others} more" if held and held.others else ""
        told = {
            "says": f"The daemon says: {clean(beat.message).rstrip('.') or 'nothing is wrong with itself any more'}.",
            "hold": f"Fleet hold ON by {clean(held.by)}{others}: {clean(held.reason)}." if held else "Fleet hold off.",
            "asks": f"Proposed, waits for a yes: {clean(', '.join(beat.proposed)) or 'nothing any more'}.",
        }
        there = {"says": bool(beat.message), "hold": held is not None, "asks": bool(beat.proposed)}
        for what, text in told.items():
            if self._beat.get(what, "") != text and (there[what] or what in self._beat):
                self._beat[what] = text
                self._line(text)

    def closed(self, why: str) -> None:
        """The stream ended."""
        self.facts = closed(self.facts, detail=False, why=why)
        if not self._lost:
            self._lost = True
            self._line(f"NO CONTACT with the daemon: {why}. What was said before is not live. Trying again.")

    def still(self) -> None:
        """Say that nothing changed, and notice silence."""
        now_s = time.monotonic()
        if not self._lost and now_s - self._heard_s >= LOST_S:
            self.closed("silent for 10 s")
        elif now_s - self._quiet_s >= STILL_S:
            self._line("no contact still." if self._lost else "no change still.")


Out = Callable[[str], None]


async def act(client: Client, name: str, typed: str, out: Out, ask: Callable[[str], Awaitable[str]]) -> None:
    """One typed verb with the same questions as on the screen."""
    verb, _, reason = typed.strip().partition(" ")
    row = BY_NAME.get(verb)
    if verb == "why":
        found = await client.why(name)
        lines = [found.message] if isinstance(found, Problem) else [*found.lines, f"Next: {found.next.sentence}"]
        out("\n".join(clean(text) for text in lines))
        return
    if row is None or not row.on_rollout or not row.built or row.socket is not Socket.CONTROL:
        out("Type one of: why, abort, pause, resume, promote, claim, quit. A reason may follow the verb.")
        return
    revision = None
    if row.risk is Risk.RAISES or row.verb in REVIVING:
        status = await client.status(name)
        if isinstance(status, Problem):
            out(f"{status.message} {status.next}")
            return
        revision = status.revision if row.revision else None
        share = figures.share(status.on_new.asked)
        if await ask(f"{verb} {name} at {share}, revision {status.revision}. Type yes to do it:") != "yes":
            out("Not sent.")
            return
    answer = await client.act(Order.make(name, verb, ActionRequest(reason=reason), revision))
    if isinstance(answer, Problem):
        out(f"{answer.message} Traffic: {answer.traffic} Next: {answer.next}")
    else:
        out(f"{verb} {name}: the daemon has it, revision {answer.revision}.")


async def _watch(client: Client, plain: Plain) -> None:
    async def clock() -> None:
        while True:
            await asyncio.sleep(1)
            plain.still()

    ticking = asyncio.create_task(clock())
    try:
        await follow(client, "", plain.came, plain.closed, lambda: None)
    finally:
        ticking.cancel()


async def _main(client: Client, plain: Plain, name: str, out: Out) -> int:
    async def ask(text: str) -> str:
        out(text)
        answer: str = await asyncio.to_thread(sys.stdin.readline)
        return answer.strip()

    watching = asyncio.create_task(_watch(client, plain))
    try:
        while name and sys.stdin.isatty():
            typed = await asyncio.to_thread(sys.stdin.readline)
            if typed.strip() in {"quit", "q"} or not typed:
                return 0
            try:
                await act(client, name, typed, out, ask)
            except Unreachable as error:
                out(f"No answer: {error.why}. Traffic is as the router has it. Next: rollout doctor")
        await watching
        return 0
    finally:
        watching.cancel()


def run_plain(where: str | None, filter_text: str, name: str, look: Look, *, read_only: bool = False) -> int:
    """Lines until interrupted. Returns 10 when there is no daemon at all."""

    def out(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    client = Client(socket_dir(where), read_only=read_only)
    if not client.view.exists():
        told = f"No daemon answers in {client.view.parent}. Traffic is as the router has it."
        out(f"{told} Next: systemctl status rolloutd")
        return NO_DAEMON
    try:
        return asyncio.run(_main(client, Plain(look, filter_text, name, out), name, out))
    except KeyboardInterrupt:
        return 0
