"""The order of changes, what a late reader gets, and when it is given up."""

from __future__ import annotations

import pytest

from rolloutd.feed import Change, Feed, FellBehind, StreamEnded


async def test_a_reader_gets_each_changed_rollout_once_in_order() -> None:
    """Two changes of one rollout before it is read are one, at the newer place."""
    feed = Feed()
    reader = feed.subscribe()
    for name in ("a", "b", "a"):
        feed.publish(name)
    assert await reader.take() == [Change(2, "b"), Change(3, "a")]


async def test_resuming_gives_what_changed_since() -> None:
    """A reader that was away gets the rollouts that changed after its number, each once, then what comes."""
    feed = Feed()
    for name in ("a", "b", "c", "a"):
        feed.publish(name)
    feed.forget("c")
    reader = feed.subscribe(after_seq=1)
    assert await reader.take() == [Change(2, "b"), Change(4, "a")]
    feed.publish("d")
    assert await reader.take() == [Change(5, "d")]


async def test_a_reader_far_behind_is_given_up_with_a_place_to_resume() -> None:
    """Past the limit its memory is freed, and it learns the last number it was handed."""
    feed = Feed(behind_events=3)
    reader = feed.subscribe()
    feed.publish("first")
    await reader.take()
    for name in "abcd":
        feed.publish(name)
    assert reader.behind
    for _ in range(2):
        with pytest.raises(FellBehind) as given_up:
            await reader.take()
        assert given_up.value.resume_from == 1


async def test_the_end_comes_at_once() -> None:
    """A reader that waits is woken, and one that left is no longer told anything."""
    feed = Feed()
    reader, gone = feed.subscribe(), feed.subscribe()
    feed.unsubscribe(gone)
    feed.publish("a")
    reader.end()
    with pytest.raises(StreamEnded):
        await reader.take()
