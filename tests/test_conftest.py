"""The house rules of the test run itself: an absent program is listed, and in CI it is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.tidy import ROOT

TEST = "from tests.programs import needs\n\n\ndef test_it() -> None:\n    needs('no-such-program')\n"
MODULE = "import pytest\n\npytest.skip('needs no-such-program', allow_module_level=True)\n"


def run(source: str, folder: Path, ci: str, *options: str) -> tuple[int, str]:
    """Exit code and output of a test run of its own over one file."""
    (folder / "test_one.py").write_text(source)
    plain = ["-c", os.devnull, "--rootdir", str(folder), "-p", "tests.conftest", "-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-m", "pytest", *plain, *options, str(folder / "test_one.py")]
    settings = {**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    result = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=120, check=False)
    return result.returncode, result.stdout


def test_a_skipped_real_component_is_listed_at_the_end(tmp_path: Path) -> None:
    """A person's run, here with workers, passes without the program and says by name what it did not test."""
    code, output = run(TEST, tmp_path, "", "-p", "xdist", "-n", "1")
    assert code == 0
    assert "no-such-program: 1 skipped" in output


def test_in_ci_a_skipped_real_component_is_a_failure(tmp_path: Path) -> None:
    """Where CI=true the same test fails and says why."""
    code, output = run(TEST, tmp_path, "true")
    assert code == 1
    assert "no-such-program is not installed, and CI=true" in output


def test_a_module_that_skips_itself_counts_too(tmp_path: Path) -> None:
    """Looking for the program while the file is collected is no way around the rule."""
    code, output = run(MODULE, tmp_path, "true")
    assert code != 0
    assert "no-such-program is not installed, and CI=true" in output
