"""A changed plan taken over by a running rollout on a real HAProxy, by the command line, and kept across a kill."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.paper import STAGES, spec
from tests.e2e.sites import FIRST, NAME, haproxy_site

pytestmark = pytest.mark.real
REASON = "its owner wants one more step before the half"


async def test_a_changed_plan_is_adopted_by_command_only(tmp_path: Path) -> None:
    """I14: the file that changed what is judged is refused; the one that changed the steps to come is kept."""
    with haproxy_site(tmp_path, lease="60s") as site:
        house, file = site.house, tmp_path / "changed.toml"
        await site.begin(spec("v2", stay="5m"))
        file.write_text(spec("v2", stay="5m", accept="{ difference = '30pp' }"), encoding="utf-8")
        refused = await asyncio.to_thread(house.ctl, "adopt-plan", NAME, str(file), "--yes", "--reason", REASON)
        assert refused.returncode == 6
        assert "gates cannot change while it runs" in refused.stderr
        assert "Traffic:" in refused.stderr
        more = (STAGES[0], ("quarter", "25%"), STAGES[1])
        file.write_text(spec("v2", stay="5m", stages=more), encoding="utf-8")
        done = await asyncio.to_thread(house.ctl, "adopt-plan", NAME, str(file), "--yes", "--reason", REASON)
        assert done.returncode == 0, done.stderr
        assert "after a fresh look" in done.stdout
        house.program.kill()
        await asyncio.to_thread(house.start)
        now = house.status(NAME)
        assert [stage["name"] for stage in now["stages"]] == ["canary", "quarter", "half", "watch"]
        assert await site.share() == FIRST
        (why,) = house.why(NAME, "PlanAdopted")
        assert REASON in why
