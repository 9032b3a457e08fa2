"""The pages on safety name what there is: tests, series of the daemon, keys of its log, the steps of the README."""

from __future__ import annotations

import json
import logging
import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from rolloutd.gauges import Gauges, Pulse
from rolloutd.logs import JsonLines
from rolloutd.server_metrics import ServerMetrics
from tests.core.playbook import Playbook
from tests.docs.pages import README, ROOT, blocks

DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", ["threat-model.md", "safety.md"])
def test_every_named_test_exists(page: str) -> None:
    """A promise is shown by something that can be run."""
    named = re.findall(r"`(tests/[\w/]+(?:\.py)?)`", (DOCS / page).read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


async def test_every_series_is_on_the_page_and_no_other() -> None:
    """What /metrics serves and docs/monitoring.md tells of are the same."""
    registry = CollectorRegistry()
    metrics = ServerMetrics(registry)
    metrics.requests.labels("view", "GET", "200").inc()
    gauges = Gauges(registry)
    book = Playbook().run(8)
    await gauges.beat(Pulse(1_000, "1", may_raise=True, broken=False, head_seq=3, verified_wall_ms=5), {"r": book.lane})
    served = set(re.findall(r"^# TYPE (\w+) ", generate_latest(registry).decode(), re.MULTILINE))
    served = {name for name in served if not name.endswith("_created")}
    told = set(re.findall(r"`(rolloutd_\w+?)(?:\{[\w,]+\})?`", (DOCS / "monitoring.md").read_text(encoding="utf-8")))
    assert told == served


def test_a_line_of_the_log_is_as_the_page_says() -> None:
    """One object a line, its first keys in the page's order, control characters escaped."""
    page = (DOCS / "monitoring.md").read_text(encoding="utf-8").split("## The log")[1]
    keys = re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
    record = logging.makeLogRecord(
        {"name": "rolloutd.loop", "levelno": 30, "levelname": "WARNING", "msg": "re\x1bfused"}
    )
    record.rollout, record.revision = "r", 3
    line = JsonLines().format(record)
    assert "\x1b" not in line
    assert "\n" not in line
    found = json.loads(line)
    assert list(found)[:4] == keys[:4] == ["at", "level", "from", "what"]
    assert found["at"].endswith("+00:00")
    assert (found["level"], found["rollout"], found["revision"]) == ("warning", "r", 3)


def test_installing_is_told_alike_in_both_places() -> None:
    """The README's steps are the page's: one of them would be old otherwise."""
    readme = next(block for block in blocks(README.read_text(encoding="utf-8"), "sh") if "venv /opt/rolloutd" in block)
    page = "".join(blocks((DOCS / "install.md").read_text(encoding="utf-8"), "sh"))
    assert [line for line in readme.splitlines() if line not in page.splitlines()] == []
