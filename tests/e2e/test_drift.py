"""Drift on a real Envoy: two servers log what they answer, and the daemon reads how the answers are distributed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.core.values import Slot
from tests.e2e.paper import spec
from tests.e2e.sites import NAME, Site, envoy_site
from tests.engines.envoy import Envoy

pytestmark = pytest.mark.real
RATE = 400.0
CLASSES = ", ".join(f'"label-{number}"' for number in range(10))
GATE = '[[gate]]\nmetric = "answers"\npsi = 0.2\n'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site[Envoy]]:
    """Both servers fail one request in fifty and log ten classes of answers, each as often as the others."""
    logs = ", ".join(f'{{ path = "{tmp_path}/{slot}.jsonl" }}' for slot in Slot)
    more = (
        f'[sources.log]\nkind = "predictions"\nevery = "500ms"\nscrape_interval = "2s"\nfiles = [{logs}]\n'
        f'[metrics.answers]\ntemplate = "answers.drift"\nsource = "log"\nclasses = [{CLASSES}]'
    )
    for slot in Slot:
        (tmp_path / f"{slot}.jsonl").touch()
    with envoy_site(tmp_path, failure_rate=0.02, more=more, logs=True) as site:
        yield site


async def test_a_challenger_that_answers_one_class_too_often_goes_back(site: Site[Envoy]) -> None:
    """I3: it fails no more than the champion and answers all requests; half of them with the same class."""
    house = site.house
    site.servers[Slot.B].favour_rate = 0.5
    async with site.load(RATE) as tally:
        await site.begin(spec("v2", stay="1m") + GATE)
        ended = await asyncio.to_thread(house.wait, NAME, "rolled_back")
        reading = await site.read()
    assert (reading.override_slot, reading.base) == (None, Slot.A)
    [said] = [why for why in house.why(NAME, "RecedeStarted") if "drift" in why]
    assert "answers shows harm: the answers drift, PSI " in said
    assert "above PSI 0.2; most in label-0: challenger " in said
    assert ended["outcome"] == "rolled_back"
    assert set(tally.codes) <= {200, 500}


async def test_a_challenger_that_answers_alike_is_done_and_was_quiet(site: Site[Envoy]) -> None:
    """I3: up to the end on a gate that never passes, and says so with its figures."""
    house = site.house
    async with site.load(RATE):
        await site.begin(spec("v2") + GATE)
        seen = await asyncio.to_thread(
            house.wait_for, NAME, lambda status: status["gates"][1]["state"] == "quiet", "the gate to be quiet"
        )
        await asyncio.to_thread(house.wait, NAME, "done")
    gate = seen["gates"][1]
    assert (gate["metric"], gate["kind"], gate["champion"], gate["delta_kind"]) == ("answers", "drift", None, "psi")
    assert gate["words"].startswith("PSI 0.")
    verdicts = house.why(NAME, "VerdictReached")
    assert any("errors is shown to stay within its margin" in verdict for verdict in verdicts)
    assert not any("answers" in verdict for verdict in verdicts)
