"""Scenarios in which a rule says no, on real parts: too little traffic, a freeze, a challenger that is worse on paper.

Each is told by what the real command says and by what the real Envoy shows, and judged against what it should be.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.demo.cases import EVERY, Case, Fault, spec_text
from bench.demo.parts import Parts
from bench.demo.scenarios import CANARY
from rolloutd.core.values import Slot
from tests.engines.mlflow import MlflowServer
from tests.engines.processes import wait_until

REFUSED = 6
FEW, SELDOM = 2.0, "4s"  # requests a second, and how often they are counted: a rate of few is seen over seconds only
SHORT = 'min_time = "5s"\nmin_ticks = 8\nwarm_up = "2s"\nwindow_ticks = 6'
FROZEN = '\n[policy.freeze]\nweekly = ["mon 00:00 - mon 00:00"]\n'
STAYS_S = 8.0
WITHIN_S = 60.0
Say = Callable[[str], None]


@dataclass(slots=True)
class Told:
    """What came of a story: what is wrong with it, and its row."""

    name: str
    outcome: str = ""
    said: str = ""
    most_bp: int = 0
    now_bp: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        """For scripts."""
        return {
            "name": self.name, "outcome": self.outcome, "said": self.said,
            "max_share_bp": self.most_bp, "share_now_bp": self.now_bp,
        }  # fmt: skip

    def expect(self, holds: bool, sentence: str) -> None:
        """Note what should be so and is not."""
        if not holds:
            self.wrong.append(sentence)


def case_of(name: str) -> Case:
    """A healthy challenger on the short plan."""
    return Case(name, Fault.NONE, "", 0, stages=CANARY)


def _start(parts: Parts, told: Told, route: str, *words: str) -> int:
    """Ask the real command to start a rollout on this route; keeps what it says."""
    file = parts.folder / f"{route}.toml"
    file.write_text(spec_text(case_of(route), route, "v1", "v2"), encoding="utf-8")
    done = parts.ask("start", str(file), *words, "--json")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    told.said = str(answer.get("message", ""))
    return done.returncode


def _look(parts: Parts, told: Told, route: str) -> int:
    """The challenger's share as Envoy shows it, in basis points."""
    told.now_bp = parts.eye.look().shares_bp[route][Slot.B]
    told.most_bp = max(told.most_bp, told.now_bp)
    return told.now_bp


def low_traffic(say: Say, told: Told) -> None:
    """Two requests a second: the first stage could not decide, so the start is refused with the numbers."""

    def held(text: str) -> str:
        return text.replace("allow_short_times = true", SHORT).replace(f'every = "{EVERY}"', f'every = "{SELDOM}"')

    with Parts(say, (case_of(told.name),), held, FEW) as parts:
        code = _start(parts, told, told.name)
        say(f"rollout start ended with {code}: {told.said}")
        told.outcome = "refused" if code == REFUSED else f"exit {code}"
        told.expect("requests a second" in told.said, "The refusal does not say the numbers.")
        told.expect(_look(parts, told, told.name) == 0, "Envoy gave the challenger something.")


