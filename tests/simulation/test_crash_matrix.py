"""I1, I2, I4, I6 at each crash point of each kind of event: it fires, nothing breaks, the router is as recorded."""

from __future__ import annotations

import pytest

from tests.simulation.crash_matrix import BEGIN, END, KINDS, LOST_REPLY, PAGE, POINTS, absent, measure, table

CELLS = [(kind, point) for kind in KINDS for point in (*POINTS, LOST_REPLY) if not absent(kind, point)]


@pytest.mark.parametrize(("kind", "point"), CELLS, ids=lambda part: str(part).replace(" ", "-"))
def test_a_kill_at_this_point_of_this_kind_breaks_nothing(kind: str, point: str) -> None:
    """R3: a cell counts only if its point fired."""
    cell = measure(kind, point)
    assert cell.fired > 0
    assert cell.wrong == ""


def test_the_page_shows_this_matrix() -> None:
    """Every cell that is tested here is ok on the page, every other one has its reason: the command is on the page."""
    words = {(kind, point): absent(kind, point) or "ok" for kind in KINDS for point in (*POINTS, LOST_REPLY)}
    page = PAGE.read_text(encoding="utf-8")
    assert page.split(BEGIN)[1].split(END)[0].strip() == table(words)
    assert len(CELLS) == 100
