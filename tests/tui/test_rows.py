"""The fleet's rows: as a dictionary, but an old one never changes when a new one is made from it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollout_tui.rows import Rows
from rolloutd.wire import FleetRow
from tests.tui import worlds

NAMES = st.sampled_from([f"r{number}" for number in range(150)])
STEPS = st.lists(st.tuples(st.booleans(), NAMES, st.integers(0, 3)), max_size=80)


def row(name: str, revision: int = 0) -> FleetRow:
    """A row that differs by its revision."""
    return worlds.row(name, "clear", 0.1, revision=revision)


@given(st.lists(NAMES, max_size=140), STEPS)
def test_it_is_what_a_dictionary_would_be(first: list[str], steps: list[tuple[bool, str, int]]) -> None:
    """In content and order, whichever of the earlier ones the next is made from, and all of those stay as they were."""
    known = {name: row(name) for name in first}
    made = [(Rows.of(known.values()), known)]
    for puts, name, back in steps:
        rows, like = made[max(0, len(made) - 1 - back)]
        fresh = row(name, len(made))
        after = {**like, name: fresh} if puts else {key: one for key, one in like.items() if key != name}
        made.append((rows.put(fresh) if puts else rows.without(name), after))
    for rows, like in made:
        assert list(rows.values()) == list(like.values())
        assert list(rows) == list(like)
        assert dict(rows) == like
        assert len(rows) == len(like)
        assert all((name in rows) == (name in like) for name in (f"r{number}" for number in range(150)))
        assert list(rows.items()) == list(like.items())
