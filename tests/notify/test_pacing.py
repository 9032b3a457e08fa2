"""What goes when: order within a rollout, no to and fro, digests for people, and a pause that grows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rolloutd.core.incidents import Turn
from rolloutd.outbox import Waiting
from rolloutd.pacing import BURST, LONGEST_PAUSE_MS, SAME_AGAIN_MS, Tokens, choose, condensed, merge, pause_ms
from rolloutd.ports import Manner
from tests.notify.messages import NOW_MS, a_message, post

OP, C, A, R = Turn.OPENED, Turn.CHANGED, Turn.ACKNOWLEDGED, Turn.RESOLVED
FULL = Tokens(float(BURST), NOW_MS, 60_000)
ITSELF, PEOPLE = Manner(most=64, paced=False), Manner(most=100, paced=True)


def kept(*turns: Turn, tries: int = 0) -> str:
    """The initials of what is left of a rollout's waiting turns."""
    return "".join(one.turn.value[0] for one in condensed(post(*turns, tries=tries)))


def test_the_to_and_fro_between_an_opening_and_its_end_goes() -> None:
    """Every incident that opened leaves its opening and its end; what is still open leaves its newest opening."""
    assert kept(OP, R) == "or"
    assert kept(OP, R, OP, R, OP, R) == "or"
    assert kept(OP, R, OP, R, OP) == "o"
    assert kept(OP, C, A) == "oa"
    assert kept(R, OP, R, OP, R) == "r"
    assert kept(A, C, C) == "c"


def test_what_was_tried_may_have_arrived_and_stays() -> None:
    """An end that may have been heard cannot be taken back by dropping it and the next opening."""
    assert kept(R, OP, R, OP, tries=3) == "ro"
    assert kept(OP, R, OP, R, tries=1) == "or"


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12))
def test_whatever_happened_the_last_word_is_told(steps: list[tuple[int, bool]]) -> None:
    """For every legal sequence of turns: the state that a receiver ends with is the true one, and order is kept."""
    turns, is_open = [], False
    for kind, _ in steps:
        turns.append(OP if not is_open else (C, A, R, R)[kind])
        is_open = turns[-1] is not R
    if turns:
        left = condensed(post(*turns))
        assert left[-1].turn is turns[-1]
        assert [one.number for one in left] == sorted(one.number for one in left)
        assert left[0].turn is OP  # nothing was told before, so an opening comes first


def test_one_message_of_a_rollout_in_a_call_and_others_beside_it() -> None:
    """A resolve must not overtake or drown its own opening."""
    waiting = [*post(OP, R), *post(OP, rollout="search-v2", first=7)]
    choice = choose(waiting, NOW_MS, ITSELF, FULL, {})
    assert [one.number for one in choice.send] == [1, 7]


def test_the_same_turn_again_waits_for_a_tick() -> None:
    """At most one message a rollout and kind in ten seconds."""
    said = {("ranker-v42", OP): NOW_MS - 1_000}
    choice = choose(post(OP), NOW_MS, ITSELF, FULL, said)
    assert choice.send == ()
    assert choice.wake_ms == NOW_MS - 1_000 + SAME_AGAIN_MS
    assert choose(post(R), NOW_MS, ITSELF, FULL, said).send


def flood(rollouts: int) -> list[Waiting]:
    """As many rollouts that opened at once."""
    return [post(OP, rollout=f"ranker-{number}", first=number)[0] for number in range(1, rollouts + 1)]


def test_people_get_a_flood_as_one_digest() -> None:
    """A few come one by one; forty at once come in one call, and none is lost."""
    assert len(choose(flood(2), NOW_MS, PEOPLE, FULL, {}).send) == 1
    assert len(choose(flood(40), NOW_MS, PEOPLE, FULL, {}).send) == 40
    assert len(choose(flood(40), NOW_MS, ITSELF, FULL, {}).send) == 40


def test_a_steady_stream_ends_in_digests_once_a_minute() -> None:
    """One new incident each second for ten minutes: the burst alone, then one call a minute, everything told."""
    tokens, waiting, calls, told = FULL, [], 0, 0
    for second in range(600):
        now_ms = NOW_MS + second * 1_000
        waiting += [Waiting(second, f"r-{second}", OP, now_ms, now_ms, 0)]
        choice = choose(waiting, now_ms, PEOPLE, tokens, {})
        if choice.send:
            tokens, calls, told = tokens.at(now_ms).spent(), calls + 1, told + len(choice.send)
            waiting = [one for one in waiting if one not in choice.send]
    assert calls <= BURST + 10
    assert told + len(waiting) == 600
    assert len(waiting) <= 60


def test_the_critical_ones_stand_first_in_a_digest() -> None:
    """Who reads only the first line reads the worst."""
    some = [a_message(number=1, critical=False), a_message(number=2), a_message(number=3, critical=False)]
    assert [message.critical for message in merge(some)] == [True, False, False]


def test_the_pause_doubles_up_to_five_minutes() -> None:
    """From one second on; also after a day of tries."""
    assert [pause_ms(tries) for tries in (1, 2, 3, 4)] == [1_000, 2_000, 4_000, 8_000]
    assert pause_ms(10) == pause_ms(10_000) == LONGEST_PAUSE_MS
