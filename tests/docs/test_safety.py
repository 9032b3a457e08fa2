"""The table of goals says what was measured and nothing else, and names tests and benches that there are."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import names
from tests.docs.pages import ROOT
from tests.docs.safety import (
    BEGIN,
    BEGIN_PLANTED,
    END,
    PAGE,
    add_up,
    fuzzed,
    keep_long,
    kept,
    planted,
    promoted,
    selected,
    table,
)
from tests.docs.safety_rows import GOALS


def test_the_page_is_made_from_the_results() -> None:
    """Drift fails here: python -m tests.docs.safety."""
    page = PAGE.read_text(encoding="utf-8")
    assert page.split(BEGIN)[1].split(END)[0].strip() == table(kept())
    assert page.split(BEGIN_PLANTED)[1].split(END)[0].strip() == planted(kept())


def test_every_goal_of_the_fault_model_is_there() -> None:
    """R1 to R13 and S1 to S8, each with something that measures it."""
    assert [goal.id for goal in GOALS] == [f"R{k}" for k in range(1, 14)] + [f"S{k}" for k in range(1, 9)]
    assert all(goal.tests or goal.benches or goal.runs for goal in GOALS)
    assert {bench for goal in GOALS for bench, _ in goal.benches} <= set(names())


@pytest.mark.parametrize("test", selected())
def test_each_named_test_exists(test: str) -> None:
    """A file of tests, or a function in one."""
    file, _, function = test.partition("::")
    assert (ROOT / file).exists()
    if function:
        assert function in {getattr(node, "name", "") for node in ast.walk(ast.parse((ROOT / file).read_text()))}


REPORT = """<testsuites><testsuite><testcase classname="tests.journal.test_power_cut" name="test_x">
<properties><property name="figure" value="10,000 cuts"/></properties>{more}</testcase></testsuite></testsuites>"""


def test_a_run_by_hand_stays_beside_the_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its own figures and command; one with a failed test is not kept."""
    test, report, found = "tests/journal/test_power_cut.py", tmp_path / "r.xml", dict[str, dict[str, Any]]()
    monkeypatch.setenv("ROLLOUTD_POWER_CUTS", "10000")
    report.write_text(REPORT.format(more=""), encoding="utf-8")
    keep_long(test, ["abc1234", str(report)], found)
    assert found["long"][test]["figures"] == ["10,000 cuts"]
    assert found["long"][test]["command"].endswith(f"ROLLOUTD_POWER_CUTS=10000 ./dev test {test}")
    row = next(line for line in table({"tests": {}, "runs": {}, **found}).splitlines() if line.startswith("| R5 "))
    assert "by hand: 10,000 cuts" in row
    assert "tests not run yet" in row
    report.write_text(REPORT.format(more="<failure/>"), encoding="utf-8")
    with pytest.raises(ValueError, match="1 failed"):
        keep_long(test, ["abc1234", str(report)], found)


def test_a_broken_run_is_no_figure(tmp_path: Path) -> None:
    """Neither a seed that broke something nor a fuzz that did not end well can be kept."""
    chunk = {"seeds": 300, "simulated_hours": 1.5, "events": 10, "failed_seeds": []}
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(json.dumps(chunk))
    bad.write_text("seed 7 broke\n" + json.dumps({**chunk, "failed_seeds": [7]}))
    assert add_up([str(good), str(good)]).startswith("600 seeds on doubles in memory, 3 simulated hours, 20 events")
    good.write_text(json.dumps({**chunk, "store": "sqlite", "file_system": "tmpfs"}))
    assert add_up([str(good)]).startswith("300 seeds on sqlite (tmpfs), ")
    with pytest.raises(ValueError, match="7"):
        add_up([str(good), str(bad)])
    assert (
        fuzzed("  x  1 inputs  ok\n  1,000 inputs, 0 broke; memory grew 3 MiB\n")
        == "1,000 inputs, 0 broke; memory grew 3 MiB"
    )
    row = "| a | b | c | d | e | f |\n| **wrong promotions** | of 84 | {} | 7 | 14 | 31 |\n"
    assert promoted(row.format(0)).startswith("84 rows by kinds of gate, 0 wrong promotions;")
    with pytest.raises(ValueError, match="2 wrong"):
        promoted(row.format(2))
    with pytest.raises(ValueError, match="no clean end"):
        fuzzed("1,000 inputs, 1 broke; memory grew 3 MiB")
