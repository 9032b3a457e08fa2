"""Everything real that the demo stands on, in one private folder: servers, Envoy, users, daemon; it decides nothing.

Whatever is not stopped here ends with the janitor, to whose process group all of it belongs.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.demo.cases import (
    CASES,
    LABELS_AFTER_S,
    RPS,
    SEGMENT_HEADER,
    Case,
    config_text,
    labels_of,
    log_of,
    make_servers,
    segments_of,
)
from bench.demo.eye import Answers, Eye, own_answers, own_count, own_segments
from bench.demo.janitor import Janitor
from bench.demo.servers import Backends
from rolloutd.core.values import Slot
from rolloutd.ctl.client import Client
from rolloutd.ctl.exits import Failure
from tests.engines.envoy import Envoy
from tests.engines.processes import NotReady, Program
from tests.programs import where

_LOG_CHARS = 1_500
_DAEMON_TIMEOUT_S = 10.0
_DAEMON_READY_WITHIN_S = 40.0
_ANSWER_WITHIN_S = 9.0
"""Long, so that no request fails for the slowness of a busy machine."""
BIN = Path(sys.executable).parent


class Trouble(Exception):
    """The demo cannot go on. The message says why, and what to do."""


class Parts:
    """All parts, running. ``say`` gets a line for each that is ready; ``rework`` has the last word on the settings."""

    def __init__(
        self,
        say: Callable[[str], None],
        cases: Sequence[Case] = CASES,
        rework: Callable[[str], str] = str,
        rps: float = RPS,
    ) -> None:
        self._say = say
        self._rework = rework
        self._rps = rps
        self.cases = tuple(cases)
        self.servers = make_servers(self.cases)
        self._programs: list[Program] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.janitor = stack.enter_context(Janitor())
            self.folder = self.janitor.folder
            self.sockets = self.folder / "run"
            self.client = Client(str(self.sockets), _DAEMON_TIMEOUT_S)
            try:
                self._start(stack)
            except NotReady as error:
                raise Trouble(f"{error}\nThe demo has removed all it had started. Try again.") from error
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stack.close()

    def check(self) -> None:
        """Raise Trouble when a part has ended by itself."""
        for program in self._programs:
            if not program.running:
                raise Trouble(f"{program.name} has ended by itself; its output ends:\n{program.log()[-_LOG_CHARS:]}")
        if not self.backends.running or self._users.poll() is not None:
            raise Trouble("The model servers or their users have ended by themselves.")

    def served(self) -> dict[str, dict[Slot, int | None]]:
        """Requests by the model servers' own count; None for one whose page is away."""
        return {
            route: {slot: own_count(f"{server.url}/metrics") for slot, server in slots.items()}
            for route, slots in self.servers.items()
        }

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the real ``rollout`` command on the private sockets, whatever comes of it."""
        command = [str(BIN / "rollout"), "--socket-dir", str(self.sockets), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, process_group=self.janitor.group)

    def restart_daemon(self, rework: Callable[[str], str]) -> None:
        """End the daemon politely and start it with another configuration; Envoy and the users go on."""
        self._rework = rework
        self._daemon.stop()
        self._programs.remove(self._daemon)
        self._start_daemon()

    def rollout(self, *words: str) -> None:
        """Run the real ``rollout`` command on the private sockets. Raises Trouble with what it said when it fails."""
        done = self.ask(*words)
        if done.returncode:
            raise Trouble(f"rollout {' '.join(words)} ended with {done.returncode}:\n{done.stderr or done.stdout}")

    def screen(self) -> subprocess.Popen[bytes]:
        """Open the real screen on this terminal."""
        process = subprocess.Popen([str(BIN / "rollout"), "--socket-dir", str(self.sockets), "tui"])
        self.janitor.also_ends(process.pid)
        return process

    def _start(self, stack: contextlib.ExitStack) -> None:
        arms = {route: {slot: server.slot for slot, server in slots.items()} for route, slots in self.servers.items()}
        everyone = [server for slots in self.servers.values() for server in slots.values()]
        for case in self.cases:
            for server in self.servers[case.route].values() if case.logged else ():
                server.log = str(log_of(self.folder, server))
                Path(server.log).touch()
                if case.wrong is not None:
                    server.labels, server.labels_after_s = str(labels_of(self.folder, case)), LABELS_AFTER_S
                    Path(server.labels).touch()
        self.backends = Backends(self.folder, self.janitor.group, everyone)
        self._say(f"{len(everyone)} model servers are ready.")
        self._start_envoy(stack, arms)
        self._start_daemon()
        self._say(f"The daemon is ready. Its sockets: {self.sockets}")
        self._users = self._start_users()
        self._say(f"{len(self.servers)} loads of {self._rps:g} requests a second are on their way.")

    def _start_envoy(self, stack: contextlib.ExitStack, arms: Mapping[str, Mapping[Slot, str]]) -> None:
        if where("envoy") is None:
            raise Trouble("There is no envoy beside this Python. Nothing was started. Run the demo by: ./dev demo")
        began_s = time.monotonic()
        self.envoy = stack.enter_context(
            Envoy(
                self.folder,
                self.servers,
                timeout_s=_ANSWER_WITHIN_S,
                segments=segments_of(self.cases),
                group=self.janitor.group,
            )
        )
        self._programs.append(self.envoy.program)
        self.eye = Eye(self.envoy.admin_url, arms)
        self._say(f"Envoy is ready after {time.monotonic() - began_s:.2f} s.")

    def _start_users(self) -> subprocess.Popen[bytes]:
        paths = [self._users_of(case) for case in self.cases]
        command = [sys.executable, "-m", "bench.demo.load", str(self.envoy.port), str(self._rps), *paths]
        with (self.folder / "load.log").open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, process_group=self.janitor.group)

    def _users_of(self, case: Case) -> str:
        """A route's path, and how its users are split into segments, as the load reads it."""
        path = self.envoy.path(case.route)
        if not case.segments:
            return path
        return f"{path}={SEGMENT_HEADER}:" + ",".join(f"{name}={part:g}" for name, part in case.segments)

    def judged(self, route: str, slot: Slot) -> Answers:
        """What one server's answers came to, by its own page."""
        return own_answers(f"{self.servers[route][slot].url}/metrics")

    def by_segment(self, route: str, slot: Slot) -> dict[str, tuple[int, int]]:
        """Requests and failed ones of one server by segment, by its own page."""
        return own_segments(f"{self.servers[route][slot].url}/metrics")

    def _start_daemon(self) -> None:
        file = self.folder / "config.toml"
        text = config_text(self.folder, self.envoy.admin_url, self.envoy.routes_file, self.servers, self.cases)
        file.write_text(self._rework(text), "utf-8")
        file.chmod(0o600)
        command = [sys.executable, "-m", "rolloutd.main", "--config", str(file)]
        self._daemon = Program(command, self.folder, "rolloutd", group=self.janitor.group)
        self._daemon.start(self._answers, _DAEMON_READY_WITHIN_S)
        self._programs.append(self._daemon)

    def _answers(self) -> bool:
        try:
            return bool(self.client.get("health")["ok"])
        except (Failure, OSError):
            return False
