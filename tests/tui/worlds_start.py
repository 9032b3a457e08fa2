"""What the daemon says before a start, made up for tests of the wizard: two routes, three strategies, two metrics."""

from __future__ import annotations

from dataclasses import replace

from rollout_tui.wizard import Page, Wizard
from rolloutd.wire import ActionDone
from rolloutd.wire_daemon import Check, Doctor
from rolloutd.wire_plan import (
    GateOutlook,
    MeanP90,
    MetricSeen,
    PlanOutlook,
    Recommendation,
    Recommended,
    StageOutlook,
    Unseen,
)
from rolloutd.wire_start import Advice, Choices, MetricChoice, RouteChoice, StrategyChoice, VersionChoice

AS_OF = "2026-01-02T03:13:04Z"
MARGINS = "harm x1, accept x1.5"


def choices() -> Choices:
    """The ranker is in use; the scorer is free, its next version loaded, another one in the registry."""
    loaded = VersionChoice(version="v8", found="the other slot")
    kept = VersionChoice(version="v9", found="registry models", ready=False)
    return Choices(
        as_of=AS_OF,
        routes=[
            RouteChoice(name="ranker", model="ranker", champion="v41", live="ranker-v42"),
            RouteChoice(
                name="scorer", model="Scorer/EU", champion="v7", versions=[loaded, kept], segments=["eu", "other"],
                gates=["errors"],
            ),
        ],
        strategies=[
            StrategyChoice(name="standard", stages="1% > 10% > 50% > 99%", least_s=7_200, most_s=28_800),
            StrategyChoice(
                name="careful", stages="shadow of 100% > 1% > 99%", least_s=86_400, most_s=604_800, gates=["agreement"]
            ),
        ],
        metrics=[
            MetricChoice(name="errors", kind="proportion", margins=MARGINS),
            MetricChoice(name="latency", kind="latency", margins=MARGINS),
            MetricChoice(name="agreement", kind="agreement", margins="", of_pairs=True),
        ],
        standard="standard",
    )  # fmt: skip


def advice(strategy: str = "standard", here: str = "standard") -> Advice:
    """The rules' answer at 412 requests a second."""
    runner_up = Recommended(
        strategy="shadow-canary", stages="shadow > 1% > 10% > 50% > 100%", lasts="1 to 2 weeks", rule="more-careful",
        because="where something about this update worries you",
    )  # fmt: skip
    told = f"The strategy {here} carries it out." if here else f"No strategy of this shape ({strategy}) is configured."
    best = Recommendation(
        strategy=strategy, stages="1% > 10% > 50% > 100%", lasts="2 to 8 hours", rule=strategy,
        because="a standard update with enough traffic to decide at 1%", runner_up=runner_up, notes=[],
        reason=f"recommended {strategy} by its rule", unseen=Unseen(hours=3.0, unseen_ratio=1.36), faster=None,
    )  # fmt: skip
    seen = MetricSeen(metric="errors", rps=412.0, champion_rate=0.01, basis="measured over 10 s")
    return Advice(
        route="scorer", metric="errors", traffic=seen, recommendation=best, strategy=here, carried_out=told
    )  # fmt: skip


def outlook() -> PlanOutlook:
    """Four stages that decide in time."""
    span, stages = MeanP90(mean=1_800.0, p90=2_400.0), []
    for index, (name, share) in enumerate((("canary", 0.01), ("tenth", 0.1), ("half", 0.5), ("watch", 0.99))):
        gate = GateOutlook(
            metric="errors", on_fail="rollback", harm_margin="x1", accept_margin="x1.5", requests=span, time_s=span,
            odds_in_time=0.99, smallest_harm=1.22, smallest_harm_rate=0.0122, twice_s=span,
        )  # fmt: skip
        stages.append(
            StageOutlook(
                index=index, name=name, share=share, rps=412 * share, min_s=1_800, max_s=10_800, on_undecided="ask",
                stay_s=span, requests=MeanP90(mean=7_000.0 * share * 100, p90=9_000.0 * share * 100), slowest="errors",
                odds_in_time=0.99, decides=True, gates=[gate],
            )
        )  # fmt: skip
    return PlanOutlook(
        name="scorer-eu-v8", route="scorer", strategy="standard", decision="go", rule="", alpha=0.01, beta=0.05,
        tick_s=10.0, traffic=[MetricSeen(metric="errors", rps=412.0, champion_rate=0.01)], stages=stages,
        total_s=MeanP90(mean=7_200.0, p90=9_600.0), odds_in_time=0.97, blind_hold_s=10.0, blind_recede_s=200.0,
    )  # fmt: skip


def dry_run(*, accepted: bool = True, message: str = "It is in order.") -> ActionDone:
    """What the daemon answers to a dry run."""
    return ActionDone(
        name="scorer-eu-v8", action="start", accepted=accepted, revision=0, by="ops1", router_confirmed=False,
        took_s=1.0, message=message, plan=outlook(),
    )  # fmt: skip


def doctor(*, up: bool = True) -> Doctor:
    """The route and its slots; another route's trouble is no matter here."""
    return Doctor(
        ok=up,
        checks=[
            Check(name="route scorer", ok=True, detail="memory: base a"),
            Check(name="slot scorer/a", ok=True, detail="up, serves v7"),
            Check(name="slot scorer/b", ok=up, detail="up, serves v8" if up else "connection refused"),
            Check(name="slot ranker/b", ok=False, detail="connection refused"),
        ],
    )


def wizard(page: Page = Page.WHAT, **given: str) -> Wizard:
    """The wizard on a page, with all that the daemon says there."""
    made = Wizard(choices(), page, given=given)
    made = replace(made, advised=made.answers(), advice=advice())
    checks = tuple(one for one in doctor().checks if "scorer" in one.name)
    return replace(made, tried=made.spec(), dry=dry_run(), checks=checks)
