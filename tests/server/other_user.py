"""Sends requests as another user: a child process that gives its rights away for good, then connects."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import io
import json
import os
import socket
import sys
from typing import Any

from tests.server.running import DEADLINE_S, Answer

IS_ROOT = os.geteuid() == 0


def some_uid() -> int:
    """A uid without rights: another one where this process may change it, else its own."""
    return 61_900 if IS_ROOT else os.getuid()


async def ask_as(uid: int, gids: list[int], requests: list[tuple[str, bytes]]) -> list[Answer]:
    """The answers to raw requests, each ``(socket path, bytes)`` on a connection of its own, sent as ``uid``."""
    job = {"uid": uid, "gids": gids, "requests": [(path, base64.b64encode(data).decode()) for path, data in requests]}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.server.other_user", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(6 * DEADLINE_S):
        out, _ = await child.communicate(json.dumps(job).encode())
    assert child.returncode == 0
    return [_answer(base64.b64decode(text)) for text in json.loads(out)]


async def run_as(uid: int, gids: list[int], directory: str, commands: list[list[str]]) -> list[tuple[int, str]]:
    """Exit code and stdout of each ``rollout`` command line, run one after the other as ``uid``."""
    job = {"uid": uid, "gids": gids, "directory": directory, "commands": commands}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.server.other_user", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(6 * DEADLINE_S):
        out, _ = await child.communicate(json.dumps(job).encode())
    assert child.returncode == 0
    return [(code, text) for code, text in json.loads(out)]


def _answer(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return Answer(int(first.split()[1]), dict(line.lower().split(": ", 1) for line in rest), body)


def _exchange(path: str, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(DEADLINE_S)
        sock.connect(path)
        sock.sendall(data)
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def _run(command: list[str]) -> tuple[int, str]:
    from rolloutd.ctl.cli import run

    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        code = run(command)
    return code, out.getvalue()


def main() -> None:
    """The child: become the other user, exchange, print the raw answers."""
    job: dict[str, Any] = json.load(sys.stdin)
    if "commands" in job:
        os.environ["ROLLOUT_SOCKET_DIR"] = job["directory"]
        verbs = set(importlib.import_module("rolloutd.ctl.cli").MODULE_OF.values())
        for module in ("tomllib", "difflib", *(f"rolloutd.ctl.{verb}" for verb in verbs)):
            importlib.import_module(module)  # the other user may not be able to read them
    if IS_ROOT:
        os.setgroups(job["gids"])
        os.setresgid(job["uid"], job["uid"], job["uid"])
        os.setresuid(job["uid"], job["uid"], job["uid"])
    if "commands" in job:
        json.dump([_run(command) for command in job["commands"]], sys.stdout)
        return
    answers = [_exchange(path, base64.b64decode(data)) for path, data in job["requests"]]
    json.dump([base64.b64encode(answer).decode() for answer in answers], sys.stdout)


if __name__ == "__main__":
    main()
