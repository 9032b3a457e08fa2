"""The real daemon while a hostile user floods its sockets: aborts get through, and it neither grows nor fills its log.

``ROLLOUTD_FLOOD_S`` asks for a flood that goes on for so many seconds at least.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rolloutd.core.values import ZERO
from tests.e2e.house import House
from tests.e2e.paper import spec
from tests.e2e.sites import NAME, haproxy_site
from tests.server.flood import CONNECTIONS, FLOOD_S, Flood, flood
from tests.server.other_user import IS_ROOT

MOST_MIB, MOST_LOG_BYTES = 256, 1 << 20


@pytest.mark.real
@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
async def test_a_flooded_daemon_obeys_and_stays_small(record_property: Callable[[str, object], None]) -> None:
    """S3, I2, I12: both sockets at once. The first abort takes HAProxy to zero, the others find the rollout ended."""
    with tempfile.TemporaryDirectory(prefix="ro") as name, haproxy_site(Path(name)) as site:
        house = site.house
        await site.begin(spec("v2", stay="5m"))
        before = len(house.program.log())
        sockets = _open_to_others(house)
        async with flood(sockets["view"]) as first, flood(sockets["control"]) as second:
            took_s = await _aborts(house, first, second)
            assert await site.share() == ZERO
        memory_mib, log_bytes = _peak_mib(house.program.pid), len(house.program.log()) - before
    assert memory_mib < MOST_MIB
    assert log_bytes < MOST_LOG_BYTES
    p99_ms = 1000 * sorted(took_s)[len(took_s) * 99 // 100]
    record_property(
        "figure",
        f"the real daemon, {first.made + second.made:,} connections to both sockets in {sum(took_s):.0f} s: "
        f"{len(took_s)} of {len(took_s)} aborts got through, p99 {p99_ms:.0f} ms; "
        f"memory at most {memory_mib:.0f} MiB, {log_bytes / 1024:.0f} KiB of log",
    )


async def _aborts(house: House, *floods: Flood) -> list[float]:
    """Abort again and again until the floods have done their worst; how long each took."""
    took_s: list[float] = []
    began_s = time.monotonic()
    while min(one.made for one in floods) < CONNECTIONS or time.monotonic() - began_s < FLOOD_S or len(took_s) < 10:
        assert all(one.goes_on for one in floods), "a flood has ended by itself"
        asked_s = time.monotonic()
        done = await asyncio.to_thread(house.act, NAME, "abort", reason="flooded")
        took_s.append(time.monotonic() - asked_s)
        assert done["accepted"]
    return took_s


def _open_to_others(house: House) -> dict[str, str]:
    """Let everybody up to the sockets, so that what holds is the daemon and not the file system."""
    folder = house.folder / "run"
    house.folder.chmod(0o755)
    folder.chmod(0o755)
    found = {name: folder / f"{name}.sock" for name in ("view", "control")}
    for path in found.values():
        path.chmod(0o666)
    return {name: str(path) for name, path in found.items()}


def _peak_mib(pid: int) -> float:
    """The most memory that a process has used."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
