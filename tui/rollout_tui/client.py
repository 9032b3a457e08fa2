"""An equal client of the daemon's two sockets; it must not decide, draw, or know more than a script does.

Looking goes over the view socket, acting over the control socket, so that a crowd of viewers cannot hold up an abort.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

from rollout_tui.early import Early
from rollout_tui.folding import Gone, Incoming
from rollout_tui.http import Answer, Unreachable, exchange, resume, stream
from rollout_tui.orders import Order
from rolloutd.pictures import Past, Plan, Series
from rolloutd.wire import ActionDone, Fleet, FleetRow, Problem, Status, Timeline, Why
from rolloutd.wire_daemon import Heartbeat, Hello

if TYPE_CHECKING:
    from rollout_tui.strip import Spec
    from rolloutd.wire_daemon import Doctor
    from rolloutd.wire_report import Report
    from rolloutd.wire_start import Advice, Choices

Read = TypeVar("Read", bound=BaseModel)
DEFAULT_DIR = "/run/rolloutd"
DEADLINE_S = 5.0
MEASURE_S = 45.0
"""The daemon may take two readings of a slow source before it answers."""
STARTS = "/v1/rollouts"
_EVENTS: dict[str, type[Hello | Fleet | FleetRow | Gone | Status | Heartbeat]] = {
    "hello": Hello,
    "snapshot": Fleet,
    "row": FleetRow,
    "gone": Gone,
    "status": Status,
    "heartbeat": Heartbeat,
}


def socket_dir(given: str | None = None) -> Path:
    """Where the sockets are: as given, by ROLLOUT_SOCKET_DIR, or the packaged place."""
    return Path(given or os.environ.get("ROLLOUT_SOCKET_DIR") or DEFAULT_DIR)


class Client:
    """Requests to one daemon. Every method raises Unreachable when no answer came within its deadline."""

    def __init__(self, where: Path, *, read_only: bool = False, early: Early | None = None) -> None:
        self.view = where / "view.sock"
        self.control = where / "control.sock"
        self._headers = {"Rollout-Read-Only": "1"} if read_only else {}
        self.early = early

    async def _get(self, target: str, deadline_s: float = DEADLINE_S) -> Answer:
        return await exchange(self.view, "GET", target, deadline_s=deadline_s, headers=self._headers)

    async def status(self, name: str) -> Status | Problem:
        """One rollout now."""
        return _read(await self._get(_path(name)), Status)

    async def timeline(self, name: str) -> Timeline | Problem:
        """What happened to one rollout, oldest first."""
        return _read(await self._get(_path(name, "timeline")), Timeline)

    async def plan(self, name: str) -> Plan | Problem:
        """What was agreed to before the start."""
        return _read(await self._get(_path(name, "plan")), Plan)

    async def past(self, name: str, seq: int) -> Past | Problem:
        """The rollout after one event of its record."""
        return _read(await self._get(_path(name, f"past?seq={seq}")), Past)

    async def series(self, name: str, metric: str, last_s: int, points: int) -> Series | Problem:
        """The course of one metric in the last seconds (0: all of it)."""
        target = _path(name, f"series?metric={quote(metric, safe='')}&last_s={last_s}&points={points}")
        return _read(await self._get(target), Series)

    async def why(self, name: str) -> Why | Problem:
        """The present decision in words."""
        return _read(await self._get(_path(name, "why")), Why)

    async def report(self, name: str) -> Report | Problem:
        """One page about it, of what was recorded."""
        from rolloutd.wire_report import Report

        return _read(await self._get(_path(name, "report"), MEASURE_S), Report)

    async def choices(self) -> Choices | Problem:
        """What a rollout can be made of."""
        from rolloutd.wire_start import Choices  # what only a start needs is loaded for a start

        return _read(await self._get("/v1/choices"), Choices)

    async def advice(self, answers: Mapping[str, str]) -> Advice | Problem:
        """What the rules recommend for these answers at the traffic that the daemon measures now."""
        from rolloutd.wire_start import Advice

        target = f"/v1/advice?{urlencode(answers)}"
        return _read(await self._get(target, MEASURE_S), Advice)

    async def dry_run(self, spec: Spec) -> ActionDone | Problem:
        """Whether this would start, and what it would take."""
        headers = {**self._headers, "Content-Type": "application/json"}
        body = json.dumps({"spec": spec, "file": "the wizard", "reason": ""}).encode()
        target = f"{STARTS}?dry_run=1"
        answer = await exchange(
            self.control, "POST", target, deadline_s=MEASURE_S, headers=headers, body=body
        )  # fmt: skip
        return _read(answer, ActionDone)

    async def doctor(self) -> Doctor | Problem:
        """The daemon's checks of itself and of what is around it."""
        from rolloutd.wire_daemon import Doctor

        return _read(await self._get("/v1/doctor", MEASURE_S), Doctor)

    async def act(self, order: Order, deadline_s: float = DEADLINE_S) -> ActionDone | Problem:
        """Send one action. Only what raises exposure names the revision it was decided on."""
        headers = {**self._headers, "Content-Type": "application/json", "Idempotency-Key": order.key}
        if order.revision is not None:
            headers["If-Match"] = f'"{order.revision}"'
        answer = await exchange(
            self.control,
            "POST",
            _target(order),
            deadline_s=deadline_s,
            headers=headers,
            body=_body(order),
        )
        return _read(answer, ActionDone)

    async def events(self, name: str = "") -> AsyncGenerator[Incoming, None]:
        """Everything the daemon says, for ever: of all rollouts, or with ``name`` each status of that one.

        A reader that was away asks for a whole picture instead of resuming: it wants the present, not the diary.
        Only a stream that was opened early goes on after the picture that it began with.
        """
        target = "/v1/events" + (f"?name={quote(name, safe='')}&rows=0" if name else "")
        early = None if name else self.early
        if early is not None:
            self.early, source = None, resume(early)
        else:
            source = stream(self.view, target, deadline_s=DEADLINE_S, headers=self._headers)
        async with aclosing(source) as pieces:
            async for event, data in _events(pieces):
                if event == "bye":
                    raise Unreachable("the daemon said goodbye", sent=True)
                if event in _EVENTS:
                    yield _parse(data, _EVENTS[event])


