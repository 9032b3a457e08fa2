"""A gate on drift on the screen: its figures in words where others have rates, QUIET where others pass."""

from __future__ import annotations

import pytest

from rollout_tui import figures
from rollout_tui.facts import Facts
from rollout_tui.lines import plain, width
from rollout_tui.scene import Look, Scene
from rollout_tui.strip import Step, Strip
from rollout_tui.widgets.gates import render_gates, sorted_gates
from tests.tui import worlds
from tests.tui.test_actions import led

WORDS = "PSI 0.31 (chance 0.02), JS 0.037, KS 0.18"
DRIFT = {"kind": "drift", "champion": None, "challenger": None, "range": None, "delta_kind": "psi", "words": WORDS}


@pytest.mark.parametrize("cells", [80, 120, 140])
def test_the_row_has_the_figures_in_words(cells: int) -> None:
    """No rate is invented for it, and it fits into the table's columns."""
    gates = [
        worlds.gate("answers", "quiet", 0.0, 1.0, **DRIFT | {"delta": 0.29}),
        worlds.gate("classes", "fail", 1.0, 0.7, **DRIFT | {"delta": 0.29}),
        worlds.gate("outcomes", "collecting", 0.1, 0.4, **DRIFT | {"delta": None, "words": ""}),
        worlds.ERRORS,
    ]
    scene = Scene(Facts(), 0.0, cells, 36, look=Look(ascii=True), on_rollout=True)
    rows = [plain(row).rstrip() for row in render_gates(scene, worlds.status("collecting", gates), 6)[1:]]
    by_name = {row.split()[0].lstrip("!"): row for row in rows}
    assert WORDS[:39] in by_name["answers"]
    assert "QUIET" in by_name["answers"]
    assert "FAIL" in by_name["classes"]
    assert "no answers yet" in by_name["outcomes"]
    assert "seen  40%" in by_name["outcomes"]
    assert all(width(row) <= cells for row in rows)
    bars = {row.index("|") for row in rows}
    assert len(bars) == 1, rows


def test_promoting_past_a_quiet_gate_does_not_say_that_all_pass() -> None:
    """It is asked as ever; the fact is another."""
    strip = led("promote", worlds.ready([worlds.CTR, worlds.gate("answers", "quiet", 0.0, 1.0, **DRIFT)]), "operator")
    assert isinstance(strip, Strip)
    assert strip.steps == (Step.YES,)
    assert "No gate shows harm, none is blind." in strip.facts[0]


def test_a_drift_is_sized_by_its_index_and_a_quiet_gate_stands_before_those_that_pass() -> None:
    """Where a gate is told in one phrase, too."""
    assert figures.delta(0.29, "psi") == "PSI 0.29"
    quiet = worlds.gate("answers", "quiet", 0.0, 1.0, **DRIFT)
    assert [gate.metric for gate in sorted_gates(worlds.ready([worlds.CTR, quiet]))] == ["answers", "ctr"]
