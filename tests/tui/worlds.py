"""Made-up fleets and rollouts for the screen's tests, each state at least once. They only fill the wire's models."""

from __future__ import annotations

from dataclasses import replace

from rollout_tui.papers import Papers
from rolloutd.pictures import Past, Plan, PlanGate, PlanStage, Series, SeriesPoint
from rolloutd.wire import (
    Age,
    Fleet,
    FleetRow,
    GateNow,
    Next,
    OnNew,
    Override,
    Samples,
    StageNow,
    StageRow,
    Status,
    Timeline,
    TimelineEntry,
    Why,
)
from rolloutd.wire_daemon import Heartbeat, Hello, SourceAge  # fmt: skip

AS_OF = "2026-01-02T03:13:04Z"


def hello(role: str = "operator", boot: str = "boot-1", *, read_only: bool = False) -> Hello:
    """The first message of a stream."""
    return Hello(
        boot_id=boot, version="0.1.0", host="deploy-1", who="ops1", role=role, read_only=read_only, as_of=AS_OF
    )


def heartbeat(seq: int = 1, boot: str = "boot-1", prom_s: float = 8.0) -> Heartbeat:
    """One beat with a source and a router."""
    return Heartbeat(
        as_of=AS_OF,
        boot_id=boot,
        seq=seq,
        sources=[SourceAge(name="prom-a", age_s=prom_s, every_s=15)],
        routers=[SourceAge(name="envoy-1", age_s=2.0, every_s=10)],
        here=["ops2", "ops3"],
    )


def row(name: str, state: str, asked: float, **more: object) -> FleetRow:
    """One line of the fleet."""
    word = state.replace("_", " ")
    known: dict[str, object] = {
        "name": name, "model": name, "champion": "v41", "challenger": "v42", "state": state, "phase": "running",
        "revision": 300, "needs_you": word in {"not obeyed", "going back", "harm", "blind", "drift", "asks you"},
        "ended": word in {"done", "aborted", "rolled back", "refused"}, "stage": 1, "stages": 4, "asked": asked,
        "observed": asked, "worst": "none", "next": "50% in ~1h52m", "who": "ci", "as_of": AS_OF,
    }  # fmt: skip
    return FleetRow.model_validate({**known, **more})


def fleet() -> Fleet:
    """Twelve rollouts, every kind of trouble among them."""
    rows = [
        row("fraud-score", "not_obeyed", 0.0, observed=0.1, worst="router ignored 3 requests", next="retrying, 41 s"),
        row("ranker", "harm", 0.1, worst="latency +6.10pp  harm 89%", next="back by itself ~4m", who="ops2"),
        row("spam-filter", "blind", 0.01, worst="accuracy: no data for 6m12s", next="held until data", who="-"),
        row("price-elastic", "asks_you", 0.5, worst="undecided at max time 48h", next="choose: m or a", who="-"),
        row("eta-model", "paused", 0.5, next="ops2 paused 2h03m", who="ops2"),
        row("search-embed", "collecting", 0.01, worst="ctr -0.20pp  harm 11%", next="10% in ~38m"),
        row("ads-ctr", "collecting", 0.1),
        row("feed-rank", "clear", 0.5, next="100% at 04:12"),
        row("invoice-ocr", "drift", 0.0, observed=0.02, next="put back at once"),
        row("query-spell", "done", 1.0, next="finished 02:51"),
        row("notify-time", "rolled_back", 0.0, worst="error_rate +0.90pp", next="ended 01:17", who="auto"),
        row("churn", "going_back", 0.0, observed=0.1, worst="auc -0.10pp", next="router not yet at 0%"),
    ]
    return Fleet(as_of=AS_OF, rollouts=rows, total=len(rows), needs_you=sum(one.needs_you for one in rows))


def gate(metric: str, state: str, harm: float, safe: float, **more: object) -> GateNow:
    """One gate."""
    known: dict[str, object] = {
        "metric": metric, "kind": "proportion", "state": state, "champion": 0.0041, "challenger": 0.0042,
        "delta": 0.0001, "range": (-0.0003, 0.0005), "harm_evidence": harm, "safe_evidence": safe,
        "samples": Samples(champion=918_440, challenger=101_873), "data_age_s": 8.0,
    }  # fmt: skip
    return GateNow.model_validate({**known, **more})


