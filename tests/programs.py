"""Finds the real programs that tests drive; it installs nothing.

Where one is absent the test is skipped, and ``conftest`` lists it (or fails it, in CI).
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

SKIP_PREFIX = "needs "


def where(program: str) -> str | None:
    """The path of ``program``, or None. Programs that came as packages (``envoy``) live beside the interpreter."""
    beside = Path(sys.executable).parent
    apart = (
        beside.parent / "mlflow" / "bin"
    )  # MLflow pins other versions than we do, so it has an environment of its own
    versioned = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))  # Debian keeps servers off the PATH
    search = os.pathsep.join([str(beside), str(apart), os.environ.get("PATH", os.defpath), *versioned])
    return shutil.which(program, path=search)


def needs(program: str) -> str:
    """The path of ``program``; skips the calling test with the reason ``needs PROGRAM`` where there is none."""
    found = where(program)
    if found is None:
        pytest.skip(SKIP_PREFIX + program)
    return found
