"""What several end-to-end tests begin with; it judges nothing."""

from __future__ import annotations

import grp
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.simdemo.stories import config_text
from tests.e2e.house import House


@pytest.fixture
def house() -> Iterator[House]:
    """The real daemon on a router and a source in memory."""
    with tempfile.TemporaryDirectory(prefix="ro") as name:  # short: a socket's path may have 107 bytes
        place = Path(name)
        found = House(place, config_text(place, grp.getgrgid(os.getegid()).gr_name))
        found.start()
        try:
            yield found
        finally:
            found.stop()
