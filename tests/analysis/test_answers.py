"""What questions are answered with, and that no question ever ends in anything but an answer or a refusal by key."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import log
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutd.core.analysis import KINDS as KIND_TABLE
from rolloutd.core.analysis import BadField, analyze, forecast
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence, LimitEvidence, SafeEvidence
from tests.stats.helpers import ticks as made_up

ONE = {"champion": {"n": 900, "x": 9}, "challenger": {"n": 100, "x": 3}}
KEYS = sorted({"p0", "p1", "margin", "share", "rps"}.union(*(keys for keys, _ in KIND_TABLE.values())))


def as_json(tick: Increment) -> dict[str, object]:
    """A tick as a question has it."""
    champion = {"n": tick.champion_n, "x": tick.champion_bad}
    return {"champion": champion, "challenger": {"n": tick.challenger_n, "x": tick.challenger_bad}}


def test_the_shipped_answer_is_the_daemons_own_evidence() -> None:
    """Bit for bit what the gates would have held, with a later stage and a warm-up tick on the way."""
    harm, safe, limit = (
        HarmEvidence.start(Margin.ratio(1.0), 1, line=log(200.0)),
        SafeEvidence.start(Margin.ratio(1.5)),
        None,
    )
    limit = LimitEvidence.start(0.2, 1)
    asked = []
    for number, tick in enumerate(made_up(Random(3), 60, 50, 450, (0.012, 0.01)), 1):
        started, warm = number == 20, 20 <= number < 25
        if started:
            safe = SafeEvidence.start(Margin.ratio(1.5))
        harm = harm.observe(tick, stage_started=started, gross_only=warm)
        limit = limit.observe(tick, stage_started=started, gross_only=warm)
        safe = safe if warm else safe.observe(tick)
        asked.append({**as_json(tick), "warm_up": warm})
    found = analyze({"kind": "proportion", "ticks": asked, "stage_starts": [1, 20], "limit": 0.2})
    assert found["method"] == "shipped"
    assert found["log_e_harm"] == harm.log_e
    assert found["log_e_safe"] == safe.log_e
    assert found["log_e_limit"] == limit.log_e


def test_verdicts() -> None:
    """Harm at any tick is FAIL even when later ticks are calm; safety now is PASS; neither is COLLECTING."""
    harmful = {"champion": {"n": 900, "x": 9}, "challenger": {"n": 100, "x": 30}}
    calm = {"champion": {"n": 9000, "x": 90}, "challenger": {"n": 1000, "x": 5}}
    failed = analyze({"kind": "proportion", "ticks": [harmful] * 4 + [calm] * 40})
    assert (failed["verdict"], failed["log_e_harm"] < log(100.0)) == ("FAIL", True)  # type: ignore[operator]
    assert failed["harm_shown_at_tick"] in (2, 3, 4)
    assert analyze({"kind": "proportion", "ticks": [calm] * 40})["verdict"] == "PASS"
    assert analyze({"kind": "proportion", "ticks": [ONE]})["verdict"] == "COLLECTING"


@pytest.mark.parametrize("method", ["robust", "gro", "conditional"])
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("kind", ["proportion", "count"])
def test_every_method_finds_five_times_the_errors(method: str, restart: bool, kind: str) -> None:
    """Both with restarts and plainly, and calls equal arms safe."""
    asked: dict[str, Any] = {"kind": kind, "method": method, "restart": restart}
    bad, good = (
        [as_json(tick) for tick in made_up(Random(5), 200, 50, 100, rates)] for rates in ((0.05, 0.01), (0.01, 0.01))
    )
    assert analyze({**asked, "ticks": bad})["verdict"] == "FAIL"
    assert analyze({**asked, "ticks": good, "accept": {"ratio": 2.5}})["verdict"] == "PASS"


def test_a_harmful_pinned_alternative_says_nothing_of_safety() -> None:
    """A pinned alternative bets on its own side of a margin only."""
    found = analyze({"kind": "proportion", "ticks": [ONE], "alternative": [0.05, 0.01]})
    assert (found["method"], found["log_e_safe"]) == ("gro", None)
    found = analyze({"kind": "proportion", "ticks": [ONE], "alternative": [0.01, 0.01]})
    assert found["log_e_harm"] is None


def test_latency_with_an_slo_bucket_is_the_weighted_mix() -> None:
    """.6 of the histogram, .4 of the part over the bucket; coarse buckets are warned about."""
    arms = {"champion": {"buckets": [80, 15, 5]}, "challenger": {"buckets": [50, 20, 30]}}
    found = analyze({"kind": "latency", "slo_bucket": 1, "ticks": [arms] * 5})
    assert found["log_e_histogram"] > found["log_e_harm"] or found["log_e_slo"] > found["log_e_harm"]  # type: ignore[operator]
    assert found["verdict"] == "FAIL"
    assert found["warnings"] != []


@pytest.mark.parametrize(
    ("question", "key", "known"),
    [
        ({"kind": "proportion", "tiks": []}, "tiks", "ticks"),
        ({"kind": "proportion", "ticks": [{"champion": {"N": 1}}]}, "ticks[0].champion.N", "n"),
        ({"kind": "proportion", "ticks": [{"champion": {"n": 1, "x": 2}}]}, "ticks[0].champion.x", None),
        ({"kind": "proportion", "ticks": [ONE], "alpha": "high"}, "alpha", None),
        ({"kind": "proportion", "ticks": [ONE], "method": "grow"}, "method", "gro"),
        ({"kind": "proportion", "ticks": [ONE], "harm": {"ratio": 1, "difference": 1}}, "harm", None),
        ({"kind": "proportion", "ticks": [ONE], "stage_starts": [0]}, "stage_starts[0]", None),
        ({"kind": "proportion", "ticks": [ONE], "method": "shipped", "restart": False}, "method", None),
        ({"kind": "proportion", "ticks": [ONE], "restart": {"masses": [0.5, 0.5]}}, "restart.masses", None),
        ({"kind": "mean", "ticks": [ONE]}, "ticks[0].champion.x", None),
        ({"kind": "drift", "ticks": []}, "ticks", None),
        ([], "the whole", None),
    ],
)
def test_refusals_name_the_key(question: object, key: str, known: str | None) -> None:
    """Where it is wrong, and for an unknown word what is known there."""
    with pytest.raises(BadField) as caught:
        analyze(question)
    assert caught.value.key == key
    assert known is None or known in caught.value.known


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**13)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["gro", "robust", "conditional", "shipped", "betting", "lower", "x"])
)
WORDS = st.sampled_from(
    [*KEYS, "champion", "challenger", "n", "x", "buckets", "sum", "b", "c", "ratio", "difference", "masses", "shift"]
)
JUNK = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=12
)
ARM = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(0, 10**12),
        "x": st.integers(0, 10**12),
        "buckets": st.lists(st.integers(0, 10**9), min_size=2, max_size=4),
        "sum": st.floats(-1e12, 1e12),
    },
)
TICK = (
    st.fixed_dictionaries({"champion": ARM, "challenger": ARM})
    | st.fixed_dictionaries({"b": st.integers(0, 10**12), "c": st.integers(0, 10**12)})
    | JUNK
)


def checked(judge: Callable[[object], dict[str, object]], question: object) -> None:
    """An answer that JSON can hold, or a refusal with a key."""
    try:
        told: object = judge(question)
    except BadField as error:
        told = [error.key, error.message]
    assert json.dumps(told, allow_nan=False)


@given(
    st.sampled_from(sorted(KIND_TABLE)),
    st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=3),
    st.lists(TICK, min_size=1, max_size=4),
)
def test_garbage_is_refused_or_answered(kind: str, more: dict[str, object], ticks: list[object]) -> None:
    """Half-right questions of every kind."""
    checked(analyze, {**more, "kind": kind, "ticks": ticks})


@given(JUNK)
def test_plain_garbage_is_refused(question: object) -> None:
    """Anything that JSON can hold."""
    checked(analyze, question)
    checked(forecast, question)


@given(
    st.sampled_from(["proportion", "count"]),
    st.sampled_from(["shipped", "robust", "gro", "conditional"]),
    st.sampled_from([{"ratio": 1.0}, {"ratio": 0.001}, {"ratio": 999.0}, {"difference": 1e-12}, {"difference": 0.999}]),
    st.lists(
        st.tuples(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12)),
        min_size=1,
        max_size=4,
    ),
)
def test_extreme_counts_are_refused_or_answered(
    kind: str, method: str, margin: dict[str, float], counts: list[tuple[int, int, int, int]]
) -> None:
    """Up to a million million requests a tick, margins at their ends."""
    ticks = [
        {"champion": {"n": max(n0, 1), "x": min(x0, n0)}, "challenger": {"n": max(n1, 1), "x": min(x1, n1)}}
        for n1, x1, n0, x0 in counts
    ]
    checked(analyze, {"kind": kind, "method": method, "harm": margin, "accept": margin, "ticks": ticks})


@given(p0=st.floats(0, 1), p1=st.floats(0, 1), margin=st.floats(0, 1000), share=st.floats(0, 1), rps=st.floats(0, 1e12))
def test_extreme_forecasts_are_refused_or_answered(**numbers: float) -> None:
    """Rates and shares up to their ends."""
    checked(forecast, numbers)
