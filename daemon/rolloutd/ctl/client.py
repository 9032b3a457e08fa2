"""Talks to the daemon over its two Unix sockets with the standard library alone; it knows no verbs.

Looking goes over ``view.sock``, acting over ``control.sock``. Every answer is a plain dict, so that no model library is
loaded for one status line.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from rolloutd.ctl.exits import NOT_PERMITTED, UNEXPECTED, UNREACHABLE, Failure

SILENCE_S = 10.0
"""The stream carries a heartbeat each second; a daemon that is silent for this long is not there."""
RETRY_EVERY_S = 0.25
_ABSENT = "Unknown from here. Without its daemon a leased share lapses when its lease ends; one without a lease stays."


class LostLink(Exception):
    """The connection broke, or none could be made. Whether a request arrived is not known."""


@dataclass(frozen=True)
class Event:
    """One message of the event stream."""

    kind: str
    data: dict[str, Any]
    id: str


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect; where too many wait already, queue for a place instead of giving up at once."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        patience_s = float(self.timeout or 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(patience_s) + 1, 0))
        self.sock.connect(self._path)
        self.sock.settimeout(patience_s)


class Client:
    """Requests to one daemon. Problems the daemon states, and its absence, are raised as Failure."""

    def __init__(self, directory: str, timeout_s: float, read_only: bool = False) -> None:
        self._directory = directory
        self._timeout_s = timeout_s
        self._headers = {"Rollout-Read-Only": "1"} if read_only else {}

    def get(self, *path: str, **query: str | int) -> dict[str, Any]:
        """Read something from the view socket. Path parts are quoted here."""
        target = "/v1/" + "/".join(quote(part, safe="") for part in path)
        if query:
            target += "?" + urlencode(query)
        try:
            return self._exchange("view", "GET", target, {}, None, self._timeout_s)
        except LostLink as lost:
            raise self._unreachable("view", lost) from lost

    def post(
        self, *path: str, body: dict[str, Any], revision: int | None = None, wait_s: float = 0, query: str = ""
    ) -> dict[str, Any]:
        """Send a command over the control socket; a lost link is tried again with the same key until time is up."""
        target = "/v1/" + "/".join(quote(part, safe="") for part in path) + query
        headers = {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json"}
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        sent = json.dumps(body).encode()
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            try:
                return self._exchange("control", "POST", target, headers, sent, self._timeout_s + wait_s)
            except LostLink as lost:
                if not _is_worth_a_retry(lost) or time.monotonic() + RETRY_EVERY_S > deadline_s:
                    raise self._unreachable("control", lost) from lost
                time.sleep(RETRY_EVERY_S)

    def events(self, name: str, last_id: str = "", silence_s: float = SILENCE_S) -> Iterator[Event]:
        """The event stream of one rollout, from ``last_id`` on. Raises LostLink when it breaks or is silent."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        target = "/v1/events?" + urlencode({"name": name, "rows": "0"})
        connection, response = self._send("view", "GET", target, headers, None, silence_s)
        try:
            if response.status != 200:
                raise Failure.answered(_decoded(response.read()))
            yield from _events(response)
        except (OSError, http.client.HTTPException) as error:
            raise LostLink(_reason(error)) from error
        finally:
            response.close()
            connection.close()
        raise LostLink("the daemon closed the stream")

    def _exchange(
        self, name: str, method: str, target: str, headers: dict[str, str], body: bytes | None, timeout_s: float
    ) -> dict[str, Any]:
        connection, response = self._send(name, method, target, headers, body, timeout_s)
        try:
            data = _decoded(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise LostLink(_reason(error)) from error
        finally:
            connection.close()
        if response.status >= 400 and "schema" in data:
            raise Failure.answered(data)
        return data

    def _send(
        self, name: str, method: str, target: str, headers: dict[str, str], body: bytes | None, timeout_s: float
    ) -> tuple[_UnixConnection, http.client.HTTPResponse]:
        connection = _UnixConnection(os.path.join(self._directory, f"{name}.sock"), timeout_s)  # noqa: PTH118 # pathlib costs 5 ms
        try:
            try:
                connection.request(method, target, body, {**self._headers, **headers})
            except (BrokenPipeError, ConnectionResetError):
                if connection.sock is None:
                    raise
                # Turned away before the request was out: the reason may already be there to read.
                return connection, _early_answer(connection)
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise LostLink(_reason(error)) from error

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


def _early_answer(connection: _UnixConnection) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(connection.sock)
    response.begin()
    return response


def _is_worth_a_retry(lost: LostLink) -> bool:
    """Whether trying again may help: a daemon that restarts, not a socket that is not ours to open."""
    return not isinstance(lost.__cause__, PermissionError)


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


def _events(response: http.client.HTTPResponse) -> Iterator[Event]:
    kind, data, event_id = "", "", ""
    for raw in response:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
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
