"""For every rule of the policy: refused, and why, and what to do; and an abort that works all the same (I2)."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from rolloutd.core.blockers import BlockerKind
from rolloutd.core.commands import Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.rules import Limits, Rules
from rolloutd.core.values import ZERO
from rolloutd.settings.config_tables import PolicyTable
from tests.policy.rows import RULES
from tests.policy.table import Row
from tests.tidy import ROOT

EACH = pytest.mark.parametrize("row", RULES, ids=[row.name for row in RULES])
NO_RULES = {"smoke", "isolated"}
"""Obstacles that are a plan's or a person's own doing, and no rule of the house: tested with what makes them."""


@EACH
def test_it_refuses_and_says_why_and_what_to_do(row: Row) -> None:
    """In every place where it applies."""
    for refused in row.refused:
        why, way_on = refused()
        assert row.why in why
        assert row.way_on in way_on


@EACH
def test_abort_still_works(row: Row) -> None:
    """I2: whatever the rule stands against, a person takes all traffic back, and the router shows it."""
    book = row.under()
    assert book.lane.rollout.live
    assert isinstance(book.do(Verb.ABORT), Accepted)
    book.run(5)
    assert book.phase == "aborted"
    assert book.world.override == ZERO


def test_no_rule_is_left_out() -> None:
    """A key of [policy], a field of the rules and an obstacle that no row covers is a rule that nobody showed."""
    covered = {name for row in RULES for name in row.covers}
    known = set(PolicyTable.model_fields) | {field.name for kind in (Rules, Limits) for field in fields(kind)}
    known |= {kind.value for kind in BlockerKind} - NO_RULES
    assert known - covered == set()


def test_the_page_names_each_rule_and_nothing_else() -> None:
    """docs/policy.md has a line for every row, and a row for every line."""
    page = (ROOT / "docs" / "policy.md").read_text()
    table = page.split("|---|---|---|---|\n")[1].split("\n\n")[0]
    named = {re.split(r" \| ", line.strip("| "))[0] for line in table.splitlines()}
    assert named == {row.page for row in RULES}
