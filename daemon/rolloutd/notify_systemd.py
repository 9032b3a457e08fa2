"""Tells systemd how the daemon is: ready, alive, stopping, and one line of status; it decides nothing and never blocks.

The protocol is one datagram a message, see sd_notify(3). Without systemd every call does nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class SystemdNotify:
    """One datagram socket to the address in ``NOTIFY_SOCKET``; a leading ``@`` means an abstract address."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._sock: socket.socket | None = None
        self.watchdog_s = _watchdog_s(environ)
        """How often at least systemd wants to hear of us, in seconds; None without a watchdog."""

    def ready(self, status: str = "") -> bool:
        """The daemon serves. Returns whether systemd was told."""
        return self._send("READY=1", status)

    def watchdog(self) -> bool:
        """The deciding loop has just turned."""
        return self._send("WATCHDOG=1")

    def stopping(self, status: str = "") -> bool:
        """The daemon goes down on purpose."""
        return self._send("STOPPING=1", status)

    def status(self, text: str) -> bool:
        """One line for ``systemctl status``."""
        return self._send(status=text)

    def close(self) -> None:
        """Let go of the socket."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _send(self, word: str = "", status: str = "") -> bool:
        if not self._address:
            return False
        # A line break would begin a new field.
        lines = [word, f"STATUS={' '.join(status.split())}" if status else ""]
        if self._sock is None:
            kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            self._sock = socket.socket(socket.AF_UNIX, kind)
        try:
            self._sock.sendto("\n".join(filter(None, lines)).encode(), self._address)
        except OSError:  # a full queue or a manager that restarts: the next turn of the loop tells it again
            return False
        return True


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    wanted, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(os.getpid()))
    if not wanted.isdigit() or int(wanted) == 0 or pid != str(os.getpid()):
        return None
    return int(wanted) / 1e6
