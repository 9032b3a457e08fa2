"""Runs inside the booted host as its last unit: does to the installed daemon what a host does, and writes what it saw.

Only the standard library; every step leaves facts in the result, and it judges none of them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RESULT, ROLLOUT, NAME = Path("/result.json"), "/opt/rolloutd/bin/rollout", "ranker-v2"
SOCKETS = ("rolloutd.socket", "rolloutd-view.socket")
WITHIN_S = 60.0
SHORT = {
    "service": (
        "[Service]\nExecStart=\n"
        "ExecStart=/opt/rolloutd/bin/rolloutd emergency-abort --if-stale 3s --config /etc/rolloutd/config.toml\n"
    ),
    "timer": "[Timer]\nOnBootSec=\nOnBootSec=1s\nOnUnitActiveSec=1s\n",  # an empty one empties them all
}
"""Times for the last resort that nobody waits a minute for; with these a mere restart would look like the end."""


class Model(BaseHTTPRequestHandler):
    """A model server that says its version to whoever asks."""

    protocol_version = "HTTP/1.1"
    version = ""

    def do_GET(self) -> None:
        """Answer anything with 200."""
        body = json.dumps({"version": self.version}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        """Say nothing."""


class Load(threading.Thread):
    """A request each 50 ms on a connection of its own; counts what did not end with 200."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.sent = self.failed = 0
        self.failures: list[str] = []

    def run(self) -> None:
        """Until the process ends."""
        while True:
            self.failed += not self.answered()
            self.sent += 1
            time.sleep(0.05)

    def answered(self) -> bool:
        """Whether one request ends with 200."""
        try:
            with urllib.request.urlopen("http://127.0.0.1:8080/predict", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError as error:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {error!r}")
            return False


def serve(port: int, version: str) -> None:
    """A model server in a thread."""
    handler = type("Versioned", (Model,), {"version": version})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def run(*command: str, user: str = "") -> tuple[int, str]:
    """The exit code and output of a command, as root or as somebody else."""
    prefix = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, timeout=WITHIN_S, check=False)
    return done.returncode, done.stdout + done.stderr


def show(name: str, unit: str = "rolloutd.service") -> str:
    """One property of a unit."""
    return run("systemctl", "show", "-p", name, "--value", unit)[1].strip()


def share_bp() -> int:
    """The share that HAProxy itself holds for slot b."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect("/run/haproxy/admin.sock")
        line.sendall(b"show table lease\n")
        text = b"".join(iter(lambda: line.recv(65_536), b"")).decode()
    found = re.search(r"key=ranker/b .*gpt0=(\d+)", text)
    return int(found[1]) if found else 0


def until(what: Callable[[], object], within_s: float = WITHIN_S) -> float:
    """Wait until it holds; how many seconds that took, or -1 when it never did."""
    begun = time.monotonic()
    while time.monotonic() - begun < within_s:
        if what():
            return time.monotonic() - begun
        time.sleep(0.1)
    return -1.0


def status() -> dict[str, Any]:
    """The rollout as the command line tells it; empty while it cannot."""
    code, text = run(ROLLOUT, "--json", "status", NAME)
    return json.loads(text) if code == 0 else {}


def replaced(pid: str) -> bool:
    """Whether another process of the daemon's has taken over and says that it is ready."""
    return show("MainPID") not in ("0", pid) and show("ActiveState") == "active"


def boots(facts: dict[str, Any]) -> None:
    """All is enabled, so all is there; the sockets are the group's."""
    facts["active_after_s"] = until(lambda: show("ActiveState") == "active")
    facts["timer"] = show("ActiveState", "rolloutd-emergency-abort.timer")
    for name in ("control", "view"):
        found = Path(f"/run/rolloutd/{name}.sock").stat()
        facts[f"{name}_socket"] = (oct(found.st_mode & 0o777), Path(f"/run/rolloutd/{name}.sock").group())
    facts["user"] = Path(f"/proc/{show('MainPID')}").owner()


def starts(facts: dict[str, Any]) -> None:
    """A rollout through the socket reaches its first share."""
    facts["doctor"] = run(ROLLOUT, "doctor")
    facts["start"] = run(ROLLOUT, "start", "/etc/rolloutd/ranker-v2.toml")
    facts["first_share_after_s"] = until(lambda: share_bp() == 100)


