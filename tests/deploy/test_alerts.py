"""The shipped alert rules: promtool's word on them, their borders, and a dead man's alert from real programs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.paper import spec
from tests.e2e.sites import NAME, haproxy_site
from tests.engines.processes import free_port, wait_until
from tests.engines.prometheus import Prometheus
from tests.programs import needs

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "alerts.yml"
PAGE = ROOT / "docs" / "monitoring.md"

pytestmark = pytest.mark.real


def promtool(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One run of promtool."""
    needs("prometheus")
    return subprocess.run([needs("promtool"), *words], cwd=folder, capture_output=True, text=True, check=False)


def names() -> set[str]:
    """Every alert there is."""
    return set(re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8")))


def test_prometheus_has_nothing_to_say_against_the_rules(tmp_path: Path) -> None:
    """``promtool check rules``."""
    done = promtool("check", "rules", str(RULES), folder=tmp_path)
    assert (done.returncode, "SUCCESS" in done.stdout) == (0, True), done.stderr


def test_each_rule_fires_at_its_border_and_not_before(tmp_path: Path) -> None:
    """``promtool test rules`` on every one of them."""
    tests = (Path(__file__).parent / "alerts_test.yml").read_text(encoding="utf-8")
    shutil.copy(RULES, tmp_path / "alerts.yml")
    (tmp_path / "test.yml").write_text(tests)
    done = promtool("test", "rules", "test.yml", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert names() - {"RolloutdRouterDisobeys", "RolloutdDrift", "RolloutdBlind"} <= set(
        re.findall(r"Rolloutd\w+", tests)
    )


def test_the_page_tells_of_every_alert() -> None:
    """What it means and what to do stands where people look."""
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(names()) if name not in page] == []


@pytest.mark.slow
def test_the_dead_mans_alert_fires_when_the_daemon_is_gone_and_ends_with_its_return(tmp_path: Path) -> None:
    """A real Prometheus scrapes a real daemon; the shipped rules with seconds for minutes."""
    rules = RULES.read_text(encoding="utf-8").replace("> 60)", "> 3)").replace("for: 1m\n", "for: 1s\n")
    port = free_port()
    with haproxy_site(tmp_path) as site:
        house = site.house
        house.file.write_text(house.file.read_text().replace("[daemon]", f"[daemon]\nmetrics_port = {port}"))
        house.start()
        house.begin(spec("v2", stay="5m"))
        with Prometheus(tmp_path, [(f"127.0.0.1:{port}", {})], scrape_s=0.5, rules=rules) as watching:
            wanted = f'rolloutd_share_ratio{{rollout="{NAME}",which="confirmed"}} > 0'
            wait_until(lambda: bool(watching.query(wanted)), "the share in Prometheus", 60)
            wait_until(lambda: "RolloutdSilent" not in watching.firing(), "quiet", 60)
            house.program.kill()
            wait_until(lambda: "RolloutdSilent" in watching.firing(), "the dead man's alert", 60)
            house.start()
            wait_until(lambda: "RolloutdSilent" not in watching.firing(), "the end of the alert", 60)