LATENCY = gate(
    "latency", "collecting", 0.89, 0.0, kind="latency", champion=0.012, challenger=0.073, delta=0.061,
    range=(0.029, 0.093), slo_ms=250,
)  # fmt: skip
ERRORS = gate("error_rate", "collecting", 0.08, 0.82)
CTR = gate("ctr", "pass", 0.0, 1.0, champion=0.0481, challenger=0.0484, delta=0.0003, range=(-0.0004, 0.0011))
BLIND = gate(
    "accuracy", "blind", 0.0, 0.0, champion=None, challenger=None, delta=None, range=None, data_age_s=372.0,
    blind_reason="target-down",
)  # fmt: skip
FAIL = gate("latency", "fail", 1.0, 0.0, champion=0.012, challenger=0.073, delta=0.061, range=(0.029, 0.093))


def stage_rows() -> list[StageRow]:
    """A ladder of four, the second running."""
    return [
        StageRow(
            index=0, name="canary", share=0.01, min_s=1800, max_s=7200, result="passed", elapsed_s=1860,
            entered_at="2026-01-02T01:42:00Z", left_at="2026-01-02T02:13:00Z", champion_n=402_118, challenger_n=4_061,
        ),
        StageRow(
            index=1, name="tenth", share=0.1, min_s=7200, max_s=14_400, result="running", elapsed_s=3600,
            entered_at="2026-01-02T02:13:00Z", champion_n=918_440, challenger_n=101_873,
        ),
        StageRow(index=2, name="half", share=0.5, min_s=7200, max_s=14_400, result=""),
        StageRow(index=3, name="watch", share=1.0, min_s=86_400, max_s=172_800, result=""),
    ]  # fmt: skip


def entry(seq: int, who: str, what: str, why: str = "-") -> TimelineEntry:
    """One line of the record."""
    return TimelineEntry(
        seq=seq, version=seq, at=f"2026-01-02T03:{seq % 60:02d}:07Z", who=who, via="cli" if who != "daemon" else "",
        kind="x", what=what, why=why,
    )  # fmt: skip


RECORD = [
    entry(1, "daemon", "went up to 10%", "5 of 5 gates passed"),
    entry(2, "daemon", "latency harm passed 50%"),
    entry(11, "ops2", "claimed this"),
]


def status(state: str = "harm", gates: list[GateNow] | None = None, **more: object) -> Status:
    """One rollout at 10 %, with harm in its latency unless told otherwise."""
    known: dict[str, object] = {
        "name": "ranker", "model": "ranker", "route": "ranker", "revision": 317, "state": state, "phase": "running",
        "as_of": AS_OF, "started_at": "2026-01-02T01:02:00Z", "started_by": "ci", "age_s": Age(router=2.1, metrics=8.0),
        "champion": "v41", "challenger": "v42", "strategy": "canary", "needs_you": state == "harm",
        "stage": StageNow(index=1, count=4, name="tenth", elapsed_s=3600, min_s=7200, max_s=14_400),
        "stages": stage_rows(), "on_new": OnNew(asked=0.1, observed=0.1, confirmed=0.1, confirmed_is_asked=True),
        "gates": [LATENCY, ERRORS, CTR] if gates is None else gates,
        "next": Next(
            action="rollback", by="trigger:latency", eta_s=240,
            sentence="Goes back by itself when latency harm reaches 100% (89% now, about 4 min at this rate).",
        ),
        "blocked_by": ["gate:latency", "min_time"], "alpha": 0.01, "beta": 0.05, "tick_s": 10.0,
        "claimed_by": "ops2", "breach_to_zero_s": 11.2,
        "breach_parts": "read every 10s + query 1.15s + router 0.05s", "router_engine": "envoy", "last": RECORD,
    }  # fmt: skip
    return Status.model_validate({**known, **more})


def ready(gates: list[GateNow] | None = None, **more: object) -> Status:
    """A rollout that may go up: all gates pass, the minimum time is over."""
    later = StageNow(index=1, count=4, name="tenth", elapsed_s=7300, min_s=7200, max_s=14_400)
    nothing = Next(action="promote", by="gates", sentence="Goes up to 50% with the next check.")
    return status("clear", gates or [CTR], **{"stage": later, "next": nothing, "blocked_by": [], **more})


