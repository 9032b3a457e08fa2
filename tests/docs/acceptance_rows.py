"""What must hold before a version ships, and which tests and benches say so. Data only; no figure stands here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the acceptance table: ``tests`` are files or node ids, ``benches`` a bench and how its row begins.

    ``still_open`` is what nothing measures yet.
    """

    number: int
    what: str
    limit: str
    tests: tuple[str, ...] = ()
    benches: tuple[tuple[str, str], ...] = ()
    still_open: str = ""


GOALS: tuple[Goal, ...] = (
    Goal(
        1,
        "launch to the first frame with true rows, 5,000 rollouts",
        "p50 350 ms",
        tests=("tests/tui/test_first.py",),
        benches=(("tui", "first true frame"), ("tui", "a key on the first frame"), ("tui", "answered, part")),
    ),
    Goal(
        2,
        "`rollout status`, process start to exit; no screen library loaded",
        "p95 150 ms, 4 times a bare Python",
        tests=("tests/ctl/test_quick.py", "tests/ctl/test_command.py::test_status_loads_no_heavy_library"),
        benches=(("tui", "rollout status, p95"), ("tui", "rollout status, times bare python")),
    ),
    Goal(3, "key to visible reaction, also under load", "p95 50 ms", benches=(("tui", "key to visible"),)),
    Goal(
        4,
        "a command to the daemon's durable answer",
        "p95 150 ms",
        benches=(("command", "a command to its durable answer"),),
    ),
    Goal(
        5,
        "abort: command to the router read back; on every tab and size",
        "p99 100 ms",
        tests=("tests/tui/test_desk_actions.py", "tests/shell/test_loop.py"),
        benches=(("abort", ""),),
    ),
    Goal(
        6,
        "each action from the rollout's screen is one key",
        "confirmed by its risk",
        ("tests/tui/test_actions.py", "tests/tui/test_keys.py", "tests/tui/test_desk_actions.py"),
    ),
    Goal(7, "processor time of the screen", "quiet 1 %, busy 3 %, unfocused 0.5 %", benches=(("tui", "CPU"),)),
    Goal(8, "bytes to the terminal", "quiet 0.5, busy 4 KB/s", benches=(("tui", "bytes"),)),
    Goal(9, "memory at 5,000 rollouts", "80 MiB, no growth over 2 MiB", benches=(("tui", "memory"),)),
    Goal(10, "filter at 5,000 rows, a letter", "p95 50 ms", benches=(("tui", "filter"),)),
    Goal(
        11,
        "what is old never looks live: daemon stopped, gone, cut off",
        "LATE 4 s, LOST 11 s, no key later",
        (
            "tests/tui/test_desk_contact.py",
            "tests/tui/test_pages.py::test_a_lost_picture_never_reads_as_live",
            "tests/tui/test_tmux.py::test_a_daemon_that_hangs_is_late_then_lost_and_comes_back",
            "tests/tui/test_tmux.py::test_a_daemon_that_was_killed_and_started_again_says_so",
            "tests/tui/test_bridge.py::test_a_cut_pipe_is_lost_and_comes_back",
        ),
    ),
    Goal(
        12,
        "after reconnecting the picture is the present one",
        "live within 3 s, the gap shown",
        (
            "tests/tui/test_desk_contact.py::test_after_contact_is_back_the_picture_is_the_present_one",
            "tests/tui/test_desk_contact.py::test_contact_that_is_back_shows_its_gap_until_acknowledged",
            "tests/tui/test_desk_contact.py::test_a_restarted_daemon_is_said_until_acknowledged",
            "tests/tui/test_tmux.py::test_a_daemon_that_was_killed_and_started_again_says_so",
        ),
    ),
    Goal(
        13,
        "1,000 keys at random without `y`, on every screen, before the real daemon",
        "no share rises; with `y` one does",
        ("tests/tui/test_random_keys.py", "tests/tui/test_random_keys_true.py"),
    ),
    Goal(
        14,
        "held keys, Caps Lock and pastes raise nothing",
        "no raising action; A and P stop",
        (
            "tests/tui/test_strip.py",
            "tests/tui/test_desk_actions.py::test_a_held_key_sends_one_action",
            "tests/tui/test_desk_actions.py::test_a_paste_presses_no_key",
            "tests/tui/test_desk_actions.py::test_stopping_keys_work_in_every_tab_and_with_caps_lock",
        ),
    ),
    Goal(
        15,
        "promote against abort or pause, two clients",
        "1,000 races, never up after the other's word; the loser told who and when",
        ("tests/shell/test_race.py",),
    ),
    Goal(
        16,
        "every verb for every role, by command, by raw socket, by the screen's keys",
        "the same refusal, the daemon's, on record",
        ("tests/server/test_permission_matrix.py", "tests/server/test_roles.py", "tests/tui/test_rights.py"),
    ),
    Goal(
        17,
        "every size of terminal, and a storm of them",
        "nothing that matters is cut; abort works",
        (
            "tests/tui/test_pages.py",
            "tests/tui/test_desk_actions.py::test_abort_is_one_key_at_every_size",
            "tests/tui/test_desk_common.py::test_a_storm_of_sizes_leaves_a_whole_screen_and_an_abort",
        ),
    ),
    Goal(
        18,
        "without colour, and for every sight",
        "states differ in text; contrast 4.5",
        ("tests/tui/test_theme.py", "tests/tui/test_pages.py::test_states_differ_in_plain_text"),
    ),
    Goal(
        19,
        "each state and situation as a picture at 120x36 and 80x24",
        "as a person has read it",
        ("tests/tui/test_pages.py::test_the_screen_is_as_a_person_has_read_it",),
    ),
    Goal(
        20,
        "exit codes and JSON",
        "every code reached; every object fits its published schema; two past minor versions are read "
        "(none is released yet: two earlier commits stand in)",
        ("tests/ctl/test_exit_codes.py", "tests/ctl/test_json.py", "tests/older"),
    ),
    Goal(
        21,
        "`--wait` on a rollout that goes back",
        "returns within 2 s of the end, never 0",
        (
            "tests/shell/test_awaited.py",
            "tests/ctl/test_exit_codes.py::test_start_waits_for_the_end_and_never_calls_it_a_success",
            "tests/ctl/test_command.py::test_an_action_whose_rollout_goes_back_is_no_success",
        ),
        (("command", "the end to the return"),),
    ),
    Goal(
        22,
        "plain output",
        "no control byte but newline",
        ("tests/ctl/test_plain.py", "tests/tui/test_plain.py"),
    ),
    Goal(23, "the bell", "100 events are one bell; none for one's own", ("tests/tui/test_alerts.py",)),
    Goal(
        24,
        "the demo that ships",
        "configures nothing, shows harm within 60 s, leaves nothing",
        ("tests/simdemo",),
        (("tui", "the demo"),),
    ),
    Goal(
        25,
        "five tasks at 3 a.m., in a real terminal",
        "at most 6 keys each",
        ("tests/demo/test_screen.py::test_a_person_sees_harm_stops_it_and_leaves", "tests/simdemo/test_reader.py"),
    ),
    Goal(
        26,
        "words",
        "no word that blames; each error in three parts",
        ("tests/ctl/test_words.py", "tests/tui/test_words.py"),
    ),
)
