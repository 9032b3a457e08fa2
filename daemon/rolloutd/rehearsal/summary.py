"""Many rehearsals of one plan as odds, times and counts; a seed gives the same figures by any number of hands."""

from __future__ import annotations

import gc
import multiprocessing
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from math import ceil, sqrt
from typing import Any

from rolloutd.core.plan import Spec
from rolloutd.rehearsal.runs import PROMOTION, ROLLBACK, UNDECIDED, Run, rehearse
from rolloutd.rehearsal.traffic import Assumed

SCHEMA = "rollout.simulation/1"
_WORTH_HANDS = 8
Told = dict[str, Any]


def rehearse_all(spec: Spec, assumed: Assumed, seed: int, runs: int, hands: int) -> list[Run]:
    """So many rollouts, in their order. ``hands`` is how many processes share them."""
    seeds = [f"{seed}/{number}" for number in range(runs)]
    one = partial(rehearse, spec, assumed)
    if hands <= 1 or runs < _WORTH_HANDS:
        return [one(each) for each in seeds]
    with multiprocessing.get_context("spawn").Pool(hands, _collect_seldom) as pool:
        return pool.map(one, seeds, chunksize=max(1, runs // (8 * hands)))


def _collect_seldom() -> None:
    """A run makes many small things that live until its end; looking through them often costs a quarter of the time."""
    gc.set_threshold(50_000, 20, 20)


def summary(spec: Spec, assumed: Assumed, seed: int, found: Sequence[Run], per_user: float) -> Told:
    """The odds of each end, and what it took to get there."""
    by = {kind: [one for one in found if one.outcome == kind] for kind in (ROLLBACK, PROMOTION, UNDECIDED)}
    requests = [one.requests for one in found]
    return {
        "schema": SCHEMA,
        "name": spec.name,
        "strategy": spec.plan.strategy,
        "seed": seed,
        "runs": len(found),
        "traffic": _traffic(assumed),
        **{kind: _end(ends, len(found)) for kind, ends in by.items()},
        "rolled_back_by": dict(Counter(one.metric for one in by[ROLLBACK] if one.metric is not None).most_common()),
        "undecided_because": dict(Counter(one.reason for one in by[UNDECIDED]).most_common(5)),
        "exposed": {
            "requests": _spread(requests),
            "users": _spread([number / per_user for number in requests]),
            "requests_per_user": per_user,
            "bad_answers": {gate.metric: _spread([one.bad[gate.metric] for one in found]) for gate in spec.plan.gates},
        },
        "stages": [_stage(spec, index, found) for index in range(len(spec.plan.stages))],
    }


def _traffic(assumed: Assumed) -> Told:
    nuisance = assumed.nuisance
    return {
        "rps": assumed.rps,
        "rates": {
            metric: {"champion": rates.champion, "challenger": rates.challenger}
            for metric, rates in assumed.rates.items()
        },
        "onset_s": assumed.onset_ms / 1000,
        "nuisance": {
            "bursts": nuisance.bursts,
            "diurnal": nuisance.diurnal,
            "mix_shift": nuisance.mix_shift,
            "resets": nuisance.resets,
        },
    }


def _end(ends: Sequence[Run], runs: int) -> Told:
    odds = len(ends) / runs
    return {
        "odds": odds,
        "odds_error": sqrt(odds * (1.0 - odds) / runs),
        "count": len(ends),
        "time_s": _spread([one.time_ms / 1000 for one in ends]),
        "requests": _spread([one.requests for one in ends]),
    }


def _stage(spec: Spec, index: int, found: Sequence[Run]) -> Told:
    stays = [stage for one in found for stage in one.stages if stage.index == index]
    up = [(one, stage) for one in found for stage in one.stages if stage.index == index and stage.left_ms is not None]
    passed = [stage.left_ms / 1000 for one, stage in up if _went_up(one, index) and stage.left_ms is not None]
    gates = {}
    for gate in spec.plan.gates:
        times = [stay.passed[gate.metric] for stay in stays if gate.metric in stay.passed]
        gates[gate.metric] = {
            "passed": len(times),
            "time_s": _spread([time_ms / 1000 for time_ms, _ in times]),
            "requests": _spread([number for _, number in times]),
        }
    stage = spec.plan.stages[index]
    return {
        "name": stage.name,
        "share": stage.share.fraction,
        "reached": len(stays),
        "passed": len(passed),
        "stay_s": _spread(passed),
        "gates": gates,
    }


def _went_up(one: Run, index: int) -> bool:
    """Whether the stage was left upwards: a later one was reached, or it was the last and the rollout is done."""
    return one.stages[-1].index > index or one.outcome == PROMOTION


def _spread(values: Iterable[float]) -> Told | None:
    """Mean, median and ninth decile; None of nothing."""
    row = sorted(values)
    if not row:
        return None
    return {"mean": sum(row) / len(row), "p50": row[_place(0.5, row)], "p90": row[_place(0.9, row)]}


def _place(part: float, row: Sequence[float]) -> int:
    return max(0, ceil(part * len(row)) - 1)
