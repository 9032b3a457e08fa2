"""What the server needs from the daemon's inside, as one narrow Protocol; it holds no logic.

Everything that only looks is answered from memory at once. What may wait (durability, the journal, probes) is async.
Wherever a rollout is named, ``name`` is its exact name or its model's name, which means that model's newest rollout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rolloutd.core.commands import Act, RefusalCode, Refused
from rolloutd.core.values import Actor
from rolloutd.feed import Feed
from rolloutd.pictures import Audit, Past, Plan, Series
from rolloutd.risk_questions import Asked
from rolloutd.verbs import VerbRow
from rolloutd.wire import ActionDone, Fleet, FleetRow, Status, Timeline, Why
from rolloutd.wire_daemon import Doctor, Health, Heartbeat, Hello
from rolloutd.wire_plan import Recording
from rolloutd.wire_report import Evidence, Report, Stats
from rolloutd.wire_start import Advice, Choices


class Service(Protocol):
    """The inside of the daemon, as the sockets see it."""

    @property
    def feed(self) -> Feed:
        """Which rollouts changed; the server draws their pictures when it sends them."""
        ...

    async def start(
        self, body: Mapping[str, object], actor: Actor, command_id: str, dry_run: bool
    ) -> ActionDone | Refused:
        """Start a rollout, or with ``dry_run`` only say whether it would start.

        ``body`` is ``{"spec_toml": text, "file": name, "reason": text}`` or ``{"spec": {...}, "reason": text}``,
        parsed strictly but not validated. The same ``command_id`` again returns the first outcome.
        """
        ...

    async def choices(self) -> Choices:
        """What a rollout can be made of now."""
        ...

    async def advise(self, asked: Asked) -> Advice | Refused:
        """What the rules recommend at the route's present traffic, which is measured for it."""
        ...

    async def act(
        self, name: str, act: Act, command_id: str, wait_s: float, plan: Mapping[str, object] | None = None
    ) -> ActionDone | Refused:
        """Carry out one verb; answers once durable, or with ``wait_s`` once the router confirmed or that time is over.

        The same ``command_id`` again returns the first outcome. The command lives on when the caller goes away.
        """
        ...

    async def hold_fleet(self, row: VerbRow, actor: Actor, reason: str, command_id: str) -> ActionDone | Refused:
        """Freeze the whole fleet, or release it, whichever ``row`` says; answers once durable."""
        ...

    async def reload(self, actor: Actor, reason: str, command_id: str) -> ActionDone | Refused:
        """Read the configuration again: what can be taken over counts from here on, or all of it is refused."""
        ...

    async def refuse(self, name: str, verb: str, actor: Actor, code: RefusalCode, why: str) -> None:
        """Put into the record that the server itself refused a command; ``name`` may be unknown or empty."""
        ...

    def traffic(self, name: str) -> str:
        """One sentence on what this rollout's traffic does now; for an unknown name ``Unchanged.``"""
        ...

    def fleet(self, filter_text: str, limit: int) -> Fleet:
        """The rollouts that match, most urgent first, at most ``limit``."""
        ...

    def row(self, name: str) -> FleetRow | None:
        """One line of the fleet."""
        ...

    def status(self, name: str) -> Status | None:
        """One rollout now."""
        ...

    def why(self, name: str) -> Why | None:
        """The decision in words."""
        ...

    async def timeline(self, name: str, since_seq: int) -> Timeline | None:
        """The record of one rollout after journal number ``since_seq``."""
        ...

    async def series(self, name: str, metric: str, last_s: float, points: int) -> Series | None:
        """The course of one metric in the last ``last_s`` seconds (0: all) as at most ``points`` points.

        None when the rollout or the metric is unknown.
        """
        ...

    def plan(self, name: str) -> Plan | None:
        """What was agreed to before the start."""
        ...

    async def past(self, name: str, seq: int) -> Past | None:
        """The rollout as its record had it after the event ``seq``; None when it had none by then."""
        ...

    def audit(self) -> Audit:
        """The journal's chain, as it was verified last."""
        ...

    async def report(self, name: str) -> Report | None:
        """One page about a rollout."""
        ...

    async def evidence(self, name: str) -> Evidence | None:
        """What its record evidences of the NIST AI RMF."""
        ...

    async def stats(self, since_s: float) -> Stats:
        """The success measures of the rollouts requested in the last so many seconds."""
        ...

    async def recording(self, name: str) -> Recording | None:
        """What is kept of a rollout's ticks, with its plan, to replay it."""
        ...

    async def doctor(self) -> Doctor:
        """Check the daemon, its routers, sources and rights."""
        ...

    def health(self) -> Health:
        """Whether the daemon turns."""
        ...

    def heartbeat(self) -> Heartbeat:
        """The daemon's time and the ages of its sources and routers. The server fills in who is here."""
        ...

    def hello(self, actor: Actor, read_only: bool) -> Hello:
        """The first message of an event stream for this caller."""
        ...
