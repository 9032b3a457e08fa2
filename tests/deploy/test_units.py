"""The systemd units are right by systemd's own word; nothing here starts one."""

from __future__ import annotations

import configparser
import grp
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from tests.programs import needs

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(path.name for path in DEPLOY.glob("rolloutd*.*"))
SERVICES = [name for name in UNITS if name.endswith(".service")]
SOCKETS = [name for name in UNITS if name.endswith(".socket")]

pytestmark = pytest.mark.real


def read(unit: str) -> configparser.ConfigParser:
    """One unit file by section and key; a key that stands twice keeps its last value, which is enough to look at."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / unit)
    return parser


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """All units in one folder, with an executable and a user that exist on this machine, as after an installation."""
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    for name in UNITS:
        text = (DEPLOY / name).read_text()
        for program in ("rolloutd", "rollout"):
            text = text.replace(f"/opt/rolloutd/bin/{program} ", "/bin/true ")
        for key, value in (("User", user), ("Group", group), ("SocketUser", user), ("SocketGroup", group)):
            text = text.replace(f"\n{key}=rolloutd\n", f"\n{key}={value}\n")
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_has_nothing_to_say_against_a_unit(unit: str, installed: Path) -> None:
    """``systemd-analyze verify`` exits 0 and prints nothing; an unknown key is but a warning, so silence counts."""
    command = [needs("systemd-analyze"), "verify", "--man=no", str(installed / unit)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_is_exposed_no_more_than_it_must(unit: str) -> None:
    """systemd's own score of each service, of 0 (best) to 10, is at most 1.5."""
    security = [needs("systemd-analyze"), "security", "--offline=true", "--no-pager", "--threshold=15"]
    command = [*security, str(DEPLOY / unit)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_callers_stay_visible() -> None:
    """No service runs in a user namespace of its own: there every caller on the socket would look like nobody."""
    assert [unit for unit in SERVICES if read(unit).has_option("Service", "PrivateUsers")] == []


def test_the_boot_id_stays_visible() -> None:
    """No service hides it: without it every restart of the daemon would have to count as one of the host."""
    assert [unit for unit in SERVICES if read(unit).has_option("Service", "ProcSubset")] == []


def test_the_emergency_abort_is_locked_up_as_the_daemon_is() -> None:
    """Both services carry the same hardening, word for word."""
    texts = [(DEPLOY / unit).read_text() for unit in SERVICES]
    stanzas = {text.partition("# Hardening.")[2].partition("[Install]")[0].strip() for text in texts}
    assert len(SERVICES) == 2
    assert len(stanzas) == 1


def test_the_watchdog_restarts_for_ever() -> None:
    """The daemon says when it is ready, is restarted when its loop hangs for 15 s, and is never given up on."""
    unit = read("rolloutd.service")
    assert unit["Service"]["Type"] == "notify"
    assert unit["Service"]["WatchdogSec"] == "15"
    assert unit["Service"]["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_a_reload_says_what_came_of_it() -> None:
    """``systemctl reload`` is the verb, as the daemon's own user: it waits, and fails with the file's faults."""
    command = read("rolloutd.service")["Service"]["ExecReload"].split()
    assert command[:2] == ["/opt/rolloutd/bin/rollout", "reload"]


def test_each_door_has_its_name_and_is_open_to_the_group_alone() -> None:
    """Control and view reach the daemon as named descriptors; only the group rolloutd may connect."""
    doors = {read(unit)["Socket"]["FileDescriptorName"]: read(unit)["Socket"] for unit in SOCKETS}
    assert sorted(doors) == ["control", "view"]
    for name, door in doors.items():
        assert door["ListenStream"] == f"/run/rolloutd/{name}.sock"
        assert (door["SocketMode"], door["DirectoryMode"], door["SocketGroup"]) == ("0660", "0750", "rolloutd")
        assert door["Service"] == "rolloutd.service"
