"""The quicker ``replace`` gives what the standard library's does, and passes by no check of a class."""

from __future__ import annotations

import dataclasses

import pytest

from rolloutd.core.observed import Seen
from rolloutd.core.replacing import replace
from rolloutd.core.values import BadValue, Share
from tests.core.playbook import Playbook, a_gate, a_plan


def test_it_gives_what_the_standard_library_gives() -> None:
    """For the values that change with every tick: lane, what was seen, evidence, the split's watch."""
    lane = Playbook().run(8).lane
    known = lane.evidence["errors"]
    assert known.ratio is not None
    for value, changes in (
        (lane, {"seen": Seen(7)}),
        (lane.seen, {"looked_at_ms": 7, "route": None}),
        (known, {"tick": 7, "blind": None}),
        (known.ratio, {"open_since": (1, 2)}),
        (known, {}),
    ):
        assert replace(value, **changes) == dataclasses.replace(value, **changes)


def test_a_class_still_checks_its_fields() -> None:
    """What may not be made anew may not be changed into, and there is no field that is none."""
    with pytest.raises(BadValue):
        replace(Share(1), basis_points=20_000)
    with pytest.raises(BadValue):
        replace(a_plan(gates=(a_gate(),)), gates=())
    with pytest.raises(KeyError):
        replace(Share(1), percent=1)  # type: ignore[call-arg]
