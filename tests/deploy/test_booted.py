"""The shipped units under a booted systemd with a real HAProxy: kill, hang, activation, last resort (I7, I8, I10).

One boot serves all tests here; it needs root, and about a minute.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.boot import boot
from tests.programs import SKIP_PREFIX

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.xdist_group("booted")]
Facts = dict[str, Any]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What was seen inside."""
    if os.geteuid() != 0:
        pytest.skip(SKIP_PREFIX + "root")
    found = boot(Path(tmp_path_factory.mktemp("booted")))
    assert "broke" not in found, f"{found['broke']}\n{found['log']}"
    return found


def test_it_is_up_after_boot(facts: Facts) -> None:
    """Type=notify says ready; the sockets belong to the group; the daemon is its own user."""
    assert facts["active_after_s"] >= 0
    assert facts["timer"] == "active"
    assert facts["control_socket"] == facts["view_socket"] == ["0o660", "rolloutd"]
    assert facts["user"] == "rolloutd"


def test_the_readmes_first_rollout_starts(facts: Facts) -> None:
    """The README's configuration passes doctor, and its rollout reaches 1 % on HAProxy."""
    assert facts["doctor"][0] == 0, facts["doctor"][1]
    assert facts["start"][0] == 0, facts["start"][1]
    assert facts["first_share_after_s"] >= 0, facts["log"]


def test_a_reload_is_told_and_moves_nothing(facts: Facts) -> None:
    """I10, I14: as the daemon's own user, in the unit's own hardening; a fault is in the journal with its line."""
    assert facts["reload_of_a_fault"] != 0
    assert "There is no such key. Did you mean policy?" in facts["reload_log"]
    assert facts["reload"][0] == 0, facts["reload"][1]
    assert "taken over: strategies.spare" in facts["reload_log"]
    assert facts["same_process"]
    assert facts["share_after_reload"] == 100


def test_a_kill_is_a_restart_and_moves_nothing(facts: Facts) -> None:
    """I1, I7: systemd starts it again, callers wait meanwhile, and the share stays as recorded."""
    assert facts["restarted_after_kill_s"] >= 0
    assert facts["asked_while_dead"] == 0
    assert facts["share_after_kill"] == 100


def test_a_hang_is_ended_by_the_watchdog(facts: Facts) -> None:
    """I6: a loop that does not turn is replaced, and the share stays as recorded."""
    assert facts["restarted_after_hang_s"] >= 0
    before, after = facts["restarts"]
    assert int(after) == int(before) + 1
    assert facts["watchdog_in_log"]
    assert facts["share_after_hang"] == 100


def test_who_is_asking_comes_from_the_kernel(facts: Facts) -> None:
    """I10, under the real unit: a stranger is not let in, a member of the group looks, an operator acts."""
    assert facts["stranger"][0] == 7, facts["stranger"][1]
    assert facts["viewer_looks"] == 0
    assert facts["viewer_pauses"] == 7
    assert facts["operator_pauses"] == 0


def test_whoever_connects_starts_a_stopped_daemon(facts: Facts) -> None:
    """Socket activation: the question waits and is answered."""
    assert facts["stopped"] == "inactive"
    assert facts["asked_while_stopped"] == 0
    assert facts["active_again"] == "active"


def test_without_a_daemon_the_timer_takes_the_share_back(facts: Facts) -> None:
    """I7, I8: the share is 0 long before the lease ends, and the daemon that comes back holds it there."""
    assert facts["share_without_a_daemon"] == 100
    assert facts["zero_after_s"] >= 0, facts["emergency_log"]
    assert "ranker: 1% taken back; slot a serves everything." in facts["emergency_log"]
    assert facts["held_after_s"] >= 0, facts["log"]
    assert facts["share_at_the_end"] == 0


def test_no_request_failed(facts: Facts) -> None:
    """None of all this was felt by a user."""
    assert facts["requests"] > 100
    assert facts["failed"] == 0, facts["failures"]
