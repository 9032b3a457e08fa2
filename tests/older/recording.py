"""Writes down what the daemon of an earlier commit says on its sockets; it judges nothing.

``python -m tests.older.recording COMMIT`` runs that commit's own simulated demo from a worktree, asks it everything
that its sockets answered then, and keeps the answers in ``tests/older/said/COMMIT.json`` with the commit's name.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.tidy import ROOT

SAID = Path(__file__).parent / "said"
NAME, ENDED = "harmful", "drifting"
TODAYS_SERIES = "/series?metric=errors&last_s=900&points=60"
"""As the screen asks it today; an older daemon may refuse it, and then the screen must bear that."""
LEAVES = (
    "",
    "/stages",
    "/gates",
    "/series?metric=errors",
    TODAYS_SERIES,
    "/timeline",
    "/why",
    "/plan",
    "/past?seq={seq}",
)
WITHIN_S = 60.0
LISTEN_S = 2.5


class Socket(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("rolloutd", timeout=10.0)
        self._path = str(path)

    def connect(self) -> None:
        """To the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10.0)
        self.sock.connect(self._path)


def ask(folder: Path, target: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """One answer: its status and its JSON."""
    name = "view" if method == "GET" else "control"
    connection = Socket(folder / f"{name}.sock")
    try:
        body = None if method == "GET" else b"{}"
        connection.request(method, target, body, {"Content-Type": "application/json", **(headers or {})})
        found = connection.getresponse()
        return found.status, json.loads(found.read())
    finally:
        connection.close()


def listen(folder: Path, target: str) -> list[list[Any]]:
    """What the event stream says for a while: each event's word and its data."""
    connection = Socket(folder / "view.sock")
    found: list[list[Any]] = []
    try:
        connection.request("GET", target)
        stream, event, until_s = connection.getresponse(), "", time.monotonic() + LISTEN_S
        while time.monotonic() < until_s:
            row = stream.readline().decode().rstrip("\r\n")
            if row.startswith("event:"):
                event = row[6:].strip()
            elif row.startswith("data:"):
                found.append([event, json.loads(row[5:])])
    finally:
        connection.close()
    return few(found)


def few(events: list[list[Any]]) -> list[list[Any]]:
    """Of each kind of event about each rollout the first and the last: the others say nothing new."""
    by_kind: dict[tuple[str, str], list[int]] = {}
    for at, (word, data) in enumerate(events):
        by_kind.setdefault((word, str(data.get("name", ""))), []).append(at)
    kept = {at for places in by_kind.values() for at in (places[0], places[-1])}
    return [one for at, one in enumerate(events) if at in kept]


@contextmanager
def demo_of(tree: Path) -> Iterator[Path]:
    """The simulated demo of a checked-out tree; its folder of sockets."""
    with TemporaryDirectory(prefix="roll-") as place:
        folder = Path(place) / "d"
        folder.mkdir()
        path = os.pathsep.join(str(tree / part) for part in ("daemon", "adapters", "tui"))
        command = [sys.executable, "-m", "rolloutd.simdemo.stage", str(folder), "1"]
        env = {**os.environ, "PYTHONPATH": path}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, cwd=tree
        )  # fmt: skip
        try:
            yield folder / "run"
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(20)


def counted(folder: Path) -> bool:
    """Whether the rollout that is looked at has begun to count, and the other one is live."""
    try:
        status = ask(folder, f"/v1/rollouts/{NAME}")[1]
        other = ask(folder, f"/v1/rollouts/{ENDED}")[1]
    except (OSError, ValueError):
        return False
    return any(gate["harm_evidence"] > 0 for gate in status.get("gates", [])) and other["on_new"]["confirmed"] > 0


def said(folder: Path) -> dict[str, Any]:
    """Everything that was asked, with what came back."""
    until_s = time.monotonic() + WITHIN_S
    while not counted(folder):
        if time.monotonic() > until_s:
            raise TimeoutError("that demo did not come to count")
        time.sleep(0.1)
    key = {"Idempotency-Key": "a-key-of-its-own", "If-Match": '"1"'}
    events = {target: listen(folder, target) for target in ("/v1/events", f"/v1/events?name={NAME}&rows=0")}
    acted = [
        ask(folder, f"/v1/rollouts/{ENDED}/{verb}", "POST", {**key, "Idempotency-Key": f"key-of-{verb}"})
        for verb in ("claim", "promote", "abort")
    ]
    seq = ask(folder, f"/v1/rollouts/{NAME}/timeline")[1]["entries"][-1]["seq"]
    targets = ["/v1/rollouts", "/v1/health", "/v1/doctor", f"/v1/rollouts/{ENDED}", "/v1/rollouts/nobody"]
    targets += [f"/v1/rollouts/{NAME}{leaf.format(seq=seq)}" for leaf in LEAVES]
    return {"answers": {target: ask(folder, target) for target in targets}, "events": events, "acted": acted}


def lines_of(told: Mapping[str, Any]) -> str:
    """JSON with a line for each answer, so that a difference can be read."""
    parts = []
    for key, value in told.items():
        if isinstance(value, dict):
            rows = [f" {json.dumps(name)}: {json.dumps(one, ensure_ascii=False)}" for name, one in value.items()]
            parts.append(f"{json.dumps(key)}: {{\n" + ",\n".join(rows) + "\n}")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def record(commit: str) -> Path:
    """Run that commit and write what it said."""
    git = ["git", "-C", str(ROOT)]
    whole = subprocess.run([*git, "rev-parse", commit], check=True, capture_output=True, text=True).stdout.strip()
    about = subprocess.run(
        [*git, "show", "-s", "--format=%cs %s", whole], check=True, capture_output=True, text=True
    ).stdout.strip()
    with TemporaryDirectory(prefix="roll-") as place:
        tree = Path(place) / "tree"
        subprocess.run([*git, "worktree", "add", "-q", "--detach", str(tree), whole], check=True)
        try:
            with demo_of(tree) as folder:
                found = said(folder)
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True)
    SAID.mkdir(exist_ok=True)
    file = SAID / f"{whole[:10]}.json"
    told = {"commit": whole, "about": about, "by": "python -m tests.older.recording " + whole[:10], **found}
    file.write_text(lines_of(told))
    return file


if __name__ == "__main__":
    for one in sys.argv[1:]:
        print(record(one))
