"""Speaks with a running nginx: what a worker serves, the check of its files, the reload. It decides nothing.

nginx answers no reload: with a bad file it goes on with the old one and only logs. So what counts is what a worker
says that it serves, asked on a new connection each time, since another worker may answer the next one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx

from rollout_adapters.split import Split
from rollout_adapters.traffic.nginx_split import Routed, read_note
from rolloutd.core.values import ZERO
from rolloutd.ports import RouterBadAnswer, RouterDenied, RouterRefused, RouterUnreachable

CHECK_WITHIN_S = 1.0
_CALL_WITHIN_S = 1.0
_QUIET_S = 0.3
_POLL_S = 0.01
_MASTER = b"nginx: master"
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Serves:
    """What one worker says of one route. ``stopped`` says that the stop file keeps the route on its base.

    ``mirrors`` says that nginx.conf has what copies the route's requests.
    """

    generation: int
    stopped: bool
    routed: Routed
    mirrors: bool = False

    @property
    def split(self) -> Split:
        """The split that requests meet."""
        split = self.routed.split
        return replace(split, override_slot=None, override=ZERO) if self.stopped else split

    @property
    def isolated(self) -> tuple[str, ...]:
        """The segments that stay on the base."""
        return self.routed.split.isolated


class NginxMaster:
    """One nginx. ``readback`` is where its notes are answered, ``check`` the command that tests its files."""

    def __init__(self, readback: str, pid_file: Path, check: Sequence[str], threads: Executor) -> None:
        self._readback = readback.rstrip("/")
        self._pid_file = pid_file
        self._check = list(check)
        self._threads = threads
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(timeout=_CALL_WITHIN_S, limits=limits, trust_env=False)

    async def serves(self, route: str) -> Serves:
        """What the worker that answers serves of this route."""
        url = f"{self._readback}/{route}"
        try:
            answer = await self._http.get(url, headers={"connection": "close"})
        except httpx.HTTPError as error:
            raise RouterUnreachable(
                f"nginx does not answer at {url} ({str(error) or type(error).__name__}); where it runs, it splits as "
                "it last did, and has no lease that would end.",
                "See that nginx runs, and that it listens at the router's readback address.",
            ) from error
        if answer.status_code != 200:
            raise RouterBadAnswer(
                f"nginx answers {url} with status {answer.status_code}, so what it serves of {route} is not known.",
                "Write the location of this route's note, as docs/routers.md shows it.",
            )
        try:
            said = json.loads(answer.text)
            name, routed = read_note(json.dumps(said["runs"]))
            if name != route:
                raise ValueError(f"a note of {name}")
            return Serves(int(said["generation"]), bool(said["stopped"]), routed, bool(said.get("mirrors", False)))
        except (ValueError, KeyError, TypeError):
            raise RouterBadAnswer(f"nginx answers {url} with {answer.text[:120]!r} where a note belongs.") from None

    def instance(self) -> str:
        """The master process: another one after a restart, the same after a reload."""
        try:
            return f"{self._pid_file.read_text().strip()}:{self._pid_file.stat().st_mtime_ns}"
        except OSError:
            return "no pid file"

    async def check(self) -> None:
        """Have nginx test its files as they lie there now. Raises RouterRefused with its words."""
        if not self._check:
            return
        run = partial(subprocess.run, self._check, capture_output=True, text=True, check=False, timeout=CHECK_WITHIN_S)
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RouterRefused(
                f"nginx's files cannot be tested ({error}); nginx goes on as it is.",
                "Correct the router's check, or leave the test to nginx itself: check = [].",
            ) from error
        if done.returncode != 0:
            words = done.stderr.strip()[-400:]
            raise RouterRefused(
                f"nginx would refuse its files and goes on as it is: {words}",
                "Mend what nginx complains of; nothing can be raised before.",
            )

    def reload(self) -> frozenset[int] | None:
        """Tell the master to load its files; returns its workers until now, None where they cannot be seen."""
        try:
            pid = int(self._pid_file.read_text())
            line = _command_line(pid)
            if line and not line.startswith(_MASTER):
                raise ProcessLookupError(f"process {pid} is no nginx")
            workers = _children(pid)
            os.kill(pid, signal.SIGHUP)
        except PermissionError as error:
            raise RouterDenied(
                f"nginx's master process may not be signalled ({error}); nginx goes on as it is.",
                "Give the daemon the right to signal it (docs/routers.md, Rights).",
            ) from error
        except (OSError, ValueError) as error:
            raise RouterUnreachable(
                f"nginx's master process is not there ({error}); workers that are left go on as they are.",
                f"Start nginx; its pid belongs in {self._pid_file}.",
            ) from error
        return workers

    async def settled(self, route: str, generation: int, workers: frozenset[int] | None, within_s: float) -> Serves:
        """Wait until this generation, or a later one, is served, and none of the old workers takes requests."""
        loop = asyncio.get_running_loop()
        deadline, quiet_from = loop.time() + within_s, None
        while True:
            serves = await self.serves(route)
            if serves.generation < generation:
                quiet_from = None
            elif workers is not None and not any(_takes_requests(worker) for worker in workers):
                return serves
            elif workers is None:  # they cannot be seen: their master tells them to go a tenth of a second later
                quiet_from = quiet_from or loop.time()
                if loop.time() - quiet_from > _QUIET_S:
                    return serves
            if loop.time() > deadline:
                raise RouterRefused(
                    f"nginx did not take over generation {generation} of its splits within {within_s:g} s; it serves "
                    f"generation {serves.generation}.",
                    "nginx's error log says why it went on as it was.",
                )
            await asyncio.sleep(_POLL_S)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def _children(pid: int) -> frozenset[int] | None:
    """The children of a process; None where the system hides them."""
    try:
        return frozenset(int(word) for word in (_PROC / f"{pid}/task/{pid}/children").read_text().split())
    except OSError:
        return None


def _takes_requests(worker: int) -> bool:
    """Whether a worker still accepts connections; one that was told to go renames itself first."""
    line = _command_line(worker)
    return bool(line) and b"shutting down" not in line


def _command_line(pid: int) -> bytes:
    """How a process calls itself; empty where it is gone or hidden."""
    try:
        return (_PROC / f"{pid}/cmdline").read_bytes()
    except OSError:
        return b""
