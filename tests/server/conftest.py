"""A running server on real sockets in a temporary folder, and a client that can be as rude as a test needs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.server.fake_service import FakeService, picture
from tests.server.running import Running, running


@pytest.fixture
def service() -> FakeService:
    """Two rollouts: fraud-score of the model fraud, and ranker."""
    return FakeService(picture("fraud-score", "fraud"), picture("ranker"))


@pytest.fixture
async def server(service: FakeService) -> AsyncIterator[Running]:
    """The real server in this test's loop."""
    async with running(service) as started:
        yield started
