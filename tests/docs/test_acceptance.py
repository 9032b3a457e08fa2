"""The acceptance page says what was measured and nothing else, and names tests and benches that there are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench.__main__ import names
from tests.docs.acceptance import PAGE, ROOT, apart, kept, page, read_report, selected
from tests.docs.acceptance_rows import GOALS


def test_the_page_is_made_from_the_results() -> None:
    """Drift fails here: python -m tests.docs.acceptance."""
    assert PAGE.read_text(encoding="utf-8") == page(kept())


def test_all_rows_are_there_and_each_has_something_that_measures_it() -> None:
    """Numbered from 1 without a gap."""
    assert [goal.number for goal in GOALS] == list(range(1, 27))
    assert all(goal.tests or goal.benches for goal in GOALS)
    assert {bench for goal in GOALS for bench, _ in goal.benches} <= set(names())


def test_what_is_named_twice_is_run_once_and_whole() -> None:
    """A file beside one of its tests is the file; a folder beside its files is the folder."""
    assert apart(["a.py", "a.py::one", "b/c.py::two", "b"]) == ["a.py", "b"]
    assert apart(["a.py::one", "ab.py", "a.py::one_more"]) == ["a.py::one", "ab.py", "a.py::one_more"]


@pytest.mark.parametrize("test", selected())
def test_each_named_test_exists(test: str) -> None:
    """A file or folder of tests, or a function in one."""
    file, _, function = test.partition("::")
    assert (ROOT / file).exists()
    if function:
        defined = {getattr(node, "name", "") for node in ast.walk(ast.parse((ROOT / file).read_text()))}
        assert function in defined


def test_nothing_that_did_not_hold_is_kept_as_a_result() -> None:
    """A page with a failing test is not published; what was skipped is said."""
    assert all(found["failed"] == 0 for found in kept().values())


def test_a_whole_runs_report_says_what_each_named_test_came_to(tmp_path: Path) -> None:
    """What was in the run is counted; what was not is left as it was, and does not stand as none."""
    case = '<testcase classname="tests.simulation.test_seeds" name="{}">{}</testcase>'
    cases = case.format("test_a[1]", "") + case.format("test_b", "<failure/>") + case.format("test_c", "<skipped/>")
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", encoding="utf-8")
    found = read_report(report, ["tests/simulation/test_seeds.py", "tests/simulation/test_replay.py"])
    assert list(found) == ["tests/simulation/test_seeds.py"]
    counted = found["tests/simulation/test_seeds.py"]
    assert (counted["passed"], counted["failed"], counted["skipped"]) == (1, 1, 1)
