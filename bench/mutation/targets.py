"""Which modules are mutated, which tests look at each, and which of their mutants mean the same. Data only.

A gate's verdict, the phase machine, what a person may do, and who may ask for it: wrong there is wrong in traffic.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).parent / "equivalent.toml"

_WHOLE = (
    "tests/core/test_journeys.py",
    "tests/core/test_preview.py",
    "tests/core/test_overrides.py",
    "tests/core/test_suspicion.py",
    "tests/core/test_incidents.py",
    "tests/core/test_most_live.py",
    "tests/core/test_fleet_hold.py",
    "tests/simulation/test_found.py",
)
"""Whole rollouts in a world of values."""


@dataclass(frozen=True, slots=True)
class Target:
    """The tests of one module: ``own`` are quick, and alone judge what only an import changes; ``more`` come after."""

    own: tuple[str, ...]
    more: tuple[str, ...] = ()


_CORE = {
    "verdict": ("test_verdict.py",),
    "decide": ("test_decide.py", "test_decide_people.py"),
    "advance": ("test_advance.py", "test_advance_ends.py"),
    "fold": ("test_fold.py", "test_laws.py"),
    "phases": ("test_phases.py",),
}

TARGETS: dict[str, Target] = {
    "daemon/rolloutd/access.py": Target(("tests/server/test_access.py",)),
    **{
        f"daemon/rolloutd/core/{name}.py": Target(tuple(f"tests/core/{test}" for test in own), _WHOLE)
        for name, own in _CORE.items()
    },
}


def equivalent() -> dict[str, dict[str, str]]:
    """By module: the mutants that no test can tell from the original, each with the reason."""
    found: dict[str, dict[str, str]] = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))
    return found
