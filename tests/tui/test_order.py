"""The order of the fleet: urgent first, and never moving under a finger."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rollout_tui.order import Listing, Sort, arrange, below, hidden, home, keep_visible, matches, move, settle, stands
from rolloutd.wire import FleetRow
from tests.tui import worlds

ROWS = {row.name: row for row in worlds.fleet().rollouts}


def changed(name: str, state: str) -> dict[str, FleetRow]:
    """The fleet after one rollout changed its state."""
    return {**ROWS, name: worlds.row(name, state, 0.1)}


def test_what_needs_somebody_comes_first_by_urgency() -> None:
    """NOT OBEYED, GOING BACK, HARM, BLIND, DRIFT, ASKS YOU, then the rest."""
    listing = arrange(Listing(), ROWS)
    names = ("fraud-score", "churn", "ranker", "spam-filter", "invoice-ocr", "price-elastic")
    assert listing.order[:6] == names
    assert listing.urgent == 6


def test_untouched_the_list_finds_its_order_after_five_quiet_seconds() -> None:
    """With the cursor at the top and no key for 5 s, a rollout that got worse goes up; before that it stays."""
    listing = arrange(Listing(), ROWS)
    worse = changed("ads-ctr", "not_obeyed")
    assert settle(listing, worse, 4.9).order == listing.order
    assert settle(listing, worse, 5.0).order.index("ads-ctr") < 2


def test_with_the_cursor_in_the_list_rows_never_move() -> None:
    """However long it is quiet: the row under the cursor is the one that was chosen, and the rule tells the truth."""
    listing = move(arrange(Listing(), ROWS), 3, 20)
    worse = changed("ads-ctr", "not_obeyed")
    after = settle(listing, worse, 1e6)
    assert after.order == listing.order
    assert after.name == listing.name
    assert below(after, worse) == 1
    assert home(after, worse).order.index("ads-ctr") < 2


def test_newcomers_go_to_the_end_while_somebody_is_in_the_list() -> None:
    """A new rollout is shown at once, below everything."""
    listing = move(arrange(Listing(), ROWS), 3, 20)
    more = {**ROWS, "new-one": worlds.row("new-one", "harm", 0.5)}
    assert settle(listing, more, 0.0).order == (*listing.order, "new-one")


def test_filters() -> None:
    """Words, state and owner; all must hold."""
    assert matches(ROWS["spam-filter"], "state:blind")
    assert matches(ROWS["fraud-score"], "state:not-obeyed v42")
    assert matches(ROWS["ranker"], "owner:ops2 rank")
    assert not matches(ROWS["ranker"], "owner:ops3")
    assert not matches(ROWS["ranker"], "rank nothing")


def test_what_a_filter_hides_is_counted() -> None:
    """Six need somebody, one of them is shown."""
    assert hidden(arrange(Listing(words="ranker"), ROWS), ROWS) == 5
    assert hidden(arrange(Listing(), ROWS), ROWS) == 0


def test_sorts() -> None:
    """By name and by share; without a rule, which belongs to attention."""
    assert arrange(Listing(sort=Sort.NAME), ROWS).order == tuple(sorted(ROWS))
    most = arrange(Listing(sort=Sort.MOST), ROWS)
    assert most.order[0] == "query-spell"
    assert most.urgent == 0


@given(st.lists(st.integers(-30, 30), max_size=30), st.integers(1, 15))
def test_the_cursor_stays_in_the_list_and_in_sight(steps: list[int], height: int) -> None:
    """Whatever is pressed, the cursor is on a row and the row is on the screen."""
    listing = arrange(Listing(), ROWS)
    for step in steps:
        listing = move(listing, step, height)
        assert 0 <= listing.cursor < len(listing.order)
        assert listing.top <= listing.cursor < listing.top + height
    assert keep_visible(listing, height) == listing


def test_what_has_ended_stands_alone_the_newest_first() -> None:
    """No live rollout is among it; those that need somebody are counted as hidden; a new end comes to it."""
    ends = {"old": "2026-01-01T00:00:00Z", "new": "2026-01-02T00:00:00Z", "older-daemons": None}
    rows = {name: worlds.row(name, "done", 1.0, ended_at=at) for name, at in ends.items()}
    rows |= {"ranker": worlds.row("ranker", "harm", 0.1), "ads": worlds.row("ads", "clear", 0.1)}
    listing = arrange(Listing(ended=True), rows)
    assert listing.order == ("new", "old", "older-daemons")
    assert listing.urgent == 0
    assert hidden(listing, rows) == 1
    assert arrange(Listing(ended=True, words="old"), rows).order == ("old", "older-daemons")
    assert set(arrange(Listing(), rows).order) == set(rows)
    at_last = {**rows, "ads": worlds.row("ads", "aborted", 0.0, ended_at="2026-01-03T00:00:00Z")}
    assert settle(replace(listing, cursor=1), at_last, 0.0).order == ("new", "old", "older-daemons", "ads")
    assert settle(listing, at_last, 60.0).order[0] == "ads"


@given(
    st.sampled_from(sorted(ROWS)),
    st.sampled_from(["harm", "clear", "done"]),
    st.sampled_from([0.1, 0.5]),
    st.booleans(),
)
def test_an_order_that_stands_is_the_one_that_would_be_sorted(name: str, state: str, asked: float, ended: bool) -> None:
    """Whatever row changes: where the order is said to stand, sorting anew changes nothing."""
    listing = arrange(Listing(ended=ended, words="v4"), ROWS)
    after = {**ROWS, name: worlds.row(name, state, asked, worst="errors harm 61%")}
    if stands(listing, ROWS, after):
        assert arrange(listing, after) == listing
    same = {**ROWS, name: ROWS[name].model_copy(update={"worst": "errors harm 61%", "observed": 0.07})}
    assert stands(listing, ROWS, same)
    assert not stands(listing, ROWS, {**ROWS, "new": worlds.row("new", "clear", 0.1)})
