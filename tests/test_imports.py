"""The borders hold when the program runs, in a fresh interpreter, and the contracts in pyproject.toml can fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.zygote import PRELOADED
from tests.tidy import PRODUCT, ROOT

LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_by(statement: str) -> set[str]:
    """The names of all modules a fresh interpreter holds after ``statement``."""
    command = [sys.executable, "-c", f"{statement}; {LOADED}"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(answer.stdout))


def modules_of(package: str) -> list[str]:
    """Every module under ``package`` of the daemon's folder, by dotted name."""
    base = ROOT / "daemon"
    files = sorted((base / package.replace(".", "/")).rglob("*.py"))
    return [".".join(file.relative_to(base).with_suffix("").parts).removesuffix(".__init__") for file in files]


def test_what_is_loaded_before_a_kill_knows_no_crash_points() -> None:
    """Tests that kill arm the points from a child's environment: a module that is loaded before must not bring them."""
    assert "rolloutd.crashpoints" not in loaded_by("import " + ", ".join(PRELOADED))


def test_the_core_brings_no_event_loop_and_no_io_with_it() -> None:
    """All of the core together loads no event loop, network, database, process or logging module."""
    bare = loaded_by("pass")
    core = [name for name in modules_of("rolloutd.core") if not name.startswith("rolloutd.core.stats")]
    found = loaded_by("import " + ", ".join(core)) - bare
    assert found & {"asyncio", "logging", "multiprocessing", "random", "socket", "sqlite3", "subprocess"} == set()


def test_the_statistics_never_load_scipy_stats() -> None:
    """The special functions are enough: the distributions cost a second of CPU and 50 MiB at every start."""
    assert "scipy.stats" not in loaded_by("import " + ", ".join(modules_of("rolloutd.core.stats")))


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("rolloutd.ctl", "httpx numpy rich rollout_tui scipy sqlite_utils starlette textual"),
        ("rolloutd.wire", "numpy scipy sqlite_utils starlette textual uvicorn"),
        ("rollout_tui.client", "numpy scipy sqlite_utils starlette uvicorn"),
        ("rolloutd.main", "rollout_tui scipy.stats textual"),
    ],
    ids=["ctl", "wire", "client", "main"],
)
def test_a_front_door_loads_only_what_it_needs(module: str, unwanted: str) -> None:
    """A script's first answer and the first frame are not paid for with libraries they do not use."""
    assert loaded_by(f"import {module}") & set(unwanted.split()) == set()


PLANTED = {
    "daemon/rolloutd/core/values.py": "import time",
    "daemon/rolloutd/ports.py": "import scipy.special",
    "adapters/rollout_adapters/__init__.py": "import rolloutd.wire",
    "tui/rollout_tui/__init__.py": "import rolloutd.core.state",
    "adapters/rollout_adapters/traffic/envoy.py": "import rollout_adapters.traffic.haproxy",
    "daemon/rolloutd/ctl/exits.py": "import rolloutd.loop, textual, rollout_adapters",
}


def test_every_contract_can_break(tmp_path: Path) -> None:
    """With a forbidden import planted for each contract, all are reported broken: none is an empty promise."""
    for folder in PRODUCT:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests/contracts.py", tmp_path / "tests")
    for file, line in PLANTED.items():
        with (tmp_path / file).open("a") as source:
            source.write(f"\n{line}\n")
    linter = Path(sys.executable).with_name("lint-imports")
    path = os.pathsep.join(str(tmp_path / folder) for folder in PRODUCT)
    result = subprocess.run(
        [linter, "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    contracts = (ROOT / "pyproject.toml").read_text().count("[[tool.importlinter.contracts]]")
    assert f"Contracts: 0 kept, {contracts} broken." in result.stdout, result.stdout + result.stderr