def asks_as_others(facts: dict[str, Any]) -> None:
    """A stranger cannot connect; a member of the group can look, and only an operator can stop."""
    facts["stranger"] = run(ROLLOUT, "list", user="stranger")
    facts["viewer_looks"] = run(ROLLOUT, "list", user="viewer")[0]
    facts["viewer_pauses"] = run(ROLLOUT, "pause", NAME, "--reason", "test", user="viewer")[0]
    facts["operator_pauses"] = run(ROLLOUT, "pause", NAME, "--reason", "test", user="operator")[0]


def is_read_again(facts: dict[str, Any]) -> None:
    """``systemctl reload``: fails with a fault, takes over what is in order; neither process nor share change."""
    pid, file = show("MainPID"), Path("/etc/rolloutd/config.toml")
    text = file.read_text()
    file.write_text(f"{text}\n[polcy]\n")
    facts["reload_of_a_fault"] = run("systemctl", "reload", "rolloutd.service")[0]
    file.write_text(f'{text}\n[strategies.spare]\nstage = [{{ name = "watch", share = "100%" }}]\n')
    facts["reload"] = run("systemctl", "reload", "rolloutd.service")
    facts["reload_log"] = run("journalctl", "-u", "rolloutd.service", "--no-pager")[1]
    facts["same_process"] = show("MainPID") == pid
    facts["share_after_reload"] = share_bp()


def is_killed(facts: dict[str, Any]) -> None:
    """SIGKILL: another process goes on with the same rollout at the same share."""
    pid = show("MainPID")
    os.kill(int(pid), signal.SIGKILL)
    facts["asked_while_dead"] = run(ROLLOUT, "--json", "status", NAME)[0]
    facts["restarted_after_kill_s"] = until(lambda: replaced(pid))
    facts["share_after_kill"] = share_bp()


def hangs(facts: dict[str, Any]) -> None:
    """SIGSTOP: the watchdog ends it, and another process takes over."""
    pid, restarts = show("MainPID"), show("NRestarts")
    os.kill(int(pid), signal.SIGSTOP)
    facts["restarted_after_hang_s"] = until(lambda: replaced(pid))
    facts["restarts"] = (restarts, show("NRestarts"))
    facts["watchdog_in_log"] = "watchdog" in run("journalctl", "-u", "rolloutd.service", "--no-pager")[1].lower()
    facts["share_after_hang"] = share_bp()


def is_activated(facts: dict[str, Any]) -> None:
    """A daemon that was stopped is started by whoever connects."""
    run("systemctl", "stop", "rolloutd.service")
    facts["stopped"] = show("ActiveState")
    facts["asked_while_stopped"] = run(ROLLOUT, "--json", "status", NAME)[0]
    facts["active_again"] = show("ActiveState")


def is_gone(facts: dict[str, Any]) -> None:
    """No daemon and no sockets: the timer takes the share back. The daemon that comes back raises nothing."""
    for kind, text in SHORT.items():
        folder = Path(f"/run/systemd/system/rolloutd-emergency-abort.{kind}.d")
        folder.mkdir(parents=True)
        (folder / "test.conf").write_text(text)
    run("systemctl", "stop", *SOCKETS)
    run("systemctl", "stop", "rolloutd.service")
    facts["share_without_a_daemon"] = share_bp()
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "rolloutd-emergency-abort.timer")
    facts["zero_after_s"] = until(lambda: share_bp() == 0)
    facts["emergency_log"] = run("journalctl", "-u", "rolloutd-emergency-abort.service", "--no-pager")[1]
    run("systemctl", "stop", "rolloutd-emergency-abort.timer")
    run("systemctl", "start", *SOCKETS, "rolloutd.service")
    facts["held_after_s"] = until(lambda: status().get("phase") == "held")
    facts["share_at_the_end"] = share_bp()


STEPS = (boots, starts, is_read_again, is_killed, hangs, asks_as_others, is_activated, is_gone)


def main() -> None:
    """Every step in turn; one that breaks is a fact too. Then the host is switched off."""
    serve(8001, "v1")
    serve(8002, "v2")
    load, facts = Load(), dict[str, Any]()
    until(load.answered)
    load.start()
    for step in STEPS:
        try:
            step(facts)
        except Exception:  # noqa: BLE001 - what broke is told outside
            facts["broke"] = f"{step.__name__}: {traceback.format_exc()}"
            break
    facts["requests"], facts["failed"], facts["failures"] = load.sent, load.failed, load.failures[:10]
    facts["log"] = run("journalctl", "-u", "rolloutd.service", "--no-pager", "-n", "40")[1]
    RESULT.write_text(json.dumps(facts))
    sys.stdout.flush()
    run("systemctl", "poweroff", "--force")


if __name__ == "__main__":
    main()
