"""The four stories of the simulated demo as data, and the files they are written in; nothing is started here.

Only margins, rates, shares and times are the demo's own. alpha and beta are the shipped ones, so they stand nowhere.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

RPS = 400
"""Requests a second on each route."""
CHAMPION_ERRORS, CHALLENGER_ERRORS, FAULTY_ERRORS, DRILL_ERRORS = 0.05, 0.04, 0.16, 0.088
LIMIT, HARM_RATIO, ACCEPT_RATIO = "30%", 1.2, 2.0
STAGES = (("canary", "10%", "12s"), ("half", "50%", "8s"), ("watch", "100%", "8s"))
DRILL_STAGE = ("canary", "10%", "90s")
HOLDBACK = "10%"
TICK, EVERY = "500ms", "250ms"
WARM_UP, WINDOW_TICKS, MIN_TICKS, BLIND_RECEDE = "2s", 6, 10, 12
BY_HAND_BP = 4_000
FAULT_AFTER_S = 5.0
"""From the moment the router in memory shows the first stage's share."""
ROUTER, SOURCE, METRIC = "made-up", "counters", "errors"


class Fault(StrEnum):
    """What goes wrong with a challenger."""

    NONE = "nothing goes wrong"
    ERRORS = "it begins to fail more requests"
    BLIND = "its counters can no longer be read"
    BY_HAND = "somebody raises its share by hand"


@dataclass(frozen=True, slots=True)
class Story:
    """One route, which is also its model's name, what goes wrong on it, and how its rollout must end.

    It does so ``after_s`` of traffic; ``errors`` is the challenger's rate from then on, where that is what goes wrong.
    ``tells``: whether the record says what will. ``hurt`` is the region whose users alone it goes wrong for; with it
    the route tells its users apart by region.
    """

    route: str
    fault: Fault
    outcome: str
    share: float
    errors: float = FAULTY_ERRORS
    after_s: float = FAULT_AFTER_S
    tells: bool = True
    hurt: str = ""
    rps: int = RPS


# What is to be seen first stands first.
STORIES = (
    Story("harmful", Fault.ERRORS, "rolled_back", 0.0),
    Story("healthy", Fault.NONE, "done", 1.0),
    Story("blind", Fault.BLIND, "held", 0.0),
    Story("drifting", Fault.BY_HAND, "done", 1.0),
)
FREE = Story("yours", Fault.NONE, "", 0.0)
"""A route that nobody has: v2 waits in its other slot for whoever starts a rollout from the screen."""
REGIONS = ("eu", "us", "apac")
"""Segments of a route that tells its users apart; as many users again are in none of them."""
OTHER = "other"
NAMES = (
    "ads-ctr", "churn", "eta-model", "feed-rank", "fraud-score", "invoice-ocr", "price-elastic", "query-spell",
    "ranker", "search-embed", "spam-filter", "translate",
)  # fmt: skip


def cast(seed: int, *, drill: bool) -> tuple[Story, ...]:
    """The stories; in a drill under everyday names by chance, in any order, and with harm that can be forestalled.

    In a drill it is one region that suffers, another one each time.
    """
    if not drill:
        return STORIES
    chance = random.Random(seed)
    names = chance.sample(NAMES, len(STORIES))
    slow = replace(STORIES[0], errors=DRILL_ERRORS, after_s=0.0, hurt=chance.choice(REGIONS), rps=4 * RPS)
    told = [replace(one, route=name, tells=False) for one, name in zip((slow, *STORIES[1:]), names, strict=True)]
    chance.shuffle(told)
    return tuple(told)


def arm(route: str, slot: str) -> str:
    """What the counters call a slot of a route."""
    return f"{route}-{slot}"


def config_text(folder: Path, group: str, stories: Sequence[Story] = STORIES) -> str:
    """The daemon's configuration, TOML. Its probe addresses are never asked."""
    parts = [
        f'[daemon]\nstate_dir = "{folder}/state"\ntick = "{TICK}"',
        f'[sockets]\ndir = "{folder}/run"\ngroup = "{group}"',
        f'[policy]\nallow_short_times = true\ndefault_strategy = "demo"\nholdback = "{HOLDBACK}"',
        f'[routers.{ROUTER}]\nkind = "memory"\nlease = "10s"',
        f'[sources.{SOURCE}]\nkind = "memory"\nevery = "{EVERY}"',
        _metric(),
        *map(_route, (*stories, FREE)),
        _strategy(STAGES if stories[0].tells else (DRILL_STAGE, *STAGES[1:])),
    ]
    return "\n\n".join(parts) + "\n"


def spec(story: Story, name: str, champion: str, challenger: str) -> Mapping[str, object]:
    """A rollout as the body of a request."""
    rollout = {
        "name": name,
        "model": story.route,
        "route": story.route,
        "champion": champion,
        "challenger": challenger,
        "reason": f"the simulated demo: {story.fault.value}" if story.tells else "a drill of the simulated demo",
    }
    gate = {
        "metric": METRIC,
        "limit": LIMIT,
        "harm": {"ratio": HARM_RATIO},
        "accept": {"ratio": ACCEPT_RATIO},
        **({"by": ["region"]} if story.hurt else {}),
    }
    return {"rollout": rollout, "gate": [gate]}


def figures() -> str:
    """What a person must know to judge what follows."""
    shares = ", ".join(f"{share} for at least {time}" for _, share, time in STAGES)
    return (
        f"SIMULATED: the daemon is the real one; routers, servers and users are made up.\n"
        f"Each of {len(STORIES)} routes gets {RPS} requests a second. Champions fail {CHAMPION_ERRORS:.0%} of them, "
        f"challengers {CHALLENGER_ERRORS:.0%}, the harmful one {FAULTY_ERRORS:.0%}.\n"
        f"Stages: {shares}, with {HOLDBACK} held back at the end. Checked every {TICK}; warm-up {WARM_UP}.\n"
        f"Margins: harm beyond x{HARM_RATIO:g}, accepted below x{ACCEPT_RATIO:g}, never above {LIMIT}. "
        "alpha and beta as shipped."
    )


def _metric() -> str:
    counted = 'total = { series = "requests_total" }\nbad = { series = "requests_failed_total" }'
    return f'[metrics.{METRIC}]\nsource = "{SOURCE}"\narm_label = "slot"\n{counted}'


def _route(story: Story) -> str:
    route = story.route
    told = f'segment_header = "x-region"\nsegment_label = "region"\nsegments = {json.dumps(REGIONS)}'
    slots = [
        f'[routes.{route}.slots.{slot}]\narm = "{arm(route, slot)}"\nprobe_url = "http://127.0.0.1:9/{slot}"'
        for slot in ("a", "b")
    ]
    return "\n".join([f'[routes.{route}]\nrouter = "{ROUTER}"', *([told] if story.hurt else []), *slots])


def _strategy(stages: Sequence[tuple[str, str, str]]) -> str:
    head = (
        f'[strategies.demo]\ntick = "{TICK}"\nwarm_up = "{WARM_UP}"\nwindow_ticks = {WINDOW_TICKS}\n'
        f"blind_hold = 2\nblind_recede = {BLIND_RECEDE}"
    )
    told = [
        f"[[strategies.demo.stage]]\nname = {json.dumps(name)}\nshare = {json.dumps(share)}\n"
        f'min_time = {json.dumps(time)}\nmax_time = "2m"\nmin_ticks = {MIN_TICKS}\non_undecided = "extend"'
        for name, share, time in stages
    ]
    return "\n\n".join([head, *told])
