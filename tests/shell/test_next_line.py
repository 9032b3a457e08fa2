"""What the NEXT line says where a person is asked: the verb that answers, and none that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core.commands import Verb
from rolloutd.core.decide import Accepted
from rolloutd.foresight import foresee
from tests.core.playbook import Playbook, a_plan, a_spec


@pytest.mark.parametrize("approval", [True, False])
def test_an_approval_is_asked_for_by_its_own_verb(approval: bool) -> None:
    """It named promote, extend and abort for every question; a yes to a stage is ``rollout approve``."""
    plan = a_plan()
    stages = (replace(plan.stages[0], approval=approval), *plan.stages[1:])
    book = Playbook(a_spec(replace(plan, stages=stages)))
    if not approval:
        book.world.rates["b"] = book.world.rates["a"] * 1.4  # neither harm nor a pass
    book.until("asking", 50_000)
    pic = book.lane.picture(book.now.clock_ms)
    said = foresee(book.lane, pic, (), book.now)
    assert (f"rollout approve {book.lane.rollout.name}" in said.sentence) is approval
    assert ("promote" in said.sentence) is not approval
    assert said.short == ("approve or a" if approval else "m, extend or a")
    assert isinstance(book.do(Verb.APPROVE), Accepted) is approval
