"""Replacing a small file: whole or not at all, one writer at a time, and not for a caller who has left."""

from __future__ import annotations

import asyncio
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rollout_adapters.files import Overtaken, locked, rewrite, rewrite_in_thread


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    """The proxy that could read the old one can read the new one; nothing but the lock lies beside it."""
    file = tmp_path / "base.map"
    file.write_text("old\n", encoding="utf-8")
    file.chmod(0o640)
    assert rewrite(file, str.upper) == "OLD\n"
    assert file.read_text(encoding="utf-8") == "OLD\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"base.map", "base.map.lock"}


def test_a_missing_file_reads_as_empty(tmp_path: Path) -> None:
    """The first write makes it."""
    assert rewrite(tmp_path / "new", lambda text: text + "first\n") == "first\n"


def test_a_failing_edit_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """And gives the lock back."""
    file = tmp_path / "f"
    file.write_text("old", encoding="utf-8")

    def fail(_: str) -> str:
        raise KeyError("x")

    with pytest.raises(KeyError):
        rewrite(file, fail)
    with pytest.raises(Overtaken):
        rewrite(file, str.upper, lambda: False)
    assert file.read_text(encoding="utf-8") == "old"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    rewrite(file, str.upper)


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    """Each adds a line to what it finds; all lines are there."""
    file = tmp_path / "f"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: rewrite(file, lambda text: f"{text}{number}\n"), range(60)))
    assert sorted(int(row) for row in file.read_text(encoding="utf-8").splitlines()) == list(range(60))


def test_a_lock_that_another_holds_is_told_in_time(tmp_path: Path) -> None:
    """Waiting ends with an error that names the file."""
    with locked(tmp_path / "f"), pytest.raises(TimeoutError, match="locked"), locked(tmp_path / "f", wait_s=0.05):
        pass


async def test_a_caller_who_left_writes_nothing(tmp_path: Path) -> None:
    """Cancelled while it waits for the lock, the thread leaves the file alone when it gets it."""
    file = tmp_path / "f"
    file.write_text("old", encoding="utf-8")
    with ThreadPoolExecutor(1) as threads:
        with locked(file):
            writing = asyncio.create_task(rewrite_in_thread(file, str.upper, threads=threads))
            await asyncio.sleep(0)
            writing.cancel()
            await asyncio.wait([writing])
        threads.submit(lambda: None).result()
    assert file.read_text(encoding="utf-8") == "old"


def test_bytes_that_are_no_text_are_kept_as_they_are(tmp_path: Path) -> None:
    """I2: a power cut leaves such; the error came through a router's return to zero, and ended the daemon."""
    file = tmp_path / "base.map"
    file.write_bytes(b"# \xff\xfe\nranker a\n")
    rewrite(file, lambda text: text.replace("ranker a", "ranker b"))
    assert file.read_bytes() == b"# \xff\xfe\nranker b\n"
