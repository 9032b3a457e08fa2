"""A report as a daemon would send it, for the tests of what is made of one; its words can be hostile."""

from __future__ import annotations

from rolloutd.pictures import Series, SeriesPoint
from rolloutd.wire import TimelineEntry
from rolloutd.wire_report import Report, ReportedCheck, ReportedGate, ReportedMoment, ReportedStage, WayBack

AT = "2026-01-02T03:13:{:02d}.000Z"


def a_report(name: str, word: str = "enough seen") -> Report:
    """A rollout that was rolled back from its second stage; ``word`` stands wherever people's words stand."""
    points = [
        SeriesPoint(at=AT.format(n), champion=0.01, challenger=None if n == 3 else 0.01 * n, champion_n=100)
        for n in range(9)
    ]
    entry = {"seq": 1, "version": 1, "via": "cli", "kind": "RolloutRequested"}
    return Report(
        name=name, model="ranker", route="ranker", champion="v41", challenger="v42", strategy="standard",
        phase="rolled_back", sentence=f"all traffic went back to v41, after 9s: {word}.", reason=word, rule="",
        started_by="ops1", started_at=AT.format(0), ended_at=AT.format(9), lasted_s=9.0, as_of=AT.format(9),
        confidence=0.95,
        stages=[
            ReportedStage(
                index=n, name=f"s{n}", share=share, entered_at=AT.format(n), confirmed_at=AT.format(n + 1), stayed_s=4.0
            )
            for n, share in enumerate((0.01, 0.1))
        ],
        gates=[
            ReportedGate(
                metric="errors", kind="proportion", champion_bad=10, champion_n=1000, challenger_bad=90,
                challenger_n=1000, champion=0.01, challenger=0.09, delta=0.08, range=(0.05, 0.11), said="fail",
            ),
            ReportedGate(
                metric="latency", kind="latency", champion_bad=0, champion_n=0, challenger_bad=0, challenger_n=0
            ),
        ],
        checks=[ReportedCheck(check="offline", passed=True, detail=word, by="rolloutd")],
        overrides=[ReportedMoment(at=AT.format(2), what="OVERRIDE past gate:latency", why=word, by="sr1")],
        pauses=[ReportedMoment(at=AT.format(3), what="held (person)", why=word, by="ops1", lasted_s=2.0)],
        incidents=[],
        way_back=WayBack(
            decided_at=AT.format(8), asked_at=AT.format(8), zero_at=AT.format(9), took_s=0.84, cause="harm",
            requests=1000,
        ),
        series=[Series(name=name, metric="errors", points=points)],
        timeline=[TimelineEntry(at=AT.format(0), who="ops1", what=f"requested {word}", why=word, **entry)],
    )  # fmt: skip
