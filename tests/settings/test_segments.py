"""Segments as they are written: a route's header and names, a ring's audience, a gate by segment, and every slip."""

from __future__ import annotations

import pytest

from rolloutd.core.plan import OnSegment
from rolloutd.core.segments import Segments
from rolloutd.core.values import Share
from rolloutd.settings import SettingsError, read_settings, read_spec
from tests.settings.words import EXAMPLE, FULL_VOCABULARY

HEAD = '[rollout]\nmodel = "ranker"\nchampion = "v1"\nchallenger = "v2"\nroute = "ranker"\nreason = "rings"\n'
RING = '[[stage]]\nname = "eu"\nsegments = ["eu"]\nshare = "20%"\n'
REST = '[[stage]]\nname = "tenth"\nshare = "10%"\n[[stage]]\nname = "watch"\nshare = "100%"\n'
GATE = '[[gate]]\nmetric = "served"\nby = ["region"]\non_segment = "isolate"\n'


def test_a_ring_keeps_what_it_has_while_everybody_grows() -> None:
    """The share of a stage is what is exposed: eu has a fifth while everybody gets a tenth."""
    settings = read_settings(EXAMPLE, "config.toml", FULL_VOCABULARY)
    plan = read_spec(HEAD + RING + REST + GATE, "rings.toml", settings).plan
    assert plan.segments == Segments("x-region", "region", ("internal", "eu", "us", "apac"))
    assert [stage.share for stage in plan.stages] == [
        Share(0, (("eu", 2_000),)),
        Share(1_000, (("eu", 2_000),)),
        Share(9_900),
    ]
    assert [str(stage.own_share) for stage in plan.stages] == ["20%", "10%", "99%"]
    assert (plan.gates[0].by, plan.gates[0].on_segment) == ("region", OnSegment.ISOLATE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RING.replace("eu", "mars") + REST + GATE, "There is no segment mars"),
        (RING + REST + GATE.replace("region", "tier"), "judged by tier"),
        (RING + REST + '[[gate]]\nmetric = "served"\n', "needs by ="),
        (RING.replace("20%", "100%") + REST + GATE, "needs a limit"),
        (RING + REST + GATE.replace('by = ["region"]', ""), "can isolate a segment only"),
        (REST + GATE + RING.replace("[[stage]]", "[[stage]]\nholdback = '1%'"), "The last stage is the watch"),
    ],
)
def test_a_plan_that_cannot_be_judged_is_refused(text: str, said: str) -> None:
    """At the check of the plan, before anybody is exposed."""
    with pytest.raises(SettingsError) as refusal:
        read_spec(HEAD + text, "rings.toml", read_settings(EXAMPLE, "config.toml", FULL_VOCABULARY))
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('segment_header = "x-region"', 'segment_header = "x region"', "A segment's header is"),
        ('"internal", "eu"', '"eu", "eu"', "named twice"),
        ('"internal", "eu"', '"other", "eu"', "needs no name"),
        ('segments = ["internal", "eu", "us", "apac"]', "segments = []", "has 1 to"),
    ],
)
def test_a_route_that_cannot_tell_its_users_apart_is_refused(old: str, new: str, said: str) -> None:
    """With the key and what was expected."""
    assert old in EXAMPLE
    with pytest.raises(SettingsError, match=said):
        read_settings(EXAMPLE.replace(old, new), "config.toml", FULL_VOCABULARY)
