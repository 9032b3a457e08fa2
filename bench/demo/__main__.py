"""``./dev demo``: four rollouts on real parts, on the screen, or with ``--headless`` told line by line and then judged.

Exit codes: 0 all came out right (or the person left the screen), 1 something did not, 2 usage, 130 and 143 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from types import FrameType

from bench.demo import report
from bench.demo.cases import CASES, CREEPING_ERRORS, Case, figures
from bench.demo.director import TURN_S, Director
from bench.demo.parts import Parts, Trouble
from bench.demo.rules import STORIES, tell
from bench.demo.scenarios import SCENARIOS
from rolloutd.ctl.exits import Failure

DEADLINE_S = 165.0
SETTLED_S = 1.0
AGAIN_AFTER_S = 20.0
_SCREEN_ENDS_WITHIN_S = 3.0
# Leave the other screen, show the cursor, stop reporting the mouse: what a screen that was killed could not do.
_PLAIN_TERMINAL = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l"


class Stopped(Exception):
    """A signal says that this is enough."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def headless(as_json: bool, cases: Sequence[Case]) -> int:
    """Run all to their ends, telling what happens."""
    began_s = time.monotonic()

    def say(sentence: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} s  {sentence}", flush=True)

    if cases is CASES:
        print(figures(), flush=True)
    with Parts(say, cases) as parts:
        first, first_s = parts.eye.requests(), time.monotonic()
        director = Director(parts, lambda name, sentence: say(f"{name:9} {sentence}"))
        for case in cases:
            director.begin(case)
        while not director.over and time.monotonic() - began_s < DEADLINE_S:
            director.turn()
            time.sleep(TURN_S)
        before, own_before, over_s = parts.eye.requests(), parts.served(), time.monotonic()
        off = director.isolated()
        while time.monotonic() - over_s < SETTLED_S:
            director.turn()
            time.sleep(TURN_S)
        after, own_after = parts.eye.requests(), parts.served()
        rate = (report.total(after) - report.total(first)) / (time.monotonic() - first_s)
        wrong = report.faults(director.runs.values(), before, after)
        wrong += report.isolation_faults(off, director.isolated())
        wrong += report.own_faults(director.runs.values(), own_before, own_after)
        wrong += [
            f"{parts.eye.failed(case.route)} requests of {case.route} failed, whose servers never did."
            for case in cases
            if case.errors == (0.0, 0.0) and parts.eye.failed(case.route)
        ]
    print(report.as_table(director.runs.values()))
    print(f"Envoy answered {rate:,.0f} requests a second.")
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    if not wrong:
        print(f"All {len(cases)} came out right.")
    if as_json:
        print(report.as_json(director.runs.values()), flush=True)
    return 1 if wrong else 0


def interactive() -> int:
    """Open the screen on the running demo; it ends when the person leaves the screen."""
    print(figures(), flush=True)
    with _terminal_as_before(), Parts(lambda sentence: print(sentence, flush=True)) as parts:
        director = Director(parts, lambda *_: None, CREEPING_ERRORS)
        # What is to be seen first is begun first.
        for case in sorted(CASES, key=lambda case: case.route != "harmful"):
            director.begin(case)
        with _ended(parts.screen()) as screen:
            while screen.poll() is None:
                director.turn()
                director.begin_again(AGAIN_AFTER_S)
                time.sleep(TURN_S)
    return screen.returncode


@contextlib.contextmanager
def _ended(screen: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Let no screen outlive the block."""
    try:
        yield screen
    finally:
        screen.terminate()
        try:
            screen.wait(_SCREEN_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            screen.kill()
            screen.wait()


@contextlib.contextmanager
def _terminal_as_before() -> Iterator[None]:
    """Leave the terminal as it was, also when the screen could not."""
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    except BaseException:
        print(_PLAIN_TERMINAL, end="", flush=True)
        raise
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)


def main() -> int:
    """The demo's command line."""
    parser = argparse.ArgumentParser(prog="./dev demo", description="Four rollouts on real parts, here and now.")
    parser.add_argument("--headless", action="store_true", help="tell what happens line by line and judge it")
    parser.add_argument("--json", action="store_true", help="with --headless: end with one JSON object")
    parser.add_argument(
        "--scenario",
        action="append",
        choices=[*SCENARIOS, *STORIES],
        metavar="NAME",
        help="with --headless: these in the place of the four, side by side: "
        f"{', '.join(SCENARIOS)}; or one of {', '.join(STORIES)}",
    )
    options = parser.parse_args()
    rules = [name for name in options.scenario or () if name in STORIES]
    if rules and len(options.scenario) > 1:
        parser.error(f"{rules[0]} has parts of its own and stands alone; nothing was started")
    chosen = dict.fromkeys(options.scenario or ())
    cases = tuple(SCENARIOS[name] for name in chosen if name in SCENARIOS) or CASES
    if options.scenario and not options.headless:
        parser.error("--scenario belongs to --headless; nothing was started")
    if options.json and not options.headless:
        parser.error("--json belongs to --headless; nothing was started")
    if not options.headless and not (sys.stdin.isatty() and sys.stdout.isatty()):
        parser.error("there is no terminal for the screen; nothing was started. Without one: ./dev demo --headless")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        if rules:
            return tell(rules[0], options.json)
        return headless(options.json, cases) if options.headless else interactive()
    except Stopped as stopped:
        print(f"Stopped by {stopped}. Everything the demo had started is gone.", file=sys.stderr)
        return stopped.exit_code
    except (Trouble, Failure, OSError) as error:
        print(f"The demo broke off: {error}\nEverything it had started is gone.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
