"""`rollout plan recommend FILE`: the traffic is the route's own, as the daemon measures it; without one it says so."""

from __future__ import annotations

from pathlib import Path

from rolloutd.core.forecast.values import MetricTraffic
from rolloutd.core.values import Share
from rolloutd.foretold import foretell
from tests.ctl.running import rollout
from tests.rehearsal.plans import spec
from tests.server.running import Running

TEXT = '[rollout]\nmodel = "new"\n'


async def test_the_daemon_measures_and_the_rules_answer(server: Running, tmp_path: Path) -> None:
    """20 requests a second at 1 %, in bursts of 2: too little for 1 %; the answer says so with the measured figure."""
    file = tmp_path / "new.toml"
    file.write_text(TEXT)
    _, outlook = foretell(spec(), {"errors": MetricTraffic(20.0, 0.01, 2.0)}, Share(500), {"errors": "measured"})
    server.service.outlook = outlook
    ran = await rollout(server.directory, "plan", "recommend", str(file), "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["strategy"] in ("larger-first-share", "shadow-canary")
    assert "at 20 requests a second 1% needs" in ran.json()["because"]
    assert server.service.starts[-1][2]  # a dry run


async def test_what_cannot_be_measured_is_said(server: Running, tmp_path: Path) -> None:
    """No traffic is neither little nor enough."""
    file = tmp_path / "new.toml"
    file.write_text(TEXT)
    _, server.service.outlook = foretell(spec(), {}, Share(500), {})
    ran = await rollout(server.directory, "plan", "recommend", str(file))
    assert ran.code == 2
    assert "could not be measured" in ran.err
