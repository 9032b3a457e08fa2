"""The HAProxy router's spare connection: removals while every place of the runtime socket is taken, and reloads."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from rollout_adapters.traffic.haproxy import HAProxyRouter
from rolloutd.core.values import ZERO, Share, Slot
from tests.adapters.traffic.rigs import ROUTE, HAProxyRig
from tests.engines.processes import until

pytestmark = pytest.mark.real
PLACES = 10
"""How many connections HAProxy's runtime socket takes at once (`stats maxconn`) unless it is told otherwise."""


@contextmanager
def all_places_taken(rig: HAProxyRig) -> Iterator[socket.socket]:
    """Somebody holds every place that is left; yields one of those connections, which answers."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(PLACES)]
        for connection in held:
            connection.connect(str(rig.engine.socket))
            connection.settimeout(2)
            connection.sendall(b"prompt\n")
        assert held[0].recv(100)
        yield held[0]


def shows_share(eye: socket.socket) -> bool:
    """Whether the table still has the share, by a connection that is open already."""
    eye.sendall(f"show table lease key {ROUTE}/b\n".encode())
    answer = b""
    while not answer.endswith(b"\n> "):
        piece = eye.recv(65_536)
        assert piece, "HAProxy has closed the connection"
        answer += piece
    return b"gpt0=1000" in answer


def of(rig: HAProxyRig) -> HAProxyRouter:
    """The rig's router, as what it is."""
    assert isinstance(rig.router, HAProxyRouter)
    return rig.router


async def test_a_removal_finds_a_way_when_every_place_is_taken(haproxy: HAProxyRig) -> None:
    """The spare connection carries it; a new one would have to wait until somebody leaves."""
    router = of(haproxy)
    await router.set_share(ROUTE, Slot.B, Share(1_000))
    await router.read(ROUTE)
    await until(lambda: router.spare.ready, "the spare connection")
    with all_places_taken(haproxy) as eye:
        assert shows_share(eye)
        removing = asyncio.create_task(router.set_share(ROUTE, Slot.B, ZERO))
        await until(lambda: not shows_share(eye), "the share to be gone", 1.5)
    await removing
    assert (await router.read(ROUTE)).override_slot is None


async def test_a_spare_that_leads_to_the_process_before_a_reload_does_no_harm(haproxy: HAProxyRig) -> None:
    """The removal counts where it was said on a new connection: in the process that serves now."""
    router = of(haproxy)
    await router.set_share(ROUTE, Slot.B, Share(1_000))
    await router.read(ROUTE)
    await until(lambda: router.spare.ready, "the spare connection")
    await asyncio.to_thread(haproxy.engine.reload)
    await router.set_share(ROUTE, Slot.B, Share(1_000))
    await router.set_share(ROUTE, Slot.B, ZERO)
    assert (await router.read(ROUTE)).override_slot is None


async def test_the_spare_comes_back_after_use(haproxy: HAProxyRig) -> None:
    """A second removal has one too."""
    router = of(haproxy)
    for _ in range(2):
        await router.set_share(ROUTE, Slot.B, Share(1_000))
        await router.read(ROUTE)
        await until(lambda: router.spare.ready, "the spare connection")
        await router.set_share(ROUTE, Slot.B, ZERO)
