"""A scripted daemon for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.tui.fake_daemon import FakeDaemon


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the screen writes (copies, reports) is the test's, not the home folder's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
async def daemon() -> AsyncIterator[FakeDaemon]:
    """A daemon on two sockets in a folder whose name is short enough for a socket."""
    with TemporaryDirectory(prefix="roll-") as folder:
        fake = FakeDaemon(Path(folder))
        await fake.start()
        yield fake
        await fake.stop()