def lowered(gates: list[GateNow] | None = None, **more: object) -> Status:
    """Somebody has set 4 % by hand where the plan has 10 %; the rollout stands there and asks."""
    share = OnNew(asked=0.04, observed=0.04, confirmed=0.04, confirmed_is_asked=True)
    by_hand = "somebody lowered the share to 4% outside of rolloutd; it is kept"
    asks = Next(action="wait", by="person", sentence="Waits for a person: somebody lowered the share by hand.")
    known: dict[str, object] = {
        "phase": "held",
        "on_new": share,
        "held_because": by_hand,
        "blocked_by": ["held"],
        "next": asks,
    }
    return status("drift", gates or [CTR], **{**known, **more})


def overridden() -> Status:
    """A rollout that a person took past a gate."""
    told = Override(by="sr1", at=AS_OF, gates=["latency"], reason="known cold cache, see ticket 88")
    return status(overrides=[told])


def timeline() -> Timeline:
    """The record of the ranker."""
    return Timeline(name="ranker", revision=317, entries=RECORD)


def series(metric: str, old: float, new: float) -> Series:
    """Two hours of a metric, a point a minute, with a gap after the first hour; the challenger drifts to ``new``."""
    points = []
    for minute in range(120):  # a range was kept from the 20th on, at every second one, anew from the stage at the 60th
        if 60 <= minute < 70:
            continue
        at = f"2026-01-02T{1 + (13 + minute) // 60:02d}:{(13 + minute) % 60:02d}:00Z"
        wave = 0.1 * old * ((minute * 7) % 5 - 2) / 2
        now = old + (new - old) * minute / 119
        kept = minute >= 20 and minute % 2 == 0
        half, so_far = 0.6 * old / (minute % 60 + 1) ** 0.5 + 0.1 * old, (new - old) * minute / 240
        band = {"delta": so_far, "low": so_far - half, "high": so_far + half} if kept else {}
        points.append(
            SeriesPoint(**band, at=at, champion=old + wave, challenger=now - wave, champion_n=9000, challenger_n=1000,
                        champion_bad=9000 * (old + wave), challenger_bad=1000 * (now - wave))
        )  # fmt: skip
    return Series(name="ranker", metric=metric, points=points, every_s=60)


def plan() -> Plan:
    """The plan of the ranker."""
    stages = [
        PlanStage(index=k, name=one.name, share=one.share, min_s=one.min_s, max_s=one.max_s, min_ticks=30,
                  on_undecided="ask" if k < 2 else "rollback", approval=k == 3)
        for k, one in enumerate(stage_rows())
    ]  # fmt: skip
    gates = [
        PlanGate(metric="latency", kind="latency", source="prom-a", every_s=10, max_age_s=30, harm_margin="x1.5",
                 accept_margin="x1.2", slo_ms=250, weight=0.5),
        PlanGate(metric="error_rate", kind="proportion", source="prom-a", every_s=10, max_age_s=30, harm_margin="x2",
                 accept_margin="+0.2pp", limit=0.05, weight=0.5),
        PlanGate(metric="ctr", kind="proportion", source="prom-b", every_s=10, max_age_s=30, harm_margin="+1pp",
                 accept_margin="+0.5pp", on_fail="observe"),
    ]  # fmt: skip
    return Plan(
        name="ranker", strategy="canary", change="standard", reason="build 8812", alpha=0.01, beta=0.05, tick_s=10,
        warm_up_s=300, window_s=300, blind_hold_s=10, blind_recede_s=200, lease_s=60, stages=stages, gates=gates,
    )  # fmt: skip


def past() -> Past:
    """The ranker after its second entry."""
    then = status("collecting", [], revision=2, blocked_by=[], claimed_by=None, overrides=[])
    return Past(
        name="ranker", seq=2, at="2026-01-02T03:02:07Z", status=then, said={"ctr": "pass"},
        then="540s later: looks at this",
    )  # fmt: skip


def papers(**more: object) -> Papers:
    """Everything that can be read beside the streams."""
    courses = {"latency": series("latency", 0.012, 0.073), "error_rate": series("error_rate", 0.0041, 0.0042),
               "ctr": series("ctr", 0.0481, 0.0484)}  # fmt: skip
    known: dict[str, object] = {"plan": plan(), "series": courses, "timeline": timeline()}
    return replace(Papers(), **{**known, **more})  # type: ignore[arg-type]


def why() -> Why:
    """The decision in words."""
    lines = ["latency: harm is at 89% of what is needed to go back.", "Minimum time: 60 min left."]
    return Why(name="ranker", revision=317, state="harm", lines=lines, next=status().next)
