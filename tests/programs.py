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
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return shutil.which(program, path=search)


def needs(program: str) -> str:
    """The path of ``program``; skips the calling test with the reason ``needs PROGRAM`` where there is none."""
    found = where(program)
    if found is None:
        pytest.skip(SKIP_PREFIX + program)
    return found
