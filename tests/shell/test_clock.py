"""The rollout clock over restarts of the daemon and of the host, on the real kernel clock."""

from __future__ import annotations

from rolloutd.clock import UNKNOWN, BoottimeClock, ClockReading, boottime_ms, host_boot_id

LONG_AGO_MS = 3_600_000


def kept(boot_id: str) -> ClockReading:
    """What a daemon kept an hour of the host ago, when the rollout clock showed five seconds."""
    return ClockReading(5_000, boot_id, boottime_ms() - LONG_AGO_MS)


def test_the_time_between_counts_when_only_the_daemon_was_away() -> None:
    """The same boot id: the host ran on, so the clock did too."""
    clock = BoottimeClock(kept(host_boot_id()))
    assert not clock.rebooted
    assert clock.now().clock_ms >= 5_000 + LONG_AGO_MS


def test_the_time_between_does_not_count_when_the_host_was_off() -> None:
    """Another boot id: the clock goes on where it was kept, whatever the kernel's clock shows now."""
    clock = BoottimeClock(kept("of another run"))
    assert clock.rebooted
    assert 5_000 <= clock.now().clock_ms < LONG_AGO_MS


def test_a_hidden_boot_id_counts_as_a_host_that_was_off() -> None:
    """Nobody can say whether the host ran on: time stands still, and what the router lost is a lapse."""
    for before in (UNKNOWN, host_boot_id()):
        clock = BoottimeClock(kept(before), boot_id=UNKNOWN)
        assert clock.rebooted
        assert clock.now().clock_ms < LONG_AGO_MS


def test_what_is_kept_leads_on_without_a_step() -> None:
    """A reading handed to the next process gives a clock that goes on from it."""
    first = BoottimeClock(kept("of another run"))
    second = BoottimeClock(first.reading())
    assert not second.rebooted
    assert 0 <= second.now().clock_ms - first.now().clock_ms + 1_000 <= 2_000
