"""Where a demo runs in the tests; whatever a test does, nothing of it may be left at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.demo.place import GONE_WITHIN_S, Place
from tests.engines.processes import wait_until
from tests.programs import needs


@pytest.fixture
def place() -> Iterator[Place]:
    """A place for one demo, in which nothing may be left at the end. Its path is short: sockets will lie in it."""
    needs("envoy")
    with TemporaryDirectory(prefix="demo-") as folder:
        found = Place(Path(folder))
        yield found
        wait_until(lambda: not found.left_behind(), f"{found.left_behind()} being gone", GONE_WITHIN_S)
