"""The splits file as text: what is written is read back, 0 % and 100 % need no draw, and no name is a directive."""

from __future__ import annotations

import pytest

from rollout_adapters.options import BadOption
from rollout_adapters.registry import make_router
from rollout_adapters.split import Split
from rollout_adapters.traffic.nginx_split import Routed, Splits, identifier, lower_of, read_splits, render_splits
from rolloutd.core.values import FULL, Share, Slot
from rolloutd.ports import RouteConfig, RouteSlot

ARMS = {Slot.A: "ranker-a", Slot.B: "ranker-b"}


@pytest.mark.parametrize("base", list(Slot))
@pytest.mark.parametrize("slot", [*Slot, None])
@pytest.mark.parametrize("points", [1, 100, 9_999, 10_000])
def test_what_is_written_is_read_back(base: Slot, slot: Slot | None, points: int) -> None:
    """Base, override and arms of each route, and how often the file was written."""
    split = Split(base, slot, Share(points)) if slot else Split(base)
    splits = Splits(17, {"ranker": Routed(split, ARMS), "search.v2": Routed(Split(Slot.B), ARMS)})
    assert read_splits(render_splits(splits)) == splits


def test_zero_and_all_are_maps() -> None:
    """split_clients refuses 0 %; at both ends there is nothing to draw."""
    for split, arm in ((Split(Slot.A), "ranker-a"), (Split(Slot.A, Slot.B, FULL), "ranker-b")):
        text = render_splits(Splits(1, {"ranker": Routed(split, ARMS)}))
        assert "split_clients" not in text
        assert f'map "" $rollout_drawn_ranker {{ default {arm}; }}' in text


def test_the_challenger_is_drawn_from_the_first() -> None:
    """It stands first, so that its part of the draws grows from one end."""
    text = render_splits(Splits(1, {"ranker": Routed(Split(Slot.B, Slot.A, Share(25)), ARMS)}))
    assert "{ 0.25% ranker-a; * ranker-b; }" in text


@pytest.mark.parametrize("text", ["", "map \"\" $rollout_note_x { default '{}'; }", "default 3;"])
def test_half_a_file_is_none(text: str) -> None:
    """Nothing is guessed from it."""
    assert read_splits(text) is None


def test_a_spoiled_note_is_none() -> None:
    """One route that cannot be read makes the whole file unknown."""
    text = render_splits(Splits(3, {"ranker": Routed(Split(Slot.A), ARMS)}))
    assert read_splits(text.replace('"base": "a"', '"base": "c"')) is None


def test_two_routes_never_share_a_variable() -> None:
    """Signs that nginx's variables do not have are spelled out."""
    names = ["ranker-eu", "ranker_eu", "ranker.eu", "ranker_2deu", "rankereu"]
    assert len({identifier(name) for name in names}) == len(names)


def test_the_lower_of_two_records_wins_only_on_one_base() -> None:
    """Records of two bases do not compare."""
    low, high, moved = (Routed(split, ARMS) for split in (Split(Slot.A), Split(Slot.A, Slot.B, FULL), Split(Slot.B)))
    assert lower_of(high, low) == lower_of(low, high) == low
    assert lower_of(high, moved) == high


def test_an_arm_that_nginx_could_read_as_more_is_refused() -> None:
    """A name is a name: no quote, semicolon or brace enters the file."""
    slots = {slot: RouteSlot("a; } evil", "http://127.0.0.1:1/") for slot in Slot}
    options = {"splits_file": "/etc/nginx/rolloutd/splits.conf", "readback": "http://127.0.0.1:8081/rolloutd"}
    with pytest.raises(BadOption, match="cannot be the name of an nginx upstream"):
        make_router("nginx", options, {"ranker": RouteConfig("ranker", "edge", slots)})
    with pytest.raises(ValueError, match="not the name of an upstream"):
        render_splits(Splits(1, {"ranker": Routed(Split(Slot.A), dict.fromkeys(Slot, "a; }"))}))
