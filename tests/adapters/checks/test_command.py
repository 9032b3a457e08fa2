"""The command check on real processes: its end is its word, and whatever it started ends with it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from rollout_adapters.checks.command import OUTPUT_MAX_BYTES, make
from rollout_adapters.memory import MemoryProber
from rollout_adapters.options import BadOption
from rolloutd.core.values import Slot
from rolloutd.ports import Case, CheckFinding

CASE = Case("ranker-v42", "ranker", "v41", "v42; touch /tmp/x", "ranker", Slot.B)


async def run(script: str, **options: object) -> CheckFinding:
    """What a shell script as a check finds."""
    check = make("schema", {"argv": ["/bin/sh", "-c", script], **options}, MemoryProber({}))
    return await check.examine(CASE)


async def test_exit_zero_is_a_pass_and_its_words_are_kept() -> None:
    """What it says last is in the finding; any other status is a no."""
    found = await run("echo loading; echo schema fits >&2")
    assert (found.answered, found.passed) == (True, True)
    assert found.detail.endswith("status 0: loading\nschema fits")
    for script in ("exit 3", "kill -9 $$"):
        assert not (await run(script)).passed


async def test_the_rollout_is_told_as_text_and_never_as_a_command(tmp_path: Path) -> None:
    """I12: hostile versions stay words; of the daemon's own environment nothing is seen (I15)."""
    os.environ["ROLLOUTD_SECRET_OF_OURS"] = "planted"
    try:
        found = await run(
            'printf "%s|%s|%s" "$ROLLOUT_CHALLENGER" "$MINE" "$(env | grep -c planted)"', env={"MINE": "x"}
        )
    finally:
        del os.environ["ROLLOUTD_SECRET_OF_OURS"]
    assert found.detail.endswith("v42; touch /tmp/x|x|0")


async def test_too_much_output_ends_it() -> None:
    """A command that never stops writing costs no memory and does not pass."""
    found = await run("yes")
    assert not found.passed
    assert f"more than {OUTPUT_MAX_BYTES >> 10} KiB" in found.detail


async def test_cancelling_kills_all_that_it_started(tmp_path: Path) -> None:
    """A deadline or an abort leaves no process behind, also none that it put into the background."""
    note = tmp_path / "pid"
    running = asyncio.create_task(run(f"sleep 600 & echo $! > {note}.new; mv {note}.new {note}; wait"))
    async with asyncio.timeout(30):
        while not note.exists():
            await asyncio.sleep(0.01)
    child = int(note.read_text())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with asyncio.timeout(30):
        while _alive(child):
            await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the second one where it ends between opening and reading
        return False
    return state != "Z"  # a container's first process may not reap; what is a zombie runs no more


async def test_a_program_that_is_not_there_is_a_no() -> None:
    """The sentence names it."""
    found = await make("x", {"argv": ["/nowhere/at/all"]}, MemoryProber({})).examine(CASE)
    assert (found.answered, found.passed) == (True, False)
    assert "/nowhere/at/all cannot be run" in found.detail


@pytest.mark.parametrize("options", [{}, {"argv": []}, {"argv": ["check-schema"]}, {"argv": ["/bin/x"], "shell": True}])
def test_options_that_are_none(options: dict[str, object]) -> None:
    """A program by its whole path, and nothing that it does not know."""
    with pytest.raises(BadOption):
        make("x", options, MemoryProber({}))
