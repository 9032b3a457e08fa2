"""The sign of life that emergency-abort asks for: neither a step of the wall clock nor a full disk makes it false."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rolloutd import pulse
from rolloutd.clock import boottime_ms, host_boot_id

HOUR_S = 3_600.0


def _set_file_time(folder: Path, at_s: float) -> None:
    os.utime(folder / pulse.PULSE_FILE, (at_s, at_s))


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S, 10 * 365 * 24 * HOUR_S])
def test_a_step_of_the_wall_clock_changes_no_age(tmp_path: Path, step_s: float) -> None:
    """I7, I9: set back by an hour, a dead daemon lived for an hour more; set forward, a living one was dead."""
    pulse.give(tmp_path, host_boot_id())
    _set_file_time(tmp_path, time.time() - step_s)
    age_ms = pulse.age_ms(tmp_path)
    assert age_ms is not None
    assert age_ms < 60_000


def test_a_dead_one_grows_old_by_the_kernels_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I9: a minute later it is a minute old, whatever the file's own time says."""
    pulse.give(tmp_path, host_boot_id())
    _set_file_time(tmp_path, time.time() + HOUR_S)
    later_ms = boottime_ms() + 60_000
    monkeypatch.setattr(pulse, "boottime_ms", lambda: later_ms)
    age_ms = pulse.age_ms(tmp_path)
    assert age_ms is not None
    assert 60_000 <= age_ms < 120_000


@pytest.mark.parametrize("told", ["", "another-run-of-the-host 00000000000000000001\n", "\x00\xff", "x y z\n"])
def test_where_the_kernels_clock_tells_nothing_the_files_time_does_unless_it_lies_ahead(
    tmp_path: Path, told: str
) -> None:
    """I7, I14: a file of a daemon of before, or of before the host's start; from the future it proves no life."""
    file = tmp_path / pulse.PULSE_FILE
    file.write_text(told, encoding="latin-1")
    _set_file_time(tmp_path, time.time() - HOUR_S)
    age_ms = pulse.age_ms(tmp_path)
    assert age_ms is not None
    assert age_ms >= HOUR_S * 1000
    _set_file_time(tmp_path, time.time() + HOUR_S)
    assert pulse.age_ms(tmp_path) is None


def test_without_a_pulse_there_was_no_sign(tmp_path: Path) -> None:
    """I7: nobody ever lived here, as far as one can see."""
    assert pulse.age_ms(tmp_path) is None
