"""A hold of the fleet in a real daemon that is killed: still there for everybody after the start, by the same name."""

from __future__ import annotations

import grp
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.ctl.exits import Failure
from rolloutd.simdemo.stories import STORIES, config_text, spec
from tests.e2e.house import House


@pytest.fixture
def house() -> Iterator[House]:
    """The real daemon on a router and a source in memory."""
    with tempfile.TemporaryDirectory(prefix="ro") as name:  # short: a socket's path may have 107 bytes
        place = Path(name)
        found = House(place, config_text(place, grp.getgrgid(os.getegid()).gr_name))
        found.start()
        try:
            yield found
        finally:
            found.stop()


def test_a_hold_outlives_a_killed_daemon_and_nothing_starts_while_it_lasts(house: House) -> None:
    """I2, I4, I13: list says by whom, a start is refused with 6, a release opens it again, and the chain is whole."""
    done = house.client.post("hold", body={"reason": "the data centre is on fire"})
    assert (done["action"], done["router_confirmed"]) == ("hold", True)
    house.program.signal(signal.SIGKILL)
    house.program.stop()
    house.start()
    held = house.client.get("rollouts")["held"]
    assert (held["by"], held["reason"]) == (done["by"], "the data centre is on fire")
    with pytest.raises(Failure) as refused:
        house.client.post("rollouts", body={"spec": dict(spec(STORIES[0], "x", "v1", "v2")), "reason": ""})
    assert refused.value.exit_code == 6
    assert "data centre" in str(refused.value.problem["message"])
    listed = house.ctl("list")
    assert listed.stdout.startswith(f"HOLD by {done['by']}")
    assert house.ctl("release", "--reason", "it is out", "--yes").returncode == 0
    assert house.client.get("rollouts")["held"] is None
    house.stop()
    said = house.run_beside("audit", "verify")
    assert said.returncode == 0, said.stdout + said.stderr
