"""Talks to the daemon over its two Unix sockets with the standard library alone; it knows no verbs.

Looking goes over ``view.sock``, acting over ``control.sock``. Every answer is a plain dict, so that no model library is
loaded for one status line.
"""

from __future__ import annotations

import json
import os
import time

from rolloutd.ctl.exits import NOT_PERMITTED, UNEXPECTED, UNREACHABLE, Failure
from rolloutd.ctl.http import BadAnswer, Exchange, quoted

TYPE_CHECKING = False  # loading typing for it would cost a tenth of a status line
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

DEFAULT_DIRECTORY = "/run/rolloutd"
TIMEOUT_S = 10.0
SILENCE_S = 10.0
"""The stream carries a heartbeat each second; a daemon that is silent for this long is not there."""
RETRY_EVERY_S = 0.25
_ABSENT = "Unknown from here. Without its daemon a leased share lapses when its lease ends; one without a lease stays."


class LostLink(Exception):
    """The connection broke, or none could be made. Whether a request arrived is not known."""


class Event:
    """One message of the event stream."""

    __slots__ = ("data", "id", "kind")

    def __init__(self, kind: str, data: dict[str, Any], event_id: str) -> None:
        self.kind = kind
        self.data = data
        self.id = event_id


class Client:
    """Requests to one daemon. Problems the daemon states, and its absence, are raised as Failure."""

    def __init__(self, directory: str, timeout_s: float, read_only: bool = False) -> None:
        self._directory = directory
        self._timeout_s = timeout_s
        self._headers = {"Rollout-Read-Only": "1"} if read_only else {}

    def get(self, *path: str, **query: str | int) -> dict[str, Any]:
        """Read something from the view socket. Path parts are quoted here."""
        target = "/v1/" + "/".join(quoted(part) for part in path)
        if query:
            target += "?" + _query(query)
        try:
            return self._exchange("view", "GET", target, {}, None, self._timeout_s)
        except LostLink as lost:
            raise self._unreachable("view", lost) from lost

    def post(
        self, *path: str, body: dict[str, Any], revision: int | None = None, wait_s: float = 0, query: str = ""
    ) -> dict[str, Any]:
        """Send a command over the control socket; a lost link is tried again with the same key until time is up."""
        target = "/v1/" + "/".join(quoted(part) for part in path) + query
        headers = {"Idempotency-Key": os.urandom(16).hex(), "Content-Type": "application/json"}
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        sent = json.dumps(body).encode()
        begun_s = time.monotonic()
        deadline_s, left_s = begun_s + self._timeout_s, wait_s
        while True:
            try:
                return self._exchange("control", "POST", target, headers, sent, self._timeout_s + left_s)
            except (LostLink, Failure) as lost:
                now_s = time.monotonic()
                left_s = max(0.0, begun_s + wait_s - now_s)
                if wait_s and _was_there(lost):  # it was waited for, and a daemon that starts anew goes on with it
                    deadline_s = min(now_s, begun_s + wait_s) + self._timeout_s
                    sent = json.dumps({**body, "wait_s": left_s} if "wait_s" in body else body).encode()
                if not _is_worth_a_retry(lost) or now_s + RETRY_EVERY_S > deadline_s:
                    if isinstance(lost, LostLink):
                        raise self._unreachable("control", lost) from lost
                    raise
                time.sleep(RETRY_EVERY_S)

    def events(self, name: str, last_id: str = "", silence_s: float = SILENCE_S) -> Iterator[Event]:
        """The event stream of one rollout, from ``last_id`` on. Raises LostLink when it breaks or is silent."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        target = "/v1/events?" + _query({"name": name, "rows": "0"})
        exchange = self._send("view", "GET", target, headers, None, silence_s)
        try:
            if exchange.status != 200:
                raise Failure.answered(_decoded(b"".join(exchange.parts())))
            yield from _events(exchange)
        except (OSError, BadAnswer) as error:
            raise LostLink(_reason(error)) from error
        finally:
            exchange.close()
        raise LostLink("the daemon closed the stream")

    def _exchange(
        self, name: str, method: str, target: str, headers: dict[str, str], body: bytes | None, timeout_s: float
    ) -> dict[str, Any]:
        exchange = self._send(name, method, target, headers, body, timeout_s)
        try:
            data = _decoded(b"".join(exchange.parts()))
        except (OSError, BadAnswer) as error:
            raise LostLink(_reason(error)) from error
        finally:
            exchange.close()
        if exchange.status >= 400 and "schema" in data:
            raise Failure.answered(data)
        return data

    def _send(
        self, name: str, method: str, target: str, headers: dict[str, str], body: bytes | None, timeout_s: float
    ) -> Exchange:
        """One request and the head of its answer."""
        exchange: Exchange | None = None
        try:
            exchange = Exchange(os.path.join(self._directory, f"{name}.sock"), timeout_s)  # noqa: PTH118 # pathlib costs 5 ms
            exchange.send(method, target, {**self._headers, **headers}, body)
        except (OSError, BadAnswer) as error:
            if exchange is not None:
                exchange.close()
            raise LostLink(_reason(error)) from error
        return exchange

    def _unreachable(self, name: str, lost: LostLink) -> Failure:
        path = os.path.join(self._directory, f"{name}.sock")  # noqa: PTH118
        if isinstance(lost.__cause__, PermissionError):
            return Failure(
                NOT_PERMITTED,
                "not-permitted",
                f"You may not open {path}.",
                f"Ask to be taken into its group: ls -l {path}",
            )
        return Failure(
            UNREACHABLE,
            "unreachable",
            f"The daemon is not reachable on {path}: {lost}.",
            "systemctl status rolloutd; to take traffic back without it: rolloutd emergency-abort",
            _ABSENT,
        )


def _query(values: Mapping[str, str | int]) -> str:
    return "&".join(f"{quoted(key)}={quoted(str(value))}" for key, value in values.items())


def passes(failure: Failure) -> bool:
    """Whether the daemon said no more than that it cannot answer just now."""
    return failure.problem["code"] in ("stopping", "too-many")


def _was_there(lost: BaseException) -> bool:
    """Whether the daemon had this request, or may have: it said that it stops, or the connection broke."""
    if isinstance(lost, Failure):
        return lost.problem["code"] == "stopping"
    return not isinstance(lost.__cause__, (FileNotFoundError, ConnectionRefusedError, TimeoutError))


def _is_worth_a_retry(lost: BaseException) -> bool:
    """Whether trying again may help: a daemon that restarts, not a socket that is not ours to open, nor an answer."""
    return passes(lost) if isinstance(lost, Failure) else not isinstance(lost.__cause__, PermissionError)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, FileNotFoundError):
        return "there is no such socket"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    return str(error) or type(error).__name__


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        message = "The daemon's answer cannot be read; it may be of another version."
        raise Failure(UNEXPECTED, "unexpected", message, "rollout version; journalctl -u rolloutd -n 50")
    return found


def _events(exchange: Exchange) -> Iterator[Event]:
    kind, data, event_id = "", "", ""
    for line in exchange.lines():
        if not line:
            if data:
                yield Event(kind, _decoded(data.encode()), event_id)
            kind, data = "", ""
        elif line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif line.startswith("id:"):
            event_id = line[3:].strip()
