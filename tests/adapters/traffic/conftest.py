"""Rigs for the tests of routers: each test gets an engine of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.adapters.traffic.rigs import EnvoyRig, HAProxyRig, MemoryRig, NginxRig, RealRig, Rig, running


@pytest.fixture
async def haproxy(tmp_path: Path) -> AsyncIterator[HAProxyRig]:
    """A running HAProxy with a lease of a minute."""
    rig = HAProxyRig(tmp_path)
    with running(rig):
        yield rig
        await rig.router.close()


@pytest.fixture
async def envoy(tmp_path: Path) -> AsyncIterator[EnvoyRig]:
    """A running Envoy."""
    rig = EnvoyRig(tmp_path)
    with running(rig):
        yield rig
        await rig.router.close()


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[NginxRig]:
    """A running nginx."""
    rig = NginxRig(tmp_path)
    with running(rig):
        yield rig
        await rig.router.close()


RIGS: dict[str, Callable[[Path], RealRig]] = {"haproxy": HAProxyRig, "envoy": EnvoyRig, "nginx": NginxRig}
APART: dict[str, Callable[[Path], RealRig]] = {
    "haproxy": lambda folder: HAProxyRig(folder, apart=True),
    "envoy": lambda folder: EnvoyRig(folder, apart=True),
    "nginx": lambda folder: NginxRig(folder, apart=True),
}
REAL = [pytest.param(kind, marks=pytest.mark.real) for kind in RIGS]


@pytest.fixture(params=["memory", *REAL])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """Each router in turn."""
    if request.param == "memory":
        yield MemoryRig()
        return
    made = _real(request.param, tmp_path)
    with running(made):
        yield made
        await made.router.close()


@pytest.fixture(params=REAL)
async def real_rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RealRig]:
    """Each router on a real engine in turn."""
    made = _real(request.param, tmp_path)
    with running(made):
        yield made
        await made.router.close()


@pytest.fixture(params=["memory", *REAL])
async def apart(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """Each router in turn, on a route with segments."""
    if request.param == "memory":
        yield MemoryRig()
        return
    made = APART[request.param](tmp_path)
    with running(made):
        yield made
        await made.router.close()


@pytest.fixture(params=REAL)
async def real_apart(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RealRig]:
    """Each router on a real engine in turn, on a route with segments."""
    made = APART[request.param](tmp_path)
    with running(made):
        yield made
        await made.router.close()


def _real(kind: str, folder: Path) -> RealRig:
    return RIGS[kind](folder)
