"""A hold of the fleet in a real daemon that is killed: still there for everybody after the start, by the same name."""

from __future__ import annotations

import signal

import pytest

from rolloutd.ctl.exits import Failure
from rolloutd.simdemo.stories import STORIES, spec
from tests.e2e.house import House


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
