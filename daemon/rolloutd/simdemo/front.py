"""The demo's command line: starts its process, then opens the screen on it or tells what happens; then all is gone.

Exit codes: 0 all came out right (or the person left the screen), 1 something did not, 2 usage, 130 and 143 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from rolloutd.ctl.client import Client
from rolloutd.ctl.exits import Failure
from rolloutd.simdemo.stories import STORIES, Fault, cast, figures
from rolloutd.simdemo.told import Teller

READY_WITHIN_S = 30.0
ENDS_WITHIN_S = 5.0
DEADLINE_S = 150.0
_POLL_S = 0.02
# A Unix socket's path has at most 107 bytes; the longest one in the folder is run/control.sock.
_FOLDER_CHARS_MAX = 80


class Trouble(RuntimeError):
    """The demo's process is gone or never answered."""


class Stopped(BaseException):
    """A signal says that this is enough. It may come anywhere, so nothing that expects errors may take it for one."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Stage:
    """The demo's process in a private folder. ``client`` talks to its daemon."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.sockets = folder / "run"
        self.client = Client(str(self.sockets), 5.0)
        self._process = process

    def wait(self) -> None:
        """Until the daemon answers and every rollout is there. Raises Trouble with the end of its log."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            self.check()
            with contextlib.suppress(Failure):
                if (self.sockets / "view.sock").exists() and self.client.get("rollouts")["total"] == len(STORIES):
                    return
            time.sleep(_POLL_S)
        raise Trouble(f"Its daemon did not answer within {READY_WITHIN_S:g} s.\n{self._log()}")

    def check(self) -> None:
        """Raises Trouble when the process is gone."""
        if self._process.poll() is not None:
            raise Trouble(f"Its daemon ended with {self._process.returncode}.\n{self._log()}")

    def _log(self) -> str:
        file = self.folder.with_suffix(".log")
        return file.read_text(encoding="utf-8", errors="replace")[-2_000:] if file.exists() else ""


@contextlib.contextmanager
def staged(seed: int, *, again: bool, drill: bool = False) -> Iterator[Stage]:
    """Start the process; when the block ends so does it, and its folder and log are removed."""
    usual = tempfile.gettempdir()
    place = usual if len(usual) < _FOLDER_CHARS_MAX else "/tmp"  # noqa: S108 # sockets need a short name
    folder = Path(tempfile.mkdtemp(prefix="rollout-demo-", dir=place))
    log_file = folder.with_suffix(".log")
    command = [sys.executable, "-m", "rolloutd.simdemo.stage", str(folder), str(seed), *(["again"] if again else [])]
    command += ["drill"] if drill else []
    try:
        with log_file.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 # this program's own module
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield Stage(folder, process)
        finally:
            _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        log_file.unlink(missing_ok=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Politely by closing its stdin, and by force when that takes too long."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def headless(seed: int) -> int:
    """Tell what happens until all four stories are at their ends, then judge."""
    began_s = time.monotonic()
    print(figures(), flush=True)
    with staged(seed, again=False) as stage:
        stage.wait()
        teller = Teller(stage.client, began_s)
        while not teller.over and time.monotonic() - began_s < DEADLINE_S:
            stage.check()
            teller.read()
            time.sleep(0.2)
        wrong = teller.faults()
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    if not wrong:
        print("All four came out right. SIMULATED: no real traffic was touched, and nothing is left behind.")
    return 1 if wrong else 0


def interactive(seed: int, *, drill: bool) -> int:
    """Open the screen; it is loaded while the daemon starts. After a drill it is said which one was harmful."""
    with staged(seed, again=True, drill=drill) as stage:
        screen = importlib.import_module("rollout_tui.app")
        importlib.import_module("rollout_tui.desk")
        stage.wait()  # some hundredths of a second after it answers all four are there
        code = int(screen.run(str(stage.sockets)))
    if drill:
        harmful = next(story.route for story in cast(seed, drill=True) if story.fault is Fault.ERRORS)
        print(f"The harmful one was {harmful}. Once more: rollout demo --drill")
    print("The simulated demo is over; nothing is left behind. The real one, from a checkout: ./dev demo")
    return code


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


def run(argv: list[str]) -> int:
    """The command line of ``rollout demo``."""
    parser = argparse.ArgumentParser(prog="rollout demo", description="Four rollouts on SIMULATED traffic.")
    parser.add_argument("--headless", action="store_true", help="tell what happens line by line and judge it")
    parser.add_argument("--seed", type=int, help="another seed, other chance (default 1; any for a drill)")
    parser.add_argument("--drill", action="store_true", help="everyday names: find the harmful one and stop it")
    options = parser.parse_args(argv)
    on_screen = not options.headless and sys.stdin.isatty() and sys.stdout.isatty()
    if options.drill and not on_screen:
        parser.error("--drill is for the screen, in a terminal")
    seed = random.randrange(1_000_000) if options.drill else 1  # no secret
    if options.seed is not None:
        seed = options.seed
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        if not on_screen:
            return headless(seed)
        return interactive(seed, drill=options.drill)
    except Stopped as stopped:
        print(f"Stopped by {stopped}. Everything the demo had started is gone.", file=sys.stderr)
        return stopped.exit_code
    except (Trouble, Failure) as error:
        print(f"The demo broke off: {error}\nEverything it had started is gone.", file=sys.stderr)
        return 1
