"""Which modules are mutated, which tests look at each, and which of their mutants mean the same. Data only.

A gate's verdict, the phase machine, what a person may do, and who may ask for it: wrong there is wrong in traffic.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).parent / "equivalent.toml"


@dataclass(frozen=True, slots=True)
class Target:
    """The tests of one module: ``own`` are quick, and alone judge what only an import changes; ``more`` come after."""

    own: tuple[str, ...]
    more: tuple[str, ...] = ()

    def tests(self, *, own_alone: bool) -> tuple[str, ...]:
        """All of them, its own first, or those alone."""
        return self.own if own_alone else (*self.own, *self.more)


_CORE = {
    "verdict": ("test_verdict.py",),
    "decide": ("test_decide.py", "test_decide_people.py", "test_decide_beside.py"),
    "advance": ("test_advance.py", "test_advance_ends.py", "test_advance_beside.py"),
    "fold": ("test_fold.py", "test_fold_beside.py", "test_laws.py"),
    "phases": ("test_phases.py",),
}


def _of_core(own: tuple[str, ...]) -> Target:
    first = tuple(f"tests/core/{test}" for test in own)
    every = sorted(str(test.relative_to(ROOT)) for test in (ROOT / "tests" / "core").glob("test_*.py"))
    return Target(first, (*(test for test in every if test not in first), "tests/simulation/test_found.py"))


TARGETS: dict[str, Target] = {
    "daemon/rolloutd/access.py": Target(("tests/server/test_access.py",)),
    **{f"daemon/rolloutd/core/{name}.py": _of_core(own) for name, own in _CORE.items()},
}


def equivalent() -> dict[str, dict[str, str]]:
    """By module: the mutants that no test can tell from the original, each with the reason."""
    found: dict[str, dict[str, str]] = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))
    return found
