"""Real ssh servers on loopback, each a host of its own to the real ssh client; they let in one key of the test's."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.engines.processes import Program, free_port, listens
from tests.programs import needs

PRIVILEGES = Path("/run/sshd")


class Sshd:
    """A server on a port of its own. Sessions on it find our ``rollout``, and the sockets in ``socket_dir``."""

    def __init__(self, folder: Path, name: str, socket_dir: Path) -> None:
        self.name, self.port = name, free_port()
        self._key = make_key(folder / "user")
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
        config = folder / f"{name}.conf"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {make_key(folder / 'host')}\nPidFile none\n"
            f"AuthorizedKeysFile {self._key}.pub\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n"
            f"PasswordAuthentication no\nSetEnv PATH={path} ROLLOUT_SOCKET_DIR={socket_dir}\n",
            encoding="ascii",
        )
        if os.geteuid() == 0:
            PRIVILEGES.mkdir(mode=0o755, exist_ok=True)
        self.program = Program([needs("sshd"), "-D", "-e", "-f", str(config)], folder, name)

    def start(self) -> None:
        """Listen."""
        self.program.start(lambda: listens(self.port))

    def cut(self) -> None:
        """End the server and every session on it, as when the host goes away."""
        family = f"PPid:\t{self.program.pid}\n"
        sessions = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and family in status_of(one)]
        self.program.kill()
        for pid in sessions:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @property
    def entry(self) -> str:
        """This host in a client's configuration."""
        return (
            f"Host {self.name}\n HostName 127.0.0.1\n Port {self.port}\n User {getpass.getuser()}\n"
            f" IdentityFile {self._key}\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
            " UserKnownHostsFile /dev/null\n LogLevel ERROR\n"
        )


def status_of(process: Path) -> str:
    """What the kernel says of a process; nothing of one that is gone."""
    try:
        return (process / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def make_key(file: Path) -> Path:
    """A key pair, made once."""
    if not file.exists():
        subprocess.run([needs("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


def client(folder: Path, hosts: list[Sshd]) -> Path:
    """A folder for the front of PATH in which ``ssh`` is the real client, knowing these hosts."""
    config, place = folder / "client.conf", folder / "bin"
    config.write_text("".join(host.entry for host in hosts), encoding="ascii")
    place.mkdir()
    script = place / "ssh"
    script.write_text(f'#!/bin/sh\nexec {needs("ssh")} -F {config} "$@"\n', encoding="ascii")
    script.chmod(0o755)
    return place
