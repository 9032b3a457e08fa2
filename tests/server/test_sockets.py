"""The listening sockets: their modes, whose they are, when a path is reused, and what systemd passes."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.peer import Account, Accounts, Peer, read_peer
from rolloutd.sockets import SocketTrouble, open_listeners


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, for a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ro") as name:
        yield Path(name)


def test_only_the_owner_and_the_group_can_reach_a_socket(folder: Path) -> None:
    """The folder is made 0750 and the sockets 0660, whatever the umask; closing removes them."""
    before = os.umask(0)
    try:
        listeners = open_listeners(folder / "run", None, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o750
    for name in ("control", "view"):
        assert stat.S_IMODE((folder / "run" / f"{name}.sock").stat().st_mode) == 0o660
    for listener in listeners.values():
        listener.close()
    assert list((folder / "run").iterdir()) == []


def test_a_dead_socket_is_replaced(folder: Path) -> None:
    """What a killed daemon left behind does not keep the next one from starting."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(folder / "control.sock"))
    left.close()
    listeners = open_listeners(folder, None, {})
    assert sorted(listeners) == ["control", "view"]
    for listener in listeners.values():
        listener.close()


def test_a_living_daemon_keeps_its_sockets(folder: Path) -> None:
    """A second daemon is refused in a sentence, and the first one's sockets are still there."""
    first = open_listeners(folder, None, {})
    first["control"].sock.listen()
    with pytest.raises(SocketTrouble, match="Another daemon answers"):
        open_listeners(folder, None, {})
    assert first["control"].path.exists()
    for listener in first.values():
        listener.close()


def test_a_socket_that_another_daemon_made_meanwhile_is_left_alone(folder: Path) -> None:
    """Closing removes a path only while it is still the one that was made here."""
    listeners = open_listeners(folder, None, {})
    path = listeners["view"].path
    path.unlink()
    path.write_text("somebody else's")
    for listener in listeners.values():
        listener.close()
    assert path.exists()


def test_what_is_in_the_way_is_named(folder: Path) -> None:
    """A file at the path, a folder open to everybody, a path too long, an unknown group: each has its sentence."""
    (folder / "view.sock").write_text("a file")
    with pytest.raises(SocketTrouble, match="is not a socket"):
        open_listeners(folder, None, {})
    assert not (folder / "control.sock").exists()
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    with pytest.raises(SocketTrouble, match="Others can change"):
        open_listeners(folder / "open", None, {})
    with pytest.raises(SocketTrouble, match="longer than the 107 bytes"):
        open_listeners(folder / ("x" * 100), None, {})
    with pytest.raises(SocketTrouble, match="no group 'no-such-group-here'"):
        open_listeners(folder / "grouped", "no-such-group-here", {})


_PASSED = """
import json, os, socket, sys
for number, path in enumerate(sys.argv[1:]):
    made = socket.socket(socket.AF_UNIX)
    made.bind(path)
    made.listen()
    os.dup2(made.fileno(), 100 + number)
for number in range(len(sys.argv) - 1):
    os.dup2(100 + number, 3 + number)
from rolloutd.sockets import open_listeners, SocketTrouble
from pathlib import Path
env = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(sys.argv) - 1), "LISTEN_FDNAMES": os.environ["NAMES"]}
try:
    found = open_listeners(Path("/nonexistent"), None, env)
    print(json.dumps({name: [str(one.path), one.sock.get_inheritable()] for name, one in found.items()} | {"env": env}))
    [one.close() for one in found.values()]
except SocketTrouble as trouble:
    print(json.dumps(str(trouble)))
"""


def passed(folder: Path, files: list[str], names: str) -> object:
    """What a fresh process makes of sockets that it was passed as file descriptors 3 and up."""
    command = [sys.executable, "-c", _PASSED, *(str(folder / file) for file in files)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "NAMES": names}
    )
    return json.loads(done.stdout)


def test_systemd_sockets_are_known_by_their_name_or_else_by_their_file(folder: Path) -> None:
    """FileDescriptorName decides; without one the file's name does. The sockets do not leak to children, and stay."""
    named = passed(folder, ["a", "b"], "view:control")
    assert named == {"view": [str(folder / "a"), False], "control": [str(folder / "b"), False], "env": {}}
    assert (folder / "a").exists()
    by_file = passed(folder, ["control.sock", "view.sock"], "rolloutd.socket:rolloutd.socket")
    assert isinstance(by_file, dict)
    assert by_file["control"] == [str(folder / "control.sock"), False]


def test_half_of_the_sockets_is_not_enough(folder: Path) -> None:
    """A unit that passes one socket, or a stranger, is told which is missing."""
    assert "but not view" in str(passed(folder, ["control.sock"], "control"))
    assert "neither control nor view" in str(passed(folder, ["x.sock", "y.sock"], "control:other"))


def test_sockets_passed_to_another_process_are_not_ours(folder: Path) -> None:
    """LISTEN_PID of somebody else means: bind our own."""
    listeners = open_listeners(folder, None, {"LISTEN_PID": "1", "LISTEN_FDS": "2"})
    assert listeners["view"].bound_inode is not None
    for listener in listeners.values():
        listener.close()


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    """Process, uid and gid of the peer are those of the process that made the connection."""
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        peer = read_peer(here)
    assert (peer.pid, peer.uid, peer.gid) == (os.getpid(), os.geteuid(), os.getegid())
    assert set(os.getgroups()) <= peer.kernel_groups


async def test_a_directory_that_hangs_does_not_hold_up_who_is_asking() -> None:
    """After its patience is over the kernel's groups stand in, and the next caller does not wait again."""
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    asked = []

    def hang(uid: int) -> Account | None:
        asked.append(uid)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(30)
        return Account("late", frozenset())

    accounts = Accounts(hang, patience_s=0.05)
    first = await accounts.of(Peer(1, 7, 8, frozenset({8, 9})))
    second = await accounts.of(Peer(1, 7, 8, frozenset({8})))
    release.set()
    accounts.close()
    assert first == Account("uid 7", frozenset({8, 9}))
    assert second.groups == {8}
    assert asked == [7]
