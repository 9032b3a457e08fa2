"""What systemd is told, read from a real datagram socket, by path and by abstract address."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from rolloutd.notify_systemd import SystemdNotify


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_each_message_is_one_datagram(tmp_path: Path, abstract: bool) -> None:
    """Ready, alive and stopping arrive in order; a status is one line, whatever was in it."""
    address = f"@rolloutd-test-{os.getpid()}" if abstract else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(10)
        manager.bind("\0" + address[1:] if abstract else address)
        notify = SystemdNotify({"NOTIFY_SOCKET": address})
        assert notify.ready("2 rollouts\nMAINPID=1")
        assert notify.watchdog()
        assert notify.status("busy")
        assert notify.stopping()
        told = [manager.recv(4_096).decode() for _ in range(4)]
        notify.close()
    assert told == ["READY=1\nSTATUS=2 rollouts MAINPID=1", "WATCHDOG=1", "STATUS=busy", "STOPPING=1"]


def test_without_systemd_nothing_happens() -> None:
    """No address, or nobody behind it: every call says so and raises nothing."""
    assert not SystemdNotify({}).ready()
    gone = SystemdNotify({"NOTIFY_SOCKET": "@nobody-listens-here-at-all"})
    assert not gone.watchdog()
    gone.close()


def test_the_watchdog_is_ours_only_when_it_names_us() -> None:
    """The interval is in seconds; one for another process, none, or nonsense means no watchdog."""
    ours = {"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": str(os.getpid())}
    assert SystemdNotify(ours).watchdog_s == 15.0
    assert SystemdNotify({**ours, "WATCHDOG_PID": "1"}).watchdog_s is None
    assert SystemdNotify({"WATCHDOG_USEC": "soon"}).watchdog_s is None
    assert SystemdNotify({}).watchdog_s is None
