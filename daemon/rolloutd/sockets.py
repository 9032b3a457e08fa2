"""The two listening sockets: bound here with the right owner and mode, or taken over from systemd; it serves nothing.

A path is reused only when nobody answers behind it, so a second daemon can never steal the sockets of a living one.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from rolloutd.peer import group_id
from rolloutd.ports import RolloutdError

CONTROL, VIEW = "control", "view"
NAMES = (CONTROL, VIEW)
_FIRST_PASSED_FD = 3
_PATH_BYTES_MAX = 107
_SOCKET_MODE_MASK = 0o117
_DIRECTORY_MODE = 0o750


class SocketTrouble(RolloutdError):
    """A socket could not be had; no request was served and no traffic was touched."""


@dataclass(slots=True)
class Listener:
    """One listening socket. ``bound_inode`` is None where systemd owns the path."""

    name: str
    sock: socket.socket
    path: Path
    bound_inode: int | None = None

    def close(self) -> None:
        """Stop listening, and remove the path where it is still the one made here."""
        self.sock.close()
        if self.bound_inode is None:
            return
        try:
            if self.path.lstat().st_ino == self.bound_inode:
                self.path.unlink()
        except FileNotFoundError:
            return


def open_listeners(directory: Path, group: str | None, environ: MutableMapping[str, str]) -> dict[str, Listener]:
    """Both listeners by name: from systemd where it passed them, else bound in ``directory`` for ``group``.

    Raises SocketTrouble with what to do. The variables that systemd set are taken out of ``environ``.
    """
    passed = passed_listeners(environ)
    missing = [name for name in NAMES if name not in passed]
    if not missing:
        return passed
    if passed:
        raise SocketTrouble(
            f"systemd passed {', '.join(passed)} but not {', '.join(missing)}.",
            "Start both socket units: systemctl start rolloutd.socket rolloutd-view.socket",
        )
    _make_directory(directory, group)
    opened: dict[str, Listener] = {}
    try:
        for name in NAMES:
            opened[name] = _bind(name, directory / f"{name}.sock", group)
    except BaseException:
        for listener in opened.values():
            listener.close()
        raise
    return opened


def passed_listeners(environ: MutableMapping[str, str]) -> dict[str, Listener]:
    """The listening Unix sockets that systemd passed to this process, by the name their unit gives them.

    See sd_listen_fds(3). A socket without a known name is known by its file's name (``view.sock``).
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdigit():
        return {}
    found: dict[str, Listener] = {}
    for index in range(int(count)):
        fd = _FIRST_PASSED_FD + index
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
        path = Path(str(sock.getsockname()))
        name = names[index] if index < len(names) and names[index] in NAMES else path.stem
        if sock.family is not socket.AF_UNIX or name not in NAMES or name in found:
            raise SocketTrouble(
                f"systemd passed a socket that is neither control nor view: number {fd}, {path}.",
                "Give it FileDescriptorName=control or FileDescriptorName=view.",
            )
        sock.setblocking(False)
        found[name] = Listener(name, sock, path)
    return found


def _make_directory(directory: Path, group: str | None) -> None:
    """Make the folder where there is none. One that exists is somebody's decision: it is checked, never changed."""
    gid = _gid(group)
    try:
        if not directory.exists():
            directory.mkdir(mode=_DIRECTORY_MODE, parents=True)
            directory.chmod(_DIRECTORY_MODE)
            if gid is not None:
                os.chown(directory, -1, gid)
        found = directory.stat()
    except OSError as error:
        raise SocketTrouble(
            f"The folder for the sockets, {directory}, cannot be made ready: {error.strerror}.",
            "Name another one in [sockets] directory, or let systemd make it (RuntimeDirectory=rolloutd).",
        ) from error
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & stat.S_IWOTH:
        raise SocketTrouble(
            f"Others can change {directory}, the folder for the sockets, and put their own there.",
            f"Give it to the daemon alone: chown {os.geteuid()} {directory}; chmod 0750 {directory}",
        )


def _bind(name: str, path: Path, group: str | None) -> Listener:
    if len(os.fsencode(path)) > _PATH_BYTES_MAX:
        raise SocketTrouble(
            f"The path {path} is longer than the {_PATH_BYTES_MAX} bytes that a socket may have.",
            "Name a shorter folder in [sockets] directory.",
        )
    _remove_if_dead(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    before = os.umask(_SOCKET_MODE_MASK)  # 0660 from the first moment on; chmod afterwards would leave a gap
    try:
        sock.bind(str(path))
        gid = _gid(group)
        if gid is not None:
            os.chown(path, -1, gid)
        return Listener(name, sock, path, path.lstat().st_ino)
    except OSError as error:
        sock.close()
        raise SocketTrouble(
            f"The socket {path} cannot be made: {error.strerror}.", f"See who owns it: ls -l {path.parent}"
        ) from error
    finally:
        os.umask(before)


def _remove_if_dead(path: Path) -> None:
    """Remove a socket file that nobody listens on. Raises SocketTrouble when somebody does, or it is no socket."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketTrouble(f"{path} exists and is not a socket.", f"Look at it, then move it away: ls -l {path}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except FileNotFoundError:
            return
        except OSError as error:  # a full backlog is an answer too: somebody is there
            raise SocketTrouble(f"Somebody holds {path}: {error.strerror}.", "See who: rollout doctor") from error
    raise SocketTrouble(f"Another daemon answers on {path}.", "See it: systemctl status rolloutd; rollout doctor")


def _gid(group: str | None) -> int | None:
    if group is None:
        return None
    gid = group_id(group)
    if gid is None:
        raise SocketTrouble(f"There is no group {group!r} on this host.", f"Make it: groupadd --system {group}")
    return gid
