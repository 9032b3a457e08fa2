"""The databases of the tests: a new SQLite file each, and one PostgreSQL for all of a worker's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.sql.rigs import PostgresRig, Rig, SqliteRig
from tests.engines.postgres import Postgres
from tests.programs import needs


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL."""
    needs("postgres")
    with Postgres() as found:
        yield found


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Each database."""
    found: Rig = SqliteRig(tmp_path) if request.param == "sqlite" else PostgresRig(request.getfixturevalue("server"))
    yield found
    found.close()
