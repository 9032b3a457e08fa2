"""Makes a small Debian with systemd, installs rolloutd in it as the README says, and boots it; needs root.

Python and the packages are this machine's own, mounted read-only where nothing hides them from the units. What the
README and docs/routers.md tell people to write is taken from there word for word. ``ROLLOUTD_BOOT_ROOT`` names a folder
in which the Debian is kept for the next time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from tests.docs.pages import README, ROOT, blocks
from tests.programs import needs

PACKAGES = "systemd,systemd-sysv,dbus,haproxy,libsqlite3-0,libssl3,libffi8,zlib1g,libbz2-1.0,liblzma5"
DEPLOY = ROOT / "deploy"
MOUNTS = {
    sys.base_prefix: "/opt/python",
    sysconfig.get_path("purelib"): "/opt/rolloutd/lib",
    str(ROOT): "/opt/rolloutd/src",
}
PYTHON = f"/opt/python/bin/python3.{sys.version_info.minor}"
_WRAPPER = """#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH=/opt/rolloutd/src/daemon:/opt/rolloutd/src/adapters:/opt/rolloutd/src/tui:/opt/rolloutd/lib
exec {python} -c 'from {module} import main; main()' "$@"
"""
_SHORT = "[Service]\nWatchdogSec=4\n"
"""Shorter than shipped, so that nobody waits for what is shown in seconds."""
_INSIDE = f"""[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart={PYTHON} /opt/rolloutd/src/tests/deploy/inside.py
Environment=LD_LIBRARY_PATH=/opt/python/lib PYTHONDONTWRITEBYTECODE=1
TimeoutStartSec=400
[Install]
WantedBy=graphical.target
"""
_ENABLED = ("rolloutd.service", "rolloutd.socket", "rolloutd-view.socket", "rolloutd-emergency-abort.timer")


def boot(folder: Path) -> dict[str, Any]:
    """The facts that ``inside.py`` wrote in a host made in ``folder``. Skips where a program is absent."""
    nspawn, debootstrap = needs("systemd-nspawn"), needs("debootstrap")
    root = Path(os.environ.get("ROLLOUTD_BOOT_ROOT", folder / "root"))
    if not (root / "etc" / "debian_version").exists():
        _run(debootstrap, "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root))
    _install(root)
    mounts = [f"--bind-ro={here}:{there}" for here, there in MOUNTS.items()]
    _run(nspawn, "-q", "-b", "-D", str(root), *mounts, "--register=no", "--keep-unit", "--private-network")
    facts: dict[str, Any] = json.loads((root / "result.json").read_text())
    return facts


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, (
        f"{' '.join(command[:3])} ended with {done.returncode}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    )


def _install(root: Path) -> None:
    """The README's steps, on files."""
    (root / "result.json").unlink(missing_ok=True)
    shutil.rmtree(root / "var/lib/rolloutd", ignore_errors=True)
    for module, name in (("rolloutd.main", "rolloutd"), ("rolloutd.ctl", "rollout")):
        _write(root / "opt/rolloutd/bin" / name, _WRAPPER.format(python=PYTHON, module=module), 0o755)
    for there in MOUNTS.values():
        (root / there[1:]).mkdir(parents=True, exist_ok=True)
    _copy("sysusers.d", root / "etc/sysusers.d")
    _copy("tmpfiles.d", root / "etc/tmpfiles.d")
    units = root / "etc/systemd/system"
    for unit in (*DEPLOY.glob("rolloutd*.service"), *DEPLOY.glob("rolloutd*.socket"), *DEPLOY.glob("rolloutd*.timer")):
        shutil.copy(unit, units)
    _run("systemd-sysusers", f"--root={root}")
    toml = blocks(README.read_text(), "toml")
    config, spec = (next(text for text in toml if word in text) for word in ("[routers.", "[rollout]"))
    config = config.replace("operators = ", 'viewers = ["lookers"]\noperators = ').replace('"ml-oncall"', '"oncall"')
    config += '\n[policy]\nlow_traffic = "start"\n'  # the load in there decides nothing within a day
    _write(root / "etc/rolloutd/config.toml", config, 0o644)
    _write(root / "etc/rolloutd/ranker-v2.toml", spec.replace("v41", "v1").replace("v42", "v2"), 0o644)
    _routers(root)
    _people(root)
    _write(units / "rolloutd.service.d/test.conf", _SHORT, 0o644)
    _write(units / "inside.service", _INSIDE, 0o644)
    _run("systemctl", f"--root={root}", "enable", *_ENABLED, "inside.service", "haproxy.service")
    _run("systemctl", f"--root={root}", "set-default", "graphical.target")


def _routers(root: Path) -> None:
    """HAProxy and the rights on it, as docs/routers.md has them."""
    page = (ROOT / "docs/routers.md").read_text()
    haproxy, bases = blocks(page, "text")[:2]
    haproxy = haproxy.replace("mode 660 level operator", "mode 660 group haproxy level operator")
    _write(root / "etc/haproxy/haproxy.cfg", haproxy, 0o644)
    rights = next(text for text in blocks(page, "ini") if "SupplementaryGroups=haproxy" in text)
    for unit in ("rolloutd", "rolloutd-emergency-abort"):
        _write(root / f"etc/systemd/system/{unit}.service.d/router.conf", rights, 0o644)
    _write(root / "etc/haproxy/rolloutd/base.map", bases, 0o644)
    rolloutd = next(row for row in (root / "etc/passwd").read_text().splitlines() if row.startswith("rolloutd:"))
    for path in (root / "etc/haproxy/rolloutd", root / "etc/haproxy/rolloutd/base.map"):
        os.chown(path, int(rolloutd.split(":")[2]), int(rolloutd.split(":")[3]))


def _people(root: Path) -> None:
    """A viewer and an operator, both in the group of the sockets, and a stranger."""
    groups = {"viewer": "lookers", "operator": "oncall"}
    lines = ["u stranger -"]
    for user, group in groups.items():
        lines += [f"g {group} -", f"u {user} -", f"m {user} rolloutd", f"m {user} {group}"]
    _write(root / "etc/sysusers.d/people.conf", "\n".join(lines) + "\n", 0o644)
    _run("systemd-sysusers", f"--root={root}")


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _copy(name: str, target: Path) -> None:
    shutil.copytree(DEPLOY / name, target, dirs_exist_ok=True)
