"""Reads a plan's file without a daemon: by a configuration where there is one, else by what the plan itself names.

It refuses what the daemon would refuse. Without a configuration it cannot know the metrics' selectors, and needs none:
rehearsals and forecasts look at rates only.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from rolloutd.core.plan import Spec
from rolloutd.core.values import NAME_PATTERN, Share
from rolloutd.main import DEFAULT_CONFIG, vocabulary
from rolloutd.ports import RolloutdError
from rolloutd.settings import read_settings, read_spec
from rolloutd.settings.problems import SettingsError
from rolloutd.settings.tree import Settings, Vocabulary

STAND_IN = "no configuration: metrics are taken as the plan names them, all else is the defaults"
_LATENCY_WORDS = ("latency", "slow")
_DEFAULT_TICK = "10s"


class Unusable(RolloutdError):
    """A file cannot be used; nothing was rehearsed."""


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan, the policy's cap for a first share, and what it was read by."""

    spec: Spec
    cap: Share
    by: str


def read_plan(text: str, file: str, config: str | None) -> PlanFile:
    """The plan in ``text``. ``config`` is a path, or None for the daemon's own where it can be read.

    Raises Unusable with every fault.
    """
    words = vocabulary()
    try:
        settings, by = _settings(text, config, words)
        return PlanFile(read_spec(text, file, settings), settings.policy.max_first_share, by)
    except SettingsError as error:
        hint = "" if config else " A plan that names what only a configuration has needs: --config FILE."
        raise Unusable(error.what, f"{error.next_step}{hint}") from error


def _settings(text: str, config: str | None, words: Vocabulary) -> tuple[Settings, str]:
    path = Path(config or DEFAULT_CONFIG)
    try:
        return read_settings(path.read_text(encoding="utf-8"), str(path), words), str(path)
    except (OSError, UnicodeDecodeError) as error:
        if config is not None:
            raise Unusable(f"{config} cannot be read: {error}.", "Name the configuration file.") from error
    return read_settings(_stand_in(text, words), "the defaults", words), STAND_IN


def _stand_in(text: str, words: Vocabulary) -> str:
    """A configuration with the route and the metrics that the plan names, on a source that nobody asks."""
    try:
        plan = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ""  # reading the plan will say so, with the line
    rollout, timing, gates = plan.get("rollout"), plan.get("timing"), plan.get("gate")
    route = rollout.get("route") if isinstance(rollout, dict) else None
    tick = timing.get("tick") if isinstance(timing, dict) else None
    every = tick if isinstance(tick, str) and tick.isalnum() else _DEFAULT_TICK
    lines = ['[routers.given]\nkind = "memory"', f'[sources.given]\nkind = "memory"\nevery = "{every}"']
    if _is_name(route):
        slots = "\n".join(f'slots.{s} = {{ arm = "{s}", probe_url = "http://127.0.0.1/{s}" }}' for s in ("a", "b"))
        lines.append(f'[routes."{route}"]\nrouter = "given"\n{slots}')
    named = [gate.get("metric") for gate in gates if isinstance(gate, dict)] if isinstance(gates, list) else []
    lines += [_metric(str(name)) for name in dict.fromkeys(named) if _is_name(name) and name not in words.templates]
    return "\n".join(lines)


def _metric(name: str) -> str:
    latency = any(word in name for word in _LATENCY_WORDS)
    part = 'slo = "250ms"\ngood = { series = "given" }' if latency else 'bad = { series = "given" }'
    return f'[metrics."{name}"]\nsource = "given"\narm_label = "arm"\ntotal = {{ series = "given" }}\n{part}'


def _is_name(value: object) -> bool:
    return isinstance(value, str) and NAME_PATTERN.fullmatch(value) is not None
