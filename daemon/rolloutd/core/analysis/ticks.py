"""One tick of counts as the question writes it, read into what the tests take; it must not judge anything."""

from __future__ import annotations

from dataclasses import dataclass

from rolloutd.core.analysis.fields import BadField, Fields, counted
from rolloutd.core.stats.increment import AnyTick, EventIncrement, Increment


@dataclass(frozen=True, slots=True)
class Tick:
    """Counts of both arms; ``slices`` are the errors of same-size slices of the champion, where it has them."""

    counts: AnyTick
    slices: tuple[int, ...]
    warm_up: bool


def read_tick(value: object, where: str, bounded: bool) -> Tick:
    """``{"champion": {"n", "x"}, "challenger": {"n", "x"}, "warm_up"}``; an arm that is missing had no traffic."""
    fields = Fields(value, where, ("champion", "challenger", "warm_up"))
    champion_n, champion_bad, slices = _arm(fields, "champion", bounded)
    challenger_n, challenger_bad, _ = _arm(fields, "challenger", bounded)
    if bounded:
        counts: AnyTick = Increment(int(champion_n), champion_bad, int(challenger_n), challenger_bad)
    else:
        counts = EventIncrement(champion_n, champion_bad, challenger_n, challenger_bad)
    return Tick(counts, slices, fields.flag("warm_up", default=False))


def _arm(fields: Fields, key: str, bounded: bool) -> tuple[float, int, tuple[int, ...]]:
    if not fields.has(key):
        return 0.0, 0, ()
    arm = Fields(fields.raw(key), fields.at(key), ("n", "x", "slices") if key == "champion" else ("n", "x"))
    n = arm.count("n") if bounded else arm.number("n", "an exposure above 0", 0.0, 1e12)
    bad = arm.count("x")
    if bounded and bad > n:
        raise arm.refuse("x", f"at most n, which is {n}")
    slices = tuple(arm.each("slices", counted)) if arm.has("slices") else ()
    if sum(slices) > bad:
        raise BadField(arm.at("slices"), f"The slices of {fields.at(key)} have {sum(slices)} errors and the arm {bad}.")
    return n, bad, slices


def arms(value: object, where: str, keys: tuple[str, ...]) -> tuple[Fields, Fields]:
    """The two arms of a tick that has other things than counts: champion's and challenger's, both needed."""
    fields = Fields(value, where, ("champion", "challenger"))
    return (
        Fields(fields.raw("champion"), fields.at("champion"), keys),
        Fields(fields.raw("challenger"), fields.at("challenger"), keys),
    )


def buckets(value: object, where: str) -> tuple[list[int], list[int]]:
    """Counts a bucket of champion and challenger, not cumulative. Raises BadField unless both have as many."""
    champion, challenger = arms(value, where, ("buckets",))
    first, second = champion.each("buckets", counted), challenger.each("buckets", counted)
    if len(first) != len(second):
        message = f"{where} has {len(first)} buckets for the champion and {len(second)} for the challenger."
        raise BadField(challenger.at("buckets"), message)
    return first, second
