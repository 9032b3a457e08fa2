"""`rollout reload` and SIGHUP on a real daemon process: what counts, what waits, what is refused, and the way back."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from rolloutd.core.values import ZERO
from rolloutd.ctl.exits import Failure
from rolloutd.simdemo.stories import STORIES, spec
from tests.e2e.house import House
from tests.e2e.paper import spec as paper
from tests.e2e.sites import FIRST, NAME, haproxy_site
from tests.engines.processes import wait_until

ALWAYS = 'freeze.weekly = ["mon 00:00 - mon 00:00"]\n'


def frozen(house: House, more: str = "") -> str:
    """The configuration with a freeze that never ends."""
    return house.file.read_text().replace("[policy]\n", f"[policy]\n{ALWAYS}", 1) + more


def begin(house: House, name: str) -> str:
    """Ask for a rollout; the refusal's words, or nothing."""
    try:
        house.client.post("rollouts", body={"spec": dict(spec(STORIES[1], name, "v1", "v2")), "reason": ""})
    except Failure as failure:
        return str(failure.problem["message"])
    return ""


def test_a_new_freeze_counts_at_once_and_a_router_waits(house: House) -> None:
    """I4, I14: said by key, on record with who asked, the start refused by the new rule, and the chain is whole."""
    house.file.write_text(frozen(house).replace('lease = "10s"', 'lease = "11s"'))
    done = house.ctl("reload", "--reason", "the sale begins", "--json")
    assert done.returncode == 0, done.stderr
    found = house.client.post("reload", body={"reason": "once more"})
    assert (found["taken"], found["needs_restart"]) == ([], ["routers.made-up.lease"])
    assert "policy.freeze.weekly" in done.stdout
    assert "freeze lasts" in begin(house, "one-v2")
    house.stop()
    said = house.run_beside("audit", "verify")
    assert said.returncode == 0, said.stdout + said.stderr
    house.start()
    assert "freeze lasts" in begin(house, "one-v2")


def test_a_fault_is_refused_and_the_daemon_goes_on(house: House) -> None:
    """Exit 2 with file, line and the nearest key; nothing of the file counts, not even its good lines."""
    good = house.file.read_text()
    house.file.write_text(frozen(house, "\n[polcy]\n"))
    refused = house.ctl("reload")
    assert refused.returncode == 2
    assert "There is no such key. Did you mean policy?" in refused.stderr
    assert f"{house.file} was refused as a whole" in refused.stderr
    assert "freeze" not in begin(house, "one-v2")
    house.file.write_text(good)
    assert "nothing has changed" in house.ctl("reload").stdout


@pytest.mark.real
async def test_a_live_rollout_keeps_its_share_and_its_plan_and_is_aborted_as_ever(tmp_path: Path) -> None:
    """I2, I8, I14 on a real HAProxy: SIGHUP with a policy that would forbid its plan; then a kill, and an abort."""
    with haproxy_site(tmp_path, lease="60s") as site:
        house = site.house
        await site.begin(paper("v2", stay="5m"))
        plan = house.client.get("rollouts", NAME, "plan")
        text = house.file.read_text()
        house.file.write_text(text.replace("[policy]\n", f"[policy]\n{ALWAYS}").replace('"200ms"', '"9m"'))
        house.program.signal(signal.SIGHUP)
        told = "the configuration was read again"
        await asyncio.to_thread(
            wait_until, lambda: any(told in why for why in house.why(NAME, "WindowRestarted")), told
        )
        assert await site.share() == FIRST
        assert house.client.get("rollouts", NAME, "plan") == plan
        await asyncio.to_thread(house.wait_for, NAME, lambda now: "freeze" in now["blocked_by"], "the freeze")
        house.program.kill()
        await asyncio.to_thread(house.start)
        assert await site.share() == FIRST
        await asyncio.to_thread(house.act, NAME, "abort", wait_s=10)
        await site.shows(ZERO)
