"""The real daemon as a process, and all it takes to ask, freeze, kill and stop it. It knows no test and no engine."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rolloutd.ctl.client import Client
from rolloutd.ctl.exits import Failure
from tests.engines.processes import Program, wait_until

ANSWERS_WITHIN_S = 10.0
ENDS_WITHIN_S = 20.0
Status = dict[str, Any]


class House:
    """The daemon in a folder. ``start`` waits until it answers; ``environment`` may arm a crash point."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.file = folder / "config.toml"
        self.file.write_text(text, encoding="utf-8")
        self.file.chmod(0o600)
        self.client = Client(str(folder / "run"), ANSWERS_WITHIN_S)
        # A lost link is not tried again: who kills daemons wants to hear of it at once.
        self.impatient = Client(str(folder / "run"), 0.2)
        self.program = Program(self._command({}), folder, "rolloutd")

    def _command(self, environment: Mapping[str, str]) -> list[str]:
        words = [f"{key}={value}" for key, value in environment.items()]
        return ["env", *words, sys.executable, "-m", "rolloutd.main", "--config", str(self.file)]

    def start(self, **environment: str) -> None:
        """Start the daemon and wait until it answers."""
        self.program = Program(self._command(environment), self.folder, "rolloutd")
        self.program.start(self.answers)

    def answers(self) -> bool:
        """Whether the daemon answers on its socket."""
        try:
            return bool(self.impatient.get("health")["ok"])
        except (Failure, OSError):
            return False

    def begin(self, text: str) -> Status:
        """Start a rollout through the socket."""
        return self.client.post("rollouts", body={"spec_toml": text, "file": "rollout.toml", "reason": ""})

    def act(self, name: str, verb: str, *, revision: int | None = None, wait_s: float = 0, **body: object) -> Status:
        """One verb through the socket."""
        words = {"wait_s": wait_s, **body}
        return self.client.post("rollouts", name, verb, body=words, revision=revision, wait_s=wait_s)

    def resume(self, name: str) -> Status:
        """A person's resume of what he looks at now."""
        revision = self.status(name)["revision"]
        return self.act(name, "resume", revision=revision, reason="looked at it, all is well")

    def status(self, name: str) -> Status:
        """One rollout now."""
        return self.client.get("rollouts", name)

    def kinds(self, name: str) -> list[str]:
        """The kinds of the rollout's recorded events, in order."""
        return [entry["kind"] for entry in self.client.get("rollouts", name, "timeline")["entries"]]

    def why(self, name: str, kind: str) -> list[str]:
        """What the rollout's record says in each event of this kind: what happened and why, in one line."""
        entries = self.client.get("rollouts", name, "timeline")["entries"]
        return [f"{entry['what']}: {entry['why']}" for entry in entries if entry["kind"] == kind]

    def wait(self, name: str, *phases: str, within_s: float = 90.0) -> Status:
        """Wait until the rollout is in one of these phases; a daemon that is away meanwhile is waited for."""
        return self.wait_for(name, lambda found: found["phase"] in phases, " or ".join(phases), within_s)

    def wait_for(self, name: str, there: Callable[[Status], bool], what: str, within_s: float = 90.0) -> Status:
        """Wait until ``there(status)`` is true; returns that status."""
        found: Status = {}

        def look() -> bool:
            try:
                found.update(self.status(name))
            except (Failure, OSError):
                return False
            return there(found)

        try:
            wait_until(look, what, within_s)
        except Exception as error:
            error.add_note(f"{name} is {found.get('phase')}, blocked by {found.get('blocked_by')}; {self.tail()}")
            raise
        return found

    def freeze(self) -> None:
        """Stop the daemon as a hang would: it is there and does nothing."""
        self.program.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen daemon go on."""
        self.program.signal(signal.SIGCONT)

    def stop(self) -> int | None:
        """End the daemon politely, also a frozen one; its exit code when it ended by itself."""
        if self.program.running:
            self.thaw()
        return self.program.stop()

    def run_beside(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another `rolloutd` on the same configuration to its end, for example with the words emergency-abort."""
        command = [sys.executable, "-m", "rolloutd.main", "--config", str(self.file), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=False)

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the `rollout` command as a person would."""
        command = [str(Path(sys.executable).parent / "rollout"), "--socket-dir", str(self.folder / "run"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=False)

    def tail(self) -> str:
        """The end of its log, for messages."""
        return f"its log ends:\n{self.program.log()[-3000:]}"