def freeze(say: Say, told: Told) -> None:
    """A rollout stands through a freeze, nothing begins or goes up in it, and an abort works as ever."""
    other = f"{told.name}-2"
    with Parts(say, (case_of(told.name), case_of(other))) as parts:
        _start(parts, told, told.name)
        wait_until(lambda: _look(parts, told, told.name) > 0, "the first share", WITHIN_S)
        say(f"Envoy shows {told.now_bp / 100:g}%; now the freeze begins")
        parts.restart_daemon(lambda text: text + FROZEN)
        code = _start(parts, told, other)
        say(f"another start ended with {code}: {told.said}")
        told.expect(code == REFUSED and "freeze" in told.said, "A start was not refused for the freeze.")
        code = _start(parts, Told(other), other, "--dry-run")
        told.expect(code == REFUSED, "A dry run did not say no.")
        first_bp, stayed_from = told.now_bp, time.monotonic()
        while time.monotonic() - stayed_from < STAYS_S:
            told.expect(_look(parts, told, told.name) <= first_bp, "The share went up in the freeze.")
            time.sleep(0.2)
        say(f"for {STAYS_S:g} s, longer than the stage needs, Envoy has shown {told.now_bp / 100:g}%")
        done = parts.ask("abort", told.name, "--reason", "the demo's way back", "--wait")
        told.expect(done.returncode == 0, f"The abort ended with {done.returncode}.")
        wait_until(lambda: _look(parts, told, told.name) == 0, "0% after the abort", WITHIN_S)
        status = parts.client.get("rollouts", told.name)
        told.outcome = str(status["outcome"])
        say(f"aborted in the freeze: Envoy shows {told.now_bp / 100:g}%")


def bad_offline_metrics(say: Say, told: Told) -> None:
    """A real MLflow says that the challenger is worse on the same data: it never gets a request."""
    began_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        parts = stack.enter_context(Parts(say, (case_of(told.name),)))
        folder = parts.folder / "mlflow"
        folder.mkdir()
        server = stack.enter_context(MlflowServer(folder, parts.janitor.group))
        say(f"MLflow is ready after {time.monotonic() - began_s:.1f} s.")
        server.model(told.name)
        for auc in (0.84, 0.79):
            server.version(told.name, auc=auc)
        parts.restart_daemon(lambda text: _with_registry(text, told.name, server.url))
        code = _start(parts, told, told.name)
        say(f"rollout start ended with {code}: {told.said}")
        status: dict[str, Any] = {}

        def ended() -> bool:  # on a busy machine the checks outlast the patience of the command
            status.update(parts.client.get("rollouts", told.name))
            return bool(status["ended"])

        wait_until(ended, "the end of the checks", WITHIN_S)
        told.outcome, told.said = str(status["outcome"]), str(status["next"]["sentence"])
        told.expect(code in (0, REFUSED), f"The start ended with {code}.")
        told.expect("auc 0.79 against the champion's 0.84" in told.said, "The refusal does not say both figures.")
        told.expect(_look(parts, told, told.name) == 0, "Envoy gave the challenger something.")


def _with_registry(text: str, route: str, url: str) -> str:
    check = 'kind = "offline"\nregistry = "models"\nmetric = "auc"\nmargin = 0.01'
    named = text.replace(
        f'[routes.{route}]\nrouter = "edge"', f'[routes.{route}]\nrouter = "edge"\nregistry = "models"'
    )
    policy = named.replace("[policy]\n", '[policy]\nchecks = ["offline-auc"]\n')
    return f'{policy}\n[registries.models]\nkind = "mlflow"\nurl = "{url}"\n[checks.offline-auc]\n{check}\n'


STORIES: dict[str, tuple[Callable[[Say, Told], None], str]] = {
    "low-traffic": (low_traffic, "refused"),
    "freeze": (freeze, "aborted"),
    "bad-offline-metrics": (bad_offline_metrics, "refused"),
}


def tell(name: str, as_json: bool) -> int:
    """Tell one story to its end; 1 where it did not come out as it should."""
    began_s, (story, outcome) = time.monotonic(), STORIES[name]

    def say(sentence: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} s  {sentence}", flush=True)

    told = Told(name)
    story(say, told)
    told.expect(told.outcome == outcome, f"{name} came to {told.outcome or 'no end'}, not to {outcome}.")
    told.expect(told.now_bp == 0, f"Envoy shows {told.now_bp / 100:g}% at the end.")
    for sentence in dict.fromkeys(told.wrong):
        print(f"WRONG: {sentence}")
    if not told.wrong:
        print(f"{name} came out right: {told.outcome}.")
    if as_json:
        print(json.dumps({"rollouts": [told.row()]}), flush=True)
    return 1 if told.wrong else 0
