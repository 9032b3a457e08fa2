"""What a wheel of this checkout holds, and that the pinned lists are those of pyproject; nothing is installed here."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import rolloutd
from tests.tidy import PRODUCT, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from the checkout, opened."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_a_wheel_holds_every_file_of_the_three_packages(wheel: zipfile.ZipFile) -> None:
    """Modules, style sheets, type markers and shipped data are all in the wheel, and nothing else is."""
    sources = [path for folder in PRODUCT for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted = {"/".join(path.relative_to(ROOT).parts[1:]) for path in sources if "__pycache__" not in path.parts}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name}
    assert held == wanted
    assert {f"{package}/py.typed" for package in ("rolloutd", "rollout_adapters", "rollout_tui")} <= held


def test_a_wheel_brings_both_commands_and_the_licence(wheel: zipfile.ZipFile) -> None:
    """``rolloutd`` and ``rollout`` are commands after an installation, and the licence travels along."""
    meta = f"rolloutd-{rolloutd.__version__}.dist-info"
    scripts = wheel.read(f"{meta}/entry_points.txt").decode()
    assert "rolloutd = rolloutd.main:main" in scripts
    assert "rollout = rolloutd.ctl:main" in scripts
    assert f"{meta}/licenses/LICENSE" in wheel.namelist()


def test_a_wheel_brings_the_man_page(wheel: zipfile.ZipFile) -> None:
    """``man rollout`` works where the package is installed."""
    (name,) = (name for name in wheel.namelist() if ".data/" in name)
    assert name.endswith(".data/data/share/man/man1/rollout.1")
    assert wheel.read(name) == (ROOT / "docs" / "rollout.1").read_bytes()


def test_the_version_is_said_once_and_the_same_everywhere() -> None:
    """The package, the project file and the changelog name the same version."""
    assert PROJECT["version"] == rolloutd.__version__
    assert f"## [{rolloutd.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(("lock", "extra"), [("requirements.lock", None), ("requirements-dev.lock", "dev")])
def test_the_lock_lists_pin_all_that_the_project_asks_for(lock: str, extra: str | None) -> None:
    """A dependency added to pyproject without ``./dev lock`` is noticed here, not on a new machine."""
    asked = [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] if extra else [])]
    names = {match.group().lower() for text in asked if (match := re.match(r"[\w.-]+", text))} - {"rolloutd"}
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), re.MULTILINE))
    assert names <= pinned


def test_the_units_name_paths_that_a_wheel_provides() -> None:
    """The services start the command the wheel installs."""
    for unit in sorted(Path(ROOT, "deploy").glob("*.service")):
        assert re.search(r"^ExecStart=/opt/rolloutd/bin/rolloutd( |$)", unit.read_text(), re.MULTILINE), unit.name
