"""A recommendation as the JSON object that scripts get: fields in, fields out. It decides nothing itself."""

from __future__ import annotations

from dataclasses import asdict

from rolloutd.core.analysis.first_stage import FIRST_SHARE, FIRST_STAGE_H, time_to_safety, time_to_see, unseen_ratio
from rolloutd.core.analysis.recommendation import recommend
from rolloutd.core.analysis.situation import Situation
from rolloutd.core.forecast.values import Span

SCHEMA = "rollout.recommendation/1"
REASON_MAX = 500


def recommendation(asked: Situation, faster_h: float | None = None) -> dict[str, object]:
    """The answer with its rule, the runner-up, and what would go unseen; ``faster_h`` changes only the last of them."""
    found = recommend(asked)
    runner_up = f"{found.runner_up.strategy} ({found.runner_up.rule})"
    reason = f"recommended {found.answer.strategy} by rule {found.answer.rule}: {found.answer.because}"
    faster = None
    if faster_h is not None:
        faster = {"hours": faster_h, "unseen_ratio": unseen_ratio(asked, faster_h)}
    return {
        "schema": SCHEMA,
        **asdict(found.answer),
        "runner_up": asdict(found.runner_up),
        "notes": list(found.notes),
        "reason": f"{reason}; runner-up {runner_up}"[:REASON_MAX],
        "unseen": {"hours": FIRST_STAGE_H, "unseen_ratio": unseen_ratio(asked, FIRST_STAGE_H)},
        "forecast": {
            "share": FIRST_SHARE,
            "decides_h": _span(time_to_safety(asked, FIRST_SHARE)),
            "twice_h": _span(time_to_see(asked, 2.0, FIRST_SHARE)),
        },
        "faster": faster,
    }


def _span(found: Span | None) -> dict[str, float] | None:
    return None if found is None else {"mean": found.mean, "p90": found.p90}
