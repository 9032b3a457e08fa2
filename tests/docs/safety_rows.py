"""The goals of the fault model, and which tests, benches and long runs say whether they hold. No figure stands here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SafetyGoal:
    """One goal: ``tests`` as files or node ids, ``benches`` a bench and how its row begins, ``runs`` kept long runs.

    ``still_open`` is what nothing measures, or not as much of as the goal asks for.
    """

    id: str
    what: str
    limit: str
    tests: tuple[str, ...] = ()
    benches: tuple[tuple[str, str], ...] = ()
    runs: tuple[str, ...] = ()
    still_open: str = ""


GOALS: tuple[SafetyGoal, ...] = (
    SafetyGoal(
        "R1",
        "simulated disasters on the real loop and the real journal, every commit synced: no invariant broken",
        "2,000 seeds a change, 200,000 by hand",
        ("tests/simulation/test_seeds.py", "tests/simulation/test_stores.py"),
        runs=("simulation",),
    ),
    SafetyGoal("R2", "a found seed replays byte for byte", "always", ("tests/simulation/test_replay.py",)),
    SafetyGoal(
        "R3",
        "crash points at every kind of event",
        "every cell that can exist",
        ("tests/simulation/test_crash_matrix.py",),
    ),
    SafetyGoal(
        "R4",
        "SIGKILLs on real proxies: nothing acknowledged lost, nothing raised unrecorded, no request failed",
        "2,000 by hand",
        ("tests/e2e/test_kill_loop.py",),
    ),
    SafetyGoal("R5", "power cuts: nothing acknowledged lost", "10,000 by hand", ("tests/journal/test_power_cut.py",)),
    SafetyGoal(
        "R6",
        "single flipped bits in the journal: found, none silently used",
        "99.9 % in events' data",
        ("tests/journal/test_bit_flips.py", "tests/journal/test_damage.py"),
    ),
    SafetyGoal(
        "R7",
        "abort: command to the router read back, also with metrics, registry and notifier dead, a full disk, a flood",
        "p99 100 ms; 1 s with a full disk",
        ("tests/e2e/test_abort_under_fault.py",),
        (("abort", ""),),
    ),
    SafetyGoal(
        "R8",
        "after a single fault the router equals the record",
        "within 2 ticks",
        ("tests/simulation/test_seeds.py", "tests/e2e/test_router_changes.py"),
    ),
    SafetyGoal(
        "R9",
        "bad metrics: wrong promotions",
        "0",
        ("tests/badmetrics/test_catalogue.py",),
        runs=("badmetrics",),
    ),
    SafetyGoal(
        "R10",
        "good rollouts taken back although one look in a hundred fails",
        "1 in 1,000 over a week",
        ("tests/core/test_a_week.py",),
    ),
    SafetyGoal(
        "R11",
        "start of the daemon with a million events",
        "5 s",
        benches=(("restart", "start with snapshots"),),
    ),
    SafetyGoal(
        "R12", "the daemon is gone: share 0, no request failed", "lease + 1 s", ("tests/e2e/test_daemon_gone.py",)
    ),
    SafetyGoal("R13", "mutants of what decides, killed", "95 %", ("tests/bench/test_mutation.py",), runs=("mutation",)),
    SafetyGoal(
        "S1",
        "every verb for every role, and forged identities",
        "refused and on record",
        ("tests/server/test_permission_matrix.py", "tests/server/test_roles.py", "tests/server/test_access.py"),
    ),
    SafetyGoal(
        "S2",
        "wrong texts for every reader and both sockets",
        "10,000,000, none breaks or hangs, 32 MiB",
        ("tests/fuzz/test_fuzz.py",),
        runs=("fuzz",),
    ),
    SafetyGoal(
        "S3",
        "a hostile user floods a socket; aborts get through",
        "10,000 connections, 60 s; p99 250 ms, 256 MiB, 1 MiB of log",
        ("tests/server/test_flood.py", "tests/server/test_limits.py", "tests/e2e/test_flooded.py"),
    ),
    SafetyGoal("S4", "exposure of the shipped units by systemd's word", "1.5", ("tests/deploy/test_units.py",)),
    SafetyGoal(
        "S5",
        "addresses, redirects, markup and query injection",
        "all refused",
        (
            "tests/notify/test_addresses.py",
            "tests/notify/test_outbound.py",
            "tests/ctl/test_plain.py",
            "tests/adapters/metrics/test_prometheus.py::test_arms_are_quoted",
        ),
    ),
    SafetyGoal(
        "S6",
        "planted secrets in any output",
        "0",
        ("tests/notify/test_secrets.py", "tests/settings/test_secrets.py"),
    ),
    SafetyGoal(
        "S7",
        "share changes without one intent and one outcome",
        "0",
        ("tests/core/test_audit.py", "tests/journal/test_proof.py"),
    ),
    SafetyGoal(
        "S8",
        "linters for security, strict types, hashes of all packages",
        "nothing open",
        ("tests/test_package.py",),
        still_open="known vulnerabilities of dependencies are not looked up: that needs a service outside",
    ),
)
