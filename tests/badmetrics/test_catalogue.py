"""R9, I3: what a source shows instead of the truth does not take a harmful challenger up.

Each row runs at one kind of gate here, a different one from row to row; ``python -m tests.badmetrics.run`` runs all.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.badmetrics.rows import ROWS, Row
from tests.badmetrics.run import HARMED, WELL, a_store, outcome
from tests.badmetrics.stage import KINDS
from tests.engines.prometheus import Prometheus

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("badmetrics")]
UP = "**goes up"
ONE_EACH = [pytest.param(row, list(KINDS)[number % len(KINDS)], id=row.name) for number, row in enumerate(ROWS)]


@pytest.fixture(scope="module")
def store() -> Iterator[Prometheus]:
    """One real Prometheus."""
    with a_store() as running:
        yield running


async def test_without_any_fault_it_goes_up_or_back_as_it_should(store: Prometheus) -> None:
    """The control: this stage does promote a healthy challenger, and takes the harmful one back."""
    kind = next(iter(KINDS))
    assert (await outcome(store, WELL, kind, others=False)).ours.startswith(UP)
    assert (await outcome(store, HARMED, kind, others=False)).ours == "back to 0%"


@pytest.mark.parametrize(("row", "kind"), ONE_EACH)
async def test_a_misleading_source_takes_nothing_up(store: Prometheus, row: Row, kind: str) -> None:
    """R9: no wrong promotion."""
    assert not (await outcome(store, row, kind, others=False)).ours.startswith(UP)
