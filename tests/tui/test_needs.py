"""What a collecting gate still needs stands beside it, where it blocks going up."""

from __future__ import annotations

from rollout_tui.facts import Facts
from rollout_tui.scene import Look, Scene
from rollout_tui.widgets.story import blocked
from tests.tui import worlds


def test_a_gate_that_blocks_says_how_much_more_it_needs() -> None:
    """Requests and time, in the words of the Stages tab; without a forecast only its state."""
    needs = {"requests": {"mean": 2_104.4, "p90": 4_000.0}, "time_s": {"mean": 2_100.0, "p90": 4_000.0}}
    gate = worlds.gate("errors", "collecting", 0.0, 0.4)
    scene = Scene(Facts(), 0.0, 120, 36, look=Look(ascii=True), on_rollout=True)
    told = worlds.status("collecting", [gate.model_validate({**gate.model_dump(), "needs": needs})])
    told = told.model_copy(update={"blocked_by": ["gate:errors"]})
    assert blocked(scene, told) == "errors (collecting, needs about 2,104 more, about 35m)"
    silent = worlds.status("collecting", [gate]).model_copy(update={"blocked_by": ["gate:errors"]})
    assert blocked(scene, silent) == "errors (collecting)"
