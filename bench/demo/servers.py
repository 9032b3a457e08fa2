"""The demo's model servers as a process of their own: it serves, switches faults on when told, and logs when it did.

stdin: first a JSON list of servers (keyword arguments of ModelServer), then one JSON object a line,
``{"server": NAME, "set": {ATTRIBUTE: VALUE, ...}}``. Each is answered on stdout, and logged, with the moment at which
it was in force: ``unix_s`` on the wall and ``monotonic_s`` on the clock that all processes of a host share.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tests.engines.processes import listens, wait_until
from tests.engines.servers import ModelServer, ServerThread

LOG_FILE = "faults.log"
_TOLD = ("slot", "version", "port", "failure_rate", "log", "differ_rate", "segment_header", "labels", "labels_after_s")


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was in force, by the servers' own word."""

    unix_s: float
    monotonic_s: float


class Backends:
    """The other end: the process, and its switches."""

    def __init__(self, folder: Path, group: int, servers: Iterable[ModelServer]) -> None:
        self._servers = list(servers)
        with (folder / "servers.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.demo.servers", str(folder / LOG_FILE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                process_group=group,
                text=True,
                bufsize=1,
            )
        self._tell([{key: getattr(server, key) for key in _TOLD} for server in self._servers])
        wait_until(lambda: all(listens(server.port) for server in self._servers), "the model servers being ready")

    def switch(self, server: str, **values: object) -> Moment:
        """Set attributes of one server; returns when they were in force."""
        self._tell({"server": server, "set": values})
        answer = self._answers.readline()
        if not answer:
            raise ChildProcessError("The model servers have ended; see servers.log in the demo's folder.")
        return Moment(**json.loads(answer))

    def stop(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    @property
    def _answers(self) -> TextIO:
        assert self._process.stdout is not None
        return self._process.stdout  # type: ignore[return-value]  # text=True makes it one

    def _tell(self, what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")


def main(log_file: Path) -> None:
    """Serve until stdin is closed."""
    servers = {told["slot"]: ModelServer(**told) for told in json.loads(sys.stdin.readline())}
    with ServerThread(*servers.values()), log_file.open("a", encoding="utf-8", buffering=1) as log:
        for line in sys.stdin:
            print(_switch(servers, json.loads(line), log), flush=True)


def _switch(servers: dict[str, ModelServer], told: dict[str, Any], log: TextIO) -> str:
    for attribute, value in told["set"].items():
        if not hasattr(servers[told["server"]], attribute):
            raise AttributeError(f"A model server has no switch {attribute}.")
        setattr(servers[told["server"]], attribute, value)
    moment = {"unix_s": time.time(), "monotonic_s": time.monotonic()}
    log.write(json.dumps({**told, **moment}) + "\n")
    return json.dumps(moment)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
