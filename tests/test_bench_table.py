"""A bench's table says what was measured, what was wanted, and never calls a missing figure a good one."""

from __future__ import annotations

import json

from bench.__main__ import main
from bench.table import Row, as_json, as_text

ROWS = [Row.at_most("abort p50", 1.234, "ms", 2.5), Row.at_least("ratio", 29, "x", 30), Row("floor", 0.5, "ms")]


def test_the_table_lines_up_and_says_which_goal_was_missed() -> None:
    """One line a figure: name, figure, unit, goal, and a word where a goal was set."""
    assert as_text("abort", ROWS).splitlines() == [
        "bench abort",
        "                       goal",
        "  abort p50  1.234 ms  <= 2.5  ok",
        "  ratio         29 x   >= 30   MISSED",
        "  floor        0.5 ms  -",
    ]


def test_the_json_line_is_one_object_with_five_keys_a_row() -> None:
    """Scripts read name, value, unit, goal and ok of each row."""
    answer = json.loads(as_json("abort", ROWS))
    assert answer["bench"] == "abort"
    assert answer["rows"][0] == {"name": "abort p50", "value": 1.234, "unit": "ms", "goal": "<= 2.5", "ok": True}
    assert answer["rows"][2]["ok"] is None


def test_a_figure_that_could_not_be_measured_fails_its_goal() -> None:
    """No value is not a zero: neither kind of goal is met by it."""
    assert Row.at_most("x", None, "s", 1).ok is False
    assert Row.at_least("x", None, "s", 1).ok is False


def test_an_unknown_bench_is_refused_with_the_known_names() -> None:
    """A wrong name measures nothing and ends with 2."""
    assert main(["no-such-bench"]) == 2