async def follow(
    client: Client,
    name: str,
    came: Callable[[Incoming], None],
    closed: Callable[[str], None],
    trying: Callable[[], None],
    retry_s: float = 2.0,
) -> None:
    """Keep one event stream open for ever, telling what came and when it was closed and why.

    A stream that had spoken is opened again at once, one that had not after ``retry_s``.
    """
    while True:
        if name or client.early is None:
            trying()
        spoke = False
        try:
            async with aclosing(client.events(name)) as events:
                async for one in events:
                    spoke = True
                    came(one)
        except Unreachable as error:
            closed(error.why)
        await asyncio.sleep(0 if spoke else retry_s)


async def _events(pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, bytes]]:
    """Server-sent events from pieces of a body: (event, data). Comments and ids are passed over."""
    rest = b""
    event, data = "", b""
    async for piece in pieces:
        *rows, rest = (rest + piece).split(b"\n")
        for row in rows:
            text = row.removesuffix(b"\r")
            if not text:
                if event and data:
                    yield event, data
                event, data = "", b""
            elif text.startswith(b"event:"):
                event = text[6:].strip().decode("utf-8", "replace")
            elif text.startswith(b"data:"):
                data += (b"\n" if data else b"") + text[5:].removeprefix(b" ")


def _path(name: str, leaf: str = "") -> str:
    return f"/v1/rollouts/{quote(name, safe='')}" + (f"/{leaf}" if leaf else "")


def _target(order: Order) -> str:
    """Where an order goes: to its rollout, to the fleet, or to where rollouts begin."""
    if order.spec is not None:
        return STARTS
    return _path(order.name, order.verb) if order.name else f"/v1/{order.verb}"


def _body(order: Order) -> bytes:
    """What was not chosen is not sent: a daemon that is a version older refuses fields that it does not know."""
    if order.spec is None:
        return order.request.model_dump_json(exclude_defaults=True).encode()
    return json.dumps({"spec": order.spec, "file": "the wizard", "reason": order.request.reason}).encode()


def _parse(data: bytes, model: type[Read]) -> Read:
    """One message as its model. Raises Unreachable: what cannot be read was not said."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Unreachable(f"the daemon sent a {model.__name__} this screen cannot read ({where})", sent=True) from error


def _read(answer: Answer, model: type[Read]) -> Read | Problem:
    """An answer as what was asked for, or as the problem the daemon stated."""
    return _parse(answer.body, model) if answer.status < 400 else _parse(answer.body, Problem)
