"""Runs a command of the configuration as a check before traffic: exit status 0 is a pass. Nothing goes through a shell.

The rollout is told in the environment; nothing that a rollout's file says becomes a part of the command line. What runs
longer than it may, or writes more than it may, is killed with everything that it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping

from pydantic import Field

from rollout_adapters.options import AdapterOptions, BadOption, check_options
from rolloutd.ports import Case, CheckFinding, Prober

OUTPUT_MAX_BYTES = 64 * 1024
SHOWN_CHARS = 300
LAST_WORDS_S = 1.0
_CHUNK_BYTES = 8 * 1024


class CommandOptions(AdapterOptions):
    """``argv`` is the command, its program by its whole path; ``env`` what it finds in its environment beside ours."""

    argv: tuple[str, ...] = Field(min_length=1, max_length=50)
    env: dict[str, str] = Field({}, max_length=50)


def make(name: str, options: Mapping[str, object], prober: Prober) -> Command:  # noqa: ARG001  # as every check is made
    """A check that runs ``argv``. Raises BadOption."""
    owner = f"Check {name} (command)"
    read = check_options(CommandOptions, options, owner)
    if not read.argv[0].startswith("/"):
        raise BadOption(f"{owner} needs its program by its whole path, from the first / on.", "argv")
    if any("\0" in text for text in (*read.argv, *read.env, *read.env.values())):
        raise BadOption(f"{owner} has a NUL in its words.", "argv")
    return Command(read.argv, read.env)


class Command:
    """One command line."""

    def __init__(self, argv: tuple[str, ...], env: Mapping[str, str]) -> None:
        self._argv = argv
        self._env = dict(env)

    async def examine(self, case: Case) -> CheckFinding:
        """Run it to its end; cancelling kills it and all that it started."""
        told = {
            "ROLLOUT": case.rollout,
            "ROLLOUT_MODEL": case.model,
            "ROLLOUT_CHAMPION": case.champion,
            "ROLLOUT_CHALLENGER": case.challenger,
            "ROLLOUT_ROUTE": case.route,
            "ROLLOUT_SLOT": case.challenger_slot.value,
        }
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **self._env, **told}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT, env=env, cwd="/", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return _no(f"{self._argv[0]} cannot be run: {error.strerror}")
        try:
            output = await _read(process)
            if output is None:
                return _no(f"{self._argv[0]} wrote more than {OUTPUT_MAX_BYTES >> 10} KiB and was ended")
            status = await process.wait()
        finally:
            await _end(process)
        shown = output.decode("utf-8", "replace").strip()[-SHOWN_CHARS:]
        said = f"{self._argv[0]} ended with status {status}{f': {shown}' if shown else ''}"
        return CheckFinding(answered=True, passed=status == 0, detail=said)

    async def close(self) -> None:
        """Nothing is kept open."""


async def _read(process: asyncio.subprocess.Process) -> bytes | None:
    """Everything that it writes, or None when that is too much."""
    assert process.stdout is not None
    output = b""
    while chunk := await process.stdout.read(_CHUNK_BYTES):
        output += chunk
        if len(output) > OUTPUT_MAX_BYTES:
            return None
    return output


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the command and all of its session that is left, and let go of its output."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):  # who left the session on purpose may keep the pipe open
        async with asyncio.timeout(LAST_WORDS_S):
            await process.communicate()


def _no(detail: str) -> CheckFinding:
    return CheckFinding(answered=True, passed=False, detail=detail)
