"""The confirm strip as a value: what no sequence of keys can do, and what the right one does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollout_tui.strip import DEAD_S, Send, Step, Strip, paste, press

KEYS = st.sampled_from(["a", "m", "enter", "space", "tab", "up", "backspace", "ctrl+u", "x", "Y", "n", "q", "escape"])
STEPS = st.sampled_from([(Step.YES,), (Step.REASON, Step.YES), (Step.NAME, Step.REASON, Step.YES), ()])


def strip(*steps: Step, **more: object) -> Strip:
    """A question about the ranker, opened at second 0."""
    made = Strip("ranker", "promote", "PROMOTE ranker", ("fact",), steps, 0.0, 317)
    for name, value in more.items():
        object.__setattr__(made, name, value)
    return made


@given(STEPS, st.lists(KEYS, max_size=200))
def test_no_keys_without_y_ever_send(steps: tuple[Step, ...], keys: list[str]) -> None:
    """Whatever is typed, without ``y`` nothing goes out."""
    now: Strip | Send | None = strip(*steps)
    for at, key in enumerate(keys):
        if not isinstance(now, Strip):
            break
        now = press(now, key, key if len(key) == 1 else None, at * 1.0)
    assert not isinstance(now, Send)


@given(st.lists(st.sampled_from("yamq x"), max_size=300))
def test_a_burst_of_keys_never_sends(keys: list[str]) -> None:
    """A paste without brackets is a burst: every key but ``y`` makes ``y`` dead again, and the first one is early."""
    now: Strip | Send | None = strip(Step.YES)
    for at, key in enumerate(keys):
        if not isinstance(now, Strip):
            break
        now = press(now, key, key, at * 0.001)
    assert not isinstance(now, Send)


def test_y_is_dead_for_400_ms_and_again_after_another_key() -> None:
    """The dead time begins when the question appears and again with every other key."""
    asked = strip(Step.YES)
    assert press(asked, "y", "y", DEAD_S - 0.01) == asked
    assert isinstance(press(asked, "y", "y", DEAD_S), Send)
    again = press(asked, "m", "m", 5.0)
    assert isinstance(again, Strip)
    assert isinstance(press(again, "y", "y", 5.2), Strip)
    assert isinstance(press(again, "y", "y", 5.4), Send)


def test_the_order_carries_what_was_on_the_screen() -> None:
    """Revision, reason, name and override go along."""
    send = press(strip(Step.YES, reason=" a good reason ", typed="ranker", override=True), "y", "y", 9.0)
    assert isinstance(send, Send)
    assert (send.revision, send.request.reason, send.request.confirm) == (317, "a good reason", "ranker")
    assert send.request.override


def test_a_short_reason_and_a_wrong_name_do_not_pass() -> None:
    """Enter says what is missing."""
    short = press(strip(Step.REASON, Step.YES, reason="too short"), "enter", None, 1.0)
    assert isinstance(short, Strip)
    assert short.step is Step.REASON
    assert "1 more letter" in short.note
    wrong = press(strip(Step.NAME, Step.YES, typed="Ranker"), "enter", None, 1.0)
    assert isinstance(wrong, Strip)
    assert wrong.step is Step.NAME


def test_a_paste_fills_a_reason_as_one_harmless_line_and_nothing_else() -> None:
    """Newlines and escape sequences cannot press keys; a name must be typed."""
    assert paste(strip(Step.YES), "y\n") == strip(Step.YES)
    assert paste(strip(Step.NAME, Step.YES), "ranker") == strip(Step.NAME, Step.YES)
    assert paste(strip(Step.REASON, Step.YES), "cold\ncache\x1b[A").reason == "cold cache?[A"


def test_earlier_reasons_come_back_with_the_arrow() -> None:
    """Up goes through this person's last reasons."""
    now = strip(Step.REASON, Step.YES, earlier=("the newest reason", "an older reason"))
    first = press(now, "up", None, 1.0)
    assert isinstance(first, Strip)
    assert first.reason == "the newest reason"
    second = press(first, "up", None, 2.0)
    assert isinstance(second, Strip)
    assert second.reason == "an older reason"
