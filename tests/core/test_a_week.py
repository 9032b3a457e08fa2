"""Healthy rollouts one after the other while adapters fail at random: none goes back for it (R10).

By hand for a whole simulated week: ``ROLLOUTD_WEEK_HOURS=168``. Time is told, and there is no chance in the traffic.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from rolloutd.core import events as ev
from rolloutd.core.metrics import BlindReason
from rolloutd.core.values import ZERO, Slot
from tests.core.playbook import Playbook, World, a_plan, a_spec

HOURS = float(os.environ.get("ROLLOUTD_WEEK_HOURS", "0.3"))
ERROR_RATE = 0.01
REASONS = [reason for reason in BlindReason if reason is not BlindReason.NEVER_READ]


def one(chance: Random, left_s: int) -> tuple[str, int, int]:
    """One healthy rollout with an adapter error in a hundred looks: its end, its seconds, its errors."""
    plan = a_plan()
    stages = tuple(replace(stage, min_time_ms=60_000) for stage in plan.stages)
    book = Playbook(a_spec(replace(plan, stages=stages)), World(rps=20_000))
    errors = 0
    for second in range(left_s):
        world = book.world
        world.blind = {slot: chance.choice(REASONS) for slot in Slot if chance.random() < ERROR_RATE}
        world.reachable = chance.random() >= ERROR_RATE
        errors += len(world.blind) + (not world.reachable)
        book.run(1)
        if not book.lane.rollout.live:
            return book.phase, second + 1, errors
    return book.phase, left_s, errors


def test_one_adapter_error_in_a_hundred_takes_no_good_rollout_back(
    record_property: Callable[[str, object], None],
) -> None:
    """R10: at most one false way back in a thousand rollouts; here none, and nobody is asked for help either."""
    chance, left_s = Random(10), round(HOURS * 3_600)
    ends: Counter[str] = Counter()
    errors = 0
    while left_s > 0:
        end, took_s, failed = one(chance, left_s)
        ends[end] += 1
        errors += failed
        left_s -= took_s
    cut_off = sum(count for end, count in ends.items() if end in ("preflight", "running", "watching", "finishing"))
    assert ends["rolled_back"] == ends["held"] == ends["asking"] == 0
    assert (
        ends["done"] + ends["refused"] + cut_off == ends.total()
    )  # refused before any traffic: nothing was taken back
    assert cut_off <= 1
    assert errors > 0
    told = f"{ends['done']} rollouts done in {HOURS:g} h with {errors} adapter errors, 0 went back"
    record_property("figure", f"{told}, {ends['refused']} were refused at the checks before traffic")


def test_the_same_errors_all_at_once_do_take_it_back() -> None:
    """The control: what is tolerated one by one is not tolerated for twenty ticks."""
    book = Playbook(world=World(rps=20_000)).run(15)
    book.world.blind = {"b": BlindReason.TIMEOUT}
    book.run(25)
    assert any(isinstance(row.event, ev.RecedeStarted) for row in book.journal)
    assert book.world.override == ZERO
